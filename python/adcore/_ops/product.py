"""Products of vectors, matrices and arrays of any rank, written with matmul and elementwise products.

All that sums over indices is a contraction: `_contract` takes two arrays with a label for each axis and makes one
matmul of them, in which axes that both have and that stay are a batch. `einsum` is a chain of those, in the order that
NumPy finds the cheapest.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from operator import index

from adcore._core import Tensor, dtype, int64
from adcore._ops import native
from adcore._ops.declare import Number, dims, op, require_tensor
from adcore._ops.precision import rounded, widened

PAGE = "Products"


def _require(op, **tensors):
    for name, value in tensors.items():
        require_tensor(op, name, value)


def _require_rank(op, rank, **tensors):
    _require(op, **tensors)
    for name, value in tensors.items():
        if value.ndim != rank:
            words = {1: "a vector", 2: "a matrix", 3: "a batch of matrices"}
            raise ValueError(f"{op}: {name} must be {words[rank]}, got the shape {value.shape}.")


def in_one_dtype(*tensors):
    """Return tensors in the dtype to which they promote together."""
    if all(tensor.dtype == tensors[0].dtype for tensor in tensors):
        return tensors
    promoted = native.zeros((0,), tensors[0].dtype)
    for tensor in tensors[1:]:
        promoted = native.add(promoted, native.zeros((0,), tensor.dtype))
    return tuple(native.cast(tensor, promoted.dtype) for tensor in tensors)


def _matmul(a, b):
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


def _contract(a, a_labels, b, b_labels, kept):
    """Return the product of two tensors, summed over the labels that are not kept, and its labels."""
    a_steps, b_steps, by_matmul, shape, labels = _pair(tuple(a_labels), a.shape, tuple(b_labels), b.shape, kept)
    a, b = _prepared(a, a_steps), _prepared(b, b_steps)
    product = _matmul(a, b) if by_matmul else native.mul(a, b)
    return (product if shape is None else native.reshape(product, shape)), labels


def _diagonal(tensor, first, second):
    """Return the elements with equal indices of two axes, along a last axis."""
    others = tuple(axis for axis in range(tensor.ndim) if axis not in (first, second))
    tensor = native.permute(tensor, (*others, first, second))
    size = tensor.shape[-1]
    flat = native.reshape(tensor, (*tensor.shape[:-2], size * size))
    return flat[(..., slice(None, None, size + 1))].copy()  # what an index reads cannot be written to


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
            tensor, own = _contract(tensor, own, other, others, kept.union(later))
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


# ---- arrays of any rank ---------------------------------------------------------------------------------------------


@op(
    samples=(
        "tensor_dot(x(2, 3, 4), x(3, 4, 2))",
        "tensor_dot(x(3, 4), x(4, 2), 1)",
        "tensor_dot(x(3, 4), x(2, 3), ((0,), (1,)))",
        "tensor_dot(x(3), x(2), 0)",
    ),
    aliases=("tensordot",),
)
def tensor_dot(x1: Tensor, x2: Tensor, axes: dims = 2) -> Tensor:
    """Sum of products over some axes of each tensor.

    Parameters
    ----------
    x1, x2 : Tensor
    axes : int or pair of ints or of sequences of int, default 2
        How many: the last ones of `x1` and the first ones of `x2`. Or which of `x1`, and which of `x2`.

    Raises
    ------
    TypeError, ValueError
        For axes that are not there, that stand twice, or whose sizes differ.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.tensor_dot(Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]]), 1))
    [[11.]]
    """
    _require("tensor_dot", x1=x1, x2=x2)
    if isinstance(axes, int):
        if not 0 <= axes <= min(x1.ndim, x2.ndim):
            raise ValueError(f"tensor_dot: axes={axes} for the shapes {x1.shape} and {x2.shape}.")
        given = [tuple(range(x1.ndim - axes, x1.ndim)), tuple(range(axes))]
    else:
        given = [tuple(own) if isinstance(own, (list, tuple)) else (own,) for own in axes]
        if len(given) != 2 or len(given[0]) != len(given[1]):
            raise ValueError(f"tensor_dot: axes must be as many of x1 as of x2, got {axes}.")
    pair = [_checked_axes("tensor_dot", own, tensor) for own, tensor in zip(given, (x1, x2))]
    x1_labels = list(range(x1.ndim))
    x2_labels = [x1.ndim + axis for axis in range(x2.ndim)]
    for one, other in zip(*pair):
        if x1.shape[one] != x2.shape[other]:
            raise ValueError(
                f"tensor_dot: axis {one} of x1 has the size {x1.shape[one]}, axis {other} of x2 {x2.shape[other]}."
            )
        x2_labels[other] = one
    kept = [label for label in x1_labels if label not in pair[0]] + [label for label in x2_labels if label >= x1.ndim]
    return rounded(_contract(widened(x1), x1_labels, widened(x2), x2_labels, frozenset(kept))[0], x1, x2)


def _checked_axes(op, axes, tensor):
    found = tuple(index(axis) + (tensor.ndim if index(axis) < 0 else 0) for axis in axes)
    if any(not 0 <= axis < tensor.ndim for axis in found) or len({*found}) < len(found):
        raise ValueError(f"{op}: the axes {tuple(axes)} are not different axes of the shape {tensor.shape}.")
    return found


@op(samples=("dot(x(3), x(3))", "dot(x(2, 3), x(3, 2))", "dot(x(2, 3), x(4, 3, 2))", "dot(x(2, 3), x(3))"), method=True)
def dot(input: Tensor, other: Tensor) -> Tensor:
    """Sum of products over the last axis of `input` and the last but one, or only, axis of `other`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.dot(Tensor([1.0, 2.0]), Tensor([3.0, 4.0])))
    11.0
    """
    _require("dot", input=input, other=other)
    if input.ndim == 0 or other.ndim == 0:
        return native.mul(input, other)
    if input.shape[-1] != other.shape[max(other.ndim - 2, 0)]:
        raise ValueError(f"dot: the shapes {input.shape} and {other.shape} do not fit.")
    return tensor_dot(input, other, (-1, max(other.ndim - 2, 0)))


@op(samples=("vdot(x(2, 3), x(3, 2))",), method=True)
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Sum of products of the elements in their order, whatever the shapes.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.vdot(Tensor([1.0, 2.0]), Tensor([[3.0], [4.0]])))
    11.0
    """
    _require("vdot", input=input, other=other)
    if input.size != other.size:
        raise ValueError(f"vdot: the shapes {input.shape} and {other.shape} differ in their number of elements.")
    return _matmul(native.reshape(input, (-1,)), native.reshape(other, (-1,)))


