"""Trace: the calls of a function, recorded once, give on other inputs what the function gives there, bit for bit.

A program is recorded on one set of inputs and runs on others: what it took from the first set by mistake would show.
The loop is over all samples of ops and cells; then come gradients, other transforms inside, a training step with random
numbers, and what cannot be recorded, with its error.
"""

import gc
import weakref

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, _core, grad, jvp, nn, ops, recompute, value_and_grad, vmap
from bits import arrays, differences, tensors_in
from test_ops_grad import SAMPLES
from test_transform_laws import ELEMENTWISE

CASES = {**ELEMENTWISE, **SAMPLES}


def others(points):
    """Other numbers of the same kind: those of each array in another order."""
    rng = np.random.default_rng(5)
    return [rng.permutation(np.asarray(p).reshape(-1)).reshape(np.shape(p)) for p in points]


def assert_traces(f, first, second):
    program = _core.trace(f, *map(Tensor, first))
    for points in (second, first):
        found = differences(arrays(program.run(*map(Tensor, points))), arrays(f(*map(Tensor, points))))
        assert not found, found


def total(f):
    return lambda *inputs: sum(ops.sum(t) for t in tensors_in(f(*inputs)))


def gradient(f, points):
    return grad(total(f), tuple(range(len(points))))


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    f, points = CASES[name]
    assert_traces(f, points, others(points))


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    f, points = CASES[name]
    assert_traces(gradient(f, points), points, others(points))


@pytest.mark.parametrize("name", CASES)
def test_second_order(name):
    f, points = CASES[name]
    first = gradient(f, points)

    def of_squares(*inputs):
        return sum(ops.sum(g * g) for g in tensors_in(first(*inputs)))

    assert_traces(gradient(of_squares, points), points, others(points))


@pytest.mark.parametrize("name", CASES)
def test_tangents(name):
    f, points = CASES[name]

    def pushed(*inputs):
        n = len(points)
        return jvp(f, inputs[:n], inputs[n:])

    assert_traces(pushed, [*points, *points], [*others(points), *points])


@pytest.mark.parametrize("name", CASES)
def test_batches(name):
    f, points = CASES[name]
    members = [np.stack([p, o]) for p, o in zip(points, others(points))]
    assert_traces(vmap(f), members, [m[::-1].copy() for m in members])


# ---- integers and masks as inputs ---------------------------------------------------------------------------------

LABELS = np.array([[0, 2, 1], [1, 1, 0]])


@pytest.mark.parametrize(
    "f",
    [
        lambda x, i: ops.gather(x, i, 0) ** 2,
        lambda x, i: x[i] ** 2,
        lambda x, i: x[:, i] ** 2,
        lambda x, i: ops.cross_entropy(x, i),
        lambda x, i: ops.where(i > 0, ops.sum(x, 1), 1.0),
        lambda x, i: ops.cast(i, adcore.float64) * ops.sum(x),
    ],
    ids="gather rows columns cross_entropy where cast".split(),
)
def test_integers_are_inputs(f):
    x = np.random.default_rng(3).normal(size=(3, 3))
    for g in (f, grad(total(f))):
        assert_traces(g, [x, LABELS[0]], [x * 2, LABELS[1]])


# ---- cells --------------------------------------------------------------------------------------------------------


def test_a_cell_that_is_read_is_an_input():
    cell = Tensor([1.0, 2.0])
    program = _core.trace(lambda x: x * cell, Tensor([3.0, 4.0]))
    assert program.inputs == 2
    cell[0] = 10.0
    assert program.run(Tensor([3.0, 4.0])).tolist() == [30.0, 8.0]


