"""Optimizers against NumPy in float64, their rates, groups and schedules, and what a step that raises leaves behind.

Names carry the number of the observation of MindSpore that a test pins (`c29` and so on).
"""

import copy
import math
import pickle

import numpy as np
import pytest

import adcore
from adcore import Parameter, ParameterTuple, Tensor, nn, ops
from adcore.testing import check_grads
from helpers import t32
from optimizer_rules import MORE_RULES

A0, B0 = np.array([1.0, 2.0]), np.array(3.0)
# Steps of unlike signs and sizes, so that no two update rules agree.
STEPS = [
    (np.array([0.1, 0.2]), np.array(0.3)),
    (np.array([-0.4, 0.5]), np.array(0.05)),
    (np.array([0.7, -0.1]), np.array(-0.2)),
    (np.array([0.02, 0.9]), np.array(1.5)),
]


def parameters(dtype=adcore.float32):
    return [Parameter(Tensor(A0, dtype), name="a"), Parameter(Tensor(B0, dtype), name="b")]


def tensors(step, dtype=adcore.float32):
    return tuple(Tensor(g, dtype) for g in step)


def values(params):
    return [p.asnumpy().copy() for p in params]


def names(cell):
    return [p.name for p in cell.get_parameters()]


def run(make, steps=STEPS, dtype=adcore.float32):
    """Do the steps; return the final Parameters and the optimizer."""
    params = parameters(dtype)
    optimizer = make(params)
    for step in steps:
        optimizer(tensors(step, dtype))
    return params, optimizer


def r32(value):
    """What a float32 holds of a number: optimizers of float32 Parameters keep the rate and the momentum so."""
    return float(np.float32(value))


# The update rules once more, in float64 and by the book.


def sgd(p, grads, lr, momentum=0.0, dampening=0.0, decay=0.0, nesterov=False):
    a = None
    for g in grads:
        g = g + decay * p
        a = g if a is None else momentum * a + (1 - dampening) * g
        p = p - lr * (g if momentum == 0 else g + momentum * a if nesterov else a)
    return p


def momentum(p, grads, lr, momentum, decay=0.0, nesterov=False):
    a = np.zeros_like(p)
    for g in grads:
        g = g + decay * p
        a = momentum * a + g
        p = p - lr * (g + momentum * a if nesterov else a)
    return p


def adam(p, grads, lr, beta1, beta2, eps=1e-8, decay=0.0, nesterov=False):
    m = v = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        g = g + decay * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        rate = lr * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        p = p - rate * (beta1 * m + (1 - beta1) * g if nesterov else m) / (np.sqrt(v) + eps)
    return p


def adam_weight_decay(p, grads, lr, beta1, beta2, eps=1e-6, decay=0.0):
    m = v = np.zeros_like(p)
    for g in grads:
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        p = p - lr * (m / (np.sqrt(v) + eps) + decay * p)
    return p


# How adcore is called, and how the reference is: with the start, the gradients and, as `real`, the rounding to the
# Parameter's dtype. 1 - beta2 is so small that the rounding of beta2 to float32 can be seen in it.
RULES = {
    "sgd": (lambda q: nn.SGD(q, 0.1), lambda p, g, real: sgd(p, g, real(0.1))),
    "sgd dampening alone": (lambda q: nn.SGD(q, 0.1, dampening=0.5), lambda p, g, real: sgd(p, g, real(0.1))),
    "sgd momentum": (lambda q: nn.SGD(q, 0.1, 0.9), lambda p, g, real: sgd(p, g, real(0.1), momentum=real(0.9))),
    "sgd dampening": (
        lambda q: nn.SGD(q, 0.1, 0.9, 0.5),
        lambda p, g, real: sgd(p, g, real(0.1), momentum=real(0.9), dampening=0.5),
    ),
    "sgd nesterov": (
        lambda q: nn.SGD(q, 0.1, momentum=0.9, nesterov=True),
        lambda p, g, real: sgd(p, g, real(0.1), momentum=real(0.9), nesterov=True),
    ),
    "sgd decay": (
        lambda q: nn.SGD(q, 0.1, momentum=0.9, weight_decay=0.1),
        lambda p, g, real: sgd(p, g, real(0.1), momentum=real(0.9), decay=0.1),
    ),
    "momentum": (lambda q: nn.Momentum(q, 0.1, 0.9), lambda p, g, real: momentum(p, g, real(0.1), real(0.9))),
    "momentum nesterov": (
        lambda q: nn.Momentum(q, 0.1, 0.9, use_nesterov=True),
        lambda p, g, real: momentum(p, g, real(0.1), real(0.9), nesterov=True),
    ),
    "momentum decay": (
        lambda q: nn.Momentum(q, 0.1, 0.9, 0.1),
        lambda p, g, real: momentum(p, g, real(0.1), real(0.9), decay=0.1),
    ),
    "adam": (lambda q: nn.Adam(q, 0.1), lambda p, g, real: adam(p, g, real(0.1), real(0.9), real(0.999))),
    "adam eps": (
        lambda q: nn.Adam(q, 0.1, eps=0.1),
        lambda p, g, real: adam(p, g, real(0.1), real(0.9), real(0.999), eps=0.1),
    ),
    "adam betas": (lambda q: nn.Adam(q, 0.1, 0.5, 0.7), lambda p, g, real: adam(p, g, real(0.1), real(0.5), real(0.7))),
    "adam nesterov": (
        lambda q: nn.Adam(q, 0.1, eps=0.1, use_nesterov=True),
        lambda p, g, real: adam(p, g, real(0.1), real(0.9), real(0.999), eps=0.1, nesterov=True),
    ),
    "adam decay": (
        lambda q: nn.Adam(q, 0.1, eps=0.1, weight_decay=0.1),
        lambda p, g, real: adam(p, g, real(0.1), real(0.9), real(0.999), eps=0.1, decay=0.1),
    ),
    "adam_weight_decay": (
        lambda q: nn.AdamWeightDecay(q, 0.1),
        lambda p, g, real: adam_weight_decay(p, g, real(0.1), real(0.9), real(0.999)),
    ),
    "adam_weight_decay decay": (
        lambda q: nn.AdamWeightDecay(q, 0.1, eps=0.1, weight_decay=0.1),
        lambda p, g, real: adam_weight_decay(p, g, real(0.1), real(0.9), real(0.999), eps=0.1, decay=0.1),
    ),
    **MORE_RULES,
}


def every(but=()):
    """Whatever the rule is, but for those where a law does not hold."""
    return pytest.mark.parametrize(
        "make", [rule[0] for name, rule in RULES.items() if name not in but], ids=[n for n in RULES if n not in but]
    )


EVERY = every()


@pytest.mark.parametrize("make, reference", RULES.values(), ids=RULES)
@pytest.mark.parametrize("dtype", [adcore.float32, adcore.float64])
def test_several_steps_of_every_rule(make, reference, dtype):
    params, optimizer = run(make, dtype=dtype)
    for position, (param, start) in enumerate(zip(params, (A0, B0))):
        wide = dtype == adcore.float64
        expected = reference(start, [step[position] for step in STEPS], float if wide else r32)
        assert param.dtype == dtype and param.shape == start.shape
        np.testing.assert_allclose(param.asnumpy(), expected, rtol=1e-13 if wide else 1e-6)
    assert int(optimizer.global_step) == len(STEPS)


