"""Functions of shapes written with other ops; derivatives, at every order, follow from those."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from operator import index

from adcore._core import Tensor, int64, require_memory
from adcore._ops import native
from adcore._ops.declare import Number, broadcast_shape, dims, op, require_tensor

PAGE = "Shape"


def checked_axis(op, axis, tensor):
    """Return an axis of a tensor as it counts from the front."""
    if not hasattr(axis, "__index__"):
        raise TypeError(f"{op}: axis must be an int, got {type(axis).__name__}.")
    axis = index(axis)
    if not -tensor.ndim <= axis < tensor.ndim:
        raise ValueError(f"{op}: axis {axis} is out of range for a tensor of {tensor.ndim} dimensions.")
    return axis % tensor.ndim


def _tensors(op, tensors):
    """Return the tensors that a function of any number of them was given, as arguments or as one sequence."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tensors[0]
    for tensor in tensors:
        require_tensor(op, "every argument", tensor)
    return tuple(tensors)


# ---- cutting ---------------------------------------------------------------------------------------------------------


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
    axis = checked_axis("split", axis, tensor)
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
    axis = checked_axis("chunk", axis, input)
    return split(input, max(1, -(-input.shape[axis] // chunks)), axis)


@op(
    samples=(
        "tuple(part**2 for part in tensor_split(x(5, 2), 3))",
        "tuple(part**2 for part in tensor_split(x(3, 5), (1, 3), 1))",
    ),
    method=True,
)
def tensor_split(input: Tensor, indices_or_sections: dims, axis: int = 0) -> tuple[Tensor, ...]:
    """Cut a tensor along an axis, as NumPy's ``array_split``.

    Parameters
    ----------
    input : Tensor
    indices_or_sections : int or sequence of int
        How many pieces, of which the first ones are longer by 1 where they cannot be equal; or where to cut.
    axis : int, default 0

    Raises
    ------
    ValueError
        For a number of pieces that is not positive.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> [t.shape for t in ops.tensor_split(Tensor([1, 2, 3]), 2)]
    [(2,), (1,)]
    """
    require_tensor("tensor_split", "input", input)
    return _cut("tensor_split", input, indices_or_sections, checked_axis("tensor_split", axis, input), False)


_MOST_PIECES = 2**16  # where most of them are empty


def _cut(op, input, indices_or_sections, axis, equal):
    size = input.shape[axis]
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, (tuple, list)):
        cuts = [0, *(slice(index(cut)).indices(size)[1] for cut in indices_or_sections), size]
    else:
        parts = index(indices_or_sections)
        if parts <= 0:
            raise ValueError(f"{op}: the number of pieces must be positive, got {parts}.")
        if parts > max(size, _MOST_PIECES):
            raise ValueError(f"{op}: axis {axis} of size {size} is not cut into {parts} pieces, most of them empty.")
        if equal and size % parts:
            raise ValueError(f"{op}: axis {axis} of size {size} has no {parts} equal pieces.")
        cuts = [k * (size // parts) + min(k, size % parts) for k in range(parts + 1)]
    return tuple(native.narrow(input, axis, start, max(0, end - start)) for start, end in itertools.pairwise(cuts))


@op(samples=("hsplit(x(3, 4), 2)[1] ** 2", "hsplit(x(4), (1, 3))[1] ** 2"), method=True)
def hsplit(input: Tensor, indices_or_sections: dims) -> tuple[Tensor, ...]:
    """Cut a tensor into equal pieces, or at indices, along the second axis; along the first where there is no other.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> [t.shape for t in ops.hsplit(Tensor([[1, 2, 3, 4]]), 2)]
    [(1, 2), (1, 2)]
    """
    require_tensor("hsplit", "input", input)
    if input.ndim == 0:
        raise ValueError("hsplit: the input needs an axis.")
    return _cut("hsplit", input, indices_or_sections, min(1, input.ndim - 1), True)


@op(samples=("vsplit(x(4, 3), 2)[1] ** 2",), method=True)
def vsplit(input: Tensor, indices_or_sections: dims) -> tuple[Tensor, ...]:
    """Cut a tensor of two or more axes into equal pieces, or at indices, along the first axis.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> [t.shape for t in ops.vsplit(Tensor([[1, 2], [3, 4]]), 2)]
    [(1, 2), (1, 2)]
    """
    require_tensor("vsplit", "input", input)
    if input.ndim < 2:
        raise ValueError(f"vsplit: the input needs two axes, got shape {input.shape}.")
    return _cut("vsplit", input, indices_or_sections, 0, True)


@op(samples=("dsplit(x(2, 2, 4), 2)[1] ** 2",), method=True)
def dsplit(input: Tensor, indices_or_sections: dims) -> tuple[Tensor, ...]:
    """Cut a tensor of three or more axes into equal pieces, or at indices, along the third axis.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> [t.shape for t in ops.dsplit(ops.ones((1, 2, 4)), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    require_tensor("dsplit", "input", input)
    if input.ndim < 3:
        raise ValueError(f"dsplit: the input needs three axes, got shape {input.shape}.")
    return _cut("dsplit", input, indices_or_sections, 2, True)


# ---- repeating -------------------------------------------------------------------------------------------------------


@op(
    samples=(
        "repeat_interleave(x(3, 4), 2, 1) ** 2",
        "repeat_interleave(x(3, 4), 2) ** 2",
        "repeat_interleave(x(3, 4), (2, 0, 1), 0) ** 2",
    ),
    method=True,
)
def repeat_interleave(
    input: Tensor,
    repeats: int | Sequence[int] | Tensor,
    axis: int | None = None,
    *,
    output_size: int | None = None,
) -> Tensor:
    """Every slice along an axis as often as is said.

    Parameters
    ----------
    input : Tensor
    repeats : int, sequence of int or Tensor of int
        One number for all slices or one for each.
    axis : int, optional
        Without it the flattened tensor is repeated.
    output_size : int, optional
        The size of that axis of the result, which is checked.

    Raises
    ------
    TypeError, ValueError
        For numbers that are negative, no integers, not as many as there are slices, or of another sum than is said.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.repeat_interleave(Tensor([1, 2]), Tensor([2, 1])))
    [1 1 2]
    """
    require_tensor("repeat_interleave", "input", input)
    if axis is None:
        input, axis = native.ravel(input), 0
    axis = checked_axis("repeat_interleave", axis, input)
    times = _repetitions(repeats)
    found = times * input.shape[axis] if isinstance(times, int) else sum(times)
    if output_size is not None and output_size != found:
        raise ValueError(f"repeat_interleave: the repeats make {found} slices, output_size is {output_size}.")
    if isinstance(times, int):
        return native.repeat_elements(input, times, axis)
    if len(times) != input.shape[axis] or min(times, default=0) < 0:
        raise ValueError(
            f"repeat_interleave: axis {axis} of size {input.shape[axis]} needs as many repeats, none of them negative, "
            f"got {tuple(times)}."
        )
    ends = native.cumsum(Tensor(times, int64), 0)
    return native.gather(input, native.searchsorted(ends, native.arange(sum(times)), right=True), axis)


def _repetitions(repeats):
    """Return one number for all slices, or a list of them."""
    if isinstance(repeats, Tensor):
        if not repeats.dtype.is_integer:
            raise TypeError(f"repeat_interleave: repeats must be integers, got {repeats.dtype}.")
        if repeats.ndim > 1:
            raise ValueError(f"repeat_interleave: repeats must have one axis at most, got shape {repeats.shape}.")
        repeats = native.ravel(repeats).tolist()
    if not isinstance(repeats, (tuple, list)):
        return index(repeats)
    times = [index(count) for count in repeats]
    return times[0] if len(times) == 1 else times


@op(samples=())
def broadcast_shapes(*shapes: dims) -> tuple[int, ...]:
    """The shape to which shapes broadcast; an int stands for a shape of one axis.

    Raises
    ------
    ValueError
        For shapes that do not broadcast.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.broadcast_shapes((3, 1), 4)
    (3, 4)
    """
    given = [(shape,) if isinstance(shape, int) else tuple(index(size) for size in shape) for shape in shapes]
    if any(size < 0 for shape in given for size in shape):
        raise ValueError(f"broadcast_shapes: sizes must not be negative, got {given}.")
    return broadcast_shape("broadcast_shapes", *given)


# ---- several tensors -------------------------------------------------------------------------------------------------


@op(samples=("tuple(part**2 for part in broadcast_tensors(x(3, 1), x(4)))",))
def broadcast_tensors(*tensors: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Tensors repeated, without copies, to the shape that they broadcast to.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.broadcast_tensors(Tensor([1, 2]), Tensor([[3], [4]]))[0])
    [[1 2]
     [1 2]]
    """
    each = _tensors("broadcast_tensors", tensors)
    shape = broadcast_shape("broadcast_tensors", *(tensor.shape for tensor in each))
    return tuple(native.broadcast_to(tensor, shape) for tensor in each)


@op(
    samples=(
        "tuple(part**2 for part in meshgrid(x(3), x(4)))",
        "tuple(part**2 for part in meshgrid(x(2), x(3), x(), indexing='ij'))",
    )
)
def meshgrid(*inputs: Tensor | Sequence[Tensor], indexing: str = "xy") -> tuple[Tensor, ...]:
    """Coordinates of the points of a grid, one tensor for each of its axes.

    Parameters
    ----------
    *inputs : Tensor
        Where the points are along each axis; tensors of at most one axis.
    indexing : {"xy", "ij"}
        With "xy" the first axis of the grid runs along the second of the result, as in a picture.

    Raises
    ------
    TypeError, ValueError
        For inputs of more axes, or another word.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.meshgrid(Tensor([1, 2]), Tensor([3, 4]))[0])
    [[1 2]
     [1 2]]
    """
    axes = _tensors("meshgrid", inputs)
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}.")
    for tensor in axes:
        if tensor.ndim > 1:
            raise ValueError(f"meshgrid: inputs must have one axis at most, got shape {tensor.shape}.")
    order = list(range(len(axes)))
    if indexing == "xy" and len(axes) > 1:
        order[:2] = 1, 0
    shape = [0] * len(axes)
    for tensor, axis in zip(axes, order):
        shape[axis] = tensor.size
    return tuple(
        native.broadcast_to(
            native.reshape(tensor, tuple(tensor.size if k == axis else 1 for k in range(len(axes)))), tuple(shape)
        )
        for tensor, axis in zip(axes, order)
    )


@op(samples=("cartesian_prod(x(3), x(2)) ** 2", "cartesian_prod(x(3)) ** 2"))
def cartesian_prod(*inputs: Tensor | Sequence[Tensor]) -> Tensor:
    """All choices of one element of each tensor, a row for each; the last one changes fastest.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.cartesian_prod(Tensor([1, 2]), Tensor([3, 4])))
    [[1 3]
     [1 4]
     [2 3]
     [2 4]]
    """
    axes = _tensors("cartesian_prod", inputs)
    for tensor in axes:
        if tensor.ndim != 1:
            raise ValueError(f"cartesian_prod: inputs must have one axis, got shape {tensor.shape}.")
    if len(axes) == 1:
        return native.ravel(axes[0])
    return native.stack([native.ravel(part) for part in meshgrid(*axes, indexing="ij")], -1)


_MOST_CHOSEN = 2**26


@op(samples=("combinations(x(4)) ** 2", "combinations(x(3), 2, True) ** 2"), method=True)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r elements, a row for each, in the order of ``itertools.combinations``.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.combinations(Tensor([1, 2, 3])))
    [[1 2]
     [1 3]
     [2 3]]
    """
    require_tensor("combinations", "input", input)
    if input.ndim != 1:
        raise ValueError(f"combinations: the input must have one axis, got shape {input.shape}.")
    r = index(r)
    if r < 0:
        raise ValueError(f"combinations: r must not be negative, got {r}.")
    count = math.comb(input.size + (r - 1 if with_replacement and r else 0), r)
    if count * r > _MOST_CHOSEN:
        raise ValueError(f"combinations: {count} choices of {r} of {input.size} elements are too many.")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input.size), r))
    return native.gather(input, native.reshape(Tensor([k for row in rows for k in row], int64), (len(rows), r)), 0)


def _at_least(op, tensors, axes):
    """Return tensors with axes of size 1 around their own, as NumPy puts them."""
    made = []
    for tensor in _tensors(op, tensors):
        shape = (1,) * (min(axes, 2) - tensor.ndim) + tuple(tensor.shape)
        made.append(native.reshape(tensor, shape + (1,) * (axes - len(shape))))
    return made[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else tuple(made)


@op(samples=("atleast_1d(x()) ** 2",))
def atleast_1d(*inputs: Tensor | Sequence[Tensor]) -> Tensor:
    """Tensors with one axis at least.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.atleast_1d(Tensor(1)).shape
    (1,)
    """
    return _at_least("atleast_1d", inputs, 1)


@op(samples=("atleast_2d(x(3)) ** 2",))
def atleast_2d(*inputs: Tensor | Sequence[Tensor]) -> Tensor:
    """Tensors with two axes at least; one of one axis is a row.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.atleast_2d(Tensor([1, 2])).shape
    (1, 2)
    """
    return _at_least("atleast_2d", inputs, 2)


@op(samples=("atleast_3d(x(3)) ** 2", "atleast_3d(x(3, 2)) ** 2"))
def atleast_3d(*inputs: Tensor | Sequence[Tensor]) -> Tensor:
    """Tensors with three axes at least; (n,) becomes (1, n, 1) and (m, n) becomes (m, n, 1), as in NumPy.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.atleast_3d(Tensor([1, 2])).shape
    (1, 2, 1)
    """
    return _at_least("atleast_3d", inputs, 3)


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
