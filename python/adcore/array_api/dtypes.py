"""Dtypes: what they are called, what they hold, which of them others become; and what the library can do."""

import functools
from typing import NamedTuple

from adcore import ops
from adcore._core import (
    Tensor,
    bfloat16,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from adcore._core import bool_ as boolean
from adcore._core import dtype as kind_of_element
from adcore.tensor import require_cpu

from .arguments import require_array

_KINDS = {
    "bool": (boolean,),
    "signed integer": (int8, int16, int32, int64),
    "unsigned integer": (uint8, uint16, uint32, uint64),
    "real floating": (float32, float64),
    "complex floating": (),
}
_KINDS["integral"] = _KINDS["signed integer"] + _KINDS["unsigned integer"]
_KINDS["numeric"] = _KINDS["integral"] + _KINDS["real floating"]
_BEYOND = (float16, bfloat16)  # floats that the standard does not name


class FloatInfo(NamedTuple):
    """What `finfo` returns."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: kind_of_element


class IntInfo(NamedTuple):
    """What `iinfo` returns."""

    bits: int
    max: int
    min: int
    dtype: kind_of_element


# The bits of a float's exponent and fraction.
_FLOATS = {float16: (5, 10), bfloat16: (8, 7), float32: (8, 23), float64: (11, 52)}


def _dtype_of(op, type):
    found = type.dtype if isinstance(type, Tensor) else type
    if not isinstance(found, kind_of_element):
        raise TypeError(f"{op}: needs a dtype or an array, got {type!r}.")
    return found


def finfo(type, /):
    """Return the limits of a floating-point dtype: bits, eps, max, min, smallest_normal."""
    dtype = _dtype_of("finfo", type)
    if dtype not in _FLOATS:
        raise ValueError(f"finfo: {dtype} is not a dtype of floating-point numbers.")
    exponent, fraction = _FLOATS[dtype]
    top = 2 ** (exponent - 1) - 1
    largest = (2.0 - 2.0**-fraction) * 2.0**top
    return FloatInfo(8 * dtype.itemsize, 2.0**-fraction, largest, -largest, 2.0 ** (1 - top), dtype)


def iinfo(type, /):
    """Return the limits of an integer dtype: bits, max, min."""
    dtype = _dtype_of("iinfo", type)
    if not dtype.is_integer:
        raise ValueError(f"iinfo: {dtype} is not a dtype of integers.")
    bits = 8 * dtype.itemsize
    if dtype in _KINDS["unsigned integer"]:
        return IntInfo(bits, 2**bits - 1, 0, dtype)
    return IntInfo(bits, 2 ** (bits - 1) - 1, -(2 ** (bits - 1)), dtype)


def isdtype(dtype, kind):
    """Say whether a dtype is another one, of a kind such as "integral", or one of several of these."""
    dtype = _dtype_of("isdtype", dtype)
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    if isinstance(kind, kind_of_element):
        return dtype is kind
    if kind not in _KINDS:
        raise ValueError(f"isdtype: the kinds are {', '.join(_KINDS)}, got {kind!r}.")
    return dtype in _KINDS[kind] or (dtype in _BEYOND and kind in ("real floating", "numeric"))


@functools.cache
def _promoted(a, b):
    """The dtype that arrays of two dtypes have together."""
    return ops.concat([ops.zeros((0,), a), ops.zeros((0,), b)]).dtype


def result_type(*arrays_and_dtypes):
    """Return the dtype to which arrays and dtypes promote; numbers take that of what stands beside them."""
    dtypes = [_dtype_of("result_type", x) for x in arrays_and_dtypes if not isinstance(x, (bool, int, float))]
    if not dtypes:
        raise ValueError("result_type: needs an array or a dtype.")
    common = functools.reduce(_promoted, dtypes)
    numbers = [x for x in arrays_and_dtypes if isinstance(x, float)]
    return float32 if numbers and not common.is_floating_point else common


def can_cast(from_, to, /):
    """Say whether the values of an array or a dtype have a place in another dtype, by the rules of promotion."""
    from_, to = _dtype_of("can_cast", from_), _dtype_of("can_cast", to)
    try:
        return _promoted(from_, to) is to
    except TypeError:  # none holds both
        return False


def astype(x, dtype, /, *, copy=True, device=None):
    """Return an array in another dtype; with ``copy=False`` itself where it has that dtype."""
    require_array("astype", x=x)
    require_cpu("astype", device)
    if x.dtype is dtype:
        return x.copy() if copy else x
    return x.astype(dtype)


class Info:
    """What the library can do: `__array_namespace_info__()`."""

    def capabilities(self):
        """Return what depends on values, and how many axes an array may have."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 12}

    def default_device(self):
        """Return the only device."""
        return "cpu"

    def default_dtypes(self, *, device=None):
        """Return the dtypes that Python's numbers become."""
        require_cpu("default_dtypes", device)
        return {"real floating": float32, "integral": int64, "indexing": int64}

    def devices(self):
        """Return the devices: the CPU."""
        return ["cpu"]

    def dtypes(self, *, device=None, kind=None):
        """Return the dtypes of the standard that are of a kind, of one of several, or all, by name."""
        require_cpu("dtypes", device)
        every = _KINDS["bool"] + _KINDS["numeric"]
        return {dtype.name.rstrip("_"): dtype for dtype in every if kind is None or isdtype(dtype, kind)}


def __array_namespace_info__():
    """Return an object that tells what the library can do."""
    return Info()


__all__ = ["__array_namespace_info__", "astype", "can_cast", "finfo", "iinfo", "isdtype", "result_type"]
