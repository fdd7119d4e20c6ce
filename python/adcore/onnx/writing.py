"""What the statements of a program are in ONNX: a writer for each title.

A writer takes the graph and the statement, and adds nodes. The words of a statement are the C++ attributes of its op,
in their order. Start reading at `WRITERS`, at the end.
"""

import math
import struct
from collections import namedtuple

Value = namedtuple("Value", "dtype")  # an attribute that is a dtype

_END = (1 << 63) - 1


# ---- elementwise --------------------------------------------------------------------------------------------------


def _elementwise(op, **attributes):
    def write(g, s):
        out = s.outputs[0]
        g.add(op, [g.read(v, g.dtype(out)) for v in s.operands], out, **attributes)

    return write


def _compared(op, negated=False):
    def write(g, s):
        dtype = _common_dtype(g, s.operands)
        operands = [g.read(v, dtype) for v in s.operands]
        if negated:
            g.add("Not", [g.add(op, operands)], s.outputs[0])
        else:
            g.add(op, operands, s.outputs[0])

    return write


def _common_dtype(g, values):
    import numpy as np

    return np.result_type(*map(g.dtype, values))


def _number(g, v, x):
    """A number of the dtype of a value."""
    import numpy as np

    return g.array(np.array(x, g.dtype(v)), "number")


def _parameters(g, s):
    """The numbers that follow the first operand; they must be known."""
    constants = [g.constant(v) for v in s.operands[1:]]
    if any(c is None or c.size != 1 for c in constants):
        g.refuse("its parameters must be plain numbers")
    return [float(c) for c in constants]


def _with(op, *names):
    def write(g, s):
        g.add(op, [g.name(s.operands[0])], s.outputs[0], **dict(zip(names, _parameters(g, s))))

    return write


def _fixed(op, **attributes):
    def write(g, s):
        g.add(op, [g.read(s.operands[0], g.dtype(s.outputs[0]))], s.outputs[0], **attributes)

    return write


def _square(g, s):
    x = g.read(s.operands[0], g.dtype(s.outputs[0]))
    g.add("Mul", [x, x], s.outputs[0])


def _rsqrt(g, s):
    g.add("Reciprocal", [g.add("Sqrt", [g.read(s.operands[0], g.dtype(s.outputs[0]))])], s.outputs[0])


def _silu(g, s):
    x = g.name(s.operands[0])
    g.add("Mul", [x, g.add("Sigmoid", [x])], s.outputs[0])


def _logsigmoid(g, s):
    x = g.name(s.operands[0])
    g.add("Neg", [g.add("Softplus", [g.add("Neg", [x])])], s.outputs[0])


def _softplus(g, s):
    beta, threshold = _parameters(g, s)
    x = g.name(s.operands[0])
    if (beta, threshold) == (1.0, 20.0):
        # Beyond the threshold the difference is below what float32 shows; the derivative there is 1 but for e^-20.
        g.add("Softplus", [x], s.outputs[0])
        return
    scaled = g.add("Mul", [x, _number(g, s.operands[0], beta)])
    soft = g.add("Div", [g.add("Softplus", [scaled]), _number(g, s.operands[0], beta)])
    beyond = g.add("Greater", [scaled, _number(g, s.operands[0], threshold)])
    g.add("Where", [beyond, x, soft], s.outputs[0])


def _relu6(g, s):
    v = s.operands[0]
    g.add("Clip", [g.name(v), _number(g, v, 0), _number(g, v, 6)], s.outputs[0])


def _clamp(g, s):
    low, high = _parameters(g, s)
    v = s.operands[0]
    bounds = [_number(g, v, low) if low > -math.inf else "", _number(g, v, high) if high < math.inf else ""]
    if bounds[1] == "":
        bounds.pop()
    g.add("Clip", [g.name(v), *bounds], s.outputs[0])


def _softshrink(g, s):
    (bound,) = _parameters(g, s)
    g.add("Shrink", [g.name(s.operands[0])], s.outputs[0], lambd=bound, bias=bound)


def _leaky_relu(g, s):
    x, slope = s.operands
    if g.constant(slope) is None:
        g.add("PRelu", [g.name(x), g.name(slope)], s.outputs[0])
    else:
        _with("LeakyRelu", "alpha")(g, s)


