"""Layers that rearrange images: other sizes, channels that become pixels, blocks as columns."""

from .. import ops
from .._core import Tensor
from .arguments import flag, positive, sizes
from .cell import Cell


class Upsample(Cell):
    """Images in another size; see `adcore.ops.interpolate`.

    Parameters
    ----------
    size : int or tuple of int, optional
        The new sizes of the axes of space.
    scale_factor : float or tuple of float, optional
        Instead of them.
    mode : {'nearest', 'nearest-exact', 'linear', 'bilinear', 'trilinear', 'bicubic', 'area'}
    align_corners : bool, optional
        Whether the centres of the outermost elements stay where they are, instead of their outer edges.
    recompute_scale_factor : bool, optional
        Whether the factor that places are computed from is that of the sizes, which are whole.

    Raises
    ------
    TypeError, ValueError
        If size and scale_factor are both given or both not, or an option is no bool. At the call: for a mode that does
        not fit the input.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.Upsample(scale_factor=2.0)(ops.ones((1, 3, 4, 4))).shape
    (1, 3, 8, 8)
    """

    _samples = ("Upsample((3, 4), mode='bilinear')(x(1, 1, 2, 2))", "Upsample(scale_factor=2.0)(x(1, 1, 2))")

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
        super().__init__()
        if (size is None) == (scale_factor is None):
            raise ValueError(f"Upsample: give either size or scale_factor, but got {size!r} and {scale_factor!r}.")
        for name, value in (("align_corners", align_corners), ("recompute_scale_factor", recompute_scale_factor)):
            if value is not None:
                flag("Upsample", name, value)
        self.size, self.scale_factor, self.mode = size, scale_factor, mode
        self.align_corners, self.recompute_scale_factor = align_corners, recompute_scale_factor

    def construct(self, x) -> Tensor:
        """Return `x` in the other size."""
        return ops.interpolate(
            x, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        target = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{target}, mode={self.mode!r}"


class PixelShuffle(Cell):
    """Channels as pixels: (..., channels * factor**2, height, width) to (..., channels, height * factor, ...).

    Parameters
    ----------
    upscale_factor : int

    Raises
    ------
    TypeError, ValueError
        If it is no positive int. At the call: for channels that it does not fit.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.PixelShuffle(2)(ops.ones((1, 8, 3, 3))).shape
    (1, 2, 6, 6)
    """

    _samples = ("PixelShuffle(2)(x(1, 4, 1, 2)) ** 2",)

    def __init__(self, upscale_factor):
        super().__init__()
        self.upscale_factor = positive("PixelShuffle", "upscale_factor", upscale_factor)

    def construct(self, x) -> Tensor:
        """Rearrange `x`."""
        return ops.pixel_shuffle(x, self.upscale_factor)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Cell):
    """Pixels as channels, the inverse of `PixelShuffle`.

    Parameters
    ----------
    downscale_factor : int

    Raises
    ------
    TypeError, ValueError
        If it is no positive int. At the call: for sizes that it does not divide.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.PixelUnshuffle(2)(ops.ones((1, 2, 6, 6))).shape
    (1, 8, 3, 3)
    """

    _samples = ("PixelUnshuffle(2)(x(1, 1, 2, 4)) ** 2",)

    def __init__(self, downscale_factor):
        super().__init__()
        self.downscale_factor = positive("PixelUnshuffle", "downscale_factor", downscale_factor)

    def construct(self, x) -> Tensor:
        """Rearrange `x`."""
        return ops.pixel_unshuffle(x, self.downscale_factor)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Cell):
    """Channels in another order: the first of each group, then the second of each, and so on.

    Parameters
    ----------
    groups : int

    Raises
    ------
    TypeError, ValueError
        If it is no positive int. At the call: for channels that it does not divide.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.ChannelShuffle(2)(ops.ones((1, 4, 3, 3))).shape
    (1, 4, 3, 3)
    """

    _samples = ("ChannelShuffle(2)(x(1, 4, 2)) ** 2",)

    def __init__(self, groups):
        super().__init__()
        self.groups = positive("ChannelShuffle", "groups", groups)

    def construct(self, x) -> Tensor:
        """Rearrange `x`."""
        return ops.channel_shuffle(x, self.groups)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"groups={self.groups}"


class _Blocks(Cell):
    def __init__(self, kernel_size, dilation, padding, stride):
        super().__init__()
        name = self.cls_name
        self.kernel_size = sizes(name, "kernel_size", kernel_size, 2)
        self.dilation = sizes(name, "dilation", dilation, 2)
        self.padding = sizes(name, "padding", padding, 2, least=0)
        self.stride = sizes(name, "stride", stride, 2)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Unfold(_Blocks):
    """Blocks of images as columns: (batch, channels, height, width) to (batch, channels * kernel, blocks).

    Parameters
    ----------
    kernel_size, dilation, padding, stride : int or pair of int

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind. At the call: for a block that is larger than the padded input.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.Unfold(2)(ops.ones((1, 3, 4, 4))).shape
    (1, 12, 9)
    """

    _samples = ("Unfold(2, padding=1)(x(1, 2, 2, 3)) ** 2",)

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__(kernel_size, dilation, padding, stride)

    def construct(self, x) -> Tensor:
        """Return the blocks of `x`."""
        return ops.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)


class Fold(_Blocks):
    """The sum of blocks at their places in images: the transpose of `Unfold`.

    Parameters
    ----------
    output_size : int or pair of int
        Height and width.
    kernel_size, dilation, padding, stride : int or pair of int
        As those of `Unfold`.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind. At the call: for blocks that do not fit them.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.Fold(4, 2)(ops.ones((1, 12, 9))).shape
    (1, 3, 4, 4)
    """

    _samples = ("Fold((2, 3), 2)(x(1, 4, 2)) ** 2",)

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = sizes("Fold", "output_size", output_size, 2)

    def construct(self, x) -> Tensor:
        """Return the images that the blocks `x` make."""
        return ops.fold(x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)
