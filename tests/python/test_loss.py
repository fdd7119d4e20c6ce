"""The losses of nn against NumPy in float64, their options and errors. The ops behind them have tests of their own."""

import inspect

import numpy as np
import pytest
from scipy import special

import adcore
from adcore import Tensor, nn
from helpers import check, check_grads, f32, t32

RNG = np.random.default_rng(7)
X = RNG.normal(size=(5, 3))
Y = RNG.normal(size=(5, 3))
P = RNG.uniform(0.05, 0.95, size=(5, 3))
LABELS = RNG.integers(0, 2, size=(5, 3)).astype(np.float64)
W = RNG.uniform(0.5, 2.0, size=(5, 3))
W3 = RNG.uniform(0.5, 2.0, size=3)

LOSSES = [cls for cls in vars(nn).values() if isinstance(cls, type) and cls.__module__ == nn.loss.__name__]

REDUCE = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}
REDUCTIONS = pytest.mark.parametrize("reduction", REDUCE)


def compare(loss, expected, *args):
    for dtype, rtol in ((adcore.float64, 1e-12), (adcore.float32, 2e-6)):
        out = loss(*(Tensor(a, dtype) if a.dtype.kind == "f" else Tensor(a) for a in args))
        assert out.dtype == dtype
        np.testing.assert_allclose(out.asnumpy(), expected, rtol=rtol, atol=rtol)


@REDUCTIONS
def test_mse_and_l1(reduction):
    compare(nn.MSELoss(reduction), REDUCE[reduction]((X - Y) ** 2), X, Y)
    compare(nn.L1Loss(reduction=reduction), REDUCE[reduction](abs(X - Y)), X, Y)
    compare(nn.MSELoss(reduction), REDUCE[reduction]((X - Y[0]) ** 2), X, Y[0])


@REDUCTIONS
def test_bce(reduction):
    losses = -(LABELS * np.log(P) + (1 - LABELS) * np.log1p(-P))
    compare(nn.BCELoss(reduction=reduction), REDUCE[reduction](losses), P, LABELS)
    for dtype in (adcore.float64, adcore.float32):
        loss = nn.BCELoss(Tensor(W, dtype), reduction)
        out = loss(Tensor(P, dtype), Tensor(LABELS, dtype)).asnumpy()
        np.testing.assert_allclose(out, REDUCE[reduction](W * losses), rtol=4e-6)


@REDUCTIONS
def test_c26_bce_with_logits(reduction):
    losses = LABELS * np.logaddexp(0, -X) + (1 - LABELS) * np.logaddexp(0, X)
    compare(nn.BCEWithLogitsLoss(reduction), REDUCE[reduction](losses), X, LABELS)
    weighted = W * (LABELS * W3 * np.logaddexp(0, -X) + (1 - LABELS) * np.logaddexp(0, X))
    loss = nn.BCEWithLogitsLoss(reduction, weight=Tensor(W), pos_weight=Tensor(W3))
    out = loss(Tensor(X), Tensor(LABELS)).asnumpy()
    np.testing.assert_allclose(out, REDUCE[reduction](weighted), rtol=1e-12)


def test_c26_the_observed_values():
    # Observed to five digits.
    x, y = t32(1.0, -2.0, 3.0), t32(1.0, 0.0, 1.0)
    check(nn.BCEWithLogitsLoss()(x, y), f32(0.16293, rtol=5e-5))
    check(nn.BCEWithLogitsLoss("sum")(x, y), f32(0.48878, rtol=5e-5))
    weighted = nn.BCEWithLogitsLoss("none", weight=t32(1.0, 2.0, 3.0), pos_weight=t32(2.0, 2.0, 2.0))
    check(weighted(x, y), f32([0.62652, 0.25386, 0.29152], rtol=5e-5))
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        nn.BCEWithLogitsLoss()(x, t32(1.0, 2.0))
    with pytest.raises(TypeError):
        nn.BCEWithLogitsLoss()(x.asnumpy(), y)
    assert nn.BCEWithLogitsLoss().trainable_params() == []
    assert repr(nn.BCEWithLogitsLoss()) == "BCEWithLogitsLoss()"


