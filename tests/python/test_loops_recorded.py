"""Loops and branches inside of jit: one call that runs a program of one step, however many steps there are.

What jit gives must be what the function gives without it: the same bits, but where a second derivative adds up what
several steps give in another order. Start reading at `PROGRAMS`.
"""

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, jit, jvp, ops, value_and_grad, vmap
from helpers import array_of, t32

RNG = np.random.default_rng(0)
W = Parameter(Tensor(RNG.normal(size=(3, 3)) * 0.4), name="w")


def rnn(h, xs, **options):
    def step(h, x):
        h = ops.tanh(h @ W + x)
        return h, h * x

    last, rows = ops.scan(step, h, xs, **options)
    return last.sum() + (rows * rows).sum()


def gated(h, xs):
    """A carry that is an output too, and is read several times in a step."""

    def step(state, x):
        h, n = state["h"], state["n"]
        z = ops.sigmoid(h @ W + x)
        h = z * h + (1 - z) * ops.tanh(x * h)
        return {"n": n + 1, "h": h}, (h, None, n)

    last, (rows, _, counts) = ops.scan(step, {"h": h, "n": 0}, xs)
    return last["h"].sum() + ops.sin(rows).sum() + counts.astype(h.dtype).mean()


def dense(h, xs):
    """Products of a slice alone, and weights that every step adds a product to."""
    weight = ops.sin(ops.outer(h, h))

    def step(h, x):
        h = ops.tanh(x @ weight + h @ W)
        return h, x * h

    data = xs.reshape(-1, 1, 3) * Tensor([[[1.0], [-0.5]]], xs.dtype)
    last, rows = ops.scan(step, data[0], data)
    return last.sum() + (rows * rows).sum()


def shifted(h, xs):
    """Carries that depend on the inputs only after some steps."""

    def step(state, x):
        a, b, c = state
        return (b, c * 1.5, x.sum() * h.sum()), a

    last, rows = ops.scan(step, (1.0 * h[0], Tensor(1.0, h.dtype), Tensor(2.0, h.dtype)), xs)
    return last[0] + (rows * ops.arange(rows.shape[0]).astype(h.dtype)).sum()


def nested(h, xs):
    def row(h, x):
        inner, rows = ops.scan(lambda c, e: (ops.sin(c * e), c * e), h.sum(), ops.concat([x, x, x]))
        h = h * 0.5 + inner
        return h, rows.sum() + h

    last, rows = ops.scan(row, h, xs)
    return (last * last).sum() + ops.sin(rows).sum()


def counted(h, xs):
    return ops.fori_loop(2, 11, lambda i, v: v * ops.cos(xs[0]) + i * h, h).sum()


def chosen(h, xs):
    return ops.cond(h.sum() > 0, lambda a, b: (a * ops.exp(b)).sum(), lambda a, b: (b * a * a).sum(), h, xs[1])


def chosen_in_scan(h, xs):
    def step(c, x):
        return ops.cond((c * x).sum() > 0.1, lambda: c * x, lambda: ops.sin(c + x)), c

    last, rows = ops.scan(step, h, xs)
    return last.sum() + (rows * rows).sum()


def halved(h, xs):
    return ops.while_loop(
        lambda v: (v * v).sum() > 0.1, lambda v: v * ops.sigmoid(v) * 0.9 * ops.cos(xs[0]), h * 5
    ).sum()


def halved_in_for(h, xs):
    def body(i, v):
        return ops.while_loop(lambda u: (u * u).sum() > i + 1, lambda u: u * 0.7, v + xs[0])

    return ops.fori_loop(0, 6, body, h).sum()


PROGRAMS = {
    "rnn": rnn,
    "reverse": lambda h, xs: rnn(h, xs, reverse=True),
    "unroll": lambda h, xs: rnn(h, xs, unroll=True),
    "gated": gated,
    "dense": dense,
    "shifted": shifted,
    "nested": nested,
    "counted": counted,
    "chosen": chosen,
    "chosen in scan": chosen_in_scan,
    "halved": halved,
    "halved in for": halved_in_for,
}
NO_WAY_BACK = ("halved", "halved in for")


def pushed(f, *args):
    return jvp(f, args, tuple(ops.cos(a) for a in args))


def pairs(args):
    return [ops.stack([a, a * -1.25, a * 3]) for a in args]


