"""``mindspore.numpy`` against NumPy: every name is called on a sample, by both, and the results compared."""

import warnings

import numpy as np
import pytest

import adcore
from adcore import Tensor
from adcore.mindspore import mnp

RNG = np.random.default_rng(0)
ARRAYS = {
    "A": RNG.normal(size=(2, 3)).astype(np.float32),
    "B": RNG.normal(size=(2, 3)).astype(np.float32),
    "S": RNG.normal(size=(3, 3)).astype(np.float32),
    "V": np.array([0.5, -1.5, 2.0, 0.25], np.float32),
    "P": np.array([0.5, 1.5, 2.0, 0.25], np.float32),
    "U": np.array([[0.5, -0.25, 0.75], [0.125, -0.5, 0.0]], np.float32),
    "N": np.array([[0.5, np.nan, 3.0], [np.nan, np.nan, 1.0]], np.float32),
    "I": np.array([[3, 1, 2], [5, 0, 3]], np.int32),
    "J": np.array([[1, 2, 3], [4, 5, 6]], np.int32),
    "K": np.array([2, 0, 1, 2], np.int32),
    "T": np.array([[True, False, True], [False, False, True]]),
    "X": RNG.normal(size=(2, 3, 4)).astype(np.float32),
}

# Name -> arguments of samples, the same for both.
SAME = {
    "abs": ["A", "I"],
    "absolute": ["A"],
    "add": ["A, B", "I, 2", "[1, 2], [3, 4]"],
    "amax": ["A", "A, 1", "A, axis=0, keepdims=True", "A, initial=3.0", "A, axis=1, initial=-9.0, where=T"],
    "amin": ["A", "A, axis=(0, 1)"],
    "append": ["A, B", "A, B, 1", "K, [7]"],
    "apply_along_axis": ["lambda v: v[::2], 1, A", "lambda v: v.sum(), 0, X"],
    "apply_over_axes": ["lambda a, axis: a.sum(axis), X, (0, 2)"],
    "arange": ["5", "1, 7, 2", "0.5, 2.0, 0.5"],
    "arccos": ["U"],
    "arccosh": ["P + 1"],
    "arcsin": ["U"],
    "arcsinh": ["A"],
    "arctan": ["A"],
    "arctan2": ["A, B"],
    "arctanh": ["U"],
    "argmax": ["A", "A, 1"],
    "argmin": ["A", "A, axis=0"],
    "argwhere": ["I"],
    "array": ["[[1, 2], [3, 4]]", "[1.5, 2]", "[True, False]", "A, ndmin=3"],
    "array_equal": ["A, A", "A, B", "N, N", "N, N, equal_nan=True", "A, V"],
    "array_equiv": ["A, A", "[1, 2], [[1, 2], [1, 2]]", "A, V"],
    "array_split": ["V, 3", "X, [1, 3], 2"],
    "asarray": ["[1, 2]", "A"],
    "atleast_1d": ["2.0", "A, 3"],
    "atleast_2d": ["V"],
    "atleast_3d": ["V", "A"],
    "average": ["A", "A, 1", "A, weights=P[:3], axis=1", "A, weights=abs(B), returned=True"],
    "bartlett": ["5"],
    "bincount": ["K", "K, V", "K, minlength=5"],
    "bitwise_and": ["I, J"],
    "bitwise_not": ["I"],
    "bitwise_or": ["I, J"],
    "bitwise_xor": ["I, 3"],
    "blackman": ["6"],
    "broadcast_arrays": ["A, V[:3], 2.0"],
    "broadcast_to": ["V, (2, 4)"],
    "cbrt": ["A", "I"],
    "ceil": ["A"],
    "choose": ["K, [V, 2 * V, 3 * V]", "[5, -1, 0, 1], [V, P], mode='wrap'", "[5, -1, 0, 1], [V, P], mode='clip'"],
    "clip": ["A, -0.5, 0.5", "I, 1, 3", "A, None, 0.0"],
    "column_stack": ["[V, P]", "[A, B]"],
    "concatenate": ["[A, B]", "[A, B], 1", "[A, V], None"],
    "convolve": ["V, P[:2]", "P[:2], V", "V, P[:3], 'same'", "V, P[:3], 'valid'", "[1, 2], [0, 1]", "V, 2.0"],
    "copysign": ["A, B", "I, -1.0"],
    "corrcoef": ["A", "A, B", "X[0], rowvar=False"],
    "correlate": ["V, P[:2]", "P[:2], V, 'full'", "V, P[:3], 'same'", "[1, 2, 3], [0, 1, 0.5]"],
    "cos": ["A", "I"],
    "cosh": ["A"],
    "count_nonzero": ["I", "I, axis=0", "T, axis=1, keepdims=True"],
    "cov": ["A", "A, B", "X[0], rowvar=False, ddof=0", "A, bias=True", "A, fweights=[1, 2, 3]", "A, aweights=P[:3]"],
    "cross": ["A, B", "A[:, :2], B[:, :2]", "A, B[:, :2]", "S, S.T, axisa=0, axisb=0, axisc=0"],
    "cumprod": ["A", "A, 1", "I"],
    "cumsum": ["A", "A, axis=0"],
    "deg2rad": ["A"],
    "diag": ["V", "S, 1"],
    "diag_indices": ["3", "2, 3"],
    "diagflat": ["V, 1"],
    "diagonal": ["S", "X, 1, 1, 2"],
    "diff": ["A", "A, 2", "A, axis=0", "V, prepend=[0.0]", "X, 2, 1, append=3.0", "X, prepend=X"],
    "digitize": ["V, [-1.0, 0.0, 1.0]", "V, [1.0, 0.25, -1.0], right=True"],
    "divide": ["A, B", "I, 2"],
    "divmod": ["I, 2", "A, P[:3]"],
    "dot": ["A, S", "V, P", "2.0, A", "X, X[0].T"],
    "dsplit": ["X, 2", "X, [1, 3]"],
    "dstack": ["[A, B]"],
    "ediff1d": ["A", "V, to_end=[9.0]", "V, [9.0], to_begin=[7.0, 8.0]"],
    "empty_like": [],
    "equal": ["A, A", "I, 3"],
    "exp": ["A"],
    "exp2": ["A"],
    "expand_dims": ["A, 1", "A, -1"],
    "expm1": ["A"],
    "eye": ["3", "2, 3", "3, k=1"],
    "fabs": ["A"],
    "fix": ["A"],
    "flip": ["A", "A, 0", "A, (0, 1)"],
    "fliplr": ["A"],
    "flipud": ["A"],
    "float_power": ["P, 2"],
    "floor": ["A"],
    "floor_divide": ["I, 2", "A, B"],
    "fmod": ["A, B", "I, -2"],
    "full": ["(2, 3), 7", "3, 1.5", "(2, 4), [1.0, 2.0, 3.0, 4.0]"],
    "full_like": ["A, 2.5", "I, 3", "A, 2, shape=(2,)"],
    "gcd": ["I, J"],
    "geomspace": ["1, 64, 7", "-2.0, -16.0, 4", "1, 64, 6, endpoint=False"],
    "gradient": ["V", "V, 2.0", "S", "S, axis=1", "V, edge_order=2", "V, [0.0, 1.0, 3.0, 4.0]"],
    "greater": ["A, B"],
    "greater_equal": ["I, J"],
    "hamming": ["5"],
    "hanning": ["5"],
    "heaviside": ["[-1.0, 0.0, 2.0], 0.5"],
    "histogram": ["V", "V, 4", "A, [-1.0, 0.0, 1.0]", "V, 3, (0.0, 2.0)", "V, 3, weights=P", "V, 4, density=True"],
    "histogram2d": ["V, P", "V, P, bins=3", "V, P, bins=(2, 3), density=True", "V, P, 2, weights=P"],
    "histogram_bin_edges": ["V", "V, 4", "V, 3, (0.0, 3.0)"],
    "histogramdd": ["S", "S, bins=(2, 3, 2)", "[V, P], 2"],
    "hsplit": ["A, 3", "V, 2", "V, [1]"],
    "hstack": ["[A, B]", "[V, P]"],
    "hypot": ["A, B"],
    "identity": ["3"],
    "in1d": ["K, [2, 5]", "K, [2], invert=True"],
    "indices": ["(2, 3)", "(2, 3), sparse=True"],
    "inner": ["A, B", "V, P", "2.0, V"],
    "interp": ["[-1.0, 0.5, 1.5, 4.0], [0.0, 1.0, 3.0], [2.0, 4.0, -1.0]", "V, [0.0, 1.0], [5.0, 6.0], -7.0, 7.0"],
    "intersect1d": ["K, [2, 1, 7]", "[3, 1, 2], [2, 3], return_indices=True"],
    "invert": ["I", "T"],
    "isclose": ["A, A + 1e-7", "N, N", "N, N, equal_nan=True"],
    "isfinite": ["N"],
    "isin": ["I, [3, 5]", "I, [3], invert=True"],
    "isinf": ["[1.0, float('inf')]"],
    "isnan": ["N"],
    "isneginf": ["[1.0, -float('inf')]"],
    "isposinf": ["[1.0, float('inf')]"],
    "isscalar": ["1.5", "[1]", "A", "'text'"],
    "ix_": ["[0, 2], [1]"],
    "kron": ["A, S", "V, P"],
    "lcm": ["I, J"],
    "less": ["A, B"],
    "less_equal": ["A, B"],
    "linspace": [
        "0, 1, 5",
        "2.0, 3.0, 4, endpoint=False",
        "[1.0, 2.0], [3.0, 6.0], 3, axis=1",
        "0, 3, 4, retstep=True",
    ],
    "log": ["P"],
    "log10": ["P"],
    "log1p": ["P"],
    "log2": ["P"],
    "logaddexp": ["A, B"],
    "logaddexp2": ["A, B"],
    "logical_and": ["A, T"],
    "logical_not": ["I"],
    "logical_or": ["I, T"],
    "logical_xor": ["I, T"],
    "logspace": ["0, 2, 5", "0, 2, 4, base=2.0", "0, 1, 3, endpoint=False"],
    "matmul": ["A, S", "V, P"],
    "matrix_power": [],
    "max": ["A", "A, 0"],
    "maximum": ["A, B", "I, 2"],
    "mean": ["A", "A, 1", "A, axis=0, keepdims=True", "I"],
    "meshgrid": ["V, K", "V, K, indexing='ij'", "V, K, P, sparse=True"],
    "min": ["A", "A, 0, initial=-5.0"],
    "minimum": ["A, B"],
    "mod": ["I, 2", "A, B"],
    "moveaxis": ["X, 0, -1", "X, (0, 1), (2, 0)"],
    "multiply": ["A, B", "I, 2"],
    "nancumsum": ["N", "N, 1"],
    "nanmax": ["N", "N, 1"],
    "nanmean": ["N", "N, 1"],
    "nanmin": ["N", "N, 0, keepdims=True"],
    "nanstd": ["N", "N, 1, ddof=0", "[1.0, np.nan, -np.inf, np.inf]"],
    "nansum": ["N", "N, 0"],
    "nanvar": ["N", "N, 1", "N, ddof=1", "[[1.0, np.nan, np.inf], [1.0, np.nan, 3.0]], 1"],
    "negative": ["A", "I"],
    "not_equal": ["A, B"],
    "ones": ["(2, 3)", "2"],
    "ones_like": ["A", "I", "A, shape=(4,)"],
    "outer": ["V, P", "A, V"],
    "pad": [
        "A, 1",
        "A, ((1, 2), (0, 1))",
        "V, (2, 1), constant_values=(7.0, 8.0)",
        "A, 1, mode='edge'",
        "V, (3, 2), mode='reflect'",
        "V, (2, 3), mode='symmetric'",
        "A, ((0, 1), (2, 0)), mode='wrap'",
        "X, ((0, 1), (2, 0), (1, 3)), mode='mean'",
        "X, 2, mode='maximum', stat_length=2",
        "V, (1, 2), mode='minimum', stat_length=((1, 3),)",
        "X, 1, mode='median', stat_length=3",
        "I, 2, mode='mean'",
        "A, ((2, 3), (0, 1)), mode='linear_ramp', end_values=((5.0, -4.0), (1.0, 2.0))",
    ],
    "piecewise": ["V, [V < 0, V > 1], [-1.0, 1.0]", "V, [V < 0], [lambda v: -v, lambda v: v * 10]"],
    "polyadd": ["[1, 2], [3, 4, 5]"],
    "polyder": ["V", "V, 2"],
    "polyint": ["V", "V, 2, [1.0, 2.0]"],
    "polymul": ["[1, 2], [3, 4, 5]"],
    "polysub": ["[1, 2], [3, 4, 5]"],
    "polyval": ["V, P", "[1, 2], 3"],
    "positive": ["A"],
    "power": ["P, 2", "I, 2"],
    "ptp": ["A", "A, 1"],
    "rad2deg": ["A"],
    "radians": ["A"],
    "ravel": ["A"],
    "ravel_multi_index": ["([1, 0], [2, 1]), (2, 3), mode='clip'", "([1, 0], [2, 1]), (2, 3), order='F'"],
    "reciprocal": ["P"],
    "remainder": ["A, B", "I, -2"],
    "repeat": ["A, 2", "A, 2, 1", "V, [1, 0, 2, 1]"],
    "reshape": ["A, (3, 2)", "A, -1"],
    "rint": ["A", "[0.5, 1.5, 2.5]"],
    "around": ["A, 1"],
    "roll": ["A, 1", "A, 1, 1", "A, (1, 2), (0, 1)", "A, (-2, -3), 1", "A, 1, (0, 1)"],
    "rollaxis": ["X, 2", "X, 0, 2", "X, 1, 3", "X, -1, -2"],
    "rot90": ["A", "A, 2", "X, 1, (1, 2)"],
    "searchsorted": [
        "[-1.0, 0.0, 1.0], V",
        "[-1.0, 0.0, 1.0], [0.0], side='right'",
        "[3.0, 1.0], [2.0], sorter=[1, 0]",
    ],
    "select": ["[A < 0, A < 0.5], [A, 10 * A], 7.0"],
    "setdiff1d": ["K, [2]", "[3, 1, 2, 5], [2], assume_unique=True"],
    "sign": ["A", "I"],
    "signbit": ["A"],
    "sin": ["A", "I"],
    "sinh": ["A"],
    "size": ["A", "X, 1"],
    "split": ["V, 2", "A, [1], 1"],
    "sqrt": ["P", "J"],
    "square": ["A", "I"],
    "squeeze": ["A[None]", "A[None, :, None], 0"],
    "stack": ["[A, B]", "[A, B], 2"],
    "std": ["A", "A, 1, ddof=1", "I"],
    "subtract": ["A, B"],
    "sum": ["A", "A, 1", "I", "A, axis=0, keepdims=True, initial=5.0"],
    "swapaxes": ["X, 0, 2"],
    "take": ["A, [[0, 5]]", "A, [1, 0], 1", "V, [9, -3], mode='clip'", "V, [9, -3], mode='wrap'"],
    "take_along_axis": ["A, I % 3, 1"],
    "tan": ["A"],
    "tanh": ["A"],
    "tensordot": ["X, X, 3", "A, S, ([1], [0])"],
    "tile": ["A, 2", "A, (2, 1, 2)"],
    "trace": ["S", "S, 1", "X, 0, 1, 2"],
    "transpose": ["A", "X, (2, 0, 1)"],
    "tri": ["3", "2, 4, 1"],
    "tril": ["S", "S, -1"],
    "tril_indices": ["3", "3, 1, 4"],
    "tril_indices_from": ["S", "S, -1"],
    "triu": ["S", "S, 1"],
    "triu_indices": ["3", "3, -1, 4"],
    "triu_indices_from": ["S"],
    "true_divide": ["A, B"],
    "trunc": ["A"],
    "unique": ["K", "K, return_inverse=True", "A"],
    "unravel_index": ["[3, 5], (2, 3)", "[3, 5], (2, 3), order='F'"],
    "unwrap": ["[0.0, 3.0, 7.0, -1.0]", "5 * X, axis=0"],
    "vander": ["V", "V, 2", "[1, 2], increasing=True"],
    "var": ["A", "A, axis=0, ddof=1, keepdims=True"],
    "vsplit": ["A, 2"],
    "vstack": ["[A, B]", "[V, P]"],
    "where": ["T, A, B", "A > 0, A, 0.0", "T"],
    "zeros": ["(2, 3)"],
    "zeros_like": ["A", "I, shape=(2,)"],
}

