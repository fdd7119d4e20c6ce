"""Linear algebra and products: sizes on both sides of every block, faults, degenerate points, all forms of einsum.

What is unique is compared with NumPy and SciPy; of factors whose signs are free the equations that they solve are
checked. Derivatives at small sizes are walked with the samples (test_ops_grad.py); here are closed forms at sizes that
the blocked algorithms take apart, and points where a rule could divide by zero.
"""

import itertools

import numpy as np
import pytest
import scipy.linalg

import adcore
from adcore import Tensor, grad, jacrev, jvp, ops, vmap
from helpers import TOLERANCE, array_of, check_grads

RNG = np.random.default_rng(29)
# Around the leaves of the recursion, of 32 rows, its halves, and the blocks of 128.
SIZES = [0, 1, 2, 7, 8, 9, 31, 32, 33, 64, 65, 97, 130, 300]
DTYPES = [np.float32, np.float64]


def regular(*shape):
    """Matrices whose condition numbers are small: a random part of norm 1 at most, and twice the identity."""
    n = shape[-1]
    x = RNG.standard_normal(shape)
    norms = np.linalg.norm(x, 2, (-2, -1), keepdims=True) if n else 1
    return x / np.maximum(norms, 1e-30) + 2 * np.eye(n)


def positive(*shape):
    x = regular(*shape)
    return x @ x.mT


def close(got, expected, dtype, factor=8.0):
    """Equal but for rounding, in the size of the largest element."""
    assert got.shape == expected.shape
    size = max(1.0, np.abs(expected).max(initial=0))
    tolerance = factor * TOLERANCE["Float32" if dtype == np.float32 else "Float64"] * size
    np.testing.assert_allclose(array_of(got), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_cholesky_and_solutions_of_every_size(n, dtype):
    a, p = regular(n, n).astype(dtype), positive(n, n).astype(dtype)
    b = RNG.standard_normal((n, 5)).astype(dtype)
    exact, exact_p, right = a.astype(np.float64), p.astype(np.float64), b.astype(np.float64)
    close(ops.cholesky(Tensor(p)), np.linalg.cholesky(exact_p), dtype)
    close(ops.cholesky(Tensor(p), upper=True), np.linalg.cholesky(exact_p).T, dtype)
    close(ops.solve(Tensor(a), Tensor(b)), np.linalg.solve(exact, right), dtype)
    close(ops.solve(Tensor(a), Tensor(b[:, 0])), np.linalg.solve(exact, right[:, 0]), dtype)
    close(ops.inverse(Tensor(a)), np.linalg.inv(exact), dtype)
    sign, log = ops.slogdet(Tensor(a))
    np.testing.assert_allclose(
        [float(sign), float(log)], np.linalg.slogdet(exact), rtol=10 * TOLERANCE[str(sign.dtype)]
    )
    if n:
        factor = np.linalg.cholesky(exact_p).astype(dtype)
        close(ops.cholesky_solve(Tensor(b), Tensor(factor)), np.linalg.solve(exact_p, right), dtype, 32)
        close(ops.cholesky_inverse(Tensor(factor)), np.linalg.inv(exact_p), dtype, 32)


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("n", [1, 8, 33, 130])
def test_triangular_solve_in_all_its_ways(n, upper, transpose, unit):
    # The other triangle holds NaN: it must not be read. With a unit diagonal neither must that.
    a = regular(n, n)
    garbage = np.tril(np.ones((n, n), bool), -1) if upper else np.triu(np.ones((n, n), bool), 1)
    given = np.where(garbage | (np.eye(n, dtype=bool) & unit), np.nan, a)
    for m in (1, 4, 40):
        b = RNG.standard_normal((n, m))
        expected = scipy.linalg.solve_triangular(a, b, trans=int(transpose), lower=not upper, unit_diagonal=unit)
        close(ops.triangular_solve(Tensor(b), Tensor(given), upper, transpose, unit), expected, np.float64, 64)
    left = ops.solve_triangular(Tensor(given), Tensor(b.T.copy()), upper=upper, left=False, unitriangular=unit)
    expected = scipy.linalg.solve_triangular(a, b, trans=1, lower=not upper, unit_diagonal=unit).T
    close(left, expected, np.float64, 64)


def test_right_sides_are_read_as_numpy_reads_them():
    a, b = regular(4, 3, 3), RNG.standard_normal((3, 2))
    close(ops.solve(Tensor(a), Tensor(b)), np.linalg.solve(a, b), np.float64)
    close(ops.solve(Tensor(a), Tensor(b[:, 0])), np.linalg.solve(a, b[:, 0]), np.float64)
    close(ops.solve(Tensor(a[0]), Tensor(np.stack([b, b]))), np.linalg.solve(a[0], np.stack([b, b])), np.float64)
    with pytest.raises(ValueError, match="a batch of vectors needs one more axis, of size 1"):
        ops.solve(Tensor(a), Tensor(RNG.standard_normal((4, 3))))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (3, 5), (4, 4), (40, 33), (2, 3, 4, 2), (3, 0), (0, 3), (0, 2, 2)])
