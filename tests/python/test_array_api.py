"""The array API standard. The oracle is NumPy, whose main namespace follows it.

`make array-api-tests` runs the official tests.
"""

import inspect
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

import adcore
from adcore import Tensor, array_api, grad, vmap
from helpers import array_of, t32

NAMES = """
__array_namespace_info__ abs acos acosh add all any arange argmax argmin argsort asarray asin asinh astype atan atan2
atanh bitwise_and bitwise_invert bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor bool broadcast_arrays
broadcast_to can_cast ceil clip concat conj copysign cos cosh count_nonzero cumulative_prod cumulative_sum diff divide
e empty empty_like equal exp expand_dims expm1 eye finfo flip float32 float64 floor floor_divide from_dlpack full
full_like greater greater_equal hypot iinfo imag inf int16 int32 int64 int8 isdtype isfinite isinf isnan less
less_equal linalg linspace log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor matmul
matrix_transpose max maximum mean meshgrid min minimum moveaxis multiply nan negative newaxis nextafter nonzero
not_equal ones ones_like permute_dims pi positive pow prod real reciprocal remainder repeat reshape result_type roll
round searchsorted sign signbit sin sinh sort sqrt square squeeze stack std subtract sum take take_along_axis tan tanh
tensordot tile tril triu trunc uint16 uint32 uint64 uint8 unique_all unique_counts unique_inverse unique_values
unstack var vecdot where zeros zeros_like
""".split()


def test_the_names_of_the_standard():
    assert sorted(NAMES) == sorted(array_api.__all__)
    assert all(hasattr(array_api, name) for name in NAMES)
    assert all(inspect.getdoc(getattr(array_api, n)) for n in NAMES if inspect.isroutine(getattr(array_api, n)))
    assert array_api.__array_api_version__ == "2024.12"


def test_a_tensor_names_the_module():
    t = t32(1.0)
    for version in (None, "2021.12", "2024.12"):
        assert t.__array_namespace__(api_version=version) is array_api
    with pytest.raises(ValueError, match="the versions are 2021.12, 2022.12, 2023.12, 2024.12, got '1999.1'"):
        t.__array_namespace__(api_version="1999.1")
    assert t.device == "cpu" and t.to_device("cpu") is t
    for call in (lambda: t.to_device("cuda"), lambda: array_api.ones(3, device="cuda")):
        with pytest.raises(ValueError, match="there is no device but 'cpu', got 'cuda'"):
            call()


def test_the_module_is_loaded_when_it_is_asked_for():
    code = "import sys, adcore; before = 'adcore.array_api' in sys.modules; adcore.array_api; print(before)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


# ---- by NumPy ------------------------------------------------------------------------------------------------------

