"""Datasets made of several, one behind or beside the other: repeat, concat, zip."""

import itertools
import math

import numpy as np

from . import checks
from .batches import differing
from .nodes import Dataset, made_by


class Parts(Dataset):
    """Parts that follow each other: `_part(run, i)` gives the node and the run of part i, `_counts()` their sizes."""

    @property
    def _addressable(self):
        return all(child._addressable for child in self._children) and self._size() != math.inf

    def _size(self):
        counts = self._counts()
        return counts if counts is None or counts == math.inf else sum(counts)

    def _rows(self, run, start):
        for i in itertools.count():
            part = self._part(run, i)
            if part is None:
                return
            node, of_part = part
            size = node._size()
            if size is not None:
                if start < size:
                    yield from node._rows(of_part, start)
                start = max(0, start - size)
            else:
                size = 0
                for row in node._rows(of_part, 0):
                    size += 1
                    if size > start:
                        yield row
                start = max(0, start - size)
            if size == 0 and self._size() == math.inf:
                raise RuntimeError("repeat: there are no rows to repeat without end.")

    def _bounds(self):
        return np.cumsum([0, *self._counts()])

    def _fetch(self, run, blocks):
        bounds = self._bounds()
        count = len(bounds) - 1
        blocks, *each = itertools.tee(blocks, count + 1)

        def within(i):
            for block in each[i]:
                mine = block[(block >= bounds[i]) & (block < bounds[i + 1])]
                if mine.size:
                    yield mine - bounds[i]

        rows = [None] * count
        for i in itertools.chain.from_iterable(np.searchsorted(bounds, block, "right") - 1 for block in blocks):
            if rows[i] is None:
                node, of_part = self._part(run, i)
                rows[i] = node._fetch(of_part, within(i))
            yield next(rows[i])

    def _gather(self, run):
        if not self._addressable:
            return None
        bounds, parts = self._bounds(), {}

        def of_part(i):
            if i not in parts:
                node, part_run = self._part(run, i)
                parts[i] = node._gather(part_run)
            return parts[i]

        if any(child._gather(run) is None for child in self._children):
            return None

        def gather(index):
            owner = np.searchsorted(bounds, index, "right") - 1
            kinds = np.unique(owner)
            if len(kinds) == 1:
                return of_part(kinds[0])(index - bounds[kinds[0]])
            out = None
            for i in kinds:
                mine = owner == i
                columns = of_part(i)(index[mine] - bounds[i])
                if out is None:
                    out = [np.empty((len(index), *c.shape[1:]), c.dtype) for c in columns]
                for whole, column, name in zip(out, columns, self._names):
                    if whole.shape[1:] != column.shape[1:] or whole.dtype != column.dtype:
                        raise differing("batch", name, [whole[0], column[0]])
                    whole[mine] = column
            return out

        return gather


@made_by("repeat")
class Repeat(Parts):
    def __init__(self, child, count):
        super().__init__([child], child._names)
        count = -1 if count is None else checks.integer("repeat", "count", count, -1)
        if count == 0:
            raise ValueError("repeat: count must be -1 or at least 1, got 0.")
        self._count = math.inf if count == -1 else count

    def _counts(self):
        size = self._children[0]._size()
        if self._count == math.inf or size == math.inf:
            return math.inf
        return None if size is None else [size] * self._count

    def _facts(self):
        return [str(self._count)]

    def _part(self, run, i):
        return (self._children[0], run.child(i)) if i < self._count else None

    def get_repeat_count(self):
        """Return how often the rows are repeated, -1 for no end."""
        return -1 if self._count == math.inf else self._count * self._children[0].get_repeat_count()


@made_by("concat")
class Concat(Parts):
    def __init__(self, children):
        for child in children:
            if not isinstance(child, Dataset):
                raise TypeError(f"concat: needs datasets, got {type(child).__name__}.")
            if child._names != children[0]._names:
                raise ValueError(
                    f"concat: the columns must be the same, got {list(children[0]._names)} and {list(child._names)}."
                )
        super().__init__(children, children[0]._names)

    def _counts(self):
        sizes = [child._size() for child in self._children]
        return None if None in sizes else math.inf if math.inf in sizes else sizes

    def _part(self, run, i):
        return (self._children[i], run.child(i)) if i < len(self._children) else None


@made_by("zip")
class Zip(Dataset):
    def __init__(self, children):
        if not children:
            raise ValueError("zip: needs at least one dataset.")
        for child in children:
            if not isinstance(child, Dataset):
                raise TypeError(f"zip: needs datasets, got {type(child).__name__}.")
        names = [name for child in children for name in child._names]
        super().__init__(children, checks.names("zip", "the columns", names))

    @property
    def _addressable(self):
        return all(child._addressable for child in self._children)

    def _size(self):
        sizes = [child._size() for child in self._children]
        return None if None in sizes else min(sizes)

    def _together(self, rows):
        return (tuple(itertools.chain.from_iterable(row)) for row in zip(*rows))

    def _rows(self, run, start):
        return self._together([child._rows(run.child(i), start) for i, child in enumerate(self._children)])

    def _fetch(self, run, blocks):
        each = itertools.tee(blocks, len(self._children))
        return self._together(
            [child._fetch(run.child(i), mine) for i, (child, mine) in enumerate(zip(self._children, each))]
        )

    def _gather(self, run):
        gathers = [child._gather(run.child(i)) for i, child in enumerate(self._children)]
        if None in gathers:
            return None
        return lambda index: [column for gather in gathers for column in gather(index)]


def zip_datasets(datasets):
    """Return the dataset that has the columns of all of `datasets`; an epoch ends with the shortest.

    Parameters
    ----------
    datasets : tuple of Dataset
        With different columns.

    Examples
    --------
    >>> from adcore import dataset
    >>> a = dataset.NumpySlicesDataset([1, 2, 3], "a", shuffle=False)
    >>> b = dataset.NumpySlicesDataset([4, 5], "b", shuffle=False)
    >>> [(int(x), int(y)) for x, y in dataset.zip((a, b))]
    [(1, 4), (2, 5)]
    """
    if not isinstance(datasets, (list, tuple)):
        raise TypeError(f"zip: datasets must be a tuple of datasets, got {type(datasets).__name__}.")
    return Zip(datasets)
