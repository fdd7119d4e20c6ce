"""Activations written with other ops; derivatives, at every order, follow from those."""

from __future__ import annotations

from adcore._core import Tensor
from adcore._ops import native
from adcore._ops.declare import op


@op(samples=("gelu(x(3, 4))", "gelu(x(3, 4), 'tanh')"))
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Gaussian error linear unit, ``input * Phi(input)``.

    Parameters
    ----------
    input : Tensor
    approximate : {"none", "tanh"}
        "tanh" is the approximation of Hendrycks and Gimpel, 2016 (arXiv:1606.08415).

    Raises
    ------
    ValueError
        For another word.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.gelu(Tensor([0.0, 1.0])))
    [0.        0.8413447]
    """
    if approximate == "none":
        return native._gelu(input)
    if approximate == "tanh":
        return native._gelu_tanh(input)
    raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}.")


@op(samples=("logsigmoid(x(3, 4, low=-5.0, high=5.0))",), cell="LogSigmoid")
def logsigmoid(input: Tensor) -> Tensor:
    """Logarithm of the sigmoid, ``-log(1 + exp(-input))``.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.logsigmoid(Tensor([0.0])))
    [-0.6931472]
    """
    return -native.softplus(-input)


@op(samples=("tanhshrink(x(3, 4))",), cell="Tanhshrink")
def tanhshrink(input: Tensor) -> Tensor:
    """``input - tanh(input)``.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.tanhshrink(Tensor([0.0, 20.0])))
    [ 0. 19.]
    """
    return input - native.tanh(input)


@op(samples=("hardsigmoid(x(3, 4, low=-4.0, high=4.0))",), cell="HSigmoid")
def hardsigmoid(input: Tensor) -> Tensor:
    """``min(max(input + 3, 0), 6) / 6``.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.hardsigmoid(Tensor([-4.0, 0.0, 1.5])))
    [0.   0.5  0.75]
    """
    return native.relu6(input + 3) / 6


@op(samples=("hardswish(x(3, 4, low=-4.0, high=4.0))",), cell="HSwish")
def hardswish(input: Tensor) -> Tensor:
    """``input * min(max(input + 3, 0), 6) / 6``.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.hardswish(Tensor([-4.0, 1.5])))
    [-0.     1.125]
    """
    return input * native.relu6(input + 3) / 6


@op(samples=("mish(x(3, 4))",), cell="Mish")
def mish(input: Tensor) -> Tensor:
    """``input * tanh(log(1 + exp(input)))``.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.mish(Tensor([0.0, 30.0])))
    [ 0. 30.]
    """
    return input * native.tanh(native.softplus(input))
