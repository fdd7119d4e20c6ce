"""Initial values of Parameters: ``initializer(init, shape, dtype)`` and the distributions it knows by name.

Random values come from adcore's own generator, so ``adcore.set_seed`` makes them repeatable. An own distribution is a
subclass of `Initializer` that fills a NumPy array in ``_initialize(self, arr)``. The formulas of the scaled
distributions are those of Glorot and Bengio 2010 (Xavier) and He et al. 2015 (He, arXiv:1502.01852).
"""

import math

from .. import _ops
from .._core import Tensor, float32, float64, random_normal, random_uniform

__all__ = [
    "Constant",
    "Dirac",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "Normal",
    "One",
    "Orthogonal",
    "Sparse",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "XavierNormal",
    "XavierUniform",
    "Zero",
    "initializer",
]

_NAMES = {}


def _register(*aliases):
    def add(cls):
        for name in (cls.__name__.lower(), *aliases):
            _NAMES[name] = cls
        return cls

    return add


def initializer(init, shape=None, dtype=float32):
    """Make a Tensor with initial values.

    Parameters
    ----------
    init : Tensor, str, Initializer or number
        A Tensor is returned as it is (its shape must be `shape`, if that is given). A str names a distribution in any
        case: 'zeros', 'ones', 'normal', 'uniform', 'truncatednormal', 'he_normal', 'he_uniform', 'xavier_normal',
        'xavier_uniform', 'identity', 'orthogonal', 'dirac', 'variancescaling'. A number is repeated.
    shape : int, tuple or list of int
        Positive sizes.
    dtype : dtype

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        If `init` is none of these.
    ValueError
        If the name is unknown, a size is not a positive int, or the shape does not suit `init`.

    Examples
    --------
    >>> from adcore.common.initializer import initializer, HeUniform
    >>> initializer("ones", (2, 3)).asnumpy().tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    >>> bool(abs(initializer(HeUniform(), (8, 6)).asnumpy()).max() <= 1.0)
    True
    """
    if isinstance(shape, list):
        shape = tuple(shape)
    elif shape is not None and not isinstance(shape, tuple):
        shape = (shape,)
    if isinstance(init, Tensor):
        if shape is not None and tuple(init.shape) != shape:
            raise ValueError(f"initializer: the Tensor has shape {tuple(init.shape)}, but shape is {shape}.")
        return init
    if not isinstance(init, (str, Initializer)) and not _is_number(init):
        raise TypeError(
            f"initializer: init must be a Tensor, a name, an Initializer or a number, but got {type(init).__name__}."
        )
    if shape is None:
        raise ValueError("initializer: shape is missing. Give the shape of the Tensor to make.")
    if not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in shape):
        raise ValueError(f"initializer: every size must be a positive int, but shape is {shape}.")
    return _resolve(init)._tensor(shape, dtype)


def _is_number(value):
    return isinstance(value, (int, float)) or (hasattr(value, "__float__") and getattr(value, "shape", None) == ())


def _resolve(init):
    if isinstance(init, str):
        cls = _NAMES.get(init.lower())
        if cls is None:
            raise ValueError(f"initializer: unknown name {init!r}. Known are {', '.join(sorted(_NAMES))}.")
        if cls is Sparse:
            raise ValueError("initializer: 'sparse' needs a sparsity. Use Sparse(sparsity) instead of the name.")
        return cls()
    return init if isinstance(init, Initializer) else Constant(init)


class Initializer:
    """Base class of the distributions. A subclass fills a NumPy array in ``_initialize(self, arr)``.

    Examples
    --------
    >>> from adcore.common.initializer import Initializer, initializer
    >>> class Ramp(Initializer):
    ...     def _initialize(self, arr):
    ...         arr[...] = range(arr.shape[-1])
    >>> initializer(Ramp(), (2, 3)).asnumpy().tolist()
    [[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]]
    """

    def __init__(self, **kwargs):
        self._kwargs = kwargs

    def _initialize(self, arr):
        raise NotImplementedError(f"{type(self).__name__}: _initialize(self, arr) is not defined. It fills arr.")

    def _tensor(self, shape, dtype):
        import numpy as np

        arr = np.zeros(shape, np.float64 if dtype == float64 else np.float32)
        self._initialize(arr)
        return Tensor(arr, dtype)

    def __call__(self, arr):
        """Fill a NumPy array."""
        return self._initialize(arr)

    def __repr__(self):
        inner = ", ".join(f"{name}={value!r}" for name, value in self._kwargs.items())
        return f"{type(self).__name__}({inner})"