def test_a_cell_is_written_when_the_program_runs_and_not_before():
    count, total_so_far = Parameter(Tensor(0.0)), Tensor([0.0, 0.0])

    def f(x):
        count.set_data(count + 1)
        total_so_far[1] = x[1] * count
        return total_so_far * 1

    program = _core.trace(f, Tensor([3.0, 4.0]))
    assert float(count) == 0 and total_so_far.tolist() == [0.0, 0.0]
    assert program.run(Tensor([3.0, 4.0])).tolist() == [0.0, 4.0]
    assert program.run(Tensor([3.0, 5.0])).tolist() == [0.0, 10.0]
    assert float(count) == 2 and total_so_far.tolist() == [0.0, 10.0]


def test_an_argument_that_is_written_changes():
    def f(x, y):
        x.add_(y)

    x, y = Tensor([1.0, 2.0]), Tensor([10.0, 20.0])
    program = _core.trace(f, x, y)
    assert x.tolist() == [1.0, 2.0]
    other = Tensor([5.0, 6.0])
    assert program.run(other, y) is None
    assert other.tolist() == [15.0, 26.0] and x.tolist() == [1.0, 2.0] and y.tolist() == [10.0, 20.0]


def test_the_result_keeps_its_structure():
    weight = Parameter(Tensor(2.0))
    program = _core.trace(lambda x: {"a": [x, 3.0, None], "b": (x * x, weight)}, Tensor(1.0))
    result = program.run(Tensor(5.0))
    assert list(result) == ["a", "b"] and result["a"][1:] == [3.0, None]
    assert float(result["a"][0]) == 5 and float(result["b"][0]) == 25 and result["b"][1] is weight


def test_random_numbers_go_on_where_the_generator_stands():
    def draws():
        return adcore.ops.rand(3), ops.randn(2), ops.dropout(ops.ones((4, 4)), 0.5)

    program = _core.trace(draws)
    adcore.set_seed(7)
    expected = [arrays(draws()) for _ in range(3)]
    state = arrays([_core._generator])
    adcore.set_seed(7)
    for one in expected:
        assert not differences(arrays(program.run()), one)
    assert not differences(arrays([_core._generator]), state)


# ---- other transforms around and inside ---------------------------------------------------------------------------


def test_a_program_can_be_differentiated_and_batched():
    f = lambda x: ops.sum(ops.tanh(x) * x)
    x = np.random.default_rng(2).normal(size=(4, 3))
    program = _core.trace(f, Tensor(x[0]))
    for transform in (grad, vmap, lambda g: vmap(grad(g))):
        points = x[1] if transform is grad else x
        assert not differences(arrays([transform(program.run)(Tensor(points))]), arrays([transform(f)(Tensor(points))]))


def test_recompute_inside():
    weight = Parameter(Tensor([0.5, -1.0, 2.0], adcore.float64))
    f = lambda x: ops.sum(recompute(lambda y: ops.sin(y * weight), x))
    assert_traces(grad(f), [np.ones(3)], [np.array([0.1, 0.2, -3.0])])


def test_transforms_inside_of_each_other():
    f = lambda x: ops.sum(ops.exp(x) * x)
    per_member = vmap(lambda x: jvp(grad(f), (x,), (x * x,))[1])
    x = np.random.default_rng(4).normal(size=(3, 2))
    assert_traces(per_member, [x], [x[::-1] * 0.5])
    assert_traces(grad(total(per_member)), [x], [x[::-1] * 0.5])


# ---- a training step ----------------------------------------------------------------------------------------------


class Net(nn.Cell):
    def __init__(self, outputs):
        super().__init__()
        self.first = nn.Dense(5, 8)
        self.dropout = nn.Dropout(p=0.4)
        self.second = nn.Dense(8, outputs)

    def construct(self, x):
        return self.second(self.dropout(ops.relu(self.first(x))))


def regression(net, x, labels):
    return ops.binary_cross_entropy_with_logits(net(x)[:, 0], ops.cast(labels > 0, adcore.float32))


def classification(net, x, labels):
    return ops.cross_entropy(net(x), labels)