def _gelu(approximate):
    def write(g, s):
        v = s.operands[0]
        x = g.name(v)
        if g.opset >= 20:
            g.add("Gelu", [x], s.outputs[0], approximate=approximate)
            return
        if approximate == "none":
            inner = g.add("Erf", [g.add("Mul", [x, _number(g, v, math.sqrt(0.5))])])
        else:
            cube = g.add("Mul", [g.add("Mul", [x, x]), x])
            sum_ = g.add("Add", [x, g.add("Mul", [cube, _number(g, v, 0.044715)])])
            inner = g.add("Tanh", [g.add("Mul", [sum_, _number(g, v, math.sqrt(2 / math.pi))])])
        half = g.add("Mul", [x, _number(g, v, 0.5)])
        g.add("Mul", [half, g.add("Add", [inner, _number(g, v, 1)])], s.outputs[0])

    return write


def _floor_div(g, s):
    dtype = g.dtype(s.outputs[0])
    if dtype.kind != "f":
        g.refuse("the quotient of integers is rounded toward zero")
    g.add("Floor", [g.add("Div", [g.read(v, dtype) for v in s.operands])], s.outputs[0])


def _floor_mod(g, s):
    dtype = g.dtype(s.outputs[0])
    x, y = (g.read(v, dtype) for v in s.operands)
    if dtype.kind == "f":
        whole = g.add("Mul", [g.add("Floor", [g.add("Div", [x, y])]), y])
        g.add("Sub", [x, whole], s.outputs[0])
    else:
        g.add("Mod", [x, y], s.outputs[0])


def _where(g, s):
    chosen, a, b = s.operands
    dtype = g.dtype(s.outputs[0])
    g.add("Where", [g.read(chosen, "bool"), g.read(a, dtype), g.read(b, dtype)], s.outputs[0])


def _cast(g, s):
    g.add("Cast", [g.name(s.operands[0])], s.outputs[0], to=Value(g.dtype(s.outputs[0])))


# ---- shapes -------------------------------------------------------------------------------------------------------


def _reshape(g, s):
    shape = g.shape(s.outputs[0])
    plain = {"allowzero": 1} if 0 in shape else {}  # else a size of 0 means that of the operand
    g.add("Reshape", [g.name(s.operands[0]), g.sizes(shape)], s.outputs[0], **plain)


def _permute(g, s):
    rank = s.words[0]
    g.add("Transpose", [g.name(s.operands[0])], s.outputs[0], perm=list(s.words[1 : 1 + rank]))


def _broadcast_to(g, s):
    v = s.operands[0]
    g.add("Expand", [g.name(v), g.sizes(g.shape(s.outputs[0]), g.shape(v))], s.outputs[0])


Region = namedtuple("Region", "operand count source target")
Lattice = namedtuple("Lattice", "kind start step")


def _regions(words):
    """Return the boxes of elements that are moved, see ops/regions.h."""
    at, regions = 0, []

    def take(n):
        nonlocal at
        at += n
        return list(words[at - n : at])

    def lattice(rank):
        (kind,) = take(1)
        starts = kind if kind >= 0 else rank if kind == -2 else 0
        start = take(starts)
        step = take(rank * kind if kind >= 0 else starts)
        return Lattice(kind, start, step)

    while at < len(words):
        operand, rank = take(2)
        count = take(rank)
        source = lattice(rank)
        regions.append(Region(operand, count, source, lattice(rank)))
    return regions


def _sliced(g, v, region, out=None):
    """Return the name of what a region along the axes of an operand reads."""
    starts, ends, axes, steps = [], [], [], []
    for axis, (n, size, a, d) in enumerate(zip(region.count, g.shape(v), region.source.start, region.source.step)):
        if (a, d, n) == (0, 1, size):
            continue
        end = a + n * d
        starts.append(a)
        ends.append(-_END if end < 0 else _END if d > 0 and end >= size else end)
        axes.append(axis)
        steps.append(d)
    if not axes:
        return g.add("Identity", [g.name(v)], out) if out is not None else g.name(v)
    return g.add("Slice", [g.name(v), *map(g.integers, (starts, ends, axes, steps))], out)


def _slice(g, s):
    (region,) = _regions(s.words)
    _box(g, s.operands[0], region, s.outputs[0])