class _Native(Initializer):
    """A distribution that makes its Tensor without NumPy: ``_draw(shape, dtype)``, for float32 and float64."""

    def _initialize(self, arr):
        arr[...] = self._draw(arr.shape, float64 if arr.dtype == "float64" else float32).asnumpy()

    def _tensor(self, shape, dtype):
        return self._draw(shape, dtype) if dtype in (float32, float64) else self._draw(shape, float32).astype(dtype)


class Constant(Initializer):
    """Every element is `value`, a number or an array that broadcasts to the shape."""

    def __init__(self, value):
        super().__init__(value=value)
        self.value = value

    def _initialize(self, arr):
        arr[...] = self.value

    def _tensor(self, shape, dtype):
        # Not by way of float32: an integer constant stays exact.
        return _ops.full(shape, self.value, dtype=dtype) if _is_number(self.value) else super()._tensor(shape, dtype)


@_register("zeros")
class Zero(Constant):
    """Zeros."""

    def __init__(self):
        super().__init__(0)


@_register("ones")
class One(Constant):
    """Ones."""

    def __init__(self):
        super().__init__(1)


@_register()
class Uniform(_Native):
    """Uniform in ``[-scale, scale)``."""

    def __init__(self, scale=0.07):
        super().__init__(scale=scale)
        self.scale = scale

    def _draw(self, shape, dtype):
        return random_uniform(shape, -self.scale, self.scale, dtype)


@_register()
class Normal(_Native):
    """Normal with standard deviation `sigma` around `mean`.

    Raises
    ------
    ValueError
        If `sigma` is negative.
    """

    def __init__(self, sigma=0.01, mean=0.0):
        super().__init__(sigma=sigma, mean=mean)
        self.sigma = _checked_sigma("Normal", sigma)
        self.mean = mean

    def _draw(self, shape, dtype):
        return random_normal(shape, self.mean, self.sigma, dtype)


@_register()
class TruncatedNormal(Initializer):
    """Normal with standard deviation `sigma` around `mean`, given that it lies between `a` and `b`.

    The bounds are values, not multiples of `sigma`.

    Raises
    ------
    ValueError
        If `sigma` is not positive or `a` is not below `b`.
    """

    def __init__(self, sigma=0.01, mean=0.0, a=-2.0, b=2.0):
        super().__init__(sigma=sigma, mean=mean, a=a, b=b)
        if not a < b:
            raise ValueError(f"TruncatedNormal: a must be below b, but a is {a} and b is {b}.")
        if not sigma > 0:
            raise ValueError(f"TruncatedNormal: sigma must be positive, but got {sigma}.")
        self.sigma = sigma
        self.mean = mean
        self.a = a
        self.b = b

    def _initialize(self, arr):
        low, high = (self.a - self.mean) / self.sigma, (self.b - self.mean) / self.sigma
        arr[...] = _truncated(arr.size, low, high).reshape(arr.shape) * self.sigma + self.mean
        arr.clip(self.a, self.b, out=arr)  # rounding may have crossed a bound


@_register("xavier_uniform")
class XavierUniform(_Native):
    """Uniform in ``[-b, b)`` with ``b = gain * sqrt(6 / (fan_in + fan_out))``; two dimensions or more."""

    def __init__(self, gain=1):
        super().__init__(gain=gain)
        self.gain = gain

    def _draw(self, shape, dtype):
        bound = self.gain * math.sqrt(6.0 / sum(_fans(self, shape)))
        return random_uniform(shape, -bound, bound, dtype)


@_register("xavier_normal")
class XavierNormal(_Native):
    """Normal with standard deviation ``gain * sqrt(2 / (fan_in + fan_out))``; two dimensions or more."""

    def __init__(self, gain=1):
        super().__init__(gain=gain)
        self.gain = gain

    def _draw(self, shape, dtype):
        return random_normal(shape, 0.0, self.gain * math.sqrt(2.0 / sum(_fans(self, shape))), dtype)


