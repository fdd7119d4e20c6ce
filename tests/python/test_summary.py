"""summary: shapes and counts by hand; the network is left as it was."""

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, nn, ops
from adcore.train import summary


class Function(nn.Cell):
    """A function, with a Parameter of a given shape as its last argument."""

    def __init__(self, fn, *shape):
        super().__init__()
        self.fn = fn
        self.w = Parameter(ops.ones(shape), name="w")

    def construct(self, *inputs):
        return self.fn(*inputs, self.w)


@pytest.mark.parametrize(
    "fn, shape, inputs, expected",
    [
        (ops.matmul, (3, 4), [(2, 3)], 2 * 3 * 4),
        (ops.matmul, (7, 3, 4), [(7, 2, 3)], 7 * 2 * 3 * 4),
        (ops.matmul, (3, 4), [(7, 2, 3)], 7 * 2 * 3 * 4),
        (ops.matmul, (5, 3, 4), [(7, 1, 2, 3)], 7 * 5 * 2 * 3 * 4),
        (ops.matmul, (3,), [(2, 3)], 2 * 3),
        (lambda x, w: x.T @ w, (2, 4), [(2, 3)], 2 * 3 * 4),
        (lambda x, w: x @ w.T, (4, 3), [(2, 3)], 2 * 3 * 4),
        (lambda x, w: ops.einsum("bij,kj->bik", x, w), (4, 3), [(7, 2, 3)], 7 * 2 * 3 * 4),
        (lambda x, w: ops.conv1d(x, w), (5, 2, 3), [(2, 2, 10)], 2 * 5 * 8 * 2 * 3),
        (lambda x, w: ops.conv2d(x, w, stride=2), (5, 2, 3, 3), [(2, 2, 9, 7)], 2 * 5 * (4 * 3) * 2 * 9),
        (lambda x, w: ops.conv2d(x, w, groups=2), (6, 1, 3, 3), [(2, 2, 8, 8)], 2 * 6 * 36 * 1 * 9),
        (lambda x, w: ops.conv_transpose2d(x, w, stride=2), (2, 5, 3, 3), [(2, 2, 4, 4)], 2 * 2 * 16 * 5 * 9),
        (
            lambda q, k, v, w: ops.scaled_dot_product_attention(q, k, v) * w,
            (1,),
            [(2, 4, 6, 8), (2, 4, 5, 8), (2, 4, 5, 8)],
            2 * 2 * 4 * 6 * 5 * 8,
        ),
        (lambda x, w: ops.softmax(ops.exp(x) + w, axis=-1).sum(), (1,), [(2, 3)], 0),
    ],
)
def test_products_are_counted_by_the_ops(fn, shape, inputs, expected):
    assert summary(Function(fn, *shape), *inputs).multiply_adds == expected


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.head = nn.Dense(4, 2)
        self.body = nn.SequentialCell(nn.Dense(3, 4, has_bias=False), nn.Dropout(p=0.5))
        self.body[0].weight.requires_grad = False
        self.idle = nn.Dense(9, 9)

    def construct(self, x, both=False):
        x = self.body[1](self.body[0](x))
        return (self.head(x), self.head(x * 2)) if both else self.head(x)


def test_rows():
    found = summary(Net(), (5, 3))
    assert [(r.path, r.depth, r.type, r.output_shape, r.params, r.multiply_adds, r.calls) for r in found.rows] == [
        ("", 0, "Net", (5, 2), 10 + 12 + 90, 5 * 12 + 5 * 8, 1),
        ("head", 1, "Dense", (5, 2), 10, 5 * 8, 1),
        ("body", 1, "SequentialCell", None, 12, 0, 0),
        ("body.0", 2, "Dense", (5, 4), 12, 5 * 12, 1),
        ("body.1", 2, "Dropout", (5, 4), 0, 0, 1),
        ("idle", 1, "Dense", None, 90, 0, 0),
    ]
    assert (found.total_params, found.trainable_params) == (112, 100)
    assert found.parameter_bytes == 4 * 112 and found.input_bytes == 4 * 15
    assert found.output_bytes == 4 * (5 * 2 + 5 * 4 + 5 * 4)


def test_a_cell_that_is_called_twice_counts_twice_and_its_parameters_once():
    found = summary(Net(), ops.ones((5, 3)), True)
    assert found.rows[0].output_shape == [(5, 2), (5, 2)]
    assert found.rows[1].calls == 2 and found.rows[1].multiply_adds == 2 * 5 * 8
    assert found.multiply_adds == 5 * 12 + 2 * 5 * 8
    shared = nn.Dense(3, 3)
    assert summary(nn.SequentialCell(shared, shared), (1, 3)).total_params == 12


def test_inputs_are_tensors_arrays_or_shapes():
    net = nn.Dense(3, 2)
    for given in (ops.ones((5, 3)), np.ones((5, 3), np.float32), (5, 3)):
        assert summary(net, given).rows[0].output_shape == (5, 2)
    with pytest.raises(TypeError, match="summary: net must be a Cell, got function"):
        summary(lambda x: x, (1,))


def test_the_text():
    assert str(summary(Net(), (5, 3))).splitlines() == [
        "Layer                   Output shape  Parameters  Multiply-adds",
        "-" * 63,
        "Net                     (5, 2)               112            100",
        "  head: Dense           (5, 2)                10             40",
        "  body: SequentialCell  -                     12              -",
        "    0: Dense            (5, 4)                12             60",
        "    1: Dropout          (5, 4)                 -              -",
        "  idle: Dense           -                     90              -",
        "-" * 63,
        "Parameters: 112 (100 trainable)",
        "Multiply-adds: 100",
        "Memory: inputs 60 B, outputs of layers 200 B, Parameters 448 B",
    ]


class Decides(nn.Cell):
    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(3, 3)

    def construct(self, x):
        return self.dense(x) if float(x.sum()) >= 0 else x


def test_what_cannot_be_traced_is_not_known():
    found = summary(nn.SequentialCell(Decides(), nn.Dense(3, 2)), (1, 3))
    assert [row.multiply_adds for row in found.rows] == [None, None, 9, 6]
    assert "Multiply-adds: ?" in str(found)


class Counts(nn.Cell):
    """It draws random numbers, counts its calls and keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.last = None
        self.calls = Parameter(Tensor(0.0), name="calls", requires_grad=False)

    def construct(self, x):
        self.calls = self.calls + 1
        self.last, self.new = x, x
        return x + ops.randn(*x.shape)


def test_the_network_is_left_as_it_was():
    net = nn.SequentialCell(nn.Dense(3, 2), Counts(), nn.Dropout(p=0.5))
    net.set_train()
    net[0].set_train(False)
    hooked = []
    net[0].register_forward_hook(lambda cell, inputs, output: hooked.append(1))
    before = [dict(cell.__dict__) for _, cell in net.cells_and_names()]
    adcore.set_seed(5)
    expected = ops.randn(4).asnumpy()
    adcore.set_seed(5)
    summary(net, (4, 3))
    assert np.array_equal(ops.randn(4).asnumpy(), expected)
    assert [cell.__dict__ for _, cell in net.cells_and_names()] == before
    assert float(net[1].calls) == 0 and hooked


def test_the_network_is_left_as_it_was_when_it_fails():
    net = nn.SequentialCell(nn.Dense(3, 2), nn.Dropout(p=0.5)).set_train()
    before = [dict(cell.__dict__) for _, cell in net.cells_and_names()]
    with pytest.raises(ValueError):
        summary(net, (4, 5))
    assert [cell.__dict__ for _, cell in net.cells_and_names()] == before
