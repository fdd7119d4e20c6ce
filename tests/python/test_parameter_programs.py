"""State is no obstacle: random programs with Parameters, hooks, blocks, rules and assignments, against the exact.

ADCORE_PARAMETER_PROGRAMS=20000 in the environment draws that many programs; each has its seed in its error message.
"""

import os

import pytest

import parameter_programs
from adcore import _core

COUNT = int(os.environ.get("ADCORE_PARAMETER_PROGRAMS", "300"))
BLOCK = 25


@pytest.mark.parametrize("first", range(0, COUNT, BLOCK))
def test_random_programs_with_state_agree_with_exact_derivatives(first):
    compared = sum(parameter_programs.check(seed) for seed in range(first, min(COUNT, first + BLOCK)))
    assert compared > BLOCK // 2, "most programs overflow: the generator is at fault"
    assert _core.live_levels() == 0
