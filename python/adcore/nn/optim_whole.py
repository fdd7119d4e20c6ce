"""Optimizers that look at whole Parameters: the norms of each (Lamb, LARS), or all of them as one vector (LBFGS).

Those of norms are written with ops, so derivatives pass through a step. LBFGS decides by numbers and is no op; what it
needs of earlier calls is kept in Parameters, too. Start reading at `Lamb`.
"""

from .. import ops
from .._core import Parameter, Tensor, float32, float64, int32, optimizer_values
from ..transforms import value_and_grad
from .cell import Cell
from .optim import _Betas
from .optimizer import Optimizer


def _wide(t):
    return t if t.dtype in (float32, float64) else t.astype(float32)


def _quotient(a, b):
    """``a / b`` where both are positive, 1 elsewhere."""
    both = ops.logical_and(a > 0, b > 0)
    return ops.where(both, a / ops.where(both, b, ops.ones_like(b)), ops.ones_like(b))


class Lamb(_Betas):
    """Adam with steps in proportion to the norm of each Parameter (You et al. 2020, arXiv:1904.00962).

    With the means m and v of Adam, at step t ``u = m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)
    + weight_decay * p``, then ``p -= lr * norm(p) / norm(u) * u``; where a norm is 0, the quotient is 1.

    Parameters
    ----------
    params, learning_rate, weight_decay
        See `Optimizer`.
    beta1, beta2 : float
        In [0, 1) and in (0, 1).
    eps : float
        Positive.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([3.0, 4.0], ac.float32), name="w")
    >>> optimizer = nn.Lamb([w], learning_rate=0.2)
    >>> optimizer((ac.Tensor([1.0, 0.0], ac.float32),))
    (True,)
    >>> w.asnumpy().round(4).tolist()
    [2.0, 4.0]
    """

    _native = optimizer_values
    _decay_in_gradient = False

    def __init__(self, params, learning_rate, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.0):
        super().__init__(learning_rate, params, weight_decay)
        self._set_betas(beta1, beta2, eps)
        self.moments1 = self.parameters.clone(prefix="lamb_m", init="zeros")
        self.moments2 = self.parameters.clone(prefix="lamb_v", init="zeros")

    def _plan(self):
        return "lamb_direction", (self.moments1, self.moments2), (self.beta1, self.beta2, self.eps), ()

    @staticmethod
    def _moved(param, direction, rate):
        p, u = _wide(param), _wide(direction)
        return (p - rate * (_quotient(ops.norm(p), ops.norm(u)) * u)).astype(param.dtype)

    def construct(self, gradients):
        """Do one step with the gradients of ``self.parameters``, a tuple or list of Tensors."""
        directions, *states = super().construct(gradients)
        rates = self.get_lr()
        if not isinstance(rates, tuple):
            rates = (rates,) * len(directions)
        moved = [self._moved(*of) for of in zip(self.parameters, directions, rates)]
        step = self.global_step + 1
        for cells, values in zip((self.parameters, self.moments1, self.moments2), (moved, *states)):
            for cell, value in zip(cells, values):
                cell.set_data(value)
        self.global_step.set_data(step)
        return self._done


