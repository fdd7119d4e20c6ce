"""Callbacks: which events there are and in which order, what each of ours does with numbers given by hand."""

import csv
import io
import math
import re
import subprocess
import sys

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, nn, ops
from adcore.train import (
    Accuracy,
    Callback,
    CheckpointConfig,
    ConfusionMatrix,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningCurves,
    LearningRateScheduler,
    LossMonitor,
    Model,
    ModelCheckpoint,
    ProgressBar,
    ReduceLROnPlateau,
    RunContext,
    TensorBoard,
    TimeMonitor,
)

ONES = (ops.ones((4, 2)), ops.ones((4, 1)))


def model_of(rate=0.25, **options):
    """A model whose losses are 1, 1/4, 1/16, ... on `ONES` with the rate 0.25."""
    net = nn.Dense(2, 1, "zeros", "zeros")
    return Model(net, nn.MSELoss(), nn.SGD(net.trainable_params(), rate), metrics={"mae"}, **options)


class Scripted(nn.Cell):
    """A training step whose losses are given; its one Parameter counts the steps."""

    def __init__(self, losses):
        super().__init__()
        self.count = Parameter(Tensor(0.0), name="count")
        self.losses = iter(losses)

    def construct(self, x):
        self.count.set_data(self.count + 1)
        return Tensor(next(self.losses))


def run(losses, callbacks):
    """Train for an epoch of one step for each loss; return the number of epochs and the network."""
    net = Scripted(losses)
    epochs = []
    count = LambdaCallback(on_train_epoch_end=lambda context: epochs.append(1))
    Model(net).train(len(losses), [Tensor(0.0)], callbacks=[count, *callbacks])
    return len(epochs), net


# ---- events --------------------------------------------------------------------------------------------------------


class Everything(Callback):
    def __init__(self, events):
        self.events = events

    def __enter__(self):
        self.events.append("enter")
        return self

    def __exit__(self, *error):
        self.events.append("exit")


def _listens(stage):
    return lambda self, context: self.events.append(f"{context.original_args().mode} {stage}")


for _stage in ("begin", "epoch_begin", "step_begin", "step_end", "epoch_end", "end"):
    setattr(Everything, _stage, _listens(_stage))


def test_the_order_of_events():
    events = []
    model_of().fit(2, [ONES, ONES], [ONES], valid_frequency=2, callbacks=Everything(events))
    step = ["train step_begin", "train step_end"]
    evaluation = [f"eval {s}" for s in ("begin", "epoch_begin", "step_begin", "step_end", "epoch_end", "end")]
    first = ["train epoch_begin", *step, *step, "train epoch_end"]
    second = ["train epoch_begin", *step, *step, *evaluation, "train epoch_end"]
    assert events == ["enter", "train begin", *first, *second, "train end", "exit"]
    events.clear()
    model_of().eval([ONES], callbacks=[Everything(events)])
    assert events == ["enter", *evaluation, "exit"]


def test_the_functions_of_a_lambda_callback_are_the_events():
    names = [f"on_{mode}_{s}" for mode in ("train", "eval") for s in ("begin", "step_end", "epoch_begin")]
    seen = []
    callback = LambdaCallback(**{name: lambda context, name=name: seen.append(name) for name in names})
    model_of().fit(1, [ONES], [ONES], callbacks=callback)
    train, evaluation = names[:3], names[3:]
    assert seen == [train[0], train[2], train[1], evaluation[0], evaluation[2], evaluation[1]]
    with pytest.raises(TypeError, match="LambdaCallback: on_train_end must be callable, got int"):
        LambdaCallback(on_train_end=1)


def test_what_a_callback_is_told():
    seen = []

    class Look(Callback):
        def on_train_step_end(self, context):
            params = context.original_args()
            assert params["cur_step_num"] == params.cur_step_num
            seen.append((params.cur_epoch_num, params.cur_step_num, params.cur_step_in_epoch, params.batch_num))
            assert params.epoch_num == 2 and params.mode == "train" and not params.dataset_sink_mode
            assert params.network is model.predict_network and params.train_network is model.train_network
            assert params.train_dataset_element == ONES and params.train_dataset is data
            assert params.net_outputs.shape == ()
            params.mine = 5

        def on_eval_step_end(self, context):
            params = context.original_args()
            assert params.mode == "eval" and params.cur_step_num == 1 and params.batch_num == 1 and params.mine == 5
            assert len(params.net_outputs) == 3 and params.eval_network is model.eval_network

        def on_train_epoch_end(self, context):
            params = context.original_args()
            assert params.mode == "train" and params.net_outputs.shape == () and params.batch_num == 2
            assert hasattr(params, "metrics") and not hasattr(params, "nonsense")
            with pytest.raises(AttributeError, match="there is no 'nonsense' here. There are: mode, network"):
                params.nonsense  # noqa: B018

    model, data = model_of(), [ONES, ONES]
    model.fit(2, data, [ONES], callbacks=Look())
    assert seen == [(1, 1, 1, 2), (1, 2, 2, 2), (2, 3, 1, 2), (2, 4, 2, 2)]


