"""Losses of scores of classes, written with other ops; derivatives, at every order, follow from those."""

from __future__ import annotations

from adcore._core import Tensor, int64
from adcore._ops import native
from adcore._ops.declare import Fraction, Reduction, op, require_tensor
from adcore._ops.loss_parts import (
    as_index,
    beside,
    check_reduction,
    class_weight,
    classes_last,
    floats,
    number,
    reduced,
    same_shape,
    whole,
)
from adcore._ops.precision import rounded, widened

PAGE = "Losses"


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
    check_reduction("cross_entropy", reduction)
    rows, sample_shape = classes_last(widened(input))
    classes = rows.shape[1]
    if weight is not None:
        require_tensor("cross_entropy", "weight", weight)
        if weight.shape != (classes,):
            raise ValueError(
                f"cross_entropy: weight must have one entry for each of {classes} classes, got {weight.shape}."
            )
    if target.dtype.is_floating_point:
        loss = _probability_targets(input, target, weight, reduction, label_smoothing, rows, sample_shape)
        return rounded(loss, input, target, weight)
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
        spread = -native.mean(spread if weight is None else native._weighted(widened(weight), spread), 1) * counted
        loss = loss * (1 - label_smoothing) + spread * label_smoothing
    if reduction == "none":
        loss = native.reshape(loss, sample_shape)
    elif reduction == "sum":
        loss = native.sum(loss)
    else:
        loss = native.sum(loss) / native.sum(scale)
    return rounded(loss, input)


def _probability_targets(input, target, weight, reduction, label_smoothing, rows, sample_shape):
    if target.shape != input.shape:
        raise ValueError(f"cross_entropy: probabilities of shape {target.shape} do not fit input {input.shape}.")
    wanted, _ = classes_last(widened(target))
    if label_smoothing:
        wanted = wanted * (1 - label_smoothing) + label_smoothing / rows.shape[1]
    terms = native._weighted(wanted, native.log_softmax(rows, 1))
    loss = -native.sum(terms if weight is None else native._weighted(widened(weight), terms), 1)
    if reduction == "none":
        return native.reshape(loss, sample_shape)
    return native.sum(loss) if reduction == "sum" else native.sum(loss) / rows.shape[0]


@op(
    samples=(
        "nll_loss(x(3, 4), i(3, n=4))",
        "nll_loss(x(3, 4), i(3, n=4), x(4, low=0.3), reduction='sum')",
        "nll_loss(x(3, 4), i(3, n=4), x(4, low=0.3), 1, 'mean', 0.2)",
        "nll_loss(x(2, 3, 2), i(2, 2), reduction='none')",
    ),
    cell="NLLLoss",
)
def nll_loss(
    inputs: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: Fraction = 0.0,
) -> Tensor:
    """Negative log-likelihood: the logarithm of the probability of the target's class, negated.

    ``nll_loss(log_softmax(x), target)`` is :func:`cross_entropy` of x, with all options.

    Parameters
    ----------
    inputs : Tensor
        Logarithms of probabilities, of shape (classes,), (n, classes) or (n, classes, d1, ...).
    target : Tensor
        Class indices, integers of shape (), (n,) or (n, d1, ...).
    weight : Tensor, optional
        One weight per class. The mean divides by the weights of the targets.
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
    >>> print(ops.nll_loss(Tensor([[-0.5, -2.0], [-3.0, -0.25]]), Tensor([0, 1])))
    0.375
    """
    (wide,) = floats("nll_loss", inputs=inputs)
    index = whole("nll_loss", "target", target)
    if inputs.ndim == 0:
        raise ValueError("nll_loss: inputs need an axis of classes.")
    number("nll_loss", "label_smoothing", label_smoothing, 0, 1)
    check_reduction("nll_loss", reduction)
    rows, sample_shape = classes_last(wide)
    classes = rows.shape[1]
    if target.shape != sample_shape:
        raise ValueError(f"nll_loss: a target of shape {target.shape} does not fit inputs {inputs.shape}.")
    scales = class_weight("nll_loss", weight, classes)
    flat = native.reshape(index, (-1,))
    ignored = native.equal(flat, ignore_index)
    picked = native.where(ignored, 0, as_index(flat, classes))  # an ignored target may be no class: any will do
    scale = native.cast(native.logical_not(ignored), rows.dtype)
    if classes == 0:
        loss = native.zeros((rows.shape[0],), rows.dtype)
    else:
        loss = -native.squeeze(native.gather_elements(rows, 1, native.expand_dims(picked, 1)), 1)
    if scales is not None:
        of_target = native.cast(native.gather(scales, picked, 0), rows.dtype)
        loss, scale = native._weighted(of_target, loss), scale * of_target
    if label_smoothing:
        spread = -native.mean(rows if scales is None else native._weighted(scales, rows), 1)
        loss = loss * (1 - label_smoothing) + spread * label_smoothing
    loss = native.where(ignored, 0.0, loss)
    if reduction == "none":
        loss = native.reshape(loss, sample_shape)
    elif reduction == "sum":
        loss = native.sum(loss)
    else:
        loss = native.sum(loss) / native.sum(scale)
    return rounded(loss, inputs, weight)