@pytest.mark.parametrize("loss", [regression, classification])
def test_a_training_step(loss):
    rng = np.random.default_rng(11)
    batches = [(Tensor(rng.normal(size=(6, 5)).astype(np.float32)), Tensor(rng.integers(0, 3, 6))) for _ in range(5)]
    adcore.set_seed(1)
    net = Net(3)
    net.set_train()
    weights = net.trainable_params()
    momenta = [Parameter(ops.zeros_like(w)) for w in weights]
    steps = Parameter(Tensor(0.0))
    losses = value_and_grad(lambda x, labels: loss(net, x, labels), None, weights)

    def step(x, labels):
        value, gradients = losses(x, labels)
        steps.set_data(steps + 1)
        for w, m, g in zip(weights, momenta, gradients):
            m.set_data(0.9 * m + g)
            w.set_data(w - 0.1 / steps * m)
        return value

    cells = [*weights, *momenta, steps, _core._generator]
    start = [Tensor(np.array(cell.asnumpy())) for cell in cells]

    def train(one_step):
        for cell, value in zip(cells, start):
            ops.assign(cell, value)
        return [arrays([one_step(*batch), *cells]) for batch in batches]

    program = _core.trace(step, *batches[0])
    assert not differences(arrays(cells), arrays(start))
    eager, replayed = train(step), train(program.run)
    for own, other in zip(replayed, eager):
        assert not differences(own, other)
    assert differences(eager[0], eager[1])  # the steps do something


@pytest.mark.parametrize("loss", [regression, classification])
@pytest.mark.parametrize(
    "make",
    [
        lambda weights: nn.SGD(weights, 0.1),
        lambda weights: nn.SGD(weights, 0.1, momentum=0.9, weight_decay=0.01),
        lambda weights: nn.Momentum(weights, 0.1, 0.9),
        lambda weights: nn.Adam(weights, 0.05, weight_decay=0.01),
        lambda weights: nn.AdamWeightDecay(weights, 0.05),
        lambda weights: nn.Adam(weights, nn.ExponentialDecayLR(0.1, 0.5, 2)),
    ],
    ids=["SGD", "SGD with momentum", "Momentum", "Adam", "AdamWeightDecay", "Adam with a schedule"],
)
def test_a_training_step_of_an_optimizer(make, loss):
    """Weights, states, the step, the rate and the random state are inputs and outputs: nothing of them is baked in."""
    rng = np.random.default_rng(12)
    batches = [(Tensor(rng.normal(size=(6, 5)).astype(np.float32)), Tensor(rng.integers(0, 3, 6))) for _ in range(5)]
    adcore.set_seed(2)
    net = Net(3)
    net.set_train()
    optimizer = make(net.trainable_params())
    losses = value_and_grad(lambda x, labels: loss(net, x, labels), None, optimizer.parameters)

    def step(x, labels):
        value, gradients = losses(x, labels)
        optimizer(gradients)
        return value

    cells = [*net.trainable_params(), *(p for _, p in optimizer.parameters_and_names()), _core._generator]
    start = [Tensor(np.array(cell.asnumpy())) for cell in cells]

    def train(one_step):
        for cell, value in zip(cells, start):
            ops.assign(cell, value)
        return [arrays([one_step(*batch), *cells]) for batch in batches]

    program = _core.trace(step, *batches[0])
    assert not differences(arrays(cells), arrays(start))
    eager, replayed = train(step), train(program.run)
    for own, other in zip(replayed, eager):
        assert not differences(own, other)
    assert differences(eager[0], eager[1])  # the steps do something


# ---- what cannot be recorded --------------------------------------------------------------------------------------

