"""Values and derivatives of every elementwise row at the edges of its domain, and its precision all over it.

The right values are those of edges.py, none of them computed here. A new row fails until it has edges or a closed form.
"""

import zlib

import mpmath as mp
import numpy as np
import pytest

import adcore
from adcore import Tensor, _core, ops
from edges import (
    CURVATURE_ZEROS,
    DOMAINS,
    EDGES,
    INF,
    LOGIT_EDGES,
    SLOPE_ROWS,
    SLOPE_ZEROS,
    SMOOTH,
    SMOOTH_PAIRS,
    VALUE_ZEROS,
)
from helpers import array_of

ROWS = {row["name"]: row for row in _core.op_table()}
DIFFERENTIABLE = [name for name, row in ROWS.items() if row["differentiable"]]
FLOATS = {np.float32: adcore.float32, np.float64: adcore.float64}
TINY = {np.float32: 2.0**-149, np.float64: 2.0**-1074}
UNARY = [name for name in DIFFERENTIABLE if ROWS[name]["arity"] == 1]


def test_every_differentiable_row_has_edges():
    assert set(EDGES) == set(DIFFERENTIABLE)


def test_every_smooth_row_has_a_closed_form():
    """What is no polynomial in pieces, whose rounding the other laws see."""
    exact = {"neg", "abs", "relu", "relu6", "frac"}
    assert set(UNARY) - set(SMOOTH) - set(SLOPE_ROWS) - {"_gauss"} == exact


# ---- edges --------------------------------------------------------------------------------------------------------


def edges():
    for name, points in EDGES.items():
        for point, (value, slopes, curvatures) in points.items():
            wrap = (lambda v: v) if isinstance(point, tuple) else (lambda v: None if v is None else (v,))
            at = tuple(map(float, wrap(point)))
            yield pytest.param(name, at, value, wrap(slopes), wrap(curvatures), id=f"{name}{at}")


def assert_is(got, expected, dtype, what):
    if expected is None:
        return
    with np.errstate(over="ignore"):
        expected = dtype(expected)
    rtol = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * 1e-3 * (expected == 0), err_msg=what)


def one_slope(f, k, args):
    """The partial derivative of f in operand k by reverse and forward mode, alone and under vmap: all by name."""
    one = ops.ones_like(args[k])

    def along(f=f, k=k):
        rest = lambda x: f(*args[:k], x, *args[k + 1 :])
        return rest

    g = along()
    results = {
        "grad": adcore.grad(g)(args[k]),
        "jvp": adcore.jvp(g, args[k], one)[1],
        "vmap of grad": adcore.vmap(adcore.grad(g))(ops.stack([args[k], args[k]]))[1],
        "vmap of jvp": adcore.vmap(lambda x: adcore.jvp(g, x, one)[1])(ops.stack([args[k], args[k]]))[0],
    }
    return {how: array_of(tensor) for how, tensor in results.items()}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name, point, value, slopes, curvatures", list(edges()))
def test_edges(name, point, value, slopes, curvatures, dtype):
    op, args = _core.functions[name], [Tensor(dtype(v)) for v in point]
    assert_is(array_of(op(*args)), value, dtype, "value")
    for k in range(len(args)):
        if slopes is not None:
            for how, got in one_slope(op, k, args).items():
                assert_is(got, slopes[k], dtype, f"slope in operand {k} by {how}")
        if curvatures is not None and curvatures[k] is not None:

            def slope(*operands, k=k):
                return adcore.grad(op, k)(*operands)

            for how, got in one_slope(slope, k, args).items():
                assert_is(got, curvatures[k], dtype, f"second derivative in operand {k} by {how} of grad")


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_forward_and_reverse_mode_agree_at_edges(name):
    """Bit for bit, for any seed: 0 times an infinite slope is the same in both."""
    op = _core.functions[name]
    for point in EDGES[name]:
        args = [Tensor(np.float64(v)) for v in (point if isinstance(point, tuple) else (point,))]
        for k in range(len(args)):
            g = lambda x, k=k, args=args: op(*args[:k], x, *args[k + 1 :])
            for seed in (0.0, -1.0, 3.0, INF):
                pulled = adcore.vjp(g, args[k])[1](Tensor(seed, adcore.float64))
                pulled = pulled[0] if isinstance(pulled, tuple) else pulled
                pushed = adcore.jvp(g, args[k], Tensor(seed, adcore.float64))[1]
                np.testing.assert_array_equal(array_of(pulled), array_of(pushed), err_msg=f"{point} {k} {seed}")


