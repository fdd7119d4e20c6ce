"""print_ and host_callback: what a function does beside its result, where it runs as Python and where a program runs.

The oracle is the function without jit: the same calls, with the same values, in the same order. Start reading at
`PROGRAMS`.
"""

import gc
import io
import threading
import weakref

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, jit, jvp, nn, ops, value_and_grad, vmap
from helpers import t32

X = t32(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
CALLS = []


def note(word, *tensors):
    CALLS.append((word, *(t.asnumpy().tolist() for t in tensors)))


def noted(word, *tensors):
    """Note what it is called with, and give the first of it doubled."""
    note(word, *tensors)
    return tensors[0] * 2


def called(word, *tensors):
    return ops.host_callback(noted, word, *tensors, result=tensors[0])


def told(word, x):
    ops.host_callback(note, word, x)
    return x


def plainly_sorted(x):
    return ops.host_callback(lambda v: np.sort(v.asnumpy()), told("sorts", x), result=x)


sorted_of = adcore.custom_vjp(plainly_sorted)
sorted_of.defvjp(lambda x: (plainly_sorted(x), x), lambda x, g: (g * told("pulls", 2 * x),))


@adcore.custom_jvp
def doubled(x):
    return called("doubles", x)


doubled.defjvp(lambda primals, tangents: (doubled(*primals), 2 * tangents[0]))


def scanned(x):
    def step(c, v):
        return c * 0.5 + told("step", c * v), told("row", v)

    last, rows = ops.scan(step, Tensor(0.0), x, reverse=True)
    return last + (rows * rows).sum()


def scanned_with_results(x):
    def step(c, v):
        return c * v + called("step", ops.stop_gradient(v)), c

    last, rows = ops.scan(step, Tensor(0.0), x)
    return last + (rows * rows).sum()


def looped(x):
    return ops.while_loop(lambda v: (v * v).sum() < 10_000, lambda v: told("w", v) * 2, x).sum()


def counted(x):
    return ops.fori_loop(0, 7, lambda i, v: told("i", v * i) * 0.1, x).sum()


def chosen(x):
    return ops.cond(x.sum() > 3, lambda v: told("a", v) * 2, lambda v: told("b", v) * v, x).sum()


def several(x):
    told("one", x.sum())
    y = x * told("two", ops.sin(x))
    ops.host_callback(note, "no values")
    told("one", x.sum())  # the same call again
    told("constant", Tensor(3.0))
    return (y * called("three", Tensor(2.0))).sum()


def nested(x):
    def inner(v):
        return ops.scan(lambda c, e: (told("inner", c + e), None), v, ops.arange(5).astype(v.dtype))[0]

    return ops.scan(lambda c, v: (jit(inner)(c) * 0.1 + v, None), Tensor(0.0), x)[0]


def members(x):
    return vmap(lambda a: vmap(lambda b: called("members", a * b, b))(X[:2]).sum() * a)(x).sum()


# Functions of a vector that give a number, differentiable in reverse mode ...
PROGRAMS = {
    "several": several,
    "scan": scanned,
    "scan with results": scanned_with_results,
    "fori": counted,
    "cond": chosen,
    "scan in scan, jit in jit": nested,
    "a reverse rule": lambda x: (sorted_of(x) * x).sum(),
    "a forward rule": lambda x: (doubled(x) * x).sum(),
}
# ... and others.
FORWARD = {"while": looped, "vmap in vmap": lambda x: members(ops.stop_gradient(x)) * x.sum()}

NESTINGS = {
    "value": lambda f: f,
    "grad": grad,
    "value and grad": lambda f: value_and_grad(f),
    "jvp": lambda f: lambda x: jvp(f, (x,), (x,)),
    "vmap": lambda f: lambda x: vmap(lambda s: f(x * s))(t32(1.0, -0.5, 2.0)),
    "vmap of grad": lambda f: lambda x: vmap(lambda s: grad(f)(x * s))(t32(1.0, -0.5)),
    "grad of vmap": lambda f: grad(lambda x: vmap(lambda s: f(x * s))(t32(1.0, -0.5)).sum()),
    "grad of grad": lambda f: grad(lambda x: (grad(f)(x) * X).sum()),
}


def calls_of(f, x):
    CALLS.clear()
    result = adcore._core.tree_leaves(f(x))
    return [r.asnumpy() for r in result], list(CALLS)


def check(f, x, run):
    expected, calls = calls_of(f, x)
    for _ in range(2):  # recorded, and replayed
        made, others = calls_of(run, x)
        assert others == calls
        for a, b in zip(made, expected):
            np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("nesting", NESTINGS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_makes_the_calls_of_the_function(name, nesting):
    if name == "a forward rule" and nesting == "grad of grad":
        pytest.skip("the tangents of tangents ask for the function as often as there are sweeps")
    if name == "a reverse rule" and nesting in ("jvp", "grad of grad"):
        pytest.skip("custom_vjp calls its rule as often as it is asked")
    check(NESTINGS[nesting](PROGRAMS[name]), X, jit(NESTINGS[nesting](PROGRAMS[name])))
    if name != "scan in scan, jit in jit" or nesting != "grad of grad":
        check(NESTINGS[nesting](PROGRAMS[name]), X, NESTINGS[nesting](jit(PROGRAMS[name])))


@pytest.mark.parametrize("nesting", ["value", "vmap"])
@pytest.mark.parametrize("name", FORWARD)
def test_loops_of_unknown_length_call_once_per_step(name, nesting):
    check(NESTINGS[nesting](FORWARD[name]), X, jit(NESTINGS[nesting](FORWARD[name])))
    check(NESTINGS[nesting](FORWARD[name]), X, NESTINGS[nesting](jit(FORWARD[name])))


def test_print_formats_as_print_does(capsys):
    @jit
    def f(x):
        ops.print_("x:", x, {"y": (x.sum(), 1)}, sep="|", end="!\n")
        ops.print_(2.5)
        return x

    f(X), f(X)
    out = capsys.readouterr().out
    print("x:", X, {"y": (X.sum(), 1)}, sep="|", end="!\n")
    print(2.5)
    assert out == 2 * capsys.readouterr().out


def test_print_writes_to_what_it_is_given():
    files = [io.StringIO(), io.StringIO()]

    @jit
    def f(x):
        ops.print_(x.sum(), file=files[0])
        return x

    f(X), f(X + 1)
    assert files[0].getvalue() == "21.0\n27.0\n"


def test_a_loss_is_noted_at_each_step_of_a_training():
    net = nn.Dense(6, 1)
    optimizer = nn.SGD(net.trainable_params(), 0.01)
    losses, seen = value_and_grad(lambda x: (net(x) ** 2).mean(), None, optimizer.parameters), []

    @jit
    def step(x):
        loss, gradients = losses(x)
        optimizer(gradients)
        ops.host_callback(lambda value: seen.append(float(value)), loss)
        return loss

    results = [float(step(X.reshape(1, 6))) for _ in range(4)]
    assert seen == results and results == sorted(results, reverse=True)
    assert "step: 4 calls, 1 recorded" in step.explain()


class Recorder:
    def __init__(self):
        self.values = []

    def add(self, value):
        self.values.append(float(value))


def test_what_a_callback_alone_changes_is_no_reason_to_record_again():
    recorder, values, named = Recorder(), [], {"values": []}

    @jit
    def f(x):
        ops.host_callback(recorder.add, x.sum())
        ops.host_callback(values.append, x.sum())
        ops.host_callback(lambda v: named["values"].append(v), x.sum())
        return x

    for _ in range(3):
        f(X)
    assert len(f._log) == 1 and recorder.values == [21.0] * 3 and len(values) == len(named["values"]) == 3


def test_what_the_function_reads_too_is_compared():
    values, recorder = [], Recorder()

    @jit
    def f(x):
        ops.host_callback(values.append, x.sum())
        ops.host_callback(recorder.add, x.sum())
        return x[0] * len(values) + len(recorder.values)

    assert [float(f(X)) for _ in range(3)] == [0.0, 2.0, 4.0]


def test_a_callback_of_all_members():
    shapes = []

    def f(x):
        def doubled(v, w):
            shapes.append((v.shape, w.shape))
            return v + w

        return ops.host_callback(doubled, x, X[0], result=x, vectorized=True)

    for run in (vmap(f), jit(vmap(f)), vmap(jit(f)), lambda x: vmap(vmap(f))(x.reshape(2, 3)).reshape(6)):
        np.testing.assert_array_equal(run(X).asnumpy(), X.asnumpy() + 1)
    assert shapes == [((6,), (6,))] * 3 + [((2, 3), (2, 3))]


def test_results_in_containers_and_numbers():
    def f(x):
        declared = {"a": ((2,), adcore.int64), "b": [x, None, np.zeros((), np.float32)]}
        made = ops.host_callback(lambda v: {"a": np.arange(2), "b": (v * 2, None, 3)}, x, result=declared)
        return made["a"], made["b"]

    for run in (f, jit(f)):
        a, (b, none, c) = run(X)
        assert a.dtype is adcore.int64 and none is None and float(c) == 3.0
        np.testing.assert_array_equal(b.asnumpy(), 2 * X.asnumpy())


def test_inputs_are_the_callbacks_own():
    kept = []

    @jit
    def f(x):
        y = ops.sin(x)
        ops.host_callback(kept.append, y)
        return ops.cos(y * 2 + 1).sum()

    f(X), f(X + 1), f(X + 2)
    np.testing.assert_allclose(kept[0].asnumpy(), np.sin(X.asnumpy()), rtol=1e-6)


def failing(value):
    raise KeyError("no", float(value))


def test_an_exception_that_is_raised_again_has_its_note_once():
    error = KeyError("kept")

    def again(value):
        raise error

    def call(x):
        ops.host_callback(again, x)
        return x * 1

    for run in (call, call, jit(call), jit(call)):
        with pytest.raises(KeyError) as caught:
            run(X)
        assert caught.value is error
        assert error.__notes__ == [
            "ops.host_callback called test_an_exception_that_is_raised_again_has_its_note_once."
            "<locals>.again when a value was there."
        ]


def test_an_exception_comes_out_as_it_was_raised_and_nothing_is_written():
    w = Parameter(Tensor([1.0]), name="w")

    def f(x):
        w.set_data(w + x[0])
        ops.host_callback(failing, w.sum())
        return w * 1

    run = jit(f)
    for _ in range(2):
        with pytest.raises(KeyError, match="no") as caught:
            run(X)
        assert caught.value.__notes__ == ["ops.host_callback called failing when a value was there."]
        assert float(w) == 1.0
    x = ops.ones(3_000_000)  # long runs release the lock
    large = jit(lambda x: ops.host_callback(failing, ops.sin(x).sum()))
    for _ in range(2):
        with pytest.raises(KeyError):
            large(x)


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
@pytest.mark.parametrize(
    "result, returned, message",
    [
        (X, lambda v: v[:2], r"returner was declared to return shape \(6,\) and dtype Float32, got \(2,\) and Float32"),
        (X, lambda v: v.asnumpy().astype(np.float64), "dtype Float32, got .* and Float64"),
        (X, lambda v: None, "declared to return a Tensor of shape .*, got NoneType"),
        ((X, X), lambda v: v, "declared to return a tuple of 2, got a Tensor"),
        (((), adcore.int32), lambda v: 1.5, r"shape \(\) and dtype Int32, got \(\) and Float32"),
    ],
)
def test_a_result_that_is_not_as_declared(wrap, result, returned, message):
    def returner(v):
        return returned(v)

    returner.__qualname__ = "returner"
    with pytest.raises(ValueError, match=message):
        wrap(lambda x: ops.host_callback(returner, x, result=result))(X)


@pytest.mark.parametrize(
    "run",
    [
        lambda f: grad(f),
        lambda f: jit(grad(f)),
        lambda f: grad(jit(f)),
        lambda f: lambda x: jvp(f, (x,), (x,)),
        lambda f: jit(grad(lambda x: ops.scan(lambda c, v: (c + f(v), None), Tensor(0.0), x)[0])),
    ],
)
def test_there_is_no_derivative(run):
    with pytest.raises(RuntimeError, match="host_callback: noted has no derivative; give it one by calling it"):
        run(lambda x: called("x", x).sum())(X)


def test_results_in_a_branch_have_no_derivative_of_the_branch():
    def f(x):
        return ops.cond(x.sum() > 0, lambda v: v * called("v", ops.stop_gradient(v)), lambda v: v, x).sum()

    with pytest.raises(RuntimeError, match="cond: inside of jit, a function that calls ops.host_callback"):
        jit(grad(f))(X)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: ops.host_callback(1, X), TypeError, "host_callback: fn must be callable, got int"),
        (lambda: ops.host_callback(abs, X, vectorized=1), TypeError, "vectorized must be a bool"),
        (lambda: ops.host_callback(abs, X, result="x"), TypeError, "result must hold Tensors, arrays or pairs"),
        (lambda: ops.print_(X, sep=1), TypeError, "print_: sep must be a str, got int"),
        (lambda: ops.print_(X, flush=1), TypeError, "print_: flush must be a bool"),
        (
            lambda: jit(lambda x: ops.while_loop(lambda v: told("c", v) < 9, lambda v: v * 2, x))(t32(1.0)),
            RuntimeError,
            "while_loop: inside of jit, a condition may not",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_callback_may_call_what_is_jitted():
    @jit
    def inner(x):
        told("inner", x)
        return x * 2

    outer = jit(lambda x: ops.host_callback(lambda v: outer_of(v), x, result=x) + inner(x))

    def outer_of(v):
        return inner(v) if float(v.sum()) < 0 else inner(outer(-v)) * 0

    np.testing.assert_array_equal(outer(X).asnumpy(), 2 * X.asnumpy())
    np.testing.assert_array_equal(outer(X).asnumpy(), 2 * X.asnumpy())


def test_many_threads_run_one_program():
    x, seen = ops.ones(300_000), []
    f = jit(
        lambda x: ops.host_callback(lambda v: (seen.append(float(v)), v)[1], ops.sin(x).mean(), result=((), x.dtype))
    )
    f(x)
    threads = [threading.Thread(target=lambda: [f(x) for _ in range(10)]) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(seen) == 41 and len(set(seen)) == 1


class Watched:
    def __init__(self):
        self.step = jit(self.run)

    def note(self, x):
        pass

    def run(self, x):
        ops.host_callback(self.note, x)
        return ops.scan(
            lambda c, v: (c + ops.host_callback(lambda u: (self.note(u), u)[1], v, result=v), None), x[0], x
        )[0]


def test_programs_with_callbacks_are_collected():
    watched = Watched()
    assert float(watched.step(X)) == float(watched.step(X)) == 22.0
    found = weakref.ref(watched)
    del watched
    gc.collect()
    assert found() is None


def test_a_recording_that_fails_calls_nothing():
    CALLS.clear()

    @jit
    def f(x):
        told("before", x)
        return x if x.sum() > 0 else -x

    with pytest.raises(adcore.RecordingError):
        f(X)
    assert not CALLS
