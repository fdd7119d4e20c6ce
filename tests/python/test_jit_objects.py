"""What a program must know of Python's objects beside tensors: their classes, who is the same, and what finds them.

The oracle is the function without jit; what a program cannot know is an error. Start reading at `CHANGES`.
"""

import collections
import contextvars
import os
import types
import weakref

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, jit
from helpers import t32

X = t32(1.0, 2.0)
FOUND = 2.0


class One:
    factor = 1.0

    def __init__(self, value=1.0):
        self.value = value

    def times(self, x):
        return x * self.factor * self.value


class Two(One):
    factor = 2.0


class Slotted:
    __slots__ = ("value",)


def of_class():
    o = One()
    return lambda x: o.times(x), lambda: setattr(o, "__class__", Two)


def of_class_in_a_list():
    several = [One(), One()]
    return lambda x: sum(o.times(x) for o in several), lambda: setattr(several[1], "__class__", Two)


def of_context():
    variable = contextvars.ContextVar("variable", default=1.0)
    return lambda x: x * variable.get(), lambda: variable.set(3.0)


def of_object_in_context():
    variable = contextvars.ContextVar("variable")
    variable.set(One())
    return lambda x: variable.get().times(x), lambda: setattr(variable.get(), "value", 5.0)


def of_weak_reference():
    o = One()
    reference = weakref.ref(o)
    return lambda x: reference().times(x), lambda: setattr(o, "value", 4.0)


def of_environment(read):
    os.environ["ADCORE_TEST_FACTOR"] = "2"
    return lambda x: x * float(read()), lambda: os.environ.update(ADCORE_TEST_FACTOR="3")


def of_later_global():
    globals().pop("LATER", None)

    def f(x):
        try:
            return x * LATER
        except NameError:
            return x

    return f, lambda: globals().update(LATER=7.0)


def of_name(read):
    globals()["FOUND"] = 2.0
    return lambda x: x * read(), lambda: globals().update(FOUND=4.0)


def of_module():
    module = types.ModuleType("module_of_the_test")
    module.__file__ = "module_of_the_test.py"
    module.factor = 2.0
    return lambda x: x * getattr(module, "factor"), lambda: setattr(module, "factor", 3.0)  # noqa: B009


CHANGES = {
    "class": of_class,
    "class in a list": of_class_in_a_list,
    "context": of_context,
    "object in a context": of_object_in_context,
    "weak reference": of_weak_reference,
    "os.environ": lambda: of_environment(lambda: os.environ["ADCORE_TEST_FACTOR"]),
    "os.getenv": lambda: of_environment(lambda: os.getenv("ADCORE_TEST_FACTOR")),
    "later global": of_later_global,
    "globals()": lambda: of_name(lambda: globals()["FOUND"]),
    "getattr": of_module,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen(name):
    f, change = CHANGES[name]()
    run = jit(f)
    before = f(X).asnumpy()
    for _ in range(2):
        np.testing.assert_array_equal(run(X).asnumpy(), before)
    assert len(run._log) == 1
    change()
    after = f(X).asnumpy()
    assert (after != before).any()
    for _ in range(2):
        np.testing.assert_array_equal(run(X).asnumpy(), after)
    assert len(run._log) == 2


class Pair(tuple):
    @property
    def first(self):
        return self[0]


class Items(list):
    def total(self):
        return sum(self[1:], self[0])


class Named(dict):
    def __getattr__(self, name):
        return self[name]


def new():
    return t32(1.0, 2.0)


def labelled():
    pair = Pair((new(), 2 * new()))
    pair.label = 3.0
    return pair


CONTAINERS = {
    "tuple": (labelled, lambda c: c.first * c.label),
    "list": (lambda: Items([new(), 2 * new()]), lambda c: c.total()),
    "dict": (lambda: Named(a=new()), lambda c: c.a * 2),
    "ordered dict": (
        lambda: collections.OrderedDict(a=new(), b=2 * new()),
        lambda c: next(reversed(c.values())),
    ),
    "default dict": (lambda: collections.defaultdict(lambda: new(), a=new()), lambda c: c["a"] * 2),
    "counter": (lambda: collections.Counter(a=new()), lambda c: c["a"] + c["missing"]),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_keep_their_class(name):
    make, use = CONTAINERS[name]

    def f(c):
        assert type(c) is type(make())
        return use(c), c

    expected = f(make())
    run = jit(f)
    for _ in range(2):
        y, c = run(make())
        np.testing.assert_array_equal(y.asnumpy(), expected[0].asnumpy())
        assert type(c) is type(make()) and len(c) == len(make())
        np.testing.assert_array_equal(use(c).asnumpy(), expected[0].asnumpy())


class Special(Tensor):
    def twice(self):
        return self * 2


REFUSED = {
    "an argument of a class of one's own": (lambda a: a * 1, lambda: (Special([1.0]),), "an argument is a Special"),
    "a result of a class of one's own": (lambda a: Special(a * 2), lambda: (X,), "a result is a Special"),
    "a Parameter": (lambda a: Parameter(a * 2, name="p"), lambda: (X,), "a result is a adcore.Parameter"),
    "a list": (lambda a, b: (b.append(a * 2), a)[1], lambda: (X, []), "changes a list, dict or object"),
    "an element": (lambda a, b: (b.__setitem__(0, a * 2), a)[1], lambda: (X, [X]), "changes a list, dict or object"),
    "a dict": (lambda a, b: (b.update(k=a), a)[1], lambda: (X, {}), "changes a list, dict or object"),
    "a dict that loses": (lambda a, b: (b.pop("k"), a)[1], lambda: (X, {"k": X}), "changes a list, dict or object"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_replay_would_not_do_is_refused(name):
    f, arguments, message = REFUSED[name]
    with pytest.raises(adcore.RecordingError, match=message):
        jit(f)(*arguments())


def test_mutable_results_are_each_callers_own():
    kept = set()

    def f(x):
        return x * 1, {1, 2}, np.zeros(2), bytearray(2), collections.deque([[1]]), One(), [kept, (kept,)]

    run = jit(f)
    first, second = run(X), run(X)
    for a, b in zip(first[1:6], second[1:6]):
        assert type(a) is type(b) and a is not b
    first[1].add(3), first[4][0].append(2), setattr(first[5], "value", 9.0)
    third = run(X)
    assert third[1] == {1, 2} and third[4] == collections.deque([[1]]) and third[5].value == 1.0
    assert all(r[6][0] is kept and r[6][1][0] is kept for r in (first, second, third))


def test_an_argument_that_is_compared_with_what_the_function_finds():
    w = t32(3.0, 4.0)
    for f in (
        lambda x: x * 2 if x is w else x * 3,
        lambda x: x * 2 if id(x) == id(w) else x * 3,
    ):
        run = jit(f)
        np.testing.assert_array_equal(run(X).asnumpy(), f(X).asnumpy())
        with pytest.raises(adcore.RecordingError, match="finds elsewhere too, and it compares objects"):
            run(w)
        np.testing.assert_array_equal(run(X).asnumpy(), f(X).asnumpy())
    plain = jit(lambda x, y=None: x * w if y is None else x)
    np.testing.assert_array_equal(plain(w).asnumpy(), [9.0, 16.0])


def test_a_clock_is_refused():
    import time

    with pytest.raises(adcore.RecordingError, match="uses time.perf_counter, a clock"):
        jit(lambda x: x * time.perf_counter())(X)