rng = np.random.default_rng(0)
GIVEN = {
    "x": rng.normal(size=(3, 4)),
    "y": rng.normal(size=(3, 4)).astype(np.float32),
    "z": rng.normal(size=(2, 3, 4)),
    "v": rng.normal(size=4),
    "p": rng.uniform(0.1, 0.9, size=(3, 4)),
    "i": rng.integers(-5, 6, size=(3, 4), dtype=np.int32),
    "j": rng.integers(1, 5, size=(3, 4), dtype=np.int8),
    "u": rng.integers(0, 200, size=(3, 4), dtype=np.uint8),
    "b": rng.integers(0, 2, size=(3, 4)).astype(bool),
    "w": rng.integers(0, 4, size=6),
    "s": (lambda a: a @ a.T + np.eye(3))(rng.normal(size=(3, 3))),
    "t": rng.normal(size=(2, 3, 3)),
    "n": np.array([3.0, np.nan, 1.0, np.nan, 3.0, -0.0, 0.0]),
    "o": np.zeros((0, 3)),
    "c": np.array(2.5),
}
ONE = {
    "acos asin atanh sqrt log log1p log2 log10 reciprocal": "p",
    "atan asinh ceil cos cosh exp expm1 floor isfinite isinf isnan round sign signbit sin sinh square tan tanh trunc "
    "abs negative positive conj real imag": "xyn",
    "ceil floor round trunc sign square abs negative positive isfinite isinf isnan": "ij",
    "bitwise_invert": "ijub",
    "logical_not": "b",
}
TWO = {
    "add subtract multiply maximum minimum equal not_equal less less_equal greater greater_equal": (
        "xy",
        "ij",
        "iu",
        "ju",
    ),
    "divide atan2 copysign hypot logaddexp nextafter": ("xy", "yp", "xv"),
    "floor_divide remainder": ("xp", "ij", "yp"),
    "pow": ("px", "ij"),
    "bitwise_and bitwise_or bitwise_xor": ("ij", "iu", "ju", "bb"),
    "bitwise_left_shift bitwise_right_shift": ("ij", "jj", "uj"),
    "logical_and logical_or logical_xor": ("bb",),
}
REDUCTIONS = {
    "sum prod max min mean std var": ("x", "y"),
    "sum prod max min": ("i", "j", "u"),
    "all any count_nonzero": ("x", "i", "b"),
}
CALLS = [
    *(f"{f}({a})" for fs, given in ONE.items() for f in fs.split() for a in given),
    *(f"{f}({a}, {b})" for fs, given in TWO.items() for f in fs.split() for a, b in given),
    *(f"{f}({a}, {n})" for f in ("add", "multiply", "maximum", "less") for a, n in zip("xyiju", (2.5, 2.5, 3, 3, 3))),
    *(f"{f}({n}, {a})" for f in ("subtract", "divide", "pow") for a, n in zip("py", (2.5, 2.0))),
    *(
        f"{f}({a}{options})"
        for fs, given in REDUCTIONS.items()
        for f in fs.split()
        for a in given
        for options in ("", ", axis=0", ", axis=(0, -1), keepdims=True", ", axis=()")
    ),
    *("std(x, axis=1, correction=1)", "var(x, correction=0.5)", "var(x, axis=0, correction=1.5, keepdims=True)"),
    *("sum(y, dtype=xp.float64)", "prod(j, dtype=xp.int16)", "sum(o)", "sum(o, axis=0)", "prod(o, axis=1)", "max(c)"),
    *("cumulative_sum(v)", "cumulative_sum(x, axis=1, include_initial=True)", "cumulative_sum(j, axis=0)"),
    *("cumulative_prod(u, axis=-1)", "cumulative_prod(v, include_initial=True)", "cumulative_sum(b, axis=0)"),
    *("diff(x)", "diff(x, axis=0, n=2)", "diff(v, prepend=v[:2], append=v[:1])"),
    *("argmax(x)", "argmin(x, axis=0)", "argmax(i, axis=1, keepdims=True)", "argmin(x, keepdims=True)"),
    *("nonzero(b)", "where(b, x, y)", "where(b, i, j)", "where(b, y, 0.0)", "where(b, 1, i)"),
    *("searchsorted(sort(v), p)", "searchsorted(v, p, side='right', sorter=argsort(v))"),
    *(
        "sort(x)",
        "sort(unique_values(w))",
        "sort(i, axis=0, descending=True)",
        "sort(n)",
        "argsort(x, axis=0)",
        "sort(b)",
    ),
    *(f"unique_{of}({a})" for of in ("all", "counts", "inverse") for a in ("w", "i", "b", "o")),
    *(
        "arange(5)",
        "arange(2, 11, 3)",
        "arange(5, 1, -2)",
        "arange(3, dtype=xp.int8)",
        "arange(0.0, 1.0, 0.25, dtype=xp.float64)",
    ),
    *(
        "zeros(3, dtype=xp.int32)",
        "ones((2, 3), dtype=xp.float64)",
        "full((2,), 7)",
        "full(2, True)",
        "full((), 2.5, dtype=xp.float64)",
    ),
    *(
        "zeros_like(i)",
        "ones_like(x)",
        "full_like(j, 3)",
        "ones_like(x, dtype=xp.int8)",
        "asarray(True)",
        "asarray([[1, 2]])",
    ),
    *("asarray([1.5, 2], dtype=xp.float64)", "asarray([True, 2])", "asarray(x)", "asarray(x, dtype=xp.float32)"),
    *(
        "eye(3, dtype=xp.float64)",
        "eye(3, 4, k=1, dtype=xp.int32)",
        "eye(4, 2, k=-2, dtype=xp.bool)",
        "tril(x, k=1)",
        "triu(z, k=-1)",
    ),
    *(
        "linspace(0.0, 1.0, 5, dtype=xp.float64)",
        "linspace(1, 3, 4, dtype=xp.float64, endpoint=False)",
        "meshgrid(v, w)",
    ),
    *(
        "meshgrid(v, w, indexing='ij')",
        "linspace(0.0, 1.0, 0, dtype=xp.float64)",
        "linspace(2.0, 3.0, 1, dtype=xp.float64)",
    ),
    *(
        "broadcast_arrays(x, v)",
        "broadcast_to(v, (2, 3, 4))",
        "concat([x, x])",
        "concat([x, v], axis=None)",
        "concat([i, j], axis=1)",
    ),
    *(
        "expand_dims(x, axis=1)",
        "expand_dims(x, axis=-1)",
        "flip(x)",
        "flip(z, axis=(0, -1))",
        "moveaxis(z, 0, 2)",
        "flip(c)",
    ),
    *(
        "moveaxis(z, (0, 1), (-1, 0))",
        "permute_dims(z, (2, 0, 1))",
        "repeat(x, 2)",
        "repeat(x, asarray([1, 0, 2]), axis=0)",
    ),
    *(
        "reshape(z, (4, -1))",
        "reshape(z, (6, 4), copy=True)",
        "roll(x, 1)",
        "roll(x, (1, -2), axis=(0, 1))",
        "roll(z, 7, axis=1)",
    ),
    *(
        "squeeze(expand_dims(x, axis=1), axis=1)",
        "stack([x, x], axis=-1)",
        "stack([i, i])",
        "take(x, asarray([2, 0, 2]), axis=0)",
    ),
    *(
        "take(v, asarray([[0, -1]]))",
        "take_along_axis(x, argsort(x))",
        "tile(x, (2, 1, 3))",
        "tile(v, (2,))",
        "unstack(z, axis=1)",
    ),
    *(
        "clip(x, -0.5, 0.5)",
        "clip(i, min=0)",
        "clip(x, max=v)",
        "clip(x, min=p - 0.5, max=p)",
        "clip(y)",
        "clip(j, 2, 3)",
    ),
    *(
        "matmul(x, z[0, ...].T)",
        "matmul(z, v)",
        "matmul(i, j.T)",
        "matrix_transpose(z)",
        "tensordot(x, z, axes=((0, 1), (1, 2)))",
    ),
    *("tensordot(v, x, axes=0)", "tensordot(z, x, axes=2)", "vecdot(x, v)", "vecdot(z, z, axis=1)", "vecdot(i, i)"),
    *(
        "linalg.cholesky(s)",
        "linalg.cholesky(s, upper=True)",
        "linalg.cross(t, s)",
        "linalg.det(t)",
        "linalg.slogdet(t)",
    ),
    *("linalg.diagonal(z)", "linalg.diagonal(t, offset=-1)", "linalg.eigvalsh(s)", "linalg.inv(t)", "linalg.pinv(z)"),
    *(
        "linalg.eigh(s)[0]",
        "linalg.matrix_norm(z)",
        "linalg.matrix_norm(z, ord=1, keepdims=True)",
        "linalg.matrix_norm(z, ord='nuc')",
    ),
    *(
        "linalg.matrix_norm(z, ord=-2)",
        "linalg.matrix_power(t, 3)",
        "linalg.matrix_power(s, -2)",
        "linalg.matrix_rank(z)",
    ),
    *(
        "linalg.outer(v, w)",
        "linalg.solve(s, t)",
        "linalg.solve(s, x)",
        "linalg.solve(s, s[0, :])",
        "linalg.svdvals(z)",
        "linalg.trace(t)",
    ),
    *(
        "linalg.trace(t, offset=1)",
        "linalg.trace(i)",
        "linalg.vector_norm(z)",
        "linalg.vector_norm(z, axis=(0, 2), keepdims=True)",
    ),
    *(
        "linalg.matrix_rank(z, rtol=asarray([0.9, 0.01]))",
        "linalg.pinv(z, rtol=asarray([0.9, 0.01]))",
        "linalg.pinv(z, rtol=0.9)",
    ),
    *(
        "linalg.vector_norm(x, ord=xp.inf)",
        "linalg.vector_norm(x, axis=1, ord=0)",
        "linalg.vector_norm(x, axis=0, ord=3)",
    ),
    *("linalg.vector_norm(x, ord=-1)", "linalg.svd(z)[1]", "linalg.svd(z, full_matrices=False)[1]"),
    *(f"astype({a}, xp.{d})" for a in "xib" for d in ("float32", "int64", "bool", "uint8") if (a, d) != ("x", "uint8")),
    *(f"{a} {op} {b}" for op in ("<<", ">>") for a, b in ("ij", "uj", "i2")),
    *(
        "x.mT",
        "z.mT",
        "i.T",
        "x[b]",
        "x[1, ...]",
        "x[:, None, ::-2]",
        "z[..., 0]",
        "x[asarray([0, 2]), asarray([1, 3])]",
    ),
]