def test_the_number_of_batches_is_known_after_an_epoch():
    seen = []
    look = LambdaCallback(on_train_epoch_end=lambda context: seen.append(context.original_args().batch_num))
    begin = LambdaCallback(on_train_epoch_begin=lambda context: seen.append(context.original_args().batch_num))
    model_of().train(2, lambda: iter([ONES] * 3), callbacks=[begin, look])
    assert seen == [None, 3, 3, 3]


@pytest.mark.parametrize(
    "event, steps, epochs", [("on_train_step_end", 3, 1), ("on_train_epoch_end", 4, 1), ("on_train_begin", 1, 1)]
)
def test_a_request_to_stop(event, steps, epochs):
    def stop(context):
        if event != "on_train_step_end" or context.original_args().cur_step_num == 3:
            context.request_stop()

    counts = {"on_train_step_end": 0, "on_train_epoch_end": 0, "on_train_end": 0}

    def count(name):
        def fn(context):
            counts[name] += 1

        return fn

    counter = LambdaCallback(**{name: count(name) for name in counts})
    model_of().train(5, [ONES] * 4, callbacks=[LambdaCallback(**{event: stop}), counter])
    assert counts == {"on_train_step_end": steps, "on_train_epoch_end": epochs, "on_train_end": 1}


def test_an_exception_names_its_callback():
    events, error = [], KeyError("x")

    class Broken(Callback):
        def on_train_step_end(self, context):
            raise error

    for _ in range(2):
        events.clear()
        with pytest.raises(KeyError) as caught:
            model_of().train(1, [ONES], callbacks=[Everything(events), Broken()])
        assert caught.value.__notes__ == ["The callback Broken raised it in on_train_step_end."]  # once
    assert events[0] == "enter" and events[-1] == "exit" and "train end" not in events


def test_where_one_cannot_be_entered_those_before_are_left():
    events = []

    class Closed(Callback):
        def __enter__(self):
            raise OSError("closed")

    with pytest.raises(OSError, match="closed"):
        model_of().train(1, [ONES], callbacks=[Everything(events), Closed(), Everything(events)])
    assert events == ["enter", "exit"]


def test_a_context_without_a_model():
    context = RunContext(
        {"cur_epoch_num": 4, "epoch_num": 4, "cur_step_num": 2, "batch_num": 2, "net_outputs": Tensor(2.0)}
    )
    assert not context.get_stop_requested()
    context.request_stop()
    assert context.get_stop_requested()
    LossMonitor().step_end(context)
    with pytest.raises(TypeError, match="original_args must be a dict, got list"):
        RunContext([])


# ---- monitors ------------------------------------------------------------------------------------------------------


def test_loss_monitor(capsys):
    model_of().fit(2, [ONES] * 3, [ONES], callbacks=LossMonitor(2))
    assert capsys.readouterr().out.splitlines() == [
        "epoch: 1 step: 2, loss is 0.25",
        "Eval result: epoch 1, metrics: {'mae': 0.125}",
        "epoch: 2 step: 1, loss is 0.015625",
        "epoch: 2 step: 3, loss is 0.0009765625",
        "Eval result: epoch 2, metrics: {'mae': 0.015625}",
    ]
    monitor = LossMonitor(0)
    model_of().train(1, [ONES], callbacks=monitor)
    assert capsys.readouterr().out == ""
    monitor = LossMonitor(2)
    for _ in range(2):
        model_of().train(1, [ONES] * 3, callbacks=monitor)
    assert re.findall(r"step: (\d)", capsys.readouterr().out) == ["2", "2"]


