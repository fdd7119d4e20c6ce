"""Recurrent layers, RNN, LSTM and GRU, and their single steps, RNNCell, LSTMCell and GRUCell.

What the input gives to the gates is one product for all steps, and the steps along a sequence are one op, of which
`_steps` of a class tells which: a function of those gates, of the state's weights and bias, of the state at the
beginning, a tuple whose first Tensor is the output, of the steps that are inside of the sequences, and of the
direction. It returns the state after every step. `_Recurrent` runs it layer by layer and in one or two directions;
`_Step` along a sequence of one step. The formulas are those of Elman (RNN), of Hochreiter and Schmidhuber with forget
gates (LSTM) and of Cho et al. 2014 (GRU, the reset gate behind the product).
"""

import warnings

from .. import ops
from .._core import Tensor, float32, innermost, is_tracing
from .._ops.native import _gru, _lstm, _rnn
from ..common.initializer import Uniform
from .arguments import flag, number, one_of, parameter, positive, require_axes
from .cell import Cell


def _tanh_steps(gates, weight, bias, state, inside=None, reverse=False):
    return (_rnn(gates, weight, *state, inside, reverse),)


def _relu_steps(gates, weight, bias, state, inside=None, reverse=False):
    return (_rnn(gates, weight, *state, inside, reverse, True),)


def _lstm_steps(gates, weight, bias, state, inside=None, reverse=False):
    return _lstm(gates, weight, *state, inside, reverse)


def _gru_steps(gates, weight, bias, state, inside=None, reverse=False):
    return (_gru(gates, weight, *state, bias, inside, reverse),)


_STEPS = {"tanh": _tanh_steps, "relu": _relu_steps}


class _Gates(Cell):
    """What layers and single steps share."""

    _steps: object  # a static method
    _gates: int  # how many times the hidden size the weights have rows
    _states = 1  # Tensors of the state

    def _input_gates(self, x, weight, bias, state_bias):
        # A GRU multiplies what comes of the state, its bias too, so that one stays with the state.
        if bias is not None and self._gates != 3:
            bias = bias + state_bias
        return ops.dense(x, weight, bias)

    def _state(self, hx, shape, dtype):
        """Return the state at the beginning as a tuple; zeros where nothing is given."""
        name = self.cls_name
        if hx is None:
            return (ops.zeros(shape, dtype),) * self._states
        state = (hx,) if self._states == 1 else hx
        if not isinstance(state, (tuple, list)) or len(state) != self._states:
            raise TypeError(f"{name}: hx must be a tuple of two Tensors, but got {type(hx).__name__}.")
        for part in state:
            if not isinstance(part, Tensor):
                raise TypeError(f"{name}: hx must be made of Tensors, but got {type(part).__name__}.")
            if tuple(part.shape) != shape:
                raise ValueError(f"{name}: hx must have the shape {shape}, but got {tuple(part.shape)}.")
        return tuple(state)


class _Step(_Gates):
    def __init__(self, input_size, hidden_size, has_bias=True, dtype=float32):
        super().__init__()
        name = self.cls_name
        self.input_size = positive(name, "input_size", input_size)
        self.hidden_size = positive(name, "hidden_size", hidden_size)
        self.has_bias = flag(name, "has_bias", has_bias)
        init, rows = Uniform(hidden_size**-0.5), self._gates * hidden_size
        self.weight_ih = parameter(name, "weight_ih", init, (rows, input_size), dtype)
        self.weight_hh = parameter(name, "weight_hh", init, (rows, hidden_size), dtype)
        self.bias_ih = self.bias_hh = None
        if has_bias:
            self.bias_ih = parameter(name, "bias_ih", init, (rows,), dtype)
            self.bias_hh = parameter(name, "bias_hh", init, (rows,), dtype)

    def construct(self, x, hx=None):
        """Return the state after one step."""
        if not isinstance(x, Tensor) or not x.ndim or x.shape[-1] != self.input_size:
            what = f"the shape {x.shape}" if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(f"{self.cls_name}: x must be a Tensor (batch, {self.input_size}), but got {what}.")
        state = self._state(hx, (*x.shape[:-1], self.hidden_size), x.dtype)
        gates = self._input_gates(x, self.weight_ih, self.bias_ih, self.bias_hh)
        states = self._steps(ops.expand_dims(gates, 0), self.weight_hh, self.bias_hh, state)
        last = [ops.squeeze(values, 0) for values in states]
        return last[0] if len(last) == 1 else tuple(last)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"input_size={self.input_size}, hidden_size={self.hidden_size}, has_bias={self.has_bias}"


