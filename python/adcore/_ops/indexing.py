"""Reading and writing by index, written with other ops; derivatives, at every order, follow from those.

What depends on the elements for its shape (`masked_select`, `unique`) reads them, so the members of a `vmap` cannot
have one of their own.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

from adcore._core import Tensor, bool_, float32, float64, int64
from adcore._ops import native
from adcore._ops.declare import Number, broadcast_shape, dims, in_place, op, require_tensor
from adcore._ops.precision import countable
from adcore._ops.shape import checked_axis

PAGE = "Indexing"

# ---- reading ---------------------------------------------------------------------------------------------------------


@op(samples=("nonzero(i(3, 4))",), method=True)
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor:
    """Coordinates of the elements that are not zero.

    Parameters
    ----------
    input : Tensor
    as_tuple : bool, default False
        A tensor of indices for each axis, which together are an index, instead of a row for each element.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.nonzero(Tensor([0, 5, 7])))
    [[1]
     [2]]
    """
    require_tensor("nonzero", "input", input)
    found = native.nonzero(input)
    if not as_tuple:
        return found
    return native.unbind(native.nonzero(native.reshape(input, (1,))) if input.ndim == 0 else found, 1)


@op(samples=("where(b(3, 4), x(3, 4), x(4))", "where(b(3, 4), x(3, 4), 1.5)"))
def where(condition: Number, input: Number | None = None, other: Number | None = None) -> Tensor | tuple[Tensor, ...]:
    """input where the condition is true, other elsewhere; of a condition alone, where it is true.

    Parameters
    ----------
    condition : Tensor or number
        A number counts as true unless it is 0.
    input, other : Tensor or number
        Shapes broadcast. No derivative goes to what is not chosen, nor does a NaN come from there.

    Returns
    -------
    Tensor, or tuple of Tensor
        Without input and other a tensor of indices for each axis, as ``nonzero(condition, as_tuple=True)`` gives.

    Raises
    ------
    TypeError, ValueError
        For one of input and other without the other one, and shapes that do not broadcast.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.where(Tensor([True, False]), Tensor([1.0, 2.0]), 0.0))
    [1. 0.]
    >>> print(ops.where(Tensor([True, False, True]))[0])
    [0 2]
    """
    if input is None and other is None:
        require_tensor("where", "condition", condition)
        return nonzero(condition, as_tuple=True)
    if input is None or other is None:
        raise TypeError("where: input and other go together.")
    return native.where(condition, input, other)


@op(samples=("unravel_index(i(5, n=12), (3, 4))",))
def unravel_index(indices: Tensor, shape: dims) -> tuple[Tensor, ...]:
    """The coordinates of elements that are numbered row by row.

    Parameters
    ----------
    indices : Tensor of int
    shape : int or sequence of int

    Returns
    -------
    tuple of Tensor
        One for each axis, of the shape of the indices.

    Raises
    ------
    TypeError, ValueError
        For indices that are no integers, or not of an element.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> rows, columns = ops.unravel_index(Tensor([5, 2]), (2, 3))
    >>> print(rows, columns)
    [1 0] [2 2]
    """
    require_tensor("unravel_index", "indices", indices)
    if not indices.dtype.is_integer:
        raise TypeError(f"unravel_index: indices must be integers, got {indices.dtype}.")
    sizes = tuple(map(operator.index, (shape,) if isinstance(shape, int) else shape))
    if min(sizes, default=0) < 0:
        raise ValueError(f"unravel_index: sizes must not be negative, got {sizes}.")
    rest, total = native.cast(indices, int64), math.prod(sizes)
    if bool(native.any(native.logical_or(native.less(rest, 0), native.greater_equal(rest, total)))):
        raise ValueError(f"unravel_index: an index is not of one of the {total} elements of the shape {sizes}.")
    found = []
    for size in reversed(sizes):
        found.append(native.remainder(rest, max(size, 1)))
        rest = native.floor_divide(rest, max(size, 1))
    return tuple(reversed(found))


@op(samples=("argwhere(i(3, 4))",), method=True)
def argwhere(input: Tensor) -> Tensor:
    """Coordinates of the elements that are not zero, one row each.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.argwhere(Tensor([0, 5, 7])))
    [[1]
     [2]]
    """
    require_tensor("argwhere", "input", input)
    return native.nonzero(input)


@op(samples=("take(x(3, 4), i(2, 3, n=12)) ** 2", "take(x(3, 4), i(5, n=4), 1) ** 2"), method=True)
def take(input: Tensor, indices: Tensor, axis: int | None = None) -> Tensor:
    """Elements of the flattened tensor at integer indices, or slices along an axis.

    Parameters
    ----------
    input : Tensor
    indices : Tensor of int
        Of any shape; negative ones count from the end.
    axis : int, optional

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.take(Tensor([[1, 2], [3, 4]]), Tensor([3, 0])))
    [4 1]
    """
    require_tensor("take", "input", input)
    require_tensor("take", "indices", indices)
    return native.gather(native.ravel(input), indices, 0) if axis is None else native.gather(input, indices, axis)


@op(
    samples=(
        "take_along_dim(x(3, 4), i(3, 2, n=4), 1) ** 2",
        "take_along_dim(x(3, 4), i(1, 4), 0) ** 2",
        "take_along_dim(x(3, 4), i(5, n=12)) ** 2",
    ),
    aliases=("take_along_axis",),
    method=True,
)
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Elements along an axis: out[i][j] = input[indices[i][j]][j] for axis 0. The other axes broadcast.

    Parameters
    ----------
    input : Tensor
    indices : Tensor of int
    dim : int, optional
        Where it is left out, both are flattened.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> x = Tensor([[3, 1, 2], [4, 6, 5]])
    >>> print(ops.take_along_dim(x, ops.argsort(x, 1), 1))
    [[1 2 3]
     [4 5 6]]
    """
    require_tensor("take_along_dim", "input", input)
    require_tensor("take_along_dim", "indices", indices)
    if dim is None:
        return native.gather_elements(native.ravel(input), 0, native.ravel(indices))
    dim = checked_axis("take_along_dim", dim, input)
    if indices.ndim != input.ndim:
        raise ValueError(
            f"take_along_dim: indices of shape {indices.shape} must have as many axes as the input {input.shape}."
        )
    common = broadcast_shape("take_along_dim", *(s.shape[:dim] + (1,) + s.shape[dim + 1 :] for s in (input, indices)))
    wide = [native.broadcast_to(s, common[:dim] + (s.shape[dim],) + common[dim + 1 :]) for s in (input, indices)]
    return native.gather_elements(wide[0], dim, wide[1])


