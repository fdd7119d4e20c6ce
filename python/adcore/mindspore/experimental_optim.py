"""``mindspore.experimental.optim``: optimizers whose groups are dicts that may be changed between steps.

``param_groups`` is a list of dicts: "params", "lr" (a Parameter, which the schedulers of experimental_schedules.py
write) and the options. An optimizer is a rule for one Parameter, `_update`, and the names of what it keeps for each.
Start reading at `_Ruled.construct`.
"""

import math

from adcore import Parameter, ParameterTuple, Tensor, float32, int32, ops
from adcore.nn import Cell


class Optimizer(Cell):
    """Base class: keeps Parameters in groups, each with its options.

    An own optimizer calls ``super().__init__(params, defaults)`` and defines ``construct(self, gradients)``, which
    takes the gradients in the order of the groups: those of group `i` start at ``self.group_start_id[i]``.

    Parameters
    ----------
    params : list of Parameter or of dict
        A dict is a group: its Parameters under "params", and options of its own.
    defaults : dict
        Options of a group that it does not give itself.

    Raises
    ------
    TypeError, ValueError
        For what is no Parameter, comes twice or is out of range, and where there are no Parameters.

    Examples
    --------
    >>> from adcore import Parameter, Tensor
    >>> from adcore.mindspore import experimental_optim as optim
    >>> adam = optim.Adam([Parameter(Tensor([1.0]), name="w")], lr=0.1)
    >>> float(adam.param_groups[0]["lr"]), adam.param_groups[0]["betas"]
    (0.10000000149011612, (0.9, 0.999))
    """

    def __init__(self, params, defaults):
        super().__init__(auto_prefix=False)
        groups = list(params)
        if not groups:
            raise ValueError(f"{self.cls_name}: there are no Parameters.")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        self.defaults = defaults
        self.state = {}
        self.param_groups, self.lrs, self.group_start_id = [], [], [0]
        self.parameters = ()
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group):
        """Add a group of Parameters, a dict as in `param_groups`."""
        name = self.cls_name
        if not isinstance(param_group, dict):
            raise TypeError(f"{name}: a group must be a dict, got {type(param_group).__name__}.")
        group = dict(param_group)
        params = group["params"]
        if isinstance(params, set):
            raise TypeError(f"{name}: params must have an order, got a set.")
        params = [params] if isinstance(params, Parameter) else list(params)
        for param in params:
            if not isinstance(param, Parameter):
                raise TypeError(f"{name}: params must be Parameters, got {type(param).__name__}.")
        known = {id(param) for param in self.parameters}
        if len({id(param) for param in params} - known) != len(params):
            raise ValueError(f"{name}: a Parameter comes twice.")
        group = {"params": params, **self.defaults, **{k: v for k, v in group.items() if k != "params"}}
        group.setdefault("weight_decay", 0.0)
        for option in ("lr", "weight_decay"):
            if isinstance(group[option], bool) or not isinstance(group[option], (int, float, Tensor)):
                raise TypeError(f"{name}: {option} must be a number, got {type(group[option]).__name__}.")
            if float(group[option]) < 0:
                raise ValueError(f"{name}: {option} must not be negative, got {group[option]}.")
        self._check_options(group)
        lr = Tensor(float(group["lr"]), float32)
        group["lr"] = Parameter(lr, name=f"learning_rate_group_{len(self.param_groups)}", requires_grad=False)
        self.param_groups.append(group)
        self.lrs.append(group["lr"])
        self.parameters = ParameterTuple((*self.parameters, *params))
        self.group_start_id.append(len(self.parameters))

    def _check_options(self, group):
        for beta in group.get("betas", ()):
            if not 0 <= beta < 1:
                raise ValueError(f"{self.cls_name}: betas must be in [0, 1), got {group['betas']}.")
        if group.get("eps", 0) < 0:
            raise ValueError(f"{self.cls_name}: eps must not be negative, got {group['eps']}.")

    def __repr__(self):
        lines = []
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [
                f"    {k}: {group[k].value() if isinstance(group[k], Parameter) else group[k]}"
                for k in sorted(group)
                if k != "params"
            ]
        return "\n".join([f"{type(self).__name__} (", *lines, ")"])

    def construct(self, gradients):
        """Do a step."""
        raise NotImplementedError(f"{self.cls_name}: construct(self, gradients) is not defined.")


