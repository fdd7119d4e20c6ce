"""Model: a network with its loss, optimizer and metrics, and the loops around them.

A step is one call of ``train_network``, a `TrainOneStepCell`; a Model adds nothing to its numbers, so the same bits
come out of a loop written by hand. Start reading at `Model._train`.
"""

import contextlib
import logging

from adcore.nn.cell import Cell
from adcore.nn.wrap import TrainOneStepCell, TrainOneStepWithLossScaleCell, WithEvalCell, WithLossCell
from adcore.transforms.options import check_callable

from .callback import Callbacks, InternalCallbackParam, RunContext
from .feed import Feed, as_input, check_dataset, check_elements
from .metrics import Loss, get_metrics
from .precision import Level, WideLossCell

__all__ = ["Model"]

_log = logging.getLogger("adcore")


class Model:
    """A network together with its training, evaluation and prediction.

    Parameters
    ----------
    network : Cell
        Without `loss_fn` it returns the loss itself; without `optimizer`, a call of it is a whole training step.
    loss_fn : Cell or callable, optional
        Takes the network's output and the label.
    optimizer : Optimizer, optional
        It updates its ``parameters``.
    metrics : dict of str to Metric, or set, list or tuple of str, optional
        What `eval` computes; for the names see `adcore.train.names`.
    eval_network : Cell, optional
        What is evaluated; by default the network with its loss, which gives ``(loss, output, label)``.
    eval_indexes : list of int, optional
        Where the loss, the output and the label stand in what `eval_network` returns. Without it a metric gets all
        that is returned.
    amp_level : {"O0", "O1", "O2", "O3"}
        "O1" lets the layers of `get_white_list` compute in float16, "O2" and "O3" the whole network (`Cell.to_float`)
        and the loss in float32; its Parameters keep their dtypes. "O2" leaves batch and layer normalization in float32
        and scales the loss, by a `DynamicLossScaleManager`.
    boost_level : {"O0"}
    **kwargs
        ``loss_scale_manager``, a `LossScaleManager` or None, ``keep_batchnorm_fp32``, a bool, and ``cast_model_type``,
        float16 or float32, in place of what the level says. Where a manager leaves steps out, a step returns ``(loss,
        left out, scale)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind, or metrics have nothing to be computed of.
    NotImplementedError
        For other levels.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn, ops
    >>> from adcore.train import Model
    >>> x = ops.randn(64, 3)
    >>> data = [(x[i : i + 8], x[i : i + 8].sum(1, keepdims=True)) for i in range(0, 64, 8)]
    >>> net = nn.Dense(3, 1)
    >>> model = Model(net, nn.MSELoss(), nn.SGD(net.trainable_params(), 0.1), metrics={"mae"})
    >>> model.train(20, data)
    >>> model.eval(data)["mae"] < 0.05
    True
    """

    def __init__(
        self,
        network,
        loss_fn=None,
        optimizer=None,
        metrics=None,
        eval_network=None,
        eval_indexes=None,
        amp_level="O0",
        boost_level="O0",
        **kwargs,
    ):
        for argument, value in (("network", network), ("optimizer", optimizer), ("eval_network", eval_network)):
            if not isinstance(value, Cell) and (value is not None or argument == "network"):
                raise TypeError(f"Model: {argument} must be a Cell, got {type(value).__name__}.")
        if loss_fn is not None:
            check_callable("Model", loss_fn)
        if boost_level != "O0":
            raise NotImplementedError(f"Model: boost_level must be 'O0', got {boost_level!r}.")
        self._network, self._loss_fn, self._optimizer = network, loss_fn, optimizer
        self._level = Level(amp_level, kwargs)
        self._train_network = self._built_train_network()
        self._metric_fns = get_metrics(metrics)
        self._eval_network, self._eval_indexes = self._built_eval_network(eval_network, eval_indexes)
        self._level.set(network)  # last: a Model that cannot be made changes nothing

    def _built_train_network(self):
        network, manager = self._network, self._level.loss_scale_manager
        if self._loss_fn is not None:
            network = (WideLossCell if self._level.half else WithLossCell)(network, self._loss_fn)
        if self._optimizer is None:
            if manager is not None:
                raise ValueError("Model: a scaled loss needs an optimizer.")
            return network
        rule = None if manager is None else manager.get_update_cell()
        if rule is not None:
            return TrainOneStepWithLossScaleCell(network, self._optimizer, rule)
        return TrainOneStepCell(network, self._optimizer, 1.0 if manager is None else manager.get_loss_scale())

    def _built_eval_network(self, network, indexes):
        if indexes is not None and not (
            isinstance(indexes, (list, tuple)) and len(indexes) == 3 and all(type(i) is int for i in indexes)
        ):
            raise ValueError(
                f"Model: eval_indexes must be 3 ints, of the loss, the output and the label, got {indexes}."
            )
        if network is not None:
            return network, indexes
        if self._loss_fn is not None:
            return WithEvalCell(self._network, self._loss_fn, add_cast_fp32=self._level.half), (0, 1, 2)
        if self._metric_fns:
            raise ValueError("Model: metrics need a loss_fn, or an eval_network whose outputs they are computed of.")
        return None, None

    @property
    def train_network(self):
        """What a step calls: the network with loss and optimizer."""
        return self._train_network

    @property
    def eval_network(self):
        """What an evaluation calls, or None."""
        return self._eval_network

    @property
    def predict_network(self):
        """The network."""
        return self._network

    # ---- training ------------------------------------------------------------------------------------------------

    def train(self, epoch, train_dataset, callbacks=None, dataset_sink_mode=False, sink_size=-1, initial_epoch=0):
        """Train: a step for each batch, `epoch` times through the data.

        Ctrl-C ends the training where it is: the callbacks are left (their ``__exit__`` closes files), the Parameters
        and the optimizer are as after the last step that was completed, and KeyboardInterrupt reaches the caller.

        Parameters
        ----------
        epoch : int
            The number of the last epoch, from 1.
        train_dataset : iterable
            Gives batches: a tuple, list or dict of Tensors or arrays, or one of these. With a `loss_fn` they are data
            and label; without, they are the arguments of the network, those of a dict in its order. It is read anew
            for each epoch. What has ``create_tuple_iterator`` is read through that; a function without arguments is
            called for an iterator.
        callbacks : Callback or list of Callback, optional
        dataset_sink_mode : bool, default False
        sink_size : int, default -1
            These two have no meaning on a CPU and change nothing.
        initial_epoch : int, default 0
            How many epochs were done before.

        Raises
        ------
        TypeError
            If an argument is of another kind.
        ValueError
            If a number is out of range, an epoch has no batches, or a batch has elements that do not fit the network.

        Examples
        --------
        >>> from adcore import nn, ops
        >>> from adcore.train import LossMonitor, Model
        >>> net = nn.Dense(2, 1, weight_init="zeros", bias_init="zeros")
        >>> model = Model(net, nn.MSELoss(), nn.SGD(net.trainable_params(), 0.25))
        >>> model.train(2, [(ops.ones((4, 2)), ops.ones((4, 1)))], callbacks=LossMonitor())
        epoch: 1 step: 1, loss is 1.0
        epoch: 2 step: 1, loss is 0.25
        """
        self._check_run("Model.train", epoch, initial_epoch, dataset_sink_mode, sink_size)
        self._train("Model.train", epoch, train_dataset, callbacks, initial_epoch)

    def fit(
        self,
        epoch,
        train_dataset,
        valid_dataset=None,
        valid_frequency=1,
        callbacks=None,
        dataset_sink_mode=False,
        valid_dataset_sink_mode=False,
        sink_size=-1,
        initial_epoch=0,
    ):
        """Train, and evaluate after epochs.

        Parameters
        ----------
        epoch, train_dataset, callbacks, dataset_sink_mode, sink_size, initial_epoch
            As of `train`. Callbacks hear of the evaluations, too.
        valid_dataset : iterable, optional
            What to evaluate, as of `eval`.
        valid_frequency : int or list of int, default 1
            After every so many epochs; or the numbers of the epochs, from 1.
        valid_dataset_sink_mode : bool, default False

        Raises
        ------
        TypeError, ValueError
            As of `train` and `eval`; if `valid_frequency` is of another kind.

        Examples
        --------
        >>> from adcore import nn, ops
        >>> from adcore.train import LossMonitor, Model
        >>> net = nn.Dense(2, 1, weight_init="zeros", bias_init="zeros")
        >>> model = Model(net, nn.MSELoss(), nn.SGD(net.trainable_params(), 0.25), metrics={"mae"})
        >>> data = [(ops.ones((4, 2)), ops.ones((4, 1)))]
        >>> model.fit(2, data, data, valid_frequency=2, callbacks=LossMonitor())
        epoch: 1 step: 1, loss is 1.0
        epoch: 2 step: 1, loss is 0.25
        Eval result: epoch 2, metrics: {'mae': 0.25}
        """
        self._check_run("Model.fit", epoch, initial_epoch, dataset_sink_mode, sink_size)
        frequency = valid_frequency
        if not (type(frequency) is int or isinstance(frequency, list) and all(type(f) is int for f in frequency)):
            raise TypeError(f"Model.fit: valid_frequency must be an int or a list of ints, got {frequency!r}.")
        if type(frequency) is int and frequency < 1:
            raise ValueError(f"Model.fit: valid_frequency must be at least 1, got {frequency}.")
        if valid_dataset is not None:
            check_dataset("Model.fit", valid_dataset)
            self._check_metrics("Model.fit")
        self._train("Model.fit", epoch, train_dataset, callbacks, initial_epoch, valid_dataset, frequency)

    def _check_run(self, name, epoch, initial_epoch, sink_mode, sink_size):
        for argument, value, least in (("epoch", epoch, 1), ("initial_epoch", initial_epoch, 0)):
            if type(value) is not int:
                raise TypeError(f"{name}: {argument} must be an int, got {type(value).__name__}.")
            if value < least:
                raise ValueError(f"{name}: {argument} must be at least {least}, got {value}.")
        if initial_epoch >= epoch:
            raise ValueError(f"{name}: initial_epoch must be less than epoch, got {initial_epoch} and {epoch}.")
        if type(sink_size) is not int or sink_size < -1 or sink_size == 0:
            raise ValueError(f"{name}: sink_size must be -1 or a positive int, got {sink_size!r}.")
        _check_sink_mode(name, sink_mode)

    def _train(self, name, epoch, dataset, callbacks, initial_epoch, valid_dataset=None, valid_frequency=1):
        feed = Feed(name, dataset, initial_epoch)
        params = self._params("train", feed)
        params.update(
            train_network=self._train_network,
            epoch_num=epoch,
            train_dataset=dataset,
            valid_dataset=valid_dataset,
            metric_names=[*self._metric_fns, *self._eval_loss_name()] if valid_dataset is not None else [],
        )
        context = RunContext(params)
        with contextlib.closing(feed), Callbacks(name, callbacks) as run:
            params["list_callback"] = run
            run.on_train_begin(context)
            for number in range(initial_epoch + 1, epoch + 1):
                params["cur_epoch_num"] = number
                run.on_train_epoch_begin(context)
                self._epoch(name, feed, params, run, context)
                if valid_dataset is not None and _is_due(number, valid_frequency):
                    self._eval_in_fit(valid_dataset, params, run)
                run.on_train_epoch_end(context)
                params.pop("metrics", None)
                params.pop("eval_results", None)
                if context.get_stop_requested():
                    break
            run.on_train_end(context)

    def _epoch(self, name, feed, params, run, context):
        step, count = 0, None
        with contextlib.closing(iter(feed)) as batches:
            for elements in batches:
                if len(elements) != count:
                    check_elements(name, elements, self._network, self._loss_fn is not None)
                    count = len(elements)
                step += 1
                params["cur_step_num"] += 1
                params["cur_step_in_epoch"] = step
                params["train_dataset_element"] = elements
                run.on_train_step_begin(context)
                self._set_train(self._train_network, True)  # a callback may have evaluated
                outputs = params["net_outputs"] = self._train_network(*elements)
                manager = self._level.loss_scale_manager
                if manager is not None and manager.get_drop_overflow_update():
                    manager.update_loss_scale(bool(outputs[1]))
                run.on_train_step_end(context)
                if context.get_stop_requested():
                    return
        params["batch_num"] = step

    def _set_train(self, network, mode):
        if network.training is not mode or self._network.training is not mode:
            network.set_train(mode)

    def _params(self, mode, feed):
        return InternalCallbackParam(
            mode=mode,
            network=self._network,
            loss_fn=self._loss_fn,
            optimizer=self._optimizer,
            batch_num=feed.length,
            cur_step_num=0,
            dataset_sink_mode=False,
        )

    # ---- evaluation ----------------------------------------------------------------------------------------------

    def eval(self, valid_dataset, callbacks=None, dataset_sink_mode=False):
        """Compute the metrics over a data set.

        Parameters
        ----------
        valid_dataset : iterable
            As the `train_dataset` of `train`.
        callbacks : Callback or list of Callback, optional
        dataset_sink_mode : bool, default False

        Returns
        -------
        dict of str to object
            What each metric evaluates to.

        Raises
        ------
        TypeError, ValueError
            As of `train`; if the Model has no metrics.

        Examples
        --------
        >>> from adcore import nn, ops
        >>> from adcore.train import Model
        >>> model = Model(nn.Dense(2, 1, "ones", "zeros"), nn.MSELoss(), metrics={"loss", "mae"})
        >>> model.eval([(ops.ones((4, 2)), ops.ones((4, 1)))])
        {'loss': 1.0, 'mae': 1.0}
        """
        _check_sink_mode("Model.eval", dataset_sink_mode)
        self._check_metrics("Model.eval")
        feed = Feed("Model.eval", valid_dataset)
        params = self._params("eval", feed)
        params.update(eval_network=self._eval_network, valid_dataset=valid_dataset)
        with contextlib.closing(feed), Callbacks("Model.eval", callbacks) as run:
            params["list_callback"] = run
            return self._eval("Model.eval", feed, params, run)

    def _check_metrics(self, name):
        if not self._metric_fns:
            raise ValueError(
                f"{name}: the Model has no metrics. Give it some, as in Model(..., metrics={{'accuracy'}})."
            )

    def _eval_loss_name(self):
        return [] if self._eval_indexes is None else ["eval_loss"]

    def _eval_in_fit(self, dataset, params, run):
        """Evaluate between epochs of training: what the callbacks know of the training is there again afterwards."""
        names = ("mode", "batch_num", "cur_step_num", "cur_step_in_epoch", "net_outputs")
        before = {name: params.get(name) for name in names}
        loss = Loss()
        with contextlib.closing(Feed("Model.fit", dataset)) as feed:
            params.update(mode="eval", batch_num=feed.length, cur_step_num=0, eval_network=self._eval_network)
            try:
                metrics = self._eval("Model.fit", feed, params, run.in_evaluation_of_fit(), loss)
            finally:
                params.update(before)
        params["eval_results"] = {**metrics, **{name: loss.eval() for name in self._eval_loss_name()}}

    def _eval(self, name, feed, params, run, loss=None):
        for metric in self._metric_fns.values():
            metric.clear()
        context = RunContext(params)
        run.on_eval_begin(context)
        run.on_eval_epoch_begin(context)
        step, count = 0, None
        with contextlib.closing(iter(feed)) as batches:
            for elements in batches:
                if len(elements) != count:
                    network = self._eval_network
                    check_elements(name, elements, network, isinstance(network, WithEvalCell))
                    count = len(elements)
                step += 1
                params["cur_step_num"] = params["cur_step_in_epoch"] = step
                params["eval_dataset_element"] = elements
                run.on_eval_step_begin(context)
                self._set_train(self._eval_network, False)
                outputs = params["net_outputs"] = self._eval_network(*elements)
                run.on_eval_step_end(context)
                self._update_metrics(name, outputs, loss)
                if context.get_stop_requested():
                    break
        params["batch_num"] = step
        run.on_eval_epoch_end(context)
        params["metrics"] = {key: metric.eval() for key, metric in self._metric_fns.items()}
        run.on_eval_end(context)
        return params["metrics"]

    def _update_metrics(self, name, outputs, loss):
        indexes = self._eval_indexes
        if indexes is None:
            outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
            for metric in self._metric_fns.values():
                metric.update(*outputs)
            return
        if not isinstance(outputs, (tuple, list)) or len(outputs) <= max(indexes):
            given = f"{len(outputs)} outputs" if isinstance(outputs, (tuple, list)) else type(outputs).__name__
            raise ValueError(f"{name}: eval_indexes are {list(indexes)}, but the eval_network returned {given}.")
        of_loss, output, label = (outputs[i] for i in indexes)
        for metric in self._metric_fns.values():
            if isinstance(metric, Loss):
                metric.update(of_loss)
            else:
                metric.update(output, label)
        if loss is not None:
            loss.update(of_loss)

    # ---- prediction ----------------------------------------------------------------------------------------------

    def predict(self, *predict_data, backend=None, config=None):
        """Return the output of the network, in evaluation mode.

        Parameters
        ----------
        *predict_data
            Its inputs. Arrays become Tensors.
        backend, config : None

        Returns
        -------
        object
            What the network returns.

        Raises
        ------
        NotImplementedError
            If there is a `backend` or `config`.

        Examples
        --------
        >>> from adcore import nn, ops
        >>> from adcore.train import Model
        >>> Model(nn.Dense(2, 1, "ones", "zeros")).predict(ops.ones((1, 2))).asnumpy().tolist()
        [[2.0]]
        """
        if backend is not None or config is not None:
            raise NotImplementedError("Model.predict: there is no backend to choose.")
        self._set_train(self._network, False)
        return self._network(*map(as_input, predict_data))


def _check_sink_mode(name, sink_mode):
    if not isinstance(sink_mode, bool):
        raise TypeError(f"{name}: dataset_sink_mode must be a bool, got {type(sink_mode).__name__}.")
    if sink_mode:
        _log.debug("%s: dataset_sink_mode has no meaning on a CPU", name)


def _is_due(epoch, frequency):
    return epoch in frequency if isinstance(frequency, list) else epoch % frequency == 0
