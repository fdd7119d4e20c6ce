"""grad, value_and_grad, get_grad and stop_gradient: structure, dtype, shape, value and exception type of every call
form.

Names carry the number of the observation of MindSpore that a test pins (`g07` and so on). Where adcore goes further
than MindSpore (Python floats, arrays, containers, callables without a name, in-place forms) the test says what is
right.
"""

import functools
import math

import numpy as np
import pytest

import adcore
from adcore import Parameter, ParameterTuple, Tensor, get_grad, grad, nn, ops, value_and_grad
from helpers import Expected, bf16, check, f16, f32, f64, i64, t32


def times(x, y):
    return x * y


# Positions.


def test_g01_the_default_position_is_the_first():
    check(grad(lambda x, y: x**2 * y)(t32(3.0), t32(2.0)), f32(12.0))


def test_g02_an_int_position_gives_a_bare_tensor():
    check(grad(times, 1)(t32(4.0), t32(7.0)), f32(4.0))


def test_g03_several_positions_give_a_tuple():
    check(grad(times, (0, 1))(t32(4.0), t32(7.0)), (f32(7.0), f32(4.0)))


def test_g04_a_tuple_of_one_position_gives_a_bare_tensor():
    check(grad(times, (0,))(t32(4.0), t32(7.0)), f32(7.0))
    check(grad(times, (1,))(t32(4.0), t32(7.0)), f32(4.0))


def test_g05_the_order_of_positions_is_the_order_of_gradients():
    check(grad(times, (1, 0))(t32(4.0), t32(7.0)), (f32(4.0), f32(7.0)))


def test_g06_an_empty_tuple_of_positions_is_an_error():
    with pytest.raises(RuntimeError, match="grad_position"):
        grad(times, ())(t32(4.0), t32(7.0))


@pytest.mark.parametrize("position", [[0], 1.0, "0", {0}])
def test_g07_g11_positions_of_a_wrong_type(position):
    with pytest.raises(TypeError, match="grad_position"):
        grad(times, position)
    with pytest.raises(TypeError, match="grad_position"):
        value_and_grad(times, position)


@pytest.mark.parametrize("position", [("0",), (0.0,), (None,), (0, [1])])
def test_g11_elements_of_a_wrong_type(position):
    with pytest.raises(TypeError):
        grad(times, position)


def test_g08_a_position_twice():
    with pytest.raises(ValueError, match="twice|duplicate"):
        grad(lambda x: x * x, (0, 0))(t32(2.0))


@pytest.mark.parametrize("position", [-1, (-1,), (0, -2)])
def test_g09_negative_positions(position):
    with pytest.raises(ValueError, match="grad_position"):
        grad(times, position)


@pytest.mark.parametrize("position", [1, (0, 3)])
def test_g10_a_position_beyond_the_arguments(position):
    with pytest.raises(RuntimeError, match="1|3"):
        grad(lambda x: x * x, position)(t32(2.0))


def test_g11_true_counts_as_the_position_one():
    check(grad(lambda x, y: x * x * y, True)(t32(3.0), t32(5.0)), f32(9.0))
    with pytest.raises(RuntimeError):
        grad(lambda x: x * x, True)(t32(2.0))


@pytest.mark.parametrize("transform", [grad, value_and_grad])
def test_g12_neither_position_nor_weights(transform):
    with pytest.raises(ValueError, match="weights?"):
        transform(times, None)
    with pytest.raises(ValueError, match="grad_position"):
        transform(times, None, None)


@pytest.mark.parametrize("transform", [grad, value_and_grad])
@pytest.mark.parametrize("fn", [3, None, "f"])
def test_g13_something_that_cannot_be_called(transform, fn):
    with pytest.raises(TypeError, match=type(fn).__name__):
        transform(fn)(t32(1.0))


# Outputs.


def test_g14_a_tensor_output_counts_as_its_sum():
    check(grad(lambda x: x**2)(t32(1.0, -2.0, 4.0)), f32([2.0, -4.0, 8.0]))
    check(grad(lambda x: ops.concat((x, 3 * x)))(t32(1.0, 2.0)), f32([4.0, 4.0]))


@pytest.mark.filterwarnings("ignore::adcore.AmbiguityWarning")
def test_g15_several_outputs_count_as_their_sum():
    def f(x):
        return x**2, 10 * x, ops.ones(4) * x.sum()

    check(grad(f)(t32(1.0, 3.0)), f32([16.0, 20.0]))
    expected = ((f32([1.0, 9.0]), f32([10.0, 30.0]), f32([4.0] * 4)), f32([16.0, 20.0]))
    check(value_and_grad(f)(t32(1.0, 3.0)), expected)


