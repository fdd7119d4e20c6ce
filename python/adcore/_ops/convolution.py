"""Convolutions: the conventions of MindSpore and of PyTorch brought to the core's ops, which do the work."""

from __future__ import annotations

from adcore._core import Tensor
from adcore._ops import native
from adcore._ops.declare import dims, op, require_tensor

PAGE = "Convolution"


def sizes(op, name, value, n):
    """Return an int or a sequence of n of them as a tuple of n."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    if len(values) == 1:
        values *= n
    for v in values:
        if isinstance(v, bool) or not hasattr(v, "__index__"):
            raise TypeError(f"{op}: {name} must be an int or a sequence of {n} ints, got {value!r}.")
    if len(values) != n:
        raise ValueError(f"{op}: {name} must be an int or {n} of them, got {value!r}.")
    return tuple(v.__index__() for v in values)


def count(op, name, value):
    """Return an int argument as an int."""
    return sizes(op, name, value, 1)[0]


def with_batch(op, input, n, function):
    """Apply a function of (batch, channels, *space), also where there is no batch axis."""
    require_tensor(op, "input", input)
    if input.ndim != n + 1:
        return function(input)
    return native.squeeze(function(native.expand_dims(input, 0)), 0)


_MODES = ("valid", "same", "pad")


def _options(op, n, pad_mode, padding, dilation, groups):
    """Return pad_mode, padding, dilation and groups, where the place of pad_mode may hold PyTorch's padding."""
    if pad_mode is None or isinstance(pad_mode, str):
        return pad_mode, padding, dilation, groups
    # input, weight, bias, stride, padding, dilation, groups
    if groups != 1:
        raise TypeError(f"{op}: pad_mode must be 'valid', 'same' or 'pad', got {pad_mode!r}.")
    return None, pad_mode, padding if padding != 0 else 1, dilation if dilation != 1 else 1


