"""Models that adcore.onnx writes do in ONNX Runtime what the nets do; read back, they are those nets."""

import copy
import pickle

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, nn, ops

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

import adcore.onnx  # noqa: E402


def numbers(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def scattered(net):
    """The net with numbers in every Parameter, statistics and biases too; variances are positive."""
    for k, (name, p) in enumerate(net.parameters_and_names() if isinstance(net, nn.Cell) else ()):
        value = numbers(*p.shape, dtype=p.asnumpy().dtype, seed=k + 1) * 0.5
        p.set_data(Tensor(np.abs(value) + 0.5 if "variance" in name else value))
    return net


def ran(model, *arrays):
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {i.name: a for i, a in zip(session.get_inputs(), arrays)})


def flat(results):
    return [np.asarray(t.asnumpy()) for t in adcore._core.tree_leaves(results)]


def close(got, expected, atol=1e-5):
    assert len(got) == len(expected)
    for g, e in zip(got, expected):
        assert g.shape == e.shape
        assert g.dtype == e.dtype
        np.testing.assert_allclose(g, e, rtol=1e-5, atol=atol)


def weighted(net):
    """A number that depends on every float of the results."""

    def value(*xs):
        leaves = [t for t in adcore._core.tree_leaves(net(*xs)) if t.is_floating_point()]
        weights = [Tensor(numbers(*t.shape, dtype=t.asnumpy().dtype, seed=9)) for t in leaves]
        return sum((t * w).sum() for t, w in zip(leaves, weights))

    return value


def checked(net, arrays, gradients=True, **options):
    """The model of the net: run by ONNX Runtime, and read back, run, compiled and differentiated."""
    net = scattered(net)
    xs = [Tensor(a) for a in arrays]
    model = adcore.onnx.export(net, *xs, **options)
    onnx.checker.check_model(model, full_check=True)
    if isinstance(net, nn.Cell):
        net.set_train(False)
    expected = flat(net(*xs))
    close(ran(model, *arrays), expected)
    again = adcore.onnx.load(model)
    close(flat(again(*xs)), expected)
    close(flat(adcore.jit(again)(*xs)), expected)
    if gradients and any(e.dtype.kind == "f" for e in expected):
        same_gradients(net, again, xs)
    return model


def same_gradients(net, again, xs):
    places = tuple(i for i, x in enumerate(xs) if x.is_floating_point())
    mine = dict(net.parameters_and_names()) if isinstance(net, nn.Cell) else {}
    mine = {name: p for name, p in mine.items() if p.requires_grad}
    theirs = again.parameters_dict()
    assert {p.name for p in again.trainable_params()} == mine.keys()
    kwargs = {"weights": list(mine.values())} if mine else {}
    other = {"weights": [theirs[name] for name in mine]} if mine else {}
    want = adcore.grad(weighted(net), places or None, **kwargs)(*xs)
    got = adcore.grad(weighted(again), places or None, **other)(*xs)
    for g, w in zip(flat(got), flat(want), strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-4, atol=2e-5)


IMAGES, ROWS, SERIES, VOLUMES = (2, 4, 8, 9), (3, 4), (2, 4, 9), (2, 4, 5, 6, 6)


class Padded(nn.Cell):
    def construct(self, x):
        return tuple(ops.pad(x, (1, 2, 2, 1), mode=mode) for mode in ("reflect", "replicate", "circular"))


class OneStep(nn.Cell):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(4, 3)

    def construct(self, x, h, c):
        return self.cell(x, (h, c))


