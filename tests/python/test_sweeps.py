"""Sweeps under a watch, inside other transforms, from several threads, and after one that raised.

What a rule reads has been kept, whatever is open when the sweep runs; a kept recording may be swept by anybody, any
number of times. Oracles: finite differences and formulas in NumPy. The same over every op: test_crossed.py.
"""

import gc
import sys
import threading

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, jacfwd, jacrev, jvp, linearize, nn, ops, value_and_grad, vjp, vmap
from helpers import array_of, check_grads

RNG = np.random.default_rng(17)
Z = RNG.uniform(-3, 3, (4, 3))
Y = RNG.uniform(0, 1, (4, 3))
WEIGHT, POS_WEIGHT = RNG.uniform(0.5, 2, (4, 3)), RNG.uniform(0.5, 2, 3)
CLASSES = np.array([2, 0, -100, 1])
SHARES = Y / Y.sum(1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def hot(classes, count=3):
    return (classes[:, None] == np.arange(count)).astype(float)


COUNTED = (CLASSES >= 0).astype(float)

# Losses with constant targets: the function of the prediction, and its gradient at Z by hand; None: differences alone.
LOSSES = {
    "bce with logits": (
        lambda z: ops.binary_cross_entropy_with_logits(z, Tensor(Y)),
        (sigmoid(Z) - Y) / Z.size,
    ),
    "bce with logits, sum": (
        lambda z: ops.binary_cross_entropy_with_logits(z, Tensor(Y), reduction="sum"),
        sigmoid(Z) - Y,
    ),
    "bce with logits, none": (
        lambda z: ops.binary_cross_entropy_with_logits(z, Tensor(Y), reduction="none").sum(),
        sigmoid(Z) - Y,
    ),
    "bce with logits, weight": (
        lambda z: ops.binary_cross_entropy_with_logits(z, Tensor(Y), Tensor(WEIGHT)),
        WEIGHT * (sigmoid(Z) - Y) / Z.size,
    ),
    "bce with logits, pos_weight": (
        lambda z: ops.binary_cross_entropy_with_logits(z, Tensor(Y), None, Tensor(POS_WEIGHT)),
        ((1 - Y) * sigmoid(Z) - POS_WEIGHT * Y * sigmoid(-Z)) / Z.size,
    ),
    "bce": (lambda z: ops.binary_cross_entropy(ops.sigmoid(z), Tensor(Y)), (sigmoid(Z) - Y) / Z.size),
    "cross-entropy": (
        lambda z: ops.cross_entropy(z, Tensor(CLASSES)),
        (softmax(Z) - hot(CLASSES)) * COUNTED[:, None] / COUNTED.sum(),
    ),
    "cross-entropy, sum": (
        lambda z: ops.cross_entropy(z, Tensor(CLASSES), reduction="sum"),
        (softmax(Z) - hot(CLASSES)) * COUNTED[:, None],
    ),
    "cross-entropy, none": (
        lambda z: ops.cross_entropy(z, Tensor(CLASSES), reduction="none").sum(),
        (softmax(Z) - hot(CLASSES)) * COUNTED[:, None],
    ),
    "cross-entropy, weight": (lambda z: ops.cross_entropy(z, Tensor(CLASSES), Tensor(POS_WEIGHT)), None),
    "cross-entropy, smoothed": (lambda z: ops.cross_entropy(z, Tensor(CLASSES), label_smoothing=0.3), None),
    "cross-entropy, probabilities": (lambda z: ops.cross_entropy(z, Tensor(SHARES)), (softmax(Z) - SHARES) / 4),
    "log-softmax": (lambda z: (ops.log_softmax(z) * Tensor(SHARES)).sum(), SHARES - softmax(Z)),
    "softmax": (
        lambda z: (ops.softmax(z) * Tensor(Y)).sum(),
        softmax(Z) * (Y - (softmax(Z) * Y).sum(1, keepdims=True)),
    ),
    "mse": (lambda z: ops.mse_loss(z, Tensor(Y)), 2 * (Z - Y) / Z.size),
    "l1": (lambda z: ops.l1_loss(z, Tensor(Y)), np.sign(Z - Y) / Z.size),
    "BCEWithLogitsLoss": (lambda z: nn.BCEWithLogitsLoss()(z, Tensor(Y)), (sigmoid(Z) - Y) / Z.size),
    "CrossEntropyLoss": (lambda z: nn.CrossEntropyLoss()(z, Tensor(SHARES)), (softmax(Z) - SHARES) / 4),
    "MSELoss": (lambda z: nn.MSELoss()(z, Tensor(Y)), 2 * (Z - Y) / Z.size),
    "L1Loss": (lambda z: nn.L1Loss()(z, Tensor(Y)), np.sign(Z - Y) / Z.size),
}

DTYPES = {"float64": 1e-12, "float32": 1e-6, "float16": 2e-3}


# ---- under a watch -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_under_watch(name, dtype):
    loss, expected = LOSSES[name]
    z = Tensor(Z).astype(getattr(adcore, dtype))
    plain = array_of(grad(loss)(z))
    with adcore.debug_nans():
        watched = array_of(grad(loss)(z))
        swept = array_of(vjp(loss, z)[1](ops.ones_like(loss(z)))[0])
    again = array_of(adcore.debug_nans(grad(loss))(z))
    for own in (watched, swept, again):
        np.testing.assert_allclose(own, plain, rtol=0, atol=DTYPES[dtype] * 4)
        if expected is not None:
            np.testing.assert_allclose(own, expected, rtol=0, atol=DTYPES[dtype] * 4)


@pytest.mark.parametrize("name", LOSSES)
def test_orders_of_losses_under_watch(name):
    with adcore.debug_nans():
        check_grads(LOSSES[name][0], [Z], order=3 if "l1" not in name.lower() else 2)


@pytest.mark.parametrize("name", LOSSES)
def test_a_recording_made_under_watch_is_swept_without_and_the_other_way_round(name):
    loss, expected = LOSSES[name]
    z = Tensor(Z)
    with adcore.debug_nans():
        value, pull = vjp(loss, z)
    outside = pull(ops.ones_like(value))[0]
    value, pull = vjp(loss, z)
    with adcore.debug_nans():
        inside = pull(ops.ones_like(value))[0]
        mapped = vmap(lambda c: pull(c)[0])(ops.ones((3,), adcore.float64))
    expected = array_of(grad(loss)(z)) if expected is None else expected
    for own in (array_of(outside), array_of(inside), *array_of(mapped)):
        np.testing.assert_allclose(own, expected, rtol=0, atol=1e-13)


class Watched:
    """A watch that begins or ends in the middle of the differentiated function."""

    @staticmethod
    def first_part(loss):
        def f(z):
            with adcore.debug_nans():
                u = ops.tanh(z)
                first = loss(u)
            return first + loss(u * 2)

        return f

    @staticmethod
    def in_a_hook(loss):
        def f(z):
            z = ops.InsertGradientOf(lambda g: adcore.debug_nans(lambda g: g * 1)(g))(ops.tanh(z))
            return loss(z) + loss(z * 2)

        return f


@pytest.mark.parametrize("part", [Watched.first_part, Watched.in_a_hook])
@pytest.mark.parametrize("name", ["bce with logits", "cross-entropy", "softmax"])
def test_a_watch_for_a_part_of_the_function(name, part):
    check_grads(part(LOSSES[name][0]), [Z], order=2)
    with adcore.debug_nans():
        check_grads(part(LOSSES[name][0]), [Z], order=2)


def training(loss, outputs, target):
    rng = np.random.default_rng(1)
    net = nn.Dense(3, outputs)
    w, b = rng.uniform(-1, 1, (outputs, 3)).astype(np.float32), rng.uniform(-1, 1, outputs).astype(np.float32)
    net.weight.set_data(Tensor(w))
    net.bias.set_data(Tensor(b))
    optimizer = nn.SGD(net.trainable_params(), 0.5)
    x = Z.astype(np.float32)
    return net, nn.TrainOneStepCell(nn.WithLossCell(net, loss), optimizer), w, b, x, Tensor(target)


@pytest.mark.parametrize("watched", [False, True], ids=["plain", "watched"])
@pytest.mark.parametrize("kind", ["bce", "cross-entropy"])
def test_training_steps(kind, watched):
    """Three steps of gradient descent on a linear model, against NumPy."""
    if kind == "bce":
        target = (Y[:, :1] > 0.5).astype(np.float32)
        net, step, w, b, x, given = training(nn.BCEWithLogitsLoss(), 1, target)
        value = lambda z: float(np.mean(np.logaddexp(0, z) - target * z))
        slope = lambda z: (sigmoid(z) - target) / z.size
    else:
        classes = np.array([2, 0, 1, 1])
        net, step, w, b, x, given = training(nn.CrossEntropyLoss(), 3, classes.astype(np.int32))
        value = lambda z: float(-np.log(softmax(z)[np.arange(4), classes]).mean())
        slope = lambda z: (softmax(z) - hot(classes)) / 4
    run = adcore.debug_nans(step) if watched else step
    for _ in range(3):
        z = x @ w.T + b
        assert abs(float(run(Tensor(x), given)) - value(z)) < 1e-5
        w, b = w - 0.5 * slope(z).T @ x, b - 0.5 * slope(z).sum(0)
        np.testing.assert_allclose(array_of(net.weight), w, rtol=0, atol=1e-5)
        np.testing.assert_allclose(array_of(net.bias), b, rtol=0, atol=1e-5)


# ---- pulls over recompute ------------------------------------------------------------------------------------------

V = RNG.uniform(-1, 1, 5)
W = Parameter(Tensor(RNG.uniform(-1, 1, (3, 5))), name="w")
CONSTANT = Tensor(RNG.uniform(0.2, 0.8, 5))

# Functions of a vector of 5.
RECOMPUTED = {
    "sine": lambda x: ops.sin(x) * x,
    "bce": lambda x: ops.binary_cross_entropy_with_logits(x, CONSTANT, reduction="none"),
    "bce mean": lambda x: ops.binary_cross_entropy_with_logits(x, CONSTANT),
    "cross-entropy": lambda x: ops.cross_entropy(ops.stack([x, x * x]), Tensor([1, 3]), reduction="none"),
    "softmax": lambda x: ops.softmax(x),
    "log-softmax": lambda x: ops.log_softmax(x),
    "product": lambda x: ops.matmul(W, ops.tanh(x)),
    "dense": lambda x: ops.dense(ops.stack([x, x * x]), W).reshape(-1),
    "max": lambda x: ops.max(x * x)[0] * x,
    "nested": lambda x: adcore.recompute(ops.exp, adcore.recompute(ops.sin, x) * x),
    "nothing": lambda x: x * 1,
}

CALLS = {
    "whole": lambda f: lambda x: adcore.recompute(f, x),
    "twice": lambda f: lambda x: adcore.recompute(f, x) + adcore.recompute(f, x * 2),
    "within": lambda f: lambda x: ops.sin(adcore.recompute(f, ops.tanh(x) * 2)),
}


def differences(f, x, step=1e-5):
    """The Jacobian of f by central differences, in NumPy."""
    at = lambda x: array_of(f(Tensor(x))).ravel()
    units = np.eye(x.size).reshape(x.size, *x.shape) * step
    return np.stack([(at(x + u) - at(x - u)) / (2 * step) for u in units], -1)


@pytest.fixture(params=[(name, call) for name in RECOMPUTED for call in CALLS], ids="-".join)
def pulled(request):
    """A pull over a recomputed block, and the Jacobian it stands for."""
    name, call = request.param
    f = CALLS[call](RECOMPUTED[name])
    jacobian = differences(f, V)
    out, pull = vjp(f, Tensor(V))
    shape = tuple(out.shape)
    c = Tensor(RNG.uniform(-1, 1, shape))
    return (lambda c: pull(c)[0]), c, jacobian


def near(own, expected):
    np.testing.assert_allclose(array_of(own), expected, rtol=0, atol=1e-8 * max(1.0, np.abs(expected).max()))


def test_a_pull_is_called_several_times(pulled):
    pull, c, jacobian = pulled
    for factor in (1.0, 2.0, -3.0):
        near(pull(c * factor), array_of(c).ravel() * factor @ jacobian)


def test_a_pull_inside_grad(pulled):
    pull, c, jacobian = pulled
    u = Tensor(RNG.uniform(-1, 1, 5))
    for _ in range(2):
        near(grad(lambda c: (pull(c) * u).sum())(c), (jacobian @ array_of(u)).reshape(c.shape))
        near(pull(c), array_of(c).ravel() @ jacobian)
    # Linear, so its square has the constant second derivative 2 J J'.
    square = grad(lambda c: (pull(c) ** 2).sum())
    near(grad(lambda c: (square(c) * c).sum())(c), (4 * jacobian @ (array_of(c).ravel() @ jacobian)).reshape(c.shape))


def test_a_pull_inside_a_level_of_something_else(pulled):
    pull, c, jacobian = pulled
    expected = array_of(c).ravel() @ jacobian
    near(grad(lambda u: (pull(c) * u).sum())(Tensor(V)), expected)
    near(grad(lambda u: (grad(lambda t: (pull(c) * t * u).sum())(u) * u).sum())(Tensor(V)), 2 * V * expected)


def test_a_pull_inside_jvp(pulled):
    pull, c, jacobian = pulled
    d = Tensor(RNG.uniform(-1, 1, tuple(c.shape)))
    value, tangent = jvp(pull, c, d)
    near(value, array_of(c).ravel() @ jacobian)
    near(tangent, array_of(d).ravel() @ jacobian)
    near(
        jvp(grad(lambda c: (pull(c) ** 2).sum()), c, d)[1],
        (2 * jacobian @ (array_of(d).ravel() @ jacobian)).reshape(c.shape),
    )


def test_a_pull_inside_vmap(pulled):
    pull, c, jacobian = pulled
    rows = Tensor(RNG.uniform(-1, 1, (3, *c.shape)))
    flat = array_of(rows).reshape(3, -1)
    near(vmap(pull)(rows), flat @ jacobian)
    squares = vmap(grad(lambda c: (pull(c) ** 2).sum()))(rows)
    near(squares, (2 * flat @ jacobian @ jacobian.T).reshape(rows.shape))
    near(jacrev(pull)(c), jacobian.T.reshape(5, *c.shape))
    near(jacfwd(pull)(c), jacobian.T.reshape(5, *c.shape))


def test_one_pull_from_two_threads(pulled):
    pull, c, jacobian = pulled
    expected = array_of(c).ravel() @ jacobian
    together([lambda: near(pull(c), expected)] * 2 + [lambda: near(jvp(pull, c, c)[1], expected)])
    near(pull(c), expected)


def test_one_pull_from_two_threads_inside_grad(pulled):
    pull, c, jacobian = pulled
    u = Tensor(RNG.uniform(-1, 1, 5))
    expected = (jacobian @ array_of(u)).reshape(c.shape)
    together([lambda: near(grad(lambda c: (pull(c) * u).sum())(c), expected)] * 2)


def together(calls, times=15):
    """Call the functions in threads of their own, all at once, again and again, in turns of a few instructions."""
    begin, failures = threading.Barrier(len(calls)), []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)

    def work(call):
        try:
            for _ in range(times):
                begin.wait(60)
                call()
        except BaseException as e:
            begin.abort()
            failures.append(e)

    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    sys.setswitchinterval(interval)
    for failure in failures:
        if not isinstance(failure, threading.BrokenBarrierError):
            raise failure


