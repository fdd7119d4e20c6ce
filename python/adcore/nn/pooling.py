"""Pooling of one, two and three axes of space, by the ops of `adcore.ops`.

`_Pool` checks what all have: the window, its steps and how the edges are treated.
"""

from collections.abc import Callable

from .. import ops
from .._core import Tensor
from .arguments import flag, number, one_of, positive, require_axes, sizes
from .cell import Cell

_MAX = {1: ops.max_pool1d, 2: ops.max_pool2d, 3: ops.max_pool3d}
_AVERAGE: dict = {1: ops.avg_pool1d, 2: ops.avg_pool2d, 3: ops.avg_pool3d}


class _Pool(Cell):
    _n: int

    def __init__(self, kernel_size, stride, pad_mode, padding, dilation, ceil_mode, data_format):
        super().__init__()
        name, n = self.cls_name, self._n
        self.kernel_size = sizes(name, "kernel_size", kernel_size, n)
        self.stride = self.kernel_size if stride is None else sizes(name, "stride", stride, n)
        if not isinstance(pad_mode, str):
            raise TypeError(f"{name}: pad_mode must be a str, but got {type(pad_mode).__name__}.")
        self.pad_mode = one_of("valid", "same", "pad")(name, "pad_mode", pad_mode.lower())
        self.padding = sizes(name, "padding", padding, n, least=0)
        self.dilation = sizes(name, "dilation", dilation, n)
        self.ceil_mode = flag(name, "ceil_mode", ceil_mode)
        if self.pad_mode != "pad" and any(self.padding):
            raise ValueError(f"{name}: padding={padding!r} needs pad_mode='pad', but pad_mode is {pad_mode!r}.")
        if self.pad_mode == "same" and (ceil_mode or any(size != 1 for size in self.dilation)):
            raise ValueError(f"{name}: ceil_mode and dilation exclude pad_mode='same'.")
        if data_format not in (None, "NCHW"):
            raise ValueError(f"{name}: data_format must be 'NCHW', but got {data_format!r}.")

    def _edges(self, shape):
        """Return what pad_mode='same' adds in front and behind, in the order of `ops.pad`."""
        pairs = []
        for size, kernel, step in zip(shape[-self._n :], self.kernel_size, self.stride):
            missing = max(((size + step - 1) // step - 1) * step + kernel - size, 0)
            pairs = [missing // 2, missing - missing // 2, *pairs]
        return pairs

    def _check(self, x):
        require_axes(self.cls_name, x, (self._n + 2, self._n + 1), "(batch, channels, *space)")

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, pad_mode={self.pad_mode.upper()}"


class _MaxPool(_Pool):
    def __init__(self, kernel_size, stride, pad_mode, padding, dilation, return_indices, ceil_mode, data_format=None):
        super().__init__(kernel_size, stride, pad_mode, padding, dilation, ceil_mode, data_format)
        self.return_indices = flag(self.cls_name, "return_indices", return_indices)
        if return_indices and self.pad_mode == "same":
            raise ValueError(f"{self.cls_name}: return_indices excludes pad_mode='same'.")

    def construct(self, x):
        """Return the greatest element of each window."""
        self._check(x)
        if self.pad_mode == "same":
            x = ops.pad(x, self._edges(x.shape), value=float("-inf"))
        return _MAX[self._n](
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.return_indices, self.ceil_mode
        )


class _AveragePool(_Pool):
    _same_counts_padding = False  # whether pad_mode='same' listens to count_include_pad

    def __init__(
        self, kernel_size, stride, pad_mode, padding, ceil_mode, count_include_pad, divisor=None, data_format=None
    ):
        super().__init__(kernel_size, stride, pad_mode, padding, 1, ceil_mode, data_format)
        self.count_include_pad = flag(self.cls_name, "count_include_pad", count_include_pad)
        self._divisor = () if divisor is None else (positive(self.cls_name, "divisor_override", divisor),)

    def construct(self, x) -> Tensor:
        """Return the average of each window."""
        self._check(x)
        average = _AVERAGE[self._n]
        if self.pad_mode != "same":
            include = self.count_include_pad
            return average(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, include, *self._divisor)
        edges = self._edges(x.shape)
        y = average(ops.pad(x, edges), self.kernel_size, self.stride, 0, False, True, *self._divisor)
        if self._divisor or (self.count_include_pad and self._same_counts_padding):
            return y
        inside = ops.pad(ops.ones((1, *x.shape[-self._n :]), x.dtype), edges)
        if self._n > 1 and str(x.dtype) in ("Float32", "Float64"):  # a sum by its count has one rounding less
            total = average(ops.pad(x, edges), self.kernel_size, self.stride, 0, False, True, 1)
            return total / average(inside, self.kernel_size, self.stride, 0, False, True, 1)
        return y / average(inside, self.kernel_size, self.stride)


class MaxPool1d(_MaxPool):
    """Greatest element of each window along one axis: see `MaxPool2d`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.MaxPool1d(3, stride=3)(ops.ones((5, 2, 9))).shape
    (5, 2, 3)
    """

    _n = 1
    _samples = ("MaxPool1d(3, 2)(x(2, 2, 7))", "MaxPool1d(3, 2, 'same')(x(2, 6))")

    def __init__(
        self, kernel_size=1, stride=1, pad_mode="valid", padding=0, dilation=1, return_indices=False, ceil_mode=False
    ):
        super().__init__(kernel_size, stride, pad_mode, padding, dilation, return_indices, ceil_mode)


class MaxPool2d(_MaxPool):
    """Greatest element of each window of images.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int, pair of int or None
        1 unless it is named. None is the kernel size, which PyTorch has where nothing is named.
    pad_mode : {'valid', 'same', 'pad'}
        'same' lets windows hang over the edges so that there are ceil(size / stride) of them, 'pad' lets them do so by
        `padding`. What is outside is never the greatest.
    padding, dilation : int or pair of int
        Padding only with pad_mode='pad'.
    return_indices : bool
        Whether to return also where in its plane, counted by rows, each stands.
    ceil_mode : bool
        Whether a last window may hang over the end.
    data_format : {'NCHW'}

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind, or one that pad_mode excludes. At the call: for an input of another rank, or
        one that is smaller than the window.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.MaxPool2d(2, stride=2)(ops.ones((5, 3, 8, 8))).shape
    (5, 3, 4, 4)
    """

    _n = 2
    _samples = ("MaxPool2d(2, 2)(x(2, 2, 4, 5))", "MaxPool2d(3, 1, 'pad', 1, 1, True)(x(1, 3, 4))[0]")

    def __init__(
        self,
        kernel_size=1,
        stride=1,
        pad_mode="valid",
        padding=0,
        dilation=1,
        return_indices=False,
        ceil_mode=False,
        data_format="NCHW",
    ):
        super().__init__(kernel_size, stride, pad_mode, padding, dilation, return_indices, ceil_mode, data_format)


class MaxPool3d(_MaxPool):
    """Greatest element of each window of volumes: see `MaxPool2d`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.MaxPool3d(2, stride=2)(ops.ones((1, 2, 4, 4, 4))).shape
    (1, 2, 2, 2, 2)
    """

    _n = 3
    _samples = ("MaxPool3d(2)(x(1, 2, 3, 3, 2))",)

    def __init__(
        self, kernel_size=1, stride=1, pad_mode="valid", padding=0, dilation=1, return_indices=False, ceil_mode=False
    ):
        super().__init__(kernel_size, stride, pad_mode, padding, dilation, return_indices, ceil_mode)


class AvgPool1d(_AveragePool):
    """Average of each window along one axis: see `AvgPool2d`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.AvgPool1d(3, stride=3)(ops.ones((5, 2, 9))).shape
    (5, 2, 3)
    """

    _n = 1
    _samples = ("AvgPool1d(3, 2)(x(2, 2, 7))",)

    def __init__(self, kernel_size=1, stride=1, pad_mode="valid", padding=0, ceil_mode=False, count_include_pad=True):
        super().__init__(kernel_size, stride, pad_mode, padding, ceil_mode, count_include_pad)


class AvgPool2d(_AveragePool):
    """Average of each window of images.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int, pair of int or None
        1 unless it is named. None is the kernel size, which PyTorch has where nothing is named.
    pad_mode : {'valid', 'same', 'pad'}
        'same' lets windows hang over the edges so that there are ceil(size / stride) of them, and averages what is
        inside; 'pad' adds `padding`.
    padding : int or pair of int
        Zeros on both sides of each axis. Only with pad_mode='pad'.
    ceil_mode : bool
        Whether a last window may hang over the end.
    count_include_pad : bool
        Whether the zeros of the padding count.
    divisor_override : int, optional
        Divides the sums, instead of the size of the window.
    data_format : {'NCHW'}

    Raises
    ------
    TypeError, ValueError
        As `MaxPool2d`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.AvgPool2d(2, stride=2)(ops.ones((5, 3, 8, 8))).shape
    (5, 3, 4, 4)
    """

    _n = 2
    _samples = (
        "AvgPool2d(2, 2)(x(2, 2, 4, 5))",
        "AvgPool2d(3, 2, 'same')(x(2, 4, 4))",
        "AvgPool2d(2, 1, 'pad', 1, count_include_pad=False)(x(2, 3, 3))",
    )

    def __init__(
        self,
        kernel_size=1,
        stride=1,
        pad_mode="valid",
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
        data_format="NCHW",
    ):
        super().__init__(
            kernel_size, stride, pad_mode, padding, ceil_mode, count_include_pad, divisor_override, data_format
        )
        self.divisor_override = divisor_override


class AvgPool3d(_AveragePool):
    """Average of each window of volumes: see `AvgPool2d`. With pad_mode='same' count_include_pad holds here.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.AvgPool3d(2, stride=2)(ops.ones((1, 2, 4, 4, 4))).shape
    (1, 2, 2, 2, 2)
    """

    _n = 3
    _same_counts_padding = True
    _samples = ("AvgPool3d(2)(x(1, 2, 3, 2, 3))",)

    def __init__(
        self,
        kernel_size=1,
        stride=1,
        pad_mode="valid",
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
    ):
        super().__init__(kernel_size, stride, pad_mode, padding, ceil_mode, count_include_pad, divisor_override)
        self.divisor_override = divisor_override


class _Adaptive(Cell):
    _n: int
    _pool: Callable  # the op, a static method

    def __init__(self, output_size):
        super().__init__()
        given = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * self._n
        sizes(self.cls_name, "output_size", tuple(1 if size is None else size for size in given), self._n)
        self.output_size = output_size

    def construct(self, x):
        """Return one number for each part."""
        return self._pool(x, self.output_size)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_Adaptive):
    """Averages of so many parts, of nearly one size, of one axis.

    Parameters
    ----------
    output_size : int or None
        How many parts along the axis; None keeps it.

    Raises
    ------
    TypeError, ValueError
        For sizes that are not positive ints. At the call: for an input of another rank.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.AdaptiveAvgPool1d(3)(ops.ones((5, 2, 7))).shape
    (5, 2, 3)
    """

    _n = 1
    _pool = staticmethod(ops.adaptive_avg_pool1d)
    _samples = ("AdaptiveAvgPool1d(3)(x(2, 2, 7))",)


class AdaptiveMaxPool1d(_Adaptive):
    """Greatest elements of so many parts, of nearly one size, of one axis.

    Parameters
    ----------
    output_size : int or None
        How many parts along the axis; None keeps it.

    Raises
    ------
    TypeError, ValueError
        For sizes that are not positive ints. At the call: for an input of another rank.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.AdaptiveMaxPool1d(3)(ops.ones((5, 2, 7))).shape
    (5, 2, 3)
    """

    _n = 1
    _pool = staticmethod(ops.adaptive_max_pool1d)
    _samples = ("AdaptiveMaxPool1d(3)(x(2, 2, 7))",)


class AdaptiveAvgPool2d(_Adaptive):
    """Averages of so many parts, of nearly one size, of images.

    Parameters
    ----------
    output_size : int, None or 2 of them
        How many parts along each axis; None keeps one.

    Raises
    ------
    TypeError, ValueError
        For sizes that are not positive ints. At the call: for an input of another rank.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.AdaptiveAvgPool2d((2, None))(ops.ones((5, 2, 7, 4))).shape
    (5, 2, 2, 4)
    """

    _n = 2
    _pool = staticmethod(ops.adaptive_avg_pool2d)
    _samples = ("AdaptiveAvgPool2d((2, None))(x(2, 2, 5, 3))",)


class AdaptiveMaxPool2d(_Adaptive):
    """Greatest elements of so many parts, of nearly one size, of images.

    Parameters
    ----------
    output_size : int, None or 2 of them
        How many parts along each axis; None keeps one.
    return_indices : bool
        Whether to return also where in its plane, counted by rows, each stands.

    Raises
    ------
    TypeError, ValueError
        For sizes that are not positive ints. At the call: for an input of another rank.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.AdaptiveMaxPool2d((2, None))(ops.ones((5, 2, 7, 4))).shape
    (5, 2, 2, 4)
    """

    _n = 2
    _pool = staticmethod(ops.adaptive_max_pool2d)
    _samples = ("AdaptiveMaxPool2d((2, None))(x(2, 2, 5, 3))",)

    def __init__(self, output_size, return_indices=False):
        super().__init__(output_size)
        self.return_indices = flag("AdaptiveMaxPool2d", "return_indices", return_indices)

    def construct(self, x):
        """Return one number for each part, or a pair."""
        return self._pool(x, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_Adaptive):
    """Greatest elements of so many parts, of nearly one size, of volumes.

    Parameters
    ----------
    output_size : int, None or 3 of them
        How many parts along each axis; None keeps one.
    return_indices : bool
        Whether to return also where in its volume, counted by rows, each stands.

    Raises
    ------
    TypeError, ValueError
        For sizes that are not positive ints. At the call: for an input of another rank.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.AdaptiveMaxPool3d((2, None, 1))(ops.ones((5, 2, 7, 4, 3))).shape
    (5, 2, 2, 4, 1)
    """

    _n = 3
    _pool = staticmethod(ops.adaptive_max_pool3d)
    _samples = ("AdaptiveMaxPool3d((2, None, 1))(x(1, 2, 5, 3, 2))",)

    def __init__(self, output_size, return_indices=False):
        super().__init__(output_size)
        self.return_indices = flag("AdaptiveMaxPool3d", "return_indices", return_indices)

    def construct(self, x):
        """Return one number for each part, or a pair."""
        return self._pool(x, self.output_size, self.return_indices)


class AdaptiveAvgPool3d(_Adaptive):
    """Averages of so many parts, of nearly one size, of volumes.

    Parameters
    ----------
    output_size : int, None or 3 of them
        How many parts along each axis; None keeps one.

    Raises
    ------
    TypeError, ValueError
        For sizes that are not positive ints. At the call: for an input of another rank.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.AdaptiveAvgPool3d(2)(ops.ones((1, 2, 5, 4, 3))).shape
    (1, 2, 2, 2, 2)
    """

    _n = 3
    _pool = staticmethod(ops.adaptive_avg_pool3d)
    _samples = ("AdaptiveAvgPool3d(2)(x(1, 2, 3, 2, 3))",)


class _LPPool(Cell):
    _pool: Callable  # the op, a static method

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        super().__init__()
        name = self.cls_name
        if number(name, "norm_type", norm_type) <= 0:
            raise ValueError(f"{name}: norm_type must be positive, but got {norm_type}.")
        self.norm_type = norm_type
        self.kernel_size = sizes(name, "kernel_size", kernel_size, self._n)
        self.stride = self.kernel_size if stride is None else sizes(name, "stride", stride, self._n)
        self.ceil_mode = flag(name, "ceil_mode", ceil_mode)

    def construct(self, x) -> Tensor:
        """Return the norm of each window."""
        return self._pool(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}"


class LPPool1d(_LPPool):
    """p-norm of each window along one axis: see `LPPool2d`.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.LPPool1d(2, 2)(Tensor([[3.0, 4.0, 0.0, 1.0]])))
    [[5. 1.]]
    """

    _n = 1
    _pool = staticmethod(ops.lp_pool1d)
    _samples = ("LPPool1d(2, 2)(x(2, 2, 5))",)


class LPPool2d(_LPPool):
    """p-norm of each window of images.

    Parameters
    ----------
    norm_type : float
        The p, greater than 0.
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        The kernel size unless it is named.
    ceil_mode : bool
        Whether a last window may hang over the end.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for a window that is larger than the input.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.LPPool2d(1, 2)(Tensor([[[1.0, 2.0], [3.0, 4.0]]])))
    [[[10.]]]
    """

    _n = 2
    _pool = staticmethod(ops.lp_pool2d)
    _samples = ("LPPool2d(2, 2, 1)(x(1, 2, 3, 3))",)


class _Unpool(Cell):
    _unpool: Callable  # the op, a static method

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        name = self.cls_name
        self.kernel_size = sizes(name, "kernel_size", kernel_size, self._n)
        self.stride = self.kernel_size if stride is None else sizes(name, "stride", stride, self._n)
        self.padding = sizes(name, "padding", padding, self._n, least=0)

    def construct(self, x, indices, output_size=None) -> Tensor:
        """Return `x` at the places that the pooling gave beside it, and zeros elsewhere."""
        return self._unpool(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_Unpool):
    """The greatest elements of `MaxPool1d` at their places: see `MaxUnpool2d`.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> values, places = nn.MaxPool1d(2, 2, return_indices=True)(Tensor([[1.0, 3.0, 2.0, 0.0]]))
    >>> print(nn.MaxUnpool1d(2)(values, places))
    [[0. 3. 2. 0.]]
    """

    _n = 1
    _unpool = staticmethod(ops.max_unpool1d)
    _samples = ("MaxUnpool1d(2)(x(1, 2, 1), i(1, 2, 1, n=2)) ** 2",)


class MaxUnpool2d(_Unpool):
    """The greatest elements of `MaxPool2d` at their places, and zeros elsewhere.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        The kernel size unless it is named.
    padding : int or pair of int
        All as those of the pooling.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for places that are not in the output.

    Notes
    -----
    A call takes ``x, indices, output_size=None``: what `MaxPool2d` returns with ``return_indices=True``, and the shape
    of its input where the sizes do not tell it.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> values, places = nn.MaxPool2d(2, return_indices=True)(Tensor([[[1.0, 3.0], [2.0, 0.0]]]))
    >>> print(nn.MaxUnpool2d(2)(values, places))
    [[[0. 3.]
      [0. 0.]]]
    """

    _n = 2
    _unpool = staticmethod(ops.max_unpool2d)
    _samples = ("MaxUnpool2d(2)(x(1, 2, 1, 1), i(1, 2, 1, 1, n=4)) ** 2",)


class MaxUnpool3d(_Unpool):
    """The greatest elements of `MaxPool3d` at their places, and zeros elsewhere.

    Parameters
    ----------
    kernel_size : int or three of them
    stride : int or three of them, optional
        The kernel size unless it is named.
    padding : int or three of them
        All as those of the pooling.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for places that are not in the output.

    Notes
    -----
    A call takes ``x, indices, output_size=None``: what `MaxPool3d` returns with ``return_indices=True``, and the shape
    of its input where the sizes do not tell it.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> volume = Tensor([[[[1.0, 3.0], [2.0, 0.0]], [[0.0, 1.0], [2.0, 1.0]]]])
    >>> values, places = nn.MaxPool3d(2, return_indices=True)(volume)
    >>> print(nn.MaxUnpool3d(2)(values, places))
    [[[[0. 3.]
       [0. 0.]]
    <BLANKLINE>
      [[0. 0.]
       [0. 0.]]]]
    """

    _n = 3
    _unpool = staticmethod(ops.max_unpool3d)
    _samples = ("MaxUnpool3d(2)(x(1, 2, 1, 1, 1), i(1, 2, 1, 1, 1, n=8)) ** 2",)
