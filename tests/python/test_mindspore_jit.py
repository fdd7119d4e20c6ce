"""mindspore.jit: a program where the function can be recorded, else the function, as if nobody had tried.

The oracle is the function without the decorator. Start reading at `test_what_looks_at_values_runs_as_python`.
"""

import collections
import logging
import random
import time

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, nn, value_and_grad
from adcore.mindspore.graph import JitConfig, jit
from helpers import t32

X = t32(1.0, -2.0, 3.0)
COUNT = 0


def recordings(f):
    return len(f._log)


def test_what_can_be_recorded_is():
    f = jit(lambda x: (x * x).sum())
    assert float(f(X)) == float(f(X)) == 14.0
    assert recordings(f) == 1 and f.trace(X).statements == 2


def test_what_looks_at_values_runs_as_python(caplog):
    @jit
    def f(x):
        if x.sum() > 1:
            return x * 2
        return x * 3

    with caplog.at_level(logging.DEBUG, "adcore.jit"):
        for x in (X, -X, X):
            np.testing.assert_array_equal(f(x).asnumpy(), x.asnumpy() * (2 if x.sum() > 1 else 3))
    assert len(caplog.records) == 1 and "f runs as Python: jit: the value of a tensor" in caplog.text
    with pytest.raises(adcore.RecordingError, match="f runs as Python: jit: the value of a tensor"):
        f.trace(X)
    assert "0 programs kept" in f.explain()
    np.testing.assert_array_equal(f(t32(1.0, 2.0)).asnumpy(), [2.0, 4.0])  # another signature


class State:
    __slots__ = ("n",)

    def __init__(self):
        self.n = 0


class Holder:
    total = 0

    def __init__(self):
        self.seen = []
        self.by_name = collections.OrderedDict(a=1)


def closure():
    n = 0

    def f(x):
        nonlocal n
        n += 1
        return x * n

    return f, lambda: n


def through_global():
    def f(x):
        global COUNT
        COUNT += 1
        return x * COUNT

    return f, lambda: COUNT


def through(o, change, state):
    def f(x):
        change(o, x)
        return x

    return f, lambda: state(o)


EFFECTS = {
    "closure": closure,
    "global": through_global,
    "list": lambda: through([], lambda o, x: o.append(1), list),
    "dict": lambda: through({}, lambda o, x: o.update({len(o): x * 2}), lambda o: [float(v[0]) for v in o.values()]),
    "set": lambda: through(set(), lambda o, x: o.add(len(o)), set),
    "deque": lambda: through(collections.deque(), lambda o, x: o.appendleft(len(o)), list),
    "bytearray": lambda: through(bytearray(3), lambda o, x: o.__setitem__(0, o[0] + 1), bytes),
    "array": lambda: through(np.zeros((2, 3)), lambda o, x: o.__setitem__((1, 2), o[1, 2] + 1), lambda o: o.tolist()),
    "slot": lambda: through(State(), lambda o, x: setattr(o, "n", o.n + 1), lambda o: o.n),
    "attribute": lambda: through(Holder(), lambda o, x: o.seen.append(x * 2), lambda o: len(o.seen)),
    "ordered dict": lambda: through(
        Holder(), lambda o, x: o.by_name.update({len(o.by_name): 1}), lambda o: list(o.by_name.items())
    ),
}


@pytest.mark.parametrize("looks", [False, True])
@pytest.mark.parametrize("name", EFFECTS)
def test_effects_happen_once_per_call(name, looks):
    global COUNT
    results = []
    for decorate in (lambda f: f, jit):
        COUNT = 0
        f, state = EFFECTS[name]()

        def g(x):
            y = f(x)
            return y if not looks or float(x.sum()) > 0 else -y

        run = decorate(g)
        results.append([(run(X).asnumpy().tolist(), state()) for _ in range(3)])
    assert results[0] == results[1]


def test_what_cannot_be_taken_back_is_not_tried(capsys, tmp_path):
    path = tmp_path / "log"

    def prints(x):
        print("called")
        return x

    def writes(x):
        with open(path, "a") as file:
            file.write("x")
        return x

    numbers = iter(range(10))
    state = random.Random(0)
    for _ in range(2):
        for f in (prints, writes):
            jit(f)(X)
    assert capsys.readouterr().out == "called\n" * 2 and path.read_text() == "xx"
    counts = jit(lambda x: x[0] * next(numbers))
    assert [float(counts(X)) for _ in range(3)] == [0.0, 1.0, 2.0]
    draws = jit(lambda x: x[0] * state.random())
    expected = random.Random(0)
    assert [float(draws(X)) for _ in range(2)] == [np.float32(expected.random()) for _ in range(2)]
    timed = jit(lambda x: x[0] * (time.perf_counter_ns() % 1_000_003))
    assert len({float(timed(X)) for _ in range(20)}) > 1


