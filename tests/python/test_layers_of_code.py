"""Both languages point only downward, file by file, without a circle; only C++'s top layer knows of Python.

Two lists say what the layers are. The rest is found in the sources: includes, imports (those inside of functions too),
and the functions of the package that C++ calls by name.
"""

import ast
import functools
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "cpp"
PACKAGE = ROOT / "python" / "adcore"

# Lowest first. What is in a layer may point to its own layer and to those before it.
LAYERS = ["base", "kernels", "core", "ops", "sweeps", "jit", "python"]
PYTHON_LAYERS = [
    "_core",
    "_advice",
    "_config",
    "_context",
    "tensor",
    "_ops",
    "transforms",
    "ops",
    "common",
    "parameter",
]
PYTHON_LAYERS += [
    "communication",
    "nn",
    "amp",
    "optim",
    "dataset",
    "serialization",
    "testing",
    "scipy",
    "onnx",
    "sklearn",
    "array_api",
    "train",
    "mindspore",
    "as_mindspore",
    "__main__",
]

# What a function may import when it runs, because few programs need it and it is slow to load.
SLOW_TO_LOAD = set("PIL mpi4py onnx scipy threadpoolctl numpy".split())
SLOW_TO_LOAD |= set(
    "fcntl safetensors zlib copy difflib dis html importlib inspect json logging platform weakref".split()
)