RATES = {
    "float": lambda: 0.1,
    "Tensor": lambda: Tensor(0.1, adcore.float64),
    "list": lambda: [0.1],
    "exponential": lambda: nn.ExponentialDecayLR(0.1, 1.0, 10),
    "natural": lambda: nn.NaturalExpDecayLR(0.1, 0.5, 10),
    "inverse": lambda: nn.InverseDecayLR(0.1, 0.5, 10),
    "cosine": lambda: nn.CosineDecayLR(0.01, 0.1, 10),
    "polynomial": lambda: nn.PolynomialDecayLR(0.1, 0.01, 10, 0.5),
    "warm-up": lambda: nn.WarmUpLR(0.1, 3),
}
# At step 1, the second one, in Python's float64; an exponent of 0 and cosines are told by the formulas' definitions.
RIGHT = {
    "exponential": 0.1,
    "natural": 0.1 * math.exp(-0.5),
    "inverse": 0.1 / (1 + 0.5 / 10),
    "cosine": 0.01 + 0.045 * (1 + math.cos(math.pi / 10)),
    "polynomial": 0.09 * 0.9**0.5 + 0.01,
    "warm-up": 0.1 / 3,
}


@pytest.mark.parametrize("rate", RATES)
def test_rates_of_float64_parameters_are_float64(rate):
    """What is kept, and what a schedule computes, rounds as the Parameters do, beside one of float32 too."""
    w, v = Parameter(Tensor(1.0, adcore.float64), name="w"), Parameter(t32(1.0), name="v")
    optimizer = nn.SGD([v, w], RATES[rate]())
    optimizer.global_step.set_data(Tensor([rate in RIGHT], adcore.int32))
    optimizer((t32(1.0), Tensor(1.0, adcore.float64)))
    np.testing.assert_allclose(float(w), 1 - RIGHT.get(rate, 0.1), rtol=1e-15)
    np.testing.assert_allclose(float(v), 1 - RIGHT.get(rate, 0.1), rtol=1e-7)
    assert w.dtype == adcore.float64 and v.dtype == adcore.float32


def test_every_number_of_a_float64_optimizer_is_float64():
    w = Parameter(Tensor([1.0, 2.0], adcore.float64), name="w")
    other = Parameter(Tensor([1.0], adcore.float64), name="other")
    groups = [{"params": [w], "lr": 0.1, "weight_decay": 0.3}, {"params": (other,), "lr": nn.WarmUpLR(0.1, 3)}]
    for optimizer in (
        nn.SGD([w], 0.1, 0.7),
        nn.Momentum([w], [0.1, 0.2], 0.7),
        nn.Adam([w], Tensor([0.1], adcore.float32)),
        nn.AdamWeightDecay([w], 0.1),
        nn.Momentum(groups, 0.1, 0.7),
    ):
        for param in optimizer.get_parameters():
            assert param.dtype in (adcore.float64, adcore.int32), f"{optimizer.cls_name}: {param}"


def test_a_schedule_of_the_user_gets_the_step_as_it_is():
    seen = []

    class Table(nn.LearningRateSchedule):
        def construct(self, global_step):
            seen.append(global_step.dtype)
            return Tensor([0.1, 0.2], adcore.float64)[global_step]

    w = Parameter(Tensor(1.0, adcore.float64), name="w")
    nn.SGD([w], Table())((Tensor(1.0, adcore.float64),))
    assert float(w) == 0.9 and seen == [adcore.int32]


@pytest.mark.parametrize("make", ["SGD", "Momentum", "Adam"])
def test_a_step_inside_of_a_differentiated_function(make):
    """w = x; w -= 0.1 * 2 (w - 3): the derivative by x is 0.8. Adam with a large eps is checked by differences."""
    w = Parameter(Tensor(1.0, adcore.float64), name="w")
    optimizers = {
        "SGD": lambda: nn.SGD([w], 0.1),
        "Momentum": lambda: nn.Momentum([w], 0.1, 0.9),
        "Adam": lambda: nn.Adam([w], 0.1, eps=1.0),
    }

    def inner(x):
        w.set_data(x)
        optimizers[make]()((adcore.grad(lambda: (w - 3.0) ** 2, None, w)(),))
        return w * 1.0

    at = lambda x: float(inner(Tensor(x, adcore.float64)))
    expected = (at(1 + 1e-5) - at(1 - 1e-5)) / 2e-5 if make == "Adam" else 0.8
    np.testing.assert_allclose(float(adcore.grad(inner)(Tensor(1.0, adcore.float64))), expected, rtol=1e-9)


def test_a_parameter_of_many_elements():
    rng = np.random.default_rng(3)
    start, grads = rng.normal(size=(37, 53)), rng.normal(size=(3, 37, 53))
    for make, reference in RULES.values():
        w = Parameter(Tensor(start, adcore.float32), name="w")
        optimizer = make([w])
        for g in grads:
            optimizer((Tensor(g, adcore.float32),))
        np.testing.assert_allclose(w.asnumpy(), reference(start, grads, r32), rtol=1e-6, atol=1e-6)


# Two steps with STEPS[0] each, and three with STEPS[:3], as MindSpore 2.10.0 does them (rounded to 7 digits).


@pytest.mark.parametrize(
    "make, a, b",
    [
        (lambda q: nn.SGD(q, 0.1), [0.98, 1.96], 2.94),
        (lambda q: nn.SGD(q, 0.1, momentum=0.9), [0.971, 1.942], 2.913),
        (lambda q: nn.SGD(q, 0.1, weight_decay=0.1), [0.9602, 1.9204], 2.8806),
        (lambda q: nn.Momentum(q, 0.1, 0.9), [0.971, 1.942], 2.913),
        (lambda q: nn.Adam(q, 0.1), [0.8000009, 1.8000006], 2.8000004),
        (lambda q: nn.AdamWeightDecay(q, 0.1), [0.2590030, 1.2589056], 2.2588730),
    ],
)
def test_c29_two_steps_as_observed(make, a, b):
    params, optimizer = run(make, [STEPS[0]] * 2)
    np.testing.assert_allclose(params[0].asnumpy(), a, rtol=2e-6)
    np.testing.assert_allclose(params[1].asnumpy(), b, rtol=2e-6)
    assert type(optimizer.parameters) is ParameterTuple


