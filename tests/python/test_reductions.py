"""Reductions and scans: right values at the edges, in half precision and over no axes, in every mode.

The oracle is NumPy in float64 or a closed form; the values themselves are compared in test_ops_values.py.
"""

import math

import numpy as np
import pytest

import adcore
from adcore import Tensor, grad, jvp, ops, vmap
from helpers import array_of


def t64(values):
    return Tensor(np.asarray(values, np.float64))


def numbers(value):
    return np.asarray(value.asnumpy(), np.float64)


def directional(function, x, direction):
    """The derivative along a direction, by forward mode."""
    return float(jvp(function, x, Tensor(np.asarray(direction, x.asnumpy().dtype)))[1])


def assert_derivative(function, x, want, rtol=1e-12):
    """Reverse mode, and forward mode along every axis."""
    want = np.asarray(want, np.float64)
    np.testing.assert_allclose(numbers(grad(function)(x)), want, rtol)
    forward = np.zeros(want.shape)
    for at in np.ndindex(*want.shape):
        direction = np.zeros(want.shape)
        direction[at] = 1
        forward[at] = directional(function, x, direction)
    np.testing.assert_allclose(forward, want, rtol)


# ---- no axes are not all ---------------------------------------------------------------------------------------------

REDUCTIONS = ("sum", "mean", "prod", "amax", "amin", "logsumexp", "norm")


@pytest.mark.parametrize("name", REDUCTIONS)
def test_the_members_of_a_batch_are_reduced_over_no_axis(name):
    """A number without axes is its own reduction: its derivative is 1, in a batch and in a batch of batches."""
    function = getattr(ops, name)
    x = t64([1.0, 2.0, 4.0])
    assert_derivative(lambda v: vmap(function)(v).sum(), x, np.ones(3))
    twice = t64([[1.0, 2.0], [4.0, 3.0]])
    assert_derivative(lambda v: vmap(vmap(function))(v).sum(), twice, np.ones((2, 2)))
    np.testing.assert_array_equal(numbers(vmap(grad(function))(x)), np.ones(3))
    np.testing.assert_array_equal(numbers(vmap(function)(x)), [1, 2, 4])


@pytest.mark.parametrize("name", ["var", "std"])
def test_a_number_of_a_batch_has_no_variance(name):
    function = getattr(ops, name)
    assert_derivative(lambda v: vmap(function)(v).sum(), t64([1.0, 2.0]), np.zeros(2))


@pytest.mark.parametrize("name", ["any", "all"])
def test_truth_of_the_members_of_a_batch(name):
    np.testing.assert_array_equal(vmap(getattr(ops, name))(Tensor([True, False])).asnumpy(), [True, False])
    rows = Tensor([[True, False], [False, False], [True, True]])
    want = getattr(np, name)(rows.asnumpy(), 1)
    np.testing.assert_array_equal(vmap(getattr(ops, name))(rows).asnumpy(), want)


@pytest.mark.parametrize("name", ["max", "min"])
def test_extrema_with_their_places_in_a_batch(name):
    x = t64([1.0, 2.0, 4.0])
    assert_derivative(lambda v: vmap(lambda u: getattr(u, name)())(v).sum(), x, np.ones(3))
    assert_derivative(lambda v: vmap(lambda u: getattr(ops, name)(u, 0)[0])(v).sum(), x, np.ones(3))


# ---- numbers along an axis: as MindSpore, the value ------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("name", ["sum", "mean", "prod", "amax", "amin", "logsumexp", "norm"])
def test_a_number_reduced_along_an_axis_is_itself(name, axis):
    x = t64(-2.5)
    keyword = "dim" if name == "norm" else "axis"
    want = 2.5 if name == "norm" else -2.5
    function = getattr(ops, name)
    assert float(function(x, **{keyword: axis})) == want
    assert float(grad(lambda v: function(v, **{keyword: axis}))(x)) == math.copysign(1, want / -2.5)
    with pytest.raises(ValueError, match="out of range"):
        function(x, **{keyword: 1})


