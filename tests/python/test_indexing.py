"""Indexing against NumPy: the law by random keys, read and written, and their gradients; and what a write may not do.

`random_key` draws any key that NumPy takes: ints, slices of any step, None, '...', bool scalars, masks of one axis or
several, integer arrays that broadcast against each other, neighbours or not. Where NumPy raises, a Tensor must. Start
reading at `assert_like_numpy`. `python test_indexing.py COUNT` runs the law on as many keys.
"""

import sys

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, jvp, nn, ops, vmap
from helpers import Expected, check, f32, f64, i32, i64
from samples import samples

# ---- the law --------------------------------------------------------------------------------------------------------


def random_shape(rng):
    return tuple(int(n) for n in rng.choice([0, 1, 1, 2, 3, 4], rng.integers(0, 5)))


def random_slice(rng, size):
    start, stop = (None if rng.random() < 0.4 else int(rng.integers(-size - 2, size + 3)) for _ in range(2))
    return slice(start, stop, int(rng.choice([-3, -2, -1, 1, 1, 2, 3])))


def random_array(rng, size, common):
    """Integers that broadcast with `common`: trailing axes of it, some of them 1."""
    shape = common[rng.integers(0, len(common) + 1) :]
    shape = tuple(1 if rng.random() < 0.2 else n for n in shape)
    off = size + 1 if rng.random() < 0.02 else size  # now and then out of range
    return rng.integers(-size, off, shape) if size else np.zeros(shape, np.int64)


def random_key(rng, shape):
    common = tuple(int(n) for n in rng.choice([1, 2, 3], rng.integers(0, 3)))
    basic = rng.random() < 0.3
    key, axis = [], 0
    while axis < len(shape):
        kind = rng.random()
        if kind < 0.1:
            key.append(None)
            continue
        if kind < 0.15 and not basic:
            key.append(bool(rng.random() < 0.8))
            continue
        if kind < 0.25 and not any(k is ... for k in key):
            key.append(...)
            axis += int(rng.integers(0, len(shape) - axis + 1))
            continue
        size = shape[axis]
        if kind < 0.4:
            key.append(int(rng.integers(-size, size)) if size else 0)
        elif kind < 0.65 or basic:
            key.append(random_slice(rng, size))
        elif kind < 0.9:
            key.append(random_array(rng, size, common))
        else:
            axes = int(rng.integers(1, len(shape) - axis + 1))
            key.append(rng.random(shape[axis : axis + axes]) < 0.5)
            axis += axes - 1
        axis += 1
        if rng.random() < 0.15:
            break
    if rng.random() < 0.1:
        key.append(rng.choice([None, True]) if not basic else None)
    return key[0] if len(key) == 1 and rng.random() < 0.7 else tuple(key)


def spoken_otherwise(rng, key):
    """The same key with some arrays as Tensors or lists."""
    if isinstance(key, tuple):
        return tuple(spoken_otherwise(rng, k) for k in key)
    if isinstance(key, np.ndarray):
        return [key, Tensor(key), key.tolist() if key.size else key][rng.integers(3)]
    return key


def random_value_shape(rng, selected):
    """A shape that NumPy assigns to `selected`: fewer axes, axes of size 1, further ones of size 1 in front."""
    shape = tuple(1 if rng.random() < 0.2 else n for n in selected[rng.integers(0, len(selected) + 1) :])
    return (1,) * int(0 < len(shape) == len(selected) and rng.random() < 0.3) + shape


