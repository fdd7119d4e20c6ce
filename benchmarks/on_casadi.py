"""The workloads on few numbers in CasADi: expressions of scalars, differentiated, compiled to its own `Function`."""

import casadi
import numpy as np
from workloads import Case, floats

NAME = "casadi"


def set_threads(n):
    """CasADi evaluates a function on the thread that calls it."""


def call(inputs, outputs, *values):
    fn = casadi.Function("fn", inputs, outputs)
    names = {"fn": fn} | {f"v{k}": casadi.DM(value) for k, value in enumerate(values)}
    statement = f"fn({', '.join(f'v{k}' for k in range(len(values)))})"
    return Case(statement, names, lambda: [np.squeeze(np.asarray(g)) for g in fn.call(list(names.values())[1:])])


def tutorial():
    w, b, x, y = casadi.SX.sym("w", 5, 3), casadi.SX.sym("b", 3), casadi.SX.sym("x", 5), casadi.SX.sym("y", 3)
    z = w.T @ x + b
    loss = casadi.sum1(casadi.fmax(z, 0) - z * y + casadi.log1p(casadi.exp(-casadi.fabs(z)))) / 3
    outputs = [casadi.gradient(loss, w), casadi.gradient(loss, b)]
    weights = floats(5, 3).astype(np.float64), floats(3, seed=3).astype(np.float64)
    return call([w, b, x, y], outputs, *weights, np.ones(5), np.zeros(3))


def chain1000():
    v = casadi.SX.sym("v")
    out = v
    for _ in range(1000):
        out = out * 0.999 + 0.001
    return call([v], [casadi.gradient(out, v)], 1.5)


def scalar10():
    v = casadi.SX.sym("v")
    out = v
    for _ in range(5):
        out = casadi.sin(out) * 0.999
    return call([v], [out], 1.5)


def build(name):
    """The case of a workload, None where it is not one of this framework's."""
    cases = {"tutorial": tutorial, "chain1000": chain1000, "scalar10": scalar10}
    return cases[name]() if name in cases else None
