"""Checks for those who write functions and rules of their own."""

import numpy as np

from adcore import ops
from adcore._core import Tensor, float64
from adcore.transforms import jvp, vjp
from adcore.transforms.options import check_callable
from adcore.transforms.trees import Arguments, tensors_of

__all__ = ["check_grads"]

_MAX_ORDER = 8  # differences say nothing beyond
_MODES = ("fwd", "rev")
# The step of the differences, then the tolerance at order 1. Central differences err by step^2 and by rounding / step,
# which balance at the cube root of the rounding error.
_SHARP = (6e-6, 1e-6)  # where all is float64
_LOOSE = (5e-3, 2e-2)


def check_grads(f, args, order=2, modes=_MODES, atol=None, rtol=None, eps=None):
    """Compare the derivatives of a function with finite differences, and forward with reverse mode.

    Parameters
    ----------
    f : callable
        Takes `args`, returns tensors or containers of them.
    args : tuple
        Its arguments: tensors, floats, arrays, or containers of these, float64 for a sharp check, float32 for a loose
        one.
    order : int, default 2
        The derivatives of f are checked; then, for each further order, those of its derivative along a direction.
    modes : tuple of {'fwd', 'rev'}, default both
        Which modes to check, in any order of nesting; with both, also against each other.
    atol, rtol : float, optional
        Absolute and relative tolerance; by default 1e-6 for float64 and 2e-2 for float32, times 10 for each further
        order.
    eps : float, optional
        Step of the central differences; by default 6e-6 for float64, 5e-3 for float32.

    Raises
    ------
    AssertionError
        Where they differ: names the order, the mode and both values.
    TypeError, ValueError
        For arguments without derivative, unknown modes, and an order that is not from 1 to 8.

    Notes
    -----
    Directions and cotangents are random and the same in every call. A forward derivative along v is compared with
    (f(x + eps v) - f(x - eps v)) / (2 eps); a reverse one by its product with v.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore import Tensor, ops, testing
    >>> testing.check_grads(lambda x: ops.sin(x) * x, (Tensor(np.array([0.5, 1.0])),))
    """
    check_callable("check_grads", f)
    if isinstance(order, bool) or not isinstance(order, int):
        raise TypeError(f"check_grads: order must be an int, got {type(order).__name__}.")
    if not 1 <= order <= _MAX_ORDER:
        raise ValueError(f"check_grads: order must be from 1 to {_MAX_ORDER}, got {order}.")
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if not modes or not set(modes) <= set(_MODES):
        raise ValueError(f"check_grads: modes must be some of {_MODES}, got {modes!r}.")
    if not isinstance(args, (tuple, list)):
        args = (args,)
    arguments = Arguments("check_grads", args, [f"argument {i}" for i in range(len(args))])
    step, tolerance = _SHARP if all(leaf.dtype is float64 for leaf in arguments.leaves) else _LOOSE
    limits = (eps or step, tolerance if atol is None else atol, tolerance if rtol is None else rtol)
    _check(f, arguments, order, modes, limits, np.random.default_rng(0), "")


def _random_like(rng, tensors):
    return [Tensor(rng.standard_normal(tuple(t.shape)), t.dtype) for t in tensors]


def _check(f, arguments, order, modes, limits, rng, path):
    eps, atol, rtol = limits

    def flat(*leaves):
        return tensors_of(f(*arguments.filled(list(leaves))))

    values = [ops.stop_gradient(t) for t in arguments.leaves]
    direction = _random_like(rng, values)
    ahead = flat(*(x + v * eps for x, v in zip(values, direction)))
    behind = flat(*(x - v * eps for x, v in zip(values, direction)))
    difference = [_array(a) / (2 * eps) - _array(b) / (2 * eps) for a, b in zip(ahead, behind)]
    weights = _random_like(rng, ahead)
    level = path.count("of the derivative") + 1
    pushed = None
    if "fwd" in modes:
        pushed = jvp(lambda *leaves: flat(*leaves), tuple(values), tuple(direction))[1]
        for k, (own, expected) in enumerate(zip(pushed, difference)):
            _compare(f"forward mode{path}, output {k}", own, expected, atol, rtol, "finite differences", level)
    if "rev" in modes:
        out, pull = vjp(lambda *leaves: flat(*leaves), *values)
        pulled = pull(weights)
        own = sum(float(np.sum(_array(g) * _array(v))) for g, v in zip(pulled, direction))
        expected = sum(float(np.sum(_array(w) * d)) for w, d in zip(weights, difference))
        scale = sum(float(np.sum(np.abs(_array(w) * d))) for w, d in zip(weights, difference))
        _compare(f"reverse mode{path}", own, expected, atol + rtol * scale, rtol, "finite differences", level)
        if pushed is not None:
            other = sum(float(np.sum(_array(w) * _array(t))) for w, t in zip(weights, pushed))
            _compare(f"reverse mode{path}", own, other, atol + rtol * scale, rtol, "forward mode", level)
    if order == 1:
        return
    looser = (eps, atol * 10, rtol * 10)
    for mode in modes:
        if mode == "fwd":

            def derivative(*args):
                leaves = Arguments("check_grads", args, arguments.labels).leaves
                return jvp(lambda *x: flat(*x), tuple(leaves), tuple(direction))[1]

        else:

            def derivative(*args):
                leaves = Arguments("check_grads", args, arguments.labels).leaves
                return vjp(lambda *x: flat(*x), *leaves)[1](weights)

        _check(derivative, arguments, order - 1, modes, looser, rng, f" of the derivative in {mode} mode{path}")


def _array(t):
    return t.asnumpy().astype(np.float64) if isinstance(t, Tensor) else t


def _compare(what, own, expected, atol, rtol, other, level):
    own, expected = _array(own), np.asarray(_array(expected))
    if not np.allclose(own, expected, rtol=rtol, atol=atol, equal_nan=True):
        raise AssertionError(
            f"check_grads: {what} (order {level}) gives\n{own}\nbut {other}\n{expected}\n"
            f"(atol {atol:g}, rtol {rtol:g})."
        )
