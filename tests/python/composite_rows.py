"""Rows of values for composites of many kinds: op, arguments, oracle of NumPy or SciPy, keywords, slack, label.

test_ops_values.py walks them with its own.
"""

import numpy as np
import scipy.linalg
from scipy import special
from scipy.signal import windows
from scipy.spatial import distance

from adcore import Tensor

RNG = np.random.default_rng(31)


def rows(*shape, low=-2.0, high=2.0):
    return RNG.uniform(low, high, shape)


X, CUBE, V, P = rows(3, 4), rows(2, 3, 4), rows(4), rows(5, low=0.1)
SQUARES, TALL, WIDE = rows(2, 3, 3), rows(2, 5, 3), rows(2, 3, 5)
INDEX = np.array([2, 0, 2, 1, 2])
GIVEN = rows(5, 4)
PLACES = np.array([0.0, 0.5, 2.0, 3.5])
TIMES = np.array([1, 0, 3, 2, 1])
SIGMA = 1.7


def each(f, *stacks):
    """f of each member of a batch; a tuple of stacks where it gives several arrays."""
    made = [f(*members) for members in zip(*stacks)]
    return tuple(map(np.stack, zip(*made))) if isinstance(made[0], tuple) else np.stack(made)


def packed(a):
    factors, exchanged = scipy.linalg.lu_factor(a)
    return factors, (exchanged + 1).astype(np.int64)


FACTORS, PIVOTS = each(packed, SQUARES)
TALL_FACTORS, TALL_PIVOTS = each(packed, TALL)


def matrix_of(factors, pivots):
    """A, from its factors: the product of L and U, rows exchanged from the last to the first."""
    m, n = factors.shape
    k = min(m, n)
    a = (np.tril(factors[:, :k], -1) + np.eye(m, k)) @ np.triu(factors[:k])
    for i in reversed(range(k)):
        a[[i, pivots[i] - 1]] = a[[pivots[i] - 1, i]]
    return a


def unpacked(factors, pivots):
    m, n = factors.shape
    k = min(m, n)
    p = np.eye(m)
    for i in reversed(range(k)):
        p[[i, pivots[i] - 1]] = p[[pivots[i] - 1, i]]
    return p, np.tril(factors[:, :k], -1) + np.eye(m, k), np.triu(factors[:k])


def changed(x, change):
    y = np.array(x)
    change(y)
    return y


def reduced_slices(f, start):
    """Slices of axis 0 combined with those that INDEX sends to them, one by one."""

    def oracle(x, axis, index, source, word):
        y = np.array(x) if start is None else np.full_like(x, start)
        for i, v in zip(index, source):
            y[i] = f(y[i], v)
        return y

    return oracle


def mean_of_slices(x, axis, index, source, word):
    return np.stack([np.mean([x[i], *source[index == i]], 0) for i in range(len(x))])


def diagonal_put(x, v, offset, first, second):
    y = np.array(x)
    turned = np.moveaxis(y, (first, second), (0, 1))
    rows_, columns = turned.shape[:2]
    pairs = [(i, i + offset) for i in range(rows_) if 0 <= i + offset < columns]
    for k, (i, j) in enumerate(pairs):
        turned[i, j] = v[..., k]
    return y


def triplets(a, p, n):
    return np.maximum(0, 3 + np.linalg.norm(a - p + 1e-6, axis=-1) - np.linalg.norm(a - n + 1e-6, axis=-1)).mean()


WINDOWS = {
    "hann_window": lambda n, p=True: windows.hann(n, not p),
    "blackman_window": lambda n, p=True: windows.blackman(n, not p),
    "nuttall_window": lambda n, p=True: windows.nuttall(n, not p),
    "bartlett_window": lambda n, p=True: windows.bartlett(n, not p),
    "cosine_window": lambda n, p=True: windows.cosine(n, not p),
    "hamming_window": lambda n, p=True, a=0.54, b=0.46: windows.general_cosine(n, [a, b], not p),
    "general_hamming_window": lambda n, p=True: windows.general_hamming(n, 0.54, not p),
    "gaussian_window": lambda n, p=True: windows.gaussian(n, 1.0, not p),
    "exponential_window": lambda n, p=True: windows.exponential(n, None, 1.0, not p),
    "kaiser_window": lambda n, p=True, beta=12.0: windows.kaiser(n, beta, not p),
}


