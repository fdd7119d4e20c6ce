"""Methods of Tensor that are no functions of ops; the values are MindSpore's, or NumPy's where it has none on CPU."""

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, ops
from helpers import check, f32, f64, i32, i64, t32

# ---- in place ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, arguments, expected",
    [
        ("copy_", (t32(7.0, 8.0),), [7.0, 8.0]),
        ("copy_", (Tensor([1], adcore.int32),), [1.0, 1.0]),
        ("fill_", (2,), [2.0, 2.0]),
        ("fill_", (Tensor(2.5),), [2.5, 2.5]),
        ("zero_", (), [0.0, 0.0]),
        ("exp_", (), np.exp([0.5, 2.0])),
        ("log_", (), np.log([0.5, 2.0])),
        ("floor_", (), [0.0, 2.0]),
        ("tanh_", (), np.tanh([0.5, 2.0])),
        ("sigmoid_", (), 1 / (1 + np.exp([-0.5, -2.0]))),
        ("sign_", (), [1.0, 1.0]),
        ("clamp_", (1.0, 1.5), [1.0, 1.5]),
        ("remainder_", (0.75,), [0.5, 0.5]),
        ("floor_divide_", (0.75,), [0.0, 2.0]),
    ],
)
def test_a_name_with_an_underscore_writes_into_the_tensor(name, arguments, expected):
    t = t32(0.5, 2.0)
    assert getattr(t, name)(*arguments) is t
    check(t, f32(expected))


def test_what_is_written_is_differentiated():
    """d/dx of (x**2 written over y) * y's new value, and 0 for what was written over."""

    def f(x, y):
        y = y * 1
        y.copy_(x * x)
        return y * y

    dx, dy = grad(f, (0, 1))(t32(2.0, 3.0), t32(1.0, 1.0))
    check(dx, f32([4 * 2.0**3, 4 * 3.0**3]))
    check(dy, f32([0.0, 0.0]))

    def filled(v):
        y = ops.zeros(3)
        return y.fill_(v * v)

    check(grad(filled)(t32(2.0)), f32(12.0))
    check(grad(lambda x: (x * 1).exp_())(t32(0.5)), f32(np.exp(0.5)))
    check(grad(lambda x: (x * 3).zero_() + x)(t32(0.5)), f32(1.0))


def test_what_does_not_fit_is_not_written():
    t, n = t32(1.0, 2.0), Tensor([1, 2])
    for write, error in (
        (lambda: t.copy_(t32(1.0, 2.0, 3.0)), ValueError),
        (lambda: t.copy_(2.0), TypeError),
        (lambda: t.fill_(t32(1.0, 2.0)), TypeError),
        (lambda: t.fill_("a"), TypeError),
        (lambda: n.exp_(), TypeError),
        (lambda: n.fill_(0.5), TypeError),
        (lambda: n.copy_(t32(0.5, 0.5)), TypeError),
    ):
        with pytest.raises(error):
            write()
    check(t, f32([1.0, 2.0]))
    check(n, i64([1, 2]))


def test_a_parameter_stays_one():
    p = Parameter(t32(1.0, 2.0), name="p")
    p.zero_()
    p.copy_(t32(3.0, 4.0))
    assert type(p) is Parameter
    check(p.value(), f32([3.0, 4.0]))


def test_set_dtype_is_in_place():
    t = t32(4.7, 5.0)
    assert t.set_dtype(adcore.int32) is adcore.int32
    check(t, i32([4, 5]))
    with pytest.raises(TypeError, match="set_dtype: dtype"):
        t.set_dtype("float32")


# ---- other shapes and elements -------------------------------------------------------------------------------------


def test_resize_cuts_or_adds_zeros():
    check(t32(4.0, 5.0, 6.0).resize(2, 3), f32([[4, 5, 6], [0, 0, 0]]))
    check(t32(4.0, 5.0, 6.0).resize((2,)), f32([4, 5]))
    check(grad(lambda x: x.resize(2, 2) ** 2)(t32(4.0, 5.0, 6.0)), f32([8, 10, 12]))
    check(grad(lambda x: x.resize(2) ** 2)(t32(4.0, 5.0, 6.0)), f32([8, 10, 0]))
    with pytest.raises(ValueError, match="resize: the sizes"):
        t32(1.0).resize(-1)