FIRST = {
    "value": lambda f, *args: f(*args),
    "gradients": lambda f, *args: value_and_grad(f, (0, 1), W)(*args),
    "grad of h": lambda f, *args: grad(f)(*args),
    "jvp": pushed,
    "jvp of xs": lambda f, h, xs: pushed(lambda xs: f(h, xs), xs),
    "vmap": lambda f, *args: vmap(f)(*pairs(args)),
    "vmap of h": lambda f, h, xs: vmap(f, (0, None))(*pairs([h]), xs),
    "vmap of vmap": lambda f, *args: vmap(vmap(f))(*pairs(pairs(args))),
    "vmap of jvp": lambda f, *args: vmap(lambda *a: pushed(f, *a))(*pairs(args)),
    "jvp of vmap": lambda f, *args: pushed(lambda *a: vmap(f)(*a), *pairs(args)),
}
SECOND = {
    "vmap of grad": lambda f, *args: vmap(grad(f, (0, 1)))(*pairs(args)),
    "grad of vmap": lambda f, *args: grad(lambda *a: vmap(f)(*a).sum(), (0, 1))(*pairs(args)),
    "jvp of grad": lambda f, *args: pushed(grad(f, (0, 1)), *args),
    "grad of jvp": lambda f, *args: grad(lambda *a: pushed(f, *a)[1], (0, 1))(*args),
    "grad of grad": lambda f, *args: grad(lambda *a: ops.sin(grad(f)(*a)).sum(), (0, 1))(*args),
}
MODES = FIRST | SECOND
CASES = [(p, m) for p in PROGRAMS for m in MODES if p not in NO_WAY_BACK or "grad" not in m]


def inputs(n=7, dtype=adcore.float64):
    return Tensor(RNG.normal(size=3), dtype), Tensor(RNG.normal(size=(n, 3)), dtype)


def leaves(tree):
    return [array_of(t) for t in adcore._core.tree_leaves(tree)]


@pytest.mark.parametrize("name, mode", CASES)
def test_jit_gives_what_the_function_gives(name, mode):
    def f(h, xs):
        return MODES[mode](PROGRAMS[name], h, xs)

    recorded = jit(f)
    for h, xs in (inputs(), inputs()):
        expected = leaves(f(h, xs))
        for got in (leaves(recorded(h, xs)), leaves(recorded(h, xs))):
            assert [(a.shape, a.dtype) for a in got] == [(a.shape, a.dtype) for a in expected]
            for a, b in zip(got, expected):
                if mode in FIRST and name != "gated":
                    assert a.tobytes() == b.tobytes()
                else:
                    np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name, mode", CASES)
def test_passes_over_loops_change_no_bit(name, mode):
    def f(h, xs):
        return MODES[mode](PROGRAMS[name], h, xs)

    args = inputs(9)
    for a, b in zip(leaves(jit(f)(*args)), leaves(adcore._core.trace(f, *args).run(*args))):
        assert a.tobytes() == b.tobytes()


CALLS = [
    lambda a, b, w: a @ w,
    lambda a, b, w: a @ w.T + b,
    lambda a, b, w: ops.softmax(a, -1),
    lambda a, b, w: ops.cumsum(a * b, 1),
    lambda a, b, w: ops.concat([a[:, 1:], b[:, :1]], 1),
    lambda a, b, w: a - b.mean(0, keepdims=True),
    lambda a, b, w: ops.flip(a, (0,)) * w[0],
    lambda a, b, w: a + b,
    lambda a, b, w: a * b,
    lambda a, b, w: ops.tanh(a),
]


def drawn(seed):
    """A loop whose step makes some calls, each of any values before it: carries and rows are any of these, too."""
    rng = np.random.default_rng(seed)
    carries, slices = rng.integers(1, 4), rng.integers(1, 3)
    calls = [(CALLS[k], *rng.random(2)) for k in rng.integers(0, len(CALLS), rng.integers(1, 5))]
    nexts = [(rng.random(), rng.random() < 0.6) for _ in range(carries)]
    rows = rng.random(rng.integers(0, 4))
    options = {"reverse": bool(rng.random() < 0.4), "checkpoint": bool(rng.random() < 0.2)}

    def loop(start, xs, w):
        def step(state, x):
            values = [*state, *x]

            def one(place):
                return values[int(place * len(values))]

            for call, a, b in calls:
                values.append(call(one(a), one(b), w))
            return [ops.tanh(one(p)) if bounded else one(p) * 0.5 for p, bounded in nexts], [one(p) for p in rows]

        return ops.scan(step, start, xs, **options)

    def loss(start, xs, w):
        return sum((t * ops.sin(t + 0.5)).sum() for t in adcore._core.tree_leaves(loop(start, xs, w)))

    n = int(rng.integers(0, 10))
    start = [Tensor(rng.normal(size=(2, 3)) * 0.5) for _ in range(carries)]
    xs = [Tensor(rng.normal(size=(n, 2, 3)) * 0.5) for _ in range(slices)]
    return loop, loss, (start, xs, Tensor(rng.normal(size=(3, 3)) * 0.5)), rng


