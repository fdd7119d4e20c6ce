"""no_grad and debug_nans belong to a thread and close in order, and a no_grad stays with what it was put around.

A scope that is left elsewhere or out of order raises, and nothing stays open, neither in this thread nor in another.
What a decorated generator or coroutine computes is a constant, what its caller computes is not.
"""

import asyncio
import contextlib
import functools
import gc
import inspect
import threading

import pytest

import adcore
from adcore import _core, grad, jvp, no_grad, ops, vmap
from helpers import check, f32, t32

SCOPES = {"no_grad": adcore.no_grad, "debug_nans": adcore.debug_nans}
EVERY = pytest.mark.parametrize("make", SCOPES.values(), ids=SCOPES)


@pytest.fixture(autouse=True)
def nothing_open():
    yield
    assert _core.live_levels() == 0
    check(grad(lambda x: ops.log(x) * x)(t32(1.0)), f32(1.0))
    ops.log(t32(-1.0))  # nobody watches


def leave(scope):
    scope.__exit__(None, None, None)


def in_a_thread(f):
    results = []
    thread = threading.Thread(target=lambda: results.append(f()))
    thread.start()
    thread.join()
    return results[0]


def error_of(f):
    with pytest.raises(RuntimeError) as e:
        f()
    return str(e.value)


@EVERY
def test_a_scope_of_another_thread_is_not_left(make):
    """Also where both threads have opened as many; the owner leaves it as ever."""
    scope = make()
    scope.__enter__()

    def elsewhere():
        own = make()
        own.__enter__()
        error = error_of(lambda: leave(scope))
        leave(own)
        return error, float(grad(lambda x: x * x)(t32(3.0))), _core.live_levels()

    error, gradient, left = in_a_thread(elsewhere)
    assert "left in another thread than entered" in error and (gradient, left) == (6.0, 0)
    assert _core.live_levels() == 1
    leave(scope)


@EVERY
def test_one_scope_in_two_threads(make):
    """Each thread leaves what it entered itself, whichever entered last."""
    scope, entered, done = make(), threading.Event(), threading.Event()
    after = []

    def elsewhere():
        scope.__enter__()
        entered.set()
        done.wait(60)
        leave(scope)
        after.append(_core.live_levels())

    scope.__enter__()
    thread = threading.Thread(target=elsewhere)
    thread.start()
    entered.wait(60)
    leave(scope)
    assert _core.live_levels() == 0
    done.set()
    thread.join()
    assert after == [0]


@pytest.mark.parametrize("inner", SCOPES)
@pytest.mark.parametrize("outer", SCOPES)
@pytest.mark.parametrize("inside", [False, True])
def test_scopes_left_in_the_wrong_order(outer, inner, inside):
    """The first one left raises and is closed; the other one goes on and is left as ever."""

    def f(x):
        a, b = SCOPES[outer](), SCOPES[inner]()
        a.__enter__(), b.__enter__()
        assert "another order" in error_of(lambda: leave(a))
        leave(b)
        assert "without being entered" in error_of(lambda: leave(a))
        return x * ops.log(x)

    check(grad(f)(t32(1.0)) if inside else grad(lambda x: (x, f(t32(1.0)))[0])(t32(1.0)), f32(1.0))


def held_open():
    with no_grad():
        yield 1
        yield 2


def test_generators_that_close_out_of_order_leave_nothing_open():
    def f(x):
        a, b, c = held_open(), held_open(), held_open()
        next(a), next(b), next(c)
        for generator in (b, a):
            assert "another order" in error_of(generator.close)
        c.close()
        return x * x

    for _ in range(3):
        check(grad(f)(t32(3.0)), f32(6.0))
        f(t32(3.0))
        assert _core.live_levels() == 0


def test_tasks_that_end_out_of_order_leave_nothing_open():
    async def task(x, k):
        with no_grad():
            await asyncio.sleep(0.001 * k)
        return x

    def f(x):
        async def main():
            return await asyncio.gather(*(task(x, k) for k in (3, 1, 2)), return_exceptions=True)

        results = asyncio.run(main())
        assert any(isinstance(r, RuntimeError) for r in results)
        return x * x

    check(grad(f)(t32(3.0)), f32(6.0))


def test_a_scope_that_nobody_leaves_goes_with_its_object():
    def f(x):
        a, b = no_grad(), no_grad()
        a.__enter__(), b.__enter__()
        del a
        gc.collect()
        del b
        return x * x

    check(grad(f)(t32(3.0)), f32(6.0))
    check(f(t32(3.0)), f32(9.0))


TRANSFORMS = {
    "grad": lambda f: grad(f)(t32(3.0)),
    "vjp": lambda f: adcore.vjp(f, t32(3.0)),
    "jvp": lambda f: jvp(f, t32(3.0), t32(1.0)),
    "jvp of a float": lambda f: jvp(f, 3.0, 1.0),
    "vmap": lambda f: grad(lambda x: vmap(f)(x).sum())(t32(3.0, 4.0)),
    "recompute": lambda f: grad(lambda x: adcore.recompute(f, x))(t32(3.0)),
    "jacfwd": lambda f: adcore.jacfwd(f)(t32(3.0)),
    "jacrev": lambda f: adcore.jacrev(f)(t32(3.0)),
}


