"""A plugin of pytest for one file of MindSpore's tests: adcore in place, the tests that `run` chose, their outcomes."""

import json
import os
import sys
import types

if os.environ["MINDSPORE_TESTS_ALIAS"]:
    import adcore.as_mindspore  # noqa: F401

    # tests/ut begins by giving NumPy's functions to MindSpore's operators, for builds of it that have no kernels.
    sys.modules["tests.vm_impl"] = kernels = types.ModuleType("tests.vm_impl")
    kernels.vm = None

CHOSEN = set(os.environ["MINDSPORE_TESTS_NAMES"].split())
errors = {}  # of the tests that have begun


def name_of(item):
    return ".".join(item.nodeid.split("::")[1:])


def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if name_of(item).partition("[")[0] in CHOSEN]


def pytest_runtest_makereport(item, call):
    import pytest

    error = errors.setdefault(name_of(item), None)
    if call.excinfo is not None and error is None:
        skipped = call.excinfo.errisinstance(pytest.skip.Exception)
        lines = str(call.excinfo.value).strip().splitlines() or [""]
        errors[name_of(item)] = "skipped" if skipped else f"{call.excinfo.typename}: {lines[0]}"
    if call.when == "teardown":
        with open(os.environ["MINDSPORE_TESTS_OUTCOMES"], "a", encoding="utf-8") as to:
            to.write(json.dumps([name_of(item), errors[name_of(item)]]) + "\n")