def _power(base, exponent):
    """Return ``1 - base ** exponent`` without loss of digits."""
    return -ops.expm1(exponent * math.log(base)) if base else ops.ones_like(exponent)


class _Ruled(Optimizer):
    """An optimizer by a rule for one Parameter."""

    _kept: tuple[str, ...] = ()  # what is kept for each Parameter, zeros at first
    _decays = True  # whether weight_decay is added to the gradient

    def __init__(self, params, lr, **options):
        self.state_step = None
        super().__init__(params, {"lr": lr, **options})
        self.state_step = Parameter(Tensor(0, int32), name="state_step", requires_grad=False)

    def add_param_group(self, param_group):
        """Add a group of Parameters, a dict as in `param_groups`."""
        before = len(self.parameters)
        super().add_param_group(param_group)
        for param in self.parameters[before:]:
            self.state[id(param)] = {
                name: Parameter(ops.zeros_like(param), name=f"{name}.{param.name}", requires_grad=False)
                for name in self._kept
            }

    def construct(self, gradients):
        """Do a step with the gradients of the Parameters."""
        gradients = (gradients,) if isinstance(gradients, Tensor) else tuple(gradients)
        if len(gradients) != len(self.parameters):
            raise ValueError(
                f"{self.cls_name}: there are {len(self.parameters)} Parameters, but {len(gradients)} gradients."
            )
        for param, grad in zip(self.parameters, gradients):
            if tuple(grad.shape) != tuple(param.shape):
                raise ValueError(
                    f"{self.cls_name}: the gradient of {param.name} must have the shape {param.shape}, but has"
                    f" {grad.shape}."
                )
        step = self.state_step + 1
        gradients = iter(gradients)
        for group in self.param_groups:
            lr = group["lr"].value() if isinstance(group["lr"], Parameter) else Tensor(group["lr"], float32)
            for param in group["params"]:
                grad = next(gradients)
                grad = -grad if group.get("maximize", False) else grad
                if self._decays and group["weight_decay"]:
                    grad = grad + group["weight_decay"] * param
                new = self._update(param, grad, lr, step.astype(float32), self.state[id(param)], group)
                ops.assign(param, new.astype(param.dtype))
        ops.assign(self.state_step, step)
        return True

    def _update(self, param, grad, lr, step, state, group):
        """Return the Parameter's new value; write the state."""
        raise NotImplementedError

    @staticmethod
    def _mean(state, name, beta, value):
        """Move what is kept under a name towards a value, and return it."""
        new = beta * state[name] + (1 - beta) * value
        ops.assign(state[name], new)
        return new


class SGD(_Ruled):
    """Stochastic gradient descent, with momentum."""

    _kept = ("momentum_buffer",)

    def __init__(self, params, lr, momentum=0, dampening=0, weight_decay=0.0, nesterov=False, *, maximize=False):
        if nesterov and (momentum <= 0 or dampening):
            raise ValueError("SGD: nesterov needs a momentum, and no dampening.")
        super().__init__(
            params,
            lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )

    def _update(self, param, grad, lr, step, state, group):
        momentum = group["momentum"]
        if momentum:
            moved = momentum * state["momentum_buffer"] + (1 - group["dampening"]) * grad
            moved = ops.where(step == 1, grad, moved)
            ops.assign(state["momentum_buffer"], moved)
            grad = grad + momentum * moved if group["nesterov"] else moved
        return param - lr * grad


