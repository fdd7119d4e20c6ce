"""Files of Parameters and of whole trainings, in the format of safetensors, with a checksum.

A file is written beside its place, flushed, and renamed, so that at any moment the old or the new one is there, whole.
The checksum covers names, dtypes, shapes, values and metadata; every file of adcore is verified when it is read. Files
of other programs, which have no checksum, are read too.
"""

import contextlib
import itertools
import json
import os
import warnings

from . import ops
from ._advice import add_note
from ._core import Parameter, Tensor
from ._ops.generator import Generator, get_rng_state, set_rng_state
from .nn.cell import Cell
from .tensor import from_stored, stored

# Keys of the file's metadata. The word "adcore" in any key or value tells a file of ours that lost its checksum from
# one that never had any; damage would have to hit all of them.
_CHECKSUM, _WRITER, _STRINGS, _STATE = "adcore.crc32", "adcore.format", "adcore.strings", "adcore.state"
_ORDER = "adcore.order"
_FORMAT = "adcore 1"

# What a code of a dtype in the format (https://github.com/huggingface/safetensors) starts with, in NumPy's words.
_WORDS = {"F": "float", "I": "int", "U": "uint", "BF": "bfloat"}


# ---- files -----------------------------------------------------------------------------------------------------------


def _library():
    try:
        import safetensors
    except ImportError as error:
        raise ImportError("Checkpoints need the library safetensors: pip install 'adcore[checkpoint]'.") from error
    return safetensors


def _checksum(arrays, metadata):
    """CRC-32 of what a file says; `arrays` are (stored array, name of the dtype) by name."""
    import zlib

    parts = {name: [dtype, list(array.shape)] for name, (array, dtype) in arrays.items()}
    told = {key: value for key, value in metadata.items() if key != _CHECKSUM}
    crc = zlib.crc32(json.dumps([parts, told], sort_keys=True).encode())
    for name in sorted(arrays):
        crc = zlib.crc32(arrays[name][0].reshape(-1).view("uint8"), crc)
    return f"adcore {crc:08x}"


@contextlib.contextmanager
def _place_for(path):
    """The name of a file to write, which replaces `path` if the block ends without an error.

    It is in a folder of its own beside `path`, which belongs to one writer at a time: the library's file has another
    name while it is written, and a writer that is killed leaves it behind. The next one takes it away.
    """
    path = os.path.realpath(path)  # a link stays one
    folder = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.new")
    lock = _locked(folder)
    try:
        beside = os.path.join(folder, "file")
        _clear(folder)
        try:
            yield beside
            _flush(beside)
            os.replace(beside, path)
        finally:
            _clear(folder)
            os.rmdir(folder)
        _flush(os.path.dirname(path))
    finally:
        os.close(lock)


def _locked(folder):
    """A descriptor of the folder, locked, when it is there still: the last writer takes it away."""
    import fcntl

    while True:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if os.path.samestat(os.stat(folder), os.fstat(lock)):
                    return lock
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)


def _clear(folder):
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))


def _flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(function, path, tensors, metadata):
    library = _library()
    arrays = {name: stored(tensor) for name, tensor in tensors.items()}
    metadata = {_WRITER: _FORMAT, **metadata}
    metadata[_CHECKSUM] = _checksum(arrays, metadata)
    specs = {
        name: library.TensorSpec(dtype=dtype, shape=array.shape, data_ptr=array.ctypes.data, data_len=array.nbytes)
        for name, (array, dtype) in arrays.items()
    }
    with _place_for(path) as beside:
        try:
            library.serialize_file(specs, beside, metadata)
        except library.SafetensorError as error:
            raise OSError(f"{function}: {path} could not be written, and is as it was: {error}.") from error


