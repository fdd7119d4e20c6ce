"""Normalization and embedding as layers: values against NumPy, running statistics, modes, transforms, bad input."""

import numpy as np
import pytest

import adcore
from adcore import Tensor, nn, ops

RNG = np.random.default_rng(6)


def t(*shape):
    return Tensor(RNG.normal(size=shape))


def normalized(x, axes, eps=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def per_channel(values, n):
    return values.reshape(-1, *(1,) * n)


BATCH_NORMS = [
    (nn.BatchNorm1d, (5, 3)),
    (nn.BatchNorm1d, (2, 3, 4)),
    (nn.BatchNorm2d, (2, 3, 4, 2)),
    (nn.BatchNorm3d, (2, 3, 2, 1, 2)),
]


@pytest.mark.parametrize(("cls", "shape"), BATCH_NORMS)
def test_c34_batch_norm_in_both_modes(cls, shape):
    x, gamma, beta = RNG.normal(1, 2, shape), RNG.normal(size=3), RNG.normal(size=3)
    axes = tuple(axis for axis in range(len(shape)) if axis != 1)
    n = len(shape) - 2
    layer = cls(3, 1e-3, 0.8, True, Tensor(gamma), Tensor(beta), dtype=adcore.float64).set_train()
    expected = normalized(x, axes, 1e-3) * per_channel(gamma, n) + per_channel(beta, n)
    np.testing.assert_allclose(layer(Tensor(x)).asnumpy(), expected, rtol=1e-11, atol=1e-12)
    mean, variance = 0.2 * x.mean(axes), 0.8 + 0.2 * x.var(axes, ddof=1)
    np.testing.assert_allclose(layer.moving_mean.asnumpy(), mean, rtol=1e-12)
    np.testing.assert_allclose(layer.moving_variance.asnumpy(), variance, rtol=1e-11)
    layer.set_train(False)
    moved = (x - per_channel(mean, n)) / np.sqrt(per_channel(variance, n) + 1e-3)
    expected = moved * per_channel(gamma, n) + per_channel(beta, n)
    np.testing.assert_allclose(layer(Tensor(x)).asnumpy(), expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(layer.moving_mean.asnumpy(), mean, rtol=1e-12)


def test_c34_parameters_of_batch_norm():
    layer = nn.BatchNorm1d(2)
    assert [(p.name, p.requires_grad) for p in layer.get_parameters()] == [
        ("mean", False), ("variance", False), ("gamma", True), ("beta", True),
    ]  # fmt: skip
    net = nn.SequentialCell(layer)
    assert list(net.parameters_dict()) == ["0.moving_mean", "0.moving_variance", "0.gamma", "0.beta"]
    assert [p.requires_grad for p in nn.BatchNorm2d(2, affine=False).get_parameters()] == [False] * 4


def test_the_statistics_may_be_chosen():
    x = RNG.normal(size=(4, 2))
    batch = nn.BatchNorm1d(2, use_batch_statistics=True, dtype=adcore.float64)
    np.testing.assert_allclose(batch(Tensor(x)).asnumpy(), normalized(x, (0,)), rtol=1e-11)
    assert abs(batch.moving_mean.asnumpy()).min() > 0
    running = nn.BatchNorm1d(2, use_batch_statistics=False, dtype=adcore.float64).set_train()
    np.testing.assert_allclose(running(Tensor(x)).asnumpy(), x / np.sqrt(1 + 1e-5), rtol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda layer, x: adcore.grad(lambda x: (layer(x) ** 3).sum())(x),
        lambda layer, x: adcore.jvp(layer, x, x),
        lambda layer, x: adcore.grad(lambda x: (adcore.recompute(layer, x) ** 3).sum())(x),
        lambda layer, x: adcore.grad(lambda y: (adcore.grad(lambda x: (layer(x) ** 3).sum())(y) ** 2).sum())(x),
        lambda layer, x: (layer.recompute(), adcore.grad(lambda x: (layer(x) ** 3).sum())(x)),
    ],
)
def test_a_transform_moves_the_running_statistics_once(call):
    x = t(5, 3)
    plain, transformed = (nn.BatchNorm1d(3, dtype=adcore.float64).set_train() for _ in range(2))
    plain(x)
    call(transformed, x)
    for one, other in zip(plain.get_parameters(), transformed.get_parameters()):
        np.testing.assert_allclose(one.asnumpy(), other.asnumpy(), rtol=1e-12)


def test_a_vmap_moves_the_running_statistics_to_the_mean_of_its_members():
    x = RNG.normal(size=(2, 4, 5, 3))
    layer = nn.BatchNorm1d(3, dtype=adcore.float64).set_train()
    out = adcore.vmap(adcore.vmap(layer))(Tensor(x))
    np.testing.assert_allclose(out.asnumpy(), normalized(x, (2,)), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(layer.moving_mean.asnumpy(), 0.1 * x.mean((0, 1, 2)), rtol=1e-11)
    variance = 0.9 + 0.1 * x.var(2, ddof=1).mean((0, 1))
    np.testing.assert_allclose(layer.moving_variance.asnumpy(), variance, rtol=1e-11)


def test_half_precision_keeps_the_statistics_wide():
    x = RNG.normal(100, 1, (64, 2)).astype(np.float32)
    layer = nn.BatchNorm1d(2, momentum=0.0).set_train().to_float(adcore.float16)
    assert layer(Tensor(x)).dtype == adcore.float16
    assert layer.moving_mean.dtype == adcore.float32
    np.testing.assert_allclose(layer.moving_mean.asnumpy(), x.mean(0), rtol=2e-3)
    layer.set_train(False)
    out = layer(Tensor(x))
    assert out.dtype == adcore.float16
    mean, variance = (p.asnumpy() for p in (layer.moving_mean, layer.moving_variance))
    # The input is rounded to float16: by 0.03 at 100.
    np.testing.assert_allclose(out.asnumpy(), (x - mean) / np.sqrt(variance + 1e-5), atol=0.07)


def test_what_fails_moves_nothing():
    layer = nn.BatchNorm1d(3).set_train()
    for x in (ops.ones((1, 3)), ops.ones((2, 4)), ops.ones((2, 3, 1, 1))):
        with pytest.raises(ValueError):
            layer(x)
    assert layer.moving_mean.asnumpy().tolist() == [0.0] * 3 and layer.moving_variance.asnumpy().tolist() == [1.0] * 3


INSTANCE_NORMS = [
    (nn.InstanceNorm1d, (2, 3, 4)),
    (nn.InstanceNorm2d, (2, 3, 2, 3)),
    (nn.InstanceNorm3d, (2, 3, 2, 2, 2)),
]


@pytest.mark.parametrize(("cls", "shape"), INSTANCE_NORMS)
def test_instance_norm(cls, shape):
    x, gamma, beta = RNG.normal(1, 2, shape), RNG.normal(size=3), RNG.normal(size=3)
    axes, n = tuple(range(2, len(shape))), len(shape) - 2
    layer = cls(3, gamma_init=Tensor(gamma), beta_init=Tensor(beta), dtype=adcore.float64)
    expected = normalized(x, axes) * per_channel(gamma, n) + per_channel(beta, n)
    np.testing.assert_allclose(layer(Tensor(x)).asnumpy(), expected, rtol=1e-11, atol=1e-12)
    assert layer.moving_mean.asnumpy().tolist() == [0.0] * 3
    np.testing.assert_allclose(layer.set_train()(Tensor(x)).asnumpy(), expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(layer.moving_mean.asnumpy(), 0.1 * x.mean((0, *axes)), rtol=1e-11)
    variance = 0.9 + 0.1 * x.var(axes, ddof=1).mean(0)
    np.testing.assert_allclose(layer.moving_variance.asnumpy(), variance, rtol=1e-11)


@pytest.mark.parametrize(("cls", "shape"), INSTANCE_NORMS)
def test_an_empty_batch_moves_no_statistics(cls, shape):
    norm = cls(shape[1]).set_train()
    assert norm(Tensor(np.zeros((0, *shape[1:]), np.float32))).shape == (0, *shape[1:])
    assert not norm.moving_mean.asnumpy().any() and (norm.moving_variance.asnumpy() == 1).all()


def test_layer_norm():
    x = RNG.normal(size=(2, 3, 4))
    for shape, axes, options in (
        ((4,), (2,), {}),
        (4, (2,), {}),
        ([3, 4], (1, 2), {}),
        ((3, 4), (1, 2), {"begin_norm_axis": 1, "begin_params_axis": 1}),
        ((4,), (1, 2), {"begin_norm_axis": 1}),
        ((3, 4), (2,), {"begin_norm_axis": 2, "begin_params_axis": -2}),
    ):
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        gamma, beta = RNG.normal(size=sizes), RNG.normal(size=sizes)
        layer = nn.LayerNorm(shape, gamma_init=Tensor(gamma), beta_init=Tensor(beta), **options)
        expected = normalized(x, axes, 1e-7) * gamma + beta
        np.testing.assert_allclose(layer(Tensor(x)).asnumpy(), expected, rtol=1e-11, atol=1e-12)
    assert [p.name for p in layer.get_parameters()] == ["gamma", "beta"]


def test_group_and_rms_norm():
    x, gamma, beta = RNG.normal(size=(2, 4, 3)), RNG.normal(size=4), RNG.normal(size=4)
    layer = nn.GroupNorm(2, 4, gamma_init=Tensor(gamma), beta_init=Tensor(beta))
    expected = normalized(x.reshape(2, 2, 6), (2,)).reshape(x.shape) * gamma[:, None] + beta[:, None]
    np.testing.assert_allclose(layer(Tensor(x)).asnumpy(), expected, rtol=1e-11, atol=1e-12)
    rms = nn.RMSNorm(3, eps=1e-6, dtype=adcore.float64)
    rms.weight = Tensor(beta[:3])
    expected = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * beta[:3]
    np.testing.assert_allclose(rms(Tensor(x)).asnumpy(), expected, rtol=1e-12)
    assert nn.RMSNorm((3,), elementwise_affine=False).weight is None


# ---- embedding ----------------------------------------------------------------------------------------------------


def test_embedding_takes_rows():
    table = RNG.normal(size=(5, 3))
    ids = RNG.integers(0, 5, (2, 4))
    for layer in (
        nn.Embedding(5, 3, embedding_table=Tensor(table)),
        nn.Embedding(num_embeddings=5, embedding_dim=3, embedding_table=Tensor(table)),
        nn.Embedding(5, 3, True, Tensor(table)),
    ):
        np.testing.assert_array_equal(layer(Tensor(ids)).asnumpy(), table[ids])
        assert [p.name for p in layer.get_parameters()] == ["embedding_table"]
    g = adcore.grad(lambda ids: layer(ids).sum(), None, layer.trainable_params())(Tensor(ids))
    np.testing.assert_array_equal(g[0].asnumpy(), np.bincount(ids.ravel(), minlength=5)[:, None] * np.ones(3))


def test_the_row_of_padding():
    layer = nn.Embedding(4, 2, padding_idx=1)
    assert layer.embedding_table.asnumpy()[1].tolist() == [0.0, 0.0]
    assert (layer.embedding_table.asnumpy()[[0, 2, 3]] != 0).all()
    g = adcore.grad(lambda i: layer(i).sum(), None, layer.trainable_params())(Tensor([0, 1, 1]))
    assert g[0].asnumpy().tolist() == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]


def test_the_initial_distribution_of_embedding():
    adcore.set_seed(4)
    values = nn.Embedding(100, 50).embedding_table.asnumpy()
    assert 0.0097 < values.std() < 0.0103 and abs(values.mean()) < 5e-4


def test_dropped_channels():
    for n, cls in enumerate((nn.Dropout1d, nn.Dropout2d, nn.Dropout3d), 1):
        x = Tensor(RNG.normal(size=(20, 30, *(2,) * n)))
        layer = cls(0.25)
        assert layer(x) is x and repr(layer) == f"{cls.__name__}(p=0.25)"
        ratio = layer.set_train()(x).asnumpy() / x.asnumpy()
        flat = ratio.reshape(600, -1)
        np.testing.assert_allclose(flat, flat[:, :1] * np.ones(flat.shape[1]))
        assert set(np.round(flat[:, 0], 12)) == {0.0, round(4 / 3, 12)}
        # 600 draws: the deviation of the share is 0.018.
        assert 0.16 < (flat[:, 0] == 0).mean() < 0.34


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, "BatchNorm2d: num_features must be positive", lambda: nn.BatchNorm2d(0)),
        (ValueError, r"BatchNorm2d: momentum must be in \[0, 1\]", lambda: nn.BatchNorm2d(2, momentum=1.5)),
        (TypeError, "BatchNorm2d: use_batch_statistics", lambda: nn.BatchNorm2d(2, use_batch_statistics=1)),
        (ValueError, "BatchNorm2d: data_format", lambda: nn.BatchNorm2d(2, data_format="NHWC")),
        (ValueError, "BatchNorm2d: the input must be", lambda: nn.BatchNorm2d(2)(ops.ones((2, 2)))),
        (ValueError, "BatchNorm2d: .* 2 channels, but", lambda: nn.BatchNorm2d(2)(ops.ones((2, 3, 1, 1)))),
        (TypeError, "BatchNorm1d: the input must be a Tensor", lambda: nn.BatchNorm1d(2)([1.0])),
        (ValueError, "LayerNorm: normalized_shape must have a size", lambda: nn.LayerNorm(())),
        (TypeError, "LayerNorm: normalized_shape must be an int", lambda: nn.LayerNorm(2.0)),
        (ValueError, "layer_norm: .*does not end with", lambda: nn.LayerNorm(3)(ops.ones((2, 2)))),
        (ValueError, "LayerNorm: .*do not fit", lambda: nn.LayerNorm(3, 5)(ops.ones((2, 3)))),
        (ValueError, "GroupNorm: num_groups must divide", lambda: nn.GroupNorm(2, 3)),
        (ValueError, "group_norm: weight must have", lambda: nn.GroupNorm(2, 4)(ops.ones((2, 2)))),
        (TypeError, "Embedding: use_one_hot must be a bool.*padding_idx", lambda: nn.Embedding(5, 3, 0)),
        (TypeError, "embedding_size and embedding_dim are both missing", lambda: nn.Embedding(5)),
        (TypeError, "vocab_size and num_embeddings are the same", lambda: nn.Embedding(5, 3, num_embeddings=2)),
        (ValueError, "Embedding: padding_idx must be in", lambda: nn.Embedding(5, 3, padding_idx=5)),
        (IndexError, "5", lambda: nn.Embedding(5, 3)(Tensor([5]))),
        (TypeError, "embedding: the input must be integers", lambda: nn.Embedding(5, 3)(Tensor([1.0]))),
        (ValueError, r"Dropout2d: p must be in \[0, 1\]", lambda: nn.Dropout2d(1.5)),
    ],
)
def test_bad_input(error, text, call):
    with pytest.raises(error, match=text):
        call()
