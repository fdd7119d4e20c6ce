"""``mindspore.mint.nn.functional``: see mint.py."""

from adcore import int64, ops

from .named import named


def into(input, value):
    """Write a value into a Tensor, and return the Tensor."""
    input[...] = value.astype(input.dtype)
    return input


def maybe_into(input, inplace, value):
    """Return a value, or write it into a Tensor first."""
    return into(input, value) if inplace else value


def implicit_dim(input):
    """Return the axis that a softmax without one is along."""
    return 0 if input.ndim in (0, 1, 3) else 1


def typed(input, dtype):
    """Return a Tensor in a dtype, or as it is for None."""
    return input if dtype is None else input.astype(dtype)


def along(op, input, dim, dtype):
    """Apply a softmax along an axis, the implicit one for None."""
    return op(typed(input, dtype), implicit_dim(input) if dim is None else dim)


def _embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False):
    if max_norm is not None or scale_grad_by_freq:
        raise NotImplementedError("embedding: max_norm and scale_grad_by_freq are not there.")
    return ops.embedding(input, weight, padding_idx)


def _one_hot(tensor, num_classes=-1):
    if num_classes == -1:
        num_classes = int(tensor.max()) + 1
    return ops.one_hot(tensor, num_classes).astype(int64)


_SAME = """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d batch_norm
    conv_transpose2d cosine_embedding_loss cross_entropy gelu group_norm interpolate layer_norm
    logsigmoid max_unpool2d mse_loss normalize pixel_shuffle prelu sigmoid soft_margin_loss tanh
""".split()  # fmt: skip


def convolution(op):
    """Return a convolution that has no pad_mode."""
    return lambda input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1: op(
        input, weight, bias, stride, padding=padding, dilation=dilation, groups=groups
    )


def _average(op):
    def body(
        input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
    ):
        return op(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)

    return body


def _greatest(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    return ops.max_pool2d(input, kernel_size, stride, padding, dilation, return_indices, ceil_mode)


_ROWS = {
    **{name: getattr(ops, name) for name in _SAME},
    **named(
        "mindspore.mint.nn.functional",
        {
            "avg_pool1d": lambda input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True: (
                ops.avg_pool1d(input, kernel_size, stride, padding, ceil_mode, count_include_pad)
            ),
            "avg_pool2d": _average(ops.avg_pool2d),
            "avg_pool3d": _average(ops.avg_pool3d),
            "binary_cross_entropy": lambda input, target, weight=None, reduction="mean": ops.binary_cross_entropy(
                input, target, weight, reduction
            ),
            "binary_cross_entropy_with_logits": lambda input, target, weight=None, reduction="mean", pos_weight=None: (
                ops.binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)
            ),
            "conv1d": convolution(ops.conv1d),
            "conv2d": convolution(ops.conv2d),
            "conv3d": convolution(ops.conv3d),
            "dropout": lambda input, p=0.5, training=True, inplace=False: maybe_into(
                input, inplace, ops.dropout(input, p, training)
            ),
            "dropout2d": lambda input, p=0.5, training=True, inplace=False: maybe_into(
                input, inplace, ops.dropout2d(input, p, training)
            ),
            "elu": lambda input, alpha=1.0, inplace=False: maybe_into(input, inplace, ops.elu(input, alpha)),
            "elu_": lambda input, alpha=1.0: into(input, ops.elu(input, alpha)),
            "embedding": _embedding,
            "flatten": lambda input, start_dim=0, end_dim=-1: ops.flatten(input, start_dim=start_dim, end_dim=end_dim),
            "fold": lambda input, output_size, kernel_size, dilation=1, padding=0, stride=1: ops.fold(
                input, output_size, kernel_size, dilation, padding, stride
            ),
            "glu": lambda input, dim=-1: ops.glu(input, dim),
            "grid_sample": lambda input, grid, mode="bilinear", padding_mode="zeros", align_corners=None: (
                ops.grid_sample(input, grid, mode, padding_mode, bool(align_corners))
            ),
            "hardtanh": lambda input, min_val=-1.0, max_val=1.0, inplace=False: maybe_into(
                input, inplace, ops.hardtanh(input, min_val, max_val)
            ),
            "hardtanh_": lambda input, min_val=-1, max_val=1: into(input, ops.hardtanh(input, min_val, max_val)),
            "kl_div": lambda input, target, reduction="mean", log_target=False: ops.kl_div(
                input, target, reduction, log_target
            ),
            "l1_loss": lambda input, target, reduction="mean": ops.l1_loss(input, target, reduction),
            "leaky_relu": lambda input, negative_slope=0.01: ops.leaky_relu(input, negative_slope),
            "linear": lambda input, weight, bias=None: ops.dense(input, weight, bias),
            "log_softmax": lambda input, dim=None, *, dtype=None: along(ops.log_softmax, input, dim, dtype),
            "max_pool2d": _greatest,
            "nll_loss": lambda input, target, weight=None, ignore_index=-100, reduction="mean": ops.nll_loss(
                input, target, weight, ignore_index, reduction
            ),
            "one_hot": _one_hot,
            "pad": lambda input, pad, mode="constant", value=None: ops.pad(input, pad, mode, value),
            "relu": lambda input, inplace=False: maybe_into(input, inplace, ops.relu(input)),
            "relu6": lambda input, inplace=False: maybe_into(input, inplace, ops.relu6(input)),
            "relu_": lambda input: into(input, ops.relu(input)),
            "sigmoid_": lambda input: into(input, ops.sigmoid(input)),
            "silu": lambda input, inplace=False: maybe_into(input, inplace, ops.silu(input)),
            "smooth_l1_loss": lambda input, target, reduction="mean", beta=1.0: ops.smooth_l1_loss(
                input, target, beta, reduction
            ),
            "softmax": lambda input, dim=None, dtype=None: along(ops.softmax, input, dim, dtype),
            "softplus": lambda input, beta=1, threshold=20: ops.softplus(input, beta, threshold),
            "threshold": lambda input, threshold, value, inplace=False: maybe_into(
                input, inplace, ops.threshold(input, threshold, value)
            ),
            "threshold_": lambda input, threshold, value: into(input, ops.threshold(input, threshold, value)),
            "unfold": lambda input, kernel_size, dilation=1, padding=0, stride=1: ops.unfold(
                input, kernel_size, dilation, padding, stride
            ),
            "upsample": lambda input, size=None, scale_factor=None, mode="nearest", align_corners=None: ops.interpolate(
                input, size, scale_factor, mode, align_corners
            ),
        },
    ),
}
globals().update(_ROWS)
__all__ = sorted(_ROWS)