@op(samples=("masked_select(x(3, 4), b(3, 4)) ** 2", "masked_select(x(3, 4), b(4)) ** 2"), method=True)
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where a mask is true, by rows.

    Parameters
    ----------
    input : Tensor
    mask : Tensor of bool
        The shapes broadcast.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.masked_select(Tensor([1.0, 2.0]), Tensor([False, True])))
    [2.]
    """
    require_tensor("masked_select", "input", input)
    _require_mask("masked_select", mask)
    shape = broadcast_shape("masked_select", input.shape, mask.shape)
    return native.broadcast_to(input, shape)[native.broadcast_to(mask, shape)]


def _require_mask(op, mask):
    require_tensor(op, "mask", mask)
    if mask.dtype is not bool_:
        raise TypeError(f"{op}: the mask must be bool, got {mask.dtype}.")


# ---- writing ---------------------------------------------------------------------------------------------------------


@op(
    samples=("masked_scatter(x(3, 4), b(3, 4), x(12)) ** 2", "masked_scatter(x(3, 4), b(4), x(3, 4)) ** 2"), method=True
)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """The elements replaced where a mask is true, by those of another tensor in their order.

    Parameters
    ----------
    input : Tensor
    mask : Tensor of bool
        Broadcasts with the input.
    source : Tensor
        Of the input's dtype, with at least as many elements as are replaced.

    Raises
    ------
    TypeError, ValueError, IndexError
        For another dtype, a mask that does not fit, or a source with too few elements.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.masked_scatter(Tensor([1, 2, 3]), Tensor([True, False, True]), Tensor([7, 8])))
    [7 2 8]
    """
    require_tensor("masked_scatter", "input", input)
    _require_mask("masked_scatter", mask)
    require_tensor("masked_scatter", "source", source)
    if source.dtype is not input.dtype:
        raise TypeError(f"masked_scatter: source must have the input's dtype {input.dtype}, got {source.dtype}.")
    shape = broadcast_shape("masked_scatter", input.shape, mask.shape)
    wide = native.ravel(native.broadcast_to(mask, shape))
    if source.size == 0:
        source = native.zeros((1,), source.dtype)
        # Any place beyond the end: what is needed of an empty source is an error.
        places = native.cast(wide, int64)
    else:
        places = native.where(wide, native.sub(native.cumsum(wide, 0), 1), 0)
    taken = native.gather(native.ravel(source), places, 0)
    return native.where(native.reshape(wide, shape), native.reshape(taken, shape), input)


def _places(op, input, indices):
    """Return where an index tells elements of the flattened tensor, in the shape of the selection."""
    if isinstance(indices, Tensor):
        indices = (indices,)
    if not isinstance(indices, (tuple, list)):
        raise TypeError(f"{op}: indices must be a tuple of Tensors, got {type(indices).__name__}.")
    return native.reshape(native.arange(input.size), input.shape)[tuple(indices)]


@op(
    samples=(
        "index_put(x(3, 4), (i(5),), x(5, 4)) ** 2",
        "index_put(x(3, 4), (i(5), i(5, n=4)), x(5), accumulate=True) ** 2",
        "index_put(x(3, 4), (b(3, 4),), x()) ** 2",
    ),
    method=True,
)
def index_put(input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> Tensor:
    """The tensor with the elements that an index tells replaced, or added to.

    Parameters
    ----------
    input : Tensor
    indices : tuple of Tensor
        What would stand between brackets: tensors of int or of bool.
    values : Tensor
        Broadcasts to the selection.
    accumulate : bool, default False
        Add the values, all of them where indices are equal. Else the last one wins.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.index_put(Tensor([1.0, 2.0]), (Tensor([1, 1]),), Tensor([3.0, 4.0]), accumulate=True))
    [1. 9.]
    """
    require_tensor("index_put", "input", input)
    require_tensor("index_put", "values", values)
    places = _places("index_put", input, indices)
    if broadcast_shape("index_put", values.shape, places.shape) != places.shape:
        raise ValueError(f"index_put: values of shape {values.shape} do not fit the selection {places.shape}.")
    return put(input, places, native.broadcast_to(values, places.shape), accumulate)


@op(samples=("put(x(3, 4), i(5, n=12), x(5)) ** 2", "put(x(3, 4), i(2, 2, n=12), x(2, 2), True) ** 2"))
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """The tensor with elements replaced, or added to, at indices into the flattened tensor.

    Parameters
    ----------
    input : Tensor
    index : Tensor of int
    source : Tensor
        As many elements as the index has.
    accumulate : bool, default False
        Add; else the last of equal indices wins.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.put(Tensor([[1, 2], [3, 4]]), Tensor([3, 0]), Tensor([7, 8])))
    [[8 2]
     [3 7]]
    """
    for name, value in (("input", input), ("index", index), ("source", source)):
        require_tensor("put", name, value)
    if index.size != source.size:
        raise ValueError(
            f"put: {index.size} indices and {source.size} values, of shapes {index.shape}, {source.shape}."
        )
    write = native.index_add if accumulate else native.index_copy
    return native.reshape(write(native.ravel(input), 0, native.ravel(index), native.ravel(source)), input.shape)


@op(
    samples=(
        "tensor_scatter_elements(x(3, 4), i(2, 4), x(2, 4)) ** 2",
        "tensor_scatter_elements(x(3, 4), i(3, 2, n=4), x(3, 2), 1, 'add') ** 2",
    )
)
def tensor_scatter_elements(
    input_x: Tensor, indices: Tensor, updates: Tensor, axis: int = 0, reduction: str = "none"
) -> Tensor:
    """Values written or added along an axis: :func:`scatter` in MindSpore's order of arguments.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.tensor_scatter_elements(Tensor([1.0, 2.0]), Tensor([1]), Tensor([7.0])))
    [1. 7.]
    """
    for name, value in (("input_x", input_x), ("indices", indices), ("updates", updates)):
        require_tensor("tensor_scatter_elements", name, value)
    if reduction not in ("none", "add"):
        raise ValueError(f"tensor_scatter_elements: reduction must be 'none' or 'add', got {reduction!r}.")
    return native.scatter(input_x, axis, indices, updates, reduction)


# ---- groups of equal elements ----------------------------------------------------------------------------------------


def _differs(a, b):
    """Where neighbours differ; NaN is equal to NaN."""
    differs = native.not_equal(a, b)
    if not a.dtype.is_floating_point:
        return differs
    return native.logical_and(differs, native.logical_not(native.logical_and(native.isnan(a), native.isnan(b))))


def _groups(differs, count):
    """Return, of elements in order, where groups of equal ones start, in which each is, and how large they are."""
    if count == 0:
        none = native.zeros((0,), int64)
        return none, none, none
    new = native.concat((native.ones((1,), bool_), differs), 0)
    starts = native.ravel(native.nonzero(new))
    ends = native.concat((starts, native.full((1,), count, dtype=int64)), 0)
    return starts, native.sub(native.cumsum(new, 0), 1), native.sub(ends[1:], ends[:-1])


def _rows(op, input, dim):
    """Return a tensor as rows to compare, and the number of the axis; without one every element is a row."""
    if dim is None:
        return native.reshape(input, (-1, 1)) if input.size else native.zeros((0, 1), input.dtype), None
    dim = checked_axis(op, dim, input)
    front = native.movedim(input, dim, 0)
    inside = 1
    for size in front.shape[1:]:
        inside *= size
    return native.reshape(front, (input.shape[dim], inside)), dim


def _unique(input, dim, rows, order, return_inverse, return_counts):
    """`order`: that in which equal rows are neighbours."""
    n = rows.shape[0]
    arranged = rows if order is None else native.gather(rows, order, 0)
    differs = native.any(_differs(arranged[1:], arranged[:-1]), 1) if n else None
    starts, group, counts = _groups(differs, n)
    first = starts if order is None else native.gather(order, starts, 0)
    values = native.gather(native.ravel(input), first, 0) if dim is None else native.gather(input, first, dim)
    results = [values]
    if return_inverse:
        inverse = group if order is None else native.index_copy(native.zeros_like(group), 0, order, group)
        results.append(native.reshape(inverse, input.shape) if dim is None else inverse)
    if return_counts:
        results.append(counts)
    return tuple(results) if len(results) > 1 else values


@op(samples=("unique(i(3, 2))", "unique(i(3, 4), dim=1)"), method=True)
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Tensor:
    """The elements that differ, in order; or the slices along an axis.

    Parameters
    ----------
    input : Tensor
    sorted : bool, default True
        They are sorted either way.
    return_inverse : bool, default False
        Return also where each element of the input stands in the result.
    return_counts : bool, default False
        Return also how often each element is there.
    dim : int, optional

    Returns
    -------
    Tensor, or tuple of Tensor
        NaN is equal to NaN. The derivative goes to the first of equal elements.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> values, counts = ops.unique(Tensor([3, 1, 3]), return_counts=True)
    >>> print(values, counts)
    [1 3] [1 2]
    """
    require_tensor("unique", "input", input)
    rows, dim = _rows("unique", input, dim)
    order = native.arange(rows.shape[0])
    for column in reversed(range(rows.shape[1])):
        order = native.gather(order, native.argsort(native.gather(rows[:, column], order, 0)), 0)
    return _unique(input, dim, rows, order, return_inverse, return_counts)


@op(samples=("unique_consecutive(i(9))", "unique_consecutive(i(3, 4), dim=1)"), method=True)
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Tensor:
    """The elements, or slices along an axis, without those that equal the one before.

    Parameters and results as those of :func:`unique`. The derivative goes to the first of equal elements.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.unique_consecutive(Tensor([1, 1, 2, 1])))
    [1 2 1]
    """
    require_tensor("unique_consecutive", "input", input)
    rows, dim = _rows("unique_consecutive", input, dim)
    return _unique(input, dim, rows, None, return_inverse, return_counts)


# ---- counting --------------------------------------------------------------------------------------------------------


@op(samples=("bincount(i(9))", "bincount(i(9), x(9), 5)"), method=True)
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often every integer from 0 on is there, or the sum of its weights.

    Parameters
    ----------
    input : Tensor of int
        One axis, no negative ones.
    weights : Tensor, optional
        Of the input's shape.
    minlength : int, default 0
        How long the result is at least.

    Raises
    ------
    TypeError, ValueError
        For another dtype, another shape, negative elements.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.bincount(Tensor([1, 3, 1])))
    [0 2 0 1]
    """
    require_tensor("bincount", "input", input)
    if not input.dtype.is_integer:
        raise TypeError(f"bincount: the input must be integers, got {input.dtype}.")
    if input.ndim != 1:
        raise ValueError(f"bincount: the input must have one axis, got shape {input.shape}.")
    if minlength < 0:
        raise ValueError(f"bincount: minlength must not be negative, got {minlength}.")
    length = minlength
    if input.size:
        if (least := int(native.amin(input))) < 0:
            raise ValueError(f"bincount: the input must not be negative, got {least}.")
        length = max(length, int(native.amax(input)) + 1)
    if weights is None:
        weights = native.ones(input.shape, int64)
    else:
        require_tensor("bincount", "weights", weights)
        if weights.shape != input.shape:
            raise ValueError(f"bincount: weights must have the input's shape {input.shape}, got {weights.shape}.")
        weights = countable(weights)
    return native.index_add(native.zeros((length,), weights.dtype), 0, input, weights)