@pytest.mark.parametrize(
    "make, a, b",
    [
        (lambda q: nn.SGD(q, 0.1, momentum=0.9, dampening=0.5), [0.9759, 1.9033], 2.92395),
        (lambda q: nn.SGD(q, 0.1, dampening=0.5), [0.96, 1.94], 2.985),
        (lambda q: nn.SGD(q, 0.1, momentum=0.9, nesterov=True), [0.94101, 1.81472], 2.92128),
        (lambda q: nn.Momentum(q, 0.1, 0.9, 0.1, 2.0), [0.9338185, 1.8197870], 2.7983303),
        (lambda q: nn.Adam(q, 0.1, eps=0.1), [0.9966216, 1.9715620], 2.9828711),
        (lambda q: nn.Adam(q, 0.1, eps=0.1, use_nesterov=True), [0.9909705, 1.9601257], 2.9784694),
        (lambda q: nn.Adam(q, 0.1, eps=0.1, weight_decay=0.1), [0.9856695, 1.9520297], 2.9520831),
        (lambda q: nn.AdamWeightDecay(q, 0.1, eps=0.1, weight_decay=0.1), [0.9544526, 1.8209924], 2.8472478),
        (lambda q: nn.SGD(q, t32(0.1, 0.2, 0.3)), [0.86, 1.91], 3.02),
        (lambda q: nn.SGD(q, nn.CosineDecayLR(0.01, 0.1, 4)), [0.9862279, 1.9420900], 2.9766591),
        (
            lambda q: nn.Momentum([{"params": q[:1], "lr": 0.1, "weight_decay": 0.5}, {"params": q[1:]}], 0.5, 0.9),
            [0.71015, 1.3298],
            2.646,
        ),
        (
            lambda q: nn.Momentum([{"params": q[:1], "lr": [0.1, 0.2, 0.3]}, {"params": q[1:]}], 0.5, 0.9),
            [0.9257, 1.6904],
            2.646,
        ),
    ],
)
def test_c29_c30_three_steps_as_observed(make, a, b):
    params, _ = run(make, STEPS[:3])
    np.testing.assert_allclose(params[0].asnumpy(), a, rtol=2e-6)
    np.testing.assert_allclose(params[1].asnumpy(), b, rtol=2e-6)


@pytest.mark.parametrize(
    "make, state",
    [
        (lambda q: nn.SGD(q, 0.1), ["momentum", "accum.a", "accum.b"]),
        (lambda q: nn.Momentum(q, 0.1, 0.9), ["momentum", "moments.a", "moments.b"]),
        (
            nn.Adam,
            ["beta1_power", "beta2_power", "moment1.a", "moment1.b", "moment2.a", "moment2.b"],
        ),
        (nn.AdamWeightDecay, ["adam_m.a", "adam_m.b", "adam_v.a", "adam_v.b"]),
    ],
)
def test_c29_the_names_of_the_state(make, state):
    params, optimizer = run(make, STEPS[:2])
    assert names(optimizer) == ["global_step", "learning_rate", "a", "b", *state]
    assert [p.name for p in params] == ["a", "b"]
    assert repr(optimizer) == f"{type(optimizer).__name__}()"


def test_c29_a_step_returns_one_true_for_each_parameter():
    assert nn.SGD(parameters(), 0.1)(tensors(STEPS[0])) == (True, True)


def test_the_powers_of_the_betas_are_those_of_the_step():
    _, optimizer = run(lambda q: nn.Adam(q, 0.1), STEPS[:3])
    state = optimizer.parameters_dict()
    assert float(state["beta1_power"]) == np.float32(0.9**3)
    assert float(state["beta2_power"]) == np.float32(0.999**3)


# Rates.


def test_c29_the_learning_rate_is_a_parameter():
    optimizer = nn.SGD(parameters(), 0.1)
    assert type(optimizer.learning_rate) is Parameter and optimizer.learning_rate.name == "learning_rate"
    assert optimizer.get_lr() is optimizer.learning_rate
    assert optimizer.learning_rate.dtype == adcore.float32 and optimizer.learning_rate.shape == ()
    assert optimizer.get_lr_parameter(optimizer.parameters[0]) is optimizer.learning_rate


@pytest.mark.parametrize(
    "assign",
    [
        lambda o, rate: setattr(o, "learning_rate", rate),
        lambda o, rate: o.learning_rate.set_data(rate),
        lambda o, rate: ops.assign(o.learning_rate, rate),
    ],
    ids=["attribute", "set_data", "assign"],
)
@every(but=["rprop"])  # its sizes have a least one
def test_however_the_rate_is_assigned_the_next_step_uses_it(make, assign):
    fresh, _ = run(lambda q: make(q), STEPS[:1])
    params = parameters()
    optimizer = make(params)
    assign(optimizer, t32(0.0))
    optimizer(tensors(STEPS[0]))
    np.testing.assert_array_equal(params[0].asnumpy(), A0.astype(np.float32))
    assert (fresh[0].asnumpy() != A0).all()


def test_the_momentum_can_be_changed_too():
    params = parameters()
    optimizer = nn.Momentum(params, 0.1, 0.9)
    optimizer(tensors(STEPS[0]))
    optimizer.momentum.set_data(t32(0.0))
    before = values(params)
    optimizer(tensors(STEPS[1]))
    np.testing.assert_allclose(params[0].asnumpy(), before[0] - 0.1 * STEPS[1][0], rtol=1e-6)


@pytest.mark.parametrize(
    "rate", [0.1, Tensor(0.1), [0.1] * 4, (0.1,) * 4, iter([0.1] * 4), np.full(4, 0.1), Tensor([0.1] * 4)]
)
def test_forms_of_a_constant_rate(rate):
    params, _ = run(lambda q: nn.SGD(q, rate))
    np.testing.assert_allclose(params[0].asnumpy(), sgd(A0, [s[0] for s in STEPS], r32(0.1)), rtol=1e-6)


def test_c30_a_rate_for_each_step():
    params, optimizer = run(lambda q: nn.SGD(q, nn.cosine_decay_lr(0.0, 0.1, 10, 5, 2)), STEPS[:1])
    np.testing.assert_allclose(params[0].asnumpy(), A0 - 0.1 * STEPS[0][0], rtol=1e-6)
    assert repr(optimizer.global_step) == "Parameter (name=global_step, shape=(1,), dtype=Int32, requires_grad=True)"
    assert optimizer.get_lr_parameter(optimizer.parameters[1]).name == "learning_rate"


def test_more_steps_than_rates_raise_and_change_nothing():
    params = parameters()
    optimizer = nn.SGD(params, [0.1, 0.2])
    for step in STEPS[:2]:
        optimizer(tensors(step))
    before = values(optimizer.get_parameters())
    with pytest.raises(IndexError, match="rates for 2 steps, but this is step 3"):
        optimizer(tensors(STEPS[2]))
    for one, other in zip(values(optimizer.get_parameters()), before):
        np.testing.assert_array_equal(one, other)


def test_an_own_schedule_sees_the_step():
    class Linear(nn.LearningRateSchedule):
        def construct(self, global_step):
            return 0.1 * (global_step + 1)

    params, optimizer = run(lambda q: nn.SGD(q, Linear()))
    expected = A0 - sum(0.1 * (t + 1) * step[0] for t, step in enumerate(STEPS))
    np.testing.assert_allclose(params[0].asnumpy(), expected, rtol=2e-6)
    assert float(optimizer.get_lr()) == pytest.approx(0.5)


# Groups.