# Those that NumPy has under another name or not at all: what they are called with, and the value in NumPy's words.
OWN = {
    "array_str(V)": "str(V)",
    "asfarray([1, 2])": "np.array([1.0, 2.0], np.float32)",
    "bincount(K, length=2)": "np.array([1.0, 1.0])",
    "copy(A)": "A",
    "asarray([1, 2], float).dtype": "adcore.float32",
    "zeros(2, 'int').dtype": "adcore.int32",
    "ones(2, 'int16').dtype": "adcore.int16",
    "sum(I, dtype='float64')": "np.sum(I, dtype='float64')",
    "randn(2, dtype='int32').dtype": "adcore.int32",
    "promote_types(int, 'float16')": "adcore.float16",
    "result_type('?', True, adcore.uint8)": "adcore.uint8",
    "cumsum(T, dtype=int).dtype": "adcore.int32",
    "cumsum(A, 1, adcore.float64)": "np.cumsum(A, 1, np.float64)",
    "empty((2, 3)).shape": "(2, 3)",
    "empty_like(A).shape": "(2, 3)",
    "matrix_power(S, 3)": "np.linalg.matrix_power(S, 3)",
    "mean(I, dtype=adcore.float64)": "np.mean(I, dtype=np.float64)",
    "mgrid[0:3, 1:5:2]": "np.mgrid[0:3, 1:5:2]",
    "mgrid[0:3]": "np.mgrid[0:3]",
    "multi_dot([A, S, S])": "np.linalg.multi_dot([A, S, S])",
    "norm(A)": "np.linalg.norm(A)",
    "norm(A, axis=1)": "np.linalg.norm(A, axis=1)",
    "norm(S, 1, keepdims=True)": "np.linalg.norm(S, 1, keepdims=True)",
    "ogrid[0:3, 0:2]": "np.ogrid[0:3, 0:2]",
    "promote_types(adcore.int32, adcore.float16)": "adcore.float16",
    "rand(2, 3).shape": "(2, 3)",
    "randint(5, shape=(3,)).dtype": "adcore.int32",
    "randint(5, 6, (3,))": "np.full(3, 5)",
    "randn(2, 3, dtype=adcore.float64).dtype": "adcore.float64",
    "result_type(I, 2.0, adcore.int8)": "adcore.float32",
    "sometrue(T, axis=0)": "np.any(T, axis=0)",
    "sum(I, dtype=adcore.float32)": "np.sum(I, dtype=np.float32)",
    "trapz(V)": "(V[1:] + V[:-1]).sum() / 2",
    "trapz(A, axis=0, dx=0.5)": "(A[1:] + A[:-1]).sum(0) / 4",
    "trapz(V, [0.0, 1.0, 3.0, 4.0])": "((V[1:] + V[:-1]) / 2 * [1, 2, 1]).sum()",
}
CONSTANTS = {"PINF": np.inf, "NINF": -np.inf, "inf": np.inf, "nan": np.nan, "pi": np.pi}


