"""Bad input and rough use: each gives a clear Python exception at the call, changes nothing, and the next call
works.

The fixture of conftest.py asks after each test whether gradients still come out right. Sizes that cannot exist,
arrays of every odd layout, a million statements on the tape, interrupted functions, forks and threads.
"""

import inspect
import operator
import os
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, nn, ops, value_and_grad
from adcore._ops.declare import composites
from helpers import Expected, array_of, boolean, check, f32, f64, i32, i64, t32

A = Tensor([[1.0, 5.0, 2.0], [4.0, 0.0, 3.0]], adcore.float32)


# Shapes that do not fit: both shapes stand in the message.


def both(first, second):
    """A pattern that wants both shapes, in this order."""
    spell = lambda shape: r"[\(\[]" + ", ?".join(map(str, shape)) + r",?[\)\]]"
    return f"(?s){spell(first)}.*{spell(second)}"


@pytest.mark.parametrize(
    "op", [ops.add, ops.sub, ops.mul, ops.div, ops.maximum, ops.pow, ops.equal, ops.less, ops.logical_and, ops.mse_loss]
)
def test_shapes_that_do_not_broadcast(op):
    with pytest.raises(ValueError, match=both((2, 3), (2, 4))):
        op(ops.ones((2, 3)), ops.ones((2, 4)))
    with pytest.raises(ValueError, match=both((2, 3), (2, 4))):
        grad(op)(ops.ones((2, 3)), ops.ones((2, 4)))


def test_other_shapes_that_do_not_fit():
    with pytest.raises((RuntimeError, ValueError), match=both((5, 4), (3, 2))):
        ops.matmul(ops.ones((5, 4)), ops.ones((3, 2)))
    with pytest.raises((RuntimeError, ValueError), match=both((4,), (3, 2))):
        ops.ones(4) @ ops.ones((3, 2))
    with pytest.raises(ValueError, match=both((2, 2, 3), (2, 4, 3))):
        ops.bmm(ops.ones((2, 2, 3)), ops.ones((2, 4, 3)))
    with pytest.raises(ValueError, match=both((2, 3), (3,))):
        ops.binary_cross_entropy_with_logits(A, ops.ones(3))
    with pytest.raises(ValueError, match=both((2, 3), (4,))):
        ops.binary_cross_entropy_with_logits(A, A, ops.ones(4))
    with pytest.raises(ValueError, match=both((2, 3), (4, 2))):
        ops.reshape(A, (4, 2))
    with pytest.raises(ValueError, match=both((2, 3), (2, 2))):
        ops.broadcast_to(A, (2, 2))
    with pytest.raises(ValueError, match=both((2, 3), (2,))):
        ops.concat((A, ops.ones(2)))
    with pytest.raises(ValueError, match=both((2, 3), (1, 2))):
        ops.concat((A, ops.ones((1, 2))))
    with pytest.raises(ValueError, match=both((2, 3), (3, 2))):
        ops.stack((A, A.T))
    with pytest.raises(ValueError, match=both((2, 3), (4,))):
        ops.where(A > 2, A, ops.ones(4))
    with pytest.raises(ValueError):
        ops.cross_entropy(A, Tensor([0, 1, 2]))


def test_bad_axes_and_permutations():
    for op in (ops.sum, ops.mean, ops.amax, ops.argmax, ops.softmax, ops.cumsum, ops.logsumexp, ops.var, ops.prod):
        for axis in (2, -3):
            with pytest.raises((ValueError, IndexError), match=str(axis)):
                op(A, axis)
        with pytest.raises(TypeError):
            op(A, "0")
    with pytest.raises((ValueError, RuntimeError)):
        ops.sum(A, (0, 0))
    with pytest.raises(ValueError):
        ops.transpose(A, (0, 0))
    with pytest.raises(ValueError):
        ops.transpose(A, (0, 1, 2))
    with pytest.raises((ValueError, IndexError)):
        ops.concat((A, A), 5)
    with pytest.raises((ValueError, IndexError)):
        ops.expand_dims(A, 4)
    with pytest.raises(ValueError):
        ops.concat(())
    with pytest.raises(ValueError):
        ops.stack(())
    with pytest.raises(ValueError):
        ops.split(A, [1, 1], 1)
    with pytest.raises(ValueError):
        ops.split(A, 0)
    with pytest.raises(ValueError):
        ops.pad(A, (1,))


# dtypes and types.


@pytest.mark.parametrize("dtype", ["float99", 3, NotImplemented, complex, "complex64", np.complex128], ids=str)
def test_unknown_dtypes(dtype):
    for make in (
        lambda: Tensor([1.0], dtype),
        lambda: ops.zeros((2,), dtype),
        lambda: A.astype(dtype),
        lambda: ops.cast(A, dtype),
    ):
        with pytest.raises(TypeError):
            make()


def test_an_integer_target_in_bce():
    for target in (Tensor([[1, 0, 1]] * 2), Tensor([[True, False, True]] * 2)):
        with pytest.raises(TypeError, match="(?i)int64|bool"):
            ops.binary_cross_entropy_with_logits(A, target)
    with pytest.raises(TypeError, match="(?i)int32"):
        ops.binary_cross_entropy_with_logits(Tensor([1], adcore.int32), ops.ones(1))