@pytest.mark.filterwarnings("ignore::adcore.AmbiguityWarning")
def test_g16_outputs_keep_their_structure():
    x = t32(3.0)
    check(value_and_grad(lambda x: [x**2, x * 4])(x), ([f32(9.0), f32(12.0)], f32(10.0)))
    check(value_and_grad(lambda x: {"a": x**2, "b": x * 4})(x), ({"a": f32(9.0), "b": f32(12.0)}, f32(10.0)))
    check(value_and_grad(lambda x: (x**2, (x * 4, x * 5)))(x), ((f32(9.0), (f32(12.0), f32(15.0))), f32(15.0)))


def test_g17_outputs_that_do_not_depend_on_the_input():
    x = t32(2.0)
    check(value_and_grad(lambda x: None)(x), (None, f32(0.0)))
    check(value_and_grad(lambda x: 3.0)(x), (3.0, f32(0.0)))
    check(value_and_grad(lambda x: (x * x, 3.0))(x), ((f32(4.0), 3.0), f32(4.0)))
    check(value_and_grad(lambda x: t32(7.0))(x), (f32(7.0), f32(0.0)))


@pytest.mark.filterwarnings("ignore::adcore.AmbiguityWarning")
def test_g18_the_output_is_the_input():
    check(value_and_grad(lambda x: x)(t32(2.0, 3.0)), (f32([2.0, 3.0]), f32([1.0, 1.0])))
    result = value_and_grad(lambda x, y: (x, y), (0, 1))(t32(2.0, 3.0), t32(1.0))
    check(result, ((f32([2.0, 3.0]), f32(1.0)), (f32([1.0, 1.0]), f32(1.0))))


def test_g19_integer_outputs_are_constants():
    x = t32(2.0, 5.0)
    check(value_and_grad(lambda x: (x * x, x.argmax()))(x), ((f32([4.0, 25.0]), i64(1)), f32([4.0, 10.0])))
    check(value_and_grad(lambda x: x.argmax())(x), (i64(1), f32([0.0, 0.0])))


# Inputs.


def test_g20_gradients_of_integer_inputs_are_floats():
    check(grad(lambda x: x * x)(Tensor([1, 2, 4])), f32([2.0, 4.0, 8.0]))
    check(grad(lambda x: x * x)(Tensor(3, adcore.int32)), f32(6.0))
    check(grad(lambda x: x * 2.5)(Tensor(3, adcore.int32)), f32(2.5))
    check(grad(lambda x: ops.cast(x, adcore.float32) ** 2)(Tensor(3, adcore.int32)), f32(6.0))


def test_g21_gradients_of_bool_inputs_are_floats():
    check(grad(lambda x: ops.cast(x, adcore.float32) * 2)(Tensor([True, False])), f32([2.0, 2.0]))


def test_g22_a_python_float_is_differentiated():
    check(grad(lambda x: x * x)(3.0), f32(6.0))
    check(grad(times, 0)(3.0, t32(2.0)), f32(2.0))
    check(value_and_grad(lambda x: x * x)(1.5), (f32(2.25), f32(3.0)))


def test_g22_numpy_arrays_are_differentiated():
    check(grad(lambda x: x * x)(np.array([1.0, 2.0], np.float32)), f32([2.0, 4.0]))
    check(grad(lambda x: x * x)(np.array([1.0, 2.0])), f64([2.0, 4.0]))
    check(grad(lambda x: x * x)(np.array(3.0, np.float16)), f16(6.0))


def test_g22_containers_are_differentiated_and_keep_their_structure():
    check(grad(lambda xs: xs[0] * xs[1])([t32(2.0), t32(3.0)]), [f32(3.0), f32(2.0)])
    check(grad(lambda xs: xs[0] * xs[1])((t32(2.0), t32(3.0))), (f32(3.0), f32(2.0)))
    check(grad(lambda d: d["a"] * d["b"])({"a": t32(2.0), "b": t32(3.0)}), {"a": f32(3.0), "b": f32(2.0)})
    nested = {"w": [t32(2.0), (t32(3.0, 4.0),)], "b": t32(5.0)}
    result = grad(lambda d: (d["w"][0] * d["w"][1][0]).sum() * d["b"])(nested)
    check(result, {"w": [f32(35.0), (f32([10.0, 10.0]),)], "b": f32(14.0)})


def test_g22_containers_beside_other_positions():
    result = grad(lambda xs, y: xs[0] * xs[1] * y, (0, 1))([t32(2.0), 3.0], np.array(5.0, np.float32))
    check(result, ([f32(15.0), f32(10.0)], f32(6.0)))


def test_g22_an_unused_leaf_of_a_container_has_zeros():
    check(grad(lambda d: d["a"] * 2)({"a": t32(1.0), "b": t32(1.0, 2.0)}), {"a": f32(2.0), "b": f32([0.0, 0.0])})