def called(xp, make, source):
    given = {name: make(value) for name, value in GIVEN.items()}
    functions = {n: getattr(xp, n) for n in NAMES if hasattr(xp, n) and n not in given}
    result = eval(source, {"xp": xp, **functions, **given})
    return list(result) if isinstance(result, (tuple, list)) else [result]


def imag(x):
    return np.zeros_like(x)


class Standard:
    """NumPy where it does not spell all of the standard, or its own way."""

    def __getattr__(self, name):
        return getattr(np, name)

    imag = staticmethod(imag)
    sort = staticmethod(
        lambda x, axis=-1, descending=False: np.flip(np.sort(x, axis), axis) if descending else np.sort(x, axis)
    )


@pytest.mark.parametrize("source", CALLS)
def test_values_shapes_and_dtypes_are_those_of_numpy(source):
    got, right = called(array_api, Tensor, source), called(Standard(), np.asarray, source)
    assert len(got) == len(right)
    for ours, theirs in zip(got, right):
        theirs = np.asarray(theirs)
        assert isinstance(ours, Tensor) and tuple(ours.shape) == theirs.shape
        assert ours.dtype.name.rstrip("_") == theirs.dtype.name
        tolerance = 1e-5 if theirs.dtype == np.float32 else 1e-10
        np.testing.assert_allclose(array_of(ours), theirs, rtol=tolerance, atol=tolerance)


