"""Sorting, scattering and indexing beyond the tables of samples: lengths, dtypes, ties, NaN, in place, errors."""

import numpy as np
import pytest

import adcore
from adcore import Tensor, grad, ops, vmap
from helpers import array_of, check, check_grads, f32, i64, t32

RNG = np.random.default_rng(31)

# ---- sorting -------------------------------------------------------------------------------------------------------


def numbers(dtype, n):
    kind = np.dtype(dtype).kind
    if kind == "b":
        return RNG.random(n) < 0.5
    if kind in "iu":
        info = np.iinfo(dtype)
        x = RNG.integers(info.min, info.max, n, dtype=dtype, endpoint=True)
        x[::3] = RNG.integers(0, 5, len(x[::3]))
        return x
    x = (RNG.standard_normal(n) * 10.0 ** RNG.integers(-6, 4, n)).astype(dtype)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1.0, 1.0, -1.0], dtype)
    x[: len(special)] = special[: len(x)]
    return RNG.permutation(x)


@pytest.mark.parametrize("n", [0, 1, 2, 31, 32, 33, 255, 4095, 4096, 9000])
@pytest.mark.parametrize("dtype", "bool int8 uint8 int32 int64 uint64 float16 float32 float64".split())
def test_sort_is_stable_and_puts_nan_last(dtype, n):
    x = numbers(dtype, n)
    values, at = ops.sort(Tensor(x))
    expected = np.argsort(x, kind="stable")
    np.testing.assert_array_equal(array_of(at), expected)
    assert array_of(values).tobytes() == x[expected].tobytes()
    backwards = array_of(ops.argsort(Tensor(x), descending=True))
    np.testing.assert_array_equal(backwards, n - 1 - np.argsort(x[::-1], kind="stable")[::-1])
    for k in {0, min(1, n), n // 9, n // 2, n}:
        np.testing.assert_array_equal(array_of(ops.topk(Tensor(x), k)[1]), backwards[:k])
        np.testing.assert_array_equal(array_of(ops.topk(Tensor(x), k, largest=False)[1]), expected[:k])


def test_sort_along_any_axis_of_any_layout():
    x = RNG.standard_normal((40, 3, 50)).astype(np.float32)
    for axis in range(3):
        check(ops.sort(Tensor(x), axis)[0], f32(np.sort(x, axis)))
        check(ops.sort(Tensor(x.T.copy()).T[:, ::-1], axis)[0], f32(np.sort(x[:, ::-1], axis)))
    values, at = ops.sort(Tensor(3.0))
    assert values.shape == at.shape == () and float(values) == 3.0 and int(at) == 0


def test_sort_does_not_depend_on_the_number_of_threads():
    x = Tensor(RNG.integers(0, 50, (64, 700)))
    before, runs = adcore.get_num_threads(), []
    try:
        for count in (1, 2, 4):
            adcore.set_num_threads(count)
            runs.append(array_of(ops.argsort(x)).tobytes())
    finally:
        adcore.set_num_threads(before)
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_agrees_with_numpy(dtype, side):
    edges = np.sort(RNG.integers(-9, 9, 40)).astype(dtype)
    values = RNG.integers(-12, 12, (7, 5)).astype(dtype)
    expected = np.searchsorted(edges, values, side)
    check(ops.searchsorted(Tensor(edges), Tensor(values), side=side), i64(expected))
    check(ops.searchsorted(Tensor(edges), Tensor(values), right=side == "right"), i64(expected))
    order = RNG.permutation(40)
    mixed = Tensor(edges[np.argsort(order)])
    check(ops.searchsorted(mixed, Tensor(values), side=side, sorter=Tensor(order)), i64(expected))
    rows = np.sort(RNG.integers(-9, 9, (7, 30)), 1).astype(dtype)
    each = np.stack([np.searchsorted(r, v, side) for r, v in zip(rows, values)])
    check(ops.searchsorted(Tensor(rows), Tensor(values), side=side), i64(each))
    one = lambda r, v: ops.searchsorted(r, v, side=side)
    check(vmap(one)(Tensor(rows), Tensor(values)), i64(each))
    check(vmap(one, (None, 0))(Tensor(edges), Tensor(values)), i64(expected))


def test_nan_passes_through_what_is_ordered():
    x = t32(2.0, np.nan, 1.0, 3.0)
    check(ops.cummax(x, 0), (f32([2.0, np.nan, np.nan, np.nan]), i64([0, 1, 1, 1])))
    check(ops.median(x), (f32(np.nan), i64(1)))
    check(ops.nanmedian(x), (f32(2.0), i64(0)))
    assert np.isnan(float(ops.quantile(x, 0.0)))
    assert np.isnan(float(ops.nanquantile(t32(np.nan, np.nan), 0.5)))
    assert np.isnan(float(ops.nanmean(t32(np.nan))))
    check(ops.nansum(t32(np.nan)), f32(0.0))
    check(ops.quantile(t32(-np.inf, 1.0, np.inf), 0.5), f32(1.0))
    check(grad(ops.nansum)(x), f32([1.0, 0.0, 1.0, 1.0]))


# ---- scattering ----------------------------------------------------------------------------------------------------


def test_equal_extrema_share_the_derivative():
    f = lambda x, v, **options: ops.scatter_reduce(x, 0, Tensor([0, 0, 2]), v, "amax", **options) * t32(2.0, 3.0, 5.0)
    x, v = t32(1.0, 4.0, 7.0), t32(1.0, 1.0, 2.0)
    check(grad(f, (0, 1))(x, v), (f32([2 / 3, 3.0, 5.0]), f32([2 / 3, 2 / 3, 0.0])))
    alone = lambda x, v: f(x, v, include_self=False)
    check(grad(alone, (0, 1))(x, v), (f32([0.0, 3.0, 0.0]), f32([1.0, 1.0, 5.0])))


@pytest.mark.parametrize("zeros", [1, 2])
def test_products_of_zeros_have_right_derivatives(zeros):
    v = RNG.uniform(0.5, 2.0, 6)
    v[:zeros] = 0.0
    f = lambda x, v: ops.scatter_reduce(x, 0, Tensor([1, 1, 0, 1, 2, 0]), v, "prod")
    check_grads(f, [RNG.uniform(0.5, 2.0, 3), v], order=2)
    check_grads(lambda x: ops.cumprod(x, 0), [v], order=2)


def test_what_is_unique_has_the_derivative_of_the_first():
    x = np.array([[3.0, -1.0, 2.0], [0.5, 4.0, 1.0]])
    for f in (ops.unique, lambda x: ops.unique(x, dim=1), ops.unique_consecutive):
        check_grads(lambda x, f=f: f(x) ** 2, [x], order=2)
    weighted = lambda x: ops.unique(x) * t32(2.0, 3.0)
    check(grad(weighted)(t32(7.0, 1.0, 7.0, 1.0)), f32([3.0, 2.0, 0.0, 0.0]))


def test_the_last_of_equal_indices_has_the_derivative():
    f = lambda x, v: ops.scatter(x, 0, Tensor([1, 1, 0]), v)
    check(grad(f, (0, 1))(t32(1.0, 2.0, 3.0), t32(4.0, 5.0, 6.0)), (f32([0.0, 0.0, 1.0]), f32([0.0, 1.0, 1.0])))


def test_half_precision_rounds_once():
    x, v = Tensor(np.ones(1, np.float16)), Tensor(np.full(4000, 2.0**-12, np.float16))
    assert float(ops.scatter_add(x, 0, Tensor(np.zeros(4000, np.int64)), v)[0]) == float(
        np.float16(1 + 4000 * 2.0**-12)
    )
    assert float(ops.cumprod(Tensor(np.full(8, 1.0009765625, np.float16)), 0)[-1]) == float(
        np.float16(np.float16(1.0009765625).astype(float) ** 8)
    )


def test_integers_are_scattered_exactly():
    big = np.array([2**62, 2**62 - 1])
    check(ops.scatter_reduce(Tensor(big), 0, Tensor([0]), Tensor([2**62 + 1]), "amax"), i64([2**62 + 1, 2**62 - 1]))
    check(ops.tensor_scatter_add(Tensor(big), Tensor([[1]]), Tensor([1])), i64([2**62, 2**62]))


def test_indices_that_are_empty_change_nothing():
    x, none = t32(1.0, 2.0), Tensor(np.zeros(0, np.int64))
    for f in (
        lambda: ops.scatter(x, 0, none, t32()),
        lambda: ops.scatter_add(x, 0, none, t32()),
        lambda: ops.scatter_reduce(x, 0, none, t32(), "prod"),
        lambda: ops.index_add(x, 0, none, t32()),
        lambda: ops.index_put(x, (none,), t32()),
        lambda: ops.tensor_scatter_update(x, Tensor(np.zeros((0, 1), np.int64)), t32()),
        lambda: ops.masked_scatter(x, Tensor([False, False]), t32()),
    ):
        check(f(), f32([1.0, 2.0]))


def test_members_of_a_batch_have_indices_of_their_own():
    x, v = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 5))
    index = RNG.integers(0, 4, (3, 5))
    for f in (
        lambda x, i, v: ops.scatter(x, 0, i, v),
        lambda x, i, v: ops.scatter_reduce(x, 0, i, v, "prod"),
        lambda x, i, v: ops.scatter_reduce(x, 0, i, v, "amin", include_self=False),
        lambda x, i, v: ops.tensor_scatter_mul(x, ops.expand_dims(i, -1), v),
        lambda x, i, v: grad(lambda v: ops.scatter_reduce(x, 0, i, v, "prod") ** 2)(v),
    ):
        each = [array_of(f(*map(Tensor, row))) for row in zip(x, index, v)]
        np.testing.assert_allclose(array_of(vmap(f)(*map(Tensor, (x, index, v)))), np.stack(each), rtol=1e-14)