def sum_to(array, shape):
    """The transpose of broadcasting `shape` to the array's."""
    shape = shape[max(len(shape) - array.ndim, 0) :]
    array = array.sum(axis=tuple(range(array.ndim - len(shape))))
    return array.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def assert_like_numpy(rng):
    shape = random_shape(rng)
    key = random_key(rng, shape)
    spoken = spoken_otherwise(rng, key)
    a = rng.standard_normal(shape)
    x = Tensor(a)
    said = f"shape {shape}, key {key}"
    try:
        expected = a[key]
    except IndexError:
        with pytest.raises((IndexError, ValueError)):
            x[spoken]
        with pytest.raises((IndexError, ValueError)):
            x[spoken] = 1.0
        return
    try:
        got = x[spoken]
    except IndexError as error:
        # NumPy looks neither at an index that is broadcast away nor at the size of an empty mask.
        assert expected.size == 0 and ("out of range" in str(error) or "does not fit" in str(error)), said
        return
    assert got.shape == expected.shape, f"{said}: {got.shape}, not {expected.shape}"
    np.testing.assert_array_equal(got.asnumpy(), expected, err_msg=said)

    weight = rng.standard_normal(expected.shape)
    scattered = np.zeros(shape)
    np.add.at(scattered, key, weight)
    gradient = grad(lambda x: (x[spoken] * Tensor(weight)).sum())(x)
    np.testing.assert_allclose(gradient.asnumpy(), scattered, rtol=1e-12, atol=1e-12, err_msg=said)

    value = rng.standard_normal(random_value_shape(rng, expected.shape))
    written = a.copy()
    written[key] = value.reshape(
        value.shape[max(value.ndim - expected.ndim, 0) :]
    )  # a mask takes no further axes there
    number = np.arange(1, a.size + 1).reshape(shape)  # which element each place of the selection is
    chosen = number[key]
    kept = np.zeros(shape, np.int64)
    kept[key] = np.arange(1, chosen.size + 1).reshape(chosen.shape)  # which place of it won
    won = np.isin(np.arange(1, chosen.size + 1).reshape(chosen.shape), kept)
    outer = rng.standard_normal(shape)

    def write(x, v):
        y = x * 1
        y[spoken] = v
        return y

    np.testing.assert_array_equal(write(x, Tensor(value)).asnumpy(), written, err_msg=said)
    alone = x.copy()
    alone[spoken] = value
    np.testing.assert_array_equal(alone.asnumpy(), written, err_msg=said)
    np.testing.assert_array_equal(x.asnumpy(), a, err_msg=said)
    of_x, of_v = grad(lambda x, v: (write(x, v) * Tensor(outer)).sum(), (0, 1))(x, Tensor(value))
    np.testing.assert_array_equal(of_x.asnumpy(), np.where(kept > 0, 0.0, outer), err_msg=said)
    passed = sum_to(np.where(won, outer[key], 0.0), value.shape).reshape(value.shape)
    np.testing.assert_allclose(of_v.asnumpy(), passed, rtol=1e-12, atol=1e-12, err_msg=said)


@pytest.mark.parametrize("part", range(10))
def test_random_keys_read_write_and_differentiate_as_numpy_says(part):
    rng = np.random.default_rng(part)
    for _ in range(50):
        assert_like_numpy(rng)


SPACE = np.arange(60.0).reshape(3, 4, 5)
CORNERS = [
    ([0, 2], True),
    (True, True),
    (True, np.array([True, False, True])),
    (False, True),
    (True, 0, [1]),
    (None, True, [0, 1]),
    (True, slice(None), True),
    True,
    False,
    (slice(None), [0, 1], ..., [0, 1]),
    ([0, 1], ..., 2, 3),
    (slice(None), [0, 1], None, [0, 1]),
]


@pytest.mark.parametrize("key", CORNERS, ids=repr)
def test_bool_scalars_and_an_empty_ellipsis_select_as_in_numpy(key):
    a, x = SPACE.copy(), Tensor(SPACE)
    check(x[key], f64(a[key]))
    a[key], x[key] = 7.0, 7.0
    check(x, f64(a))


@pytest.mark.parametrize("key", [0, (0, slice(1, 3)), ([0, 2],), (slice(None), [0, 0], [1, 2])], ids=repr)
def test_leading_axes_of_size_1_of_a_value_fall_away(key):
    a, x = SPACE.copy(), Tensor(SPACE)
    value = -np.arange(a[key].size, dtype=float).reshape((1, 1, *a[key].shape))
    a[key], x[key] = value, value
    check(x, f64(a))
    with pytest.raises(ValueError, match="setitem: a value of shape"):
        x[key] = np.ones((2, 1, *a[key].shape))


# ---- what is no Tensor's own ----------------------------------------------------------------------------------------


def writes():
    x = Tensor(SPACE)
    w = Parameter(Tensor(SPACE), name="w")
    return [
        lambda: x[0].__setitem__(1, 5.0),
        lambda: x[0][1].__setitem__(2, 5.0),
        lambda: x[1:].__setitem__((0, 0), 5.0),
        lambda: x[...].__setitem__(0, 5.0),
        lambda: x[None].__setitem__(0, 5.0),
        lambda: w[0].__setitem__(0, 5.0),
        lambda: next(iter(x)).__setitem__(0, 5.0),
        lambda: [row.__setitem__(0, -1.0) for row in x],
        lambda: x[0].add_(1.0),
        lambda: ops.assign(x[0], Tensor(SPACE[1])),
        lambda: x[0].assign_value(Tensor(SPACE[1])),
    ]


@pytest.mark.parametrize("which", range(len(writes())))
def test_a_write_to_what_an_index_read_is_refused(which):
    with pytest.raises(ValueError, match=r"t\[0, 1\] = value"):
        writes()[which]()


