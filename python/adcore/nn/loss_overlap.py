"""Losses of segmentation: how far what was found and what is there overlap, and where the hard pixels are."""

from .. import ops
from .._core import Tensor, int32, uint8
from .activation import get_activation
from .arguments import integer
from .cell import Cell
from .loss import LossBase


def _checked_tensors(cell, logits, labels):
    for name, value in (("logits", logits), ("labels", labels)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{cell}: {name} must be a Tensor, but got {type(value).__name__}.")


class DiceLoss(LossBase):
    """One minus the Dice coefficient: ``1 - 2 sum(p t) / (sum(p**2) + sum(t**2) + smooth)``.

    A call takes two Tensors of one shape.

    Parameters
    ----------
    smooth : float, default 1e-5
        Keeps the quotient finite where both are zero.

    Raises
    ------
    TypeError, ValueError
        If it is no positive float. At the call: for tensors of two shapes, or of uint8.

    References
    ----------
    Milletari, Navab, Ahmadi, "V-Net: Fully convolutional neural networks for volumetric medical image segmentation",
    2016.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.DiceLoss()(Tensor([1.0, 0.0]), Tensor([0.0, 1.0])))
    1.0
    """

    _samples = ("DiceLoss()(x(3, 2), 0.5 * x(3, 2))",)

    def __init__(self, smooth=1e-5):
        super().__init__()
        if not isinstance(smooth, float):
            raise TypeError(f"DiceLoss: smooth must be a float, but got {type(smooth).__name__}.")
        if not smooth > 0:
            raise ValueError(f"DiceLoss: smooth must be positive, but got {smooth}.")
        self.smooth = smooth

    def construct(self, logits, labels) -> Tensor:
        """Return the loss, a Tensor without axes."""
        _checked_tensors("DiceLoss", logits, labels)
        if logits.shape != labels.shape:
            raise ValueError(f"DiceLoss: logits and labels differ in shape, {logits.shape} and {labels.shape}.")
        if uint8 in (logits.dtype, labels.dtype):
            raise TypeError("DiceLoss: numbers of uint8 wrap around; cast them.")
        overlap = ops.sum(logits * labels)
        return 1 - 2 * overlap / (ops.sum(logits * logits) + ops.sum(labels * labels) + self.smooth)


class MultiClassDiceLoss(LossBase):
    """The mean of `DiceLoss` over classes, which stand along the second axis.

    A call takes two Tensors of one shape (N, C, ...), the labels one-hot.

    Parameters
    ----------
    weights : Tensor, optional
        Of shape (C, M): what the loss of each class is multiplied by.
    ignore_indiex : int, optional
        A class that is left out; the divisor stays C.
    activation : {'softmax', 'logsoftmax', 'relu', 'relu6', 'tanh', 'sigmoid'}, Cell or None, default 'softmax'
        What the logits go through first.

    Raises
    ------
    TypeError, ValueError
        For options of another type or shape. At the call: for tensors of two shapes, or of fewer than two axes.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> labels = Tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> print(nn.MultiClassDiceLoss(activation=None)(1 - labels, labels))
    1.0
    """

    _samples = ("MultiClassDiceLoss()(x(3, 2), 0.5 * x(3, 2))",)

    def __init__(self, weights=None, ignore_indiex=None, activation="softmax"):
        super().__init__()
        if weights is not None and not isinstance(weights, Tensor):
            raise TypeError(f"MultiClassDiceLoss: weights must be a Tensor, but got {type(weights).__name__}.")
        if weights is not None and weights.ndim != 2:
            raise ValueError(f"MultiClassDiceLoss: weights must have two axes, but got the shape {weights.shape}.")
        if ignore_indiex is not None:
            integer("MultiClassDiceLoss", "ignore_indiex", ignore_indiex)
        words = ("softmax", "logsoftmax", "relu", "relu6", "tanh", "sigmoid")
        if isinstance(activation, str) and activation not in words:
            raise ValueError(f"MultiClassDiceLoss: activation must be one of {words}, but got {activation!r}.")
        self.activation = get_activation(activation) if isinstance(activation, str) else activation
        if self.activation is not None and not isinstance(self.activation, Cell):
            raise TypeError(
                f"MultiClassDiceLoss: activation must be a word or a Cell, but got {type(activation).__name__}."
            )
        self.weights, self.ignore_indiex = weights, ignore_indiex
        self.dice = DiceLoss()

    def construct(self, logits, labels) -> Tensor:
        """Return the loss."""
        _checked_tensors("MultiClassDiceLoss", logits, labels)
        if logits.shape != labels.shape or logits.ndim < 2:
            raise ValueError(
                "MultiClassDiceLoss: logits and labels must be of one shape (N, C, ...), but got "
                f"{logits.shape} and {labels.shape}."
            )
        classes = labels.shape[1]
        if self.weights is not None and self.weights.shape[0] != classes:
            raise ValueError(f"MultiClassDiceLoss: got weights of {self.weights.shape[0]} classes for {classes}.")
        if self.activation is not None:
            logits = self.activation(logits)
        total = 0.0
        for i in range(classes):
            if i != self.ignore_indiex:
                loss = self.dice(logits[:, i], labels[:, i])
                total = total + (loss if self.weights is None else loss * self.weights[i])
        return total / classes


class FocalLoss(LossBase):
    """Cross entropy that weighs what is classified well less: ``-(1 - p)**gamma log p`` of the right class.

    A call takes logits (N, C, ...) and labels of as many axes, of shape (N, 1, ...) with the numbers of classes, or
    (N, C, ...) with a weight for each.

    Parameters
    ----------
    weight : Tensor, optional
        Of shape (C,): the weight of each class.
    gamma : float, default 2.0
    reduction : {'mean', 'sum', 'none'}

    Raises
    ------
    TypeError, ValueError
        For options of another type or shape. At the call: for labels that do not fit the logits.

    References
    ----------
    Lin, Goyal, Girshick, He, Dollar, "Focal loss for dense object detection", 2017.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> loss = nn.FocalLoss()(Tensor([[0.0, 0.0]]), Tensor([[1]]))
    >>> round(float(loss), 4)
    0.1733
    """

    _samples = ("FocalLoss()(x(3, 2), Tensor([[0], [1], [1]]))", "FocalLoss()(x(3, 2, 2), x(3, 2, 2))")

    def __init__(self, weight=None, gamma=2.0, reduction="mean"):
        super().__init__(reduction)
        if not isinstance(gamma, float):
            raise TypeError(f"FocalLoss: gamma must be a float, but got {type(gamma).__name__}.")
        if weight is not None and not isinstance(weight, Tensor):
            raise TypeError(f"FocalLoss: weight must be a Tensor, but got {type(weight).__name__}.")
        if weight is not None and weight.ndim != 1:
            raise ValueError(f"FocalLoss: weight must have one axis, but got the shape {weight.shape}.")
        self.weight, self.gamma = weight, gamma

    def construct(self, logits, labels) -> Tensor:
        """Return the loss, reduced."""
        _checked_tensors("FocalLoss", logits, labels)
        if logits.ndim != labels.ndim or logits.ndim < 2:
            raise ValueError(
                "FocalLoss: logits and labels must have as many axes, two at least, but got the shapes "
                f"{logits.shape} and {labels.shape}."
            )
        if labels.shape[1] not in (1, logits.shape[1]):
            raise ValueError(f"FocalLoss: got labels of {labels.shape[1]} classes for {logits.shape[1]}.")
        logits, labels = (ops.reshape(t, (*t.shape[:2], -1)) for t in (logits, labels))
        log_p = ops.log_softmax(logits, 1)
        weight = None if self.weight is None else ops.broadcast_to(ops.reshape(self.weight, (1, -1, 1)), log_p.shape)
        if labels.shape[1] == 1:
            index = labels.astype(int32)
            log_p = ops.gather_elements(log_p, 1, index)
            weight = weight if weight is None else ops.gather_elements(weight, 1, index)
        focus = (1 - ops.exp(log_p)) ** self.gamma
        loss = -focus * log_p if weight is None else -focus * log_p * weight
        if labels.shape[1] == 1:
            return self.get_loss(ops.mean(ops.squeeze(loss, 1), 1))
        return self.get_loss(ops.mean(loss * labels, -1))
