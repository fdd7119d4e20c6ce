"""Functions of shapes written with other ops; derivatives, at every order, follow from those."""

from __future__ import annotations

import math
from collections.abc import Sequence

from adcore._core import Tensor, int64
from adcore._ops import native
from adcore._ops.declare import Number, dims, op, require_tensor


@op(samples=("tile(x(3, 4), (2, 1, 2)) ** 2",), method=True)
def tile(input: Tensor, dims: dims) -> Tensor:
    """Repeat a tensor along its axes.

    Parameters
    ----------
    input : Tensor
    dims : sequence of int
        How often along each axis; missing leading ones are 1.

    Raises
    ------
    ValueError
        For a negative number.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.tile(Tensor([1, 2]), (2, 2)))
    [[1 2 1 2]
     [1 2 1 2]]
    """
    require_tensor("tile", "input", input)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if any(d < 0 for d in dims):
        raise ValueError(f"tile: repetitions must not be negative, got {dims}.")
    rank = max(len(dims), input.ndim)
    dims = (1,) * (rank - len(dims)) + dims
    tiled = native.reshape(input, (1,) * (rank - input.ndim) + input.shape)
    for axis, n in enumerate(dims):
        if n == 0:
            tiled = tiled[(slice(None),) * axis + (slice(0),)]
        elif n > 1:
            tiled = native.concat([tiled] * n, axis)
    return tiled


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
    if not -tensor.ndim <= axis < tensor.ndim:
        raise ValueError(f"split: axis {axis} is out of range for a tensor of {tensor.ndim} dimensions.")
    axis %= tensor.ndim
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
    if chunks <= 0:
        raise ValueError(f"chunk: the number of pieces must be positive, got {chunks}.")
    return split(input, max(1, -(-input.shape[axis] // chunks)), axis)


def _pad_indices(mode, size, before, after):
    """Return which element of an axis stands at each place of the padded one."""
    places = range(-before, size + after)
    if mode == "replicate":
        return [min(max(i, 0), size - 1) for i in places]
    if mode == "circular":
        return [i % size for i in places]
    period = max(2 * size - 2, 1)
    return [min(i % period, period - i % period) for i in places]


@op(
    samples=(
        "pad(x(3, 4), (1, 0, 2, 1)) ** 2",
        "pad(x(3, 4), (-1, 2)) ** 2",
        "pad(x(3, 4), (2, 1), 'reflect') ** 2",
        "pad(x(3, 4), (1, 2), 'replicate') ** 2",
        "pad(x(3, 4), (3, 1), 'circular') ** 2",
    )
)
def pad(input_x: Tensor, padding: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Add elements around a tensor.

    Parameters
    ----------
    input_x : Tensor
    padding : sequence of int
        Pairs (before, after), the last axis first. Negative numbers cut off.
    mode : {"constant", "reflect", "replicate", "circular"}
    value : number, optional
        What to add in mode "constant"; 0 unless given.

    Raises
    ------
    ValueError
        For an odd number of entries, more pairs than axes, or padding that the mode cannot fill.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.pad(Tensor([1.0, 2.0]), (1, 1)))
    [0. 1. 2. 0.]
    """
    require_tensor("pad", "input_x", input_x)
    padding = tuple(int(p) for p in padding)
    if len(padding) % 2 or len(padding) > 2 * input_x.ndim:
        raise ValueError(f"pad: {len(padding)} entries are not pairs for at most {input_x.ndim} axes.")
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ValueError(f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}.")
    pairs = [(padding[i], padding[i + 1]) for i in range(0, len(padding), 2)][::-1]
    pairs = [(0, 0)] * (input_x.ndim - len(pairs)) + pairs
    for axis, (before, after) in enumerate(pairs):
        size = input_x.shape[axis]
        if size + before + after < 0:
            raise ValueError(f"pad: cutting {-before} and {-after} leaves nothing of axis {axis} of size {size}.")
    cut = tuple(slice(max(0, -b), max(0, s - max(0, -a))) for (b, a), s in zip(pairs, input_x.shape, strict=True))
    inner = input_x[cut] if any(p < 0 for p in padding) else input_x
    pairs = [(max(0, b), max(0, a)) for b, a in pairs]
    if mode == "constant":
        shape = tuple(s + b + a for s, (b, a) in zip(inner.shape, pairs, strict=True))
        out = native.full(shape, 0 if value is None else value, dtype=input_x.dtype)
        out[tuple(slice(b, b + s) for s, (b, a) in zip(inner.shape, pairs, strict=True))] = inner
        return out
    for axis, (before, after) in enumerate(pairs):
        size = inner.shape[axis]
        limit = size - 1 if mode == "reflect" else size if mode == "circular" else math.inf
        if (before or after) and (size == 0 or max(before, after) > limit):
            raise ValueError(f"pad: mode {mode!r} cannot add {(before, after)} to axis {axis} of size {size}.")
        if before or after:
            inner = native.gather(inner, Tensor(_pad_indices(mode, size, before, after), int64), axis)
    return inner


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
    places = native.reshape(native.arange(depth), (depth,) + (1,) * (indices.ndim - axis))
    return native.where(
        native.equal(native.expand_dims(native.cast(indices, int64), axis), places), on_value, off_value
    )
