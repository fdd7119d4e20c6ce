"""Losses written with other ops; derivatives, at every order, follow from those."""

from __future__ import annotations

import itertools
import math

from adcore._core import Tensor, bfloat16, float16, float32, float64, int64
from adcore._ops import native
from adcore._ops.declare import BatchReduction, Fraction, Lengths, Reduction, broadcast_shape, op, require_tensor
from adcore._ops.math import clamp, norm
from adcore._ops.shape import split

PAGE = "Losses"

_HALVES = (float16, bfloat16)

# A quarter of the last place of 1: what numbers that round to 1 miss of it, about.
_GAP_TO_ONE = {bfloat16: 2.0**-9, float16: 2.0**-12, float32: 2.0**-25, float64: 2.0**-54}


def _wide(tensor):
    """Return a tensor of half precision in float32: a loss computes wide and rounds once, and so do its derivatives."""
    return native.cast(tensor, float32) if tensor.dtype in _HALVES else tensor


def _rounded(loss, *operands):
    """Return a loss in the dtype of its operands where all of these have one of half precision."""
    dtype = operands[0].dtype
    if dtype in _HALVES and all(operand is None or operand.dtype == dtype for operand in operands):
        return native.cast(loss, dtype)
    return loss


def _check_reduction(op, reduction, *more):
    words = ("none", "mean", "sum", *more)
    if reduction not in words:
        *first, last = map(repr, words)
        raise ValueError(f"{op}: reduction must be {', '.join(first)} or {last}, got {reduction!r}.")


def _reduced(op, loss, reduction):
    _check_reduction(op, reduction)
    if reduction == "none":
        return loss
    return native.mean(loss) if reduction == "mean" else native.sum(loss)


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
    _check_reduction("cross_entropy", reduction)
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


# ---- of classes ---------------------------------------------------------------------------------------------------


