"""Hooks on tensors that a differentiated function makes: each sees the whole derivative with respect to its value.

It does not matter when the hook was registered, nor which transform computes the derivative. Where another tensor holds
the same value, what comes from that one is not shown. The right values are calculus by hand.
"""

import copy
import gc
import weakref

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, jvp, ops, value_and_grad, vjp, vmap
from helpers import check, f32, t32


class Seen:
    """A hook that is not linear, and so tells a derivative from its parts: min(g, 6) * factor."""

    def __init__(self, factor=10.0):
        self.factor, self.calls = factor, []

    def __call__(self, g):
        self.calls.append(g)
        return ops.clamp(g, None, 6.0) * self.factor


def between_uses(hook):
    """3y + 4y for y = 2x, with a hook that is registered between the uses; the derivative is 2 * 60."""

    def f(x):
        y = x * 2.0
        earlier = y * 3.0
        y.register_hook(hook)
        return (y * 4.0 + earlier).sum()

    return f


WAYS = {
    "grad": lambda f, x: grad(f)(x),
    "value_and_grad": lambda f, x: value_and_grad(f)(x)[1],
    "vjp": lambda f, x: vjp(f, x)[1](t32(1.0))[0],
    "recompute": lambda f, x: grad(lambda x: adcore.recompute(f, x))(x),
    "jacrev": lambda f, x: adcore.jacrev(f)(x),
    "under another level": lambda f, x: grad(lambda a: (grad(f)(x) * a).sum())(t32(1.0)) / float(x.size) + x * 0.0,
    "watched": lambda f, x: _watched(f, x),
    "vmap of grad": lambda f, x: vmap(grad(f))(x.reshape(-1, 1)).reshape(x.shape),
    "grad of vmap": lambda f, x: grad(lambda x: vmap(f)(x.reshape(-1, 1)).sum())(x),
    "jvp of grad": lambda f, x: jvp(grad(f), x, x)[0],
}


def _watched(f, x):
    with adcore.debug_nans():
        return grad(f)(x)


@pytest.mark.parametrize("size", [3, 70_000], ids=["small", "large"])
@pytest.mark.parametrize("way", WAYS)
def test_a_hook_sees_earlier_and_later_uses_together(way, size):
    seen = Seen()
    x = Tensor(np.linspace(1, 2, size).astype(np.float32))
    check(WAYS[way](between_uses(seen), x), f32(np.full(size, 120.0)))
    assert len(seen.calls) == 1


def test_a_kept_pull_calls_the_hook_each_time():
    seen = Seen()
    _, pull = vjp(between_uses(seen), t32(1.0))
    check(pull(t32(1.0)), (f32(120.0),))
    check(pull(t32(0.5)), (f32(70.0),))
    assert [float(g) for g in seen.calls] == [7.0, 3.5]


def test_a_hook_on_an_input_sees_its_earlier_uses():
    seen = Seen(1.0)

    def f(x):
        earlier = x * 3.0
        x.register_hook(seen)
        return x * 4.0 + earlier

    check(grad(f)(t32(2.0)), f32(6.0))
    check(vjp(f, t32(2.0))[1](t32(1.0)), (f32(6.0),))
    assert [float(g) for g in seen.calls] == [7.0, 7.0]


def test_several_hooks_run_in_the_order_of_registration():
    def f(x):
        y = x * 2.0
        z = y * y
        z.register_hook(lambda g: g + 1.0)
        y.register_hook(lambda g: g * 10.0)
        out = z * 3.0
        y.register_hook(lambda g: g + 1.0)
        return out + y

    # Of z: 3 + 1; of y: (4 * 2y + 1) * 10 + 1, where y = 4.
    check(grad(f)(t32(2.0)), f32(2 * 331.0))


