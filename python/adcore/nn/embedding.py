"""Tables of vectors, looked up by integers: Embedding, and lookups whose vectors are bounded or merged by fields."""

from .. import ops
from .._core import Tensor, float32, int32, int64
from .arguments import flag, integer, number, one_of, parameter, positive
from .cell import Cell
from .norms import ClipByNorm


class Embedding(Cell):
    """Rows of a table.

    Parameters
    ----------
    vocab_size, embedding_size : int
        Rows of the table, and how long they are.
    use_one_hot : bool
        Accepted for compatibility; the rows are the same.
    embedding_table : Tensor, str, Initializer or number
        See `adcore.common.initializer.initializer`. 'normal' has a deviation of 0.01.
    dtype : dtype
        Of the table, where it is not given as a Tensor.
    padding_idx : int, optional
        A row that starts as 0 and that no derivative goes to.
    num_embeddings, embedding_dim : int
        PyTorch's names of `vocab_size` and `embedding_size`.

    Attributes
    ----------
    embedding_table : Parameter, shape (vocab_size, embedding_size)

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind, or none or two of the same meaning.
    IndexError
        At the call: for a row that is not there.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> nn.Embedding(10, 4)(Tensor([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    _samples = ("Embedding(4, 3, dtype=float64)(i(2, 3, n=4)) * x(3)",)

    def __init__(
        self,
        vocab_size=None,
        embedding_size=None,
        use_one_hot=False,
        embedding_table="normal",
        dtype=float32,
        padding_idx=None,
        *,
        num_embeddings=None,
        embedding_dim=None,
    ):
        super().__init__()
        self.vocab_size = _either("vocab_size", vocab_size, "num_embeddings", num_embeddings)
        self.embedding_size = _either("embedding_size", embedding_size, "embedding_dim", embedding_dim)
        if isinstance(use_one_hot, int) and not isinstance(use_one_hot, bool):
            raise TypeError("Embedding: use_one_hot must be a bool, but got int. Give padding_idx by its name.")
        self.use_one_hot = flag("Embedding", "use_one_hot", use_one_hot)
        self.dtype = dtype
        shape = (self.vocab_size, self.embedding_size)
        self.embedding_table = parameter("Embedding", "embedding_table", embedding_table, shape, dtype)
        self.padding_idx = padding_idx
        if padding_idx is not None:
            if not 0 <= integer("Embedding", "padding_idx", padding_idx) < self.vocab_size:
                raise ValueError(f"Embedding: padding_idx must be in [0, {self.vocab_size}), but got {padding_idx}.")
            is_padding = ops.arange(self.vocab_size).reshape(-1, 1) == padding_idx
            self.embedding_table.set_data(ops.where(is_padding, 0.0, self.embedding_table.value()))

    def construct(self, ids) -> Tensor:
        """Return the rows that a Tensor of int names: its shape and one axis of `embedding_size` more."""
        return ops.embedding(ids, self.embedding_table, self.padding_idx)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return (
            f"vocab_size={self.vocab_size}, embedding_size={self.embedding_size}, use_one_hot={self.use_one_hot}, "
            f"dtype={self.dtype}, padding_idx={self.padding_idx}"
        )


def _either(name, value, other, given):
    """Return the one of two arguments of the same meaning that is given."""
    if (value is None) == (given is None):
        fault = "are the same" if value is not None else "are both missing"
        raise TypeError(f"Embedding: {name} and {other} {fault}. Give one of them.")
    return positive("Embedding", name, value) if given is None else positive("Embedding", other, given)


class EmbeddingLookup(Cell):
    """Rows of a table, with a bound for their norms.

    A call takes a Tensor of ints and returns its shape and one axis of `embedding_size` more.

    Parameters
    ----------
    vocab_size, embedding_size : int
        Rows of the table, and how long they are.
    param_init : Tensor, str, Initializer or number
        See `adcore.common.initializer.initializer`.
    target : {'CPU', 'DEVICE'}
        Accepted, as `slice_mode` and `manual_shapes` are: there is one device.
    max_norm : float, optional
        Rows with a larger Euclidean norm are scaled down to it.
    sparse : bool, default True
        Must be True for the target 'CPU'.
    dtype : dtype
        Of the table, where it is not given as a Tensor.

    Attributes
    ----------
    embedding_table : Parameter, shape (vocab_size, embedding_size)

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind.
    IndexError
        At the call: for a row that is not there.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> nn.EmbeddingLookup(4, 2)(Tensor([[1, 0], [3, 2]])).shape
    (2, 2, 2)
    """

    _samples: tuple[str, ...] = ("EmbeddingLookup(4, 3, max_norm=0.01, dtype=float64)(i(2, 3, n=4)) * x(3)",)

    def __init__(
        self,
        vocab_size,
        embedding_size,
        param_init="normal",
        target="CPU",
        slice_mode="batch_slice",
        manual_shapes=None,
        max_norm=None,
        sparse=True,
        dtype=float32,
    ):
        super().__init__()
        cell = self.cls_name
        self.vocab_size = positive(cell, "vocab_size", vocab_size)
        self.embedding_size = positive(cell, "embedding_size", embedding_size)
        self.target = one_of("CPU", "DEVICE")(cell, "target", target)
        self.sparse = flag(cell, "sparse", sparse)
        if target == "CPU" and not sparse:
            raise ValueError(f"{cell}: sparse must be True for the target 'CPU'.")
        if max_norm is not None and not number(cell, "max_norm", max_norm) > 0:
            raise ValueError(f"{cell}: max_norm must be positive, but got {max_norm}.")
        self.max_norm = max_norm
        shape = (self.vocab_size, self.embedding_size)
        self.embedding_table = parameter(cell, "embedding_table", param_init, shape, dtype)
        self.clip = ClipByNorm(-1)

    def construct(self, indices) -> Tensor:
        """Return the rows that a Tensor of int names."""
        rows = ops.embedding(indices, self.embedding_table)
        if self.max_norm is None:
            return rows
        return self.clip(rows, Tensor([self.max_norm], rows.dtype)).astype(rows.dtype)


class MultiFieldEmbeddingLookup(EmbeddingLookup):
    """Rows of a table times weights, merged by fields: one vector for each field of each member of the batch.

    A call takes three Tensors of one shape (N, L): the rows, of int32 or int64; their weights, of float32; the field of
    each, of int32, in [0, field_size). It returns the shape (N, field_size, embedding_size).

    Parameters
    ----------
    field_size : int
        How many fields there are.
    operator : {'SUM', 'MAX', 'MEAN'}
        How the weighted rows of a field are merged: their sum; the largest of each place, among rows of a weight other
        than 0; the sum over that of the weights' absolute values. A field without such rows has zeros.
    vocab_size, embedding_size, param_init, target, slice_mode, feature_num_list, max_norm, sparse, dtype
        As for :class:`EmbeddingLookup`, where `feature_num_list` is called manual_shapes.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for Tensors of other axes or dtypes.
    IndexError
        At the call: for a row that is not there.

    Examples
    --------
    >>> from adcore import Tensor, float32, int32, nn, ops
    >>> lookup = nn.MultiFieldEmbeddingLookup(4, 2, field_size=2, param_init="ones")
    >>> print(lookup(Tensor([[0, 1, 2]], int32), ops.ones((1, 3)), Tensor([[0, 0, 1]], int32)))
    [[[2. 2.]
      [1. 1.]]]
    """

    _samples = ()

    def __init__(
        self,
        vocab_size,
        embedding_size,
        field_size,
        param_init="normal",
        target="CPU",
        slice_mode="batch_slice",
        feature_num_list=None,
        max_norm=None,
        sparse=True,
        operator="SUM",
        dtype=float32,
    ):
        super().__init__(
            vocab_size, embedding_size, param_init, target, slice_mode, feature_num_list, max_norm, sparse, dtype
        )
        self.field_size = positive(self.cls_name, "field_size", field_size)
        self.operator = one_of("SUM", "MAX", "MEAN")(self.cls_name, "operator", operator)

    def construct(self, input_indices, input_values, field_ids) -> Tensor:  # type: ignore[override]
        """Return the merged rows."""
        given = {"input_indices": input_indices, "input_values": input_values, "field_ids": field_ids}
        for name, value in given.items():
            if value.ndim != 2 or value.shape != input_indices.shape:
                raise ValueError(
                    f"MultiFieldEmbeddingLookup: the inputs must be of one shape (N, L), but {name} has {value.shape}."
                )
        for (name, value), dtypes in zip(given.items(), ((int32, int64), (float32,), (int32,))):
            if value.dtype not in dtypes:
                raise TypeError(f"MultiFieldEmbeddingLookup: {name} must be of {dtypes[0]}, but got {value.dtype}.")
        weights = ops.unsqueeze(input_values, -1)
        rows = super().construct(input_indices) * weights
        belongs = ops.unsqueeze(field_ids, -1) == ops.arange(self.field_size, dtype=int32)  # (N, L, fields)
        if self.operator == "MAX":
            counts = ops.unsqueeze(ops.logical_and(belongs, weights != 0), -1)
            largest = ops.amax(ops.where(counts, ops.unsqueeze(rows, 2), -float("inf")), 1)
            return ops.where(ops.any(counts, 1), largest, 0.0)
        shares = ops.swapaxes(belongs.astype(rows.dtype), 1, 2)
        merged = ops.matmul(shares, rows)
        if self.operator == "SUM":
            return merged
        total = ops.matmul(shares, ops.abs(weights))
        return ops.where(total > 0, merged / ops.where(total > 0, total, 1.0), 0.0)
