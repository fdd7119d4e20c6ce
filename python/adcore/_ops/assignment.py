"""Assignment to Parameters and Tensors."""

from adcore._core import Parameter, Tensor
from adcore._ops.native import require_tensor, table

_cast = table["cast"]

__all__ = ["assign", "assign_add", "assign_sub"]


def _assign(op, variable, value, combine):
    require_tensor(op, "variable", variable)
    if not isinstance(value, (Tensor, int, float)):
        raise TypeError(f"{op}: value must be a Tensor or a number, got {type(value).__name__}.")
    shape = value.shape if isinstance(value, Tensor) else ()
    if shape != variable.shape:
        raise ValueError(f"{op}: value must have the variable's shape {variable.shape}, got {shape}.")
    value = _cast(value, variable.dtype) if isinstance(value, Tensor) else Tensor(value, variable.dtype)
    variable._assign(combine(variable, value))
    return variable.value() if isinstance(variable, Parameter) else variable


def assign(variable, value):
    """Give a Parameter or Tensor another value of the same shape; differentiable.

    Parameters
    ----------
    variable : Parameter or Tensor
    value : Tensor or number
        Cast to the variable's dtype.

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


def assign_add(variable, value):
    """Add to a Parameter or Tensor in place; parameters as :func:`assign`.

    Examples
    --------
    >>> from adcore import Parameter, Tensor, ops
    >>> print(ops.assign_add(Parameter(Tensor([1.0]), name="w"), Tensor([2.0])))
    [3.]
    """
    return _assign("assign_add", variable, value, lambda old, new: old + new)


def assign_sub(variable, value):
    """Subtract from a Parameter or Tensor in place; parameters as :func:`assign`.

    Examples
    --------
    >>> from adcore import Parameter, Tensor, ops
    >>> print(ops.assign_sub(Parameter(Tensor([1.0]), name="w"), Tensor([2.0])))
    [-1.]
    """
    return _assign("assign_sub", variable, value, lambda old, new: old - new)