INDETERMINATE = {  # with their derivatives at 0, which a chain of slopes cannot know
    "sqrt(x)**2, 1": lambda x: ops.sqrt(x) ** 2,
    "cos(sqrt(x)), -1/2": lambda x: ops.cos(ops.sqrt(x)),
    "exp(log(x)), 1": lambda x: ops.exp(ops.log(x)),
    "1 / (1 / x), 1": lambda x: 1 / (1 / x),
}


@pytest.mark.parametrize("f", INDETERMINATE.values(), ids=INDETERMINATE)
def test_zero_times_an_infinite_slope_is_no_number_that_is_wrong(f):
    for how, got in one_slope(f, 0, [Tensor(0.0)]).items():
        assert np.isnan(got).all(), how


@pytest.mark.parametrize("row", [ops.sqrt, ops.log, ops.rsqrt, ops.reciprocal])
@pytest.mark.parametrize("x", [0.0, -1.0])
def test_a_mask_on_the_operand_keeps_infinite_slopes_out(row, x):
    f = lambda x: ops.where(x > 0, row(ops.where(x > 0, x, 1.0)), 0.0)
    for function in (f, adcore.grad(f)):
        for how, got in one_slope(function, 0, [Tensor(x)]).items():
            np.testing.assert_array_equal(got, 0, err_msg=how)


# ---- precision ----------------------------------------------------------------------------------------------------


