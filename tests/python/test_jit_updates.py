"""What a jitted training step updates: in the memory that only the cells hold, or beside what somebody else holds too.

Whoever holds a value keeps its bits; the new values are those of the function without jit.
"""

import threading

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, jit, nn, ops, value_and_grad

RNG = np.random.default_rng(0)
SIZES = (3, 300)  # short steps, and long ones, which release the interpreter's lock


def address(cell):
    return np.asarray(memoryview(cell)).__array_interface__["data"][0]


class Training:
    """A linear model with Adam; `step` returns the loss."""

    def __init__(self, size, optimizer=nn.Adam):
        rng = np.random.default_rng(1)
        self.w = Parameter(Tensor(rng.normal(size=(size, size)).astype(np.float32)), name="w")
        self.b = Parameter(Tensor(np.zeros(size, np.float32)), name="b")
        self.optimizer = optimizer([self.w, self.b], 0.01)
        self.x = Tensor(rng.normal(size=(8, size)).astype(np.float32))
        self.loss_and_grads = value_and_grad(
            lambda x: ops.square(ops.tanh(x @ self.w) + self.b).mean(), None, self.optimizer.parameters
        )

    def step(self):
        loss, grads = self.loss_and_grads(self.x)
        self.optimizer(grads)
        return loss

    @property
    def cells(self):
        return [self.w, self.b, *self.optimizer.moment1, *self.optimizer.moment2, self.optimizer.global_step]

    def values(self):
        return [cell.asnumpy().tobytes() for cell in self.cells]


@pytest.mark.parametrize("size", SIZES)
def test_steps_update_in_place_and_give_the_same_bits(size):
    own, jitted = Training(size), Training(size)
    step = jit(jitted.step)
    updated = jitted.cells[:-1]
    before = [address(cell) for cell in updated]
    for _ in range(4):
        assert float(own.step()) == float(step())
        assert own.values() == jitted.values()
        assert [address(cell) for cell in updated] == before


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("hold", [Tensor, lambda p: p.asnumpy(), lambda p: p.reshape(-1), lambda p: memoryview(p)])
def test_who_holds_a_value_keeps_it(size, hold):
    own, jitted = Training(size), Training(size)
    step = jit(jitted.step)
    held = []
    for _ in range(3):
        held += [(hold(cell), cell.asnumpy().copy()) for cell in jitted.cells[:-1]]
        own.step(), step()
        assert own.values() == jitted.values()
    for value, expected in held:
        now = value.asnumpy() if isinstance(value, Tensor) else np.asarray(value)
        assert now.tobytes() == expected.tobytes()


@pytest.mark.parametrize("size", SIZES)
def test_a_result_that_is_a_new_value_stays(size):
    training = Training(size)

    @jit
    def step():
        training.step()
        return training.w

    def returned():
        return step() * 1, training.w.asnumpy().copy()

    for value, expected in [returned() for _ in range(3)]:
        assert value.asnumpy().tobytes() == expected.tobytes()


def test_a_cell_that_is_read_after_its_update_is_read_as_it_is_then():
    own, jitted = Training(3), Training(3)

    def twice(training):
        first = training.step()
        before = training.w * 1
        return first, training.step(), before.sum(), training.w.sum()

    step = jit(lambda: twice(jitted))
    for _ in range(3):
        assert [float(t) for t in twice(own)] == [float(t) for t in step()]
        assert own.values() == jitted.values()


def test_two_names_of_one_value():
    """Parameters that hold one another's memory are updated apart."""

    def made():
        p = Parameter(Tensor([1.0, 2.0]), name="p")
        q = Parameter(Tensor([0.0, 0.0]), name="q")
        q.set_data(p)
        optimizer = nn.Momentum([p, q], 0.1, 0.9)

        def step():
            optimizer((p * 2, q * 3))
            return p.sum()

        return p, q, step

    p, q, step = made()
    other, another, own = made()
    step = jit(step)
    for _ in range(3):
        assert float(step()) == float(own())
        assert p.asnumpy().tobytes() == other.asnumpy().tobytes()
        assert q.asnumpy().tobytes() == another.asnumpy().tobytes()


def test_memory_of_an_array_is_not_written_to():
    array = np.ones(4, np.float32)
    p = Parameter(adcore.from_numpy(array), name="p")
    optimizer = nn.SGD([p], 0.1)
    step = jit(lambda: optimizer((p * 2,)))
    step(), step()
    assert (array == 1).all() and (p.asnumpy() < 1).all()


