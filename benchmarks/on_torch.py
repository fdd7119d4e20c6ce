"""The workloads in PyTorch, eager."""

import functools

import torch
import torch.nn.functional as F
from workloads import (
    DIGITS,
    MILLION,
    MODEL_INPUTS,
    Case,
    any_case,
    first_value,
    floats,
    labels,
    logistic_data,
    split_parameters,
    steps,
    training,
)

NAME = "torch"


def set_threads(n):
    torch.set_num_threads(n)


def gradient(loss, *inputs):
    for t in inputs:
        t.requires_grad_()

    def run():
        return torch.autograd.grad(loss(*inputs), inputs)

    return Case("run()", {"run": run}, lambda: [g.numpy() for g in run()])


def train(sizes, batch):
    data = training(sizes, batch)
    layers = []
    for w, b in zip(data.weights, data.biases):
        layer = torch.nn.Linear(w.shape[1], w.shape[0])
        layer.weight.data = torch.tensor(w)
        layer.bias.data = torch.tensor(b)
        layers += [layer, torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(network.parameters(), data.rate)
    loss_fn = F.binary_cross_entropy_with_logits if sizes[-1] == 1 else F.cross_entropy
    x, y = torch.tensor(data.x), torch.tensor(data.y)
    if sizes[-1] > 1:
        y = y.long()

    def step():
        optimizer.zero_grad()
        loss = loss_fn(network(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return Case("step()", {"step": step}, steps(lambda: step().detach()))


def model(name, network, of_outputs):
    for path, param in network.named_parameters():
        param.data = torch.tensor(first_value(path, param.shape))
    x = torch.tensor(floats(*MODEL_INPUTS[name]))
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)

    def step():
        optimizer.zero_grad()
        loss = of_outputs(network(x))
        loss.backward()
        optimizer.step()
        return loss

    return Case("step()", {"step": step}, steps(lambda: step().detach()))


def model_lstm():
    return model("model_lstm", torch.nn.LSTM(64, 128, batch_first=True), lambda y: y[0].square().sum())


def model_encoder():
    layer = torch.nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True)
    return model("model_encoder", layer, lambda y: (y * torch.cos(y)).sum())


def model_digits():
    one, first, second = DIGITS
    network = torch.nn.Sequential(
        torch.nn.Conv2d(one, first, 3, padding="same"),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(first, second, 3, padding="same"),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * second, 10),
    )
    classes = torch.arange(32) % 10
    return model("model_digits", network, lambda y: F.cross_entropy(y, classes))


def tutorial():
    x, y = torch.ones(5), torch.zeros(3)
    loss = F.binary_cross_entropy_with_logits
    return gradient(lambda w, b: loss(x @ w + b, y), torch.tensor(floats(5, 3)), torch.tensor(floats(3, seed=3)))


def chain1000():
    def chain(v):
        for _ in range(1000):
            v = v * 0.999 + 0.001
        return v

    return gradient(chain, torch.tensor(1.5))


def bce1m():
    y = torch.tensor(labels(MILLION))
    return gradient(lambda z: F.binary_cross_entropy_with_logits(z, y), torch.tensor(floats(MILLION)))


def bce1m_ones():
    y, ones = torch.tensor(labels(MILLION)), torch.ones(MILLION)
    loss = functools.partial(F.binary_cross_entropy_with_logits, target=y, weight=ones, pos_weight=ones)
    return gradient(loss, torch.tensor(floats(MILLION)))


def logistic():
    x, y = map(torch.tensor, logistic_data())
    w, b = torch.tensor(floats(100, seed=3)), torch.tensor(floats(1, seed=4))
    return gradient(lambda w, b: F.binary_cross_entropy_with_logits(x @ w + b, y), w, b)


def chain1m():
    return gradient(
        lambda c: (torch.tanh(2 * c + 1) * torch.sigmoid(c) + torch.exp(-c * c)).mean(), torch.tensor(floats(MILLION))
    )


def call(fn, x):
    return Case("fn(x)", {"fn": fn, "x": x}, lambda: [fn(x).numpy()])


def hessian():
    x, y = torch.tensor(floats(16, 3)), torch.tensor(floats(16, 1, seed=1))

    def loss(p):
        w, b, v = split_parameters(p)
        return ((torch.tanh(x @ w + b) @ v - y) ** 2).mean()

    return call(torch.func.hessian(loss), torch.tensor(floats(50, seed=2) / 2))


def jacobian():
    w, v = torch.tensor(floats(64, 64, seed=1) / 8), torch.tensor(floats(64, 64, seed=2) / 8)
    return call(torch.func.jacrev(lambda x: torch.tanh(v @ torch.tanh(w @ x))), torch.tensor(floats(64)))


def binary(statement, a, b):
    names = {"a": torch.tensor(a), "b": torch.tensor(b)}
    return Case(statement, names, lambda: [eval(statement, names).numpy()])


def pullback(expression, given):
    """The value of an expression of ops, and the cotangents of its float inputs."""
    inputs = {name: torch.tensor(array) for name, array in given.items()}
    args = [t.requires_grad_() for t in inputs.values() if t.is_floating_point()]
    code, names = compile(expression, "op", "eval"), {**vars(torch), **vars(torch.linalg), **vars(F), **inputs}
    value = eval(code, names).detach()
    g = torch.tensor(floats(*value.shape, seed=9))

    def run():
        return torch.autograd.grad(eval(code, names), args, g)

    return Case("run()", {"run": run}, lambda: [value.numpy(), *(t.numpy() for t in run())])


def build(name):
    """The case of a workload."""
    others = (
        tutorial,
        chain1000,
        bce1m,
        bce1m_ones,
        logistic,
        chain1m,
        hessian,
        jacobian,
        model_lstm,
        model_encoder,
        model_digits,
    )
    return any_case(name, binary, train, pullback, {f.__name__: f for f in others})
