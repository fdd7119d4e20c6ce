"""Tensor, Parameter and ParameterTuple: construction, text, attributes, conversion, promotion, sharing, pickling.

Names carry the number of the observation of MindSpore that a test pins: `t..` for Tensor, `c..` for Parameter and
Cell.
"""

import copy
import inspect
import operator
import pickle
import re

import numpy as np
import pytest
from scipy.special import expit

import adcore
from adcore import Parameter, ParameterTuple, Tensor, grad, nn, ops
from adcore.common import initializer
from helpers import Expected, array_of, boolean, check, f16, f32, f64, i32, i64, t32


def parameter(value, dtype=adcore.float32):
    """What a Parameter in a result must be."""
    return Expected(dtype, value, Parameter)


# Tensor.


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (7, i64(7)),
        (7.5, f32(7.5)),
        (True, boolean(True)),
        ([3, 4], i64([3, 4])),
        ([3.0, 4.5], f32([3.0, 4.5])),
        ([3, 4.5], f32([3.0, 4.5])),
        (np.array([1.5]), f64([1.5])),
        (np.array([1.5], np.float16), f16([1.5])),
        (np.array([1, 2], np.int8), Expected(adcore.int8, [1, 2])),
        (np.array([1, 2], np.uint16), Expected(adcore.uint16, [1, 2])),
        ([[1, 2], [3, 4]], i64([[1, 2], [3, 4]])),
        ((1, 2), i64([1, 2])),
        ([], f32(np.zeros(0))),
        ([[]], f32(np.zeros((1, 0)))),
        ([True, False], boolean([True, False])),
    ],
    ids=str,
)
def test_t01_dtypes_of_construction(data, expected):
    check(Tensor(data), expected)
    check(adcore.tensor(data), expected)


def test_t01_construction_with_a_dtype():
    check(Tensor([1, 2], adcore.float32), f32([1.0, 2.0]))
    check(Tensor([1.5, 2.5], dtype=adcore.int32), i32([1, 2]))
    check(Tensor(np.array([1.0, 2.0]), adcore.float16), f16([1.0, 2.0]))
    check(Tensor(t32(1.0, 2.0), adcore.float64), f64([1.0, 2.0]))


def test_t01_construction_from_tensors():
    check(Tensor(t32(1.0, 2.0)), f32([1.0, 2.0]))
    check(Tensor([t32(1.0), t32(2.0)]), f32([1.0, 2.0]))


def test_a_shape_alone_gives_zeros_and_unknown_axes_are_empty():
    check(Tensor(shape=(2, 2)), f32(np.zeros((2, 2))))
    check(Tensor(None, adcore.int32, 3), i32([0, 0, 0]))
    unknown = Tensor(shape=[None, 3, -1], dtype=adcore.float16)
    assert unknown.shape == (0, 3, 0) and unknown.dtype == adcore.float16
    net = nn.Dense(3, 2)
    net.set_inputs(Tensor(shape=[None, 3], dtype=adcore.float32))
    assert net(Tensor(np.ones((4, 3), np.float32))).shape == (4, 2)
    for wrong, kind in (([-2], ValueError), ([2**70], MemoryError), ([1.5], TypeError), ("2", TypeError)):
        with pytest.raises(kind):
            Tensor(shape=wrong)
    with pytest.raises(TypeError, match="needs data, or a shape"):
        Tensor()


def test_t01_lazy_initialisation():
    lazy = Tensor(shape=(2, 2), dtype=adcore.float32, init=initializer.One())
    assert tuple(lazy.shape) == (2, 2) and lazy.dtype == adcore.float32
    check(lazy.init_data(), f32(np.ones((2, 2))))
    half = Tensor(shape=(3,), dtype=adcore.float16, init=initializer.Constant(2.5))
    check(half.init_data(), f16([2.5] * 3))


@pytest.mark.parametrize("data", ["abc", None, [[1, 2], [3]], {"a": 1}, [1, None], ["a"], NotImplemented], ids=repr)
def test_t01_data_that_is_no_tensor(data):
    with pytest.raises(TypeError):
        Tensor(data)


