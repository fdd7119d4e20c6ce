"""Losses as cells. Each is one op of `adcore.ops`, so its options, checks and docstring are those of the op."""

from .. import _ops, ops
from .._core import Tensor, bfloat16, float16, float32, int64
from .._ops.loss_parts import as_index
from .arguments import flag, one_of
from .cell import Cell
from .op_cell import OpCell, cells_of


class LossBase(Cell):
    """Base class of losses: one of one's own gives `get_loss` what it has for each element.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}

    Raises
    ------
    ValueError
        If it is none of these.

    Examples
    --------
    >>> from adcore import Tensor, nn, ops
    >>> class Absolute(nn.LossBase):
    ...     def construct(self, logits, labels):
    ...         return self.get_loss(ops.abs(logits - labels))
    >>> print(Absolute("sum")(Tensor([1.0, 2.0]), Tensor([3.0, 2.5])))
    2.5
    """

    def __init__(self, reduction="mean"):
        super().__init__()
        self.reduction = one_of("mean", "sum", "none")(self.cls_name, "reduction", reduction)

    def get_loss(self, x, weights=1.0):
        """Return the mean or sum of ``x * weights``, or that itself, by `reduction`, in the dtype of `x`.

        Parameters
        ----------
        x : Tensor
        weights : Tensor or number
            Broadcast to the shape of `x`.

        Examples
        --------
        >>> from adcore import Tensor, nn
        >>> print(nn.LossBase().get_loss(Tensor([1.0, 3.0]), 2.0))
        4.0
        """
        loss = (x.astype(float32) if x.dtype in (float16, bfloat16) else x) * weights
        if self.reduction != "none":
            loss = loss.mean() if self.reduction == "mean" else loss.sum()
        return loss.astype(x.dtype)


class _Loss(OpCell, LossBase):
    _inputs: tuple[str, ...] = ("logits", "labels")


for _module in (_ops.loss, _ops.loss_classes, _ops.loss_vectors, _ops.loss_sequences):
    globals().update(cells_of(_module, _Loss))


class MultiMarginLoss(
    _Loss,
    op=ops.multi_margin_loss,
    options={"p": "float", "margin": "float", "reduction": "Reduction", "weight": "Tensor | None"},
):
    pass


class TripletMarginLoss(
    _Loss,
    op=ops.triplet_margin_loss,
    options={"p": "float", "swap": "bool", "eps": "float", "reduction": "Reduction", "margin": "float"},
):
    _inputs = ("anchor", "positive", "negative")


class BCEWithLogitsLoss(
    _Loss,
    op=ops.binary_cross_entropy_with_logits,
    options={"reduction": "Reduction", "weight": "Tensor | None", "pos_weight": "Tensor | None"},
):
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


class SoftmaxCrossEntropyWithLogits(LossBase):
    """Cross-entropy between labels and the softmax of logits along the last axis.

    Parameters
    ----------
    sparse : bool
        Whether the labels are classes, ints of the shape of the logits without the last axis, instead of probabilities.
    reduction : {'none', 'mean', 'sum'}

    Raises
    ------
    TypeError, ValueError, IndexError
        For an option of another kind. At the call: for labels that do not fit, or are no class.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> logits = Tensor([[0.0, 0.0], [0.0, 0.0]])
    >>> print(nn.SoftmaxCrossEntropyWithLogits(sparse=True)(logits, Tensor([0, 1])))
    [0.6931472 0.6931472]
    """

    _samples = (
        "SoftmaxCrossEntropyWithLogits()(x(3, 4), x(3, 4))",
        "SoftmaxCrossEntropyWithLogits(True, 'mean')(x(3, 4), i(3, n=4))",
    )

    def __init__(self, sparse=False, reduction="none"):
        super().__init__(reduction)
        self.sparse = flag("SoftmaxCrossEntropyWithLogits", "sparse", sparse)

    def construct(self, logits, labels) -> Tensor:
        """Return the loss of logits and labels."""
        name = "SoftmaxCrossEntropyWithLogits"
        for role, value in (("logits", logits), ("labels", labels)):
            if not isinstance(value, Tensor):
                raise TypeError(f"{name}: {role} must be a Tensor, but got {type(value).__name__}.")
        shape = logits.shape[:-1] if self.sparse else logits.shape
        if not logits.ndim or labels.shape != shape:
            raise ValueError(f"{name}: labels must have the shape {shape}, but got {labels.shape}.")
        if self.sparse and not labels.dtype.is_integer:
            raise TypeError(f"{name}: labels must be ints where sparse=True, but got {labels.dtype}.")
        logs = ops.log_softmax(logits, -1)
        if self.sparse:
            classes = as_index(labels.astype(int64), logits.shape[-1])
            return self.get_loss(-ops.squeeze(ops.gather_elements(logs, -1, ops.expand_dims(classes, -1)), -1))
        return self.get_loss(-(labels * logs).sum(-1))


class MAELoss(LossBase):
    """Absolute differences of logits and labels.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.MAELoss()(Tensor([1.0, 2.0]), Tensor([3.0, 2.0])))
    1.0
    """

    _samples = ("MAELoss()(x(3, 4), x(3, 4))",)

    def construct(self, logits, label) -> Tensor:
        """Return the loss of logits and labels."""
        return ops.l1_loss(logits, label, self.reduction)


class RMSELoss(LossBase):
    """Root of the mean squared difference of logits and labels.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.RMSELoss()(Tensor([1.0, 2.0]), Tensor([4.0, 5.0])))
    3.0
    """

    _samples = ("RMSELoss()(x(3, 4), x(3, 4))",)

    def __init__(self):
        super().__init__()

    def construct(self, logits, label) -> Tensor:
        """Return the loss of logits and labels."""
        return ops.sqrt(ops.mse_loss(logits, label))
