"""Metrics of classes: how often the prediction is right, in all and class by class."""

import numpy as np

from .metric import ClassMetric, predicted_classes, rearrange_inputs

__all__ = [
    "F1",
    "Accuracy",
    "Fbeta",
    "Precision",
    "Recall",
    "Top1CategoricalAccuracy",
    "Top5CategoricalAccuracy",
    "TopKCategoricalAccuracy",
]


class Accuracy(ClassMetric):
    """The share of samples whose class is predicted.

    ``update(scores, labels)`` takes scores of shape (N, C, ...) and labels, class numbers of shape (N, ...) or one-hot.
    A sample with a score of NaN is a wrong one.

    Parameters
    ----------
    eval_type : {"classification", "multilabel"}
        With "multilabel", both are zeros and ones of shape (N, C, ...), and a sample is right where all its C labels
        are.

    Raises
    ------
    TypeError
        If `eval_type` is none of these.

    Examples
    --------
    >>> from adcore.train import Accuracy
    >>> Accuracy()([[0.2, 0.5], [0.3, 0.1], [0.9, 0.6]], [1, 0, 1])
    0.6666666666666666
    """

    def __init__(self, eval_type="classification"):
        super().__init__(eval_type)
        self.clear()

    def clear(self):
        """Forget all batches."""
        super().clear()
        self._correct_num = self._total_num = 0

    @rearrange_inputs
    def update(self, *inputs):
        """Take in the scores and labels of a batch."""
        scores, labels = self._scores_and_labels(inputs)
        if self._type == "multilabel":
            correct = (scores == labels).all(axis=1)
        else:
            correct = predicted_classes(scores) == labels
        self._correct_num += int(correct.sum())
        self._total_num += correct.size

    def eval(self):
        """Return the accuracy, a float; a RuntimeError if there were no samples."""
        self._require(self._total_num)
        return self._correct_num / self._total_num


class _Counts(ClassMetric):
    """Counts of right, predicted and true members of each class; of several labels, for each sample."""

    def clear(self):
        """Forget all batches."""
        super().clear()
        self._counts = []

    @rearrange_inputs
    def update(self, *inputs):
        """Take in the scores and labels of a batch; see `Accuracy`."""
        scores, labels = self._scores_and_labels(inputs)
        if self._type == "multilabel":
            found = np.stack([(scores * labels).sum(axis=1), scores.sum(axis=1), labels.sum(axis=1)])
            self._counts.append(found.astype(np.float64))
            return
        labels, predicted = labels.reshape(-1), predicted_classes(scores).reshape(-1)
        right, some = predicted == labels, predicted >= 0
        found = [np.bincount(a, minlength=scores.shape[1]) for a in (labels[right], predicted[some], labels)]
        self._counts = [sum(self._counts, np.array(found, np.float64))]

    def _of_classes(self, average, ratio):
        """Return a ratio of the three counts, 0 where there are none; their mean if `average`."""
        if not isinstance(average, bool):
            raise TypeError(f"{type(self).__name__}.eval: average must be a bool, got {type(average).__name__}.")
        self._require(len(self._counts))
        above, below = ratio(*np.concatenate(self._counts, axis=1))
        result = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
        return result.mean() if average else result


class Precision(_Counts):
    """Of the samples predicted to be of a class, the share that is.

    Parameters
    ----------
    eval_type : {"classification", "multilabel"}
        What ``update`` takes; see `Accuracy`. With "multilabel" the result is of each sample, not of each class.

    Raises
    ------
    TypeError
        If `eval_type` is none of these.

    Examples
    --------
    >>> from adcore.train import Precision
    >>> metric = Precision()
    >>> metric([[0.2, 0.5], [0.3, 0.1], [0.9, 0.6]], [1, 0, 1]).tolist()
    [0.5, 1.0]
    >>> float(metric.eval(average=True))
    0.75
    """

    def __init__(self, eval_type="classification"):
        super().__init__(eval_type)
        self.clear()

    def eval(self, average=False):
        """Return the precision of each class, 0 for one that is never predicted; their mean if `average`."""
        return self._of_classes(average, lambda right, predicted, true: (right, predicted))


class Recall(_Counts):
    """Of the samples of a class, the share that is predicted to be.

    Parameters
    ----------
    eval_type : {"classification", "multilabel"}
        What ``update`` takes; see `Accuracy`. With "multilabel" the result is of each sample, not of each class.

    Raises
    ------
    TypeError
        If `eval_type` is none of these.

    Examples
    --------
    >>> from adcore.train import Recall
    >>> Recall()([[0.2, 0.5], [0.3, 0.1], [0.9, 0.6]], [1, 0, 1]).tolist()
    [1.0, 0.5]
    """

    def __init__(self, eval_type="classification"):
        super().__init__(eval_type)
        self.clear()

    def eval(self, average=False):
        """Return the recall of each class, 0 for one that does not occur; their mean if `average`."""
        return self._of_classes(average, lambda right, predicted, true: (right, true))