def test_orthogonal_factorisations(shape, dtype):
    x = RNG.standard_normal(shape).astype(dtype)
    exact = x.astype(np.float64)
    k = min(shape[-2:])
    for mode, columns in (("reduced", k), ("complete", shape[-2])):
        q, r = map(array_of, ops.qr(Tensor(x), mode))
        assert q.shape == (*shape[:-1], columns) and r.shape == (*shape[:-2], columns, shape[-1])
        close(Tensor(q @ r), exact, dtype)
        close(Tensor(q.mT @ q), np.broadcast_to(np.eye(columns), (*shape[:-2], columns, columns)), dtype)
        np.testing.assert_array_equal(r, np.triu(r))
    for full in (False, True):
        s, u, v = map(array_of, ops.svd(Tensor(x), full_matrices=full))
        assert u.shape[-1] == (shape[-2] if full else k) and v.shape[-1] == (shape[-1] if full else k)
        close(Tensor(s), np.linalg.svd(exact, compute_uv=False), dtype)
        close(Tensor(u[..., :k] * s[..., None, :] @ v[..., :k].mT), exact, dtype)
        for vectors in (u, v):
            close(
                Tensor(vectors.mT @ vectors),
                np.broadcast_to(np.eye(vectors.shape[-1]), vectors.mT.shape[:-1] + vectors.shape[-1:]),
                dtype,
            )
    close(ops.svdvals(Tensor(x)), np.linalg.svd(exact, compute_uv=False), dtype)
    close(ops.pinv(Tensor(x)), np.linalg.pinv(exact), dtype, 100)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (40, 40), (2, 3, 3, 3), (0, 0)])
def test_symmetric_eigenproblem_reads_one_triangle(shape, dtype):
    x = RNG.standard_normal(shape).astype(dtype)
    for uplo, triangle in (("L", np.tril), ("U", np.triu)):
        own = triangle(x.astype(np.float64))
        exact = own + own.mT - own * np.eye(shape[-1])
        w, v = map(array_of, ops.eigh(Tensor(x), uplo))
        close(Tensor(w), np.linalg.eigvalsh(exact), dtype)
        close(ops.eigvalsh(Tensor(x), uplo), np.linalg.eigvalsh(exact), dtype)
        close(Tensor(v * w[..., None, :] @ v.mT), exact, dtype, 32)


# ---- faults ---------------------------------------------------------------------------------------------------------

SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (lambda a: ops.inverse(a), "inverse: the matrix is singular"),
        (lambda a: ops.solve(a, ops.ones((2, 1), a.dtype)), "solve: the matrix is singular"),
        (lambda a: ops.triangular_solve(ops.ones((2, 1), a.dtype), a * 0), "triangular_solve: the matrix is singular"),
        (lambda a: ops.cholesky(-a), "cholesky: the matrix is not positive definite"),
        (lambda a: grad(lambda a: ops.slogdet(a)[1])(a), "slogdet: the matrix is singular"),
        (lambda a: ops.matrix_power(a, -1), "inverse: the matrix is singular"),
        (lambda a: ops.svd(a * np.nan), "svd: the matrix has elements that are not finite"),
        (lambda a: ops.eigh(a * np.inf), "eigh: the matrix has elements that are not finite"),
        (lambda a: ops.pinv(a / 0.0), "pinv: the matrix has elements that are not finite"),
    ],
)
def test_a_fault_names_the_matrix(call, fault):
    with np.errstate(all="ignore"):
        with pytest.raises(ValueError, match=f"^{fault}\\.$"):
            call(Tensor(SINGULAR))
        if "triangular" in fault or "finite" in fault or "cholesky: " in fault:
            return
        batch = np.stack([np.eye(2), np.eye(2) * 2, SINGULAR, SINGULAR])
        with pytest.raises(ValueError, match=f"^{fault} \\(member 2 of the batch\\)\\.$"):
            call(Tensor(batch))
        with pytest.raises(ValueError, match=f"^{fault} \\(member \\(1, 0\\) of the batch\\)\\.$"):
            call(Tensor(batch.reshape(2, 2, 2, 2)))


def test_the_first_faulty_member_is_named_at_any_number_of_threads():
    batch = np.broadcast_to(positive(64, 64), (40, 64, 64)).copy()
    batch[[7, 23, 39]] *= -1
    before = adcore.get_num_threads()
    try:
        for count in (1, 2, 4):
            adcore.set_num_threads(count)
            with pytest.raises(ValueError, match="member 7 of the batch"):
                ops.cholesky(Tensor(batch))
    finally:
        adcore.set_num_threads(before)


@pytest.mark.parametrize(
    "name", "cholesky det eigh eigvalsh inverse matrix_exp slogdet logdet qr svd svdvals pinv".split()
)
def test_what_is_no_matrix_is_told_so(name):
    with pytest.raises(ValueError, match=f"^{name}: .*got the shape \\(3,\\)"):
        getattr(ops, name)(Tensor(np.ones(3)))
    if name not in "qr svd svdvals pinv":
        with pytest.raises(ValueError, match=f"^{name}: .*square.*got the shape \\(2, 3\\)"):
            getattr(ops, name)(Tensor(np.ones((2, 3))))


def test_nan_passes_through_solutions():
    a = np.eye(3)
    a[1, 2] = np.nan
    assert np.isnan(array_of(ops.solve(Tensor(a), Tensor(np.ones(3))))).any()
    assert np.isnan(array_of(ops.matrix_exp(Tensor(a)))).all()


# ---- derivatives ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [5, 40, 140])
def test_derivatives_of_blocked_sizes_are_the_closed_forms(n):
    a, b, c = regular(n, n), RNG.standard_normal((n, 3)), RNG.standard_normal((n, 3))
    inverse = np.linalg.inv(a)
    by_a, by_b = grad(lambda a, b: (ops.solve(a, b) * Tensor(c)).sum(), (0, 1))(Tensor(a), Tensor(b))
    close(by_b, inverse.T @ c, np.float64, 64)
    close(by_a, -inverse.T @ c @ (inverse @ b).T, np.float64, 64)
    close(grad(lambda a: ops.slogdet(a)[1])(Tensor(a)), inverse.T, np.float64, 64)
    # The factor of A + t D moves by L phi(L^-1 D L^-T): Giles 2008.
    p, d = positive(n, n), RNG.standard_normal((n, n))
    d += d.T
    factor = np.linalg.cholesky(p)
    inner = np.linalg.solve(factor, np.linalg.solve(factor, d).T)
    moved = factor @ (np.tril(inner, -1) + 0.5 * np.diag(np.diag(inner)))
    close(jvp(ops.cholesky, Tensor(p), Tensor(d))[1], moved, np.float64, 64)
    weights = RNG.standard_normal((n, n))
    gradient = grad(lambda p: (ops.cholesky(p) * Tensor(np.tril(weights))).sum())(Tensor(p))
    np.testing.assert_allclose(np.sum(array_of(gradient) * d), np.sum(np.tril(weights) * moved), rtol=1e-9)


