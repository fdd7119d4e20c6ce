"""Metrics against scikit-learn, over batches of uneven size."""

import warnings

import numpy as np
import pytest

import adcore
from adcore import Tensor
from adcore.train import (
    F1,
    MAE,
    MSE,
    ROC,
    Accuracy,
    BleuScore,
    ConfusionMatrix,
    ConfusionMatrixMetric,
    CosineSimilarity,
    Dice,
    Fbeta,
    Loss,
    Metric,
    Perplexity,
    Precision,
    Recall,
    Top1CategoricalAccuracy,
    Top5CategoricalAccuracy,
    TopKCategoricalAccuracy,
    auc,
    get_metric_fn,
    names,
    rearrange_inputs,
)

reference = pytest.importorskip("sklearn.metrics")

CUTS = [7, 30, 31]  # batches of 7, 23, 1 and the rest


def over_batches(metric, *arrays, convert=Tensor, **options):
    """The metric of arrays that come batch by batch, after a run that must be forgotten."""
    metric.update(*(convert(a[:3]) for a in arrays))
    metric.clear()
    for batch in zip(*(np.split(a, CUTS) for a in arrays)):
        metric.update(*map(convert, batch))
    return metric.eval(**options)


def classes(rng, number=8, samples=60):
    """Scores, and labels that are the highest of them now and then; class `number` - 1 does not occur."""
    scores = rng.normal(size=(samples, number)).astype(np.float32)
    labels = rng.integers(0, number - 1, samples)
    scores[np.arange(samples), labels] += 1
    return scores, labels


@pytest.mark.parametrize("convert", [Tensor, np.asarray, np.ndarray.tolist], ids=["Tensor", "array", "list"])
def test_accuracy(rng, convert):
    scores, labels = classes(rng)
    expected = reference.accuracy_score(labels, scores.argmax(1))
    assert over_batches(Accuracy(), scores, labels, convert=convert) == expected
    assert over_batches(Accuracy(), scores, np.eye(8)[labels], convert=convert) == expected
    assert over_batches(Top1CategoricalAccuracy(), scores, labels, convert=convert) == expected


@pytest.mark.parametrize("dtype", [adcore.float16, adcore.bfloat16, adcore.float64])
def test_accuracy_of_other_dtypes(rng, dtype):
    scores, labels = classes(rng)
    scores = Tensor(scores).astype(dtype)
    expected = reference.accuracy_score(labels, scores.astype(adcore.float64).asnumpy().argmax(1))
    assert Accuracy()(scores, Tensor(labels)) == expected


def test_accuracy_of_pixels_and_of_several_labels(rng):
    scores, labels = rng.normal(size=(5, 4, 3, 2)), rng.integers(0, 4, (5, 3, 2))
    assert Accuracy()(Tensor(scores), Tensor(labels)) == np.mean(scores.argmax(1) == labels)
    predicted, true = rng.integers(0, 2, (2, 60, 3))
    assert over_batches(Accuracy("multilabel"), predicted, true) == reference.accuracy_score(true, predicted)


@pytest.mark.parametrize(
    "metric, expected",
    [(Precision, reference.precision_score), (Recall, reference.recall_score), (F1, reference.f1_score)],
)
def test_rates_of_classes(rng, metric, expected):
    scores, labels = classes(rng)
    given = (labels, scores.argmax(1))
    options = {"labels": range(8), "zero_division": 0}
    np.testing.assert_allclose(over_batches(metric(), scores, labels), expected(*given, average=None, **options))
    np.testing.assert_allclose(
        over_batches(metric(), scores, labels, average=True), expected(*given, average="macro", **options)
    )


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_fbeta(rng, beta):
    scores, labels = classes(rng)
    expected = reference.fbeta_score(
        labels, scores.argmax(1), beta=beta, average=None, labels=range(8), zero_division=0
    )
    np.testing.assert_allclose(over_batches(Fbeta(beta), scores, labels), expected)


