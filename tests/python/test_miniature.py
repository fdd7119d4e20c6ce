"""The lesson in docs/ runs, and every one of its checks takes part."""

import re
import subprocess
import sys
from pathlib import Path

LESSON = Path(__file__).parents[2] / "docs" / "tape_miniature.py"


def test_the_lesson_checks_itself():
    run = subprocess.run([sys.executable, "-W", "error", LESSON], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    checks = re.findall(r"^def check_(\w+)", LESSON.read_text(), re.MULTILINE)
    assert checks
    assert run.stdout.splitlines() == ["ok  " + name.replace("_", " ") for name in checks]
