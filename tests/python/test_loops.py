"""Branches and loops on values: cond, while_loop, fori_loop, scan.

They are the Python statement that their docstring names, so each program runs as a statement too, and value and
derivatives must be the same bits. Where there is no such statement, under vmap with a condition that differs, the
members are computed one after the other. Values come from NumPy, derivatives from finite differences. Start reading at
`PROGRAMS`.
"""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, jacfwd, jacrev, jvp, ops, value_and_grad, vjp, vmap
from helpers import array_of, check, check_grads, f32, t32

WEIGHT = np.array([[0.5, -0.3], [0.2, 0.9]])
XS = np.array([[0.4, -1.0], [1.5, 0.3], [-0.7, 0.8], [0.2, 0.6], [1.1, -0.4]])


def rnn(scan, h, xs, w=None, **options):
    """The last state and the sum of all states' squares."""
    w = Tensor(WEIGHT, xs.dtype) if w is None else w

    def step(h, x):
        h = ops.tanh(h @ w + x)
        return h, h * x

    last, states = scan(step, h, xs, **options)
    return last.sum() + (states * states).sum()


def python_scan(f, init, xs=None, length=None, reverse=False, **_):
    carry, ys = init, []
    length = len(xs) if length is None else length
    for i in reversed(range(length)) if reverse else range(length):
        carry, y = f(carry, None if xs is None else xs[i])
        ys.append(y)
    if reverse:
        ys.reverse()
    return carry, ops.stack(ys)


def python_while(condition, body, val):
    while condition(val):
        val = body(val)
    return val


def python_for(lower, upper, body, val):
    for i in range(int(lower), int(upper)):
        val = body(Tensor(i), val)
    return val


def python_if(pred, true_fn, false_fn, *operands):
    return true_fn(*operands) if pred else false_fn(*operands)


def nested(scan, h, xs):
    """Of a scan over the elements of a slice in a scan over the slices."""

    def row(h, x):
        inner, products = scan(lambda c, e: (ops.sin(c * e), c * e), h.sum(), x)
        h = h * 0.5 + inner
        return h, products.sum() + h

    last, ys = scan(row, h, xs)
    return (last * last).sum() + ops.sin(ys).sum()


def halved(loop, x):
    """As often as it takes; the number of steps depends on the value."""
    return loop(lambda v: (v * v).sum() > 0.1, lambda v: v * ops.sigmoid(v) * 0.9, x).sum()


def grown(loop, x):
    """Powers whose exponent is data."""
    return loop(Tensor(1), Tensor(4), lambda i, v: v * ops.cos(x) + i * x, x).sum()


def bent(branch, x):
    return branch(x.sum() > 0, lambda a, b: a * ops.exp(b), lambda a, b: a * b * b, x, ops.sin(x)).sum()


# name -> (program of the function and inputs, the function, the statement, inputs)
H = np.array([0.3, -0.2])
PROGRAMS = {
    "rnn": (rnn, ops.scan, python_scan, (H, XS)),
    "rnn of a weight": (rnn, ops.scan, python_scan, (H, XS, WEIGHT)),
    "reverse": (lambda s, *a: rnn(s, *a, reverse=True), ops.scan, python_scan, (H, XS, WEIGHT)),
    "checkpoint": (lambda s, *a: rnn(s, *a, checkpoint=True), ops.scan, python_scan, (H, XS, WEIGHT)),
    "checkpoint, reverse": (
        lambda s, *a: rnn(s, *a, checkpoint=True, reverse=True),
        ops.scan,
        python_scan,
        (H, XS, WEIGHT),
    ),
    "scan in scan": (nested, ops.scan, python_scan, (H, XS)),
    "while": (halved, ops.while_loop, python_while, (np.array([2.0, 3.0]),)),
    "for": (grown, ops.fori_loop, python_for, (np.array([0.7, -0.4]),)),
    "if": (bent, ops.cond, python_if, (np.array([0.7, 0.4]),)),
    "else": (bent, ops.cond, python_if, (np.array([-0.7, 0.4]),)),
}
ALL = pytest.mark.parametrize("name", PROGRAMS)