@pytest.mark.parametrize("seeds", [range(k, k + 10) for k in range(0, 100, 10)], ids=str)
def test_random_steps(seeds):
    for seed in seeds:
        loop, loss, args, rng = drawn(seed)
        recorded = jit(loop)
        for got, expected in zip(leaves(recorded(*args)), leaves(loop(*args)), strict=True):
            assert got.tobytes() == expected.tobytes(), seed

        gradients = grad(loss, (0, 1, 2))
        made = leaves(jit(gradients)(*args))
        for got, expected in zip(made, leaves(gradients(*args)), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12, err_msg=str(seed))
        for got, expected in zip(made, leaves(adcore._core.trace(gradients, *args).run(*args)), strict=True):
            assert got.tobytes() == expected.tobytes(), seed

        at = leaves(args)
        along = [rng.normal(size=a.shape) for a in at]

        def moved(t, args=args, at=at, along=along, loss=loss):
            here = iter([Tensor(a + t * d) for a, d in zip(at, along)])
            start, xs, _ = args
            return float(loss([next(here) for _ in start], [next(here) for _ in xs], next(here)))

        expected = (moved(1e-5) - moved(-1e-5)) / 2e-5
        got = sum((g * d).sum() for g, d in zip(made, along))
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7, err_msg=str(seed))


