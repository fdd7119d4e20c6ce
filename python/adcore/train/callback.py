"""Callbacks: what a Model calls at the beginning and the end of a training or evaluation, of its epochs and steps.

Each event has two names. The Model calls ``on_train_step_end`` or ``on_eval_step_end``, which by default call
``step_end``; so a callback that defines the short name hears of both. Callbacks are context managers, too: what must be
undone however a run ends, by an exception or by Ctrl-C, too, belongs into ``__exit__``.

`RunContext` is what an event gets; its data is a dict, `InternalCallbackParam`, whose entries are attributes as well.
`Callbacks` is the list of them as the Model calls it. Start reading there.
"""

import contextlib
from functools import partial

from adcore._advice import add_note
from adcore._core import Tensor

__all__ = ["Callback", "RunContext"]

_STAGES = ("begin", "epoch_begin", "step_begin", "step_end", "epoch_end", "end")


class InternalCallbackParam(dict):
    """A dict whose entries can be read and set as attributes."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            known = ", ".join(map(str, self))
            raise AttributeError(f"original_args: there is no {name!r} here. There are: {known}.") from None

    def __setattr__(self, name, value):
        self[name] = value


class RunContext:
    """What a callback is told about the run, and how it stops it.

    Parameters
    ----------
    original_args : dict
        See `original_args`.

    Raises
    ------
    TypeError
        If it is no dict.

    Examples
    --------
    >>> from adcore.train import Callback
    >>> class FiveSteps(Callback):
    ...     def on_train_step_end(self, run_context):
    ...         if run_context.original_args().cur_step_num == 5:
    ...             run_context.request_stop()
    """

    def __init__(self, original_args):
        if not isinstance(original_args, dict):
            raise TypeError(f"RunContext: original_args must be a dict, got {type(original_args).__name__}.")
        self._original_args = original_args
        self._stop_requested = False

    def original_args(self):
        """Return the dict that all callbacks of the run share; what they put into it stays there.

        In a run of a Model its entries are attributes, too: ``mode`` ("train" or "eval"), ``cur_epoch_num`` and
        ``epoch_num``, ``cur_step_num`` (of the whole run, from 1), ``cur_step_in_epoch``, ``batch_num`` (of an epoch;
        None as long as it is not known), ``net_outputs``, ``network``, ``loss_fn``, ``optimizer``, ``train_network``,
        ``train_dataset``, ``train_dataset_element``, ``eval_network``, ``valid_dataset``, ``list_callback`` and
        ``dataset_sink_mode``. After an evaluation there is ``metrics``, its results; in `Model.fit` also
        ``eval_results``, which have ``eval_loss`` beside, until the epoch ends.
        """
        return self._original_args

    def request_stop(self):
        """Ask the run to end after this step; after this epoch where the epoch has ended."""
        self._stop_requested = True

    def get_stop_requested(self):
        """Return whether somebody asked the run to end."""
        return self._stop_requested


class Callback:
    """Base class: override the methods of the events that you want to hear of.

    Each takes the `RunContext`. By default ``on_train_begin`` and ``on_eval_begin`` call ``begin``, and so for all
    events. An exception that a callback raises ends the run; a note on it says which callback it was.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> from adcore.train import Callback, Model
    >>> class PrintStep(Callback):
    ...     def on_train_step_end(self, run_context):
    ...         print("step", run_context.original_args().cur_step_num)
    >>> net = nn.Dense(3, 1)
    >>> model = Model(net, nn.MSELoss(), nn.SGD(net.trainable_params(), 0.1))
    >>> model.train(1, [(ops.ones((4, 3)), ops.zeros((4, 1)))] * 2, callbacks=PrintStep())
    step 1
    step 2
    """

    _evaluated_in_fit = True  # whether it hears of the evaluations that Model.fit makes between epochs

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def begin(self, run_context):
        """Before a training or an evaluation."""

    def epoch_begin(self, run_context):
        """Before an epoch."""

    def step_begin(self, run_context):
        """Before a step."""

    def step_end(self, run_context):
        """After a step."""

    def epoch_end(self, run_context):
        """After an epoch."""

    def end(self, run_context):
        """After a training or an evaluation that was not ended by an exception."""

    def on_train_begin(self, run_context):
        """Before a training."""
        self.begin(run_context)

    def on_train_epoch_begin(self, run_context):
        """Before an epoch of training."""
        self.epoch_begin(run_context)

    def on_train_step_begin(self, run_context):
        """Before a step of training."""
        self.step_begin(run_context)

    def on_train_step_end(self, run_context):
        """After a step of training."""
        self.step_end(run_context)

    def on_train_epoch_end(self, run_context):
        """After an epoch of training, and in `Model.fit` after the evaluation that follows it."""
        self.epoch_end(run_context)

    def on_train_end(self, run_context):
        """After a training that was not ended by an exception."""
        self.end(run_context)

    def on_eval_begin(self, run_context):
        """Before an evaluation."""
        self.begin(run_context)

    def on_eval_epoch_begin(self, run_context):
        """Before the batches of an evaluation."""
        self.epoch_begin(run_context)

    def on_eval_step_begin(self, run_context):
        """Before a batch of an evaluation."""
        self.step_begin(run_context)

    def on_eval_step_end(self, run_context):
        """After a batch of an evaluation."""
        self.step_end(run_context)

    def on_eval_epoch_end(self, run_context):
        """After the batches of an evaluation."""
        self.epoch_end(run_context)

    def on_eval_end(self, run_context):
        """After an evaluation that was not ended by an exception."""
        self.end(run_context)


class Callbacks:
    """The callbacks of a run, entered and left together; ``on_train_begin(run_context)`` and so on calls them in turn.

    Where one of them cannot be entered, those before it are left again.
    """

    def __init__(self, name, callbacks):
        self.callbacks = _listed(name, callbacks)
        self._stack = contextlib.ExitStack()
        for run in ("on_train_", "on_eval_"):
            for stage in _STAGES:
                setattr(self, run + stage, partial(self._call, run + stage))

    def __enter__(self):
        with self._stack as stack:
            entered = [stack.enter_context(callback) for callback in self.callbacks]
            # An __enter__ that forgets to return something means the callback itself.
            self.callbacks = [new if isinstance(new, Callback) else old for new, old in zip(entered, self.callbacks)]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        return self._stack.__exit__(*error)

    def _call(self, event, run_context):
        for callback in self.callbacks:
            try:
                getattr(callback, event)(run_context)
            except Exception as error:
                add_note(error, f"The callback {type(callback).__name__} raised it in {event}.")
                raise

    def in_evaluation_of_fit(self):
        """Return the callbacks that hear of the evaluations in `Model.fit`; they are entered already."""
        return Callbacks("Model.fit", [callback for callback in self.callbacks if callback._evaluated_in_fit])


def _listed(name, callbacks):
    callbacks = [] if callbacks is None else [callbacks] if isinstance(callbacks, Callback) else callbacks
    if not isinstance(callbacks, (list, tuple)):
        raise TypeError(f"{name}: callbacks must be a Callback or a list of them, got {type(callbacks).__name__}.")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            kind = callback.__name__ if isinstance(callback, type) else type(callback).__name__
            hint = " Pass an object of the class." if isinstance(callback, type) else ""
            raise TypeError(f"{name}: callbacks must be objects of Callback, got {kind}.{hint}")
    return list(callbacks)


# ---- what a callback reads -------------------------------------------------------------------------------------------


def loss_of(params):
    """Return the loss among the outputs of a step, a float where it is a Tensor: the first of several, their mean."""
    loss = params["net_outputs"]
    if isinstance(loss, (tuple, list)) and loss and isinstance(loss[0], Tensor):
        loss = loss[0]
    if isinstance(loss, Tensor):
        return float(loss if loss.ndim == 0 else loss.mean())
    return loss


def step_in_epoch(params):
    """Return the number of the step in its epoch, from 1."""
    step = params.get("cur_step_in_epoch")
    return (params["cur_step_num"] - 1) % params["batch_num"] + 1 if step is None else step
