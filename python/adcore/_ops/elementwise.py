"""Elementwise functions with options, written with rows of the core's table."""

from __future__ import annotations

import math

from adcore._core import Tensor, bfloat16, float16, float32, float64, int32, int64
from adcore._core import bool_ as boolean
from adcore._ops import native
from adcore._ops.declare import Number, op, require_tensor
from adcore._ops.precision import rounded, widened

PAGE = "Elementwise"

_LARGEST = {
    float16: 65504.0,
    bfloat16: 3.3895313892515355e38,
    float32: 3.4028234663852886e38,
    float64: 1.7976931348623157e308,
}


def _require_either(name, input, other):
    """Raise a TypeError where neither operand is a Tensor."""
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        raise TypeError(f"{name}: one of input and other must be a Tensor, got {type(input).__name__}.")


@op(
    samples=("div(x(3, 4), x(4, low=0.4))", "div(x(3, 4), 3.0, rounding_mode=None) ** 2"),
    aliases=("divide", "true_divide"),
    method=True,
)
def div(input: Number, other: Number, *, rounding_mode: str | None = None) -> Tensor:
    """Quotient of two tensors; without rounding, integers divide as float32.

    Parameters
    ----------
    input, other : Tensor or number
    rounding_mode : {None, "trunc", "floor"}
        Rounds toward zero or down, and keeps the dtype of integers. The derivative is 0 then.

    Raises
    ------
    ValueError
        For another word.
    ZeroDivisionError
        Where integers are divided by zero, and rounded.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.div(Tensor([-7, 7]), 2), ops.div(Tensor([-7, 7]), 2, rounding_mode="floor"))
    [-3.5  3.5] [-4  3]
    """
    if rounding_mode is None:
        return native.div(input, other)
    if rounding_mode == "floor":
        return native.floor_div(input, other)
    if rounding_mode == "trunc":
        return native.trunc_div(input, other)
    raise ValueError(f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}.")


