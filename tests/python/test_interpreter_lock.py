"""Kernels that take long run without the interpreter's lock: other Python threads go on meanwhile.

No clock is looked at. With a switch interval of an hour a Python thread gives the lock away only of its own accord, so
that a thread which waits for it counts on if and only if the call in between lets it. Start reading at `Waiting`.
"""

import sys
import threading
import time

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, nn, ops, vjp, vmap

pytestmark = pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="this interpreter has no lock"
)

N = 1_000_000  # elements: milliseconds of work
TRIES = 200


class Waiting:
    """A thread that counts whenever it gets the lock, and is back at waiting for it at once."""

    def __init__(self):
        self.count = 0
        self._over = False
        self._interval = sys.getswitchinterval()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._over:
            self.count += 1
            time.sleep(0)  # gives the lock away; whoever waits for it is next

    def __enter__(self):
        sys.setswitchinterval(3600)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over = True
        sys.setswitchinterval(self._interval)
        self._thread.join()

    def goes_on_in(self, call, noted=None):
        """Whether it counts while `call` runs, in one of many tries: the system may be slow to wake a thread.

        Where only a part of the call counts, it notes the counts from before and after that part in the list.
        """
        call()
        for _ in range(TRIES):
            before = self.count
            call()
            after = self.count
            if noted is not None:
                before, after = noted[-2:]
            if after != before:
                return True
        return False


@pytest.fixture
def waiting():
    with Waiting() as thread:
        yield thread


def test_the_lock_is_kept_and_given_away_as_the_test_thinks(waiting):
    assert not waiting.goes_on_in(lambda: sum(range(10_000)))
    assert waiting.goes_on_in(lambda: time.sleep(0.001))


def vector(seed=0, dtype=adcore.float32):
    return Tensor(np.random.default_rng(seed).uniform(0.1, 0.9, N)).astype(dtype)


# ---- optimizers ----------------------------------------------------------------------------------------------------

OPTIMIZERS = {
    "SGD": lambda w: nn.SGD(w, 0.1),
    "SGD momentum": lambda w: nn.SGD(w, 0.1, momentum=0.9, nesterov=True),
    "Momentum": lambda w: nn.Momentum(w, 0.1, 0.9),
    "Adam": lambda w: nn.Adam(w, 0.1),
    "AdamWeightDecay": lambda w: nn.AdamWeightDecay(w, 0.1),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name, dtype, waiting):
    w = Parameter(vector(1, getattr(adcore, dtype)), name="w")
    g = vector(2, getattr(adcore, dtype))
    optimizer = OPTIMIZERS[name]([w])
    assert waiting.goes_on_in(lambda: optimizer((g,)))


def test_a_step_that_several_threads_see():
    """A thread that reads a Parameter during its step gets the value from before or after it, whole."""
    w = Parameter(ops.zeros((N,)), name="w")
    optimizer = nn.SGD([w], 1.0)
    g = -ops.ones((N,))
    torn, over = [], threading.Event()

    def read():
        while not over.is_set():
            values = w.asnumpy()
            if not (values == values[0]).all():
                torn.append(values)
            time.sleep(0)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        optimizer((g,))
        time.sleep(0)
    over.set()
    reader.join()
    assert not torn
    assert (w.asnumpy() == 20).all()


# ---- gradients -----------------------------------------------------------------------------------------------------

ROWS, COLUMNS = 2000, 500


def matrix(seed=3):
    return Tensor(np.random.default_rng(seed).uniform(0.1, 0.9, (ROWS, COLUMNS)).astype(np.float32))


TARGET = Tensor((np.arange(ROWS) % COLUMNS).astype(np.int32))