@pytest.mark.parametrize("metric, expected", [(Precision, reference.precision_score), (Recall, reference.recall_score)])
def test_rates_of_several_labels(rng, metric, expected):
    predicted, true = rng.integers(0, 2, (2, 60, 4))
    predicted[0] = true[1] = 0
    got = over_batches(metric("multilabel"), predicted, true, average=True)
    np.testing.assert_allclose(got, expected(true, predicted, average="samples", zero_division=0))
    assert metric("multilabel")(Tensor(predicted), Tensor(true)).shape == (60,)


@pytest.mark.parametrize("k", [1, 2, 5, 8])
def test_top_k(rng, k):
    scores, labels = classes(rng)
    expected = reference.top_k_accuracy_score(labels, scores, k=k, labels=range(8)) if k < 8 else 1.0
    assert over_batches(TopKCategoricalAccuracy(k), scores, labels) == pytest.approx(expected)
    if k == 5:
        assert over_batches(Top5CategoricalAccuracy(), scores, np.eye(8)[labels]) == pytest.approx(expected)


def test_scores_of_nan_are_wrong_and_no_class():
    scores = np.array([[np.nan, np.nan], [0.0, 1.0]])
    assert Accuracy()(Tensor(scores), Tensor([0, 1])) == 0.5
    assert Top1CategoricalAccuracy()(Tensor(scores), Tensor([0, 1])) == 0.5
    assert Precision()(Tensor(scores), Tensor([0, 1])).tolist() == [0.0, 1.0]
    assert Recall()(Tensor(scores), Tensor([0, 1])).tolist() == [0.0, 1.0]


def test_errors_of_numbers(rng):
    predicted, true = rng.normal(size=(2, 60)).astype(np.float32)
    assert over_batches(MAE(), predicted, true) == pytest.approx(reference.mean_absolute_error(true, predicted))
    assert over_batches(MSE(), predicted, true) == pytest.approx(reference.mean_squared_error(true, predicted))
    # A column beside a vector is the same numbers, not an outer difference.
    assert over_batches(MSE(), predicted[:, None], true) == over_batches(MSE(), predicted, true)
    pairs = rng.normal(size=(2, 60, 2))
    assert over_batches(MAE(), *pairs) == pytest.approx(2 * reference.mean_absolute_error(*pairs))


def test_errors_add_up_in_double_precision():
    metric = MSE()
    for _ in range(3):
        metric.update(Tensor(np.full(4096, 3000.0, np.float16)), Tensor(np.zeros(4096, np.float16)))
    assert metric.eval() == 9e6


def test_loss_is_the_mean_over_batches():
    loss = Loss()
    for value in (Tensor(1.0), Tensor([2.0, 4.0]), Tensor(5.0)):
        loss.update(value)
    assert loss.eval() == 3.0


def test_perplexity(rng):
    raw = rng.random((60, 5))
    probabilities, labels = raw / raw.sum(1, keepdims=True), rng.integers(0, 5, 60)
    expected = np.exp(reference.log_loss(labels, probabilities, labels=range(5)))
    assert over_batches(Perplexity(), probabilities, labels) == pytest.approx(expected)
    kept = labels != 2
    expected = np.exp(reference.log_loss(labels[kept], probabilities[kept], labels=range(5)))
    assert over_batches(Perplexity(ignore_label=2), probabilities, labels) == pytest.approx(expected)
    padded = np.where(kept, labels, -1)
    sequences = probabilities.reshape(12, 5, 5), padded.reshape(12, 5)
    assert Perplexity(ignore_label=-1)(*map(Tensor, sequences)) == pytest.approx(expected)


