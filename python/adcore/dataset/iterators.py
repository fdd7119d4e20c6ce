"""Iterators over datasets: epoch after epoch, from any position on, as Tensors or arrays."""

import numpy as np

from .._core import Tensor
from . import checks, config
from .runs import Run


def is_shared(name, value):
    """Whether the Tensor of an array shares its memory; raises where there is none."""
    if value.dtype.kind not in "biufUS" or value.dtype == np.longdouble:
        raise TypeError(
            f"column {name!r} has the dtype {value.dtype}, of which there is no Tensor; output_numpy=True gives arrays."
        )
    flags = value.flags
    return value.dtype.kind in "biuf" and flags.c_contiguous and flags.writeable and value.dtype.isnative


def tensor(name, value):
    """The Tensor of an array of a row; strings stay what they are."""
    if is_shared(name, value):
        return Tensor.from_numpy(value)
    if value.dtype.kind in "US":
        return value
    return Tensor(np.ascontiguousarray(value, value.dtype.newbyteorder("=")).reshape(value.shape))


class _Iterator:
    """Elements of a dataset, one epoch after the other, each of which ends with StopIteration.

    After an error, Ctrl-C among them, it goes on with the element that it was about to give.
    """

    def __init__(self, dataset, begin, num_epochs, output_numpy):
        op = "create_dict_iterator" if isinstance(self, DictIterator) else "create_tuple_iterator"
        num_epochs = checks.integer(op, "num_epochs", num_epochs, -1)
        if num_epochs == 0:
            raise ValueError(f"{op}: num_epochs must be -1 or at least 1, got 0.")
        self._op, self._num_epochs = op, num_epochs
        self._dataset, self._begin = dataset, begin
        self._numpy = checks.boolean(op, "output_numpy", output_numpy)
        self._seed, self._start = config.get_seed(), begin()
        self._epoch = self._position = 0
        self._rows = None

    def __iter__(self):
        return self

    def __next__(self):
        rows = self._rows
        if rows is None:
            rows = self._open()
        try:
            row = next(rows)
        except StopIteration:
            self._rows = None
            self._epoch, self._position = self._epoch + 1, 0
            raise
        except BaseException:
            self._rows = None
            raise
        self._position += 1
        return row

    def _open(self):
        if self._epoch == self._num_epochs:
            raise RuntimeError(f"{self._op}: the {self._num_epochs} epochs of num_epochs have been gone through.")
        epoch = self._begin(self._start + self._epoch)
        run = Run(self._seed, epoch)
        rows = None if self._numpy else self._dataset._tensors(run, self._position)
        if rows is None:
            rows = self._dataset._rows(run, self._position)
            if not self._numpy:
                rows = self._as_tensors(rows)
        self._rows = self._arranged(rows)
        return self._rows

    def _as_tensors(self, rows):
        names = self._dataset._names
        return ([tensor(name, value) for name, value in zip(names, row)] for row in rows)

    def state_dict(self):
        """Return where the iterator is, as a dict of ints.

        ``epoch`` counts the epochs that are over, ``position`` the elements that the current one has given; ``seed``
        and ``start`` say which order the epochs have, and ``pipeline`` is a checksum of how the dataset is made.
        """
        return {
            "seed": self._seed,
            "start": self._start,
            "epoch": self._epoch,
            "position": self._position,
            "pipeline": self._dataset._fingerprint(),
        }

    def load_state_dict(self, state):
        """Go on where another iterator was when `state_dict` returned `state`: with the element it would give next.

        The dataset must be made as that one was; a shard of a `DistributedSampler` may be another. What has random
        access does not compute what was given before.

        Raises
        ------
        TypeError, ValueError
            For what `state_dict` cannot have returned, and where the rows, their places or the parts of a split are
            other ones: it would repeat some and leave out others.
        """
        expected = self.state_dict()
        if not isinstance(state, dict) or set(state) != set(expected):
            raise ValueError(f"load_state_dict: needs a dict with {', '.join(expected)}, got {state!r}.")
        state = {name: checks.integer("load_state_dict", name, value, 0) for name, value in state.items()}
        if self._num_epochs != -1 and state["epoch"] > self._num_epochs:
            raise ValueError(f"load_state_dict: epoch is {state['epoch']}, but num_epochs is {self._num_epochs}.")
        size = self._dataset._size()
        if size is not None and state["position"] > size:
            raise ValueError(f"load_state_dict: position is {state['position']}, but an epoch has {size} elements.")
        if state["pipeline"] != expected["pipeline"]:
            raise ValueError(
                "load_state_dict: the state is of a dataset that was made otherwise: of other operations or columns, "
                "numbers of rows, batch sizes, or of a part of a split by another seed; this one has the columns "
                f"{list(self._dataset._names)}, {size} elements and the seed {config.get_seed()}, and the state is of "
                f"the seed {state['seed']}."
            )
        self._rows = None
        self._seed, self._start = state["seed"], state["start"]
        self._epoch, self._position = state["epoch"], state["position"]


class TupleIterator(_Iterator):
    """An iterator whose elements are lists; `Dataset.create_tuple_iterator` makes it.

    Examples
    --------
    >>> from adcore import dataset
    >>> rows = dataset.NumpySlicesDataset([1, 2, 3], shuffle=False)
    >>> iterator = rows.create_tuple_iterator(output_numpy=True)
    >>> next(iterator)
    [array(1)]
    >>> state = iterator.state_dict()
    >>> another = rows.create_tuple_iterator(output_numpy=True)
    >>> another.load_state_dict(state)
    >>> next(another)
    [array(2)]
    """

    def _arranged(self, rows):
        return map(list, rows) if self._numpy else rows


class DictIterator(_Iterator):
    """An iterator whose elements are dicts; `Dataset.create_dict_iterator` makes it.

    Examples
    --------
    >>> from adcore import dataset
    >>> rows = dataset.NumpySlicesDataset({"x": [1, 2]}, shuffle=False)
    >>> next(rows.create_dict_iterator(output_numpy=True))
    {'x': array(1)}
    """

    def _arranged(self, rows):
        names = self._dataset._names
        return (dict(zip(names, row)) for row in rows)
