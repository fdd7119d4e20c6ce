"""Embedding: a table of vectors, looked up by integers."""

from .. import ops
from .._core import float32
from .arguments import flag, integer, parameter, positive
from .cell import Cell


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

    def construct(self, ids):
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