def test_t01_no_data_at_all():
    with pytest.raises((TypeError, ValueError)):
        Tensor()


def test_t02_text():
    assert repr(t32(1.0)) == "Tensor(shape=[], dtype=Float32, value= 1)"
    assert str(t32(1.0)) == "1.0"
    assert repr(t32(1.0, 2.0)) == "Tensor(shape=[2], dtype=Float32, value= [ 1.00000000e+00,  2.00000000e+00])"
    assert str(t32(1.0, 2.0)) == "[1. 2.]"
    assert repr(Tensor([1, 2])) == "Tensor(shape=[2], dtype=Int64, value= [1, 2])"
    assert str(Tensor([1, 2])) == "[1 2]"
    matrix = Tensor([[1.5, 2], [3, 4]], adcore.float32)
    assert repr(matrix) == (
        "Tensor(shape=[2, 2], dtype=Float32, value=\n"
        "[[ 1.50000000e+00,  2.00000000e+00],\n"
        " [ 3.00000000e+00,  4.00000000e+00]])"
    )
    assert str(matrix) == "[[1.5 2. ]\n [3.  4. ]]"
    assert repr(Tensor(True)) == "Tensor(shape=[], dtype=Bool, value= True)"
    assert str(Tensor(True)) == "True"


def test_t03_attributes():
    t = Tensor(np.arange(6).reshape(2, 3).astype(np.float32))
    assert t.shape == (2, 3) and isinstance(t.shape, tuple)
    assert (t.itemsize, t.nbytes, t.ndim, t.size, t.strides, len(t)) == (4, 24, 2, 6, (12, 4), 2)
    assert t.T.shape == (3, 2)
    assert t.has_init is False
    assert t.is_contiguous() is True
    assert t.dtype == adcore.float32 and t.dtype is adcore.float32
    assert repr(t.dtype).endswith(".float32") and str(t.dtype) == "Float32"
    assert adcore.float32 != adcore.float64 and hash(adcore.float32) == hash(t.dtype)


def test_a_dtype_tells_what_kind_of_numbers_it_has():
    dtypes = [value for value in vars(adcore).values() if isinstance(value, adcore.dtype)]
    assert len(dtypes) == 13
    for dtype in dtypes:
        # NumPy lacks bfloat16, the upper half of a float32.
        numpys = np.dtype("float32" if dtype is adcore.bfloat16 else dtype.name)
        assert dtype.is_floating_point == np.issubdtype(numpys, np.floating)
        assert dtype.is_integer == np.issubdtype(numpys, np.integer)


def test_t03_attributes_cannot_be_set():
    for name in ("shape", "size", "ndim", "nbytes"):
        with pytest.raises(AttributeError):
            setattr(t32(1.0, 2.0), name, 3)


def test_t04_scalars():
    t = t32(1.0, 2.0, 3.0)
    with pytest.raises(ValueError, match="3"):
        bool(t)
    with pytest.raises(ValueError):
        float(t)
    with pytest.raises(ValueError):
        t.item()
    with pytest.raises(TypeError):
        t.item(1)
    check(float(t32(2.0)), 2.0)
    check(int(t32(2.7)), 2)
    check(t32(4.0).item(), 4.0)
    check(Tensor(4).item(), 4)
    check(Tensor(True).item(), True)
    check(t.tolist(), [1.0, 2.0, 3.0])
    check(t32(2.0).tolist(), 2.0)
    check(float(ops.ones((1, 1))), 1.0)
    assert bool(t32(0.0)) is False and bool(t32(2.0)) is True and bool(ops.ones((1, 1))) is True
    assert operator.index(Tensor(3)) == 3
    assert [10, 20, 30][Tensor(1)] == 20
    with pytest.raises((TypeError, ValueError)):
        operator.index(t32(3.0))


def test_t04_sequences():
    t = t32(1.0, 2.0, 3.0)
    check(list(t), [f32(1.0), f32(2.0), f32(3.0)])
    assert 2 in t and 7 not in t
    assert len(t) == 3
    with pytest.raises(TypeError):
        len(t32(1.0))
    with pytest.raises(TypeError):
        list(t32(1.0))
    assert hash(t) == hash(t)