def both(name):
    program, function, statement, arrays = PROGRAMS[name]
    return lambda *a: program(function, *a), lambda *a: program(statement, *a), arrays


def leaves(tree):
    return [array_of(t) for t in adcore._core.tree_leaves(tree)]


def same_bits(a, b):
    a, b = leaves(a), leaves(b)
    return len(a) == len(b) and all(
        x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes() for x, y in zip(a, b)
    )


def pushed(f, *args):
    return jvp(f, args, tuple(ops.cos(a) for a in args))


MODES = {
    "plain": lambda f, *args: f(*args),
    "value_and_grad": lambda f, *args: value_and_grad(f, tuple(range(len(args))))(*args),
    "jvp": pushed,
    "vmap": lambda f, *args: vmap(f)(*(ops.stack([a, a * 1.25]) for a in args)),
    "vmap of grad": lambda f, *args: vmap(grad(f))(*(ops.stack([a, a * 1.25]) for a in args)),
    "jvp of grad": lambda f, *args: pushed(grad(f), *args),
    "grad of jvp": lambda f, *args: grad(lambda *a: pushed(f, *a)[1])(*args),
    "grad of grad": lambda f, *args: grad(lambda *a: ops.sin(grad(f)(*a)).sum(), tuple(range(len(args))))(*args),
    "recomputed": lambda f, *args: grad(lambda *a: adcore.recompute(f, *a))(*args),
    "no_grad inside": lambda f, *args: grad(lambda *a: adcore.no_grad(f)(*a) * a[0].sum())(*args),
}


CHOICES = ("while", "if", "else")  # under vmap the condition differs, and there is no statement


@pytest.mark.parametrize("name, mode", [(n, m) for n in PROGRAMS for m in MODES if n not in CHOICES or "vmap" not in m])
@pytest.mark.parametrize("dtype", [adcore.float32, adcore.float64], ids=str)
def test_the_bits_are_those_of_the_statement(name, mode, dtype):
    function, statement, arrays = both(name)
    args = [Tensor(a, dtype) for a in arrays]
    if "checkpoint" in name and "no_grad" not in mode:
        # Blocks add up the cotangents of a captured weight in another order.
        for a, b in zip(leaves(MODES[mode](function, *args)), leaves(MODES[mode](statement, *args))):
            np.testing.assert_allclose(a, b, rtol=1e-5 if dtype is adcore.float32 else 1e-13, atol=1e-6)
    else:
        assert same_bits(MODES[mode](function, *args), MODES[mode](statement, *args))


@ALL
def test_derivatives_are_the_finite_differences(name):
    function, _, arrays = both(name)
    check_grads(function, arrays, 2)
    adcore.testing.check_grads(function, tuple(map(Tensor, arrays)), 2)


@ALL
def test_forward_and_reverse_mode_agree(name):
    function, _, arrays = both(name)
    args = [Tensor(a) for a in arrays]
    positions = tuple(range(len(args)))
    for a, b in zip(leaves(jacfwd(function, positions)(*args)), leaves(jacrev(function, positions)(*args))):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_values_of_numpy():
    def step(carry, x):
        mean, n = carry
        mean = (mean * n + x["value"]) / (n + 1)
        return (mean, n + 1), {"mean": mean, "none": None}

    xs = {"value": np.array([3.0, 5.0, 1.0, 7.0])}
    (mean, n), ys = ops.scan(step, (Tensor(0.0, adcore.float64), 0), xs)
    assert float(mean) == 4.0 and int(n) == 4 and n.dtype == adcore.int64 and ys["none"] is None
    np.testing.assert_allclose(array_of(ys["mean"]), np.cumsum(xs["value"]) / np.arange(1, 5), rtol=1e-15)
    back = ops.scan(step, (Tensor(0.0, adcore.float64), 0), xs, reverse=True)[1]["mean"]
    np.testing.assert_allclose(array_of(back), (np.cumsum(xs["value"][::-1]) / np.arange(1, 5))[::-1], rtol=1e-15)
    assert int(ops.fori_loop(0, 101, lambda i, s: s + i, 0)) == 5050
    assert int(ops.fori_loop(3, 3, lambda i, s: s + i, 7)) == int(ops.fori_loop(3, -3, lambda i, s: s + i, 7)) == 7
    assert int(ops.while_loop(lambda v: v < 100, lambda v: v * 2, 1)) == 128
    a, b = ops.while_loop(lambda v: v[1] != 0, lambda v: [v[1], v[0] % v[1]], [Tensor(84), Tensor(36)])
    assert (int(a), int(b)) == (12, 0)
    assert [float(ops.cond(p, lambda: 1.0, lambda: 2.0)) for p in (True, 0, np.bool_(True), Tensor(0.0))] == [
        1,
        2,
        1,
        2,
    ]


