"""What `map` applies to images: arrays of the shape (height, width, channels) or (height, width)."""

import numpy as np

from .pictures import (
    Border,
    CenterCrop,
    Crop,
    Decode,
    HorizontalFlip,
    Inter,
    Invert,
    Pad,
    RandomCrop,
    RandomCropDecodeResize,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
    Resize,
    ToPIL,
    ToTensor,
    VerticalFlip,
)


def _number(op, name, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{op}: {name} must be a number, got {type(value).__name__}.")
    return float(value)


def _numbers(op, name, values):
    if not isinstance(values, (list, tuple)) or not values:
        raise TypeError(f"{op}: {name} must be a list of numbers, got {values!r}.")
    return np.array([_number(op, name, value) for value in values], np.float32)


class Rescale:
    """Compute ``image * rescale + shift`` in float32.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.Rescale(1 / 255, 0)(np.array([[0, 255]], np.uint8))
    array([[0., 1.]], dtype=float32)
    """

    def __init__(self, rescale, shift):
        self._rescale = np.float32(_number("Rescale", "rescale", rescale))
        self._shift = np.float32(_number("Rescale", "shift", shift))

    def __call__(self, image):
        return np.asarray(image).astype(np.float32) * self._rescale + self._shift

    _on_rows = __call__


class Normalize:
    """Compute ``(image - mean) / std`` in float32, with a mean and a standard deviation for each channel.

    Parameters
    ----------
    mean, std : list of float
        One for each channel.
    is_hwc : bool
        Whether the channels are the last axis, or the first of (channels, height, width).

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.Normalize(mean=(1.0,), std=(2.0,))(np.array([[[5.0]]]))
    array([[[2.]]], dtype=float32)
    """

    def __init__(self, mean, std, is_hwc=True):
        self._mean, self._std = _numbers("Normalize", "mean", mean), _numbers("Normalize", "std", std)
        if len(self._mean) != len(self._std):
            raise ValueError(f"Normalize: there are {len(self._mean)} means, but {len(self._std)} standard deviations.")
        if (self._std <= 0).any():
            raise ValueError(f"Normalize: std must be above zero, got {std}.")
        if not isinstance(is_hwc, bool):
            raise TypeError(f"Normalize: is_hwc must be a bool, got {type(is_hwc).__name__}.")
        self._hwc = is_hwc

    def __call__(self, image):
        image = np.asarray(image)
        if image.ndim not in (2, 3):
            raise ValueError(f"Normalize: an image has two or three axes, got the shape {image.shape}.")
        return self._normalized(image, image.ndim == 2)

    def _on_rows(self, rows):
        """Normalize many images at once."""
        if rows.ndim not in (3, 4):
            raise ValueError(f"Normalize: an image has two or three axes, got the shape {rows.shape[1:]}.")
        return self._normalized(rows, rows.ndim == 3)

    def _normalized(self, images, flat):
        channels = 1 if flat else images.shape[-1 if self._hwc else -3]
        if len(self._mean) != channels:
            raise ValueError(f"Normalize: there are {len(self._mean)} means, but {channels} channels.")
        shape = -1 if flat or self._hwc else (-1, 1, 1)
        return (images.astype(np.float32) - self._mean.reshape(shape)) / self._std.reshape(shape)


class HWC2CHW:
    """Put the channels first: (height, width, channels) becomes (channels, height, width); (height, width) stays.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.HWC2CHW()(np.zeros((28, 30, 1))).shape
    (1, 28, 30)
    """

    def __call__(self, image):
        image = np.asarray(image)
        if image.ndim not in (2, 3):
            raise ValueError(f"HWC2CHW: an image has two or three axes, got the shape {image.shape}.")
        return image if image.ndim == 2 else np.ascontiguousarray(image.transpose(2, 0, 1))

    def _on_rows(self, rows):
        """Do it for many images at once."""
        if rows.ndim not in (3, 4):
            raise ValueError(f"HWC2CHW: an image has two or three axes, got the shape {rows.shape[1:]}.")
        return rows if rows.ndim == 3 else np.ascontiguousarray(rows.transpose(0, 3, 1, 2))


__all__ = [
    "Border",
    "CenterCrop",
    "Crop",
    "Decode",
    "HWC2CHW",
    "HorizontalFlip",
    "Inter",
    "Invert",
    "Normalize",
    "Pad",
    "RandomCrop",
    "RandomCropDecodeResize",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomVerticalFlip",
    "Rescale",
    "Resize",
    "ToPIL",
    "ToTensor",
    "VerticalFlip",
]