def test_t04_indexing():
    t = t32(1.0, 2.0, 3.0)
    with pytest.raises(IndexError, match="5"):
        t[5]
    check(t[-1], f32(3.0))
    check(t[None], f32([[1.0, 2.0, 3.0]]))
    check(t[[0, 2]], f32([1.0, 3.0]))
    check(t[t > 1], f32([2.0, 3.0]))
    check(t[::-1], f32([3.0, 2.0, 1.0]))


def test_t04_comparison_with_other_things():
    t = t32(1.0, 2.0)
    check(t == t, boolean([True, True]))
    check(t == None, False)  # noqa: E711
    check(t != None, True)  # noqa: E711
    check(t == "a", False)
    with pytest.raises(TypeError):
        t < None  # noqa: B015
    with pytest.raises(TypeError):
        t < "a"  # noqa: B015


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (Tensor([1], adcore.int32), 2.5, f32([3.5])),
        (Tensor([1], adcore.int32), Tensor([2.0], adcore.float16), f16([3.0])),
        (t32(1.0), Tensor(2.0, adcore.float64), f64(3.0)),
        (Tensor([1], adcore.uint8), Tensor([-1], adcore.int8), Expected(adcore.int16, [0])),
        (t32(1.0), True, f32(2.0)),
        (Tensor([True]), Tensor([True]), boolean([True])),
        (Tensor(1.0, adcore.float16), 3.5, f16(4.5)),
        (Tensor([5]), Tensor([2]), i64([7])),
        (Tensor([True]), 1, i64([2])),
        (Tensor([True]), 1.5, f32([2.5])),
        (Tensor([1.0], adcore.float16), Tensor([1.0], adcore.bfloat16), f32([2.0])),
        (Tensor([1], adcore.uint8), Tensor([1], adcore.int32), i32([2])),
        (Tensor([True]), Tensor([1], adcore.uint8), Expected(adcore.uint8, [2])),
    ],
)
def test_t05_promotion(a, b, expected):
    check(a + b, expected)
    check(b + a, expected)


