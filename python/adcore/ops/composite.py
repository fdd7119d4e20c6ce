"""Functions written with other functions of ops; their derivatives, at every order, follow from those."""

import builtins
import math

from adcore import _core
from adcore._core import Parameter, Tensor, float32, int64

_f = _core.functions
_abs, _cast, _concat, _div, _equal, _expand_dims, _log = (
    _f[name] for name in ("abs", "cast", "concat", "div", "equal", "expand_dims", "log")
)
_amax, _amin, _log_softmax, _maximum, _mean, _minimum, _mul = (
    _f[name] for name in ("amax", "amin", "log_softmax", "maximum", "mean", "minimum", "mul")
)
_permute, _reshape, _sqrt, _square, _sub, _sum, _where = (
    _f[name] for name in ("permute", "reshape", "sqrt", "square", "sub", "sum", "where")
)

__all__ = [
    "assign",
    "assign_add",
    "assign_sub",
    "binary_cross_entropy",
    "chunk",
    "clamp",
    "cross_entropy",
    "dropout",
    "gelu",
    "l1_loss",
    "masked_fill",
    "mse_loss",
    "norm",
    "one_hot",
    "pad",
    "split",
    "std",
    "stop_gradient",
    "tile",
    "var",
]


def _require_tensor(op, name, value):
    if not isinstance(value, Tensor):
        raise TypeError(f"{op}: {name} must be a Tensor, got {type(value).__name__}.")


def stop_gradient(value):
    """Return the value as a constant: no derivative passes.

    Parameters
    ----------
    value : Tensor, or tuple, list, dict or dataclass of Tensors
        Anything that is no Tensor is returned as it is.

    Examples
    --------
    >>> import adcore
    >>> from adcore import ops
    >>> adcore.grad(lambda x: ops.stop_gradient(x) * x)(3.0)
    Tensor(shape=[], dtype=Float32, value= 3)
    """
    if isinstance(value, Tensor):
        return _f["stop_gradient"](value)
    if isinstance(value, (tuple, list, dict)):
        return _core.tree_map(lambda leaf: stop_gradient(leaf) if isinstance(leaf, Tensor) else leaf, value)
    return value


# ---- elementwise -----------------------------------------------------------------------------------------------------


def clamp(input, min=None, max=None):
    """Limit elements to [min, max]; None leaves a side open.

    Parameters
    ----------
    input : Tensor
    min, max : Tensor, number or None
        At a bound the derivative is that inside. Where the bounds cross, max wins.

    Raises
    ------
    ValueError
        Where both bounds are None.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.clamp(Tensor([-2.0, 0.5, 2.0]), 0, 1))
    [0.  0.5 1. ]
    """
    if min is None and max is None:
        raise ValueError("clamp: min and max are both None.")
    if min is not None and max is not None:
        return _f["_clamp"](input, min, max)
    _require_tensor("clamp", "input", input)
    if input.dtype.name.startswith(("float", "bfloat")):
        return _f["_clamp"](input, -math.inf if min is None else min, math.inf if max is None else max)
    return _minimum(input, max) if min is None else _maximum(input, min)


def gelu(input, approximate="none"):
    """Gaussian error linear unit, ``input * Phi(input)``.

    Parameters
    ----------
    input : Tensor
    approximate : {"none", "tanh"}
        "tanh" is the approximation of Hendrycks and Gimpel, 2016 (arXiv:1606.08415).

    Raises
    ------
    ValueError
        For another word.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.gelu(Tensor([0.0, 1.0])))
    [0.        0.8413447]
    """
    if approximate == "none":
        return _f["_gelu"](input)
    if approximate == "tanh":
        return _f["_gelu_tanh"](input)
    raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}.")


def masked_fill(input_x, mask, value):
    """Replace the elements where the mask is true.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.masked_fill(Tensor([1.0, 2.0]), Tensor([True, False]), 0.0))
    [0. 2.]
    """
    return _where(mask, _cast(value, input_x.dtype) if isinstance(value, Tensor) else value, input_x)