@op(samples=("vecdot(x(2, 3), x(2, 3))", "vecdot(x(2, 3), x(3))", "vecdot(x(2, 3), x(2, 3), axis=0)"), method=True)
def vecdot(x: Tensor, y: Tensor, *, axis: int = -1) -> Tensor:
    """Sum of products along an axis; the others broadcast.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.vecdot(Tensor([[1.0, 2.0], [0.0, 1.0]]), Tensor([3.0, 4.0])))
    [11.  4.]
    """
    _require("vecdot", x=x, y=y)
    return rounded(native.sum(native.mul(widened(x), widened(y)), axis), x, y)


@op(samples=("inner(x(2, 3), x(4, 3))", "inner(x(3), x(3))", "inner(x(2, 3), x())"), method=True)
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sum of products over the last axis of both; with a tensor without axes the product.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.inner(Tensor([1.0, 2.0]), Tensor([3.0, 4.0])))
    11.0
    """
    _require("inner", input=input, other=other)
    if input.ndim == 0 or other.ndim == 0:
        return native.mul(input, other)
    if input.shape[-1] != other.shape[-1]:
        raise ValueError(f"inner: the last axes differ, {input.shape} and {other.shape}.")
    return tensor_dot(input, other, (-1, -1))


@op(samples=("outer(x(3), x(4))", "outer(x(2, 2), x(3))"), aliases=("ger",), method=True)
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Products of each element of `input` with each of `vec2`, as a matrix.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.outer(Tensor([1.0, 2.0]), Tensor([3.0, 4.0])))
    [[3. 4.]
     [6. 8.]]
    """
    _require("outer", input=input, vec2=vec2)
    return native.mul(native.reshape(input, (-1, 1)), native.reshape(vec2, (1, -1)))