def test_itemset_makes_another_tensor():
    t = t32([[1.0, 2.0], [3.0, 4.0]])
    check(t.itemset((0, 1), 9), f32([[1, 9], [3, 4]]))
    check(t.itemset((-1, 0), 9), f32([[1, 2], [9, 4]]))
    check(t.itemset(2, 9), f32([[1, 2], [9, 4]]))
    check(t32([1.0]).itemset(5), f32([5.0]))
    check(t, f32([[1, 2], [3, 4]]))
    for index in (4, -5, (0, 2), (0,)):
        with pytest.raises(IndexError, match="itemset"):
            t.itemset(index, 9)
    with pytest.raises(IndexError, match="needs an index"):
        t.itemset(9)
    check(grad(lambda x: x.itemset(0, 7.0) ** 2)(t32(1.0, 2.0)), f32([0, 4]))


def test_stride_counts_elements():
    t = ops.ones((2, 3, 4))
    assert t.stride() == [12, 4, 1] and t.stride(0) == 12 and t.stride(-1) == 1


def test_index_and_update():
    t = t32([[1.0, 2.0], [3.0, 4.0]])
    check(t.index((Tensor([1, 0]), Tensor([0, 1]))), f32([3.0, 2.0]))
    check(t32(1.0, 2.0, 3.0).inplace_update(t32([9.0]), (1,)), f32([1, 9, 3]))
    with pytest.raises(TypeError, match="index: indices must be a tuple"):
        t.index(Tensor([0]))


def test_sum_to_size():
    x = np.arange(24.0).reshape(2, 3, 4)
    for size in ((1, 3, 4), (3, 1), (4,), (), (2, 3, 4)):
        summed = Tensor(x).sum_to_size(*size)
        check(summed, f64(np.einsum("abc,abc->abc", x, np.ones_like(x)).sum(axis=_summed(x.shape, size)).reshape(size)))
    with pytest.raises(ValueError, match="sum_to_size"):
        Tensor(x).sum_to_size(2, 4)


def _summed(shape, size):
    size = (None,) * (len(shape) - len(size)) + size
    return tuple(i for i, (n, own) in enumerate(zip(shape, size)) if own != n)


def test_values_and_their_indices():
    t = t32([[1.0, 5.0, 3.0], [4.0, 2.0, 6.0]])
    value, at = t.argmax_with_value(1)
    check(value, f32([5, 6]))
    assert at.tolist() == [1, 2]
    value, at = t.argmin_with_value(1, True)
    check(value, f32([[1], [2]]))
    assert at.tolist() == [[0], [1]]
    check(t.argmax_with_value()[0], f32([4, 5, 6]))


# ---- what a Tensor tells -------------------------------------------------------------------------------------------


def test_what_a_tensor_tells_of_its_dtype():
    told = {
        dtype: (Tensor([1], dtype).is_floating_point(), Tensor([1], dtype).is_signed(), Tensor([1], dtype).is_complex())
        for dtype in (adcore.float32, adcore.bfloat16, adcore.int8, adcore.uint8, adcore.bool_)
    }
    assert list(told.values()) == [
        (True, True, False),
        (True, True, False),
        (False, True, False),
        (False, False, False),
        (False, False, False),
    ]
    t = t32(1.0, 2.0)
    assert t.type() == "Float32" and t.ndimension() == 1 and t.nelement() == 2
    check(t.type(adcore.int32), i32([1, 2]))
    check(t.type_as(Tensor([1])), i64([1, 2]))
    assert (t.byte().dtype, t.short().dtype, t.double().dtype, t.bfloat16().dtype) == (
        adcore.uint8,
        adcore.int16,
        adcore.float64,
        adcore.bfloat16,
    )


def test_real_numbers_among_the_complex_ones():
    t = t32([[1.0, 2.0]])
    check(t.real(), f32([[1, 2]]))
    check(t.conj(), f32([[1, 2]]))
    check(t.imag(), f32([[0, 0]]))
    assert t.isreal().tolist() == [[True, True]]
    check(t.adjoint(), f32([[1], [2]]))
    with pytest.raises(ValueError, match="adjoint"):
        t32(1.0).adjoint()


def test_older_names():
    t = t32(1.0, 4.0)
    check(t.inv(), f32([1, 0.25]))
    check(t.reverse((0,)), f32([4, 1]))
    check(t.fill(3.0), f32([3, 3]))
    check(t.sgn(), f32([1, 1]))
    check(t.soft_shrink(), f32([0.5, 3.5]))
    assert Tensor([1, 2], adcore.int16).invert().tolist() == [-2, -3]
    check(t32(1.0, 5.0, 3.0).top_k(2)[0], f32([5, 3]))
    assert t.approximate_equal(t32(1.000001, 4.1)).tolist() == [True, False]
    check(t32([[1.0, 2.0], [3.0, 4.0]]).matrix_determinant(), f32(-2.0))


# ---- hooks ---------------------------------------------------------------------------------------------------------


