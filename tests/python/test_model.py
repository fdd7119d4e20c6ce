"""Model: the same bits as a loop written by hand, whatever the data set is, and an end that leaves all usable."""

import os
import signal
import subprocess
import sys
import textwrap
from collections import namedtuple

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, nn, ops, value_and_grad
from adcore.train import Accuracy, Callback, LambdaCallback, Loss, LossMonitor, Metric, Model


def network():
    adcore.set_seed(3)
    return nn.SequentialCell(nn.Dense(5, 8), nn.ReLU(), nn.Dropout(p=0.5), nn.Dense(8, 3))


def data(batches=4, size=6):
    rng = np.random.default_rng(1)
    return [
        (Tensor(rng.normal(size=(size, 5)).astype(np.float32)), Tensor(rng.integers(0, 3, size).astype(np.int32)))
        for _ in range(batches)
    ]


def state(net, optimizer):
    params = [*net.get_parameters(), *optimizer.get_parameters()]
    return [(p.name, p.asnumpy().copy()) for p in params]


def assert_same_bits(a, b):
    assert [name for name, _ in a] == [name for name, _ in b]
    for (name, x), (_, y) in zip(a, b):
        assert x.dtype == y.dtype and x.tobytes() == y.tobytes(), name


class Losses(Callback):
    """The loss of each step."""

    def on_train_begin(self, run_context):
        self.losses = []

    def on_train_step_end(self, run_context):
        self.losses.append(run_context.original_args().net_outputs.asnumpy().copy())


def by_hand(batches, epochs):
    net = network()
    optimizer = nn.Adam(net.trainable_params(), 0.01)
    loss_fn = nn.CrossEntropyLoss()
    step = value_and_grad(lambda x, y: loss_fn(net(x), y), None, optimizer.parameters)
    net.set_train()
    losses = []
    for _ in range(epochs):
        for x, y in batches:
            loss, gradients = step(x, y)
            optimizer(gradients)
            losses.append(loss.asnumpy().copy())
    return state(net, optimizer), losses


def model_of(net=None, **options):
    net = network() if net is None else net
    return Model(net, nn.CrossEntropyLoss(), nn.Adam(net.trainable_params(), 0.01), **options)


def trained(dataset, epochs, **options):
    model, losses = model_of(), Losses()
    model.train(epochs, dataset, callbacks=losses, **options)
    return state(model.predict_network, model._optimizer), losses.losses


def test_the_bits_are_those_of_a_loop_by_hand():
    expected, losses = by_hand(data(), 3)
    got, of_model = trained(data(), 3)
    assert_same_bits(got, expected)
    assert [x.tobytes() for x in of_model] == [x.tobytes() for x in losses]


def test_an_evaluation_between_epochs_changes_no_bit():
    """Dropout draws no numbers in it, and the network trains on afterwards."""
    expected, _ = by_hand(data(), 3)
    model = model_of(metrics={"accuracy"})
    model.fit(3, data(), data(2))
    assert_same_bits(state(model.predict_network, model._optimizer), expected)

    class Evaluates(Callback):
        def on_train_step_end(self, run_context):
            model.eval(data(1))
            model.predict(data(1)[0][0])

    model = model_of(metrics={"accuracy"})
    model.train(3, data(), callbacks=Evaluates())
    assert_same_bits(state(model.predict_network, model._optimizer), expected)


# ---- data sets -----------------------------------------------------------------------------------------------------

Pair = namedtuple("Pair", ["x", "y"])


class Columns:
    """A data set as those of MindSpore are."""

    def get_dataset_size(self):
        return 4

    def create_tuple_iterator(self):
        return [list(batch) for batch in data()]


class Resumable(Columns):
    """One whose iterators go through one epoch after the other, each in an order of its own, and can be set."""

    begun = 0

    def create_tuple_iterator(self):
        return ResumableIterator(self)


