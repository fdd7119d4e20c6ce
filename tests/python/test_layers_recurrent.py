"""Recurrent layers and their steps against loops in NumPy: directions, lengths, dropout, derivatives, bad input."""

import warnings

import numpy as np
import pytest
from scipy import special, stats

import adcore
from adcore import Tensor, nn, ops

RNG = np.random.default_rng(9)
sigmoid = special.expit


def relu_step(gi, h, c, w, b):
    return np.maximum(gi + w @ h + b, 0), c


def tanh_step(gi, h, c, w, b):
    return np.tanh(gi + w @ h + b), c


def lstm_step(gi, h, c, w, b):
    i, f, g, o = np.split(gi + w @ h + b, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(gi, h, c, w, b):
    gh = w @ h + b
    (ir, iz, inew), (hr, hz, hnew) = np.split(gi, 3), np.split(gh, 3)
    r, z = sigmoid(ir + hr), sigmoid(iz + hz)
    return (1 - z) * np.tanh(inew + r * hnew) + z * h, c


def oracle(step, weights, x, h0, c0, lengths, layers, directions):
    """One sequence at a time, one step at a time; x is (sequence, batch, features)."""
    last_h, last_c = np.array(h0), np.array(c0)
    for layer in range(layers):
        size = h0.shape[-1]
        out = np.zeros((*x.shape[:2], directions * size))
        for d in range(directions):
            part = f"l{layer}" + ("_reverse" if d else "")
            w_ih, w_hh = weights[f"weight_ih_{part}"], weights[f"weight_hh_{part}"]
            b_ih, b_hh = weights.get(f"bias_ih_{part}", 0.0), weights.get(f"bias_hh_{part}", np.zeros(len(w_hh)))
            for b, length in enumerate(lengths):
                h, c = h0[layer * directions + d, b], c0[layer * directions + d, b]
                for t in range(length)[:: -1 if d else 1]:
                    h, c = step(w_ih @ x[t, b] + b_ih, h, c, w_hh, b_hh)
                    out[t, b, d * size : (d + 1) * size] = h
                last_h[layer * directions + d, b], last_c[layer * directions + d, b] = h, c
        x = out
    return x, last_h, last_c


KINDS = [
    (nn.RNN, {}, tanh_step, 1),
    (nn.RNN, {"nonlinearity": "relu"}, relu_step, 1),
    (nn.LSTM, {}, lstm_step, 4),
    (nn.GRU, {}, gru_step, 3),
]


@pytest.mark.parametrize(("cls", "options", "step", "gates"), KINDS)
@pytest.mark.parametrize(("layers", "directions"), [(1, 1), (2, 2)])
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("given", [True, False])
def test_a_recurrent_layer_is_a_loop(cls, options, step, gates, layers, directions, has_bias, batch_first, given):
    layer = cls(3, 4, layers, has_bias, batch_first, bidirectional=directions == 2, dtype=adcore.float64, **options)
    weights = {param.name: param.asnumpy() for param in layer.get_parameters()}
    assert weights["weight_ih_l0"].shape == (gates * 4, 3) and weights["weight_hh_l0"].shape == (gates * 4, 4)
    x = RNG.normal(size=(5, 2, 3))
    h0, c0 = RNG.normal(size=(2, layers * directions, 2, 4)) if given else np.zeros((2, layers * directions, 2, 4))
    lengths = [5, 2] if given else [5, 5]
    expected, h, c = oracle(step, weights, x, h0, c0, lengths, layers, directions)
    if batch_first:
        x, expected = x.swapaxes(0, 1), expected.swapaxes(0, 1)
    is_lstm = cls is nn.LSTM
    hx = (Tensor(h0), Tensor(c0)) if is_lstm else Tensor(h0)
    output, state = layer(Tensor(x), hx, Tensor(lengths)) if given else layer(Tensor(x))
    np.testing.assert_allclose(output.asnumpy(), expected, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose((state[0] if is_lstm else state).asnumpy(), h, rtol=1e-11, atol=1e-13)
    if is_lstm:
        np.testing.assert_allclose(state[1].asnumpy(), c, rtol=1e-11, atol=1e-13)
    if given:
        same = layer(Tensor(x), hx, lengths)[0]
        np.testing.assert_array_equal(same.asnumpy(), output.asnumpy())


CELLS = [
    (nn.RNNCell, {}, tanh_step),
    (nn.RNNCell, {"nonlinearity": "relu"}, relu_step),
    (nn.LSTMCell, {}, lstm_step),
    (nn.GRUCell, {}, gru_step),
]


@pytest.mark.parametrize(("cls", "options", "step"), CELLS)
@pytest.mark.parametrize("has_bias", [True, False])
def test_a_step(cls, options, step, has_bias):
    cell = cls(3, 4, has_bias, dtype=adcore.float64, **options)
    w_ih, w_hh, *biases = [param.asnumpy() for param in cell.get_parameters()]
    b_ih, b_hh = biases or (0.0, np.zeros(len(w_hh)))
    x, h, c = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 4)), RNG.normal(size=(2, 4))
    expected = [step(w_ih @ x[b] + b_ih, h[b], c[b], w_hh, b_hh) for b in range(2)]
    is_lstm = cls is nn.LSTMCell
    out = cell(Tensor(x), (Tensor(h), Tensor(c)) if is_lstm else Tensor(h))
    for k, part in enumerate(out if is_lstm else (out,)):
        np.testing.assert_allclose(part.asnumpy(), [e[k] for e in expected], rtol=1e-12, atol=1e-13)
    first = cell(Tensor(x[0]), (Tensor(h[0]), Tensor(c[0])) if is_lstm else Tensor(h[0]))
    np.testing.assert_allclose((first[0] if is_lstm else first).asnumpy(), expected[0][0], rtol=1e-12, atol=1e-13)
    zero = ops.zeros((2, 4), adcore.float64)
    for one, other in zip(*(outs if is_lstm else (outs,) for outs in (
        cell(Tensor(x)), cell(Tensor(x), (zero, zero) if is_lstm else zero)
    ))):  # fmt: skip
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())


