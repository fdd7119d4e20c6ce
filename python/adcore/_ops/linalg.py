"""Linear algebra written with the core's factorisations (ops/linalg.cpp): norms, ranks, powers, least squares."""

from __future__ import annotations

import math
from operator import index

from adcore._core import Tensor, dtype, float32, float64
from adcore._ops import native
from adcore._ops.declare import dims, op, require_tensor
from adcore._ops.precision import rounded, widened

PAGE = "Linear algebra"

_EPSILON = {float32: 2.0**-23, float64: 2.0**-52}


def require_matrix(op, name, tensor, square=False):
    require_tensor(op, name, tensor)
    if tensor.ndim < 2:
        raise ValueError(f"{op}: {name} must be a matrix or a batch of matrices, got the shape {tensor.shape}.")
    if square and tensor.shape[-1] != tensor.shape[-2]:
        raise ValueError(f"{op}: {name} must be square, got the shape {tensor.shape}.")


def _floating(tensor):
    """Return a tensor in a dtype that factorisations compute in."""
    return widened(tensor) if tensor.dtype.is_floating_point else native.cast(tensor, float32)


# ---- factorisations and what is made of them ------------------------------------------------------------------------


@op(
    samples=(
        "svd(x(4, 3))",
        "svd(x(3, 4))",
        "svd(x(2, 3, 3), full_matrices=True)",
        "svd(x(3, 4), compute_uv=False)",
    ),
    method=True,
)
def svd(input: Tensor, full_matrices: bool = False, compute_uv: bool = True) -> Tensor | tuple[Tensor, ...]:
    """Singular value decomposition: ``input = u @ diag(s) @ v.mT``.

    Parameters
    ----------
    input : Tensor
        Matrices in the last two axes.
    full_matrices : bool, default False
        Whether `u` and `v` are square. The columns beyond the singular values have no derivative.
    compute_uv : bool, default True
        Whether there is more to return than the singular values.

    Returns
    -------
    tuple of Tensor
        ``(s, u, v)`` as in MindSpore: singular values, descending, and singular vectors as columns. Their derivative is
        not finite where singular values are equal. Or `s` alone.

    Raises
    ------
    TypeError, ValueError
        For what is no matrix, or has elements that are not finite.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> s, u, v = ops.svd(Tensor([[0.0, 2.0], [1.0, 0.0]]))
    >>> print(s)
    [2. 1.]
    """
    require_matrix("svd", "input", input)
    return native._svd(input, full_matrices) if compute_uv else native.svdvals(input)


@op(samples=("logdet(x(3, 3) + 3 * eye(3))", "logdet((lambda a: a @ a.mT)(x(2, 3, 3)) + eye(3))"), method=True)
def logdet(input: Tensor) -> Tensor:
    """Logarithm of the determinant; NaN where that is negative.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.logdet(Tensor([[1.0, 0.0], [0.0, 1.0]])))
    0.0
    """
    require_matrix("logdet", "input", input, square=True)
    sign, logarithm = native.slogdet(input)
    return native.where(native.less(sign, 0), math.nan, logarithm)


@op(samples=("cholesky_inverse(x(3, 3) + 3 * eye(3))", "cholesky_inverse(x(2, 3, 3) + 3 * eye(3), True)"), method=True)
def cholesky_inverse(input_x: Tensor, upper: bool = False) -> Tensor:
    """Inverse of the matrix whose Cholesky factor is given.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.cholesky_inverse(Tensor([[2.0]])))
    [[0.25]]
    """
    require_matrix("cholesky_inverse", "input_x", input_x, square=True)
    factor = _floating(input_x)
    half = native.triangular_solve(_identity_like(factor), factor, upper, upper)
    return rounded(native.matmul(half.mT, half), input_x) if input_x.dtype.is_floating_point else half.mT @ half


def _identity_like(matrices):
    return native.broadcast_to(native.eye(matrices.shape[-1], dtype=matrices.dtype), matrices.shape)


