"""Functions that move elements, against NumPy: what stands where, and where every part of a cotangent goes.

A function that moves elements, applied to the numbers of the elements, names the element that stands at each place.
That is all that its values and its derivatives depend on.
"""

import numpy as np
import pytest

import adcore
from adcore import Tensor, grad, ops, vmap
from helpers import array_of

RNG = np.random.default_rng(3)


def extended(array, axis, mode, before, after):
    """The window [-before, size + after) of an axis and what the mode puts around it."""
    n = array.shape[axis]
    window = np.arange(-before, n + after)
    if mode == "replicate":
        places = np.clip(window, 0, n - 1)
    elif mode == "reflect":
        places = np.pad(np.arange(n), (n - 1, n - 1), "reflect")[window + n - 1]
    else:  # what is left goes round
        left = np.arange(max(0, -before), n + min(0, after))
        places = np.pad(left, (max(0, before), max(0, after)), "wrap")
    return np.take(array, places, axis)


def check_moves(f, of_numbers, shape, dtype=np.float64):
    """Values, gradient, and both as members of a batch."""
    n = int(np.prod(shape))
    places = of_numbers(np.arange(n).reshape(shape))
    x, w = RNG.standard_normal(shape).astype(dtype), RNG.standard_normal(places.shape).astype(dtype)

    def pulled(x):
        return grad(lambda t: (f(t) * Tensor(w)).sum())(x)

    np.testing.assert_array_equal(array_of(f(Tensor(x))), x.ravel()[places])
    expected = np.bincount(places.ravel(), w.ravel().astype(np.float64), n).reshape(shape)
    tolerance = 40 * np.finfo(dtype).eps
    np.testing.assert_allclose(array_of(pulled(Tensor(x))), expected, tolerance, tolerance)
    members = Tensor(np.stack([x, x * 3]))
    np.testing.assert_array_equal(array_of(vmap(f)(members))[1], 3 * x.ravel()[places])
    np.testing.assert_array_equal(array_of(vmap(pulled)(members)), np.stack([array_of(pulled(Tensor(x)))] * 2))


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    "pairs",
    [[(0, 0), (2, 1)], [(1, 2), (3, 0)], [(-1, 2), (1, -2)], [(-1, -1), (-2, 1)], [(2, -1), (0, 0)], [(0, 0), (0, 0)]],
    ids=str,
)
def test_pad_fills_from_the_tensor(mode, pairs):
    def of_numbers(numbers):
        for axis, pair in enumerate(pairs):
            numbers = extended(numbers, axis, mode, *pair)
        return numbers

    widths = [n for pair in reversed(pairs) for n in pair]
    check_moves(lambda x: ops.pad(x, widths, mode), of_numbers, (4, 5))


@pytest.mark.parametrize("pair", [(-4, 4), (5, -6), (-3, 1)])
def test_pad_shows_only_what_is_around_a_tensor(pair):
    check_moves(lambda x: ops.pad(x, pair, "replicate"), lambda x: extended(x, 0, "replicate", *pair), (3,))
    window = np.pad(np.array([4.0, 5, 6]), 8, constant_values=9)[8 - pair[0] : 11 + pair[1]]
    np.testing.assert_array_equal(array_of(ops.pad(Tensor([4.0, 5, 6]), pair, value=9)), window)


def test_pad_of_many_axes():
    shape = (2,) * 7
    check_moves(lambda x: ops.pad(x, (1, 0) * 7, "circular"), lambda x: np.pad(x, [(1, 0)] * 7, "wrap"), shape)


def test_the_gradient_of_wide_padding_loses_no_small_terms():
    x = Tensor([1.0, 2.0], adcore.float16)
    found = grad(lambda x: ops.pad(x, (4096, 0), "replicate").sum())(x)
    np.testing.assert_array_equal(array_of(found), [4096, 1])


@pytest.mark.parametrize("shape", [(), (3,), (1,), (2, 3), (2, 1, 3), (2,) * 7], ids=str)
@pytest.mark.parametrize("times", [(), (1,), (3,), (2, 3), (2, 1, 2), (0, 2), (2,) * 7], ids=str)
def test_tile(shape, times):
    check_moves(lambda x: ops.tile(x, times), lambda x: np.tile(x, times), shape)


def test_tile_where_a_box_has_no_room():
    x = RNG.standard_normal((1,) * 8 + (2, 1, 3, 1))
    times = (1,) * 7 + (2, 2, 1, 2, 0)
    assert array_of(ops.tile(Tensor(x), times)).shape == np.tile(x, times).shape
    found = ops.tile(Tensor(x), (1,) * 7 + (2, 2, 1, 2, 1))
    np.testing.assert_array_equal(array_of(found), np.tile(x, (1,) * 7 + (2, 2, 1, 2, 1)))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_stack_and_concat(axis):
    def twice(join, axis):
        return lambda x: join([x, x[::-1], x], axis)

    check_moves(twice(ops.stack, axis), twice(np.stack, axis), (2, 3))
    check_moves(twice(ops.concat, axis), twice(np.concatenate, axis), (2, 3, 2))


