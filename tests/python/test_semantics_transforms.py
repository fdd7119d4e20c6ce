"""vjp, jvp, Jacobians, vmap, GradOperation, the nn wrappers, recompute, custom rules and hooks: results, structures and
exception types.

Names carry the number of the observation of MindSpore that a test pins. Where MindSpore dies or is wrong, the test says
what is right.
"""

import dataclasses
from collections import namedtuple

import numpy as np
import pytest

import adcore
from adcore import (
    Parameter,
    ParameterTuple,
    Tensor,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    nn,
    ops,
    value_and_grad,
    vjp,
    vmap,
)
from helpers import check, f32, t32


def cube_plus(x, y):
    return x**3 + y


def two(x, y):
    return x * y, x + y


# vjp.


def test_j01_vjp_returns_the_value_and_a_function():
    out, pull = vjp(cube_plus, t32(1.0, 2.0), t32(3.0, 4.0))
    check(out, f32([4.0, 12.0]))
    check(pull(t32(1.0, 1.0)), (f32([3.0, 12.0]), f32([1.0, 1.0])))
    check(vjp(lambda x: x**3, t32(1.0, 2.0))[1](t32(1.0, 10.0)), (f32([3.0, 120.0]),))


def test_j02_the_function_may_be_called_any_number_of_times():
    calls = []
    _, pull = vjp(lambda x: (calls.append(1), x**3)[1], t32(1.0, 2.0))
    for k in (1.0, 2.0, 3.0):
        check(pull(t32(k, k)), (f32([3 * k, 12 * k]),))
    assert len(calls) == 1


def test_j03_several_outputs():
    out, pull = vjp(two, t32(1.0, 2.0), t32(3.0, 4.0))
    check(out, (f32([3.0, 8.0]), f32([4.0, 6.0])))
    for v in ((t32(1.0, 1.0), t32(10.0, 10.0)), ((t32(1.0, 1.0), t32(10.0, 10.0)),)):
        check(pull(*v), (f32([13.0, 14.0]), f32([11.0, 12.0])))


def test_j04_has_aux():
    out, pull, aux = vjp(two, t32(1.0, 2.0), t32(3.0, 4.0), has_aux=True)
    check(aux, f32([4.0, 6.0]))
    check(pull(t32(1.0, 1.0)), (f32([3.0, 4.0]), f32([1.0, 2.0])))
    check(vjp(lambda x, y: (x * y, x + y, x), t32(1.0), t32(3.0), has_aux=True)[2], (f32(4.0), f32(1.0)))
    with pytest.raises(ValueError, match="has_aux"):
        vjp(lambda x: x, t32(1.0), has_aux=True)


def test_j05_weights():
    w = Parameter(t32(3.0), name="w")
    for weights, expected in ((w, f32(3.0)), ([w], (f32(3.0),)), (ParameterTuple([w]), (f32(3.0),))):
        _, pull = vjp(lambda x: x * w, t32(1.0, 2.0), weights=weights)
        check(pull(t32(1.0, 1.0)), ((f32([3.0, 3.0]),), expected))


def test_j06_wrong_cotangents():
    _, pull = vjp(lambda x: x**2, t32(1.0, 2.0))
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        pull(t32(1.0, 1.0, 1.0))
    with pytest.raises(TypeError, match="cotangent"):
        pull()
    with pytest.raises(TypeError, match="Tensor"):
        pull(1.0)
    with pytest.raises(TypeError, match="Float32.*Float64"):
        pull(Tensor([1.0, 1.0], adcore.float64))
    check(pull(t32(1.0, 1.0)), (f32([2.0, 4.0]),))
    check(vjp(lambda x: x * 2, 1.0)[1](t32(1.0)), (f32(2.0),))
    out, pull = vjp(lambda: t32(1.0))
    check(pull(t32(1.0)), ())


# jvp.


def test_j07_j08_j10_jvp():
    check(
        jvp(cube_plus, (t32(1.0, 2.0), t32(3.0, 4.0)), (t32(1.0, 1.0), t32(1.0, 1.0))),
        (f32([4.0, 12.0]), f32([4.0, 13.0])),
    )
    for wrap in (lambda t: t, lambda t: (t,), lambda t: [t]):
        check(jvp(lambda x: x**3, wrap(t32(1.0, 2.0)), wrap(t32(1.0, 10.0))), (f32([1.0, 8.0]), f32([3.0, 120.0])))
    x, v = (t32(1.0, 2.0), t32(3.0, 4.0)), (t32(1.0, 1.0), t32(1.0, 1.0))
    check(jvp(two, x, v), ((f32([3.0, 8.0]), f32([4.0, 6.0])), (f32([4.0, 6.0]), f32([2.0, 2.0]))))
    check(jvp(two, x, v, has_aux=True), (f32([3.0, 8.0]), f32([4.0, 6.0]), f32([4.0, 6.0])))


