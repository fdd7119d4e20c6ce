"""Rules of one's own keep what their forward function saw, and hand out cells of their own.

`Function`, `custom_vjp`, `custom_jvp` and `Cell.bprop` get their arguments, what they saved and their outputs later,
when a sweep comes: as values. Whoever writes to one of the tensors meanwhile, in place or by an assignment, changes no
derivative. The right values are those of the same programs without a rule.
"""

import numpy as np
import pytest

import adcore
from adcore import Function, Parameter, Tensor, custom_jvp, custom_vjp, grad, jvp, nn, ops, value_and_grad, vjp, vmap
from helpers import array_of, check, f32, t32


class Square(adcore.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return u * u

    @staticmethod
    def backward(ctx, g):
        return 2 * ctx.saved_tensors[0] * g


class SquareByAttributes(adcore.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.u, ctx.nested, ctx.factor = u, {"pair": (u, 1)}, 2
        return u * u

    @staticmethod
    def backward(ctx, g):
        return (ctx.u + ctx.nested["pair"][0]) * g


class SquareOfList(adcore.Function):
    @staticmethod
    def forward(ctx, us):
        ctx.save_for_backward(*us)
        return us[0] * us[0]

    @staticmethod
    def backward(ctx, g):
        return ([2 * ctx.saved_tensors[0] * g],)


def square(u):
    return u * u


by_vjp = custom_vjp(square)
by_vjp.defvjp(lambda u: (u * u, {"u": [u]}), lambda saved, g: (2 * saved["u"][0] * g,))
by_jvp = custom_jvp(square)
by_jvp.defjvp(lambda us, ts: (us[0] * us[0], 2 * us[0] * ts[0]))
with_static = custom_vjp(lambda k, u: k * u * u, nondiff_argnums=0)
with_static.defvjp(lambda k, u: (k * u * u, u), lambda k, u, g: (2 * k * u * g,))


class SquareCell(nn.Cell):
    def construct(self, u):
        return u * u

    def bprop(self, u, out, dout):
        return (2 * u * dout,)


class SquareByOutput(nn.Cell):
    """Uses its output: 2 sqrt(out)."""

    def construct(self, u):
        return u * u

    def bprop(self, u, out, dout):
        return (2 * ops.sqrt(out) * dout,)


def static(u):
    one = t32(1.0)
    out = with_static(one, u)
    one[...] = 100.0
    return out


SQUARES = {
    "Function": Square.apply,
    "attributes": SquareByAttributes.apply,
    "list": lambda u: SquareOfList.apply([u]),
    "custom_vjp": by_vjp,
    "nondiff_argnums": static,
    "custom_jvp": by_jvp,
    "bprop": SquareCell(),
    "bprop by the output": SquareByOutput(),
    "recompute": lambda u: adcore.recompute(square, u),
    "recompute of a closure": lambda u: adcore.recompute(lambda: square(u)),
}
EVERY = pytest.mark.parametrize("own", SQUARES.values(), ids=SQUARES)

WRITES = {
    "in place": lambda y: y.__setitem__(..., 100.0),
    "augmented": lambda y: y.__iadd__(100.0),
    "assign": lambda y: ops.assign(y, t32(100.0)),
    "assign_add": lambda y: ops.assign_add(y, t32(100.0)),
}

WAYS = {
    "grad": lambda f, x: grad(f)(x),
    "value_and_grad": lambda f, x: value_and_grad(f)(x)[1],
    "vjp": lambda f, x: vjp(f, x)[1](t32(1.0))[0],
    "grad of grad": lambda f, x: grad(grad(lambda x: f(x) * x * 0.5))(x) / 9 * 6,  # of x**3 / 2: 3x
    "jvp": lambda f, x: jvp(f, x, t32(1.0))[1],
    "jvp of grad": lambda f, x: jvp(grad(f), x, t32(3.0))[1],
    "linearize": lambda f, x: adcore.linearize(f, x)[1](t32(1.0)),
}


@EVERY
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_an_argument_that_is_written_to_after_the_call(own, write):
    def f(x):
        y = x * 1.0
        z = own(y)
        write(y)
        return z

    for run in WAYS.values():
        check(run(f, t32(3.0)), f32(6.0))


@EVERY
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_an_output_that_is_written_to(own, write):
    def f(x):
        y = own(x)
        z = y * 1.0
        write(y)
        return z

    for run in WAYS.values():
        check(run(f, t32(3.0)), f32(6.0))


@EVERY
def test_a_parameter_that_is_assigned_after_the_call(own):
    w = Parameter(t32(3.0), name="w")

    def f(x):
        z = own(w) * x
        w.set_data(w * 10)
        return z

    check(grad(f, 0, w)(t32(1.0)), (f32(9.0), f32(6.0)))
    assert float(w) == 30.0
    _, pull = vjp(lambda x: own(w) * x, t32(1.0), weights=w)
    w.set_data(t32(1000.0))
    check(pull(t32(1.0)), ((f32(900.0),), f32(60.0)))


def test_a_list_that_changes_after_the_call():
    def f(x):
        us = [x * 1.0]
        z = SquareOfList.apply(us)
        us[0] = x * 100
        us.append(x)
        return z

    check(grad(f)(t32(3.0)), f32(6.0))


# ---- rules whose forward function returns an argument ---------------------------------------------------------------


class Identity(adcore.Function):
    @staticmethod
    def forward(ctx, u):
        return u

    @staticmethod
    def backward(ctx, g):
        return g


class IdentityCell(nn.Cell):
    def construct(self, u):
        return u

    def bprop(self, u, out, dout):
        return (dout,)


identity_vjp = custom_vjp(lambda u: u)
identity_vjp.defvjp(lambda u: (u, None), lambda _, g: (g,))
identity_jvp = custom_jvp(lambda u: u)
identity_jvp.defjvp(lambda us, ts: (us[0], ts[0]))

IDENTITIES = {
    "Function": Identity.apply,
    "custom_vjp": identity_vjp,
    "custom_jvp": identity_jvp,
    "bprop": IdentityCell(),
}


@pytest.mark.parametrize("own", IDENTITIES.values(), ids=IDENTITIES)
def test_an_identity_hands_out_a_cell_of_its_own(own):
    """y = x, z = the same with 5 added in place: y + z is 2x + 5, with a transform and without."""

    def f(x):
        y = x * 1.0
        z = own(y)
        ops.assign_add(z, t32(5.0))
        return y + z

    check(f(t32(4.0)), f32(13.0))
    check(value_and_grad(f)(t32(4.0)), (f32(13.0), f32(2.0)))
    check(jvp(f, t32(4.0), t32(1.0)), (f32(13.0), f32(2.0)))
    check(adcore.no_grad(f)(t32(4.0)), f32(13.0))
    w = Parameter(t32(4.0), name="w")
    out = own(w)
    assert type(out) is Tensor
    out[...] = 0.0
    assert float(w) == 4.0


@pytest.mark.parametrize("own", IDENTITIES.values(), ids=IDENTITIES)
def test_a_tensor_that_the_caller_passes_is_not_that_which_it_gets(own):
    x = t32(1.0, 2.0)
    out = own(x)
    out[0] = 7.0
    np.testing.assert_array_equal(array_of(x), [1.0, 2.0])


# ---- cotangents of the shape and dtype that broadcasting and promotion gave ----------------------------------------


class Sum(adcore.Function):
    @staticmethod
    def forward(ctx, x, y):
        return x + y

    @staticmethod
    def backward(ctx, g):
        return g, g


class SumCell(nn.Cell):
    def construct(self, x, y):
        return x + y

    def bprop(self, x, y, out, dout):
        return dout, dout


@adcore.custom_vjp
def added(x, y):
    return x + y


added.defvjp(lambda x, y: (x + y, None), lambda _, g: (g, g))


@pytest.mark.parametrize("rule", [Sum.apply, SumCell(), added], ids=["Function", "bprop", "custom_vjp"])
@pytest.mark.parametrize("shape", [(), (3,), (1,), (2, 1), (1, 1, 3), (4, 1, 1), (4, 2, 3)])
def test_a_cotangent_is_summed_to_its_argument_and_converted(rule, shape):
    """A rule may return what broadcasting and promotion made of its arguments; + is the oracle, at two orders."""
    rng = np.random.default_rng(1)
    x = Tensor(rng.normal(size=shape).astype(np.float32))
    y = Tensor(rng.normal(size=(4, 2, 3)))
    weights = Tensor(rng.normal(size=(4, 2, 3)))

    def gradients(fn):
        return grad(lambda x, y: (fn(x, y) ** 3 * weights).sum(), (0, 1))(x, y)

    def second(fn):
        return grad(lambda x: grad(lambda x: (fn(x, y) ** 3 * weights).sum())(x).sum())(x)

    own, by_plus = gradients(rule), gradients(lambda x, y: x + y)
    assert [g.dtype for g in own] == [adcore.float32, adcore.float64] and own[0].shape == shape
    for a, b in zip([*own, second(rule)], [*by_plus, second(lambda x, y: x + y)]):
        np.testing.assert_allclose(a.asnumpy(), b.asnumpy(), rtol=1e-5, atol=1e-6)
    members = vmap(lambda x: grad(lambda x: rule(x, y).sum())(x))(ops.stack([x, x]))
    np.testing.assert_allclose(members.asnumpy(), np.broadcast_to(24 / max(x.size, 1), (2, *shape)))


def test_an_int_cotangent_is_converted():
    """What MindSpore's own test of such a rule expects: ((4, 4, 4), ones and twos)."""

    class Rule(nn.Cell):
        def construct(self, x, y):
            return x + y

        def bprop(self, *args):
            given = Tensor([[1, 1, 1], [1, 1, 1], [2, 2, 2]], adcore.int64)
            return given, given

    x, y = Tensor([3.0, 3.0, 3.0]), Tensor([[1.0, 2.0, 3.0]] * 3)
    dx, dy = ops.GradOperation(get_all=True)(Rule())(x, y)
    assert dx.dtype == dy.dtype == adcore.float32
    assert dx.tolist() == [4, 4, 4] and dy.tolist() == [[1, 1, 1], [1, 1, 1], [2, 2, 2]]


def test_a_cotangent_that_is_no_broadcast_of_its_argument_is_refused():
    class Rule(nn.Cell):
        def construct(self, x):
            return x * 2

        def bprop(self, x, out, dout):
            return ops.concat([dout, dout])

    with pytest.raises(ValueError, match=r"the cotangent of argument 0 \(x\) must have its shape \(3,\)"):
        grad(Rule())(Tensor([1.0, 2.0, 3.0]))


def test_a_rule_of_arguments_output_and_cotangent():
    """`defbwd` takes what a Cell's bprop takes; here the rule of exp(n x), tripled to tell it from the true one."""

    @custom_vjp
    def f(x, y):
        return ops.exp(x * y)

    @f.defbwd
    def rule(x, y, out, g):
        return 3 * y * out * g, 3 * x * out * g

    dx, dy = grad(f, (0, 1))(t32(0.5), t32(2.0))
    check(dx, f32(3 * 2.0 * np.e))
    check(dy, f32(3 * 0.5 * np.e))

    scaled = custom_vjp(lambda n, x: ops.exp(n * x), nondiff_argnums=0)
    scaled.defbwd(lambda n, x, out, g: (3 * n * out * g,))
    check(grad(scaled, 1)(2, t32(0.5)), f32(6 * np.e))
    with pytest.raises(TypeError, match="defbwd"):
        scaled.defbwd(1)


# ---- Parameters of a Cell with a rule ------------------------------------------------------------------------------


class Weighted(nn.Cell):
    """w0 w1 x, whose rule is what `of_params` makes of the two cotangents of the Parameters."""

    def __init__(self, of_params):
        super().__init__()
        self.w0, self.w1 = Parameter(t32(2.0), name="w0"), Parameter(t32(5.0), name="w1")
        self.internal_params = [self.w0, self.w1]
        self.of_params = of_params

    def construct(self, x):
        return self.w0 * self.w1 * x

    def bprop(self, x, out, dout):
        return (self.w0 * self.w1 * dout,), self.of_params(self, [self.w1 * x * dout, self.w0 * x * dout])


@pytest.mark.parametrize(
    "of_params",
    [
        lambda cell, cotangents: dict(zip((cell.w1, cell.w0), cotangents[::-1])),
        lambda cell, cotangents: tuple(cotangents),
        lambda cell, cotangents: cotangents,
    ],
    ids=["dict", "tuple", "list"],
)
def test_a_rule_for_the_parameters_of_a_cell(of_params):
    net = Weighted(of_params)
    weights = net.trainable_params()
    dx, dw = ops.GradOperation(get_all=True, get_by_list=True)(net, weights)(t32(3.0))
    check((dx, dw), ((f32(10.0),), (f32(15.0), f32(6.0))))
    twice = grad(lambda x: grad(lambda x: net(x) ** 2, None, net.w0)(x))(t32(3.0))  # d/dx of 2 w0 (w1 x)**2
    check(twice, f32(4 * 2.0 * 25.0 * 3.0))
    assert float(grad(lambda x: net(x), None, [net.w1])(t32(3.0))[0]) == 6.0


def test_a_parameter_that_the_rule_leaves_out_has_zero():
    net = Weighted(lambda cell, cotangents: {cell.w1: cotangents[1]})
    check(grad(net, None, net.trainable_params())(t32(3.0)), (f32(0.0), f32(6.0)))


@pytest.mark.parametrize(
    "of_params, fault",
    [
        (lambda cell, cotangents: cotangents[0], "must return the pair"),
        (lambda cell, cotangents: cotangents[:1], "must return 2 cotangents of Parameters, got 1"),
        (lambda cell, cotangents: {t32(1.0): cotangents[0]}, "is none of internal_params"),
    ],
)
def test_a_wrong_rule_for_parameters(of_params, fault):
    net = Weighted(of_params)
    with pytest.raises(ValueError, match=f"Weighted.bprop: .*{fault}"):
        grad(net)(t32(3.0))


def test_a_function_has_no_cotangent_for_what_is_no_tensor():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, n, x):
            return x * n

        @staticmethod
        def backward(ctx, g):
            return g, g  # the first should be None

    with pytest.raises(
        RuntimeError, match=r"Wrong.backward: argument 0 \(n\) is no tensor.* None for it, got a Tensor"
    ):
        grad(lambda x: Wrong.apply(3, x))(2.0)


def test_nones_after_the_cotangents_are_dropped():
    """What a rule returns that hands its cotangents on, of which one is none."""

    class Rule(nn.Cell):
        def construct(self, x):
            return x * 2, None

        def bprop(self, x, out, dout):
            return dout

    check(grad(lambda x: Rule()(x)[0])(t32(3.0)), f32(1.0))
    with pytest.raises(ValueError, match="one cotangent per argument, 1, got 2"):
        grad(lambda x: type("Wrong", (Rule,), {"bprop": lambda self, x, out, dout: (x, x)})()(x)[0])(t32(3.0))


def calling_itself(factor):
    """`factor * exp(u)`, whose fwd calls the function itself."""
    f = custom_vjp(lambda k, u: k * ops.exp(u), nondiff_argnums=0)
    f.defvjp(lambda k, u: (f(k, u), f(k, u)), lambda k, y, g: (g * y,))
    return lambda u: f(factor, u)


def close(actual, expected):
    np.testing.assert_allclose(array_of(actual), expected, rtol=1e-5)


def composed(*transforms):
    def apply(f):
        for transform in transforms:
            f = transform(f)
        return f

    return apply


ALONG = {
    "grad": grad,
    "jvp": lambda f: lambda x: jvp(f, x, t32(1.0))[1],
    "vmap": lambda f: lambda x: vmap(f)(ops.stack([x, 2 * x]))[0],
    "recompute": lambda f: lambda x: adcore.recompute(f, x),
    "jit": adcore.jit,
}


@pytest.mark.parametrize("outer", ALONG)
@pytest.mark.parametrize("middle", ALONG)
@pytest.mark.parametrize("inner", ALONG)
def test_fwd_may_call_the_function_itself(inner, middle, outer):
    x = t32(0.3)
    f = calling_itself(2.0)
    expected = 2.0 * np.exp(0.3)  # and so are all derivatives of it
    close(composed(ALONG[inner], ALONG[middle], ALONG[outer])(f)(x), expected)


def test_the_rule_is_used_at_every_order_where_fwd_calls_the_function():
    f = custom_vjp(ops.sin)
    f.defvjp(lambda u: (f(u), f(u)), lambda y, g: (10.0 * g * y,))  # not the derivative of sin: f' = 10 f
    for order, expected in enumerate([1.0, 10.0, 100.0, 1000.0]):
        close(composed(*[grad] * order)(f)(t32(0.3)), expected * np.sin(0.3))
    members = vmap(grad(grad(f)))(t32(0.3, -0.5))
    close(members, 100.0 * np.sin([0.3, -0.5]))


def test_two_functions_whose_fwd_call_each_other():
    f, g = custom_vjp(ops.exp), custom_vjp(ops.exp)
    f.defvjp(lambda u: (g(u), g(u)), lambda y, c: (c * y,))
    g.defvjp(lambda u: (f(u), f(u)), lambda y, c: (c * y,))
    close(grad(grad(grad(f)))(t32(0.3)), np.exp(0.3))
    close(vmap(grad(f))(t32(0.3, 0.3))[0], np.exp(0.3))


def by_an_own_rule(make):
    """exp, whose rule calls a function with a rule of its own."""
    inner = make()
    f = custom_vjp(ops.exp)
    f.defvjp(lambda u: (ops.exp(u), u), lambda u, g: (g * inner(u),))
    return f


def exp_by_vjp():
    f = custom_vjp(ops.exp)
    f.defvjp(lambda u: (ops.exp(u), u), lambda u, g: (g * ops.exp(u),))
    return f


def exp_by_jvp():
    f = custom_jvp(ops.exp)
    f.defjvp(lambda us, ts: (ops.exp(us[0]), ops.exp(us[0]) * ts[0]))
    return f


class Exp(adcore.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return ops.exp(u)

    @staticmethod
    def backward(ctx, g):
        return g * ops.exp(ctx.saved_tensors[0])


class ExpCell(nn.Cell):
    def construct(self, u):
        return ops.exp(u)

    def bprop(self, u, out, dout):
        return (dout * ops.exp(u),)


@pytest.mark.parametrize("outer", ALONG)
@pytest.mark.parametrize("middle", ALONG)
@pytest.mark.parametrize("inner", ALONG)
@pytest.mark.parametrize("make", [exp_by_vjp, exp_by_jvp, lambda: Exp.apply, ExpCell])
def test_a_rule_may_call_a_function_with_a_rule_of_its_own(make, inner, middle, outer):
    f = by_an_own_rule(make)
    close(composed(ALONG[inner], ALONG[middle], ALONG[outer])(f)(t32(0.3)), np.exp(0.3))
