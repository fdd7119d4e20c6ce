"""What is assigned inside of vmap to a cell from outside: it holds one value for all members, or the call raises."""

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, nn, ops, vmap
from helpers import array_of

VALUES = np.array([1.0, -2.0])
MEMBERS = np.array([[1.0, 2.0], [3.0, 5.0], [-1.0, 0.5]])


def parameter():
    return Parameter(Tensor(VALUES, adcore.float32), name="w")


def members():
    return Tensor(MEMBERS, adcore.float32)


def step_of(make):
    def step(p, x):
        make([p])((x,))

    return step


WRITES = {
    "set_data": lambda p, x: p.set_data(x),
    "assign": lambda p, x: ops.assign(p, x),
    "assign_add": lambda p, x: ops.assign_add(p, x),
    "assign_sub": lambda p, x: ops.assign_sub(p, x),
    "assign_value": lambda p, x: p.assign_value(x),
    "add_": lambda p, x: p.add_(x),
    "in place": lambda p, x: p.__setitem__(..., x),
    "an element": lambda p, x: p.__setitem__(0, x[0]),
    "SGD": step_of(lambda ps: nn.SGD(ps, 0.1)),
    "Momentum": step_of(lambda ps: nn.Momentum(ps, 0.1, 0.9)),
    "Adam": step_of(nn.Adam),
}
EVERY = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


@EVERY
@pytest.mark.parametrize("inside", [False, True], ids=["", "after a jvp"])
def test_a_value_of_each_member_is_refused_at_the_call(write, inside):
    p = parameter()

    def f(x):
        if inside:
            return adcore.jvp(lambda x: (write(p, x), (x * x).sum())[1], x, x)[0]
        write(p, x)
        return (x * x).sum()

    with pytest.raises(ValueError, match="vmap: the Parameter 'w' from outside of the mapped function holds one value"):
        vmap(f)(members())
    np.testing.assert_array_equal(array_of(p), VALUES)
    assert adcore._core.live_levels() == 0


@EVERY
def test_a_value_that_is_one_for_all_members_is_assigned(write):
    p, alone = parameter(), parameter()
    x = Tensor([0.5, 0.25], adcore.float32)
    out = vmap(lambda row: (write(p, x), (row * p).sum())[1])(members())
    write(alone, x)
    np.testing.assert_array_equal(array_of(p), array_of(alone))
    np.testing.assert_allclose(array_of(out), (MEMBERS * array_of(p)).sum(1), rtol=1e-6)


@EVERY
def test_a_cell_that_a_member_made_holds_what_a_loop_gives(write):
    def f(x):
        p = parameter()
        write(p, x)
        return p * 1

    np.testing.assert_allclose(array_of(vmap(f)(members())), np.stack([array_of(f(x)) for x in members()]), rtol=1e-6)


def test_a_tensor_from_outside_is_like_a_parameter():
    held = Tensor(VALUES, adcore.float32)
    with pytest.raises(ValueError, match="vmap: a Tensor from outside"):
        vmap(lambda x: ops.assign_add(held, x))(members())
    with pytest.raises(ValueError, match="vmap: a Tensor from outside"):
        vmap(lambda x: vmap(lambda y: x.__setitem__(0, y))(x))(members())  # of the outer members, not of the inner ones
    np.testing.assert_array_equal(array_of(held), VALUES)


def test_a_step_that_one_parameter_refuses_changes_none():
    a, b = parameter(), Parameter(Tensor(VALUES, adcore.float32), name="b")
    optimizer = nn.Momentum([a, b], 0.1, 0.9)
    same = Tensor([0.5, 0.25], adcore.float32)
    before = [array_of(p).copy() for p in optimizer.get_parameters()]
    with pytest.raises(ValueError, match="the Parameter 'b' from outside"):
        vmap(lambda x: (optimizer((same, x)), x)[1])(members())
    for p, value in zip(optimizer.get_parameters(), before):
        np.testing.assert_array_equal(array_of(p), value, err_msg=p.name)


def test_a_member_of_an_ensemble_is_refused_what_differs_in_a_vmap_of_its_own():
    class Own(nn.Cell):
        def __init__(self):
            super().__init__()
            self.w = parameter()
            self.refuses = False

        def construct(self, x):
            ops.assign_add(self.w, x)
            if self.refuses:
                vmap(lambda y: ops.assign(self.w, self.w * y))(x)
            return self.w * 1

    nets = nn.CellList([Own() for _ in MEMBERS])
    vmap(nets)(members())
    for net, row in zip(nets, MEMBERS):
        np.testing.assert_array_equal(array_of(net.w), VALUES + row)
        net.refuses = True
    with pytest.raises(ValueError, match="vmap: the Parameter .*w' from outside"):
        vmap(nets)(members())
    for net, row in zip(nets, MEMBERS):
        np.testing.assert_array_equal(array_of(net.w), VALUES + row)


def test_recompute_in_an_ensemble_assigns_again_to_each():
    class Own(nn.Cell):
        def __init__(self):
            super().__init__()
            self.w = parameter()
            self.moving = Parameter(Tensor(VALUES, adcore.float32), requires_grad=False)

        def block(self, x):
            y = self.w * x
            ops.assign(self.moving, y)
            return (y * y).sum()

        def construct(self, x):
            return adcore.recompute(self.block, x)

    nets = nn.CellList([Own() for _ in MEMBERS])
    gradients = adcore.grad(lambda x: vmap(nets)(x).sum(), grad_position=None, weights=list(nets.trainable_params()))(
        members()
    )
    for net, row, gradient in zip(nets, MEMBERS, gradients):
        np.testing.assert_allclose(array_of(net.moving), VALUES * row, rtol=1e-6)
        np.testing.assert_allclose(array_of(gradient), 2 * VALUES * row**2, rtol=1e-6)
