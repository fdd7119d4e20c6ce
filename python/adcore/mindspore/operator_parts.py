"""What the rows of `operator_table` say beside functions of `adcore.ops`: conventions of MindSpore, one place each."""

import functools
import math

import adcore
from adcore import Tensor, communication, jvp, ops, vjp
from adcore._context import without_meaning
from adcore._ops.declare import require_tensor

from . import dtypes
from .composite import _kind


def given(operator, value):
    """Return a Tensor; anything else is a TypeError."""
    require_tensor(operator, "the operand", value)
    return value


def ints(value):
    """Return the ints of a Tensor, or of a sequence of numbers and Tensors, as an int or a tuple; None as it is."""
    if isinstance(value, (tuple, list)):
        return tuple(ints(each) for each in value)
    if isinstance(value, Tensor):
        if value.dtype.is_floating_point:
            raise TypeError(f"expected ints, got a Tensor of {value.dtype}.")
        value = value.tolist()
        return tuple(value) if isinstance(value, list) else int(value)
    return value


def number(value):
    """Return the number of a Tensor that holds one, and a number as it is."""
    return value.item() if isinstance(value, Tensor) else value


def pair(value, count=2):
    """Return a window's size: an int, or one an axis, in front of which batch and channel may stand."""
    if value is None or isinstance(value, int):
        return value
    value = tuple(value)
    return value[-count:] if len(value) == count + 2 else value


def axes(axis):
    """Return the axes of a reduction: an empty tuple is all of them."""
    axis = ints(axis)
    return None if axis == () else axis


def reduced(function, x, axis, keep_dims):
    """Reduce over axes with the dtype of the input, which adcore's sums and products of ints and bools widen."""
    if isinstance(x, Tensor) and x.ndim == 0 and axes(axis) in (0, -1, (0,), (-1,)):
        return x
    y = function(x, axes(axis), keep_dims)
    return y if y.dtype == x.dtype or function not in (ops.sum, ops.prod) else ops.cast(y, x.dtype)


def accumulated(x, axis, exclusive, reverse, product):
    """Sum or multiply along an axis, without the element itself and from the end where asked."""
    axis = ints(axis)
    if reverse:
        x = ops.flip(x, (axis,))
    y = (ops.cumprod if product else ops.cumsum)(x, axis, dtype=x.dtype)
    if exclusive:
        first = (ops.ones_like if product else ops.zeros_like)(ops.narrow(x, axis, 0, min(1, x.shape[axis])))
        y = ops.concat((first, ops.narrow(y, axis, 0, max(x.shape[axis] - 1, 0))), axis)
    return ops.flip(y, (axis,)) if reverse else y


def norm_over(x, axis, keep_dims):
    """Return the Euclidean norm over axes."""
    return ops.sqrt(ops.sum(x * x, axes(axis), keep_dims))


def confusion(labels, predictions, weights, count, dtype):
    """Return how often each class was predicted for each label."""
    dtype = getattr(adcore, dtype) if isinstance(dtype, str) else dtype
    weights = ops.ones(labels.shape, dtype) if weights is None else ops.cast(weights, dtype)
    places = ops.cast(ops.stack((labels, predictions), -1), adcore.int64)
    return ops.tensor_scatter_add(ops.zeros((count, count), dtype), places, weights)


def nearest(function, x, axis, keep_dims):
    """Return where the greatest or least element along an axis is, and then the element."""
    value, index = function(x, axis, keep_dims)
    return index, value


# ---- writing to parameters ---------------------------------------------------------------------------------------


def written(*pairs):
    """Give each variable its new value; returns the values, one alone where there is one."""
    values = tuple(ops.assign(variable, ops.cast(value, variable.dtype)) for variable, value in pairs)
    return values[0] if len(values) == 1 else values


def scattered(kind, x, indices, updates, in_place=True):
    """Combine slices of the first axis with updates: `kind` is the tensor_scatter function."""
    value = placed(kind, x, ops.expand_dims(indices, -1), updates)
    return written((x, value)) if in_place else value


def placed(kind, x, indices, updates):
    """Combine parts of a tensor with updates; ints are divided in float64 and cut."""
    if kind is ops.tensor_scatter_div and "Int" in str(x.dtype):
        wide, by = ops.cast(x, adcore.float64), ops.cast(updates, adcore.float64)
        return ops.cast(ops.trunc(kind(wide, indices, by)), x.dtype)
    return kind(x, indices, updates)


def places_of(indices):
    """Return an int, or a sequence of them, as a vector."""
    return ops.reshape(as_tensor(indices), (-1,))


# ---- gradients ---------------------------------------------------------------------------------------------------


def pulled(function, value, cotangent):
    """Return the cotangent of a function's argument; of several arguments, given as a tuple, a tuple."""
    values = value if isinstance(value, tuple) else (value,)
    result, pull = vjp(function, *values)
    found = pull(ops.reshape(cotangent, result.shape))
    return found[0] if isinstance(found, tuple) and len(values) == 1 else found


def pushed(function, value, tangent):
    """Return the tangent of a function's result."""
    return jvp(function, value, tangent)[1]


# ---- shapes ------------------------------------------------------------------------------------------------------


