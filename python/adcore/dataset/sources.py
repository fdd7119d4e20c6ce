"""The leaves of pipelines: arrays, files of arrays and of comma-separated values, and Python objects."""

import csv
import glob
import gzip
import itertools
import struct
import types
import zipfile
import zlib
from pathlib import Path

import numpy as np

from .._core import Tensor, bfloat16
from .._core import dtype as _dtype
from . import checks, samplers, workers
from .nodes import BYTES, Dataset, array
from .rowwise import Workers


def numpy_dtype(op, kind):
    """The dtype of NumPy for one of NumPy or of adcore."""
    if isinstance(kind, _dtype):
        if kind is bfloat16:
            raise TypeError(f"{op}: NumPy has no bfloat16; cast the Tensors.")
        kind = str(kind).lower()
    return np.dtype(kind)


class _Indexed(Dataset):
    """A source with random access to `total` rows, of which a sampler chooses."""

    def __init__(self, op, names, total, sampler, shuffle, num_samples, num_shards, shard_id):
        super().__init__((), names)
        self._total, self._fixed = total, None
        self._sampler = samplers.chosen(op, total, sampler, shuffle, num_samples, num_shards, shard_id)
        self._stream = int(self._sampler.random)
        self._chosen = self._sampler.size(op, total)
        if self._chosen == 0:
            raise ValueError(f"{op}: the sampler gives no rows.")

    _op = "GeneratorDataset"
    _sampler = None
    _addressable = True

    def _facts(self):
        if self._sampler is None:
            return []
        return [self._total, type(self._sampler).__name__, *self._sampler._facts()]

    def _size(self):
        return self._chosen

    def _order(self, run):
        def drawn():
            order = self._sampler.order(self._op, self._total, run.rng(self._stream))
            if len(order) != self._chosen:
                raise RuntimeError(f"{self._op}: the sampler gave {self._chosen} rows before, and {len(order)} now.")
            return order

        if run.frozen and self._sampler.own:
            # Below a split, whose parts must see the same order at all times.
            if self._fixed is None:
                self._fixed = drawn()
            return self._fixed
        return run.once(self, drawn)