@pytest.mark.parametrize("axis", [0, -1])
def test_places_and_pairs_of_a_number_along_an_axis(axis):
    x = t64(3.0)
    assert int(ops.argmax(x, axis)) == 0 and int(ops.argmin(x, axis)) == 0
    for name in ("max", "min"):
        value, place = getattr(x, name)(axis)
        assert (float(value), int(place)) == (3.0, 0)
        assert float(getattr(x, name)(axis=axis)) == 3.0
    assert float(ops.var(x, axis)) == 0 and float(ops.std(x, axis)) == 0
    assert bool(ops.any(x, axis)) and bool(ops.all(x, axis))
    with pytest.raises(ValueError, match="twice"):
        ops.sum(x, (0, -1))


# ---- dtypes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool_", "int8", "uint8", "int32", "int64", "float16", "float64"])
@pytest.mark.parametrize("name", ["sum", "prod", "cumsum"])
def test_a_dtype_that_is_asked_for_comes_out(name, dtype):
    """As NumPy: the elements are converted first, integers wrap, bool adds as `or` and multiplies as `and`."""
    values = np.array([3, 0, 100, 100, 7], np.int32)
    for x in (values, values[[0, 2, 3, 4]]):
        with np.errstate(over="ignore"):
            want = getattr(np, name)(x, axis=0, dtype=getattr(np, dtype))
        got = getattr(ops, name)(Tensor(x), 0, dtype=getattr(adcore, dtype))
        assert got.asnumpy().dtype == getattr(np, dtype)
        np.testing.assert_array_equal(got.asnumpy(), want)


def test_sums_of_bool_count_and_those_of_uint64_stay_unsigned():
    truth = Tensor([True, True, False, True])
    np.testing.assert_array_equal(ops.cumsum(truth, 0).asnumpy(), [1, 2, 2, 3])
    assert int(ops.sum(truth)) == 3 and int(ops.prod(truth)) == 0
    large = np.array([2**63, 2**62], np.uint64)
    for got, want in ((ops.sum(Tensor(large)), large.sum()), (ops.cumsum(Tensor(large), 0), large.cumsum())):
        assert got.asnumpy().dtype == np.uint64
        np.testing.assert_array_equal(got.asnumpy(), want)


# ---- half precision computes wide, and rounds once -------------------------------------------------------------------

HALVES = (adcore.float16, adcore.bfloat16)
UNIT = {adcore.float16: 2.0**-11, adcore.bfloat16: 2.0**-8}


def test_the_gradient_of_a_mean_of_many_half_precision_elements():
    x = Tensor(np.ones(65536, np.float16))
    np.testing.assert_array_equal(numbers(grad(ops.mean)(x)), np.full(65536, 2.0**-16))
    rows = Tensor(np.ones((2, 70000), np.float16))
    got = numbers(grad(lambda v: ops.mean(v, 1) * 1000)(rows))
    np.testing.assert_allclose(got, 1000 / 70000, 2**-11)


@pytest.mark.parametrize("name", ["amax", "amin"])
def test_ties_beyond_the_range_of_half_precision_are_counted(name):
    x = Tensor(np.ones(66000, np.float16))
    for function in (getattr(ops, name), lambda v: getattr(v, name[1:])(), lambda v: getattr(ops, name[1:])(v, 0)[0]):
        assert abs(numbers(grad(function)(x)).sum() - 1) < 0.02
        assert directional(function, x, np.ones(66000)) == 1


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("name", ["var", "std", "norm", "mean", "prod", "logsumexp"])
def test_half_precision_rounds_once(name, dtype):
    rng = np.random.default_rng(3)
    function = getattr(ops, name)
    for size in (3, 17, 300):
        x = Tensor(rng.uniform(0.9, 1.1, size)).astype(dtype)
        exact = x.astype(adcore.float64)
        # One rounding of the value; the float32 computation is within a few thousandths of a unit of half precision.
        np.testing.assert_allclose(
            numbers(function(x).astype(adcore.float64)), numbers(function(exact)), 1.01 * UNIT[dtype]
        )
        got = numbers(grad(lambda v: function(v))(x).astype(adcore.float64))
        np.testing.assert_allclose(got, numbers(grad(function)(exact)), 1.1 * UNIT[dtype], 1e-7)