def _read(function, path):
    """Tensors by name, and the metadata."""
    library = _library()
    path = os.fspath(path)
    with open(path, "rb"):  # the library's own errors do not say why a file cannot be opened
        pass
    try:
        arrays, metadata = _arrays(library, path)
    except (library.SafetensorError, OSError, OverflowError, ValueError) as error:
        raise ValueError(f"{function}: {path} is not a checkpoint, or it is damaged: {error}.") from error
    if any("adcore" in word for words in metadata.items() for word in words):
        if metadata.get(_CHECKSUM) != _checksum(arrays, metadata):
            raise ValueError(f"{function}: {path} is damaged: its checksum is not that of what it holds.")
        if metadata.get(_WRITER) != _FORMAT:
            raise ValueError(
                f"{function}: {path} has format {metadata.get(_WRITER)!r}; this version reads {_FORMAT!r}."
            )
    tensors = {}
    for name, (array, dtype) in arrays.items():
        try:
            tensors[name] = from_stored(array, dtype)
        except (AttributeError, TypeError) as error:
            raise ValueError(f"{function}: {name!r} in {path} is of dtype {dtype}, which adcore lacks.") from error
    return tensors, metadata


def _arrays(library, path):
    """(array as it is stored, name of its dtype) by name, and the metadata."""
    import numpy as np

    # Not by a memory map: a file that is cut short while it is read would end the process.
    with library.safe_open(path, framework="np", backend="pread") as file:
        metadata = file.metadata() or {}
        codes = {name: file.get_slice(name).get_dtype() for name in file.keys()}
        if all(code[0] in "FIUB" and code[:2] not in ("BF", "F8", "F4", "F6") for code in codes.values()):
            return {name: (array, array.dtype.name) for name, array in file.get_tensors().items()}, metadata
    with open(path, "rb") as file:
        parts = library.deserialize(file.read())
    arrays = {}
    for name, part in parts:
        code = part["dtype"]
        letters = code.rstrip("0123456789")
        dtype = "bool" if code == "BOOL" else _WORDS.get(letters, code) + code[len(letters) :]
        raw = np.frombuffer(part["data"], "uint8")
        width = {"bfloat16": "uint16"}.get(dtype, dtype) if letters in _WORDS or code == "BOOL" else "uint8"
        shape = part["shape"] if width != "uint8" or dtype == "uint8" else (raw.size,)
        arrays[name] = raw.view(width).reshape(shape), dtype
    return arrays, metadata


# ---- checkpoints -----------------------------------------------------------------------------------------------------


def save_checkpoint(
    save_obj,
    ckpt_file_name,
    integrated_save=True,
    async_save=False,
    append_dict=None,
    enc_key=None,
    enc_mode="AES-GCM",
    choice_func=None,
    crc_check=False,
    format="ckpt",
    **kwargs,
):
    """Write the Parameters of a Cell, or tensors by name, into a file.

    The file is in the format of safetensors, whatever its name. It is written beside its place and renamed: an
    interrupted call leaves the old file.

    Parameters
    ----------
    save_obj : Cell, dict or list
        A Cell is saved by the names of its Parameters and the paths of its buffers. A dict holds Tensors by name, a
        list dicts of the form ``{"name": str, "data": Tensor}``.
    ckpt_file_name : str or path
        Without a suffix it gets that of `format`.
    append_dict : dict, optional
        More to save: numbers, bools and Tensors, which are loaded as Parameters, and str.
    choice_func : callable, optional
        Which names to save: called with each, it returns a bool.
    format : str
        "ckpt" or "safetensors": the suffix.
    integrated_save, async_save, crc_check, enc_mode, **kwargs
        Accepted for compatibility: the file is whole, written when the call returns, and has a checksum.
    enc_key : None
        Encryption is not available.

    Raises
    ------
    TypeError, ValueError
        If something cannot be saved, or two Parameters of a Cell have one name.
    OSError
        If the file cannot be written; the old one is as it was.
    ImportError
        If the library safetensors is missing.

    See Also
    --------
    load_checkpoint, save_state

    Examples
    --------
    >>> import os, tempfile
    >>> import adcore
    >>> from adcore import nn
    >>> net, other = nn.Dense(3, 2), nn.Dense(3, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = os.path.join(folder, "net.ckpt")
    ...     adcore.save_checkpoint(net, file, append_dict={"epoch": 7})
    ...     saved = adcore.load_checkpoint(file)
    >>> sorted(saved), int(saved["epoch"])
    (['bias', 'epoch', 'weight'], 7)
    >>> adcore.load_param_into_net(other, saved)
    ([], ['epoch'])
    >>> bool((other.weight == net.weight).all())
    True
    """
    if enc_key is not None:
        raise NotImplementedError("save_checkpoint: encryption is not available.")
    tensors = _named_tensors(save_obj)
    if choice_func is not None:
        tensors = {name: tensor for name, tensor in tensors.items() if choice_func(name)}
    more, strings = _appended(append_dict)
    twice = [name for name in {**more, **strings} if name in tensors]
    if twice:
        raise ValueError(f"save_checkpoint: append_dict names {twice[0]!r}, which is the name of a Parameter, too.")
    # The format sorts by size and name; a dict that is loaded has the order of the network.
    metadata = {_ORDER: json.dumps([*tensors, *more, *strings])}
    if strings:
        metadata[_STRINGS] = json.dumps(strings)
    _write("save_checkpoint", _with_suffix(ckpt_file_name, format), {**tensors, **more}, metadata)


