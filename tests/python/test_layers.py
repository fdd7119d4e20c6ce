"""Dense, Flatten, Dropout and the activations: values against NumPy and SciPy, gradients, options, errors."""

import math

import numpy as np
import pytest
from scipy import special, stats

import adcore
from adcore import Parameter, Tensor, nn, ops
from helpers import check, check_grads, f32, f64, t32

RNG = np.random.default_rng(11)
# Away from the kinks at -3, 0, 3 and 6.
POINTS = np.array([-8.0, -4.0, -2.5, -1.0, -0.3, 0.4, 1.2, 2.0, 4.5, 7.0, 9.0])


# Every Cell but those that hold other cells or are no layers.
NO_LAYERS = {"averaging", "cell", "container", "distributed", "learning_rate_schedule", "loss", "plateau", "wrap"}
NO_LAYERS |= {"optimizer", "optim", "optim_adaptive", "optim_factored", "optim_whole"}
LAYERS = [
    cls
    for cls in {getattr(nn, name): None for name in nn.__all__}
    if isinstance(cls, type) and issubclass(cls, nn.Cell) and cls.__module__.rpartition(".")[2] not in NO_LAYERS
]


@pytest.mark.parametrize("cls", LAYERS)
def test_the_laws_walk_every_layer(cls):
    """By samples of its own, or as the cell of an op that has them."""
    assert "_samples" in vars(cls) or "_op" in vars(cls)


# Dense.


def test_c23_defaults_of_dense():
    layer = nn.Dense(3, 2)
    assert (layer.weight.shape, layer.bias.shape) == ((2, 3), (2,))
    assert (layer.weight.name, layer.bias.name, layer.has_bias) == ("weight", "bias", True)
    assert (layer.weight.dtype, layer.weight.requires_grad) == (adcore.float32, True)
    assert nn.Dense(3, 2, has_bias=False).bias is None
    assert [p.name for p in nn.Dense(3, 2, has_bias=False).get_parameters()] == ["weight"]
    assert repr(nn.Dense(2, 1, has_bias=False)) == "Dense(input_channels=2, output_channels=1)"
    assert nn.Dense(2, 1).activation is None


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3), (2, 1, 4, 3), (0, 3)])
@pytest.mark.parametrize("has_bias", [True, False])
def test_c23_dense_is_affine_in_the_last_axis(shape, has_bias):
    w, b, x = RNG.normal(size=(2, 3)), RNG.normal(size=2), RNG.normal(size=shape)
    layer = nn.Dense(3, 2, Tensor(w), Tensor(b), has_bias=has_bias)
    out = layer(Tensor(x))
    assert out.dtype == adcore.float64 and tuple(out.shape) == (*shape[:-1], 2)
    np.testing.assert_allclose(out.asnumpy(), x @ w.T + (b if has_bias else 0), rtol=1e-12, atol=1e-14)


def test_gradients_of_dense():
    w, b, x = RNG.normal(size=(2, 3)), RNG.normal(size=2), RNG.normal(size=(4, 3))

    def f(x, w, b):
        return ops.tanh(ops.dense(x, w, b))

    check_grads(f, [x, w, b], order=2)
    layer = nn.Dense(3, 2, Tensor(w), Tensor(b), activation="tanh")
    by_layer = adcore.grad(layer, 0, layer.trainable_params())(Tensor(x))
    by_ops = adcore.grad(f, (0, 1, 2))(Tensor(x), Tensor(w), Tensor(b))
    for one, other in zip((by_layer[0], *by_layer[1]), by_ops):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())


def test_c23_the_activation_of_dense():
    x, expected = Tensor([[-1.0]], adcore.float32), f32([[0.0]])
    for activation in ("relu", nn.ReLU(), ops.relu):
        layer = nn.Dense(1, 1, "ones", "zeros", activation=activation)
        check(layer(x), expected)
    assert list(nn.Dense(2, 1, activation="relu").name_cells()) == ["activation"]
    with pytest.raises(KeyError, match="unknown name 'xx'.*relu6"):
        nn.Dense(2, 1, activation="xx")
    with pytest.raises(TypeError, match="activation must be a name or a Cell, but got int"):
        nn.Dense(2, 1, activation=3)


def test_c23_initial_values_of_dense():
    layer = nn.Dense(2, 1, weight_init=3, bias_init="ones")
    check(layer.weight.value(), f32([[3.0, 3.0]]))
    check(layer.bias.value(), f32([1.0]))
    assert nn.Dense(2, 1, dtype=adcore.float64).weight.dtype == adcore.float64
    assert nn.Dense(2, 1, dtype=adcore.float16).bias.dtype == adcore.float16
    assert nn.Dense(2, 1, weight_init=Tensor(np.ones((1, 2)))).weight.dtype == adcore.float64
    given = Parameter(Tensor(np.ones((1, 2), np.float32)), name="given")
    layer = nn.Dense(2, 1, weight_init=given)
    assert layer.weight is not given and layer.weight.name == "weight" and given.name == "given"