def _box(g, v, region, out=None):
    """Return the name of the box of elements that a region reads."""
    shape = g.shape(v)
    kind, start, step = region.source
    if kind == -1:
        return g.name(v) if out is None else g.add("Identity", [g.name(v)], out)
    if kind == -2 and all(step):
        return _sliced(g, v, region, out)
    if kind == -2:  # an element that repeats along an axis
        once = [n if d else 1 for n, d in zip(region.count, step)]
        part = region._replace(count=once, source=Lattice(kind, start, [d or 1 for d in step]))
        return g.add("Expand", [_sliced(g, v, part), g.sizes(region.count, once)], out)
    rows = [step[i * kind : (i + 1) * kind] for i in range(len(region.count))]
    axes = [[k for k, d in enumerate(row) if d] for row in rows]
    used = [a[0] for a in axes if a]
    if any(start) or any(len(a) > 1 for a in axes) or used != list(range(kind)):
        g.refuse("elements are picked in a pattern that is not")
    if any(rows[i][a[0]] != 1 or region.count[i] != shape[a[0]] for i, a in enumerate(axes) if a):
        g.refuse("elements are picked in a pattern that is not")
    ones = [n if a else 1 for n, a in zip(region.count, axes)]
    shaped = g.add("Reshape", [g.name(v), g.sizes(ones)])
    return g.add("Expand", [shaped, g.sizes(region.count, ones)], out)


def _strides(shape):
    strides, n = [], 1
    for size in reversed(shape):
        strides.append(n)
        n *= size
    return strides[::-1]


def _rectangle(g, region, out_shape):
    """Return (start, extent) of the elements that a region fills; they must lie there in the order of the box."""
    kind, start, step = region.target
    box, rank = region.count, len(out_shape)
    if kind == -1:
        return [0] * rank, list(box)
    if kind == -2:
        rows = [[d if k == i else 0 for k in range(rank)] for i, d in enumerate(step)]
    else:
        rows = [step[i * kind : (i + 1) * kind] for i in range(len(box))]
    extent = [1 + sum((n - 1) * row[k] for n, row in zip(box, rows)) for k in range(rank)]
    linear = _strides(extent)
    for n, row, want in zip(box, rows, _strides(box)):
        if n > 1 and sum(d * stride for d, stride in zip(row, linear)) != want:
            g.refuse("elements are placed in a pattern that is not")
    if math.prod(extent) != math.prod(box):
        g.refuse("elements are placed in a pattern that is not")
    return start, extent


def _move(g, s):
    out = s.outputs[0]
    dtype, parts = g.dtype(out), []
    for region in _regions(s.words[1 + s.words[0] :]):  # behind the shape of the result
        if 0 in region.count:
            continue
        start, extent = _rectangle(g, region, g.shape(out))
        v = s.operands[region.operand]
        name = _box(g, v, region)
        if g.dtype(v) != dtype:
            name = g.add("Cast", [name], to=Value(dtype))
        if region.count != extent:
            name = g.add("Reshape", [name, g.sizes(extent)])
        parts.append((name, start, extent))
    if not parts:
        g.refuse("a result without elements is not")
    _joined(g, parts, [0] * len(g.shape(out)), list(g.shape(out)), out)


def _joined(g, parts, start, extent, out=None):
    """Return the name of the rectangle that parts (name, start, extent) fill, whose bounds are given."""
    if len(parts) == 1:
        name, *bounds = parts[0]
        if bounds != [start, extent]:
            g.refuse("the parts of the result do not fill it")
        return name if out is None else g.add("Identity", [name], out)
    for axis in range(len(extent)):
        # Where no part lies across, the rectangle is cut.
        inside = {p[1][axis] for p in parts} - {start[axis]}
        cuts = [c for c in sorted(inside) if all(p[1][axis] >= c or p[1][axis] + p[2][axis] <= c for p in parts)]
        if not cuts:
            continue
        names = []
        for low, high in zip([start[axis], *cuts], [*cuts, start[axis] + extent[axis]]):
            between = [p for p in parts if low <= p[1][axis] < high]
            size = [high - low if k == axis else n for k, n in enumerate(extent)]
            names.append(_joined(g, between, [low if k == axis else n for k, n in enumerate(start)], size))
        return g.add("Concat", names, out, axis=axis)
    return g.refuse("the parts of the result do not lie side by side")


