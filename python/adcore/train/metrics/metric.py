"""Metric: what every metric is, and what the metrics of classes check alike."""

import functools
from abc import ABC, abstractmethod

import numpy as np

from adcore._core import Tensor, bfloat16

__all__ = ["Metric", "rearrange_inputs"]


def rearrange_inputs(func):
    """Decorate the ``update`` of a metric so that it gets the inputs that `Metric.set_indexes` chose.

    Examples
    --------
    >>> from adcore.train import Metric, rearrange_inputs
    >>> class Gap(Metric):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.clear()
    ...     def clear(self):
    ...         self.gap = 0
    ...     @rearrange_inputs
    ...     def update(self, a, b):
    ...         self.gap += a - b
    ...     def eval(self):
    ...         return self.gap
    >>> Gap().set_indexes([2, 0])(1, 5, 10)
    9
    """

    @functools.wraps(func)
    def update(self, *inputs):
        if self.indexes:
            if max(self.indexes) >= len(inputs):
                raise ValueError(
                    f"{type(self).__name__}: the indexes are {self.indexes}, but there are {len(inputs)} inputs."
                )
            inputs = [inputs[i] for i in self.indexes]
        return func(self, *inputs)

    return update


class Metric(ABC):
    """Base class of the metrics: ``clear`` forgets, ``update`` takes a batch in, ``eval`` says what came of it.

    A call of a metric does all three.

    Examples
    --------
    >>> from adcore.train import MAE
    >>> metric = MAE()
    >>> metric.update([1.0, 2.0], [1.0, 4.0])
    >>> metric.update([0.0, 0.0], [1.0, 1.0])
    >>> float(metric.eval())
    1.0
    """

    def __init__(self):
        self._indexes = None

    @property
    def indexes(self):
        """What `set_indexes` set, or None."""
        return getattr(self, "_indexes", None)

    def set_indexes(self, indexes):
        """Choose which of several inputs ``update`` gets, and in which order; return the metric.

        Parameters
        ----------
        indexes : list of int

        Raises
        ------
        ValueError
            If it is no list of ints.

        Examples
        --------
        >>> from adcore.train import MAE
        >>> float(MAE().set_indexes([0, 2])([1.0], [7.0], [3.0]))
        2.0
        """
        if not isinstance(indexes, list) or not all(type(i) is int for i in indexes):
            raise ValueError(f"set_indexes: indexes must be a list of ints, got {indexes!r}.")
        self._indexes = indexes
        return self

    def __call__(self, *inputs):
        self.clear()
        self.update(*inputs)
        return self.eval()

    @abstractmethod
    def clear(self):
        """Forget all batches."""

    @abstractmethod
    def update(self, *inputs):
        """Take a batch in: as a rule the network's output and the label."""

    @abstractmethod
    def eval(self):
        """Return the result over all batches since `clear`."""

    def _convert_data(self, data):
        """Return a Tensor, array or list as an array."""
        if isinstance(data, Tensor):
            return (data.float() if data.dtype == bfloat16 else data).asnumpy()
        if isinstance(data, (list, np.ndarray)):
            return np.asarray(data)
        raise TypeError(
            f"{type(self).__name__}: an input must be a Tensor, an array or a list, got {type(data).__name__}."
        )

    def _pair(self, inputs):
        """Return prediction and label as arrays; fractions as float64, so that sums over many batches are exact."""
        if len(inputs) != 2:
            raise ValueError(
                f"{type(self).__name__}.update: it needs 2 inputs, the prediction and the label, got {len(inputs)}."
            )
        arrays = [self._convert_data(data) for data in inputs]
        return [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]

    def _require(self, number):
        """Raise unless there was something to take in."""
        if number == 0:
            raise RuntimeError(f"{type(self).__name__}: there were no samples. Call update before eval.")

    def _fault(self, fact):
        return ValueError(f"{type(self).__name__}.update: {fact}.")


def is_one_hot(labels):
    """Return whether labels are zeros with a single 1 along axis 1."""
    return labels.ndim > 1 and np.all((labels == 0) | (labels == 1)) and np.all(labels.sum(axis=1) == 1)


def predicted_classes(scores):
    """Return the class of the highest score along axis 1; -1, which no label is, where a score is NaN."""
    found = scores.argmax(axis=1)
    return np.where(np.isnan(scores).any(axis=1), -1, found) if scores.dtype.kind == "f" else found


class ClassMetric(Metric):
    """Base of the metrics of class scores and labels, or of several labels for each sample."""

    def __init__(self, eval_type="classification"):
        super().__init__()
        if eval_type not in ("classification", "multilabel"):
            raise TypeError(
                f"{type(self).__name__}: eval_type must be 'classification' or 'multilabel', got {eval_type!r}."
            )
        self._type = eval_type

    def clear(self):
        self._class_num = 0

    def _scores_and_labels(self, inputs):
        """Return the arrays of a batch, checked: scores with the classes along axis 1, and labels as class numbers.

        Of several labels: two arrays of zeros and ones, of shape (samples, labels).
        """
        scores, labels = self._pair(inputs)
        if scores.ndim < 2:
            raise self._fault(
                f"the prediction must have scores of the classes along axis 1, but its shape is {scores.shape}"
            )
        if self._class_num not in (0, scores.shape[1]):
            raise self._fault(f"the batches before had {self._class_num} classes, this one has {scores.shape[1]}")
        if self._type == "multilabel":
            scores, labels = self._flags(scores, labels)
        else:
            labels = self._labels(scores, labels)
        self._class_num = scores.shape[1]
        return scores, labels

    def _labels(self, scores, labels):
        if scores.ndim == labels.ndim and is_one_hot(labels):
            if labels.shape != scores.shape:
                raise self._fault(f"scores of shape {scores.shape} do not fit one-hot labels of shape {labels.shape}")
            labels = labels.argmax(axis=1)
        if labels.shape != scores.shape[:1] + scores.shape[2:]:
            raise self._fault(
                f"the labels must have the shape of the scores {scores.shape} without axis 1, got {labels.shape}"
            )
        if np.any(parts := labels != np.floor(labels)):
            raise self._fault(f"the labels must be whole numbers, got {labels[parts][0]}")
        if labels.size and (labels.min() < 0 or labels.max() >= scores.shape[1]):
            raise self._fault(
                f"a label must be the number of one of the {scores.shape[1]} classes, "
                f"but labels go from {labels.min()} to {labels.max()}"
            )
        return labels.astype(np.int64)

    def _flags(self, scores, labels):
        if scores.shape != labels.shape:
            raise self._fault(f"with several labels both must have one shape, got {scores.shape} and {labels.shape}")
        if not all(np.all((a == 0) | (a == 1)) for a in (scores, labels)):
            raise self._fault("with several labels both must be 0 or 1")
        return [np.moveaxis(a, 1, -1).reshape(-1, a.shape[1]) for a in (scores, labels)]
