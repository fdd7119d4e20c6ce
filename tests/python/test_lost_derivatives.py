"""No derivative vanishes without a word: constructors pass it on, leaving warns, constants have derivative 0.

The right values are closed forms and central differences of NumPy.
"""

import collections
import dataclasses
import math
import operator
import pickle
import types
import warnings

import numpy as np
import pytest

import adcore
from adcore import DetachedWarning, Parameter, Tensor, float32, float64, int64, ops
from samples import sample, samples


def close(result, right, rtol=2e-6):
    np.testing.assert_allclose(result.asnumpy(), right, rtol=rtol, atol=1e-12)


# ---- making a tensor of tensors -------------------------------------------------------------------------------------

# The function, its point and its Jacobian.
CONSTRUCTORS = {
    "a list": (lambda x: Tensor([x, x * x, 7.0]), 3.0, [1.0, 6.0, 0.0]),
    "tensor()": (lambda x: adcore.tensor([x * 4, x]), 3.0, [4.0, 1.0]),
    "numbers first": (lambda x: Tensor([2, 0.5, x**3]), 2.0, [0.0, 0.0, 12.0]),
    "rows": (lambda x: Tensor([[x[0], 1.0], [x[1], x[0] * x[1]]]), [2.0, 5.0], [[[1, 0], [0, 0]], [[0, 1], [5, 2]]]),
    "a list of vectors": (lambda x: Tensor([x, x * x]), [2.0, 5.0], [[[1, 0], [0, 1]], [[4, 0], [0, 10]]]),
    "a list in float64": (lambda x: Tensor([x, x * x], float64), 3.0, [1.0, 6.0]),
    "another dtype": (lambda x: Tensor(x, float64) ** 2, 3.0, 6.0),
    "the same dtype": (lambda x: Tensor(x, float32) ** 2, 3.0, 6.0),
    "no dtype": (lambda x: Tensor(x) * x, 3.0, 6.0),
    "beside a list": (lambda x: Tensor([1.0, 2.0]) * [x, x * x], 3.0, [1.0, 12.0]),
    "linspace": (lambda x: ops.linspace(1.0, x, 5), 3.0, [0.0, 0.25, 0.5, 0.75, 1.0]),
    "linspace from": (lambda x: ops.linspace(x, x * x, 3), 3.0, [1.0, 3.5, 6.0]),
    "linspace of one": (lambda x: ops.linspace(x, 7.0, 1), 3.0, [1.0]),
    "arange": (lambda x: ops.arange(x, 6.0, 1.5), 2.0, [1.0, 1.0, 1.0]),
    "arange in steps": (lambda x: ops.arange(0.0, 5.0, x), 2.0, [0.0, 1.0, 2.0]),
    "full": (lambda x: ops.full((2,), x * x), 3.0, [6.0, 6.0]),
    "full_like": (lambda x: ops.full_like(Tensor([0.0, 0.0]), x * x), 3.0, [6.0, 6.0]),
    "setting a list": (lambda x: set_list(x), 3.0, [1.0, 6.0]),
}


def set_list(x):
    y = ops.zeros((2,))
    y[:] = [x, x * x]
    return y


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_a_tensor_made_of_tensors_depends_on_them(name):
    f, point, jacobian = CONSTRUCTORS[name]
    x = Tensor(point)
    close(adcore.jacrev(f)(x), jacobian)
    close(adcore.jacfwd(f)(x), jacobian)
    close(adcore.grad(lambda x: (f(x) * f(x)).sum())(x), 2 * np.tensordot(f(x).asnumpy(), jacobian, f(x).ndim))


def test_rows_of_lorenz():
    def lorenz(z):
        return Tensor([10 * (z[1] - z[0]), z[0] * (28 - z[2]) - z[1], z[0] * z[1] - 8 / 3 * z[2]])

    right = [[-10, 10, 0], [28 - 2.5, -1, -1.5], [0.5, 1.5, -8 / 3]]
    close(adcore.jacrev(lorenz)(Tensor([1.5, 0.5, 2.5])), right)
    close(adcore.jacfwd(lorenz)(Tensor([1.5, 0.5, 2.5])), right)
    close(adcore.vmap(adcore.jacfwd(lorenz))(Tensor([[1.5, 0.5, 2.5]])), [right])


