"""Activations with options, padding, images, BiDense, one-hot, nn.Jvp and nn.Vjp: against NumPy; options, bad input."""

import numpy as np
import pytest
from scipy import special

import adcore
from adcore import Tensor, nn, ops

RNG = np.random.default_rng(12)


def close(tensor, array, rtol=1e-12):
    np.testing.assert_allclose(tensor.asnumpy(), array, rtol=rtol, atol=1e-13)


def test_activations_with_options():
    x = RNG.normal(size=(2, 4, 3))
    close(nn.Softmin(1)(Tensor(x)), special.softmax(-x, 1))
    close(nn.Softmax2d()(Tensor(x)), special.softmax(x, 0))
    close(nn.FastGelu()(Tensor(x)), x * special.expit(1.702 * x))
    close(nn.Threshold(0.3, -7.0)(Tensor(x)), np.where(x > 0.3, x, -7.0))
    close(nn.GLU(1)(Tensor(x)), x[:, :2] * special.expit(x[:, 2:]))
    close(nn.RReLU(0.1, 0.3)(Tensor(x)), np.where(x > 0, x, 0.2 * x))
    drawn = nn.RReLU(0.1, 0.3).set_train()(Tensor(-np.ones(1000))).asnumpy()
    assert drawn.min() >= -0.3 and drawn.max() <= -0.1 and drawn.std() > 0.03
    for name in ("prelu", "rrelu", "softmin", "softmax2d", "fastgelu", "fast_gelu"):
        assert isinstance(nn.get_activation(name), nn.Cell)


def test_prelu_trains_its_slopes():
    x = RNG.normal(size=(2, 3, 4))
    for w in ([0.1, 0.2, 0.3], Tensor([0.1, 0.2, 0.3], adcore.float64)):
        layer = nn.PReLU(3, w).to(adcore.float64)
        slopes = layer.w.asnumpy()[:, None]
        close(layer(Tensor(x)), np.where(x > 0, x, slopes * x))
    gradient = adcore.grad(lambda x: layer(x).sum(), None, layer.trainable_params())(Tensor(x))
    close(gradient[0], np.minimum(x, 0).sum((0, 2)))
    assert [p.name for p in layer.get_parameters()] == ["a"] and nn.PReLU().w.asnumpy().tolist() == [0.25]


PADS = [
    (nn.ConstantPad1d, (2, 3), 1, "constant"),
    (nn.ConstantPad2d, (1, 0, 2, 1), 2, "constant"),
    (nn.ConstantPad3d, 1, 3, "constant"),
    (nn.ReflectionPad1d, (2, 1), 1, "reflect"),
    (nn.ReflectionPad2d, (1, 2, 0, 1), 2, "reflect"),
    (nn.ReflectionPad3d, 1, 3, "reflect"),
    (nn.ReplicationPad1d, 2, 1, "edge"),
    (nn.ReplicationPad2d, (3, 0), 2, "edge"),
    (nn.ReplicationPad3d, (0, 1, 2, 3, 1, 0), 3, "edge"),
]


@pytest.mark.parametrize(("cls", "padding", "n", "mode"), PADS)
def test_padding_is_numpys(cls, padding, n, mode):
    x = RNG.normal(size=(2, 3, 4, 3, 4))
    sizes = padding if isinstance(padding, tuple) else (padding,) * 2 * n
    pairs = [tuple(sizes[k : k + 2]) for k in range(0, len(sizes), 2)][::-1]
    widths = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    options = {"constant_values": 0.5} if mode == "constant" else {}
    layer = cls(padding, 0.5) if mode == "constant" else cls(padding)
    close(layer(Tensor(x)), np.pad(x, widths, mode, **options))


