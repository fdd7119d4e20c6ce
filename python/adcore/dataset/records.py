"""Files of rows: `FileWriter` writes them by a schema, `MindDataset` reads them, each row when it is asked for.

The names are those of MindSpore's MindRecord. The layout is adcore's own: a line that tells it, the rows one after the
other, and at the end, in JSON, the schema and where each row starts. Neither library reads the other's files, and
adcore says so. A row is the lengths of its fields, then their bytes; a checksum covers each.
"""

import contextlib
import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from . import checks
from .sources import GeneratorDataset

_MAGIC = b"adcore rows 1\n"
_END = struct.Struct("<QQI")  # where the JSON starts, its length, its checksum
_NUMBERS = ("int32", "int64", "float32", "float64")


class FileWriter:
    """Writes rows into a file, or into several by turns.

    Parameters
    ----------
    file_name : str or Path
        With several files, their numbers are appended.
    shard_num : int
        How many files.
    overwrite : bool
        Whether files that are there are replaced; they are as they were until `commit`.

    Raises
    ------
    FileExistsError
        If a file is there and `overwrite` is false.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from adcore import dataset
    >>> from adcore.dataset.records import FileWriter
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writer = FileWriter(os.path.join(folder, "rows"))
    ...     schema = {"label": {"type": "int32"}, "data": {"type": "float32", "shape": [-1]}}
    ...     _ = writer.add_schema(schema, "numbers")
    ...     _ = writer.write_raw_data([{"label": 1, "data": np.ones(2, np.float32)}])
    ...     _ = writer.commit()
    ...     for data, label in dataset.MindDataset(os.path.join(folder, "rows"), shuffle=False):
    ...         print(data, label)
    [1. 1.] 1
    """

    def __init__(self, file_name, shard_num=1, overwrite=False):
        checks.integer("FileWriter", "shard_num", shard_num, 1)
        name, width = os.fspath(file_name), len(str(shard_num - 1))
        numbered = [f"{name}{i:0{width}}" for i in range(shard_num)]
        self._paths = [Path(name)] if shard_num == 1 else [Path(path) for path in numbered]
        for path in self._paths:
            if path.exists() and not overwrite:
                raise FileExistsError(f"FileWriter: {path} exists; overwrite=True replaces it.")
        self._fields, self._description, self._rows = None, None, []

    def add_schema(self, content, desc=None):
        """Say what a row consists of: names of fields, each with its "type" and for arrays its "shape".

        Parameters
        ----------
        content : dict
            The type is one of int32, int64, float32, float64, string and bytes; a shape may have one -1.
        desc : str, optional
        """
        op = "FileWriter.add_schema"
        if self._fields is not None:
            raise ValueError(f"{op}: there is a schema already.")
        if not isinstance(content, dict) or not content:
            raise TypeError(f"{op}: expected a dict of fields, got {content!r}.")
        for name, field in content.items():
            kind, shape = field.get("type"), field.get("shape")
            if set(field) - {"type", "shape"} or kind not in (*_NUMBERS, "string", "bytes"):
                raise ValueError(f"{op}: field {name!r} must have a type, such as 'int32', got {field!r}.")
            if shape is not None and (kind not in _NUMBERS or sum(n == -1 for n in shape) > 1):
                raise ValueError(f"{op}: field {name!r} cannot have the shape {shape!r}.")
        self._fields, self._description = {name: dict(content[name]) for name in sorted(content)}, desc
        return 0

    def add_index(self, index_fields):
        """Accept names of fields to find rows by; a row is found by its number."""
        unknown = [name for name in index_fields if name not in (self._fields or {})]
        if unknown:
            raise ValueError(f"FileWriter.add_index: the schema has no field {unknown[0]!r}.")

    def write_raw_data(self, raw_data, parallel_writer=False):
        """Take in rows, a list of dicts; a row that does not fit the schema is an error, and none is taken in."""
        op = "FileWriter.write_raw_data"
        if self._fields is None:
            raise ValueError(f"{op}: add_schema comes first.")
        if not isinstance(raw_data, list):
            raise TypeError(f"{op}: expected a list of dicts, got {type(raw_data).__name__}.")
        self._rows += [self._packed(op, len(self._rows) + i, row) for i, row in enumerate(raw_data)]
        return True

    def _packed(self, op, number, row):
        if set(row) != set(self._fields):
            raise ValueError(f"{op}: row {number} has the fields {sorted(row)}, the schema {list(self._fields)}.")
        parts = []
        for name, field in self._fields.items():
            try:
                parts.append(_bytes_of(row[name], field))
            except (TypeError, ValueError, OverflowError) as error:
                raise type(error)(f"{op}: field {name!r} of row {number}: {error}") from error
        return struct.pack(f"<{len(parts)}Q", *map(len, parts)) + b"".join(parts)

    def commit(self):
        """Write the files, each beside its place and then renamed."""
        if self._fields is None:
            raise ValueError("FileWriter.commit: add_schema comes first.")
        beside = [path.with_name(f"{path.name}.{os.getpid()}.part") for path in self._paths]
        try:
            for i, path in enumerate(beside):
                self._write(path, self._rows[i :: len(beside)])
            for path, place in zip(beside, self._paths):
                os.replace(path, place)
        finally:
            for path in beside:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
        return True

    def _write(self, path, rows):
        with path.open("wb") as file:
            file.write(_MAGIC)
            places = []
            for row in rows:
                places.append([file.tell(), len(row), zlib.crc32(row)])
                file.write(row)
            told = {"fields": self._fields, "description": self._description, "rows": places}
            end, start = json.dumps(told).encode(), file.tell()
            file.write(end + _END.pack(start, len(end), zlib.crc32(end)))


