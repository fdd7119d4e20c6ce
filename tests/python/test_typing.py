"""The types that users see. `make lint` checks them; here is what needs the package to run."""

import ast
import inspect
import runpy
from pathlib import Path

import pytest

from adcore import transforms

ROOT = Path(__file__).parents[2]
STUB = ast.parse((ROOT / "python" / "adcore" / "transforms" / "__init__.pyi").read_text()).body


def test_the_program_whose_types_are_checked_runs(capsys):
    runpy.run_path(str(ROOT / "tests" / "typing" / "program.py"))
    first, last, *_ = capsys.readouterr().out.split()
    assert float(last) < float(first)


def signatures():
    """The arguments of functions and methods in the stub that is written by hand, by what they are called."""
    found = {}
    for statement in STUB:
        for function in statement.body if isinstance(statement, ast.ClassDef) else [statement]:
            if isinstance(function, ast.FunctionDef):
                path = (function.name,) if function is statement else (statement.name, function.name)
                if not path[0].startswith("_"):
                    found.setdefault(path, []).append(function.args)
    return found


@pytest.mark.parametrize("path", signatures(), ids=".".join)
def test_a_stub_by_hand_has_the_parameters_of_the_function(path):
    value = transforms
    for name in path:
        value = getattr(value, name)
    there = inspect.signature(value).parameters
    told = [[*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg] for a in signatures()[path]]
    names = [[argument.arg for argument in arguments if argument is not None] for arguments in told]
    # Forms of a call may leave out what other forms have, as cond does; what they have is there.
    assert set().union(*names) >= {n for n, p in there.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    spread = any(p.kind is p.VAR_KEYWORD for p in there.values())
    assert spread or set().union(*names) <= {*there, "input", "inputs", "cls"}