# Where C++ calls up, by name, when the program is running: what is easier said in Python.
CALLED_BY_NAME = {
    ("adcore._advice", "keyword_hint"),  # an error of a call
    ("adcore._advice", "warn_of_sum"),  # a function with several outputs, differentiated
    ("adcore.nn.failures", "note"),  # an error that leaves a Cell
    ("adcore._ops", "zeros"),  # Tensor(shape=...)
    ("adcore.transforms.bodies", "call_statement"),  # a loop of a program, differentiated or mapped
    ("adcore._core", "dtype_named"),  # how a dtype is pickled
    ("adcore.common.initializer", "initializer"),  # Tensor(init=...)
    ("adcore.transforms.compiled", "record_program"),  # a program, with what guards it
    ("adcore.transforms.effects", "run_callback"),  # what print_ and host_callback do when there are values
    ("adcore.transforms.hooks", "hooked"),  # hooks of the inputs of a derivative
    ("adcore.transforms.options", "no_such_position"),  # an error in the words of a signature
    ("adcore.transforms.products", "sens_cotangents"),  # a cotangent that the caller gave, beside the outputs
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


# ---- what points where --------------------------------------------------------------------------------------------


def sources():
    return sorted(p for p in SOURCE.rglob("*") if p.suffix in {".h", ".cpp"})


def includes(path):
    return INCLUDE.findall(path.read_text())


def include_graph():
    return {
        str(path.relative_to(SOURCE)): {name for quote, name in includes(path) if quote == '"'} for path in sources()
    }


def modules():
    """The modules of the package by name; "" is the package itself, which users import and nothing inside does."""
    named = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


def imports(module, path, known):
    """(module, whether inside of a function) of each import; a module that is not of the package gets a "/"."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text())
    inside = {
        node
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = f"adcore.{package}".rstrip(".").split(".")[: -node.level + 1 or None] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{source}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield _module_of(name, known), node in inside


def _module_of(name, known):
    """The module that a dotted name lies in: the longest start of it that is one."""
    first, _, rest = name.partition(".")
    if first != "adcore":
        return f"/{first}"
    while rest not in known:
        rest = rest.rpartition(".")[0]
    return rest


@functools.cache
def import_graph():
    known = {*modules(), "_core"}
    graph = {module: {i for i, _ in imports(module, path, known)} for module, path in modules().items()}
    return {module: {i for i in imported if i in known} for module, imported in graph.items()}


def circle(graph):
    """The nodes of a circle in their order, or None."""
    done, way = set(), []

    def visit(node):
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return None
        way.append(node)
        found = next(filter(None, map(visit, sorted(graph.get(node, ())))), None)
        way.pop()
        done.add(node)
        return found

    return next(filter(None, map(visit, sorted(graph))), None)


# ---- C++ ----------------------------------------------------------------------------------------------------------


def layer_of(path):
    return path.relative_to(SOURCE).parts[0]


def test_every_folder_is_a_layer():
    assert {p.name for p in SOURCE.iterdir() if p.is_dir()} <= set(LAYERS)
    assert {layer_of(p) for p in sources()} == set(LAYERS)


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_includes_point_downward(path):
    allowed = LAYERS[: LAYERS.index(layer_of(path)) + 1]
    for quote, name in includes(path):
        if quote == '"':
            assert (SOURCE / name).is_file(), f'"{name}": write the path from src/cpp'
            assert name.split("/")[0] in allowed


def test_no_circle_of_includes():
    assert circle(include_graph()) is None


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_only_the_top_layer_includes_python(path):
    headers = {name for _, name in includes(path) if re.match(r"Python\.h|pybind11/|numpy/", name)}
    assert not headers or layer_of(path) == "python"


# ---- Python -------------------------------------------------------------------------------------------------------


def python_layer(module):
    """The package itself shows what is below `mindspore`, which stands above it."""
    return PYTHON_LAYERS.index(module.split(".")[0]) if module else PYTHON_LAYERS.index("mindspore") - 0.5


def test_every_module_is_in_a_layer():
    assert {"_core"} | {m.split(".")[0] for m in modules() if m} == set(PYTHON_LAYERS)


@pytest.mark.parametrize("module", modules(), ids=lambda m: f"adcore.{m}".rstrip("."))
def test_imports_point_downward(module):
    assert [i for i in import_graph()[module] if python_layer(i) > python_layer(module)] == []


def test_no_circle_of_imports():
    assert circle(import_graph()) is None


@pytest.mark.parametrize("module", modules(), ids=lambda m: f"adcore.{m}".rstrip("."))
def test_no_import_waits_in_a_function(module):
    """A circle could hide there, and so could a cost at the first call."""
    late = {i for i, inside in imports(module, modules()[module], {*modules(), "_core"}) if inside}
    assert late <= {f"/{name}" for name in SLOW_TO_LOAD}


def test_what_cpp_calls_by_name_is_there():
    text = "".join(p.read_text() for p in sources())
    called = set(re.findall(r'python_function\(\s*"([\w.]+)",\s*"(\w+)"', text))
    assert called == CALLED_BY_NAME
    assert [name for module, name in called if not callable(getattr(importlib.import_module(module), name, None))] == []


# ---- the test itself ----------------------------------------------------------------------------------------------


def test_the_check_sees_includes(tmp_path):
    file = tmp_path / "a.h"
    file.write_text('#include <vector>\n # include "core/tape.h"\n// #include "python/module.h"\n#include <Python.h>\n')
    assert includes(file) == [("<", "vector"), ('"', "core/tape.h"), ("<", "Python.h")]


def test_the_check_sees_imports(tmp_path):
    file = tmp_path / "layers.py"
    file.write_text(
        "import math\nfrom .. import ops\nfrom .cell import Cell\nfrom adcore.ops import grad\nimport adcore.nn.loss\n"
        "from .._core import Tensor\ndef f():\n    import inspect\n    from adcore import _ops, tensor\n"
    )
    known = {"", "_core", "_ops", "ops", "nn", "nn.cell", "nn.loss", "tensor"}
    early = ["/math", "ops", "nn.cell", "ops", "nn.loss", "_core"]
    late = ["/inspect", "_ops", "tensor"]
    assert list(imports("nn.layers", file, known)) == [(i, False) for i in early] + [(i, True) for i in late]


def test_the_check_sees_circles():
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"d", "b"}, "d": set()}) == ["b", "c", "b"]
    assert circle({"a": {"a"}}) == ["a", "a"]
