"""Write the pages of reference, from what functions and classes tell of themselves.

    python tools/reference.py docs/reference   # make docs; Sphinx makes a site of them

The functions of adcore.ops have a page for each family, all else one by the module that it is made in (`TITLES`). An
entry is the docstring; a class has its methods, and a function of tensors its rule: the cotangent of each input as a
formula. A rule is read off the program that the reverse sweep makes. The function is called on the sample by which the
laws try it, its vjp is traced, and the calls that the cotangent of an input is made of are put together from the end. A
call that no function of adcore.ops makes (the product with a row's partial, a gradient kernel) is shown as what it is
written with. Reading starts at `rules`.
"""

import argparse
import ast
import importlib
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
        if name in ("owned", "alias"):  # the same value, on memory or at a place of its own
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


# The public modules, in the order of the reference.
MODULES = [
    "adcore",
    "adcore.ops",
    "adcore.nn",
    "adcore.optim",
    "adcore.train",
    "adcore.dataset",
    "adcore.dataset.transforms",
    "adcore.dataset.vision",
    "adcore.dataset.config",
    "adcore.common.initializer",
    "adcore.amp",
    "adcore.communication",
    "adcore.testing",
    "adcore.scipy",
    "adcore.sklearn",
    "adcore.onnx",
]
FOLDERS = ("ops", "nn", "train", "dataset")  # these modules have several pages
# The title of a page by how the names of the modules begin whose things are on it; the longest beginning counts.
TITLES = {
    "adcore": "Tensors, Parameters, programs",
    "adcore._con": "Settings and random numbers",
    "adcore._ops.generator": "Settings and random numbers",
    "adcore.transforms": "Transforms",
    "adcore.serialization": "Checkpoints",
    "adcore.nn": "Cells and containers",
    "adcore.nn.basic": "Dense layers, dropout, shapes",
    "adcore.nn.dense": "Dense layers, dropout, shapes",
    "adcore.nn.activation": "Activations",
    "adcore.nn.convolution": "Convolution and padding",
    "adcore.nn.padding": "Convolution and padding",
    "adcore.nn.pooling": "Pooling",
    "adcore.nn.norm": "Normalization and norms",
    "adcore.nn.embedding": "Embeddings",
    "adcore.nn.recurrent": "Recurrent layers",
    "adcore.nn.transformer": "Attention and Transformers",
    "adcore.nn.image": "Images",
    "adcore.nn.loss": "Losses",
    "adcore.nn.optim": "Optimizers",
    "adcore.nn.averaging": "Optimizers",
    "adcore.nn.learning_rate": "Learning rates",
    "adcore.nn.plateau": "Learning rates",
    "adcore.nn.wrap": "Steps of a training",
    "adcore.nn.distributed": "Steps of a training",
    "adcore.optim": "adcore.optim",
    "adcore.train": "Models and callbacks",
    "adcore.train.metrics": "Metrics",
    "adcore.dataset": "Datasets",
    "adcore.dataset.transforms": "Operations on columns",
    "adcore.dataset.vision": "Operations on images",
    "adcore.dataset.pictures": "Operations on images",
    "adcore.dataset.config": "Settings of datasets",
    "adcore.common.initializer": "adcore.common.initializer",
    "adcore.amp": "adcore.amp",
    "adcore.communication": "adcore.communication",
    "adcore.testing": "adcore.testing",
    "adcore.scipy": "adcore.scipy",
    "adcore.sklearn": "adcore.sklearn",
    "adcore.onnx": "adcore.onnx",
}


def pages():
    """All that is public: (folder, title) -> (module, name, value) of each, under the first name that it has."""
    family = {id(function): title for title, functions in families().items() for function in functions.values()}
    seen = set()
    found = {}
    for name_of_module in MODULES:
        module = importlib.import_module(name_of_module)
        for name in module.__all__:
            value = getattr(module, name)
            if id(value) in seen or not (inspect.isclass(value) or inspect.isroutine(value)):
                continue
            if id(value) in family:
                place, name = ("ops", family[id(value)]), value.__name__
            else:
                made_in = max((m for m in TITLES if value.__module__.startswith(m)), key=len)
                if made_in in MODULES[MODULES.index(name_of_module) + 1 :]:
                    continue  # it comes again, in that module
                folder = "".join(made_in.split(".")[1:2])
                place = folder if folder in FOLDERS else "", TITLES[made_in]
            seen.add(id(value))
            found.setdefault(place, []).append((name_of_module, name, value))
    return found


def signature_of(value):
    """The parameters of a function or class as text, without types: the docstring tells those."""
    text = getattr(value, "__text_signature__", None)
    if text is None or inspect.isclass(value):
        try:
            signature = inspect.signature(value)
        except ValueError:
            found = SIGNATURE.match(value.__doc__)
            text = f"({found[1]})" if found else ""
        else:
            parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
            text = str(signature.replace(parameters=parameters, return_annotation=signature.empty))
            text = re.sub(r"<[^<>]*>", "...", text)  # a default without a literal
    return re.sub(r": '[^']*'| -> '[^']*'|: [\w.]+( \| [\w.]+)*(?=[,)= ])| -> .*$", "", text)


# The line that pybind11 writes above a method's docstring.
SIGNATURE = re.compile(r"\w+\((self: [\w.]+(?:, .*)?)\)(?: -> .*)?\n*")


def docstring(value):
    text = inspect.cleandoc(value.__doc__ or "")
    return text[found.end() :] if (found := SIGNATURE.match(text)) else text