@op(samples=("round(x(3, 4)) * x(3, 4)", "round(x(3, 4), decimals=0) * x(3, 4)"), method=True)
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Round to so many places behind the point, halves to even; the derivative is 0.

    Parameters
    ----------
    input : Tensor
    decimals : int, default 0
        Less than 0: to tens, hundreds and so on. For floats only.

    Raises
    ------
    TypeError
        Where a tensor of integers is to be rounded to decimals other than 0.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.round(Tensor([0.5, 1.5, -1.26])), ops.round(Tensor([1.26]), decimals=1))
    [ 0.  2. -1.] [1.3]
    """
    if isinstance(decimals, bool) or not isinstance(decimals, int):
        raise TypeError(f"round: decimals must be an int, got {type(decimals).__name__}.")
    if decimals == 0:
        return native.round(input)
    require_tensor("round", "input", input)
    if not input.dtype.is_floating_point:
        raise TypeError(f"round: decimals={decimals} is for floats, got {input.dtype}.")
    power = 10.0 ** abs(decimals)
    up, down = (native.mul, native.div) if decimals > 0 else (native.div, native.mul)
    scaled = up(input, power)
    # What has no places behind the point overflows, and is as it should be.
    return native.where(native.isfinite(scaled), down(native.round(scaled), power), native.stop_gradient(input))


@op(samples=("bitwise_not(i(3)) * x(3)",), method=True)
def bitwise_not(input: Tensor) -> Tensor:
    """Invert all bits of integers, and the truth of bool.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.bitwise_not(Tensor([0, 5])), ops.bitwise_not(Tensor([True, False])))
    [-1 -6] [False  True]
    """
    require_tensor("bitwise_not", "input", input)
    return native.logical_not(input) if input.dtype == boolean else native._bitwise_not(input)


@op(samples=("rad2deg(x(3, 4)) ** 2",), method=True)
def rad2deg(input: Tensor) -> Tensor:
    """Convert angles in radians to degrees.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.rad2deg(Tensor([0.0, 3.1415927])))
    [  0. 180.]
    """
    return native.mul(input, 180 / math.pi)


@op(samples=("deg2rad(x(3, 4)) ** 2",), method=True)
def deg2rad(input: Tensor) -> Tensor:
    """Convert angles in degrees to radians.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.deg2rad(Tensor([0.0, 180.0])))
    [0.        3.1415927]
    """
    return native.mul(input, math.pi / 180)


@op(samples=("positive(x(3, 4)) ** 2",), method=True)
def positive(input: Tensor) -> Tensor:
    """Return the tensor itself, of numbers.

    Raises
    ------
    TypeError
        For a tensor of bool.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.positive(Tensor([-1.0, 2.0])))
    [-1.  2.]
    """
    require_tensor("positive", "input", input)
    if input.dtype == boolean:
        raise TypeError("positive: works on numbers, got Bool.")
    return input


@op(samples=("float_power(x(3, 4, low=0.3), x(4))", "float_power(x(3, 4, low=0.3), -1.5)"), method=True)
def float_power(input: Number, exponent: Number) -> Tensor:
    """Power, computed in float64 whatever the dtypes are.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.float_power(Tensor([2, 4]), -1))
    [0.5  0.25]
    """
    wide = [native.cast(v, float64) if isinstance(v, Tensor) else float(v) for v in (input, exponent)]
    return native.pow(*wide)


@op(
    samples=("addcmul(x(3, 4), x(3, 4), x(4), value=0.5)", "addcmul(x(4), x(3, 4), x(3, 1))"),
    method=True,
)
def addcmul(input: Tensor, tensor1: Number, tensor2: Number, *, value: Number = 1) -> Tensor:
    """``input + value * tensor1 * tensor2``.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.addcmul(Tensor([1.0, 2.0]), Tensor([3.0, 4.0]), Tensor([1.0, 2.0]), value=0.5))
    [2.5 6. ]
    """
    return native.add(input, native.mul(native.mul(tensor1, value), tensor2))


@op(
    samples=("addcdiv(x(3, 4), x(3, 4), x(4, low=0.5), value=0.5)", "addcdiv(x(4), x(3, 4), x(3, 1, low=0.5))"),
    method=True,
)
def addcdiv(input: Tensor, tensor1: Number, tensor2: Number, *, value: Number = 1) -> Tensor:
    """``input + value * tensor1 / tensor2``; integers divide as float32.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.addcdiv(Tensor([1.0, 2.0]), Tensor([3.0, 4.0]), Tensor([1.0, 2.0]), value=0.5))
    [2.5 3. ]
    """
    return native.add(input, native.div(native.mul(tensor1, value), tensor2))


@op(samples=("nan_to_num(x(3, 4)) ** 2", "nan_to_num(x(3, 4), 1.0, 2.0, 3.0) ** 2"), method=True)
def nan_to_num(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Replace NaN and the infinities by numbers.

    Parameters
    ----------
    input : Tensor
    nan : float, optional
        What NaN becomes, 0 by default.
    posinf, neginf : float, optional
        What the infinities become, by default the largest number of the dtype and its negative.

    Notes
    -----
    The derivative is 0 where an element is replaced.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.nan_to_num(Tensor([float("nan"), float("inf"), 1.0]), posinf=9.0))
    [0. 9. 1.]
    """
    require_tensor("nan_to_num", "input", input)
    if not input.dtype.is_floating_point:
        return input
    largest = _LARGEST[input.dtype]
    result = native.where(native.isnan(input), 0.0 if nan is None else nan, input)
    result = native.where(native.isposinf(input), largest if posinf is None else posinf, result)
    return native.where(native.isneginf(input), -largest if neginf is None else neginf, result)


@op(samples=(), method=True)
def isclose(input: Number, other: Number, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Compare elements with a tolerance: ``abs(input - other) <= atol + rtol * abs(other)``.

    Parameters
    ----------
    input, other : Tensor or number
    rtol, atol : float
        Compared in float64. An infinity is close to itself alone.
    equal_nan : bool, default False
        Whether two NaN are close.

    Returns
    -------
    Tensor of bool

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.isclose(Tensor([1.0, 2.0]), Tensor([1.000001, 2.1])))
    [ True False]
    """
    if not (rtol >= 0 and atol >= 0):
        raise ValueError(f"isclose: rtol and atol must not be negative, got {rtol} and {atol}.")
    _require_either("isclose", input, other)
    a, b = (native.cast(v, float64) if isinstance(v, Tensor) else Tensor(v, float64) for v in (input, other))
    distance = native.abs(native.sub(a, b))
    near = native.less_equal(distance, native.add(native.mul(native.abs(b), rtol), atol))
    close = native.logical_or(native.equal(input, other), native.logical_and(near, native.isfinite(distance)))
    if equal_nan:
        close = native.logical_or(close, native.logical_and(native.isnan(a), native.isnan(b)))
    return close


@op(samples=(), method=True)
def allclose(input: Number, other: Number, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether all elements are close: see `isclose`.

    Returns
    -------
    Tensor
        One bool.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> bool(ops.allclose(Tensor([1.0, 2.0]), Tensor([1.000001, 2.1])))
    False
    """
    return native.all(isclose(input, other, rtol, atol, equal_nan))