def test_threads_that_read_see_whole_values():
    """Each read is a value that was there between two steps: all of its elements are equal."""
    p = Parameter(Tensor(np.zeros(300_000, np.float32)), name="p")
    optimizer = nn.SGD([p], 1.0)
    step = jit(lambda: optimizer((ops.ones_like(p) * -1,)))
    step()
    torn, done = [], threading.Event()

    def read():
        while not done.is_set():
            value = Tensor(p).asnumpy()
            if value[0] != value[-1] or value.min() != value.max():
                torn.append(value)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(100):
        step()
    done.set()
    reader.join()
    assert not torn and float(p[0]) == 101.0


# ---- donated arguments ----------------------------------------------------------------------------------------------


def rule_step(params, state, x):
    loss, grads = value_and_grad(lambda w, b: ops.square(ops.tanh(x @ w) + b).mean(), (0, 1))(*params)
    params, state = RULE.update(grads, state, params)
    return params, state, loss


RULE = adcore.optim.adam(0.01)


def start(size):
    rng = np.random.default_rng(3)
    params = tuple(Tensor(rng.normal(size=s).astype(np.float32)) for s in ((size, size), (size,)))
    return params, RULE.init(params), Tensor(rng.normal(size=(8, size)).astype(np.float32))


def tensors(tree):
    return [t for t in adcore._core.tree_leaves(tree) if isinstance(t, Tensor)]


@pytest.mark.parametrize("size", SIZES)
def test_donated_arguments_are_written_over(size):
    step = jit(rule_step, donate=(0, 1))
    (params, state, x), (p, s, _) = start(size), start(size)
    for _ in range(4):
        given = params, state
        before = [address(t) for t in params]
        params, state, loss = step(params, state, x)
        p, s, expected = rule_step(p, s, x)
        assert loss.asnumpy().tobytes() == expected.asnumpy().tobytes()
        for a, b in zip(tensors((params, state)), tensors((p, s))):
            assert a.asnumpy().tobytes() == b.asnumpy().tobytes()
        assert [address(t) for t in params] == before
        for t in tensors(given):
            with pytest.raises(
                RuntimeError, match=r"jit: a Tensor of shape .* was donated to rule_step, which may have"
            ):
                t.asnumpy()
    assert x.shape == (8, size) and float(x.sum()) == float(x.sum())


@pytest.mark.parametrize(
    "read",
    [
        lambda t: t + 1,
        lambda t: ops.sin(t),
        float,
        lambda t: t.asnumpy(),
        lambda t: adcore.grad(lambda v: v * v)(t),
        lambda t: jit(lambda v: v * v)(t),
        lambda t: adcore.vmap(lambda v: v * t)(ops.ones(3)),
        lambda t: jit(lambda v: v * t)(ops.ones(3)),
        lambda t: float(Tensor(t)),
        lambda t: memoryview(t),
        str,
    ],
)
def test_a_donated_tensor_says_so(read):
    f = jit(lambda x: x * 2, donate=0)
    x = Tensor(3.0)
    assert float(f(x)) == 6.0
    with pytest.raises(RuntimeError, match="donated to"):
        read(x)
    assert x.shape == () and x.dtype == adcore.float32


def test_who_holds_a_donated_value_keeps_it():
    step = jit(rule_step, donate=(0, 1))
    params, state, x = start(300)
    held = [Tensor(t) for t in tensors((params, state))]
    expected = [t.asnumpy().copy() for t in held]
    step(params, state, x)
    assert all(t.asnumpy().tobytes() == e.tobytes() for t, e in zip(held, expected))


def test_what_the_function_gives_back_is_not_donated():
    f = jit(lambda x, y: (x, x + y), donate=(0, 1))
    x, y = Tensor(1.0), Tensor(2.0)
    same, total = f(x, y)
    assert same is x and float(x) == 1.0 and float(total) == 3.0
    with pytest.raises(RuntimeError, match="donated to"):
        float(y)


def test_nothing_is_donated_where_a_call_fails_or_is_differentiated():
    def index(x, i):
        return x[i].sum()

    f = jit(index, donate=0)
    x = Tensor([1.0, 2.0])
    f(Tensor([3.0, 4.0]), Tensor([0, 1]))
    with pytest.raises(IndexError):
        f(x, Tensor([0, 5]))
    assert float(x.sum()) == 3.0
    adcore.grad(jit(lambda v: v * v, donate=0))(x[0])
    assert float(x.sum()) == 3.0


def test_bad_donations():
    f = jit(lambda x, y: x + y, donate=0)
    x = Tensor(1.0)
    with pytest.raises(ValueError, match="is donated, and is an argument at another place"):
        f(x, x)
    assert float(x) == 1.0
    with pytest.raises(ValueError, match="argument 0 is static and donated"):
        jit(lambda x: x, donate=0, static_argnums=0)
    with pytest.raises(TypeError, match="donate must be an int or a tuple of int"):
        jit(lambda x: x, donate="x")
    with pytest.raises(ValueError, match="donate -2 beyond the 1 parameters"):
        jit(lambda x: x, donate=-2)
