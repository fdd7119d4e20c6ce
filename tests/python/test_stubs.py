"""The stubs of what no source spells out say what is there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import adcore
from adcore import _core, nn, ops

ROOT = Path(__file__).parents[2]
STUBS = ["_core.pyi", "ops/__init__.pyi", "nn/__init__.pyi"]


def defined(stub):
    """The names that a stub defines, but for private ones."""
    for statement in ast.parse((ROOT / "python" / "adcore" / stub).read_text()).body:
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
            yield statement.name
        elif isinstance(statement, ast.Assign):
            yield from (target.id for target in statement.targets)
        elif isinstance(statement, ast.AnnAssign) and not statement.target.id.startswith("_"):
            yield statement.target.id
        elif isinstance(statement, ast.ImportFrom) and statement.module.startswith("adcore."):
            yield from (alias.asname for alias in statement.names if alias.asname)


def test_the_stubs_are_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "tools" / "stubs.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("stub", STUBS)
def test_the_installed_stub_is_that_of_the_source(stub):
    assert (Path(adcore.__file__).parent / stub).read_text() == (ROOT / "python" / "adcore" / stub).read_text()


def test_they_name_everything_public():
    assert set(defined("_core.pyi")) == {n for n in vars(_core) if not n.startswith("_")}
    assert set(defined("ops/__init__.pyi")) == set(ops.__all__)
    assert set(defined("nn/__init__.pyi")) == set(nn.__all__)
