"""Lookups whose rows are bounded or merged by fields, against loops in NumPy."""

import numpy as np
import pytest

import adcore
from adcore import Tensor, grad, nn
from helpers import check, f32

rng = np.random.default_rng(0)
TABLE = rng.normal(size=(7, 3)).astype(np.float32)
ROWS = np.array([[2, 4, 6, 0, 1], [1, 3, 5, 0, 0]])
WEIGHTS = np.array([[1, -2, 0.5, 0, 3], [1, 1, -1, 0, 0]], np.float32)
FIELDS = np.array([[0, 1, 1, 0, 1], [0, 0, 1, 3, 3]])


def merged(operator, rows):
    result = np.zeros((2, 4, 3))
    for n in range(2):
        for field in range(4):
            own = [i for i in range(5) if FIELDS[n, i] == field and WEIGHTS[n, i] != 0]
            if own:
                weighted = WEIGHTS[n, own, None] * rows[ROWS[n, own]]
                total = weighted.max(0) if operator == "MAX" else weighted.sum(0)
                result[n, field] = total / (np.abs(WEIGHTS[n, own]).sum() if operator == "MEAN" else 1)
    return result


@pytest.mark.parametrize("operator", ["SUM", "MAX", "MEAN"])
@pytest.mark.parametrize("max_norm", [None, 1.0])
def test_fields(operator, max_norm):
    norms = np.linalg.norm(TABLE, axis=1, keepdims=True)
    rows = TABLE if max_norm is None else TABLE * np.minimum(1, max_norm / norms)
    net = nn.MultiFieldEmbeddingLookup(7, 3, 4, Tensor(TABLE), max_norm=max_norm, operator=operator)
    given = Tensor(ROWS), Tensor(WEIGHTS), Tensor(FIELDS, adcore.int32)
    out = net(*given)
    assert out.shape == (2, 4, 3)
    np.testing.assert_allclose(out.asnumpy(), merged(operator, rows), rtol=1e-5, atol=1e-6)

    # The derivative along a direction, by a difference: the result is linear in the table but for kinks and the bound.
    direction = rng.normal(size=TABLE.shape).astype(np.float32)
    slope = (grad(net, None, net.embedding_table)(*given) * Tensor(direction)).sum()
    moved = []
    for step in (1e-3, -1e-3):
        net.embedding_table.set_data(Tensor(TABLE + np.float32(step) * direction))
        moved.append(float(net(*given).sum()))
    np.testing.assert_allclose(float(slope), (moved[0] - moved[1]) / 2e-3, rtol=2e-2, atol=5e-3)


def test_lookup():
    net = nn.EmbeddingLookup(7, 3, Tensor(TABLE), max_norm=1.0)
    expected = TABLE * np.minimum(1, 1 / np.linalg.norm(TABLE, axis=1, keepdims=True))
    check(net(Tensor(ROWS)), f32(expected[ROWS]))
    check(nn.EmbeddingLookup(7, 3, Tensor(TABLE), target="DEVICE", sparse=False)(Tensor(ROWS)), f32(TABLE[ROWS]))
    assert net.embedding_table.name == "embedding_table"
    with pytest.raises(IndexError):
        net(Tensor([7]))


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: nn.EmbeddingLookup(0, 3), ValueError),
        (lambda: nn.EmbeddingLookup(1.0, 3), TypeError),
        (lambda: nn.EmbeddingLookup(4, 3, target="GPU"), ValueError),
        (lambda: nn.EmbeddingLookup(4, 3, sparse=False), ValueError),
        (lambda: nn.EmbeddingLookup(4, 3, sparse=1), TypeError),
        (lambda: nn.EmbeddingLookup(4, 3, max_norm=0.0), ValueError),
        (lambda: nn.MultiFieldEmbeddingLookup(4, 3, 0), ValueError),
        (lambda: nn.MultiFieldEmbeddingLookup(4, 3, 2, operator="MIN"), ValueError),
    ],
)
def test_wrong_options(make, error):
    with pytest.raises(error, match="EmbeddingLookup"):
        make()


def test_inputs_of_other_shapes_and_dtypes():
    net = nn.MultiFieldEmbeddingLookup(7, 3, 4)
    rows, weights, fields = Tensor(ROWS), Tensor(WEIGHTS), Tensor(FIELDS, adcore.int32)
    for arguments, error in (
        ((rows[0], weights, fields), ValueError),
        ((rows, weights[:, 1:], fields), ValueError),
        ((rows.astype(adcore.int16), weights, fields), TypeError),
        ((rows, weights.astype(adcore.float16), fields), TypeError),
        ((rows, weights, fields.astype(adcore.int64)), TypeError),
    ):
        with pytest.raises(error, match="MultiFieldEmbeddingLookup"):
            net(*arguments)
