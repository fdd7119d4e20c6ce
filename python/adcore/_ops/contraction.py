"""Contractions: `contract` takes two arrays with a label for each axis and makes one matmul of them, in which axes that
both have and that stay are a batch. `einsum` is a chain of those, in the order that NumPy finds the cheapest.
"""

from __future__ import annotations

import functools
import math
from operator import index

from adcore._core import Tensor
from adcore._ops import native
from adcore._ops.declare import op, require_tensor
from adcore._ops.precision import rounded, widened

PAGE = "Products"


def in_one_dtype(*tensors):
    """Return tensors in the dtype to which they promote together."""
    if all(tensor.dtype == tensors[0].dtype for tensor in tensors):
        return tensors
    promoted = native.zeros((0,), tensors[0].dtype)
    for tensor in tensors[1:]:
        promoted = native.add(promoted, native.zeros((0,), tensor.dtype))
    return tuple(native.cast(tensor, promoted.dtype) for tensor in tensors)


def matmul(a, b):
    """Return the matrix product in the dtype to which both promote."""
    return native.matmul(*in_one_dtype(a, b))


# ---- contractions ---------------------------------------------------------------------------------------------------


def _prepared(tensor, steps):
    """Return a tensor summed over some axes, permuted and reshaped; None stands for what changes nothing."""
    axes, order, shape = steps
    if axes is not None:
        tensor = native.sum(tensor, axes)
    if order is not None:
        tensor = native.permute(tensor, order)
    return tensor if shape is None else native.reshape(tensor, shape)


def _side(labels, sizes, needed, groups):
    """Return the steps of `_prepared` for axes in groups: the first group as it is, each further one as one axis."""
    axes = tuple(axis for axis, label in enumerate(labels) if label not in needed)
    left = [label for label in labels if label in needed]
    order = [label for group in groups for label in group]
    places = tuple(left.index(label) for label in order)
    before = tuple(sizes[label] for label in order)
    after = (*(sizes[label] for label in groups[0]), *(math.prod(sizes[label] for label in g) for g in groups[1:]))
    return (
        axes or None,
        None if places == tuple(range(len(places))) else places,
        None if after == before else after,
    )


@functools.lru_cache(maxsize=1024)
def _pair(a_labels, a_shape, b_labels, b_shape, kept):
    """Return how two tensors are contracted: the steps of both, whether by matmul, the result's shape and labels."""
    sizes = dict(zip(a_labels, a_shape)) | dict(zip(b_labels, b_shape))
    both = [label for label in a_labels if label in b_labels]
    batch = [label for label in both if label in kept]
    summed = [label for label in both if label not in kept]
    left = [label for label in a_labels if label in kept and label not in both]
    right = [label for label in b_labels if label in kept and label not in both]
    a_steps = _side(a_labels, sizes, {*both, *kept}, (batch, left, summed))
    b_steps = _side(b_labels, sizes, {*both, *kept}, (batch, summed, right))
    labels = (*batch, *left, *right)
    product = (*(sizes[label] for label in batch), *(math.prod(sizes[label] for label in g) for g in (left, right)))
    shape = tuple(sizes[label] for label in labels)
    return a_steps, b_steps, bool(summed), None if shape == product else shape, labels


def contract(a, a_labels, b, b_labels, kept):
    """Return the product of two tensors, summed over the labels that are not kept, and its labels."""
    a_steps, b_steps, by_matmul, shape, labels = _pair(tuple(a_labels), a.shape, tuple(b_labels), b.shape, kept)
    a, b = _prepared(a, a_steps), _prepared(b, b_steps)
    product = matmul(a, b) if by_matmul else native.mul(a, b)
    return (product if shape is None else native.reshape(product, shape)), labels


def _diagonal(tensor, first, second):
    """Return the elements with equal indices of two axes, along a last axis."""
    others = tuple(axis for axis in range(tensor.ndim) if axis not in (first, second))
    tensor = native.permute(tensor, (*others, first, second))
    size = tensor.shape[-1]
    flat = native.reshape(tensor, (*tensor.shape[:-2], size * size))
    return flat[(..., slice(None, None, size + 1))].copy()  # what an index reads cannot be written to


