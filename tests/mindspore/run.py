"""Runs MindSpore's own tests with adcore in MindSpore's place, and prints how many pass, per folder.

    make mindspore-tests MINDSPORE_TESTS=checkout             # the directory that holds MindSpore's `tests`
    python tests/mindspore/run.py checkout --only st/nn -v    # some of it, with every failure
    python tests/mindspore/run.py checkout --python other/bin/python --json mindspore.json    # by MindSpore itself
    python tests/mindspore/run.py checkout --compare mindspore.json    # says which failures MindSpore has too

`FOLDERS` says which tests: of tests/st those that are marked for CPU and the levels, of tests/ut all. They were written
for MindSpore, so not all of them must pass: the ones that ask for graphs, devices or private names cannot. Each file
runs in a process of its own, in which the plugin `alias` has put adcore in place. Start reading at `run_file`.
"""

import argparse
import ast
import collections
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# Topic -> files below tests/.
FOLDERS = {
    "autodiff": (
        "st/pynative/grad/test_*.py",
        "st/pynative/hook/test_*.py",
        "st/high_grad/test_*.py",
        "st/compiler/gradient/test_*.py",
        "st/compiler/tensor_hook/test_*.py",
        "ut/python/nn/gradient/test_*.py",
        "ut/python/pynative_mode/grad/test_*.py",
        "ut/python/pynative_mode/ops/test_*.py",
    ),
    "cells": (
        "st/nn/test_*.py",
        "st/optimizer/test_*.py",
        "st/parameter/test_*.py",
        "ut/python/nn/test_*.py",
        "ut/python/nn/layer/test_*.py",
        "ut/python/nn/optim/test_*.py",
    ),
    "ops": (
        "st/ops/test_[a-g]*.py",
        "st/ops/cpu/test_a*.py",
        "st/tensor/test_*.py",
        "st/tensor/overload/test_[a-m]*.py",
    ),
    "vmap, jit": (
        "st/vmap/test_*.py",
        "st/pynative/jit/test_*.py",
        "ut/python/vmap/test_*.py",
        "ut/python/jit/test_*.py",
    ),
}
HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "python"  # of this checkout


def names_of(file, levels):
    """The tests of a file that are ours to run, as "name" or "Class.name"."""
    marked = "ut" in file.parts
    found = []
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        inside = node.body if isinstance(node, ast.ClassDef) and node.name.startswith("Test") else [node]
        for function in inside:
            if not isinstance(function, ast.FunctionDef) or not function.name.startswith("test"):
                continue
            marks = " ".join(map(ast.unparse, function.decorator_list))
            level = re.search(r"\blevel(\d)", marks)
            if marked or (
                ("cpu_linux" in marks or "platform_x86_cpu" in marks) and (level is None or int(level[1]) in levels)
            ):
                found.append(f"{node.name}.{function.name}" if node is not function else function.name)
    return found


def run_file(options, file):
    """Run one file in a process of its own, and return the pairs of a test's name and its error, None for a pass."""
    root = Path(options.checkout).resolve()
    names = names_of(file, range(options.level + 1))
    if not names:
        return []
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch, "outcomes")
        written.touch()
        paths = [root, root / "tests", root / "tests/ut/python", HERE, *([] if options.python else [PACKAGE])]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "MINDSPORE_TESTS_NAMES": " ".join(names),
            "MINDSPORE_TESTS_OUTCOMES": str(written),
            "MINDSPORE_TESTS_ALIAS": "" if options.python else "1",
        }
        command = [options.python or sys.executable, "-m", "pytest", "-q", "-p", "alias", "-p", "no:cacheprovider"]
        command += ["-c", os.devnull, "--rootdir", str(root), str(file)]
        log = Path(scratch, "log")
        with log.open("wb") as to:
            try:
                process = subprocess.run(
                    command, cwd=scratch, env=environment, stdout=to, stderr=to, timeout=options.timeout, check=False
                )
                ended = f"the process ended with {process.returncode}"
            except subprocess.TimeoutExpired:
                ended = f"took more than {options.timeout} s"
        outcomes = [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]
        output = log.read_text(encoding="utf-8", errors="replace")
    # A file that cannot be imported has one failure for each function, and so have the tests after a crash.
    reported = {name.partition("[")[0] for name, _ in outcomes}
    errors = [line for line in output.splitlines() if re.match(r"E  +\S", line)]
    cause = f"import: {errors[-1][1:].strip()}" if errors and not outcomes else ended
    outcomes += [(name, cause) for name in names if name not in reported]
    return [(name, error) for name, error in outcomes if error != "skipped"]


