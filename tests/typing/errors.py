"""Mistakes that a type checker shall find: each line with an ignored error must have one (tools/check_types.py)."""

from typing import assert_type

import adcore
from adcore import Parameter, Tensor, nn, ops


def f(x: Tensor, n: int) -> Tensor:
    return x * n


w = Parameter(Tensor([1.0]), name="w")
x = Tensor([1.0])
net = nn.Dense(2, 3)

adcore.grad("f")  # type: ignore[call-overload]
adcore.grad(f, weight=w)  # type: ignore[call-overload]
adcore.grad(f)(x, "two")  # type: ignore[call-overload]
adcore.grad(f, None, w)(x)  # type: ignore[call-arg]
adcore.value_and_grad(f, None, [x])  # type: ignore[list-item]
adcore.vmap(f, axes=0)  # type: ignore[call-overload]
adcore.vmap(f)(x, 2, 3)  # type: ignore[call-arg]
adcore.jit(f)(x, "two")  # type: ignore[arg-type]
adcore.jit(f, static=0)  # type: ignore[call-overload]
adcore.no_grad()(f)(x)  # type: ignore[call-arg]
adcore.no_grad(3)  # type: ignore[call-overload]
adcore.recompute(f, x)  # type: ignore[call-arg]
adcore.jvp(f, (x, 2), has_aux=True)  # type: ignore[call-overload]
x + "one"  # type: ignore[operator]
x.sum(axes=0)  # type: ignore[call-arg]
x.reshap(2)  # type: ignore[attr-defined]
x.shape = (2,)  # type: ignore[misc]
ops.softmax(x, axis="last")  # type: ignore[arg-type]
ops.concatt([x])  # type: ignore[attr-defined]
nn.Dense(2)  # type: ignore[call-arg]
nn.Dense(2, 3, activate="relu")  # type: ignore[call-arg]
nn.Adam([w], learning_rate="fast")  # type: ignore[arg-type]
nn.MSELoss("mean", 2)  # type: ignore[call-arg]
net.weights.sum()  # type: ignore[attr-defined]
net(x, x)  # type: ignore[call-arg]
nn.SequentialCell(3)  # type: ignore[arg-type]
adcore.save_checkpoint(net)  # type: ignore[call-arg]
adcore.set_seed("seed")  # type: ignore[arg-type]
adcore.Parameters(x)  # type: ignore[attr-defined]

# What the types say is no Any.
assert_type(adcore.grad(f)(x, 2), Tensor)
assert_type(adcore.grad(f, None, w)(x, 2), Tensor)
assert_type(adcore.grad(f, None, [w])(x, 2), tuple[Tensor, ...])
assert_type(adcore.value_and_grad(f, None, (w,))(x, 2), tuple[Tensor, tuple[Tensor, ...]])
assert_type(adcore.value_and_grad(f)(x, 2), tuple[Tensor, Tensor])
assert_type(adcore.vmap(f)(x, 2), Tensor)
assert_type(adcore.jit(f)(x, 2), Tensor)
assert_type(adcore.no_grad(f)(x, 2), Tensor)
assert_type(adcore.recompute(f, x, 2), Tensor)
assert_type(adcore.jvp(f, (x, 2), (x, 2)), tuple[Tensor, Tensor])
assert_type(adcore.jacrev(f)(x, 2), Tensor)
assert_type(net(x), Tensor)
assert_type(net.weight, Parameter)
assert_type(net.trainable_params(), list[Parameter])
assert_type(x == x, Tensor)
assert_type(x[0] + 1 - 2.0, Tensor)
assert_type(x * [1.0], Tensor)
assert_type(ops.stop_gradient(x), Tensor)
assert_type(ops.relu(x).shape, tuple[int, ...])
assert_type(x.sum(axis=0, keepdims=True), Tensor)
