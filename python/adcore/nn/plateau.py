"""A learning rate that falls when the training no longer gets better."""

import math

from .._core import Parameter, Tensor, float64, int32
from ..parameter import ParameterTuple
from .cell import Cell
from .optimizer import Optimizer


class ReduceLROnPlateau(Cell):
    """Multiplies the learning rates of an optimizer by a factor when a metric has not become better for some epochs.

    PyTorch's. All state is in Parameters, the rates among them.

    Parameters
    ----------
    optimizer : Optimizer
        Its learning rates are fixed ones.
    mode : str
        'min' or 'max': what is better.
    factor : float
        In (0, 1).
    patience : int
        How many epochs without a better metric are let pass.
    threshold : float
        By how much a metric must be better, not negative.
    threshold_mode : str
        'rel': better is below ``best * (1 - threshold)``, or above ``best * (1 + threshold)``; 'abs': ``best -
        threshold`` or ``best + threshold``.
    cooldown : int
        How many epochs after a change are not counted.
    min_lr : float
        No rate falls below it.
    eps : float
        Smaller changes of a rate are left out.

    Attributes
    ----------
    best, num_bad_epochs, cooldown_counter : Parameter

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = ac.nn.SGD([w], 0.5)
    >>> plateau = ac.nn.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     plateau.step(loss)
    >>> float(optimizer.learning_rate)
    0.25
    """

    def __init__(
        self,
        optimizer,
        mode="min",
        factor=0.1,
        patience=10,
        threshold=1e-4,
        threshold_mode="rel",
        cooldown=0,
        min_lr=0.0,
        eps=1e-8,
    ):
        super().__init__(auto_prefix=False)
        name = "ReduceLROnPlateau"
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{name}: optimizer must be an Optimizer, but got {type(optimizer).__name__}.")
        for argument, value, words in (
            ("mode", mode, ("min", "max")),
            ("threshold_mode", threshold_mode, ("rel", "abs")),
        ):
            if value not in words:
                raise ValueError(f"{name}: {argument} must be {words[0]!r} or {words[1]!r}, but got {value!r}.")
        for argument, value in (("patience", patience), ("cooldown", cooldown)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name}: {argument} must be an int, but got {type(value).__name__}.")
            if value < 0:
                raise ValueError(f"{name}: {argument} must be >= 0, but got {value}.")
        for argument, value in (("factor", factor), ("threshold", threshold), ("min_lr", min_lr), ("eps", eps)):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError(f"{name}: {argument} must be a float, but got {type(value).__name__}.")
            if not 0 <= value < math.inf:
                raise ValueError(f"{name}: {argument} must be >= 0 and finite, but got {value}.")
        if not 0 < factor < 1:
            raise ValueError(f"{name}: factor must be in (0, 1), but got {factor}.")
        rates = {id(rate): rate for rate in optimizer.get_lr_parameter(list(optimizer.parameters))}
        for rate in rates.values():
            if not isinstance(rate, Parameter) or rate.ndim != 0:
                raise TypeError(
                    f"{name}: the learning rates of the optimizer must be fixed, not {type(rate).__name__}s."
                )
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor, self.threshold, self.min_lr, self.eps = float(factor), float(threshold), float(min_lr), float(eps)
        self.patience, self.cooldown = patience, cooldown
        self.rates = ParameterTuple(rates.values())
        self.best = Parameter(Tensor(math.inf if mode == "min" else -math.inf, float64), "best", False)
        self.num_bad_epochs = Parameter(Tensor(0, int32), "num_bad_epochs", False)
        self.cooldown_counter = Parameter(Tensor(0, int32), "cooldown_counter", False)

    def _is_better(self, value, best):
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "abs":
            return sign * value > sign * best + self.threshold
        # inf * 0 would be no bound.
        return sign * value > sign * (best * (1 + sign * self.threshold) if math.isfinite(best) else best)

    def step(self, metrics):
        """Take the metric of an epoch, a number or a Tensor of one element, and lower the rates if it is time."""
        value, best = float(metrics), float(self.best)
        bad, cooling = int(self.num_bad_epochs), int(self.cooldown_counter)
        if self._is_better(value, best):
            best, bad = value, 0
        else:
            bad += 1
        if cooling > 0:
            cooling, bad = cooling - 1, 0
        if bad > self.patience:
            for rate in self.rates:
                old = float(rate)
                new = max(old * self.factor, self.min_lr)
                if old - new > self.eps:
                    rate.set_data(Tensor(new, rate.dtype))
            cooling, bad = self.cooldown, 0
        self.best.set_data(Tensor(best, float64))
        self.num_bad_epochs.set_data(Tensor(bad, int32))
        self.cooldown_counter.set_data(Tensor(cooling, int32))

    def construct(self, metrics):
        """Do what `step` does."""
        self.step(metrics)