@op(
    samples=(
        "solve_triangular(x(3, 3) + 3 * eye(3), x(3, 2), upper=False)",
        "solve_triangular(x(3, 3) + 3 * eye(3), x(2, 3), upper=True, left=False)",
    )
)
def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """Solution x of ``A @ x = B``, or of ``x @ A = B`` unless `left`, where one triangle of A counts.

    Parameters
    ----------
    A : Tensor
        Square matrices.
    B : Tensor
    upper : bool
        Which triangle.
    left : bool, default True
    unitriangular : bool, default False
        Whether the diagonal of A counts as ones.

    Raises
    ------
    TypeError, ValueError
        For shapes that do not fit, and where the diagonal has a zero.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.solve_triangular(Tensor([[2.0]]), Tensor([[4.0]]), upper=True))
    [[2.]]
    """
    require_matrix("solve_triangular", "A", A, square=True)
    require_tensor("solve_triangular", "B", B)
    if left:
        return native.triangular_solve(B, A, upper, False, unitriangular)
    require_matrix("solve_triangular", "B", B)
    return native.triangular_solve(B.mT, A, upper, True, unitriangular).mT


def _singular_magnitudes(matrices, hermitian):
    return native.abs(native.eigvalsh(matrices)) if hermitian else native.svdvals(matrices)


@op(
    samples=("pinv(x(4, 3))", "pinv(x(2, 3, 4))", "pinv((lambda a: a + a.T)(x(3, 3)), hermitian=True)"),
    aliases=("pinverse",),
    method=True,
)
def pinv(
    x: Tensor,
    rcond: float | None = None,
    hermitian: bool = False,
    *,
    atol: float | None = None,
    rtol: float | None = None,
) -> Tensor:
    """Pseudoinverse of Moore and Penrose.

    Parameters
    ----------
    x : Tensor
    rcond, rtol : float, optional
        Singular values up to this times the greatest count as zero. The larger size of the matrix times the distance
        from 1 to the next number if none is given, 0 where atol is.
    hermitian : bool, default False
        Whether only the lower triangle counts.
    atol : float, optional
        Singular values up to this count as zero.

    Returns
    -------
    Tensor
        Its derivative is that at a constant rank.

    Raises
    ------
    TypeError, ValueError
        For what is no matrix, or has elements that are not finite.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.pinv(Tensor([[2.0], [0.0]])))
    [[0.5 0. ]]
    """
    require_matrix("pinv", "x", x, square=hermitian)
    if rcond is not None and rtol is not None:
        raise ValueError("pinv: rcond and rtol are two names of one bound.")
    if hermitian:
        lower = _lower(_floating(x), 1.0)
        x = rounded(native.add(lower, _lower(_floating(x), 0.0).mT), x)
    return native._pinv(x, rcond if rtol is None else rtol, atol)


def _lower(matrices, diagonal):
    """Return the lower triangles, the diagonal times a number; what lies above is not looked at."""
    size = matrices.shape[-1]
    places = native.arange(size)
    down, right = native.expand_dims(places, 1), native.expand_dims(places, 0)
    kept = native.greater_equal(down, right) if diagonal else native.greater(down, right)
    return native.where(kept, matrices, 0.0)


@op(samples=("matrix_rank(ones((2, 3)))", "matrix_rank(eye(3))"))
def matrix_rank(
    A: Tensor,
    tol: float | None = None,
    hermitian: bool = False,
    *,
    atol: float | None = None,
    rtol: float | None = None,
) -> Tensor:
    """Number of singular values above a bound.

    Parameters
    ----------
    A : Tensor
    tol, atol : float, optional
        The bound.
    hermitian : bool, default False
        Whether only the lower triangle counts.
    rtol : float, optional
        The bound is this times the greatest singular value, where that is more. The larger size of the matrix times the
        distance from 1 to the next number if no bound is given.

    Returns
    -------
    Tensor
        Of int64.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.matrix_rank(Tensor([[1.0, 2.0], [2.0, 4.0]])))
    1
    """
    require_matrix("matrix_rank", "A", A, square=hermitian)
    if tol is not None and atol is not None:
        raise ValueError("matrix_rank: tol and atol are two names of one bound.")
    matrices = _floating(A)
    atol = tol if atol is None else atol
    if rtol is None:
        rtol = 0.0 if atol is not None else max(A.shape[-2:]) * _EPSILON[matrices.dtype]
    values = _singular_magnitudes(matrices, hermitian)
    if 0 in values.shape:
        return native.sum(native.cast(native.greater(values, 0), native.arange(0).dtype), -1)
    bound = native.maximum(native.mul(native.amax(values, -1, True), rtol), 0.0 if atol is None else atol)
    return native.sum(native.cast(native.greater(values, bound), native.arange(0).dtype), -1)