@pytest.mark.parametrize("name", ["matmul", "softmax", "cumsum", "concat"])
def test_a_row_that_the_sweep_reads_again(name):
    call = {
        "matmul": lambda c: W @ c,
        "softmax": lambda c: ops.softmax(c * 3, -1),
        "cumsum": lambda c: ops.cumsum(c, 0),
        "concat": lambda c: ops.concat([c[1:], c[:1]]),
    }[name]

    def f(c, xs):
        def step(c, x):
            v = call(c)
            return ops.tanh(v), (x, v)

        last, (a, b) = ops.scan(step, c, xs)
        return (last * last).sum() + (a * a).sum() + (b * b).sum()

    gradients, args = grad(f, (0, 1), W), inputs()
    for got, expected in zip(leaves(jit(gradients)(*args)), leaves(gradients(*args)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("n", [5, 9])
def test_a_loop_that_gives_nothing_is_none(n):
    def f(xs):
        ops.scan(lambda c, x: (None, None), None, xs)
        ops.cond(xs[0] > 0, lambda: None, lambda: None)
        return ops.scan(lambda c, x: (ops.tanh(x), None), xs[0], xs)[0] * xs[1]

    xs = Tensor(np.linspace(0.5, 1.0, n))
    gradient = jit(grad(f))(xs)
    expected = np.zeros(n)
    expected[-1] = (1 - np.tanh(1.0) ** 2) * float(xs[1])
    expected[1] = np.tanh(1.0)
    for made in (gradient, adcore._core.trace(grad(f), xs).run(xs)):
        np.testing.assert_allclose(array_of(made), expected, rtol=1e-12)


@pytest.mark.parametrize("mode", ["value", "gradients", "jvp", "vmap"])
@pytest.mark.parametrize("name", ["rnn", "gated", "nested", "chosen in scan"])
def test_transforms_from_outside_see_the_loop(name, mode):
    f = PROGRAMS[name]
    h, xs = inputs()
    for a, b in zip(leaves(MODES[mode](jit(f), h, xs)), leaves(MODES[mode](f, h, xs))):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("rows", [32, 33, 8])
def test_rows_of_a_batch_have_the_same_bits_at_any_number_of_threads(rows):
    length, n, m = 60, 24, 40
    rng = np.random.default_rng(rows)
    shapes = {"wx": (n, 4 * m), "wh": (m, 4 * m), "b": (4 * m,)}
    wx, wh, b = weights = [Parameter(t32(rng.normal(size=s) * 0.2), name=name) for name, s in shapes.items()]
    start = ops.zeros((rows, m))

    def one(carry, x):
        h, c = carry
        i, f, g, o = ops.split(x @ wx + h @ wh + b, m, -1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return (h, c), h

    def loss(xs):
        return ops.square(ops.scan(one, (start, start), xs)[1]).sum()

    gradients = value_and_grad(loss, 0, weights)
    xs = t32(rng.normal(size=(length, rows, n)))
    before = adcore.get_num_threads()
    try:
        adcore.set_num_threads(1)
        expected = leaves(gradients(xs))
        for threads in (1, 2, 3):
            adcore.set_num_threads(threads)
            recorded = jit(gradients)
            for got in (leaves(recorded(xs)), leaves(recorded(xs))):
                assert [a.tobytes() for a in got] == [a.tobytes() for a in expected]
    finally:
        adcore.set_num_threads(before)


def test_rows_that_meet_are_not_parted():
    def one(h, x):
        return ops.tanh(h + x) - h.mean(0), ops.softmax(h * x, 0) + x[0]

    h, xs = t32(RNG.normal(size=(64, 64))), t32(RNG.normal(size=(80, 64, 64)))
    for a, b in zip(leaves(jit(lambda h, xs: ops.scan(one, h, xs))(h, xs)), leaves(ops.scan(one, h, xs))):
        assert a.tobytes() == b.tobytes()


def statements(f, *args):
    return adcore._core.trace(f, *args).statements


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["rnn", "reverse", "gated", "shifted", "nested", "chosen in scan"])
def test_the_program_does_not_grow_with_the_steps(name, mode):
    def f(h, xs):
        return MODES[mode](PROGRAMS[name], h, xs)

    assert statements(f, *inputs(10)) == statements(f, *inputs(200))


def test_few_steps_and_unrolled_ones_are_recorded_one_by_one():
    assert statements(rnn, *inputs(4)) > statements(rnn, *inputs(5))
    unrolled = [statements(lambda h, xs: rnn(h, xs, unroll=True), *inputs(n)) for n in (10, 20)]
    assert unrolled[1] > 1.5 * unrolled[0] > 15


@pytest.mark.parametrize("loop", ["scan", "for", "while", "cond"])
def test_cells_that_steps_write_to_are_carried(loop):
    p = Parameter(t32(0.0), name="p")

    def step(c, x):
        ops.assign(p, p * 0.5 + x)
        return c * ops.rand(()) + p, p

    def f(x):
        if loop == "scan":
            return ops.scan(step, 1.0, x)
        if loop == "for":
            return ops.fori_loop(0, 7, lambda i, c: step(c, x[0] + i)[0], 1.0)
        if loop == "while":
            return ops.while_loop(lambda c: c[1] < 9, lambda c: (step(c[0], x[1])[0], c[1] + x[1]), (1.0, x[0]))
        return ops.cond(x[1] > x[0], lambda: step(x[2], x[3])[0], lambda: x[0])

    def run(f):
        p.set_data(t32(0.0))
        adcore.set_seed(5)
        return leaves((f(t32(*range(7))), f(t32(*range(6, -1, -1))), p, ops.rand(3)))

    recorded = jit(f)
    for a, b in zip(run(recorded), run(f)):
        assert a.tobytes() == b.tobytes()
    assert len(leaves(recorded(t32(*range(7))))) > 0


def test_a_loop_that_writes_to_a_parameter_passes_its_derivative():
    p = Parameter(t32(2.0), name="p")

    def f(x):
        def step(c, e):
            ops.assign(p, p * e)
            return c + p, None

        return ops.scan(step, x, t32(1.0, 2.0, 0.5, 3.0, 1.5))[0] * p

    def run(g):
        p.set_data(t32(2.0))
        return leaves((g(t32(1.5)), p))

    for a, b in zip(run(jit(value_and_grad(f, 0, p))), run(value_and_grad(f, 0, p))):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_draws_of_members():
    def f(xs):
        return vmap(
            lambda x: ops.scan(lambda c, e: (c * ops.rand(()) + e, None), x, t32(1, 2, 3, 4, 5, 6))[0],
            randomness="different",
        )(xs)

    def run(f):
        adcore.set_seed(5)
        return leaves((f(t32(1.0, 2.0)), ops.rand(2)))

    for a, b in zip(run(jit(f)), run(f)):
        assert a.tobytes() == b.tobytes()


def test_bounds_that_differ_between_members():
    def f(x, n):
        return vmap(lambda x, n: ops.fori_loop(0, n, lambda i, v: v * ops.cos(x) + i, x))(x, n)

    args = t32(1.0, 2.0, 3.0), Tensor([3, 7, 0])
    assert array_of(jit(f)(*args)).tobytes() == array_of(f(*args)).tobytes()


def test_a_parameter_is_read_when_the_program_runs():
    w = Parameter(t32(2.0), name="w")
    f = jit(lambda x: ops.scan(lambda c, _: (c * w, None), x, length=10)[0])
    assert float(f(t32(1.0))) == 2.0**10
    w.set_data(t32(3.0))
    assert float(f(t32(1.0))) == 3.0**10


def test_loops_of_the_same_operands_stay_apart():
    def f(x, xs):
        a = ops.scan(lambda c, e: (c + e, c), x, xs)
        b = ops.scan(lambda c, e: (c * e, c), x, xs)
        return a, b, ops.scan(lambda c, e: (c + e, c), x, xs)

    args = t32(1.5), t32(1.0, 2.0, 3.0, 4.0, 5.0)
    for got, expected in zip(leaves(jit(f)(*args)), leaves(f(*args))):
        assert got.tobytes() == expected.tobytes()


def test_reverse_mode_of_a_loop_of_unknown_length():
    def f(x):
        return ops.while_loop(lambda v: v > 1, lambda v: v / 2, x)

    assert float(grad(jit(f))(t32(12.0))) == 0.0625  # the function runs as it is
    with pytest.raises(ValueError, match="jit: reverse mode needs to know how many steps.*ops.scan"):
        jit(grad(f))(t32(12.0))
    # A value that is computed on the way and not differentiated.
    assert float(jit(grad(lambda x: x * ops.stop_gradient(f(x))))(t32(12.0))) == 0.75


def scanned(step):
    return jit(lambda x: ops.scan(step, x, ops.arange(9).astype(adcore.float32)))


ERRORS = [
    (lambda: scanned(lambda c, x: (c * x.astype(adcore.float64), x))(t32(1.0)), ValueError, "scan: carry must keep"),
    (lambda: scanned(lambda c, x: (c if c > 0 else x, x))(t32(1.0)), ValueError, "jit: the value of a tensor"),
    (
        lambda: jit(lambda x: ops.cond(x > 0, lambda: (x, x), lambda: x))(t32(1.0)),
        ValueError,
        "cond: the result must keep its structure, got a tuple of 2 from true_fn",
    ),
    (
        lambda: jit(lambda x: ops.cond(x > 0, lambda: x, lambda: 1))(t32(1.0)),
        ValueError,
        r"cond: result must keep its shape and dtype, got \(\) Float32 from true_fn, \(\) Int64 from false_fn",
    ),
    (
        lambda: jit(lambda x: ops.while_loop(lambda v: v > ops.rand(()), lambda v: v / 2, x))(t32(1.0)),
        RuntimeError,
        "while_loop: inside of jit, a condition may not assign",
    ),
]


@pytest.mark.parametrize("call, error, text", ERRORS, ids=[e[2] for e in ERRORS])
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()
    assert adcore._core.live_levels() == 0
    assert float(jit(lambda x: ops.scan(lambda c, _: (c * 2, None), x, length=6)[0])(t32(1.0))) == 64.0


def test_an_error_of_a_step_leaves_all_as_it_was():
    p = Parameter(t32(1.0), name="p")

    @jit
    def f(x, places):
        def step(c, i):
            ops.assign(p, p + 1)
            return c + x[i], None

        return ops.scan(step, x[0], places)[0]

    x = t32(1.0, 2.0, 3.0)
    assert float(f(x, Tensor([0, 1, 2, 0, 1, 2]))) == 13.0 and float(p) == 7.0
    with pytest.raises(IndexError):
        f(x, Tensor([0, 1, 2, 0, 1, 3]))
    assert float(p) == 7.0
    assert float(f(x, Tensor([0, 1, 2, 0, 1, 2]))) == 13.0 and float(p) == 13.0


@pytest.mark.parametrize("n", [6, 16, 103])
@pytest.mark.parametrize("reverse", [False, True])
def test_checkpoints_keep_few_carries(n, reverse):
    size = 1000

    def f(checkpoint):
        def step(c, x):
            return ops.sin(c * x), (c[:2], None)

        def run(c, xs):
            last, (rows, _) = ops.scan(step, c, xs, checkpoint=checkpoint, reverse=reverse)
            return last.sum() + (rows * rows).sum()

        return value_and_grad(run, (0, 1))

    args = ops.ones((size,), adcore.float64), Tensor(np.linspace(0.9, 1.1, n))
    for a, b in zip(leaves(jit(f(True))(*args)), leaves(f(False)(*args))):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    largest = [
        max(v.size for v in adcore._core.trace(f(c), *args).values(*args) if v is not None) for c in (False, True)
    ]
    assert largest[0] >= n * size and largest[1] <= (2 * n**0.5 + 1) * size
    # Nor does what runs keep more.
    few, many = (arena_bytes(f(c), *args) for c in (True, False))
    assert few <= 8 * (2 * n**0.5 + 12) * size and (n < 100 or few < many / 3)


def arena_bytes(f, *args):
    f = jit(f)
    f(*args)
    return f._programs[0][1]