def test_j09_wrong_tangents():
    with pytest.raises(ValueError, match="should be 2, but|there are 2 arguments, but 1"):
        jvp(lambda x, y: x * y, (t32(1.0), t32(2.0)), (t32(1.0),))
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        jvp(lambda x: x**3, t32(1.0, 2.0), t32(1.0, 2.0, 3.0))
    with pytest.raises(TypeError, match="has_aux"):
        jvp(lambda x: x, t32(1.0), t32(1.0), has_aux=1)
    with pytest.raises(TypeError, match="argument 0"):
        jvp(lambda x: x, "a", t32(1.0))


# Jacobians.


def test_j11_j12_jacobians_and_their_structures():
    d, e = f32([[2.0, 0.0], [0.0, 4.0]]), f32([[1.0, 0.0], [0.0, 1.0]])
    g, h = f32([[3.0, 0.0], [0.0, 4.0]]), f32([[1.0, 0.0], [0.0, 2.0]])
    args = t32(1.0, 2.0), t32(3.0, 4.0)
    for jacobian in (jacfwd, jacrev):
        check(jacobian(lambda x: x**2)(t32(1.0, 2.0)), d)
        f = lambda x, y: (x**2 + y, x * y)
        check(jacobian(f)(*args), (d, g))
        check(jacobian(f, (0, 1))(*args), ((d, e), (g, h)))
        check(jacobian(f, 1)(*args), (e, h))


def test_j13_j16_aux_and_scalars():
    f = lambda x, y: (x**2 + y, x * y)
    for jacobian in (jacfwd, jacrev):
        result, aux = jacobian(f, 0, has_aux=True)(t32(1.0, 2.0), t32(3.0, 4.0))
        check((result, aux), (f32([[2.0, 0.0], [0.0, 4.0]]), f32([3.0, 8.0])))
        check(jacobian(lambda x: x**2)(t32(3.0)), f32(6.0))


def test_j14_wrong_positions():
    f = lambda x: x**2
    for jacobian in (jacfwd, jacrev, hessian):
        with pytest.raises(ValueError, match="position 3"):
            jacobian(f, 3)(t32(1.0))
        with pytest.raises(TypeError, match="None"):
            jacobian(f, None)
        with pytest.raises(ValueError, match=">= 0"):
            jacobian(f, -1)
        with pytest.raises(TypeError, match="grad_position"):
            jacobian(f, "a")
        with pytest.raises(TypeError, match="has_aux"):
            jacobian(f, 0, has_aux=2)
        with pytest.raises(ValueError, match="has_aux"):
            jacobian(f, 0, has_aux=True)(t32(1.0, 2.0))


def test_j15_hessians_in_every_nesting():
    f = lambda x: (x**3).sum()
    for h in (jacfwd(jacrev(f)), jacrev(jacrev(f)), jacrev(grad(f)), jacfwd(jacfwd(f)), hessian(f)):
        check(h(t32(1.0, 2.0)), f32([[6.0, 0.0], [0.0, 12.0]]))


# vmap.


def test_j17_j18_vmap():
    m = Tensor([[1.0, 2.0], [3.0, 4.0]])
    times = lambda x, y: x * y
    check(vmap(times)(m, m), f32([[1.0, 4.0], [9.0, 16.0]]))
    check(vmap(times, in_axes=(0, None))(m, t32(10.0, 100.0)), f32([[10.0, 200.0], [30.0, 400.0]]))
    check(vmap(times, in_axes=(1, 0), out_axes=1)(m, m), f32([[1.0, 6.0], [6.0, 16.0]]))
    f = lambda x, w: (x * w).sum() ** 2
    check(vmap(grad(f, 1), in_axes=(0, None))(m, t32(1.0, 1.0)), f32([[6.0, 12.0], [42.0, 56.0]]))


