"""Random numbers of the distributions of probability theory.

Where a distribution has a location and a scale, the result is computed from them and standard numbers, so derivatives
by them follow. Start reading at `draws.Draw`.
"""

from __future__ import annotations

import math

from adcore._core import Tensor, dtype, float32, float64, int64
from adcore._ops import native
from adcore._ops.declare import Number, checked_dtype, dims, in_place, op, require_tensor
from adcore._ops.draws import Draw, check_numbers, integers, sizes
from adcore._ops.generator import Generator

PAGE = "Random numbers"

# ---- of locations and scales --------------------------------------------------------------------------------------


@op(samples=("normal((3, 4), x(3, 4), x(4, low=0.2), seed=1, dtype=float64) ** 2",))
def normal(
    shape: dims,
    mean: Number = 0.0,
    stddev: Number = 1.0,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers, differentiable by mean and standard deviation.

    Parameters
    ----------
    shape : int or sequence of int
        Broadcasts with the parameters to the shape of the result.
    mean, stddev : Tensor or number
    seed : int, optional
        Makes the numbers depend on it alone.
    dtype : dtype, optional
        That of the parameters by default, float32 where they are numbers.
    generator : Generator, optional
        Is drawn from instead of the process's.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, shapes that do not broadcast, a stddev that is a negative number.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.normal((2, 3), Tensor([0.0, 10.0, 20.0]), 1.0).shape
    (2, 3)
    """
    draw = Draw("normal", shape, seed, generator, dtype, mean=mean, stddev=stddev)
    check_numbers("normal", 0, False, stddev=stddev)
    return draw.spread(native._random_normal(draw.state(), draw.shape, draw.wide), *draw.parameters)


@op(samples=("standard_normal((2, 3))",))
def standard_normal(
    shape: dims, seed: int | None = None, *, dtype: dtype | None = None, generator: Generator | None = None
) -> Tensor:
    """Standard normal numbers; parameters as :func:`normal`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.standard_normal((2, 3)).shape
    (2, 3)
    """
    return normal(shape, 0.0, 1.0, seed, dtype=dtype, generator=generator)


@op(samples=("uniform((3, 4), x(3, 4, low=-2.0, high=-1.0), x(4, low=0.2), 1, float64) ** 2",))
def uniform(
    shape: dims,
    minval: Number = 0.0,
    maxval: Number = 1.0,
    seed: int | None = None,
    dtype: dtype | None = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Uniform numbers in [minval, maxval), differentiable by both; parameters as :func:`normal`.

    An integer dtype gives integers; the bounds are ints then.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.uniform((2, 3), -1.0, 1.0).shape
    (2, 3)
    """
    if checked_dtype("uniform", dtype, float32).is_integer:
        return integers("uniform", minval, maxval, sizes("uniform", shape), dtype, int64, seed, generator)
    draw = Draw("uniform", shape, seed, generator, dtype, minval=minval, maxval=maxval)
    low, high = draw.parameters
    if not isinstance(minval, Tensor) and not isinstance(maxval, Tensor) and not minval < maxval:
        raise ValueError(f"uniform: minval must be less than maxval, got {minval} and {maxval}.")
    u = native._random_uniform(draw.state(), draw.shape, draw.wide)
    value = draw.result(
        native.add(native.mul(u, native.sub(high, low) if isinstance(high, Tensor) else high - low), low)
    )
    # Rounding may reach the upper bound, which is not in the interval.
    low, high = (draw.result(draw.full(bound)) for bound in (low, high))
    return native.where(native.less(value, high), value, low)


@op(samples=("laplace((3, 4), x(3, 4), x(4, low=0.2), seed=1) ** 2",))
def laplace(
    shape: dims,
    mean: Number = 0.0,
    lambda_param: Number = 1.0,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Numbers with density ``exp(-abs(x - mean) / lambda_param) / (2 * lambda_param)``; see :func:`normal`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.laplace((2, 3), 0.0, 2.0).shape
    (2, 3)
    """
    draw = Draw("laplace", shape, seed, generator, dtype, mean=mean, lambda_param=lambda_param)
    check_numbers("laplace", 0, True, lambda_param=lambda_param)
    pair = draw.exponential(2)
    return draw.spread(pair[0] - pair[1], *draw.parameters)


@op(samples=("standard_laplace((2, 3))",))
def standard_laplace(
    shape: dims, seed: int | None = None, *, dtype: dtype | None = None, generator: Generator | None = None
) -> Tensor:
    """Numbers with density ``exp(-abs(x)) / 2``; parameters as :func:`normal`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.standard_laplace((2, 3)).shape
    (2, 3)
    """
    return laplace(shape, 0.0, 1.0, seed, dtype=dtype, generator=generator)


@op(samples=("gumbel((3, 4), x(3, 4), x(4, low=0.2), seed=1) ** 2",))
def gumbel(
    shape: dims,
    loc: Number = 0.0,
    scale: Number = 1.0,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Numbers with distribution function ``exp(-exp(-(x - loc) / scale))``; see :func:`normal`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.gumbel((2, 3)).shape
    (2, 3)
    """
    draw = Draw("gumbel", shape, seed, generator, dtype, loc=loc, scale=scale)
    check_numbers("gumbel", 0, True, scale=scale)
    return draw.spread(-native.log(draw.exponential()), *draw.parameters)


@op(samples=("cauchy((3, 4), x(3, 4), x(4, low=0.2), seed=1)",))
def cauchy(
    shape: dims,
    median: Number = 0.0,
    sigma: Number = 1.0,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Numbers with density ``sigma / (pi * (sigma**2 + (x - median)**2))``; see :func:`normal`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.cauchy((2, 3)).shape
    (2, 3)
    """
    draw = Draw("cauchy", shape, seed, generator, dtype, median=median, sigma=sigma)
    check_numbers("cauchy", 0, True, sigma=sigma)
    return draw.spread(native.cast(native.tan(math.pi * (draw.uniform() - 0.5)), draw.wide), *draw.parameters)


@op(samples=("log_normal((3, 4), x(3, 4), x(4, low=0.2, high=0.5), seed=1, dtype=float64)",))
def log_normal(
    shape: dims,
    mean: Number,
    stddev: Number,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Exponentials of normal numbers; mean and stddev are those of the logarithm, see :func:`normal`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.log_normal((2, 3), 0.0, 1.0).shape
    (2, 3)
    """
    draw = Draw("log_normal", shape, seed, generator, dtype, mean=mean, stddev=stddev)
    check_numbers("log_normal", 0, True, stddev=stddev)
    mean, stddev = draw.parameters
    standard = native._random_normal(draw.state(), draw.shape, draw.wide)
    return draw.result(native.exp(native.add(native.mul(standard, stddev), mean)))


@op(samples=("truncated_normal((3, 4), x(3, 4), x(4, low=0.2), seed=1, low=-1.0) ** 2",))
def truncated_normal(
    shape: dims,
    mean: Number = 0.0,
    stddev: Number = 1.0,
    seed: int | None = None,
    *,
    low: float = -2.0,
    high: float = 2.0,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers, of which those are left out that are further from the mean than so many standard deviations.

    Parameters
    ----------
    shape : int or sequence of int
    mean, stddev : Tensor or number
        Those of the whole normal distribution. The result is differentiable by them; other parameters as
        :func:`normal`.
    low, high : float, default -2.0 and 2.0
        The result lies in ``[mean + low * stddev, mean + high * stddev]``. Either may be infinite.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, shapes that do not broadcast, bounds between which nothing lies.

    Examples
    --------
    >>> from adcore import ops
    >>> float(ops.truncated_normal((1000,), 10.0, 1.0).amax()) <= 12.0
    True
    """
    draw = Draw("truncated_normal", shape, seed, generator, dtype, mean=mean, stddev=stddev)
    check_numbers("truncated_normal", 0, False, stddev=stddev)
    for name, bound in (("low", low), ("high", high)):
        if isinstance(bound, bool) or not isinstance(bound, (int, float)):
            raise TypeError(f"truncated_normal: {name} must be a number, got {type(bound).__name__}.")
    if not low < high:
        raise ValueError(f"truncated_normal: low must be less than high, got {low} and {high}.")
    return draw.spread(native._random_truncated(draw.state(), low, high, draw.shape, draw.wide), *draw.parameters)


@op(samples=("exponential((3, 4), x(4, low=0.2), seed=1) ** 2",))
def exponential(
    shape: dims,
    rate: Number = 1.0,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Numbers with density ``rate * exp(-rate * x)``, differentiable by the rate; see :func:`normal`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.exponential((2, 3), 0.5).shape
    (2, 3)
    """
    draw = Draw("exponential", shape, seed, generator, dtype, rate=rate)
    check_numbers("exponential", 0, True, rate=rate)
    return draw.result(native.div(draw.exponential(), draw.parameters[0]))


# ---- made of gamma numbers ----------------------------------------------------------------------------------------


@op(samples=("standard_gamma((2, 3), 0.5)",))
def standard_gamma(
    shape: dims,
    alpha: Number,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Numbers with density ``x**(alpha - 1) * exp(-x) / Gamma(alpha)``.

    Drawn by Marsaglia and Tsang, 2000. The derivative by alpha is that of the quantile, which the number keeps
    (Figurnov et al., 2018, arXiv:1805.08498); there is no second one.

    Parameters
    ----------
    shape : int or sequence of int
        Broadcasts with alpha to the shape of the result.
    alpha : Tensor or number
        At least 0; a negative element gives NaN. Other parameters as :func:`normal`.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, shapes that do not broadcast, a negative alpha that is a number; where a second
        derivative by alpha is asked for.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.standard_gamma((2, 3), Tensor([0.5, 1.0, 2.0])).shape
    (2, 3)
    """
    draw = Draw("standard_gamma", shape, seed, generator, dtype, alpha=alpha)
    check_numbers("standard_gamma", 0, False, alpha=alpha)
    return draw.result(native._random_gamma(draw.state(), draw.full(draw.parameters[0]), False))


@op(samples=("gamma((3, 4), 2.0, x(4, low=0.2), seed=1) ** 2",))
def gamma(
    shape: dims,
    alpha: Number,
    beta: Number,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Numbers with density ``beta**alpha * x**(alpha - 1) * exp(-beta * x) / Gamma(alpha)``.

    Differentiable by beta, the rate, and once by alpha; parameters as :func:`standard_gamma`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.gamma((2, 3), 2.0, 0.5).shape
    (2, 3)
    """
    draw = Draw("gamma", shape, seed, generator, dtype, alpha=alpha, beta=beta)
    check_numbers("gamma", 0, False, alpha=alpha)
    check_numbers("gamma", 0, True, beta=beta)
    alpha, beta = draw.parameters
    return draw.result(native.div(native._random_gamma(draw.state(), draw.full(alpha), False), beta))


@op(samples=("random_gamma((2, 3), ones((2,)))",))
def random_gamma(
    shape: dims,
    alpha: Tensor,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """As many standard gamma numbers as `shape` says for each element of alpha, see :func:`standard_gamma`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.random_gamma((2, 3), Tensor([0.5, 2.0])).shape
    (2, 3, 2)
    """
    require_tensor("random_gamma", "alpha", alpha)
    shape = (*sizes("random_gamma", shape), *alpha.shape)
    return standard_gamma(shape, alpha, seed, dtype=dtype, generator=generator)


@op(samples=("chi2((2, 3), 4.0)",))
def chi2(
    shape: dims,
    df: Number,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Sums of the squares of `df` standard normal numbers, df not being whole, either; see :func:`standard_gamma`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.chi2((2, 3), 4.0).shape
    (2, 3)
    """
    draw = Draw("chi2", shape, seed, generator, dtype, df=df)
    check_numbers("chi2", 0, False, df=df)
    half = native.mul(draw.full(draw.parameters[0]), 0.5)
    return draw.result(native.mul(native._random_gamma(draw.state(), half, False), 2.0))


@op(samples=("beta((2, 3), 0.5, 2.0)",))
def beta(
    shape: dims,
    alpha: Number,
    beta: Number,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Numbers with density proportional to ``x**(alpha - 1) * (1 - x)**(beta - 1)``; see :func:`standard_gamma`.

    Made of the logarithms of two gamma numbers, so that small parameters give numbers at 0 and 1 and no NaN.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.beta((2, 3), 0.5, 2.0).shape
    (2, 3)
    """
    draw = Draw("beta", shape, seed, generator, dtype, alpha=alpha, beta=beta)
    check_numbers("beta", 0, True, alpha=alpha, beta=beta)
    both = native.stack([draw.full(parameter) for parameter in draw.parameters])
    logs = native._random_gamma(draw.state(2), both, True)
    return draw.result(native.sigmoid(logs[0] - logs[1]))


@op(samples=("dirichlet((2,), ones((3,)))",))
def dirichlet(
    shape: dims,
    concentration: Tensor,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Points whose coordinates, along the last axis, are positive and sum to 1; see :func:`standard_gamma`.

    Parameters
    ----------
    shape : int or sequence of int
        How many points for each row of the concentration: the axes in front of its own.
    concentration : Tensor
        Greater than 0, with an axis of coordinates at the end.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.dirichlet((2,), Tensor([0.5, 1.0, 2.0])).shape
    (2, 3)
    """
    require_tensor("dirichlet", "concentration", concentration)
    if concentration.ndim == 0:
        raise ValueError("dirichlet: concentration needs an axis of coordinates.")
    shape = (*sizes("dirichlet", shape), *concentration.shape)
    draw = Draw("dirichlet", shape, seed, generator, dtype, concentration=concentration)
    logs = native._random_gamma(draw.state(), draw.full(draw.parameters[0]), True)
    return draw.result(native.softmax(logs, -1))


# ---- of counts ----------------------------------------------------------------------------------------------------


@op(samples=("poisson((2, 3), 4.0)",))
def poisson(
    shape: dims,
    mean: Number,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Counts of events, as floats: k with probability ``mean**k * exp(-mean) / k!``.

    Parameters
    ----------
    shape : int or sequence of int
        Broadcasts with the mean to the shape of the result.
    mean : Tensor or number
        At least 0; a negative element gives NaN. A count is constant in pieces: the derivative by the mean is 0. Other
        parameters as :func:`normal`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.poisson((2, 3), 4.0).shape
    (2, 3)
    """
    draw = Draw("poisson", shape, seed, generator, dtype, mean=mean)
    check_numbers("poisson", 0, False, mean=mean)
    return draw.result(native._random_poisson(draw.state(), draw.full(draw.parameters[0])))


@op(samples=("random_poisson((2, 3), ones((2,)))",))
def random_poisson(
    shape: dims,
    rate: Tensor,
    seed: int | None = None,
    dtype: dtype | None = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """As many Poisson numbers as `shape` says for each element of rate, float32 unless a dtype is named.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.random_poisson((2, 3), Tensor([1.0, 20.0])).shape
    (2, 3, 2)
    """
    require_tensor("random_poisson", "rate", rate)
    dtype = checked_dtype("random_poisson", dtype, float32)
    shape = (*sizes("random_poisson", shape), *rate.shape)
    return native.cast(poisson(shape, rate, seed, dtype=float64, generator=generator), dtype)


@op(samples=("geometric((2, 3), 0.5)",))
def geometric(
    shape: dims,
    p: Number,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """How many trials it takes, as floats: k = 1, 2, ... with probability ``p * (1 - p)**(k - 1)``.

    Its derivative by p, which is in (0, 1], is 0, as that of :func:`poisson`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.geometric((2, 3), 0.5).shape
    (2, 3)
    """
    draw = Draw("geometric", shape, seed, generator, dtype, p=p)
    if not isinstance(p, Tensor) and not 0 < p <= 1:
        raise ValueError(f"geometric: p must be in (0, 1], got {p}.")
    p = native.stop_gradient(draw.full(draw.parameters[0]))
    return draw.result(native.maximum(native.ceil(native.div(draw.exponential(), -native.log1p(-p))), 1.0))


@op(samples=("bernoulli(zeros((2, 3)), 0.25)",))
def bernoulli(input: Tensor, p: Number, seed: int | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with probability p, else 0, in the shape and dtype of a tensor.

    Parameters
    ----------
    input : Tensor
        Gives shape and dtype alone, as in MindSpore. PyTorch's ``bernoulli(p)`` is ``bernoulli(p, p)``.
    p : Tensor or number
        In [0, 1]; broadcasts to the shape. It has no default, since the two libraries mean another one. The derivative
        by it is 0.
    seed, generator
        As :func:`normal`.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, shapes that do not fit, a number outside of [0, 1].

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.bernoulli(Tensor([0.0, 0.0]), 1.0))
    [1. 1.]
    """
    require_tensor("bernoulli", "input", input)
    if not isinstance(p, Tensor) and not 0 <= p <= 1:
        raise ValueError(f"bernoulli: p must be in [0, 1], got {p}.")
    draw = Draw("bernoulli", input.shape, seed, generator, float64, p=p)
    if draw.shape != input.shape:
        raise ValueError(
            f"bernoulli: p, with input of shape {input.shape}, broadcasts to {draw.shape}, which is another."
        )
    return native.cast(native.less(draw.uniform(), draw.parameters[0]), input.dtype)


# ---- in place -----------------------------------------------------------------------------------------------------


def _like(draw):
    """Return a draw as a function of a Tensor, of which shape and dtype count."""
    return lambda tensor, *args, generator=None: draw(tensor.shape, *args, dtype=tensor.dtype, generator=generator)


for _name, _signature, _draw in (
    ("bernoulli_", "p=0.5", lambda t, p=0.5, *, generator=None: bernoulli(t, p, generator=generator)),
    ("cauchy_", "median=0, sigma=1", lambda t, median=0.0, sigma=1.0, **o: _like(cauchy)(t, median, sigma, **o)),
    ("exponential_", "lambd=1", lambda t, lambd=1.0, **o: _like(exponential)(t, lambd, **o)),
    ("geometric_", "p", lambda t, p, **o: _like(geometric)(t, p, **o)),
    ("log_normal_", "mean=1, std=2", lambda t, mean=1.0, std=2.0, **o: _like(log_normal)(t, mean, std, **o)),
    ("normal_", "mean=0, std=1", lambda t, mean=0.0, std=1.0, **o: _like(normal)(t, mean, std, **o)),
    ("uniform_", "from_=0, to=1", lambda t, from_=0.0, to=1.0, **o: _like(uniform)(t, from_, to, **o)),
):
    _doc = f"Give the Tensor numbers that ``{_name[:-1]}`` draws, of its shape and dtype: ({_signature}, *, generator)."
    setattr(Tensor, _name, in_place(_name, _draw, _doc))
