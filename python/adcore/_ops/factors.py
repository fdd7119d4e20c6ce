"""LU factors as values, and tensors whose axes are read as the rows and columns of a matrix.

Factors are packed as LAPACK has them: U and, below the diagonal, L without its ones in one matrix; pivots count from 1:
row i was exchanged with row ``pivots[i]``, one exchange after the other. The derivative of the factors is that at these
exchanges. `native._lu_factor` does the work (ops/linalg.cpp).
"""

from __future__ import annotations

import math
from operator import index

from adcore._core import Tensor, int32, int64
from adcore._ops import native
from adcore._ops.declare import broadcast_shape, dims, op, require_tensor
from adcore._ops.linalg import require_matrix
from adcore._ops.shape import one_hot

PAGE = "Linear algebra"


def _packed(op, name, tensor, pivot=True):
    """Return packed factors, and the rows' exchanges from 0."""
    require_matrix(op, name, tensor)
    if not pivot:
        raise ValueError(f"{op}: pivot=False is not there: without exchanges of rows factors lose their digits.")
    return native._lu_factor(tensor)


def _unpacked(packed):
    """Return L and U."""
    m, n = packed.shape[-2:]
    least = min(m, n)
    lower, upper = packed[..., :, :least], packed[..., :least, :]
    return native.add(native.tril(lower, -1), native.eye(m, least, dtype=packed.dtype)), native.triu(upper)


def _places(pivots, rows):
    """Return for each row of A where it stands in P A, from pivots that count from 1."""
    return native._lu_places(native.sub(native.cast(pivots, int64), 1), rows)


def _permutation(places, like):
    """Return the matrix P with A = P L U."""
    return native.cast(one_hot(places, places.shape[-1], 1, 0), like.dtype)


def _checked(op, data, pivots):
    require_matrix(op, "LU_data", data)
    require_tensor(op, "LU_pivots", pivots)
    if not pivots.dtype.is_integer:
        raise TypeError(f"{op}: LU_pivots must be integers, got {pivots.dtype}.")
    if pivots.shape != (*data.shape[:-2], min(data.shape[-2:])):
        raise ValueError(f"{op}: LU_pivots of shape {pivots.shape} do not belong to factors of shape {data.shape}.")


@op(
    samples=(
        "lu_factor(x(3, 3) + 3 * eye(3))[0]",
        "lu_factor(x(2, 4, 3) + 4 * eye(4, 3))[0]",
        "lu_factor(x(3, 5))[0]",
    )
)
def lu_factor(A: Tensor, pivot: bool = True) -> tuple[Tensor, ...]:
    """LU factors of matrices, ``A = P @ L @ U``, packed in one matrix.

    Parameters
    ----------
    A : Tensor
        (..., m, n).
    pivot : bool, default True
        Whether rows are exchanged; there is no other way.

    Returns
    -------
    tuple of Tensor
        U and, below its diagonal, L without its ones, of A's shape; and the pivots, int32 from 1, of shape
        (..., min(m, n)): row i was exchanged with row ``pivots[i]``.

    Raises
    ------
    TypeError, ValueError
        For what is no matrix. The derivative raises where U is singular.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> factors, pivots = ops.lu_factor(Tensor([[1.0, 2.0], [2.0, 2.0]]))
    >>> print(factors, pivots)
    [[2.  2. ]
     [0.5 1. ]] [2 2]
    """
    packed, exchanged = _packed("lu_factor", "A", A, pivot)
    return packed, native.cast(native.add(exchanged, 1), int32)


@op(samples=("lu(x(3, 3) + 3 * eye(3))", "lu(x(2, 4, 3) + 4 * eye(4, 3))", "lu(x(3, 5))"))
def lu(A: Tensor, pivot: bool = True) -> tuple[Tensor, ...]:
    """LU factors of matrices, ``A = P @ L @ U``.

    Parameters
    ----------
    A : Tensor
        (..., m, n).
    pivot : bool, default True
        As :func:`lu_factor`.

    Returns
    -------
    tuple of Tensor
        P, a permutation, L with ones on the diagonal, and U; k = min(m, n) is the number of columns of L and of rows
        of U.

    Raises
    ------
    TypeError, ValueError
        For what is no matrix. The derivative raises where U is singular.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> p, l, u = ops.lu(Tensor([[1.0, 2.0], [2.0, 2.0]]))
    >>> print(u)
    [[2. 2.]
     [0. 1.]]
    """
    packed, exchanged = _packed("lu", "A", A, pivot)
    return _permutation(native._lu_places(exchanged, A.shape[-2]), packed), *_unpacked(packed)


@op(samples=("lu_unpack(x(3, 4), Tensor([2, 3, 3]))",))
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> tuple[Tensor, ...]:
    """P, L and U from what :func:`lu_factor` gives.

    Parameters
    ----------
    LU_data, LU_pivots : Tensor
    unpack_data, unpack_pivots : bool, default True
        Without one, empty tensors stand for L and U, or for P.

    Raises
    ------
    TypeError, ValueError, IndexError
        For pivots that do not belong to the factors.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> p, l, u = ops.lu_unpack(*ops.lu_factor(Tensor([[1.0, 2.0], [2.0, 2.0]])))
    >>> print(p @ l @ u)
    [[1. 2.]
     [2. 2.]]
    """
    _checked("lu_unpack", LU_data, LU_pivots)
    nothing = native.zeros((0,), LU_data.dtype)
    lower, upper = _unpacked(LU_data) if unpack_data else (nothing, nothing)
    p = _permutation(_places(LU_pivots, LU_data.shape[-2]), LU_data) if unpack_pivots else nothing
    return p, lower, upper