@op(samples=("kron(x(2, 3), x(3, 2))", "kron(x(2), x(2, 3))", "kron(x(2, 1, 2), x(3))"), method=True)
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker product: `other`, times each element of `input`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.kron(Tensor([1.0, 10.0]), Tensor([1.0, 2.0])))
    [ 1.  2. 10. 20.]
    """
    _require("kron", input=input, other=other)
    rank = max(input.ndim, other.ndim)
    p = (1,) * (rank - input.ndim) + input.shape
    q = (1,) * (rank - other.ndim) + other.shape
    product = native.mul(
        native.reshape(input, tuple(size for one in p for size in (one, 1))),
        native.reshape(other, tuple(size for one in q for size in (1, one))),
    )
    return native.reshape(product, tuple(one * two for one, two in zip(p, q)))


@op(samples=("cross(x(2, 3), x(2, 3))", "cross(x(3), x(2, 3))"), method=True)
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Cross product of vectors of three elements along an axis; the others broadcast.

    Parameters
    ----------
    input, other : Tensor
    dim : int, optional
        The axis; the first one of size 3 if there is none given.

    Raises
    ------
    TypeError, ValueError
        For an axis that has not the size 3.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.cross(Tensor([1.0, 0.0, 0.0]), Tensor([0.0, 1.0, 0.0])))
    [0. 0. 1.]
    """
    _require("cross", input=input, other=other)
    rank = max(input.ndim, other.ndim)
    a, b = (native.reshape(t, (1,) * (rank - t.ndim) + t.shape) for t in (input, other))
    if dim is None:
        threes = (axis for axis in range(rank) if 3 == a.shape[axis] == b.shape[axis])
        dim = next(threes, None)
        if dim is None:
            raise ValueError(f"cross: {input.shape} and {other.shape} have no axis of size 3 in common.")
    else:
        dim = index(dim) + (rank if index(dim) < 0 else 0)
        if not 0 <= dim < rank or not 3 == a.shape[dim] == b.shape[dim]:
            raise ValueError(f"cross: axis {dim} of {input.shape} and {other.shape} must be one of size 3 in both.")

    def turned(tensor, by):
        return native.index_select(tensor, dim, Tensor([(k + by) % 3 for k in range(3)]))

    p, q = widened(a), widened(b)
    product = native.sub(
        native.mul(turned(p, 1), turned(q, 2)),
        native.mul(turned(p, 2), turned(q, 1)),
    )
    return rounded(product, input, other)


# ---- matrices and vectors -------------------------------------------------------------------------------------------


@op(samples=("mm(x(3, 4), x(4, 2))",), method=True)
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Product of two matrices.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.mm(Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]])))
    [[11.]]
    """
    _require_rank("mm", 2, input=input, mat2=mat2)
    return native.matmul(input, mat2)


@op(samples=("mv(x(3, 4), x(4))",), method=True)
def mv(mat: Tensor, vec: Tensor) -> Tensor:
    """Product of a matrix and a vector.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.mv(Tensor([[1.0, 2.0]]), Tensor([3.0, 4.0])))
    [11.]
    """
    _require_rank("mv", 2, mat=mat)
    _require_rank("mv", 1, vec=vec)
    return native.matmul(mat, vec)


def _plus(op, input, product, beta, alpha, *operands):
    """Return ``beta * input + alpha * product``; with beta 0 the input does not count, whatever it holds."""
    product = product if isinstance(alpha, (int, float)) and alpha == 1 else native.mul(product, alpha)
    if isinstance(beta, (int, float)) and beta == 0:
        total = product
    else:
        start = widened(input) if isinstance(beta, (int, float)) and beta == 1 else native.mul(widened(input), beta)
        total = native.add(start, product)
        if total.shape != product.shape:
            raise ValueError(f"{op}: input of the shape {input.shape} does not broadcast to {product.shape}.")
    return rounded(total, input, *operands)


@op(
    samples=("addmm(x(3, 2), x(3, 4), x(4, 2))", "addmm(x(2), x(3, 4), x(4, 2), beta=0.5, alpha=2.0)"),
    method=True,
)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)`` of matrices; input broadcasts. With beta=0 it does not count.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.addmm(Tensor([[1.0]]), Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]])))
    [[12.]]
    """
    _require("addmm", input=input)
    _require_rank("addmm", 2, mat1=mat1, mat2=mat2)
    return _plus("addmm", input, _matmul(widened(mat1), widened(mat2)), beta, alpha, mat1, mat2)