def test_arguments_of_a_wrong_type():
    for value in ("text", None, object(), {}):
        for op in (ops.exp, ops.sum, ops.relu):
            with pytest.raises(TypeError):
                op(value)
        with pytest.raises(TypeError):
            ops.add(A, value)
        with pytest.raises(TypeError):
            ops.matmul(A, value)
    with pytest.raises(TypeError):
        ops.exp()
    with pytest.raises(TypeError):
        ops.exp(A, A)
    with pytest.raises(TypeError):
        ops.exp(A, nonsense=1)
    with pytest.raises(TypeError):
        ops.concat(A, A)
    with pytest.raises(TypeError):
        ops.concat((A, "text"))
    with pytest.raises(TypeError):
        ops.reshape(A, "text")
    with pytest.raises(TypeError):
        ops.reshape(A, (2.5, 2))
    with pytest.raises(TypeError):
        A & A
    with pytest.raises(ValueError):
        ops.clamp(A)
    for reduction in ("bad", ""):
        with pytest.raises(ValueError, match="reduction"):
            ops.mse_loss(A, A, reduction)


# Integers to negative integer powers: what NumPy says of the same values.

SIGNED = [adcore.int8, adcore.int16, adcore.int32, adcore.int64]
INTEGERS = [*SIGNED, adcore.uint8, adcore.uint16, adcore.uint32, adcore.uint64, adcore.bool_]


def power_in(*pair):
    """What NumPy makes of a power, or the type of its exception."""
    try:
        return operator.pow(*(np.asarray(a.asnumpy()) if isinstance(a, Tensor) else a for a in pair))
    except (ValueError, OverflowError) as e:
        return type(e)


def check_power(base, exponent):
    expected = power_in(base, exponent)
    for power in (operator.pow, ops.pow):
        if not isinstance(expected, type):
            np.testing.assert_array_equal(array_of(power(base, exponent)), expected)
            continue
        with pytest.raises(expected, match="negative integer powers" if expected is ValueError else "does not fit"):
            power(base, exponent)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("exponent", [-1, -2, 0, 3])
def test_integers_to_negative_integer_powers(dtype, exponent):
    for base in (0, 1, [0, 1], [[1], [1]], []):
        check_power(Tensor(base, dtype), exponent)
    if dtype == adcore.uint64:
        return  # beside signed integers NumPy computes with floats, and no dtype of adcore holds both
    for other in SIGNED:
        for values in (exponent, [2, exponent], [[2], [exponent]]):
            check_power(Tensor([0, 1], dtype), Tensor(values, other))
        check_power(Tensor([], dtype), Tensor([exponent], other))


def test_exponents_that_are_negative_beside_a_number():
    for base in (0, 1, 2, True):
        for exponent in ([-1], [3, -2], [[0, 1], [-1, 4]], [0, 1]):
            check_power(base, Tensor(exponent))
    with pytest.raises(ValueError, match="negative integer powers"):
        ops.pow(3, -1)
    with pytest.raises(ValueError, match="negative integer powers"):
        base = Tensor([3])
        base **= -1
    assert array_of(base).tolist() == [3]


def test_negative_powers_of_floats_and_by_floats_are_computed():
    for dtype in (adcore.float16, adcore.float32, adcore.float64):
        x = Tensor([2.0, -4.0], dtype)
        for powers in (x**-1, ops.pow(x, -1), x ** Tensor([-1]), x ** Tensor(-1, adcore.int8), x**-1.0):
            check(powers, Expected(dtype, [0.5, -0.25]))
    check(2.0 ** Tensor([-1, -2]), f32([0.5, 0.25]))
    check(Tensor([2, 4]) ** -1.0, f32([0.5, 0.25]))
    check(Tensor([2, 4]) ** Tensor([-1.0, -0.5]), f32([0.5, 0.5]))


def test_negative_integer_powers_inside_of_transforms():
    """The exponents are looked at below the boxes of jvp and vmap; one member suffices."""
    ones, signs = Tensor([1, 1, 1]), Tensor([1, 0, -1])
    for call in (
        lambda f: f(ones, signs),
        lambda f: adcore.vmap(f)(ones, signs),
        lambda f: adcore.vmap(f, (None, 0))(Tensor(1), signs),
        lambda f: adcore.vmap(f, (0, None))(ones, Tensor(-1)),
        lambda f: adcore.vmap(adcore.vmap(f))(ones.reshape(1, 3), signs.reshape(1, 3)),
        lambda f: adcore.jvp(f, (ones, signs), (ones, ones)),
        lambda f: adcore.vmap(lambda a, b: adcore.jvp(f, (a, b), (a, a)))(ones, signs),
        lambda f: grad(f)(ones, signs),
        lambda f: grad(lambda a, b: adcore.vmap(f)(a, b))(ones, signs),
    ):
        for f in (operator.pow, ops.pow, lambda a, b: a**-1):
            with pytest.raises(ValueError, match="negative integer powers"):
                call(f)
    check(adcore.vmap(operator.pow)(Tensor([2, 3]), Tensor([3, 0])), i64([8, 1]))
    check(adcore.vmap(lambda a: a**-1)(t32(2.0, 4.0)), f32([0.5, 0.25]))


# Functions whose result computes later, when nothing is differentiated any more.


async def coroutine(x):
    return x * x


def generator(x):
    yield x * x


async def async_generator(x):
    yield x * x


