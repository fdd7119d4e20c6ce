"""Attention with several heads, and the layers, stacks and the whole of the Transformer (Vaswani et al. 2017).

Masks are those of MindSpore and PyTorch: one of bool is true where a query must not see a key, one of floats is added
to the scores. `_Layer` is what encoder and decoder layers share: each of their blocks stands inside of a residual, with
a normalization behind it or in front.
"""

from .. import ops
from .._core import Tensor, float32
from .._ops.neural import attention
from ..common.initializer import initializer
from .activation import _function_named
from .arguments import flag, fraction, number, parameter, positive
from .basic import Dropout
from .cell import Cell
from .container import CellList
from .dense import Dense
from .normalization import LayerNorm


class MultiheadAttention(Cell):
    """Attention in several heads: each query gives a mean of the values, by how well it fits their keys.

    Parameters
    ----------
    embed_dim : int
        Features of query and output.
    num_heads : int
        Divides `embed_dim`; each head sees its part of the projected features.
    dropout : float
        Of the weights, in training mode.
    has_bias : bool
        Of the projections.
    add_bias_kv : bool
        Whether one key and one value that are trained stand behind the others.
    add_zero_attn : bool
        Whether a key and a value of zeros stand behind the others.
    kdim, vdim : int, optional
        Features of key and value, where they are not `embed_dim`.
    batch_first : bool
        Whether inputs and output are (batch, sequence, features) instead of (sequence, batch, features).
    dtype : dtype
        Of the Parameters.

    Attributes
    ----------
    in_proj_weight : Parameter, shape (3 * embed_dim, embed_dim), or None
        The rows project query, key and value. With `kdim` or `vdim` three take its place: ``q_proj_weight``,
        ``k_proj_weight``, ``v_proj_weight``.
    in_proj_bias : Parameter, shape (3 * embed_dim,), or None
    out_proj : Dense
    bias_k, bias_v : Parameter, shape (1, 1, embed_dim), or None

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind, heads that do not divide the features. At the call: for shapes that do not
        fit.

    Notes
    -----
    A call takes ``query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
    average_attn_weights=True``. `key_padding_mask`, (batch, keys), and `attn_mask`, (queries, keys) or
    (batch * heads, queries, keys), are true where a key must not be seen, or floats that are added to the scores. A
    query that sees no key gives 0. It returns the output and the weights, (batch, queries, keys), the mean of the heads
    or with ``average_attn_weights=False`` (batch, heads, queries, keys); without `need_weights` a tuple of the output
    alone. Inputs may be without the batch.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> output, weights = nn.MultiheadAttention(8, 2)(ops.ones((5, 3, 8)), ops.ones((4, 3, 8)), ops.ones((4, 3, 8)))
    >>> output.shape, weights.shape
    ((5, 3, 8), (3, 5, 4))
    """

    _samples = (
        "MultiheadAttention(4, 2, batch_first=True, dtype=float64)(x(2, 3, 4), x(2, 2, 4), x(2, 2, 4))[0]",
        "MultiheadAttention(2, 1, kdim=3, add_bias_kv=True, add_zero_attn=True, dtype=float64)"
        "(x(3, 2), x(2, 3), x(2, 2), None, True, x(3, 2))[1]",
    )

    def __init__(
        self,
        embed_dim,
        num_heads,
        dropout=0.0,
        has_bias=True,
        add_bias_kv=False,
        add_zero_attn=False,
        kdim=None,
        vdim=None,
        batch_first=False,
        dtype=float32,
    ):
        super().__init__()
        name = "MultiheadAttention"
        self.embed_dim = positive(name, "embed_dim", embed_dim)
        self.num_heads = positive(name, "num_heads", num_heads)
        if embed_dim % num_heads:
            raise ValueError(f"{name}: num_heads must divide embed_dim, but got {num_heads} and {embed_dim}.")
        self.head_dim = embed_dim // num_heads
        self.dropout = fraction(name, "dropout", dropout)
        self.kdim = embed_dim if kdim is None else positive(name, "kdim", kdim)
        self.vdim = embed_dim if vdim is None else positive(name, "vdim", vdim)
        self.batch_first = flag(name, "batch_first", batch_first)
        self.add_zero_attn = flag(name, "add_zero_attn", add_zero_attn)
        self.in_proj_weight = self.q_proj_weight = self.k_proj_weight = self.v_proj_weight = None
        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = parameter(name, "in_proj_weight", "xavier_uniform", (3 * embed_dim, embed_dim), dtype)
        else:
            for role, size in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
                role = f"{role}_proj_weight"
                setattr(self, role, parameter(name, role, "xavier_uniform", (embed_dim, size), dtype))
        self.in_proj_bias = None
        if flag(name, "has_bias", has_bias):
            self.in_proj_bias = parameter(name, "in_proj_bias", "zeros", (3 * embed_dim,), dtype)
        self.out_proj = Dense(embed_dim, embed_dim, has_bias=has_bias, dtype=dtype)
        self.bias_k = self.bias_v = None
        if flag(name, "add_bias_kv", add_bias_kv):
            self.bias_k = parameter(name, "bias_k", "xavier_normal", (1, 1, embed_dim), dtype)
            self.bias_v = parameter(name, "bias_v", "xavier_normal", (1, 1, embed_dim), dtype)

    def construct(
        self,
        query,
        key,
        value,
        key_padding_mask=None,
        need_weights=True,
        attn_mask=None,
        average_attn_weights=True,
    ):
        """Return the output, and the weights if they are asked for."""
        batched = self._check(query, key, value)
        parts = [part if batched else ops.expand_dims(part, 0) for part in self._project(query, key, value)]
        if batched and not self.batch_first:
            parts = [ops.swapaxes(part, 0, 1) for part in parts]
        query, key, value = parts  # (batch, sequence, embed_dim)
        extra = 0
        if self.bias_k is not None:
            one = (key.shape[0], 1, self.embed_dim)
            key = ops.concat((key, ops.broadcast_to(self.bias_k, one)), 1)
            value = ops.concat((value, ops.broadcast_to(self.bias_v, one)), 1)
            extra += 1
        if self.add_zero_attn:
            key, value = (ops.pad(part, (0, 0, 0, 1)) for part in (key, value))
            extra += 1
        mask = self._mask(query.shape[0], query.shape[1], key.shape[1], extra, key_padding_mask, attn_mask)
        rate = self.dropout if self.training else 0.0
        split = self.num_heads, self.head_dim
        heads = (ops.swapaxes(ops.reshape(p, (*p.shape[:2], *split)), 1, 2) for p in (query, key, value))
        output, weights = attention("MultiheadAttention", *heads, mask, rate)
        output = ops.swapaxes(output, 1, 2)
        if batched and not self.batch_first:
            output = ops.swapaxes(output, 0, 1)
        output = self.out_proj(ops.reshape(output, (*output.shape[:2], self.embed_dim)))
        if not batched:
            output = ops.squeeze(output, 0)
        if not need_weights:
            return (output,)
        if average_attn_weights:
            weights = ops.mean(weights, 1)
        return output, weights if batched else ops.squeeze(weights, 0)

    def _check(self, query, key, value):
        """Return whether there is a batch."""
        name = "MultiheadAttention"
        roles = (("query", query, self.embed_dim), ("key", key, self.kdim), ("value", value, self.vdim))
        for role, tensor, size in roles:
            if not isinstance(tensor, Tensor):
                raise TypeError(f"{name}: {role} must be a Tensor, but got {type(tensor).__name__}.")
            if tensor.ndim not in (2, 3) or tensor.ndim != query.ndim or tensor.shape[-1] != size:
                raise ValueError(
                    f"{name}: {role} must be (sequence, batch, {size}) or without the batch, as the query is, but got "
                    f"the shape {tensor.shape}."
                )
        if key.shape[:-1] != value.shape[:-1]:
            raise ValueError(
                f"{name}: key and value must be as many, but got the shapes {key.shape} and {value.shape}."
            )
        batch = 0 if self.batch_first else 1
        if query.ndim == 3 and query.shape[batch] != key.shape[batch]:
            raise ValueError(
                f"{name}: query and key must have one batch size, but got the shapes {query.shape} and {key.shape}."
            )
        return query.ndim == 3

    def _project(self, query, key, value):
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if weight is not None and query is key and key is value:
            return ops.split(ops.dense(query, weight, bias), self.embed_dim, -1)
        if weight is not None:
            weights = ops.split(weight, self.embed_dim, 0)
        else:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        biases = (None,) * 3 if bias is None else ops.split(bias, self.embed_dim, 0)
        return [ops.dense(*part) for part in zip((query, key, value), weights, biases)]

    def _mask(self, batch, queries, keys, extra, key_padding_mask, attn_mask):
        """Return one mask for `attention`, which is true where a key may be seen, or is added to the scores."""
        masks = []
        if key_padding_mask is not None:
            shape = (batch, keys - extra)
            mask = self._checked("key_padding_mask", key_padding_mask, [shape, shape[1:]] if batch == 1 else [shape])
            masks.append(ops.reshape(mask, (batch, 1, 1, keys - extra)))
        if attn_mask is not None:
            shape = (queries, keys - extra)
            mask = self._checked("attn_mask", attn_mask, [shape, (batch * self.num_heads, *shape)])
            masks.append(ops.reshape(mask, (-1, 1, *shape) if mask.ndim == 2 else (batch, self.num_heads, *shape)))
        if not masks:
            return None
        if extra:
            masks = [ops.pad(mask, (0, extra)) for mask in masks]  # what is added is seen by all
        if all(mask.dtype.is_floating_point for mask in masks):
            return masks[0] if len(masks) == 1 else masks[0] + masks[1]
        if not any(mask.dtype.is_floating_point for mask in masks):
            return ops.logical_not(masks[0] if len(masks) == 1 else ops.logical_or(*masks))
        hidden, added = sorted(masks, key=lambda mask: mask.dtype.is_floating_point)
        return ops.where(hidden, float("-inf"), added)

    def _checked(self, role, mask, shapes):
        name = "MultiheadAttention"
        if not isinstance(mask, Tensor) or not (mask.dtype.is_floating_point or str(mask.dtype) == "Bool"):
            what = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
            raise TypeError(f"{name}: {role} must be a Tensor of bool or floats, but got {what}.")
        if mask.shape not in shapes:
            words = " or ".join(map(str, shapes))
            raise ValueError(f"{name}: {role} must have the shape {words}, but got {mask.shape}.")
        return mask

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}, dropout={self.dropout}"


