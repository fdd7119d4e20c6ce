"""Functions over functions, of ``mindspore.ops.composite``: dispatch by the kinds of arguments, and maps over trees."""

import functools

import adcore
from adcore import Parameter, Tensor
from adcore._context import without_meaning

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


class _Maps:
    def __init__(self, ops=None, reverse=False):
        if ops is not None and not callable(ops):
            raise TypeError(f"{type(self).__name__}: ops must be a function or None, got {type(ops).__name__}.")
        self.ops, self.reverse = ops, reverse

    def __call__(self, *args):
        """Call the function, the first argument unless the object has one, on corresponding elements."""
        function, *trees = args if self.ops is None else (self.ops, *args)
        if not callable(function) or not trees:
            raise TypeError(f"{type(self).__name__}: expected a function and at least one sequence.")
        return self._mapped(function, trees)

    def _along(self, function, trees):
        first = trees[0]
        lengths = {len(tree) if isinstance(tree, (tuple, list)) else None for tree in trees}
        if len(lengths) > 1:
            raise ValueError(f"{type(self).__name__}: the sequences must have the same length.")
        rows = list(zip(*trees))
        made = [function(*row) for row in (reversed(rows) if self.reverse else rows)]
        return (list if isinstance(first, list) else tuple)(reversed(made) if self.reverse else made)


class HyperMap(_Maps):
    """A map over tuples and lists of any depth: the function sees their leaves.

    Parameters
    ----------
    ops : callable, optional
        The function; otherwise it is the first argument of a call.
    reverse : bool
        Whether to call it from the last element to the first.

    Examples
    --------
    >>> from adcore.mindspore import composite
    >>> composite.HyperMap()(lambda a, b: a + b, (1, (2, 3)), (4, (5, 6)))
    (5, (7, 9))
    """

    def _mapped(self, function, trees):
        if not isinstance(trees[0], (tuple, list)):
            return function(*trees)
        return self._along(lambda *row: self._mapped(function, row), trees)


class Map(_Maps):
    """A map over the elements of tuples and lists, which may be tuples themselves; parameters as of `HyperMap`.

    Examples
    --------
    >>> from adcore.mindspore import composite
    >>> composite.Map()(lambda a, b: (a, b), (1, 2), (3, 4))
    ((1, 3), (2, 4))
    """

    def _mapped(self, function, trees):
        if not isinstance(trees[0], (tuple, list)):
            raise TypeError(f"Map: expected tuples or lists, got {type(trees[0]).__name__}.")
        return self._along(function, trees)


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
