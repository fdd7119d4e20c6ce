"""Functions of ``mindspore.numpy`` that take more than one call of adcore's.

Where a result is a choice of elements, NumPy finds which ones and adcore takes them, so that derivatives go through.
"""

import builtins
import functools
import math

import numpy as np

import adcore
from adcore import Tensor, bool_, float32, int8, int16, int32, ops, uint8, uint16, uint32

_NUMBERS = (bool, int, float, np.generic)
_INT32 = np.iinfo(np.int32)
_WIDE = {np.dtype("int64"): np.int32, np.dtype("float64"): np.float32}


def tensor(value):
    """Return a value as a Tensor: Python ints are int32 where that holds them, floats float32, arrays as they are."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray):
        return Tensor(value)
    if isinstance(value, (list, tuple)) and _holds_tensor(value):
        return ops.stack([tensor(item) for item in value])
    if not isinstance(value, (list, tuple, *_NUMBERS)):
        raise TypeError(f"mindspore.numpy: expected a Tensor, a number or a list of them, got {type(value).__name__}.")
    made = np.asarray(value)
    if made.dtype == object or made.dtype.kind not in "biuf":
        raise TypeError(f"mindspore.numpy: a list must be of numbers and rectangular, got {value!r}.")
    return Tensor(_narrowed(made))


def _narrowed(array):
    """Return 64 bits as 32, but for ints that 32 bits cannot hold."""
    if array.dtype == np.int64 and array.size and (array.max() > _INT32.max or array.min() < _INT32.min):
        return array
    return array.astype(_WIDE.get(array.dtype, array.dtype))


def _holds_tensor(value):
    return any(isinstance(v, Tensor) or isinstance(v, (list, tuple)) and _holds_tensor(v) for v in value)


def floating(value):
    """Return a value as a Tensor of floats."""
    value = tensor(value)
    return value if value.dtype.is_floating_point else value.astype(float32)


def kind(dtype):
    """Return the dtype that is meant by one, by its name, or by a type of Python's or NumPy's; None for None."""
    if dtype is None or isinstance(dtype, type(float32)):
        return dtype
    if dtype in (int, float, "int", "float"):
        return int32 if dtype in (int, "int") else float32
    name = np.dtype(dtype).name
    return getattr(adcore, "bool_" if name == "bool" else name)


def cast(value, dtype):
    """Return a Tensor in a dtype, or as it is for None and where it has it."""
    dtype = kind(dtype)
    return value if dtype is None or value.dtype == dtype else value.astype(dtype)


def _constant(value):
    """Return a value as an array, to compute a choice from."""
    return tensor(value).asnumpy()


def _axes(axis, ndim):
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % ndim for a in (axis if isinstance(axis, (list, tuple)) else (axis,)))


# ---- making arrays ---------------------------------------------------------------------------------------------------


def array(obj, dtype=None, copy=True, ndmin=0):
    """Return a Tensor of numbers, a new one unless `copy` is false, with at least `ndmin` axes."""
    made = cast(tensor(obj), dtype)
    if copy and made is obj:
        made = made.copy()
    return made.reshape((1,) * (ndmin - made.ndim) + made.shape) if made.ndim < ndmin else made


def full(shape, fill_value, dtype=None):
    """Return a Tensor of a shape, filled with a value that is broadcast to it."""
    return cast(ops.broadcast_to(tensor(fill_value), _shape(shape)), dtype).copy()


def _shape(shape):
    return (shape,) if isinstance(shape, int) else tuple(shape)


def arange(start, stop=None, step=None, dtype=None):
    """Return evenly spaced numbers of [start, stop): ints if all are ints."""
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    values = [v.item() if isinstance(v, Tensor) else v for v in (start, stop, step)]
    made = np.arange(*values)
    return cast(Tensor(made.astype(np.float32) if any(_is_float(v) for v in values) else _narrowed(made)), dtype)


def _is_float(value):
    return isinstance(value, (float, np.floating))


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """Return `num` evenly spaced numbers from `start` to `stop`, along a new axis; with the step for `retstep`."""
    start, stop = floating(start), floating(stop)
    parts = num - 1 if endpoint else num
    t = np.arange(num, dtype=np.float64) / builtins.max(parts, 1)
    first, last = broadcast_arrays(start, stop)
    t = Tensor(t.astype(np.float32)).reshape((num,) + (1,) * first.ndim)
    # Exact at both ends, unlike start + t * (stop - start).
    made = ops.moveaxis(first * (1 - t) + last * t, 0, axis)
    step = (last - first) / parts if parts else first * math.nan
    return (cast(made, dtype), step) if retstep else cast(made, dtype)


def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    """Return ``base ** linspace(start, stop, num)``."""
    return cast(ops.pow(float(base), linspace(start, stop, num, endpoint, axis=axis)), dtype)


def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """Return `num` numbers from `start` to `stop`, each a constant multiple of the one before."""
    start, stop = floating(start), floating(stop)
    sign = ops.sign(start)
    made = ops.exp(linspace(ops.log(start * sign), ops.log(stop * sign), num, endpoint, axis=axis))
    return cast(made * ops.expand_dims(sign, axis), dtype)


def eye(N, M=None, k=0, dtype=float32):
    """Return ones on the k-th diagonal."""
    return cast(Tensor(np.eye(N, M, k, dtype=np.float32)), dtype)


def tri(N, M=None, k=0, dtype=float32):
    """Return ones on and below the k-th diagonal."""
    return cast(Tensor(np.tri(N, M, k, dtype=np.float32)), dtype)


def like(value, fill, dtype=None, shape=None):
    """Return a Tensor of the shape and dtype of another, unless others are given, filled with a value."""
    value = tensor(value)
    return ops.full(
        value.shape if shape is None else _shape(shape), fill, dtype=value.dtype if dtype is None else dtype
    )


def _tuple_of_indices(arrays):
    return tuple(Tensor(np.ascontiguousarray(a).astype(np.int32)) for a in arrays)


def tril_indices(n, k=0, m=None):
    """Return the indices of the elements on and below the k-th diagonal of an (n, m) array."""
    return _tuple_of_indices(np.tril_indices(n, k, m))


def triu_indices(n, k=0, m=None):
    """Return the indices of the elements on and above the k-th diagonal of an (n, m) array."""
    return _tuple_of_indices(np.triu_indices(n, k, m))


def diag_indices(n, ndim=2):
    """Return the indices of the main diagonal."""
    return _tuple_of_indices(np.diag_indices(n, ndim))


def indices(dimensions, dtype=int32, sparse=False):
    """Return the index of each element of a grid along each axis."""
    made = np.indices(tuple(dimensions), sparse=sparse)
    return [cast(Tensor(np.ascontiguousarray(a).astype(np.int32)), dtype) for a in made]


def ix_(*args):
    """Return sequences as an open mesh."""
    return _tuple_of_indices(np.ix_(*[_constant(a) for a in args]))


class _Grid:
    """What ``grid[0:3, 0:2]`` makes: all axes filled, or an open mesh."""

    def __init__(self, sparse):
        self._sparse = sparse

    def __getitem__(self, key):
        made = (np.ogrid if self._sparse else np.mgrid)[key]
        if isinstance(made, (list, tuple)):
            return [tensor(m.tolist()) for m in made]
        return tensor(made.tolist())


mgrid, ogrid = _Grid(sparse=False), _Grid(sparse=True)


def vander(x, N=None, increasing=False):
    """Return the powers of a vector's elements, the highest first unless `increasing`."""
    x = tensor(x)
    powers = np.arange(x.size if N is None else N)
    return ops.pow(x.reshape(-1, 1), Tensor((powers if increasing else powers[::-1].copy()).astype(np.int32)))


