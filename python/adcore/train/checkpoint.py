"""ModelCheckpoint: a callback that saves the Parameters as a training goes, those of the optimizer too."""

import contextlib
import os
import re
import time

from adcore._core import Tensor
from adcore.nn.cell import Cell
from adcore.serialization import save_checkpoint

from .callback import Callback, step_in_epoch
from .monitors import check_bool, check_int

__all__ = ["CheckpointConfig", "ModelCheckpoint"]


class CheckpointConfig:
    """When a `ModelCheckpoint` saves what, and how much it keeps.

    Parameters
    ----------
    save_checkpoint_steps : int, default 1
        After how many steps.
    save_checkpoint_seconds : int, default 0
        After how many seconds, where the steps are 0 or None.
    keep_checkpoint_max : int, default 5
        How many files are kept at most: the newest.
    keep_checkpoint_per_n_minutes : int, default 0
        Where the number is 0 or None: of each so many minutes one file is kept. Where this is 0 too, one in all.
    saved_network : Cell, optional
        What is saved; by default all of ``train_network``.
    append_info : list, optional
        What is saved beside: "epoch_num", "step_num", and a dict of numbers, str and Tensors by name.
    exception_save : bool, default False
        Save when the training ends by an exception, also by Ctrl-C. The name of that file ends with "_breakpoint".
    format : {"ckpt", "safetensors"}
        The ending of the names; the files are of the same format.
    integrated_save, async_save, enc_mode, crc_check, **kwargs
        Accepted for compatibility: a file is whole, written when the step ends, and has a checksum.
    enc_key, remove_redundancy : None, False
        Not available.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind.
    NotImplementedError
        For what is not available.

    Examples
    --------
    >>> from adcore.train import CheckpointConfig, ModelCheckpoint
    >>> config = CheckpointConfig(save_checkpoint_steps=100, keep_checkpoint_max=3)
    >>> callback = ModelCheckpoint("lenet", config=config)
    """

    def __init__(
        self,
        save_checkpoint_steps=1,
        save_checkpoint_seconds=0,
        keep_checkpoint_max=5,
        keep_checkpoint_per_n_minutes=0,
        integrated_save=True,
        async_save=False,
        saved_network=None,
        append_info=None,
        enc_key=None,
        enc_mode="AES-GCM",
        exception_save=False,
        crc_check=False,
        remove_redundancy=False,
        format="ckpt",
        **kwargs,
    ):
        numbers = {
            "save_checkpoint_steps": save_checkpoint_steps,
            "save_checkpoint_seconds": save_checkpoint_seconds,
            "keep_checkpoint_max": keep_checkpoint_max,
            "keep_checkpoint_per_n_minutes": keep_checkpoint_per_n_minutes,
        }
        for argument, value in numbers.items():
            if value is not None:
                check_int("CheckpointConfig", argument, value)
        if not any(numbers.values()):
            raise ValueError(f"CheckpointConfig: {', '.join(numbers)} must not all be 0 or None.")
        if saved_network is not None and not isinstance(saved_network, Cell):
            raise TypeError(f"CheckpointConfig: saved_network must be a Cell, got {type(saved_network).__name__}.")
        if enc_key is not None or remove_redundancy:
            raise NotImplementedError("CheckpointConfig: enc_key and remove_redundancy are not available.")
        if format not in ("ckpt", "safetensors"):
            raise ValueError(f"CheckpointConfig: format must be 'ckpt' or 'safetensors', got {format!r}.")
        self.save_checkpoint_steps = save_checkpoint_steps
        self.save_checkpoint_seconds = None if save_checkpoint_steps else save_checkpoint_seconds
        self.keep_checkpoint_max = keep_checkpoint_max
        self.keep_checkpoint_per_n_minutes = None if keep_checkpoint_max else keep_checkpoint_per_n_minutes
        if not keep_checkpoint_max and not keep_checkpoint_per_n_minutes:
            self.keep_checkpoint_max = 1
        self.integrated_save, self.async_save = integrated_save, async_save
        self.saved_network = saved_network
        self.append_dict = _appended(append_info)
        self.exception_save = check_bool("CheckpointConfig", "exception_save", exception_save)
        self.format = format

    def get_checkpoint_policy(self):
        """Return when and how much is saved, as a dict.

        Examples
        --------
        >>> from adcore.train import CheckpointConfig
        >>> CheckpointConfig(save_checkpoint_steps=8).get_checkpoint_policy()["save_checkpoint_steps"]
        8
        """
        names = ("steps", "seconds"), ("max", "per_n_minutes")
        keys = [f"{verb}_checkpoint_{name}" for verb, of in zip(("save", "keep"), names) for name in of]
        return {**{key: getattr(self, key) for key in keys}, "saved_network": self.saved_network}


def _appended(info):
    """Return `append_info` as a dict; the numbers that change have None."""
    if info is None:
        return {}
    if not isinstance(info, list):
        raise TypeError(f"CheckpointConfig: append_info must be a list, got {type(info).__name__}.")
    found = {}
    for item in info:
        if isinstance(item, dict):
            for name, value in item.items():
                if not isinstance(name, str) or not isinstance(value, (bool, int, float, str, Tensor)):
                    raise TypeError(
                        "CheckpointConfig: a dict in append_info must have numbers, str and Tensors by name, "
                        f"got {name!r}: {type(value).__name__}."
                    )
            found.update(item)
        elif item in ("epoch_num", "step_num"):
            found[item] = None
        else:
            raise ValueError(f"CheckpointConfig: append_info takes 'epoch_num', 'step_num' and a dict, got {item!r}.")
    return found