def test_j19_wrong_axes():
    f = lambda x, y: x * y
    a = t32(1.0, 2.0)
    with pytest.raises(ValueError, match="in_axes"):
        vmap(f, in_axes=(None, None))(a, a)
    with pytest.raises(ValueError, match="1 entries.*2 positional arguments"):
        vmap(f, in_axes=(0,))(a, a)
    with pytest.raises(ValueError, match="axis 5.*argument 0"):
        vmap(f, in_axes=5)(a, a)
    with pytest.raises(ValueError, match="argument 0 has 2 and argument 1.*has 3"):
        vmap(f)(a, t32(1.0, 2.0, 3.0))
    with pytest.raises(TypeError, match="in_axes"):
        vmap(f, in_axes=0.5)
    with pytest.raises(ValueError, match="out_axes"):
        vmap(f, out_axes=3)(a, a)
    with pytest.raises(ValueError, match="out_axes"):
        vmap(f, out_axes=None)(a, a)
    with pytest.raises(ValueError, match="do not fit"):
        vmap(lambda d: d["a"], in_axes=({"b": 0},))({"a": a})


def test_j20_control_flow_on_members_raises():
    check(vmap(lambda x: x * 2)(t32(1.0, 2.0)), f32([2.0, 4.0]))

    def branch(x):
        return x * 2 if x > 1 else x * 3

    with pytest.raises(ValueError, match="ops.where"):
        vmap(branch)(t32(1.0, 2.0))
    for read in (float, int, bool, lambda x: x.asnumpy(), lambda x: x.item(), lambda x: [0, 1][x], np.asarray):
        with pytest.raises((ValueError, TypeError)):
            vmap(read)(Tensor([0, 1]))
    check(vmap(lambda x: ops.where(x > 1, x * 2, x * 3))(t32(1.0, 2.0)), f32([3.0, 4.0]))


def test_a_member_of_a_batch_can_be_shown():
    shown = []
    vmap(lambda x: shown.extend([repr(x), str(x), f"{x}"]) or x)(t32(1.0, 2.0))
    assert all("vmap" in text for text in shown) and "Float32" in shown[0]
    kept = []
    vmap(lambda x: kept.append(x) or x)(t32(1.0, 2.0))
    assert "vmap" in repr(kept[0])
    for use in (lambda t: t + 1, lambda t: t.asnumpy(), float, lambda t: ops.stack([t, t]), lambda t: t[None], ops.sum):
        with pytest.raises(RuntimeError, match="vmap"):
            use(kept[0])


def test_nested_axes_and_containers():
    Point = namedtuple("Point", "x y")

    @dataclasses.dataclass
    class Box:
        a: object
        b: object

    m = Tensor([[1.0, 2.0], [3.0, 4.0]])
    out = vmap(lambda p, q: {"s": p.x * q[0], "t": [p.y + q[1]["k"]]}, in_axes=(Point(0, None), (1, None)))(
        Point(m, t32(1.0, 1.0)), (m, {"k": t32(5.0, 6.0)})
    )
    check(out["s"], f32([[1.0, 6.0], [6.0, 16.0]]))
    check(out["t"][0], f32([[6.0, 7.0], [6.0, 7.0]]))
    box = Box(t32(2.0), {"c": [t32(3.0)]})
    f = lambda box: Box(box.a * box.b["c"][0], None)
    value, tangent = jvp(lambda b: f(b).a, (box,), (Box(t32(1.0), {"c": [t32(0.0)]}),))
    check((value, tangent), (f32(6.0), f32(3.0)))
    out, pull = vjp(f, box)
    (g,) = pull(Box(t32(1.0), None)) if False else vjp(lambda b: f(b).a, box)[1](t32(1.0))
    check((g.a, g.b["c"][0]), (f32(3.0), f32(2.0)))
    jac = jacrev(lambda p: {"v": p[0] * p[1]})((t32(1.0, 2.0), t32(3.0, 4.0)))
    check(jac["v"][0], f32([[3.0, 0.0], [0.0, 4.0]]))


# GradOperation and the wrappers.


class Product(nn.Cell):
    def __init__(self):
        super().__init__()
        self.w = Parameter(t32(3.0), name="w")

    def construct(self, x, y):
        return x * y * self.w