def dropout(input, p=0.5, training=True, seed=None):
    """Zero elements with probability p and scale the others by 1 / (1 - p); the identity where not training.

    Parameters
    ----------
    input : Tensor
    p : float, default 0.5
        In [0, 1].
    training : bool, default True
    seed : int, optional
        Makes the choice of elements repeatable.

    Raises
    ------
    ValueError
        For p outside [0, 1].

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.dropout(Tensor([1.0, 2.0]), p=0.0))
    [1. 2.]
    """
    _require_tensor("dropout", "input", input)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be in [0, 1], got {p}.")
    if not training or p == 0:
        return input
    if p == 1:
        return _mul(input, 0.0)
    kept = _cast(_f["greater_equal"](_f["rand"](*input.shape, dtype=float32, seed=seed), p), input.dtype)
    return _mul(input, _mul(kept, 1 / (1 - p)))


# ---- reductions ------------------------------------------------------------------------------------------------------


def _axes(axis, ndim):
    if axis is None:
        return tuple(range(ndim))
    return axis if isinstance(axis, (tuple, list)) else (axis,)


def var(input, axis=None, ddof=0, keepdims=False):
    """Variance over some axes, or all.

    Parameters
    ----------
    input : Tensor
        Integers are taken as float32.
    axis : int or sequence of int, optional
    ddof : int or bool, default 0
        The divisor is the number of elements less ddof.
    keepdims : bool, default False

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.var(Tensor([1.0, 3.0])))
    1.0
    """
    _require_tensor("var", "input", input)
    deviation = _square(_sub(input, _mean(input, axis, True)))
    if not ddof:
        return _mean(deviation, axis, keepdims)
    n = math.prod(input.shape[a] for a in _axes(axis, input.ndim))
    total = _sum(deviation, axis, keepdims)
    return _div(total, n - int(ddof)) if n > ddof else _mul(total, math.nan)


def std(input, axis=None, ddof=0, keepdims=False):
    """Standard deviation over some axes, or all: the square root of :func:`var`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.std(Tensor([1.0, 3.0])))
    1.0
    """
    return _sqrt(var(input, axis, ddof, keepdims))


def norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """Norm of vectors, or the Frobenius norm of matrices.

    Parameters
    ----------
    A : Tensor
    ord : None, number, "fro", inf or -inf
        None is the 2-norm of all elements along `dim`. A number p is the p-norm of vectors.
    dim : int or sequence of int, optional
    keepdim : bool, default False
    dtype : dtype, optional
        Converts first.

    Raises
    ------
    ValueError
        For an order that is not supported.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.norm(Tensor([3.0, 4.0])))
    5.0
    """
    _require_tensor("norm", "A", A)
    if dtype is not None:
        A = _cast(A, dtype)
    elif not A.dtype.name.startswith(("float", "bfloat")):
        A = _cast(A, float32)
    if ord is None or ord == "fro" or ord == 2:
        if ord == 2 and (len(dim) if isinstance(dim, (tuple, list)) else A.ndim if dim is None else 1) == 2:
            raise ValueError(
                "norm: ord=2 of matrices is the largest singular value, which is not supported; use 'fro'."
            )
        return _sqrt(_sum(_square(A), dim, keepdim))
    if not isinstance(ord, (int, float)):
        raise ValueError(f"norm: ord={ord!r} is not supported; use a number, 'fro' or None.")
    if (len(dim) if isinstance(dim, (tuple, list)) else A.ndim if dim is None else 1) > 1:
        raise ValueError(f"norm: ord={ord!r} is for vectors; name one axis with dim.")
    magnitude = _abs(A)
    if ord == math.inf:
        return _amax(magnitude, dim, keepdim)
    if ord == -math.inf:
        return _amin(magnitude, dim, keepdim)
    if ord == 0:
        return _sum(_cast(_f["not_equal"](A, 0), A.dtype), dim, keepdim)
    if ord == 1:
        return _sum(magnitude, dim, keepdim)
    return _sum(magnitude**ord, dim, keepdim) ** (1 / ord)


