"""Datasets: immutable nodes of a tree, whose leaves are sources (sources.py).

A node has rows: tuples of NumPy arrays, one for each column, which are new: nobody else holds their memory, so that a
Tensor shares it and the consumer may write to it. Given a run (runs.py) a node can say

- `_rows(run, start)`: the rows of the epoch from number `start` on;
- `_fetch(run, blocks)`, if it is `_addressable`: the rows whose numbers stand in `blocks`, an iterator of index arrays.
  A stream of numbers goes down to the source and a stream of rows comes up, so that workers of a map below a shuffle
  work ahead, too;
- `_gather(run)`: if its rows are those of arrays, a function from an index array to one array for each column, in which
  a batch is a slice; otherwise None.

An addressable node starts in the middle of an epoch without computing what comes before. Start reading at `Dataset`.
"""

import itertools
import json
import math
import zlib

import numpy as np

from .._core import Tensor
from . import checks, config
from .iterators import DictIterator, TupleIterator
from .runs import Run

_BLOCK = 1024  # numbers of rows that are asked for at once
BYTES = 1 << 18  # of rows that are gathered at once: a part of a core's cache


# The kinds of nodes by the method of Dataset that makes them: they are subclasses of it, in modules of their own.
_kinds = {}


def made_by(method):
    """Name the method of Dataset that makes nodes of a kind."""

    def named(kind):
        _kinds[method] = kind
        return kind

    return named


def blocks(start, stop):
    """The numbers from `start` to `stop` (which may be infinite) in arrays."""
    while start < stop:
        end = min(start + _BLOCK, stop)
        yield np.arange(start, end)
        start = end


def array(value):
    """A new array of what a function or a source of the caller gives."""
    return np.array(value.asnumpy() if isinstance(value, Tensor) else value)


