"""What is measured: the inputs, the same for every framework, and what adcore's time may be at most, as a ratio."""

import zlib
from dataclasses import dataclass, field

import numpy as np

SMALL = (30, 64, 64, 1)
MIDDLE = (784, 512, 512, 10)
LARGE = (1024, 2048, 2048, 1024)
WIDTHS = (16, 32, 45, 46, 64, 128, 256, 512, 1024)
MILLION = 1 << 20


@dataclass(frozen=True)
class Workload:
    """A row of the table.

    `limits` has adcore's time by that of a peer, at most, and `jitted` that of adcore under `jit`; peers without one
    are measured too where they take part.
    """

    name: str
    text: str
    limits: dict = field(default_factory=dict)
    jitted: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Pullback(Workload):
    """An op that all frameworks spell alike: its value, and the cotangents of its inputs from one of that value.

    `inputs` has, by the name in the expression, the shape of floats or a function that makes an array; integers are not
    differentiated.
    """

    expression: str = ""
    inputs: dict = field(default_factory=dict)

    def arrays(self):
        sizes = self.inputs.items()
        return {name: v() if callable(v) else floats(*v, seed=k) for k, (name, v) in enumerate(sizes)}


def op(name, text, limit, expression, **inputs):
    return Pullback(name, text, {"torch": limit}, expression=expression, inputs=inputs)


def indices(n, *shape):
    return lambda: np.random.default_rng(7).integers(0, n, shape)


def permutation(dtype):
    return lambda: np.random.default_rng(8).permutation(MILLION).astype(dtype)


def positive_definite(n):
    def make():
        a = floats(n, n)
        return a @ a.T / n + np.eye(n, dtype=np.float32)

    return make


OPS = [
    op("conv_3x3", "conv2d 3x3, 32x64x32x32", 1.1, "conv2d(x, w, padding=1)", x=(32, 64, 32, 32), w=(64, 64, 3, 3)),
    op("conv_1x1", "conv2d 1x1, 32x64x32x32", 1.1, "conv2d(x, w)", x=(32, 64, 32, 32), w=(64, 64, 1, 1)),
    op(
        "conv_depthwise",
        "conv2d 3x3 depthwise, 32x64x32x32",
        1.1,
        "conv2d(x, w, padding=1, groups=64)",
        x=(32, 64, 32, 32),
        w=(64, 1, 3, 3),
    ),
    op("conv_1d", "conv1d 3, 8x64x1000", 1.0, "conv1d(x, w, padding=1)", x=(8, 64, 1000), w=(64, 64, 3)),
    *(
        op(
            f"conv_small_{size}_{channels}",
            f"conv2d 3x3, 32x{channels}x{size}x{size}",
            0.5,
            "conv2d(x, w, padding=1)",
            x=(32, channels, size, size),
            w=(channels, channels, 3, 3),
        )
        for size in (8, 28)
        for channels in (8, 32)
    ),
    op("max_pool", "max_pool2d 2, 32x64x32x32", 1.0, "max_pool2d(x, 2)", x=(32, 64, 32, 32)),
    op(
        "batch_norm",
        "batch_norm, 32x64x32x32",
        1.0,
        "batch_norm(x, None, None, w, b, True)",
        x=(32, 64, 32, 32),
        w=(64,),
        b=(64,),
    ),
    op("layer_norm", "layer_norm, 1024x512", 1.0, "layer_norm(x, (512,), w, b)", x=(1024, 512), w=(512,), b=(512,)),
    op(
        "group_norm",
        "group_norm 8, 32x64x32x32",
        1.0,
        "group_norm(x, 8, w, b)",
        x=(32, 64, 32, 32),
        w=(64,),
        b=(64,),
    ),
    op("rms_norm", "rms_norm, 1024x512", 1.0, "rms_norm(x, (512,), w)", x=(1024, 512), w=(512,)),
    op("softmax", "softmax, 1024x512", 1.0, "softmax(x, -1)", x=(1024, 512)),
    op("embedding", "embedding 100,000x64, 4,096", 1.0, "embedding(i, w)", i=indices(100_000, 4096), w=(100_000, 64)),
    op(
        "attention",
        "scaled_dot_product_attention, 8 heads, 128x64",
        1.0,
        "scaled_dot_product_attention(q, k, v)",
        q=(1, 8, 128, 64),
        k=(1, 8, 128, 64),
        v=(1, 8, 128, 64),
    ),
    op("sort", "sort, 1M", 1.0, "sort(x)[0]", x=permutation(np.float32)),
    op("cumsum", "cumsum, 1M", 1.0, "cumsum(x, 0)", x=(MILLION,)),
    op("cumsum_rows", "cumsum, 1024x1024", 1.0, "cumsum(x, 1)", x=(1024, 1024)),
    op("cumprod", "cumprod, 1024x1024", 1.0, "cumprod(x, 1)", x=(1024, 1024)),
    op("logcumsumexp", "logcumsumexp, 1024x1024", 1.0, "logcumsumexp(x, 1)", x=(1024, 1024)),
    op("nansum", "nansum, 1024x1024", 1.0, "nansum(x, 1)", x=(1024, 1024)),
    op("nanmean", "nanmean, 1024x1024", 1.0, "nanmean(x, 1)", x=(1024, 1024)),
    op("gather", "gather of 1M from 1M", 1.0, "gather(x, 0, i)", x=(MILLION,), i=indices(MILLION, MILLION)),
    op("index_select", "index_select of 1M", 1.0, "index_select(x, 0, i)", x=(MILLION,), i=indices(MILLION, MILLION)),
    op(
        "scatter_add",
        "scatter_add of 1M into 1M",
        1.0,
        "scatter_add(x, 0, i, v)",
        x=(MILLION,),
        i=indices(MILLION, MILLION),
        v=(MILLION,),
    ),
    op(
        "scatter",
        "scatter of 1M, each place once",
        1.0,
        "scatter(x, 0, i, v)",
        x=(MILLION,),
        i=permutation(np.int64),
        v=(MILLION,),
    ),
    op(
        "index_add",
        "index_add of 16,384 rows of 64",
        1.0,
        "index_add(x, 0, i, v)",
        x=(16384, 64),
        i=indices(16384, 16384),
        v=(16384, 64),
    ),
    *(
        op(f"{name}_{n}", f"{name}, {n}x{n}", limit, expression, a=positive_definite(n), **more(n))
        for name, expression, more in (
            ("cholesky", "cholesky(a)", lambda n: {}),
            ("solve", "solve(a, b)", lambda n: {"b": (n, 8)}),
        )
        for n, limit in ((8, 0.3), (64, 1.0), (512, 1.2))
    ),
    op("bmm", "bmm, 16x64x64x64", 1.0, "bmm(a, b)", a=(16, 64, 64), b=(16, 64, 64)),
    op(
        "einsum",
        "einsum bij,bjk->bik, 16x64x64x64",
        1.0,
        "einsum('bij,bjk->bik', a, b)",
        a=(16, 64, 64),
        b=(16, 64, 64),
    ),
]

