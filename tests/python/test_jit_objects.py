"""What a program must know of Python's objects beside tensors: their classes, who is the same, and what finds them.

The oracle is the function without jit; what a program cannot know is an error. Start reading at `CHANGES`.
"""

import collections
import configparser
import contextvars
import ctypes
import dataclasses
import datetime
import functools
import itertools
import os
import random
import secrets
import sys
import time
import types
import uuid
import weakref

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, jit
from adcore.transforms import texts
from adcore.transforms.compiled import jit_or_run
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


class Text(str):
    pass


class Number(float):
    pass


class Tuned(Parameter):
    factor = 2.0


class Doubled(dict):
    def items(self):
        return [(key, 2 * value) for key, value in dict.items(self)]


def of_factor(o, read=lambda o: o.factor):
    o.factor = 2.0
    return lambda x: x * read(o), lambda: setattr(o, "factor", 3.0)


def of_later_factor(o):
    return lambda x: x * getattr(o, "factor", 2.0), lambda: setattr(o, "factor", 3.0)


def of_parameters_name():
    p = Parameter(t32(1.0), name="w")
    return lambda x: x * len(p.name), lambda: setattr(p, "name", "weight")


def of_own_parameters_class():
    p = Tuned(t32(1.0), name="w")
    return lambda x: x * p.factor, lambda: setattr(p, "factor", 3.0)


def of_order(moved):
    ordered = collections.OrderedDict(a=1.0, b=2.0)
    if moved:
        ordered.move_to_end("a")
    return lambda x: x * next(iter(ordered.values())), lambda: ordered.move_to_end(next(iter(ordered)))


def of_own_items():
    items = Doubled(a=1.0)
    return lambda x: x * items["a"], lambda: items.update(a=2.0)


def of_bound(holder, key, bind):
    read = bind(holder)
    return lambda x: x * float(read()), lambda: holder.__setitem__(key, 7.0)


def new_module(**variables):
    module = types.ModuleType("module_of_the_test")
    module.__file__ = "module_of_the_test.py"
    vars(module).update(variables)
    return module


def of_two_functions():
    module = new_module(first=2.0, second=2.0)

    def inner(x):
        return x * module.second

    return lambda x: inner(x) * module.first, lambda: setattr(module, "second", 3.0)


def of_submodule_in_two_functions():
    module = new_module(part=new_module(first=2.0, second=2.0))

    def inner(x):
        return x * module.part.second

    return lambda x: inner(x) * module.part.first, lambda: setattr(module.part, "second", 3.0)


def of_held_module(read):
    module = new_module(factor=2.0)
    module.times = lambda x: x * module.factor
    return functools.partial(read, types.SimpleNamespace(module=module)), lambda: setattr(module, "factor", 3.0)


def of_given_module():
    module = new_module(factor=2.0)

    def times(given, x):
        return x * given.factor

    return lambda x: times(module, x), lambda: setattr(module, "factor", 3.0)


def of_environment_in_two_functions():
    os.environ["ADCORE_TEST_FACTOR"] = "2"

    def inner(x):
        return x * float(os.getenv("ADCORE_TEST_FACTOR"))

    return lambda x: inner(x) * len(os.sep), lambda: os.environ.update(ADCORE_TEST_FACTOR="3")


def of_imported_getenv():
    from os import getenv

    return of_environment(lambda: getenv("ADCORE_TEST_FACTOR"))


def of_weak_keys():
    o = One()
    numbers = weakref.WeakKeyDictionary({o: 1.0})
    return lambda x: x * numbers[o], lambda: numbers.update({o: 2.0})


def of_weak_values():
    kept = [One(), One(2.0)]
    objects = weakref.WeakValueDictionary(a=kept[0])
    return lambda x: objects["a"].times(x), lambda: objects.update(a=kept[1])


def of_configuration():
    parser = configparser.ConfigParser()
    parser["training"] = {"rate": "0.5"}
    section = parser["training"]
    return lambda x: x * section.getfloat("rate"), lambda: parser.set("training", "rate", "0.25")


class Private:
    __slots__ = ("__value",)

    def set(self, value):
        self.__value = value

    def get(self):
        return self.__value


