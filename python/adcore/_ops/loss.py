"""Losses of numbers, element by element, written with other ops; derivatives, at every order, follow from those."""

from __future__ import annotations

import math

from adcore._core import Tensor, bfloat16, float16, float32, float64
from adcore._ops import native
from adcore._ops.declare import BatchReduction, Reduction, op, require_tensor
from adcore._ops.loss_parts import beside, check_reduction, floats, number, reduced
from adcore._ops.math import clamp
from adcore._ops.precision import rounded, widened

PAGE = "Losses"

# A quarter of the last place of 1: what numbers that round to 1 miss of it, about.
_GAP_TO_ONE = {bfloat16: 2.0**-9, float16: 2.0**-12, float32: 2.0**-25, float64: 2.0**-54}


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

    Warns
    -----
    AmbiguityWarning
        If the loss has more elements than either of them, as (n, 1) beside (n,) gives: each sample would be compared
        with all others.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.mse_loss(Tensor([1.0, 2.0]), Tensor([3.0, 5.0])))
    6.5
    """
    require_tensor("mse_loss", "input", input)
    require_tensor("mse_loss", "target", target)
    loss = native.square(native.sub(widened(input), widened(target)))
    return rounded(reduced("mse_loss", loss, reduction, input, target), input, target)


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
    loss = native.abs(native.sub(widened(input), widened(target)))
    return rounded(reduced("l1_loss", loss, reduction, input, target), input, target)


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
    loss = native._binary_cross_entropy(widened(logits), widened(labels), _GAP_TO_ONE.get(logits.dtype, 2.0**-25))
    if weight is not None:
        loss = loss * (widened(weight) if isinstance(weight, Tensor) else weight)
    loss = reduced("binary_cross_entropy", loss, reduction)
    return rounded(loss, logits, labels, weight if isinstance(weight, Tensor) else None)


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
    x, y = floats("kl_div", logits=logits, labels=labels)
    check_reduction("kl_div", reduction, "batchmean")
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
        loss = reduced("kl_div", loss, reduction, logits, labels)
    return rounded(loss, logits, labels)


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
    (x,) = floats("smooth_l1_loss", input=input)
    y = beside("smooth_l1_loss", "target", target, input)
    number("smooth_l1_loss", "beta", beta, 0)
    difference = native.sub(x, y)
    if beta == 0:
        loss = native.abs(difference)
    else:
        loss = _square_then_line(difference, beta, 1.0)
    return rounded(reduced("smooth_l1_loss", loss, reduction, input, target), input, target)


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
    (x,) = floats("huber_loss", input=input)
    y = beside("huber_loss", "target", target, input)
    number("huber_loss", "delta", delta, 0, above=True)
    loss = _square_then_line(native.sub(x, y), delta, delta)
    return rounded(reduced("huber_loss", loss, reduction, input, target), input, target)


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
    (x,) = floats("soft_margin_loss", input=input)
    y = beside("soft_margin_loss", "target", target, input)
    loss = native.neg(native.logsigmoid(native.mul(x, y)))
    return rounded(reduced("soft_margin_loss", loss, reduction, input, target), input, target)


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
    a, b = floats("margin_ranking_loss", input1=input1, input2=input2)
    y = beside("margin_ranking_loss", "target", target, input1)
    number("margin_ranking_loss", "margin", margin)
    loss = native.relu(native.add(native.mul(y, native.sub(b, a)), margin))
    return rounded(reduced("margin_ranking_loss", loss, reduction, input1, input2, target), input1, input2, target)


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
    (x,) = floats("hinge_embedding_loss", inputs=inputs)
    require_tensor("hinge_embedding_loss", "targets", targets)
    number("hinge_embedding_loss", "margin", margin)
    apart = native.where(native.equal(targets, -1), native.relu(native.sub(margin, x)), 0.0)
    loss = native.where(native.equal(targets, 1), x, apart)
    return rounded(reduced("hinge_embedding_loss", loss, reduction, inputs, targets), inputs)


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
    mean, observed, spread = floats("gaussian_nll_loss", x=x, target=target, var=var)
    number("gaussian_nll_loss", "eps", eps, 0, above=True)
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
    return rounded(reduced("gaussian_nll_loss", loss, reduction, x, target, var), x, target, var)


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
    (x,) = floats("poisson_nll_loss", input=input)
    y = beside("poisson_nll_loss", "target", target, input)
    number("poisson_nll_loss", "eps", eps, 0)
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
    return rounded(reduced("poisson_nll_loss", loss, reduction, input, target), input, target)
