"""``mindspore.experimental.optim.lr_scheduler``: rates of the groups of an optimizer, changed at each `step`.

A scheduler's `get_lr` returns the rates of an epoch, mostly from the rates before it, so that several may be in use at
once. The rates stand in the Parameters ``group["lr"]``.
"""

import bisect
import math

from adcore import Tensor, float32, nn, ops

from .experimental_optim import Optimizer


def _write(group, rate):
    if isinstance(group["lr"], Tensor):
        ops.assign(group["lr"], Tensor(float(rate), float32))
    else:
        group["lr"] = float(rate)


class LRScheduler:
    """Base class: counts epochs in ``last_epoch`` and asks `get_lr` for the rates of each.

    Parameters
    ----------
    optimizer : Optimizer
        Of ``mindspore.experimental.optim``.
    last_epoch : int
        The epoch before the first one; from 0 on, the groups must have an "initial_lr".

    Examples
    --------
    >>> from adcore import Parameter, Tensor
    >>> from adcore.mindspore import experimental_optim, experimental_schedules
    >>> optimizer = experimental_optim.SGD([Parameter(Tensor([1.0]), name="w")], lr=0.5)
    >>> schedule = experimental_schedules.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for _ in range(2):
    ...     schedule.step()
    >>> [float(rate) for rate in schedule.get_last_lr()]
    [0.25]
    """

    def __init__(self, optimizer, last_epoch=-1):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type(self).__name__}: optimizer must be one of mindspore.experimental.optim, got"
                f" {type(optimizer).__name__}."
            )
        if isinstance(last_epoch, bool) or not isinstance(last_epoch, int):
            raise TypeError(f"{type(self).__name__}: last_epoch must be an int, got {type(last_epoch).__name__}.")
        if last_epoch < -1:
            raise ValueError(f"{type(self).__name__}: last_epoch must be at least -1, got {last_epoch}.")
        self.optimizer = optimizer
        self.groups = optimizer.param_groups
        for group in self.groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", float(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(f"{type(self).__name__}: with last_epoch, each group needs an 'initial_lr'.")
        self.base_lrs = [group["initial_lr"] for group in self.groups]
        self.last_epoch = last_epoch
        self.step()

    @property
    def _last_lr(self):
        return [float(group["lr"]) for group in self.groups]

    def get_lr(self):
        """Return the rates of the epoch `last_epoch`, one for each group."""
        raise NotImplementedError(f"{type(self).__name__}: get_lr(self) is not defined.")

    def get_last_lr(self):
        """Return the rates as they are, Tensors."""
        return [Tensor(rate, float32) for rate in self._last_lr]

    def step(self, epoch=None):
        """Go to the next epoch, or to a given one."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        for group, rate in zip(self.groups, self.get_lr()):
            _write(group, rate)

    def _times(self, factor):
        return [rate * factor for rate in self._last_lr]


class StepLR(LRScheduler):
    """Multiply by `gamma` every `step_size` epochs."""

    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=-1):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """Return the rates of the epoch."""
        return self._times(self.gamma if self.last_epoch and self.last_epoch % self.step_size == 0 else 1.0)


class MultiStepLR(LRScheduler):
    """Multiply by `gamma` at the epochs `milestones`."""

    def __init__(self, optimizer, milestones, gamma=0.1, last_epoch=-1):
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """Return the rates of the epoch."""
        return self._times(self.gamma ** self.milestones.count(self.last_epoch))


class ConstantLR(LRScheduler):
    """Multiply by `factor` until the epoch `total_iters`."""

    def __init__(self, optimizer, factor=1.0 / 3, total_iters=5, last_epoch=-1):
        if not 0 < factor <= 1:
            raise ValueError(f"ConstantLR: factor must be in (0, 1], got {factor}.")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """Return the rates of the epoch."""
        if self.last_epoch == 0:
            return self._times(self.factor)
        return self._times(1 / self.factor if self.last_epoch == self.total_iters else 1.0)


class LinearLR(LRScheduler):
    """Multiply by what goes evenly from `start_factor` to `end_factor` in `total_iters` epochs."""

    def __init__(self, optimizer, start_factor=1.0 / 3, end_factor=1.0, total_iters=5, last_epoch=-1):
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(
                "LinearLR: start_factor must be in (0, 1] and end_factor in [0, 1], got"
                f" {start_factor} and {end_factor}."
            )
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch):
        return self.start_factor + (self.end_factor - self.start_factor) * epoch / self.total_iters

    def get_lr(self):
        """Return the rates of the epoch."""
        if self.last_epoch == 0:
            return self._times(self.start_factor)
        if self.last_epoch > self.total_iters:
            return self._times(1.0)
        return self._times(self._factor(self.last_epoch) / self._factor(self.last_epoch - 1))


class ExponentialLR(LRScheduler):
    """Multiply by `gamma` at each epoch."""

    def __init__(self, optimizer, gamma, last_epoch=-1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """Return the rates of the epoch."""
        return self._times(self.gamma if self.last_epoch else 1.0)


class PolynomialLR(LRScheduler):
    """Multiply by ``(1 - epoch / total_iters) ** power``."""

    def __init__(self, optimizer, total_iters=5, power=1.0, last_epoch=-1):
        if power < 0:
            raise ValueError(f"PolynomialLR: power must not be negative, got {power}.")
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """Return the rates of the epoch."""
        if self.last_epoch == 0 or self.last_epoch > self.total_iters:
            return self._times(1.0)
        left, before = (1 - epoch / self.total_iters for epoch in (self.last_epoch, self.last_epoch - 1))
        return self._times((left / before) ** self.power)


def _one_for_each(name, optimizer, functions):
    if not isinstance(functions, (list, tuple)):
        return [functions] * len(optimizer.param_groups)
    if len(functions) != len(optimizer.param_groups):
        raise ValueError(f"{name}: there are {len(optimizer.param_groups)} groups, but {len(functions)} values.")
    return list(functions)


class LambdaLR(LRScheduler):
    """The first rate times a function of the epoch, one or one for each group."""

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        self.lr_lambdas = _one_for_each("LambdaLR", optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """Return the rates of the epoch."""
        return [rate * function(self.last_epoch) for rate, function in zip(self.base_lrs, self.lr_lambdas)]


class MultiplicativeLR(LRScheduler):
    """Multiply by a function of the epoch, one or one for each group, from the epoch 1 on."""

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        self.lr_lambdas = _one_for_each("MultiplicativeLR", optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """Return the rates of the epoch."""
        if self.last_epoch == 0:
            return self._times(1.0)
        return [rate * function(self.last_epoch) for rate, function in zip(self._last_lr, self.lr_lambdas)]


class CosineAnnealingLR(LRScheduler):
    """From the first rate to `eta_min` and back by a cosine, whose half is `T_max` epochs."""

    def __init__(self, optimizer, T_max, eta_min=0.0, last_epoch=-1):
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """Return the rates of the epoch."""
        epoch, half = self.last_epoch, self.T_max
        if epoch == 0:
            return self._times(1.0)
        if (epoch - 1 - half) % (2 * half) == 0:
            rise = (1 - math.cos(math.pi / half)) / 2
            return [rate + (base - self.eta_min) * rise for rate, base in zip(self._last_lr, self.base_lrs)]
        now, before = (1 + math.cos(math.pi * e / half) for e in (epoch, epoch - 1))
        return [now / before * (rate - self.eta_min) + self.eta_min for rate in self._last_lr]


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the first rate to `eta_min` by half a cosine, anew after `T_0` epochs, then after `T_mult` times as many."""

    def __init__(self, optimizer, T_0, T_mult=1, eta_min=0, last_epoch=-1):
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"CosineAnnealingWarmRestarts: {name} must be an int from 1 on, got {value!r}.")
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """Return the rates of the epoch."""
        epoch, length = self.last_epoch, self.T_0
        if self.T_mult == 1:
            epoch = epoch % length
        else:
            while epoch >= length:
                epoch, length = epoch - length, length * self.T_mult
        share = (1 + math.cos(math.pi * epoch / length)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]


