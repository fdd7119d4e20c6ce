"""Layers: Dense, Flatten, Dropout, Identity and the activations. Each calls one op of `adcore.ops`.

An activation that differs from its op by nothing is a line (`op_cell`);
`get_activation` finds all of them by the names that Dense accepts.
"""

import math

from .. import ops
from .._core import Parameter, Tensor, float32
from ..common.initializer import HeUniform, Uniform, initializer
from .cell import Cell
from .op_cell import OpCell


class Dense(Cell):
    """A fully connected layer: ``activation(x @ weight.T + bias)``.

    Parameters
    ----------
    in_channels, out_channels : int
        Sizes of the last axis of input and output.
    weight_init, bias_init : Tensor, str, Initializer or number, optional
        See `adcore.common.initializer.initializer`. By default both are uniform in
        ``[-1/sqrt(in_channels), 1/sqrt(in_channels))``.
    has_bias : bool
    activation : str, Cell or callable, optional
        Applied to the output; for the names see `get_activation`.
    dtype : dtype
        Of the Parameters, where they are not given as Tensors.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels)
    bias : Parameter, shape (out_channels,), or None

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a size is not positive, or an initial Tensor has the wrong shape.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> layer = nn.Dense(3, 2, activation="relu")
    >>> layer(ac.ops.ones((4, 5, 3), ac.float32)).shape
    (4, 5, 2)
    """

    _samples = (
        "Dense(4, 2, dtype=float64)(x(3, 4)) ** 2",
        "Dense(4, 2, has_bias=False, activation='tanh', dtype=float64)(x(4))",
    )

    def __init__(
        self, in_channels, out_channels, weight_init=None, bias_init=None, has_bias=True, activation=None, dtype=float32
    ):
        super().__init__()
        self.in_channels = _positive("in_channels", in_channels)
        self.out_channels = _positive("out_channels", out_channels)
        if not isinstance(has_bias, bool):
            raise TypeError(f"Dense: has_bias must be a bool, but got {type(has_bias).__name__}.")
        self.has_bias = has_bias
        # HeUniform(sqrt(5)) is uniform below 1/sqrt(in_channels).
        weight_init = HeUniform(math.sqrt(5)) if weight_init is None else weight_init
        self.weight = _initial("weight", weight_init, (out_channels, in_channels), dtype)
        self.bias = None
        if has_bias:
            bias_init = Uniform(1 / math.sqrt(in_channels)) if bias_init is None else bias_init
            self.bias = _initial("bias", bias_init, (out_channels,), dtype)
        if activation is not None and not isinstance(activation, str) and not callable(activation):
            raise TypeError(f"Dense: activation must be a name or a Cell, but got {type(activation).__name__}.")
        self.activation = get_activation(activation) if isinstance(activation, str) else activation

    def construct(self, x):
        """Apply the layer to a Tensor of shape (..., in_channels)."""
        y = ops.dense(x, self.weight, self.bias)
        return y if self.activation is None else self.activation(y)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        text = f"input_channels={self.in_channels}, output_channels={self.out_channels}"
        if self.has_bias:
            text += ", has_bias=True"
        if self.activation is not None:
            text += f", activation={self.activation!r}"
        return text


def _positive(name, size):
    if isinstance(size, bool) or not isinstance(size, int):
        raise TypeError(f"Dense: {name} must be an int, but got {type(size).__name__}.")
    if size <= 0:
        raise ValueError(f"Dense: {name} must be positive, but got {size}.")
    return size


def _initial(name, init, shape, dtype):
    if isinstance(init, Tensor) and tuple(init.shape) != shape:
        raise ValueError(f"Dense: {name}_init must have shape {shape}, but got {tuple(init.shape)}.")
    return Parameter(initializer(init, shape, dtype), name=name)


class Flatten(Cell):
    """Join the axes from `start_dim` to `end_dim` into one.

    Raises
    ------
    TypeError
        If an axis is not an int.
    ValueError
        If the input does not have the axes, or the first comes after the last.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> nn.Flatten()(ac.ops.ones((2, 3, 4), ac.float32)).shape
    (2, 12)
    """

    _samples = ("Flatten()(x(2, 3, 2)) ** 2", "Flatten(0, 1)(x(2, 3, 2)) ** 2")

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        for name, dim in (("start_dim", start_dim), ("end_dim", end_dim)):
            if isinstance(dim, bool) or not isinstance(dim, int):
                raise TypeError(f"Flatten: {name} must be an int, but got {type(dim).__name__}.")
        self.start_dim = start_dim
        self.end_dim = end_dim

    def construct(self, x):
        """Flatten `x`."""
        shape = x.shape
        rank = len(shape) or 1
        if not (-rank <= self.start_dim < rank and -rank <= self.end_dim < rank):
            raise ValueError(
                f"Flatten: axes {self.start_dim} to {self.end_dim} do not exist in shape {tuple(shape)}. "
                "The default keeps axis 0, so it needs two axes."
            )
        first, last = self.start_dim % rank, self.end_dim % rank
        if first > last:
            raise ValueError(f"Flatten: start_dim {self.start_dim} comes after end_dim {self.end_dim}.")
        return ops.reshape(x, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


class Dropout(Cell):
    """In training mode set each element to zero with probability `p` and scale the others by ``1 / (1 - p)``.

    Outside of training (the default, see ``set_train``) the input is returned as it is.

    Parameters
    ----------
    keep_prob : float
        The older form, used where `p` is None: ``1 - p``, in (0, 1].
    p : float, optional
        In [0, 1).
    dtype : dtype
        Accepted for compatibility, not used.

    Raises
    ------
    TypeError
        If the probability is not a number.
    ValueError
        If it is out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> drop = nn.Dropout(p=0.5)
    >>> x = ac.ops.ones((1000,), ac.float32)
    >>> drop(x) is x
    True
    >>> sorted(set(drop.set_train()(x).asnumpy().tolist()))
    [0.0, 2.0]
    """

    _samples = ("Dropout(p=0.5)(x(3, 4)) ** 2",)  # not in training: a second call would draw other numbers

    def __init__(self, keep_prob=0.5, p=None, dtype=float32):
        super().__init__()
        name, value = ("keep_prob", keep_prob) if p is None else ("p", p)
        if isinstance(value, bool) or not isinstance(value, (float, int)):
            raise TypeError(f"Dropout: {name} must be a float, but got {type(value).__name__}.")
        if p is None and not 0 < keep_prob <= 1:
            raise ValueError(f"Dropout: keep_prob must be in (0, 1], but got {keep_prob}.")
        if p is not None and not 0 <= p < 1:
            raise ValueError(f"Dropout: p must be in [0, 1), but got {p}.")
        self.keep_prob = keep_prob
        self.p = p
        self._rate = 1 - keep_prob if p is None else p

    def construct(self, x):
        """Drop elements of `x` in training mode."""
        return ops.dropout(x, self._rate, True) if self.training and self._rate else x

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"keep_prob={self.keep_prob}" if self.p is None else f"p={self.p}"


class Identity(Cell):
    """Return the input. Any arguments of the constructor are ignored.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> x = Tensor([1.0])
    >>> nn.Identity()(x) is x
    True
    """

    _samples = ("Identity()(x(3, 4)) ** 2",)

    def __init__(self, *args, **kwargs):
        super().__init__()

    def construct(self, x):
        """Return `x`."""
        return x


# ---- activations --------------------------------------------------------------------------------------------------


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
