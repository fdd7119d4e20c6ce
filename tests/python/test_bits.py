"""The same bits: one op rounds one way, whoever runs it.

For every elementwise row and every sample of the other functions, in every float dtype: value and gradient as the plain
call gives them, against the same under an outer level, in forward mode, member by member of a vmap, swept again, made
again, watched, with a hook, alone or together. No tolerance anywhere. The large cases reach what small tensors do not:
packed and skinny products, blocked sweeps, partial sums, several threads. Start reading at `WAYS`.
"""

import contextlib

import numpy as np
import pytest

import adcore
from adcore import Tensor, grad, jvp, ops, value_and_grad, vjp, vmap
from adcore._ops import native
from bits import arrays, differences, tensors_in
from test_op_table import smooth_points
from test_ops_grad import SAMPLES
from test_transform_laws import BY_MASK, ELEMENTWISE, listed

DTYPES = ["float64", "float32", "float16", "bfloat16"]

# Rows at 37 points: whole packs of any instruction set, and a rest.
SMALL = {**{name: (function, smooth_points(name, 37)) for name, (function, _) in ELEMENTWISE.items()}, **SAMPLES}

RNG = np.random.default_rng(5)


def noise(*shape, low=-2.0, high=2.0):
    return RNG.uniform(low, high, shape)


CLASSES = np.arange(301) % 67
SHARES = noise(301, 67, low=0.05, high=1.0)
FLAT = noise(200_003)


def chain(x):
    """A run of elementwise ops, long and large enough for the blocked sweep."""
    return ops.tanh(2 * x + 1) * ops.sigmoid(x) + ops.exp(-x * x) / (1 + ops.abs(x))


LARGE = {
    "matmul": (ops.matmul, [noise(230, 171), noise(171, 193)]),
    "matmul skinny": (ops.matmul, [noise(3, 517), noise(517, 129)]),
    "matmul vector": (ops.matmul, [noise(301, 203), noise(203)]),
    "matmul batched": (ops.matmul, [noise(3, 40, 33), noise(33, 70)]),
    "bmm": (ops.bmm, [noise(4, 37, 65), noise(4, 65, 41)]),
    "dense": (ops.dense, [noise(67, 130), noise(65, 130), noise(65)]),
    "dense one row": (ops.dense, [noise(1, 301), noise(203, 301), noise(203)]),
    "conv1d": (ops.conv1d, [noise(3, 5, 1301), noise(19, 5, 3), noise(19)]),
    "conv2d": (lambda x, w: ops.conv2d(x, w, padding=1), [noise(5, 17, 23, 21), noise(18, 17, 3, 3)]),
    "conv2d strided": (lambda x, w: ops.conv2d(x, w, stride=2, padding=1), [noise(3, 8, 41, 39), noise(9, 8, 3, 3)]),
    "conv2d depthwise": (
        lambda x, w: ops.conv2d(x, w, padding=1, groups=33),
        [noise(5, 33, 29, 31), noise(33, 1, 3, 3)],
    ),
    "conv2d 1x1": (ops.conv2d, [noise(5, 67, 13, 11), noise(65, 67, 1, 1), noise(65)]),
    "conv_transpose2d": (lambda x, w: ops.conv_transpose2d(x, w, None, 2), [noise(3, 16, 15, 13), noise(16, 9, 3, 3)]),
    "max_pool2d": (lambda x: ops.max_pool2d(x, 3, 2, 1), [noise(3, 17, 41, 43)]),
    "avg_pool2d": (lambda x: ops.avg_pool2d(x, 3, 2, 1), [noise(3, 17, 41, 43)]),
    "layer_norm": (lambda x, w, b: ops.layer_norm(x, 517, w, b), [noise(203, 517), noise(517), noise(517)]),
    "batch_norm": (lambda x, w: ops.batch_norm(x, None, None, w, None, True), [noise(7, 19, 31, 29), noise(19)]),
    "attention": (ops.scaled_dot_product_attention, [noise(4, 65, 33), noise(4, 70, 33), noise(4, 70, 31)]),
    "lstm": (native._lstm, [noise(12, 41, 200), noise(200, 50) / 9, noise(41, 50), noise(41, 50)]),
    "gru": (native._gru, [noise(15, 41, 150), noise(150, 50) / 9, noise(41, 50), noise(150)]),
    "rnn": (native._rnn, [noise(9, 41, 120), noise(120, 120) / 9, noise(41, 120)]),
    "sum": (ops.sum, [FLAT]),
    "sum axis": (lambda x: ops.sum(x * x, 0), [noise(301, 133)]),
    "mean": (lambda x: ops.mean(x * x), [FLAT]),
    "mean last": (lambda x: ops.mean(x * x, -1), [noise(133, 301)]),
    "var": (ops.var, [noise(133, 301)]),
    "norm": (ops.norm, [FLAT / 4]),
    "softmax": (ops.softmax, [noise(301, 67)]),
    "softmax wide": (ops.softmax, [noise(5, 1031)]),
    "softmax axis": (lambda x: ops.softmax(x, 0), [noise(301, 67)]),
    "log_softmax": (ops.log_softmax, [noise(301, 67)]),
    "log_softmax wide": (ops.log_softmax, [noise(5, 1031)]),
    "logsumexp": (lambda x: ops.logsumexp(x, 1), [noise(301, 67)]),
    "bce": (ops.binary_cross_entropy_with_logits, [3 * FLAT, noise(200_003, low=0.0, high=1.0)]),
    "cross_entropy": (lambda x: ops.cross_entropy(x, Tensor(CLASSES)), [noise(301, 67)]),
    "cross_entropy wide": (lambda x: ops.cross_entropy(x, Tensor(CLASSES[:5])), [noise(5, 1031)]),
    "cross_entropy probabilities": (ops.cross_entropy, [noise(301, 67), SHARES]),
    "mse_loss": (ops.mse_loss, [FLAT, FLAT[::-1].copy()]),
    "chain": (chain, [FLAT]),
    "broadcast": (lambda x, y: x * y + ops.sin(y), [noise(301, 133), noise(133)]),
    "gather": (lambda x: ops.gather(x, Tensor(CLASSES[::90]), 0) ** 2, [noise(301, 133)]),
    "cumsum": (lambda x: ops.cumsum(x * x, 1), [noise(133, 301)]),
}