@op(samples=("polygamma(1, x(3, 4, low=0.5))", "polygamma(3, x(4, low=0.5))"))
def polygamma(n: int, input: Tensor) -> Tensor:
    """Return the n-th derivative of `digamma`.

    Parameters
    ----------
    n : int
        0 is digamma itself.
    input : Tensor

    Raises
    ------
    ValueError
        For a negative n.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.polygamma(1, Tensor([1.0, 2.0])))
    [1.644934   0.64493406]
    """
    if isinstance(n, Tensor) and n.size == 1 and n.dtype == int64:
        n = int(n)
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"polygamma: n must be an int, got {type(n).__name__}.")
    if n < 0:
        raise ValueError(f"polygamma: n must not be negative, got {n}.")
    require_tensor("polygamma", "input", input)
    return native.digamma(input) if n == 0 else native._polygamma(n, input)


@op(samples=("logit(x(3, 4, low=0.1, high=0.9))", "logit(x(3, 4, low=0.1, high=0.9), 0.05)"), method=True)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """``log(input / (1 - input))``, the inverse of sigmoid.

    Parameters
    ----------
    input : Tensor
    eps : float, optional
        Limits the input to [eps, 1 - eps] first. Without it, what is outside of [0, 1] gives NaN.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.logit(Tensor([0.5, 0.25])))
    [ 0.        -1.0986123]
    """
    if eps is None:
        return native._logit(input)
    require_tensor("logit", "input", input)
    return native._logit(native._clamp(input, eps, 1 - eps))


@op(samples=("frexp(x(3, 4))[0] ** 2",), method=True)
def frexp(input: Tensor) -> tuple[Tensor, ...]:
    """Fractions with a magnitude in [0.5, 1) and exponents of 2: ``input = fraction * 2 ** exponent``.

    Parameters
    ----------
    input : Tensor

    Returns
    -------
    tuple of Tensor
        The fractions, and the exponents as int32. Of what is 0 or not finite, itself and 0.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> fraction, exponent = ops.frexp(Tensor([8.0, -3.0]))
    >>> print(fraction, exponent)
    [ 0.5  -0.75] [4 2]
    """
    require_tensor("frexp", "input", input)
    x = input if input.dtype.is_floating_point else native.cast(input, float32)
    # What is less than the least normal number is scaled up first: of float64, whose range float32's is within.
    wide = native.abs(native.cast(native.stop_gradient(x), float64))
    tiny = native.less(wide, 2.0**-1000)
    scaled = native.where(tiny, native.mul(wide, 2.0**100), wide)
    usual = native.logical_and(native.greater(wide, 0), native.less(wide, math.inf))
    exponent = native.add(native.floor(native.log2(native.where(usual, scaled, 1.0))), 1.0)
    fraction = native.ldexp(scaled, native.neg(exponent))
    # The logarithm of a number next to a power of 2 may be rounded to the other side.
    exponent = native.add(exponent, native.where(native.greater_equal(fraction, 1.0), 1.0, 0.0))
    exponent = native.sub(exponent, native.where(native.less(fraction, 0.5), 1.0, 0.0))
    exponent = native.sub(exponent, native.where(tiny, 100.0, 0.0))
    exponent = native.where(usual, exponent, 0.0)
    half = native.cast(native.floor(native.mul(exponent, -0.5)), x.dtype)
    # Two exact steps, since 2 ** 1074 is out of range.
    rest = native.cast(native.sub(native.neg(exponent), native.cast(half, float64)), x.dtype)
    return native.ldexp(native.ldexp(x, half), rest), native.cast(exponent, int32)


@op(samples=("mvlgamma(x(3, 4, low=1.2, high=4), 3)",), method=True)
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """Logarithm of the gamma function of p variables.

    Parameters
    ----------
    input : Tensor
        Greater than ``(p - 1) / 2``; NaN elsewhere.
    p : int
        At least 1.

    Raises
    ------
    TypeError, ValueError
        For another p.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.mvlgamma(Tensor([3.0]), 2))
    [1.550195]
    """
    require_tensor("mvlgamma", "input", input)
    if isinstance(p, bool) or not isinstance(p, int):
        raise TypeError(f"mvlgamma: p must be an int, got {type(p).__name__}.")
    if p < 1:
        raise ValueError(f"mvlgamma: p must be positive, got {p}.")
    x = widened(input) if input.dtype.is_floating_point else native.cast(input, float32)
    x = native.where(native.greater(x, (p - 1) / 2), x, math.nan)
    total = native.lgamma(x)
    for j in range(1, p):
        total = native.add(total, native.lgamma(native.sub(x, j / 2)))
    return rounded(native.add(total, p * (p - 1) / 4 * math.log(math.pi)), input)
