"""Metrics of numbers: errors, the loss itself, perplexity."""

import math

import numpy as np

from .metric import Metric, rearrange_inputs

__all__ = ["MAE", "MSE", "Loss", "Perplexity"]


class _Error(Metric):
    """The sum of a function of the differences, divided by the number of samples."""

    def __init__(self):
        super().__init__()
        self.clear()

    def clear(self):
        """Forget all batches."""
        self._sum, self._samples_num = 0.0, 0

    @rearrange_inputs
    def update(self, *inputs):
        """Take in the predictions and the true values of a batch, of one shape but for axes of size 1, or one flat."""
        predicted, true = self._pair(inputs)
        alike = 1 in (predicted.ndim, true.ndim) or np.squeeze(predicted).shape == np.squeeze(true).shape
        if predicted.size != true.size or not true.ndim or not alike:
            raise self._fault(f"the shapes {predicted.shape} and {true.shape} do not fit")
        self._sum += float(self._error(true.reshape(predicted.shape).astype(np.float64) - predicted).sum())
        self._samples_num += true.shape[0]

    def eval(self):
        """Return the error, a float; a RuntimeError if there were no samples."""
        self._require(self._samples_num)
        return self._sum / self._samples_num


class MAE(_Error):
    """The mean over the samples of the absolute error; of a sample with several numbers, their sum.

    Examples
    --------
    >>> from adcore.train import MAE
    >>> MAE()([1.0, 2.0, 3.0], [1.0, 2.0, 6.0])
    1.0
    """

    _error = staticmethod(np.abs)


class MSE(_Error):
    """The mean over the samples of the squared error; of a sample with several numbers, their sum.

    Examples
    --------
    >>> from adcore.train import MSE
    >>> MSE()([1.0, 2.0, 3.0], [1.0, 2.0, 6.0])
    3.0
    """

    _error = staticmethod(np.square)


class Loss(Metric):
    """The mean of the losses of the batches.

    Examples
    --------
    >>> from adcore import Tensor
    >>> from adcore.train import Loss
    >>> loss = Loss()
    >>> loss.update(Tensor(1.0))
    >>> loss.update(Tensor(2.0))
    >>> loss.eval()
    1.5
    """

    def __init__(self):
        super().__init__()
        self.clear()

    def clear(self):
        """Forget all batches."""
        self._sum_loss, self._total_num = 0.0, 0

    @rearrange_inputs
    def update(self, *inputs):
        """Take in the loss of a batch: a number, or one for each sample, whose mean counts."""
        if len(inputs) != 1:
            raise ValueError(f"Loss.update: it needs 1 input, the loss, got {len(inputs)}.")
        loss = self._convert_data(inputs[0])
        if loss.ndim > 1:
            raise ValueError(f"Loss.update: the loss must have 0 or 1 dimensions, got the shape {loss.shape}.")
        self._sum_loss += float(loss.mean(dtype=np.float64))
        self._total_num += 1

    def eval(self):
        """Return the mean, a float; a RuntimeError if there were no batches."""
        self._require(self._total_num)
        return self._sum_loss / self._total_num


class Perplexity(Metric):
    """The exponential of the mean negative log-probability of the labels.

    ``update(probabilities, labels)`` takes probabilities of shape (..., C) and class numbers of shape (...). Those
    below 1e-10 count as that.

    Parameters
    ----------
    ignore_label : int, optional
        Samples with this label do not count.

    Raises
    ------
    TypeError
        If it is no int.

    Examples
    --------
    >>> from adcore.train import Perplexity
    >>> round(Perplexity()([[0.5, 0.5], [0.25, 0.75]], [0, 0]), 6)
    2.828427
    """

    def __init__(self, ignore_label=None):
        super().__init__()
        if ignore_label is not None and type(ignore_label) is not int:
            raise TypeError(f"Perplexity: ignore_label must be an int, got {type(ignore_label).__name__}.")
        self.ignore_label = ignore_label
        self.clear()

    def clear(self):
        """Forget all batches."""
        self._sum_metric, self._num_inst = 0.0, 0

    @rearrange_inputs
    def update(self, *inputs):
        """Take in the probabilities and labels of a batch."""
        probabilities, labels = self._pair(inputs)
        if probabilities.ndim == 0 or labels.size * probabilities.shape[-1] != probabilities.size:
            raise self._fault(f"{labels.shape} labels do not fit probabilities of shape {probabilities.shape}")
        probabilities, labels = probabilities.reshape(labels.size, -1), labels.reshape(-1).astype(np.int64)
        if self.ignore_label is not None:
            kept = labels != self.ignore_label
            probabilities, labels = probabilities[kept], labels[kept]
        if labels.size and (labels.min() < 0 or labels.max() >= probabilities.shape[1]):
            raise self._fault(
                f"a label must be the number of one of the {probabilities.shape[1]} classes, "
                f"but labels go from {labels.min()} to {labels.max()}"
            )
        chosen = np.take_along_axis(probabilities, labels[:, None], axis=1)
        self._sum_metric -= float(np.log(np.maximum(chosen, 1e-10)).sum())
        self._num_inst += labels.size

    def eval(self):
        """Return the perplexity, a float; a RuntimeError if there were no samples."""
        self._require(self._num_inst)
        return math.exp(self._sum_metric / self._num_inst)
