"""scikit-learn's estimators around networks: Classifier and Regressor.

A net is trained by minibatches with an optimizer of `adcore.nn`; a step is one program of `jit` where it can be
recorded. What scikit-learn asks of an estimator holds: parameters are set by name, and not changed by `fit`; what was
learned ends in an underscore; the same `random_state` gives the same numbers. Start reading at `_Net._train`.
"""

import contextlib
import os
import threading

import numpy as np

from adcore import nn, ops
from adcore._config import register_threadpoolctl
from adcore._core import Tensor, float32, float64
from adcore._ops.generator import Generator, drawing_from, get_rng_state, set_rng_state
from adcore.transforms.compiled import jit_or_run
from adcore.transforms.gradient import value_and_grad
from adcore.transforms.trees import describe

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data
except ImportError as error:
    raise ImportError(
        "adcore.sklearn: it needs scikit-learn, 1.6 or later. Install it: pip install adcore[sklearn]", name="sklearn"
    ) from error

__all__ = ["Classifier", "Regressor"]

with contextlib.suppress(ImportError):  # of an old threadpoolctl
    register_threadpoolctl()

_ROWS = 4096  # how many are predicted at once


_lock = threading.RLock()  # of the process's sequence of random numbers, for a step


def _new_lock():
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)  # another thread may hold it, which the child does not have


@contextlib.contextmanager
def _drawing(generator):
    """Let a block draw from a generator by the process's sequence, which is where programs draw from.

    One thread at a time is in such a block, which is a step; a step may fit another estimator.
    """
    with _lock:
        outside = get_rng_state()
        set_rng_state(generator.get_state())
        try:
            yield
        finally:
            generator.set_state(get_rng_state())
            set_rng_state(outside)


def _training_step(net, loss, optimizer, columns):
    """Return a function that does a step on a batch and returns its loss."""

    def weighted(x, y, weight):
        losses = loss(_checked_output(net(x), x.shape[0], columns), y)
        if losses.ndim == 0:
            return losses
        return (losses.reshape((x.shape[0], -1)).mean(1) * weight).sum() / weight.sum()

    gradient = value_and_grad(weighted, None, optimizer.parameters)

    def step(x, y, weight):
        value, gradients = gradient(x, y, weight)
        optimizer(gradients)
        return value

    return jit_or_run(step)


def _checked_output(out, rows, columns):
    """Return a net's output of the right shape; `columns` is None for one number per row."""
    wanted = (rows,) if columns is None else (rows, columns)
    if isinstance(out, Tensor):
        if out.shape == wanted:
            return out
        if columns is None and out.shape == (rows, 1):
            return out.reshape((rows,))
    raise ValueError(f"adcore.sklearn: the net must return a Tensor of shape {wanted}, got {describe(out)}.")


def _cross_entropy(logits, labels):
    return ops.cross_entropy(logits, labels, reduction="none")


def _squared_error(out, y):
    return (out - y) ** 2


def _positive(estimator, name, kinds):
    value = getattr(estimator, name)
    if isinstance(value, bool) or not isinstance(value, kinds) or not value > 0:
        raise ValueError(f"{type(estimator).__name__}: {name} must be a number above 0, got {value!r}.")
    return value


# The parameters from which the net, the optimizer and the step are made: what is made of others is obeyed as it is.
_REMEMBERED = ("net", "hidden_layer_sizes", "optimizer", "learning_rate", "loss")


def _same(a, b):
    """Whether two parameters of an estimator mean one thing: an object, equal numbers, or a sequence of these."""
    if isinstance(a, (int, float, np.number)) and isinstance(b, (int, float, np.number)):
        return a == b
    if isinstance(a, (tuple, list, np.ndarray)) and isinstance(b, (tuple, list, np.ndarray)):
        return len(a) == len(b) and all(map(_same, a, b))
    return a is b


def _take_over(optimizer, old):
    """Give an optimizer the numbers of another one of its kind, such as moments and the step; not its rates."""
    if not isinstance(optimizer, nn.Cell) or type(optimizer) is not type(old):
        return
    numbers = dict(old.parameters_and_names())
    for name, number in optimizer.parameters_and_names():
        value = None if name.startswith("learning_rate") else numbers.get(name)
        if value is not None and value is not number and value.shape == number.shape:
            number.set_data(value.value())


