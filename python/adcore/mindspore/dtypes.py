"""MindSpore's module of dtypes: their names, C's names for them, and the ways between them, NumPy and Python."""

import adcore
from adcore import (
    bfloat16,
    bool_,
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

Type = adcore.dtype
_OF_PYTHON = {bool: bool_, int: int64, float: float64}

# These three hide Python's own in this module, so nothing below may call them; they stay out of `__all__`.
bool = bool_
int = int32
float = float32

byte, short, intc, long, intp = int8, int16, int32, int64, int64
ubyte, ushort, uintc, uintp = uint8, uint16, uint32, uint64
half, single, double = float16, float32, float64

int_type = (int8, int16, int32, int64)
uint_type = (uint8, uint16, uint32, uint64)
float_type = (float16, float32, float64, bfloat16)
number_type = (*int_type, *uint_type, *float_type)
all_types = (bool_, *number_type)


class _Absent:
    """A dtype of MindSpore that adcore lacks: it can be named and compared, and raises where it is used."""

    def __init__(self, name):
        self._name = name

    @property
    def name(self):  # what adcore asks a dtype of others for
        raise NotImplementedError(f"{self._name}: adcore has no dtype of this name.")

    def __repr__(self):
        return self._name


class Kind:
    """A kind of values that is no dtype, of MindSpore's types of graphs: what `MultitypeFuncGraph` chooses by."""

    def __init__(self, word):
        self.word = word

    def __repr__(self):
        return self.word


number, int_, float_, tensor_type, string, list_, tuple_, type_none = map(
    Kind, ("Number", "Int", "Float", "Tensor", "String", "List", "Tuple", "NoneType")
)
complex64, complex128 = map(_Absent, ("complex64", "complex128"))
cfloat, cdouble = complex64, complex128
float8_e4m3fn, float8_e5m2, hifloat8, qint4x2 = map(_Absent, ("float8_e4m3fn", "float8_e5m2", "hifloat8", "qint4x2"))


def dtype_to_nptype(type_):
    """Return the NumPy scalar type of a dtype; of bfloat16, which NumPy lacks, float32.

    Examples
    --------
    >>> from adcore.mindspore import dtypes
    >>> dtypes.dtype_to_nptype(dtypes.int32)
    <class 'numpy.int32'>
    """
    import numpy as np

    _check_dtype("dtype_to_nptype", type_)
    return np.dtype("float32" if type_ == bfloat16 else str(type_).lower()).type


def dtype_to_pytype(type_):
    """Return the type of Python's numbers that a dtype corresponds to.

    Examples
    --------
    >>> from adcore.mindspore import dtypes
    >>> dtypes.dtype_to_pytype(dtypes.float16)
    <class 'float'>
    """
    _check_dtype("dtype_to_pytype", type_)
    kind = bool_ if type_ == bool_ else float64 if type_ in float_type else int64
    return next(python for python, dtype in _OF_PYTHON.items() if dtype == kind)


def pytype_to_dtype(obj):
    """Return the dtype of a type of Python's or NumPy's numbers.

    Raises
    ------
    NotImplementedError
        If there is none.

    Examples
    --------
    >>> from adcore.mindspore import dtypes
    >>> dtypes.pytype_to_dtype(type(1.5))
    adcore.float64
    """
    if isinstance(obj, Type):
        return obj
    found = _OF_PYTHON.get(obj) if isinstance(obj, type) else None
    if found is None:
        name = getattr(obj, "__name__", repr(obj))
        found = next((t for t in all_types if str(t).lower() == name.rstrip("_")), None)
    if found is None:
        raise NotImplementedError(f"pytype_to_dtype: there is no dtype for {obj!r}.")
    return found


def get_py_obj_dtype(obj):
    """Return the dtype of a Tensor, of a number, or of what ``numpy.asarray`` makes of an object.

    Examples
    --------
    >>> from adcore.mindspore import dtypes
    >>> dtypes.get_py_obj_dtype(2)
    adcore.int64
    """
    return obj.dtype if isinstance(obj, adcore.Tensor) else pytype_to_dtype(type(obj))


def _check_dtype(function, type_):
    if not isinstance(type_, (Type, _Absent)):
        raise TypeError(f"{function}: expected a dtype, got {type_!r}.")
    return type_.name  # raises where adcore does not have it


__all__ = [name for name in dir() if not name.startswith("_") and name not in ("adcore", "bool", "int", "float")]
