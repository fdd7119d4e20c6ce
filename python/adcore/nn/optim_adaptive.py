"""Optimizers with a rate for each element, from the squares or the signs of its gradients; and averaged descent.

What they are made of stands in `optim`.
"""

from .optimizer import _Ruled


def _fraction(self, name, value):
    """A number in [0, 1)."""
    if self._number(name, value, low=0.0) >= 1.0:
        raise ValueError(f"{self.cls_name}: {name} must be in [0, 1), but got {value}.")
    return float(value)


class RMSProp(_Ruled):
    """Gradients divided by the root of the mean of their squares (Tieleman and Hinton 2012).

    MindSpore's: with ``g += weight_decay * p``, ``s = decay * s + (1 - decay) * g**2``, ``b = momentum * b + lr * g /
    sqrt(s + epsilon)``, ``p -= b``. With `centered`, ``m = decay * m + (1 - decay) * g`` and ``s - m**2`` stands for s
    in the root (Graves 2013). s starts at 1, so that first steps are short; PyTorch's starts at 0.

    Parameters
    ----------
    params, learning_rate, weight_decay, loss_scale
        See `Optimizer`.
    decay : float
        In [0, 1).
    momentum : float
        Not negative.
    epsilon : float
        Positive.
    use_locking : bool
        Accepted for compatibility, not used.
    centered : bool

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.RMSProp([w], learning_rate=0.5, decay=0.0)
    >>> optimizer((ac.Tensor([3.0], ac.float32),))
    (True,)
    >>> w.asnumpy().tolist()
    [0.5]
    """

    def __init__(
        self,
        params,
        learning_rate=0.1,
        decay=0.9,
        momentum=0.0,
        epsilon=1e-10,
        use_locking=False,
        centered=False,
        loss_scale=1.0,
        weight_decay=0.0,
    ):
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        self.decay = _fraction(self, "decay", decay)
        self.epsilon = self._number("epsilon", epsilon, low=0.0, strict=True)
        self.use_locking = self._flag("use_locking", use_locking)
        self.centered = self._flag("centered", centered)
        self.momentum = self._kept(self._number("momentum", momentum, low=0.0), "momentum")
        self.ms = self.parameters.clone(prefix="mean_square", init="ones")
        self.moment = self.parameters.clone(prefix="moment", init="zeros")
        if centered:
            self.mg = self.parameters.clone(prefix="mean_grad", init="zeros")

    def _plan(self):
        settings, numbers = (self.decay, self.epsilon), (self.momentum,)
        if self.centered:
            return "rmsprop_centered", (self.ms, self.moment, self.mg), settings, numbers
        return "rmsprop", (self.ms, self.moment), settings, numbers


class Adagrad(_Ruled):
    """Gradients divided by the root of the sum of their squares (Duchi, Hazan and Singer 2011).

    With ``g += weight_decay * p``: ``s += g**2``, ``p -= lr * g / sqrt(s)``. Where s is 0 the step is 0.

    Parameters
    ----------
    params, learning_rate, weight_decay, loss_scale
        See `Optimizer`.
    accum : float
        Where s starts, not negative.
    update_slots : bool
        Whether s grows.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.Adagrad([w], accum=0.0, learning_rate=0.5)
    >>> optimizer((ac.Tensor([3.0], ac.float32),))
    (True,)
    >>> w.asnumpy().tolist()
    [0.5]
    """

    def __init__(self, params, accum=0.1, learning_rate=0.001, update_slots=True, loss_scale=1.0, weight_decay=0.0):
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        self.update_slots = self._flag("update_slots", update_slots)
        self.accum = self.parameters.clone(prefix="accum", init=self._number("accum", accum, low=0.0))

    def _plan(self):
        return "adagrad", (self.accum,), (self.update_slots,), ()


class Adadelta(_Ruled):
    """Steps in the unit of the parameter: gradients by their root mean square, times that of the steps (Zeiler 2012).

    With ``g += weight_decay * p``: ``s = rho * s + (1 - rho) * g**2``, ``d = sqrt(u + epsilon) / sqrt(s + epsilon) *
    g``, ``u = rho * u + (1 - rho) * d**2``, ``p -= lr * d``.

    Parameters
    ----------
    params, learning_rate, weight_decay, loss_scale
        See `Optimizer`.
    rho : float
        In [0, 1].
    epsilon : float
        Positive.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.Adadelta([w], epsilon=1.0, rho=0.0)
    >>> optimizer((ac.Tensor([0.0], ac.float32),))
    (True,)
    >>> w.asnumpy().tolist()
    [1.0]
    """

    def __init__(self, params, learning_rate=1.0, rho=0.9, epsilon=1e-6, loss_scale=1.0, weight_decay=0.0):
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        if self._number("rho", rho, low=0.0) > 1.0:
            raise ValueError(f"Adadelta: rho must be in [0, 1], but got {rho}.")
        self.rho = float(rho)
        self.epsilon = self._number("epsilon", epsilon, low=0.0, strict=True)
        self.accum = self.parameters.clone(prefix="accum", init="zeros")
        self.accum_update = self.parameters.clone(prefix="accum_update", init="zeros")

    def _plan(self):
        return "adadelta", (self.accum, self.accum_update), (self.rho, self.epsilon), ()