class _He(_Native):
    def __init__(self, negative_slope=0, mode="fan_in", nonlinearity="leaky_relu"):
        super().__init__(negative_slope=negative_slope, mode=mode, nonlinearity=nonlinearity)
        self.negative_slope = negative_slope
        self.mode = mode
        self.nonlinearity = nonlinearity
        self._gain = _gain(type(self).__name__, nonlinearity, negative_slope)
        if not isinstance(mode, str) or mode.lower() not in ("fan_in", "fan_out"):
            raise ValueError(f"{type(self).__name__}: mode must be 'fan_in' or 'fan_out', but got {mode!r}.")

    def _sigma(self, shape):
        fan_in, fan_out = _fans(self, shape)
        return self._gain / math.sqrt(fan_in if self.mode.lower() == "fan_in" else fan_out)


@_register("he_uniform")
class HeUniform(_He):
    """Uniform in ``[-b, b)`` with ``b = gain * sqrt(3 / fan)``; two dimensions or more.

    Parameters
    ----------
    negative_slope : float
        The slope that 'leaky_relu' has below zero.
    mode : {'fan_in', 'fan_out'}
    nonlinearity : str
        Fixes the gain: 'leaky_relu', 'relu', 'tanh', 'sigmoid', 'linear' or the name of a convolution.

    Raises
    ------
    ValueError
        If `mode` or `nonlinearity` is unknown, or the shape has fewer than two dimensions.
    """

    def _draw(self, shape, dtype):
        bound = math.sqrt(3.0) * self._sigma(shape)
        return random_uniform(shape, -bound, bound, dtype)


@_register("he_normal")
class HeNormal(_He):
    """Normal with standard deviation ``gain / sqrt(fan)``; see `HeUniform` for the parameters."""

    def _draw(self, shape, dtype):
        return random_normal(shape, 0.0, self._sigma(shape), dtype)