def test_roc_and_area(rng):
    scores, labels = rng.normal(size=60).round(1), rng.integers(0, 2, 60)  # some are equal
    fpr, tpr, thresholds = over_batches(ROC(), scores, labels)
    expected = reference.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(fpr, expected[0])
    np.testing.assert_allclose(tpr, expected[1])
    np.testing.assert_allclose(thresholds[1:], expected[2][1:])
    assert thresholds[0] == thresholds[1] + 1
    assert auc(fpr, tpr) == pytest.approx(reference.roc_auc_score(labels, scores))
    assert auc(fpr[::-1].copy(), tpr[::-1].copy()) == pytest.approx(reference.auc(fpr, tpr))
    shuffled = rng.permutation(fpr.size)
    assert auc(fpr[shuffled], tpr[shuffled], reorder=True) == pytest.approx(reference.auc(fpr, tpr))


def test_roc_of_several_classes(rng):
    scores, labels = rng.normal(size=(60, 3)), rng.integers(0, 3, 60)
    curves = over_batches(ROC(class_num=3), scores, labels)
    for c, curve in enumerate(zip(*curves)):
        assert auc(*curve[:2]) == pytest.approx(reference.roc_auc_score(labels == c, scores[:, c]))
    fpr, tpr, _ = ROC(pos_label=2)(Tensor(scores[:, 0]), Tensor(labels))
    assert auc(fpr, tpr) == pytest.approx(reference.roc_auc_score(labels == 2, scores[:, 0]))


@pytest.mark.parametrize("normalize", ["no_norm", "target", "prediction", "all"])
def test_confusion_matrix(rng, normalize):
    scores, labels = classes(rng)
    how = {"no_norm": None, "target": "true", "prediction": "pred", "all": "all"}[normalize]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class that does not occur
        expected = reference.confusion_matrix(labels, scores.argmax(1), labels=range(8), normalize=how)
    np.testing.assert_allclose(over_batches(ConfusionMatrix(8, normalize), scores, labels), expected)
    np.testing.assert_allclose(over_batches(ConfusionMatrix(8, normalize), scores.argmax(1), labels), expected)


def test_confusion_matrix_of_fractions(rng):
    fractions, labels = rng.random(60), rng.integers(0, 2, 60)
    expected = reference.confusion_matrix(labels, fractions >= 0.3)
    np.testing.assert_array_equal(over_batches(ConfusionMatrix(2, threshold=0.3), fractions, labels), expected)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("recall", reference.recall_score),
        ("hit rate", reference.recall_score),
        ("Precision", reference.precision_score),
        ("f1 score", reference.f1_score),
        ("accuracy", reference.accuracy_score),
        ("balanced accuracy", reference.balanced_accuracy_score),
        ("matthews correlation coefficient", reference.matthews_corrcoef),
        ("threat score", reference.jaccard_score),
        ("fowlkes mallows index", lambda t, p: np.sqrt(reference.precision_score(t, p) * reference.recall_score(t, p))),
        ("informedness", lambda t, p: 2 * reference.balanced_accuracy_score(t, p) - 1),
        ("specificity", lambda t, p: reference.recall_score(1 - t, 1 - p)),
        ("negative predictive value", lambda t, p: reference.precision_score(1 - t, 1 - p)),
        ("miss rate", lambda t, p: 1 - reference.recall_score(t, p)),
        ("fall out", lambda t, p: 1 - reference.recall_score(1 - t, 1 - p)),
        ("false discovery rate", lambda t, p: 1 - reference.precision_score(t, p)),
        ("false omission rate", lambda t, p: 1 - reference.precision_score(1 - t, 1 - p)),
        ("markedness", lambda t, p: reference.precision_score(t, p) + reference.precision_score(1 - t, 1 - p) - 1),
    ],
)
def test_rates_of_counts(rng, name, expected):
    predicted, true = rng.integers(0, 2, (2, 60, 3))
    predicted[:, 2] |= true[:, 2]
    metric = ConfusionMatrixMetric(metric_name=name)
    assert over_batches(metric, predicted, true) == pytest.approx(expected(true.ravel(), predicted.ravel()))
    metric = ConfusionMatrixMetric(skip_channel=False, metric_name=name)
    assert over_batches(metric, predicted, true) == pytest.approx(
        expected(true[:, 1:].ravel(), predicted[:, 1:].ravel())
    )


