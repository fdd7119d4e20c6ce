"""Composites of half precision compute in float32 and round once, and so do their derivatives.

Those of small integers count in int64.
"""

from adcore._core import bfloat16, float16, float32, int64, uint64
from adcore._ops import native

HALVES = (float16, bfloat16)


def widened(tensor):
    """Return a tensor of half precision in float32, another one as it is."""
    return native.cast(tensor, float32) if tensor.dtype in HALVES else tensor


def countable(tensor):
    """Return bool and small integers, whose sums and products would wrap, as int64, another tensor as it is."""
    return tensor if tensor.dtype.is_floating_point or tensor.dtype == uint64 else native.cast(tensor, int64)


def rounded(result, *operands):
    """Return a result in the dtype of its operands where all of these have one of half precision."""
    dtype = operands[0].dtype
    if dtype in HALVES and all(operand is None or operand.dtype == dtype for operand in operands):
        return native.cast(result, dtype)
    return result