def check(made, expected):
    if isinstance(expected, (list, tuple)) and not isinstance(made, Tensor):
        assert len(made) == len(expected)
        for m, e in zip(made, expected):
            check(m, e)
    elif isinstance(expected, (np.ndarray, np.generic)):
        values = made.asnumpy() if isinstance(made, Tensor) else np.asarray(made)
        assert values.shape == expected.shape
        # Counts are floats here; everything else is of NumPy's kind.
        if not (expected.dtype.kind == "i" and values.dtype.kind == "f"):
            assert values.dtype.kind == expected.dtype.kind
        np.testing.assert_allclose(values, expected, rtol=2e-5, atol=2e-6)
    elif isinstance(made, Tensor):
        check(made, np.asarray(expected))
    else:
        assert made == expected


def evaluated(expression, module, names):
    return eval(expression, {"adcore": adcore, "np": module, "mnp": module, **names})


TENSORS = {name: Tensor(value) for name, value in ARRAYS.items()}


@pytest.mark.parametrize("call", [f"{name}({args})" for name, samples in SAME.items() for args in samples])
def test_as_numpy(call):
    name = call.split("(")[0]
    if name == "in1d":
        expected = evaluated(f"np.isin{call[4:]}", np, ARRAYS)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an empty slice
            expected = evaluated(f"np.{call}", np, ARRAYS)
    check(evaluated(f"mnp.{call}", mnp, TENSORS), expected)


