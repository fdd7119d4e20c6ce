"""Windows of signals: weights of so many neighbouring samples, as constants.

Each is a formula in the distance of a sample from the first one, with `last`, the distance at which the window is
symmetric: that of the last sample, or, where it is periodic, of the sample behind it. They are computed in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import index

from adcore._core import Tensor, dtype, float32, float64
from adcore._ops import native
from adcore._ops.declare import checked_dtype, op

PAGE = "Creation"


def _window(name, window_length, periodic, dtype, formula):
    """Return formula(distances, last) in a dtype."""
    length = index(window_length)
    if length < 0:
        raise ValueError(f"{name}: window_length must not be negative, got {length}.")
    dtype = checked_dtype(name, dtype, float32)
    if not dtype.is_floating_point:
        raise TypeError(f"{name}: dtype must be a float's, got {dtype}.")
    if length < 2:
        return native.ones((length,), dtype)
    return native.cast(formula(native.arange(length, dtype=float64), length - (not periodic)), dtype)


def _cosines(factors):
    """Return the formula of a sum of cosines, of 0, 1, ... turns and alternating signs."""

    def formula(n, last):
        turn = native.mul(n, 2 * math.pi / last)
        total = native.full((n.shape[0],), factors[0], dtype=float64)
        for k, factor in enumerate(factors[1:], 1):
            total = native.add(total, native.mul(native.cos(native.mul(turn, k)), (-1) ** k * factor))
        return total

    return formula


@op(samples=("hann_window(5)", "hann_window(6, False)"))
def hann_window(window_length: int, periodic: bool = True, *, dtype: dtype | None = None) -> Tensor:
    """Hann window, ``0.5 - 0.5 cos(2 pi n / last)``.

    Parameters
    ----------
    window_length : int
        How many weights.
    periodic : bool, default True
        Whether it repeats seamlessly, `last` being the length, as spectra want it; else it is symmetric, `last` being
        one less, as filters do.
    dtype : dtype, default float32

    Raises
    ------
    TypeError, ValueError
        For a length that is no int, or negative, and a dtype that is no float's.

    Examples
    --------
    >>> from adcore import ops
    >>> print(ops.hann_window(4))
    [0.  0.5 1.  0.5]
    """
    return _window("hann_window", window_length, periodic, dtype, _cosines((0.5, 0.5)))


@op(samples=("hamming_window(5)", "hamming_window(6, False, 0.6, 0.4)"))
def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *, dtype: dtype | None = None
) -> Tensor:
    """Hamming window, ``alpha - beta cos(2 pi n / last)``; other parameters as :func:`hann_window`.

    Examples
    --------
    >>> from adcore import ops
    >>> print(ops.hamming_window(4))
    [0.08 0.54 1.   0.54]
    """
    return _window("hamming_window", window_length, periodic, dtype, _cosines((alpha, beta)))


@op(samples=("general_hamming_window(5)", "general_hamming_window(6, False, alpha=0.6)"))
def general_hamming_window(
    window_length: int, periodic: bool = True, *, alpha: float = 0.54, dtype: dtype | None = None
) -> Tensor:
    """Hamming window whose two factors sum to 1, ``alpha - (1 - alpha) cos(2 pi n / last)``; see :func:`hann_window`.

    Examples
    --------
    >>> from adcore import ops
    >>> print(ops.general_hamming_window(4, alpha=0.5))
    [0.  0.5 1.  0.5]
    """
    return _window("general_hamming_window", window_length, periodic, dtype, _cosines((alpha, 1 - alpha)))


@op(samples=("blackman_window(5)", "blackman_window(6, False)"))
def blackman_window(window_length: int, periodic: bool = True, *, dtype: dtype | None = None) -> Tensor:
    """Blackman window, ``0.42 - 0.5 cos(2 pi n / last) + 0.08 cos(4 pi n / last)``; see :func:`hann_window`.

    Examples
    --------
    >>> from adcore import ops
    >>> print(ops.blackman_window(2).round(decimals=6) + 0.0)
    [0. 1.]
    """
    return _window("blackman_window", window_length, periodic, dtype, _cosines((0.42, 0.5, 0.08)))


@op(samples=("nuttall_window(5)", "nuttall_window(6, False)"))
def nuttall_window(window_length: int, periodic: bool = True, *, dtype: dtype | None = None) -> Tensor:
    """Minimal four-term window of Blackman and Harris, as Nuttall has it; parameters as :func:`hann_window`.

    Examples
    --------
    >>> from adcore import ops
    >>> print(ops.nuttall_window(2))
    [3.628e-04 1.000e+00]
    """
    terms = (0.3635819, 0.4891775, 0.1365995, 0.0106411)  # Heinzel, Ruediger, Schilling 2002, appendix C
    return _window("nuttall_window", window_length, periodic, dtype, _cosines(terms))


@op(samples=("general_cosine_window(5, a=(0.5, 0.3, 0.2))", "general_cosine_window(6, False, a=(1.0,))"))
def general_cosine_window(
    window_length: int, periodic: bool = True, *, a: Sequence[float], dtype: dtype | None = None
) -> Tensor:
    """``a[0] - a[1] cos(2 pi n / last) + a[2] cos(4 pi n / last) - ...``; other parameters as :func:`hann_window`.

    Examples
    --------
    >>> from adcore import ops
    >>> print(ops.general_cosine_window(4, a=(0.5, 0.5)))
    [0.  0.5 1.  0.5]
    """
    factors = tuple(float(factor) for factor in a)
    if not factors:
        raise ValueError("general_cosine_window: a must have at least one factor.")
    return _window("general_cosine_window", window_length, periodic, dtype, _cosines(factors))


@op(samples=("bartlett_window(5)", "bartlett_window(6, False)"))
def bartlett_window(window_length: int, periodic: bool = True, *, dtype: dtype | None = None) -> Tensor:
    """Bartlett's window, a triangle that is 0 at both ends; parameters as :func:`hann_window`.

    Examples
    --------
    >>> from adcore import ops
    >>> print(ops.bartlett_window(4))
    [0.  0.5 1.  0.5]
    """

    def formula(n, last):
        return native.sub(1.0, native.abs(native.sub(native.mul(n, 2.0 / last), 1.0)))

    return _window("bartlett_window", window_length, periodic, dtype, formula)


@op(samples=("cosine_window(5)", "cosine_window(6, False)"))
def cosine_window(window_length: int, periodic: bool = True, *, dtype: dtype | None = None) -> Tensor:
    """Half a turn of a sine, ``sin(pi (n + 1/2) / (last + 1))``; parameters as :func:`hann_window`.

    Examples
    --------
    >>> from adcore import ops
    >>> print(ops.cosine_window(3))
    [0.38268343 0.9238795  0.9238795 ]
    """

    def formula(n, last):
        return native.sin(native.mul(native.add(n, 0.5), math.pi / (last + 1)))

    return _window("cosine_window", window_length, periodic, dtype, formula)


@op(samples=("gaussian_window(5)", "gaussian_window(6, False, std=2.0)"))
def gaussian_window(
    window_length: int, periodic: bool = True, *, std: float = 1.0, dtype: dtype | None = None
) -> Tensor:
    """``exp(-((n - last / 2) / std) ** 2 / 2)``; other parameters as :func:`hann_window`.

    Examples
    --------
    >>> from adcore import ops
    >>> print(ops.gaussian_window(3, False))
    [0.60653067 1.         0.60653067]
    """
    if not std > 0:
        raise ValueError(f"gaussian_window: std must be positive, got {std}.")

    def formula(n, last):
        return native.exp(native.mul(native.square(native.div(native.sub(n, last / 2), std)), -0.5))

    return _window("gaussian_window", window_length, periodic, dtype, formula)


@op(samples=("exponential_window(5)", "exponential_window(6, False, tau=2.0)", "exponential_window(5, center=1.0)"))
def exponential_window(
    window_length: int,
    periodic: bool = True,
    *,
    center: float | None = None,
    tau: float = 1.0,
    dtype: dtype | None = None,
) -> Tensor:
    """``exp(-|n - center| / tau)``; other parameters as :func:`hann_window`.

    Parameters
    ----------
    window_length : int
    periodic : bool, default True
    center : float, optional
        ``last / 2`` if it is not given, as it must be where the window is symmetric.
    tau : float, default 1.0
    dtype : dtype, default float32

    Examples
    --------
    >>> from adcore import ops
    >>> print(ops.exponential_window(3, False))
    [0.36787945 1.         0.36787945]
    """
    if not tau > 0:
        raise ValueError(f"exponential_window: tau must be positive, got {tau}.")
    if center is not None and not periodic:
        raise ValueError(f"exponential_window: a symmetric window has its center in the middle, got {center}.")

    def formula(n, last):
        middle = last / 2 if center is None else center
        return native.exp(native.div(native.abs(native.sub(n, middle)), -tau))

    return _window("exponential_window", window_length, periodic, dtype, formula)


@op(samples=("kaiser_window(5)", "kaiser_window(6, False, 8.0)"))
def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: dtype | None = None
) -> Tensor:
    """Kaiser's window, ``i0(beta sqrt(1 - (2 n / last - 1) ** 2)) / i0(beta)``.

    Parameters
    ----------
    window_length : int
    periodic : bool, default True
        As :func:`hann_window`.
    beta : float, default 12.0
        The larger, the narrower. Not negative.
    dtype : dtype, default float32

    Examples
    --------
    >>> from adcore import ops
    >>> print(ops.kaiser_window(3, False, 1.0))
    [0.7898483 1.        0.7898483]
    """
    if not beta >= 0:
        raise ValueError(f"kaiser_window: beta must not be negative, got {beta}.")

    def formula(n, last):
        height = native.sqrt(native.relu(native.sub(1.0, native.square(native.sub(native.mul(n, 2.0 / last), 1.0)))))
        # i0(x) = exp(x) i0e(x): a large beta does not overflow.
        scaled = native.div(native.i0e(native.mul(height, beta)), native.i0e(native.full((1,), beta, dtype=float64)))
        return native.mul(scaled, native.exp(native.mul(native.sub(height, 1.0), beta)))

    return _window("kaiser_window", window_length, periodic, dtype, formula)
