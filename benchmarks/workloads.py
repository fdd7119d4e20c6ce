"""What is measured: the inputs, the same for every framework, and what adcore's time may be at most, as a ratio."""

from dataclasses import dataclass, field

import numpy as np

SMALL = (30, 64, 64, 1)
MIDDLE = (784, 512, 512, 10)
WIDTHS = (16, 32, 45, 46, 64, 128, 256, 512, 1024)
MILLION = 1 << 20


@dataclass(frozen=True)
class Workload:
    """A row of the table.

    `limits` has adcore's time by that of a peer, at most; peers without one are measured too where they take part.
    """

    name: str
    text: str
    limits: dict = field(default_factory=dict)


WORKLOADS = [
    Workload("add4", "`a + b`, 4 floats", {"numpy": 1 / 5, "torch": 1 / 15}),
    Workload("tutorial", "gradient of a linear model and its BCE, 5x3", {"torch": 1 / 45, "jax": 1 / 6}),
    Workload("chain1000", "gradient through 1,000 x `v*0.999 + 0.001`, a scalar", {"torch": 1 / 40}),
    Workload("mlp_small", "training step 30-64-64-1, batch 32, BCE, Adam", {"torch": 1 / 12, "jax": 1 / 2}),
    Workload("mlp_middle", "training step 784-512-512-10, batch 128, CE, Adam", {"torch": 0.8, "jax": 0.9}),
    Workload("bce1m", "BCE with logits, 1M elements, gradient", {"torch": 1 / 3, "jax": 1.2}),
    Workload("chain1m", "mean of `tanh(2c+1)*sigmoid(c)+exp(-c*c)`, 1M, gradient", {"torch": 1 / 2}),
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
]


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def labels(*shape, seed=1):
    return (np.random.default_rng(seed).random(shape) > 0.5).astype(np.float32)


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


TRAINING = {"mlp_small": (SMALL, 32), "mlp_middle": (MIDDLE, 128)}
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


HIDDEN = 10  # of a 3-10-1 network without a last bias: 50 parameters


def split_parameters(p):
    """The weights of the network whose Hessian is computed, from one vector."""
    return p[: 3 * HIDDEN].reshape(3, HIDDEN), p[3 * HIDDEN : 4 * HIDDEN], p[4 * HIDDEN :].reshape(HIDDEN, 1)


def any_case(name, binary, train, others):
    """The case of a workload in a framework that has most; `others` by name, each made by a call."""
    if name == "add4":
        return binary("a + b", floats(4), floats(4, seed=1))
    if name.startswith("matmul"):
        n = int(name[6:])
        return binary("a @ b", floats(n, n), floats(n, n, seed=1))
    if name in TRAINING:
        return train(*TRAINING[name])
    return others[name]() if name in others else None
