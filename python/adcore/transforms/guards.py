"""What a recorded function reads beside its arguments: the places where it finds objects, and what it found there.

A program is right as long as these places hold the same. Tensors are cells, which programs read whenever they run, so
of them only the place counts. What cannot be compared, and is named by the function, is refused. Start reading at
`Places.walk`.
"""

import builtins
import collections
import contextvars
import functools
import gc
import os
import sys
import types
import weakref

from adcore import _core
from adcore._core import Tensor
from adcore.transforms.restoring import NOTHING, NUMBERS, PUT_BACK, entries_of, flat, items_of, same
from adcore.transforms.texts import BY_NAME, function_of, instructions_of, names_in, texts_in, uses_in

_MOST = 100_000  # places
_MOST_BYTES = 1 << 20  # of an array whose elements are compared

# The kinds of the core.
_VARIABLE, _ITEM, _ABSENT, _LIST, _DICT, _CLASS, _FUNCTION, _ATTRIBUTE, _COPY, _TRAINED, _TYPE = range(11)

_PACKAGE = __file__.rpartition("transforms")[0]
_LIBRARY = os.path.dirname(os.__file__)
_HEAP_TYPE = 1 << 9  # of a class whose objects may get another one
_ACTS = ("print", "input", "open", "exec", "eval", "breakpoint", "globals", "locals", "vars", "delattr", "setattr")
_PURE = (  # modules whose functions change nothing but what they are given
    "__future__ abc adcore builtins cmath collections contextlib copy dataclasses decimal enum fractions functools "
    "heapq inspect itertools math mindspore numbers numpy operator re string types typing typing_extensions"
).split()
_LEFT_BEHIND = ("__slotnames__", "__annotations__")  # in a class by a copy of an object, and where typing asks for them
_NAMESPACES = (  # of the standard library
    "Namespace SimpleNamespace UserDict UserList ChainMap WeakKeyDictionary WeakValueDictionary ConfigParser "
    "RawConfigParser SectionProxy singledispatchmethod"
).split()


def _is_library(path):
    """Whether a file belongs to Python or an installed package, whose variables programs do not change."""
    return path.startswith(("<frozen", _PACKAGE, _LIBRARY)) or "site-packages" in path or "dist-packages" in path


def _module_of(kind):
    module = kind.__module__  # of some native types it is what tells it for their objects
    return module if isinstance(module, str) else "adcore._core"


def _is_ours(kind):
    return _module_of(kind).partition(".")[0] == "adcore"


def is_of_library(kind):
    """Whether a class is Python's, or an installed package's.

    What has no file and is not Python's, as the classes of an interactive session, is the user's.
    """
    name = _module_of(kind)
    path = getattr(sys.modules.get(name), "__file__", None)
    if path is None:
        return name.partition(".")[0] in sys.stdlib_module_names or name == "builtins" or _is_ours(kind)
    return _is_ours(kind) or (_is_library(path) and name != "__main__")


def _is_own_dict(o, holder):
    """Whether it is the dict of an object's attributes, and not what a property of that name makes."""
    kinds = (part.__dict__.get("__dict__") for part in type(o).__mro__)
    return type(holder) is dict and not any(isinstance(found, property) for found in kinds)


def _is_plain(o):
    """Whether it is a number, a text or the like, and nothing else: an object of a user's subclass has attributes."""
    return type(o) in NUMBERS or (isinstance(o, NUMBERS) and is_of_library(type(o)))


def _is_written(o):
    """Whether it is a file that something is written to."""
    try:
        return o.writable()
    except (AttributeError, ValueError):  # no file, or a closed one
        return False


_RANDOM = (
    "random numbers of Python or NumPy, which would be drawn once, when it is recorded; draw with adcore.ops, or give "
    "them as arguments."
)


def _counts(word, mentioned):
    """Whether what a word leads to may be read: for sure, by an operator, or by a text that has the word."""
    if word is None or word in mentioned:
        return True
    return word.startswith("__") and word not in ("__init__", "__new__", "__init_subclass__", "__del__", "__repr__")