def test_the_determinant_of_a_singular_matrix_has_a_derivative():
    cofactors = np.array([[4.0, -2.0], [-2.0, 1.0]])
    close(grad(ops.det)(Tensor(SINGULAR)), cofactors, np.float64)
    close(grad(ops.det)(Tensor(np.zeros((2, 2)))), np.zeros((2, 2)), np.float64)
    close(grad(ops.det)(Tensor(np.zeros((1, 1)))), np.ones((1, 1)), np.float64)
    rank_two = RNG.standard_normal((4, 2)) @ RNG.standard_normal((2, 4))
    assert np.abs(array_of(grad(ops.det)(Tensor(rank_two)))).max() < 1e-13
    rank_two = np.diag([1.0, 0.0, 2.0])
    close(grad(ops.det)(Tensor(rank_two)), np.diag([0.0, 2.0, 0.0]), np.float64)


def test_eigenvalues_that_are_equal_have_derivatives():
    x = Tensor(np.eye(3) * 2)
    close(grad(lambda a: ops.eigvalsh(a).sum())(x), np.eye(3), np.float64)
    close(grad(lambda a: ops.svdvals(a).sum())(x), np.eye(3), np.float64)
    close(grad(lambda a: ops.matrix_norm(a, "nuc"))(x), np.eye(3), np.float64)


def test_vectors_beyond_the_singular_values_have_no_derivative():
    x = Tensor(RNG.standard_normal((4, 2)))
    with pytest.raises(ValueError, match=r"^svd: with full_matrices=True .*\(4, 2\); use full_matrices=False"):
        grad(lambda x: ops.svd(x, True)[1].sum())(x)
    with pytest.raises(ValueError, match=r"^qr: with mode='complete' .*\(4, 2\); use mode='reduced'"):
        grad(lambda x: ops.qr(x, "complete")[0].sum())(x)


def test_the_pseudoinverse_of_a_matrix_that_stays_of_one_rank():
    arrays = [RNG.standard_normal((4, 2)), RNG.standard_normal((2, 3))]
    check_grads(lambda a, b: ops.pinv(a @ b, rtol=1e-9), arrays, order=2, rtol=1e-6)
    close(ops.pinv(Tensor(arrays[0] @ arrays[1])), np.linalg.pinv(arrays[0] @ arrays[1]), np.float64, 64)


def test_members_of_vmap_are_a_batch():
    a, b = regular(5, 3, 3), RNG.standard_normal((3, 2))
    close(vmap(ops.solve, (0, None))(Tensor(a), Tensor(b)), np.linalg.solve(a, b), np.float64)
    close(vmap(ops.det)(Tensor(a)), np.linalg.det(a), np.float64)
    by_row = vmap(grad(ops.det))(Tensor(a))
    close(by_row, np.linalg.det(a)[:, None, None] * np.linalg.inv(a).mT, np.float64)
    jacobian = jacrev(ops.inverse)(Tensor(a[0]))
    inverse = np.linalg.inv(a[0])
    close(jacobian, -np.einsum("ik,lj->ijkl", inverse, inverse), np.float64)


def test_the_same_bits_at_any_number_of_threads():
    a = Tensor(regular(20, 70, 70).astype(np.float32))
    b = Tensor(positive(200, 200))
    before = adcore.get_num_threads()
    runs = []
    try:
        for count in (1, 2, 4):
            adcore.set_num_threads(count)
            results = [ops.inverse(a), *ops.svd(a), ops.cholesky(b), *ops.slogdet(b), ops.matrix_exp(a), *ops.eigh(a)]
            runs.append([array_of(r).tobytes() for r in results])
    finally:
        adcore.set_num_threads(before)
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_the_exponential(scale):
    for n in (1, 2, 5, 40):
        x = scale * RNG.standard_normal((n, n)) / max(1, n) ** 0.5
        expected = scipy.linalg.expm(x)
        close(ops.matrix_exp(Tensor(x)), expected, np.float64, 100 * max(1.0, scale))
    along = RNG.standard_normal((5, 5))
    x = RNG.standard_normal((5, 5))
    close(jvp(ops.matrix_exp, Tensor(x), Tensor(along))[1], scipy.linalg.expm_frechet(x, along)[1], np.float64, 64)


