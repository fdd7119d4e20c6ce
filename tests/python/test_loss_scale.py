"""Scaled losses: the same bits where nothing is small or large, small derivatives that do not vanish."""

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, nn, ops
from adcore.train import DynamicLossScaleManager, FixedLossScaleManager, LossMonitor, LossScaleManager, Model

X = np.random.default_rng(2).normal(size=(16, 4)).astype(np.float32)
Y = (X @ np.float32([[1.0], [-2.0], [0.5], [0.0]])).astype(np.float32)


def parts(rate=0.05, **options):
    adcore.set_seed(6)
    net = nn.SequentialCell(nn.Dense(4, 8), nn.Tanh(), nn.Dense(8, 1))
    return net, nn.Adam(net.trainable_params(), rate, **options)


def bits(*cells):
    return [p.asnumpy().tobytes() for cell in cells for p in cell.get_parameters()]


def plain(steps=5):
    net, optimizer = parts()
    step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), optimizer)
    losses = [float(step(Tensor(X), Tensor(Y))) for _ in range(steps)]
    return bits(net, optimizer), losses


def test_a_power_of_two_changes_no_bit():
    expected, losses = plain()
    for scale in (1.0, 2.0**-3, 2.0**10):
        net, optimizer = parts(loss_scale=scale)
        step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), optimizer, sens=scale)
        assert [float(step(Tensor(X), Tensor(Y))) for _ in range(5)] == losses
        assert bits(net, optimizer) == expected
    for rule in (nn.FixedLossScaleUpdateCell(2**10), nn.DynamicLossScaleUpdateCell(2**10, 2, 3), Tensor([1024.0])):
        net, optimizer = parts()
        step = nn.TrainOneStepWithLossScaleCell(nn.WithLossCell(net, nn.MSELoss()), optimizer, rule)
        assert [float(step(Tensor(X), Tensor(Y))[0]) for _ in range(5)] == losses
        assert bits(net, optimizer) == expected


def test_the_derivatives_that_a_step_returns_are_scaled():
    for sens in (1.0, 8.0):
        net, optimizer = parts()
        step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), optimizer, sens=sens, return_grad=True)
        _, gradients = step(Tensor(X), Tensor(Y))
        if sens == 1.0:
            expected = gradients
    assert [np.array_equal(gradients[n].asnumpy(), 8 * expected[n].asnumpy()) for n in expected] == [True] * 4


class Tiny(nn.Cell):
    """Its loss is w * factor * 1e-4; the derivative by w passes through a float16."""

    def __init__(self, factor=2e-5):
        super().__init__()
        self.w = Parameter(Tensor(1.0), name="w")
        self.factor = factor

    def construct(self):
        return (self.w.value().astype(adcore.float16).float() * self.factor * 1e-4).sum()


def test_small_derivatives_do_not_vanish():
    """2e-9 is less than the smallest float16; 2e-9 * 2**20 is not."""
    net = Tiny()
    nn.TrainOneStepCell(net, nn.SGD([net.w], 1e8))()
    assert float(net.w) == 1.0
    net = Tiny()
    nn.TrainOneStepWithLossScaleCell(net, nn.SGD([net.w], 1e8), Tensor(2.0**20))()
    assert float(net.w) == pytest.approx(1.0 - 0.2, rel=1e-3)
    net = Tiny()
    nn.TrainOneStepCell(net, nn.SGD([net.w], 1e8, loss_scale=2.0**20), sens=2.0**20)()
    assert float(net.w) == pytest.approx(1.0 - 0.2, rel=1e-3)


def test_a_step_that_overflows_is_left_out():
    net = Tiny(factor=2.0)
    optimizer = nn.Adam([net.w], 0.5)
    step = nn.TrainOneStepWithLossScaleCell(net, optimizer, nn.DynamicLossScaleUpdateCell(2**30, 4, 2))
    before = bits(net, optimizer)
    scales, outs = [], []
    for _ in range(6):
        _, out, scale = step()
        scales.append(float(scale))
        outs.append(bool(out))
        if bool(out):
            assert bits(net, optimizer) == before
        before = bits(net, optimizer)
    # 2e-4 * scale must be a float16: at most 65504.
    assert outs == [True, False, False, True, False, False]
    assert scales == [2.0**30, 2.0**28, 2.0**28, 2.0**30, 2.0**28, 2.0**28]
    assert int(optimizer.global_step) == 4


def law(overflows, scale, factor, window):
    """The scale after each step, in Python's words."""
    good, found = 0, []
    for overflow in overflows:
        good = 0 if overflow else good + 1
        if overflow:
            scale = max(scale / factor, 1.0)
        elif good == window:
            scale, good = scale * factor, 0
        found.append(scale)
    return found


@pytest.mark.parametrize("window", [1, 3, 7])
def test_how_the_scale_goes(rng, window):
    overflows = (rng.random(80) < 0.15).tolist()
    expected = law(overflows, 8.0, 2, window)
    rule, scale = nn.DynamicLossScaleUpdateCell(8, 2, window), Parameter(Tensor(8.0), name="scale")
    manager = DynamicLossScaleManager(8, 2, window)
    found, managed = [], []
    for overflow in overflows:
        assert bool(rule(scale, overflow)) is overflow
        manager.update_loss_scale(overflow)
        found.append(float(scale))
        managed.append(manager.get_loss_scale())
    assert found == managed == expected


def test_the_scale_stays_finite():
    rule, scale = nn.DynamicLossScaleUpdateCell(1, 10, 1), Parameter(Tensor(1e38), name="scale")
    for _ in range(3):
        rule(scale, False)
    assert float(scale) == float(Tensor(1e38))


