"""Classifier and Regressor: what scikit-learn asks of every estimator, and what one of a network does beside."""

import functools
import pickle
import threading
import warnings

import numpy as np
import pytest

import adcore
from adcore import Tensor, nn, ops

pytest.importorskip("sklearn", "1.6")
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_classification, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from adcore.sklearn import Classifier, Regressor

X, Y = make_classification(120, 6, n_informative=4, n_classes=3, random_state=0)
LABELS = np.array(["ant", "bee", "cat"])[Y]
XR, YR = make_regression(100, 4, n_targets=2, noise=0.1, random_state=0)
YR = YR / YR.std(0)


@parametrize_with_checks([Classifier(max_iter=60), Regressor(max_iter=60)])
def test_what_scikit_learn_asks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its checks warn of what they try
        check(estimator)


# ---- learning ------------------------------------------------------------------------------------------------------


def test_a_classifier_learns():
    model = Classifier(random_state=0).fit(X, LABELS)
    assert model.classes_.tolist() == ["ant", "bee", "cat"] and model.score(X, LABELS) > 0.95
    proba = model.predict_proba(X)
    assert proba.dtype == np.float64 and proba.flags.writeable
    np.testing.assert_allclose(proba.sum(1), 1)
    assert (model.classes_[proba.argmax(1)] == model.predict(X)).all()
    # Cross-entropy by hand, of the loss before the last step: near that of the net that was learned.
    loss = -np.log(proba[np.arange(len(Y)), Y]).mean()
    assert abs(loss - model.loss_) < 0.01 and model.loss_ == model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.n_iter_ == len(model.loss_curve_) <= 200


@pytest.mark.parametrize("labels", [[False, True], [-1, 7], ["a", "b"], np.array(["x", "y"], object)])
def test_labels_of_any_kind(labels):
    x, y = make_blobs(60, centers=2, random_state=1)
    model = Classifier(max_iter=50, random_state=0).fit(x, np.asarray(labels)[y])
    assert model.predict(x).dtype == np.asarray(labels).dtype
    assert (model.predict(x) == np.asarray(labels)[y]).all()


def test_one_class():
    model = Classifier(max_iter=2, random_state=0).fit(X, np.full(len(X), "only"))
    assert (model.predict(X) == "only").all() and (model.predict_proba(X) == 1).all()


@pytest.mark.parametrize("targets", [1, 2, None])
def test_a_regressor_learns(targets):
    y = YR[:, 0] if targets is None else YR[:, :targets]
    model = Regressor(random_state=0, max_iter=400, tol=None).fit(XR, y)
    assert model.predict(XR).shape == y.shape and model.score(XR, y) > 0.98
    assert model.n_iter_ == 400


def test_the_dtype_of_the_data_is_that_of_the_default_net():
    for dtype, of_net in ((np.float32, adcore.float32), (np.float64, adcore.float64), (np.int64, adcore.float64)):
        model = Regressor(max_iter=2, random_state=0).fit(XR.astype(dtype), YR)
        assert model.net_[0].weight.dtype == of_net
        assert model.predict(XR.astype(dtype)).dtype == (np.float32 if dtype == np.float32 else np.float64)


def test_the_steps_are_those_of_a_loop_by_hand():
    net = nn.SequentialCell(nn.Dense(4, 5), nn.Tanh(), nn.Dense(5, 2))
    weight = np.linspace(0.5, 2, len(XR))
    model = Regressor(net, optimizer=functools.partial(nn.SGD, momentum=0.9), shuffle=False, batch_size=40, max_iter=3)
    model.fit(XR, YR, sample_weight=weight)
    import copy

    net = copy.deepcopy(net)
    optimizer = nn.SGD(net.trainable_params(), 0.01, momentum=0.9)
    x, y, w = (Tensor(a.astype(np.float32)) for a in (XR, YR, weight))

    def loss(x, y, w):
        return (((net(x) - y) ** 2).mean(1) * w).sum() / w.sum()

    step = adcore.value_and_grad(loss, None, net.trainable_params())
    for _ in range(3):
        for start in range(0, 100, 40):
            rows = slice(start, start + 40)
            optimizer(step(x[rows], y[rows], w[rows])[1])
    np.testing.assert_allclose(model.predict(XR), net(x).asnumpy(), rtol=1e-5, atol=1e-6)


