"""What users of MindSpore and of PyTorch know from there: forms of calls, cotangents that the caller gives, the context
of a Function, options of hooks, hooks on saved values. Right values are calculus by hand; right behaviour is what the
documentation of the two says.
"""

import inspect

import numpy as np
import pytest

import adcore
from adcore import Function, Parameter, Tensor, grad, jvp, linearize, nn, ops, value_and_grad, vmap
from helpers import array_of, check, f32, t32

# ---- nothing to differentiate --------------------------------------------------------------------------------------


class Bare(nn.Cell):
    """A network without inputs."""

    def __init__(self):
        super().__init__()
        self.w = Parameter(t32(3.0), name="w")

    def construct(self):
        return self.w * self.w


@pytest.mark.parametrize("fn", [Bare(), lambda: t32(1.0), lambda *xs: t32(2.0)], ids=["net", "function", "varargs"])
def test_without_inputs_the_derivative_by_the_inputs_is_empty(fn):
    value = fn()
    assert grad(fn)() == ()
    assert grad(fn, (0,))() == ()
    assert grad(fn, return_ids=True)() == ()
    got, empty = value_and_grad(fn)()
    assert empty == () and float(got) == float(value)
    for get_all in (False, True):
        assert ops.GradOperation(get_all=get_all)(fn)() == ()
        got, empty = nn.ForwardValueAndGrad(fn, get_all=get_all)()
        assert empty == () and float(got) == float(value)


def test_without_inputs_the_weights_are_differentiated():
    net = Bare()
    check(grad(net, 0, [net.w])(), ((), (f32(6.0),)))
    check(ops.GradOperation(get_by_list=True)(net)(), (f32(6.0),))
    check(ops.GradOperation(get_all=True, get_by_list=True)(net)(), ((), (f32(6.0),)))


def test_inputs_that_are_no_tensors_give_an_empty_derivative():
    assert ops.GradOperation()(lambda n, word: t32(n))(3, "x") == ()
    assert ops.GradOperation(get_all=True)(lambda n, word=None: t32(n))(3, word="x") == ()


def test_a_function_that_needs_inputs_says_so_itself():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        grad(lambda x: x)()
    for error in (RuntimeError, IndexError):  # of MindSpore's two modes
        with pytest.raises(error, match="no argument at position 1, the call has 0"):
            grad(lambda: t32(1.0), 1)()
        with pytest.raises(error, match="no argument at position 0, the call has 0"):
            grad(lambda: t32(1.0), (0, 1))()


def test_get_all_differentiates_tensors_among_the_keywords():
    f = lambda x, *, y, n=1: x * y * y * n
    check(ops.GradOperation(get_all=True)(f)(t32(2.0), y=t32(5.0), n=3), (f32(75.0), f32(60.0)))
    check(ops.GradOperation()(lambda *, y: y * y)(y=t32(5.0)), f32(10.0))


# ---- sens_param ----------------------------------------------------------------------------------------------------


def product(x, y):
    return x * y


def test_the_cotangent_is_the_last_argument_or_the_keyword_sens():
    x, y, sens = t32(1.0, 2.0), t32(3.0, 4.0), t32(10.0, 100.0)
    check(grad(product, (0, 1), sens_param=True)(x, y, sens), (f32([30.0, 400.0]), f32([10.0, 200.0])))
    check(grad(product, 0, sens_param=True)(x, y, sens=sens), f32([30.0, 400.0]))
    check(grad(product, 1, sens_param=True)(x, y=y, sens=sens), f32([10.0, 200.0]))
    check(grad(product, 1, sens_param=True)(y=y, x=x, sens=sens), f32([30.0, 400.0]))
    check(value_and_grad(product, 0, sens_param=True)(x, y, sens), (f32([3.0, 8.0]), f32([30.0, 400.0])))