def of_private_slot():
    o = Private()
    o.set(2.0)
    return lambda x: x * o.get(), lambda: o.set(3.0)


def of_empty_slot():
    o = Slotted()
    return lambda x: x * getattr(o, "value", 2.0), lambda: setattr(o, "value", 3.0)


def of_unassigned_variable():
    def make():
        def f(x):
            try:
                return x * factor
            except NameError:
                return x

        def change():
            nonlocal factor
            factor = 3.0

        if False:
            factor = None
        return f, change

    return make()


def of_other_attributes():
    o = One(2.0)
    return o.times, lambda: setattr(o, "__dict__", {"value": 3.0})


def of_bases():
    class Child(One):
        pass

    class Grandchild(Child):
        pass

    o = Grandchild()
    return lambda x: o.times(x), lambda: setattr(Child, "__bases__", (Two,))


def of_absent(read):
    module = new_module()
    return lambda x: x * read(module), lambda: setattr(module, "factor", 3.0)


def tried(module):
    try:
        return module.factor
    except AttributeError:
        return 2.0


def of_modules_getattr():
    numbers = {"factor": 2.0}
    module = new_module(__getattr__=lambda name: numbers[name])
    return lambda x: x * module.factor, lambda: numbers.update(factor=3.0)


def of_replaced_module():
    sys.modules["module_of_the_test"] = new_module(factor=2.0)

    def f(x):
        import module_of_the_test

        return x * module_of_the_test.factor

    return f, lambda: sys.modules.update(module_of_the_test=new_module(factor=3.0))


def of_array(change, read=lambda a: float(a.flat[1])):
    array = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    return lambda x: x * read(array), lambda: change(array)


def reshape(array):
    array.shape = (3, 2)


def reinterpret(array):
    array.dtype = np.int64


def of_memory(memory, read):
    return lambda x: x * read(memory), lambda: np.frombuffer(memory, np.uint8).__setitem__(slice(None), 7)


def of_factory():
    factor = [2.0]
    numbers = collections.defaultdict(lambda: factor[0])
    return lambda x: x * numbers.default_factory(), lambda: factor.__setitem__(0, 3.0)


def of_dispatch(wrap, call):
    factor = [2.0]

    class Holder:
        @wrap
        def of(*_):
            return 1.0

        @of.register
        def _(*_: int):
            return factor[0]

    if wrap is functools.singledispatch:
        Holder.of.register(int, lambda *_: factor[0])
    else:
        Holder.__dict__["of"].register(int, lambda *_: factor[0])
    return lambda x: x * call(Holder), lambda: factor.__setitem__(0, 3.0)


def of_hook():
    factor = [2.0]
    w = Parameter(t32(3.0, 4.0), name="w")
    w.register_hook(lambda cotangent: cotangent * factor[0])
    return adcore.grad(lambda x: (x * w).sum(), None, w), lambda: factor.__setitem__(0, 3.0)


