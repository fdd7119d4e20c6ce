"""Laws of the transforms, walked over the whole op table and over the samples of its other functions.

Every elementwise row stands here by being in the table; the other functions by having a sample in test_ops_grad.py,
whose own test fails for a public function without one. Oracles: finite differences, the loop, and one transform against
another.
"""

import numpy as np
import pytest

import adcore
from adcore import Tensor, _core, ops
from adcore.testing import check_grads
from helpers import array_of
from test_op_table import DIFFERENTIABLE, ROWS, smooth_points
from test_ops_grad import SAMPLES

ELEMENTWISE = {name: (_core.functions[name], smooth_points(name, 5)) for name in DIFFERENTIABLE}
# Derivatives that jump or blow up within a finite difference of the sample, or samples of functions that write by mask.
CASES = {**ELEMENTWISE, **SAMPLES}
BY_MASK = {"assign"}  # a mask of the batch's own shape chooses the elements: not a function of one member


def tensors(name):
    return [Tensor(np.asarray(a, np.float64)) for a in CASES[name][1]]


def weighted(function):
    """The function as a scalar: its outputs times fixed weights, summed."""

    def scalar(*args):
        out = function(*args)
        total = 0.0
        for k, t in enumerate(listed(out)):
            weights = np.cos(np.arange(max(1, t.size), dtype=np.float64) + k)[: t.size].reshape(tuple(t.shape))
            total = total + (t * Tensor(weights)).sum()
        return total

    return scalar


def listed(out):
    return out if isinstance(out, (tuple, list)) else (out,)


def close(a, b, rtol=1e-9):
    a, b = listed(a), listed(b)
    assert len(a) == len(b)
    for x, y in zip(a, b):
        x, y = array_of(x), array_of(y)
        assert x.shape == y.shape
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol * max(1.0, np.abs(y).max(initial=0.0)))


@pytest.mark.parametrize("name", CASES)
def test_both_modes_agree_with_differences_and_each_other(name):
    function = CASES[name][0]
    check_grads(function, tuple(tensors(name)), order=2, rtol=3e-5, atol=3e-5)


@pytest.mark.parametrize("name", CASES)
def test_third_order(name):
    check_grads(weighted(CASES[name][0]), tuple(tensors(name)), order=3, rtol=3e-5, atol=3e-5)


@pytest.mark.parametrize("name", CASES)
def test_forward_and_reverse_jacobians_are_equal(name):
    function, args = CASES[name][0], tensors(name)
    positions = tuple(range(len(args)))

    def first(*x):
        out = function(*x)
        return out[0] if isinstance(out, (tuple, list)) else out

    close(adcore.jacfwd(first, positions)(*args), adcore.jacrev(first, positions)(*args))


@pytest.mark.parametrize("name", CASES)
def test_hessians_are_symmetric_and_the_same_in_every_nesting(name):
    function, args = weighted(CASES[name][0]), tensors(name)
    x, rest = args[0], args[1:]
    f = lambda x: function(x, *rest)
    n = x.size
    hessian = adcore.hessian(f)(x)
    flat = array_of(hessian).reshape(n, n)
    np.testing.assert_allclose(flat, flat.T, rtol=1e-8, atol=1e-9 * max(1.0, np.abs(flat).max(initial=0.0)))
    for outer in (adcore.jacfwd, adcore.jacrev):
        for inner in (adcore.jacfwd, adcore.jacrev, adcore.grad):
            close(outer(inner(f))(x), hessian, 1e-8)


@pytest.mark.parametrize("name", CASES)
def test_recompute_is_the_plain_function(name):
    function, args = CASES[name][0], tensors(name)
    positions = tuple(range(len(args)))
    plain, again = weighted(function), weighted(lambda *x: adcore.recompute(function, *x))
    close(adcore.grad(again, positions)(*args), adcore.grad(plain, positions)(*args))
    close(adcore.hessian(again)(*args), adcore.hessian(plain)(*args))


def batches(args, count=3):
    """`count` nearby copies of each argument along axis 0."""
    return [np.stack([array_of(a) * (1 + 0.002 * i) for i in range(count)]) for a in args]