@pytest.mark.parametrize(
    "error, text, make",
    [
        (ValueError, "in_channels must be positive, but got 0", lambda: nn.Dense(0, 2)),
        (ValueError, "out_channels must be positive, but got -1", lambda: nn.Dense(2, -1)),
        (TypeError, "in_channels must be an int, but got float", lambda: nn.Dense(2.0, 1)),
        (TypeError, "in_channels must be an int, but got bool", lambda: nn.Dense(True, 1)),
        (TypeError, "has_bias must be a bool, but got int", lambda: nn.Dense(2, 1, has_bias=1)),
        (ValueError, r"weight_init must have shape \(1, 2\), but got \(2,\)", lambda: nn.Dense(2, 1, t32(1.0, 2.0))),
        (ValueError, r"bias_init must have shape \(1,\), but got \(2,\)", lambda: nn.Dense(2, 1, None, t32(1.0, 2.0))),
        (ValueError, "unknown name 'xx'", lambda: nn.Dense(2, 1, weight_init="xx")),
    ],
)
def test_c23_options_of_dense(error, text, make):
    with pytest.raises(error, match=text):
        make()


def test_c23_inputs_that_do_not_fit():
    layer = nn.Dense(3, 2)
    with pytest.raises(ValueError, match=r"\(2, 4\).*\((2, 3|3, 2)\)"):
        layer(Tensor(np.ones((2, 4), np.float32)))
    with pytest.raises(TypeError):
        layer(np.ones((1, 3), np.float32))
    assert layer(Tensor(np.ones((1, 3), np.float32))).shape == (1, 2)


def test_c24_the_initial_distribution_of_dense():
    adcore.set_seed(1)
    layer = nn.Dense(100, 50)
    uniform = stats.uniform(-0.1, 0.2).cdf
    for param in layer.get_parameters():
        values = param.asnumpy().ravel().astype(np.float64)
        assert abs(values).max() <= 0.1 + 1e-8
        assert stats.kstest(values, uniform).pvalue > 1e-4
    adcore.set_seed(1)
    np.testing.assert_array_equal(nn.Dense(100, 50).weight.asnumpy(), layer.weight.asnumpy())


# Flatten, Dropout, Identity.


@pytest.mark.parametrize(
    "dims, shape, expected",
    [
        ((), (2, 3, 4), (2, 12)),
        ((0,), (2, 3), (6,)),
        ((0,), (), (1,)),
        ((1, 2), (2, 3, 4, 5), (2, 12, 5)),
        ((-2, -1), (2, 3, 4, 5), (2, 3, 20)),
        ((1, 1), (2, 3), (2, 3)),
        ((1, -1), (0, 3, 4), (0, 12)),
    ],
)
def test_flatten(dims, shape, expected):
    x = np.arange(math.prod(shape), dtype=np.float64).reshape(shape)
    check(nn.Flatten(*dims)(Tensor(x)), f64(x.reshape(expected)))


def test_axes_that_flatten_does_not_have():
    for shape in ((), (2,)):
        with pytest.raises(ValueError, match="axes 1 to -1 do not exist"):
            nn.Flatten()(ops.ones(shape, adcore.float32))
    with pytest.raises(ValueError, match="start_dim 2 comes after end_dim 1"):
        nn.Flatten(2, 1)(ops.ones((1, 2, 3), adcore.float32))
    with pytest.raises(TypeError, match="start_dim must be an int, but got float"):
        nn.Flatten(1.0)


def test_c34_dropout_acts_in_training_only():
    layer = nn.Dropout(p=0.25)
    x = Tensor(np.ones(40000, np.float32))
    assert layer(x) is x
    layer.set_train()
    adcore.set_seed(0)
    out = layer(x).asnumpy()
    kept = np.float32(1) / np.float32(0.75)
    assert set(np.unique(out)) <= {np.float32(0), kept} and out.dtype == np.float32
    assert abs((out == 0).mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 40000)
    adcore.set_seed(0)
    np.testing.assert_array_equal(layer(x).asnumpy(), out)
    assert (layer(x).asnumpy() != out).any()
    assert layer.set_train(False)(x) is x


def test_c34_the_gradient_of_dropout_is_its_mask():
    layer = nn.Dropout(p=0.5).set_train()
    x = Tensor(RNG.normal(size=1000).astype(np.float32))
    value, gradient = adcore.value_and_grad(layer)(x)
    np.testing.assert_allclose(value.asnumpy(), gradient.asnumpy() * x.asnumpy(), rtol=1e-6)
    assert set(np.unique(gradient.asnumpy())) == {0.0, 2.0}