def randint(minval, maxval=None, shape=None, dtype=int32):
    """Return random ints of [minval, maxval), or of [0, minval)."""
    low, high = (0, minval) if maxval is None else (minval, maxval)
    return cast(ops.randint(low, high, () if shape is None else _shape(shape), dtype=int32), dtype)


def window(name):
    """Return the function that makes one of NumPy's windows."""
    return lambda M: Tensor(getattr(np, name)(M).astype(np.float32))


# ---- shapes ----------------------------------------------------------------------------------------------------------


def transpose(a, axes=None):
    """Return the axes in another order, the reverse one if none is given."""
    a = tensor(a)
    return ops.permute(a, tuple(range(a.ndim))[::-1] if axes is None else _shape(axes))


def rollaxis(x, axis, start=0):
    """Move an axis to before another."""
    x = tensor(x)
    axis, start = axis % x.ndim, start + x.ndim if start < 0 else start
    return ops.moveaxis(x, axis, start - (axis < start))


def split(x, indices_or_sections, axis=0, op="split", equal=True):
    """Cut into equal parts, or before the given indices."""
    x = tensor(x)
    if isinstance(indices_or_sections, int) and equal and x.shape[axis] % indices_or_sections:
        raise ValueError(f"{op}: an axis of size {x.shape[axis]} cannot be cut into {indices_or_sections} equal parts.")
    return tuple(ops.tensor_split(x, indices_or_sections, axis))