_CLOCKS = {
    "time": {"time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "process_time", "thread_time"},
    "datetime": {"now", "today", "utcnow"},
}
_DRAWN = {  # what tells something else at every call, by the module
    **_CLOCKS,
    "os": {"getrandom", "urandom"},
    "secrets": {"choice", "randbelow", "randbits", "token_bytes", "token_hex", "token_urlsafe"},
    "uuid": {"uuid1", "uuid4"},
}
_CLOCK = "a clock, which would be read once, when it is recorded; read it outside, and give what it tells as a Tensor."


def _value_of(variable):
    """Return what a ContextVar holds here, as a tuple."""
    return (variable.get(NOTHING),)


def _referent_of(reference):
    return (reference(),)


def _content_of(cell):
    """Return what a variable of a closure holds, as a tuple."""
    try:
        return (cell.cell_contents,)
    except ValueError:  # it is not assigned yet, or was deleted
        return (NOTHING,)


def _read_slot(name, o):
    return (getattr(o, name, NOTHING),)


@functools.lru_cache(maxsize=4096)  # the key of a place must be the same object in every walk
def _slot_reader(name):
    """Return what tells whether an object has a slot's value, as a tuple."""
    return functools.partial(_read_slot, name)


def _array_of(array):
    """Return how a NumPy array is read, and its elements: all that may change in place."""
    dtype = array.dtype  # one of its own for each question, where there are no fields
    return (dtype if dtype.fields else dtype.str, *array.shape, array.tobytes())


def _bytes_in(o):
    """Return the size of memory that others may write to, as of array, ctypes and mmap; of what is none, None."""
    if isinstance(o, Tensor):  # a cell
        return None
    try:
        with memoryview(o) as view:
            return view.nbytes
    except (TypeError, ValueError, BufferError):
        return None


class Places:
    """The places that a function reads, with what stands there now.

    Attributes
    ----------
    guards : list of tuple
        Kind, holder, key and expected object of each place, as the core takes them.
    names : list of str
        What a user calls the places.
    own : set of int
        The ids of the holders that belong to objects of adcore's own classes.
    """

    def __init__(self, *roots, called=()):
        self.guards = []
        self.names = []
        self.own = set()
        # What is reached by a word, an attribute or key, may never be read: it counts where a text that counts has it.
        self._texts = []  # the word that leads to a function, None where it runs for sure; the names in its text
        self._unclear = []  # what cannot be compared: word, name, why
        self._tensors = []  # word, Tensor
        self._comparisons = []  # words that lead to texts that compare objects by identity
        self._acts = []  # what may do something outside of Python's objects: word, name
        self._word = None  # that leads to what is being visited
        # What functions that a program calls back read and change is theirs, where the text names it for them alone:
        # their code; and objects of which nothing but a method is read, which is called back.
        self._called = {function_of(fn).__code__ for fn in called if hasattr(function_of(fn), "__code__")}
        self._methods = {id(fn.__self__): fn.__name__ for fn in called if hasattr(fn, "__self__")}
        self._owners = {}  # the ids of these objects: what it was reached by
        self._uses = {}  # name: the attributes that are read of it at once, None among them
        # Name and __dict__ of Parameters, modules and objects of a library's class; the keys that have been visited.
        self._named = []
        self._asked = {}  # id of a module: the same keys
        self._modules = []  # name and __dict__ of those of which any text may read
        self._attributes = set()  # that are read in any text
        self._parameters = []  # name, Parameter
        self._seen = {}  # what has been visited: the word that led to it
        self._again = []  # what another word leads to, too
        self._marks = set()  # of the guards
        self._held = []  # so that no id is used twice
        self._queue = [(name, o, (), None) for name, o in roots]
        self._later = []  # what is reached by a word: it may be reached for sure, too
        self.walk()

    def walk(self):
        while self._queue or self._later or self._visit_mentioned() or self._visit_owners() or self._visit_again():
            if len(self.guards) > _MOST:
                raise _core.RecordingError(
                    f"jit: the function reaches more than {_MOST:,} places beside its arguments; give it what it "
                    "needs as arguments."
                )
            name, o, code_names, self._word = (self._queue or self._later).pop()
            if type(o) is Tensor:
                self._tensors.append((self._word, o))
            if isinstance(o, Tensor) and (hooks := _core.hooks_of(o)) is not None:
                for hook in hooks.values():
                    self._push(f"a hook of {name}", hook)
            # Each function reads other names of a module, and of a class that has a clock.
            is_named = isinstance(o, types.ModuleType) or (isinstance(o, type) and _module_of(o) in _CLOCKS)
            seen = (id(o), id(code_names)) if is_named else id(o)
            if type(o) is Tensor or _is_plain(o):
                continue
            if seen in self._seen:
                if self._seen[seen] not in (None, self._word):
                    self._again.append((seen, (name, o, code_names, self._word)))
                continue
            self._seen[seen] = self._word
            self._held.append((o, code_names))
            if isinstance(o, _core.Parameter):
                self._add(f"{name}.requires_grad", _TRAINED, o, None, o.requires_grad)
                self._parameters.append((name, o))
                if type(o) is not _core.Parameter:
                    self._instance(name, o, type(o))
            else:
                self._visit(name, o, code_names)
        mentioned = self._mentioned()
        for word, name, why in self._unclear:
            if _counts(word, mentioned):
                raise _core.RecordingError(f"jit: the function uses {name}, {why}")

    def compared(self):
        """Return the Tensors among what the function reads, where its text compares objects by identity."""
        mentioned = self._mentioned()
        if not any(_counts(word, mentioned) for word in self._comparisons):
            return []
        return [t for word, t in self._tensors if _counts(word, mentioned)]

    def check_acts(self):
        """Raise for a function that may do what cannot be taken back."""
        mentioned = self._mentioned()
        for word, name in self._acts:
            if _counts(word, mentioned):
                raise _core.RecordingError(f"it uses {name}, which may do something once when it is recorded.")

    def put_back(self):
        """Give all places what they held when they were walked."""
        for kind, holder, key, expected in self.guards:
            PUT_BACK[kind](holder, key, expected)

    def _mentioned(self):
        """Return the names in the texts that count."""
        names, waiting = {"construct", "bprop"}, self._texts
        while True:
            counting = [own for word, own in waiting if _counts(word, names)]
            if not counting:
                return names
            waiting = [text for text in waiting if not _counts(text[0], names)]
            for own in counting:
                names.update(own)

    def _visit_mentioned(self):
        """Push the attributes of Parameters, modules and libraries' objects that the function's text names.

        Others change as they like. Tell whether anything was found: it may lead to more text.
        """
        if not self._named and not self._parameters:
            return False
        mentioned, parameters = self._mentioned(), self._parameters
        self._parameters = []
        for name, parameter in parameters:
            if "name" in mentioned:
                self._add(f"{name}.name", _ATTRIBUTE, parameter, "name", parameter.name)
            holder = parameter.__dict__
            self.own.add(id(holder))
            if BY_NAME.isdisjoint(mentioned):
                self._named.append((name, holder, set()))
            else:  # it may ask for what is not there yet
                self._items(f"{name}.__dict__", holder, lambda key, name=name: f"{name}.{key}")
        for name, holder, asked in self._named:
            for key in [key for key in holder if key in mentioned and key not in asked]:
                asked.add(key)
                self._add(f"{name}.{key}", _ITEM, holder, key, holder[key])
                self._push(f"{name}.{key}", holder[key], word=key)
        for name, holder in self._modules:
            self._miss(name, holder, self._attributes)
        return bool(self._queue or self._later)

    def _visit_owners(self):
        owners, self._owners = self._owners, {}
        methods, self._methods = self._methods, {}
        for owner, ways in owners.items():
            words = {name.rpartition(".")[2] for name, _, _, _ in ways}
            if any(self._uses.get(word) != {methods[owner]} for word in words):
                self._queue += ways
        return bool(self._queue)

    def _visit_again(self):
        """Push what was reached by a word that does not count, and by another one that does."""
        if not self._again:
            return False
        mentioned, again, self._again = self._mentioned(), self._again, []
        for seen, way in again:
            if _counts(self._seen.get(seen), mentioned) or not _counts(way[-1], mentioned):
                self._again.append((seen, way))
            else:
                del self._seen[seen]
                (self._queue if way[-1] is None else self._later).append(way)
        return bool(self._queue or self._later)

    def _add(self, name, kind, holder, key, expected):
        """Note a place, and tell whether it is a new one."""
        mark = (kind, id(holder), _key(key))
        if mark in self._marks:
            return False
        self._marks.add(mark)
        self.guards.append((kind, holder, key, expected))
        self.names.append(name)
        return True

    def _push(self, name, o, code_names=(), word=None):
        word = self._word if word is None else word
        if id(o) in self._methods:
            return self._owners.setdefault(id(o), []).append((name, o, code_names, word))
        (self._queue if word is None else self._later).append((name, o, code_names, word))

    def _refuse(self, name, why):
        self._unclear.append((self._word, name, why))

    def _visit(self, name, o, code_names):
        kind = type(o)
        if is_of_library(kind) or (isinstance(o, type) and is_of_library(o)):
            self._check_pure(_module_of(o if isinstance(o, type) else kind))
        if isinstance(o, types.FunctionType):
            self._function(name, o)
        elif isinstance(o, types.MethodType):
            self._push(name.rpartition(".")[0] or "self", o.__self__)
            self._push(name, o.__func__)
        elif isinstance(o, (types.BuiltinMethodType, types.MethodWrapperType)):
            self._native(name, o)
        elif isinstance(o, (staticmethod, classmethod)):
            self._push(name, o.__func__)
        elif isinstance(o, property):
            for part in (o.fget, o.fset):
                self._push(name, part)
        elif isinstance(o, (functools.partial, functools.partialmethod)):
            self._push(name, o.func)
            self._push(name, o.args)
            self._push(name, o.keywords)
        elif hasattr(kind, "cache_clear") and callable(getattr(o, "__wrapped__", None)):  # functools.lru_cache
            self._push(name, o.__wrapped__)
        elif isinstance(o, _core.Jitted):
            return self._push(name, o.__wrapped__)
        elif isinstance(o, types.ModuleType):
            self._module(name, o, code_names)
        elif isinstance(o, type):
            if is_of_library(o):
                self._check_drawn(name, _module_of(o), code_names)
            else:
                self._class(name, o)
        elif isinstance(o, dict):
            self._items(name, o, lambda key: f"{name}[{key!r}]")
            if isinstance(o, collections.OrderedDict):  # its order is its own, and not that of the dict below it
                self._add(name, _COPY, o, tuple, tuple(o))
            if isinstance(o, collections.defaultdict):
                self._add(f"{name}.default_factory", _ATTRIBUTE, o, "default_factory", o.default_factory)
                self._push(f"{name}.default_factory", o.default_factory)
        elif o is os.environ:
            self._environment()
        elif isinstance(o, list):
            self._add(name, _LIST, o, None, tuple(o))
            self._elements(name, o)
        elif isinstance(o, tuple):
            self._elements(name, o)
        elif isinstance(o, contextvars.ContextVar):
            self._add(name, _COPY, o, _value_of, _value_of(o))
            self._elements(name, _value_of(o))
        elif isinstance(o, weakref.ref):
            self._add(name, _COPY, o, _referent_of, _referent_of(o))
            self._elements(name, _referent_of(o))
        elif isinstance(o, (set, frozenset)):
            self._add(name, _COPY, o, frozenset, frozenset(o))
            self._elements(name, o)
        elif isinstance(o, collections.deque):
            self._add(name, _COPY, o, tuple, tuple(o))
            self._elements(name, o)
        elif isinstance(o, bytearray):
            self._add(name, _COPY, o, bytes, bytes(o))
        elif isinstance(o, types.MappingProxyType):
            self._add(name, _COPY, o, items_of, items_of(o))
            self._elements(name, o.values())
        elif isinstance(o, (type({}.values()), type({}.items()), type({}.keys()))):
            self._add(name, _COPY, o, tuple, tuple(o))
            self._elements(name, o)
        elif _module_of(kind).partition(".")[0] == "numpy" and hasattr(o, "tobytes") and hasattr(o, "dtype"):
            self._array(name, o)
        elif _module_of(kind).startswith(("random", "numpy.random")):
            self._refuse(name, _RANDOM)
        elif (size := _bytes_in(o)) is not None:
            if self._is_small(name, "memory", size):
                self._add(name, _COPY, o, bytes, bytes(o))
        elif hasattr(kind, "__next__") and not _is_written(o):
            self._refuse(name, "an iterator or file, which moves on at every call; give what it yields as an argument.")
        elif _module_of(kind) == "adcore._core" and not hasattr(o, "__dict__"):
            for referent in gc.get_referents(o):
                self._push(name, referent)
        self._instance(name, o, kind)

    def _function(self, name, fn):
        code = fn.__code__
        if code in self._called:
            return
        if isinstance(forget := fn.__dict__.get("_clear_cache"), types.MethodType):
            self._seen[id(forget.__self__)] = None  # where functools.singledispatch keeps what it has found
        names = {}  # and whether each is an attribute of something
        if not _is_library(code.co_filename):
            globals_read, attributes, compares = instructions_of(code)
            names = {key: key in attributes for key in names_in(code, self._called)}
            if not BY_NAME.isdisjoint(names):
                names.update(dict.fromkeys(texts_in(code), True))
            self._attributes.update(key for key, is_attribute in names.items() if is_attribute)
        uses = list(uses_in(code, self._called)) if self._called or self._methods else ()
        for used, attribute in uses:
            self._uses.setdefault(used, set()).add(attribute)
        read = {used for used, _ in uses} if self._called else code.co_freevars
        for variable, cell in zip(code.co_freevars, fn.__closure__ or ()):
            if variable not in read:
                continue
            (value,) = content = _content_of(cell)
            if value is NOTHING:
                self._add(variable, _COPY, cell, _content_of, content)
                continue
            self._add(variable, _VARIABLE, cell, None, value)
            self._push(variable, value, names)
        self._push(name, fn.__defaults__)
        self._push(name, fn.__kwdefaults__)
        if fn.__dict__ or not _is_library(code.co_filename):
            self._items(f"{name}.__dict__", fn.__dict__, lambda key: f"{name}.{key}")
        if _is_library(code.co_filename):
            self._check_pure(fn.__module__ or "builtins")
            self._check_drawn(fn.__module__, fn.__module__, (fn.__name__,))
            if fn is os.getenv:
                self._environment()
            return
        self._add(name, _FUNCTION, fn, None, (code, fn.__defaults__, fn.__kwdefaults__))
        if compares:
            self._comparisons.append(self._word)
        self._texts.append((self._word, {*names, *code.co_freevars}))
        for key in names:
            if key in fn.__globals__:
                value = fn.__globals__[key]
                self._add(key, _ITEM, fn.__globals__, key, value)
                self._push(key, value, names)
            elif key in builtins.__dict__:
                self._add(key, _ABSENT, fn.__globals__, key, None)
                if key in _ACTS:
                    self._acts.append((self._word, key))
            else:
                if key in globals_read:
                    self._add(key, _ABSENT, fn.__globals__, key, None)
                if isinstance(sys.modules.get(key), types.ModuleType):  # it may be imported by the function
                    if not _is_library(getattr(sys.modules[key], "__file__", None) or "<frozen"):
                        self._add(f"the module {key}", _ITEM, sys.modules, key, sys.modules[key])
                    self._push(key, sys.modules[key], names)

    def _native(self, name, fn):
        """Push what a native function is a method of: it reads and changes that."""
        owner = fn.__self__
        if isinstance(owner, (types.ModuleType, type)):
            module = owner.__name__ if isinstance(owner, types.ModuleType) else _module_of(owner)
            self._check_drawn(module, module, (fn.__name__,))
        else:
            self._push(f"{name}.__self__", owner)

    def _check_drawn(self, name, module, names):
        """Refuse what would be read or drawn once: those of some names that a module or its class has."""
        drawn = _DRAWN.get(module, frozenset()).intersection(names)
        if drawn:
            self._refuse(f"{name}.{min(drawn)}", _CLOCK if module in _CLOCKS else _RANDOM)

    def _environment(self):
        """Compare the variables of the environment as os keeps them."""
        variables = getattr(os.environ, "_data", None)
        if id(variables) in self._seen:
            return
        self._seen[id(variables)] = None
        if type(variables) is dict:
            self._add("os.environ", _DICT, variables, None, entries_of(variables))
        else:
            self._refuse("os.environ", "which may change unseen; read it outside.")

    def _module(self, name, module, code_names):
        if module.__name__ in ("random", "numpy.random") or (module.__name__ == "numpy" and "random" in code_names):
            self._refuse("numpy.random" if module.__name__ == "numpy" else module.__name__, _RANDOM)
        self._check_pure(module.__name__)
        if module is os and not {"environ", "getenv"}.isdisjoint(code_names):
            self._environment()
        self._check_drawn(module.__name__, module.__name__, code_names)
        if _is_library(getattr(module, "__file__", None) or "") or module.__name__ in sys.builtin_module_names:
            return
        holder, asked = module.__dict__, self._asked.setdefault(id(module), set())
        found = [key for key in code_names if key in holder]
        if not found:  # it stands in an object, or is given to a function, and may be read anywhere
            self._named.append((name, holder, asked))
            self._modules.append((name, holder))
        for key in found:
            if key not in asked:
                asked.add(key)
                self._add(f"{name}.{key}", _ITEM, holder, key, holder[key])
            self._push(f"{name}.{key}", holder[key], code_names)
        self._miss(name, holder, (key for key, is_attribute in dict(code_names).items() if is_attribute))

    def _miss(self, name, holder, attributes):
        """Note what a module does not have: it may be asked for, and come."""
        for key in attributes:
            if key not in holder and self._add(f"{name}.{key}", _ABSENT, holder, key, None):
                self._push(f"{name}.__getattr__", holder.get("__getattr__"))

    def _check_pure(self, module):
        """Note a library of whose functions nobody knows what they do."""
        root = module.partition(".")[0]
        library = _is_library(getattr(sys.modules.get(module), "__file__", None) or "<frozen")
        if library and root not in _PURE and module != "__main__":
            self._acts.append((self._word, module))

    def _elements(self, name, elements):
        for i, element in enumerate(elements):
            self._push(f"{name}[{i}]", element)

    def _items(self, name, holder, name_of):
        self._add(name, _DICT, holder, None, entries_of(holder))
        for key, value in list(dict.items(holder)):
            self._push(name_of(key), value, word=key if isinstance(key, str) else None)

    def _array(self, name, array):
        if array.dtype.hasobject:
            self._refuse(name, "a NumPy array of objects, whose changes are not seen; give it as an argument.")
        elif self._is_small(name, "a NumPy array", array.nbytes):
            self._add(name, _COPY, array, _array_of, _array_of(array))

    def _is_small(self, name, what, size):
        """Whether the bytes of what changes in place are compared; what is too large for that is refused."""
        if size > _MOST_BYTES:
            why = "whose changes would not be seen; give it as an argument, or make a Tensor of it."
            self._refuse(name, f"{what} of {size >> 20} MB, {why}")
        return size <= _MOST_BYTES

    def _instance(self, name, o, kind):
        """Push what stands in the object itself, and the methods and variables of its class."""
        if isinstance(o, (type, types.ModuleType, types.FunctionType, types.MethodType)):
            return
        holder = getattr(o, "__dict__", None)
        if kind.__flags__ & _HEAP_TYPE and not is_of_library(kind):
            self._add(f"{name}.__class__", _TYPE, o, None, (kind, holder if _is_own_dict(o, holder) else None))
        if type(holder) is dict:
            if _is_ours(kind):
                self.own.add(id(holder))
            if not is_of_library(kind) or _is_ours(kind) or kind.__name__ in _NAMESPACES:
                self._items(f"{name}.__dict__", holder, lambda key: f"{name}.{key}")
            else:
                self._named.append((name, holder, set()))
        if is_of_library(kind):
            return
        for part in kind.__mro__:
            slots = part.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                if slot in ("__dict__", "__weakref__"):
                    continue
                if slot.startswith("__") and not slot.endswith("__"):  # a private name is one of its class
                    slot = f"_{part.__name__.lstrip('_')}{slot}"
                (value,) = content = _read_slot(slot, o)
                if value is NOTHING:
                    self._add(f"{name}.{slot}", _COPY, o, _slot_reader(slot), content)
                    continue
                self._add(f"{name}.{slot}", _ATTRIBUTE, o, slot, value)
                self._push(f"{name}.{slot}", value, word=slot)
        self._push(kind.__name__, kind)

    def _class(self, name, kind):
        for part in (*kind.__mro__, *type(kind).__mro__):
            if is_of_library(part) or id(part.__dict__) in self._seen:
                continue
            self._add(f"{part.__name__}.__dict__", _CLASS, part, part.__bases__, flat(part.__dict__.items()))
            for key, value in part.__dict__.items():
                self._push(f"{part.__name__}.{key}", value, word=key)


# ---- comparing ----------------------------------------------------------------------------------------------------


def changes(before, after):
    """Return what differs between two walks of the same function, place by place.

    Each is a name, the value before, the value after, and whether it belongs to an object of adcore's own classes. Of
    containers the parts that differ are told, or the lengths.
    """
    now = {(g[0], id(g[1]), _key(g[2])): g[3] for g in after.guards}
    found = []
    for name, (kind, holder, key, old) in zip(before.names, before.guards):
        new = now.get((kind, id(holder), _key(key)), old)
        if kind == _ABSENT:
            old, new = NOTHING, holder.get(key, NOTHING)
            if isinstance(new, types.ModuleType):  # it was imported, and is there from now on
                continue
        elif kind == _COPY and same(old, (NOTHING,)):  # another kind of place where something is there
            (old,), (new,) = old, key(holder)
        parts = []
        if kind in (_LIST, _DICT, _CLASS):
            parts = _changes_inside(name, kind, old, new)
        elif kind in (_ITEM, _ABSENT, _VARIABLE, _ATTRIBUTE, _COPY, _TYPE) and not same(old, new):
            parts = [(name, old, new)]
        found += [(*part, id(holder) in before.own) for part in parts]
    return found


def _changes_inside(name, kind, old, new):
    if kind == _LIST:
        if len(old) != len(new):
            return [(name, f"{len(old)} elements", f"{len(new)} elements")]
        return [(f"{name}[{i}]", a, b) for i, (a, b) in enumerate(zip(old, new)) if not same(a, b)]
    keys = {id(k) if not isinstance(k, str) else k: k for k in (*old[::2], *new[::2])}
    was, now = dict(_pairs(old)), dict(_pairs(new))
    base = name.removesuffix(".__dict__")
    return [
        (f"{base}.{key}" if base != name else f"{name}[{key!r}]", was.get(k, NOTHING), now.get(k, NOTHING))
        for k, key in keys.items()
        if key not in _LEFT_BEHIND and not same(was.get(k, NOTHING), now.get(k, NOTHING))
    ]


def _pairs(flat):
    return ((k if isinstance(k, str) else id(k), v) for k, v in zip(flat[::2], flat[1::2]))


def _key(key):
    return key if isinstance(key, (str, int, type(None))) else id(key)
