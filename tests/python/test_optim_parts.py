"""What belongs to optimizers: LARS, LBFGS, centralization, clipping, averages, accumulation, loss scaling, schedules of
PyTorch's kinds, and the optimizers without state. The oracles are NumPy in float64, closed forms and differences.
"""

import math
import pickle

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, amp, nn, ops, optim
from adcore.testing import check_grads
from helpers import t32
from optimizer_rules import MORE_RULES

f64, f32, f16 = adcore.float64, adcore.float32, adcore.float16
RNG = np.random.default_rng(4)
START = RNG.normal(size=(3, 4))
GRADS = RNG.normal(size=(5, 3, 4))


def parameter(value=START, dtype=f64, name="w"):
    return Parameter(Tensor(value, dtype), name=name)


def after(optimizer, w, grads=GRADS):
    for g in grads:
        optimizer((Tensor(g, w.dtype),))
    return w.asnumpy()


# ---- LARS, centralization, what is shared --------------------------------------------------------------------------


@pytest.mark.parametrize("use_clip", [False, True])
def test_lars_scales_each_gradient_by_the_norms(use_clip):
    """You et al. 2017, equation 6, before a step of momentum; biases keep their gradient."""
    w, b = parameter(), parameter(START[0], name="bias")
    lars = nn.LARS(nn.Momentum([w, b], 0.1, 0.9, weight_decay=0.3), coefficient=0.05, use_clip=use_clip)
    p, a, q, c = START, 0.0, START[0], 0.0
    for g in GRADS:
        lars((Tensor(g), Tensor(g[1])))
        factor = 0.05 * np.linalg.norm(p) / (np.linalg.norm(g) + 0.3 * np.linalg.norm(p) + 1e-5)
        factor = min(factor / 0.1, 1.0) if use_clip else factor
        a = 0.9 * a + factor * (g + 0.3 * p)
        c = 0.9 * c + g[1]
        p, q = p - 0.1 * a, q - 0.1 * c
    np.testing.assert_allclose(w.asnumpy(), p, rtol=1e-12)
    np.testing.assert_allclose(b.asnumpy(), q, rtol=1e-12)
    assert lars.parameters is lars.opt.parameters and int(lars.global_step) == 5
    names = [p.name for p in lars.get_parameters()]
    assert names == [p.name for p in lars.opt.get_parameters()] and len(set(names)) == len(names)


def test_lars_of_zero_norms_leaves_the_gradient():
    w = parameter(np.zeros(3))
    nn.LARS(nn.SGD([w], 0.5))((Tensor([1.0, 2.0, 3.0], f64),))
    np.testing.assert_array_equal(w.asnumpy(), [-0.5, -1.0, -1.5])


def test_derivatives_pass_through_lars_and_lamb():
    w = parameter()
    for make in (lambda: nn.LARS(nn.SGD([w], 0.5)), lambda: nn.Lamb([w], 0.5)):

        def end(value, g, make=make):
            w.set_data(value)
            make()((g * value,))
            return (w**2).sum()

        check_grads(end, (Tensor(START), Tensor(GRADS[0])), order=2, modes=("fwd", "rev"))


@pytest.mark.parametrize("kind", [nn.Momentum, nn.AdamW], ids=["decay in the gradient", "decay beside it"])
def test_centralized_gradients_have_no_mean(kind):
    options = {"momentum": 0.9} if kind is nn.Momentum else {}
    w, b = parameter(), parameter(START[0], name="b")
    group = {"params": [w, b], "grad_centralization": True, "weight_decay": 0.25}
    optimizer = kind([group], learning_rate=0.1, **options)
    other, c = parameter(), parameter(START[0], name="b")
    plain = kind([other, c], learning_rate=0.1, weight_decay=0.0 if kind is nn.Momentum else 0.25, **options)
    for g in GRADS:
        optimizer((Tensor(g), Tensor(g[0])))
        g, h = g, g[0]
        if kind is nn.Momentum:
            g, h = g + 0.25 * other.asnumpy(), h + 0.25 * c.asnumpy()
        plain((Tensor(g - g.mean(1, keepdims=True)), Tensor(h)))
    np.testing.assert_allclose(w.asnumpy(), other.asnumpy(), rtol=1e-12)
    np.testing.assert_allclose(b.asnumpy(), c.asnumpy(), rtol=1e-12)


