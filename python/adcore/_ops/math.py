"""Elementwise functions and reductions written with other ops; derivatives, at every order, follow from those."""

from __future__ import annotations

import math

from adcore import _core
from adcore._core import Tensor, dtype, float32
from adcore._ops import native
from adcore._ops.declare import Fraction, Number, dims, op, require_tensor
from adcore._ops.linalg import matrix_norm, vector_norm

PAGE = "Elementwise"


@op(samples=())  # finite differences see what it hides
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
        return native.stop_gradient(value)
    if isinstance(value, (tuple, list, dict)):
        return _core.tree_map(lambda leaf: stop_gradient(leaf) if isinstance(leaf, Tensor) else leaf, value)
    return value


@op(
    samples=("clamp(x(3, 4), -1, 1) ** 2", "clamp(x(3, 4), -1) ** 2", "clip(x(3, 4), max=1) ** 2"),
    aliases=("clip",),
    method=True,
)
def clamp(input: Tensor, min: Number | None = None, max: Number | None = None) -> Tensor:
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
        raise ValueError("clamp: at least one of 'min' or 'max' must not be None.")
    if min is not None and max is not None:
        return native._clamp(input, min, max)
    require_tensor("clamp", "input", input)
    if input.dtype.is_floating_point:
        return native._clamp(input, -math.inf if min is None else min, math.inf if max is None else max)
    bound, inside = (max, native.less_equal) if min is None else (min, native.greater_equal)
    return native.where(inside(input, bound), input, bound)  # a bound of NaN is the result, as beside floats


@op(samples=("dropout(x(3, 4), 0.3, seed=1)",))
def dropout(input: Tensor, p: Fraction = 0.5, training: bool = True, seed: int | None = None) -> Tensor:
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
        return native.mul(input, 0.0)
    kept = native.cast(native.greater_equal(native.rand(*input.shape, dtype=float32, seed=seed), p), input.dtype)
    return native.mul(input, native.mul(kept, 1 / (1 - p)))


@op(
    samples=(
        "norm(x(3, 4))",
        "norm(x(3, 4), dim=0)",
        "norm(x(3, 4), 1, 1)",
        "norm(x(3, 4), 3, 1)",
        "norm(x(3, 4), float('inf'), 1)",
        "norm(x(3, 4), 2)",
        "norm(x(2, 3, 4), 'nuc', (0, 2), True)",
    ),
    method=True,
)
def norm(
    A: Tensor,
    ord: float | str | None = None,
    dim: dims | None = None,
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
) -> Tensor:
    """Norm of vectors or of matrices.

    Parameters
    ----------
    A : Tensor
    ord : None, number, "fro", "nuc", inf or -inf
        None is the 2-norm of all elements along `dim`. Else along one axis the order of :func:`vector_norm`, along two
        that of :func:`matrix_norm`.
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
        A = native.cast(A, dtype)
    elif not A.dtype.is_floating_point:
        A = native.cast(A, float32)
    if ord is None:
        return native._norm2(A, dim, keepdim)
    axes = tuple(range(A.ndim)) if dim is None else tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)
    if len(axes) == 1:
        return vector_norm(A, ord, axes, keepdim)
    if len(axes) == 2:
        return matrix_norm(A, ord, axes, keepdim)
    raise ValueError(
        f"norm: ord={ord!r} is of vectors or matrices: name one axis or two with dim, or take vector_norm."
    )
