"""Some of the rows, or all, in another order: shuffle, skip, take, split."""

import itertools
import math
import zlib

import numpy as np

from . import checks, config
from .nodes import Over, blocks, made_by
from .runs import Run
from .samplers import permutation


@made_by("shuffle")
class Shuffle(Over):
    def __init__(self, child, buffer_size, seed):
        super().__init__(child, child._names)
        self._buffer = checks.optional_integer("shuffle", "buffer_size", buffer_size, 2)
        self._seed = checks.optional_integer("shuffle", "seed", seed, 0)
        self._stream += 1
        if self._buffer is None and not self._addressable:
            raise ValueError(
                "shuffle: there is no random access to the rows, so buffer_size must say how many to keep."
            )

    @property
    def _addressable(self):
        return self._child._addressable and self._child._size() != math.inf

    def _facts(self):
        return [self._buffer, self._seed]

    def _rng(self, run):
        return (run if self._seed is None else run.with_order_of(self._seed, run.epoch)).rng(self._stream)

    def _order(self, run):
        return run.once(self, lambda: permutation(self._rng(run), self._child._size()))

    def _rows(self, run, start):
        if self._addressable:
            return self._fetch(run, blocks(start, self._size()))
        return itertools.islice(self._drawn(run), start, None)

    def _fetch(self, run, blocks):
        order = self._order(run)
        return self._child._fetch(run, (order[block] for block in blocks))

    def _gather(self, run):
        gather = self._child._gather(run) if self._addressable else None
        return gather and (lambda index: gather(self._order(run)[index]))

    def _drawn(self, run):
        rng, kept = self._rng(run), []
        for row in self._child._rows(run, 0):
            if len(kept) < self._buffer:
                kept.append(row)
                continue
            i = rng.integers(self._buffer)
            row, kept[i] = kept[i], row
            yield row
        yield from [kept[i] for i in rng.permutation(len(kept))]


@made_by("part")
class Part(Over):
    """The rows from `start` on, at most `count`."""

    def __init__(self, child, start, count):
        super().__init__(child, child._names)
        self._start, self._count = start, count

    def _facts(self):
        return [self._start, str(self._count)]

    def _size(self):
        size = self._child._size()
        return None if size is None else max(0, min(size - self._start, self._count))

    def _rows(self, run, start):
        rows = self._child._rows(run, self._start + start)
        return rows if self._count == math.inf else itertools.islice(rows, max(0, self._count - start))

    def _fetch(self, run, blocks):
        return self._child._fetch(run, (block + self._start for block in blocks))

    def _gather(self, run):
        gather = self._child._gather(run)
        return gather and (lambda index: gather(index + self._start))


class Split(Over):
    """Those rows whose places in a fixed order lie in [start, stop)."""

    def __init__(self, child, seed, randomize, start, stop, total):
        super().__init__(child, child._names)
        self._seed, self._total = seed, int(total)
        self._stream += 1
        order = np.arange(self._total)
        if randomize:
            order = permutation(Run(seed, 0).rng(self._stream), self._total)
        self._chosen = np.sort(order[start:stop])
        self._shuffles = child._stream > 0  # whether anything below puts rows into another order in each epoch
        if randomize and not self._shuffles:
            self._chosen = order[start:stop]

    def _facts(self):
        return [self._seed, zlib.crc32(self._chosen.astype(np.int64).tobytes())]

    def _size(self):
        return len(self._chosen)

    def _frozen(self, run):
        return run.once(self, lambda: run.with_order_of(self._seed, 0))

    def _order(self, run):
        if not self._shuffles:
            return self._chosen
        key = (self, "order")
        return run.once(key, lambda: self._chosen[permutation(run.rng(self._stream), len(self._chosen))])

    def _rows(self, run, start):
        if self._addressable:
            return self._fetch(run, blocks(start, self._size()))
        return itertools.islice(self._streamed(run), start, None)

    def _fetch(self, run, blocks):
        order = self._order(run)
        return self._child._fetch(self._frozen(run), (order[block] for block in blocks))

    def _gather(self, run):
        gather = self._child._gather(self._frozen(run)) if self._addressable else None
        return gather and (lambda index: gather(self._order(run)[index]))

    def _streamed(self, run):
        mine = np.zeros(self._total, bool)
        mine[self._chosen] = True
        number = -1
        for number, row in enumerate(self._child._rows(self._frozen(run), 0)):
            if number == self._total:
                break
            if mine[number]:
                yield row
        if number + 1 != self._total:
            raise RuntimeError(
                f"split: there were {self._total} rows when they were split, but now there are "
                f"{'more' if number == self._total else number + 1}."
            )


@made_by("split")
def split(dataset, sizes, randomize):
    """The parts of a dataset."""
    checks.boolean("split", "randomize", randomize)
    bounds = np.cumsum([0, *_split_sizes(sizes, dataset.get_dataset_size())])
    seed = config.get_seed()
    return tuple(Split(dataset, seed, randomize, *bounds[i : i + 2], bounds[-1]) for i in range(len(sizes)))


def _split_sizes(sizes, total):
    if not isinstance(sizes, (list, tuple)) or not sizes:
        raise TypeError(f"split: sizes must be a list of ints or a list of floats, got {sizes!r}.")
    if all(isinstance(s, int) and not isinstance(s, bool) for s in sizes):
        if any(s < 1 for s in sizes) or sum(sizes) != total:
            raise ValueError(
                f"split: sizes must be at least 1 and sum to the number of rows, {total}, got {sizes}, which sum to "
                f"{sum(sizes)}."
            )
        return sizes
    if not all(isinstance(s, float) for s in sizes):
        raise TypeError(f"split: sizes must be a list of ints or a list of floats, got {sizes!r}.")
    if not all(0 < s < 1 or s == 1 for s in sizes) or abs(sum(sizes) - 1) > 1e-6:
        raise ValueError(f"split: shares must lie in (0, 1] and sum to 1, got {sizes}, which sum to {sum(sizes)}.")
    rows = [round(s * total) for s in sizes]
    if 0 in rows:
        raise ValueError(f"split: of {total} rows the shares {sizes} are {rows} rows: one has none.")
    missing = total - sum(rows)
    # The first part takes what rounding left, or gives what it took too much.
    i = 0 if missing >= 0 else next(i for i, r in enumerate(rows) if r + missing > 0)
    rows[i] += missing
    return rows