class Fbeta(_Counts):
    """The weighted harmonic mean of precision and recall, ``(1 + b**2) p r / (b**2 p + r)``, of each class.

    Parameters
    ----------
    beta : float
        How much more recall counts than precision; greater than 0.

    Raises
    ------
    ValueError
        If it is not.

    Examples
    --------
    >>> from adcore.train import Fbeta
    >>> Fbeta(2.0)([[0.2, 0.5], [0.3, 0.1], [0.9, 0.6]], [1, 0, 1]).round(4).tolist()
    [0.8333, 0.5556]
    """

    def __init__(self, beta):
        super().__init__()
        if not beta > 0:
            raise ValueError(f"Fbeta: beta must be greater than 0, got {beta}.")
        self.beta = beta
        self.clear()

    def eval(self, average=False):
        """Return the score of each class, 0 for one that is neither there nor predicted; their mean if `average`."""
        weight = self.beta**2
        return self._of_classes(
            average, lambda right, predicted, true: ((1 + weight) * right, weight * true + predicted)
        )


class F1(Fbeta):
    """The harmonic mean of precision and recall of each class.

    Examples
    --------
    >>> from adcore.train import F1
    >>> F1()([[0.2, 0.5], [0.3, 0.1], [0.9, 0.6]], [1, 0, 1]).round(4).tolist()
    [0.6667, 0.6667]
    """

    def __init__(self):
        super().__init__(1.0)


class TopKCategoricalAccuracy(ClassMetric):
    """The share of samples whose class is among the `k` with the highest scores.

    ``update(scores, labels)`` takes scores of shape (N, C) and labels, class numbers of shape (N,) or one-hot. Of equal
    scores the first counts as the highest; a sample with a score of NaN is a wrong one.

    Parameters
    ----------
    k : int

    Raises
    ------
    TypeError, ValueError
        If it is no positive int.

    Examples
    --------
    >>> from adcore.train import TopKCategoricalAccuracy
    >>> TopKCategoricalAccuracy(2)([[0.1, 0.2, 0.7], [0.1, 0.2, 0.7]], [1, 0])
    0.5
    """

    def __init__(self, k):
        super().__init__()
        if type(k) is not int:
            raise TypeError(f"{type(self).__name__}: k must be an int, got {type(k).__name__}.")
        if k < 1:
            raise ValueError(f"{type(self).__name__}: k must be at least 1, got {k}.")
        self.k = k
        self.clear()

    def clear(self):
        """Forget all batches."""
        super().clear()
        self._correct_num = self._samples_num = 0

    @rearrange_inputs
    def update(self, *inputs):
        """Take in the scores and labels of a batch."""
        scores, labels = self._scores_and_labels(inputs)
        if scores.ndim != 2 or scores.shape[1] < self.k:
            raise self._fault(
                f"there must be scores of at least {self.k} classes along axis 1 of 2, got {scores.shape}"
            )
        highest = np.argsort(-scores, axis=1, kind="stable")[:, : self.k]
        correct = (highest == labels[:, None]).any(axis=1) & (predicted_classes(scores) >= 0)
        self._correct_num += int(correct.sum())
        self._samples_num += correct.size

    def eval(self):
        """Return the share, a float; a RuntimeError if there were no samples."""
        self._require(self._samples_num)
        return self._correct_num / self._samples_num


class Top1CategoricalAccuracy(TopKCategoricalAccuracy):
    """The share of samples whose class has the highest score.

    Examples
    --------
    >>> from adcore.train import Top1CategoricalAccuracy
    >>> Top1CategoricalAccuracy()([[0.1, 0.2, 0.7], [0.1, 0.2, 0.7]], [2, 0])
    0.5
    """

    def __init__(self):
        super().__init__(1)


class Top5CategoricalAccuracy(TopKCategoricalAccuracy):
    """The share of samples whose class is among the 5 with the highest scores.

    Examples
    --------
    >>> from adcore.train import Top5CategoricalAccuracy
    >>> Top5CategoricalAccuracy()([[0.1, 0.2, 0.3, 0.15, 0.2, 0.05]], [5])
    0.0
    """

    def __init__(self):
        super().__init__(5)
