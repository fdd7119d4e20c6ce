"""How a Model scales its loss: `loss_scale_manager`."""

from adcore._core import Parameter, Tensor, float32
from adcore.nn.wrap import DynamicLossScaleUpdateCell, FixedLossScaleUpdateCell

__all__ = ["DynamicLossScaleManager", "FixedLossScaleManager", "LossScaleManager"]


class LossScaleManager:
    """Base class of what tells a Model how to scale its loss.

    Examples
    --------
    >>> from adcore.train import FixedLossScaleManager, LossScaleManager
    >>> isinstance(FixedLossScaleManager(), LossScaleManager)
    True
    """

    def get_loss_scale(self):
        """Return the scale."""
        raise NotImplementedError(f"{type(self).__name__}: get_loss_scale(self) is not defined.")

    def update_loss_scale(self, overflow):
        """Take in whether a step had an overflow."""

    def get_drop_overflow_update(self):
        """Return whether a step with an overflow is left out."""
        return self.get_update_cell() is not None

    def get_update_cell(self):
        """Return the rule of the scale, a Cell, or None where no step is left out."""
        raise NotImplementedError(f"{type(self).__name__}: get_update_cell(self) is not defined.")


class FixedLossScaleManager(LossScaleManager):
    """A scale that stays as it is.

    Parameters
    ----------
    loss_scale : float, default 128.0
    drop_overflow_update : bool, default True
        Leave steps with an overflow out. If False, the optimizer divides by the scale: give it as its ``loss_scale``.

    Raises
    ------
    ValueError
        If the scale is less than 1.

    Examples
    --------
    >>> from adcore.train import FixedLossScaleManager
    >>> FixedLossScaleManager(1024.0, drop_overflow_update=False).get_loss_scale()
    1024.0
    """

    def __init__(self, loss_scale=128.0, drop_overflow_update=True):
        self._loss_scale = FixedLossScaleUpdateCell(loss_scale).get_loss_scale()
        self._drop_overflow_update = drop_overflow_update

    def get_loss_scale(self):
        """Return the scale."""
        return self._loss_scale

    def get_drop_overflow_update(self):
        """Return whether a step with an overflow is left out."""
        return self._drop_overflow_update

    def get_update_cell(self):
        """Return the rule of the scale, or None where no step is left out."""
        return FixedLossScaleUpdateCell(self._loss_scale) if self._drop_overflow_update else None


class DynamicLossScaleManager(LossScaleManager):
    """A scale that falls at an overflow and rises after a time without one.

    Parameters
    ----------
    init_loss_scale, scale_factor, scale_window
        As the parameters of `adcore.nn.DynamicLossScaleUpdateCell`.

    Raises
    ------
    TypeError, ValueError
        If a number is of another kind or out of range.

    Examples
    --------
    >>> from adcore.train import DynamicLossScaleManager
    >>> DynamicLossScaleManager(scale_window=500).get_loss_scale()
    16777216.0
    """

    def __init__(self, init_loss_scale=2**24, scale_factor=2, scale_window=2000):
        self._rule = DynamicLossScaleUpdateCell(init_loss_scale, scale_factor, scale_window)
        self._scale = Parameter(Tensor(float(init_loss_scale), float32), name="loss_scale", requires_grad=False)

    def get_loss_scale(self):
        """Return the scale."""
        return float(self._scale)

    def update_loss_scale(self, overflow):
        """Take in whether a step had an overflow."""
        self._rule(self._scale, overflow)

    def get_update_cell(self):
        """Return a rule of the scale, a Cell of its own."""
        return DynamicLossScaleUpdateCell(self.get_loss_scale(), self._rule.scale_factor, self._rule.scale_window)
