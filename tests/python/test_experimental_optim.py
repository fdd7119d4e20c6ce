"""``mindspore.experimental.optim``: steps against the formulas in NumPy, rates against closed forms."""

import math

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, nn, ops
from adcore.mindspore import experimental_optim as optim
from adcore.mindspore import experimental_schedules as schedules

RNG = np.random.default_rng(0)
START = [RNG.normal(size=(3, 2)), RNG.normal(size=2)]
GRADIENTS = [[RNG.normal(size=a.shape) for a in START] for _ in range(10)]


def sgd(w, g, s, t, lr=0.1, momentum=0.0, dampening=0.0, nesterov=False):
    s["m"] = g if t == 1 else momentum * s["m"] + (1 - dampening) * g
    return w - lr * (g + momentum * s["m"] if nesterov else s["m"] if momentum else g)


def adam(w, g, s, t, lr=0.1, betas=(0.9, 0.999), eps=1e-8, amsgrad=False):
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g * g
    s["top"] = np.maximum(s.get("top", 0), s["v"])
    v = s["top"] if amsgrad else s["v"]
    return w - lr * s["m"] / (1 - betas[0] ** t) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)


def adamw(w, g, s, t, lr=0.1, decay=0.01, **options):
    return adam(w * (1 - lr * decay), g, s, t, lr, **options)


def adamax(w, g, s, t, lr=0.1):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["u"] = np.maximum(0.999 * s.get("u", 0), np.abs(g) + 1e-8)
    return w - lr / (1 - 0.9**t) * s["m"] / s["u"]


def nadam(w, g, s, t, lr=0.1):
    mu = [0.9 * (1 - 0.5 * 0.96 ** (k * 0.004)) for k in range(1, t + 2)]
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g * g
    first = mu[t] * s["m"] / (1 - math.prod(mu)) + (1 - mu[t - 1]) * g / (1 - math.prod(mu[:t]))
    return w - lr * first / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-8)


def radam(w, g, s, t, lr=0.1):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g * g
    end = 2 / 0.001 - 1
    rho = end - 2 * t * 0.999**t / (1 - 0.999**t)
    first = s["m"] / (1 - 0.9**t)
    if rho <= 5:
        return w - lr * first
    rect = math.sqrt((rho - 4) * (rho - 2) * end / ((end - 4) * (end - 2) * rho))
    return w - lr * first * rect * math.sqrt(1 - 0.999**t) / (np.sqrt(s["v"]) + 1e-8)


def adadelta(w, g, s, t, lr=1.0):
    s["v"] = 0.9 * s.get("v", 0) + 0.1 * g * g
    delta = np.sqrt(s.get("d", 0) + 1e-6) / np.sqrt(s["v"] + 1e-6) * g
    s["d"] = 0.9 * s.get("d", 0) + 0.1 * delta**2
    return w - lr * delta


def adagrad(w, g, s, t, lr=0.1, lr_decay=0.0, initial=0.0):
    s["v"] = s.get("v", initial) + g * g
    return w - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s["v"]) + 1e-10)


def rmsprop(w, g, s, t, lr=0.1, momentum=0.0, centered=False):
    s["v"] = 0.99 * s.get("v", 0) + 0.01 * g * g
    s["a"] = 0.99 * s.get("a", 0) + 0.01 * g
    s["m"] = momentum * s.get("m", 0) + g / (np.sqrt(s["v"] - (s["a"] ** 2 if centered else 0)) + 1e-8)
    return w - lr * s["m"]


def rprop(w, g, s, t, lr=0.1):
    sign = g * s.get("g", 0)
    s["d"] = np.clip(s.get("d", np.full_like(g, lr)) * np.where(sign > 0, 1.2, np.where(sign < 0, 0.5, 1)), 1e-6, 50)
    s["g"] = np.where(sign < 0, 0, g)
    return w - np.sign(s["g"]) * s["d"]


def asgd(w, g, s, t, lr=0.1):
    eta = lr / (1 + 0.1 * lr * (t - 1)) ** 0.75 if t > 1 else lr
    return w * (1 - 0.1 * eta) - eta * g


