"""Layers that compare images, losses of overlap, and norms, against the formulas in NumPy.

The numbers of the losses are MindSpore's. `ClipByNorm` along an axis is not: MindSpore leaves rows with a norm above
the bound.
"""

import numpy as np
import pytest

import adcore
from adcore import Tensor, grad, nn, ops
from helpers import check, check_grads, f32, t32

rng = np.random.default_rng(0)
A = rng.uniform(size=(2, 3, 40, 36)).astype(np.float32)
B = np.clip(A + 0.1 * rng.uniform(size=A.shape), 0, 1).astype(np.float32)
BYTES = (A * 255).astype(np.uint8), (B * 255).astype(np.uint8)
X = Tensor([[0.8, 1.4], [0.5, 0.9], [1.2, 0.9]])


def close(result, expected, rtol=2e-5):
    assert result.dtype == adcore.float32
    np.testing.assert_allclose(result.asnumpy(), expected, rtol=rtol)


# ---- images --------------------------------------------------------------------------------------------------------


def test_psnr():
    def expected(a, b, top):
        return 10 * np.log10(top**2 / ((a.astype(float) - b) ** 2).mean((1, 2, 3)))

    close(nn.PSNR()(Tensor(A), Tensor(B)), expected(A, B, 1.0))
    close(nn.PSNR(4)(Tensor(A), Tensor(B)), expected(A, B, 4.0))
    close(nn.PSNR(255)(*map(Tensor, BYTES)), expected(*BYTES, 255.0))
    signed = [Tensor(image, adcore.int32) for image in BYTES]
    close(nn.PSNR(255)(*signed), expected(*BYTES, 255.0))
    assert nn.PSNR()(Tensor(A), Tensor(A)).tolist() == [np.inf, np.inf]


def similarities(a, b, top, size=11, sigma=1.5, k1=0.01, k2=0.03):
    """The similarity and the contrast of each picture, from windows."""
    places = np.arange(size) - (size - 1) / 2
    window = np.exp(-(places[:, None] ** 2 + places**2) / (2 * sigma**2))
    window /= window.sum()

    def mean(picture):
        windows = np.lib.stride_tricks.sliding_window_view(picture, (size, size), (-2, -1))
        return (windows * window).sum((-2, -1))

    a, b = a.astype(float), b.astype(float)
    c1, c2 = (k1 * top) ** 2, (k2 * top) ** 2
    mean_a, mean_b = mean(a), mean(b)
    contrast = (2 * (mean(a * b) - mean_a * mean_b) + c2) / (mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2 + c2)
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return (luminance * contrast).mean((-2, -1)), contrast.mean((-2, -1))


@pytest.mark.parametrize("options", [{}, {"size": 4}, {"size": 7, "sigma": 0.5, "k1": 0.1, "k2": 0.2}])
def test_ssim(options):
    given = {f"filter_{name}" if len(name) > 2 else name: value for name, value in options.items()}
    close(nn.SSIM(**given)(Tensor(A), Tensor(B)), similarities(A, B, 1.0, **options)[0].mean(1))
    close(nn.SSIM(2.5, **given)(Tensor(A), Tensor(B)), similarities(A, B, 2.5, **options)[0].mean(1))


