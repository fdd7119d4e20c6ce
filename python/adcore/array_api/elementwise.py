"""Elementwise functions: for most, the standard's name of a function of `adcore.ops`."""

import operator

from adcore import ops
from adcore._core import Tensor

_OF_ONE = {
    **{
        name: getattr(ops, name)
        for name in (
            "abs acos acosh asin asinh atan atanh ceil cos cosh exp expm1 floor isfinite isinf isnan log log1p log2 "
            "log10 logical_not reciprocal round sign signbit sin sinh square sqrt tan tanh trunc"
        ).split()
    },
    "bitwise_invert": operator.invert,
    "conj": operator.pos,
    "imag": ops.zeros_like,
    "negative": ops.neg,
    "positive": operator.pos,
    "real": operator.pos,
}
_OF_TWO = {
    **{
        name: getattr(ops, name)
        for name in (
            "add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide equal "
            "floor_divide greater greater_equal hypot less less_equal logaddexp logical_and logical_or logical_xor "
            "maximum minimum nextafter not_equal pow remainder subtract"
        ).split()
    },
    "multiply": ops.mul,
}


def _of_one(name, op):
    def function(x, /):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: x must be a Tensor, got {type(x).__name__}.")
        return op(x)

    return function


def _of_two(name, op):
    def function(x1, x2, /):
        return op(x1, x2)

    return function


def _named(functions):
    for name, function in functions.items():
        function.__name__ = function.__qualname__ = name
        function.__doc__ = f"Apply the standard's `{name}` to every element."
    return functions


globals().update(_named({name: _of_one(name, op) for name, op in _OF_ONE.items()}))
globals().update(_named({name: _of_two(name, op) for name, op in _OF_TWO.items()}))


def clip(x, /, min=None, max=None):
    """Keep elements between bounds, in the dtype of `x`."""
    if min is None and max is None:
        return x.copy()
    return ops.clamp(x, min, max).astype(x.dtype)


__all__ = sorted([*_OF_ONE, *_OF_TWO, "clip"])
