"""Right values of the elementwise ops and the losses, from their mathematics alone.

`SMOOTH` has value and slope of rows of one operand as closed forms for mpmath; `EDGES` has, for every differentiable
row, points where something may go wrong, with value, partials and second derivatives there:

    name: {operands: (value, slopes, curvatures)}

with a number for a row of one operand, a tuple of one number for each operand else; "-0" is the number, which as a key
would be the other zero. `None` stands where nothing is promised. A value at an infinity is the limit. A slope at a kink
is the subgradient that the source names:

    abs, max ties          0 and 1/2, the means of both slopes (as JAX and PyTorch)
    relu, relu6            0 at every kink (as MindSpore, PyTorch)
    elu, selu              the slope from the left (as PyTorch)
    hardsigmoid, hardswish the slope of the flat or linear part (as PyTorch)
    leaky_relu             the mean of both slopes
    pow                    x**0 is 1, so its slope is 0; 0**b is 0 for b > 0, so that in b is 0
    clamp                  1 at a bound for the clamped operand (as PyTorch)
"""

import mpmath as mp

INF, NAN = float("inf"), float("nan")
LN2 = float(mp.log(2))
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848, 1.0507009873554804934


def _logistic(x):
    return 1 / (1 + mp.exp(-x)) if x >= 0 else mp.exp(x) / (1 + mp.exp(x))


def _logistic_slope(x):
    return _logistic(x) * _logistic(-x)


def _softplus(x):
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def _sech2(x):
    return 1 / mp.cosh(x) ** 2


def _erfc(x):
    return mp.mpf(2 * (x < 0)) if abs(x) > 1e4 else mp.erfc(x)


def _upper(x):
    """The standard normal's mass below x."""
    return _erfc(-x / mp.sqrt(2)) / 2


def _density(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def _gelu_argument(x):
    return mp.sqrt(8 / mp.pi) * (x + mp.mpf("0.044715") * x**3)


def _gelu_tanh_slope(x):
    u = _gelu_argument(x)
    slope = mp.sqrt(8 / mp.pi) * (1 + 3 * mp.mpf("0.044715") * x**2)
    return _logistic(u) + x * _logistic_slope(u) * slope


def _tanhshrink(x):
    # the first two terms, where the difference would need thousands of bits
    return x**3 / 3 - 2 * x**5 / 15 if abs(x) < 1e-30 else x - mp.tanh(x)


# Value and slope.
SMOOTH = {
    "square": (lambda x: x * x, lambda x: 2 * x),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2),
    "exp": (mp.exp, mp.exp),
    "expm1": (mp.expm1, mp.exp),
    "log": (mp.log, lambda x: 1 / x),
    "log1p": (mp.log1p, lambda x: 1 / (1 + x)),
    "sqrt": (mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x))),
    "rsqrt": (lambda x: 1 / mp.sqrt(x), lambda x: -1 / (2 * x * mp.sqrt(x))),
    "sin": (mp.sin, mp.cos),
    "cos": (mp.cos, lambda x: -mp.sin(x)),
    "tan": (mp.tan, lambda x: 1 + mp.tan(x) ** 2),
    "tanh": (mp.tanh, _sech2),
    "erf": (mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x)),
    "erfc": (_erfc, lambda x: -2 / mp.sqrt(mp.pi) * mp.exp(-x * x)),
    "sigmoid": (_logistic, _logistic_slope),
    "logsigmoid": (lambda x: -_softplus(-x), lambda x: _logistic(-x)),
    "selu": (
        lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * mp.expm1(x)),
        lambda x: SELU_SCALE * (1 if x > 0 else SELU_ALPHA * mp.exp(x)),
    ),
    "elu": (lambda x: x if x > 0 else mp.expm1(x), lambda x: mp.mpf(1) if x > 0 else mp.exp(x)),
    "_gelu": (lambda x: x * _upper(x), lambda x: _upper(x) + x * _density(x)),
    "_gelu_tanh": (lambda x: x * _logistic(_gelu_argument(x)), _gelu_tanh_slope),
    "silu": (lambda x: x * _logistic(x), lambda x: _logistic(x) + x * _logistic_slope(x)),
    "mish": (
        lambda x: x * mp.tanh(_softplus(x)),
        lambda x: mp.tanh(_softplus(x)) + x * _logistic(x) * _sech2(_softplus(x)),
    ),
    "tanhshrink": (_tanhshrink, lambda x: mp.tanh(x) ** 2),
    "softsign": (lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "hardsigmoid": (lambda x: min(max(x + 3, 0), 6) / 6, lambda x: mp.mpf(-3 < x < 3) / 6),
    "hardswish": (
        lambda x: x * min(max(x + 3, 0), 6) / 6,
        lambda x: mp.mpf(x >= 3) if abs(x) >= 3 else (2 * x + 3) / 6,
    ),
    "softplus": (  # beta 1, threshold 20
        lambda x: x if x > 20 else _softplus(x),
        lambda x: mp.mpf(1) if x > 20 else _logistic(x),
    ),
}
# Zeros of a slope inside of its domain, next to which its relative error says nothing.
SLOPE_ZEROS = {
    "_gelu": (-0.7517915246935645,),
    "_gelu_tanh": (-0.7524614220710163,),
    "silu": (-1.2784645427610738,),
    "mish": (-1.1924312145154816,),
    "hardswish": (-1.5,),
}