class RNNCell(_Step):
    """One step of an RNN: ``tanh(x @ weight_ih.T + bias_ih + hx @ weight_hh.T + bias_hh)``.

    Parameters
    ----------
    input_size, hidden_size : int
    has_bias : bool
    nonlinearity : {'tanh', 'relu'}
    dtype : dtype
        Of the Parameters.

    Attributes
    ----------
    weight_ih : Parameter, shape (hidden_size, input_size)
    weight_hh : Parameter, shape (hidden_size, hidden_size)
    bias_ih, bias_hh : Parameter, shape (hidden_size,), or None
        All start uniform below ``1 / sqrt(hidden_size)``.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for shapes that do not fit.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.RNNCell(3, 4)(ops.ones((2, 3)), ops.zeros((2, 4))).shape
    (2, 4)
    """

    _gates = 1
    _samples = (
        "RNNCell(3, 2, dtype=float64)(x(2, 3), x(2, 2))",
        "RNNCell(3, 2, False, 'relu', dtype=float64)(x(3))",
    )

    def __init__(self, input_size, hidden_size, has_bias=True, nonlinearity="tanh", dtype=float32):
        super().__init__(input_size, hidden_size, has_bias, dtype)
        self.nonlinearity = one_of("tanh", "relu")("RNNCell", "nonlinearity", nonlinearity)

    @property
    def _steps(self):
        return _STEPS[self.nonlinearity]


class LSTMCell(_Step):
    """One step of an LSTM; state and result are a pair, hidden state and cell state.

    The rows of the weights are those of the input, the forget, the cell and the output gate.

    Parameters
    ----------
    input_size, hidden_size : int
    has_bias : bool
    dtype : dtype
        Of the Parameters.

    Attributes
    ----------
    weight_ih : Parameter, shape (4 * hidden_size, input_size)
    weight_hh : Parameter, shape (4 * hidden_size, hidden_size)
    bias_ih, bias_hh : Parameter, shape (4 * hidden_size,), or None
        All start uniform below ``1 / sqrt(hidden_size)``.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for shapes that do not fit.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> h, c = nn.LSTMCell(3, 4)(ops.ones((2, 3)), (ops.zeros((2, 4)), ops.zeros((2, 4))))
    >>> h.shape
    (2, 4)
    """

    _steps = staticmethod(_lstm_steps)
    _gates, _states = 4, 2
    _samples = ("LSTMCell(3, 2, dtype=float64)(x(2, 3), (x(2, 2), x(2, 2)))[0]",)


class GRUCell(_Step):
    """One step of a GRU. The rows of the weights are those of the reset, the update and the new gate.

    Parameters
    ----------
    input_size, hidden_size : int
    has_bias : bool
    dtype : dtype
        Of the Parameters.

    Attributes
    ----------
    weight_ih : Parameter, shape (3 * hidden_size, input_size)
    weight_hh : Parameter, shape (3 * hidden_size, hidden_size)
    bias_ih, bias_hh : Parameter, shape (3 * hidden_size,), or None
        All start uniform below ``1 / sqrt(hidden_size)``.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for shapes that do not fit.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.GRUCell(3, 4)(ops.ones((2, 3)), ops.zeros((2, 4))).shape
    (2, 4)
    """

    _steps = staticmethod(_gru_steps)
    _gates = 3
    _samples = ("GRUCell(3, 2, dtype=float64)(x(2, 3), x(2, 2))",)