def test_a_condition_number_is_that_of_numpy():
    a = np.array([[2.0, 1.0], [0.5, 3.0]])
    for got, p in [
        (ops.cond(Tensor(a)), None),
        (ops.cond(Tensor(a), "fro"), "fro"),
        (ops.cond(A=Tensor(a), p=1), 1),
        (ops.cond(Tensor(a), p=-2), -2),
        (Tensor(a).cond("nuc"), "nuc"),
    ]:
        np.testing.assert_allclose(float(got), np.linalg.cond(a, p), rtol=1e-12)


# ---- conditions that differ between members ------------------------------------------------------------------------

MAPPED = {
    "while": lambda x: ops.while_loop(lambda v: v > 1, lambda v: v * 0.5 * ops.cos(x * 0.1), x),
    "while of a pair": lambda x: ops.while_loop(lambda v: v[0] > 1, lambda v: (v[0] / 2, v[1] + x), (x, 0.0 * x))[1],
    "for up to": lambda x: ops.fori_loop(0, ops.abs(x).astype(adcore.int32), lambda i, v: v * x + i, x),
    "for from": lambda x: ops.fori_loop(ops.floor(x).astype(adcore.int64), 4, lambda i, v: v * ops.sin(x) + i, x),
    "if": lambda x: ops.cond(x > 0, lambda a: ops.exp(-a), lambda a: a * a, x),
    "if of a dict": lambda x: ops.cond(x > 0, lambda: {"a": x, "b": x * x}, lambda: {"b": -x, "a": x + 1})["b"],
    "scan of if": lambda x: ops.scan(
        lambda c, e: (ops.cond(c > e, lambda: c * e, lambda: c + e), c), x, Tensor([0.5, 2.0, 1.0], x.dtype)
    )[0],
    "while in for": lambda x: ops.fori_loop(
        0, 3, lambda i, v: ops.while_loop(lambda u: u > i + 1, lambda u: u * 0.7, v + x), x
    ),
}
MEMBERS = np.array([0.5, 3.25, -2.0, 0.0, 9.0, 1.75])