class _Layer(Cell):
    """What encoder and decoder layers share: attention to oneself, and two Dense layers at the end."""

    _blocks: int

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        dtype=float32,
    ):
        super().__init__()
        name = self.cls_name
        number(name, "layer_norm_eps", layer_norm_eps)
        self.d_model, self.nhead, self.dim_feedforward = d_model, nhead, dim_feedforward
        self.batch_first = batch_first
        self.norm_first = flag(name, "norm_first", norm_first)
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, dtype=dtype)
        self._add_attention(dropout, dtype)
        self.dense1 = Dense(d_model, dim_feedforward, dtype=dtype)
        self.dropout = Dropout(p=dropout)
        self.dense2 = Dense(dim_feedforward, d_model, dtype=dtype)
        for block in range(1, self._blocks + 1):
            setattr(self, f"norm{block}", LayerNorm((d_model,), epsilon=layer_norm_eps, dtype=dtype))
        for block in range(1, self._blocks + 1):
            setattr(self, f"dropout{block}", Dropout(p=dropout))
        self.activation = _function_named(name, activation)

    def _add_attention(self, dropout, dtype):
        """Add what a decoder layer has more."""

    def _around(self, x, block, function):
        """Return what a block gives to x: inside of a residual, normalized behind it or in front."""
        norm, dropout = getattr(self, f"norm{block}"), getattr(self, f"dropout{block}")
        if self.norm_first:
            return x + dropout(function(norm(x)))
        return norm(x + dropout(function(x)))

    def _attend_self(self, x, mask, padding):
        return self.self_attn(x, x, x, key_padding_mask=padding, need_weights=False, attn_mask=mask)[0]

    def _feed_forward(self, x):
        return self.dense2(self.dropout(self.activation(self.dense1(x))))


