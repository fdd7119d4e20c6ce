"""What transforms return behaves like a function: it is called, bound as a method, copied and pickled.

A function is pickled by its name. What a transform made is pickled by name, too, where its module has it by the name of
the function that it was made of, as after a decorator; otherwise as the call that made it. Start reading at `Made`.
"""

import functools
import sys
from types import CellType, CodeType, FunctionType, MethodType, ModuleType

from adcore._core import Parameter

_EMPTY = CellType()  # the variable of a closure that has no value yet


class Made:
    """A function that a transform made of `fn`.

    Data: what runs, ``_call``; the function and the arguments, ``_recipe``, that make the like of it, and which of
    these are the weights.
    """

    def __init__(self, call, fn, name, recipe, weights=None):
        self.__wrapped__ = fn
        self.__name__ = name
        self._call = call
        self._recipe = recipe
        self._weights = weights

    def __call__(self, /, *args, **kwargs):
        """Call it."""
        return self._call(*args, **kwargs)

    def __get__(self, instance, owner=None):
        """Bind it as a method."""
        return self if instance is None else MethodType(self, instance)

    def __repr__(self):
        return f"<{self.__name__} of {self.__wrapped__!r}>"

    def __reduce__(self):
        """Copy and pickle it."""
        return reduced(self, self._recipe, self._weights)

    def __deepcopy__(self, memo):
        return deep_copied(self, self._recipe, self._weights, memo)


def innermost(fn):
    """Return the function of which transforms and decorators made `fn`."""
    while hasattr(fn, "__wrapped__"):
        fn = fn.__wrapped__
    return fn


def _found(module, name):
    """Return what a module has by a dotted name, or None."""
    return functools.reduce(lambda found, part: getattr(found, part, None), name.split("."), sys.modules.get(module))


def reduced(made, recipe, weights=None):
    """Return what ``__reduce__`` returns for what a transform made, by its name or by its recipe.

    `weights` are the Parameters in the recipe, or one alone.
    """
    fn = innermost(made)
    module, name = getattr(fn, "__module__", None), getattr(fn, "__qualname__", None)
    by_name = isinstance(module, str) and isinstance(name, str) and _found(module, name) is made
    if by_name and not (module == "__main__" and _is_taken_along()):
        return named, (module, name)
    return (_with_weights, (made.__wrapped__, *recipe)) if read_by(fn, weights) else recipe


def _is_taken_along():
    """Tell whether cloudpickle is at work, which takes the functions of a program along: other processes lack them.

    It asks an object for no more than pickle does.
    """
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").rpartition(".")[2].startswith("cloudpickle"):
            return True
        frame = frame.f_back
    return False


def _with_weights(fn, make, options):
    """Make what was pickled of a function and of Parameters that it reads, which must be of one pickle."""
    inner = innermost(fn)
    if innermost(_found(inner.__module__, inner.__qualname__)) is inner:
        raise TypeError(
            f"{inner.__qualname__} was pickled by its name, the weights of its derivative by their values: these are "
            "not the Parameters that it reads here. Pickle the derivative of a Cell, which holds them, or make the "
            "derivative where it is used."
        )
    return make(*options)


def named(module, name):
    """Return what a module has by a name, for pickle."""
    import importlib

    importlib.import_module(module)
    found = _found(module, name)
    if found is None:
        raise AttributeError(f"module {module!r} has no {name!r}, by which a function was pickled.")
    return found


def deep_copied(made, recipe, weights, memo):
    """Return a deep copy of what a transform made; `weights` are the Parameters in its recipe, or one alone.

    A function is not copied, and the Parameters that it reads stay what they are; others, which it is given, are.
    """
    import copy

    fn = copy.deepcopy(made.__wrapped__, memo)
    read = read_by(fn, weights)

    def copied(option):
        if option is made.__wrapped__:
            return fn
        if option is None or option is not weights:
            return copy.deepcopy(option, memo)
        twins = tuple(w if id(w) in read else copy.deepcopy(w, memo) for w in _listed(weights))
        return twins[0] if isinstance(weights, Parameter) else twins

    if fn is made.__wrapped__ and not _listed(weights):
        return made
    make, options = recipe
    return make(*map(copied, options))


def _listed(weights):
    return () if weights is None else (weights,) if isinstance(weights, Parameter) else weights


def read_by(fn, weights):
    """Return the ids of those of the weights that a function of a module or a closure reads, whatever it is given."""
    inner = innermost(fn)
    wanted, found, seen, waiting = {id(w) for w in _listed(weights)}, set(), set(), [inner]
    if not isinstance(inner, FunctionType):
        return found
    while waiting and found != wanted:
        o = waiting.pop()
        if id(o) in seen or isinstance(o, (type, str, int, float)):
            continue
        seen.add(id(o))
        if id(o) in wanted:
            found.add(id(o))
        elif isinstance(o, FunctionType):
            waiting += _read_by_function(o)
        elif isinstance(o, MethodType):
            waiting += (o.__func__, o.__self__)
        elif isinstance(o, functools.partial):
            waiting += (o.func, o.args, o.keywords)
        elif isinstance(o, dict):
            waiting += o.values()
        elif isinstance(o, (tuple, list, set, frozenset)):
            waiting += o
        elif not isinstance(o, ModuleType):
            waiting += (getattr(o, "__wrapped__", None), getattr(o, "__dict__", None))
    return found


def _read_by_function(fn):
    """Yield what the variables of a function hold, and what it reads of modules."""
    codes = [fn.__code__]
    for code in codes:
        codes += (c for c in code.co_consts if isinstance(c, CodeType))
    names = {name for code in codes for name in code.co_names}
    for name in names & fn.__globals__.keys():
        value = fn.__globals__[name]
        if isinstance(value, ModuleType):
            yield from (vars(value)[n] for n in names & vars(value).keys())
        yield value
    yield from (cell.cell_contents for cell in fn.__closure__ or () if cell != _EMPTY)
    yield fn.__defaults__
    yield fn.__kwdefaults__


def add_methods(cls, **methods):
    """Give methods to a class of the core."""
    for name, method in methods.items():
        method.__name__ = name
        method.__qualname__ = f"{cls.__name__}.{name}"
        setattr(cls, name, method)