@pytest.mark.parametrize(
    "make", [lambda a, b, d: ops.linspace(a, b, 7, dtype=d), lambda a, b, d: ops.arange(a, b, 0.3, dtype=d)]
)
@pytest.mark.parametrize("dtype", [float32, float64, adcore.float16])
def test_numbers_from_tensors_are_those_from_floats_bit_by_bit(make, dtype):
    a, b = 0.1, 2.3
    assert make(Tensor(a, float64), Tensor(b, float64), dtype).tolist() == make(a, b, dtype).tolist()


def test_a_copy_of_shared_memory_keeps_the_derivative():
    shared = adcore.from_numpy(np.array([1.0, 2.0]))
    close(adcore.grad(lambda x: (Tensor(x) * x).sum())(shared), [2.0, 4.0])


class Kept(Tensor):
    """A Tensor with attributes."""


# ---- leaving on the way ---------------------------------------------------------------------------------------------

LEAVING = {
    "float": float,
    "int": int,
    "math.exp": math.exp,
    "complex": complex,
    "np.asarray": np.asarray,
    "np.array of a list": lambda x: np.array([x]),
    "memoryview": memoryview,
    "pickle": pickle.dumps,
    "pickle of a subclass": lambda x: pickle.dumps(Kept(x)),
    "pickle of a container": lambda x: pickle.loads(pickle.dumps({"x": [x, 2.0]})),
    "np.from_dlpack": np.from_dlpack,
    "__array__": lambda x: x.__array__(),
    "bfloat16": lambda x: np.asarray(x.astype(adcore.bfloat16)),
}
ON_PURPOSE = {
    "item": lambda x: x.item(),
    "asnumpy": lambda x: x.asnumpy(),
    "tolist": lambda x: x.tolist(),
    "float of stop_gradient": lambda x: float(ops.stop_gradient(x)),
    "no_grad": lambda x: no_grad_float(x),
    "printing": lambda x: (repr(x), str(x), f"{x:.3f}"),
    "bool": lambda x: bool(x > 1) and bool(x),
    "math's roundings": lambda x: (math.floor(x), math.ceil(x), math.trunc(x), round(x)),
    "comparison": lambda x: x > 1,
    "a constant": lambda x: float(ops.sign(x)) + float(Tensor(2.0)),
}


def no_grad_float(x):
    with adcore.no_grad():
        return float(x)


DIFFERENTIATED = {
    "grad": lambda f: adcore.grad(f)(Tensor(1.5)),
    "value_and_grad": lambda f: adcore.value_and_grad(f)(Tensor(1.5)),
    "weights": lambda f: weights_gradient(f),
    "jvp": lambda f: adcore.jvp(f, Tensor(1.5), Tensor(1.0)),
    "vjp": lambda f: adcore.vjp(f, Tensor(1.5)),
    "jacfwd of jacrev": lambda f: adcore.hessian(f)(Tensor(1.5)),
    "recompute": lambda f: adcore.grad(lambda x: adcore.recompute(f, x))(Tensor(1.5)),
}


def weights_gradient(f):
    w = Parameter(Tensor(1.5), name="w")
    return adcore.grad(lambda: f(w), None, w)()


def warned(run):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    assert all(warning.category is DetachedWarning for warning in caught), [str(w.message) for w in caught]
    return caught


@pytest.mark.parametrize("how", LEAVING)
@pytest.mark.parametrize("transform", DIFFERENTIATED)
def test_numbers_that_leave_a_derivative_warn(how, transform):
    def f(x):
        LEAVING[how](x)
        return x * x

    caught = warned(lambda: DIFFERENTIATED[transform](f))
    assert caught
    for part in ("being differentiated", "no derivative", "stop_gradient", "asnumpy", "item"):
        assert part in str(caught[0].message)
    with warnings.catch_warnings(), pytest.raises(DetachedWarning):
        warnings.simplefilter("error")
        DIFFERENTIATED[transform](f)
    assert not warned(lambda: f(Tensor(1.5))), "nothing is differentiated"


@pytest.mark.parametrize("how", ON_PURPOSE)
@pytest.mark.parametrize("transform", DIFFERENTIATED)
def test_leaving_on_purpose_does_not_warn(how, transform):
    def f(x):
        ON_PURPOSE[how](x)
        return x * x

    assert not warned(lambda: DIFFERENTIATED[transform](f))


