"""Fully connected layers: Dense and BiDense."""

import math

from .. import ops
from .._core import Tensor, float32
from ..common.initializer import HeUniform, Uniform
from .activation import get_activation
from .arguments import flag, parameter, positive
from .cell import Cell


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
        self.in_channels = positive("Dense", "in_channels", in_channels)
        self.out_channels = positive("Dense", "out_channels", out_channels)
        self.has_bias = flag("Dense", "has_bias", has_bias)
        # HeUniform(sqrt(5)) is uniform below 1/sqrt(in_channels).
        weight_init = HeUniform(math.sqrt(5)) if weight_init is None else weight_init
        self.weight = parameter("Dense", "weight", weight_init, (out_channels, in_channels), dtype)
        self.bias = None
        if has_bias:
            bias_init = Uniform(1 / math.sqrt(in_channels)) if bias_init is None else bias_init
            self.bias = parameter("Dense", "bias", bias_init, (out_channels,), dtype)
        if activation is not None and not isinstance(activation, str) and not callable(activation):
            raise TypeError(f"Dense: activation must be a name or a Cell, but got {type(activation).__name__}.")
        self.activation = get_activation(activation) if isinstance(activation, str) else activation

    def construct(self, x) -> Tensor:
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


class BiDense(Cell):
    """A layer that is linear in each of two inputs: ``y[k] = x1 @ weight[k] @ x2 + bias[k]``.

    Parameters
    ----------
    in1_channels, in2_channels, out_channels : int
        Sizes of the last axes of both inputs and of the output.
    weight_init, bias_init : Tensor, str, Initializer or number, optional
        See `adcore.common.initializer.initializer`. By default both are uniform below ``1 / sqrt(in1_channels)``.
    has_bias : bool
    dtype : dtype
        Of the Parameters, where they are not given as Tensors.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in1_channels, in2_channels)
    bias : Parameter, shape (out_channels,), or None

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for inputs that do not fit the layer or each other.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.BiDense(3, 4, 2)(ops.ones((5, 3)), ops.ones((5, 4))).shape
    (5, 2)
    """

    _samples = ("BiDense(3, 2, 2, dtype=float64)(x(2, 3), x(2, 2))",)

    def __init__(
        self,
        in1_channels,
        in2_channels,
        out_channels,
        weight_init=None,
        bias_init=None,
        has_bias=True,
        dtype=float32,
    ):
        super().__init__()
        self.in1_channels = positive("BiDense", "in1_channels", in1_channels)
        self.in2_channels = positive("BiDense", "in2_channels", in2_channels)
        self.out_channels = positive("BiDense", "out_channels", out_channels)
        self.has_bias = flag("BiDense", "has_bias", has_bias)
        uniform = Uniform(1 / math.sqrt(in1_channels))
        shape = (out_channels, in1_channels, in2_channels)
        self.weight = parameter("BiDense", "weight", uniform if weight_init is None else weight_init, shape, dtype)
        self.bias = None
        if has_bias:
            init = uniform if bias_init is None else bias_init
            self.bias = parameter("BiDense", "bias", init, (out_channels,), dtype)

    def construct(self, input1, input2) -> Tensor:
        """Apply the layer to Tensors of shapes (..., in1_channels) and (..., in2_channels)."""
        for name, x, size in (("input1", input1, self.in1_channels), ("input2", input2, self.in2_channels)):
            if not isinstance(x, Tensor):
                raise TypeError(f"BiDense: {name} must be a Tensor, but got {type(x).__name__}.")
            if not x.ndim or x.shape[-1] != size or x.shape[:-1] != input1.shape[:-1]:
                raise ValueError(
                    f"BiDense: the inputs must be (..., {self.in1_channels}) and (..., {self.in2_channels}), but got "
                    f"the shapes {input1.shape} and {input2.shape}."
                )
        # One product with all weights, then one with the second input for each row.
        rows = ops.reshape(ops.swapaxes(self.weight, 1, 2), (-1, self.in1_channels))
        parts = ops.reshape(ops.dense(input1, rows), (*input1.shape[:-1], self.out_channels, self.in2_channels))
        y = ops.squeeze(ops.matmul(parts, ops.expand_dims(input2, -1)), -1)
        return y if self.bias is None else y + self.bias

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return (
            f"in1_channels={self.in1_channels}, in2_channels={self.in2_channels}, output_channels={self.out_channels}, "
            f"has_bias={self.has_bias}"
        )


Bilinear = BiDense