@pytest.mark.parametrize("argument", [3, True, "text", None, object()])
def test_g22_an_argument_that_cannot_be_differentiated_is_named(argument):
    def f(count, y):
        return y * 2

    with pytest.raises(TypeError, match=r"count|\b0\b"):
        grad(f)(argument, t32(1.0))
    with pytest.raises(TypeError, match=r"count|\b0\b"):
        grad(f, (0, 1))(argument, t32(1.0))


def test_g23_other_arguments_may_be_anything():
    result = grad(lambda x, s, n, p, a: x * n if s == "go" else x)(t32(2.0), "go", 7, [1], np.ones(2))
    check(result, f32(7.0))
    marker = object()
    check(grad(lambda x, m: x * 3 if m is marker else x)(t32(2.0), marker), f32(3.0))


def test_g24_keyword_arguments():
    def f(x, y=None, scale=1.0):
        return x * y * scale

    check(grad(f)(t32(2.0), y=t32(3.0)), f32(3.0))
    check(grad(f, (0, 1))(t32(2.0), y=t32(3.0)), (f32(3.0), f32(2.0)))
    check(grad(f, 1)(t32(2.0), y=t32(3.0), scale=2.0), f32(4.0))
    by_order_of_the_call = grad(f, (0, 1))(y=t32(3.0), x=t32(2.0))
    check(by_order_of_the_call, (f32(2.0), f32(3.0)))
    check(value_and_grad(f)(t32(2.0), t32(3.0), scale=4.0), (f32(24.0), f32(12.0)))


def test_g25_defaults_and_star_arguments():
    five = t32(5.0)
    check(grad(lambda x, y=five: x * y)(t32(2.0)), f32(5.0))
    check(grad(lambda *a: a[0] * a[1] * a[2], (0, 2))(t32(2.0), t32(3.0), t32(4.0)), (f32(12.0), f32(6.0)))
    check(grad(lambda x, **k: x * k["w"])(t32(2.0), w=t32(3.0)), f32(3.0))


def test_g26_tensors_without_elements():
    empty = Tensor(np.zeros((0, 3), np.float32))
    check(value_and_grad(lambda x: x.sum())(empty), (f32(0.0), f32(np.zeros((0, 3)))))
    flat = Tensor(np.zeros((0,), np.float32))
    check(value_and_grad(lambda x: x * 2)(flat), (f32(np.zeros(0)), f32(np.zeros(0))))


def test_g27_an_unused_input_has_zeros():
    check(grad(lambda x, y: x * 2, 1)(t32(2.0), t32(1.0, 2.0)), f32([0.0, 0.0]))
    check(grad(lambda x, y: x * 2, (0, 1))(t32(2.0), t32(1.0, 2.0)), (f32(2.0), f32([0.0, 0.0])))
    half = Tensor(np.ones((2, 1), np.float16))
    check(grad(lambda x, y: x * 2, 1)(t32(2.0), half), f16(np.zeros((2, 1))))


def test_g28_one_tensor_at_two_positions():
    """Each position is an input of its own: the partial derivatives, not their sum."""
    a = t32(3.0)
    check(grad(lambda x, y: x * x * y, (0, 1))(a, a), (f32(18.0), f32(9.0)))
    check(grad(lambda x, y: x * x * y, 0)(a, a), f32(18.0))


def test_g29_a_tensor_of_the_closure_is_a_constant():
    c = t32(4.0)
    check(grad(lambda x: x * c)(t32(3.0)), f32(4.0))
    check(grad(lambda x: c * c)(t32(3.0)), f32(0.0))
    check(grad(lambda x: x * c)(c), f32(4.0))


def test_g30_the_gradient_has_the_dtype_of_the_input():
    check(grad(lambda x: x * x)(t32(3.0).astype(adcore.float16)), f16(6.0))
    check(grad(lambda x: x * x)(t32(3.0).astype(adcore.float64)), f64(6.0))
    check(grad(lambda x: x * x)(t32(3.0).astype(adcore.bfloat16)), bf16(6.0))
    with pytest.raises(TypeError):
        Tensor(np.array(1 + 2j, np.complex64))


def test_g31_mixed_dtypes():
    check(grad(times, (0, 1))(Tensor(3.0, adcore.float16), t32(2.0)), (f16(2.0), f32(3.0)))
    check(grad(times, (0, 1))(t32(3.0), Tensor([1, 2])), (f32(3.0), f32([3.0, 3.0])))
    result = value_and_grad(times, (0, 1))(t32(3.0), Tensor(2.0, adcore.float64))
    check(result, (f64(6.0), (f32(2.0), f64(3.0))))