def test_more_of_padding():
    x = RNG.normal(size=(3, 4))
    close(nn.ConstantPad1d((-1, 2), 3.0)(Tensor(x)), np.pad(x[:, 1:], [(0, 0), (0, 2)], constant_values=3.0))
    close(nn.ZeroPad2d((1, 2, 3, 0))(Tensor(x)), np.pad(x, [(3, 0), (1, 2)]))
    for mode, name in (("CONSTANT", "constant"), ("REFLECT", "reflect"), ("SYMMETRIC", "symmetric")):
        close(nn.Pad(((2, 1), (0, 3)), mode)(Tensor(x)), np.pad(x, [(2, 1), (0, 3)], name))
    close(nn.Pad(((3, 3), (0, 0)), "SYMMETRIC")(Tensor(x)), np.pad(x, [(3, 3), (0, 0)], "symmetric"))


def test_images():
    x = RNG.normal(size=(2, 8, 3, 2))
    shuffled = x.reshape(2, 2, 2, 2, 3, 2).transpose(0, 1, 4, 2, 5, 3).reshape(2, 2, 6, 4)
    close(nn.PixelShuffle(2)(Tensor(x)), shuffled)
    close(nn.PixelUnshuffle(2)(Tensor(shuffled)), x)
    close(nn.ChannelShuffle(4)(Tensor(x)), x.reshape(2, 4, 2, 3, 2).swapaxes(1, 2).reshape(x.shape))
    close(nn.Upsample(scale_factor=2.0)(Tensor(x)), x.repeat(2, 2).repeat(2, 3))
    line = np.array([[[1.0, 2.0, 4.0]]])
    close(nn.Upsample(5, mode="linear", align_corners=True)(Tensor(line)), [[[1.0, 1.5, 2.0, 3.0, 4.0]]])
    blocks = nn.Unfold((2, 1), stride=(1, 2))(Tensor(x))
    expected = np.stack([x[:, :, i : i + 2, 0].reshape(2, 16) for i in range(2)], 2)
    close(blocks, expected)
    close(nn.Fold((3, 1), (2, 1))(blocks), np.stack([x[:, :, 0, 0], 2 * x[:, :, 1, 0], x[:, :, 2, 0]], 2)[..., None])


def test_bidense_is_linear_in_both():
    a, b, w, bias = (RNG.normal(size=s) for s in ((2, 5, 3), (2, 5, 4), (6, 3, 4), (6,)))
    layer = nn.BiDense(3, 4, 6, Tensor(w), Tensor(bias))
    close(layer(Tensor(a), Tensor(b)), np.einsum("...i,kij,...j->...k", a, w, b) + bias)
    close(layer(Tensor(a[0, 0]), Tensor(b[0, 0])), np.einsum("i,kij,j->k", a[0, 0], w, b[0, 0]) + bias)
    assert nn.BiDense(3, 4, 6, has_bias=False).bias is None and nn.Bilinear is nn.BiDense
    values = nn.BiDense(100, 4, 60).weight.asnumpy()
    assert 0.09 < abs(values).max() <= 0.1


def test_one_hot():
    ids = RNG.integers(0, 5, (2, 3))
    for axis in (-1, 0):
        out = nn.OneHot(axis, 5, 2.0, -1.0)(Tensor(ids))
        assert out.dtype == adcore.float32
        close(out, np.moveaxis(np.where(np.eye(5)[ids] == 1, 2.0, -1.0), -1, axis))
    x, y = RNG.normal(size=(2, 3, 4))
    expected = (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    close(nn.CosineSimilarity()(Tensor(x), Tensor(y)), expected)


def test_jvp_and_vjp_as_cells():
    net = nn.Dense(3, 2, activation="tanh", dtype=adcore.float64)
    x, v, u = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2))
    w, b = net.weight.asnumpy(), net.bias.asnumpy()
    y = np.tanh(x @ w.T + b)
    output, tangent = nn.Jvp(net)(Tensor(x), Tensor(v))
    close(output, y)
    close(tangent, (1 - y**2) * (v @ w.T))
    output, gradient = nn.Vjp(net)(Tensor(x), Tensor(u))
    close(output, y)
    close(gradient, ((1 - y**2) * u) @ w)
    assert len(nn.Vjp(net).trainable_params()) == 2
    a, c, da, dc = RNG.normal(size=(4, 3))
    output, tangent = nn.Jvp(ops.mul)(Tensor(a), Tensor(c), (Tensor(da), Tensor(dc)))
    close(tangent, da * c + a * dc)
    output, gradient = nn.Vjp(lambda a, c: (a * c, a))(Tensor(a), Tensor(c), (Tensor(da), Tensor(dc)))
    close(output[0], a * c)
    close(gradient[0], da * c + dc)
    close(gradient[1], da * a)