def test_j21_j23_j24_grad_operation():
    net, G = Product(), ops.GradOperation
    x, y = t32(2.0), t32(5.0)
    check(G()(net)(x, y), f32(15.0))
    check(G(get_all=True)(net)(x, y), (f32(15.0), f32(6.0)))
    check(G(get_by_list=True)(net, ParameterTuple(net.trainable_params()))(x, y), (f32(10.0),))
    check(G(get_by_list=True)(net)(x, y), (f32(10.0),))
    check(G(get_all=True, get_by_list=True)(net, net.trainable_params())(x, y), ((f32(15.0), f32(6.0)), (f32(10.0),)))
    check(G(sens_param=True)(net)(x, y, t32(10.0)), f32(150.0))
    check(G(sens_param=True)(net)(x, y, sens=t32(10.0)), f32(150.0))
    check(G(get_all=True)(lambda x: x * x)(t32(3.0)), (f32(6.0),))
    check(G(get_all=True)(lambda x, i: x * i)(t32(3.0), 2), (f32(2.0),))
    check(G(get_all=True)(lambda x, i: x * i)(t32(3.0), Tensor(2)), (f32(2.0), f32(3.0)))
    check(G()(G()(lambda x: x**3))(t32(2.0)), f32(12.0))


def test_j22_wrong_options():
    for option in ("get_all", "get_by_list", "sens_param"):
        with pytest.raises(TypeError, match=option):
            ops.GradOperation(**{option: 1})
    with pytest.raises(ValueError, match="weights"):
        ops.GradOperation(get_by_list=True)(lambda x: x)
    assert ops.GradOperation()(lambda: t32(1.0))() == ops.GradOperation(get_all=True)(lambda: t32(1.0))() == ()
    with pytest.raises(TypeError, match="sens"):
        ops.GradOperation(sens_param=True)(lambda: t32(1.0))()


class Square(nn.Cell):
    def __init__(self):
        super().__init__()
        self.w = Parameter(t32(3.0), name="w")

    def construct(self, x):
        return x * x * self.w


def test_j25_forward_value_and_grad():
    net, F = Square(), nn.ForwardValueAndGrad
    x, w = t32(2.0), net.trainable_params()
    check(F(net)(x), (f32(12.0), f32(12.0)))
    check(F(net, get_all=True)(x), (f32(12.0), (f32(12.0),)))
    check(F(net, weights=w, get_by_list=True)(x), (f32(12.0), (f32(4.0),)))
    check(F(net, weights=w, get_all=True, get_by_list=True)(x), (f32(12.0), ((f32(12.0),), (f32(4.0),))))
    check(F(net, sens_param=True)(x, t32(10.0)), (f32(12.0), f32(120.0)))
    with pytest.raises(TypeError, match="network"):
        F(3)
    with pytest.raises(TypeError, match="get_all"):
        F(net, get_all=1)


def test_j26_loss_and_train_cells():
    net = nn.Dense(3, 1, weight_init="ones", bias_init="zeros")
    with_loss = nn.WithLossCell(net, nn.MSELoss())
    x, y = ops.ones((4, 3)), ops.zeros((4, 1))
    check(with_loss(x, y), f32(9.0))
    opt = nn.SGD(net.trainable_params(), 0.1)
    step = nn.TrainOneStepCell(with_loss, opt)
    step.set_train()
    assert net.training
    check(step(x, y), f32(9.0))
    np.testing.assert_allclose(net.weight.asnumpy(), [[0.4, 0.4, 0.4]], rtol=1e-6)
    np.testing.assert_allclose(net.bias.asnumpy(), [-0.6], rtol=1e-6)
    check(step(x, y), f32(0.36, rtol=1e-5))
    check(nn.TrainOneStepCell(with_loss, opt, sens=2.0)(x, y), f32(0.0144, rtol=1e-5))
    assert with_loss.backbone_network is net
    loss, output, label = nn.WithEvalCell(net, nn.MSELoss())(x, y)
    check(loss, f32(0.005184, rtol=1e-4))
    assert output.shape == (4, 1) and label is y
    loss, gradients = nn.TrainOneStepCell(with_loss, opt, return_grad=True)(x, y)
    assert set(gradients) == {"weight", "bias"}
    np.testing.assert_allclose(gradients["bias"].asnumpy(), [-0.144], rtol=1e-4)


# recompute, custom rules.