def _slice_set(g, s):
    base, x = s.operands
    (region,) = _regions(s.words)
    constant = g.constant(base)
    uniform = constant is not None and constant.size and (constant == constant.flat[0]).all()
    if not uniform or region.source.kind != -2 and region.source.kind != -1 or region.target.kind != -2:
        g.refuse("writing into a Tensor is not")
    lattices = [region.target] + [region.source] * (region.source.kind == -2)
    if any(d != 1 for lattice in lattices for d in lattice.step):
        g.refuse("writing in steps is not")
    # A negative padding leaves elements out: what is read need not be all.
    name = _sliced(g, x, region) if region.source.kind == -2 else g.name(x)
    low = region.target.start
    high = [n - a - k for n, a, k in zip(g.shape(s.outputs[0]), low, region.count)]
    if g.dtype(x) != g.dtype(s.outputs[0]):
        g.refuse("operands of two dtypes are not")
    value = g.array(constant.flat[0].reshape(()), "value")
    g.add("Pad", [name, g.integers([*low, *high]), value], s.outputs[0])


def _take(g, s):
    v, index = s.operands
    g.add("Gather", [g.name(v), g.name(index)], s.outputs[0], axis=s.words[0])


def _gather_elements(g, s):
    v, index = s.operands
    g.add("GatherElements", [g.name(v), g.read(index, "int64")], s.outputs[0], axis=s.words[0])


# ---- reductions ---------------------------------------------------------------------------------------------------


def _axes(g, s):
    """Return the axes that a reduction is over, and whether they stay."""
    mask, keep = s.words[0] & 0xFFFFFFFF, s.words[0] >> 32
    return [k for k in range(len(g.shape(s.operands[0]))) if mask >> k & 1], int(bool(keep))


def _reduction(op):
    def write(g, s):
        axes, keep = _axes(g, s)
        x = g.read(s.operands[0], g.dtype(s.outputs[0]))
        if axes:
            g.add(op, [x, g.integers(axes)], s.outputs[0], keepdims=keep)
        else:
            g.refuse("a reduction over no axis is not")

    return write


def _place_of_extreme(op):
    def write(g, s, out=None):
        axes, keep = _axes(g, s)
        if len(axes) != 1:
            g.refuse("the place of an element among several axes is not")
        out = s.outputs[0] if out is None else out
        x = g.name(s.operands[0])
        if g.dtype(out) == "int64":
            g.add(op, [x], out, axis=axes[0], keepdims=keep)
        else:
            g.add("Cast", [g.add(op, [x], axis=axes[0], keepdims=keep)], out, to=Value(g.dtype(out)))

    return write


def _extreme_with_index(op, place_op):
    value, place = _reduction(op), _place_of_extreme(place_op)

    def write(g, s):
        value(g, s)
        if len(s.outputs) > 1 and (s.outputs[1] in g.uses or s.outputs[1] in g.view.outputs):
            place(g, s, s.outputs[1])

    return write


def _deviation(root):
    def write(g, s):
        axes, keep = _axes(g, s)
        v, out = s.operands[0], s.outputs[0]
        (ddof,) = struct.unpack("d", struct.pack("q", s.words[1]))
        n = math.prod(g.shape(v)[k] for k in axes)
        if n <= ddof:
            g.refuse("the variance of too few elements is not")
        x, over = g.read(v, g.dtype(out)), g.integers(axes)
        off = g.add("Sub", [x, g.add("ReduceMean", [x, over], keepdims=1)])
        mean = g.add("ReduceMean", [g.add("Mul", [off, off]), over], keepdims=keep)
        scale = _number(g, out, n / (n - ddof))
        if root:
            g.add("Sqrt", [g.add("Mul", [mean, scale])], out)
        else:
            g.add("Mul", [mean, scale], out)

    return write


def _cumsum(g, s):
    axis, reverse = s.words[:2]
    x = g.read(s.operands[0], g.dtype(s.outputs[0]))
    g.add("CumSum", [x, g.integers(axis)], s.outputs[0], reverse=reverse)