X = ops.ones((2, 4, 3, 3))


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, "PReLU: w must have the shape \\(2,\\), but got \\(3,\\)", lambda: nn.PReLU(2, [0.1, 0.2, 0.3])),
        (TypeError, "PReLU: w must be a number", lambda: nn.PReLU(2, "x")),
        (ValueError, "prelu: weight must have 1 or 4 elements", lambda: nn.PReLU(3)(X)),
        (ValueError, "RReLU: lower must not be greater", lambda: nn.RReLU(0.5, 0.1)),
        (TypeError, "Threshold: value must be a number", lambda: nn.Threshold(0.1, None)),
        (ValueError, "Softmax2d: the input must be", lambda: nn.Softmax2d()(X[0, 0])),
        (
            ValueError,
            "ConstantPad1d: padding must be an int or up to 1 pairs",
            lambda: nn.ConstantPad1d((1, 1, 1, 1), 0),
        ),
        (ValueError, "ReflectionPad2d: padding must be an int or up to 2", lambda: nn.ReflectionPad2d((1, 1, 1))),
        (ValueError, "ReflectionPad1d: padding must not be negative", lambda: nn.ReflectionPad1d(-1)),
        (TypeError, "ZeroPad2d: padding must be an int", lambda: nn.ZeroPad2d(1.5)),
        (TypeError, "ConstantPad1d: value must be a number", lambda: nn.ConstantPad1d(1, None)),
        (ValueError, "pad: mode 'reflect' cannot add", lambda: nn.ReflectionPad1d(3)(X)),
        (ValueError, "pad:", lambda: nn.ReflectionPad3d(1)(X[0, 0])),
        (TypeError, "ReplicationPad1d: the input must be a Tensor", lambda: nn.ReplicationPad1d(1)(1.0)),
        (ValueError, "Pad: mode must be 'CONSTANT'", lambda: nn.Pad(((1, 1),), "EDGE")),
        (TypeError, "Pad: paddings must be a tuple of pairs", lambda: nn.Pad((1, 1))),
        (ValueError, "Pad: paddings must be pairs", lambda: nn.Pad(((1, -1),))),
        (ValueError, "Pad: 1 pairs do not fit", lambda: nn.Pad(((1, 1),))(X)),
        (ValueError, "Pad: mode 'SYMMETRIC' cannot add", lambda: nn.Pad(((4, 0),), "SYMMETRIC")(X[0, 0, 0])),
        (ValueError, "Upsample: give either size or scale_factor", lambda: nn.Upsample()),
        (ValueError, "interpolate: mode 'linear' does not fit", lambda: nn.Upsample(3, mode="linear")(X)),
        (ValueError, "PixelShuffle: upscale_factor must be positive", lambda: nn.PixelShuffle(0)),
        (ValueError, "pixel_shuffle", lambda: nn.PixelShuffle(3)(X)),
        (ValueError, "Unfold: stride must be at least 1", lambda: nn.Unfold(2, stride=0)),
        (ValueError, "unfold", lambda: nn.Unfold(4)(X)),
        (ValueError, "BiDense: the inputs must be", lambda: nn.BiDense(3, 2, 1)(X, X)),
        (ValueError, "BiDense: the inputs must be", lambda: nn.BiDense(3, 3, 1)(X, X[0])),
        (TypeError, "BiDense: input2 must be a Tensor", lambda: nn.BiDense(3, 3, 1)(X, None)),
        (ValueError, "OneHot: depth must be positive", lambda: nn.OneHot(depth=0)),
        (TypeError, "Jvp: ", lambda: nn.Jvp(3)),
        (TypeError, "Vjp: a call takes the inputs and one argument more", lambda: nn.Vjp(ops.sin)(X)),
    ],
)
def test_bad_input(error, text, call):
    with pytest.raises(error, match=text):
        call()