def append(arr, values, axis=None):
    """Return values behind those of an array, along an axis, or both flat."""
    arr, values = tensor(arr), tensor(values)
    return ops.cat((arr.ravel(), values.ravel()), 0) if axis is None else ops.cat((arr, values), axis)


def broadcast_arrays(*args):
    """Return arrays broadcast against each other."""
    made = [tensor(a) for a in args]
    shape = np.broadcast_shapes(*[a.shape for a in made])
    return [ops.broadcast_to(a, shape) for a in made]


def size(a, axis=None):
    """Return the number of elements, or that along an axis."""
    a = tensor(a)
    return a.size if axis is None else math.prod(a.shape[i] for i in _axes(axis, a.ndim))


_BY_INDEX = ("edge", "reflect", "symmetric", "wrap")
_OF_STATISTICS = {"maximum": ops.amax, "minimum": ops.amin, "mean": ops.mean}


def pad(
    arr,
    pad_width,
    mode="constant",
    stat_length=None,
    constant_values=0,
    end_values=0,
    reflect_type="even",
    **kwargs,
):
    """Return an array with values around it, by NumPy's modes."""
    arr = tensor(arr)
    if callable(mode):
        raise NotImplementedError("pad: mode must be the name of one, not a function.")
    if mode not in (*_BY_INDEX, *_OF_STATISTICS, "constant", "empty", "linear_ramp", "median"):
        raise ValueError(f"pad: there is no mode {mode!r}.")
    if reflect_type not in ("even", "odd"):
        raise ValueError(f"pad: reflect_type must be 'even' or 'odd', got {reflect_type!r}.")
    widths, constants, ends = (
        np.broadcast_to(np.asarray(v), (arr.ndim, 2)).tolist() for v in (pad_width, constant_values, end_values)
    )
    lengths = np.broadcast_to(np.asarray(stat_length), (arr.ndim, 2)).tolist()
    for axis, width in enumerate(widths):
        if mode in _BY_INDEX:
            arr = _by_index(arr, axis, width, mode, reflect_type)
            continue
        sides = []
        for side in (0, 1):
            shape = (*arr.shape[:axis], width[side], *arr.shape[axis + 1 :])
            edge = ops.narrow(arr, axis, 0 if side == 0 else arr.shape[axis] - 1, 1)
            if mode in ("constant", "empty"):
                value = ops.full(shape, constants[axis][side] if mode == "constant" else 0, dtype=arr.dtype)
            elif mode == "linear_ramp":
                t = np.arange(width[side], dtype=np.float32) / builtins.max(width[side], 1)
                t = Tensor(t if side == 0 else np.ascontiguousarray(1 - 1 / builtins.max(width[side], 1) - t))
                t = t.reshape(tuple(-1 if i == axis else 1 for i in range(arr.ndim)))
                value = edge * t + ends[axis][side] * (1 - t)
            else:
                length = builtins.min(lengths[axis][side] or arr.shape[axis], arr.shape[axis])
                part = ops.narrow(arr, axis, 0 if side == 0 else arr.shape[axis] - length, length)
                value = ops.broadcast_to(_statistic(part, axis, mode), shape)
            sides.append(_rounded(value, arr.dtype))
        arr = ops.cat((sides[0], arr, sides[1]), axis)
    return arr