_BELOW = {-INF: (0, 0, 0), INF: (INF, 1, 0), NAN: (NAN, NAN, None)}  # from 0 up to the identity
_STEP = {-INF: (0, 0, 0), INF: (1, 0, 0), NAN: (NAN, NAN, None)}
_ODD_STEP = {-INF: (-1, 0, 0), INF: (1, 0, 0), NAN: (NAN, NAN, None)}
_WAVE = {INF: (NAN, NAN, NAN), -INF: (NAN, NAN, NAN), NAN: (NAN, NAN, NAN)}
_TIE = (0.5, 0.5)

EDGES = {
    "add": {(0.0, -0.0): (0, (1, 1), (0, 0)), (INF, -INF): (NAN, (1, 1), (0, 0)), (1e38, 1.0): (1e38, (1, 1), (0, 0))},
    "sub": {(0.0, 0.0): (0, (1, -1), (0, 0)), (INF, INF): (NAN, (1, -1), (0, 0))},
    "mul": {(0.0, 3.0): (0, (3, 0), (0, 0)), (0.0, INF): (NAN, (INF, 0), (0, 0)), (INF, 2.0): (INF, (2, INF), (0, 0))},
    "_weighted": {
        (2.0, 3.0): (6, (3, 2), (0, 0)),
        (0.0, INF): (0, (INF, 0), (0, 0)),
        (0.0, -INF): (0, (-INF, 0), (0, 0)),
        (0.0, NAN): (0, (NAN, 0), (0, 0)),
        (2.0, INF): (INF, (INF, 2), (0, 0)),
        (INF, 0.0): (NAN, (0, INF), (0, 0)),
    },
    "div": {
        (1.0, 0.0): (INF, (INF, -INF), (None, INF)),
        (0.0, 2.0): (0, (0.5, 0), (0, 0)),
        (1.0, INF): (0, (0, 0), (0, 0)),
        (INF, 2.0): (INF, (0.5, -INF), (0, INF)),
        (0.0, 0.0): (NAN, (INF, NAN), None),
    },
    "floor_mod": {(0.0, 2.0): (0, (1, 0), (0, 0)), (-0.5, 2.0): (1.5, (1, 1), (0, 0)), (1.0, 0.0): (NAN, None, None)},
    "neg": {0.0: (0, -1, 0), INF: (-INF, -1, 0), NAN: (NAN, -1, 0)},
    "abs": {0.0: (0, 0, 0), "-0": (0, 0, 0), INF: (INF, 1, 0), -INF: (INF, -1, 0), NAN: (NAN, NAN, None)},
    "square": {0.0: (0, 0, 2), "-0": (0, 0, 2), -INF: (INF, -INF, 2), NAN: (NAN, NAN, 2), 1e-30: (1e-60, 2e-30, 2)},
    "reciprocal": {0.0: (INF, -INF, INF), "-0": (-INF, -INF, -INF), INF: (0, 0, 0), NAN: (NAN, NAN, NAN)},
    "pow": {
        (0.0, 0.0): (1, (0, 0), (0, 0)),
        (0.0, 1.0): (0, (1, 0), (0, 0)),
        (0.0, 2.0): (0, (0, 0), (2, 0)),
        (0.0, 3.0): (0, (0, 0), (0, 0)),
        (0.0, 0.5): (0, (INF, 0), (-INF, 0)),
        (0.0, -1.0): (INF, (-INF, -INF), (INF, INF)),
        (-2.0, 2.0): (4, (-4, NAN), (2, NAN)),
        (-2.0, 0.5): (NAN, (NAN, NAN), None),
        (INF, 0.0): (1, (0, INF), (0, INF)),
        (INF, -1.0): (0, (0, 0), (0, 0)),
        (INF, 2.0): (INF, (INF, INF), (2, INF)),
        (NAN, 0.0): (1, (0, NAN), None),
        (1.0, INF): (1, None, None),
    },
    "maximum": {
        (2.0, 2.0): (2, _TIE, (0, 0)),
        (0.0, -0.0): (0, _TIE, (0, 0)),
        (INF, -INF): (INF, (1, 0), (0, 0)),
        (INF, INF): (INF, _TIE, (0, 0)),
        (NAN, 1.0): (NAN, None, None),
        (1.0, NAN): (NAN, None, None),
    },
    "minimum": {
        (2.0, 2.0): (2, _TIE, (0, 0)),
        (0.0, -0.0): (0, _TIE, (0, 0)),
        (INF, -INF): (-INF, (0, 1), (0, 0)),
        (NAN, 1.0): (NAN, None, None),
        (1.0, NAN): (NAN, None, None),
    },
    "where": {
        (1.0, NAN, 2.0): (NAN, (0, 1, 0), (0, 0, 0)),
        (0.0, NAN, 2.0): (2, (0, 0, 1), (0, 0, 0)),
        (NAN, 1.0, INF): (1, (0, 1, 0), (0, 0, 0)),
    },
    "_clamp": {
        (0.0, 0.0, 1.0): (0, (1, 0, 0), (0, 0, 0)),
        (1.0, 0.0, 1.0): (1, (1, 0, 0), (0, 0, 0)),
        (INF, 0.0, 1.0): (1, (0, 0, 1), (0, 0, 0)),
        (-INF, 0.0, 1.0): (0, (0, 1, 0), (0, 0, 0)),
        (0.5, 2.0, 1.0): (1, (0, 0, 1), (0, 0, 0)),
        (NAN, 0.0, 1.0): (NAN, None, None),
    },
    "exp": {
        0.0: (1, 1, 1),
        -INF: (0, 0, 0),
        INF: (INF, INF, INF),
        NAN: (NAN, NAN, NAN),
        1e30: (INF, INF, INF),
        -1e30: (0, 0, 0),
    },
    "expm1": {0.0: (0, 1, 1), "-0": (-0.0, 1, 1), -INF: (-1, 0, 0), INF: (INF, INF, INF), NAN: (NAN, NAN, NAN)},
    "log": {0.0: (-INF, INF, -INF), 1.0: (0, 1, -1), INF: (INF, 0, 0), -1.0: (NAN, None, None), NAN: (NAN, NAN, NAN)},
    "log1p": {0.0: (0, 1, -1), -1.0: (-INF, INF, -INF), INF: (INF, 0, 0), -2.0: (NAN, None, None)},
    "sqrt": {
        0.0: (0, INF, -INF),
        4.0: (2, 0.25, -0.03125),
        INF: (INF, 0, 0),
        -1.0: (NAN, NAN, NAN),
        NAN: (NAN, NAN, NAN),
    },
    "rsqrt": {0.0: (INF, -INF, INF), INF: (0, 0, 0), -1.0: (NAN, NAN, NAN)},
    "sin": {0.0: (0, 1, 0), "-0": (-0.0, 1, 0), **_WAVE},
    "cos": {0.0: (1, 0, -1), **_WAVE},
    "tan": {0.0: (0, 1, 0), "-0": (-0.0, 1, 0), **_WAVE},
    "tanh": {0.0: (0, 1, 0), "-0": (-0.0, 1, 0), **_ODD_STEP},
    "erf": {0.0: (0, float(2 / mp.sqrt(mp.pi)), 0), **_ODD_STEP},
    "erfc": {0.0: (1, -float(2 / mp.sqrt(mp.pi)), 0), -INF: (2, 0, 0), INF: (0, 0, 0), NAN: (NAN, NAN, None)},
    "sigmoid": {0.0: (0.5, 0.25, 0), **_STEP},
    "logsigmoid": {
        0.0: (-LN2, 0.5, -0.25),
        -INF: (-INF, 1, 0),
        INF: (0, 0, 0),
        -800.0: (-800, 1, 0),
        NAN: (NAN, NAN, None),
    },
    "relu": {0.0: (0, 0, 0), "-0": (0, 0, 0), INF: (INF, 1, 0), -INF: (0, 0, 0), NAN: (NAN, None, None)},
    "relu6": {0.0: (0, 0, 0), 6.0: (6, 0, 0), INF: (6, 0, 0), -INF: (0, 0, 0), NAN: (NAN, None, None)},
    "leaky_relu": {
        (0.0, 0.2): (0, (0.6, 0), (0, 0)),
        (INF, 0.2): (INF, (1, 0), (0, 0)),
        (-INF, 0.2): (-INF, (0.2, -INF), (0, 0)),
        (NAN, 0.2): (NAN, None, None),
    },
    "elu": {
        (0.0, 2.0): (0, (2, 0), (2, 0)),
        (-INF, 2.0): (-2, (0, -1), (0, 0)),
        (INF, 2.0): (INF, (1, 0), (0, 0)),
        (NAN, 2.0): (NAN, (NAN, NAN), None),
    },
    "selu": {
        0.0: (0, SELU_ALPHA * SELU_SCALE, SELU_ALPHA * SELU_SCALE),
        -INF: (-SELU_ALPHA * SELU_SCALE, 0, 0),
        INF: (INF, SELU_SCALE, 0),
        NAN: (NAN, NAN, None),
    },
    "_gelu": {0.0: (0, 0.5, float(mp.sqrt(2 / mp.pi))), **_BELOW, -1e30: (0, 0, 0), 1e30: (1e30, 1, 0)},
    "_gelu_tanh": {0.0: (0, 0.5, float(mp.sqrt(2 / mp.pi))), **_BELOW, -1e30: (0, 0, 0), 1e30: (1e30, 1, 0)},
    "silu": {0.0: (0, 0.5, 0.5), **_BELOW, -1e30: (0, 0, 0), 1e30: (1e30, 1, 0)},
    "mish": {0.0: (0, 0.6, 0.64), **_BELOW, -1e30: (0, 0, 0), 1e30: (1e30, 1, 0)},
    "hardsigmoid": {
        -3.0: (0, 0, 0),
        0.0: (0.5, 1 / 6, 0),
        3.0: (1, 0, 0),
        INF: (1, 0, 0),
        -INF: (0, 0, 0),
        NAN: (NAN, None, None),
    },
    "hardswish": {
        -3.0: (0, 0, 0),
        0.0: (0, 0.5, 1 / 3),
        3.0: (3, 1, 0),
        INF: (INF, 1, 0),
        -INF: (0, 0, 0),
        NAN: (NAN, NAN, None),
        2e38: (2e38, 1, 0),
    },
    "tanhshrink": {
        0.0: (0, 0, 0),
        INF: (INF, 1, 0),
        -INF: (-INF, 1, 0),
        NAN: (NAN, NAN, None),
        1e-10: (1e-30 / 3, 1e-20, 2e-10),
    },
    "softsign": {0.0: (0, 1, 0), "-0": (-0.0, 1, 0), **_ODD_STEP, 1e30: (1, 0, 0)},
    "softplus": {
        (0.0, 1.0, 20.0): (LN2, (0.5, -LN2, 0), (0.25, None, 0)),
        (-INF, 1.0, 20.0): (0, (0, 0, 0), (0, 0, 0)),
        (INF, 1.0, 20.0): (INF, (1, 0, 0), (0, 0, 0)),
        (INF, 1.0, INF): (INF, (1, 0, 0), (0, 0, 0)),
        (NAN, 1.0, 20.0): (NAN, (NAN, NAN, 0), None),
    },
    "_binary_cross_entropy": {  # the last operand is where 1 - p is cut off
        (0.0, 0.0, 0.125): (0, (1, 100, 0), None),
        (1.0, 1.0, 0.125): (0, (-1, -100, 0), None),
        (0.0, 1.0, 0.125): (100, (-(2.0**126), 100, 0), None),
        (1.0, 0.0, 0.125): (100, (8, -100, 0), (0, 0, 0)),
        (0.5, 0.5, 0.125): (LN2, (0, 0, 0), (4, 0, 0)),
        (0.25, 1.0, 0.125): (2 * LN2, (-4, float(mp.log(3)), 0), (16, 0, 0)),
        (-0.5, 1.0, 0.125): (NAN, None, None),
        (NAN, 1.0, 0.125): (NAN, (NAN, NAN, 0), None),
    },
}

