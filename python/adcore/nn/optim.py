"""The optimizers SGD, Momentum and the family of Adam.

Each keeps its states beside the Parameters, in ParameterTuples of the same shapes. Its rule is an op, made of a row of
``src/cpp/kernels/optimizers.h``, so derivatives pass through a step. How the rates and groups come about, and what a
step does, is in `optimizer`.
"""

from .. import ops
from .._core import Tensor, float64
from .optimizer import _Ruled


class SGD(_Ruled):
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

    def _plan(self):
        return "sgd", (self.accum,), (self.dampening, self.nesterov), (self.momentum,)


class Momentum(_Ruled):
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

    def _plan(self):
        return "momentum", (self.moments,), (self.use_nesterov,), (self.momentum,)


class _Betas(_Ruled):
    """What the Adam family shares: beta1 in [0, 1), beta2 in (0, 1) and eps > 0."""

    def _set_betas(self, beta1, beta2, eps):
        for name, value, open_, shown in (("beta1", beta1, False, "[0, 1)"), ("beta2", beta2, True, "(0, 1)")):
            if self._number(name, value, low=0.0, strict=open_, exact_type=True) >= 1.0:
                raise ValueError(f"{self.cls_name}: {name} must be in {shown}, but got {value}.")
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = self._number("eps", eps, low=0.0, strict=True, exact_type=True)