@op(samples=("addmv(x(3), x(3, 4), x(4))", "addmv(x(), x(3, 4), x(4), beta=0.5, alpha=2.0)"), method=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """``beta * input + alpha * (mat @ vec)``; input broadcasts. With beta=0 it does not count.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.addmv(Tensor([1.0]), Tensor([[1.0, 2.0]]), Tensor([3.0, 4.0])))
    [12.]
    """
    _require("addmv", input=input)
    _require_rank("addmv", 2, mat=mat)
    _require_rank("addmv", 1, vec=vec)
    return _plus("addmv", input, _matmul(widened(mat), widened(vec)), beta, alpha, mat, vec)


@op(samples=("addr(x(3, 4), x(3), x(4))", "addr(x(4), x(3), x(4), beta=0.5, alpha=2.0)"), method=True)
def addr(x: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """``beta * x + alpha * outer(vec1, vec2)``; x broadcasts. With beta=0 it does not count.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.addr(Tensor([[1.0]]), Tensor([3.0]), Tensor([4.0])))
    [[13.]]
    """
    _require("addr", x=x)
    _require_rank("addr", 1, vec1=vec1, vec2=vec2)
    return _plus("addr", x, outer(widened(vec1), widened(vec2)), beta, alpha, vec1, vec2)


@op(
    samples=("baddbmm(x(2, 3, 2), x(2, 3, 4), x(2, 4, 2))", "baddbmm(x(2), x(2, 3, 4), x(2, 4, 2), beta=0.5, alpha=2)"),
    method=True,
)
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """``beta * input + alpha * (batch1 @ batch2)`` of batches; input broadcasts. With beta=0 it does not count.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.baddbmm(Tensor([1.0]), Tensor([[[1.0, 2.0]]]), Tensor([[[3.0], [4.0]]])))
    [[[12.]]]
    """
    _require("baddbmm", input=input)
    _require_rank("baddbmm", 3, batch1=batch1, batch2=batch2)
    product = native.bmm(*in_one_dtype(widened(batch1), widened(batch2)))
    return _plus("baddbmm", input, product, beta, alpha, batch1, batch2)


@op(
    samples=("addbmm(x(3, 2), x(2, 3, 4), x(2, 4, 2))", "addbmm(x(2), x(2, 3, 4), x(2, 4, 2), beta=0.5, alpha=2)"),
    method=True,
)
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """``beta * input + alpha * sum(batch1 @ batch2, 0)``; input broadcasts. With beta=0 it does not count.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.addbmm(Tensor([1.0]), Tensor([[[1.0, 2.0]]]), Tensor([[[3.0], [4.0]]])))
    [[12.]]
    """
    _require("addbmm", input=input)
    _require_rank("addbmm", 3, batch1=batch1, batch2=batch2)
    if batch1.shape[0] != batch2.shape[0] or batch1.shape[2] != batch2.shape[1]:
        raise ValueError(f"addbmm: the shapes {batch1.shape} and {batch2.shape} do not fit.")
    product = tensor_dot(widened(batch1), widened(batch2), ((0, 2), (0, 1)))
    return _plus("addbmm", input, product, beta, alpha, batch1, batch2)


def _order(sizes):
    """Return where to split each product of neighbours, so that the fewest numbers are multiplied.

    Cormen, Leiserson, Rivest, Stein, "Introduction to algorithms", section 15.2.
    """
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    split = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
    return split


@op(samples=("multi_dot((x(3, 4), x(4, 2), x(2, 3)))", "multi_dot([x(3), x(3, 4), x(4, 2), x(2)])"))
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """Product of several matrices, in the order that multiplies the fewest numbers.

    Parameters
    ----------
    tensors : sequence of Tensor
        The first and the last may be vectors.

    Raises
    ------
    TypeError, ValueError
        For less than two tensors, or shapes that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.multi_dot((Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]]), Tensor([[2.0]]))))
    [[22.]]
    """
    if not isinstance(tensors, (list, tuple)) or len(tensors) < 2:
        raise ValueError("multi_dot: needs two Tensors or more, in a list or tuple.")
    for place, tensor in enumerate(tensors):
        require_tensor("multi_dot", f"tensors[{place}]", tensor)
        if tensor.ndim != 2 and not (tensor.ndim == 1 and place in (0, len(tensors) - 1)):
            raise ValueError(f"multi_dot: tensors[{place}] must be a matrix, got the shape {tensor.shape}.")
    shapes = [
        t.shape if t.ndim == 2 else (1, *t.shape) if place == 0 else (*t.shape, 1) for place, t in enumerate(tensors)
    ]
    for one, other in zip(shapes, shapes[1:]):
        if one[1] != other[0]:
            raise ValueError(f"multi_dot: the shapes {[t.shape for t in tensors]} do not fit.")
    split = _order([shapes[0][0], *(shape[1] for shape in shapes)])
    factors = [widened(tensor) for tensor in tensors]

    def product(i, j):
        return factors[i] if i == j else _matmul(product(i, split[i, j]), product(split[i, j] + 1, j))

    return rounded(product(0, len(factors) - 1), *tensors)


@op(samples=("chain_matmul(x(3, 4), x(4, 2), x(2, 3))",))
def chain_matmul(*matrices: Tensor) -> Tensor:
    """:func:`multi_dot` of its arguments.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.chain_matmul(Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]])))
    [[11.]]
    """
    return multi_dot(matrices)


# ---- of matrices ----------------------------------------------------------------------------------------------------


@op(samples=("matrix_transpose(x(2, 3, 4))",))
def matrix_transpose(x: Tensor) -> Tensor:
    """The last two axes exchanged: ``x.mT``.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.matrix_transpose(Tensor([[1.0, 2.0]])).shape
    (2, 1)
    """
    _require("matrix_transpose", x=x)
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: needs a matrix, got the shape {x.shape}.")
    return x.mT


@op(samples=("t(x(3, 4))",), method=True)
def t(input: Tensor) -> Tensor:
    """A matrix transposed; a vector or a number as it is.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.t(Tensor([[1.0, 2.0]])).shape
    (2, 1)
    """
    _require("t", input=input)
    if input.ndim > 2:
        raise ValueError(f"t: needs two axes at most, got the shape {input.shape}; use permute.")
    return input.T


@op(samples=("pdist(x(4, 3))", "pdist(x(2, 3, 2), 1.0)", "pdist(x(4, 3), 3.0)"))
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Distances in the p-norm of each row to each of the later ones.

    Parameters
    ----------
    input : Tensor
        Of shape (..., N, M).
    p : float, default 2.0
        Not negative. 0 counts the elements that differ.

    Returns
    -------
    Tensor
        Of shape (..., N (N - 1) / 2): rows 0 and 1, 0 and 2, ..., 1 and 2, ... Where rows are equal its derivative is
        0.

    Raises
    ------
    TypeError, ValueError
        For what is no matrix, and a negative p.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.pdist(Tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])))
    [5.        1.        4.2426405]
    """
    _require("pdist", input=input)
    if input.ndim < 2:
        raise ValueError(f"pdist: the input must be a matrix, got the shape {input.shape}.")
    if not p >= 0:
        raise ValueError(f"pdist: p must not be negative, got {p}.")
    x, rows = widened(input), range(input.shape[-2])
    first = Tensor([i for i in rows for j in rows[i + 1 :]], int64)
    second = Tensor([j for i in rows for j in rows[i + 1 :]], int64)
    axis = x.ndim - 2
    return rounded(p_norm(native.sub(native.gather(x, first, axis), native.gather(x, second, axis)), p), input)


@op(samples=("trace(x(3, 4))", "trace(x(3, 4), 1)", "trace(x(2, 3, 3), -1, 1, 2)", "trace(x(3, 4), 7)"), method=True)
def trace(input: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1, *, dtype: dtype | None = None) -> Tensor:
    """Sum of the elements on a diagonal.

    Parameters
    ----------
    input : Tensor
    offset : int, default 0
        So far to the right of the main diagonal; negative ones lie below.
    axis1, axis2 : int
        Of the matrices.
    dtype : dtype, optional
        Of the sum.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.trace(Tensor([[1.0, 2.0], [3.0, 4.0]])))
    5.0
    """
    _require("trace", input=input)
    if input.ndim < 2:
        raise ValueError(f"trace: needs a matrix, got the shape {input.shape}.")
    first, second = _checked_axes("trace", (axis1, axis2), input)
    offset = index(offset)
    others = tuple(axis for axis in range(input.ndim) if axis not in (first, second))
    matrices = native.permute(input, (*others, first, second))
    rows, columns = matrices.shape[-2:]
    count = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    start = offset if offset >= 0 else -offset * columns
    flat = native.reshape(matrices, (*matrices.shape[:-2], rows * columns))
    diagonal = flat[(..., slice(start, start + count * (columns + 1), columns + 1) if count else slice(0))]
    return native.sum(diagonal, -1, dtype=dtype)


@op(samples=("block_diag(x(2, 3), x(3, 2))", "block_diag(x(2, 2), x(3), x())"))
def block_diag(*inputs: Tensor) -> Tensor:
    """Matrix with the inputs on its diagonal, zeros elsewhere; a vector is a row, a number a matrix of one element.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.block_diag(Tensor([[1.0, 2.0]]), Tensor([[3.0]])))
    [[1. 2. 0.]
     [0. 0. 3.]]
    """
    if not inputs:
        raise ValueError("block_diag: needs one Tensor or more.")
    for place, block in enumerate(inputs):
        require_tensor("block_diag", f"inputs[{place}]", block)
        if block.ndim > 2:
            raise ValueError(f"block_diag: inputs[{place}] must be a matrix, got the shape {block.shape}.")
    blocks = [native.reshape(block, (1,) * (2 - block.ndim) + block.shape) for block in in_one_dtype(*inputs)]
    width = sum(block.shape[1] for block in blocks)
    rows, left = [], 0
    for block in blocks:
        height, columns = block.shape
        sides = (left, width - left - columns)
        before, after = (native.zeros((height, size), block.dtype) for size in sides)
        rows.append(native.concat((before, block, after), 1))
        left += columns
    return native.concat(rows, 0)


@op(samples=("vander(x(3))", "vander(x(3), 2)", "vander(x(3), 4, True)", "vander(x(3), 0)"))
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Vandermonde matrix: the powers of the elements, from the highest to 0 unless `increasing`.

    Parameters
    ----------
    x : Tensor
        Vectors along the last axis.
    N : int, optional
        How many powers; as many as there are elements if it is not given.
    increasing : bool, default False

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.vander(Tensor([2.0, 3.0])))
    [[2. 1.]
     [3. 1.]]
    """
    _require("vander", x=x)
    if x.ndim == 0:
        raise ValueError("vander: x must be a vector, got the shape ().")
    count = x.shape[-1] if N is None else index(N)
    if count < 0:
        raise ValueError(f"vander: N must not be negative, got {N}.")
    if count == 0:
        return native.zeros((*x.shape, 0), x.dtype)
    powers = [native.ones_like(x)]
    while len(powers) < count:
        powers.append(native.mul(powers[-1], x))
    return native.stack(powers if increasing else powers[::-1], -1)