# ---- Model ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"loss_scale_manager": FixedLossScaleManager(1024.0)},
        {"loss_scale_manager": DynamicLossScaleManager(1024.0, 2, 3)},
        {"loss_scale_manager": FixedLossScaleManager(1024.0, drop_overflow_update=False)},
        {"loss_scale_manager": None},
    ],
    ids=["fixed", "dynamic", "fixed, none left out", "none"],
)
def test_a_model_scales_its_loss(options, capsys):
    manager = options["loss_scale_manager"]
    leaves_out = manager is not None and manager.get_drop_overflow_update()
    expected, losses = plain()
    net, optimizer = parts(loss_scale=1.0 if leaves_out or manager is None else 1024.0)
    model = Model(net, nn.MSELoss(), optimizer, metrics={"loss"}, **options)
    model.fit(5, [(X, Y)], [(X, Y)], callbacks=LossMonitor())
    assert bits(net, optimizer) == expected
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert printed == [f"epoch: {n} step: 1, loss is {loss}" for n, loss in enumerate(losses, 1)]
    if isinstance(manager, DynamicLossScaleManager):
        assert manager.get_loss_scale() == 2048.0 == float(model.train_network.scale_sense)


@pytest.mark.parametrize(
    "level, options, dtypes",
    [
        ("O0", {}, (adcore.float32, adcore.float32, adcore.float32)),
        ("O0", {"cast_model_type": adcore.float16}, (adcore.float16,) * 3),
        ("O2", {}, (adcore.float16, adcore.float32, adcore.float16)),
        ("O3", {}, (adcore.float16, adcore.float16, adcore.float16)),
        ("O3", {"keep_batchnorm_fp32": True}, (adcore.float16, adcore.float32, adcore.float16)),
        ("O2", {"keep_batchnorm_fp32": False, "loss_scale_manager": None}, (adcore.float16,) * 3),
    ],
)
def test_levels(level, options, dtypes):
    adcore.set_seed(6)
    net = nn.SequentialCell(nn.Dense(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dense(8, 1))
    seen = {}
    for place in (0, 1, 3):
        net[place].register_forward_hook(lambda cell, i, out, place=place: seen.__setitem__(place, out.dtype))
    model = Model(net, nn.MSELoss(), nn.Adam(net.trainable_params(), 0.02), {"loss"}, amp_level=level, **options)
    first = model.eval([(X, Y)])["loss"]
    model.train(60, [(X, Y)])
    assert tuple(seen.values()) == dtypes
    assert {p.dtype for p in net.get_parameters()} == {adcore.float32}
    assert model.predict(X).dtype == dtypes[-1]
    assert model.eval([(X, Y)])["loss"] < 0.2 * first
    scales = level == "O2" and "loss_scale_manager" not in options
    assert isinstance(model.train_network, nn.TrainOneStepWithLossScaleCell) is scales


class Own(LossScaleManager):
    def get_loss_scale(self):
        return 4.0

    def get_update_cell(self):
        return None


def test_a_manager_of_ones_own():
    expected, _ = plain()
    net, optimizer = parts(loss_scale=4.0)
    Model(net, nn.MSELoss(), optimizer, loss_scale_manager=Own()).train(5, [(X, Y)])
    assert bits(net, optimizer) == expected


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda n, o: nn.FixedLossScaleUpdateCell("2"), TypeError, "the loss scale must be a number, got str"),
        (lambda n, o: nn.FixedLossScaleUpdateCell(0.5), ValueError, "the loss scale must be at least 1 and finite"),
        (lambda n, o: nn.DynamicLossScaleUpdateCell(2, 0, 1), ValueError, "scale_factor must be a positive int, got 0"),
        (lambda n, o: nn.DynamicLossScaleUpdateCell(2, 2, 1.5), ValueError, "scale_window must be a positive int"),
        (
            lambda n, o: nn.TrainOneStepWithLossScaleCell(n, o, 2.0),
            TypeError,
            "a Cell or a Tensor of one number, got 2",
        ),
        (lambda n, o: nn.TrainOneStepWithLossScaleCell(n, o, ops.ones(2)), TypeError, "a Tensor of one number"),
        (
            lambda n, o: nn.TrainOneStepWithLossScaleCell(n, 3, Tensor(2.0)),
            TypeError,
            "optimizer must be a Cell, got i",
        ),
        (lambda n, o: FixedLossScaleManager(0.5), ValueError, "the loss scale must be at least 1"),
        (lambda n, o: DynamicLossScaleManager(scale_window=0), ValueError, "scale_window must be a positive int"),
        (lambda n, o: Model(n, amp_level="auto"), NotImplementedError, "'auto', which decides for each operator"),
        (lambda n, o: Model(n, amp_level="O4"), ValueError, "level must be one of .*, got 'O4'"),
        (lambda n, o: Model(n, amp_level="O3", metrics={"acc"}), ValueError, "metrics need a loss_fn"),
        (lambda n, o: Model(n, loss_scale=2), TypeError, "Model: there is no argument 'loss_scale'"),
        (lambda n, o: Model(n, loss_scale_manager=2), TypeError, "must be a LossScaleManager, got int"),
        (lambda n, o: Model(n, loss_scale_manager=Own()), ValueError, "a scaled loss needs an optimizer"),
        (lambda n, o: Model(n, amp_level="O3", keep_batchnorm_fp32=1), TypeError, "keep_batchnorm_fp32 must be a bool"),
    ],
)
def test_what_does_not_fit_is_told(make, error, text):
    net, optimizer = parts()
    with pytest.raises(error, match=text):
        make(net, optimizer)
    assert net(Tensor(X)).dtype == adcore.float32