def _bytes_of(value, field):
    kind = field["type"]
    if kind in ("string", "bytes"):
        wanted = str if kind == "string" else bytes
        if not isinstance(value, wanted):
            raise TypeError(f"expected {wanted.__name__}, got {type(value).__name__}.")
        return value.encode() if kind == "string" else value
    array = np.asarray(value)
    if not np.can_cast(array.dtype, kind, "same_kind") and not (array.dtype.kind in "biu" and kind[0] == "f"):
        raise TypeError(f"expected {kind}, got {array.dtype}.")
    made = array.astype(kind)
    if array.dtype.kind in "iu" and kind[0] == "i" and not np.array_equal(made, array):
        raise ValueError(f"a value does not fit into {kind}.")
    shape = field.get("shape")
    if shape is None:
        if made.ndim:
            raise ValueError(f"expected a number, got an array of the shape {made.shape}.")
    else:
        made.reshape(shape)  # raises where it does not fit
    return made.tobytes()


class _File:
    """The rows of a file, by their numbers; a process that gets it opens the file itself."""

    def __init__(self, op, path):
        self._op, self._path = op, path
        try:
            if self._read(0, len(_MAGIC)) != _MAGIC:
                raise ValueError("it was not written by adcore's FileWriter")
            start, length, crc = _END.unpack(self._read(-_END.size, _END.size))
            end = self._read(start, length)
            if zlib.crc32(end) != crc:
                raise ValueError("it is damaged at its end")
            told = json.loads(end)
        except (ValueError, OSError, struct.error) as error:
            raise ValueError(f"{op}: {path} is no such file: {error}.") from error
        self.fields, self._rows = told["fields"], told["rows"]

    def _read(self, start, length):
        with self._path.open("rb") as file:
            file.seek(start, os.SEEK_SET if start >= 0 else os.SEEK_END)
            return file.read(length)

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, index):
        start, length, crc = self._rows[index]
        row = self._read(start, length)
        if zlib.crc32(row) != crc:
            raise ValueError(f"row {index} of {self._path} is damaged.")
        count = len(self.fields)
        lengths = struct.unpack_from(f"<{count}Q", row)
        values, place = {}, 8 * count
        for (name, field), size in zip(self.fields.items(), lengths):
            values[name] = _value_of(row[place : place + size], field)
            place += size
        return values


