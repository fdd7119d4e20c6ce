"""What `map` applies to values of any kind; each is called with an array and returns one."""

import numpy as np

from . import checks
from .sources import numpy_dtype


class TypeCast:
    """Convert to a dtype.

    Parameters
    ----------
    output_type : dtype
        One of adcore or of NumPy.

    Examples
    --------
    >>> import numpy as np
    >>> import adcore
    >>> from adcore.dataset import transforms
    >>> transforms.TypeCast(adcore.int32)(np.array([1.5, 2.5]))
    array([1, 2], dtype=int32)
    """

    def __init__(self, output_type):
        self._type = numpy_dtype("TypeCast", output_type)

    def __call__(self, x):
        return np.asarray(x).astype(self._type)

    def _on_rows(self, rows):
        """Convert many rows at once."""
        return rows.astype(self._type)


class Compose:
    """Apply one operation after the other.

    Parameters
    ----------
    transforms : list of callable

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import transforms
    >>> transforms.Compose([lambda x: x + 1, lambda x: x * 10])(np.array(2))
    np.int64(30)
    """

    def __init__(self, transforms):
        self._operations = list(transforms) if isinstance(transforms, (list, tuple)) else [transforms]
        if not self._operations:
            raise ValueError("Compose: transforms must not be empty.")
        for operation in self._operations:
            checks.function("Compose", "a transform", operation)

    def __call__(self, *values):
        for operation in self._operations:
            values = operation(*values)
            values = values if isinstance(values, tuple) else (values,)
        return values if len(values) > 1 else values[0]


class OneHot:
    """Turn numbers of classes into rows of zeros with a one.

    Parameters
    ----------
    num_classes : int
        Numbers lie in [0, num_classes).
    smoothing_rate : float
        In [0, 1]: the part of the one that all classes share. The result is float32 if it is not zero.

    Raises
    ------
    TypeError, ValueError
        For what are no ints, and for ints that are no class.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.dataset import transforms
    >>> transforms.OneHot(3)(np.array([2, 0]))
    array([[0, 0, 1],
           [1, 0, 0]])
    """

    def __init__(self, num_classes, smoothing_rate=0.0):
        self._count = checks.integer("OneHot", "num_classes", num_classes, 1)
        if not isinstance(smoothing_rate, (int, float)) or isinstance(smoothing_rate, bool):
            raise TypeError(f"OneHot: smoothing_rate must be a float, got {type(smoothing_rate).__name__}.")
        if not 0 <= smoothing_rate <= 1:
            raise ValueError(f"OneHot: smoothing_rate must be in [0, 1], got {smoothing_rate}.")
        self._smoothing = smoothing_rate

    def __call__(self, x):
        x = np.asarray(x)
        if x.dtype.kind not in "iu":
            raise TypeError(f"OneHot: needs ints, got {x.dtype}.")
        if x.size and (x.min() < 0 or x.max() >= self._count):
            raise ValueError(f"OneHot: classes must be in [0, {self._count}), got {x.min()} to {x.max()}.")
        out = np.equal(x[..., None], np.arange(self._count))
        if not self._smoothing:
            return out.astype(x.dtype)
        return (out * (1 - self._smoothing) + self._smoothing / self._count).astype(np.float32)

    _on_rows = __call__


__all__ = ["Compose", "OneHot", "TypeCast"]
