"""Runs the official tests of the array API standard on `adcore.array_api`, and prints how many pass.

    make array-api-tests ARRAY_API_TESTS=checkout           # of data-apis/array-api-tests, release 2026.02.26
    python tests/array_api/run.py checkout --only linalg    # the tests whose names have this word

The checkout needs its submodule (git submodule update --init). `fails.txt` says which tests need not pass, and why; any
other failure is an error. The inputs are the same in every run. There are no complex
dtypes, so their tests are left out.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

VERSION = "2024.12"
COMPLEX = "(test_unary and imag)"  # special cases of complex numbers, which are left out
LISTED = Path(__file__).with_name("fails.txt")


def outcomes(report):
    """The names of the tests by what became of them, from pytest's report in XML."""
    found = {"passed": [], "failed": [], "skipped": [], "listed": []}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            kind = "failed"
        elif skipped is not None:
            kind = "listed" if skipped.get("type") == "pytest.xfail" else "skipped"
        else:
            kind = "passed"
        found[kind].append(f"{case.get('classname')}::{case.get('name')}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", nargs="?", help="the directory that holds `array_api_tests`")
    parser.add_argument("--examples", type=int, default=100, help="how many inputs a test makes")
    parser.add_argument("--only", default="", help="run the tests that this expression of pytest's -k names")
    parser.add_argument("--processes", default="auto", help="as pytest-xdist's -n")
    options = parser.parse_args()
    if not options.checkout:
        print("skipped: name a checkout of the tests, make array-api-tests ARRAY_API_TESTS=path")
        return
    checkout = Path(options.checkout).resolve()
    if not (checkout / "array-api" / "spec").is_dir():
        parser.error(f"{checkout} is no checkout of array-api-tests with its submodule (git submodule update --init)")
    environment = os.environ | {
        "ARRAY_API_TESTS_MODULE": "adcore.array_api",
        "ARRAY_API_TESTS_VERSION": VERSION,
        "ARRAY_API_TESTS_SKIP_DTYPES": "complex64,complex128",  # which adcore does not have
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "array_api_tests"]
        command += ["--xfails-file", str(LISTED), "--max-examples", str(options.examples), "--derandomize"]
        chosen = f"({options.only}) and not {COMPLEX}" if options.only else f"not {COMPLEX}"
        command += ["--disable-deadline", "--junitxml", str(report), "-k", chosen, "-n", options.processes]
        subprocess.run(command, cwd=checkout, env=environment, check=False)
        if not report.exists():
            sys.exit("the tests did not run")
        found = outcomes(report)
    count = {kind: len(names) for kind, names in found.items()}
    run = count["passed"] + count["failed"] + count["listed"]
    print(f"{count['passed']} of {run} passed; {count['listed']} of fails.txt failed, {count['skipped']} were skipped")
    for name in found["failed"]:
        print(f"failed, and not in fails.txt: {name}")
    sys.exit(bool(found["failed"]))


if __name__ == "__main__":
    main()
