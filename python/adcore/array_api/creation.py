"""Functions that make arrays. The only device is "cpu"."""

from adcore import ops
from adcore._core import Tensor, float32, int64, is_array
from adcore._core import bool_ as boolean
from adcore.tensor import from_dlpack, from_numpy, require_cpu

from .arguments import lengths, require_array


def arange(start, /, stop=None, step=1, *, dtype=None, device=None):
    """Make numbers at equal distances, without `stop`."""
    require_cpu("arange", device)
    if stop is None:
        start, stop = 0, start
    return ops.arange(start, stop, step, dtype=dtype)


def asarray(obj, /, *, dtype=None, device=None, copy=None):
    """Make an array of numbers, of nested sequences of them, or of another array, whose memory is shared if it can be.

    A Tensor shares the memory of what has a writable buffer of a dtype that it keeps, as `adcore.from_numpy` does;
    ``copy=True`` makes one of its own, ``copy=False`` raises a ValueError where the memory cannot be shared.
    """
    require_cpu("asarray", device)
    if isinstance(obj, Tensor):
        if dtype is None or obj.dtype is dtype:
            return Tensor(obj) if copy else obj
        shared = None
    else:
        shared = None if copy else _shared(obj, dtype)
    if shared is not None:
        return shared
    if copy is False:
        raise ValueError(f"asarray: this {type(obj).__name__} cannot be used without a copy, and copy is False.")
    return Tensor(obj, dtype)


def _shared(obj, dtype):
    """Return a Tensor on the memory of what has a buffer, or None where that cannot be shared."""
    if not is_array(obj):
        return None
    try:
        shared = from_numpy(obj)
    except (TypeError, ValueError):
        return None
    return shared if dtype is None or shared.dtype is dtype else None


def empty(shape, *, dtype=None, device=None):
    """Make an array whose elements are not told: zeros."""
    return zeros(shape, dtype=dtype, device=device)


def zeros(shape, *, dtype=None, device=None):
    """Make an array of zeros."""
    require_cpu("zeros", device)
    return ops.zeros(lengths(shape), dtype or float32)


def ones(shape, *, dtype=None, device=None):
    """Make an array of ones."""
    require_cpu("ones", device)
    return ops.ones(lengths(shape), dtype or float32)


def full(shape, fill_value, *, dtype=None, device=None):
    """Make an array of one value, whose type says the dtype where none is given."""
    require_cpu("full", device)
    return ops.full(lengths(shape), fill_value, dtype=dtype or _dtype_of_number(fill_value))


def _dtype_of_number(value):
    if isinstance(value, Tensor):
        return value.dtype
    return boolean if isinstance(value, bool) else int64 if isinstance(value, int) else float32


def empty_like(x, /, *, dtype=None, device=None):
    """Make an array like another one, whose elements are not told: zeros."""
    return zeros_like(x, dtype=dtype, device=device)


def zeros_like(x, /, *, dtype=None, device=None):
    """Make an array of zeros like another one."""
    require_array("zeros_like", x=x)
    return zeros(x.shape, dtype=dtype or x.dtype, device=device)


def ones_like(x, /, *, dtype=None, device=None):
    """Make an array of ones like another one."""
    require_array("ones_like", x=x)
    return ones(x.shape, dtype=dtype or x.dtype, device=device)


def full_like(x, /, fill_value, *, dtype=None, device=None):
    """Make an array of one value like another one."""
    require_array("full_like", x=x)
    return full(x.shape, fill_value, dtype=dtype or x.dtype, device=device)


def eye(n_rows, n_cols=None, /, *, k=0, dtype=None, device=None):
    """Make a matrix with ones on its diagonal number `k`; 1 is the one above the main diagonal."""
    require_cpu("eye", device)
    n_cols = n_rows if n_cols is None else n_cols
    k = max(-n_rows, min(k, n_cols))  # beyond these there is no one
    rows = ops.arange(n_rows).reshape((n_rows, 1))
    return ops.equal(rows + k, ops.arange(n_cols)).astype(dtype or float32)


def linspace(start, stop, /, num, *, dtype=None, device=None, endpoint=True):
    """Make `num` numbers at equal distances, with `stop` or, without the `endpoint`, up to one before it."""
    require_cpu("linspace", device)
    if endpoint:
        return ops.linspace(start, stop, num, dtype=dtype)
    return ops.linspace(start, stop, num + 1, dtype=dtype)[:num]


def meshgrid(*arrays, indexing="xy"):
    """Return the coordinates of a grid as a list of arrays."""
    return list(ops.meshgrid(*arrays, indexing=indexing)) if arrays else []


def tril(x, /, *, k=0):
    """Return matrices with zeros above their diagonal number `k`."""
    return ops.tril(x, k)


def triu(x, /, *, k=0):
    """Return matrices with zeros below their diagonal number `k`."""
    return ops.triu(x, k)


__all__ = [
    "arange",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "full",
    "full_like",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]
