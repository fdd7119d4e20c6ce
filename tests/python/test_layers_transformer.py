"""Attention in heads and the Transformer's layers against NumPy: masks, layouts, stacks, modes, bad input."""

import numpy as np
import pytest
from scipy import special

import adcore
from adcore import Tensor, nn, ops

RNG = np.random.default_rng(10)


def values(cell):
    return {path: param.asnumpy() for path, param in cell.parameters_and_names()}


def attended(w, query, key, value, heads, hidden=None, added=0.0, prefix=""):
    """Attention of (batch, sequence, features), head by head; hidden and added broadcast to (batch, heads, L, S)."""
    size = query.shape[-1]
    bias = w.get(prefix + "in_proj_bias", np.zeros(3 * size))
    if prefix + "in_proj_weight" in w:
        weights = np.split(w[prefix + "in_proj_weight"], 3)
    else:
        weights = [w[prefix + f"{role}_proj_weight"] for role in "qkv"]
    q, k, v = (x @ m.T + b for x, m, b in zip((query, key, value), weights, np.split(bias, 3)))
    if prefix + "bias_k" in w:
        k, v = (
            np.concatenate([x, np.tile(w[prefix + name], (len(x), 1, 1))], 1)
            for x, name in ((k, "bias_k"), (v, "bias_v"))
        )
    step = size // heads
    scores = np.stack([q[..., i : i + step] @ k[..., i : i + step].swapaxes(1, 2) for i in range(0, size, step)], 1)
    scores = scores / np.sqrt(step) + added
    if hidden is not None:
        scores = np.where(hidden, -np.inf, scores)
    weights = special.softmax(scores, -1)
    out = np.concatenate([weights[:, h] @ v[..., h * step : (h + 1) * step] for h in range(heads)], -1)
    return out @ w[prefix + "out_proj.weight"].T + w.get(prefix + "out_proj.bias", 0.0), weights


def close(tensor, array):
    np.testing.assert_allclose(tensor.asnumpy(), array, rtol=1e-11, atol=1e-12)


HIDDEN = np.array([[False, True, False, False, False], [False] * 5, [True, False, False, True, False]])
PADDING = np.array([[False] * 5, [False, False, False, True, True]])


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize(
    "options",
    [{}, {"has_bias": False}, {"kdim": 3, "vdim": 5}, {"add_bias_kv": True}, {"add_bias_kv": True, "kdim": 4}],
)
def test_attention_in_heads(batch_first, options):
    layer = nn.MultiheadAttention(6, 2, batch_first=batch_first, dtype=adcore.float64, **options)
    for param in layer.get_parameters():
        param.set_data(Tensor(RNG.normal(size=param.shape)))
    w = values(layer)
    query, key, value = (
        RNG.normal(size=(2, n, size)) for n, size in ((3, 6), (5, options.get("kdim", 6)), (5, options.get("vdim", 6)))
    )
    more = int("add_bias_kv" in options)

    def wide(mask):
        return np.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, more)])

    def call(**masks):
        given = [Tensor(x if batch_first else x.swapaxes(0, 1)) for x in (query, key, value)]
        output, weights = layer(*given, average_attn_weights=False, **masks)
        return (output if batch_first else ops.swapaxes(output, 0, 1)), weights

    own = RNG.normal(size=(4, 3, 5))
    cases = [
        ({}, None, 0.0),
        ({"attn_mask": Tensor(HIDDEN)}, wide(HIDDEN), 0.0),
        ({"key_padding_mask": Tensor(PADDING)}, wide(PADDING)[:, None, None], 0.0),
        (
            {"attn_mask": Tensor(HIDDEN), "key_padding_mask": Tensor(PADDING)},
            wide(HIDDEN) | wide(PADDING)[:, None, None],
            0.0,
        ),
        ({"attn_mask": Tensor(own)}, None, wide(own).reshape(2, 2, 3, -1)),
        ({"attn_mask": Tensor(own[0])}, None, wide(own[0])),
        (
            {"attn_mask": Tensor(own[0]), "key_padding_mask": Tensor(PADDING)},
            wide(PADDING)[:, None, None],
            wide(own[0]),
        ),
    ]
    for masks, hidden, added in cases:
        output, weights = call(**masks)
        expected, by_head = attended(w, query, key, value, 2, hidden, added)
        close(output, expected)
        close(weights, by_head)
    if batch_first:
        given = [Tensor(x) for x in (query, key, value)]
        close(layer(*given)[1], attended(w, query, key, value, 2)[1].mean(1))
        assert len(layer(*given, need_weights=False)) == 1
        one = layer(*(Tensor(x[0]) for x in (query, key, value)))
        expected, by_head = attended(w, query, key, value, 2)
        close(one[0], expected[0])
        close(one[1], by_head[0].mean(0))


