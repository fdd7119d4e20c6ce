"""The pages of reference: every function is on one, and the formulas that they show are the derivatives."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

import adcore
from adcore import Tensor, _core, ops
from helpers import array_of
from test_op_table import DIFFERENTIABLE, ROWS
from test_ops_grad import NO_DERIVATIVE

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import reference

# A formula shows a private function without its underscore.
NAMES = {name.removeprefix("_"): function for name, function in _core.functions.items()}
NAMES |= {**{name: getattr(ops, name) for name in ops.__all__}, "inf": math.inf}


def test_every_function_is_on_a_page():
    listed = {name for functions in reference.families().values() for name in functions}
    transforms = {name for name in ops.__all__ if getattr(ops, name).__module__.startswith("adcore.transforms")}
    assert listed == {getattr(ops, name).__name__ for name in ops.__all__} - transforms


def test_what_has_a_derivative_shows_a_rule():
    for functions in reference.families().values():
        for name, function in functions.items():
            flat = name in NO_DERIVATIVE or (name in ROWS and name not in DIFFERENTIABLE)
            assert (reference.rules(name, function) is None) == flat, name


@pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if not name.startswith("_")])
def test_the_formula_of_a_row_is_its_derivative(name):
    # A formula shows numbers with six digits.
    row = ROWS[name]
    call, formulas = reference.rules(name, _core.functions[name])
    rng = np.random.default_rng(3)
    inputs = {of: Tensor(rng.uniform(row["low"], row["high"], 5)) for of, _ in formulas}
    g = Tensor(rng.normal(size=5))
    _, pull = adcore.vjp(lambda *given: eval(call, {**NAMES, **dict(zip(inputs, given))}), *inputs.values())
    for (of, text), cotangent in zip(formulas, pull(g)):
        shown = eval(text, {**NAMES, **inputs, "g": g})
        shown = np.broadcast_to(array_of(shown) if isinstance(shown, Tensor) else shown, 5)
        np.testing.assert_allclose(shown, array_of(cotangent), rtol=1e-4, atol=1e-6, err_msg=of)