# ---- nets, losses, optimizers --------------------------------------------------------------------------------------


def small(features, outputs):
    return nn.SequentialCell(nn.Dense(features, 12), nn.Dropout(p=0.1), nn.ReLU(), nn.Dense(12, outputs))


def hinge(logits, labels):
    hit = ops.one_hot(labels, logits.shape[1], Tensor(1.0), Tensor(0.0))
    return (ops.relu(1 + logits - (logits * hit).sum(1, keepdims=True)) * (1 - hit)).sum(1)


def test_a_net_a_factory_a_loss_and_an_optimizer_of_ones_own():
    for net in (small, small(6, 3)):
        model = Classifier(net, loss=hinge, optimizer=nn.RMSProp, max_iter=150, random_state=0)
        assert model.fit(X, LABELS).score(X, LABELS) > 0.75
        assert type(model.optimizer_) is nn.RMSProp and not model.net_.training
    model = Regressor(small, loss=nn.MSELoss(), max_iter=100, random_state=0).fit(XR, YR)
    assert model.score(XR, YR) > 0.9
    schedule = nn.ExponentialDecayLR(0.02, 0.9, 20)
    model = Regressor(learning_rate=schedule, max_iter=100, random_state=0).fit(XR, YR)
    assert int(model.optimizer_.global_step[0]) == model.n_iter_


def test_the_net_that_was_given_is_not_trained():
    net = small(6, 3)
    before = [p.asnumpy().copy() for p in net.get_parameters()]
    first, second = (Classifier(net, max_iter=5, random_state=0).fit(X, Y) for _ in range(2))
    assert all((p.asnumpy() == b).all() for p, b in zip(net.get_parameters(), before))
    assert (first.predict_proba(X) == second.predict_proba(X)).all()


def test_a_net_with_python_control_flow_trains_too():
    class Deep(nn.Cell):
        def __init__(self, features, outputs):
            super().__init__()
            self.dense = nn.Dense(features, outputs)

        def construct(self, x):
            out = self.dense(x)
            return out if float(ops.stop_gradient(out).sum()) > 1e9 else out * 1.0

    assert Regressor(Deep, max_iter=100, random_state=0).fit(XR, YR).score(XR, YR) > 0.5


# ---- random numbers ------------------------------------------------------------------------------------------------


def test_random_state_determines_all_and_leaves_the_process_s_numbers_alone():
    adcore.set_seed(11)
    state = adcore.get_rng_state().tolist()
    runs = [Classifier(small, max_iter=4, batch_size=32, random_state=s).fit(X, Y).predict_proba(X) for s in (0, 0, 1)]
    assert adcore.get_rng_state().tolist() == state
    assert (runs[0] == runs[1]).all() and (runs[0] != runs[2]).any()
    adcore.set_seed(12)  # the process's seed has no part in it
    assert (Classifier(small, max_iter=4, batch_size=32, random_state=0).fit(X, Y).predict_proba(X) == runs[0]).all()


def test_fits_in_threads_are_those_in_a_row():
    from joblib import Parallel, delayed

    def fit(seed):
        return Classifier(small, max_iter=4, batch_size=32, random_state=seed).fit(X, Y).predict_proba(X)

    rows = [fit(seed) for seed in range(4)]
    threads = Parallel(n_jobs=4, backend="threading")(delayed(fit)(seed) for seed in range(4))
    assert all((a == b).all() for a, b in zip(rows, threads))


# ---- going on ------------------------------------------------------------------------------------------------------


def test_partial_fits_are_epochs_of_one_fit():
    whole = Classifier(small, max_iter=3, batch_size=32, random_state=0).fit(X, LABELS)
    parts = Classifier(small, batch_size=32, random_state=0)
    for _ in range(3):
        parts.partial_fit(X, LABELS, classes=["cat", "ant", "bee"])
        parts = pickle.loads(pickle.dumps(parts))
    assert parts.n_iter_ == 3 and parts.loss_curve_ == whole.loss_curve_
    assert (parts.predict_proba(X) == whole.predict_proba(X)).all()


def test_warm_start_goes_on():
    model = Regressor(max_iter=20, warm_start=True, random_state=0).fit(XR, YR)
    first, net = model.loss_, model.net_
    model.fit(XR, YR)
    assert model.net_ is net and model.loss_ < first and model.n_iter_ == 40
    model.set_params(warm_start=False).fit(XR, YR)
    assert model.net_ is not net and model.n_iter_ == 20 and model.loss_ == first


