"""OpCell: a cell that is one op. The parameters of the op that have a default are the options of the constructor.

    class ReLU(_Activation, op=ops.relu): ...

is all there is to write, and of a composite not even that: it says ``cell="MSELoss"`` in its declaration (`cells_of`).
From the signature of the op come ``__init__``, which checks each option by its kind and keeps it under its name, and
``construct``; from its docstring comes that of the class, example included, unless the class has one of its own.
"""

from collections import namedtuple

from .._core import Tensor
from .._ops.declare import REDUCTIONS, composites
from .arguments import flag, fraction, integer, number, one_of
from .cell import Cell

_Option = namedtuple("_Option", ["name", "kind", "default"])  # texts; the default of what is no option is None


class OpCell(Cell):
    """Base class; the parameters of the op that have no default are the inputs of a call."""

    _inputs: tuple[str, ...] = ("x",)  # what they are called here

    def __init_subclass__(cls, op=None, options=None, **kwargs):
        """Make a class the cell of an op.

        Parameters
        ----------
        op : callable, optional
            Without it the class is an ordinary subclass.
        options : dict of str to str, optional
            The options and their kinds, where their order in the constructor or a kind is not that of the op.
        """
        super().__init_subclass__(**kwargs)
        if op is None:
            return
        found = {option.name: option for option in _parameters(op) if option.default is not None}
        own = [found[name]._replace(kind=kind) for name, kind in (options or {}).items()] or list(found.values())
        cls._op, cls._options = staticmethod(op), own

        def keep(cell, *values):
            super(cls, cell).__init__()
            for option, value in zip(own, values):
                setattr(cell, option.name, _KINDS[option.kind].check(cell.cls_name, option.name, value))

        made = {"keep": keep, "op": op, "__name__": __name__}
        exec(_source(cls._inputs, own, found), made)
        for name in ("__init__", "construct"):
            made[name].__qualname__, made[name].__module__ = f"{cls.__qualname__}.{name}", cls.__module__
            setattr(cls, name, made[name])
        cls.__init__.__annotations__.update((option.name, _KINDS[option.kind].type) for option in own)
        cls.construct.__doc__ = f"Return `adcore.ops.{op.__name__}` of the inputs with the options of the cell."
        if cls.__doc__ is None:
            cls.__doc__ = _Doc()


def cells_of(module, base):
    """Return the cells that the composites of a module declare, as subclasses of `base`, by name."""
    found = {}
    for op in dict.fromkeys(composites.values()):  # aliases repeat
        if op._cell and op.__module__ == module.__name__:
            found[op._cell] = type(op._cell, (base,), {"__module__": base.__module__, **_inputs_of(op, base)}, op=op)
    return found


def _inputs_of(op, base):
    """Return, as attributes of a class, what the inputs are called where there are others than those of the base."""
    names = tuple(option.name for option in _parameters(op) if option.default is None)
    return {} if len(names) == len(base._inputs) else {"_inputs": names}


def _parameters(op):
    """Return the positional parameters of an op."""
    op = getattr(op, "__wrapped__", op)
    if hasattr(op, "__code__"):
        names = op.__code__.co_varnames[: op.__code__.co_argcount]
        defaults = [repr(value) for value in op.__defaults__ or ()]
        defaults = [None] * (len(names) - len(defaults)) + defaults
        return list(map(_Option, names, map(op.__annotations__.get, names), defaults))
    texts = op._annotated_signature[1:-1].partition(", *")[0].split(", ")
    declared = [text.partition(" = ") for text in texts]
    return [_Option(*name.split(": "), default or None) for name, _, default in declared]


def _source(inputs, own, passed):
    """The text of ``__init__`` and ``construct``: so they have signatures to look up, and a call costs no more."""
    declared = ", ".join(["self", *(f"{option.name}={option.default}" for option in own)])
    values = ", ".join(["self", *(option.name for option in own)])
    arguments = ", ".join([*inputs, *(f"self.{name}" for name in passed)])
    return (
        f"def __init__({declared}): keep({values})\ndef construct(self, {', '.join(inputs)}): return op({arguments})\n"
    )