def test_j29_recompute():
    block = lambda x: ops.sin(ops.exp(x))
    x = t32(0.5)
    check(grad(lambda x: adcore.recompute(block, x) * x)(x), f32(0.93279, rtol=1e-5))

    class Exp(nn.Cell):
        def construct(self, x):
            return ops.exp(x)

    cell = Exp()
    assert cell.recompute() is None
    check(grad(lambda x: adcore.recompute(cell, x))(x), f32(1.64872, rtol=1e-5))
    check(grad(cell)(x), f32(1.64872, rtol=1e-5))


def test_recompute_differentiates_what_it_captures_and_draws_the_same_numbers():
    net = nn.Dense(3, 2)
    x = ops.ones((4, 3))
    plain = grad(lambda x: net(x).sum() ** 2, 0, net.trainable_params())(x)
    again = grad(lambda x: adcore.recompute(net, x).sum() ** 2, 0, net.trainable_params())(x)
    for a, b in zip([plain[0], *plain[1]], [again[0], *again[1]]):
        np.testing.assert_array_equal(a.asnumpy(), b.asnumpy())
    factor = []

    def noisy(y):
        r = ops.rand(3)
        factor.append(r.asnumpy())
        return y * r

    g = grad(lambda y: adcore.recompute(noisy, y))(ops.ones(3))
    np.testing.assert_array_equal(factor[0], factor[1])
    np.testing.assert_array_equal(g.asnumpy(), factor[0])
    check(grad(lambda x: grad(lambda y: adcore.recompute(lambda z: z * x * x, y))(x))(t32(3.0)), f32(6.0))


def test_j30_j33_cell_bprop():
    class Own(nn.Cell):
        def construct(self, x, y):
            return x * y

        def bprop(self, x, y, out, dout):
            return x + out, dout * 100

    own = Own()
    check(grad(own, (0, 1))(t32(2.0), t32(3.0)), (f32(8.0), f32(100.0)))
    check(grad(lambda x, y: own(x, y) * 2, (0, 1))(t32(2.0), t32(3.0)), (f32(8.0), f32(200.0)))

    class Cube(nn.Cell):
        def construct(self, x):
            return x * x * x

        def bprop(self, x, out, dout):
            return (3 * x * x * dout,)

    check(grad(grad(Cube()))(t32(2.0)), f32(12.0))
    check(grad(grad(grad(Cube())))(t32(2.0)), f32(6.0))
    check(jvp(Cube(), t32(2.0), t32(1.0))[1], f32(12.0))
    check(vmap(grad(Cube()))(t32(1.0, 2.0)), f32([3.0, 12.0]))
    check(grad(lambda x: vmap(Cube())(x))(t32(1.0, 2.0)), f32([3.0, 12.0]))


def test_j31_what_bprop_returns():
    def cell(rule, arity=1):
        namespace = {"construct": lambda self, *xs: xs[0] * xs[-1], "bprop": rule}
        return type("Wrong", (nn.Cell,), namespace)()

    with pytest.raises(ValueError, match="Wrong.bprop.*2, got 1"):
        grad(cell(lambda self, x, y, out, dout: (x,)), (0, 1))(t32(2.0), t32(3.0))
    check(grad(cell(lambda self, x, out, dout: x))(t32(2.0)), f32(2.0))
    with pytest.raises(TypeError, match="argument"):
        grad(cell(lambda self, out, dout: (dout,)))(t32(2.0))
    check(grad(cell(lambda self, x, out, dout: (None,)))(t32(2.0)), f32(0.0))
    with pytest.raises(ValueError, match=r"Wrong.bprop.*argument 0.*\(2,\).*\(3,\)"):
        grad(cell(lambda self, x, out, dout: (t32(1.0, 2.0, 3.0),)))(t32(2.0, 2.0))
    check(grad(cell(lambda self, x, out, dout: (t32(1.0, 2.0, 3.0),)))(t32(2.0)), f32(6.0))
    check(grad(cell(lambda self, x, out, dout: (Tensor(1.0, adcore.float64),)))(t32(2.0)), f32(1.0))
    check(grad(lambda x: x * x)(t32(2.0)), f32(4.0))


def test_j32_bprop_hides_parameters():
    class Own(nn.Cell):
        def __init__(self):
            super().__init__()
            self.w = Parameter(t32(5.0), name="w")

        def construct(self, x):
            return x * self.w

        def bprop(self, x, out, dout):
            return (dout * 7,)

    own = Own()
    check(grad(own, 0, [own.w])(t32(2.0)), (f32(7.0), (f32(0.0),)))