def _with_suffix(path, format):
    if format not in ("ckpt", "safetensors"):
        raise ValueError(f"save_checkpoint: format must be 'ckpt' or 'safetensors', got {format!r}.")
    path = os.fspath(path)
    if not isinstance(path, str):
        raise TypeError(f"save_checkpoint: ckpt_file_name must be a str or a path, got {type(path).__name__}.")
    return path if os.path.splitext(path)[1] else f"{path}.{format}"


def _named_tensors(save_obj):
    if isinstance(save_obj, Cell):
        return {name: held for name, (held, _, _) in _places(save_obj).items()}
    if isinstance(save_obj, list):
        for item in save_obj:
            if not isinstance(item, dict) or not {"name", "data"} <= item.keys():
                raise TypeError(
                    f"save_checkpoint: an item of the list must be {{'name': ..., 'data': ...}}, got {item!r}."
                )
        named = {item["name"]: item["data"] for item in save_obj}
        if len(named) != len(save_obj):
            raise ValueError("save_checkpoint: two items of the list have one name.")
    elif isinstance(save_obj, dict):
        named = save_obj
    else:
        raise TypeError(f"save_checkpoint: expected a Cell, a dict or a list, got {type(save_obj).__name__}.")
    for name, tensor in named.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise TypeError(f"save_checkpoint: expected Tensors by str, got {name!r}: {type(tensor).__name__}.")
    return named


def _places(net):
    """What is saved of a Cell, as `Cell._saved` tells of it: Parameters by their names, buffers by their paths."""
    places = {name: (param, None, None) for name, param in net.parameters_dict().items()}
    for path, place in net._saved().items():
        if place[1] is not None and places.setdefault(path, place) is not place:
            raise ValueError(f"{net.cls_name}: a Parameter and a buffer have the name {path!r}.")
    return places


def _appended(append_dict):
    """The tensors and the strings of `append_dict`."""
    if append_dict is None:
        return {}, {}
    if not isinstance(append_dict, dict):
        raise TypeError(f"save_checkpoint: append_dict must be a dict, got {type(append_dict).__name__}.")
    tensors, strings = {}, {}
    for name, value in append_dict.items():
        if not isinstance(name, str) or not isinstance(value, (bool, int, float, str, Tensor)):
            raise TypeError(
                "save_checkpoint: append_dict must hold numbers, str and Tensors by str, "
                f"got {name!r}: {type(value).__name__}."
            )
        if isinstance(value, str):
            strings[name] = value
        else:
            tensors[name] = value if isinstance(value, Tensor) else _number(value)
    return tensors, strings


def _number(value):
    import numpy as np

    return Tensor(np.asarray(value))  # a float as float64, in full


class _NoCheckpoint(FileNotFoundError, ValueError):
    """A file that is not there: of the kind that Python has for it, and of MindSpore's, for programs that catch it."""