class _Recurrent(_Gates):
    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        has_bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        dtype=float32,
    ):
        super().__init__()
        name = self.cls_name
        self.input_size = positive(name, "input_size", input_size)
        self.hidden_size = positive(name, "hidden_size", hidden_size)
        self.num_layers = positive(name, "num_layers", num_layers)
        self.has_bias = flag(name, "has_bias", has_bias)
        self.batch_first = flag(name, "batch_first", batch_first)
        self.bidirectional = flag(name, "bidirectional", bidirectional)
        if not 0 <= number(name, "dropout", dropout) < 1:
            raise ValueError(f"{name}: dropout must be in [0, 1), but got {dropout}.")
        if dropout and num_layers == 1:
            warnings.warn(
                f"{name}: dropout={dropout} stands between layers, but there is one layer alone.", UserWarning, 3
            )
        self.dropout = dropout
        # By the name of its Parameters; that of the second direction ends with _reverse.
        self._parts = [
            [f"l{layer}{suffix}" for suffix in ("", "_reverse")[: 1 + bidirectional]] for layer in range(num_layers)
        ]
        init, rows = Uniform(hidden_size**-0.5), self._gates * hidden_size
        for kind in ("weight_ih_", "weight_hh_", *(("bias_ih_", "bias_hh_") if has_bias else ())):
            for layer, parts in enumerate(self._parts):
                size = input_size if layer == 0 else hidden_size * len(parts)
                columns = {"weight_ih_": (size,), "weight_hh_": (hidden_size,)}.get(kind, ())
                for part in parts:
                    setattr(self, kind + part, parameter(name, kind + part, init, (rows, *columns), dtype))

    def construct(self, x, hx=None, seq_length=None):
        """Return the outputs of the last layer and the states of all layers after the last step."""
        name = self.cls_name
        require_axes(name, x, (3,), "(sequence, batch, input_size)")
        if self.batch_first:
            x = ops.swapaxes(x, 0, 1)
        steps, batch, size = x.shape
        if size != self.input_size or not steps:
            raise ValueError(
                f"{name}: the input must have {self.input_size} numbers a step and one step or more, but got "
                f"{size} and {steps}."
            )
        directions = len(self._parts[0])
        state = self._state(hx, (self.num_layers * directions, batch, self.hidden_size), x.dtype)
        inside = None if seq_length is None else self._inside(seq_length, steps, batch)
        last = []
        for layer, parts in enumerate(self._parts):
            if layer and self.dropout and self.training:
                x = ops.dropout(x, self.dropout, True)
            outputs = []
            for direction, part in enumerate(parts):
                first = tuple(whole[layer * directions + direction] for whole in state)
                output, after = self._run(x, part, first, inside, bool(direction))
                outputs.append(output)
                last.append(after)
            x = outputs[0] if directions == 1 else ops.concat(outputs, -1)
        last = tuple(ops.stack(parts) for parts in zip(*last))
        x = ops.swapaxes(x, 0, 1) if self.batch_first else x
        return x, last[0] if self._states == 1 else last

    def _run(self, x, part, state, inside, backwards):
        """Run one direction of one layer; a step that is not inside of its sequence leaves the state as it is."""
        weight, w_bias = getattr(self, f"weight_hh_{part}"), getattr(self, f"bias_hh_{part}", None)
        bias = getattr(self, f"bias_ih_{part}", None)
        gates = self._input_gates(x, getattr(self, f"weight_ih_{part}"), bias, w_bias)
        states = self._steps(gates, weight, w_bias, state, inside, backwards)
        output = states[0] if inside is None else ops.where(ops.expand_dims(inside, -1), states[0], 0.0)
        return output, tuple(values[0 if backwards else -1] for values in states)

    def _inside(self, seq_length, steps, batch):
        """Return which steps belong to the sequences, (steps, batch)."""
        name = self.cls_name
        if not hasattr(seq_length, "__iter__"):
            raise TypeError(
                f"{name}: seq_length must be a Tensor or list of ints, but got {type(seq_length).__name__}."
            )
        given = None if isinstance(seq_length, Tensor) else list(seq_length)
        lengths = seq_length if given is None else Tensor(given)
        if not lengths.dtype.is_integer:
            raise TypeError(f"{name}: seq_length must be of ints, but got {lengths.dtype}.")
        if lengths.shape != (batch,):
            raise ValueError(f"{name}: seq_length must have the shape {(batch,)}, but got {lengths.shape}.")
        if given is None and innermost([lengths]) is None and not is_tracing():  # else its elements are not known
            given = lengths.tolist()
        if given is not None and not all(1 <= length <= steps for length in given):
            raise ValueError(f"{name}: each seq_length must be in [1, {steps}], but got {given}.")
        return ops.reshape(ops.arange(steps), (-1, 1)) < lengths

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return (
            f"input_size={self.input_size}, hidden_size={self.hidden_size}, num_layers={self.num_layers}, "
            f"has_bias={self.has_bias}, batch_first={self.batch_first}, dropout={self.dropout}, "
            f"bidirectional={self.bidirectional}"
        )