@op(
    samples=("matrix_power(x(3, 3), 3)", "matrix_power(x(3, 3) + 3 * eye(3), -2)", "matrix_power(x(3, 3), 1)"),
    method=True,
)
def matrix_power(input: Tensor, n: int) -> Tensor:
    """Square matrices to an integer power; a negative one is that of the inverse.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.matrix_power(Tensor([[1.0, 1.0], [0.0, 1.0]]), 5).sum())
    7.0
    """
    require_matrix("matrix_power", "input", input, square=True)
    if not hasattr(n, "__index__"):
        raise TypeError(f"matrix_power: n must be an int, got {type(n).__name__}.")
    exponent = index(n)
    base = widened(input)
    if exponent < 0:
        base, exponent = native.inverse(base), -exponent
    if exponent == 0:
        return rounded(native.add(native.mul(base, 0), _identity_like(base)), input)
    power = None
    while exponent:
        if exponent & 1:
            power = base if power is None else native.matmul(power, base)
        exponent >>= 1
        if exponent:
            base = native.matmul(base, base)
    return rounded(power, input)


@op(samples=("lstsq(x(4, 3), x(4, 2))", "lstsq(x(4, 3), x(4))", "lstsq(x(2, 3, 4), x(3, 2))"))
def lstsq(input: Tensor, A: Tensor, rcond: float | None = None) -> Tensor:
    """Least squares: x of the smallest norm among those for which ``input @ x - A`` has the smallest.

    Parameters
    ----------
    input : Tensor
        Matrices of shape (..., m, n).
    A : Tensor
        The right side, of shape (..., m, k) or (m,).
    rcond : float, optional
        As in :func:`pinv`.

    Returns
    -------
    Tensor
        Of shape (..., n, k) or (..., n).

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.lstsq(Tensor([[1.0], [1.0]]), Tensor([1.0, 3.0])))
    [2.]
    """
    require_matrix("lstsq", "input", input)
    require_tensor("lstsq", "A", A)
    if A.ndim == 0 or A.shape[max(A.ndim - 2, 0)] != input.shape[-2]:
        raise ValueError(f"lstsq: the right side of the shape {A.shape} does not fit the matrix {input.shape}.")
    if input.dtype != A.dtype:
        raise TypeError(f"lstsq: both operands must have one dtype, got {input.dtype} and {A.dtype}.")
    return rounded(native.matmul(native._pinv(_floating(input), rcond, None), _floating(A)), input, A)


# ---- norms ----------------------------------------------------------------------------------------------------------


def _as_norm_reads(op, name, tensor, dtype):
    require_tensor(op, name, tensor)
    if dtype is not None:
        return native.cast(tensor, dtype)
    return tensor if tensor.dtype.is_floating_point else native.cast(tensor, float32)


@op(
    samples=(
        "vector_norm(x(3, 4))",
        "vector_norm(x(3, 4), ord=1, axis=1)",
        "vector_norm(x(3, 4), ord=3, axis=(0, 1))",
        "vector_norm(x(3, 4), ord=float('inf'), axis=1, keepdims=True)",
        "vector_norm(x(3, 4), ord=-float('inf'))",
    ),
)
def vector_norm(
    x: Tensor, ord: float = 2, axis: dims | None = None, keepdims: bool = False, *, dtype: dtype | None = None
) -> Tensor:
    """Norm of the elements along some axes, or all.

    Parameters
    ----------
    x : Tensor
    ord : number, inf or -inf, default 2
        0 counts the elements that are not zero.
    axis : int or sequence of int, optional
    keepdims : bool, default False
    dtype : dtype, optional
        Converts first.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.vector_norm(Tensor([3.0, 4.0])))
    5.0
    """
    x = _as_norm_reads("vector_norm", "x", x, dtype)
    if isinstance(ord, bool) or not isinstance(ord, (int, float)):
        raise ValueError(f"vector_norm: ord must be a number, got {ord!r}.")
    if ord == 2:
        return native._norm2(x, axis, keepdims)
    if ord == 0:
        return native.sum(native.cast(native.not_equal(x, 0), x.dtype), axis, keepdims)
    if ord == 1:
        return native.sum(native.abs(x), axis, keepdims)
    if ord == math.inf:
        return native.amax(native.abs(x), axis, keepdims)
    if ord == -math.inf:
        return native.amin(native.abs(x), axis, keepdims)
    return native._norm(x, ord, axis, keepdims)


