"""Fixtures of the Python tests.

Every test ends with the same question: does a plain gradient still come out right? A level left open, a tape that
was not truncated or a changed floating-point state would answer it wrongly. Comparisons and finite differences live
in helpers.py.
"""

import itertools
import os
import signal
import sys
import zlib

import numpy as np
import pytest

import adcore
from adcore import Tensor

# Where a shell starts something behind a prompt, Ctrl-C is ignored, also in all that it starts: the tests that press it
# in processes of their own would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Under a sanitizer, which is slow: of a law over a table one in so many cases. Which ones differs from law to law, so
# that every op comes to some of them. A law of few cases has them all.
SHARE = int(os.environ.get("ADCORE_TEST_SHARE", "1"))
FEW = 60


def pytest_collection_modifyitems(config, items):
    if SHARE == 1:
        return
    kept = []
    for name, group in itertools.groupby(items, key=lambda item: getattr(item, "originalname", None) or item.name):
        cases = list(group)
        kept += cases if len(cases) <= FEW else cases[zlib.crc32(name.encode()) % SHARE :: SHARE]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """After each test the library must be as usable as before it."""
    yield
    value, gradient = adcore.value_and_grad(lambda x: x * x)(Tensor(3.0))
    assert (float(value), float(gradient)) == (9.0, 6.0), "the test left the library in a state that spoils gradients"


@pytest.fixture(autouse=True)
def settings_of_datasets_as_before():
    """What a test or an example sets would be the order of the data in later ones."""
    yield
    config = sys.modules.get("adcore.dataset.config")
    if config is not None:
        config._settings.update(seed=None, prefetch_size=16, num_parallel_workers=None, start_method="fork")


@pytest.fixture
def rng():
    """A generator whose numbers are the same in each run, so that a failure can be repeated."""
    return np.random.default_rng(20240611)
