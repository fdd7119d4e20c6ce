"""Layers without Parameters that fit between others: Flatten, Unflatten, Dropout, Identity, OneHot, MatMul."""

import math
from collections.abc import Callable

from .. import ops
from .._advice import warn
from .._core import Tensor, float32
from .arguments import flag, fraction, integer, number, positive, real
from .cell import Cell
from .op_cell import OpCell


class Flatten(Cell):
    """Join the axes from `start_dim` to `end_dim` into one.

    Raises
    ------
    TypeError
        If an axis is not an int.
    ValueError
        If the input does not have the axes, or the first comes after the last.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> nn.Flatten()(ac.ops.ones((2, 3, 4), ac.float32)).shape
    (2, 12)
    """

    _samples = ("Flatten()(x(2, 3, 2)) ** 2", "Flatten(0, 1)(x(2, 3, 2)) ** 2")

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim = integer("Flatten", "start_dim", start_dim)
        self.end_dim = integer("Flatten", "end_dim", end_dim)

    def construct(self, x) -> Tensor:
        """Flatten `x`."""
        shape = x.shape
        rank = len(shape) or 1
        if not (-rank <= self.start_dim < rank and -rank <= self.end_dim < rank):
            raise ValueError(
                f"Flatten: axes {self.start_dim} to {self.end_dim} do not exist in shape {tuple(shape)}. "
                "The default keeps axis 0, so it needs two axes."
            )
        first, last = self.start_dim % rank, self.end_dim % rank
        if first > last:
            raise ValueError(f"Flatten: start_dim {self.start_dim} comes after end_dim {self.end_dim}.")
        return ops.reshape(x, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


class Dropout(Cell):
    """In training mode set each element to zero with probability `p` and scale the others by ``1 / (1 - p)``.

    Outside of training (the default, see ``set_train``) the input is returned as it is.

    Parameters
    ----------
    keep_prob : float
        The older form, used where `p` is None: ``1 - p``, in (0, 1].
    p : float, optional
        In [0, 1).
    dtype : dtype
        Accepted for compatibility, not used.

    Raises
    ------
    TypeError
        If the probability is not a number.
    ValueError
        If it is out of range.

    Warns
    -----
    AmbiguityWarning
        If a number below 0.5 is given without its name: in PyTorch it would be `p`.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> drop = nn.Dropout(p=0.5)
    >>> x = ac.ops.ones((1000,), ac.float32)
    >>> drop(x) is x
    True
    >>> sorted(set(drop.set_train()(x).asnumpy().tolist()))
    [0.0, 2.0]
    """

    _samples = ("Dropout(p=0.5)(x(3, 4)) ** 2",)  # not in training: a second call would draw other numbers

    @classmethod
    def _look_at(cls, *args, **kwargs):
        """Warn where a small number without a name is more likely what is to be dropped than what is to be kept."""
        number = args[0] if len(args) == 1 and isinstance(args[0], float) else 1.0
        if number < 0.5 and kwargs.get("p") is None and cls.__init__ is Dropout.__init__:
            warn(
                f"Dropout({number}) keeps an element with probability {number}: the first argument is keep_prob. Write "
                f"Dropout(p={number}) to drop it with that probability, or Dropout(keep_prob={number})."
            )

    def __init__(self, keep_prob=0.5, p=None, dtype=float32):
        super().__init__()
        name, value = ("keep_prob", keep_prob) if p is None else ("p", p)
        real("Dropout", name, value)
        if p is None and not 0 < keep_prob <= 1:
            raise ValueError(
                f"Dropout: keep_prob must be in (0, 1], but got {keep_prob}. What is dropped is p: Dropout(p=0.1)."
            )
        if p is not None and not 0 <= p < 1:
            raise ValueError(f"Dropout: p must be in [0, 1), but got {p}.")
        self.keep_prob = keep_prob
        self.p = p
        self._rate = 1 - keep_prob if p is None else p

    def construct(self, x) -> Tensor:
        """Drop elements of `x` in training mode."""
        return ops.dropout(x, self._rate, True) if self.training and self._rate else x

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"keep_prob={self.keep_prob}" if self.p is None else f"p={self.p}"


class _DropoutChannels(Cell):
    _drop: Callable  # the op, a static method

    def __init__(self, p=0.5):
        super().__init__()
        self.p = fraction(self.cls_name, "p", p)

    def construct(self, x) -> Tensor:
        """Drop channels of `x` in training mode."""
        return self._drop(x, self.p) if self.training and self.p else x

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"p={self.p}"


class Dropout1d(_DropoutChannels):
    """In training mode set each channel of each sequence to zero with probability `p`, and scale the others.

    Outside of training (the default, see ``set_train``) the input is returned as it is.

    Parameters
    ----------
    p : float
        In [0, 1].

    Raises
    ------
    TypeError, ValueError
        For a probability that is no number or out of range. At the call: for an input that is not
        (batch, channels, length) or one axis less.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> sorted(set(nn.Dropout1d(0.5).set_train()(ops.ones((9, 9, 4))).asnumpy().ravel().tolist()))
    [0.0, 2.0]
    """

    _drop = staticmethod(ops.dropout1d)
    _samples = ("Dropout1d()(x(2, 2, 3)) ** 2",)


class Dropout2d(_DropoutChannels):
    """In training mode set each channel of each image to zero with probability `p`, and scale the others.

    Outside of training (the default, see ``set_train``) the input is returned as it is.

    Parameters
    ----------
    p : float
        In [0, 1].

    Raises
    ------
    TypeError, ValueError
        For a probability that is no number or out of range. At the call: for an input that is not
        (batch, channels, height, width) or one axis less.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> sorted(set(nn.Dropout2d(0.5).set_train()(ops.ones((9, 9, 4, 4))).asnumpy().ravel().tolist()))
    [0.0, 2.0]
    """

    _drop = staticmethod(ops.dropout2d)
    _samples = ("Dropout2d()(x(2, 2, 2, 2)) ** 2",)


class Dropout3d(_DropoutChannels):
    """In training mode set each channel of each volume to zero with probability `p`, and scale the others.

    Outside of training (the default, see ``set_train``) the input is returned as it is.

    Parameters
    ----------
    p : float
        In [0, 1].

    Raises
    ------
    TypeError, ValueError
        For a probability that is no number or out of range. At the call: for an input that is not
        (batch, channels, depth, height, width) or one axis less.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> sorted(set(nn.Dropout3d(0.5).set_train()(ops.ones((9, 9, 2, 2, 2))).asnumpy().ravel().tolist()))
    [0.0, 2.0]
    """

    _drop = staticmethod(ops.dropout3d)
    _samples = ("Dropout3d()(x(1, 2, 2, 1, 2)) ** 2",)


class Identity(Cell):
    """Return the input. Any arguments of the constructor are ignored.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> x = Tensor([1.0])
    >>> nn.Identity()(x) is x
    True
    """

    _samples = ("Identity()(x(3, 4)) ** 2",)

    def __init__(self, *args, **kwargs):
        super().__init__()

    def construct(self, x) -> Tensor:
        """Return `x`."""
        return x


class Unflatten(Cell):
    """Split an axis into several.

    Parameters
    ----------
    axis : int
    unflattened_size : tuple or list of int
        The new sizes, of which one may be -1.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        At the call: if the sizes do not make up the axis.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.Unflatten(1, (2, -1))(ops.ones((5, 6, 3))).shape
    (5, 2, 3, 3)
    """

    _samples = ("Unflatten(1, (2, -1))(x(2, 4)) ** 2",)

    def __init__(self, axis, unflattened_size):
        super().__init__()
        self.axis = integer("Unflatten", "axis", axis)
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                f"Unflatten: unflattened_size must be a tuple or list, but got {type(unflattened_size).__name__}."
            )
        self.unflattened_size = tuple(unflattened_size)

    def construct(self, x) -> Tensor:
        """Split the axis of `x`."""
        return ops.unflatten(x, self.axis, self.unflattened_size)