def with_dtypes(names):
    """Parametrize by name and dtype; a sample that names float64 is one of that alone."""
    pairs = [(name, dtype) for name in names for dtype in DTYPES if dtype == "float64" or "float64" not in name]
    return pytest.mark.parametrize(("name", "dtype"), pairs)


def inputs(case, dtype):
    return [Tensor(a).astype(getattr(adcore, dtype)) for a in case[1]]


def weighted(function):
    """The function as a scalar of its own dtype: its outputs times fixed weights, summed."""

    def scalar(*args):
        total = None
        for k, t in enumerate(listed(function(*args))):
            weights = np.cos(np.arange(t.size, dtype=np.float64) + k).reshape(tuple(t.shape))
            term = (t * Tensor(weights).astype(t.dtype)).sum()
            total = term if total is None else total + term
        return total

    return scalar


def both(function, count):
    """The function of `count` tensors that gives the weighted value and its gradient with respect to all of them."""
    return value_and_grad(weighted(function), tuple(range(count)))


def squares(tree):
    """A scalar that every tensor of the tree has a part in."""
    return sum((t.astype(adcore.float64) ** 2).sum() for t in tensors_in(tree))


# Ways to the same value and gradient: a function of a differentiable function and its tensors.


def plainly(function, args):
    return both(function, len(args))(*args)


def under_a_level_that_tracks_the_inputs(function, args):
    kept = []

    def outer(*inner):
        result = both(function, len(args))(*inner)
        kept.extend(arrays(result))
        return squares(result)

    grad(outer, tuple(range(len(args))))(*args)
    return kept


def under_a_level_of_something_else(function, args):
    kept = []
    grad(lambda u: (kept.extend(arrays(both(function, len(args))(*args))), u * u)[1])(Tensor(1.0))
    return kept


def under_two_levels(function, args):
    kept = []
    grad(lambda u: kept.extend(under_a_level_that_tracks_the_inputs(function, args)) or u * u)(Tensor(1.0))
    return kept


def in_forward_mode(function, args):
    primals, _ = jvp(both(function, len(args)), tuple(args), tuple(ops.ones_like(a) for a in args))
    return primals


def from_a_recording_swept_again(function, args):
    value, pull = vjp(weighted(function), *args)
    pull(ops.ones_like(value) * 3)
    return value, pull(ops.ones_like(value))


def from_a_recording_swept_while_recording(function, args):
    value, pull = vjp(weighted(function), *args)
    kept = []
    grad(lambda c: kept.extend(arrays((value, pull(c)))) or c * c)(ops.ones_like(value))
    return kept


