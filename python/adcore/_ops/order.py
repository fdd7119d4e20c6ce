"""Order statistics, written with sorting and gathering; derivatives, at every order, follow from those."""

from __future__ import annotations

import math

from adcore._core import Tensor, bool_, float32, float64, int64, uint8
from adcore._ops import native
from adcore._ops.contraction import in_one_dtype
from adcore._ops.declare import Number, op, require_tensor
from adcore._ops.precision import widened
from adcore._ops.shape import checked_axis

PAGE = "Order"


def _along(op, input, axis):
    """Return a tensor with an axis to order along, and that axis; without one, the flattened tensor's."""
    if axis is None or input.ndim == 0:
        if axis not in (None, 0, -1):
            raise ValueError(f"{op}: axis {axis} is out of range for a tensor of 0 dimensions.")
        input, axis = native.ravel(input), 0
    axis = checked_axis(op, axis, input)
    if input.shape[axis] == 0:
        raise ValueError(f"{op}: has no value over zero elements, shape {input.shape}.")
    return input, axis


def _shaped(result, input, axis, keepdims):
    """Return a result whose axis has size 1 in the shape that a reduction of `input` gives it."""
    if axis is None:
        return native.reshape(result, (1,) * input.ndim if keepdims else ())
    return result if keepdims and input.ndim else native.squeeze(result, 0 if input.ndim == 0 else axis)


@op(samples=("msort(x(3, 4)) ** 2 * x(3, 4)",), method=True)
def msort(input: Tensor) -> Tensor:
    """The elements in order along the first axis.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.msort(Tensor([3, 1, 2])))
    [1 2 3]
    """
    require_tensor("msort", "input", input)
    return native.sort(input, 0)[0]


