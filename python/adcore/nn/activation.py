"""Activations, each a cell of one op of `adcore.ops`.

One that differs from its op by nothing is a line (`op_cell`); `get_activation` finds all of them by the names that
Dense accepts.
"""

from .. import ops
from .op_cell import OpCell


class _Activation(OpCell):
    """What `get_activation` finds."""


class ReLU(_Activation, op=ops.relu): ...


class ReLU6(_Activation, op=ops.relu6): ...


class SeLU(_Activation, op=ops.selu): ...


SELU = SeLU


class SiLU(_Activation, op=ops.silu): ...


class Sigmoid(_Activation, op=ops.sigmoid): ...


class Tanh(_Activation, op=ops.tanh): ...


class Softsign(_Activation, op=ops.softsign): ...


class LeakyReLU(_Activation, op=ops.leaky_relu): ...


class ELU(_Activation, op=ops.elu): ...


class Softplus(_Activation, op=ops.softplus): ...


class LogSigmoid(_Activation, op=ops.logsigmoid): ...


class HSigmoid(_Activation, op=ops.hardsigmoid): ...


class HSwish(_Activation, op=ops.hardswish): ...


class Mish(_Activation, op=ops.mish): ...


class Tanhshrink(_Activation, op=ops.tanhshrink): ...


class CELU(_Activation, op=ops.celu): ...


class Hardtanh(_Activation, op=ops.hardtanh): ...


class HShrink(_Activation, op=ops.hardshrink): ...


class SoftShrink(_Activation, op=ops.softshrink): ...


class GELU(_Activation):
    """``x * Phi(x)`` with the distribution function of the standard normal, elementwise.

    Parameters
    ----------
    approximate : bool
        Whether to use ``0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))`` (Hendrycks and Gimpel 2016,
        arXiv:1606.08415).

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> round(float(nn.GELU(approximate=False)(Tensor(1.0))), 4)
    0.8413
    """

    _samples = ("GELU()(x(3, 4))", "GELU(approximate=False)(x(3, 4))")

    def __init__(self, approximate=True):
        super().__init__()
        if not isinstance(approximate, bool):
            raise TypeError(f"GELU: approximate must be a bool, but got {type(approximate).__name__}.")
        self.approximate = approximate
        self._form = "tanh" if approximate else "none"

    def construct(self, x):
        """Compute it elementwise."""
        return ops.gelu(x, self._form)


class Softmax(_Activation):
    """``exp(x) / sum(exp(x))`` along `axis`, an int or a tuple of one int.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> nn.Softmax()(ac.Tensor([[0.0, 0.0]], ac.float32)).asnumpy().tolist()
    [[0.5, 0.5]]
    """

    _samples = ("Softmax()(x(3, 4))", "Softmax((0,))(x(3, 4))")

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = axis
        self._axis = _one_axis("Softmax", axis)

    def construct(self, x):
        """Normalise `x` along the axis."""
        return ops.softmax(x, self._axis)


class LogSoftmax(_Activation):
    """``log(softmax(x))`` along `axis`.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> round(float(nn.LogSoftmax()(Tensor([0.0, 0.0]))[0]), 4)
    -0.6931
    """

    _samples = ("LogSoftmax()(x(3, 4))", "LogSoftmax(0)(x(3, 4))")

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = _one_axis("LogSoftmax", axis)

    def construct(self, x):
        """Normalise `x` along the axis."""
        return ops.log_softmax(x, self.axis)


def _one_axis(cell, axis):
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise TypeError(f"{cell}: axis must be an int, but got {axis!r}.")
    return axis


_BY_NAME = {cls.__name__.lower(): cls for cls in _Activation.__subclasses__()}


def get_activation(name):
    """Make the activation Cell of a name; None for None.

    Raises
    ------
    KeyError
        If the name is unknown.

    Examples
    --------
    >>> from adcore import nn
    >>> nn.get_activation("sigmoid")
    Sigmoid()
    """
    if name is None:
        return None
    if name not in _BY_NAME:
        raise KeyError(f"get_activation: unknown name {name!r}. Known are {', '.join(sorted(_BY_NAME))}.")
    return _BY_NAME[name]()


def _function_named(cell, activation):
    """Return the activation of a Transformer's layer, which by these names is exact: a Cell or a function."""
    if isinstance(activation, str):
        found = {"relu": ops.relu, "gelu": ops.gelu}.get(activation)
        if found is None:
            raise ValueError(f"{cell}: activation must be 'relu', 'gelu' or a function, but got {activation!r}.")
        return found
    if not callable(activation):
        raise TypeError(f"{cell}: activation must be a name or a function, but got {type(activation).__name__}.")
    return activation