def load_checkpoint(
    ckpt_file_name,
    net=None,
    strict_load=False,
    filter_prefix=None,
    dec_key=None,
    dec_mode="AES-GCM",
    specify_prefix=None,
    choice_func=None,
    crc_check=False,
    remove_redundancy=False,
    format="ckpt",
    *,
    name_map=None,
):
    """Read a file of `save_checkpoint`, or any other in the format of safetensors.

    Parameters
    ----------
    ckpt_file_name : str or path
    net : Cell, optional
        Load into it, as `load_param_into_net` does.
    strict_load : bool
        See `load_param_into_net`.
    filter_prefix, specify_prefix : str or list of str, optional
        Leave out what starts with one of them; read only what starts with one of them.
    choice_func : callable, optional
        Which names to read: called with each, it returns a bool.
    name_map : dict or callable, optional
        The names of Parameters by the names in the file, for files of other programs. What a dict does not have keeps
        its name.
    dec_mode, crc_check, remove_redundancy, format
        Accepted for compatibility; the checksum is always verified.
    dec_key : None
        Encryption is not available.

    Returns
    -------
    dict
        Parameters by name, and the strings of ``append_dict``.

    Raises
    ------
    FileNotFoundError
        If there is no such file; it is a ValueError, too, which programs of MindSpore expect.
    ValueError
        If it is damaged, is no checkpoint, holds a dtype that adcore lacks, or nothing in it is wanted.
    ImportError
        If the library safetensors is missing.

    Examples
    --------
    A file of PyTorch, whose names differ:

    >>> import os, tempfile
    >>> import numpy as np
    >>> import safetensors.numpy
    >>> import adcore
    >>> from adcore import nn
    >>> net = nn.Dense(3, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = os.path.join(folder, "model.safetensors")
    ...     values = {"fc.weight": np.ones((2, 3), np.float32), "fc.bias": np.zeros(2, np.float32)}
    ...     safetensors.numpy.save_file(values, file)
    ...     loaded = adcore.load_checkpoint(file, net, name_map=lambda name: name.removeprefix("fc."))
    >>> float(net.weight.sum())
    6.0
    """
    if dec_key is not None:
        raise NotImplementedError("load_checkpoint: encryption is not available.")
    try:
        tensors, metadata = _read("load_checkpoint", ckpt_file_name)
    except FileNotFoundError as error:
        raise _NoCheckpoint(*error.args, error.filename) from None
    strings = _json(ckpt_file_name, metadata, _STRINGS, {})
    without, only = _prefixes("filter_prefix", filter_prefix), _prefixes("specify_prefix", specify_prefix)
    values = {**tensors, **strings}
    values = {name: values[name] for name in _json(ckpt_file_name, metadata, _ORDER, ()) if name in values} | values
    kept = {}
    for name, value in values.items():
        wanted = choice_func is None or choice_func(name)
        if wanted and not name.startswith(without or ()) and (only is None or name.startswith(only)):
            new = _renamed(name, name_map)
            if new in kept:
                raise ValueError(f"load_checkpoint: name_map gives the name {new!r} twice.")
            kept[new] = Parameter(value, name=new) if isinstance(value, Tensor) else value
    if not kept:
        raise ValueError(f"load_checkpoint: nothing in {os.fspath(ckpt_file_name)} is wanted, or it is empty.")
    if net is not None:
        load_param_into_net(net, {k: v for k, v in kept.items() if isinstance(v, Parameter)}, strict_load)
    return kept


def _prefixes(what, given):
    if given is None:
        return None
    prefixes = (given,) if isinstance(given, str) else tuple(given)
    if not all(isinstance(prefix, str) for prefix in prefixes):
        raise TypeError(f"load_checkpoint: {what} must be a str or a list of them, got {given!r}.")
    return prefixes


def _renamed(name, name_map):
    if name_map is None:
        return name
    new = name_map(name) if callable(name_map) else name_map.get(name, name)
    if not isinstance(new, str):
        raise TypeError(f"load_checkpoint: name_map must give a str for {name!r}, got {type(new).__name__}.")
    return new


def _json(path, metadata, key, default):
    try:
        return json.loads(metadata[key]) if key in metadata else default
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)} is damaged: {key} in its metadata cannot be read.") from error


