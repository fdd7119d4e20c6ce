"""Reductions, scans and differences along axes, written with other ops; all derivatives follow from those."""

from __future__ import annotations

import math
from collections.abc import Sequence

from adcore._core import Tensor, bool_, dtype, float32
from adcore._ops import native
from adcore._ops.declare import Number, dims, op, require_tensor
from adcore._ops.precision import rounded, widened
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
        Joined before and behind first, unless n is 0.

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
    if n == 0:
        return native.reshape(x, x.shape)
    if prepend is not None or append is not None:
        x = native.concat([part for part in (prepend, x, append) if part is not None], axis)
    for _ in range(min(n, x.shape[axis])):  # beyond that there is nothing left to take
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


# ---- statistics and slopes ------------------------------------------------------------------------------------------


@op(
    samples=(
        "cov(x(3, 5))",
        "cov(x(5))",
        "cov(x(3, 5), correction=0, fweights=Tensor([1, 2, 3, 1, 0]), aweights=x(5, low=0.2))",
    ),
    method=True,
)
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """Covariances of variables, which are the rows of a matrix.

    Parameters
    ----------
    input : Tensor
        (variables, observations), or one variable.
    correction : int, default 1
        Is subtracted from the number of observations, by which the sums are divided.
    fweights : Tensor of int, optional
        How often each observation was made.
    aweights : Tensor, optional
        What each observation counts, relative to others.

    Returns
    -------
    Tensor
        (variables, variables), or no axes for one variable, as in NumPy.

    Raises
    ------
    TypeError, ValueError
        For more than two axes, weights that do not fit, and a negative number in `fweights`; one in `aweights` gives
        NaN.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.cov(Tensor([[1.0, 3.0], [2.0, 0.0]])))
    [[ 2. -2.]
     [-2.  2.]]
    """
    return rounded(_covariances("cov", input, correction, fweights, aweights), input)


def _covariances(op, input, correction=1, fweights=None, aweights=None):
    require_tensor(op, "input", input)
    if input.ndim > 2:
        raise ValueError(f"{op}: the input must be a matrix or a vector, got the shape {input.shape}.")
    x = widened(input) if input.dtype.is_floating_point else native.cast(input, float32)
    rows = native.reshape(x, (1, x.size)) if x.ndim < 2 else x
    count = rows.shape[1]
    weight = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        require_tensor(op, name, given)
        if given.shape != (count,):
            raise ValueError(f"{op}: {name} must have one entry for each of {count} observations, got {given.shape}.")
        if name == "fweights" and not given.dtype.is_integer:
            raise TypeError(f"{op}: fweights must be integers, got {given.dtype}.")
        if name == "fweights" and bool(native.any(native.less(given, 0))):
            raise ValueError(f"{op}: fweights must not be negative.")
        given = native.cast(given, rows.dtype)
        given = native.where(native.less(given, 0), math.nan, given)
        weight = given if weight is None else native.mul(weight, given)
    if weight is None:
        mean, divisor = native.mean(rows, 1, keepdims=True), max(count - correction, 0)
    else:
        total = native.sum(weight)
        mean = native.div(native.sum(native.mul(rows, weight), 1, keepdims=True), total)
        if aweights is None or correction == 0:
            divisor = native.sub(total, correction)
        else:
            squares = native.sum(native.mul(weight, native.cast(aweights, rows.dtype)))
            divisor = native.sub(total, native.div(native.mul(squares, correction), total))
        divisor = native.relu(divisor)
    apart = native.sub(rows, mean)
    weighted = apart if weight is None else native.mul(apart, weight)
    result = native.div(native.matmul(apart, weighted.mT), divisor)
    return native.reshape(result, ()) if rows.shape[0] == 1 else result


@op(samples=("corrcoef(x(3, 5))", "corrcoef(x(2, 4) * 3)"), method=True)
def corrcoef(input: Tensor) -> Tensor:
    """Correlation coefficients of variables, which are the rows of a matrix; 1 for one variable.

    Parameters
    ----------
    input : Tensor
        (variables, observations), or one variable.

    Returns
    -------
    Tensor
        (variables, variables), or no axes for one variable. NaN for a variable that does not vary.

    Raises
    ------
    TypeError, ValueError
        For more than two axes.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.corrcoef(Tensor([[1.0, 3.0], [2.0, 0.0]])))
    [[ 1. -1.]
     [-1.  1.]]
    """
    covariances = _covariances("corrcoef", input)
    if covariances.ndim == 0:
        return rounded(native.div(covariances, covariances), input)
    spread = native.sqrt(native.diagonal(covariances))
    scaled = native.div(native.div(covariances, native.expand_dims(spread, 1)), spread)
    return rounded(native._clamp(scaled, -1.0, 1.0), input)