class _Columns(_Indexed):
    """Arrays whose first axes are the rows."""

    def __init__(self, op, columns, names, *choice):
        lengths = [len(column) for column in columns]
        if len(set(lengths)) > 1:
            told = ", ".join(f"{name!r} has {n}" for name, n in zip(names, lengths))
            raise ValueError(f"{op}: the columns must have as many rows as each other, but {told}.")
        if lengths[0] == 0:
            raise ValueError(f"{op}: there are no rows.")
        self._op, self._columns = op, columns
        super().__init__(op, names, lengths[0], *choice)

    def _gather(self, run):
        in_order = isinstance(self._sampler, samplers.SequentialSampler)

        def gather(index):
            rows = index + self._sampler.start if in_order else self._order(run)[index]
            return [column.take(rows, axis=0) for column in self._columns]

        return gather

    def _fetch(self, run, blocks):
        gather = self._gather(run)
        bytes_of_row = sum(column[:1].nbytes for column in self._columns)
        step = max(1, BYTES // max(1, bytes_of_row))
        for block in blocks:
            for i in range(0, len(block), step):
                columns = gather(block[i : i + step])
                for j in range(len(columns[0])):
                    yield tuple([column[j, ...] for column in columns])


class NumpySlicesDataset(_Columns):
    """The rows of arrays: slices along their first axis.

    Parameters
    ----------
    data : dict, tuple, list, array or Bunch
        A dict of columns by name; a tuple of columns; a list or an array is one column. Of a Bunch of scikit-learn:
        ``data`` and ``target``. Arrays are not copied.
    column_names : str or list of str, optional
        Of columns without a name; at first ``column_0``, ``column_1``, ...
    num_samples : int, optional
        At most so many rows in an epoch.
    num_parallel_workers : int, optional
        Accepted for MindSpore's sake: slices need no workers. `batch` has them.
    shuffle : bool, optional
        Whether each epoch has another order; True unless given.
    sampler : Sampler or iterable of int, optional
        Which rows in which order, in place of `shuffle`.
    num_shards, shard_id : int, optional
        Into how many shares the rows are dealt, and which one this is.

    Raises
    ------
    ValueError
        For columns of different lengths, no rows, names that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore import dataset
    >>> pairs = dataset.NumpySlicesDataset((np.eye(3), [0, 1, 2]), ["x", "label"], shuffle=False)
    >>> for row in pairs.create_dict_iterator(num_epochs=1, output_numpy=True):
    ...     print(row["x"], row["label"])
    [1. 0. 0.] 0
    [0. 1. 0.] 1
    [0. 0. 1.] 2
    """

    def __init__(
        self,
        data,
        column_names=None,
        num_samples=None,
        num_parallel_workers=1,
        shuffle=None,
        sampler=None,
        num_shards=None,
        shard_id=None,
    ):
        op = "NumpySlicesDataset"
        checks.optional_integer(op, "num_parallel_workers", num_parallel_workers, 1)
        if isinstance(data, dict):
            if type(data).__name__ == "Bunch" and "data" in data and "target" in data:
                data = {"data": data["data"], "target": data["target"]}
            if not all(isinstance(name, str) for name in data):
                raise TypeError(f"{op}: the names of columns must be strings, got {list(data)}.")
            columns, names = list(data.values()), list(data)
        else:
            columns = list(data) if isinstance(data, tuple) else [data]
            names = [f"column_{i}" for i in range(len(columns))]
        if not columns:
            raise ValueError(f"{op}: data must not be empty.")
        if column_names is not None:
            given = checks.names(op, "column_names", column_names)
            if len(given) != len(names):
                raise ValueError(f"{op}: there are {len(names)} columns, but {len(given)} column_names.")
            names = list(given)
        columns = [_column(op, name, column) for name, column in zip(names, columns)]
        super().__init__(op, columns, names, sampler, shuffle, num_samples, num_shards, shard_id)


def _column(op, name, values):
    try:
        column = np.asarray(values.asnumpy() if isinstance(values, Tensor) else values)
    except ValueError as error:
        raise ValueError(
            f"{op}: column {name!r} has rows of different shapes; GeneratorDataset takes them ({error})."
        ) from error
    if column.ndim == 0:
        raise TypeError(f"{op}: column {name!r} must be a sequence, got {type(values).__name__}.")
    if column.dtype.kind == "O":
        raise TypeError(f"{op}: column {name!r} must be numbers or strings, got {type(column.flat[0]).__name__}.")
    return column


class NumpyFileDataset(_Columns):
    """The rows of arrays in files of NumPy, which are mapped into memory: what is not used is not read.

    Parameters
    ----------
    files : str, Path or dict
        A ``.npy`` file, which is one column; an ``.npz`` file, whose arrays are columns by name; or such files by the
        name of the column. Arrays of a compressed ``.npz`` file are read whole.
    column_names : str or list of str, optional
        Which columns of an ``.npz`` file, or what that of a ``.npy`` file is called (``column_0``).
    num_samples, shuffle, sampler, num_shards, shard_id
        As of `NumpySlicesDataset`.

    Raises
    ------
    ValueError
        For what is no such file, an array of Python objects, and as `NumpySlicesDataset` does.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from adcore import dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "x.npy")
    ...     np.save(path, np.arange(6).reshape(3, 2))
    ...     rows = dataset.NumpyFileDataset(path, "x", shuffle=False)
    ...     print([x.tolist() for x, in rows])
    [[0, 1], [2, 3], [4, 5]]
    """

    def __init__(
        self, files, column_names=None, num_samples=None, shuffle=None, sampler=None, num_shards=None, shard_id=None
    ):
        op = "NumpyFileDataset"
        if isinstance(files, dict):
            columns = {}
            for name, path in files.items():
                found = _arrays(op, path)
                if len(found) != 1:
                    raise ValueError(f"{op}: {path} of column {name!r} has {len(found)} arrays.")
                columns[name] = next(iter(found.values()))
            if not columns:
                raise ValueError(f"{op}: files must not be empty.")
            if column_names is not None:
                raise ValueError(f"{op}: column_names and a dict of files exclude each other.")
        else:
            columns = _arrays(op, files)
            if column_names is not None:
                names = checks.names(op, "column_names", column_names)
                if list(columns) == ["column_0"] and len(names) == 1:
                    columns = {names[0]: columns["column_0"]}
                else:
                    checks.columns(op, "column_names", names, list(columns))
                    columns = {name: columns[name] for name in names}
        for name, column in columns.items():
            if column.ndim == 0:
                raise ValueError(f"{op}: column {name!r} is a single number, which has no rows.")
        super().__init__(op, list(columns.values()), list(columns), sampler, shuffle, num_samples, num_shards, shard_id)


def _arrays(op, path):
    """The arrays of a file by name."""
    path = Path(path)
    try:
        if path.suffix == ".npy":
            return {"column_0": np.asarray(np.load(path, mmap_mode="r"))}
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                return {info.filename.removesuffix(".npy"): _member(path, archive, info) for info in archive.infolist()}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{op}: {path} is no file of arrays that can be used: {error}") from error
    raise ValueError(f"{op}: {path} must end with .npy or .npz.")


def _member(path, archive, info):
    """An array of an .npz file: mapped if it is stored as it is, else read."""
    if info.compress_type != zipfile.ZIP_STORED:
        with archive.open(info) as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    with path.open("rb") as file:
        # A member starts with a header of 30 bytes, the last of which are the lengths of a name and of what follows it.
        file.seek(info.header_offset + 26)
        file.seek(sum(struct.unpack("<HH", file.read(4))), 1)
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} has Python objects")
        if 0 in shape:
            return np.empty(shape, dtype)
        return np.asarray(np.memmap(path, dtype, "r", file.tell(), shape, "F" if fortran else "C"))


