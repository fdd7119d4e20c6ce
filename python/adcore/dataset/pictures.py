"""Operations on pictures: decode, resize, crop, pad, flip, and their random forms.

Each takes an array of the shape (height, width, channels) or (height, width), or an image of Pillow, and returns what
it was given. `_taps` says of which pixels a resized one is made. What is random draws from ``np.random``, as a
function of a program's own would; `map` seeds it in each of its processes.
"""

import enum
import io
import math

import numpy as np

from . import checks
from .sources import numpy_dtype


class Inter(enum.IntEnum):
    """How a resized image comes from its pixels.

    Examples
    --------
    >>> from adcore.dataset import vision
    >>> vision.Inter.BILINEAR is vision.Inter.LINEAR
    True
    """

    NEAREST = 0
    ANTIALIAS = 1
    BILINEAR = LINEAR = 2
    BICUBIC = CUBIC = 3
    AREA = 4
    PILCUBIC = 5


class Border(enum.StrEnum):
    """What stands around a padded image: a value, the edge, or its reflection without or with the edge.

    Examples
    --------
    >>> from adcore.dataset import vision
    >>> vision.Border("reflect").name
    'REFLECT'
    """

    CONSTANT = "constant"
    EDGE = "edge"
    REFLECT = "reflect"
    SYMMETRIC = "symmetric"


# ---- what all have in common -----------------------------------------------------------------------------------------


def _pillow():
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("Decoding images needs the library Pillow: pip install 'adcore[image]'.") from error
    return Image


def _of_pillow(image):
    return type(image).__module__.partition(".")[0] == "PIL"


class _Operation:
    """An operation on one image, in `_changed`, which gets an array."""

    def __call__(self, image):
        if _of_pillow(image):
            return _pillow().fromarray(self._changed(np.asarray(image)))
        return self._changed(self._checked(image))

    def _checked(self, image):
        image = np.asarray(image)
        if image.ndim not in (2, 3) or 0 in image.shape[:2]:
            raise ValueError(f"{type(self).__name__}: an image has two or three axes, got the shape {image.shape}.")
        return image


def _size(op, size):
    """A size as (height, width): of an int both."""
    if isinstance(size, (list, tuple)) and len(size) == 2:
        return tuple([checks.integer(op, "size", n, 1) for n in size])
    if isinstance(size, (list, tuple)):
        raise ValueError(f"{op}: size must be an int or the pair of height and width, got {size!r}.")
    return 2 * (checks.integer(op, "size", size, 1),)


def _probability(op, prob):
    if isinstance(prob, bool) or not isinstance(prob, (int, float)):
        raise TypeError(f"{op}: prob must be a number, got {type(prob).__name__}.")
    if not 0 <= prob <= 1:
        raise ValueError(f"{op}: prob must be in [0, 1], got {prob}.")
    return prob


def _member(op, name, kind, value):
    if not isinstance(value, kind):
        raise TypeError(f"{op}: {name} must be one of {kind.__name__}, got {value!r}.")
    return value


def _uniform(low, high):
    return np.random.uniform(low, high)  # noqa: NPY002 - what map seeds in its processes


def _integer(high):
    return np.random.randint(high)  # noqa: NPY002


# ---- between files, images and arrays --------------------------------------------------------------------------------


class Decode:
    """Make the RGB image of a file's bytes, a one-dimensional array of uint8.

    Parameters
    ----------
    to_pil : bool
        Whether the result is an image of Pillow, or an array of the shape (height, width, 3).

    Raises
    ------
    ImportError
        Where Pillow is missing.
    ValueError
        For bytes that are no image.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> from PIL import Image
    >>> from adcore.dataset import vision
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (3, 2), (255, 0, 0)).save(file, "png")
    >>> vision.Decode()(np.frombuffer(file.getvalue(), np.uint8))[0, 0]
    array([255,   0,   0], dtype=uint8)
    """

    def __init__(self, to_pil=False):
        self._to_pil = checks.boolean("Decode", "to_pil", to_pil)

    def __call__(self, image):
        data = np.asarray(image)
        if data.ndim != 1 or data.dtype != np.uint8:
            raise ValueError(f"Decode: needs the bytes of a file, got {data.dtype} of the shape {data.shape}.")
        try:
            image = _pillow().open(io.BytesIO(data.tobytes())).convert("RGB")
        except OSError as error:
            raise ValueError(f"Decode: the bytes are no image: {error}.") from error
        return image if self._to_pil else np.array(image)