def test_t05_integer_arithmetic():
    check(Tensor([5]) / Tensor([2]), f32([2.5]))
    check(Tensor([5]) // 2, i64([2]))
    check(Tensor([-5]) // 2, i64([-3]))
    check(Tensor([-5]) % 3, i64([1]))
    check(Tensor([2]) ** 3, i64([8]))
    with pytest.raises(TypeError):
        Tensor([1], adcore.uint64) + Tensor([1], adcore.int64)


def test_t05_with_arrays_lists_and_other_things():
    check(t32(1.0) + np.ones(1, np.float32), f32([2.0]))
    check(np.ones(1, np.float32) + t32(1.0), f32([2.0]))
    check(t32(1.0, 2.0) + [1.0, 2.0], f32([2.0, 4.0]))
    for other in ("a", None, {}, object()):
        with pytest.raises(TypeError):
            t32(1.0) + other
        with pytest.raises(TypeError):
            other * t32(1.0)
    with pytest.raises(ValueError, match=r"(?s)2.*3"):
        t32(1.0, 2.0) + t32(1.0, 2.0, 3.0)


def test_t06_a_tensor_owns_its_data():
    source = np.ones(2, np.float32)
    t = Tensor(source)
    source[0] = 5
    check(t, f32([1.0, 1.0]))


def test_t06_from_numpy_shares():
    source = np.ones(2, np.float32)
    t = adcore.from_numpy(source)
    source[1] = 7
    check(t, f32([1.0, 7.0]))
    check(Tensor.from_numpy(source), f32([1.0, 7.0]))
    del source
    check(t, f32([1.0, 7.0]))


def test_t06_asnumpy_is_a_read_only_view():
    t = t32(1.0, 2.0)
    array = t.asnumpy()
    assert type(array) is np.ndarray and array.dtype == np.float32
    assert not array.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 9
    assert np.shares_memory(array, t.asnumpy())
    t[0] = 5.0
    assert array.tolist() == [1.0, 2.0], "an array that was handed out shows the value it was taken from"
    check(t, f32([5.0, 2.0]))
    del t
    assert array.tolist() == [1.0, 2.0]


def test_t06_numpy_reads_tensors():
    t = Tensor([[1.0, 2.0], [3.0, 4.0]], adcore.float32)
    assert np.asarray(t).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert np.array(t, dtype=np.float64).dtype == np.float64
    assert np.asarray(t.T).tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert np.asarray(t[:, ::-1]).tolist() == [[2.0, 1.0], [4.0, 3.0]]


# Parameter.


@pytest.mark.parametrize(
    ("data", "dtype", "value"),
    [
        (t32(1.0, 2.0), adcore.float32, [1.0, 2.0]),
        (np.ones((2,), np.float32), adcore.float32, [1.0, 1.0]),
        ([1.0, 2.0], adcore.float32, [1.0, 2.0]),
        (3, adcore.int32, 3),
        (2.5, adcore.float32, 2.5),
        (Parameter(t32(1.0), name="q"), adcore.float32, 1.0),
    ],
    ids=str,
)
def test_c01_construction_of_a_parameter(data, dtype, value):
    w = Parameter(data, name="w")
    check(w, parameter(value, dtype))
    assert w.name == "w" and w.requires_grad is True
    shape = f"({np.shape(value)[0]},)" if np.shape(value) else "()"
    text = f"Parameter (name=w, shape={shape}, dtype={dtype}, requires_grad=True)"
    assert repr(w) == text and str(w) == text


def test_c01_a_parameter_without_a_name_gets_one():
    first, second = Parameter(t32(1.0)), Parameter(t32(1.0))
    assert re.fullmatch(r"Parameter#\d+", first.name) and re.fullmatch(r"Parameter#\d+", second.name)
    assert first.name != second.name


def test_c01_a_bool_is_no_parameter():
    with pytest.raises(ValueError, match="bool"):
        Parameter(True, name="b")


def test_c02_wrong_arguments_of_a_parameter():
    for data in ("abc", None, (1, 2)):
        with pytest.raises(TypeError):
            Parameter(data, name="w")
    with pytest.raises(ValueError, match="name"):
        Parameter(t32(1.0), name=3)
    with pytest.raises(TypeError, match="requires_grad"):
        Parameter(t32(1.0), requires_grad=1)
    with pytest.raises(TypeError):
        Parameter()
    assert re.fullmatch(r"Parameter#\d+", Parameter(t32(1.0), name="").name)


def test_c03_a_parameter_is_a_tensor():
    w = Parameter(t32(1.0, 2.0), name="w")
    assert isinstance(w, Tensor) and isinstance(w, Parameter) and issubclass(Parameter, Tensor)
    assert not isinstance(t32(1.0), Parameter)
    check(w + 1, f32([2.0, 3.0]))
    check(w * w, f32([1.0, 4.0]))


def test_c04_names_and_requires_grad_can_be_set():
    w = Parameter(t32(1.0), name="w")
    w.name = "z"
    assert w.name == "z"
    with pytest.raises(ValueError, match="name"):
        w.name = 3
    assert w.name == "z"
    for empty in (None, ""):
        w.name = empty
        assert re.fullmatch(r"Parameter#\d+", w.name)
    w.requires_grad = False
    assert w.requires_grad is False
    with pytest.raises(TypeError, match="requires_grad"):
        w.requires_grad = 1
    assert w.requires_grad is False


def test_c05_set_data():
    w = Parameter(t32(1.0, 2.0), name="w")
    assert w.set_data(t32(5.0, 6.0)) is w
    check(w, parameter([5.0, 6.0]))
    check(w.set_data(t32(5.0, 6.0, 7.0)), parameter([5.0, 6.0, 7.0]))
    check(w.set_data(Tensor([1, 2, 3])), parameter([1.0, 2.0, 3.0]))
    check(w.set_data(Tensor([4, 5, 6], adcore.float16)), parameter([4.0, 5.0, 6.0]))
    with pytest.raises(TypeError):
        w.set_data(np.ones(3))
    with pytest.raises(TypeError):
        w.set_data("abc")
    check(w, parameter([4.0, 5.0, 6.0]))
    check(w.set_data(3.0), parameter(3.0))
    integers = Parameter(Tensor([1, 2], adcore.int32), name="wi")
    with pytest.raises(TypeError, match="Float32 would lose its fractions in a cell of Int32"):
        integers.set_data(t32(1.5, 2.5))
    check(integers.set_data(Tensor([3, 4])), parameter([3, 4], adcore.int32))


def test_c05_set_data_copies_nothing_into_its_source():
    source = t32(1.0, 2.0)
    w = Parameter(t32(0.0, 0.0), name="w")
    w.set_data(source)
    w[0] = 9.0
    check(source, f32([1.0, 2.0]))
    check(w, parameter([9.0, 2.0]))


def test_c06_assignment():
    w = Parameter(t32(1.0, 2.0), name="w")
    w.assign_value(t32(3.0, 4.0))
    check(w, parameter([3.0, 4.0]))
    check(ops.assign(w, t32(5.0, 6.0)), f32([5.0, 6.0]))
    check(w, parameter([5.0, 6.0]))
    check(w.value(), f32([5.0, 6.0]))
    check(ops.assign_add(w, t32(1.0, 1.0)), f32([6.0, 7.0]))
    check(ops.assign_sub(w, t32(2.0, 1.0)), f32([4.0, 6.0]))
    check(w, parameter([4.0, 6.0]))
    w[0] = 9
    check(w, parameter([9.0, 6.0]))


def test_c06_the_value_of_a_parameter_does_not_follow_it():
    w = Parameter(t32(1.0, 2.0), name="w")
    value, array = w.value(), w.asnumpy()
    ops.assign(w, t32(5.0, 6.0))
    check(value, f32([1.0, 2.0]))
    assert array.tolist() == [1.0, 2.0] and not array.flags.writeable


def test_c06_copies_of_a_parameter():
    w = Parameter(t32(1.0, 2.0), name="w")
    twin = w.clone()
    check(twin, parameter([1.0, 2.0]))
    assert twin is not w and twin.name == "w"
    check(w.clone(init="zeros"), parameter([0.0, 0.0]))
    deep = copy.deepcopy(w)
    check(deep, parameter([1.0, 2.0]))
    assert deep.name == "w"
    w[0] = 9.0
    check(twin, parameter([1.0, 2.0]))
    check(deep, parameter([1.0, 2.0]))


def test_c06_arithmetic_gives_plain_tensors():
    w = Parameter(t32(1.0, 2.0), name="w")
    for result in (w + 1, w * 2, -w, w[0], w.reshape(2, 1), w.sum(), ops.exp(w)):
        assert type(result) is Tensor
    same = w
    w += 1
    assert type(w) is Tensor
    check(w, f32([2.0, 3.0]))
    check(same, parameter([1.0, 2.0]))


def test_c06_a_wrong_assignment_changes_nothing():
    w = Parameter(t32(1.0, 2.0), name="w")
    with pytest.raises(ValueError, match=r"(?s)3.*2|2.*3"):
        ops.assign(w, t32(1.0, 2.0, 3.0))
    with pytest.raises(TypeError):
        ops.assign(3, t32(1.0))
    with pytest.raises((TypeError, ValueError)):
        ops.assign(w, "abc")
    check(w, parameter([1.0, 2.0]))
    check(ops.assign(w, Tensor([7, 8])), f32([7.0, 8.0]))
    check(w, parameter([7.0, 8.0]))


def test_c07_parameter_tuples():
    w, v = Parameter(t32(1.0), name="w"), Parameter(t32(2.0), name="v")
    both = ParameterTuple([w, v])
    assert isinstance(both, tuple) and type(both) is ParameterTuple and len(both) == 2
    assert both[0] is w and both[1] is v
    assert str(both) == f"({w!r}, {v!r})"
    clones = both.clone("pre")
    assert type(clones) is ParameterTuple and [p.name for p in clones] == ["pre.w", "pre.v"]
    check(tuple(clones), (parameter(1.0), parameter(2.0)))
    check(both.clone("pre", init="zeros")[1], parameter(0.0))
    check(tuple(ParameterTuple(x for x in (w, v))), (parameter(1.0), parameter(2.0)))
    with pytest.raises(TypeError):
        ParameterTuple([w, t32(1.0)])
    with pytest.raises(TypeError):
        ParameterTuple(3)


# The loss of the tutorial, and matmul.

LOGITS, TARGET = np.array([1.5, -2.0, 3.0]), np.array([1.0, 0.0, 0.25])


def bce(x, y, weight=1.0, pos_weight=1.0):
    return -weight * (pos_weight * y * np.log(expit(x)) + (1 - y) * np.log(expit(-x)))


def test_c25_bce_with_logits_signature():
    parameters = inspect.signature(ops.binary_cross_entropy_with_logits).parameters
    assert list(parameters)[2:] == ["weight", "pos_weight", "reduction"]
    assert [p.default for p in parameters.values()][2:] == [None, None, "mean"]


def test_c25_bce_with_logits_values():
    x, y, one = t32(*LOGITS), t32(*TARGET), ops.ones(3)
    f = ops.binary_cross_entropy_with_logits
    losses = bce(LOGITS, TARGET)
    check(f(x, y), f32(losses.mean()))
    check(f(x, y, one, one), f32(losses.mean()))
    check(f(x, y, one, one, "sum"), f32(losses.sum()))
    check(f(x, y, reduction="none"), f32(losses))
    check(f(x, y, 2 * one, 3 * one), f32(bce(LOGITS, TARGET, 2, 3).mean()))
    check(f(x, y, t32(2.0), t32(3.0)), f32(bce(LOGITS, TARGET, 2, 3).mean()))
    check(f(t32(1000.0, -1000.0), t32(0.0, 1.0)), f32(1000.0))
    check(f(t32(1000.0, -1000.0), t32(1.0, 0.0)), f32(0.0))


def test_c25_bce_with_logits_gradients():
    x, y = t32(*LOGITS), t32(*TARGET)
    weight, pos_weight = t32(2.0, 1.0, 0.5), t32(3.0, 1.0, 2.0)
    w, p = np.array([2.0, 1.0, 0.5]), np.array([3.0, 1.0, 2.0])
    gradients = grad(ops.binary_cross_entropy_with_logits, (0, 1, 2, 3))(x, y, weight, pos_weight)
    by_logits = w * ((1 - TARGET) * expit(LOGITS) - p * TARGET * expit(-LOGITS)) / 3
    by_target = -w * (p * np.log(expit(LOGITS)) - np.log(expit(-LOGITS))) / 3
    by_weight = bce(LOGITS, TARGET, 1, p) / 3
    by_pos_weight = -w * TARGET * np.log(expit(LOGITS)) / 3
    check(gradients, (f32(by_logits), f32(by_target), f32(by_weight), f32(by_pos_weight)))


def test_c25_bce_with_logits_errors():
    x, y, one = t32(*LOGITS), t32(*TARGET), ops.ones(3)
    f = ops.binary_cross_entropy_with_logits
    with pytest.raises(ValueError, match="bad"):
        f(x, y, one, one, "bad")
    with pytest.raises(ValueError, match=r"(?s)3.*2"):
        f(x, t32(1.0, 0.0), one, one)
    with pytest.raises(ValueError):
        f(x, y, ops.ones(2), one)
    with pytest.raises(TypeError, match="(?i)int64"):
        f(x, Tensor([1, 0, 1]), one, one)
    with pytest.raises(TypeError):
        f(x, 1.0)


def test_c26_bce_with_logits_loss():
    x, y = t32(*LOGITS), t32(*TARGET)
    losses = bce(LOGITS, TARGET)
    check(nn.BCEWithLogitsLoss()(x, y), f32(losses.mean()))
    check(nn.BCEWithLogitsLoss("sum")(x, y), f32(losses.sum()))
    check(nn.BCEWithLogitsLoss("none")(x, y), f32(losses))
    weighted = nn.BCEWithLogitsLoss("none", weight=t32(1.0, 2.0, 3.0), pos_weight=t32(2.0, 2.0, 4.0))
    check(weighted(x, y), f32(bce(LOGITS, TARGET, np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 4.0]))))
    check(nn.BCEWithLogitsLoss()(x, y.astype(adcore.float16)).dtype == adcore.float16, True)
    with pytest.raises(ValueError):
        nn.BCEWithLogitsLoss()(x, t32(1.0, 2.0))
    with pytest.raises(TypeError):
        nn.BCEWithLogitsLoss()(x.asnumpy(), y)
    assert list(nn.BCEWithLogitsLoss().trainable_params()) == []


