"""Losses as cells: each holds its options, checks them when it is made, and calls one op of `adcore.ops`."""

from .. import ops
from .._core import Tensor
from .cell import Cell

__all__ = ["BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "L1Loss", "MSELoss"]


class _Loss(Cell):
    """A loss with a `reduction`: 'mean', 'sum' or 'none'."""

    def __init__(self, reduction):
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"{self.cls_name}: reduction must be 'mean', 'sum' or 'none', but got {reduction!r}.")
        self.reduction = reduction

    def _tensor_or_none(self, name, value):
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(f"{self.cls_name}: {name} must be a Tensor or None, but got {type(value).__name__}.")
        return value


class BCEWithLogitsLoss(_Loss):
    """Binary cross-entropy of labels and logits, in one stable step.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
    weight : Tensor, optional
        Multiplies the loss; broadcasts to its shape.
    pos_weight : Tensor, optional
        Multiplies the part of the positive labels.

    Raises
    ------
    TypeError, ValueError
        If an option is not one of these; at the call, if the shapes of logits and labels differ.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> logits, labels = ac.Tensor([0.0, 0.0], ac.float32), ac.Tensor([0.0, 1.0], ac.float32)
    >>> round(float(nn.BCEWithLogitsLoss()(logits, labels)), 4)
    0.6931
    """

    def __init__(self, reduction="mean", weight=None, pos_weight=None):
        super().__init__(reduction)
        self.weight = self._tensor_or_none("weight", weight)
        self.pos_weight = self._tensor_or_none("pos_weight", pos_weight)

    def construct(self, logits, labels):
        """Compute the loss of `logits` and `labels`, floating-point Tensors of one shape."""
        return ops.binary_cross_entropy_with_logits(logits, labels, self.weight, self.pos_weight, self.reduction)


class BCELoss(_Loss):
    """Binary cross-entropy of labels and probabilities. `BCEWithLogitsLoss` is more precise where logits are at hand.

    Parameters
    ----------
    weight : Tensor, optional
        Multiplies the loss; broadcasts to its shape.
    reduction : {'mean', 'sum', 'none'}

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> round(float(nn.BCELoss()(ac.Tensor([0.5], ac.float32), ac.Tensor([1.0], ac.float32))), 4)
    0.6931
    """

    def __init__(self, weight=None, reduction="mean"):
        super().__init__(reduction)
        self.weight = self._tensor_or_none("weight", weight)

    def construct(self, logits, labels):
        """Compute the loss of probabilities `logits` and `labels`, floating-point Tensors of one shape."""
        return ops.binary_cross_entropy(logits, labels, self.weight, self.reduction)


class CrossEntropyLoss(_Loss):
    """Cross-entropy of classes and logits, ``-log_softmax(logits)[target]``.

    Parameters
    ----------
    weight : Tensor of shape (classes,), optional
        One factor for each class; 'mean' divides by the sum of the factors used.
    ignore_index : int
        A target with this value counts nothing.
    reduction : {'mean', 'sum', 'none'}
    label_smoothing : float
        In [0, 1]: the part of the target that is spread over all classes.

    Raises
    ------
    TypeError, ValueError
        If an option is not one of these; at the call, if the shapes do not fit.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> logits = ac.Tensor([[1.0, 1.0], [0.0, 0.0]], ac.float32)
    >>> round(float(nn.CrossEntropyLoss()(logits, ac.Tensor([0, 1], ac.int32))), 4)
    0.6931
    """

    def __init__(self, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__(reduction)
        self.weight = self._tensor_or_none("weight", weight)
        if isinstance(ignore_index, bool) or not isinstance(ignore_index, int):
            raise TypeError(f"CrossEntropyLoss: ignore_index must be an int, but got {type(ignore_index).__name__}.")
        if isinstance(label_smoothing, bool) or not isinstance(label_smoothing, (int, float)):
            raise TypeError(
                f"CrossEntropyLoss: label_smoothing must be a float, but got {type(label_smoothing).__name__}."
            )
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"CrossEntropyLoss: label_smoothing must be in [0, 1], but got {label_smoothing}.")
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def construct(self, logits, labels):
        """Compute the loss of `logits` (N, classes, ...) and `labels`: indices (N, ...) or probabilities."""
        return ops.cross_entropy(logits, labels, self.weight, self.ignore_index, self.reduction, self.label_smoothing)


class MSELoss(_Loss):
    """The squared difference, ``(logits - labels) ** 2``; the arguments broadcast.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> float(nn.MSELoss()(ac.Tensor([1.0, 2.0], ac.float32), ac.Tensor([3.0, 5.0], ac.float32)))
    6.5
    """

    def __init__(self, reduction="mean"):
        super().__init__(reduction)

    def construct(self, logits, labels):
        """Compute the loss."""
        return ops.mse_loss(logits, labels, self.reduction)


class L1Loss(_Loss):
    """The absolute difference, ``abs(logits - labels)``; the arguments broadcast.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> float(nn.L1Loss("sum")(ac.Tensor([1.0, 2.0], ac.float32), ac.Tensor([3.0, 5.0], ac.float32)))
    5.0
    """

    def __init__(self, reduction="mean"):
        super().__init__(reduction)

    def construct(self, logits, labels):
        """Compute the loss."""
        return ops.l1_loss(logits, labels, self.reduction)
