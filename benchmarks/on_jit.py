"""The workloads in adcore with one added decorator, `adcore.jit`."""

import on_adcore
from workloads import JITTED, Case, steps

NAME = "adcore jit"


def set_threads(n):
    on_adcore.set_threads(n)


def build(name):
    """The case of a workload, None where it is not measured jitted."""
    if name not in JITTED:
        return None
    case = on_adcore.build(name)
    if "step" in case.names:
        step = on_adcore.adcore.jit(case.names["step"])
        return Case("step()", {"step": step}, steps(step))
    fn = on_adcore.adcore.jit(case.names["fn"])
    args = case.names.get("args") or [case.names[k] for k in "xywb"]
    return Case(case.statement, {**case.names, "fn": fn}, lambda: on_adcore.arrays(fn(*args)))
