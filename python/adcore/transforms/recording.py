"""What is recorded of a part of a function: nothing, or its inputs alone, from which it is computed again."""

from adcore import _core
from adcore.transforms.options import check_callable, computed
from adcore.transforms.stepwise import decorated

__all__ = ["no_grad", "recompute"]


def recompute(block, *args, **kwargs):
    """Call a function or Cell, keeping nothing of what it computes for the reverse sweep but its inputs.

    The sweep calls it again, with the same tensors, Parameters and random numbers. Memory for the intermediate values
    of many such calls is that of one; the time grows by one forward pass.

    Parameters
    ----------
    block : callable
        A function or Cell that gives the same result for the same inputs.
    *args, **kwargs
        Its arguments. Tensors and Parameters that it takes from elsewhere are differentiated too.

    Returns
    -------
    object
        What `block` returns.

    Raises
    ------
    TypeError
        Where `block` cannot be called.

    Examples
    --------
    >>> import adcore
    >>> from adcore import ops
    >>> block = lambda x: ops.sin(ops.exp(x))
    >>> float(adcore.grad(lambda x: adcore.recompute(block, x))(0.0)) == float(adcore.grad(block)(0.0))
    True
    """
    check_callable("recompute", block)
    return computed("recompute", _core.recompute(block, args, kwargs))


class no_grad:
    """Compute without derivatives: nothing in the block is differentiated by what is open around it.

    A context manager and a decorator. Transforms inside of it work as usual. What a decorated function computes later,
    as a generator or a coroutine, is computed so too; what uses its values is not.

    Examples
    --------
    >>> import adcore
    >>> def f(x):
    ...     with adcore.no_grad():
    ...         y = x * x
    ...     return x * y
    >>> float(adcore.grad(f)(3.0))
    9.0
    """

    def __new__(cls, fn=None):
        if fn is None:
            return super().__new__(cls)
        check_callable("no_grad", fn)
        return decorated(fn, _core.run_no_grad)

    def __init__(self):
        self._scope = _core.NoGradScope()

    def __enter__(self):
        self._scope.enter()
        return self

    def __exit__(self, *exception):
        self._scope.exit()
        return False

    def __call__(self, fn):
        check_callable("no_grad", fn)
        return decorated(fn, _core.run_no_grad)
