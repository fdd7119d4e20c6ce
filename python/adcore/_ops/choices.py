"""Random choices: of categories, of elements, of an order."""

from __future__ import annotations

import math

from adcore._core import Tensor, dtype, float64, int64
from adcore._ops import native
from adcore._ops.declare import checked_dtype, op, require_tensor
from adcore._ops.draws import Draw, check_numbers
from adcore._ops.generator import Generator, taken
from adcore._ops.shape import one_hot

PAGE = "Random numbers"


@op(samples=("multinomial(ones((3,)), 2)",), method=True)
def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = True,
    seed: int | None = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Classes drawn with probabilities that are proportional to weights, int64.

    Parameters
    ----------
    input : Tensor
        Weights, of shape (..., classes); they need not sum to 1.
    num_samples : int
        How many are drawn for each row.
    replacement : bool, default True
        Whether a class may be drawn again. PyTorch's default is False.
    seed, generator
        As :func:`normal`.

    Returns
    -------
    Tensor
        Of shape (..., num_samples).

    Raises
    ------
    TypeError, ValueError
        For a weight that is negative or not finite, and where there are too few positive ones.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.multinomial(Tensor([0.0, 1.0]), 3))
    [1 1 1]
    """
    require_tensor("multinomial", "input", input)
    return _chosen("multinomial", input, num_samples, replacement, seed, generator)


def _chosen(op, weights, count, replacement, seed, generator):
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"{op}: the number of samples must be an int, got {type(count).__name__}.")
    weights = native._choice_weights(weights, count, replacement)
    numbers = math.prod(weights.shape[:-1]) * (count if replacement else weights.shape[-1])
    return native._random_choice(taken(op, numbers, seed, generator), weights, count, replacement)


@op(samples=("random_categorical(zeros((2, 3)), 2)",), aliases=("categorical",))
def random_categorical(
    logits: Tensor,
    num_sample: int,
    seed: int | None = None,
    dtype: dtype | None = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Classes drawn with the probabilities ``softmax(logits)``.

    Parameters
    ----------
    logits : Tensor
        Of shape (..., classes).
    num_sample : int
        How many are drawn for each row.
    dtype : dtype, default int64
    seed, generator
        As :func:`normal`.

    Returns
    -------
    Tensor
        Of shape (..., num_sample).

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.random_categorical(Tensor([[0.0, 1000.0]]), 3))
    [[1 1 1]]
    """
    require_tensor("random_categorical", "logits", logits)
    dtype = checked_dtype("random_categorical", dtype, int64)
    weights = native.softmax(native.cast(logits, float64), -1)
    return native.cast(_chosen("random_categorical", weights, num_sample, True, seed, generator), dtype)


@op(samples=("randperm(5)",))
def randperm(
    n: int, seed: int | None = None, *, dtype: dtype | None = None, generator: Generator | None = None
) -> Tensor:
    """The integers in [0, n) in random order, int64 unless a dtype is named; seed and generator as :func:`normal`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.randperm(5).shape
    (5,)
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"randperm: n must be an int, got {type(n).__name__}.")
    if n < 0:
        raise ValueError(f"randperm: n must not be negative, got {n}.")
    dtype = checked_dtype("randperm", dtype, int64)
    return native.cast(native._random_permutation(taken("randperm", n, seed, generator), n), dtype)


@op(samples=("shuffle(x(4, 3), seed=1) ** 2",))
def shuffle(x: Tensor, seed: int | None = None, *, generator: Generator | None = None) -> Tensor:
    """The elements along the first axis in random order; seed and generator as :func:`normal`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.shuffle(Tensor([2.0, 2.0])))
    [2. 2.]
    """
    require_tensor("shuffle", "x", x)
    if x.ndim == 0:
        raise ValueError("shuffle: x needs an axis.")
    return native.gather(x, randperm(x.shape[0], seed, generator=generator), 0)


@op(
    samples=(
        "gumbel_softmax(x(3, 4), seed=1)",
        "gumbel_softmax(x(3, 4), 0.5, dim=0, seed=1)",
    )
)
def gumbel_softmax(
    logits: Tensor,
    tau: float = 1.0,
    hard: bool = False,
    dim: int = -1,
    *,
    seed: int | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """A class as a differentiable vector: ``softmax((logits + gumbel) / tau)`` (Jang et al., 2017, arXiv:1611.01144).

    Parameters
    ----------
    logits : Tensor
    tau : float, default 1.0
        The temperature, greater than 0.
    hard : bool, default False
        The result is the class itself, 1 among zeros, with the derivative of the softmax.
    dim : int, default -1
        The axis of classes.
    seed, generator
        As :func:`normal`.

    Raises
    ------
    TypeError, ValueError
        For logits that are no Tensor of floats, or a temperature that is not positive.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.gumbel_softmax(Tensor([0.0, 1000.0]), hard=True))
    [0. 1.]
    """
    require_tensor("gumbel_softmax", "logits", logits)
    if not logits.dtype.is_floating_point:
        raise TypeError(f"gumbel_softmax: logits must be a float tensor, got {logits.dtype}.")
    check_numbers("gumbel_softmax", 0, True, tau=tau)
    draw = Draw("gumbel_softmax", logits.shape, seed, generator, None, logits=logits)
    noisy = native.sub(draw.parameters[0], native.log(draw.exponential()))
    soft = native.softmax(native.div(noisy, tau), dim)
    if hard:
        chosen = one_hot(native.argmax(soft, dim), logits.shape[dim], axis=dim)
        # The difference is 0 in value and has the derivative.
        soft = native.add(native.cast(chosen, draw.wide), native.sub(soft, native.stop_gradient(soft)))
    return draw.result(soft)