def test_loss_monitor_reads_the_loss_among_several_outputs(capsys):
    params = {"cur_epoch_num": 1, "cur_step_num": 5, "batch_num": 4, "net_outputs": (Tensor([1.0, 2.0]), Tensor(True))}
    LossMonitor().step_end(RunContext(params))
    assert capsys.readouterr().out == "epoch: 1 step: 1, loss is 1.5\n"


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_loss_monitor_ends_a_training_whose_loss_is_not_finite(loss):
    with pytest.raises(ValueError, match=f"in epoch 2, step 1, the loss is {loss}"):
        run([1.0, loss], [LossMonitor(0)])


def test_time_monitor(capsys):
    model_of().fit(1, [ONES] * 3, [ONES], callbacks=TimeMonitor(data_time=True))
    line = r"{} epoch time: +(\S+) ms, per step time: +(\S+) ms \(data time: +(\S+) ms\)\n"
    found = re.fullmatch(line.format("Eval") + line.format("Train"), capsys.readouterr().out)
    numbers = list(map(float, found.groups()))
    assert numbers[1] == numbers[0] and numbers[4] == pytest.approx(numbers[3] / 3, abs=2e-3)
    assert numbers[5] <= numbers[4]
    monitor = TimeMonitor(data_size=4)
    monitor.epoch_end(RunContext({"mode": "train"}))
    with pytest.raises(ValueError, match="the number of steps is not known. Give it as data_size"):
        TimeMonitor().epoch_end(RunContext({}))


def test_history():
    history = History()
    for _ in range(2):  # the run before is forgotten
        model_of().fit(3, [ONES], [ONES], valid_frequency=2, callbacks=history)
    assert history.epoch == {"epoch": [1, 2, 3]}
    assert history.history["net_output"][:2] == [1.0, history.history["net_output"][1]]
    assert len(history.history["net_output"]) == 3 and len(history.history["mae"]) == 1


# ---- control -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "losses, options, epochs",
    [
        ([3, 2, 1, 1, 1, 1], {"patience": 2}, 5),
        ([3, 2, 2.5, 1, 1.5, 1.2, 0], {"patience": 2}, 6),
        ([3, 2, 1, 2, 0], {"patience": 0}, 4),
        ([3, 2, 1, 2, 0], {"patience": 1}, 4),
        ([3, 2.9, 2.8, 2.7], {"patience": 2, "min_delta": 0.5}, 3),
        ([1, 2, 3, 3, 3], {"patience": 1, "mode": "max"}, 4),
        ([9, 8, 7, 1, 1, 1], {"patience": 3, "baseline": 5}, 3),
        ([9, 8, 4, 4, 4, 4], {"patience": 3, "baseline": 5}, 6),
        ([9, 8, 4, 4, 4, 4], {"patience": 3, "baseline": 0}, 3),
        ([1, 0, 0, 0], {"patience": 2}, 4),
        ([math.nan] * 5, {"patience": 3}, 3),
    ],
)
def test_early_stopping(losses, options, epochs, capsys):
    stopping = EarlyStopping("loss", verbose=True, **options)
    assert run([float(loss) for loss in losses], [stopping])[0] == epochs
    if epochs < len(losses):
        assert stopping.stopped_epoch == epochs
        assert capsys.readouterr().out == f"Epoch {epochs:05d}: early stopping\n"


def test_early_stopping_restores_the_best_weights():
    stopping = EarlyStopping("loss", patience=3, restore_best_weights=True)
    epochs, net = run([3.0, 1.0, 2.0, 2.0, 2.0, 0.0], [stopping])
    assert epochs == 5 and float(net.count) == 2
    stopping = EarlyStopping("loss", patience=3)
    epochs, net = run([3.0, 1.0, 2.0, 2.0, 2.0, 0.0], [stopping])
    assert epochs == 5 and float(net.count) == 5
    net = nn.Dense(2, 1)
    optimizer = nn.Adam(net.trainable_params(), 0.1)
    model = Model(net, nn.MSELoss(), optimizer, metrics={"mae"})
    kept = []
    keep = LambdaCallback(
        on_train_epoch_end=lambda c: kept.append([p.asnumpy().copy() for p in model.train_network.get_parameters()])
    )
    model.fit(9, [ONES], [ONES], callbacks=[keep, EarlyStopping("mae", 9.0, 3, restore_best_weights=True)])
    assert len(kept) == 4
    for param, best in zip(model.train_network.get_parameters(), kept[0]):
        assert np.array_equal(param.asnumpy(), best), param.name


