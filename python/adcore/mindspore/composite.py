"""Functions over functions, of ``mindspore.ops.composite``: dispatch by the kinds of arguments, and maps over trees."""

import functools

import adcore
from adcore import Parameter, Tensor
from adcore._context import without_meaning
from adcore.transforms.maps import HyperMap, Map

from . import dtypes

# The words for kinds of arguments, and what each means. A bool is also a Number, as in Python.
_KINDS = {
    "Bool": bool,
    "Int": int,
    "Float": float,
    "Number": (bool, int, float),
    "String": str,
    "Tuple": tuple,
    "List": list,
    "Dict": dict,
    "Dictionary": dict,
    "Tensor": Tensor,
    "Ref": Parameter,
    "Parameter": Parameter,
    "NoneType": type(None),
    "None": type(None),
    "TypeNone": type(None),
    "TypeType": adcore.dtype,
    "Slice": slice,
    "Ellipsis": type(...),
    "Any": object,
}


def _kind(word):
    """Return the Python types of a kind of arguments; a type is itself."""
    if isinstance(word, type):
        return word
    if isinstance(word, dtypes.Kind):
        word = word.word
    if word in ("Func", "Function"):
        return None
    if not isinstance(word, str) or word not in _KINDS:
        raise ValueError(f"MultitypeFuncGraph: there is no kind of arguments {word!r}; there are {', '.join(_KINDS)}.")
    return _KINDS[word]


def _is(value, kind):
    return callable(value) if kind is None else isinstance(value, kind)


class MultitypeFuncGraph:
    """A function that is several, one for each kind of arguments; the first that fits is called.

    Parameters
    ----------
    name : str
    read_value : bool
        Has no effect: a Parameter is its value.

    Examples
    --------
    >>> from adcore import Tensor
    >>> from adcore.mindspore import composite
    >>> sizes = composite.MultitypeFuncGraph("sizes")
    >>> @sizes.register("Number")
    ... def size_of_number(x):
    ...     return 1
    >>> @sizes.register("Tensor")
    ... def size_of_tensor(x):
    ...     return x.size
    >>> sizes(2.5), sizes(Tensor([1.0, 2.0]))
    (1, 2)
    """

    def __init__(self, name, read_value=False):
        self.name = name
        self.entries = []

    def register(self, *type_names):
        """Return a decorator for the function of arguments of these kinds: words such as "Tensor", or types."""
        kinds = tuple(map(_kind, type_names))

        def keep(function):
            self.entries.append((kinds, function))
            return function

        return keep

    def __call__(self, *args):
        """Call the first function whose kinds of arguments fit.

        Raises
        ------
        ValueError
            Where none does.
        """
        for kinds, function in self.entries:
            if len(kinds) == len(args) and all(map(_is, args, kinds)):
                return function(*args)
        given = ", ".join(type(value).__name__ for value in args)
        raise ValueError(f"MultitypeFuncGraph: no function of {self.name!r} takes ({given}).")

    def __repr__(self):
        return f"MultitypeFuncGraph({self.name!r})"


def add_flags(fn=None, **flags):
    """Return the function, or a decorator that does: flags of a graph's compiler have no effect.

    Examples
    --------
    >>> from adcore.mindspore import composite
    >>> @composite.add_flags(has_effect=True)
    ... def double(x):
    ...     return 2 * x
    >>> double(3)
    6
    """
    without_meaning("add_flags")
    return functools.partial(add_flags, **flags) if fn is None else fn


core = add_flags


def hyper_add(x, y):
    """Add corresponding leaves of trees.

    Examples
    --------
    >>> from adcore.mindspore import composite
    >>> composite.hyper_add((1, (2, 3)), (4, (5, 6)))
    (5, (7, 9))
    """
    return HyperMap(lambda a, b: a + b)(x, y)


def tail(x):
    """Return all but the first element.

    Examples
    --------
    >>> from adcore.mindspore import composite
    >>> composite.tail((1, 2, 3))
    (2, 3)
    """
    return x[1:]


__all__ = ["HyperMap", "Map", "MultitypeFuncGraph", "add_flags", "core", "hyper_add", "tail"]
