"""What the constructors of layers ask of their arguments, and how they make Parameters of them.

Each function takes the name of the cell and that of the argument for the error, and returns the value.
"""

from .._core import Parameter, Tensor
from ..common.initializer import initializer


def of_type(types, words):
    """Return a check that lets pass what is of one of the types, which are told in words; a bool is no number."""

    def check(cell, name, value):
        if isinstance(value, bool) or not isinstance(value, types):
            raise TypeError(f"{cell}: {name} must be {words}, but got {type(value).__name__}.")
        return value

    return check


number = of_type((int, float), "a number")
real = of_type((int, float), "a float")
integer = of_type(int, "an int")


def flag(cell, name, value):
    """Let a bool pass."""
    if not isinstance(value, bool):
        raise TypeError(f"{cell}: {name} must be a bool, but got {type(value).__name__}.")
    return value


def fraction(cell, name, value):
    """Let a number from 0 to 1 pass."""
    real(cell, name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{cell}: {name} must be in [0, 1], but got {value}.")
    return value


def one_of(*words):
    """Return a check that lets one of the words pass."""
    *first, last = map(repr, words)

    def check(cell, name, value):
        if not any(value is word or value == word for word in words):
            raise ValueError(f"{cell}: {name} must be {', '.join(first)} or {last}, but got {value!r}.")
        return value

    return check


def positive(cell, name, size):
    """Let an int above 0 pass."""
    integer(cell, name, size)
    if size <= 0:
        raise ValueError(f"{cell}: {name} must be positive, but got {size}.")
    return size


def sizes(cell, name, value, n, least=1):
    """Return an int, or a tuple or list of n of them, as a tuple of n."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    values = values * n if len(values) == 1 else values
    for size in values:
        if isinstance(size, bool) or not isinstance(size, int):
            raise TypeError(f"{cell}: {name} must be an int or {n} of them, but got {value!r}.")
        if size < least:
            raise ValueError(f"{cell}: {name} must be at least {least}, but got {value!r}.")
    if len(values) != n:
        raise ValueError(f"{cell}: {name} must be an int or {n} of them, but got {value!r}.")
    return values


def parameter(cell, name, init, shape, dtype, requires_grad=True):
    """Make a Parameter of a Tensor, which must have the shape, or of what `initializer` takes."""
    if isinstance(init, Tensor) and tuple(init.shape) != shape:
        raise ValueError(f"{cell}: {name}_init must have shape {shape}, but got {tuple(init.shape)}.")
    return Parameter(initializer(init, shape, dtype), name=name, requires_grad=requires_grad)


def require_axes(cell, x, ranks, words):
    """Raise unless x is a Tensor with one of these numbers of axes."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{cell}: the input must be a Tensor, but got {type(x).__name__}.")
    if x.ndim not in ranks:
        raise ValueError(f"{cell}: the input must be {words}, but got the shape {tuple(x.shape)}.")
