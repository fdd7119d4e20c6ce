"""Write the pages of reference, one for each family of functions, from what the functions tell of themselves.

    python tools/reference.py docs/reference   # make docs; Sphinx makes a site of them

An entry is the docstring and the rule: the cotangent of each input as a formula. A rule is read off the program that
the reverse sweep makes. The function is called on the sample by which the laws try it, its vjp is traced, and the calls
that the cotangent of an input is made of are put together from the end. A call that no function of adcore.ops makes
(the product with a row's partial, a gradient kernel) is shown as what it is written with. Reading starts at `rules`.
"""

import argparse
import ast
import inspect
import re
import sys
from pathlib import Path

import numpy as np

import adcore
from adcore import Tensor, _core, ops

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python"))
from samples import sample

LONGEST = 300  # characters of a formula; of a longer one only the functions in it are told
INFIX = {"add": 1, "sub": 1, "mul": 2, "div": 2, "matmul": 2, "pow": 4}
INFIX |= dict.fromkeys(("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"), 0)
SIGNS = {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!="}
SIGNS |= {"add": "+", "sub": "-", "mul": "*", "div": "/", "matmul": "@", "pow": "**"}
UNARY, ATOM = 3, 9

Shown = tuple[str, int]  # a formula and how strongly it binds


class Formulas:
    """The values of a program as formulas; `found` collects the names of the functions in them."""

    def __init__(self, program, given, inputs, constants, found):
        self.program, self.constants, self.found = program, constants, found
        self.values = program.values(*given)
        self.shown = {program.input(k): shown for k, shown in enumerate(inputs)}
        self.makers = {}
        for index, (_, _, out, *_) in enumerate(program.calls):
            self.makers[out] = index
        self.firsts = sorted(self.makers)

    def show(self, value) -> Shown:
        if value not in self.shown:
            constant = self.program.constant(value)
            self.shown[value] = self.show_call(value) if constant is None else self.show_constant(constant)
        return self.shown[value]

    def show_constant(self, tensor) -> Shown:
        values = tensor.asnumpy()
        for name, array in self.constants:
            if values.shape == array.shape and np.array_equal(values, array):
                return name, ATOM
        if values.size and (values == values.flat[0]).all():
            number = values.flat[0]
            text = f"{number:.6g}" if values.dtype.kind == "f" else str(number)
            return text, UNARY if text.startswith("-") else ATOM
        return "constant", ATOM

    def show_call(self, value) -> Shown:
        first = max(out for out in self.firsts if out <= value)
        index = self.makers[first]
        name, operands, _, words, expands = self.program.calls[index]
        if expands and name not in _core.functions:
            return self.show_expansion(index, operands, value - first)
        shown = [self.show(o) for o in operands]
        if name == "owned":  # the same value, on memory of its own
            return shown[0]
        if name == "matmul":
            shown = [(f"{atom(s)}.mT", ATOM) if turned else s for s, turned in zip(shown, words)]
        name = name.removeprefix("_")
        self.found.add(name)
        return formula(name, shown, value - first)

    def show_expansion(self, index, operands, output) -> Shown:
        values = [self.values[o] for o in operands]
        inner = _core.trace(lambda *given: self.program.expanded(index, *given)[output], *values)
        inside = Formulas(inner, values, [self.show(o) for o in operands], self.constants, self.found)
        return inside.show(inner.outputs[0])


def atom(shown) -> str:
    return shown[0] if shown[1] == ATOM else f"({shown[0]})"


def formula(name, operands, output) -> Shown:
    """A call as Python would write it."""
    if name == "neg":
        text, strength = operands[0]
        return f"-{text if strength > UNARY else f'({text})'}", UNARY
    if name == "square":
        return f"{atom(operands[0])}**2", INFIX["pow"]
    if name in INFIX and len(operands) == 2:
        strength = INFIX[name]
        (a, left), (b, right) = operands
        # A product of products needs no brackets; a quotient on the right does.
        same = left >= strength if name in ("add", "mul", "sub", "div") else left > strength
        a = a if same else f"({a})"
        b = b if right > strength or (right == strength and name in ("add", "mul") and "/" not in b) else f"({b})"
        return f"{a} {SIGNS[name]} {b}", strength
    text = f"{name}({', '.join(text for text, _ in operands)})"
    return (f"{text}[{output}]" if output else text), ATOM


def row_sample(row):
    """A call of an elementwise row, inside of its domain."""
    low, high = row["low"], row["high"]
    inputs = ", ".join(f"x(2, low={low}, high={high})" for _ in range(row["arity"]))
    return f"{row['name']}({inputs})"


ROWS = {row["name"]: row for row in _core.op_table()}


def parameters_of(function):
    text = getattr(function, "__text_signature__", None)
    if text is None:
        return list(function.__annotations__)
    return [a.arg for a in ast.parse(f"def f{text}: pass").body[0].args.args]


def named(expression, function):
    """A sample with names in place of its inputs and constants: those of the parameters that they are given for."""
    parameters = parameters_of(function)
    tree = ast.parse(expression, mode="eval")
    call = tree.body
    direct = {}
    if isinstance(call, ast.Call):
        direct = {id(node): name for node, name in zip(call.args, parameters)}
        direct |= {id(keyword.value): keyword.arg for keyword in call.keywords}
    names = {"x": [], "i": [], "b": []}

    class Named(ast.NodeTransformer):
        def visit_Call(self, node):
            if not (isinstance(node.func, ast.Name) and node.func.id in names):
                return self.generic_visit(node)
            kind = names[node.func.id]
            kind.append(direct.get(id(node)) or f"{node.func.id}{len(kind) + 1}")
            return ast.Name(kind[-1])

    return ast.unparse(Named().visit(tree)), names


def rules(name, function):
    """Return how the first sample calls a function, and (input, formula) for each input; None without sample."""
    row = ROWS.get(name)
    if row is not None:
        expression = row_sample(row) if row["differentiable"] else None
    else:
        expression = next((s for s in getattr(function, "_samples", ()) if re.search(r"\bx\(", s)), None)
    if expression is None:
        return None
    drawn = []

    def tensor(numbers):
        drawn.append(numbers)
        return Tensor(numbers)

    call, inputs = sample(expression, tensor)
    shown, names = named(expression, function)
    others = [numbers for numbers in drawn if not any(numbers is i for i in inputs)]
    constants = list(zip([*names["i"], *names["b"]], others))
    given = [Tensor(i) for i in inputs]
    out = call(*given)
    leaves = out if isinstance(out, (tuple, list)) else [out]
    float_outputs = [k for k, t in enumerate(leaves) if t.dtype.is_floating_point]
    cotangents = ["g"] if len(float_outputs) == 1 else [f"g{k + 1}" for k in range(len(float_outputs))]

    def pull(*arguments):
        def floats(*xs):
            outs = call(*xs)
            outs = outs if isinstance(outs, (tuple, list)) else [outs]
            return tuple(outs[k] for k in float_outputs)

        _, back = adcore.vjp(floats, *arguments[len(cotangents) :])
        return back(tuple(arguments[: len(cotangents)]))

    arguments = [*(ops.ones_like(leaves[k]) for k in float_outputs), *given]
    program = _core.trace(pull, *arguments)
    atoms = [(n, ATOM) for n in [*cotangents, *names["x"]]]
    lines = []
    for name_of_input, value in zip(names["x"], program.outputs):
        found = set()
        text, _ = Formulas(program, arguments, atoms, constants, found).show(value)
        lines.append((name_of_input, text if len(text) <= LONGEST else f"composed of {', '.join(sorted(found))}"))
    return shown, lines


def families():
    """All functions of adcore.ops that have a page: title -> name -> function, by their first names."""
    found = {}
    native = {f: f._family for f in _core.functions.values()}
    for name in ops.__all__:
        function = getattr(ops, name)
        if name != function.__name__ or isinstance(function, type):
            continue
        if function in native:
            title = native[function]
        elif function.__module__.startswith("adcore._ops."):
            title = sys.modules[function.__module__].PAGE
        else:
            continue  # the transforms, which have pages of their own
        found.setdefault(title, {})[name] = function
    return found


def entry(name, function, aliases):
    """The lines of one function."""
    from sphinx.ext.napoleon import Config, NumpyDocstring

    signature = getattr(function, "__text_signature__", None) or str(inspect.signature(function))
    signature = re.sub(r": '[^']*'| -> '[^']*'|: [\w.]+( \| [\w.]+)*(?=[,)= ])| -> .*$", "", signature)
    text = inspect.cleandoc(function.__doc__)
    if not inspect.isfunction(function):  # the core's summaries are plain text
        summary, rest = text.split("\n", 1)
        text = re.sub(r"([*|_`])", r"\\\1", summary) + "\n" + rest
    body = NumpyDocstring(text, Config(napoleon_use_rtype=False)).lines()
    also = [f"``{a}``" for a in aliases]
    if hasattr(Tensor, name):
        also.append(f"the method ``Tensor.{name}``")
    if also:
        body += ["", f"Also {', '.join(also)}."]
    told = rules(name, function)
    body += [""]
    if told is None:
        body += [] if "The derivative" in text else ["No derivative passes."]
    else:
        call, formulas = told
        body += [f"The rule, for ``{call}`` and the cotangent ``g`` of its result:", "", ".. code-block:: text", ""]
        body += [f"   {name_of_input}: {text}" for name_of_input, text in formulas]
    return [f".. py:function:: adcore.ops.{name}{signature}", "", *(f"   {line}".rstrip() for line in body), ""]


def write(folder):
    """Write the pages and the list of them."""
    folder.mkdir(parents=True, exist_ok=True)
    aliases = {}
    for name in ops.__all__:
        first = getattr(ops, name).__name__
        if name != first:
            aliases.setdefault(first, []).append(name)
    pages = []
    for title, functions in families().items():
        pages.append(title.lower().replace(" ", "_"))
        lines = [title, "=" * len(title), ""]
        for name, function in sorted(functions.items()):
            lines += entry(name, function, aliases.get(name, []))
        (folder / f"{pages[-1]}.rst").write_text("\n".join(lines))
    head = [
        "Reference",
        "=========",
        "",
        "The functions of ``adcore.ops``, with the rule of each: the cotangents of its",
        "inputs, read off the program that its reverse sweep makes.",
        "",
        ".. toctree::",
        "   :maxdepth: 2",
        "",
    ]
    (folder / "index.rst").write_text("\n".join([*head, *(f"   {page}" for page in sorted(pages)), ""]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder)
