"""Which rows of a source with random access an epoch has, and in which order.

It is a function of the number of rows and of the random numbers of the epoch.
"""

import zlib

import numpy as np

from . import checks


def permutation(rng, n):
    """0 ... n-1 in random order."""
    # Both are shuffles of Fisher and Yates; that of `choice`, which there is from 10,000 on, takes half the time.
    return rng.choice(n, n, replace=False) if n > 10_000 else rng.permutation(n)


class Sampler:
    """The base of samplers of one's own: subclasses define ``__iter__``, which gives the indices of an epoch.

    Any other iterable of ints does as well: it is iterated once for each epoch.

    Parameters
    ----------
    num_samples : int, optional
        At most so many rows.

    Examples
    --------
    >>> from adcore import dataset
    >>> class Backwards(dataset.Sampler):
    ...     def __iter__(self):
    ...         return iter(range(self.dataset_size - 1, -1, -1))
    >>> rows = dataset.NumpySlicesDataset([10, 20, 30], sampler=Backwards())
    >>> [int(x) for x, in rows]
    [30, 20, 10]
    """

    dataset_size = 0
    random = True  # whether epochs may differ
    own = True  # whether they are what an iterable of the caller gives

    def __init__(self, num_samples=None):
        self.num_samples = checks.optional_integer(type(self).__name__, "num_samples", num_samples, 1)

    def _facts(self):
        """What else than its size decides which rows an epoch has, as values of JSON."""
        return []

    def _check(self, op, n):
        """Raises for a source of n rows that the sampler does not fit."""

    def _order(self, n, rng):
        self.dataset_size = n
        return np.fromiter(self, np.int64)

    def order(self, op, n, rng):
        """The indices of an epoch over n rows, checked."""
        index = np.asarray(self._order(n, rng))[: self.num_samples]
        if index.size and (index.min() < 0 or index.max() >= n):
            wrong = index[(index < 0) | (index >= n)][0]
            raise ValueError(f"{op}: the sampler gives row {wrong}, but there are the rows 0 to {n - 1}.")
        return index

    def size(self, op, n):
        """How many indices an epoch has."""
        return len(self.order(op, n, np.random.default_rng(0)))


class _Own(Sampler):
    """An iterable of ints."""

    def __init__(self, indices, num_samples=None):
        super().__init__(num_samples)
        self._indices = indices

    def _order(self, n, rng):
        return [checks.integer("sampler", "an index", i) for i in self._indices]


class SequentialSampler(Sampler):
    """The rows in their order, from `start_index` on.

    Examples
    --------
    >>> from adcore import dataset
    >>> rows = dataset.NumpySlicesDataset([10, 20, 30, 40], sampler=dataset.SequentialSampler(1, 2))
    >>> [int(x) for x, in rows]
    [20, 30]
    """

    own = False
    random = False

    def __init__(self, start_index=None, num_samples=None):
        super().__init__(num_samples)
        self.start = checks.optional_integer("SequentialSampler", "start_index", start_index, 0) or 0

    def _facts(self):
        return [self.start]

    def _check(self, op, n):
        if self.start >= n:
            raise ValueError(f"{op}: start_index of the SequentialSampler is {self.start}, but there are {n} rows.")

    def _order(self, n, rng):
        return np.arange(self.start, n)


class RandomSampler(Sampler):
    """The rows in random order, another one in each epoch; with `replacement` each row is drawn from all.

    Examples
    --------
    >>> from adcore import dataset
    >>> rows = dataset.NumpySlicesDataset([10, 20, 30, 40], sampler=dataset.RandomSampler(num_samples=3))
    >>> len({int(x) for x, in rows})
    3
    """

    own = False

    def __init__(self, replacement=False, num_samples=None):
        super().__init__(num_samples)
        self._replacement = checks.boolean("RandomSampler", "replacement", replacement)

    def _check(self, op, n):
        if not self._replacement and (self.num_samples or 0) > n:
            raise ValueError(
                f"{op}: num_samples of the RandomSampler is {self.num_samples}, but there are {n} rows; with "
                "replacement=True rows are drawn more than once."
            )

    def _order(self, n, rng):
        return rng.integers(n, size=self.num_samples or n) if self._replacement else permutation(rng, n)


class SubsetSampler(Sampler):
    """The rows of given indices, in their order.

    Examples
    --------
    >>> from adcore import dataset
    >>> rows = dataset.NumpySlicesDataset([10, 20, 30, 40], sampler=dataset.SubsetSampler([3, 0]))
    >>> [int(x) for x, in rows]
    [40, 10]
    """

    own = False
    random = False

    def __init__(self, indices, num_samples=None):
        super().__init__(num_samples)
        name = type(self).__name__
        indices = np.asarray(list(indices) if not isinstance(indices, int) else [indices])
        if indices.ndim != 1 or not indices.size or indices.dtype.kind not in "iu":
            raise ValueError(f"{name}: indices must be a list of ints that is not empty.")
        self._indices = indices.astype(np.int64)

    def _facts(self):
        return [zlib.crc32(self._indices.tobytes())]

    def _check(self, op, n):
        self.order(op, n, np.random.default_rng(0))

    def _order(self, n, rng):
        return self._indices


