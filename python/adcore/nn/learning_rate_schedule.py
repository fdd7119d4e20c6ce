"""Learning rates that change with the step: schedules (cells called with the step) and lists (one rate per step).

A schedule computes the rate of a step with ops, so it takes an int Tensor or an int. It computes in float32, and in
float64 where an optimizer of float64 Parameters gives it the step so. A list is computed ahead with Python floats, by
epoch. The formulas are those of MindSpore's functions of the same names.
"""

import math

from .. import ops
from .._core import Tensor, float32, float64
from .cell import Cell


def _rate(name, argument, value, zero=False):
    """`value`, checked to be a float above zero (or zero too)."""
    if not isinstance(value, float):
        raise TypeError(f"{name}: {argument} must be a float, but got {type(value).__name__}.")
    if not (value >= 0 if zero else value > 0) or math.isinf(value):
        raise ValueError(f"{name}: {argument} must be {'>= 0' if zero else '> 0'} and finite, but got {value}.")
    return value


def _count(name, argument, value):
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: {argument} must be an int, but got {type(value).__name__}.")
    if value <= 0:
        raise ValueError(f"{name}: {argument} must be positive, but got {value}.")
    return value


def _flag(name, argument, value):
    if not isinstance(value, bool):
        raise TypeError(f"{name}: {argument} must be a bool, but got {type(value).__name__}.")
    return value


def _below(name, low, high):
    if low >= high:
        raise ValueError(f"{name}: min_lr must be below max_lr, but min_lr is {low} and max_lr is {high}.")


def _as_float(step):
    if not isinstance(step, Tensor):
        return Tensor(step, float32)
    return step if step.dtype == float64 else step.astype(float32)


# ---- schedules ----------------------------------------------------------------------------------------------------


class LearningRateSchedule(Cell):
    """Base class: ``construct(self, global_step)`` returns the rate of a step as a Tensor.

    Examples
    --------
    >>> from adcore import nn
    >>> class Halving(nn.LearningRateSchedule):
    ...     def construct(self, global_step):
    ...         return 0.5 ** global_step
    """

    def construct(self, global_step) -> Tensor:
        """Return the rate of a step. Every schedule overrides this."""
        raise NotImplementedError(f"{self.cls_name}: construct(self, global_step) is not defined.")


class _Formula(LearningRateSchedule):
    """The schedules of this module, which take a step of float64 too."""


class _Decay(_Formula):
    def __init__(self, learning_rate, decay_rate, decay_steps, is_stair=False):
        super().__init__()
        self.learning_rate = _rate(self.cls_name, "learning_rate", learning_rate)
        self.decay_rate = _rate(self.cls_name, "decay_rate", decay_rate)
        self.decay_steps = _count(self.cls_name, "decay_steps", decay_steps)
        self.is_stair = _flag(self.cls_name, "is_stair", is_stair)

    def _periods(self, global_step):
        periods = _as_float(global_step) / self.decay_steps
        return ops.floor(periods) if self.is_stair else periods


class ExponentialDecayLR(_Decay):
    """``learning_rate * decay_rate ** (step / decay_steps)``; with `is_stair` the exponent is rounded down.

    Examples
    --------
    >>> from adcore import nn
    >>> round(float(nn.ExponentialDecayLR(0.8, 0.5, 2)(4)), 4)
    0.2
    """

    def construct(self, global_step) -> Tensor:
        """Return the rate of a step."""
        return self.learning_rate * ops.exp(math.log(self.decay_rate) * self._periods(global_step))


class NaturalExpDecayLR(_Decay):
    """``learning_rate * exp(-decay_rate * step)``; with `is_stair` the step is rounded down to `decay_steps`.

    Examples
    --------
    >>> from adcore import nn
    >>> round(float(nn.NaturalExpDecayLR(1.0, 0.5, 2)(2)), 4)
    0.3679
    """

    def construct(self, global_step) -> Tensor:
        """Return the rate of a step."""
        step = self._periods(global_step) * self.decay_steps if self.is_stair else _as_float(global_step)
        return self.learning_rate * ops.exp(-self.decay_rate * step)


class InverseDecayLR(_Decay):
    """``learning_rate / (1 + decay_rate * step / decay_steps)``; with `is_stair` the quotient is rounded down.

    Examples
    --------
    >>> from adcore import nn
    >>> float(nn.InverseDecayLR(1.0, 0.5, 2)(4))
    0.5
    """

    def construct(self, global_step) -> Tensor:
        """Return the rate of a step."""
        return self.learning_rate / (1 + self.decay_rate * self._periods(global_step))