@op(
    samples=(
        "matrix_norm(x(3, 4))",
        "matrix_norm(x(3, 4), ord='nuc')",
        "matrix_norm(x(2, 3, 4), ord=2, keepdims=True)",
        "matrix_norm(x(3, 4), ord=-2)",
        "matrix_norm(x(3, 4), ord=1)",
        "matrix_norm(x(3, 4), ord=-1)",
        "matrix_norm(x(3, 4), ord=float('inf'))",
        "matrix_norm(x(3, 4), ord=-float('inf'), keepdims=True)",
    ),
)
def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    axis: dims = (-2, -1),
    keepdims: bool = False,
    *,
    dtype: dtype | None = None,
) -> Tensor:
    """Norm of matrices.

    Parameters
    ----------
    A : Tensor
    ord : {"fro", "nuc", inf, -inf, 1, -1, 2, -2}
        Square root of the sum of squares; sum of the singular values; largest or smallest sum of magnitudes of a row
        (inf), of a column (1); largest or smallest singular value (2).
    axis : pair of int, default (-2, -1)
        The rows' and the columns'.
    keepdims : bool, default False
    dtype : dtype, optional
        Converts first.

    Raises
    ------
    TypeError, ValueError
        For another order, or axes that are no pair.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.matrix_norm(Tensor([[3.0, 0.0], [0.0, -4.0]]), "nuc"))
    7.0
    """
    A = _as_norm_reads("matrix_norm", "A", A, dtype)
    pair = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    pair = tuple(index(one) + (A.ndim if index(one) < 0 else 0) for one in pair)
    if len(pair) != 2 or pair[0] == pair[1] or not all(0 <= one < A.ndim for one in pair):
        raise ValueError(f"matrix_norm: axis must be two different axes of the shape {A.shape}, got {axis!r}.")
    if isinstance(ord, str):
        if ord not in ("fro", "nuc"):
            raise ValueError(f"matrix_norm: ord must be 'fro', 'nuc', inf, 1 or 2, got {ord!r}.")
    elif isinstance(ord, bool) or not isinstance(ord, (int, float)) or abs(ord) not in (1, 2, math.inf):
        raise ValueError(f"matrix_norm: ord must be 'fro', 'nuc', inf, 1 or 2, got {ord!r}.")
    without_elements = 0 in (A.shape[pair[0]], A.shape[pair[1]])
    order = None if isinstance(ord, str) else ord
    if ord == "fro" or (without_elements and (order is None or order > 0)):  # of no elements: 0
        return native._norm2(A, pair, keepdims)
    extreme = native.amax if order is None or order > 0 else native.amin
    if order is None or abs(order) == 2:
        others = tuple(one for one in range(A.ndim) if one not in pair)
        values = native.svdvals(native.permute(A, (*others, *pair)))
        norms = native.sum(values, -1) if order is None else extreme(values, -1)
        if not keepdims:
            return norms
        return native.reshape(norms, tuple(1 if one in pair else A.shape[one] for one in range(A.ndim)))
    summed, compared = pair if abs(order) == 1 else pair[::-1]
    sums = native.sum(native.abs(A), summed, True)
    norms = extreme(sums, compared, True)
    return norms if keepdims else native.squeeze(norms, pair)


@op(
    samples=(
        "cond(x(3, 4))",
        "cond(x(3, 3) + 3 * eye(3), 'fro')",
        "cond(x(2, 3, 3) + 3 * eye(3), 1)",
        "cond(x(3, 3) + 3 * eye(3), float('inf'))",
        "cond(x(3, 4), -2)",
    ),
    method=True,
)
def cond(A: Tensor, p: float | str | None = None) -> Tensor:
    """Condition number: the norm times that of the inverse.

    Parameters
    ----------
    A : Tensor
    p : None, "fro", "nuc", inf, -inf, 1, -1, 2 or -2
        The order of :func:`matrix_norm`. With None and 2 the largest singular value by the smallest, of matrices that
        need not be square.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.cond(Tensor([[2.0, 0.0], [0.0, 1.0]])))
    2.0
    """
    require_matrix("cond", "A", A, square=p not in (None, 2, -2))
    if p in (None, 2, -2):
        values = native.svdvals(_floating(A))
        largest, smallest = values[..., 0], values[..., -1]
        return rounded(native.div(smallest, largest) if p == -2 else native.div(largest, smallest), A)
    matrices = _floating(A)
    return rounded(native.mul(matrix_norm(matrices, p), matrix_norm(native.inverse(matrices), p)), A)
