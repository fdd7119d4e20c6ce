"""Activations written with other ops; derivatives, at every order, follow from those."""

from __future__ import annotations

from adcore._core import Tensor, float32
from adcore._ops import native
from adcore._ops.declare import Number, op, require_tensor

PAGE = "Elementwise"


@op(samples=("gelu(x(3, 4))", "gelu(x(3, 4), 'tanh')"))
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
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
        return native._gelu(input)
    if approximate == "tanh":
        return native._gelu_tanh(input)
    raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}.")


@op(samples=("hardtanh(x(3, 4))", "hardtanh(x(3, 4), -0.5, 1.5)"), method=True)
def hardtanh(input: Number, min_val: Number = -1.0, max_val: Number = 1.0) -> Tensor:
    """input limited to [min_val, max_val].

    Raises
    ------
    ValueError
        For numbers of which the first is the greater one.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.hardtanh(Tensor([-2.0, 0.5, 2.0])))
    [-1.   0.5  1. ]
    """
    if not isinstance(min_val, Tensor) and not isinstance(max_val, Tensor) and min_val > max_val:
        raise ValueError(f"hardtanh: min_val {min_val} is greater than max_val {max_val}.")
    return native.hardtanh(input, min_val, max_val)


@op(samples=("softshrink(x(3, 4), 0.7)",), method=True)
def softshrink(input: Number, lambd: Number = 0.5) -> Tensor:
    """input moved by lambd toward 0, and 0 where its magnitude is at most lambd.

    Raises
    ------
    ValueError
        For a negative number lambd.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.softshrink(Tensor([-1.0, 0.25, 2.0])))
    [-0.5  0.   1.5]
    """
    if not isinstance(lambd, Tensor) and lambd < 0:
        raise ValueError(f"softshrink: lambd must not be negative, got {lambd}.")
    return native.softshrink(input, lambd)


@op(samples=("prelu(x(2, 3, 4), x(3))", "prelu(x(3, 4), x(1))", "prelu(x(5), x())"), method=True)
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return input where positive, weight * input elsewhere.

    Parameters
    ----------
    input : Tensor
    weight : Tensor
        One number, or one for each channel: each index of axis 1 of input.

    Raises
    ------
    ValueError
        For a weight of another size.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.prelu(Tensor([[-1.0, -1.0], [2.0, 2.0]]), Tensor([0.25, 0.5])))
    [[-0.25 -0.5 ]
     [ 2.    2.  ]]
    """
    require_tensor("prelu", "input", input)
    require_tensor("prelu", "weight", weight)
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.size not in (1, channels):
        raise ValueError(f"prelu: weight must have 1 or {channels} elements, got the shape {tuple(weight.shape)}.")
    if weight.size == 1:
        return native.leaky_relu(input, native.reshape(weight, ()))
    return native.leaky_relu(input, native.reshape(weight, (channels,) + (1,) * (input.ndim - 2)))


@op(samples=("glu(x(3, 4))", "glu(x(4, 3), 0)"), method=True)
def glu(x: Tensor, axis: int = -1) -> Tensor:
    """Gated linear unit: the first half times the sigmoid of the second.

    Parameters
    ----------
    x : Tensor
    axis : int, default -1
        Along which x is halved.

    Raises
    ------
    ValueError
        For an axis of odd size.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.glu(Tensor([2.0, 4.0, 0.0, 0.0])))
    [1. 2.]
    """
    require_tensor("glu", "x", x)
    if not -x.ndim <= axis < x.ndim:
        raise IndexError(f"glu: axis {axis} is outside of rank {x.ndim}.")
    size = x.shape[axis]
    if size % 2:
        raise ValueError(f"glu: the size of the axis must be even, got {size}.")
    before = (slice(None),) * (axis % x.ndim)
    return native.mul(x[(*before, slice(0, size // 2))], native.sigmoid(x[(*before, slice(size // 2, size))]))


@op(samples=("rrelu(x(3, 4), seed=1)", "rrelu(x(3, 4), 0.1, 0.2, training=False)"))
def rrelu(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = True, seed: int | None = None
) -> Tensor:
    """Return input where positive, elsewhere input times a random number (Xu et al., 2015).

    Parameters
    ----------
    input : Tensor
    lower, upper : float
        Between which the number is drawn for each element.
    training : bool, default True
        Where not, the number is the mean of both.
    seed : int, optional
        Makes the numbers repeatable.

    Raises
    ------
    ValueError
        Where lower is not less than or equal to upper.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.rrelu(Tensor([-4.0, 2.0]), 0.25, 0.25))
    [-1.  2.]
    """
    require_tensor("rrelu", "input", input)
    if not lower <= upper:
        raise ValueError(f"rrelu: lower must not be above upper, got {lower} and {upper}.")
    if not training:
        return native.leaky_relu(input, (lower + upper) / 2)
    drawn = native.rand(*input.shape, dtype=float32, seed=seed)
    slope = native.add(native.mul(drawn, upper - lower), lower)
    return native.leaky_relu(input, native.cast(slope, input.dtype) if input.dtype.is_floating_point else slope)
