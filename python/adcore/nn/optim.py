"""The optimizers: SGD, Momentum, Adam, AdamWeightDecay.

Each keeps its states beside the Parameters, in ParameterTuples of the same shapes. Its rule is an op
(``src/cpp/ops/optim.cpp``), so derivatives pass through a step. How the rates and groups come about is in `optimizer`.
"""

from .._core import Tensor, float64
from .optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if that is not 0.

    With ``g += weight_decay * p``: ``a = g`` at the first step, later ``a = momentum * a + (1 - dampening) * g``; then
    ``p -= lr * a``, or with `nesterov` ``p -= lr * (g + momentum * a)`` (Sutskever et al. 2013). Without momentum
    ``p -= lr * g``.

    Parameters
    ----------
    params, learning_rate, weight_decay, loss_scale
        See `Optimizer`; the weight decay is not a Cell.
    momentum, dampening : float
        Not negative.
    nesterov : bool
        Needs a positive momentum and no dampening.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> net = nn.Dense(1, 1, weight_init="ones", has_bias=False)
    >>> optimizer = nn.SGD(net.trainable_params(), learning_rate=0.25)
    >>> loss_and_grads = ac.value_and_grad(lambda x: (net(x) ** 2).sum(), None, optimizer.parameters)
    >>> loss, grads = loss_and_grads(ac.ops.ones((1, 1), ac.float32))
    >>> optimizer(grads)
    (True,)
    >>> net.weight.asnumpy().tolist()
    [[0.5]]
    """

    def __init__(
        self, params, learning_rate=0.1, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, loss_scale=1.0
    ):
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        momentum = self._number("momentum", momentum, low=0.0)
        self.dampening = self._number("dampening", dampening, low=0.0)
        self.nesterov = self._flag("nesterov", nesterov)
        if nesterov and (momentum == 0.0 or dampening != 0.0):
            raise ValueError(
                "SGD: nesterov needs a momentum > 0 and a dampening of 0, "
                f"but momentum is {momentum} and dampening is {dampening}."
            )
        if self.dynamic_weight_decay:
            raise TypeError("SGD: weight_decay must be a number, but got a Cell.")
        self.momentum = self._kept(momentum, "momentum")
        self.accum = self.parameters.clone(prefix="accum", init="zeros")

    def construct(self, gradients):
        """Do one step with the gradients of ``self.parameters``, a tuple or list of Tensors."""
        return self._step("sgd", gradients, (self.accum,), (self.dampening, self.nesterov), self.momentum)


class Momentum(Optimizer):
    """Gradient descent with momentum.

    With ``g += weight_decay * p``: ``a = momentum * a + g``; then ``p -= lr * a``, or with `use_nesterov`
    ``p -= lr * (g + momentum * a)`` (Sutskever et al. 2013).

    Parameters
    ----------
    params, learning_rate, weight_decay, loss_scale
        See `Optimizer`.
    momentum : float
        Not negative.
    use_nesterov : bool

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.Momentum([w], learning_rate=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     _ = optimizer((ac.Tensor([1.0], ac.float32),))
    >>> w.asnumpy().tolist()
    [-0.25]
    """

    def __init__(self, params, learning_rate, momentum, weight_decay=0.0, loss_scale=1.0, use_nesterov=False):
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        momentum = self._number("momentum", momentum, low=0.0, exact_type=True)
        self.use_nesterov = self._flag("use_nesterov", use_nesterov)
        self.momentum = self._kept(momentum, "momentum")
        self.moments = self.parameters.clone(prefix="moments", init="zeros")

    def construct(self, gradients):
        """Do one step with the gradients of ``self.parameters``, a tuple or list of Tensors."""
        return self._step("momentum", gradients, (self.moments,), (self.use_nesterov,), self.momentum)


class _Betas(Optimizer):
    """What the Adam family shares: beta1, beta2 in (0, 1) and eps > 0."""

    def _set_betas(self, beta1, beta2, eps):
        for name, value in (("beta1", beta1), ("beta2", beta2)):
            if self._number(name, value, low=0.0, strict=True, exact_type=True) >= 1.0:
                raise ValueError(f"{self.cls_name}: {name} must be in (0, 1), but got {value}.")
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = self._number("eps", eps, low=0.0, strict=True, exact_type=True)


class Adam(_Betas):
    """Adam (Kingma and Ba 2015, arXiv:1412.6980).

    With ``g += weight_decay * p``: ``m = beta1 * m + (1 - beta1) * g``, ``v = beta2 * v + (1 - beta2) * g**2`` and at
    step t ``p -= lr * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + eps)``. With `use_nesterov`,
    ``beta1 * m + (1 - beta1) * g`` stands for m in the last formula.

    Parameters
    ----------
    params, learning_rate, weight_decay, loss_scale
        See `Optimizer`.
    beta1, beta2 : float
        In (0, 1).
    eps : float
        Positive.
    use_locking : bool
        Accepted for compatibility, not used.
    use_nesterov : bool
    use_amsgrad : bool
        Only False.

    Attributes
    ----------
    beta1_power, beta2_power : Parameter
        ``beta ** step``, for whoever saves the state: brought up to date when the Parameters are listed, not by a step.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.
    NotImplementedError
        If `use_amsgrad` is True.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.Adam([w], learning_rate=0.5)
    >>> optimizer((ac.Tensor([3.0], ac.float32),))
    (True,)
    >>> round(float(w[0]), 4)
    0.5
    """

    def __init__(
        self,
        params,
        learning_rate=1e-3,
        beta1=0.9,
        beta2=0.999,
        eps=1e-8,
        use_locking=False,
        use_nesterov=False,
        weight_decay=0.0,
        loss_scale=1.0,
        use_amsgrad=False,
    ):
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        self._set_betas(beta1, beta2, eps)
        self.use_locking = self._flag("use_locking", use_locking)
        self.use_nesterov = self._flag("use_nesterov", use_nesterov)
        if self._flag("use_amsgrad", use_amsgrad):
            raise NotImplementedError("Adam: use_amsgrad is not available.")
        self.beta1_power = self._kept(1.0, "beta1_power")
        self.beta2_power = self._kept(1.0, "beta2_power")
        self.moment1 = self.parameters.clone(prefix="moment1", init="zeros")
        self.moment2 = self.parameters.clone(prefix="moment2", init="zeros")

    def parameters_and_names(self, name_prefix="", expand=True):
        """Iterate over ``(path, Parameter)``; ``beta1_power`` and ``beta2_power`` are brought up to date first.

        A step does not need them (both follow from ``global_step``), so it does not write them either.
        """
        step = self.global_step.reshape(())
        self.beta1_power.set_data(Tensor(self.beta1, float64) ** step)
        self.beta2_power.set_data(Tensor(self.beta2, float64) ** step)
        yield from super().parameters_and_names(name_prefix, expand)

    def construct(self, gradients):
        """Do one step with the gradients of ``self.parameters``, a tuple or list of Tensors."""
        settings = self.beta1, self.beta2, self.eps, self.use_nesterov
        return self._step("adam", gradients, (self.moment1, self.moment2), settings)


class AdamWeightDecay(_Betas):
    """Adam without bias correction, with the weight decay beside the gradient (Loshchilov and Hutter 2019).

    ``m = beta1 * m + (1 - beta1) * g``, ``v = beta2 * v + (1 - beta2) * g**2``, then
    ``p -= lr * (m / (sqrt(v) + eps) + weight_decay * p)``.

    Parameters
    ----------
    params, learning_rate, weight_decay
        See `Optimizer`.
    beta1, beta2 : float
        In (0, 1).
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
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.AdamWeightDecay([w], learning_rate=0.5, weight_decay=0.5)
    >>> optimizer((ac.Tensor([0.0], ac.float32),))
    (True,)
    >>> w.asnumpy().tolist()
    [0.75]
    """

    def __init__(self, params, learning_rate=1e-3, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.0):
        super().__init__(learning_rate, params, weight_decay)
        self._set_betas(beta1, beta2, eps)
        self.moments1 = self.parameters.clone(prefix="adam_m", init="zeros")
        self.moments2 = self.parameters.clone(prefix="adam_v", init="zeros")

    def construct(self, gradients):
        """Do one step with the gradients of ``self.parameters``, a tuple or list of Tensors."""
        settings = self.beta1, self.beta2, self.eps
        return self._step("adam_weight_decay", gradients, (self.moments1, self.moments2), settings)