def test_c30_groups_with_rates_of_their_own():
    q = [Parameter(t32(1.0), name="a"), Parameter(t32(3.0), name="b"), Parameter(t32(5.0), name="c")]
    groups = [{"params": q[:1], "lr": 0.1}, {"params": q[1:2], "lr": 1.0}, {"params": q[2:]}]
    optimizer = nn.SGD(groups, 0.5)
    optimizer((t32(1.0),) * 3)
    np.testing.assert_allclose(values(q), [0.9, 2.0, 4.5], rtol=1e-6)
    rates = ["learning_rate_group_0", "learning_rate_group_1", "learning_rate"]
    assert names(optimizer)[:7] == ["global_step", *rates, "a", "b", "c"]
    assert [p.name for p in optimizer.get_lr_parameter(q)] == rates
    np.testing.assert_allclose([float(rate) for rate in optimizer.get_lr()], [0.1, 1.0, 0.5])
    optimizer.learning_rate[1].set_data(t32(0.0))
    optimizer((t32(1.0),) * 3)
    np.testing.assert_allclose(values(q), [0.8, 2.0, 4.0], rtol=1e-6)


def test_groups_may_mix_fixed_and_changing_rates():
    q = [Parameter(t32(1.0), name=name) for name in "abc"]
    groups = [{"params": q[:1], "lr": [0.1, 0.2]}, {"params": q[1:2]}, {"params": q[2:], "lr": nn.WarmUpLR(1.0, 2)}]
    optimizer = nn.SGD(groups, 0.5)
    for _ in range(2):
        optimizer((t32(1.0),) * 3)
    np.testing.assert_allclose(values(q), [1 - 0.3, 1 - 1.0, 1 - 0.5], rtol=1e-6, atol=1e-7)
    optimizer.get_lr_parameter(q[1]).set_data(t32(0.0))
    assert optimizer.get_lr_parameter(q[1]).name == "learning_rate"


def test_groups_with_decays_of_their_own():
    q = [Parameter(t32(1.0), name=name) for name in ("a.beta", "b", "c")]
    groups = [{"params": q[:1]}, {"params": q[1:2], "weight_decay": 0.0}, {"params": q[2:], "weight_decay": 0.25}]
    optimizer = nn.SGD(groups, 1.0, weight_decay=0.5)
    assert optimizer.get_weight_decay() == (0.5, 0.0, 0.25)
    optimizer((t32(0.0),) * 3)
    np.testing.assert_array_equal(values(q), [0.5, 1.0, 0.75])


def test_without_groups_beta_and_gamma_are_not_decayed():
    q = [Parameter(t32(1.0), name=name) for name in ("bn.beta", "bn.gamma", "w")]
    for make in (lambda: nn.SGD(q, 1.0, weight_decay=0.5), lambda: nn.AdamWeightDecay(q, 1.0, weight_decay=0.5)):
        for p in q:
            p.set_data(t32(1.0))
        make()((t32(0.0),) * 3)
        np.testing.assert_array_equal(values(q), [1.0, 1.0, 0.5])


def test_the_order_of_grouped_parameters():
    q = parameters()
    groups = [{"params": q[:1], "lr": 0.1}, {"params": q[1:], "lr": 1.0}, {"order_params": q[::-1]}]
    optimizer = nn.SGD(groups, 0.5)
    assert [p.name for p in optimizer.parameters] == ["b", "a"]
    optimizer(tensors(STEPS[0])[::-1])
    np.testing.assert_allclose(q[0].asnumpy(), A0 - 0.1 * STEPS[0][0], rtol=1e-6)
    np.testing.assert_allclose(q[1].asnumpy(), B0 - 1.0 * STEPS[0][1], rtol=1e-6)
    for order in (q[:1], [q[0], q[0]], [*q, Parameter(t32(1.0), name="c")]):
        with pytest.raises(ValueError, match="'order_params' must hold the Parameters of the groups"):
            nn.SGD([{"params": q}, {"order_params": order}], 0.5)


def test_groups_that_are_no_groups():
    q = parameters()
    for error, text, groups in (
        (KeyError, "unknown key 'lrr'", [{"params": q, "lrr": 0.1}]),
        (KeyError, "group 0 has no 'params'", [{"lr": 0.1}]),
        (RuntimeError, "'a' is in two groups", [{"params": q}, {"params": q[:1]}]),
        (ValueError, "there are no parameters", [{"params": []}]),
        (ValueError, "the groups hold no Parameters", [{"order_params": q}]),
        (ValueError, "must have no other key", [{"params": q}, {"order_params": q, "lr": 0.1}]),
        (TypeError, "must all be Parameters", [{"params": [q[0], t32(1.0)]}]),
        (TypeError, "must hold Parameters", [{"params": [{"params": q}]}]),
        (TypeError, "must all be Parameters or all be dicts", [{"params": q[:1]}, q[1]]),
        (ValueError, "learning_rate must be >= 0", [{"params": q, "lr": -1.0}]),
        (TypeError, "grad_centralization must be a bool", [{"params": q, "grad_centralization": 1}]),
    ):
        with pytest.raises(error, match=text):
            nn.SGD(groups, 0.5)


def test_a_weight_decay_that_changes_with_the_step():
    class Growing(nn.Cell):
        def construct(self, global_step):
            return 0.25 * (global_step + 1)

    q = [Parameter(t32(1.0), name="w")]
    optimizer = nn.Momentum(q, 1.0, 0.0, weight_decay=Growing())
    optimizer((t32(0.0),))
    np.testing.assert_array_equal(values(q), [0.75])
    optimizer((t32(0.0),))
    np.testing.assert_array_equal(values(q), [0.375])
    with pytest.raises(TypeError, match="SGD: weight_decay must be a number"):
        nn.SGD(q, 1.0, weight_decay=Growing())


def test_the_loss_scale_divides_the_gradients_and_not_the_decay():
    scaled, _ = run(lambda q: nn.Adam(q, 0.1, weight_decay=0.1, loss_scale=8.0), [(8 * a, 8 * b) for a, b in STEPS])
    plain, _ = run(lambda q: nn.Adam(q, 0.1, weight_decay=0.1))
    for one, other in zip(scaled, plain):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())


# Gradients as they come.


def test_j43_a_list_or_one_tensor_of_gradients():
    expected, _ = run(lambda q: nn.SGD(q, 0.1), STEPS[:1])
    params = parameters()
    nn.SGD(params, 0.1)(list(tensors(STEPS[0])))
    np.testing.assert_array_equal(params[0].asnumpy(), expected[0].asnumpy())
    w = Parameter(t32(1.0, 2.0), name="w")
    assert nn.SGD([w], 0.1)(t32(1.0, 1.0)) == (True,)


def test_gradients_of_another_dtype_are_cast():
    params = parameters()
    nn.SGD(params, 0.1)((Tensor([1.0, 2.0], adcore.float16), Tensor(1.0, adcore.float64)))
    np.testing.assert_allclose(params[0].asnumpy(), [0.9, 1.8], rtol=1e-6)
    assert params[0].dtype == adcore.float32


