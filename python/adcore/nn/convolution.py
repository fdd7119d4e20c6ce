"""Convolutions and transposed convolutions of one, two and three axes of space.

All are `_Convolution`, which checks the arguments and makes the Parameters; a class says how many axes there are and
which names its constructor has. The numbers are those of `adcore.ops.conv2d` and `conv_transpose2d`.
"""

import math

from .. import ops
from .._core import Tensor, float32
from ..common.initializer import HeUniform, Uniform
from .arguments import flag, one_of, parameter, positive, require_axes, sizes
from .cell import Cell

_OPS = {1: ops.conv1d, 2: ops.conv2d, 3: ops.conv3d}
_TRANSPOSED = {1: ops.conv_transpose1d, 2: ops.conv_transpose2d, 3: ops.conv_transpose3d}
_FORMATS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}


class _Convolution(Cell):
    _n: int

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride,
        pad_mode,
        padding,
        dilation,
        group,
        has_bias,
        weight_init,
        bias_init,
        dtype,
        data_format=None,
    ):
        super().__init__()
        name, n = self.cls_name, self._n
        self.in_channels = positive(name, "in_channels", in_channels)
        self.out_channels = positive(name, "out_channels", out_channels)
        self.kernel_size = sizes(name, "kernel_size", kernel_size, n)
        self.stride = sizes(name, "stride", stride, n)
        self.pad_mode = one_of("same", "valid", "pad")(name, "pad_mode", pad_mode)
        pairs = isinstance(padding, (tuple, list)) and len(padding) == 2 * n and n > 1
        both = sizes(name, "padding", padding, 2 * n if pairs else n, least=0)
        if pad_mode != "pad" and any(both):
            raise ValueError(f"{name}: padding={padding!r} needs pad_mode='pad', but pad_mode is {pad_mode!r}.")
        self.padding = padding
        self._low, self._high = (both[::2], both[1::2]) if pairs else (both, both)
        self.dilation = sizes(name, "dilation", dilation, n)
        self.group = positive(name, "group", group)
        self.has_bias = flag(name, "has_bias", has_bias)
        for what, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % group:
                raise ValueError(f"{name}: group must divide {what}, but got {group} and {channels}.")
        if data_format not in (None, _FORMATS[n]):
            raise ValueError(f"{name}: data_format must be {_FORMATS[n]!r}, but got {data_format!r}.")
        shape = (*self._channels_of_weight(), *self.kernel_size)
        # HeUniform(sqrt(5)) is uniform below 1 / sqrt(the weights that one output sees).
        weight_init = HeUniform(math.sqrt(5)) if weight_init is None else weight_init
        self.weight = parameter(name, "weight", weight_init, shape, dtype)
        self.bias = None
        if has_bias:
            bias_init = Uniform(1 / math.sqrt(math.prod(shape[1:]))) if bias_init is None else bias_init
            self.bias = parameter(name, "bias", bias_init, (out_channels,), dtype)

    def _channels_of_weight(self):
        return self.out_channels, self.in_channels // self.group

    def construct(self, x) -> Tensor:
        """Apply the layer to a Tensor of shape (batch, in_channels, *space), or without the batch axis."""
        padding = self.padding if self.pad_mode == "pad" else 0
        return _OPS[self._n](x, self.weight, self.bias, self.stride, self.pad_mode, padding, self.dilation, self.group)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return (
            f"input_channels={self.in_channels}, output_channels={self.out_channels}, "
            f"kernel_size={self.kernel_size}, stride={self.stride}, pad_mode={self.pad_mode}, padding={self.padding}, "
            f"dilation={self.dilation}, group={self.group}, has_bias={self.has_bias}"
        )


class _Transposed(_Convolution):
    def _channels_of_weight(self):
        return self.in_channels, self.out_channels // self.group

    def _set_output_padding(self, output_padding):
        name = self.cls_name
        self.output_padding = output_padding
        self._longer = sizes(name, "output_padding", output_padding, self._n, least=0)
        for longer, step, dilation in zip(self._longer, self.stride, self.dilation):
            if longer >= max(step, dilation):
                raise ValueError(
                    f"{name}: output_padding must be less than stride or dilation, but got {output_padding!r}."
                )
        if any(self._longer) and self.pad_mode != "pad":
            raise ValueError(f"{name}: output_padding needs pad_mode='pad', but pad_mode is {self.pad_mode!r}.")

    def construct(self, x) -> Tensor:
        """Apply the layer to a Tensor of shape (batch, in_channels, *space), or without the batch axis."""
        n = self._n
        require_axes(self.cls_name, x, (n + 2, n + 1), "(batch, channels, *space)")
        padding, longer, cuts = [], [], []
        for axis, size in enumerate(x.shape[-n:]):
            step, reach = self.stride[axis], self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
            whole = (size - 1) * step + reach  # elements of the output, where nothing is cut off
            if self.pad_mode == "pad":
                low, wanted = self._low[axis], whole - self._low[axis] - self._high[axis] + self._longer[axis]
            else:
                wanted = size * step + (max(reach - step, 0) if self.pad_mode == "valid" else 0)
                low = max(whole - wanted, 0) // 2
            behind = whole - low - wanted
            # The op cuts as much off behind as in front, and gives so many more; the rest is cut here.
            common = max(min(low, behind + max(step, self.dilation[axis]) - 1), 0)
            padding.append(common)
            longer.append(max(common - behind, 0))
            cuts.append((low - common, low - common + wanted))
        y = _TRANSPOSED[n](x, self.weight, self.bias, self.stride, padding, longer, self.group, self.dilation)
        if any((low, high) != (0, size) for (low, high), size in zip(cuts, y.shape[-n:])):
            # Not by an index: what that gives refuses to be written to.
            edges = [(-low, high - size) for (low, high), size in zip(cuts, y.shape[-n:])]
            y = ops.pad(y, [edge for pair in reversed(edges) for edge in pair])
        return y


