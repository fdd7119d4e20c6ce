"""MindSpore's classes of operators, ``ops.ReduceSum(keep_dims=True)(x, 1)``: each is made of a row of `operator_table`.

    ReduceSum(keep_dims=False, skip_mode=False)(x, axis=()) = reduced(sum, x, axis, keep_dims, skip_mode)

is the class, its attributes with their defaults, the operands of a call, and what the call is worth: an expression of
functions of `adcore.ops`, `operator_parts`, `operator_steps` and `operator_boxes`, in which an attribute stands by its
name. A class is made when it is first asked for. Rows of functions, ``addn(x) = AddN()(x)``, have no attributes and may
use the classes.
"""

import builtins
import functools
import inspect
import linecache
import math
import re

import adcore
import adcore.nn
from adcore import ops
from adcore._context import without_meaning

from . import operator_boxes, operator_parts, operator_steps, operator_table

_ROW = re.compile(r"(\w+)\((.*?)\)(?:\((.*)\))? = (.*)")


class Primitive:
    """The base class of the operators; by itself an operator that has a name and cannot be called.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> from adcore.mindspore import operators
    >>> operators.Primitive("Mine").add_prim_attr("axis", 1).axis
    1
    """

    def __init__(self, name):
        if not isinstance(name, str):
            raise TypeError(f"Primitive: name must be a str, got {type(name).__name__}.")
        self.name = self.instance_name = name
        self.attrs = {}

    def __call__(self, *args):
        """Refuse: what a subclass computes, it says here."""
        raise NotImplementedError(f"{self.name}: adcore has no kernel of this name; define __call__ in Python.")

    def __repr__(self):
        shown = ", ".join(f"{name}={value!r}" for name, value in self.attrs.items())
        return f"Prim[{self.name}]<{shown}>"

    def add_prim_attr(self, name, value):
        """Set an attribute; returns the operator."""
        setattr(self, name, value)
        self.attrs[name] = value
        return self

    def del_prim_attr(self, name):
        """Delete an attribute that there is; returns the operator."""
        if name in self.attrs:
            delattr(self, name)
            del self.attrs[name]
        return self

    def get_attr_dict(self):
        """Return the attributes by name."""
        return dict(self.attrs)

    def init_prim_io_names(self, inputs, outputs):
        """Keep the names of the operands and results as attributes."""
        self.add_prim_attr("input_names", list(inputs))
        self.add_prim_attr("output_names", list(outputs))

    def set_prim_instance_name(self, name):
        """Set the name of this one operator; returns it."""
        self.instance_name = name
        return self

    def set_device(self, device_target):
        """Accept the CPU; returns the operator."""
        adcore.set_device(device_target)
        return self.add_prim_attr("primitive_target", device_target)

    def set_stage(self, stage):
        """Accept a stage of a pipeline, of which there is one; returns the operator."""
        without_meaning("Primitive.set_stage")
        return self.add_prim_attr("stage", stage)

    def shard(self, in_strategy=None, out_strategy=None):
        """Accept a way to cut the operands over devices, of which there is one; returns the operator."""
        without_meaning("Primitive.shard")
        return self

    def recompute(self, mode=True):
        """Accept that results be computed again in the backward pass; they are kept. Returns the operator."""
        without_meaning("Primitive.recompute")
        return self


class PrimitiveWithInfer(Primitive):
    """A base class of programs' own operators, which say their shapes and dtypes; here ``__call__`` says all.

    Examples
    --------
    >>> from adcore.mindspore import operators
    >>> class Twice(operators.PrimitiveWithInfer):
    ...     @operators.prim_attr_register
    ...     def __init__(self, factor=2):
    ...         pass
    ...     def __call__(self, x):
    ...         return self.factor * x
    >>> Twice()(4), Twice(3)
    (8, Prim[Twice]<factor=3>)
    """


class PrimitiveWithCheck(PrimitiveWithInfer):
    """Another base class of programs' own operators.

    Examples
    --------
    >>> from adcore.mindspore import operators
    >>> operators.PrimitiveWithCheck("Mine").name
    'Mine'
    """


def prim_attr_register(fn):
    """Make an ``__init__`` of an operator one that keeps its arguments as attributes first.

    Examples
    --------
    >>> from adcore.mindspore import operators
    >>> class Mine(operators.Primitive):
    ...     @operators.prim_attr_register
    ...     def __init__(self, axis=0):
    ...         self.doubled = 2 * self.axis
    >>> Mine(3).attrs, Mine(3).doubled
    ({'axis': 3}, 6)
    """
    signature = inspect.signature(fn)

    def __init__(self, *args, **kwargs):
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        Primitive.__init__(self, type(self).__name__)
        for name, value in list(bound.arguments.items())[1:]:
            self.add_prim_attr(name, value)
        return fn(self, *args, **kwargs)

    __init__.__doc__, __init__.__wrapped__ = fn.__doc__, fn
    return __init__


class _Operator(Primitive):
    """A class of the table: `_defaults` are its attributes with their defaults, inspect.Parameter.empty for none."""

    _method, _word = "__call__", "operator"

    def _keep(self, **attributes):
        Primitive.__init__(self, type(self).__name__)
        for name, value in attributes.items():
            check(self.name, name, value, self._defaults[name])
            self.add_prim_attr(name, value)


