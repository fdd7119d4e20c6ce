"""NumPy's functions on Tensors: ``np.exp(x)``, ``np.sum(x, axis=0)``, ``array @ x``, ``np.float64(2) * x``.

NumPy hands a call with a Tensor among its arguments to the Tensor (its protocols ``__array_ufunc__`` and
``__array_function__``). What is an op here becomes that op, so that derivatives pass; anything else is a TypeError,
since computing with the elements alone would lose them. Arrays beside a Tensor become constants, as with operators;
NumPy's scalars are numbers.

A ufunc is the op of its name, or of that in `_UFUNCS`; other functions, whose arguments have names and an order of
NumPy's own, stand in `_FUNCTIONS`. Start reading at `_array_function`.
"""

from adcore import _core
from adcore._core import Tensor
from adcore._ops import native
from adcore._ops.declare import composites

# NumPy's name of a ufunc: the op's.
_UFUNCS = {"fabs": "abs", "power": "pow", "rint": "round", "true_divide": "div"}


def _op(name):
    return composites.get(name) or _core.functions.get(name)


def _operand(value):
    """Return an array or a list as a Tensor; what is a Tensor or a number as it is."""
    if isinstance(value, Tensor) or _core.is_number(value):
        return value
    return Tensor(value) if isinstance(value, (list, tuple)) or _core.is_array(value) else value


def _rank(value):
    return getattr(_operand(value), "ndim", 0)


def _operands(values):
    return [_operand(value) for value in values]


# ---- functions whose arguments differ in more than their names ------------------------------------------------------


def _matmul(a, b):
    return Tensor.__matmul__(a, b) if isinstance(a, Tensor) else Tensor.__rmatmul__(b, a)


def _dot(a, b):
    if _rank(a) == 0 or _rank(b) == 0:
        return native.mul(_operand(a), _operand(b))
    if _rank(b) > 2:
        raise TypeError("np.dot: a Tensor on the right may have two axes at most; use ops.matmul.")
    return _matmul(a, b)


def _inner(a, b):
    if _rank(a) == 0 or _rank(b) == 0:
        return native.mul(_operand(a), _operand(b))
    if _rank(b) > 2:
        raise TypeError("np.inner: a Tensor on the right may have two axes at most; use ops.matmul.")
    return _matmul(a, _operand(b).T)


def _outer(a, b):
    return native.mul(native.reshape(_operand(a), (-1, 1)), native.reshape(_operand(b), (1, -1)))


def _transpose(a, axes=None):
    return a.T if axes is None else native.permute(a, tuple(axes))


def _squeeze(a, axis=None):
    return native.squeeze(a) if axis is None else native.squeeze(a, axis)


def _ravel(a):
    return native.reshape(a, (-1,))


def _clip(a, a_min=None, a_max=None, min=None, max=None):
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    return _op("clip")(_operand(a), _operand(low), _operand(high))


def _concatenate(arrays, axis=0):
    tensors = _operands(arrays)
    return native.concat([_ravel(t) for t in tensors], 0) if axis is None else native.concat(tensors, axis)


def _cumsum(a, axis=None, dtype=None):
    return native.cumsum(_ravel(a), 0, dtype) if axis is None else native.cumsum(a, axis, dtype)


def _flip(m, axis=None):
    return native.flip(m, tuple(range(m.ndim)) if axis is None else axis)