class Conv1d(_Convolution):
    """Convolution along one axis (a cross-correlation: the kernel is not flipped).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
    stride : int
    pad_mode : {'same', 'valid', 'pad'}
        'same' adds zeros so that the output has ceil(size / stride) elements, 'valid' adds none, 'pad' adds `padding`
        on both sides.
    padding : int
        Only with pad_mode='pad'.
    dilation : int
    group : int
        The channels are cut into so many groups, each with out channels of its own.
    has_bias : bool
    weight_init, bias_init : Tensor, str, Initializer or number, optional
        See `adcore.common.initializer.initializer`. By default both are uniform below
        ``1 / sqrt(in_channels / group * kernel_size)``.
    dtype : dtype
        Of the Parameters, where they are not given as Tensors.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / group, kernel_size)
    bias : Parameter, shape (out_channels,), or None

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind, a size that is not positive, channels that the groups do not divide, padding
        without pad_mode='pad'. At the call: for an input that does not fit.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.Conv1d(2, 4, 3)(ops.ones((5, 2, 8))).shape
    (5, 4, 8)
    """

    _n = 1
    _samples = (
        "Conv1d(2, 3, 3, dtype=float64, has_bias=True)(x(2, 2, 5))",
        "Conv1d(2, 2, 2, 2, 'pad', 1, 2, 2, dtype=float64)(x(2, 6))",
    )

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        pad_mode="same",
        padding=0,
        dilation=1,
        group=1,
        has_bias=False,
        weight_init=None,
        bias_init=None,
        dtype=float32,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            pad_mode,
            padding,
            dilation,
            group,
            has_bias,
            weight_init,
            bias_init,
            dtype,
        )


class Conv2d(_Convolution):
    """Convolution of images (a cross-correlation: the kernel is not flipped).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int or pair of int
    pad_mode : {'same', 'valid', 'pad'}
        'same' adds zeros so that the output has ceil(size / stride) elements along each axis (of an odd number one more
        behind), 'valid' adds none, 'pad' adds `padding`.
    padding : int, pair of int, or four ints
        How many zeros on both sides of each axis, or in front of and behind each: (top, bottom, left, right). Only with
        pad_mode='pad'.
    group : int
        The channels are cut into so many groups, each with out channels of its own.
    has_bias : bool
    weight_init, bias_init : Tensor, str, Initializer or number, optional
        See `adcore.common.initializer.initializer`. By default both are uniform below 1 / sqrt(n), where n is the
        number of weights that one element of the output sees.
    data_format : {'NCHW'}
    dtype : dtype
        Of the Parameters, where they are not given as Tensors.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / group, *kernel_size)
    bias : Parameter, shape (out_channels,), or None

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind, a size that is not positive, channels that the groups do not divide, padding
        without pad_mode='pad'. At the call: for an input that does not fit, or is smaller than the kernel.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.Conv2d(3, 8, 3, pad_mode="pad", padding=1, stride=2)(ops.ones((5, 3, 8, 8))).shape
    (5, 8, 4, 4)
    """

    _n = 2
    _samples = (
        "Conv2d(2, 3, 3, dtype=float64, has_bias=True)(x(2, 2, 3, 4))",
        "Conv2d(2, 2, (2, 3), 2, 'pad', (1, 0, 1, 2), 1, 2, dtype=float64)(x(1, 2, 4, 3))",
    )

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        pad_mode="same",
        padding=0,
        dilation=1,
        group=1,
        has_bias=False,
        weight_init=None,
        bias_init=None,
        data_format="NCHW",
        dtype=float32,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            pad_mode,
            padding,
            dilation,
            group,
            has_bias,
            weight_init,
            bias_init,
            dtype,
            data_format,
        )