class ToPIL:
    """Make an image of Pillow of an array of uint8.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.ToPIL()(np.zeros((2, 3, 3), np.uint8)).size
    (3, 2)
    """

    def __call__(self, image):
        if _of_pillow(image):
            return image
        image = np.asarray(image)
        return _pillow().fromarray(image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image)


class ToTensor:
    """Put the channels first and divide by 255.

    Parameters
    ----------
    output_type : dtype
        One of adcore or of NumPy.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.ToTensor()(np.array([[[0, 255]]], np.uint8))
    array([[[0.]],
    <BLANKLINE>
           [[1.]]], dtype=float32)
    """

    def __init__(self, output_type=np.float32):
        self._type = numpy_dtype("ToTensor", output_type)

    def __call__(self, image):
        image = np.asarray(image)
        if image.ndim not in (2, 3):
            raise ValueError(f"ToTensor: an image has two or three axes, got the shape {image.shape}.")
        image = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
        return (np.ascontiguousarray(image) / np.float32(255)).astype(self._type)


# ---- size ------------------------------------------------------------------------------------------------------------


def _taps(size, out, inter):
    """Of which pixels along an axis a resized one is the sum, and with what weights, each of the shape (out, count).

    Pixels are areas: the centre of the first is half a pixel from the edge. Beyond the edge its pixel goes on. The
    cubic is that of OpenCV, with the slope -3/4.
    """
    scale = size / out
    if inter == Inter.NEAREST:
        return np.minimum((np.arange(out) * scale).astype(np.int64), size - 1)[:, None], np.ones((out, 1))
    if inter == Inter.AREA:
        low = np.arange(out) * scale
        places = low.astype(np.int64)[:, None] + np.arange(math.ceil(scale) + 1)
        covered = np.minimum(places + 1, (low + scale)[:, None]) - np.maximum(places, low[:, None])
        weights = np.maximum(covered, 0) * (places < size)
        return np.minimum(places, size - 1), weights / weights.sum(1, keepdims=True)
    centre = (np.arange(out) + 0.5) * scale - 0.5
    first = np.floor(centre)
    part = (centre - first)[:, None]
    if inter == Inter.LINEAR:
        steps, weights = np.arange(2), np.concatenate([1 - part, part], 1)
    else:
        steps = np.arange(-1, 3)
        d = abs(part - steps)
        near, far = (1.25 * d - 2.25) * d * d + 1, -0.75 * (((d - 5) * d + 8) * d - 4)
        weights = np.where(d <= 1, near, far)
    return np.clip(first.astype(np.int64)[:, None] + steps, 0, size - 1), weights


def _resized(op, image, height, width, inter):
    if inter == Inter.ANTIALIAS:
        raise TypeError(f"{op}: Inter.ANTIALIAS needs an image of Pillow; see vision.ToPIL.")
    if inter == Inter.PILCUBIC:
        return np.array(_resized_by_pillow(ToPIL()(image), height, width, Inter.CUBIC)).reshape(
            height, width, *image.shape[2:]
        )
    dtype, out = image.dtype, image.astype(np.float64)
    for axis, size in enumerate((height, width)):
        places, weights = _taps(out.shape[axis], size, inter)
        shape = [-1 if a == axis else 1 for a in range(out.ndim)]
        out = sum(np.take(out, p, axis) * w.reshape(shape) for p, w in zip(places.T, weights.T))
    if dtype.kind == "f":
        return out.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(out), limits.min, limits.max).astype(dtype)


