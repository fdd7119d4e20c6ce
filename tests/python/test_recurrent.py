"""The ops that recurrent layers are made of: against loops in NumPy and in ops, at sizes that reach all of the kernels.

Derivatives and bits of small ones follow from their samples; the layers themselves are in `test_layers_recurrent.py`.
"""

import numpy as np
import pytest
from scipy import special

import adcore
from adcore import Tensor, jvp, ops, vjp
from adcore._ops.native import _gru, _lstm, _rnn
from helpers import array_of, check_grads

RNG = np.random.default_rng(44)


class OfNumPy:
    """What the formulas are written with, of arrays."""

    sigmoid = staticmethod(special.expit)
    tanh = staticmethod(np.tanh)
    relu = staticmethod(lambda x: np.maximum(x, 0))
    where = staticmethod(np.where)
    stack = staticmethod(np.stack)


def lstm(m, x, s, h, c):
    units = h.shape[-1]
    enter, keep, new, out = ((x + s)[..., k * units : (k + 1) * units] for k in range(4))
    c = m.sigmoid(keep) * c + m.sigmoid(enter) * m.tanh(new)
    return m.sigmoid(out) * m.tanh(c), c


def gru(m, x, s, h):
    units = h.shape[-1]
    xs, ss = ([v[..., k * units : (k + 1) * units] for k in range(3)] for v in (x, s))
    reset, keep = m.sigmoid(xs[0] + ss[0]), m.sigmoid(xs[1] + ss[1])
    return ((1 - keep) * m.tanh(xs[2] + reset * ss[2]) + keep * h,)


# name -> op, its formula, gates, states, whether it has a bias
KINDS = {
    "tanh": (_rnn, lambda m, x, s, h: (m.tanh(x + s),), 1, 1, False),
    "relu": (lambda *args: _rnn(*args, relu=True), lambda m, x, s, h: (m.relu(x + s),), 1, 1, False),
    "lstm": (_lstm, lstm, 4, 2, False),
    "gru": (_gru, gru, 3, 1, True),
}
SIZES = [(1, 1, 1), (4, 3, 5), (3, 8, 16), (3, 9, 37), (12, 41, 50), (2, 70, 130)]  # steps, rows, units


def loop(m, formula, bias, reverse, x, weight, *others):
    """The states after each step; `others` are the first states, the bias if there is one, and what is inside."""
    *state, inside = others
    b = state.pop() if bias else 0.0
    made = [None] * x.shape[0]
    for t in range(x.shape[0])[:: -1 if reverse else 1]:
        after = formula(m, x[t], state[0] @ weight.T + b, *state)
        state = [m.where(inside[t][..., None], new, old) for new, old in zip(after, state)]
        made[t] = state
    return tuple(m.stack(part) for part in zip(*made))


def operands(kind, steps, rows, units):
    _, _, gates, states, bias = KINDS[kind]
    shapes = [(steps, rows, gates * units), (gates * units, units), *[(rows, units)] * states]
    shapes += [(gates * units,)] * bias
    return [RNG.normal(size=shape) * (units**-0.5 if k == 1 else 1) for k, shape in enumerate(shapes)]