# ---- kinds of options --------------------------------------------------------------------------------------------


def _tensor_or_none(cell, name, value):
    if value is not None and not isinstance(value, Tensor):
        raise TypeError(f"{cell}: {name} must be a Tensor or None, but got {type(value).__name__}.")
    return value


# What a signature and a docstring call it; what returns the value or raises.
_Kind = namedtuple("_Kind", ["type", "words", "check"])

_KINDS = {
    "Tensor | None": _Kind("Tensor | None", "Tensor, optional", _tensor_or_none),
    "int": _Kind("int", "int", integer),
    "Number": _Kind("float", "float", number),
    "float": _Kind("float", "float", number),
    "bool": _Kind("bool", "bool", flag),
    "Fraction": _Kind("float", "float in [0, 1]", fraction),
    "Reduction": _Kind("str", "{'mean', 'sum', 'none'}", one_of(*REDUCTIONS)),
    "BatchReduction": _Kind("str", "{'mean', 'sum', 'none', 'batchmean'}", one_of(*REDUCTIONS, "batchmean")),
}


# ---- the docstring -----------------------------------------------------------------------------------------------


class _Doc:
    """The docstring of a cell, from that of its op, made when somebody reads it."""

    def __get__(self, cell, cls):
        op = cls._op
        if op.__doc__ is None:
            return None
        sections = _sections(op.__doc__)
        lines = [*sections[""], "", f"The cell of `adcore.ops.{op.__name__}`, which see."]
        if cls._options:
            lines += ["", "Parameters", "----------"]
            descriptions = _descriptions(sections.get("Parameters", ()))
            for name, kind, default in cls._options:
                lines.append(f"{name} : {_KINDS[kind].words}" + ("" if default == "None" else f", default {default}"))
                lines += descriptions.get(name, ())
            lines += ["", "Raises", "------", "TypeError, ValueError", "    For an option of another kind."]
        lines += ["", "Examples", "--------"]
        for line in sections["Examples"]:
            lines.append(_as_cell(line, cls).replace("import Tensor, ops", "import Tensor, nn"))
        return "\n".join([*lines, ""])


def _as_cell(line, cls):
    """A line of an example with the call of the op as that of a cell: what is no input goes to the constructor."""
    head, call, rest = line.partition(f"ops.{cls._op.__name__}(")
    if not call:
        return line
    inputs, depth, cuts = len(cls._inputs), 0, []
    for place, letter in enumerate(rest):
        depth += (letter in "([{") - (letter in ")]}")
        if depth < 0 or (depth == 0 and letter == ","):
            cuts.append(place)
        if depth < 0:
            break
    arguments = [rest[begin:end].strip(" ,") for begin, end in zip([0, *cuts], cuts)]
    names = [parameter.name for parameter in _parameters(cls._op)]
    options = [text if "=" in text else f"{name}={text}" for name, text in zip(names, arguments)][inputs:]
    return f"{head}nn.{cls.__name__}({', '.join(options)})({', '.join(arguments[:inputs])}{rest[cuts[-1] :]}"


def _sections(doc):
    """The lines of a docstring by the head that they stand under, those in front of the first under ""."""
    first, *rest = doc.splitlines()
    margin = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    lines = [first]
    sections = {"": lines}
    for line in [line[margin:].rstrip() for line in rest]:
        if line and not line.strip("-"):
            head = lines.pop()
            lines = sections[head] = []
        else:
            lines.append(line)
    return {head: "\n".join(lines).strip("\n").split("\n") for head, lines in sections.items()}


def _descriptions(lines):
    """What stands indented below each name in the section Parameters."""
    names, found = [], {}
    for line in lines:
        if line.startswith(" "):
            for name in names:
                found.setdefault(name, []).append(line)
        else:
            names = line.partition(" :")[0].split(", ")
    return found
