"""An include points only downward, and only the top layer knows of Python."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "cpp"

# The one list of layers, lowest first. A folder may include itself and the folders before it.
LAYERS = ["base", "kernels", "core", "ops", "sweeps", "python"]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def sources():
    return sorted(p for p in SOURCE.rglob("*") if p.suffix in {".h", ".cpp"})


def includes(path):
    return INCLUDE.findall(path.read_text())


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


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_only_the_top_layer_includes_python(path):
    headers = {name for _, name in includes(path) if re.match(r"Python\.h|pybind11/|numpy/", name)}
    assert not headers or layer_of(path) == "python"


def test_the_check_sees_what_it_looks_for(tmp_path):
    file = tmp_path / "a.h"
    file.write_text('#include <vector>\n # include "core/tape.h"\n// #include "python/module.h"\n#include <Python.h>\n')
    assert includes(file) == [("<", "vector"), ('"', "core/tape.h"), ("<", "Python.h")]