@pytest.mark.parametrize("name", MAPPED)
@pytest.mark.parametrize(
    "mode",
    {
        "value": lambda f: f,
        "grad": grad,
        "jvp": lambda f: lambda x: jvp(f, x, ops.ones_like(x))[1],
        "grad of grad": lambda f: grad(grad(f)),
    }.items(),
    ids=lambda m: m[0],
)
def test_members_of_a_batch_are_computed_as_one_alone(name, mode):
    f = mode[1](MAPPED[name])
    alone = np.array([float(f(Tensor(m))) for m in MEMBERS])
    np.testing.assert_allclose(array_of(vmap(f)(Tensor(MEMBERS))), alone, rtol=1e-14, atol=1e-14)
    grid = MEMBERS.reshape(2, 3)
    np.testing.assert_allclose(array_of(vmap(vmap(f))(Tensor(grid))), alone.reshape(2, 3), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", MAPPED)
def test_a_batch_is_differentiated_from_outside(name):
    f = MAPPED[name]
    weights = ops.arange(1.0, 7.0, dtype=adcore.float64)
    got = grad(lambda x: (vmap(f)(x) * weights).sum())(Tensor(MEMBERS))
    one = [float(grad(f)(Tensor(m))) for m in MEMBERS]
    np.testing.assert_allclose(array_of(got), np.array(one) * np.arange(1, 7), rtol=1e-13, atol=1e-14)
    tangents = jvp(vmap(f), Tensor(MEMBERS), weights)[1]
    np.testing.assert_allclose(array_of(tangents), array_of(got), rtol=1e-13, atol=1e-14)


# ---- cells ----------------------------------------------------------------------------------------------------------


def test_parameters_are_differentiated_and_not_written():
    w = Parameter(t32(2.0), name="w")
    h = Parameter(t32(1.0), name="h")

    def f(x):
        return ops.scan(lambda c, e: (c * w + e, c), h, x)[0]

    # ((h w + x0) w + x1): by w 2 h w + x0, by h w w.
    check(grad(f, None, (w, h))(t32(3.0, 5.0)), (f32(7.0), f32(4.0)))

    def inplace(i, c):
        c.add_(w)
        return c

    assert float(ops.fori_loop(0, 3, inplace, h)) == 7.0 and float(h) == 1.0
    assert float(ops.while_loop(lambda c: c < 6, lambda c: c.add_(w), h)) == 7.0 and float(h) == 1.0
    assert float(ops.cond(True, lambda c: c.add_(w), lambda c: c, h)) == 3.0 and float(h) == 1.0


def test_outputs_are_what_a_step_gave_whatever_is_written_later():
    p = Parameter(t32(0.0), name="p")

    def step(c, x):
        ops.assign(p, p + x)
        c.add_(x)
        return c, (c, p)

    last, (carries, ps) = ops.scan(step, t32(10.0), t32(1.0, 2.0, 3.0))
    check((last, carries, ps), (f32(16.0), f32([11.0, 13.0, 16.0]), f32([1.0, 3.0, 6.0])))
    assert float(p) == 6.0
    # A captured cell as the carry is not written to by what the next step does to its carry.
    ops.fori_loop(0, 3, lambda i, c: p if int(i) == 0 else c.add_(1.0), t32(1.0))
    assert float(p) == 6.0


@pytest.mark.parametrize("checkpoint", [False, True])
def test_draws_of_the_steps_are_those_of_a_loop(checkpoint):
    def noisy(x, scan):
        return scan(lambda c, e: (c * ops.rand(()) + e, c), x, t32(1.0, 2.0, 3.0, 4.0, 5.0), checkpoint=checkpoint)[0]

    adcore.set_seed(3)
    expected = grad(lambda x: noisy(x, python_scan))(t32(1.0)), ops.rand(2)
    adcore.set_seed(3)
    assert same_bits((grad(lambda x: noisy(x, ops.scan))(t32(1.0)), ops.rand(2)), expected)


Pair = namedtuple("Pair", "a b")


@dataclass
class Data:
    a: object
    b: object


@pytest.mark.parametrize(
    "kind", [Pair, Data, lambda a, b: {"a": a, "b": b}, lambda a, b: [a, (b,)], lambda a, b: (a, b)]
)
def test_a_carry_keeps_its_container(kind):
    def body(i, c):
        a, b = adcore._core.tree_leaves(c)
        return kind(b, a + i)

    made = ops.fori_loop(0, 3, body, kind(t32(1.0), 5.0))
    assert type(made) is type(kind(1, 2))
    assert [float(t) for t in adcore._core.tree_leaves(made)] == [6.0, 3.0]


def test_a_dict_is_aligned_by_its_keys():
    made = ops.while_loop(lambda c: c["n"] < 3, lambda c: {"x": c["x"] * 2, "n": c["n"] + 1}, {"n": 0, "x": 1.0})
    assert list(made) == ["n", "x"] and int(made["n"]) == 3 and float(made["x"]) == 8.0
    ys = ops.scan(lambda c, _: (c + 1, {"a": c, "b": -c} if int(c) == 0 else {"b": -c, "a": c}), 0, length=3)[1]
    assert array_of(ys["a"]).tolist() == [0, 1, 2] and array_of(ys["b"]).tolist() == [0, -1, -2]


def test_numbers_take_the_dtype_of_the_carry():
    made = ops.while_loop(lambda c: c[1] < 1, lambda c: (2, True), (Tensor(0.0, adcore.float16), 0))
    assert made[0].dtype == adcore.float16 and made[1].dtype == adcore.int64


# ---- no steps, many steps, few kept -------------------------------------------------------------------------------


@pytest.mark.parametrize("checkpoint", [False, True])
def test_no_steps_give_empty_outputs_and_run_nothing(checkpoint):
    p = Parameter(t32(0.0), name="p")

    def step(c, x):
        ops.assign(p, p + 1)
        return c + ops.rand(()), {"y": x @ ops.ones((3, 4)), "n": c.astype(adcore.int32), "none": None}

    state = array_of(adcore.get_rng_state())
    carry, ys = ops.scan(step, 1.5, np.zeros((0, 2, 3), np.float32), checkpoint=checkpoint)
    assert float(carry) == 1.5 and float(p) == 0.0 and (array_of(adcore.get_rng_state()) == state).all()
    assert tuple(ys["y"].shape) == (0, 2, 4) and ys["y"].dtype == adcore.float32 and ys["none"] is None
    assert tuple(ys["n"].shape) == (0,) and ys["n"].dtype == adcore.int32

    def f(c):
        carry, ys = ops.scan(lambda c, x: (c, c * x), c, ops.zeros((0, 2)), checkpoint=checkpoint)
        assert tuple(ys.shape) == (0, 2)
        return carry * 3 + ys.sum()

    assert float(grad(f)(1.0)) == 3.0
    check(vmap(grad(f))(t32(1.0, 2.0)), f32([3.0, 3.0]))


def test_many_steps():
    n = 70_000
    last, ys = ops.scan(lambda c, _: (c + 1, c), 0, length=n)
    assert int(last) == n and (array_of(ys) == np.arange(n)).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9, 10, 17])
