"""Losses written with other ops; derivatives, at every order, follow from those."""

from __future__ import annotations

from adcore._core import Tensor, bfloat16, float16, float32, float64, int64
from adcore._ops import native
from adcore._ops.declare import REDUCTIONS, Fraction, Reduction, op, require_tensor
from adcore._ops.precision import rounded as _rounded
from adcore._ops.precision import wide as _wide

PAGE = "Losses"

# A quarter of the last place of 1: what numbers that round to 1 miss of it, about.
_GAP_TO_ONE = {bfloat16: 2.0**-9, float16: 2.0**-12, float32: 2.0**-25, float64: 2.0**-54}


def _reduced(op, loss, reduction):
    if reduction == "mean":
        return native.mean(loss)
    if reduction == "sum":
        return native.sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"{op}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}.")


@op(samples=("mse_loss(x(3, 4), x(3, 4))", "mse_loss(x(3, 4), x(4), 'sum')"), cell="MSELoss")
def mse_loss(input: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
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
    loss = native.square(native.sub(_wide(input), _wide(target)))
    return _rounded(_reduced("mse_loss", loss, reduction), input, target)


@op(
    samples=(
        "l1_loss(x(3, 4), x(3, 4, low=-0.02, high=0.02))",
        "l1_loss(x(3, 4), x(low=-0.02, high=0.02), 'none')",
    ),
    cell="L1Loss",
)
def l1_loss(input: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Absolute difference; parameters as :func:`mse_loss`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.l1_loss(Tensor([1.0, 2.0]), Tensor([3.0, 5.0])))
    2.5
    """
    require_tensor("l1_loss", "input", input)
    require_tensor("l1_loss", "target", target)
    loss = native.abs(native.sub(_wide(input), _wide(target)))
    return _rounded(_reduced("l1_loss", loss, reduction), input, target)


@op(
    samples=(
        "binary_cross_entropy(x(3, 4, low=0.15, high=0.85), x(3, 4, low=0.2, high=0.8))",
        "binary_cross_entropy(x(3, 4, low=0.15, high=0.85), x(3, 4, low=0.2, high=0.8), x(3, 4, low=0.3), 'none')",
    ),
    cell="BCELoss",
)
def binary_cross_entropy(
    logits: Tensor, labels: Tensor, weight: Tensor | None = None, reduction: Reduction = "mean"
) -> Tensor:
    """Binary cross-entropy between probabilities and labels.

    Parameters
    ----------
    logits : Tensor
        Probabilities in [0, 1]; others give NaN. Logarithms are cut off at -100, so that 0 and 1 give finite losses.
        Slopes are finite there, too, and right as far as the probability tells them: the loss of ``sigmoid(z)`` has
        the derivative ``sigmoid(z) - label`` down to probabilities of 1e-38, and up to the last number below 1.
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
    loss = native._binary_cross_entropy(_wide(logits), _wide(labels), _GAP_TO_ONE.get(logits.dtype, 2.0**-25))
    if weight is not None:
        loss = loss * (_wide(weight) if isinstance(weight, Tensor) else weight)
    loss = _reduced("binary_cross_entropy", loss, reduction)
    return _rounded(loss, logits, labels, weight if isinstance(weight, Tensor) else None)


def _classes_last(input):
    """Return logits as [rows, classes] and the shape of one row per sample."""
    if input.ndim == 1:
        return native.expand_dims(input, 0), ()
    if input.ndim == 2:
        return input, input.shape[:1]
    order = (0, *range(2, input.ndim), 1)
    moved = native.permute(input, order)
    return native.reshape(moved, (-1, input.shape[1])), moved.shape[:-1]


@op(
    samples=(
        "cross_entropy(x(3, 4), i(3, n=4))",
        "cross_entropy(x(3, 4), i(3, n=4), x(4, low=0.3))",
        "cross_entropy(x(3, 4), i(3, n=4), label_smoothing=0.3)",
        "cross_entropy(x(3, 4), x(3, 4, low=0.15, high=0.85))",
        "cross_entropy(x(3, 4), x(3, 4, low=0.15, high=0.85), x(4, low=0.3))",
        "cross_entropy(x(2, 3, 2), i(2, 2), reduction='none')",
    ),
    cell="CrossEntropyLoss",
)
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: Fraction = 0.0,
) -> Tensor:
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
    if reduction not in REDUCTIONS:
        raise ValueError(f"cross_entropy: reduction must be 'none', 'mean' or 'sum', got {reduction!r}.")
    rows, sample_shape = _classes_last(_wide(input))
    classes = rows.shape[1]
    if weight is not None:
        require_tensor("cross_entropy", "weight", weight)
        if weight.shape != (classes,):
            raise ValueError(
                f"cross_entropy: weight must have one entry for each of {classes} classes, got {weight.shape}."
            )
    if target.dtype.is_floating_point:
        loss = _probability_targets(input, target, weight, reduction, label_smoothing, rows, sample_shape)
        return _rounded(loss, input, target, weight)
    if target.shape != sample_shape:
        raise ValueError(f"cross_entropy: a target of shape {target.shape} does not fit input {input.shape}.")
    flat = native.reshape(native.cast(target, int64), (-1,))
    counted = native.cast(native.not_equal(flat, ignore_index), rows.dtype)
    scale = counted
    if weight is not None:
        # An ignored target may be no class; any class will do there, the scale is 0.
        scale = counted * native.cast(
            native.gather(weight, native.where(native.equal(flat, ignore_index), 0, flat), 0), rows.dtype
        )
    loss = native._softmax_cross_entropy(rows, flat, scale, ignore_index)
    if label_smoothing:
        # Chosen, not multiplied by 0: an ignored row may hold inf or NaN.
        counted_rows = native.where(native.expand_dims(counted, 1), rows, 0.0)
        spread = native.log_softmax(counted_rows, 1)
        spread = -native.mean(spread if weight is None else native._weighted(_wide(weight), spread), 1) * counted
        loss = loss * (1 - label_smoothing) + spread * label_smoothing
    if reduction == "none":
        loss = native.reshape(loss, sample_shape)
    elif reduction == "sum":
        loss = native.sum(loss)
    else:
        loss = native.sum(loss) / native.sum(scale)
    return _rounded(loss, input)


def _probability_targets(input, target, weight, reduction, label_smoothing, rows, sample_shape):
    if target.shape != input.shape:
        raise ValueError(f"cross_entropy: probabilities of shape {target.shape} do not fit input {input.shape}.")
    wanted, _ = _classes_last(_wide(target))
    if label_smoothing:
        wanted = wanted * (1 - label_smoothing) + label_smoothing / rows.shape[1]
    terms = native._weighted(wanted, native.log_softmax(rows, 1))
    loss = -native.sum(terms if weight is None else native._weighted(_wide(weight), terms), 1)
    if reduction == "none":
        return native.reshape(loss, sample_shape)
    return native.sum(loss) if reduction == "sum" else native.sum(loss) / rows.shape[0]