def _number(op, name, value, low=-math.inf, high=math.inf, above=False):
    """Check a number: in [low, high], or above low."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{op}: {name} must be a number, got {type(value).__name__}.")
    if above and not value > low:
        raise ValueError(f"{op}: {name} must be greater than {low}, got {value}.")
    if not low <= value <= high:
        bounds = f"in [{low}, {high}]" if high < math.inf else f"at least {low}"
        raise ValueError(f"{op}: {name} must be {bounds}, got {value}.")


def _floats(op, **operands):
    """Check that operands are Tensors of floats, and return them wide."""
    for name, operand in operands.items():
        require_tensor(op, name, operand)
        if not operand.dtype.is_floating_point:
            raise TypeError(f"{op}: {name} must be a float tensor, got {operand.dtype}.")
    return tuple(map(_wide, operands.values()))


def _beside(op, name, target, input):
    """Check that a target is a Tensor, and return it wide; integers and bools in the dtype of the input."""
    require_tensor(op, name, target)
    return _wide(target) if target.dtype.is_floating_point else native.cast(target, _wide(input).dtype)


def _same_shape(op, **operands):
    (first, a), *others = operands.items()
    for name, b in others:
        if a.shape != b.shape:
            raise ValueError(f"{op}: {first} and {name} must have one shape, got {a.shape} and {b.shape}.")


def _whole(op, name, target):
    require_tensor(op, name, target)
    if target.dtype.is_floating_point:
        raise TypeError(f"{op}: {name} must be a tensor of integers, got {target.dtype}.")
    return native.cast(target, int64)


def _as_index(target, classes):
    """Return class indices so that reading by them raises for a negative one, too."""
    return native.where(native.less(target, 0), classes, target)


def _class_weight(op, weight, classes):
    if weight is None:
        return None
    require_tensor(op, "weight", weight)
    if weight.shape != (classes,):
        raise ValueError(f"{op}: weight must have one entry for each of {classes} classes, got {weight.shape}.")
    return _wide(weight)


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
    (wide,) = _floats("nll_loss", inputs=inputs)
    index = _whole("nll_loss", "target", target)
    if inputs.ndim == 0:
        raise ValueError("nll_loss: inputs need an axis of classes.")
    _number("nll_loss", "label_smoothing", label_smoothing, 0, 1)
    _check_reduction("nll_loss", reduction)
    rows, sample_shape = _classes_last(wide)
    classes = rows.shape[1]
    if target.shape != sample_shape:
        raise ValueError(f"nll_loss: a target of shape {target.shape} does not fit inputs {inputs.shape}.")
    scales = _class_weight("nll_loss", weight, classes)
    flat = native.reshape(index, (-1,))
    ignored = native.equal(flat, ignore_index)
    picked = native.where(ignored, 0, _as_index(flat, classes))  # an ignored target may be no class: any will do
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
    return _rounded(loss, inputs, weight)


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
    (wide,) = _floats("multi_margin_loss", input=input)
    index = _whole("multi_margin_loss", "target", target)
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: p must be 1 or 2, got {p!r}.")
    _number("multi_margin_loss", "margin", margin)
    _check_reduction("multi_margin_loss", reduction)
    if input.ndim not in (1, 2) or input.shape[-1] == 0:
        raise ValueError(f"multi_margin_loss: input must be (n, classes) or (classes,), got {input.shape}.")
    if target.shape != input.shape[:-1]:
        raise ValueError(f"multi_margin_loss: a target of shape {target.shape} does not fit input {input.shape}.")
    classes = input.shape[-1]
    scales = _class_weight("multi_margin_loss", weight, classes)
    rows, index = native.reshape(wide, (-1, classes)), _as_index(native.reshape(index, (-1, 1)), classes)
    short = native.relu(rows - native.gather_elements(rows, 1, index) + margin)
    if p == 2:
        short = native.square(short)
    if scales is not None:
        short = short * native.gather(scales, index, 0)
    others = native.not_equal(native.arange(classes), index)
    loss = native.sum(native.where(others, short, 0.0), 1) / classes
    return _rounded(_reduced("multi_margin_loss", native.reshape(loss, target.shape), reduction), input, weight)


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
    (wide,) = _floats("multilabel_margin_loss", input=input)
    index = _whole("multilabel_margin_loss", "target", target)
    _check_reduction("multilabel_margin_loss", reduction)
    _same_shape("multilabel_margin_loss", input=input, target=target)
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
    return _rounded(_reduced("multilabel_margin_loss", native.reshape(loss, input.shape[:-1]), reduction), input)


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
    (wide,) = _floats("multilabel_soft_margin_loss", input=input)
    labels = _beside("multilabel_soft_margin_loss", "target", target, input)
    _check_reduction("multilabel_soft_margin_loss", reduction)
    _same_shape("multilabel_soft_margin_loss", input=input, target=target)
    if input.ndim == 0:
        raise ValueError("multilabel_soft_margin_loss: input needs an axis of classes.")
    loss = -(native._weighted(labels, native.logsigmoid(wide)) + native._weighted(1 - labels, native.logsigmoid(-wide)))
    if weight is not None:
        require_tensor("multilabel_soft_margin_loss", "weight", weight)
        loss = loss * _wide(weight)
        if loss.shape != input.shape:
            raise ValueError(
                f"multilabel_soft_margin_loss: a weight of shape {weight.shape} does not broadcast to {input.shape}."
            )
    return _rounded(_reduced("multilabel_soft_margin_loss", native.mean(loss, -1), reduction), input, weight)


# ---- of numbers ---------------------------------------------------------------------------------------------------


@op(
    samples=(
        "kl_div(x(3, 4), x(3, 4, low=0.2))",
        "kl_div(x(3, 4), x(3, 4, low=0.2), 'batchmean')",
        "kl_div(x(3, 4), x(3, 4), 'sum', True)",
    ),
    cell="KLDivLoss",
)
def kl_div(logits: Tensor, labels: Tensor, reduction: BatchReduction = "mean", log_target: bool = False) -> Tensor:
    """Kullback-Leibler divergence, element by element: ``labels * (log(labels) - logits)``.

    Parameters
    ----------
    logits : Tensor
        Logarithms of probabilities.
    labels : Tensor
        Probabilities; shapes broadcast. One that is 0 gives 0 with derivative 0, whatever the logit.
    reduction : {"mean", "sum", "none", "batchmean"}
        "batchmean" divides the sum by the length of the first axis, which is what the definition asks for.
    log_target : bool, default False
        The labels are logarithms, too.

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors of floats, shapes that do not fit, or another reduction.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.kl_div(Tensor([[-1.0, 0.0]]), Tensor([[1.0, 0.0]]), "batchmean"))
    1.0
    """
    x, y = _floats("kl_div", logits=logits, labels=labels)
    _check_reduction("kl_div", reduction, "batchmean")
    none = native.equal(y, -math.inf if log_target else 0.0)
    x = native.where(none, 0.0, x)
    if log_target:
        y = native.where(none, 0.0, y)
        loss = native.exp(y) * (y - x)
    else:
        loss = y * (native.log(native.where(none, 1.0, y)) - x)
    loss = native.where(none, 0.0, loss)
    if reduction == "batchmean":
        loss = native.sum(loss) / (loss.shape[0] if loss.ndim else 1)
    else:
        loss = _reduced("kl_div", loss, reduction)
    return _rounded(loss, logits, labels)


@op(
    samples=(
        "smooth_l1_loss(x(3, 4), x(3, 4, low=-0.2, high=0.2), 0.25)",
        "smooth_l1_loss(x(3, 4), x(low=-0.2, high=0.2), 6.0, 'mean')",
    ),
    cell="SmoothL1Loss",
)
def smooth_l1_loss(input: Tensor, target: Tensor, beta: float = 1.0, reduction: Reduction = "none") -> Tensor:
    """``d**2 / (2 * beta)`` where the difference d is smaller than beta, else ``abs(d) - beta / 2``.

    Parameters
    ----------
    input, target : Tensor
        Shapes broadcast.
    beta : float, default 1.0
        At least 0, where the loss is the absolute difference.
    reduction : {"none", "mean", "sum"}

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors, shapes that do not fit, a negative beta, or another reduction.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.smooth_l1_loss(Tensor([1.0, 5.0]), Tensor([1.5, 1.0])))
    [0.125 3.5  ]
    """
    (x,) = _floats("smooth_l1_loss", input=input)
    y = _beside("smooth_l1_loss", "target", target, input)
    _number("smooth_l1_loss", "beta", beta, 0)
    difference = native.sub(x, y)
    if beta == 0:
        loss = native.abs(difference)
    else:
        loss = _square_then_line(difference, beta, 1.0)
    return _rounded(_reduced("smooth_l1_loss", loss, reduction), input, target)


@op(
    samples=(
        "huber_loss(x(3, 4), x(3, 4, low=-0.2, high=0.2), delta=0.25)",
        "huber_loss(x(3, 4), x(low=-0.2, high=0.2), 'none', 6.0)",
    ),
    cell="HuberLoss",
)
def huber_loss(input: Tensor, target: Tensor, reduction: Reduction = "mean", delta: float = 1.0) -> Tensor:
    """``d**2 / 2`` where the difference d is smaller than delta, else ``delta * (abs(d) - delta / 2)``.

    Parameters
    ----------
    input, target : Tensor
        Shapes broadcast.
    reduction : {"mean", "sum", "none"}
    delta : float, default 1.0
        Greater than 0.

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors, shapes that do not fit, a delta that is not positive, or another reduction.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.huber_loss(Tensor([1.0, 5.0]), Tensor([1.5, 1.0]), "none"))
    [0.125 3.5  ]
    """
    (x,) = _floats("huber_loss", input=input)
    y = _beside("huber_loss", "target", target, input)
    _number("huber_loss", "delta", delta, 0, above=True)
    loss = _square_then_line(native.sub(x, y), delta, delta)
    return _rounded(_reduced("huber_loss", loss, reduction), input, target)


def _square_then_line(difference, bound, slope):
    """A parabola up to a bound, beyond it the tangent: one text, whose square does not overflow, and smooth at 0."""
    near = clamp(difference, -bound, bound)
    line = native.mul(native.abs(native.sub(difference, near)), slope)
    return native.add(native.mul(native.square(near), 0.5 * slope / bound), line)


@op(
    samples=("soft_margin_loss(x(3, 4), x(3, 4))", "soft_margin_loss(x(3, 4), x(3, 4), 'none')"),
    cell="SoftMarginLoss",
)
def soft_margin_loss(input: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """``log(1 + exp(-target * input))``, without overflow.

    Parameters
    ----------
    input, target : Tensor
        Shapes broadcast; the target is 1 or -1.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors, shapes that do not fit, or another reduction.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.soft_margin_loss(Tensor([0.0, 100.0]), Tensor([1.0, -1.0]), "none"))
    [  0.6931472 100.       ]
    """
    (x,) = _floats("soft_margin_loss", input=input)
    y = _beside("soft_margin_loss", "target", target, input)
    loss = native.neg(native.logsigmoid(native.mul(x, y)))
    return _rounded(_reduced("soft_margin_loss", loss, reduction), input, target)


@op(
    samples=(
        "margin_ranking_loss(x(3, 4), x(3, 4), x(3, 4))",
        "margin_ranking_loss(x(3, 4), x(4), b(3, 4) * 2 - 1, 0.3, 'none')",
    ),
    cell="MarginRankingLoss",
)
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    """``max(0, -target * (input1 - input2) + margin)``: the target says which should be the larger.

    Parameters
    ----------
    input1, input2, target : Tensor
        Shapes broadcast. The target is 1 where input1 should be the larger, -1 where input2 should.
    margin : float, default 0.0
        At exactly this distance the derivative is 0.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors, shapes that do not fit, or another reduction.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.margin_ranking_loss(Tensor([1.0]), Tensor([3.0]), Tensor([1.0])))
    2.0
    """
    a, b = _floats("margin_ranking_loss", input1=input1, input2=input2)
    y = _beside("margin_ranking_loss", "target", target, input1)
    _number("margin_ranking_loss", "margin", margin)
    loss = native.relu(native.add(native.mul(y, native.sub(b, a)), margin))
    return _rounded(_reduced("margin_ranking_loss", loss, reduction), input1, input2, target)


@op(
    samples=(
        "hinge_embedding_loss(x(3, 4), i(3, 4, n=2) * 2 - 1)",
        "hinge_embedding_loss(x(3, 4), i(4) - 1, 0.7, 'none')",
    ),
    cell="HingeEmbeddingLoss",
)
def hinge_embedding_loss(inputs: Tensor, targets: Tensor, margin: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    """The input where the target is 1, ``max(0, margin - input)`` where it is -1.

    Parameters
    ----------
    inputs : Tensor
        Distances.
    targets : Tensor
        1 or -1; broadcasts. Another target gives 0.
    margin : float, default 1.0
        At exactly this distance the derivative is 0.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors, shapes that do not fit, or another reduction.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.hinge_embedding_loss(Tensor([0.5, 0.25]), Tensor([1, -1]), reduction="none"))
    [0.5  0.75]
    """
    (x,) = _floats("hinge_embedding_loss", inputs=inputs)
    require_tensor("hinge_embedding_loss", "targets", targets)
    _number("hinge_embedding_loss", "margin", margin)
    apart = native.where(native.equal(targets, -1), native.relu(native.sub(margin, x)), 0.0)
    loss = native.where(native.equal(targets, 1), x, apart)
    return _rounded(_reduced("hinge_embedding_loss", loss, reduction), inputs)


@op(
    samples=(
        "gaussian_nll_loss(x(3, 4), x(3, 4), x(3, 4, low=0.3))",
        "gaussian_nll_loss(x(3, 4), x(3, 4), x(3, low=0.3), True, reduction='none')",
    ),
    cell="GaussianNLLLoss",
)
def gaussian_nll_loss(
    x: Tensor, target: Tensor, var: Tensor, full: bool = False, eps: float = 1e-6, reduction: Reduction = "mean"
) -> Tensor:
    """Negative log-likelihood of a normal distribution: ``(log(var) + (x - target)**2 / var) / 2``.

    Parameters
    ----------
    x, target : Tensor
        Means and observations; shapes broadcast.
    var : Tensor
        Variances: of a shape that broadcasts, or of that without its last axis. A negative one gives NaN.
    full : bool, default False
        Adds the constant ``log(2 * pi) / 2``.
    eps : float, default 1e-6
        Greater than 0; smaller variances count as this one, and their derivative is 0.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors of floats, or shapes that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.gaussian_nll_loss(Tensor([1.0]), Tensor([3.0]), Tensor([1.0])))
    2.0
    """
    mean, observed, spread = _floats("gaussian_nll_loss", x=x, target=target, var=var)
    _number("gaussian_nll_loss", "eps", eps, 0, above=True)
    square = native.square(native.sub(mean, observed))
    if square.ndim and spread.ndim and spread.shape == square.shape[:-1]:
        spread = native.expand_dims(spread, -1)
    least = clamp(spread, eps)
    least = native.where(native.less(spread, 0), math.nan, least)
    loss = native.mul(native.add(native.log(least), native.div(square, least)), 0.5)
    if loss.shape != square.shape:
        raise ValueError(f"gaussian_nll_loss: var of shape {var.shape} does not fit {square.shape}.")
    if full:
        loss = native.add(loss, 0.5 * math.log(2 * math.pi))
    return _rounded(_reduced("gaussian_nll_loss", loss, reduction), x, target, var)


@op(
    samples=(
        "poisson_nll_loss(x(3, 4), x(3, 4, low=0.2))",
        "poisson_nll_loss(x(3, 4, low=0.2), x(4, low=1.1, high=3.0), False, True, reduction='none')",
    ),
    cell="PoissonNLLLoss",
)
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
) -> Tensor:
    """Negative log-likelihood of a Poisson distribution: ``rate - target * log(rate)``.

    Parameters
    ----------
    input : Tensor
        Logarithms of rates, or rates.
    target : Tensor
        Counts; shapes broadcast.
    log_input : bool, default True
        Whether the input is logarithms.
    full : bool, default False
        Adds Stirling's approximation of ``log(target!)`` where the target is greater than 1:
        ``target * log(target) - target + log(2 * pi * target) / 2``.
    eps : float, default 1e-8
        Is added to a rate whose logarithm is taken.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors, or shapes that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.poisson_nll_loss(Tensor([0.0]), Tensor([3.0])))
    1.0
    """
    (x,) = _floats("poisson_nll_loss", input=input)
    y = _beside("poisson_nll_loss", "target", target, input)
    _number("poisson_nll_loss", "eps", eps, 0)
    if log_input:
        loss = native.sub(native.exp(x), native._weighted(y, x))
    else:
        rate = native.add(x, eps)
        none = native.logical_and(native.equal(rate, 0), native.equal(y, 0))  # no count where none can be
        loss = native.sub(x, native.mul(y, native.log(native.where(none, 1.0, rate))))
    if full:
        large = native.greater(y, 1)
        n = native.where(large, y, 2.0)
        stirling = n * native.log(n) - n + 0.5 * native.log(2 * math.pi * n)
        loss = native.add(loss, native.where(large, stirling, 0.0))
    return _rounded(_reduced("poisson_nll_loss", loss, reduction), input, target)


# ---- of vectors ---------------------------------------------------------------------------------------------------


@op(
    samples=(
        "cosine_similarity(x(3, 4), x(3, 4))",
        "cosine_similarity(x(3, 4), x(4), -1)",
        "cosine_similarity(x(2, 3, 4), x(2, 3, 4), 0, 3.0)",
    ),
)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Cosine of the angle between vectors: the product of ``x / max(norm(x), eps)`` of both.

    Parameters
    ----------
    x1, x2 : Tensor
        Shapes broadcast.
    dim : int, default 1
        The axis along which a vector stands.
    eps : float, default 1e-8
        Greater than 0; shorter vectors are divided by it. So a zero vector gives 0, with the derivative of that
        quotient.

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors of floats, shapes that do not fit, or an axis that is not there.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.cosine_similarity(Tensor([[1.0, 0.0]]), Tensor([[3.0, 4.0]])))
    [0.6]
    """
    operands = _floats("cosine_similarity", x1=x1, x2=x2)
    _number("cosine_similarity", "eps", eps, 0, above=True)
    shape = broadcast_shape("cosine_similarity", x1.shape, x2.shape)
    a, b = (t if t.shape == shape else native.broadcast_to(t, shape) for t in operands)
    product = native.mul(*(native.div(t, native.maximum(native._norm2(t, dim, True), eps)) for t in (a, b)))
    return _rounded(native.sum(product, dim), x1, x2)