@pytest.mark.parametrize(
    "name, less",
    [
        ("loss", True),
        ("eval_loss", True),
        ("val_MSE", True),
        ("hausdorff_distance", True),
        ("acc", False),
        ("F1", False),
    ],
)
def test_what_is_better_by_its_name(name, less):
    assert EarlyStopping(name).is_improvement(1.0, 2.0) is less
    assert EarlyStopping(name, mode="max").is_improvement(1.0, 2.0) is False


def test_a_number_that_is_not_there_is_told():
    with pytest.warns(UserWarning, match="EarlyStopping: there is no 'eval_loss' to look at. There is: loss"):
        run([1.0, 2.0], [EarlyStopping(patience=1)])
    with pytest.warns(UserWarning, match="there is no 'acc' to look at. There is: loss, mae, eval_loss"):
        model_of().fit(1, [ONES], [ONES], callbacks=EarlyStopping("acc"))
    # Between evaluations there is nothing wrong.
    model_of().fit(3, [ONES], [ONES], valid_frequency=2, callbacks=EarlyStopping("eval_loss"))


@pytest.mark.parametrize(
    "losses, options, rates",
    [
        ([3, 2, 2, 2, 2, 2, 2], {"patience": 2}, [8, 8, 8, 4, 4, 2, 2]),
        ([3, 2, 2, 2, 2, 2, 2], {"patience": 2, "cooldown": 1}, [8, 8, 8, 4, 4, 2, 2]),
        ([3, 3, 3, 3, 3, 3, 3], {"patience": 1, "cooldown": 2}, [8, 4, 4, 2, 2, 1, 1]),
        ([3, 3, 3, 3, 3], {"patience": 1, "min_lr": 3}, [8, 4, 3, 3, 3]),
        ([3, 2.9, 2.8, 2.7], {"patience": 1, "min_delta": 0.5}, [8, 4, 2, 1]),
        ([1, 2, 3, 3], {"patience": 1, "mode": "max"}, [8, 8, 8, 4]),
    ],
)
def test_reduce_on_plateau(losses, options, rates):
    """Of the epochs of a cooldown the last one counts again."""
    optimizer = nn.SGD([Parameter(Tensor(1.0), name="w")], 8.0)
    callback, seen = ReduceLROnPlateau("loss", factor=0.5, **options), []
    callback.on_train_begin(None)
    for epoch, loss in enumerate(losses, 1):
        params = {"cur_epoch_num": epoch, "net_outputs": float(loss), "optimizer": optimizer}
        callback.on_train_epoch_end(RunContext(params))
        seen.append(float(optimizer.get_lr()))
    assert seen == rates


def test_rates_are_the_numbers_that_were_given(capsys):
    """0.1 in float32 is 0.1: a tenth of it is 0.01."""
    optimizer = nn.SGD([Parameter(Tensor(1.0), name="w")], 0.1)
    callback = ReduceLROnPlateau("loss", factor=0.5, patience=1, verbose=True)
    for epoch in (1, 2):
        callback.on_train_epoch_end(RunContext({"cur_epoch_num": epoch, "net_outputs": 1.0, "optimizer": optimizer}))
    assert capsys.readouterr().out == "Epoch 00002: ReduceLROnPlateau reducing learning rate to 0.05.\n"
    seen = []
    scheduler = LearningRateScheduler(lambda rate, step: seen.append((rate, step)) or rate * 2)
    for step in (1, 2):
        scheduler.step_end(RunContext({"cur_step_num": step, "optimizer": optimizer}))
    assert seen == [(0.05, 1), (0.1, 2)]
    assert optimizer.get_lr().asnumpy().astype(np.float32) == np.float32(0.2)


def test_rates_of_groups():
    a, b, c = (Parameter(Tensor(1.0), name=name) for name in "abc")
    optimizer = nn.SGD([{"params": [a, c], "lr": 1.0}, {"params": [b], "lr": 0.5}], 0.1)
    LearningRateScheduler(lambda rate, step: rate / 2).step_end(RunContext({"cur_step_num": 1, "optimizer": optimizer}))
    assert [float(rate) for rate in optimizer.get_lr()] == [0.5, 0.5, 0.25]