def arguments(name, dtype):
    """Bit patterns all over the type, where functions are steep, and tails up to underflow."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    bits = rng.integers(0, 2**32 if dtype is np.float32 else 2**64, 200, np.uint64)
    anywhere = bits.astype(np.uint32).view(np.float32) if dtype is np.float32 else bits.view(np.float64)
    ranges = [
        rng.uniform(-r, r, 60).astype(dtype) for r in (0.01, 1, 1, 4, 12, 30, 105, 105 if dtype is np.float32 else 745)
    ]
    x = np.concatenate([anywhere[np.isfinite(anywhere)], *ranges])
    return x[DOMAINS[name](x)] if name in DOMAINS else x


def in_ulps(got, exact, dtype):
    """|got - exact| in units of the last place of `exact`; beyond the largest number, inf is the next power of two."""
    top = mp.mpf(2) ** (128 if dtype is np.float32 else 1024)
    clip = lambda v: max(min(v, top), -top)
    digits = 24 if dtype is np.float32 else 53
    exact = clip(exact)
    unit = max(mp.ldexp(1, mp.frexp(exact)[1] - digits), mp.mpf(TINY[dtype])) if exact else mp.mpf(TINY[dtype])
    if np.isnan(got):
        return float("inf")
    return float(abs(clip(mp.mpf(float(got))) - exact) / unit)


# What may be wrong, in ULP: value, slope, second derivative.
BOUNDS = {"value": 4, "slope": 8, "curvature": 64}
ZEROS = {"value": VALUE_ZEROS, "slope": SLOPE_ZEROS, "curvature": CURVATURE_ZEROS}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", SMOOTH)
def test_precision(name, dtype):
    """Values are right within 4 ULP, slopes within 8, second derivatives within 64, where they are well-conditioned."""
    op, x = _core.functions[name], arguments(name, dtype)
    t, exact = Tensor(x), dict(zip(BOUNDS, SMOOTH[name], strict=True))
    slope = adcore.grad(lambda t: op(t).sum())
    got = {"value": op(t), "slope": slope(t), "curvature": adcore.grad(lambda t: slope(t).sum())(t)}
    got = {what: array_of(values) for what, values in got.items()}
    worst = dict.fromkeys(BOUNDS, (0, None))
    with mp.workprec(400):
        for i, v in enumerate(x.tolist()):
            for what, f in exact.items():
                if not any(abs(v - zero) < 0.2 for zero in ZEROS[what].get(name, ())):
                    error = in_ulps(got[what][i], f(mp.mpf(v)), dtype)
                    worst[what] = max(worst[what], (error, v), key=lambda pair: pair[0])
    assert all(worst[what][0] <= bound for what, bound in BOUNDS.items()), worst


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", SMOOTH_PAIRS)
def test_precision_of_two_operands(name, dtype):
    """As of one, over pairs of which each may be far larger than the other."""
    value, slopes, curvatures, bound = SMOOTH_PAIRS[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    x = (bound * 10.0 ** rng.uniform(-6, 0, (2, 200))).astype(dtype)
    op, args = _core.functions[name], [Tensor(v) for v in x]
    cases = {"value": (value, op(*args), 4)}
    for k in (0, 1):
        slope = adcore.grad(lambda *args: op(*args).sum(), k)
        cases[f"slope {k}"] = slopes[k], slope(*args), 8
        if curvatures[k] is not None:
            curvature = adcore.grad(lambda *args, slope=slope: slope(*args).sum(), k)
            cases[f"curvature {k}"] = curvatures[k], curvature(*args), 64
    with mp.workprec(400):
        for what, (exact, got, most) in cases.items():
            errors = [in_ulps(y, exact(*map(mp.mpf, map(float, at))), dtype) for y, at in zip(array_of(got), x.T)]
            worst = int(np.argmax(errors))
            assert errors[worst] <= most, (what, errors[worst], x[:, worst])


# ---- half precision -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [adcore.float16, adcore.bfloat16])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_half_precision_computes_wide_and_rounds_once(name, dtype):
    """As float64 of the same operands does; a slope that is made of the rounded result has that rounding, too."""
    row, op = ROWS[name], _core.functions[name]
    rng = np.random.default_rng(3)
    low, high = (2 * row["low"], 2 * row["high"]) if row["low"] == -3 else (row["low"], row["high"])
    halves = [Tensor(rng.uniform(low, high, 200), dtype) for _ in range(row["arity"])]
    wide = [h.astype(adcore.float64) for h in halves]
    positions = tuple(range(row["arity"]))

    def every(*args):
        return op(*args).astype(adcore.float64).sum()

    assert rounding(op(*halves), op(*wide), dtype) <= 0.51
    for got, exact in zip(
        as_tuple(adcore.grad(every, positions)(*halves)), as_tuple(adcore.grad(every, positions)(*wide))
    ):
        assert rounding(got, exact, dtype) <= 1.5


def as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


def rounding(got, exact, dtype):
    """The largest error of a tensor of half precision, in units of the last place of the exact numbers."""
    assert got.dtype == dtype
    exact = array_of(exact)
    digits, least = (11, 2.0**-24) if dtype == adcore.float16 else (8, 2.0**-133)
    unit = np.maximum(np.ldexp(1.0, np.frexp(exact)[1] - digits), least)
    return np.max(np.abs(array_of(got).astype(np.float64) - exact) / unit)


# ---- losses -------------------------------------------------------------------------------------------------------


LOGIT_LOSSES = {
    "mse_loss(x, y)": (lambda x, y: (x - y) ** 2, lambda x, y: 2 * (x - y), lambda x, y: 2),
    "l1_loss(x, y)": (lambda x, y: abs(x - y), lambda x, y: mp.sign(x - y), lambda x, y: 0),
    "binary_cross_entropy_with_logits(x, y)": (
        lambda x, y: softplus(x) - x * y,
        lambda x, y: logistic(x) - y,
        lambda x, y: logistic(x) * logistic(-x),
    ),
    "binary_cross_entropy_with_logits(x, y, None, Tensor(3.0, x.dtype))": (
        lambda x, y: 3 * y * softplus(-x) + (1 - y) * softplus(x),
        lambda x, y: (1 - y) * logistic(x) - 3 * y * logistic(-x),
        lambda x, y: (1 + 2 * y) * logistic(x) * logistic(-x),
    ),
    "binary_cross_entropy(sigmoid(x), y)": (
        lambda x, y: softplus(x) - x * y,
        lambda x, y: logistic(x) - y,
        lambda x, y: logistic(x) * logistic(-x),
    ),
    "cross_entropy(stack([0 * x, x], 1), stack([1 - y, y], 1))": (
        lambda x, y: softplus(x) - x * y,
        lambda x, y: logistic(x) - y,
        lambda x, y: logistic(x) * logistic(-x),
    ),
    "cross_entropy(stack([0 * x, x], 1), y.astype(int64))": (
        lambda x, y: softplus(x) - x * mp.floor(y),
        lambda x, y: logistic(x) - mp.floor(y),
        lambda x, y: logistic(x) * logistic(-x),
    ),
}
_PULL = "stack([0 * x + 1, x], 1), stack([0 * x + 1, 0 * x], 1)"  # an angle whose tangent is x
LOGIT_LOSSES |= {
    "nll_loss(log_softmax(stack([0 * x, x], 1), 1), y.astype(int64))": LOGIT_LOSSES[
        "cross_entropy(stack([0 * x, x], 1), y.astype(int64))"
    ],
    "ctc_loss(log_softmax(stack([0 * x, x], 1), 1), Tensor([1]), 1, 1)": (
        lambda x, y: softplus(-x),
        lambda x, y: -logistic(-x),
        lambda x, y: logistic(x) * logistic(-x),
    ),
    "multilabel_soft_margin_loss(x, y)": LOGIT_LOSSES["binary_cross_entropy_with_logits(x, y)"],
    "multi_margin_loss(stack([0 * x, x], 1), y.astype(int64))": (
        lambda x, y: max(0, 1 + (1 - 2 * mp.floor(y)) * x) / 2,
        lambda x, y: (1 + (1 - 2 * mp.floor(y)) * x > 0) * (1 - 2 * mp.floor(y)) / 2,
        lambda x, y: 0,
    ),
    "multilabel_margin_loss(stack([0 * x, x], 1), stack([y.astype(int64), Tensor([-1])], 1))": (
        lambda x, y: max(0, 1 + (1 - 2 * mp.floor(y)) * x) / 2,
        lambda x, y: (1 + (1 - 2 * mp.floor(y)) * x > 0) * (1 - 2 * mp.floor(y)) / 2,
        lambda x, y: 0,
    ),
    "smooth_l1_loss(x, y, 0.5)": (
        lambda x, y: (x - y) ** 2 if abs(x - y) < 0.5 else abs(x - y) - mp.mpf(0.25),
        lambda x, y: 2 * (x - y) if abs(x - y) < 0.5 else mp.sign(x - y),
        lambda x, y: 2 if abs(x - y) < 0.5 else 0,
    ),
    "huber_loss(x, y, delta=10.0)": (
        lambda x, y: (x - y) ** 2 / 2 if abs(x - y) < 10 else 10 * abs(x - y) - 50,
        lambda x, y: x - y if abs(x - y) < 10 else 10 * mp.sign(x - y),
        lambda x, y: 1 if abs(x - y) < 10 else 0,
    ),
    "soft_margin_loss(x, y)": (
        lambda x, y: softplus(-x * y),
        lambda x, y: -y * logistic(-x * y),
        lambda x, y: y**2 * logistic(-x * y) * logistic(x * y),
    ),
    "kl_div(x, y)": (lambda x, y: y * (mp.log(y) - x) if y else 0, lambda x, y: -y, lambda x, y: 0),
    "poisson_nll_loss(x, y)": (
        lambda x, y: mp.exp(x) - y * x,
        lambda x, y: mp.exp(x) - y,
        lambda x, y: mp.exp(x),
    ),
    "gaussian_nll_loss(x, y, 0 * x + 2)": (
        lambda x, y: mp.log(2) / 2 + (x - y) ** 2 / 4,
        lambda x, y: (x - y) / 2,
        lambda x, y: 0.5,
    ),
    "margin_ranking_loss(x, 0 * x, y, 0.25)": (
        lambda x, y: max(0, 0.25 - x * y),
        lambda x, y: -y * (0.25 > x * y),
        lambda x, y: 0,
    ),
    "hinge_embedding_loss(x, where(y == 0, -1, y))": (
        lambda x, y: x if y == 1 else (y == 0) * max(0, 1 - x),
        lambda x, y: 1 if y == 1 else -(y == 0) * (x < 1),
        lambda x, y: 0,
    ),
    f"cosine_embedding_loss({_PULL}, y)": (
        lambda x, y: (y == 1) * (1 - 1 / mp.sqrt(1 + x * x)),
        lambda x, y: (y == 1) * x / mp.sqrt(1 + x * x) ** 3,
        lambda x, y: (y == 1) * (1 - 2 * x * x) / mp.sqrt(1 + x * x) ** 5,
    ),
    "triplet_margin_loss(stack([x], 1), stack([0 * x], 1), stack([y], 1), eps=0.0)": (
        lambda x, y: 1 + abs(x) - abs(x - y),
        lambda x, y: (1 + abs(x) > abs(x - y)) * (mp.sign(x) - mp.sign(x - y)),
        lambda x, y: mp.nan if x in (0, y) else 0,  # the kink of a distance
    ),
    "triplet_margin_with_distance_loss(x, 0 * x, y, distance_function=lambda a, b: abs(a - b))": (
        lambda x, y: 1 + abs(x) - abs(x - y),
        lambda x, y: (1 + abs(x) > abs(x - y)) * (mp.sign(x) - mp.sign(x - y)),
        lambda x, y: 0,
    ),
}
LOSSES = {name for name in ops.__all__ if "loss" in name or "cross_entropy" in name or name == "kl_div"}


def softplus(x):
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def logistic(x):
    return 1 / (1 + mp.exp(-x))


def test_every_loss_has_edges():
    assert LOSSES == {expression.partition("(")[0] for expression in LOGIT_LOSSES}


def loss_of(expression):
    names = {**vars(ops), "Tensor": Tensor, "int64": adcore.int64}
    code = compile(expression[:-1] + ", reduction='sum')", expression, "eval")
    return lambda x, y: eval(code, {**names, "x": x, "y": y})


@pytest.mark.parametrize("logit", [0.0, 5.0, -20.0, 39.0, -39.0, -45.0, 60.0, -80.0, 80.0])
@pytest.mark.parametrize("label", [0.0, 1.0, 0.25])
@pytest.mark.parametrize("expression", LOGIT_LOSSES)
def test_losses_at_far_logits(expression, label, logit):
    """Value and slope in full relative precision; what a chain by way of the probability loses is told."""
    f, (x, y) = loss_of(expression), (Tensor([logit], adcore.float64), Tensor([label], adcore.float64))
    with mp.workprec(200):
        right = [float(exact(mp.mpf(logit), mp.mpf(label))) for exact in LOGIT_LOSSES[expression]]
    value, slope, curvature = right

    def of_x(x):
        return f(x, y)

    kwargs = {"rtol": 2e-14}
    if "sigmoid" in expression:
        if logit > 36:  # where the probability is 1, no more is known of the tail
            assert (0 <= array_of(adcore.grad(of_x)(x)) < 2).all() or label == 1
            return
        kwargs = {"rtol": 1e-12, "atol": 1e-13}  # 1 - p, rounded, and the second derivative as a difference
    elif "stack" in expression:
        kwargs["atol"] = 1e-15 * max(1, abs(logit))  # a difference of logarithms
    np.testing.assert_allclose(array_of(f(x, y)), value, **kwargs)
    one = Tensor([1.0], adcore.float64)
    for got in (adcore.grad(of_x)(x), adcore.jvp(of_x, x, one)[1]):
        np.testing.assert_allclose(array_of(got).reshape(()), slope, **kwargs)
    for got in (adcore.grad(adcore.grad(of_x))(x), adcore.jvp(adcore.grad(of_x), x, one)[1]):
        np.testing.assert_allclose(array_of(got).reshape(()), curvature, **kwargs)


@pytest.mark.parametrize("dtype", [adcore.float16, adcore.bfloat16, adcore.float32, adcore.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("point", LOGIT_EDGES, ids=str)
def test_binary_cross_entropy_at_infinite_logits(point, reduction, dtype):
    value, slopes, curvatures = LOGIT_EDGES[point]
    args = [Tensor(v, dtype) for v in point]

    def loss(*operands, given=4):
        return ops.binary_cross_entropy_with_logits(*operands[:given], reduction=reduction)

    plain = point[2:] == (1.0, 1.0)
    for given in (2, 4) if plain else (4,):  # without weights, which has a kernel of its own
        f = lambda *operands, given=given: loss(*operands, given=given)
        assert_is(array_of(f(*args)), value, np.float64, "value")
        for k in range(given):
            if slopes[k] is not None:
                for how, got in one_slope(f, k, args).items():
                    assert_is(got, slopes[k], np.float64, f"slope in operand {k} by {how}")
            if curvatures[k] is not None:
                for how, got in one_slope(adcore.grad(f, k), k, args).items():
                    assert_is(got, curvatures[k], np.float64, f"second derivative in operand {k} by {how} of grad")


@pytest.mark.parametrize("dtype", FLOATS.values())
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 3.0]])
def test_a_class_that_is_ruled_out_costs_nothing_where_nobody_wants_it(weight, dtype):
    """A logit of -inf with probability 0: the loss and its derivatives are those of the other classes alone."""
    logits, wanted = [0.3, -0.7, -INF], [0.25, 0.75, 0.0]
    weigh = lambda n: weight and Tensor(weight[:n], dtype)
    f = lambda x, n: ops.cross_entropy(x, Tensor([wanted[:n]], dtype), weigh(n))
    whole, alone = Tensor([logits], dtype), Tensor([logits[:2]], dtype)
    value, slope = adcore.value_and_grad(f)(whole, 3)
    right_value, right_slope = adcore.value_and_grad(f)(alone, 2)
    np.testing.assert_allclose(array_of(value), array_of(right_value), rtol=1e-6)
    np.testing.assert_allclose(array_of(slope)[0], [*array_of(right_slope)[0], 0.0], rtol=1e-6)
    pushed = adcore.jvp(lambda x: f(x, 3), whole, ops.ones_like(whole))[1]
    np.testing.assert_allclose(array_of(pushed), array_of(right_slope).sum(), atol=1e-6)
    curvature = adcore.hessian(lambda x: f(x, 3))(whole)
    right_curvature = adcore.hessian(lambda x: f(x, 2))(alone)
    np.testing.assert_allclose(array_of(curvature)[0, :2, 0, :2], array_of(right_curvature)[0, :, 0], rtol=1e-5)
    assert not array_of(curvature)[0, 2].any() and not array_of(curvature)[0, :, 0, 2].any()


@pytest.mark.parametrize("target", [[1, 0], [1, -100]], ids=["weight 0", "ignored"])
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_a_row_that_does_not_count_may_hold_anything(target, smoothing):
    """Its loss is 0, and the derivatives are those of the other row alone."""
    weight = Tensor([0.0, 2.0])
    rows = Tensor([[0.5, -0.5], [-INF, 1.0] if target[1] == 0 else [INF, np.nan]])

    def f(rows, weight):
        n = rows.shape[0]
        return ops.cross_entropy(rows, Tensor(target[:n]), weight, reduction="sum", label_smoothing=smoothing)

    if target[1] == 0 and smoothing:  # the other class of the row counts: its logarithm is 0
        rows = Tensor([[0.5, -0.5], [-INF, 50.0]])
    for argument in (0, 1):
        got, alone = (adcore.value_and_grad(f, argument)(x, weight) for x in (rows, rows[:1]))
        np.testing.assert_allclose(array_of(got[0]), array_of(alone[0]), rtol=1e-6)
        if argument == 0:
            np.testing.assert_allclose(array_of(got[1]), [array_of(alone[1])[0], [0, 0]], rtol=1e-6, atol=1e-20)
        pushed = adcore.jvp(lambda x: f(x, weight), rows, ops.ones_like(rows))[1]
        assert np.isfinite(array_of(pushed))


@pytest.mark.parametrize("dtype", [adcore.float16, adcore.bfloat16])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("expression", [e for e in LOGIT_LOSSES if "sigmoid" not in e and "stack" not in e])
def test_losses_of_half_precision_round_once(expression, reduction, dtype):
    code = expression[:-1] + ", reduction=reduction)"
    rng = np.random.default_rng(5)
    x, y = Tensor(rng.uniform(-4, 4, 50), dtype), Tensor(rng.uniform(0, 1, 50), dtype)
    names = {**vars(ops), "Tensor": Tensor, "reduction": reduction}
    f = lambda x, y: eval(code, {**names, "x": x, "y": y})
    wide = [t.astype(adcore.float64) for t in (x, y)]
    assert rounding(f(x, y), f(*wide), dtype) <= 0.51
    for got, exact in zip(adcore.grad(f, (0, 1))(x, y), adcore.grad(f, (0, 1))(*wide), strict=True):
        assert rounding(got, exact, dtype) <= 0.51


@pytest.mark.parametrize("dtype", [adcore.float16, adcore.bfloat16])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.3}, {"reduction": "none"}, {"weight": True}])
@pytest.mark.parametrize("indices", [True, False])
def test_cross_entropy_of_half_precision_rounds_once(indices, options, dtype):
    rng = np.random.default_rng(6)
    x = Tensor(rng.uniform(-4, 4, (9, 5)), dtype)
    weight = Tensor(rng.uniform(0.2, 2, 5), dtype) if "weight" in options else None
    target = Tensor(rng.integers(0, 5, 9)) if indices else Tensor(rng.dirichlet(np.ones(5), 9), dtype)
    widened = lambda t: t.astype(adcore.float64) if t is not None and t.dtype == dtype else t
    options = {name: value for name, value in options.items() if name != "weight"}
    f = lambda x, target, weight: ops.cross_entropy(x, target, weight, **options)
    wide = [widened(t) for t in (x, target, weight)]
    assert rounding(f(x, target, weight), f(*wide), dtype) <= 0.51
    got, exact = (adcore.grad(f)(*args) for args in ((x, target, weight), wide))
    assert rounding(got, exact, dtype) <= 0.51


@pytest.mark.parametrize("dtype", FLOATS.values())
def test_binary_cross_entropy_at_its_ends(dtype):
    """The logarithms are cut off at -100, as PyTorch's are; what is not taken leaves nothing behind."""
    gap = 2.0**-25 if dtype == adcore.float32 else 2.0**-54
    p, y = Tensor([1.0, 0.0, 0.0, 1.0], dtype), Tensor([1.0, 0.0, 1.0, 0.0], dtype)
    f = lambda p: ops.binary_cross_entropy(p, y, reduction="sum")
    np.testing.assert_array_equal(array_of(ops.binary_cross_entropy(p, y, reduction="none")), [0, 0, 100, 100])
    np.testing.assert_allclose(array_of(adcore.grad(f)(p)), [-1, 1, -(2.0**126), 1 / gap], rtol=1e-6)
    assert np.isfinite(
        array_of(adcore.grad(lambda z: f(ops.sigmoid(z)))(Tensor([800.0, -800.0, -800.0, 800.0], dtype)))
    ).all()
