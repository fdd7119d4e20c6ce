"""Hooks on the inputs of derivatives: on Parameters, at positions and among the weights, at every order.

A hook on a Parameter stands between it and the derivative with respect to it: it runs once for each derivative that is
taken, and whoever asks for that derivative gets what the hook made of it. The right values are calculus by hand.
"""

import numpy as np
import pytest

import adcore
from adcore import Parameter, ParameterTuple, Tensor, grad, jvp, nn, ops, value_and_grad, vjp, vmap
from helpers import array_of, check, f32, t32

V = np.array([3.0, 4.0], np.float32)


class Hooked:
    """A Parameter with hooks that multiply by the factors, and the list of the factors in the order of the calls."""

    def __init__(self, value, *factors, name="w"):
        self.parameter = Parameter(t32(*value) if isinstance(value, tuple) else t32(value), name=name)
        self.calls = []
        self.handles = [self.parameter.register_hook(self._hook(f)) for f in factors]

    def _hook(self, factor):
        def hook(g):
            self.calls.append(factor)
            return None if factor is None else g * factor

        return hook


FACTORS = [(), (None,), (5.0,), (None, 5.0), (2.0, 3.0)]


def product(factors):
    return float(np.prod([1.0 if f is None else f for f in factors]))


# Uses of a Parameter that is also given at a position: all of them give the sum of a * a * V.
USES = {
    "position": lambda w: lambda a: (a * a * Tensor(V)).sum(),
    "Parameter": lambda w: lambda a: (w * w * Tensor(V)).sum(),
    "both": lambda w: lambda a: (a * w * Tensor(V)).sum(),
}


@pytest.mark.parametrize("factors", FACTORS, ids=str)
@pytest.mark.parametrize("use", USES)
def test_a_parameter_at_a_position_and_among_the_weights_is_one_input(use, factors):
    w = Hooked((2.0, 2.0), *factors)
    f = USES[use](w.parameter)
    expected = f32(4.0 * V * product(factors))
    runs = {
        "position": (grad(f), expected),
        "weights": (lambda w: grad(f, None, w)(w), expected),
        "position and weights": (lambda w: grad(f, 0, weights=w)(w), (expected, expected)),
        "position and list": (lambda w: grad(f, 0, weights=[w])(w), (expected, (expected,))),
        "twice among the weights": (lambda w: grad(f, None, [w, w])(w), (expected, expected)),
        "position and twice": (lambda w: grad(f, 0, [w, w])(w), (expected, (expected, expected))),
        "value_and_grad": (lambda w: value_and_grad(f, 0, w)(w)[1], (expected, expected)),
        "vjp": (lambda w: vjp(f, w, weights=w)[1](t32(1.0)), ((expected,), expected)),
    }
    for how, (run, wanted) in runs.items():
        w.calls.clear()
        check(run(w.parameter), wanted, f"{how}, {use}")
        assert w.calls == list(factors), f"{how}, {use}: hooks ran as {w.calls}"


@pytest.mark.parametrize("factors", FACTORS, ids=str)
@pytest.mark.parametrize("use", USES)
def test_a_parameter_at_two_positions(use, factors):
    w = Hooked((2.0, 2.0), *factors)
    f = USES[use](w.parameter)
    one = f32(4.0 * V * product(factors))
    both = (one, one)
    check(grad(lambda a, b: f(a), (0, 1))(w.parameter, w.parameter), both)
    assert w.calls == list(factors)
    check(grad(lambda pair: f(pair[0]))((w.parameter, w.parameter)), both)
    check(grad(lambda pair: f(pair["w"]))({"w": w.parameter}), {"w": one})


def test_the_order_of_the_weights_changes_nothing():
    u, w = Hooked((3.0, 5.0), 7.0, name="u"), Hooked((2.0, 2.0), 5.0)
    plain = Parameter(t32(1.0, 1.0), name="p")
    f = lambda: (u.parameter * w.parameter * w.parameter * plain * Tensor(V)).sum()
    of = {
        u.parameter: f32(7.0 * 4.0 * V),
        w.parameter: f32(5.0 * 4.0 * V * [3.0, 5.0]),
        plain: f32(4.0 * V * [3.0, 5.0]),
    }
    for weights in (
        [u.parameter, w.parameter, plain],
        [w.parameter, u.parameter],
        [plain, w.parameter],
        [w.parameter],
        [w.parameter, plain, w.parameter, u.parameter],
    ):
        for group in (list, tuple, ParameterTuple):
            if group is ParameterTuple and len(set(map(id, weights))) < len(weights):
                continue
            u.calls.clear(), w.calls.clear()
            check(grad(f, None, group(weights))(), tuple(of[p] for p in weights))
            assert w.calls == [5.0] and u.calls == [7.0] * any(p is u.parameter for p in weights)


