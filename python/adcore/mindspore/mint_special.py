"""``mindspore.mint.special``: see mint.py."""

from adcore import ops

from .mint_functional import along
from .named import named

_ROWS = {
    **{name: getattr(ops, name) for name in ("erfc", "exp2", "expm1", "log1p", "sinc")},
    **named(
        "mindspore.mint.special",
        {
            "log_softmax": lambda input, dim=None, *, dtype=None: along(ops.log_softmax, input, dim, dtype),
            "round": lambda input: ops.round(input),
        },
    ),
}
globals().update(_ROWS)
__all__ = sorted(_ROWS)
