"""How a composite is told: once, where it is written.

    @op(method=True, aliases=("clip",), samples=("clamp(x(3, 4), -1, 1)",))
    def clamp(input: Tensor, min: Number | None = None, max: Number | None = None) -> Tensor:

This makes `clamp` and `clip` functions of `adcore.ops` and methods of Tensor, writes their lines of the type stub, and
walks them through the laws of derivatives. A composite with ``cell="MSELoss"`` is also the class `adcore.nn.MSELoss`,
whose options are the parameters that have a default.

A module of composites names the page of reference on which they stand: `PAGE`.

The annotations are the words for kinds of arguments that the table of ops has, too, and two of this module. They say
what a type checker lets pass and what a cell checks when it is made; the composite itself checks what it is given.
"""

from collections.abc import Sequence
from functools import wraps

from adcore._advice import parameters_of, unknown_keyword
from adcore._core import Tensor, are_synonyms, dtype, require_writable, value_for_cell

Number = Tensor | float
dims = int | Sequence[int]
Lengths = Tensor | Sequence[int] | int
Reduction = str  # one of REDUCTIONS
BatchReduction = str  # one of REDUCTIONS, or "batchmean"
Fraction = float  # in [0, 1]

REDUCTIONS = ("mean", "sum", "none")

composites = {}  # name or alias -> function


def op(*, samples, aliases=(), method=False, cell=None):
    """Declare a composite.

    Parameters
    ----------
    samples : tuple of str
        Calls of it that have derivatives, in the language of tests/python/samples.py. Empty where it has none.
    aliases : tuple of str
        Further names.
    method : bool
        Whether it is a method of Tensor, by all of its names.
    cell : str, optional
        The class in adcore.nn that is the same as a cell.
    """

    def declare(function):
        function = _with_synonyms(function)
        function._samples, function._cell = samples, cell
        for name in (function.__name__, *aliases):
            composites[name] = function
            if method:
                setattr(Tensor, name, function)
        return function

    return declare


def _with_synonyms(function):
    """Take a keyword by any word of its parameter's family, as functions of the core do: axis, dim, keepdims, ...

    A function that has none of these words, nor a dtype, is called often: it stays as it is.
    """
    parameters = parameters_of(function)
    if parameters is None or not any(
        p == "dtype" or are_synonyms(p, word) for p in parameters for word in ("axis", "keepdims", "label")
    ):
        return function

    @wraps(function)
    def call(*args, **options):
        if options:
            options = {_parameter(function, parameters, name, options): value for name, value in options.items()}
        return function(*args, **options)

    return call


def _parameter(function, parameters, name, options):
    if name in parameters:
        return name
    meant = next((p for p in parameters if are_synonyms(p, name)), None)
    if meant is None:
        raise TypeError(unknown_keyword(function.__name__, name, parameters))
    if meant in options:
        raise TypeError(f"{function.__name__}: the arguments {meant} and {name} are the same.")
    return meant


def checked_dtype(op, value, default=None):
    """Return the dtype that an option gives, or the default for None."""
    if value is None:
        return default
    if not isinstance(value, dtype):
        raise TypeError(f"{op}: dtype must be one of adcore's, such as adcore.float32, got {value!r}.")
    return value


def require_tensor(op, name, value):
    """Raise a TypeError where an argument is no Tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{op}: {name} must be a Tensor, got {type(value).__name__}.")


def require_tensors(op, **tensors):
    """Raise a TypeError where one of several arguments is no Tensor."""
    for name, value in tensors.items():
        require_tensor(op, name, value)


def require_rank(op, rank, **tensors):
    """Raise a ValueError where one of several arguments has not so many axes."""
    require_tensors(op, **tensors)
    for name, value in tensors.items():
        if value.ndim != rank:
            words = {1: "a vector", 2: "a matrix", 3: "a batch of matrices"}
            raise ValueError(f"{op}: {name} must be {words[rank]}, got the shape {value.shape}.")


def broadcast_shape(op, *shapes):
    """Return the shape to which shapes broadcast."""
    rank = max(map(len, shapes), default=0)
    result = []
    for sizes in zip(*((1,) * (rank - len(shape)) + tuple(shape) for shape in shapes)):
        others = set(sizes) - {1}
        if len(others) > 1:
            raise ValueError(f"{op}: shapes {' and '.join(map(str, map(tuple, shapes)))} do not broadcast.")
        result.append(others.pop() if others else 1)
    return tuple(result)


def in_place(name, function, doc=None):
    """Return the method of Tensor that gives the Tensor what a function makes of it."""

    def method(self, *args, **options):
        require_writable(name, self)
        value = function(self, *args, **options)
        if value.shape != self.shape:
            raise ValueError(f"{name}: the Tensor keeps its shape {self.shape}, but the value is of {value.shape}.")
        return self._assign(value if value.dtype is self.dtype else value_for_cell(name, self, value))

    method.__name__ = name
    method.__doc__ = doc or f"Give the Tensor the value that ``{name[:-1]}`` makes of it, in place; arguments as there."
    return method
