"""recompute is the plain call in everything but memory.

A block runs again when it is swept. What it reads is then as it was, what it writes is written once, and the random
numbers of other threads are not touched. Every program here runs plainly and recomputed; value, derivatives and what is
left in Parameters and Tensors must agree. Start reading at `BLOCKS`.
"""

import threading

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, jvp, nn, ops, value_and_grad, vjp, vmap
from helpers import array_of, check, f32, t32


def plain(block, *args):
    return block(*args)


class State:
    """What a block may read and write beside its arguments."""

    def __init__(self):
        self.w = Parameter(t32(3.0), name="w")
        self.v = Parameter(t32(2.0, 5.0), name="v")
        self.c = t32(1.5)
        self.t = t32(0.5, 4.0)

    def left(self):
        return [array_of(cell).copy() for cell in (self.w, self.v, self.c, self.t)]


def assigned(s, x):
    s.w.set_data(s.w + 1)
    return x * s.w


def assigned_by_op(s, x):
    ops.assign(s.w, s.w * 2)
    return x * s.w


def added(s, x):
    ops.assign_add(s.w, t32(1.0))
    return x * s.w


def read_before_and_after(s, x):
    before = s.w * x
    s.w.set_data(s.w + 1)
    s.w.set_data(s.w * 2)
    return before * s.w


def item(s, x):
    s.v[0] = s.v[1] * 3
    return x * s.v


def captured(s, x):
    s.c.add_(1)
    return x * s.c


def captured_item(s, x):
    s.t[0] += 2
    return x * s.t


def captured_assigned(s, x):
    ops.assign(s.t, s.t * s.w)
    return x * s.t


def argument(s, x):
    x *= 3
    return x * x


def argument_item(s, x):
    x[0] = x[1] * 2
    return x * x


def nothing(s, x):
    return ops.sin(x * s.w) * s.v + s.c * s.t


BLOCKS = [
    nothing,
    assigned,
    assigned_by_op,
    added,
    read_before_and_after,
    item,
    captured,
    captured_item,
    captured_assigned,
    argument,
    argument_item,
]

X = np.array([0.7, -1.3], np.float32)


def once(s, run, block, x):
    return run(lambda x: block(s, x), x)


def twice(s, run, block, x):
    return run(lambda x: block(s, x), run(lambda x: block(s, x), x))


def nested(s, run, block, x):
    return run(lambda x: run(lambda x: block(s, x), x * 2) + 1, x)


def then_written(s, run, block, x):
    """What the function writes after the block is not what the block reads when it runs again."""
    y = run(lambda x: block(s, x), x)
    s.w.set_data(s.w * 10)
    s.v.set_data(s.v * 10)
    s.c.mul_(10)
    s.t[0] = 100.0
    return y


def between_writes(s, run, block, x):
    s.w.set_data(s.w + 1)
    s.t.add_(1)
    y = run(lambda x: block(s, x), x)
    s.w.set_data(s.w + 1)
    s.t.add_(1)
    return y * s.w.value() * s.t


def as_argument(s, run, block, x):
    """The argument is a tensor that the function goes on with, written to or not."""
    y = x * 1
    z = run(lambda y: block(s, y), y)
    return z + y


PROGRAMS = [once, twice, nested, then_written, between_writes, as_argument]


def total(program, s, run, block):
    return lambda x: (program(s, run, block, x) * t32(1.0, -0.5)).sum()


WAYS = {
    "grad": lambda f, s: value_and_grad(f, 0, [s.w, s.v])(Tensor(X)),
    "pull once": lambda f, s: pulls(vjp(f, Tensor(X), weights=[s.w, s.v]), 1),
    "pull twice": lambda f, s: pulls(vjp(f, Tensor(X), weights=[s.w, s.v]), 2),
    "grad of grad": lambda f, s: grad(lambda x: (grad(f)(x) ** 2).sum(), 0, [s.w, s.v])(Tensor(X)),
    "jvp": lambda f, s: jvp(f, Tensor(X), t32(1.0, 2.0)),
    "jvp of grad": lambda f, s: jvp(grad(f), Tensor(X), t32(1.0, 2.0)),
    "grad of jvp": lambda f, s: grad(lambda x: jvp(f, x, t32(1.0, 2.0))[1], 0, [s.w, s.v])(Tensor(X)),
    "not differentiated": lambda f, s: f(Tensor(X)),
}