def test_g32_broadcasting_reduces_the_gradient():
    a = Tensor(np.ones((2, 3), np.float32))
    check(grad(lambda x, b: x + b, (0, 1))(a, t32(1.0, 2.0, 3.0)), (f32(np.ones((2, 3))), f32([2.0, 2.0, 2.0])))
    check(grad(times, 1)(a, t32(2.0)), f32(6.0))
    check(grad(times, 1)(a, Tensor(np.ones((2, 1), np.float32))), f32([[3.0], [3.0]]))


# value_and_grad, has_aux, return_ids.


def test_g33_value_and_gradient():
    check(value_and_grad(times)(t32(4.0), t32(7.0)), (f32(28.0), f32(7.0)))
    check(value_and_grad(times, (0,))(t32(4.0), t32(7.0)), (f32(28.0), f32(7.0)))
    check(value_and_grad(times, (0, 1))(t32(4.0), t32(7.0)), (f32(28.0), (f32(7.0), f32(4.0))))


def test_g34_auxiliary_outputs():
    def f(x, y):
        return x * y, x + y, x - y

    x, y = t32(2.0), t32(5.0)
    aux = (f32(7.0), f32(-3.0))
    check(grad(f, 0, has_aux=True)(x, y), (f32(5.0), aux))
    check(grad(f, (0, 1), has_aux=True)(x, y), ((f32(5.0), f32(2.0)), aux))
    check(value_and_grad(f, (0, 1), has_aux=True)(x, y), ((f32(10.0), *aux), (f32(5.0), f32(2.0))))
    check(grad(lambda x, y: (x * y, x + y), has_aux=True)(x, y), (f32(5.0), (f32(7.0),)))
    check(value_and_grad(lambda x, y: (x * y, x + y), has_aux=True)(x, y), ((f32(10.0), f32(7.0)), f32(5.0)))


@pytest.mark.parametrize("output", [lambda x: x * x, lambda x: (x * x,), lambda x: [x * x, x]])
@pytest.mark.parametrize("transform", [grad, value_and_grad])
def test_g35_auxiliary_outputs_need_a_tuple_of_two(transform, output):
    with pytest.raises(ValueError, match="has_aux"):
        transform(output, has_aux=True)(t32(2.0))


def test_g36_auxiliary_outputs_may_be_anything():
    def f(x):
        return x * x, 1, None, "s", {"k": x}, (x, x)

    aux = (1, None, "s", {"k": f32(2.0)}, (f32(2.0), f32(2.0)))
    check(value_and_grad(f, has_aux=True)(t32(2.0)), ((f32(4.0), *aux), f32(4.0)))
    check(grad(f, has_aux=True)(t32(2.0)), (f32(4.0), aux))


@pytest.mark.parametrize("option", ["has_aux", "return_ids"])
@pytest.mark.parametrize("value", [1, "yes", None])
@pytest.mark.parametrize("transform", [grad, value_and_grad])
def test_g37_options_must_be_bool(transform, option, value):
    with pytest.raises(TypeError, match=option):
        transform(lambda x: (x, x), **{option: value})


def test_g38_the_differentiated_output_may_be_a_tuple():
    check(grad(lambda x: ((x * x, x * 3), x), has_aux=True)(t32(2.0)), (f32(7.0), (f32(2.0),)))


def test_g39_ids_of_positions():
    x, y = t32(2.0), t32(5.0)
    check(grad(times, return_ids=True)(x, y), (0, f32(5.0)))
    check(grad(times, (0,), return_ids=True)(x, y), (0, f32(5.0)))
    check(grad(times, 1, return_ids=True)(x, y), (1, f32(2.0)))
    check(grad(times, (0, 1), return_ids=True)(x, y), ((0, f32(5.0)), (1, f32(2.0))))
    check(value_and_grad(times, (0, 1), return_ids=True)(x, y), (f32(10.0), ((0, f32(5.0)), (1, f32(2.0)))))


@pytest.fixture
def w():
    return Parameter(t32(3.0), name="w")


@pytest.fixture
def v():
    return Parameter(t32(4.0), name="v")


def test_g40_ids_of_weights(w, v):
    def f(x):
        return x * w * v

    both = (("w", f32(8.0)), ("v", f32(6.0)))
    x = t32(2.0)
    check(grad(f, None, w, return_ids=True)(x), ("w", f32(8.0)))
    check(grad(f, 0, w, return_ids=True)(x), ((0, f32(12.0)), ("w", f32(8.0))))
    for weights in ([w, v], (w, v), ParameterTuple((w, v))):
        check(grad(f, None, weights, return_ids=True)(x), both)
        check(grad(f, 0, weights, return_ids=True)(x), ((0, f32(12.0)), both))
    check(grad(f, None, [w], return_ids=True)(x), (("w", f32(8.0)),))
    check(grad(f, 0, [w], return_ids=True)(x), ((0, f32(12.0)), (("w", f32(8.0)),)))