def test_squares_beyond_the_range_of_half_precision():
    x = Tensor(np.array([300.0, 400.0], np.float16))
    assert float(ops.norm(x)) == 500
    np.testing.assert_allclose(numbers(grad(ops.norm)(x)), [0.6, 0.8], 2**-11)
    assert float(ops.std(x)) == 50 and float(ops.var(x)) == 2500
    np.testing.assert_array_equal(numbers(grad(ops.std)(x)), [-0.5, 0.5])


# ---- subgradients ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [None, 1, 2, 3, 1.5, math.inf])
def test_the_norm_of_zero_has_a_finite_subgradient(p):
    zero = t64([0.0, 0.0, 0.0])
    dual = {None: 2, 1: math.inf, 2: 2, 3: 1.5, 1.5: 3, math.inf: 1}[p]
    g = numbers(grad(lambda x: ops.norm(x, p))(zero))
    assert np.isfinite(g).all() and np.linalg.norm(g, dual) <= 1 + 1e-12
    assert math.isfinite(directional(lambda x: ops.norm(x, p), zero, [1.0, 0.0, 0.0]))


def test_smooth_functions_of_a_norm_at_zero():
    zero = t64([0.0, 0.0])
    assert_derivative(lambda x: ops.norm(x) ** 2, zero, [0, 0])
    assert_derivative(lambda x: ops.exp(-(ops.norm(x) ** 2)), zero, [0, 0])
    curvature = numbers(adcore.hessian(lambda x: ops.norm(x) ** 2)(zero))  # 2 I, which the chain rule cannot know
    assert np.isnan(curvature).any() or np.allclose(curvature, 2 * np.eye(2))


def test_a_kernel_of_equal_points():
    points = np.array([[0.0, 0.0], [1.0, 0.5], [1.0, 0.5]])

    def kernel(x):
        return ops.exp(-0.5 * ops.norm(x[:, None] - x[None], dim=-1) ** 2).sum()

    difference = points[:, None] - points[None]
    weight = np.exp(-0.5 * (difference**2).sum(-1))
    assert_derivative(kernel, t64(points), -2 * (weight[..., None] * difference).sum(1), 1e-10)


def test_rows_with_a_zero_beside_rows_without():
    x = t64([[3.0, 4.0], [0.0, 0.0], [0.0, -2.0]])
    assert_derivative(lambda v: ops.norm(v, dim=1).sum(), x, [[0.6, 0.8], [0, 0], [0, -1]])
    assert_derivative(lambda v: ops.norm(v, 3, 1).sum(), x, [[9 / 91 ** (2 / 3), 16 / 91 ** (2 / 3)], [0, 0], [0, -1]])


@pytest.mark.parametrize("ddof", [0, 1])
def test_the_deviation_of_equal_values_has_subgradient_zero(ddof):
    x = t64([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]])
    want = np.array([[0, 0, 0], [-1, 0, 1]]) / ((3 - ddof) * np.std([0, 1, 2], ddof=ddof))
    assert_derivative(lambda v: ops.std(v, 1, ddof).sum(), x, want)
    assert_derivative(lambda v: ops.var(v, 1, ddof).sum(), x, np.array([[0, 0, 0], [-2, 0, 2]]) / (3 - ddof))