class CosineDecayLR(_Formula):
    """From `max_lr` to `min_lr` along half a cosine in `decay_steps` steps, then constant.

    Examples
    --------
    >>> from adcore import nn
    >>> schedule = nn.CosineDecayLR(0.0, 0.1, 4)
    >>> [round(float(schedule(step)), 4) for step in (0, 2, 4, 5)]
    [0.1, 0.05, 0.0, 0.0]
    """

    def __init__(self, min_lr, max_lr, decay_steps):
        super().__init__()
        self.min_lr = _rate("CosineDecayLR", "min_lr", min_lr, zero=True)
        self.max_lr = _rate("CosineDecayLR", "max_lr", max_lr)
        self.decay_steps = _count("CosineDecayLR", "decay_steps", decay_steps)
        _below("CosineDecayLR", min_lr, max_lr)

    def construct(self, global_step) -> Tensor:
        """Return the rate of a step."""
        part = ops.clamp(_as_float(global_step), max=self.decay_steps) / self.decay_steps
        return self.min_lr + 0.5 * (self.max_lr - self.min_lr) * (1.0 + ops.cos(math.pi * part))


class PolynomialDecayLR(_Formula):
    """From `learning_rate` to `end_learning_rate` as ``(1 - step / decay_steps) ** power``, then constant.

    With `update_decay_steps` the steps of the decay are doubled, tripled, ... whenever they are used up.

    Examples
    --------
    >>> from adcore import nn
    >>> [float(nn.PolynomialDecayLR(1.0, 0.5, 4, 1.0)(step)) for step in (0, 2, 4, 5)]
    [1.0, 0.75, 0.5, 0.5]
    """

    def __init__(self, learning_rate, end_learning_rate, decay_steps, power, update_decay_steps=False):
        super().__init__()
        self.learning_rate = _rate("PolynomialDecayLR", "learning_rate", learning_rate)
        self.end_learning_rate = _rate("PolynomialDecayLR", "end_learning_rate", end_learning_rate, zero=True)
        self.decay_steps = _count("PolynomialDecayLR", "decay_steps", decay_steps)
        self.power = _rate("PolynomialDecayLR", "power", power)
        self.update_decay_steps = _flag("PolynomialDecayLR", "update_decay_steps", update_decay_steps)

    def construct(self, global_step) -> Tensor:
        """Return the rate of a step."""
        step = _as_float(global_step)
        if self.update_decay_steps:
            part = step / (self.decay_steps * ops.clamp(ops.ceil(step / self.decay_steps), min=1.0))
        else:
            part = ops.clamp(step, max=self.decay_steps) / self.decay_steps
        return (self.learning_rate - self.end_learning_rate) * (1.0 - part) ** self.power + self.end_learning_rate


class WarmUpLR(_Formula):
    """From 0 to `learning_rate` in `warmup_steps` equal steps, then constant.

    Examples
    --------
    >>> from adcore import nn
    >>> [float(nn.WarmUpLR(1.0, 4)(step)) for step in (0, 1, 4, 5)]
    [0.0, 0.25, 1.0, 1.0]
    """

    def __init__(self, learning_rate, warmup_steps):
        super().__init__()
        self.learning_rate = _rate("WarmUpLR", "learning_rate", learning_rate, zero=True)
        self.warmup_steps = _count("WarmUpLR", "warmup_steps", warmup_steps)

    def construct(self, global_step) -> Tensor:
        """Return the rate of a step."""
        return self.learning_rate * ops.clamp(_as_float(global_step), max=self.warmup_steps) / self.warmup_steps


class StepLR(_Formula):
    """``learning_rate * gamma ** (step // step_size)``.

    Examples
    --------
    >>> from adcore import nn
    >>> [float(nn.StepLR(1.0, 2, 0.5)(step)) for step in (0, 1, 2, 4)]
    [1.0, 1.0, 0.5, 0.25]
    """

    def __init__(self, learning_rate, step_size, gamma=0.1):
        super().__init__()
        self.learning_rate = _rate("StepLR", "learning_rate", learning_rate)
        self.step_size = _count("StepLR", "step_size", step_size)
        self.gamma = _rate("StepLR", "gamma", gamma)

    def construct(self, global_step) -> Tensor:
        """Return the rate of a step."""
        step = _as_float(global_step)
        return self.learning_rate * ops.full_like(step, self.gamma) ** ops.floor(step / self.step_size)


