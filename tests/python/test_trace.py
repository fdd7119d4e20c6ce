"""Trace: the calls of a function, recorded once, give on other inputs what the function gives there, bit for bit.

A program is recorded on one set of inputs and runs on others: what it took from the first set by mistake would show.
The loop is over all samples of ops and cells; then come gradients, other transforms inside, a training step with random
numbers, and what cannot be recorded, with its error.
"""

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, _core, grad, jvp, nn, ops, recompute, value_and_grad, vmap
from bits import arrays, differences
from test_ops_grad import SAMPLES
from test_transform_laws import ELEMENTWISE

# What needs a value of its inputs to know what to compute.
NOT_TRACEABLE = {}

CASES = {**ELEMENTWISE, **SAMPLES}
TRACEABLE = [name for name in CASES if name not in NOT_TRACEABLE]


def others(points):
    """Other numbers of the same kind: those of each array in another order."""
    rng = np.random.default_rng(5)
    return [rng.permutation(np.asarray(p).reshape(-1)).reshape(np.shape(p)) for p in points]


def assert_traces(f, first, second):
    program = _core.trace(f, *map(Tensor, first))
    for points in (second, first):
        found = differences(arrays(program.run(*map(Tensor, points))), arrays(f(*map(Tensor, points))))
        assert not found, found


def total(f):
    return lambda *inputs: ops.sum(f(*inputs))


def gradient(f, points):
    return grad(total(f), tuple(range(len(points))))


@pytest.mark.parametrize("name", TRACEABLE)
def test_values(name):
    f, points = CASES[name]
    assert_traces(f, points, others(points))


@pytest.mark.parametrize("name", TRACEABLE)
def test_gradients(name):
    f, points = CASES[name]
    assert_traces(gradient(f, points), points, others(points))


@pytest.mark.parametrize("name", TRACEABLE)
def test_second_order(name):
    f, points = CASES[name]
    first = gradient(f, points)

    def of_squares(*inputs):
        gradients = first(*inputs)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        return sum(ops.sum(g * g) for g in gradients)

    assert_traces(gradient(of_squares, points), points, others(points))


@pytest.mark.parametrize("name", TRACEABLE)
def test_tangents(name):
    f, points = CASES[name]

    def pushed(*inputs):
        n = len(points)
        return jvp(f, inputs[:n], inputs[n:])

    assert_traces(pushed, [*points, *points], [*others(points), *points])


@pytest.mark.parametrize("name", TRACEABLE)
def test_batches(name):
    f, points = CASES[name]
    members = [np.stack([p, o]) for p, o in zip(points, others(points))]
    assert_traces(vmap(f), members, [m[::-1].copy() for m in members])