def _soft(op):
    def write(g, s):
        g.add(op, [g.name(s.operands[0])], s.outputs[0], axis=s.words[0])

    return write


# ---- products, convolutions, pooling ------------------------------------------------------------------------------


def _matmul(g, s):
    a, b = s.operands
    turned_a, turned_b, members = s.words
    dtype = g.dtype(s.outputs[0])
    ranks = len(g.shape(a)), len(g.shape(b))
    if members or (turned_a and ranks[0] < 2) or (turned_b and ranks[1] < 2):
        g.refuse("this product is not")
    if ranks == (2, 2) and (turned_a or turned_b) and dtype.kind == "f":
        operands = [g.read(a, dtype), g.read(b, dtype)]
        g.add("Gemm", operands, s.outputs[0], transA=int(turned_a), transB=int(turned_b))
        return
    names = []
    for v, turned, rank in ((a, turned_a, ranks[0]), (b, turned_b, ranks[1])):
        name = g.read(v, dtype)
        if turned:
            name = g.add("Transpose", [name], perm=[*range(rank - 2), rank - 1, rank - 2])
        names.append(name)
    g.add("MatMul", names, s.outputs[0])


def _add(g, s):
    if _batch_norm(g, s):
        return None
    a, b = s.operands
    product = g.makers.get(a)
    dtype = g.dtype(s.outputs[0])
    if product is None or product.title != "matmul" or len(g.shape(b)) != 1 or dtype.kind != "f":
        return _elementwise("Add")(g, s)
    x, y = product.operands
    turned_a, turned_b, members = product.words
    if members or not len(g.shape(x)) == len(g.shape(y)) == 2 or g.shape(b) != g.shape(a)[1:]:
        return _elementwise("Add")(g, s)
    # A product that nothing else reads is dropped.
    operands = [g.read(v, dtype) for v in (x, y, b)]
    return g.add("Gemm", operands, s.outputs[0], transA=int(turned_a), transB=int(turned_b))


def _last(words, spatial):
    return list(words[3 - spatial :])


def _conv(g, s):
    spatial, groups, *rest = s.words
    stride, low, high, dilation = (_last(rest[k : k + 3], spatial) for k in (0, 3, 6, 9))
    names = [g.name(v) for v in s.operands]
    about = {"strides": stride, "pads": low + high, "dilations": dilation, "group": groups}
    g.add("Conv", names, s.outputs[0], kernel_shape=list(g.shape(s.operands[1])[2:]), **about)


def _conv_input(g, s):
    spatial, groups, *rest = s.words
    stride, low, high, dilation, size = (_last(rest[k : k + 3], spatial) for k in (0, 3, 6, 9, 12))
    x, weight = s.operands
    kernel = list(g.shape(weight)[2:])
    extra = [
        n - (d * (m - 1) + e * (k - 1) + 1 - a - b)
        for n, d, m, e, k, a, b in zip(size, stride, g.shape(x)[2:], dilation, kernel, low, high)
    ]
    # Where the whole is shorter than that, the elements that lack are cut off as padding is.
    high = [b - min(e, 0) for b, e in zip(high, extra)]
    about = {"strides": stride, "pads": low + high, "dilations": dilation, "group": groups}
    about["output_padding"] = [max(e, 0) for e in extra]
    g.add("ConvTranspose", [g.name(x), g.name(weight)], s.outputs[0], kernel_shape=kernel, **about)


def _pool(op):
    def write(g, s):
        spatial, adaptive, include_pad, divisor, *rest = s.words
        kernel, stride, pad, dilation, size, out = (_last(rest[k : k + 3], spatial) for k in range(0, 18, 3))
        v, result = s.operands[0], s.outputs[0]
        if len(g.shape(v)) != spatial + 2:
            g.refuse("an input without a batch axis is not")
        if len(s.outputs) > 1 and (s.outputs[1] in g.uses or s.outputs[1] in g.view.outputs):
            g.refuse("the places of the greatest elements are not")
        x = g.name(v)
        if adaptive:
            if all(n == 1 for n in out):
                g.add(f"Global{op}", [x], result)
                return
            if any(n % m for n, m in zip(size, out)):
                g.refuse(f"windows of several sizes, of {size} elements for {out}, are not")
            kernel = stride = [n // m for n, m in zip(size, out)]
            pad, dilation, divisor = [0] * spatial, [1] * spatial, 0
        reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]
        high = [max(0, (m - 1) * d + r - n - a) for m, d, r, n, a in zip(out, stride, reach, size, pad)]
        about = {"kernel_shape": kernel, "strides": stride, "pads": pad + high}
        if any(d > 1 for d in dilation):
            about["dilations"] = dilation
        if op == "AveragePool":
            if any(b > a for a, b in zip(pad, high)) and (include_pad or divisor):
                g.refuse("a window that hangs over the padding is not")
            if divisor:
                include_pad = 1
            about["count_include_pad"] = include_pad
        if op == "AveragePool" and divisor and divisor != math.prod(kernel):
            average = g.add(op, [x], **about)
            g.add("Mul", [average, _number(g, v, math.prod(kernel) / divisor)], result)
        else:
            g.add(op, [x], result, **about)

    return write