def test_j34_function():
    class Power(adcore._Function):
        @staticmethod
        def forward(ctx, x, n):
            ctx.save_for_backward(x)
            ctx.n = n
            return x**n

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.n * x, None

    check(grad(lambda x: Power.apply(x, 2) * 3)(t32(5.0)), f32(30.0))
    check(value_and_grad(lambda x: Power.apply(x, 2))(t32(5.0)), (f32(25.0), f32(10.0)))
    check(hessian(lambda x: Power.apply(x, 2))(t32(5.0)), f32(2.0))


# Hooks.


def test_j35_j36_tensor_and_parameter_hooks():
    seen = []

    def f(x):
        y = x * x
        y.register_hook(lambda g: (seen.append(float(g)), g * 10)[1])
        return y * 3

    check(grad(f)(t32(2.0)), f32(120.0))
    assert seen == [3.0]
    x = t32(2.0)
    handle = x.register_hook(lambda g: g * 100)
    check(grad(lambda a: a * a)(x), f32(400.0))
    handle.remove()
    handle.remove()
    check(grad(lambda a: a * a)(x), f32(4.0))
    w = Parameter(t32(3.0), name="w")
    seen = []
    handle = w.register_hook(lambda g: seen.append(float(g)))
    check(grad(lambda x: x * w, None, w)(t32(2.0)), f32(2.0))
    assert seen == [2.0]
    handle.remove()
    handle = w.register_hook(lambda g: g * 5)
    check(grad(lambda x: x * w * w, None, w)(t32(2.0)), f32(60.0))
    check(grad(lambda x: grad(lambda y: y * w, None, w)(x))(t32(2.0)), f32(5.0))
    handle.remove()


def test_hooks_run_in_the_order_of_registration_and_are_differentiated():
    order = []

    def f(x):
        y = x * x
        y.register_hook(lambda g: order.append("first"))
        y.register_hook(lambda g: (order.append("second"), g * x)[1])
        return y

    check(grad(f)(t32(3.0)), f32(18.0))
    assert order == ["first", "second"]
    check(grad(grad(f))(t32(3.0)), f32(12.0))  # d/dx of 2 x * x
    with pytest.raises(ValueError, match=r"\(\).*\(2,\)"):
        grad(lambda x: (x.register_hook(lambda g: t32(1.0, 2.0)), x * x)[1])(t32(3.0))


def test_j37_j38_cell_hooks():
    class Square(nn.Cell):
        def construct(self, x):
            return x * x

    cell = Square()
    pre = cell.register_forward_pre_hook(lambda cell, inputs: (inputs[0] * 2,))
    post = cell.register_forward_hook(lambda cell, inputs, out: out * 10)
    check(cell(t32(3.0)), f32(360.0))
    check(grad(cell)(t32(3.0)), f32(240.0))
    pre.remove()
    post.remove()
    check(cell(t32(3.0)), f32(9.0))
    seen = []

    def backward(cell, grad_input, grad_output):
        seen.append((type(cell).__name__, grad_input, grad_output))
        return (grad_input[0] * 10,)

    handle = cell.register_backward_hook(backward)
    check(grad(lambda x: cell(x) * 2)(t32(3.0)), f32(120.0))
    check(seen, [("Square", (f32(12.0),), (f32(2.0),))])
    handle.remove()
    seen = []
    cell.register_backward_pre_hook(lambda cell, grad_output: seen.append(grad_output))
    check(grad(lambda x: cell(x) * 2)(t32(3.0)), f32(12.0))
    check(seen, [(f32(2.0),)])


def test_j39_hook_backward_and_insert_gradient_of():
    seen = []
    hook = ops.HookBackward(lambda g: (seen.append(g), g[0] * 2)[1])
    check(grad(lambda x: hook(x * x) * 3)(t32(2.0)), f32(24.0))
    check(seen, [(f32(3.0),)])
    check(grad(lambda x: ops.InsertGradientOf(lambda d: d * 5)(x) * x)(t32(2.0)), f32(12.0))


def test_j40_derivative_and_jet():
    check(ops.derivative(ops.sin, t32(0.5), 2), (f32(0.47943, rtol=1e-5), f32(-0.47943, rtol=1e-5)))
    check(ops.derivative(lambda x, y: x * y, (t32(2.0), t32(3.0)), 2), (f32(6.0), f32(2.0)))
    check(ops.jet(lambda x: x**3, t32(2.0), t32(1.0, 0.0, 0.0)), (f32(8.0), f32([12.0, 12.0, 6.0])))
    with pytest.raises(ValueError, match="order"):
        ops.derivative(ops.sin, t32(0.5), 0)
    with pytest.raises(ValueError, match="series"):
        ops.jet(ops.sin, t32(0.5, 1.0), t32(1.0))


