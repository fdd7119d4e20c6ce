"""The Python array API standard, 2024.12, on Tensors: its names, arguments and dtypes over `adcore.ops`.

Not there are complex dtypes and the extension `fft`. Where MindSpore and the standard mean different things by one name
(``sum`` of int8, ``squeeze`` without an axis, an empty tuple of axes, dtypes beside numbers), `adcore.ops` has
MindSpore's meaning and this module the standard's. Derivatives pass through all of it.

Examples
--------
>>> from adcore import Tensor, grad
>>> def spread(x):  # of any library's arrays
...     xp = x.__array_namespace__()
...     return xp.max(x) - xp.min(x)
>>> print(grad(spread)(Tensor([3.0, 1.0, 7.0])))
[ 0. -1.  1.]
"""

import math

from adcore import _core

from . import arrange, choose, creation, dtypes, elementwise, linalg, reduce

_DTYPES = "float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
_PRODUCTS = "matmul matrix_transpose tensordot vecdot".split()

for _part in (arrange, choose, creation, dtypes, elementwise, reduce):
    globals().update({_name: getattr(_part, _name) for _name in _part.__all__})
globals().update({_name: getattr(linalg, _name) for _name in _PRODUCTS})
globals().update({_name: getattr(_core, _name) for _name in _DTYPES}, bool=_core.bool_)

__array_api_version__ = "2024.12"
e, inf, nan, pi, newaxis = math.e, math.inf, math.nan, math.pi, None

__all__ = [
    *(arrange.__all__ + choose.__all__ + creation.__all__ + dtypes.__all__ + elementwise.__all__ + reduce.__all__),
    *_DTYPES,
    *_PRODUCTS,
    *("bool", "e", "inf", "linalg", "nan", "newaxis", "pi"),
]