def test_a_hook_sees_the_whole_derivative():
    """A hook that is not linear tells a derivative from parts of it."""
    w = Parameter(t32(2.0, 2.0), name="w")
    w.register_hook(lambda g: ops.clamp(g, None, 14.0))
    expected = f32(np.minimum(4.0 * V, 14.0))
    for use in USES.values():
        f = use(w)
        check(grad(f)(w), expected)
        check(grad(f, None, w)(w), expected)
        check(grad(f, 0, w)(w), (expected, expected))
        check(grad(f, 0, [w, w])(w), (expected, (expected, expected)))
        check(grad(lambda a, b: f(a), (0, 1))(w, w), (expected, expected))
        check(grad(lambda a, b: f(a) * 0.5 + f(b) * 0.5, (0, 1), w)(w, w), ((expected, expected), expected))
        check(vjp(f, w, weights=w)[1](t32(1.0)), ((expected,), expected))


def test_a_parameter_that_wants_no_derivative_gets_zeros_and_calls_no_hook():
    frozen, w = Hooked((3.0, 5.0), 7.0, name="frozen"), Hooked((2.0, 2.0), 5.0)
    p, zeros = frozen.parameter, f32([0.0, 0.0])
    p.requires_grad = False
    slope = f32(5.0 * 4.0 * V * [3.0, 5.0])
    f = lambda: (p * w.parameter * w.parameter * Tensor(V)).sum()
    check(grad(f, None, [p, w.parameter, p])(), (zeros, slope, zeros))
    check(grad(lambda a: f(), 0, [w.parameter, p])(p), (zeros, (slope, zeros)))
    assert (frozen.calls, w.calls) == ([], [5.0, 5.0])


def test_a_derivative_that_nothing_reaches_calls_no_hook():
    w = Hooked(2.0, 5.0)
    check(grad(lambda a: a * 3, 0, w.parameter)(t32(1.0)), (f32(3.0), f32(0.0)))
    _, pull = vjp(lambda: w.parameter * 3, weights=w.parameter)
    assert w.calls == []
    check(grad(lambda c: pull(ops.stop_gradient(c))[1] * c)(t32(1.0)), f32(15.0))
    assert w.calls == [5.0]


def test_hooks_that_come_and_go_while_a_pull_is_kept():
    """Those that are registered when the derivative is computed see it."""
    w, x = Hooked(2.0), t32(2.0)
    _, pull = vjp(lambda x: w.parameter**3 * x, x, weights=w.parameter)
    check(pull(t32(1.0)), ((f32(8.0),), f32(24.0)))
    handles = [w.parameter.register_hook(lambda g: g * 5), x.register_hook(lambda g: g * 7)]
    check(pull(t32(1.0)), ((f32(56.0),), f32(120.0)))
    for handle in handles:
        handle.remove()
    check(pull(t32(1.0)), ((f32(8.0),), f32(24.0)))


def test_a_hook_that_registers_and_removes_hooks():
    w = Hooked(2.0)
    calls = []

    def once(g):
        calls.append("once")
        handle.remove()
        w.parameter.register_hook(lambda g: calls.append("later"))

    handle = w.parameter.register_hook(once)
    first = grad(lambda: w.parameter**3, None, w.parameter)
    check(first(), f32(12.0))
    check(first(), f32(12.0))
    assert calls == ["once", "later"]


def test_a_tensor_with_a_hook_that_a_derivative_inside_is_taken_by():
    """y = x with a hook times 5: d/dy of y**3 is 15 y**2; its derivative by x passes the hook on y's uses: 30 y * 5."""
    calls = []

    def f(x):
        y = x * 1.0
        y.register_hook(lambda g: (calls.append(1), g * 5)[1])
        return grad(lambda a: a**3)(y)

    check(f(t32(2.0)), f32(60.0))
    assert len(calls) == 1
    calls.clear()
    check(grad(f)(t32(2.0)), f32(300.0))
    assert len(calls) == 2