def whole_numbers(*shape):
    return np.arange(1, 1 + np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((5,), (5, 3)),
        ((5,), (5,)),
        ((2, 3), (3,)),
        ((4, 2, 3), (3, 5)),
        ((4, 2, 3), (4, 3, 5)),
        ((1, 2, 3), (4, 3, 5)),
        ((2, 3), (4, 3, 5)),
        ((3,), (4, 3, 5)),
        ((4, 2, 3), (3,)),
        ((2, 1, 2, 3), (3, 3, 2)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 3)),
        ((1,), (1, 1)),
    ],
)
def test_c27_matmul(left, right):
    a, b = whole_numbers(*left), whole_numbers(*right)
    check(ops.matmul(Tensor(a), Tensor(b)), f32(np.matmul(a, b)))
    check(Tensor(a) @ Tensor(b), f32(np.matmul(a, b)))
    check(Tensor(a).matmul(Tensor(b)), f32(np.matmul(a, b)))


def test_c27_matmul_errors():
    a = ops.ones((2, 3))
    with pytest.raises(ValueError):
        ops.matmul(t32(1.0), t32(1.0, 2.0, 3.0))
    with pytest.raises((RuntimeError, ValueError), match=r"\(2, 3\) @ \(2, 3\)"):
        ops.matmul(a, a)
    with pytest.raises((RuntimeError, ValueError), match=r"4.*5"):
        ops.matmul(ops.ones((4, 2, 3)), ops.ones((5, 3, 2)))
    with pytest.raises(TypeError, match="(?s)(?i)float32.*float16"):
        ops.matmul(ops.ones((2, 2)), Tensor(np.ones((2, 2), np.float16)))
    with pytest.raises(TypeError):
        ops.matmul(a, np.ones((3, 2), np.float32))
    for other in (3.0, None):
        with pytest.raises(TypeError):
            ops.matmul(a, other)
        with pytest.raises(TypeError):
            a @ other


