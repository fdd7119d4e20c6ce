"""The workloads in adcore."""

import numpy as np
from workloads import (
    DIGITS,
    MILLION,
    MODEL_INPUTS,
    SCAN_LSTM,
    Case,
    any_case,
    first_value,
    floats,
    labels,
    logistic_data,
    scan_lstm_data,
    split_parameters,
    steps,
    training,
)

import adcore
from adcore import Tensor, nn, ops

NAME = "adcore"


def set_threads(n):
    adcore.set_num_threads(n)


def arrays(tensors):
    return [t.asnumpy() for t in (tensors if isinstance(tensors, tuple) else (tensors,))]


def call(fn, *args):
    return Case("fn(*args)", {"fn": fn, "args": args}, lambda: arrays(fn(*args)))


class Network(nn.Cell):
    def __init__(self, data):
        super().__init__()
        layers = []
        for w, b in zip(data.weights, data.biases):
            layers += [nn.Dense(w.shape[1], w.shape[0], weight_init=Tensor(w), bias_init=Tensor(b)), nn.ReLU()]
        self.layers = nn.SequentialCell(layers[:-1])

    def construct(self, x):
        return self.layers(x)


def train(sizes, batch):
    data = training(sizes, batch)
    network = Network(data)
    loss = nn.BCEWithLogitsLoss() if sizes[-1] == 1 else nn.CrossEntropyLoss()
    optimizer = nn.Adam(network.trainable_params(), data.rate)
    loss_and_grads = adcore.value_and_grad(lambda x, y: loss(network(x), y), None, optimizer.parameters)
    x, y = Tensor(data.x), Tensor(data.y)

    def step():
        value, grads = loss_and_grads(x, y)
        optimizer(grads)
        return value

    return Case("step()", {"step": step}, steps(step))


def model(name, network, of_outputs):
    for path, param in network.parameters_and_names():
        param.set_data(Tensor(first_value(path, param.shape)))
    x = Tensor(floats(*MODEL_INPUTS[name]))
    optimizer = nn.Adam(network.trainable_params(), 1e-3)
    loss_and_grads = adcore.value_and_grad(lambda x: of_outputs(network(x)), None, optimizer.parameters)
    network.set_train()

    def step():
        value, grads = loss_and_grads(x)
        optimizer(grads)
        return value

    return Case("step()", {"step": step}, steps(step))


def model_lstm():
    return model("model_lstm", nn.LSTM(64, 128, batch_first=True), lambda y: ops.square(y[0]).sum())


def model_encoder():
    layer = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True)
    return model("model_encoder", layer, lambda y: (y * ops.cos(y)).sum())


def model_digits():
    one, first, second = DIGITS
    network = nn.SequentialCell(
        nn.Conv2d(one, first, 3, pad_mode="same", has_bias=True),
        nn.ReLU(),
        nn.MaxPool2d(2, 2),
        nn.Conv2d(first, second, 3, pad_mode="same", has_bias=True),
        nn.ReLU(),
        nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Dense(4 * second, 10),
    )
    classes = Tensor(np.arange(32, dtype=np.int32) % 10)
    return model("model_digits", network, lambda y: ops.cross_entropy(y, classes))


def tutorial():
    def forward(x, y, w, b):
        z = ops.matmul(x, w) + b
        return ops.binary_cross_entropy_with_logits(z, y, ops.ones_like(z), ops.ones_like(z))

    x, y = Tensor(np.ones(5, np.float32)), Tensor(np.zeros(3, np.float32))
    w, b = Tensor(floats(5, 3)), Tensor(floats(3, seed=3))
    fn = adcore.grad(forward, (2, 3))
    return Case("fn(x, y, w, b)", {"fn": fn, "x": x, "y": y, "w": w, "b": b}, lambda: arrays(fn(x, y, w, b)))


def chain1000():
    def chain(v):
        for _ in range(1000):
            v = v * 0.999 + 0.001
        return v

    return call(adcore.grad(chain), Tensor(1.5, adcore.float32))


def scan_chain():
    def chain(v):
        return ops.scan(lambda v, _: (v * 0.999 + 0.001, None), v, length=1000)[0]

    return call(adcore.grad(chain), Tensor(1.5, adcore.float32))