BAD = {
    "too few": (ValueError, "got 1 gradients for 2 parameters", lambda: (t32(1.0, 1.0),)),
    "too many": (ValueError, "got 3 gradients for 2 parameters", lambda: (t32(1.0, 1.0), t32(1.0), t32(1.0))),
    "none": (ValueError, "got 0 gradients for 2 parameters", tuple),
    "first shape": (ValueError, r"\(3,\)", lambda: (t32(1.0, 1.0, 1.0), t32(1.0))),
    "last shape": (ValueError, r"\(2,\)", lambda: (t32(1.0, 1.0), t32(1.0, 1.0))),
    "not a tensor": (TypeError, None, lambda: (t32(1.0, 1.0), 1.0)),
    "an array": (TypeError, None, lambda: (t32(1.0, 1.0), np.float32(1.0))),
}


@pytest.mark.parametrize("error, text, gradients", BAD.values(), ids=BAD)
@EVERY
def test_j43_bad_gradients_change_nothing(make, error, text, gradients):
    params, optimizer = run(make, STEPS[:1])
    before = values(optimizer.get_parameters())
    with pytest.raises(error, match=text):
        optimizer(gradients())
    for one, other in zip(values(optimizer.get_parameters()), before):
        np.testing.assert_array_equal(one, other)
    optimizer(tensors(STEPS[1]))
    expected, _ = run(make, STEPS[:2])
    np.testing.assert_array_equal(params[0].asnumpy(), expected[0].asnumpy())


# Arguments.


@pytest.mark.parametrize(
    "error, text, make",
    [
        (ValueError, "SGD: there are no parameters", lambda q: nn.SGD([], 0.1)),
        (ValueError, "parameters must not be None", lambda q: nn.SGD(None, 0.1)),
        (TypeError, "must be a list of Parameters, but got Parameter", lambda q: nn.SGD(q[0], 0.1)),
        (TypeError, "must be a list of Parameters, but got int", lambda q: nn.SGD(3, 0.1)),
        (TypeError, "must all be Parameters", lambda q: nn.SGD([t32(1.0)], 0.1)),
        (TypeError, "must all be Parameters", lambda q: nn.SGD([q[0], {"params": q}], 0.1)),
        (ValueError, "'a' is given twice", lambda q: nn.SGD([q[0], q[0]], 0.1)),
        (ValueError, "'?a'?", lambda q: nn.SGD([q[0], Parameter(t32(1.0), name="a")], 0.1)),
        (ValueError, "learning_rate must be >= 0", lambda q: nn.SGD(q, -1.0)),
        (ValueError, "learning_rate must be >= 0", lambda q: nn.SGD(q, float("nan"))),
        (ValueError, "learning_rate must be >= 0", lambda q: nn.SGD(q, float("inf"))),
        (ValueError, "learning_rate must be >= 0", lambda q: nn.SGD(q, [0.1, -1.0])),
        (ValueError, "learning_rate must be >= 0", lambda q: nn.SGD(q, t32(-1.0))),
        (ValueError, "must not be empty", lambda q: nn.SGD(q, [])),
        (ValueError, r"shape is \(2, 2\)", lambda q: nn.SGD(q, ops.ones((2, 2), adcore.float32))),
        (TypeError, "but got str", lambda q: nn.SGD(q, "0.1")),
        (TypeError, "but got NoneType", lambda q: nn.SGD(q, None)),
        (ValueError, "weight_decay must be >= 0", lambda q: nn.SGD(q, 0.1, weight_decay=-1.0)),
        (TypeError, "weight_decay must be a float", lambda q: nn.SGD(q, 0.1, weight_decay="a")),
        (ValueError, "loss_scale must be > 0", lambda q: nn.SGD(q, 0.1, loss_scale=0.0)),
        (ValueError, "momentum must be >= 0", lambda q: nn.SGD(q, 0.1, momentum=-0.1)),
        (ValueError, "dampening must be >= 0", lambda q: nn.SGD(q, 0.1, dampening=-0.1)),
        (ValueError, "nesterov needs a momentum > 0", lambda q: nn.SGD(q, 0.1, nesterov=True)),
        (ValueError, "nesterov needs", lambda q: nn.SGD(q, 0.1, momentum=0.9, dampening=0.1, nesterov=True)),
        (TypeError, "nesterov must be a bool", lambda q: nn.SGD(q, 0.1, momentum=0.9, nesterov=1)),
        (TypeError, "momentum must be a float, but got int", lambda q: nn.Momentum(q, 0.1, 1)),
        (ValueError, "momentum must be >= 0", lambda q: nn.Momentum(q, 0.1, -0.1)),
        (ValueError, r"beta1 must be in \[0, 1\)", lambda q: nn.Adam(q, beta1=1.0)),
        (ValueError, "beta2 must be > 0", lambda q: nn.Adam(q, beta2=0.0)),
        (TypeError, "beta1 must be a float, but got int", lambda q: nn.Adam(q, beta1=0)),
        (ValueError, "eps must be > 0", lambda q: nn.Adam(q, eps=0.0)),
        (ValueError, "AdamWeightDecay: eps must be > 0", lambda q: nn.AdamWeightDecay(q, eps=0.0)),
        (TypeError, "use_amsgrad must be a bool", lambda q: nn.Adam(q, use_amsgrad=1)),
        (TypeError, "use_lazy must be a bool", lambda q: nn.Adam(q, use_lazy=None)),
        (ValueError, "AdamW: eps must be > 0", lambda q: nn.AdamW(q, eps=0.0)),
        (ValueError, "NAdam: momentum_decay must be >= 0", lambda q: nn.NAdam(q, momentum_decay=-1.0)),
        (ValueError, r"Lion: beta2 must be in \(0, 1\)", lambda q: nn.Lion(q, beta2=1.0)),
        (ValueError, r"RMSProp: decay must be in \[0, 1\)", lambda q: nn.RMSProp(q, decay=1.0)),
        (ValueError, "RMSProp: epsilon must be > 0", lambda q: nn.RMSProp(q, epsilon=0.0)),
        (ValueError, "Adagrad: accum must be >= 0", lambda q: nn.Adagrad(q, accum=-0.5)),
        (ValueError, r"Adadelta: rho must be in \[0, 1\]", lambda q: nn.Adadelta(q, rho=1.5)),
        (TypeError, "Rprop: etas must be a tuple", lambda q: nn.Rprop(q, etas=[0.5, 1.2])),
        (ValueError, "Rprop: etas must have two", lambda q: nn.Rprop(q, etas=(0.5,))),
        (ValueError, "Rprop: etas must be below 1", lambda q: nn.Rprop(q, etas=(1.5, 1.2))),
        (ValueError, "Rprop: the smallest", lambda q: nn.Rprop(q, step_sizes=(1.0, 0.5))),
        (ValueError, "ASGD: t0 must be >= 0", lambda q: nn.ASGD(q, t0=-1.0)),
        (ValueError, "FTRL: learning_rate must be > 0", lambda q: nn.FTRL(q, learning_rate=0.0)),
        (TypeError, "FTRL: learning_rate must be a float", lambda q: nn.FTRL(q, learning_rate=[0.1])),
        (ValueError, "FTRL: lr_power must be <= 0", lambda q: nn.FTRL(q, lr_power=0.5)),
        (ValueError, "FTRL: groups cannot have", lambda q: nn.FTRL([{"params": q, "lr": 0.1}])),
        (TypeError, "LARS: optimizer must be an Optimizer", lambda q: nn.LARS(q)),
        (ValueError, "LARS: coefficient must be >= 0", lambda q: nn.LARS(nn.SGD(q), coefficient=-1.0)),
        (ValueError, "LBFGS: max_iter must be positive", lambda q: nn.LBFGS(q, max_iter=0)),
        (TypeError, "LBFGS: history_size must be an int", lambda q: nn.LBFGS(q, history_size=1.0)),
        (ValueError, "line_search_fn must be None or 'strong_wolfe'", lambda q: nn.LBFGS(q, line_search_fn="wolfe")),
        (ValueError, "LBFGS: all Parameters are one vector", lambda q: nn.LBFGS([{"params": q}])),
    ],
)
def test_c29_arguments_out_of_range(error, text, make):
    with pytest.raises(error, match=text):
        make(parameters())


