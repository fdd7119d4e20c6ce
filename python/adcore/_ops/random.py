"""Random numbers: those from which all others are made, drawn from the state of a generator (`generator`)."""

from __future__ import annotations

import math

from adcore._core import Tensor, dtype, float32, int64
from adcore._ops import native
from adcore._ops.declare import checked_dtype, dims, op, require_tensor
from adcore._ops.draws import integers, sizes
from adcore._ops.generator import Generator, taken

PAGE = "Random numbers"


@op(samples=("rand(2, 3)",))
def rand(*size: int, dtype: dtype | None = None, seed: int | None = None, generator: Generator | None = None) -> Tensor:
    """Random numbers, uniform in [0, 1).

    Parameters
    ----------
    *size : int, or a sequence of int
    dtype : dtype, default float32
    seed : int, optional
        Makes the numbers depend on it alone.
    generator : Generator, optional
        Is drawn from instead of the process's.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.rand(2, 3).shape
    (2, 3)
    """
    if generator is None:
        return native.rand(*size, dtype=dtype, seed=seed)
    return _base("rand", native._random_uniform, _unpacked(size), dtype, float32, seed, generator)


@op(samples=("randn(2, 3)",))
def randn(
    *size: int, dtype: dtype | None = None, seed: int | None = None, generator: Generator | None = None
) -> Tensor:
    """Random numbers from the standard normal distribution; parameters as :func:`rand`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.randn(2, 3).shape
    (2, 3)
    """
    if generator is None:
        return native.randn(*size, dtype=dtype, seed=seed)
    return _base("randn", native._random_normal, _unpacked(size), dtype, float32, seed, generator)


@op(samples=("rand_like(zeros((2, 3)))",))
def rand_like(
    input: Tensor, seed: int | None = None, *, dtype: dtype | None = None, generator: Generator | None = None
) -> Tensor:
    """Uniform random numbers in the shape of a tensor, and in its dtype unless one is named.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.rand_like(Tensor([1.0, 2.0])).shape
    (2,)
    """
    if generator is None:
        return native.rand_like(input, seed, dtype=dtype)
    require_tensor("rand_like", "input", input)
    return _base("rand_like", native._random_uniform, input.shape, dtype, input.dtype, seed, generator)


@op(samples=("randn_like(zeros((2, 3)))",))
def randn_like(
    input: Tensor, seed: int | None = None, *, dtype: dtype | None = None, generator: Generator | None = None
) -> Tensor:
    """Standard normal numbers in the shape of a tensor, and in its dtype unless one is named.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.randn_like(Tensor([1.0, 2.0])).shape
    (2,)
    """
    if generator is None:
        return native.randn_like(input, seed, dtype=dtype)
    require_tensor("randn_like", "input", input)
    return _base("randn_like", native._random_normal, input.shape, dtype, input.dtype, seed, generator)


@op(samples=("randint(0, 5, (2, 3))",))
def randint(
    low: int,
    high: int,
    size: dims,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Random integers in [low, high); int64 unless a dtype is named.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.randint(0, 5, (2, 3)).shape
    (2, 3)
    """
    if generator is None:
        return native.randint(low, high, size, seed, dtype=dtype)
    return integers("randint", low, high, sizes("randint", size), dtype, int64, seed, generator)


@op(samples=("randint_like(zeros((2, 3)), 0, 5)",))
def randint_like(
    input: Tensor,
    low: int,
    high: int,
    seed: int | None = None,
    *,
    dtype: dtype | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Random integers in [low, high) in the shape of a tensor, and in its dtype unless one is named.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.randint_like(Tensor([1, 2]), 0, 5).shape
    (2,)
    """
    require_tensor("randint_like", "input", input)
    return integers("randint_like", low, high, input.shape, dtype, input.dtype, seed, generator)


def _unpacked(size):
    return sizes("rand", size[0] if len(size) == 1 and not isinstance(size[0], int) else size)


def _base(op, draw, shape, dtype, default, seed, generator):
    dtype = checked_dtype(op, dtype, default)
    if not dtype.is_floating_point:
        raise TypeError(f"{op}: random real numbers need a float dtype, got {dtype}.")
    return draw(taken(op, math.prod(shape), seed, generator), shape, dtype)
