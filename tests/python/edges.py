"""Right values of the elementwise ops and the losses, from their mathematics alone.

`SMOOTH` has value, slope and second derivative of rows of one operand as closed forms for mpmath, `SMOOTH_PAIRS` of
rows of two; `EDGES` has, for every differentiable row, points where something may go wrong, with value, partials and
second derivatives there:

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
    hardtanh, threshold    0 at a kink, where the value of the bound counts (as PyTorch); so softshrink, hardshrink
    fmax, fmin             1/2 at ties; beside NaN the number has the slope 1
    hypot, atan2           0 at the origin, where none is defined
    i0e                    0, the mean of both slopes
"""

import mpmath as mp

INF, NAN = float("inf"), float("nan")
LN2 = float(mp.log(2))
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848, 1.0507009873554804934


def _logistic(x):
    return 1 / (1 + mp.exp(-x)) if x >= 0 else mp.exp(x) / (1 + mp.exp(x))


def _logistic_slope(x):
    return _logistic(x) * _logistic(-x)


def _logistic_curvature(x):
    return -_logistic_slope(x) * mp.tanh(x / 2)


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


def _gauss(x):
    """The slope of erf."""
    return 2 / mp.sqrt(mp.pi) * mp.exp(-x * x)


def _gelu_argument(x):
    """The argument of the sigmoid, its slope and second derivative."""
    scale, cubic = mp.sqrt(8 / mp.pi), mp.mpf("0.044715")
    return scale * (x + cubic * x**3), scale * (1 + 3 * cubic * x**2), scale * 6 * cubic * x


def _gelu_tanh_slope(x):
    u, slope, _ = _gelu_argument(x)
    return _logistic(u) + x * _logistic_slope(u) * slope


def _gelu_tanh_curvature(x):
    u, slope, curvature = _gelu_argument(x)
    return _logistic_slope(u) * (2 * slope + x * curvature - x * slope**2 * mp.tanh(u / 2))


def _mish_curvature(x):
    s, u = _logistic(x), _softplus(x)
    return _sech2(u) * (2 * s + x * (_logistic_slope(x) - 2 * s * s * mp.tanh(u)))


def _sinc(x):
    return mp.sin(mp.pi * x) / (mp.pi * x) if x else mp.mpf(1)


def _sinc_slope(x):
    return (mp.cos(mp.pi * x) - _sinc(x)) / x if x else mp.mpf(0)


def _erfinv_slope(x):
    return mp.sqrt(mp.pi) / 2 * mp.exp(mp.erfinv(x) ** 2)


def _i0(x):
    return mp.besseli(0, x)


def _i1(x):
    return mp.besseli(1, x)


def _tanhshrink(x):
    # the first two terms, where the difference would need thousands of bits
    return x**3 / 3 - 2 * x**5 / 15 if abs(x) < 1e-30 else x - mp.tanh(x)


