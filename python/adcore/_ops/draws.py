"""What random functions share: the check of their arguments, the state that they draw from, the dtype of the result."""

from __future__ import annotations

import math

from adcore._core import Tensor, float32, float64
from adcore._ops import native
from adcore._ops.declare import broadcast_shape, checked_dtype
from adcore._ops.generator import taken


def sizes(op, shape):
    shape = (shape,) if isinstance(shape, int) else shape
    if not isinstance(shape, (tuple, list)) or not all(isinstance(n, int) and not isinstance(n, bool) for n in shape):
        raise TypeError(f"{op}: shape must be an int or a sequence of ints, got {shape!r}.")
    if any(n < 0 for n in shape):
        raise ValueError(f"{op}: a shape has no negative sizes, got {tuple(shape)}.")
    return tuple(shape)


class Draw:
    """What the draws of distributions share: their parameters, the shape and dtype of the result.

    The shape is that to which `shape` and the parameters broadcast. The dtype is that of the parameters, float32 where
    they are numbers. All is computed in `wide`, which is at least float32.
    """

    def __init__(self, op, shape, seed, generator, dtype, **parameters):
        self.op, self.seed, self.generator = op, seed, generator
        for name, value in parameters.items():
            if isinstance(value, bool) or not isinstance(value, (int, float, Tensor)):
                raise TypeError(f"{op}: {name} must be a Tensor or a number, got {type(value).__name__}.")
        tensors = [value for value in parameters.values() if isinstance(value, Tensor)]
        floats = {t.dtype for t in tensors if t.dtype.is_floating_point}
        own = next(iter(floats)) if len(floats) == 1 else float64 if float64 in floats else float32
        dtype = checked_dtype(op, dtype, own)
        if not dtype.is_floating_point:
            raise TypeError(f"{op}: random real numbers need a float dtype, got {dtype}.")
        self.dtype, self.wide = dtype, float64 if dtype == float64 else float32
        self.shape = broadcast_shape(op, sizes(op, shape), *(t.shape for t in tensors))
        self.parameters = [
            native.cast(value, self.wide) if isinstance(value, Tensor) else value for value in parameters.values()
        ]

    def state(self, copies=1):
        return taken(self.op, copies * math.prod(self.shape), self.seed, self.generator)

    def uniform(self):
        """Numbers in [0, 1) of 53 bits, as float64."""
        return native._random_uniform(self.state(), self.shape, float64)

    def exponential(self, *leading):
        """Exponential numbers of rate 1: never 0, never infinite."""
        shape = (*leading, *self.shape)
        u = native._random_uniform(self.state(math.prod(leading)), shape, float64)
        return native.cast(native.maximum(-native.log(1 - u), 2.0**-54), self.wide)

    def result(self, value):
        return value if self.dtype == self.wide else native.cast(value, self.dtype)

    def spread(self, standard, location, scale):
        return self.result(native.add(native.mul(standard, scale), location))

    def full(self, parameter):
        """A parameter as a Tensor of the result's shape."""
        if not isinstance(parameter, Tensor):
            return native.full(self.shape, parameter, dtype=self.wide)
        return parameter if parameter.shape == self.shape else native.broadcast_to(parameter, self.shape)


def check_numbers(op, least, above, **parameters):
    """Check those parameters that are numbers; one that is not fails for every element of a Tensor by NaN."""
    for name, value in parameters.items():
        if not isinstance(value, Tensor) and not (value > least if above else value >= least):
            words = f"greater than {least}" if above else f"at least {least}"
            raise ValueError(f"{op}: {name} must be {words}, got {value}.")


def integers(op, low, high, shape, dtype, default, seed, generator):
    dtype = checked_dtype(op, dtype, default)
    for name, value in (("low", low), ("high", high)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{op}: {name} must be an int, got {type(value).__name__}.")
    if low >= high:
        raise ValueError(f"{op}: low must be less than high, got {low} and {high}.")
    return native._random_integers(taken(op, math.prod(shape), seed, generator), low, high, shape, dtype)