LATER = {
    "coroutine": coroutine,
    "generator": generator,
    "async_generator": async_generator,
    "map": lambda x: map(ops.exp, [x, x]),
}
CALLS = {
    "grad": lambda f, x: grad(f)(x),
    "grad of grad": lambda f, x: grad(grad(f))(x),
    "grad has_aux": lambda f, x: grad(f, has_aux=True)(x),
    "grad first of has_aux": lambda f, x: grad(lambda x: (f(x), x), has_aux=True)(x),
    "value_and_grad": lambda f, x: value_and_grad(f)(x),
    "vjp": lambda f, x: adcore.vjp(f, x),
    "vjp has_aux": lambda f, x: adcore.vjp(f, x, has_aux=True),
    "jvp": lambda f, x: adcore.jvp(f, x, x),
    "jvp of a container": lambda f, x: adcore.jvp(lambda a: f(a[0]), ((x,),), ((x,),)),
    "linearize": lambda f, x: adcore.linearize(f, x),
    "vmap": lambda f, x: adcore.vmap(f)(x),
    "vmap out_axes": lambda f, x: adcore.vmap(f, out_axes=1)(x),
    "jacrev": lambda f, x: adcore.jacrev(f)(x),
    "jacfwd": lambda f, x: adcore.jacfwd(f)(x),
    "hessian": lambda f, x: adcore.hessian(f)(x),
    "GradOperation": lambda f, x: adcore.GradOperation()(f)(x),
    "derivative": lambda f, x: ops.derivative(f, x, 2),
    "jet": lambda f, x: ops.jet(f, x, ops.ones((2, 2))),
    "recompute": lambda f, x: adcore.recompute(f, x),
    "grad of recompute": lambda f, x: grad(lambda x: adcore.recompute(f, x))(x),
}


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("call", CALLS)
def test_results_that_compute_later(call, later):
    """A TypeError that names the type; warnings are errors here, so a coroutine must not complain as well."""
    x = t32(1.0, 2.0)
    with pytest.raises(TypeError, match=rf": the function's result .*'{later}' object"):
        CALLS[call](LATER[later], x)
    if call != "vjp has_aux" and call != "grad has_aux":
        with pytest.raises(TypeError, match=rf": the function's result .*'{later}' object"):
            CALLS[call](lambda x: {"a": [x, LATER[later](x)]}, x)


def test_rules_whose_result_computes_later():
    x = t32(1.0, 2.0)

    def rule_of(forward, backward):
        custom = adcore.custom_vjp(lambda x: x)
        custom.defvjp(forward, backward)
        return custom

    class Later(adcore.Function):
        forward = staticmethod(lambda ctx, x: generator(x))

    pushed = adcore.custom_jvp(coroutine)
    pushed.defjvp(lambda primals, tangents: (primals[0], tangents[0]))
    for f in (
        Later.apply,
        pushed,
        rule_of(lambda x: (generator(x), None), lambda _, g: (g,)),
        rule_of(lambda x: (x, None), lambda _, g: generator(g)),
        rule_of(lambda x: (x, None), lambda _, g: (coroutine(g),)),
    ):
        with pytest.raises(TypeError, match="'(generator|coroutine)' object"):
            grad(f)(x)


def test_a_cell_whose_construct_is_asynchronous():
    class Coroutine(nn.Cell):
        async def construct(self, x):
            return x * x

    class AsyncGenerator(nn.Cell):
        async def construct(self, x):
            yield x * x

    class Generator(nn.Cell):
        def construct(self, x):
            yield x * x

    class Hooked(nn.Cell):
        def __init__(self):
            super().__init__()
            self.inner = Coroutine()
            self.inner.register_forward_hook(lambda cell, inputs, out: None)

        def construct(self, x):
            return self.inner(x)

    x = t32(3.0)
    for cell, kind in ((Coroutine(), "coroutine"), (AsyncGenerator(), "async_generator"), (Hooked(), "coroutine")):
        for call in (
            lambda: cell(x),
            lambda: cell(x=x),
            lambda: grad(cell)(x),
            lambda: adcore.vmap(cell)(t32(1.0, 2.0)),
        ):
            with pytest.raises(TypeError, match=rf"\.construct: the function's result .*'{kind}' object"):
                call()
    check(next(Generator()(x)), f32(9.0))  # a generator may be used inside of a function that is differentiated
    check(grad(lambda x: sum(Generator()(x)))(x), f32(6.0))


def test_a_coroutine_that_runs_already_is_left_alone():
    class Once:
        def __await__(self):
            yield "waiting"

    async def waits():
        await Once()
        return "done"

    running = waits()
    assert running.send(None) == "waiting"
    with pytest.raises(TypeError, match="'coroutine' object"):
        grad(lambda x: running)(1.0)
    with pytest.raises(StopIteration, match="done"):
        running.send(None)


# Sizes.

HUGE = [(2**62, 4), (2**40, 2**40), (2**63 - 1,), (2**32, 2**32), (2**31, 2**31, 2), (10**13,)]


@pytest.mark.parametrize("shape", HUGE, ids=str)
def test_sizes_that_no_memory_holds(shape):
    for make in (
        lambda: ops.zeros(shape),
        lambda: ops.ones(shape, adcore.float64),
        lambda: ops.full(shape, 1.0),
        lambda: ops.rand(*shape),
    ):
        started = threading.active_count()
        with pytest.raises((MemoryError, ValueError)) as caught:
            make()
        assert caught.type is MemoryError, f"{shape}: {caught.value}"
        assert threading.active_count() == started


