"""The stub of the native module says what the module has."""

import ast
import subprocess
import sys
from pathlib import Path

from adcore import _core

ROOT = Path(__file__).parents[2]
STUB = ROOT / "python" / "adcore" / "_core.pyi"


def defined(body):
    """The names that statements of a stub define."""
    for statement in body:
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
            yield statement.name
        elif isinstance(statement, ast.AnnAssign):
            yield statement.target.id


def test_the_stub_is_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "tools" / "stubs.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_installed_stub_is_that_of_the_source():
    assert Path(_core.__file__).with_name("_core.pyi").read_text() == STUB.read_text()


def test_it_names_everything_public():
    names = set(defined(ast.parse(STUB.read_text()).body))
    assert names == {n for n in vars(_core) if not (n.startswith("__") and n.endswith("__"))}