# Training steps of layers, whose Parameters have one name in the frameworks, and so one first value. Losses are sums:
# where derivatives are as small as Adam's epsilon, it counts differently in MindSpore and in PyTorch.
MODELS = [
    Workload("model_lstm", "training step, LSTM 64-128, 50 steps, batch 32, Adam", {"torch": 1.0}),
    Workload("model_encoder", "training step, encoder layer 128 wide, 4 heads, 16 x 64, Adam", {"torch": 0.8}),
    Workload("model_digits", "training step, two convolutions on 8x8 images, batch 32, Adam", {"torch": 0.4}),
]
MODEL_INPUTS = {"model_lstm": (32, 50, 64), "model_encoder": (16, 64, 128), "model_digits": (32, 1, 8, 8)}
DIGITS = (1, 16, 32)  # channels

WORKLOADS = [
    Workload("add4", "`a + b`, 4 floats", {"numpy": 1 / 5, "torch": 1 / 15}),
    Workload(
        "tutorial", "gradient of a linear model and its BCE, 5x3", {"torch": 1 / 45, "jax": 1 / 6}, {"jax": 1 / 15}
    ),
    Workload("chain1000", "gradient through 1,000 x `v*0.999 + 0.001`, a scalar", {"torch": 1 / 40}, {"jax": 1.0}),
    Workload(
        "mlp_small",
        "training step 30-64-64-1, batch 32, BCE, Adam",
        {"torch": 1 / 12, "jax": 1 / 2},
        {"torch": 1 / 20, "jax": 0.45},
    ),
    Workload("mlp_middle", "training step 784-512-512-10, batch 128, Adam", {"torch": 0.8, "jax": 0.9}, {"jax": 0.8}),
    Workload("mlp_large", "training step 1024-2048-2048-1024, batch 256, CE, Adam", {}, {"jax": 0.85}),
    Workload("scan_chain", "gradient through the 1,000 steps of `chain1000` by `scan`", {}, {"jax": 1.0}),
    Workload("scan_lstm", "training step, LSTM 64-128 by `scan`, 50 steps, batch 32, Adam", {}, {"jax": 0.5}),
    # JAX's call of a small function takes some 6 us; wanted are 0.4.
    Workload("scalar10", "10 statements on a scalar", {}, {"jax": 1 / 15}),
    Workload("bce1m", "BCE with logits, 1M elements, gradient", {"torch": 1 / 3, "jax": 1.2}, {"jax": 1.0}),
    Workload("bce1m_ones", "the same with weights of ones", {}, {"jax": 1.0}),
    Workload("logistic", "logistic regression 100,000 x 100, gradient", {}, {"jax": 0.4}),
    Workload("chain1m", "mean of `tanh(2c+1)*sigmoid(c)+exp(-c*c)`, 1M, gradient", {"torch": 1 / 2}, {"jax": 1.0}),
    Workload("width32", "training step 10-32-32-10, batch 128, CE, Adam", {"torch": 1 / 8}),
    Workload("matmul16", "matmul 16 cubed", {"torch": 1 / 3}),
    Workload("matmul64", "matmul 64 cubed", {"torch": 0.8}),
    Workload("matmul256", "matmul 256 cubed", {"torch": 1.0}),
    Workload("matmul1024", "matmul 1024 cubed", {"torch": 1.05}),
    Workload("hessian", "Hessian of the loss of a tanh network, 50 parameters", {"torch": 1 / 10, "jax": 2.0}),
    Workload("jacobian", "Jacobian 64 x 64 of tanh(V tanh(W x)), reverse mode", {"torch": 1 / 5}),
    Workload("per_sample", "per-sample gradients of 16-64-16, batch 256; plain: of the batch", {"plain": 3.0}),
    Workload("jvp_mlp", "jvp of tanh(tanh(x W) V), 64-64-64, batch 32", {"plain": 2.5}),
    Workload("jvp_chain", "jvp of 10 x `sin(x)*0.5 + exp(-x*x)`, 1,000 elements", {"plain": 2.5}),
    *MODELS,
    *OPS,
]
FIRST_CALL = "mlp_small"  # the workload whose first call is measured
PEAK_MEMORY = "mlp_large"  # the one whose memory is
JITTED = {w.name for w in WORKLOADS if w.jitted or w.name.startswith("model_")}
PULLBACKS = {row.name: row for row in OPS}


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def labels(*shape, seed=1):
    return (np.random.default_rng(seed).random(shape) > 0.5).astype(np.float32)