def test_c27_matmul_of_integers():
    check(ops.matmul(Tensor([[1, 2]]), Tensor([[1], [2]])), i64([[5]]))


# Cells.


class Echo(nn.Cell):
    def construct(self, x, opt=None):
        return (x, 3, None, "a") if opt is None else opt


def test_c31_a_cell_passes_anything():
    cell = Echo()
    check(cell(t32(1.0)), (f32(1.0), 3, None, "a"))
    check(cell([1, 2]), ([1, 2], 3, None, "a"))
    result = cell(np.ones(2))
    assert type(result[0]) is np.ndarray
    check(cell(t32(1.0), opt=[t32(2.0)]), [f32(2.0)])
    check(cell(x=t32(1.0), opt=5), 5)


def test_c32_a_deep_copy_of_a_cell_is_independent():
    cell = nn.Dense(2, 3)
    twin = copy.deepcopy(cell)
    assert twin.weight is not cell.weight and twin.weight.name == cell.weight.name == "weight"
    before = array_of(cell.weight).copy()
    np.testing.assert_array_equal(array_of(twin.weight), before)
    twin.weight.set_data(ops.zeros((3, 2)))
    np.testing.assert_array_equal(array_of(cell.weight), before)
    x = t32(1.0, 2.0)
    gradient = grad(lambda x: twin(x), None, list(twin.trainable_params()))(x)
    assert len(gradient) == 2


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_c32_everything_can_be_pickled(protocol):
    def again(thing):
        return pickle.loads(pickle.dumps(thing, protocol))

    check(again(t32(1.0, 2.0)), f32([1.0, 2.0]))
    check(again(Tensor(np.ones((2, 0), np.int8))), Expected(adcore.int8, np.ones((2, 0))))
    check(again(Tensor([1.5, 2.5], adcore.bfloat16)), Expected(adcore.bfloat16, [1.5, 2.5]))
    check(again(Tensor(whole_numbers(2, 3)).T), f32(whole_numbers(2, 3).T))
    w = again(Parameter(t32(1.0), name="w", requires_grad=False))
    check(w, parameter(1.0))
    assert w.name == "w" and w.requires_grad is False
    both = again(ParameterTuple([Parameter(t32(1.0), name="a"), Parameter(t32(2.0), name="b")]))
    assert type(both) is ParameterTuple and [p.name for p in both] == ["a", "b"]
    assert again(adcore.float32) is adcore.float32