def load_param_into_net(net, parameter_dict, strict_load=False, remove_redundancy=False):
    """Set the Parameters of a Cell from a dict of `load_checkpoint`. On error nothing is changed.

    Parameters
    ----------
    net : Cell
    parameter_dict : dict
        Parameters or Tensors by the names of the Parameters.
    strict_load : bool
        Whether dtypes must be equal. If not, numbers of one kind (floating-point, or integer) are converted, if none of
        them is too large for the other dtype.
    remove_redundancy : bool
        Accepted for compatibility.

    Returns
    -------
    tuple
        ``(param_not_load, ckpt_not_load)``: the names of Parameters that `parameter_dict` does not have, and the names
        that it has and `net` does not.

    Warns
    -----
    UserWarning
        If there are names of the first kind: these Parameters keep their values.

    Raises
    ------
    TypeError
        If an argument is of the wrong type.
    RuntimeError
        If shapes or dtypes differ, or a number does not fit; the message lists all.

    Examples
    --------
    >>> import adcore
    >>> from adcore import nn
    >>> net = nn.Dense(3, 2)
    >>> adcore.load_param_into_net(net, nn.Dense(3, 2).parameters_dict())
    ([], [])
    """
    if not isinstance(net, Cell):
        raise TypeError(f"load_param_into_net: net must be a Cell, got {type(net).__name__}.")
    if not isinstance(parameter_dict, dict):
        raise TypeError(f"load_param_into_net: expected a dict, got {type(parameter_dict).__name__}.")
    own = _places(net)
    missing = [name for name in own if name not in parameter_dict]
    surplus = [name for name in parameter_dict if name not in own]
    faults, pairs = [], []
    for name, place in own.items():
        if name in parameter_dict:
            held, value = place[0], parameter_dict[name]
            if not isinstance(value, Tensor):
                raise TypeError(f"load_param_into_net: {name!r} must be a Parameter, got {type(value).__name__}.")
            if tuple(value.shape) != tuple(held.shape):
                faults.append(f"shape of {name} is {tuple(value.shape)}, expected {tuple(held.shape)}")
            elif value.dtype != held.dtype and (strict_load or _kind(value.dtype) != _kind(held.dtype)):
                faults.append(f"dtype of {name} is {value.dtype.name}, expected {held.dtype.name}")
            elif value.dtype != held.dtype and not _fits(value, held.dtype):
                faults.append(f"{name} has {value.dtype.name} numbers that {held.dtype.name} does not have")
            pairs.append((place, value))
    if faults:
        more = [f"missing: {', '.join(missing)}"] if missing else []
        more += [f"surplus: {', '.join(surplus)}"] if surplus else []
        raise RuntimeError(
            f"load_param_into_net: the Parameters do not fit {net.cls_name}, nothing was loaded; "
            f"{'; '.join(faults + more)}."
        )
    for place, value in pairs:
        net._put(place, value)
    if missing:
        warnings.warn(
            f"load_param_into_net: {len(missing)} Parameters of {net.cls_name} keep their values, for there is nothing "
            f"of their names: {', '.join(missing)}.",
            stacklevel=2,
        )
    return missing, surplus


def _kind(dtype):
    return dtype.is_floating_point, dtype.is_integer


def _fits(value, dtype):
    """Whether no number wraps around or becomes infinite in a dtype of the same kind."""
    converted = value.astype(dtype)
    if dtype.is_integer:
        # There and back is not enough: -1 is back again from a dtype without signs.
        same = (converted.astype(value.dtype) == value) & ((converted < 0) == (value < 0))
    else:
        same = ops.isfinite(converted) == ops.isfinite(value)
    return bool(same.all())


# ---- whole trainings -------------------------------------------------------------------------------------------------