class ResumableIterator:
    def __init__(self, dataset):
        self.dataset, self.start, self.epoch, self.position = dataset, dataset.begun, 0, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.position == 0:
            self.dataset.begun = max(self.dataset.begun, self.start + self.epoch + 1)
        if self.position == 4:
            self.epoch, self.position = self.epoch + 1, 0
            raise StopIteration
        order = np.random.default_rng(self.start + self.epoch).permutation(4)
        self.position += 1
        return list(data()[order[self.position - 1]])

    def state_dict(self):
        return {"start": self.start, "epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state):
        self.__dict__.update(state)


class Again:
    """It can be read again, and does not know its length."""

    def __iter__(self):
        yield from data()


def generator():
    yield from data()


DATASETS = {
    "list": data(),
    "tuple": tuple(data()),
    "arrays": [(x.asnumpy(), y.asnumpy()) for x, y in data()],
    "dicts": [{"image": x, "label": y} for x, y in data()],
    "named": [Pair(x, y) for x, y in data()],
    "object": Again(),
    "function": generator,
    "columns": Columns(),
    "zip": lambda: zip(*zip(*data())),
}


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_every_data_set_is_read_anew_for_each_epoch(dataset):
    expected, _ = by_hand(data(), 2)
    assert_same_bits(trained(dataset, 2)[0], expected)


def test_a_training_that_goes_on_reads_the_epochs_that_were_not_read():
    """In the same process and in a new one, where the data set is made anew."""
    expected, _ = trained(Resumable(), 5)
    once = trained(data(), 5)[0]
    assert any(a.tobytes() != b.tobytes() for (_, a), (_, b) in zip(expected, once))
    for anew in (False, True):
        model, dataset = model_of(), Resumable()
        model.train(2, dataset)
        model.train(5, Resumable() if anew else dataset, initial_epoch=2)
        assert_same_bits(state(model.predict_network, model._optimizer), expected)


@pytest.mark.parametrize("steps", [1, 3, 4, 6, 8])
def test_a_training_that_goes_on_within_an_epoch(steps):
    """The iterator itself is the data set; its state says where it is, the end of an epoch among it."""
    expected, _ = trained(Resumable(), 3)
    model, iterator, kept = model_of(), Resumable().create_tuple_iterator(), {}

    class Stop(Callback):
        def on_train_step_end(self, run_context):
            params = run_context.original_args()
            if params.cur_step_num == steps:
                kept.update(iterator.state_dict(), done=params.cur_epoch_num - 1)
                run_context.request_stop()

    model.train(3, iterator, callbacks=Stop())
    again, done = Resumable().create_tuple_iterator(), kept.pop("done")
    again.load_state_dict(kept)
    model.train(3, again, initial_epoch=done)
    assert_same_bits(state(model.predict_network, model._optimizer), expected)


def test_the_data_set_is_let_go():
    """An exception that somebody keeps must not keep processes of a data set alive."""
    closed = []

    class Watched(Again):
        def __iter__(self):
            try:
                yield from data()
            finally:
                closed.append(1)

    class Fails(Callback):
        def on_train_step_end(self, run_context):
            raise OSError("gone")

    with pytest.raises(OSError, match="gone") as kept:
        model_of().train(1, Watched(), callbacks=Fails())
    assert closed == [1] and kept.value is not None
    model_of().train(1, Watched(), callbacks=LambdaCallback(on_train_step_end=lambda context: context.request_stop()))
    assert closed == [1, 1]


def test_a_data_set_need_not_count():
    class Uncounted(Again):
        def __len__(self):
            raise TypeError("it is not known")

        def get_dataset_size(self):
            raise AssertionError("nobody asked")

    expected, _ = by_hand(data(), 2)
    assert_same_bits(trained(Uncounted(), 2)[0], expected)


def test_an_iterator_lasts_for_an_epoch():
    expected, _ = by_hand(data(), 1)
    assert_same_bits(trained(generator(), 1)[0], expected)
    with pytest.raises(ValueError, match="Model.train: the data set gave no batches. An iterator is read once; pass"):
        model_of().train(2, generator())
    with pytest.raises(ValueError, match="the data set gave no batches.$"):
        model_of().train(1, [])


def test_a_batch_may_be_one_tensor():
    class Norm(nn.Cell):
        def __init__(self):
            super().__init__()
            self.w = Parameter(Tensor(1.0), name="w")

        def construct(self, x):
            return ((x - self.w) ** 2).mean()

    net = Norm()
    Model(net, optimizer=nn.SGD(net.trainable_params(), 0.5)).train(1, [Tensor([3.0, 5.0]), np.float32([7.0, 9.0])])
    assert float(net.w) == 8.0


@pytest.mark.parametrize("dataset", ["words", {"x": 1}, Tensor([1.0]), 5, None], ids=str)
def test_what_is_no_data_set(dataset):
    with pytest.raises(TypeError, match="Model.train: a data set must be iterable and give batches"):
        model_of().train(1, dataset)


def test_elements_that_do_not_fit_are_told():
    x, y = data()[0]
    with pytest.raises(ValueError, match=r"2 elements, data and label, but the data set gave 3: Float32 \(6, 5\), Int"):
        model_of().train(1, [(x, y, y)])
    with pytest.raises(ValueError, match=r"but the data set gave 1: Float32 \(6, 5\)"):
        model_of().train(1, [(x,)])
    with pytest.raises(ValueError, match=r"but the data set gave 1"):
        model_of(metrics={"acc"}).eval([x])

    class Net(nn.Cell):
        def __init__(self):
            super().__init__()
            self.w = Parameter(Tensor(1.0), name="w")

        def construct(self, a, b, c=2.0):
            return (a * b * self.w).mean()

    net = Net()
    model = Model(net, optimizer=nn.SGD(net.trainable_params(), 0.5))
    with pytest.raises(ValueError, match=r"Net.construct takes \(a, b, c=2.0\), but the data set gave 1: Float32"):
        model.train(1, [x])
    with pytest.raises(ValueError, match="gave 4: .*, str .too many positional arguments"):
        model.train(1, [(x, x, x, "word")])
    before = float(net.w)
    with pytest.raises(ValueError, match="but the data set gave 1"):
        model.train(1, [(x, x), x])  # the second one does not fit
    assert float(net.w) != before


# ---- networks ------------------------------------------------------------------------------------------------------


def test_a_network_may_be_the_whole_step():
    expected, _ = by_hand(data(), 2)
    net = network()
    optimizer = nn.Adam(net.trainable_params(), 0.01)
    Model(nn.TrainOneStepCell(nn.WithLossCell(net, nn.CrossEntropyLoss()), optimizer)).train(2, data())
    assert_same_bits(state(net, optimizer), expected)


def test_a_network_may_compute_its_loss():
    expected, _ = by_hand(data(), 2)
    net = network()
    optimizer = nn.Adam(net.trainable_params(), 0.01)
    Model(nn.WithLossCell(net, nn.CrossEntropyLoss()), optimizer=optimizer).train(2, data())
    assert_same_bits(state(net, optimizer), expected)


def test_a_loss_may_be_a_function():
    net = nn.Dense(5, 1, "zeros", "zeros")
    model = Model(net, lambda out, label: ((out - label) ** 2).mean(), nn.SGD(net.trainable_params(), 0.5))
    model.train(1, [(ops.zeros((2, 5)), ops.ones((2, 1)))])
    assert net.bias.asnumpy().tolist() == [1.0]


def test_epochs_go_on_where_they_ended():
    expected, _ = by_hand(data(), 5)
    model, seen = model_of(), []

    class Numbers(Callback):
        def on_train_epoch_end(self, run_context):
            params = run_context.original_args()
            seen.append((params.cur_epoch_num, params.epoch_num, params.cur_step_num))

    model.train(2, data(), callbacks=Numbers())
    model.train(5, data(), callbacks=Numbers(), initial_epoch=2)
    assert seen == [(1, 2, 4), (2, 2, 8), (3, 5, 4), (4, 5, 8), (5, 5, 12)]
    assert_same_bits(state(model.predict_network, model._optimizer), expected)


# ---- evaluation and prediction -------------------------------------------------------------------------------------


def test_metrics_are_those_of_the_network_in_evaluation_mode():
    model = model_of(metrics={"acc": Accuracy(), "loss": Loss()})
    model.train(3, data())
    got = model.eval(data(3, 5))
    net, loss_fn = model.predict_network, nn.CrossEntropyLoss()
    assert not net.training
    outputs = [(net(x).asnumpy(), y.asnumpy(), float(loss_fn(net(x), y))) for x, y in data(3, 5)]
    assert got["acc"] == np.mean([o.argmax(1) == y for o, y, _ in outputs])
    assert got["loss"] == pytest.approx(np.mean([loss for *_, loss in outputs]))
    assert model.eval(data(3, 5)) == got


def test_prediction_is_the_network_in_evaluation_mode():
    model = model_of()
    model.train(1, data())
    x = data()[0][0]
    expected = model.predict_network.set_train(False)(x).asnumpy()
    model.predict_network.set_train()
    assert np.array_equal(model.predict(x).asnumpy(), expected)
    assert np.array_equal(model.predict(x.asnumpy()).asnumpy(), expected)


class Parts(nn.Cell):
    """Its outputs are (label, output, loss, word)."""

    def __init__(self, net):
        super().__init__(auto_prefix=False)
        self.net = net

    def construct(self, x, y):
        out = self.net(x)
        return y, out, ops.cross_entropy(out, y), "word"


def test_an_evaluation_network_of_ones_own():
    net = network()
    expected = model_of(net, metrics=["acc", "loss"]).eval(data())
    model = Model(net, metrics=["acc", "loss"], eval_network=Parts(net), eval_indexes=[2, 1, 0])
    assert model.eval(data()) == expected
    assert isinstance(model.eval_network, Parts)
    metrics = {"acc": Accuracy().set_indexes([1, 0])}
    assert Model(net, metrics=metrics, eval_network=Parts(net)).eval(data())["acc"] == expected["acc"]
    with pytest.raises(ValueError, match="eval_indexes are .4, 1, 0., but the eval_network returned 4 outputs"):
        Model(net, metrics={"acc"}, eval_network=Parts(net), eval_indexes=[4, 1, 0]).eval(data())


def test_fit_evaluates_when_it_is_due():
    def evaluated(epochs, frequency):
        seen = []

        class Seen(Callback):
            def on_train_epoch_end(self, run_context):
                params = run_context.original_args()
                if "eval_results" in params:
                    seen.append((params.cur_epoch_num, sorted(params.eval_results), sorted(params.metrics)))

        model_of(metrics={"acc"}).fit(epochs, data(), data(1), frequency, callbacks=Seen())
        assert {tuple(names) for _, names, _ in seen} <= {("acc", "eval_loss")}
        assert all(metrics == ["acc"] for *_, metrics in seen)
        return [epoch for epoch, *_ in seen]

    assert evaluated(4, 1) == [1, 2, 3, 4]
    assert evaluated(5, 2) == [2, 4]
    assert evaluated(5, [1, 5, 9]) == [1, 5]


def test_the_loss_of_an_evaluation_is_the_mean_over_its_batches():
    found = {}

    class Keep(Callback):
        def on_train_epoch_end(self, run_context):
            found.update(run_context.original_args().eval_results)

    model = model_of(metrics={"loss"})
    model.fit(1, data(), data(3), callbacks=Keep())
    assert found["eval_loss"] == found["loss"] == model.eval(data(3))["loss"]


# ---- arguments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda m: Model(3), TypeError, "Model: network must be a Cell, got int"),
        (lambda m: Model(network(), optimizer=0.1), TypeError, "optimizer must be a Cell, got float"),
        (lambda m: Model(network(), loss_fn=0.1), TypeError, "Model"),
        (lambda m: Model(network(), metrics={"acc"}), ValueError, "metrics need a loss_fn, or an eval_network"),
        (lambda m: model_of(metrics="acc"), TypeError, "metrics must be a dict, or a set or list of names, got str"),
        (lambda m: model_of(metrics={"acc": "acc"}), TypeError, "got 'acc': str"),
        (lambda m: model_of(metrics={"luck"}), KeyError, "there is no metric 'luck'"),
        (lambda m: model_of(eval_indexes=[0, 1]), ValueError, "eval_indexes must be 3 ints, .*got .0, 1."),
        (lambda m: model_of(boost_level="O1"), NotImplementedError, "boost_level must be 'O0', got 'O1'"),
        (lambda m: m.train(0, data()), ValueError, "Model.train: epoch must be at least 1, got 0"),
        (lambda m: m.train(1.5, data()), TypeError, "epoch must be an int, got float"),
        (lambda m: m.train(2, data(), initial_epoch=2), ValueError, "initial_epoch must be less than epoch, got 2 and"),
        (lambda m: m.train(1, data(), sink_size=0), ValueError, "sink_size must be -1 or a positive int"),
        (lambda m: m.train(1, data(), dataset_sink_mode=1), TypeError, "dataset_sink_mode must be a bool"),
        (lambda m: m.train(1, data(), callbacks=print), TypeError, "callbacks must be a Callback or a list of them"),
        (lambda m: m.train(1, data(), LossMonitor), TypeError, "must be a Callback or a list of them, got type"),
        (lambda m: m.train(1, data(), [LossMonitor]), TypeError, "got LossMonitor. Pass an object of the class"),
        (lambda m: m.fit(1, data(), data()), ValueError, "Model.fit: the Model has no metrics"),
        (lambda m: m.fit(1, data(), data(), 0), ValueError, "valid_frequency must be at least 1"),
        (lambda m: m.fit(1, data(), data(), 1.0), TypeError, "valid_frequency must be an int or a list of ints"),
        (lambda m: m.eval(data()), ValueError, "Model.eval: the Model has no metrics. Give it some"),
        (lambda m: m.predict(data()[0][0], backend="lite"), NotImplementedError, "no backend"),
    ],
)
def test_what_cannot_be_is_told_before_anything_changes(call, error, text):
    model = model_of()
    before = state(model.predict_network, model._optimizer)
    with pytest.raises(error, match=text):
        call(model)
    assert_same_bits(state(model.predict_network, model._optimizer), before)