def test_g41_get_grad(w, v):
    def f(x, y):
        return x * y * w

    x, y = t32(2.0), t32(5.0)
    gradients = grad(f, (0, 1), [w, v], return_ids=True)(x, y)
    check(get_grad(gradients, 0), f32(15.0))
    check(get_grad(gradients, 1), f32(6.0))
    check(get_grad(gradients, w), f32(10.0))
    check(get_grad(gradients, v), f32(0.0))
    for missing in (2, Parameter(t32(1.0), name="other")):
        with pytest.raises(RuntimeError):
            get_grad(gradients, missing)
    for wrong in ("w", 1.5):
        with pytest.raises(TypeError):
            get_grad(gradients, wrong)
    with pytest.raises(RuntimeError):
        get_grad(t32(1.0), 0)


def test_g41_get_grad_of_one_gradient(w):
    def f(x, y):
        return x * y * w

    x, y = t32(2.0), t32(5.0)
    weights_only = grad(f, None, [w], return_ids=True)(x, y)
    check(weights_only, (("w", f32(10.0)),))
    check(get_grad(weights_only, w), f32(10.0))
    with pytest.raises(RuntimeError):
        get_grad(weights_only, 0)
    one_position = grad(f, 0, return_ids=True)(x, y)
    check(one_position, (0, f32(15.0)))
    check(get_grad(one_position, 0), f32(15.0))
    with pytest.raises(RuntimeError):
        get_grad(one_position, 1)
    with pytest.raises(RuntimeError):
        get_grad(grad(f, 0, return_ids=False)(x, y), 0)


# Weights.


def test_g42_the_structure_of_weights(w, v):
    def f(x):
        return x * w * v

    x = t32(2.0)
    check(grad(f, None, w)(x), f32(8.0))
    for weights in ([w, v], (w, v), ParameterTuple((w, v))):
        check(grad(f, None, weights)(x), (f32(8.0), f32(6.0)))
    for weights in ([w], (w,), ParameterTuple([w])):
        check(grad(f, None, weights)(x), (f32(8.0),))
    check(grad(f, None, weights=[v, w])(x), (f32(6.0), f32(8.0)))


def test_g43_weights_and_positions(w, v):
    def f(x, y):
        return x * w * v * y

    x, y = t32(2.0), t32(5.0)
    for position in (0, (0,)):
        check(grad(f, position, w)(x, y), (f32(60.0), f32(40.0)))
        check(grad(f, position, [w, v])(x, y), (f32(60.0), (f32(40.0), f32(30.0))))
        check(grad(f, position, [w])(x, y), (f32(60.0), (f32(40.0),)))
    both = (f32(60.0), f32(24.0))
    check(grad(f, (0, 1), w)(x, y), (both, f32(40.0)))
    check(grad(f, (0, 1), [w, v])(x, y), (both, (f32(40.0), f32(30.0))))
    check(grad(f, (0, 1), [w])(x, y), (both, (f32(40.0),)))
    check(value_and_grad(f, (0, 1), [w, v])(x, y), (f32(120.0), (both, (f32(40.0), f32(30.0)))))


def test_g43_weights_with_auxiliary_outputs(w):
    def f(x):
        return x * w, x + w

    check(grad(f, 0, [w], has_aux=True)(t32(2.0)), ((f32(3.0), (f32(2.0),)), (f32(5.0),)))
    check(value_and_grad(f, None, [w], has_aux=True)(t32(2.0)), ((f32(6.0), f32(5.0)), (f32(2.0),)))


def test_g44_no_weights_at_all(w):
    def f(x):
        return x * w

    for weights in ([], (), ParameterTuple([])):
        check(grad(f, None, weights)(t32(2.0)), ())
        check(grad(f, 0, weights)(t32(2.0)), (f32(3.0), ()))
        check(value_and_grad(f, None, weights)(t32(2.0)), (f32(6.0), ()))


def test_g45_weights_of_a_wrong_type(w):
    for weights in (t32(1.0), "w", [t32(1.0)], [w, t32(1.0)], {"w": w}, (q for q in [w]), {w}, 3):
        with pytest.raises(TypeError, match="weights?|Parameter"):
            grad(lambda x: x * w, None, weights)(t32(2.0))


def test_g46_an_unused_weight_has_zeros(w):
    u = Parameter(t32(1.0, 2.0), name="u")
    check(grad(lambda x: x * w, None, [w, u])(t32(2.0)), (f32(2.0), f32([0.0, 0.0])))
    check(grad(lambda x: x * 2, None, u)(t32(2.0)), f32([0.0, 0.0]))


