"""Samples of ops and cells: the calls by which the declaration of one lets the laws try it.

A function of `adcore.ops` and a class of `adcore.nn` carry them as `_samples`, a tuple of Python expressions that call
it by its bare name, such as "norm(x(3, 4), 2, 1)" and "Dense(4, 2)(x(3, 4))". All functions, classes and dtypes have
their names there, and

    x(*shape, low=-2.0, high=2.0)   an input of float64, which is differentiated
    i(*shape, n=3)                  a constant of int64 in [0, n)
    b(*shape)                       a constant of bool
    Tensor(values)                  a constant

The numbers depend on the expression alone, those that a cell starts with too. Those of one `x` keep apart from each
other and from the middle of their interval, so that `max(x(3, 4))` and `abs(x(3, 4))` have no kink within reach of a
finite difference. An expression that names float64 is not tried with inputs of other dtypes.
"""

import types
import zlib

import numpy as np

import adcore
from adcore import Tensor, dtype, nn, ops
from adcore._ops import native

_CELLS = {name: getattr(nn, name) for name in nn.__all__ if isinstance(getattr(nn, name), type)}
# Functions of the core that layers alone call.
_PRIVATE = {name: f for name, f in vars(native).items() if name.startswith("_") and getattr(f, "_samples", ())}
_NAMES = {
    **{name: getattr(ops, name) for name in ops.__all__},
    **_PRIVATE,
    **{name: value for name, value in vars(adcore).items() if isinstance(value, dtype)},
}


def _apart(rng, shape, low, high):
    """Return one random number from the upper half of each cell of an interval, in random order."""
    n = int(np.prod(shape))
    places = rng.permutation(n) + rng.uniform(0.6, 0.8, n)
    return (low + (high - low) * places / max(n, 1)).reshape(shape)


def _names_in(code):
    """Return the names that a piece of code, and what is defined inside of it, asks for."""
    inside = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*map(_names_in, inside))


def sample(expression, tensor=Tensor, **names):
    """Return an expression as a function of Tensors that stand for its inputs, and the inputs as NumPy arrays.

    It may be read as that of another library: `tensor` makes of an array what is there instead of a Tensor, and `names`
    are further names, which stand in front.
    """
    code = compile(expression, expression, "eval")
    said = _names_in(code)
    # Those alone: a function that is recorded is compared with all that it can reach.
    names = {name: value for name, value in {**_NAMES, "Tensor": tensor, **names}.items() if name in said}
    seed = zlib.crc32(expression.encode())
    rng = np.random.default_rng(seed)
    adcore.set_seed(seed)
    drawn = []  # of each x, i and b, as Python evaluates them: whether it is an input, and its numbers
    made = []  # the cells, likewise

    def draw(is_input, numbers):
        drawn.append((is_input, numbers))
        return tensor(numbers)

    def x(*shape, low=-2.0, high=2.0):
        return draw(True, _apart(rng, shape, low, high))

    def i(*shape, n=3):
        return draw(False, rng.integers(0, n, shape))

    def b(*shape):
        return draw(False, rng.random(shape) < 0.5)

    def making(cls):
        def make(*args, **options):
            made.append(cls(*args, **options))
            return made[-1]

        return make

    classes = {name: cls for name, cls in _CELLS.items() if name in said}
    names.update({name: making(cls) for name, cls in classes.items()})
    eval(code, {**names, "x": x, "i": i, "b": b})

    def function(*inputs):
        given = iter(inputs)
        values = iter([next(given) if is_input else tensor(numbers) for is_input, numbers in drawn])
        following = lambda *shape, **options: next(values)
        again = iter(made)
        cells = dict.fromkeys(classes, lambda *args, **options: next(again))
        return eval(code, {**names, **cells, "x": following, "i": following, "b": following})

    return function, [numbers for is_input, numbers in drawn if is_input]


def samples():
    """Return the samples of all ops and cells: expression -> (function, arrays)."""
    carriers = [*(getattr(ops, name) for name in ops.__all__), *_PRIVATE.values(), *_CELLS.values()]
    expressions = {expression for carrier in carriers for expression in getattr(carrier, "_samples", ())}
    return {expression: sample(expression) for expression in sorted(expressions)}
