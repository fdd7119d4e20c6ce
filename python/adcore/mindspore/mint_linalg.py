"""``mindspore.mint.linalg``: see mint.py."""

from adcore import ops

from .named import named

_ROWS = named(
    "mindspore.mint.linalg",
    {
        "inv": lambda input: ops.inverse(input),
        "matrix_norm": lambda A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None: ops.matrix_norm(
            A, ord, dim, keepdim, dtype=dtype
        ),
        "norm": lambda A, ord=None, dim=None, keepdim=False, *, dtype=None: ops.norm(A, ord, dim, keepdim, dtype=dtype),
        "qr": lambda A, mode="reduced": ops.qr(A, mode),
        "vector_norm": lambda x, ord=2, dim=None, keepdim=False, *, dtype=None: ops.vector_norm(
            x, ord, dim, keepdim, dtype=dtype
        ),
    },
)
globals().update(_ROWS)
__all__ = sorted(_ROWS)