@op(
    samples=(
        "gradient(x(4))",
        "gradient(x(4, 5), spacing=0.5)",
        "gradient(x(4, 5), spacing=(0.5, Tensor([0.0, 1.0, 3.0, 3.5, 5.0])), dim=(0, 1), edge_order=2)",
    )
)
def gradient(
    input: Tensor,
    *,
    spacing: Number | Sequence[Number] | None = None,
    dim: dims | None = None,
    edge_order: int = 1,
) -> tuple[Tensor, ...]:
    """Slopes of a function that is given by its values on a grid: central differences, second-order accurate inside.

    Parameters
    ----------
    input : Tensor
        The values.
    spacing : number, or sequence of numbers or Tensors, optional
        The distance of neighbours, one for all axes or one for each, 1 if nothing is said; a Tensor has the places
        along its axis.
    dim : int or sequence of int, optional
        Along which axes; all if nothing is said.
    edge_order : {1, 2}
        Of the one-sided differences at the edges.

    Returns
    -------
    tuple of Tensor
        One for each axis, of the input's shape.

    Raises
    ------
    TypeError, ValueError
        For an axis with fewer than ``edge_order + 1`` places, and a spacing that does not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.gradient(Tensor([1.0, 4.0, 9.0]))[0])
    [3. 4. 5.]
    """
    require_tensor("gradient", "input", input)
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2, got {edge_order!r}.")
    given = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    axes = [checked_axis("gradient", axis, input) for axis in given]
    if len(set(axes)) != len(axes):
        raise ValueError(f"gradient: an axis is named twice in {tuple(given)}.")
    spacing = 1 if spacing is None else spacing
    steps = list(spacing) if isinstance(spacing, (tuple, list)) else [spacing] * len(axes)
    if len(steps) != len(axes):
        raise ValueError(f"gradient: {len(axes)} axes need as many spacings, got {len(steps)}.")
    x = widened(input) if input.dtype.is_floating_point else native.cast(input, float32)
    return tuple(rounded(_slopes(x, axis, step, edge_order), input) for axis, step in zip(axes, steps))


def _slopes(x, axis, step, edge_order):
    size = x.shape[axis]
    if size < edge_order + 1:
        raise ValueError(f"gradient: axis {axis} of size {size} needs {edge_order + 1} places at least.")
    if isinstance(step, Tensor) and step.ndim:
        if step.shape != (size,):
            raise ValueError(f"gradient: axis {axis} of size {size} has as many places, got the shape {step.shape}.")
        widths = native.cast(native.sub(step[1:], step[:-1]), x.dtype)
        widths = native.reshape(widths, (size - 1,) + (1,) * (x.ndim - 1 - axis))
    else:
        widths = None

    def width(start, stop):
        return step if widths is None else widths[start:stop]

    def slope(start, stop):
        """Between neighbours."""
        return between[_part(axis, start, stop)]

    def at_end(near, far):
        """Of the parabola through three places, at its end; each is between two of them."""
        if edge_order == 1:
            return slope(*near)
        share = width(*near) / (width(*near) + width(*far))
        return native.add(slope(*near), native.mul(native.sub(slope(*near), slope(*far)), share))

    between = native.div(native.sub(x[_part(axis, 1, None)], x[_part(axis, None, size - 1)]), width(None, None))
    parts = [at_end((0, 1), (1, 2)), at_end((size - 2, size - 1), (size - 3, size - 2))]
    if size > 2:
        # Of the parabola through a place and its neighbours.
        before, behind = width(None, size - 2), width(1, None)
        weighted = native.add(native.mul(slope(None, size - 2), behind), native.mul(slope(1, None), before))
        parts.insert(1, native.div(weighted, before + behind))
    return native.concat(parts, axis)
