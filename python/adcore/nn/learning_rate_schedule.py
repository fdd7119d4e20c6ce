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

    def construct(self, global_step):
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

    def construct(self, global_step):
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

    def construct(self, global_step):
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

    def construct(self, global_step):
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

    def construct(self, global_step):
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

    def construct(self, global_step):
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

    def construct(self, global_step):
        """Return the rate of a step."""
        return self.learning_rate * ops.clamp(_as_float(global_step), max=self.warmup_steps) / self.warmup_steps


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
