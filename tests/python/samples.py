"""Samples of ops: the calls by which an op's declaration lets the laws try it.

A function of `adcore.ops` carries them as `_samples`, a tuple of Python expressions that call it by its bare name, such
as "norm(x(3, 4), 2, 1)". All functions of `adcore.ops` and all dtypes have their names there, and

    x(*shape, low=-2.0, high=2.0)   an input of float64, which is differentiated
    i(*shape, n=3)                  a constant of int64 in [0, n)
    b(*shape)                       a constant of bool

The numbers depend on the expression alone. Those of one `x` keep apart from each other and from the middle of their
interval, so that `max(x(3, 4))` and `abs(x(3, 4))` have no kink within reach of a finite difference.
"""

import zlib

import numpy as np

import adcore
from adcore import Tensor, dtype, ops

_NAMES = {
    **{name: getattr(ops, name) for name in ops.__all__},
    **{name: value for name, value in vars(adcore).items() if isinstance(value, dtype)},
}


def _apart(rng, shape, low, high):
    """Return one random number from the upper half of each cell of an interval, in random order."""
    n = int(np.prod(shape))
    places = rng.permutation(n) + rng.uniform(0.6, 0.8, n)
    return (low + (high - low) * places / max(n, 1)).reshape(shape)


def sample(expression):
    """Return an expression as a function of Tensors that stand for its inputs, and the inputs as NumPy arrays."""
    code = compile(expression, expression, "eval")
    rng = np.random.default_rng(zlib.crc32(expression.encode()))
    drawn = []  # of each x, i and b, as Python evaluates them: whether it is an input, and its numbers

    def draw(is_input, numbers):
        drawn.append((is_input, numbers))
        return Tensor(numbers)

    def x(*shape, low=-2.0, high=2.0):
        return draw(True, _apart(rng, shape, low, high))

    def i(*shape, n=3):
        return draw(False, rng.integers(0, n, shape))

    def b(*shape):
        return draw(False, rng.random(shape) < 0.5)

    eval(code, {**_NAMES, "x": x, "i": i, "b": b})

    def function(*inputs):
        given = iter(inputs)
        values = iter([next(given) if is_input else Tensor(numbers) for is_input, numbers in drawn])
        following = lambda *shape, **options: next(values)
        return eval(code, {**_NAMES, "x": following, "i": following, "b": following})

    return function, [numbers for is_input, numbers in drawn if is_input]


def samples():
    """Return the samples of all functions of `adcore.ops`: expression -> (function, arrays)."""
    expressions = {e for name in ops.__all__ for e in getattr(getattr(ops, name), "_samples", ())}
    return {expression: sample(expression) for expression in sorted(expressions)}
