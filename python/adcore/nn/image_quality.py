"""Layers that compare images, and one that cuts out their middle."""

import math

from .. import ops
from .._core import Tensor, float32, float64
from .arguments import integer, number
from .cell import Cell


def _above_zero(cell, name, value):
    if not 0 < number(cell, name, value) < math.inf:
        raise ValueError(f"{cell}: {name} must be positive and finite, but got {value}.")
    return value


def _float(cell, name, value):
    if not isinstance(value, float):
        raise TypeError(f"{cell}: {name} must be a float, but got {type(value).__name__}.")
    return value


class _Comparison(Cell):
    """What takes two batches of images of one shape and dtype."""

    def __init__(self, max_val):
        super().__init__()
        self.max_val = _above_zero(self.cls_name, "max_val", max_val)

    def _scaled(self, img1, img2, dtypes=None):
        """Return the images and `max_val` in units of what the dtype reaches: 1 for floating-point numbers."""
        for name, image in (("img1", img1), ("img2", img2)):
            if not isinstance(image, Tensor):
                raise TypeError(f"{self.cls_name}: {name} must be a Tensor, but got {type(image).__name__}.")
            if dtypes is not None and str(image.dtype) not in dtypes:
                raise TypeError(f"{self.cls_name}: {name} must be one of {', '.join(dtypes)}, but got {image.dtype}.")
            if image.ndim != 4:
                raise ValueError(f"{self.cls_name}: {name} must have the axes NCHW, but got the shape {image.shape}.")
        if img1.dtype != img2.dtype:
            raise TypeError(f"{self.cls_name}: the images must be of one dtype, but got {img1.dtype}, {img2.dtype}.")
        if img1.shape != img2.shape:
            raise ValueError(f"{self.cls_name}: the images must be of one shape, but got {img1.shape}, {img2.shape}.")
        bits = "".join(filter(str.isdigit, str(img1.dtype)))
        top = 1.0 if img1.dtype.is_floating_point else 2.0 ** (int(bits) - str(img1.dtype).startswith("Int")) - 1
        dtype = float64 if img1.dtype is float64 else float32
        return img1.astype(dtype) / top, img2.astype(dtype) / top, self.max_val / top


class PSNR(_Comparison):
    """The peak signal-to-noise ratio of two batches of images in decibels: ``10 log10(max_val**2 / MSE)``.

    A call takes two Tensors of one shape (N, C, H, W) and one dtype and returns the N ratios, inf for equal images, in
    float32, or in float64 for images of float64. Images of ints are measured in units of the largest number of their
    dtype.

    Parameters
    ----------
    max_val : int or float, default 1.0
        The largest value of a pixel.

    Raises
    ------
    TypeError, ValueError
        If it is no positive number. At the call: for images that differ in shape or dtype, or have other axes.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> image = ops.zeros((1, 1, 2, 2))
    >>> print(nn.PSNR()(image, image + 0.1).round())
    [20.]
    """

    _samples = ("PSNR()(x(2, 1, 2, 3), 0.5 * x(2, 1, 2, 3))",)

    def __init__(self, max_val=1.0):
        super().__init__(max_val)

    def construct(self, img1, img2) -> Tensor:
        """Return the ratio of each pair of images."""
        img1, img2, max_val = self._scaled(img1, img2)
        mse = ops.mean(ops.square(img1 - img2), (1, 2, 3))
        return 10 / math.log(10) * ops.log(max_val**2 / mse)


class _Structure(_Comparison):
    """What compares means, variances and covariances in windows weighted by a Gaussian."""

    _dtypes: tuple[str, ...] | None = None  # of the images; None for all

    def __init__(self, max_val, filter_size, filter_sigma, k1, k2):
        super().__init__(max_val)
        cell = self.cls_name
        if integer(cell, "filter_size", filter_size) < 1:
            raise ValueError(f"{cell}: filter_size must be at least 1, but got {filter_size}.")
        self.filter_size = filter_size
        self.filter_sigma = _above_zero(cell, "filter_sigma", _float(cell, "filter_sigma", filter_sigma))
        self.k1, self.k2 = _float(cell, "k1", k1), _float(cell, "k2", k2)

    def _checked(self, img1, img2):
        """Return the images with each channel as a picture of its own, and the constants of the quotients."""
        pictures = self._scaled(img1, img2, self._dtypes)
        if min(img1.shape[2:]) < self.filter_size:
            raise ValueError(
                f"{self.cls_name}: the images must be at least {self.filter_size} high and wide, the size of the "
                f"filter, but are {img1.shape[2]} and {img1.shape[3]}."
            )
        img1, img2 = (ops.reshape(p, (-1, 1, *p.shape[2:])) for p in pictures[:2])
        return img1, img2, (self.k1 * pictures[2]) ** 2, (self.k2 * pictures[2]) ** 2

    def _window(self, dtype):
        places = ops.arange(self.filter_size, dtype=dtype) - (self.filter_size - 1) / 2
        line = ops.exp(-ops.square(places) / (2 * self.filter_sigma**2))
        line = line / line.sum()
        return ops.reshape(ops.outer(line, line), (1, 1, self.filter_size, self.filter_size))

    def _similarities(self, x, y, c1, c2):
        """Return the similarity of each picture, and the part of it that is contrast and structure."""
        window = self._window(x.dtype)
        mean_x, mean_y, square_x, square_y, product = (
            ops.conv2d(picture, window) for picture in (x, y, x * x, y * y, x * y)
        )
        covariance = 2 * (product - mean_x * mean_y) + c2
        variances = square_x - mean_x * mean_x + square_y - mean_y * mean_y + c2
        contrast = covariance / variances
        luminance = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
        return ops.mean(luminance * contrast, (1, 2, 3)), ops.mean(contrast, (1, 2, 3))