def _value_of(data, field):
    kind = field["type"]
    if kind == "string":
        return data.decode()
    if kind == "bytes":
        return np.frombuffer(data, np.uint8)
    array = np.frombuffer(data, kind)
    return array.reshape(field["shape"]) if "shape" in field else array[0]


class _Rows:
    """The rows of files, as tuples of columns."""

    def __init__(self, files, columns):
        self._files, self._columns = files, columns

    def __len__(self):
        return sum(map(len, self._files))

    def __getitem__(self, index):
        for file in self._files:
            if index < len(file):
                row = file[index]
                return tuple(row[name] for name in self._columns)
            index -= len(file)
        raise IndexError(index)


class MindDataset(GeneratorDataset):
    """The rows of files that `FileWriter` has written, their fields in the order of their names.

    Parameters
    ----------
    dataset_files : str, Path or list of these
        A file; or the name without the numbers of several files.
    columns_list : list of str, optional
        The fields that are read, in their order.
    num_parallel_workers, shuffle, num_shards, shard_id, sampler, num_samples
        As of `GeneratorDataset`.
    padded_sample, num_padded, cache
        Not supported.

    Raises
    ------
    FileNotFoundError
        For a file that is not there.
    ValueError
        For a file that is damaged or of MindSpore, for files of different schemas and for fields that they lack.

    Examples
    --------
    >>> import os, tempfile
    >>> from adcore import dataset
    >>> from adcore.dataset.records import FileWriter
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = os.path.join(folder, "rows")
    ...     writer = FileWriter(file)
    ...     _ = writer.add_schema({"label": {"type": "int32"}, "name": {"type": "string"}})
    ...     _ = writer.write_raw_data([{"label": i, "name": f"row {i}"} for i in range(3)])
    ...     _ = writer.commit()
    ...     rows = dataset.MindDataset(file, ["name", "label"], shuffle=False)
    ...     print([(str(name), int(label)) for name, label in rows])
    [('row 0', 0), ('row 1', 1), ('row 2', 2)]
    """

    def __init__(
        self,
        dataset_files,
        columns_list=None,
        num_parallel_workers=None,
        shuffle=None,
        num_shards=None,
        shard_id=None,
        sampler=None,
        padded_sample=None,
        num_padded=None,
        num_samples=None,
        cache=None,
    ):
        op = "MindDataset"
        for name, value in {"padded_sample": padded_sample, "num_padded": num_padded, "cache": cache}.items():
            if value is not None:
                raise NotImplementedError(f"{op}: {name} is not supported.")
        files = [_File(op, path) for path in _found(op, dataset_files)]
        fields = files[0].fields
        if any(file.fields != fields for file in files):
            raise ValueError(f"{op}: the files have different schemas.")
        columns = list(fields) if columns_list is None else checks.names(op, "columns_list", columns_list)
        unknown = [name for name in columns if name not in fields]
        if unknown:
            raise ValueError(f"{op}: the files have no field {unknown[0]!r}, but {list(fields)}.")
        if not any(map(len, files)):
            raise ValueError(f"{op}: there are no rows.")
        super().__init__(
            _Rows(files, columns),
            columns,
            num_samples=num_samples,
            num_parallel_workers=num_parallel_workers,
            shuffle=shuffle,
            sampler=sampler,
            num_shards=num_shards,
            shard_id=shard_id,
        )


def _found(op, files):
    if isinstance(files, list):
        return [path for file in files for path in _found(op, file)]
    path = Path(files)
    if path.is_file():
        return [path]
    numbered = sorted(p for p in path.parent.glob(f"{path.name}*") if p.name[len(path.name) :].isdigit())
    if not numbered:
        raise FileNotFoundError(f"{op}: there is no file {str(path)!r}.")
    return numbered


__all__ = ["FileWriter", "MindDataset"]
