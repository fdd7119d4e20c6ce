"""Losses where something may go wrong: infinite inputs, kinks, zero vectors, equal points, nothing, bad arguments.

A value at an infinity is the limit; a slope at a kink is 0, or that of one side, as the docstring says.
"""

import functools
import math

import numpy as np
import pytest

import adcore
from adcore import Tensor, ops
from helpers import array_of

INF, NAN = math.inf, math.nan

# expression of x -> x: (value, slope). The value is one number, x stands for a Tensor of one number along one axis.
POINTS = {
    "smooth_l1_loss(x, 0 * x.clamp(-1, 1))": {
        0.0: (0, 0),
        1.0: (0.5, 1),
        -1.0: (0.5, -1),
        INF: (INF, 1),
        -INF: (INF, -1),
        1e300: (1e300, 1),
    },
    "smooth_l1_loss(x, zeros((1,)), 0.0)": {0.0: (0, 0), INF: (INF, 1), -INF: (INF, -1)},
    "huber_loss(x, zeros((1,)), delta=2.0)": {
        0.0: (0, 0),
        2.0: (2, 2),
        INF: (INF, 2),
        -INF: (INF, -2),
        1e300: (2e300, 2),
    },
    "soft_margin_loss(x, ones((1,)))": {INF: (0, 0), -INF: (INF, -1), 800.0: (0, 0), -800.0: (800, -1)},
    "multilabel_soft_margin_loss(x, ones((1,)))": {INF: (0, 0), -INF: (INF, -1)},
    "multilabel_soft_margin_loss(x, zeros((1,)))": {INF: (INF, 1), -INF: (0, 0)},
    "margin_ranking_loss(x, zeros((1,)), ones((1,)), 1.0)": {1.0: (0, 0), INF: (0, 0), -INF: (INF, -1)},
    "hinge_embedding_loss(x, -ones((1,)))": {1.0: (0, 0), INF: (0, 0), -INF: (INF, -1)},
    "hinge_embedding_loss(x, zeros((1,)))": {INF: (0, 0), -INF: (0, 0), NAN: (0, 0)},
    "kl_div(x, zeros((1,)))": {INF: (0, 0), -INF: (0, 0), 1.0: (0, 0)},
    "kl_div(x, ones((1,)))": {-INF: (INF, -1), 0.0: (0, -1)},
    "kl_div(x, full((1,), float('-inf')), log_target=True)": {-INF: (0, 0), 0.0: (0, 0)},
    "kl_div(ones((1,)), x)": {0.0: (0, 0)},
    "poisson_nll_loss(x, zeros((1,)))": {-INF: (0, 0), INF: (INF, INF)},
    "poisson_nll_loss(x, ones((1,)))": {-INF: (INF, -1)},
    "poisson_nll_loss(x, zeros((1,)), False, eps=0)": {0.0: (0, 1)},
    "poisson_nll_loss(zeros((1,)), x, full=True)": {1.0: (1, 0), 0.0: (1, 0)},
    "gaussian_nll_loss(zeros((1,)), ones((1,)), x)": {
        0.0: (0.5 * (math.log(1e-6) + 1e6), 0),
        INF: (INF, 0),
    },
    "nll_loss(concat([x, zeros((1,))]), Tensor(1))": {INF: (0, 0), -INF: (0, 0), NAN: (0, 0)},
    "nll_loss(stack([concat([x, zeros((1,))]), ones((2,))]), Tensor([7, 0]), ignore_index=7)": {
        INF: (-1, 0),
        NAN: (-1, 0),
    },
    "cross_entropy(concat([x, zeros((1,))]), Tensor([0.0, 1.0]))": {-INF: (0, 0)},
    "multi_margin_loss(concat([x, zeros((1,))]), Tensor(0))": {1.0: (0, 0), INF: (0, 0), -INF: (INF, -0.5)},
    "multilabel_margin_loss(concat([x, x]), Tensor([0, 1]))": {0.0: (0, 0), INF: (0, 0), NAN: (0, 0)},
    "multilabel_margin_loss(concat([x, zeros((1,))]), Tensor([0, -1]))": {1.0: (0, 0), INF: (0, 0)},
    "pairwise_distance(x, zeros((1,)), eps=0.0)": {0.0: (0, 0), 3.0: (3, 1)},
    "pairwise_distance(x, zeros((1,)), 1, eps=0.0)": {0.0: (0, 0)},
    "pairwise_distance(x, zeros((1,)), 3, eps=0.0)": {0.0: (0, 0)},
    "triplet_margin_loss(x, x, x, eps=0.0)": {0.0: (1, 0)},
    "triplet_margin_loss(x, zeros((1,)), ones((1,)), eps=0.0)": {0.0: (0, 0)},
    "cosine_similarity(x, zeros((1,)), 0)": {0.0: (0, 0), 2.0: (0, 0)},
    "cosine_similarity(x, x, 0)": {0.0: (0, 0), 2.0: (1, 0)},
    # what max(norm, eps) says: no derivative of the length where it is shorter
    "cosine_similarity(x, ones((1,)), 0, 0.5)": {0.0: (0, 2), 0.25: (0.5, 2), 2.0: (1, 0)},
    "cosine_embedding_loss(x, zeros((1,)), Tensor(1))": {0.0: (1, 0)},
    "cosine_embedding_loss(x, ones((1,)), Tensor(-1), 1.0)": {2.0: (0, 0)},
    "ctc_loss(stack([concat([x, zeros((1,))])]), Tensor([1]), 1, 1)": {-INF: (0, 0), -3.0: (0, 0)},
    "ctc_loss(stack([concat([zeros((1,)), x])]), Tensor([1]), 1, 1)": {-INF: (INF, 0), -3.0: (3, -1)},
    "ctc_loss(stack([concat([x, x])]), Tensor([1, 1]), 1, 2)": {0.0: (INF, 0)},
    "ctc_loss(stack([concat([x, x])]), Tensor([1, 1]), 1, 2, zero_infinity=True)": {0.0: (0, 0)},
}
CASES = [(expression, x) for expression, points in POINTS.items() for x in points]


