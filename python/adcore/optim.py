"""Optimizers without state of their own, for models that are containers of Tensors.

``adam(0.1)`` has ``init(params)``, which returns a state, and ``update(gradients, state, params)``, which returns new
parameters and a new state, by the same rules and to the same bits as the class of `adcore.nn`. Nothing is changed and
nothing is kept, so a step stands in what is differentiated, batched or recorded like any other function. Start reading
at `PureOptimizer.update`.
"""

from collections.abc import Iterator

from . import nn, ops
from ._advice import PURE_OPTIMIZER, advise, known_words, no_attribute, read_at_once
from ._core import Parameter, Tensor, float32, float64, int32, optimizer_values
from .transforms.trees import match, tensors_of, with_tensors


class PureOptimizer:
    """A rule with its options: ``init`` and ``update`` on a Tensor or a tuple, list or dict of Tensors.

    Made by the functions of this module. Every parameter is decayed, whatever its name.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.sgd(0.25, momentum=0.5)
    >>> params = {"w": ac.Tensor([1.0], ac.float32)}
    >>> state = optimizer.init(params)
    >>> for _ in range(2):
    ...     params, state = optimizer.update(ac.grad(lambda p: (p["w"] ** 2).sum())(params), state, params)
    >>> print(params["w"])
    [0.]
    """

    def __init__(self, kind, learning_rate, options):
        self.kind = kind
        # A Tensor of one rate stays what it is: it may have a derivative.
        self._rate = learning_rate if isinstance(learning_rate, Tensor) and learning_rate.ndim == 0 else None
        self._options = options
        if isinstance(learning_rate, Iterator):
            learning_rate = list(learning_rate)  # it is read for each dtype
        # Checks the options, too.
        self._like = {
            dtype: kind([Parameter(Tensor(0.0, dtype), name="p")], learning_rate=self._known(learning_rate), **options)
            for dtype in (float32, float64)
        }

    def _known(self, learning_rate):
        return 1.0 if self._rate is not None else learning_rate

    def __repr__(self):
        given = "".join(f", {name}={value!r}" for name, value in self._options.items())
        return f"PureOptimizer({self.kind.__name__}{given})"

    def _name(self):
        return f"optim.{self.kind.__name__.lower()}"

    def _leaves(self, params):
        leaves = tensors_of(params)
        if not leaves:
            raise ValueError(f"{self._name()}: there are no Tensors in params.")
        for leaf in leaves:
            if not leaf.dtype.is_floating_point:
                raise TypeError(f"{self._name()}: params must be of float dtypes, got {leaf.dtype}.")
        # What is kept in a Parameter of float32, or float64, by the class.
        return leaves, self._like[float64 if any(leaf.dtype == float64 for leaf in leaves) else float32]

    def init(self, params):
        """Return the state before the first step.

        Parameters
        ----------
        params : Tensor, or tuple, list or dict of Tensors
            Of float dtypes.

        Returns
        -------
        dict
            'step', the number of steps done, an int32; 'numbers', those of the rule that change from step to step; and
            for each kind of state a container like `params`, under its name in the class of `adcore.nn`.

        Raises
        ------
        TypeError, ValueError
            If there are no Tensors, or Tensors that are not of a float dtype.
        """
        leaves, like = self._leaves(params)
        _, kinds, _, numbers = like._plan()
        state = {"step": Tensor(0, int32), "numbers": tuple(number.value() for number in numbers)}
        for (start,) in kinds:
            filled = [
                ops.full_like(leaf.value() if isinstance(leaf, Parameter) else leaf, float(start)) for leaf in leaves
            ]
            state[start.name.rpartition(".")[0]] = with_tensors(params, filled)
        return state

    def update(self, gradients, state, params):
        """Return the parameters and the state after one step.

        Parameters
        ----------
        gradients : like `params`
        state : dict
            What `init` or the last `update` returned.
        params : Tensor, or tuple, list or dict of Tensors

        Returns
        -------
        tuple
            ``(params, state)``, new ones.

        Raises
        ------
        TypeError, ValueError
            If the three do not fit each other.
        """
        leaves, like = self._leaves(params)
        gradients = like.scale_grad(match(self._name(), "the gradients", params, gradients))
        rule, kinds, settings, _ = like._plan()
        names = [start.name.rpartition(".")[0] for (start,) in kinds]
        wanted = {"step", "numbers", *names}
        if not isinstance(state, dict) or state.keys() != wanted:
            raise ValueError(f"{self._name()}: the state must be a dict of {sorted(wanted)}, as init() returns it.")
        columns = [match(self._name(), f"the state {name!r}", params, state[name]) for name in names]
        step, numbers = state["step"], state["numbers"]
        rate = like._evaluated(like.learning_rate, step) if self._rate is None else self._rate
        given = (rate, like._decay_now(like.weight_decay, step), *numbers)
        moved, *columns = optimizer_values(rule, step, settings, given, leaves, gradients, *columns)
        if isinstance(like, nn.Lamb):
            moved = [like._moved(*of, rate) for of in zip(leaves, moved)]
        following = {"step": step + 1, "numbers": like._numbers_after(step, numbers)}
        following.update((name, with_tensors(params, column)) for name, column in zip(names, columns))
        return with_tensors(params, moved), following


