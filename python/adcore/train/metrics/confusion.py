"""The confusion matrix, and the rates that are made of the counts of a class: true and false, positive and negative."""

import numpy as np

from .metric import Metric, predicted_classes, rearrange_inputs

__all__ = ["ConfusionMatrix", "ConfusionMatrixMetric"]

_NORMALIZED_OVER = {"target": 1, "prediction": 0, "all": None}


class ConfusionMatrix(Metric):
    """How many samples of each class (row) are predicted to be of each class (column).

    ``update(predictions, labels)`` takes labels and, for the predictions, class numbers of the same shape, fractions of
    the same shape, which are of class 1 from the threshold on, or scores with the classes along axis 1.

    Parameters
    ----------
    num_classes : int
    normalize : {"no_norm", "target", "prediction", "all"}
        Divide by the sums of the rows, of the columns, or of all; where that is 0 the result is 0.
    threshold : float

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind.

    Examples
    --------
    >>> from adcore.train import ConfusionMatrix
    >>> ConfusionMatrix(2)([1, 0, 1, 0], [1, 0, 0, 1]).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    def __init__(self, num_classes, normalize="no_norm", threshold=0.5):
        super().__init__()
        if type(num_classes) is not int or num_classes < 1:
            raise TypeError(f"ConfusionMatrix: num_classes must be a positive int, got {num_classes!r}.")
        if normalize != "no_norm" and normalize not in _NORMALIZED_OVER:
            raise ValueError(
                f"ConfusionMatrix: normalize must be 'target', 'prediction', 'all' or 'no_norm', got {normalize!r}."
            )
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
            raise TypeError(f"ConfusionMatrix: threshold must be a float, got {type(threshold).__name__}.")
        self.num_classes, self.normalize, self.threshold = num_classes, normalize, threshold
        self.clear()

    def clear(self):
        """Forget all batches."""
        self.confusion_matrix = np.zeros((self.num_classes, self.num_classes))
        self._is_update = False

    @rearrange_inputs
    def update(self, *inputs):
        """Take in the predictions and labels of a batch."""
        predicted, labels = self._pair(inputs)
        given = predicted.shape
        if predicted.ndim == labels.ndim + 1:
            predicted = predicted_classes(predicted)
        elif predicted.dtype.kind == "f":
            predicted = np.where(np.isnan(predicted), -1, predicted >= self.threshold)
        if predicted.shape != labels.shape:
            raise self._fault(f"predictions of shape {given} do not fit labels of shape {labels.shape}")
        for what, numbers in (("prediction", predicted), ("label", labels)):
            if np.any((numbers < 0) | (numbers >= self.num_classes) | (numbers != np.floor(numbers))):
                raise self._fault(f"each {what} must be one of {self.num_classes} classes, from 0")
        places = labels.reshape(-1).astype(np.int64) * self.num_classes + predicted.reshape(-1).astype(np.int64)
        self.confusion_matrix += np.bincount(places, minlength=self.num_classes**2).reshape(self.confusion_matrix.shape)
        self._is_update = True

    def eval(self):
        """Return the matrix, a float64 array; a RuntimeError if there was no batch."""
        self._require(self._is_update)
        if self.normalize == "no_norm":
            return self.confusion_matrix.copy()
        total = self.confusion_matrix.sum(axis=_NORMALIZED_OVER[self.normalize], keepdims=True)
        return _ratio(self.confusion_matrix, total, 0.0)


def _ratio(above, below, otherwise=np.nan):
    above, below = np.broadcast_arrays(np.asarray(above, np.float64), np.asarray(below, np.float64))
    return np.divide(above, below, out=np.full(above.shape, otherwise), where=below != 0)


class _Rates:
    """Every rate of the counts, as a method; NaN where it is not defined."""

    def __init__(self, counts):
        self.tp, self.fp, self.tn, self.fn = np.moveaxis(counts, -1, 0)

    def tpr(self):
        return _ratio(self.tp, self.tp + self.fn)

    def tnr(self):
        return _ratio(self.tn, self.tn + self.fp)

    def ppv(self):
        return _ratio(self.tp, self.tp + self.fp)

    def npv(self):
        return _ratio(self.tn, self.tn + self.fn)

    def fnr(self):
        return _ratio(self.fn, self.tp + self.fn)

    def fpr(self):
        return _ratio(self.fp, self.tn + self.fp)

    def fdr(self):
        return _ratio(self.fp, self.tp + self.fp)

    def false_omission(self):
        return _ratio(self.fn, self.tn + self.fn)

    def prevalence_threshold(self):
        tpr, tnr = self.tpr(), self.tnr()
        return _ratio(np.sqrt(tpr * (1 - tnr)) + tnr - 1, tpr + tnr - 1)

    def threat_score(self):
        return _ratio(self.tp, self.tp + self.fn + self.fp)

    def accuracy(self):
        return _ratio(self.tp + self.tn, self.tp + self.fp + self.tn + self.fn)

    def balanced_accuracy(self):
        return (self.tpr() + self.tnr()) / 2

    def f1(self):
        return _ratio(2 * self.tp, 2 * self.tp + self.fn + self.fp)

    def mcc(self):
        below = (self.tp + self.fp) * (self.tp + self.fn) * (self.tn + self.fp) * (self.tn + self.fn)
        return _ratio(self.tp * self.tn - self.fp * self.fn, np.sqrt(below))

    def fowlkes_mallows(self):
        return np.sqrt(self.ppv() * self.tpr())

    def informedness(self):
        return self.tpr() + self.tnr() - 1

    def markedness(self):
        return self.ppv() + self.npv() - 1


_RATES = {
    _Rates.tpr: "sensitivity recall hit_rate true_positive_rate tpr",
    _Rates.tnr: "specificity selectivity true_negative_rate tnr",
    _Rates.ppv: "precision positive_predictive_value ppv",
    _Rates.npv: "negative_predictive_value npv",
    _Rates.fnr: "miss_rate false_negative_rate fnr",
    _Rates.fpr: "fall_out false_positive_rate fpr",
    _Rates.fdr: "false_discovery_rate fdr",
    _Rates.false_omission: "false_omission_rate for",
    _Rates.prevalence_threshold: "prevalence_threshold pt",
    _Rates.threat_score: "threat_score critical_success_index ts csi",
    _Rates.accuracy: "accuracy acc",
    _Rates.balanced_accuracy: "balanced_accuracy ba",
    _Rates.f1: "f1_score f1",
    _Rates.mcc: "matthews_correlation_coefficient mcc",
    _Rates.fowlkes_mallows: "fowlkes_mallows_index fm",
    _Rates.informedness: "informedness bookmaker_informedness bm",
    _Rates.markedness: "markedness deltap mk",
}
_RATE_OF = {name: rate for rate, names in _RATES.items() for name in names.split()}
# Which axes of (samples, classes) a result is averaged over, in turn, and whether by a sum.
_DECREASES = {
    "none": ((), False),
    "mean": ((1, 0), False),
    "sum": ((1, 0), True),
    "mean_batch": ((0,), False),
    "sum_batch": ((0,), True),
    "mean_channel": ((1,), False),
    "sum_channel": ((1,), True),
}


class ConfusionMatrixMetric(Metric):
    """A rate that is made of the counts of true and false positives and negatives.

    ``update(predictions, labels)`` takes two arrays of zeros and ones of one shape, (N, C) or (N, C, ...).

    Parameters
    ----------
    skip_channel : bool, default True
        False leaves the first class out, where there are several; True counts all. That is what MindSpore does, though
        the name says the opposite.
    metric_name : str
        Such as "sensitivity" ("recall", "hit rate", "tpr"), "specificity", "precision", "negative predictive value",
        "miss rate", "fall out", "false discovery rate", "false omission rate", "prevalence threshold", "threat score",
        "accuracy", "balanced accuracy", "f1 score", "matthews correlation coefficient", "fowlkes mallows index",
        "informedness", "markedness".
    calculation_method : bool, default False
        Compute the rate of each sample and class and take their mean, rather than the rate of all counts together. It
        needs more than one place for each sample and class.
    decrease : {"mean", "sum", "mean_batch", "sum_batch", "mean_channel", "sum_channel", "none"}
        How the rates of a batch become one, if `calculation_method`. Those that are not defined do not count.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind.
    NotImplementedError
        If there is no rate of this name.

    Examples
    --------
    >>> from adcore.train import ConfusionMatrixMetric
    >>> metric = ConfusionMatrixMetric(metric_name="recall")
    >>> metric([[0, 1], [1, 0]], [[0, 1], [0, 1]]).tolist()
    [0.5]
    """

    def __init__(self, skip_channel=True, metric_name="sensitivity", calculation_method=False, decrease="mean"):
        super().__init__()
        for argument, value, kind in (
            ("skip_channel", skip_channel, bool),
            ("metric_name", metric_name, str),
            ("calculation_method", calculation_method, bool),
            ("decrease", decrease, str),
        ):
            if not isinstance(value, kind):
                raise TypeError(
                    f"ConfusionMatrixMetric: {argument} must be a {kind.__name__}, got {type(value).__name__}."
                )
        if decrease not in _DECREASES:
            raise ValueError(
                f"ConfusionMatrixMetric: decrease must be one of {', '.join(_DECREASES)}, got {decrease!r}."
            )
        self._rate = _RATE_OF.get(metric_name.lower().replace(" ", "_"))
        if self._rate is None:
            raise NotImplementedError(
                f"ConfusionMatrixMetric: there is no metric_name {metric_name!r}. There are: {', '.join(_RATE_OF)}."
            )
        self.skip_channel, self.metric_name = skip_channel, metric_name
        self.calculation_method, self.decrease = calculation_method, decrease
        self.clear()

    def clear(self):
        """Forget all batches."""
        self._counts, self._total, self._weight = np.zeros(4), 0.0, 0.0
        self._is_update = False

    @rearrange_inputs
    def update(self, *inputs):
        """Take in the predictions and labels of a batch."""
        predicted, true = self._pair(inputs)
        if predicted.shape != true.shape or predicted.ndim < 2:
            raise self._fault(
                f"both must have one shape, (N, C) or (N, C, ...), got {predicted.shape} and {true.shape}"
            )
        if not all(np.all((a == 0) | (a == 1)) for a in (predicted, true)):
            raise self._fault("both must be 0 or 1")
        if not self.skip_channel and predicted.shape[1] > 1:
            predicted, true = predicted[:, 1:], true[:, 1:]
        predicted, true = (a.reshape(*a.shape[:2], -1) == 1 for a in (predicted, true))
        counts = np.stack(
            [
                (a & b).sum(axis=2)
                for a, b in ((predicted, true), (predicted, ~true), (~predicted, ~true), (~predicted, true))
            ],
            axis=-1,
        )
        self._is_update = True
        if self.calculation_method and predicted.shape[2] > 1:
            self._take_rates(self._rate(_Rates(counts)))
        else:
            self._counts = self._counts + counts.sum(axis=(0, 1))

    def _take_rates(self, rates):
        axes, as_sum = _DECREASES[self.decrease]
        defined = (~np.isnan(rates)).astype(np.float64)
        rates = np.nan_to_num(rates, nan=0.0)
        for axis in axes:
            number = defined.sum(axis=axis)
            rates = rates.sum(axis=axis)
            if as_sum:
                defined = number
            else:
                rates, defined = _ratio(rates, number, 0.0), (number > 0).astype(np.float64)
                if axis == axes[-1]:
                    defined = number
        if np.shape(self._total) not in ((), rates.shape):
            raise self._fault(f"with decrease={self.decrease!r} all batches must have one shape")
        self._total, self._weight = self._total + rates * defined, self._weight + defined

    def eval(self):
        """Return the rate, NaN where it is not defined; a RuntimeError if there was no batch.

        The rate of all counts together is an array of shape (1,).
        """
        self._require(self._is_update)
        if self.calculation_method and np.any(self._weight):
            return _ratio(self._total, self._weight)[()]
        return self._rate(_Rates(self._counts[None]))