def test_c28_the_observed_values():
    logits = Tensor([[1.0, 2.0], [0.0, 1.0]], adcore.float32)
    check(nn.CrossEntropyLoss()(logits, Tensor([0, 1], adcore.int32)), f32(0.81326, rtol=1e-5))
    check(nn.MSELoss()(t32(1.0, 2.0), t32(3.0, 5.0)), f32(6.5))


def log_softmax(x):
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


@REDUCTIONS
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weight", [None, W3])
def test_cross_entropy_of_class_indices(reduction, smoothing, weight):
    target = np.array([0, 2, 1, 2, 0])
    keep = target != 1
    w = np.ones(3) if weight is None else weight
    log_p = log_softmax(X)
    one_hot = np.eye(3)[target]
    # Smoothing spreads over the classes, each with its own weight.
    losses = keep * -((1 - smoothing) * (one_hot * w * log_p).sum(1) + smoothing / 3 * (w * log_p).sum(1))
    expected = losses.sum() / (w[target] * keep).sum() if reduction == "mean" else REDUCE[reduction](losses)
    for index in (np.int32, np.int64):
        loss = nn.CrossEntropyLoss(None if weight is None else Tensor(weight), 1, reduction, smoothing)
        out = loss(Tensor(X), Tensor(target.astype(index)))
        np.testing.assert_allclose(out.asnumpy(), expected, rtol=1e-12)


@REDUCTIONS
def test_cross_entropy_of_probabilities(reduction):
    q = P / P.sum(axis=1, keepdims=True)
    losses = -(q * log_softmax(X)).sum(1)
    compare(nn.CrossEntropyLoss(reduction=reduction), REDUCE[reduction](losses), X, q)


@pytest.mark.parametrize(
    "loss, target",
    [
        (nn.MSELoss(), Y),
        (nn.BCEWithLogitsLoss(pos_weight=Tensor(W3)), LABELS),
        (nn.CrossEntropyLoss(label_smoothing=0.1), np.array([0, 2, 1, 2, 0])),
    ],
    ids=lambda v: getattr(v, "cls_name", ""),
)
def test_gradients_of_losses(loss, target):
    check_grads(lambda x: loss(x, Tensor(target)), [X], order=2)


@pytest.mark.parametrize("cls", [cls for cls in LOSSES if "reduction" in inspect.signature(cls).parameters])
def test_an_unknown_reduction(cls):
    for reduction in ("xx", None, 3, "Mean"):
        with pytest.raises(ValueError, match=f"{cls.__name__}: reduction must be 'mean', 'sum'.* or '.*', but got "):
            cls(reduction=reduction)


@pytest.mark.parametrize("cls", [nn.BCELoss, nn.BCEWithLogitsLoss, nn.CrossEntropyLoss])
def test_a_weight_must_be_a_tensor(cls):
    with pytest.raises(TypeError, match="weight must be a Tensor or None, but got float"):
        cls(weight=3.0)


def test_options_of_cross_entropy():
    for smoothing in (-0.1, 2.0, float("nan")):
        with pytest.raises(ValueError, match=r"label_smoothing must be in \[0, 1\]"):
            nn.CrossEntropyLoss(label_smoothing=smoothing)
    with pytest.raises(TypeError, match="label_smoothing must be a float, but got str"):
        nn.CrossEntropyLoss(label_smoothing="a")
    with pytest.raises(TypeError, match="ignore_index must be an int, but got float"):
        nn.CrossEntropyLoss(ignore_index=1.5)


def test_shapes_that_do_not_broadcast():
    for loss in (nn.MSELoss(), nn.L1Loss()):
        with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
            loss(t32(1.0, 2.0), t32(1.0, 2.0, 3.0))


PAIRED = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss, nn.SoftMarginLoss, nn.HingeEmbeddingLoss, nn.KLDivLoss)


