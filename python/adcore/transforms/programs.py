"""Programs as users see them: as text, as jit runs them, with times. Drawings are in `drawing`, explanations in
`compiled`.

All of it reads a View: the data of a program with a name for every value.
"""

import struct
from collections import namedtuple

from adcore import _core
from adcore._core import Program
from adcore.transforms.made import add_methods

__all__ = ["Program"]

Statement = namedtuple("Statement", "title operands outputs words place differentiated steps")
Row = namedtuple("Row", "statement title seconds place")
Place = namedtuple("Place", "offset fresh root")  # of a value in memory; an offset of -1 is none

_LONG = 8  # attributes: more of them are a list with its length in front, and room behind
_WIDE = 60  # characters of a column in a table


class View:
    """The data of a program, read once; `names` has a text for every value."""

    def __init__(self, program):
        self.statements = [Statement(*s) for s in program._statements]
        self.types = program._types
        self.inputs = [program.input(k) for k in range(program.inputs)]
        self.outputs = program.outputs
        self.constants = program._constants
        self.memory = program._memory and [Place(*m) for m in program._memory]
        self.head = head(program)
        self.arguments = self.inputs[: program._argument_count]
        self.cells = dict(zip(self.inputs[len(self.arguments) :], program._reads))
        self.literals = {}
        self.names = dict(zip(self.inputs, input_names(program)))
        for v in self.constants:
            constant = program.constant(v)
            if constant.size == 1:
                self.literals[v] = _number(constant.item())
                self.names[v] = self.literals[v]
        for v in range(len(self.types)):
            self.names.setdefault(v, f"%{v}")
        self.output_names = _output_names(program, self.names)

    def type_of(self, value):
        """Return dtype and shape as text."""
        shape, dtype = self.types[value]
        return f"{str(dtype).rpartition('.')[2].lower()} {list(shape)}"

    def bytes_of(self, value):
        """Return how many bytes the elements take."""
        shape, dtype = self.types[value]
        size = dtype.itemsize
        for n in shape:
            size *= n
        return size

    def is_parameter(self, value):
        """Whether the value is an input that is a Parameter."""
        return isinstance(self.cells.get(value), _core.Parameter)

    def where(self, value):
        """Return where the value of a statement lives, as text."""
        if self.memory is None:
            return ""
        place = self.memory[value]
        if place.offset >= 0:
            return f"arena {place.offset}"
        if place.root != value:
            return f"view of {self.names[place.root]}"
        return "memory of its own" if place.fresh else ""

    def statement(self, k):
        """Return the lines of a statement."""
        s = self.statements[k]
        types = [self.type_of(v) for v in s.outputs]
        types = types[:1] if len(set(types)) == 1 else types
        line = f"{', '.join(self.names[v] for v in s.outputs)}: {', '.join(types)} = {s.title}"
        line += f"({', '.join(self.names[v] for v in s.operands)})"
        if s.words:
            line += f" {{{_attributes(s.words)}}}"
        where = ", ".join(filter(None, map(self.where, s.outputs)))
        line += f"  [{where}]" * bool(where)
        if s.place:
            line += f"  # {short_place(s.place)}"
        return [line, *(f"  {step}" for step in self._steps(s))]

    def _steps(self, s):
        def shown(value):
            kind, which = value
            if kind == "number":
                return _number(which)
            if kind in ("scratch", "register"):
                return f"{kind[0].replace('s', 't')}{which}"
            return self.names[(s.operands if kind == "operand" else s.outputs)[which]]

        for kernel, operands, out in s.steps:
            yield f"{shown(out)} = {kernel}({', '.join(map(shown, operands))})"

    def lines(self):
        """Yield the lines of the whole program."""
        yield self.head
        yield "inputs"
        for v in self.inputs:
            kind = "" if v not in self.cells else "  Parameter" if self.is_parameter(v) else "  cell"
            yield f"  {self.names[v]}: {self.type_of(v)}{kind}"
        arrays = [v for v in self.constants if v not in self.literals]
        if arrays:
            yield "constants"
            yield from (f"  {self.names[v]}: {self.type_of(v)}" for v in arrays)
        yield "statements"
        for k in range(len(self.statements)):
            yield from (f"  {line}" for line in self.statement(k))
        yield "outputs"
        for v, name in zip(self.outputs, self.output_names):
            yield f"  {name}: {self.names[v]}"


def head(program):
    """Return how large a program is, as text."""
    counts = [(program.inputs, "input"), (program.statements, "statement"), (len(program.outputs), "output")]
    text = "program: " + ", ".join(f"{n} {what}{'s' * (n != 1)}" for n, what in counts)
    return f"{text}, arena of {program._arena_bytes} bytes" if program._is_laid_out else text


