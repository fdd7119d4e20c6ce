"""Norms as layers: what penalizes weights, measures a tensor, or bounds one."""

import math

from .. import ops
from .._core import Tensor, float32, float64
from .arguments import flag, number
from .cell import Cell


class L1Regularizer(Cell):
    """The sum of the absolute values of a Tensor, times a number.

    Parameters
    ----------
    scale : int or float
        Positive.

    Raises
    ------
    TypeError, ValueError
        If it is no positive, finite number.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.L1Regularizer(0.5)(Tensor([[1.0, -2.0], [-3.0, 4.0]])))
    5.0
    """

    _samples = ("L1Regularizer(0.5)(x(3, 2))",)

    def __init__(self, scale):
        super().__init__()
        if not 0 < number("L1Regularizer", "scale", scale) < math.inf:
            raise ValueError(f"L1Regularizer: scale must be positive and finite, but got {scale}.")
        self.scale = scale

    def construct(self, weights) -> Tensor:
        """Return the penalty of `weights`."""
        if not isinstance(weights, Tensor):
            raise TypeError(f"L1Regularizer: the input must be a Tensor, but got {type(weights).__name__}.")
        return self.scale * ops.sum(ops.abs(weights))


class Norm(Cell):
    """The Euclidean norm of a Tensor.

    Parameters
    ----------
    axis : int or tuple of int, default ()
        The axes that it is taken along; all for an empty tuple.
    keep_dims : bool, default False

    Raises
    ------
    TypeError
        For options of another type.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.Norm(axis=0)(Tensor([[3.0, 6.0], [4.0, 8.0]])))
    [ 5. 10.]
    """

    _samples = ("Norm()(x(3, 2))", "Norm(1, True)(x(3, 2))")

    def __init__(self, axis=(), keep_dims=False):
        super().__init__()
        self.axis, self.keep_dims = _axes("Norm", axis), flag("Norm", "keep_dims", keep_dims)

    def construct(self, x) -> Tensor:
        """Return the norm of `x`."""
        axis = self.axis if self.axis != () else None
        return ops.sqrt(ops.sum(ops.square(x), axis, self.keep_dims))


class ClipByNorm(Cell):
    """A Tensor, scaled down where its norm is above a bound.

    A call takes the Tensor, of a floating-point dtype, and the bound, a Tensor that broadcasts to it, and returns
    float32, or float64 for a Tensor of float64.

    Parameters
    ----------
    axis : int or tuple of int, optional
        The axes along which the norm is taken; by default all.

    Raises
    ------
    TypeError
        For axes of another type. At the call: for a Tensor of another dtype.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.ClipByNorm()(Tensor([3.0, 4.0]), Tensor([2.5])))
    [1.5 2. ]
    """

    _samples = ("ClipByNorm()(x(3, 2), Tensor([0.5]))", "ClipByNorm(1)(x(3, 2), Tensor([[0.5], [9.0], [0.25]]))")

    def __init__(self, axis=None):
        super().__init__()
        self.axis = axis if axis is None else _axes("ClipByNorm", axis)

    def construct(self, x, clip_norm) -> Tensor:
        """Return `x`, with a norm of `clip_norm` at most."""
        if not isinstance(x, Tensor) or not x.dtype.is_floating_point:
            got = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"ClipByNorm: the input must be a Tensor of floating-point numbers, but got {got}.")
        dtype = float64 if x.dtype is float64 else float32
        x, clip_norm = x.astype(dtype), clip_norm.astype(dtype)
        squares = ops.sum(ops.square(x), self.axis, True)
        inside = squares <= ops.square(clip_norm)
        # Where the bound holds, the quotient is not taken: at zero the root has no derivative.
        norm = ops.sqrt(ops.where(inside, 1.0, squares))
        return ops.where(inside, x, x * (clip_norm / norm))


def _axes(cell, axis):
    axes = axis if isinstance(axis, tuple) else (axis,)
    if any(isinstance(a, bool) or not isinstance(a, int) for a in axes):
        raise TypeError(f"{cell}: axis must be an int or a tuple of ints, but got {axis!r}.")
    return axis