def test_broadcasts_that_no_memory_holds():
    column, row = ops.ones((2**21, 1)), ops.ones((1, 2**21))
    with pytest.raises(MemoryError):
        column + row
    with pytest.raises(MemoryError):
        ops.matmul(column, row)
    with pytest.raises(MemoryError):
        ops.tile(ops.ones(2**20), (2**42,))
    with pytest.raises(MemoryError):
        ops.arange(2**60)
    with pytest.raises(MemoryError):
        ops.eye(2**31, 2**31)
    with pytest.raises(MemoryError):
        grad(lambda a, b: a + b)(column, row)
    with pytest.raises(MemoryError):
        ops.pad(ops.ones(4), (2**61, 2**61))
    with pytest.raises(MemoryError):
        ops.one_hot(ops.zeros((2**20,), adcore.int64), 2**45)
    with pytest.raises(MemoryError):
        ops.one_hot(Tensor([0]), 2**70)
    with pytest.raises(MemoryError):
        ops.repeat_interleave(ops.ones(4), 2**61) if hasattr(ops, "repeat_interleave") else ops.zeros((2**61, 4))


def test_a_one_hot_that_no_memory_holds_raises_before_any_work():
    """Of 2**28 and more classes the places alone are gigabytes: none of them is made."""
    before = adcore.memory_stats()["peak_bytes_reserved"]
    for depth in (2**28, 2**29):
        with pytest.raises(MemoryError):
            ops.one_hot(ops.zeros((2**20,), adcore.int64), depth)
    assert adcore.memory_stats()["peak_bytes_reserved"] - before < 2**26


class Lookup(type):
    """The class of classes that raise where NumPy's protocols are asked for."""

    def __getattr__(cls, name):
        if name.startswith("__array"):
            raise cls.error
        raise AttributeError(name)


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, RuntimeError])
def test_only_an_attribute_error_says_that_there_is_no_attribute(error):
    odd = Lookup("Odd", (), {"error": error})()
    with pytest.raises(error):
        Tensor(odd)
    with pytest.raises(error):
        t32(1.0) + odd
    with pytest.raises(error):
        grad(lambda x: (x * x, odd))(t32(1.0))

    class Array:
        def __array__(self, dtype=None, copy=None):
            return np.zeros(2)

        @property
        def dtype(self):
            raise error

    with pytest.raises(error):
        grad(lambda x: (x * x, Array()))(t32(1.0))

    class Named:
        @property
        def name(self):
            raise error

    with pytest.raises(error):
        ops.zeros((2,), Named())
    with pytest.raises(TypeError):
        Tensor(Lookup("Plain", (), {"error": AttributeError})())


def test_sizes_that_do_not_fit_an_int64():
    for make in (lambda: ops.zeros(2**63), lambda: ops.zeros((2**64, 0)), lambda: ops.reshape(A, (2**70,))):
        with pytest.raises((OverflowError, ValueError, MemoryError, TypeError)):
            make()
    with pytest.raises(ValueError):
        ops.reshape(A, (2**40, 2**40))
    with pytest.raises((ValueError, MemoryError)):
        ops.reshape(ops.zeros((0, 3)), (2**62, 2**62))
    with pytest.raises((ValueError, MemoryError)):
        ops.broadcast_to(ops.zeros((0, 1)), (0, 2**62, 2**62))


@pytest.mark.parametrize("shape", [-1, (-1,), (2, -3), (0, -1)])
def test_negative_sizes(shape):
    for make in (ops.zeros, ops.ones, lambda s: ops.full(s if isinstance(s, tuple) else (s,), 1.0)):
        with pytest.raises(ValueError, match="-"):
            make(shape)


def test_sizes_of_zero_work():
    for shape in ((0,), (0, 3), (2, 0, 3)):
        empty = ops.zeros(shape)
        check(empty + 1, f32(np.zeros(shape)))
        check(ops.exp(empty), f32(np.zeros(shape)))
        check(empty.sum(), f32(0.0))
        check(ops.concat((empty, empty)), f32(np.zeros((2 * shape[0], *shape[1:]))))
        check(grad(lambda x: ops.exp(x) * 2)(empty), f32(np.zeros(shape)))
        assert str(empty) and repr(empty)
        assert empty.tolist() == np.zeros(shape).tolist()
        assert empty.asnumpy().shape == shape
    check(ops.matmul(ops.zeros((2, 0)), ops.zeros((0, 3))), f32(np.zeros((2, 3))))
    check(
        grad(ops.matmul, (0, 1))(ops.zeros((2, 0)), ops.zeros((0, 3))), (f32(np.zeros((2, 0))), f32(np.zeros((0, 3))))
    )
    check(grad(ops.matmul, (0, 1))(ops.zeros((0, 2)), ops.ones((2, 3))), (f32(np.zeros((0, 2))), f32(np.zeros((2, 3)))))
    check(ops.softmax(ops.zeros((0, 3))), f32(np.zeros((0, 3))))
    check(ops.zeros((0,)).reshape(0, 5).shape, (0, 5))
    check(ops.ones(3)[ops.ones(3) > 2], f32(np.zeros(0)))