def _split(ary, indices_or_sections, axis=0):
    size = ary.shape[axis]
    if isinstance(indices_or_sections, int):
        parts = indices_or_sections
        if parts <= 0 or size % parts:
            raise ValueError(f"np.split: axis {axis} of size {size} has no {parts} equal parts.")
        return list(_op("split")(ary, size // parts if size else [0] * parts, axis))
    cuts = [0, *(min(max(cut + size if cut < 0 else cut, 0), size) for cut in indices_or_sections), size]
    return list(_op("split")(ary, [max(0, b - a) for a, b in zip(cuts, cuts[1:])], axis))


def _joined(name):
    return lambda tup: _core.functions[name](_operands(tup))


def _reduced(name):
    return lambda a, axis=None, keepdims=False: _op(name)(a, axis, keepdims)


def _quantile(name):
    def quantile(a, q, axis=None, method="linear", keepdims=False):
        q = [float(fraction) for fraction in q] if hasattr(q, "__len__") else q
        return _op(name)(_operand(a), q, axis, keepdims, interpolation=method)

    return quantile


def _median(a, axis=None, keepdims=False):
    return _op("quantile")(a, 0.5, axis, keepdims)


def _sort(a, axis=-1):
    return native.sort(_ravel(a), 0)[0] if axis is None else native.sort(a, axis)[0]


def _diff(a, n=1, axis=-1, prepend=None, append=None):
    return _op("diff")(_operand(a), n, axis, _operand(prepend), _operand(append))


def _cumprod(a, axis=None, dtype=None):
    return _op("cumprod")(*((_ravel(a), 0) if axis is None else (a, axis)), dtype)


def _trapezoid(y, x=None, dx=1.0, axis=-1):
    return _op("trapezoid")(_operand(y), _operand(x), dx=dx, dim=axis)


def _searchsorted(a, v, side="left", sorter=None):
    return native.searchsorted(_operand(a), _operand(v), side=side, sorter=_operand(sorter))


def _norm(x, ord=None, axis=None, keepdims=False):
    return _op("norm")(x, ord, axis, keepdims)


def _where(condition, x, y):
    return native.where(_operand(condition), _operand(x), _operand(y))


def _round(a, decimals=0):
    return a.__round__(decimals)


def _shape(a):
    return a.shape


def _ndim(a):
    return a.ndim


def _size(a, axis=None):
    return a.size if axis is None else a.shape[axis]


def _full_like(a, fill_value, dtype=None):
    return native.full_like(_operand(a), fill_value, dtype=dtype)


def _linspace(start, stop, num=50, dtype=None):
    own = start if isinstance(start, Tensor) else stop
    return native.linspace(start, stop, num, dtype=own.dtype if dtype is None else dtype)


# ---- the table ------------------------------------------------------------------------------------------------------

# NumPy's name: the function here, and NumPy's names of the arguments in its order; with a "!" what is not possible.
_FUNCTIONS = {
    "all": ("all", "a axis !out keepdims !where"),
    "amax": ("amax", "a axis !out keepdims !initial !where"),
    "amin": ("amin", "a axis !out keepdims !initial !where"),
    "any": ("any", "a axis !out keepdims !where"),
    "argmax": ("argmax", "a axis !out keepdims"),
    "argmin": ("argmin", "a axis !out keepdims"),
    "argsort": ("argsort", "a axis !kind !order !stable"),
    "argwhere": ("argwhere", "a"),
    "around": (_round, "a decimals !out"),
    "broadcast_to": (lambda array, shape: native.broadcast_to(array, shape), "array shape !subok"),
    "clip": (_clip, "a a_min a_max !out min max !dtype !where"),
    "concatenate": (_concatenate, "arrays axis !out dtype !casting"),
    "column_stack": (_joined("column_stack"), "tup"),
    "copy": (lambda a: a.copy(), "a !order !subok"),
    "count_nonzero": (_reduced("count_nonzero"), "a axis keepdims"),
    "cumprod": (_cumprod, "a axis dtype !out"),
    "cumsum": (_cumsum, "a axis dtype !out"),
    "diag": ("diag", "v k"),
    "diagonal": ("diagonal", "a offset axis1 axis2"),
    "diff": (_diff, "a n axis prepend append"),
    "dot": (_dot, "a b !out"),
    "dstack": (_joined("dstack"), "tup"),
    "expand_dims": ("expand_dims", "a axis"),
    "flip": (_flip, "m axis"),
    "fliplr": ("fliplr", "m"),
    "flipud": ("flipud", "m"),
    "full_like": (_full_like, "a fill_value dtype !order !subok !shape !device"),
    "hstack": (_joined("hstack"), "tup !dtype !casting"),
    "inner": (_inner, "a b"),
    "linalg.norm": (_norm, "x ord axis keepdims"),
    "linspace": (_linspace, "start stop num !endpoint !retstep dtype !axis !device"),
    "max": ("amax", "a axis !out keepdims !initial !where"),
    "mean": ("mean", "a axis dtype !out keepdims !where"),
    "median": (_median, "a axis !out !overwrite_input keepdims"),
    "min": ("amin", "a axis !out keepdims !initial !where"),
    "moveaxis": (lambda a, source, destination: native.movedim(a, source, destination), "a source destination"),
    "nanmean": ("nanmean", "a axis dtype !out keepdims !where"),
    "nanquantile": (_quantile("nanquantile"), "a q axis !out !overwrite_input method keepdims !weights"),
    "nansum": ("nansum", "a axis dtype !out keepdims !initial !where"),
    "ndim": (_ndim, "a"),
    "ones_like": ("ones_like", "a dtype !order !subok !shape !device"),
    "outer": (_outer, "a b !out"),
    "prod": ("prod", "a axis dtype !out keepdims !initial !where"),
    "ptp": (_reduced("ptp"), "a axis !out keepdims"),
    "quantile": (_quantile("quantile"), "a q axis !out !overwrite_input method keepdims !weights"),
    "ravel": (_ravel, "a !order"),
    "repeat": (lambda a, repeats, axis=None: _op("repeat_interleave")(a, repeats, axis), "a repeats axis"),
    "reshape": (lambda a, shape: native.reshape(a, shape), "a shape !order !copy"),
    "roll": (lambda a, shift, axis=None: native.roll(a, shift, axis), "a shift axis"),
    "rot90": (lambda m, k=1, axes=(0, 1): native.rot90(m, k, axes), "m k axes"),
    "round": (_round, "a decimals !out"),
    "searchsorted": (_searchsorted, "a v side sorter"),
    "shape": (_shape, "a"),
    "size": (_size, "a axis"),
    "sort": (_sort, "a axis !kind !order !stable"),
    "split": (_split, "ary indices_or_sections axis"),
    "squeeze": (_squeeze, "a axis"),
    "stack": (lambda arrays, axis=0: native.stack(_operands(arrays), axis), "arrays axis !out dtype !casting"),
    "std": ("std", "a axis dtype !out ddof keepdims !where !mean !correction"),
    "sum": ("sum", "a axis dtype !out keepdims !initial !where"),
    "swapaxes": ("swapaxes", "a axis1 axis2"),
    "take": (lambda a, indices, axis=None: _op("take")(*_operands((a, indices)), axis), "a indices axis !out !mode"),
    "take_along_axis": (
        lambda arr, indices, axis=-1: _op("take_along_dim")(*_operands((arr, indices)), axis),
        "arr indices axis",
    ),
    "tile": (lambda A, reps: _op("tile")(A, reps), "A reps"),
    "transpose": (_transpose, "a axes"),
    "trapezoid": (_trapezoid, "y x dx axis"),
    "tril": ("tril", "m k"),
    "triu": ("triu", "m k"),
    "var": ("var", "a axis dtype !out ddof keepdims !where !mean !correction"),
    "vstack": (_joined("vstack"), "tup !dtype !casting"),
    "where": (_where, "condition x y"),
    "zeros_like": ("zeros_like", "a dtype !order !subok !shape !device"),
}

# What only looks at the elements: the result is no number that could have a derivative.
_LOOKING = {
    "allclose", "array2string", "array_equal", "array_equiv", "array_repr", "array_str", "isclose", "save", "savetxt",
    "savez", "savez_compressed",
}  # fmt: skip

# Arguments that ops know by NumPy's name, or by one of the same family; the others go by position.
_KEYWORDS = ("axis", "dtype", "ddof", "keepdims")

# The others compute in a dtype where they are told to.
_TAKES_DTYPE = {"cumprod", "cumsum", "full_like", "linspace", "ones_like", "prod", "sum", "zeros_like"}


def _no_op(name):
    return TypeError(
        f"np.{name}: there is no such op on Tensors; write it with functions of adcore.ops, or take x.asnumpy(), whose "
        "values have no derivative."
    )


def _not_possible(name, option):
    if option == "out":
        return TypeError(f"np.{name}: an array cannot take the result of an op on Tensors; use it without out= or +=.")
    return TypeError(f"np.{name}: {option}= is not possible with a Tensor; use functions of adcore.ops.")


def _array_ufunc(self, ufunc, method, *inputs, **options):
    """Run a ufunc of NumPy as the op that it is."""
    name = ufunc.__name__
    if method != "__call__":
        raise TypeError(f"np.{name}.{method}: not possible with a Tensor; use functions of adcore.ops, or x.asnumpy().")
    if options:
        raise _not_possible(name, next(iter(options)))
    for value in inputs:
        if not isinstance(value, (Tensor, list, tuple)) and not (_core.is_number(value) or _core.is_array(value)):
            return NotImplemented
    if name == "matmul":
        return _matmul(*inputs)
    if name == "positive":
        return +self
    if name == "invert":
        return ~self
    op = _op(_UFUNCS.get(name, name)) if ufunc.nout == 1 else None
    if op is None:
        raise _no_op(name)
    return op(*_operands(inputs))


def _array_function(self, function, types, args, options):
    """Run a function of NumPy as the op that it is."""
    name = f"{function.__module__}.{function.__name__}".partition(".")[2]
    if name in _LOOKING:
        return function(
            *(value.asnumpy() if isinstance(value, Tensor) else value for value in args),
            **{option: value.asnumpy() if isinstance(value, Tensor) else value for option, value in options.items()},
        )
    if name not in _FUNCTIONS:
        raise _no_op(name)
    op, parameters = _FUNCTIONS[name]
    parameters = parameters.split()
    names = [parameter.lstrip("!") for parameter in parameters]
    if len(args) > len(names):
        raise TypeError(f"np.{name}: takes at most {len(names)} arguments, got {len(args)}.")
    given = dict(zip(names, args)) | options
    for option, value in list(given.items()):
        if option in parameters:
            continue
        if value is not None:
            raise _not_possible(name, option)
        del given[option]
    dtype = None if name in _TAKES_DTYPE else given.pop("dtype", None)
    if dtype is not None:  # of what is computed
        array = given[names[0]]
        given[names[0]] = (
            [native.cast(t, dtype) for t in _operands(array)]
            if isinstance(array, (list, tuple))
            else native.cast(_operand(array), dtype)
        )
    if callable(op):
        return op(**given)
    keywords = {option: given.pop(option) for option in _KEYWORDS if option in given}
    return _op(op)(*_operands(given.values()), **keywords)


for _name, _member in {
    "__array_ufunc__": _array_ufunc,
    "__array_function__": _array_function,
    "__array_priority__": 1000.0,  # for libraries that look at no protocol
}.items():
    setattr(Tensor, _name, _member)