@op(
    samples=(
        "multi_margin_loss(4 * x(3, 4), i(3, n=4))",
        "multi_margin_loss(x(3, 4), i(3, n=4), 2, 0.7, x(4, low=0.3), 'sum')",
        "multi_margin_loss(x(4), i(n=4), reduction='none')",
    ),
)
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Hinge loss of one class against the others: ``sum(max(0, margin - input[target] + input[i])**p) / classes``.

    Parameters
    ----------
    input : Tensor
        Scores of shape (n, classes) or (classes,).
    target : Tensor
        Class indices, integers of shape (n,) or ().
    p : {1, 2}
    margin : float, default 1.0
        Where a score keeps exactly this distance, the derivative is 0.
    weight : Tensor, optional
        One weight per class; that of the target multiplies the loss.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError, IndexError
        For operands that do not fit, or a target that is no class.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.multi_margin_loss(Tensor([[0.5, 1.0]]), Tensor([1])))
    0.25
    """
    (wide,) = floats("multi_margin_loss", input=input)
    index = whole("multi_margin_loss", "target", target)
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: p must be 1 or 2, got {p!r}.")
    number("multi_margin_loss", "margin", margin)
    check_reduction("multi_margin_loss", reduction)
    if input.ndim not in (1, 2) or input.shape[-1] == 0:
        raise ValueError(f"multi_margin_loss: input must be (n, classes) or (classes,), got {input.shape}.")
    if target.shape != input.shape[:-1]:
        raise ValueError(f"multi_margin_loss: a target of shape {target.shape} does not fit input {input.shape}.")
    classes = input.shape[-1]
    scales = class_weight("multi_margin_loss", weight, classes)
    rows, index = native.reshape(wide, (-1, classes)), as_index(native.reshape(index, (-1, 1)), classes)
    short = native.relu(rows - native.gather_elements(rows, 1, index) + margin)
    if p == 2:
        short = native.square(short)
    if scales is not None:
        short = short * native.gather(scales, index, 0)
    others = native.not_equal(native.arange(classes), index)
    loss = native.sum(native.where(others, short, 0.0), 1) / classes
    return rounded(reduced("multi_margin_loss", native.reshape(loss, target.shape), reduction), input, weight)


@op(
    samples=(
        "multilabel_margin_loss(x(3, 4), i(3, 4, n=4) - 1)",
        "multilabel_margin_loss(x(4), i(4, n=4), 'none')",
    ),
    cell="MultilabelMarginLoss",
)
def multilabel_margin_loss(input: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Hinge loss of several classes against the others: ``sum(max(0, 1 - input[target[j]] + input[i])) / classes``.

    Parameters
    ----------
    input : Tensor
        Scores of shape (n, classes) or (classes,).
    target : Tensor
        Of the same shape: the indices of the classes that a sample has, up to the first negative one.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError, IndexError
        For operands that do not fit, or a target that is no class.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.multilabel_margin_loss(Tensor([[0.5, 1.0]]), Tensor([[1, -1]])))
    0.25
    """
    (wide,) = floats("multilabel_margin_loss", input=input)
    index = whole("multilabel_margin_loss", "target", target)
    check_reduction("multilabel_margin_loss", reduction)
    same_shape("multilabel_margin_loss", input=input, target=target)
    if input.ndim not in (1, 2) or input.shape[-1] == 0:
        raise ValueError(f"multilabel_margin_loss: input must be (n, classes) or (classes,), got {input.shape}.")
    classes = input.shape[-1]
    rows, index = native.reshape(wide, (-1, classes)), native.reshape(index, (-1, classes))
    counts = native.equal(native.cumsum(native.cast(native.less(index, 0), int64), 1), 0)
    index = native.where(counts, index, 0)
    wanted = native.expand_dims(native.gather_elements(rows, 1, index), 2)
    short = native.relu(native.expand_dims(rows, 1) - wanted + 1)
    counts = native.expand_dims(counts, 2)
    named = native.logical_and(native.equal(native.expand_dims(index, 2), native.arange(classes)), counts)
    pairs = native.logical_and(counts, native.logical_not(native.any(named, 1, True)))
    loss = native.sum(native.where(pairs, short, 0.0), (1, 2)) / classes
    return rounded(reduced("multilabel_margin_loss", native.reshape(loss, input.shape[:-1]), reduction), input)


@op(
    samples=(
        "multilabel_soft_margin_loss(x(3, 4), x(3, 4, low=0.2, high=0.8))",
        "multilabel_soft_margin_loss(x(3, 4), x(3, 4, low=0.2, high=0.8), x(4, low=0.3), 'none')",
    ),
    cell="MultiLabelSoftMarginLoss",
)
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: Reduction = "mean"
) -> Tensor:
    """Binary cross-entropy of logits, its mean over the classes, which stand along the last axis.

    Parameters
    ----------
    input : Tensor
        Logits, of shape (..., classes).
    target : Tensor
        Labels in [0, 1], of the same shape.
    weight : Tensor, optional
        Multiplies the losses of the classes; broadcasts.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.multilabel_soft_margin_loss(Tensor([[0.0, 0.0]]), Tensor([[1.0, 0.0]])))
    0.6931472
    """
    (wide,) = floats("multilabel_soft_margin_loss", input=input)
    labels = beside("multilabel_soft_margin_loss", "target", target, input)
    check_reduction("multilabel_soft_margin_loss", reduction)
    same_shape("multilabel_soft_margin_loss", input=input, target=target)
    if input.ndim == 0:
        raise ValueError("multilabel_soft_margin_loss: input needs an axis of classes.")
    loss = -(native._weighted(labels, native.logsigmoid(wide)) + native._weighted(1 - labels, native.logsigmoid(-wide)))
    if weight is not None:
        require_tensor("multilabel_soft_margin_loss", "weight", weight)
        loss = loss * widened(weight)
        if loss.shape != input.shape:
            raise ValueError(
                f"multilabel_soft_margin_loss: a weight of shape {weight.shape} does not broadcast to {input.shape}."
            )
    return rounded(reduced("multilabel_soft_margin_loss", native.mean(loss, -1), reduction), input, weight)