LAYERS = {
    "Dense": (lambda: nn.Dense(4, 5), ROWS),
    "Dense of matrices": (lambda: nn.Dense(9, 5), SERIES),
    "Dense without bias": (lambda: nn.Dense(4, 5, has_bias=False), ROWS),
    "Conv2d same": (lambda: nn.Conv2d(4, 6, 3, stride=2, has_bias=True), IMAGES),
    "Conv2d valid": (lambda: nn.Conv2d(4, 6, (2, 3), pad_mode="valid"), IMAGES),
    "Conv2d pad": (
        lambda: nn.Conv2d(4, 6, 3, 2, pad_mode="pad", padding=(1, 2, 0, 1), group=2, dilation=2, has_bias=True),
        IMAGES,
    ),
    "Conv2d by channel": (lambda: nn.Conv2d(4, 4, 3, group=4), IMAGES),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 4, stride=2, has_bias=True), SERIES),
    "Conv3d": (lambda: nn.Conv3d(4, 6, 3, stride=2, has_bias=True), VOLUMES),
    "Conv1dTranspose": (lambda: nn.Conv1dTranspose(4, 6, 3, stride=2, has_bias=True), SERIES),
    "Conv2dTranspose same": (lambda: nn.Conv2dTranspose(4, 6, 3, stride=2, has_bias=True), IMAGES),
    "Conv2dTranspose pad": (
        lambda: nn.Conv2dTranspose(4, 6, 3, 2, pad_mode="pad", padding=1, group=2, dilation=2, output_padding=1),
        IMAGES,
    ),
    "Conv3dTranspose": (lambda: nn.Conv3dTranspose(4, 6, 3, stride=2, pad_mode="valid"), VOLUMES),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), ROWS),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), IMAGES),
    "LayerNorm": (lambda: nn.LayerNorm((9,)), SERIES),
    "LayerNorm of two axes": (lambda: nn.LayerNorm((4, 9), 1, 1), SERIES),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), IMAGES),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4), IMAGES),
    "MaxPool2d": (lambda: nn.MaxPool2d(2, 2), IMAGES),
    "MaxPool2d same": (lambda: nn.MaxPool2d(3, 2, pad_mode="same"), IMAGES),
    "MaxPool2d pad": (lambda: nn.MaxPool2d(3, 2, pad_mode="pad", padding=1, ceil_mode=True), IMAGES),
    "padding by what stands there": (lambda: Padded(), IMAGES),
    "resized": (lambda: nn.Upsample(scale_factor=2.0, mode="bilinear", recompute_scale_factor=True), IMAGES),
    "MaxPool1d": (lambda: nn.MaxPool1d(3, 2), SERIES),
    "AvgPool2d": (lambda: nn.AvgPool2d(2, 2), IMAGES),
    "AvgPool2d same": (lambda: nn.AvgPool2d(3, 2, pad_mode="same"), IMAGES),
    "AvgPool2d pad": (lambda: nn.AvgPool2d(3, 2, pad_mode="pad", padding=1), IMAGES),
    "AvgPool2d pad not counted": (
        lambda: nn.AvgPool2d(3, 2, pad_mode="pad", padding=1, ceil_mode=True, count_include_pad=False),
        IMAGES,
    ),
    "AvgPool2d divisor": (lambda: nn.AvgPool2d(2, 2, pad_mode="pad", divisor_override=3), IMAGES),
    "AvgPool3d": (lambda: nn.AvgPool3d(2, 2), VOLUMES),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((4, 3)), IMAGES),
    "AdaptiveAvgPool2d one": (lambda: nn.AdaptiveAvgPool2d(1), IMAGES),
    "AdaptiveMaxPool2d one": (lambda: nn.AdaptiveMaxPool2d(1), IMAGES),
    "Flatten": (lambda: nn.Flatten(), IMAGES),
    "Dropout": (lambda: nn.SequentialCell(nn.Dense(4, 3), nn.Dropout(p=0.5)), ROWS),
    "PReLU": (lambda: nn.PReLU(), IMAGES),
    "GELU": (lambda: nn.GELU(), ROWS),
    "GELU exact": (lambda: nn.GELU(approximate=False), ROWS),
    "Pad": (lambda: nn.Pad(((0, 0), (0, 0), (1, 2), (2, 0))), IMAGES),
    "ReflectionPad2d": (lambda: nn.ReflectionPad2d((1, 2, 0, 0)), IMAGES),
    "LSTM": (lambda: nn.LSTM(4, 3), (5, 2, 4)),
    "LSTM both ways": (lambda: nn.LSTM(4, 3, 2, bidirectional=True, batch_first=True), (2, 5, 4)),
    "LSTM without bias": (lambda: nn.LSTM(4, 3, has_bias=False), (5, 2, 4)),
    "GRU without bias": (lambda: nn.GRU(4, 3, has_bias=False), (5, 2, 4)),
    "GRUCell": (lambda: nn.GRUCell(4, 3), (3, 4), (3, 3)),
    "LSTMCell": (lambda: OneStep(), (3, 4), (3, 3), (3, 3)),
    "GRU": (lambda: nn.GRU(4, 3, 2, bidirectional=True), (5, 2, 4)),
    "GRU with a state": (lambda: nn.GRU(4, 3), (5, 2, 4), (1, 2, 3)),
    "RNN": (lambda: nn.RNN(4, 3, bidirectional=True), (5, 2, 4)),
    "RNN relu": (lambda: nn.RNN(4, 3, nonlinearity="relu"), (5, 2, 4)),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(4, 2), (5, 2, 4), (6, 2, 4), (6, 2, 4)),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(4, 2, 8), (5, 2, 4)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_written_and_read(name):
    make, *shapes = LAYERS[name]
    checked(make(), [numbers(*s) for s in shapes])


ACTIVATIONS = (
    "relu relu6 sigmoid tanh elu selu silu softplus mish hardswish hardsigmoid leaky_relu softsign log_softmax softmax "
    "logsigmoid hardshrink softshrink hardtanh celu erf abs floor ceil sign exp square reciprocal sin cos neg "
    "sinh atan asinh"
).split()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_elementwise_op_is_written_and_read(name):
    checked(getattr(ops, name), [numbers(3, 4) * 3])


def test_softplus_with_a_slope_of_its_own():
    checked(lambda x: ops.softplus(x, 2, 3), [numbers(3, 4) * 3])