class LARS(Optimizer):
    """Scales the gradient of each Parameter by the norm of that before another optimizer steps (You et al. 2017).

    ``g = coefficient * norm(p) / (norm(g) + weight_decay * norm(p) + epsilon) * (g + weight_decay * p)``; with
    `use_clip` the factor is divided by the learning rate and at most 1. Where a norm is 0, the factor is 1. The weight
    decay is that of `optimizer`, which decays no more itself: from then on it belongs to LARS.

    Parameters
    ----------
    optimizer : Optimizer
        Steps with the scaled gradients.
    epsilon, coefficient : float
        Not negative.
    use_clip : bool
    lars_filter : callable
        Takes a Parameter; where it returns False, the gradient stays as it is and there is no decay. By default for
        names with 'LayerNorm' or 'bias'.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([3.0, 4.0], ac.float32), name="w")
    >>> optimizer = nn.LARS(nn.SGD([w], 1.0), epsilon=0.0, coefficient=0.5)
    >>> optimizer((ac.Tensor([8.0, 0.0], ac.float32),))
    (True,)
    >>> w.asnumpy().tolist()
    [0.5, 4.0]
    """

    def __init__(
        self,
        optimizer,
        epsilon=1e-05,
        coefficient=0.001,
        use_clip=False,
        lars_filter=lambda x: "LayerNorm" not in x.name and "bias" not in x.name,
    ):
        Cell.__init__(self, auto_prefix=False)
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"LARS: optimizer must be an Optimizer, but got {type(optimizer).__name__}.")
        if optimizer.dynamic_weight_decay:
            raise TypeError("LARS: the weight decay of the optimizer must be a number, but it is a Cell.")
        self.epsilon = self._number("epsilon", epsilon, low=0.0)
        self.coefficient = self._number("coefficient", coefficient, low=0.0)
        self.use_clip = self._flag("use_clip", use_clip)
        self.opt = optimizer
        self.lars_flag = tuple(bool(lars_filter(p)) for p in optimizer.parameters)
        decays = optimizer._decays()
        self._decay_of = decays if isinstance(decays, tuple) else (decays,) * len(optimizer.parameters)
        optimizer.weight_decay = (0.0,) * len(self._decay_of) if optimizer.is_group else 0.0

    @property
    def parameters(self):
        """Those of the optimizer."""
        return self.opt.parameters

    @property
    def global_step(self):
        """That of the optimizer."""
        return self.opt.global_step

    @property
    def learning_rate(self):
        """That of the optimizer."""
        return self.opt.learning_rate

    def get_lr(self):
        """Return the learning rate of the step, as `Optimizer.get_lr` does."""
        return self.opt.get_lr()

    def get_lr_parameter(self, param):
        """Return the Parameter or schedule of a learning rate, as `Optimizer.get_lr_parameter` does."""
        return self.opt.get_lr_parameter(param)

    def get_weight_decay(self):
        """Return the weight decay of each Parameter, a tuple of floats."""
        return self._decay_of

    def _scaled(self, gradient, param, decay, rate):
        p, g = _wide(param), _wide(gradient)
        size, slope = ops.norm(p), ops.norm(g)
        factor = self.coefficient * size / (slope + decay * size + self.epsilon)
        if self.use_clip:
            factor = ops.clamp(factor / rate, max=1.0)
        both = ops.logical_and(size > 0, slope > 0)
        return ops.where(both, factor, ops.ones_like(factor)) * (g + decay * p)

    def construct(self, gradients):
        """Do one step with the gradients of ``self.parameters``, a tuple or list of Tensors."""
        gradients = self.opt.scale_grad(self.opt._checked(gradients))
        rates = self.get_lr()
        if not isinstance(rates, tuple):
            rates = (rates,) * len(gradients)
        columns = zip(self.lars_flag, gradients, self.parameters, self._decay_of, rates)
        scaled = [self._scaled(*rest) if flag else rest[0] for flag, *rest in columns]
        return self.opt(tuple(g * self.opt.loss_scale for g in scaled) if self.opt.loss_scale != 1.0 else tuple(scaled))