def test_empty_reductions():
    empty = ops.zeros((0, 3))
    check(ops.sum(empty), f32(0.0))
    check(ops.sum(empty, 0), f32(np.zeros(3)))
    check(ops.sum(empty, 1), f32(np.zeros(0)))
    check(ops.prod(empty), f32(1.0))
    check(ops.mean(empty), f32(np.nan))
    check(ops.mean(empty, 0), f32(np.full(3, np.nan)))
    check(ops.mean(empty, 1), f32(np.zeros(0)))
    for op in (ops.max, ops.min, ops.amax, ops.amin, ops.argmax, ops.argmin):
        with pytest.raises(ValueError):
            op(empty)
        with pytest.raises(ValueError):
            op(empty, 0)
    check(ops.amax(empty, 1), f32(np.zeros(0)))
    check(ops.all(empty), boolean(True))
    check(ops.any(empty), boolean(False))
    check(ops.binary_cross_entropy_with_logits(empty, empty), f32(np.nan))
    check(ops.binary_cross_entropy_with_logits(empty, empty, reduction="sum"), f32(0.0))
    check(grad(ops.mean)(empty), f32(np.zeros((0, 3))))


# Indices.


@pytest.mark.parametrize(
    ("index", "named"),
    [
        (2, "2"),
        (-3, "-3"),
        ((0, 3), "3"),
        ((slice(None), -4), "-4"),
        (2**62, "4611686018427387904"),
        ([0, 5], "5"),
        (Tensor([0, -7]), "-7"),
        ((0, Tensor([9])), "9"),
        (np.array([0, 6]), "6"),
    ],
    ids=str,
)
def test_an_index_out_of_range_is_named(index, named):
    with pytest.raises(IndexError, match=rf"(?<![\d-]){named}(?!\d)"):
        A[index]
    target = Tensor(A)
    with pytest.raises(IndexError, match=rf"(?<![\d-]){named}(?!\d)"):
        target[index] = 1.0
    check(target, f32(array_of(A)))
    with pytest.raises(IndexError, match=rf"(?<![\d-]){named}(?!\d)"):
        grad(lambda x: x[index])(A)


def test_other_indices_out_of_range_are_named():
    for op in (lambda: ops.gather(A, Tensor([0, 8]), 0), lambda: ops.index_select(A, 1, Tensor([8]))):
        with pytest.raises(IndexError, match="8"):
            op()
    with pytest.raises((IndexError, ValueError), match="7"):
        ops.cross_entropy(A, Tensor([0, 7]))


@pytest.mark.parametrize(
    "index", [1.0, "a", (0, 0, 0), (..., ...), {}, Tensor(1.0), (0, 1.5), NotImplemented, 2**70], ids=repr
)
def test_things_that_are_no_index(index):
    with pytest.raises((IndexError, TypeError)):
        A[index]
    target = Tensor(A)
    with pytest.raises((IndexError, TypeError)):
        target[index] = 1.0
    check(target, f32(array_of(A)))


def test_masks_and_steps_that_do_not_fit():
    with pytest.raises((IndexError, ValueError)):
        A[Tensor([True, False, True])]
    with pytest.raises((IndexError, ValueError)):
        A[Tensor([[True, False]])]
    with pytest.raises(ValueError):
        A[::0]
    with pytest.raises((TypeError, IndexError)):
        t32(1.0)[0]
    with pytest.raises((IndexError, ValueError), match=both((2,), (3,))):
        A[Tensor([0, 1]), Tensor([0, 1, 2])]


def test_values_that_do_not_fit_an_item():
    w = Parameter(Tensor(A), name="w")
    for index, value in ((0, t32(1.0, 2.0)), ((0, 0), t32(1.0, 2.0)), (slice(None), ops.ones((3, 3)))):
        with pytest.raises(ValueError):
            w[index] = value
    for value in ("text", None, object()):
        with pytest.raises(TypeError):
            w[0] = value
    check(w, Expected(adcore.float32, array_of(A), Parameter))


# NumPy arrays of every layout.


def test_odd_arrays_are_read_rightly():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    frozen = values.copy()
    frozen.flags.writeable = False
    raw = np.zeros(values.nbytes + 1, np.uint8)
    misaligned = raw[1:].view(np.float32).reshape(3, 4)
    misaligned[...] = values
    assert not misaligned.flags.aligned
    record = np.zeros(3, np.dtype([("pad", "u1"), ("x", "f4")]))
    record["x"] = [1, 2, 3]
    for source, expected in (
        (frozen, values),
        (values[::-1], values[::-1]),
        (values[:, ::-2], values[:, ::-2]),
        (values.T, values.T),
        (np.asfortranarray(values), values),
        (misaligned, values),
        (misaligned.T[::-1], values.T[::-1]),
        (values.astype(">f4"), values),
        (values.astype(">f4")[::-1].T, values[::-1].T),
        (np.broadcast_to(values[0], (3, 4)), np.broadcast_to(values[0], (3, 4))),
        (record["x"], np.array([1, 2, 3])),
        (values[1:1], values[1:1]),
    ):
        check(Tensor(source), f32(expected))
        check(grad(lambda x: x * x)(Tensor(source)), f32(2 * expected))
    check(Tensor(np.arange(3, dtype=">i8")), i64([0, 1, 2]))
    check(Tensor(np.arange(3, dtype=">f8")), f64([0, 1, 2]))
    check(Tensor(np.float32(2.5)), f32(2.5))
    check(Tensor(np.int32(2)), i32(2))


