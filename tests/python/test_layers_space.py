"""Convolution and pooling as layers: values against sums written in NumPy, shapes by formula, options, bad input."""

import inspect
import itertools

import numpy as np
import pytest
from scipy import stats

import adcore
from adcore import Parameter, Tensor, nn, ops

RNG = np.random.default_rng(5)


def twice(value, n):
    return value if isinstance(value, tuple) else (value,) * n


def same(size, kernel, step, dilation=1):
    """Zeros in front and behind, so that there are ceil(size / step) windows; the odd one stands behind."""
    missing = max((-(-size // step) - 1) * step + dilation * (kernel - 1) + 1 - size, 0)
    return missing // 2, missing - missing // 2


def windows(x, kernel, stride, edges, fill, dilation=None):
    """(batch, channels, *out, *kernel): what each window of the padded array sees."""
    n = len(kernel)
    dilation = dilation or (1,) * n
    x = np.pad(x, [(0, 0), (0, 0), *edges], constant_values=fill)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    out = [(s - r) // t + 1 for s, r, t in zip(x.shape[2:], reach, stride)]
    found = np.empty((*x.shape[:2], *out, *kernel))
    for place in itertools.product(*map(range, out)):
        cut = tuple(slice(p * t, p * t + r, d) for p, t, r, d in zip(place, stride, reach, dilation))
        found[(..., *place, *(slice(None),) * n)] = x[(..., *cut)]
    return found


def convolved(x, w, b, stride, edges, dilation, group):
    n = w.ndim - 2
    seen = windows(x, w.shape[2:], stride, edges, 0.0, dilation)
    axes = (1, *range(2 + n, 2 + 2 * n))
    parts = [
        np.moveaxis(np.tensordot(part, kernels, (axes, range(1, w.ndim))), -1, 1)
        for part, kernels in zip(np.split(seen, group, 1), np.split(w, group, 0))
    ]
    return np.concatenate(parts, 1) + b.reshape(-1, *(1,) * n)


CONVOLUTIONS = [
    (nn.Conv1d, (7,), 3, 1, "same", 0, 1, 1),
    (nn.Conv1d, (8,), 4, 3, "same", 0, 1, 2),
    (nn.Conv1d, (7,), 2, 2, "pad", 2, 2, 1),
    (nn.Conv2d, (5, 6), 3, 1, "same", 0, 1, 1),
    (nn.Conv2d, (5, 6), (2, 3), (3, 1), "valid", 0, (2, 1), 2),
    (nn.Conv2d, (4, 5), 3, 2, "pad", 1, 1, 1),
    (nn.Conv2d, (4, 5), 3, 2, "pad", (1, 2, 0, 1), 1, 2),
    (nn.Conv3d, (3, 4, 3), 2, 2, "same", 0, 1, 1),
    (nn.Conv3d, (3, 4, 3), (1, 3, 2), 1, "pad", (0, 1, 1), 1, 2),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("cls", "space", "kernel", "stride", "mode", "padding", "dilation", "group"), CONVOLUTIONS)
def test_a_convolution_is_a_sum_over_windows(cls, space, kernel, stride, mode, padding, dilation, group, dtype):
    n = len(space)
    kernel, stride, dilation = (value if n == 1 else twice(value, n) for value in (kernel, stride, dilation))
    k, t, d = (twice(value, n) for value in (kernel, stride, dilation))
    x, w, b = (RNG.normal(size=s).astype(dtype) for s in ((2, 4, *space), (6, 4 // group, *k), (6,)))
    layer = cls(4, 6, kernel, stride, mode, padding, dilation, group, True, Tensor(w), Tensor(b))
    if mode == "same":
        edges = [same(*sizes) for sizes in zip(space, k, t, d)]
    elif isinstance(padding, tuple) and len(padding) == 2 * n:
        edges = list(zip(padding[::2], padding[1::2]))
    else:
        edges = [(p, p) for p in twice(padding, n)]
    expected = convolved(x.astype(float), w.astype(float), b.astype(float), t, edges, d, group)
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    out = layer(Tensor(x))
    np.testing.assert_allclose(out.asnumpy(), expected, rtol=tolerance, atol=tolerance)
    assert out.asnumpy().dtype == dtype
    one = layer(Tensor(x[1]))
    np.testing.assert_allclose(one.asnumpy(), expected[1], rtol=tolerance, atol=tolerance)
    if mode == "same":
        assert out.shape == (2, 6, *(-(-size // step) for size, step in zip(space, t)))


TRANSPOSED = [
    (nn.Conv1dTranspose, (4,), 3, 2, "same", 0, 1, 0),
    (nn.Conv1dTranspose, (4,), 4, 2, "pad", 1, 1, 0),
    (nn.Conv2dTranspose, (3, 4), 3, 2, "same", 0, 1, 0),
    (nn.Conv2dTranspose, (3, 4), 5, 2, "same", 0, 1, 0),
    (nn.Conv2dTranspose, (3, 4), 2, 3, "same", 0, 1, 0),
    (nn.Conv2dTranspose, (3, 4), 2, 3, "valid", 0, 1, 0),
    (nn.Conv2dTranspose, (3, 4), (3, 2), (1, 2), "valid", 0, 2, 0),
    (nn.Conv2dTranspose, (3, 4), 3, 2, "pad", 1, 1, 1),
    (nn.Conv2dTranspose, (3, 4), 3, 2, "pad", (2, 0, 0, 1), 1, (0, 1)),
    (nn.Conv3dTranspose, (2, 3, 2), 2, 2, "same", 0, 1, 0),
    (nn.Conv3dTranspose, (2, 2, 2), 3, 2, "pad", 1, 1, (1, 0, 1)),
]


@pytest.mark.parametrize(("cls", "space", "kernel", "stride", "mode", "padding", "dilation", "longer"), TRANSPOSED)
@pytest.mark.parametrize("group", [1, 2])
def test_a_transposed_convolution_spreads_each_element(
    cls, space, kernel, stride, mode, padding, dilation, longer, group
):
    n = len(space)
    k, t, d, more = (twice(value, n) for value in (kernel, stride, dilation, longer))
    x, w, b = RNG.normal(size=(2, 4, *space)), RNG.normal(size=(4, 6 // group, *k)), RNG.normal(size=6)
    options = {} if n == 1 else {"output_padding": longer}
    layer = cls(
        4, 6, kernel, stride, mode, padding, dilation=dilation, group=group, has_bias=True,
        weight_init=Tensor(w), bias_init=Tensor(b), **options,
    )  # fmt: skip
    reach = [b * (a - 1) + 1 for a, b in zip(k, d)]
    # Everything that any element is spread to, with room behind; then what the mode leaves of it.
    whole = np.zeros((2, 6, *((s - 1) * a + r + a + e for s, a, r, e in zip(space, t, reach, more))))
    for place in itertools.product(*map(range, space)):
        cut = tuple(slice(p * a, p * a + r, e) for p, a, r, e in zip(place, t, reach, d))
        for g in range(group):
            into, out = slice(g * 4 // group, (g + 1) * 4 // group), slice(g * 6 // group, (g + 1) * 6 // group)
            whole[(slice(None), out, *cut)] += np.tensordot(x[(slice(None), into, *place)], w[into], 1)
    cuts = []
    pairs = isinstance(padding, tuple) and len(padding) == 2 * n
    edges = list(zip(padding[::2], padding[1::2])) if pairs else [(p, p) for p in twice(padding, n)]
    for s, a, r, e, (low, high) in zip(space, t, reach, more, edges):
        full = (s - 1) * a + r
        if mode == "same":
            low, size = max(full - s * a, 0) // 2, s * a
        elif mode == "valid":
            low, size = 0, max(full, s * a)
        else:
            size = full - low - high + e
        cuts.append(slice(low, low + size))
    expected = whole[(..., *cuts)] + b.reshape(-1, *(1,) * n)
    np.testing.assert_allclose(layer(Tensor(x)).asnumpy(), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer(Tensor(x[0])).asnumpy(), expected[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_a_transposed_convolution_is_the_derivative_of_a_convolution(kernel, stride):
    """With 'same', where the sizes are multiples of the stride: <conv(x), y> = <x, transposed(y)>."""
    x, y = RNG.normal(size=(1, 2, 6, 6)), RNG.normal(size=(1, 3, 6 // stride, 6 // stride))
    w = Tensor(RNG.normal(size=(3, 2, kernel, kernel)))
    conv = nn.Conv2d(2, 3, kernel, stride, weight_init=w)
    back = nn.Conv2dTranspose(3, 2, kernel, stride, weight_init=w)
    np.testing.assert_allclose((conv(Tensor(x)).asnumpy() * y).sum(), (x * back(Tensor(y)).asnumpy()).sum(), rtol=1e-11)


def test_the_initial_distribution_of_convolutions():
    adcore.set_seed(2)
    layer = nn.Conv2d(8, 60, 5, group=2, has_bias=True)
    bound = 1 / np.sqrt(8 / 2 * 25)
    for param in layer.get_parameters():
        values = param.asnumpy().ravel()
        assert abs(values).max() <= bound
        assert stats.kstest(values, stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3
    assert [p.name for p in layer.get_parameters()] == ["weight", "bias"]
    assert nn.Conv2dTranspose(8, 6, 5, group=2).weight.shape == (8, 3, 5, 5)
    assert nn.Conv2d(2, 2, 1).bias is None


def test_defaults_are_those_of_the_model():
    signature = inspect.signature(nn.Conv2d).parameters
    assert list(signature) == [
        "in_channels", "out_channels", "kernel_size", "stride", "pad_mode", "padding", "dilation", "group", "has_bias",
        "weight_init", "bias_init", "data_format", "dtype",
    ]  # fmt: skip
    assert (signature["pad_mode"].default, signature["has_bias"].default) == ("same", False)
    assert repr(nn.Conv2d(1, 2, 3, pad_mode="pad", padding=1)) == (
        "Conv2d(input_channels=1, output_channels=2, kernel_size=(3, 3), stride=(1, 1), pad_mode=pad, padding=1, "
        "dilation=(1, 1), group=1, has_bias=False)"
    )
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=(2, 2), stride=(1, 1), pad_mode=VALID)"


# ---- pooling ------------------------------------------------------------------------------------------------------

POOLS = [
    (nn.MaxPool1d, nn.AvgPool1d, (7,), 3, 2, "same", 0),
    (nn.MaxPool1d, nn.AvgPool1d, (7,), 3, 1, "valid", 0),
    (nn.MaxPool2d, nn.AvgPool2d, (5, 6), (3, 2), 2, "same", 0),
    (nn.MaxPool2d, nn.AvgPool2d, (5, 6), 2, None, "valid", 0),
    (nn.MaxPool2d, nn.AvgPool2d, (5, 6), (3, 2), 2, "pad", 1),
    (nn.MaxPool3d, nn.AvgPool3d, (4, 3, 5), 2, 2, "same", 0),
    (nn.MaxPool3d, nn.AvgPool3d, (4, 3, 5), 3, 2, "pad", (1, 0, 1)),
]


@pytest.mark.parametrize(("highest", "average", "space", "kernel", "stride", "mode", "padding"), POOLS)
def test_pools_are_maxima_and_means_of_windows(highest, average, space, kernel, stride, mode, padding):
    n = len(space)
    k = twice(kernel, n)
    t = k if stride is None else twice(stride, n)
    edges = [same(*s) for s in zip(space, k, t)] if mode == "same" else [(p, p) for p in twice(padding, n)]
    x = RNG.normal(size=(2, 3, *space))
    axes = tuple(range(2 + n, 2 + 2 * n))
    layer = highest(kernel, stride, mode, padding)
    np.testing.assert_array_equal(layer(Tensor(x)).asnumpy(), windows(x, k, t, edges, -np.inf).max(axes))
    np.testing.assert_array_equal(layer(Tensor(x[0])).asnumpy(), layer(Tensor(x)).asnumpy()[0])
    total, inside = windows(x, k, t, edges, 0.0).sum(axes), windows(np.ones_like(x), k, t, edges, 0.0).sum(axes)
    counted = np.prod(k) if mode != "same" or n == 3 else inside
    np.testing.assert_allclose(average(kernel, stride, mode, padding)(Tensor(x)).asnumpy(), total / counted, rtol=1e-12)
    alone = average(kernel, stride, mode, padding, count_include_pad=False)
    np.testing.assert_allclose(alone(Tensor(x)).asnumpy(), total / inside, rtol=1e-12)
    if n > 1:
        divided = average(kernel, stride, mode, padding, divisor_override=5)
        np.testing.assert_allclose(divided(Tensor(x)).asnumpy(), total / 5, rtol=1e-12)


def test_the_places_of_maxima():
    values, places = nn.MaxPool2d(2, 2, return_indices=True)(Tensor(np.arange(16.0).reshape(1, 4, 4)))
    assert values.asnumpy().tolist() == [[[5.0, 7.0], [13.0, 15.0]]]
    assert places.asnumpy().tolist() == [[[5, 7], [13, 15]]]


def test_adaptive_pools_cut_an_axis_into_parts():
    x = RNG.normal(size=(2, 3, 7, 5))
    rows = [x[:, :, i * 7 // 3 : -(-(i + 1) * 7 // 3)] for i in range(3)]
    mean = np.stack([part.mean(2) for part in rows], 2)
    np.testing.assert_allclose(nn.AdaptiveAvgPool2d((3, None))(Tensor(x)).asnumpy(), mean, rtol=1e-12)
    top = np.stack([part.max(2) for part in rows], 2)
    np.testing.assert_array_equal(nn.AdaptiveMaxPool2d((3, None))(Tensor(x)).asnumpy(), top)
    np.testing.assert_allclose(nn.AdaptiveAvgPool1d(3)(Tensor(x[:, :, :, 0])).asnumpy(), mean[..., 0], rtol=1e-12)
    np.testing.assert_array_equal(nn.AdaptiveMaxPool1d(3)(Tensor(x[:, :, :, 0])).asnumpy(), top[..., 0])
    whole = nn.AdaptiveAvgPool3d(1)(Tensor(x.reshape(2, 3, 7, 5, 1))).asnumpy()
    np.testing.assert_allclose(whole.ravel(), x.mean((2, 3)).ravel(), rtol=1e-12)
    assert len(nn.AdaptiveMaxPool2d(2, return_indices=True)(Tensor(x))) == 2
    volumes = Tensor(np.stack([x, x - 1], -1))
    values, places = nn.AdaptiveMaxPool3d((3, None, 1), return_indices=True)(volumes)
    np.testing.assert_array_equal(values.asnumpy()[..., 0], top)
    np.testing.assert_array_equal(
        ops.gather_elements(volumes.reshape((2, 3, -1)), 2, places.reshape((2, 3, -1))).asnumpy(), top.reshape(2, 3, -1)
    )


def test_norms_of_windows():
    x = RNG.uniform(0.2, 2.0, size=(2, 3, 5, 6))
    seen = windows(x, (2, 3), (1, 2), [(0, 0), (0, 0)], 0.0)
    expected = (seen**1.5).sum((4, 5)) ** (1 / 1.5)
    np.testing.assert_allclose(nn.LPPool2d(1.5, (2, 3), (1, 2))(Tensor(x)).asnumpy(), expected, rtol=1e-11)
    seen = windows(x[..., 0], (2,), (2,), [(0, 0)], 0.0)
    expected = np.sqrt((seen**2).sum(3))
    np.testing.assert_allclose(nn.LPPool1d(2, 2)(Tensor(x[..., 0])).asnumpy(), expected, rtol=1e-11)


def test_unpooling_puts_maxima_back():
    x = RNG.normal(size=(2, 3, 4, 6))
    values, places = nn.MaxPool2d((2, 3), None, return_indices=True)(Tensor(x))
    expected = np.where(np.isin(x, values.asnumpy()), x, 0.0)
    np.testing.assert_array_equal(nn.MaxUnpool2d((2, 3))(values, places).asnumpy(), expected)
    values, places = nn.MaxPool1d(2, 2, return_indices=True)(Tensor(x[0, :, :, 0]))
    expected = np.where(np.isin(x[0, :, :, 0], values.asnumpy()), x[0, :, :, 0], 0.0)
    np.testing.assert_array_equal(nn.MaxUnpool1d(2)(values, places).asnumpy(), expected)
    x = RNG.normal(size=(2, 2, 4, 6, 2))
    values, places = nn.MaxPool3d((2, 3, 2), None, return_indices=True)(Tensor(x))
    expected = np.where(np.isin(x, values.asnumpy()), x, 0.0)
    np.testing.assert_array_equal(nn.MaxUnpool3d((2, 3, 2))(values, places).asnumpy(), expected)


# ---- bad input ----------------------------------------------------------------------------------------------------

X = ops.ones((2, 4, 5, 5))


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, "Conv2d: in_channels must be positive, but got 0", lambda: nn.Conv2d(0, 1, 1)),
        (TypeError, "Conv2d: kernel_size must be an int or 2 of them, but got 1.5", lambda: nn.Conv2d(1, 1, 1.5)),
        (ValueError, "Conv2d: kernel_size must be an int or 2", lambda: nn.Conv2d(1, 1, (1, 2, 3))),
        (ValueError, "Conv2d: stride must be at least 1", lambda: nn.Conv2d(1, 1, 1, 0)),
        (ValueError, "Conv2d: pad_mode must be 'same', 'valid' or 'pad'", lambda: nn.Conv2d(1, 1, 1, 1, "full")),
        (ValueError, "Conv2d: padding=1 needs pad_mode='pad'", lambda: nn.Conv2d(1, 1, 1, padding=1)),
        (ValueError, "Conv2d: group must divide in_channels, but got 3 and 4", lambda: nn.Conv2d(4, 3, 1, group=3)),
        (ValueError, "Conv2d: data_format must be 'NCHW'", lambda: nn.Conv2d(1, 1, 1, data_format="NHWC")),
        (ValueError, "Conv2d: weight_init must have shape", lambda: nn.Conv2d(1, 1, 1, weight_init=X)),
        (ValueError, "conv2d: .*does not fit an input of 4 channels", lambda: nn.Conv2d(3, 2, 1)(X)),
        (ValueError, "conv2d: a kernel that reaches over 6", lambda: nn.Conv2d(4, 2, 6, pad_mode="valid")(X)),
        (ValueError, "conv1d:", lambda: nn.Conv1d(4, 2, 1)(X)),
        (TypeError, "conv2d: input must be a Tensor", lambda: nn.Conv2d(4, 2, 1)(np.ones((1, 4, 2, 2)))),
        (ValueError, "output_padding must be less than", lambda: nn.Conv2dTranspose(1, 1, 1, 1, "pad", 0, 1)),
        (ValueError, "output_padding needs pad_mode", lambda: nn.Conv2dTranspose(1, 1, 1, 2, output_padding=1)),
        (ValueError, "Conv1dTranspose: the input must be", lambda: nn.Conv1dTranspose(4, 1, 1)(X)),
        (ValueError, "MaxPool2d: padding=1 needs pad_mode='pad'", lambda: nn.MaxPool2d(2, padding=1)),
        (ValueError, "MaxPool2d: ceil_mode and dilation", lambda: nn.MaxPool2d(2, 1, "same", ceil_mode=True)),
        (TypeError, "MaxPool2d: pad_mode must be a str", lambda: nn.MaxPool2d(2, 1, 0)),
        (ValueError, "MaxPool1d: the input must be", lambda: nn.MaxPool1d(2)(X)),
        (ValueError, "max_pool2d:", lambda: nn.MaxPool2d(6)(X)),
        (ValueError, "AvgPool2d: divisor_override must be positive", lambda: nn.AvgPool2d(2, divisor_override=0)),
        (ValueError, "LPPool2d: norm_type must be positive", lambda: nn.LPPool2d(0, 2)),
        (ValueError, "MaxUnpool2d: stride must be at least 1", lambda: nn.MaxUnpool2d(2, 0)),
        (ValueError, "AdaptiveAvgPool2d: output_size must be at least 1", lambda: nn.AdaptiveAvgPool2d(0)),
        (TypeError, "AdaptiveAvgPool2d: output_size must be", lambda: nn.AdaptiveAvgPool2d(2.0)),
    ],
)
def test_bad_input(error, text, call):
    with pytest.raises(error, match=text):
        call()


def test_a_given_weight_is_copied_by_name():
    given = Parameter(ops.ones((2, 1, 1, 1)), name="mine")
    layer = nn.Conv2d(1, 2, 1, weight_init=given)
    assert layer.weight is not given and layer.weight.name == "weight" and given.name == "mine"


def test_average_pools_at_edges_are_the_sums_by_the_counts():
    # Sums and counts of small ints are exact, so one division is all the rounding there is.
    a = np.random.default_rng(5).integers(-9, 10, (1, 1, 6, 6)).astype(np.float32)
    expected = [
        [a[0, 0, i : i + 3, j : j + 3].sum() / np.float32(a[0, 0, i : i + 3, j : j + 3].size) for j in (0, 2, 4)]
        for i in (0, 2, 4)
    ]
    assert nn.AvgPool2d(3, 2, "same")(Tensor(a)).asnumpy()[0, 0].tolist() == np.array(expected, np.float32).tolist()


def test_adaptive_max_pools_of_ints_are_ints():
    a = np.random.default_rng(6).integers(-(2**31), 2**31, (1, 2, 4, 4, 4)).astype(np.int32)
    values, indices = ops.adaptive_max_pool3d(Tensor(a), 2, True)
    parts = a.reshape(1, 2, 2, 2, 2, 2, 2, 2)
    assert values.dtype == adcore.int32
    assert np.array_equal(values.asnumpy(), parts.max((3, 5, 7)))
    assert np.array_equal(
        np.take_along_axis(a.reshape(2, -1), indices.asnumpy().reshape(2, -1), 1), values.asnumpy().reshape(2, -1)
    )
    with pytest.raises(TypeError, match="must be a float tensor, got Int64"):
        ops.adaptive_max_pool3d(Tensor(a.astype(np.int64)), 2)
