"""Losses written with other ops; derivatives, at every order, follow from those."""

from adcore._core import int64
from adcore._ops.native import require_tensor, table

(
    _abs,
    _cast,
    _equal,
    _expand_dims,
    _log,
    _log_softmax,
    _maximum,
    _mean,
    _permute,
    _reshape,
    _square,
    _sub,
    _sum,
    _where,
) = (
    table[name]
    for name in "abs cast equal expand_dims log log_softmax maximum mean permute reshape square sub sum where".split()
)

__all__ = ["binary_cross_entropy", "cross_entropy", "l1_loss", "mse_loss"]


def _reduced(op, loss, reduction):
    if reduction == "mean":
        return _mean(loss)
    if reduction == "sum":
        return _sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"{op}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}.")


def mse_loss(input, target, reduction="mean"):
    """Squared difference.

    Parameters
    ----------
    input, target : Tensor
        Shapes broadcast.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors, shapes that do not fit, or another reduction.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.mse_loss(Tensor([1.0, 2.0]), Tensor([3.0, 5.0])))
    6.5
    """
    require_tensor("mse_loss", "input", input)
    require_tensor("mse_loss", "target", target)
    return _reduced("mse_loss", _square(_sub(input, target)), reduction)


def l1_loss(input, target, reduction="mean"):
    """Absolute difference; parameters as :func:`mse_loss`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.l1_loss(Tensor([1.0, 2.0]), Tensor([3.0, 5.0])))
    2.5
    """
    require_tensor("l1_loss", "input", input)
    require_tensor("l1_loss", "target", target)
    return _reduced("l1_loss", _abs(_sub(input, target)), reduction)


def binary_cross_entropy(logits, labels, weight=None, reduction="mean"):
    """Binary cross-entropy between probabilities and labels.

    Parameters
    ----------
    logits : Tensor
        Probabilities in [0, 1]. Their logarithms are cut off at log(1e-12), so that 0 and 1 give finite losses.
    labels : Tensor
        Of the same shape.
    weight : Tensor, optional
        Scales the losses; broadcasts.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors, shapes that do not fit, or another reduction.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.binary_cross_entropy(Tensor([0.5]), Tensor([1.0])))
    0.6931472
    """
    require_tensor("binary_cross_entropy", "logits", logits)
    require_tensor("binary_cross_entropy", "labels", labels)
    if logits.shape != labels.shape:
        raise ValueError(
            f"binary_cross_entropy: logits and labels must have one shape, got {logits.shape} and {labels.shape}."
        )
    likely = _log(_maximum(logits, 1e-12))
    unlikely = _log(_maximum(_sub(1.0, logits), 1e-12))
    loss = -(labels * likely + (1.0 - labels) * unlikely)
    return _reduced("binary_cross_entropy", loss if weight is None else loss * weight, reduction)


def _classes_last(input):
    """Return logits as [rows, classes] and the shape of one row per sample."""
    if input.ndim == 1:
        return _expand_dims(input, 0), ()
    if input.ndim == 2:
        return input, input.shape[:1]
    order = (0, *range(2, input.ndim), 1)
    moved = _permute(input, order)
    return _reshape(moved, (-1, input.shape[1])), moved.shape[:-1]


def cross_entropy(input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """Cross-entropy between softmax(input) and the target.

    Parameters
    ----------
    input : Tensor
        Logits, of shape (classes,), (n, classes) or (n, classes, d1, ...).
    target : Tensor
        Class indices, integers of shape (), (n,) or (n, d1, ...); or probabilities of input's shape.
    weight : Tensor, optional
        One weight per class. The mean over indices divides by the weights of the targets.
    ignore_index : int, default -100
        Samples with this target do not count.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float, default 0.0
        How much of the target is spread over all classes, in [0, 1].

    Raises
    ------
    TypeError, ValueError, IndexError
        For operands that do not fit, or a target that is no class.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.cross_entropy(Tensor([[0.0, 0.0]]), Tensor([1])))
    0.6931472
    """
    require_tensor("cross_entropy", "input", input)
    require_tensor("cross_entropy", "target", target)
    if input.ndim == 0:
        raise ValueError("cross_entropy: input needs an axis of classes.")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing must be in [0, 1], got {label_smoothing}.")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"cross_entropy: reduction must be 'none', 'mean' or 'sum', got {reduction!r}.")
    rows, sample_shape = _classes_last(input)
    classes = rows.shape[1]
    if weight is not None:
        require_tensor("cross_entropy", "weight", weight)
        if weight.shape != (classes,):
            raise ValueError(
                f"cross_entropy: weight must have one entry for each of {classes} classes, got {weight.shape}."
            )
    if target.dtype.is_floating_point:
        return _probability_targets(input, target, weight, reduction, label_smoothing, rows, sample_shape)
    if target.shape != sample_shape:
        raise ValueError(f"cross_entropy: a target of shape {target.shape} does not fit input {input.shape}.")
    flat = _reshape(_cast(target, int64), (-1,))
    counted = _cast(table["not_equal"](flat, ignore_index), rows.dtype)
    scale = counted
    if weight is not None:
        # An ignored target may be no class; any class will do there, the scale is 0.
        scale = counted * _cast(table["gather"](weight, _where(_equal(flat, ignore_index), 0, flat), 0), rows.dtype)
    loss = table["_softmax_cross_entropy"](rows, flat, scale, ignore_index)
    if label_smoothing:
        spread = _log_softmax(rows, 1)
        spread = -_mean(spread if weight is None else spread * weight, 1) * counted
        loss = loss * (1 - label_smoothing) + spread * label_smoothing
    if reduction == "none":
        return _reshape(loss, sample_shape)
    return _sum(loss) if reduction == "sum" else _sum(loss) / _sum(scale)


def _probability_targets(input, target, weight, reduction, label_smoothing, rows, sample_shape):
    if target.shape != input.shape:
        raise ValueError(f"cross_entropy: probabilities of shape {target.shape} do not fit input {input.shape}.")
    wanted, _ = _classes_last(target)
    if label_smoothing:
        wanted = wanted * (1 - label_smoothing) + label_smoothing / rows.shape[1]
    terms = _log_softmax(rows, 1) * wanted
    loss = -_sum(terms if weight is None else terms * weight, 1)
    if reduction == "none":
        return _reshape(loss, sample_shape)
    return _sum(loss) if reduction == "sum" else _sum(loss) / rows.shape[0]