def pulls(made, count):
    value, pull = made
    return value, [pull(t32(1.0 + k)) for k in range(count)]


def flat(result):
    if isinstance(result, Tensor):
        return [array_of(result)]
    return [array for part in result for array in flat(part)]


def far(own, expected):
    return [k for k, (a, b) in enumerate(zip(own, expected)) if not np.allclose(a, b, rtol=2e-5, atol=1e-6)]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.__name__)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_recomputed_is_plain(program, block):
    wrong = []
    for way, run_way in WAYS.items():
        results = []
        for run in (plain, adcore.recompute):
            s = State()
            results.append((flat(run_way(total(program, s, run, block), s)), s.left()))
        (expected, left), (own, own_left) = results
        assert len(own) == len(expected)
        wrong += [f"{way}: tensor {k} is {own[k]}, not {expected[k]}" for k in far(own, expected)]
        wrong += [f"{way}: left in {'wvct'[k]} is {own_left[k]}, not {left[k]}" for k in far(own_left, left)]
    if wrong:
        pytest.fail("\n  ".join(["recomputed, not plainly:", *wrong]), pytrace=False)


def test_an_assignment_happens_once():
    """By hand: the block adds 1 to 3 and multiplies with the 4."""
    w = Parameter(t32(3.0), name="w")

    def block(x):
        w.set_data(w + 1)
        return x * w

    for count in (1, 2, 3):
        check(grad(lambda x: adcore.recompute(block, x))(t32(2.0)), f32(3.0 + count))
        assert float(w) == 3.0 + count


def test_a_pull_reads_what_the_call_read():
    """A step of an optimizer between the call and its sweep is not seen by the sweep, as without recompute."""
    for run in (plain, adcore.recompute):
        w, c = Parameter(t32(3.0), name="w"), t32(2.0)
        _, pull = vjp(lambda x: run(lambda x: x * x * w * c, x), t32(5.0), weights=w)
        w.set_data(t32(100.0))
        c.add_(100)
        check(pull(t32(1.0)), ((f32(60.0),), f32(50.0)))
        assert (float(w), float(c)) == (100.0, 102.0)


@pytest.mark.parametrize("run", [plain, adcore.recompute], ids=["plain", "recompute"])
def test_what_a_block_writes_carries_its_derivative_out(run):
    """w becomes w * x inside; the function goes on with it: w0 x * x, of which the derivatives are 2 w0 x and x**2."""
    w, c = Parameter(t32(3.0), name="w"), t32(0.0)

    def f(x):
        y = run(lambda x: (w.set_data(w * x), x * 1)[1], x)
        return y * w

    check(grad(f, 0, w)(t32(5.0)), (f32(30.0), f32(25.0)))
    assert float(w) == 15.0

    def g(x):
        y = run(lambda x: (ops.assign(c, x * x), x * 1)[1], x)
        return y * c

    check(grad(g)(t32(5.0)), f32(75.0))


def test_running_statistics_move_once_per_call():
    mean = Parameter(t32(0.0), name="mean", requires_grad=False)

    def block(x):
        mean.set_data(ops.stop_gradient(mean * 0.5 + x.mean() * 0.5))
        return (x - x.mean()) ** 2

    x = t32(2.0, 6.0)
    for expected in (2.0, 3.0, 3.5):
        check(grad(lambda x: adcore.recompute(block, x))(x), f32([-4.0, 4.0]))
        assert float(mean) == expected


# ---- random numbers ------------------------------------------------------------------------------------------------


def draw(count=4):
    return array_of(ops.rand(count)).tobytes()


def drawn_elsewhere():
    """Numbers that another thread draws now."""
    drawn = []
    thread = threading.Thread(target=lambda: drawn.append(draw()))
    thread.start()
    thread.join()
    return drawn[0]


