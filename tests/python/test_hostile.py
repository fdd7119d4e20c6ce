"""The first 5,000 of the calls that nobody means (hostile.py)."""

import pytest

import hostile


@pytest.mark.parametrize("first", range(0, 5000, 500))
def test_calls_that_nobody_means(first):
    assert hostile.run(first, 500) == []