def test_g47_a_weight_twice(w):
    check(grad(lambda x: x * w * w, None, w)(t32(2.0)), f32(12.0))
    check(grad(lambda x: x * w * w, None, [w, w])(t32(2.0)), (f32(12.0), f32(12.0)))


def test_g48_two_weights_of_one_name(w):
    other = Parameter(t32(5.0), name="w")
    check(grad(lambda x: x * w * other, None, [w, other])(t32(2.0)), (f32(10.0), f32(6.0)))
    with pytest.raises(ValueError, match="'w'"):
        ParameterTuple([w, other])
    assert len(ParameterTuple([w, w])) == 2


def test_g49_a_frozen_weight_has_zeros(v):
    w = Parameter(t32(3.0), name="w", requires_grad=False)

    def f(x):
        return x * w * v

    check(grad(f, None, [w, v])(t32(2.0)), (f32(0.0), f32(6.0)))
    check(grad(f, None, w)(t32(2.0)), f32(0.0))
    check(grad(f, 0, [w])(t32(2.0)), (f32(12.0), (f32(0.0),)))
    w.requires_grad = True
    check(grad(f, None, [w, v])(t32(2.0)), (f32(8.0), f32(6.0)))


def test_g50_a_parameter_at_a_position(w):
    check(grad(times, (0, 1))(t32(2.0), w), (f32(3.0), f32(2.0)))
    frozen = Parameter(t32(3.0), name="w", requires_grad=False)
    check(grad(times, (0, 1))(t32(2.0), frozen), (f32(3.0), f32(0.0)))


def test_g51_a_parameter_as_position_and_as_weight(w):
    """A Parameter is a variable: wherever the function reads it, by argument or by name, the same one is meant."""
    check(grad(lambda x, q: x * q * w, (0, 1), [w])(t32(2.0), w), ((f32(9.0), f32(12.0)), (f32(12.0),)))
    check(grad(times, 1, [w])(t32(2.0), w), (f32(2.0), (f32(2.0),)))


# Nested.


def test_g52_derivatives_of_higher_order():
    expected = {1: 32.0, 2: 48.0, 3: 48.0, 4: 24.0, 5: 0.0}
    f = lambda x: x**4
    for order in range(1, 6):
        f = grad(f)
        check(f(t32(2.0)), f32(expected[order]))


def test_g53_nested_gradients_of_tensors_sum_twice():
    check(grad(grad(lambda x: x**3))(t32(1.0, 2.0, -3.0)), f32([6.0, 12.0, -18.0]))


@pytest.mark.filterwarnings("ignore::adcore.AmbiguityWarning")
def test_g54_nested_gradients_at_different_positions():
    f = lambda x, y: x**2 * y**3
    x, y = t32(2.0), t32(3.0)
    check(grad(grad(f, 0), 1)(x, y), f32(108.0))
    check(grad(grad(f, 1), 0)(x, y), f32(108.0))
    check(grad(lambda x, y: grad(f, (0, 1))(x, y), (0, 1))(x, y), (f32(162.0), f32(180.0)))


def test_g55_a_gradient_penalty():
    def penalised(x):
        value, gradient = value_and_grad(lambda x: x**3)(x)
        return value + gradient**2

    check(value_and_grad(penalised)(t32(2.0)), (f32(152.0), f32(300.0)))


def test_g56_weights_and_inputs_mixed(w):
    f = lambda x: x**2 * w**2
    x = t32(2.0)
    check(grad(lambda x: grad(f, None, w)(x))(x), f32(24.0))
    check(grad(grad(f, 0), None, w)(x), f32(24.0))
    check(grad(grad(f, None, w), None, w)(x), f32(8.0))


def test_g57_an_inner_derivative_does_not_see_outer_perturbations():
    check(grad(lambda x: x * grad(lambda y: x + y)(t32(1.0)))(t32(3.0)), f32(1.0))
    check(grad(lambda x: x * grad(lambda y: x * y)(t32(1.0)))(t32(3.0)), f32(6.0))


# stop_gradient.


def test_g58_stop_gradient_is_constant_under_derivatives():
    x = t32(3.0)
    check(grad(lambda x: ops.stop_gradient(x) ** 2)(x), f32(0.0))
    check(grad(lambda x: ops.stop_gradient(x) * x)(x), f32(3.0))
    check(grad(lambda x: (x * 2, ops.stop_gradient(x * 100)))(x), f32(2.0))
    check(value_and_grad(lambda x: ops.stop_gradient(x) * x)(x), (f32(9.0), f32(3.0)))


