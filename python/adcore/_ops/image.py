"""Images in other sizes and seen at other places: gathers along the axes, with weights."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from adcore._core import Tensor, int64
from adcore._ops import native
from adcore._ops.convolution import sizes
from adcore._ops.declare import dims, op, require_tensor

PAGE = "Images"

_LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}


def _targets(name, input, size, scale_factor, recompute):
    """Return the output's sizes, and of each axis the input's distance from output to output."""
    n = input.ndim - 2
    if (size is None) == (scale_factor is None):
        raise ValueError(f"{name}: one of size and scale_factor must be given.")
    given = input.shape[2:]
    if size is not None:
        out = sizes(name, "size", size, n)
        steps = [i / o if o else 0.0 for i, o in zip(given, out)]
    else:
        factors = tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * n
        if len(factors) != n or any(isinstance(f, bool) or not isinstance(f, (int, float)) for f in factors):
            raise ValueError(f"{name}: scale_factor must be a number or {n} of them, got {scale_factor!r}.")
        if not all(0 < f < math.inf for f in factors):
            raise ValueError(f"{name}: scale_factor must be positive, got {scale_factor!r}.")
        out = tuple(math.floor(i * f) for i, f in zip(given, factors))
        steps = [i / o if recompute and o else 1 / f for i, o, f in zip(given, out, factors)]
    if min(out) < 1 or min(given) < 1:
        raise ValueError(f"{name}: input and output must have elements, got {given} and {tuple(out)}.")
    return out, steps


def _gathered(input, axis, places, size):
    return native.gather(input, Tensor(places.clip(0, size - 1).astype("int64")), axis)


def _combined(input, axis, parts):
    """Return the sum of gathers along an axis, of (places, weights) each."""
    total, size = None, input.shape[axis]
    apart = (-1,) + (1,) * (input.ndim - 1 - axis)
    for places, weights in parts:
        factor = native.cast(Tensor(weights.reshape(apart)), input.dtype)
        term = native.mul(_gathered(input, axis, places, size), factor)
        total = term if total is None else native.add(total, term)
    return total


def _cubic(t, a=-0.75):
    """Weights of the four neighbours at t in [0, 1) behind the second (Keys, 1981)."""

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((x - 5) * x + 8) * x * a - 4 * a

    return far(1 + t), near(t), near(1 - t), far(2 - t)


@op(
    samples=(
        "interpolate(x(1, 2, 3), 5)",
        "interpolate(x(1, 2, 3), scale_factor=2.0, mode='linear')",
        "interpolate(x(1, 2, 3, 4), (5, 3), mode='bilinear', align_corners=True)",
        "interpolate(x(1, 1, 4, 4), (6, 7), mode='bicubic')",
        "interpolate(x(1, 1, 2, 3, 2), (3, 2, 4), mode='trilinear')",
    ),
)
def interpolate(
    input: Tensor,
    size: dims | None = None,
    scale_factor: float | tuple[float, ...] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Tensor:
    """Images in another size.

    Parameters
    ----------
    input : Tensor
        (batch, channels, ...) with one to three axes of space.
    size : int or sequence of int, optional
        The new sizes of these.
    scale_factor : float or sequence of float, optional
        Instead of them.
    mode : {"nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area"}
        linear for one axis, bilinear and bicubic for two, trilinear for three, the others for any.
    align_corners : bool, optional
        Whether the centres of the outermost elements stay where they are, instead of their outer edges.
    recompute_scale_factor : bool, optional
        Whether the factor that places are computed from is that of the sizes, which are whole.

    Raises
    ------
    TypeError, ValueError
        For a mode that does not fit the axes, both or none of size and scale_factor.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.interpolate(Tensor([[[1.0, 2.0]]]), 4, mode="linear"))
    [[[1.   1.25 1.75 2.  ]]]
    """
    import numpy as np

    require_tensor("interpolate", "input", input)
    n = input.ndim - 2
    if not 1 <= n <= 3 or not input.dtype.is_floating_point:
        raise ValueError(
            "interpolate: the input must be a float tensor (batch, channels, ...) with one to three axes of space, "
            f"got {input.dtype} {input.shape}."
        )
    fits = {**_LINEAR, "bicubic": 2}
    if mode not in ("nearest", "nearest-exact", "area") and fits.get(mode) != n:
        raise ValueError(f"interpolate: mode {mode!r} does not fit {n} axes of space.")
    if align_corners and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(f"interpolate: align_corners has no meaning with mode={mode!r}.")
    out, steps = _targets("interpolate", input, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return native._adaptive_avg_pool("interpolate", input, out)
    for k, (count, step) in enumerate(zip(out, steps)):
        axis, given, u = k + 2, input.shape[k + 2], np.arange(count, dtype=np.float64)
        if mode == "nearest":
            input = _gathered(input, axis, np.floor(u * step), given)
            continue
        if mode == "nearest-exact":
            input = _gathered(input, axis, np.floor((u + 0.5) * step), given)
            continue
        if align_corners:
            at = u * ((given - 1) / (count - 1)) if count > 1 else 0 * u
        else:
            at = (u + 0.5) * step - 0.5
        if mode != "bicubic":
            at = np.maximum(at, 0)
        first = np.floor(at)
        t = at - first
        if mode == "bicubic":
            parts = [(first + j - 1, w) for j, w in enumerate(_cubic(t))]
        else:
            parts = [(first, 1 - t), (first + 1, t)]
        input = _combined(input, axis, parts)
    return input


def _pixels(x, size, align_corners):
    """Return coordinates in [-1, 1] in pixels."""
    if align_corners:
        return native.mul(native.add(x, 1.0), (size - 1) / 2)
    return native.sub(native.mul(native.add(x, 1.0), size / 2), 0.5)


def _reflected(x, low, high):
    """Return coordinates reflected at both ends, as often as they are outside."""
    span = high - low
    if span <= 0:
        return native.mul(x, 0.0)
    distance = native.abs(native.sub(x, low))
    turns = native.floor(native.div(native.stop_gradient(distance), span))
    rest = native.sub(distance, native.mul(turns, span))
    odd = native.greater(native.sub(turns, native.mul(native.floor(native.mul(turns, 0.5)), 2.0)), 0.5)
    return native.add(native.where(odd, native.sub(span, rest), rest), low)


def _inside(x, size, padding_mode, align_corners):
    """Return coordinates in pixels, those from outside as the padding takes them."""
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        x = _reflected(x, 0.0, size - 1.0) if align_corners else _reflected(x, -0.5, size - 0.5)
    return native._clamp(x, 0.0, size - 1.0)


@op(
    samples=(
        "grid_sample(x(1, 2, 3, 4), x(1, 2, 3, 2, low=-0.9, high=0.9))",
        "grid_sample(x(2, 1, 3, 3), x(2, 2, 2, 2, low=-1.6, high=1.6), 'bilinear', 'border', True)",
        "grid_sample(x(1, 1, 3, 3), x(1, 2, 2, 2, low=-1.6, high=1.6), 'bilinear', 'reflection')",
        "grid_sample(x(1, 1, 4, 4), x(1, 1, 2, 2, low=-1.4, high=1.4), 'bicubic', 'border')",
    )
)
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Tensor:
    """Images at given places.

    Parameters
    ----------
    input : Tensor
        (batch, channels, height, width), or with a depth in front of the height.
    grid : Tensor
        (batch, out height, out width, 2): x, then y, in [-1, 1] from edge to edge. Likewise with a depth.
    mode : {"bilinear", "nearest", "bicubic"}
        bicubic for images alone.
    padding_mode : {"zeros", "border", "reflection"}
        What there is outside.
    align_corners : bool
        Whether -1 and 1 are the centres of the outermost pixels instead of their edges.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.grid_sample(Tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), Tensor([[[[0.0, 0.0]]]])))
    [[[[2.5]]]]
    """
    require_tensor("grid_sample", "input", input)
    require_tensor("grid_sample", "grid", grid)
    n = input.ndim - 2
    if n not in (2, 3) or grid.ndim != n + 2 or grid.shape[-1] != n or grid.shape[0] != input.shape[0]:
        raise ValueError(f"grid_sample: a grid of shape {grid.shape} does not fit an input of shape {input.shape}.")
    if mode not in ("bilinear", "nearest", "bicubic") or padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "grid_sample: mode must be 'bilinear', 'nearest' or 'bicubic' and padding_mode 'zeros', 'border' or "
            f"'reflection', got {mode!r} and {padding_mode!r}."
        )
    if mode == "bicubic" and n != 2:
        raise ValueError(f"grid_sample: mode 'bicubic' is for images, the input has the shape {input.shape}.")
    if input.dtype != grid.dtype or not input.dtype.is_floating_point:
        raise TypeError(f"grid_sample: input and grid must be floats of one dtype, got {input.dtype} and {grid.dtype}.")
    batch, channels, *space = input.shape
    if not min(space):
        raise ValueError(f"grid_sample: the input {input.shape} has an empty axis of space.")
    points = grid.size // max(1, batch * n) if batch else 0
    flat = native.reshape(input, (batch, channels, math.prod(space)))
    corners = []  # of each axis: places and weights
    for k, size in enumerate(space):
        x = _pixels(native.reshape(grid, (batch, points, n))[:, :, n - 1 - k], size, align_corners)
        if mode != "bicubic":
            x = _inside(x, size, padding_mode, align_corners)
        whole = native.stop_gradient(native.round(x) if mode == "nearest" else native.floor(x))
        if mode == "nearest":
            corners.append([(whole, None)])
            continue
        t = native.sub(x, whole)
        if mode == "bilinear":
            corners.append([(whole, native.sub(1.0, t)), (native.add(whole, 1.0), t)])
        else:
            places = (_inside(native.add(whole, k - 1.0), size, padding_mode, align_corners) for k in range(4))
            corners.append(list(zip(places, _cubic(t))))
    total = None
    for chosen in itertools.product(*corners):
        index, weight, inside = None, None, None
        for (place, w), size in zip(chosen, space):
            # NaN is outside.
            here = native.logical_and(native.greater_equal(place, 0.0), native.less_equal(place, size - 1.0))
            safe = native.cast(native.where(here, place, 0.0), int64)
            index = safe if index is None else native.add(native.mul(index, size), safe)
            inside = here if inside is None else native.logical_and(inside, here)
            if w is not None:
                weight = w if weight is None else native.mul(weight, w)
        index = native.broadcast_to(native.expand_dims(index, 1), (batch, channels, points))
        term = native.where(native.expand_dims(inside, 1), native.gather_elements(flat, 2, index), 0.0)
        if weight is not None:
            term = native.mul(term, native.expand_dims(weight, 1))
        total = term if total is None else native.add(total, term)
    return native.reshape(total, (batch, channels, *grid.shape[1:-1]))


@op(samples=("affine_grid(x(2, 2, 3), (2, 1, 3, 2))", "affine_grid(x(1, 3, 4), (1, 1, 2, 3, 2), True)"))
def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool = False) -> Tensor:
    """Places for `grid_sample`: those of a regular grid, mapped by ``theta``.

    Parameters
    ----------
    theta : Tensor
        (batch, 2, 3), or (batch, 3, 4) for volumes.
    size : sequence of int
        The shape of the images that are to be made: (batch, channels, height, width), or with a depth.
    align_corners : bool

    Raises
    ------
    TypeError, ValueError
        For shapes that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.affine_grid(Tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), (1, 1, 1, 2)))
    [[[[-0.5  0. ]
       [ 0.5  0. ]]]]
    """
    import numpy as np

    require_tensor("affine_grid", "theta", theta)
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"affine_grid: size must be a sequence of ints, got {size!r}.")
    n = len(size) - 2
    size = sizes("affine_grid", "size", size, len(size))
    if n not in (2, 3) or theta.shape != (size[0], n, n + 1) or min(size) < 1:
        raise ValueError(f"affine_grid: theta of shape {theta.shape} does not fit the size {size}.")
    axes = []
    for count in size[2:]:
        line = np.linspace(-1, 1, count) if align_corners and count > 1 else (2 * np.arange(count) + 1) / count - 1
        axes.append(line if not align_corners or count > 1 else np.zeros(1))
    grids = np.meshgrid(*axes, indexing="ij")
    places = np.stack([*(g.ravel() for g in reversed(grids)), np.ones(grids[0].size)], -1)
    base = native.cast(Tensor(places), theta.dtype)
    return native.reshape(native.matmul(base, native.swapaxes(theta, 1, 2)), (size[0], *size[2:], n))