class _Kept:
    """What cells hold: their attributes, and the numbers of their Parameters and buffers."""

    def __init__(self, cells):
        self._states, tensors = [], {}
        for cell in {id(cell): cell for root in cells for _, cell in root.cells_and_names()}.values():
            self._states.append((cell, dict(cell.__dict__), dict(cell._buffers)))
            tensors.update((id(t), t) for t in (*cell._params.values(), *cell._buffers.values()) if t is not None)
        self._numbers = [(t, t.value().copy()) for t in tensors.values()]

    def put_back(self):
        for cell, state, buffers in self._states:
            cell.__dict__.clear()
            cell.__dict__.update(state)
            cell._buffers.clear()
            cell._buffers.update(buffers)
        for tensor, value in self._numbers:
            tensor.assign_value(value)


class _Net(BaseEstimator):
    """What both share."""

    def __init__(
        self,
        net=None,
        *,
        hidden_layer_sizes=(100,),
        loss=None,
        optimizer=None,
        learning_rate=0.01,
        max_iter=200,
        batch_size=200,
        shuffle=True,
        tol=1e-4,
        n_iter_no_change=10,
        warm_start=False,
        random_state=None,
    ):
        self.net = net
        self.hidden_layer_sizes = hidden_layer_sizes
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state

    # ---- making ------------------------------------------------------------------------------------------------------

    def _start(self, dtype, outputs):
        """Make the net, the optimizer, and the sequences of random numbers; all new."""
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        self._draws, self._order = Generator().manual_seed(seed), np.random.RandomState(seed)
        with drawing_from(self._draws):  # not a lock: the function of the user may fit, or wait for who fits
            self.net_ = self._made_net(float32 if dtype == np.float32 else float64, outputs)
        if not self.net_.trainable_params():
            raise ValueError(f"{type(self).__name__}: the net has no Parameters to train.")
        self.optimizer_ = self._made_optimizer()
        self.n_iter_, self.loss_curve_ = 0, []
        self.__dict__.pop("_step", None)
        self._made_with = {name: getattr(self, name) for name in _REMEMBERED}

    def _go_on(self):
        """Obey what was changed since the net was trained last."""
        made_with = self._made_with
        changed = {name for name in _REMEMBERED if not _same(getattr(self, name), made_with[name])}
        if "net" in changed or (self.net is None and "hidden_layer_sizes" in changed):
            name = "net" if "net" in changed else "hidden_layer_sizes"
            raise ValueError(
                f"{type(self).__name__}: {name} was changed, {made_with[name]!r} to {getattr(self, name)!r}, and "
                "training goes on with the net that there is. Call fit with warm_start=False to make another."
            )
        if changed & {"optimizer", "learning_rate"}:
            made = self._made_optimizer()
            if "optimizer" not in changed:
                _take_over(made, self.optimizer_)
            self.optimizer_ = made
        if changed & {"optimizer", "learning_rate", "loss"}:
            self.__dict__.pop("_step", None)
        self._made_with = {name: getattr(self, name) for name in _REMEMBERED}

    def _made_optimizer(self):
        make = nn.Adam if self.optimizer is None else self.optimizer
        if not callable(make) or isinstance(make, nn.Cell):
            raise TypeError(
                f"{type(self).__name__}: optimizer must be a class as nn.SGD, or a function that is called with the "
                f"Parameters and learning_rate, got {describe(make)}."
            )
        return make(self.net_.trainable_params(), learning_rate=self.learning_rate)

    def _made_net(self, dtype, outputs):
        import copy

        if self.net is None:
            sizes = [self.n_features_in_, *np.atleast_1d(self.hidden_layer_sizes).tolist()]
            layers = []
            for before, after in zip(sizes, sizes[1:]):
                layers += [nn.Dense(before, after, dtype=dtype), nn.ReLU()]
            return nn.SequentialCell(*layers, nn.Dense(sizes[-1], outputs, dtype=dtype))
        if isinstance(self.net, nn.Cell):
            return copy.deepcopy(self.net)
        net = self.net(self.n_features_in_, outputs) if callable(self.net) else None
        if not isinstance(net, nn.Cell):
            raise TypeError(
                f"{type(self).__name__}: net must be a Cell, or a function of the numbers of features and outputs that "
                f"returns one, got {describe(self.net if net is None else net)}."
            )
        return net

    def _dtype(self):
        """Return the dtype in which the net computes."""
        of_weights = (p.dtype for p in self.net_.get_parameters() if p.dtype.is_floating_point)
        return next(of_weights, float32)

    # ---- training ----------------------------------------------------------------------------------------------------

    def _train(self, x, y, sample_weight, columns, epochs):
        """Train the net for some epochs; fewer where the loss gets no better."""
        weight = _check_sample_weight(sample_weight, x, dtype=x.dtype)
        if (weight < 0).any():
            raise ValueError(f"{type(self).__name__}: negative values in sample_weight.")
        if not weight.all():  # a row of weight 0 is no row
            rows = np.flatnonzero(weight)
            x, y, weight = x[rows], y[rows], weight[rows]
            if not len(rows):
                raise ValueError(f"{type(self).__name__}: all sample_weight are 0.")
        patience = _positive(self, "n_iter_no_change", (int, np.integer))
        if self.tol is not None and (not isinstance(self.tol, (int, float, np.number)) or np.isnan(self.tol)):
            raise ValueError(f"{type(self).__name__}: tol must be a number or None, got {self.tol!r}.")
        size = min(len(x), len(x) if self.batch_size is None else _positive(self, "batch_size", (int, np.integer)))
        step = self.__dict__.get("_step")
        if step is None:
            loss = self._default_loss if self.loss is None else self.loss
            self._check_loss(loss, x[:1], y[:1], columns, sample_weight)
            step = self._step = _training_step(self.net_, loss, self.optimizer_, columns)
        whole = self._batch(x, y, weight) if size == len(x) else None
        best, stale = np.inf, 0
        for _ in range(epochs):
            total = 0.0
            if whole is None:
                order = self._order.permutation(len(x)) if self.shuffle else np.arange(len(x))
                for start in range(0, len(x), size):
                    rows = order[start : start + size]
                    total += self._stepped(step, self._batch(x[rows], y[rows], weight[rows])) * len(rows)
            else:
                total += self._stepped(step, whole) * len(x)
            self.n_iter_ += 1
            self.loss_curve_.append(total / len(x))
            if not np.isfinite(total):
                raise ValueError(
                    f"{type(self).__name__}: the loss is {total / len(x)} in epoch {self.n_iter_}; try a smaller "
                    "learning_rate, or scale the data."
                )
            stale = stale + 1 if self.loss_curve_[-1] > best - (self.tol or 0.0) else 0
            best = min(best, self.loss_curve_[-1])
            if self.tol is not None and stale >= patience:
                break
        self.loss_ = self.loss_curve_[-1]

    def _stepped(self, step, batch):
        with _drawing(self._draws):
            return float(step(*batch))

    def _batch(self, x, y, weight):
        dtype = self._dtype()
        return Tensor(x, dtype), Tensor(y) if y.dtype == np.int32 else Tensor(y, dtype), Tensor(weight, dtype)

    def _check_loss(self, loss, x, y, columns, sample_weight):
        """Raise for a loss that cannot be weighted where there are weights."""
        if not callable(loss):
            raise TypeError(f"{type(self).__name__}: loss must be callable, got {describe(loss)}.")
        if loss is self._default_loss:
            return
        x, y, _ = self._batch(x, y, np.ones(1))
        self.net_.set_train(False)
        value = loss(_checked_output(self.net_(x), 1, columns), y)
        self.net_.set_train()
        if not isinstance(value, Tensor) or (value.ndim and value.shape[0] != 1):
            raise TypeError(
                f"{type(self).__name__}: loss must return a Tensor of one number, or of one row for each sample, "
                f"got {describe(value)}."
            )
        if value.ndim == 0 and sample_weight is not None:
            raise ValueError(
                f"{type(self).__name__}: sample_weight needs a loss that returns a number for each sample, as with "
                "reduction='none'; this one returns their mean or sum."
            )

    def _fit(self, x, y, sample_weight, outputs, columns, *, once):
        """Start anew, or go on where `once` or warm_start asks for it."""
        epochs = 1 if once else _positive(self, "max_iter", (int, np.integer))
        goes_on = once or self.warm_start
        if goes_on and hasattr(self, "net_"):
            self._go_on()
        else:
            self._start(x.dtype, outputs)
        self.net_.set_train()
        self._train(x, y, sample_weight, columns, epochs)
        self.net_.set_train(False)
        return self

    @contextlib.contextmanager
    def _whole_or_nothing(self):
        """Leave the estimator as it was where the block raises, as an interrupt does: no attribute is half done."""
        before = dict(self.__dict__)
        cells = [before[name] for name in ("net_", "optimizer_") if isinstance(before.get(name), nn.Cell)]
        kept = _Kept(cells) if cells else None
        curve = list(before.get("loss_curve_", ()))
        draws = before["_draws"].get_state() if cells else None
        order = before["_order"].get_state() if cells else None
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            if cells:
                kept.put_back()
                self.loss_curve_[:] = curve
                self._draws.set_state(draws)
                self._order.set_state(order)
            raise

    # ---- predicting --------------------------------------------------------------------------------------------------

    def _outputs(self, x, columns, then=lambda out: out):
        check_is_fitted(self, "net_")
        x = validate_data(self, x, dtype=[np.float64, np.float32], reset=False)
        dtype, parts = self._dtype(), []
        for start in range(0, len(x), _ROWS):
            rows = Tensor(x[start : start + _ROWS], dtype)
            parts.append(then(_checked_output(self.net_(rows), rows.shape[0], columns)).asnumpy())
        return np.concatenate(parts)

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_step", None)  # a program, recorded again
        return state