def test_factors_give_the_matrix():
    matrices = Tensor(GIVEN["z"])
    for full in (True, False):
        u, s, vh = array_api.linalg.svd(matrices, full_matrices=full)
        np.testing.assert_allclose(
            array_of(u[..., : s.shape[-1]] * s[..., None, :] @ vh[..., : s.shape[-1], :]), GIVEN["z"]
        )
        assert u.shape == (2, 3, 3) and vh.shape == ((2, 4, 4) if full else (2, 3, 4))
    for mode in ("reduced", "complete"):
        q, r = array_api.linalg.qr(matrices.mT, mode=mode)
        np.testing.assert_allclose(array_of(q @ r), np.swapaxes(GIVEN["z"], 1, 2), atol=1e-12)
    symmetric = Tensor(GIVEN["s"])
    result = array_api.linalg.eigh(symmetric)
    np.testing.assert_allclose(
        array_of(symmetric @ result.eigenvectors), array_of(result.eigenvectors * result.eigenvalues)
    )


def test_every_nan_is_unique():
    values, indices, inverse, counts = array_api.unique_all(Tensor(GIVEN["n"]))
    np.testing.assert_array_equal(array_of(values), [0.0, 1.0, 3.0, np.nan, np.nan])
    np.testing.assert_array_equal(array_of(counts), [2, 1, 2, 1, 1])
    np.testing.assert_array_equal(array_of(indices), [5, 2, 0, 1, 3])
    np.testing.assert_array_equal(GIVEN["n"], array_of(values[inverse]))


def test_sorting_both_ways_keeps_the_order_of_what_is_equal():
    given = Tensor([1.0, 0.0, 1.0, 0.0, 1.0])
    assert array_api.argsort(given).tolist() == [1, 3, 0, 2, 4]
    assert array_api.argsort(given, descending=True).tolist() == [0, 2, 4, 1, 3]


# ---- dtypes --------------------------------------------------------------------------------------------------------

DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()


def test_promotion_and_casting_are_those_of_numpy_within_a_kind():
    kinds = [("bool",), DTYPES[1:8], DTYPES[5:9], DTYPES[9:]]
    for a, b in (pair for kind in kinds for pair in itertools.product(kind, repeat=2)):
        ours = array_api.result_type(getattr(array_api, a), array_api.zeros(1, dtype=getattr(array_api, b)))
        assert ours.name.rstrip("_") == np.result_type(a, b).name
        assert array_api.can_cast(getattr(array_api, a), getattr(array_api, b)) == np.can_cast(a, b)
    assert array_api.result_type(array_api.int8, 1) is array_api.int8
    assert array_api.result_type(array_api.float32, 1.5, True) is array_api.float32
    assert not array_api.can_cast(array_api.uint64, array_api.int64)
    with pytest.raises(ValueError, match="needs an array or a dtype"):
        array_api.result_type(1, 2)