def test_a_tensor_tells_its_hooks():
    def tripled(g):
        return 3 * g

    x = t32(1.0, 2.0)
    assert x.hooks() == []
    handle = x.register_hook(tripled)
    assert x.hooks() == [tripled]
    check(grad(lambda x: x * x)(x), f32([6, 12]))
    handle.remove()
    assert x.hooks() == []

    def f(x):
        y = x * x
        y.register_hook(tripled)
        y.register_hook(tripled).remove()
        assert y.hooks() == [tripled]
        return y

    check(grad(f)(x), f32([6, 12]))


# ---- what MindSpore's methods take besides -------------------------------------------------------------------------


@pytest.mark.parametrize("name, extremum", [("max", np.max), ("min", np.min)])
def test_an_extremum_is_of_the_mask_and_an_initial_number(name, extremum):
    a = np.random.default_rng(3).normal(size=(3, 4))
    mask = np.array([True, False, True, False])
    for axis, keepdims in [(None, False), (0, False), (1, True), ((0, 1), False)]:
        own = getattr(Tensor(a), name)(axis, keepdims, initial=0.25, where=Tensor(mask))
        np.testing.assert_allclose(own.asnumpy(), extremum(a, axis, keepdims=keepdims, initial=0.25, where=mask))
    np.testing.assert_allclose(getattr(Tensor(a), name)(0, True, initial=None).asnumpy(), extremum(a, 0, keepdims=True))
    for wrong in [
        {"where": None, "initial": 9},
        {"where": Tensor(mask)},
        {"initial": Tensor([1.0])},
        {"initial": 1.0, "return_indices": True},
    ]:
        with pytest.raises(TypeError, match=f"{name}: (initial|where|return_indices) must be"):
            getattr(Tensor(a), name)(axis=1, **wrong)
    with pytest.raises(TypeError, match="must be an int for a tensor of Int64, got 9.5"):
        Tensor([1, 2]).max(initial=9.5)


def test_methods_take_the_words_of_both_frameworks():
    a = np.arange(6.0).reshape(2, 3)
    x = Tensor(a)
    np.testing.assert_allclose(x.flatten(order="F").asnumpy(), a.flatten("F"))
    np.testing.assert_allclose(x.cumsum().asnumpy(), a.cumsum())
    np.testing.assert_allclose(x.cumsum(1).asnumpy(), a.cumsum(1))
    np.testing.assert_allclose(x.cumsum(dim=0).asnumpy(), a.cumsum(0))
    np.testing.assert_allclose(x.add(x, alpha=2).asnumpy(), a + 2 * a)
    np.testing.assert_allclose(Tensor(a[0]).expand_as(x=x).asnumpy(), np.broadcast_to(a[0], a.shape))
    written = x.copy()
    written.sub_(2, alpha=3)
    np.testing.assert_allclose(written.asnumpy(), a - 6)
    with pytest.raises(ValueError, match="order must be 'C' or 'F', got 'K'"):
        x.flatten(order="K")


def test_a_tensor_of_an_unknown_number_of_axes_holds_nothing():
    for shape in (None, [None]):
        made = Tensor(shape=shape, dtype=adcore.float32)
        assert (made.size, made.dtype) == (0, adcore.float32)
    with pytest.raises(TypeError, match="needs data, or a shape"):
        Tensor()
    with pytest.raises(TypeError):
        Tensor(None)


def test_gather_takes_slices_or_elements():
    a = np.random.default_rng(7).normal(size=(2, 3, 4))
    x = Tensor(a)
    places = np.array([[2, 0], [1, 1]])
    np.testing.assert_array_equal(x.gather(Tensor(places), 1).asnumpy(), np.take(a, places, 1))
    np.testing.assert_array_equal(x.gather(Tensor(places), axis=-1).asnumpy(), np.take(a, places, -1))
    rows = np.stack([np.take(a[i], places[i], 0) for i in range(2)])
    np.testing.assert_array_equal(x.gather(Tensor(places), 1, batch_dims=1).asnumpy(), rows)
    elements = np.array([[[2, 0, 1, 1]], [[0, 0, 2, 1]]])
    for gathered in (x.gather(1, Tensor(elements)), x.gather(dim=1, index=Tensor(elements))):
        np.testing.assert_array_equal(gathered.asnumpy(), np.take_along_axis(a, elements, 1))
    with pytest.raises(ValueError, match="batch_dims=1 must not be above axis=0"):
        x.gather(Tensor(places), 0, batch_dims=1)
    with pytest.raises(TypeError, match="gather: input_indices must be a Tensor"):
        x.gather([0], 0)