@pytest.mark.parametrize("how", ["plain", "grad", "jvp", "vmap"])
def test_two_threads_are_inside_of_one_recomputed_block(how):
    """They go through it step by step, side by side: no thread waits for another's sweep, and none sees it."""
    calls, meeting = [], threading.Barrier(2)

    def step():
        if len(calls) > 1:
            meeting.wait(60)

    def block(x):
        calls.append(1)
        step()
        y = ops.sin(x)
        step()
        y = y * x
        step()
        return ops.exp(y) * W.sum()

    _, pull = vjp(lambda x: adcore.recompute(block, ops.tanh(x)), Tensor(V))
    expected = np.diag(differences(lambda x: ops.exp(ops.sin(ops.tanh(x)) * ops.tanh(x)) * W.sum(), V))
    c = ops.ones_like(Tensor(V))
    sweep = {
        "plain": lambda k: near(pull(c * k)[0], k * expected),
        "grad": lambda k: near(grad(lambda c: (pull(c)[0] * k).sum())(c), k * expected),
        "jvp": lambda k: near(jvp(lambda c: pull(c)[0], c, c * k)[1], k * expected),
        "vmap": lambda k: near(vmap(lambda c: pull(c)[0])(ops.stack([c, c * k]))[1], k * expected),
    }[how]
    together([lambda: sweep(2.0), lambda: sweep(3.0)], times=3)