def test_j42_cells_and_weights():
    net = Square()
    check(value_and_grad(net, None, net.trainable_params())(t32(2.0)), (f32(12.0), (f32(4.0),)))
    check(grad(net)(t32(2.0)), f32(12.0))


# What is in place; no_grad; debug_nans.


@pytest.mark.parametrize("transform", ["grad", "jvp", "jacfwd", "vmap"])
def test_in_place_forms_are_differentiated(transform):
    def f(x):
        y = x * 2.0
        y[0] = x[1] * x[1]
        y += x
        y[1:] *= 3.0
        return (y * y).sum()

    x = Tensor(np.array([0.5, -1.5, 2.0]))
    eps = 1e-6
    expected = np.array([float(f(x + e)) - float(f(x - e)) for e in Tensor(np.eye(3) * eps)]) / (2 * eps)
    run = {
        "grad": lambda: grad(f)(x),
        "jvp": lambda: ops.stack([jvp(f, x, e)[1] for e in Tensor(np.eye(3))]),
        "jacfwd": lambda: jacfwd(f)(x),
        "vmap": lambda: vmap(grad(f))(ops.stack([x, x]))[1],
    }[transform]
    np.testing.assert_allclose(run().asnumpy(), expected, rtol=1e-7)


def test_g65_no_grad():
    def f(x):
        with adcore.no_grad():
            y = x * x
        return y + x

    check(grad(f)(t32(3.0)), f32(1.0))
    check(jvp(f, t32(3.0), t32(1.0))[1], f32(1.0))
    check(vmap(grad(f))(t32(3.0, 4.0)), f32([1.0, 1.0]))

    @adcore.no_grad()
    def g(x):
        return x * x

    check(grad(lambda x: g(x) * x)(t32(3.0)), f32(9.0))
    check(grad(lambda x: adcore.no_grad(ops.square)(x) * x)(t32(3.0)), f32(9.0))
    with adcore.no_grad():
        check(grad(lambda x: x * x)(t32(3.0)), f32(6.0))


def test_no_grad_left_in_the_wrong_order():
    scope = adcore.no_grad()
    with pytest.raises(RuntimeError, match="no_grad: it was entered in a function that is differentiated"):
        grad(lambda x: (scope.__enter__(), x * x)[1])(t32(3.0))
    with pytest.raises(RuntimeError, match="no_grad"):
        scope.__exit__(None, None, None)
    check(grad(lambda x: x * x)(t32(3.0)), f32(6.0))
    assert adcore._core.live_levels() == 0


def test_debug_nans_names_op_line_and_operands():
    with adcore.debug_nans():
        with pytest.raises(FloatingPointError, match=r"log: made the first NaN at .*test_semantics_transforms.py") as e:
            ops.log(t32(1.0, -1.0))
        assert "[1, -1]" in str(e.value)
        with pytest.raises(FloatingPointError, match=r"inf in the reverse rule of sqrt, called at .*_transforms.py"):
            grad(lambda x: ops.sqrt(x).sum())(t32(0.0, 1.0))
        with pytest.raises(FloatingPointError, match="NaN"):
            vmap(ops.log)(t32(1.0, -1.0))
        check(grad(lambda x: ops.sin(x))(t32(0.0)), f32(1.0))
        ops.where(Tensor([True, False]), t32(1.0, 2.0), float("inf"))
    ops.log(t32(-1.0))


def test_recursion_ends_in_recursion_error():
    def forever(transform):
        def f(x):
            return transform(f)(x)

        return f

    for transform in (
        grad,
        lambda f: lambda x: vmap(lambda i: f(x) * i)(ops.ones(2)),
        jacrev,
        jacfwd,
        lambda f: lambda x: jvp(f, x, x)[1],
        lambda f: lambda x: vjp(f, x)[0],
        lambda f: lambda x: adcore.recompute(f, x),
    ):
        with pytest.raises(RecursionError):
            forever(transform)(t32(1.0, 2.0))
        assert adcore._core.live_levels() == 0
        check(grad(lambda x: x * x)(t32(3.0)), f32(6.0))