def kaiser_of_a_large_beta(n, beta):
    """i0 itself overflows; relative to exp it does not."""
    height = np.sqrt(1 - (2 * np.arange(n) / (n - 1) - 1) ** 2)
    return special.i0e(beta * height) / special.i0e(beta) * np.exp(beta * (height - 1))


def integers(parts):
    fraction, exponent = parts
    return fraction, exponent.astype(np.int64)


def renormed(x, p, bound):
    norms = np.linalg.norm(x, p, axis=1, keepdims=True)
    return np.where(norms > bound, x * (bound / (norms + 1e-7)), x)


COMPOSITES = [
    # windows
    *((name, (n,), oracle, {}, 4, str(n)) for name, oracle in WINDOWS.items() for n in (0, 1, 2, 7, 64)),
    *((name, (n, False), oracle, {}, 4, f"symmetric {n}") for name, oracle in WINDOWS.items() for n in (1, 2, 7, 64)),
    ("hamming_window", (9, True, 0.6, 0.3), WINDOWS["hamming_window"], {}, 4, "factors"),
    ("general_hamming_window", (9,), lambda n: windows.general_hamming(n, 0.7, False), {"alpha": 0.7}, 4, "factor"),
    (
        "general_cosine_window",
        (9,),
        lambda n: windows.general_cosine(n, (0.5, 0.3, 0.2), False),
        {"a": (0.5, 0.3, 0.2)},
        4,
    ),
    ("gaussian_window", (9,), lambda n: windows.gaussian(n, SIGMA, False), {"std": SIGMA}, 4, "std"),
    (
        "exponential_window",
        (9,),
        lambda n: windows.exponential(n, 2.5, 3.0, False),
        {"center": 2.5, "tau": 3.0},
        4,
        "center",
    ),
    ("kaiser_window", (9, False, 0.0), WINDOWS["kaiser_window"], {}, 4, "flat"),
    ("kaiser_window", (9, False, 900.0), lambda n, p, b: kaiser_of_a_large_beta(n, b), {}, 2000, "narrow"),
    # linear algebra
    ("lu_factor", (SQUARES,), lambda a: each(packed, a), {}, 32),
    ("lu_factor", (TALL,), lambda a: each(packed, a), {}, 32, "tall"),
    ("lu_factor", (WIDE,), lambda a: each(packed, a), {}, 32, "wide"),
    ("lu", (SQUARES,), lambda a: each(scipy.linalg.lu, a), {}, 32),
    ("lu", (TALL,), lambda a: each(scipy.linalg.lu, a), {}, 32, "tall"),
    ("lu", (WIDE,), lambda a: each(scipy.linalg.lu, a), {}, 32, "wide"),
    ("lu_unpack", (FACTORS, PIVOTS), lambda a, p: each(unpacked, a, p), {}, 4),
    ("lu_unpack", (TALL_FACTORS, TALL_PIVOTS), lambda a, p: each(unpacked, a, p), {}, 4, "tall"),
    (
        "lu_solve",
        (rows(2, 3, 2), FACTORS, PIVOTS),
        lambda b, a, p: np.linalg.solve(each(matrix_of, a, p), b),
        {},
        256,
    ),
    (
        "lu_solve",
        (rows(3, 2), FACTORS, PIVOTS),
        lambda b, a, p: np.linalg.solve(each(matrix_of, a, p).mT, b),
        {"adjoint": True},
        256,
        "transposed",
    ),
    (
        "lu_solve",
        (rows(2, 4, 3), FACTORS, PIVOTS),
        lambda b, a, p: b @ np.linalg.inv(each(matrix_of, a, p)),
        {"left": False},
        256,
        "right",
    ),
    *(
        (
            "matrix_norm",
            (np.zeros(shape), order),
            lambda x, o: np.linalg.norm(x, o, (-2, -1)),
            {},
            1,
            f"{shape} {order}",
        )
        for shape in ((0, 3), (3, 0), (2, 0, 0))
        for order in (1, 2, np.inf, "nuc")
    ),
    # statistics and slopes
    ("cov", (rows(3, 5),), np.cov, {}, 8),
    ("cov", (rows(5),), np.cov, {}, 8, "vector"),
    ("cov", (rows(3, 5),), lambda x: np.cov(x, ddof=0), {"correction": 0}, 8, "population"),
    ("corrcoef", (rows(5),), np.corrcoef, {}, 8, "vector"),
    ("gradient", (CUBE,), lambda x: tuple(np.gradient(x)), {}, 8),
    ("gradient", (V,), lambda x: (np.gradient(x, 0.5, edge_order=2),), {"spacing": 0.5, "edge_order": 2}, 8, "edge"),
    (
        "gradient",
        (X,),
        lambda x: tuple(np.gradient(x, 2.0, PLACES, axis=(0, 1), edge_order=2)),
        {"spacing": (2.0, Tensor(PLACES)), "dim": (0, -1), "edge_order": 2},
        16,
        "places",
    ),
    ("renorm", (X, 2, 0, 1.5), lambda x, *_: renormed(x, 2, 1.5), {}, 8),
    ("renorm", (X, np.inf, 0, 1.5), lambda x, *_: renormed(x, np.inf, 1.5), {}, 8, "maximum"),
    # parts
    (
        "select_scatter",
        (CUBE, rows(2, 4), 1, -1),
        lambda x, v, a, i: changed(x, lambda y: y.__setitem__((slice(None), i), v)),
    ),
    (
        "slice_scatter",
        (CUBE, rows(2, 3, 2), 2, 1, None, 2),
        lambda x, v, a, start, end, step: changed(x, lambda y: y.__setitem__((..., slice(start, end, step)), v)),
    ),
    ("diagonal_scatter", (X, rows(3)), lambda x, v: diagonal_put(x, v, 0, 0, 1)),
    ("diagonal_scatter", (CUBE, rows(3, 2), 1, 0, 2), diagonal_put, {}, 1, "above"),
    ("diagonal_scatter", (CUBE, rows(2, 3), -1, -1, 1), diagonal_put, {}, 1, "below"),
    ("index_reduce", (X, 0, INDEX, GIVEN, "prod"), reduced_slices(np.multiply, None), {}, 8),
    ("index_reduce", (X, 0, INDEX, GIVEN, "amax"), reduced_slices(np.maximum, None), {}, 1, "amax"),
    (
        "index_reduce",
        (X, 0, INDEX, GIVEN, "amin"),
        reduced_slices(np.minimum, np.inf),
        {"include_self": False},
        1,
        "amin",
    ),
    ("index_reduce", (X, 0, INDEX, GIVEN, "mean"), mean_of_slices, {}, 8, "mean"),
    ("unravel_index", (np.array([[0, 11], [7, 5]]), (3, 4)), np.unravel_index),
    ("isin", (np.array([1.0, np.nan, 3.0]), np.array([np.nan, 3.0])), np.isin, {}, 1, "nan"),
    ("isin", (np.array([[1, 5], [3, 9]]), np.array([3.0, 1.5, 9.0])), np.isin, {}, 1, "mixed"),
    ("isin", (X, np.zeros(0)), np.isin, {}, 1, "nothing"),
    ("where", (np.array([[True, False], [True, True]]),), np.nonzero, {}, 1, "alone"),
    # the rest
    ("frexp", (np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -3.0]),), lambda x: integers(np.frexp(x)), {}, 1),
    ("frexp", (np.array([-5, 0, 8]),), lambda x: integers(np.frexp(x)), {}, 1, "integers"),
    ("mvlgamma", (rows(3, 4, low=2.0, high=9.0), 4), lambda x, p: np.vectorize(special.multigammaln)(x, p), {}, 16),
    (
        "bilinear",
        (rows(2, 3), rows(2, 4), rows(5, 3, 4), P),
        lambda x, y, w, b: np.einsum("ni,kij,nj->nk", x, w, y) + b,
        {},
        32,
    ),
    ("pdist", (rows(4, 3),), distance.pdist, {}, 8),
    (
        "pdist",
        (rows(2, 4, 3), 3.0),
        lambda x, p: each(lambda m: distance.pdist(m, "minkowski", p=p), x),
        {},
        8,
        "batch",
    ),
    ("pdist", (rows(1, 3),), lambda x: np.zeros(0), {}, 1, "one row"),
    (
        "triplet_margin_with_distance_loss",
        (X, rows(3, 4), rows(3, 4)),
        triplets,
        {"margin": 3.0},
        8,
    ),
    (
        "triplet_margin_with_distance_loss",
        (X, rows(3, 4), rows(3, 4)),
        lambda a, p, n: np.maximum(
            0, 1 + ((a - p) ** 2).sum(-1) - np.minimum(((a - n) ** 2).sum(-1), ((p - n) ** 2).sum(-1))
        ),
        {"distance_function": lambda a, b: ((a - b) ** 2).sum(-1), "swap": True, "reduction": "none"},
        8,
        "own",
    ),
]