def test_the_cotangent_looks_like_the_outputs():
    pair = lambda x: (x * 2, x * 3)
    check(grad(pair, sens_param=True)(t32(1.0), (t32(10.0), t32(100.0))), f32(320.0))
    mixed = lambda x: {"a": x * x, "constant": t32(7.0)}
    check(grad(mixed, sens_param=True)(t32(3.0), {"a": t32(2.0), "constant": t32(1.0)}), f32(12.0))
    check(grad(lambda x: x * x, sens_param=True)(3.0, 2.0), f32(12.0))
    aux = lambda x: (x * x, x + 1)
    check(grad(aux, has_aux=True, sens_param=True)(t32(3.0), t32(2.0)), (f32(12.0), (f32(4.0),)))


def test_a_cotangent_with_weights_and_identifiers():
    w = Parameter(t32(3.0), name="w")
    f = lambda x: x * w
    check(grad(f, 0, w, sens_param=True)(t32(2.0), t32(5.0)), (f32(15.0), f32(10.0)))
    (position, by_x), (name, by_w) = grad(f, 0, w, return_ids=True, sens_param=True)(t32(2.0), t32(5.0))
    assert (position, name) == (0, "w")
    check((by_x, by_w), (f32(15.0), f32(10.0)))


def test_the_derivative_in_the_cotangent():
    """g(s) = s * 3 x**2 is linear in s and quadratic in x."""
    pulled = grad(lambda x: x**3, sens_param=True)
    check(grad(lambda s: pulled(t32(2.0), s))(t32(5.0)), f32(12.0))
    check(grad(lambda x: pulled(x, t32(5.0)))(t32(2.0)), f32(60.0))
    check(vmap(pulled)(t32(1.0, 2.0), t32(10.0, 100.0)), f32([30.0, 1200.0]))


def test_cotangents_of_constants_are_numbers():
    """The shape is a constant of the function, so its cotangents count for nothing."""

    def f(x):
        return x.shape, x * x

    pulled = ops.GradOperation(get_all=True, sens_param=True)(f)
    check(pulled(t32(1.0, 2.0), ((2,), t32(1.0, 10.0))), (f32([2.0, 40.0]),))
    shape = ops.GradOperation(get_all=True, sens_param=True)(lambda x: x.shape)
    check(shape(t32(1.0, 2.0), (2,)), (f32([0.0, 0.0]),))