@pytest.mark.parametrize("name", RECOMPUTED)
def test_what_surrounds_a_recomputed_block_is_differentiated(name):
    """The recording is made inside of an outer derivative whose input the block captures."""
    block = RECOMPUTED[name]

    def f(u):
        out, pull = vjp(lambda z: adcore.recompute(lambda z: block(z * u), z), Tensor(V))
        return (pull(ops.ones_like(out))[0] * Tensor(V + 2)).sum()

    check_grads(f, [V * 0.5 + 0.1], order=2 if name != "max" else 1, rtol=1e-6)


@pytest.mark.parametrize("name", RECOMPUTED)
def test_linearize_over_a_recomputed_block(name):
    f = CALLS["within"](RECOMPUTED[name])
    jacobian = differences(f, V)
    out, push = linearize(f, Tensor(V))
    for t in (V, V * V):
        near(push(Tensor(t)), (jacobian @ t).reshape(out.shape))
    together([lambda: near(push(Tensor(V)), (jacobian @ V).reshape(out.shape))] * 2)


# ---- sweeps that raise ---------------------------------------------------------------------------------------------


class Boom(Exception):
    pass


class Fuse:
    """Raises at the call of the given number, counted from 0, and at no other."""

    def __init__(self, at=None):
        self.left = at

    def __call__(self, value=None):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Boom
        return value


