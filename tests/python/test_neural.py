"""Convolutions, pools, normalizations: shapes of all kinds against plain loops, cells that move, what is wrong told.

Values of single calls stand in `neural_oracles.py`, derivatives follow from the samples; here is what they leave out.
"""

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, ops, vjp, vmap
from helpers import array_of, check_grads
from neural_oracles import conv, pooled, standardized, windows

RNG = np.random.default_rng(31)


def noise(*shape):
    return RNG.standard_normal(shape)


def drawn_convolutions(count):
    """Sizes that nobody chose: channels, groups, kernels, strides, paddings, dilations in one to three axes."""
    rng = np.random.default_rng(7)
    for _ in range(count):
        n = int(rng.integers(1, 4))
        pick = lambda low, high, n=n: tuple(int(v) for v in rng.integers(low, high, n))
        k, stride, dilation, low, high = pick(1, 4), pick(1, 4), pick(1, 3), pick(0, 3), pick(0, 3)
        groups, ci, co, images = (
            int(v) for v in (rng.choice([1, 1, 2, 3]), *rng.integers(1, 5, 2), rng.integers(1, 9))
        )
        co = int(rng.integers(1, 20)) if rng.random() < 0.3 else co
        need = (max(1, d * (s - 1) + 1 - a - b) for d, s, a, b in zip(dilation, k, low, high))
        space = tuple(m + int(rng.integers(0, (50, 12, 5)[n - 1])) for m in need)
        x, w, b = (rng.standard_normal(s) for s in ((images, groups * ci, *space), (groups * co, ci, *k), groups * co))
        yield x, w, b, stride, low, high, dilation, groups


