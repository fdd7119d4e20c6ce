"""MindSpore's module tree over adcore, for programs that say ``import mindspore``.

`activate` puts it in place; ``import adcore.as_mindspore`` and ``python -m adcore script.py`` call it. Nothing else in
adcore knows of this package. Each module of the tree is a window: it has no names of its own and shows those of the
modules that `TREE` lists, which are loaded when a name is first asked for: ``mindspore.nn.Dense is adcore.nn.Dense``.
What has been found stays in the window, so that ``ops.add`` costs what it costs in adcore.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
import types
import warnings
from pathlib import Path

from .._core import Namespace

_OPS = (".operators", "adcore.ops", ".composite", ".graph", ".devices", "adcore.communication", "adcore")
_CLASSES = (".operators", "adcore.ops", ".devices", "adcore.communication")
_PRIMITIVE = (".operators", ".graph")

# Module of MindSpore -> where its names come from; the first that has a name gives it. "." starts this package.
TREE = {
    "": (".start", ".context", ".dtypes", ".graph", ".exported", ".conversion", "adcore", "adcore.train", ".summary"),
    "_c_expression": (".private",),
    "_checkparam": (".checkparam",),
    "_extends": (".private",),
    "_extends.parse": (".private",),
    "amp": ("adcore.amp", "adcore.train.precision", "adcore.train.build", "adcore.train.loss_scale"),
    "common": (".start", ".dtypes", ".graph", "adcore", "adcore.common"),
    "common.api": (".graph", ".private", "adcore"),
    "common.dtype": (".dtypes",),
    "common.generator": ("adcore",),
    "common.initializer": ("adcore.common.initializer",),
    "common.jit_config": (".graph",),
    "common.lazy_inline": (".graph",),
    "common.mutable": (".graph",),
    "common.parameter": ("adcore", ".private"),
    "common.seed": (".start", "adcore"),
    "common.tensor": ("adcore",),
    "communication": ("adcore.communication",),
    "communication.comm_func": ("adcore.communication",),
    "communication.management": ("adcore.communication",),
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
    "dataset.transforms.c_transforms": ("adcore.dataset.transforms",),
    "dataset.transforms.py_transforms": ("adcore.dataset.transforms",),
    "dataset.transforms.transforms": ("adcore.dataset.transforms",),
    "dataset.vision": ("adcore.dataset.vision",),
    "dataset.vision.c_transforms": ("adcore.dataset.vision",),
    "dataset.vision.py_transforms": ("adcore.dataset.vision",),
    "dataset.vision.transforms": ("adcore.dataset.vision",),
    "dataset.vision.utils": ("adcore.dataset.vision",),
    "device_context": (".devices",),
    "device_context.cpu": (".devices",),
    "device_context.cpu.op_tuning": (".devices",),
    "dtype": (".dtypes",),
    "experimental": (".experimental",),
    "experimental.optim": (".experimental_optim",),
    "experimental.optim.lr_scheduler": (".experimental_schedules",),
    "hal": (".devices",),
    "log": (".log",),
    "mindrecord": ("adcore.dataset.records",),
    "mint": (".mint",),
    "mint.distributed": (".mint_distributed",),
    "mint.distributed.distributed": (".mint_distributed",),
    "mint.linalg": (".mint_linalg",),
    "mint.nn": (".mint_nn",),
    "mint.nn.functional": (".mint_functional",),
    "mint.nn.layer": (".mint_nn",),
    "mint.nn.layer.activation": (".mint_nn",),
    "mint.nn.layer.basic": (".mint_nn",),
    "mint.nn.layer.conv": (".mint_nn",),
    "mint.nn.layer.normalization": (".mint_nn",),
    "mint.nn.layer.padding": (".mint_nn",),
    "mint.nn.layer.pooling": (".mint_nn",),
    "mint.optim": (".mint_optim",),
    "mint.special": (".mint_special",),
    "multiprocessing": ("multiprocessing",),
    "nn": ("adcore.nn", "adcore.train.metrics", ".layers", ".graph_cell", ".optimizers"),
    "nn.cell": ("adcore.nn",),
    "nn.dynamic_lr": ("adcore.nn",),
    "nn.grad": ("adcore.nn",),
    "nn.layer": ("adcore.nn", ".layers"),
    "nn.layer.activation": ("adcore.nn",),
    "nn.layer.basic": ("adcore.nn", ".layers"),
    "nn.layer.combined": ("adcore.nn",),
    "nn.layer.container": ("adcore.nn",),
    "nn.layer.conv": ("adcore.nn",),
    "nn.layer.embedding": ("adcore.nn",),
    "nn.layer.image": ("adcore.nn",),
    "nn.layer.math": ("adcore.nn", ".layers"),
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
    "nn.optim": ("adcore.nn", ".optimizers"),
    "nn.optim.ada_grad": ("adcore.nn",),
    "nn.optim.adadelta": ("adcore.nn",),
    "nn.optim.adafactor": ("adcore.nn",),
    "nn.optim.adam": ("adcore.nn", ".optimizers"),
    "nn.optim.adamax": ("adcore.nn",),
    "nn.optim.asgd": ("adcore.nn",),
    "nn.optim.ftrl": ("adcore.nn",),
    "nn.optim.lamb": ("adcore.nn",),
    "nn.optim.lars": ("adcore.nn",),
    "nn.optim.momentum": ("adcore.nn",),
    "nn.optim.optimizer": ("adcore.nn",),
    "nn.optim.proximal_ada_grad": (".optimizers",),
    "nn.optim.rmsprop": ("adcore.nn",),
    "nn.optim.rprop": ("adcore.nn",),
    "nn.optim.sgd": ("adcore.nn",),
    "nn.wrap": ("adcore.nn", "adcore.train"),
    "nn.wrap.cell_wrapper": ("adcore.nn",),
    "nn.wrap.grad_reducer": ("adcore.nn",),
    "nn.wrap.loss_scale": ("adcore.nn", "adcore.train"),
    "numpy": (".mnp",),
    "ops": _OPS,
    "ops.auto_generate": _OPS,
    "ops.auto_generate.gen_ops_def": _OPS,
    "ops.auto_generate.gen_ops_prim": _OPS,
    "ops.composite": _OPS,
    "ops.composite.base": _OPS,
    "ops.composite.clip_ops": _OPS,
    "ops.composite.math_ops": _OPS,
    "ops.composite.random_ops": _OPS,
    "ops.function": _OPS,
    "ops.function.array_func": _OPS,
    "ops.function.clip_func": _OPS,
    "ops.function.debug_func": _OPS,
    "ops.function.grad": _OPS,
    "ops.function.grad.grad_func": _OPS,
    "ops.function.image_func": _OPS,
    "ops.function.linalg_func": _OPS,
    "ops.function.math_func": _OPS,
    "ops.function.nn_func": _OPS,
    "ops.function.other_func": _OPS,
    "ops.function.parameter_func": _OPS,
    "ops.function.random_func": _OPS,
    "ops.function.sparse_func": _OPS,
    "ops.function.vmap_func": _OPS,
    "ops.functional": _OPS,
    "ops.operations": _CLASSES,
    "ops.operations._grad_ops": _CLASSES,
    "ops.operations._inner_ops": _CLASSES,
    "ops.operations.array_ops": _CLASSES,
    "ops.operations.comm_ops": _CLASSES,
    "ops.operations.control_ops": _CLASSES,
    "ops.operations.debug_ops": _CLASSES,
    "ops.operations.image_ops": _CLASSES,
    "ops.operations.inner_ops": _CLASSES,
    "ops.operations.linalg_ops": _CLASSES,
    "ops.operations.manually_defined": _CLASSES,
    "ops.operations.math_ops": _CLASSES,
    "ops.operations.nn_ops": _CLASSES,
    "ops.operations.other_ops": _CLASSES,
    "ops.operations.random_ops": _CLASSES,
    "ops.operations.sparse_ops": _CLASSES,
    "ops.primitive": _PRIMITIVE,
    "parallel": (".devices", ".context", "adcore.communication"),
    "parallel._auto_parallel_context": (".private",),
    "parallel._utils": (".private",),
    "runtime": (".devices",),
    "scipy": (".scipy",),
    "scipy.linalg": (".scipy_linalg",),
    "train": ("adcore.train", "adcore.serialization", ".conversion", ".summary"),
    "train.amp": ("adcore.train.precision", "adcore.train.build"),
    "train.callback": ("adcore.train", ".summary"),
    "train.callback._callback": ("adcore.train",),
    "train.loss_scale_manager": ("adcore.train",),
    "train.metrics": ("adcore.train.metrics",),
    "train.model": ("adcore.train",),
    "train.serialization": ("adcore.serialization", ".exported", ".conversion"),
}


class _Window(Namespace):
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
        vars(self)["__getattr__"] = self._find

    def _find(self, name):
        if name == "__all__":
            return sorted({name for source in self._loaded() for name in source.__all__})
        if name == "__version__":
            return importlib.import_module("adcore").__version__
        if not name.startswith("__"):
            for source in self._loaded():
                # Not all that MindSpore has is listed: `from mindspore import *` must not hide Python's bool.
                if name in source.__all__ or not isinstance(vars(source).get(name, sys), types.ModuleType):
                    vars(self)[name] = value = getattr(source, name)
                    return value
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}: adcore does not have it.")

    def __setattr__(self, name, value):
        # A submodule becomes an attribute, but where MindSpore has a function of its name: that is found when asked.
        if not (isinstance(value, _Window) and name in ("lazy_inline", "mutable")):
            super().__setattr__(name, value)

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