def test_sinking_changes_nothing():
    expected, _ = by_hand(data(), 2)
    assert_same_bits(trained(data(), 2, dataset_sink_mode=True, sink_size=3)[0], expected)


# ---- an end by an exception or by Ctrl-C ---------------------------------------------------------------------------


def test_an_exception_of_the_data_leaves_all_usable():
    def fails():
        yield from data()[:2]
        raise OSError("no such file")

    model = model_of()
    with pytest.raises(OSError, match="no such file"):
        model.train(1, fails)
    expected, _ = by_hand(data()[:2], 1)
    assert_same_bits(state(model.predict_network, model._optimizer), expected)
    model.train(1, data()[2:])
    expected, _ = by_hand(data(), 1)
    assert_same_bits(state(model.predict_network, model._optimizer), expected)


INTERRUPTED = """
    import os, signal, sys
    import numpy as np
    from adcore import Tensor, nn
    from adcore.train import Callback, CSVLogger, Metric, Model

    sys.path.insert(0, {tests!r})
    from test_model import assert_same_bits, by_hand, data, model_of, state

    where = {where!r}
    steps = []
    ended = []

    class Press(Callback):
        def on_train_step_begin(self, run_context):
            if where == "begin" and len(steps) == 6:
                os.kill(os.getpid(), signal.SIGINT)

        def on_train_step_end(self, run_context):
            steps.append(1)
            if where == "end" and len(steps) == 6:
                os.kill(os.getpid(), signal.SIGINT)

        def on_train_end(self, run_context):
            ended.append("end")

        def __exit__(self, kind, *rest):
            ended.append(kind)

    def feed():
        for number, batch in enumerate(data()):
            if where == "data" and len(steps) == 6:
                os.kill(os.getpid(), signal.SIGINT)
            yield batch

    class Slow(nn.Cell):
        def construct(self, out, label):
            if where == "loss" and len(steps) == 6:
                os.kill(os.getpid(), signal.SIGINT)
            return nn.CrossEntropyLoss()(out, label)

    model = model_of()
    model = Model(model.predict_network, Slow(), model._optimizer)
    logger = CSVLogger({log!r})
    try:
        model.train(1000, feed, callbacks=[logger, Press()])
    except KeyboardInterrupt:
        print("interrupted")
    assert ended == [KeyboardInterrupt], ended
    assert len(steps) == 6 and logger._file is None
    net, optimizer = model.predict_network, model._optimizer
    assert_same_bits(state(net, optimizer), by_hand(data() + data()[:2], 1)[0])
    where = ""
    model.train(1, data()[2:])
    assert_same_bits(state(net, optimizer), by_hand(data(), 2)[0])
    print("usable")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or os.name == "nt", reason="signals of another kind")
@pytest.mark.parametrize("where", ["begin", "end", "data", "loss"])
def test_ctrl_c_ends_a_training_at_once_and_leaves_all_usable(tmp_path, where):
    """Wherever it is pressed; what was not pressed for is as if the steps done were all there ever were."""
    log = tmp_path / "log.csv"
    code = textwrap.dedent(INTERRUPTED).format(tests=os.path.dirname(__file__), where=where, log=str(log))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["interrupted", "usable"], done.stderr
    assert [line.count(",") for line in log.read_text().splitlines()] == [2, 2]


def test_a_press_from_outside(tmp_path):
    """While it runs for long and saves every step: the caller goes on, and all that is in the files is whole."""
    log = tmp_path / "log.csv"
    code = textwrap.dedent(
        """
        import os, sys
        sys.path.insert(0, {tests!r})
        import adcore
        from adcore.train import Callback, CSVLogger, ModelCheckpoint
        from test_model import data, model_of

        class Say(Callback):
            def on_train_epoch_end(self, run_context):
                if run_context.original_args().cur_epoch_num == 3:
                    print("running", flush=True)

        model = model_of(metrics={{"acc"}})
        save = ModelCheckpoint("net", {folder!r})
        try:
            model.fit(10**9, data(), data(), callbacks=[CSVLogger({log!r}), save, Say()])
        except KeyboardInterrupt:
            print(sorted(model.eval(data())))
            found = [name for name in os.listdir({folder!r}) if name[0] != "."]
            for name in found:
                adcore.load_checkpoint(os.path.join({folder!r}, name), model.train_network, strict_load=True)
            print(len(found))
        """
    ).format(tests=os.path.dirname(__file__), log=str(log), folder=str(tmp_path / "saved"))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "running\n", process.stderr.read()
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    names, saved = out.splitlines()
    assert (names, process.returncode) == ("['acc']", 0), errors
    assert saved in ("5", "6"), errors  # the oldest may be there still
    lines = log.read_text().splitlines()
    assert len(lines) >= 4 and {line.count(",") for line in lines} == {4}


def test_a_metric_of_ones_own():
    class Worst(Metric):
        def clear(self):
            self.worst = 0.0

        def update(self, output, label):
            self.worst = max(self.worst, float((output - label).abs().max()))

        def eval(self):
            return self.worst

    net = nn.Dense(5, 1, "zeros", "zeros")
    model = Model(net, nn.MSELoss(), metrics={"worst": Worst()})
    batches = [(ops.ones((2, 5)), Tensor([[1.0], [3.0]])), (ops.ones((1, 5)), Tensor([[2.0]]))]
    assert model.eval(batches) == {"worst": 3.0}
