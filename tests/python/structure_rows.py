"""Rows of values for what moves, indexes and orders elements: op, arguments, oracle of NumPy, keywords, slack, label.

test_ops_values.py walks them with its own.
"""

import itertools

import numpy as np

RNG = np.random.default_rng(29)


def rows(*shape, low=-2.0, high=2.0):
    return RNG.uniform(low, high, shape)


X, CUBE, V = rows(3, 4), rows(2, 3, 4), rows(4)
IMAGE = rows(2, 3, 5, 6)
LEVELS = RNG.integers(0, 4, (5, 6)) / 2.0  # ties in every row
HOLES = np.where(RNG.random((4, 5)) < 0.4, np.nan, rows(4, 5))
ROWS_AT, COLUMNS_AT = np.array([2, 0, 2, 1, -1]), np.array([3, -4, 1, 1, 0])
ALONG_0, ALONG_1 = RNG.integers(0, 3, (5, 4)), RNG.integers(0, 4, (3, 6))
MASK = RNG.random((3, 4)) < 0.5
INTS = np.array([4, 1, 4, 4, 0, 1])


def changed(x, change):
    y = np.array(x)
    change(y)
    return y


def scattered(x, axis, index, v, ufunc):
    """NumPy's ufunc.at on the elements that an index names along an axis."""
    places = list(np.indices(index.shape))
    places[axis] = index
    v = np.broadcast_to(v, index.shape) if np.ndim(v) == 0 else v[tuple(map(slice, index.shape))]
    return changed(x, lambda y: ufunc.at(y, tuple(places), v))


def put_along(x, axis, index, v):
    places = list(np.indices(index.shape))
    places[axis] = index
    y = np.array(x)
    for at in np.ndindex(index.shape):
        y[tuple(int(p[at]) for p in places)] = v if np.ndim(v) == 0 else v[at]
    return y


def reduced(x, axis, index, v, ufunc, identity, include):
    """scatter_reduce by loops over the elements."""
    touched = scattered(np.zeros(x.shape, int), axis, index, np.ones(index.shape, int), np.add)
    base = x if include else np.where(touched > 0, identity, x)
    return scattered(base, axis, index, v, ufunc), touched


def mean_of(x, axis, index, v, include):
    total, touched = reduced(x, axis, index, v, np.add, 0.0, include)
    return total / np.maximum(touched + include, 1)


def sorted_pair(x, axis, descending=False):
    """NaN last, and first in descending order; equal elements keep their order."""
    if descending:
        at = x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    else:
        at = np.argsort(x, axis, kind="stable")
    return np.take_along_axis(x, at, axis), at


def first_of_sorted(x, k, axis, descending):
    return tuple(np.take(part, range(k), axis) for part in sorted_pair(x, axis, descending))


def kth(x, k, axis):
    return tuple(np.take(part, k - 1, axis) for part in sorted_pair(x, axis))


def running(x, axis, better):
    """The extremum so far and its place, the last of equal ones, one row after another."""
    x = np.moveaxis(x, axis, -1)
    at = np.zeros(x.shape, int)
    for row in np.ndindex(x.shape[:-1]):
        best = 0
        for i in range(x.shape[-1]):
            if better(x[row][i], x[row][best]):
                best = i
            at[row][i] = best
    return tuple(np.moveaxis(part, -1, axis) for part in (np.take_along_axis(x, at, -1), at))