def first_value(name, shape):
    """What a Parameter starts from."""
    if "norm" in name and name.endswith(("weight", "gamma")):
        return np.ones(shape, np.float32)
    seed = zlib.crc32(name.replace("dense", "linear").replace("beta", "bias").encode())
    return floats(*shape, seed=seed) * np.float32(0.5 / np.sqrt(shape[-1]))


@dataclass(frozen=True)
class Training:
    """A fully connected ReLU network with its data; weights are (out, in)."""

    sizes: tuple
    x: np.ndarray
    y: np.ndarray  # floats of 0 and 1 for one output, else class numbers
    weights: list
    biases: list
    rate: float = 1e-3


def training(sizes, batch):
    rng = np.random.default_rng(2)
    y = labels(batch, 1) if sizes[-1] == 1 else rng.integers(0, sizes[-1], batch).astype(np.int32)
    bound = [1 / np.sqrt(n) for n in sizes]
    weights = [rng.uniform(-k, k, (n_out, n_in)).astype(np.float32) for k, n_in, n_out in zip(bound, sizes, sizes[1:])]
    return Training(sizes, floats(batch, sizes[0]), y, weights, [np.zeros(n, np.float32) for n in sizes[1:]])


TRAINING = {"mlp_small": (SMALL, 32), "mlp_middle": (MIDDLE, 128), "mlp_large": (LARGE, 256)}
TRAINING.update({f"width{n}": ((10, n, n, 10), 128) for n in WIDTHS})


@dataclass(frozen=True)
class Case:
    """A workload in one framework: a statement to time, the names that it uses, and what it comes to."""

    statement: str
    names: dict
    result: object  # () -> list of arrays: values that must agree; training steps count


def steps(step, number=3):
    """The losses of the first training steps, as a result to compare."""
    return lambda: [np.asarray([float(step()) for _ in range(number)])]


def logistic_data():
    """Data of a logistic regression."""
    return floats(100_000, 100), labels(100_000)


SCAN_LSTM = (50, 32, 64, 128)  # steps, batch, inputs, hidden


def scan_lstm_data():
    """Inputs and weights of an LSTM whose gates are `x @ wx + h @ wh + b`, in the order i, f, g, o."""
    length, batch, n_in, n_out = SCAN_LSTM
    weights = [0.1 * floats(n_in, 4 * n_out, seed=1), 0.1 * floats(n_out, 4 * n_out, seed=2), floats(4 * n_out, seed=3)]
    return floats(length, batch, n_in), [w.astype(np.float32) for w in weights]


HIDDEN = 10  # of a 3-10-1 network without a last bias: 50 parameters


def split_parameters(p):
    """The weights of the network whose Hessian is computed, from one vector."""
    return p[: 3 * HIDDEN].reshape(3, HIDDEN), p[3 * HIDDEN : 4 * HIDDEN], p[4 * HIDDEN :].reshape(HIDDEN, 1)


def any_case(name, binary, train, pullback, others):
    """The case of a workload in a framework that has most; `others` by name, each made by a call."""
    if name in PULLBACKS:
        row = PULLBACKS[name]
        return pullback(row.expression, row.arrays())
    if name == "add4":
        return binary("a + b", floats(4), floats(4, seed=1))
    if name.startswith("matmul"):
        n = int(name[6:])
        return binary("a @ b", floats(n, n), floats(n, n, seed=1))
    if name in TRAINING:
        return train(*TRAINING[name])
    return others[name]() if name in others else None