# Binary cross-entropy with logits at infinite ones: (logit, label, weight, pos_weight), the value, the slopes and the
# second derivatives. All are limits as the logit goes there.
LOGIT_EDGES = {
    (INF, 1.0, 1.0, 1.0): (0, (0, -INF, 0, 0), (0, 0, 0, 0)),
    (-INF, 0.0, 1.0, 1.0): (0, (0, INF, 0, 0), (0, 0, 0, 0)),
    (INF, 0.0, 1.0, 1.0): (INF, (1, -INF, INF, 0), (0, 0, 0, 0)),
    (-INF, 1.0, 1.0, 1.0): (INF, (-1, INF, INF, INF), (0, 0, 0, 0)),
    (INF, 0.25, 2.0, 3.0): (INF, (1.5, -INF, INF, 0), (0, 0, 0, 0)),
    (-INF, 0.25, 2.0, 3.0): (INF, (-1.5, INF, INF, INF), (0, 0, 0, 0)),
    (INF, 1.0, 2.0, 3.0): (0, (0, -INF, 0, 0), (0, 0, 0, 0)),
    (INF, 0.0, 0.0, 1.0): (0, (0, None, INF, 0), (0, None, 0, 0)),
    (-INF, 1.0, 1.0, 0.0): (0, (0, None, 0, INF), (0, None, 0, 0)),
    (NAN, 1.0, 1.0, 1.0): (NAN, (NAN, NAN, NAN, NAN), (NAN, None, None, None)),
}