def scan_lstm():
    data, weights = scan_lstm_data()
    wx, wh, b = (adcore.Parameter(Tensor(w), name=name) for w, name in zip(weights, ("wx", "wh", "b")))
    x, start = Tensor(data), ops.zeros((SCAN_LSTM[1], SCAN_LSTM[3]))
    optimizer = nn.Adam([wx, wh, b], 1e-3)

    def one(carry, x):
        h, c = carry
        i, f, g, o = ops.split(x @ wx + h @ wh + b, SCAN_LSTM[3], -1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return (h, c), h

    def loss(x):
        return ops.square(ops.scan(one, (start, start), x)[1]).sum()

    loss_and_grads = adcore.value_and_grad(loss, None, optimizer.parameters)

    def step():
        value, grads = loss_and_grads(x)
        optimizer(grads)
        return value

    return Case("step()", {"step": step}, steps(step))


def scalar10():
    def fn(v):
        for _ in range(5):
            v = ops.sin(v) * 0.999
        return v

    return call(fn, Tensor(1.5, adcore.float32))


def bce1m():
    z, y = Tensor(floats(MILLION)), Tensor(labels(MILLION))
    return call(adcore.grad(lambda z: ops.binary_cross_entropy_with_logits(z, y)), z)


def bce1m_ones():
    z, y = Tensor(floats(MILLION)), Tensor(labels(MILLION))

    def loss(z):
        return ops.binary_cross_entropy_with_logits(z, y, ops.ones_like(z), ops.ones_like(z))

    return call(adcore.grad(loss), z)


def logistic():
    x, y = (Tensor(a) for a in logistic_data())
    w, b = Tensor(floats(100, seed=3)), Tensor(floats(1, seed=4))

    def loss(w, b, x, y):
        return ops.binary_cross_entropy_with_logits(x @ w + b, y)

    return call(adcore.grad(loss, (0, 1)), w, b, x, y)


def chain1m():
    fn = adcore.grad(lambda c: (ops.tanh(2 * c + 1) * ops.sigmoid(c) + ops.exp(-c * c)).mean())
    return call(fn, Tensor(floats(MILLION)))


def hessian():
    x, y = Tensor(floats(16, 3)), Tensor(floats(16, 1, seed=1))

    def loss(p):
        w, b, v = split_parameters(p)
        return ((ops.tanh(x @ w + b) @ v - y) ** 2).mean()

    return call(adcore.hessian(loss), Tensor(floats(50, seed=2) / 2))


def jacobian():
    w, v = Tensor(floats(64, 64, seed=1) / 8), Tensor(floats(64, 64, seed=2) / 8)
    return call(adcore.jacrev(lambda x: ops.tanh(v @ ops.tanh(w @ x))), Tensor(floats(64)))


def two_layers():
    """The loss of a two-layer network, and its parameters and data."""

    def loss(w, b, v, c, x, y):
        return ((ops.tanh(x @ w + b) @ v + c - y) ** 2).mean()

    shapes = ((16, 64), (64,), (64, 16), (16,), (256, 16), (256, 16))
    return loss, [Tensor(floats(*shape, seed=k) / 4) for k, shape in enumerate(shapes)]


def per_sample():
    loss, args = two_layers()
    fn = adcore.vmap(adcore.grad(loss, (0, 1, 2, 3)), in_axes=(None, None, None, None, 0, 0))
    # Their mean is the gradient of the batch.
    return Case("fn(*args)", {"fn": fn, "args": args}, lambda: [g.asnumpy().mean(0) for g in fn(*args)])


def mlp():
    w, v = Tensor(floats(64, 64, seed=1) / 8), Tensor(floats(64, 64, seed=2) / 8)
    return lambda x: ops.tanh(ops.tanh(x @ w) @ v), Tensor(floats(32, 64))


def chain():
    def fn(x):
        for _ in range(10):
            x = ops.sin(x) * 0.5 + ops.exp(-x * x)
        return x

    return fn, Tensor(floats(1000))


# Functions whose jvp is measured.
PUSHED = {"jvp_mlp": mlp, "jvp_chain": chain}


def pushed(make):
    fn, x = make()
    names = {"jvp": adcore.jvp, "fn": fn, "x": x, "v": ops.cos(x)}
    return Case("jvp(fn, x, v)", names, lambda: arrays(adcore.jvp(fn, x, x)[0]))


def binary(statement, a, b):
    names = {"a": Tensor(a), "b": Tensor(b)}
    return Case(statement, names, lambda: arrays(eval(statement, names)))


def pullback(expression, given):
    """The value of an expression of ops, and the cotangents of its float inputs."""
    inputs = {name: Tensor(array) for name, array in given.items()}
    floats_ = [name for name, tensor in inputs.items() if tensor.dtype.is_floating_point]
    others = {name: tensor for name, tensor in inputs.items() if name not in floats_}
    names = {"gather": ops.gather_elements} if "gather(" in expression else {}
    fn = eval(f"lambda {', '.join(floats_)}: {expression}", {**vars(ops), **names, **others})
    args = [inputs[name] for name in floats_]
    out = fn(*args)
    args.append(Tensor(floats(*out.shape, seed=9)))
    run = ops.GradOperation(get_all=True, sens_param=True)(fn)
    return Case("run(*args)", {"run": run, "args": args}, lambda: [out.asnumpy(), *arrays(run(*args))])


def build(name):
    """The case of a workload."""
    if name in PUSHED:
        return pushed(PUSHED[name])
    others = (
        tutorial,
        chain1000,
        scan_chain,
        scan_lstm,
        scalar10,
        bce1m,
        bce1m_ones,
        logistic,
        chain1m,
        hessian,
        jacobian,
        per_sample,
    )
    others += (model_lstm, model_encoder, model_digits)
    return any_case(name, binary, train, pullback, {f.__name__: f for f in others})
