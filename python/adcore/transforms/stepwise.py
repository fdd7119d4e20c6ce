"""Scopes as decorators, of functions that compute when they are called and of those that compute later.

A generator, a coroutine or an asynchronous generator is run step by step, each step in a scope of its own; in between,
its caller runs without.
"""

import functools
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from adcore._core import Tensor

_IS_COROUTINE_FUNCTION = 0x80  # inspect.CO_COROUTINE


def decorated(fn, run):
    """Return `fn` in a scope: ``run(fn, args, kwargs)`` calls a function in it. `kwargs` may be None."""
    if getattr(getattr(fn, "__code__", None), "co_flags", 0) & _IS_COROUTINE_FUNCTION:

        @functools.wraps(fn)
        async def wrapped(*args, **kwargs):
            return await _Stepwise(fn(*args, **kwargs), run)

    else:

        @functools.wraps(fn)
        def wrapped(*args, **kwargs):
            result = run(fn, args, kwargs)
            return result if isinstance(result, Tensor) else _scoped(result, run)

    return wrapped


def _scoped(result, run):
    """Return what a function returned; where that computes later, the like of it that does so in the scope."""
    if isinstance(result, GeneratorType):
        return _steps(result, run)
    if isinstance(result, CoroutineType):
        return _awaited(result, run)
    if isinstance(result, AsyncGeneratorType):
        return _async_steps(result, run)
    return result


def _steps(generator, run):
    """Run a generator, or what awaiting is made of."""
    step, value = generator.send, None
    while True:
        try:
            item = run(step, (value,), None)
        except StopIteration as end:
            return end.value
        try:
            step, value = generator.send, (yield item)
        except GeneratorExit:
            run(generator.close, (), None)
            raise
        except BaseException as error:
            step, value = generator.throw, error


class _Stepwise:
    """Something to await."""

    def __init__(self, awaitable, run):
        self._awaitable = awaitable
        self._run = run

    def __await__(self):
        return _steps(self._awaitable, self._run)


async def _awaited(coroutine, run):
    return await _Stepwise(coroutine, run)


async def _async_steps(generator, run):
    step, value = generator.asend, None
    while True:
        try:
            item = await _Stepwise(step(value), run)
        except StopAsyncIteration:
            return
        try:
            step, value = generator.asend, (yield item)
        except GeneratorExit:
            await _Stepwise(generator.aclose(), run)
            raise
        except BaseException as error:
            step, value = generator.athrow, error