advise(PureOptimizer, PURE_OPTIMIZER)


def _optimizer(function):
    return known_words(function, aliases={"lr": "learning_rate"})


@_optimizer
def sgd(learning_rate=0.1, **options):
    """Return `adcore.nn.SGD` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        momentum, dampening, weight_decay, nesterov: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.sgd(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.SGD, learning_rate, options)


@_optimizer
def momentum(learning_rate, **options):
    """Return `adcore.nn.Momentum` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        momentum (required), weight_decay, use_nesterov: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.momentum(0.5, momentum=0.0)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.Momentum, learning_rate, options)


@_optimizer
def adam(learning_rate=1e-3, **options):
    """Return `adcore.nn.Adam` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        beta1, beta2, eps, use_nesterov, use_amsgrad, weight_decay: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.adam(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.Adam, learning_rate, options)


@_optimizer
def adam_weight_decay(learning_rate=1e-3, **options):
    """Return `adcore.nn.AdamWeightDecay` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        beta1, beta2, eps, weight_decay: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.adam_weight_decay(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.AdamWeightDecay, learning_rate, options)


@_optimizer
def adamw(learning_rate=1e-3, **options):
    """Return `adcore.nn.AdamW` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        beta1, beta2, eps, weight_decay, amsgrad: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.adamw(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.AdamW, learning_rate, options)


@_optimizer
def adamax(learning_rate=1e-3, **options):
    """Return `adcore.nn.AdaMax` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        beta1, beta2, eps, weight_decay: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.adamax(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.AdaMax, learning_rate, options)


@_optimizer
def nadam(learning_rate=2e-3, **options):
    """Return `adcore.nn.NAdam` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        beta1, beta2, eps, weight_decay, momentum_decay: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.nadam(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.NAdam, learning_rate, options)


@_optimizer
def radam(learning_rate=1e-3, **options):
    """Return `adcore.nn.RAdam` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        beta1, beta2, eps, weight_decay: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.radam(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.RAdam, learning_rate, options)


@_optimizer
def lamb(learning_rate, **options):
    """Return `adcore.nn.Lamb` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        beta1, beta2, eps, weight_decay: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.lamb(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.Lamb, learning_rate, options)


@_optimizer
def lion(learning_rate=1e-4, **options):
    """Return `adcore.nn.Lion` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        beta1, beta2, weight_decay: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.lion(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.Lion, learning_rate, options)


@_optimizer
def rmsprop(learning_rate=0.1, **options):
    """Return `adcore.nn.RMSProp` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        decay, momentum, epsilon, centered, weight_decay: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.rmsprop(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.RMSProp, learning_rate, options)


@_optimizer
def adagrad(learning_rate=1e-3, **options):
    """Return `adcore.nn.Adagrad` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        accum, update_slots, weight_decay: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.adagrad(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.Adagrad, learning_rate, options)


@_optimizer
def adadelta(learning_rate=1.0, **options):
    """Return `adcore.nn.Adadelta` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        rho, epsilon, weight_decay: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.adadelta(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.Adadelta, learning_rate, options)


@_optimizer
def rprop(learning_rate=0.1, **options):
    """Return `adcore.nn.Rprop` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        etas, step_sizes, weight_decay: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.rprop(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.Rprop, learning_rate, options)


@_optimizer
def asgd(learning_rate=0.1, **options):
    """Return `adcore.nn.ASGD` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        lambd, alpha, t0, weight_decay: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.asgd(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.ASGD, learning_rate, options)


@_optimizer
def ftrl(learning_rate=1e-3, **options):
    """Return `adcore.nn.FTRL` without state of its own.

    Parameters
    ----------
    learning_rate : float, 0-d or 1-d Tensor, iterable of float, or LearningRateSchedule
        A 0-d Tensor may have a derivative.
    **options
        initial_accum, lr_power, l1, l2, weight_decay: those of the class.

    Returns
    -------
    PureOptimizer

    Raises
    ------
    TypeError, ValueError
        As the class.

    Examples
    --------
    >>> import adcore as ac
    >>> optimizer = ac.optim.ftrl(0.5)
    >>> params = ac.Tensor([1.0], ac.float32)
    >>> params, state = optimizer.update(ac.Tensor([1.0], ac.float32), optimizer.init(params), params)
    >>> int(state["step"])
    1
    """
    return PureOptimizer(nn.FTRL, learning_rate, options)


__all__ = [
    "PureOptimizer",
    "adadelta",
    "adagrad",
    "adam",
    "adam_weight_decay",
    "adamax",
    "adamw",
    "asgd",
    "ftrl",
    "lamb",
    "lion",
    "momentum",
    "nadam",
    "radam",
    "rmsprop",
    "rprop",
    "sgd",
]


def __getattr__(name):
    raise no_attribute(__name__, name)


read_at_once(__name__)
