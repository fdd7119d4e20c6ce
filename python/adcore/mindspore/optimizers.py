"""Optimizers that MindSpore has given up: scripts that were written before ask for them."""

from adcore import Tensor, ops
from adcore.nn import Adam, Optimizer

from .operator_steps import proximal_adagrad_rule


class AdamOffload(Adam):
    """Adam whose states MindSpore keeps beside the device; there is one memory here, so it is `adcore.nn.Adam`.

    Parameters
    ----------
    params, learning_rate, beta1, beta2, eps, use_locking, use_nesterov, weight_decay, loss_scale
        See `adcore.nn.Adam`.

    Raises
    ------
    TypeError, ValueError
        See `adcore.nn.Adam`.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore.mindspore import optimizers
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = optimizers.AdamOffload([w], learning_rate=0.5)
    >>> optimizer((ac.Tensor([3.0], ac.float32),))
    (True,)
    >>> w.asnumpy().round(4).tolist()
    [0.5]
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
    ):
        super().__init__(params, learning_rate, beta1, beta2, eps, use_locking, use_nesterov, weight_decay, loss_scale)


class ProximalAdagrad(Optimizer):
    """Adagrad with penalties on the sizes and the squares of the Parameters (Duchi and Singer 2009).

    With ``g += weight_decay * p``: ``s += g**2``, ``r = lr / sqrt(s)``, ``q = p - r * g``, ``p = sign(q) * max(|q| -
    r * l1, 0) / (1 + r * l2)``, what MindSpore's operator ApplyProximalAdagrad computes. Where s is 0 p stays as it is.

    Parameters
    ----------
    params, learning_rate, weight_decay, loss_scale
        See `adcore.nn.Optimizer`.
    accum : float
        Where s starts, not negative.
    l1, l2 : float
        The penalties, not negative.
    use_locking : bool
        Accepted for compatibility, not used.

    Raises
    ------
    TypeError, ValueError
        See `adcore.nn.Optimizer`; or if these are out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore.mindspore import optimizers
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float32), name="w")
    >>> optimizer = optimizers.ProximalAdagrad([w], accum=0.0, learning_rate=0.5, l1=1.5)
    >>> optimizer((ac.Tensor([3.0], ac.float32),))
    (True,)
    >>> w.asnumpy().tolist()
    [0.25]
    """

    def __init__(
        self,
        params,
        accum=0.1,
        learning_rate=0.001,
        l1=0.0,
        l2=0.0,
        use_locking=False,
        loss_scale=1.0,
        weight_decay=0.0,
    ):
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        self.l1 = self._number("l1", l1, low=0.0)
        self.l2 = self._number("l2", l2, low=0.0)
        self.use_locking = self._flag("use_locking", use_locking)
        self.accum = self.parameters.clone(prefix="accum", init=self._number("accum", accum, low=0.0))

    def construct(self, gradients):
        """Do one step with the gradients of ``self.parameters``, a tuple or list of Tensors."""
        gradients = self._checked(gradients)
        for gradient, param in zip(gradients, self.parameters):
            if not isinstance(gradient, Tensor) or gradient.shape != param.shape:
                raise ValueError(f"{self.cls_name}: the gradient of {param.name!r} must be a Tensor of its shape.")
        gradients = self.scale_grad(self.gradients_centralization(self.decay_weight(gradients)))
        rates = self.get_lr()
        if not isinstance(rates, tuple):
            rates = (rates,) * len(gradients)
        made = [
            proximal_adagrad_rule(param, accum, rate, self.l1, self.l2, gradient)
            for param, accum, rate, gradient in zip(self.parameters, self.accum, rates, gradients)
        ]
        step = self.global_step + 1
        for param, accum, (value, total) in zip(self.parameters, self.accum, made):
            param.set_data(ops.where(total > 0, value, param))
            accum.set_data(total)
        self.global_step.set_data(step)
        return self._done


__all__ = ["AdamOffload", "ProximalAdagrad"]