FUNCTIONS = {
    "arithmetic": (
        lambda a, b: a * b - a / (b * b + 1) + (a - 2) ** 3 + ops.sqrt(ops.exp(b)) + ops.rsqrt(b * b + 1),
        2,
    ),
    "extremes": (lambda a, b: ops.maximum(a, b) * ops.minimum(a, 0.3) + ops.clamp(a, min=0) + ops.clamp(b, -1, 1), 2),
    "remainders": (lambda a: (a % 2, a // 0.5), 1),
    "comparisons": (
        lambda a, b: (
            ops.where((a >= 0).logical_and(b < 1), a, ops.exp(b)),
            (a != b).logical_or(a == b).logical_not(),
            a <= b,
            a > 0.5,
        ),
        2,
    ),
    "concat": (lambda a, b: (ops.cat((a, b, a), 1), ops.stack([a, b], 1), ops.stack([a, b]), ops.stack([a, b], -1)), 2),
    "parts": (lambda a: (a[:, 1:3], a[0, ::2], a[::-1], a[-1], a[..., None], ops.split(a, 2, 1)), 1),
    "shapes": (
        lambda a: (
            ops.reshape(a, (2, 6)),
            ops.transpose(a, (1, 0)),
            ops.tile(a, (2, 3)),
            ops.broadcast_to(a, (2, 3, 4)),
            ops.flip(a, (1,)),
            ops.expand_dims(a, 1).squeeze(1),
            ops.pad(a, (1, 2, 0, 1), value=2.0),
        ),
        1,
    ),
    "reductions": (
        lambda a: (
            a.sum(),
            a.mean(1),
            a.sum(0, keepdims=True),
            ops.prod(a, 1),
            a.max(axis=1),
            a.min(axis=0),
            ops.amax(a, (0, 1)),
            ops.var(a, 1, 1),
            ops.std(a, 0),
            ops.logsumexp(a, 1),
            ops.norm(a, dim=1),
            ops.cumsum(a, 1),
        ),
        1,
    ),
    "places": (lambda a: (ops.argmax(a, 1), ops.argmin(a, 0, keepdims=True), ops.max(a, 1)), 1),
    "a part of what an op makes": (lambda a: ops.max(a, 1)[1], 1),
    "a scalar": (lambda a: a.sum() * 2, 1),
    "a prefix without the last": (lambda a: a[:-1, 1:-1] - ops.roll(a, 1, 0)[:-1, 1:-1], 1),
    "attention": (lambda a, b: ops.softmax(ops.where(ops.tril(a @ b.T) == 0, -1e9, a @ b.T), -1) @ b, 2),
    "products": (
        lambda a, b: (a @ b.T, a.T @ b, a @ b[0], a[0] @ b[1], ops.einsum("ij,kj->ik", a, b), ops.stack([a, a]) @ b.T),
        2,
    ),
    "dtypes": (lambda a: (a.astype(adcore.float64) * 2, a.astype(adcore.int32), (a * 2).astype(adcore.float16)), 1),
    "integers": (lambda a: a + Tensor([1, 2, 3, 4]) * a.astype(adcore.int64), 1),
    "picked": (lambda a: (a[Tensor([0, 2, 0])], ops.gather_elements(a, 1, Tensor([[1, 0], [2, 3], [3, 3]]))), 1),
    "losses": (lambda a, b: (nn.MSELoss()(a, b), nn.L1Loss()(a, b)), 2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_ops_are_written_and_read(name):
    fn, count = FUNCTIONS[name]
    checked(fn, [numbers(3, 4, seed=k) for k in range(count)])


@pytest.mark.parametrize("opset", range(18, 23))
def test_every_opset_that_is_offered(opset):
    net = nn.SequentialCell(nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = checked(net, [numbers(*IMAGES)], opset=opset)
    assert [o.version for o in model.opset_import] == [opset]
    checked(lambda x: ops.gelu(x) + x.mean(), [numbers(3, 4)], opset=opset)


@pytest.mark.parametrize(
    ("make", "shape", "written"),
    [
        (lambda: nn.Dense(4, 3, activation="relu"), ROWS, ["Gemm", "Relu"]),
        (lambda: nn.SequentialCell(nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3)), IMAGES, ["Conv", "BatchNormalization"]),
        (lambda: nn.BatchNorm1d(4), ROWS, ["BatchNormalization"]),
        (lambda: nn.LayerNorm((9,)), SERIES, ["LayerNormalization"]),
        (lambda: nn.Flatten(), IMAGES, ["Reshape"]),
        (lambda: nn.MaxPool2d(3, 2, pad_mode="same"), IMAGES, ["Pad", "MaxPool"]),
    ],
)
def test_layers_are_one_node_where_onnx_has_them(make, shape, written):
    model = checked(make(), [numbers(*shape)])
    assert [n.op_type for n in model.graph.node if n.op_type != "Constant"] == [*written, "Identity"]


@pytest.mark.parametrize("change", ["mean", "sign", "rank"])
def test_what_is_nearly_a_batch_norm_is_not_taken_for_one(change):
    mean, variance, gamma, beta = (Parameter(np.abs(numbers(4, seed=k)) + 0.5) for k in range(4))

    def fn(x):
        root = ops.rsqrt(variance + 1e-5)
        shift = mean * (ops.rsqrt(variance + 2e-5) if change == "mean" else root)
        shift = shift if change == "sign" else -shift
        return (x * root + shift) * gamma + beta

    model = checked(fn, [numbers(4, 4) if change != "rank" else numbers(2, 3, 4)], gradients=False)
    assert "BatchNormalization" not in {n.op_type for n in model.graph.node}


def test_jitted_nets_and_nets_in_half_precision():
    x = numbers(3, 4)
    net = scattered(nn.Dense(4, 3))
    model = adcore.onnx.export(adcore.jit(net), Tensor(x))
    close(ran(model, x), flat(net(Tensor(x))))
    half = scattered(nn.SequentialCell(nn.Dense(4, 3), nn.Tanh())).to_float(adcore.float16)
    np.testing.assert_allclose(ran(adcore.onnx.export(half, Tensor(x)), x)[0], half(Tensor(x)).asnumpy(), atol=2e-3)


def test_embeddings_and_negative_indices():
    checked(nn.Embedding(10, 4), [np.array([[1, 9, 3], [0, 0, 7]], np.int32)])


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_parameters_keep_their_dtype(dtype):
    net = nn.SequentialCell(nn.Dense(4, 3, dtype=Tensor(dtype(0)).dtype), nn.Tanh())
    scattered(net)
    x = numbers(2, 4, dtype=dtype)
    model = adcore.onnx.export(net, Tensor(x))
    assert {onnx.numpy_helper.to_array(t).dtype for t in model.graph.initializer} == {np.dtype(dtype)}
    expected = net(Tensor(x)).asnumpy()
    atol = 1e-12 if dtype is np.float64 else 2e-3
    for got in (ran(model, x)[0], adcore.onnx.load(model)(Tensor(x)).asnumpy()):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, expected, atol=atol)


class Branches(nn.Cell):
    """Two inputs, a loop of Python, a Parameter of its own, a container of results."""

    def __init__(self):
        super().__init__()
        self.scale = Parameter(Tensor([1.0, 2.0, 3.0]))
        self.dense = nn.Dense(4, 3)

    def construct(self, x, y):
        total = y
        for k in range(3):
            total = total + self.dense(x) * self.scale / (k + 1)
        return {"total": total, "parts": [x, total * y]}


def test_any_construct_is_written_under_the_names_that_are_given(tmp_path):
    net, path = Branches(), tmp_path / "net.onnx"
    x, y = numbers(2, 4), numbers(2, 3)
    names = ["total", "same", "product"]
    model = adcore.onnx.export(net, Tensor(x), Tensor(y), path=path, input_names=["x", "y"], output_names=names)
    assert [i.name for i in model.graph.input] == ["x", "y"]
    assert [o.name for o in model.graph.output] == names
    assert {t.name for t in model.graph.initializer} == {"scale", "dense.weight", "dense.bias"}
    assert onnx.load(path) == model
    again = adcore.onnx.load(path)
    assert (again.input_names, again.output_names) == (("x", "y"), tuple(names))
    expected = flat(net(Tensor(x), Tensor(y)))
    close(ran(model, x, y), expected)
    close(flat(again(Tensor(x), Tensor(y))), expected)
    close(flat(adcore.onnx.load(path.read_bytes())(Tensor(x), Tensor(y))), expected)


def test_the_net_is_in_the_mode_that_it_was_in():
    net = nn.SequentialCell(nn.Dense(4, 3), nn.Dropout(p=0.5))
    net.set_train(True)
    net[0].set_train(False)
    adcore.onnx.export(net, Tensor(numbers(2, 4)))
    assert (net.training, net[0].training, net[1].training) == (True, False, True)


class Head(nn.Cell):
    """An encoder with a reshape, a concatenation and a mean: what the size of a batch passes through."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 3, 3, pad_mode="same", stride=2)
        self.norm = nn.BatchNorm2d(3)
        self.group = nn.GroupNorm(3, 3)
        self.pool = nn.MaxPool2d(3, 2, pad_mode="same")
        self.dense = nn.Dense(12, 5)

    def construct(self, x):
        x = self.pool(self.group(ops.relu(self.norm(self.conv(x)))))
        x = x.reshape(x.shape[0], -1)
        x = ops.cat((x, x[:, ::-1]), 1)[:, : x.shape[1]]
        return self.dense(x) - ops.mean(x, 1, True), x[1:]


def test_the_batch_of_a_dynamic_model_may_be_of_any_size():
    net = scattered(Head())
    model = adcore.onnx.export(net, Tensor(numbers(2, 4, 8, 8)), dynamic_batch=True)
    net.set_train(False)
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in dims] == ["batch", 4, 8, 8]
    dims = [[d.dim_param or d.dim_value for d in o.type.tensor_type.shape.dim] for o in model.graph.output]
    assert dims == [["batch", 5], ["output_1_axis_0", 12]]
    again = adcore.onnx.load(model)
    for batch in (2, 3, 7):
        x = numbers(batch, 4, 8, 8)
        expected = flat(net(Tensor(x)))
        close(ran(model, x), expected)
        close(flat(again(Tensor(x))), expected)


def test_a_dynamic_recurrent_net():
    net = scattered(nn.LSTM(4, 3, bidirectional=True, batch_first=True))
    model = adcore.onnx.export(net, Tensor(numbers(2, 5, 4)), dynamic_batch=True)
    x = numbers(6, 5, 4)
    close(ran(model, x), flat(net(Tensor(x))))


def test_what_depends_on_the_size_of_the_batch_is_refused():
    x = Tensor(numbers(2, 4))
    for fn in (lambda x: x * x.shape[0], lambda x: x[: x.shape[0] // 2], lambda x: ops.arange(x.shape[0]) + x[:, 0]):
        with pytest.raises(NotImplementedError, match="batch"):
            adcore.onnx.export(fn, x, dynamic_batch=True)
    with pytest.raises(ValueError, match="first axis of one size"):
        adcore.onnx.export(ops.matmul, Tensor(numbers(2, 4)), Tensor(numbers(4, 2)), dynamic_batch=True)


def test_what_has_no_counterpart_is_named_with_its_line():
    def fn(x):
        return ops.digamma(x)

    with pytest.raises(NotImplementedError, match=r"digamma at test_onnx.py:\d+, in fn: .* ONNX opset 20"):
        adcore.onnx.export(fn, Tensor(numbers(2, 4)))
    with pytest.raises(NotImplementedError, match="random numbers or writes"):
        adcore.onnx.export(lambda x: ops.dropout(x, 0.5, training=True), Tensor(numbers(2, 4)))
    with pytest.raises(NotImplementedError, match="several sizes"):
        adcore.onnx.export(nn.AdaptiveAvgPool2d(3), Tensor(numbers(1, 2, 8, 8)))
    with pytest.raises(NotImplementedError, match="bfloat16"):
        adcore.onnx.export(lambda x: x * 2, Tensor(numbers(2, 4)).astype(adcore.bfloat16))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((3, Tensor([1.0])), {}, TypeError, "must be callable"),
        ((ops.relu,), {}, ValueError, "give the inputs"),
        ((ops.relu, np.ones(3)), {}, TypeError, "must be Tensors, got ndarray"),
        ((ops.relu, Tensor([1.0])), {"opset": 17}, ValueError, "opset must be 18 to 22, got 17"),
        ((ops.relu, Tensor([1.0])), {"input_names": ["a", "b"]}, ValueError, "1 different names"),
        ((ops.relu, Tensor([1.0])), {"input_names": "a", "output_names": "a"}, ValueError, "'a' is given to two"),
        ((lambda x: 3.0, Tensor([1.0])), {}, TypeError, "must return Tensors, got float"),
        ((lambda x: (), Tensor([1.0])), {}, ValueError, "returns nothing"),
        ((lambda x: Tensor([1.0]), Tensor([1.0])), {}, ValueError, "does not depend"),
    ],
)
def test_bad_arguments_are_refused(arguments, options, error, text):
    with pytest.raises(error, match=text):
        adcore.onnx.export(*arguments, **options)


# ---- models of other makers ---------------------------------------------------------------------------------------


def of_nodes(nodes, inputs, outputs, arrays=None, opset=20, ranks=0):
    """A model of float32 inputs {name: shape}."""
    helper = onnx.helper
    values = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s) for n, s in inputs.items()]
    rank = ranks or len(next(iter(inputs.values())))
    results = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [None] * rank) for n in outputs]
    held = [onnx.numpy_helper.from_array(a, n) for n, a in (arrays or {}).items()]
    graph = helper.make_graph(nodes, "test", values, results, held)
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets))


def node(op, inputs, outputs="y", **attributes):
    return onnx.helper.make_node(op, inputs.split(), outputs.split(), **attributes)


W = numbers(3, 5, seed=3)
OTHERS = {
    "Gemm": ([node("Gemm", "x w b", alpha=0.5, beta=2.0, transA=1)], (3, 4), {"w": W, "b": numbers(5)}),
    "Gemm turned": ([node("Gemm", "x w", transB=1, alpha=3.0)], (4, 5), {"w": W}),
    "BatchNormalization": (
        [node("BatchNormalization", "x s b m v", epsilon=0.1)],
        (2, 3, 4),
        {k: np.abs(numbers(3, seed=i)) for i, k in enumerate("sbmv")},
    ),
    "Flatten": ([node("Flatten", "x", axis=2)], (2, 3, 4), {}),
    "Squeeze": ([node("Squeeze", "x a")], (2, 1, 4, 1), {"a": np.array([1, -1])}),
    "Unsqueeze": ([node("Unsqueeze", "x a")], (2, 4), {"a": np.array([0, -1])}),
    "Reshape of a Constant": (
        [node("Constant", "", "s", value_ints=[0, -1]), node("Reshape", "x s")],
        (2, 3, 4),
        {},
    ),
    "Conv auto_pad": (
        [node("Conv", "x w", auto_pad="SAME_LOWER", strides=[2, 2])],
        (1, 2, 7, 8),
        {"w": numbers(3, 2, 3, 4)},
    ),
    "ConvTranspose": (
        [node("ConvTranspose", "x w b", strides=[3, 2], pads=[1, 0, 0, 2], output_padding=[2, 1])],
        (1, 2, 4, 5),
        {"w": numbers(2, 3, 3, 4), "b": numbers(3)},
    ),
    "MaxPool ceil": ([node("MaxPool", "x", kernel_shape=[3], strides=[2], ceil_mode=1)], (1, 2, 8), {}),
    "AveragePool same": (
        [node("AveragePool", "x", kernel_shape=[3], strides=[2], auto_pad="SAME_UPPER")],
        (1, 2, 8),
        {},
    ),
    "AveragePool ceil": ([node("AveragePool", "x", kernel_shape=[3], strides=[2], ceil_mode=1)], (1, 2, 8), {}),
    "Pad edge": ([node("Pad", "x p", mode="edge")], (2, 3), {"p": np.array([1, 0, 2, 3])}),
    "Pad reflect": ([node("Pad", "x p", mode="reflect")], (4, 3), {"p": np.array([1, 2, 2, 1])}),
    "Pad cuts": ([node("Pad", "x p")], (4, 3), {"p": np.array([-1, 1, 0, -2])}),
    "Slice backwards": (
        [node("Slice", "x s e a d")],
        (6, 5),
        {k: np.array(v) for k, v in zip("sead", ([-1, 4], [-100, 0], [0, 1], [-2, -3]))},
    ),
    "Split": ([node("Split", "x", "y z", axis=1, num_outputs=2)], (2, 5), {}),
    "Clip": ([node("Clip", "x l h")], (2, 5), {}),
    "Sum": ([node("Sum", "x x x")], (2, 3), {}),
    "Gather from the end": ([node("Gather", "x i", axis=1)], (3, 4), {"i": np.array([[0, -1], [2, -4]])}),
    "HardSigmoid": ([node("HardSigmoid", "x", alpha=0.3, beta=0.4)], (3, 4), {}),
    "ReduceMax": ([node("ReduceMax", "x a", keepdims=0)], (3, 4, 2), {"a": np.array([0, -1])}),
    "ReduceMean of all": ([node("ReduceMean", "x")], (3, 4), {}),
    "CumSum": ([node("CumSum", "x a", reverse=1)], (3, 4), {"a": np.array(1)}),
    "LSTM both ways": (
        [node("LSTM", "x w r b", "y h c", hidden_size=3, direction="bidirectional")],
        (5, 2, 4),
        {"w": numbers(2, 12, 4), "r": numbers(2, 12, 3), "b": numbers(2, 24)},
    ),
    "Dropout": ([node("Dropout", "x", "y m")], (3, 4), {}),
    "shapes that are computed": (
        [
            node("Shape", "x", "s"),
            node("Slice", "s one three", "tail"),
            node("Gather", "s zero", "batch"),
            node("Mul", "batch two", "doubled"),
            node("Unsqueeze", "doubled zeros", "first"),
            node("Cast", "tail", "cast", to=onnx.TensorProto.INT64),
            node("Div", "cast halves", "half"),
            node("Concat", "first half one", "shape", axis=0),
            node("ConstantOfShape", "one", "nought", value=onnx.numpy_helper.from_array(np.float32([1.5]))),
            node("Reshape", "x shape", "r"),
            node("Squeeze", "r minus", "z"),
            node("Add", "z nought"),
        ],
        (3, 4, 2),
        {
            "one": np.array([1]),
            "three": np.array([3]),
            "zero": np.array(0),
            "zeros": np.array([0]),
            "two": np.array(2),
            "halves": np.array([2, 1]),
            "minus": np.array([-1]),
        },
    ),
}
OTHERS["Clip"][0].insert(0, node("Constant", "", "l", value_float=-0.5))
OTHERS["Clip"][0].insert(1, node("Constant", "", "h", value_float=0.7))


@pytest.mark.parametrize("name", OTHERS)
def test_models_of_others_are_read(name):
    nodes, shape, arrays = OTHERS[name]
    outputs = [n for n in nodes[-1].output if n != "m"]
    model = of_nodes(nodes, {"x": shape}, outputs, arrays)
    x = numbers(*shape)
    close(flat(adcore.onnx.load(model)(Tensor(x))), ran(model, x))


def test_axes_that_are_attributes_in_older_opsets():
    model = of_nodes([node("ReduceMean", "x", axes=[1], keepdims=0)], {"x": (3, 4)}, ["y"], opset=13)
    x = numbers(3, 4)
    close(flat(adcore.onnx.load(model)(Tensor(x))), ran(model, x))


def of_integers(op, inputs="x", arrays=None, dtype=np.int32, **attributes):
    """A model whose input and output have a dtype that ONNX keeps, and adcore's function widens."""
    model = of_nodes([node(op, inputs, **attributes)], {"x": (3, 4)}, ["y"], arrays)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return model


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize(
    "op", ["ReduceSum", "ReduceProd", "ReduceMean", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "CumSum"]
)
def test_sums_of_integers_keep_their_dtype(op, dtype):
    rows = np.array([[-7, 2, 1, -4], [3, 0, 5, 2], [6, 1, 1, 3]], dtype)
    model = of_integers(op, "x a", {"a": np.array(1 if op == "CumSum" else [1])}, dtype)
    close(flat(adcore.onnx.load(model)(Tensor(rows))), ran(model, rows))


@pytest.mark.parametrize("exponent", [np.int64(3), np.float32(1.5), np.float64(0.5)])
def test_powers_keep_the_dtype_of_the_base(exponent):
    base = np.arange(12, dtype=np.int32).reshape(3, 4)
    model = of_integers("Pow", "x e", {"e": np.array(exponent)})
    close(flat(adcore.onnx.load(model)(Tensor(base))), ran(model, base))


@pytest.mark.parametrize("bounds", ["", "l", "l h"])
def test_bounds_of_clip_may_be_initializers_or_left_out(bounds):
    arrays = {"l": np.array(-0.5, np.float32), "h": np.array(0.7, np.float32)}
    model = of_nodes(
        [node("Clip", f"x {bounds}")], {"x": (2, 5)}, ["y"], {name: arrays[name] for name in bounds.split()}
    )
    x = numbers(2, 5)
    close(flat(adcore.onnx.load(model)(Tensor(x))), ran(model, x))


def test_statistics_of_a_model_are_not_trained():
    arrays = {k: np.abs(numbers(3, seed=i)) for i, k in enumerate("sbmv")}
    net = adcore.onnx.load(of_nodes([node("BatchNormalization", "x s b m v")], {"x": (2, 3)}, ["y"], arrays))
    assert sorted(p.name for p in net.trainable_params()) == ["b", "s"]


def test_a_net_that_was_loaded_learns():
    x, y = Tensor(numbers(16, 4)), Tensor(numbers(16, 1, seed=5))
    net = adcore.onnx.load(adcore.onnx.export(nn.SequentialCell(nn.Dense(4, 8), nn.Tanh(), nn.Dense(8, 1)), x))
    assert sorted(net.parameters_dict()) == ["0.bias", "0.weight", "2.bias", "2.weight"]

    def loss():
        return ((net(x) - y) ** 2).mean()

    optimizer = nn.Adam(net.trainable_params(), 0.05)
    step = adcore.jit(adcore.value_and_grad(loss, None, net.trainable_params()))
    before = loss().item()
    for _ in range(30):
        optimizer(step()[1])
    assert loss().item() < 0.5 * before


def test_a_net_that_was_loaded_is_written_again():
    x = numbers(2, 4, 8, 8)
    net = scattered(Head())
    model = adcore.onnx.export(net, Tensor(x), dynamic_batch=True)
    again = adcore.onnx.export(adcore.onnx.load(model), Tensor(x), dynamic_batch=True)
    assert {t.name for t in again.graph.initializer} == {t.name for t in model.graph.initializer}
    close(ran(again, numbers(5, 4, 8, 8)), ran(model, numbers(5, 4, 8, 8)))
    frozen = {p.name for p in adcore.onnx.load(again).untrainable_params()}
    assert frozen == {"norm.moving_mean", "norm.moving_variance"}


def test_initializers_may_have_the_names_of_a_cells_attributes():
    net = adcore.onnx.load(
        of_nodes(
            [node("Mul", "x phase", "z"), node("Add", "z training")],
            {"x": (2, 3)},
            ["y"],
            {"phase": numbers(3), "training": numbers(3, seed=1)},
        )
    )
    x = numbers(2, 3)
    np.testing.assert_allclose(net(Tensor(x)).asnumpy(), x * numbers(3) + numbers(3, seed=1), rtol=1e-6)
    assert {p.name for p in net.trainable_params()} == {"phase", "training"}


def test_a_net_that_was_loaded_is_pickled_and_copied():
    x = Tensor(numbers(2, 4))
    net = adcore.onnx.load(adcore.onnx.export(nn.SequentialCell(nn.Dense(4, 3), nn.ELU()), x))
    for again in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        np.testing.assert_array_equal(again(x).asnumpy(), net(x).asnumpy())


def relu_model(**options):
    return of_nodes([node("Relu", "x")], {"x": (2, 3)}, ["y"], **options)


def test_a_model_that_is_none_is_refused(tmp_path):
    content = adcore.onnx.export(nn.Dense(4, 3), Tensor(numbers(2, 4))).SerializeToString()
    for cut in (1, 20, len(content) // 2, len(content) - 1):
        path = tmp_path / f"{cut}.onnx"
        path.write_bytes(content[:cut])
        for model in (path, str(path), content[:cut]):
            with pytest.raises(ValueError, match=r"onnx.load: .*(no ONNX model|not valid)"):
                adcore.onnx.load(model)
    with pytest.raises(ValueError, match="onnx.load"):
        adcore.onnx.load(b"")
    with pytest.raises(FileNotFoundError):
        adcore.onnx.load(tmp_path / "missing.onnx")
    with pytest.raises(TypeError, match="got int"):
        adcore.onnx.load(3)


def test_a_missing_initializer_is_named():
    model = adcore.onnx.export(nn.Dense(4, 3), Tensor(numbers(2, 4)))
    del model.graph.initializer[:]
    with pytest.raises(ValueError, match="weight"):
        adcore.onnx.load(model)


def test_an_initializer_that_lacks_numbers_is_refused():
    model = adcore.onnx.export(nn.Dense(4, 3), Tensor(numbers(2, 4)))
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]
    with pytest.raises(ValueError, match="weight"):
        adcore.onnx.load(model)


def test_unknown_ops_are_all_named():
    nodes = [node("Det", "x", "z"), node("Relu", "z", "r"), node("Hardmax", "r")]
    with pytest.raises(NotImplementedError, match="no counterpart of Det, Hardmax"):
        adcore.onnx.load(of_nodes(nodes, {"x": (2, 3, 3)}, ["y"]))
    model = of_nodes([onnx.helper.make_node("Relu", ["x"], ["y"], domain="other")], {"x": (2,)}, ["y"])
    model.opset_import.append(onnx.helper.make_opsetid("other", 1))
    with pytest.raises(NotImplementedError, match=r"other\.Relu"):
        adcore.onnx.load(model)


def test_opsets_out_of_range_are_refused():
    with pytest.raises(ValueError, match="opset must be 13 to"):
        adcore.onnx.load(relu_model(opset=11))
    model = relu_model()
    model.opset_import[0].version = 999
    with pytest.raises(ValueError, match=r"opset|valid"):
        adcore.onnx.load(model)


def test_shapes_that_depend_on_numbers_and_modes_that_are_not_read_are_refused():
    nodes = [node("ArgMax", "x", "t", axis=0, keepdims=0), node("Reshape", "x t")]
    net = adcore.onnx.load(of_nodes(nodes, {"x": (3, 4)}, ["y"]))
    with pytest.raises(NotImplementedError, match="Reshape: operand 1 must be a constant"):
        net(Tensor(numbers(3, 4)))
    nodes = [node("ArgMax", "x", "t", axis=0, keepdims=0), node("ConstantOfShape", "t")]
    with pytest.raises(NotImplementedError, match="ConstantOfShape: its operands must be constants"):
        adcore.onnx.load(of_nodes(nodes, {"x": (3, 4)}, ["y"]))(Tensor(numbers(3, 4)))
    for bad in (
        node("Pad", "x p", mode="wrap"),
        node("MaxPool", "x", "y z", kernel_shape=[1]),
        node("MaxPool", "x", auto_pad="SAME_UPPER", storage_order=1, kernel_shape=[2]),
        node("GRU", "x x x", hidden_size=4),
    ):
        model = of_nodes([bad], {"x": (1, 2, 4)}, ["y"], {"p": np.array([0, 0, 1, 0, 0, 1])})
        with pytest.raises(NotImplementedError, match=bad.op_type):
            adcore.onnx.load(model)(Tensor(numbers(1, 2, 4)))


def test_inputs_that_do_not_fit_are_refused():
    net = adcore.onnx.load(relu_model())
    with pytest.raises(TypeError, match="takes 1 inputs"):
        net()
    with pytest.raises(TypeError, match="x must be a Tensor"):
        net(np.ones((2, 3), np.float32))
    with pytest.raises(TypeError, match="x must be"):
        net(Tensor(numbers(2, 3, dtype=np.float64)))
    with pytest.raises(ValueError, match=r"shape \(2, 3\), got \(3, 3\)"):
        net(Tensor(numbers(3, 3)))


def test_without_the_library_the_text_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    for call in (lambda: adcore.onnx.export(ops.relu, Tensor([1.0])), lambda: adcore.onnx.load("x.onnx")):
        with pytest.raises(ImportError, match=r"pip install adcore\[onnx\]"):
            call()
