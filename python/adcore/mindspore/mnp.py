"""``mindspore.numpy``: NumPy's names over adcore's functions.

A row of `_ROWS` says what a name calls; names that take more than a call are in mnp_parts.py. Where MindSpore 2.10
rounds a mean of ints, or the sign that `copysign` gives to an int, to an int, this gives the float that NumPy gives.
"""

import math

import numpy as np

import adcore
from adcore import float32, int32, int64, ops

from . import mnp_parts as parts
from .mnp_parts import cast as _cast
from .mnp_parts import floating as _f
from .mnp_parts import kind as _kind
from .mnp_parts import tensor as _t
from .named import named

numeric_types = [
    *("int_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float_", "float16", "float32", "float64", "bool_"),
]
_CONSTANTS = {
    **{name: getattr(adcore, {"int_": "int32", "float_": "float32"}.get(name, name)) for name in numeric_types},
    "uint": adcore.uint32,
    "inf": math.inf,
    "PINF": math.inf,
    "NINF": -math.inf,
    "nan": math.nan,
    "pi": math.pi,
    "mgrid": parts.mgrid,
    "ogrid": parts.ogrid,
    "numeric_types": numeric_types,
}


def _of_one(op):
    return lambda x, dtype=None: _cast(op(_t(x)), dtype)


def _of_two(op):
    return lambda x1, x2, dtype=None: _cast(op(_t(x1), _t(x2)), dtype)


# Names that are adcore's too.
_OF_ONE = (
    "abs absolute arccos arccosh arcsin arcsinh arctan arctanh bitwise_not ceil cos cosh deg2rad exp exp2 expm1 floor "
    "isfinite isinf isnan log log10 log1p log2 logical_not negative positive rad2deg reciprocal sign signbit sin sinh "
    "sqrt square tan tanh trunc"
).split()
_OF_TWO = (
    "add arctan2 bitwise_and bitwise_or bitwise_xor copysign divide equal float_power floor_divide fmod gcd greater "
    "greater_equal heaviside hypot lcm less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor matmul "
    "maximum minimum not_equal remainder"
).split()