class TransformerEncoderLayer(_Layer):
    """Attention of a sequence to itself, and two Dense layers, each inside of a residual with normalization.

    Parameters
    ----------
    d_model : int
        Features of input and output.
    nhead : int
        Heads of the attention, which divide `d_model`.
    dim_feedforward : int
        Features between the two Dense layers.
    dropout : float
        In [0, 1).
    activation : {'relu', 'gelu'}, Cell or callable
        Between the Dense layers.
    layer_norm_eps : float
    batch_first : bool
        Whether inputs are (batch, sequence, features) instead of (sequence, batch, features).
    norm_first : bool
        Whether the normalization of a block stands in front of it instead of behind the residual.
    dtype : dtype
        Of the Parameters.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for shapes that do not fit.

    Notes
    -----
    A call takes ``src, src_mask=None, src_key_padding_mask=None``; for masks see `MultiheadAttention`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.TransformerEncoderLayer(8, 2, 16)(ops.ones((5, 3, 8))).shape
    (5, 3, 8)
    """

    _blocks = 2
    _samples = (
        "TransformerEncoderLayer(2, 1, 3, activation='gelu', dtype=float64)(x(2, 2, 2))",
        "TransformerEncoderLayer(2, 2, 3, activation='gelu', norm_first=True, dtype=float64)(x(3, 2))",
    )

    def construct(self, src, src_mask=None, src_key_padding_mask=None) -> Tensor:
        """Return the sequence behind both blocks."""
        x = self._around(src, 1, lambda x: self._attend_self(x, src_mask, src_key_padding_mask))
        return self._around(x, 2, self._feed_forward)


