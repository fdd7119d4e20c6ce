"""Optimizer: the base class of the optimizers. It reads the arguments and the groups, and frames a step.

Data: ``parameters`` (a ParameterTuple), ``learning_rate``, ``weight_decay`` and ``global_step``. A step is one native
call, which reads and writes the Parameters as ops do. The learning rate is a Parameter or what a schedule computes of
``global_step``: it goes there as a Tensor, so any way of assigning it works and whoever differentiates or records a
step sees it. Numbers that are kept in Parameters are float32, or float64 where one of the Parameters is: a step rounds
once, to the dtype of its Parameter.

The native call checks everything before it changes anything: a step that raises leaves the Parameters, the states and
the step as they were. Start reading at `_Ruled.construct`.
"""

import math
from collections.abc import Iterable

from .. import ops
from .._advice import OPTIMIZER, advise, known_words, parameters_of
from .._core import Parameter, Tensor, float32, float64, int32, optimizer_step
from ..parameter import ParameterTuple
from ..transforms.maps import HyperMap, Map
from .cell import Cell
from .container import CellList
from .learning_rate_schedule import LearningRateSchedule, _Formula

_GROUP_KEYS = ("params", "lr", "weight_decay", "grad_centralization", "order_params")


class Optimizer(Cell):
    """Base class: keeps the Parameters, their groups, the rates and the step.

    An own optimizer calls ``super().__init__(learning_rate, parameters)`` and defines ``construct(self, gradients)``,
    where ``self.parameters``, ``self.get_lr()``, ``self.decay_weight(gradients)`` and ``self.global_step`` are at hand,
    and ``self.map_(rule, self.parameters, gradients)`` calls a rule for each, `map_reverse` from the last to the first.

    Parameters
    ----------
    learning_rate : float, int, Tensor, iterable of float or LearningRateSchedule
        A fixed rate (number or 0-d Tensor), one rate for each step (1-d Tensor or iterable), or a schedule, called with
        the step.
    parameters : iterable of Parameter or of dict
        A dict is a group: its Parameters under 'params', and optionally 'lr', 'weight_decay' and
        'grad_centralization' (bool, see `gradients_centralization`) of its own. A dict with the one key 'order_params'
        gives the order of all Parameters.
    weight_decay : float, int or Cell
        Where there are no groups, Parameters with 'beta' or 'gamma' in their names are not decayed. A Cell is called
        with the step.
    loss_scale : float
        Gradients are divided by it.

    Attributes
    ----------
    parameters : ParameterTuple
    learning_rate : Parameter, ParameterTuple, LearningRateSchedule or CellList
        Parameters are float32; float64 where a Parameter of the optimizer is.
    global_step : Parameter
        The number of steps done, an int32 of shape (1,).

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If there are no Parameters, one comes twice, or a number is out of range.
    KeyError
        If a group has an unknown key.
    RuntimeError
        If a Parameter is in two groups.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> class Plain(nn.Optimizer):
    ...     def construct(self, gradients):
    ...         for param, gradient in zip(self.parameters, gradients):
    ...             param.set_data(param - self.get_lr() * gradient)
    >>> w = ac.Parameter(ac.Tensor([1.0, 2.0], ac.float32), name="w")
    >>> Plain(0.5, [w])((ac.Tensor([1.0, 1.0], ac.float32),))
    >>> w.asnumpy().tolist()
    [0.5, 1.5]
    """

    map_, map_reverse, hyper_map = Map(), Map(None, True), HyperMap()
    # Every step reads it: an attribute of the class hides the advice that Cell has, which would make that slower.
    parameters: tuple[Parameter, ...] = ()

    def __init_subclass__(cls, **kwargs):
        """Let the optimizers of adcore take ``lr`` for ``learning_rate``."""
        super().__init_subclass__(**kwargs)
        init = cls.__dict__.get("__init__")
        if init is not None and cls.__module__.startswith("adcore.") and "learning_rate" in (parameters_of(init) or ()):
            cls.__init__ = known_words(init, cls.__name__, {"lr": "learning_rate"})

    def __init__(self, learning_rate, parameters, weight_decay=0.0, loss_scale=1.0):
        super().__init__(auto_prefix=False)
        parameters = self._listed(parameters)
        self.loss_scale = self._number("loss_scale", loss_scale, low=0.0, strict=True)
        self.global_step = Parameter(Tensor([0], int32), name="global_step")
        self.is_group = isinstance(parameters[0], dict)
        self.is_group_lr = False
        self._number_dtype = float64 if any(p.dtype == float64 for p in _parameters_in(parameters)) else float32
        if self.is_group:
            parameters = self._read_groups(parameters, learning_rate, weight_decay)
        else:
            self.grad_centralization_flags = (False,) * len(parameters)
            self.learning_rate = self._rate(learning_rate, "learning_rate")
            self.weight_decay = self._decay(weight_decay)
            self.decay_flags = tuple("beta" not in p.name and "gamma" not in p.name for p in parameters)
        rates = self.learning_rate if self.is_group_lr else (self.learning_rate,)
        decays = self.weight_decay if self.is_group else (self.weight_decay,)
        self.dynamic_lr = any(isinstance(rate, Cell) for rate in rates)
        self.dynamic_weight_decay = any(isinstance(decay, Cell) for decay in decays)
        seen = set()
        for param in parameters:
            if id(param) in seen:
                raise ValueError(f"{self.cls_name}: the Parameter {param.name!r} is given twice.")
            seen.add(id(param))
        self.parameters = ParameterTuple(parameters)
        self._done = (True,) * len(parameters)
        self._centralizes = True in self.grad_centralization_flags

    # ---- arguments -----------------------------------------------------------------------------------------------

    def _listed(self, parameters):
        if parameters is None:
            raise ValueError(f"{self.cls_name}: parameters must not be None. Pass net.trainable_params().")
        if isinstance(parameters, Tensor) or not isinstance(parameters, Iterable):
            raise TypeError(
                f"{self.cls_name}: parameters must be a list of Parameters, but got {type(parameters).__name__}."
            )
        parameters = list(parameters)
        if not parameters:
            raise ValueError(f"{self.cls_name}: there are no parameters. Is requires_grad False for all of them?")
        kind = dict if isinstance(parameters[0], dict) else Parameter
        for param in parameters:
            if not isinstance(param, kind):
                raise TypeError(
                    f"{self.cls_name}: parameters must all be Parameters or all be dicts, "
                    f"but got {type(param).__name__}."
                )
        return parameters

    def _number(self, name, value, low, strict=False, exact_type=False):
        """`value` as a float, checked against its lower bound."""
        kinds = float if exact_type else (float, int)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise TypeError(f"{self.cls_name}: {name} must be a float, but got {type(value).__name__}.")
        if not (value > low if strict else value >= low) or math.isinf(value):
            raise ValueError(f"{self.cls_name}: {name} must be {'>' if strict else '>='} {low}, but got {value}.")
        return float(value)

    def _flag(self, name, value):
        if not isinstance(value, bool):
            raise TypeError(f"{self.cls_name}: {name} must be a bool, but got {type(value).__name__}.")
        return value

    def _rate(self, rate, name):
        """A learning rate as the user gave it, as a Parameter or LearningRateSchedule."""
        if isinstance(rate, LearningRateSchedule):
            return rate
        if isinstance(rate, (int, float)):
            return self._kept(self._number("learning_rate", float(rate), low=0.0), name)
        if isinstance(rate, Tensor):
            if rate.ndim == 0:
                return self._kept(self._number("learning_rate", float(rate), low=0.0), name)
            if rate.ndim != 1:
                raise ValueError(
                    f"{self.cls_name}: a Tensor of learning rates must have 0 or 1 dimensions, "
                    f"but its shape is {tuple(rate.shape)}."
                )
            rate = rate.asnumpy().tolist()
        if isinstance(rate, str) or not isinstance(rate, Iterable):
            raise TypeError(
                f"{self.cls_name}: learning_rate must be a number, a Tensor, an iterable of numbers or a "
                f"LearningRateSchedule, but got {type(rate).__name__}."
            )
        rates = [self._number("learning_rate", float(item), low=0.0) for item in rate]
        if not rates:
            raise ValueError("learning_rate: an iterable of learning rates must not be empty.")
        return _RateOfStep(self._kept(rates, name))

    def _kept(self, number, name):
        """A number that a step reads, or one for each step, as a Parameter."""
        return Parameter(Tensor(number, self._number_dtype), name=name)

    def _decay(self, decay):
        return decay if isinstance(decay, Cell) else self._number("weight_decay", decay, low=0.0)

    def _read_groups(self, groups, learning_rate, weight_decay):
        """Set the rates and decays, one for each Parameter; return the Parameters."""
        default = self._rate(learning_rate, "learning_rate")
        entries, order = [], None  # (parameter, learning rate, weight decay, grad_centralization)
        for number, group in enumerate(groups):
            unknown = [key for key in group if key not in _GROUP_KEYS]
            if unknown:
                raise KeyError(f"{self.cls_name}: unknown key {unknown[0]!r} in a group. Known are {_GROUP_KEYS}.")
            if "order_params" in group:
                if len(group) > 1:
                    raise ValueError(f"{self.cls_name}: a group with 'order_params' must have no other key.")
                order = self._listed(group["order_params"])
                continue
            if "params" not in group:
                raise KeyError(f"{self.cls_name}: group {number} has no 'params'.")
            central = self._flag("grad_centralization", group.get("grad_centralization", False))
            rate = self._rate(group["lr"], f"learning_rate_group_{number}") if "lr" in group else default
            self.is_group_lr = self.is_group_lr or "lr" in group
            decay = self._decay(group.get("weight_decay", weight_decay))
            entries += [(param, rate, decay, central) for param in self._group_params(group["params"])]
        entries = self._ordered(entries, order)
        if self.is_group_lr:
            rates = [rate for _, rate, _, _ in entries]
            if any(isinstance(rate, Cell) for rate in rates):
                fixed = {id(rate): _FixedRate(rate) for rate in rates if isinstance(rate, Parameter)}
                self.learning_rate = CellList([fixed.get(id(rate), rate) for rate in rates], auto_prefix=False)
            else:
                self.learning_rate = ParameterTuple(rates)
        else:
            self.learning_rate = default
        self.weight_decay = tuple(decay for _, _, decay, _ in entries)
        self.decay_flags = tuple(isinstance(decay, Cell) or decay > 0 for decay in self.weight_decay)
        self.grad_centralization_flags = tuple(central for *_, central in entries)
        return [param for param, *_ in entries]

    def _group_params(self, params):
        params = self._listed(params)
        if isinstance(params[0], dict):
            raise TypeError(f"{self.cls_name}: a group must hold Parameters, but got dict.")
        return params

    def _ordered(self, entries, order):
        found = {}
        for entry in entries:
            if found.setdefault(id(entry[0]), entry) is not entry:
                raise RuntimeError(f"{self.cls_name}: the Parameter {entry[0].name!r} is in two groups.")
        if not entries:
            raise ValueError(f"{self.cls_name}: the groups hold no Parameters.")
        if order is None:
            return entries
        if len(order) != len(entries) or {id(param) for param in order} != set(found):
            raise ValueError(
                f"{self.cls_name}: 'order_params' must hold the Parameters of the groups, each once; "
                f"it has {len(order)} and the groups have {len(entries)}."
            )
        return [found[id(param)] for param in order]

    # ---- for own optimizers --------------------------------------------------------------------------------------

    def get_lr(self):
        """Return the learning rate of the step, a Tensor; a tuple of them where groups have rates of their own."""
        if self.is_group_lr:
            rates = {id(rate): self._evaluated(rate) for rate in self.learning_rate}
            return tuple(rates[id(rate)] for rate in self.learning_rate)
        return self._evaluated(self.learning_rate)

    def get_lr_parameter(self, param):
        """Return the Parameter or schedule of the learning rate of a Parameter, or a list of them for a list.

        Raises
        ------
        TypeError
            If `param` is neither a Parameter nor a list of them.
        ValueError
            If the optimizer does not have it.
        """
        if isinstance(param, list):
            return [self.get_lr_parameter(item) for item in param]
        if not isinstance(param, Parameter):
            raise TypeError(
                f"get_lr_parameter: expected a Parameter or a list of Parameters, but got {type(param).__name__}."
            )
        for position, own in enumerate(self.parameters):
            if own is param:
                rate = self.learning_rate[position] if self.is_group_lr else self.learning_rate
                return rate.learning_rate if isinstance(rate, (_FixedRate, _RateOfStep)) else rate
        raise ValueError(f"get_lr_parameter: the optimizer does not have the Parameter {param.name!r}.")

    def get_weight_decay(self):
        """Return the weight decay of the step, a float, or a tuple of floats where there are groups."""
        if self.is_group:
            return tuple(float(self._decay_now(decay)) for decay in self.weight_decay)
        return float(self._decay_now(self.weight_decay))

    def decay_weight(self, gradients):
        """Return the gradients plus weight decay times the Parameters, as a tuple; call it before `scale_grad`."""
        decays = self._decays()
        if not isinstance(decays, tuple):
            decays = (decays,) * len(self.parameters)
        if not any(map(_is_decay, decays)):
            return gradients
        terms = zip(gradients, self.parameters, decays)
        return tuple(g + p * (d * self.loss_scale) if _is_decay(d) else g for g, p, d in terms)

    def scale_grad(self, gradients):
        """Return the gradients divided by the loss scale."""
        if self.loss_scale == 1.0:
            return gradients
        return tuple(gradient * (1.0 / self.loss_scale) for gradient in gradients)

    def gradients_centralization(self, gradients):
        """Return the gradients; those of groups with 'grad_centralization' lose their mean over all axes but the first.

        Of less than two axes they stay as they are (Yong et al. 2020, arXiv:2004.01461).
        """
        return tuple(
            g - ops.mean(g, tuple(range(1, g.ndim)), True) if central and g.ndim > 1 else g
            for g, central in zip(gradients, self.grad_centralization_flags, strict=True)
        )

    # ---- one step ------------------------------------------------------------------------------------------------

    def _evaluated(self, rate, step=None):
        if isinstance(rate, Parameter):
            return rate
        step = self.global_step if step is None else step
        if isinstance(rate, _Formula) and self._number_dtype == float64:
            step = step.astype(float64)
        return rate(step).reshape(())

    def _decay_now(self, decay, step=None):
        return _scalar(decay(self.global_step if step is None else step)) if isinstance(decay, Cell) else decay

    def _decays(self):
        """The weight decay of this step, a float or 0-d Tensor; a tuple of them where Parameters have their own."""
        if self.is_group:
            return tuple(self._decay_now(decay) for decay in self.weight_decay)
        decay = self._decay_now(self.weight_decay)
        return tuple(decay if flag else 0.0 for flag in self.decay_flags) if _is_decay(decay) else 0.0

    def _checked(self, gradients):
        """The gradients as a tuple, one for each Parameter."""
        if type(gradients) is not tuple:
            gradients = (gradients,) if isinstance(gradients, Tensor) else tuple(gradients)
        if len(gradients) != len(self._done):
            raise ValueError(
                f"{self.cls_name}: got {len(gradients)} gradients for {len(self._done)} parameters. "
                "Differentiate with respect to optimizer.parameters."
            )
        return gradients

    def construct(self, *hyper_params):
        """Do one step. Every optimizer overrides this."""
        raise NotImplementedError(f"{self.cls_name}: construct(self, gradients) is not defined.")