def checked_axes(op, axes, tensor):
    """Return axes as numbers from 0; raise a ValueError where they are not different axes."""
    found = tuple(index(axis) + (tensor.ndim if index(axis) < 0 else 0) for axis in axes)
    if any(not 0 <= axis < tensor.ndim for axis in found) or len({*found}) < len(found):
        raise ValueError(f"{op}: the axes {tuple(axes)} are not different axes of the shape {tensor.shape}.")
    return found


# ---- einsum ---------------------------------------------------------------------------------------------------------


def _subscripts(equation, shapes):
    """Return the labels of each operand's axes and of the result; axes of an ellipsis are labelled by numbers."""
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {equation!r} has {len(terms)} operands, got {len(shapes)}.")

    def parse(term, what):
        before, dots, after = term.partition("...")
        for letter in before + after:
            if not ("a" <= letter <= "z" or "A" <= letter <= "Z"):
                raise ValueError(f"einsum: {letter!r} in {what} of {equation!r} is no letter.")
        return before, dots, after

    parsed, widest = [], 0
    for number, (term, shape) in enumerate(zip(terms, shapes)):
        before, dots, after = parse(term, f"operand {number}")
        more = len(shape) - len(before) - len(after)
        if more < 0 or (more and not dots):
            raise ValueError(f"einsum: operand {number} of the shape {shape} does not have the axes of {term!r}.")
        widest = max(widest, more)
        parsed.append([*before, *range(-more, 0), *after])
    spread = list(range(-widest, 0))
    if arrow:
        before, dots, after = parse(output, "the result")
        result = [*before, *(spread if dots else ()), *after]
        for label in before + after:
            if not any(label in labels for labels in parsed):
                raise ValueError(f"einsum: {label!r} in the result of {equation!r} is in no operand.")
        if len({*result}) < len(result):
            raise ValueError(f"einsum: a subscript stands twice in the result of {equation!r}.")
    else:
        letters = [label for labels in parsed for label in labels if isinstance(label, str)]
        result = [*spread, *sorted(letter for letter in {*letters} if letters.count(letter) == 1)]
    return parsed, result


def _path(labels, shapes, result):
    """Return the groups to contract, as NumPy says; the result of each comes last."""
    if len(shapes) < 3:
        return (tuple(range(len(shapes))),)
    import numpy as np

    numbers = {}
    operands = []
    for own, shape in zip(labels, shapes):
        operands += [np.broadcast_to(0.0, shape), [numbers.setdefault(label, len(numbers)) for label in own]]
    path, _ = np.einsum_path(*operands, [numbers[label] for label in result], optimize="greedy")
    return tuple(path[1:])


@functools.lru_cache(maxsize=1024)
def _plan(equation, shapes):
    """Return for each operand its diagonals, the axes to leave out, the labels left; the path; the result's labels."""
    labels, result = _subscripts(equation, shapes)
    sizes = {}
    for own, shape in zip(labels, shapes):
        for label, size in zip(own, shape):
            if sizes.setdefault(label, size) == 1:
                sizes[label] = size
            elif size not in (1, sizes[label]):
                what = f"subscript {label!r}" if isinstance(label, str) else "an axis of the ellipsis"
                raise ValueError(f"einsum: {what} of {equation!r} has the sizes {sizes[label]} and {size}.")
    operands, left = [], []
    for own, shape in zip(labels, shapes):
        diagonals = []
        while len({*own}) < len(own):
            twice = next(label for label in own if own.count(label) > 1)
            first = own.index(twice)
            second = own.index(twice, first + 1)
            if shape[first] != shape[second]:
                raise ValueError(
                    f"einsum: subscript {twice!r} of {equation!r} has the sizes {shape[first]} and {shape[second]} in "
                    "one operand."
                )
            diagonals.append((first, second))
            others = [axis for axis in range(len(own)) if axis not in (first, second)]
            shape = (*(shape[axis] for axis in others), shape[first])
            own = [*(own[axis] for axis in others), twice]
        # An axis of size 1 that is longer elsewhere broadcasts: it is the same without.
        stretched = tuple(axis for axis, label in enumerate(own) if shape[axis] == 1 != sizes[label])
        own = tuple(label for axis, label in enumerate(own) if axis not in stretched)
        operands.append((tuple(diagonals), stretched, own))
        left.append(tuple(size for axis, size in enumerate(shape) if axis not in stretched))
    return tuple(operands), _path([own for _, _, own in operands], left, result), tuple(result)


