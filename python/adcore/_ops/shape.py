"""Functions of shapes written with other ops; derivatives, at every order, follow from those."""

from __future__ import annotations

from operator import index

from adcore._core import Tensor, int64, require_memory
from adcore._ops import native
from adcore._ops.declare import Number, dims, op, require_tensor

PAGE = "Shape"


@op(
    samples=("tuple(part**2 for part in split(x(3, 4), 3, 1))", "split(x(3, 4), [1, 3], 1)[1] ** 2"),
    method=True,
)
def split(tensor: Tensor, split_size_or_sections: dims, axis: int = 0) -> tuple[Tensor, ...]:
    """Cut a tensor along an axis.

    Parameters
    ----------
    tensor : Tensor
    split_size_or_sections : int or sequence of int
        The size of the pieces (the last may be smaller), or the sizes of all.
    axis : int, default 0

    Returns
    -------
    tuple of Tensor

    Raises
    ------
    ValueError
        For sizes that do not add up.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> [t.shape for t in ops.split(Tensor([1, 2, 3]), 2)]
    [(2,), (1,)]
    """
    require_tensor("split", "tensor", tensor)
    axis = _checked_axis("split", axis, tensor)
    size = tensor.shape[axis]
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        if step <= 0:
            raise ValueError(f"split: the size of the pieces must be positive, got {step}.")
        sections = [min(step, size - start) for start in range(0, size, step)] or [0]
    else:
        sections = list(split_size_or_sections)
        if any(s < 0 for s in sections) or sum(sections) != size:
            raise ValueError(f"split: the sections {tuple(sections)} do not add up to the size {size} of axis {axis}.")
    pieces, start = [], 0
    for section in sections:
        pieces.append(tensor[(slice(None),) * axis + (slice(start, start + section),)])
        start += section
    return tuple(pieces)


@op(samples=("chunk(x(3, 4), 2)[0] ** 2",), method=True)
def chunk(input: Tensor, chunks: int, axis: int = 0) -> tuple[Tensor, ...]:
    """Cut a tensor into a number of pieces of one size; the last may be smaller.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> [t.shape for t in ops.chunk(Tensor([1, 2, 3]), 2)]
    [(2,), (1,)]
    """
    require_tensor("chunk", "input", input)
    chunks = index(chunks)
    if chunks <= 0:
        raise ValueError(f"chunk: the number of pieces must be positive, got {chunks}.")
    axis = _checked_axis("chunk", axis, input)
    return split(input, max(1, -(-input.shape[axis] // chunks)), axis)


def _checked_axis(op, axis, tensor):
    """Return an axis of a tensor as it counts from the front."""
    if not hasattr(axis, "__index__"):
        raise TypeError(f"{op}: axis must be an int, got {type(axis).__name__}.")
    axis = index(axis)
    if not -tensor.ndim <= axis < tensor.ndim:
        raise ValueError(f"{op}: axis {axis} is out of range for a tensor of {tensor.ndim} dimensions.")
    return axis % tensor.ndim


@op(samples=("one_hot(i(4), 3, x(), x()) ** 2",))
def one_hot(indices: Tensor, depth: int, on_value: Number = 1, off_value: Number = 0, axis: int = -1) -> Tensor:
    """Vectors with one element on.

    Parameters
    ----------
    indices : Tensor of int
        Where to set on_value; an index outside [0, depth) sets none.
    depth : int
    on_value, off_value : number or Tensor
        Python ints give int64, floats float32.
    axis : int, default -1
        Where the new axis stands.

    Raises
    ------
    TypeError, ValueError
        For indices that are no integers, or a negative depth.
    MemoryError
        At once, where there is no memory for the result.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.one_hot(Tensor([0, 2]), 3))
    [[1 0 0]
     [0 0 1]]
    """
    require_tensor("one_hot", "indices", indices)
    if not indices.dtype.is_integer:
        raise TypeError(f"one_hot: indices must be integers, got {indices.dtype}.")
    if depth < 0:
        raise ValueError(f"one_hot: depth must not be negative, got {depth}.")
    if axis < 0:
        axis += indices.ndim + 1
    each = native.where(True, on_value, off_value).dtype.itemsize
    require_memory(indices.size * depth * (each + 1) + depth * 8)  # the result, where it is on, and the places
    places = native.reshape(native.arange(depth), (depth,) + (1,) * (indices.ndim - axis))
    return native.where(
        native.equal(native.expand_dims(native.cast(indices, int64), axis), places), on_value, off_value
    )