def test_weights_are_repetitions():
    weight = np.arange(len(X)) % 3
    few = Classifier(max_iter=20, batch_size=None, random_state=0)
    weighted = clone(few).fit(X, Y, sample_weight=weight).predict_proba(X)
    repeated = clone(few).fit(np.repeat(X, weight, 0), np.repeat(Y, weight)).predict_proba(X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-8)
    assert np.abs(weighted - clone(few).fit(X, Y).predict_proba(X)).max() > 1e-3


# ---- beside scikit-learn's own -------------------------------------------------------------------------------------


def test_in_a_pipeline_in_a_search_in_processes():
    pipeline = make_pipeline(StandardScaler(), Classifier(small, max_iter=10, random_state=0))
    grid = {"classifier__learning_rate": [1e-6, 0.05], "classifier__batch_size": [40]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, LABELS)
    assert search.best_params_["classifier__learning_rate"] == 0.05
    alone = GridSearchCV(pipeline, grid, cv=2).fit(X, LABELS)
    assert (search.cv_results_["mean_test_score"] == alone.cv_results_["mean_test_score"]).all()
    twin = pickle.loads(pickle.dumps(search))
    assert (twin.predict_proba(X) == search.predict_proba(X)).all()
    assert cross_val_score(Regressor(max_iter=100, random_state=0), XR, YR, cv=2).min() > 0.5


def test_clones_and_pickles():
    model = Classifier(small(6, 3), learning_rate=0.02, max_iter=3, random_state=4).fit(X, LABELS)
    twin = clone(model)
    assert twin.get_params()["learning_rate"] == 0.02 and not hasattr(twin, "net_")
    with pytest.raises(NotFittedError):
        twin.predict(X)
    assert (twin.fit(X, LABELS).predict_proba(X) == model.predict_proba(X)).all()
    assert (pickle.loads(pickle.dumps(model)).predict_proba(X) == model.predict_proba(X)).all()


# ---- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model, error, text",
    [
        (
            Classifier(small(6, 2)),
            ValueError,
            r"the net must return a Tensor of shape \(120, 3\), got a Tensor of shape",
        ),
        (
            Classifier(lambda a, b: 3),
            TypeError,
            "net must be a Cell, or a function of the numbers of features and outp",
        ),
        (Classifier("dense"), TypeError, "net must be a Cell, or a function .* got str"),
        (Classifier(nn.ReLU()), ValueError, "the net has no Parameters to train"),
        (Classifier(loss="log"), TypeError, "loss must be callable, got str"),
        (Classifier(loss=lambda a, b: 1.0), TypeError, "loss must return a Tensor of one number, or of one row"),
        (Classifier(optimizer="adam"), TypeError, "optimizer must be a class as nn.SGD, or a function"),
        (Classifier(max_iter=0), ValueError, "max_iter must be a number above 0, got 0"),
        (Classifier(n_iter_no_change=0), ValueError, "n_iter_no_change must be a number above 0, got 0"),
        (Classifier(tol="small"), ValueError, "tol must be a number or None, got 'small'"),
        (Classifier(tol=float("nan")), ValueError, "tol must be a number or None, got nan"),
        (Classifier(batch_size=1.5), ValueError, "batch_size must be a number above 0, got 1.5"),
        (
            Regressor(learning_rate=1e200, tol=None),
            ValueError,
            r"Regressor: the loss is (inf|nan) in epoch \d+; try a sma",
        ),
    ],
)
def test_what_is_wrong_is_told(model, error, text):
    with pytest.raises(error, match=text), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, Y)


def test_weights_need_a_loss_of_samples():
    model = Regressor(loss=nn.MSELoss(), max_iter=2)
    with pytest.raises(ValueError, match="sample_weight needs a loss that returns a number for each sample"):
        model.fit(XR, YR, sample_weight=np.ones(len(XR)))
    model = Regressor(loss=nn.MSELoss(reduction="none"), max_iter=2)
    model.fit(XR, YR, sample_weight=np.ones(len(XR)))
    for weight, text in ((np.zeros(len(XR)), "0|zero"), (np.full(len(XR), -1.0), "egative")):
        with pytest.raises(ValueError, match=text):
            model.fit(XR, YR, sample_weight=weight)