class CSVDataset(_Columns):
    """The rows of files of comma-separated values, which are read when the dataset is made.

    Parameters
    ----------
    dataset_files : str or list of str
        Paths, or patterns such as ``"part-*.csv"``; they are read in the order of their names.
    field_delim : str
        What separates fields.
    column_defaults : list, optional
        A value for each column: its type (int, float or str) is that of the column, int32, float32 or strings, and
        it stands for empty fields. Unless given, all columns are strings.
    column_names : list of str, optional
        Names of the columns; unless given, they are the first line of each file.
    num_samples, num_parallel_workers, shuffle, num_shards, shard_id
        As of `NumpySlicesDataset`.

    Raises
    ------
    ValueError
        For a line with more or fewer fields than there are columns and a field that is no number; it names the file,
        the line and the column.
    FileNotFoundError
        For a path or pattern without a file.

    Examples
    --------
    >>> import os, tempfile
    >>> from adcore import dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "a.csv")
    ...     with open(path, "w") as file:
    ...         _ = file.write("height,name\\n1.5,Ada\\n2.5,Bob\\n")
    ...     rows = dataset.CSVDataset(path, column_defaults=[0.0, ""], shuffle=False)
    ...     print([(float(height), str(name)) for height, name in rows])
    [(1.5, 'Ada'), (2.5, 'Bob')]
    """

    def __init__(
        self,
        dataset_files,
        field_delim=",",
        column_defaults=None,
        column_names=None,
        num_samples=None,
        num_parallel_workers=None,
        shuffle=True,
        num_shards=None,
        shard_id=None,
    ):
        op = "CSVDataset"
        checks.optional_integer(op, "num_parallel_workers", num_parallel_workers, 1)
        if not isinstance(field_delim, str) or len(field_delim) != 1:
            raise ValueError(f"{op}: field_delim must be one character, got {field_delim!r}.")
        names = None if column_names is None else checks.names(op, "column_names", column_names)
        lines = []
        for path in _found(op, dataset_files):
            names = _read(op, path, field_delim, names, column_names is None, lines)
        if not lines:
            raise ValueError(f"{op}: there are no rows.")
        defaults = [""] * len(names) if column_defaults is None else list(column_defaults)
        if len(defaults) != len(names):
            raise ValueError(f"{op}: there are {len(names)} columns, but {len(defaults)} column_defaults.")
        columns = [_parsed(op, name, default, i, lines) for i, (name, default) in enumerate(zip(names, defaults))]
        super().__init__(op, columns, names, None, shuffle, num_samples, num_shards, shard_id)


def _found(op, patterns):
    patterns = list(patterns) if isinstance(patterns, (list, tuple)) else [patterns]
    files = []
    for pattern in map(str, patterns):
        found = [pattern] if Path(pattern).is_file() else glob.glob(pattern)
        if not found:
            raise FileNotFoundError(f"{op}: there is no file {pattern!r}.")
        files += found
    return sorted(files)


