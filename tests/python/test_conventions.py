"""What users of MindSpore and of PyTorch know from there: forms of calls, cotangents that the caller gives, the context
of a Function, options of hooks, hooks on saved values. Right values are calculus by hand; right behaviour is what the
documentation of the two says.
"""

import pytest

import adcore
from adcore import Parameter, Tensor, grad, jvp, linearize, nn, ops, value_and_grad, vmap
from helpers import check, f32, t32

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
    with pytest.raises(RuntimeError, match="no argument at position 1, the call has 0"):
        grad(lambda: t32(1.0), 1)()
    with pytest.raises(RuntimeError, match="no argument at position 0, the call has 0"):
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