class CyclicLR(LRScheduler):
    """Between `base_lr` and `max_lr` and back, by lines of `step_size_up` and `step_size_down` steps."""

    def __init__(
        self,
        optimizer,
        base_lr,
        max_lr,
        step_size_up=2000,
        step_size_down=None,
        mode="triangular",
        gamma=1.0,
        scale_fn=None,
        scale_mode="cycle",
        last_epoch=-1,
    ):
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise ValueError(f"CyclicLR: mode must be 'triangular', 'triangular2' or 'exp_range', got {mode!r}.")
        self.low = _one_for_each("CyclicLR", optimizer, base_lr)
        self.high = _one_for_each("CyclicLR", optimizer, max_lr)
        self.up, self.down = step_size_up, step_size_up if step_size_down is None else step_size_down
        self.scale_fn, self.scale_mode = scale_fn, scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
            self.scale_fn = {
                "triangular": lambda x: 1.0,
                "triangular2": lambda x: 1 / 2.0 ** (x - 1),
                "exp_range": lambda x: gamma**x,
            }[mode]
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, self.low):
                _write(group, rate)
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """Return the rates of the step."""
        whole = self.up + self.down
        cycle = math.floor(1 + self.last_epoch / whole)
        place = 1 + self.last_epoch / whole - cycle
        share, turn = place, self.up / whole
        share = place / turn if place <= turn else (place - 1) / (turn - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        return [low + (high - low) * share * scale for low, high in zip(self.low, self.high)]


class SequentialLR:
    """One scheduler after the other, each from its milestone on."""

    def __init__(self, optimizer, schedulers, milestones, last_epoch=-1):
        if any(scheduler.optimizer is not optimizer for scheduler in schedulers):
            raise ValueError("SequentialLR: the schedulers must be of the optimizer that is given.")
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(schedulers)} schedulers need {len(schedulers) - 1} milestones, got"
                f" {len(milestones)}."
            )
        self.optimizer, self._schedulers, self._milestones = optimizer, list(schedulers), list(milestones)
        self.last_epoch = last_epoch + 1
        # Each scheduler has done its first step; the first one alone may have.
        for group in optimizer.param_groups:
            _write(group, group["initial_lr"])
        for scheduler in self._schedulers:
            scheduler.last_epoch -= 1
        self._schedulers[0].step()

    def step(self):
        """Go to the next epoch."""
        self.last_epoch += 1
        i = bisect.bisect_right(self._milestones, self.last_epoch)
        if i and self._milestones[i - 1] == self.last_epoch:
            self._schedulers[i].step(0)
        else:
            self._schedulers[i].step()

    def get_last_lr(self):
        """Return the rates as they are, Tensors."""
        return self._schedulers[0].get_last_lr()


