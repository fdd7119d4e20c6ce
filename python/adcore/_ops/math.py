"""Elementwise functions and reductions written with other ops; derivatives, at every order, follow from those."""

import math

from adcore import _core
from adcore._core import Tensor, float32
from adcore._ops.native import require_tensor, table

_abs, _cast, _div, _amax, _amin, _maximum, _mean, _minimum, _mul, _sqrt, _square, _sub, _sum, _where = (
    table[name] for name in "abs cast div amax amin maximum mean minimum mul sqrt square sub sum where".split()
)

__all__ = ["clamp", "dropout", "gelu", "masked_fill", "norm", "std", "stop_gradient", "var"]


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
        return table["stop_gradient"](value)
    if isinstance(value, (tuple, list, dict)):
        return _core.tree_map(lambda leaf: stop_gradient(leaf) if isinstance(leaf, Tensor) else leaf, value)
    return value


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
        return table["_clamp"](input, min, max)
    require_tensor("clamp", "input", input)
    if input.dtype.is_floating_point:
        return table["_clamp"](input, -math.inf if min is None else min, math.inf if max is None else max)
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
        return table["_gelu"](input)
    if approximate == "tanh":
        return table["_gelu_tanh"](input)
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
    require_tensor("dropout", "input", input)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be in [0, 1], got {p}.")
    if not training or p == 0:
        return input
    if p == 1:
        return _mul(input, 0.0)
    kept = _cast(table["greater_equal"](table["rand"](*input.shape, dtype=float32, seed=seed), p), input.dtype)
    return _mul(input, _mul(kept, 1 / (1 - p)))


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
    require_tensor("var", "input", input)
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
    require_tensor("norm", "A", A)
    if dtype is not None:
        A = _cast(A, dtype)
    elif not A.dtype.is_floating_point:
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
        return _sum(_cast(table["not_equal"](A, 0), A.dtype), dim, keepdim)
    if ord == 1:
        return _sum(magnitude, dim, keepdim)
    return _sum(magnitude**ord, dim, keepdim) ** (1 / ord)


# Methods too.
Tensor.clamp = Tensor.clip = clamp
Tensor.var = var
Tensor.std = std
Tensor.norm = norm
Tensor.masked_fill = masked_fill
