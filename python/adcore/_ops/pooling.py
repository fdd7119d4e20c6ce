"""Pooling: the conventions of MindSpore and of PyTorch brought to the core's ops, which do the work."""

from __future__ import annotations

import math

from adcore._core import Tensor, float64, int64
from adcore._ops import native
from adcore._ops.convolution import count, sizes
from adcore._ops.declare import dims, op, require_tensor

PAGE = "Pooling"


def _flag(op, name, value):
    if not isinstance(value, bool):
        raise TypeError(f"{op}: {name} must be a bool, got {value!r}.")
    return value


def _max_pool(op, n, input, kernel_size, stride, padding, dilation, return_indices, ceil_mode):
    require_tensor(op, "input", input)
    kernel = sizes(op, "kernel_size", kernel_size, n)
    values, indices = native._max_pool(
        op,
        input,
        kernel,
        kernel if stride is None else sizes(op, "stride", stride, n),
        sizes(op, "padding", padding, n),
        sizes(op, "dilation", dilation, n),
        _flag(op, "ceil_mode", ceil_mode),
    )
    return (values, indices) if _flag(op, "return_indices", return_indices) else values


def _avg_pool(op, n, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override=None):
    require_tensor(op, "input", input)
    kernel = sizes(op, "kernel_size", kernel_size, n)
    divisor = 0 if divisor_override is None else count(op, "divisor_override", divisor_override)
    if divisor_override is not None and divisor < 1:
        raise ValueError(f"{op}: divisor_override must be positive, got {divisor}.")
    return native._avg_pool(
        op,
        input,
        kernel,
        kernel if stride is None else sizes(op, "stride", stride, n),
        sizes(op, "padding", padding, n),
        _flag(op, "ceil_mode", ceil_mode),
        _flag(op, "count_include_pad", count_include_pad),
        divisor,
    )


def _adapted(op, n, input, output_size):
    """Return the output sizes, of which None keeps an axis."""
    require_tensor(op, "input", input)
    given = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if len(given) == n and input.ndim > n:
        given = tuple(s if v is None else v for v, s in zip(given, input.shape[-n:]))
    return sizes(op, "output_size", given, n)


def _adaptive_avg(op, n, input, output_size):
    return native._adaptive_avg_pool(op, input, _adapted(op, n, input, output_size))


def _adaptive_max(op, n, input, output_size, return_indices):
    if isinstance(input, Tensor) and input.dtype.is_integer and input.itemsize <= 4:  # float64 holds them all
        values, indices = _adaptive_max(op, n, native.cast(input, float64), output_size, True)
        values = native.cast(values, input.dtype)
        return (values, indices) if _flag(op, "return_indices", return_indices) else values
    values, indices = native._adaptive_max_pool(op, input, _adapted(op, n, input, output_size))
    return (values, indices) if _flag(op, "return_indices", return_indices) else values


@op(samples=("max_pool1d(x(2, 3, 7), 3, 2, 1)", "max_pool1d(x(2, 6), 2, return_indices=True)[0]"))
def max_pool1d(
    input: Tensor,
    kernel_size: dims,
    stride: dims | None = None,
    padding: dims = 0,
    dilation: dims = 1,
    return_indices: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    """Greatest element of each window along one axis: see `max_pool2d`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.max_pool1d(Tensor([[1.0, 3.0, 2.0, 0.0]]), 2))
    [[3. 2.]]
    """
    return _max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, return_indices, ceil_mode)


@op(samples=("max_pool2d(x(2, 2, 4, 5), 2)", "max_pool2d(x(1, 2, 5, 6), (3, 2), (2, 1), 1, (1, 2), ceil_mode=True)"))
def max_pool2d(
    input: Tensor,
    kernel_size: dims,
    stride: dims | None = None,
    padding: dims = 0,
    dilation: dims = 1,
    return_indices: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    """Greatest element of each window of images; NaN where there is one.

    Parameters
    ----------
    input : Tensor
        (batch, channels, height, width), or without the batch axis.
    kernel_size, stride, padding, dilation : int or pair of int
        The stride is the kernel size unless it is named. Padding, at most half the kernel, is never the greatest.
    return_indices : bool
        Whether to return also where in its plane, counted by rows, each stands.
    ceil_mode : bool
        Whether a last window may hang over the end.

    Returns
    -------
    Tensor, or tuple of two
        The first of equal elements is the one that the derivative goes to.

    Raises
    ------
    TypeError, ValueError
        For a window that is larger than the padded input.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.max_pool2d(Tensor([[[1.0, 3.0], [2.0, 0.0]]]), 2))
    [[[3.]]]
    """
    return _max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, return_indices, ceil_mode)


