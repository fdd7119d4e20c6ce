"""What a recorded function reads beside its arguments: the places where it finds objects, and what it found there.

A program is right as long as these places hold the same. Tensors are cells, which programs read whenever they run, so
of them only the place counts. Start reading at `Places.walk`.
"""

import functools
import sys
import types

from adcore import _core
from adcore._core import Tensor

_MOST = 100_000  # places
_MOST_BYTES = 4096  # of an array whose elements are compared

# The kinds of the core.
_VARIABLE, _ITEM, _ELEMENTS, _LENGTH, _ATTRIBUTE, _ARRAY = range(6)

_PACKAGE = __file__.rpartition("transforms")[0]
_NUMBERS = (bool, int, float, str, bytes, type(None))


@functools.cache
def _library_paths():
    import sysconfig

    return "<frozen", _PACKAGE, *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def _is_library(path):
    """Whether a file belongs to Python or an installed package, whose variables programs do not change."""
    return path.startswith(_library_paths())


def _is_ours(kind):
    return kind.__module__ == "adcore" or kind.__module__.startswith("adcore.")


def _names_in(code):
    """All names that a function's text reads, those of functions inside of it among them."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += _names_in(constant)
    return names


class Places:
    """The places that a function reads, with what stands there now.

    Attributes
    ----------
    guards : list of tuple
        Kind, holder, key and expected object of each place, as the core takes them.
    names : list of str
        What a user calls the places.
    """

    def __init__(self, *roots):
        self.guards = []
        self.names = []
        self._seen = set()
        self._held = []  # so that no id is used twice
        self._queue = [(name, o, None) for name, o in roots]
        self.walk()

    def walk(self):
        while self._queue and len(self.guards) < _MOST:
            name, o, code_names = self._queue.pop()
            if isinstance(o, (*_NUMBERS, Tensor)) or id(o) in self._seen:
                continue
            self._seen.add(id(o))
            self._held.append(o)
            self._visit(name, o, code_names)

    def _add(self, name, kind, holder, key, value, code_names=None):
        self.guards.append((kind, holder, key, value))
        self.names.append(name)
        if kind in (_VARIABLE, _ITEM, _ATTRIBUTE):
            self._push(name, value, code_names)

    def _push(self, name, o, code_names=None):
        self._queue.append((name, o, code_names))

    def _visit(self, name, o, code_names):
        kind = type(o)
        if isinstance(o, types.FunctionType):
            self._function(name, o)
        elif isinstance(o, types.MethodType):
            self._push(_owner(name), o.__self__)
            self._push(name, o.__func__)
        elif isinstance(o, functools.partial):
            self._push(name, o.func)
            self._push(name, o.args)
            self._push(name, o.keywords)
        elif isinstance(o, types.ModuleType):
            if not _is_library(getattr(o, "__file__", None) or "<frozen"):
                for key in code_names or ():
                    if key in o.__dict__:
                        self._add(f"{name}.{key}", _ITEM, o.__dict__, key, o.__dict__[key], code_names)
        elif isinstance(o, list):
            self._add(name, _ELEMENTS, o, None, tuple(o))
            for i, element in enumerate(o):
                self._push(f"{name}[{i}]", element)
        elif isinstance(o, dict):
            self._items(o, lambda key: f"{name}[{key!r}]")
        elif isinstance(o, (tuple, set, frozenset)):
            for i, element in enumerate(o):
                self._push(f"{name}[{i}]", element)
        elif isinstance(o, type):
            self._class(name, o)
        elif _core.is_array(o):
            if o.nbytes <= _MOST_BYTES and o.flags.c_contiguous and not o.dtype.hasobject:
                self._add(name, _ARRAY, o, None, o.tobytes())
        elif isinstance(o, _core.Jitted):
            self._push(name, o.__wrapped__)
        elif kind.__module__ == "adcore._core":
            import gc

            for referent in gc.get_referents(o):
                self._push(name, referent)
        elif isinstance(getattr(o, "__dict__", None), dict):
            self._instance(name, o)

    def _function(self, name, fn):
        code = fn.__code__
        for variable, cell in zip(code.co_freevars, fn.__closure__ or ()):
            try:
                value = cell.cell_contents
            except ValueError:  # it is assigned later
                continue
            self._add(variable, _VARIABLE, cell, None, value)
        self._push(name, fn.__defaults__)
        self._push(name, fn.__kwdefaults__)
        if _is_library(code.co_filename):
            return
        names = _names_in(code)
        for key in dict.fromkeys(names):
            if key in fn.__globals__:
                self._add(key, _ITEM, fn.__globals__, key, fn.__globals__[key], names)

    def _items(self, holder, name_of):
        self._add(name_of("..."), _LENGTH, holder, None, len(holder))
        for key, value in list(holder.items()):
            self._add(name_of(key), _ITEM, holder, key, value)

    def _instance(self, name, o):
        kind = type(o)
        module = sys.modules.get(kind.__module__)
        if not _is_ours(kind) and _is_library(getattr(module, "__file__", None) or ""):
            return
        # A cell's children and Parameters stand in its registries and, again, as attributes.
        twice = ("_params", "_cells", "_buffers") if isinstance(o, _core.CellBase) else ()
        holder = o.__dict__
        self._add(f"{name}.__dict__", _LENGTH, holder, None, len(holder))
        for key, value in list(holder.items()):
            if key in twice:
                continue
            self._add(f"{name}.{key}", _ITEM, holder, key, value)
        if not _is_ours(kind):
            self._class(name, kind)
            for part in kind.__mro__:
                for method in vars(part).values():
                    if isinstance(method, types.FunctionType) and not _is_library(method.__code__.co_filename):
                        self._push(name, method)

    def _class(self, name, kind):
        for part in kind.__mro__:
            if part is object or _is_ours(part):
                continue
            for key, value in vars(part).items():
                if isinstance(value, (bool, int, float, str)) and not key.startswith("__"):
                    self._add(f"{name}.{key}", _ATTRIBUTE, kind, key, value)


def _owner(name):
    return name.rpartition(".")[0] or "self"


def changes(before, after):
    """Return what differs between two walks of the same function: name, value before, value after, of each place."""
    now = {(g[0], id(g[1]), _key(g[2])): g[3] for g in after.guards}
    found = []
    for name, (kind, holder, key, value) in zip(before.names, before.guards):
        other = now.get((kind, id(holder), _key(key)), value)
        if other is not value and not (isinstance(value, _NUMBERS) and type(other) is type(value) and other == value):
            if isinstance(value, tuple) and len(value) == len(other) and all(a is b for a, b in zip(value, other)):
                continue
            found.append((name, value, other))
    return found


def _key(key):
    return key if isinstance(key, (str, int, type(None))) else id(key)