def test_attention_to_oneself_takes_one_product():
    layer = nn.MultiheadAttention(4, 2, dtype=adcore.float64)
    x = Tensor(RNG.normal(size=(3, 2, 4)))
    close(layer(x, x, x)[0], layer(x, x.copy(), x.copy())[0].asnumpy())


def test_an_empty_batch():
    layer, x = nn.MultiheadAttention(4, 2), Tensor(np.zeros((3, 0, 4), np.float32))
    output, weights = layer(x, x, x, Tensor(np.zeros((0, 3), bool)), attn_mask=Tensor(np.zeros((3, 3), bool)))
    assert output.shape == (3, 0, 4) and weights.shape == (0, 3, 3)
    grads = adcore.grad(lambda x: nn.TransformerEncoderLayer(4, 2, 3)(x).sum())(x)
    assert grads.shape == (3, 0, 4)


def test_a_key_and_a_value_of_zeros():
    layer = nn.MultiheadAttention(4, 2, add_zero_attn=True, has_bias=False, dtype=adcore.float64)
    x = Tensor(RNG.normal(size=(3, 2, 4)))
    hidden = ops.ones((3, 3), adcore.bool_)
    output, weights = layer(x, x, x, attn_mask=hidden)
    close(output, np.zeros((3, 2, 4)))
    close(weights, np.pad(np.zeros((2, 3, 3)), [(0, 0), (0, 0), (0, 1)], constant_values=1.0))


def test_a_query_that_sees_nothing_gives_zero():
    layer = nn.MultiheadAttention(4, 2, has_bias=False)
    x = ops.ones((3, 2, 4))
    output, weights = layer(x, x, x, attn_mask=ops.ones((3, 3), adcore.bool_))
    assert not output.asnumpy().any() and not weights.asnumpy().any()


def normalized(x, w, name):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * w[name + ".gamma"] + w[name + ".beta"]


def fed(x, w, function):
    return function(x @ w["dense1.weight"].T + w["dense1.bias"]) @ w["dense2.weight"].T + w["dense2.bias"]


FUNCTIONS = {"relu": lambda x: np.maximum(x, 0), "gelu": lambda x: x * special.ndtr(x)}


def shaken(layer):
    for param in layer.get_parameters():
        param.set_data(param + Tensor(0.3 * RNG.normal(size=param.shape)))
    return values(layer)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_an_encoder_layer(norm_first, activation):
    layer = nn.TransformerEncoderLayer(
        4, 2, 5, 0.3, activation, batch_first=True, norm_first=norm_first, dtype=adcore.float64
    )
    w, x = shaken(layer), RNG.normal(size=(2, 5, 4))
    hidden = np.triu(np.ones((5, 5), bool), 1)
    blocks = [
        lambda x: attended(w, x, x, x, 2, hidden | PADDING[:, None, None], prefix="self_attn.")[0],
        lambda x: fed(x, w, FUNCTIONS[activation]),
    ]
    expected = x
    for k, block in enumerate(blocks, 1):
        if norm_first:
            expected = expected + block(normalized(expected, w, f"norm{k}"))
        else:
            expected = normalized(expected + block(expected), w, f"norm{k}")
    close(layer(Tensor(x), Tensor(hidden), Tensor(PADDING)), expected)


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_decoder_layer(norm_first):
    layer = nn.TransformerDecoderLayer(4, 2, 5, batch_first=True, norm_first=norm_first, dtype=adcore.float64)
    w, x, memory = shaken(layer), RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 5, 4))
    hidden = np.triu(np.ones((3, 3), bool), 1)
    blocks = [
        lambda x: attended(w, x, x, x, 2, hidden, prefix="self_attn.")[0],
        lambda x: attended(w, x, memory, memory, 2, PADDING[:, None, None] | HIDDEN, prefix="multihead_attn.")[0],
        lambda x: fed(x, w, FUNCTIONS["relu"]),
    ]
    expected = x
    for k, block in enumerate(blocks, 1):
        if norm_first:
            expected = expected + block(normalized(expected, w, f"norm{k}"))
        else:
            expected = normalized(expected + block(expected), w, f"norm{k}")
    out = layer(Tensor(x), Tensor(memory), Tensor(hidden), Tensor(HIDDEN), None, Tensor(PADDING))
    close(out, expected)