def test_one_output_of_several():
    seen = Seen()

    class Two(adcore.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0, x * 3.0

        @staticmethod
        def backward(ctx, g, h):
            return g * 2.0 + h * 3.0

    for two in (Two.apply, lambda x: tuple(ops.stack([x * 2.0, x * 3.0]))):

        def f(x, two=two):
            a, b = two(x)
            earlier = b * 3.0
            b.register_hook(seen)
            return a + b * 4.0 + earlier

        check(grad(f)(t32(2.0)), f32(2.0 + 3 * 60.0))


def second_order(x):
    y = x * x
    z = y * y
    y.register_hook(lambda g: g * x)
    return y * 3.0 + z


def test_orders_of_derivatives():
    """The first: x (2y + 3) 2x. Its derivative by y, 4x**2, meets the hook on its way; by x it is (2y + 3) 4x."""
    x = 1.5
    first = 4 * x**4 + 6 * x**2
    second = 4 * x**2 * x * 2 * x + (2 * x**2 + 3) * 4 * x
    check(grad(second_order)(t32(x)), f32(first))
    check(grad(grad(second_order))(t32(x)), f32(second))
    check(grad(lambda x: vjp(second_order, x)[1](t32(1.0))[0])(t32(x)), f32(second))
    # Forward mode passes hooks by: the derivative of 4x**4 + 6x**2 as a function.
    check(jvp(grad(second_order), t32(x), t32(1.0))[1], f32(16 * x**3 + 12 * x))


def test_a_batch_is_what_its_members_are():
    xs = np.array([0.5, 1.0, 1.5], np.float32)
    one_by_one = f32([float(grad(second_order)(t32(x))) for x in xs])
    check(vmap(grad(second_order))(Tensor(xs)), one_by_one)
    seen = []

    def f(x):
        y = x * 2.0
        earlier = y * y
        y.register_hook(lambda g: (seen.append(1), ops.where(g > 5.0, g * 10.0, g))[1])
        return earlier + y

    one_by_one = f32([2 * 3.0, 2 * 5.0, 2 * 70.0])
    check(Tensor([float(grad(f)(t32(x))) for x in xs]), one_by_one)
    seen.clear()
    check(grad(lambda xs: vmap(f)(xs).sum())(Tensor(xs)), one_by_one)
    check(vmap(grad(f))(Tensor(xs)), one_by_one)
    assert len(seen) == 2


def test_a_level_that_does_not_differentiate_by_a_value_calls_no_hook():
    """d/du of u * u * v at x, where v = 6x is a constant to u: 2xv, and its derivative by x is 2v + 2x * 10 * 6."""
    for outside in (True, False):
        calls = []

        def make(x, calls=calls):
            v = x * 6.0
            v.register_hook(lambda g: (calls.append(1), g * 10.0)[1])
            return v

        def f(x, outside=outside, make=make):
            v = make(x) if outside else None
            return grad(lambda u: u * u * (v if outside else make(x)))(x)

        check(grad(f)(t32(2.0)), f32(132 * 2.0))
        assert calls == [1]


def test_recomputed_blocks():
    def inside(x):  # a value of the block
        return between_uses(Seen())(x)

    def result(x):  # the value that the block returns: its uses inside and outside are 3 and 4
        def block(x):
            y = x * 2.0
            earlier = y * 3.0
            y.register_hook(Seen())
            return y, earlier

        y, earlier = adcore.recompute(block, x)
        return y * 4.0 + earlier

    def afterwards(x):
        y = adcore.recompute(lambda x: x * 2.0, x)
        earlier = y * 3.0
        y.register_hook(Seen())
        return y * 4.0 + earlier

    def around(x):  # uses of an outer value in a block
        y = x * 2.0
        earlier = adcore.recompute(lambda y: y * 3.0, y)
        y.register_hook(Seen())
        return y * 4.0 + earlier

    for f in (inside, result, afterwards, around):
        check(grad(f)(t32(2.0)), f32(120.0))
        check(grad(lambda x, f=f: grad(f)(x) * x)(t32(2.0)), f32(120.0))
        check(grad(lambda x, f=f: adcore.recompute(f, x))(t32(2.0)), f32(120.0))


def test_a_hook_on_a_value_from_before_the_block_sees_what_follows_once():
    calls = []

    def f(x):
        y = x * 2.0

        def block(x):
            y.register_hook(lambda g: (calls.append(1), g * 10.0)[1])
            return y * x

        return adcore.recompute(block, x)

    check(grad(f)(t32(3.0)), f32(6.0 + 3.0 * 10.0 * 2.0))
    assert calls == [1]


def test_removed_hooks_and_such_as_raise():
    def removed(x):
        y = x * 2.0
        earlier = y * 3.0
        y.register_hook(lambda g: g * 10.0).remove()
        return y + earlier

    check(grad(removed)(t32(1.0)), f32(8.0))
    with pytest.raises(ZeroDivisionError):
        grad(between_uses(lambda g: 1 / 0))(t32(1.0))
    with pytest.raises(TypeError, match="register_hook"):
        grad(between_uses(lambda g: Tensor(1, adcore.int32)))(t32(1.0))
    check(grad(between_uses(lambda g: None))(t32(1.0)), f32(14.0))


def test_a_hook_belongs_to_the_value_that_the_tensor_had():
    def f(x, change):
        y = x * 2.0
        y.register_hook(lambda g: g * 10.0)
        y = change(y)
        return y * 3.0

    def plus(y):
        y += 1.0
        return y

    def written(y):
        y[...] = y * 5.0
        return y

    for change, factor in ((plus, 1.0), (lambda y: y.add_(1.0), 1.0), (written, 5.0), (lambda y: y.copy(), 1.0)):
        check(grad(f)(t32(1.0), change), f32(2 * 10.0 * factor * 3.0))


def test_a_tensor_that_was_written_to_has_a_value_of_its_own():
    def f(x):
        y = x * 1.0
        y.add_(x)
        earlier = y * 3.0
        y.register_hook(Seen())
        return y * 4.0 + earlier

    check(grad(f)(t32(1.0)), f32(120.0))


def _given(give):
    t = Tensor(np.zeros(2, np.float32))
    give(t)
    return t


_own_rule = adcore.custom_vjp(lambda u: u)
_own_rule.defvjp(lambda u: (u, None), lambda saved, g: (g,))

SAME = {
    "reshape": lambda y: y.reshape(y.shape),
    "view": lambda y: y.view(y.shape),
    "flatten": lambda y: y.flatten(),
    "squeeze": lambda y: ops.squeeze(y),
    "broadcast_to": lambda y: ops.broadcast_to(y, y.shape),
    "expand_as": lambda y: ops.expand_as(y, y),
    "expand_dims": lambda y: ops.expand_dims(y, ()),
    "ravel": lambda y: ops.ravel(y),
    "reshape_as": lambda y: ops.reshape_as(y, y),
    "unflatten": lambda y: ops.unflatten(y, 0, (2,)),
    "roll": lambda y: ops.roll(y, 2),
    "repeat_elements": lambda y: ops.repeat_elements(y, 1),
    "scatter": lambda y: ops.scatter(y, 0, Tensor(np.zeros(0, np.int64)), 1.0),
    "atleast_1d": lambda y: ops.atleast_1d(y),
    "cartesian_prod": lambda y: ops.cartesian_prod(y),
    "diff": lambda y: ops.diff(y, 0),
    "astype": lambda y: y.astype(y.dtype),
    "float": lambda y: y.float(),
    "plus": lambda y: +y,
    "np.positive": lambda y: np.positive(y),
    "np.reshape": lambda y: np.reshape(y, y.shape),
    "copy": lambda y: y.copy(),
    "clone": lambda y: y.clone(),
    "copy.copy": lambda y: copy.copy(y),
    "deepcopy": lambda y: copy.deepcopy(y),
    "Tensor": lambda y: Tensor(y),
    "contiguous": lambda y: y.contiguous(),
    "assign": lambda y: _given(lambda t: ops.assign(t, y)),
    "assign_value": lambda y: _given(lambda t: t.assign_value(y)),
    "setitem": lambda y: _given(lambda t: t.__setitem__(..., y)),
    "slice": lambda y: y[:],
    "concat": lambda y: ops.concat([y]),
    "Parameter": lambda y: (lambda p: (ops.assign(p, y), p.value())[1])(Parameter(Tensor(np.zeros(2, np.float32)))),
    "custom_vjp": _own_rule,
    "vmap": lambda y: vmap(lambda u: u)(y),
    "jvp": lambda y: jvp(lambda u: u, y, y)[0],
    "cotangent": lambda y: vjp(lambda u: u + 1.0, y * 0.0)[1](y)[0],
    "gradients": lambda y: vjp(lambda u, v: u + v, y * 0.0, y * 0.0)[1](y)[1],
}


@pytest.mark.parametrize("same", SAME)
def test_a_hook_on_the_same_value_in_another_tensor_does_not_see_the_uses_of_the_first(same):
    """Nor do copies bypass the hook on the first."""
    w, v = np.array([1.0, 2.0], np.float32), np.array([3.0, 5.0], np.float32)

    def f(x, on_first):
        y = x * 1.0
        earlier = y * Tensor(w)
        z = SAME[same](y)
        (y if on_first else z).register_hook(lambda g: g * 10.0)
        return (earlier + z * Tensor(v) + y * Tensor(w)).sum()

    check(grad(f)(t32(1.0, 2.0), False), f32(2 * w + 10 * v))
    check(grad(f)(t32(1.0, 2.0), True), f32(10 * (2 * w + v)))


@pytest.mark.parametrize("inside", ["vmap", "jvp"])
def test_a_hook_on_an_argument_of_a_transform_inside_sees_its_uses_there(inside):
    def f(x):
        y = x * 1.0

        def g(u):
            u.register_hook(lambda g: g * 10.0)
            return u * 3.0

        z = vmap(g)(y) if inside == "vmap" else jvp(g, y, y)[0]
        return (y * 5.0 + z).sum()

    check(grad(f)(t32(1.0, 2.0)), f32([35.0, 35.0]))


def test_a_parameter_given_at_a_position_is_no_value_of_its_own():
    w = Parameter(t32(2.0), name="w")

    def f(a):
        a.register_hook(lambda g: g * 10.0)
        return a * 3.0 + w * 5.0

    check(grad(f)(w), f32(35.0))


def test_a_hook_that_refers_to_its_tensor_is_collected():
    def kept(keep):
        def f(x):
            y = x * 2.0
            earlier = y * 3.0
            y.register_hook(lambda g: g * ops.stop_gradient(y))
            gone.append(weakref.ref(y))
            return y + earlier

        return keep(f)

    for keep in (lambda f: grad(f)(t32(1.0)), lambda f: vjp(f, t32(1.0))):
        gone = []
        result = kept(keep)
        del result
        gc.collect()
        assert gone and not any(ref() for ref in gone)
    assert adcore._core.live_levels() == 0


def test_a_hook_may_register_another_one():
    calls = []

    def f(x):
        y = x * 2.0
        z = y * 3.0

        def hook(g):
            y.register_hook(lambda g: calls.append(float(g)))

        z.register_hook(hook)
        return z * 1.0 + y

    check(grad(f)(t32(1.0)), f32(8.0))
    check(grad(lambda x: grad(f)(x) * x)(t32(1.0)), f32(8.0))
