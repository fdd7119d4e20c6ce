"""The stubs of what no source spells out say what is there."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import adcore
from adcore import _core

ROOT = Path(__file__).parents[2]
PACKAGE = Path(adcore.__file__).parent
STUBS = sorted(str(p.relative_to(PACKAGE)) for p in PACKAGE.rglob("*.pyi"))


def defined(stub):
    """The names that a stub gives to those who import it."""
    for statement in ast.parse((ROOT / "python" / "adcore" / stub).read_text()).body:
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
            yield statement.name
        elif isinstance(statement, ast.Assign):
            yield from (target.id for target in statement.targets)
        elif isinstance(statement, ast.AnnAssign) and not statement.target.id.startswith("_"):
            yield statement.target.id
        elif isinstance(statement, ast.ImportFrom) and statement.module.startswith("adcore"):
            yield from (alias.asname for alias in statement.names if alias.asname)


def test_the_stubs_are_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "tools" / "stubs.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("stub", STUBS)
def test_the_installed_stub_is_that_of_the_source(stub):
    assert (PACKAGE / stub).read_text() == (ROOT / "python" / "adcore" / stub).read_text()


@pytest.mark.parametrize("stub", STUBS)
def test_they_name_everything_public(stub):
    module = "adcore." + stub.removesuffix(".pyi").removesuffix("__init__").replace("/", ".")
    module = importlib.import_module(module.rstrip("."))
    public = {n for n in vars(_core) if not n.startswith("_")} if module is _core else set(module.__all__)
    if module is adcore:
        public |= {"amp", "dataset", "optim", "testing", "train"}
    names = [name for name in defined(stub) if not name.startswith("_")]
    assert set(names) == public
