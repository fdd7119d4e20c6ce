"""Laws of every elementwise row of the op table, with no list of names: a new row is tested by being there.

The table gives each row's arity and the interval in which it may be sampled. Values are compared with the function of
NumPy or SciPy that has the row's name, where there is one; every row's docstring example runs in test_docs.py.
"""

import numpy as np
import pytest
from scipy import special

import adcore
from adcore import Tensor, _core
from helpers import array_of, check_grads

ROWS = {row["name"]: row for row in _core.op_table()}
DIFFERENTIABLE = [name for name, row in ROWS.items() if row["differentiable"]]
INTEGER_ONLY = {name for name, row in ROWS.items() if row["types"] == 4}
STEP = 2.0**-7


def functions_of(name):
    """NumPy's or SciPy's function of the same name and number of operands."""
    function = getattr(np, name, None) or getattr(special, name, None)
    arity = ROWS[name]["arity"]
    if name == "ldexp":  # NumPy's takes integer exponents alone
        return None
    return function if isinstance(function, np.ufunc) and function.nin == arity else None


def points(name, *shapes, dtype=np.float64):
    row = ROWS[name]
    rng = np.random.default_rng(len(name))
    return [rng.uniform(row["low"], row["high"], shape).astype(dtype) for shape in shapes]


def smooth_points(name, count):
    """Points where the function has no kink within reach of a finite difference.

    There, its second differences at two steps have the ratio that a parabola has, whatever its curvature.
    """
    row, op = ROWS[name], _core.functions[name]
    rng = np.random.default_rng(99)
    arrays = points(name, *[(count,)] * row["arity"])
    reach = 4 * STEP

    def second_difference(k, step):
        ahead, here, behind = (
            array_of(op(*(Tensor(a + d * (i == k)) for i, a in enumerate(arrays)))) for d in (step, 0.0, -step)
        )
        return ahead - 2 * here + behind, here

    for _ in range(100):
        kink = np.zeros(count, bool)
        for k in range(len(arrays)):
            (wide, here), (near, _) = second_difference(k, reach), second_difference(k, reach / 2)
            kink |= np.abs(wide - 4 * near) > 0.01 * reach * (1 + np.abs(here))
        if not kink.any():
            return arrays
        arrays = [np.where(kink, rng.uniform(row["low"], row["high"], count), a) for a in arrays]
    raise AssertionError(f"{name}: no smooth points in its interval")


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivatives(name):
    check_grads(_core.functions[name], smooth_points(name, 7), order=3, step=STEP, rtol=1e-7)


@pytest.mark.parametrize("name", [n for n in ROWS if n not in DIFFERENTIABLE and n not in INTEGER_ONLY])
def test_a_constant_row_has_derivative_zero(name):
    arity = ROWS[name]["arity"]
    args = [Tensor(a) for a in points(name, *[(3, 4)] * arity)]

    def total(*args):
        return _core.functions[name](*args).astype(adcore.float64).sum()

    for gradient in adcore.grad(total, tuple(range(arity)))(*args):
        assert not array_of(gradient).any()


@pytest.mark.parametrize("name", [n for n in ROWS if functions_of(n) and n not in INTEGER_ONLY])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values(name, dtype):
    args = points(name, *[(37,)] * ROWS[name]["arity"], dtype=dtype)
    if name == "where":
        args[0] = args[0] > 0
    expected = functions_of(name)(*(a.astype(np.float64) if a.dtype != bool else a for a in args))
    result = array_of(_core.functions[name](*map(Tensor, args)))
    np.testing.assert_allclose(result, expected, rtol=64 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)


@pytest.mark.parametrize("name", [n for n in ROWS if n not in INTEGER_ONLY])
def test_precisions_agree(name):
    args = points(name, *[(37,)] * ROWS[name]["arity"], dtype=np.float32)
    single = array_of(_core.functions[name](*map(Tensor, args)))
    double = array_of(_core.functions[name](*(Tensor(a, adcore.float64) for a in args)))
    np.testing.assert_allclose(single, double, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in ROWS if n not in INTEGER_ONLY])
def test_strided_operands_give_the_same_bits(name):
    args = points(name, *[(5, 9)] * ROWS[name]["arity"])
    op = _core.functions[name]
    plain = array_of(op(*map(Tensor, args)))
    strided = array_of(op(*(Tensor(np.ascontiguousarray(a.T)).T for a in args)))
    np.testing.assert_array_equal(plain, strided)