def middle(x, axis):
    return kth(x, (x.shape[axis] + 1) // 2, axis)


def nan_middle(x):
    at = [np.argsort(row, kind="stable")[(np.isfinite(row).sum() - 1) // 2] for row in x]
    return np.array([row[i] for row, i in zip(x, at)]), np.array(at)


def commonest(x):
    values, at = [], []
    for row in x:
        found, counts = np.unique(row, return_counts=True)
        values.append(found[counts.argmax()])
        at.append(np.flatnonzero(row == values[-1])[-1])
    return np.array(values), np.array(at)


def blocks(x, kernel, dilation, padding, stride):
    """im2col by loops."""
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]
    columns = []
    for i in range(0, x.shape[2] - reach[0] + 1, stride[0]):
        for j in range(0, x.shape[3] - reach[1] + 1, stride[1]):
            block = x[:, :, i : i + reach[0] : dilation[0], j : j + reach[1] : dilation[1]]
            columns.append(block.reshape(len(x), -1))
    return np.stack(columns, -1)


def folded(columns, size, *options):
    """The transpose of `blocks`, as a matrix: what it makes of every image of one pixel."""
    channels = columns.shape[1] // int(np.prod(options[0]))
    unit = np.eye(channels * size[0] * size[1]).reshape(-1, channels, *size)
    matrix = blocks(unit, *options).reshape(len(unit), -1)
    return (columns.reshape(len(columns), -1) @ matrix.T).reshape(len(columns), channels, *size)


def trapezoids(y, x=None, dx=1.0):
    return np.cumsum((y[..., 1:] + y[..., :-1]) / 2 * (dx if x is None else np.diff(x)), -1)


BLOCKS = {"dilation": (1, 2), "padding": (2, 1), "stride": (2, 1)}
COLUMNS = blocks(IMAGE, (3, 2), *BLOCKS.values())
AT_2 = np.array([[2, 3], [0, -1], [2, 3], [1, 1]])
AT_1 = np.array([[2], [0], [2], [-2]])
UPDATES_2, UPDATES_1 = rows(4, low=0.5), rows(4, 4, low=0.5)


def nd(ufunc):
    def oracle(x, at, v):
        return changed(x, lambda y: ufunc.at(y, tuple(np.moveaxis(at, -1, 0)), v))

    return oracle


def nd_put(x, at, v):
    y = np.array(x)
    for place, value in zip(at, v):
        y[tuple(place)] = value
    return y


ND = {
    "add": nd(np.add),
    "sub": nd(np.subtract),
    "mul": nd(np.multiply),
    "div": nd(np.divide),
    "max": nd(np.maximum),
    "min": nd(np.minimum),
    "update": nd_put,
}

STRUCTURE = [
    # shape
    ("movedim", (CUBE, 0, 2), np.moveaxis),
    ("movedim", (CUBE, (0, -1), (1, 0)), np.moveaxis, {}, 1, "several"),
    ("unflatten", (X, 1, (2, -1)), lambda x, a, s: x.reshape(3, 2, 2)),
    ("reshape_as", (X, rows(2, 6)), lambda x, y: x.reshape(y.shape)),
    ("expand_as", (V, X), lambda x, y: np.broadcast_to(x, y.shape)),
    ("narrow", (X, 1, 1, 2), lambda x, *a: x[:, 1:3]),
    ("narrow", (X, 0, -2, 1), lambda x, *a: x[1:2], {}, 1, "from the end"),
    ("select", (CUBE, 1, -1), lambda x, a, i: x[:, -1]),
    ("repeat_elements", (X, 3, 1), np.repeat),
    ("repeat_interleave", (X, np.array([2, 0, 1]), 0), np.repeat, {}, 1, "each its own"),
    ("repeat_interleave", (X, 2), np.repeat, {}, 1, "flat"),
    ("diag_embed", (X,), lambda x: np.stack([np.diag(row) for row in x])),
    ("diag_embed", (X, -2, 0, 2), lambda x, *a: np.stack([np.diag(row, -2) for row in x], 1), {}, 1, "offset"),
    ("diagonal", (CUBE, 9), lambda x, k: np.diagonal(x, k), {}, 1, "nothing"),
    ("tensor_split", (X, 3, 1), lambda x, n, a: tuple(np.array_split(x, n, a))),
    ("tensor_split", (X, (1, -1), 1), lambda x, n, a: tuple(np.array_split(x, n, a)), {}, 1, "at indices"),
    ("broadcast_tensors", (X, V), lambda *x: tuple(np.broadcast_arrays(*x))),
    ("cartesian_prod", (V, X[0]), lambda a, b: np.array(list(itertools.product(a, b)))),
    ("combinations", (V, 3), lambda a, r: np.array(list(itertools.combinations(a, r)))),
    ("unfold", (IMAGE, 2), lambda x, k: blocks(x, (2, 2), (1, 1), (0, 0), (1, 1))),
    ("unfold", (IMAGE, (3, 2)), lambda x, k: blocks(x, k, *BLOCKS.values()), BLOCKS, 1, "options"),
    ("fold", (COLUMNS, (5, 6), (3, 2)), lambda c, s, k: folded(c, s, k, *BLOCKS.values()), BLOCKS, 8),
    ("tril_indices", (3, 4, 1), lambda n, m, k: np.stack(np.tril_indices(n, k, m))),
    ("triu_indices", (3, 4, -1), lambda n, m, k: np.stack(np.triu_indices(n, k, m))),
    # index
    ("take_along_dim", (X, ALONG_1[:1], 1), lambda x, i, a: np.take_along_axis(x, np.repeat(i, 3, 0), a)),
    (
        "masked_scatter",
        (X, MASK, rows(3, 4)),
        lambda x, m, s: changed(x, lambda y: y.__setitem__(m, s.ravel()[: m.sum()])),
    ),
    (
        "masked_scatter",
        (V, MASK, rows(3, 4)),
        lambda x, m, s: changed(np.tile(x, (3, 1)), lambda y: y.__setitem__(m, s.ravel()[: m.sum()])),
        {},
        1,
        "broadcast",
    ),
    ("diff", (X, 0, 1, X, X), lambda x, *_: x, {}, 1, "no times"),
    ("vander", (X, 3), lambda x, n: np.stack([np.vander(v, n) for v in x]), {}, 4, "vectors"),
    ("index_add", (X, 0, ROWS_AT, rows(5, 4)), lambda x, a, i, v: changed(x, lambda y: np.add.at(y, i, v)), {}, 4),
    (
        "index_add",
        (X, 1, COLUMNS_AT, rows(3, 5)),
        lambda x, a, i, v: changed(x, lambda y: np.add.at(y.T, i, -2 * v.T)),
        {"alpha": -2},
        4,
        "alpha",
    ),
    ("index_copy", (X, 0, ROWS_AT, rows(5, 4)), lambda x, a, i, v: nd_put(x, i[:, None], v)),
    ("index_fill", (X, 1, COLUMNS_AT, 7), lambda x, a, i, v: changed(x, lambda y: y.__setitem__((slice(None), i), v))),
    ("index_put", (X, (ROWS_AT, COLUMNS_AT), np.array(0.5)), lambda x, i, v: changed(x, lambda y: y.__setitem__(i, v))),
    (
        "index_put",
        (X, (ROWS_AT, COLUMNS_AT), rows(5), True),
        lambda x, i, v, a: changed(x, lambda y: np.add.at(y, i, v)),
        {},
        4,
        "accumulate",
    ),
    ("put", (X, np.array([11, 0, -1]), rows(3)), lambda x, i, v: changed(x, lambda y: np.put(y, i, v))),
    ("scatter", (X, 0, ALONG_0, rows(5, 4)), put_along),
    ("tensor_scatter_elements", (X, ALONG_1, rows(3, 6), 1), lambda x, i, v, a: put_along(x, a, i, v)),
    ("scatter", (X, 1, ALONG_1[:2], rows(3, 6)), put_along, {}, 1, "smaller index"),
    ("scatter", (X, 1, ALONG_1, 0.5), put_along, {}, 1, "number"),
    ("scatter", (X, 0, ALONG_0, rows(5, 4), "add"), lambda *a: scattered(*a[:4], np.add), {}, 4, "add"),
    ("scatter", (X, 0, ALONG_0, rows(5, 4), "multiply"), lambda *a: scattered(*a[:4], np.multiply), {}, 4, "multiply"),
    ("scatter_add", (X, 1, ALONG_1, rows(3, 6)), lambda *a: scattered(*a, np.add), {}, 4),
    ("scatter_add", (CUBE, 1, ALONG_1[None, :, :3] % 3, rows(1, 3, 3)), lambda *a: scattered(*a, np.add), {}, 4, "cut"),
    *(
        (
            "scatter_reduce",
            (X, 0, ALONG_0[:3] // 2, rows(5, 4), name),
            lambda x, a, i, v, n, u=ufunc, e=identity, s=include: reduced(x, a, i, v, u, e, s)[0],
            {"include_self": include},
            8,
            f"{name} {include}",
        )
        for name, ufunc, identity in [
            ("sum", np.add, 0.0),
            ("prod", np.multiply, 1.0),
            ("amax", np.maximum, -np.inf),
            ("amin", np.minimum, np.inf),
        ]
        for include in (True, False)
    ),
    *(
        (
            "scatter_reduce",
            (X, 1, ALONG_1 // 2, rows(3, 6), "mean"),
            lambda x, a, i, v, n, s=include: mean_of(x, a, i, v, s),
            {"include_self": include},
            8,
            f"mean {include}",
        )
        for include in (True, False)
    ),
    ("gather_nd", (X, AT_2), lambda x, i: x[tuple(i.T)]),
    ("gather_nd", (CUBE, np.array([[[1, -1]], [[0, 0]]])), lambda x, i: x[i[..., 0], i[..., 1]], {}, 1, "slices"),
    ("scatter_nd", (AT_2, UPDATES_2, (3, 4)), lambda i, v, s: ND["add"](np.zeros(s), i, v), {}, 4),
    *((f"tensor_scatter_{name}", (X, AT_2, UPDATES_2), oracle, {}, 8) for name, oracle in ND.items()),
    *((f"tensor_scatter_{name}", (X, AT_1, UPDATES_1), oracle, {}, 8, "rows") for name, oracle in ND.items()),
    # groups and counts
    ("unique", (LEVELS,), np.unique),
    (
        "unique",
        (LEVELS, True, True, True),
        lambda x, *a: (lambda u, i, c: (u, i.reshape(x.shape), c))(*np.unique(x, False, True, True)),
        {},
        1,
        "all",
    ),
    ("unique", (np.repeat(X, 2, 0),), lambda x: np.unique(x, axis=0), {"dim": 0}, 1, "rows"),
    ("unique_consecutive", (INTS, False, True), lambda x, *a: (np.array([4, 1, 4, 0, 1]), np.array([1, 1, 2, 1, 1]))),
    ("bucketize", (LEVELS, np.array([0.5, 1.0])), lambda x, b: np.digitize(x, b, True)),
    ("bucketize", (LEVELS, np.array([0.5, 1.0])), np.digitize, {"right": True}, 1, "right"),
    ("histc", (X, 5), lambda x, n: np.histogram(x, n)[0].astype(float)),
    ("histc", (X, 4, -1.0, 1.0), lambda x, n, a, b: np.histogram(x, n, (a, b))[0].astype(float), {}, 1, "range"),
    ("histogram", (np.zeros((2, 0)), 3), lambda x, n: np.histogram(x, n), {}, 1, "nothing"),
    ("histogram", (X, [-1.0, 0.0, 0.5, 2.0]), lambda x, e: np.histogram(x, e), {}, 1, "edges"),
    # order
    ("sort", (CUBE,), lambda x: sorted_pair(x, -1)),
    ("sort", (LEVELS, 0), sorted_pair, {}, 1, "ties"),
    ("sort", (LEVELS, 1, True), sorted_pair, {}, 1, "descending ties"),
    ("sort", (HOLES, 1), sorted_pair, {}, 1, "NaN"),
    ("sort", (rows(3, 5000), -1), sorted_pair, {}, 1, "long"),
    ("argsort", (LEVELS, 1, True), lambda *a: sorted_pair(*a)[1], {}, 1, "descending ties"),
    ("topk", (LEVELS, 3), lambda x, k: first_of_sorted(x, k, -1, True)),
    ("topk", (LEVELS, 2, 0, False), lambda x, k, a, d: first_of_sorted(x, k, a, False), {}, 1, "smallest"),
    ("topk", (rows(2, 5000), 7), lambda x, k: first_of_sorted(x, k, -1, True), {}, 1, "of many"),
    ("kthvalue", (LEVELS, 2), lambda x, k: kth(x, k, -1)),
    ("kthvalue", (LEVELS, 4, 0), kth, {}, 1, "axis"),
    ("cummax", (LEVELS, 1), lambda x, a: running(x, a, lambda new, best: new >= best)),
    ("cummin", (LEVELS, 0), lambda x, a: running(x, a, lambda new, best: new <= best)),
    ("msort", (CUBE,), lambda x: np.sort(x, 0)),
    ("median", (LEVELS,), lambda x: middle(x, -1)),
    ("median", (CUBE, 1), middle, {}, 1, "axis"),
    ("median", (X, None), lambda x, a: np.sort(x, None)[5], {}, 1, "all"),
    ("nanmedian", (HOLES,), nan_middle),
    ("quantile", (HOLES, 0.5, 1), np.quantile, {}, 4, "NaN"),
    ("nanquantile", (HOLES, [0.0, 0.3, 1.0], 1), np.nanquantile, {}, 4, "several"),
    *(
        ("quantile", (X, 0.37, 1), lambda x, q, a, m=m: np.quantile(x, q, a, method=m), {"interpolation": m}, 4, m)
        for m in ("lower", "higher", "nearest", "midpoint")
    ),
    ("mode", (LEVELS,), commonest),
    ("aminmax", (CUBE,), lambda x: (x.min(0), x.max(0))),
    # scans
    ("nansum", (HOLES, 1), np.nansum, {}, 4, "NaN"),
    ("nanmean", (HOLES, 0), np.nanmean, {}, 4, "NaN"),
    ("logcumsumexp", (CUBE, 1), lambda x, a: np.logaddexp.accumulate(x, a), {}, 8),
    ("logcumsumexp", (900 * X, 1), lambda x, a: np.logaddexp.accumulate(x, a), {}, 8, "large"),
    ("cumulative_trapezoid", (X,), trapezoids, {}, 8),
    ("cumulative_trapezoid", (X, np.sort(V)), trapezoids, {}, 8, "places"),
    ("trapezoid", (CUBE,), lambda y: np.trapezoid(y, dx=0.5, axis=1), {"dx": 0.5, "dim": 1}, 8, "axis"),
]