class ModelCheckpoint(Callback):
    """Save as the training goes, into files of the name ``<prefix>-<epoch>_<step in the epoch>.ckpt``.

    A file is written beside its place and renamed, so it is whole or not there; older ones are removed afterwards. The
    last step is always saved. `adcore.load_checkpoint` reads the files.

    Parameters
    ----------
    prefix : str or callable, default "CKP"
        Where the folder has files of this prefix already, it becomes ``<prefix>_1``, and so on. A callable takes what
        `RunContext.original_args` returns, and returns the whole name of a file without its ending.
    directory : str, path or callable, optional
        The folder, which is made; by default the current one. A callable takes the same and returns it.
    config : CheckpointConfig, optional

    Attributes
    ----------
    latest_ckpt_file_name : str
        The path of the newest file, or "".

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind.

    Examples
    --------
    >>> import os
    >>> import tempfile
    >>> from adcore import nn, ops
    >>> from adcore.train import CheckpointConfig, Model, ModelCheckpoint
    >>> net = nn.Dense(2, 1)
    >>> model = Model(net, nn.MSELoss(), nn.Momentum(net.trainable_params(), 0.1, 0.9))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save = ModelCheckpoint("net", folder, CheckpointConfig(save_checkpoint_steps=3, keep_checkpoint_max=2))
    ...     model.train(2, [(ops.ones((4, 2)), ops.ones((4, 1)))] * 4, callbacks=save)
    ...     print(sorted(os.listdir(folder)))
    ['net-2_2.ckpt', 'net-2_4.ckpt']
    """

    _evaluated_in_fit = False

    def __init__(self, prefix="CKP", directory=None, config=None):
        super().__init__()
        if not callable(prefix) and (not isinstance(prefix, str) or "/" in prefix):
            raise ValueError(f"ModelCheckpoint: prefix must be a str without '/', or callable, got {prefix!r}.")
        if config is not None and not isinstance(config, CheckpointConfig):
            raise TypeError(f"ModelCheckpoint: config must be a CheckpointConfig, got {type(config).__name__}.")
        self._config = CheckpointConfig() if config is None else config
        self._prefix = prefix
        self._directory = directory if callable(directory) else os.path.abspath(directory or ".")
        if not callable(directory):
            os.makedirs(self._directory, exist_ok=True)
            if not callable(prefix):
                self._prefix = _unused(self._directory, prefix)
        self.latest_ckpt_file_name = ""
        self._kept = []  # (path, when it was written), the newest last
        self._params = None
        self.begin(None)

    def begin(self, run_context):
        """Begin to count."""
        self._last_step, self._last_time = 0, time.monotonic()

    def step_end(self, run_context):
        """Save if it is time to."""
        params = self._params = run_context.original_args()
        config, step = self._config, params["cur_step_num"]
        if config.save_checkpoint_steps:
            due = step >= self._last_step + config.save_checkpoint_steps
        elif config.save_checkpoint_seconds:
            due = time.monotonic() - self._last_time > config.save_checkpoint_seconds
        else:
            due = False
        if due:
            self._save(params)

    def end(self, run_context):
        """Save the last step if it is not saved yet."""
        params = run_context.original_args()
        if params["cur_step_num"] != self._last_step:
            self._save(params)

    def on_eval_begin(self, run_context):
        """Do nothing: an evaluation changes no Parameters."""

    on_eval_step_end = on_eval_end = on_eval_begin

    def __exit__(self, kind, *error):
        params, self._params = self._params, None
        if kind is not None and params is not None and self._config.exception_save:
            save_checkpoint(*self._what_and_where(params, "_breakpoint"), append_dict=self._info(params))

    def _save(self, params):
        what, path = self._what_and_where(params)
        save_checkpoint(
            what,
            path,
            integrated_save=self._config.integrated_save,
            async_save=self._config.async_save,
            append_dict=self._info(params),
        )
        self._last_step, self._last_time = params["cur_step_num"], time.monotonic()
        self.latest_ckpt_file_name = path
        params.update(last_save_ckpt_step=self._last_step, latest_ckpt_file=path)
        self._kept = [(old, when) for old, when in self._kept if old != path] + [(path, self._last_time)]
        self._remove_older()

    def _what_and_where(self, params, ending=""):
        network = params["train_network"] if self._config.saved_network is None else self._config.saved_network
        folder = self._directory(params) if callable(self._directory) else self._directory
        os.makedirs(folder, exist_ok=True)
        if callable(self._prefix):
            name = self._prefix(params)
            if not isinstance(name, str) or "/" in name:
                raise ValueError(f"ModelCheckpoint: prefix must return a str without '/', but it returned {name!r}.")
        else:
            name = f"{self._prefix}-{params['cur_epoch_num']}_{step_in_epoch(params)}"
        return network, os.path.join(folder, f"{name}{ending}.{self._config.format}")

    def _info(self, params):
        changing = {"epoch_num": params["cur_epoch_num"], "step_num": params["cur_step_num"]}
        return {name: changing[name] if value is None else value for name, value in self._config.append_dict.items()}

    def _remove_older(self):
        most, minutes = self._config.keep_checkpoint_max, self._config.keep_checkpoint_per_n_minutes
        if most:
            older = self._kept[:-most]
        else:
            # Of those that are younger the oldest stays until it is old enough to stay for good.
            older = [kept for kept in self._kept[:-1] if self._last_time - kept[1] < 60 * minutes][1:]
        for path, _ in older:
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
        self._kept = [kept for kept in self._kept if kept not in older]


def _unused(folder, prefix):
    """Return a prefix that no file of the folder has."""
    name = re.compile(re.escape(prefix) + r"(?:_(\d+))?-\d+_\d+\.(?:ckpt|safetensors)")
    found = [int(match[1] or 0) for match in map(name.fullmatch, os.listdir(folder)) if match]
    return f"{prefix}_{max(found) + 1}" if found else prefix