# name -> (one op, its input)
GRADIENTS = {
    "exp": (ops.exp, vector),
    "tanh": (ops.tanh, vector),
    "gelu": (ops.gelu, vector),
    "float16 sigmoid": (ops.sigmoid, lambda: vector(0, adcore.float16)),
    "square": (ops.square, vector),
    "pow": (lambda x: ops.pow(x, x), vector),
    "div": (lambda x: x / (x + 1.5), vector),
    "broadcast product": (lambda x: x * x[:, :1], matrix),
    "chain": (lambda x: ops.tanh(2 * x + 1) * ops.sigmoid(x) + ops.exp(-x * x), vector),
    "softmax": (ops.softmax, matrix),
    "log_softmax": (ops.log_softmax, matrix),
    "logsumexp": (lambda x: ops.logsumexp(x, 1), matrix),
    "bce": (lambda x: ops.binary_cross_entropy_with_logits(x, vector(4)), vector),
    "bce, none": (lambda x: ops.binary_cross_entropy_with_logits(x, vector(4), reduction="none"), vector),
    "cross_entropy": (lambda x: ops.cross_entropy(x, TARGET), matrix),
    "cross_entropy probabilities": (lambda x: ops.cross_entropy(x, matrix(5)), matrix),
    "mean of squares": (lambda x: (x * x).mean(), vector),
    "cumsum": (lambda x: ops.cumsum(x, 1), matrix),
    "max": (lambda x: ops.max(x, 1)[0], matrix),
    "gather": (lambda x: ops.gather(x, TARGET // 2, 0), matrix),
    "matmul": (lambda x: ops.matmul(x, x[:COLUMNS]), matrix),
    "dense": (lambda x: ops.dense(x, x[:COLUMNS]), matrix),
    "concat": (lambda x: ops.concat((x, x), 0), matrix),
}


SWEEPS = {
    "grad": lambda f, x: lambda: grad(f)(x),
    "pull": lambda f, x: pulling(*vjp(f, x)),
    "in a level": lambda f, x: lambda: grad(lambda y: grad(f)(y).sum())(x),
    "vmap": lambda f, x: lambda: vmap(grad(f))(ops.expand_dims(x, 0)),
}


def pulling(out, pull):
    c = ops.ones_like(out)
    return lambda: pull(c)


@pytest.mark.parametrize("how", SWEEPS)
@pytest.mark.parametrize("name", GRADIENTS)
def test_sweeps(name, how, waiting):
    """The op stands between two hooks, which note the count as the sweep passes."""
    function, make = GRADIENTS[name]
    noted = []

    def note(g):
        noted.append(waiting.count)

    def f(x):
        return ops.HookBackward(note)(function(ops.HookBackward(note)(x)))

    assert waiting.goes_on_in(SWEEPS[how](f, make()), noted)


def test_the_sum_of_two_cotangents(waiting):
    """What is used twice gets two cotangents; between the last two hooks is the adding of them."""
    noted = []
    note = ops.HookBackward(lambda g: noted.append(waiting.count))

    def f(x):
        y = note(x * 1)
        first = note(y)
        return first + ops.sin(y)

    x = vector()
    assert waiting.goes_on_in(lambda: grad(f)(x), noted)


# ---- other calls that go over all elements -------------------------------------------------------------------------

CALLS = {
    "sum": ops.sum,
    "softmax": lambda x: ops.softmax(x.reshape(1000, -1)),
    "matmul": lambda x: ops.matmul(x.reshape(1000, -1), x.reshape(-1, 1000)),
    "max": lambda x: ops.max(x.reshape(-1, 10), 1),
    "astype": lambda x: x.astype(adcore.float64),
    "contiguous": lambda x: x.reshape(1000, -1).T.contiguous(),
    "rand": lambda x: ops.rand(N),
    "randn": lambda x: ops.randn(N),
    "dropout": nn.Dropout(p=0.5).set_train(),
    "index": lambda x: x[x > 0.5],
    "Tensor(array)": lambda x: Tensor(np.ones(N, np.float64), adcore.float32),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name, waiting):
    x = vector()
    assert waiting.goes_on_in(lambda: CALLS[name](x))
