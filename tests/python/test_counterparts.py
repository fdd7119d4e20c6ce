"""Each name of PyTorch's op table is classed: it has a counterpart here, is out of scope for a reason, or is wanted."""

import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "opinfo"
sys.path.append(str(FOLDER))
import counterparts  # noqa: E402

NAMES = (FOLDER / "names.txt").read_text().split()


def test_each_name_is_classed_once():
    found = {name for name in NAMES if name not in counterparts.OUT_OF_SCOPE and counterparts.counterpart(name)}
    assert found | set(counterparts.OUT_OF_SCOPE) | set(counterparts.WANTED) == set(NAMES)
    assert not found & set(counterparts.WANTED)


def test_what_is_adapted_is_a_name():
    assert {*counterparts.ADAPTED, *counterparts.RANDOM} <= set(NAMES)