def halved(images):
    n, c, h, w = images.shape
    return images.reshape(n, c, h // 2, 2, w // 2, 2).astype(float).mean((3, 5))


def test_the_derivative_of_ssim_is_that_of_one_scale():
    """`MSSSIM` of one scale is the same function, and runs in float64, where its derivative is checked."""
    a, b = Tensor(A), Tensor(B)
    one = grad(lambda x: nn.SSIM()(x, b))(a)
    other = grad(lambda x: nn.MSSSIM(power_factors=(1.0,))(x, b))(a)
    np.testing.assert_allclose(one.asnumpy(), other.asnumpy(), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("images, top", [((A, B), 1.0), (BYTES, 255)])
def test_msssim(images, top):
    first, second = similarities(*images, top)[1], similarities(*map(halved, images), top)[0]
    expected = (np.maximum(first, 0) ** 0.4 * np.maximum(second, 0) ** 0.6).mean(1)
    close(nn.MSSSIM(top, power_factors=(0.4, 0.6))(*map(Tensor, images)), expected)


def test_central_crop():
    for fraction, rows, columns in ((0.5, 10, 9), (1.0, 0, 0), (0.3, 14, 12)):
        expected = A[:, :, rows : 40 - rows, columns : 36 - columns]
        check(nn.CentralCrop(fraction)(Tensor(A)), f32(expected))
        check(nn.CentralCrop(fraction)(Tensor(A[0])), f32(expected[0]))


@pytest.mark.parametrize("layer", [nn.PSNR, nn.SSIM, nn.MSSSIM])
def test_images_that_do_not_fit(layer):
    image = Tensor(A)
    for other, error in (
        (image[:, :, 1:], ValueError),
        (image[0], ValueError),
        (image.astype(adcore.float16), TypeError),
        (A, TypeError),
    ):
        with pytest.raises(error, match=layer.__name__):
            layer()(image, other)
    for value, error in ((0, ValueError), (-1.0, ValueError), (float("inf"), ValueError), (True, TypeError)):
        with pytest.raises(error, match="max_val"):
            layer(value)


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: nn.SSIM(filter_size=0), ValueError),
        (lambda: nn.SSIM(filter_size=1.1), TypeError),
        (lambda: nn.SSIM(filter_sigma=0.0), ValueError),
        (lambda: nn.SSIM(filter_sigma=1), TypeError),
        (lambda: nn.MSSSIM(k1=1), TypeError),
        (lambda: nn.MSSSIM(power_factors={0.1}), TypeError),
        (lambda: nn.MSSSIM(power_factors=()), TypeError),
        (lambda: nn.SSIM()(*[Tensor(image) for image in BYTES]), TypeError),
        (lambda: nn.SSIM()(Tensor(A[..., :9]), Tensor(B[..., :9])), ValueError),
        (lambda: nn.MSSSIM()(Tensor(A), Tensor(B)), ValueError),
        (lambda: nn.CentralCrop(0.0), ValueError),
        (lambda: nn.CentralCrop(1.5), ValueError),
        (lambda: nn.CentralCrop(1), TypeError),
        (lambda: nn.CentralCrop(0.5)(ops.ones((1, 1, 1, 1, 1))), ValueError),
    ],
)
def test_wrong_options_of_images(make, error):
    with pytest.raises(error):
        make()


# ---- losses --------------------------------------------------------------------------------------------------------


def test_dice():
    p, t = X.asnumpy().astype(float), np.array([[0, 1], [1, 0], [0, 1.0]])
    close(nn.DiceLoss()(X, Tensor(t, adcore.float32)), 1 - 2 * (p * t).sum() / ((p**2).sum() + (t**2).sum() + 1e-5))
    close(nn.DiceLoss()(X, Tensor(t, adcore.float32)), 0.371493)
    labels = Tensor(t, adcore.float32)
    close(nn.MultiClassDiceLoss()(X, labels), 0.38942)
    weighted = nn.MultiClassDiceLoss(weights=t32([[1.0], [2.0]]), ignore_indiex=0, activation="relu")
    close(weighted(X, labels), [0.175629])


def test_focal():
    p = np.exp(X.asnumpy().astype(float))
    p /= p.sum(1, keepdims=True)
    of_class = p[[0, 1, 2], [1, 1, 0]]
    terms = -((1 - of_class) ** 2) * np.log(of_class)
    labels = Tensor([[1], [1], [0]], adcore.int32)
    close(nn.FocalLoss(reduction="none")(X, labels), terms)
    close(nn.FocalLoss()(X, labels), terms.mean())
    close(nn.FocalLoss(t32(1.0, 2.0), gamma=1.5)(X, labels), 0.199766)
    shares = t32([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    expected = -((1 - p) ** 2) * np.log(p) * shares.asnumpy()
    close(nn.FocalLoss(reduction="none")(X, shares), expected)
    # The second picture has logits that are larger by one, so the same probabilities.
    images = ops.stack([X, X + 1], 2)
    close(nn.FocalLoss(reduction="sum")(images, ops.stack([labels, labels], 2)), terms.sum())


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: nn.DiceLoss(1), TypeError),
        (lambda: nn.DiceLoss(0.0), ValueError),
        (lambda: nn.DiceLoss()(X, X[1:]), ValueError),
        (lambda: nn.DiceLoss()(X, X.astype(adcore.uint8)), TypeError),
        (lambda: nn.DiceLoss()(X, 1.0), TypeError),
        (lambda: nn.MultiClassDiceLoss(weights="1"), TypeError),
        (lambda: nn.MultiClassDiceLoss(weights=t32(1.0, 2.0)), ValueError),
        (lambda: nn.MultiClassDiceLoss(weights=t32([[1.0]]))(X, X), ValueError),
        (lambda: nn.MultiClassDiceLoss(ignore_indiex="2"), TypeError),
        (lambda: nn.MultiClassDiceLoss(activation=2), TypeError),
        (lambda: nn.MultiClassDiceLoss(activation="gelu"), ValueError),
        (lambda: nn.MultiClassDiceLoss()(X[0], X[0]), ValueError),
        (lambda: nn.FocalLoss(weight=1.0), TypeError),
        (lambda: nn.FocalLoss(weight=X), ValueError),
        (lambda: nn.FocalLoss(gamma=2), TypeError),
        (lambda: nn.FocalLoss(reduction="max"), ValueError),
        (lambda: nn.FocalLoss()(X, Tensor([1, 1, 0])), ValueError),
        (lambda: nn.FocalLoss()(X, ops.ones((3, 3))), ValueError),
    ],
)
def test_wrong_options_of_losses(make, error):
    with pytest.raises(error):
        make()