# ---- layers -------------------------------------------------------------------------------------------------------


def _normalize(g, s):
    mask, bits, first, members = s.words
    (epsilon,) = struct.unpack("d", struct.pack("q", bits))
    v, out, weights = s.operands[0], s.outputs[0], s.operands[1:]
    shape = g.shape(v)
    rank = len(shape)
    axes = [k for k in range(rank) if mask >> k & 1]
    if members or any(n in g.uses or n in g.view.outputs for n in s.outputs[1:]):
        g.refuse("the statistics beside the result are not")
    trailing = axes == list(range(axes[0], rank)) if axes else False
    # The weights are one for each place of some axes from `first` on.
    count = math.prod(g.shape(weights[0])) if weights else 1
    end, places = first, 1
    while end < rank and places < count:
        places *= shape[end]
        end += 1
    dtype = g.dtype(out)
    named = [g.read(w, dtype) for w in weights]
    if weights and trailing and first == axes[0] and end == rank:
        if any(g.shape(w) != shape[first:] for w in weights):
            named = [g.add("Reshape", [w, g.sizes(shape[first:])]) for w in named]
        g.add("LayerNormalization", [g.read(v, dtype), *named], out, axis=axes[0], epsilon=epsilon)
        return
    if len(weights) == 2 and rank > 2 and axes == list(range(2, rank)) and (first, end) == (1, 2):
        g.add("InstanceNormalization", [g.read(v, dtype), *named], out, epsilon=epsilon)
        return
    over = g.integers(axes)
    x = g.read(v, dtype)
    off = g.add("Sub", [x, g.add("ReduceMean", [x, over], keepdims=1)])
    variance = g.add("ReduceMean", [g.add("Mul", [off, off]), over], keepdims=1)
    deviation = g.add("Sqrt", [g.add("Add", [variance, _number(g, v, epsilon)])])
    if not named:
        g.add("Div", [off, deviation], out)
        return
    normal = g.add("Div", [off, deviation])
    wide = [n if first <= k < end else 1 for k, n in enumerate(shape)][first:]
    shaped = [g.add("Reshape", [w, g.sizes(wide)]) for w in named]
    product = g.add("Mul", [normal, shaped[0]], None if len(shaped) > 1 else out)
    if len(shaped) > 1:
        g.add("Add", [product, shaped[1]], out)


def _batch_norm(g, s):
    """Write the sum as BatchNormalization, if it is one in evaluation mode: (x * r - mean * r) * gamma + beta.

    There r is rsqrt(variance + epsilon). What the statements before have written is dropped, as nothing reads it.
    """

    def made(v, title):
        maker = g.makers.get(v)
        return maker.operands if maker is not None and maker.title == title else (None, None)

    def of_channels(v):
        (plain, *_) = made(v, "reshape")
        return v if plain is None else plain

    out = s.outputs[0]
    shape = g.shape(out)
    scaled, beta = s.operands
    centred, gamma = made(scaled, "mul")
    spread, shift = made(centred, "add")
    x, deviation = made(spread, "mul")
    if x is None or len(shape) < 2 or g.dtype(out).kind != "f":
        return False
    wide = shape[1:2] + (1,) * (len(shape) - 2)
    if any(g.shape(v) != wide for v in (beta, gamma, shift, deviation)) or g.shape(x) != shape:
        return False
    beta, gamma, shift, deviation = map(of_channels, (beta, gamma, shift, deviation))
    (product, *_) = made(shift, "neg")
    mean, factor = made(product, "mul")
    (sum_, *_) = made(deviation, "rsqrt")
    variance, epsilon = made(sum_, "add")
    number = g.constant(epsilon) if epsilon is not None else None
    operands = (x, gamma, beta, mean, variance)
    if factor != deviation or number is None or number.size != 1 or any(v is None for v in operands):
        return False
    if any(g.dtype(v) != g.dtype(out) for v in operands) or any(g.shape(v) != shape[1:2] for v in operands[1:]):
        return False
    g.add("BatchNormalization", [g.name(v) for v in operands], out, epsilon=float(number))
    return True


