"""What a Model reads of a data set: batches, as tuples of Tensors, whatever the data set is.

A data set is anything that can be read again and again: one with ``create_tuple_iterator``, a list, an object that can
be iterated, a function without arguments that returns an iterator. A batch is a tuple, list or dict of Tensors or
arrays, or one of these alone.
"""

import inspect

from adcore._core import Tensor

__all__ = ["Feed", "as_input", "check_dataset", "check_elements"]


def check_dataset(name, dataset):
    """Raise a TypeError for what is no data set."""
    if isinstance(dataset, (str, bytes, dict, Tensor)) or not (
        hasattr(dataset, "create_tuple_iterator") or hasattr(dataset, "__iter__") or callable(dataset)
    ):
        raise TypeError(
            f"{name}: a data set must be iterable and give batches, tuples of Tensors or arrays, "
            f"got {type(dataset).__name__}."
        )


class Feed:
    """A data set as a run reads it: an iteration is an epoch, of batches as tuples of Tensors.

    Parameters
    ----------
    name : str
        Who reads; errors start with it.
    dataset : object
    done : int
        How many epochs a training did before. What can, goes on with the order of the next one.

    Attributes
    ----------
    length : int or None
        The number of batches of an epoch, where the data set knows it without counting.
    """

    def __init__(self, name, dataset, done=0):
        check_dataset(name, dataset)
        self._name, self._dataset = name, dataset
        self.length = _length(dataset)
        self._iterator = None
        if hasattr(dataset, "create_tuple_iterator"):
            self._iterator = dataset.create_tuple_iterator()  # of one epoch after the other
            if done and hasattr(self._iterator, "load_state_dict"):
                state = self._iterator.state_dict()
                self._iterator.load_state_dict({**state, "start": max(state["start"], done)})

    def __iter__(self):
        return self._epoch()

    def close(self):
        """Let the data set go: an exception that is kept would keep its processes, too."""
        self._iterator = None

    def _epoch(self):
        if self._iterator is not None:
            found = self._iterator
        else:
            found = iter(self._dataset if hasattr(self._dataset, "__iter__") else self._dataset())
        # The rest of an epoch that a training goes on with may be nothing.
        begun = hasattr(found, "state_dict") and found.state_dict().get("position", 0) > 0
        for batch in found:
            begun = True
            yield _elements(batch)
        if not begun:
            hint = " An iterator is read once; pass the function that makes it." if found is self._dataset else ""
            raise ValueError(f"{self._name}: the data set gave no batches.{hint}")


def _length(dataset):
    if hasattr(dataset, "__len__"):
        try:
            return len(dataset)
        except TypeError:  # it would have to count
            return None
    return dataset.get_dataset_size() if hasattr(dataset, "get_dataset_size") else None


def _elements(batch):
    if isinstance(batch, dict):
        batch = batch.values()
    elif not isinstance(batch, (tuple, list)):
        batch = (batch,)
    return tuple([item if isinstance(item, Tensor) else as_input(item) for item in batch])


def as_input(item):
    """Return an array as a Tensor of its dtype; anything else as it is."""
    if isinstance(item, Tensor) or not hasattr(item, "__array__"):
        return item
    import numpy as np

    array = np.asarray(item)
    return Tensor(array) if array.dtype.kind in "biuf" else item


def check_elements(name, elements, network, with_loss):
    """Raise a ValueError that says what a network wants and what there is, unless they fit."""
    given = f"the data set gave {len(elements)}: {', '.join(map(_described, elements))}"
    if with_loss:
        if len(elements) != 2:
            raise ValueError(
                f"{name}: with a loss_fn a batch must have 2 elements, data and label, but {given}. "
                "For others leave loss_fn out and compute the loss in the network."
            )
        return
    signature = inspect.signature(network.construct)
    try:
        signature.bind(*elements)
    except TypeError as error:
        raise ValueError(
            f"{name}: {type(network).__name__}.construct takes {signature}, but {given} ({error})."
        ) from None


def _described(element):
    if isinstance(element, Tensor):
        return f"{element.dtype} {tuple(element.shape)}"
    return type(element).__name__