class Adam(_Betas):
    """Adam (Kingma and Ba 2015, arXiv:1412.6980).

    With ``g += weight_decay * p``: ``m = beta1 * m + (1 - beta1) * g``, ``v = beta2 * v + (1 - beta2) * g**2`` and at
    step t ``p -= lr * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + eps)``. With `use_nesterov`, ``beta1 * m +
    (1 - beta1) * g`` stands for m in the last formula; with `use_amsgrad`, the greatest v so far stands for v there
    (Reddi, Kale and Kumar 2018).

    Parameters
    ----------
    params, learning_rate, weight_decay, loss_scale
        See `Optimizer`.
    beta1, beta2 : float
        In [0, 1) and in (0, 1).
    eps : float
        Positive.
    use_nesterov, use_amsgrad : bool
    use_locking, use_lazy, use_offload : bool
        Accepted for compatibility, not used.

    Attributes
    ----------
    beta1_power, beta2_power : Parameter
        ``beta ** step``, for whoever saves the state: brought up to date when the Parameters are listed, not by a step.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

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
        *,
        use_lazy=False,
        use_offload=False,
    ):
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        self._set_betas(beta1, beta2, eps)
        self.use_locking = self._flag("use_locking", use_locking)
        self.use_nesterov = self._flag("use_nesterov", use_nesterov)
        self.use_amsgrad = self._flag("use_amsgrad", use_amsgrad)
        self._flag("use_lazy", use_lazy)
        self._flag("use_offload", use_offload)
        self.beta1_power = self._kept(1.0, "beta1_power")
        self.beta2_power = self._kept(1.0, "beta2_power")
        self.moment1 = self.parameters.clone(prefix="moment1", init="zeros")
        self.moment2 = self.parameters.clone(prefix="moment2", init="zeros")
        if use_amsgrad:
            self.vhat = self.parameters.clone(prefix="vhat", init="zeros")

    def parameters_and_names(self, name_prefix="", expand=True):
        """Iterate over ``(path, Parameter)``; ``beta1_power`` and ``beta2_power`` are brought up to date first.

        A step does not need them (both follow from ``global_step``), so it does not write them either.
        """
        step = self.global_step.reshape(())
        self.beta1_power.set_data(Tensor(self.beta1, float64) ** step)
        self.beta2_power.set_data(Tensor(self.beta2, float64) ** step)
        yield from super().parameters_and_names(name_prefix, expand)

    def _plan(self):
        settings = self.beta1, self.beta2, self.eps, self.use_nesterov
        if self.use_amsgrad:
            return "adam_amsgrad", (self.moment1, self.moment2, self.vhat), settings, ()
        return "adam", (self.moment1, self.moment2), settings, ()


class AdamWeightDecay(_Betas):
    """Adam without bias correction, with the weight decay beside the gradient (Loshchilov and Hutter 2019).

    ``m = beta1 * m + (1 - beta1) * g``, ``v = beta2 * v + (1 - beta2) * g**2``, then
    ``p -= lr * (m / (sqrt(v) + eps) + weight_decay * p)``.

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
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.AdamWeightDecay([w], learning_rate=0.5, weight_decay=0.5)
    >>> optimizer((ac.Tensor([0.0], ac.float32),))
    (True,)
    >>> w.asnumpy().tolist()
    [0.75]
    """

    _decay_in_gradient = False

    def __init__(self, params, learning_rate=1e-3, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.0):
        super().__init__(learning_rate, params, weight_decay)
        self._set_betas(beta1, beta2, eps)
        self.moments1 = self.parameters.clone(prefix="adam_m", init="zeros")
        self.moments2 = self.parameters.clone(prefix="adam_v", init="zeros")

    def _plan(self):
        return "adam_weight_decay", (self.moments1, self.moments2), (self.beta1, self.beta2, self.eps), ()


class AdamW(_Betas):
    """Adam with the weight decay beside the gradient, with bias correction (Loshchilov and Hutter 2019).

    PyTorch's AdamW: with the means m and v of Adam, at step t
    ``p -= lr * (m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps) + weight_decay * p)``. `AdamWeightDecay` is
    MindSpore's, without correction.

    Parameters
    ----------
    params, learning_rate, weight_decay, loss_scale
        See `Optimizer`.
    beta1, beta2 : float
        In [0, 1) and in (0, 1).
    eps : float
        Positive.
    amsgrad : bool
        The greatest v so far stands for v.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.AdamW([w], learning_rate=0.5, weight_decay=0.5)
    >>> optimizer((ac.Tensor([0.0], ac.float32),))
    (True,)
    >>> w.asnumpy().tolist()
    [0.75]
    """

    _decay_in_gradient = False

    def __init__(
        self,
        params,
        learning_rate=1e-3,
        beta1=0.9,
        beta2=0.999,
        eps=1e-8,
        weight_decay=0.01,
        amsgrad=False,
        loss_scale=1.0,
    ):
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        self._set_betas(beta1, beta2, eps)
        self.amsgrad = self._flag("amsgrad", amsgrad)
        self.moment1 = self.parameters.clone(prefix="moment1", init="zeros")
        self.moment2 = self.parameters.clone(prefix="moment2", init="zeros")
        if amsgrad:
            self.vhat = self.parameters.clone(prefix="vhat", init="zeros")

    def _plan(self):
        settings = self.beta1, self.beta2, self.eps
        if self.amsgrad:
            return "adamw_amsgrad", (self.moment1, self.moment2, self.vhat), settings, ()
        return "adamw", (self.moment1, self.moment2), settings, ()


class AdaMax(_Betas):
    """AdaMax, Adam with the largest instead of the mean square (Kingma and Ba 2015, section 7.1).

    With ``g += weight_decay * p``: ``m = beta1 * m + (1 - beta1) * g``, ``u = max(beta2 * u, abs(g))`` and at step t
    ``p -= lr / (1 - beta1**t) * m / (u + eps)``.

    Parameters
    ----------
    params, learning_rate, weight_decay, loss_scale
        See `Optimizer`.
    beta1, beta2 : float
        In [0, 1) and in (0, 1).
    eps : float
        Positive.

    Attributes
    ----------
    beta1_power : Parameter
        ``beta1 ** step``, for whoever saves the state: brought up to date when the Parameters are listed, not by a
        step.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.AdaMax([w], learning_rate=0.5)
    >>> optimizer((ac.Tensor([3.0], ac.float32),))
    (True,)
    >>> round(float(w[0]), 4)
    0.5
    """

    def __init__(self, params, learning_rate=0.001, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, loss_scale=1.0):
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        self._set_betas(beta1, beta2, eps)
        self.beta1_power = self._kept(1.0, "beta1_power")
        self.moment1 = self.parameters.clone(prefix="moment1", init="zeros")
        self.moment2 = self.parameters.clone(prefix="moment2", init="zeros")

    def parameters_and_names(self, name_prefix="", expand=True):
        """Iterate over ``(path, Parameter)``; ``beta1_power`` is brought up to date first."""
        self.beta1_power.set_data(Tensor(self.beta1, float64) ** self.global_step.reshape(()))
        yield from super().parameters_and_names(name_prefix, expand)

    def _plan(self):
        return "adamax", (self.moment1, self.moment2), (self.beta1, self.beta2, self.eps), ()


Adamax = AdaMax


class NAdam(_Betas):
    """Adam with Nesterov's momentum, which grows from half of beta1 (Dozat 2016).

    PyTorch's NAdam: with ``g += weight_decay * p``, the means m and v of Adam,
    ``mu(t) = beta1 * (1 - 0.96 ** (t * momentum_decay) / 2)`` and the product P(t) of mu(1), ..., mu(t), at step t
    ``p -= lr * ((1 - mu(t)) * g / (1 - P(t)) + mu(t + 1) * m / (1 - P(t + 1))) / (sqrt(v / (1 - beta2**t)) + eps)``.

    Parameters
    ----------
    params, learning_rate, weight_decay, loss_scale
        See `Optimizer`.
    beta1, beta2 : float
        In [0, 1) and in (0, 1).
    eps : float
        Positive.
    momentum_decay : float
        Not negative.

    Attributes
    ----------
    mu_product : Parameter
        The product of the momenta so far.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.NAdam([w], learning_rate=0.5)
    >>> optimizer((ac.Tensor([0.0], ac.float32),))
    (True,)
    >>> w.asnumpy().tolist()
    [1.0]
    """

    def __init__(
        self,
        params,
        learning_rate=0.002,
        beta1=0.9,
        beta2=0.999,
        eps=1e-8,
        weight_decay=0.0,
        momentum_decay=0.004,
        loss_scale=1.0,
    ):
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        self._set_betas(beta1, beta2, eps)
        self.momentum_decay = self._number("momentum_decay", momentum_decay, low=0.0)
        self.mu_product = self._kept(1.0, "mu_product")
        self.moment1 = self.parameters.clone(prefix="moment1", init="zeros")
        self.moment2 = self.parameters.clone(prefix="moment2", init="zeros")

    def _plan(self):
        settings = self.beta1, self.beta2, self.eps, self.momentum_decay
        return "nadam", (self.moment1, self.moment2), settings, (self.mu_product,)

    def _numbers_after(self, step, numbers):
        decayed = ops.pow(Tensor(0.96, float64), (step.reshape(()) + 1).astype(float64) * self.momentum_decay)
        return ((numbers[0] * (self.beta1 * (1.0 - 0.5 * decayed))).astype(numbers[0].dtype),)

    def construct(self, gradients):
        """Do one step with the gradients of ``self.parameters``, a tuple or list of Tensors."""
        (product,) = self._numbers_after(self.global_step, (self.mu_product,))
        done = super().construct(gradients)
        self.mu_product.set_data(product)
        return done


class RAdam(_Betas):
    """Adam with a rectified rate: small as long as the mean square is of few gradients (Liu et al. 2020).

    PyTorch's RAdam: with ``g += weight_decay * p``, the means m and v of Adam, ``L = 2 / (1 - beta2) - 1`` and
    ``l = L - 2 * t * beta2**t / (1 - beta2**t)``, at step t ``p -= lr * m / (1 - beta1**t) * f``, where f is 1 for
    ``l <= 5``, later ``sqrt((l-4) * (l-2) * L / ((L-4) * (L-2) * l) * (1 - beta2**t)) / (sqrt(v) + eps)``.

    Parameters
    ----------
    params, learning_rate, weight_decay, loss_scale
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
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.RAdam([w], learning_rate=0.5)
    >>> optimizer((ac.Tensor([1.0], ac.float32),))
    (True,)
    >>> round(float(w[0]), 4)
    0.5
    """

    def __init__(self, params, learning_rate=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, loss_scale=1.0):
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        self._set_betas(beta1, beta2, eps)
        self.moment1 = self.parameters.clone(prefix="moment1", init="zeros")
        self.moment2 = self.parameters.clone(prefix="moment2", init="zeros")

    def _plan(self):
        return "radam", (self.moment1, self.moment2), (self.beta1, self.beta2, self.eps), ()


class Lion(_Betas):
    """Steps of one size along the sign of a mean of gradients (Chen et al. 2023, arXiv:2302.06675).

    ``p -= lr * (sign(beta1 * m + (1 - beta1) * g) + weight_decay * p)``, then ``m = beta2 * m + (1 - beta2) * g``.

    Parameters
    ----------
    params, learning_rate, weight_decay, loss_scale
        See `Optimizer`.
    beta1, beta2 : float
        In [0, 1) and in (0, 1).

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = nn.Lion([w], learning_rate=0.5)
    >>> optimizer((ac.Tensor([3.0], ac.float32),))
    (True,)
    >>> w.asnumpy().tolist()
    [0.5]
    """

    _decay_in_gradient = False

    def __init__(self, params, learning_rate=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.0, loss_scale=1.0):
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        self._set_betas(beta1, beta2, 1.0)
        self.moments = self.parameters.clone(prefix="moments", init="zeros")

    def _plan(self):
        return "lion", (self.moments,), (self.beta1, self.beta2), ()