def test_rates_and_settings_of_float64_are_exact():
    """0.1 is 0.1, not float32(0.1), fixed, in a group, in a list and in a schedule: the step of a gradient of 1."""
    for rate in (0.1, [0.1], nn.StepLR(0.1, 10), nn.MultiStepLR(0.1, [10]), nn.CosineAnnealingWarmRestarts(0.1, 10)):
        w, v = parameter(0.0), parameter(0.0, name="v")
        nn.SGD([{"params": [w], "lr": rate}, {"params": [v]}], 0.1)((Tensor(1.0, f64),) * 2)
        assert float(w) == float(v) == -0.1
    w = parameter(0.0)
    nn.SGD([w], nn.OneCycleLR(1.0, 10, div_factor=10.0))((Tensor(1.0, f64),))
    assert float(w) == -0.1


@pytest.mark.parametrize("make", [rule[0] for rule in MORE_RULES.values()], ids=MORE_RULES)
def test_the_same_bits_with_one_and_three_threads(make):
    start, grads = RNG.normal(size=200_000), RNG.normal(size=(2, 200_000))
    results, before = [], adcore.get_num_threads()
    try:
        for threads in (1, 3):
            adcore.set_num_threads(threads)
            w = parameter(start, f32)
            results.append(after(make([w]), w, grads))
    finally:
        adcore.set_num_threads(before)
    np.testing.assert_array_equal(*results)


TRAINED = {
    "Adam": lambda q: nn.Adam(q, 0.05, use_amsgrad=True),
    "AdamW": lambda q: nn.AdamW(q, 0.05, weight_decay=0.0),
    "AdaMax": lambda q: nn.AdaMax(q, 0.05),
    "NAdam": lambda q: nn.NAdam(q, 0.05),
    "RAdam": lambda q: nn.RAdam(q, 0.05),
    "Lion": lambda q: nn.Lion(q, nn.ExponentialDecayLR(0.05, 0.5, 80)),
    "Lamb": lambda q: nn.Lamb(q, nn.ExponentialDecayLR(0.1, 0.5, 60)),
    "LARS": lambda q: nn.LARS(nn.Momentum(q, 0.5, 0.9), coefficient=0.05, use_clip=True),
    "RMSProp": lambda q: nn.RMSProp(q, nn.ExponentialDecayLR(0.05, 0.5, 60), centered=True),
    "Adagrad": lambda q: nn.Adagrad(q, learning_rate=0.5),
    "Adadelta": lambda q: nn.Adadelta(q, nn.ExponentialDecayLR(1.0, 0.5, 100), epsilon=1e-3),
    "Rprop": lambda q: nn.Rprop(q, 0.1),
    "ASGD": lambda q: nn.ASGD(q, 0.3),
    "FTRL": lambda q: nn.FTRL(q, learning_rate=1.0),
}