@pytest.mark.parametrize("reverse", [False, True])
def test_blocks_cover_all_steps(n, reverse):
    xs = Tensor(np.linspace(0.5, 1.5, n))
    runs = []

    def step(c, x):
        runs.append(1)
        return ops.sin(c * x), c

    def f(xs, **options):
        last, ys = ops.scan(step, 1.0 * xs[0], xs, reverse=reverse, **options)
        return last + (ys * ys).sum()

    plain = value_and_grad(f)(xs)
    runs.clear()
    blocks = value_and_grad(lambda xs: f(xs, checkpoint=True))(xs)
    assert len(runs) == 2 * n
    for a, b in zip(leaves(blocks), leaves(plain)):
        np.testing.assert_allclose(a, b, rtol=1e-14)


def test_checkpoints_keep_the_values_of_few_steps():
    n, size = 64, 1 << 18
    held = []

    def step(c, x):
        held.append(adcore.memory_stats()["bytes_in_use"])
        return ops.sin(ops.sin(ops.sin(c * x))), None

    def peak(**options):
        held.clear()
        grad(lambda c: ops.scan(step, c, ops.ones((n,)), **options)[0].sum())(ops.ones((size,)))
        return (max(held) - held[0]) / (4 * size)

    assert peak() >= 3 * (n - 1)
    assert peak(checkpoint=True) <= 6 * n**0.5  # 3 values of 8 steps, the carries of 8 blocks, and some at work