class SSIM(_Structure):
    """The structural similarity of two batches of images: 1 for equal ones, smaller for others.

    A call takes two Tensors of one shape (N, C, H, W), of float32 or float16, and returns the N similarities in
    float32, the mean over windows and channels.

    Parameters
    ----------
    max_val : int or float, default 1.0
        The range of the values of a pixel.
    filter_size : int, default 11
        Height and width of the window.
    filter_sigma : float, default 1.5
        The standard deviation of its weights, a Gaussian.
    k1, k2 : float
        What stabilizes the quotients: ``(k * max_val)**2`` is added above and below.

    Raises
    ------
    TypeError, ValueError
        For options of another type or out of range. At the call: for images that differ in shape or dtype, have other
        axes, or are smaller than the window.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity", 2004.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> image = ops.ones((1, 3, 16, 16))
    >>> print(nn.SSIM()(image, image))
    [1.]
    """

    _dtypes = ("Float32", "Float16")
    _samples = ()  # it takes no float64; those of MSSSIM pass through the same lines

    def __init__(self, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03):
        super().__init__(max_val, filter_size, filter_sigma, k1, k2)

    def construct(self, img1, img2) -> Tensor:
        """Return the similarity of each pair of images."""
        similarity, _ = self._similarities(*self._checked(img1, img2))
        return ops.mean(ops.reshape(similarity, img1.shape[:2]), 1)


class MSSSIM(_Structure):
    """The structural similarity at several scales: products of powers of what `SSIM` compares, at halved sizes.

    A call takes two Tensors of one shape (N, C, H, W) and one dtype, as `PSNR` does, and returns the N similarities in
    float32, or in float64 for images of float64. Height and width must be at least the window's at the smallest scale.

    Parameters
    ----------
    max_val : int or float, default 1.0
        The range of the values of a pixel.
    power_factors : tuple or list of float
        The exponent of each scale, the largest image first.
    filter_size, filter_sigma, k1, k2
        As for :class:`SSIM`.

    Raises
    ------
    TypeError, ValueError
        As for :class:`SSIM`.

    References
    ----------
    Wang, Simoncelli, Bovik, "Multiscale structural similarity for image quality assessment", 2003.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> image = ops.ones((1, 3, 32, 32))
    >>> print(nn.MSSSIM(power_factors=(0.5, 0.5))(image, image))
    [1.]
    """

    _samples = ("MSSSIM(power_factors=(0.4, 0.6), filter_size=2, k1=0.5, k2=0.5)(x(1, 2, 4, 4), 0.5 * x(1, 2, 4, 4))",)

    def __init__(
        self,
        max_val=1.0,
        power_factors=(0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
        filter_size=11,
        filter_sigma=1.5,
        k1=0.01,
        k2=0.03,
    ):
        super().__init__(max_val, filter_size, filter_sigma, k1, k2)
        if not isinstance(power_factors, (tuple, list)) or not power_factors:
            raise TypeError(f"MSSSIM: power_factors must be a tuple or list of floats, but got {power_factors!r}.")
        self.power_factors = tuple(number("MSSSIM", "power_factors", factor) for factor in power_factors)

    def construct(self, img1, img2) -> Tensor:
        """Return the similarity of each pair of images."""
        x, y, c1, c2 = self._checked(img1, img2)
        last = len(self.power_factors) - 1
        result = 1.0
        for scale, factor in enumerate(self.power_factors):
            if min(x.shape[2:]) < self.filter_size:
                raise ValueError(
                    f"MSSSIM: images of {img1.shape[2]} by {img1.shape[3]} are smaller than the window of "
                    f"{self.filter_size} at scale {scale}; take fewer power_factors, or a smaller filter_size."
                )
            similarity, contrast = self._similarities(x, y, c1, c2)
            result = result * ops.relu(similarity if scale == last else contrast) ** factor
            if scale < last:
                x, y = ops.avg_pool2d(x, 2, 2), ops.avg_pool2d(y, 2, 2)
        return ops.mean(ops.reshape(result, img1.shape[:2]), 1)  # type: ignore[arg-type]


class CentralCrop(Cell):
    """The middle of images: a fraction of height and width.

    A call takes a Tensor of shape (C, H, W) or (N, C, H, W).

    Parameters
    ----------
    central_fraction : float
        In (0, 1]. What is cut off is as wide on either side, so the size is that fraction rounded up.

    Raises
    ------
    TypeError, ValueError
        For a fraction that is none. At the call: for other axes.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.CentralCrop(0.5)(ops.ones((1, 3, 4, 6))).shape
    (1, 3, 2, 4)
    """

    _samples = ("CentralCrop(0.5)(x(1, 4, 3)) ** 2",)

    def __init__(self, central_fraction):
        super().__init__()
        if not 0.0 < _float("CentralCrop", "central_fraction", central_fraction) <= 1.0:
            raise ValueError(f"CentralCrop: central_fraction must be in (0, 1], but got {central_fraction}.")
        self.central_fraction = central_fraction

    def construct(self, image) -> Tensor:
        """Return the middle of `image`."""
        if image.ndim not in (3, 4):
            raise ValueError(f"CentralCrop: the image must have the axes CHW or NCHW, but got the shape {image.shape}.")
        rows, columns = (int((n - n * self.central_fraction) / 2) for n in image.shape[-2:])
        return image[..., rows : image.shape[-2] - rows, columns : image.shape[-1] - columns]
