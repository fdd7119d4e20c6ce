"""The workloads that are NumPy's."""

from workloads import Case, floats

NAME = "numpy"


def set_threads(n):
    """NumPy's BLAS reads its environment when it is imported; see `peers.environment`."""


def build(name):
    """The case of a workload, None where it is not one of this framework's."""
    if name != "add4":
        return None
    a, b = floats(4), floats(4, seed=1)
    return Case("a + b", {"a": a, "b": b}, lambda: [a + b])