def orders(function, count):
    """The first `count` derivatives of a scalar function by its only input."""
    made = []
    for _ in range(count):
        function = grad(function)
        made.append(function)
    return made


@pytest.mark.parametrize("weights", [lambda w: w, lambda w: [w]], ids=["bare", "list"])
def test_every_order_runs_the_hook_once(weights):
    """w**3 and a hook times 5: the derivatives at 2 are 5 * 12, 25 * 12 and 125 * 6."""
    w = Hooked(2.0, 5.0)
    function, bare = (lambda: w.parameter**3), not isinstance(weights(w.parameter), list)
    for order, expected in enumerate((60.0, 300.0, 750.0), 1):
        of = grad(function, None, weights(w.parameter))
        function = of if bare else (lambda of=of: of()[0])
        w.calls.clear()
        check(function(), f32(expected))
        assert w.calls == [5.0] * order, f"order {order}: {len(w.calls)} calls"


def test_a_hook_that_does_nothing_changes_no_order():
    w = Hooked(2.0, None)
    function = lambda: w.parameter**4
    for order, expected in enumerate((32.0, 48.0, 48.0, 24.0), 1):
        function = grad(function, None, w.parameter)
        w.calls.clear()
        check(function(), f32(expected))
        assert w.calls == [None] * order


def test_what_a_hook_computes_is_differentiated_at_every_order():
    """A hook g -> g * w: w**3 becomes 3w**3, then 9w**3, then 27w**3."""
    w = Parameter(t32(2.0), name="w")
    calls = []
    w.register_hook(lambda g: (calls.append(1), g * w)[1])
    function = lambda: w**3
    for order, expected in enumerate((24.0, 72.0, 216.0), 1):
        function = grad(function, None, w)
        calls.clear()
        check(function(), f32(expected))
        assert len(calls) == order


def test_orders_by_position_meet_the_hook_where_the_parameter_goes_in():
    """Only the outermost derivative is one by the Parameter; the inner ones are by the value that stands for it."""
    w = Hooked(2.0, 5.0)
    for function, expected in zip(orders(lambda a: a**3, 3), (60.0, 60.0, 30.0)):
        w.calls.clear()
        check(function(w.parameter), f32(expected))
        assert w.calls == [5.0]


def test_mixed_derivatives_meet_the_hooks_of_their_own_parameters():
    """f = u**2 * w**3: with hooks 7 and 5, by u then w: 35 * 2u * 3w**2, whatever the order."""
    u, w = Hooked(3.0, 7.0, name="u"), Hooked(2.0, 5.0)
    f = lambda: u.parameter**2 * w.parameter**3
    for first, second in ((u, w), (w, u)):
        u.calls.clear(), w.calls.clear()
        check(grad(grad(f, None, first.parameter), None, second.parameter)(), f32(35.0 * 6.0 * 12.0))
        assert (u.calls, w.calls) == ([7.0], [5.0])


def test_a_kept_pull_runs_the_hook_each_time():
    w = Hooked(2.0, 5.0)
    _, pull = vjp(lambda: w.parameter**3, weights=w.parameter)
    for count in (1, 2, 3):
        check(pull(t32(float(count))), ((), f32(60.0 * count)))
        assert w.calls == [5.0] * count
    check(grad(lambda c: pull(c)[1])(t32(1.0)), f32(60.0))
    check(jvp(lambda c: pull(c)[1], t32(1.0), t32(2.0)), (f32(60.0), f32(120.0)))


def test_the_hook_of_a_parameter_sees_batches_and_tangents():
    w = Hooked(2.0, 5.0)
    x = t32(1.0, 10.0)
    # d/dw of w**3 * x per member, and its derivative by x.
    check(vmap(grad(lambda x: w.parameter**3 * x, None, w.parameter))(x), f32([60.0, 600.0]))
    check(
        jvp(lambda x: grad(lambda: w.parameter**3 * x, None, w.parameter)(), t32(1.0), t32(1.0)),
        (f32(60.0), f32(60.0)),
    )
    assert set(w.calls) == {5.0} and len(w.calls) == 2


