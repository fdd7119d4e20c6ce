"""What is recorded of a part of a function: nothing, or its inputs alone, from which it is computed again."""

import functools
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from adcore import _core
from adcore._core import Tensor
from adcore.transforms.options import check_callable, computed

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
        return _undifferentiated(fn)

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
        return _undifferentiated(fn)


def _undifferentiated(fn):
    if getattr(getattr(fn, "__code__", None), "co_flags", 0) & _IS_COROUTINE_FUNCTION:

        @functools.wraps(fn)
        async def wrapped(*args, **kwargs):
            return await _Stepwise(fn(*args, **kwargs))

    else:

        @functools.wraps(fn)
        def wrapped(*args, **kwargs):
            result = _core.run_no_grad(fn, args, kwargs)
            return result if isinstance(result, Tensor) else _without_gradients(result)

    return wrapped


_IS_COROUTINE_FUNCTION = 0x80  # inspect.CO_COROUTINE


def _without_gradients(result):
    """Return what a function returned; where that computes later, the like of it that does so under no_grad."""
    if isinstance(result, GeneratorType):
        return _steps(result)
    if isinstance(result, CoroutineType):
        return _awaited(result)
    if isinstance(result, AsyncGeneratorType):
        return _async_steps(result)
    return result


def _steps(generator):
    """Run a generator, or what awaiting is made of, each step of it under no_grad."""
    step, value = generator.send, None
    while True:
        try:
            item = _core.run_no_grad(step, (value,), None)
        except StopIteration as end:
            return end.value
        try:
            step, value = generator.send, (yield item)
        except GeneratorExit:
            _core.run_no_grad(generator.close, (), None)
            raise
        except BaseException as error:
            step, value = generator.throw, error


class _Stepwise:
    """Something to await, each step of it under no_grad."""

    def __init__(self, awaitable):
        self._awaitable = awaitable

    def __await__(self):
        return _steps(self._awaitable)


async def _awaited(coroutine):
    return await _Stepwise(coroutine)


async def _async_steps(generator):
    """Run an asynchronous generator, each step of it under no_grad."""
    step, value = generator.asend, None
    while True:
        try:
            item = await _Stepwise(step(value))
        except StopAsyncIteration:
            return
        try:
            step, value = generator.asend, (yield item)
        except GeneratorExit:
            await _Stepwise(generator.aclose())
            raise
        except BaseException as error:
            step, value = generator.athrow, error
