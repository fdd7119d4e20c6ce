"""Layers that put elements around their input, by `adcore.ops.pad`.

`_Pad` takes an int or pairs (before, after), the last axis first; a class says how many axes there are and what is put.
"""

from .. import ops
from .._core import Tensor
from .arguments import integer, number, one_of
from .cell import Cell


class _Pad(Cell):
    _n: int
    _mode: str
    _value: float | None = None

    def __init__(self, padding):
        super().__init__()
        name, most = self.cls_name, 2 * self._n
        given = padding if isinstance(padding, (tuple, list)) else (padding,) * most
        for size in given:
            if integer(name, "padding", size) < 0 and self._mode != "constant":
                raise ValueError(f"{name}: padding must not be negative, but got {padding!r}.")
        if not given or len(given) % 2 or len(given) > most:
            raise ValueError(f"{name}: padding must be an int or up to {self._n} pairs, but got {padding!r}.")
        self.padding = tuple(given)

    def construct(self, x) -> Tensor:
        """Put elements around `x`."""
        if not isinstance(x, Tensor):
            raise TypeError(f"{self.cls_name}: the input must be a Tensor, but got {type(x).__name__}.")
        return ops.pad(x, self.padding, self._mode, self._value)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"padding={self.padding}"


class _ConstantPad(_Pad):
    _mode = "constant"

    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = self._value = number(self.cls_name, "value", value)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Put `value` around the last axis.

    Parameters
    ----------
    padding : int or tuple of int
        How many before and after each axis, or the pair of both. Negative ones cut off.
    value : float

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind or number. At the call: for an input that has too few axes or elements.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.ConstantPad1d(1, 0.5)(ops.ones((2, 3))).shape
    (2, 5)
    """

    _n = 1
    _samples = ("ConstantPad1d(1, 0.5)(x(2, 3)) ** 2",)


class ConstantPad2d(_ConstantPad):
    """Put `value` around the last two axes.

    Parameters
    ----------
    padding : int or tuple of int
        How many before and after each axis, or up to 2 pairs (before, after), the last axis first. Negative
        ones cut off.
    value : float

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind or number. At the call: for an input that has too few axes or elements.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.ConstantPad2d(1, 0.5)(ops.ones((2, 3, 4))).shape
    (2, 5, 6)
    """

    _n = 2
    _samples = ("ConstantPad2d(1, 0.5)(x(2, 3, 2)) ** 2",)


class ConstantPad3d(_ConstantPad):
    """Put `value` around the last three axes.

    Parameters
    ----------
    padding : int or tuple of int
        How many before and after each axis, or up to 3 pairs (before, after), the last axis first. Negative
        ones cut off.
    value : float

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind or number. At the call: for an input that has too few axes or elements.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.ConstantPad3d(1, 0.5)(ops.ones((2, 3, 4, 5))).shape
    (2, 5, 6, 7)
    """

    _n = 3
    _samples = ("ConstantPad3d(1, 0.5)(x(2, 3, 2, 2)) ** 2",)


class ReflectionPad1d(_Pad):
    """Put what is inside, mirrored at the outermost element around the last axis.

    Parameters
    ----------
    padding : int or tuple of int
        How many before and after each axis, or the pair of both.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind or number. At the call: for an input that has too few axes or elements.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.ReflectionPad1d(1)(ops.ones((2, 3))).shape
    (2, 5)
    """

    _n = 1
    _mode = "reflect"
    _samples = ("ReflectionPad1d(1)(x(2, 3)) ** 2",)


class ReflectionPad2d(_Pad):
    """Put what is inside, mirrored at the outermost element around the last two axes.

    Parameters
    ----------
    padding : int or tuple of int
        How many before and after each axis, or up to 2 pairs (before, after), the last axis first.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind or number. At the call: for an input that has too few axes or elements.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.ReflectionPad2d(1)(ops.ones((2, 3, 4))).shape
    (2, 5, 6)
    """

    _n = 2
    _mode = "reflect"
    _samples = ("ReflectionPad2d(1)(x(2, 3, 2)) ** 2",)


class ReflectionPad3d(_Pad):
    """Put what is inside, mirrored at the outermost element around the last three axes.

    Parameters
    ----------
    padding : int or tuple of int
        How many before and after each axis, or up to 3 pairs (before, after), the last axis first.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind or number. At the call: for an input that has too few axes or elements.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.ReflectionPad3d(1)(ops.ones((2, 3, 4, 5))).shape
    (2, 5, 6, 7)
    """

    _n = 3
    _mode = "reflect"
    _samples = ("ReflectionPad3d(1)(x(2, 3, 2, 2)) ** 2",)


class ReplicationPad1d(_Pad):
    """Put the outermost element around the last axis.

    Parameters
    ----------
    padding : int or tuple of int
        How many before and after each axis, or the pair of both.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind or number. At the call: for an input that has too few axes or elements.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.ReplicationPad1d(1)(ops.ones((2, 3))).shape
    (2, 5)
    """

    _n = 1
    _mode = "replicate"
    _samples = ("ReplicationPad1d(1)(x(2, 3)) ** 2",)


class ReplicationPad2d(_Pad):
    """Put the outermost element around the last two axes.

    Parameters
    ----------
    padding : int or tuple of int
        How many before and after each axis, or up to 2 pairs (before, after), the last axis first.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind or number. At the call: for an input that has too few axes or elements.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.ReplicationPad2d(1)(ops.ones((2, 3, 4))).shape
    (2, 5, 6)
    """

    _n = 2
    _mode = "replicate"
    _samples = ("ReplicationPad2d(1)(x(2, 3, 2)) ** 2",)


class ReplicationPad3d(_Pad):
    """Put the outermost element around the last three axes.

    Parameters
    ----------
    padding : int or tuple of int
        How many before and after each axis, or up to 3 pairs (before, after), the last axis first.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind or number. At the call: for an input that has too few axes or elements.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.ReplicationPad3d(1)(ops.ones((2, 3, 4, 5))).shape
    (2, 5, 6, 7)
    """

    _n = 3
    _mode = "replicate"
    _samples = ("ReplicationPad3d(1)(x(2, 3, 2, 2)) ** 2",)


class ZeroPad2d(_Pad):
    """Put zeros around the last two axes.

    Parameters
    ----------
    padding : int or tuple of int
        How many before and after each axis, or up to 2 pairs (before, after), the last axis first. Negative ones cut
        off.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind or number. At the call: for an input that has too few axes or elements.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.ZeroPad2d((1, 0, 0, 1))(Tensor([[1.0, 2.0]])))
    [[0. 1. 2.]
     [0. 0. 0.]]
    """

    _n = 2
    _mode, _value = "constant", 0
    _samples = ("ZeroPad2d((1, 0))(x(2, 3)) ** 2",)


class Pad(Cell):
    """Put elements around every axis.

    Parameters
    ----------
    paddings : tuple of pairs of int
        How many before and after each axis, the first axis first.
    mode : {'CONSTANT', 'REFLECT', 'SYMMETRIC'}
        Zeros, or what is inside, mirrored at the outermost element or behind it.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind. At the call: for an input with another number of axes, or fewer elements than
        are mirrored.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.Pad(((1, 2),), "SYMMETRIC")(Tensor([1.0, 2.0, 3.0])))
    [1. 1. 2. 3. 3. 2.]
    """

    _samples = (
        "Pad(((1, 0), (2, 1)))(x(2, 3)) ** 2",
        "Pad(((1, 0), (2, 1)), 'REFLECT')(x(2, 3)) ** 2",
        "Pad(((1, 0), (2, 1)), 'SYMMETRIC')(x(2, 3)) ** 2",
    )

    def __init__(self, paddings, mode="CONSTANT"):
        super().__init__()
        self.mode = one_of("CONSTANT", "REFLECT", "SYMMETRIC")("Pad", "mode", mode)
        if not isinstance(paddings, (tuple, list)) or not all(isinstance(pair, (tuple, list)) for pair in paddings):
            raise TypeError(f"Pad: paddings must be a tuple of pairs, but got {paddings!r}.")
        for pair in paddings:
            if len(pair) != 2 or min(integer("Pad", "paddings", size) for size in pair) < 0:
                raise ValueError(f"Pad: paddings must be pairs of ints, none of them negative, but got {paddings!r}.")
        self.paddings = tuple(map(tuple, paddings))

    def construct(self, x) -> Tensor:
        """Put elements around `x`."""
        if x.ndim != len(self.paddings):
            raise ValueError(f"Pad: {len(self.paddings)} pairs do not fit an input of shape {x.shape}.")
        if self.mode == "SYMMETRIC":
            for axis, (before, after) in enumerate(self.paddings):
                x = self._mirrored(x, axis, before, after)
            return x
        return ops.pad(x, [size for pair in reversed(self.paddings) for size in pair], self.mode.lower())

    def _mirrored(self, x, axis, before, after):
        size, front = x.shape[axis], (slice(None),) * axis
        if max(before, after) > size:
            raise ValueError(f"Pad: mode 'SYMMETRIC' cannot add {(before, after)} to axis {axis} of size {size}.")
        low = [ops.flip(x[(*front, slice(0, before))], (axis,))] if before else []
        high = [ops.flip(x[(*front, slice(size - after, size))], (axis,))] if after else []
        return ops.concat([*low, x, *high], axis) if low or high else x

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"paddings={self.paddings}, mode={self.mode}"
