"""The methods of Tensor that need no speed: printing, NumPy, pickling, and those that only rename a function of ops."""

import math

from adcore import _core
from adcore._advice import TENSOR, SettableAdvice, advise, known_words
from adcore._core import Tensor

_f = _core.functions


@known_words
def tensor(input_data=None, dtype=None, shape=None, init=None) -> Tensor:
    """Make a Tensor; the same as ``Tensor(...)``.

    Examples
    --------
    >>> import adcore
    >>> adcore.tensor([1, 2]).dtype
    adcore.int64
    """
    return Tensor(input_data, dtype, shape, init)


def from_numpy(array):
    """Return a Tensor that shares the memory of a NumPy array: later changes of the array show in the Tensor.

    Parameters
    ----------
    array : numpy.ndarray
        Writable, of native byte order, of a dtype that adcore has.

    Raises
    ------
    TypeError, ValueError
        For an array that cannot be shared; ``Tensor(array)`` copies instead.

    Examples
    --------
    >>> import numpy as np
    >>> import adcore
    >>> a = np.zeros(2, np.float32)
    >>> t = adcore.from_numpy(a)
    >>> a[0] = 5
    >>> float(t[0])
    5.0
    """
    return Tensor.from_numpy(array)


# ---- NumPy -----------------------------------------------------------------------------------------------------------


def _asnumpy(self):
    """Return the values as a read-only NumPy array that shares memory; bfloat16 becomes float32."""
    import numpy as np

    values = _f["stop_gradient"](self)
    if self.dtype is _core.bfloat16:
        values = _f["cast"](values, _core.float32)
    return np.asarray(memoryview(values))


def _array(self, dtype=None, copy=None):
    import numpy as np

    _core.warn_detached(self, "np.asarray(x)", 2)
    values = _asnumpy(self)
    converted = self.dtype is _core.bfloat16  # NumPy has no such dtype
    if dtype is not None and values.dtype != dtype:
        values, converted = values.astype(dtype), True
    if converted and copy is False:
        raise ValueError(
            f"__array__: an array of dtype {values.dtype} cannot share the memory of a Tensor of dtype {self.dtype}; "
            "leave copy out, or set it to None or True."
        )
    return np.array(values) if copy and not converted else values


_CPU = (1, 0)  # of DLPack: the kind of device and its number


def _dlpack_device(self):
    """Return where the memory is, as DLPack tells it: on the CPU."""
    return _CPU


