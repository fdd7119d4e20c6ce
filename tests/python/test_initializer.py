"""initializer: names, shapes, dtypes, and the distributions against their formulas."""

import math

import numpy as np
import pytest
from scipy import stats

import adcore
from adcore import nn
from adcore.common import initializer as module
from adcore.common.initializer import (
    Constant,
    Dirac,
    HeNormal,
    HeUniform,
    Identity,
    Initializer,
    Normal,
    One,
    Orthogonal,
    Sparse,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    XavierNormal,
    XavierUniform,
    Zero,
    initializer,
)
from helpers import check, f16, f32, f64, i64, t32

SHAPE = (60, 50, 2)  # fan_in 100, fan_out 120


def sample(init, shape=SHAPE, dtype=adcore.float32):
    return initializer(init, shape, dtype).asnumpy().ravel().astype(np.float64)


def test_constants():
    check(initializer("zeros", (2, 3)), f32(np.zeros((2, 3))))
    check(initializer("ONES", [2], adcore.float64), f64([1.0, 1.0]))
    check(initializer(Zero(), 2), f32([0.0, 0.0]))
    check(initializer(One(), (), adcore.float16), f16(1.0))
    check(initializer(2.5, (2,)), f32([2.5, 2.5]))
    check(initializer(2**53 + 1, (1,), adcore.int64), i64([2**53 + 1]))
    check(initializer(Constant(3), (2,), adcore.float64), f64([3.0, 3.0]))
    check(initializer(Constant(np.array([1.0, 2.0])), (2, 2)), f32([[1.0, 2.0], [1.0, 2.0]]))


def test_a_tensor_is_returned_as_it_is():
    x = t32(1.0, 2.0)
    assert initializer(x, (2,)) is x and initializer(x) is x
    with pytest.raises(ValueError, match=r"the Tensor has shape \(2,\), but shape is \(3,\)"):
        initializer(x, [3])


@pytest.mark.parametrize("init", [None, One, [1.0], b"ones"])
def test_what_is_no_initial_value(init):
    with pytest.raises(TypeError, match="init must be a Tensor, a name, an Initializer or a number"):
        initializer(init, (2,))


def test_unknown_names():
    for name in ("xx", "", "constant"):
        with pytest.raises(ValueError, match=f"unknown name '{name}'.*xavier_uniform"):
            initializer(name, (2,))
    with pytest.raises(ValueError, match="'sparse' needs a sparsity"):
        initializer("sparse", (2, 2))
    with pytest.raises(ValueError, match="unknown name 'xx'"):
        nn.Dense(3, 2, weight_init="xx")


@pytest.mark.parametrize("shape", [(0,), (-1,), (2, 2.5), (True,), "2", (None,)])
def test_sizes_must_be_positive_ints(shape):
    with pytest.raises(ValueError, match="every size must be a positive int"):
        initializer("ones", shape)


def test_a_shape_is_needed():
    with pytest.raises(ValueError, match="shape is missing"):
        initializer("ones")


@pytest.mark.parametrize(
    "name, cls",
    [
        ("zeros", Zero),
        ("zero", Zero),
        ("ones", One),
        ("one", One),
        ("uniform", Uniform),
        ("normal", Normal),
        ("truncatedNormal", TruncatedNormal),
        ("he_uniform", HeUniform),
        ("HeUniform", HeUniform),
        ("he_normal", HeNormal),
        ("henormal", HeNormal),
        ("xavier_uniform", XavierUniform),
        ("xavieruniform", XavierUniform),
        ("xavier_normal", XavierNormal),
        ("identity", Identity),
        ("orthogonal", Orthogonal),
        ("varianceScaling", VarianceScaling),
    ],
)
def test_a_name_means_its_class(name, cls):
    adcore.set_seed(3)
    by_name = initializer(name, (6, 4)).asnumpy()
    adcore.set_seed(3)
    np.testing.assert_array_equal(by_name, initializer(cls(), (6, 4)).asnumpy())


def test_every_public_class_is_listed():
    classes = {n for n, v in vars(module).items() if isinstance(v, type) and issubclass(v, Initializer) and n[0] != "_"}
    assert classes == set(module.__all__) - {"initializer"}