def test_no_numbers_are_drawn_twice():
    """While a block runs, and runs again, another thread draws between its own numbers; nothing comes twice."""
    elsewhere, own, factors = [], [], []

    def block(x):
        a = ops.rand(4)
        elsewhere.append(drawn_elsewhere())
        b = ops.rand(4)
        own.append((array_of(a).tobytes(), array_of(b).tobytes()))
        factors.append(array_of(a) + array_of(b))
        return x * a + x * b

    def f(x):
        y = adcore.recompute(block, adcore.recompute(block, x))
        elsewhere.append(draw())
        return y

    for _ in range(3):
        own.clear(), factors.clear()
        gradient = array_of(grad(f)(ops.ones(4)))
        # The first two runs are the calls, in order; what follows are the same ones again.
        np.testing.assert_allclose(gradient, factors[0] * factors[1], rtol=1e-5)
        first = set(own[0] + own[1])
        assert len(first) == 4 and all(set(again) <= first for again in own[2:])
        elsewhere.extend(first)
        elsewhere.append(draw())
    assert len(set(elsewhere)) == len(elsewhere)


def test_two_threads_that_recompute_draw_numbers_of_their_own():
    seen, wrong = [], []
    both = threading.Barrier(2)

    def work():
        for _ in range(20):
            masks = []

            def block(x, masks=masks):
                mask = ops.rand(4)
                masks.append(array_of(mask).copy())
                return x * mask

            both.wait(60)
            gradient = array_of(grad(lambda x: adcore.recompute(block, x))(ops.ones(4)))
            if not np.array_equal(gradient, masks[0]) or not np.array_equal(masks[0], masks[1]):
                wrong.append((gradient, masks))
            seen.append(masks[0].tobytes())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert len(seen) == 40 and len(set(seen)) == 40


@pytest.mark.parametrize("sweeps", [0, 1, 3])
def test_the_sequence_goes_on_as_without_recomputation(sweeps):
    dropout = nn.Dropout(p=0.5).set_train()
    after = []
    for run in (plain, adcore.recompute):
        adcore.set_seed(7)
        _, pull = vjp(lambda x: run(dropout, run(lambda x: x * ops.randn(4), x)), ops.ones(4))
        pulled = [array_of(pull(ops.ones(4))[0]).tobytes() for _ in range(sweeps)]
        after.append((draw(), draw(), pulled))
    assert after[0] == after[1]


def test_a_seed_that_is_set_between_call_and_sweep_stays():
    _, pull = vjp(lambda x: adcore.recompute(lambda x: x * ops.rand(4), x), ops.ones(4))
    adcore.set_seed(11)
    first = draw()
    adcore.set_seed(11)
    pull(ops.ones(4))
    assert adcore.get_seed() == 11 and draw() == first


@pytest.mark.parametrize("randomness", ["same", "different"])
def test_members_of_a_batch_draw_as_without_recomputation(randomness):
    results = []
    for run in (plain, adcore.recompute):
        adcore.set_seed(3)
        f = lambda x: run(lambda x: x * ops.rand(3), x).sum()
        results.append(array_of(vmap(grad(f), randomness=randomness)(ops.ones((4, 3)))))
        results.append(array_of(grad(lambda x: vmap(f, randomness=randomness)(x).sum())(ops.ones((4, 3)))))
        assert (len(np.unique(results[-1])) == 12) == (randomness == "different")
    np.testing.assert_array_equal(results[:2], results[2:])


# ---- what leaves a block --------------------------------------------------------------------------------------------

RETURNED = {
    "a cell from outside": lambda y: y,
    "one among others": lambda y: (y * 2, y)[1],
    "in a container": lambda y: [y * y, {"y": y}][1]["y"],
}


@pytest.mark.parametrize("returned", RETURNED.values(), ids=RETURNED)
@pytest.mark.parametrize("run", [plain, adcore.recompute], ids=["plain", "recompute"])
def test_a_block_that_returns_a_tensor_from_outside_returns_that_one(run, returned):
    def f(x):
        y = x * 1.0
        z = run(returned, y)
        assert z is y
        ops.assign(z, z * x)
        return y * x

    check(f(t32(2.0)), f32(8.0))
    check(grad(f)(t32(2.0)), f32(12.0))