def test_c34_options_of_dropout():
    assert [repr(nn.Dropout(p=p)) for p in (0, 0.5)] == ["Dropout(p=0)", "Dropout(p=0.5)"]
    assert repr(nn.Dropout()) == "Dropout(keep_prob=0.5)" and repr(nn.Dropout(0.9)) == "Dropout(keep_prob=0.9)"
    x = t32(1.0, 2.0)
    assert nn.Dropout(p=0.0).set_train()(x) is x and nn.Dropout(keep_prob=1.0).set_train()(x) is x
    for p in (1.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match=r"Dropout: p must be in \[0, 1\)"):
            nn.Dropout(p=p)
    for keep_prob in (0.0, 1.5):
        with pytest.raises(ValueError, match=r"Dropout: keep_prob must be in \(0, 1\]"):
            nn.Dropout(keep_prob=keep_prob)
    for p in ("a", True):
        with pytest.raises(TypeError, match="Dropout: p must be a float"):
            nn.Dropout(p=p)


def test_identity_returns_what_it_gets():
    x = t32(1.0)
    assert nn.Identity(3, some="thing")(x) is x


# Activations.

ALPHA, SCALE = 1.6732632423543772848, 1.0507009873554804934  # Klambauer et al. 2017, arXiv:1706.02515

ACTIVATIONS = [
    (nn.ReLU(), lambda x: np.maximum(x, 0)),
    (nn.ReLU6(), lambda x: np.clip(x, 0, 6)),
    (nn.LeakyReLU(), lambda x: np.where(x > 0, x, 0.2 * x)),
    (nn.LeakyReLU(0.05), lambda x: np.where(x > 0, x, 0.05 * x)),
    (nn.ELU(), lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    (nn.ELU(0.5), lambda x: np.where(x > 0, x, 0.5 * np.expm1(np.minimum(x, 0)))),
    (nn.SeLU(), lambda x: SCALE * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0)))),
    (nn.GELU(), lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    (nn.GELU(approximate=False), lambda x: x * special.ndtr(x)),
    (nn.SiLU(), lambda x: x * special.expit(x)),
    (nn.Sigmoid(), special.expit),
    (nn.LogSigmoid(), special.log_expit),
    (nn.Tanh(), np.tanh),
    (nn.Tanhshrink(), lambda x: x - np.tanh(x)),
    (nn.Softplus(), lambda x: np.logaddexp(0, x)),
    (nn.Softplus(2.0), lambda x: np.logaddexp(0, 2 * x) / 2),
    (nn.Softsign(), lambda x: x / (1 + abs(x))),
    (nn.HSigmoid(), lambda x: np.clip(x + 3, 0, 6) / 6),
    (nn.HSwish(), lambda x: x * np.clip(x + 3, 0, 6) / 6),
    (nn.Mish(), lambda x: x * np.tanh(np.logaddexp(0, x))),
]
ACTIVATION = pytest.mark.parametrize("layer, formula", ACTIVATIONS, ids=lambda v: getattr(v, "cls_name", ""))


@ACTIVATION
def test_values_of_activations(layer, formula):
    expected = formula(POINTS)
    for dtype, rtol in ((adcore.float64, 1e-11), (adcore.float32, 1e-5)):
        out = layer(Tensor(POINTS, dtype))
        assert out.dtype == dtype
        # Tanhshrink and the GELU tail subtract nearly equal numbers: hence an absolute part.
        np.testing.assert_allclose(out.asnumpy(), expected, rtol=rtol, atol=rtol)


@ACTIVATION
def test_gradients_of_activations(layer, formula):
    check_grads(layer, [POINTS], order=2)


@pytest.mark.parametrize("axis", [-1, 0, 1, (1,)])
def test_softmax_and_log_softmax(axis):
    x = RNG.normal(size=(4, 5))
    number = axis[0] if isinstance(axis, tuple) else axis
    np.testing.assert_allclose(nn.Softmax(axis)(Tensor(x)).asnumpy(), special.softmax(x, number), rtol=1e-12)
    np.testing.assert_allclose(nn.LogSoftmax(axis)(Tensor(x)).asnumpy(), special.log_softmax(x, number), rtol=1e-12)


def test_options_of_activations():
    for cls in (nn.Softmax, nn.LogSoftmax):
        for axis in ("a", (0, 1), 1.0, True):
            with pytest.raises(TypeError, match=f"{cls.__name__}: axis must be an int"):
                cls(axis)
    with pytest.raises(TypeError, match="GELU: approximate must be a bool, but got str"):
        nn.GELU(approximate="tanh")
    for cls in (nn.LeakyReLU, nn.ELU):
        with pytest.raises(TypeError, match=f"{cls.__name__}: alpha must be a number, but got str"):
            cls("a")
    assert nn.SELU is nn.SeLU


def test_activations_by_name():
    assert nn.get_activation(None) is None
    for name, cls in (("relu", nn.ReLU), ("leakyrelu", nn.LeakyReLU), ("logsoftmax", nn.LogSoftmax), ("silu", nn.SiLU)):
        assert type(nn.get_activation(name)) is cls
    for name in ("xx", "", "ReLU", 3):
        with pytest.raises(KeyError, match="unknown name"):
            nn.get_activation(name)