# Where the gates of ONNX stand here: ONNX has input, output, forget, cell; and update, reset, new.
_GATES = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn_tanh": (0,), "rnn_relu": (0,)}
_LAYERS = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN"}


def _recurrent(g, s):
    kind = s.title
    reverse, has_bias, inside = s.words
    gates, weight, *states = s.operands
    if inside:
        g.refuse("rows of different length are not")
    if len(g.shape(gates)) != 3:
        g.refuse("an input without a batch axis is not")
    state_bias = states.pop() if has_bias else None
    steps, batch, _ = g.shape(gates)
    units = g.shape(weight)[1]
    dtype = g.dtype(s.outputs[0])
    x, w, bias = _input_of_gates(g, gates)
    zeros = _zeros(g, [g.shape(weight)[0]], dtype)

    def ordered(name):
        parts = [g.integers([k * units + j for k in _GATES[kind] for j in range(units)])]
        name = g.add("Gather", [name, *parts], axis=0) if len(_GATES[kind]) > 1 else name
        return name

    def for_direction(name):
        return g.add("Unsqueeze", [name, g.integers([0])])

    if bias or state_bias is not None:
        both = [ordered(bias) if bias else zeros, ordered(g.name(state_bias)) if state_bias is not None else zeros]
        both = for_direction(g.add("Concat", both, axis=0))
    else:
        both = ""
    inputs = [x, for_direction(ordered(w)), for_direction(ordered(g.name(weight))), both, ""]
    for v in states:
        constant = g.constant(v)
        inputs.append("" if constant is not None and not constant.any() else for_direction(g.read(v, dtype)))
    while inputs[-1] == "":
        inputs.pop()
    about = {"hidden_size": units, "direction": "reverse" if reverse else "forward"}
    if kind == "gru":
        about["linear_before_reset"] = 1
    if kind == "rnn_relu":
        about["activations"] = ["Relu"]
    all_steps = g.fresh("steps")
    outputs = [all_steps]
    if kind == "lstm" and len(s.outputs) > 1:
        outputs += ["", _last_cell_state(g, s.outputs[1], steps, reverse)]
        if outputs[-1] == "":
            outputs = [all_steps]
    g.node(_LAYERS[kind], inputs, outputs, **about)
    g.add("Squeeze", [all_steps, g.integers([1])], s.outputs[0])


def _zeros(g, shape, dtype):
    import numpy as np

    return g.array(np.zeros(shape, dtype), "zeros")


def _input_of_gates(g, v):
    """Return names of x, weight and bias (or None) that a value is made of; else of the value and an identity."""
    import numpy as np

    bias, product = None, g.makers.get(v)
    if product is not None and product.title == "add":
        a, b = product.operands
        if g.shape(b) == g.shape(v)[-1:] and g.makers.get(a) is not None:
            bias, product = b, g.makers[a]
    if product is not None and product.title == "matmul" and tuple(product.words) == (0, 1, 0):
        x, weight = product.operands
        if len(g.shape(x)) == 3 and len(g.shape(weight)) == 2:
            return g.name(x), g.name(weight), g.name(bias) if bias is not None else None
    n = g.shape(v)[-1]
    return g.name(v), g.array(np.eye(n, dtype=g.dtype(v)), "identity"), None