def test_in_place_methods():
    t = t32(1.0, 2.0, 3.0)
    assert t.index_add_(0, Tensor([0, 0]), t32(1.0, 1.0)) is t
    check(t, f32([3.0, 2.0, 3.0]))
    t.masked_fill_(Tensor([False, True, False]), 0.0).put_(Tensor([2]), t32(9.0), accumulate=True)
    check(t, f32([3.0, 0.0, 12.0]))
    t.scatter_(0, Tensor([1]), t32(5.0)).index_put_((Tensor([0]),), t32(7.0))
    check(t, f32([7.0, 5.0, 12.0]))

    def f(x):
        y = x * 1
        y.scatter_add_(0, Tensor([0, 0]), x[1:] * x[1:])
        return y

    check(grad(f)(t32(1.0, 2.0, 3.0)), f32([1.0, 5.0, 7.0]))


def test_methods_of_tensors():
    t = t32(1.0, 2.0)
    check(t.repeat(2, 2), f32([[1.0, 2.0, 1.0, 2.0]] * 2))
    check(t.new_zeros(2, 1), f32([[0.0], [0.0]]))
    check(t.new_full((2,), 3.0), f32([3.0, 3.0]))
    check(ops.arange(6).unfold(0, 3, 2), i64([[0, 1, 2], [2, 3, 4]]))
    check_grads(lambda x: x.unfold(0, 3, 2) ** 2 + x.unfold(1, 2, 1).sum(), [RNG.standard_normal((7, 3))], order=2)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("widths", [(-1, 2), (2, -1), (-1, -1), (-2, 0), (1, 1)])