@pytest.mark.parametrize("name", DTYPES[1:])
def test_limits_are_those_of_numpy(name):
    dtype = getattr(array_api, name)
    if name.startswith("float"):
        ours, theirs = array_api.finfo(dtype), np.finfo(name)
        fields = "bits eps max min smallest_normal"
    else:
        ours, theirs, fields = array_api.iinfo(array_api.ones(1, dtype=dtype)), np.iinfo(name), "bits max min"
    for field in fields.split():
        assert getattr(ours, field) == getattr(theirs, field) and type(getattr(ours, field)) in (int, float)
    assert ours.dtype is dtype
    with pytest.raises(ValueError, match="is not a dtype of"):
        (array_api.iinfo if name.startswith("float") else array_api.finfo)(dtype)


def test_kinds_of_dtypes_are_those_of_numpy():
    kinds = ["bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric"]
    for name, kind in itertools.product(DTYPES, [*kinds, ("bool", "real floating")]):
        assert array_api.isdtype(getattr(array_api, name), kind) == np.isdtype(np.dtype(name), kind)
    assert array_api.isdtype(array_api.int8, (array_api.int16, array_api.int8))
    assert array_api.isdtype(adcore.bfloat16, "real floating") and not array_api.isdtype(adcore.bfloat16, "integral")
    with pytest.raises(ValueError, match="isdtype: the kinds are"):
        array_api.isdtype(array_api.int8, "whole")
    with pytest.raises(TypeError, match="needs a dtype or an array"):
        array_api.isdtype("int8", "integral")


def test_what_the_library_tells_of_itself():
    info = array_api.__array_namespace_info__()
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 12}
    assert array_api.ones((1,) * 12).ndim == 12
    assert info.devices() == [info.default_device()] == ["cpu"]
    assert list(info.dtypes()) == ["bool", *DTYPES[1:]]
    assert list(info.dtypes(kind="unsigned integer")) == DTYPES[5:9]
    assert list(info.dtypes(kind=("bool", "real floating"))) == ["bool", "float32", "float64"]
    defaults = info.default_dtypes(device="cpu")
    assert defaults["real floating"] is array_api.asarray(1.0).dtype is array_api.ones(1).dtype
    assert defaults["integral"] is array_api.asarray(1).dtype is array_api.arange(3).dtype
    assert defaults["indexing"] is array_api.argmax(array_api.ones(3)).dtype


# ---- what copies and what does not -----------------------------------------------------------------------------------


def test_asarray_shares_memory_where_it_can():
    array = np.arange(3.0)
    frozen = np.arange(3.0)
    frozen.flags.writeable = False
    t = t32(1.0)
    for copy in (None, False):
        assert np.shares_memory(array_of(array_api.asarray(array, copy=copy)), array)
        assert array_api.asarray(t, copy=copy) is t
    own = array_api.asarray(array, copy=True)
    array[0] = 5.0
    assert own.tolist() == [0.0, 1.0, 2.0]
    assert array_api.asarray(t, copy=True) is not t
    assert array_api.asarray(frozen).tolist() == [0.0, 1.0, 2.0]
    for given, dtype in ((frozen, None), (array, array_api.float32), (t, array_api.float64), ([1.0], None), (1, None)):
        with pytest.raises(ValueError, match="cannot be used without a copy"):
            array_api.asarray(given, dtype=dtype, copy=False)
    assert array_api.astype(t, array_api.float32, copy=False) is t
    assert array_api.astype(t, array_api.float32) is not t
    with pytest.raises(ValueError, match="copy is False"):
        array_api.reshape(array_api.asarray(np.ones((2, 3))).T, (6,), copy=False)


def test_what_the_standard_forbids():
    x = array_api.ones((2, 1, 3))
    for error, call in {
        ValueError: [
            lambda: array_api.squeeze(x, axis=0),
            lambda: array_api.squeeze(x, axis=3),
            lambda: array_api.take(x, array_api.asarray([0])),
            lambda: array_api.nonzero(array_api.asarray(1.0)),
            lambda: array_api.cumulative_sum(x),
            lambda: array_api.vecdot(x, array_api.ones(1)),
            lambda: array_api.tensordot(x, array_api.ones(1), axes=1),
        ],
        IndexError: [lambda: array_api.expand_dims(x, axis=4), lambda: array_api.expand_dims(x, axis=-5)],
        TypeError: [lambda: array_api.exp(1.0), lambda: array_api.sum([1.0])],
    }.items():
        for one in call:
            with pytest.raises(error):
                one()


