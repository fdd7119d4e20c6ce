"""Products of vectors, matrices and arrays of any rank, written with matmul, contractions and elementwise products."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

from adcore._core import Tensor, int64
from adcore._ops import native
from adcore._ops.contraction import checked_axes, contract, in_one_dtype, matmul
from adcore._ops.declare import Number, dims, op, require_rank, require_tensor, require_tensors
from adcore._ops.precision import rounded, widened

PAGE = "Products"


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
    require_tensors("tensor_dot", x1=x1, x2=x2)
    if isinstance(axes, int):
        if not 0 <= axes <= min(x1.ndim, x2.ndim):
            raise ValueError(f"tensor_dot: axes={axes} for the shapes {x1.shape} and {x2.shape}.")
        given = [tuple(range(x1.ndim - axes, x1.ndim)), tuple(range(axes))]
    else:
        given = [tuple(own) if isinstance(own, (list, tuple)) else (own,) for own in axes]
        if len(given) != 2 or len(given[0]) != len(given[1]):
            raise ValueError(f"tensor_dot: axes must be as many of x1 as of x2, got {axes}.")
    pair = [checked_axes("tensor_dot", own, tensor) for own, tensor in zip(given, (x1, x2))]
    x1_labels = list(range(x1.ndim))
    x2_labels = [x1.ndim + axis for axis in range(x2.ndim)]
    for one, other in zip(*pair):
        if x1.shape[one] != x2.shape[other]:
            raise ValueError(
                f"tensor_dot: axis {one} of x1 has the size {x1.shape[one]}, axis {other} of x2 {x2.shape[other]}."
            )
        x2_labels[other] = one
    kept = [label for label in x1_labels if label not in pair[0]] + [label for label in x2_labels if label >= x1.ndim]
    return rounded(contract(widened(x1), x1_labels, widened(x2), x2_labels, frozenset(kept))[0], x1, x2)


@op(samples=("dot(x(3), x(3))", "dot(x(2, 3), x(3, 2))", "dot(x(2, 3), x(4, 3, 2))", "dot(x(2, 3), x(3))"), method=True)
def dot(input: Tensor, other: Tensor) -> Tensor:
    """Sum of products over the last axis of `input` and the last but one, or only, axis of `other`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.dot(Tensor([1.0, 2.0]), Tensor([3.0, 4.0])))
    11.0
    """
    require_tensors("dot", input=input, other=other)
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
    require_tensors("vdot", input=input, other=other)
    if input.size != other.size:
        raise ValueError(f"vdot: the shapes {input.shape} and {other.shape} differ in their number of elements.")
    return matmul(native.reshape(input, (-1,)), native.reshape(other, (-1,)))


@op(samples=("vecdot(x(2, 3), x(2, 3))", "vecdot(x(2, 3), x(3))", "vecdot(x(2, 3), x(2, 3), axis=0)"), method=True)
def vecdot(x: Tensor, y: Tensor, *, axis: int = -1) -> Tensor:
    """Sum of products along an axis; the others broadcast.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.vecdot(Tensor([[1.0, 2.0], [0.0, 1.0]]), Tensor([3.0, 4.0])))
    [11.  4.]
    """
    require_tensors("vecdot", x=x, y=y)
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
    require_tensors("inner", input=input, other=other)
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
    require_tensors("outer", input=input, vec2=vec2)
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
    require_tensors("kron", input=input, other=other)
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
    require_tensors("cross", input=input, other=other)
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
    require_rank("mm", 2, input=input, mat2=mat2)
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
    require_rank("mv", 2, mat=mat)
    require_rank("mv", 1, vec=vec)
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
    require_tensors("addmm", input=input)
    require_rank("addmm", 2, mat1=mat1, mat2=mat2)
    return _plus("addmm", input, matmul(widened(mat1), widened(mat2)), beta, alpha, mat1, mat2)


@op(samples=("addmv(x(3), x(3, 4), x(4))", "addmv(x(), x(3, 4), x(4), beta=0.5, alpha=2.0)"), method=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """``beta * input + alpha * (mat @ vec)``; input broadcasts. With beta=0 it does not count.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.addmv(Tensor([1.0]), Tensor([[1.0, 2.0]]), Tensor([3.0, 4.0])))
    [12.]
    """
    require_tensors("addmv", input=input)
    require_rank("addmv", 2, mat=mat)
    require_rank("addmv", 1, vec=vec)
    return _plus("addmv", input, matmul(widened(mat), widened(vec)), beta, alpha, mat, vec)


@op(samples=("addr(x(3, 4), x(3), x(4))", "addr(x(4), x(3), x(4), beta=0.5, alpha=2.0)"), method=True)
def addr(x: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """``beta * x + alpha * outer(vec1, vec2)``; x broadcasts. With beta=0 it does not count.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.addr(Tensor([[1.0]]), Tensor([3.0]), Tensor([4.0])))
    [[13.]]
    """
    require_tensors("addr", x=x)
    require_rank("addr", 1, vec1=vec1, vec2=vec2)
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
    require_tensors("baddbmm", input=input)
    require_rank("baddbmm", 3, batch1=batch1, batch2=batch2)
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
    require_tensors("addbmm", input=input)
    require_rank("addbmm", 3, batch1=batch1, batch2=batch2)
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
        return factors[i] if i == j else matmul(product(i, split[i, j]), product(split[i, j] + 1, j))

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


# ---- distances ------------------------------------------------------------------------------------------------------


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
    require_tensors("cdist", x1=x1, x2=x2)
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ValueError(f"cdist: rows of x1 and x2 must be of one length, got {x1.shape} and {x2.shape}.")
    if not p >= 0:
        raise ValueError(f"cdist: p must not be negative, got {p}.")
    a, b = widened(x1), widened(x2)
    difference = native.sub(native.expand_dims(a, -2), native.expand_dims(b, -3))
    return rounded(p_norm(difference, p), x1, x2)


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
    require_tensors("pdist", input=input)
    if input.ndim < 2:
        raise ValueError(f"pdist: the input must be a matrix, got the shape {input.shape}.")
    if not p >= 0:
        raise ValueError(f"pdist: p must not be negative, got {p}.")
    x, rows = widened(input), range(input.shape[-2])
    first = Tensor([i for i in rows for j in rows[i + 1 :]], int64)
    second = Tensor([j for i in rows for j in rows[i + 1 :]], int64)
    axis = x.ndim - 2
    return rounded(p_norm(native.sub(native.gather(x, first, axis), native.gather(x, second, axis)), p), input)
