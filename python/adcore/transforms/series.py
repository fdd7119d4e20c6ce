"""Higher derivatives along a line or a curve: forward mode inside of forward mode."""

from adcore import _ops
from adcore._core import Tensor, derivative_dtype
from adcore.transforms.options import check_callable
from adcore.transforms.products import as_tuple, jvp, labels
from adcore.transforms.trees import Arguments, as_outputs, as_tensor, tensors_of, with_tensors

__all__ = ["derivative", "jet"]

_MAX_ORDER = 16  # of nested forward mode, whose time doubles with each order


def derivative(fn, primals, order):
    """Return the value of a function and its derivative of some order, with all inputs moving alike.

    Parameters
    ----------
    fn : callable
        Takes the primals, returns tensors or containers of them.
    primals : Tensor, float, array, or tuple or list of these
    order : int
        From 1 to 16.

    Returns
    -------
    tuple
        What `fn` returns, and its derivative of order `order` with respect to t, for inputs ``primal + t``. For a
        function that works element by element: its derivative at each element.

    Raises
    ------
    TypeError, ValueError
        For an order that is not a positive int, and primals without derivative.

    Examples
    --------
    >>> from adcore import ops
    >>> value, second = ops.derivative(ops.sin, 0.5, 2)
    >>> print(value, second)
    0.47942555 -0.47942555
    """
    if isinstance(order, bool) or not isinstance(order, int):
        raise TypeError(f"derivative: order must be an int, got {type(order).__name__}.")
    if not 1 <= order <= _MAX_ORDER:
        raise ValueError(f"derivative: order must be from 1 to {_MAX_ORDER}, got {order}.")
    check_callable("derivative", fn)
    args = as_tuple(primals)
    arguments = _on_reals(Arguments("derivative", args, labels(len(args))))
    out, *rest = _along(fn, arguments, [[_ops.ones_like(leaf)] for leaf in arguments.leaves], order)
    return out, rest[-1]


def jet(fn, primals, series):
    """Return the value of a function and its derivatives along a curve.

    Parameters
    ----------
    fn : callable
        Takes the primals, returns tensors or containers of them.
    primals : Tensor, float, array, or tuple or list of these
        Where the curve is at t = 0.
    series : like `primals`
        For each primal its derivatives with respect to t, of order 1 to n along axis 0.

    Returns
    -------
    tuple
        What `fn` returns, and in the same structure its derivatives with respect to t, of order 1 to n along axis 0.

    Raises
    ------
    TypeError, ValueError
        For series that do not belong to the primals.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> value, series = ops.jet(lambda x: x**2, 3.0, Tensor([1.0, 0.0]))
    >>> print(value, series)
    9.0 [6. 2.]
    """
    check_callable("jet", fn)
    args, given = as_tuple(primals), as_tuple(series)
    arguments = _on_reals(Arguments("jet", args, labels(len(args))))
    curves = _on_reals(Arguments("jet", given, [f"series {i}" for i in range(len(given))])).leaves
    if len(curves) != len(arguments.leaves):
        raise ValueError(f"jet: there are {len(arguments.leaves)} primals, but {len(curves)} series.")
    for leaf, curve in zip(arguments.leaves, curves):
        if curve.ndim == 0 or curve.shape[1:] != leaf.shape or curve.shape[0] == 0:
            raise ValueError(
                f"jet: the series of a primal of shape {tuple(leaf.shape)} must have the shape (order, "
                f"*{tuple(leaf.shape)}), got {tuple(curve.shape)}."
            )
        if curve.dtype != leaf.dtype:
            raise TypeError(f"jet: the series must have the primal's dtype {leaf.dtype}, got {curve.dtype}.")
    orders = {curve.shape[0] for curve in curves}
    if len(orders) != 1:
        raise ValueError(f"jet: all series must have the same order, got {sorted(orders)}.")
    order = orders.pop()
    if order > _MAX_ORDER:
        raise ValueError(f"jet: the order must be at most {_MAX_ORDER}, got {order}.")
    out, *rest = _along(fn, arguments, [[curve[k] for k in range(order)] for curve in curves], order)
    return out, with_tensors(
        as_outputs(out), [_ops.stack(orders) for orders in zip(*(tensors_of(tree) for tree in rest))]
    )


def _on_reals(arguments):
    """Return the arguments with floats for integers: along a curve they take all values between."""
    arguments.leaves = [leaf.astype(derivative_dtype(leaf)) for leaf in arguments.leaves]
    return arguments


def _along(fn, arguments, curves, order):
    """Return fn and its derivatives to `order` at t = 0 along sum_k curve[k] t^(k+1) / (k+1)!."""

    def at(t):
        moved = []
        for leaf, curve in zip(arguments.leaves, curves):
            power, factorial = t, 1
            for k, coefficient in enumerate(curve):
                factorial *= k + 1
                leaf = leaf + coefficient * (power / factorial).astype(leaf.dtype)
                power = power * t
            moved.append(leaf)
        return [fn(*arguments.filled(moved))]

    def raised(lower):
        def next_order(t):
            values, tangents = jvp(lower, t, _ops.ones_like(t))
            return [*values, tangents[-1]]

        return next_order

    function = at
    for _ in range(order):
        function = raised(function)
    dtype = arguments.leaves[0].dtype if arguments.leaves else None
    return function(as_tensor(0.0) if dtype is None else Tensor(0.0, dtype))