_PARAMETERS = """
    Parameters
    ----------
    net : Cell or callable, optional
        A network, of which each `fit` trains a copy, or a function of the number of features and the number of outputs
        that returns a new one. By default dense layers of `hidden_layer_sizes` with ReLU between them, in the dtype of
        the data, float32 or float64. It computes in the dtype of its Parameters.
    hidden_layer_sizes : tuple of int, default (100,)
        The sizes of the hidden layers, where `net` is None.
    loss : callable, optional
        Takes the net's output and the targets; returns one number, or one row for each sample, which `sample_weight`
        needs. {loss}
    optimizer : callable, optional
        A class of `adcore.nn`, or a function, that is called with the Parameters and ``learning_rate=``. By default
        `nn.Adam`.
    learning_rate : float or schedule, default 0.01
    max_iter : int, default 200
        Epochs of a `fit`.
    batch_size : int or None, default 200
        Rows of a step; None for all of them.
    shuffle : bool, default True
        Whether the rows have another order in each epoch.
    tol : float or None, default 1e-4
        Training ends after `n_iter_no_change` epochs whose loss is no better by so much. None: it goes on.
    n_iter_no_change : int, default 10
    warm_start : bool, default False
        Whether `fit` goes on with the net of the last one. The next call obeys another `learning_rate`, `optimizer` or
        `loss`, as `partial_fit` does too; another `optimizer` starts anew. Another `net` is an error then.
    random_state : int, RandomState or None, default None
        Determines initial weights, the order of the rows and what the net draws.
"""

