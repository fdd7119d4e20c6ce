"""Arguments that the functions of the standard share."""

from adcore._core import Tensor


def require_array(op, **arrays):
    """Raise a TypeError where an argument is no Tensor."""
    for name, value in arrays.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{op}: {name} must be a Tensor, got {type(value).__name__}.")


def checked_axis(op, axis, rank, error=ValueError):
    """Return an axis as one of [0, rank)."""
    if not -rank <= axis < rank:
        raise error(f"{op}: axis {axis} is out of range for an array of {rank} dimensions.")
    return axis + rank if axis < 0 else axis


def lengths(shape):
    """Return a shape that may be one int as a tuple."""
    return (shape,) if isinstance(shape, int) else tuple(shape)


def without_axes(axis):
    """Say whether a reduction is over no axis at all, which an empty tuple does not mean in `adcore.ops`."""
    return isinstance(axis, (tuple, list)) and not axis
