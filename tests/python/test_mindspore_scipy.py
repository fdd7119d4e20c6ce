"""``mindspore.scipy.linalg`` against SciPy."""

import numpy as np
import pytest
import scipy.linalg

from adcore import Tensor
from adcore.mindspore import scipy_linalg

RNG = np.random.default_rng(0)
TALL = RNG.normal(size=(3, 2)).astype(np.float32)
WIDE = RNG.normal(size=(2, 3)).astype(np.float32)
SQUARE = np.array([[4.0, 1.0, 2.0], [1.0, 3.0, 0.0], [2.0, 0.0, 5.0]], np.float32)
PIVOTED = np.array([[0.0, 1.0, 2.0], [1.0, 3.0, 1.0], [2.0, 0.0, 5.0]], np.float32)
RIGHT = np.array([1.0, 2.0, 3.0], np.float32)


@pytest.mark.parametrize(
    "call",
    [
        "block_diag([[1.0, 2.0]], [3.0])",
        "block_diag(A, B[0])",
        "cho_solve(linalg.cho_factor(S), b)",
        "cho_solve(linalg.cho_factor(S, lower=True), A)",
        "cho_factor(S, lower=True)[0]",
        "cholesky(S)",
        "cholesky(S, True)",
        "eigh(S)[0]",
        "eigh(S, lower=False, eigvals_only=True)",
        "inv(P)",
        "lu(P)",
        "lu(P, permute_l=True)",
        "lu_factor(P)",
        "solve_triangular(S, b)",
        "solve_triangular(S, A, lower=True)",
        "solve_triangular(S, b, trans=1, lower=True)",
        "solve_triangular(S, b, trans='T', unit_diagonal=True)",
    ],
)
def test_as_scipy(call):
    names = {"A": TALL, "B": WIDE, "S": SQUARE, "P": PIVOTED, "b": RIGHT}
    expected = eval(f"linalg.{call}", {"linalg": scipy.linalg, **names})
    tensors = {name: Tensor(np.ascontiguousarray(value)) for name, value in names.items()}
    if "cho_factor(S, lower" in call[:20]:
        expected = np.tril(expected)
    check_close(eval(f"linalg.{call}", {"linalg": scipy_linalg, **tensors}), expected)


def check_close(made, expected):
    if isinstance(expected, tuple):
        assert len(made) == len(expected)
        for m, e in zip(made, expected):
            check_close(m, e)
    else:
        np.testing.assert_allclose(made.asnumpy(), expected, rtol=1e-4, atol=1e-5)


def test_vectors_of_eigh_and_what_is_not_there():
    values, vectors = scipy_linalg.eigh(Tensor(SQUARE))
    np.testing.assert_allclose((vectors @ (values.expand_dims(1) * vectors.T)).asnumpy(), SQUARE, rtol=1e-4, atol=1e-5)
    with pytest.raises(NotImplementedError, match="eigh: only"):
        scipy_linalg.eigh(Tensor(SQUARE), Tensor(SQUARE))
    with pytest.raises(ValueError, match="trans must be"):
        scipy_linalg.solve_triangular(Tensor(SQUARE), Tensor(RIGHT), trans=3)
