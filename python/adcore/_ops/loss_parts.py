"""What losses share: arguments that are checked, half precision that rounds once, reductions."""

from __future__ import annotations

import math

from adcore._advice import warn
from adcore._core import int64
from adcore._ops import native
from adcore._ops.declare import require_tensor
from adcore._ops.precision import widened


def check_reduction(op, reduction, *more):
    words = ("none", "mean", "sum", *more)
    if reduction not in words:
        *first, last = map(repr, words)
        raise ValueError(f"{op}: reduction must be {', '.join(first)} or {last}, got {reduction!r}.")


def reduced(op, loss, reduction, *operands):
    """The loss of each element reduced; `operands` are what was broadcast to them."""
    check_reduction(op, reduction)
    if operands and loss.size != operands[0].size and loss.size > max(operand.size for operand in operands):
        shapes = ", ".join(str(operand.shape) for operand in operands)
        warn(
            f"{op}: operands of the shapes {shapes} broadcast to {loss.shape}, which pairs elements of different "
            "samples; reshape one to the shape of the other."
        )
    if reduction == "none":
        return loss
    return native.mean(loss) if reduction == "mean" else native.sum(loss)


def number(op, name, value, low=-math.inf, high=math.inf, above=False):
    """Check a number: in [low, high], or above low."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{op}: {name} must be a number, got {type(value).__name__}.")
    if above and not value > low:
        raise ValueError(f"{op}: {name} must be greater than {low}, got {value}.")
    if not low <= value <= high:
        bounds = f"in [{low}, {high}]" if high < math.inf else f"at least {low}"
        raise ValueError(f"{op}: {name} must be {bounds}, got {value}.")


def floats(op, **operands):
    """Check that operands are Tensors of floats, and return them wide."""
    for name, operand in operands.items():
        require_tensor(op, name, operand)
        if not operand.dtype.is_floating_point:
            raise TypeError(f"{op}: {name} must be a float tensor, got {operand.dtype}.")
    return tuple(map(widened, operands.values()))


def beside(op, name, target, input):
    """Check that a target is a Tensor, and return it wide; integers and bools in the dtype of the input."""
    require_tensor(op, name, target)
    return widened(target) if target.dtype.is_floating_point else native.cast(target, widened(input).dtype)


def same_shape(op, **operands):
    (first, a), *others = operands.items()
    for name, b in others:
        if a.shape != b.shape:
            raise ValueError(f"{op}: {first} and {name} must have one shape, got {a.shape} and {b.shape}.")


def whole(op, name, target):
    require_tensor(op, name, target)
    if target.dtype.is_floating_point:
        raise TypeError(f"{op}: {name} must be a tensor of integers, got {target.dtype}.")
    return native.cast(target, int64)


def as_index(target, classes):
    """Return class indices so that reading by them raises for a negative one, too."""
    return native.where(native.less(target, 0), classes, target)


def class_weight(op, weight, classes):
    if weight is None:
        return None
    require_tensor(op, "weight", weight)
    if weight.shape != (classes,):
        raise ValueError(f"{op}: weight must have one entry for each of {classes} classes, got {weight.shape}.")
    return widened(weight)


def classes_last(input):
    """Return logits as [rows, classes] and the shape of one row per sample."""
    if input.ndim == 1:
        return native.expand_dims(input, 0), ()
    if input.ndim == 2:
        return input, input.shape[:1]
    order = (0, *range(2, input.ndim), 1)
    moved = native.permute(input, order)
    return native.reshape(moved, (-1, input.shape[1])), moved.shape[:-1]
