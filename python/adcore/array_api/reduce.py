"""Functions that make one element of many: statistics, running sums, all and any."""

from adcore import ops
from adcore._core import int64, uint64

from .arguments import require_array


def _is_over_nothing(axis):
    """An empty tuple of axes, which means all of them in `adcore.ops`."""
    return isinstance(axis, (tuple, list)) and not axis


def _wide(x, dtype):
    """Return what is to be summed, in the dtype of the sum."""
    if dtype is None and not x.dtype.is_floating_point:
        dtype = uint64 if x.dtype.name.startswith("uint") else int64
    return x if dtype is None else x.astype(dtype)


def sum(x, /, *, axis=None, dtype=None, keepdims=False):
    """Sum over axes, or all. Integers become 64 bits wide."""
    require_array("sum", x=x)
    x = _wide(x, dtype)
    return x.copy() if _is_over_nothing(axis) else ops.sum(x, axis, keepdims, dtype=x.dtype)


def prod(x, /, *, axis=None, dtype=None, keepdims=False):
    """Multiply over axes, or all. Integers become 64 bits wide."""
    require_array("prod", x=x)
    x = _wide(x, dtype)
    return x.copy() if _is_over_nothing(axis) else ops.prod(x, axis, keepdims, dtype=x.dtype)


def max(x, /, *, axis=None, keepdims=False):
    """Return the largest element over axes, or of all; NaN where one is there."""
    require_array("max", x=x)
    return x.copy() if _is_over_nothing(axis) else ops.amax(x, axis, keepdims)


def min(x, /, *, axis=None, keepdims=False):
    """Return the smallest element over axes, or of all; NaN where one is there."""
    require_array("min", x=x)
    return x.copy() if _is_over_nothing(axis) else ops.amin(x, axis, keepdims)


def mean(x, /, *, axis=None, keepdims=False):
    """Average over axes, or all."""
    require_array("mean", x=x)
    return x.copy() if _is_over_nothing(axis) else ops.mean(x, axis, keepdims)


def var(x, /, *, axis=None, correction=0.0, keepdims=False):
    """Average the squares of the distances from the mean; `correction` is subtracted from the number of elements."""
    require_array("var", x=x)
    if _is_over_nothing(axis):
        return ops.square(x - x) / (1.0 - correction)
    if correction == int(correction):
        return ops.var(x, axis, int(correction), keepdims)
    spread = ops.var(x, axis, 0, keepdims)
    count = x.size / spread.size if spread.size else 0.0
    return spread * (count / (count - correction))


def std(x, /, *, axis=None, correction=0.0, keepdims=False):
    """Return the square root of `var`."""
    require_array("std", x=x)
    if not _is_over_nothing(axis) and correction == int(correction):
        return ops.std(x, axis, int(correction), keepdims)
    return ops.sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


def count_nonzero(x, /, *, axis=None, keepdims=False):
    """Count the elements that are not zero."""
    return sum(ops.not_equal(x, 0), axis=axis, keepdims=keepdims)


def all(x, /, *, axis=None, keepdims=False):
    """Say whether no element over axes, or of all, is zero."""
    return ops.not_equal(x, 0) if _is_over_nothing(axis) else ops.all(ops.not_equal(x, 0), axis, keepdims)


def any(x, /, *, axis=None, keepdims=False):
    """Say whether an element over axes, or of all, is not zero."""
    return ops.not_equal(x, 0) if _is_over_nothing(axis) else ops.any(ops.not_equal(x, 0), axis, keepdims)


# ---- along an axis ---------------------------------------------------------------------------------------------------


def _running(name, op, start):
    def function(x, /, *, axis=None, dtype=None, include_initial=False):
        require_array(name, x=x)
        if axis is None and x.ndim != 1:
            raise ValueError(f"{name}: axis may be left out for a vector only, not for {x.ndim} dimensions.")
        axis = 0 if axis is None else axis
        wide = _wide(x, dtype)
        result = op(wide, axis)
        if not include_initial:
            return result
        shape = list(x.shape)
        shape[axis] = 1
        return ops.concat([ops.full(tuple(shape), start, dtype=wide.dtype), result], axis)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"""Return the {name.replace("_", " ")} along an axis; `include_initial` puts {start} in front."""
    )
    return function


cumulative_sum = _running("cumulative_sum", ops.cumsum, 0)
cumulative_prod = _running("cumulative_prod", ops.cumprod, 1)


def diff(x, /, *, axis=-1, n=1, prepend=None, append=None):
    """Return the differences of neighbours along an axis, `n` times."""
    return ops.diff(x, n, axis, prepend, append)


__all__ = [
    "all",
    "any",
    "count_nonzero",
    "cumulative_prod",
    "cumulative_sum",
    "diff",
    "max",
    "mean",
    "min",
    "prod",
    "std",
    "sum",
    "var",
]