def test_a_cell_of_a_block_that_also_leaves_it_otherwise_is_the_returned_one():
    for run in (plain, adcore.recompute):
        kept = []

        def block(u, kept=kept):
            v = ops.sin(u)
            kept.append(v)
            return v, v

        def f(x, run=run, kept=kept, block=block):
            a, b = run(block, x)
            assert a is b and a is kept[0]
            a[...] = a * 3
            return kept[0] * b

        at = np.float32(0.7)
        check(grad(f)(t32(at)), f32(18 * np.sin(at) * np.cos(at), rtol=1e-6))
        kept.clear()


class Doubled(adcore.Function):
    @staticmethod
    def forward(ctx, u):
        return u * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


W = Parameter(t32(2.0), name="W")

# What a function may do with a tensor that left a block otherwise than as its result.
USES_OF_WHAT_LEFT = {
    "op": lambda k, y: k * y,
    "result": lambda k, y: k,
    "among the results": lambda k, y: (y, [k]),
    "Function": lambda k, y: Doubled.apply(k) * y,
    "grad": lambda k, y: grad(lambda z: z * z)(k),
    "vjp": lambda k, y: vjp(lambda z: z * z, k)[1](k)[0],
    "jvp": lambda k, y: jvp(lambda z: z * z, k, y)[1],
    "hook": lambda k, y: (k.register_hook(lambda g: g), k)[1],
    "HookBackward": lambda k, y: ops.HookBackward(lambda g: g)(k),
    "recompute": lambda k, y: adcore.recompute(lambda z: z * z, k),
    "recompute identity": lambda k, y: adcore.recompute(lambda z: z, k),
    "of a recompute": lambda k, y: adcore.recompute(lambda z: (z * z, k), y)[1],
    "written": lambda k, y: (ops.assign(y, k), y * 2)[1],
    "item": lambda k, y: (y.reshape(1).__setitem__(0, k), y * k)[1],
    "Parameter": lambda k, y: (W.set_data(k), W)[1],
    "vmap": lambda k, y: vmap(lambda a: a * k)(ops.stack([y, y])).sum(),
}


@pytest.mark.filterwarnings("ignore::adcore.AmbiguityWarning")
@pytest.mark.parametrize("use", USES_OF_WHAT_LEFT.values(), ids=USES_OF_WHAT_LEFT)
@pytest.mark.parametrize("how", ["grad", "vjp", "jacrev", "of a jvp"])
def test_a_tensor_that_leaves_a_block_otherwise_is_an_error(use, how):
    """Its derivative is not known; no zero stands for it."""

    def f(x):
        kept = []
        y = adcore.recompute(lambda u: (kept.append(u * u * 3), u * 2)[1], x)
        return use(kept[0], y)

    runs = {
        "grad": lambda: grad(f)(t32(2.0)),
        "vjp": lambda: vjp(f, t32(2.0)),
        "jacrev": lambda: adcore.jacrev(f)(t32(2.0)),
        "of a jvp": lambda: grad(lambda x: jvp(f, x, x)[1])(t32(2.0)),
    }
    W.set_data(t32(2.0))
    with pytest.raises(RuntimeError, match="left it otherwise than as its result"):
        runs[how]()


CLOSURES = {
    "vjp": (lambda u: vjp(lambda z: z**3, u)[1], lambda pull, x: pull(x)[0]),
    "vjp by weights": (lambda u: vjp(lambda: W**3 * u, weights=W)[1], lambda pull, x: pull(x)[1]),
    "linearize": (lambda u: adcore.linearize(lambda z: z**3, u)[1], lambda push, x: push(x)),
}


@pytest.mark.parametrize("make, use", CLOSURES.values(), ids=CLOSURES)
def test_a_closure_that_leaves_the_block_that_made_it(make, use):
    def f(inside):
        kept = []

        def block(x):
            kept.append(make(x))
            return x * use(kept[-1], x) if inside else x * 2

        def function(x):
            y = adcore.recompute(block, x)
            return y if inside else y * use(kept[0], x)

        return function

    W.set_data(t32(2.0))
    # Used inside of the block it is as any other: x * 3 x**2 * x, and x * 3 W**2 x * x.
    right = 12 * 27.0 if "weights" not in str(make.__code__.co_names) else 3 * 12 * 9.0
    check(grad(f(True))(t32(3.0)), f32(right))
    with pytest.raises(RuntimeError, match="left the recomputed block that made it"):
        grad(f(False))(t32(3.0))
    f(False)(t32(3.0))  # nothing is recomputed where nothing is differentiated