def test_the_roundings_of_math_are_ints_whose_derivative_is_0():
    for v in (1.5, -1.5, 2.0, 3):
        for function in (math.floor, math.ceil, math.trunc):
            got = function(Tensor(v))
            assert type(got) is int and got == function(v)
            close(adcore.grad(lambda x, function=function: x * function(x))(Tensor(float(v))), function(v))
    with pytest.raises(OverflowError):
        math.floor(Tensor(float("inf")))
    with pytest.raises(ValueError):
        math.ceil(Tensor([1.0, 2.0]))


def test_an_index_warns_too():
    def f(n):
        return n * [1.0, 2.0, 3.0][operator.index(n)]

    caught = warned(lambda: close(adcore.grad(f)(Tensor(2)), 3.0))
    assert len(caught) == 1
    assert not warned(lambda: adcore.grad(lambda x: x[int(ops.argmax(x))])(Tensor([1.0, 2.0])))


def test_it_warns_once_per_line_and_names_the_users_line():
    def f(x):
        total = x * 0.0
        for _ in range(3):
            total = total + float(x) * x
        return total + float(x)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        adcore.grad(f)(Tensor(1.5))
        adcore.grad(f)(Tensor(2.5))
    first = f.__code__.co_firstlineno
    assert [warning.lineno - first for warning in caught] == [3, 4]
    assert {warning.filename for warning in caught} == {__file__}


def test_a_value_that_only_an_ended_derivative_saw_does_not_warn():
    def f(x):
        value, gradient = adcore.value_and_grad(lambda y: y * y)(Tensor(3.0))
        return x * (float(value) + float(gradient))

    assert not warned(lambda: adcore.value_and_grad(lambda x: x * x)(Tensor(2.0))[0].asnumpy())
    assert not warned(lambda: float(adcore.value_and_grad(lambda x: x * x)(Tensor(2.0))[0]))
    close(adcore.vmap(lambda x: x * 2)(Tensor([1.0])), [2.0])


# ---- results that are constants -------------------------------------------------------------------------------------

CONSTANTS = {
    "a float": lambda x: 42.5,
    "an int": lambda x: 42,
    "a float of x": lambda x: x.sum().item() ** 2,
    "an array": lambda x: np.array([1.0, 2.0, 3.0]),
    "an array of x": lambda x: np.exp(x.asnumpy()),
    "an array of ints": lambda x: np.array([1, 2, 3]),
    "a scalar of NumPy": lambda x: np.float64(2.5),
    "a Tensor": lambda x: Tensor([5.0, 6.0]),
}


@pytest.mark.parametrize("name", CONSTANTS)
@pytest.mark.parametrize("point", [3.0, [1.0, 2.0]])
def test_a_constant_result_has_derivative_zero_in_every_transform(name, point):
    f, x = CONSTANTS[name], Tensor(point)
    out = np.asarray(f(x)) if not isinstance(f(x), Tensor) else f(x).asnumpy()
    zeros = np.zeros(out.shape + x.shape)
    for jacobian in (adcore.jacrev, adcore.jacfwd):
        result = jacobian(f)(x)
        assert isinstance(result, Tensor)
        np.testing.assert_array_equal(result.asnumpy(), zeros)
    np.testing.assert_array_equal(adcore.hessian(f)(x).asnumpy(), np.zeros(out.shape + x.shape * 2))
    np.testing.assert_array_equal(adcore.grad(f)(x).asnumpy(), np.zeros(x.shape))
    value, tangent = adcore.jvp(f, x, x)
    assert type(value) is type(f(x))
    np.testing.assert_array_equal(tangent.asnumpy(), np.zeros(out.shape))
    value, push = adcore.linearize(f, x)
    assert type(value) is type(f(x))
    np.testing.assert_array_equal(push(x).asnumpy(), np.zeros(out.shape))
    _, pull = adcore.vjp(f, x)
    cotangent = ops.ones_like(push(x))
    np.testing.assert_array_equal(pull(cotangent)[0].asnumpy(), np.zeros(x.shape))
    np.testing.assert_array_equal(ops.GradOperation()(f)(x).asnumpy(), np.zeros(x.shape))
    np.testing.assert_array_equal(ops.derivative(f, x, 2)[1].asnumpy(), np.zeros(out.shape))


