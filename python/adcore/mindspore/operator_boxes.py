"""Boxes in images for the rows of `operator_table`: (x0, y0, x1, y1), the last pixel included."""

import math

import adcore
from adcore import Tensor, ops

from .operator_parts import ints


def valid_boxes(boxes, image):
    """Return which boxes lie in an image of (height, width, scale)."""
    height, width, scale = (image[i] for i in range(3))
    low = ops.logical_and(boxes[:, 0] >= 0, boxes[:, 1] >= 0)
    high = ops.logical_and(boxes[:, 2] <= width * scale - 1, boxes[:, 3] <= height * scale - 1)
    return ops.logical_and(low, high)


def overlap(anchors, truths, mode, pixel=1):
    """Return what boxes share, over the area of both or of the second: a row for each second."""
    if mode not in ("iou", "iof"):
        raise ValueError(f"IOU: mode must be 'iou' or 'iof', got {mode!r}.")
    a, b = ops.expand_dims(anchors, 0), ops.expand_dims(truths, 1)
    low, high = ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:])
    shared = ops.prod(ops.maximum(high - low + pixel, 0), -1)
    area_a, area_b = (ops.prod(box[..., 2:] - box[..., :2] + pixel, -1) for box in (a, b))
    return shared / (area_a + area_b - shared if mode == "iou" else area_b)


def _center_and_size(boxes):
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2] + 1


def encoded(anchors, truths, means, stds):
    """Return by how far centers and sizes of boxes are off, with means and deviations taken out."""
    place, size = _center_and_size(anchors)
    target, wide = _center_and_size(truths)
    delta = ops.concat(((target - place) / size, ops.log(wide / size)), 1)
    return (delta - Tensor(list(means), delta.dtype)) / Tensor(list(stds), delta.dtype)


def decoded(anchors, deltas, max_shape, means, stds, wh_ratio_clip):
    """Return the boxes that deviations of centers and sizes name, cut at the edges of an image."""
    place, size = _center_and_size(anchors)
    delta = deltas * Tensor(list(stds), deltas.dtype) + Tensor(list(means), deltas.dtype)
    longest = abs(math.log(wh_ratio_clip))
    wide = size * ops.exp(ops.clamp(delta[:, 2:], -longest, longest))
    center = place + size * delta[:, :2]
    last = Tensor([max_shape[1] - 1.0, max_shape[0] - 1.0], deltas.dtype)
    corners = (center - wide / 2 + 0.5, center + wide / 2 - 0.5)
    return ops.concat([ops.minimum(ops.maximum(corner, 0), last) for corner in corners], 1)


def suppressed(boxes, threshold):
    """Return boxes by falling score, their numbers, and which do not overlap a better one that is kept."""
    boxes = ops.gather(boxes, ops.argsort(boxes[:, 4], descending=True), 0)
    shares = (overlap(boxes[:, :4], boxes[:, :4], "iou", 0) > threshold).tolist()
    kept = []
    for i in range(len(shares)):
        kept.append(not any(kept[j] and shares[i][j] for j in range(i)))
    return boxes, ops.cast(ops.arange(len(kept)), adcore.int32), Tensor(kept)


def crops(x, boxes, box_index, crop_size, method, extrapolation_value):
    """Return parts (y0, x0, y1, x1) of images, in shares of height and width, all of one size; channels are last."""
    if method not in ("bilinear", "nearest"):
        raise NotImplementedError(f"CropAndResize: method must be 'bilinear' or 'nearest', got {method!r}.")
    images, height, width, channels = x.shape
    rows, columns = ints(crop_size)
    flat = ops.reshape(ops.cast(x, adcore.float32), (images * height * width, channels))
    ys = ops.reshape(_places(boxes[:, 0], boxes[:, 2], height, rows), (-1, rows, 1))
    xs = ops.reshape(_places(boxes[:, 1], boxes[:, 3], width, columns), (-1, 1, columns))
    image = ops.reshape(ops.cast(box_index, adcore.int64), (-1, 1, 1)) * (height * width)
    inside = (ys >= 0) & (ys <= height - 1) & (xs >= 0) & (xs <= width - 1)

    def at(row, column):
        row = ops.clamp(ops.cast(row, adcore.int64), 0, height - 1)
        column = ops.clamp(ops.cast(column, adcore.int64), 0, width - 1)
        return ops.gather(flat, image + row * width + column, 0)

    if method == "nearest":
        y = at(ops.floor(ys + 0.5), ops.floor(xs + 0.5))
    else:
        top, left = ops.floor(ys), ops.floor(xs)
        down, right = ops.expand_dims(ys - top, -1), ops.expand_dims(xs - left, -1)
        above = at(top, left) * (1 - right) + at(top, ops.ceil(xs)) * right
        below = at(ops.ceil(ys), left) * (1 - right) + at(ops.ceil(ys), ops.ceil(xs)) * right
        y = above * (1 - down) + below * down
    return ops.where(ops.expand_dims(inside, -1), y, ops.full_like(y, extrapolation_value))


def _places(first, last, size, count):
    """Return for each box where in the image its elements lie along one axis."""
    first, last = ops.expand_dims(first, 1) * (size - 1), ops.expand_dims(last, 1) * (size - 1)
    if count == 1:
        return (first + last) / 2
    return first + (last - first) / (count - 1) * ops.arange(count)


__all__ = [
    name
    for name, value in vars().items()
    if getattr(value, "__module__", None) == __name__ and not name.startswith("_")
]