class TransformerDecoderLayer(_Layer):
    """Attention of a sequence to itself and to another one, and two Dense layers; see `TransformerEncoderLayer`.

    Parameters
    ----------
    d_model, nhead, dim_feedforward : int
    dropout : float
    activation : {'relu', 'gelu'}, Cell or callable
    layer_norm_eps : float
    batch_first, norm_first : bool
    dtype : dtype
        All as those of `TransformerEncoderLayer`.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for shapes that do not fit.

    Notes
    -----
    A call takes ``tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
    memory_key_padding_mask=None``; for masks see `MultiheadAttention`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.TransformerDecoderLayer(8, 2, 16)(ops.ones((5, 3, 8)), ops.ones((4, 3, 8))).shape
    (5, 3, 8)
    """

    _blocks = 3
    _samples = ("TransformerDecoderLayer(2, 1, 3, activation='gelu', dtype=float64)(x(2, 1, 2), x(3, 1, 2))",)

    def _add_attention(self, dropout, dtype):
        self.multihead_attn = MultiheadAttention(
            self.d_model, self.nhead, dropout, batch_first=self.batch_first, dtype=dtype
        )

    def construct(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
    ) -> Tensor:
        """Return the sequence behind the three blocks."""

        def attend_memory(x):
            return self.multihead_attn(x, memory, memory, memory_key_padding_mask, False, memory_mask)[0]

        x = self._around(tgt, 1, lambda x: self._attend_self(x, tgt_mask, tgt_key_padding_mask))
        return self._around(self._around(x, 2, attend_memory), 3, self._feed_forward)


class _Stack(Cell):
    def __init__(self, layer, num_layers, norm):
        super().__init__()
        from copy import deepcopy  # not at the top: it takes longer to load than adcore

        if not isinstance(layer, Cell):
            raise TypeError(f"{self.cls_name}: the layer must be a Cell, but got {type(layer).__name__}.")
        self.num_layers = positive(self.cls_name, "num_layers", num_layers)
        self.layers = CellList([deepcopy(layer) for _ in range(num_layers)])
        self.norm = norm