def test_a_constant_beside_a_value_keeps_its_place():
    f = lambda x: {"a": x * x, "b": 5.0, "c": None, "d": "text"}
    for jacobian in (adcore.jacrev, adcore.jacfwd):
        result = jacobian(f)(Tensor(3.0))
        assert float(result["a"]) == 6.0 and float(result["b"]) == 0.0 and result["c"] is None and result["d"] == "text"
    value, tangent = adcore.jvp(f, Tensor(3.0), Tensor(2.0))
    assert value["b"] == 5.0 and float(tangent["a"]) == 12.0 and float(tangent["b"]) == 0.0


# ---- results in which tensors hide ----------------------------------------------------------------------------------


class Plain:
    def __init__(self, value):
        self.value = value


def object_array(x):
    array = np.empty(1, object)
    array[0] = x
    return array


HIDING = {
    "set": lambda x: {x},
    "frozenset": lambda x: frozenset([x]),
    "collections.deque": lambda x: collections.deque([x]),
    "dict_values": lambda x: {"a": x}.values(),
    "dict_items": lambda x: {"a": x}.items(),
    "dict_keys": lambda x: {x: 1}.keys(),
    "tuple_iterator": lambda x: iter((x,)),
    "map": lambda x: map(abs, [x]),
    "numpy.ndarray": object_array,
    "types.SimpleNamespace": lambda x: types.SimpleNamespace(loss=[x]),
    "UserDict": lambda x: collections.UserDict(a=x),
    "Plain": Plain,
}
TRANSFORMS = {
    "grad": lambda f, x: adcore.grad(f)(x),
    "value_and_grad": lambda f, x: adcore.value_and_grad(f)(x),
    "vjp": lambda f, x: adcore.vjp(f, x),
    "jvp": lambda f, x: adcore.jvp(f, x, x),
    "linearize": lambda f, x: adcore.linearize(f, x),
    "jacrev": lambda f, x: adcore.jacrev(f)(x),
    "jacfwd": lambda f, x: adcore.jacfwd(f)(x),
    "vmap": lambda f, x: adcore.vmap(f)(ops.stack([x, x])),
}


@pytest.mark.parametrize("container", HIDING)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_result_that_hides_tensors_is_refused_by_name(container, transform):
    for wrap in (lambda x: HIDING[container](x * x), lambda x: (x, [HIDING[container](x * x)])):
        with pytest.raises(TypeError, match=f"{transform}: the function's result is or holds a '{container}'"):
            TRANSFORMS[transform](wrap, Tensor(3.0))


def test_a_container_of_constants_and_what_can_be_called_pass():
    net = adcore.nn.Dense(1, 1)
    for rest in ({1, 2}, collections.deque([Tensor(1.0)]), types.SimpleNamespace(a=1), net, math, abs, Plain(2.0)):
        gradient = adcore.grad(lambda x, rest=rest: (x * x, rest))(Tensor(3.0))
        assert float(gradient) == 6.0


@pytest.mark.filterwarnings("ignore::adcore.AmbiguityWarning")
def test_fields_that_change_while_a_dataclass_is_read():
    @dataclasses.dataclass
    class Changing:
        a: object
        b: object

        def __getattribute__(self, name):
            if name == "a":
                fields = type(self).__dataclass_fields__
                for k in range(200):
                    fields[f"new{k}"] = fields["b"]
                    object.__setattr__(self, f"new{k}", 1.0)
            return object.__getattribute__(self, name)

    x = Tensor(3.0)
    assert float(adcore.grad(lambda x: Changing(x * x, x))(x)) == 7.0
    with pytest.raises((TypeError, ValueError)):
        adcore.grad(lambda c: object.__getattribute__(c, "b") * 2)(Changing(x, x))


# ---- vmap: results and keywords -------------------------------------------------------------------------------------


def test_an_array_as_result_is_repeated_for_every_member():
    x = Tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    result, array, number = adcore.vmap(lambda row: (row.sum(), np.array([7.0, 8.0]), np.float32(2.5)))(x)
    assert result.tolist() == [3.0, 7.0, 11.0]
    assert array.tolist() == [[7.0, 8.0]] * 3
    assert number.tolist() == [2.5] * 3
    moved = adcore.vmap(lambda row: np.array([7.0, 8.0]), out_axes=1)(x)
    assert moved.tolist() == [[7.0] * 3, [8.0] * 3]


