"""vmap over a CellList: what a loop over its cells gives, whatever is asked."""

import functools

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, nn, ops
from helpers import array_of

COUNT = 3


def values(*shape, seed=0):
    return Tensor(np.random.default_rng(seed).uniform(-1, 1, shape))


def close(a, b):
    """Tensors, or containers of them, are equal but for rounding."""
    if isinstance(a, (tuple, list)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            close(x, y)
    else:
        np.testing.assert_allclose(array_of(a), array_of(b), rtol=1e-12, atol=1e-12, strict=True)


class Own(nn.Cell):
    """Tensors in every kind of place, two of them one Parameter; all numbers of its own."""

    def __init__(self, seed):
        super().__init__()
        self.weight = Parameter(values(4, 4, seed=seed))
        self.tied = self.weight
        self.table = [{"scale": values(4, seed=seed + 10)}]
        self.shift = functools.partial(ops.add, values(4, seed=seed + 20))
        own = values(4, seed=seed + 30)
        self.factor = lambda x: x * own
        self.register_buffer("offset", values(4, seed=seed + 40))
        self.kept = np.arange(4.0)

    def construct(self, x):
        y = ops.tanh(x @ self.weight) @ self.tied
        return self.factor(self.shift(y * self.table[0]["scale"])) + self.offset + Tensor(self.kept)


def dense(seed):
    adcore.set_seed(seed)
    return nn.SequentialCell(nn.Dense(4, 5, dtype=adcore.float64), nn.Tanh(), nn.Dense(5, 2, dtype=adcore.float64))


def normalized(seed):
    norm = nn.BatchNorm1d(4, dtype=adcore.float64)
    norm.gamma.set_data(values(4, seed=seed))
    return norm.set_train()


def ensemble(make):
    return nn.CellList([make(seed) for seed in range(COUNT)])


def loop(cells, x):
    return ops.stack([cell(row) for cell, row in zip(cells, x)])


MAKERS = pytest.mark.parametrize("make", [dense, Own, normalized])


@MAKERS
def test_it_is_the_loop(make):
    x = values(COUNT, 6, 4)
    close(adcore.vmap(ensemble(make))(x), loop(ensemble(make), x))


@MAKERS
def test_derivatives_by_the_parameters_and_the_input_are_those_of_the_loop(make):
    cells, x = ensemble(make), values(COUNT, 6, 4)
    weights = cells.trainable_params()
    mapped = adcore.value_and_grad(lambda x: (adcore.vmap(cells)(x) ** 2).sum(), 0, weights)(x)
    looped = adcore.value_and_grad(lambda x: (loop(cells, x) ** 2).sum(), 0, weights)(x)
    close(mapped, looped)
    assert all(np.abs(g.asnumpy()).max() > 0 for g in mapped[1][1])


def test_derivatives_of_derivatives_are_those_of_the_loop():
    cells, x = ensemble(dense), values(COUNT, 6, 4)
    weights = cells.trainable_params()

    def penalty(f):
        return lambda x: (adcore.grad(lambda x: (f(x) ** 2).sum())(x) ** 2).sum()

    mapped = adcore.grad(penalty(adcore.vmap(cells)), 0, weights)(x)
    close(mapped, adcore.grad(penalty(lambda x: loop(cells, x)), 0, weights)(x))
    close(
        adcore.jvp(adcore.vmap(cells), (x,), (x * 2,)),
        adcore.jvp(lambda x: loop(cells, x), (x,), (x * 2,)),
    )


def test_recompute_inside_and_around_changes_nothing():
    class Recomputing(nn.Cell):
        def __init__(self, seed):
            super().__init__()
            self.block = dense(seed)

        def construct(self, x):
            return adcore.recompute(self.block, x)

    cells, x = ensemble(Recomputing), values(COUNT, 6, 4)
    weights, mapped = cells.trainable_params(), adcore.vmap(cells)
    expected = adcore.grad(lambda x: (loop(cells, x) ** 2).sum(), 0, weights)(x)
    close(adcore.grad(lambda x: (mapped(x) ** 2).sum(), 0, weights)(x), expected)
    close(adcore.grad(lambda x: (adcore.recompute(mapped, x) ** 2).sum(), 0, weights)(x), expected)


def test_one_input_for_all_and_other_places():
    cells, x = ensemble(dense), values(6, 4)
    alike = ops.stack([cell(x) for cell in cells], 1)
    close(adcore.vmap(cells, in_axes=None, out_axes=1)(x), alike)
    close(adcore.vmap(cells, in_axes=2)(values(6, 4, COUNT)), loop(cells, values(6, 4, COUNT).permute(2, 0, 1)))
    inputs = values(2, COUNT, 6, 4)
    close(adcore.vmap(adcore.vmap(cells))(inputs), ops.stack([loop(cells, x) for x in inputs]))


def test_what_members_assign_goes_to_each():
    cells, other, x = ensemble(normalized), ensemble(normalized), values(COUNT, 6, 4)
    mapped = adcore.vmap(cells)
    for _ in range(2):
        close(mapped(x), loop(other, x))
    for own, expected in zip(cells, other):
        close(own.moving_mean, expected.moving_mean)
        close(own.moving_variance, expected.moving_variance)
    assert not np.allclose(cells[0].moving_mean.asnumpy(), cells[1].moving_mean.asnumpy())


def test_a_failing_member_assigns_nothing():
    class Failing(nn.Cell):
        def __init__(self):
            super().__init__()
            self.count = Parameter(Tensor([0.0]))

        def construct(self, x):
            self.count.set_data(self.count + x)
            raise ArithmeticError("enough")

    cells = nn.CellList([Failing() for _ in range(2)])
    with pytest.raises(ArithmeticError, match="enough"):
        adcore.vmap(cells)(Tensor([[1.0], [2.0]]))
    assert [float(cell.count) for cell in cells] == [0.0, 0.0]


def test_a_shared_parameter_collects_what_all_members_give():
    shared = Parameter(values(4, 4), name="shared")

    class Sharing(nn.Cell):
        def __init__(self, seed):
            super().__init__()
            self.shared, self.own = shared, Parameter(values(4, seed=seed))

        def construct(self, x):
            return ops.sin(x @ self.shared) * self.own

    cells, x = ensemble(Sharing), values(COUNT, 6, 4)
    weights = [shared, *(cell.own for cell in cells)]
    mapped = adcore.grad(lambda x: (adcore.vmap(cells)(x) ** 2).sum(), None, weights)(x)
    close(mapped, adcore.grad(lambda x: (loop(cells, x) ** 2).sum(), None, weights)(x))


def test_an_optimizer_trains_the_members():
    cells, other, x = ensemble(dense), ensemble(dense), values(COUNT, 6, 4)

    def trained(cells, forward):
        optimizer = nn.Adam(cells.trainable_params(), 0.1)
        step = adcore.value_and_grad(lambda x: (forward(x) ** 2).sum(), None, optimizer.parameters)
        for _ in range(5):
            optimizer(step(x)[1])
        return [weight.value() for weight in cells.trainable_params()]

    close(trained(cells, adcore.vmap(cells)), trained(other, lambda x: loop(other, x)))


def test_changes_between_calls_are_seen():
    cells, x = ensemble(dense), values(COUNT, 6, 4)
    mapped = adcore.vmap(cells)
    mapped(x)
    cells[1][0].weight = Parameter(cells[1][0].weight * 2)
    close(mapped(x), loop(cells, x))
    for cell in cells:
        cell[1] = nn.Sigmoid()
    close(mapped(x), loop(cells, x))
    cells[2].set_train()
    with pytest.raises(ValueError, match=r"cell 2 has True at 0\.training, cell 0 has False"):
        mapped(x)


def changed(name, value):
    cell = Own(0)
    setattr(cell, name, value)
    return cell


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (nn.Dense(4, 2), nn.ReLU(), "cell 1 has ReLU at its top, cell 0 has Dense"),
        (nn.Dense(4, 2), nn.Dense(4, 3), r"cell 1 has shape \(3, 4\).* at weight, cell 0 has shape \(2, 4\)"),
        (nn.Dense(4, 2), nn.Dense(4, 2, has_bias=False), "cell 1 has weight at its top, cell 0 has weight, bias"),
        (nn.Dropout(p=0.5), nn.Dropout(p=0.25), r"cell 1 has 0\.25 at p, cell 0 has 0\.5"),
        (nn.SequentialCell(nn.ReLU()), nn.SequentialCell(nn.Tanh()), "cell 1 has Tanh at 0, cell 0 has ReLU"),
        (changed("kept", np.ones(4)), Own(0), "at kept"),
        (changed("table", [{"scale": values(4), "more": 1}]), Own(0), r"cell 0 has scale, more"),
        (changed("table", [{"scale": values(4).astype(adcore.float32)}]), Own(0), r"Float64.* at table\.0\.scale"),
        (changed("factor", lambda x: x), Own(0), "at factor"),
        (Own(0), changed("tied", Parameter(values(4, 4))), "one Tensor at tied and elsewhere, others two"),
    ],
)
def test_cells_that_differ_are_told_apart(first, second, told):
    with pytest.raises(ValueError, match=told):
        adcore.vmap(nn.CellList([first, second]))(values(2, 6, 4))