def _last_cell_state(g, v, steps, reverse):
    """Return a name for the last cell state, the one that ONNX has; "" where nothing reads it."""
    users = g.uses.get(v, [])
    if v in g.view.outputs:
        g.refuse("cell states before the last are not")
    name = ""
    for user in users:
        at_last = False
        if user.title == "slice":
            (region,) = _regions(user.words)
            want = [0 if reverse else steps - 1, *[0] * (len(g.shape(v)) - 1)]
            whole = [1, *g.shape(v)[1:]]
            at_last = region.source.kind == -2 and region.source.start == want and region.count == whole
        elif user.title == "reshape":  # of one step
            at_last = steps == 1
        if not at_last:
            g.refuse("cell states before the last are not")
        name = name or g.fresh("cell_state")
        if user.title == "slice":  # ONNX' axis of directions stands where that of the steps is here
            g.names[user.outputs[0]] = name
            g.done.add(id(user))
        else:
            g.names[v] = name
    return name


# ---- the table ----------------------------------------------------------------------------------------------------

_UNARY = {
    **{
        name: name.capitalize() for name in "abs ceil floor exp log sqrt neg sign sin cos tan relu sigmoid tanh".split()
    },
    **{name: name.capitalize() for name in "asin acos atan sinh cosh asinh acosh atanh erf mish round".split()},
    "reciprocal": "Reciprocal",
    "softsign": "Softsign",
    "hardswish": "HardSwish",
    "stop_gradient": "Identity",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "pow": "Pow",
    "maximum": "Max",
    "minimum": "Min",
}
_REDUCTIONS = {"sum": "ReduceSum", "mean": "ReduceMean", "prod": "ReduceProd", "amax": "ReduceMax", "amin": "ReduceMin"}
_REDUCTIONS |= {"logsumexp": "ReduceLogSumExp", "_norm2": "ReduceL2"}

WRITERS = {
    **{title: _elementwise(op) for title, op in _UNARY.items()},
    **{title: _reduction(op) for title, op in _REDUCTIONS.items()},
    "add": _add,
    "square": _square,
    "rsqrt": _rsqrt,
    "silu": _silu,
    "logsigmoid": _logsigmoid,
    "softplus": _softplus,
    "relu6": _relu6,
    "hardtanh": _clamp,
    "_clamp": _clamp,
    "elu": _with("Elu", "alpha"),
    "celu": _with("Celu", "alpha"),
    "selu": _fixed("Selu", alpha=1.6732632423543772, gamma=1.0507009873554805),
    "hardsigmoid": _fixed("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hardshrink": _with("Shrink", "lambd"),
    "softshrink": _softshrink,
    "leaky_relu": _leaky_relu,
    "_gelu": _gelu("none"),
    "_gelu_tanh": _gelu("tanh"),
    "floor_div": _floor_div,
    "floor_mod": _floor_mod,
    "greater": _compared("Greater"),
    "greater_equal": _compared("GreaterOrEqual"),
    "less": _compared("Less"),
    "less_equal": _compared("LessOrEqual"),
    "equal": _compared("Equal"),
    "not_equal": _compared("Equal", negated=True),
    "logical_and": _elementwise("And"),
    "logical_or": _elementwise("Or"),
    "logical_xor": _elementwise("Xor"),
    "logical_not": _elementwise("Not"),
    "where": _where,
    "cast": _cast,
    "cast_to_integer": _cast,
    "check_index": _cast,
    "reshape": _reshape,
    "permute": _permute,
    "broadcast_to": _broadcast_to,
    "slice": _slice,
    "move": _move,
    "slice_set": _slice_set,
    "take": _take,
    "gather_elements": _gather_elements,
    "max_with_index": _extreme_with_index("ReduceMax", "ArgMax"),
    "min_with_index": _extreme_with_index("ReduceMin", "ArgMin"),
    "argmax": _place_of_extreme("ArgMax"),
    "argmin": _place_of_extreme("ArgMin"),
    "var": _deviation(root=False),
    "std": _deviation(root=True),
    "cumsum": _cumsum,
    "softmax": _soft("Softmax"),
    "log_softmax": _soft("LogSoftmax"),
    "matmul": _matmul,
    "conv": _conv,
    "conv_bias": _conv,
    "conv_input": _conv_input,
    "max_pool": _pool("MaxPool"),
    "average_pool": _pool("AveragePool"),
    "normalize": _normalize,
    "standardize": _normalize,
    **dict.fromkeys(_GATES, _recurrent),
}