def test_keywords_of_vmap_are_mapped_as_a_whole_or_not_at_all():
    def f(x, scale=1.0, w=None, flag=False):
        return x * scale + (w["a"] * w["b"] if w else 0.0) + (100.0 if flag else 0.0)

    x = Tensor([1.0, 2.0])
    assert adcore.vmap(f)(x, scale=3.0).tolist() == [3.0, 6.0]
    assert adcore.vmap(f)(x, flag=True).tolist() == [101.0, 102.0]
    assert adcore.vmap(f)(x, scale=Tensor([10.0, 20.0])).tolist() == [10.0, 40.0]
    assert adcore.vmap(f)(x, scale=np.array([10.0, 20.0])).tolist() == [10.0, 40.0]
    assert adcore.vmap(f)(x, w={"a": x, "b": x}).tolist() == [2.0, 6.0]
    assert adcore.vmap(f)(x, w={"a": 2.0, "b": 3.0}).tolist() == [7.0, 8.0]
    for keywords in ({"w": {"a": x, "b": 2.0}}, {"scale": Tensor(3.0)}):
        with pytest.raises((TypeError, ValueError), match="keyword argument.*by position.*partial"):
            adcore.vmap(f)(x, **keywords)
    with pytest.raises(ValueError, match="keyword arguments have no entry"):
        adcore.vmap(f, in_axes=(0, None))(x, scale=Tensor(3.0))


# ---- GradOperation and keywords -------------------------------------------------------------------------------------


def test_grad_operation_of_all_inputs_sees_keywords():
    f = lambda x, k, y=None, n=2: x * x * y**n * k
    x, y = Tensor(3.0), Tensor(5.0)
    gradients = ops.GradOperation(get_all=True)(f)(x, 2, y=y)
    assert [float(g) for g in gradients] == [2 * 3.0 * 25.0 * 2, 9.0 * 2 * 5.0 * 2]
    assert float(ops.GradOperation()(f)(k=2, y=y, x=x)) == 9.0 * 2 * 5.0 * 2
    assert [float(g) for g in ops.GradOperation(get_all=True, sens_param=True)(f)(x, 2, y=y, sens=Tensor(0.5))] == [
        150.0,
        90.0,
    ]


# ---- integers -------------------------------------------------------------------------------------------------------

INTEGERS = np.array([1, 2, 4])
# The function and its gradient at INTEGERS.
OF_INTEGERS = {
    "0.5 x": (lambda x: (x * 0.5).sum(), [0.5] * 3),
    "mean": (lambda x: x.mean(), [1 / 3] * 3),
    "sin": (lambda x: ops.sin(x).sum(), np.cos(INTEGERS)),
    "x x": (lambda x: (x * x).sum(), 2.0 * INTEGERS),
    "x x / 4": (lambda x: ((x * x) / 4).sum(), INTEGERS / 2.0),
    "cast": (lambda x: (x.astype(float64) / 4).sum(), [0.25] * 3),
    "product": (lambda x: ops.prod(x) * 0.5, [4.0, 2.0, 1.0]),
    "matrix product": (lambda x: x @ x, 2.0 * INTEGERS),
    "matrix product with halves": (lambda x: (x @ Tensor([[1, 2], [3, 4], [5, 6]]) * 0.5).sum(), [1.5, 3.5, 5.5]),
    "element": (lambda x: x[1] * x[1] * 0.5, [0.0, 2.0, 0.0]),
    "narrow integers": (lambda x: (x.astype(adcore.int8) * 0.5).sum(), [0.5] * 3),
    "cast back": (lambda x: (x * 0.5).astype(int64).sum() + x.sum() * 0.5, [0.5] * 3),
    "large powers": (lambda x: (x**3 * 0.1).sum(), 0.3 * INTEGERS**2),
}