class Rprop(_Ruled):
    """Steps along the sign of the gradient, whose size grows while the sign stays (Riedmiller and Braun 1993).

    Every element has its own size, at first the learning rate: times ``etas[1]`` where the gradient has the sign of the
    one before, times ``etas[0]`` where the sign turned (there is no step then, and the gradient counts as 0
    afterwards), within `step_sizes`. For gradients of all data, not of batches.

    Parameters
    ----------
    params, learning_rate, weight_decay
        See `Optimizer`. The rate is read at the first step alone.
    etas : tuple of two floats
        In (0, 1), and greater than 1.
    step_sizes : tuple of two floats
        The smallest and the greatest size.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.Rprop([w], learning_rate=0.5)
    >>> optimizer((ac.Tensor([3.0], ac.float32),))
    (True,)
    >>> w.asnumpy().tolist()
    [0.5]
    """

    def __init__(self, params, learning_rate=0.1, etas=(0.5, 1.2), step_sizes=(1e-6, 50.0), weight_decay=0.0):
        super().__init__(learning_rate, params, weight_decay)
        for name, pair in (("etas", etas), ("step_sizes", step_sizes)):
            if not isinstance(pair, tuple):
                raise TypeError(f"Rprop: {name} must be a tuple, but got {type(pair).__name__}.")
            if len(pair) != 2:
                raise ValueError(f"Rprop: {name} must have two entries, but got {len(pair)}.")
        shrink, grow = (self._number("etas", eta, low=0.0, strict=True) for eta in etas)
        least, most = (self._number("step_sizes", size, low=0.0) for size in step_sizes)
        if not shrink < 1.0 < grow:
            raise ValueError(f"Rprop: etas must be below 1 and above 1, but got {etas}.")
        if least > most:
            raise ValueError(f"Rprop: the smallest of step_sizes is above the greatest, {step_sizes}.")
        self.etas, self.step_sizes = (shrink, grow), (least, most)
        self.prev = self.parameters.clone(prefix="prev", init="zeros")
        self.step_size = self.parameters.clone(prefix="step_size", init="zeros")

    def _plan(self):
        return "rprop", (self.prev, self.step_size), (*self.etas, *self.step_sizes), ()


class ASGD(_Ruled):
    """Gradient descent whose parameters are averaged beside it (Polyak and Juditsky 1992).

    With ``g += weight_decay * p``, at step t ``r = lr / (1 + lambd * lr * (t - 1)) ** alpha``,
    ``p -= r * (lambd * p + g)``, ``ax += (p - ax) / max(1, t - 1 - t0)``.

    Parameters
    ----------
    params, learning_rate, weight_decay
        See `Optimizer`.
    lambd, alpha, t0 : float
        Not negative.

    Attributes
    ----------
    ax : ParameterTuple
        The averages.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.ASGD([w], learning_rate=0.5, lambd=0.0, t0=0.0)
    >>> for _ in range(3):
    ...     _ = optimizer((ac.Tensor([1.0], ac.float32),))
    >>> w.asnumpy().tolist(), optimizer.ax[0].asnumpy().tolist()
    ([-0.5], [-0.25])
    """

    def __init__(self, params, learning_rate=0.1, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0.0):
        super().__init__(learning_rate, params, weight_decay)
        self.lambd = self._number("lambd", lambd, low=0.0)
        self.alpha = self._number("alpha", alpha, low=0.0)
        self.t0 = self._number("t0", t0, low=0.0)
        self.ax = self.parameters.clone(prefix="ax", init="zeros")

    def _plan(self):
        return "asgd", (self.ax,), (self.lambd, self.alpha, self.t0), ()


class FTRL(_Ruled):
    """Follow the regularized leader: sparse weights by an L1 bound (McMahan et al. 2013).

    With ``g += weight_decay * p`` and ``f(s) = s ** -lr_power / lr``: ``z += g - (f(s + g**2) - f(s)) * p``, ``s +=
    g**2``, ``p = -sign(z) * max(abs(z) - l1, 0) / (f(s) + 2 * l2)``.

    Parameters
    ----------
    params, weight_decay, loss_scale
        See `Optimizer`.
    initial_accum : float
        Where s starts, not negative.
    learning_rate : float
        A positive number.
    lr_power : float
        Not positive.
    l1, l2 : float
        Not negative.
    use_locking : bool
        Accepted for compatibility, not used.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.FTRL([w], initial_accum=0.0, learning_rate=0.5, l1=10.0)
    >>> optimizer((ac.Tensor([3.0], ac.float32),))
    (True,)
    >>> w.asnumpy().tolist()
    [0.0]
    """

    def __init__(
        self,
        params,
        initial_accum=0.1,
        learning_rate=0.001,
        lr_power=-0.5,
        l1=0.0,
        l2=0.0,
        use_locking=False,
        loss_scale=1.0,
        weight_decay=0.0,
    ):
        self._number("learning_rate", learning_rate, low=0.0, strict=True)
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        if self.is_group_lr:
            raise ValueError("FTRL: groups cannot have learning rates of their own.")
        if isinstance(lr_power, bool) or not isinstance(lr_power, (int, float)):
            raise TypeError(f"FTRL: lr_power must be a float, but got {type(lr_power).__name__}.")
        if not float("-inf") < lr_power <= 0.0:
            raise ValueError(f"FTRL: lr_power must be <= 0 and finite, but got {lr_power}.")
        self.lr_power = float(lr_power)
        self.l1 = self._number("l1", l1, low=0.0)
        self.l2 = self._number("l2", l2, low=0.0)
        self.use_locking = self._flag("use_locking", use_locking)
        accum = self._number("initial_accum", initial_accum, low=0.0)
        self.moments = self.parameters.clone(prefix="moments", init=accum)
        self.linear = self.parameters.clone(prefix="linear", init="zeros")

    def _plan(self):
        return "ftrl", (self.moments, self.linear), (-self.lr_power, self.l1, self.l2), ()