def test_derivatives_and_batches_pass():
    def f(x):
        xp = x.__array_namespace__()
        return xp.sum(xp.concat([xp.square(x), xp.var(x, axis=0, keepdims=True, correction=0.5)]))

    x = rng.normal(size=(3, 2))
    centred = x - x.mean(axis=0)
    expected = 2 * x + 2 * centred / 2.5
    np.testing.assert_allclose(array_of(grad(f)(Tensor(x))), expected)
    np.testing.assert_allclose(array_of(vmap(grad(f))(Tensor(np.stack([x, x])))), np.stack([expected] * 2))
    np.testing.assert_allclose(array_of(adcore.jit(grad(f))(Tensor(x))), expected)


def test_shifts_are_operators():
    t = Tensor([1, -8, 3])
    assert (t << 2).tolist() == [4, -32, 12] and (t >> 1).tolist() == [0, -4, 1]
    assert (2 << Tensor([1, 2])).tolist() == [4, 8] and (256 >> Tensor([1, 2])).tolist() == [128, 64]
    t <<= 1
    t >>= Tensor([1, 0, 2])
    assert t.tolist() == [1, -16, 1]
    with pytest.raises(TypeError):
        t32(1.0) << 1
    assert complex(t32(1.5)) == 1.5 + 0j


# ---- libraries that compute with any array ---------------------------------------------------------------------------

LIBRARIES = """
import numpy as np
import scipy.integrate, scipy.special, scipy.stats
import sklearn
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, PolynomialFeatures, StandardScaler

from adcore import Tensor, array_api

rng = np.random.default_rng(0)
x = rng.normal(size=(30, 3))
y = x @ [1.0, 2.0, 3.0] + 0.1 * rng.normal(size=30)
labels = (x[:, 0] > 0).astype(np.int64)
calls = [
    lambda x, y, c: scipy.special.logsumexp(x, axis=0),
    lambda x, y, c: scipy.special.softmax(x, axis=1),
    lambda x, y, c: scipy.special.gammaln(x),
    lambda x, y, c: scipy.stats.zscore(x),
    lambda x, y, c: scipy.stats.skew(x),
    lambda x, y, c: scipy.stats.ttest_ind(x, x + 1).pvalue,
    lambda x, y, c: scipy.stats.pearsonr(x[:, 0], x[:, 1]).statistic,
    lambda x, y, c: scipy.integrate.trapezoid(x, axis=0),
    lambda x, y, c: StandardScaler().fit_transform(x),
    lambda x, y, c: MinMaxScaler().fit_transform(x),
    lambda x, y, c: MaxAbsScaler().fit_transform(x),
    lambda x, y, c: Normalizer().fit_transform(x),
    lambda x, y, c: PolynomialFeatures(2).fit_transform(x),
    lambda x, y, c: PCA(2, svd_solver="full").fit_transform(x),
    lambda x, y, c: Ridge(solver="svd").fit(x, y).predict(x),
    lambda x, y, c: LinearDiscriminantAnalysis().fit(x, c).predict(x),
    lambda x, y, c: euclidean_distances(x),
]
sklearn.set_config(array_api_dispatch=True)
ours = [call(*map(Tensor, (x, y, labels))) for call in calls]
theirs = [call(x, y, labels) for call in calls]
for number, (a, b) in enumerate(zip(ours, theirs)):
    assert isinstance(a, Tensor), number
    np.testing.assert_allclose(a.asnumpy(), b, rtol=1e-6, atol=1e-9, err_msg=str(number))
print(len(ours))
"""


def test_functions_of_scipy_and_scikit_learn_give_what_they_give_for_arrays():
    pytest.importorskip("scipy")
    pytest.importorskip("sklearn")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LIBRARIES],
        capture_output=True,
        text=True,
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
    )
    assert done.stdout == "17\n", done.stderr


def test_array_api_compat_finds_the_module():
    compat = pytest.importorskip("array_api_compat")
    t = t32(1.0, 2.0)
    assert compat.array_namespace(t, t) is array_api and compat.is_array_api_obj(t)
    assert compat.device(t) == "cpu" and compat.size(t) == 2 and compat.to_device(t, "cpu") is t