def _read(op, path, delimiter, names, header, lines):
    """Append (path, number of the line, fields) of each line to `lines`; return the names of the columns."""
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.reader(file, delimiter=delimiter)
        if header:
            first = next(reader, None)
            if first is None:
                raise ValueError(
                    f"{op}: {path} is empty, but its first line must name the columns; or give column_names."
                )
            first = checks.names(op, f"the columns of {path}", first)
            if names is not None and first != names:
                raise ValueError(
                    f"{op}: the columns must be the same, but those of {path} are {list(first)}, not {list(names)}."
                )
            names = first
        for fields in reader:
            if fields and len(fields) != len(names):
                raise ValueError(
                    f"{op}: {path}, line {reader.line_num}: there are {len(fields)} fields, but the columns are "
                    f"{list(names)}."
                )
            if fields:
                lines.append((path, reader.line_num, fields))
    return names


def _parsed(op, name, default, i, lines):
    kinds = {int: np.int32, float: np.float32, str: np.str_}
    if type(default) not in kinds:
        raise TypeError(
            f"{op}: column_defaults of {name!r} must be an int, a float or a str, got {type(default).__name__}."
        )
    values = []
    for path, number, fields in lines:
        text = fields[i]
        try:
            value = type(default)(text) if text else default
            if isinstance(value, int) and not -(2**31) <= value < 2**31:
                raise ValueError
        except ValueError:
            wanted = "an int32" if isinstance(default, int) else "a number"
            raise ValueError(f"{op}: {path}, line {number}, column {name!r}: {text!r} is not {wanted}.") from None
        values.append(value)
    return np.array(values, kinds[type(default)])


class MnistDataset(_Columns):
    """The images of handwritten digits of MNIST, or of what has the same files, as ``image`` and ``label``.

    Parameters
    ----------
    dataset_dir : str or Path
        The folder of the files ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and those that begin with
        ``t10k``, which may end with ``.gz``. Nothing is downloaded.
    usage : str, optional
        "train", "test" or "all"; unless given, all that is there.
    num_samples, num_parallel_workers, shuffle, sampler, num_shards, shard_id
        As of `NumpySlicesDataset`.

    Raises
    ------
    FileNotFoundError
        For a folder without the files.
    ValueError
        For files that are none of these, or do not belong together.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from adcore import dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open(os.path.join(folder, "train-images-idx3-ubyte"), "wb") as file:
    ...         _ = file.write(np.array([2051, 2, 28, 28], ">i4").tobytes() + bytes(2 * 28 * 28))
    ...     with open(os.path.join(folder, "train-labels-idx1-ubyte"), "wb") as file:
    ...         _ = file.write(np.array([2049, 2], ">i4").tobytes() + bytes([7, 3]))
    ...     digits = dataset.MnistDataset(folder, shuffle=False)
    ...     print([(image.shape, int(label)) for image, label in digits])
    [((28, 28, 1), 7), ((28, 28, 1), 3)]
    """

    def __init__(
        self,
        dataset_dir,
        usage=None,
        num_samples=None,
        num_parallel_workers=None,
        shuffle=None,
        sampler=None,
        num_shards=None,
        shard_id=None,
    ):
        op = type(self).__name__
        checks.optional_integer(op, "num_parallel_workers", num_parallel_workers, 1)
        if usage not in (None, "train", "test", "all"):
            raise ValueError(f"{op}: usage must be 'train', 'test' or 'all', got {usage!r}.")
        parts = {"train": ["train"], "test": ["t10k"]}.get(usage, ["train", "t10k"])
        folder = Path(dataset_dir)
        if usage is None:
            parts = [part for part in parts if list(folder.glob(f"{part}-*"))] or parts
        images = [_idx(op, folder, f"{part}-images-idx3-ubyte", 3) for part in parts]
        labels = [_idx(op, folder, f"{part}-labels-idx1-ubyte", 1) for part in parts]
        if len({part.shape[1:] for part in images}) > 1:
            raise ValueError(f"{op}: the images have different sizes, {[part.shape[1:] for part in images]}.")
        columns = [np.concatenate(images)[..., None], np.concatenate(labels).astype(np.uint32)]
        super().__init__(op, columns, ["image", "label"], sampler, shuffle, num_samples, num_shards, shard_id)


class FashionMnistDataset(MnistDataset):
    """The images of clothes of Fashion-MNIST, whose files are those of MNIST; see `MnistDataset`.

    Examples
    --------
    >>> from adcore import dataset
    >>> issubclass(dataset.FashionMnistDataset, dataset.MnistDataset)
    True
    """