@pytest.mark.parametrize("call", OWN)
def test_names_that_numpy_has_not(call):
    check(evaluated(f"mnp.{call}", mnp, TENSORS), evaluated(OWN[call], np, ARRAYS))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "int64"])
@pytest.mark.parametrize("name", ["cumsum", "cumprod", "nancumsum", "sum", "nansum", "nanmax", "nanmin"])
def test_small_ints_do_not_overflow(name, dtype):
    array = np.array([100, 100, 2]).astype(dtype)
    made = getattr(mnp, name)(Tensor(array)).asnumpy()
    np.testing.assert_array_equal(made, getattr(np, name)(array))
    assert made.dtype.kind in "iu" or (dtype, name[:4]) in (("bool", "nanm"),)


def test_nan_names_keep_ints_that_float32_cannot_hold():
    array = np.array([2**24 + 1, 2], np.int64)
    assert int(mnp.nanmax(Tensor(array))) == 2**24 + 1
    assert int(mnp.nansum(Tensor(array))) == 2**24 + 3
    assert mnp.nancumsum(Tensor(array)).tolist() == [2**24 + 1, 2**24 + 3]


def test_every_name_has_a_sample():
    sampled = {name for name, samples in SAME.items() if samples} | {call.split("(")[0].split("[")[0] for call in OWN}
    dtypes = {"float_", "int_", "uint", *mnp.numeric_types}
    assert set(mnp.__all__) == sampled | dtypes | set(CONSTANTS) | {"numeric_types"}
    for name, value in CONSTANTS.items():
        np.testing.assert_equal(getattr(mnp, name), value)
    assert {str(getattr(mnp, name)).lower().rstrip("_") for name in mnp.numeric_types} >= {"float64", "uint8", "bool"}


