"""Activations written with other ops; derivatives, at every order, follow from those."""

from __future__ import annotations

from adcore._core import Tensor
from adcore._ops import native
from adcore._ops.declare import op

PAGE = "Elementwise"


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