@pytest.mark.parametrize("dtype", [adcore.float32, adcore.float64])
@pytest.mark.parametrize("expression, x", CASES)
def test_value_and_slope(expression, x, dtype):
    value, slope = POINTS[expression][x]
    if dtype == adcore.float32 and abs(x) == 1e300:
        return
    tensor = lambda v: Tensor(v, dtype if isinstance(v, list) and type(v[0]) is float else None)
    made = {name: functools.partial(getattr(ops, name), dtype=dtype) for name in ("zeros", "ones", "full")}
    f = lambda x: eval(expression, {**vars(ops), **made, "Tensor": tensor, "x": x}).sum()
    point = Tensor([x], dtype)
    rtol = 1e-6 if dtype == adcore.float32 else 1e-14
    np.testing.assert_allclose(array_of(f(point)), value, rtol=rtol)
    np.testing.assert_allclose(array_of(adcore.grad(f)(point)), [slope], rtol=rtol)
    np.testing.assert_allclose(array_of(adcore.jvp(f, point, Tensor([1.0], dtype))[1]), slope, rtol=rtol)


def test_slopes_at_equal_points_of_several_coordinates():
    x, y = Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([[1.0, 2.0], [3.0, 5.0]])
    for p in (1, 2, 3, INF):
        slope = array_of(adcore.grad(lambda x, p=p: ops.pairwise_distance(x, y, p, 0.0).sum())(x))
        np.testing.assert_array_equal(slope, [[0, 0], [0, -1]])


def test_a_negative_variance():
    assert np.isnan(array_of(ops.gaussian_nll_loss(ops.zeros((1,)), ops.ones((1,)), Tensor([-1.0]))))