def _resized_by_pillow(image, height, width, inter):
    kinds = {Inter.NEAREST: "NEAREST", Inter.LINEAR: "BILINEAR", Inter.CUBIC: "BICUBIC", Inter.ANTIALIAS: "LANCZOS"}
    if inter not in kinds:
        raise TypeError(f"Resize: {inter.name} needs an array, not an image of Pillow.")
    return image.resize((width, height), getattr(_pillow().Resampling, kinds[inter]))


class Resize(_Operation):
    """Give an image another size.

    Parameters
    ----------
    size : int or (int, int)
        Height and width; an int is the length of the shorter edge, and the other keeps the proportion.
    interpolation : Inter
        Of an array as OpenCV does it, but that sums are not rounded before the end; of an image of Pillow as Pillow
        does.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.Resize((1, 2))(np.array([[0, 10, 20, 30], [0, 10, 20, 30]], np.uint8))
    array([[ 5, 25]], dtype=uint8)
    """

    def __init__(self, size, interpolation=Inter.LINEAR):
        self._whole = _size("Resize", size)
        self._shorter = not isinstance(size, (list, tuple))
        self._inter = _member("Resize", "interpolation", Inter, interpolation)

    def __call__(self, image):
        if not _of_pillow(image):
            return super().__call__(image)
        return _resized_by_pillow(image, *self._wanted(image.height, image.width), self._inter)

    def _wanted(self, height, width):
        if not self._shorter:
            return self._whole
        size = self._whole[0]
        return (size, size * width // height) if height < width else (size * height // width, size)

    def _changed(self, image):
        return _resized("Resize", image, *self._wanted(*image.shape[:2]), self._inter)


# ---- parts -----------------------------------------------------------------------------------------------------------


def _sides(op, padding):
    """Left, top, right and bottom."""
    values = padding if isinstance(padding, (list, tuple)) else (padding,)
    if len(values) not in (1, 2, 4):
        raise ValueError(f"{op}: padding must be one, two or four ints, got {padding!r}.")
    values = [checks.integer(op, "padding", value, 0) for value in values]
    return tuple(values * (4 // len(values)))


class Pad(_Operation):
    """Put a border around an image.

    Parameters
    ----------
    padding : int or tuple of int
        The width of the border, or that of left and right and that of top and bottom, or those of left, top, right and
        bottom.
    fill_value : int or tuple of int
        What a constant border consists of; a tuple has one for each channel.
    padding_mode : Border

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.Pad((1, 0), padding_mode=vision.Border.EDGE)(np.array([[1, 2]], np.uint8))
    array([[1, 1, 2, 2]], dtype=uint8)
    """

    def __init__(self, padding, fill_value=0, padding_mode=Border.CONSTANT):
        self._sides = _sides(type(self).__name__, padding)
        self._fill = fill_value
        self._mode = _member(type(self).__name__, "padding_mode", Border, padding_mode)

    def _changed(self, image):
        return _padded(image, self._sides, self._fill, self._mode)


def _padded(image, sides, fill, mode):
    left, top, right, bottom = sides
    widths = [(top, bottom), (left, right), (0, 0)][: image.ndim]
    if mode != Border.CONSTANT:
        return np.pad(image, widths, mode.value)
    out = np.empty((image.shape[0] + top + bottom, image.shape[1] + left + right, *image.shape[2:]), image.dtype)
    out[...] = fill
    out[top : top + image.shape[0], left : left + image.shape[1]] = image
    return out


class Crop(_Operation):
    """Cut out a part of an image.

    Parameters
    ----------
    coordinates : (int, int)
        Row and column of its upper left corner.
    size : int or (int, int)

    Raises
    ------
    ValueError
        Where an image ends before the part does.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.Crop((0, 1), (1, 2))(np.array([[1, 2, 3], [4, 5, 6]]))
    array([[2, 3]])
    """

    def __init__(self, coordinates, size):
        if not isinstance(coordinates, (list, tuple)) or len(coordinates) != 2:
            raise ValueError(f"Crop: coordinates must be the pair of row and column, got {coordinates!r}.")
        self._corner = [checks.integer("Crop", "coordinates", n, 0) for n in coordinates]
        self._height, self._width = _size("Crop", size)

    def _changed(self, image):
        (top, left), height, width = self._corner, self._height, self._width
        if top + height > image.shape[0] or left + width > image.shape[1]:
            raise ValueError(
                f"Crop: the image of the shape {image.shape} has no part of {height} by {width} at ({top}, {left})."
            )
        return image[top : top + height, left : left + width]


class CenterCrop(_Operation):
    """Cut out the middle of an image; where that is larger than the image there is black around it.

    Parameters
    ----------
    size : int or (int, int)

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.CenterCrop((1, 2))(np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]))
    array([[6, 7]])
    """

    def __init__(self, size):
        self._height, self._width = _size("CenterCrop", size)

    def _changed(self, image):
        more = max(self._height - image.shape[0], 0), max(self._width - image.shape[1], 0)
        if any(more):
            sides = (more[1] + 1) // 2, (more[0] + 1) // 2, more[1] // 2, more[0] // 2
            image = _padded(image, sides, 0, Border.CONSTANT)
        top, left = (image.shape[0] - self._height) // 2, (image.shape[1] - self._width) // 2
        return image[top : top + self._height, left : left + self._width]


class RandomCrop(_Operation):
    """Cut out a part of an image at a random place.

    Parameters
    ----------
    size : int or (int, int)
    padding : int or tuple of int, optional
        A border that is put around the image first; see `Pad`.
    pad_if_needed : bool
        Whether an image that is too small gets a border on both sides.
    fill_value, padding_mode
        As of `Pad`.

    Raises
    ------
    ValueError
        For an image that is too small, with its border.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.RandomCrop(32, (4, 4, 4, 4))(np.zeros((32, 32, 3), np.uint8)).shape
    (32, 32, 3)
    """

    def __init__(self, size, padding=None, pad_if_needed=False, fill_value=0, padding_mode=Border.CONSTANT):
        self._height, self._width = _size("RandomCrop", size)
        self._sides = (0, 0, 0, 0) if padding is None else _sides("RandomCrop", padding)
        self._pads = checks.boolean("RandomCrop", "pad_if_needed", pad_if_needed)
        self._fill, self._mode = fill_value, _member("RandomCrop", "padding_mode", Border, padding_mode)

    def _changed(self, image):
        image = _padded(image, self._sides, self._fill, self._mode)
        height, width = max(self._height - image.shape[0], 0), max(self._width - image.shape[1], 0)
        if height or width:
            if not self._pads:
                raise ValueError(
                    f"RandomCrop: the image of the shape {image.shape} has no part of {self._height} by {self._width}."
                )
            image = _padded(image, (width, height, width, height), self._fill, self._mode)
        top = _integer(image.shape[0] - self._height + 1)
        left = _integer(image.shape[1] - self._width + 1)
        return image[top : top + self._height, left : left + self._width]


class RandomResizedCrop(_Operation):
    """Cut out a part of an image, of a random place, area and proportion, and resize it.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the result.
    scale : (float, float)
        Between which parts of the image's area that of the part lies.
    ratio : (float, float)
        Between which values width by height lies.
    interpolation : Inter
    max_attempts : int
        How often a part is drawn that must lie inside; then it is the largest in the middle.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.RandomResizedCrop((24, 20))(np.zeros((40, 60, 3), np.uint8)).shape
    (24, 20, 3)
    """

    def __init__(self, size, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), interpolation=Inter.BILINEAR, max_attempts=10):
        op = type(self).__name__
        self._height, self._width = _size(op, size)
        for name, (low, high) in (("scale", scale), ("ratio", ratio)):
            if not 0 <= low <= high or high == 0 or (name == "ratio" and low == 0):
                raise ValueError(f"{op}: {name} must be a pair of rising positive numbers, got {(low, high)}.")
        self._scale, self._ratio = scale, ratio
        self._inter = _member(op, "interpolation", Inter, interpolation)
        self._attempts = checks.integer(op, "max_attempts", max_attempts, 1)

    def _part(self, height, width):
        low, high = map(math.log, self._ratio)
        for _ in range(self._attempts):
            area = _uniform(*self._scale) * height * width
            ratio = math.exp(_uniform(low, high))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                return _integer(height - h + 1), _integer(width - w + 1), h, w
        ratio = min(max(width / height, self._ratio[0]), self._ratio[1])
        w, h = min(width, round(height * ratio)), min(height, round(width / ratio))
        return (height - h) // 2, (width - w) // 2, max(h, 1), max(w, 1)

    def _changed(self, image):
        top, left, h, w = self._part(*image.shape[:2])
        part = image[top : top + h, left : left + w]
        return _resized(type(self).__name__, part, self._height, self._width, self._inter)


class RandomCropDecodeResize(RandomResizedCrop):
    """`Decode` and `RandomResizedCrop` in one, with the parameters of the latter.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> from PIL import Image
    >>> from adcore.dataset import vision
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (30, 20)).save(file, "png")
    >>> vision.RandomCropDecodeResize(8)(np.frombuffer(file.getvalue(), np.uint8)).shape
    (8, 8, 3)
    """

    def __call__(self, image):
        return super().__call__(Decode()(image))


# ---- mirrors ---------------------------------------------------------------------------------------------------------


class HorizontalFlip(_Operation):
    """Exchange left and right.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.HorizontalFlip()(np.array([[1, 2, 3]]))
    array([[3, 2, 1]])
    """

    def _changed(self, image):
        return np.ascontiguousarray(image[:, ::-1])


class VerticalFlip(_Operation):
    """Exchange top and bottom.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.VerticalFlip()(np.array([[1], [2]]))
    array([[2],
           [1]])
    """

    def _changed(self, image):
        return np.ascontiguousarray(image[::-1])


class RandomHorizontalFlip(HorizontalFlip):
    """Exchange left and right of some images.

    Parameters
    ----------
    prob : float

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.RandomHorizontalFlip(1.0)(np.array([[1, 2, 3]]))
    array([[3, 2, 1]])
    """

    def __init__(self, prob=0.5):
        self._prob = _probability("RandomHorizontalFlip", prob)

    def _changed(self, image):
        return super()._changed(image) if _uniform(0, 1) < self._prob else image


class RandomVerticalFlip(VerticalFlip):
    """Exchange top and bottom of some images.

    Parameters
    ----------
    prob : float

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.RandomVerticalFlip(0.0)(np.array([[1], [2]]))
    array([[1],
           [2]])
    """

    def __init__(self, prob=0.5):
        self._prob = _probability("RandomVerticalFlip", prob)

    def _changed(self, image):
        return super()._changed(image) if _uniform(0, 1) < self._prob else image


class Invert(_Operation):
    """Make the negative, 255 less the image.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import vision
    >>> vision.Invert()(np.array([[0, 200]], np.uint8))
    array([[255,  55]], dtype=uint8)
    """

    def _changed(self, image):
        return (255 - image).astype(image.dtype)


__all__ = [
    "Border",
    "CenterCrop",
    "Crop",
    "Decode",
    "HorizontalFlip",
    "Inter",
    "Invert",
    "Pad",
    "RandomCrop",
    "RandomCropDecodeResize",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomVerticalFlip",
    "Resize",
    "ToPIL",
    "ToTensor",
    "VerticalFlip",
]