def check(operator, name, value, default):
    """Raise a TypeError where an attribute is of another kind than its default."""
    kinds = {bool: bool, int: (int, list, tuple), float: (int, float), str: str}.get(type(default), object)
    if not isinstance(value, kinds) or (isinstance(value, bool) and type(default) in (int, float, str)):
        words = {bool: "a bool", int: "an int or a tuple of ints", float: "a number", str: "a str"}[type(default)]
        raise TypeError(f"{operator}: {name} must be {words}, got {value!r}.")


def rows(text):
    """Yield name and row of the lines of a table."""
    for line in text.replace("\\\n", "").splitlines():
        if line and not line.startswith("#"):
            yield line.partition("(")[0].partition(" =")[0], line


_CLASSES = dict(rows(operator_table.OPERATORS))
_GRADIENTS = dict(rows(operator_table.GRADIENTS))
_FUNCTIONS = dict(rows(operator_table.FUNCTIONS))
_ABSENT = {name: why for why, names in operator_table.ABSENT.items() for name in names.split()}


# What an expression may name beside operands and attributes; the classes that it names are added before it is compiled.
_scope = {name: value for name, value in vars(ops).items() if not name.startswith("_")}
for _parts in (operator_parts, operator_steps, operator_boxes):
    _scope.update({name: getattr(_parts, name) for name in _parts.__all__})
_scope.update(
    Tensor=adcore.Tensor,
    adcore=adcore,
    communication=adcore.communication,
    nn=adcore.nn,
    builtins=builtins,
    functools=functools,
    math=math,
    __name__=__name__,
)
_scope.update({name: getattr(adcore, name) for name in ("bool_", "float32", "int32", "int64")})


def _made(name):
    """Return the class or function of a name of the tables."""
    if name in _ABSENT:
        return _absent(name)
    row = _CLASSES.get(name) or _GRADIENTS.get(name) or _FUNCTIONS[name]
    if not _ROW.fullmatch(row):  # another name of a class or function
        return __getattr__(row.partition(" = ")[2])
    return of_row(row)


def of_row(row, base=_Operator):
    """Return the class, a subclass of `base`, or the function of a row."""
    name, first, operands, expression = _ROW.fullmatch(row).groups()
    words = re.findall(r"\b[A-Z]\w*", re.sub(r'"[^"]*"', "", expression))
    _scope.update({word: __getattr__(word) for word in words if word in _CLASSES})
    return _function(name, first, expression) if operands is None else _class(name, first, operands, expression, base)


def _run(source, name):
    made = {}
    place = f"<{name} of adcore.mindspore>"
    linecache.cache[place] = len(source), None, source.splitlines(keepends=True), place  # for tracebacks
    exec(compile(source, place, "exec"), _scope, made)
    return made


def _function(name, parameters, expression):
    function = _run(f"def {name}({parameters}): return {expression}\n", name)[name]
    function.__module__ = __name__
    function.__doc__ = f"Return ``{expression}``, in names of adcore.ops and of MindSpore's operators."
    return function


def _class(name, attributes, operands, expression, base):
    declared = _run(f"def declared({attributes}): pass\n", name)["declared"]
    defaults = {p.name: p.default for p in inspect.signature(declared).parameters.values()}
    used = [a for a in defaults if re.search(rf"\b{a}\b", expression)]
    values = ", ".join(f"{a}={a}" for a in defaults)
    source = f"def __init__(self, {attributes}): self._keep({values})\n"
    source += f"def {base._method}(self, {operands}):\n"
    if used:
        source += f"    {', '.join(used)} = {', '.join(f'self.{a}' for a in used)}\n"
    made = _run(f"{source}    return {expression}\n", name)
    for method in made.values():
        method.__qualname__, method.__module__ = f"{name}.{method.__name__}", base.__module__
    made["__init__"].__doc__ = "Keep the attributes."
    made[base._method].__doc__ = f"Return ``{expression}``."
    doc = _doc(f"{base._word} {name}", f"{name}(...)({operands})", expression, defaults)
    return type(name, (base,), {**made, "__module__": base.__module__, "__doc__": doc, "_defaults": defaults})


def _doc(subject, call, expression, defaults):
    lines = [f"MindSpore's {subject}: ``{call}`` is ``{expression}`` in functions of adcore.ops.", ""]
    if defaults:
        lines += ["Parameters", "----------"]
        for attribute, default in defaults.items():
            lines.append(attribute if default is inspect.Parameter.empty else f"{attribute} : default {default!r}")
    return "\n".join([*lines, ""])


def _absent(name):
    def __init__(self, *args, **kwargs):
        raise NotImplementedError(f"{name}: adcore does not have it: {_ABSENT[name]}.")

    doc = f"MindSpore's operator {name}, which adcore does not have: {_ABSENT[name]}."
    return type(name, (Primitive,), {"__init__": __init__, "__module__": __name__, "__doc__": doc})


def __getattr__(name):
    if name not in _ABSENT and name not in _CLASSES and name not in _GRADIENTS and name not in _FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = made = _made(name)
    return made


__all__ = sorted(
    {
        "Primitive",
        "PrimitiveWithCheck",
        "PrimitiveWithInfer",
        "prim_attr_register",
        *_CLASSES,
        *_GRADIENTS,
        *_FUNCTIONS,
        *_ABSENT,
    }
)