class SubsetRandomSampler(SubsetSampler):
    """The rows of given indices, in another random order in each epoch.

    Examples
    --------
    >>> from adcore import dataset
    >>> rows = dataset.NumpySlicesDataset([10, 20, 30, 40], sampler=dataset.SubsetRandomSampler([3, 0]))
    >>> sorted(int(x) for x, in rows)
    [10, 40]
    """

    random = True

    def _order(self, n, rng):
        return self._indices[permutation(rng, len(self._indices))]


class WeightedRandomSampler(Sampler):
    """Rows drawn with given weights, which need not sum to 1.

    Parameters
    ----------
    weights : list of float
        One for each row, none below zero.
    num_samples : int, optional
        How many are drawn; as many as there are weights, unless given.
    replacement : bool
        Whether a row may be drawn more than once.

    Examples
    --------
    >>> from adcore import dataset
    >>> sampler = dataset.WeightedRandomSampler([0, 1, 0, 0], num_samples=3)
    >>> rows = dataset.NumpySlicesDataset([10, 20, 30, 40], sampler=sampler)
    >>> [int(x) for x, in rows]
    [20, 20, 20]
    """

    own = False

    def __init__(self, weights, num_samples=None, replacement=True):
        super().__init__(num_samples)
        weights = np.asarray(weights, np.float64)
        if weights.ndim != 1 or not weights.size:
            raise ValueError("WeightedRandomSampler: weights must be a list of numbers that is not empty.")
        if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise ValueError("WeightedRandomSampler: weights must be finite, not below zero, and not all zero.")
        self._weights, self._replacement = weights, checks.boolean("WeightedRandomSampler", "replacement", replacement)
        self.num_samples = self.num_samples or len(weights)
        if not replacement and self.num_samples > np.count_nonzero(weights):
            raise ValueError(
                f"WeightedRandomSampler: num_samples is {self.num_samples}, but {np.count_nonzero(weights)} weights "
                "are above zero; with replacement=True rows are drawn more than once."
            )

    def _check(self, op, n):
        if len(self._weights) != n:
            raise ValueError(
                f"{op}: the WeightedRandomSampler has {len(self._weights)} weights, but there are {n} rows."
            )

    def _order(self, n, rng):
        return rng.choice(n, self.num_samples, self._replacement, self._weights / self._weights.sum())


class DistributedSampler(Sampler):
    """One of `num_shards` shares of the rows, of the same size each; the last ones may begin with the first rows again.

    With `shuffle` the rows are dealt in another random order in each epoch, the same in all processes that have the
    same seed.

    Examples
    --------
    >>> from adcore import dataset
    >>> sampler = dataset.DistributedSampler(num_shards=2, shard_id=1, shuffle=False)
    >>> [int(x) for x, in dataset.NumpySlicesDataset([10, 20, 30, 40, 50], sampler=sampler)]
    [20, 40, 10]
    """

    own = False

    def __init__(self, num_shards, shard_id, shuffle=True, num_samples=None):
        super().__init__(num_samples)
        self._shards = checks.integer("DistributedSampler", "num_shards", num_shards, 1)
        self._shard = checks.integer("DistributedSampler", "shard_id", shard_id, 0, self._shards - 1)
        self.random = checks.boolean("DistributedSampler", "shuffle", shuffle)

    def _facts(self):
        return [self._shards, self.random]  # not the shard: all go on from the state of one

    def _order(self, n, rng):
        index = np.arange(self._shard, -(-n // self._shards) * self._shards, self._shards) % n
        return permutation(rng, n)[index] if self.random else index


def chosen(op, n, sampler, shuffle, num_samples, num_shards, shard_id):
    """The sampler that the arguments of a source of n rows ask for, checked against n."""
    num_samples = checks.optional_integer(op, "num_samples", num_samples, 1)
    if (num_shards is None) != (shard_id is None):
        raise ValueError(f"{op}: num_shards and shard_id go together, got {num_shards} and {shard_id}.")
    if num_shards is not None:
        checks.integer(op, "num_shards", num_shards, 1)
        checks.integer(op, "shard_id", shard_id, 0, num_shards - 1)
    if shuffle is not None:
        checks.boolean(op, "shuffle", shuffle)
    if sampler is None:
        shuffle = shuffle is not False
        if num_shards is not None:
            sampler = DistributedSampler(num_shards, shard_id, shuffle, num_samples)
        else:
            sampler = RandomSampler() if shuffle else SequentialSampler()
            sampler.num_samples = num_samples and min(num_samples, n)
    elif shuffle is not None or num_shards is not None:
        raise ValueError(f"{op}: sampler and shuffle, num_shards, shard_id exclude each other.")
    elif isinstance(sampler, Sampler):
        if num_samples is not None:
            raise ValueError(f"{op}: give num_samples to the sampler.")
    elif isinstance(sampler, (list, tuple, np.ndarray, int)):
        sampler = SubsetSampler(sampler, num_samples)
    elif hasattr(sampler, "__iter__"):
        # An iterator can be gone through once: its order is that of each epoch.
        again = iter(sampler) is not sampler
        sampler = _Own(sampler, num_samples) if again else SubsetSampler(sampler, num_samples)
    else:
        raise TypeError(f"{op}: sampler must be a sampler or an iterable of ints, got {type(sampler).__name__}.")
    sampler._check(op, n)
    return sampler
