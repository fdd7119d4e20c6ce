"""stop_gradient, no_grad, hooks and rules of one's own in functions that jit records, and in loops of these.

A program has a function's calls; what stops or changes a derivative must be seen by derivatives all the same, taken
inside or outside. The oracle is the function without jit. Start reading at `PARTS`.
"""

import numpy as np
import pytest

import adcore
from adcore import Tensor, grad, jit, jvp, ops, vmap
from helpers import t32

X = t32(1.0, -2.0, 3.0, 0.5, 2.0, -0.25)


@adcore.custom_vjp
def scaled(x):
    return x * x


scaled.defvjp(lambda x: (x * x, x), lambda x, g: (g * 100 * x,))


@adcore.custom_jvp
def pushed(x):
    return ops.sin(x)


pushed.defjvp(lambda primals, tangents: (ops.sin(primals[0]), 10 * tangents[0]))


class Cubed(adcore.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return -7 * g * x


def without_grad(x):
    with adcore.no_grad():
        y = x * x
    return x * y


def hooked(x):
    y = x * 2
    y.register_hook(lambda g: g * 50)
    return y * x


# Functions of one number, or of any array.
PARTS = {
    "stop_gradient": lambda x: ops.stop_gradient(x) * x,
    "no_grad": without_grad,
    "hook": hooked,
    "custom_vjp": scaled,
    "custom_jvp": pushed,
    "Function": Cubed.apply,
    "inner derivative": lambda x: grad(lambda u: (ops.stop_gradient(u) * u).sum())(x) * x,
}
USES = {
    "alone": lambda part: lambda x: part(x).sum(),
    "scan": lambda part: lambda x: ops.scan(lambda c, v: (c * 0.5 + part(v), part(c)), Tensor(0.5), x)[0],
    "rows of a scan": lambda part: lambda x: ops.scan(lambda c, v: (part(c + v), c * v), x[0], x)[1].sum(),
    "scan in scan": lambda part: (
        lambda x: ops.scan(lambda c, v: (ops.scan(lambda d, u: (d * 0.5 + part(u * v), None), c, x)[0], None), x[0], x)[
            0
        ]
    ),
    "fori": lambda part: lambda x: ops.fori_loop(0, 6, lambda i, v: part(v) * 0.1 + x, x).sum(),
    "scan with checkpoints": lambda part: (
        lambda x: ops.scan(lambda c, v: (c * 0.5 + part(v * c), None), x[0], x, checkpoint=True)[0]
    ),
    "jit in jit": lambda part: lambda x: jit(part)(x * 2).sum(),
}
NESTINGS = {
    "value": lambda f, wrap: wrap(f),
    "grad of jit": lambda f, wrap: grad(wrap(f)),
    "jit of grad": lambda f, wrap: wrap(grad(f)),
    "vmap of jit of grad": lambda f, wrap: lambda x: vmap(wrap(lambda s: grad(f)(x * s)))(t32(1.0, -0.5)),
    "jit of grad of vmap": lambda f, wrap: wrap(grad(lambda x: vmap(lambda s: f(x * s))(t32(1.0, -0.5)).sum())),
    "jit of jvp": lambda f, wrap: wrap(lambda x: jvp(f, (x,), (x * 2,))[1]),
    "jvp of jit": lambda f, wrap: lambda x: jvp(wrap(f), (x,), (x * 2,))[1],
    "grad of jit of grad": lambda f, wrap: grad(wrap(lambda x: (grad(f)(x) * X).sum())),
    "jit of grad of grad": lambda f, wrap: wrap(grad(lambda x: (grad(f)(x) * X).sum())),
}
FORWARD = ("jit of jvp", "jvp of jit")


@pytest.mark.parametrize("nesting", NESTINGS)
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("part", PARTS)
def test_a_program_has_the_derivatives_of_the_function(part, use, nesting):
    f = USES[use](PARTS[part])
    expected = NESTINGS[nesting](f, lambda f: f)(X).asnumpy()
    run = NESTINGS[nesting](f, jit)
    for _ in range(2):
        np.testing.assert_allclose(run(X).asnumpy(), expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("part", ["stop_gradient", "inner derivative"])
def test_branches_and_while_loops_stop_derivatives(part):
    def chosen(x):
        return ops.cond(x.sum() > 0, PARTS[part], ops.sin, x).sum()

    def looped(x):
        return ops.while_loop(lambda v: (v * v).sum() < 1e3, lambda v: PARTS[part](v) * 0.5 + v * 2, x).sum()

    for f, transforms in ((chosen, NESTINGS), (looped, FORWARD)):
        for nesting in transforms:
            expected = NESTINGS[nesting](f, lambda f: f)(X).asnumpy()
            np.testing.assert_allclose(NESTINGS[nesting](f, jit)(X).asnumpy(), expected, rtol=2e-5)


@pytest.mark.parametrize("part", ["no_grad", "hook", "custom_vjp", "custom_jvp", "Function"])
def test_rules_that_a_branch_would_lose_are_refused(part):
    def f(x):
        return ops.cond(x.sum() > 0, PARTS[part], ops.sin, x).sum()

    expected = grad(f)(X).asnumpy()
    np.testing.assert_allclose(grad(jit(f))(X).asnumpy(), expected, rtol=1e-6)
    with pytest.raises(RuntimeError, match="cond: inside of jit, .* has no derivatives by rules of your own"):
        jit(grad(f))(X)
    with pytest.raises(RuntimeError, match="has no derivatives by rules of your own"):
        jit(lambda x: jvp(f, (x,), (x,))[1])(X)
    # A derivative of something else is no matter.
    np.testing.assert_allclose(
        jit(grad(lambda x: (x * f(X * 1)).sum()))(X).asnumpy(), np.full(6, float(f(X))), rtol=1e-6
    )


def test_what_runs_has_no_statement_for_it():
    program = jit(lambda x: ops.stop_gradient(x * 2) + 1).trace(X)
    assert [call[0] for call in program.calls] == ["mul", "stop_gradient", "add"]
    assert program.optimized(X).statements == 1
