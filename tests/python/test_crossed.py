"""Every op crossed with what may surround it: a watch, an outer level, threads, hooks, recomputation, an exception.

The gradient is the one of the plain call, which test_ops_grad.py compares with finite differences, and nothing is left
behind. Compact, because it also runs on a build with sanitizers: all rows and samples, a few elements each. Bits are
compared by test_bits.py.
"""

import gc
import sys
import threading

import numpy as np
import pytest

import adcore
from adcore import Tensor, grad, ops, vjp, vmap
from bits import tensors_in
from helpers import array_of
from test_leaks import Boom, assert_clean
from test_transform_laws import CASES, listed, weighted

# ---- what is done to the function; each gets it and returns one of the same value and derivatives ------------------


def recomputed(function):
    return lambda *args: adcore.recompute(function, *args)


def hooked(function):
    def between_hooks(*args):
        for t in args:
            t.register_hook(lambda g: None)
        return function(*args)

    return between_hooks


def recomputed_between_hooks(function):
    return hooked(recomputed(function))


FORMS = [lambda function: function, recomputed, hooked, recomputed_between_hooks]


# ---- how it is differentiated: from a scalar function, tensors and positions to a list of gradients ----------------


def gradients(function, args, positions):
    return tensors_in(grad(function, positions)(*args))


def pull_of(function, args, positions):
    """The scalar function's pull, as a function of its cotangent, on the positions alone."""

    def of_positions(*chosen):
        full = list(args)
        for position, t in zip(positions, chosen):
            full[position] = t
        return function(*full)

    _, pull = vjp(of_positions, *(args[position] for position in positions))
    return lambda c: tensors_in(pull(c))


ONE = Tensor(1.0, adcore.float64)


def under_watch(function, args, positions):
    with adcore.debug_nans():
        return gradients(function, args, positions)


def under_an_outer_level(function, args, positions):
    """The outer level tracks the inputs, so every rule is recorded; its own sweep goes down them."""
    kept = []

    def outer(*args):
        found = gradients(function, args, positions)
        kept.extend(map(ops.stop_gradient, found))
        return sum((g * g).sum() for g in found)

    grad(outer, positions)(*args)
    return kept


def pull_inside_grad(function, args, positions):
    """The pull is linear: the derivative of its sum, by each element of what it is multiplied with, is its value."""
    pull = pull_of(function, args, positions)
    with_ones = [ops.ones_like(args[position]) for position in positions]

    def products(c, *factors):
        return sum((g * f).sum() for g, f in zip(pull(c), factors))

    by_factor = listed(grad(products, tuple(range(1, len(positions) + 1)))(ONE, *with_ones))
    total = float(grad(products)(ONE, *with_ones))
    expected = sum(float(array_of(g).sum()) for g in by_factor)
    assert abs(total - expected) <= 1e-10 * max(1.0, sum(float(np.abs(array_of(g)).sum()) for g in by_factor))
    return by_factor


def pull_inside_vmap(function, args, positions):
    pull = pull_of(function, args, positions)
    first, second = ([g[i] for g in vmap(lambda c: tuple(pull(c)))(Tensor([1.0, 2.0], adcore.float64))] for i in (0, 1))
    for a, b in zip(first, second):
        np.testing.assert_allclose(2 * array_of(a), array_of(b), rtol=1e-12, atol=1e-14)
    return first


class Meeting:
    """Where two threads that run a function at once wait for each other: before and after it, if they are two."""

    barrier = None

    @classmethod
    def of(cls, function):
        def meeting(*args):
            cls._wait()
            out = function(*args)
            cls._wait()
            return out

        return meeting

    @classmethod
    def _wait(cls):
        if cls.barrier is not None:
            cls.barrier.wait(60)


def pull_from_two_threads(function, args, positions):
    """Where the function is recomputed, both threads are in the middle of it at the same time."""
    pull = pull_of(function, args, positions)
    found, failed = [], []
    Meeting.barrier = barrier = threading.Barrier(2)

    def work():
        try:
            barrier.wait(60)
            found.extend([pull(ONE), pull(ONE)])
        except BaseException as e:
            barrier.abort()
            failed.append(e)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    Meeting.barrier = None
    for e in failed:
        if not isinstance(e, threading.BrokenBarrierError):
            raise e
    for other in found[1:]:
        for a, b in zip(found[0], other):
            np.testing.assert_array_equal(array_of(a), array_of(b))
    return found[0]


def after_a_hook_that_raised(function, args, positions):
    """The first sweep has been through one of two calls when it raises."""
    armed = [True]

    def hook(g):
        if armed:
            armed.clear()
            raise Boom

    def twice(*args):
        first = function(*args) * 0.5
        first.register_hook(hook)
        return first + 0.5 * function(*args)

    pull = pull_of(twice, args, positions)
    for sweep in (lambda: pull(ONE), lambda: gradients(twice, args, positions)):
        armed[:] = [True]
        try:
            found = sweep()
            assert not any(array_of(g).any() for g in found), "no hook, where the value depends on the input"
        except Boom:
            found = sweep()
    return found


def after_a_rule_that_raised(function, args, positions):
    """A cotangent of NaN under a watch: the rules themselves raise, the first one that computes with it."""
    pull = pull_of(function, args, positions)
    for _ in range(2):
        try:
            with adcore.debug_nans():
                pull(ONE * float("nan"))
        except FloatingPointError:
            pass
    return pull(ONE)


WAYS = [
    gradients,
    under_watch,
    under_an_outer_level,
    pull_inside_grad,
    pull_inside_vmap,
    pull_from_two_threads,
    after_a_hook_that_raised,
    after_a_rule_that_raised,
]


def position_sets(count):
    """All together, and each alone: what is kept depends on what is differentiated."""
    yield tuple(range(count))
    if count > 1:
        yield from ((k,) for k in range(count))


def check_way(name, way):
    function, arrays = CASES[name]
    args = [Tensor(np.asarray(a, np.float64)) for a in arrays]
    plain = weighted(function)
    for positions in position_sets(len(args)):
        expected = [array_of(g) for g in gradients(plain, args, positions)]
        for form in FORMS:
            found = way(weighted(form(Meeting.of(function))), args, positions)
            assert len(found) == len(expected)
            for a, b in zip(found, expected):
                what = f"{form.__name__}, by {positions}"
                np.testing.assert_allclose(array_of(a), b, rtol=1e-11, atol=1e-12, err_msg=what)


@pytest.fixture(scope="module", autouse=True)
def short_turns():
    """Threads change after a few instructions, so that they meet within a call."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
@pytest.mark.parametrize("name", CASES)
def test_gradients(name, way):
    check_way(name, way)
    assert_clean()


@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
def test_memory_comes_back(way):
    def in_use():
        gc.collect()
        return adcore.memory_stats()["bytes_in_use"]

    def run():
        for name in list(CASES)[::15]:
            check_way(name, way)

    run()
    before = in_use()
    run()
    assert in_use() <= before
