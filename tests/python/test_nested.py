"""Nested gradients: first, second and third order against finite differences, and the ways in which levels could
mix.

The table `CASES` holds one row per form of an op; `check_grads` differentiates a random weighted sum of the outputs
three times along random directions in float64. Below it: perturbation confusion, stale tensors, closures,
exceptions.
"""

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, nn, ops, value_and_grad
from helpers import array_of, check, check_grads, derivative, f32, t32


def rows(*shape, seed=7, low=-1.5, high=1.5):
    return np.random.default_rng(seed).uniform(low, high, shape)


def apart(*shape, seed=7):
    """Numbers that are at least 0.2 apart from each other and from 0: no kink of max or abs is near."""
    count = int(np.prod(shape))
    steps = np.arange(1, count + 1) * 0.2 * np.where(np.arange(count) % 2, 1, -1)
    return np.random.default_rng(seed).permutation(steps).reshape(shape)


def indices(*values):
    return Tensor(np.array(values, np.int64))


MASK = np.array([[True, False, True], [False, True, True]])
LABELS = indices(2, 0, 1, 1)

CASES = {
    # matmul in all combinations of ranks
    "matmul 1 1": (ops.matmul, [rows(3), rows(3, seed=8)]),
    "matmul 1 2": (ops.matmul, [rows(3), rows(3, 2)]),
    "matmul 2 1": (ops.matmul, [rows(2, 3), rows(3)]),
    "matmul 2 2": (ops.matmul, [rows(2, 3), rows(3, 4)]),
    "matmul 3 2": (ops.matmul, [rows(2, 2, 3), rows(3, 2)]),
    "matmul 2 3": (ops.matmul, [rows(2, 3), rows(2, 3, 2)]),
    "matmul 3 1": (ops.matmul, [rows(2, 2, 3), rows(3)]),
    "matmul 1 3": (ops.matmul, [rows(3), rows(2, 3, 2)]),
    "matmul 3 3": (ops.matmul, [rows(2, 2, 3), rows(2, 3, 2)]),
    "matmul 3 3 broadcast": (ops.matmul, [rows(1, 2, 3), rows(2, 3, 2)]),
    "matmul 4 3 broadcast": (ops.matmul, [rows(2, 1, 2, 3), rows(2, 3, 2)]),
    "matmul 4 4 broadcast": (ops.matmul, [rows(2, 1, 2, 2), rows(1, 2, 2, 2)]),
    "matmul with itself": (lambda x: ops.matmul(x, x), [rows(3, 3)]),
    "matmul transposed": (lambda x, y: x.T @ y.T @ x.T, [rows(2, 3), rows(3, 2)]),
    "matmul cubed": (lambda x: ops.matmul(x, ops.matmul(x, x)), [rows(2, 2)]),
    "bmm": (ops.bmm, [rows(2, 2, 3), rows(2, 3, 2)]),
    # norm, mean and other reductions
    "norm": (ops.norm, [rows(2, 3)]),
    "norm dim": (lambda x: ops.norm(x, dim=1), [rows(2, 3)]),
    "norm keepdim": (lambda x: x / ops.norm(x, dim=1, keepdim=True), [rows(2, 3)]),
    "norm of matmul": (lambda x, y: ops.norm(x @ y), [rows(2, 3), rows(3, 2)]),
    "norm 1": (lambda x: ops.norm(x**2 + 1.0, 1, 0), [rows(2, 3)]),
    "norm 3": (lambda x: ops.norm(x, 3, 1), [apart(2, 3)]),
    "mean": (lambda x: ops.mean(x**3), [rows(2, 3)]),
    "mean axis": (lambda x: ops.mean(ops.exp(x), 1), [rows(2, 3)]),
    "mean axes": (lambda x: ops.mean(ops.exp(x), (0, 2), True), [rows(2, 3, 2)]),
    "sum": (lambda x: ops.sum(x**3), [rows(2, 3)]),
    "sum axis": (lambda x: ops.sum(ops.sin(x), 0, True), [rows(2, 3)]),
    "prod": (ops.prod, [rows(2, 2)]),
    "prod axis": (lambda x: ops.prod(x, 1), [rows(2, 3)]),
    "prod with a zero": (lambda x: ops.prod(x, 1), [np.array([[0.0, 1.5, -0.5], [1.0, 2.0, 0.5]])]),
    "prod with two zeros": (lambda x: ops.prod(x, 1), [np.array([[0.0, 0.0, -0.5, 2.0], [1.0, 0.0, 0.5, 3.0]])]),
    "var": (ops.var, [rows(2, 3)]),
    "var axis": (lambda x: ops.var(x**2, 1, 1), [rows(2, 3)]),
    "std": (ops.std, [rows(2, 3)]),
    "std axis": (lambda x: ops.std(x, 0, 1, True), [rows(3, 2)]),
    "max": (lambda x: ops.max(x**3)[0], [apart(2, 3)]),
    "max axis": (lambda x: ops.max(x**3, 1)[0], [apart(2, 3)]),
    "min axis": (lambda x: ops.min(x**3, 0)[0], [apart(2, 3)]),
    "amax": (lambda x: ops.amax(x**3, (0, 1)), [apart(2, 3)]),
    "amin": (lambda x: ops.amin(x**3, 1, True), [apart(2, 3)]),
    "cumsum": (lambda x: ops.cumsum(x**3, 1), [rows(2, 3)]),
    "cumsum first axis": (lambda x: ops.cumsum(ops.exp(x), 0), [rows(3, 2)]),
    "logsumexp": (lambda x: ops.logsumexp(x, 1), [rows(2, 3)]),
    "logsumexp axes": (lambda x: ops.logsumexp(x, (0, 1), True), [rows(2, 3)]),
    "softmax": (ops.softmax, [rows(2, 3)]),
    "softmax axis": (lambda x: ops.softmax(x, 0), [rows(2, 3)]),
    "log_softmax": (ops.log_softmax, [rows(2, 3)]),
    "log_softmax axis": (lambda x: ops.log_softmax(x, 0), [rows(3, 2)]),
    "softmax times log_softmax": (lambda x: ops.softmax(x) * ops.log_softmax(x), [rows(2, 3)]),
    # losses
    "bce": (ops.binary_cross_entropy_with_logits, [rows(2, 3), rows(2, 3, low=0.1, high=0.9)]),
    "bce sum": (
        lambda x, y: ops.binary_cross_entropy_with_logits(x, y, reduction="sum"),
        [rows(2, 3), rows(2, 3, low=0.1, high=0.9)],
    ),
    "bce none": (
        lambda x, y: ops.binary_cross_entropy_with_logits(x, y, reduction="none"),
        [rows(2, 3), rows(2, 3, low=0.1, high=0.9)],
    ),
    "bce weight": (
        lambda x, y, w: ops.binary_cross_entropy_with_logits(x, y, w),
        [rows(2, 3), rows(2, 3, low=0.1, high=0.9), rows(2, 3, low=0.5)],
    ),
    "bce weight and pos_weight": (
        ops.binary_cross_entropy_with_logits,
        [rows(2, 3), rows(2, 3, low=0.1, high=0.9), rows(2, 3, low=0.5), rows(2, 3, low=0.5, seed=9)],
    ),
    "bce broadcast weights": (
        lambda x, y, w, p: ops.binary_cross_entropy_with_logits(x, y, w, p, "none"),
        [rows(2, 3), rows(2, 3, low=0.1, high=0.9), rows(3, low=0.5), rows(2, 1, low=0.5, seed=9)],
    ),
    "bce pos_weight alone": (
        lambda x, y, p: ops.binary_cross_entropy_with_logits(x, y, None, p, "sum"),
        [rows(2, 3), rows(2, 3, low=0.1, high=0.9), rows(1, low=0.5)],
    ),
    "bce of a linear model": (
        lambda w, b, y: ops.binary_cross_entropy_with_logits(ops.ones(3, adcore.float64) @ w + b, y),
        [rows(3, 2), rows(2), rows(2, low=0.1, high=0.9)],
    ),
    "binary_cross_entropy": (
        ops.binary_cross_entropy,
        [rows(2, 3, low=0.2, high=0.8), rows(2, 3, low=0.2, high=0.8, seed=9)],
    ),
    "cross_entropy labels": (lambda x: ops.cross_entropy(x, LABELS), [rows(4, 3)]),
    "cross_entropy labels sum": (lambda x: ops.cross_entropy(x, LABELS, reduction="sum"), [rows(4, 3)]),
    "cross_entropy labels none": (lambda x: ops.cross_entropy(x, LABELS, reduction="none"), [rows(4, 3)]),
    "cross_entropy weight": (lambda x, w: ops.cross_entropy(x, LABELS, w), [rows(4, 3), rows(3, low=0.5)]),
    "cross_entropy smoothed": (lambda x: ops.cross_entropy(x, LABELS, label_smoothing=0.2), [rows(4, 3)]),
    "cross_entropy ignored": (lambda x: ops.cross_entropy(x, LABELS, ignore_index=1), [rows(4, 3)]),
    "cross_entropy probabilities": (ops.cross_entropy, [rows(2, 3), rows(2, 3, low=0.1, high=0.9)]),
    "mse_loss": (ops.mse_loss, [rows(2, 3), rows(2, 3, seed=8)]),
    "mse_loss of squares": (lambda x, y: ops.mse_loss(x**2, y**2, "none"), [rows(2, 3), rows(2, 3, seed=8)]),
    "l1_loss": (lambda x, y: ops.l1_loss(x**3, y, "sum"), [rows(2, 3), rows(2, 3, low=5, high=6)]),
    # indexing
    "index int": (lambda x: x[1] ** 3, [rows(3, 2)]),
    "index negative int": (lambda x: x[-1, 0] ** 3, [rows(3, 2)]),
    "index slice": (lambda x: x[1:] ** 3, [rows(3, 2)]),
    "index slice with a step": (lambda x: x[::2] ** 3, [rows(5, 2)]),
    "index reversed": (lambda x: x[::-1] ** 3 * x, [rows(4)]),
    "index negative step": (lambda x: x[4:0:-2, ::-1] ** 3, [rows(5, 2)]),
    "index empty": (lambda x: ops.sum(x[2:2]) + ops.sum(x**3), [rows(3, 2)]),
    "index none": (lambda x: x[:, None] ** 3 * x, [rows(3)]),
    "index ellipsis": (lambda x: x[..., 1] ** 3, [rows(2, 3, 2)]),
    "index mixed": (lambda x: x[0, ..., None, ::2] ** 3, [rows(2, 2, 3)]),
    "index bool": (lambda x: x[Tensor(MASK)] ** 3, [rows(2, 3)]),
    "index bool rows": (lambda x: x[Tensor([True, False])] ** 3, [rows(2, 3)]),
    "index tensor": (lambda x: x[indices(2, 0, 2)] ** 3, [rows(3, 2)]),
    "index negative tensor": (lambda x: x[indices(-1, 0)] ** 3, [rows(3, 2)]),
    "index two tensors": (lambda x: x[indices(0, 1, 1), indices(2, 0, 0)] ** 3, [rows(2, 3)]),
    "index tensor and slice": (lambda x: x[:, indices(2, 0, 2)] ** 3, [rows(2, 3)]),
    "index list": (lambda x: x[[1, 1]] ** 3, [rows(3, 2)]),
    "index twice": (lambda x: x[1:][0] * x[0] * x[::-1][0], [rows(3, 2)]),
    "gather": (lambda x: ops.gather(x, indices(1, 0, 1), 0) ** 3, [rows(2, 3)]),
    "gather axis 1": (lambda x: ops.gather(x, indices(1, 1), 1) ** 3, [rows(2, 3)]),
    "index_select": (lambda x: ops.index_select(x, 1, indices(2, 2, 0)) ** 3, [rows(2, 3)]),
    # structure
    "concat": (lambda x, y: ops.concat((x**3, y, x * 2.0)), [rows(2, 3), rows(1, 3)]),
    "concat axis": (lambda x, y: ops.concat([x, y * y], 1) ** 3, [rows(2, 3), rows(2, 1)]),
    "concat with itself": (lambda x: ops.concat((x, x), -1) ** 3, [rows(2, 2)]),
    "stack": (lambda x, y: ops.stack((x, y)) ** 3, [rows(2, 3), rows(2, 3, seed=8)]),
    "stack last": (lambda x, y: ops.stack([x, y, x], -1) ** 3, [rows(2), rows(2, seed=8)]),
    "split": (lambda x: [p**3 for p in ops.split(x, 2)], [rows(5, 2)]),
    "split sizes": (lambda x: ops.split(x**3, [1, 2], 1), [rows(2, 3)]),
    "where": (lambda x, y: ops.where(Tensor(MASK), x**3, x * y), [rows(2, 3), rows(3)]),
    "where scalar": (lambda x: ops.where(Tensor(MASK), x**3, 0.0), [rows(2, 3)]),
    "maximum": (lambda x, y: ops.maximum(x**3, y), [apart(2, 3), apart(2, 3) + 0.15]),
    "minimum": (lambda x, y: ops.minimum(x * y, y), [rows(2, 3, low=2, high=3), rows(3, low=1, high=2)]),
    "clamp": (lambda x: ops.clamp(x, -0.5, 0.5) ** 3, [np.array([-1.0, -0.3, 0.2, 0.9])]),
    "transpose": (lambda x: ops.transpose(x, (2, 0, 1)) ** 3, [rows(2, 1, 3)]),
    "reshape": (lambda x: ops.reshape(x, (3, 2)) ** 3, [rows(2, 3)]),
    "broadcast_to": (lambda x: ops.broadcast_to(x, (2, 3, 2)) ** 3, [rows(3, 1)]),
    "tile": (lambda x: ops.tile(x, (2, 2)) ** 3, [rows(1, 3)]),
    "flip": (lambda x: ops.flip(x, (0,)) ** 3 * x, [rows(3, 2)]),
    "pad": (lambda x: ops.pad(x, (1, 2)) ** 3 + 1.0, [rows(2, 2)]),
    "power": (ops.pow, [rows(2, 3, low=0.5), rows(3)]),
    "division": (lambda x, y: x / y, [rows(2, 3), rows(3, low=0.5)]),
    "network": (
        lambda x, w, b, v: ops.tanh(x @ w + b) @ v,
        [rows(2, 3), rows(3, 2, seed=1), rows(2, seed=2), rows(2, 1, seed=3)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_three_orders_against_finite_differences(name):
    f, arrays = CASES[name]
    check_grads(f, arrays, order=3, rtol=1e-8)


def test_the_checker_notices_a_wrong_derivative():
    """A function whose derivative adcore is made to get wrong by a constant must be caught at each order."""
    hidden = 1e-4

    def first_order_wrong(x):
        return ops.sin(x) + hidden * ops.stop_gradient(x)

    with pytest.raises(AssertionError, match="order 1"):
        check_grads(first_order_wrong, [rows(3)], order=1)

    def second_order_wrong(x):
        return ops.sin(x) + hidden * (ops.stop_gradient(x) * x - 0.5 * ops.stop_gradient(x * x))

    with pytest.raises(AssertionError, match="order 2"):
        check_grads(second_order_wrong, [rows(3)], order=2)


def test_derivatives_of_sine_to_order_eight():
    f = ops.sin
    x = Tensor(0.7, adcore.float64)
    for order in range(1, 9):
        f = grad(f)
        np.testing.assert_allclose(array_of(f(x)), np.sin(0.7 + order * np.pi / 2), rtol=1e-12)


def test_a_hessian_is_symmetric():
    x = Tensor(rows(4))

    def f(x):
        return ops.sum(ops.exp(x) * ops.flip(x, (0,)) ** 2) + ops.prod(x)

    hessian = np.stack([array_of(grad(lambda x, n=n: grad(f)(x)[n])(x)) for n in range(4)])
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-13)
    assert np.abs(hessian).min() > 0


def test_a_third_derivative_that_mixes_inputs_and_weights():
    w = Parameter(Tensor(1.5, adcore.float64), name="w")

    def f(x):
        return ops.sin(x * w)

    third = grad(lambda x: grad(lambda x: grad(f)(x), None, w)(x))(Tensor(0.4, adcore.float64))

    def mixed(t):  # d/dw d/dx sin(xw) = cos(xw) - xw sin(xw)
        x = 0.4 + t
        return np.cos(x * 1.5) - x * 1.5 * np.sin(x * 1.5)

    np.testing.assert_allclose(float(third), derivative(mixed)[0], rtol=1e-9)


def test_the_gradient_norm_of_a_network_can_be_trained():
    """The derivative of |grad loss|^2 by the weights, which needs second derivatives of every op of the model."""
    cell = nn.SequentialCell(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 1))
    weights = list(cell.trainable_params())
    for n, weight in enumerate(weights):
        weight.set_data(Tensor(rows(*weight.shape, seed=n).astype(np.float32)))
    x = Tensor(rows(5, 3).astype(np.float32))
    y = Tensor((rows(5, 1) > 0).astype(np.float32))

    def loss():
        return ops.binary_cross_entropy_with_logits(cell(x), y)

    def penalty():
        gradients = grad(loss, None, weights)()
        total = gradients[0].square().sum()
        for gradient in gradients[1:]:
            total = total + gradient.square().sum()
        return total

    value, gradients = value_and_grad(penalty, None, weights)()
    assert float(value) > 0
    start = [array_of(weight).copy() for weight in weights]
    directions = [rows(*s.shape, seed=20 + n) for n, s in enumerate(start)]

    def along(t):
        for weight, s, d in zip(weights, start, directions, strict=True):
            weight.set_data(Tensor((s + t * d).astype(np.float32)))
        return float(penalty())

    step = 0.02
    expected = (along(step) - along(-step)) / (2 * step)
    got = sum(float(np.sum(array_of(g) * d)) for g, d in zip(gradients, directions, strict=True))
    np.testing.assert_allclose(got, expected, rtol=2e-3)  # float32 / 0.02, and h^2


# Perturbation confusion: each level sees its own perturbation and no other.


def test_the_inner_variable_does_not_shadow_the_outer():
    outer = grad(lambda x: x * grad(lambda y: x * x * y)(x))
    check(outer(t32(3.0)), f32(27.0))  # x^3


def test_the_inner_function_uses_the_outer_variable_nonlinearly():
    check(grad(lambda x: grad(lambda y: ops.exp(x * y))(t32(1.0)))(t32(0.0)), f32(1.0))
    # d/dy exp(xy) at 1 = x exp(x); its derivative (1 + x) exp(x)
    check(grad(lambda x: grad(lambda y: ops.exp(x * y))(t32(1.0)))(t32(2.0)), f32(3 * np.exp(2.0)))


def test_an_inner_gradient_of_a_constant_function():
    check(grad(lambda x: grad(lambda y: x)(t32(1.0)) + x)(t32(3.0)), f32(1.0))
    check(grad(lambda x: grad(lambda y: y * 2)(t32(1.0)) * x)(t32(3.0)), f32(2.0))


def test_three_levels_of_one_variable():
    # x * d/dy [ y * d/dz (x y z^2) at z=y ] = x * d/dy (2 x y^3) = 6 x^2 y^2 at y=x: 6 x^4
    f = lambda x: x * grad(lambda y: y * grad(lambda z: x * y * z * z)(y))(x)
    check(f(t32(2.0)), f32(96.0))
    # d/dz (x y z^2) at z=y is 2 x y^2, whose use of y counts too: the derivative of 6 x^4
    check(grad(f)(t32(2.0)), f32(192.0))


def test_levels_side_by_side():
    def f(x):
        first = grad(lambda y: y * y * x)(x)
        second = grad(lambda y: y * x)(x)
        return first * second

    check(f(t32(3.0)), f32(54.0))  # 2x^2 * x
    check(grad(f)(t32(3.0)), f32(54.0))  # 6x^2


def test_stop_gradient_blocks_every_level():
    check(grad(grad(lambda x: ops.stop_gradient(x) * x**2))(t32(3.0)), f32(6.0))
    check(grad(lambda x: grad(lambda y: ops.stop_gradient(x) * y * y)(x))(t32(3.0)), f32(6.0))


def test_a_gradient_used_as_data_is_differentiated():
    def step(w, x):
        return w - 0.5 * grad(lambda w: (w * x - 1.0) ** 2)(w)

    # w' = w - x (w x - 1); d/dw (w')^2 at w=2, x=0.5: 2 w' (1 - x^2)
    w, x = 2.0, 0.5
    after = w - x * (w * x - 1)
    check(grad(lambda w: step(w, t32(x)) ** 2)(t32(w)), f32(2 * after * (1 - x * x)))


def test_inner_levels_return_tuples_aux_and_weights():
    w = Parameter(t32(3.0), name="w")

    def f(x):
        (value, aux), (by_x, (by_w,)) = value_and_grad(lambda y: (y * y * w, y + 1), 0, [w], has_aux=True)(x)
        return value * aux + by_x * by_w

    # x^2 w (x+1) + 2xw x^2 = 3w x^3 + w x^2
    check(f(t32(2.0)), f32(84.0))
    check(value_and_grad(f, 0, w)(t32(2.0)), (f32(84.0), (f32(9 * 3 * 4 + 2 * 3 * 2.0), f32(28.0))))


# Stale tensors and closures.


def test_a_tensor_kept_after_grad_is_a_constant():
    kept = []

    def f(x):
        y = x * x
        kept.extend([x, y])
        return y

    check(grad(f)(t32(3.0)), f32(6.0))
    x, y = kept
    check(x, f32(3.0))
    check(y, f32(9.0))
    check(grad(lambda z: z * y + x)(t32(2.0)), f32(9.0))
    check(grad(lambda z: z * z)(y), f32(18.0))


def test_stale_tensors_of_many_calls_do_not_come_back_to_life():
    kept = []

    def f(x):
        y = x * 2
        for old in kept:
            y = y + old * 0.5
        kept.append(y)
        return y

    for _ in range(5):
        check(grad(f)(t32(1.0)), f32(2.0))


def test_a_tensor_kept_by_an_inner_level_lives_on_in_the_outer():
    def f(x):
        kept = []

        def inner(y):
            kept.append(y * x)
            return y * y

        gradient = grad(inner)(x)  # 2x
        return gradient * kept[0]

    # The inner y is the outer x, seen through the inner level; after it, only the outer dependence remains: 2x * x * x.
    check(f(t32(3.0)), f32(54.0))
    check(grad(f)(t32(3.0)), f32(54.0))


def test_a_tensor_kept_after_an_exception_is_a_constant():
    kept = []

    def bad(x):
        kept.append(x * x)
        raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"):
        grad(bad)(t32(3.0))
    check(grad(lambda z: z * kept[0])(t32(2.0)), f32(9.0))


def test_a_gradient_function_that_is_kept_and_called_at_other_levels():
    cube = grad(lambda x: x**3)
    check(grad(lambda x: cube(x) * x)(t32(2.0)), f32(36.0))  # 3x^2 x -> 9x^2
    check(cube(t32(2.0)), f32(12.0))
    check(grad(cube)(t32(2.0)), f32(12.0))


def test_recursion_into_the_same_gradient_function():
    def f(x, depth):
        return x * x if depth == 0 else gradient(x, depth - 1) * x

    gradient = grad(f)
    # depth 0: x^2 -> 2x; depth 1: 2x*x -> 4x; depth 2: 4x*x -> 8x
    check(gradient(t32(3.0), 2), f32(24.0))


def test_parameters_in_a_closure_are_constants_unless_asked_for():
    w = Parameter(t32(4.0), name="w")
    check(grad(lambda x: x * w * w)(t32(2.0)), f32(16.0))
    check(grad(lambda x: grad(lambda y: y * w * x, None, w)(x))(t32(3.0)), f32(6.0))


def test_generators_that_outlive_the_call():
    def numbers(x):
        while True:
            x = x * 2
            yield x

    running = []

    def f(x):
        generator = numbers(x)
        running.append(generator)
        return next(generator) * next(generator)

    check(grad(f)(t32(3.0)), f32(48.0))  # 8x^2
    check(next(running[0]), f32(24.0))
    check(grad(lambda z: z * next(running[0]))(t32(1.0)), f32(48.0))


# Exceptions.


def test_exceptions_at_every_depth():
    def failing(depth):
        def f(x):
            if depth == 0:
                raise ValueError("innermost")
            return grad(failing(depth - 1))(x) * x

        return f

    for depth in range(4):
        with pytest.raises(ValueError, match="innermost"):
            grad(failing(depth))(t32(1.0))
        check(grad(grad(lambda x: x**3))(t32(2.0)), f32(12.0))


def test_an_inner_exception_that_is_caught_leaves_the_outer_level_intact():
    def bad(y):
        y * y
        raise KeyError("inner")

    def f(x):
        y = x * x
        try:
            grad(bad)(x)
        except KeyError:
            pass
        with pytest.raises(ValueError):
            ops.reshape(x, (5, 5))
        return y * x

    check(value_and_grad(f)(t32(2.0)), (f32(8.0), f32(12.0)))
    check(grad(grad(f))(t32(2.0)), f32(12.0))


@pytest.mark.parametrize("position", ["output", "auxiliary", "argument", "structure"])
def test_exceptions_around_the_function(position):
    if position == "output":
        with pytest.raises(ValueError):
            grad(lambda x: x * x, has_aux=True)(t32(1.0))
    elif position == "auxiliary":
        with pytest.raises(ValueError):
            grad(lambda x: grad(lambda y: y * y, has_aux=True)(x))(t32(1.0))
    elif position == "argument":
        with pytest.raises(TypeError):
            grad(lambda x: grad(lambda y: y, 0)(object()))(t32(1.0))
    else:
        with pytest.raises(RuntimeError):
            grad(lambda x: grad(lambda y: y, 4)(x))(t32(1.0))
    check(grad(lambda x: x * x)(t32(2.0)), f32(4.0))


def test_an_exception_in_the_destructor_of_a_local(recwarn):
    class Loud:
        def __del__(self):
            grad(lambda x: x * x)(t32(1.0))

    def f(x):
        loud = Loud()
        del loud
        return x * x * x

    check(grad(f)(t32(2.0)), f32(12.0))