@pytest.mark.parametrize("make", TRAINED.values(), ids=TRAINED)
def test_training_reaches_the_least_squares(make):
    """Against NumPy's lstsq: the loss above the least one falls to a thousandth of what it was at the start."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(40, 3))
    y = x @ [1.0, -2.0, 0.5] + 0.1 * rng.normal(size=40)
    best = ((x @ np.linalg.lstsq(x, y, rcond=None)[0] - y) ** 2).mean()
    w = parameter(np.array([0.1, 0.1, 0.1]))
    optimizer, data, target = make([w]), Tensor(x), Tensor(y)
    step = adcore.value_and_grad(lambda: ((data @ w - target) ** 2).mean(), None, optimizer.parameters)
    first = float(step()[0])
    for _ in range(600):
        optimizer(step()[1])
    assert float(step()[0]) - best < 1e-3 * (first - best)


# ---- LBFGS ---------------------------------------------------------------------------------------------------------


def rosenbrock(w):
    return lambda: ((1 - w[:-1]) ** 2 + 100 * (w[1:] - w[:-1] ** 2) ** 2).sum()


@pytest.mark.parametrize("size", [2, 5])
def test_lbfgs_minimizes_rosenbrock(size):
    w = parameter(np.linspace(-1.2, 1.5, size))
    optimizer = nn.LBFGS([w], max_iter=100, tolerance_change=1e-15, line_search_fn="strong_wolfe")
    first = rosenbrock(w)()
    assert float(optimizer(rosenbrock(w))) == float(first)
    np.testing.assert_allclose(w.asnumpy(), np.ones(size), atol=1e-6)


def test_lbfgs_of_a_quadratic_is_exact_after_some_steps_and_goes_on_from_its_state():
    rng = np.random.default_rng(2)
    m = rng.normal(size=(6, 6))
    a, b = Tensor(m @ m.T + np.eye(6)), Tensor(rng.normal(size=6))
    loss_of = lambda w, v: (
        lambda: 0.5 * (ops.concat((w, v)) * (a @ ops.concat((w, v)))).sum() - (b * ops.concat((w, v))).sum()
    )
    ends = []
    for calls in ((30,), (3, 27)):
        w, v = parameter(np.zeros(4)), parameter(np.zeros(2), name="v")
        optimizer = nn.LBFGS([w, v], max_iter=calls[0], tolerance_change=1e-15, line_search_fn="strong_wolfe")
        optimizer(loss_of(w, v))
        for more in calls[1:]:
            state = {k: Tensor(p.asnumpy()) for k, p in optimizer.state_dict().items()}
            optimizer = nn.LBFGS([w, v], max_iter=more, tolerance_change=1e-15, line_search_fn="strong_wolfe")
            optimizer.load_state_dict(state)
            optimizer(loss_of(w, v))
        ends.append(np.concatenate([w.asnumpy(), v.asnumpy()]))
    for end in ends:
        np.testing.assert_allclose(end, np.linalg.solve(a.asnumpy(), b.asnumpy()), rtol=1e-6)


def test_lbfgs_without_a_line_search_and_what_it_refuses():
    w = parameter(np.array([3.0, -2.0]))
    optimizer = nn.LBFGS([w], learning_rate=0.5, max_iter=200)
    optimizer(lambda: ((w - 1.0) ** 2).sum())
    np.testing.assert_allclose(w.asnumpy(), [1.0, 1.0], atol=1e-4)
    with pytest.raises(TypeError, match="a call takes a function that returns the loss"):
        optimizer((w,))
    w.set_data(Tensor([0.5, 0.5], f64))
    for loss in (lambda: ops.log(w - 1.0).sum(), lambda: (w / 0).sum()):
        with pytest.raises(ValueError, match="not finite"):
            optimizer(loss)
        np.testing.assert_array_equal(w.asnumpy(), [0.5, 0.5])

    def broken():
        raise RuntimeError("no loss")

    with pytest.raises(RuntimeError, match="no loss"):
        optimizer(broken)
    np.testing.assert_array_equal(w.asnumpy(), [0.5, 0.5])


# ---- clipping ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [f32, f64, f16])
def test_clipping_by_norms_is_one_factor_for_all(dtype):
    parts = [RNG.normal(size=(3, 4)), RNG.normal(size=5), np.array(2.0)]
    tensors = tuple(Tensor(p, dtype) for p in parts)
    total = math.sqrt(sum((t.asnumpy().astype(np.float64) ** 2).sum() for t in tensors))
    exact = {f32: 1e-6, f64: 1e-13, f16: 1e-3}[dtype]
    for bound in (0.5 * total, 2 * total):
        for clipped, factor in (
            (ops.clip_by_global_norm(tensors, bound), min(bound / total, 1)),
            (ops.clip_by_norm(tensors, bound), min(bound / (total + 1e-6), 1)),
        ):
            for one, given in zip(clipped, tensors):
                assert one.dtype == dtype
                np.testing.assert_allclose(one.asnumpy(), factor * given.asnumpy(), rtol=exact)
    for order in (1, 3.0, math.inf):
        norm = np.linalg.norm(np.concatenate([t.asnumpy().astype(np.float64).ravel() for t in tensors]), order)
        one = ops.clip_by_norm({"a": tensors[0], "b": list(tensors[1:])}, 1.0, order)
        np.testing.assert_allclose(one["b"][0].asnumpy(), tensors[1].asnumpy() / (norm + 1e-6), rtol=max(exact, 1e-6))


def test_the_norm_of_half_precision_does_not_overflow():
    clipped = ops.clip_by_global_norm((Tensor([3e4, 4e4], f16),), 5.0)[0]
    np.testing.assert_allclose(clipped.asnumpy(), [3.0, 4.0], rtol=1e-3)


def test_a_norm_that_is_not_finite_hides_nothing():
    for bad in (math.inf, math.nan):
        for clip in (ops.clip_by_global_norm, ops.clip_by_norm):
            clipped = clip((t32(1.0, bad), t32(2.0)), 1.0)
            assert all(np.isnan(c.asnumpy()).all() for c in clipped)
        with pytest.raises(RuntimeError, match="not finite"):
            ops.clip_by_norm(t32(bad), 1.0, error_if_nonfinite=True)
    assert float(ops.clip_by_global_norm((t32(8.0),), 1.0, use_norm=t32(4.0))[0]) == 2.0
    assert ops.clip_by_global_norm((ops.zeros((0,), f32), t32(0.0)))[1].asnumpy().tolist() == 0.0


@pytest.mark.parametrize(
    "error, text, call",
    [
        (TypeError, "x must be a Tensor", lambda: ops.clip_by_global_norm(3.0)),
        (TypeError, "an entry of x must be a Tensor", lambda: ops.clip_by_global_norm((3.0,))),
        (TypeError, "float dtype", lambda: ops.clip_by_norm(Tensor([1, 2]), 1.0)),
        (ValueError, "no Tensors", lambda: ops.clip_by_norm((), 1.0)),
        (ValueError, "clip_norm must be > 0", lambda: ops.clip_by_global_norm(t32(1.0), 0.0)),
        (ValueError, "max_norm must be >= 0", lambda: ops.clip_by_norm(t32(1.0), -1.0)),
        (TypeError, "norm_type must be a number", lambda: ops.clip_by_norm(t32(1.0), 1.0, "fro")),
        (ValueError, "one element", lambda: ops.clip_by_global_norm(t32(1.0), 1.0, t32(1.0, 2.0))),
        (ValueError, "must not be None", lambda: ops.clip_by_value((t32(1.0),))),
    ],
)
def test_bad_arguments_of_clipping(error, text, call):
    with pytest.raises(error, match=text):
        call()


# ---- averages and accumulation -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [f32, f64, f16])
def test_the_average_of_weights(dtype):
    w = parameter(START, dtype)
    ema = nn.ExponentialMovingAverage([w], 0.75)
    want = w.asnumpy().astype(np.float64)
    for g in GRADS:
        w.set_data(Tensor(g, dtype))
        ema.update()
        want = 0.75 * want + 0.25 * w.asnumpy().astype(np.float64)
    now = w.asnumpy()
    np.testing.assert_allclose(ema.averages[0].asnumpy(), want, rtol=1e-13 if dtype == f64 else 1e-5, atol=1e-6)
    assert ema.averages[0].dtype == (f32 if dtype == f16 else dtype)
    with pytest.raises(KeyError), ema.swapped():
        np.testing.assert_array_equal(w.asnumpy(), ema.averages[0].asnumpy().astype(now.dtype))
        raise KeyError
    np.testing.assert_array_equal(w.asnumpy(), now)
    assert [p.name for p in ema.get_parameters()] == ["ema.w", "updates"] and int(ema.updates) == len(GRADS)
    ema.copy_to()
    assert (w.asnumpy() != now).any()
    for decay in (1.0, -0.1):
        with pytest.raises(ValueError, match=r"decay must be in \[0, 1\)"):
            nn.ExponentialMovingAverage([w], decay)


def test_accumulated_small_batches_make_the_step_of_a_large_one():
    x, y = RNG.normal(size=(12, 4)), RNG.normal(size=12)

    def trained(sizes):
        w = parameter(START[0])
        accumulate = nn.GradientAccumulation(nn.Adam([w], 0.1), sizes)
        grads_of = adcore.grad(lambda x, y: ((x @ w - y) ** 2).mean(), None, accumulate.optimizer.parameters)
        done = []
        for _ in range(3):
            for rows in np.split(np.arange(12), sizes):
                done.append(accumulate(grads_of(Tensor(x[rows]), Tensor(y[rows]))))
        assert done == [i % sizes == sizes - 1 for i in range(3 * sizes)]
        return w.asnumpy()

    np.testing.assert_allclose(trained(4), trained(1), rtol=1e-12)


def test_a_call_that_fails_collects_nothing_and_all_state_has_a_name():
    w = parameter(START[0], f16)
    accumulate = nn.GradientAccumulation(nn.Momentum([w], 0.1, 0.9), 3)
    assert accumulate.sums[0].dtype == f32
    accumulate((Tensor(GRADS[0][0], f16),))
    before = [p.asnumpy().copy() for p in accumulate.get_parameters()]
    with pytest.raises(ValueError):
        accumulate((t32(1.0),))
    for p, value in zip(accumulate.get_parameters(), before):
        np.testing.assert_array_equal(p.asnumpy(), value)
    names = [p.name for p in accumulate.get_parameters()]
    assert len(set(names)) == len(names) and {"accumulated.w", "collected", "moments.w"} <= set(names)


# ---- loss scaling --------------------------------------------------------------------------------------------------


def test_a_step_with_an_infinite_gradient_changes_nothing_and_halves_the_scale():
    w = parameter(START[0], f16)
    optimizer, scaler = nn.Adam([w], 0.1), amp.DynamicLossScaler(1024, 2, 3)
    before = [p.asnumpy().copy() for p in optimizer.get_parameters()]
    for bad in (math.inf, -math.inf, math.nan):
        assert scaler.step(optimizer, (Tensor([1.0, bad, 0.0, 0.0], f16),)) is False
    for p, value in zip(optimizer.get_parameters(), before):
        np.testing.assert_array_equal(p.asnumpy(), value)
    assert float(scaler.scale_value) == 128.0 and int(scaler.counter) == 0
    scales = []
    for _ in range(7):
        assert scaler.step(optimizer, (Tensor([1.0, 0.5, 0.0, 2.0], f16),)) is True
        scales.append(float(scaler.scale_value))
    assert scales == [128, 128, 256, 256, 256, 512, 512]


def test_small_gradients_survive_in_float16():
    """The gradient of 2**-26 is 0 in float16; scaled by 2**12 it is not, and is divided in float32."""
    w = Parameter(Tensor([1.0], f32), name="w")
    scaler = amp.StaticLossScaler(2**12)
    loss = lambda w: scaler.scale((w.astype(f16) * Tensor([1.0], f16)).astype(f32).sum() * 2.0**-26)
    gradient = adcore.grad(loss)(w).astype(f16)
    assert scaler.step(nn.SGD([w], 2.0**20), (gradient,))
    assert float(w) == 1.0 - 2.0**-6
    assert scaler.adjust(Tensor(False)) is False and float(scaler.scale_value) == 2**12


def test_scalers_go_down_to_one_and_never_to_infinity():
    scaler = amp.DynamicLossScaler(2, 4, 1)
    assert scaler.adjust(Tensor(False)) and float(scaler.scale_value) == 1.0
    scaler.scale_value.set_data(Tensor(2.0**127, f32))
    scaler.adjust(Tensor(True))
    assert float(scaler.scale_value) == 2.0**127
    assert [p.name for p in scaler.get_parameters()] == ["scale_value", "counter"]
    unscaled = amp.StaticLossScaler(4).unscale((t32(2.0), [Tensor([8.0], f16)]))
    assert float(unscaled[0]) == 0.5 and unscaled[1][0].dtype == f16
    for error, make in (
        (ValueError, lambda: amp.StaticLossScaler(0.5)),
        (TypeError, lambda: amp.StaticLossScaler("1")),
        (ValueError, lambda: amp.DynamicLossScaler(2, 2, 0)),
        (TypeError, lambda: amp.DynamicLossScaler(2, 2.0, 1)),
        (TypeError, lambda: amp.all_finite(())),
    ):
        with pytest.raises(error):
            make()


# ---- schedules -----------------------------------------------------------------------------------------------------


def restarts(t, rate, length, times, low):
    while t >= length:
        t, length = t - length, length * times
    return low + (rate - low) * (1 + math.cos(math.pi * t / length)) / 2


def one_cycle(t, top, total, part, first, last, linear):
    peak = part * total - 1
    a, b, x = (first, top, t / peak) if t <= peak else (top, last, (t - peak) / (total - 1 - peak))
    return a + (b - a) * (x if linear else (1 - math.cos(math.pi * x)) / 2)


@pytest.mark.parametrize(
    "schedule, formula",
    [
        (nn.StepLR(0.5, 3, 0.3), lambda t: 0.5 * 0.3 ** (t // 3)),
        (nn.MultiStepLR(0.5, [2, 7, 7, 9], 0.3), lambda t: 0.5 * 0.3 ** sum(t >= m for m in (2, 7, 7, 9))),
        (nn.CosineAnnealingWarmRestarts(0.5, 4), lambda t: restarts(t, 0.5, 4, 1, 0.0)),
        (nn.CosineAnnealingWarmRestarts(0.5, 2, 3, 0.1), lambda t: restarts(t, 0.5, 2, 3, 0.1)),
        (nn.OneCycleLR(0.5, 20), lambda t: one_cycle(min(t, 19), 0.5, 20, 0.3, 0.02, 0.02 / 1e4, False)),
        (
            nn.OneCycleLR(0.5, 20, 0.4, "linear", 10.0, 100.0),
            lambda t: one_cycle(min(t, 19), 0.5, 20, 0.4, 0.05, 0.05 / 100, True),
        ),
    ],
)
def test_schedules_of_pytorchs_kinds(schedule, formula):
    for t in range(30):
        assert float(schedule(t)) == pytest.approx(formula(t), rel=3e-6, abs=1e-7)
        assert float(schedule(Tensor(t, f64))) == pytest.approx(formula(t), rel=1e-12, abs=1e-15)
        assert schedule(Tensor([t], adcore.int32)).shape == (1,)
    together = adcore.vmap(schedule)(Tensor(np.arange(30.0)))
    np.testing.assert_allclose(together.asnumpy(), [formula(t) for t in range(30)], rtol=1e-12, atol=1e-15)
    assert float(pickle.loads(pickle.dumps(schedule))(3)) == float(schedule(3))


def test_arguments_of_those_schedules():
    for error, make in (
        (ValueError, lambda: nn.StepLR(0.1, 0)),
        (TypeError, lambda: nn.MultiStepLR(0.1, 3)),
        (ValueError, lambda: nn.MultiStepLR(0.1, [])),
        (ValueError, lambda: nn.MultiStepLR(0.1, [3, 2])),
        (ValueError, lambda: nn.CosineAnnealingWarmRestarts(0.1, 3, eta_min=0.2)),
        (ValueError, lambda: nn.OneCycleLR(0.1, 10, 1.5)),
        (ValueError, lambda: nn.OneCycleLR(0.1, 10, anneal_strategy="cubic")),
    ):
        with pytest.raises(error):
            make()


def test_the_rate_falls_on_a_plateau():
    """Counted by hand: patience 1, so the second bad epoch halves the rate; the one after it is not counted."""
    w, v = parameter(), parameter(name="v")
    optimizer = nn.SGD([{"params": [w], "lr": 0.5}, {"params": [v]}], 0.25)
    plateau = nn.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=1, threshold=0.1, min_lr=0.1)
    rates = []
    for loss in (4.0, 3.7, 3.8, Tensor(3.7), 3.7, 3.7, 3.0, 2.9, 2.9):
        plateau.step(loss)
        rates.append(tuple(float(rate) for rate in optimizer.get_lr()))
    assert rates == [(0.5, 0.25)] * 2 + [(0.25, 0.125)] * 3 + [(0.125, 0.1)] * 3 + [(0.1, 0.1)]
    assert float(plateau.best) == 3.0
    other = nn.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=1, threshold=0.1, min_lr=0.1)
    other.load_state_dict(plateau.state_dict())
    assert int(other.cooldown_counter) == int(plateau.cooldown_counter) == 1
    rising = nn.ReduceLROnPlateau(nn.SGD([w], 0.5), "max", 0.5, 0, threshold_mode="abs", threshold=1.0)
    for metric in (1.0, 2.5, 3.0):
        rising.step(metric)
    assert float(rising.rates[0]) == 0.25
    for error, make in (
        (TypeError, lambda: nn.ReduceLROnPlateau(w)),
        (TypeError, lambda: nn.ReduceLROnPlateau(nn.SGD([w], [0.1, 0.2]))),
        (ValueError, lambda: nn.ReduceLROnPlateau(optimizer, "least")),
        (ValueError, lambda: nn.ReduceLROnPlateau(optimizer, factor=1.0)),
        (ValueError, lambda: nn.ReduceLROnPlateau(optimizer, patience=-1)),
    ):
        with pytest.raises(error):
            make()


# ---- optimizers without state --------------------------------------------------------------------------------------

PURE = {
    "sgd": (optim.sgd(0.1), lambda q: nn.SGD(q, 0.1)),
    "sgd nesterov": (optim.sgd(0.1, momentum=0.9, nesterov=True), lambda q: nn.SGD(q, 0.1, 0.9, nesterov=True)),
    "momentum": (optim.momentum(0.1, momentum=0.9), lambda q: nn.Momentum(q, 0.1, 0.9)),
    "adam": (optim.adam(0.1, weight_decay=0.1), lambda q: nn.Adam(q, 0.1, weight_decay=0.1)),
    "adam loss scale": (optim.adam(0.1, loss_scale=4.0), lambda q: nn.Adam(q, 0.1, loss_scale=4.0)),
    "adam amsgrad": (optim.adam(0.1, use_amsgrad=True), lambda q: nn.Adam(q, 0.1, use_amsgrad=True)),
    "adam list": (optim.adam([0.1, 0.2, 0.3, 0.4, 0.5]), lambda q: nn.Adam(q, [0.1, 0.2, 0.3, 0.4, 0.5])),
    "adam schedule": (optim.adam(nn.StepLR(0.1, 2)), lambda q: nn.Adam(q, nn.StepLR(0.1, 2))),
    "adam_weight_decay": (optim.adam_weight_decay(0.1), lambda q: nn.AdamWeightDecay(q, 0.1)),
    "adamw": (optim.adamw(0.1), lambda q: nn.AdamW(q, 0.1)),
    "adamax": (optim.adamax(0.1), lambda q: nn.AdaMax(q, 0.1)),
    "nadam": (optim.nadam(0.1), lambda q: nn.NAdam(q, 0.1)),
    "radam": (optim.radam(0.1), lambda q: nn.RAdam(q, 0.1)),
    "lamb": (optim.lamb(0.1), lambda q: nn.Lamb(q, 0.1)),
    "lion": (optim.lion(0.1), lambda q: nn.Lion(q, 0.1)),
    "rmsprop": (optim.rmsprop(0.1, momentum=0.5), lambda q: nn.RMSProp(q, 0.1, momentum=0.5)),
    "rmsprop centered": (optim.rmsprop(0.1, centered=True), lambda q: nn.RMSProp(q, 0.1, centered=True)),
    "adagrad": (optim.adagrad(0.1), lambda q: nn.Adagrad(q, learning_rate=0.1)),
    "adadelta": (optim.adadelta(1.0), lambda q: nn.Adadelta(q, 1.0)),
    "rprop": (optim.rprop(0.1), lambda q: nn.Rprop(q, 0.1)),
    "asgd": (optim.asgd(0.1), lambda q: nn.ASGD(q, 0.1)),
    "ftrl": (optim.ftrl(0.1), lambda q: nn.FTRL(q, learning_rate=0.1)),
}
EVERY = pytest.mark.parametrize("pure, make", PURE.values(), ids=PURE)


@EVERY
@pytest.mark.parametrize("dtype", [f32, f64])
def test_the_pure_form_has_the_bits_of_the_class(pure, make, dtype):
    w, b = parameter(START, dtype, "w"), parameter(START[0], dtype, "b")
    optimizer = make([w, b])
    params = {"w": Tensor(START, dtype), "rest": [Tensor(START[0], dtype)]}
    state = first = pure.init(params)
    for g in GRADS:
        optimizer((Tensor(g, dtype), Tensor(g[1], dtype)))
        params, state = pure.update({"w": Tensor(g, dtype), "rest": [Tensor(g[1], dtype)]}, state, params)
    np.testing.assert_array_equal(params["w"].asnumpy(), w.asnumpy())
    np.testing.assert_array_equal(params["rest"][0].asnumpy(), b.asnumpy())
    assert int(state["step"]) == len(GRADS) and int(first["step"]) == 0


@EVERY
def test_derivatives_and_batches_of_the_pure_form(pure, make):
    def end(value, g):
        params, state = {"w": value}, pure.init({"w": value})
        for k in range(2):
            params, state = pure.update({"w": g[k] * params["w"]}, state, params)
        return (params["w"] ** 2).sum()

    at, g = Tensor(START[0]), Tensor(GRADS[:2, 0])
    check_grads(end, (at, g), order=2, modes=("fwd", "rev"))
    together = adcore.vmap(end, (0, None))(Tensor(START), g)
    np.testing.assert_allclose(together.asnumpy(), [float(end(Tensor(row), g)) for row in START], rtol=1e-12)


def test_the_rate_may_be_differentiated():
    """One step of w - r g: the derivative of w**2 by r is -2 w g."""

    def end(rate):
        pure = optim.sgd(rate)
        w, _ = pure.update(Tensor([3.0], f64), pure.init(Tensor([2.0], f64)), Tensor([2.0], f64))
        return (w**2).sum()

    assert float(adcore.grad(end)(Tensor(0.5, f64))) == -2 * 0.5 * 3


def test_what_the_pure_form_refuses():
    pure = optim.adam(0.1)
    params = {"w": t32(1.0, 2.0)}
    state = pure.init(params)
    for error, text, call in (
        (ValueError, "no Tensors in params", lambda: pure.init({})),
        (TypeError, "float dtypes", lambda: pure.init({"w": Tensor([1, 2])})),
        (ValueError, "gradients", lambda: pure.update({"v": t32(1.0, 2.0)}, state, params)),
        (ValueError, "shape", lambda: pure.update({"w": t32(1.0)}, state, params)),
        (ValueError, "as init", lambda: pure.update(params, {}, params)),
        (ValueError, "as init", lambda: pure.update(params, optim.lion(0.1).init(params), params)),
        (ValueError, "beta2", lambda: optim.adam(0.1, beta2=1.0)),
        (TypeError, "unexpected keyword", lambda: optim.adam(0.1, beta3=1.0)),
        (ValueError, "learning_rate must be >= 0", lambda: optim.adam(-0.1)),
        (TypeError, "learning_rate must be a number", lambda: optim.adam(None)),
    ):
        with pytest.raises(error, match=text):
            call()
    assert repr(optim.adam(0.1, eps=0.5)) == "PureOptimizer(Adam, eps=0.5)"
