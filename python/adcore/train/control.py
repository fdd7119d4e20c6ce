"""Callbacks that steer a training: when it ends, and its learning rate."""

import math
import warnings

from adcore._core import Parameter, Tensor
from adcore.transforms.options import check_callable

from .callback import Callback, loss_of
from .monitors import check_bool, check_int

__all__ = ["EarlyStopping", "LearningRateScheduler", "ReduceLROnPlateau"]

# Where a name has one of these words in it, less is better.
_ERRORS = {"loss", "error", "err", "mae", "mse", "rmse", "nll", "perplexity", "distance"}


class _Monitored(Callback):
    """Base of those that look at one number at the end of each epoch."""

    _evaluated_in_fit = False
    _counts: dict = {"wait": 0}  # what is counted in a run, and what it starts from; `best` besides

    def __init__(self, monitor, min_delta, patience, verbose, mode):
        super().__init__()
        name = type(self).__name__
        if not isinstance(monitor, str):
            raise TypeError(f"{name}: monitor must be a str, got {type(monitor).__name__}.")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{name}: mode must be 'auto', 'min' or 'max', got {mode!r}.")
        self.monitor, self.mode = monitor, mode
        self.min_delta = abs(_number(name, "min_delta", min_delta))
        self.patience = check_int(name, "patience", patience)
        self.verbose = check_bool(name, "verbose", verbose)
        self._less = mode == "min" or (mode == "auto" and not _ERRORS.isdisjoint(monitor.lower().split("_")))
        self._goes_on = False
        self._forget()

    def _forget(self):
        vars(self).update(self._counts)
        self.best = math.inf if self._less else -math.inf

    def on_train_begin(self, run_context):
        """Forget the run before, unless a state has been loaded since."""
        if not self._goes_on:
            self._forget()
        self._goes_on = False

    def state_dict(self):
        """Return what it has counted in this run: a dict of numbers and Tensors."""
        return {name: getattr(self, name) for name in ("best", *self._counts)}

    def load_state_dict(self, state_dict):
        """Let the next run go on from a state of `state_dict`.

        Raises
        ------
        RuntimeError
            If it has other names; nothing is set then.
        """
        names = {"best", *self._counts}
        if set(state_dict) != names:
            raise RuntimeError(f"{type(self).__name__}: the state has {sorted(state_dict)}, expected {sorted(names)}.")
        vars(self).update(state_dict)
        self._goes_on = True

    def is_improvement(self, value, best):
        """Return whether a value is better than another one by more than ``min_delta``."""
        return value < best - self.min_delta if self._less else value > best + self.min_delta

    def _value(self, params):
        """Return the number, or None, with a warning, where the run does not have it."""
        results = params.get("eval_results", {})
        value = loss_of(params) if self.monitor == "loss" else results.get(self.monitor)
        if value is None:
            # Between the evaluations of a fit it is not there, but it will be.
            if results or params.get("valid_dataset") is None:
                warnings.warn(
                    f"{type(self).__name__}: there is no {self.monitor!r} to look at. There is: "
                    f"{', '.join(['loss', *results])}. Model.fit with a valid_dataset makes the others.",
                    stacklevel=3,
                )
            return None
        if getattr(value, "ndim", 0) != 0:
            raise ValueError(f"{type(self).__name__}: {self.monitor!r} must be one number, its shape is {value.shape}.")
        return float(value)


def _number(owner, argument, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{owner}: {argument} must be a number, got {type(value).__name__}.")
    return value


class EarlyStopping(_Monitored):
    """End the training when a number no longer gets better. `save_state` takes it as a part, to go on with its counts.

    Parameters
    ----------
    monitor : str
        "loss", that of the last step of an epoch; or in `Model.fit` "eval_loss" or the name of a metric.
    min_delta : float
        By how much it must be better than the best.
    patience : int
        After how many epochs in a row without that the training ends; 0 is as 1.
    verbose : bool
    mode : {"auto", "min", "max"}
        Whether less or more is better. "auto" takes less where the name says an error or a loss, else more.
    baseline : float, optional
        An epoch that is not better than this is one without improvement, too.
    restore_best_weights : bool
        Where it ends the training, set all Parameters, those of the optimizer too, to what they were after the best
        epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind. After an epoch: if the number is an array.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> from adcore.train import EarlyStopping, Model
    >>> net = nn.Dense(2, 1, weight_init="zeros", bias_init="zeros")
    >>> model = Model(net, nn.MSELoss(), nn.SGD(net.trainable_params(), 0.25), metrics={"mae"})
    >>> data = [(ops.ones((4, 2)), ops.ones((4, 1)))]
    >>> model.fit(100, data, data, callbacks=EarlyStopping("mae", min_delta=0.1, patience=2, verbose=True))
    Epoch 00005: early stopping
    """

    _counts = {"wait": 0, "stopped_epoch": 0, "best_weights_param_dict": None}

    def __init__(
        self,
        monitor="eval_loss",
        min_delta=0,
        patience=0,
        verbose=False,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
    ):
        super().__init__(monitor, min_delta, patience, verbose, mode)
        self.baseline = baseline if baseline is None else _number("EarlyStopping", "baseline", baseline)
        self.restore_best_weights = check_bool("EarlyStopping", "restore_best_weights", restore_best_weights)

    def on_train_epoch_end(self, run_context):
        """Look at the number."""
        params = run_context.original_args()
        value = self._value(params)
        if value is None:
            return
        network = params["train_network"]
        better = self.is_improvement(value, self.best)
        if self.restore_best_weights and (better or self.best_weights_param_dict is None):
            self.best_weights_param_dict = {path: p.value() for path, p in network.parameters_and_names()}
        if better:
            self.best = value
        if better and (self.baseline is None or self.is_improvement(value, self.baseline)):
            self.wait = 0
            return
        self.wait += 1
        if self.wait >= self.patience:
            self.stopped_epoch = params["cur_epoch_num"]
            run_context.request_stop()
            if self.restore_best_weights:
                if self.verbose:
                    print("Restoring model weights from the end of the best epoch.", flush=True)
                for path, param in network.parameters_and_names():
                    param.set_data(self.best_weights_param_dict[path])

    def on_train_end(self, run_context):
        """Say in which epoch it ended the training."""
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch:05d}: early stopping", flush=True)