def test_parameters_may_come_from_any_iterable():
    for collect in (tuple, ParameterTuple, iter, lambda q: (p for p in q)):
        assert len(nn.SGD(collect(parameters()), 0.1).parameters) == 2


def test_questions_about_foreign_parameters():
    optimizer = nn.SGD(parameters(), 0.1)
    with pytest.raises(ValueError, match="does not have the Parameter 'c'"):
        optimizer.get_lr_parameter(Parameter(t32(1.0), name="c"))
    with pytest.raises(TypeError, match="expected a Parameter or a list"):
        optimizer.get_lr_parameter("a")


# Own optimizers, copies, training.


def test_an_optimizer_of_ones_own():
    class Signs(nn.Optimizer):
        def construct(self, gradients):
            gradients = self.scale_grad(self.decay_weight(gradients))
            for p, g in zip(self.parameters, self.gradients_centralization(gradients)):
                p.set_data(p - self.get_lr() * g)

    q = [Parameter(t32(1.0), name="w"), Parameter(t32(1.0), name="beta")]
    Signs(0.5, q, weight_decay=0.5, loss_scale=2.0)((t32(2.0), t32(2.0)))
    np.testing.assert_allclose(values(q), [1 - 0.5 * (1.0 + 0.5), 0.5], rtol=1e-6)
    with pytest.raises(NotImplementedError, match="construct"):
        nn.Optimizer(0.1, parameters())(tensors(STEPS[0]))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
@EVERY
def test_c32_a_copy_goes_on_where_the_optimizer_was(make, copied):
    params, optimizer = run(make, STEPS[:2])
    twin = copied(optimizer)
    assert twin.parameters[0] is not params[0] and names(twin) == names(optimizer)
    for step in STEPS[2:]:
        optimizer(tensors(step))
    for step in STEPS[2:]:
        twin(tensors(step))
    np.testing.assert_array_equal(twin.parameters[0].asnumpy(), params[0].asnumpy())
    assert int(twin.global_step) == 4


@EVERY
def test_the_state_of_an_optimizer_can_be_carried_over(make):
    first, optimizer = run(make, STEPS[:2])
    second = parameters()
    other = make(second)
    other.load_state_dict(optimizer.state_dict())
    for step in STEPS[2:]:
        optimizer(tensors(step))
        other(tensors(step))
    np.testing.assert_array_equal(first[0].asnumpy(), second[0].asnumpy())


@EVERY
def test_training_fits_a_line(make):
    rng = np.random.default_rng(5)
    x = Tensor(rng.normal(size=(64, 2)), adcore.float32)
    y = Tensor(x.asnumpy() @ [[0.5], [-0.25]] + 0.125, adcore.float32)
    net = nn.Dense(2, 1, weight_init="zeros", bias_init="zeros")
    optimizer = make(net.trainable_params())
    step = adcore.value_and_grad(lambda x, y: nn.MSELoss()(net(x), y), None, optimizer.parameters)
    first, gradients = step(x, y)
    for _ in range(60):
        optimizer(gradients)
        last, gradients = step(x, y)
    # With weight decay the optimum is another one, but it is still far below the start.
    assert float(last) < 0.35 * float(first)


# A step among other functions: what it reads and writes are cells, and derivatives pass.


def restarted(make, start=A0):
    """A Parameter, an optimizer of it, and a function that puts both back to the start, with any value."""
    w = Parameter(Tensor(start, adcore.float64), name="w")
    optimizer = make([w])
    values_before = [(p, p.value()) for p in optimizer.get_parameters()]

    def restart(value=None):
        for p, before in values_before:
            p.set_data(before)
        if value is not None:
            w.set_data(value)

    return w, optimizer, restart


G0, G1 = Tensor([0.3, -0.7], adcore.float64), Tensor([0.2, 0.4], adcore.float64)


@EVERY
def test_derivatives_pass_through_steps(make):
    w, optimizer, restart = restarted(make)

    def after(value, first, second):
        restart(value)
        optimizer((first * value,))
        optimizer((second + w * w,))
        return (w * value).sum()

    check_grads(after, (Tensor(A0), G0, G1), order=2, modes=("fwd", "rev"))


def difference(function, at, step=1e-3):
    return float(function(at + step) - function(at - step)) / (2 * step)


@pytest.mark.parametrize(
    "make, cell",
    [
        (lambda q: nn.SGD(q, 0.5, 0.9), "learning_rate"),
        (lambda q: nn.SGD(q, 0.5, 0.9), "momentum"),
        (lambda q: nn.Momentum(q, 0.5, 0.9), "momentum"),
        (lambda q: nn.Adam(q, 0.5), "learning_rate"),
        (lambda q: nn.AdamWeightDecay(q, 0.5), "learning_rate"),
        (lambda q: nn.Adam([{"params": q, "lr": 0.5}], 0.1), "learning_rate"),
    ],
)
def test_derivatives_with_respect_to_the_numbers_of_a_step(make, cell):
    w, optimizer, restart = restarted(make)
    number = getattr(optimizer, cell)
    number = number if isinstance(number, Parameter) else number[0]

    def after():
        optimizer((G0,))
        optimizer((G1,))
        return (w * w).sum()

    def at(value):
        restart()
        number.set_data(Tensor(value, adcore.float32))
        return after()

    restart()
    exact = adcore.grad(after, None, number)()
    assert float(exact) == pytest.approx(difference(at, float(r32(0.9 if cell == "momentum" else 0.5))), rel=1e-3)


def test_a_step_in_a_step_of_an_outer_optimizer():
    """One gradient step of w with rate r ends at w - r w; the loss of that has the derivative -w^2 (1 - r)."""
    w = Parameter(Tensor(2.0, adcore.float64), name="w")
    inner = nn.SGD([w], 0.25)
    inner.learning_rate.name = "rate"
    outer = nn.SGD([inner.learning_rate], 0.125)

    def loss():
        inner((adcore.grad(lambda v: v * v / 2)(w),))
        return w * w / 2

    value, (slope,) = adcore.value_and_grad(loss, None, outer.parameters)()
    assert float(value) == 1.125 and float(slope) == -3.0
    outer((slope,))
    assert float(inner.learning_rate) == 0.625


