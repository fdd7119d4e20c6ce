"""``mindspore.mint.special``: see mint.py."""

from adcore import ops

from . import mint_functional
from .named import named

_ROWS = {
    **{name: getattr(ops, name) for name in ("erfc", "exp2", "expm1", "log1p", "sinc")},
    "log_softmax": mint_functional.log_softmax,
    **named("mindspore.mint.special", {"round": lambda input: ops.round(input)}),
}
globals().update(_ROWS)
__all__ = sorted(_ROWS)
