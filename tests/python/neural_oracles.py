"""What convolutions, pools, normalizations and the like give, in plain loops of NumPy: the oracle of their values.

`CALLS` are calls of each, with the function that says what they give; `test_ops_values.py` walks them.
"""

import itertools
import math

import numpy as np
from scipy import ndimage, signal, special

RNG = np.random.default_rng(23)


def noise(*shape):
    return RNG.uniform(-2, 2, shape)


def conv(x, w, bias=None, stride=(1,), low=(0,), high=(0,), dilation=(1,), groups=1):
    """The convolution tap by tap; sizes of one number count for every axis."""
    n = x.ndim - 2
    stride, low, high, dilation = (tuple(v) * n if len(v) == 1 else tuple(v) for v in (stride, low, high, dilation))
    x = np.pad(x, [(0, 0), (0, 0), *zip(low, high)])
    out = [(x.shape[i + 2] - dilation[i] * (w.shape[i + 2] - 1) - 1) // stride[i] + 1 for i in range(n)]
    images, rows = x.shape[0], w.shape[0]
    y = np.zeros((images, rows, *out))
    for tap in itertools.product(*map(range, w.shape[2:])):
        places = (slice(t * d, t * d + (o - 1) * s + 1, s) for t, d, o, s in zip(tap, dilation, out, stride))
        seen = x[(slice(None), slice(None), *places)].reshape(images, groups, -1, *out)
        factors = w[(slice(None), slice(None), *tap)].reshape(groups, rows // groups, -1)
        y += np.einsum("ngc...,goc->ngo...", seen, factors).reshape(y.shape)
    return y if bias is None else y + bias.reshape(-1, *(1,) * n)


def conv_transpose(x, w, bias=None, stride=1, padding=0, extra=0, groups=1, dilation=1):
    """Every element spread by the kernel, then what the padding cuts off."""
    n, out = x.ndim - 2, w.shape[1]
    stride, padding, extra, dilation = (
        v if isinstance(v, tuple) else (v,) * n for v in (stride, padding, extra, dilation)
    )
    sizes = [
        (s - 1) * t + d * (k - 1) + 1 + e for s, t, d, k, e in zip(x.shape[2:], stride, dilation, w.shape[2:], extra)
    ]
    y = np.zeros((x.shape[0], groups * out, *sizes))
    per = x.shape[1] // groups
    for tap in itertools.product(*map(range, w.shape[2:])):
        places = tuple(
            slice(t * d, t * d + (s - 1) * r + 1, r) for t, d, s, r in zip(tap, dilation, x.shape[2:], stride)
        )
        for g in range(groups):
            part = np.einsum(
                "nc...,co->no...", x[:, g * per : (g + 1) * per], w[(slice(g * per, (g + 1) * per), slice(None), *tap)]
            )
            y[(slice(None), slice(g * out, (g + 1) * out), *places)] += part
    y = y[(slice(None), slice(None), *(slice(p, s - p) for p, s in zip(padding, sizes)))]
    return y if bias is None else y + bias.reshape(-1, *(1,) * n)


def windows(size, kernel, stride, pad, dilation=1, ceil=False):
    """The elements that each window along one axis sees, and how many it has with the padding."""
    left = size + 2 * pad - dilation * (kernel - 1) - 1
    count = left // stride + 1
    if ceil and left % stride and count * stride < size + pad:
        count += 1
    found = []
    for u in range(count):
        start = u * stride - pad
        seen = [start + t * dilation for t in range(kernel) if 0 <= start + t * dilation < size]
        found.append((seen, min(start + kernel, size + pad) - start))
    return found


def parts(size, count):
    return [(list(range(u * size // count, -(-(u + 1) * size // count))), 0) for u in range(count)]


def pooled(x, axes, f):
    """f(elements, their places in the plane, sizes of the windows) of every combination of windows of the last axes."""
    n = len(axes)
    planes = x.reshape(-1, *x.shape[-n:])
    rows = []
    for plane in planes:
        for chosen in itertools.product(*axes):
            index = np.ix_(*(seen for seen, _ in chosen))
            places = np.arange(plane.size).reshape(plane.shape)[index].ravel()
            rows.append(f(plane[index].ravel(), places, [size for _, size in chosen]))
    return np.array(rows).reshape(*x.shape[:-n], *map(len, axes))


def axes_of(x, n, *options):
    options = [v if isinstance(v, tuple) else (v,) * n for v in options]
    return [windows(size, *each) for size, *each in zip(x.shape[-n:], *options)]


def greatest(values, places, sizes):
    return values.max()


def place_of_greatest(values, places, sizes):
    return places[values.argmax()]


def average(values, places, sizes):
    return values.sum() / math.prod(sizes)


def average_of_seen(values, places, sizes):
    return values.mean()


def adaptive(n):
    return lambda x, out: pooled(x, [parts(s, o) for s, o in zip(x.shape[-n:], out)], average_of_seen)


def unpooled(x, index, kernel):
    """Of windows without padding that stand side by side."""
    space = tuple(kernel * s for s in x.shape[1:])
    y = np.zeros((x.shape[0], math.prod(space)))
    for plane, values, places in zip(y, x, index):
        plane[places.ravel()] = values.ravel()
    return y.reshape(x.shape[0], *space)


def standardized(x, axes, eps=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def attention(q, k, v, mask=None, scale=None):
    scores = np.einsum("...ik,...jk->...ij", q, k) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    alone = ~np.isfinite(scores).any(-1, keepdims=True)
    return np.where(alone, 0, special.softmax(np.where(alone, 0, scores), -1)) @ v


def resized(x, out, order, corners):
    """SciPy's splines of order 0 and 1 at the places that the convention names."""
    places = []
    for size, count in zip(x.shape[2:], out):
        u = np.arange(count)
        at = u * (size - 1) / (count - 1) if corners else (u + 0.5) * size / count - 0.5
        places.append(np.floor(u * size / count) if order == 0 else at)
    grid = np.meshgrid(*places, indexing="ij")
    return np.array(
        [[ndimage.map_coordinates(plane, grid, order=order, mode="nearest") for plane in image] for image in x]
    )


def cubic(t, a=-0.75):
    t = np.abs(t)
    return np.where(t <= 1, (a + 2) * t**3 - (a + 3) * t**2 + 1, np.where(t < 2, a * (t**3 - 5 * t**2 + 8 * t - 4), 0))


def bicubic(x, out):
    for axis, count in zip((2, 3), out):
        size = x.shape[axis]
        at = (np.arange(count) + 0.5) * size / count - 0.5
        matrix = np.zeros((count, size))
        for j in range(-3, size + 3):
            matrix[:, min(max(j, 0), size - 1)] += cubic(at - j)
        x = np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis)
    return x


def sampled(x, grid, order=1, mode="constant"):
    """SciPy's splines in images whose edges are at -1 and 1."""
    y = np.zeros((*x.shape[:2], *grid.shape[1:-1]))
    for image in range(x.shape[0]):
        places = [(grid[image, ..., -1 - k] + 1) * s / 2 - 0.5 for k, s in enumerate(x.shape[2:])]
        for channel in range(x.shape[1]):
            y[image, channel] = ndimage.map_coordinates(x[image, channel], places, order=order, mode=mode)
    return y


def sampled_bicubic(x, grid, place):
    """Sums over the pixels around a place, of which `place` tells where they are in the image; None: nowhere."""
    y = np.zeros((*x.shape[:2], *grid.shape[1:-1]))
    for b, *at in np.ndindex(grid.shape[:-1]):
        ways = []
        for k, size in enumerate(x.shape[2:]):
            v = (grid[(b, *at)][-1 - k] + 1) * size / 2 - 0.5
            pixels = range(math.floor(v) - 1, math.floor(v) + 3)
            ways.append([(place(p, size), cubic(v - p)) for p in pixels if place(p, size) is not None])
        for (row, down), (column, right) in itertools.product(*ways):
            y[(b, slice(None), *at)] += down * right * x[b, :, row, column]
    return y


IMAGES, KERNELS = noise(2, 4, 6, 5), noise(6, 2, 3, 2)
LINES, VOLUMES = noise(2, 3, 9), noise(2, 2, 4, 3, 5)
TABLE, ROWS_OF_TABLE = noise(5, 3), np.array([[1, 4, 0], [2, 2, 3]])
Q, K, V = noise(2, 3, 4), noise(2, 5, 4), noise(2, 5, 2)
MASK = np.array([[True, False, True, True, False], [False] * 5, [True] * 5])
CAUSAL = np.tril(np.ones((3, 5), bool))
GRID = RNG.uniform(-0.7, 0.7, (2, 3, 4, 2))
CHANNELS = [noise(4) for _ in range(4)]
ANGLES = noise(2, 2, 3)


BAGS = np.array([1, 4, 2, 3, 2])


def bagged(f):
    """f of the rows of each bag, 0 of an empty one."""

    def oracle(rows, table, offsets):
        bags = np.split(rows, offsets[1:])
        return np.stack([f(table[bag], 0) if len(bag) else np.zeros(table.shape[1]) for bag in bags])

    return oracle


def apart(v, n):
    return v.reshape(-1, *(1,) * n)


# op, arguments, oracle, keywords, label
CALLS = [
    ("conv1d", (LINES, noise(4, 3, 3), noise(4)), conv, {}, ""),
    ("conv1d", (noise(1, 1, 40), noise(1, 1, 7)), lambda x, w: signal.correlate(x, w, "valid"), {}, "SciPy"),
    (
        "conv1d",
        (LINES, noise(2, 3, 4), None, 2, "same", 0, 2),
        lambda x, w, *_: conv(x, w, None, (2,), (3,), (3,), (2,)),
        {},
        "same",
    ),
    ("conv2d", (noise(2, 4, 6, 5), noise(6, 4, 3, 2), noise(6)), conv, {}, ""),
    (
        "conv2d",
        (IMAGES, KERNELS, noise(6), (2, 1), "pad", (1, 2), (1, 2), 2),
        lambda x, w, b, *_: conv(x, w, b, (2, 1), (1, 2), (1, 2), (1, 2), 2),
        {},
        "MindSpore's order",
    ),
    (
        "conv2d",
        (IMAGES, KERNELS, None, (2, 1), (1, 2), (1, 2), 2),
        lambda x, w, *_: conv(x, w, None, (2, 1), (1, 2), (1, 2), (1, 2), 2),
        {},
        "PyTorch's order",
    ),
    ("conv2d", (IMAGES, noise(4, 1, 3, 3)), lambda x, w: conv(x, w, groups=4), {"groups": 4}, "depthwise"),
    ("conv2d", (IMAGES, noise(3, 4, 1, 1)), conv, {}, "1x1"),
    ("conv2d", (noise(4, 6, 5), noise(3, 4, 3, 3)), lambda x, w: conv(x[None], w)[0], {}, "no batch"),
    (
        "conv2d",
        (IMAGES, noise(3, 4, 2, 2)),
        lambda x, w: conv(x, w, low=(1, 0), high=(0, 2)),
        {"padding": (1, 0, 0, 2), "pad_mode": "pad"},
        "two sides",
    ),
    (
        "conv2d",
        (IMAGES, noise(3, 4, 2, 3)),
        lambda x, w: conv(x, w, low=(0, 1), high=(1, 1)),
        {"padding": "same"},
        "same",
    ),
    ("conv3d", (VOLUMES, noise(3, 2, 2, 1, 3), noise(3)), conv, {}, ""),
    (
        "conv3d",
        (VOLUMES, noise(2, 1, 2, 2, 2)),
        lambda x, w: conv(x, w, None, (2, 1, 2), (1,), (1,), (1, 2, 1), 2),
        {"stride": (2, 1, 2), "padding": 1, "dilation": (1, 2, 1), "groups": 2},
        "all",
    ),
    ("conv_transpose1d", (LINES, noise(3, 2, 4), noise(2), 3, 1, 2), conv_transpose, {}, ""),
    (
        "conv_transpose2d",
        (IMAGES, noise(4, 3, 3, 2), noise(6), (2, 1), (1, 0), (1, 0), 2, (1, 2)),
        conv_transpose,
        {},
        "",
    ),
    ("conv_transpose3d", (VOLUMES, noise(2, 2, 2, 1, 3), None, 2), conv_transpose, {}, ""),
    *(
        (
            f"max_pool{n}d",
            (x, 3, 2, 1, 1, True, True),
            lambda x, *_, n=n: tuple(
                pooled(x, axes_of(x, n, 3, 2, 1, 1, True), f) for f in (greatest, place_of_greatest)
            ),
            {},
            "",
        )
        for n, x in ((1, LINES), (2, IMAGES), (3, VOLUMES))
    ),
    ("max_pool2d", (IMAGES, 2), lambda x, k: pooled(x, axes_of(x, 2, 2, 2, 0), greatest), {}, "plain"),
    ("max_pool2d", (IMAGES, 2, 1, 1, 2), lambda x, *_: pooled(x, axes_of(x, 2, 2, 1, 1, 2), greatest), {}, "dilated"),
    *(
        (
            f"avg_pool{n}d",
            (x, 3, 2, 1, True, counted),
            lambda x, *_, n=n, f=f: pooled(x, axes_of(x, n, 3, 2, 1, 1, True), f),
            {},
            "padding counts" if counted else "padding does not count",
        )
        for n, x in ((1, LINES), (2, IMAGES), (3, VOLUMES))
        for counted, f in ((True, average), (False, average_of_seen))
    ),
    (
        "avg_pool2d",
        (IMAGES, (2, 3), None),
        lambda x, *_: pooled(x, axes_of(x, 2, (2, 3), (2, 3), 0), lambda v, *_: v.sum() / 5),
        {"divisor_override": 5},
        "divisor",
    ),
    (
        "lp_pool1d",
        (LINES, 3, 2),
        lambda x, p, k: pooled(x, axes_of(x, 1, 2, 2, 0), lambda v, *_: np.linalg.norm(v, 3)),
        {},
        "",
    ),
    (
        "lp_pool2d",
        (IMAGES, 2, 2, 1),
        lambda x, *_: pooled(x, axes_of(x, 2, 2, 1, 0), lambda v, *_: np.linalg.norm(v)),
        {},
        "",
    ),
    ("adaptive_avg_pool1d", (LINES, (4,)), adaptive(1), {}, ""),
    ("adaptive_avg_pool2d", (IMAGES, (4, 2)), adaptive(2), {}, ""),
    ("adaptive_avg_pool3d", (VOLUMES, (3, 2, 4)), adaptive(3), {}, ""),
    *(
        (
            f"adaptive_max_pool{n}d",
            (x, out, True),
            lambda x, out, _, n=n: tuple(
                pooled(x, [parts(s, o) for s, o in zip(x.shape[-n:], out)], f) for f in (greatest, place_of_greatest)
            ),
            {},
            "",
        )
        for n, x, out in ((1, LINES, (4,)), (2, IMAGES, (4, 2)), (3, VOLUMES, (3, 2, 4)))
    ),
    *(
        (
            f"max_unpool{n}d",
            (noise(2, *(3,) * n), np.tile(2 * np.arange(3**n), (2, 1)).reshape(2, *(3,) * n), 2),
            unpooled,
            {},
            "",
        )
        for n in (1, 2, 3)
    ),
    (
        "layer_norm",
        (IMAGES, (6, 5), noise(6, 5), noise(6, 5)),
        lambda x, s, w, b: standardized(x, (2, 3)) * w + b,
        {},
        "",
    ),
    (
        "batch_norm",
        (IMAGES, CHANNELS[0], np.abs(CHANNELS[1]), CHANNELS[2], CHANNELS[3]),
        lambda x, m, v, w, b: (x - apart(m, 2)) / np.sqrt(apart(v, 2) + 1e-5) * apart(w, 2) + apart(b, 2),
        {},
        "",
    ),
    (
        "batch_norm",
        (IMAGES, None, None, CHANNELS[2], CHANNELS[3], True),
        lambda x, m, v, w, b, _: standardized(x, (0, 2, 3)) * apart(w, 2) + apart(b, 2),
        {},
        "training",
    ),
    ("batch_norm", (noise(7, 3), None, None, None, None, True), lambda x, *_: standardized(x, 0), {}, "no space"),
    ("instance_norm", (IMAGES,), lambda x: standardized(x, (2, 3)), {}, ""),
    (
        "group_norm",
        (IMAGES, 2, CHANNELS[0], CHANNELS[1], 1e-3),
        lambda x, n, w, b, e: standardized(x.reshape(2, 2, -1), 2, e).reshape(x.shape) * apart(w, 2) + apart(b, 2),
        {},
        "",
    ),
    (
        "rms_norm",
        (LINES, 9, noise(9), 1e-3),
        lambda x, s, w, e: x / np.sqrt((x**2).mean(-1, keepdims=True) + e) * w,
        {},
        "",
    ),
    (
        "local_response_norm",
        (IMAGES, 3, 0.5, 0.75, 2.0),
        lambda x, n, a, b, k: (
            x
            / (k + a / n * np.array([(x[:, max(c - 1, 0) : c + 2] ** 2).sum(1) for c in range(4)]).swapaxes(0, 1)) ** b
        ),
        {},
        "",
    ),
    ("local_response_norm", (np.zeros((0, 3, 4)), 3), lambda x, n: x, {}, "nothing"),
    ("normalize", (LINES,), lambda x: x / np.linalg.norm(x, axis=1, keepdims=True), {}, ""),
    ("normalize", (LINES, 1.0, 2), lambda x, p, d: x / np.abs(x).sum(2, keepdims=True), {}, "1-norm"),
    ("embedding", (ROWS_OF_TABLE, TABLE), lambda i, w: w[i], {}, ""),
    ("embedding", (ROWS_OF_TABLE, TABLE, 2), lambda i, w, _: w[i], {}, "padding"),
    ("embedding_bag", (ROWS_OF_TABLE, TABLE), lambda i, w: w[i].mean(1), {}, ""),
    ("embedding_bag", (ROWS_OF_TABLE, TABLE), lambda i, w: w[i].sum(1), {"mode": "sum"}, "sum"),
    ("embedding_bag", (ROWS_OF_TABLE, TABLE), lambda i, w: w[i].max(1), {"mode": "max"}, "max"),
    *(
        ("embedding_bag", (BAGS, TABLE, np.array([0, 2, 2])), bagged(f), {"mode": mode}, f"{mode} of bags")
        for mode, f in (("sum", np.sum), ("mean", np.mean), ("max", np.max))
    ),
    (
        "embedding_bag",
        (BAGS, TABLE, np.array([0, 2, 4, 5])),
        lambda i, w, o: np.stack([w[1] + w[4], w[3], 0 * w[0]]),
        {"mode": "sum", "padding_idx": 2, "include_last_offset": True},
        "padding",
    ),
    (
        "embedding_bag",
        (ROWS_OF_TABLE, TABLE),
        lambda i, w: np.stack([(w[1] + w[0]) / 2, w[[2, 2, 3]].mean(0)]),
        {"padding_idx": -1},
        "padding from the end",
    ),
    (
        "embedding_bag",
        (ROWS_OF_TABLE, TABLE),
        lambda i, w: np.stack([w[[1, 4, 0]].max(0), w[3]]),
        {"padding_idx": 2, "mode": "max"},
        "maximum without padding",
    ),
    ("scaled_dot_product_attention", (Q, K, V), attention, {}, ""),
    ("scaled_dot_product_attention", (Q, K, V, MASK), attention, {}, "mask"),
    ("scaled_dot_product_attention", (Q, K, V, noise(3, 5)), attention, {}, "added"),
    (
        "scaled_dot_product_attention",
        (Q, K, V),
        lambda q, k, v: attention(q, k, v, CAUSAL, 0.3),
        {"is_causal": True, "scale": 0.3},
        "causal",
    ),
    ("dropout1d", (LINES, 0.0), lambda x, p: x, {}, ""),
    ("dropout2d", (IMAGES, 0.5, False), lambda x, *_: x, {}, ""),
    ("dropout3d", (VOLUMES, 1.0), lambda x, p: x * 0, {}, ""),
    ("alpha_dropout", (LINES, 0.5), lambda x, p: x, {}, ""),
    ("feature_alpha_dropout", (LINES, 0.5), lambda x, p: x, {}, ""),
    ("interpolate", (LINES, 4), lambda x, s: resized(x, (4,), 0, False), {}, "nearest"),
    ("interpolate", (LINES, 7), lambda x, s: resized(x, (7,), 1, False), {"mode": "linear"}, "linear"),
    ("interpolate", (IMAGES, (4, 9)), lambda x, s: resized(x, s, 1, False), {"mode": "bilinear"}, "bilinear"),
    (
        "interpolate",
        (IMAGES, None, 2.0),
        lambda x, *_: resized(x, (12, 10), 1, True),
        {"mode": "bilinear", "align_corners": True},
        "corners",
    ),
    ("interpolate", (VOLUMES, (5, 2, 7)), lambda x, s: resized(x, s, 1, False), {"mode": "trilinear"}, "trilinear"),
    ("interpolate", (IMAGES, (4, 9)), bicubic, {"mode": "bicubic"}, "bicubic"),
    ("interpolate", (IMAGES, (4, 2)), adaptive(2), {"mode": "area"}, "area"),
    ("grid_sample", (IMAGES, GRID), sampled, {}, ""),
    ("grid_sample", (IMAGES, 2 * GRID), lambda x, g: sampled(x, g, 1, "nearest"), {"padding_mode": "border"}, "border"),
    (
        "grid_sample",
        (IMAGES, 3 * GRID),
        lambda x, g: sampled(x, g, 1, "reflect"),
        {"padding_mode": "reflection"},
        "reflection",
    ),
    ("grid_sample", (IMAGES, GRID), lambda x, g: sampled(x, g, 0), {"mode": "nearest"}, "nearest"),
    *(
        (
            "grid_sample",
            (IMAGES, 2 * GRID),
            lambda x, g, place=place: sampled_bicubic(x, g, place),
            {"mode": "bicubic", "padding_mode": padding},
            f"bicubic {padding}",
        )
        for padding, place in (
            ("zeros", lambda p, size: p if 0 <= p < size else None),
            ("border", lambda p, size: min(max(p, 0), size - 1)),
            ("reflection", lambda p, size: min(p % (2 * size), (-1 - p) % (2 * size))),
        )
    ),
    (
        "affine_grid",
        (ANGLES, (2, 1, 3, 4)),
        lambda t, s: np.array(
            [[[m @ [(2 * j + 1) / 4 - 1, (2 * i + 1) / 3 - 1, 1] for j in range(4)] for i in range(3)] for m in t]
        ),
        {},
        "",
    ),
    (
        "pixel_shuffle",
        (noise(2, 8, 3, 2), 2),
        lambda x, r: np.array(
            [
                [
                    [[x[n, c * 4 + i % 2 * 2 + j % 2, i // 2, j // 2] for j in range(4)] for i in range(6)]
                    for c in range(2)
                ]
                for n in range(2)
            ]
        ),
        {},
        "",
    ),
    (
        "pixel_unshuffle",
        (noise(1, 1, 4, 6), 2),
        lambda x, r: np.array([[x[0, 0, i::2, j::2] for i in range(2) for j in range(2)]]),
        {},
        "",
    ),
    ("channel_shuffle", (IMAGES, 2), lambda x, g: x[:, [0, 2, 1, 3]], {}, ""),
]