@pytest.mark.parametrize("how", TRANSFORMS)
def test_a_no_grad_that_a_function_leaves_open_is_an_error(how):
    """What ran under it has no derivative, and nobody said so."""
    kept = []

    def f(x):
        kept.append(held_open())
        next(kept[-1])
        return x * x

    with pytest.raises(RuntimeError, match="no_grad: it was entered in a function .* and not left"):
        TRANSFORMS[how](f)
    assert _core.live_levels() == 0
    with contextlib.suppress(RuntimeError):  # it was left too late
        kept[-1].close()


def test_a_scope_that_is_left_after_what_it_was_entered_in():
    """Nothing of the closed one comes back: not the cells as a recomputed block sees them, not a frame."""
    for run in (
        lambda f, x: grad(lambda x: adcore.recompute(f, x))(x),
        lambda f, x: jvp(f, x, x)[0],
        lambda f, x: grad(lambda x: (f(x), x)[1])(x),
        lambda f, x: vmap(f)(ops.stack([x, x])),
    ):
        for outer in (lambda f: f(t32(3.0)), lambda f: grad(f)(t32(3.0))):
            scope = adcore.debug_nans()

            def f(x, run=run, scope=scope):
                run(lambda x: (scope.__enter__(), x * 2)[1], x)
                assert "after the function that entered it returned" in error_of(lambda: leave(scope))
                return x * x

            outer(f)
            assert _core.live_levels() == 0


# ---- what computes later --------------------------------------------------------------------------------------------


def multiples(x):
    for k in (1.0, 2.0):
        yield x * k


@no_grad()
def decorated(x):
    yield from multiples(x)


GENERATORS = {
    "function": decorated,
    "called": no_grad()(multiples),
    "wrapped": no_grad(multiples),
    "returned": no_grad(lambda x: multiples(x)),
    "partial": lambda x: no_grad(functools.partial(multiples, x))(),
    "nested": no_grad(no_grad(multiples)),
}


@pytest.mark.parametrize("generator", GENERATORS.values(), ids=GENERATORS)
def test_a_generator_under_no_grad(generator):
    """sum of c * x with c = stop(x), stop(2x) has the derivative 3x; a c that is differentiated would give 6x."""

    def f(x):
        total = x * 0.0
        for c in generator(x):
            total = total + c * x
        return total

    check(grad(f)(t32(3.0)), f32(9.0))
    check(jvp(f, t32(3.0), t32(1.0)), (f32(27.0), f32(9.0)))
    check(f(t32(3.0)), f32(27.0))


def test_a_generator_under_no_grad_is_one():
    log = []

    @no_grad()
    def talk(x):
        """Documented."""
        try:
            got = yield x * x
            while True:
                try:
                    got = yield got * x
                except ValueError as error:
                    got = yield error
        finally:
            log.append("closed")

    @no_grad()
    def ends():
        yield 1
        return "end"

    def f(x):
        generator = talk(x)
        assert inspect.isgenerator(generator) and talk.__doc__ == "Documented."
        a = next(generator)
        b = generator.send(x * 2)
        assert str(generator.throw(ValueError("thrown"))) == "thrown"
        generator.close()
        with pytest.raises(StopIteration):
            next(generator)
        return (a + b) * x

    check(grad(f)(t32(3.0)), f32(27.0))
    assert log == ["closed"]

    def delegates():
        return (yield from ends())

    generator = delegates()
    next(generator)
    with pytest.raises(StopIteration, match="end"):
        next(generator)


def test_coroutines_and_asynchronous_generators_under_no_grad():
    @no_grad()
    async def square(x):
        await asyncio.sleep(0)
        return x * x

    @no_grad
    async def raising():
        await asyncio.sleep(0)
        raise KeyError("here")

    @no_grad
    async def parts(x):
        got = None
        try:
            for k in (1.0, 2.0):
                await asyncio.sleep(0)
                got = yield x * k if got is None else got
        except ValueError as error:
            yield error

    def f(x):
        async def main():
            total = x * await square(x) + x * await no_grad(lambda: square(x))()
            async for part in parts(x):
                total = total + x * part
            asked = parts(x)
            await asked.asend(None)
            total = total + x * await asked.asend(x * 5)
            assert str(await asked.athrow(ValueError("thrown"))) == "thrown"
            await asked.aclose()
            with pytest.raises(KeyError, match="here"):
                await raising()
            return total

        return asyncio.run(main())

    assert inspect.iscoroutinefunction(square)
    # 2 x**2 + 3 x of constants; what was sent in was computed outside, so 2 * 5x of it.
    check(grad(f)(t32(3.0)), f32(2 * 9.0 + 9.0 + 30.0))


def test_a_generator_and_a_coroutine_that_are_watched():
    """Each of their steps is, and nothing of their caller's."""

    @adcore.debug_nans()
    def logs(x):
        yield x
        yield ops.log(x)

    @adcore.debug_nans
    async def log(x):
        await asyncio.sleep(0)
        return ops.log(x)

    generator = logs(t32(-1.0))
    next(generator)
    ops.log(t32(-1.0))
    with pytest.raises(FloatingPointError, match="log: made the first NaN"):
        next(generator)
    with pytest.raises(FloatingPointError, match="log: made the first NaN"):
        asyncio.run(log(t32(-1.0)))
