"""A part of a tensor replaced, as a tensor of its own: written with assignments to a copy."""

from __future__ import annotations

import operator

from adcore._core import Tensor
from adcore._ops import native
from adcore._ops.declare import op, require_tensor
from adcore._ops.shape import checked_axis

PAGE = "Indexing"


def _replaced(op, input, src, index):
    """Return input with a part replaced, which must have the shape of src."""
    require_tensor(op, "src", src)
    result = native.reshape(input, input.shape)
    part = result[index]
    if part.shape != src.shape:
        raise ValueError(f"{op}: the part has the shape {part.shape}, src {src.shape}.")
    result[index] = src
    return result


@op(samples=("select_scatter(x(3, 4), x(3), 1, -2) ** 2",), method=True)
def select_scatter(input: Tensor, src: Tensor, axis: int, index: int) -> Tensor:
    """The tensor with the slice at one index of an axis replaced.

    Parameters
    ----------
    input : Tensor
    src : Tensor
        Of the slice's shape.
    axis, index : int

    Raises
    ------
    TypeError, ValueError, IndexError
        For another shape, and an index or axis that is not there.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.select_scatter(Tensor([[1, 2], [3, 4]]), Tensor([7, 8]), 0, 1))
    [[1 2]
     [7 8]]
    """
    require_tensor("select_scatter", "input", input)
    axis = checked_axis("select_scatter", axis, input)
    return _replaced("select_scatter", input, src, (slice(None),) * axis + (operator.index(index),))


@op(samples=("slice_scatter(x(3, 5), x(3, 2), 1, 1, 4, 2) ** 2",), method=True)
def slice_scatter(
    input: Tensor, src: Tensor, axis: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """The tensor with a slice of an axis replaced.

    Parameters
    ----------
    input : Tensor
    src : Tensor
        Of the slice's shape.
    axis : int, default 0
    start, end : int, optional
        As in Python; the whole axis if nothing is said.
    step : int, default 1
        Positive.

    Raises
    ------
    TypeError, ValueError
        For another shape, an axis that is not there, and a step below 1.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.slice_scatter(Tensor([1, 2, 3, 4]), Tensor([7, 8]), 0, 1, 3))
    [1 7 8 4]
    """
    require_tensor("slice_scatter", "input", input)
    axis = checked_axis("slice_scatter", axis, input)
    if operator.index(step) < 1:
        raise ValueError(f"slice_scatter: step must be positive, got {step}.")
    return _replaced("slice_scatter", input, src, (slice(None),) * axis + (slice(start, end, step),))


@op(
    samples=("diagonal_scatter(x(3, 4), x(3), 1) ** 2", "diagonal_scatter(x(3, 2, 3), x(2, 2), -1, 0, 2) ** 2"),
    method=True,
)
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The tensor with a diagonal replaced.

    Parameters
    ----------
    input : Tensor
    src : Tensor
        Of the shape that `diagonal` gives: the diagonal is the last axis.
    offset : int, default 0
        Above the main diagonal, or below it if negative.
    dim1, dim2 : int
        The axes of rows and columns.

    Raises
    ------
    TypeError, ValueError
        For another shape, and axes that are not there or equal.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.diagonal_scatter(Tensor([[1, 2], [3, 4]]), Tensor([7, 8])))
    [[7 2]
     [3 8]]
    """
    require_tensor("diagonal_scatter", "input", input)
    require_tensor("diagonal_scatter", "src", src)
    axes = tuple(checked_axis("diagonal_scatter", axis, input) for axis in (dim1, dim2))
    if axes[0] == axes[1]:
        raise ValueError(f"diagonal_scatter: the two axes of a diagonal must differ, got {dim1} and {dim2}.")
    rows, columns = (input.shape[axis] for axis in axes)
    offset = operator.index(offset)
    count = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    places = native.arange(count)
    index = (native.add(places, max(-offset, 0)), native.add(places, max(offset, 0)))
    others = tuple(axis for axis in range(input.ndim) if axis not in axes)
    if src.shape != (*(input.shape[axis] for axis in others), count):
        raise ValueError(
            f"diagonal_scatter: a diagonal of {count} elements of {input.shape} has not the shape {src.shape}."
        )
    # The diagonal is the first axis of what two lists of indices name in the first axes.
    turned = native.permute(input, (*axes, *others))
    turned[index] = native.movedim(src, -1, 0)
    return native.movedim(turned, (0, 1), axes)


@op(
    samples=(
        "index_reduce(x(3, 4), 0, i(5), x(5, 4), 'prod') ** 2",
        "index_reduce(x(3, 4), 1, i(2, n=4), x(3, 2), 'mean', include_self=False) ** 2",
        "index_reduce(x(3, 4), 0, i(5), x(5, 4), 'amax') ** 2",
    ),
    method=True,
)
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Slices along an axis combined with those that a list of indices sends to them.

    Parameters
    ----------
    input : Tensor
    dim : int
    index : Tensor of int
        Where each slice of `source` goes.
    source : Tensor
        Of the input's shape but for the axis, which is as long as `index`.
    reduce : {"prod", "mean", "amax", "amin"}
    include_self : bool, default True
        Whether what stands there counts, too.

    Raises
    ------
    TypeError, ValueError, IndexError
        For shapes that do not fit, an index that is not there, and another word.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.index_reduce(Tensor([2.0, 3.0]), 0, Tensor([1, 1]), Tensor([5.0, 7.0]), "prod"))
    [  2. 105.]
    """
    for name, given in (("input", input), ("index", index), ("source", source)):
        require_tensor("index_reduce", name, given)
    dim = checked_axis("index_reduce", dim, input)
    wanted = (*input.shape[:dim], index.size, *input.shape[dim + 1 :])
    if index.ndim != 1 or source.shape != wanted:
        raise ValueError(
            f"index_reduce: index must have one axis and source the shape {wanted}, got {index.shape} and "
            f"{source.shape}."
        )
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise ValueError(f"index_reduce: reduce must be 'prod', 'mean', 'amax' or 'amin', got {reduce!r}.")
    places = native.broadcast_to(native.reshape(index, (-1,) + (1,) * (input.ndim - 1 - dim)), wanted)
    return native.scatter_reduce(input, dim, places, source, reduce, include_self=include_self)