def _statistic(part, axis, mode):
    if mode != "median":
        return _OF_STATISTICS[mode](part, axis, True)
    ordered, count = ops.sort(part, axis)[0], part.shape[axis]
    return ops.mean(ops.narrow(ordered, axis, (count - 1) // 2, 2 - count % 2), axis, True)


def _rounded(value, dtype):
    if value.dtype != dtype and value.dtype.is_floating_point and not dtype.is_floating_point:
        value = ops.round(value)
    return value.astype(dtype)


def _by_index(arr, axis, width, mode, reflect_type):
    if reflect_type == "odd" and mode in ("reflect", "symmetric"):
        raise NotImplementedError("pad: reflect_type 'odd' is not there.")
    return ops.index_select(arr, axis, Tensor(np.pad(np.arange(arr.shape[axis]), width, mode)))


# ---- reductions ------------------------------------------------------------------------------------------------------


def extreme(name):
    """Return ``max`` or ``min`` with `initial` and `where`."""
    reduce, of_two = getattr(ops, f"a{name}"), getattr(ops, f"{name}imum")

    def body(a, axis=None, keepdims=False, initial=None, where=True):
        a = tensor(a)
        if where is not True:
            if initial is None:
                raise ValueError(f"{name}: where needs initial.")
            a = ops.where(where, a, ops.cast(tensor(initial), a.dtype))
        made = reduce(a, axis=axis, keepdims=keepdims)
        return made if initial is None else of_two(made, ops.cast(tensor(initial), made.dtype))

    return body


def average(x, axis=None, weights=None, returned=False):
    """Return the weighted mean; with the sum of the weights for `returned`."""
    x = floating(x)
    if weights is None:
        made = ops.mean(x, axis=axis)
        total = ops.full_like(made, size(x, axis))
    else:
        weights = floating(weights)
        if weights.shape != x.shape:
            if not isinstance(axis, int):
                raise TypeError("average: weights of another shape than x need an axis.")
            if weights.shape != (x.shape[axis],):
                raise ValueError(f"average: weights of the shape {weights.shape} do not fit x of {x.shape}.")
            weights = ops.moveaxis(ops.broadcast_to(weights, (*ops.moveaxis(x, axis, -1).shape,)), -1, axis)
        total = ops.sum(weights, dim=axis)
        made = ops.sum(x * weights, dim=axis) / total
    return (made, total) if returned else made


def nan_extreme(name):
    """Return ``nanmax`` or ``nanmin``: of no numbers, nan."""
    reduce, least = getattr(ops, f"a{name}"), -math.inf if name == "max" else math.inf

    def body(a, axis=None, dtype=None, keepdims=False):
        a = tensor(a)
        if not a.dtype.is_floating_point:
            return cast(reduce(a, axis=axis, keepdims=keepdims), dtype)
        missing = ops.isnan(a)
        made = reduce(ops.where(missing, least, a), axis=axis, keepdims=keepdims)
        return cast(ops.where(ops.all(missing, axis=axis, keepdims=keepdims), math.nan, made), dtype)

    return body


def nanvar(a, axis=None, dtype=None, ddof=0, keepdims=False):
    """Return the variance of what is not nan."""
    a = floating(a)
    missing = ops.isnan(a)
    count = ops.sum((~missing).astype(a.dtype), dim=axis, keepdim=keepdims)
    # A difference between infinities is nan, too, but not missing.
    difference = ops.where(missing, 0.0, a - ops.nanmean(a, axis=axis, keepdims=True))
    return cast(ops.sum(difference * difference, dim=axis, keepdim=keepdims) / (count - ddof), dtype)


def nanstd(a, axis=None, dtype=None, ddof=0, keepdims=False):
    """Return the standard deviation of what is not nan."""
    return cast(ops.sqrt(nanvar(a, axis, None, ddof, keepdims)), dtype)


def scan(op, before=tensor):
    """Return a cumulative function: of the flat array where no axis is given."""

    def body(a, axis=None, dtype=None):
        a = cast(before(a), dtype)
        if dtype is None and a.dtype in (int8, int16, uint8, uint16):
            a = a.astype(uint32 if a.dtype in (uint8, uint16) else int32)  # where sums and products overflow less
        return cast(op(a.ravel(), 0) if axis is None else op(a, axis), dtype)

    return body


def without_nan(a):
    """Return an array with zeros for nan."""
    a = tensor(a)
    return ops.where(ops.isnan(a), 0.0, a) if a.dtype.is_floating_point else a


def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, dtype=None):
    """Return the covariances of variables, which are the rows unless `rowvar` is false."""
    m = _variables(m, y, rowvar)
    weights = {
        name: None if given is None else tensor(given)
        for name, given in {"fweights": fweights, "aweights": aweights}.items()
    }
    return cast(ops.cov(m, correction=(0 if bias else 1) if ddof is None else ddof, **weights), dtype)


def corrcoef(x, y=None, rowvar=True, dtype=None):
    """Return the correlations of variables, which are the rows unless `rowvar` is false."""
    return cast(ops.corrcoef(_variables(x, y, rowvar)), dtype)


def _variables(m, y, rowvar):
    def rows(v):
        v = floating(v)
        return v.T if v.ndim == 2 and not rowvar and v.shape[0] != 1 else v

    m = rows(m)
    return m if y is None else ops.cat((ops.atleast_2d(m), ops.atleast_2d(rows(y))), 0)


# ---- choosing elements -----------------------------------------------------------------------------------------------


def take(a, indices, axis=None, mode="clip"):
    """Take elements; by `mode`, an index outside is moved to the nearest end, goes around, or is an error."""
    a, indices = tensor(a), tensor(indices)
    if axis is None:
        a, axis = a.ravel(), 0
    return ops.gather(a, _inside("take", indices, a.shape[axis], mode), axis)


def _inside(op, index, count, mode):
    if mode not in ("clip", "wrap", "raise"):
        raise ValueError(f"{op}: mode must be 'clip', 'wrap' or 'raise', got {mode!r}.")
    if mode == "clip":
        return ops.clamp(index, 0, count - 1)
    if mode == "wrap":
        return index % count
    array = _constant(index)
    if ((array < -count) | (array >= count)).any():
        raise ValueError(f"{op}: an index is out of range for a size of {count}.")
    return Tensor(array % count)


def choose(a, choices, mode="clip"):
    """Return for each element that of the choice of its number."""
    a = tensor(a)
    choices = broadcast_arrays(a, *(choices if isinstance(choices, (list, tuple)) else ops.unbind(choices)))
    index = _inside("choose", choices[0], len(choices) - 1, mode)
    return ops.gather_elements(ops.stack(choices[1:]), 0, ops.expand_dims(index, 0).astype(int32)).squeeze(0)


def select(condlist, choicelist, default=0):
    """Return for each element that of the first choice whose condition holds."""
    condlist, choicelist = [[tensor(v) for v in given] for given in (condlist, choicelist)]
    if len(condlist) != len(choicelist):
        raise ValueError(f"select: there are {len(condlist)} conditions, but {len(choicelist)} choices.")
    made = tensor(default)
    for condition, choice in reversed(list(zip(condlist, choicelist))):
        made = ops.where(condition, choice, made)
    return made


def piecewise(x, condlist, funclist, *args, **kw):
    """Return the values of functions, or constants, where their conditions hold; the last that holds counts."""
    x = tensor(x)
    if not isinstance(condlist, (list, tuple)) or condlist and isinstance(condlist[0], (bool, np.bool_)):
        condlist = [condlist]
    conditions = [tensor(c).astype(bool_) for c in condlist]
    functions = list(funclist)
    if len(functions) == len(conditions) + 1:
        rest = ~functools.reduce(ops.logical_or, conditions)
        conditions.append(rest)
    if len(functions) != len(conditions):
        raise ValueError(f"piecewise: there are {len(condlist)} conditions, but {len(functions)} functions.")
    made = ops.zeros_like(x)
    for condition, function in zip(conditions, functions):
        value = function(x, *args, **kw) if callable(function) else tensor(function)
        made = ops.where(condition, value.astype(x.dtype), made)
    return made


def unique(x, return_inverse=False):
    """Return the sorted elements without doubles; with where each went for `return_inverse`."""
    x = tensor(x)
    _, first, inverse = np.unique(x.asnumpy().ravel(), return_index=True, return_inverse=True)
    made = ops.gather(x.ravel(), Tensor(first), 0)
    return (made, Tensor(inverse.reshape(x.shape).astype(np.int32))) if return_inverse else made


def intersect1d(ar1, ar2, assume_unique=False, return_indices=False):
    """Return the sorted elements that both have; with their first indices in each for `return_indices`."""
    ar1, ar2 = tensor(ar1), tensor(ar2)
    _, of_1, of_2 = np.intersect1d(ar1.asnumpy(), ar2.asnumpy(), assume_unique, return_indices=True)
    made = ops.gather(ar1.ravel(), Tensor(of_1), 0)
    return (made, *_tuple_of_indices((of_1, of_2))) if return_indices else made


def setdiff1d(ar1, ar2, assume_unique=False):
    """Return the elements of the first that the second lacks, sorted unless they are said to be unique."""
    ar1 = tensor(ar1).ravel() if assume_unique else unique(ar1)
    return ops.masked_select(ar1, ~ops.isin(ar1, tensor(ar2)))


def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    """Return the results of a function of the vectors along an axis, in their place."""
    arr = tensor(arr)
    axis = axis % arr.ndim
    moved = ops.moveaxis(arr, axis, -1)
    rows = [tensor(func1d(row, *args, **kwargs)) for row in moved.reshape(-1, moved.shape[-1])]
    made = ops.stack(rows).reshape(moved.shape[:-1] + rows[0].shape)
    for i in range(rows[0].ndim):
        made = ops.moveaxis(made, arr.ndim - 1 + i, axis + i)
    return made


def apply_over_axes(func, a, axes):
    """Apply a function ``func(a, axis)`` over one axis after the other, and keep the axes."""
    a = tensor(a)
    for axis in _axes(axes, a.ndim):
        made = func(a, axis)
        a = made if made.ndim == a.ndim else ops.expand_dims(made, axis)
    return a


# ---- numbers ---------------------------------------------------------------------------------------------------------


def promote_types(type1, type2):
    """Return the dtype that two dtypes meet in."""
    return (ops.zeros((1,), kind(type1)) + ops.zeros((1,), kind(type2))).dtype


def result_type(*arrays_and_dtypes):
    """Return the dtype that arrays, numbers and dtypes meet in."""
    types = (str, type, np.dtype, type(float32))
    kinds = [kind(k) if isinstance(k, types) else tensor(k).dtype for k in arrays_and_dtypes]
    return functools.reduce(promote_types, kinds)


def array_equal(a1, a2, equal_nan=False):
    """Return whether shapes and elements are equal, a Tensor."""
    a1, a2 = tensor(a1), tensor(a2)
    if a1.shape != a2.shape:
        return Tensor(False)
    same = a1 == a2
    return ops.all(same | (ops.isnan(a1) & ops.isnan(a2)) if equal_nan else same)


def array_equiv(a1, a2):
    """Return whether elements are equal when one is broadcast to the other, a Tensor."""
    a1, a2 = tensor(a1), tensor(a2)
    try:
        shape = np.broadcast_shapes(a1.shape, a2.shape)
    except ValueError:
        return Tensor(False)
    return ops.all(a1 == a2) if shape in (a1.shape, a2.shape) else Tensor(False)


def interp(x, xp, fp, left=None, right=None):
    """Return the piecewise linear function through points, outside of them their ends or `left` and `right`."""
    x, xp, fp = floating(x), floating(xp), floating(fp)
    at = np.clip(np.searchsorted(xp.asnumpy(), x.asnumpy(), side="right") - 1, 0, builtins.max(xp.size - 2, 0))
    low, high = Tensor(at), Tensor(np.minimum(at + 1, xp.size - 1))
    x0, y0, x1, y1 = (ops.gather(v, i, 0) for i in (low, high) for v in (xp, fp))
    made = y0 if xp.size == 1 else y0 + (y1 - y0) / (x1 - x0) * (x - x0)
    made = ops.where(x < xp[0], fp[0] if left is None else float(left), made)
    return ops.where(x > xp[-1], fp[-1] if right is None else float(right), made)


def digitize(x, bins, right=False):
    """Return the number of the bin of each element; the edges rise or fall."""
    edges = _constant(bins)
    return Tensor(np.digitize(_constant(x), edges, right).astype(np.int32))


def histogram_bin_edges(a, bins=10, range=None, weights=None):
    """Return the edges of the bins of a histogram."""
    bins = bins if isinstance(bins, int) else _constant(bins)
    return Tensor(np.histogram_bin_edges(_constant(a), bins, range).astype(np.float32))


def histogramdd(sample, bins=10, range=None, weights=None, density=False):
    """Return the histogram of points, the rows of `sample`, and the edges along each axis."""
    sample = ops.stack([tensor(s) for s in sample], 1) if isinstance(sample, (list, tuple)) else tensor(sample)
    if isinstance(bins, (list, tuple, Tensor)):
        bins = [b if isinstance(b, int) else _constant(b) for b in bins]
    counted, edges = np.histogramdd(sample.asnumpy(), bins, range)
    if weights is not None or density:
        weights = None if weights is None else tensor(weights).asnumpy()
        counted, edges = np.histogramdd(sample.asnumpy(), bins, range, density, weights)
    return Tensor(counted.astype(np.float32)), [Tensor(e.astype(np.float32)) for e in edges]


def histogram2d(x, y, bins=10, range=None, weights=None, density=False):
    """Return the histogram of points in the plane, and the edges along both axes."""
    counted, (of_x, of_y) = histogramdd([x, y], bins, range, weights, density)
    return counted, of_x, of_y


def convolve(a, v, mode="full"):
    """Return the discrete convolution of two vectors."""
    a, v = ops.atleast_1d(tensor(a)), ops.atleast_1d(tensor(v))
    if a.ndim != 1 or v.ndim != 1 or not a.size or not v.size:
        raise ValueError(f"convolve: expected two vectors with elements, got the shapes {a.shape} and {v.shape}.")
    if v.size > a.size:
        a, v = v, a
    sizes = {
        "full": (0, a.size + v.size - 1),
        "same": ((v.size - 1) // 2, a.size),
        "valid": (v.size - 1, a.size - v.size + 1),
    }
    if mode not in sizes:
        raise ValueError(f"convolve: mode must be 'full', 'same' or 'valid', got {mode!r}.")
    start, count = sizes[mode]
    padded = pad(a, v.size - 1)
    rows = Tensor(start + np.arange(count)[:, None] + np.arange(v.size))
    return ops.sum(ops.gather(padded, rows, 0) * ops.flip(v, (0,)), dim=1)


def correlate(a, v, mode="valid"):
    """Return the cross-correlation of two vectors."""
    a, v = tensor(a), tensor(v)
    if v.size > a.size:
        return ops.flip(convolve(ops.flip(a, (0,)), v, mode), (0,))
    return convolve(a, ops.flip(v, (0,)), mode)


def unwrap(p, discont=math.pi, axis=-1):
    """Return angles with jumps above `discont` replaced by their complement to full turns."""
    p = floating(p)
    values = p.asnumpy()
    turns = np.unwrap(values, discont, axis) - values
    return p + Tensor(turns.astype(values.dtype))


def diff(a, n=1, axis=-1, prepend=None, append=None):
    """Return the n-th difference along an axis, after numbers or arrays at the ends are added."""
    a = tensor(a)

    def end(value):
        if value is None:
            return None
        value = tensor(value)
        shape = tuple(1 if i == axis % a.ndim else count for i, count in enumerate(a.shape))
        return ops.broadcast_to(value, shape) if value.ndim == 0 else value

    return ops.diff(a, n, axis, end(prepend), end(append))


def roll(a, shift, axis=None):
    """Return the elements moved along axes, those that leave at one end coming in at the other."""
    a = tensor(a)
    if axis is None or isinstance(shift, int) and isinstance(axis, int):
        return ops.roll(a, shift, axis)
    shifts, axes = (v.tolist() for v in np.broadcast_arrays(shift, axis))
    for one, along in zip(shifts, axes):
        a = ops.roll(a, one, along)
    return a


def ediff1d(ary, to_end=None, to_begin=None):
    """Return the differences of the flat elements, between what `to_begin` and `to_end` give."""
    flat = tensor(ary).ravel()
    parts = [None if to_begin is None else tensor(to_begin).ravel(), flat[1:] - flat[:-1]]
    parts.append(None if to_end is None else tensor(to_end).ravel())
    return ops.cat([part for part in parts if part is not None], 0)


def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """Return the cross product of vectors of two or three elements."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = ops.moveaxis(tensor(a), axisa, -1), ops.moveaxis(tensor(b), axisb, -1)
    if {a.shape[-1], b.shape[-1]} - {2, 3}:
        raise ValueError(f"cross: vectors must have 2 or 3 elements, got {a.shape[-1]} and {b.shape[-1]}.")
    flat = a.shape[-1] == b.shape[-1] == 2
    a, b = (pad(v, [(0, 0)] * (v.ndim - 1) + [(0, 3 - v.shape[-1])]) for v in (a, b))
    a, b = broadcast_arrays(a, b)
    made = ops.cross(a, b, dim=-1)
    return made[..., 2] if flat else ops.moveaxis(made, -1, axisc)


def gradient(f, *varargs, axis=None, edge_order=1):
    """Return the derivative by finite differences along one axis, or a list of those along several."""
    f = floating(f)
    spacing = [v if isinstance(v, (int, float)) else floating(v) for v in varargs]
    if len(spacing) < 2:
        spacing = spacing[0] if spacing and isinstance(spacing[0], (int, float)) else spacing or None
    made = ops.gradient(f, spacing=spacing, dim=axis, edge_order=edge_order)
    return made[0] if len(made) == 1 else list(made)


def ravel_multi_index(multi_index, dims, mode="clip", order="C"):
    """Return the index into the flat array for an index along each axis."""
    if order not in ("C", "F"):
        raise ValueError(f"ravel_multi_index: order must be 'C' or 'F', got {order!r}.")
    dims = _shape(dims)
    parts = [_inside("ravel_multi_index", tensor(i), n, mode) for i, n in zip(multi_index, dims, strict=True)]
    steps = [math.prod(dims[i + 1 :]) if order == "C" else math.prod(dims[:i]) for i in range(len(dims))]
    return functools.reduce(ops.add, [part * step for part, step in zip(parts, steps)])


# ---- polynomials -----------------------------------------------------------------------------------------------------


def _same_length(a1, a2):
    a1, a2 = ops.atleast_1d(tensor(a1)), ops.atleast_1d(tensor(a2))
    count = builtins.max(a1.size, a2.size)
    return [pad(a, (count - a.size, 0)) for a in (a1, a2)]


def polyadd(a1, a2):
    """Return the coefficients of the sum of polynomials, the highest power first."""
    return ops.add(*_same_length(a1, a2))


def polysub(a1, a2):
    """Return the coefficients of the difference of polynomials, the highest power first."""
    return ops.sub(*_same_length(a1, a2))


def polymul(a1, a2):
    """Return the coefficients of the product of polynomials, the highest power first."""
    return convolve(ops.atleast_1d(tensor(a1)), ops.atleast_1d(tensor(a2)))


def polyval(p, x):
    """Return the value of a polynomial at points."""
    p, x = tensor(p), tensor(x)
    made = ops.zeros_like(x)
    for coefficient in p:
        made = made * x + coefficient
    return made


def polyder(p, m=1):
    """Return the coefficients of the m-th derivative of a polynomial."""
    p = tensor(p)
    for _ in range(m):
        p = p[:-1] * Tensor(np.arange(p.size - 1, 0, -1).astype(np.int32))
    return p


def polyint(p, m=1, k=None):
    """Return the coefficients of the m-th antiderivative of a polynomial, with the constants `k`."""
    p = floating(p)
    constants = np.broadcast_to(0.0 if k is None else np.asarray(k, np.float32), (m,)).tolist()
    for constant in constants:
        p = ops.cat((p / Tensor(np.arange(p.size, 0, -1).astype(np.float32)), Tensor([constant], p.dtype)), 0)
    return p