def recomputed(function, args):
    return both(lambda *x: adcore.recompute(function, *x), len(args))(*args)


def behind_hooks_that_do_nothing(function, args):
    def hooked(*x):
        for t in x:
            t.register_hook(lambda g: None)
        return function(*x)

    return both(hooked, len(args))(*args)


def under_watch(function, args):
    with adcore.debug_nans():
        return both(function, len(args))(*args)


def position_by_position(function, args):
    value, gradients = None, []
    for k in range(len(args)):
        value, gradient = value_and_grad(weighted(function), k)(*args)
        gradients.append(gradient)
    return value, gradients


WAYS = [
    under_a_level_that_tracks_the_inputs,
    under_a_level_of_something_else,
    under_two_levels,
    in_forward_mode,
    from_a_recording_swept_again,
    from_a_recording_swept_while_recording,
    recomputed,
    behind_hooks_that_do_nothing,
    under_watch,
    position_by_position,
]


def bits(result):
    return result if isinstance(result, list) else arrays(result)


def check_ways(case, dtype, ways):
    function, args = case[0], inputs(case, dtype)
    expected = bits(plainly(function, args))
    found = [(way.__name__, differences(bits(way(function, args)), expected)) for way in ways]
    report(found)


def report(found, than="the plain call"):
    unlike = [f"  {way.replace('_', ' ')}: {what}" for way, what in found if what]
    if unlike:
        pytest.fail("\n".join([f"other bits than {than}:", *unlike]), pytrace=False)


def members_of(args, count):
    """Nearby copies of each argument, along a new axis 0."""
    scale = [1 + 0.002 * i for i in range(count)]
    return [ops.stack([(a * s).astype(a.dtype) for s in scale], 0) for a in args]


def check_members(case, dtype, counts):
    """vmap of the gradient against the loop over the members, all arguments batched, and each one alone."""
    function, args = case[0], inputs(case, dtype)
    run = both(function, len(args))
    found = []
    for count in counts:
        batches = members_of(args, count)
        patterns = [[True] * len(args)]
        if len(args) > 1 and count > 1:
            patterns += [[i == k for i in range(len(args))] for k in range(len(args))]
        for batched in patterns:
            given = [b if own else a for b, a, own in zip(batches, args, batched)]
            mapped = bits(vmap(run, in_axes=tuple(0 if own else None for own in batched))(*given))
            loop = [bits(run(*(g[i] if own else g for g, own in zip(given, batched)))) for i in range(count)]
            expected = [(parts[0][0], np.stack([p for _, p in parts])) for parts in zip(*loop)]
            way = f"vmap of {count}" + ("" if all(batched) else f" over argument {batched.index(True)}")
            found.append((way, differences(mapped, expected)))
    report(found, "the loop")


@contextlib.contextmanager
def threads(count):
    before = adcore.get_num_threads()
    adcore.set_num_threads(count)
    try:
        yield
    finally:
        adcore.set_num_threads(before)


@with_dtypes(SMALL)
def test_value_and_gradient(name, dtype):
    check_ways(SMALL[name], dtype, WAYS)


@with_dtypes([name for name in SMALL if name not in BY_MASK])
def test_members(name, dtype):
    check_members(SMALL[name], dtype, (1, 3, 8))


@with_dtypes(SMALL)
def test_second_order(name, dtype):
    """The gradient of a function of the gradient, plainly and where a further level tracks the inputs."""
    function, args = SMALL[name][0], inputs(SMALL[name], dtype)
    positions = tuple(range(len(args)))

    def first(*x):
        return listed(grad(weighted(function), positions)(*x))

    expected = bits(plainly(first, args))
    ways = (under_a_level_that_tracks_the_inputs, in_forward_mode, from_a_recording_swept_again, under_watch)
    report([(way.__name__, differences(bits(way(first, args)), expected)) for way in ways])


@with_dtypes(LARGE)
def test_large(name, dtype):
    check_ways(LARGE[name], dtype, WAYS)


@with_dtypes(LARGE)
def test_members_of_large(name, dtype):
    check_members(LARGE[name], dtype, (1, 3))


@with_dtypes(LARGE)
def test_threads(name, dtype):
    function, args = LARGE[name][0], inputs(LARGE[name], dtype)
    found = []
    with threads(1):
        expected = bits(plainly(function, args))
    for count in (2, 3):
        with threads(count):
            found.append((f"{count} threads", differences(bits(plainly(function, args)), expected)))
    report(found, "one thread")