def test_a_recording_is_swept_by_several_threads_at_once():
    import threading

    xs = Tensor(np.linspace(0.5, 1.5, 50))
    _, pull = vjp(lambda xs: ops.scan(lambda c, x: (ops.sin(c * x), c), 1.0 * xs[0], xs, checkpoint=True)[1].sum(), xs)
    expected, got = pull(Tensor(1.0, adcore.float64)), []
    threads = [
        threading.Thread(target=lambda: got.extend(pull(Tensor(1.0, adcore.float64)) for _ in range(5)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 15 and all(same_bits(g, expected) for g in got)


# ---- bad input -----------------------------------------------------------------------------------------------------

ONE = t32(1.0)


def late(value):
    """A step that gives another value when its carry is 2."""
    return lambda c, x: (c + 1, value if int(c) == 2 else c)


ERRORS = [
    (lambda: ops.cond(t32(1.0, 2.0), abs, abs, ONE), ValueError, r"cond: pred must be a scalar, got .* shape \(2,\)"),
    (lambda: ops.cond("yes", abs, abs, ONE), TypeError, "cond: pred must be a scalar Tensor or a bool, got str"),
    (lambda: ops.cond(True, 1.0, 2.0), TypeError, "cond: true_fn must be callable, got float"),
    (lambda: ops.cond(True, abs, 2.0, ONE), TypeError, "cond: false_fn must be callable, got float"),
    (lambda: ops.cond(True, abs, abs, p=2), TypeError, "cond: got an unexpected keyword argument 'p'"),
    (lambda: ops.cond(True, lambda: (i for i in [ONE]), abs), TypeError, "cond: .*computes later"),
    (
        lambda: vmap(lambda x: ops.cond(x > 0, lambda: (x, 1), lambda: (x, 1.0)))(t32(1.0, -1.0)),
        ValueError,
        r"cond: result\[1\] must keep its shape and dtype, got \(\) Int64 from true_fn, \(\) Float32 from false_fn",
    ),
    (
        lambda: vmap(lambda x: ops.cond(x > 0, lambda: (x, x), lambda: x))(t32(1.0, -1.0)),
        ValueError,
        "cond: the result must keep its structure, got a tuple of 2 from true_fn, a Tensor of .* from false_fn",
    ),
    (lambda: ops.while_loop(1, abs, ONE), TypeError, "while_loop: cond_func must be callable, got int"),
    (lambda: ops.while_loop(abs, 1, ONE), TypeError, "while_loop: loop_func must be callable, got int"),
    (
        lambda: ops.while_loop(lambda c: c, lambda c: c, t32(1.0, 2.0)),
        ValueError,
        r"while_loop: the result of cond_func must be a scalar, got a Tensor of shape \(2,\)",
    ),
    (
        lambda: ops.while_loop(lambda c: c["n"] < 5, lambda c: {"n": c["n"] * 1.0}, {"n": 1}),
        ValueError,
        r"while_loop: carry\['n'\] must keep its shape and dtype, got \(\) Int64 before the loop, \(\) Float32 after "
        "step 0",
    ),
    (
        lambda: ops.while_loop(lambda c: True, lambda c: c, (1, "word")),
        TypeError,
        r"while_loop: carry\[1\] must be a Tensor, an array, a number or None, got str",
    ),
    (lambda: ops.while_loop(lambda c: True, lambda c: (i for i in [c]), 1), TypeError, "while_loop: .*computes later"),
    (lambda: ops.fori_loop(0, 2.5, lambda i, c: c, 1), TypeError, "fori_loop: upper must be an int .* of Float32"),
    (lambda: ops.fori_loop("0", 2, lambda i, c: c, 1), TypeError, "fori_loop: lower must be an int .* got str"),
    (lambda: ops.fori_loop(True, 2, lambda i, c: c, 1), TypeError, "fori_loop: lower must be an int .* of Bool"),
    (lambda: ops.fori_loop(0, [2], lambda i, c: c, 1), TypeError, "fori_loop: upper must be an int .* got list"),
    (lambda: ops.fori_loop(0, Tensor([2]), lambda i, c: c, 1), ValueError, "fori_loop: upper must be a scalar"),
    (lambda: ops.fori_loop(0, 2, None, 1), TypeError, "fori_loop: loop_func must be callable, got NoneType"),
    (lambda: ops.fori_loop(0, 2, lambda i, c: c, 1, unroll=2), TypeError, "fori_loop: unroll must be a bool, got int"),
    (
        lambda: ops.fori_loop(0, 9, lambda i, c: ops.ones((int(i) // 5 + 1,)), t32(1.0).reshape(1)),
        ValueError,
        r"fori_loop: carry must keep .*, got \(1,\) Float32 before the loop, \(2,\) Float32 after step 5",
    ),
    (
        lambda: ops.fori_loop(0, 9, lambda i, c: (c[0], None), (1, 2)),
        ValueError,
        r"fori_loop: carry\[1\] must keep its shape and dtype, got \(\) Int64 before the loop, None after step 0",
    ),
    (
        lambda: ops.fori_loop(0, 9, lambda i, c: Pair(c.a, c.b, *[]) if int(i) < 3 else {"a": c.a}, Pair(1, 2)),
        ValueError,
        "fori_loop: the carry must keep its structure, got a Pair of 2 before the loop, a dict of 1 after step 3",
    ),
    (lambda: ops.scan(1, ONE, ONE), TypeError, "scan: loop_func must be callable, got int"),
    (lambda: ops.scan(late(0), ONE), ValueError, "scan: nothing tells the number of steps; pass xs or length"),
    (lambda: ops.scan(late(0), ONE, length=2.0), TypeError, "scan: length must be an int, got float"),
    (lambda: ops.scan(late(0), ONE, length=-1), ValueError, "scan: length must be >= 0, got -1"),
    (lambda: ops.scan(late(0), ONE, [1, 2]), ValueError, r"scan: xs\[0\] is a number and has no axis of steps"),
    (lambda: ops.scan(late(0), ONE, "ab"), TypeError, "scan: xs must be a Tensor or an array, got str"),
    (
        lambda: ops.scan(late(0), ONE, {"a": ops.ones((3,)), "b": (ops.ones((4, 2)),)}),
        ValueError,
        r"scan: xs\['a'\] has length 3, but xs\['b'\]\[0\] of shape \(4, 2\) has 4 slices",
    ),
    (lambda: ops.scan(late(0), ONE, ops.ones((3,)), 4), ValueError, r"scan: length is 4, but xs of shape \(3,\) has 3"),
    (lambda: ops.scan(late(0), ONE, length=3, reverse=1), TypeError, "scan: reverse must be a bool, got int"),
    (lambda: ops.scan(late(0), ONE, length=3, unroll=1), TypeError, "scan: unroll must be a bool, got int"),
    (lambda: ops.scan(late(0), ONE, length=3, checkpoint=3), TypeError, "scan: checkpoint must be a bool, got int"),
    (lambda: ops.scan(lambda c, x: c, ONE, length=3), TypeError, "scan: loop_func must return a pair .* got a Tensor"),
    (lambda: ops.scan(lambda c, x: (c, c, c), ONE, length=3), TypeError, "scan: loop_func must return a pair"),
    (
        lambda: ops.scan(late(ops.ones((2,))), 0, length=5),
        ValueError,
        r"scan: output must keep its shape and dtype, got \(\) Int64 in the first step, \(2,\) Float32 in step 2",
    ),
    (
        lambda: ops.scan(late((1,)), 0, length=5),
        ValueError,
        "scan: the output must keep its structure, got a Tensor of .* in the first step, a tuple of 1 in step 2",
    ),
    (
        lambda: ops.scan(lambda c, x: (c, {"y": object()}), 0, length=5),
        TypeError,
        r"scan: output\['y'\] must be a Tensor, an array, a number or None, got object",
    ),
    (
        lambda: ops.scan(lambda c, x: (c * 1.0, c), 0, length=5, checkpoint=True),
        ValueError,
        r"scan: carry must keep its shape and dtype, got \(\) Int64 before the loop, \(\) Float32 after step 0",
    ),
]


@pytest.mark.parametrize("call, error, text", ERRORS, ids=[e[2] for e in ERRORS])
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()
    with pytest.raises(error, match=text):
        grad(lambda x: x * call())(1.0)
    assert adcore._core.live_levels() == 0


def test_the_steps_errors_pass_through():
    def body(i, c):
        raise KeyError("mine")

    for call in (
        lambda: ops.fori_loop(0, 2, body, 1),
        lambda: ops.scan(body, 1, length=3, checkpoint=True),
        lambda: ops.while_loop(lambda c: True, lambda c: body(0, c), 1),
        lambda: ops.cond(True, lambda: body(0, 0), abs),
    ):
        with pytest.raises(KeyError, match="mine"):
            grad(lambda x: call())(1.0)
