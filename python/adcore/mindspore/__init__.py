"""MindSpore's module tree over adcore, for programs that say ``import mindspore``.

`activate` puts it in place; ``import adcore.as_mindspore`` and ``python -m adcore script.py`` call it. Nothing else in
adcore knows of this package. Each module of the tree is a window: it has no names of its own and shows those of the
modules that `TREE` lists, which are loaded when a name is first asked for: ``mindspore.nn.Dense is adcore.nn.Dense``.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
import types
import warnings
from pathlib import Path

# Module of MindSpore -> where its names come from; the first that has a name gives it. "." starts this package.
TREE = {
    "": (".context", ".dtypes", ".graph", "adcore", "adcore.train"),
    "_c_expression": (".private",),
    "_checkparam": (".checkparam",),
    "_extends": (".private",),
    "_extends.parse": (".private",),
    "amp": ("adcore.amp",),
    "common": (".dtypes", ".graph", "adcore", "adcore.common"),
    "common.api": (".graph", ".private", "adcore"),
    "common.dtype": (".dtypes",),
    "common.generator": ("adcore",),
    "common.initializer": ("adcore.common.initializer",),
    "common.mutable": (".graph",),
    "common.parameter": ("adcore", ".private"),
    "common.seed": ("adcore",),
    "common.tensor": ("adcore",),
    "context": (".context", "adcore"),
    "dataset": ("adcore.dataset",),
    "dataset.config": ("adcore.dataset.config",),
    "dataset.core": ("adcore.dataset",),
    "dataset.core.config": ("adcore.dataset.config",),
    "dataset.engine": ("adcore.dataset",),
    "dataset.engine.datasets": ("adcore.dataset",),
    "dataset.engine.iterators": ("adcore.dataset",),
    "dataset.engine.samplers": ("adcore.dataset",),
    "dataset.transforms": ("adcore.dataset.transforms",),
    "dataset.transforms.transforms": ("adcore.dataset.transforms",),
    "dataset.vision": ("adcore.dataset.vision",),
    "dataset.vision.transforms": ("adcore.dataset.vision",),
    "dtype": (".dtypes",),
    "log": (".log",),
    "nn": ("adcore.nn", "adcore.train.metrics"),
    "nn.cell": ("adcore.nn",),
    "nn.dynamic_lr": ("adcore.nn",),
    "nn.grad": ("adcore.nn",),
    "nn.layer": ("adcore.nn",),
    "nn.layer.activation": ("adcore.nn",),
    "nn.layer.basic": ("adcore.nn",),
    "nn.layer.container": ("adcore.nn",),
    "nn.layer.conv": ("adcore.nn",),
    "nn.layer.embedding": ("adcore.nn",),
    "nn.layer.image": ("adcore.nn",),
    "nn.layer.normalization": ("adcore.nn",),
    "nn.layer.padding": ("adcore.nn",),
    "nn.layer.pooling": ("adcore.nn",),
    "nn.layer.rnn_cells": ("adcore.nn",),
    "nn.layer.rnns": ("adcore.nn",),
    "nn.layer.transformer": ("adcore.nn",),
    "nn.learning_rate_schedule": ("adcore.nn",),
    "nn.loss": ("adcore.nn",),
    "nn.loss.loss": ("adcore.nn",),
    "nn.metrics": ("adcore.train.metrics",),
    "nn.optim": ("adcore.nn",),
    "nn.optim.adafactor": ("adcore.nn",),
    "nn.optim.adam": ("adcore.nn",),
    "nn.optim.momentum": ("adcore.nn",),
    "nn.optim.optimizer": ("adcore.nn",),
    "nn.optim.rmsprop": ("adcore.nn",),
    "nn.optim.sgd": ("adcore.nn",),
    "nn.wrap": ("adcore.nn",),
    "nn.wrap.cell_wrapper": ("adcore.nn",),
    "ops": ("adcore.ops",),
    "ops.composite": ("adcore.ops",),
    "ops.function": ("adcore.ops",),
    "ops.functional": ("adcore.ops",),
    "train": ("adcore.train", "adcore.serialization"),
    "train.callback": ("adcore.train",),
    "train.loss_scale_manager": ("adcore.train",),
    "train.metrics": ("adcore.train.metrics",),
    "train.model": ("adcore.train",),
    "train.serialization": ("adcore.serialization",),
}


class _Window(types.ModuleType):
    """A module of the tree."""

    def __init__(self, name, sources):
        super().__init__(
            name, f"MindSpore's module of this name, as far as adcore has it; {__name__} is where it stands."
        )
        self.__file__ = __file__
        self.__path__ = []  # its submodules are in sys.modules already
        self.__package__ = name
        self.__spec__ = importlib.machinery.ModuleSpec(name, None, origin=__file__, is_package=True)
        self._sources = sources

    def __getattr__(self, name):
        if name == "__all__":
            return sorted({name for source in self._loaded() for name in source.__all__})
        if name == "__version__":
            return importlib.import_module("adcore").__version__
        if not name.startswith("__"):
            for source in self._loaded():
                # Not all that MindSpore has is listed: `from mindspore import *` must not hide Python's bool.
                if name in source.__all__ or not isinstance(vars(source).get(name, sys), types.ModuleType):
                    return getattr(source, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}: adcore does not have it.")

    def __dir__(self):
        return sorted({*super().__dir__(), *self.__all__} - {"_sources"})

    def _loaded(self):
        return [importlib.import_module(source, __name__) for source in self._sources]


def activate():
    """Let ``mindspore`` and its submodules name adcore, in this process and in those that it starts by multiprocessing.

    Warns
    -----
    UserWarning
        If MindSpore is installed: it cannot be imported from here on.

    Raises
    ------
    ImportError
        If MindSpore has been imported in this process.

    Examples
    --------
    >>> import adcore.as_mindspore
    >>> import mindspore
    >>> from mindspore import nn
    >>> nn.Dense is adcore.nn.Dense
    True
    """
    present = sys.modules.get("mindspore")
    if isinstance(present, _Window):
        return
    if present is not None:
        raise ImportError(
            "adcore cannot stand in for mindspore: it has been imported already"
            f" ({getattr(present, '__file__', None)}). Import adcore.as_mindspore first."
        )
    installed = importlib.util.find_spec("mindspore")
    on_path = str(Path(__file__).with_name("on_path"))
    if installed is not None and not str(installed.origin).startswith(on_path):
        warnings.warn(
            f"MindSpore is installed ({installed.origin}); from here on `mindspore` names adcore.", stacklevel=3
        )
    for name, sources in TREE.items():
        full = f"mindspore.{name}".rstrip(".")
        sys.modules[full] = window = _Window(full, sources)
        if name:
            above, _, last = full.rpartition(".")
            setattr(sys.modules[above], last, window)
    # A process that multiprocessing spawns gets this path, and nothing else, before it imports the program.
    if on_path not in sys.path:
        sys.path.insert(0, on_path)