@pytest.mark.parametrize(
    "expression",
    [
        "mnp.interp(v, [-2.0, 0.0, 1.0, 3.0], v * v)",
        "mnp.choose([2, 0, 1, 2], [v, 2 * v, v * v])",
        "mnp.select([v < 0, v > 1], [v * v, 3 * v], v)",
        "mnp.pad(v, (2, 1), mode='reflect') * 2",
        "mnp.pad(v, 1)",
        "mnp.unique(v) * mnp.arange(4)",
        "mnp.intersect1d(v, v[1:]) * [1.0, 2.0, 3.0]",
        "mnp.convolve(v, v[:3])",
        "mnp.correlate(v, v[:2])",
        "mnp.cov(v.reshape(2, 2))",
        "mnp.piecewise(v, [v < 0], [lambda t: t * t, lambda t: t * 3])",
        "mnp.apply_along_axis(lambda t: t * t.sum(), 0, v.reshape(2, 2))",
        "mnp.take(v, [3, 3, 9])",
        "mnp.polyval(v, v)",
        "mnp.polyint(v, 2)",
        "mnp.nanvar(v)",
        "mnp.average(v, weights=v * v)",
        "mnp.cross(v[:3], v[1:])",
        "mnp.unwrap(v * 5)",
        "mnp.vander(v, 3)",
        "mnp.ediff1d(v, to_end=v[:1])",
        "mnp.linspace(v[0], v[1], 5)",
        "mnp.geomspace(v[2], v[3], 4)",
        "mnp.amax(v, initial=0.0)",
        "mnp.array([v[0], v[2] * 2])",
    ],
)
def test_derivatives_go_through(expression):
    function = eval(f"lambda v: (mnp.asarray({expression}) * 1.5).sum()", {"mnp": mnp})
    at = np.array([0.5, -1.3, 2.0, 0.25])
    gradient = adcore.grad(function)(Tensor(at)).asnumpy()
    step = 1e-6
    for i in range(4):
        low, high = at.copy(), at.copy()
        low[i] -= step
        high[i] += step
        slope = (float(function(Tensor(high))) - float(function(Tensor(low)))) / (2 * step)
        np.testing.assert_allclose(gradient[i], slope, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: mnp.array("text"), TypeError, "expected a Tensor, a number or a list of them, got str"),
        (lambda: mnp.array([[1, 2], [3]]), Exception, "rectangular|inhomogeneous"),
        (lambda: mnp.add({}, 1), TypeError, "got dict"),
        (lambda: mnp.split(mnp.arange(5), 2), ValueError, "split: an axis of size 5 cannot be cut into 2 equal parts"),
        (lambda: mnp.pad(mnp.arange(5), 1, mode="means"), ValueError, "pad: there is no mode 'means'"),
        (lambda: mnp.pad(mnp.arange(5), 1, "reflect", reflect_type="odd"), NotImplementedError, "reflect_type 'odd'"),
        (lambda: mnp.pad(mnp.arange(5), 1, lambda *a: None), NotImplementedError, "not a function"),
        (lambda: mnp.take(mnp.arange(3), [5], mode="raise"), ValueError, "take: an index is out of range"),
        (lambda: mnp.take(mnp.arange(3), [0], mode="x"), ValueError, "mode must be 'clip', 'wrap' or 'raise'"),
        (lambda: mnp.max(TENSORS["A"], where=TENSORS["T"]), ValueError, "max: where needs initial"),
        (lambda: mnp.convolve([1], [1], "x"), ValueError, "convolve: mode must be"),
        (lambda: mnp.convolve([[1]], [1]), ValueError, "convolve: expected two vectors"),
        (lambda: mnp.cross(TENSORS["V"], TENSORS["V"]), ValueError, "cross: vectors must have 2 or 3 elements"),
        (lambda: mnp.select([True], [1, 2]), ValueError, "select: there are 1 conditions, but 2 choices"),
        (lambda: mnp.meshgrid([1], [2], sparse=True, indexing="zz"), ValueError, "indexing must be 'xy' or 'ij'"),
        (lambda: mnp.unravel_index([1], (2,), order="A"), ValueError, "order must be 'C' or 'F'"),
        (lambda: mnp.average(TENSORS["A"], weights=TENSORS["V"]), TypeError, "need an axis"),
    ],
)
def test_what_does_not_fit_is_told(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_ints_that_32_bits_cannot_hold_keep_64():
    large = 2**40 + 1
    assert mnp.array([large, 1]).tolist() == [large, 1]
    assert mnp.full((2,), -large).tolist() == [-large] * 2
    assert mnp.arange(large, large + 2).tolist() == [large, large + 1]
    assert mnp.array([2**31 - 1]).dtype is adcore.int32