TRANSFORMS = {
    "plain": lambda f, x: f(x),
    "grad": lambda f, x: grad(f)(x),
    "jvp": lambda f, x: jvp(f, x, x),
    "vmap": lambda f, x: vmap(f)(x),
    "recompute": lambda f, x: grad(lambda x: adcore.recompute(f, x))(x),
    "trace": lambda f, x: adcore._core.trace(f, x),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_it_is_refused_under_every_transform(name):
    def f(x):
        x[0][1] = 5.0
        return x.sum()

    with pytest.raises(ValueError, match=r"t\[0, 1\] = value"):
        TRANSFORMS[name](f, Tensor(SPACE))


@pytest.mark.parametrize(
    "own", [lambda x: x[0] * 1, lambda x: x[0].copy(), lambda x: Tensor(x[0]), lambda x: x[[0]][0] + 0]
)
def test_a_tensor_of_its_own_is_written(own):
    def f(x):
        y = own(x)
        y[0] = 3.0
        return (y * y).sum()

    a = SPACE[:, :, 0]
    x = Tensor(a)
    assert float(f(x)) == (a[0, 1:] ** 2).sum() + 9.0
    expected = np.zeros_like(a)
    expected[0, 1:] = 2 * a[0, 1:]
    check(grad(f)(x), f64(expected))
    check(x, f64(a))


def test_what_index_tensors_select_is_a_copy_and_written():
    x = Tensor([1.0, 2.0, 3.0])
    y = x[[0, 2]]
    y[0] = 9.0
    z = x[x > 1.5]
    z[0] = 8.0
    check((x, y, z), (f32([1.0, 2.0, 3.0]), f32([9.0, 3.0]), f32([8.0, 3.0])))


ALL_SAMPLES = samples()


@pytest.mark.parametrize("expression", ALL_SAMPLES)
def test_what_a_function_gives_is_a_tensor_of_its_own(expression):
    """Also where the function reads it by an index: none of its results is refused."""
    f, arrays = ALL_SAMPLES[expression]
    results = f(*map(Tensor, arrays))
    for leaf in results if isinstance(results, (tuple, list)) else [results]:
        if isinstance(leaf, Tensor):
            leaf[...] = 1
            assert (leaf.asnumpy() == 1).all()


def test_what_an_index_read_takes_hooks():
    """A hook is no write, though the cell gets a value that passes through it: 10 times 2 x."""

    def f(x):
        row = x[0]
        row.register_hook(lambda g: g * 10)
        return (row * row).sum()

    check(grad(f)(Tensor([[1.0, 2.0], [3.0, 4.0]])), f32([[20.0, 40.0], [0.0, 0.0]]))


def test_augmented_assignment_of_an_element_writes_to_the_tensor():
    x = Tensor([[1.0, 2.0], [3.0, 4.0]])
    x[0] += 1.0
    x[1, 0] *= 5.0
    check(x, f32([[2.0, 3.0], [15.0, 4.0]]))


# ---- t += u ---------------------------------------------------------------------------------------------------------


def residual(x):
    out = x
    out += ops.tanh(x)
    return (out + x).sum()


def test_augmented_assignment_leaves_what_others_hold():
    a = np.array([1.0, 2.0])
    x = Tensor(a)
    np.testing.assert_allclose(float(residual(x)), (2 * a + np.tanh(a)).sum(), rtol=1e-14)
    check(x, f64(a))
    check(grad(residual)(x), f64(2 + 1 / np.cosh(a) ** 2))
    xs = [Tensor([1.0]), Tensor([2.0]), Tensor([3.0])]
    total = xs[0]
    for v in xs[1:]:
        total += v
    check((total, xs[0]), (f32([6.0]), f32([1.0])))


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "//", "%", "**"])
@pytest.mark.parametrize("kind", [Tensor, lambda v: Parameter(v, name="p")], ids=["Tensor", "Parameter"])
def test_every_operator_makes_a_new_tensor(sign, kind):
    a, b = np.array([3.0, 5.0]), np.array([2.0, 4.0])
    for u, number in ((Tensor(b), b), (2.0, 2.0)):
        scope = {"t": kind(Tensor(a)), "u": u}
        before = scope["t"]
        exec(f"t {sign}= u", scope)
        check(scope["t"], f64(eval(f"a {sign} number", {"a": a, "number": number})))
        assert scope["t"] is not before
        np.testing.assert_array_equal(before.asnumpy(), a)


@pytest.mark.parametrize("sign", ["&", "|", "^"])
def test_every_bitwise_operator_does(sign):
    scope = {"t": Tensor([6, 3]), "u": Tensor([2, 5])}
    before = scope["t"]
    exec(f"t {sign}= u", scope)
    assert scope["t"].tolist() == eval(f"[6 {sign} 2, 3 {sign} 5]") and before.tolist() == [6, 3]


