"""How a Model scales its loss, and what it computes in float16: `loss_scale_manager` and `amp_level`."""

from adcore._core import Parameter, Tensor, bfloat16, float16, float32
from adcore.nn.wrap import DynamicLossScaleUpdateCell, FixedLossScaleUpdateCell, WithLossCell
from adcore.transforms.options import check_flag
from adcore.transforms.trees import map_tensors

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


# ---- levels ----------------------------------------------------------------------------------------------------------

_NORMS = {"BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm"}


class WideLossCell(WithLossCell):
    """A network and its loss, which takes half precision as float32."""

    def construct(self, data, label):
        """Return the loss of the network's output for `data`."""
        return self._loss_fn(map_tensors(_wide, self._backbone(data)), map_tensors(_wide, label))


def _wide(tensor):
    return tensor.float() if tensor.dtype in (float16, bfloat16) else tensor


def read_level(level, options):
    """Return what an `amp_level` and the options beside it say.

    Returns
    -------
    tuple
        Whether to compute in float16, whether normalization stays in float32, and what scales the loss, or None.
    """
    unknown = [name for name in options if name not in ("keep_batchnorm_fp32", "loss_scale_manager")]
    if unknown:
        raise TypeError(f"Model: there is no argument {unknown[0]!r}.")
    if level not in ("O0", "O2", "O3"):
        raise NotImplementedError(f"Model: amp_level must be 'O0', 'O2' or 'O3', got {level!r}.")
    if "loss_scale_manager" in options:
        manager = options["loss_scale_manager"]
    else:
        manager = DynamicLossScaleManager() if level == "O2" else None
    if manager is not None and not isinstance(manager, LossScaleManager):
        raise TypeError(f"Model: loss_scale_manager must be a LossScaleManager, got {type(manager).__name__}.")
    keeps_norms = options.get("keep_batchnorm_fp32", level == "O2")
    check_flag("Model", "keep_batchnorm_fp32", keeps_norms)
    return level != "O0", keeps_norms, manager


def compute_in_half(network, keeps_norms):
    """Let a network compute in float16, except for its normalizations if they are kept."""
    network.to_float(float16)
    for _, cell in network.cells_and_names() if keeps_norms else ():
        if not _NORMS.isdisjoint(kind.__name__ for kind in type(cell).__mro__):
            cell.to_float(float32)