CHANGES = {
    "private slot": of_private_slot,
    "slot that is empty": of_empty_slot,
    "variable that is not assigned yet": of_unassigned_variable,
    "__dict__ of an object": of_other_attributes,
    "bases of a class": of_bases,
    "attribute that a module lacks, by getattr": lambda: of_absent(lambda m: getattr(m, "factor", 2.0)),
    "attribute that a module lacks, by hasattr": lambda: of_absent(lambda m: 2.0 if hasattr(m, "factor") else 1.0),
    "attribute that a module lacks, by try": lambda: of_absent(tried),
    "__getattr__ of a module": of_modules_getattr,
    "module that is imported and replaced": of_replaced_module,
    "shape of an array": lambda: of_array(reshape, lambda a: len(a)),
    "dtype of an array": lambda: of_array(reinterpret),
    "number of ctypes": lambda: of_memory(ctypes.c_int32(1), lambda m: m.value),
    "array of ctypes": lambda: of_memory((ctypes.c_int32 * 2)(1, 2), lambda m: m[1]),
    "default factory": of_factory,
    "function of singledispatch": lambda: of_dispatch(functools.singledispatch, lambda holder: holder.of(1)),
    "method of singledispatch": lambda: of_dispatch(functools.singledispatchmethod, lambda holder: holder().of(1)),
    "hook of a Parameter": of_hook,
    "attribute of a Parameter": lambda: of_factor(Parameter(t32(1.0), name="w")),
    "attribute of a Parameter in a list": lambda: of_factor(Parameter(t32(1.0), name="w"), lambda o: [o][0].factor),
    "attribute of a Parameter by name": lambda: of_factor(Parameter(t32(1.0), name="w"), lambda o: vars(o)["factor"]),
    "later attribute of a Parameter": lambda: of_later_factor(Parameter(t32(1.0), name="w")),
    "name of a Parameter": of_parameters_name,
    "class of a Parameter": of_own_parameters_class,
    "attribute of a str": lambda: of_factor(Text("a")),
    "attribute of a float": lambda: of_factor(Number(1.0)),
    "order": lambda: of_order(False),
    "order after another one": lambda: of_order(True),
    "dict with its own items": of_own_items,
    "method of a list": lambda: of_bound([1.0, 2.0], 0, lambda o: functools.partial(o.__getitem__, 0)),
    "method of a dict": lambda: of_bound({"a": 1.0}, "a", lambda o: functools.partial(o.get, "a")),
    "method of an array": lambda: of_bound(np.arange(3.0), 0, lambda o: o.sum),
    "module that two functions read": of_two_functions,
    "submodule that two functions read": of_submodule_in_two_functions,
    "module in an object": lambda: of_held_module(lambda o, x: x * o.module.factor),
    "module's __dict__": lambda: of_held_module(lambda o, x: x * o.module.__dict__["factor"]),
    "module's function": lambda: of_held_module(lambda o, x: o.module.times(x)),
    "module that is given to a function": of_given_module,
    "os.getenv in two functions": of_environment_in_two_functions,
    "imported os.getenv": of_imported_getenv,
    "weak keys": of_weak_keys,
    "weak values": of_weak_values,
    "configuration": of_configuration,
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


class Labelled(dict):
    pass


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


@dataclasses.dataclass
class Batch:
    x: Tensor
    scale = 2.0

    def scaled(self):
        return self.x * self.scale * self.factor * sum(self.numbers)


def batch(factor=1.0, numbers=(1.0,)):
    made = Batch(new())
    made.factor, made.numbers = factor, list(numbers)
    return made


@pytest.mark.parametrize(
    "make", [lambda: Pair((new(), new())), lambda: Items([new(), new()]), lambda: Labelled(a=new())]
)
def test_attributes_of_containers_are_parts_of_the_program(make):
    def f(c):
        return (c["a"] if isinstance(c, dict) else c[1]) * c.label

    run = jit(f)
    for label in (2.0, 3.0, 2.0):
        c = make()
        c.label = label
        np.testing.assert_array_equal(run(c).asnumpy(), f(c).asnumpy())
        assert run(c).asnumpy()[0] == label
    assert len(run._log) == 2


def test_what_a_dataclass_has_beside_its_fields_is_part_of_the_program():
    f = Batch.scaled
    run, kept = jit(f), batch()
    for made in (kept, batch(), batch(3.0), batch(3.0, [1.0, 2.0]), batch(3.0, [1.0, 2.0])):
        np.testing.assert_array_equal(run(made).asnumpy(), f(made).asnumpy())
    assert len(run._log) == 3
    kept.numbers[0] = 5.0
    np.testing.assert_array_equal(run(kept).asnumpy(), f(kept).asnumpy())
    Batch.scale = 7.0
    try:
        np.testing.assert_array_equal(run(kept).asnumpy(), f(kept).asnumpy())
    finally:
        Batch.scale = 2.0
    np.testing.assert_array_equal(run(kept).asnumpy(), f(kept).asnumpy())


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
    "an empty list more": (lambda a, b: (b.append([]), a)[1], lambda: (X, [X]), "changes a list, dict or object"),
    "an empty tuple less": (lambda a, b: (b.pop(), a)[1], lambda: (X, [X, ()]), "changes a list, dict or object"),
    "an empty dict more": (lambda a, b: (b.update(k={}), a)[1], lambda: (X, {}), "changes a list, dict or object"),
    "another key": (
        lambda a, b: (b.update(other=b.pop("k")), a)[1],
        lambda: (X, {"k": X}),
        "changes a list, dict or object",
    ),
    "an attribute of a list": (
        lambda a, b: (setattr(b, "label", 1.0), a)[1],
        lambda: (X, Items([X])),
        "changes a list, dict or object",
    ),
    "an attribute of a dataclass": (
        lambda a, b: (setattr(b, "factor", b.factor + 1), a)[1],
        lambda: (X, batch()),
        "changes a list, dict or object",
    ),
    "a dict that loses": (lambda a, b: (b.pop("k"), a)[1], lambda: (X, {"k": X}), "changes a list, dict or object"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_replay_would_not_do_is_refused(name):
    f, arguments, message = REFUSED[name]
    with pytest.raises(adcore.RecordingError, match=message):
        jit(f)(*arguments())


def counting(o):
    def f(x):
        o.count = getattr(o, "count", 0) + 1
        return x * o.count

    return f


def counting_in_a_variable():
    def f(x):
        nonlocal count
        try:
            count += 1
        except NameError:
            count = 1
        return x * count

    if False:
        count = None
    return f


def counting_in_a_global():
    globals().pop("COUNTED", None)

    def f(x):
        globals().setdefault("COUNTED", 0)
        global COUNTED
        COUNTED += 1
        return x * COUNTED

    return f


class Counting:
    __slots__ = ("count",)


@pytest.mark.parametrize(
    "make",
    [
        lambda: counting(new_module()),
        lambda: counting(Counting()),
        lambda: counting(One()),
        counting_in_a_variable,
        counting_in_a_global,
    ],
    ids=["module", "slot", "object", "variable", "global"],
)
def test_what_comes_to_be_while_it_is_recorded_is_refused(make):
    with pytest.raises(adcore.RecordingError, match="(?i)count(ed)? from nothing to 1, which happens while"):
        jit(make())(X)
    f = jit_or_run(make())
    assert [float(f(t32(1.0))) for _ in range(3)] == [1.0, 2.0, 3.0]


def test_a_module_that_is_imported_meanwhile_is_no_change():
    package, part = new_module(), new_module(factor=2.0)

    def f(x):
        vars(package).setdefault("part", part)
        return x * package.part.factor

    np.testing.assert_array_equal(jit(f)(X).asnumpy(), [2.0, 4.0])


def test_memory_that_a_refused_recording_changed_is_put_back():
    strided, whole, view = np.arange(6.0)[::2], np.zeros((2, 3)), memoryview(bytearray(3))

    def f(x):
        strided[0] += 1
        view[0] += 1
        whole[...] += 1
        whole.shape = whole.shape[::-1]
        return x * float(strided[0] + view[0] + whole[0, 0] + len(whole))

    run = jit_or_run(f)
    assert [float(run(t32(1.0))) for _ in range(3)] == [6.0, 8.0, 12.0]


def test_numbers_of_numpy_that_have_no_dtype_of_their_own_are_recorded_once():
    held = [np.datetime64("2020-01-01"), np.timedelta64(3, "s"), np.str_("ab"), np.ma.array([1.0, 2.0], mask=[0, 1])]
    run = jit(lambda x: x * len([str(number) for number in held]))
    for _ in range(2):
        np.testing.assert_array_equal(run(X).asnumpy(), [4.0, 8.0])
    assert len(run._log) == 1


def test_elements_of_another_tensor_are_not_written_to():
    def f(x):
        x[0] = 5.0
        return x * 2

    run, base = jit(f), t32(1.0, 2.0, 3.0)
    np.testing.assert_array_equal(run(t32(1.0, 2.0)).asnumpy(), [10.0, 4.0])
    for call in (f, run):
        with pytest.raises(ValueError, match="this Tensor is elements of another one"):
            call(base[1:])
    np.testing.assert_array_equal(base.asnumpy(), [1.0, 2.0, 3.0])


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


def drawing(function):
    return lambda: lambda x: x * float(function())


def through_two_functions():
    def inner(x):
        return x * time.perf_counter()

    return lambda x: inner(x) * len(time.tzname)


def by_two_names(o, use, names):
    holder = types.SimpleNamespace()
    for name in names:
        setattr(holder, name, o)
    return lambda x: x * use(holder)


Date, clock = datetime.datetime, time.perf_counter

DRAWN = {
    "time.perf_counter": (lambda: lambda x: x * time.perf_counter(), "time.perf_counter, a clock"),
    "in another function": (through_two_functions, "time.perf_counter, a clock"),
    "imported": (lambda: lambda x: x * clock(), "time.perf_counter, a clock"),
    "class of datetime": (lambda: lambda x: x * Date.now().microsecond, "Date.now, a clock"),
    "random of random": (drawing(random.random), "random numbers"),
    "method of a Random": (drawing(random.Random(0).random), "random numbers"),
    "secrets": (lambda: lambda x: x * secrets.randbelow(9), "secrets.randbelow, random numbers"),
    "uuid": (lambda: lambda x: x * uuid.uuid4().fields[0], "uuid.uuid4, random numbers"),
    "imported uuid4": (drawing(uuid.uuid4), "uuid.uuid4, random numbers"),
    "os.urandom": (lambda: lambda x: x * os.urandom(1)[0], "os.urandom, random numbers"),
    "method of an iterator": (drawing(itertools.count().__next__), "an iterator"),
    **{
        f"by the names {' and '.join(names)}": (
            lambda names=names: by_two_names(itertools.count(), lambda holder: next(holder.used), names),
            "an iterator",
        )
        for names in (("used", "unused"), ("unused", "used"))
    },
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_tells_something_else_at_every_call_is_refused(name):
    make, message = DRAWN[name]
    with pytest.raises(adcore.RecordingError, match=message):
        jit(make())(X)


def test_attributes_of_a_parameter_that_is_an_argument():
    p = Parameter(t32(1.0), name="w")

    def f(x, p):
        return x * p * p.factor

    run = jit(f)
    for value in (2.0, 2.0, 3.0):
        p.factor = value
        np.testing.assert_array_equal(run(X, p).asnumpy(), f(X, p).asnumpy())
    assert len(run._log) == 2


def test_an_order_that_a_refused_recording_changed_is_put_back():
    ordered = collections.OrderedDict(a=1.0, b=2.0, c=3.0)

    def f(x):
        ordered.move_to_end(next(iter(ordered)))
        return x * next(iter(ordered.values()))

    run = jit_or_run(f)
    assert [float(run(t32(1.0))) for _ in range(4)] == [2.0, 3.0, 1.0, 2.0]


def test_what_a_text_reads_of_a_name_is_told_alike_by_every_version_of_python():
    # Later ones load two variables in one instruction, or store one and load another.
    def f(a, b, o):
        x = a
        y = o.k
        return g(a, b.q, y) + o.m() + x  # noqa: F821

    expected = {("a", None), ("x", None), ("y", None), ("g", None), ("b", "q"), ("o", "k"), ("o", "m")}
    attributes = {("k", None), ("q", None), ("m", None)}
    assert set(texts.uses_in(f.__code__, ())) == expected | attributes


def test_hooks_on_an_argument_are_called_where_the_function_differentiates_by_it():
    def f(x, t):
        return adcore.grad(lambda x, t: (x * t * t).sum(), 1)(x, t)

    compiled, x, t = jit(f), t32([1.0, 3.0]), t32([2.0, 5.0])
    np.testing.assert_array_equal(compiled(x, t).asnumpy(), [4.0, 30.0])
    handle = t.register_hook(lambda g: g * 10)
    for argument in (t, (t,)):
        call = jit(lambda x, t: f(x, t[0] if isinstance(t, tuple) else t))
        np.testing.assert_array_equal(call(x, argument).asnumpy(), [40.0, 300.0])
    np.testing.assert_array_equal(compiled(x, t).asnumpy(), [40.0, 300.0])
    with pytest.raises(adcore.RecordingError, match="an argument has hooks"):
        compiled.trace(x, t)
    handle.remove()
    np.testing.assert_array_equal(compiled(x, t).asnumpy(), [4.0, 30.0])