@pytest.mark.parametrize("dtype", [adcore.float16, adcore.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    a = Tensor(regular(6, 6)).astype(dtype)
    wide = a.astype(adcore.float32)
    for name in ("inverse", "det", "svdvals", "pinv", "matrix_exp", "logdet"):
        got, expected = getattr(ops, name)(a), getattr(ops, name)(wide)
        assert got.dtype == dtype
        assert array_of(got).tobytes() == array_of(expected.astype(dtype)).tobytes()


def test_ranks():
    x = RNG.standard_normal((2, 5, 3)) @ np.stack([np.diag([1.0, 1.0, 0.0]), np.eye(3)])
    assert array_of(ops.matrix_rank(Tensor(x))).tolist() == [2, 3]
    assert int(ops.matrix_rank(Tensor(np.diag([3.0, 1e-3, 0.0])))) == 2
    assert int(ops.matrix_rank(Tensor(np.diag([3.0, 1e-3, 0.0])), tol=0.1)) == 1
    assert int(ops.matrix_rank(Tensor(np.diag([3.0, -1.0])), hermitian=True)) == 2
    assert int(ops.matrix_rank(Tensor(np.zeros((0, 3))))) == 0


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (4, 4)])
def test_least_squares(shape):
    a, b = RNG.standard_normal(shape), RNG.standard_normal((shape[0], 2))
    close(ops.lstsq(Tensor(a), Tensor(b)), np.linalg.lstsq(a, b)[0], np.float64, 64)
    close(ops.lstsq(Tensor(a), Tensor(b[:, 0])), np.linalg.lstsq(a, b[:, 0])[0], np.float64, 64)


# ---- products -------------------------------------------------------------------------------------------------------