def test_labels_and_classes_of_later_calls():
    model = Classifier(max_iter=2)
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        model.partial_fit(X, Y)
    model.partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
        model.partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"y has the labels \[3 4 5\], which are not in \[0 1 2\]"):
        model.partial_fit(X, Y + 3)
    with pytest.raises(ValueError, match="y has 2 targets a row, before 1"):
        Regressor().partial_fit(XR, YR[:, 0]).partial_fit(XR, YR)


def test_without_scikit_learn_the_extra_is_named():
    from test_package import in_new_process

    code = """
import sys
sys.modules["sklearn"] = None
import adcore
try:
    import adcore.sklearn
except ImportError as error:
    print(error)
"""
    assert " ".join(in_new_process(code)).endswith("Install it: pip install adcore[sklearn]")


# ---- whole or nothing ----------------------------------------------------------------------------------------------


def other(features, outputs):
    """A net function that fits another estimator, here and in a thread that it waits for."""
    threads = [threading.Thread(target=Regressor(max_iter=1, random_state=s).fit, args=(XR, YR)) for s in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    Regressor(max_iter=1, random_state=3).fit(XR, YR)
    return small(features, outputs)


def test_a_net_function_may_fit_and_wait_for_who_fits():
    found = []
    one = threading.Thread(
        target=lambda: found.append(Classifier(other, max_iter=2, random_state=0).fit(X, Y)), daemon=True
    )
    one.start()
    one.join(60)
    assert found, "fit does not return"
    alone = Classifier(small, max_iter=2, random_state=0).fit(X, Y)
    assert (found[0].predict_proba(X) == alone.predict_proba(X)).all()


class FitsInside(nn.Cell):
    def __init__(self, features, outputs):
        super().__init__()
        self.dense = nn.Dense(features, outputs)

    def construct(self, x):
        if self.training:
            Regressor(max_iter=1, random_state=3).fit(XR[:10], YR[:10])
        return self.dense(x)


def test_a_step_may_fit():
    state = adcore.get_rng_state().tolist()
    found = []
    run = lambda: found.append(Classifier(FitsInside, max_iter=1, batch_size=60, random_state=0).fit(X, Y))
    one = threading.Thread(target=run, daemon=True)
    one.start()
    one.join(60)
    assert found and adcore.get_rng_state().tolist() == state


def seeded(features, outputs):
    adcore.set_seed(5)
    return nn.Dense(features, outputs)


def test_a_net_function_that_sets_the_seed_sets_that_of_its_net():
    state = adcore.get_rng_state().tolist()
    nets = [Classifier(seeded, max_iter=1, learning_rate=1e-30, random_state=s).fit(X, Y).net_ for s in (1, 2)]
    assert adcore.get_rng_state().tolist() == state
    np.testing.assert_array_equal(nets[0].weight.asnumpy(), nets[1].weight.asnumpy())


class Stops:
    """A loss that raises in a call."""

    def __init__(self, error, call):
        self.error, self.left = error, call

    def __call__(self, logits, labels):
        self.left -= 1
        if self.left < 0:
            raise self.error
        return ops.cross_entropy(logits, labels, reduction="none") + 0.0 * float(ops.stop_gradient(logits).sum())


def normed(features, outputs):
    return nn.SequentialCell(
        nn.Dense(features, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(p=0.5), nn.Dense(8, outputs)
    )


def state_of(model):
    of_cells = [p.asnumpy().tolist() for cell in (model.net_, model.optimizer_) for p in cell.get_parameters()]
    order = model._order.get_state()[1].tolist()
    rest = model.classes_.tolist(), list(model.loss_curve_), model.n_iter_, model._draws.get_state().tolist(), order
    return of_cells, rest, model.net_.training, model.n_features_in_


@pytest.mark.parametrize("error", [ValueError("stop"), KeyboardInterrupt()])
@pytest.mark.parametrize("call", [0, 1, 3])
@pytest.mark.parametrize("way", ["fit", "warm fit", "partial_fit"])
def test_what_fails_leaves_the_estimator_as_it_was(way, call, error):
    model = Classifier(normed, max_iter=3, batch_size=40, random_state=0).fit(X, Y)
    before, net, proba = state_of(model), model.net_, model.predict_proba(X)
    model.set_params(loss=Stops(error, call), learning_rate=0.5, warm_start=way == "warm fit")
    with pytest.raises(type(error)):
        if way == "fit":
            model.fit(X[:, :4], Y % 2)
        else:
            (model.partial_fit if way == "partial_fit" else model.fit)(X, Y)
    assert model.net_ is net and state_of(model) == before
    assert (model.predict_proba(X) == proba).all()
    model.set_params(loss=None, learning_rate=0.01).partial_fit(X, Y)
    twin = Classifier(normed, max_iter=3, batch_size=40, random_state=0).fit(X, Y).partial_fit(X, Y)
    np.testing.assert_allclose(model.predict_proba(X), twin.predict_proba(X), rtol=1e-6)


def test_a_first_fit_that_fails_leaves_nothing():
    for call in (lambda m: m.fit(X, Y), lambda m: m.partial_fit(X, Y, classes=[0, 1, 2])):
        model = Classifier(loss=Stops(ValueError("stop"), 1))
        with pytest.raises(ValueError, match="stop"):
            call(model)
        assert [name for name in vars(model) if name.endswith("_")] == []
        with pytest.raises(NotFittedError):
            model.predict(X)


def test_weights_of_nothing_leave_a_net_that_predicts():
    model = Classifier(normed, max_iter=2, random_state=0).fit(X, Y)
    proba = model.predict_proba(X)
    with pytest.raises(ValueError, match="all sample_weight are 0|zero"):
        model.partial_fit(X, Y, sample_weight=np.zeros(len(X)))
    assert not model.net_.training and (model.predict_proba(X) == proba).all()


# ---- parameters that are changed between calls ---------------------------------------------------------------------


@pytest.mark.parametrize("way", ["fit", "partial_fit"])
def test_what_is_changed_is_obeyed_by_the_next_call(way):
    def model():
        return Regressor(max_iter=1, warm_start=True, random_state=0, optimizer=nn.SGD).fit(XR, YR)

    go = lambda m: getattr(m, way)(XR, YR)
    still = model()
    before = still.predict(XR)
    go(still.set_params(learning_rate=1e-30))
    assert np.abs(still.predict(XR) - before).max() < 1e-12
    far = go(model().set_params(loss=lambda out, y: (out - 100.0) ** 2))
    assert far.loss_ > 1000 > model().loss_
    adam = go(model().set_params(optimizer=nn.Adam))
    assert type(adam.optimizer_) is nn.Adam and int(adam.optimizer_.global_step) == 1
    twin = pickle.loads(pickle.dumps(still))
    go(twin)
    assert np.abs(twin.predict(XR) - before).max() < 1e-12


def test_a_changed_rate_keeps_the_moments():
    def run(rates):
        model = Regressor(batch_size=None, random_state=0, optimizer=nn.Adam)
        for rate in rates:
            model.set_params(learning_rate=rate).partial_fit(XR, YR)
        return model

    two, one = run([0.01, 0.01, 0.02, 0.005]), run([0.01, 0.01])
    assert int(two.optimizer_.global_step) == 4 and float(two.optimizer_.learning_rate) == np.float32(0.005)
    # By the rule of Adam, with a rate of each step.
    by_schedule = Regressor(batch_size=None, max_iter=4, tol=None, random_state=0)
    by_schedule.set_params(learning_rate=[0.01, 0.01, 0.02, 0.005]).fit(XR, YR)
    np.testing.assert_allclose(two.predict(XR), by_schedule.predict(XR), rtol=1e-5)
    assert (one.predict(XR) != two.predict(XR)).any()


def test_another_net_is_no_way_to_go_on():
    model = Regressor(max_iter=1, warm_start=True).fit(XR, YR)
    with pytest.raises(ValueError, match="hidden_layer_sizes was changed, .* goes on with the net that there is"):
        model.set_params(hidden_layer_sizes=(3,)).fit(XR, YR)
    with pytest.raises(ValueError, match="net was changed"):
        model.set_params(hidden_layer_sizes=[100], net=small).partial_fit(XR, YR)
    model.set_params(net=None).partial_fit(XR, YR)
    assert model.set_params(net=small, warm_start=False).fit(XR, YR).n_iter_ == 1