def test_logsumexp_of_nothing_but_minus_infinity_beside_a_live_path():
    inf = math.inf
    x = t64([[-inf, -inf], [0.0, math.log(3)], [-inf, 1.0]])
    want = np.array([[0, 0], [0.25, 0.75], [0, 1]])
    assert_derivative(lambda v: ops.where(t64([0.0, 1.0, 1.0]) > 0, ops.logsumexp(v, 1), 0.0).sum(), x, want)
    np.testing.assert_allclose(numbers(grad(lambda v: ops.logsumexp(v, 1))(x)), want)
    second = numbers(adcore.hessian(lambda v: ops.logsumexp(v, 1)[:2].sum())(x[:2]))
    assert np.isfinite(second).all()
    np.testing.assert_allclose(second[1, :, 1, :], [[3 / 16, -3 / 16], [-3 / 16, 3 / 16]], 1e-12)


def test_logsumexp_of_large_numbers_has_the_gradient_of_softmax():
    f32 = Tensor(np.array([1e8, 1e8], np.float32))
    np.testing.assert_array_equal(numbers(grad(lambda x: ops.logsumexp(x, 0))(f32)), [0.5, 0.5])
    thousand = np.array([1000.0, 1000.5, 1001.25], np.float32)
    exact = np.exp(thousand.astype(np.float64) - 1000)
    np.testing.assert_allclose(
        numbers(grad(lambda x: ops.logsumexp(x, 0))(Tensor(thousand))), exact / exact.sum(), 5e-7
    )
    np.testing.assert_array_equal(numbers(jvp(lambda x: ops.logsumexp(x, 0), f32, Tensor([1.0, 0.0]))[1]), 0.5)


def test_axes_apart_from_one_another():
    """What an element gets is the same whichever way the elements lie."""
    x = np.random.default_rng(5).normal(size=(3, 2, 4))
    for name in ("std", "var", "amax", "logsumexp", "norm"):
        function = getattr(ops, name)
        key = "dim" if name == "norm" else "axis"
        apart = numbers(grad(lambda v, f=function, k=key: (f(v, **{k: (0, 2)}) * t64([1.0, 3.0])).sum())(t64(x)))
        side = np.moveaxis(x, 1, 0)
        together = numbers(
            grad(lambda v, f=function, k=key: (f(v, **{k: (1, 2)}) * t64([1.0, 3.0])).sum())(t64(side.copy()))
        )
        np.testing.assert_allclose(np.moveaxis(apart, 1, 0), together, 1e-13)


# ---- long sums -------------------------------------------------------------------------------------------------------


def test_a_million_tenths():
    x = np.full(1_000_000, 0.1, np.float32)
    exact = np.cumsum(x.astype(np.float64))
    np.testing.assert_allclose(numbers(ops.cumsum(Tensor(x), 0)), exact, 2**-23)
    np.testing.assert_allclose(float(ops.sum(Tensor(x))), exact[-1], 2**-20)
    columns = Tensor(np.stack([x, x], 1))
    np.testing.assert_allclose(numbers(ops.cumsum(columns, 0))[-1], exact[-1], 2**-23)


@pytest.mark.parametrize("p", [2, 3])
def test_a_norm_has_a_hessian_where_an_element_alone_is_zero(p):
    x = np.array([3.0, 0.0, -4.0])
    size, ratio = (np.abs(x) ** p).sum() ** (1 / p), lambda x, n: np.sign(x) * (np.abs(x) / n) ** (p - 1)
    exact = (p - 1) / size * (np.diag((np.abs(x) / size) ** (p - 2)) - np.outer(ratio(x, size), ratio(x, size)))
    f = lambda x: ops.norm(x, p, 0)
    for hessian in (adcore.jacrev(adcore.grad(f)), adcore.jacfwd(adcore.grad(f)), adcore.jacfwd(adcore.jacfwd(f))):
        np.testing.assert_allclose(array_of(hessian(Tensor(x))), exact, rtol=1e-14, atol=1e-15)


