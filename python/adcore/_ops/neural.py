"""Embedding, attention, dropout of channels, and channels that become pixels: written with other ops."""

from __future__ import annotations

import math

from adcore._core import Tensor, float32
from adcore._ops import native
from adcore._ops.convolution import count
from adcore._ops.declare import Fraction, op, require_tensor

PAGE = "Embedding, attention and dropout"


@op(samples=("embedding(i(2, 3, n=4), x(4, 3))", "embedding(i(5, n=3), x(4, 2), 3)"))
def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Rows of a table.

    Parameters
    ----------
    input : Tensor of int
        Which rows.
    weight : Tensor
        (rows, features).
    padding_idx : int, optional
        A row that no derivative goes to; a negative one counts from the end.

    Raises
    ------
    TypeError, ValueError, IndexError
        For a table that has not two axes, a row outside it.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.embedding(Tensor([1, 0]), Tensor([[1.0, 2.0], [3.0, 4.0]])))
    [[3. 4.]
     [1. 2.]]
    """
    require_tensor("embedding", "input", input)
    require_tensor("embedding", "weight", weight)
    if not input.dtype.is_integer:
        raise TypeError(f"embedding: the input must be integers, got {input.dtype}.")
    if weight.ndim != 2:
        raise ValueError(f"embedding: the weight must have the shape (rows, features), got {weight.shape}.")
    rows = native.gather(weight, input, 0)
    if padding_idx is None:
        return rows
    padding, size = count("embedding", "padding_idx", padding_idx), weight.shape[0]
    if not -size <= padding < size:
        raise ValueError(f"embedding: padding_idx {padding} is not one of the {size} rows.")
    places = native.expand_dims(input, -1)
    is_padding = native.logical_or(native.equal(places, padding % size), native.equal(places, padding % size - size))
    return native.where(is_padding, native.stop_gradient(rows), rows)


@op(samples=("bilinear(x(2, 3), x(2, 4), x(5, 3, 4), x(5))", "bilinear(x(2, 2, 3), x(2, 2, 1), x(2, 3, 1))"))
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input1 @ weight[k] @ input2``, plus a bias, for each output k.

    Parameters
    ----------
    input1, input2 : Tensor
        (..., features1) and (..., features2), with equal leading axes.
    weight : Tensor
        (outputs, features1, features2).
    bias : Tensor, optional
        (outputs,).

    Raises
    ------
    TypeError, ValueError
        For shapes that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.bilinear(Tensor([1.0, 2.0]), Tensor([3.0]), Tensor([[[1.0], [1.0]]])))
    [9.]
    """
    for name, given in (("input1", input1), ("input2", input2), ("weight", weight)):
        require_tensor("bilinear", name, given)
    if (
        weight.ndim != 3
        or not input1.ndim
        or input1.shape[:-1] != input2.shape[:-1]
        or (input1.shape[-1], input2.shape[-1:]) != (weight.shape[1], weight.shape[2:])
    ):
        raise ValueError(
            f"bilinear: inputs of shape {input1.shape} and {input2.shape} do not fit a weight of shape {weight.shape}."
        )
    outputs, first, second = weight.shape
    by_first = native.matmul(input1, native.reshape(native.swapaxes(weight, 0, 1), (first, outputs * second)))
    by_first = native.reshape(by_first, (*input1.shape[:-1], outputs, second))
    result = native.squeeze(native.matmul(by_first, native.expand_dims(input2, -1)), -1)
    if bias is None:
        return result
    require_tensor("bilinear", "bias", bias)
    if bias.shape != (outputs,):
        raise ValueError(f"bilinear: the bias must have the shape {(outputs,)}, got {bias.shape}.")
    return native.add(result, bias)