UNKNOWN = r"jit: the value of a tensor of shape \(.*\) is not known while a function is recorded"


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * float(x[0]),
        lambda x: x if x[0] > 0 else -x,
        lambda x: x.asnumpy(),
        lambda x: np.asarray(memoryview(x)),
        lambda x: x.tolist(),
        lambda x: x[0].item(),
        lambda x: x[x > 0],
        lambda x: ops.nonzero(x),
        lambda x: ops.arange(ops.cast(x[0], adcore.int64)),
        lambda x: grad(lambda y: y * float(y[0]))(x),
        lambda x: jvp(lambda y: y * float(y[0]), (x,), (x,)),
        lambda x: vmap(lambda y: x[0].item() * y)(x),
    ],
    ids="float if asnumpy buffer tolist item mask nonzero arange grad jvp vmap".split(),
)
def test_values_are_not_known(f):
    with pytest.raises(ValueError, match=UNKNOWN):
        _core.trace(f, Tensor([1.0, 2.0]))
    assert _core.live_levels() == 0


@pytest.mark.parametrize(
    ("f", "good", "bad", "error"),
    [
        (lambda x, y: x // y, [2, 3], [2, 0], ZeroDivisionError),
        (lambda x, y: x % y, [2, 3], [0, 3], ZeroDivisionError),
        (lambda x, y: x**y, [2, 3], [2, -1], ValueError),
    ],
    ids="div mod pow".split(),
)
def test_an_integer_divisor_or_exponent_is_checked_when_the_program_runs(f, good, bad, error):
    x, y = Tensor([7, 9]), Tensor(good)
    program = _core.trace(f, x, y)
    for given in (y, Tensor([1, 5])):
        assert np.array_equal(program.run(x, given).asnumpy(), f(x.asnumpy(), given.asnumpy()))
    for run in (program.run, f, vmap(f), lambda x, y: jvp(lambda y: f(x, y), (y,), (Tensor([1.0, 1.0]),))):
        with pytest.raises(error):
            run(x, Tensor(bad))


def test_nothing_is_divided_by_zero_where_there_is_nothing():
    nothing = Tensor(np.zeros((0, 2), np.int64))
    for f in (lambda x, y: x // y, lambda x, y: x % y, lambda x, y: x**-y):
        assert f(nothing, Tensor([0, 1])).shape == (0, 2)


def test_the_derivative_by_an_integer_exponent():
    x, y = Tensor([2, 3]), Tensor([3, 2])
    right = [8 * np.log(2), 9 * np.log(3)]
    np.testing.assert_allclose(grad(lambda y: (x**y).sum())(y).asnumpy(), right, rtol=1e-6)
    tangent = jvp(lambda y: x**y, (y,), (Tensor([1.0, 1.0]),))[1]
    np.testing.assert_allclose(tangent.asnumpy(), right, rtol=1e-6)


def test_a_value_that_leaves_its_trace_says_so():
    kept = []
    _core.trace(lambda x: kept.append(x * x), Tensor([1.0, 2.0]))
    for use in (lambda t: t + 1, lambda t: t.asnumpy(), lambda t: _core.trace(lambda: t + 1).run()):
        with pytest.raises(RuntimeError, match=r"jit: a value of shape \(2,\) was kept from a call of jit"):
            use(kept[0])


def test_a_trace_sees_nothing_of_what_is_open_outside():
    def f(x):
        program = _core.trace(lambda y: y * y * x, x)
        assert program.statements == 2
        return program.run(x)

    assert float(grad(f)(Tensor(3.0))) == 27


def test_a_program_that_its_own_cell_leads_to_is_collected():
    def make():
        cell = Parameter(Tensor([1.0, 2.0]))
        cell.program = _core.trace(lambda: cell * 2)
        return weakref.ref(cell)

    alive = make()
    gc.collect()
    assert alive() is None


def test_inputs_are_like_those_of_the_trace():
    program = _core.trace(lambda x: x + 1, Tensor([1.0, 2.0]))
    with pytest.raises(ValueError, match=r"trace: input 0 had shape \(2,\) and dtype Float32 .* got \(3,\)"):
        program.run(Tensor([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="trace: the program has 1 inputs, got 2"):
        program.run(Tensor([1.0, 2.0]), Tensor(1.0))