class TransformerEncoder(_Stack):
    """Copies of an encoder layer, one after the other.

    Parameters
    ----------
    encoder_layer : Cell
        Such as `TransformerEncoderLayer`; each copy has Parameters of its own, with the values of this one.
    num_layers : int
    norm : Cell, optional
        Applied at the end.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind.

    Notes
    -----
    A call takes ``src, src_mask=None, src_key_padding_mask=None``; for masks see `MultiheadAttention`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 3)(ops.ones((5, 2, 8))).shape
    (5, 2, 8)
    """

    _samples = ("TransformerEncoder(TransformerEncoderLayer(2, 1, 2, 0.1, 'gelu', dtype=float64), 2)(x(2, 1, 2))",)

    def __init__(self, encoder_layer, num_layers, norm=None):
        super().__init__(encoder_layer, num_layers, norm)

    def construct(self, src, src_mask=None, src_key_padding_mask=None) -> Tensor:
        """Return the sequence behind all layers."""
        for layer in self.layers:
            src = layer(src, src_mask=src_mask, src_key_padding_mask=src_key_padding_mask)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(_Stack):
    """Copies of a decoder layer, one after the other.

    Parameters
    ----------
    decoder_layer : Cell
        Such as `TransformerDecoderLayer`; each copy has Parameters of its own, with the values of this one.
    num_layers : int
    norm : Cell, optional
        Applied at the end.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind.

    Notes
    -----
    A call takes ``tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
    memory_key_padding_mask=None``; for masks see `MultiheadAttention`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 3)
    >>> decoder(ops.ones((5, 2, 8)), ops.ones((4, 2, 8))).shape
    (5, 2, 8)
    """

    _samples = (
        "TransformerDecoder(TransformerDecoderLayer(2, 1, 2, 0.1, 'gelu', dtype=float64), 1)(x(2, 1, 2), x(2, 1, 2))",
    )

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__(decoder_layer, num_layers, norm)

    def construct(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
    ) -> Tensor:
        """Return the sequence behind all layers."""
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Cell):
    """An encoder and a decoder that attends to what the encoder gives.

    Parameters
    ----------
    d_model, nhead, num_encoder_layers, num_decoder_layers, dim_feedforward : int
    dropout : float
    activation : {'relu', 'gelu'}, Cell or callable
    custom_encoder, custom_decoder : Cell, optional
        Instead of `TransformerEncoder` and `TransformerDecoder`.
    layer_norm_eps : float
    batch_first, norm_first : bool
    dtype : dtype
        The others are as those of `TransformerEncoderLayer`. Parameters of two axes or more start Xavier uniform.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for shapes that do not fit.

    Notes
    -----
    A call takes ``src, tgt, src_mask=None, tgt_mask=None, memory_mask=None, src_key_padding_mask=None,
    tgt_key_padding_mask=None, memory_key_padding_mask=None``; for masks see `MultiheadAttention`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> net = nn.Transformer(8, 2, 1, 1, 16)
    >>> net(ops.ones((5, 3, 8)), ops.ones((4, 3, 8)), tgt_mask=net.generate_square_subsequent_mask(4)).shape
    (4, 3, 8)
    """

    _samples = ("Transformer(2, 1, 1, 1, 2, 0.1, 'gelu', dtype=float64)(x(2, 1, 2), x(1, 1, 2))",)

    def __init__(
        self,
        d_model=512,
        nhead=8,
        num_encoder_layers=6,
        num_decoder_layers=6,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        custom_encoder=None,
        custom_decoder=None,
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        dtype=float32,
    ):
        super().__init__()
        options = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, dtype
        )  # fmt: skip
        self.d_model = positive("Transformer", "d_model", d_model)
        self.nhead = nhead
        self.batch_first = batch_first
        if custom_encoder is None:
            norm = LayerNorm((d_model,), epsilon=layer_norm_eps, dtype=dtype)
            custom_encoder = TransformerEncoder(TransformerEncoderLayer(*options), num_encoder_layers, norm)
        if custom_decoder is None:
            norm = LayerNorm((d_model,), epsilon=layer_norm_eps, dtype=dtype)
            custom_decoder = TransformerDecoder(TransformerDecoderLayer(*options), num_decoder_layers, norm)
        self.encoder, self.decoder = custom_encoder, custom_decoder
        for param in self.get_parameters():
            if param.ndim > 1:
                param.set_data(initializer("xavier_uniform", param.shape, param.dtype))

    def construct(
        self,
        src,
        tgt,
        src_mask=None,
        tgt_mask=None,
        memory_mask=None,
        src_key_padding_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
    ) -> Tensor:
        """Return what the decoder makes of `tgt`, which sees `src` through the encoder."""
        batch = 0 if self.batch_first else 1
        if src.ndim != tgt.ndim or (src.ndim == 3 and src.shape[batch] != tgt.shape[batch]):
            raise ValueError(
                f"Transformer: src and tgt must have one batch size, but got the shapes {src.shape} and {tgt.shape}."
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ValueError(
                f"Transformer: src and tgt must have {self.d_model} features, but got the shapes {src.shape} and "
                f"{tgt.shape}."
            )
        memory = self.encoder(src, src_mask=src_mask, src_key_padding_mask=src_key_padding_mask)
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz):
        """Return a mask by which each place sees itself and those before it: 0 where it sees, else minus infinity.

        Examples
        --------
        >>> from adcore import nn
        >>> print(nn.Transformer.generate_square_subsequent_mask(2))
        [[  0. -inf]
         [  0.   0.]]
        """
        return ops.triu(ops.full((sz, sz), float("-inf"), dtype=float32), 1)