def test_what_is_behind_the_end_changes_nothing():
    layer = nn.LSTM(3, 4, 2, bidirectional=True)
    x = RNG.normal(size=(5, 2, 3)).astype(np.float32)
    other = x.copy()
    other[3:, 0] = 100.0
    (one, states), (two, others) = (layer(Tensor(values), None, [3, 5]) for values in (x, other))
    for a, b in zip((one, *states), (two, *others)):
        np.testing.assert_array_equal(a.asnumpy(), b.asnumpy())
    assert not one.asnumpy()[3:, 0].any()


def test_dropout_stands_between_layers():
    layer = nn.GRU(3, 50, 2, dropout=0.5)
    x = Tensor(RNG.normal(size=(4, 2, 3)).astype(np.float32))
    adcore.set_seed(1)
    calm = layer(x)[0].asnumpy()
    np.testing.assert_array_equal(layer(x)[0].asnumpy(), calm)
    layer.set_train()
    first, second = layer(x)[0].asnumpy(), layer(x)[0].asnumpy()
    assert (first != second).any() and (first != 0).all()  # the last layer's outputs are not dropped
    with pytest.warns(UserWarning, match="RNN: dropout=0.5 stands between layers"):
        nn.RNN(3, 4, dropout=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.RNN(3, 4, 2, dropout=0.5)


def test_initial_distribution_and_names():
    adcore.set_seed(3)
    layer = nn.LSTM(30, 25, bidirectional=True)
    assert [param.name for param in layer.get_parameters()] == [
        "weight_ih_l0", "weight_ih_l0_reverse", "weight_hh_l0", "weight_hh_l0_reverse",
        "bias_ih_l0", "bias_ih_l0_reverse", "bias_hh_l0", "bias_hh_l0_reverse",
    ]  # fmt: skip
    for param in layer.get_parameters():
        values = param.asnumpy().ravel()
        assert abs(values).max() <= 0.2 and stats.kstest(values, stats.uniform(-0.2, 0.4).cdf).pvalue > 1e-3
    assert [param.name for param in nn.GRUCell(2, 3).get_parameters()] == [
        "weight_ih", "weight_hh", "bias_ih", "bias_hh",
    ]  # fmt: skip


def test_gradients_of_all_weights_against_finite_differences():
    layer = nn.LSTM(2, 2, 2, bidirectional=True, dtype=adcore.float64)
    x, params = Tensor(RNG.normal(size=(3, 2, 2))), layer.trainable_params()

    def loss(x):
        output, (h, c) = layer(x, None, [3, 2])
        return (output**2).sum() + (h * c).sum()

    for param, gradient in zip(params, adcore.grad(loss, None, params)(x)):
        value, direction = param.value(), Tensor(RNG.normal(size=param.shape))
        ends = []
        for side in (1e-5, -1e-5):
            param.set_data(value + side * direction)
            ends.append(float(loss(x)))
        param.set_data(value)
        expected = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(float((gradient * direction).sum()), expected, rtol=1e-6, atol=1e-9)


X = ops.ones((5, 2, 3))


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, "LSTM: hidden_size must be positive", lambda: nn.LSTM(3, 0)),
        (TypeError, "LSTM: has_bias must be a bool", lambda: nn.LSTM(3, 4, 1, 1)),
        (ValueError, r"LSTM: dropout must be in \[0, 1\)", lambda: nn.LSTM(3, 4, 2, dropout=1.0)),
        (ValueError, "RNN: nonlinearity must be 'tanh' or 'relu'", lambda: nn.RNN(3, 4, nonlinearity="sin")),
        (ValueError, "LSTM: the input must be", lambda: nn.LSTM(3, 4)(X[0])),
        (ValueError, "LSTM: the input must have 4 numbers a step", lambda: nn.LSTM(4, 4)(X)),
        (ValueError, "one step or more, but got 3 and 0", lambda: nn.LSTM(3, 4)(ops.ones((0, 2, 3)))),
        (TypeError, "LSTM: hx must be a tuple of two", lambda: nn.LSTM(3, 4)(X, ops.ones((1, 2, 4)))),
        (ValueError, r"GRU: hx must have the shape \(1, 2, 4\)", lambda: nn.GRU(3, 4)(X, ops.ones((2, 4)))),
        (TypeError, "GRU: hx must be made of Tensors", lambda: nn.GRU(3, 4)(X, 0)),
        (ValueError, r"GRU: seq_length must have the shape \(2,\)", lambda: nn.GRU(3, 4)(X, None, [1, 2, 3])),
        (ValueError, r"GRU: each seq_length must be in \[1, 5\]", lambda: nn.GRU(3, 4)(X, None, [1, 6])),
        (ValueError, r"GRU: each seq_length must be in \[1, 5\]", lambda: nn.GRU(3, 4)(X, None, [0, 5])),
        (TypeError, "GRU: seq_length must be of ints", lambda: nn.GRU(3, 4)(X, None, [1.0, 5.0])),
        (TypeError, "GRU: seq_length must be a Tensor or list of ints, but got int", lambda: nn.GRU(3, 4)(X, None, 5)),
        (ValueError, r"GRUCell: x must be a Tensor \(batch, 3\)", lambda: nn.GRUCell(3, 4)(ops.ones((2, 4)))),
        (TypeError, "LSTMCell: hx must be a tuple", lambda: nn.LSTMCell(3, 4)(X[0], ops.ones((2, 4)))),
    ],
)
def test_bad_input(error, text, call):
    with pytest.raises(error, match=text):
        call()


def test_lengths_in_a_recorded_function():
    net, x = nn.LSTM(3, 4, bidirectional=True), Tensor(RNG.normal(size=(5, 2, 3)).astype(np.float32))
    held = Tensor([4, 2])
    expected = net(x, None, [4, 2])[0].asnumpy()
    for f in (lambda x: net(x, None, [4, 2])[0], lambda x: net(x, None, held)[0]):
        np.testing.assert_array_equal(adcore.jit(f)(x).asnumpy(), expected)
    np.testing.assert_array_equal(adcore.jit(lambda x, n: net(x, None, n)[0])(x, held).asnumpy(), expected)
    with pytest.raises(ValueError, match=r"LSTM: each seq_length must be in \[1, 5\], but got \[6, 2\]"):
        adcore.jit(lambda x: net(x, None, [6, 2])[0])(x)