def own_function(fuse):
    class Own(adcore.Function):
        @staticmethod
        def forward(ctx, u):
            ctx.save_for_backward(u)
            return u * u, u * 3

        @staticmethod
        def backward(ctx, g, h):
            fuse()
            return 2 * ctx.saved_tensors[0] * g + 3 * h

    return lambda x: sum(Own.apply(x))


def own_vjp(fuse):
    @adcore.custom_vjp
    def f(u):
        return u * u, u * 3

    f.defvjp(lambda u: (f._fn(u), u), lambda u, gs: (fuse(2 * u * gs[0] + 3 * gs[1]),))
    return lambda x: sum(f(x))


def own_jvp(fuse):
    @adcore.custom_jvp
    def f(u):
        return u * u, u * 3

    f.defjvp(lambda us, ts: (f(*us), fuse((2 * us[0] * ts[0], 3 * ts[0]))))
    return lambda x: sum(f(x))


def own_bprop(fuse):
    class Own(nn.Cell):
        def construct(self, u):
            return u * u + u * 3

        def bprop(self, u, out, dout):
            return (fuse((2 * u + 3) * dout),)

    return Own()


def hooked(fuse):
    def f(x):
        y = x * x
        y.register_hook(lambda g: fuse())
        return y + x * 3

    return f


