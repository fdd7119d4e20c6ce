"""Gradients held within bounds: element by element, or by the norm of all of them together.

The functions take a Tensor or a tuple, list or dict of Tensors, and return the same. Norms of half precision are
computed in float32. Start reading at `_times`.
"""

from __future__ import annotations

from collections.abc import Sequence

from adcore import _core
from adcore._core import Tensor, float32, float64
from adcore._ops import native
from adcore._ops.declare import Number, op, require_tensor
from adcore._ops.linalg import vector_norm
from adcore._ops.math import clamp
from adcore._ops.precision import widened

PAGE = "Clipping"


def _leaves(name, x):
    if not isinstance(x, (Tensor, tuple, list, dict)):
        raise TypeError(f"{name}: x must be a Tensor or a tuple, list or dict of Tensors, got {type(x).__name__}.")
    leaves = [x] if isinstance(x, Tensor) else _core.tree_leaves(x)
    if not leaves:
        raise ValueError(f"{name}: there are no Tensors in x.")
    for leaf in leaves:
        require_tensor(name, "an entry of x", leaf)
        if not leaf.dtype.is_floating_point:
            raise TypeError(f"{name}: x must be of a float dtype, got {leaf.dtype}.")
    return leaves


def _mapped(function, x):
    return function(x) if isinstance(x, Tensor) else _core.tree_map(function, x)


def _positive(name, argument, value, zero=False):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: {argument} must be a number, got {type(value).__name__}.")
    if not (value >= 0 if zero else value > 0):
        raise ValueError(f"{name}: {argument} must be {'>= 0' if zero else '> 0'}, got {value}.")


def _total_norm(leaves, order):
    parts = [widened(leaf) for leaf in leaves]
    dtype = float64 if any(part.dtype == float64 for part in parts) else float32
    norms = [native.cast(vector_norm(part, order), dtype) for part in parts if part.size]
    if not norms:
        return native.zeros((), dtype)
    return norms[0] if len(norms) == 1 else vector_norm(native.stack(norms), order)


def _times(x, factor, norm):
    """The entries times a factor; NaN where the norm is not finite, which a factor of 0 would hide."""
    factor = native.where(native.isfinite(norm), factor, float("nan"))

    def scaled(leaf):
        return native.cast(native.mul(widened(leaf), native.cast(factor, widened(leaf).dtype)), leaf.dtype)

    return _mapped(scaled, x)


@op(samples=("clip_by_value(x(3, 4), -1, 1)", "clip_by_value((x(3), x(2)), None, 1)[1] ** 2"))
def clip_by_value(
    x: Tensor | Sequence[Tensor], clip_value_min: Number | None = None, clip_value_max: Number | None = None
) -> Tensor | Sequence[Tensor]:
    """Limit elements to [clip_value_min, clip_value_max]; None leaves a side open.

    Parameters
    ----------
    x : Tensor, or tuple, list or dict of Tensors
    clip_value_min, clip_value_max : Tensor, number or None
        As `clamp` has them.

    Raises
    ------
    TypeError, ValueError
        For entries that are no Tensors, or where both bounds are None.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.clip_by_value((Tensor([-2.0, 0.5]), Tensor(3.0)), -1, 1)[0])
    [-1.   0.5]
    """
    _leaves("clip_by_value", x)
    return _mapped(lambda leaf: clamp(leaf, clip_value_min, clip_value_max), x)


@op(samples=("clip_by_norm(x(3, 4), 1.5)", "clip_by_norm((x(3), x(2)), 100)[1] ** 2", "clip_by_norm(x(3, 4), 2, 1.0)"))
def clip_by_norm(
    x: Tensor | Sequence[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor | Sequence[Tensor]:
    """Scale entries by one factor, so that the norm of all their elements is at most `max_norm`.

    The factor is ``min(max_norm / (norm + 1e-6), 1)``, as MindSpore's and PyTorch's.

    Parameters
    ----------
    x : Tensor, or tuple, list or dict of Tensors
    max_norm : float
        Not negative.
    norm_type : float, default 2.0
        The order of the norm: positive, or inf.
    error_if_nonfinite : bool, default False
        Raise where the norm is not finite. Otherwise all results are NaN then.

    Raises
    ------
    TypeError, ValueError
        For entries that are no Tensors of floats, or numbers out of range.
    RuntimeError
        See `error_if_nonfinite`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.clip_by_norm(Tensor([3.0, 4.0]), 1).asnumpy().round(4))
    [0.6 0.8]
    """
    leaves = _leaves("clip_by_norm", x)
    _positive("clip_by_norm", "max_norm", max_norm, zero=True)
    _positive("clip_by_norm", "norm_type", norm_type)
    norm = _total_norm(leaves, norm_type)
    if error_if_nonfinite and not bool(native.isfinite(norm)):
        raise RuntimeError(f"clip_by_norm: the norm of order {norm_type} is {float(norm)}, not finite.")
    return _times(x, clamp(max_norm / (norm + 1e-6), max=1.0), norm)


@op(samples=("clip_by_global_norm((x(3, 4), x(2)), 1.5)[0]", "clip_by_global_norm((x(3), x(2)), 100)[1] ** 2"))
def clip_by_global_norm(
    x: Tensor | Sequence[Tensor], clip_norm: float = 1.0, use_norm: Tensor | None = None
) -> Tensor | Sequence[Tensor]:
    """Scale entries by one factor, so that the Euclidean norm of all their elements is at most `clip_norm`.

    The factor is ``clip_norm / max(norm, clip_norm)``.

    Parameters
    ----------
    x : Tensor, or tuple, list or dict of Tensors
    clip_norm : float, default 1.0
        Positive.
    use_norm : Tensor, optional
        A norm to use instead of that of the entries, of one element. Where the norm is not finite, all results are NaN.

    Raises
    ------
    TypeError, ValueError
        For entries that are no Tensors of floats, or numbers out of range.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> clipped = ops.clip_by_global_norm((Tensor([6.0]), Tensor([8.0])), 5)
    >>> print(*clipped)
    [3.] [4.]
    """
    leaves = _leaves("clip_by_global_norm", x)
    _positive("clip_by_global_norm", "clip_norm", clip_norm)
    if use_norm is not None:
        require_tensor("clip_by_global_norm", "use_norm", use_norm)
        if use_norm.size != 1:
            raise ValueError(f"clip_by_global_norm: use_norm must have one element, its shape is {use_norm.shape}.")
    norm = _total_norm(leaves, 2) if use_norm is None else widened(use_norm.reshape(()))
    return _times(x, clip_norm / clamp(norm, min=clip_norm), norm)