def marked_up(text, signature):
    """A docstring's text as reStructuredText: stars and bars are themselves, parameters are no names of functions."""
    paragraphs = text.split("\n\n")
    for k, paragraph in enumerate(paragraphs):
        if ">>>" not in paragraph:
            paragraphs[k] = re.sub(r"(`+[^`]*`+)|([*|])", lambda m: m[1] or "\\" + m[2], paragraph)
    text = "\n\n".join(paragraphs)
    for parameter in set(re.findall(r"\w+", signature)):
        text = re.sub(rf"(?<!`)`{parameter}`(?!`)", f"``{parameter}``", text)
    return text


def body_of(value, signature):
    """The lines of a docstring."""
    from sphinx.ext.napoleon import Config, NumpyDocstring

    text = marked_up(docstring(value), signature)
    return str(NumpyDocstring(text, Config(napoleon_use_rtype=False, napoleon_use_ivar=True))).splitlines()


def directive(kind, name, signature, body):
    return [f".. py:{kind}:: {name}{signature}", "", *(f"   {line}".rstrip() for line in body), ""]


def function_entry(name, function, aliases):
    """The lines of a function of tensors."""
    signature = signature_of(function)
    body = body_of(function, signature)
    also = [f"``{a}``" for a in aliases]
    if hasattr(Tensor, name):
        also.append(f"the method ``Tensor.{name}``")
    if also:
        body += ["", f"Also {', '.join(also)}."]
    told = rules(name, function)
    body += [""]
    if told is None:
        body += [] if any("The derivative" in line for line in body) else ["No derivative passes."]
    else:
        call, formulas = told
        body += [f"The rule, for ``{call}`` and the cotangent ``g`` of its result:", ""]
        body += [".. code-block:: text", "   :class: wrapped", ""]
        body += [f"   {name_of_input}: {text}" for name_of_input, text in formulas]
    return directive("function", name, signature, body)


def member_entries(cls):
    """The lines of the methods and properties that a class has of its own; not of those that are functions of ops."""
    for name, value in sorted(vars(cls).items()):
        member = getattr(cls, name, None)
        if name.startswith("_") or member is None or not docstring(member) or (cls is Tensor and hasattr(ops, name)):
            continue
        if (getattr(member, "__module__", None) or "adcore").split(".")[0] != "adcore":
            continue  # another library gives it to the class
        if inspect.isroutine(value):
            signature = signature_of(member)
            kind = {classmethod: "classmethod", staticmethod: "staticmethod"}.get(type(value), "method")
            if kind == "method":  # without the object that it is called on
                signature = re.sub(r"^\(\W*\w+(, /)?(, )?", "(", signature)
            yield from directive(kind, name, signature, body_of(member, signature))
        elif inspect.isdatadescriptor(value):
            yield from directive("property", name, "", body_of(member, ""))


def other_entry(name, value, public):
    """The lines of another function, or of a class; `public` are the ids of what has an entry."""
    signature = signature_of(value)
    body = body_of(value, signature)
    if not inspect.isclass(value):
        return directive("function", name, signature, body)
    base = next((b for b in value.__mro__[1:] if id(b) in public), None)
    if base is not None:
        body += ["", f"A kind of `{base.__name__}`."]
    if value is Tensor:
        methods = [(name, getattr(ops, name).__name__) for name in ops.__all__ if hasattr(Tensor, name)]
        links = ", ".join(f"`{name} <adcore.ops.{first}>`" for name, first in methods)
        body += ["", f"These functions of ``adcore.ops`` are methods, too: {links}."]
    return directive("class", name, signature, [*body, "", *member_entries(value)])


def summary_of(module):
    return inspect.cleandoc(importlib.import_module(module).__doc__).split("\n\n")[0]


def page(title, *lines):
    return "\n".join([title, "=" * len(title), "", *lines, ""])


def contents(title, text, files):
    return page(title, text, "", ".. toctree::", "   :maxdepth: 1", "", *(f"   {file}" for file in files))


def write(folder):
    """Write the pages and the lists of them."""
    aliases = {}
    for name in ops.__all__:
        first = getattr(ops, name).__name__
        if name != first:
            aliases.setdefault(first, []).append(name)
    found = pages()
    public = {id(value) for entries in found.values() for _, _, value in entries}
    listed = {part: [] for part in ("", *FOLDERS)}
    for (part, title), entries in found.items():
        lines = [summary_of(title), ""] if title in MODULES else []
        current = None
        for module, name, value in sorted(entries, key=lambda entry: entry[1].lower()):
            if module != current:
                lines += [f".. py:currentmodule:: {module}", ""]
                current = module
            if part == "ops":
                lines += function_entry(name, value, aliases.get(name, []))
            else:
                lines += other_entry(name, value, public)
        if part and not listed[part]:
            listed[""].append(f"{part}/index")
        file = re.sub(r"\W+", "_", title.removeprefix("adcore.").lower())
        listed[part].append(file)
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / f"{file}.rst").write_text(page(title, *lines))
    for part in FOLDERS:
        module = f"adcore.{part}"
        (folder / part / "index.rst").write_text(contents(module, summary_of(module), sorted(listed[part])))
    text = """\
What is public, told by the docstrings. The functions of ``adcore.ops`` come with their rules: the cotangents of the
inputs, read off the program that the reverse sweep makes."""
    (folder / "index.rst").write_text(contents("Reference", text, listed[""]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder)