@op(samples=("max_pool3d(x(1, 2, 3, 4, 3), 2, 1)",))
def max_pool3d(
    input: Tensor,
    kernel_size: dims,
    stride: dims | None = None,
    padding: dims = 0,
    dilation: dims = 1,
    return_indices: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    """Greatest element of each window of volumes: see `max_pool2d`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.max_pool3d(ops.ones((1, 4, 4, 4)), 2).shape
    (1, 2, 2, 2)
    """
    return _max_pool("max_pool3d", 3, input, kernel_size, stride, padding, dilation, return_indices, ceil_mode)


@op(samples=("avg_pool1d(x(2, 3, 7), 3, 2, 1)",))
def avg_pool1d(
    input: Tensor,
    kernel_size: dims = 1,
    stride: dims | None = 1,
    padding: dims = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Average of each window along one axis: see `avg_pool2d`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.avg_pool1d(Tensor([[1.0, 3.0, 2.0]]), 2))
    [[2.  2.5]]
    """
    return _avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


@op(
    samples=(
        "avg_pool2d(x(2, 2, 4, 5), 2)",
        "avg_pool2d(x(1, 2, 5, 6), (3, 2), (2, 1), 1, True, False)",
        "avg_pool2d(x(2, 4, 4), 2, None, divisor_override=3)",
    )
)
def avg_pool2d(
    input: Tensor,
    kernel_size: dims = 1,
    stride: dims | None = 1,
    padding: dims = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Average of each window of images.

    Parameters
    ----------
    input : Tensor
        (batch, channels, height, width), or without the batch axis.
    kernel_size, padding : int or pair of int
    stride : int, pair of int or None
        1 unless it is named, as MindSpore has it. None is the kernel size, which PyTorch has where nothing is named.
    ceil_mode : bool
        Whether a last window may hang over the end.
    count_include_pad : bool
        Whether the zeros of the padding count.
    divisor_override : int, optional
        Divides the sums, instead of the size of the window.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError, ValueError
        For a window that is larger than the padded input.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.avg_pool2d(Tensor([[[1.0, 3.0], [2.0, 0.0]]]), 2))
    [[[1.5]]]
    """
    return _avg_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@op(samples=("avg_pool3d(x(1, 2, 3, 4, 3), 2, 1, 1, count_include_pad=False)",))
def avg_pool3d(
    input: Tensor,
    kernel_size: dims = 1,
    stride: dims | None = 1,
    padding: dims = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Average of each window of volumes: see `avg_pool2d`.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.avg_pool3d(ops.ones((1, 4, 4, 4)), 2, 2).shape
    (1, 2, 2, 2)
    """
    return _avg_pool(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _lp_pool(op, n, input, norm_type, kernel_size, stride, ceil_mode):
    require_tensor(op, "input", input)
    if isinstance(norm_type, bool) or not isinstance(norm_type, (int, float)) or not 0 < norm_type < float("inf"):
        raise ValueError(f"{op}: norm_type must be a positive number, got {norm_type!r}.")
    mean = _avg_pool(op, n, native.pow(native.abs(input), norm_type), kernel_size, stride, 0, ceil_mode, True)
    total = native.mul(mean, float(math.prod(sizes(op, "kernel_size", kernel_size, n))))
    return native.pow(total, 1 / norm_type)


@op(samples=("lp_pool1d(x(2, 3, 7, low=0.3), 3, 2)", "lp_pool1d(x(2, 3, 7), 2, 2, 1)"))
def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: dims, stride: dims | None = None, ceil_mode: bool = False
) -> Tensor:
    """p-norm of each window along one axis; the stride is the kernel size unless it is named.

    A window that hangs over the end counts as if what is missing were like the rest of it.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.lp_pool1d(Tensor([[3.0, 4.0, 0.0, 1.0]]), 2, 2))
    [[5. 1.]]
    """
    return _lp_pool("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


@op(samples=("lp_pool2d(x(2, 2, 4, 4), 2, 2)",))
def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: dims, stride: dims | None = None, ceil_mode: bool = False
) -> Tensor:
    """p-norm of each window of images; the stride is the kernel size unless it is named.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.lp_pool2d(Tensor([[[3.0, 4.0], [0.0, 0.0]]]), 2, 2))
    [[[5.]]]
    """
    return _lp_pool("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


@op(samples=("adaptive_avg_pool1d(x(2, 3, 7), 3)",))
def adaptive_avg_pool1d(input: Tensor, output_size: dims) -> Tensor:
    """Averages of so many parts, of nearly one size, along one axis.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.adaptive_avg_pool1d(Tensor([[1.0, 3.0, 2.0, 4.0]]), 2))
    [[2. 3.]]
    """
    return native._adaptive_avg_pool(
        "adaptive_avg_pool1d", input, _adapted("adaptive_avg_pool1d", 1, input, output_size)
    )


@op(samples=("adaptive_avg_pool2d(x(2, 2, 5, 4), (3, 2))", "adaptive_avg_pool2d(x(2, 3, 4), (None, 3))"))
def adaptive_avg_pool2d(input: Tensor, output_size: dims) -> Tensor:
    """Averages of so many parts of images, of nearly one size; None keeps an axis.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.adaptive_avg_pool2d(Tensor([[[1.0, 3.0], [2.0, 0.0]]]), 1))
    [[[1.5]]]
    """
    return native._adaptive_avg_pool(
        "adaptive_avg_pool2d", input, _adapted("adaptive_avg_pool2d", 2, input, output_size)
    )


@op(samples=("adaptive_avg_pool3d(x(1, 2, 3, 4, 3), (2, 3, 2))",))
def adaptive_avg_pool3d(input: Tensor, output_size: dims) -> Tensor:
    """Averages of so many parts of volumes, of nearly one size; None keeps an axis.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.adaptive_avg_pool3d(ops.ones((1, 4, 5, 6)), (2, None, 1)).shape
    (1, 2, 5, 1)
    """
    return native._adaptive_avg_pool(
        "adaptive_avg_pool3d", input, _adapted("adaptive_avg_pool3d", 3, input, output_size)
    )


@op(samples=("adaptive_max_pool1d(x(2, 3, 7), 3)",))
def adaptive_max_pool1d(input: Tensor, output_size: dims, return_indices: bool = False) -> Tensor:
    """Greatest elements of so many parts, of nearly one size, along one axis.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.adaptive_max_pool1d(Tensor([[1.0, 3.0, 2.0, 4.0]]), 2))
    [[3. 4.]]
    """
    return _adaptive_max("adaptive_max_pool1d", 1, input, output_size, return_indices)


@op(samples=("adaptive_max_pool2d(x(2, 2, 5, 4), (3, 2))",))
def adaptive_max_pool2d(input: Tensor, output_size: dims, return_indices: bool = False) -> Tensor:
    """Greatest elements of so many parts of images, of nearly one size; None keeps an axis.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.adaptive_max_pool2d(Tensor([[[1.0, 3.0], [2.0, 0.0]]]), 1))
    [[[3.]]]
    """
    return _adaptive_max("adaptive_max_pool2d", 2, input, output_size, return_indices)


@op(samples=("adaptive_max_pool3d(x(1, 2, 3, 4, 5), (2, 3, 2))",))
def adaptive_max_pool3d(input: Tensor, output_size: dims, return_indices: bool = False) -> Tensor:
    """Greatest elements of so many parts of volumes, of nearly one size; None keeps an axis.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.adaptive_max_pool3d(Tensor([[[[1.0, 3.0], [2.0, 0.0]]]]), 1))
    [[[[3.]]]]
    """
    return _adaptive_max("adaptive_max_pool3d", 3, input, output_size, return_indices)


def _unpooled(op, n, input, indices, kernel_size, stride, padding, output_size):
    require_tensor(op, "input", input)
    require_tensor(op, "indices", indices)
    if input.ndim not in (n + 1, n + 2) or indices.shape != input.shape or not indices.dtype.is_integer:
        raise ValueError(
            f"{op}: the indices must be integers of the shape of an input of {n + 2} axes, or one less without a "
            f"batch, got {indices.dtype} {indices.shape} and {input.shape}."
        )
    kernel = sizes(op, "kernel_size", kernel_size, n)
    stride = kernel if stride is None else sizes(op, "stride", stride, n)
    padding = sizes(op, "padding", padding, n)
    space = tuple((s - 1) * t - 2 * p + k for s, t, p, k in zip(input.shape[-n:], stride, padding, kernel))
    if output_size is not None:
        given = sizes(op, "output_size", tuple(output_size)[-n:], n)
        if any(abs(a - b) >= t for a, b, t in zip(given, space, stride)):
            raise ValueError(f"{op}: output_size {given} is not within a stride of {space}.")
        space = given
    if min(space) < 1:
        raise ValueError(f"{op}: the output would have the size {space}.")
    lead, size = input.shape[:-n], math.prod(space)
    planes = math.prod(lead)
    places = native.reshape(native.cast(indices, int64), (planes, math.prod(input.shape[-n:])))
    if int(native.sum(native.logical_or(native.less(places, 0), native.greater_equal(places, size)))):
        raise IndexError(f"{op}: an index is outside of the {size} elements of a plane.")
    places = native.add(places, native.mul(native.expand_dims(native.arange(planes), 1), size))
    output = native.zeros((planes * size,), dtype=input.dtype)
    output[native.flatten(places, 0)] = native.flatten(input, 0)
    return native.reshape(output, (*lead, *space))


@op(samples=("max_unpool1d(x(1, 2, 3), 2 * arange(3).reshape(1, 1, 3).broadcast_to((1, 2, 3)), 2)",))
def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: dims,
    stride: dims | None = None,
    padding: dims = 0,
    output_size: dims | None = None,
) -> Tensor:
    """The elements at the places that `max_pool1d` tells, 0 elsewhere: see `max_unpool2d`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.max_unpool1d(Tensor([[3.0, 4.0]]), Tensor([[1, 2]]), 2))
    [[0. 3. 4. 0.]]
    """
    return _unpooled("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


@op(samples=("max_unpool3d(x(1, 2, 1, 2), arange(4).reshape(1, 2, 1, 2) * 5, 2)",))
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: dims,
    stride: dims | None = None,
    padding: dims = 0,
    output_size: dims | None = None,
) -> Tensor:
    """Elements put where a `max_pool3d` found them: see `max_unpool2d`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.max_unpool3d(Tensor([[[[3.0]]]]), Tensor([[[[1]]]]), 2).shape
    (1, 2, 2, 2)
    """
    return _unpooled("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


@op(samples=("max_unpool2d(x(1, 2, 2), arange(4).reshape(1, 2, 2) * 3, 2)",))
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: dims,
    stride: dims | None = None,
    padding: dims = 0,
    output_size: dims | None = None,
) -> Tensor:
    """The elements at the places that `max_pool2d` tells, 0 elsewhere.

    Parameters
    ----------
    input : Tensor
        (batch, channels, height, width), or without the batch axis.
    indices : Tensor of int
        Of the input's shape: where in its plane, counted by rows, each stands. Of equal ones the last wins.
    kernel_size, stride, padding : int or pair of int
        Of the pool, which say how large the planes were.
    output_size : sequence of int, optional
        How large they were where that is not the smallest size.

    Raises
    ------
    TypeError, ValueError, IndexError
        For arguments that do not fit, an index outside of the plane.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.max_unpool2d(Tensor([[[3.0]]]), Tensor([[[1]]]), 2))
    [[[0. 3.]
      [0. 0.]]]
    """
    return _unpooled("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)
