"""What the nodes of a model are here: a function for each op of ONNX.

A function takes the step (see `load`) and the values of its operands, None for one that is left out; it returns a
Tensor, or a tuple of them. Start reading at `READERS`, at the end.
"""

import math

from adcore import ops
from adcore._core import Tensor, bool_, float64
from adcore._ops.native import _gru, _lstm, _rnn

# ---- elementwise --------------------------------------------------------------------------------------------------


def _plain(fn):
    return lambda step, *operands: fn(*operands)


def _fold(fn):
    def run(step, first, *others):
        for x in others:
            first = fn(first, x)
        return first

    return run


def _clip(step, x, low=None, high=None):
    # Bounds are numbers where they are known: their own derivative is not asked for then.
    low, high = (step.known(i) if i in step.constants else bound for i, bound in ((1, low), (2, high)))
    return x if low is None and high is None else ops.clamp(x, low, high)


def _pow(step, x, y):
    return _like(x, ops.pow(x, step.known(1)) if 1 in step.constants and not y.shape else ops.pow(x, y))


def _gelu(step, x):
    return ops.gelu(x, approximate=step.text("approximate", "none"))


def _hard_sigmoid(step, x):
    alpha, beta = step.get("alpha", 0.2), step.get("beta", 0.5)
    if math.isclose(alpha, 1 / 6, rel_tol=1e-6) and beta == 0.5:
        return ops.hardsigmoid(x)
    return ops.clamp(x * alpha + beta, 0, 1)


def _selu(step, x):
    alpha, gamma = step.get("alpha", 1.6732632423543772), step.get("gamma", 1.0507009873554805)
    return gamma * (ops.relu(x) + alpha * (ops.exp(ops.minimum(x, 0)) - 1))


def _shrink(step, x):
    bias, bound = step.get("bias", 0.0), step.get("lambd", 0.5)
    if bias == 0.0:
        return ops.hardshrink(x, bound)
    if bias == bound:
        return ops.softshrink(x, bound)
    return ops.where(x < -bound, x + bias, ops.where(x > bound, x - bias, 0 * x))


def _prelu(step, x, slope):
    return ops.relu(x) - slope * ops.relu(-x)


def _modulo(step, x, y):
    return ops.fmod(x, y) if step.get("fmod", 0) else ops.floor_mod(x, y)


def _divide(step, x, y):
    return x / y if x.is_floating_point() else ops.div(x, y, rounding_mode="trunc").astype(x.dtype)


def _where(step, chosen, a, b):
    return ops.where(chosen, a, b)


def _cast(step, x):
    return x.astype(step.get("to"))


def _dropout(step, x, ratio=None, training=None):
    if step.given(2) and step.known(2):
        step.refuse("dropout in training is not read")
    return x, ops.ones(x.shape, bool_)


# ---- shapes -------------------------------------------------------------------------------------------------------


def _reshape(step, x, shape):
    shape = list(step.known(1))
    if not step.get("allowzero", 0):
        shape = [x.shape[i] if n == 0 else n for i, n in enumerate(shape)]
    return ops.reshape(x, tuple(shape))


def _flatten(step, x):
    axis = step.get("axis", 1)
    axis += (axis < 0) * len(x.shape)
    return ops.reshape(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


def _transpose(step, x):
    return ops.permute(x, tuple(step.get("perm", range(len(x.shape))[::-1])))


def _squeeze(step, x, axes=None):
    axes = step.axes(1)
    rank = len(x.shape)
    axes = [i for i, n in enumerate(x.shape) if n == 1] if axes is None else [a % rank for a in axes]
    if any(x.shape[a] != 1 for a in axes):
        raise ValueError(f"onnx.Model: {step.label}: axes {axes} of the shape {x.shape} are not all of size 1.")
    return ops.reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


def _unsqueeze(step, x, axes=None):
    axes = step.axes(1)
    rank = len(x.shape) + len(axes)
    axes = {a % rank for a in axes}
    sizes = iter(x.shape)
    return ops.reshape(x, tuple(1 if i in axes else next(sizes) for i in range(rank)))


def _expand(step, x, shape):
    import numpy as np

    return ops.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(step.known(1))))