def report(results, elsewhere, verbose):
    """Print what passed, and return the failures, the most frequent error first."""
    total = collections.Counter()
    for topic, patterns in FOLDERS.items():
        of_topic = collections.Counter()
        for folder in dict.fromkeys(str(Path(p).parent) for p in patterns):
            own = [error for name, error in results.items() if name.partition("::")[0].rpartition("/")[0] == folder]
            if own:
                print(f"{own.count(None):6} / {len(own):<6} {folder}")
                of_topic += collections.Counter(passed=own.count(None), run=len(own))
        if of_topic:
            print(f"{of_topic['passed']:6} / {of_topic['run']:<6} {topic}\n")
            total += of_topic
    print(f"{total['passed']:6} / {total['run']:<6} all")
    shared = collections.Counter(error for error in results.values() if error is not None)
    failures = [
        {"test": name, "error": error, "tests_with_it": shared[error], "in_mindspore_too": elsewhere.get(name)}
        for name, error in results.items()
        if error is not None
    ]
    failures.sort(key=lambda failure: (-failure["tests_with_it"], failure["error"], failure["test"]))
    if elsewhere:
        both = sum(failure["in_mindspore_too"] is not None for failure in failures)
        print(f"{both:6} of the {len(failures)} failures fail in MindSpore itself too")
    for error, count in shared.most_common(None if verbose else 20):
        print(f"{count:6} {error[:150]}")
    if verbose:
        for failure in failures:
            print(f"{failure['test']}: {failure['error']}")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", nargs="?", help="the directory that holds MindSpore's `tests`")
    parser.add_argument("--only", nargs="*", default=[""], help="run the files whose paths have one of these")
    parser.add_argument("--level", type=int, default=1, help="run the tests of this level and below")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for a file")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--python", help="an interpreter that has MindSpore and pytest: run the tests by MindSpore")
    parser.add_argument("--compare", help="what --json wrote with --python")
    parser.add_argument("--json", help="write the results and the failures to this file")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every failure")
    options = parser.parse_args()
    if not options.checkout:
        print("skipped: name a checkout of MindSpore, make mindspore-tests MINDSPORE_TESTS=path")
        return
    tests = Path(options.checkout).resolve() / "tests"
    if not tests.is_dir():
        parser.error(f"there is no directory {tests}")
    files = [
        file
        for patterns in FOLDERS.values()
        for pattern in patterns
        for file in sorted(tests.glob(pattern))
        if any(part in str(file.relative_to(tests)) for part in options.only)
    ]
    results = {}
    with concurrent.futures.ThreadPoolExecutor(options.processes) as pool:
        for file, outcomes in zip(files, pool.map(lambda file: run_file(options, file), files)):
            results |= {f"{file.relative_to(tests)}::{name}": error for name, error in outcomes}
    elsewhere = json.loads(Path(options.compare).read_text(encoding="utf-8"))["results"] if options.compare else {}
    failures = report(results, elsewhere, options.verbose)
    if options.json:
        Path(options.json).parent.mkdir(parents=True, exist_ok=True)
        written = {"passed": len(results) - len(failures), "run": len(results), "failures": failures}
        Path(options.json).write_text(json.dumps(written | {"results": results}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