def test_a_mean_over_nothing():
    """As the mean of nothing is NaN, so is the loss; the sum is 0."""
    x, y = ops.zeros((0, 3)), ops.zeros((0,), adcore.int64)
    for f in (lambda r: ops.nll_loss(x, y, reduction=r), lambda r: ops.multi_margin_loss(x, y, reduction=r)):
        assert np.isnan(array_of(f("mean"))) and float(f("sum")) == 0 and f("none").shape == (0,)
    none = ops.ctc_loss(ops.zeros((4, 0, 3)), ops.zeros((0, 2), adcore.int64), [], [], reduction="sum")
    assert float(none) == 0


def test_the_same_loss_as_cross_entropy():
    rng = np.random.default_rng(3)
    x, w, t = Tensor(rng.normal(size=(4, 3, 2))), Tensor(rng.uniform(0.5, 2, 3)), Tensor(rng.integers(0, 3, (4, 2)))
    for reduction in ("mean", "sum", "none"):
        for smoothing in (0.0, 0.3):
            options = {"weight": w, "ignore_index": 1, "reduction": reduction, "label_smoothing": smoothing}
            one, other = ops.nll_loss(ops.log_softmax(x, 1), t, **options), ops.cross_entropy(x, t, **options)
            np.testing.assert_allclose(array_of(one), array_of(other), rtol=1e-13)


def test_a_ctc_loss_of_single_precision_and_many_steps():
    rng = np.random.default_rng(3)
    logits, labels = rng.normal(size=(300, 2, 5)), rng.integers(1, 5, (2, 40))
    loss = [ops.ctc_loss(ops.log_softmax(Tensor(logits, t), -1), Tensor(labels), [300, 250], [40, 9], reduction="none")
            for t in (adcore.float32, adcore.float64)]  # fmt: skip
    np.testing.assert_allclose(array_of(loss[0]), array_of(loss[1]), rtol=2e-6)
    padded = labels.copy()
    padded[1, 9:] = -7  # padding may be anything
    again = ops.ctc_loss(ops.log_softmax(Tensor(logits), -1), Tensor(padded), [300, 250], [40, 9], reduction="none")
    assert array_of(again).tobytes() == array_of(loss[1]).tobytes()