@op(
    samples=(
        "einsum('ij,jk->ik', x(3, 4), x(4, 2))",
        "einsum('bij,bjk->bik', x(2, 3, 4), x(2, 4, 2))",
        "einsum('ii', x(3, 3))",
        "einsum('iij->ji', x(3, 3, 2))",
        "einsum('i,j,ij->', x(3), x(4), x(3, 4))",
        "einsum('...ij,...jk', x(2, 3, 4), x(4, 2))",
        "einsum('ij,ij->i', x(3, 4), x(3, 4))",
        "einsum('ij->j', x(3, 4))",
        "einsum('abc,cd,eb->aed', x(2, 3, 4), x(4, 2), x(3, 3))",
        "einsum('ij,jk', x(3, 1), x(4, 2))",
    ),
)
def einsum(equation: str, *operands: Tensor) -> Tensor:
    """Sum of products after Einstein's convention, in all of NumPy's forms.

    Parameters
    ----------
    equation : str
        Letters for the axes of each operand, as in ``"ij,jk->ik"``; ``...`` stands for any further axes, which
        broadcast. A letter that the result does not have is summed over, one that stands twice at an operand takes its
        diagonal. Without ``->`` the result has the letters that stand once, in the order of the alphabet. Instead of
        it, operands and lists of integers may alternate, the list of the result last.
    *operands : Tensor

    Returns
    -------
    Tensor
        Pairs are contracted in the order of `numpy.einsum_path`, each by one `matmul`.

    Raises
    ------
    TypeError, ValueError
        For an equation that does not fit the operands.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.einsum("i,i->", Tensor([1.0, 2.0]), Tensor([3.0, 4.0])))
    11.0
    """
    if isinstance(equation, Tensor):
        equation, operands = _from_lists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    for operand in operands:
        require_tensor("einsum", "each operand", operand)
    if not isinstance(equation, str):
        raise TypeError(f"einsum: equation must be a str, got {type(equation).__name__}.")
    prepared, path, result = _plan(equation, tuple(operand.shape for operand in operands))
    tensors = []
    for operand, (diagonals, stretched, own) in zip(operands, prepared):
        tensor = widened(operand)
        for first, second in diagonals:
            tensor = _diagonal(tensor, first, second)
        tensors.append((native.squeeze(tensor, stretched) if stretched else tensor, own))
    for step in path:
        chosen = [tensors[place] for place in step]
        tensors = [tensor for place, tensor in enumerate(tensors) if place not in step]
        kept = frozenset(result).union(*(own for _, own in tensors))
        tensor, own = chosen[0]
        for place, (other, others) in enumerate(chosen[1:], 2):
            later = (label for _, labels in chosen[place:] for label in labels)
            tensor, own = contract(tensor, own, other, others, kept.union(later))
        tensors.append((tensor, own))
    tensor, own = tensors[0]
    if own != result:
        sizes = dict(zip(own, tensor.shape))
        tensor = _prepared(tensor, _side(own, sizes, {*result}, (result,)))
    return rounded(tensor, *operands)


def _from_lists(arguments):
    """Return what stands in operands and lists of integers as an equation and its operands."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

    def term(numbers):
        if not isinstance(numbers, (list, tuple)):
            raise TypeError(f"einsum: behind each operand stands a list of integers, got {type(numbers).__name__}.")
        letters = []
        for number in numbers:
            if number is not Ellipsis and not 0 <= index(number) < len(alphabet):
                raise ValueError(f"einsum: an axis has a number from 0 to {len(alphabet) - 1}, got {number}.")
            letters.append("..." if number is Ellipsis else alphabet[index(number)])
        return "".join(letters)

    pairs = len(arguments) // 2
    equation = ",".join(term(arguments[2 * k + 1]) for k in range(pairs))
    if len(arguments) % 2:
        equation += "->" + term(arguments[-1])
    return equation, arguments[0 : 2 * pairs : 2]
