"""Rows joined to batches: batch, padded_batch."""

import itertools
import math

import numpy as np

from .._core import Tensor
from . import checks, workers
from .iterators import is_shared, tensor
from .nodes import BYTES, Over, array, made_by
from .rowwise import Workers


class BatchInfo:
    """Which batch of which epoch a `per_batch_map` works on.

    Examples
    --------
    >>> from adcore import dataset
    >>> rows = dataset.NumpySlicesDataset([1, 2, 3], shuffle=False)
    >>> numbered = rows.batch(2, per_batch_map=lambda xs, info: [x + 10 * info.get_batch_num() for x in xs])
    >>> [x.tolist() for x, in numbered]
    [[1, 2], [13]]
    """

    def __init__(self, batch_num, epoch_num):
        self._batch, self._epoch = batch_num, epoch_num

    def get_batch_num(self):
        """Return the number of the batch in its epoch, from 0 on."""
        return self._batch

    def get_epoch_num(self):
        """Return the number of the epoch, from 0 on."""
        return self._epoch


def differing(op, name, values):
    shapes = list(dict.fromkeys(value.shape for value in values))
    if len(shapes) > 1:
        return ValueError(
            f"{op}: column {name!r} has rows of different shapes, {', '.join(map(str, shapes))}; "
            f"padded_batch(..., pad_info={{}}) fills them up."
        )
    kinds = ", ".join(dict.fromkeys(str(value.dtype) for value in values))
    return TypeError(
        f"{op}: column {name!r} has rows of different dtypes, {kinds}; a map to one of them makes them equal."
    )


def stack(op, name, values):
    """Rows of a column as one array."""
    first = values[0]
    for value in values:
        if value.shape != first.shape or value.dtype != first.dtype and first.dtype.kind not in "US":
            raise differing(op, name, values)
    return np.array(values)


class BatchFunction:
    """What makes a batch of rows; processes are sent it."""

    def __init__(self, op, names, pads, per_batch_map, inputs, others, outputs, replaces):
        self.op, self._names, self._pads = op, names, pads
        self._map, self._inputs, self._others = per_batch_map, inputs, others
        self._outputs, self._replaces = outputs, replaces

    def __call__(self, task):
        number, (epoch, rows) = task
        columns = dict(zip(self._names, zip(*rows)))
        if self._map is not None:
            columns = self._mapped(columns, BatchInfo(number, epoch))
        return tuple([self._stacked(name, list(values)) for name, values in columns.items()])

    def _mapped(self, columns, info):
        try:
            out = self._map(*[list(columns[name]) for name in self._inputs], info)
        except Exception as error:
            raise RuntimeError(
                f"{self.op}: {checks.called(self._map)} failed at batch {info.get_batch_num()}: "
                f"{type(error).__name__}: {error}"
            ) from error
        out = out if isinstance(out, tuple) else (out,)
        if len(out) != len(self._outputs):
            raise ValueError(
                f"{self.op}: {checks.called(self._map)} returned {len(out)} columns, but there are "
                f"{len(self._outputs)} output_columns."
            )
        try:
            out = [[array(value) for value in column] for column in out]
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"{self.op}: {checks.called(self._map)} must return lists of arrays, which it did not at batch "
                f"{info.get_batch_num()}: {error}"
            ) from error
        if not self._replaces:
            return {**dict(zip(self._outputs, out)), **{name: columns[name] for name in self._others}}
        called = dict(zip(self._inputs, zip(self._outputs, out)))
        return dict([called.get(name, (name, columns[name])) for name in self._names])

    def _stacked(self, name, values):
        if self._pads is not None:
            values = _padded(self.op, name, values, *self._pads.get(name, (None, 0)))
        return stack(self.op, name, values)


def _padded(op, name, values, shape, fill):
    ranks = {value.ndim for value in values}
    if len(ranks) > 1 or shape is not None and len(shape) not in ranks:
        wanted = "" if shape is None else f", to be filled up to {list(shape)}"
        raise ValueError(f"{op}: column {name!r} has rows of ranks {sorted(ranks)}{wanted}.")
    largest = [max(sizes) for sizes in zip(*[value.shape for value in values])]
    shape = [m if s is None else s for s, m in zip(shape or [None] * len(largest), largest)]
    if any(s < m for s, m in zip(shape, largest)):
        raise ValueError(f"{op}: column {name!r} has rows up to the shape {largest}, more than {shape}.")
    out = []
    for value in values:
        whole = np.full(shape, fill, value.dtype)
        whole[tuple(map(slice, value.shape))] = value
        out.append(whole)
    return out