def test_g59_stop_gradient_of_anything():
    check(ops.stop_gradient(3.0), 3.0)
    check(ops.stop_gradient(2), 2)
    check(ops.stop_gradient((t32(1.0), t32(2.0))), (f32(1.0), f32(2.0)))
    check(ops.stop_gradient([t32(1.0)]), [f32(1.0)])
    check(ops.stop_gradient({"a": t32(1.0)}), {"a": f32(1.0)})
    check(ops.stop_gradient(None), None)
    check(ops.stop_gradient("s"), "s")
    check(ops.stop_gradient(Parameter(t32(1.0), name="p")), f32(1.0))
    check(ops.stop_gradient(Tensor([1, 2])), i64([1, 2]))
    array = ops.stop_gradient(np.ones(2))
    assert type(array) is np.ndarray and array.tolist() == [1.0, 1.0]


def test_g59_stop_gradient_reaches_into_containers():
    check(grad(lambda x: ops.stop_gradient([x * 5, x])[0] * x)(t32(3.0)), f32(15.0))


def test_g60_stop_gradient_gives_another_tensor():
    x = t32(1.0, 2.0)
    y = ops.stop_gradient(x)
    assert y is not x and type(y) is Tensor
    check(y, f32([1.0, 2.0]))
    check(grad(grad(lambda x: ops.stop_gradient(x**2) * x**2))(t32(3.0)), f32(18.0))


# Exceptions, reuse, control flow.


def test_g62_an_exception_passes_through_and_leaves_nothing():
    def bad(x):
        x * x
        raise KeyError("boom")

    with pytest.raises(KeyError, match="boom"):
        grad(bad)(t32(2.0))
    check(grad(lambda x: x * x)(t32(2.0)), f32(4.0))
    with pytest.raises((RuntimeError, ValueError), match="matmul"):
        grad(lambda x: ops.matmul(x, x))(Tensor(np.ones((2, 3), np.float32)))
    check(grad(lambda x: x * x)(t32(2.0)), f32(4.0))


def test_g63_one_gradient_function_for_many_shapes_and_branches():
    def f(x, n):
        for _ in range(n):
            x = x * 2 if x.sum() > 0 else x * 3
        return x

    gradient = grad(f)
    check(gradient(t32(1.0, 2.0), 2), f32([4.0, 4.0]))
    check(gradient(t32(-1.0, -2.0, -3.0), 3), f32([27.0] * 3))
    check(gradient(t32(1.0), 0), f32(1.0))


def test_g64_a_wrong_number_of_arguments():
    with pytest.raises(TypeError, match="'y'"):
        grad(lambda x, y: x * y)(t32(1.0))
    with pytest.raises(TypeError, match="argument"):
        grad(lambda x: x)(t32(1.0), t32(2.0))
    with pytest.raises(TypeError, match="'x'"):
        grad(lambda x: x)()


# In-place forms: what the function does to its arguments stays inside, and derivatives are those of mathematics.


def item_assignment_of_a_local(x):
    y = x * 1
    y[0] = 5.0
    return y * y


def augmented_assignment(x):
    y = x * 1
    y += x
    return y * y


def add_in_place(x):
    y = x * 1
    y.add_(x)
    return y * y


def item_assignment_of_the_argument(x):
    x[0] = 5.0
    return x * x


def add_to_the_argument(x):
    x.add_(1.0)
    return x * x


def augmented_assignment_of_the_argument(x):
    x *= 3.0
    return x * x


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (item_assignment_of_a_local, [0.0, 4.0]),
        (augmented_assignment, [8.0, 16.0]),
        (add_in_place, [8.0, 16.0]),
        (item_assignment_of_the_argument, [0.0, 4.0]),
        (add_to_the_argument, [4.0, 6.0]),
        (augmented_assignment_of_the_argument, [18.0, 36.0]),
    ],
)
def test_g66_in_place_forms(f, expected):
    argument = t32(1.0, 2.0)
    check(grad(f)(argument), f32(expected))
    check(argument, f32([1.0, 2.0]))


def assign_before_use(x, w):
    ops.assign(w, w * 2)
    return x * w


def set_data_before_use(x, w):
    w.set_data(t32(7.0))
    return x * w


def assign_between_uses(x, w):
    y = x * w
    ops.assign(w, t32(100.0))
    return y * w


def assign_after_use(x, w):
    y = x * w * w
    ops.assign_add(w, t32(1.0))
    return y


@pytest.mark.parametrize(
    ("f", "value", "gradients", "after"),
    [
        (assign_before_use, 12.0, (6.0, 4.0), 6.0),
        (set_data_before_use, 14.0, (7.0, 0.0), 7.0),
        (assign_between_uses, 600.0, (300.0, 200.0), 100.0),
        (assign_after_use, 18.0, (9.0, 12.0), 4.0),
    ],
)
def test_g67_a_weight_assigned_inside(w, f, value, gradients, after):
    """The gradient is by the value that the weight had at entry, by the chain rule through the assignment."""
    result = value_and_grad(lambda x: f(x, w), 0, [w])(t32(2.0))
    check(result, (f32(value), (f32(gradients[0]), (f32(gradients[1]),))))
    check(w, Expected(adcore.float32, after, Parameter))


