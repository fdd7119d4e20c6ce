"""After every transform, also one whose function raised anywhere, nothing is left: no open level or frame, no tracked
Parameter, no memory."""

import gc
import threading

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, _core, grad, hessian, jacfwd, jacrev, jvp, nn, ops, vjp, vmap

W = Parameter(Tensor([2.0, 3.0]), name="w")
X = Tensor([0.5, 1.5])


class Boom(Exception):
    pass


def program(x, place, at):
    """A function of several stages, which raises before stage `at`."""

    def stage(k):
        place.append(k)
        if k == at:
            raise Boom

    stage(0)
    y = x * W
    stage(1)
    z = grad(lambda u: (stage(2), (u * u * y).sum())[1])(x)
    z = z + jvp(lambda u: (stage(3), u * y)[1], x, ops.ones_like(x))[1]
    z = z + adcore.recompute(lambda u: (stage(4), ops.sin(u))[1], z)

    class Own(adcore.Function):
        @staticmethod
        def forward(ctx, u):
            stage(5)
            return u * 2

        @staticmethod
        def backward(ctx, g):
            stage(6)
            return g * 2

    z = Own.apply(z)
    z.register_hook(lambda g: stage(7))
    z = z + ops.InsertGradientOf(lambda g: (stage(8), g)[1])(z)
    with adcore.no_grad():
        stage(9)
    z = z + vmap(lambda m: (stage(10), m * m)[1])(z)
    stage(11)
    return (z * y).sum()


TRANSFORMS = {
    "grad": lambda f: grad(f)(X),
    "grad weights": lambda f: grad(f, 0, [W])(X),
    "vjp": lambda f: vjp(f, X)[1](Tensor(1.0)),
    "jvp": lambda f: jvp(f, X, X),
    "linearize": lambda f: adcore.linearize(f, X)[1](X),
    "jacrev": lambda f: jacrev(f)(X),
    "jacfwd": lambda f: jacfwd(f)(X),
    "hessian": lambda f: hessian(f)(X),
    "vmap": lambda f: vmap(f)(ops.stack([X, X])),
    "vmap of grad": lambda f: vmap(grad(f))(ops.stack([X, X])),
    "grad of vmap": lambda f: grad(lambda x: vmap(f)(x).sum())(ops.stack([X, X])),
    "recompute": lambda f: grad(lambda x: adcore.recompute(f, x))(X),
    "derivative": lambda f: ops.derivative(f, X, 2),
    "GradOperation": lambda f: ops.GradOperation(get_all=True)(f)(X),
    "debug_nans": lambda f: adcore.debug_nans(grad(f))(X),
    "no_grad": lambda f: adcore.no_grad(grad(f))(X),
}


def assert_clean():
    assert _core.live_levels() == 0
    # A stale value is a constant, a Parameter is not tracked by what follows.
    np.testing.assert_array_equal(grad(lambda x: (x * x).sum())(X).asnumpy(), 2 * X.asnumpy())
    np.testing.assert_array_equal(grad(lambda x: (x * W).sum())(X).asnumpy(), W.asnumpy())
    np.testing.assert_array_equal(grad(lambda x: (x * W).sum(), None, W)(X).asnumpy(), X.asnumpy())


@pytest.mark.parametrize("name", TRANSFORMS)
def test_nothing_is_left_wherever_the_function_raises(name):
    run = TRANSFORMS[name]
    reached = []
    run(lambda x: program(x, reached, None))
    assert_clean()
    for at in sorted(set(reached)):
        with pytest.raises(Boom):
            run(lambda x: program(x, [], at))
        assert_clean()
    before = run(lambda x: program(x, [], None))
    after = run(lambda x: program(x, [], None))
    for a, b in zip(_core.tree_leaves(before), _core.tree_leaves(after)):
        if isinstance(a, Tensor):
            np.testing.assert_array_equal(a.asnumpy(), b.asnumpy())


@pytest.mark.parametrize("name", TRANSFORMS)
def test_memory_comes_back(name):
    def run(at):
        try:
            TRANSFORMS[name](lambda x: program(x, [], at))
        except Boom:
            pass

    def in_use():
        gc.collect()
        return adcore.memory_stats()["bytes_in_use"]

    for at in (None, 1, 6, 11):
        run(at)
    before = in_use()
    for _ in range(20):
        for at in (None, 1, 6, 11):
            run(at)
    assert in_use() <= before


