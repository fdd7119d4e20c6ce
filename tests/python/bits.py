"""Comparison bit by bit: what the tests mean by "the same bits".

`differences(own, other)` says how two nested results differ, in words, or "" where dtype, shape and every bit agree.
All NaNs count as one value, because no law says which of them an operation makes; zeros of different sign differ.
"""

import numpy as np

from adcore import Tensor
from helpers import array_of

_WORDS = {2: np.uint16, 4: np.uint32, 8: np.uint64}


def tensors_in(tree):
    """The tensors of a nested result, in order."""
    if isinstance(tree, Tensor):
        return [tree]
    return [tensor for part in tree for tensor in tensors_in(part)]


def words(array):
    """The elements as unsigned words, every NaN as the same one."""
    array = np.where(np.isnan(array), np.nan, array).astype(array.dtype) if array.dtype.kind == "f" else array
    return np.ascontiguousarray(array).view(_WORDS.get(array.dtype.itemsize, np.uint8)).reshape(array.shape)


def arrays(tree):
    """(dtype, array) of each tensor in a nested result: what is left of values that end with a level."""
    return [(str(t.dtype), np.array(array_of(t))) for t in tensors_in(tree)]


def differences(own, other):
    """How `own` differs from `other`; both as `arrays` makes them."""
    if len(own) != len(other):
        return f"{len(own)} tensors, not {len(other)}"
    found = []
    for k, ((own_type, a), (other_type, b)) in enumerate(zip(own, other)):
        if (own_type, a.shape) != (other_type, b.shape):
            found.append(f"tensor {k} is {own_type}{list(a.shape)}, not {other_type}{list(b.shape)}")
            continue
        unlike = words(a) != words(b)
        if unlike.any():
            at = tuple(int(i) for i in np.argwhere(unlike)[0])
            share = f"{int(unlike.sum())} of {a.size} elements"
            found.append(f"tensor {k} differs in {share}, first at {at}: {a[at]!r}, not {b[at]!r}")
    return "; ".join(found)