def test_pad_in_every_mode_with_negative_widths(mode, widths):
    """Circular: what is left goes round. The others show a window of the tensor and of what is around it."""
    x = RNG.standard_normal((3, 5))
    before, after = widths
    if mode == "circular":
        cut = x[:, max(0, -before) : 5 - max(0, -after)]
        expected = np.pad(cut, ((0, 0), (max(0, before), max(0, after))), "wrap")
    else:
        name = {"replicate": "edge"}.get(mode, mode)
        expected = np.pad(x, ((0, 0), (max(0, before), max(0, after))), name)
        expected = expected[:, max(0, -before) : expected.shape[1] - max(0, -after)]
    np.testing.assert_array_equal(array_of(ops.pad(Tensor(x), widths, mode)), expected)


# ---- what does not fit ---------------------------------------------------------------------------------------------

X = t32([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.sort(X, 2), ValueError, "sort: axis 2 is out of range"),
        (lambda: ops.topk(X, 4), ValueError, "topk: k must be from 0 to the size 3 of axis 1, got 4"),
        (lambda: ops.kthvalue(X, 0), ValueError, "kthvalue: k must be from 1"),
        (lambda: ops.searchsorted(X, t32(1.0)), ValueError, "searchsorted: values of shape"),
        (lambda: ops.scatter(X, 0, Tensor([[2]]), 1.0), IndexError, "scatter: index 2 is out of range"),
        (lambda: ops.scatter(X, 0, Tensor([0]), 1.0), ValueError, "scatter: an index of shape"),
        (lambda: ops.scatter(X, 0, Tensor([[0]]), X, "div"), ValueError, "scatter: reduce"),
        (lambda: ops.scatter_add(X, 0, Tensor([[0, 1]]), t32([1.0])), ValueError, "scatter_add: values of shape"),
        (
            lambda: ops.scatter_reduce(Tensor([1]), 0, Tensor([0]), Tensor([1]), "mean"),
            TypeError,
            "a mean needs a float",
        ),
        (lambda: ops.index_add(X, 0, Tensor([0]), X), ValueError, "index_add: values of shape"),
        (lambda: ops.index_fill(X, 0, Tensor([0]), X), ValueError, "index_fill: the value must be a number"),
        (lambda: ops.gather_nd(X, Tensor([0, 1, 2])), ValueError, "gather_nd: indices of shape"),
        (lambda: ops.gather_nd(X, Tensor([2, 0])), IndexError, "gather_nd: index 2 is out of range"),
        (lambda: ops.tensor_scatter_add(X, Tensor([[0]]), t32(1.0)), ValueError, "updates of shape"),
        (lambda: ops.roll(X, (1, 2, 3), (0, 1)), ValueError, "roll: as many shifts are needed as axes"),
        (lambda: ops.rot90(X, 1, (0, 0)), ValueError, "rot90: axis 0 is named twice"),
        (lambda: ops.movedim(X, (0, 0), (0, 1)), ValueError, "movedim: an axis is named twice"),
        (lambda: ops.unflatten(X, 1, (2, -1)), ValueError, "unflatten: an axis of size 3 cannot become"),
        (lambda: ops.narrow(X, 1, 2, 2), ValueError, "narrow: 2 elements from 2 on"),
        (lambda: ops.select(X, 0, 2), IndexError, "select: index 2 is out of range"),
        (lambda: ops.diag(Tensor(1.0)), ValueError, "diag: needs one axis or two"),
        (lambda: ops.diagonal(X, 0, 1, -1), ValueError, "diagonal: the two axes of a diagonal"),
        (lambda: ops.tril(t32(1.0)), ValueError, "tril: needs two axes"),
        (lambda: ops.unfold(X, 2), ValueError, "unfold: the input must be"),
        (lambda: ops.unfold(ops.ones((1, 1, 2, 2)), 3), ValueError, "unfold: a kernel of"),
        (lambda: ops.fold(X, 3, 2), ValueError, "fold: an input of shape"),
        (lambda: ops.fold(X, 3, 0), ValueError, "fold: kernel_size must be"),
        (lambda: X.unfold(1, 4, 1), ValueError, "unfold: windows of size 4"),
        (lambda: X.repeat(2), ValueError, "repeat: a tensor of 2 axes"),
        (lambda: ops.repeat_interleave(X, (1, 2, 3), 0), ValueError, "repeat_interleave: axis 0 of size 2"),
        (lambda: ops.repeat_interleave(X, 2, 0, output_size=5), ValueError, "make 4 slices, output_size is 5"),
        (lambda: ops.repeat_interleave(X, 2, 0, unheard=5), TypeError, "unexpected keyword argument 'unheard'"),
        (lambda: ops.masked_fill(X, X > 0, Tensor([1.0])), ValueError, r"masked_fill: .* got the shape \(1,?\)"),
        (lambda: ops.meshgrid(X), ValueError, "meshgrid: inputs must have one axis"),
        (lambda: ops.select_scatter(X, X, 0, 0), ValueError, "select_scatter: the part has the shape"),
        (lambda: ops.select_scatter(X, X[0], 0, 2), IndexError, "out of"),
        (lambda: ops.slice_scatter(X, X, 0, 0, 2, 0), ValueError, "slice_scatter: step must be positive"),
        (lambda: ops.slice_scatter(X, X, 1, 0, 1), ValueError, "slice_scatter: the part has the shape"),
        (lambda: ops.diagonal_scatter(X, t32(1.0)), ValueError, "diagonal_scatter: a diagonal of 2 elements"),
        (lambda: ops.diagonal_scatter(X, X[0], 0, 1, -1), ValueError, "diagonal_scatter: the two axes"),
        (lambda: ops.index_reduce(X, 0, Tensor([0]), X, "prod"), ValueError, "index_reduce: index must have one axis"),
        (lambda: ops.index_reduce(X, 0, Tensor([0, 1]), X, "sum"), ValueError, "index_reduce: reduce must be"),
        (lambda: ops.index_reduce(X, 0, Tensor([0, 2]), X, "prod"), IndexError, "index 2"),
        (lambda: ops.unravel_index(Tensor([4]), (2, 2)), ValueError, "unravel_index: an index is not of one of the 4"),
        (lambda: ops.unravel_index(Tensor([-1]), (2, 2)), ValueError, "unravel_index: an index is not of one of the 4"),
        (lambda: ops.unravel_index(X, (2, 2)), TypeError, "unravel_index: indices must be integers"),
        (lambda: ops.isin(X, "a"), TypeError, "isin: test_elements must be a Tensor or a number, got str"),
        (lambda: ops.where(X > 0, X), TypeError, "where: input and other go together"),
        (lambda: ops.broadcast_shapes((2, 3), (2,)), ValueError, r"shapes \(2, 3\) and \(2,\) do not broadcast"),
        (lambda: ops.broadcast_shapes((2, -3)), ValueError, "broadcast_shapes: sizes must not be negative"),
        (lambda: ops.cov(ops.ones((1, 1, 1))), ValueError, "cov: the input must be a matrix or a vector"),
        (lambda: ops.cov(X, fweights=Tensor([1])), ValueError, "cov: fweights must have one entry for each"),
        (lambda: ops.cov(t32(1.0), fweights=Tensor([-1])), ValueError, "cov: fweights must not be negative"),
        (lambda: ops.cov(X, fweights=X[0]), TypeError, "cov: fweights must be integers"),
        (lambda: ops.gradient(X, edge_order=3), ValueError, "gradient: edge_order must be 1 or 2"),
        (lambda: ops.gradient(X, edge_order=2), ValueError, "needs 3 places at least"),
        (lambda: ops.gradient(X, dim=(0, 0)), ValueError, "gradient: an axis is named twice"),
        (lambda: ops.gradient(X, spacing=(1.0,)), ValueError, "gradient: 2 axes need as many spacings, got 1"),
        (lambda: ops.gradient(X, spacing=Tensor([1.0])), ValueError, "has as many places"),
        (lambda: ops.renorm(t32(1.0), 2, 0, 1.0), ValueError, "renorm: the input must have two axes"),
        (lambda: ops.renorm(X, 0, 0, 1.0), ValueError, "renorm: p must be positive"),
        (lambda: ops.pdist(t32(1.0)), ValueError, "pdist: the input must be a matrix"),
        (lambda: ops.pdist(X, -1.0), ValueError, "pdist: p must not be negative"),
        (lambda: ops.mvlgamma(X, 0), ValueError, "mvlgamma: p must be positive"),
        (lambda: ops.hann_window(-1), ValueError, "hann_window: window_length must not be negative"),
        (lambda: ops.hann_window(3, dtype=adcore.int32), TypeError, "hann_window: dtype must be a float's"),
        (lambda: ops.kaiser_window(3, beta=-1.0), ValueError, "kaiser_window: beta must not be negative"),
        (lambda: ops.gaussian_window(3, std=0.0), ValueError, "gaussian_window: std must be positive"),
        (lambda: ops.exponential_window(3, False, center=1.0), ValueError, "a symmetric window has its center"),
        (lambda: ops.general_cosine_window(3, a=()), ValueError, "at least one factor"),
        (lambda: ops.meshgrid(t32(1.0), 2), TypeError, "meshgrid: every argument must be a Tensor"),
        (lambda: ops.hsplit(X, 2), ValueError, "hsplit: axis 1 of size 3 has no 2 equal pieces"),
        (lambda: ops.masked_select(X, Tensor([1])), TypeError, "masked_select: the mask must be bool"),
        (lambda: ops.masked_scatter(X, X > 0, t32(1.0)), IndexError, "out of range"),
        (lambda: ops.masked_scatter(X, X > 0, t32()), IndexError, "out of range"),
        (lambda: ops.put(X, Tensor([0]), t32(1.0, 2.0)), ValueError, "put: 1 indices and 2 values"),
        (lambda: ops.bincount(Tensor([-1])), ValueError, "bincount: the input must not be negative"),
        (lambda: ops.histc(X, 0), ValueError, "histc: bins must be an int from 1"),
        (lambda: ops.histc(X, 2**31), ValueError, "histc: bins must be an int from 1"),
        (lambda: ops.tensor_split(X, 2**40), ValueError, "tensor_split: axis 0 of size 2 is not cut into"),
        (lambda: ops.combinations(ops.arange(99), 50), ValueError, "combinations: .* are too many"),
        (lambda: ops.unbind(ops.broadcast_to(X, (2**40, 2, 3))), MemoryError, None),
        (lambda: ops.tril_indices(2**40, 2**40), MemoryError, None),
        (lambda: ops.tril_indices(2**40, 1), MemoryError, None),
        (lambda: ops.quantile(X, 1.5), ValueError, "quantile: q must be a number in"),
        (lambda: ops.quantile(X, Tensor([0.5, -0.1])), ValueError, "quantile: q must be a number in"),
        (lambda: ops.quantile(X, Tensor([[0.5]])), ValueError, "quantile: q must have one axis at most"),
        (lambda: ops.median(ops.zeros((2, 0))), ValueError, "median: has no value over zero elements"),
        (lambda: ops.diff(X, -1), ValueError, "diff: n must not be negative"),
        (lambda: ops.take_along_dim(X, Tensor([0]), 1), ValueError, "take_along_dim: indices of shape"),
        (lambda: ops.expand_dims(X, (0, 0)), ValueError, "expand_dims: axis 0 is named twice"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_fractions_of_quantiles_may_differ_between_members():
    x, q = np.linspace(-1, 1, 7) ** 3, np.array([0.3, 1.0, 1.5])
    got = array_of(vmap(lambda q: ops.quantile(Tensor(x), q))(Tensor(q)))
    np.testing.assert_allclose(got, [*np.quantile(x, q[:2]), np.nan], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int32", "int64", "uint64"])
def test_weights_of_small_integers_are_counted_without_wrapping(dtype):
    top = 1 if dtype == "bool" else np.iinfo(dtype).max >> (2 if "64" in dtype else 0)
    places, weights = np.array([1, 1, 3, 1]), np.array([top, top, top, top // 2]).astype(dtype)
    expected = [sum(int(w) for w in weights[places == place]) for place in range(4)]
    assert ops.bincount(Tensor(places), Tensor(weights)).tolist() == expected
    edges = [0.0, 1.0, 2.0, 3.0, 4.0]
    assert ops.histogram(Tensor(places, adcore.float32), edges, weights=Tensor(weights))[0].tolist() == expected
    if "64" not in dtype:
        assert ops.vander(Tensor(weights), 3).tolist() == [[int(w) ** 2, int(w), 1] for w in weights]


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
@pytest.mark.parametrize("bound", [np.nan, 1.5, [np.nan, 1.0, 2.5]])
def test_one_bound_of_floats(dtype, bound):
    x, given = np.array([1, 2, 0]).astype(dtype), bound if isinstance(bound, float) else Tensor(bound)
    np.testing.assert_array_equal(ops.clamp(Tensor(x), given).asnumpy(), np.maximum(x, np.float32(bound)))
    np.testing.assert_array_equal(ops.clamp(Tensor(x), max=given).asnumpy(), np.minimum(x, np.float32(bound)))
