"""Finding out where a NaN comes from."""

from adcore import _core
from adcore.transforms.options import check_callable
from adcore.transforms.stepwise import decorated

__all__ = ["debug_nans", "detect_anomaly"]


class debug_nans:
    """Raise at the first op that makes a NaN or inf, forward or in a derivative.

    A context manager and a decorator, also of generators and coroutines, for the thread that enters it. Every op in the
    block is checked, so it is slow.

    Raises
    ------
    FloatingPointError
        By the op that makes a NaN, or an inf from finite operands: names the op, the line of the program, the operands
        and the result. In a reverse sweep: the op whose rule it is, and the line where that was called.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor, ops
    >>> with adcore.debug_nans():  # doctest: +ELLIPSIS
    ...     ops.log(Tensor([1.0, -1.0]))
    Traceback (most recent call last):
        ...
    FloatingPointError: log: made the first NaN at ...
    """

    def __new__(cls, fn=None):
        return super().__new__(cls) if fn is None else cls()(fn)

    def __init__(self):
        self._scope = _core.WatchScope()

    def __enter__(self):
        self._scope.enter()
        return self

    def __exit__(self, *exception):
        self._scope.exit()
        return False

    def __call__(self, fn):
        """Return `fn`, run under a watch."""
        check_callable("debug_nans", fn)
        return decorated(fn, _watched)


def _watched(fn, args, kwargs):
    with debug_nans():
        return fn(*args, **(kwargs or {}))


detect_anomaly = debug_nans