def strided(x, begin, end, strides, begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask):
    """Return x[begin:end:strides], where bit i of a mask says what position i is instead."""
    places = []
    for i, (first, last, step) in enumerate(zip(ints(begin), ints(end), ints(strides))):
        bit = 1 << i
        if ellipsis_mask & bit:
            places.append(Ellipsis)
        elif new_axis_mask & bit:
            places.append(None)
        elif shrink_axis_mask & bit:
            places.append(first)
        else:
            places.append(slice(None if begin_mask & bit else first, None if end_mask & bit else last, step))
    return x[tuple(places)]


def sliced(x, begin, size):
    """Return the part of a tensor that begins at an index and has a size; a size of -1 is all that follows."""
    begin, size = ints(begin), ints(size)
    return x[tuple(slice(b, None if s == -1 else b + s) for b, s in zip(begin, size))]


def padded_last(x, paddings, value, mode, contiguous):
    """Pad the last axes: pairs of counts from the last axis on, or first all counts in front and then all behind."""
    paddings = ints(paddings)
    if not contiguous:
        half = len(paddings) // 2
        paddings = [count for pair in zip(paddings[:half], paddings[half:]) for count in pair]
    if mode == "constant":
        return ops.pad(x, paddings, value=0 if value is None else number(value))
    return ops.pad(x, paddings, {"edge": "replicate"}.get(mode, mode))


def length_padded(size, paddings, contiguous):
    """Return the shape before `padded_last`."""
    half = len(paddings) // 2
    pairs = zip(paddings[::2], paddings[1::2]) if contiguous else zip(paddings[:half], paddings[half:])
    less = [before + after for before, after in pairs]
    return tuple(n - less[len(size) - 1 - i] if len(size) - 1 - i < len(less) else n for i, n in enumerate(size))


def padded(x, paddings, mode="constant", value=0):
    """Pad each axis by a pair of counts, in the order of the axes."""
    flat = [count for before_after in reversed(ints(paddings)) for count in before_after]
    if mode == "constant":
        return ops.pad(x, flat, value=value)
    for axis, (before, after) in enumerate(ints(paddings)):  # 'reflect' leaves the edge out, 'symmetric' repeats it
        edge, size = (1 if mode == "reflect" else 0), x.shape[axis]
        if max(before, after) > size - edge:
            raise ValueError(
                f"MirrorPad: axis {axis} of {size} elements has too few for {(before, after)} in mode {mode!r}."
            )
        head = ops.flip(ops.narrow(x, axis, edge, before), (axis,))
        tail = ops.flip(ops.narrow(x, axis, size - edge - after, after), (axis,))
        x = ops.concat((head, x, tail), axis)
    return x


def gathered(params, indices, axis, batch_dims):
    """Take slices along an axis, with as many leading axes in common as `batch_dims` says."""
    return params.gather(indices, ints(axis), batch_dims)


def looked_up(params, indices, offset):
    """Take rows of a table whose first row has the number `offset`; a number outside of it gives zeros."""
    places = indices - offset
    inside = ops.logical_and(places >= 0, places < params.shape[0])
    rows = ops.gather(params, ops.where(inside, places, 0), 0)
    return ops.where(ops.reshape(inside, (*inside.shape, *(1,) * (params.ndim - 1))), rows, ops.zeros_like(rows))


def reversed_parts(x, lengths, seq_dim, batch_dim):
    """Reverse the first elements along one axis, as many as another axis' entry says."""
    places = ops.reshape(ops.arange(x.shape[seq_dim]), _along(x.ndim, seq_dim))
    length = ops.reshape(ops.cast(lengths, adcore.int64), _along(x.ndim, batch_dim))
    index = ops.where(places < length, length - 1 - places, places)
    return ops.gather_elements(x, seq_dim, ops.broadcast_to(index, x.shape))


def _along(ndim, axis):
    return tuple(-1 if i == axis % ndim else 1 for i in range(ndim))


def segments(function, x, ids, count, start):
    """Combine slices of x into `count` results, which begin as `start`; a negative id is left out."""
    flat = ops.reshape(x, (-1, *x.shape[ids.ndim :]))
    ids, (count,) = ops.reshape(ids, (-1,)), pair_of(ints(count), 1)
    kept = ids >= 0
    if not all(ops.reshape(kept, (-1,)).tolist()):
        flat, ids = flat[kept], ids[kept]
    return function(ops.full((count, *flat.shape[1:]), start, dtype=x.dtype), ops.expand_dims(ids, -1), flat)


def lowest(dtype):
    """Return the least number of a dtype, of bool False."""
    return False if dtype == adcore.bool_ else _limits(dtype).min


def highest(dtype):
    """Return the greatest number of a dtype, of bool True."""
    return True if dtype == adcore.bool_ else _limits(dtype).max


def epsilon_of(dtype):
    """Return how far one and the next number of a dtype are apart."""
    return 2.0**-7 if dtype == adcore.bfloat16 else float(_limits(dtype).eps)


def _limits(dtype):
    import numpy as np

    name = "float32" if dtype == adcore.bfloat16 else str(dtype).lower()
    return np.finfo(name) if "float" in name else np.iinfo(name)


def count_of(ids):
    """Return how many segments sorted ids name."""
    return int(ids.tolist()[-1]) + 1 if ids.size else 0