def looped(function, args, axes, count=3):
    members = []
    for i in range(count):
        picked = [Tensor(np.take(a, i, axis)) if axis is not None else Tensor(a) for a, axis in zip(args, axes)]
        out = function(*picked)
        members.append([array_of(t) for t in (listed(out))])
    return [np.stack(parts) for parts in zip(*members)]


def patterns(count):
    yield [0] * count
    yield [-1] * count
    if count > 1:
        for k in range(count):
            yield [0 if i == k else None for i in range(count)]


@pytest.mark.parametrize("name", [n for n in CASES if n not in BY_MASK])
def test_vmap_is_the_loop(name):
    function, args = CASES[name][0], tensors(name)
    for axes in patterns(len(args)):
        given = [
            array_of(a) if axis is None else np.ascontiguousarray(np.moveaxis(b, 0, axis))
            for a, b, axis in zip(args, batches(args), axes)
        ]
        mapped = adcore.vmap(function, in_axes=tuple(axes))(*map(Tensor, given))
        expected = looped(function, given, axes)
        outputs = listed(mapped)
        assert len(outputs) == len(expected)
        for own, other in zip(outputs, expected):
            assert tuple(own.shape) == other.shape, (name, axes)
            np.testing.assert_allclose(array_of(own), other, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in CASES if n not in BY_MASK])
def test_vmap_of_grad_and_of_hvp_are_the_loops(name):
    function, args = weighted(CASES[name][0]), tensors(name)
    positions = tuple(range(len(args)))
    gradient = adcore.grad(function, positions)

    def product(*x):
        return adcore.jvp(lambda *x: listed(gradient(*x)), x, tuple(ops.cos(t) for t in x))[1]

    given = batches(args)
    for f in (gradient, product):
        expected = looped(f, given, [0] * len(args))
        for own, other in zip(listed(adcore.vmap(f)(*map(Tensor, given))), expected):
            np.testing.assert_allclose(array_of(own), other, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(other).max()))


@pytest.mark.parametrize("name", [n for n in CASES if n not in BY_MASK])
def test_grad_of_vmap_is_the_sum_of_grads(name):
    function, args = weighted(CASES[name][0]), tensors(name)
    given = [Tensor(b) for b in batches(args)]
    positions = tuple(range(len(args)))
    mapped = adcore.grad(lambda *x: adcore.vmap(function)(*x).sum(), positions)(*given)
    close(mapped, adcore.vmap(adcore.grad(function, positions))(*given))


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("layout", ["empty", "scalar", "transposed", "reversed", "broadcast"])
def test_elementwise_rows_at_every_layout(name, layout):
    function, arity = ELEMENTWISE[name][0], ROWS[name]["arity"]
    base = [np.resize(p, (3, 4)) for p in ELEMENTWISE[name][1]]
    make = {
        "empty": lambda a, k: Tensor(a[:0]),
        "scalar": lambda a, k: Tensor(a[0, 0]),
        "transposed": lambda a, k: Tensor(np.ascontiguousarray(a.T)).T,
        "reversed": lambda a, k: Tensor(np.ascontiguousarray(a[::-1, ::-1]))[::-1, ::-1],
        "broadcast": lambda a, k: Tensor(np.ascontiguousarray(a[:1] if k else a)),
    }[layout]
    args = tuple(make(a, k) for k, a in enumerate(base))
    plain = tuple(Tensor(np.array(array_of(a))) for a in args)
    directions = tuple(ops.ones_like(a) * (0.5 + k) for k, a in enumerate(plain))
    positions = tuple(range(arity))
    scalar = weighted(function)
    close(adcore.jvp(function, args, directions), adcore.jvp(function, plain, directions))
    close(adcore.grad(scalar, positions)(*args), adcore.grad(scalar, positions)(*plain))
    close(adcore.jacrev(function, positions)(*args), adcore.jacfwd(function, positions)(*plain))
    twice = [Tensor(np.stack([array_of(a)] * 2)) for a in plain]
    own = adcore.vmap(adcore.grad(scalar, positions))(*twice)
    for both, one in zip(listed(own), listed(adcore.grad(scalar, positions)(*plain))):
        np.testing.assert_allclose(array_of(both), np.stack([array_of(one)] * 2), rtol=1e-11, atol=1e-13)
