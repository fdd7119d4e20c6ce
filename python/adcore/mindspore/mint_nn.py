"""``mindspore.mint.nn``: layers with PyTorch's parameters, made of adcore's.

A row of `_ROWS` gives the class of adcore that a layer is, and what mint's arguments are there. Layers whose Parameters
have names of their own are written out.
"""

import inspect

from adcore import Parameter, Tensor, float32, int64, nn, ops
from adcore.common.initializer import Normal, initializer
from adcore.nn import Cell

from . import mint_functional as functional
from .mint_functional import maybe_into


def _given(*args, **kwargs):
    return args, kwargs


def _tuple(value, n):
    return (value,) * n if isinstance(value, int) else tuple(value)


def _padding(padding, n, padding_mode):
    if padding_mode != "zeros":
        raise NotImplementedError(f"mint.nn: padding_mode must be 'zeros', got {padding_mode!r}; pad with a layer.")
    if isinstance(padding, str):
        return {"pad_mode": padding}
    sides = tuple(p for p in _tuple(padding, n) for _ in range(2))
    return {"pad_mode": "pad", "padding": sides[0] if len(set(sides)) == 1 else sides}


def _convolution(n):
    def mapped(
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        dtype=None,
    ):
        return _given(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            **_padding(padding, n, padding_mode),
            dilation=dilation,
            group=groups,
            has_bias=bias,
            dtype=dtype or float32,
        )

    return mapped


def _transposed(
    in_channels,
    out_channels,
    kernel_size,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    bias=True,
    dilation=1,
    padding_mode="zeros",
    dtype=None,
):
    return _given(
        in_channels,
        out_channels,
        kernel_size,
        stride,
        **_padding(padding, 2, padding_mode),
        output_padding=output_padding,
        dilation=dilation,
        group=groups,
        has_bias=bias,
        dtype=dtype or float32,
    )


def _linear(in_features, out_features, bias=True, weight_init=None, bias_init=None, dtype=None):
    return _given(in_features, out_features, weight_init, bias_init, bias, dtype=dtype or float32)