@pytest.mark.parametrize(
    "init, bound",
    [
        (Uniform(), 0.07),
        (Uniform(2.0), 2.0),
        (HeUniform(), math.sqrt(6 / 100)),
        (HeUniform(math.sqrt(5)), 1 / math.sqrt(100)),
        (HeUniform(mode="fan_out", nonlinearity="relu"), math.sqrt(6 / 120)),
        (HeUniform(nonlinearity="sigmoid"), math.sqrt(3 / 100)),
        (HeUniform(nonlinearity="tanh"), 5 / 3 * math.sqrt(3 / 100)),
        (HeUniform(nonlinearity="conv2d"), math.sqrt(3 / 100)),
        (XavierUniform(), math.sqrt(6 / 220)),
        (XavierUniform(gain=2), 2 * math.sqrt(6 / 220)),
        (VarianceScaling(distribution="uniform"), math.sqrt(3 / 100)),
    ],
)
@pytest.mark.parametrize("dtype", [adcore.float32, adcore.float64])
def test_uniform_distributions(init, bound, dtype):
    adcore.set_seed(1)
    x = sample(init, dtype=dtype)
    assert x.min() >= -bound * (1 + 1e-6) and x.max() <= bound * (1 + 1e-6)
    assert stats.kstest(x, stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-4


@pytest.mark.parametrize(
    "init, mean, sigma",
    [
        (Normal(), 0.0, 0.01),
        (Normal(2.0, 5.0), 5.0, 2.0),
        (HeNormal(), 0.0, math.sqrt(2 / 100)),
        (HeNormal(1.0, "fan_out"), 0.0, math.sqrt(1 / 120)),
        (XavierNormal(), 0.0, math.sqrt(2 / 220)),
        (VarianceScaling(3.0, "fan_avg", "untruncated_normal"), 0.0, math.sqrt(3 / 110)),
    ],
)
@pytest.mark.parametrize("dtype", [adcore.float32, adcore.float64])
def test_normal_distributions(init, mean, sigma, dtype):
    adcore.set_seed(2)
    x = sample(init, dtype=dtype)
    assert stats.kstest(x, stats.norm(mean, sigma).cdf).pvalue > 1e-4


@pytest.mark.parametrize(
    "sigma, mean, a, b",
    [
        (0.01, 0.0, -2.0, 2.0),
        (2.0, 1.0, -2.0, 2.0),
        (1.0, 0.0, 6.0, 7.0),
        (1.0, 0.0, -50.0, -9.0),
        (1.0, 0.0, 0.1, 0.2),
    ],
)
def test_the_truncated_normal_in_its_bulk_and_in_its_tails(sigma, mean, a, b):
    adcore.set_seed(4)
    x = sample(TruncatedNormal(sigma, mean, a, b), dtype=adcore.float64)
    assert a <= x.min() and x.max() <= b
    expected = stats.truncnorm((a - mean) / sigma, (b - mean) / sigma, mean, sigma)
    assert stats.kstest(x, expected.cdf).pvalue > 1e-4


def test_variance_scaling_has_the_variance_that_it_says():
    adcore.set_seed(5)
    x = sample(VarianceScaling(2.0), shape=(400, 300))
    sigma = math.sqrt(2 / 300) / stats.truncnorm(-2, 2).std()
    assert stats.kstest(x, stats.truncnorm(-2, 2, 0, sigma).cdf).pvalue > 1e-4
    assert abs(x.var() / (2 / 300) - 1) < 0.02


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 2, 3), (3, 3)])
def test_orthogonal_rows_or_columns(shape):
    w = 0.5 * initializer(Orthogonal(gain=2.0), shape, adcore.float64).asnumpy().reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-12)


def test_identity_dirac_and_sparse():
    np.testing.assert_array_equal(initializer(Identity(), (2, 3)).asnumpy(), np.eye(2, 3))
    w = initializer(Dirac(groups=2), (4, 3, 3, 5)).asnumpy()
    expected = np.zeros((4, 3, 3, 5))
    expected[[0, 1, 2, 3], [0, 1, 0, 1], 1, 2] = 1
    np.testing.assert_array_equal(w, expected)
    adcore.set_seed(6)
    w = initializer(Sparse(0.25, sigma=1.0), (10, 7)).asnumpy()
    np.testing.assert_array_equal((w == 0).sum(axis=0), np.full(7, 3))


def test_a_distribution_refuses_shapes_and_options_that_it_cannot_serve():
    for init in (XavierUniform(), XavierNormal(), HeUniform(), HeNormal(), VarianceScaling(), Orthogonal()):
        with pytest.raises(ValueError, match=rf"{type(init).__name__}: the shape must have two dimensions or more"):
            initializer(init, (3,))
    for init, shape in ((Identity(), (3,)), (Dirac(), (3, 3)), (Dirac(2), (3, 3, 3)), (Sparse(0.5), (3,))):
        with pytest.raises(ValueError, match="the shape must have"):
            initializer(init, shape)
    for make in (
        lambda: Normal(-1.0),
        lambda: TruncatedNormal(0.0),
        lambda: TruncatedNormal(a=1.0, b=1.0),
        lambda: HeUniform(mode="fan"),
        lambda: HeNormal(nonlinearity="xx"),
        lambda: HeUniform("x"),
        lambda: VarianceScaling(0.0),
        lambda: VarianceScaling(mode="fan"),
        lambda: VarianceScaling(distribution="xx"),
        lambda: Sparse(1.5),
        lambda: Sparse(0.5, sigma=-1.0),
    ):
        with pytest.raises(ValueError):
            make()


def test_half_precision_and_the_seed():
    adcore.set_seed(7)
    x = initializer("normal", (50,), adcore.float16)
    assert x.dtype == adcore.float16 and x.asnumpy().std() > 0
    adcore.set_seed(7)
    np.testing.assert_array_equal(initializer("normal", (50,), adcore.float16).asnumpy(), x.asnumpy())
    assert (initializer("normal", (50,), adcore.float16).asnumpy() != x.asnumpy()).any()


def test_an_own_distribution_fills_an_array():
    class Ramp(Initializer):
        def _initialize(self, arr):
            arr[...] = np.arange(arr.size).reshape(arr.shape)

    check(initializer(Ramp(), (2, 2), adcore.float64), f64([[0.0, 1.0], [2.0, 3.0]]))
    check(nn.Dense(2, 1, weight_init=Ramp()).weight.value(), f32([[0.0, 1.0]]))
    with pytest.raises(NotImplementedError, match=r"_initialize\(self, arr\) is not defined"):
        initializer(Initializer(), (2,))


def test_a_distribution_fills_an_array_in_place():
    arr = np.zeros((4, 4), np.float32)
    XavierUniform()(arr)
    assert arr.any() and abs(arr).max() <= math.sqrt(6 / 8)
    assert repr(XavierUniform(gain=2)) == "XavierUniform(gain=2)"