@_register()
class VarianceScaling(_Native):
    """Random with variance ``scale / n``, where n is fan_in, fan_out or their mean.

    Parameters
    ----------
    scale : float
    mode : {'fan_in', 'fan_out', 'fan_avg'}
    distribution : {'truncated_normal', 'untruncated_normal', 'uniform'}
        The truncated normal is cut at two of its standard deviations and then widened to the wanted variance.

    Raises
    ------
    ValueError
        If `scale` is not positive or a name is unknown.
    """

    def __init__(self, scale=1.0, mode="fan_in", distribution="truncated_normal"):
        super().__init__(scale=scale, mode=mode, distribution=distribution)
        if not scale > 0:
            raise ValueError(f"VarianceScaling: scale must be positive, but got {scale}.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"VarianceScaling: mode must be 'fan_in', 'fan_out' or 'fan_avg', but got {mode!r}.")
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(
                "VarianceScaling: distribution must be 'uniform', 'truncated_normal' or 'untruncated_normal', "
                f"but got {distribution!r}."
            )
        self.scale = scale
        self.mode = mode
        self.distribution = distribution

    def _draw(self, shape, dtype):
        fan_in, fan_out = _fans(self, shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        sigma = math.sqrt(self.scale / fan)
        if self.distribution == "uniform":
            return random_uniform(shape, -math.sqrt(3.0) * sigma, math.sqrt(3.0) * sigma, dtype)
        if self.distribution == "untruncated_normal":
            return random_normal(shape, 0.0, sigma, dtype)
        # 0.8796... is the standard deviation of a standard normal cut at -2 and 2.
        return Tensor(_truncated(math.prod(shape), -2.0, 2.0).reshape(shape) * (sigma / 0.87962566103423978), dtype)


@_register()
class Identity(Initializer):
    """Ones on the main diagonal, zeros elsewhere; two dimensions."""

    def _initialize(self, arr):
        import numpy as np

        _require(self, arr.shape, len(arr.shape) == 2, "two dimensions")
        arr[...] = np.eye(*arr.shape)


@_register()
class Orthogonal(Initializer):
    """`gain` times a matrix with orthonormal rows or columns (whichever are fewer); further axes count as columns."""

    def __init__(self, gain=1.0):
        super().__init__(gain=gain)
        self.gain = gain

    def _initialize(self, arr):
        import numpy as np

        _require(self, arr.shape, len(arr.shape) >= 2, "two dimensions or more")
        rows, columns = arr.shape[0], arr.size // arr.shape[0]
        draw = random_normal((max(rows, columns), min(rows, columns)), 0.0, 1.0, float64).asnumpy()
        q, r = np.linalg.qr(draw)
        q = q * np.sign(np.diag(r))  # the signs make the distribution uniform
        arr[...] = self.gain * (q if rows >= columns else q.T).reshape(arr.shape)


@_register()
class Dirac(Initializer):
    """Convolution weights (3 to 5 dimensions) that pass each input channel through, in each of `groups` groups."""

    def __init__(self, groups=1):
        super().__init__(groups=groups)
        self.groups = groups

    def _initialize(self, arr):
        _require(self, arr.shape, 3 <= len(arr.shape) <= 5, "3, 4 or 5 dimensions")
        _require(self, arr.shape, arr.shape[0] % self.groups == 0, f"a first size that {self.groups} groups divide")
        arr[...] = 0
        per_group = arr.shape[0] // self.groups
        centre = tuple(size // 2 for size in arr.shape[2:])
        for group in range(self.groups):
            for channel in range(min(per_group, arr.shape[1])):
                arr[(group * per_group + channel, channel, *centre)] = 1


@_register()
class Sparse(Initializer):
    """Normal values with the fraction `sparsity` of each column (rounded up) set to zero; two dimensions.

    Raises
    ------
    ValueError
        If `sparsity` is not in [0, 1] or `sigma` is negative.
    """

    def __init__(self, sparsity, sigma=0.01):
        super().__init__(sparsity=sparsity, sigma=sigma)
        if not 0 <= sparsity <= 1:
            raise ValueError(f"Sparse: sparsity must be in [0, 1], but got {sparsity}.")
        self.sparsity = sparsity
        self.sigma = _checked_sigma("Sparse", sigma)

    def _initialize(self, arr):
        import numpy as np

        _require(self, arr.shape, len(arr.shape) == 2, "two dimensions")
        arr[...] = random_normal(arr.shape, 0.0, self.sigma, float32).asnumpy()
        zeros = math.ceil(self.sparsity * arr.shape[0])
        order = np.argsort(random_uniform(arr.shape, 0.0, 1.0, float64).asnumpy(), axis=0)
        np.put_along_axis(arr, order[:zeros], 0, axis=0)


# ---- helpers ------------------------------------------------------------------------------------------------------


def _require(init, shape, holds, wanted):
    if not holds:
        raise ValueError(f"{type(init).__name__}: the shape must have {wanted}, but got {tuple(shape)}.")


def _checked_sigma(name, sigma):
    if not sigma >= 0:
        raise ValueError(f"{name}: sigma must not be negative, but got {sigma}.")
    return sigma


def _fans(init, shape):
    """(fan_in, fan_out) of a weight (out, in, ...)."""
    _require(init, shape, len(shape) >= 2, "two dimensions or more")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _gain(name, nonlinearity, slope):
    if isinstance(nonlinearity, str) and (nonlinearity in ("linear", "sigmoid") or nonlinearity.startswith("conv")):
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3.0
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if slope is None else slope
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"{name}: negative_slope must be a number, but got {slope!r}.")
        return math.sqrt(2.0 / (1 + slope**2))
    raise ValueError(
        f"{name}: nonlinearity must be 'leaky_relu', 'relu', 'tanh', 'sigmoid', 'linear' or the name of a "
        f"convolution, but got {nonlinearity!r}."
    )


def _truncated(count, low, high):
    """`count` standard normal values between `low` and `high` as a NumPy array, by rejection.

    Where the interval holds a good part of the mass, normal values are drawn until enough lie inside. Elsewhere values
    are drawn uniformly from that part of the interval whose density is not negligible (exp(-40) of the highest), and
    kept with the ratio of their density to the highest one.
    """
    import numpy as np

    mass = (math.erf(high / math.sqrt(2.0)) - math.erf(low / math.sqrt(2.0))) / 2
    top = min(max(0.0, low), high)
    reach = 40.0 / max(abs(top), 1.0)
    low_end, high_end = max(low, top - reach), min(high, top + reach)
    parts, missing = [], count
    while missing > 0:
        draws = 2 * missing + 64
        if mass > 0.2:
            x = random_normal((draws,), 0.0, 1.0, float64).asnumpy()
            x = x[(x >= low) & (x <= high)]
        else:
            x = random_uniform((draws,), low_end, high_end, float64).asnumpy()
            keep = random_uniform((draws,), 0.0, 1.0, float64).asnumpy()
            x = x[keep < np.exp((top * top - x * x) / 2)]
        parts.append(x[:missing])
        missing -= len(parts[-1])
    return np.concatenate(parts) if parts else np.zeros(0)
