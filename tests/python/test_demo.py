"""The demo as a user runs it, in a process of its own: it trains to what it promises and draws its picture."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import adcore
from adcore import nn

for package in ("sklearn", "tqdm", "matplotlib"):
    pytest.importorskip(package)

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


def run(*options, folder):
    done = subprocess.run([sys.executable, DEMO, *options], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done


def held_out_accuracy(output):
    return {m[1]: float(m[2]) for m in re.finditer(r"^(\S.*?)  +(\d\.\d{3})\b", output, re.MULTILINE)}


def test_both_models_match_scikit_learn(tmp_path):
    done = run(folder=tmp_path)
    scores = held_out_accuracy(done.stdout)
    assert list(scores) == ["scikit-learn LogisticRegression", "logistic regression", "30-64-64-1 network"]
    assert min(scores.values()) >= 0.95
    speeds = re.findall(r"\d\.\d{3} +([\d,]+)$", done.stdout, re.MULTILINE)
    assert len(speeds) == 2 and all(int(s.replace(",", "")) > 0 for s in speeds)
    assert "100%" in done.stderr  # the progress bar, also where there is no terminal
    assert (tmp_path / "demo_loss.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_options_and_repeatability(tmp_path):
    first, second = (
        held_out_accuracy(run("--epochs", "2", "--picture", f"{name}.png", folder=tmp_path).stdout) for name in "ab"
    )
    assert first == second
    assert {p.name for p in tmp_path.iterdir()} == {"a.png", "b.png"}


def test_one_decorator_makes_a_program_of_the_forward_pass(rng):
    """It trains to the same bits."""
    text = DEMO.read_text(encoding="utf-8")
    assert text.count("    def forward(x, y):") == 1
    x = rng.standard_normal((64, 30)).astype(np.float32)
    y = (x[:, :1] > 0).astype(np.float32)
    curves = []
    for decorator in ("", "    @adcore.jit\n"):
        names = {"__name__": "demo"}
        exec(compile(text.replace("    def forward(x, y):", f"{decorator}    def forward(x, y):"), DEMO, "exec"), names)
        adcore.set_seed(0)
        model = nn.SequentialCell(nn.Dense(30, 8), nn.ReLU(), nn.Dense(8, 1))
        curves.append(names["train"](model, x, y, epochs=3, batch_size=16, learning_rate=1e-2, title="jit")[0])
    assert curves[0] == curves[1]
