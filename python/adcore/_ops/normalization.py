"""Normalizations: rows of mean 0 and variance 1, with weights and biases, are an op of the core."""

from __future__ import annotations

from adcore._core import Batch, Tensor, bfloat16, float16, float32, float64, innermost
from adcore._ops import math, native
from adcore._ops.convolution import count, sizes
from adcore._ops.declare import dims, op, require_tensor
from adcore._ops.linalg import vector_norm
from adcore._ops.precision import rounded, widened
from adcore._ops.shape import checked_axis

PAGE = "Normalization"

_EPSILON = {float64: 2.0**-52, float32: 2.0**-23, float16: 2.0**-10, bfloat16: 2.0**-7}


def _require_float(op, name, value):
    require_tensor(op, name, value)
    if not value.dtype.is_floating_point:
        raise TypeError(f"{op}: {name} must be a float tensor, got {value.dtype}.")


def _trailing(op, input, normalized_shape):
    """Return the axes that normalized_shape names, and it as a tuple."""
    shape = tuple(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
    shape = sizes(op, "normalized_shape", shape, len(shape))
    if not shape or shape != input.shape[-len(shape) :]:
        raise ValueError(f"{op}: the input of shape {input.shape} does not end with normalized_shape={shape}.")
    return tuple(range(input.ndim - len(shape), input.ndim)), shape


def _require_factors(op, shape, **factors):
    for name, factor in factors.items():
        if factor is not None:
            require_tensor(op, name, factor)
            if factor.shape != shape:
                raise ValueError(f"{op}: {name} must have the shape {shape}, got {factor.shape}.")


def _per_channel(op, y, weight, bias):
    """Return y * weight + bias with one of each per channel, the axis 1."""
    _require_factors(op, y.shape[1:2], weight=weight, bias=bias)
    apart = (-1,) + (1,) * (y.ndim - 2)
    if weight is not None:
        y = native.mul(y, native.reshape(weight, apart))
    return y if bias is None else native.add(y, native.reshape(bias, apart))


@op(samples=("layer_norm(x(3, 4), (4,), x(4), x(4))", "layer_norm(x(2, 3, 2), (3, 2))"))
def layer_norm(
    input: Tensor,
    normalized_shape: dims,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize along the last axes: ``(input - mean) / sqrt(var + eps) * weight + bias``.

    Parameters
    ----------
    input : Tensor
    normalized_shape : int or sequence of int
        The sizes of the last axes.
    weight, bias : Tensor, optional
        Of that shape.
    eps : float

    Raises
    ------
    TypeError, ValueError
        For shapes that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.layer_norm(Tensor([[-1.0, 1.0]]), 2, eps=0.0))
    [[-1.  1.]]
    """
    _require_float("layer_norm", "input", input)
    axes, shape = _trailing("layer_norm", input, normalized_shape)
    _require_factors("layer_norm", shape, weight=weight, bias=bias)
    return native._normalize(input, axes, eps, weight, bias, axes[0])[0]


def _running(op, name, running, channels):
    require_tensor(op, name, running)
    if running.shape != channels:
        raise ValueError(f"{op}: {name} must have the shape {channels}, got {running.shape}.")


def _update(running, batch, momentum):
    new = native.add(native.mul(running, 1 - momentum), native.mul(native.cast(batch, running.dtype), momentum))
    new = native.stop_gradient(new)
    # A vmap that maps the input and not the statistics moves them to the mean of what its members would.
    while isinstance(frame := innermost([new]), Batch) and not frame.holds(running):
        new = frame.outside(native.mean, frame.split(new), 0)
    running._assign(new)


def _batch_norm(op, input, running_mean, running_var, weight, bias, axes, training, momentum, eps):
    _require_float(op, "input", input)
    if input.ndim < 2:
        raise ValueError(f"{op}: the input must have a batch and a channel axis, got shape {input.shape}.")
    channels = input.shape[1:2]
    for name, running in (("running_mean", running_mean), ("running_var", running_var)):
        if running is not None:
            _running(op, name, running, channels)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError(f"{op}: without training it needs running_mean and running_var.")
        scale = native.rsqrt(native.add(running_var, eps))
        shift = native.neg(native.mul(running_mean, scale))
        # Statistics may be wider than the input: they are used as they are, and the result has the input's dtype.
        y = native.cast(_per_channel(op, input, scale, shift), input.dtype)
        return _per_channel(op, y, weight, bias)
    n = 1
    for axis in axes:
        n *= input.shape[axis]
    if n < 2:
        raise ValueError(f"{op}: training needs more than one value per channel, got shape {input.shape}.")
    _require_factors(op, channels, weight=weight, bias=bias)
    y, rstd, mean = native._normalize(input, axes, eps, weight, bias, 1)
    if input.size == 0:
        return y  # an average over no samples is none to move towards
    others = tuple(axis for axis in range(input.ndim) if axis != 1)
    if running_mean is not None:
        _update(running_mean, native.mean(native.stop_gradient(mean), others), momentum)
    if running_var is not None:
        rstd = native.stop_gradient(rstd)
        variance = native.maximum(native.sub(native.reciprocal(native.square(rstd)), eps), 0.0)
        _update(running_var, native.mean(native.mul(variance, n / (n - 1)), others), momentum)
    return y


@op(
    samples=(
        "batch_norm(x(4, 3), None, None, x(3), x(3), True)",
        "batch_norm(x(2, 3, 2, 2), None, None, training=True)",
        "batch_norm(x(2, 3, 2), x(3), x(3, low=0.5), x(3), x(3))",
    )
)
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each channel over the batch: ``(input - mean) / sqrt(var + eps) * weight + bias``.

    Parameters
    ----------
    input : Tensor
        (batch, channels, ...).
    running_mean, running_var : Tensor, Parameter or None
        Mean and variance of each channel that are used where not training. In training those of the batch are, and the
        running ones move towards them, the unbiased variance: ``(1 - momentum) * running + momentum * batch``. Under
        vmap, which maps the input alone, they move to the mean of what its members would move them to.
    weight, bias : Tensor, optional
        (channels,).
    training : bool
    momentum, eps : float

    Raises
    ------
    TypeError, ValueError
        For shapes that do not fit, or training with one value per channel; nothing is changed then.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.batch_norm(Tensor([[-1.0], [1.0]]), None, None, training=True, eps=0.0))
    [[-1.]
     [ 1.]]
    """
    require_tensor("batch_norm", "input", input)
    axes = tuple(axis for axis in range(input.ndim) if axis != 1)
    return _batch_norm("batch_norm", input, running_mean, running_var, weight, bias, axes, training, momentum, eps)


@op(samples=("instance_norm(x(2, 3, 4), weight=x(3), bias=x(3))", "instance_norm(x(2, 3, 2, 2))"))
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each channel of each image by itself; otherwise as `batch_norm`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.instance_norm(Tensor([[[-1.0, 1.0]]]), eps=0.0))
    [[[-1.  1.]]]
    """
    require_tensor("instance_norm", "input", input)
    if input.ndim < 3:
        raise ValueError(f"instance_norm: the input must be (batch, channels, ...), got shape {input.shape}.")
    axes = tuple(range(2, input.ndim))
    return _batch_norm(
        "instance_norm", input, running_mean, running_var, weight, bias, axes, use_input_stats, momentum, eps
    )


@op(samples=("group_norm(x(2, 4, 3), 2, x(4), x(4))", "group_norm(x(2, 4), 2)"))
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize groups of neighbouring channels of each image.

    Parameters
    ----------
    input : Tensor
        (batch, channels, ...).
    num_groups : int
        Divides the channels.
    weight, bias : Tensor, optional
        (channels,).
    eps : float

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.group_norm(Tensor([[-1.0, 1.0, 3.0, 1.0]]), 2, eps=0.0))
    [[-1.  1.  1. -1.]]
    """
    _require_float("group_norm", "input", input)
    groups = count("group_norm", "num_groups", num_groups)
    if input.ndim < 2 or groups < 1 or input.shape[1] % groups:
        raise ValueError(
            f"group_norm: num_groups must divide the channels, got {groups} for an input of shape {input.shape}."
        )
    batch, channels = input.shape[:2]
    _require_factors("group_norm", (channels,), weight=weight, bias=bias)
    rows = native.reshape(input, (batch, groups, channels // groups, input.size // max(1, batch * channels)))
    return native.reshape(native._normalize(rows, (2, 3), eps, weight, bias, 1)[0], input.shape)


@op(samples=("rms_norm(x(3, 4), 4, x(4))",))
def rms_norm(input: Tensor, normalized_shape: dims, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """Divide by the root of the mean square along the last axes: ``input / sqrt(mean(input**2) + eps) * weight``.

    Parameters
    ----------
    input : Tensor
    normalized_shape : int or sequence of int
        The sizes of the last axes.
    weight : Tensor, optional
        Of that shape.
    eps : float, optional
        The distance from 1 to the next number of the dtype.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.rms_norm(Tensor([[-2.0, 2.0]]), 2, eps=0.0))
    [[-1.  1.]]
    """
    _require_float("rms_norm", "input", input)
    axes, shape = _trailing("rms_norm", input, normalized_shape)
    eps = _EPSILON[input.dtype] if eps is None else eps
    scale = native.rsqrt(native.add(native.mean(native.square(input), axes, True), eps))
    _require_factors("rms_norm", shape, weight=weight)
    y = native.mul(input, scale)
    return y if weight is None else native.mul(y, weight)


@op(samples=("local_response_norm(x(2, 4, 3), 3)", "local_response_norm(x(1, 5, 2, 2), 2, 0.5, 0.75, 2.0)"))
def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide by ``(k + alpha * mean of the squares of size neighbouring channels) ** beta``; outside they are 0.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.local_response_norm(Tensor([[[1.0], [1.0]]]), 1, alpha=1.0, beta=1.0))
    [[[0.5]
      [0.5]]]
    """
    _require_float("local_response_norm", "input", input)
    n = count("local_response_norm", "size", size)
    if input.ndim < 3 or n < 1:
        raise ValueError(
            f"local_response_norm: needs (batch, channels, ...) and a positive size, got {input.shape} and {n}."
        )
    if not input.size:
        return native.reshape(input, input.shape)
    square = native.swapaxes(native.reshape(native.square(input), (*input.shape[:2], -1)), 1, 2)
    padded = native.pad(square, (n // 2, (n - 1) // 2))
    mean = native._avg_pool("local_response_norm", padded, (n,), (1,), (0,), False, True, 0)
    mean = native.reshape(native.swapaxes(mean, 1, 2), input.shape)
    return native.div(input, native.pow(native.add(native.mul(mean, alpha), k), beta))


@op(samples=("renorm(x(3, 4), 2, 0, 1.5)", "renorm(x(2, 3, 4), 1, 1, 5.0)"), method=True)
def renorm(input: Tensor, p: float, axis: int, maxnorm: float) -> Tensor:
    """The slices along an axis, those whose p-norm is greater than a bound scaled down to it.

    Parameters
    ----------
    input : Tensor
        Of two axes at least.
    p : float
        Positive.
    axis : int
    maxnorm : float
        Not negative.

    Raises
    ------
    TypeError, ValueError
        For what does not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.renorm(Tensor([[3.0, 4.0], [0.5, 0.0]]), 2, 0, 1.0).round(decimals=4))
    [[0.6 0.8]
     [0.5 0. ]]
    """
    _require_float("renorm", "input", input)
    if input.ndim < 2:
        raise ValueError(f"renorm: the input must have two axes at least, got the shape {input.shape}.")
    if not p > 0 or not maxnorm >= 0:
        raise ValueError(f"renorm: p must be positive and maxnorm not negative, got {p} and {maxnorm}.")
    axis = checked_axis("renorm", axis, input)
    x = widened(input)
    others = tuple(k for k in range(x.ndim) if k != axis)
    norms = vector_norm(x, p, others, True)
    # As PyTorch has it: a little below the bound.
    factor = native.where(native.greater(norms, maxnorm), native.div(maxnorm, native.add(norms, 1e-7)), 1.0)
    return rounded(native.mul(x, factor), input)


@op(samples=("normalize(x(3, 4))", "normalize(x(3, 4), 1.0, 0)"))
def normalize(input: Tensor, p: float = 2.0, dim: dims = 1, eps: float = 1e-12) -> Tensor:
    """Divide by the p-norm along an axis, or by eps where that is less.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.normalize(Tensor([[3.0, 4.0]])))
    [[0.6 0.8]]
    """
    _require_float("normalize", "input", input)
    return native.div(input, native.maximum(math.norm(input, p, dim, True), eps))
