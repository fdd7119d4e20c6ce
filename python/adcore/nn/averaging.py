"""What stands beside an optimizer: an average of the weights, and gradients that are collected before a step.

Both add with the rule of plain gradient descent, in one native call for all Parameters. Sums and averages of half
precision are kept in float32.
"""

from contextlib import contextmanager

from .._core import Parameter, Tensor, bfloat16, float16, float32, int32, optimizer_step, optimizer_values
from ..ops import zeros_like
from ..parameter import ParameterTuple
from .cell import Cell
from .optimizer import Optimizer


def _beside(parameters, prefix, start):
    """Parameters named after others, with what `start` makes of their values."""
    return ParameterTuple(
        Parameter(
            start(p.astype(float32) if p.dtype in (float16, bfloat16) else p.value()), f"{prefix}.{p.name}", False
        )
        for p in parameters
    )


class ExponentialMovingAverage(Cell):
    """An average of weights that follows the training: ``average = decay * average + (1 - decay) * p``.

    Parameters
    ----------
    parameters : iterable of Parameter
    decay : float, default 0.999
        In [0, 1).

    Attributes
    ----------
    averages : ParameterTuple
        They start as the Parameters are, and are named 'ema.' and the Parameter's name.
    updates : Parameter
        How often they were updated, an int32.

    Raises
    ------
    TypeError, ValueError
        If there are no Parameters, or the decay is out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> ema = ac.nn.ExponentialMovingAverage([w], decay=0.5)
    >>> w.set_data(ac.Tensor([3.0], ac.float32))
    Parameter (name=w, shape=(1,), dtype=Float32, requires_grad=True)
    >>> ema.update()
    >>> with ema.swapped():
    ...     w.asnumpy().tolist()
    [2.0]
    >>> w.asnumpy().tolist()
    [3.0]
    """

    def __init__(self, parameters, decay=0.999):
        super().__init__(auto_prefix=False)
        parameters = list(parameters)
        if not parameters:
            raise ValueError("ExponentialMovingAverage: there are no parameters.")
        for p in parameters:
            if not isinstance(p, Parameter):
                raise TypeError(f"ExponentialMovingAverage: expected Parameters, but got {type(p).__name__}.")
        if isinstance(decay, bool) or not isinstance(decay, (int, float)):
            raise TypeError(f"ExponentialMovingAverage: decay must be a float, but got {type(decay).__name__}.")
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"ExponentialMovingAverage: decay must be in [0, 1), but got {decay}.")
        self.decay = float(decay)
        self.averages = _beside(parameters, "ema", lambda value: value)
        self.updates = Parameter(Tensor([0], int32), name="updates", requires_grad=False)
        # Not registered: what is averaged belongs to the network.
        self._averaged = tuple(parameters)

    def update(self):
        """Move the averages towards the Parameters as they are now."""
        # average - (decay - 1) * (p - average)
        numbers = (self.decay - 1.0, -1.0)
        optimizer_step("sgd_plain", self.updates, (), numbers, self.averages, self._averaged)

    def construct(self):
        """Do what `update` does."""
        self.update()

    def copy_to(self):
        """Set the Parameters to their averages."""
        for p, average in zip(self._averaged, self.averages):
            p.set_data(average.astype(p.dtype))

    @contextmanager
    def swapped(self):
        """Give the Parameters the values of their averages within a ``with`` block, and their own back after it."""
        own = [p.value() for p in self._averaged]
        try:
            self.copy_to()
            yield self
        finally:
            for p, value in zip(self._averaged, own):
                p.set_data(value)


class GradientAccumulation(Cell):
    """Collects the gradients of several small batches before a step of an optimizer with their mean.

    With a loss that is a mean, `steps` batches of one size give the step of one large batch.

    Parameters
    ----------
    optimizer : Optimizer
    steps : int
        How many calls make one step.

    Attributes
    ----------
    sums : ParameterTuple
        The gradients since the last step, named 'accumulated.' and the Parameter's name.
    collected : Parameter
        How many there are, an int32.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> accumulate = ac.nn.GradientAccumulation(ac.nn.SGD([w], 0.5), steps=2)
    >>> accumulate((ac.Tensor([1.0], ac.float32),)), accumulate((ac.Tensor([3.0], ac.float32),))
    (False, True)
    >>> w.asnumpy().tolist()
    [0.0]
    """

    def __init__(self, optimizer, steps):
        super().__init__(auto_prefix=False)
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"GradientAccumulation: optimizer must be an Optimizer, but got {type(optimizer).__name__}."
            )
        if isinstance(steps, bool) or not isinstance(steps, int):
            raise TypeError(f"GradientAccumulation: steps must be an int, but got {type(steps).__name__}.")
        if steps <= 0:
            raise ValueError(f"GradientAccumulation: steps must be positive, but got {steps}.")
        self.optimizer = optimizer
        self.steps = steps
        self.sums = _beside(optimizer.parameters, "accumulated", lambda value: zeros_like(value))
        self.collected = Parameter(Tensor(0, int32), name="collected", requires_grad=False)

    def construct(self, gradients):
        """Collect gradients, one for each of the optimizer's Parameters; return whether a step was done."""
        gradients = self.optimizer._checked(gradients)
        collected = int(self.collected) + 1
        (totals,) = optimizer_values("sgd_plain", self.collected, (), (-1.0, 0.0), self.sums, gradients)
        last = collected >= self.steps
        if last:
            self.optimizer(tuple(total / collected for total in totals))
        for cell, total in zip(self.sums, totals):
            cell.set_data(zeros_like(total) if last else total)
        self.collected.set_data(Tensor(0 if last else collected, int32))
        return last