def test_a_removed_hook_is_gone_at_every_order():
    w = Hooked(2.0, 5.0, 3.0)
    w.handles[0].remove()
    second = grad(grad(lambda: w.parameter**3, None, w.parameter), None, w.parameter)
    check(second(), f32(9.0 * 12.0))
    w.handles[1].remove()
    w.calls.clear()
    check(second(), f32(12.0))
    check(grad(lambda a: a * w.parameter, 0, w.parameter)(w.parameter), (f32(4.0), f32(4.0)))
    assert w.calls == []


def test_recomputation_leaves_the_hooks_alone():
    w = Hooked(2.0, 5.0)
    check(
        grad(lambda x: adcore.recompute(lambda x: w.parameter**3 * x, x), 0, w.parameter)(t32(1.0)),
        (f32(8.0), f32(60.0)),
    )
    assert w.calls == [5.0]


def test_a_training_step_uses_what_the_hook_returned():
    net = nn.Dense(2, 1, has_bias=False)
    before = array_of(net.weight).copy()
    calls = []
    net.weight.register_hook(lambda g: (calls.append(1), g * 10)[1])
    x, y = np.array([[1.0, 2.0]], np.float32), np.array([[0.5]], np.float32)
    step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), nn.SGD(net.trainable_params(), 0.01))
    step(Tensor(x), Tensor(y))
    slope = 2 * (x @ before.T - y).T @ x  # of the mean over one element
    np.testing.assert_allclose(array_of(net.weight), before - 0.1 * slope, rtol=1e-5)
    assert calls == [1]


@pytest.mark.parametrize("raises", [0, 1])
def test_a_hook_that_raises_does_so_at_its_order_and_leaves_nothing(raises):
    w = Parameter(t32(2.0), name="w")
    calls = []

    def hook(g):
        calls.append(g)
        if len(calls) == raises + 1:
            raise KeyError("hook")

    w.register_hook(hook)
    second = grad(grad(lambda: w**3, None, w), None, w)
    with pytest.raises(KeyError):
        second()
    calls[:] = [None] * 9
    check(second(), f32(12.0))
    check(ops.sum(grad(lambda: w**3, None, w)()), f32(12.0))


# ---- hooks of Cells -------------------------------------------------------------------------------------------------


class Log:
    """A Cell's hooks, and what they saw: numbers of (grad_input, grad_output), None where there was none."""

    def __init__(self, cell, scale_in=None, scale_out=None):
        self.calls = []

        def pre(cell, grad_output):
            self.calls.append(("pre", self.numbers(grad_output)))
            return None if scale_out is None else tuple(g * scale_out for g in grad_output)

        def post(cell, grad_input, grad_output):
            self.calls.append(("post", self.numbers(grad_input), self.numbers(grad_output)))
            return None if scale_in is None else tuple(None if g is None else g * scale_in for g in grad_input)

        cell.register_backward_pre_hook(pre)
        cell.register_backward_hook(post)

    @staticmethod
    def numbers(tensors):
        return [None if t is None else ops.sum(t).item() for t in tensors]


class Product(nn.Cell):
    """w * a * b, or the same with a rule of its own."""

    def __init__(self):
        super().__init__()
        self.w = Parameter(t32(2.0), name="w")

    def construct(self, a, b):
        return self.w * a * b


class OwnProduct(nn.Cell):
    def construct(self, a, b):
        return a * b * 2

    def bprop(self, a, b, out, dout):
        return b * dout * 2, a * dout * 2


@pytest.mark.parametrize("order", [1, 2])
def test_the_hooks_of_a_first_layer_are_called(order):
    """Nobody differentiates by the data, so there is no grad_input; the weights' derivative is as without hooks."""
    cell = Product()
    log = Log(cell, scale_in=7.0, scale_out=3.0)
    a, b = t32(3.0), t32(5.0)
    function = lambda: cell(a, b) ** 3
    for _ in range(order):
        function = grad(function, None, cell.w)
    # f = (15 w)**3, and the hook's factor 3 once for each sweep that passes it: 3 * 3 * 15**3 w**2, then the derivative
    # of that, on whose way to w the hook is met again.
    check(function(), f32(3.0 * 3 * 15.0**3 * 4 if order == 1 else 9.0 * 6 * 15.0**3 * 2))
    slope = 3.0 * 3 * 30.0**2
    assert log.calls[:2] == [("pre", [slope / 3]), ("post", [None, None], [slope])]
    assert len(log.calls) == 2 * order