def _number(x):
    return f"{x:.7g}" if isinstance(x, float) else str(x)


def _attributes(words):
    """Return words as text: small ones are numbers, others the bits of a double."""
    if len(words) > _LONG and 0 <= words[0] < len(words) and not any(words[words[0] + 1 :]):
        return str(list(words[1 : words[0] + 1]))
    texts = []
    for w in words:
        x = struct.unpack("d", struct.pack("q", w))[0]
        is_double = abs(w) >= 1 << 32 and 1e-40 < abs(x) < 1e40
        texts.append(f"{x:g}" if is_double else str(w) if abs(w) < 1 << 32 else hex(w & (1 << 64) - 1))
    return ", ".join(texts[:_LONG] + ["..."] * (len(texts) > _LONG))


def short_place(place):
    """Return the user's line without the folder of its file."""
    return place.replace("\\", "/").rpartition("/")[2]


def _cell_name(cell):
    if cell is _core._generator:
        return "random state"
    if cell is _core._last_token:
        return "order of calls"
    return getattr(cell, "name", None) or "cell"


def _unique(names):
    """Return the names, of equal ones all but the first with a number."""
    counts, taken, unique = {}, set(), []
    for name in names:
        new = name
        while new in taken:
            counts[name] = counts.get(name, 1) + 1
            new = f"{name} ({counts[name]})"
        taken.add(new)
        unique.append(new)
    return unique


def cell_names(program):
    """Return a name for each of a program's cells, no two the same, in the order of ``program._cells``."""
    return program._cell_names or _unique(map(_cell_name, program._cells))


def _names_by_cell(program):
    return dict(zip(map(id, program._cells), cell_names(program)))


def input_names(program):
    """Return a name for each input, no two the same."""
    count = program._argument_count
    names = list(program._argument_names)
    if len(names) != count:
        names = [f"input {k}" for k in range(count)]
    known = _names_by_cell(program)
    return _unique([*names, *(known[id(cell)] for cell in program._reads)])


def _output_names(program, names):
    results = program._result_count
    known = dict(
        zip(map(id, program._reads), (names[program.input(k)] for k in range(program._argument_count, program.inputs)))
    )
    written = [names[program.input(k)] for k in program._written_arguments]
    by_cell = _names_by_cell(program)
    written += [known.get(id(cell)) or by_cell[id(cell)] for cell in program._writes]
    first = ["result"] if results == 1 else [f"result {k}" for k in range(results)]
    return first + [f"new value of {name}" for name in written]


# ---- names of arguments -------------------------------------------------------------------------------------------


def _parameter_names(fn):
    """Return what the function calls its positional arguments, as far as that is easily found."""
    for _ in range(8):
        fn = fn if hasattr(fn, "__code__") else getattr(fn, "construct", None) or getattr(fn, "__wrapped__", fn)
    bound = getattr(fn, "__self__", None) is not None
    code = getattr(fn, "__code__", None)
    return code.co_varnames[bound : code.co_argcount] if code else ()


def _paths(name, o):
    """Yield (identity, name) of the leaves of an argument."""
    if isinstance(o, (tuple, list)):
        for i, part in enumerate(o):
            yield from _paths(f"{name}[{i}]", part)
    elif isinstance(o, dict):
        for key, part in o.items():
            yield from _paths(f"{name}[{key!r}]", part)
    elif hasattr(type(o), "__dataclass_fields__"):
        for field in type(o).__dataclass_fields__:
            yield from _paths(f"{name}.{field}", getattr(o, field, None))
    else:
        yield id(o), name


def named_inputs(fn, statics, args, kwargs):
    """Return the inputs of a program among the arguments of its call, each object once: a list of (name, leaf).

    Parameters
    ----------
    fn : callable
        The function.
    statics : tuple
        Positions and names of the arguments that are no inputs.
    args, kwargs : tuple, dict
        The arguments.

    Returns
    -------
    list of tuple
        In the order of the program's inputs.
    """
    positions, names = statics
    known = _parameter_names(fn)
    given = [(known[i] if i < len(known) else f"argument {i}", a) for i, a in enumerate(args) if i not in positions]
    given += [(name, a) for name, a in kwargs.items() if name not in names]
    found = {}
    for name, argument in given:
        paths = dict(_paths(name, argument))
        for leaf in _core.tree_leaves(argument):
            if _core.is_program_input(leaf):
                found.setdefault(id(leaf), (paths.get(id(leaf), name), leaf))
    return list(found.values())


# ---- methods of Program -------------------------------------------------------------------------------------------


def _str(self):
    """Return the program as text."""
    return "\n".join(View(self).lines())


def _repr(self):
    return f"<{head(self)}>"