advise(Optimizer, OPTIMIZER)


class _Ruled(Optimizer):
    """An optimizer whose step is one native call, by a row of ``src/cpp/kernels/optimizers.h``."""

    _native = optimizer_step
    # Whether the rule's weight decay is part of the gradient. MindSpore takes the mean of both together.
    _decay_in_gradient = True

    def _plan(self):
        """The rule's name, its states, its settings, and the cells of its numbers besides the rates."""
        raise NotImplementedError

    def _numbers_after(self, step, numbers):
        """The numbers of `_plan` after a step; `step` were done before it."""
        return numbers

    def construct(self, gradients):
        """Do one step with the gradients of ``self.parameters``, a tuple or list of Tensors."""
        if type(gradients) is not tuple or len(gradients) != len(self._done):
            gradients = self._checked(gradients)
        decays = self._decays()
        if self._centralizes:
            if self._decay_in_gradient:
                gradients, decays = self.decay_weight(gradients), 0.0
            gradients = self.gradients_centralization(gradients)
        if self.loss_scale != 1.0:
            gradients = self.scale_grad(gradients)
        rule, states, settings, numbers = self._plan()
        numbers = (self.get_lr(), decays, *numbers)
        done = self._native(rule, self.global_step, settings, numbers, self.parameters, gradients, *states)
        return done or self._done


