"""The extension `linalg`: factorisations, products and norms of matrices in the last two axes."""

from typing import NamedTuple

from adcore import ops
from adcore._core import Tensor

from .arguments import require_array
from .dtypes import result_type
from .reduce import sum as summed


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Tensor
    R: Tensor


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Tensor
    logabsdet: Tensor


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


# ---- products --------------------------------------------------------------------------------------------------------


def _promoted(op, x1, x2):
    """Return both in the dtype to which they promote."""
    require_array(op, x1=x1, x2=x2)
    common = result_type(x1, x2)
    return x1.astype(common), x2.astype(common)


def matmul(x1, x2, /):
    """Multiply matrices, or vectors with them."""
    return ops.matmul(*_promoted("matmul", x1, x2))


def matrix_transpose(x, /):
    """Exchange the last two axes."""
    require_array("matrix_transpose", x=x)
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: needs two axes, got the shape {x.shape}.")
    return x.mT


def outer(x1, x2, /):
    """Multiply every element of a vector with every element of another one."""
    return ops.outer(*_promoted("outer", x1, x2))


def tensordot(x1, x2, /, *, axes=2):
    """Sum the products over axes of both."""
    x1, x2 = _promoted("tensordot", x1, x2)
    if isinstance(axes, int):
        axes = (tuple(range(x1.ndim - axes, x1.ndim)), tuple(range(axes)))
    return ops.tensordot(x1, x2, tuple(map(tuple, axes)))


def vecdot(x1, x2, /, *, axis=-1):
    """Sum the products along one axis of both."""
    x1, x2 = _promoted("vecdot", x1, x2)
    sizes = x1.shape[axis], x2.shape[axis]
    if sizes[0] != sizes[1]:  # nothing is repeated along the axis of the sum
        raise ValueError(f"vecdot: along axis {axis} both must be of one size, got {sizes[0]} and {sizes[1]}.")
    return summed(x1 * x2, axis=axis, dtype=x1.dtype)


def cross(x1, x2, /, *, axis=-1):
    """Return the vectors that are at right angles to both."""
    x1, x2 = _promoted("cross", x1, x2)
    return ops.cross(x1, x2, axis)


def matrix_power(x, n, /):
    """Multiply square matrices `n` times, or their inverses."""
    return ops.matrix_power(x, n)


# ---- parts -----------------------------------------------------------------------------------------------------------


def diagonal(x, /, *, offset=0):
    """Return a diagonal of every matrix."""
    return ops.diagonal(x, offset, -2, -1)


def trace(x, /, *, offset=0, dtype=None):
    """Sum a diagonal of every matrix. Integers become 64 bits wide."""
    return summed(diagonal(x, offset=offset), axis=-1, dtype=dtype)


# ---- factorisations --------------------------------------------------------------------------------------------------


def cholesky(x, /, *, upper=False):
    """Return the triangular factor of positive definite matrices."""
    return ops.cholesky(x, upper)


def det(x, /):
    """Return the determinants of matrices."""
    return ops.det(x)


def slogdet(x, /):
    """Return the signs of determinants and the logarithms of their absolute values."""
    return SlogdetResult(*ops.slogdet(x))


def eigh(x, /):
    """Return the eigenvalues, ascending, and eigenvectors of symmetric matrices."""
    return EighResult(*ops.eigh(x))


def eigvalsh(x, /):
    """Return the eigenvalues of symmetric matrices, ascending."""
    return ops.eigvalsh(x)


def inv(x, /):
    """Return the inverses of matrices."""
    return ops.inverse(x)


def pinv(x, /, *, rtol=None):
    """Return the pseudo-inverses of matrices; singular values below `rtol` times the largest count as zero."""
    if not isinstance(rtol, Tensor):
        return ops.pinv(x, rtol=rtol)
    u, s, vh = svd(x, full_matrices=False)
    counts = _counting(s, rtol)
    return (vh.mT * ops.where(counts, 1 / ops.where(counts, s, 1), 0)[..., None, :]) @ u.mT


def _counting(s, rtol):
    """Say which singular values are above a bound for every matrix."""
    largest = s[..., :1] if s.shape[-1] else ops.zeros((*s.shape[:-1], 1), s.dtype)
    return ops.greater(s, rtol[..., None].astype(s.dtype) * largest)


def qr(x, /, *, mode="reduced"):
    """Return orthogonal and upper triangular factors."""
    return QRResult(*ops.qr(x, mode))


def solve(x1, x2, /):
    """Return the solution of ``x1 @ x = x2``, where `x2` is a vector if it has one axis, and matrices otherwise."""
    return ops.solve(x1, x2)


def svd(x, /, *, full_matrices=True):
    """Return ``U, S, Vh`` with ``x = U @ diag(S) @ Vh``."""
    s, u, v = ops.svd(x, full_matrices)
    return SVDResult(u, s, v.mT)


def svdvals(x, /):
    """Return the singular values of matrices, descending."""
    return ops.svdvals(x)


# ---- norms -----------------------------------------------------------------------------------------------------------


def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    """Return a norm of every matrix."""
    return ops.matrix_norm(x, ord, (-2, -1), keepdims)


def matrix_rank(x, /, *, rtol=None):
    """Count the singular values above `rtol` times the largest."""
    if not isinstance(rtol, Tensor):
        return ops.matrix_rank(x, rtol=rtol)
    return summed(_counting(ops.svdvals(x), rtol), axis=-1)


def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    """Return a norm of vectors along axes, or of all elements."""
    return ops.vector_norm(x, ord, axis, keepdims)


__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]
