"""Facts of the installed package: what it weighs and contains, and what importing it does to a process."""

import importlib.metadata
import io
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import adcore
from adcore import _core

ROOT = Path(__file__).parents[2]
INSTALLED = Path(adcore.__file__).parent
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at Linux's files and formats")


def in_new_process(code):
    """Run code in an interpreter that has imported nothing of ours; return what it prints."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def tool(*command):
    """The output of a program of the compiler's family; skips the test where it is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def stated_in(file, pattern):
    return re.search(pattern, (ROOT / file).read_text(), re.MULTILINE)[1]


# ---- metadata -----------------------------------------------------------------------------------------------------


def test_one_version_everywhere():
    assert adcore.__version__ == importlib.metadata.version("adcore")
    assert adcore.__version__ == stated_in("pyproject.toml", r'^version = "(.+)"$')
    assert adcore.__version__ == stated_in("CMakeLists.txt", r"^project\(adcore VERSION (\S+)")
    assert adcore.__version__ == stated_in("CHANGELOG.md", r"^## \[(\d\S*)\]")


def test_numpy_is_the_only_requirement():
    needed = [r for r in importlib.metadata.requires("adcore") if "extra ==" not in r]
    assert needed == ["numpy"]


def test_typed():
    assert (INSTALLED / "py.typed").is_file()
    assert (INSTALLED / "_core.pyi").is_file()


# ---- files --------------------------------------------------------------------------------------------------------


def test_a_wheel_of_under_six_megabytes():
    files = [p for p in INSTALLED.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert Path(_core.__file__) in files
    wheel = io.BytesIO()  # a wheel is a deflated zip of these files
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for p in files:
            archive.write(p, p.relative_to(INSTALLED))
    assert len(wheel.getvalue()) < 6_000_000
    assert {p.suffix for p in files} <= {".py", ".pyi", ".so", ".typed", ""}  # no C++ headers, no static library


@LINUX
def test_needs_no_library_but_the_system_s():
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", tool("readelf", "-d", _core.__file__)))
    system = r"(libc|libm|libpthread|libstdc\+\+|libc\+\+|libgcc_s|ld-linux-.*|libpython3.*)\.so.*"
    assert {n for n in needed if not re.fullmatch(system, n)} == set()


@LINUX
def test_stripped_and_hidden():
    assert not tool("nm", _core.__file__).strip()
    exported = [line.split(" ")[-1] for line in tool("nm", "-D", "--defined-only", _core.__file__).splitlines()]
    assert "PyInit__core" in exported
    # The two that threadpoolctl looks for.
    own = ["adcore_get_num_threads", "adcore_set_num_threads"]
    assert sorted(name for name in exported if "adcore" in name) == own


# ---- what an import does ------------------------------------------------------------------------------------------


def test_import_leaves_numpy_alone():
    assert in_new_process("import sys, adcore; print('numpy' in sys.modules)") == ["False"]


def test_import_loads_little():
    """An import takes the time that its modules take; the modules can be counted where a clock would be noise."""
    slow = {"asyncio", "concurrent.futures", "ctypes", "dataclasses", "inspect", "logging", "multiprocessing", "typing"}
    slow |= {"onnx", "scipy", "sklearn", "threadpoolctl", "html"}
    code = f"import sys; before = set(sys.modules); import adcore; print(*(set(sys.modules) - before) & {slow})"
    assert in_new_process(code) == []


@LINUX
def test_import_starts_no_thread():
    code = "import os, adcore; print(len(os.listdir('/proc/self/task')))"
    assert in_new_process(code) == ["1"]


@LINUX
def test_import_keeps_the_floating_point_state():
    """Rounding mode, trapped exceptions, and subnormal numbers, which a flush-to-zero flag would turn into 0."""
    code = """
import ctypes, ctypes.util
libm = ctypes.CDLL(ctypes.util.find_library("m"))
def state():
    smallest = float("2.2250738585072014e-308")
    return libm.fegetround(), libm.fegetexcept(), smallest / 4 * 4 == smallest, 1 + float("1.2e-16") == 1 + 2.0**-52
before = state()
import adcore
print(before == state(), before[2:] == (True, True))
"""
    assert in_new_process(code) == ["True", "True"]


def test_import_touches_no_warning_filter_and_no_signal():
    code = """
import signal, warnings
def state():
    return [signal.getsignal(s) for s in signal.valid_signals()], list(warnings.filters)
before = state()
import adcore
print(before == state())
"""
    assert in_new_process(code) == ["True"]