def sorted_segments(function, x, ids, start):
    """Combine slices of x by sorted ids, of which the last is the greatest; a result of nothing is zero."""
    count = count_of(ids)
    y = segments(function, x, ids, count, start)
    found = segments(ops.tensor_scatter_add, ops.ones(ids.shape, x.dtype), ids, count, 0) > 0
    return ops.where(ops.reshape(found, (-1, *(1,) * (x.ndim - 1))), y, ops.zeros_like(y))


def mean_of_segments(x, ids):
    """Average slices of x by sorted ids."""
    count = count_of(ids)
    sums = segments(ops.tensor_scatter_add, x, ids, count, 0)
    number = segments(ops.tensor_scatter_add, ops.ones(ids.shape, x.dtype), ids, count, 0)
    return sums / ops.reshape(ops.maximum(number, 1), (-1, *(1,) * (x.ndim - 1)))


def blocks_from_depth(x, size):
    """Move channels to blocks of space: the block's place is the slow part of the channel."""
    n, c, h, w = x.shape
    x = ops.transpose(ops.reshape(x, (n, size, size, c // size**2, h, w)), (0, 3, 4, 1, 5, 2))
    return ops.reshape(x, (n, c // size**2, h * size, w * size))


def depth_from_blocks(x, size):
    """Move blocks of space to channels: the block's place becomes the slow part of the channel."""
    n, c, h, w = x.shape
    x = ops.transpose(ops.reshape(x, (n, c, h // size, size, w // size, size)), (0, 3, 5, 1, 2, 4))
    return ops.reshape(x, (n, c * size**2, h // size, w // size))


def space_to_batch(x, block, paddings):
    """Move blocks of the last axes to the batch, after padding them."""
    block = pair_of(block, x.ndim - 2)
    lead = x.ndim - len(block)
    x = padded(x, [(0, 0)] * lead + [tuple(p) for p in paddings])
    split = [n for size, b in zip(x.shape[lead:], block) for n in (size // b, b)]
    y = ops.reshape(x, (*x.shape[:lead], *split))
    inner = [lead + 2 * i + 1 for i in range(len(block))]
    outer = [lead + 2 * i for i in range(len(block))]
    y = ops.transpose(y, (*inner, *range(lead), *outer))
    return ops.reshape(
        y, (math.prod(block) * x.shape[0], *x.shape[1:lead], *[x.shape[lead + i] // b for i, b in enumerate(block)])
    )


def batch_to_space(x, block, crops):
    """Move the batch to blocks of the last axes, and then cut their edges."""
    block = pair_of(block, x.ndim - 2)
    n, lead = len(block), x.ndim - len(block)
    batch = x.shape[0] // math.prod(block)
    y = ops.reshape(x, (*block, batch, *x.shape[1:]))
    order = [*range(n, n + lead)]
    for i in range(n):
        order += [n + lead + i, i]
    y = ops.reshape(
        ops.transpose(y, order), (batch, *x.shape[1:lead], *[size * b for size, b in zip(x.shape[lead:], block)])
    )
    cuts = [slice(before, size - after) for (before, after), size in zip(crops, y.shape[lead:])]
    return y[(Ellipsis, *cuts)]


def pair_of(value, count):
    """Return `count` ints from one or as many."""
    return (value,) * count if isinstance(value, int) else tuple(value)


def format_map(x, source, target):
    """Return for each place in the target's order of axes the place in the source's that holds the same axis."""
    places = [source.index(letter) for letter in target]
    return ops.gather(Tensor(places, x.dtype), ops.where(x < 0, x + len(places), x), 0)


def band(x, lower, upper):
    """Return a matrix with zeros outside of so many diagonals below and above the main one; negative is all."""
    rows, columns = x.shape[-2:]
    distance = ops.expand_dims(ops.arange(rows), 1) - ops.arange(columns)
    inside = ops.ones((rows, columns), adcore.bool_)
    if ints(lower) >= 0:
        inside = ops.logical_and(inside, distance <= ints(lower))
    if ints(upper) >= 0:
        inside = ops.logical_and(inside, distance >= -ints(upper))
    return ops.where(inside, x, ops.zeros_like(x))


def transposed_if(flag, x):
    """Return a matrix or its transpose."""
    return ops.swapaxes(x, -1, -2) if flag else x


def first_seen(x):
    """Return the different elements in the order in which they come, and for each element which of them it is."""
    values, places = ops.unique(x, return_inverse=True)
    dtype = adcore.int64 if x.dtype == adcore.int64 else adcore.int32
    rank = {}  # of each place in the sorted values, by when it comes
    for place in ops.reshape(places, (-1,)).tolist():
        rank.setdefault(place, len(rank))
    index = [rank[place] for place in ops.reshape(places, (-1,)).tolist()]
    return (
        ops.gather(values, Tensor(list(rank), adcore.int64), 0) if rank else values,
        ops.reshape(Tensor(index, dtype), x.shape) if index else ops.cast(places, dtype),
    )


def unique_padded(x, filler):
    """Return `first_seen` with a number in place of the elements that are gone."""
    values, index = first_seen(x)
    return ops.pad(values, (0, x.size - values.size), value=number(filler)), index


def chosen(mask, count, generator):
    """Return the places of `count` elements that are True, in random order, and which of them there are."""
    places = ops.cast(ops.nonzero(mask), adcore.int32)
    found = min(count, places.shape[0])
    order = ops.randperm(places.shape[0], generator=generator)[:found]
    places = ops.gather(places, order, 0) if found else places[:0]
    return ops.pad(places, (0, 0, 0, count - found)), ops.arange(count) < found


def middle(x, everywhere, axis, keep_dims, ignore_nan):
    """Return the median along an axis and its place, or that of all elements and 0."""
    function = ops.nanmedian if ignore_nan else ops.median
    if everywhere:
        return function(ops.reshape(x, (-1,)))[0], ops.zeros((), adcore.int64)
    return function(x, axis, keep_dims)


def not_in(x, y, dtype):
    """Return the elements of x that y has not, and their places."""
    out = ops.logical_not(ops.isin(x, y))
    return x[out], ops.cast(ops.reshape(ops.nonzero(out), (-1,)), dtype)


def indexed(values_and_places, dtype):
    """Return values and their places, these with a dtype."""
    values, places = values_and_places
    return values, ops.cast(places, dtype)


def in_top(x, targets, k):
    """Return for each row whether the element at its target is among the k greatest."""
    chosen = ops.gather_elements(x, 1, ops.expand_dims(ops.cast(targets, adcore.int64), 1))
    above = ops.sum(ops.cast(x > chosen, adcore.int64), 1)
    return ops.logical_and(above < k, ops.isfinite(chosen[:, 0]))


def diagonal_of(x):
    """Return the elements whose first half of indices is the second."""
    half = x.shape[: x.ndim // 2]
    if x.ndim % 2 or x.shape[x.ndim // 2 :] != half:
        raise ValueError(f"DiagPart: expected a shape twice the same one, got {x.shape}.")
    return ops.reshape(ops.diagonal(ops.reshape(x, 2 * (math.prod(half),))), half)


def filled_diagonal(x, value, wrap):
    """Return x with the main diagonal filled; `wrap` goes on below a matrix that is higher than wide."""
    if x.ndim < 2 or (x.ndim > 2 and len(set(x.shape)) > 1):
        raise ValueError(
            f"FillDiagonal: expected a matrix, or a tensor whose axes are all equal, got the shape {x.shape}."
        )
    step = sum(math.prod(x.shape[i + 1 :]) for i in range(x.ndim))
    end = x.size if wrap or x.ndim > 2 else min(x.shape[0], x.shape[1]) * x.shape[1]
    flat = ops.reshape(x, (-1,))
    places = ops.arange(0, end, step)
    return ops.reshape(ops.index_fill(flat, 0, places, as_tensor(value, x.dtype)), x.shape)


def equal_parts(x, axis, count):
    """Return so many equal parts along an axis."""
    if x.shape[axis] % count:
        raise ValueError(f"Split: {x.shape[axis]} elements of axis {axis} do not make {count} equal parts.")
    return ops.split(x, x.shape[axis] // count, axis)


def whole(sizes, length):
    """Return sizes of parts in which a -1 is what the others leave."""
    return [length - sum(sizes) - 1 if size == -1 else size for size in sizes]


def masks_of(lengths, longest):
    """Return for each length a row that is True so far."""
    lengths = as_tensor(lengths)
    longest = int(ops.amax(lengths).item()) if longest is None else ints(longest)
    return ops.arange(longest) < ops.expand_dims(lengths, -1)


# ---- layers ------------------------------------------------------------------------------------------------------


def normalized(x, scale, bias, mean, variance, is_training, epsilon, momentum, data_format):
    """Normalize a batch; returns also the two statistics, twice. Training writes the running ones."""
    if data_format == "NHWC":
        order = (0, x.ndim - 1, *range(1, x.ndim - 1))
        y, *rest = normalized(
            ops.transpose(x, order), scale, bias, mean, variance, is_training, epsilon, momentum, "NCHW"
        )
        return (ops.transpose(y, (0, *range(2, x.ndim), 1)), *rest)
    if not is_training:
        y = ops.batch_norm(x, mean, variance, scale, bias, False, 0.0, epsilon)
        return y, mean, variance, mean, variance
    over = (0, *range(2, x.ndim))
    y = ops.batch_norm(x, mean, variance, scale, bias, True, momentum, epsilon)
    found = ops.mean(x, over), ops.var(x, over)
    return (y, *found, *found)


def batch_gradients(dout, x, scale, mean, variance, is_training, epsilon):
    """Return the cotangents of input, scale and bias of `normalized`, whose statistics are given."""
    over, shape = (0, *range(2, x.ndim)), _along(x.ndim, 1)
    root = ops.reshape(ops.rsqrt(variance + epsilon), shape)
    unit = (x - ops.reshape(mean, shape)) * root
    d_scale, d_bias = ops.sum(dout * unit, over), ops.sum(dout, over)
    dx = dout
    if is_training:
        count = x.size // x.shape[1]
        dx = dout - (ops.reshape(d_bias, shape) + unit * ops.reshape(d_scale, shape)) / count
    return dx * root * ops.reshape(scale, shape), d_scale, d_bias


def best_path(inputs, lengths, merge):
    """Return places, values and shape of what the likeliest classes spell, without the last class, and their scores."""
    steps, batch, classes = inputs.shape
    best, counts = ops.argmax(inputs, -1).tolist(), lengths.tolist()
    inside = ops.expand_dims(ops.arange(steps), 1) < lengths
    score = -ops.sum(ops.where(inside, ops.amax(inputs, -1), 0), 0)
    words = []
    for member, count in enumerate(counts):
        row = [best[step][member] for step in range(count)]
        words.append([w for i, w in enumerate(row) if w != classes - 1 and not (merge and i and row[i - 1] == w)])
    places = [(member, i) for member, word in enumerate(words) for i in range(len(word))]
    values = [letter for word in words for letter in word]
    return (
        ops.reshape(Tensor(places, adcore.int64), (-1, 2)),
        ops.reshape(Tensor(values, adcore.int64), (-1,)),
        Tensor((batch, max(map(len, words), default=0)), adcore.int64),
        ops.expand_dims(score, 1),
    )


def layer_normalized(x, gamma, beta, begin_norm_axis, begin_params_axis, epsilon):
    """Normalize over the last axes; returns also mean and variance."""
    first = begin_norm_axis % x.ndim
    over = tuple(range(first, x.ndim))
    mean, variance = ops.mean(x, over, True), ops.var(x, over, 0, True)
    y = (x - mean) * ops.rsqrt(variance + epsilon)
    return y * gamma + beta, mean, variance


def normalization_gradients(x, dy, variance, mean, gamma, begin_norm_axis):
    """Return the cotangents of input, gamma and beta of `layer_normalized`, of whose epsilon nothing is known."""
    first = begin_norm_axis % x.ndim
    over, outer = tuple(range(first, x.ndim)), tuple(range(x.ndim - gamma.ndim))
    scale = ops.rsqrt(variance)
    unit, g = (x - mean) * scale, dy * gamma
    dx = scale * (g - ops.mean(g, over, True) - unit * ops.mean(g * unit, over, True))
    return dx, ops.sum(dy * unit, outer), ops.sum(dy, outer)


def root_normalized(x, gamma, epsilon):
    """Divide by the root of the mean of squares over gamma's axes; returns also the reciprocal of this root."""
    scale = ops.rsqrt(ops.mean(x * x, tuple(range(x.ndim - gamma.ndim, x.ndim)), True) + epsilon)
    return x * scale * gamma, scale


def biased(x, bias, data_format):
    """Add a bias along the channels."""
    if x.ndim < 2 or bias.ndim != 1:
        raise ValueError(
            f"BiasAdd: expected a tensor of two or more axes and a vector, got the shapes {x.shape} and {bias.shape}."
        )
    channel = x.ndim - 1 if data_format == "NHWC" else 1
    if bias.shape[0] != x.shape[channel]:
        raise ValueError(
            f"BiasAdd: the bias must have {x.shape[channel]} elements, one a channel, got {bias.shape[0]}."
        )
    return x + ops.reshape(bias, _along(x.ndim, channel))


def others(x, data_format):
    """Return the axes that are not the channels'."""
    channel = x.ndim - 1 if data_format == "NHWC" else 1
    return tuple(i for i in range(x.ndim) if i != channel)


def unpadded(dy, paddings, mode):
    """Return the cotangent of what was padded."""
    shape = [size - sum(pair) for size, pair in zip(dy.shape, paddings)]
    return pulled(lambda x: padded(x, paddings, mode), ops.zeros(shape, dy.dtype), dy)


def convolved(n, x, w, pad_mode, pad, stride, dilation, group):
    """Convolve n axes of space; `pad` is one count, or one a side: two an axis."""
    pad = pad_of(pad, n)
    mode = pad_mode.lower()
    stride, dilation = pair(stride, n), pair(dilation, n)
    if mode == "pad" and isinstance(pad, tuple) and len(pad) == 2 * n:
        before, after = pad[::2], pad[1::2]
        if before != after:
            x = padded(x, [(0, 0)] * 2 + list(zip(before, after)))
            mode, pad = "valid", 0
        else:
            pad = before
    function = {1: ops.conv1d, 2: ops.conv2d, 3: ops.conv3d}[n]
    return function(x, w, None, stride, mode, pad if mode == "pad" else 0, dilation, group)


def pad_of(pad, n):
    """Return paddings as an int or a tuple; a tuple of one is that one."""
    pad = ints(pad)
    return pad[0] if isinstance(pad, tuple) and len(set(pad)) == 1 else pad


def convolved_back(n, dout, w, size, pad_mode, pad, stride, dilation, group):
    """Return the cotangent of the input, of a given size, of a convolution."""
    return pulled(
        lambda x: convolved(n, x, w, pad_mode, pad, stride, dilation, group), ops.zeros(ints(size), dout.dtype), dout
    )


def transposed_convolution(x, w, pad_mode, pad, stride, dilation, group, output_padding):
    """Convolve three axes of space transposed."""
    stride, dilation = (pair_of(pair(each, 3), 3) for each in (stride, dilation))
    kernel = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:])]
    if pad_mode.lower() == "same":
        missing = [max(k - s, 0) for k, s in zip(kernel, stride)]
        before, after = [m // 2 for m in missing], [m - m // 2 for m in missing]
    else:
        pad = pair_of(pad_of(pad, 3) if pad_mode.lower() == "pad" else 0, 3)
        before, after = (pad[::2], pad[1::2]) if len(pad) == 6 else (pad, pad)
    more = pair_of(pair(output_padding, 3), 3)
    y = ops.conv_transpose3d(x, w, None, stride, 0, 0, group, dilation)
    y = ops.pad(y, [n for m in reversed(more) for n in (0, m)]) if any(more) else y
    return y[(..., *(slice(b, size - a) for b, a, size in zip(before, after, y.shape[2:])))]


def kernel_gradient(n, dout, x, size, pad_mode, pad, stride, dilation, group):
    """Return the cotangent of the kernel, of a given size, of a convolution."""
    return pulled(
        lambda w: convolved(n, x, w, pad_mode, pad, stride, dilation, group), ops.zeros(ints(size), dout.dtype), dout
    )


def pooled(cell, n, x, kernel_size, strides, pad_mode, *more, **options):
    """Pool n axes of space with a cell of adcore.nn."""
    return cell(pair(kernel_size, n), pair(strides, n), pad_mode.lower(), *more, **options)(x)


def pooled_with_places(x, kernel_size, strides, pad_mode):
    """Return the greatest element of each window and where in its sample it is."""
    kernel, step = pair_of(pair(kernel_size), 2), pair_of(pair(strides), 2)
    planes = ops.reshape(ops.arange(x.shape[1]) * math.prod(x.shape[2:]), (-1, 1, 1))
    if pad_mode.lower() == "valid":
        y, places = ops.max_pool2d(x, kernel, step, return_indices=True)
        return y, ops.cast(planes + places, adcore.int32)
    edges, sizes = [], x.shape[-2:]
    for size, k, s in zip(sizes, kernel, step):
        missing = max((-(-size // s) - 1) * s + k - size, 0)
        edges.append((missing // 2, missing - missing // 2))
    wide = sizes[1] + sum(edges[1])
    y, places = ops.max_pool2d(padded(x, [(0, 0), (0, 0), *edges], value=-math.inf), kernel, step, return_indices=True)
    row, column = ops.floor_div(places, wide) - edges[0][0], ops.floor_mod(places, wide) - edges[1][0]
    return y, ops.cast(planes + row * sizes[1] + column, adcore.int32)


def columns(x, ksizes, strides, dilations, pads):
    """Return the windows of images as columns, the channels apart."""
    y = ops.unfold(x, ksizes, dilations, pads, strides)
    return ops.reshape(y, (x.shape[0], x.shape[1], -1, y.shape[-1]))


def response_normalized(x, radius, bias, alpha, beta):
    """Divide by a power of the sum of squares over neighbouring channels."""
    squares = padded(x * x, [(0, 0), (radius, radius), (0, 0), (0, 0)])
    total = sum(ops.narrow(squares, 1, i, x.shape[1]) for i in range(2 * radius + 1))
    return x / (bias + alpha * total) ** beta


def resized(x, size, mode, align_corners, half_pixel_centers):
    """Resize images by the rule for coordinates that the two flags name."""
    size = ints(size)
    if align_corners and half_pixel_centers:
        raise ValueError("Resize: align_corners and half_pixel_centers exclude each other.")
    if mode == "nearest":
        return _resized_nearest(x, size, align_corners, half_pixel_centers)
    if align_corners or half_pixel_centers:
        return ops.interpolate(x, size, mode=mode, align_corners=align_corners)
    for axis, length in zip((-2, -1), size):
        x = _resized_linear(x, axis, length)
    return x


def _resized_nearest(x, size, align_corners, half_pixel_centers):
    for axis, length in zip((-2, -1), size):
        old = x.shape[axis]
        if align_corners and length > 1:
            places = [math.floor(i * (old - 1) / (length - 1) + 0.5) for i in range(length)]
        else:
            places = [math.floor((i + (0.5 if half_pixel_centers else 0)) * old / length) for i in range(length)]
        x = ops.index_select(x, axis, Tensor([min(place, old - 1) for place in places], adcore.int64))
    return x


def _resized_linear(x, axis, length):
    """Resize one axis where the first elements lie on each other."""
    old = x.shape[axis]
    places = [i * old / length for i in range(length)]
    low = [min(int(place), old - 1) for place in places]
    high = [min(place + 1, old - 1) for place in low]
    weight = Tensor([place - first for place, first in zip(places, low)], x.dtype)
    shape = (-1, 1) if axis == -2 else (-1,)
    weight = ops.reshape(weight, shape)
    first = ops.index_select(x, axis, Tensor(low, adcore.int64))
    return first + weight * (ops.index_select(x, axis, Tensor(high, adcore.int64)) - first)


# ---- losses ------------------------------------------------------------------------------------------------------


def of_logits(logits, labels):
    """Return the cross entropy of each row, and its gradient by the logits."""
    logs = ops.log_softmax(logits, -1)
    return -ops.sum(labels * logs, -1), ops.softmax(logits, -1) - labels


def of_classes(logits, labels, is_grad):
    """Return the mean cross entropy of classes, or its gradient by the logits."""
    if not is_grad:
        return ops.cross_entropy(logits, labels)
    truth = ops.cast(ops.one_hot(labels, logits.shape[-1]), logits.dtype)
    return (ops.softmax(logits, -1) - truth) / logits.shape[0]


def negative_likelihood(logits, labels, weight, reduction, ignore_index):
    """Return the loss and the sum of the weights of the labels."""
    used = labels != ignore_index
    total = ops.sum(ops.gather(weight, ops.where(used, labels, 0), 0) * ops.cast(used, weight.dtype))
    return ops.nll_loss(logits, labels, weight, ignore_index, reduction), total


# ---- chance ------------------------------------------------------------------------------------------------------


def source(operator, seed, seed2=0):
    """Return the generator that an operator's own seeds give it; with both zero it draws from the common one."""
    if seed == 0 and seed2 == 0:
        return None
    if not hasattr(operator, "_generator"):
        operator._generator = adcore.Generator().manual_seed(seed + (seed2 << 32))
    return operator._generator


def dropped(x, keep_prob, shape, mask_dtype, generator):
    """Return x with elements set to zero and the others divided by the chance to stay, and the mask of these."""
    kept = ops.broadcast_to(ops.uniform(shape, generator=generator) < keep_prob, x.shape)
    mask = ops.cast(kept, x.dtype)
    return x * mask / keep_prob if keep_prob else ops.zeros_like(x), ops.cast(kept, mask_dtype)


# ---- what is no computation --------------------------------------------------------------------------------------


def printed(values):
    """Print values, each on a line of its own, as MindSpore's Print does."""
    for value in values:
        print(value if isinstance(value, str) else repr(value))


def asserted(condition, values):
    """Raise a RuntimeError with values where a condition does not hold."""
    if not bool(ops.all(condition) if isinstance(condition, Tensor) else condition):
        raise RuntimeError(f"Assert: assert failed, the condition is false; {', '.join(map(str, values))}")


def called(function, tensors, dtypes):
    """Return what a function of NumPy arrays returns, as a tuple of Tensors."""
    found = function(*(tensor.asnumpy() for tensor in tensors))
    found = found if isinstance(found, (tuple, list)) else (found,)
    return tuple(Tensor(array, dtype) for array, dtype in zip(found, dtypes, strict=True))


def unwritten(operator):
    """Accept a value for a summary, of which nothing is written."""
    without_meaning(operator.name)


def fractional_max(operator, x, axes, kernel_size, output_size, output_ratio, samples, return_indices):
    """Return the maxima of windows whose places along the last `axes` axes are drawn, and where they stand.

    Window i of an axis starts at floor((i + u) a) - floor(u a) with a = (size - kernel) / (windows - 1), the last at
    size - kernel. The draws u in [0, 1) are `samples`, of shape (N or 1, C, axes): as in MindSpore, the first is for
    the first of three axes, and for the last of two (Graham 2014, arXiv:1412.6071).
    """
    space = x.shape[-axes:]
    if x.ndim not in (axes + 1, axes + 2):
        raise ValueError(f"{operator}: the input must have {axes + 1} or {axes + 2} axes, got the shape {x.shape}.")
    if output_size is None and output_ratio is None:
        raise ValueError(f"{operator}: output_size or output_ratio must be given.")
    kernel = _per_axis(operator, "kernel_size", kernel_size, axes, int)
    if output_size is None:
        ratio = _per_axis(operator, "output_ratio", output_ratio, axes, float)
        if not all(0 < r < 1 for r in ratio):
            raise ValueError(f"{operator}: output_ratio must be in (0, 1), got {output_ratio!r}.")
        output_size = tuple(int(n * r) for n, r in zip(space, ratio))
    output = _per_axis(operator, "output_size", output_size, axes, int)
    for size, k, out in zip(space, kernel, output):
        if k < 1 or out < 1 or k + out - 1 > size:
            raise ValueError(
                f"{operator}: kernel_size {kernel} and output_size {output} must be positive, and for each axis "
                f"kernel_size + output_size - 1 at most its size; the input has {space}."
            )
    batch = x.reshape((-1, *x.shape[-axes - 1 :]))
    count, channels = batch.shape[:2]
    if samples is None:
        samples = ops.rand(count, channels, axes)
    if samples.shape not in ((count, channels, axes), (1, channels, axes)):
        raise ValueError(
            f"{operator}: _random_samples must have the shape {(count, channels, axes)}, got {samples.shape}."
        )
    place = ops.zeros((samples.shape[0], channels) + (1,) * (2 * axes), dtype=adcore.int64)
    for axis, (size, k, out) in enumerate(zip(space, kernel, output)):
        draw = samples[..., axis if axes == 3 else axes - 1 - axis]
        starts = _window_starts(draw.astype(adcore.float32), size, k, out)
        along = starts.reshape(*starts.shape[:2], out, 1) + ops.arange(k)
        shape = [1] * (2 * axes)
        shape[axis], shape[axes + axis] = out, k
        place = place * size + along.reshape(*starts.shape[:2], *shape)
    place = ops.broadcast_to(place, (count, channels, *output, *kernel)).reshape(count, channels, -1)
    windows = ops.gather_elements(batch.reshape(count, channels, -1), 2, place)
    windows, place = (t.reshape(count, channels, *output, math.prod(kernel)) for t in (windows, place))
    best = ops.expand_dims(ops.argmax(windows, -1), -1)
    shape = (*x.shape[: x.ndim - axes], *output)
    values, places = (ops.gather_elements(t, -1, best).reshape(shape) for t in (windows, place))
    return (values, places) if return_indices else values


def _per_axis(operator, name, value, axes, kind):
    """Return one number for each axis."""
    values = (value,) * axes if isinstance(value, kind) else value
    fits = isinstance(values, (tuple, list)) and len(values) == axes
    if not fits or not all(isinstance(v, kind) and not isinstance(v, bool) for v in values):
        raise TypeError(
            f"{operator}: {name} must be {'an int' if kind is int else 'a float'} or a tuple of {axes}, got {value!r}."
        )
    return tuple(values)


def _window_starts(samples, size, kernel, count):
    """Return where the windows of an axis start, a row for each sample."""
    last = ops.full((*samples.shape, 1), size - kernel, dtype=adcore.int64)
    if count == 1:
        return last
    step = (size - kernel) / (count - 1)
    draws = ops.expand_dims(samples, -1)
    starts = ops.floor((draws + ops.arange(count - 1)) * step) - ops.floor(draws * step)
    return ops.concat((starts.astype(adcore.int64), last), -1)


def is_a(value, kind):
    """Return whether a value is of a Python type, of a kind that `dtypes` names, or a Tensor or number of a dtype."""
    if isinstance(kind, dtypes.Kind):
        kind = _kind(kind)
    if isinstance(kind, adcore.dtype):
        found = getattr(value, "dtype", None)
        plain = {bool: adcore.bool_, int: adcore.int64, float: adcore.float32}
        return (plain.get(type(value)) if found is None else found) == kind
    return isinstance(value, kind)


def same_kind(x, y):
    """Return x, which must have the dtype and shape of y."""
    if x.dtype != y.dtype:
        raise TypeError(f"SameTypeShape: the dtypes {x.dtype} and {y.dtype} differ.")
    if x.shape != y.shape:
        raise ValueError(f"SameTypeShape: the shapes {x.shape} and {y.shape} differ.")
    return x


def cast_floats(dtype, value):
    """Return the float Tensors of a Tensor or of a tree of them with a dtype, and the rest as it is."""
    if isinstance(value, (tuple, list)):
        return type(value)(cast_floats(dtype, each) for each in value)
    if isinstance(value, dict):
        return {key: cast_floats(dtype, each) for key, each in value.items()}
    floats = isinstance(value, Tensor) and value.dtype.is_floating_point
    return ops.cast(value, dtype) if floats else value


def as_tensor(value, dtype=None):
    """Return a number, or a sequence of them, as a Tensor: float32 or int64 unless a dtype is given."""
    if isinstance(value, Tensor):
        return value if dtype is None else ops.cast(value, dtype)
    return Tensor(value, dtype) if dtype is not None else Tensor(value)


def small(value):
    """Return numbers as a Tensor of int32 or float32."""
    made = Tensor(value)
    return ops.cast(made, adcore.int32 if made.dtype == adcore.int64 else adcore.float32)


def inverse_permutation(x):
    """Return the permutation that undoes another."""
    places = ints(x)
    if sorted(places) != list(range(len(places))):
        raise ValueError(f"InvertPermutation: {places} is no permutation.")
    found = tuple(sorted(range(len(places)), key=places.__getitem__))
    return Tensor(found, x.dtype) if isinstance(x, Tensor) else found


def total(tensors):
    """Return the sum of tensors."""
    if isinstance(tensors, Tensor):
        return tensors
    if not tensors:
        raise ValueError("AddN: expected at least one Tensor.")
    return functools.reduce(ops.add, tensors)


def bits(x):
    """Return how many bits of each int are one."""
    width = 8 * x.itemsize
    number = ops.zeros(x.shape, adcore.uint8)
    for i in range(width):
        number = number + ops.cast(ops.bitwise_and(ops.bitwise_right_shift(x, i), Tensor(1, x.dtype)), adcore.uint8)
    return number


def number_of(value, dtype):
    """Return a number as Python's number of the kind of a dtype."""
    kind = bool if dtype == adcore.bool_ else int if "Int" in str(dtype) else float
    return kind(number(value))


# ---- communication -------------------------------------------------------------------------------------------------


def exchanged(x, count, split_dim, concat_dim, group):
    """Return what comes from all processes, behind one another along an axis, of shares cut along another one."""
    size = communication.get_group_size(group)
    if count != size:
        raise ValueError(f"AlltoAll: split_count must be the number of processes, {size}, got {count}.")
    if x.shape[split_dim] % size:
        raise ValueError(f"AlltoAll: axis {split_dim} of size {x.shape[split_dim]} is not a multiple of {size}.")
    shares = ops.stack(ops.split(x, x.shape[split_dim] // size, split_dim))
    return ops.concat(ops.unbind(communication.all_to_all(shares, group)), concat_dim)


def sent(x, rank, group, tag):
    """Send a Tensor, and return it."""
    communication.send(x, rank, group, tag)
    return x


__all__ = [
    name
    for name, value in vars().items()
    if getattr(value, "__module__", None) == __name__ and not name.startswith("_")
]