class Conv3d(_Convolution):
    """Convolution of volumes: see `Conv2d`, of which every size here is three numbers.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.Conv3d(2, 4, 3, pad_mode="valid")(ops.ones((1, 2, 5, 5, 5))).shape
    (1, 4, 3, 3, 3)
    """

    _n = 3
    _samples = ("Conv3d(2, 2, 2, dtype=float64, has_bias=True)(x(1, 2, 2, 2, 3))",)

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        pad_mode="same",
        padding=0,
        dilation=1,
        group=1,
        has_bias=False,
        weight_init=None,
        bias_init=None,
        data_format="NCDHW",
        dtype=float32,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            pad_mode,
            padding,
            dilation,
            group,
            has_bias,
            weight_init,
            bias_init,
            dtype,
            data_format,
        )


class Conv1dTranspose(_Transposed):
    """Transposed convolution along one axis: see `Conv2dTranspose`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.Conv1dTranspose(4, 2, 3, stride=2)(ops.ones((5, 4, 8))).shape
    (5, 2, 16)
    """

    _n = 1
    _samples = (
        "Conv1dTranspose(2, 3, 3, 2, dtype=float64, has_bias=True)(x(2, 2, 3))",
        "Conv1dTranspose(2, 2, 4, 2, 'pad', 1, dtype=float64)(x(2, 3))",
    )

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        pad_mode="same",
        padding=0,
        dilation=1,
        group=1,
        has_bias=False,
        weight_init=None,
        bias_init=None,
        dtype=float32,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            pad_mode,
            padding,
            dilation,
            group,
            has_bias,
            weight_init,
            bias_init,
            dtype,
        )
        self._set_output_padding(0)


class Conv2dTranspose(_Transposed):
    """Transposed convolution of images: the derivative of `Conv2d` with respect to its input.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int or pair of int
    pad_mode : {'same', 'valid', 'pad'}
        The output has size * stride elements along an axis with 'same', as many more as the kernel hangs over with
        'valid', and (size - 1) * stride + dilation * (kernel_size - 1) + 1 - padding in front - padding behind +
        output_padding with 'pad'.
    padding : int, pair of int, or four ints
        What is cut off on both sides of each axis, or in front of and behind each. Only with pad_mode='pad'.
    output_padding : int or pair of int
        Less than stride or dilation; what is cut off behind is less by so much. Only with pad_mode='pad'.
    group : int
        The channels are cut into so many groups, each with out channels of its own.
    has_bias : bool
    weight_init, bias_init : Tensor, str, Initializer or number, optional
        As those of `Conv2d`.
    dtype : dtype
        Of the Parameters, where they are not given as Tensors.

    Attributes
    ----------
    weight : Parameter, shape (in_channels, out_channels / group, *kernel_size)
    bias : Parameter, shape (out_channels,), or None

    Raises
    ------
    TypeError, ValueError
        As `Conv2d`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.Conv2dTranspose(4, 3, 2, stride=2)(ops.ones((5, 4, 8, 8))).shape
    (5, 3, 16, 16)
    """

    _n = 2
    _samples = (
        "Conv2dTranspose(2, 3, 2, 2, dtype=float64, has_bias=True)(x(1, 2, 2, 3))",
        "Conv2dTranspose(2, 2, 3, 2, 'pad', (1, 0, 0, 2), 1, 1, 2, dtype=float64)(x(1, 2, 2, 2))",
        "Conv2dTranspose(1, 2, 2, 3, 'valid', dtype=float64)(x(1, 1, 2, 2))",
    )

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        pad_mode="same",
        padding=0,
        output_padding=0,
        dilation=1,
        group=1,
        has_bias=False,
        weight_init=None,
        bias_init=None,
        dtype=float32,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            pad_mode,
            padding,
            dilation,
            group,
            has_bias,
            weight_init,
            bias_init,
            dtype,
        )
        self._set_output_padding(output_padding)


class Conv3dTranspose(_Transposed):
    """Transposed convolution of volumes: see `Conv2dTranspose`, of which every size here is three numbers.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.Conv3dTranspose(4, 3, 2, stride=2)(ops.ones((5, 4, 3, 3, 3))).shape
    (5, 3, 6, 6, 6)
    """

    _n = 3
    _samples = ("Conv3dTranspose(1, 2, 2, 2, dtype=float64, has_bias=True)(x(1, 1, 2, 2, 1))",)

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        pad_mode="same",
        padding=0,
        dilation=1,
        group=1,
        output_padding=0,
        has_bias=False,
        weight_init=None,
        bias_init=None,
        data_format="NCDHW",
        dtype=float32,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            pad_mode,
            padding,
            dilation,
            group,
            has_bias,
            weight_init,
            bias_init,
            dtype,
            data_format,
        )
        self._set_output_padding(output_padding)