@pytest.mark.parametrize("name", OF_INTEGERS)
@pytest.mark.parametrize("dtype", [int64, adcore.int32, adcore.uint8])
def test_the_derivative_in_an_integer_tensor_is_a_float_in_every_transform(name, dtype):
    f, right = OF_INTEGERS[name]
    x = Tensor(INTEGERS).astype(dtype)
    if dtype is not int64 and "matrix product with" in name:
        pytest.skip("a matrix product has one dtype")
    w = Parameter(x, name="w")
    unit = Tensor([1, 0, 0]).astype(dtype)
    gradients = {
        "grad": adcore.grad(f)(x),
        "value_and_grad": adcore.value_and_grad(f)(x)[1],
        "weights": adcore.grad(lambda: f(w), None, w)(),
        "vjp": adcore.vjp(f, x)[1](Tensor(1.0).astype(f(x).dtype))[0],
        "jacrev": adcore.jacrev(f)(x),
        "jacfwd": adcore.jacfwd(f)(x),
        "GradOperation": ops.GradOperation()(f)(x),
        "vmap of grad": adcore.vmap(adcore.grad(f))(ops.stack([x, x]))[1],
        "grad of vmap": adcore.grad(lambda x: adcore.vmap(f)(ops.stack([x, x * 0])).sum())(x)
        if name not in ("product",)
        else adcore.grad(f)(x),
    }
    for transform, gradient in gradients.items():
        assert gradient.dtype is (f(x) * 0.5).dtype if transform == "jacfwd" else float32, transform
        np.testing.assert_allclose(gradient.asnumpy(), right, rtol=2e-6, atol=1e-6, err_msg=transform)
    for direction in (unit, unit.astype(float32)):
        for tangent in (adcore.jvp(f, x, direction)[1], adcore.linearize(f, x)[1](direction)):
            assert tangent.dtype.is_floating_point
            np.testing.assert_allclose(tangent.asnumpy(), right[0], rtol=2e-6)


def test_second_derivatives_in_integers():
    x = Tensor(INTEGERS)
    close(adcore.hessian(lambda x: ops.sin(x).sum())(x), np.diag(-np.sin(INTEGERS)))
    close(adcore.hessian(lambda x: (x * x * x).sum())(x), np.diag(6.0 * INTEGERS))
    close(adcore.grad(lambda x: adcore.grad(lambda y: (y * y * y).sum())(x).sum())(x), 6.0 * INTEGERS)
    close(ops.derivative(ops.sin, x, 3)[1], -np.cos(INTEGERS))
    close(ops.jet(lambda x: x * x, x, Tensor([[1.0, 1, 1], [0, 0, 0]]))[1], [2.0 * INTEGERS, [2.0] * 3])


def test_rules_of_ones_own_get_and_give_floats_for_integers():
    @adcore.custom_vjp
    def halved(x):
        return x * 0.5

    halved.defvjp(lambda x: (x * 0.5, None), lambda _, g: (g * 0.5,))
    assert adcore.grad(lambda x: halved(x).sum())(Tensor(INTEGERS)).tolist() == [0.5] * 3
    seen = []
    x = Tensor(INTEGERS)
    x.register_hook(lambda g: seen.append(g) or g * 3)
    assert adcore.grad(lambda x: (x * 0.5).sum())(x).tolist() == [1.5] * 3
    assert seen[0].dtype is float32


@pytest.mark.parametrize("expression", samples())
def test_an_op_of_integers_has_the_derivative_of_the_same_op_of_floats(expression):
    function, arrays = sample(expression)
    whole = [np.round(array).astype(np.int64) for array in arrays]
    run = lambda *inputs: [t for t in adcore._core.tree_leaves(function(*inputs)) if isinstance(t, Tensor)]
    total = lambda *inputs: sum((t.astype(float64) * 0.25).sum() for t in run(*inputs))
    if not arrays:
        pytest.skip("no inputs")
    positions = tuple(range(len(arrays)))
    integers, floats = ([Tensor(a.astype(t)) for a in whole] for t in (np.int64, np.float32))
    try:
        gradients = adcore.grad(total, positions)(*integers)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        pytest.skip(f"not of integers: {error}")
    right = adcore.grad(total, positions)(*floats)
    for got, wanted in zip(gradients, right, strict=True) if len(positions) > 1 else [(gradients, right)]:
        assert got.dtype is float32
        np.testing.assert_allclose(got.asnumpy(), wanted.asnumpy(), rtol=1e-5, atol=1e-5)
    along = lambda values: adcore.jvp(total, tuple(values), tuple(ops.ones_like(v, dtype=float32) for v in values))[1]
    np.testing.assert_allclose(along(integers).asnumpy(), along(floats).asnumpy(), rtol=1e-5, atol=1e-5)