_ATTRIBUTES = """
    net_ : Cell
        The trained net.
    optimizer_ : nn.Optimizer
    loss_ : float
        The loss of the last epoch.
    loss_curve_ : list of float
        That of each epoch.
    n_iter_ : int
        Epochs that were done.
    n_features_in_ : int
    feature_names_in_ : array of str
        Where the data have names that are strings.
"""


class Classifier(ClassifierMixin, _Net):
    __doc__ = f"""A classifier of scikit-learn around a network.

    The net returns logits, one for each class; their softmax is the probability.
{_PARAMETERS.format(loss="The targets are numbers of classes, int32. By default cross-entropy.")}
    Attributes
    ----------
    classes_ : array
        The labels, in the order of the logits.{_ATTRIBUTES}
    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from adcore.sklearn import Classifier
    >>> x, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), Classifier(random_state=0)).fit(x, y)
    >>> model.score(x, y) > 0.95, model.predict_proba(x[:2]).shape
    (True, (2, 3))
    """

    _default_loss = staticmethod(_cross_entropy)

    def fit(self, X, y, sample_weight=None):
        """Train the net.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : array of shape (n_samples,)
            Labels of any kind that can be sorted.
        sample_weight : array of shape (n_samples,), optional

        Returns
        -------
        Classifier
            This one.
        """
        with self._whole_or_nothing():
            X, y = self._data(X, y, reset=not self.warm_start or not hasattr(self, "net_"))
            if self.warm_start and hasattr(self, "net_"):
                y = self._numbers(y)
            else:
                self.classes_, y = np.unique(y, return_inverse=True)
            return self._fit_numbers(X, y, sample_weight, once=False)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train the net for one epoch of these rows.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array, optional
            All labels; the first call needs them.

        Returns
        -------
        Classifier
            This one.
        """
        with self._whole_or_nothing():
            first = not hasattr(self, "net_")
            X, y = self._data(X, y, reset=first)
            if first:
                if classes is None:
                    raise ValueError("classes must be passed on the first call to partial_fit.")
                self.classes_ = np.unique(classes)
            elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}"
                )
            return self._fit_numbers(X, self._numbers(y), sample_weight, once=True)

    def _data(self, X, y, reset):
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], reset=reset)
        check_classification_targets(y)
        return X, column_or_1d(y, warn=True)

    def _numbers(self, y):
        """Return the numbers of labels that are known."""
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ValueError(f"{type(self).__name__}: y has the labels {unknown}, which are not in {self.classes_}.")
        return np.searchsorted(self.classes_, y)

    def _fit_numbers(self, X, y, sample_weight, once):
        count = len(self.classes_)
        return self._fit(X, y.astype(np.int32), sample_weight, count, count, once=once)

    def predict_proba(self, X):
        """Return the probabilities of the classes, an array of shape (n_samples, n_classes)."""
        check_is_fitted(self, "net_")
        return self._outputs(X, len(self.classes_), lambda logits: ops.softmax(logits, -1))

    def predict(self, X):
        """Return the most probable labels, an array of shape (n_samples,)."""
        check_is_fitted(self, "net_")
        return self.classes_[self._outputs(X, len(self.classes_)).argmax(1)]


class Regressor(MultiOutputMixin, RegressorMixin, _Net):
    __doc__ = f"""A regressor of scikit-learn around a network, for one target or several.
{_PARAMETERS.format(loss="The targets have the shape of `y`. By default the squared error.")}
    Attributes
    ----------{_ATTRIBUTES}
    Examples
    --------
    >>> import numpy as np
    >>> from adcore.sklearn import Regressor
    >>> x = np.linspace(-1.0, 1.0, 100).reshape(-1, 1)
    >>> model = Regressor(hidden_layer_sizes=(32, 32), random_state=0).fit(x, np.sin(3 * x[:, 0]))
    >>> model.score(x, np.sin(3 * x[:, 0])) > 0.95
    True
    """

    _default_loss = staticmethod(_squared_error)

    def fit(self, X, y, sample_weight=None):
        """Train the net.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : array of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array of shape (n_samples,), optional

        Returns
        -------
        Regressor
            This one.
        """
        return self._fitted(X, y, sample_weight, once=False)

    def partial_fit(self, X, y, sample_weight=None):
        """Train the net for one epoch of these rows, which are as for `fit`; return the Regressor."""
        return self._fitted(X, y, sample_weight, once=True)

    def _fitted(self, X, y, sample_weight, once):
        with self._whole_or_nothing():
            goes_on = (once or self.warm_start) and hasattr(self, "net_")
            X, y = validate_data(
                self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True, reset=not goes_on
            )
            columns = None if y.ndim == 1 else y.shape[1]
            if goes_on and columns != self._columns:
                raise ValueError(
                    f"{type(self).__name__}: y has {columns or 1} targets a row, before {self._columns or 1}."
                )
            self._columns = columns
            return self._fit(X, y.astype(X.dtype), sample_weight, columns or 1, columns, once=once)

    def predict(self, X):
        """Return the targets, an array of the shape that `y` had, with a row for each one of `X`."""
        check_is_fitted(self, "net_")
        return self._outputs(X, self._columns)