@pytest.mark.parametrize("cls", [*PAIRED, nn.PoissonNLLLoss, nn.GaussianNLLLoss, nn.MarginRankingLoss])
def test_a_loss_of_samples_with_all_others_warns(cls):
    loss, column, row = cls(), Tensor(np.ones((4, 1))), Tensor(np.ones(4))
    more = () if cls in (*PAIRED, nn.PoissonNLLLoss) else (column,)
    with pytest.warns(UserWarning, match=r"\(4, 1\), \(4,\).* broadcast to \(4, 4\), which pairs"):
        loss(column, row, *more)
    for target in (column, Tensor(1.0), Tensor(np.ones((1, 1)))):  # the suite makes errors of warnings
        loss(column, target, *more)


# Cross-entropy behind a softmax, and losses of one's own.


@REDUCTIONS
def test_softmax_cross_entropy_with_logits(reduction):
    x, classes = RNG.normal(size=(3, 2, 4)), RNG.integers(0, 4, (3, 2))
    logs = x - special.logsumexp(x, -1, keepdims=True)
    picked = np.take_along_axis(logs, classes[..., None], -1)[..., 0]
    sparse = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction=reduction)
    np.testing.assert_allclose(sparse(Tensor(x), Tensor(classes)).asnumpy(), REDUCE[reduction](-picked), rtol=1e-12)
    shares = RNG.dirichlet(np.ones(4), (3, 2))
    dense = nn.SoftmaxCrossEntropyWithLogits(reduction=reduction)
    expected = REDUCE[reduction](-(shares * logs).sum(-1))
    np.testing.assert_allclose(dense(Tensor(x), Tensor(shares)).asnumpy(), expected, rtol=1e-12)
    assert nn.SoftmaxCrossEntropyWithLogits().reduction == "none"


@pytest.mark.parametrize(
    ("error", "text", "labels", "sparse"),
    [
        (ValueError, r"labels must have the shape \(3,\), but got \(3, 4\)", np.zeros((3, 4), int), True),
        (ValueError, r"labels must have the shape \(3, 4\), but got \(3,\)", np.zeros(3), False),
        (TypeError, "labels must be ints where sparse=True", np.zeros(3), True),
        (IndexError, "4", np.array([0, 1, 4]), True),
        (IndexError, "out of range", np.array([0, 1, -1]), True),
    ],
)
def test_labels_that_do_not_fit(error, text, labels, sparse):
    with pytest.raises(error, match=text):
        nn.SoftmaxCrossEntropyWithLogits(sparse)(Tensor(np.zeros((3, 4))), Tensor(labels))


@REDUCTIONS
def test_absolute_and_root_mean_square(reduction):
    x, y = RNG.normal(size=(2, 3, 4))
    expected = REDUCE[reduction](abs(x - y))
    np.testing.assert_allclose(nn.MAELoss(reduction)(Tensor(x), Tensor(y)).asnumpy(), expected, rtol=1e-12)
    root = float(nn.RMSELoss()(Tensor(x), Tensor(y)))
    np.testing.assert_allclose(root, np.sqrt(((x - y) ** 2).mean()), rtol=1e-12)


@REDUCTIONS
def test_a_loss_of_ones_own(reduction):
    class Own(nn.LossBase):
        def construct(self, logits, labels):
            return self.get_loss((logits - labels) ** 4, Tensor(weights))

    x, y, weights = RNG.normal(size=(3, 5))
    expected = REDUCE[reduction]((x - y) ** 4 * weights)
    np.testing.assert_allclose(Own(reduction)(Tensor(x), Tensor(y)).asnumpy(), expected, rtol=1e-12)
    half = nn.LossBase(reduction).get_loss(Tensor(np.full(5000, 40.0), adcore.float16), 0.1)
    # The sum, 20000, is one of float16; partial sums in float16 would round to multiples of 16.
    assert half.dtype == adcore.float16
    np.testing.assert_allclose(half.asnumpy(), REDUCE[reduction](np.full(5000, 4.0)), rtol=1e-3)
    assert issubclass(nn.MSELoss, nn.LossBase) and isinstance(nn.CrossEntropyLoss(), nn.LossBase)
    with pytest.raises(ValueError, match="LossBase: reduction must be"):
        nn.LossBase("all")