STEPS = [
    ("SGD", {"lr": 0.1}, sgd, {}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}, sgd, {"momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}, sgd, {"momentum": 0.9, "nesterov": True}),
    ("Adam", {"lr": 0.1}, adam, {}),
    ("Adam", {"lr": 0.1, "betas": (0.0, 0.5)}, adam, {"betas": (0.0, 0.5)}),
    ("Adam", {"lr": 0.1, "betas": (0.9, 0.5), "amsgrad": True}, adam, {"betas": (0.9, 0.5), "amsgrad": True}),
    ("AdamW", {"lr": 0.1}, adamw, {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True}, adamw, {"decay": 0.5, "amsgrad": True}),
    ("Adamax", {"lr": 0.1}, adamax, {}),
    ("NAdam", {"lr": 0.1}, nadam, {}),
    ("RAdam", {"lr": 0.1}, radam, {}),
    ("Adadelta", {"lr": 1.0}, adadelta, {}),
    (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.2, "initial_accumulator_value": 0.5},
        adagrad,
        {"lr_decay": 0.2, "initial": 0.5},
    ),
    ("RMSprop", {"lr": 0.1}, rmsprop, {}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9, "centered": True}, rmsprop, {"momentum": 0.9, "centered": True}),
    ("Rprop", {"lr": 0.1}, rprop, {}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1}, asgd, {}),
]


def parameters(dtype=adcore.float64):
    return [Parameter(Tensor(a, dtype), name=name) for a, name in zip(START, "wb")]


@pytest.mark.parametrize("name, options, formula, given", STEPS)
def test_steps(name, options, formula, given):
    params = parameters()
    optimizer = getattr(optim, name)(params, **options)
    values, states = list(START), [{}, {}]
    for t, gradients in enumerate(GRADIENTS, 1):
        assert optimizer([Tensor(g) for g in gradients])
        values = [formula(w, g, s, t, **given) for w, g, s in zip(values, gradients, states)]
        for param, expected in zip(params, values):
            np.testing.assert_allclose(param.asnumpy(), expected, rtol=1e-5, atol=1e-6)
    assert int(optimizer.state_step) == 10


@pytest.mark.parametrize("name", [n for n in optim.__all__ if n not in ("Optimizer", "AdamW", "Rprop")])
def test_decay_and_maximize_change_the_gradient(name):
    left, right = parameters(), parameters()
    decayed = getattr(optim, name)(left, lr=0.1, weight_decay=0.25)
    plain = getattr(optim, name)(right, lr=0.1, weight_decay=0.0)
    for gradients in GRADIENTS[:3]:
        decayed([Tensor(g) for g in gradients])
        plain([Tensor(g) + 0.25 * p for g, p in zip(gradients, right)])
        for a, b in zip(left, right):
            np.testing.assert_allclose(a.asnumpy(), b.asnumpy(), rtol=1e-12)
    if name in ("NAdam", "RAdam"):
        return
    left, right = parameters(), parameters()
    up, down = getattr(optim, name)(left, lr=0.1, maximize=True), getattr(optim, name)(right, lr=0.1)
    for gradients in GRADIENTS[:3]:
        up([Tensor(g) for g in gradients])
        down([Tensor(-g) for g in gradients])
        for a, b in zip(left, right):
            np.testing.assert_array_equal(a.asnumpy(), b.asnumpy())


def test_groups():
    w, b = parameters()
    optimizer = optim.SGD([{"params": [w], "lr": 0.5}, {"params": b, "weight_decay": 0.5}], lr=0.25)
    extra = Parameter(Tensor([1.0]), name="extra")
    optimizer.add_param_group({"params": [extra], "momentum": 0.5})
    assert [float(g["lr"]) for g in optimizer.param_groups] == [0.5, 0.25, 0.25]
    assert optimizer.group_start_id == [0, 1, 2, 3]
    assert [p.name for p in optimizer.parameters] == ["w", "b", "extra"]
    gradients = [*map(Tensor, GRADIENTS[0]), Tensor([1.0])]
    optimizer(gradients)
    np.testing.assert_allclose(w.asnumpy(), START[0] - 0.5 * GRADIENTS[0][0])
    np.testing.assert_allclose(b.asnumpy(), START[1] - 0.25 * (GRADIENTS[0][1] + 0.5 * START[1]))
    # A rate may be written between the steps, as a number or into its Parameter.
    ops.assign(optimizer.param_groups[0]["lr"], Tensor(0.0))
    optimizer.param_groups[1]["lr"] = 0.0
    before = w.asnumpy().copy(), b.asnumpy().copy()
    optimizer(gradients)
    np.testing.assert_array_equal(w.asnumpy(), before[0])
    np.testing.assert_array_equal(b.asnumpy(), before[1])
    assert float(extra) == 1 - 0.25 - 0.25 * 1.5
    assert "Parameter Group 2" in repr(optimizer) and "momentum: 0.5" in repr(optimizer)


