"""adcore without the transform that a workload measures: what that costs more."""

import on_adcore
from on_adcore import call, set_threads  # noqa: F401

NAME = "plain"


def build(name):
    """The case of a workload, None where it is compared with other frameworks only."""
    if name == "per_sample":
        loss, args = on_adcore.two_layers()
        return call(on_adcore.adcore.grad(loss, (0, 1, 2, 3)), *args)
    if name in on_adcore.PUSHED:
        fn, x = on_adcore.PUSHED[name]()
        return call(fn, x)
    return None