def test_numbers_join_as_tensors_of_the_common_dtype():
    x = Tensor([2.0, 3.0])
    joined = ops.stack([x[0], 1.0, x[1], 2])
    np.testing.assert_array_equal(array_of(joined), np.array([2, 1, 3, 2], np.float32))
    assert ops.stack([Tensor(1.0, adcore.float16), 0.5, True]).dtype == adcore.float16
    assert ops.stack([Tensor(1), 2]).dtype == adcore.int64
    assert ops.stack([Tensor(1), 0.5]).dtype == adcore.float32
    assert ops.stack([1, 2]).dtype == adcore.int64
    assert ops.stack([Tensor(1, adcore.int8), Tensor(0.5)]).dtype == adcore.float32
    found = grad(lambda a: (ops.stack([a, 1.0, a * a]) * Tensor([1.0, 5.0, 10.0])).sum())(3.0)
    assert array_of(found) == 1 + 10 * 2 * 3
    with pytest.raises(OverflowError):
        ops.stack([Tensor(1, adcore.int8), 300])
    with pytest.raises(TypeError, match="numbers, element 1 is str"):
        ops.stack([x, "1"])
    with pytest.raises(ValueError):
        ops.stack([x, 1.0])


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "float16", "float64"])
def test_masked_fill_keeps_the_dtype(dtype):
    x = Tensor(np.array([1, 0, 1], dtype))
    mask = np.array([True, False, True])
    for value in (0, 1.0, True, Tensor(1, adcore.int32)):
        filled = ops.masked_fill(x, Tensor(mask), value)
        assert filled.dtype == x.dtype
        number = array_of(value) if isinstance(value, Tensor) else value
        np.testing.assert_array_equal(array_of(filled), np.where(mask, number, array_of(x)))


def test_a_value_that_a_dtype_does_not_hold():
    whole = Tensor([1, 2], adcore.int8)
    mask = Tensor([True, False])
    for value in (0.5, float("inf"), float("nan"), Tensor(1.0)):
        for fill in (lambda v: ops.masked_fill(whole, mask, v), lambda v: ops.pad(whole, (1, 1), value=v)):
            with pytest.raises(TypeError, match=r"would lose its fraction in Int8"):
                fill(value)
    with pytest.raises(OverflowError):
        ops.masked_fill(whole, mask, 128)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: ops.pad(x, (2**40, 2**40), "replicate"),
        lambda x: ops.pad(x, (2**61, 2**61), "replicate"),
        lambda x: ops.pad(x, (2**62, 2**62)),
        lambda x: ops.tile(x, (2**62,)),
        lambda x: ops.tile(x, (2**40, 1)),
        lambda x: ops.broadcast_to(x, (2**62, 4)),
        lambda x: ops.linspace(0, 1, 2**62),
        lambda x: ops.linspace(0, 1, 2**40),
        lambda x: ops.one_hot(Tensor([1]), 2**40),
        lambda x: ops.concat([ops.broadcast_to(x, (2**60, 4))] * 8),
    ],
)
def test_sizes_are_checked_before_any_work(make):
    with pytest.raises(MemoryError):
        make(ops.ones(4))


@pytest.mark.parametrize("shape", [(3,), (3, 2)], ids=str)
def test_rows_put_by_an_index_of_each_member(shape):
    members, count = 4, 5
    x, v = RNG.standard_normal((members, *shape)), RNG.standard_normal((members, count, *shape[1:]))
    index = RNG.integers(0, shape[0], (members, count))

    def put(x, index, v):
        y = x * 1.0
        y[index] = v
        return y

    weight = Tensor(RNG.standard_normal(shape))
    pulled = grad(lambda x, i, v: (put(x, i, v) * weight).sum(), (0, 2))
    expected = x.copy()
    for i, values, member in zip(index, v, expected, strict=True):
        member[i] = values
    args = [Tensor(a) for a in (x, index, v)]
    np.testing.assert_array_equal(array_of(vmap(put)(*args)), expected)
    together = vmap(pulled)(*args)
    for m in range(members):
        for found, alone in zip(together, pulled(*(a[m] for a in args)), strict=True):
            np.testing.assert_array_equal(array_of(found)[m], array_of(alone))
        last = {int(i): k for k, i in enumerate(index[m])}
        dx, dv = array_of(weight).copy(), np.zeros(v.shape[1:])
        for i, k in last.items():
            dx[i], dv[k] = 0, array_of(weight)[i]
        np.testing.assert_array_equal(array_of(together[0])[m], dx)
        np.testing.assert_array_equal(array_of(together[1])[m], dv)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_table_read_by_an_index_of_each_member(axis):
    x, index = RNG.standard_normal((3, 3, 3)), RNG.integers(0, 3, (4, 2, 2))
    read = vmap(lambda x, i: ops.gather(x, i, axis), (None, 0))
    np.testing.assert_array_equal(array_of(read(Tensor(x), Tensor(index))), [np.take(x, i, axis) for i in index])
    found = grad(lambda x: (read(x, Tensor(index)) ** 2).sum())(Tensor(x))
    counts = np.bincount(index.ravel(), minlength=3).reshape([3 if a == axis else 1 for a in range(3)])
    np.testing.assert_allclose(array_of(found), 2 * x * counts, 1e-14)


def test_shapes_broadcast_as_in_numpy():
    for shapes in ([], [()], [(3, 1), 4], [(2, 1, 5), (1,), (3, 1)], [(0, 1), (1, 4)]):
        assert ops.broadcast_shapes(*shapes) == np.broadcast_shapes(*shapes)
