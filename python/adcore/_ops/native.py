"""The functions of the core's op table, for the composites of this folder."""

from adcore import _core
from adcore._core import Tensor

table = _core.functions


def require_tensor(op, name, value):
    """Raise a TypeError where an argument is no Tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{op}: {name} must be a Tensor, got {type(value).__name__}.")