_ROWS = {
    **{name: _of_one(getattr(ops, name)) for name in _OF_ONE},
    **{name: _of_two(getattr(ops, name)) for name in _OF_TWO},
    # ---- of one array, or two, under another name
    "cbrt": _of_one(lambda x: ops.sign(_f(x)) * ops.pow(ops.abs(_f(x)), 1 / 3)),
    "fabs": _of_one(ops.abs),
    "fix": lambda x: ops.trunc(_f(x)),
    "invert": _of_one(ops.bitwise_not),
    "isneginf": lambda x: ops.isneginf(_t(x)),
    "isposinf": lambda x: ops.isposinf(_t(x)),
    "radians": _of_one(ops.deg2rad),
    "rint": _of_one(ops.round),
    "around": lambda a, decimals=0: ops.round(_t(a), decimals=decimals),
    "divmod": lambda x1, x2, dtype=None: (
        _cast(ops.floor_divide(_t(x1), _t(x2)), dtype),
        _cast(ops.remainder(_t(x1), _t(x2)), dtype),
    ),
    "mod": _of_two(ops.remainder),
    "multiply": _of_two(ops.mul),
    "power": _of_two(ops.pow),
    "subtract": _of_two(ops.sub),
    "true_divide": _of_two(ops.divide),
    "clip": lambda x, xmin, xmax, dtype=None: _cast(
        ops.clamp(_t(x), *(None if v is None else _t(v) for v in (xmin, xmax))), dtype
    ),
    "isclose": lambda a, b, rtol=1e-05, atol=1e-08, equal_nan=False: ops.isclose(_t(a), _t(b), rtol, atol, equal_nan),
    "where": lambda condition, x=None, y=None: (
        ops.where(_t(condition)) if x is None and y is None else ops.where(_t(condition), _t(x), _t(y))
    ),
    # ---- making arrays
    "array": parts.array,
    "asarray": lambda a, dtype=None: parts.array(a, dtype, copy=False),
    "asfarray": lambda a, dtype=float32: parts.array(a, dtype or float32, copy=False),
    "copy": lambda a: _t(a).copy(),
    "arange": parts.arange,
    "linspace": parts.linspace,
    "logspace": parts.logspace,
    "geomspace": parts.geomspace,
    "empty": lambda shape, dtype=float32: ops.zeros(shape, _kind(dtype)),
    "zeros": lambda shape, dtype=float32: ops.zeros(shape, _kind(dtype)),
    "ones": lambda shape, dtype=float32: ops.ones(shape, _kind(dtype)),
    "full": parts.full,
    "empty_like": lambda prototype, dtype=None, shape=None: parts.like(prototype, 0, dtype, shape),
    "zeros_like": lambda a, dtype=None, shape=None: parts.like(a, 0, dtype, shape),
    "ones_like": lambda a, dtype=None, shape=None: parts.like(a, 1, dtype, shape),
    "full_like": lambda a, fill_value, dtype=None, shape=None: parts.full(
        parts.like(a, 0, None, shape).shape, fill_value, _kind(dtype) or _t(a).dtype
    ),
    "eye": parts.eye,
    "identity": lambda n, dtype=float32: parts.eye(n, dtype=dtype),
    "tri": parts.tri,
    "tril": lambda m, k=0: ops.tril(_t(m), k),
    "triu": lambda m, k=0: ops.triu(_t(m), k),
    "tril_indices": parts.tril_indices,
    "triu_indices": parts.triu_indices,
    "tril_indices_from": lambda arr, k=0: parts.tril_indices(_t(arr).shape[0], k, _t(arr).shape[1]),
    "triu_indices_from": lambda arr, k=0: parts.triu_indices(_t(arr).shape[0], k, _t(arr).shape[1]),
    "diag_indices": parts.diag_indices,
    "indices": parts.indices,
    "ix_": parts.ix_,
    "vander": parts.vander,
    "bartlett": parts.window("bartlett"),
    "blackman": parts.window("blackman"),
    "hamming": parts.window("hamming"),
    "hanning": parts.window("hanning"),
    "diag": lambda v, k=0: ops.diag(_t(v), k),
    "diagflat": lambda v, k=0: ops.diagflat(_t(v), k),
    "meshgrid": lambda *xi, sparse=False, indexing="xy": (
        _open_mesh(xi, indexing) if sparse else list(ops.meshgrid(*[_t(x).ravel() for x in xi], indexing=indexing))
    ),
    "rand": lambda *shape, dtype=float32: _cast(ops.rand(*shape), dtype),
    "randn": lambda *shape, dtype=float32: _cast(ops.randn(*shape), dtype),
    "randint": parts.randint,
    # ---- shapes
    "append": parts.append,
    "array_split": lambda x, indices_or_sections, axis=0: parts.split(
        x, indices_or_sections, axis, "array_split", equal=False
    ),
    "atleast_1d": lambda *arys: _each(ops.atleast_1d, arys),
    "atleast_2d": lambda *arys: _each(ops.atleast_2d, arys),
    "atleast_3d": lambda *arys: _each(ops.atleast_3d, arys),
    "broadcast_arrays": parts.broadcast_arrays,
    "broadcast_to": lambda array, shape: ops.broadcast_to(_t(array), shape),
    "column_stack": lambda tup: ops.column_stack([_t(a) for a in tup]),
    "concatenate": lambda arrays, axis=0: (
        ops.cat([_t(a).ravel() for a in arrays], 0) if axis is None else ops.cat([_t(a) for a in arrays], axis)
    ),
    "dsplit": lambda x, indices_or_sections: parts.split(x, indices_or_sections, 2, "dsplit"),
    "dstack": lambda tup: ops.dstack([_t(a) for a in tup]),
    "expand_dims": lambda a, axis: ops.expand_dims(_t(a), axis),
    "flip": lambda m, axis=None: ops.flip(_t(m), tuple(range(_t(m).ndim)) if axis is None else axis),
    "fliplr": lambda m: ops.fliplr(_t(m)),
    "flipud": lambda m: ops.flipud(_t(m)),
    "hsplit": lambda x, indices_or_sections: parts.split(x, indices_or_sections, 0 if _t(x).ndim == 1 else 1, "hsplit"),
    "hstack": lambda tup: ops.hstack([_t(a) for a in tup]),
    "moveaxis": lambda a, source, destination: ops.moveaxis(_t(a), source, destination),
    "pad": parts.pad,
    "ravel": lambda x: _t(x).ravel(),
    "repeat": lambda a, repeats, axis=None: ops.repeat_interleave(_t(a), repeats, axis),
    "reshape": lambda x, new_shape: _t(x).reshape(new_shape),
    "roll": parts.roll,
    "rollaxis": parts.rollaxis,
    "rot90": lambda a, k=1, axes=(0, 1): ops.rot90(_t(a), k, axes),
    "size": parts.size,
    "split": parts.split,
    "squeeze": lambda a, axis=None: ops.squeeze(_t(a), axis),
    "stack": lambda arrays, axis=0: ops.stack([_t(a) for a in arrays], axis),
    "swapaxes": lambda x, axis1, axis2: ops.swapaxes(_t(x), axis1, axis2),
    "tile": lambda a, reps: ops.tile(_t(a), (reps,) if isinstance(reps, int) else tuple(reps)),
    "transpose": parts.transpose,
    "vsplit": lambda x, indices_or_sections: parts.split(x, indices_or_sections, 0, "vsplit"),
    "vstack": lambda tup: ops.vstack([_t(a) for a in tup]),
    # ---- choosing elements
    "apply_along_axis": parts.apply_along_axis,
    "apply_over_axes": parts.apply_over_axes,
    "argwhere": lambda a: ops.argwhere(_t(a)),
    "choose": parts.choose,
    "diagonal": lambda a, offset=0, axis1=0, axis2=1: ops.diagonal(_t(a), offset, axis1, axis2),
    "in1d": lambda ar1, ar2, invert=False: ops.isin(_t(ar1).ravel(), _t(ar2), invert=invert),
    "intersect1d": parts.intersect1d,
    "isin": lambda element, test_elements, invert=False: ops.isin(_t(element), _t(test_elements), invert=invert),
    "piecewise": parts.piecewise,
    "searchsorted": lambda a, v, side="left", sorter=None: ops.searchsorted(
        _t(a), _t(v), side=side, sorter=None if sorter is None else _t(sorter).astype(int64)
    ).astype(int32),
    "select": parts.select,
    "setdiff1d": parts.setdiff1d,
    "take": parts.take,
    "take_along_axis": lambda arr, indices, axis: ops.take_along_dim(_t(arr), _t(indices), axis),
    "unique": parts.unique,
    "unravel_index": lambda indices, shape, order="C": _unravelled(indices, shape, order),
    # ---- reductions
    "amax": parts.extreme("max"),
    "amin": parts.extreme("min"),
    "argmax": lambda a, axis=None: ops.argmax(_t(a), axis),
    "argmin": lambda a, axis=None: ops.argmin(_t(a), axis),
    "average": parts.average,
    "count_nonzero": lambda x, axis=None, keepdims=False: ops.count_nonzero(_t(x), axis, keepdims, int32),
    "cumprod": parts.scan(ops.cumprod),
    "cumsum": parts.scan(ops.cumsum),
    "max": parts.extreme("max"),
    "mean": lambda a, axis=None, keepdims=False, dtype=None: ops.mean(_cast(_t(a), dtype), axis, keepdims),
    "min": parts.extreme("min"),
    "nancumsum": parts.scan(ops.cumsum, parts.without_nan),
    "nanmax": parts.nan_extreme("max"),
    "nanmean": lambda a, axis=None, dtype=None, keepdims=False: _cast(
        ops.nanmean(_f(a), axis=axis, keepdims=keepdims), dtype
    ),
    "nanmin": parts.nan_extreme("min"),
    "nanstd": parts.nanstd,
    "nansum": lambda a, axis=None, dtype=None, keepdims=False: ops.sum(
        parts.without_nan(a), axis, keepdims, dtype=_kind(dtype)
    ),
    "nanvar": parts.nanvar,
    "norm": lambda x, ord=None, axis=None, keepdims=False: ops.norm(_f(x), ord, axis, keepdims),
    "ptp": lambda x, axis=None, keepdims=False: ops.ptp(_t(x), axis, keepdims),
    "sometrue": lambda a, axis=None, keepdims=False: ops.any(_t(a), axis, bool(keepdims)),
    "std": lambda x, axis=None, ddof=0, keepdims=False: ops.std(_f(x), axis, ddof, keepdims),
    "sum": lambda a, axis=None, dtype=None, keepdims=False, initial=None: (
        ops.sum(_t(a), axis, keepdims, dtype=_kind(dtype)) + (0 if initial is None else initial)
    ),
    "trapz": lambda y, x=None, dx=1.0, axis=-1: ops.trapz(_f(y), None if x is None else _f(x), dx=dx, dim=axis),
    "var": lambda x, axis=None, ddof=0, keepdims=False: ops.var(_f(x), axis, ddof, keepdims),
    # ---- products of arrays
    "cross": parts.cross,
    "dot": lambda a, b: _contracted(ops.dot, a, b),
    "inner": lambda a, b: _contracted(ops.inner, a, b),
    "kron": lambda a, b: ops.kron(_t(a), _t(b)),
    "matrix_power": lambda a, n: ops.matrix_power(_t(a), n),
    "multi_dot": lambda arrays: ops.multi_dot([_t(a) for a in arrays]),
    "outer": lambda a, b: ops.outer(_t(a).ravel(), _t(b).ravel()),
    "tensordot": lambda a, b, axes=2: ops.tensordot(_t(a), _t(b), axes),
    "trace": lambda a, offset=0, axis1=0, axis2=1, dtype=None: ops.trace(
        _t(a), offset, axis1, axis2, dtype=_kind(dtype)
    ),
    # ---- statistics, signals, polynomials
    "bincount": lambda x, weights=None, minlength=0, length=None: (
        ops.bincount(_t(x), None if weights is None else _t(weights), minlength if length is None else length)
    )[:length].astype(float32),
    "convolve": parts.convolve,
    "corrcoef": parts.corrcoef,
    "correlate": parts.correlate,
    "cov": parts.cov,
    "diff": parts.diff,
    "digitize": parts.digitize,
    "ediff1d": parts.ediff1d,
    "gradient": parts.gradient,
    "histogram": lambda a, bins=10, range=None, weights=None, density=False: _counted(
        *ops.histogram(
            _t(a).ravel(),
            bins if isinstance(bins, int) else _f(bins),
            range,
            weights=None if weights is None else _t(weights).ravel(),
            density=density,
        )
    ),
    "histogram2d": parts.histogram2d,
    "histogram_bin_edges": parts.histogram_bin_edges,
    "histogramdd": parts.histogramdd,
    "interp": parts.interp,
    "polyadd": parts.polyadd,
    "polyder": parts.polyder,
    "polyint": parts.polyint,
    "polymul": parts.polymul,
    "polysub": parts.polysub,
    "polyval": parts.polyval,
    "ravel_multi_index": parts.ravel_multi_index,
    "unwrap": parts.unwrap,
    # ---- what arrays are
    "array_equal": parts.array_equal,
    "array_equiv": parts.array_equiv,
    "array_str": lambda a: str(_t(a)),
    "isscalar": lambda element: isinstance(element, (bool, int, float, complex, str, np.generic)),
    "promote_types": parts.promote_types,
    "result_type": parts.result_type,
}


def _each(op, arrays):
    made = [op(_t(a)) for a in arrays]
    return made[0] if len(made) == 1 else made


def _open_mesh(xi, indexing):
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}.")
    count, made = len(xi), []
    for i, x in enumerate(xi):
        axis = 1 - i if indexing == "xy" and i < 2 <= count else i
        made.append(_t(x).reshape(tuple(-1 if j == axis else 1 for j in range(count))))
    return made


def _contracted(op, a, b):
    a, b = _t(a), _t(b)
    return a * b if not a.ndim or not b.ndim else op(a, b)


def _unravelled(indices, shape, order):
    if order not in ("C", "F"):
        raise ValueError(f"unravel_index: order must be 'C' or 'F', got {order!r}.")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    made = ops.unravel_index(_t(indices).astype(int64), shape if order == "C" else shape[::-1])
    return tuple(made) if order == "C" else tuple(made)[::-1]


def _counted(counts, edges):
    return counts.astype(float32), edges


globals().update(named("mindspore.numpy", _ROWS), **_CONSTANTS)

__all__ = sorted({*_ROWS, *_CONSTANTS})