# ---- shape -----------------------------------------------------------------------------------------------------------


def tile(input, dims):
    """Repeat a tensor along its axes.

    Parameters
    ----------
    input : Tensor
    dims : sequence of int
        How often along each axis; missing leading ones are 1.

    Raises
    ------
    ValueError
        For a negative number.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.tile(Tensor([1, 2]), (2, 2)))
    [[1 2 1 2]
     [1 2 1 2]]
    """
    _require_tensor("tile", "input", input)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if builtins.any(d < 0 for d in dims):
        raise ValueError(f"tile: repetitions must not be negative, got {dims}.")
    rank = builtins.max(len(dims), input.ndim)
    dims = (1,) * (rank - len(dims)) + dims
    tiled = _reshape(input, (1,) * (rank - input.ndim) + input.shape)
    for axis, n in enumerate(dims):
        if n == 0:
            tiled = tiled[(slice(None),) * axis + (slice(0),)]
        elif n > 1:
            tiled = _concat([tiled] * n, axis)
    return tiled


def split(tensor, split_size_or_sections, axis=0):
    """Cut a tensor along an axis.

    Parameters
    ----------
    tensor : Tensor
    split_size_or_sections : int or sequence of int
        The size of the pieces (the last may be smaller), or the sizes of all.
    axis : int, default 0

    Returns
    -------
    tuple of Tensor

    Raises
    ------
    ValueError
        For sizes that do not add up.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> [t.shape for t in ops.split(Tensor([1, 2, 3]), 2)]
    [(2,), (1,)]
    """
    _require_tensor("split", "tensor", tensor)
    if not -tensor.ndim <= axis < tensor.ndim:
        raise ValueError(f"split: axis {axis} is out of range for a tensor of {tensor.ndim} dimensions.")
    axis %= tensor.ndim
    size = tensor.shape[axis]
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        if step <= 0:
            raise ValueError(f"split: the size of the pieces must be positive, got {step}.")
        sections = [builtins.min(step, size - start) for start in range(0, size, step)] or [0]
    else:
        sections = list(split_size_or_sections)
        if builtins.any(s < 0 for s in sections) or builtins.sum(sections) != size:
            raise ValueError(f"split: the sections {tuple(sections)} do not add up to the size {size} of axis {axis}.")
    pieces, start = [], 0
    for section in sections:
        pieces.append(tensor[(slice(None),) * axis + (slice(start, start + section),)])
        start += section
    return tuple(pieces)