@made_by("batch")
class Batch(Over):
    def __init__(
        self,
        child,
        op,
        batch_size,
        drop_remainder,
        num_parallel_workers,
        per_batch_map=None,
        input_columns=None,
        output_columns=None,
        python_multiprocessing=False,
        pad_info=None,
    ):
        self._batch = checks.integer(op, "batch_size", batch_size, 1)
        self._drop = checks.boolean(op, "drop_remainder", drop_remainder)
        known = child._names
        if per_batch_map is None:
            if input_columns is not None or output_columns is not None:
                raise ValueError(
                    f"{op}: input_columns and output_columns are those of per_batch_map, which is not given."
                )
        else:
            checks.function(op, "per_batch_map", per_batch_map)
        inputs = known if input_columns is None else checks.columns(op, "input_columns", input_columns, known)
        outputs = inputs if output_columns is None else checks.names(op, "output_columns", output_columns)
        others = [name for name in known if name not in inputs]
        replaces = len(inputs) == len(outputs)
        called = dict(zip(inputs, outputs))
        names = [called.get(name, name) for name in known] if replaces else [*outputs, *others]
        super().__init__(child, checks.names(op, "the columns", names))
        self._plain = per_batch_map is None and pad_info is None
        pads = None if pad_info is None else _checked_pads(op, pad_info, known)
        self._function = BatchFunction(op, known, pads, per_batch_map, inputs, others, outputs, replaces)
        self._workers = Workers(op, num_parallel_workers, python_multiprocessing)

    def _size(self):
        size = self._child._size()
        if size is None or size == math.inf:
            return size
        return size // self._batch if self._drop else -(-size // self._batch)

    def _facts(self):
        return [self._batch, self._drop]

    def get_batch_size(self):
        """Return the number of rows of a batch."""
        return self._batch

    def _rows(self, run, start):
        slices = self._slices(run, start)
        if slices is not None:
            return self._cut(slices)
        rows = self._child._rows(run, start * self._batch)
        made = self._made(run, self._groups(rows), itertools.count(start))
        return workers.ahead(self._function.op, made) if self._plain and self._workers.number() else made

    def _fetch(self, run, blocks):
        size, batch = self._child._size(), self._batch
        blocks, again = itertools.tee(blocks)
        spans = (np.arange(i * batch, min((i + 1) * batch, size)) for block in blocks for i in block)
        spans, counted = itertools.tee(spans)
        rows = self._child._fetch(run, spans)
        groups = (list(itertools.islice(rows, len(span))) for span in counted)
        return self._made(run, groups, itertools.chain.from_iterable(again))

    def _groups(self, rows):
        rows = iter(rows)
        while group := list(itertools.islice(rows, self._batch)):
            if len(group) < self._batch and self._drop:
                return
            yield group

    def _made(self, run, groups, numbers):
        groups = ((run.true[1], group) for group in groups)
        if self._plain:
            return map(self._function, zip(map(int, numbers), groups))
        return self._workers.map(self._function, run, self._stream, numbers, groups)

    def _slices(self, run, start):
        """Arrays of many batches each, one for each column; None where a batch is made row by row."""
        if not self._plain or self._child._size() == math.inf:
            return None
        gather = self._child._gather(run)
        if gather is None:
            return None

        def gathered():
            size = self._size()
            stop = size * self._batch if self._drop else self._child._size()
            at, step = start * self._batch, self._batch
            while at < stop:
                columns = gather(np.arange(at, min(at + step, stop)))
                yield columns
                at += step
                # The first batch shows how large a row is.
                row = max(1, sum(column[:1].nbytes for column in columns))
                step = max(1, BYTES // (row * self._batch)) * self._batch

        return workers.ahead(self._function.op, gathered()) if self._workers.number() else gathered()

    def _cut(self, slices):
        batch = self._batch
        for columns in slices:
            for i in range(0, len(columns[0]), batch):
                yield tuple([column[i : i + batch] for column in columns])

    def _tensors(self, run, start):
        slices = self._slices(run, start)
        return None if slices is None else self._cut_tensors(slices)

    def _cut_tensors(self, slices):
        """Slices of Tensors, which takes less time than Tensors of slices do."""
        return itertools.chain.from_iterable(map(self._cut_tensor, slices))

    def _cut_tensor(self, columns):
        return map(list, zip(*map(self._batches, self._names, columns)))

    def _batches(self, name, column):
        if is_shared(name, column):
            return Tensor._batches(column, self._batch)
        return (tensor(name, column[i : i + self._batch]) for i in range(0, len(column), self._batch))


def _checked_pads(op, pad_info, known):
    if not isinstance(pad_info, dict):
        raise TypeError(f"{op}: pad_info must be a dict, got {type(pad_info).__name__}.")
    if pad_info:
        checks.columns(op, "pad_info", list(pad_info), known)
    for name, pad in pad_info.items():
        if not isinstance(pad, tuple) or len(pad) != 2 or not (pad[0] is None or isinstance(pad[0], (list, tuple))):
            raise TypeError(f"{op}: pad_info of {name!r} must be (shape, value), got {pad!r}.")
    return pad_info