def _concat(step, *operands):
    return ops.cat(operands, step.get("axis"))


def _split(step, x, sizes=None):
    axis = step.get("axis", 0)
    sizes = step.known(1)
    if sizes is None:
        n, count = x.shape[axis], len(step.outputs)
        each = -(-n // count)
        sizes = [min(each, n - k * each) for k in range(count)]
    return tuple(ops.split(x, tuple(sizes), axis))


def _slice(step, x, *_):
    starts, ends = step.known(1), step.known(2)
    axes, steps = step.known(3), step.known(4)
    axes = range(len(starts)) if axes is None else axes
    index = [slice(None)] * len(x.shape)
    for k, axis in enumerate(axes):
        n, d = x.shape[axis], 1 if steps is None else steps[k]
        low, high = (0, n) if d > 0 else (-1, n - 1)
        start = starts[k] + n * (starts[k] < 0)
        end = ends[k] + n * (ends[k] < 0)
        start = min(max(start, 0), n if d > 0 else n - 1)
        end = min(max(end, low), high if d > 0 else n)
        index[axis] = slice(start, None if end < 0 else end, d)
    return x[tuple(index)]


def _pad(step, x, pads=None, value=None, axes=None):
    mode = step.text("mode", "constant")
    pads = step.known(1)
    rank = len(x.shape)
    axes = step.known(3) or list(range(rank))
    low, high = [0] * rank, [0] * rank
    for k, a in enumerate(axes):
        low[a], high[a] = pads[k], pads[k + len(axes)]
    if any(n < 0 for n in low + high):
        x = x[tuple(slice(max(0, -a), n - max(0, -b)) for n, a, b in zip(x.shape, low, high))]
        low, high = [max(0, a) for a in low], [max(0, b) for b in high]
    if not any(low + high):
        return x
    if mode == "constant":
        flat = [n for pair in zip(reversed(low), reversed(high)) for n in pair]
        return ops.pad(x, tuple(flat), value=0 if not step.given(2) else step.known(2))
    if mode not in ("reflect", "edge"):
        step.refuse(f"the mode {mode!r} is not read")
    for axis, (a, b) in enumerate(zip(low, high)):
        if not (a or b):
            continue
        n = x.shape[axis]
        places = [abs(k) if mode == "reflect" else max(0, k) for k in range(-a, n + b)]
        places = [2 * (n - 1) - k if k >= n and mode == "reflect" else min(k, n - 1) for k in places]
        x = ops.gather(x, Tensor(places), axis)
    return x


def _gather(step, x, index):
    axis = step.get("axis", 0) % len(x.shape)
    return ops.gather(x, _counted(index, x.shape[axis]), axis)


def _counted(index, n):
    return ops.where(index < 0, index + n, index)


def _gather_elements(step, x, index):
    axis = step.get("axis", 0) % len(x.shape)
    return ops.gather_elements(x, axis, _counted(index, x.shape[axis]))


# ---- reductions ---------------------------------------------------------------------------------------------------


def _like(x, result):
    """Return a result in the dtype of an operand, which ONNX does not widen."""
    return result if result.dtype == x.dtype else result.astype(x.dtype)


def _reduction(fn):
    def run(step, x, axes=None):
        axes = step.axes(1)
        keep = bool(step.get("keepdims", 1))
        if not axes:
            if step.get("noop_with_empty_axes", 0):
                return x
            axes = range(len(x.shape))
        reduced = x
        for axis in sorted((a % max(1, len(x.shape)) for a in axes), reverse=True):
            reduced = fn(reduced, axis, keep)
        return _like(x, reduced)

    return run


def _over(fn, is_exact=False):
    """A reduction over all axes at once. One that is not exact is done in float64 for integers, and rounded to zero."""

    def run(step, x, axes=None):
        axes = step.axes(1)
        if not axes:
            if step.get("noop_with_empty_axes", 0):
                return x
            axes = range(len(x.shape))
        values = x if is_exact or x.is_floating_point() else x.astype(float64)
        return _like(x, fn(values, tuple(axes), bool(step.get("keepdims", 1))))

    return run


def _place(fn):
    def run(step, x):
        axis, keep = step.get("axis", 0) % max(1, len(x.shape)), step.get("keepdims", 1)
        if step.get("select_last_index", 0):
            step.refuse("the last of equal elements is not read")
        place = fn(x, axis)
        place = place.astype("int64") if str(place.dtype) != "Int64" else place
        return ops.expand_dims(place, axis) if keep else place

    return run


def _cumsum(step, x, axis):
    axis = step.known(1)
    axis = axis[0] if isinstance(axis, list) else axis
    if step.get("exclusive", 0):
        step.refuse("exclusive sums are not read")
    if step.get("reverse", 0):
        return ops.flip(ops.cumsum(ops.flip(x, (axis,)), axis), (axis,))
    return ops.cumsum(x, axis)


# ---- products, convolutions, pooling ------------------------------------------------------------------------------


def _gemm(step, a, b, c=None):
    a = ops.transpose(a, (1, 0)) if step.get("transA", 0) else a
    b = ops.transpose(b, (1, 0)) if step.get("transB", 0) else b
    product = ops.matmul(a, b)
    alpha, beta = step.get("alpha", 1.0), step.get("beta", 1.0)
    product = product if alpha == 1.0 else product * alpha
    if c is None:
        return product
    return product + (c if beta == 1.0 else c * beta)


def _windows(step, x, kernel):
    """Return (strides, low, high, dilations) of the windows of a convolution or of pooling."""
    n = len(kernel)
    stride = list(step.get("strides", [1] * n))
    dilation = list(step.get("dilations", [1] * n))
    pads = list(step.get("pads", [0] * 2 * n))
    auto = step.text("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        low, high = [], []
        for size, k, s, d in zip(x.shape[2:], kernel, stride, dilation):
            whole = max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size)
            small, large = whole // 2, whole - whole // 2
            low.append(small if auto == "SAME_UPPER" else large)
            high.append(large if auto == "SAME_UPPER" else small)
        return stride, low, high, dilation
    if auto == "VALID":
        pads = [0] * 2 * n
    return stride, pads[:n], pads[n:], dilation


def _padded(x, low, high, value=0):
    flat = [n for pair in zip(reversed(low), reversed(high)) for n in pair]
    return ops.pad(x, tuple(flat), value=value) if any(flat) else x


_CONV = {1: ops.conv1d, 2: ops.conv2d, 3: ops.conv3d}
_CONV_TRANSPOSE = {1: ops.conv_transpose1d, 2: ops.conv_transpose2d, 3: ops.conv_transpose3d}
_MAX_POOL = {1: ops.max_pool1d, 2: ops.max_pool2d, 3: ops.max_pool3d}
_AVG_POOL = {1: ops.avg_pool1d, 2: ops.avg_pool2d, 3: ops.avg_pool3d}


def _spatial(step, x):
    n = len(x.shape) - 2
    if n not in _CONV:
        step.refuse(f"{n} axes of space are not read")
    return n


def _sizes(numbers):
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _conv(step, x, weight, bias=None):
    n = _spatial(step, x)
    stride, low, high, dilation = _windows(step, x, weight.shape[2:])
    if low != high:
        x, low = _padded(x, low, high), [0] * n
    about = {"stride": _sizes(stride), "dilation": _sizes(dilation), "groups": step.get("group", 1)}
    return _CONV[n](x, weight, bias, pad_mode="pad", padding=_both_sides(low), **about)


def _both_sides(low):
    return low[0] if len(set(low)) == 1 else tuple(n for n in low for _ in range(2))


def _conv_transpose(step, x, weight, bias=None):
    n = _spatial(step, x)
    if step.get("output_shape") is not None or step.text("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        step.refuse("an output_shape and auto_pad are not read")
    stride, low, high, dilation = _windows(step, x, weight.shape[2:])
    extra = list(step.get("output_padding", [0] * n))
    about = {"stride": _sizes(stride), "dilation": _sizes(dilation), "groups": step.get("group", 1)}
    y = _CONV_TRANSPOSE[n](x, weight, None, **about)
    # The whole product, of which the padding is cut off; behind it are zeros.
    y = _padded(y, [0] * n, [max(0, e - b) for e, b in zip(extra, high)])
    ends = [min(0, e - b) or None for e, b in zip(extra, high)]
    y = y[(slice(None), slice(None), *(slice(a, b) for a, b in zip(low, ends)))]
    return y if bias is None else y + ops.reshape(bias, (-1, *[1] * n))


def _max_pool(step, x):
    n = _spatial(step, x)
    kernel = list(step.get("kernel_shape"))
    stride, low, high, dilation = _windows(step, x, kernel)
    if step.get("storage_order", 0) or len(step.outputs) > 1:
        step.refuse("the places of the greatest elements are not read")
    if not x.is_floating_point():
        step.refuse("integers are not read")
    if step.get("ceil_mode", 0):
        high = _up(x, kernel, stride, low, high, dilation)
    x = _padded(x, low, high, -math.inf)
    return _MAX_POOL[n](x, _sizes(kernel), _sizes(stride), 0, _sizes(dilation))


def _up(x, kernel, stride, low, high, dilation):
    """The padding behind with which a last window that hangs over the end is whole."""
    enlarged = []
    for n, k, s, a, b, d in zip(x.shape[2:], kernel, stride, low, high, dilation):
        reach = d * (k - 1) + 1
        count = -(-(n + a + b - reach) // s) + 1
        count -= (count - 1) * s >= n + a
        enlarged.append(max(b, (count - 1) * s + reach - n - a))
    return enlarged


def _average_pool(step, x):
    n = _spatial(step, x)
    kernel = list(step.get("kernel_shape"))
    stride, low, high, dilation = _windows(step, x, kernel)
    if any(d > 1 for d in dilation):
        step.refuse("dilated averages are not read")
    padded, ceil = any(low + high), step.get("ceil_mode", 0)
    if ceil and step.get("count_include_pad", 0) and padded:
        step.refuse("a window that hangs over the padding is not read")
    whole = _up(x, kernel, stride, low, high, dilation) if ceil else high
    y = _AVG_POOL[n](_padded(x, low, whole), _sizes(kernel), _sizes(stride))
    if step.get("count_include_pad", 0) and not ceil or not any(low + whole):
        return y
    # The share of the windows that is no padding.
    share = _AVG_POOL[n](_padded(ops.ones((1, 1, *x.shape[2:]), x.dtype), low, whole), _sizes(kernel), _sizes(stride))
    return y / share


def _global_average(step, x):
    return ops.mean(x, tuple(range(2, len(x.shape))), True)


def _global_max(step, x):
    for axis in range(2, len(x.shape)):
        x = ops.amax(x, axis, True)
    return x


# ---- layers -------------------------------------------------------------------------------------------------------


def _batch_norm(step, x, scale, bias, mean, variance):
    if step.get("training_mode", 0):
        step.refuse("training mode is not read")
    wide = (-1, *[1] * (len(x.shape) - 2))
    mean, variance, scale, bias = (ops.reshape(t, wide) for t in (mean, variance, scale, bias))
    return (x - mean) * (scale * ops.rsqrt(variance + step.get("epsilon", 1e-5))) + bias


def _layer_norm(step, x, scale, bias=None):
    if len(step.outputs) > 1:
        step.refuse("the statistics beside the result are not read")
    axis = step.get("axis", -1) % len(x.shape)
    shape = x.shape[axis:]
    scale = ops.broadcast_to(scale, shape)
    bias = bias if bias is None else ops.broadcast_to(bias, shape)
    return ops.layer_norm(x, shape, scale, bias, step.get("epsilon", 1e-5))


def _instance_norm(step, x, scale, bias):
    axes = tuple(range(2, len(x.shape)))
    off = x - ops.mean(x, axes, True)
    normal = off * ops.rsqrt(ops.mean(ops.square(off), axes, True) + step.get("epsilon", 1e-5))
    wide = (-1, *[1] * len(axes))
    return normal * ops.reshape(scale, wide) + ops.reshape(bias, wide)


# Where the gates of adcore stand in ONNX: the inverse of `writing._GATES`.
_GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}


def _recurrent(step, x, weights, state_weights, bias=None, lengths=None, *states):
    kind = step.op
    directions = weights.shape[0]
    default = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}[kind]
    activations = [a.decode() for a in step.get("activations", [])] or default * directions
    relu = kind == "RNN" and activations == ["Relu"] * directions
    if activations != default * directions and not relu:
        step.refuse(f"the activations {activations} are not read")
    if lengths is not None or len(states) > 2:
        step.refuse("rows of different length and peepholes are not read")
    if step.get("clip") or step.get("layout", 0) or step.get("input_forget", 0):
        step.refuse("clip, layout and input_forget are not read")
    if kind == "GRU" and not step.get("linear_before_reset", 0):
        step.refuse("a reset gate before the product is not read; linear_before_reset must be 1")
    units, batch = state_weights.shape[2], x.shape[1]
    order = Tensor([k * units + j for k in _GATES[kind] for j in range(units)])

    def ordered(t):
        return ops.gather(t, order, 0) if len(_GATES[kind]) > 1 else t

    direction = step.text("direction", "forward")
    outputs, last = [], []
    for d in range(directions):
        first = [s[d] for s in states if s is not None]
        while len(first) < 1 + (kind == "LSTM"):
            first.append(ops.zeros((batch, units), x.dtype))
        gates = ops.matmul(x, ops.transpose(ordered(weights[d]), (1, 0)))
        state_bias = None
        if bias is not None:
            of_input, of_state = (ordered(t) for t in ops.split(bias[d], bias.shape[1] // 2, 0))
            gates = gates + of_input if kind == "GRU" else gates + (of_input + of_state)
            state_bias = of_state
        backward = direction == "reverse" or d == 1
        weight = ordered(state_weights[d])
        if kind == "LSTM":
            steps = _lstm(gates, weight, *first, None, backward)
        elif kind == "GRU":
            steps = (_gru(gates, weight, *first, state_bias, None, backward),)
        else:
            steps = (_rnn(gates, weight, *first, None, backward, relu),)
        outputs.append(steps[0])
        last.append([t[0 if backward else -1] for t in steps])
    return ops.stack(outputs, 1), *(ops.stack(parts, 0) for parts in zip(*last))


# ---- what is computed of shapes -----------------------------------------------------------------------------------


def shape_of(step, x):
    """Return the shape of a Tensor, or the part of it that the step asks for, as an array of NumPy."""
    import numpy as np

    return np.array(x.shape[slice(step.get("start", 0), step.get("end"))], np.int64)


def _of_arrays(name):
    def run(step, *arrays):
        import numpy as np

        return getattr(np, name)(*arrays)

    return run


def _array_divided(step, x, y):
    import numpy as np

    return x / y if x.dtype.kind == "f" else np.trunc(np.true_divide(x, y)).astype(x.dtype)


def _array_cast(step, x):
    return x.astype(str(step.get("to")).rpartition(".")[2].lower().rstrip("_"))


def _array_picked(step, x, index):
    return x.take(index, step.get("axis", 0))


def _array_joined(step, *arrays):
    import numpy as np

    return np.concatenate(arrays, step.get("axis"))


def _array_squeezed(step, x, *_):
    axes = step.axes(1)
    return x.squeeze(None if axes is None else tuple(axes))


def _array_unsqueezed(step, x, *_):
    import numpy as np

    return np.expand_dims(x, tuple(step.axes(1)))


def _array_sliced(step, x, *_):
    if x.ndim != 1:
        step.refuse("a constant of several axes is not sliced")
    (start,), (end,) = step.known(1), step.known(2)
    (pace,) = step.known(4) or (1,)
    return x[start : None if pace < 0 and end < -len(x) else end : pace]


def _array_filled(step, shape):
    import numpy as np

    value = step.get("value")
    return np.full(tuple(shape), np.float32(0) if value is None else value.reshape(()))


# What is done at once where all operands are arrays of NumPy: constants, and shapes.
SHAPES = {
    "Add": _of_arrays("add"),
    "Sub": _of_arrays("subtract"),
    "Mul": _of_arrays("multiply"),
    "Div": _array_divided,
    "Equal": _of_arrays("equal"),
    "Where": _of_arrays("where"),
    "Cast": _array_cast,
    "Gather": _array_picked,
    "Concat": _array_joined,
    "Slice": _array_sliced,
    "Squeeze": _array_squeezed,
    "Unsqueeze": _array_unsqueezed,
    "ConstantOfShape": _array_filled,
}


# ---- the table ----------------------------------------------------------------------------------------------------

_SAME = "abs ceil floor exp log sqrt neg sign sin cos tan relu sigmoid tanh asin acos atan sinh cosh asinh acosh atanh"

READERS = {
    **{name.capitalize(): _plain(getattr(ops, name)) for name in f"{_SAME} erf mish reciprocal softsign round".split()},
    "Add": _plain(ops.add),
    "Sub": _plain(ops.sub),
    "Mul": _plain(ops.mul),
    "Div": _divide,
    "Pow": _pow,
    "Max": _fold(ops.maximum),
    "Min": _fold(ops.minimum),
    "Sum": _fold(ops.add),
    "Mod": _modulo,
    "Identity": lambda step, x: x,
    "Dropout": _dropout,
    "Clip": _clip,
    "Elu": lambda step, x: ops.elu(x, step.get("alpha", 1.0)),
    "Celu": lambda step, x: ops.celu(x, step.get("alpha", 1.0)),
    "Selu": _selu,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _plain(ops.hardswish),
    "LeakyRelu": lambda step, x: ops.leaky_relu(x, step.get("alpha", 0.01)),
    "PRelu": _prelu,
    "Shrink": _shrink,
    "Softplus": _plain(ops.softplus),
    "Softmax": lambda step, x: ops.softmax(x, step.get("axis", -1)),
    "LogSoftmax": lambda step, x: ops.log_softmax(x, step.get("axis", -1)),
    "Greater": _plain(ops.greater),
    "GreaterOrEqual": _plain(ops.greater_equal),
    "Less": _plain(ops.less),
    "LessOrEqual": _plain(ops.less_equal),
    "Equal": _plain(ops.equal),
    "And": _plain(ops.logical_and),
    "Or": _plain(ops.logical_or),
    "Xor": _plain(ops.logical_xor),
    "Not": _plain(ops.logical_not),
    "Where": _where,
    "Cast": _cast,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Expand": _expand,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Pad": _pad,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "ReduceSum": _over(lambda x, axes, keep: ops.sum(x, axes, keep), is_exact=True),
    "ReduceMean": _over(lambda x, axes, keep: ops.mean(x, axes, keep)),
    "ReduceLogSumExp": _over(lambda x, axes, keep: ops.logsumexp(x, axes, keep)),
    "ReduceL2": _over(lambda x, axes, keep: ops.sqrt(ops.sum(ops.square(x), axes, keep))),
    "ReduceProd": _reduction(lambda x, axis, keep: ops.prod(x, axis, keep)),
    "ReduceMax": _reduction(lambda x, axis, keep: ops.amax(x, axis, keep)),
    "ReduceMin": _reduction(lambda x, axis, keep: ops.amin(x, axis, keep)),
    "ArgMax": _place(ops.argmax),
    "ArgMin": _place(ops.argmin),
    "CumSum": _cumsum,
    "MatMul": _plain(ops.matmul),
    "Gemm": _gemm,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average,
    "GlobalMaxPool": _global_max,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "InstanceNormalization": _instance_norm,
    **dict.fromkeys(_GATES, _recurrent),
}