def test_c32_a_pickled_cell_computes_the_same():
    cell = nn.SequentialCell(nn.Dense(2, 3), nn.ReLU(), nn.Dense(3, 1))
    twin = pickle.loads(pickle.dumps(cell))
    assert type(twin) is nn.SequentialCell
    x = Tensor(whole_numbers(4, 2))
    np.testing.assert_array_equal(array_of(twin(x)), array_of(cell(x)))
    assert [p.name for p in twin.trainable_params()] == [p.name for p in cell.trainable_params()]
    weights = twin.trainable_params()
    gradients = grad(lambda x: twin(x), None, weights)(x)
    assert all(g.shape == w.shape for g, w in zip(gradients, weights, strict=True))


def test_c32_parameters_are_equal_only_to_themselves_as_keys():
    w, v = Parameter(t32(1.0), name="w"), Parameter(t32(1.0), name="w")
    assert len({w: 1, v: 2}) == 2 and {w: 1}[w] == 1


def test_the_description_of_matrices_has_no_blank_lines():
    x = Tensor(np.arange(8).reshape(2, 2, 2), adcore.float32)
    assert repr(x).splitlines() == [
        "Tensor(shape=[2, 2, 2], dtype=Float32, value=",
        "[[[ 0.00000000e+00,  1.00000000e+00],",
        "  [ 2.00000000e+00,  3.00000000e+00]],",
        " [[ 4.00000000e+00,  5.00000000e+00],",
        "  [ 6.00000000e+00,  7.00000000e+00]]])",
    ]
    assert str(x) == str(x.asnumpy())