def test_arrays_that_are_no_numbers():
    for source in (
        np.array([1.0, None], object),
        np.array([object()]),
        np.array(["a", "b"]),
        np.array([b"a"]),
        np.array(["2020-01-01"], "M8[D]"),
        np.zeros(2, [("a", "f4")]),
        np.array([1j]),
    ):
        with pytest.raises(TypeError):
            Tensor(source)
        with pytest.raises(TypeError):
            adcore.from_numpy(source)
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(TypeError):
            Tensor(np.ones(2, np.longdouble))


def test_from_numpy_shares_or_says_why_not():
    source = np.arange(6, dtype=np.float32).reshape(2, 3)
    shared = adcore.from_numpy(source)
    source[0, 0] = 50.0
    check(shared, f32(source))
    try:
        strided = adcore.from_numpy(source[:, ::2])
    except ValueError:
        pass
    else:
        source[1, 2] = 60.0
        check(strided, f32(source[:, ::2]))
    for odd in (source.astype(">f4"), [1.0, 2.0], "text", None):
        try:
            check(adcore.from_numpy(odd), f32(source))
        except (TypeError, ValueError):
            continue
        assert isinstance(odd, np.ndarray)
    frozen = np.ones(3, np.float32)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        adcore.from_numpy(frozen)


def test_item_assignment_never_writes_into_a_shared_array_unseen():
    source = np.ones(3, np.float32)
    kept = adcore.from_numpy(source)
    view = kept.asnumpy()
    assert not view.flags.writeable
    check(kept * 2, f32([2.0] * 3))


def test_containers_that_contain_themselves():
    loop = []
    loop.append(loop)
    with pytest.raises((TypeError, ValueError, RecursionError)):
        Tensor(loop)
    deep = 1.0
    for _ in range(5000):
        deep = [deep]
    with pytest.raises((TypeError, ValueError, RecursionError)):
        Tensor(deep)
    with pytest.raises((TypeError, ValueError, RecursionError)):
        grad(lambda x: 1.0)(loop)
    with pytest.raises((TypeError, ValueError, RecursionError)):
        value_and_grad(lambda x: loop)(t32(1.0))


def test_too_many_dimensions():
    shape = (1,) * 100
    try:
        t = ops.ones(shape)
    except ValueError:
        return
    assert t.shape == shape


# Interrupted functions, stale tensors, long tapes.


class Interrupt(BaseException):
    """Not an Exception: what KeyboardInterrupt and SystemExit are."""


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, Interrupt, MemoryError, StopIteration, GeneratorExit])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_exceptions_of_every_kind(kind, depth):
    w = Parameter(t32(3.0), name="w")

    def f(x):
        y = x * w
        if depth == 1:
            raise kind
        return y

    def nest(g):
        return lambda x: grad(g)(x) * x

    g = f
    if depth > 1:

        def g(x):
            x * w
            raise kind

    for _ in range(depth - 1):
        g = nest(g)
    with pytest.raises(kind):
        value_and_grad(g, 0, [w])(t32(2.0))
    check(value_and_grad(lambda x: x * w, 0, [w])(t32(2.0)), (f32(6.0), (f32(3.0), (f32(2.0),))))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_ctrl_c_inside_a_differentiated_function():
    def endless(x):
        while True:
            x = x * 1.000001

    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for _ in range(3):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt):
                grad(endless)(t32(1.0))
            check(grad(lambda x: x * x)(t32(2.0)), f32(4.0))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_an_interrupted_assignment_leaves_the_parameter_whole():
    w = Parameter(t32(1.0, 2.0), name="w")

    def f(x):
        ops.assign(w, w * 2)
        raise KeyError("after the assignment")

    with pytest.raises(KeyError):
        grad(f, 0, [w])(t32(1.0))
    assert array_of(w).tolist() in ([1.0, 2.0], [2.0, 4.0])
    check(grad(lambda x: x * w.sum(), None, w)(t32(3.0)), f32([3.0, 3.0]))


def test_a_million_statements():
    """v -> 0.999 v + 0.001, half a million times: two statements each, and no recursion in any direction."""
    steps = 500_000

    def f(v):
        for _ in range(steps):
            v = v * 0.999999 + 0.000001
        return v

    value, gradient = value_and_grad(f)(Tensor(3.0, adcore.float64))
    factor = 0.999999**steps
    np.testing.assert_allclose(float(gradient), factor, rtol=1e-9)
    np.testing.assert_allclose(float(value), 1 + 2 * factor, rtol=1e-9)


def test_a_long_tape_that_fails_at_its_end():
    def f(v):
        for _ in range(100_000):
            v = v * 0.999
        return ops.reshape(v, (7,))

    with pytest.raises(ValueError):
        grad(f)(t32(1.0))
    check(grad(lambda v: v * v)(t32(3.0)), f32(6.0))


def test_a_long_nested_tape():
    def f(v):
        for _ in range(20_000):
            v = v * 0.9999 + 0.0001
        return v * v

    second = grad(grad(f))(Tensor(2.0, adcore.float64))
    np.testing.assert_allclose(float(second), 2 * 0.9999**40_000, rtol=1e-9)