def test_augmented_assignment_keeps_the_shape_and_widens():
    t, n = Tensor([1.0, 2.0]), Tensor([1, 2])
    with pytest.raises(ValueError, match=r"add: an augmented assignment keeps the shape, \(2,\), but"):
        t += Tensor([[1.0, 2.0], [3.0, 4.0]])
    for u in (0.5, Tensor([0.5, 0.5])):
        m, power = n, n
        m += u
        power **= u
        check(m, f32([1.5, 2.5]))
        check(power, f32([1.0, 2.0**0.5]))
    t += Tensor([0.5, 0.5], adcore.float64)
    check(t, f64([1.5, 2.5]))
    check(n, i64([1, 2]))


def test_what_is_written_in_place_keeps_its_dtype():
    n, t = Tensor([1, 2]), Tensor([1.0, 2.0])
    with pytest.raises(TypeError, match="add_"):
        n.add_(0.5)
    check(n.add_(Tensor([2, 3], adcore.int8)), i64([3, 5]))
    check(t.mul_(Tensor([2.0, 3.0], adcore.float64)), f32([2.0, 6.0]))
    with pytest.raises(ValueError, match=r"add_: the Tensor keeps its shape \(2,\), but the value is of \(2, 2\)"):
        t.add_(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    check(t, f32([2.0, 6.0]))


def test_the_methods_with_an_underscore_write_in_place():
    t = Tensor([1.0, 2.0])
    same = t
    assert t.add_(1).mul_(3).sub_(Tensor([1.0, 1.0])).div_(2) is t
    check(same, f32([2.5, 4.0]))
    p = Parameter(Tensor([1.0]), name="p")
    p.add_(2.0)
    assert type(p) is Parameter and float(p[0]) == 3.0


class Counter(nn.Cell):
    def __init__(self):
        super().__init__()
        self.w = Parameter(Tensor([1.0, 2.0]), name="w")

    def construct(self, x):
        self.w += x
        return (self.w * self.w).sum()


def test_an_attribute_that_is_a_parameter_keeps_being_one():
    """`self.w += x` gives the Parameter the sum, differentiably: d/dx sum((w + x)**2) = 2 (w + x)."""
    net = Counter()
    w = net.w
    check(grad(net)(Tensor([0.5, 0.5])), f32([3.0, 5.0]))
    assert net.w is w and net.trainable_params() == [w]
    check(w.value(), f32([1.5, 2.5]))
    with pytest.raises(ValueError, match="keeps the shape"):
        net(Tensor([[1.0, 2.0]]))
    check(w.value(), f32([1.5, 2.5]))


# ---- fractions and integer cells ------------------------------------------------------------------------------------

INTO_INTEGERS = {
    "item": lambda n, v: n.__setitem__(slice(None), v),
    "row": lambda n, v: n.__setitem__([0, 1], v),
    "assign": ops.assign,
    "assign_add": ops.assign_add,
    "assign_sub": ops.assign_sub,
    "set_data": lambda n, v: n.set_data(v),
}


@pytest.mark.parametrize("dtype", [adcore.int32, adcore.uint8, adcore.bool_], ids=str)
@pytest.mark.parametrize("door", INTO_INTEGERS)
def test_no_door_into_an_integer_cell_loses_a_fraction(door, dtype):
    n = Parameter(Tensor([1, 1], dtype), name="n")
    with pytest.raises(TypeError, match=f"would lose its fractions in a cell of {dtype}"):
        INTO_INTEGERS[door](n, Tensor([0.5, 1.5]))
    check(n.value(), Expected(dtype, [1, 1]))


@pytest.mark.parametrize("value", [2.5, np.float32(0.5), np.float64("inf"), float("nan")], ids=repr)
def test_no_number_with_a_fraction_enters_an_integer_cell(value):
    n = Parameter(Tensor(1, adcore.int32), name="n")
    for write in (lambda: n.__setitem__(..., value), lambda: n.set_data(float(value))):
        with pytest.raises(TypeError, match="is none of the cell's Int32"):
            write()
    with pytest.raises(TypeError, match="is none of the cell's Int32"):
        ops.assign(n, float(value))
    check(n.value(), i32(1))


def test_whole_numbers_enter_an_integer_cell_exactly():
    n = Tensor([0, 0])
    n[0], n[1] = 2.0, 2.0**53 + 2
    assert n.tolist() == [2, 2**53 + 2]
    with pytest.raises(OverflowError):
        Tensor([0], adcore.int8)[0] = 300.0


if __name__ == "__main__":
    rng = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 2024)
    for _ in range(int(sys.argv[1])):
        assert_like_numpy(rng)