def test_adam_has_a_derivative_where_a_gradient_is_zero():
    for make in (lambda q: nn.Adam(q, 0.1), lambda q: nn.AdamWeightDecay(q, 0.1)):
        w, optimizer, restart = restarted(make)

        def after(g):
            restart()
            optimizer((g,))
            return w.value()

        assert np.isfinite(adcore.jacrev(after)(Tensor([0.0, 1.0], adcore.float64)).asnumpy()).all()
        restart()


@EVERY
def test_a_batch_of_steps_is_the_loop(make):
    w, optimizer, restart = restarted(make)
    gradients = Tensor(np.random.default_rng(7).normal(size=(3, 2)))

    def after(g):
        restart()
        optimizer((g,))
        optimizer((g + w,))
        return w.value()

    together = adcore.vmap(after)(gradients)
    alone = [after(g).asnumpy() for g in gradients]
    restart()
    np.testing.assert_array_equal(together.asnumpy(), alone)


SCHEDULED = {
    "schedule": lambda q: nn.SGD(q, nn.CosineDecayLR(0.01, 0.1, 4)),
    "list": lambda q: nn.SGD(q, [0.1, 0.2, 0.3, 0.4]),
    "groups": lambda q: nn.Adam([{"params": q, "lr": nn.WarmUpLR(1.0, 4), "weight_decay": 0.5}], 0.1),
}


@pytest.mark.parametrize("make", [*[rule[0] for rule in RULES.values()], *SCHEDULED.values()], ids=[*RULES, *SCHEDULED])
@pytest.mark.parametrize("cell", ["global_step", "learning_rate", "momentum", "states"])
def test_a_step_sees_every_cell_that_it_reads(make, cell):
    """Cells that differ between the members of a batch: what took a number out of one of them would raise."""
    w, optimizer, restart = restarted(make)
    rate = optimizer.learning_rate
    found = {
        "global_step": [optimizer.global_step],
        "learning_rate": [rate] if isinstance(rate, Parameter) else [],
        "momentum": [optimizer.momentum] if "momentum" in vars(optimizer) else [],
        "states": [p for p in optimizer.get_parameters() if p.name.endswith(".w")],
    }[cell]
    factors = Tensor([0, 1, 3], adcore.int32)

    def after(factor):
        restart()
        for p in found:
            p.set_data(p + 0.1 * factor if cell != "global_step" else factor.reshape((1,)))
        optimizer((G0,))
        return w.value(), optimizer.global_step.value()

    together = adcore.vmap(after)(factors)
    alone = [after(factor) for factor in factors]
    restart()
    for position in range(2):
        np.testing.assert_array_equal(together[position].asnumpy(), [one[position].asnumpy() for one in alone])


@EVERY
def test_a_recomputed_block_may_do_steps(make):
    w, optimizer, restart = restarted(make)

    def block(x):
        optimizer((x * w,))
        return (w * x).sum()

    restart()
    plain = adcore.grad(block)(G0)
    once = [p.asnumpy() for p in optimizer.get_parameters()]
    restart()
    again = adcore.grad(lambda x: adcore.recompute(block, x))(G0)
    np.testing.assert_array_equal(plain.asnumpy(), again.asnumpy())
    for p, value in zip(optimizer.get_parameters(), once):
        np.testing.assert_array_equal(p.asnumpy(), value)


# What a step changes, and what it leaves.


@pytest.mark.parametrize("size", [3, 100_000])  # written in place, and beside the old values
@EVERY
def test_whoever_holds_an_old_value_keeps_it(make, size):
    start = np.random.default_rng(8).normal(size=size)
    w = Parameter(Tensor(start), name="w")
    optimizer = make([w])
    g = ops.ones_like(w.value())
    for _ in range(2):
        cells = optimizer.get_parameters()
        held = [(p.value(), p.asnumpy(), p.asnumpy().copy()) for p in cells]
        optimizer((g,))
        for value, array, copied in held:
            np.testing.assert_array_equal(value.asnumpy(), copied)
            np.testing.assert_array_equal(array, copied)
    assert (w.asnumpy() != start).all()


@every(but=["lamb"])  # the norms of parts are others
def test_long_and_short_steps_give_the_same_bits(make):
    rng = np.random.default_rng(9)
    start, steps = rng.normal(size=60_000), rng.normal(size=(3, 60_000))
    whole = Parameter(Tensor(start, adcore.float32), name="w")
    parts = [Parameter(Tensor(start[i::60], adcore.float32), name=f"w{i}") for i in range(60)]
    one, many = make([whole]), make(parts)
    for g in steps:
        one((Tensor(g, adcore.float32),))
        many(tuple(Tensor(g[i::60], adcore.float32) for i in range(60)))
    for i, part in enumerate(parts):
        np.testing.assert_array_equal(whole.asnumpy()[i::60], part.asnumpy())


@pytest.mark.parametrize("size", [3, 100_000])
@EVERY
def test_a_step_that_makes_a_nan_under_a_watch_changes_nothing(make, size):
    params = [Parameter(ops.ones((n,), adcore.float32), name=f"w{n}") for n in (2, size)]
    optimizer = make(params)
    before = values(optimizer.get_parameters())
    nan = Tensor(np.full(size, np.nan), adcore.float32)
    with adcore.debug_nans(), pytest.raises(FloatingPointError, match="made|got"):
        optimizer((ops.ones((2,), adcore.float32), nan))
    for one, other in zip(values(optimizer.get_parameters()), before):
        np.testing.assert_array_equal(one, other)


def test_a_parameter_that_is_its_own_gradient_or_shares_memory():
    for size in (3, 100_000):
        w = Parameter(ops.ones((size,), adcore.float32), name="w")
        nn.SGD([w], 0.5)((w,))
        assert (w.asnumpy() == 0.5).all()
        nn.SGD([w], 0.5)((w.value(),))
        assert (w.asnumpy() == 0.25).all()