INTEGERS = ("int8", "uint8", "int16", "int32", "int64", "uint64")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e20, -1e20, 300.7, -1.5, -0.5, 2.0**63])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_a_number_that_an_integer_type_does_not_hold_is_refused(dtype, number):
    own, bounds = getattr(adcore, dtype), np.iinfo(dtype)
    makers = [
        lambda: Tensor([number], own),
        lambda: Tensor(number, own),
        lambda: Tensor([1, number], own)[1],
        lambda: ops.full((2,), number, dtype=own),
        lambda: ops.full_like(Tensor([1], own), number),
        lambda: initializer.initializer(number, (2,), own),
    ]
    fits = np.isfinite(number) and bounds.min <= int(number) <= bounds.max
    for make in makers:
        if fits:
            assert set(make().asnumpy().ravel().tolist()) == {int(number)}
        else:
            error = ValueError if np.isnan(number) else OverflowError
            with pytest.raises(error, match=f"(?i)does not fit {dtype}"):
                make()


def test_integers_beside_floats_keep_their_digits():
    assert Tensor([2**53 + 1, 1.0], adcore.int64).tolist() == [2**53 + 1, 1]
    assert Tensor([2**64 - 1, 2.0**63], adcore.uint64).tolist() == [2**64 - 1, 2**63]


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_an_integer_of_more_than_64_bits_is_told(number):
    for make in (lambda: Tensor(number), lambda: Tensor([1, number])):
        with pytest.raises(OverflowError, match=f"Tensor: {number} does not fit Int64"):
            make()


def test_fill_takes_no_number_that_would_wrap():
    t = Tensor([1, 2], adcore.uint8)
    with pytest.raises(OverflowError, match="300 does not fit UInt8"):
        t.fill_(300)
    assert t.fill_(200).tolist() == [200, 200]
