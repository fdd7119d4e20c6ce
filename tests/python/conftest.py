"""Fixtures of the Python tests.

Every test ends with the same question: does a plain gradient still come out right? A level left open, a tape that
was not truncated or a changed floating-point state would answer it wrongly. Comparisons and finite differences live
in helpers.py.
"""

import numpy as np
import pytest

import adcore
from adcore import Tensor


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """After each test the library must be as usable as before it."""
    yield
    value, gradient = adcore.value_and_grad(lambda x: x * x)(Tensor(3.0))
    assert (float(value), float(gradient)) == (9.0, 6.0), "the test left the library in a state that spoils gradients"


@pytest.fixture
def rng():
    """A generator whose numbers are the same in each run, so that a failure can be repeated."""
    return np.random.default_rng(20240611)
