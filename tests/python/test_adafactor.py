"""AdaFactor against its formulas in NumPy, and against the numbers that MindSpore computes."""

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, nn, ops

rng = np.random.default_rng(0)
START = rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32)
GRADIENTS = [(rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32)) for _ in range(3)]

# Options, and the first two numbers of both Parameters after three steps in MindSpore.
CASES = {
    "default": ({}, [0.126833, -0.133588, -2.321693, -0.217999]),
    "decay": (
        {"learning_rate": 0.1, "relative_step": False, "weight_decay": 0.3},
        [0.129099, -0.138254, -2.029407, -0.187909],
    ),
    "warmup": ({"warmup_init": True, "beta1": 0.0}, [0.125728, -0.132109, -2.325027, -0.218785]),
    "clipped": (
        {"scale_parameter": False, "beta1": None, "clip_threshold": 0.5},
        [0.12336, -0.141756, -2.318414, -0.211969],
    ),
    "unscaled": (
        {
            "learning_rate": 0.1,
            "relative_step": False,
            "scale_parameter": False,
            "decay_rate": 0.6,
            "eps": (1e-6, 1e-3),
        },
        [0.142691, -0.154099, -2.301265, -0.213488],
    ),
    "compressed": ({"compression": True}, [0.126833, -0.133588, -2.321693, -0.217999]),
}


def rms(x):
    return np.sqrt((x**2).mean())


def stepped(
    start,
    gradients,
    learning_rate=None,
    eps=(1e-30, 1e-3),
    clip_threshold=1.0,
    decay_rate=0.8,
    beta1=0.9,
    weight_decay=0.0,
    scale_parameter=True,
    relative_step=True,
    warmup_init=False,
    compression=False,
):
    p, mean, rows, columns, squares = start.astype(float), 0.0, 0.0, 0.0, 0.0
    for t, g in enumerate(np.asarray(gradients, float), 1):
        rate = min(1e-6 * t if warmup_init else 1e-2, t**-0.5) if relative_step else learning_rate
        rate *= max(eps[1], rms(p)) if scale_parameter else 1
        b, of_gradient = 1 - t**-decay_rate, g**2 + eps[0]
        if g.ndim == 2:
            rows, columns = (b * old + (1 - b) * of_gradient.mean(axis) for axis, old in ((1, rows), (0, columns)))
            root = np.sqrt(np.outer(rows, columns) / rows.mean())
        else:
            squares = b * squares + (1 - b) * of_gradient
            root = np.sqrt(squares)
        update = g / root
        update *= rate / max(1, rms(update) / clip_threshold)
        if beta1:
            update = mean = beta1 * mean + (1 - beta1) * update
        p = p * (1 - rate * weight_decay) - update
    return p


@pytest.mark.parametrize("options, recorded", CASES.values(), ids=CASES)
def test_steps(options, recorded):
    parameters = [Parameter(Tensor(value), name=name) for value, name in zip(START, ("w", "b"))]
    optimizer = nn.AdaFactor(parameters, **options)
    for gradients in GRADIENTS:
        assert optimizer(tuple(map(Tensor, gradients))) == (True, True)
    assert int(optimizer.global_step) == 3
    for p, start, gradients in zip(parameters, START, zip(*GRADIENTS)):
        expected = stepped(start, gradients, **options)
        np.testing.assert_allclose(p.asnumpy(), expected, rtol=2e-3 if options.get("compression") else 2e-5)
    first = np.concatenate([p.asnumpy().ravel()[:2] for p in parameters])
    np.testing.assert_allclose(first, recorded, rtol=2e-5)


def test_groups_schedules_and_half_precision():
    w, b = (Parameter(Tensor(value), name=name) for value, name in zip(START, ("w", "b")))
    groups = [{"params": [w], "lr": 0.5}, {"params": [b]}]
    optimizer = nn.AdaFactor(groups, learning_rate=0.1, relative_step=False)
    optimizer(tuple(map(Tensor, GRADIENTS[0])))
    for p, start, g, rate in ((w, START[0], GRADIENTS[0][0], 0.5), (b, START[1], GRADIENTS[0][1], 0.1)):
        expected = stepped(start, [g], learning_rate=rate, relative_step=False)
        np.testing.assert_allclose(p.asnumpy(), expected, rtol=2e-5)

    p = Parameter(Tensor(START[1]), name="p")
    optimizer = nn.AdaFactor([p], learning_rate=nn.ExponentialDecayLR(0.2, 0.5, 10), relative_step=False)
    optimizer((Tensor(GRADIENTS[0][1]),))
    expected = stepped(START[1], [GRADIENTS[0][1]], learning_rate=0.2, relative_step=False, scale_parameter=False)
    np.testing.assert_allclose(p.asnumpy(), expected, rtol=2e-5)

    p = Parameter(Tensor(START[0], adcore.float16), name="p")
    nn.AdaFactor([p], loss_scale=4.0)((Tensor(GRADIENTS[0][0] * 4, adcore.float16),))
    assert p.dtype == adcore.float16
    np.testing.assert_allclose(p.asnumpy(), stepped(START[0], [GRADIENTS[0][0]]), rtol=2e-3)


def test_a_step_is_differentiated():
    def after(g):
        p = Parameter(Tensor(START[1]), name="p")
        nn.AdaFactor([p], learning_rate=0.5, relative_step=False)((g.astype(adcore.float32),))
        return (p.value() * Tensor(GRADIENTS[1][1])).sum()

    g = Tensor(GRADIENTS[0][1])
    step = 1e-2
    direction = GRADIENTS[2][1]
    up, down = (float(after(Tensor(g.asnumpy() + s * direction))) for s in (step, -step))
    slope = float((grad(after)(g) * Tensor(direction)).sum())
    np.testing.assert_allclose(slope, (up - down) / (2 * step), rtol=2e-2, atol=1e-4)


@pytest.mark.parametrize(
    "options, error",
    [
        ({"learning_rate": 0.1}, ValueError),
        ({"relative_step": False}, ValueError),
        ({"learning_rate": 0.1, "relative_step": False, "warmup_init": True}, ValueError),
        ({"eps": 1e-3}, TypeError),
        ({"eps": (1e-3,)}, ValueError),
        ({"eps": (1, 1e-3)}, TypeError),
        ({"eps": (-1.0, 1e-3)}, ValueError),
        ({"clip_threshold": 1}, TypeError),
        ({"decay_rate": 1.0}, ValueError),
        ({"decay_rate": 0.0}, ValueError),
        ({"beta1": -0.1}, ValueError),
        ({"weight_decay": 1.0}, ValueError),
        ({"scale_parameter": 1}, TypeError),
        ({"compression": 1}, TypeError),
    ],
)
def test_wrong_options(options, error):
    with pytest.raises(error, match="AdaFactor"):
        nn.AdaFactor([Parameter(ops.ones(2), name="p")], **options)