# Points where a derivative has to be chosen.


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (ops.abs, 0.0),
        (ops.relu, 0.0),
        (ops.sqrt, np.inf),
        (lambda x: ops.maximum(x, t32(0.0, 0.0)), 0.5),
        (lambda x: ops.minimum(x, t32(0.0, 0.0)), 0.5),
        (lambda x: x.max(), 0.5),
        (lambda x: ops.amax(x), 0.5),
        (lambda x: ops.norm(x), 0.0),  # a subgradient, where MindSpore has NaN
        (lambda x: x**0.0, 0.0),
        (lambda x: x**2, 0.0),
        (ops.log, np.inf),
        (ops.sign, 0.0),
        (lambda x: ops.clip(x, 0.0, 1.0), 1.0),
        (lambda x: ops.where(x > 0, x, x * 2), 2.0),
        (ops.relu6, 0.0),
        (ops.leaky_relu, 0.6),
        (ops.floor, 0.0),
        (ops.round, 0.0),
        (lambda x: x / x, np.nan),
        (lambda x: x[:0].sum(), 0.0),
    ],
    ids=(
        "abs relu sqrt maximum minimum max amax norm pow0 pow2 log sign clip where relu6 leaky floor round xdivx sum0"
    ).split(),
)
def test_g68_subgradients_at_zero(f, expected):
    check(grad(f)(t32(0.0, 0.0)), f32([expected, expected]))


def test_g69_casts_and_comparisons():
    to32 = lambda x: ops.cast(x, adcore.float32)
    check(grad(lambda x: to32(x > 1) * 3)(t32(1.0, 2.0)), f32([0.0, 0.0]))
    check(grad(lambda x: to32(ops.cast(x, adcore.int32)) * x)(t32(1.5, 2.0)), f32([1.0, 2.0]))
    check(grad(lambda x: ops.cast(x, adcore.float64) ** 2)(t32(1.5, 2.0)), f32([3.0, 4.0]))


# What can be differentiated.


class Squares:
    factor = 3.0

    def method(self, x):
        return x * x * self.factor

    def __call__(self, x):
        return x * x * 7


def test_g70_anything_callable_can_be_differentiated():
    x = t32(2.0)
    check(grad(Squares().method)(x), f32(12.0))
    check(grad(Squares())(x), f32(28.0))
    check(grad(functools.partial(lambda a, x: a * x * x, 5.0))(x), f32(20.0))
    check(grad(functools.partial(lambda x, a: a * x * x, a=6.0))(x), f32(24.0))
    check(grad(ops.sin)(t32(0.0)), f32(1.0))
    check(grad(nn.ReLU())(x), f32(1.0))
    check(grad(functools.partial(ops.matmul, t32(1.0, 2.0)))(t32(3.0, 4.0)), f32([1.0, 2.0]))


def test_g70_what_leaves_the_library_is_a_constant():
    with pytest.warns(adcore.DetachedWarning):
        check(grad(lambda x: math.sin(x))(t32(1.0)), f32(0.0))
    check(grad(lambda x: Tensor(np.sin(x.asnumpy())))(t32(1.0)), f32(0.0))
    check(grad(lambda x: x * x.item())(t32(3.0)), f32(3.0))


def test_g71_grad_as_a_decorator():
    @grad
    def derivative(x):
        return x**3

    check(derivative(t32(2.0)), f32(12.0))

    @functools.partial(value_and_grad, has_aux=True)
    def both(x):
        return x**2, "aux"

    check(both(t32(3.0)), ((f32(9.0), "aux"), f32(6.0)))


def test_g72_a_gradient_is_a_plain_tensor():
    w = Parameter(t32(3.0), name="w")
    assert type(grad(lambda x: x * x)(t32(3.0))) is Tensor
    assert type(grad(lambda x: x * w, None, w)(t32(3.0))) is Tensor
    assert type(grad(lambda x: x * x)(w)) is Tensor


@pytest.mark.parametrize("name", ["requires_grad", "grad", "grad_fn", "is_leaf", "backward", "retain_grad"])
def test_g72_g73_tensors_know_no_graph(name):
    assert not hasattr(t32(3.0), name)


def test_g74_where_the_names_live():
    assert ops.grad is adcore.grad
    assert ops.value_and_grad is adcore.value_and_grad
    assert ops.get_grad is adcore.get_grad
    assert not hasattr(adcore, "stop_gradient")