@op(samples=("median(x(3, 4))[0] ** 2", "median(x(3, 4), 0, True)[0] ** 2", "median(x(3, 3), None) ** 2"), method=True)
def median(input: Tensor, axis: int | None = -1, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """The middle element along an axis, of an even number the lower one, and where it stands.

    Parameters
    ----------
    input : Tensor
    axis : int or None, default -1
        None: the middle of all elements, without its place.
    keepdims : bool, default False

    Returns
    -------
    tuple of Tensor
        NaN where there is one. :func:`quantile` with 0.5 is the mean of both middle elements.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.median(Tensor([3.0, 1.0, 2.0]))[0])
    2.0
    """
    require_tensor("median", "input", input)
    x, along = _along("median", input, axis)
    place = native.kthvalue(x, (x.shape[along] + 1) // 2, along, True)[1]
    if x.dtype.is_floating_point:
        nan = native.isnan(x)
        place = native.where(native.any(nan, along, True), native.argmax(nan, along, True), place)
    return _picked(x, along, place, input, axis, keepdims)


def _picked(x, along, place, input, axis, keepdims):
    value = _shaped(native.gather_elements(x, along, place), input, axis, keepdims)
    return value if axis is None else (value, _shaped(place, input, axis, keepdims))


@op(samples=("nanmedian(x(3, 4))[0] ** 2", "nanmedian(x(3, 4), 0, True)[0] ** 2"), method=True)
def nanmedian(input: Tensor, axis: int | None = -1, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """As :func:`median`, of the elements that are numbers; NaN where there is none.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.nanmedian(Tensor([3.0, 1.0, float("nan")]))[0])
    1.0
    """
    require_tensor("nanmedian", "input", input)
    x, along = _along("nanmedian", input, axis)
    numbers = native.sum(native.logical_not(native.isnan(x)), along, True)
    middle = native.div(native.maximum(native.sub(numbers, 1), 0), 2)
    middle = native.cast(middle, numbers.dtype)  # cuts the half off
    place = native.gather_elements(native.argsort(x, along), along, middle)
    return _picked(x, along, place, input, axis, keepdims)


_INTERPOLATIONS = ("linear", "lower", "higher", "nearest", "midpoint")


def _fractions(op, q):
    """Return fractions along one axis, whether they had one, and which are none, where these could not be refused."""
    fractions, outside = None, None
    if isinstance(q, Tensor):
        if q.ndim > 1:
            raise ValueError(f"{op}: q must have one axis at most, got the shape {q.shape}.")
        several, fractions = q.ndim == 1, native.reshape(native.cast(q, float64), (q.size,))
        try:
            numbers = native.stop_gradient(fractions).tolist()
        except ValueError:  # they differ between the members of a batch
            numbers = []
            inside = native.logical_and(native.greater_equal(fractions, 0), native.less_equal(fractions, 1))
            fractions, outside = native.where(inside, fractions, 0.0), native.logical_not(inside)
    else:
        several = isinstance(q, (list, tuple))
        numbers = list(q) if several else [q]
    for number in numbers:
        if not isinstance(number, (int, float)) or not 0 <= number <= 1:
            raise ValueError(f"{op}: q must be a number in [0, 1] or a list of them along one axis, got {number!r}.")
    return Tensor(numbers, float64) if fractions is None else fractions, several, outside


def _quantile(op, input, q, axis, keepdims, interpolation, ignores_nan):
    require_tensor(op, "input", input)
    if not input.dtype.is_floating_point:
        input = native.cast(input, float32)
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(f"{op}: interpolation must be one of {', '.join(_INTERPOLATIONS)}, got {interpolation!r}.")
    fractions, several, outside = _fractions(op, q)
    x, along = _along(op, input, axis)
    wide = widened(x)
    ordered = native.sort(native.movedim(wide, along, -1))[0]
    n = ordered.shape[-1]
    nan = native.isnan(ordered)
    last = native.sub(native.sum(native.logical_not(nan), -1, True), 1) if ignores_nan else n - 1
    place = native.mul(native.cast(native.maximum(last, 0), float64), fractions)
    place = native.broadcast_to(place, (*ordered.shape[:-1], fractions.shape[0]))
    if interpolation == "nearest":
        place = native.round(place)
    low, high = native.floor(place), native.ceil(place)

    def at(where):
        return native.gather_elements(ordered, -1, native.cast(where, int64))

    if interpolation in ("lower", "nearest"):
        value = at(low)
    elif interpolation == "higher":
        value = at(high)
    else:
        below, above = at(low), at(high)
        weight = 0.5 if interpolation == "midpoint" else native.cast(native.sub(place, low), wide.dtype)
        # Between two equal places there is nothing to interpolate, be it infinite.
        value = native.where(native.equal(low, high), below, below + (above - below) * weight)
    if not ignores_nan:
        value = native.where(native.any(nan, -1, True), math.nan, value)
    if outside is not None:
        value = native.where(outside, math.nan, value)
    value = native.cast(native.movedim(value, -1, 0), x.dtype)
    if keepdims and input.ndim:
        shape = (1,) * input.ndim if axis is None else input.shape[:along] + (1,) + input.shape[along + 1 :]
        value = native.reshape(value, (fractions.shape[0], *shape))
    return value if several else native.select(value, 0, 0)


@op(
    samples=(
        "quantile(x(3, 4), 0.3, 1) ** 2",
        "quantile(x(3, 4), 0.75) ** 2",
        "quantile(x(3, 4), (0.0, 0.4, 1.0), 0)",
        "quantile(x(3, 5), x(2, low=0.1, high=0.9), 1)",
    ),
    method=True,
)
def quantile(
    input: Tensor,
    q: float | Tensor,
    axis: int | None = None,
    keepdims: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The value below which a fraction of the elements lies, along an axis or of all.

    Parameters
    ----------
    input : Tensor
        Integers are taken as float32.
    q : float, Tensor or sequence of float
        Fractions in [0, 1]; several make a new first axis. With linear interpolation a Tensor has a derivative.
    axis : int, optional
    keepdims : bool, default False
    interpolation : {"linear", "lower", "higher", "nearest", "midpoint"}
        What to take between two elements.

    Returns
    -------
    Tensor
        NaN where there is one.

    Raises
    ------
    TypeError, ValueError
        For fractions outside of [0, 1], no elements, another word. Where the members of a `vmap` have fractions of
        their own, one outside gives NaN.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.quantile(Tensor([1.0, 2.0, 3.0, 4.0]), 0.5))
    2.5
    """
    return _quantile("quantile", input, q, axis, keepdims, interpolation, False)


@op(samples=("nanquantile(x(3, 4), 0.3, 1) ** 2", "nanquantile(x(3, 4), x(low=0.4, high=0.6), 1)"), method=True)
def nanquantile(
    input: Tensor,
    q: float | Tensor,
    axis: int | None = None,
    keepdims: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """As :func:`quantile`, of the elements that are numbers; NaN where there is none.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.nanquantile(Tensor([1.0, float("nan"), 2.0]), 0.5))
    1.5
    """
    return _quantile("nanquantile", input, q, axis, keepdims, interpolation, True)


@op(samples=("mode(concat((x(3), x(2), x(3))))[0] ** 2", "mode(x(3, 4), 0, True)[0] ** 2"), method=True)
def mode(input: Tensor, axis: int = -1, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """The commonest element along an axis, of several the smallest, and where it stands last.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.mode(Tensor([1, 2, 2, 3]))[0])
    2
    """
    require_tensor("mode", "input", input)
    if axis is None:
        raise TypeError("mode: axis must be an int, got NoneType.")
    x, along = _along("mode", input, axis)
    ordered, place = native.sort(native.movedim(x, along, -1))
    n = ordered.shape[-1]
    numbers = native.broadcast_to(native.arange(n), ordered.shape)
    same = native.equal(ordered[..., 1:], ordered[..., :-1])
    starts = native.where(same, 0, numbers[..., 1:])
    starts = native.cummax(native.concat((numbers[..., :1], starts), -1), -1)[0]
    longest = native.argmax(native.sub(numbers, starts), -1, True)
    place = native.movedim(native.gather_elements(place, -1, longest), -1, along)
    return _picked(x, along, place, input, axis, keepdims)


@op(samples=("aminmax(x(3, 4))[1] ** 2", "aminmax(x(3, 4), axis=None)[0] ** 2"), method=True)
def aminmax(input: Tensor, *, axis: int | None = 0, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """The smallest and the largest elements along an axis, the first unless another is named; of all with None.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> low, high = ops.aminmax(Tensor([3.0, 1.0, 2.0]))
    >>> print(low, high)
    1.0 3.0
    """
    require_tensor("aminmax", "input", input)
    return native.amin(input, axis, keepdims), native.amax(input, axis, keepdims)


@op(samples=("isin(i(3, 4, n=9), i(5, n=9))", "isin(i(3, n=9), 2, invert=True)"), method=True)
def isin(elements: Number, test_elements: Number, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Which elements are among others; NaN is not.

    Parameters
    ----------
    elements, test_elements : Tensor or number
    assume_unique : bool, default False
        Is taken and changes nothing.
    invert : bool, default False
        Tells which are not among them.

    Returns
    -------
    Tensor
        Of bool, of the shape of the elements.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.isin(Tensor([1, 2, 3]), Tensor([3, 1])))
    [ True False  True]
    """
    for name, given in (("elements", elements), ("test_elements", test_elements)):
        if not isinstance(given, (Tensor, int, float)):
            raise TypeError(f"isin: {name} must be a Tensor or a number, got {type(given).__name__}.")
    x, tests = (v if isinstance(v, Tensor) else Tensor(v) for v in (elements, test_elements))
    if not isinstance(elements, Tensor) or not isinstance(test_elements, Tensor):
        # A number does not widen the tensor.
        found = native.any(native.equal(native.expand_dims(x, -1), native.ravel(tests)), -1)
        return native.logical_not(found) if invert else found
    x, tests = in_one_dtype(x, native.ravel(tests))
    if tests.size == 0:
        return native.full(x.shape, invert, dtype=bool_)
    if x.dtype is bool_:
        x, tests = native.cast(x, uint8), native.cast(tests, uint8)
    ordered, _ = native.sort(native.stop_gradient(tests))
    flat = native.ravel(native.stop_gradient(x))
    places = native.minimum(native.searchsorted(ordered, flat), tests.size - 1)
    found = native.reshape(native.equal(native.gather(ordered, places, 0), flat), x.shape)
    return native.logical_not(found) if invert else found