def test_a_long_chain_of_tensors_dies_without_recursion():
    chain = []

    def f(v):
        for _ in range(100_000):
            v = v + 1.0
            chain.append(v)
        return v

    check(grad(f)(t32(0.0)), f32(1.0))
    chain.clear()


# Processes and threads.


def run(program, timeout=120, **environment):
    """Run a program in a fresh interpreter; its output, or a failure that shows all it said."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **environment},
    )
    assert result.returncode == 0, f"exit {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_after_threads_ran():
    program = """
        import os, warnings
        import numpy as np
        import adcore
        from adcore import ops, Tensor, grad
        warnings.simplefilter("ignore")  # Python's own warning about forking with threads
        adcore.set_num_threads(2)
        x = Tensor(np.full((600, 600), 0.01, np.float32))
        before = ops.matmul(x, x).asnumpy().copy()
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                try:
                    same = np.array_equal(ops.matmul(x, x).asnumpy(), before)
                    gradient = grad(lambda x: ops.matmul(x, x).sum())(x).asnumpy()
                    right = same and np.allclose(gradient, 2 * 600 * 0.01, rtol=1e-4)
                    os._exit(0 if right else 3)
                except BaseException:
                    os._exit(4)
            children.append(child)
            assert np.array_equal(ops.matmul(x, x).asnumpy(), before)
        print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
    """
    assert run(program).strip() == "[0, 0, 0]"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_inside_a_differentiated_function():
    program = """
        import os, warnings
        from adcore import Tensor, grad, ops
        warnings.simplefilter("ignore")
        def f(x):
            y = x * x
            child = os.fork()
            if child == 0:
                os._exit(0 if float(grad(lambda x: x * x * x)(x)) == 27.0 else 3)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            return y * x
        print(float(grad(f)(Tensor(3.0))))
    """
    assert run(program).strip() == "27.0"


def test_the_interpreter_ends_in_peace():
    """Threads that sleep, a level that is open, tensors that live in globals: the exit is clean."""
    program = """
        import sys, threading
        import numpy as np
        import adcore
        from adcore import Tensor, grad, ops
        x = Tensor(np.ones((400, 400), np.float32))
        y = ops.matmul(x, x)
        class Late:
            def __del__(self):
                y.asnumpy()
        late = Late()
        kept = []
        def f(x):
            kept.append(x * 2)
            sys.exit(0)
        grad(f)(x)
    """
    run(program)


def parallel(bodies):
    """Run the callables in threads that start together; raise what the first of them raised."""
    failures = []
    start = threading.Barrier(len(bodies))

    def guarded(body):
        try:
            start.wait()
            body()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_threads_differentiate_one_network_at_once():
    cell = nn.SequentialCell(nn.Dense(5, 8), nn.Tanh(), nn.Dense(8, 1))
    weights = list(cell.trainable_params())
    rng = np.random.default_rng(5)
    data = [
        (Tensor(rng.standard_normal((9, 5)).astype(np.float32)), Tensor(rng.random((9, 1)).astype(np.float32)))
        for _ in range(4)
    ]

    def loss(x, y):
        return ops.binary_cross_entropy_with_logits(cell(x), y)

    gradient = value_and_grad(loss, 0, weights)

    def flat(result):
        value, (by_x, by_weights) = result
        return [array_of(t).copy() for t in (value, by_x, *by_weights)]

    alone = [flat(gradient(*pair)) for pair in data]

    def body(n):
        def repeat():
            for _ in range(100):
                for got, expected in zip(flat(gradient(*data[n])), alone[n], strict=True):
                    np.testing.assert_array_equal(got, expected)

        return repeat

    parallel([body(n) for n in range(4)])


def test_threads_at_different_depths_and_with_exceptions():
    def deep():
        for _ in range(200):
            check(grad(grad(lambda x: x**3))(t32(2.0)), f32(12.0))

    def failing():
        def bad(x):
            x * x
            raise KeyError("boom")

        for _ in range(200):
            with pytest.raises(KeyError):
                grad(lambda x: grad(bad)(x) * x)(t32(1.0))

    def plain():
        for _ in range(200):
            check(grad(lambda x: x * x)(t32(2.0)), f32(4.0))

    parallel([deep, failing, plain, deep])


def test_a_tracked_tensor_given_to_another_thread_is_a_constant_there():
    seen = []

    def f(x):
        y = x * x
        parallel([lambda: seen.append(grad(lambda z: z * y)(t32(2.0)))])
        return y * x

    check(grad(f)(t32(3.0)), f32(27.0))
    check(seen[0], f32(9.0))


def test_threads_that_compute_large_things_at_once():
    x = Tensor(np.random.default_rng(3).standard_normal((300, 300)).astype(np.float32))
    expected = array_of(ops.matmul(x, x)).copy()
    total = array_of(ops.exp(x).sum()).copy()

    def body():
        for _ in range(10):
            np.testing.assert_array_equal(array_of(ops.matmul(x, x)), expected)
            np.testing.assert_array_equal(array_of(ops.exp(x).sum()), total)

    parallel([body] * 4)


def test_a_thread_that_dies_inside_a_level():
    def body():
        with pytest.raises(SystemExit):
            grad(lambda x: sys.exit(0) if x.item() == 2.0 else x)(t32(2.0))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    check(grad(lambda x: x * x)(t32(2.0)), f32(4.0))


def test_threads_come_and_go_without_leaving_memory():
    def body():
        x = ops.ones((256, 256))
        grad(lambda x: (x @ x).sum())(x)

    def resident():
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    if not os.path.exists("/proc/self/statm"):
        pytest.skip("no /proc here")
    for _ in range(20):
        parallel([body, body])
    before = resident()
    for _ in range(100):
        parallel([body, body])
    assert resident() - before < 32 << 20  # 200 tapes of a megabyte would be far more


def test_setting_wrong_numbers_of_threads():
    before = adcore.get_num_threads()
    for wrong in (0, -1, "2", None, 1.5, 2**40):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            adcore.set_num_threads(wrong)
        assert adcore.get_num_threads() == before
    try:
        for count in (1, 3, 2):
            adcore.set_num_threads(count)
            assert adcore.get_num_threads() == count
    finally:
        adcore.set_num_threads(before)


@pytest.mark.parametrize("before", ["pass", "import adcore"], ids=["first", "second"])
def test_an_import_in_a_subinterpreter_raises(before):
    inside = "try:\n import adcore\nexcept ImportError as e:\n print('ImportError:', e, flush=True)"
    program = f"""
        import sys
        try:
            import _interpreters as interpreters
            create = lambda: interpreters.create("legacy")
        except ImportError:
            import _xxsubinterpreters as interpreters
            create = lambda: interpreters.create(isolated=False)
        {before}
        for _ in range(2):
            interpreter = create()
            for _ in range(2):
                interpreters.run_string(interpreter, f"import sys; sys.path[:] = {{sys.path}}\\n" + {inside!r})
            interpreters.destroy(interpreter)
        import adcore
        print(float(adcore.grad(lambda x: x * x)(3.0)))
    """
    *refused, works = run(program, timeout=60).splitlines()
    # From Python 3.13 on the interpreter replaces what the module says.
    told = "adcore works in the main interpreter of a process only, not in a subinterpreter."
    assert refused == [f"ImportError: {'initialization failed' if sys.version_info >= (3, 13) else told}"] * 4
    assert works == "6.0"


def test_importing_starts_no_thread_and_leaves_numpy_alone():
    program = """
        import sys, threading, os
        import adcore
        assert "numpy" not in sys.modules, "numpy"
        assert threading.active_count() == 1
        tasks = "/proc/self/task"
        assert not os.path.isdir(tasks) or len(os.listdir(tasks)) == 1, os.listdir(tasks)
    """
    run(program)


# What bool has no operation for, as in NumPy.


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("neg", lambda b: -b),
        ("neg", ops.neg),
        ("sub", lambda b: b - b),
        ("sub", lambda b: b - True),
        ("sub", lambda b: True - b),
        ("sub", lambda b: ops.sub(b, b[:1])),
    ],
)
def test_bool_has_no_sign_and_no_difference(name, f):
    b = Tensor([True, False])
    with pytest.raises(TypeError, match=f"{name}: works on numbers, got Bool; use logical_"):
        f(b)
    check((b - 1, 1 - b, b + b, b * b), (i64([0, -1]), i64([0, 1]), boolean([True, False]), boolean([True, False])))


# Objects that lie about themselves, and functions that are not public.


class Liar:
    """Has the operations of a number, and more axes than there are."""

    ndim = 2**63

    def __float__(self):
        return 1.0

    def __index__(self):
        return 1


def test_a_number_with_more_axes_than_fit_is_none():
    t = Tensor([1.0, 2.0])
    for use in (lambda: t.__setitem__(0, Liar()), lambda: t + Liar(), lambda: Tensor(Liar())):
        with pytest.raises(TypeError):
            use()
    check(t, f32([1.0, 2.0]))


def test_the_functions_of_the_core_survive_none():
    program = """
        from adcore import _core
        for name in dir(_core):
            f = getattr(_core, name)
            for count in range(5):
                try:
                    f(*[None] * count)
                except (TypeError, ValueError, RuntimeError, AttributeError, IndexError):
                    pass
                except Exception as e:
                    raise AssertionError(f"{name}, {count} times None: {e!r}") from e
        print("alive")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.stdout == "alive\n", done.stderr


@pytest.mark.parametrize("name", sorted(composites))
@pytest.mark.parametrize("bad", ["x", None, [1.0], iter([]), Liar()], ids=lambda bad: type(bad).__name__)
def test_a_composite_takes_tensors_where_it_says_so(name, bad):
    parameters = inspect.signature(composites[name]).parameters.values()
    required = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    for wrong in (p for p in required if p.annotation == "Tensor"):
        values = {p.name: Tensor(np.ones((2, 3))) if p.annotation == "Tensor" else 1 for p in required}
        with pytest.raises((TypeError, ValueError), match=f"^{composites[name].__name__}: |Tensor"):
            composites[name](**{**values, wrong.name: bad})


def test_flags_of_a_cell_are_a_dict():
    with pytest.raises(TypeError, match="Cell: flags must be a dict, got tuple"):
        nn.Cell(flags=("a", 1))


@pytest.mark.parametrize("axis", [2, -3, "x", None, 1.0])
@pytest.mark.parametrize("cut", [ops.split, ops.chunk])
def test_an_axis_to_cut_along(cut, axis):
    with pytest.raises((TypeError, ValueError), match=f"{cut.__name__}: axis"):
        cut(Tensor(np.ones((2, 3))), 1, axis)
