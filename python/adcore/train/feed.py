"""What a Model reads of a data set: batches, as tuples of Tensors, whatever the data set is.

A data set is anything that can be read again and again: one with ``create_tuple_iterator``, a list, an object that can
be iterated, a function without arguments that returns an iterator. A batch is a tuple, list or dict of Tensors or
arrays, or one of these alone.
"""

import inspect

from adcore._core import Tensor

__all__ = ["batches", "check_dataset", "check_elements", "length"]


def check_dataset(name, dataset):
    """Raise a TypeError for what is no data set."""
    if isinstance(dataset, (str, bytes, dict, Tensor)) or not (
        hasattr(dataset, "create_tuple_iterator") or hasattr(dataset, "__iter__") or callable(dataset)
    ):
        raise TypeError(
            f"{name}: a data set must be iterable and give batches, tuples of Tensors or arrays, "
            f"got {type(dataset).__name__}."
        )


def length(dataset):
    """Return the number of batches of an epoch, or None where the data set does not know it."""
    if hasattr(dataset, "get_dataset_size"):
        return dataset.get_dataset_size()
    return len(dataset) if hasattr(dataset, "__len__") else None


def batches(name, dataset):
    """Iterate over the batches of one epoch, as tuples of Tensors.

    Raises
    ------
    ValueError
        If there are none.
    """
    if hasattr(dataset, "create_tuple_iterator"):
        found = dataset.create_tuple_iterator()
    elif hasattr(dataset, "__iter__"):
        found = iter(dataset)
    else:
        found = iter(dataset())
    number = 0
    for number, batch in enumerate(found, 1):  # noqa: B007 - read below
        yield _elements(batch)
    if number == 0:
        hint = " An iterator is read once; pass the function that makes it." if found is dataset else ""
        raise ValueError(f"{name}: the data set gave no batches.{hint}")


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