@op(
    samples=(
        "pairwise_distance(x(3, 4), x(3, 4))",
        "pairwise_distance(x(3, 4), x(4), 1, keepdim=True)",
        "pairwise_distance(x(3, 4), x(3, 4), 3)",
    ),
)
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """p-norm of ``x1 - x2 + eps`` along the last axis.

    Parameters
    ----------
    x1, x2 : Tensor
        Shapes broadcast.
    p : float, default 2.0
        At least 0; infinity is the largest difference.
    eps : float, default 1e-6
        With 0, the derivative at equal points is 0.
    keepdim : bool, default False

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors of floats, or shapes that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.pairwise_distance(Tensor([[3.0, 4.0]]), Tensor([[0.0, 0.0]]), eps=0.0))
    [5.]
    """
    a, b = _floats("pairwise_distance", x1=x1, x2=x2)
    _number("pairwise_distance", "p", p, 0)
    _number("pairwise_distance", "eps", eps)
    difference = native.sub(a, b)
    if difference.ndim == 0:
        raise ValueError("pairwise_distance: x1 and x2 need an axis of coordinates.")
    return _rounded(norm(native.add(difference, eps) if eps else difference, p, -1, keepdim), x1, x2)


@op(
    samples=(
        "cosine_embedding_loss(x(3, 4), x(3, 4), i(3, n=2) * 2 - 1)",
        "cosine_embedding_loss(x(3, 4), x(3, 4), i(3) - 1, -0.9, 'none')",
    ),
    cell="CosineEmbeddingLoss",
)
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    """``1 - cos`` where the target is 1, ``max(0, cos - margin)`` where it is -1; cos as :func:`cosine_similarity`.

    Parameters
    ----------
    input1, input2 : Tensor
        Vectors, of one shape: (n, coordinates, ...), or (coordinates,).
    target : Tensor
        1 or -1, of that shape without the axis of coordinates. Another target gives 0.
    margin : float, default 0.0
        In [-1, 1].
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.cosine_embedding_loss(Tensor([[1.0, 0.0]]), Tensor([[0.0, 2.0]]), Tensor([1])))
    1.0
    """
    a, b = _floats("cosine_embedding_loss", input1=input1, input2=input2)
    require_tensor("cosine_embedding_loss", "target", target)
    _number("cosine_embedding_loss", "margin", margin, -1, 1)
    _same_shape("cosine_embedding_loss", input1=input1, input2=input2)
    if input1.ndim == 0:
        raise ValueError("cosine_embedding_loss: the inputs need an axis of coordinates.")
    axis = min(1, input1.ndim - 1)
    if target.shape != input1.shape[:axis] + input1.shape[axis + 1 :]:
        raise ValueError(f"cosine_embedding_loss: a target of shape {target.shape} does not fit {input1.shape}.")
    cosine = cosine_similarity(a, b, axis)
    apart = native.where(native.equal(target, -1), native.relu(native.sub(cosine, margin)), 0.0)
    loss = native.where(native.equal(target, 1), native.sub(1, cosine), apart)
    return _rounded(_reduced("cosine_embedding_loss", loss, reduction), input1, input2)