X, T, W = Tensor(np.ones((2, 3))), Tensor([0, 2]), Tensor([1.0, 2.0])
P = Tensor(np.ones((4, 2, 3)))
o = ops
REFUSED = [
    (lambda: o.nll_loss(X, Tensor([0, 3])), IndexError, "3"),
    (lambda: o.nll_loss(X, Tensor([0, -1])), IndexError, "3"),
    (lambda: o.nll_loss(X, T, W), ValueError, r"nll_loss: weight must have one entry for .* 3 classes, got \(2,\)"),
    (lambda: o.nll_loss(X, Tensor([0])), ValueError, r"nll_loss: a target of shape \(1,\) does not fit"),
    (lambda: o.nll_loss(X, X), TypeError, "nll_loss: target must be a tensor of integers, got Float64"),
    (lambda: o.nll_loss(T, T), TypeError, "nll_loss: inputs must be a float tensor, got Int64"),
    (lambda: o.nll_loss(X, T, label_smoothing=2), ValueError, r"nll_loss: label_smoothing must be in \[0, 1\], got 2"),
    (lambda: o.nll_loss(Tensor(1.0), Tensor(0)), ValueError, "nll_loss: inputs need an axis of classes"),
    (lambda: o.multi_margin_loss(X, Tensor([0, -1])), IndexError, "3"),
    (lambda: o.multi_margin_loss(X, T, 3), ValueError, "multi_margin_loss: p must be 1 or 2, got 3"),
    (lambda: o.multi_margin_loss(P, T), ValueError, r"multi_margin_loss: input must be \(n, classes\)"),
    (lambda: o.multilabel_margin_loss(X, T), ValueError, "input and target must have one shape"),
    (lambda: o.multilabel_margin_loss(X, Tensor([[0, 3, 1], [0, 1, 2]])), IndexError, "3"),
    (lambda: o.multilabel_soft_margin_loss(X, W), ValueError, "input and target must have one shape"),
    (lambda: o.multilabel_soft_margin_loss(W, W, o.ones((3, 2))), ValueError, "weight of shape .* does not"),
    (lambda: o.kl_div(X, X, "max"), ValueError, "kl_div: reduction must be 'none', 'mean', 'sum' or 'batchmean'"),
    (lambda: o.kl_div(X, T), TypeError, "kl_div: labels must be a float tensor"),
    (lambda: o.smooth_l1_loss(X, X, -1.0), ValueError, "smooth_l1_loss: beta must be at least 0, got -1.0"),
    (lambda: o.smooth_l1_loss(X, X, X), TypeError, "smooth_l1_loss: beta must be a number, got Tensor"),
    (lambda: o.smooth_l1_loss(X, 1.0), TypeError, "smooth_l1_loss: target must be a Tensor, got float"),
    (lambda: o.smooth_l1_loss(X, X, reduction="max"), ValueError, "smooth_l1_loss: reduction must be 'none'"),
    (lambda: o.huber_loss(X, X, delta=0), ValueError, "huber_loss: delta must be greater than 0, got 0"),
    (lambda: o.huber_loss(X, X, delta=NAN), ValueError, "huber_loss: delta must be greater than 0, got nan"),
    (lambda: o.huber_loss(X, W), ValueError, r"\(2, 3\).*\(2,\)"),
    (lambda: o.gaussian_nll_loss(X, X, W, eps=0.0), ValueError, "gaussian_nll_loss: eps must be greater than 0"),
    (lambda: o.gaussian_nll_loss(W, W, X), ValueError, r"shapes? \(2,\)|\(2, 3\)"),
    (lambda: o.gaussian_nll_loss(W, W, o.ones((3, 2))), ValueError, "var of shape .* does not fit"),
    (lambda: o.cosine_similarity(X, W), ValueError, r"shapes \(2, 3\) and \(2,\) do not broadcast"),
    (lambda: o.cosine_similarity(W, W), (ValueError, IndexError), "axis|dim"),
    (lambda: o.cosine_embedding_loss(X, X, Tensor([1])), ValueError, "a target of shape .* does not fit"),
    (lambda: o.cosine_embedding_loss(X, X, T, 2.0), ValueError, r"margin must be in \[-1, 1\], got 2.0"),
    (lambda: o.pairwise_distance(X, X, "a"), TypeError, "pairwise_distance: p must be a number, got str"),
    (lambda: o.triplet_margin_loss(X, X, X, 0.0), ValueError, "triplet_margin_loss: margin must be greater than 0"),
    (lambda: o.ctc_loss(W, T, 1, 1), ValueError, "ctc_loss: log_probs must be"),
    (lambda: o.ctc_loss(P, Tensor([[1], [0]]), [4, 4], [1, 1]), IndexError, "3"),
    (lambda: o.ctc_loss(P, Tensor([[1], [3]]), [4, 4], [1, 1]), IndexError, "3"),
    (lambda: o.ctc_loss(P, Tensor([[1], [-1]]), [4, 4], [1, 1]), IndexError, "3"),
    (lambda: o.ctc_loss(P, Tensor([[1]]), [4, 4], [1, 1]), ValueError, r"targets of shape \(1, 1\) do not fit 2"),
    (lambda: o.ctc_loss(P, Tensor([1, 2]), [5, 4], [1, 1]), ValueError, r"input_lengths must be in \[0, 4\]"),
    (lambda: o.ctc_loss(P, Tensor([1, 2]), [4], [1, 1]), ValueError, "input_lengths must be 2 integers"),
    (lambda: o.ctc_loss(P, Tensor([1, 2]), [4, 4], [1, 0]), ValueError, "target_lengths sum to 1 for 2 targets"),
    (lambda: o.ctc_loss(P, Tensor([1, 2]), [4, 4], [1.0, 1]), ValueError, "target_lengths must be 2 integers"),
    (lambda: o.ctc_loss(P, Tensor([1, 2]), [4, 4], [1, 1], 3), ValueError, r"blank must be a class in \[0, 3\), got 3"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_bad_arguments(case):
    call, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        call()