@op(samples=("bucketize(i(3, 4, n=9), arange(1, 8, 2))",))
def bucketize(
    input: Number, boundaries: Tensor | Sequence[float], *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """Between which boundaries every element lies.

    Parameters
    ----------
    input : Tensor or number
    boundaries : Tensor or sequence of numbers
        Sorted.
    out_int32 : bool, default False
    right : bool, default False
        An element that equals a boundary lies behind it; else before.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.bucketize(Tensor([1, 4, 9]), Tensor([3, 5])))
    [0 1 2]
    """
    if not isinstance(boundaries, Tensor):
        boundaries = Tensor(boundaries)
    if boundaries.ndim != 1:
        raise ValueError(f"bucketize: boundaries must have one axis, got shape {boundaries.shape}.")
    return native.searchsorted(boundaries, input, out_int32=out_int32, right=right)


_MOST_BINS = 2**26  # each takes 40 bytes while they are counted


def _range(op, input, low, high):
    """Return the bounds of a histogram: those of the elements where none are given."""
    if low == high == 0:
        # Of no elements 0 to 1, as in NumPy.
        low, high = (float(native.amin(input)), float(native.amax(input))) if input.size else (0.0, 1.0)
    if not low <= high or low - low != 0 or high - high != 0:
        raise ValueError(f"{op}: the range must be finite and in order, got {low} to {high}.")
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def _counts(input, edges, weights):
    """The weights of the elements between edges; of those on the last edge too."""
    flat, bins = native.ravel(input), edges.size - 1
    place = native.sub(native.searchsorted(edges, flat, right=True), 1)
    place = native.where(native.equal(flat, edges[-1]), bins - 1, place)
    inside = native.logical_and(native.greater_equal(place, 0), native.less(place, bins))
    place = native.where(inside, place, bins)
    counts = native.index_add(native.zeros((bins + 1,), weights.dtype), 0, place, native.ravel(weights))
    return native.narrow(counts, 0, 0, bins)


def _require_bins(op, bins):
    if isinstance(bins, bool) or not hasattr(bins, "__index__") or not 1 <= bins <= _MOST_BINS:
        raise ValueError(f"{op}: bins must be an int from 1 to {_MOST_BINS}, got {bins!r}.")
    return int(bins)


@op(samples=("histc(i(9), 4)", "histc(i(9), 3, 1, 2)"), method=True)
def histc(input: Tensor, bins: int = 100, min: float = 0.0, max: float = 0.0) -> Tensor:
    """How many elements lie in each of so many intervals of one length; those outside do not count.

    Parameters
    ----------
    input : Tensor
    bins : int, default 100
    min, max : float, default 0.0
        Where both are 0, the smallest and the largest element.

    Returns
    -------
    Tensor
        Of the input's dtype.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.histc(Tensor([1.0, 2.0, 4.0]), 3))
    [1. 1. 1.]
    """
    require_tensor("histc", "input", input)
    bins = _require_bins("histc", bins)
    low, high = _range("histc", input, min, max)
    edges = native.linspace(low, high, bins + 1, dtype=float64)
    exact = native.cast(native.stop_gradient(input), float64)
    return native.cast(_counts(exact, edges, native.ones(input.shape, int64)), input.dtype)


@op(samples=("histogram(i(9, n=9), 4, (0, 8))", "histogram(i(9), 2, (0, 2), weights=x(9))[0] ** 2"))
def histogram(
    a: Tensor,
    bins: int | Sequence[float] | Tensor = 10,
    range: tuple[float, float] | None = None,
    density: bool = False,
    weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """How many elements lie in each interval, and where the intervals end.

    Parameters
    ----------
    a : Tensor
    bins : int, Tensor or sequence of numbers
        How many intervals of one length, or where they end, in order.
    range : tuple of two numbers, optional
        Without it from the smallest to the largest element. Others do not count.
    density : bool, default False
        Divide by the number of elements and the lengths of the intervals.
    weights : Tensor, optional
        Of the input's shape; count these.

    Returns
    -------
    tuple of Tensor
        The counts, int64 or of the weights' dtype where these are floats, and the edges.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.histogram(Tensor([1.0, 2.0, 4.0]), 3)[0])
    [1 1 1]
    """
    require_tensor("histogram", "a", a)
    own = a.dtype if a.dtype.is_floating_point else float32
    if isinstance(bins, (Tensor, list, tuple)):
        edges = native.cast(bins if isinstance(bins, Tensor) else Tensor(bins), float64)
        if edges.ndim != 1 or edges.size < 2 or bool(native.any(native.less(edges[1:], edges[:-1]))):
            raise ValueError("histogram: the edges must be at least two along one axis, in order.")
    else:
        low, high = _range("histogram", a, *((0, 0) if range is None else map(float, range)))
        edges = native.linspace(low, high, _require_bins("histogram", bins) + 1, dtype=float64)
    if weights is None:
        weights = native.ones(a.shape, int64)
    else:
        require_tensor("histogram", "weights", weights)
        if weights.shape != a.shape:
            raise ValueError(f"histogram: weights must have the input's shape {a.shape}, got {weights.shape}.")
        weights = countable(weights)
    counts = _counts(native.cast(native.stop_gradient(a), float64), edges, weights)
    if density:
        counts = native.cast(native.div(counts, native.sum(counts) * (edges[1:] - edges[:-1])), own)
    return counts, native.cast(edges, own)


# ---- in place --------------------------------------------------------------------------------------------------------


for _name, _function in {
    "index_add_": native.index_add,
    "index_copy_": native.index_copy,
    "index_fill_": native.index_fill,
    "index_put_": index_put,
    "masked_fill_": native.masked_fill,
    "masked_scatter_": masked_scatter,
    "put_": put,
    "scatter_": native.scatter,
    "scatter_add_": native.scatter_add,
    "scatter_reduce_": native.scatter_reduce,
}.items():
    setattr(Tensor, _name, in_place(_name, _function))