@pytest.mark.parametrize("make", [grad, value_and_grad, lambda f, **o: ops.GradOperation(**o)(f)])
def test_a_cotangent_that_does_not_fit(make):
    f = make(lambda x: x * x, sens_param=True)
    with pytest.raises(
        ValueError, match="cotangent of the output must have its shape .2,., got a Tensor of shape .3,."
    ):
        f(t32(1.0, 2.0), t32(1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match="must have its shape .2,."):
        f(t32(1.0, 2.0), 3.0)
    with pytest.raises(TypeError, match="must have its dtype Float32, got Float64"):
        f(t32(1.0), Tensor(1.0, adcore.float64))
    with pytest.raises(TypeError, match="sens_param is True, but the call has no argument for sens"):
        f()
    with pytest.raises(TypeError, match="sens_param must be a bool, got int"):
        make(lambda x: x, sens_param=1)


# ---- linearize -----------------------------------------------------------------------------------------------------


def test_linearize_takes_its_inputs_as_jvp_does():
    x, y = t32(1.0, 2.0), t32(3.0, 4.0)
    u, v = t32(1.0, 10.0), t32(5.0, 7.0)
    expected = f32([1.0 * 3 + 1 * 5, 10.0 * 4 + 2 * 7])
    check(jvp(product, (x, y), (u, v))[1], expected)
    for inputs in [(x, y), ((x, y),), ([x, y],)]:
        out, push = linearize(product, *inputs)
        check(out, f32([3.0, 8.0]))
        check(push(u, v), expected)
        check(push((u, v)), expected)
        check(push([u, v]), expected)
    out, push = linearize(lambda pair: pair[0] * pair[1], ((x, y),))
    check(push(((u, v),)), expected)
    with pytest.raises(ValueError, match="invalid length: there are 2 arguments, but 1 were given"):
        linearize(product, (x, y))[1](u)


# ---- the context of a Function -------------------------------------------------------------------------------------


class Split(Function):
    """x**2, a constant, x**3 and a word, whose cotangents are seen."""

    seen = []

    @staticmethod
    def forward(ctx, x, n):
        ctx.save_for_backward(x)
        return x * x, n, [x**3, "word"], 0.5

    @staticmethod
    def backward(ctx, *cotangents):
        Split.seen.append(cotangents)
        (x,) = ctx.saved_tensors
        of_square, of_n, of_cube, of_word, of_half = cotangents
        assert of_n is None and of_word is None and of_half is None
        return 2 * x * of_square + 3 * x * x * of_cube, None


def test_an_output_that_is_no_tensor_gets_none():
    Split.seen.clear()

    def f(x):
        square, n, (cube, word), half = Split.apply(x, 7)
        assert (n, word, half) == (7, "word", 0.5)
        return square * n + cube * half

    assert f(t32(2.0)).shape == ()
    check(grad(f)(t32(2.0)), f32(2 * 2 * 7 + 3 * 4 * 0.5))
    assert len(Split.seen) == 1
    check(grad(grad(f))(t32(2.0)), f32(2 * 7 + 6 * 2 * 0.5))
    check(jvp(f, t32(2.0), t32(1.0))[1], f32(34.0))
    check(vmap(grad(f))(t32(2.0, 0.0)), f32([34.0, 0.0]))


class Sorted(Function):
    """The values in order, and where they stood, of which there is no derivative."""

    cotangents = []
    materialize = True

    @staticmethod
    def forward(ctx, x):
        order = Tensor([1, 2, 0])
        values, scaled = x[order], x * 10
        ctx.save_for_backward(order)
        ctx.mark_non_differentiable(order, scaled)
        ctx.set_materialize_grads(Sorted.materialize)
        return values, order, scaled, x * 2

    @staticmethod
    def backward(ctx, *cotangents):
        Sorted.cotangents.append(cotangents)
        (order,) = ctx.saved_tensors
        back = ops.zeros_like(cotangents[0])
        back[order] = cotangents[0]
        return back


def test_outputs_that_are_marked_as_constants():
    x, w = t32(3.0, 1.0, 2.0), t32(5.0, 7.0, 11.0)

    def f(x):
        values, order, scaled, unused = Sorted.apply(x)
        assert order.dtype == adcore.int64
        return (values * w + scaled).sum()

    expected = f32([11.0, 5.0, 7.0])  # without marks, 10 more for `scaled`
    for materialize in (True, False):
        Sorted.cotangents.clear()
        Sorted.materialize = materialize
        check(grad(f)(x), expected)
        ((values, order, scaled, unused),) = Sorted.cotangents
        check(values, f32([5.0, 7.0, 11.0]))
        if materialize:
            assert order.dtype == adcore.float32 and not array_of(order).any() and order.shape == (3,)
            check((scaled, unused), (f32([0.0, 0.0, 0.0]),) * 2)
        else:
            assert order is scaled is unused is None
    Sorted.materialize = True
    check(jvp(f, x, t32(1.0, 0.0, 0.0))[1], f32(11.0))


class AddInPlace(Function):
    """x += y**2 in place, given back with its double."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(y)
        ops.assign_add(x, y * y)
        ctx.mark_dirty(x)
        return x, x * 2

    @staticmethod
    def backward(ctx, of_x, of_double):
        (y,) = ctx.saved_tensors
        g = of_x + 2 * of_double
        return g, 2 * y * g


def test_an_argument_that_forward_changes_in_place():
    """z = 3 x; before = z**2; then z += y**2 and d = 2 z: the sum of before, z**2 and d."""

    def f(x, y):
        z = x * 3
        before = z * z
        same, double = AddInPlace.apply(z, y)
        assert same is z
        return before + z * z + double

    x, y = 2.0, 5.0
    z = 3 * x + y * y
    check(f(t32(x), t32(y)), f32(36.0 + z * z + 2 * z))
    by_z = 2 * z + 2
    expected = (f32(2 * 9 * x + 3 * by_z), f32(2 * y * by_z))
    check(grad(f, (0, 1))(t32(x), t32(y)), expected)
    check(grad(lambda x: f(x, t32(y)))(t32(x)), expected[0])
    check(grad(lambda y: f(t32(x), y))(t32(y)), expected[1])
    check(jvp(f, (t32(x), t32(y)), (t32(0.0), t32(1.0)))[1], expected[1])


def test_a_parameter_that_forward_changes_in_place():
    w = Parameter(t32(2.0), name="w")

    def f(y):
        AddInPlace.apply(w, y)
        return w * w

    check(grad(f, 0, w)(t32(3.0)), (f32(2 * 11 * 6.0), f32(2 * 11.0)))
    check(w.value(), f32(11.0))


def test_marks_on_the_wrong_tensors():
    class Wrong(Function):
        mark = None

        @staticmethod
        def forward(ctx, x):
            Wrong.mark(ctx, x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    for mark, message in (
        (
            lambda ctx, x: ctx.mark_non_differentiable(x * 2),
            "mark_non_differentiable got a tensor, number 0, that is not",
        ),
        (lambda ctx, x: ctx.mark_dirty(x), "mark_dirty got a tensor, number 0, that is not among the outputs"),
    ):
        Wrong.mark = mark
        for run in (Wrong.apply, grad(Wrong.apply)):
            with pytest.raises(ValueError, match=message):
                run(t32(1.0))
    for mark in (
        lambda ctx, x: ctx.mark_non_differentiable(1.0),
        lambda ctx, x: ctx.mark_dirty("x"),
        lambda ctx, x: ctx.set_materialize_grads(1),
        lambda ctx, x: ctx.save_for_backward(3),
    ):
        Wrong.mark = mark
        with pytest.raises(TypeError):
            Wrong.apply(t32(1.0))


def test_which_derivatives_are_asked_for():
    class Needs(Function):
        needs = []

        @staticmethod
        def forward(ctx, x, n, y):
            Needs.needs.append(ctx.needs_input_grad)
            return x * y

        @staticmethod
        def backward(ctx, g):
            assert ctx.needs_input_grad == Needs.needs[-1]
            return g, None, g

    Needs.apply(t32(1.0), 1, t32(2.0))
    grad(lambda x: Needs.apply(x, 1, t32(2.0)))(t32(1.0))
    grad(lambda y: Needs.apply(t32(2.0), 1, y))(t32(1.0))
    assert Needs.needs == [(False, False, False), (True, False, False), (False, False, True)]


# ---- hooks on what a Function saves --------------------------------------------------------------------------------


class SavedCube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x, None)
        return x**3

    @staticmethod
    def backward(ctx, g):
        x, nothing = ctx.saved_tensors
        assert nothing is None
        return 3 * x * x * g


def with_hooks(pack, unpack):
    def f(x):
        with adcore.saved_tensors_hooks(pack, unpack):
            return SavedCube.apply(x)

    return f


def test_saved_tensors_are_packed_once_and_unpacked_where_they_are_read():
    calls = []

    def pack(t):
        calls.append("pack")
        return t.asnumpy().tobytes()

    def unpack(data):
        calls.append("unpack")
        return Tensor(np.frombuffer(data, np.float32).reshape(()))

    f = with_hooks(pack, unpack)
    check(grad(f)(t32(2.0)), f32(12.0))
    assert calls == ["pack", "unpack"]
    out, pull = adcore.vjp(f, t32(2.0))
    check((pull(t32(1.0)), pull(t32(2.0))), ((f32(12.0),), (f32(24.0),)))
    assert calls == ["pack", "unpack", "pack", "unpack", "unpack"]


def test_derivatives_of_a_rule_that_reads_unpacked_tensors():
    """The packed form is a constant; the second and third derivatives are right all the same."""
    to_array, to_tensor = (lambda t: np.array(t.asnumpy())), (lambda a: Tensor(a))
    f = with_hooks(to_array, to_tensor)
    check(grad(grad(f))(t32(2.0)), f32(12.0))
    check(grad(grad(grad(f)))(t32(2.0)), f32(6.0))
    through_ops = with_hooks(lambda t: t * 2, lambda t: t / 2)
    check(jvp(grad(through_ops), t32(2.0), t32(1.0))[1], f32(12.0))
    check(grad(lambda x: jvp(through_ops, x, t32(1.0))[1])(t32(2.0)), f32(12.0))
    check(vmap(grad(through_ops))(t32(1.0, 2.0)), f32([3.0, 12.0]))
    check(vmap(grad(grad(through_ops)))(t32(1.0, 2.0)), f32([6.0, 12.0]))


def test_the_rule_computes_with_what_was_unpacked():
    coarse = with_hooks(lambda t: t.astype(adcore.float16), lambda t: t.astype(adcore.float32))
    x = 1.0 + 2.0**-12
    check(grad(coarse)(t32(x)), f32(3.0))
    check(grad(SavedCube.apply)(t32(x)), f32(3 * x * x))


def test_the_innermost_hooks_hold_and_none_after_the_block():
    names = []
    hooks = lambda name: adcore.saved_tensors_hooks(lambda t: (names.append(name), t)[1], lambda t: t)

    def f(x):
        with hooks("outer"):
            y = SavedCube.apply(x)
            with hooks("inner"):
                y = SavedCube.apply(y)
            y = SavedCube.apply(y)
        return SavedCube.apply(y)

    check(grad(f)(t32(1.0)), f32(81.0))
    assert names == ["outer", "inner", "outer"]
    with pytest.raises(KeyError), hooks("raises"):
        raise KeyError
    SavedCube.apply(t32(1.0))
    assert names == ["outer", "inner", "outer"]


def test_wrong_hooks_on_saved_tensors():
    with pytest.raises(TypeError, match="saved_tensors_hooks: fn must be callable"):
        adcore.saved_tensors_hooks(None, lambda t: t)
    keep = lambda t: t
    for unpack, error, message in (
        (lambda t: 1.0, TypeError, "unpack_hook must return a Tensor, got float"),
        (lambda t: t32(1.0, 2.0), ValueError, r"of shape \(\) and dtype Float32, got a Tensor of shape \(2,\)"),
        (lambda t: t.astype(adcore.float64), ValueError, "dtype Float32, got a Tensor of shape .. and dtype Float64"),
    ):
        with pytest.raises(error, match=message):
            grad(with_hooks(keep, unpack))(t32(1.0))
    outer, inner = (adcore.saved_tensors_hooks(keep, keep) for _ in range(2))
    outer.__enter__(), inner.__enter__()
    with pytest.raises(RuntimeError, match="in the reverse of the order"):
        outer.__exit__(None, None, None)
    inner.__exit__(None, None, None)
    with pytest.raises(RuntimeError, match="in the reverse of the order"):
        inner.__exit__(None, None, None)


# ---- calls without an input that has a derivative ------------------------------------------------------------------


def test_where_no_argument_has_a_derivative():
    """MindSpore gives () for them, beside the derivatives by the weights."""
    w = Parameter(t32(3.0), name="w")

    def f(n, word=None):
        return w * w * n

    assert grad(f)(2) == () and grad(f)(2, "word") == () and grad(f)(2, None) == () and grad(f, (0, 1))(2, True) == ()
    assert grad(f, return_ids=True)(2) == ()
    value, gradient = value_and_grad(f)(2)
    check(value, f32(18.0))
    assert gradient == ()
    check(grad(f, 0, w)(2), ((), f32(12.0)))
    check(grad(f, 0, [w], return_ids=True)(2, word="word"), ((), (("w", f32(12.0)),)))
    check(grad(lambda x: grad(lambda n: x * n, 0, w)(2)[1] * x)(t32(1.0)), f32(0.0))


def test_a_number_without_derivative_beside_a_tensor_is_an_error():
    """Its derivative is asked for by mistake: the tensor is the other argument."""
    with pytest.raises(TypeError, match=r"argument 0 is to be differentiated, but 2 \(int\) has no derivative"):
        grad(lambda n, x: n * x)(2, t32(1.0))
    with pytest.raises(TypeError, match=r"argument 0 is to be differentiated, but 2 \(int\) has no derivative"):
        grad(lambda n: n[0] * t32(1.0))([2])


# ---- the name of a wrong gradient ----------------------------------------------------------------------------------


def twice(g):
    """A cotangent of twice the elements."""
    return ops.concat([g, g])


class Affine(Function):
    @staticmethod
    def forward(ctx, x, weight, *rest):
        return x * weight

    @staticmethod
    def backward(ctx, g):
        return (g, twice(g) if not Affine.extra else g.sum(), g)[: 2 + Affine.extra]


class AffineCell(nn.Cell):
    def construct(self, x, weight):
        return x * weight

    def bprop(self, x, weight, out, dout):
        return dout, twice(dout)


@adcore.custom_vjp
def affine(x, weight):
    return x * weight


affine.defvjp(lambda x, weight: (x * weight, None), lambda _, g: (g, twice(g)))


@pytest.mark.parametrize("fn", [Affine.apply, AffineCell(), affine], ids=["Function", "bprop", "custom_vjp"])
def test_a_wrong_gradient_names_its_parameter(fn):
    Affine.extra = 0
    x, w = t32(1.0, 2.0), Parameter(t32(3.0, 3.0), name="dense.scale")
    shapes = r"must have its shape \(2,\), got a Tensor of shape \(4,\)"
    with pytest.raises(ValueError, match=r"the cotangent of argument 1 \(weight\) " + shapes):
        grad(fn, 1)(x, t32(3.0, 3.0))
    with pytest.raises(ValueError, match=r"the cotangent of argument 1 \(weight, Parameter 'dense.scale'\) " + shapes):
        grad(lambda x: fn(x, w), None, w)(x)


def test_a_wrong_gradient_of_a_further_argument_and_beside_constants():
    Affine.extra = 1
    with pytest.raises(ValueError, match=r"the cotangent of argument 2 \(rest\[0\]\) must have its shape \(3,\)"):
        grad(Affine.apply, 2)(t32(1.0, 1.0), t32(2.0), t32(1.0, 2.0, 3.0))

    def power(n, x):
        return x**n

    power = adcore.custom_vjp(power, nondiff_argnums=(0,))
    power.defvjp(lambda n, x: (x**n, None), lambda n, _, g: (ops.concat([g, g]),))
    with pytest.raises(ValueError, match=r"the cotangent of argument 0 \(x\) must have its shape \(2,\)"):
        grad(power, 1)(2, t32(1.0, 2.0))


# ---- hooks of Cells ------------------------------------------------------------------------------------------------


class Scaled(nn.Cell):
    def construct(self, x, *, factor=1.0):
        if factor == 0.0:
            raise ZeroDivisionError
        return x * factor


def test_hooks_with_keyword_inputs():
    cell, seen = Scaled(), []

    def before(cell_, inputs, kwargs):
        seen.append((cell_, array_of(inputs[0]).tolist(), dict(kwargs)))
        return (inputs[0] + 1,), {"factor": kwargs.get("factor", 1.0) * 10}

    def after(cell_, inputs, kwargs, output):
        seen.append((cell_, array_of(inputs[0]).tolist(), kwargs, array_of(output).tolist()))
        return output + kwargs["factor"]

    cell.register_forward_pre_hook(before, with_kwargs=True)
    cell.register_forward_hook(after, True)
    check(cell(t32(2.0), factor=3.0), f32((2 + 1) * 30.0 + 30.0))
    assert seen == [(cell, 2.0, {"factor": 3.0}), (cell, 3.0, {"factor": 30.0}, 90.0)]
    check(cell(t32(2.0)), f32(40.0))
    check(grad(lambda x: cell(x, factor=3.0))(t32(2.0)), f32(30.0))


def test_a_hook_with_keyword_inputs_that_changes_nothing_or_returns_another_kind():
    cell = Scaled()
    handle = cell.register_forward_pre_hook(lambda *args: None, with_kwargs=True)
    check(cell(t32(2.0), factor=3.0), f32(6.0))
    handle.remove()
    cell.register_forward_pre_hook(lambda cell, inputs, kwargs: (t32(5.0), kwargs), with_kwargs=True)
    check(cell(t32(2.0), factor=3.0), f32(15.0))
    cell.register_forward_pre_hook(lambda cell, inputs, kwargs: inputs, with_kwargs=True)
    with pytest.raises(RuntimeError, match="Scaled: a forward pre-hook with_kwargs must return None or the pair"):
        cell(t32(2.0))


def test_a_hook_that_is_prepended_runs_first():
    cell, order = Scaled(), []
    for name, prepend in (("a", False), ("b", True), ("c", False), ("d", True)):
        cell.register_forward_pre_hook(lambda *_, name=name: order.append(f"before {name}"), prepend=prepend)
        handle = cell.register_forward_hook(lambda *_, name=name: order.append(f"after {name}"), prepend=prepend)
    cell(t32(1.0))
    assert order == [f"{when} {name}" for when in ("before", "after") for name in "dbac"]
    order.clear()
    handle.remove()
    cell(t32(1.0))
    assert order == ["before d", "before b", "before a", "before c", "after b", "after a", "after c"]


def test_a_hook_that_is_always_called():
    cell, calls = Scaled(), []

    def always(cell, inputs, kwargs, output):
        calls.append((kwargs, None if output is None else float(output)))

    cell.register_forward_hook(lambda *_: calls.append("plain"))
    cell.register_forward_hook(always, with_kwargs=True, always_call=True)
    cell(t32(2.0), factor=3.0)
    assert calls == ["plain", ({"factor": 3.0}, 6.0)]
    calls.clear()
    with pytest.raises(ZeroDivisionError):
        cell(t32(2.0), factor=0.0)
    assert calls == [({"factor": 0.0}, None)]

    def raises(cell, inputs, output):
        raise KeyError("from a hook")

    calls.clear()
    handle = cell.register_forward_hook(raises, prepend=True)
    with pytest.raises(KeyError):
        cell(t32(2.0), factor=3.0)
    assert calls == [({"factor": 3.0}, 6.0)]
    calls.clear()
    handle.remove()
    cell.register_forward_hook(raises, prepend=True, always_call=True)
    with pytest.raises(ZeroDivisionError) as caught:
        cell(t32(2.0), factor=0.0)
    assert calls == [({"factor": 0.0}, None)] and "KeyError('from a hook')" in caught.value.__notes__[0]
    calls.clear()
    cell.register_forward_pre_hook(lambda cell, inputs: 1 / 0)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        cell(t32(2.0))
    assert calls == [({}, None)]


def test_options_of_hooks_are_bools():
    cell = Scaled()
    for register, options in (
        (cell.register_forward_pre_hook, ("with_kwargs", "prepend")),
        (cell.register_forward_hook, ("with_kwargs", "prepend", "always_call")),
    ):
        for option in options:
            with pytest.raises(TypeError, match=f"{option} must be a bool, got int"):
                register(print, **{option: 1})
    check(cell(t32(2.0)), f32(2.0))


AXIS, KEEP = ("axis", "dim", "dims"), ("keepdims", "keep_dims", "keepdim")


def composites_along_axes():
    """Composites with an axis or keepdims among their parameters, and what these are called."""
    for name in ops.__all__:
        function = getattr(ops, name)
        if inspect.isfunction(function) and name == function.__name__ and hasattr(function, "_samples"):
            family = [p for p in inspect.signature(function).parameters if p in {*AXIS, *KEEP}]
            if family:
                yield name, family


@pytest.mark.parametrize("name, family", list(composites_along_axes()))
def test_composites_take_a_keyword_by_any_word_of_its_family(name, family):
    function = getattr(ops, name)
    for parameter in family:
        for word in AXIS if parameter in AXIS else KEEP:
            try:  # a value that no parameter takes: the complaint is about it, not about the word
                function(Tensor([1.0]), **{word: object()})
            except (TypeError, ValueError) as error:
                assert "unexpected keyword" not in str(error)
    with pytest.raises(TypeError):
        function(Tensor([1.0]), **dict.fromkeys(AXIS[:2] if family[0] in AXIS else KEEP[:2], 0))


def test_a_composite_along_a_dim_is_that_along_an_axis():
    x = Tensor([[1.0, float("nan"), 2.0], [3.0, 4.0, 0.0]])
    np.testing.assert_array_equal(ops.nansum(x, dim=1, keepdim=True).asnumpy(), [[3.0], [7.0]])
    np.testing.assert_array_equal(ops.count_nonzero(x, dim=0).asnumpy(), [2, 2, 1])
    np.testing.assert_array_equal(ops.quantile(x[1], 0.5, dim=0, keepdim=True).asnumpy(), [3.0])