def _dlpack(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    """Return a DLPack capsule of the values, for ``from_dlpack`` of another library.

    As with ``np.asarray``, the numbers of a value that is being differentiated leave with a DetachedWarning.

    Parameters
    ----------
    stream : None
    max_version : tuple of int, optional
        The newest version of the protocol that the caller knows. Before 1.0 nobody can tell that memory is read-only,
        so the values are copied.
    dl_device : tuple of int, optional
        Where the caller wants the values; there is only the CPU, ``(1, 0)``.
    copy : bool, optional
        True: copy them, for the caller to write to. None: share the memory, read-only, where the caller can be told so.
        False: share it or raise.

    Raises
    ------
    BufferError
        For another device, and where a copy would be needed but is forbidden.
    ValueError
        For a stream, and for what differs between the members of a vmap.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore import Tensor
    >>> np.from_dlpack(Tensor([1.0, 2.0]))
    array([1., 2.], dtype=float32)
    """
    if stream is not None:
        raise ValueError(f"__dlpack__: the CPU has no streams, got stream {stream!r}.")
    if dl_device is not None and tuple(dl_device) != _CPU:
        raise BufferError(f"__dlpack__: a Tensor is on the CPU, {_CPU}, not on device {dl_device!r}.")
    _require_flag("__dlpack__", copy)
    return _core.to_dlpack(self, max_version is not None and max_version[0] >= 1, copy)


def _require_flag(op, copy):
    if copy is not None and copy is not True and copy is not False:
        raise TypeError(f"{op}: copy must be True, False or None, got {copy!r}.")


def require_cpu(op, device):
    """Raise a ValueError where a device is neither None nor the CPU.

    Examples
    --------
    >>> from adcore.tensor import require_cpu
    >>> require_cpu("zeros", "cpu")
    """
    if device is not None and device != "cpu":
        raise ValueError(f"{op}: there is no device but 'cpu', got {device!r}.")


def from_dlpack(x, *, device=None, copy=None):
    """Return a Tensor on the memory of another library's array.

    Later changes of the array show in the Tensor, as they do with `from_numpy`; a Tensor never writes to the memory.
    Another Tensor gives one with the same value, through which derivatives pass.

    Parameters
    ----------
    x : object
        What has the methods of the DLPack protocol, or a capsule of that protocol.
    device : str, optional
        Where the Tensor is to be: "cpu".
    copy : bool, optional
        True: the Tensor has memory of its own. None: only where the elements cannot be used where they are. False:
        raise there.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError, ValueError
        For another object, a capsule that was used already, another device.
    BufferError
        For dtypes that adcore does not have, for arrays on other devices that do not come to the CPU, for sizes and
        strides that no array can have, and where ``copy=False`` forbids a copy.

    Examples
    --------
    >>> import numpy as np
    >>> import adcore
    >>> adcore.from_dlpack(np.arange(3.0))
    Tensor(shape=[3], dtype=Float64, value= [ 0.00000000e+00,  1.00000000e+00,  2.00000000e+00])
    """
    require_cpu("from_dlpack", device)
    _require_flag("from_dlpack", copy)
    if isinstance(x, Tensor):
        return Tensor(x) if copy else +x
    export = getattr(x, "__dlpack__", None)
    return _core.from_dlpack_capsule(x if export is None else _capsule_of(x, export, copy), copy)


def _capsule_of(x, export, copy):
    device = tuple(map(int, x.__dlpack_device__()))
    options = {"max_version": (1, 0)}
    if device[0] != _CPU[0]:
        options["dl_device"] = _CPU
    if copy is False:
        options["copy"] = False
    try:
        return export(**options)
    except TypeError:  # the protocol before version 1.0
        if "dl_device" in options:
            raise BufferError(f"from_dlpack: the array is on device {device}; copy it to the CPU first.") from None
        return export()


# ---- the array API standard ------------------------------------------------------------------------------------------

_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")


def _array_namespace(self, *, api_version=None):
    """Return `adcore.array_api`, the functions of Tensors under the names of the Python array API standard.

    Parameters
    ----------
    api_version : str, optional
        A year and month of the standard, up to "2024.12".

    Raises
    ------
    ValueError
        For another version.

    Examples
    --------
    >>> from adcore import Tensor
    >>> xp = Tensor([1.0]).__array_namespace__()
    >>> print(xp.permute_dims(xp.ones((2, 3)), (1, 0)).shape)
    (3, 2)
    """
    if api_version is not None and api_version not in _VERSIONS:
        known = ", ".join(_VERSIONS)
        raise ValueError(f"__array_namespace__: the versions are {known}, got {api_version!r}.")
    import importlib

    return importlib.import_module("adcore.array_api")  # it stands above, and is loaded when it is asked for


def _to_device(self, device, /, *, stream=None):
    """Return the Tensor itself: there is no device but the CPU.

    Parameters
    ----------
    device : str
        "cpu".
    stream : None

    Raises
    ------
    ValueError
        For another device, and for a stream.
    """
    require_cpu("to_device", device)
    if stream is not None:
        raise ValueError(f"to_device: the CPU has no streams, got stream {stream!r}.")
    return self


def _complex(self):
    _core.warn_detached(self, "complex(x)", 2)
    return complex(self.item())


def _tolist(self):
    """Return the values as nested lists of Python numbers."""
    return _asnumpy(self).tolist()


# ---- printing --------------------------------------------------------------------------------------------------------


def _of_batch(self):
    return f"Tensor(shape={list(self.shape)}, dtype={self.dtype}, value= of every member of a vmap)"


def _repr(self):
    import numpy as np

    if _core.is_batch(self):
        return _of_batch(self)
    values = _asnumpy(self)
    kind = values.dtype.kind
    if self.ndim == 0:
        shown = f" {values.item():.8g}" if kind == "f" else f" {values.item()}"
    else:
        formatter = {"float_kind": lambda v: f"{v: .8e}"} if kind == "f" else {}
        shown = np.array2string(values, separator=", ", formatter=formatter)
        shown = "\n".join(line for line in shown.splitlines() if line)  # NumPy leaves blank ones between matrices
        shown = f"\n{shown}" if self.ndim > 1 else f" {shown}"
    return f"Tensor(shape={list(self.shape)}, dtype={self.dtype}, value={shown})"


def _str(self):
    if _core.is_batch(self):
        return _of_batch(self)
    return str(_asnumpy(self))


def _repr_html(self):
    """Return what a notebook shows: shape and dtype, what the numbers amount to, and the numbers."""
    import html

    head = f"<b>{html.escape(type(self).__name__)}</b> {self.dtype} {self.shape}"
    if isinstance(self, _core.Parameter):
        head += f" {html.escape(repr(self.name))}{'' if self.requires_grad else ', not trained'}"
    if _core.is_batch(self) or _core.is_traced(self):
        return f"<div>{head}<br>its numbers are not known here</div>"
    values = _asnumpy(self)
    return f"<div>{head}<br>{_amounts(values)}<pre>{html.escape(str(values))}</pre></div>"


def _amounts(values):
    """Return what numbers amount to: their range, mean and deviation, and how many are not finite."""
    import numpy as np

    if not values.size:
        return "no elements"
    if values.dtype.kind == "b":
        return f"{np.count_nonzero(values):,} of {values.size:,} true"
    told, finite = [], values
    if values.dtype.kind == "f":
        for count, name in ((np.isnan(values).sum(), "NaN"), (np.isinf(values).sum(), "infinite")):
            if count:
                told.append(f"{count:,} of {values.size:,} {name}")
        finite = values[np.isfinite(values)]
    if finite.size:
        low, high = finite.min().item(), finite.max().item()
        of_all = finite.astype(np.float64)
        with np.errstate(over="ignore"):  # of a float64 near its limits
            mean, deviation = of_all.mean(), of_all.std()
        told.insert(0, f"min {low:.6g}, max {high:.6g}, mean {mean:.6g}, standard deviation {deviation:.6g}")
    return "; ".join(told)


def _format(self, spec):
    is_number = spec and self.size == 1 and not _core.is_batch(self)
    return format(self.item(), spec) if is_number else format(str(self), spec)


# ---- copies ----------------------------------------------------------------------------------------------------------


def stored(tensor):
    """The values as a contiguous array of the bytes that files hold, and the dtype's name in NumPy's words.

    Of bfloat16, which NumPy lacks, the array is of uint16.
    """
    import numpy as np

    values = np.ascontiguousarray(_asnumpy(tensor)).reshape(tensor.shape)
    if tensor.dtype is _core.bfloat16:
        return np.asarray(values.view(np.uint32) >> 16, np.uint16), "bfloat16"  # the upper half of a float32
    return values, values.dtype.name


def from_stored(array, name):
    """The Tensor of what `stored` gave. It takes the memory of a writable array, which nothing else may change then."""
    import numpy as np

    if name == "bfloat16":
        return Tensor((array.astype(np.uint32) << 16).view(np.float32), _core.bfloat16)
    if array.dtype.name != name:
        raise TypeError(f"there is no dtype {name}.")
    return Tensor.from_numpy(array) if array.flags.writeable else Tensor(array)


def _rebuild(data, shape, dtype):
    import numpy as np

    name = "bfloat16" if dtype is _core.bfloat16 else np.dtype(dtype.name).name
    return from_stored(np.frombuffer(data, "uint16" if name == "bfloat16" else name).reshape(shape), name)


def _reduce(self):
    _core.warn_detached(self, "pickle.dumps(x)", 2)
    data = stored(self)[0].tobytes(), self.shape, self.dtype
    kind = type(self)
    if kind is Tensor:
        return _rebuild, data
    return _rebuild_as, (kind, *data), self.__getstate__()


def _rebuild_as(kind, *data):
    return Tensor.__new__(kind, _rebuild(*data))


def with_state(twin, state):
    """Give a copy the attributes that ``__getstate__`` told of the original."""
    if hasattr(twin, "__setstate__"):
        twin.__setstate__(state)
        return twin
    for attributes in state if isinstance(state, tuple) else (state,):
        for name, value in (attributes or {}).items():
            setattr(twin, name, value)
    return twin


def _copy(self):
    twin = Tensor.__new__(type(self), self)
    return twin if type(self) is Tensor else with_state(twin, self.__getstate__())


def _deepcopy(self, memo):
    if type(self) is Tensor:
        return self.copy()
    import copy

    memo[id(self)] = twin = Tensor.__new__(type(self), self.copy())
    return with_state(twin, copy.deepcopy(self.__getstate__(), memo))


# ---- names of MindSpore ----------------------------------------------------------------------------------------------


def _astype(self, dtype, copy=True):
    """Return the values in another dtype."""
    return _f["cast"](self, dtype)


def _extremum(name, value, arg, word):
    def method(self, *args, axis=None, keepdims=False, dim=None, keepdim=False, return_indices=False, **masked):
        if args:
            dim, keepdim = (*args, keepdim)[:2]
        along = axis if dim is None else dim
        keepdims = keepdims or keepdim
        if masked:
            x = _masked(name, self, return_indices, **masked)
            return (value(x, along, keepdims), arg(x, along, keepdims)) if return_indices else value(x, along, keepdims)
        values = value(self, along, keepdims)
        if dim is None and not return_indices:
            return values
        return values, arg(self, along, keepdims)

    method.__doc__ = f"""Return the {word} elements.

    Called with a positional number, ``dim`` or ``return_indices=True`` it returns the pair of values and indices along
    that axis; with ``axis``, or without one, the values alone. With ``initial``, a number or None, or a mask ``where``
    it returns the values alone too: of all elements and `initial`, without those where the mask is False.

    Examples
    --------
    >>> from adcore import Tensor
    >>> float(Tensor([1.0, 3.0]).{"max" if word == "largest" else "min"}())
    {3.0 if word == "largest" else 1.0}
    """
    return method


def _masked(name, x, return_indices, initial=None, where=True):
    """The elements that `max` and `min` see: those of the mask, and none beyond `initial`."""
    if initial is None and where is True:
        return x
    if isinstance(initial, bool) or not isinstance(initial, (int, float)):
        raise TypeError(f"{name}: initial must be a number, which a mask needs too, got {initial!r}.")
    if where is not True and not (isinstance(where, Tensor) and where.dtype is _core.bool_):
        raise TypeError(f"{name}: where must be True or a Tensor of bool, got {where!r}.")
    if not x.dtype.is_floating_point and initial != int(initial):
        raise TypeError(f"{name}: initial must be an int for a tensor of {x.dtype}, got {initial!r}.")
    if return_indices is not False:
        raise TypeError(f"{name}: return_indices must be False with initial or where, got {return_indices!r}.")
    first = _f["full_like"](x, initial)
    return _f["maximum" if name == "max" else "minimum"](x if where is True else _f["where"](where, x, first), first)


def _where(self, condition, y):
    """Return self where the condition holds, y elsewhere."""
    return _f["where"](condition, self, y)


def _init_data(self, *unused):
    """Return the Tensor itself: values are made at construction."""
    return self


def _renamed(name, *arguments):
    """Return a method that is a function of ops under another name, with fixed further arguments."""
    function = _f[name]

    def method(self):
        return function(self, *arguments)

    method.__doc__ = function.__doc__
    return method


def _value(self):
    """Return the value as a Tensor of its own."""
    return self.copy()


def _assign_value(self, value):
    """Give the cell the value of another Tensor and return the cell."""
    _core.require_writable("assign_value", self)
    return self._assign(_core.seen(value))


def _dim(self):
    """Return the number of axes."""
    return self.ndim


def _numel(self):
    """Return the number of elements."""
    return self.size


def _flatten(self, start_dim=0, end_dim=-1, *, order="C"):
    """Return the tensor with neighbouring axes joined into one, its last axis the fastest; with order="F" its first."""
    if order == "C":
        return _f["flatten"](self, start_dim, end_dim)
    if order != "F":
        raise ValueError(f"flatten: order must be 'C' or 'F', got {order!r}.")
    if (start_dim, end_dim) != (0, -1):
        raise ValueError(f"flatten: order='F' is for all axes, got start_dim={start_dim} and end_dim={end_dim}.")
    return _f["flatten"](_f["permute"](self, tuple(reversed(range(self.ndim)))), 0, -1)


def _repeat(self, *repeats):
    """Return the tensor repeated along its axes: how often along each, one number for each axis at least.

    Examples
    --------
    >>> from adcore import Tensor
    >>> print(Tensor([1, 2]).repeat(2))
    [1 2 1 2]
    """
    times = repeats[0] if len(repeats) == 1 and isinstance(repeats[0], (tuple, list)) else repeats
    if len(times) < self.ndim:
        raise ValueError(f"repeat: a tensor of {self.ndim} axes needs as many numbers at least, got {tuple(times)}.")
    return _f["tile"](self, tuple(times))


def _unfold(self, dimension, size, step):
    """Return windows of an axis, which come last.

    Examples
    --------
    >>> from adcore import Tensor
    >>> print(Tensor([1, 2, 3]).unfold(0, 2, 1))
    [[1 2]
     [2 3]]
    """
    return _f["_windows"](self, dimension, size, step)


def _new(name):
    function = _f[name]

    def method(self, *size, dtype=None):
        size = size[0] if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
        return function(tuple(size), dtype=self.dtype if dtype is None else dtype)

    method.__doc__ = f"""Return a Tensor of {name}, of this one's dtype unless another is named."""
    return method


def _new_full(self, size, fill_value, dtype=None):
    """Return a Tensor of one value, of this one's dtype unless another is named."""
    return _f["full"](size, fill_value, dtype=self.dtype if dtype is None else dtype)


def _round(self, digits=None):
    if digits:
        raise ValueError(f"round: only whole numbers are possible, got digits={digits}.")
    return _f["round"](self)


def _whole(function):
    """Return math's rounding to an int. It loses no derivative, which is 0, so nothing warns."""

    def method(self):
        return function(self.item())

    return method


_DOCUMENTED = {
    "device": property(lambda self: "cpu", doc='Where the values are: "cpu".'),
    "value": _value,
    "assign_value": _assign_value,
    "dim": _dim,
    "ndimension": _dim,
    "numel": _numel,
    "nelement": _numel,
    "flatten": _flatten,
    "repeat": _repeat,
    "unfold": _unfold,
    "new_zeros": _new("zeros"),
    "new_empty": _new("zeros"),
    "new_ones": _new("ones"),
    "new_full": _new_full,
    "to_device": _to_device,
    "__round__": _round,
    "__floor__": _whole(math.floor),
    "__ceil__": _whole(math.ceil),
    "__trunc__": _whole(math.trunc),
}

Tensor.asnumpy = _asnumpy
Tensor.numpy = _asnumpy
Tensor.__array__ = _array
Tensor.__dlpack__ = _dlpack
Tensor.__dlpack_device__ = _dlpack_device
Tensor.__array_namespace__ = _array_namespace
Tensor.__complex__ = _complex
Tensor.tolist = _tolist
Tensor.__repr__ = _repr
Tensor._repr_html_ = _repr_html
Tensor.__str__ = _str
Tensor.__format__ = _format
Tensor.__reduce__ = _reduce
Tensor.__copy__ = _copy
Tensor.__deepcopy__ = _deepcopy
Tensor.astype = _astype
Tensor.to = known_words(_astype, "to")
Tensor.float = _renamed("cast", _core.float32)
Tensor.half = _renamed("cast", _core.float16)
Tensor.int = _renamed("cast", _core.int32)
Tensor.long = _renamed("cast", _core.int64)
Tensor.bool = _renamed("cast", _core.bool_)
Tensor.max = _extremum("max", _f["amax"], _f["argmax"], "largest")
Tensor.min = _extremum("min", _f["amin"], _f["argmin"], "smallest")
Tensor.where = _where
Tensor.init_data = _init_data
Tensor.has_init = False
Tensor.view = _f["reshape"]
Tensor.expand = _f["broadcast_to"]
Tensor.data = property(lambda self: self, doc="The Tensor itself.")  # type: ignore[assignment]
for _name, _method in _DOCUMENTED.items():
    setattr(Tensor, _name, _method)
advise(Tensor, TENSOR, SettableAdvice)

__all__ = ["Tensor", "from_dlpack", "from_numpy", "tensor"]