class _Passed:
    """How much of ascending steps has been passed; what stands at each of them is added up."""

    def __init__(self, at, amounts):
        self.at, self.amounts = at, amounts

    def __call__(self, step):
        passed = ops.expand_dims(step, -1) >= Tensor(self.at, step.dtype)
        return ops.where(passed, Tensor(self.amounts, step.dtype), ops.zeros_like(step).expand_dims(-1)).sum(-1)


class MultiStepLR(_Formula):
    """``learning_rate * gamma ** n``, where n is the number of milestones that are not above the step.

    Examples
    --------
    >>> from adcore import nn
    >>> [float(nn.MultiStepLR(1.0, [2, 5], 0.5)(step)) for step in (1, 2, 4, 5)]
    [1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, learning_rate, milestones, gamma=0.1):
        super().__init__()
        self.learning_rate = _rate("MultiStepLR", "learning_rate", learning_rate)
        if not isinstance(milestones, (list, tuple)):
            raise TypeError(f"MultiStepLR: milestones must be a list or tuple, but got {type(milestones).__name__}.")
        if not milestones:
            raise ValueError("MultiStepLR: there are no milestones.")
        self.milestones = tuple(_count("MultiStepLR", "milestones", m) for m in milestones)
        if list(self.milestones) != sorted(self.milestones):
            raise ValueError(f"MultiStepLR: milestones must not fall, but got {self.milestones}.")
        self.gamma = _rate("MultiStepLR", "gamma", gamma)
        self._passed = _Passed(self.milestones, (1.0,) * len(self.milestones))

    def construct(self, global_step) -> Tensor:
        """Return the rate of a step."""
        step = _as_float(global_step)
        return self.learning_rate * ops.full_like(step, self.gamma) ** self._passed(step)


class CosineAnnealingWarmRestarts(_Formula):
    """Half a cosine from `learning_rate` to `eta_min` in `T_0` steps, begun anew, each time `T_mult` times as long.

    Loshchilov and Hutter 2017, arXiv:1608.03983.

    Examples
    --------
    >>> from adcore import nn
    >>> schedule = nn.CosineAnnealingWarmRestarts(1.0, T_0=2, T_mult=2)
    >>> [round(float(schedule(step)), 4) for step in range(7)]
    [1.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 1.0]
    """

    def __init__(self, learning_rate, T_0, T_mult=1, eta_min=0.0):
        super().__init__()
        name = "CosineAnnealingWarmRestarts"
        self.learning_rate = _rate(name, "learning_rate", learning_rate)
        self.eta_min = _rate(name, "eta_min", eta_min, zero=True)
        if eta_min > learning_rate:
            raise ValueError(f"{name}: eta_min is {eta_min}, above the learning_rate of {learning_rate}.")
        self.T_0 = _count(name, "T_0", T_0)
        self.T_mult = _count(name, "T_mult", T_mult)
        # Where cycles begin: all that an int32 can count to.
        starts, lengths = [0], [T_0]
        while T_mult > 1 and starts[-1] + lengths[-1] < 2**31:
            starts.append(starts[-1] + lengths[-1])
            lengths.append(lengths[-1] * T_mult)
        self._start = _Passed(starts[1:], lengths[:-1]) if starts[1:] else None
        self._growth = _Passed(starts[1:], [b - a for a, b in zip(lengths, lengths[1:])])

    def construct(self, global_step) -> Tensor:
        """Return the rate of a step."""
        step = _as_float(global_step)
        if self._start is None:
            part = step % self.T_0 / self.T_0
        else:
            part = (step - self._start(step)) / (self._growth(step) + self.T_0)
        return self.eta_min + 0.5 * (self.learning_rate - self.eta_min) * (1.0 + ops.cos(math.pi * part))


class OneCycleLR(_Formula):
    """One cycle: up to `max_lr` in a part of the steps, then down far below where it began (Smith and Topin 2018).

    From ``max_lr / div_factor`` to `max_lr` in the first ``pct_start * total_steps - 1`` steps, then to
    ``max_lr / div_factor / final_div_factor`` at the last one, where it stays.

    Examples
    --------
    >>> from adcore import nn
    >>> schedule = nn.OneCycleLR(1.0, total_steps=5, pct_start=0.6, div_factor=2.0, final_div_factor=2.0)
    >>> [round(float(schedule(step)), 4) for step in range(5)]
    [0.5, 0.75, 1.0, 0.625, 0.25]
    """

    def __init__(
        self, max_lr, total_steps, pct_start=0.3, anneal_strategy="cos", div_factor=25.0, final_div_factor=1e4
    ):
        super().__init__()
        self.max_lr = _rate("OneCycleLR", "max_lr", max_lr)
        self.total_steps = _count("OneCycleLR", "total_steps", total_steps)
        self.pct_start = _rate("OneCycleLR", "pct_start", pct_start, zero=True)
        if pct_start > 1:
            raise ValueError(f"OneCycleLR: pct_start must be in [0, 1], but got {pct_start}.")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', but got {anneal_strategy!r}.")
        self.anneal_strategy = anneal_strategy
        self.div_factor = _rate("OneCycleLR", "div_factor", div_factor)
        self.final_div_factor = _rate("OneCycleLR", "final_div_factor", final_div_factor)

    def construct(self, global_step) -> Tensor:
        """Return the rate of a step."""
        first = self.max_lr / self.div_factor
        up = self.pct_start * self.total_steps - 1
        down = self.total_steps - 1 - up
        step = ops.clamp(_as_float(global_step), max=float(self.total_steps - 1))
        falling = step > up
        # No step lies within a part that has no length; what is divided by there does not matter.
        part = ops.where(falling, (step - up) / (down if down > 0 else 1), step / (up if up > 0 else 1))
        if self.anneal_strategy == "cos":
            part = 0.5 * (1.0 - ops.cos(math.pi * part))
        rising, sinking = first + (self.max_lr - first) * part, self.max_lr
        return ops.where(falling, sinking + (first / self.final_div_factor - sinking) * part, rising)


# ---- lists --------------------------------------------------------------------------------------------------------


def _by_epoch(name, total_step, step_per_epoch, decay_epoch, formula):
    """``formula(epoch)`` for every step; the last argument is checked along with the others."""
    _count(name, "total_step", total_step)
    _count(name, "step_per_epoch", step_per_epoch)
    _count(name, "warmup_epoch" if name == "warmup_lr" else "decay_epoch", decay_epoch)
    return [formula(step // step_per_epoch) for step in range(total_step)]


def piecewise_constant_lr(milestone, learning_rates):
    """Return ``learning_rates[i]`` for the steps from ``milestone[i - 1]`` (or 0) to ``milestone[i] - 1``.

    Examples
    --------
    >>> from adcore import nn
    >>> nn.piecewise_constant_lr([2, 5], [0.1, 0.01])
    [0.1, 0.1, 0.01, 0.01, 0.01]
    """
    name = "piecewise_constant_lr"
    for argument, value in (("milestone", milestone), ("learning_rates", learning_rates)):
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"{name}: {argument} must be a list or tuple, but got {type(value).__name__}.")
    if len(milestone) != len(learning_rates):
        raise ValueError(f"{name}: {len(milestone)} milestones do not fit {len(learning_rates)} learning rates.")
    rates = []
    for end, rate in zip(milestone, learning_rates):
        _rate(name, "learning_rates", rate, zero=True)
        if _count(name, "milestone", end) < len(rates):
            raise ValueError(f"{name}: milestones must not fall, but {end} follows {len(rates)}.")
        rates += [rate] * (end - len(rates))
    return rates


def exponential_decay_lr(learning_rate, decay_rate, total_step, step_per_epoch, decay_epoch, is_stair=False):
    """Return ``learning_rate * decay_rate ** (epoch / decay_epoch)`` for every step.

    Examples
    --------
    >>> from adcore import nn
    >>> nn.exponential_decay_lr(1.0, 0.5, 4, 2, 1)
    [1.0, 1.0, 0.5, 0.5]
    """
    _rates("exponential_decay_lr", learning_rate, decay_rate, is_stair)

    def formula(epoch):
        return learning_rate * decay_rate ** (epoch // decay_epoch if is_stair else epoch / decay_epoch)

    return _by_epoch("exponential_decay_lr", total_step, step_per_epoch, decay_epoch, formula)


def natural_exp_decay_lr(learning_rate, decay_rate, total_step, step_per_epoch, decay_epoch, is_stair=False):
    """Return ``learning_rate * exp(-decay_rate * epoch)`` for every step.

    Examples
    --------
    >>> from adcore import nn
    >>> [round(rate, 4) for rate in nn.natural_exp_decay_lr(1.0, 0.5, 3, 1, 2)]
    [1.0, 0.6065, 0.3679]
    """
    _rates("natural_exp_decay_lr", learning_rate, decay_rate, is_stair)

    def formula(epoch):
        return learning_rate * math.exp(-decay_rate * (epoch // decay_epoch * decay_epoch if is_stair else epoch))

    return _by_epoch("natural_exp_decay_lr", total_step, step_per_epoch, decay_epoch, formula)


def inverse_decay_lr(learning_rate, decay_rate, total_step, step_per_epoch, decay_epoch, is_stair=False):
    """Return ``learning_rate / (1 + decay_rate * epoch / decay_epoch)`` for every step.

    Examples
    --------
    >>> from adcore import nn
    >>> nn.inverse_decay_lr(1.0, 1.0, 4, 1, 1, is_stair=True)[:2]
    [1.0, 0.5]
    """
    _rates("inverse_decay_lr", learning_rate, decay_rate, is_stair)

    def formula(epoch):
        return learning_rate / (1 + decay_rate * (epoch // decay_epoch if is_stair else epoch / decay_epoch))

    return _by_epoch("inverse_decay_lr", total_step, step_per_epoch, decay_epoch, formula)


def _rates(name, learning_rate, decay_rate, is_stair):
    _rate(name, "learning_rate", learning_rate)
    _rate(name, "decay_rate", decay_rate)
    _flag(name, "is_stair", is_stair)


def cosine_decay_lr(min_lr, max_lr, total_step, step_per_epoch, decay_epoch):
    """Return rates that fall from `max_lr` to `min_lr` along half a cosine in `decay_epoch` epochs.

    Examples
    --------
    >>> from adcore import nn
    >>> [round(rate, 4) for rate in nn.cosine_decay_lr(0.0, 0.1, 6, 2, 2)]
    [0.1, 0.1, 0.05, 0.05, 0.0, 0.0]
    """
    _rate("cosine_decay_lr", "min_lr", min_lr, zero=True)
    _rate("cosine_decay_lr", "max_lr", max_lr)
    _below("cosine_decay_lr", min_lr, max_lr)

    def formula(epoch):
        return min_lr + 0.5 * (max_lr - min_lr) * (1 + math.cos(math.pi * min(epoch, decay_epoch) / decay_epoch))

    return _by_epoch("cosine_decay_lr", total_step, step_per_epoch, decay_epoch, formula)


def polynomial_decay_lr(
    learning_rate, end_learning_rate, total_step, step_per_epoch, decay_epoch, power, update_decay_epoch=False
):
    """Return rates that fall to `end_learning_rate` as ``(1 - epoch / decay_epoch) ** power``.

    With `update_decay_epoch` the epochs of the decay are doubled, tripled, ... whenever they are used up.

    Examples
    --------
    >>> from adcore import nn
    >>> nn.polynomial_decay_lr(1.0, 0.5, 4, 1, 2, 1.0)
    [1.0, 0.75, 0.5, 0.5]
    """
    name = "polynomial_decay_lr"
    _rate(name, "learning_rate", learning_rate)
    _rate(name, "end_learning_rate", end_learning_rate, zero=True)
    _rate(name, "power", power)
    _flag(name, "update_decay_epoch", update_decay_epoch)

    def formula(epoch):
        if update_decay_epoch:
            part = epoch / (decay_epoch * max(math.ceil(epoch / decay_epoch), 1))
        else:
            part = min(epoch, decay_epoch) / decay_epoch
        return (learning_rate - end_learning_rate) * (1 - part) ** power + end_learning_rate

    return _by_epoch(name, total_step, step_per_epoch, decay_epoch, formula)


def warmup_lr(learning_rate, total_step, step_per_epoch, warmup_epoch):
    """Return rates that rise from 0 to `learning_rate` in `warmup_epoch` equal epochs.

    Examples
    --------
    >>> from adcore import nn
    >>> nn.warmup_lr(1.0, 4, 1, 2)
    [0.0, 0.5, 1.0, 1.0]
    """
    _rate("warmup_lr", "learning_rate", learning_rate, zero=True)

    def formula(epoch):
        return learning_rate * min(epoch, warmup_epoch) / warmup_epoch

    return _by_epoch("warmup_lr", total_step, step_per_epoch, warmup_epoch, formula)