# ---- scans -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zeros", [(), (0,), (4,), (2,), (2, 3), (0, 5)])
def test_running_products_of_zeros_have_derivatives_of_every_order(zeros):
    """In closed form: the derivative of a product by some of its factors is the product of the others."""
    x = np.array([1.5, -2.0, 0.5, 3.0, -1.0, 2.0])
    x[list(zeros)] = 0.0
    jacobian = np.array([[0.0 if k > i else np.prod(np.delete(x[: i + 1], k)) for k in range(6)] for i in range(6)])
    f = lambda x: ops.cumprod(x, 0)
    for derivative in (adcore.jacrev(f), adcore.jacfwd(f)):
        np.testing.assert_allclose(numbers(derivative(t64(x))), jacobian, 1e-14)
    second = np.array(
        [
            [
                [0.0 if j == k or max(j, k) > i else np.prod(np.delete(x[: i + 1], [j, k])) for k in range(6)]
                for j in range(6)
            ]
            for i in range(6)
        ]
    )
    for derivative in (
        adcore.jacrev(adcore.jacrev(f)),
        adcore.jacfwd(adcore.jacrev(f)),
        adcore.jacrev(adcore.jacfwd(f)),
        adcore.jacfwd(adcore.jacfwd(f)),
    ):
        np.testing.assert_allclose(numbers(derivative(t64(x))), second, 1e-14)


def test_running_exponentials_of_infinities():
    inf = np.inf
    f = lambda x: ops.logcumsumexp(x, 0)
    np.testing.assert_array_equal(numbers(f(t64([-inf, -inf, 0.0, inf, 1.0]))), [-inf, -inf, 0.0, inf, inf])
    np.testing.assert_array_equal(numbers(f(t64([0.0, np.nan, 1.0]))), [0.0, np.nan, np.nan])
    np.testing.assert_array_equal(numbers(grad(f)(t64([-inf, -inf, -inf]))), [0.0, 0.0, 0.0])
    later = 1 / (1 + np.exp(-1.0))
    np.testing.assert_allclose(numbers(grad(f)(t64([-inf, 2.0, 1.0]))), [0.0, 1 + later, 1 - later], 1e-14)
    np.testing.assert_array_equal(numbers(grad(f)(t64([-1000.0, 1000.0, -1000.0]))), [1.0, 2.0, 0.0])
    hessian = numbers(adcore.hessian(lambda x: f(x)[2])(t64([-inf, 2.0, 1.0])))
    np.testing.assert_allclose(hessian[1:, 1:], later * (1 - later) * np.array([[1, -1], [-1, 1]]), 1e-14)
    np.testing.assert_array_equal(hessian[0], 0.0)


def test_scans_have_the_same_bits_along_rows_and_columns_alone_and_together():
    rows = np.random.default_rng(3).standard_normal((37, 300)).astype(np.float32)
    for scan in (ops.cumsum, ops.cumprod, ops.logcumsumexp):
        together = scan(Tensor(rows), 1).asnumpy()
        np.testing.assert_array_equal(scan(Tensor(rows.T.copy()), 0).asnumpy().T, together)
        for k in (0, 36):
            np.testing.assert_array_equal(scan(Tensor(rows[k]), 0).asnumpy(), together[k])
        f = lambda x, axis, scan=scan: (scan(x, axis) ** 2).sum()
        slopes = grad(lambda x, f=f: f(x, 1))(Tensor(rows)).asnumpy()
        np.testing.assert_array_equal(grad(lambda x, f=f: f(x, 0))(Tensor(rows.T.copy())).asnumpy().T, slopes)
        np.testing.assert_array_equal(grad(lambda x, f=f: f(x, 0))(Tensor(rows[36])).asnumpy(), slopes[36])


def test_a_scan_in_half_precision_differentiates_what_it_did_not_round():
    x = np.random.default_rng(4).uniform(0.5, 2.0, 9).astype(np.float16)
    for scan in (ops.cumprod, ops.logcumsumexp):
        half = numbers(grad(lambda x, scan=scan: scan(x, 0).sum())(Tensor(x)))
        exact = numbers(grad(lambda x, scan=scan: scan(x, 0).sum())(t64(x)))
        assert (np.abs(half - exact) <= 0.51 * np.spacing(np.abs(exact).astype(np.float16)).astype(np.float64)).all()
