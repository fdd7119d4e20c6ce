"""Composition is a law: random programs under random nestings of transforms, against exact derivatives.

ADCORE_COMPOSITION=10000 in the environment draws that many programs; each has its seed in its error message.
"""

import os

import pytest

import composition
from adcore import _core

COUNT = int(os.environ.get("ADCORE_COMPOSITION", "300"))
BLOCK = 25


@pytest.mark.parametrize("first", range(0, COUNT, BLOCK))
def test_random_nestings_agree_with_exact_derivatives(first):
    compared = sum(composition.check(seed) for seed in range(first, min(COUNT, first + BLOCK)))
    assert compared > BLOCK // 2, "most programs overflow: the generator is at fault"
    assert _core.live_levels() == 0


@pytest.mark.parametrize("first", range(0, COUNT, BLOCK))
def test_a_recorded_nesting_has_the_bits_of_the_function(first):
    for seed in range(first, min(COUNT, first + BLOCK)):
        composition.check_jitted(seed)
    assert _core.live_levels() == 0


@pytest.mark.parametrize("first", range(0, COUNT, BLOCK))
def test_a_recorded_function_inside_of_a_nesting_changes_no_bit(first):
    assert sum(composition.check_jitted_inside(seed) for seed in range(first, min(COUNT, first + BLOCK))) > BLOCK
    assert _core.live_levels() == 0


@pytest.mark.parametrize("first", range(0, COUNT, BLOCK))
def test_whose_memory_a_nesting_reads_changes_no_bit(first):
    for seed in range(first, min(COUNT, first + BLOCK)):
        composition.check_memory(seed)


@pytest.mark.parametrize("seed", [1080, 5841, 5944, 6854, 9809])
def test_a_copy_that_only_a_trace_makes_is_no_step_of_the_derivative(seed):
    # The tangent of a jvp may lie on another library's memory, so a trace copies it; its cotangents come from several
    # functions, and the order in which they are added is that without the copy.
    composition.check_jitted(seed)
    composition.check_memory(seed)


@pytest.mark.parametrize("seed", [1005737, 1008657])
def test_a_block_of_a_level_inside_of_a_jvp_runs_again_for_a_level_outside(seed):
    # linearize over recompute, below a jvp or jacfwd and a vjp or linearize: the level that the block was recorded in
    # has gone when the outer one is swept.
    assert composition.check(seed)
    composition.check_jitted(seed)


def test_the_oracle_knows_derivatives():
    # d^2/dx^2 of sin(x) exp(x) is 2 cos(x) exp(x).
    import numpy as np

    x = np.array([0.3, -0.5, 1.0])
    c = np.zeros((3, 16))
    c[:, 0], c[:, 1], c[:, 2] = x, 1, 1
    z = composition.Dual(c)
    m = composition.Oracle()
    y = m.sin(z) * m.exp(z)
    np.testing.assert_allclose(y.c[:, 3], 2 * np.cos(x) * np.exp(x), rtol=1e-12)