def _idx(op, folder, name, rank):
    """The bytes of an IDX file: a magic number, the lengths of the axes, the elements."""
    found = [path for path in (folder / name, folder / f"{name}.gz") if path.is_file()]
    if not found:
        raise FileNotFoundError(f"{op}: there is no file {str(folder / name)!r}.")
    data = found[0].read_bytes()
    try:
        data = gzip.decompress(data) if found[0].suffix == ".gz" else data
        magic, *shape = struct.unpack_from(f">{1 + rank}i", data)
        if magic != 2048 + rank:
            raise ValueError(f"its first number is {magic}, not {2048 + rank}")
        return np.frombuffer(data, np.uint8, offset=4 * (1 + rank)).reshape(shape)
    except (ValueError, OSError, EOFError, zlib.error, struct.error) as error:
        raise ValueError(f"{op}: {found[0]} is no such file: {error}.") from error


# ---- Python objects --------------------------------------------------------------------------------------------------


class _Values:
    """What makes a row of arrays of what a source gives."""

    def __init__(self, name, names, types):
        self.name, self._names, self._types = name, names, types

    def row(self, number, value):
        names = self._names
        if isinstance(value, dict) and set(value) == set(names):
            value = tuple([value[name] for name in names])
        if len(names) > 1 and isinstance(value, list):
            value = tuple(value)
        if not isinstance(value, tuple):
            value = (value,)
        if len(value) != len(names):
            raise ValueError(
                f"GeneratorDataset: {self.name} gave {len(value)} values in row {number}, but there are the columns "
                f"{list(names)}."
            )
        return tuple([self._value(number, c, v) for c, v in enumerate(value)])

    def _value(self, number, c, value):
        try:
            out = array(value)
        except ValueError as error:
            raise ValueError(f"{self._told(number, c)} is no array: {error}") from error
        if out.dtype.kind in "OV":
            raise TypeError(
                f"{self._told(number, c)} must be an array, a number or a string, got {type(value).__name__}."
            )
        if self._types is None or out.dtype == self._types[c]:
            return out
        wanted = self._types[c]
        if not np.can_cast(out.dtype, wanted, "same_kind"):
            raise TypeError(f"{self._told(number, c)} has the dtype {out.dtype}, which is not converted to {wanted}.")
        with np.errstate(over="ignore"):
            converted = out.astype(wanted)
        if out.dtype.kind in "iu" and wanted.kind in "iu" and not np.array_equal(converted, out):
            raise ValueError(f"{self._told(number, c)} does not fit into {wanted}.")
        return converted

    def _told(self, number, c):
        return f"GeneratorDataset: column {self._names[c]!r} of row {number} of {self.name}"


def _failed(name, number, error):
    return RuntimeError(f"GeneratorDataset: {name} failed at row {number}: {type(error).__name__}: {error}")


class _Get:
    """What makes the row of an index of a source; processes are sent it."""

    def __init__(self, source, values):
        self._source, self._values = source, values

    def __call__(self, task):
        index = int(task[1])
        try:
            value = self._source[index]
        except Exception as error:
            raise _failed(self._values.name, index, error) from error
        return self._values.row(index, value)


class _Kept:
    """An iterator that can be iterated again: it keeps what it has given."""

    def __init__(self, iterator):
        self._iterator, self._given, self._failure = iterator, [], None

    def __iter__(self):
        for i in itertools.count():
            if i == len(self._given):
                if self._failure is not None:
                    raise self._failure
                try:
                    self._given.append(next(self._iterator))
                except StopIteration:
                    return
                except Exception as error:
                    self._failure = error
                    raise
            yield self._given[i]


