"""Losses as cells. Each is one op of `adcore.ops`, so its options, checks and docstring are those of the op."""

from .. import _ops, ops
from .op_cell import OpCell, cells_of


class _Loss(OpCell):
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