class Adam(_Ruled):
    """Adam; `amsgrad` divides by the greatest second moment so far."""

    _kept = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params,
        lr=0.001,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.0,
        amsgrad=False,
        *,
        maximize=False,
    ):
        super().__init__(
            params, lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        )

    def _update(self, param, grad, lr, step, state, group):
        beta1, beta2 = group["betas"]
        first = self._mean(state, "exp_avg", beta1, grad) / _power(beta1, step)
        second = self._mean(state, "exp_avg_sq", beta2, grad * grad)
        if group["amsgrad"]:
            second = ops.maximum(state["max_exp_avg_sq"], second)
            ops.assign(state["max_exp_avg_sq"], second)
        return param - lr * first / (ops.sqrt(second / _power(beta2, step)) + group["eps"])


class AdamW(Adam):
    """Adam whose weight decay is apart from the gradient."""

    _decays = False

    def __init__(
        self,
        params,
        lr=0.001,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.01,
        amsgrad=False,
        *,
        maximize=False,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def _update(self, param, grad, lr, step, state, group):
        return super()._update(param * (1 - lr * group["weight_decay"]), grad, lr, step, state, group)


class Adamax(_Ruled):
    """Adam by the greatest gradient in place of the second moment."""

    _kept = ("exp_avg", "exp_inf")

    def __init__(self, params, lr=0.002, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, *, maximize=False):
        super().__init__(params, lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def _update(self, param, grad, lr, step, state, group):
        beta1, beta2 = group["betas"]
        first = self._mean(state, "exp_avg", beta1, grad) / _power(beta1, step)
        greatest = ops.maximum(beta2 * state["exp_inf"], ops.abs(grad) + group["eps"])
        ops.assign(state["exp_inf"], greatest)
        return param - lr * first / greatest


class NAdam(_Ruled):
    """Adam with Nesterov's momentum."""

    _kept = ("exp_avg", "exp_avg_sq", "mu_logarithm")

    def __init__(self, params, lr=0.002, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=0.004):
        super().__init__(params, lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)

    def _update(self, param, grad, lr, step, state, group):
        beta1, beta2 = group["betas"]
        decay = math.log(0.96) * group["momentum_decay"]
        now, after = (beta1 * (1 - 0.5 * ops.exp(decay * t)) for t in (step, step + 1))
        logarithm = state["mu_logarithm"] + ops.log(now)
        ops.assign(state["mu_logarithm"], logarithm)
        first = self._mean(state, "exp_avg", beta1, grad)
        second = self._mean(state, "exp_avg_sq", beta2, grad * grad) / _power(beta2, step)
        direction = (1 - now) / -ops.expm1(logarithm) * grad - after / ops.expm1(logarithm + ops.log(after)) * first
        return param - lr * direction / (ops.sqrt(second) + group["eps"])


class RAdam(_Ruled):
    """Adam that adapts only when the variance of the second moment is known."""

    _kept = ("exp_avg", "exp_avg_sq")

    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def _update(self, param, grad, lr, step, state, group):
        beta1, beta2 = group["betas"]
        first = self._mean(state, "exp_avg", beta1, grad) / _power(beta1, step)
        second = self._mean(state, "exp_avg_sq", beta2, grad * grad)
        left = _power(beta2, step)
        limit = 2 / (1 - beta2) - 1
        length = limit - 2 * step * (1 - left) / left
        known = length > 5
        safe = ops.where(known, length, 6.0)
        rect = ops.sqrt((safe - 4) * (safe - 2) * limit / ((limit - 4) * (limit - 2) * safe))
        adapted = rect * ops.sqrt(left) / (ops.sqrt(second) + group["eps"])
        return param - lr * first * ops.where(known, adapted, 1.0)


class Adadelta(_Ruled):
    """Steps in the ratio of the means of squared steps and of squared gradients."""

    _kept = ("square_avg", "acc_delta")

    def __init__(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0, *, maximize=False):
        super().__init__(params, lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def _update(self, param, grad, lr, step, state, group):
        eps = group["eps"]
        mean = self._mean(state, "square_avg", group["rho"], grad * grad)
        delta = ops.sqrt(state["acc_delta"] + eps) / ops.sqrt(mean + eps) * grad
        self._mean(state, "acc_delta", group["rho"], delta * delta)
        return param - lr * delta


class Adagrad(_Ruled):
    """Gradients divided by the root of the sum of their squares so far."""

    _kept = ("sum",)

    def __init__(
        self,
        params,
        lr=0.01,
        lr_decay=0.0,
        weight_decay=0.0,
        initial_accumulator_value=0.0,
        eps=1e-10,
        *,
        maximize=False,
    ):
        super().__init__(
            params,
            lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            maximize=maximize,
        )

    def _update(self, param, grad, lr, step, state, group):
        total = state["sum"] + ops.where(step == 1, float(group["initial_accumulator_value"]), 0.0) + grad * grad
        ops.assign(state["sum"], total)
        return param - lr / (1 + (step - 1) * group["lr_decay"]) * grad / (ops.sqrt(total) + group["eps"])


class RMSprop(_Ruled):
    """Gradients divided by the root of the mean of their squares."""

    _kept = ("square_avg", "grad_avg", "momentum_buffer")

    def __init__(
        self, params, lr=0.01, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False, maximize=False
    ):
        super().__init__(
            params,
            lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )

    def _update(self, param, grad, lr, step, state, group):
        square = self._mean(state, "square_avg", group["alpha"], grad * grad)
        if group["centered"]:
            mean = self._mean(state, "grad_avg", group["alpha"], grad)
            square = square - mean * mean
        move = grad / (ops.sqrt(square) + group["eps"])
        if group["momentum"]:
            move = group["momentum"] * state["momentum_buffer"] + move
            ops.assign(state["momentum_buffer"], move)
        return param - lr * move


class Rprop(_Ruled):
    """Steps of sizes of their own, by the signs of the gradients alone."""

    _kept = ("prev", "step_size")

    def __init__(self, params, lr=0.01, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, maximize=False):
        super().__init__(params, lr, etas=etas, step_sizes=step_sizes, maximize=maximize)

    def _update(self, param, grad, lr, step, state, group):
        (down, up), (least, most) = group["etas"], group["step_sizes"]
        agreement = grad * state["prev"]
        factor = ops.where(agreement > 0, float(up), ops.where(agreement < 0, float(down), 1.0))
        size = ops.where(step == 1, lr, state["step_size"]) * factor
        size = ops.clamp(size, float(least), float(most))
        ops.assign(state["step_size"], size)
        grad = ops.where(agreement < 0, 0.0, grad)
        ops.assign(state["prev"], grad)
        return param - ops.sign(grad) * size


class ASGD(_Ruled):
    """Stochastic gradient descent that keeps the mean of the Parameters, under "ax" in the state."""

    _kept = ("eta", "mu", "ax")

    def __init__(self, params, lr=0.01, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0.0, maximize=False):
        super().__init__(params, lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, maximize=maximize)

    def _update(self, param, grad, lr, step, state, group):
        lambd, first = group["lambd"], step == 1
        eta = ops.where(first, lr, state["eta"])
        mu = ops.where(first, 1.0, state["mu"])
        new = param * (1 - lambd * eta) - eta * grad
        ops.assign(state["ax"], state["ax"] + (new - state["ax"]) * mu)
        ops.assign(state["eta"], ops.broadcast_to(lr / ops.pow(1 + lambd * lr * step, group["alpha"]), param.shape))
        ops.assign(state["mu"], ops.broadcast_to(1 / ops.maximum(step - group["t0"], ops.ones_like(step)), param.shape))
        return new


__all__ = [
    "ASGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SGD",
]