@op(
    samples=(
        "lu_solve(x(3, 2), x(3, 3) + 3 * eye(3), Tensor([2, 3, 3]))",
        "lu_solve(x(2, 3, 1), x(3, 3) + 3 * eye(3), Tensor([3, 2, 3]), adjoint=True)",
        "lu_solve(x(2, 3), x(2, 3, 3) + 3 * eye(3), Tensor([[3, 2, 3], [1, 2, 3]]), left=False)",
    )
)
def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """Solution x of ``A @ x = b``, from the LU factors of A.

    Parameters
    ----------
    b : Tensor
        Matrices; leading axes broadcast.
    LU_data, LU_pivots : Tensor
        As :func:`lu_factor` gives them, of square matrices.
    left : bool, default True
        Whether A stands on the left; else ``x @ A = b``.
    adjoint : bool, default False
        Whether the transposed A stands in its place.

    Raises
    ------
    TypeError, ValueError, IndexError
        For shapes that do not fit, and where U is singular.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.lu_solve(Tensor([[4.0]]), *ops.lu_factor(Tensor([[2.0]]))))
    [[2.]]
    """
    _checked("lu_solve", LU_data, LU_pivots)
    require_matrix("lu_solve", "b", b)
    n = LU_data.shape[-1]
    if LU_data.shape[-2] != n or b.shape[-2 if left else -1] != n:
        raise ValueError(f"lu_solve: b of shape {b.shape} does not fit the matrix of shape {LU_data.shape}.")
    if not left:
        return _solved(b.mT, LU_data, LU_pivots, not adjoint).mT
    return _solved(b, LU_data, LU_pivots, adjoint)


def _solved(b, data, pivots, transposed):
    places = _places(pivots, data.shape[-1])
    order = native.argsort(places, -1)
    if not transposed:  # P L U x = b
        half = native.triangular_solve(_rows(b, order), data, False, False, True)
        return native.triangular_solve(half, data, True)
    half = native.triangular_solve(b, data, True, True)
    return _rows(native.triangular_solve(half, data, False, True, True), places)


def _rows(matrices, order):
    """Return the rows of each matrix in an order of its own."""
    batch = broadcast_shape("lu_solve", matrices.shape[:-2], order.shape[:-1])
    shape = (*batch, *matrices.shape[-2:])
    places = native.broadcast_to(native.expand_dims(order, -1), shape)
    return native.gather_elements(native.broadcast_to(matrices, shape), len(batch), places)


@op(
    samples=(
        "tensorinv(x(4, 2, 2) + 3 * eye(4).reshape(4, 2, 2), 1)",
        "tensorinv(x(2, 3, 6) + 9 * eye(6).reshape(2, 3, 6))",
    )
)
def tensorinv(input: Tensor, ind: int = 2) -> Tensor:
    """Inverse of a tensor as a matrix, whose rows are its first axes and whose columns are the others.

    Parameters
    ----------
    input : Tensor
    ind : int, default 2
        How many axes are rows.

    Returns
    -------
    Tensor
        The axes of the columns come first.

    Raises
    ------
    TypeError, ValueError
        Where rows and columns are not equally many, and where the matrix is singular.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.tensorinv(Tensor([[2.0, 0.0], [0.0, 4.0]]), 1))
    [[0.5  0.  ]
     [0.   0.25]]
    """
    require_tensor("tensorinv", "input", input)
    count = index(ind)
    if count < 1:
        raise ValueError(f"tensorinv: ind must be positive, got {count}.")
    rows, columns = input.shape[:count], input.shape[count:]
    if math.prod(rows) != math.prod(columns):
        raise ValueError(f"tensorinv: {rows} rows and {columns} columns are no square matrix.")
    size = math.prod(rows)
    return native.reshape(native.inverse(native.reshape(input, (size, size))), (*columns, *rows))


@op(
    samples=(
        "tensorsolve(x(2, 3, 6) + 9 * eye(6).reshape(2, 3, 6), x(2, 3))",
        "tensorsolve(x(2, 6, 3) + 9 * eye(6).reshape(2, 3, 6).swapaxes(1, 2), x(2, 3), (1,))",
    )
)
def tensorsolve(a: Tensor, b: Tensor, axes: dims | None = None) -> Tensor:
    """Solution x of ``tensordot(a, x, x.ndim) = b``.

    Parameters
    ----------
    a : Tensor
        As a matrix, its rows are the first axes, as many as b has.
    b : Tensor
    axes : sequence of int, optional
        Axes of `a` that are moved behind the others first.

    Raises
    ------
    TypeError, ValueError
        For shapes that do not fit, and where the matrix is singular.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.tensorsolve(Tensor([[2.0, 0.0], [0.0, 4.0]]), Tensor([2.0, 4.0])))
    [1. 1.]
    """
    require_tensor("tensorsolve", "a", a)
    require_tensor("tensorsolve", "b", b)
    if axes is not None:
        moved = (axes,) if isinstance(axes, int) else tuple(axes)
        a = native.movedim(a, moved, tuple(range(a.ndim - len(moved), a.ndim)))
    columns = a.shape[b.ndim :]
    if math.prod(a.shape[: b.ndim]) != b.size or math.prod(columns) != b.size:
        raise ValueError(f"tensorsolve: a of shape {a.shape} is no square matrix with as many rows as b {b.shape} has.")
    flat = native.solve(native.reshape(a, (b.size, b.size)), native.reshape(b, (b.size,)))
    return native.reshape(flat, columns)