def recomputed(fuse):
    calls = []

    def block(u):
        first = u * u
        if calls:  # the run of the call itself is none of the sweep's
            fuse()
        calls.append(1)
        return first + u * 3

    return lambda x: adcore.recompute(block, x)


def recomputed_with_a_rule(fuse):
    inner = own_function(fuse)
    return lambda x: adcore.recompute(lambda u: inner(u), x)


def replaced(fuse):
    return lambda x: ops.InsertGradientOf(fuse)(x * x) + ops.HookBackward(lambda g: fuse())(x * 3)


# Rules that call the fuse whenever they run; all are the rule of x * x + 3 * x.
RAISING = [own_function, own_vjp, own_jvp, own_bprop, hooked, recomputed, recomputed_with_a_rule, replaced]

AROUND = {
    "alone": lambda f: f,
    "between": lambda f: lambda x: ops.tanh(f(ops.tanh(x))),
    "three": lambda f: lambda x: f(x) * 2 + f(x * 0.5) * ops.sin(f(x)),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("rule", RAISING, ids=lambda r: r.__name__)
def test_a_recording_is_swept_again_after_a_sweep_that_raised(rule, around):
    fuse = Fuse()
    f = AROUND[around](rule(fuse))
    expected = np.diag(differences(AROUND[around](lambda x: x * x + 3 * x), V))
    c = ops.ones_like(Tensor(V))
    _, pull = vjp(f, Tensor(V))
    raised = 0
    for at in range(12):
        fuse.left = at
        try:
            near(pull(c)[0], expected)
        except Boom:
            raised += 1
        fuse.left = None
        for factor in (1.0, 3.0):
            near(pull(c * factor)[0], factor * expected)
        near(jvp(lambda c: pull(c)[0], c, c * 2)[1], 2 * expected)
        near(grad(lambda c: (pull(c)[0] * c).sum())(c), 2 * expected)
        near(vmap(lambda c: pull(c)[0])(ops.stack([c, c * 2])), np.stack([expected, 2 * expected]))
    assert raised, "no sweep raised"


@pytest.mark.parametrize("how", ["grad", "grad of grad", "jvp of grad", "vmap of grad", "value_and_grad"])
@pytest.mark.parametrize("rule", RAISING, ids=lambda r: r.__name__)
def test_derivatives_after_one_that_raised(rule, how):
    fuse = Fuse()
    f = rule(fuse)
    total = lambda x: f(x).sum()
    x = Tensor(V)
    run, expected = {
        "grad": (lambda: grad(total)(x), 2 * V + 3),
        "grad of grad": (lambda: grad(lambda x: (grad(total)(x) * x).sum())(x), 4 * V + 3),
        "jvp of grad": (lambda: jvp(grad(total), x, x)[1], 2 * V),
        "vmap of grad": (lambda: vmap(grad(total))(ops.stack([x, x]))[1], 2 * V + 3),
        "value_and_grad": (lambda: value_and_grad(total)(x)[1], 2 * V + 3),
    }[how]
    raised = 0
    for at in range(6):
        fuse.left = at
        try:
            near(run(), expected)
        except Boom:
            raised += 1
        fuse.left = None
        near(run(), expected)
    assert raised, "nothing raised"


@pytest.mark.parametrize("rule", RAISING, ids=lambda r: r.__name__)
def test_sweeps_that_raise_keep_no_memory(rule):
    fuse = Fuse()
    f = AROUND["three"](rule(fuse))
    x = ops.full((20_000,), 0.5)
    _, pull = vjp(f, x)

    def sweep(at):
        fuse.left = at
        try:
            pull(x)
        except Boom:
            pass
        fuse.left = None

    def in_use():
        gc.collect()
        return adcore.memory_stats()["bytes_in_use"]

    for at in range(8):
        sweep(at)
    pull(x)
    before = in_use()
    for _ in range(5):
        for at in range(8):
            sweep(at)
    assert in_use() <= before


def test_two_threads_of_which_one_raises():
    fuse = Fuse()
    mine = threading.get_ident()

    def hook(g):
        if threading.get_ident() == mine:
            raise Boom

    def f(x):
        y = adcore.recompute(lambda u: u * u, x)
        y.register_hook(hook)
        return y + own_function(fuse)(x)

    _, pull = vjp(f, Tensor(V))
    c = ops.ones_like(Tensor(V))
    stop, wrong = threading.Event(), []

    def work():
        while not stop.is_set():
            try:
                near(pull(c)[0], 4 * V + 3)
            except BaseException as e:
                wrong.append(e)
                return

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(50):
        with pytest.raises(Boom):
            pull(c)
    stop.set()
    thread.join()
    assert not wrong, wrong[0]
