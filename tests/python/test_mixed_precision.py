"""Mixed precision by levels and lists: which cells compute in half precision, and that the outputs are float32."""

import numpy as np
import pytest

import adcore
from adcore import Tensor, nn, ops
from adcore.train import (
    auto_mixed_precision,
    build_train_network,
    custom_mixed_precision,
    get_black_list,
    get_white_list,
)

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


class Seen(nn.Cell):
    """Passes its input on, and tells its dtype."""

    def __init__(self):
        super().__init__()
        self.dtypes = []

    def construct(self, x):
        self.dtypes.append(x.dtype)
        return x


def network():
    adcore.set_seed(3)
    return nn.SequentialCell(nn.Dense(4, 8), Seen(), nn.BatchNorm1d(8), Seen(), nn.Tanh(), Seen(), nn.Dense(8, 2))


def half(array):
    return array.astype(np.float16).astype(np.float32)


@pytest.mark.parametrize("dtype", [adcore.float16, adcore.bfloat16])
@pytest.mark.parametrize("level, in_half", [("O0", (0, 0, 0)), ("O1", (0, 0, 0)), ("O2", (1, 1, 1)), ("O3", (1, 1, 1))])
def test_what_flows_at_each_level(level, in_half, dtype):
    net = auto_mixed_precision(network(), level, dtype)
    out = net(Tensor(X))
    assert out.dtype == adcore.float32
    # What a cell is given is cast before its construct runs, so those behind one that stays wide see half precision.
    expected = [dtype if h else adcore.float32 for h in in_half]
    assert [cell.dtypes[0] for cell in net if isinstance(cell, Seen)] == expected
    assert {p.dtype for p in net.get_parameters()} == {adcore.float32}


def test_level_1_rounds_the_operands_of_listed_cells_and_nothing_else():
    net = auto_mixed_precision(network(), "O1")
    first = net[0](Tensor(X)).asnumpy()
    weight, bias = net[0].weight.asnumpy(), net[0].bias.asnumpy()
    np.testing.assert_allclose(first, half(half(X) @ half(weight).T + half(bias)), atol=2e-3)
    assert (first == half(first)).all()
    wide = Tensor(np.float32(1 / 3)) * ops.ones((1, 8))
    assert not (net[4](wide).asnumpy() == half(net[4](wide).asnumpy())).all()


def test_level_2_keeps_normalization_wide():
    net = auto_mixed_precision(network(), "O2")
    seen = []
    net[2].register_forward_hook(lambda cell, inputs, out: seen.append(out.dtype))
    net[4].register_forward_hook(lambda cell, inputs, out: seen.append(out.dtype))
    net(Tensor(X))
    assert seen == [adcore.float32, adcore.float16]


def test_lists_of_ones_own():
    of_white = custom_mixed_precision(network(), white_list=[nn.Tanh])
    of_black = custom_mixed_precision(network(), black_list=[nn.Dense])
    x = Tensor(X)
    wide = network()(x).asnumpy()
    assert of_white(x).dtype == of_black(x).dtype == adcore.float32
    assert 0 < np.abs(of_white(x).asnumpy() - wide).max() < 1e-2
    assert 0 < np.abs(of_black(x).asnumpy() - wide).max() < 1e-2
    assert get_white_list() is not get_white_list() and nn.Dense in get_white_list()
    assert nn.LayerNorm in get_black_list()


@pytest.mark.parametrize("level", ["O0", "O1", "O2", "O3"])
def test_a_step_is_that_of_the_formula(level):
    net = nn.Dense(4, 1, weight_init="zeros", bias_init="zeros")
    y = np.array([[1.0], [2.0], [0.5], [-1.0], [0.25], [4.0]], np.float32)
    step = build_train_network(net, nn.SGD(net.trainable_params(), 0.5), nn.MSELoss(), level, loss_scale_manager=None)
    assert step.training
    loss = step(Tensor(X), Tensor(y))
    np.testing.assert_allclose(float(loss), (y**2).mean(), rtol=1e-3)
    np.testing.assert_allclose(net.weight.asnumpy(), (y * X).mean(0, keepdims=True), rtol=4e-3, atol=1e-3)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda n: auto_mixed_precision(ops.sin), TypeError, "network must be a Cell, got"),
        (lambda n: auto_mixed_precision(n, "O2", adcore.float32), ValueError, "dtype must be float16 or bfloat16"),
        (lambda n: auto_mixed_precision(n, "auto"), NotImplementedError, "the level 'auto'"),
        (lambda n: auto_mixed_precision(n, "O5"), ValueError, "must be one of .* got 'O5'"),
        (lambda n: custom_mixed_precision(n), ValueError, "one of white_list and black_list"),
        (lambda n: custom_mixed_precision(n, white_list=[], black_list=[]), ValueError, "one of white_list"),
        (lambda n: custom_mixed_precision(n, white_list=[int]), TypeError, "a list of classes of cells"),
        (lambda n: build_train_network(n, None), TypeError, "must be an Optimizer, got None"),
        (
            lambda n: build_train_network(n, nn.SGD([*n.get_parameters()], 0.1), depth=1),
            TypeError,
            "no argument 'depth'",
        ),
    ],
)
def test_what_does_not_fit_is_told(call, error, text):
    net = network()
    before = net(Tensor(X)).asnumpy()
    with pytest.raises(error, match=text):
        call(net)
    np.testing.assert_array_equal(net(Tensor(X)).asnumpy(), before)