@op(
    samples=(
        "triplet_margin_loss(x(3, 4), x(3, 4), x(3, 4))",
        "triplet_margin_loss(x(3, 4), x(3, 4), x(3, 4), 4.0, 1, 1e-3, True, 'none')",
    ),
)
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """``max(0, margin + d(anchor, positive) - d(anchor, negative))``, where d is :func:`pairwise_distance`.

    Parameters
    ----------
    anchor, positive, negative : Tensor
        Vectors along the last axis; shapes broadcast.
    margin : float, default 1.0
        Greater than 0.
    p : float, default 2
    eps : float, default 1e-6
        As in pairwise_distance.
    swap : bool, default False
        Takes the distance of positive and negative where it is the smaller one (Balntas et al., 2016).
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.triplet_margin_loss(Tensor([[0.0]]), Tensor([[3.0]]), Tensor([[2.0]]), eps=0.0))
    2.0
    """
    a, b, c = _floats("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    _number("triplet_margin_loss", "margin", margin, 0, above=True)
    near, far = pairwise_distance(a, b, p, eps), pairwise_distance(a, c, p, eps)
    if swap:
        far = native.minimum(far, pairwise_distance(b, c, p, eps))
    loss = native.relu(native.add(native.sub(near, far), margin))
    return _rounded(_reduced("triplet_margin_loss", loss, reduction), anchor, positive, negative)


# ---- of sequences -------------------------------------------------------------------------------------------------

_IMPOSSIBLE = -1e30  # a logarithm that no sum of others reaches, and finite, so that its derivative is


def _lengths(name, lengths, count, most, what):
    if isinstance(lengths, Tensor):
        lengths = lengths.tolist()
    lengths = [lengths] if isinstance(lengths, int) else list(lengths)
    if len(lengths) != count or not all(isinstance(n, int) and not isinstance(n, bool) for n in lengths):
        raise ValueError(f"ctc_loss: {name} must be {count} integers, one for each sequence, got {lengths}.")
    if not all(0 <= n <= most for n in lengths):
        raise ValueError(f"ctc_loss: {name} must be in [0, {most}], {what}, got {lengths}.")
    return lengths


@op(
    samples=(
        "ctc_loss(log_softmax(x(5, 2, 3), -1), i(2, 2, n=2) + 1, [5, 4], [2, 1])",
        "ctc_loss(x(4, 3), i(2, n=2), 4, 2, 2, 'none')",
    ),
    cell="CTCLoss",
)
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Connectionist temporal classification: how improbable a sequence of labels is over all its alignments.

    A. Graves, S. Fernandez, F. Gomez, J. Schmidhuber: Connectionist temporal classification. ICML 2006. The forward
    algorithm, in logarithms.

    Parameters
    ----------
    log_probs : Tensor
        Logarithms of probabilities, of shape (time, n, classes), or (time, classes).
    targets : Tensor
        Labels, integers without the blank: (n, longest), padded at the end with anything, or all sequences one
        after the other along one axis.
    input_lengths, target_lengths : Tensor, sequence of int, or int
        The length of each sequence.
    blank : int, default 0
        The class that stands for no label.
    reduction : {"mean", "sum", "none"}
        The mean divides each loss by the length of its target first.
    zero_infinity : bool, default False
        A target that is too long for its input has an infinite loss; this makes it 0. Its derivative is 0 either way.

    Raises
    ------
    TypeError, ValueError, IndexError
        For operands that do not fit, or a label that is none.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> quarter = ops.log(ops.full((2, 1, 2), 0.5))
    >>> print(ops.exp(-ops.ctc_loss(quarter, Tensor([[1]]), [2], [1])))
    0.75
    """
    (wide,) = _floats("ctc_loss", log_probs=log_probs)
    labels = _whole("ctc_loss", "targets", targets)
    _check_reduction("ctc_loss", reduction)
    if log_probs.ndim not in (2, 3):
        raise ValueError(f"ctc_loss: log_probs must be (time, n, classes) or (time, classes), got {log_probs.shape}.")
    alone = log_probs.ndim == 2
    if alone:
        wide = native.expand_dims(wide, 1)
    time, count, classes = wide.shape
    if isinstance(blank, bool) or not isinstance(blank, int) or not 0 <= blank < classes:
        raise ValueError(f"ctc_loss: blank must be a class in [0, {classes}), got {blank!r}.")
    input_lengths = _lengths("input_lengths", input_lengths, count, time, "the length in time")
    if labels.ndim == 1:
        target_lengths = _lengths("target_lengths", target_lengths, count, labels.shape[0], "the number of targets")
        if not alone and sum(target_lengths) != labels.shape[0]:
            raise ValueError(f"ctc_loss: target_lengths sum to {sum(target_lengths)} for {labels.shape[0]} targets.")
        longest = max(target_lengths, default=0)
        ends = list(itertools.accumulate(target_lengths))
        parts = [
            native.pad(labels[end - n : end], (0, longest - n)) for n, end in zip(target_lengths, ends, strict=True)
        ]
        labels = native.stack(parts) if parts else native.zeros((0, 0), int64)
    elif labels.ndim == 2 and labels.shape[0] == count:
        longest = labels.shape[1]
        target_lengths = _lengths("target_lengths", target_lengths, count, longest, "the longest target")
    else:
        raise ValueError(f"ctc_loss: targets of shape {targets.shape} do not fit {count} sequences.")
    steps, sizes = (native.reshape(Tensor(n, int64), (count, 1)) for n in (input_lengths, target_lengths))

    # A path goes through blank, label, blank, label, ..., blank; it stays, goes on, or leaves out a blank between two
    # different labels.
    inside = native.less(native.arange(longest), sizes)
    wrong = native.logical_and(inside, native.logical_or(native.less(labels, 0), native.equal(labels, blank)))
    labels = native.where(wrong, classes, native.where(inside, labels, blank))
    blanks = native.full((count, longest, 1), blank, dtype=int64)
    path = native.reshape(native.concat([blanks, native.expand_dims(labels, 2)], 2), (count, 2 * longest))
    path = native.concat([path, native.full((count, 1), blank, dtype=int64)], 1)
    states = 2 * longest + 1
    before = native.pad(path, (2, -2), value=blank) if longest else path
    skips = native.logical_and(native.not_equal(path, blank), native.not_equal(path, before))
    places = native.broadcast_to(native.expand_dims(path, 0), (time, count, states))
    emitted = native.maximum(native.gather_elements(wide, 2, places), _IMPOSSIBLE)
    position = native.arange(states)
    reached = native.broadcast_to(native.where(native.equal(position, 0), 0.0, _IMPOSSIBLE), (count, states))
    reached = native.cast(reached, wide.dtype)
    shortest = min(input_lengths, default=0)
    for t, now in enumerate(split(emitted, 1) if time else ()):
        ways = [reached]
        if longest:
            ways.append(native.pad(reached, (1, -1), value=_IMPOSSIBLE))
            ways.append(native.where(skips, native.pad(reached, (2, -2), value=_IMPOSSIBLE), _IMPOSSIBLE))
        following = native.add(native.logsumexp(native.stack(ways), 0), native.squeeze(now, 0))
        reached = following if t < shortest else native.where(native.greater(steps, t), following, reached)
    ends = native.logical_or(native.equal(position, 2 * sizes), native.equal(position, 2 * sizes - 1))
    likely = native.logsumexp(native.where(ends, reached, _IMPOSSIBLE), 1)
    loss = native.where(native.less(likely, _IMPOSSIBLE / 10), 0.0 if zero_infinity else math.inf, -likely)
    if reduction == "mean":
        loss = native.mean(native.div(loss, clamp(native.cast(native.reshape(sizes, (-1,)), wide.dtype), 1)))
    elif reduction == "sum":
        loss = native.sum(loss)
    elif alone:
        loss = native.reshape(loss, ())
    return _rounded(loss, log_probs)