AGAIN = {
    "another shape": lambda x: (x * 2)[:1],
    "another rank": lambda x: (x * 2).reshape(1, 2),
    "another dtype": lambda x: (x * 2).astype(adcore.float64),
    "more": lambda x: (x * 2, x * 3),
    "none": lambda x: None,
    "a number": lambda x: 3.0,
    "a constant": lambda x: ops.stop_gradient(x * 2),
    "an argument": lambda x: x,
    "a generator": lambda x: (x for _ in range(2)),
}


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
def test_a_block_that_gives_something_else_when_it_runs_again(again):
    runs = []

    def block(x):
        runs.append(1)
        return x * 2 if len(runs) == 1 else again(x)

    with pytest.raises(ValueError, match="the two runs of the block differ: the second gave another"):
        grad(lambda x: adcore.recompute(block, x).sum())(t32(1.0, 2.0))


def test_a_block_that_reads_or_assigns_otherwise_when_it_runs_again():
    cell, runs = Parameter(t32(1.0), name="cell"), []

    def assigns(x):
        runs.append(1)
        if len(runs) == 1:
            cell.set_data(x * 3)
        return x * 2

    def reads(x, y):
        runs.append(1)
        return x * 2 if len(runs) == 1 else x * y

    def function(x):
        y = x * 5
        return adcore.recompute(lambda x: reads(x, y), x)

    with pytest.raises(ValueError, match="the two runs of the block differ: a tensor that it assigned to"):
        grad(lambda x: adcore.recompute(assigns, x) * cell)(t32(2.0))
    runs.clear()
    with pytest.raises(ValueError, match="the two runs of the block differ: the second read a tensor"):
        grad(function)(t32(2.0))


def test_a_block_of_constants_that_differentiates_inside():
    """d/dz of z**3 at w, twice: what the block computed depends on nothing outside, so it is a constant."""

    def f(x):
        return x * adcore.recompute(lambda: grad(lambda z: z**3)(t32(2.0)))

    check(grad(f)(t32(5.0)), f32(12.0))


def test_a_derivative_inside_of_a_block_inside_of_a_derivative():
    """A later use of the Parameter has its derivative, too: 3w**2 x * w by w is 9 w**2 x."""
    w = Parameter(t32(2.0), name="w")

    def block(x):
        return grad(lambda: adcore.recompute(lambda: w * w * w * x), None, w)() * w

    for run in (plain, adcore.recompute):
        check(grad(lambda x: run(block, x), 0, w)(t32(3.0)), (f32(24.0), f32(108.0)))


def test_what_runs_when_a_block_is_dropped_may_record():
    """A finalizer that uses what is differentiated: its statements stay, and the derivative is right."""
    log = []

    class Records:
        def __init__(self, x):
            self.x = x

        def __del__(self):
            for _ in range(100):
                log.append(self.x * self.x)

    def f(x):
        def block(u):
            held = Records(x)
            own = adcore.custom_vjp(lambda q: q * 1)
            own.defvjp(lambda q: (q * 1, (q, held)), lambda saved, g: (g * 1,))
            for _ in range(100):
                u = ops.sin(own(u))
            return u

        y = adcore.recompute(block, x)
        first = list(log)
        return y.sum() * 0 + sum(first, t32(0.0))

    check(grad(f)(t32(0.5)), f32(100.0))


def test_blocks_in_a_derivative_inside_leave_the_parameters_to_their_later_uses():
    """Two blocks run again while the function is still recorded; v, which they do not know, is differentiated after."""
    u, v = Parameter(t32(2.0), name="u"), Parameter(t32(5.0), name="v")

    for run in (plain, adcore.recompute):

        def f(x, run=run):
            slope = grad(lambda: run(lambda a: a * u, run(lambda a: a * u, x)), None, u)()
            return slope * v

        # 2 u x v
        check(grad(f, 0, [v])(t32(3.0)), (f32(20.0), (f32(12.0),)))