@pytest.mark.parametrize("case", list(drawn_convolutions(60)), ids=lambda case: f"{case[0].shape}*{case[1].shape}")
def test_convolutions_and_their_transposes_agree_with_the_loop(case):
    """The value, and <v, J u> = <J' v, u> for both operands with the loop as J, which is exact as J is linear."""
    x, w, b, *options = case
    stride, low, high, dilation, groups = options
    pairs = tuple(v for pair in zip(low, high) for v in pair) if x.ndim > 3 else None
    if pairs is None:
        x = np.pad(x, [(0, 0), (0, 0), (low[0], high[0])])
        low, high = (0,), (0,)
    f = getattr(ops, f"conv{x.ndim - 2}d")
    run = lambda x, w, b: f(x, w, b, stride, "pad", pairs or 0, dilation, groups)
    expected = conv(x, w, b, stride, low, high, dilation, groups)
    y, pull = vjp(run, Tensor(x), Tensor(w), Tensor(b))
    np.testing.assert_allclose(array_of(y), expected, rtol=1e-11, atol=1e-11)
    v, du, dw = noise(*expected.shape), noise(*x.shape), noise(*w.shape)
    gx, gw, gb = (array_of(g) for g in pull(Tensor(v)))
    loop = lambda x, w: (conv(x, w, None, stride, low, high, dilation, groups) * v).sum()
    np.testing.assert_allclose((gx * du).sum(), loop(du, w), rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose((gw * dw).sum(), loop(x, dw), rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(gb, v.sum((0, *range(2, v.ndim))), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(2, 3, 70, 300), (1, 96, 64, 64)])
def test_images_that_are_cut_into_bands(shape):
    x, w = noise(*shape), noise(2, shape[1], 3, 3)
    y, pull = vjp(lambda x, w: ops.conv2d(x, w, padding=1), Tensor(x), Tensor(w))
    np.testing.assert_allclose(array_of(y), conv(x, w, low=(1,), high=(1,)), rtol=1e-10, atol=1e-9)
    v, dw = noise(*y.shape), noise(*w.shape)
    expected = (conv(x, dw, low=(1,), high=(1,)) * v).sum()
    np.testing.assert_allclose((array_of(pull(Tensor(v))[1]) * dw).sum(), expected, rtol=1e-9)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_an_infinite_pixel_reaches_only_the_taps_that_see_it(value):
    x = np.ones((1, 1, 4, 5))
    x[0, 0, 1, 1] = value
    gradient = grad(lambda w: ops.conv2d(Tensor(x), w).sum())(Tensor(np.ones((1, 1, 2, 3))))
    expected = np.array([[[[value, value, 9], [value, value, 9]]]])
    np.testing.assert_array_equal(array_of(gradient), expected)


def test_batches_without_images_and_channels():
    assert ops.conv2d(ops.ones((0, 3, 4, 4)), ops.ones((2, 3, 3, 3))).shape == (0, 2, 2, 2)
    y = ops.conv2d(ops.ones((1, 0, 4, 4)), ops.ones((2, 0, 3, 3)), Tensor([1.0, 2.0]))
    np.testing.assert_array_equal(array_of(y), np.broadcast_to([[[[1.0]], [[2.0]]]], (1, 2, 2, 2)))
    gradient = grad(lambda w: ops.conv2d(ops.ones((0, 3, 4, 4)), w).sum())(ops.ones((2, 3, 3, 3)))
    np.testing.assert_array_equal(array_of(gradient), np.zeros((2, 3, 3, 3)))


@pytest.mark.parametrize("in_axes", [(0, 0, 0), (0, None, None), (None, 0, None), (None, None, 0), (0, 0, None)])
def test_members_of_a_batch_of_convolutions(in_axes):
    values = noise(3, 2, 4, 5, 5), noise(3, 6, 2, 3, 3), noise(3, 6)
    args = [Tensor(v if axis == 0 else v[0]) for v, axis in zip(values, in_axes)]
    f = lambda x, w, b: ops.conv2d(x, w, b, padding=1, groups=2)
    together = vmap(f, in_axes)(*args)
    for i in range(3):
        alone = f(*(a[i] if axis == 0 else a for a, axis in zip(args, in_axes)))
        np.testing.assert_array_equal(array_of(together[i]), array_of(alone))


WRONG = [
    ("conv2d", ((2, 3, 4, 4), (2, 2, 3, 3)), {}, "channels"),
    ("conv2d", ((2, 3, 4, 4), (2, 3, 3, 3)), {"groups": 2}, "groups"),
    ("conv2d", ((2, 4, 4, 4), (3, 2, 3, 3)), {"groups": 2}, "groups"),
    ("conv2d", ((2, 3, 4, 4), (2, 3, 5, 3)), {}, "larger than the padded input"),
    ("conv2d", ((3, 4), (2, 3, 3, 3)), {}, "axes"),
    ("conv2d", ((2, 3, 4, 4), (2, 3, 3)), {}, "axes"),
    ("conv2d", ((2, 3, 4, 4), (2, 3, 3, 3)), {"stride": 0}, "stride"),
    ("conv2d", ((2, 3, 4, 4), (2, 3, 3, 3)), {"stride": (1, -1)}, "stride"),
    ("conv2d", ((2, 3, 4, 4), (2, 3, 3, 3)), {"stride": (1, 1, 1)}, "stride"),
    ("conv2d", ((2, 3, 4, 4), (2, 3, 3, 3)), {"dilation": 2**62}, "dilation"),
    ("conv2d", ((2, 3, 4, 4), (2, 3, 3, 3)), {"padding": -1}, "padding"),
    ("conv2d", ((2, 3, 4, 4), (2, 3, 3, 3)), {"padding": 2**39}, "too large"),
    ("conv2d", ((2, 3, 4, 4), (2, 3, 3, 3)), {"padding": 2**39, "dilation": 2**39, "stride": 2**39}, "too large"),
    ("conv2d", ((2, 3, 4, 4), (2, 3, 3, 3)), {"pad_mode": "full"}, "pad_mode"),
    ("conv2d", ((2, 3, 4, 4), (2, 3, 3, 3)), {"pad_mode": "same", "padding": 1}, "pad_mode='pad'"),
    ("conv2d", ((2, 3, 4, 4), (2, 3, 0, 3)), {}, "empty kernel"),
    ("conv_transpose2d", ((2, 3, 4, 4), (2, 3, 3, 3)), {}, "channels"),
    ("conv_transpose2d", ((2, 3, 4, 4), (3, 3, 3, 3)), {"output_padding": 1}, "output_padding"),
    ("conv_transpose2d", ((2, 3, 1, 1), (3, 3, 3, 3)), {"padding": 5}, "output"),
    ("max_pool2d", ((1, 1, 4, 4),), {"kernel_size": 5}, "larger than the padded input"),
    ("max_pool2d", ((1, 1, 4, 4),), {"kernel_size": 2, "padding": 2}, "padding"),
    ("max_pool2d", ((1, 1, 4, 4),), {"kernel_size": 0}, "positive"),
    ("max_pool2d", ((4,),), {"kernel_size": 2}, "axes"),
    ("avg_pool2d", ((1, 1, 4, 4),), {"kernel_size": 2, "stride": 0}, "positive"),
    ("adaptive_avg_pool2d", ((1, 1, 4, 4),), {"output_size": -1}, "negative"),
    ("layer_norm", ((2, 3),), {"normalized_shape": 4}, "normalized_shape"),
    ("group_norm", ((2, 3),), {"num_groups": 2}, "divide"),
    ("batch_norm", ((1, 3), (3,), (3,)), {"training": True}, "more than one value"),
    ("batch_norm", ((4, 3), (2,), (3,)), {}, "running_mean"),
    ("interpolate", ((1, 1, 4),), {"size": 0}, "elements"),
    ("interpolate", ((1, 1, 4),), {"size": 2, "mode": "bilinear"}, "mode"),
    ("interpolate", ((1, 1, 4),), {}, "size"),
    ("avg_pool2d", ((1, 1, 4, 4),), {"kernel_size": 2, "divisor_override": 0}, "divisor_override must be positive"),
    ("hardtanh", ((2,),), {"min_val": 1.0, "max_val": -1.0}, "min_val 1.0 is greater"),
    ("softshrink", ((2,),), {"lambd": -0.5}, "lambd must not be negative"),
    ("grid_sample", ((1, 1, 4, 4), (1, 2, 2, 3)), {}, "grid"),
    ("grid_sample", ((1, 1, 4, 4, 4), (1, 2, 2, 2, 3)), {"mode": "bicubic"}, "is for images"),
    ("pixel_shuffle", ((1, 3, 2, 2),), {"upscale_factor": 2}, "channels"),
    ("channel_shuffle", ((1, 3, 2),), {"groups": 2}, "groups"),
    ("scaled_dot_product_attention", ((2, 3), (4, 2), (4, 2)), {}, "features"),
]


@pytest.mark.parametrize(("name", "shapes", "options", "said"), WRONG)
def test_what_is_wrong_is_told_by_the_op(name, shapes, options, said):
    with pytest.raises(ValueError, match=f"(?s)^{name}: .*{said}"):
        getattr(ops, name)(*(ops.ones(s) for s in shapes), **options)


@pytest.mark.parametrize("offsets", [[1, 2], [0, 3, 2], [0, 7], [[0, 1]], [0.0, 1.0]])
def test_offsets_of_bags_ascend_from_0(offsets):
    with pytest.raises((TypeError, ValueError), match="embedding_bag: offsets must"):
        ops.embedding_bag(Tensor([1, 0, 1, 1, 0]), ops.ones((2, 3)), Tensor(offsets))


@pytest.mark.parametrize("dtype", ["int32", "bool_"])
def test_convolutions_and_pools_need_floats(dtype):
    x = ops.ones((1, 1, 4, 4), dtype=getattr(adcore, dtype))
    for call in (lambda: ops.conv2d(x, x), lambda: ops.max_pool2d(x, 2), lambda: ops.layer_norm(x, 4)):
        with pytest.raises(TypeError):
            call()


def test_running_statistics_move_and_carry_no_derivative():
    x, mean, var = noise(6, 3, 4), noise(3), np.abs(noise(3))
    cells = Parameter(Tensor(mean), name="mean"), Parameter(Tensor(var), name="var")
    grad(lambda x: ops.batch_norm(x, *cells, training=True, momentum=0.3).sum())(Tensor(x))
    np.testing.assert_allclose(array_of(cells[0]), 0.7 * mean + 0.3 * x.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(array_of(cells[1]), 0.7 * var + 0.3 * x.var((0, 2), ddof=1), rtol=1e-10)


def test_nothing_moves_where_batch_norm_raises():
    cell = Tensor(np.zeros(3))
    with pytest.raises(ValueError, match="bias"):
        ops.batch_norm(Tensor(noise(4, 3)), cell, Tensor(np.ones(3)), None, Tensor(np.ones(2)), True)
    np.testing.assert_array_equal(array_of(cell), np.zeros(3))


def test_nan_is_the_greatest_of_a_window():
    x = np.array([[[1.0, np.nan, 2.0, 3.0]]])
    values, places = ops.max_pool1d(Tensor(x), 2, return_indices=True)
    np.testing.assert_array_equal(array_of(values), [[[np.nan, 3.0]]])
    np.testing.assert_array_equal(array_of(places), [[[1, 3]]])


def test_of_equal_elements_the_first_gets_the_derivative():
    gradient = grad(lambda x: ops.max_pool2d(x, 2).sum())(Tensor(np.ones((1, 1, 2, 4))))
    np.testing.assert_array_equal(array_of(gradient), [[[[1, 0, 1, 0], [0, 0, 0, 0]]]])


def test_windows_that_overlap_add_their_derivatives():
    x = noise(1, 1, 9)
    expected = np.zeros(9)
    axes = [windows(9, 3, 1, 1)]
    for place in pooled(x, axes, lambda v, places, s: places[v.argmax()]).ravel():
        expected[place] += 1
    gradient = grad(lambda x: ops.max_pool1d(x, 3, 1, 1).sum())(Tensor(x))
    np.testing.assert_array_equal(array_of(gradient)[0, 0], expected)


def test_the_row_of_the_padding_gets_no_derivative():
    index = Tensor([0, 1, 1, 2])
    for padding in (1, -2):
        gradient = grad(lambda w: ops.embedding(index, w, padding).sum())(Tensor(np.ones((3, 2))))
        np.testing.assert_array_equal(array_of(gradient), [[1, 1], [0, 0], [1, 1]])


def test_large_values_are_normalized_without_cancellation():
    x = noise(4, 64) + 1e4
    got = array_of(ops.layer_norm(Tensor(x), 64, eps=0.0))
    expected = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    np.testing.assert_allclose(got, expected, atol=1e-9)


# The function with weight and bias; the shape of the input; as it is read, with the axes of a row; that of the weights
# beside it.
NORMALIZED = {
    "rows": (lambda x, w, b: ops.layer_norm(x, 37, w, b), (300, 37), (300, 37), (1,), (1, 37)),
    "rows of two axes": (lambda x, w, b: ops.layer_norm(x, (5, 7), w, b), (2, 3, 5, 7), (2, 3, 5, 7), (2, 3), (5, 7)),
    "short rows": (lambda x, w, b: ops.layer_norm(x, 3, w, b), (5000, 3), (5000, 3), (1,), (1, 3)),
    "rows of one": (lambda x, w, b: ops.layer_norm(x, 1, w, b), (4, 1), (4, 1), (1,), (1, 1)),
    "one row": (lambda x, w, b: ops.layer_norm(x, 2100, w, b), (2100,), (2100,), (0,), (2100,)),
    "no rows": (lambda x, w, b: ops.layer_norm(x, 4, w, b), (0, 4), (0, 4), (1,), (1, 4)),
    "channels": (
        lambda x, w, b: ops.batch_norm(x, None, None, w, b, True),
        (5, 3, 4, 6),
        (5, 3, 4, 6),
        (0, 2, 3),
        (1, 3, 1, 1),
    ),
    "columns": (lambda x, w, b: ops.batch_norm(x, None, None, w, b, True), (200, 33), (200, 33), (0,), (1, 33)),
    "one channel": (
        lambda x, w, b: ops.batch_norm(x, None, None, w, b, True),
        (20, 1, 5),
        (20, 1, 5),
        (0, 2),
        (1, 1, 1),
    ),
    "one image": (lambda x, w, b: ops.batch_norm(x, None, None, w, b, True), (1, 4, 9), (1, 4, 9), (0, 2), (1, 4, 1)),
    "instances": (lambda x, w, b: ops.instance_norm(x, weight=w, bias=b), (3, 4, 50), (3, 4, 50), (2,), (1, 4, 1)),
    "groups": (lambda x, w, b: ops.group_norm(x, 2, w, b), (3, 6, 5, 2), (3, 2, 3, 10), (2, 3), (1, 2, 3, 1)),
    "groups without space": (lambda x, w, b: ops.group_norm(x, 3, w, b), (40, 6), (40, 3, 2, 1), (2, 3), (1, 3, 2, 1)),
    "groups of one": (lambda x, w, b: ops.group_norm(x, 4, w, b), (3, 4, 7), (3, 4, 1, 7), (2, 3), (1, 4, 1, 1)),
}


def weights_of(name):
    beside = NORMALIZED[name][4]
    return beside if name == "rows of two axes" else (int(np.prod(beside)),)


@pytest.mark.parametrize("name", NORMALIZED)
def test_gradients_of_weights_and_biases_in_closed_form(name):
    f, shape, read, axes, beside = NORMALIZED[name]
    x, w, b = noise(*shape) + 3, noise(*weights_of(name)), noise(*weights_of(name))
    y, pull = vjp(f, Tensor(x), Tensor(w), Tensor(b))
    g = noise(*shape)
    gx, gw, gb = (array_of(t) for t in pull(Tensor(g)))
    g, rows = g.reshape(read), x.reshape(read)
    unit, slope = standardized(rows, axes), g * w.reshape(beside)
    mean = lambda v: v.mean(axes, keepdims=True)
    others = tuple(i - len(beside) for i, n in enumerate(beside) if n == 1 and read[i - len(beside)] != 1)
    total = lambda v: v.sum((*range(len(read) - len(beside)), *others)).reshape(w.shape)
    np.testing.assert_allclose(array_of(y), (unit * w.reshape(beside) + b.reshape(beside)).reshape(shape), 1e-9, 1e-9)
    rstd = 1 / np.sqrt(rows.var(axes, keepdims=True) + 1e-5)
    np.testing.assert_allclose(
        gx, (rstd * (slope - mean(slope) - unit * mean(slope * unit))).reshape(shape), 1e-8, 1e-9
    )
    np.testing.assert_allclose(gw, total(g * unit), 1e-8, 1e-9)
    np.testing.assert_allclose(gb, total(g), 1e-8, 1e-9)


@pytest.mark.parametrize("name", [name for name in NORMALIZED if name != "no rows"])
def test_members_that_have_weights_of_their_own_have_the_bits_of_one_alone(name):
    f, shape = NORMALIZED[name][:2]
    of_weights = weights_of(name)
    args = [noise(3, *s).astype(np.float32) for s in (shape, of_weights, of_weights)]
    gradient = grad(lambda x, w, b: (f(x, w, b) ** 2).sum(), (0, 1, 2))
    together = vmap(gradient)(*(Tensor(a) for a in args))
    for k in range(3):
        for all_of_them, one in zip(together, gradient(*(Tensor(a[k]) for a in args))):
            np.testing.assert_array_equal(array_of(all_of_them)[k], array_of(one))
    shared = vmap(gradient, in_axes=(0, None, None))(Tensor(args[0]), Tensor(args[1][0]), Tensor(args[2][0]))
    for all_of_them, one in zip(shared, gradient(Tensor(args[0][1]), Tensor(args[1][0]), Tensor(args[2][0]))):
        np.testing.assert_array_equal(array_of(all_of_them)[1], array_of(one))


def test_a_normalization_in_half_precision_rounds_once():
    x, w, b = (noise(*shape).astype(np.float16) for shape in ((6, 40), (40,), (40,)))
    exact = standardized(x.astype(np.float64), (1,)) * w + b
    got = array_of(ops.layer_norm(Tensor(x), 40, Tensor(w), Tensor(b)))
    assert got.dtype == np.float16
    assert (np.abs(got - exact) <= 0.51 * np.spacing(np.abs(exact).astype(np.float16)).astype(np.float64)).all()
    assert ops.layer_norm(Tensor(x), 40, Tensor(w.astype(np.float32))).dtype == adcore.float32
    only_bias = array_of(ops.layer_norm(Tensor(x), 40, None, Tensor(b)))
    np.testing.assert_array_equal(
        only_bias, array_of(ops.layer_norm(Tensor(x), 40, Tensor(np.ones(40, np.float16)), Tensor(b)))
    )


@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"])
def test_whole_channels_are_dropped(name):
    n = {"dropout1d": 1, "dropout2d": 2, "dropout3d": 3}.get(name, 2)
    y = array_of(getattr(ops, name)(ops.ones((40, 50, *(2,) * n)), 0.3, True, seed=1)).reshape(2000, -1)
    assert (y == y[:, :1]).all() and len(np.unique(y)) == 2
    assert abs((y[:, 0] == y.min()).mean() - 0.3) < 0.05  # five standard deviations


def test_alpha_dropout_keeps_mean_and_variance():
    x = noise(100_000)
    y = array_of(ops.alpha_dropout(Tensor(x), 0.4, True, seed=2))
    assert abs(y.mean()) < 0.03 and abs(y.var() - 1) < 0.03


@pytest.mark.parametrize("stride, output_padding, dilation", [(2, 3, 4), (1, 2, 3), (3, 2, 1)])
def test_output_padding_beyond_the_stride(stride, output_padding, dilation):
    # More windows than the input has elements would fit the output.
    rng = np.random.default_rng(4)
    x, w = rng.normal(size=(2, 2, 4, 3)), rng.normal(size=(2, 3, 2, 3))
    check_grads(
        lambda x, w: ops.conv_transpose2d(
            x, w, stride=stride, padding=1, output_padding=output_padding, dilation=dilation
        ),
        [x, w],
        order=2,
    )