def chunk(input, chunks, axis=0):
    """Cut a tensor into a number of pieces of one size; the last may be smaller.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> [t.shape for t in ops.chunk(Tensor([1, 2, 3]), 2)]
    [(2,), (1,)]
    """
    if chunks <= 0:
        raise ValueError(f"chunk: the number of pieces must be positive, got {chunks}.")
    return split(input, builtins.max(1, -(-input.shape[axis] // chunks)), axis)


def _pad_indices(mode, size, before, after):
    """Return which element of an axis stands at each place of the padded one."""
    places = range(-before, size + after)
    if mode == "replicate":
        return [builtins.min(builtins.max(i, 0), size - 1) for i in places]
    if mode == "circular":
        return [i % size for i in places]
    period = builtins.max(2 * size - 2, 1)
    return [builtins.min(i % period, period - i % period) for i in places]


def pad(input_x, padding, mode="constant", value=None):
    """Add elements around a tensor.

    Parameters
    ----------
    input_x : Tensor
    padding : sequence of int
        Pairs (before, after), the last axis first. Negative numbers cut off.
    mode : {"constant", "reflect", "replicate", "circular"}
    value : number, optional
        What to add in mode "constant"; 0 unless given.

    Raises
    ------
    ValueError
        For an odd number of entries, more pairs than axes, or padding that the mode cannot fill.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.pad(Tensor([1.0, 2.0]), (1, 1)))
    [0. 1. 2. 0.]
    """
    _require_tensor("pad", "input_x", input_x)
    padding = tuple(int(p) for p in padding)
    if len(padding) % 2 or len(padding) > 2 * input_x.ndim:
        raise ValueError(f"pad: {len(padding)} entries are not pairs for at most {input_x.ndim} axes.")
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ValueError(f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}.")
    pairs = [(padding[i], padding[i + 1]) for i in range(0, len(padding), 2)][::-1]
    pairs = [(0, 0)] * (input_x.ndim - len(pairs)) + pairs
    for axis, (before, after) in enumerate(pairs):
        size = input_x.shape[axis]
        if size + before + after < 0:
            raise ValueError(f"pad: cutting {-before} and {-after} leaves nothing of axis {axis} of size {size}.")
    cut = tuple(
        slice(builtins.max(0, -b), builtins.max(0, s - builtins.max(0, -a)))
        for (b, a), s in zip(pairs, input_x.shape, strict=True)
    )
    inner = input_x[cut] if builtins.any(p < 0 for p in padding) else input_x
    pairs = [(builtins.max(0, b), builtins.max(0, a)) for b, a in pairs]
    if mode == "constant":
        shape = tuple(s + b + a for s, (b, a) in zip(inner.shape, pairs, strict=True))
        out = _f["full"](shape, 0 if value is None else value, dtype=input_x.dtype)
        out[tuple(slice(b, b + s) for s, (b, a) in zip(inner.shape, pairs, strict=True))] = inner
        return out
    for axis, (before, after) in enumerate(pairs):
        size = inner.shape[axis]
        limit = size - 1 if mode == "reflect" else size if mode == "circular" else math.inf
        if (before or after) and (size == 0 or builtins.max(before, after) > limit):
            raise ValueError(f"pad: mode {mode!r} cannot add {(before, after)} to axis {axis} of size {size}.")
        if before or after:
            inner = _f["gather"](inner, Tensor(_pad_indices(mode, size, before, after), int64), axis)
    return inner


def one_hot(indices, depth, on_value=1, off_value=0, axis=-1):
    """Vectors with one element on.

    Parameters
    ----------
    indices : Tensor of int
        Where to set on_value; an index outside [0, depth) sets none.
    depth : int
    on_value, off_value : number or Tensor
        Python ints give int64, floats float32.
    axis : int, default -1
        Where the new axis stands.

    Raises
    ------
    TypeError, ValueError
        For indices that are no integers, or a negative depth.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.one_hot(Tensor([0, 2]), 3))
    [[1 0 0]
     [0 0 1]]
    """
    _require_tensor("one_hot", "indices", indices)
    if not indices.dtype.name.startswith(("int", "uint")):
        raise TypeError(f"one_hot: indices must be integers, got {indices.dtype}.")
    if depth < 0:
        raise ValueError(f"one_hot: depth must not be negative, got {depth}.")
    if axis < 0:
        axis += indices.ndim + 1
    places = _reshape(_f["arange"](depth), (depth,) + (1,) * (indices.ndim - axis))
    return _where(_equal(_expand_dims(_cast(indices, int64), axis), places), on_value, off_value)


# ---- losses ----------------------------------------------------------------------------------------------------------


def _reduced(op, loss, reduction):
    if reduction == "mean":
        return _mean(loss)
    if reduction == "sum":
        return _sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"{op}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}.")


def mse_loss(input, target, reduction="mean"):
    """Squared difference.

    Parameters
    ----------
    input, target : Tensor
        Shapes broadcast.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors, shapes that do not fit, or another reduction.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.mse_loss(Tensor([1.0, 2.0]), Tensor([3.0, 5.0])))
    6.5
    """
    _require_tensor("mse_loss", "input", input)
    _require_tensor("mse_loss", "target", target)
    return _reduced("mse_loss", _square(_sub(input, target)), reduction)


def l1_loss(input, target, reduction="mean"):
    """Absolute difference; parameters as :func:`mse_loss`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.l1_loss(Tensor([1.0, 2.0]), Tensor([3.0, 5.0])))
    2.5
    """
    _require_tensor("l1_loss", "input", input)
    _require_tensor("l1_loss", "target", target)
    return _reduced("l1_loss", _abs(_sub(input, target)), reduction)


def binary_cross_entropy(logits, labels, weight=None, reduction="mean"):
    """Binary cross-entropy between probabilities and labels.

    Parameters
    ----------
    logits : Tensor
        Probabilities in [0, 1]. Their logarithms are cut off at log(1e-12), so that 0 and 1 give finite losses.
    labels : Tensor
        Of the same shape.
    weight : Tensor, optional
        Scales the losses; broadcasts.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors, shapes that do not fit, or another reduction.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.binary_cross_entropy(Tensor([0.5]), Tensor([1.0])))
    0.6931472
    """
    _require_tensor("binary_cross_entropy", "logits", logits)
    _require_tensor("binary_cross_entropy", "labels", labels)
    if logits.shape != labels.shape:
        raise ValueError(
            f"binary_cross_entropy: logits and labels must have one shape, got {logits.shape} and {labels.shape}."
        )
    likely = _log(_maximum(logits, 1e-12))
    unlikely = _log(_maximum(_sub(1.0, logits), 1e-12))
    loss = -(labels * likely + (1.0 - labels) * unlikely)
    return _reduced("binary_cross_entropy", loss if weight is None else loss * weight, reduction)


def _classes_last(input):
    """Return logits as [rows, classes] and the shape of one row per sample."""
    if input.ndim == 1:
        return _expand_dims(input, 0), ()
    if input.ndim == 2:
        return input, input.shape[:1]
    order = (0, *range(2, input.ndim), 1)
    moved = _permute(input, order)
    return _reshape(moved, (-1, input.shape[1])), moved.shape[:-1]


def cross_entropy(input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """Cross-entropy between softmax(input) and the target.

    Parameters
    ----------
    input : Tensor
        Logits, of shape (classes,), (n, classes) or (n, classes, d1, ...).
    target : Tensor
        Class indices, integers of shape (), (n,) or (n, d1, ...); or probabilities of input's shape.
    weight : Tensor, optional
        One weight per class. The mean over indices divides by the weights of the targets.
    ignore_index : int, default -100
        Samples with this target do not count.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float, default 0.0
        How much of the target is spread over all classes, in [0, 1].

    Raises
    ------
    TypeError, ValueError, IndexError
        For operands that do not fit, or a target that is no class.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.cross_entropy(Tensor([[0.0, 0.0]]), Tensor([1])))
    0.6931472
    """
    _require_tensor("cross_entropy", "input", input)
    _require_tensor("cross_entropy", "target", target)
    if input.ndim == 0:
        raise ValueError("cross_entropy: input needs an axis of classes.")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing must be in [0, 1], got {label_smoothing}.")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"cross_entropy: reduction must be 'none', 'mean' or 'sum', got {reduction!r}.")
    rows, sample_shape = _classes_last(input)
    classes = rows.shape[1]
    if weight is not None:
        _require_tensor("cross_entropy", "weight", weight)
        if weight.shape != (classes,):
            raise ValueError(
                f"cross_entropy: weight must have one entry for each of {classes} classes, got {weight.shape}."
            )
    if target.dtype.name.startswith(("float", "bfloat")):
        return _probability_targets(input, target, weight, reduction, label_smoothing, rows, sample_shape)
    if target.shape != sample_shape:
        raise ValueError(f"cross_entropy: a target of shape {target.shape} does not fit input {input.shape}.")
    flat = _reshape(_cast(target, int64), (-1,))
    counted = _cast(_f["not_equal"](flat, ignore_index), rows.dtype)
    scale = counted
    if weight is not None:
        # An ignored target may be no class; any class will do there, the scale is 0.
        scale = counted * _cast(_f["gather"](weight, _where(_equal(flat, ignore_index), 0, flat), 0), rows.dtype)
    loss = _f["_softmax_cross_entropy"](rows, flat, scale, ignore_index)
    if label_smoothing:
        spread = _log_softmax(rows, 1)
        spread = -_mean(spread if weight is None else spread * weight, 1) * counted
        loss = loss * (1 - label_smoothing) + spread * label_smoothing
    if reduction == "none":
        return _reshape(loss, sample_shape)
    return _sum(loss) if reduction == "sum" else _sum(loss) / _sum(scale)


def _probability_targets(input, target, weight, reduction, label_smoothing, rows, sample_shape):
    if target.shape != input.shape:
        raise ValueError(f"cross_entropy: probabilities of shape {target.shape} do not fit input {input.shape}.")
    wanted, _ = _classes_last(target)
    if label_smoothing:
        wanted = wanted * (1 - label_smoothing) + label_smoothing / rows.shape[1]
    terms = _log_softmax(rows, 1) * wanted
    loss = -_sum(terms if weight is None else terms * weight, 1)
    if reduction == "none":
        return _reshape(loss, sample_shape)
    return _sum(loss) if reduction == "sum" else _sum(loss) / rows.shape[0]


# ---- assignment ------------------------------------------------------------------------------------------------------


def _assign(op, variable, value, combine):
    _require_tensor(op, "variable", variable)
    if not isinstance(value, (Tensor, int, float)):
        raise TypeError(f"{op}: value must be a Tensor or a number, got {type(value).__name__}.")
    shape = value.shape if isinstance(value, Tensor) else ()
    if shape != variable.shape:
        raise ValueError(f"{op}: value must have the variable's shape {variable.shape}, got {shape}.")
    value = _cast(value, variable.dtype) if isinstance(value, Tensor) else Tensor(value, variable.dtype)
    variable._assign(combine(variable, value))
    return variable.value() if isinstance(variable, Parameter) else variable


def assign(variable, value):
    """Give a Parameter or Tensor another value of the same shape; differentiable.

    Parameters
    ----------
    variable : Parameter or Tensor
    value : Tensor or number
        Cast to the variable's dtype.

    Returns
    -------
    Tensor
        The new value.

    Raises
    ------
    TypeError, ValueError
        For a value that does not fit; nothing is changed then.

    Examples
    --------
    >>> from adcore import Parameter, Tensor, ops
    >>> w = Parameter(Tensor([1.0, 2.0]), name="w")
    >>> print(ops.assign(w, Tensor([5.0, 6.0])))
    [5. 6.]
    """
    return _assign("assign", variable, value, lambda old, new: new)


def assign_add(variable, value):
    """Add to a Parameter or Tensor in place; parameters as :func:`assign`.

    Examples
    --------
    >>> from adcore import Parameter, Tensor, ops
    >>> print(ops.assign_add(Parameter(Tensor([1.0]), name="w"), Tensor([2.0])))
    [3.]
    """
    return _assign("assign_add", variable, value, lambda old, new: old + new)


def assign_sub(variable, value):
    """Subtract from a Parameter or Tensor in place; parameters as :func:`assign`.

    Examples
    --------
    >>> from adcore import Parameter, Tensor, ops
    >>> print(ops.assign_sub(Parameter(Tensor([1.0]), name="w"), Tensor([2.0])))
    [-1.]
    """
    return _assign("assign_sub", variable, value, lambda old, new: old - new)


# The composites that are methods too.
Tensor.clamp = Tensor.clip = clamp
Tensor.var = var
Tensor.std = std
Tensor.norm = norm
Tensor.tile = tile
Tensor.split = split
Tensor.chunk = chunk
Tensor.masked_fill = masked_fill