@pytest.mark.parametrize("callback", [LearningRateScheduler(lambda rate, step: rate), ReduceLROnPlateau("loss")])
def test_a_schedule_is_not_changed(callback):
    with pytest.raises(ValueError, match="the learning rate is a schedule. Give the optimizer a number") as caught:
        model_of(rate=[0.5, 0.25]).train(1, [ONES], callbacks=callback)
    assert type(callback).__name__ in str(caught.value)
    with pytest.raises(ValueError, match="the Model has no optimizer"):
        run([1.0], [callback])


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda: LossMonitor(-1), ValueError, "per_print_times must be an int of at least 0, got -1"),
        (lambda: TimeMonitor(0), ValueError, "data_size must be an int of at least 1"),
        (lambda: TimeMonitor(data_time=1), TypeError, "data_time must be a bool"),
        (lambda: EarlyStopping(5), TypeError, "EarlyStopping: monitor must be a str"),
        (lambda: EarlyStopping(mode="less"), ValueError, "mode must be 'auto', 'min' or 'max', got 'less'"),
        (lambda: EarlyStopping(patience=-1), ValueError, "patience must be an int of at least 0"),
        (lambda: EarlyStopping(min_delta="1"), TypeError, "min_delta must be a number"),
        (lambda: EarlyStopping(restore_best_weights=1), TypeError, "restore_best_weights must be a bool"),
        (lambda: ReduceLROnPlateau(factor=1.0), ValueError, "factor must be between 0 and 1, got 1.0"),
        (lambda: ReduceLROnPlateau(cooldown=0.5), ValueError, "cooldown must be an int"),
        (lambda: LearningRateScheduler(0.1), TypeError, "LearningRateScheduler"),
        (lambda: TensorBoard(per_steps=0), ValueError, "per_steps must be an int of at least 1"),
    ],
)
def test_arguments_that_do_not_fit(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_a_monitored_array_is_told():
    model = model_of()
    with pytest.raises(ValueError, match="EarlyStopping: 'rows' must be one number, its shape is .2,"):
        params = {"eval_results": {"rows": np.ones(2)}, "cur_epoch_num": 1, "train_network": model.train_network}
        EarlyStopping("rows").on_train_epoch_end(RunContext(params))


@pytest.mark.parametrize("at", range(1, 7))
@pytest.mark.parametrize(
    "make",
    [
        lambda: EarlyStopping("loss", patience=3, restore_best_weights=True),
        lambda: ReduceLROnPlateau("loss", 0.5, patience=2, cooldown=1, min_delta=0.1),
    ],
    ids=["EarlyStopping", "ReduceLROnPlateau"],
)
def test_a_run_in_two_parts_counts_as_one_does(make, at, tmp_path):
    """The second part has its own objects, which `save_state` and `load_state` take to where the first was."""
    pytest.importorskip("safetensors")
    losses = [5.0, 4.0, 4.0, 3.9, 4.0, 4.0, 4.1, 4.2]

    def parts():
        net = Scripted(losses)
        optimizer = nn.SGD([Parameter(Tensor([1.0]), name="w")], 0.5)
        return {"net": net, "optimizer": optimizer, "callback": make()}

    def train(parts, begin, end):
        net = parts["net"]
        net.losses = iter(losses[begin:])
        model = Model(net)
        model._optimizer = parts["optimizer"]
        model.train(end, [(ops.ones(1),)], callbacks=parts["callback"], initial_epoch=begin)
        return int(net.count), float(parts["optimizer"].get_lr()), parts["callback"].wait

    whole = train(parts(), 0, 8)
    first, second = parts(), parts()
    if train(first, 0, at)[0] == at:  # else it was ended earlier, and there is nothing to go on with
        adcore.save_state(tmp_path / "state", **first)
        adcore.load_state(tmp_path / "state", **second)
        assert train(second, at, 8) == whole
    with pytest.raises(RuntimeError, match="the state has"):
        second["callback"].load_state_dict({"best": 1.0})


# ---- what is written -----------------------------------------------------------------------------------------------


def rows(path, separator=","):
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


def test_csv(tmp_path):
    path = tmp_path / "log.csv"
    model, history = model_of(), History()
    model.fit(3, [ONES] * 2, [ONES], valid_frequency=2, callbacks=[CSVLogger(path, ";"), history])
    found = rows(path, ";")
    assert [row["epoch"] for row in found] == ["1", "2", "3"]
    assert list(found[0]) == ["epoch", "loss", "learning_rate", "mae", "eval_loss"]
    assert [row["mae"] != "" for row in found] == [False, True, False]
    assert float(found[1]["mae"]) == history.history["mae"][0]
    assert {row["learning_rate"] for row in found} == {"0.25"}


def test_the_loss_of_an_epoch_is_the_mean_over_its_steps(tmp_path):
    path = tmp_path / "log.csv"
    Model(Scripted([1.0, 2.0, 6.0, 3.0])).train(2, [Tensor(0.0)] * 2, callbacks=CSVLogger(path))
    assert [row["loss"] for row in rows(path)] == ["1.5", "4.5"]


def test_arrays_are_written_in_a_line(tmp_path):
    path = tmp_path / "log.csv"
    net = nn.Dense(2, 2, "zeros", "zeros")
    optimizer = nn.SGD(net.trainable_params(), 0.5)
    model = Model(net, nn.CrossEntropyLoss(), optimizer, {"m": ConfusionMatrix(2), "a": Accuracy()})
    data = [(ops.ones((4, 2)), Tensor([0, 1, 1, 1], adcore.int32))]
    model.fit(1, data, data, callbacks=CSVLogger(path))
    assert len(path.read_text().splitlines()) == 2
    assert rows(path)[0]["m"] == "[[0.0, 1.0], [0.0, 3.0]]" and rows(path)[0]["a"] == "0.75"


def test_csv_goes_on(tmp_path):
    path = tmp_path / "log.csv"
    logger = CSVLogger(path, append=True)
    model = model_of()
    model.train(2, [ONES], callbacks=logger)
    model.train(4, [ONES], callbacks=logger, initial_epoch=2)
    assert [row["epoch"] for row in rows(path)] == ["1", "2", "3", "4"]
    before = path.read_bytes()
    with pytest.raises(
        ValueError, match="has the columns epoch, loss, learning_rate; this training has epoch, loss, l"
    ):
        model.fit(1, [ONES], [ONES], callbacks=logger)
    assert path.read_bytes() == before
    model.train(1, [ONES], callbacks=CSVLogger(path))
    assert len(rows(path)) == 1


def test_each_line_is_there_when_its_epoch_ends(tmp_path):
    path = tmp_path / "log.csv"

    def fails():
        if len(path.read_text().splitlines()) == 3:
            raise OSError("gone")
        yield ONES

    logger = CSVLogger(path)
    with pytest.raises(OSError, match="gone"):
        model_of().train(9, fails, callbacks=logger)
    assert len(rows(path)) == 2 and logger._file is None


def test_the_rate_of_a_schedule_is_written_as_far_as_there_is_one(tmp_path):
    path = tmp_path / "log.csv"
    model_of(rate=[0.5, 0.25]).train(2, [ONES], callbacks=CSVLogger(path))
    assert [row["learning_rate"] for row in rows(path)] == ["0.25", ""]


def test_learning_curves(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "curves.png"
    curves = LearningCurves(path, log_scale=True)
    model_of().fit(3, [ONES], [ONES], valid_frequency=2, callbacks=curves)
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert [epoch for epoch, _ in curves.curves["loss"]] == [1, 2, 3]
    assert [epoch for epoch, _ in curves.curves["mae"]] == [2]
    assert set(curves.curves) == {"loss", "mae", "eval_loss"}
    curves.save(tmp_path / "curves.svg")
    assert "</svg>" in (tmp_path / "curves.svg").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curves.png", "curves.svg"]


def test_a_picture_that_cannot_be_drawn_leaves_the_one_before(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "curves.nonsense"
    path.write_text("before")
    with pytest.raises(ValueError, match="nonsense"):
        model_of().train(1, [ONES], callbacks=LearningCurves(path))
    assert path.read_text() == "before" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard(tmp_path):
    written = []
    pytest.importorskip("tensorboardX").SummaryWriter  # noqa: B018
    board = TensorBoard(tmp_path / "run", per_steps=2)
    model = model_of()
    record = LambdaCallback(on_train_begin=lambda context: spy(board._writer, written))
    model.fit(2, [ONES] * 3, [ONES], callbacks=[board, record])
    assert [(name, step) for name, _, step in written if name == "step/loss"] == [("step/loss", s) for s in (2, 4, 6)]
    assert {name for name, *_ in written if name.startswith("epoch/")} == {
        f"epoch/{name}" for name in ("loss", "learning_rate", "mae", "eval_loss")
    }
    assert board._writer is None
    assert [p.name for p in (tmp_path / "run").iterdir()][0].startswith("events")


def spy(writer, written):
    add = writer.add_scalar
    writer.add_scalar = lambda name, value, step: (written.append((name, value, step)), add(name, value, step))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_bar():
    pytest.importorskip("tqdm")
    terminal = Terminal()
    bar = ProgressBar(terminal)
    model_of().fit(2, [ONES] * 5, [ONES], callbacks=bar)
    shown = terminal.getvalue()
    assert "Epoch 1/2: 100%" in shown and "Epoch 2/2: 100%" in shown and "5/5" in shown
    assert "loss 0.003906, mae 0.03125, eval_loss 0.0009766" in shown and bar._bar is None


def test_progress_bar_without_a_length_and_after_a_failure():
    pytest.importorskip("tqdm")
    terminal = Terminal()
    bar = ProgressBar(terminal)

    def fails():
        yield ONES
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        model_of().train(1, fails, callbacks=bar)
    assert "1step" in terminal.getvalue() and bar._bar is None


def test_progress_bar_is_quiet_without_a_terminal(capfd):
    pytest.importorskip("tqdm")
    model_of().fit(2, [ONES] * 5, [ONES], callbacks=ProgressBar())
    out = capfd.readouterr()
    assert out.out == out.err == ""


@pytest.mark.parametrize(
    "make, library",
    [("ProgressBar()", "tqdm"), ("LearningCurves('x.png')", "matplotlib"), ("TensorBoard()", "tensorboardX")],
)
def test_a_library_that_is_missing_is_named(make, library):
    code = f"import sys; sys.modules[{library!r}] = None\nfrom adcore.train import *\n{make}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    owner = make.partition("(")[0]
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: {owner}: it needs {library}. Install it: pip install adcore[train]"
    )


def test_training_needs_none_of_them():
    code = (
        "import sys; import adcore.train; "
        "print(sorted({'tqdm', 'matplotlib', 'tensorboardX', 'safetensors', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_the_package_loads_training_when_it_is_asked_for():
    code = "import sys, adcore; print('adcore.train' in sys.modules, adcore.train.Model.__name__)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False Model\n"
    assert adcore.train.Callback is Callback


# ---- checkpoints ---------------------------------------------------------------------------------------------------


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def momentum():
    adcore.set_seed(4)
    net = nn.Dense(2, 1)
    return Model(net, nn.MSELoss(), nn.Momentum(net.trainable_params(), 0.1, 0.9))


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, ["net-1_3.ckpt", "net-1_4.ckpt", "net-2_1.ckpt", "net-2_2.ckpt", "net-2_3.ckpt"]),
        ({"keep_checkpoint_max": 2}, ["net-2_2.ckpt", "net-2_3.ckpt"]),
        ({"save_checkpoint_steps": 3}, ["net-1_3.ckpt", "net-2_2.ckpt", "net-2_3.ckpt"]),
        ({"save_checkpoint_steps": 0, "save_checkpoint_seconds": 1000}, ["net-2_3.ckpt"]),
        ({"save_checkpoint_steps": 100}, ["net-2_3.ckpt"]),
        ({"keep_checkpoint_max": 0}, ["net-2_3.ckpt"]),
        ({"keep_checkpoint_max": 0, "keep_checkpoint_per_n_minutes": 9}, ["net-1_1.ckpt", "net-2_3.ckpt"]),
        ({"save_checkpoint_steps": 100, "format": "safetensors"}, ["net-2_3.safetensors"]),
    ],
)
def test_which_checkpoints_are_kept(tmp_path, options, expected):
    def four_then_three():
        yield from [ONES] * (4 if not seen else 3)
        seen.append(1)

    seen = []
    save = ModelCheckpoint("net", tmp_path / "folder", CheckpointConfig(**options))
    momentum().train(2, four_then_three, callbacks=save)
    assert files(tmp_path / "folder") == expected
    assert save.latest_ckpt_file_name == str(tmp_path / "folder" / expected[-1])


def test_a_checkpoint_holds_the_network_and_the_optimizer(tmp_path):
    config = CheckpointConfig(
        save_checkpoint_steps=4, append_info=["epoch_num", "step_num", {"name": "x", "rate": 0.5}]
    )
    model = momentum()
    model.train(2, [ONES] * 4, callbacks=ModelCheckpoint("net", tmp_path, config))
    saved = adcore.load_checkpoint(tmp_path / "net-2_4.ckpt")
    for name, param in model.train_network.parameters_dict().items():
        assert np.array_equal(saved.pop(name).asnumpy(), param.asnumpy()), name
    assert {name: value if isinstance(value, str) else float(value) for name, value in saved.items()} == {
        "epoch_num": 2,
        "step_num": 8,
        "name": "x",
        "rate": 0.5,
    }
    # It goes on from there with the same bits.
    again = momentum()
    adcore.load_checkpoint(tmp_path / "net-1_4.ckpt", again.train_network)
    again.train(2, [ONES] * 4, initial_epoch=1)
    for a, b in zip(model.train_network.get_parameters(), again.train_network.get_parameters()):
        assert np.array_equal(a.asnumpy(), b.asnumpy()), a.name


def test_a_network_of_its_own_is_saved(tmp_path):
    model = momentum()
    config = CheckpointConfig(saved_network=model.predict_network)
    model.train(1, [ONES], callbacks=ModelCheckpoint("net", tmp_path, config))
    assert sorted(adcore.load_checkpoint(tmp_path / "net-1_1.ckpt")) == ["bias", "weight"]


def test_no_file_of_others_is_written_over_or_removed(tmp_path):
    others = ["net-1_1.ckpt", "net_3-1_1.ckpt", "net_4-1_1_breakpoint.ckpt", "network-1_1.ckpt", "net_x-1_1.ckpt"]
    for name in others:
        (tmp_path / name).write_text("mine")
    save = ModelCheckpoint("net", tmp_path, CheckpointConfig(keep_checkpoint_max=1))
    momentum().train(2, [ONES] * 2, callbacks=save)
    assert files(tmp_path) == sorted([*others, "net_4-2_2.ckpt"])
    assert all((tmp_path / name).read_text() == "mine" for name in others)


def test_names_and_folders_by_functions(tmp_path):
    save = ModelCheckpoint(
        lambda params: f"step{params.cur_step_num}", lambda params: tmp_path / f"epoch{params.cur_epoch_num}"
    )
    momentum().train(2, [ONES], callbacks=save)
    assert [files(tmp_path / f"epoch{n}") for n in (1, 2)] == [["step1.ckpt"], ["step2.ckpt"]]
    with pytest.raises(ValueError, match="prefix must return a str without '/', but it returned 5"):
        momentum().train(1, [ONES], callbacks=ModelCheckpoint(lambda params: 5, tmp_path))


def test_a_checkpoint_of_where_it_failed(tmp_path):
    def fails():
        yield from [ONES] * 3
        raise OSError("gone")

    config = CheckpointConfig(save_checkpoint_steps=100, exception_save=True, append_info=["step_num"])
    model = momentum()
    with pytest.raises(OSError, match="gone"):
        model.train(1, fails, callbacks=ModelCheckpoint("net", tmp_path, config))
    assert files(tmp_path) == ["net-1_3_breakpoint.ckpt"]
    saved = adcore.load_checkpoint(tmp_path / "net-1_3_breakpoint.ckpt")
    assert int(saved["step_num"]) == 3
    assert np.array_equal(saved["weight"].asnumpy(), model.predict_network.weight.asnumpy())


def test_an_evaluation_saves_nothing(tmp_path):
    model = model_of()
    save = ModelCheckpoint("net", tmp_path)
    model.eval([ONES], callbacks=save)
    assert files(tmp_path) == []
    model.fit(1, [ONES], [ONES] * 3, callbacks=save)
    assert files(tmp_path) == ["net-1_1.ckpt"]


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda: ModelCheckpoint("a/b"), ValueError, "prefix must be a str without '/', or callable, got 'a/b'"),
        (lambda: ModelCheckpoint(config={}), TypeError, "config must be a CheckpointConfig, got dict"),
        (lambda: CheckpointConfig(-1), ValueError, "save_checkpoint_steps must be an int of at least 0, got -1"),
        (lambda: CheckpointConfig(0, 0, 0, 0), ValueError, "must not all be 0 or None"),
        (lambda: CheckpointConfig(saved_network=3), TypeError, "saved_network must be a Cell, got int"),
        (lambda: CheckpointConfig(append_info=["epochs"]), ValueError, "takes 'epoch_num', 'step_num' and a dict"),
        (lambda: CheckpointConfig(append_info=[{"a": []}]), TypeError, "got 'a': list"),
        (lambda: CheckpointConfig(append_info={}), TypeError, "append_info must be a list, got dict"),
        (lambda: CheckpointConfig(enc_key=b"k"), NotImplementedError, "enc_key and remove_redundancy are not"),
        (lambda: CheckpointConfig(format="h5"), ValueError, "format must be 'ckpt' or 'safetensors', got 'h5'"),
    ],
)
def test_arguments_of_checkpoints_that_do_not_fit(make, error, text):
    with pytest.raises(error, match=text):
        make()