def _upsample(size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
    return _given(size, scale_factor, mode, align_corners, recompute_scale_factor)


# Name -> class, and how mint's arguments are given to it; None where they are the same.
_ROWS = {
    "AdaptiveAvgPool1d": (nn.AdaptiveAvgPool1d, None),
    "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d, None),
    "AdaptiveAvgPool3d": (nn.AdaptiveAvgPool3d, None),
    "BCELoss": (nn.BCELoss, None),
    "BCEWithLogitsLoss": (
        nn.BCEWithLogitsLoss,
        lambda weight=None, reduction="mean", pos_weight=None: _given(reduction, weight, pos_weight),
    ),
    "ConstantPad1d": (nn.ConstantPad1d, None),
    "ConstantPad2d": (nn.ConstantPad2d, None),
    "ConstantPad3d": (nn.ConstantPad3d, None),
    "Conv1d": (nn.Conv1d, _convolution(1)),
    "Conv2d": (nn.Conv2d, _convolution(2)),
    "Conv3d": (nn.Conv3d, _convolution(3)),
    "ConvTranspose2d": (nn.Conv2dTranspose, _transposed),
    "CosineEmbeddingLoss": (nn.CosineEmbeddingLoss, None),
    "CrossEntropyLoss": (
        nn.CrossEntropyLoss,
        lambda weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0: _given(
            weight, ignore_index, reduction, label_smoothing
        ),
    ),
    "Dropout": (nn.Dropout, lambda p=0.5, inplace=False: _given(p=p)),
    "Dropout2d": (nn.Dropout2d, lambda p=0.5, inplace=False: _given(p=p)),
    "ELU": (nn.ELU, lambda alpha=1.0, inplace=False: _given(alpha)),
    "Flatten": (nn.Flatten, None),
    "Fold": (nn.Fold, None),
    "GELU": (nn.GELU, lambda approximate="none": _given(approximate == "tanh")),
    "GLU": (nn.GLU, lambda dim=-1: _given(dim)),
    "Hardshrink": (nn.HShrink, lambda lambd=0.5: _given(lambd)),
    "Hardsigmoid": (nn.HSigmoid, lambda: _given()),
    "Hardswish": (nn.HSwish, lambda: _given()),
    "Hardtanh": (nn.Hardtanh, lambda min_val=-1.0, max_val=1.0, inplace=False: _given(min_val, max_val)),
    "Identity": (nn.Identity, None),
    "KLDivLoss": (nn.KLDivLoss, None),
    "L1Loss": (nn.L1Loss, None),
    "Linear": (nn.Dense, _linear),
    "LogSigmoid": (nn.LogSigmoid, lambda: _given()),
    "MSELoss": (nn.MSELoss, None),
    "MaxUnpool2d": (nn.MaxUnpool2d, None),
    "Mish": (nn.Mish, lambda: _given()),
    "NLLLoss": (
        nn.NLLLoss,
        lambda weight=None, ignore_index=-100, reduction="mean": _given(weight, ignore_index, reduction),
    ),
    "PixelShuffle": (nn.PixelShuffle, None),
    "ReLU": (nn.ReLU, lambda: _given()),
    "ReLU6": (nn.ReLU6, lambda inplace=False: _given()),
    "ReflectionPad1d": (nn.ReflectionPad1d, None),
    "ReflectionPad2d": (nn.ReflectionPad2d, None),
    "ReflectionPad3d": (nn.ReflectionPad3d, None),
    "ReplicationPad1d": (nn.ReplicationPad1d, None),
    "ReplicationPad2d": (nn.ReplicationPad2d, None),
    "ReplicationPad3d": (nn.ReplicationPad3d, None),
    "SELU": (nn.SELU, lambda: _given()),
    "SiLU": (nn.SiLU, lambda inplace=False: _given()),
    "Sigmoid": (nn.Sigmoid, lambda: _given()),
    "SmoothL1Loss": (nn.SmoothL1Loss, lambda reduction="mean", beta=1.0: _given(beta, reduction)),
    "SoftMarginLoss": (nn.SoftMarginLoss, None),
    "Softshrink": (nn.SoftShrink, lambda lambd=0.5: _given(lambd)),
    "Tanh": (nn.Tanh, lambda: _given()),
    "Threshold": (nn.Threshold, lambda threshold, value, inplace=False: _given(threshold, value)),
    "Unfold": (nn.Unfold, None),
    "Upsample": (nn.Upsample, _upsample),
    "UpsamplingBilinear2d": (
        nn.Upsample,
        lambda size=None, scale_factor=None: _given(size, scale_factor, "bilinear", True),
    ),
    "UpsamplingNearest2d": (nn.Upsample, lambda size=None, scale_factor=None: _given(size, scale_factor, "nearest")),
    "ZeroPad1d": (nn.ConstantPad1d, lambda padding: _given(padding, 0.0)),
    "ZeroPad2d": (nn.ConstantPad2d, lambda padding: _given(padding, 0.0)),
    "ZeroPad3d": (nn.ConstantPad3d, lambda padding: _given(padding, 0.0)),
}


def _layer(name, base, mapped):
    """Return the class of a row; one with an argument `inplace` writes its output into its input where that is true."""
    if mapped is None:
        return base
    signature = inspect.signature(mapped)

    def __init__(self, *args, **kwargs):
        args_of_base, kwargs_of_base = mapped(*args, **kwargs)
        base.__init__(self, *args_of_base, **kwargs_of_base)
        bound = signature.bind(*args, **kwargs)
        self.inplace = bound.arguments.get("inplace", False)

    def construct(self, *inputs):
        return maybe_into(inputs[0], self.inplace, base.construct(self, *inputs))

    members = {
        "__init__": __init__,
        "__signature__": signature,
        "__doc__": f"mindspore.mint.nn.{name}: adcore's {base.__name__} with other parameters.",
        "__module__": __name__,
    }
    return type(name, (base,), members | ({"construct": construct} if "inplace" in signature.parameters else {}))


class _Pool(Cell):
    """A window that moves by its own size unless told otherwise; a subclass gives its function's `_name`."""

    _name: str

    def __init__(self, kernel_size, stride=None, padding=0, **options):
        super().__init__()
        self.kernel_size, self.stride, self.padding, self.options = kernel_size, stride, padding, options

    def construct(self, input):
        """Return the pooled input."""
        return getattr(functional, self._name)(input, self.kernel_size, self.stride, self.padding, **self.options)


class AvgPool1d(_Pool):
    """Means of windows along the last axis."""

    _name = "avg_pool1d"

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        super().__init__(kernel_size, stride, padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad)


class AvgPool2d(_Pool):
    """Means of windows along the last two axes."""

    _name = "avg_pool2d"

    def __init__(
        self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
    ):
        super().__init__(
            kernel_size,
            stride,
            padding,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
            divisor_override=divisor_override,
        )


class AvgPool3d(AvgPool2d):
    """Means of windows along the last three axes."""

    _name = "avg_pool3d"


class MaxPool2d(_Pool):
    """Greatest elements of windows along the last two axes."""

    _name = "max_pool2d"

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False):
        super().__init__(
            kernel_size, stride, padding, dilation=dilation, return_indices=return_indices, ceil_mode=ceil_mode
        )