class OneHot(Cell):
    """`on_value` where an axis of size `depth` has the index that the input gives, elsewhere `off_value`.

    Parameters
    ----------
    axis : int
        Where the new axis stands.
    depth : int
    on_value, off_value : float
    dtype : dtype
        Of the output.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.OneHot(depth=3)(Tensor([0, 2])))
    [[1. 0. 0.]
     [0. 0. 1.]]
    """

    _samples = ("OneHot(depth=3, dtype=float64)(i(2, n=3)) * x(3)",)

    def __init__(self, axis=-1, depth=1, on_value=1.0, off_value=0.0, dtype=float32):
        super().__init__()
        self.axis = integer("OneHot", "axis", axis)
        self.depth = positive("OneHot", "depth", depth)
        self.on_value = number("OneHot", "on_value", on_value)
        self.off_value = number("OneHot", "off_value", off_value)
        self.dtype = dtype

    def construct(self, indices) -> Tensor:
        """Return a Tensor with one axis more than `indices`."""
        return ops.one_hot(indices, self.depth, self.on_value, self.off_value, self.axis).astype(self.dtype)


class MatMul(Cell):
    """The product of two Tensors, see `adcore.ops.matmul`, either with the last two axes exchanged first.

    Parameters
    ----------
    transpose_x1, transpose_x2 : bool, default False
        Whether they are; a vector stays as it is.

    Raises
    ------
    TypeError
        If they are no bools.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.MatMul(transpose_x1=True)(ops.ones((3, 2)), ops.ones((3, 4))).shape
    (2, 4)
    """

    _samples = ("MatMul()(x(2, 3), x(3, 2))", "MatMul(True, True)(x(3, 2), x(4, 3))")

    def __init__(self, transpose_x1=False, transpose_x2=False):
        super().__init__()
        self.transpose_x1 = flag("MatMul", "transpose_x1", transpose_x1)
        self.transpose_x2 = flag("MatMul", "transpose_x2", transpose_x2)

    def construct(self, x1, x2) -> Tensor:
        """Return the product."""
        x1 = x1.mT if self.transpose_x1 and x1.ndim > 1 else x1
        return ops.matmul(x1, x2.mT if self.transpose_x2 and x2.ndim > 1 else x2)


class CosineSimilarity(OpCell, op=ops.cosine_similarity):
    _inputs = ("x1", "x2")
