"""Assignment to Parameters and Tensors."""

from __future__ import annotations

from adcore._core import Parameter, Tensor, value_for_cell
from adcore._ops.declare import Number, op, require_tensor

PAGE = "Assignment"


def _assign(op, variable, value, combine):
    require_tensor(op, "variable", variable)
    if not isinstance(value, (Tensor, int, float)):
        raise TypeError(f"{op}: value must be a Tensor or a number, got {type(value).__name__}.")
    shape = value.shape if isinstance(value, Tensor) else ()
    if shape != variable.shape:
        raise ValueError(f"{op}: value must have the variable's shape {variable.shape}, got {shape}.")
    variable._assign(combine(variable, value_for_cell(op, variable, value)))
    return variable.value() if isinstance(variable, Parameter) else variable


@op(samples=("assign(x(3, 4) * 1, x(3, 4)) ** 2",))
def assign(variable: Tensor, value: Number) -> Tensor:
    """Give a Parameter or Tensor another value of the same shape; differentiable.

    Parameters
    ----------
    variable : Parameter or Tensor
    value : Tensor or number
        Cast to the variable's dtype, unless that is an integer's and the value has fractions.

    Returns
    -------
    Tensor
        The new value.

    Raises
    ------
    TypeError, ValueError
        For a value that does not fit; nothing is changed then.

    Examples
    --------
    >>> from adcore import Parameter, Tensor, ops
    >>> w = Parameter(Tensor([1.0, 2.0]), name="w")
    >>> print(ops.assign(w, Tensor([5.0, 6.0])))
    [5. 6.]
    """
    return _assign("assign", variable, value, lambda old, new: new)


@op(samples=("assign_add(x(3, 4) * 2, x(3, 4)) ** 2",))
def assign_add(variable: Tensor, value: Number) -> Tensor:
    """Add to a Parameter or Tensor in place; parameters as :func:`assign`.

    Examples
    --------
    >>> from adcore import Parameter, Tensor, ops
    >>> print(ops.assign_add(Parameter(Tensor([1.0]), name="w"), Tensor([2.0])))
    [3.]
    """
    return _assign("assign_add", variable, value, lambda old, new: old + new)


@op(samples=("assign_sub(x(3, 4) * 2, x(3, 4)) ** 2",))
def assign_sub(variable: Tensor, value: Number) -> Tensor:
    """Subtract from a Parameter or Tensor in place; parameters as :func:`assign`.

    Examples
    --------
    >>> from adcore import Parameter, Tensor, ops
    >>> print(ops.assign_sub(Parameter(Tensor([1.0]), name="w"), Tensor([2.0])))
    [-1.]
    """
    return _assign("assign_sub", variable, value, lambda old, new: old - new)
