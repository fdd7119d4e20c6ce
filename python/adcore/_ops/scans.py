"""Reductions, scans and differences along axes, written with other ops; all derivatives follow from those."""

from __future__ import annotations

from adcore._core import Tensor, bool_, dtype, float32
from adcore._ops import native
from adcore._ops.declare import dims, op, require_tensor
from adcore._ops.shape import checked_axis

PAGE = "Reductions and scans"


def _part(axis, start, stop):
    return (slice(None),) * axis + (slice(start, stop),)


# ---- reductions ------------------------------------------------------------------------------------------------------


@op(samples=("count_nonzero(i(3, 4))", "count_nonzero(i(3, 4), 1)"), method=True)
def count_nonzero(x: Tensor, axis: dims | None = None, keep_dims: bool = False, dtype: dtype | None = None) -> Tensor:
    """How many elements are not zero, over some axes or all; int64 unless another dtype is named.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.count_nonzero(Tensor([0, 5, 7])))
    2
    """
    require_tensor("count_nonzero", "x", x)
    count = native.sum(native.not_equal(x, 0), axis, keep_dims)
    return count if dtype is None else native.cast(count, dtype)


@op(samples=("var_mean(x(3, 4))[0]", "var_mean(x(3, 4), 1, 1)[0] ** 2", "var_mean(x(3, 4), 0)[1] ** 2"), method=True)
def var_mean(input: Tensor, axis: dims | None = None, ddof: int = 0, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """Variance and mean over some axes, or all; parameters as :func:`var`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> var, mean = ops.var_mean(Tensor([1.0, 3.0]))
    >>> print(var, mean)
    1.0 2.0
    """
    require_tensor("var_mean", "input", input)
    return native.var(input, axis, ddof, keepdims), native.mean(input, axis, keepdims)


@op(samples=("std_mean(x(3, 4))[0]", "std_mean(x(3, 4), 1, 1)[0] ** 2"), method=True)
def std_mean(input: Tensor, axis: dims | None = None, ddof: int = 0, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean over some axes, or all; parameters as :func:`std`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> std, mean = ops.std_mean(Tensor([1.0, 3.0]))
    >>> print(std, mean)
    1.0 2.0
    """
    require_tensor("std_mean", "input", input)
    return native.std(input, axis, ddof, keepdims), native.mean(input, axis, keepdims)


@op(samples=("ptp(x(3, 4)) ** 2", "ptp(x(3, 4), 1) ** 2"), method=True)
def ptp(input: Tensor, axis: dims | None = None, keepdims: bool = False) -> Tensor:
    """The largest element less the smallest, over some axes or all.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.ptp(Tensor([1.0, 4.0, 2.0])))
    3.0
    """
    require_tensor("ptp", "input", input)
    return native.sub(native.amax(input, axis, keepdims), native.amin(input, axis, keepdims))


@op(
    samples=("diff(x(3, 4)) ** 2", "diff(x(5, 2), 2, 0) ** 2", "diff(x(3, 4), 1, 1, x(3, 1), x(3, 2)) ** 2"),
    method=True,
)
def diff(x: Tensor, n: int = 1, axis: int = -1, prepend: Tensor | None = None, append: Tensor | None = None) -> Tensor:
    """Differences of neighbours along an axis.

    Parameters
    ----------
    x : Tensor
    n : int, default 1
        How often to take them.
    axis : int, default -1
    prepend, append : Tensor, optional
        Joined before and behind first.

    Raises
    ------
    ValueError
        For a negative n.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.diff(Tensor([1.0, 4.0, 9.0])))
    [3. 5.]
    """
    require_tensor("diff", "x", x)
    if n < 0:
        raise ValueError(f"diff: n must not be negative, got {n}.")
    axis = checked_axis("diff", axis, x)
    if prepend is not None or append is not None:
        x = native.concat([part for part in (prepend, x, append) if part is not None], axis)
    if n == 0:
        return native.reshape(x, x.shape)
    for _ in range(n):
        later, earlier = x[_part(axis, 1, None)], x[_part(axis, None, max(0, x.shape[axis] - 1))]
        x = native.not_equal(later, earlier) if x.dtype is bool_ else native.sub(later, earlier)
    return x


def _trapezoids(op, y, x, dx, dim):
    """Return the areas between neighbours along an axis, and the axis."""
    require_tensor(op, "y", y)
    dim = checked_axis(op, dim, y)
    if not y.dtype.is_floating_point:
        y = native.cast(y, float32)
    if x is None:
        width = dx
    else:
        require_tensor(op, "x", x)
        width = diff(x, 1, -1 if x.ndim == 1 else dim)
        if x.ndim == 1:
            width = native.reshape(width, (-1,) + (1,) * (y.ndim - dim - 1))
    heights = native.add(y[_part(dim, 1, None)], y[_part(dim, None, max(0, y.shape[dim] - 1))])
    return native.mul(native.mul(heights, width), 0.5), dim


@op(
    samples=("trapezoid(x(3, 4)) ** 2", "trapezoid(x(3, 4), x(4)) ** 2", "trapezoid(x(3, 4), dx=0.5) ** 2"),
    aliases=("trapz",),
)
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1.0, dim: int = -1) -> Tensor:
    """Integral along an axis by the trapezoidal rule.

    Parameters
    ----------
    y : Tensor
        Integers are taken as float32.
    x : Tensor, optional
        Where the values stand: along one axis, or in the shape of y.
    dx : float, default 1.0
        How far they are apart where x is left out.
    dim : int, default -1

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.trapezoid(Tensor([1.0, 2.0, 3.0])))
    4.0
    """
    areas, dim = _trapezoids("trapezoid", y, x, dx, dim)
    return native.sum(areas, dim)


@op(samples=("cumulative_trapezoid(x(3, 4)) ** 2", "cumulative_trapezoid(x(3, 4), x(3, 4), dim=0) ** 2"))
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1.0, dim: int = -1) -> Tensor:
    """Running integral along an axis by the trapezoidal rule; parameters as :func:`trapezoid`.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.cumulative_trapezoid(Tensor([1.0, 2.0, 3.0])))
    [1.5 4. ]
    """
    areas, dim = _trapezoids("cumulative_trapezoid", y, x, dx, dim)
    return native.cumsum(areas, dim)