class Dataset:
    """A sequence of rows of named columns; the base of all datasets.

    Its methods return new datasets and leave it as it is, so that one dataset may be part of several others. Iterating
    over it gives lists of Tensors, one for each column.

    The order of rows is a function of the seed (`config.set_seed`, else `adcore.set_seed`), of the number of the epoch
    and of the place of the shuffle or sampler in the pipeline. A dataset counts the epochs that were begun, so that
    each has another order; `reset`, and setting a seed, start the count again.

    Examples
    --------
    >>> from adcore import dataset
    >>> rows = dataset.NumpySlicesDataset({"x": [1.0, 2.0, 3.0], "y": [0, 1, 0]}, shuffle=False)
    >>> for x, y in rows.batch(2):
    ...     print(x, y)
    [1. 2.] [0 1]
    [3.] [0]
    """

    def __init__(self, children, names):
        self._children, self._names = tuple(children), tuple(names)
        # Which random numbers of a run are those of this node: nodes along a path have different ones.
        self._stream = max((child._stream for child in children), default=0)
        self._seeding, self._begun, self._counted = None, 0, None

    # ---- what nodes say of themselves

    _addressable = False

    def _size(self):
        """The number of rows of an epoch, if it is known without going through one."""
        return None

    def _facts(self):
        """What else than columns and children decides which rows there are in which places, as values of JSON."""
        return []

    def _description(self):
        size = self._size()
        size = None if size is None else str(size)
        children = [child._description() for child in self._children]
        return [type(self).__name__, list(self._names), size, self._facts(), children]

    def _fingerprint(self):
        """A number that differs, but for chance, where the rows of an epoch or their places do."""
        return zlib.crc32(json.dumps(self._description()).encode())

    def _rows(self, run, start):
        return self._fetch(run, blocks(start, self._size()))

    def _gather(self, run):
        return None

    def _tensors(self, run, start):
        """The rows as lists of Tensors where there is a faster way than from arrays, else None."""
        return None

    # ---- operations

    def batch(
        self,
        batch_size,
        drop_remainder=False,
        num_parallel_workers=None,
        *,
        per_batch_map=None,
        input_columns=None,
        output_columns=None,
        python_multiprocessing=False,
    ):
        """Join `batch_size` rows that follow each other to one, along a new first axis.

        Parameters
        ----------
        batch_size : int
            How many rows; the last batch may have fewer, unless `drop_remainder`.
        drop_remainder : bool
            Leave out a last batch that is not full.
        num_parallel_workers : int, optional
            Threads that work ahead; one also makes the rows.
        per_batch_map : callable, optional
            ``per_batch_map(column, ..., info)`` gets lists of arrays, one for each of `input_columns`, and a
            `BatchInfo`; it returns lists of the rows of the batch, or a tuple of them.
        input_columns, output_columns : str or list of str, optional
            What `per_batch_map` gets, all columns unless given, and what it returns.
        python_multiprocessing : bool
            `per_batch_map` runs in processes, from two workers on.

        Raises
        ------
        ValueError
            While iterating, for rows of different shapes; `padded_batch` takes them.
        """
        return _kinds["batch"](
            self,
            "batch",
            batch_size,
            drop_remainder,
            num_parallel_workers,
            per_batch_map,
            input_columns,
            output_columns,
            python_multiprocessing,
        )

    def padded_batch(self, batch_size, drop_remainder=False, num_parallel_workers=None, pad_info=None):
        """Join rows of different shapes: each is filled up at the ends of its axes.

        Parameters
        ----------
        batch_size, drop_remainder, num_parallel_workers
            As in `batch`.
        pad_info : dict, optional
            By column, ``(shape, value)``: the shape to fill up to, where None, for an axis or all of them, is the
            largest of the batch; and with what. Columns that are not named are filled up to the largest with 0. None:
            no column is filled up, as in `batch`.
        """
        return _kinds["batch"](
            self, "padded_batch", batch_size, drop_remainder, num_parallel_workers, pad_info=pad_info
        )

    def shuffle(self, buffer_size=None, *, seed=None):
        """Give the rows in another random order in each epoch.

        Parameters
        ----------
        buffer_size : int, optional
            At least 2. What has random access is shuffled as a whole. Of a stream so many rows are kept, of which the
            next one is drawn.
        seed : int, optional
            A seed for this node, whatever `config.get_seed` is.
        """
        return _kinds["shuffle"](self, buffer_size, seed)

    def map(
        self,
        operations,
        input_columns=None,
        output_columns=None,
        num_parallel_workers=None,
        *,
        python_multiprocessing=False,
    ):
        """Apply functions to columns of each row.

        Parameters
        ----------
        operations : callable or list of callable
            Each gets what the one before returns: arrays as positional arguments; it returns an array, or a tuple of
            them for several columns.
        input_columns : str or list of str, optional
            What the first gets; unless given, as many of the first columns as it has arguments without a default.
        output_columns : str or list of str, optional
            What the result is called; unless given, as the columns it replaces. If there are more or fewer than inputs,
            they come first, and what else there is behind.
        num_parallel_workers : int, optional
            Threads that work ahead, in order; without any the work is done where the next row is asked for.
        python_multiprocessing : bool
            From two workers on they are processes (`config.set_multiprocessing_start_method`). There `random` and
            `np.random` start from a seed of the row.

        Raises
        ------
        RuntimeError
            While iterating, for an error in one of the functions: it names the function and the row, and has the error
            as its cause.
        """
        return _kinds["map"](
            self, operations, input_columns, output_columns, num_parallel_workers, python_multiprocessing
        )

    def filter(self, predicate, input_columns=None, num_parallel_workers=None):
        """Keep the rows for which ``predicate(column, ...)`` is true; it gets all columns, or `input_columns`."""
        return _kinds["filter"](self, predicate, input_columns, num_parallel_workers)

    def project(self, columns):
        """Keep the columns of these names, in this order."""
        return _kinds["project"](self, "project", checks.columns("project", "columns", columns, self._names))

    def rename(self, input_columns, output_columns):
        """Call columns something else."""
        before = checks.columns("rename", "input_columns", input_columns, self._names)
        after = checks.names("rename", "output_columns", output_columns)
        if len(before) != len(after):
            raise ValueError(f"rename: {len(before)} input_columns, but {len(after)} output_columns.")
        called = dict(zip(before, after))
        names = checks.names("rename", "the columns", [called.get(name, name) for name in self._names])
        return _kinds["project"](self, "rename", self._names, names)

    def repeat(self, count=None):
        """Give the rows `count` times, each time in another order if they are shuffled; without a count without end."""
        return _kinds["repeat"](self, count)

    def skip(self, count):
        """Leave out the first `count` rows."""
        return _kinds["part"](self, checks.integer("skip", "count", count, 0), math.inf)

    def take(self, count=-1):
        """Give the first `count` rows, or all for -1."""
        count = checks.integer("take", "count", count, -1)
        if count == 0:
            raise ValueError("take: count must be -1 or at least 1, got 0.")
        return _kinds["part"](self, 0, math.inf if count == -1 else count)

    def split(self, sizes, randomize=True):
        """Split the rows into datasets that have none in common, in every epoch.

        Parameters
        ----------
        sizes : list of int or list of float
            Numbers of rows whose sum is the number of rows, or shares whose sum is 1.
        randomize : bool
            Which row goes where is drawn once, now, from the seed; otherwise the parts follow each other.

        Returns
        -------
        tuple of Dataset
            What this dataset shuffles is frozen in the order of one epoch before it is dealt, and each part is shuffled
            anew in each epoch where there is random access.
        """
        return _kinds["split"](self, sizes, randomize)

    def concat(self, datasets):
        """Give the rows of this dataset, and then those of another one, or of a list, with the same columns."""
        others = list(datasets) if isinstance(datasets, (list, tuple)) else [datasets]
        return _kinds["concat"]([self, *others])

    __add__ = concat

    def zip(self, datasets):
        """Give the columns of this dataset beside those of others; an epoch ends with the shortest."""
        return _kinds["zip"]((self, *(datasets if isinstance(datasets, (list, tuple)) else (datasets,))))

    def apply(self, apply_func):
        """Return ``apply_func(dataset)``, which must be a dataset."""
        out = checks.function("apply", "apply_func", apply_func)(self)
        if not isinstance(out, Dataset):
            raise TypeError(f"apply: apply_func must return a dataset, got {type(out).__name__}.")
        return out

    # ---- iteration

    def create_tuple_iterator(self, columns=None, num_epochs=-1, output_numpy=False):
        """Return an iterator whose elements are lists, with one Tensor (or array) for each column.

        Parameters
        ----------
        columns : str or list of str, optional
            Which columns, in which order.
        num_epochs : int
            How many epochs there are, each of which ends with StopIteration; -1: as many as are asked for.
        output_numpy : bool
            Arrays in place of Tensors. Columns of strings are arrays at all times.

        Returns
        -------
        TupleIterator
        """
        node = self
        if columns is not None:
            node = _kinds["project"](self, "", checks.columns("create_tuple_iterator", "columns", columns, self._names))
        return TupleIterator(node, self._begin, num_epochs, output_numpy)

    def create_dict_iterator(self, num_epochs=-1, output_numpy=False):
        """Return an iterator whose elements are dicts: a Tensor (or array) by the name of its column.

        The arguments are those of `create_tuple_iterator`.
        """
        return DictIterator(self, self._begin, num_epochs, output_numpy)

    def __iter__(self):
        return self.create_tuple_iterator(num_epochs=1)

    def _begin(self, epoch=None):
        """Begin an epoch: return its number, the next unless given."""
        if self._seeding != config.seeding():
            self._seeding, self._begun = config.seeding(), 0
        epoch = self._begun if epoch is None else epoch
        self._begun = max(self._begun, epoch + 1)
        return epoch

    def reset(self):
        """Count the epochs from the start again: the next iterator begins with the order of the first epoch."""
        self._begun = 0

    # ---- what there is

    def get_col_names(self):
        """Return the names of the columns."""
        return list(self._names)

    def get_class_indexing(self):
        """Return the number of each class by its name, of a source that names them; else no classes."""
        return self._children[0].get_class_indexing() if self._children else {}

    def get_dataset_size(self):
        """Return the number of rows, or of batches, of an epoch, which may go through an epoch to count."""
        size = self._size()
        if size is None:
            if self._counted is None:
                self._counted = sum(1 for _ in self._rows(Run(config.get_seed(), 0), 0))
            size = self._counted
        if size == math.inf:
            raise RuntimeError("get_dataset_size: repeat() without a count has no end.")
        return size

    def __len__(self):
        size = self._size()
        if size is None or size == math.inf:
            # `list(dataset)` asks for it, and must not go through an epoch for that.
            raise TypeError("len: the number of rows is not known; get_dataset_size() goes through an epoch to count.")
        return size

    def __bool__(self):
        return True

    def _first(self):
        rows = self._rows(Run(config.get_seed(), 0), 0)
        first = next(rows, None)
        if first is None:
            raise RuntimeError("there are no rows.")
        return first

    def output_shapes(self):
        """Return the shapes of the columns, as lists, which are those of the first row."""
        return [list(value.shape) for value in self._first()]

    def output_types(self):
        """Return the NumPy dtypes of the columns, which are those of the first row."""
        return [value.dtype for value in self._first()]

    def get_batch_size(self):
        """Return how many rows of a source an element has: the batch size, or 1."""
        return self._children[0].get_batch_size() if self._children else 1

    def get_repeat_count(self):
        """Return how often `repeat` repeats the rows."""
        return self._children[0].get_repeat_count() if self._children else 1


class Over(Dataset):
    """A node of one child."""

    def __init__(self, child, names):
        super().__init__([child], names)
        self._child = child

    @property
    def _addressable(self):
        return self._child._addressable

    def _size(self):
        return self._child._size()


class RowByRow(Over):
    """A row is made from the row of the same number of the child."""

    def _rows(self, run, start):
        return self._made(run, self._child._rows(run, start), itertools.count(start))

    def _fetch(self, run, blocks):
        blocks, again = itertools.tee(blocks)
        return self._made(run, self._child._fetch(run, blocks), itertools.chain.from_iterable(again))

    def _made(self, run, rows, numbers):
        """The rows, from those of the child; `numbers` are theirs."""
        raise NotImplementedError
