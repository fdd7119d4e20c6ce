"""``mindspore.scipy.linalg``: SciPy's parameters over adcore's functions of matrices.

`overwrite_*` and `check_finite` are accepted; nothing is overwritten, and what is not finite goes through.
"""

from adcore import int32, ops

from .mnp_parts import floating as _f
from .mnp_parts import tensor as _t
from .named import named


def _eigh(
    a,
    b=None,
    lower=True,
    eigvals_only=False,
    overwrite_a=False,
    overwrite_b=False,
    turbo=True,
    eigvals=None,
    type=1,
    check_finite=True,
):
    if b is not None or eigvals is not None or type != 1:
        raise NotImplementedError("eigh: only the eigenvalues of one matrix, all of them, are there.")
    half = "L" if lower else "U"
    return ops.eigvalsh(_f(a), half) if eigvals_only else ops.eigh(_f(a), half)


def _cho_solve(c_and_lower, b, overwrite_b=False, check_finite=True):
    factor, lower = c_and_lower
    b = _f(b)
    made = ops.cholesky_solve(ops.expand_dims(b, -1) if b.ndim == 1 else b, _f(factor), upper=not lower)
    return made.squeeze(-1) if b.ndim == 1 else made


def _lu_factor(a, overwrite_a=False, check_finite=True):
    factors, pivots = ops.lu_factor(_f(a))
    return factors, (pivots - 1).astype(int32)


def _lu(a, permute_l=False, overwrite_a=False, check_finite=True):
    p, low, up = ops.lu(_f(a))
    return (ops.matmul(p, low), up) if permute_l else (p, low, up)


def _solve_triangular(
    a, b, trans=0, lower=False, unit_diagonal=False, overwrite_b=False, debug=None, check_finite=True
):
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"solve_triangular: trans must be 0, 1, 2, 'N', 'T' or 'C', got {trans!r}.")
    a, b = _f(a), _f(b)
    if trans not in (0, "N"):
        a, lower = ops.swapaxes(a, -1, -2), not lower
    column = b.ndim == a.ndim - 1
    made = ops.solve_triangular(
        a, ops.expand_dims(b, -1) if column else b, upper=not lower, unitriangular=unit_diagonal
    )
    return made.squeeze(-1) if column else made


_ROWS = named(
    "mindspore.scipy.linalg",
    {
        "block_diag": lambda *arrs: ops.block_diag(*[_t(a) for a in arrs]),
        "cho_factor": lambda a, lower=False, overwrite_a=False, check_finite=True: (
            ops.cholesky(_f(a), not lower),
            lower,
        ),
        "cho_solve": _cho_solve,
        "cholesky": lambda a, lower=False, overwrite_a=False, check_finite=True: ops.cholesky(_f(a), not lower),
        "eigh": _eigh,
        "inv": lambda a, overwrite_a=False, check_finite=True: ops.inverse(_f(a)),
        "lu": _lu,
        "lu_factor": _lu_factor,
        "solve_triangular": _solve_triangular,
    },
)
globals().update(_ROWS)
__all__ = sorted(_ROWS)