def test_training_with_an_own_optimizer():
    class Own(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def construct(self, gradients):
            for i, group in enumerate(self.param_groups):
                for j, param in enumerate(group["params"], self.group_start_id[i]):
                    ops.assign(param, param - gradients[j] * group["lr"])

    adcore.set_seed(0)
    x = ops.randn(32, 2)
    y = x.sum(1, keepdims=True)
    for make in (Own, optim.Adam):
        net = nn.Dense(2, 1)
        optimizer = make(net.trainable_params(), lr=0.1)
        step = adcore.value_and_grad(lambda: ((net(x) - y) ** 2).mean(), None, optimizer.parameters)
        for _ in range(150):
            loss, gradients = step()
            optimizer(gradients)
        assert float(loss) < 1e-3


def rates(make, epochs=9, lr=0.5):
    optimizer = optim.SGD(parameters(), lr=lr)
    scheduler = make(optimizer)
    made = []
    for _ in range(epochs):
        made.append(float(scheduler.get_last_lr()[0]))
        assert made[-1] == float(optimizer.param_groups[0]["lr"])
        scheduler.step()
    return made


def triangle(epoch, up, down):
    place = epoch % (up + down)
    return place / up if place <= up else 1 - (place - up) / down


@pytest.mark.parametrize(
    "make, formula",
    [
        (lambda o: schedules.StepLR(o, 3, 0.5), lambda e: 0.5 * 0.5 ** (e // 3)),
        (lambda o: schedules.MultiStepLR(o, [5, 2, 5], 0.5), lambda e: 0.5 * 0.5 ** ((e >= 2) + 2 * (e >= 5))),
        (lambda o: schedules.ConstantLR(o, 0.25, 4), lambda e: 0.5 * (0.25 if e < 4 else 1)),
        (lambda o: schedules.LinearLR(o, 0.25, 0.75, 6), lambda e: 0.5 * (0.25 + 0.5 * min(e, 6) / 6)),
        (lambda o: schedules.ExponentialLR(o, 0.9), lambda e: 0.5 * 0.9**e),
        (lambda o: schedules.PolynomialLR(o, 12, 2.0), lambda e: 0.5 * (1 - e / 12) ** 2),
        (lambda o: schedules.PolynomialLR(o, 3), lambda e: 0.5 * (1 - min(e, 3) / 3)),
        (lambda o: schedules.LambdaLR(o, lambda e: 1 / (1 + e)), lambda e: 0.5 / (1 + e)),
        (lambda o: schedules.MultiplicativeLR(o, [lambda e: 0.5]), lambda e: 0.5 * 0.5**e),
        (
            lambda o: schedules.CosineAnnealingLR(o, 4, 0.125),
            lambda e: 0.125 + 0.375 * (1 + math.cos(math.pi * e / 4)) / 2,
        ),
        (
            lambda o: schedules.CosineAnnealingWarmRestarts(o, 4),
            lambda e: 0.5 * (1 + math.cos(math.pi * (e % 4) / 4)) / 2,
        ),
        (
            lambda o: schedules.CosineAnnealingWarmRestarts(o, 2, 2),
            lambda e: 0.25 * (1 + math.cos(math.pi * [0, 1 / 2, 0, 1 / 4, 2 / 4, 3 / 4, 0, 1 / 8, 2 / 8][e])),
        ),
        (lambda o: schedules.CyclicLR(o, 0.1, 0.4, 3), lambda e: 0.1 + 0.3 * triangle(e, 3, 3)),
        (
            lambda o: schedules.CyclicLR(o, 0.1, 0.4, 3, 1, "triangular2"),
            lambda e: 0.1 + 0.3 * triangle(e, 3, 1) / 2 ** (e // 4),
        ),
        (
            lambda o: schedules.CyclicLR(o, 0.1, 0.4, 2, mode="exp_range", gamma=0.9),
            lambda e: 0.1 + 0.3 * triangle(e, 2, 2) * 0.9**e,
        ),
        (
            lambda o: schedules.CyclicLR(o, 0.1, 0.4, 2, scale_fn=lambda x: 1 / x, scale_mode="cycle"),
            lambda e: 0.1 + 0.3 * triangle(e, 2, 2) / (e // 4 + 1),
        ),
        (
            lambda o: schedules.SequentialLR(
                o, [schedules.ConstantLR(o, 0.5, 2), schedules.ExponentialLR(o, 0.5)], [3]
            ),
            lambda e: 0.25 if e < 2 else 0.5 * 0.5 ** max(e - 3, 0),
        ),
    ],
)
def test_rates(make, formula):
    np.testing.assert_allclose(rates(make), [formula(e) for e in range(9)], rtol=1e-5, atol=1e-7)


def test_several_schedules_at_once_multiply():
    optimizer = optim.SGD(parameters(), lr=1.0)
    both = [schedules.ExponentialLR(optimizer, 0.5), schedules.StepLR(optimizer, 2, 0.1)]
    for epoch in range(1, 6):
        for schedule in both:
            schedule.step()
        np.testing.assert_allclose(float(optimizer.lrs[0]), 0.5**epoch * 0.1 ** (epoch // 2), rtol=1e-5)


def test_a_rate_that_falls_where_nothing_becomes_better():
    optimizer = optim.SGD(parameters(), lr=1.0)
    schedule = schedules.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=1, min_lr=0.2)
    made = []
    for loss in (1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.1, 0.2, 0.2, 0.2, 0.2):
        schedule.step(loss)
        made.append(float(schedule.get_last_lr()[0]))
    # Two without a better loss halve it, the one after that does not count; 0.2 is the least.
    np.testing.assert_allclose(made, [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2])
    high = schedules.ReduceLROnPlateau(optimizer, "max", 0.5, 0, threshold=0.1, threshold_mode="abs")
    optimizer.param_groups[0]["lr"] = 1.0
    for value, rate in ((1.0, 1.0), (1.2, 1.0), (1.25, 0.5), (1.4, 0.5)):
        high.step(value)
        assert float(high.get_last_lr()[0]) == rate


def test_a_loss_that_is_no_number_is_never_the_best():
    optimizer = optim.SGD(parameters(), lr=1.0)
    schedule = schedules.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    for _ in range(2):
        schedule.step(math.nan)
    assert schedule.best == math.inf
    assert float(schedule.get_last_lr()[0]) == 0.5


def test_a_schedule_goes_on_where_it_stopped():
    optimizer = optim.SGD(parameters(), lr=0.5)
    with pytest.raises(KeyError, match="needs an 'initial_lr'"):
        schedules.ExponentialLR(optimizer, 0.5, last_epoch=2)
    optimizer.param_groups[0]["initial_lr"] = 0.5
    schedule = schedules.LambdaLR(optimizer, lambda e: e, last_epoch=2)
    assert float(schedule.get_last_lr()[0]) == 1.5


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda p: optim.SGD([], lr=0.1), ValueError, "SGD: there are no Parameters"),
        (lambda p: optim.SGD(p, lr=-0.1), ValueError, "SGD: lr must not be negative"),
        (lambda p: optim.SGD(p, lr="0.1"), TypeError, "SGD: lr must be a number, got str"),
        (lambda p: optim.SGD(p, lr=0.1, nesterov=True), ValueError, "nesterov needs a momentum"),
        (lambda p: optim.Adam([*p, p[0]]), ValueError, "Adam: a Parameter comes twice"),
        (lambda p: optim.Adam([Tensor([1.0])]), TypeError, "must be Parameters, got Tensor"),
        (lambda p: optim.Adam(p, betas=(1.0, 0.9)), ValueError, r"betas must be in \[0, 1\)"),
        (lambda p: optim.Adam(p, eps=-1.0), ValueError, "eps must not be negative"),
        (lambda p: optim.Adam(p)([Tensor([1.0])]), ValueError, "there are 2 Parameters, but 1 gradients"),
        (lambda p: optim.Adam(p)([Tensor([1.0])] * 2), ValueError, r"gradient of w must have the shape \(3, 2\)"),
        (lambda p: optim.Adam([{"params": {p[0]}}]), TypeError, "params must have an order"),
        (lambda p: optim.Adam(p).add_param_group(p), TypeError, "a group must be a dict"),
        (lambda p: optim.Optimizer(p, {"lr": 0.1})(p), NotImplementedError, "construct"),
        (lambda p: schedules.StepLR(nn.SGD(p), 2), TypeError, "one of mindspore.experimental.optim, got SGD"),
        (lambda p: schedules.StepLR(optim.Adam(p), 2, last_epoch=-2), ValueError, "last_epoch must be at least -1"),
        (lambda p: schedules.LambdaLR(optim.Adam(p), [abs, abs]), ValueError, "there are 1 groups, but 2 values"),
        (lambda p: schedules.ConstantLR(optim.Adam(p), 2.0), ValueError, r"factor must be in \(0, 1\]"),
        (lambda p: schedules.SequentialLR(optim.Adam(p), [], []), ValueError, "0 schedulers need -1 milestones, got 0"),
        (lambda p: schedules.ReduceLROnPlateau(optim.Adam(p), factor=1.0), ValueError, "factor must be below 1"),
        (lambda p: schedules.CosineAnnealingWarmRestarts(optim.Adam(p), 0), ValueError, "T_0 must be an int from 1"),
        (lambda p: schedules.CyclicLR(optim.Adam(p), 0.1, 1.0, mode="x"), ValueError, "mode must be 'triangular'"),
    ],
)
def test_what_does_not_fit_is_told(call, error, text):
    params = parameters()
    with pytest.raises(error, match=text):
        call(params)
    for param, start in zip(params, START):
        np.testing.assert_array_equal(param.asnumpy(), start)