class ReduceLROnPlateau(_Monitored):
    """Reduce the learning rate when a number no longer gets better; `save_state` takes it as a part.

    Parameters
    ----------
    monitor, patience, verbose, mode, min_delta
        As of `EarlyStopping`.
    factor : float
        What the rate is multiplied with; between 0 and 1.
    cooldown : int
        How many epochs after a reduction do not count.
    min_lr : float
        The rate is never made less than this.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind. After an epoch: if the number is an array, or the optimizer's rate is a
        schedule.

    Examples
    --------
    >>> from adcore.train import ReduceLROnPlateau
    >>> callback = ReduceLROnPlateau("eval_loss", factor=0.5, patience=3, min_lr=1e-5)
    """

    _counts = {"wait": 0, "cooldown_counter": 0}

    def __init__(
        self,
        monitor="eval_loss",
        factor=0.1,
        patience=10,
        verbose=False,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0,
    ):
        super().__init__(monitor, min_delta, patience, verbose, mode)
        self.factor = _number("ReduceLROnPlateau", "factor", factor)
        if not 0 < factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be between 0 and 1, got {factor}.")
        self.cooldown = check_int("ReduceLROnPlateau", "cooldown", cooldown)
        self.min_lr = _number("ReduceLROnPlateau", "min_lr", min_lr)

    def on_train_epoch_end(self, run_context):
        """Look at the number."""
        params = run_context.original_args()
        rates = _rates("ReduceLROnPlateau", params["optimizer"])
        value = self._value(params)
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_improvement(value, self.best):
            self.best = value
            self.wait = 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            if self.wait >= self.patience:
                for rate in rates:
                    self._reduce(rate, params["cur_epoch_num"])
                self.cooldown_counter = self.cooldown
                self.wait = 0

    def _reduce(self, rate, epoch):
        now = _value_of(rate)
        if now > self.min_lr:
            new = max(now * self.factor, self.min_lr)
            rate.set_data(Tensor(new, rate.dtype))
            if self.verbose:
                print(f"Epoch {epoch:05d}: ReduceLROnPlateau reducing learning rate to {new}.", flush=True)


class LearningRateScheduler(Callback):
    """Set the learning rate after each step to what a function says.

    Parameters
    ----------
    learning_rate_function : callable
        Takes the rate, a float, and the number of steps done; returns the rate of the next step.

    Raises
    ------
    TypeError
        If it cannot be called.
    ValueError
        After a step: if the optimizer's rate is a schedule.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> from adcore.train import LearningRateScheduler, Model
    >>> net = nn.Dense(2, 1)
    >>> optimizer = nn.SGD(net.trainable_params(), 0.1)
    >>> halve = LearningRateScheduler(lambda rate, step: rate / 2 if step % 3 == 0 else rate)
    >>> Model(net, nn.MSELoss(), optimizer).train(1, [(ops.ones((4, 2)), ops.ones((4, 1)))] * 7, callbacks=halve)
    >>> round(float(optimizer.get_lr()), 6)
    0.025
    """

    _evaluated_in_fit = False

    def __init__(self, learning_rate_function):
        super().__init__()
        check_callable("LearningRateScheduler", learning_rate_function)
        self.learning_rate_function = learning_rate_function

    def step_end(self, run_context):
        """Set the rate."""
        params = run_context.original_args()
        for rate in _rates("LearningRateScheduler", params["optimizer"]):
            now = _value_of(rate)
            new = float(self.learning_rate_function(now, params["cur_step_num"]))
            if not math.isclose(now, new, rel_tol=1e-10):
                rate.set_data(Tensor(new, rate.dtype))


def _rates(owner, optimizer):
    """Return the Parameters that hold the learning rates of an optimizer, each once."""
    if optimizer is None:
        raise ValueError(f"{owner}: the Model has no optimizer.")
    rates = optimizer.learning_rate
    rates = [rates] if isinstance(rates, Parameter) else list(rates) if isinstance(rates, tuple) else [None]
    if not all(isinstance(rate, Parameter) for rate in rates):
        raise ValueError(f"{owner}: the learning rate is a schedule. Give the optimizer a number.")
    return list({id(rate): rate for rate in rates}.values())


def _value_of(rate):
    """Return a rate as the number that was given: 0.1 held as float32 is 0.1."""
    return float(str(rate.asnumpy()))