def test_parameters_are_written_once():
    w = Parameter(Tensor([1.0]), name="w")

    @jit
    def f(x):
        w.set_data(w + 1)
        return x if float(x.sum()) > 0 else -x

    for n in range(3):
        f(X)
        assert float(w) == n + 2


def test_errors_of_the_function_are_its_own():
    seen = []

    @jit
    def f(x):
        seen.append(x.shape)
        if len(x) > 2:
            raise KeyError("long")
        return x * 2

    for _ in range(2):
        with pytest.raises(KeyError, match="long"):
            f(X)
    assert seen == [(3,), (3,)]
    np.testing.assert_array_equal(f(X[:2]).asnumpy(), [2.0, -4.0])


def forms():
    def f(x, k=2):
        return x * k

    config = JitConfig(jit_level="O1")
    yield jit(f)
    yield jit(fn=f)
    yield jit(function=f)
    yield jit()(f)
    yield jit(f, "PIJit")
    yield jit(mode="PSJit", input_signature=None, hash_args=[1], jit_config=config)(f)
    yield jit(capture_mode="trace", jit_level="O1", dynamic=1, fullgraph=True, backend="ms_backend")(f)
    yield jit(capture_mode="bytecode", exec_order="dfs")(f)


@pytest.mark.parametrize("f", list(forms()))
def test_forms_of_the_decorator(f):
    np.testing.assert_array_equal(f(X).asnumpy(), 2 * X.asnumpy())
    np.testing.assert_array_equal(f(X, k=3).asnumpy(), 3 * X.asnumpy())
    assert recordings(f) == 2 and f.__name__ == "f"


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(3, 1, weight_init="ones", bias_init="zeros")
        self.calls = 0

    def construct(self, x):
        return self.dense(x)


class Decorated(Net):
    @jit
    def construct(self, x):
        return self.dense(x)

    @jit(jit_level="O1")
    def twice(self, x):
        return 2 * self.dense(x)


class Counting(Net):
    @jit
    def construct(self, x):
        self.calls += 1
        return self.dense(x)


class Whole(Net):
    pass


def test_methods_and_cells():
    net, x = Decorated(), X.reshape(1, 3)
    expected = Net()(x).asnumpy()
    for run in (net, jit(Net()), jit(Net().construct), jit(Whole)(), lambda x: net.twice(x) / 2):
        for _ in range(2):
            np.testing.assert_array_equal(run(x).asnumpy(), expected)
    assert recordings(Decorated.construct) == recordings(Decorated.twice) == recordings(Whole.construct) == 1
    counting = Counting()
    for n in range(3):
        np.testing.assert_array_equal(counting(x).asnumpy(), expected)
        assert counting.calls == n + 1


@pytest.mark.parametrize("looks", [False, True])
def test_a_training_step(looks):
    losses = []
    for decorate in (lambda f: f, jit):
        net, x = Net(), X.reshape(1, 3)
        optimizer = nn.Momentum(net.trainable_params(), 0.01, 0.9)
        gradients = value_and_grad(lambda x: (net(x) ** 2).sum(), None, optimizer.parameters)

        @decorate
        def step(x):
            loss, grads = gradients(x)
            if looks and loss > 3:
                grads = [g * 0.5 for g in grads]
            optimizer(grads)
            return loss

        losses.append([float(step(x)) for _ in range(4)])
    assert losses[0] == losses[1] and len(set(losses[0])) == 4


def test_jitted_functions_in_one_another():
    seen = []

    @jit
    def inner(x):
        seen.append(1)
        return x * 2 if x.sum() > 0 else x

    outer = jit(lambda x: inner(x) + inner(-x))
    for n in range(3):
        np.testing.assert_array_equal(outer(X).asnumpy(), X.asnumpy())
        assert len(seen) == 2 * (n + 1)


def test_derivatives_pass():
    f = jit(lambda x: (x * x).sum() if x.sum() > 0 else x.sum())
    for _ in range(2):
        np.testing.assert_array_equal(adcore.grad(f)(X).asnumpy(), 2 * X.asnumpy())
        np.testing.assert_array_equal(adcore.grad(f)(-X).asnumpy(), [1.0, 1.0, 1.0])


def test_calls_of_ever_new_signatures_are_not_tried_for_ever():
    f = jit(lambda x, k: x * k if float(x.sum()) > 0 else x)
    for k in range(10):
        assert float(f(X, k)[0]) == k
    assert len(f._refusals) == 4


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: jit(3), TypeError, "jit: expected a function, got int"),
        (lambda: jit(int), TypeError, "jit: fn is the class int"),
        (lambda: jit(capture_mode="x"), ValueError, "jit: capture_mode must be one of 'ast', 'bytecode', 'trace'"),
        (lambda: jit(jit_level="O9"), ValueError, "jit: jit_level must be one of"),
        (lambda: jit(dynamic=2), ValueError, "jit: dynamic must be one of 0, 1, got 2"),
        (lambda: jit(fullgraph="no"), ValueError, "jit: fullgraph must be one of"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
