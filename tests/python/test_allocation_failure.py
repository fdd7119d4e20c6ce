"""Wherever memory runs out, a call raises MemoryError or succeeds, and the next one is right to the bit.

In a process of its own, in which the allocator can be made to fail (fail_malloc.c), Python's as well as the system's,
each of allocation_programs.py runs with its first, second, third ... allocation failing, alone or with all that follow.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adcore import _core

HERE = Path(__file__).parent
COMPILER = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
PRELOADED = "asan" in os.environ.get("LD_PRELOAD", "") or "tsan" in os.environ.get("LD_PRELOAD", "")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("allocator") / "fail_malloc.so"
    command = [*COMPILER.split(), "-O1", "-shared", "-fPIC", str(HERE / "fail_malloc.c"), "-o", str(path)]
    built = subprocess.run(command, capture_output=True, text=True)
    if "__libc_" in built.stderr:
        pytest.skip("the C library is not glibc")
    assert built.returncode == 0, built.stderr
    return path


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="replaces the allocator as Linux can")
@pytest.mark.skipif(not COMPILER, reason="needs a C compiler")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the interpreter crashes where it cannot allocate a function")
@pytest.mark.skipif(PRELOADED, reason="a sanitizer has an allocator of its own")
def test_every_allocation_may_fail(library):
    environment = os.environ | {
        "LD_PRELOAD": str(library),
        "PYTHONMALLOC": "malloc",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(Path(_core.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, str(HERE / "allocation_programs.py"), str(library)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr[-2000:]