class GeneratorDataset(_Indexed):
    """The rows that a Python object gives.

    Parameters
    ----------
    source : object
        One with random access (``__getitem__`` and ``__len__``); a function that returns an iterable, such as a
        generator function, which is called for each epoch; or an iterable. A row is a value, or a tuple of one for each
        column.
    column_names : str or list of str
    column_types : list of dtype, optional
        What the values are converted to: ints to other ints or to floats, floats to other floats.
    num_samples : int, optional
        At most so many rows in an epoch.
    num_parallel_workers : int, optional
        One, for a source without random access: a thread that works ahead. From two on, for one with: processes, or
        threads unless `python_multiprocessing`. None: a row is made when it is asked for.
    shuffle : bool, optional
        Whether each epoch has another order; True unless given for a source with random access. A Dataset as the
        source is shuffled by its own means, other streams cannot be.
    sampler, num_shards, shard_id : optional
        As of `NumpySlicesDataset`; they need random access.
    python_multiprocessing : bool

    Raises
    ------
    RuntimeError
        While iterating, for an error in the source: it names the source and the row, and has the error as its cause.

    Examples
    --------
    >>> from adcore import dataset
    >>> def squares():
    ...     for i in range(3):
    ...         yield i, i * i
    >>> rows = dataset.GeneratorDataset(squares, ["x", "square"])
    >>> [(int(x), int(y)) for x, y in rows]
    [(0, 0), (1, 1), (2, 4)]
    """

    def __init__(
        self,
        source,
        column_names=None,
        column_types=None,
        schema=None,
        num_samples=None,
        num_parallel_workers=None,
        shuffle=None,
        sampler=None,
        num_shards=None,
        shard_id=None,
        python_multiprocessing=True,
    ):
        op = "GeneratorDataset"
        if schema is not None:
            raise ValueError(f"{op}: schema is not supported; give column_names and column_types.")
        if column_names is None:
            raise ValueError(f"{op}: column_names must be given.")
        names = checks.names(op, "column_names", column_names)
        if isinstance(source, type):
            raise TypeError(f"{op}: source must be an object, not the class {source.__name__}; call it.")
        if isinstance(source, (dict, str, bytes)):
            raise TypeError(f"{op}: source must not be a {type(source).__name__}; NumpySlicesDataset takes columns.")
        types = None
        if column_types is not None:
            types = [numpy_dtype(op, t) for t in (column_types if isinstance(column_types, list) else [column_types])]
            if len(types) != len(names):
                raise ValueError(f"{op}: there are {len(names)} columns, but {len(types)} column_types.")
        self._values = _Values(checks.called(source), names, types)
        self._workers = Workers(op, num_parallel_workers, python_multiprocessing)
        if isinstance(source, Dataset) and shuffle:
            source, shuffle = source.shuffle(max(source.get_dataset_size(), 2)), None
        if hasattr(source, "__getitem__") and hasattr(source, "__len__"):
            if len(source) == 0:
                raise ValueError(f"{op}: {self._values.name} has no rows.")
            super().__init__(op, names, len(source), sampler, shuffle, num_samples, num_shards, shard_id)
            self._source = source
            return
        if not callable(source) and not hasattr(source, "__iter__"):
            raise TypeError(
                f"{op}: source must have __getitem__ and __len__, or be a function or an iterable, got "
                f"{type(source).__name__}."
            )
        for name, value in {"shuffle": shuffle or None, "sampler": sampler, "num_shards": num_shards}.items():
            if value is not None:
                raise ValueError(
                    f"{op}: {name} needs random access, but {self._values.name} has no __getitem__ and __len__; a "
                    "stream has shuffle(buffer_size) and filter()."
                )
        Dataset.__init__(self, (), names)
        # An iterator, unlike an object that makes one, can be gone through once.
        self._source = _Kept(source) if isinstance(source, _ITERATORS) else source
        self._limit = checks.optional_integer(op, "num_samples", num_samples, 1)

    @property
    def source(self):
        """The object that gives the rows."""
        return self._source

    @property
    def _addressable(self):
        return self._sampler is not None

    def _size(self):
        if self._sampler is not None:
            return self._chosen
        if not hasattr(self._source, "__len__"):
            return None
        return len(self._source) if self._limit is None else min(self._limit, len(self._source))

    def _rows(self, run, start):
        if self._addressable:
            return super()._rows(run, start)
        rows = self._streamed(start)
        return workers.ahead(self._op, rows) if self._workers.number() else rows

    def _fetch(self, run, blocks):
        order = self._order(run)
        blocks, again = itertools.tee(blocks)
        indices = itertools.chain.from_iterable(order[block] for block in again)
        numbers = itertools.chain.from_iterable(blocks)
        count = self._workers.number()
        made = self._workers if count > 1 else Workers(self._op, None, False)
        return made.map(_Get(self._source, self._values), run, self._stream, numbers, indices)

    def _streamed(self, start):
        values, name = self._values, self._values.name
        try:
            rows = iter(self._source() if callable(self._source) else self._source)
        except Exception as error:
            raise _failed(name, 0, error) from error
        for number in itertools.count():
            if number == self._limit:
                return
            try:
                value = next(rows)
            except StopIteration:
                return
            except Exception as error:
                raise _failed(name, number, error) from error
            if number >= start:
                yield values.row(number, value)


# What the language and its library make of other iterables.
_ITERATORS = (
    types.GeneratorType,
    zip,
    map,
    filter,
    enumerate,
    reversed,
    type(iter([])),
    type(iter(())),
    itertools.chain,
)