class ReduceLROnPlateau:
    """Multiply by `factor` where a metric has not become better for more than `patience` epochs."""

    _is_better = nn.ReduceLROnPlateau._is_better  # type: ignore[attr-defined]  # by mode, threshold and threshold_mode, which both have

    def __init__(
        self,
        optimizer,
        mode="min",
        factor=0.1,
        patience=10,
        threshold=1e-4,
        threshold_mode="rel",
        cooldown=0,
        min_lr=0,
        eps=1e-8,
    ):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                "ReduceLROnPlateau: optimizer must be one of mindspore.experimental.optim, got"
                f" {type(optimizer).__name__}."
            )
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, got {factor}.")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                "ReduceLROnPlateau: mode must be 'min' or 'max' and threshold_mode 'rel' or 'abs', got"
                f" {mode!r} and {threshold_mode!r}."
            )
        self.optimizer, self.factor, self.patience, self.eps = optimizer, factor, patience, eps
        self.mode, self.threshold, self.threshold_mode, self.cooldown = mode, threshold, threshold_mode, cooldown
        self.min_lrs = _one_for_each("ReduceLROnPlateau", optimizer, min_lr)
        self.best = math.inf if mode == "min" else -math.inf
        self.wait = self.cooldown_counter = self.last_epoch = 0

    def step(self, metrics):
        """Take in the metric of an epoch."""
        value = float(metrics)
        self.last_epoch += 1
        if self._is_better(value, self.best):
            self.best, self.wait = value, 0
        else:
            self.wait += 1
        if self.in_cooldown():
            self.cooldown_counter, self.wait = self.cooldown_counter - 1, 0
        if self.wait > self.patience:
            for group, least in zip(self.optimizer.param_groups, self.min_lrs):
                rate = float(group["lr"])
                new = max(rate * self.factor, least)
                if rate - new > self.eps:
                    _write(group, new)
            self.cooldown_counter, self.wait = self.cooldown, 0

    def in_cooldown(self):
        """Return whether epochs are not counted now."""
        return self.cooldown_counter > 0

    def get_last_lr(self):
        """Return the rates as they are, Tensors."""
        return [Tensor(float(group["lr"]), float32) for group in self.optimizer.param_groups]


__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