def save_state(file, **parts):
    """Write all that a training needs to go on where it stands, into one file.

    The state of the random numbers is always in it. The file is written beside its place and renamed: a process that is
    killed leaves the old or the new one, whole.

    Parameters
    ----------
    file : str or path
        It is used as it is, without a suffix of its own.
    **parts
        What has a ``state_dict()``: Cells, optimizers, iterators of datasets, and objects of your own; Generators; and
        numbers, str, None, Tensors, and lists, tuples and dicts of them. A state may hold these too.

    Raises
    ------
    TypeError
        If something cannot be saved.
    OSError
        If the file cannot be written; the old one is as it was.
    ImportError
        If the library safetensors is missing.

    See Also
    --------
    load_state

    Examples
    --------
    >>> import os, tempfile
    >>> import adcore
    >>> from adcore import nn
    >>> net = nn.Dense(3, 2)
    >>> optimizer = nn.Momentum(net.trainable_params(), 0.1, 0.9)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = os.path.join(folder, "run.state")
    ...     adcore.save_state(file, net=net, optimizer=optimizer, epoch=3)
    ...     adcore.load_state(file, net=net, optimizer=optimizer)
    {'epoch': 3}
    """
    tensors, places = {}, {}

    def plain(value, name):
        """`value` in words of JSON; tensors go to the file, those that are one object once."""
        if isinstance(value, Tensor):
            place = places.get(id(value))
            if place is None:
                # Two ways through the parts may read alike: the key "a.b", and "b" in "a".
                alike = (f"{name} ({n})" for n in itertools.count(2))
                place = places[id(value)] = name if name not in tensors else next(p for p in alike if p not in tensors)
                tensors[place] = value
            return {"tensor": place}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, (list, tuple)):
            kind = "list" if isinstance(value, list) else "tuple"
            return {kind: [plain(item, f"{name}.{n}") for n, item in enumerate(value)]}
        if isinstance(value, dict):
            if not all(isinstance(key, (str, int)) and not isinstance(key, bool) for key in value):
                raise TypeError(f"save_state: the keys of {name} must be str or int.")
            return {"dict": [[key, plain(item, f"{name}.{key}")] for key, item in value.items()]}
        raise TypeError(f"save_state: {name} is of {type(value)}, which cannot be saved.")

    states = {name: _state_of(part) for name, part in parts.items()}
    told = {name: plain(state, name) for name, state in states.items()}
    told = {"parts": told, "random": plain(get_rng_state(), "random state")}
    _write("save_state", os.fspath(file), tensors, {_STATE: json.dumps(told)})


def _state_of(part):
    if isinstance(part, Generator):
        return part.get_state()
    return part.state_dict() if hasattr(part, "state_dict") else part


def _restore(part, state):
    if isinstance(part, Generator):
        part.set_state(state)
    else:
        part.load_state_dict(state)


def load_state(file, **parts):
    """Read a file of `save_state` and set the parts to what they were, and the random numbers. On error nothing is set.

    Parameters
    ----------
    file : str or path
    **parts
        What has a ``load_state_dict(state)``, and Generators, under the names that they were saved by.

    Returns
    -------
    dict
        The parts of the file that no argument names: numbers, containers, and states as they are.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    KeyError
        If the file has no part of a name.
    ValueError
        If the file is damaged, or is none of `save_state`.
    RuntimeError
        If a state does not fit its part.

    Examples
    --------
    See `save_state`.

    >>> import adcore
    >>> adcore.load_state("no such file")
    Traceback (most recent call last):
    FileNotFoundError: ...
    """
    tensors, metadata = _read("load_state", file)
    told = _json(file, metadata, _STATE, None)
    if told is None:
        raise ValueError(f"load_state: {os.fspath(file)} is not a file of save_state; see load_checkpoint.")
    saved = {name: _unfolded(item, tensors) for name, item in told["parts"].items()}
    absent = [name for name in parts if name not in saved]
    if absent:
        raise KeyError(f"load_state: {os.fspath(file)} has no {absent[0]!r}; it has {', '.join(saved) or 'nothing'}.")
    for name, part in parts.items():
        if not isinstance(part, Generator) and not hasattr(part, "load_state_dict"):
            raise TypeError(f"load_state: {name} is of {type(part)}, which has no load_state_dict.")
    before = {name: _values(_state_of(part)) for name, part in parts.items()}
    begun = []
    try:
        for name, part in parts.items():
            begun.append(name)
            _restore(part, saved[name])
        set_rng_state(_unfolded(told["random"], tensors))
    except BaseException as error:
        for name in begun:
            _restore(parts[name], before[name])
        add_note(error, f"load_state: at {begun[-1] if begun else 'the start'}; all parts are as they were.")
        raise
    return {name: state for name, state in saved.items() if name not in parts}


def _unfolded(item, tensors):
    if not isinstance(item, dict):
        return item
    ((kind, held),) = item.items()
    if kind == "tensor":
        return tensors[held]
    if kind == "dict":
        return {key: _unfolded(value, tensors) for key, value in held}
    return (list if kind == "list" else tuple)(_unfolded(value, tensors) for value in held)


def _values(state):
    """A copy of a state that does not change when Parameters do."""
    if isinstance(state, Tensor):
        return Tensor(state)
    if isinstance(state, dict):
        return {key: _values(value) for key, value in state.items()}
    return type(state)(map(_values, state)) if type(state) in (list, tuple) else state


__all__ = ["load_checkpoint", "load_param_into_net", "load_state", "save_checkpoint", "save_state"]