EQUATIONS = [
    ("ij,jk->ik", (3, 4), (4, 2)),
    ("ij,jk", (3, 4), (4, 2)),
    ("ba", (2, 3)),
    ("ii->i", (3, 3)),
    ("iii", (3, 3, 3)),
    ("iij,jk->ik", (3, 3, 4), (4, 2)),
    ("i,j->ij", (3,), (4,)),
    ("i,i", (3,), (3,)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bij,bjk->kbi", (2, 3, 4), (2, 4, 5)),
    ("...ij,...jk->...ik", (5, 1, 3, 4), (2, 4, 2)),
    ("...ij,jk", (5, 3, 4), (4, 2)),
    ("i...->...", (3, 4, 2)),
    ("...,...", (3, 1), (4,)),
    ("ij,ij->", (3, 4), (3, 4)),
    ("ij,kj->ijk", (3, 4), (2, 4)),
    ("ijkl,jl->ki", (2, 3, 4, 5), (3, 5)),
    ("ab,bc,cd,de->ae", (2, 3), (3, 4), (4, 5), (5, 2)),
    ("ab,ac,ad->bcd", (2, 3), (2, 4), (2, 5)),
    ("a,b,c->cab", (2,), (3,), (4,)),
    ("ij,jk->ik", (3, 1), (4, 2)),
    ("ij,j->i", (3, 4), (1,)),
    ("ij,->ji", (3, 4), ()),
    ("aB,Bc->ac", (2, 3), (3, 4)),
    (" i j , j -> i ", (2, 3), (3,)),
    ("ij,jk->ik", (0, 4), (4, 2)),
    ("ij,jk->ik", (3, 0), (0, 2)),
]


@pytest.mark.parametrize(("equation", "shapes"), [(e, s) for e, *s in EQUATIONS], ids=lambda v: str(v))
def test_einsum_agrees_with_numpy(equation, shapes):
    arrays = [RNG.standard_normal(shape) for shape in shapes]
    close(ops.einsum(equation, *map(Tensor, arrays)), np.einsum(equation, *arrays), np.float64)


def test_einsum_of_lists_and_of_integers():
    a, b = RNG.standard_normal((3, 4)), RNG.standard_normal((4, 2))
    close(ops.einsum(Tensor(a), [0, 1], Tensor(b), [1, 2], [2, 0]), np.einsum(a, [0, 1], b, [1, 2], [2, 0]), np.float64)
    close(ops.einsum(Tensor(a), [0, 1]), np.einsum(a, [0, 1]), np.float64)
    close(ops.einsum(Tensor(a), [Ellipsis, 1]), np.einsum(a, [Ellipsis, 1]), np.float64)
    whole = np.arange(12).reshape(3, 4)
    got = ops.einsum("ij,kj->ik", Tensor(whole), Tensor(whole))
    np.testing.assert_array_equal(array_of(got), whole @ whole.T)


@pytest.mark.parametrize(
    ("equation", "shapes", "message"),
    [
        ("ij,jk", [(3, 4)], "'ij,jk' has 2 operands, got 1"),
        ("ijk", [(3, 4)], "operand 0 of the shape (3, 4) does not have the axes of 'ijk'"),
        ("i", [(3, 4)], "operand 0 of the shape (3, 4) does not have the axes of 'i'"),
        ("ij,jk", [(3, 4), (5, 2)], "subscript 'j' of 'ij,jk' has the sizes 4 and 5"),
        ("ii", [(3, 4)], "subscript 'i' of 'ii' has the sizes 3 and 4"),
        ("ij->k", [(3, 4)], "'k' in the result of 'ij->k' is in no operand"),
        ("ij->ii", [(3, 4)], "a subscript stands twice in the result"),
        ("i1", [(3, 4)], "'1' in operand 0 of 'i1' is no letter"),
    ],
)
def test_an_equation_that_does_not_fit_is_told_so(equation, shapes, message):
    with pytest.raises(ValueError) as raised:
        ops.einsum(equation, *(Tensor(np.ones(shape)) for shape in shapes))
    assert str(raised.value).startswith("einsum: ") and message in str(raised.value)


def test_an_input_that_does_not_count_may_hold_anything():
    nan = Tensor(np.full((2, 2), np.nan))
    a, b = RNG.standard_normal((2, 3)), RNG.standard_normal((3, 2))
    close(ops.addmm(nan, Tensor(a), Tensor(b), beta=0, alpha=2), 2 * (a @ b), np.float64)
    with pytest.raises(ValueError, match=r"addmm: input of the shape \(5, 2, 2\) does not broadcast to \(2, 2\)"):
        ops.addmm(Tensor(np.ones((5, 2, 2))), Tensor(a), Tensor(b))


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 2.0, 3.0, np.inf])
def test_the_distance_of_equal_points_has_derivative_zero(p):
    x = Tensor(np.array([[1.0, 2.0, 3.0]]))
    for gradient in grad(lambda a, b: ops.cdist(a, b, p).sum(), (0, 1))(x, x):
        np.testing.assert_array_equal(array_of(gradient), np.zeros((1, 3)))


