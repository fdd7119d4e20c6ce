"""Laws of every layer: its state goes round, it can be copied, printed, computed in half precision, and mapped.

`LAYERS` has one call of each class of `adcore.nn` that is a layer: how it is made, and the shapes of its inputs, of
which the first axis is the batch.
"""

import copy
import zlib

import numpy as np
import pytest

import adcore
from adcore import Tensor, nn
from test_layers import NO_LAYERS

RNG = np.random.default_rng(8)

LAYERS = {
    "Conv1d(2, 3, 3)": [(4, 2, 6)],
    "Conv2d(2, 3, 3, has_bias=True)": [(4, 2, 5, 4)],
    "Conv3d(2, 3, 2, group=1)": [(4, 2, 3, 2, 3)],
    "Conv1dTranspose(2, 3, 3, 2)": [(4, 2, 4)],
    "Conv2dTranspose(2, 3, 3, 2, has_bias=True)": [(4, 2, 3, 2)],
    "Conv3dTranspose(2, 1, 2, 2)": [(4, 2, 2, 2, 2)],
    "MaxPool1d(2)": [(4, 2, 6)],
    "MaxPool2d(2, 2)": [(4, 2, 5, 6)],
    "MaxPool3d(2)": [(4, 2, 3, 3, 2)],
    "AvgPool1d(2)": [(4, 2, 6)],
    "AvgPool2d(2, 2, 'same')": [(4, 2, 5, 6)],
    "AvgPool3d(2)": [(4, 2, 3, 3, 2)],
    "AdaptiveAvgPool1d(2)": [(4, 2, 5)],
    "AdaptiveAvgPool2d(2)": [(4, 2, 5, 3)],
    "AdaptiveAvgPool3d(2)": [(4, 2, 3, 3, 2)],
    "AdaptiveMaxPool1d(2)": [(4, 2, 5)],
    "AdaptiveMaxPool2d(2)": [(4, 2, 5, 3)],
    "AdaptiveMaxPool3d(2)": [(4, 2, 5, 3, 2)],
    "LPPool1d(3, 2)": [(4, 2, 5)],
    "LPPool2d(2, 2)": [(4, 2, 5, 4)],
    "BatchNorm1d(3)": [(4, 3)],
    "BatchNorm2d(3)": [(4, 3, 2, 2)],
    "BatchNorm3d(3)": [(4, 3, 2, 2, 1)],
    "InstanceNorm1d(3)": [(4, 3, 4)],
    "InstanceNorm2d(3)": [(4, 3, 2, 2)],
    "InstanceNorm3d(3)": [(4, 3, 2, 2, 1)],
    "LayerNorm((3,))": [(4, 2, 3)],
    "GroupNorm(2, 4)": [(4, 4, 3)],
    "RMSNorm(3, 1e-5)": [(4, 2, 3)],
    "RNN(3, 2, batch_first=True)": [(4, 5, 3)],
    "LSTM(3, 2, 2, batch_first=True, bidirectional=True)": [(4, 5, 3)],
    "GRU(3, 2, batch_first=True)": [(4, 5, 3)],
    "RNNCell(3, 2)": [(4, 3), (4, 2)],
    "LSTMCell(3, 2)": [(4, 3), [(4, 2), (4, 2)]],
    "GRUCell(3, 2)": [(4, 3), (4, 2)],
    "MultiheadAttention(4, 2, batch_first=True)": [(4, 3, 4), (4, 5, 4), (4, 5, 4)],
    "TransformerEncoderLayer(4, 2, 5, batch_first=True)": [(4, 3, 4)],
    "TransformerDecoderLayer(4, 2, 5, batch_first=True)": [(4, 3, 4), (4, 5, 4)],
    "TransformerEncoder(TransformerEncoderLayer(4, 2, 5, batch_first=True), 2)": [(4, 3, 4)],
    "TransformerDecoder(TransformerDecoderLayer(4, 2, 5, batch_first=True), 2)": [(4, 3, 4), (4, 5, 4)],
    "Transformer(4, 2, 1, 1, 5, batch_first=True)": [(4, 3, 4), (4, 5, 4)],
    "Dense(3, 2, activation='tanh')": [(4, 3)],
    "Flatten()": [(4, 2, 3)],
    "Unflatten(1, (2, 3))": [(4, 6)],
    "Identity()": [(4, 3)],
    "Dropout(p=0.5)": [(4, 3)],
    "Dropout1d()": [(4, 3, 2)],
    "Dropout2d()": [(4, 3, 2, 2)],
    "Dropout3d()": [(4, 3, 2, 2, 2)],
    "BiDense(3, 2, 5)": [(4, 3), (4, 2)],
    "ConstantPad1d(1, 0.5)": [(4, 3)],
    "ConstantPad2d((1, 2), 0.5)": [(4, 3, 2)],
    "ConstantPad3d(1, 0.5)": [(4, 3, 2, 2)],
    "ReflectionPad1d(1)": [(4, 3)],
    "ReflectionPad2d((1, 2))": [(4, 3, 3)],
    "ReflectionPad3d(1)": [(4, 3, 2, 2)],
    "ReplicationPad1d(1)": [(4, 3)],
    "ReplicationPad2d((1, 2))": [(4, 3, 2)],
    "ReplicationPad3d(1)": [(4, 3, 2, 2)],
    "ZeroPad2d(1)": [(4, 3, 2)],
    "Pad(((0, 0), (1, 2)), 'SYMMETRIC')": [(4, 3)],
    "Upsample(scale_factor=2.0)": [(4, 2, 3)],
    "PixelShuffle(2)": [(4, 4, 3, 2)],
    "PixelUnshuffle(2)": [(4, 1, 4, 2)],
    "ChannelShuffle(2)": [(4, 4, 3)],
    "Unfold(2)": [(4, 2, 3, 3)],
    "Fold(3, 2)": [(4, 8, 4)],
    "PReLU(3)": [(4, 3)],
    "RReLU()": [(4, 3)],
    "Threshold(0.1, -1.0)": [(4, 3)],
    "FastGelu()": [(4, 3)],
    "Softmin()": [(4, 3)],
    "Softmax2d()": [(4, 3, 2, 2)],
    "GELU()": [(4, 3)],
    "Softmax()": [(4, 3)],
    "LogSoftmax()": [(4, 3)],
}
# What takes no batch, takes no floats, or is a loss.
ELSEWHERE = {"Embedding", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d", "OneHot"}
ELSEWHERE |= {"EmbeddingLookup", "MultiFieldEmbeddingLookup"}  # test_embedding_lookup.py
# test_layers_measure.py
ELSEWHERE |= {"CentralCrop", "ClipByNorm", "DiceLoss", "FocalLoss", "L1Regularizer", "MSSSIM", "MatMul"}
ELSEWHERE |= {"MultiClassDiceLoss", "Norm", "PSNR", "SSIM"}


def draws_in_training(expression):
    return any(word in expression for word in ("Dropout", "Transformer", "RReLU"))


def made(expression):
    return eval(expression, vars(nn).copy())


def inputs_of(expression):
    """Tensors by the shapes in the table; a list of shapes is one input, a tuple of Tensors."""
    rng = np.random.default_rng(zlib.crc32(expression.encode()))

    def drawn(shape):
        if isinstance(shape, list):
            return tuple(map(drawn, shape))
        return Tensor(rng.normal(size=shape).astype(np.float32))

    return [drawn(shape) for shape in LAYERS[expression]]


def of_one(x):
    """An input of one sample as a batch."""
    return tuple(map(of_one, x)) if isinstance(x, tuple) else x.expand_dims(0)


def flat(outputs):
    """The Tensors of an output, as NumPy arrays."""
    if isinstance(outputs, (tuple, list)):
        return [array for output in outputs for array in flat(output)]
    return [outputs.asnumpy()]


def assert_same(one, other):
    for a, b in zip(flat(one), flat(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_layer_is_here():
    classes = {name: getattr(nn, name) for name in nn.__all__}
    wanted = {
        cls.__name__
        for cls in classes.values()
        if isinstance(cls, type) and issubclass(cls, nn.Cell) and "_op" not in vars(cls)
        if cls.__module__.rpartition(".")[2] not in NO_LAYERS
    }
    assert {expression.partition("(")[0] for expression in LAYERS} | ELSEWHERE == wanted


@pytest.mark.parametrize("expression", LAYERS)
def test_the_state_goes_round(expression):
    adcore.set_seed(1)
    layer = made(expression)
    for param in layer.get_parameters():
        param.set_data(param + 0.25 * abs(Tensor(RNG.normal(size=param.shape).astype(np.float32))))
    other, inputs = made(expression), inputs_of(expression)
    state = layer.parameters_dict()
    assert [p.name for p in other.get_parameters()] == list(state)
    missing, unexpected = other.load_state_dict(layer.state_dict())
    assert not missing and not unexpected
    assert_same(layer(*inputs), other(*inputs))


@pytest.mark.parametrize("expression", LAYERS)
def test_a_copy_is_independent(expression):
    layer, inputs = made(expression), inputs_of(expression)
    twin = copy.deepcopy(layer)
    before = flat(layer(*inputs))
    assert_same(twin(*inputs), layer(*inputs))
    assert [p.name for p in twin.get_parameters()] == [p.name for p in layer.get_parameters()]
    for param in twin.get_parameters():
        param.set_data(param * 0)
    assert_same(layer(*inputs), [Tensor(array) for array in before])
    assert type(layer).__name__ in repr(layer) and repr(copy.deepcopy(layer)) == repr(layer)


@pytest.mark.parametrize(
    ("expression", "train"),
    [(e, train) for e in LAYERS for train in (False, True) if not (train and draws_in_training(e))],
)
def test_half_precision(expression, train):
    """float16 has a relative error of 5e-4; the sums here are short."""
    layer, inputs = made(expression).set_train(train), inputs_of(expression)
    expected = flat(layer(*inputs))
    half = layer.to_float(adcore.float16)
    for one, other in zip(flat(half(*inputs)), expected, strict=True):
        assert one.dtype == (np.float16 if other.dtype == np.float32 else other.dtype)
        np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-2)
    assert all(param.dtype == adcore.float32 for param in layer.get_parameters())


@pytest.mark.parametrize("expression", LAYERS)
def test_mapping_over_the_samples_is_the_batch(expression):
    """Each sample as a batch of one; outside of training no layer mixes samples. A state has the batch elsewhere."""
    layer, inputs = made(expression), inputs_of(expression)
    mapped = adcore.vmap(lambda *one: layer(*map(of_one, one)))(*inputs)
    np.testing.assert_allclose(flat(mapped)[0][:, 0], flat(layer(*inputs))[0], rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("expression", [e for e in LAYERS if made(e).trainable_params()])
def test_gradients_reach_every_parameter(expression):
    layer, inputs = made(expression), inputs_of(expression)
    params = layer.trainable_params()
    weights = [Tensor(RNG.normal(size=array.shape).astype(np.float32)) for array in flat(layer(*inputs))]

    def loss(*inputs):
        outputs = layer(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        leaves = [leaf for output in outputs for leaf in (output if isinstance(output, tuple) else (output,))]
        return sum((leaf * weight).sum() for leaf, weight in zip(leaves, weights, strict=True))

    for param, gradient in zip(params, adcore.grad(loss, None, params)(*inputs)):
        assert gradient.shape == param.shape and gradient.dtype == param.dtype
        assert np.isfinite(gradient.asnumpy()).all() and gradient.asnumpy().any(), param.name
