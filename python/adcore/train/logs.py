"""Callbacks that write what a training comes to: a CSV file, a picture, TensorBoard's files, a bar in the terminal."""

import csv
import importlib
import os

from adcore._core import Tensor

from .callback import Callback, loss_of
from .monitors import check_int

__all__ = ["CSVLogger", "LearningCurves", "ProgressBar", "TensorBoard"]


def _extra(owner, module):
    """Return a module of a library that not everybody has."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise ImportError(
            f"{owner}: it needs {library}. Install it: pip install adcore[train]", name=library
        ) from error


class _EpochLog(Callback):
    """Base of those that write the numbers of each epoch: `_begin` before, `_log` after each."""

    _evaluated_in_fit = False

    def on_train_begin(self, run_context):
        """Begin to write."""
        self._losses, self._steps = 0.0, 0
        self._begin(run_context.original_args())

    def on_train_step_end(self, run_context):
        """Take the loss in."""
        loss = loss_of(run_context.original_args())
        if isinstance(loss, float):
            self._losses += loss
            self._steps += 1

    def on_train_epoch_end(self, run_context):
        """Write the numbers of the epoch."""
        params = run_context.original_args()
        numbers = {"loss": self._losses / self._steps} if self._steps else {}
        self._losses, self._steps = 0.0, 0
        rate = _learning_rate(params.get("optimizer"))
        if rate is not None:
            numbers["learning_rate"] = rate
        self._log(params["cur_epoch_num"], {**numbers, **params.get("eval_results", {})})


def _learning_rate(optimizer):
    """Return the rate of the next step as a number that reads as it was given, or None where there is not just one."""
    if not hasattr(optimizer, "get_lr"):
        return None
    try:
        rate = optimizer.get_lr()
    except IndexError:  # rates were given for so many steps, and that was the last
        return None
    return float(str(rate.asnumpy())) if isinstance(rate, Tensor) and rate.ndim == 0 else None


def _in_a_line(value):
    return value.tolist() if hasattr(value, "tolist") else value


class CSVLogger(_EpochLog):
    """Write a table with a line for each epoch: its number, the mean loss, the learning rate, the results of `fit`.

    Each line is written when its epoch ends. What an epoch has not is empty.

    Parameters
    ----------
    filename : str or path
    separator : str, default ","
    append : bool, default False
        Write behind what is there, whose header must be the same, rather than a new file.

    Raises
    ------
    ValueError
        At the begin of a training: if `append`, and the header of the file differs.
    OSError
        At the begin of a training: if the file cannot be written.

    Examples
    --------
    >>> import pathlib
    >>> import tempfile
    >>> from adcore import nn, ops
    >>> from adcore.train import CSVLogger, Model
    >>> net = nn.Dense(2, 1, weight_init="zeros", bias_init="zeros")
    >>> model = Model(net, nn.MSELoss(), nn.SGD(net.trainable_params(), 0.25))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "log.csv")
    ...     model.train(2, [(ops.ones((4, 2)), ops.ones((4, 1)))], callbacks=CSVLogger(path))
    ...     print(path.read_text(), end="")
    epoch,loss,learning_rate
    1,1.0,0.25
    2,0.25,0.25
    """

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.filename, self.separator, self.append = os.fspath(filename), separator, append
        self._file = None

    def _begin(self, params):
        self._close()
        columns = ["epoch", "loss", *(["learning_rate"] if _learning_rate(params.get("optimizer")) is not None else [])]
        self._columns = [*columns, *params.get("metric_names", [])]
        old = self._old_header() if self.append else None
        if old not in (None, self._columns):
            raise ValueError(
                f"CSVLogger: {self.filename} has the columns {', '.join(old)}; "
                f"this training has {', '.join(self._columns)}. Write another file."
            )
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, delimiter=self.separator, lineterminator="\n")
        if old is None:
            self._write(self._columns)

    def _old_header(self):
        try:
            with open(self.filename, newline="", encoding="utf-8") as file:
                return next(csv.reader(file, delimiter=self.separator), None)
        except FileNotFoundError:
            return None

    def _log(self, epoch, numbers):
        self._write([epoch, *(_in_a_line(numbers.get(name, "")) for name in self._columns[1:])])

    def _write(self, row):
        self._writer.writerow(row)
        self._file.flush()

    def _close(self):
        if self._file is not None:
            self._file.close()
            self._file = None

    def __exit__(self, *error):
        self._close()


class LearningCurves(_EpochLog):
    """Draw the learning curves when the training ends: the losses, and beside them the metrics of `fit`.

    It needs matplotlib.

    Parameters
    ----------
    file_name : str or path
        Its ending says which kind of picture.
    log_scale : bool, default False
        A logarithmic axis for the losses.

    Attributes
    ----------
    curves : dict of str to list of (int, float)
        What is drawn: the points (epoch, value) of each name.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from adcore.train import LearningCurves
    >>> callback = LearningCurves("curves.png")
    """

    def __init__(self, file_name, log_scale=False):
        super().__init__()
        _extra("LearningCurves", "matplotlib.figure")
        self.file_name, self.log_scale = os.fspath(file_name), log_scale
        self.curves = {}

    def _begin(self, params):
        self.curves = {}

    def _log(self, epoch, numbers):
        for name, value in numbers.items():
            if name != "learning_rate" and getattr(value, "ndim", 0) == 0 and not isinstance(value, (tuple, list)):
                self.curves.setdefault(name, []).append((epoch, float(value)))

    def on_train_end(self, run_context):
        """Draw."""
        self.save()

    def save(self, file_name=None):
        """Draw what there is, for example of a training that was ended by Ctrl-C.

        Parameters
        ----------
        file_name : str or path, optional
            Another file than that of the callback.
        """
        file_name = self.file_name if file_name is None else os.fspath(file_name)
        losses = [name for name in self.curves if name.endswith("loss")]
        metrics = [name for name in self.curves if name not in losses]
        panels = [names for names in (losses, metrics) if names]
        figure = _extra("LearningCurves", "matplotlib.figure").Figure(figsize=(6 * max(len(panels), 1), 4))
        for place, names in enumerate(panels, 1):
            axes = figure.add_subplot(1, len(panels), place)
            for name in names:
                axes.plot(*zip(*self.curves[name]), marker=".", label=name)
            if names is losses and self.log_scale:
                axes.set_yscale("log")
            axes.set_xlabel("epoch")
            axes.legend()
        # The picture of the run before stays whole until this one is.
        root, ending = os.path.splitext(file_name)
        unfinished = f"{root}.{os.getpid()}.tmp{ending}"
        try:
            figure.savefig(unfinished, bbox_inches="tight")
            os.replace(unfinished, file_name)
        except BaseException:
            if os.path.exists(unfinished):
                os.remove(unfinished)
            raise


class TensorBoard(_EpochLog):
    """Write files that TensorBoard shows: the loss by step, and the numbers of each epoch.

    It needs tensorboardX.

    Parameters
    ----------
    log_dir : str or path, optional
        The folder; by default one of its own in "runs".
    per_steps : int, default 1
        After how many steps the loss is written.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.
    ValueError
        If `per_steps` is no positive int.

    Examples
    --------
    >>> from adcore.train import TensorBoard
    >>> callback = TensorBoard("runs/first", per_steps=10)
    """

    def __init__(self, log_dir=None, per_steps=1):
        super().__init__()
        _extra("TensorBoard", "tensorboardX")
        self.log_dir = log_dir if log_dir is None else os.fspath(log_dir)
        self.per_steps = check_int("TensorBoard", "per_steps", per_steps, 1)
        self._writer = None

    def _begin(self, params):
        self._close()
        self._writer = _extra("TensorBoard", "tensorboardX").SummaryWriter(self.log_dir)

    def on_train_step_end(self, run_context):
        """Write the loss if it is its turn."""
        super().on_train_step_end(run_context)
        params = run_context.original_args()
        if params["cur_step_num"] % self.per_steps == 0:
            self._writer.add_scalar("step/loss", loss_of(params), params["cur_step_num"])

    def _log(self, epoch, numbers):
        for name, value in numbers.items():
            if getattr(value, "ndim", 0) == 0 and not isinstance(value, (tuple, list)):
                self._writer.add_scalar(f"epoch/{name}", float(value), epoch)
        self._writer.flush()

    def _close(self):
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __exit__(self, *error):
        self._close()


class ProgressBar(Callback):
    """Show a bar for each epoch: steps, rate, time left, loss, and the results of `fit`; quiet without a terminal.

    It needs tqdm.

    Parameters
    ----------
    file : file object, optional
        Where to; by default the standard error stream.

    Raises
    ------
    ImportError
        If tqdm is not installed.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> from adcore.train import Model, ProgressBar
    >>> net = nn.Dense(2, 1)
    >>> model = Model(net, nn.MSELoss(), nn.SGD(net.trainable_params(), 0.25))
    >>> model.train(2, [(ops.ones((4, 2)), ops.ones((4, 1)))] * 10, callbacks=ProgressBar())
    """

    _evaluated_in_fit = False

    def __init__(self, file=None):
        super().__init__()
        self._tqdm = _extra("ProgressBar", "tqdm").tqdm
        self.file = file
        self._bar = None

    def on_train_epoch_begin(self, run_context):
        """Open a bar."""
        params = run_context.original_args()
        self._close()
        # disable=None: where the file is no terminal.
        self._bar = self._tqdm(
            total=params["batch_num"],
            desc=f"Epoch {params['cur_epoch_num']}/{params['epoch_num']}",
            unit="step",
            file=self.file,
            disable=None,
        )

    def on_train_step_end(self, run_context):
        """Move on."""
        if not self._bar.disable:
            loss = loss_of(run_context.original_args())
            if isinstance(loss, float):
                self._bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            self._bar.update()

    def on_train_epoch_end(self, run_context):
        """Show the results and leave the bar."""
        params = run_context.original_args()
        results = {"loss": loss_of(params), **params.get("eval_results", {})}
        shown = [f"{name} {value:.4g}" for name, value in results.items() if isinstance(value, float)]
        self._bar.set_postfix_str(", ".join(shown))
        self._close()

    def _close(self):
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __exit__(self, *error):
        self._close()