def test_what_the_native_step_refuses():
    step = adcore._core.optimizer_step
    w, g, count = Parameter(t32(1.0), name="w"), t32(1.0), Parameter(Tensor([0], adcore.int32))
    for error, text, arguments in (
        (TypeError, "the name of a rule", ()),
        (TypeError, "the name of a rule", ("none", count, (), (), (w,), (g,))),
        (TypeError, "the name of a rule", (3, count, (), (), (w,), (g,))),
        (TypeError, "takes 7 arguments", ("momentum", count, (0.0,), (0.1, 0.0, 0.9), (w,), (g,))),
        (TypeError, "settings", ("momentum", count, (), (0.1, 0.0, 0.9), (w,), (g,), (w,))),
        (TypeError, "numbers", ("momentum", count, (0.0,), (0.1, 0.0), (w,), (g,), (w,))),
        (ValueError, "learning rates", ("momentum", count, (0.0,), ((0.1, 0.1), 0.0, 0.9), (w,), (g,), (w,))),
        (TypeError, "lists, got int", ("momentum", count, (0.0,), (0.1, 0.0, 0.9), (w,), 3, (w,))),
        (ValueError, "1 parameters but 2", ("momentum", count, (0.0,), (0.1, 0.0, 0.9), (w,), (g, g), (w,))),
        (TypeError, "the step must be", ("momentum", 0, (0.0,), (0.1, 0.0, 0.9), (w,), (g,), (w,))),
        (TypeError, "state 0 must be", ("momentum", count, (0.0,), (0.1, 0.0, 0.9), (w,), (g,), (1.0,))),
        (TypeError, None, ("momentum", count, (0.0,), ("a", 0.0, 0.9), (w,), (g,), (w,))),
        (ValueError, "one element", ("momentum", count, (0.0,), (t32(1.0, 2.0), 0.0, 0.9), (w,), (g,), (w,))),
    ):
        with pytest.raises(error, match=text):
            step(*arguments)
    assert float(w) == 1.0 and int(count) == 0
    step("momentum", count, (0.0,), (0.5, 0.0, 0.9), [], [], [])
    assert int(count) == 1


# Schedules and lists.


@pytest.mark.parametrize(
    "schedule, formula",
    [
        (nn.CosineDecayLR(0.01, 0.1, 4), lambda t: 0.01 + 0.045 * (1 + math.cos(math.pi * min(t, 4) / 4))),
        (nn.ExponentialDecayLR(0.1, 0.9, 4), lambda t: 0.1 * 0.9 ** (t / 4)),
        (nn.ExponentialDecayLR(0.1, 0.9, 4, True), lambda t: 0.1 * 0.9 ** (t // 4)),
        (nn.NaturalExpDecayLR(0.1, 0.9, 4), lambda t: 0.1 * math.exp(-0.9 * t)),
        (nn.NaturalExpDecayLR(0.1, 0.9, 4, True), lambda t: 0.1 * math.exp(-0.9 * (t // 4 * 4))),
        (nn.InverseDecayLR(0.1, 0.5, 4), lambda t: 0.1 / (1 + 0.5 * t / 4)),
        (nn.InverseDecayLR(0.1, 0.5, 4, True), lambda t: 0.1 / (1 + 0.5 * (t // 4))),
        (nn.PolynomialDecayLR(0.1, 0.01, 4, 0.5), lambda t: 0.09 * (1 - min(t, 4) / 4) ** 0.5 + 0.01),
        (
            nn.PolynomialDecayLR(0.1, 0.01, 4, 0.5, True),
            lambda t: 0.09 * (1 - t / (4 * max(math.ceil(t / 4), 1))) ** 0.5 + 0.01,
        ),
        (nn.WarmUpLR(0.1, 4), lambda t: 0.1 * min(t, 4) / 4),
    ],
    ids=lambda v: getattr(v, "cls_name", ""),
)
def test_schedules(schedule, formula):
    for t in range(10):
        by_int, by_tensor = schedule(t), schedule(Tensor([t], adcore.int32))
        assert float(by_int) == pytest.approx(formula(t), rel=2e-6, abs=1e-8)
        assert by_tensor.shape == (1,) and float(by_tensor[0]) == float(by_int)


@pytest.mark.parametrize(
    "rates, formula",
    [
        (nn.exponential_decay_lr(0.1, 0.9, 10, 2, 3), lambda e: 0.1 * 0.9 ** (e / 3)),
        (nn.exponential_decay_lr(0.1, 0.9, 10, 2, 3, True), lambda e: 0.1 * 0.9 ** (e // 3)),
        (nn.natural_exp_decay_lr(0.1, 0.9, 10, 2, 3), lambda e: 0.1 * math.exp(-0.9 * e)),
        (nn.natural_exp_decay_lr(0.1, 0.9, 10, 2, 3, True), lambda e: 0.1 * math.exp(-0.9 * (e // 3 * 3))),
        (nn.inverse_decay_lr(0.1, 0.5, 10, 2, 3), lambda e: 0.1 / (1 + 0.5 * e / 3)),
        (nn.inverse_decay_lr(0.1, 0.5, 10, 2, 3, True), lambda e: 0.1 / (1 + 0.5 * (e // 3))),
        (nn.cosine_decay_lr(0.01, 0.1, 10, 2, 3), lambda e: 0.01 + 0.045 * (1 + math.cos(math.pi * min(e, 3) / 3))),
        (nn.polynomial_decay_lr(0.1, 0.01, 10, 2, 3, 0.5), lambda e: 0.09 * (1 - min(e, 3) / 3) ** 0.5 + 0.01),
        (
            nn.polynomial_decay_lr(0.1, 0.01, 10, 2, 3, 0.5, True),
            lambda e: 0.09 * (1 - e / (3 * max(math.ceil(e / 3), 1))) ** 0.5 + 0.01,
        ),
        (nn.warmup_lr(0.1, 10, 2, 3), lambda e: 0.1 * min(e, 3) / 3),
    ],
)
def test_lists_of_rates(rates, formula):
    assert rates == pytest.approx([formula(step // 2) for step in range(10)], rel=1e-12, abs=1e-15)


def test_arguments_of_schedules_and_lists():
    for error, make in (
        (TypeError, lambda: nn.CosineDecayLR(0, 0.1, 4)),
        (ValueError, lambda: nn.CosineDecayLR(0.1, 0.1, 4)),
        (ValueError, lambda: nn.CosineDecayLR(-0.1, 0.1, 4)),
        (ValueError, lambda: nn.CosineDecayLR(0.0, 0.1, 0)),
        (TypeError, lambda: nn.WarmUpLR(0.1, 4.0)),
        (TypeError, lambda: nn.ExponentialDecayLR(0.1, 0.9, 4, 1)),
        (ValueError, lambda: nn.InverseDecayLR(0.0, 0.9, 4)),
        (ValueError, lambda: nn.PolynomialDecayLR(0.1, 0.01, 4, float("inf"))),
        (TypeError, lambda: nn.cosine_decay_lr(0, 0.1, 4, 2, 2)),
        (ValueError, lambda: nn.cosine_decay_lr(0.2, 0.1, 4, 2, 2)),
        (ValueError, lambda: nn.warmup_lr(0.1, 0, 2, 2)),
        (ValueError, lambda: nn.warmup_lr(0.1, 4, 2, 0)),
        (TypeError, lambda: nn.exponential_decay_lr(0.1, 0.9, 4, 2, 2.0)),
        (ValueError, lambda: nn.piecewise_constant_lr([2, 1], [0.1, 0.2])),
        (ValueError, lambda: nn.piecewise_constant_lr([2], [0.1, 0.2])),
        (TypeError, lambda: nn.piecewise_constant_lr(2, [0.1])),
    ):
        with pytest.raises(error):
            make()
    with pytest.raises(NotImplementedError):
        nn.LearningRateSchedule()(0)