def test_numpys_functions_are_ops():
    a, b = regular(3, 3), RNG.standard_normal((3, 3))
    p = positive(3, 3)
    t = Tensor(a)
    for f in (np.linalg.inv, np.linalg.det, np.linalg.pinv, np.linalg.cond, np.linalg.svdvals, np.trace):
        close(f(t), f(a), np.float64, 64)
    close(np.linalg.cholesky(Tensor(p)), np.linalg.cholesky(p), np.float64)
    close(np.linalg.solve(t, b), np.linalg.solve(a, b), np.float64)
    close(np.linalg.solve(a, Tensor(b)), np.linalg.solve(a, b), np.float64)
    close(np.linalg.matrix_power(t, -2), np.linalg.matrix_power(a, -2), np.float64)
    close(np.linalg.eigvalsh(Tensor(p), UPLO="U"), np.linalg.eigvalsh(p), np.float64)
    u, s, vh = np.linalg.svd(t)
    close((u * s) @ vh, a, np.float64)
    close(np.linalg.norm(t, "nuc"), np.linalg.norm(a, "nuc"), np.float64)
    close(np.linalg.norm(t, 1), np.linalg.norm(a, 1), np.float64)
    close(np.einsum("ij,kj->ik", t, b), a @ b.T, np.float64)
    close(np.tensordot(t, b, 1), a @ b, np.float64)
    close(np.kron(t, b), np.kron(a, b), np.float64)
    close(np.cross(t, b), np.cross(a, b), np.float64)
    close(np.dot(t, b), a @ b, np.float64)
    close(np.inner(t, b), a @ b.T, np.float64)
    close(np.vdot(t, b), np.vdot(a, b), np.float64)
    close(np.outer(t, b), np.outer(a, b), np.float64)
    close(np.linalg.multi_dot([t, b, t]), a @ b @ a, np.float64)
    close(grad(lambda x: np.linalg.slogdet(x)[1])(t), np.linalg.inv(a).T, np.float64)


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5), (2, 4, 2)])
@pytest.mark.parametrize("order", [1, 2])
def test_lu_factors_have_derivatives_in_every_shape(shape, order):
    def parts(x):
        p, lower, upper = ops.lu(x)
        return (p @ lower).sin(), upper**2

    # Rows that are exchanged, and no two that could nearly be.
    x = RNG.uniform(-1, 1, shape) + 4 * np.eye(*shape[-2:])[::-1]
    check_grads(parts, [x], order=order)


def test_lu_factors_of_every_size_give_the_matrix_back():
    for m, n in itertools.product((0, 1, 2, 33, 130), repeat=2):
        a = RNG.standard_normal((2, m, n))
        packed, pivots = ops.lu_factor(Tensor(a))
        assert packed.shape == a.shape and pivots.shape == (2, min(m, n)) and pivots.dtype == adcore.int32
        p, lower, upper = ops.lu_unpack(packed, pivots)
        close(p @ lower @ upper, a, np.float64, 32)
        for got, expected in zip(ops.lu(Tensor(a)), (p, lower, upper), strict=True):
            np.testing.assert_array_equal(array_of(got), array_of(expected))
        assert (np.abs(array_of(lower)) <= 1).all()


def test_an_lu_solution_carries_derivatives_to_the_matrix():
    a, b = regular(2, 3, 3), RNG.standard_normal((2, 3, 2))
    check_grads(lambda a, b: ops.lu_solve(b, *ops.lu_factor(a)) ** 2, [a, b])
    close(ops.lu_solve(Tensor(b), *ops.lu_factor(Tensor(a))), np.linalg.solve(a, b), np.float64)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda a: ops.lu(a[0]), ValueError, "lu: A must be a matrix"),
        (lambda a: ops.lu(a, pivot=False), ValueError, "lu: pivot=False is not there"),
        (lambda a: ops.lu_unpack(a, Tensor([1, 2])), ValueError, "lu_unpack: LU_pivots of shape"),
        (lambda a: ops.lu_unpack(a, Tensor([1, 4, 3])), IndexError, "lu_unpack: "),
        (lambda a: ops.lu_unpack(a, a[0]), TypeError, "lu_unpack: LU_pivots must be integers"),
        (lambda a: ops.lu_solve(a[:2], a, Tensor([1, 2, 3])), ValueError, "lu_solve: b of shape"),
        (lambda a: ops.lu_solve(a, 0 * a, Tensor([1, 2, 3])), ValueError, "singular"),
        (lambda a: adcore.grad(lambda a: ops.lu(a)[2].sum())(0 * a), ValueError, "singular"),
        (lambda a: ops.tensorinv(ops.ones((2, 3))), ValueError, "tensorinv: "),
        (lambda a: ops.tensorinv(a, 0), ValueError, "tensorinv: ind must be positive"),
        (lambda a: ops.tensorsolve(a, ops.ones(2)), ValueError, "tensorsolve: a of shape"),
    ],
)
def test_what_is_wrong_with_factors_is_told(call, error, said):
    with pytest.raises(error, match=said):
        call(Tensor(regular(3, 3)))
