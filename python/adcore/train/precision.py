"""Mixed precision: which cells of a network compute in half precision, by a level or by lists of classes.

`Cell.to_float` makes a cell compute in another type; what is decided here is which cells, and where their outputs
become float32 again. Operators that a `construct` calls itself compute in the type of their operands.
"""

from adcore import nn
from adcore._core import bfloat16, float16, float32
from adcore.nn.cell import Cell
from adcore.nn.wrap import WithLossCell
from adcore.transforms.options import check_flag
from adcore.transforms.trees import map_tensors

from .loss_scale import DynamicLossScaleManager, LossScaleManager

__all__ = ["auto_mixed_precision", "custom_mixed_precision", "get_black_list", "get_white_list"]

_LEVELS = ("O0", "O1", "O2", "O3")
_OPTIONS = ("cast_model_type", "keep_batchnorm_fp32", "loss_scale_manager")


def get_white_list():
    """Return the classes of cells that compute in half precision at level "O1".

    Examples
    --------
    >>> from adcore import nn
    >>> from adcore.train import precision
    >>> nn.Dense in precision.get_white_list(), nn.LayerNorm in precision.get_white_list()
    (True, False)
    """
    convolutions = [nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Conv1dTranspose, nn.Conv2dTranspose, nn.Conv3dTranspose]
    return [*convolutions, nn.Dense, nn.LSTMCell, nn.RNNCell, nn.GRUCell]


def get_black_list():
    """Return the classes of cells that compute in float32 at level "O2".

    Examples
    --------
    >>> from adcore import nn
    >>> from adcore.train import precision
    >>> precision.get_black_list() == [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm]
    True
    """
    return [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm]


def auto_mixed_precision(network, amp_level="O0", dtype=float16):
    """Let a network compute in half precision, and return it; its output is float32, its Parameters keep their dtypes.

    Parameters
    ----------
    network : Cell
        It is changed.
    amp_level : {"O0", "O1", "O2", "O3"}
        "O0" changes nothing. "O1": the cells of `get_white_list`, each of which gives float32. "O2": all cells but
        those of `get_black_list`. "O3": all cells.
    dtype : {float16, bfloat16}

    Raises
    ------
    TypeError
        If `network` is no Cell.
    ValueError
        For another dtype or level.
    NotImplementedError
        For the level "auto", which decides for each operator.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> from adcore.train import precision
    >>> net = precision.auto_mixed_precision(nn.Dense(1, 1, weight_init=0.1, has_bias=False), "O3")
    >>> float(net(ac.ops.ones((1, 1)))) == float(ac.Tensor(0.1, ac.float16))
    True
    """
    name = "auto_mixed_precision"
    _check(name, network, dtype)
    _check_level(name, amp_level)
    if amp_level == "O1":
        return _white(network, get_white_list(), dtype)
    if amp_level != "O0":
        network = _black(network, get_black_list() if amp_level == "O2" else [], dtype)
        network.register_forward_hook(_widen_output)
    return network


def custom_mixed_precision(network, *, white_list=None, black_list=None, dtype=float16):
    """Let the cells of a white list compute in half precision, or all but those of a black list; return the network.

    Parameters
    ----------
    network : Cell
        It is changed.
    white_list, black_list : list of Cell classes
        One of the two.
    dtype : {float16, bfloat16}

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        For both lists or none, or another dtype.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> from adcore.train import precision
    >>> net = nn.SequentialCell(nn.Dense(2, 2), nn.Tanh())
    >>> net = precision.custom_mixed_precision(net, white_list=[nn.Dense])
    >>> net(ac.ops.ones((1, 2))).dtype
    adcore.float32
    """
    name = "custom_mixed_precision"
    _check(name, network, dtype)
    if (white_list is None) == (black_list is None):
        raise ValueError(f"{name}: give one of white_list and black_list.")
    kinds = black_list if white_list is None else white_list
    if not isinstance(kinds, list) or not all(isinstance(k, type) and issubclass(k, Cell) for k in kinds):
        raise TypeError(f"{name}: expected a list of classes of cells, got {kinds!r}.")
    if white_list is not None:
        return _white(network, kinds, dtype)
    network = _black(network, kinds, dtype)
    network.register_forward_hook(_widen_output)
    return network


# ---- parts -----------------------------------------------------------------------------------------------------------


def _check(name, network, dtype):
    if not isinstance(network, Cell):
        raise TypeError(f"{name}: network must be a Cell, got {type(network).__name__}.")
    if dtype not in (float16, bfloat16):
        raise ValueError(f"{name}: dtype must be float16 or bfloat16, got {dtype!r}.")


def _check_level(name, level):
    if level == "auto":
        raise NotImplementedError(f"{name}: the level 'auto', which decides for each operator, is not there.")
    if level not in _LEVELS:
        raise ValueError(f"{name}: the level must be one of {_LEVELS}, got {level!r}.")


def _wide(tensor):
    return tensor.float() if tensor.dtype in (float16, bfloat16) else tensor


def _widen_output(cell, inputs, output):
    return map_tensors(_wide, output)


def _white(network, kinds, dtype):
    for _, cell in network.cells_and_names():
        if isinstance(cell, tuple(kinds)):
            cell.to_float(dtype)
            cell.register_forward_hook(_widen_output)
    return network


def _black(network, kinds, dtype):
    network.to_float(dtype)
    for _, cell in network.cells_and_names():
        if isinstance(cell, tuple(kinds)):
            cell.to_float(float32)
    return network


class WideLossCell(WithLossCell):
    """A network and its loss, which takes half precision as float32."""

    def construct(self, data, label):
        """Return the loss of the network's output for `data`."""
        return self._loss_fn(map_tensors(_wide, self._backbone(data)), map_tensors(_wide, label))


class Level:
    """What an `amp_level` and the options beside it say.

    Attributes
    ----------
    half : bool
        Whether the network computes in float16.
    loss_scale_manager : LossScaleManager or None
        What scales the loss.
    """

    def __init__(self, level, options):
        unknown = [name for name in options if name not in _OPTIONS]
        if unknown:
            raise TypeError(f"Model: there is no argument {unknown[0]!r}.")
        _check_level("Model", level)
        if "loss_scale_manager" in options:
            manager = options["loss_scale_manager"]
        else:
            manager = DynamicLossScaleManager() if level == "O2" else None
        if manager is not None and not isinstance(manager, LossScaleManager):
            raise TypeError(f"Model: loss_scale_manager must be a LossScaleManager, got {type(manager).__name__}.")
        kind = options.get("cast_model_type", float16 if level in ("O2", "O3") else float32)
        if kind not in (float16, float32):
            raise ValueError(f"Model: cast_model_type must be float16 or float32, got {kind!r}.")
        self._keeps_norms = options.get("keep_batchnorm_fp32", level == "O2")
        check_flag("Model", "keep_batchnorm_fp32", self._keeps_norms)
        self.half = kind == float16
        self._white = level == "O1" and not self.half
        self.loss_scale_manager = manager

    def set(self, network):
        """Let a network compute so."""
        if self.half:
            _black(network, get_black_list() if self._keeps_norms else [], float16)
        elif self._white:
            _white(network, get_white_list(), float16)