def _parameters_in(parameters):
    """The Parameters of a list, or of its groups as far as they are in order."""
    for item in parameters:
        if isinstance(item, Parameter):
            yield item
        elif isinstance(item, dict) and isinstance(item.get("params"), (list, tuple)):
            yield from _parameters_in(item["params"])


def _scalar(value):
    return value.reshape(()) if isinstance(value, Tensor) else float(value)


def _is_decay(decay):
    """Whether a weight decay may be other than zero: what a Tensor holds is not looked at."""
    return isinstance(decay, Tensor) or decay != 0


class _RateOfStep(LearningRateSchedule):
    """One rate for each step, held by a Parameter."""

    def __init__(self, rates):
        super().__init__()
        self.learning_rate = rates

    def construct(self, global_step):
        try:
            return self.learning_rate[global_step]
        except IndexError:
            raise IndexError(
                f"learning_rate: there are rates for {self.learning_rate.shape[0]} steps, "
                f"but this is step {int(global_step) + 1}. Give more rates, or a LearningRateSchedule."
            ) from None


class _FixedRate(LearningRateSchedule):
    """A fixed rate beside schedules in other groups."""

    def __init__(self, rate):
        super().__init__()
        self.learning_rate = rate

    def construct(self, global_step):
        return self.learning_rate.value()
