"""What ``import mindspore`` finds in a process that was spawned by one in which adcore stands in for MindSpore."""

import sys

from adcore.mindspore import activate

del sys.modules["mindspore"]  # this module, whose place is taken
activate()