def test_prevalence_threshold():
    """(sqrt(tpr fpr) - fpr) / (tpr - fpr)"""
    predicted, true = np.array([[1], [1], [0], [1], [0]]), np.array([[1], [0], [0], [0], [1]])
    tpr, fpr = 1 / 2, 2 / 3
    got = ConfusionMatrixMetric(metric_name="pt")(Tensor(predicted), Tensor(true))
    assert got == pytest.approx((np.sqrt(tpr * fpr) - fpr) / (tpr - fpr))


def test_rates_of_each_sample_and_class(rng):
    predicted, true = rng.integers(0, 2, (2, 60, 3, 20))
    each = np.array([[reference.recall_score(true[n, c], predicted[n, c]) for c in range(3)] for n in range(60)])
    make = lambda decrease: ConfusionMatrixMetric(calculation_method=True, decrease=decrease)
    assert over_batches(make("mean"), predicted, true) == pytest.approx(each.mean())
    np.testing.assert_allclose(over_batches(make("mean_batch"), predicted, true), each.mean(0))
    one = [Tensor(predicted), Tensor(true)]
    np.testing.assert_allclose(make("none")(*one), each)
    np.testing.assert_allclose(make("sum")(*one), each.sum())
    np.testing.assert_allclose(make("sum_batch")(*one), each.sum(0))
    np.testing.assert_allclose(make("mean_channel")(*one), each.mean(1))
    np.testing.assert_allclose(make("sum_channel")(*one), each.sum(1))


def test_rates_that_are_not_defined_do_not_count():
    predicted, true = np.ones((2, 1, 4), int), np.stack([np.ones((1, 4), int), np.zeros((1, 4), int)])
    assert ConfusionMatrixMetric(calculation_method=True)(Tensor(predicted), Tensor(true)) == 1.0
    assert np.isnan(ConfusionMatrixMetric()(Tensor([[1, 0]]), Tensor([[0, 0]])))


def test_dice(rng):
    a, b = rng.integers(0, 2, (2, 60))
    assert Dice(1e-12)(Tensor(a), Tensor(b)) == pytest.approx(reference.f1_score(b, a))
    expected = np.mean([reference.f1_score(*pair) for pair in ((b[:20], a[:20]), (b[20:], a[20:]))])
    metric = Dice(1e-12)
    metric.update(Tensor(a[:20]), Tensor(b[:20]))
    metric.update(Tensor(a[20:]), Tensor(b[20:]))
    assert metric.eval() == pytest.approx(expected)


def test_cosine_similarity(rng):
    vectors = rng.normal(size=(7, 3))
    vectors[2] = 0
    cosines = reference.pairwise.cosine_similarity(vectors)
    np.testing.assert_allclose(CosineSimilarity(zero_diagonal=False)(Tensor(vectors)), cosines)
    np.fill_diagonal(cosines, 0)
    np.testing.assert_allclose(CosineSimilarity()(Tensor(vectors)), cosines)
    np.testing.assert_allclose(CosineSimilarity(reduction="mean")(Tensor(vectors)), cosines.mean(1))
    dots = CosineSimilarity("dot", "sum", zero_diagonal=False)(Tensor(vectors))
    np.testing.assert_allclose(dots, (vectors @ vectors.T).sum(1))


