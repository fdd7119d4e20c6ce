"""Callbacks that print or keep what happens, and one that is made of functions."""

import math
import time

from .callback import Callback, loss_of, step_in_epoch

__all__ = ["History", "LambdaCallback", "LossMonitor", "TimeMonitor"]


def check_int(owner, argument, value, least=0):
    """Return an int that is at least `least`; raise a ValueError for anything else."""
    if type(value) is not int or value < least:
        raise ValueError(f"{owner}: {argument} must be an int of at least {least}, got {value!r}.")
    return value


def check_bool(owner, argument, value):
    """Return a bool; raise a TypeError for anything else."""
    if not isinstance(value, bool):
        raise TypeError(f"{owner}: {argument} must be a bool, got {type(value).__name__}.")
    return value


class LossMonitor(Callback):
    """Print the loss, and in `Model.fit` the metrics; end the training where the loss is not finite.

    Parameters
    ----------
    per_print_times : int, default 1
        After how many steps; 0 prints no loss.

    Raises
    ------
    ValueError
        If it is no int or negative. In a step: if the loss is NaN or infinite.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> from adcore.train import LossMonitor, Model
    >>> net = nn.Dense(2, 1, weight_init="zeros", bias_init="zeros")
    >>> model = Model(net, nn.MSELoss(), nn.SGD(net.trainable_params(), 0.25))
    >>> model.train(1, [(ops.ones((4, 2)), ops.ones((4, 1)))] * 4, callbacks=LossMonitor(2))
    epoch: 1 step: 2, loss is 0.25
    epoch: 1 step: 4, loss is 0.015625
    """

    _evaluated_in_fit = False

    def __init__(self, per_print_times=1):
        super().__init__()
        self._per_print_times = check_int("LossMonitor", "per_print_times", per_print_times)
        self._last_print_time = 0

    def step_end(self, run_context):
        """Print the loss if it is its turn."""
        params = run_context.original_args()
        loss, epoch, step = loss_of(params), params.get("cur_epoch_num", 1), step_in_epoch(params)
        if isinstance(loss, float) and not math.isfinite(loss):
            raise ValueError(f"LossMonitor: in epoch {epoch}, step {step}, the loss is {loss}. The training ends here.")
        number = params["cur_step_num"]
        if number <= self._last_print_time:
            self._last_print_time = 0  # another run
        if self._per_print_times and number - self._last_print_time >= self._per_print_times:
            self._last_print_time = number
            print(f"epoch: {epoch} step: {step}, loss is {loss}", flush=True)

    def on_train_epoch_end(self, run_context):
        """Print the metrics if there was an evaluation."""
        params = run_context.original_args()
        if params.get("metrics"):
            print(f"Eval result: epoch {params['cur_epoch_num']}, metrics: {params['metrics']}", flush=True)


class TimeMonitor(Callback):
    """Print how long an epoch took, in milliseconds, and a step of it.

    Parameters
    ----------
    data_size : int, optional
        The number of steps of an epoch, where the run does not know it.
    data_time : bool, default False
        Print, too, how much of a step's time the data set took.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind.

    Examples
    --------
    >>> from adcore.train import TimeMonitor
    >>> monitor = TimeMonitor(data_time=True)  # Train epoch time: 61.250 ms, per step time: 0.957 ms (data time: ...)
    """

    def __init__(self, data_size=None, data_time=False):
        super().__init__()
        self.data_size = data_size if data_size is None else check_int("TimeMonitor", "data_size", data_size, 1)
        self.data_time = check_bool("TimeMonitor", "data_time", data_time)
        self.epoch_time = self._data_start = time.perf_counter()
        self._data_sum = 0.0

    def epoch_begin(self, run_context):
        """Look at the clock."""
        self._data_sum = 0.0
        self.epoch_time = self._data_start = time.perf_counter()

    def step_begin(self, run_context):
        """Look how long the data set took."""
        self._data_sum += time.perf_counter() - self._data_start

    def step_end(self, run_context):
        """Look at the clock."""
        self._data_start = time.perf_counter()

    def epoch_end(self, run_context):
        """Print the time."""
        spent = (time.perf_counter() - self.epoch_time) * 1000
        params = run_context.original_args()
        steps = params.get("cur_step_in_epoch") or params.get("batch_num") or self.data_size
        if not steps:
            raise ValueError("TimeMonitor: the number of steps is not known. Give it as data_size.")
        data = f" (data time: {self._data_sum * 1000 / steps:5.3f} ms)" if self.data_time else ""
        mode = params.get("mode", "").title()
        print(f"{mode} epoch time: {spent:5.3f} ms, per step time: {spent / steps:5.3f} ms{data}", flush=True)


class History(Callback):
    """Keep the loss of the last step of each epoch, and in `Model.fit` the metrics.

    Attributes
    ----------
    epoch : dict
        ``{"epoch": [1, 2, ...]}``
    history : dict of str to list
        "net_output", what a step returned: the loss, a float, where it is a Tensor. And the metrics by name.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> from adcore.train import History, Model
    >>> net, history = nn.Dense(2, 1, weight_init="zeros", bias_init="zeros"), History()
    >>> model = Model(net, nn.MSELoss(), nn.SGD(net.trainable_params(), 0.25))
    >>> model.train(2, [(ops.ones((4, 2)), ops.ones((4, 1)))], callbacks=history)
    >>> history.epoch, history.history
    ({'epoch': [1, 2]}, {'net_output': [1.0, 0.25]})
    """

    _evaluated_in_fit = False

    def __init__(self):
        super().__init__()
        self.history = {}
        self.epoch = {"epoch": []}

    def begin(self, run_context):
        """Forget the run before."""
        self.history = {}
        self.epoch = {"epoch": []}

    def epoch_end(self, run_context):
        """Keep what this epoch came to."""
        params = run_context.original_args()
        self.epoch["epoch"].append(params.get("cur_epoch_num", 1))
        for name, value in {"net_output": loss_of(params), **params.get("metrics", {})}.items():
            self.history.setdefault(name, []).append(value)


class LambdaCallback(Callback):
    """A callback made of functions, each of which takes the `RunContext`.

    Parameters
    ----------
    on_train_epoch_begin, on_train_epoch_end, on_train_step_begin, on_train_step_end, on_train_begin, on_train_end, \
on_eval_epoch_begin, on_eval_epoch_end, on_eval_step_begin, on_eval_step_end, on_eval_begin, on_eval_end : callable, \
optional

    Raises
    ------
    TypeError
        If one cannot be called.

    Examples
    --------
    >>> from adcore.train import LambdaCallback
    >>> callback = LambdaCallback(on_train_begin=lambda run_context: print("here we go"))
    """

    def __init__(
        self,
        on_train_epoch_begin=None,
        on_train_epoch_end=None,
        on_train_step_begin=None,
        on_train_step_end=None,
        on_train_begin=None,
        on_train_end=None,
        on_eval_epoch_begin=None,
        on_eval_epoch_end=None,
        on_eval_step_begin=None,
        on_eval_step_end=None,
        on_eval_begin=None,
        on_eval_end=None,
    ):
        super().__init__()
        functions = {name: value for name, value in locals().items() if name.startswith("on_")}
        for name, function in functions.items():
            if function is not None:
                if not callable(function):
                    raise TypeError(f"LambdaCallback: {name} must be callable, got {type(function).__name__}.")
                setattr(self, name, function)
