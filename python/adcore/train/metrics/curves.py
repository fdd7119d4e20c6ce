"""Metrics of thresholds: the ROC curve and the area under a curve."""

import numpy as np

from .metric import Metric, rearrange_inputs

__all__ = ["ROC", "auc"]


class ROC(Metric):
    """The receiver operating characteristic: rates of false and of true positives at each threshold.

    ``update(scores, labels)`` takes the scores of the positive class and labels of one shape; or scores of shape (N, C)
    and class numbers of shape (N,), whose curves are those of each class against the rest. ``eval()`` returns false
    positive rates, true positive rates and thresholds, three arrays, or with several classes three lists of arrays. The
    first threshold is the highest score plus 1, above which nothing is positive.

    Parameters
    ----------
    class_num : int, optional
        The number of classes; by default that of the scores.
    pos_label : int, default 1
        The label of the positive class; not for several classes.

    Raises
    ------
    TypeError
        If an argument is no int.

    Examples
    --------
    >>> from adcore.train import ROC, auc
    >>> fpr, tpr, thresholds = ROC()([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    >>> fpr.tolist(), tpr.tolist()
    ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    >>> float(auc(fpr, tpr))
    0.75
    """

    def __init__(self, class_num=None, pos_label=None):
        super().__init__()
        for argument, value in (("class_num", class_num), ("pos_label", pos_label)):
            if value is not None and type(value) is not int:
                raise TypeError(f"ROC: {argument} must be an int, got {type(value).__name__}.")
        self.class_num, self.pos_label = class_num, pos_label
        self.clear()

    def clear(self):
        """Forget all batches."""
        self._scores, self._labels = [], []

    @rearrange_inputs
    def update(self, *inputs):
        """Take in the scores and labels of a batch."""
        scores, labels = self._pair(inputs)
        if scores.shape == labels.shape:
            if self.class_num not in (None, 1):
                raise self._fault(f"{self.class_num} classes need scores with an axis more than the labels")
            scores = scores.reshape(-1)
        elif scores.ndim == labels.ndim + 1 and scores.shape[:1] + scores.shape[2:] == labels.shape:
            if self.pos_label is not None:
                raise self._fault("pos_label is for one score for each sample, not for scores of all classes")
            if self.class_num not in (None, scores.shape[1]):
                raise self._fault(f"class_num is {self.class_num}, but there are scores of {scores.shape[1]} classes")
            scores = np.moveaxis(scores, 1, -1).reshape(-1, scores.shape[1])
        else:
            raise self._fault(f"scores of shape {scores.shape} do not fit labels of shape {labels.shape}")
        if self._scores and self._scores[0].shape[1:] != scores.shape[1:]:
            raise self._fault("the batches before had another number of classes")
        if np.isnan(scores).any():
            raise self._fault("a score is NaN")
        self._scores.append(scores)
        self._labels.append(labels.reshape(-1))

    def eval(self):
        """Return the curve or curves; a ValueError where a class has no positive or no negative samples."""
        self._require(len(self._scores))
        scores, labels = np.concatenate(self._scores), np.concatenate(self._labels)
        if scores.ndim == 1:
            return self._curve(scores, labels == (1 if self.pos_label is None else self.pos_label))
        return tuple(map(list, zip(*(self._curve(scores[:, c], labels == c) for c in range(scores.shape[1])))))

    def _curve(self, scores, positive):
        order = np.argsort(-scores, kind="stable")
        scores, positive = scores[order], positive[order]
        if positive.all() or not positive.any():
            which = "negative" if positive.any() else "positive"
            raise ValueError(f"ROC.eval: there are no {which} samples, so a rate of them means nothing.")
        last = np.append(np.flatnonzero(np.diff(scores)), scores.size - 1)  # of those with equal scores
        true = np.cumsum(positive)[last]
        false = 1 + last - true
        rates = [np.concatenate([[0.0], counts / counts[-1]]) for counts in (false, true)]
        return *rates, np.concatenate([[scores[0] + 1], scores[last]])


def auc(x, y, reorder=False):
    """Return the area under a curve, by the trapezoidal rule.

    Parameters
    ----------
    x, y : array of shape (N,) or (N, 1)
        Points of the curve; `x` does not change direction.
    reorder : bool, default False
        Sort the points by `x` first.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If `x` or `y` is no array.
    ValueError
        If there are less than two points, the shapes differ, or `x` goes up and down.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.train import auc
    >>> float(auc(np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 1.0])))
    0.75
    """
    points = []
    for argument, array in (("x", x), ("y", y)):
        if not isinstance(array, np.ndarray):
            raise TypeError(f"auc: {argument} must be an array, got {type(array).__name__}.")
        if array.ndim not in (1, 2) or array.ndim == 2 and array.shape[1] != 1:
            raise ValueError(f"auc: {argument} must have the shape (N,) or (N, 1), got {array.shape}.")
        points.append(array.reshape(-1))
    x, y = points
    if x.size != y.size or x.size < 2:
        raise ValueError(f"auc: x and y must have as many points, at least 2, got {x.size} and {y.size}.")
    if reorder:
        order = np.lexsort((y, x))
        x, y = x[order], y[order]
    steps = np.diff(x)
    if np.any(steps < 0) and np.any(steps > 0):
        raise ValueError("auc: x goes up and down. Sort the points, or pass reorder=True.")
    return np.sum(np.abs(steps) * (y[1:] + y[:-1])) / 2