class AdaptiveMaxPool1d(Cell):
    """Greatest elements of as many windows as the output has places, along the last axis."""

    _name = "adaptive_max_pool1d"

    def __init__(self, output_size, return_indices=False):
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def construct(self, input):
        """Return the pooled input; with where its elements stood for `return_indices`."""
        return getattr(functional, self._name)(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(AdaptiveMaxPool1d):
    """Greatest elements of as many windows as the output has places, along the last two axes."""

    _name = "adaptive_max_pool2d"


class Softmax(Cell):
    """Softmax along an axis; without one along the first of 0, 1 or 3 axes, or the second of others."""

    _name = "softmax"

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def construct(self, input):
        """Return the softmax."""
        return getattr(functional, self._name)(input, self.dim)


class LogSoftmax(Softmax):
    """Logarithm of the softmax along an axis; see `Softmax`."""

    _name = "log_softmax"


def _parameter(init, shape, name, dtype, **options):
    return Parameter(initializer(init, shape, dtype or float32), name=name, **options)


class PReLU(Cell):
    """``max(x, 0) + weight * min(x, 0)`` with a weight for all channels or one for each."""

    def __init__(self, num_parameters=1, init=0.25, dtype=None):
        super().__init__()
        self.weight = _parameter(init, (num_parameters,), "weight", dtype)

    def construct(self, input):
        """Return the function's value."""
        return ops.prelu(input, self.weight)


class Embedding(Cell):
    """Rows of a table by their numbers."""

    def __init__(
        self,
        num_embeddings,
        embedding_dim,
        padding_idx=None,
        max_norm=None,
        norm_type=2.0,
        scale_grad_by_freq=False,
        sparse=False,
        _weight=None,
        _freeze=False,
        dtype=None,
    ):
        super().__init__()
        if max_norm is not None or scale_grad_by_freq or sparse:
            raise NotImplementedError("mint.nn.Embedding: max_norm, scale_grad_by_freq and sparse are not there.")
        shape = (num_embeddings, embedding_dim)
        if _weight is not None and tuple(_weight.shape) != shape:
            raise ValueError(f"mint.nn.Embedding: _weight must have the shape {shape}, got {_weight.shape}.")
        table = initializer(Normal(1.0), shape, dtype or float32).init_data() if _weight is None else _weight
        if padding_idx is not None and _weight is None:
            table[padding_idx] = 0
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.weight = Parameter(table, name="weight", requires_grad=not _freeze)

    def construct(self, input):
        """Return the rows."""
        return ops.embedding(input, self.weight, self.padding_idx)


class LayerNorm(Cell):
    """Normalization over the last axes, with a weight and a bias for each element."""

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, dtype=None):
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps = shape, eps
        self.weight = _parameter("ones", shape, "weight", dtype) if elementwise_affine else None
        self.bias = _parameter("zeros", shape, "bias", dtype) if elementwise_affine and bias else None

    def construct(self, input):
        """Return the normalized input."""
        return ops.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class GroupNorm(Cell):
    """Normalization over groups of channels, with a weight and a bias for each channel."""

    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True, dtype=None):
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"mint.nn.GroupNorm: {num_channels} channels are not {num_groups} equal groups.")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = _parameter("ones", (num_channels,), "weight", dtype) if affine else None
        self.bias = _parameter("zeros", (num_channels,), "bias", dtype) if affine else None

    def construct(self, input):
        """Return the normalized input."""
        return ops.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


class BatchNorm1d(Cell):
    """Normalization over a batch of (n, channels) or (n, channels, length), with means that follow the batches.

    `momentum` is the part of a batch in the new mean, None the mean of all batches.
    """

    _ranks: tuple[int, ...] = (2, 3)
    _keep_dtype = ("running_mean", "running_var", "num_batches_tracked")

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, dtype=None):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        shape = (num_features,)
        self.weight = _parameter("ones", shape, "weight", dtype) if affine else None
        self.bias = _parameter("zeros", shape, "bias", dtype) if affine else None
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if track_running_stats:
            self.running_mean = _parameter("zeros", shape, "running_mean", dtype, requires_grad=False)
            self.running_var = _parameter("ones", shape, "running_var", dtype, requires_grad=False)
            self.num_batches_tracked = Parameter(Tensor(0, int64), name="num_batches_tracked", requires_grad=False)

    def construct(self, input):
        """Return the normalized input; in training, move the means."""
        if input.ndim not in self._ranks or input.shape[1] != self.num_features:
            raise ValueError(
                f"mint.nn.{self.cls_name}: expected {' or '.join(map(str, self._ranks))} axes, the second of the size"
                f" {self.num_features}, got the shape {input.shape}."
            )
        of_batch = self.training or self.running_mean is None
        follows = self.training and self.running_mean is not None
        momentum = self.momentum
        if follows:
            ops.assign_add(self.num_batches_tracked, Tensor(1, int64))
            if momentum is None:
                momentum = 1 / int(self.num_batches_tracked)
        return ops.batch_norm(
            input,
            self.running_mean if follows or not of_batch else None,
            self.running_var if follows or not of_batch else None,
            self.weight,
            self.bias,
            of_batch,
            0.0 if momentum is None else momentum,
            self.eps,
        )


class BatchNorm2d(BatchNorm1d):
    """Normalization over a batch of (n, channels, height, width); see `BatchNorm1d`."""

    _ranks = (4,)


class BatchNorm3d(BatchNorm1d):
    """Normalization over a batch of (n, channels, depth, height, width); see `BatchNorm1d`."""

    _ranks = (5,)


class SyncBatchNorm(Cell):
    """Normalization over the batches of several processes, which adcore has not."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("mint.nn.SyncBatchNorm: adcore computes in one process; use a BatchNorm.")


globals().update({name: _layer(name, *row) for name, row in _ROWS.items()})

_WRITTEN_OUT = [n for n, v in globals().items() if isinstance(v, type) and v.__module__ == __name__ and n[0] != "_"]
__all__ = sorted({*_ROWS, *_WRITTEN_OUT, "Cell", "functional"})