def _padding(op, input, weight, stride, pad_mode, padding, dilation):
    """Return what is added in front of each axis and behind it."""
    n = len(stride)
    if isinstance(padding, str):
        if pad_mode is not None and pad_mode != padding:
            raise ValueError(f"{op}: pad_mode={pad_mode!r} and padding={padding!r} contradict each other.")
        pad_mode, padding = padding, 0
    if pad_mode is not None and pad_mode not in _MODES:
        raise ValueError(f"{op}: pad_mode must be 'valid', 'same' or 'pad', got {pad_mode!r}.")
    pairs = isinstance(padding, (tuple, list)) and len(padding) == 2 * n and n > 1
    both = sizes(op, "padding", padding, 2 * n if pairs else n)
    low, high = (both[::2], both[1::2]) if pairs else (both, both)
    if pad_mode in ("valid", "same") and any(both):
        raise ValueError(
            f"{op}: padding={padding!r} needs pad_mode='pad', got {pad_mode!r}; name dilation and groups by keyword."
        )
    if pad_mode != "same" or weight.ndim != n + 2 or input.ndim != n + 2 or min(stride) < 1 or min(dilation) < 1:
        return low, high
    low, high = [], []
    for size, k, s, d in zip(input.shape[2:], weight.shape[2:], stride, dilation):
        missing = max(((size + s - 1) // s - 1) * s + d * (k - 1) + 1 - size, 0)
        low.append(missing // 2)
        high.append(missing - missing // 2)
    return tuple(low), tuple(high)


def _convolution(op, n, input, weight, bias, stride, pad_mode, padding, dilation, groups):
    require_tensor(op, "input", input)
    require_tensor(op, "weight", weight)
    if bias is not None:
        require_tensor(op, "bias", bias)
    pad_mode, padding, dilation, groups = _options(op, n, pad_mode, padding, dilation, groups)
    stride, dilation = sizes(op, "stride", stride, n), sizes(op, "dilation", dilation, n)
    groups = count(op, "groups", groups)

    def run(input):
        low, high = _padding(op, input, weight, stride, pad_mode, padding, dilation)
        return native._conv(input, weight, stride, low, high, dilation, groups, bias)

    return with_batch(op, input, n, run)


def _transposed(op, n, input, weight, bias, stride, padding, output_padding, groups, dilation):
    require_tensor(op, "input", input)
    require_tensor(op, "weight", weight)
    if bias is not None:
        require_tensor(op, "bias", bias)
    options = [
        sizes(op, name, value, n)
        for name, value in (("stride", stride), ("padding", padding), ("output_padding", output_padding))
    ]
    dilation, groups = sizes(op, "dilation", dilation, n), count(op, "groups", groups)

    def run(input):
        output = native._conv_transpose(input, weight, *options, dilation, groups)
        if bias is None:
            return output
        if bias.shape != output.shape[1:2] or bias.dtype != output.dtype:
            raise ValueError(
                f"{op}: the bias must have shape {output.shape[1:2]} and dtype {output.dtype}, "
                f"got {bias.shape} and {bias.dtype}."
            )
        return native.add(output, native.reshape(bias, (-1,) + (1,) * n))

    return with_batch(op, input, n, run)


@op(
    samples=(
        "conv1d(x(2, 2, 7), x(3, 2, 3), x(3))",
        "conv1d(x(2, 4, 7), x(4, 2, 2), None, 2, 'pad', 1, 2, 2)",
        "conv1d(x(2, 7), x(2, 2, 4), None, 1, 'same')",
    ),
)
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: dims = 1,
    pad_mode: str | None = None,
    padding: dims | str = 0,
    dilation: dims = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution along one axis: see `conv2d`, of which every size here is one number.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.conv1d(Tensor([[[1.0, 2.0, 4.0]]]), Tensor([[[1.0, -1.0]]])))
    [[[-1. -2.]]]
    """
    return _convolution("conv1d", 1, input, weight, bias, stride, pad_mode, padding, dilation, groups)


@op(
    samples=(
        "conv2d(x(2, 2, 4, 5), x(3, 2, 3, 2), x(3))",
        "conv2d(x(1, 4, 5, 6), x(4, 2, 2, 3), None, (2, 1), 'pad', (1, 0), (1, 2), 2)",
        "conv2d(x(1, 3, 4, 4), x(3, 1, 3, 3), x(3), 2, padding=1, groups=3)",
        "conv2d(x(2, 3, 3, 3), x(2, 3, 1, 1))",
    ),
)
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: dims = 1,
    pad_mode: str | None = None,
    padding: dims | str = 0,
    dilation: dims = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of images (a cross-correlation: the kernel is not flipped).

    Parameters
    ----------
    input : Tensor
        (batch, channels, height, width), or without the batch axis.
    weight : Tensor
        (out channels, channels / groups, kernel height, kernel width), of the input's dtype.
    bias : Tensor, optional
        (out channels,).
    stride, dilation : int or pair of int
    pad_mode : {"valid", "same", "pad"}, optional
        "valid" adds nothing, "same" adds zeros so that the output has ceil(size / stride) elements along each axis (of
        an odd number one more behind), "pad" adds `padding`. Unless it is named, `padding` says it all. PyTorch's
        padding, an int or a sequence, may stand in this place; dilation and groups follow it then.
    padding : int, pair of int, four ints, or {"valid", "same"}
        How many zeros on both sides of each axis, or in front of and behind each.
    groups : int
        The channels are cut into so many groups, each with out channels of its own.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError, ValueError
        For operands that do not fit each other, a kernel larger than the padded input, or a pad_mode that contradicts
        the padding.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.conv2d(ops.ones((1, 3, 8, 8)), ops.ones((4, 3, 3, 3)), stride=2, padding=1).shape
    (1, 4, 4, 4)
    """
    return _convolution("conv2d", 2, input, weight, bias, stride, pad_mode, padding, dilation, groups)


@op(
    samples=(
        "conv3d(x(1, 2, 3, 3, 2), x(2, 2, 2, 2, 1), x(2))",
        "conv3d(x(1, 2, 3, 3, 3), x(2, 1, 2, 1, 2), None, (2, 1, 2), 'pad', 1, 1, 2)",
    ),
)
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: dims = 1,
    pad_mode: str | None = None,
    padding: dims | str = 0,
    dilation: dims = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of volumes: see `conv2d`, of which every size here is three numbers.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.conv3d(ops.ones((1, 2, 4, 4, 4)), ops.ones((3, 2, 2, 2, 2))).shape
    (1, 3, 3, 3, 3)
    """
    return _convolution("conv3d", 3, input, weight, bias, stride, pad_mode, padding, dilation, groups)


@op(samples=("conv_transpose1d(x(2, 4, 3), x(4, 2, 3), x(4), 2, 1, 1, 2)",))
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: dims = 1,
    padding: dims = 0,
    output_padding: dims = 0,
    groups: int = 1,
    dilation: dims = 1,
) -> Tensor:
    """Transposed convolution along one axis: see `conv_transpose2d`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.conv_transpose1d(Tensor([[[1.0, 2.0]]]), Tensor([[[1.0, -1.0]]])))
    [[[ 1.  1. -2.]]]
    """
    return _transposed("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@op(
    samples=(
        "conv_transpose2d(x(1, 2, 3, 2), x(2, 3, 2, 3), x(3), 2)",
        "conv_transpose2d(x(1, 2, 3, 3), x(2, 2, 3, 2), None, (1, 2), 1, (0, 1), 2, (2, 1))",
    ),
)
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: dims = 1,
    padding: dims = 0,
    output_padding: dims = 0,
    groups: int = 1,
    dilation: dims = 1,
) -> Tensor:
    """Transposed convolution of images: the derivative of `conv2d` with respect to its input.

    Parameters
    ----------
    input : Tensor
        (batch, channels, height, width), or without the batch axis.
    weight : Tensor
        (channels, out channels / groups, kernel height, kernel width), of the input's dtype.
    bias : Tensor, optional
        (out channels,).
    stride, padding, dilation : int or pair of int
        Of the convolution.
    output_padding : int or pair of int
        Added to the size of the output, which the stride leaves open; less than stride or dilation.
    groups : int

    Returns
    -------
    Tensor
        Of (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1 elements along an axis.

    Raises
    ------
    TypeError, ValueError
        For operands that do not fit each other, or an output without elements.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.conv_transpose2d(ops.ones((1, 4, 4, 4)), ops.ones((4, 3, 2, 2)), stride=2).shape
    (1, 3, 8, 8)
    """
    return _transposed("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@op(samples=("conv_transpose3d(x(1, 2, 2, 2, 2), x(2, 2, 2, 1, 2), x(2), (2, 1, 1))",))
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: dims = 1,
    padding: dims = 0,
    output_padding: dims = 0,
    groups: int = 1,
    dilation: dims = 1,
) -> Tensor:
    """Transposed convolution of volumes: see `conv_transpose2d`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.conv_transpose3d(ops.ones((1, 2, 2, 2, 2)), ops.ones((2, 3, 2, 2, 2)), stride=2).shape
    (1, 3, 4, 4, 4)
    """
    return _transposed("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation)
