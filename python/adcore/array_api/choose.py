"""Functions that search, sort and find what is unique."""

from typing import NamedTuple

from adcore import ops
from adcore._core import Tensor, bool_, int64

from .arguments import require_array


def argmax(x, /, *, axis=None, keepdims=False):
    """Return where the largest element is, along an axis or of all."""
    return _extreme(ops.argmax, x, axis, keepdims)


def argmin(x, /, *, axis=None, keepdims=False):
    """Return where the smallest element is, along an axis or of all."""
    return _extreme(ops.argmin, x, axis, keepdims)


def _extreme(op, x, axis, keepdims):
    if axis is None:
        place = op(x.reshape((-1,)), 0)
        return place.reshape((1,) * x.ndim) if keepdims else place
    return op(x, axis, keepdims)


def nonzero(x, /):
    """Return the indices of the elements that are not zero, axis by axis."""
    require_array("nonzero", x=x)
    if x.ndim == 0:
        raise ValueError("nonzero: an array without axes has no indices.")
    return tuple(ops.nonzero(x, as_tuple=True))


def searchsorted(x1, x2, /, *, side="left", sorter=None):
    """Return where elements of `x2` would be put into the sorted `x1`."""
    return ops.searchsorted(x1, x2, side=side, sorter=sorter)


def where(condition, x1, x2, /):
    """Return elements of `x1` where the condition holds, of `x2` elsewhere."""
    return ops.where(condition, x1, x2)


# ---- sorting ---------------------------------------------------------------------------------------------------------


def argsort(x, /, *, axis=-1, descending=False, stable=True):
    """Return the indices that would sort an array along an axis."""
    return ops.argsort(x, axis, descending, stable=stable)


def sort(x, /, *, axis=-1, descending=False, stable=True):
    """Sort an array along an axis."""
    return ops.sort(x, axis, descending, stable=stable)[0]


# ---- what is unique --------------------------------------------------------------------------------------------------


class UniqueAll(NamedTuple):
    """What `unique_all` returns."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns."""

    values: Tensor
    inverse_indices: Tensor


def unique_all(x, /):
    """Return the different values, sorted, where each stands first, which one each element is, and how often each is.

    Every NaN is different from the others.
    """
    require_array("unique_all", x=x)
    flat = x.reshape((-1,))
    order = ops.argsort(flat, stable=True)
    ordered = flat[order]
    first = ops.ones((min(1, x.size),), bool_)
    is_new = ops.concat([first, ops.not_equal(ordered[1:], ordered[:-1])])
    starts = ops.nonzero(is_new, as_tuple=True)[0]
    inverse = ops.zeros((x.size,), int64)
    inverse[order] = ops.cumsum(is_new.astype(int64), 0) - 1
    counts = ops.concat([starts[1:], ops.full((min(1, x.size),), x.size, dtype=int64)]) - starts
    return UniqueAll(ordered[starts], order[starts], inverse.reshape(x.shape), counts)


def unique_counts(x, /):
    """Return the different values, and how often each is there."""
    values, _, _, counts = unique_all(x)
    return UniqueCounts(values, counts)


def unique_inverse(x, /):
    """Return the different values, and which of them each element is."""
    values, _, inverse, _ = unique_all(x)
    return UniqueInverse(values, inverse)


def unique_values(x, /):
    """Return the different values, sorted."""
    return unique_all(x).values


__all__ = [
    "argmax",
    "argmin",
    "argsort",
    "nonzero",
    "searchsorted",
    "sort",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
    "where",
]