SWEEPS = {
    "grad by weights": lambda f, w, x: grad(lambda: f(x), None, w)(),
    "value_and_grad": lambda f, w, x: value_and_grad(lambda: f(x), None, w)()[1],
    "vjp": lambda f, w, x: vjp(lambda: f(x), weights=w)[1](t32(1.0))[1],
    "inside of grad by x": lambda f, w, x: grad(lambda x: (grad(lambda: f(x), None, w)(), x * 0)[1])(x),
    "inside of jvp": lambda f, w, x: jvp(lambda x: grad(lambda: f(x), None, w)(), x, x)[0],
    "inside of vmap": lambda f, w, x: vmap(grad(f_of(f), 1), (0, None))(ops.stack([x, x]), w),
    "recomputed": lambda f, w, x: grad(lambda: adcore.recompute(f, x), None, w)(),
}


def f_of(f):
    return lambda x, w: f(x)


@pytest.mark.parametrize("how", SWEEPS)
def test_a_backward_hook_is_called_once_in_each_sweep_that_reaches_the_outputs(how):
    cell, x = Product(), t32(3.0)
    calls = []
    cell.register_backward_hook(lambda c, gi, go: calls.append(gi))
    SWEEPS[how](lambda x: cell(x, x), cell.w, x)
    assert len(calls) == 1 and len(calls[0]) == 2, calls


def test_grad_input_has_what_is_differentiated_and_none_for_the_rest():
    cell = Product()
    log = Log(cell, scale_in=10.0)
    check(grad(lambda a: cell(a, t32(5.0)), 0, cell.w)(t32(3.0)), (f32(100.0), f32(15.0)))
    assert log.calls == [("pre", [1.0]), ("post", [10.0, None], [1.0])]

    class First(nn.Cell):
        def construct(self, a, b, n):
            return a * 2

    cell = First()  # an input that nothing depends on has a derivative, too: zero
    log = Log(cell)
    check(grad(lambda a, b: cell(a, b, 3), (0, 1))(t32(3.0), t32(5.0)), (f32(2.0), f32(0.0)))
    assert log.calls == [("pre", [1.0]), ("post", [2.0, 0.0], [1.0])]


@pytest.mark.parametrize("by", [0, 1, (0, 1)])
def test_the_hooks_of_a_cell_with_a_rule_of_its_own(by):
    cell = OwnProduct()
    log = Log(cell, scale_in=10.0, scale_out=3.0)
    seen = []
    cell.register_forward_pre_hook(lambda c, inputs: seen.append(len(inputs)))
    cell.register_forward_hook(lambda c, inputs, out: (seen.append(out.item()), out * 1.0)[1])
    right = {0: f32(300.0), 1: f32(180.0), (0, 1): (f32(300.0), f32(180.0))}[by]
    check(grad(cell, by)(t32(3.0), t32(5.0)), right)
    assert seen == [2, 30.0]
    gi = [30.0 if by != 1 else None, 18.0 if by != 0 else None]
    assert log.calls == [("pre", [1.0]), ("post", gi, [3.0])]
    check(cell(t32(3.0), t32(5.0)), f32(30.0))
    assert seen == [2, 30.0] * 2 and len(log.calls) == 2


def test_a_cell_without_tensor_inputs_calls_its_hooks():
    class Constant(nn.Cell):
        def __init__(self):
            super().__init__()
            self.w = Parameter(t32(2.0), name="w")

        def construct(self, n):
            return self.w**n

    cell = Constant()
    log = Log(cell, scale_out=3.0)
    check(grad(lambda: cell(2), None, cell.w)(), f32(12.0))
    assert log.calls == [("pre", [1.0]), ("post", [], [3.0])]


def test_threads_that_sweep_one_recording_see_their_own_cotangents():
    import threading

    cell, wrong = nn.Tanh(), []
    cell.register_backward_hook(lambda c, gi, go: wrong.append((gi, go)) if float(gi[0]) != float(go[0]) else None)
    out, pull = vjp(cell, t32(0.0))  # the slope is 1
    both = threading.Barrier(4)

    def sweep(k):
        both.wait(60)
        for n in range(200):
            if float(pull(t32(1.0 * k * n))[0]) != k * n:
                wrong.append((k, n))

    threads = [threading.Thread(target=sweep, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
