"""Activations, each a cell of one op of `adcore.ops`.

One that differs from its op by nothing is a line (`op_cell`); `get_activation` finds all of them by the names that
Dense accepts.
"""

from .. import ops
from .._core import Tensor, float32
from .arguments import number, parameter, positive, require_axes
from .cell import Cell
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

    def construct(self, x) -> Tensor:
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

    def construct(self, x) -> Tensor:
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

    def construct(self, x) -> Tensor:
        """Normalise `x` along the axis."""
        return ops.log_softmax(x, self.axis)


def _one_axis(cell, axis):
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise TypeError(f"{cell}: axis must be an int, but got {axis!r}.")
    return axis


class Softmin(_Activation):
    """``softmax(-x)`` along `axis`.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.Softmin()(Tensor([0.0, 0.0])))
    [0.5 0.5]
    """

    _samples = ("Softmin()(x(3, 4))",)

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = _one_axis("Softmin", axis)

    def construct(self, x) -> Tensor:
        """Normalise `x` along the axis."""
        return ops.softmax(-x, self.axis)


class Softmax2d(_Activation):
    """Softmax over the channels of images, (batch, channels, height, width) or without the batch.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> print(nn.Softmax2d()(ops.zeros((2, 1, 1))))
    [[[0.5]]
    <BLANKLINE>
     [[0.5]]]
    """

    _samples = ("Softmax2d()(x(1, 3, 2, 2))",)

    def construct(self, x) -> Tensor:
        """Normalise `x` over the channels."""
        require_axes("Softmax2d", x, (4, 3), "(batch, channels, height, width) or without the batch")
        return ops.softmax(x, -3)


class FastGelu(_Activation):
    """``x * sigmoid(1.702 * x)``, close to GELU (Hendrycks and Gimpel 2016, arXiv:1606.08415).

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> round(float(nn.FastGelu()(Tensor(1.0))), 4)
    0.8458
    """

    _samples = ("FastGelu()(x(3, 4))",)

    def construct(self, x) -> Tensor:
        """Compute it elementwise."""
        return x * ops.sigmoid(1.702 * x)


class RReLU(_Activation):
    """The input where positive, elsewhere the input times a number (Xu et al. 2015).

    In training mode the number is drawn for each element, else it is the mean of both bounds.

    Parameters
    ----------
    lower, upper : float
        Between which it is drawn.

    Raises
    ------
    TypeError, ValueError
        If they are no numbers, or the first is greater than the second.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.RReLU(0.25, 0.75)(Tensor([-2.0, 2.0])))
    [-1.  2.]
    """

    _samples = ("RReLU()(x(3, 4))",)

    def __init__(self, lower=1 / 8, upper=1 / 3):
        super().__init__()
        self.lower, self.upper = number("RReLU", "lower", lower), number("RReLU", "upper", upper)
        if lower > upper:
            raise ValueError(f"RReLU: lower must not be greater than upper, but got {lower} and {upper}.")

    def construct(self, x) -> Tensor:
        """Compute it elementwise."""
        return ops.rrelu(x, self.lower, self.upper, self.training)


class PReLU(_Activation):
    """The input where positive, elsewhere the input times a number that is trained (He et al. 2015).

    Parameters
    ----------
    channel : int
        How many numbers there are: 1, or one for each channel, the axis 1 of the input.
    w : float, list of float or Tensor
        Their initial values.

    Attributes
    ----------
    w : Parameter, shape (channel,)

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind or of another number. At the call: for an input with other channels.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.PReLU()(Tensor([-4.0, 4.0])))
    [-1.  4.]
    """

    _samples = ("PReLU(3, [0.1, 0.2, 0.3])(x(2, 3, 2))",)

    def __init__(self, channel=1, w=0.25):
        super().__init__()
        positive("PReLU", "channel", channel)
        if isinstance(w, (list, tuple)):
            w = Tensor(list(w), float32)
        elif not isinstance(w, Tensor):
            number("PReLU", "w", w)
        if isinstance(w, Tensor) and w.shape != (channel,):
            raise ValueError(f"PReLU: w must have the shape {(channel,)}, but got {w.shape}.")
        self.w = parameter("PReLU", "a", w, (channel,), float32)

    def construct(self, x) -> Tensor:
        """Compute it elementwise."""
        return ops.prelu(x, self.w)


class GLU(OpCell, op=ops.glu): ...


class Threshold(Cell):
    """The input where it is greater than `threshold`, elsewhere `value`.

    Parameters
    ----------
    threshold, value : float

    Raises
    ------
    TypeError
        If they are no numbers.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.Threshold(0.5, -1.0)(Tensor([0.0, 2.0])))
    [-1.  2.]
    """

    _samples = ("Threshold(0.0, 3.0)(x(3, 4))",)

    def __init__(self, threshold, value):
        super().__init__()
        self.threshold = number("Threshold", "threshold", threshold)
        self.value = number("Threshold", "value", value)

    def construct(self, x) -> Tensor:
        """Compute it elementwise."""
        return ops.threshold(x, self.threshold, self.value)


_BY_NAME = {cls.__name__.lower(): cls for cls in _Activation.__subclasses__()}
_BY_NAME["fast_gelu"] = FastGelu


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