def called(kind, args, inside=None, reverse=False):
    out = KINDS[kind][0](*args, inside, reverse)
    return out if isinstance(out, tuple) else (out,)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_values_are_those_of_a_loop(kind, reverse, size):
    arrays, inside = operands(kind, *size), RNG.random(size[:2]) < 0.7
    formula, bias = KINDS[kind][1], KINDS[kind][4]
    for mask in (None, inside):
        flags = np.ones(size[:2], bool) if mask is None else mask
        expected = loop(OfNumPy, formula, bias, reverse, *arrays, flags)
        for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-6)):
            given = [Tensor(a.astype(dtype)) for a in arrays]
            got = called(kind, given, None if mask is None else Tensor(mask), reverse)
            for one, other in zip(got, expected, strict=True):
                assert one.dtype == given[0].dtype
                np.testing.assert_allclose(array_of(one), other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_are_those_of_a_loop_of_ops(kind, reverse, size):
    arrays, inside = operands(kind, *size), Tensor(RNG.random(size[:2]) < 0.7)
    formula, bias = KINDS[kind][1], KINDS[kind][4]
    args = [Tensor(a) for a in arrays]
    tangents = tuple(Tensor(RNG.normal(size=a.shape)) for a in arrays)
    fused = lambda *args: called(kind, args, inside, reverse)
    looped = lambda *args: loop(ops, formula, bias, reverse, *args, inside)
    (one, pull), (_, looped_pull) = vjp(fused, *args), vjp(looped, *args)
    weights = [Tensor(RNG.normal(size=tuple(t.shape))) for t in one]
    for given in [weights] if len(one) == 1 else [weights, [weights[0], 0 * weights[1]], [0 * weights[0], weights[1]]]:
        for a, b in zip(pull(tuple(given)), looped_pull(tuple(given)), strict=True):
            np.testing.assert_allclose(array_of(a), array_of(b), rtol=1e-9, atol=1e-10)
    alone = vjp(lambda *args: fused(*args)[-1], *args)[1](weights[-1])  # nothing arrives at the others
    for a, b in zip(alone, vjp(lambda *args: looped(*args)[-1], *args)[1](weights[-1]), strict=True):
        np.testing.assert_allclose(array_of(a), array_of(b), rtol=1e-9, atol=1e-10)
    for a, b in zip(jvp(fused, tuple(args), tangents)[1], jvp(looped, tuple(args), tangents)[1], strict=True):
        np.testing.assert_allclose(array_of(a), array_of(b), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_third_order(kind, reverse):
    arrays, inside = operands(kind, 3, 2, 2), Tensor(np.array([[True, True], [False, True], [True, True]]))
    if kind == "relu":
        arrays[0] += np.array([9.0, -9.0])  # far from the kink
    check_grads(lambda *args: called(kind, args, None, reverse), arrays, order=3)
    check_grads(lambda *args: called(kind, args, inside, reverse), arrays, order=2)


@pytest.mark.parametrize("dtype", [adcore.float16, adcore.bfloat16], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_rounds_once(kind, dtype):
    halves = [Tensor(a).astype(dtype) for a in operands(kind, 5, 3, 7)]
    wide = called(kind, [t.astype(adcore.float32) for t in halves])
    for one, other in zip(called(kind, halves), wide, strict=True):
        assert one.dtype == dtype
        np.testing.assert_array_equal(array_of(one.astype(adcore.float32)), array_of(other.astype(dtype).float()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_what_it_is_alone(kind):
    rows = 37
    arrays = [a.astype(np.float32) for a in operands(kind, 6, rows, 45)]
    timed = [0, *range(2, 2 + KINDS[kind][3])]
    run = lambda *args: vjp(lambda *args: called(kind, args), *args)
    whole, pull = run(*(Tensor(a) for a in arrays))
    weights = [RNG.normal(size=tuple(t.shape)).astype(np.float32) for t in whole]
    gradients = pull(tuple(Tensor(w) for w in weights))
    for r in (0, 8, 36):
        of_row = lambda k, a, r=r: a[:, r : r + 1] if k == 0 else a[r : r + 1]
        parts, pull = run(*(Tensor(of_row(k, a) if k in timed else a) for k, a in enumerate(arrays)))
        for part, all_rows in zip(parts, whole, strict=True):
            np.testing.assert_array_equal(array_of(part), array_of(all_rows)[:, r : r + 1])
        alone = pull(tuple(Tensor(w[:, r : r + 1]) for w in weights))
        for k in timed:
            np.testing.assert_array_equal(array_of(alone[k]), of_row(k, array_of(gradients[k])))


@pytest.mark.parametrize("kind", KINDS)
def test_saturated_gates_have_their_slopes(kind):
    """Where 1 - sigmoid is below the precision of float32, a slope that is made of the sigmoid would be 0."""
    arrays = operands(kind, 1, 2, 3)
    arrays[0] += 20.0
    exact, pull = vjp(lambda *args: called(kind, args), *(Tensor(a) for a in arrays))
    expected = pull(tuple(ops.ones_like(t) for t in exact))[0]
    narrow, pull = vjp(lambda *args: called(kind, args), *(Tensor(a.astype(np.float32)) for a in arrays))
    found = pull(tuple(ops.ones_like(t) for t in narrow))[0]
    np.testing.assert_allclose(array_of(found), array_of(expected), rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_and_no_units(kind):
    for size in ((3, 0, 4), (3, 2, 0)):
        arrays = operands(kind, *size) if size[2] else [np.zeros(a.shape) for a in empty_operands(kind, *size)]
        out, pull = vjp(lambda *args: called(kind, args), *(Tensor(a) for a in arrays))
        assert [tuple(t.shape) for t in out] == [size] * KINDS[kind][3]
        for gradient, a in zip(pull(tuple(ops.ones_like(t) for t in out)), arrays, strict=True):
            np.testing.assert_array_equal(array_of(gradient), np.zeros(a.shape))


def empty_operands(kind, steps, rows, units):
    _, _, gates, states, bias = KINDS[kind]
    shapes = [(steps, rows, gates * units), (gates * units, units), *[(rows, units)] * states]
    return [np.zeros(shape) for shape in [*shapes, *[(gates * units,)] * bias]]


Z = ops.zeros


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, "lstm: needs one step or more", lambda: _lstm(Z((0, 2, 8)), Z((8, 2)), Z((2, 2)), Z((2, 2)))),
        (ValueError, r"lstm: weight must have the shape \(4 \* units", lambda: _lstm(Z(8), Z((6, 2)), Z(2), Z(2))),
        (ValueError, r"lstm: gates has the shape \(3, 6\)", lambda: _lstm(Z((3, 6)), Z((8, 2)), Z(2), Z(2))),
        (ValueError, "lstm: the second state has", lambda: _lstm(Z((3, 2, 8)), Z((8, 2)), Z((2, 2)), Z((1, 2)))),
        (ValueError, r"gru: a state must have the shape \(\.\.\., 2\)", lambda: _gru(Z((3, 6)), Z((6, 2)), Z(3))),
        (ValueError, "gru: bias has", lambda: _gru(Z((3, 6)), Z((6, 2)), Z(2), Z(5))),
        (ValueError, "rnn_tanh: inside has", lambda: _rnn(Z((3, 2)), Z((2, 2)), Z(2), Z(2, adcore.bool_))),
        (TypeError, "rnn_relu: inside must be of bool", lambda: _rnn(Z((3, 2)), Z((2, 2)), Z(2), Z(3), relu=True)),
        (TypeError, "one float dtype", lambda: _rnn(Z((3, 2)), Z((2, 2)), Z(2, adcore.float64))),
        (TypeError, "one float dtype", lambda: _rnn(*(Z(s, adcore.int64) for s in ((3, 2), (2, 2), (2,))))),
    ],
)  # fmt: skip
def test_bad_input(error, text, call):
    with pytest.raises(error, match=text):
        call()
