"""Where two containers have to fit, dicts in them fit by their keys, whatever order they were filled in."""

from dataclasses import dataclass

import numpy as np
import pytest

from adcore import Function, Tensor, custom_jvp, custom_vjp, grad, jvp, linearize, ops, vjp


def t32(*values):
    return Tensor(np.array(values, np.float32))


@dataclass
class Pair:
    parts: dict


ONE, OTHER = {"a": t32(1.0), "b": t32(10.0)}, {"b": t32(10.0), "a": t32(1.0)}
WRAPPED = {
    "bare": lambda d: d,
    "in a list": lambda d: [d],
    "in a dict": lambda d: {"d": d},
    "in a dataclass": Pair,
}


def parts(x, y):
    return {"a": x * x, "b": x * y}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("seed", [ONE, OTHER], ids=["as returned", "in another order"])
def test_cotangents(wrap, seed):
    # 1 of x**2 and 10 of x * y at (3, 5): 6 + 50 and 30
    _, pull = vjp(lambda x, y: wrap(parts(x, y)), t32(3.0), t32(5.0))
    assert [float(g[0]) for g in pull(wrap(seed))] == [56.0, 30.0]
    by_sens = grad(lambda x, y: wrap(parts(x, y)), (0, 1), sens_param=True)
    assert [float(g[0]) for g in by_sens(t32(3.0), t32(5.0), wrap(seed))] == [56.0, 30.0]
    operation = ops.GradOperation(get_all=True, sens_param=True)(lambda x, y: wrap(parts(x, y)))
    assert [float(g[0]) for g in operation(t32(3.0), t32(5.0), wrap(seed))] == [56.0, 30.0]


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("tangent", [ONE, OTHER], ids=["as passed", "in another order"])
def test_tangents(wrap, tangent):
    def f(tree):
        (d,) = tree if isinstance(tree, list) else (tree.parts,) if isinstance(tree, Pair) else (tree.get("d", tree),)
        return d["a"] * d["a"] * d["b"]

    primal = wrap({"a": t32(3.0), "b": t32(5.0)})
    # 2 a b da + a**2 db = 30 + 90
    assert float(jvp(f, primal, wrap(tangent))[1][0]) == 120.0
    assert float(linearize(f, primal)[1](wrap(tangent))[0]) == 120.0


class Product(Function):
    @staticmethod
    def forward(ctx, d):
        ctx.d = d
        return d["a"] * d["b"]

    @staticmethod
    def backward(ctx, g):
        return {"b": g * ctx.d["a"], "a": g * ctx.d["b"]}


@custom_vjp
def by_vjp(d):
    return d["a"] * d["b"]


by_vjp.defvjp(lambda d: (d["a"] * d["b"], d), lambda d, g: ({"b": g * d["a"], "a": g * d["b"]},))


@custom_jvp
def by_jvp(d):
    return {"product": d["a"] * d["b"], "sum": d["a"] + d["b"]}


@by_jvp.defjvp
def _(primals, tangents):
    (d,), (t,) = primals, tangents
    return by_jvp(d), {"sum": t["a"] + t["b"], "product": t["a"] * d["b"] + t["b"] * d["a"]}


@pytest.mark.parametrize(
    "product", [Product.apply, by_vjp, lambda d: by_jvp(d)["product"]], ids=["Function", "custom_vjp", "custom_jvp"]
)
def test_rules_of_ones_own(product):
    for given in ({"a": t32(3.0), "b": t32(5.0)}, {"b": t32(5.0), "a": t32(3.0)}):
        gradient = grad(product)(given)
        assert list(gradient) == list(given)
        assert (float(gradient["a"][0]), float(gradient["b"][0])) == (5.0, 3.0)
        assert float(jvp(product, given, {"a": t32(1.0), "b": t32(10.0)})[1][0]) == 35.0


def test_what_a_callback_returns():
    declared = {"a": t32(0.0), "b": t32(0.0)}
    call = lambda x: ops.host_callback(lambda x: {"b": x * 10, "a": x}, x, result=declared)
    assert {key: float(value[0]) for key, value in call(t32(2.0)).items()} == {"a": 2.0, "b": 20.0}


def test_tensors_as_keys():
    f = lambda x: {Tensor(True): x * x, Tensor(2): x}
    derivative = grad(f, sens_param=True)
    assert float(derivative(t32(3.0), {Tensor(True): t32(10.0), Tensor(2): t32(1.0)})[0]) == 61.0
    for sens in (
        {Tensor(2): t32(1.0), Tensor(True): t32(10.0)},
        {Tensor(True): t32(10.0)},
        {Tensor(True): t32(10.0), 2: t32(1.0)},
        {Tensor(True): t32(10.0), Tensor(2.0): t32(1.0)},
    ):
        with pytest.raises(ValueError, match="the cotangent of the output must look like it, a dict of 2"):
            derivative(t32(3.0), sens)


def test_keys_that_differ_are_refused():
    with pytest.raises(ValueError, match="must look like it, a dict of 2"):
        vjp(parts, t32(3.0), t32(5.0))[1]({"a": t32(1.0), "c": t32(1.0)})