class RNN(_Recurrent):
    """Layers of ``h = tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)`` along a sequence.

    Parameters
    ----------
    input_size, hidden_size : int
    num_layers : int
        Each takes what the one before gives.
    has_bias : bool
    batch_first : bool
        Whether input and output are (batch, sequence, ...) instead of (sequence, batch, ...). States are not.
    dropout : float
        In training mode, of the outputs of all layers but the last, in [0, 1).
    bidirectional : bool
        Whether each layer runs along the sequence backwards, too; the outputs stand side by side.
    dtype : dtype
        Of the Parameters.
    nonlinearity : {'tanh', 'relu'}

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0 : Parameter, shape (hidden_size, input_size) and (hidden_size, hidden_size)
        Of the first layer, and so on. Those of the second direction end with ``_reverse``.
    bias_ih_l0, bias_hh_l0 : Parameter, shape (hidden_size,)
        All start uniform below ``1 / sqrt(hidden_size)``.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for shapes that do not fit, and lengths that are not in
        [1, steps].

    Notes
    -----
    A call takes ``x, hx=None, seq_length=None``: the input, the states at the beginning, (num_layers * directions,
    batch, hidden_size), zero where they are not given, and the length of each sequence, as a Tensor or list of int. It
    returns the outputs, zero behind the end of a sequence, and the states after its last step.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> output, state = nn.RNN(3, 4, num_layers=2, bidirectional=True)(ops.ones((5, 2, 3)))
    >>> output.shape, state.shape
    ((5, 2, 8), (4, 2, 4))
    """

    _gates = 1
    _samples = (
        "RNN(2, 2, 2, bidirectional=True, dtype=float64)(x(3, 2, 2), x(4, 2, 2))[0]",
        "RNN(2, 2, dtype=float64)(x(3, 2, 2), None, [3, 1])[0]",
    )

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        has_bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        dtype=float32,
        *,
        nonlinearity="tanh",
    ):
        super().__init__(input_size, hidden_size, num_layers, has_bias, batch_first, dropout, bidirectional, dtype)
        self.nonlinearity = one_of("tanh", "relu")("RNN", "nonlinearity", nonlinearity)

    @property
    def _steps(self):
        return _STEPS[self.nonlinearity]


class LSTM(_Recurrent):
    """Layers of an LSTM along a sequence; see `RNN` for the arguments and `LSTMCell` for the gates.

    Its states are a pair: hidden states and cell states.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> output, (h, c) = nn.LSTM(3, 4, batch_first=True)(ops.ones((2, 5, 3)))
    >>> output.shape, h.shape, c.shape
    ((2, 5, 4), (1, 2, 4), (1, 2, 4))
    """

    _steps = staticmethod(_lstm_steps)
    _gates, _states = 4, 2
    _samples = (
        "LSTM(2, 2, dtype=float64)(x(3, 2, 2), (x(1, 2, 2), x(1, 2, 2)))[0]",
        "LSTM(2, 1, 1, bidirectional=True, dtype=float64)(x(3, 2, 2), None, [2, 3])[1][1]",
    )


class GRU(_Recurrent):
    """Layers of a GRU along a sequence; see `RNN` for the arguments and `GRUCell` for the gates.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> output, state = nn.GRU(3, 4)(ops.ones((5, 2, 3)))
    >>> output.shape, state.shape
    ((5, 2, 4), (1, 2, 4))
    """

    _steps = staticmethod(_gru_steps)
    _gates = 3
    _samples = ("GRU(2, 2, 2, dtype=float64)(x(3, 2, 2), x(2, 2, 2))[0]",)