def test_bleu_score():
    """Counts by hand: 5 of 6 words, 3 of 5 pairs, 2 of 4 triples, 1 of 3 fours."""
    text, references = "the cat sat on a mat".split(), ["the cat sat on the mat".split(), "a cat".split()[:1] * 9]
    assert BleuScore()([text], [references[:1]]) == pytest.approx((5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** (1 / 4))
    smooth = BleuScore(smooth=True)([text], [references[:1]])
    assert smooth == pytest.approx((6 / 7 * 4 / 6 * 3 / 5 * 2 / 4) ** (1 / 4))
    # "a" is in the other reference; each of its n-grams counts once for each time that one reference has it.
    assert BleuScore(1)([text], [references]) == pytest.approx(np.exp(1 - 6 / 6))
    assert BleuScore(1)([["the"] * 7], [["the cat is on the mat".split()]]) == pytest.approx(2 / 7)
    assert BleuScore(1)([["the"]], [["the cat is on the mat".split()]]) == pytest.approx(np.exp(1 - 6))
    assert BleuScore()([text], [[["nothing"]]]) == 0.0
    both = BleuScore(1)
    both.update([text], [references[:1]])
    both.update([["the"] * 7], [["the cat is on the mat".split()]])
    assert both.eval() == pytest.approx((5 + 2) / (6 + 7))


# ---- the protocol --------------------------------------------------------------------------------------------------


def test_every_name_makes_a_metric():
    arguments = {"confusion_matrix": (3,), "topk": (2,), "auc": (np.array([0.0, 1.0]), np.array([1.0, 1.0]))}
    for name in names():
        made = get_metric_fn(name, *arguments.get(name, ()))
        assert isinstance(made, Metric) or name == "auc"
        if name != "auc":
            with pytest.raises(RuntimeError, match="Call update before eval"):
                made.eval()
    with pytest.raises(KeyError, match="there is no metric 'acuracy'. There are: F1, acc"):
        get_metric_fn("acuracy")


def test_indexes_choose_the_inputs():
    metric = MAE().set_indexes([2, 0])
    assert metric([1.0], "unused", [4.0]) == 3.0
    with pytest.raises(ValueError, match="the indexes are .2, 0., but there are 2 inputs"):
        metric.update([1.0], [2.0])
    with pytest.raises(ValueError, match="must be a list of ints"):
        MAE().set_indexes((0, 1))

    class Own(Metric):
        clear = eval = lambda self: None

        @rearrange_inputs
        def update(self, *inputs):
            self.got = inputs

    own = Own()
    own.set_indexes([1]).update(5, 6)
    assert own.got == (6,)


def test_a_metric_needs_its_three_methods():
    with pytest.raises(TypeError, match="abstract"):
        Metric()


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: Accuracy("binary"), TypeError, "eval_type must be 'classification' or 'multilabel', got 'binary'"),
        (
            lambda: Accuracy()([0.5, 0.2], [1, 0]),
            ValueError,
            "scores of the classes along axis 1, but its shape is .2,",
        ),
        (lambda: Accuracy()([[0.5, 0.2]], [1, 0]), ValueError, r"the shape of the scores \(1, 2\) without axis 1, got"),
        (lambda: Accuracy()([[0.5, 0.2]], [2]), ValueError, "one of the 2 classes, but labels go from 2 to 2"),
        (lambda: Recall()([[0.5, 0.2]], [-1]), ValueError, "but labels go from -1 to -1"),
        (lambda: Accuracy()([[0.5, 0.2]], [0.5]), ValueError, "must be whole numbers, got 0.5"),
        (lambda: Accuracy()([[1.0, 0.0]]), ValueError, "it needs 2 inputs, the prediction and the label, got 1"),
        (lambda: Accuracy()("ab", [1]), TypeError, "must be a Tensor, an array or a list, got str"),
        (lambda: Accuracy("multilabel")([[1, 2]], [[1, 0]]), ValueError, "both must be 0 or 1"),
        (lambda: Accuracy("multilabel")([[1, 1]], [[1]]), ValueError, "one shape"),
        (lambda: Precision().eval(average=1), TypeError, "average must be a bool"),
        (lambda: Fbeta(0), ValueError, "beta must be greater than 0"),
        (lambda: TopKCategoricalAccuracy(0), ValueError, "k must be at least 1"),
        (lambda: TopKCategoricalAccuracy(2.0), TypeError, "k must be an int"),
        (lambda: TopKCategoricalAccuracy(3)([[1.0, 2.0]], [0]), ValueError, "at least 3 classes"),
        (lambda: MAE()([1.0, 2.0], [1.0]), ValueError, r"the shapes \(2,\) and \(1,\) do not fit"),
        (lambda: MSE()(np.ones((2, 3)), np.ones((3, 2))), ValueError, r"\(2, 3\) and \(3, 2\) do not fit"),
        (lambda: Loss()([[1.0]]), ValueError, "0 or 1 dimensions"),
        (lambda: Perplexity(1.5), TypeError, "ignore_label must be an int"),
        (lambda: Perplexity()([[0.5, 0.5]], [2]), ValueError, "labels go from 2 to 2"),
        (lambda: Perplexity()([[0.5, 0.5]], [0, 1]), ValueError, "do not fit"),
        (lambda: ROC()([0.5, 0.2], [1, 1]), ValueError, "there are no negative samples"),
        (lambda: ROC()([0.5, 0.2], [0, 0]), ValueError, "there are no positive samples"),
        (lambda: ROC(class_num=3)([[0.5, 0.2]], [0]), ValueError, "class_num is 3, but there are scores of 2"),
        (lambda: ROC(pos_label=1)([[0.5, 0.2]], [0]), ValueError, "pos_label is for one score"),
        (lambda: ROC()([float("nan")], [0]), ValueError, "a score is NaN"),
        (lambda: auc([0, 1], np.ones(2)), TypeError, "x must be an array, got list"),
        (lambda: auc(np.array([0, 2, 1]), np.ones(3)), ValueError, "x goes up and down"),
        (lambda: auc(np.ones(1), np.ones(1)), ValueError, "at least 2, got 1 and 1"),
        (lambda: ConfusionMatrix(2.0), TypeError, "num_classes must be a positive int"),
        (lambda: ConfusionMatrix(2, "rows"), ValueError, "normalize must be"),
        (lambda: ConfusionMatrix(2)([2, 1], [1]), ValueError, r"predictions of shape \(2,\) do not fit labels of"),
        (lambda: ConfusionMatrix(2)([2], [1]), ValueError, "each prediction must be one of 2 classes"),
        (lambda: ConfusionMatrix(2)([1], [-1]), ValueError, "each label must be one of 2 classes"),
        (lambda: ConfusionMatrixMetric(metric_name="luck"), NotImplementedError, "no metric_name 'luck'. There are: s"),
        (lambda: Dice(0), ValueError, "smooth must be greater than 0"),
        (lambda: Dice()([1, 0], [1]), ValueError, r"the shapes \(2,\) and \(1,\) differ"),
        (lambda: CosineSimilarity("l2"), ValueError, "similarity must be one of cosine, dot, got 'l2'"),
        (lambda: CosineSimilarity()([1.0]), ValueError, r"must have the shape \(N, D\), got \(1,\)"),
        (lambda: BleuScore(5), ValueError, "n_gram must be an int from 1 to 4, got 5"),
        (lambda: BleuScore()([["a"]], []), ValueError, "as many lists of references, got 1 and 0"),
        (lambda: ConfusionMatrixMetric(decrease="max"), ValueError, "decrease must be one of none, mean"),
        (lambda: ConfusionMatrixMetric()([[1, 2]], [[1, 0]]), ValueError, "both must be 0 or 1"),
    ],
)
def test_what_does_not_fit_is_told(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_batches_have_one_number_of_classes():
    metric = Accuracy()
    metric.update([[0.0, 1.0]], [1])
    with pytest.raises(ValueError, match="the batches before had 2 classes, this one has 3"):
        metric.update([[0.0, 1.0, 2.0]], [1])
    assert metric.eval() == 1.0
