"""Functions that move elements, and those that read them by index."""

from adcore import ops

from .arguments import checked_axis, lengths, require_array


def broadcast_arrays(*arrays):
    """Return arrays at the shape to which they broadcast together, as a list."""
    return list(ops.broadcast_tensors(*arrays))


def broadcast_to(x, /, shape):
    """Return an array at a shape to which it broadcasts."""
    return ops.broadcast_to(x, lengths(shape))


def concat(arrays, /, *, axis=0):
    """Join arrays along an axis that they have; with ``axis=None`` their elements."""
    return ops.concat([x.reshape((-1,)) for x in arrays], 0) if axis is None else ops.concat(arrays, axis)


def expand_dims(x, /, axis):
    """Give an array one more axis, of size 1."""
    return ops.expand_dims(x, checked_axis("expand_dims", axis, x.ndim + 1, IndexError))


def flip(x, /, *, axis=None):
    """Reverse the elements along some axes, or all."""
    axes = tuple(range(x.ndim)) if axis is None else axis
    return ops.flip(x, axes) if axes != () else x.copy()


def moveaxis(x, source, destination, /):
    """Move axes to other places."""
    return ops.moveaxis(x, source, destination)


def permute_dims(x, /, axes):
    """Put the axes in another order."""
    return ops.permute(x, tuple(axes))


def repeat(x, repeats, /, *, axis=None):
    """Repeat every element, or every part of an axis, so many times."""
    return ops.repeat_interleave(x, repeats, axis)


def reshape(x, /, shape, *, copy=None):
    """Return the elements at another shape; without a copy where ``copy=False``, or a ValueError."""
    require_array("reshape", x=x)
    if copy is False and not x.is_contiguous():
        raise ValueError("reshape: the elements do not lie in order, so they must be copied, and copy is False.")
    return ops.reshape(x.copy() if copy else x, lengths(shape))


def roll(x, /, shift, *, axis=None):
    """Shift the elements along axes, or in their order; those that leave come back at the other end."""
    return ops.roll(x, shift, axis)


def squeeze(x, /, axis):
    """Leave out axes of size 1."""
    axes = [checked_axis("squeeze", a, x.ndim) for a in lengths(axis)]
    longer = [a for a in axes if x.shape[a] != 1]
    if longer:
        raise ValueError(f"squeeze: axis {longer[0]} is of size {x.shape[longer[0]]}, not 1.")
    return ops.squeeze(x, tuple(axes)) if axes else x.copy()


def stack(arrays, /, *, axis=0):
    """Join arrays of one shape along a new axis."""
    return ops.stack(arrays, axis)


def take(x, indices, /, *, axis=None):
    """Return parts of an axis; a vector needs none."""
    if axis is None and x.ndim != 1:
        raise ValueError(f"take: axis may be left out for a vector only, not for an array of {x.ndim} dimensions.")
    return ops.take(x, indices, 0 if axis is None else axis)


def take_along_axis(x, indices, /, *, axis=-1):
    """Return elements by indices along one axis."""
    return ops.take_along_dim(x, indices, axis)


def tile(x, repetitions, /):
    """Repeat an array along its axes."""
    return ops.tile(x, lengths(repetitions))


def unstack(x, /, *, axis=0):
    """Return the parts of an axis as a tuple."""
    return tuple(ops.unstack(x, axis))


__all__ = [
    "broadcast_arrays",
    "broadcast_to",
    "concat",
    "expand_dims",
    "flip",
    "moveaxis",
    "permute_dims",
    "repeat",
    "reshape",
    "roll",
    "squeeze",
    "stack",
    "take",
    "take_along_axis",
    "tile",
    "unstack",
]