def p_norm(difference, p):
    """Return the p-norm along the last axis."""
    if p == 2:
        return native._norm2(difference, -1)
    if p == 0:
        return native.sum(native.cast(native.not_equal(difference, 0), difference.dtype), -1)
    magnitude = native.abs(difference)
    if p == 1:
        return native.sum(magnitude, -1)
    if p == float("inf"):
        return native.amax(magnitude, -1)
    return native._norm(difference, p, -1)


@op(
    samples=(
        "cdist(x(3, 4), x(2, 4))",
        "cdist(x(2, 3, 4), x(2, 4), 1.0)",
        "cdist(x(3, 4), x(2, 4), 3.0)",
        "cdist(x(3, 4), x(2, 4), float('inf'))",
    ),
)
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0) -> Tensor:
    """Distances in the p-norm of each row of `x1` to each row of `x2`; leading axes broadcast.

    Parameters
    ----------
    x1, x2 : Tensor
        Of shapes (..., P, M) and (..., R, M).
    p : float, default 2.0
        Not negative. 0 counts the elements that differ.

    Returns
    -------
    Tensor
        Of shape (..., P, R). Where rows are equal its derivative is 0.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.cdist(Tensor([[0.0, 0.0]]), Tensor([[3.0, 4.0]])))
    [[5.]]
    """
    _require("cdist", x1=x1, x2=x2)
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ValueError(f"cdist: rows of x1 and x2 must be of one length, got {x1.shape} and {x2.shape}.")
    if not p >= 0:
        raise ValueError(f"cdist: p must not be negative, got {p}.")
    a, b = widened(x1), widened(x2)
    difference = native.sub(native.expand_dims(a, -2), native.expand_dims(b, -3))
    return rounded(p_norm(difference, p), x1, x2)