# ---- norms ---------------------------------------------------------------------------------------------------------


def test_norms():
    x = X.asnumpy().astype(float)
    close(nn.L1Regularizer(0.5)(-X), 0.5 * np.abs(x).sum())
    close(nn.Norm()(X), np.linalg.norm(x))
    close(nn.Norm(1, True)(X), np.linalg.norm(x, axis=1, keepdims=True))
    close(nn.ClipByNorm()(X, t32([1.0])), x / np.linalg.norm(x))
    close(nn.ClipByNorm()(X, t32([9.0])), x)
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    close(nn.ClipByNorm(1)(X, t32([1.2])), x * np.minimum(1, 1.2 / lengths))
    check(nn.ClipByNorm()(ops.zeros(3), t32([1.0])), f32([0, 0, 0]))
    check(grad(lambda x: nn.ClipByNorm()(x, t32([1.0])))(ops.zeros(3)), f32([1, 1, 1]))
    check_grads(lambda x: nn.Norm(0)(x) + nn.L1Regularizer(2)(x), [x], 2)


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: nn.L1Regularizer(0.0), ValueError),
        (lambda: nn.L1Regularizer(-0.5), ValueError),
        (lambda: nn.L1Regularizer(float("inf")), ValueError),
        (lambda: nn.L1Regularizer(float("nan")), ValueError),
        (lambda: nn.L1Regularizer("1"), TypeError),
        (lambda: nn.L1Regularizer(0.5)("1"), TypeError),
        (lambda: nn.Norm(1.5), TypeError),
        (lambda: nn.Norm(1, 1), TypeError),
        (lambda: nn.ClipByNorm(True), TypeError),
        (lambda: nn.ClipByNorm()(Tensor([1]), t32([1.0])), TypeError),
    ],
)
def test_wrong_options_of_norms(make, error):
    with pytest.raises(error):
        make()


# ---- products and directions ---------------------------------------------------------------------------------------


def test_matmul():
    rows, columns = A[0, :, :5], A[1, :, 5:10]
    for left, right, first, second in (
        (rows, columns, False, True),
        (rows, columns, True, False),
        (rows[0, 0], columns, True, True),
        (rows[0], columns[0, 0], False, True),
    ):
        x = left.swapaxes(-1, -2) if first and left.ndim > 1 else left
        y = right.swapaxes(-1, -2) if second and right.ndim > 1 else right
        close(nn.MatMul(first, second)(Tensor(left), Tensor(right)), np.matmul(x, y))
    with pytest.raises(TypeError, match="transpose_x1 must be a bool"):
        nn.MatMul(1)


def test_a_direction_that_does_not_fit():
    """What MindSpore refuses with a TypeError, too."""
    x = t32(1.0, 2.0)
    for fn, arguments in (
        (lambda x: x * x, (x, (x, x))),
        (lambda x: x * x, (x, (x,))),
        (lambda x: x * x, (x, x, x)),
        (lambda x, y: x * y, ((x, x), (x, x))),
        (lambda x, y: x * y, (x, x, x)),
        (lambda x, y: x * y, (x, x, (x,))),
    ):
        with pytest.raises(TypeError):
            nn.Jvp(fn)(*arguments)
    check(nn.Jvp(lambda x, y: x * y)(x, x, (x, x))[1], f32([2.0, 8.0]))
    check(nn.Jvp(lambda pair: pair[0] * pair[1])((x, x), (x, x))[1], f32([2.0, 8.0]))