def test_what_vjp_returned_keeps_its_tape_and_gives_it_back():
    big = ops.ones(100_000)
    vjp(ops.sin, big)[1](big)  # what is made once
    gc.collect()
    before = adcore.memory_stats()["bytes_in_use"]
    _, pull = vjp(lambda x: ops.sin(ops.sin(ops.sin(x))), big)
    assert adcore.memory_stats()["bytes_in_use"] > before
    del pull, _
    gc.collect()
    assert adcore.memory_stats()["bytes_in_use"] <= before


def test_a_vjp_of_an_ended_derivative_raises():
    kept = []
    grad(lambda x: (kept.append(vjp(lambda u: u * x, x)[1]), (x * x).sum())[1])(X)
    with pytest.raises(RuntimeError, match="ended"):
        kept[0](X)
    assert_clean()


def test_a_vjp_may_be_called_from_another_thread_and_inside_other_transforms():
    _, pull = vjp(lambda x: x**3, X)
    results = []
    thread = threading.Thread(target=lambda: results.append(pull(X)[0].asnumpy()))
    thread.start()
    thread.join()
    np.testing.assert_allclose(results[0], 3 * X.asnumpy() ** 3, rtol=1e-6)
    # Linear in its cotangent, whatever differentiates it.
    np.testing.assert_allclose(grad(lambda v: pull(v)[0].sum())(X).asnumpy(), 3 * X.asnumpy() ** 2, rtol=1e-6)
    np.testing.assert_allclose(jvp(lambda v: pull(v)[0], X, X)[1].asnumpy(), 3 * X.asnumpy() ** 3, rtol=1e-6)
    rows = vmap(lambda v: pull(v)[0])(ops.eye(2))
    np.testing.assert_allclose(rows.asnumpy(), np.diag(3 * X.asnumpy() ** 2), rtol=1e-6)


def peak_of(run):
    """The most bytes of tensors in use at once, counted by the allocator."""
    adcore.empty_cache()
    gc.collect()
    start = adcore.memory_stats()["bytes_in_use"]
    peak = start

    def watch():
        nonlocal peak
        peak = max(peak, adcore.memory_stats()["bytes_in_use"])

    run(watch)
    return peak - start


def test_recompute_keeps_its_inputs_only():
    n, blocks, layers = 50_000, 8, 6

    def block(x, watch):
        for _ in range(layers):
            x = ops.sin(x)
            watch()
        return x

    def run(wrap, watch):
        def f(x):
            for _ in range(blocks):
                x = wrap(lambda v: block(v, watch), x)
            return x.sum()

        return grad(f)(ops.full((n,), 0.5))

    plain = peak_of(lambda watch: run(lambda f, x: f(x), watch))
    again = peak_of(lambda watch: run(adcore.recompute, watch))
    size = 4 * n
    assert plain > blocks * layers * size * 0.9
    # One value per block, those of one block, and a few on the way.
    assert again < (blocks + layers + 8) * size * 1.3


def test_jvp_keeps_no_tape():
    n = 50_000

    def run(length, watch):
        def f(x):
            for _ in range(length):
                x = ops.sin(x)
                watch()
            return x

        jvp(f, ops.full((n,), 0.5), ops.ones(n))

    assert peak_of(lambda watch: run(200, watch)) <= peak_of(lambda watch: run(10, watch)) + 4 * n


def test_a_network_may_be_differentiated_in_several_threads_at_once():
    net = nn.Dense(4, 3)
    x = ops.ones((5, 4))
    loss = lambda x: (net(x) ** 2).sum()
    expected = [t.asnumpy() for t in (hessian(loss)(x), vmap(grad(loss))(x.reshape(5, 1, 4)))]
    wrong = []

    def work():
        for _ in range(20):
            own = hessian(loss)(x), vmap(grad(loss))(x.reshape(5, 1, 4))
            if not all(np.array_equal(a.asnumpy(), b) for a, b in zip(own, expected)):
                wrong.append(own)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