def test_sizes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"the CellList has 3 and argument 0 of shape \(2, 6, 4\) has 2 along axis 0"):
        adcore.vmap(ensemble(dense))(values(2, 6, 4))
    with pytest.raises(ValueError, match="the CellList has no cells"):
        adcore.vmap(nn.CellList())(values(2, 6, 4))


# ---- writes to what is mapped --------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("kind", [Tensor, Parameter])
def test_what_a_member_writes_to_its_argument_the_argument_holds(axis, kind):
    a = np.arange(9.0).reshape(3, 3)
    x, row = kind(Tensor(a)), Tensor([1.0, 10.0, 100.0])

    def write(member, factor):
        member.mul_(factor)
        member[0] = -1.0
        return member + 0

    result = adcore.vmap(write, in_axes=(axis, 0), out_axes=axis)(x, row)
    expected = np.moveaxis(np.moveaxis(a, axis, 0) * [[1.0], [10.0], [100.0]], 0, axis)
    np.moveaxis(expected, axis, 0)[:, 0] = -1.0
    assert np.array_equal(array_of(x), expected)
    assert np.array_equal(array_of(result), expected)
    assert np.array_equal(array_of(row), [1.0, 10.0, 100.0])


def test_writes_to_mapped_arguments_have_derivatives_and_nest():
    a = np.array([[1.0, 2.0], [3.0, 4.0]])

    def f(x):
        y = x * 1.0
        squares = adcore.vmap(lambda t, s: (t.mul_(s), t * t)[1])(y, x)
        return (10.0 * y).sum() + squares.sum()

    assert np.allclose(array_of(adcore.grad(f)(Tensor(a))), 20 * a + 4 * a**3)
    x = Tensor(a)
    adcore.vmap(adcore.vmap(lambda t: t.add_(1.0)), in_axes=1)(x)
    assert np.array_equal(array_of(x), a + 1)
    x = Tensor(a)
    adcore.jit(lambda x: adcore.vmap(lambda t: t.add_(1.0))(x))(x)
    assert np.array_equal(array_of(x), a + 1)