def _optimized(self, *args):
    """Return the program as jit runs it: after the passes, with groups of elementwise calls fused.

    It gives the same bits. A derivative cannot see into a fused group: differentiate the program itself.

    Parameters
    ----------
    *args : Tensor
        Values of the inputs among the arguments. With them the program runs once and its memory is laid out, so that
        its text names the place of each value. Nothing is written.

    Returns
    -------
    Program

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor, ops
    >>> x = Tensor([1.0, 2.0])
    >>> program = adcore.jit(lambda x: ops.tanh(x * 2) + x).trace(x)
    >>> program.statements, program.optimized(x).statements
    (3, 1)
    """
    return self._optimized(*args)


class Profile:
    """How long each step of a run took. It prints as a table.

    Attributes
    ----------
    rows : list of tuple
        (statement, title, seconds, place) of each step, from the fastest of the runs.
    seconds : float
        Of that run: the sum of its steps.
    """

    def __init__(self, program, runs):
        self.program = program
        self.runs = runs
        view, steps = View(program), program._steps()
        best = min(runs, key=lambda times: times[-1] - times[0])
        self.rows = []
        for k, begin, end in zip(steps, best, best[1:]):
            s = view.statements[k]
            self.rows.append(Row(k, s.title, (end - begin) * 1e-9, s.place))
        self.seconds = sum(row.seconds for row in self.rows)
        self._lines = [view.statement(k)[0].partition("  [")[0].partition("  # ")[0] for k in steps]

    def __str__(self):
        whole = self.seconds or 1.0
        lines = [f"{self.seconds * 1e6:.1f} us in {len(self.rows)} steps, the fastest of {len(self.runs)} runs"]
        lines.append(f"{'us':>10} {'%':>6}  statement")
        for row, line in sorted(zip(self.rows, self._lines), key=lambda pair: -pair[0].seconds):
            line = line if len(line) <= _WIDE else line[: _WIDE - 3] + "..."
            place = f"  # {short_place(row.place)}" if row.place else ""
            lines.append(f"{row.seconds * 1e6:10.2f} {row.seconds / whole * 100:6.1f}  {line}{place}")
        return "\n".join(lines)

    __repr__ = __str__

    def chrome_trace(self, path):
        """Write all runs as a trace that chrome://tracing and Perfetto show.

        Parameters
        ----------
        path : str or os.PathLike
            The file, JSON.
        """
        import json

        start = self.runs[0][0]
        events = []
        for times in self.runs:
            for row, line, begin, end in zip(self.rows, self._lines, times, times[1:]):
                about = {"statement": line, "place": row.place or ""}
                event = {"name": row.title, "ph": "X", "ts": (begin - start) / 1e3, "dur": (end - begin) / 1e3}
                events.append({**event, "pid": 0, "tid": 0, "cat": "statement", "args": about})
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events, "displayTimeUnit": "ns"}, file)


def _profile(self, *args, repeat=20):
    """Run the program as jit does, with a clock beside each step. Nothing is written.

    Parameters
    ----------
    *args : Tensor
        Values of the inputs among the arguments, in their order.
    repeat : int, default 20
        How often it runs; the fastest run is told.

    Returns
    -------
    Profile
        It prints as a table; ``.rows`` has the numbers, ``.chrome_trace(path)`` writes a file for Chrome.

    Raises
    ------
    ValueError
        If the arguments are not like those of the trace.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor, ops
    >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> f = adcore.jit(lambda x: (x @ x).sum())
    >>> [row.title for row in f.trace(x).profile(x).rows]
    ['matmul', 'sum']
    """
    if type(repeat) is not int:
        raise TypeError(f"profile: repeat must be an int, got {type(repeat).__name__}.")
    if repeat < 1:
        raise ValueError(f"profile: repeat must be >= 1, got {repeat}.")
    program = self if self._fits(*args) else self._optimized(*args)
    return Profile(program, program._measure(repeat, *args))


Program.__doc__ = """What a function does, recorded: statements on numbered values.

`jit(fn).trace(...)` returns one, `load_program` reads one that was saved. It is called as the function was. It prints
one statement per line, with the shapes and dtypes of what it makes and the line of the user's text; inputs have the
names of the arguments and of the Parameters.

Examples
--------
>>> import adcore
>>> from adcore import Tensor
>>> program = adcore.jit(lambda x: x * x + 1).trace(Tensor([1.0, 2.0]))
>>> program
<program: 1 input, 2 statements, 1 output>
>>> print(program.run(Tensor([3.0, 4.0])))
[10. 17.]
"""
Program.__str__ = _str
Program.__repr__ = _repr
add_methods(Program, optimized=_optimized, profile=_profile)