@op(
    samples=(
        "embedding_bag(i(2, 3, n=4), x(4, 3))",
        "embedding_bag(i(2, 3, n=4), x(4, 3), mode='sum', per_sample_weights=x(2, 3))",
        "embedding_bag(i(2, 3, n=4), x(4, 3), mode='max')",
        "embedding_bag(i(5, n=4), x(4, 3), arange(0, 6, 2), mode='sum', per_sample_weights=x(5))",
        "embedding_bag(i(5, n=4), x(4, 3), arange(0, 6, 2), padding_idx=-1)",
        "embedding_bag(i(5, n=4), x(4, 3), arange(0, 6, 2), mode='max', include_last_offset=True)",
    )
)
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    *,
    mode: str = "mean",
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sum, mean or maximum of the rows of a table that each bag names.

    Parameters
    ----------
    input : Tensor of int
        (bags, rows of a bag), or one axis with the rows of all bags, one bag after the other.
    weight : Tensor
        (rows, features).
    offsets : Tensor of int, optional
        Where in an input of one axis each bag begins; the first is 0. A bag may be empty, which gives 0.
    mode : {"mean", "sum", "max"}
    per_sample_weights : Tensor, optional
        Of the input's shape: factors of the rows of a sum.
    include_last_offset : bool, default False
        Whether the last offset is the end of the last bag, and begins none.
    padding_idx : int, optional
        A row that does not count; a negative one counts from the end.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.embedding_bag(Tensor([[1, 0]]), Tensor([[1.0, 2.0], [3.0, 4.0]])))
    [[2. 3.]]
    """
    require_tensor("embedding_bag", "input", input)
    if mode not in ("mean", "sum", "max"):
        raise ValueError(f"embedding_bag: mode must be 'mean', 'sum' or 'max', got {mode!r}.")
    if input.ndim != (2 if offsets is None else 1):
        raise ValueError(
            "embedding_bag: the input must have the shape (bags, rows of a bag), or one axis and offsets, got "
            f"{input.shape} and {'no' if offsets is None else 'some'} offsets."
        )
    rows = embedding(input, weight, padding_idx)
    if per_sample_weights is not None:
        require_tensor("embedding_bag", "per_sample_weights", per_sample_weights)
        if mode != "sum" or per_sample_weights.shape != input.shape:
            raise ValueError(
                "embedding_bag: per_sample_weights go with mode='sum' and have the input's shape "
                f"{input.shape}, got mode={mode!r} and {per_sample_weights.shape}."
            )
        rows = native.mul(rows, native.expand_dims(per_sample_weights, -1))
    if offsets is None and padding_idx is None and input.size:
        return {"sum": native.sum, "mean": native.mean, "max": native.amax}[mode](rows, 1)
    if offsets is None:
        count_of_bags, in_each = input.shape
        bags = native.broadcast_to(native.expand_dims(native.arange(count_of_bags), 1), input.shape)
        rows = native.reshape(rows, (count_of_bags * in_each, weight.shape[1]))
        input, bags = native.ravel(input), native.ravel(bags)
    else:
        starts = _starts_of_bags(offsets, input.shape[0], include_last_offset)
        count_of_bags = starts.shape[0]
        bags = native.sub(native.searchsorted(starts, native.arange(input.shape[0]), right=True), 1)
    counts = native.ones(input.shape, rows.dtype)
    if padding_idx is not None:
        padding, size = padding_idx % weight.shape[0], weight.shape[0]
        is_padding = native.logical_or(native.equal(input, padding), native.equal(input, padding - size))
        counts = native.where(is_padding, 0.0, counts)
        rows = native.where(native.expand_dims(is_padding, -1), -math.inf if mode == "max" else 0.0, rows)
    nothing = native.zeros((count_of_bags, weight.shape[1]), rows.dtype)
    if mode == "max":
        places = native.broadcast_to(native.expand_dims(bags, -1), rows.shape)
        found = native.scatter_reduce(nothing, 0, places, rows, "amax", include_self=False)
        return native.where(native.equal(found, -math.inf), 0.0, found) if padding_idx is not None else found
    total = native.index_add(nothing, 0, bags, rows)
    if mode == "sum":
        return total
    size = native.index_add(native.zeros((count_of_bags,), rows.dtype), 0, bags, counts)
    return native.div(total, native.expand_dims(native.maximum(size, 1.0), -1))


def _starts_of_bags(offsets, end, include_last_offset):
    require_tensor("embedding_bag", "offsets", offsets)
    if not offsets.dtype.is_integer or offsets.ndim != 1:
        raise TypeError(
            f"embedding_bag: offsets must be integers along one axis, got {offsets.dtype} of shape {offsets.shape}."
        )
    given = offsets.tolist()
    if given != sorted(given) or given[:1] not in ([], [0]) or given[-1:] > [end]:
        raise ValueError(f"embedding_bag: offsets must ascend from 0 to at most {end}, got {given}.")
    return offsets[:-1] if include_last_offset else offsets


@op(
    samples=(
        "scaled_dot_product_attention(x(2, 3, 4), x(2, 5, 4), x(2, 5, 2))",
        "scaled_dot_product_attention(x(2, 3, 4), x(2, 5, 4), x(2, 5, 2), x(3, 5))",
        "scaled_dot_product_attention(x(2, 4, 3), x(2, 4, 3), x(2, 4, 3), is_causal=True, scale=0.5)",
        "scaled_dot_product_attention(x(3, 4), x(5, 4), x(5, 2), dropout_p=0.3, seed=1)",
    )
)
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: Fraction = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    seed: int | None = None,
) -> Tensor:
    """``softmax(query @ key.T * scale + mask) @ value``.

    Parameters
    ----------
    query, key, value : Tensor
        (..., queries, features), (..., keys, features) and (..., keys, out features).
    attn_mask : Tensor, optional
        Of bool, which is true where a query may see a key, or what is added to the scores; broadcasts to
        (..., queries, keys). A query that sees no key gives 0.
    dropout_p : float
        Of the weights that softmax gives; whoever does not train passes 0.
    is_causal : bool
        Query i sees the keys up to i; no mask may be there beside it.
    scale : float, optional
        1 / sqrt(features).
    seed : int, optional
        Of the dropout.

    Raises
    ------
    TypeError, ValueError
        For operands that do not fit.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.scaled_dot_product_attention(ops.ones((3, 4)), ops.ones((5, 4)), ops.ones((5, 2))).shape
    (3, 2)
    """
    return attention("scaled_dot_product_attention", query, key, value, attn_mask, dropout_p, is_causal, scale, seed)[0]


def attention(name, query, key, value, attn_mask, dropout_p, is_causal=False, scale=None, seed=None):
    """Return what `scaled_dot_product_attention` does and the weights that softmax and dropout give."""
    for role, tensor in (("query", query), ("key", key), ("value", value)):
        require_tensor(name, role, tensor)
        if tensor.ndim < 2 or not tensor.dtype.is_floating_point:
            raise ValueError(
                f"{name}: {role} must be a float tensor of two axes or more, got {tensor.dtype} {tensor.shape}."
            )
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"{name}: query {query.shape} and key {key.shape} must have as many features, key and value "
            f"{value.shape} as many rows."
        )
    if is_causal and attn_mask is not None:
        raise ValueError(f"{name}: is_causal and attn_mask exclude each other.")
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"{name}: dropout_p must be in [0, 1], got {dropout_p}.")
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    scores = native.matmul(native.mul(query, scale), native.swapaxes(key, -1, -2))
    if is_causal:
        rows, columns = (native.arange(n) for n in scores.shape[-2:])
        attn_mask = native.greater_equal(native.expand_dims(rows, 1), columns)
    seen = None
    if attn_mask is not None:
        require_tensor(name, "attn_mask", attn_mask)
        if str(attn_mask.dtype) == "Bool":
            seen = attn_mask
            scores = native.where(attn_mask, scores, -math.inf)
        else:
            scores = native.add(scores, native.cast(attn_mask, scores.dtype))
            seen = native.greater(native.stop_gradient(scores), -math.inf)
            seen = native.logical_or(seen, native.isnan(native.stop_gradient(scores)))
        # A row without keys would be 0 / 0: it gets scores that are finite, and weights of 0.
        alone = native.logical_not(native.any(seen, -1, True))
        scores = native.where(alone, 0.0, scores)
        weights = native.where(alone, 0.0, native.softmax(scores, -1))
    else:
        weights = native.softmax(scores, -1)
    if dropout_p:
        weights = _dropped(weights, weights.shape, dropout_p, seed)
    return native.matmul(weights, value), weights


def _kept(shape, p, dtype, seed):
    """Return 1 with probability 1 - p and 0 otherwise."""
    return native.cast(native.greater_equal(native.rand(*shape, dtype=float32, seed=seed), p), dtype)


def _dropped(input, shape, p, seed):
    """Return the input with elements of probability p made 0 and the others larger; chosen are those of `shape`."""
    if p == 1:
        return native.mul(input, 0.0)
    return native.mul(input, native.mul(_kept(shape, p, input.dtype, seed), 1 / (1 - p)))


def _channels(op, input, p, training, ranks):
    """Return the shape of what is dropped: whole channels, the axes behind them have the size 1."""
    require_tensor(op, "input", input)
    if not 0 <= p <= 1:
        raise ValueError(f"{op}: p must be in [0, 1], got {p}.")
    if input.ndim not in ranks:
        raise ValueError(f"{op}: the input must have {ranks[0]} axes, or one less without a batch, got {input.shape}.")
    lead = 2 if input.ndim == ranks[0] else 1
    return input.shape[:lead] + (1,) * (input.ndim - lead)


def _dropout_channels(op, input, p, training, seed, ranks):
    shape = _channels(op, input, p, training, ranks)
    return _dropped(input, shape, p, seed) if training and p else input


@op(samples=("dropout1d(x(2, 3, 4), 0.4, seed=1)",))
def dropout1d(input: Tensor, p: Fraction = 0.5, training: bool = True, seed: int | None = None) -> Tensor:
    """Zero whole channels (batch, channels, length) with probability p and scale the others by 1 / (1 - p).

    Examples
    --------
    >>> from adcore import ops
    >>> ops.dropout1d(ops.ones((2, 3, 4)), 0.0).shape
    (2, 3, 4)
    """
    return _dropout_channels("dropout1d", input, p, training, seed, (3, 2))


@op(samples=("dropout2d(x(2, 3, 2, 2), 0.4, seed=1)",))
def dropout2d(input: Tensor, p: Fraction = 0.5, training: bool = True, seed: int | None = None) -> Tensor:
    """Zero whole channels (batch, channels, height, width) with probability p and scale the others by 1 / (1 - p).

    Examples
    --------
    >>> from adcore import ops
    >>> ops.dropout2d(ops.ones((2, 3, 4, 4)), 0.0).shape
    (2, 3, 4, 4)
    """
    return _dropout_channels("dropout2d", input, p, training, seed, (4, 3))


@op(samples=("dropout3d(x(2, 2, 2, 1, 2), 0.4, seed=1)",))
def dropout3d(input: Tensor, p: Fraction = 0.5, training: bool = True, seed: int | None = None) -> Tensor:
    """Zero whole channels of volumes with probability p and scale the others by 1 / (1 - p).

    Examples
    --------
    >>> from adcore import ops
    >>> ops.dropout3d(ops.ones((2, 3, 2, 2, 2)), 0.0).shape
    (2, 3, 2, 2, 2)
    """
    return _dropout_channels("dropout3d", input, p, training, seed, (5, 4))


def _alpha_dropped(input, shape, p, seed):
    if p == 1:
        return native.mul(input, 0.0)
    dropped = -1.7580993408473766  # - alpha * scale of selu: what elements become
    a = 1 / math.sqrt((1 - p) * (1 + p * dropped**2))
    kept = _kept(shape, p, input.dtype, seed)
    return native.add(
        native.mul(native.mul(input, kept), a),
        native.add(native.mul(native.sub(1.0, kept), a * dropped), -a * p * dropped),
    )


@op(samples=("alpha_dropout(x(3, 4), 0.4, seed=1)",))
def alpha_dropout(input: Tensor, p: Fraction = 0.5, training: bool = False, seed: int | None = None) -> Tensor:
    """Dropout that keeps mean 0 and variance 1 of what selu gives (Klambauer et al., 2017, arXiv:1706.02515).

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.alpha_dropout(Tensor([1.0, 2.0]), 0.5))
    [1. 2.]
    """
    require_tensor("alpha_dropout", "input", input)
    if not 0 <= p <= 1:
        raise ValueError(f"alpha_dropout: p must be in [0, 1], got {p}.")
    return _alpha_dropped(input, input.shape, p, seed) if training and p else input


@op(samples=("feature_alpha_dropout(x(2, 3, 2), 0.4, True, seed=1)",))
def feature_alpha_dropout(input: Tensor, p: Fraction = 0.5, training: bool = False, seed: int | None = None) -> Tensor:
    """`alpha_dropout` of whole channels (batch, channels, ...).

    Examples
    --------
    >>> from adcore import ops
    >>> ops.feature_alpha_dropout(ops.ones((2, 3, 4)), 0.5).shape
    (2, 3, 4)
    """
    require_tensor("feature_alpha_dropout", "input", input)
    shape = _channels("feature_alpha_dropout", input, p, training, (max(input.ndim, 2),))
    return _alpha_dropped(input, shape, p, seed) if training and p else input


# ---- channels and pixels --------------------------------------------------------------------------------------------


def _image(op, input, factor, name):
    require_tensor(op, "input", input)
    factor = count(op, name, factor)
    if input.ndim < 3 or factor < 1:
        raise ValueError(
            f"{op}: needs (..., channels, height, width) and a positive {name}, got {input.shape}, {factor}."
        )
    return factor, input.shape[:-3], input.shape[-3:]


@op(samples=("pixel_shuffle(x(1, 4, 2, 3), 2)",))
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(..., c * r * r, h, w) as (..., c, h * r, w * r): channels become pixels.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.pixel_shuffle(ops.ones((1, 8, 3, 4)), 2).shape
    (1, 2, 6, 8)
    """
    r, lead, (c, h, w) = _image("pixel_shuffle", input, upscale_factor, "upscale_factor")
    if c % (r * r):
        raise ValueError(f"pixel_shuffle: {c} channels do not divide into groups of {r * r}.")
    n = len(lead)
    parts = native.reshape(input, (*lead, c // (r * r), r, r, h, w))
    turned = native.permute(parts, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return native.reshape(turned, (*lead, c // (r * r), h * r, w * r))


@op(samples=("pixel_unshuffle(x(1, 2, 4, 2), 2)",))
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(..., c, h * r, w * r) as (..., c * r * r, h, w): pixels become channels.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.pixel_unshuffle(ops.ones((1, 2, 6, 8)), 2).shape
    (1, 8, 3, 4)
    """
    r, lead, (c, h, w) = _image("pixel_unshuffle", input, downscale_factor, "downscale_factor")
    if h % r or w % r:
        raise ValueError(f"pixel_unshuffle: height and width {(h, w)} are no multiples of {r}.")
    n = len(lead)
    parts = native.reshape(input, (*lead, c, h // r, r, w // r, r))
    turned = native.permute(parts, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return native.reshape(turned, (*lead, c * r * r, h // r, w // r))


@op(samples=("channel_shuffle(x(2, 6, 2), 3)",))
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels (batch, channels, ...) of all groups in turn, instead of group by group.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.channel_shuffle(Tensor([[1, 2, 3, 4]]), 2))
    [[1 3 2 4]]
    """
    require_tensor("channel_shuffle", "input", input)
    groups = count("channel_shuffle", "groups", groups)
    if input.ndim < 2 or groups < 1 or input.shape[1] % groups:
        raise ValueError(f"channel_shuffle: groups must divide the channels, got {groups} for {input.shape}.")
    parts = native.reshape(input, (input.shape[0], groups, input.shape[1] // groups, *input.shape[2:]))
    return native.reshape(native.swapaxes(parts, 1, 2), input.shape)