def test_a_transformer_is_its_parts():
    net = nn.Transformer(4, 2, 2, 2, 5, dtype=adcore.float64)
    src, tgt = Tensor(RNG.normal(size=(5, 2, 4))), Tensor(RNG.normal(size=(3, 2, 4)))
    mask = net.generate_square_subsequent_mask(3)
    memory = src
    for layer in net.encoder.layers:
        memory = layer(memory, None, Tensor(PADDING))
    memory = net.encoder.norm(memory)
    x = tgt
    for layer in net.decoder.layers:
        x = layer(x, memory, mask, None, None, Tensor(PADDING))
    expected = net.decoder.norm(x).asnumpy()
    out = net(src, tgt, None, mask, None, Tensor(PADDING), None, Tensor(PADDING))
    np.testing.assert_array_equal(out.asnumpy(), expected)
    first, second = net.encoder.layers
    assert (first.dense1.weight.asnumpy() != second.dense1.weight.asnumpy()).any()
    names = list(net.parameters_dict())
    assert names[0] == "encoder.layers.0.self_attn.in_proj_weight" and names[-1] == "decoder.norm.beta"
    weight = net.encoder.layers[0].dense1.weight.asnumpy()
    assert 0.5 < abs(weight).max() <= np.sqrt(6 / 9)


def test_a_mask_of_what_comes_later_hides_it():
    layer = nn.TransformerEncoderLayer(4, 2, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    x = RNG.normal(size=(5, 1, 4)).astype(np.float32)
    other = x.copy()
    other[3:] += 1.0
    one, two = (layer(Tensor(v), mask).asnumpy() for v in (x, other))
    np.testing.assert_array_equal(one[:3], two[:3])
    assert (one[3:] != two[3:]).any()


def test_copies_of_a_stack_are_independent():
    layer = nn.TransformerEncoderLayer(4, 2, 8)
    stack = nn.TransformerEncoder(layer, 2, nn.LayerNorm((4,)))
    first, second = stack.layers
    np.testing.assert_array_equal(first.dense1.weight.asnumpy(), second.dense1.weight.asnumpy())
    assert len({id(param) for param in (*stack.get_parameters(), *layer.get_parameters())}) == 3 * 12 + 2
    assert layer.dense1.weight.name == "dense1.weight"


def test_dropout_in_training_mode_alone():
    layer = nn.TransformerEncoderLayer(4, 2, 8, 0.5)
    x = ops.ones((3, 2, 4)) * Tensor([1.0, -1.0, 2.0, 0.5])
    calm = layer(x).asnumpy()
    np.testing.assert_array_equal(layer(x).asnumpy(), calm)
    layer.set_train()
    assert (layer(x).asnumpy() != layer(x).asnumpy()).any()


X = ops.ones((5, 2, 4))
MHA = nn.MultiheadAttention(4, 2)


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, "num_heads must divide embed_dim, but got 3 and 4", lambda: nn.MultiheadAttention(4, 3)),
        (ValueError, r"MultiheadAttention: dropout must be in \[0, 1\]", lambda: nn.MultiheadAttention(4, 2, 2.0)),
        (ValueError, r"query must be \(sequence, batch, 4\)", lambda: MHA(X[..., :3], X, X)),
        (ValueError, "value must be", lambda: MHA(X, X, X[0])),
        (ValueError, "key and value must be as many", lambda: MHA(X, X, X[:3])),
        (ValueError, "query and key must have one batch size", lambda: MHA(X[:, :1], X, X)),
        (TypeError, "key must be a Tensor", lambda: MHA(X, None, X)),
        (ValueError, r"attn_mask must have the shape \(5, 5\) or \(4, 5, 5\)", lambda: MHA(X, X, X, attn_mask=X[0])),
        (ValueError, r"key_padding_mask must have the shape \(2, 5\)", lambda: MHA(X, X, X, X[0])),
        (TypeError, "attn_mask must be a Tensor of bool or floats", lambda: MHA(X, X, X, attn_mask=ops.arange(5))),
        (ValueError, "activation must be 'relu', 'gelu'", lambda: nn.TransformerEncoderLayer(4, 2, activation="x")),
        (TypeError, "activation must be a name", lambda: nn.TransformerEncoderLayer(4, 2, activation=1)),
        (TypeError, "the layer must be a Cell", lambda: nn.TransformerEncoder(1, 2)),
        (ValueError, "num_layers must be positive", lambda: nn.TransformerEncoder(nn.ReLU(), 0)),
        (ValueError, "src and tgt must have one batch", lambda: nn.Transformer(4, 2, 1, 1, 4)(X, X[:, :1])),
        (ValueError, "src and tgt must have 4 features", lambda: nn.Transformer(4, 2, 1, 1, 4)(X, X[..., :2])),
    ],
)
def test_bad_input(error, text, call):
    with pytest.raises(error, match=text):
        call()