class LBFGS(Optimizer):
    """Limited-memory BFGS: a quasi-Newton method for smooth losses of all data (Nocedal and Wright 2006, section 7.2).

    A call ``optimizer(loss)`` does up to `max_iter` iterations and evaluates ``loss()``, a function without arguments
    of the optimizer's Parameters, and its gradient as often as it needs. It computes in float64, by numbers, so a call
    cannot stand in a differentiated function.

    Parameters
    ----------
    params, learning_rate
        See `Optimizer`; a number, and no groups. The rate is the length of a step along the direction; with a line
        search, where that begins.
    max_iter : int
        Iterations of a call.
    max_eval : int, optional
        Evaluations of a call; ``max_iter * 5 // 4`` where it is None. A line search that has begun is finished.
    tolerance_grad, tolerance_change : float
        The call ends where no element of the gradient is larger, or where the loss or every element of the Parameters
        changed by less.
    history_size : int
        How many steps are remembered, each in two vectors as long as all Parameters together.
    line_search_fn : str, optional
        'strong_wolfe': steps that fulfil the strong Wolfe conditions with the constants 1e-4 and 0.9 (algorithms 3.5
        and 3.6 of the same book).

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([-1.0, 1.5], ac.float64), name="w")
    >>> optimizer = nn.LBFGS([w], max_iter=60, line_search_fn="strong_wolfe")
    >>> loss = lambda: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
    >>> float(optimizer(loss))
    29.0
    >>> w.asnumpy().round(4).tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        params,
        learning_rate=1.0,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=10,
        line_search_fn=None,
    ):
        self._number("learning_rate", learning_rate, low=0.0, strict=True)
        super().__init__(learning_rate, params)
        if self.is_group:
            raise ValueError("LBFGS: all Parameters are one vector, there are no groups.")
        self.max_iter = self._count("max_iter", max_iter)
        self.max_eval = self.max_iter * 5 // 4 if max_eval is None else self._count("max_eval", max_eval)
        self.history_size = self._count("history_size", history_size)
        self.tolerance_grad = self._number("tolerance_grad", tolerance_grad, low=0.0)
        self.tolerance_change = self._number("tolerance_change", tolerance_change, low=0.0)
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(f"LBFGS: line_search_fn must be None or 'strong_wolfe', but got {line_search_fn!r}.")
        self.line_search_fn = line_search_fn
        size = sum(p.size for p in self.parameters)
        for name, shape in (
            ("steps", (history_size, size)),
            ("slopes", (history_size, size)),
        ):
            setattr(self, name, Parameter(ops.zeros(shape, float64), name=f"lbfgs_{name}", requires_grad=False))
        self.remembered = Parameter(Tensor(0, int32), name="lbfgs_remembered", requires_grad=False)

    def _count(self, name, value):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"LBFGS: {name} must be an int, but got {type(value).__name__}.")
        if value <= 0:
            raise ValueError(f"LBFGS: {name} must be positive, but got {value}.")
        return value

    def _write(self, vector):
        at = 0
        for p in self.parameters:
            p.set_data(Tensor(vector[at : at + p.size].reshape(p.shape), p.dtype))
            at += p.size

    def construct(self, loss):
        """Minimize ``loss()``, a function without arguments; return the loss at the beginning, a 0-d Tensor."""
        import numpy as np

        if not callable(loss):
            raise TypeError(f"LBFGS: a call takes a function that returns the loss, but got {type(loss).__name__}.")
        values_of = value_and_grad(loss, None, self.parameters)

        def flat(tensors):
            return np.concatenate([t.asnumpy().astype(np.float64).ravel() for t in tensors])

        first, before, evaluations = None, [p.value() for p in self.parameters], 0

        def evaluate(x):
            nonlocal evaluations, first
            self._write(x)
            value, gradients = values_of()
            evaluations += 1
            first = value if first is None else first
            return float(value), flat(gradients)

        try:
            x = flat(self.parameters)
            f, g = evaluate(x)
            if not (np.isfinite(f) and np.isfinite(g).all()):
                raise ValueError(f"LBFGS: the loss {f} or its gradient is not finite at the start.")
            memory = _Memory(self)
            for _ in range(self.max_iter):
                if np.abs(g).max() <= self.tolerance_grad or evaluations >= self.max_eval:
                    break
                d = memory.direction_at(g)
                slope = g @ d
                if slope > -self.tolerance_change:
                    break
                rate = float(self.learning_rate)
                t = rate if memory.steps else min(1.0, 1.0 / np.abs(g).sum()) * rate
                last = f
                if self.line_search_fn is None:
                    following = x + t * d
                    f, new = evaluate(following)
                else:
                    f, new, t = _strong_wolfe(evaluate, x, d, t, f, g, self.tolerance_change)
                    following = x + t * d
                if not (np.isfinite(f) and np.isfinite(new).all()):
                    raise ValueError(
                        f"LBFGS: the loss became {f} or its gradient not finite; a smaller learning_rate or "
                        "line_search_fn='strong_wolfe' may help."
                    )
                memory.add(following - x, new - g)
                x, g = following, new
                if np.abs(t * d).max() <= self.tolerance_change or abs(f - last) < self.tolerance_change:
                    break
            self._write(x)
            memory.store()
            self.global_step.set_data(self.global_step + 1)
        except BaseException:
            for p, value in zip(self.parameters, before):
                p.set_data(value)
            raise
        return first


class _Memory:
    """The last steps and differences of gradients, and the directions that follow from them."""

    def __init__(self, owner):
        self.owner = owner
        count = int(owner.remembered)
        self.steps = list(owner.steps.asnumpy()[:count].copy())
        self.slopes = list(owner.slopes.asnumpy()[:count].copy())

    def add(self, step, slope):
        # Without this curvature the matrix would not be positive definite.
        if step @ slope > 1e-10 * (slope @ slope) ** 0.5 * (step @ step) ** 0.5:
            self.steps.append(step)
            self.slopes.append(slope)
            del self.steps[: -self.owner.history_size], self.slopes[: -self.owner.history_size]

    def direction_at(self, gradient):
        """The two loops of Nocedal."""
        q, parts = -gradient, []
        for s, y in zip(reversed(self.steps), reversed(self.slopes)):
            a = (s @ q) / (s @ y)
            q = q - a * y
            parts.append(a)
        if self.steps:
            q = q * (self.steps[-1] @ self.slopes[-1]) / (self.slopes[-1] @ self.slopes[-1])
        for s, y, a in zip(self.steps, self.slopes, reversed(parts)):
            q = q + s * (a - (y @ q) / (s @ y))
        return q

    def store(self):
        for cell, rows in ((self.owner.steps, self.steps), (self.owner.slopes, self.slopes)):
            filled = cell.asnumpy().copy()
            for i, row in enumerate(rows):
                filled[i] = row
            cell.set_data(Tensor(filled))
        self.owner.remembered.set_data(Tensor(len(self.steps), int32))


def _cubic_minimum(a, b, low, high):
    """The minimum, between `low` and `high`, of the cubic through two points (place, value, slope)."""
    if b[0] < a[0]:
        a, b = b, a
    d1 = a[2] + b[2] - 3 * (a[1] - b[1]) / (a[0] - b[0])
    square = d1 * d1 - a[2] * b[2]
    if square >= 0:
        d2 = square**0.5
        divisor = b[2] - a[2] + 2 * d2
        if divisor != 0:
            place = b[0] - (b[0] - a[0]) * ((b[2] + d2 - d1) / divisor)
            if low <= place <= high:
                return place
    return (low + high) / 2


def _strong_wolfe(evaluate, x, d, t, f0, g0, tolerance, sufficient=1e-4, curvature=0.9, most=25):
    """(loss, gradient, length) of a step of the strong Wolfe conditions along d, or the best of some trials."""
    slope0 = g0 @ d
    size = abs(d).max()

    def trial(t):
        f, g = evaluate(x + t * d)
        return t, f, g @ d, g

    def falls(point):  # False for NaN too
        return point[1] <= f0 + sufficient * point[0] * slope0

    low, high, previous = None, None, (0.0, f0, slope0, g0)
    for _ in range(most):
        point = trial(t)
        if not falls(point) or (previous[0] > 0 and point[1] >= previous[1]):
            low, high = previous, point
            break
        if abs(point[2]) <= -curvature * slope0:
            return point[1], point[3], point[0]
        if point[2] >= 0:
            low, high = point, previous
            break
        t, previous = _cubic_minimum(previous, point, point[0] * 1.01, point[0] * 10), point
    else:
        return previous[1], previous[3], previous[0]
    for _ in range(most):
        width = abs(high[0] - low[0])
        if width * size < tolerance:
            break
        near, far = sorted((low[0], high[0]))
        finite = abs(high[1]) < float("inf") and abs(high[2]) < float("inf")
        t = _cubic_minimum(low, high, near + 0.1 * width, far - 0.1 * width) if finite else (near + far) / 2
        point = trial(t)
        if not falls(point) or point[1] >= low[1]:
            high = point
            continue
        if abs(point[2]) <= -curvature * slope0:
            return point[1], point[3], point[0]
        if point[2] * (high[0] - low[0]) >= 0:
            high = low
        low = point
    return low[1], low[3], low[0]