# Value, slope and second derivative.
SMOOTH = {
    "square": (lambda x: x * x, lambda x: 2 * x, lambda x: mp.mpf(2)),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3),
    "exp": (mp.exp, mp.exp, mp.exp),
    "expm1": (mp.expm1, mp.exp, mp.exp),
    "log": (mp.log, lambda x: 1 / x, lambda x: -1 / x**2),
    "log1p": (mp.log1p, lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2),
    "sqrt": (mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), lambda x: -1 / (4 * x * mp.sqrt(x))),
    "rsqrt": (
        lambda x: 1 / mp.sqrt(x),
        lambda x: -1 / (2 * x * mp.sqrt(x)),
        lambda x: 3 / (4 * x * x * mp.sqrt(x)),
    ),
    "sin": (mp.sin, mp.cos, lambda x: -mp.sin(x)),
    "cos": (mp.cos, lambda x: -mp.sin(x), lambda x: -mp.cos(x)),
    "tan": (mp.tan, lambda x: 1 + mp.tan(x) ** 2, lambda x: 2 * mp.tan(x) * (1 + mp.tan(x) ** 2)),
    "tanh": (mp.tanh, _sech2, lambda x: -2 * mp.tanh(x) * _sech2(x)),
    "erf": (mp.erf, _gauss, lambda x: -2 * x * _gauss(x)),
    "erfc": (_erfc, lambda x: -_gauss(x), lambda x: 2 * x * _gauss(x)),
    "sigmoid": (_logistic, _logistic_slope, _logistic_curvature),
    "logsigmoid": (lambda x: -_softplus(-x), lambda x: _logistic(-x), lambda x: -_logistic_slope(x)),
    "selu": (
        lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * mp.expm1(x)),
        lambda x: SELU_SCALE * (1 if x > 0 else SELU_ALPHA * mp.exp(x)),
        lambda x: SELU_SCALE * (0 if x > 0 else SELU_ALPHA * mp.exp(x)),
    ),
    "elu": (
        lambda x: x if x > 0 else mp.expm1(x),
        lambda x: mp.mpf(1) if x > 0 else mp.exp(x),
        lambda x: mp.mpf(0) if x > 0 else mp.exp(x),
    ),
    "_gelu": (
        lambda x: x * _upper(x),
        lambda x: _upper(x) + x * _density(x),
        lambda x: (2 - x * x) * _density(x),
    ),
    "_gelu_tanh": (lambda x: x * _logistic(_gelu_argument(x)[0]), _gelu_tanh_slope, _gelu_tanh_curvature),
    "silu": (
        lambda x: x * _logistic(x),
        lambda x: _logistic(x) + x * _logistic_slope(x),
        lambda x: _logistic_slope(x) * (2 - x * mp.tanh(x / 2)),
    ),
    "mish": (
        lambda x: x * mp.tanh(_softplus(x)),
        lambda x: mp.tanh(_softplus(x)) + x * _logistic(x) * _sech2(_softplus(x)),
        _mish_curvature,
    ),
    "tanhshrink": (_tanhshrink, lambda x: mp.tanh(x) ** 2, lambda x: 2 * mp.tanh(x) * _sech2(x)),
    "softsign": (
        lambda x: x / (1 + abs(x)),
        lambda x: 1 / (1 + abs(x)) ** 2,
        lambda x: -2 * mp.sign(x) / (1 + abs(x)) ** 3,
    ),
    "hardsigmoid": (lambda x: min(max(x + 3, 0), 6) / 6, lambda x: mp.mpf(-3 < x < 3) / 6, lambda x: mp.mpf(0)),
    "hardswish": (
        lambda x: x * min(max(x + 3, 0), 6) / 6,
        lambda x: mp.mpf(x >= 3) if abs(x) >= 3 else (2 * x + 3) / 6,
        lambda x: mp.mpf(abs(x) < 3) / 3,
    ),
    "softplus": (  # beta 1, threshold 20
        lambda x: x if x > 20 else _softplus(x),
        lambda x: mp.mpf(1) if x > 20 else _logistic(x),
        lambda x: mp.mpf(0) if x > 20 else _logistic_slope(x),
    ),
    "celu": (  # alpha 1
        lambda x: x if x > 0 else mp.expm1(x),
        lambda x: mp.mpf(1) if x > 0 else mp.exp(x),
        lambda x: mp.mpf(0) if x > 0 else mp.exp(x),
    ),
    "exp2": (lambda x: mp.mpf(2) ** x, lambda x: mp.log(2) * mp.mpf(2) ** x, lambda x: mp.log(2) ** 2 * mp.mpf(2) ** x),
    "log2": (lambda x: mp.log(x) / mp.log(2), lambda x: 1 / (x * mp.log(2)), lambda x: -1 / (x * x * mp.log(2))),
    "log10": (mp.log10, lambda x: 1 / (x * mp.log(10)), lambda x: -1 / (x * x * mp.log(10))),
    "_logit": (
        lambda x: mp.log(x / (1 - x)),
        lambda x: 1 / (x * (1 - x)),
        lambda x: (2 * x - 1) / (x * (1 - x)) ** 2,
    ),
    "sinh": (mp.sinh, mp.cosh, mp.sinh),
    "cosh": (mp.cosh, mp.sinh, mp.cosh),
    "asin": (mp.asin, lambda x: 1 / mp.sqrt(1 - x * x), lambda x: x / mp.sqrt(1 - x * x) ** 3),
    "acos": (mp.acos, lambda x: -1 / mp.sqrt(1 - x * x), lambda x: -x / mp.sqrt(1 - x * x) ** 3),
    "atan": (mp.atan, lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
    "asinh": (mp.asinh, lambda x: 1 / mp.sqrt(1 + x * x), lambda x: -x / mp.sqrt(1 + x * x) ** 3),
    "acosh": (mp.acosh, lambda x: 1 / mp.sqrt(x * x - 1), lambda x: -x / mp.sqrt(x * x - 1) ** 3),
    "atanh": (mp.atanh, lambda x: 1 / (1 - x * x), lambda x: 2 * x / (1 - x * x) ** 2),
    "sinc": (_sinc, _sinc_slope, lambda x: -(2 * _sinc_slope(x) / x + mp.pi**2 * _sinc(x)) if x else -(mp.pi**2) / 3),
    "erfinv": (mp.erfinv, _erfinv_slope, lambda x: 2 * mp.erfinv(x) * _erfinv_slope(x) ** 2),
    "lgamma": (mp.loggamma, mp.digamma, lambda x: mp.psi(1, x)),
    "digamma": (mp.digamma, lambda x: mp.psi(1, x), lambda x: mp.psi(2, x)),
    "i0": (_i0, _i1, lambda x: _i0(x) - _i1(x) / x),
    "i1": (_i1, lambda x: _i0(x) - _i1(x) / x, lambda x: _i1(x) * (1 + 2 / x**2) - _i0(x) / x),
    "i0e": (
        lambda x: _i0(x) * mp.exp(-abs(x)),
        lambda x: (_i1(x) - mp.sign(x) * _i0(x)) * mp.exp(-abs(x)),
        lambda x: (2 * _i0(x) - _i1(x) * (2 * mp.sign(x) + 1 / x)) * mp.exp(-abs(x)),
    ),
    "i1e": (
        lambda x: _i1(x) * mp.exp(-abs(x)),
        lambda x: (_i0(x) - _i1(x) * (mp.sign(x) + 1 / x)) * mp.exp(-abs(x)),
        lambda x: (2 * _i1(x) * (1 + (mp.sign(x) + 1 / x) / x) - _i0(x) * (2 * mp.sign(x) + 1 / x)) * mp.exp(-abs(x)),
    ),
}
# The same for rows of two operands: value, slopes, second derivatives in one operand, and a bound of the operands,
# which are positive. A difference of the operands that is rounded costs logaddexp as many ULP as it is large.
SMOOTH_PAIRS = {
    "div": (lambda a, b: a / b, (lambda a, b: 1 / b, lambda a, b: -a / b**2), (None, lambda a, b: 2 * a / b**3), 1e3),
    "pow": (
        lambda a, b: a**b,
        (lambda a, b: b * a ** (b - 1), lambda a, b: a**b * mp.log(a)),
        (lambda a, b: b * (b - 1) * a ** (b - 2), lambda a, b: a**b * mp.log(a) ** 2),
        10,  # beyond, the slope is too large a multiple of a denormal power
    ),
    "hypot": (
        mp.hypot,
        (lambda a, b: a / mp.hypot(a, b), lambda a, b: b / mp.hypot(a, b)),
        (lambda a, b: b**2 / mp.hypot(a, b) ** 3, lambda a, b: a**2 / mp.hypot(a, b) ** 3),
        1e6,
    ),
    "atan2": (
        mp.atan2,
        (lambda a, b: b / (a * a + b * b), lambda a, b: -a / (a * a + b * b)),
        (lambda a, b: -2 * a * b / (a * a + b * b) ** 2, lambda a, b: 2 * a * b / (a * a + b * b) ** 2),
        1e6,
    ),
    "xlogy": (
        lambda a, b: a * mp.log(b),
        (lambda a, b: mp.log(b), lambda a, b: a / b),
        (None, lambda a, b: -a / b**2),
        1e6,
    ),
    "xlog1py": (
        lambda a, b: a * mp.log1p(b),
        (lambda a, b: mp.log1p(b), lambda a, b: a / (1 + b)),
        (None, lambda a, b: -a / (1 + b) ** 2),
        1e6,
    ),
    "logaddexp": (
        lambda a, b: mp.log(mp.exp(a) + mp.exp(b)),
        (lambda a, b: _logistic(a - b), lambda a, b: _logistic(b - a)),
        (lambda a, b: _logistic_slope(a - b), lambda a, b: _logistic_slope(a - b)),
        4,
    ),
    "logaddexp2": (
        lambda a, b: mp.log(mp.mpf(2) ** a + mp.mpf(2) ** b, 2),
        (lambda a, b: 1 / (1 + mp.mpf(2) ** (b - a)), lambda a, b: 1 / (1 + mp.mpf(2) ** (a - b))),
        (lambda a, b: mp.log(2) * _logistic_slope((a - b) * mp.log(2)),) * 2,
        4,
    ),
    "ldexp": (
        lambda a, b: a * mp.mpf(2) ** b,
        (lambda a, b: mp.mpf(2) ** b, lambda a, b: mp.log(2) * a * mp.mpf(2) ** b),
        (None, lambda a, b: mp.log(2) ** 2 * a * mp.mpf(2) ** b),
        50,
    ),
}
# Slopes that are rows: their values and slopes are those that SMOOTH and EDGES have for their functions.
SLOPE_ROWS = {
    **{f"_{name}_slope": name for name in "sigmoid silu mish asin atanh sinc erfinv i1 i1e hypot".split()},
    "_gelu_slope": "_gelu",
    "_gelu_tanh_slope": "_gelu_tanh",
}
# Where a row with a closed form is measured, if not everywhere: on its domain, and away from zeros of a derivative,
# about which only an absolute error can be bounded. sinc has a wave of them; the terms of i0e'' cancel down to 1 / x^2
# of their size, those of i1e' at its zero, 1.545, and those of i1e'' as those of i0e''.
DOMAINS = {
    **dict.fromkeys(["log", "sqrt", "rsqrt", "log2", "log10", "lgamma", "digamma"], lambda x: x > 0),
    "log1p": lambda x: x > -1,
    **dict.fromkeys(["asin", "acos", "atanh", "erfinv"], lambda x: abs(x) < 1),
    "acosh": lambda x: x > 1,
    "_logit": lambda x: (x > 0) & (x < 1),
    # Of an angle beyond 1e15, the oracle would need more bits than it is given.
    **dict.fromkeys(["sin", "cos", "tan"], lambda x: abs(x) < 1e15),
    "sinc": lambda x: (abs(x) < 1.2) & (abs(x) > 1e-50),
    **dict.fromkeys(["i0", "i1"], lambda x: (abs(x) < 750) & (abs(x) > 1e-30)),
    "i0e": lambda x: (abs(x) < 12) & (abs(x) > 1e-30),
    "i1e": lambda x: (abs(x) < 0.8) & (abs(x) > 1e-30),
}
# Zeros of a slope and of a second derivative inside of the domain, next to which a relative error says nothing.
SLOPE_ZEROS = {
    "_gelu": (-0.7517915246935645,),
    "_gelu_tanh": (-0.7524614220710163,),
    "silu": (-1.2784645427610738,),
    "mish": (-1.1924312145154816,),
    "hardswish": (-1.5,),
    "lgamma": (1.4616321449683622,),
}
CURVATURE_ZEROS = {
    "_gelu": (-(2**0.5), 2**0.5),
    "_gelu_tanh": (-1.4185, 1.4185),
    "silu": (-2.3993572805154677, 2.3993572805154677),
    "mish": (-2.2564, 1.4906),
    "_logit": (0.5,),
    "sinc": (-0.6626, 0.6626),
}
VALUE_ZEROS = {"lgamma": (1.0, 2.0)}

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
    "fmod": {(0.0, 2.0): (0, (1, 0), (0, 0)), (-3.5, 2.0): (-1.5, (1, 1), (0, 0)), (1.0, 0.0): (NAN, None, None)},
    "frac": {0.0: (0, 1, 0), -1.25: (-0.25, 1, 0), 1e30: (0, 1, 0), INF: (NAN, 1, 0), NAN: (NAN, 1, 0)},
    "fmax": {
        (2.0, 2.0): (2, _TIE, (0, 0)),
        (INF, -INF): (INF, (1, 0), (0, 0)),
        (NAN, 1.0): (1, (0, 1), (0, 0)),
        (1.0, NAN): (1, (1, 0), (0, 0)),
        (NAN, NAN): (NAN, None, None),
    },
    "fmin": {
        (2.0, 2.0): (2, _TIE, (0, 0)),
        (INF, -INF): (-INF, (0, 1), (0, 0)),
        (NAN, 1.0): (1, (0, 1), (0, 0)),
        (1.0, NAN): (1, (1, 0), (0, 0)),
    },
    "copysign": {
        (0.0, -1.0): (-0.0, (0, 0), (0, 0)),
        (2.0, -0.0): (-2, (-1, 0), (0, 0)),
        (-2.0, -INF): (-2, (1, 0), (0, 0)),
        (INF, -1.0): (-INF, (-1, 0), (0, 0)),
    },
    "nextafter": {
        (1.0, 1.0): (1, (1, 0), (0, 0)),
        (INF, INF): (INF, (1, 0), (0, 0)),
    },
    "heaviside": {
        (0.0, 0.5): (0.5, (0, 1), (0, 0)),
        ("-0", 0.5): (0.5, (0, 1), (0, 0)),
        (-INF, 0.5): (0, (0, 0), (0, 0)),
        (INF, NAN): (1, (0, 0), (0, 0)),
        (NAN, 0.5): (NAN, None, None),
    },
    "lerp": {
        (1.0, 3.0, 0.0): (1, (1, 0, 2), (0, 0, 0)),
        (1.0, 3.0, 1.0): (3, (0, 1, 2), (0, 0, 0)),
        (1.0, 3.0, 2.0): (5, (-1, 2, 2), (0, 0, 0)),
        (NAN, 3.0, 0.5): (NAN, None, None),
    },
    "exp2": {
        0.0: (1, LN2, LN2**2),
        -INF: (0, 0, 0),
        INF: (INF, INF, INF),
        NAN: (NAN, NAN, NAN),
        10.0: (1024, None, None),
    },
    "log2": {0.0: (-INF, INF, -INF), 8.0: (3, 1 / (8 * LN2), None), INF: (INF, 0, 0), -1.0: (NAN, None, None)},
    "log10": {0.0: (-INF, INF, -INF), 1000.0: (3, None, None), INF: (INF, 0, 0), -1.0: (NAN, None, None)},
    "_logit": {
        0.0: (-INF, INF, -INF),
        0.5: (0, 4, 0),
        1.0: (INF, INF, INF),
        -0.5: (NAN, None, None),
        2.0: (NAN, None, None),
        NAN: (NAN, NAN, NAN),
    },
    "logaddexp": {
        (0.0, 0.0): (LN2, _TIE, (0.25, 0.25)),
        (INF, INF): (INF, _TIE, None),
        (-INF, -INF): (-INF, _TIE, None),
        (INF, 1.0): (INF, (1, 0), (0, 0)),
        (-INF, 1.0): (1, (0, 1), (0, 0)),
        (1000.0, 1000.0): (1000 + LN2, _TIE, (0.25, 0.25)),
        (NAN, 1.0): (NAN, (NAN, NAN), None),
    },
    "logaddexp2": {
        (0.0, 0.0): (1, _TIE, (LN2 / 4, LN2 / 4)),
        (INF, INF): (INF, _TIE, None),
        (INF, 1.0): (INF, (1, 0), (0, 0)),
        (-INF, 1.0): (1, (0, 1), (0, 0)),
    },
    "xlogy": {
        (0.0, 0.0): (0, (0, 0), (0, 0)),
        (0.0, 2.0): (0, (LN2, 0), (0, 0)),
        (2.0, 0.0): (-INF, (-INF, INF), (0, -INF)),
        (0.0, INF): (0, (INF, 0), (0, 0)),
        (0.0, NAN): (NAN, None, None),
        (1.0, -1.0): (NAN, None, None),
    },
    "xlog1py": {
        (0.0, -1.0): (0, (0, 0), (0, 0)),
        (0.0, 1.0): (0, (LN2, 0), (0, 0)),
        (2.0, -1.0): (-INF, (-INF, INF), (0, -INF)),
        (0.0, NAN): (NAN, None, None),
    },
    "ldexp": {
        (3.0, 4.0): (48, (16, 48 * LN2), (0, 48 * LN2**2)),
        (0.0, 4.0): (0, (16, 0), (0, 0)),
    },
    "sinh": {0.0: (0, 1, 0), "-0": (-0.0, 1, 0), INF: (INF, INF, INF), -INF: (-INF, INF, -INF), NAN: (NAN, NAN, NAN)},
    "cosh": {0.0: (1, 0, 1), INF: (INF, INF, INF), -INF: (INF, -INF, INF), NAN: (NAN, NAN, NAN)},
    "asin": {
        0.0: (0, 1, 0),
        "-0": (-0.0, 1, 0),
        1.0: (float(mp.pi / 2), INF, INF),
        -1.0: (-float(mp.pi / 2), INF, -INF),
        2.0: (NAN, NAN, NAN),
        NAN: (NAN, NAN, NAN),
    },
    "acos": {
        0.0: (float(mp.pi / 2), -1, 0),
        1.0: (0, -INF, -INF),
        -1.0: (float(mp.pi), -INF, INF),
        2.0: (NAN, NAN, NAN),
    },
    "atan": {
        0.0: (0, 1, 0),
        "-0": (-0.0, 1, 0),
        INF: (float(mp.pi / 2), 0, 0),
        -INF: (-float(mp.pi / 2), 0, 0),
        NAN: (NAN, NAN, NAN),
    },
    "atan2": {
        (0.0, 0.0): (0, (0, 0), (0, 0)),
        (0.0, -1.0): (float(mp.pi), (-1, 0), (0, 0)),
        ("-0", -1.0): (-float(mp.pi), (-1, 0), (0, 0)),
        (1.0, 0.0): (float(mp.pi / 2), (0, -1), (0, 0)),
        (INF, INF): (float(mp.pi / 4), (0, 0), (0, 0)),
        (1.0, INF): (0, (0, 0), (0, 0)),
        (NAN, 1.0): (NAN, (NAN, NAN), None),
    },
    "asinh": {0.0: (0, 1, 0), "-0": (-0.0, 1, 0), INF: (INF, 0, 0), -INF: (-INF, 0, 0), NAN: (NAN, NAN, NAN)},
    "acosh": {1.0: (0, INF, None), INF: (INF, 0, 0), 0.5: (NAN, NAN, NAN), NAN: (NAN, NAN, NAN)},
    "atanh": {
        0.0: (0, 1, 0),
        "-0": (-0.0, 1, 0),
        1.0: (INF, INF, INF),
        -1.0: (-INF, INF, -INF),
        2.0: (NAN, None, None),
        NAN: (NAN, NAN, NAN),
    },
    "hypot": {
        (0.0, 0.0): (0, (0, 0), (0, 0)),
        (3.0, 4.0): (5, (0.6, 0.8), (0.128, 0.072)),
        (INF, 1.0): (INF, (1, 0), (0, 0)),
        (-INF, NAN): (INF, None, None),
        (0.0, 2.0): (2, (0, 1), (0.5, 0)),
        (NAN, 1.0): (NAN, (NAN, NAN), None),
    },
    "sinc": {0.0: (1, 0, -float(mp.pi**2) / 3), 1.0: (0, -1, 2), NAN: (NAN, NAN, NAN)},
    "erfinv": {
        0.0: (0, float(mp.sqrt(mp.pi) / 2), 0),
        "-0": (-0.0, float(mp.sqrt(mp.pi) / 2), 0),
        1.0: (INF, INF, INF),
        -1.0: (-INF, INF, -INF),
        2.0: (NAN, NAN, NAN),
        NAN: (NAN, NAN, NAN),
    },
    "lgamma": {
        1.0: (0, -float(mp.euler), float(mp.pi**2 / 6)),
        0.0: (INF, -INF, INF),
        -1.0: (INF, NAN, INF),
        INF: (INF, INF, 0),
        NAN: (NAN, NAN, NAN),
    },
    "digamma": {
        1.0: (-float(mp.euler), float(mp.pi**2 / 6), -2 * float(mp.zeta(3))),
        0.0: (-INF, INF, -INF),
        "-0": (INF, INF, INF),
        -1.0: (NAN, INF, NAN),
        -0.25: (float(mp.digamma(-0.25)), float(mp.psi(1, -0.25)), float(mp.psi(2, -0.25))),
        INF: (INF, 0, 0),
        NAN: (NAN, NAN, NAN),
    },
    "_polygamma": {
        (1.0, 1.0): (float(mp.pi**2 / 6), (0, -2 * float(mp.zeta(3))), (0, float(mp.pi**4 / 15))),
        (1.0, -1.25): (float(mp.psi(1, -1.25)), (0, float(mp.psi(2, -1.25))), (0, float(mp.psi(3, -1.25)))),
        (2.0, INF): (0, (0, 0), (0, 0)),
        (1.0, 0.0): (INF, (0, -INF), (0, INF)),
        (1.0, NAN): (NAN, None, None),
    },
    "i0": {0.0: (1, 0, 0.5), INF: (INF, INF, INF), -INF: (INF, -INF, INF), NAN: (NAN, NAN, NAN)},
    "i1": {0.0: (0, 0.5, 0), "-0": (-0.0, 0.5, 0), INF: (INF, INF, INF), -INF: (-INF, INF, -INF), NAN: (NAN, NAN, NAN)},
    "i0e": {0.0: (1, 0, None), INF: (0, 0, 0), -INF: (0, 0, 0), NAN: (NAN, NAN, NAN)},
    "i1e": {0.0: (0, 0.5, None), "-0": (-0.0, 0.5, None), INF: (0, 0, 0), -INF: (0, 0, 0), NAN: (NAN, NAN, NAN)},
    "_gauss": {0.0: (1, 0, -2), INF: (0, 0, 0), -INF: (0, 0, 0), NAN: (NAN, NAN, NAN)},
    "celu": {
        (0.0, 2.0): (0, (1, 0), (0.5, 0)),
        (-INF, 2.0): (-2, (0, -1), (0, None)),
        (INF, 2.0): (INF, (1, 0), (0, 0)),
        (NAN, 2.0): (NAN, (NAN, NAN), None),
    },
    "hardtanh": {
        (0.5, 0.0, 1.0): (0.5, (1, 0, 0), (0, 0, 0)),
        (0.0, 0.0, 1.0): (0, (0, 1, 0), (0, 0, 0)),
        (1.0, 0.0, 1.0): (1, (0, 0, 1), (0, 0, 0)),
        (INF, 0.0, 1.0): (1, (0, 0, 1), (0, 0, 0)),
        (NAN, 0.0, 1.0): (NAN, None, None),
    },
    "softshrink": {
        (0.5, 0.5): (0, (0, 0), (0, 0)),
        (-2.0, 0.5): (-1.5, (1, 1), (0, 0)),
        (INF, 0.5): (INF, (1, -1), (0, 0)),
        (NAN, 0.5): (NAN, None, None),
    },
    "hardshrink": {
        (0.5, 0.5): (0, (0, 0), (0, 0)),
        (-2.0, 0.5): (-2, (1, 0), (0, 0)),
        (INF, 0.5): (INF, (1, 0), (0, 0)),
        (NAN, 0.5): (NAN, None, None),
    },
    "threshold": {
        (0.5, 0.5, 9.0): (9, (0, 0, 1), (0, 0, 0)),
        (2.0, 0.5, INF): (2, (1, 0, 0), (0, 0, 0)),
        (NAN, 0.5, 9.0): (NAN, None, None),
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


def _slope_edges(points):
    """The value and slope of a slope, in its first operand, from its function's slope and second derivative."""
    first = lambda v: v if v is None or not isinstance(v, tuple) else v[0]
    for point, (_, slopes, curvatures) in points.items():
        if first(slopes) is not None:
            slope = first(curvatures)
            yield point, (first(slopes), (slope, None) if isinstance(point, tuple) else slope, None)


EDGES |= {row: dict(_slope_edges(EDGES[name])) for row, name in SLOPE_ROWS.items()}
