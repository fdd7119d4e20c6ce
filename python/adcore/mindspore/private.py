"""Names of MindSpore's modules that begin with an underscore, and that programs reach for nevertheless."""

import enum
import types

import adcore
from adcore import communication
from adcore.nn import Buffer


class _CellGraphExecutor:
    """What compiles a Cell for its inputs: here a function runs, and nothing is compiled."""

    def compile(self, obj, *args, phase="predict", **options):
        """Call the Cell or function, so that what cannot run raises here, and say that it has been compiled.

        The Parameters of a Cell must have different names, by which a graph knows them.
        """
        if isinstance(obj, adcore.nn.Cell):
            obj.parameters_dict()
        obj(*args)
        return phase, True


_cell_graph_executor = _CellGraphExecutor()


def _is_parameter_generated(param_name):
    """Return whether a Parameter has the name of one that was made without a name."""
    return isinstance(param_name, str) and param_name.startswith(("Parameter#", "Parameter$"))


def cell_attr_register(fn=None, attrs=None):
    """Return the ``__init__`` that it decorates, or a decorator that does: no graph asks for a Cell's attributes."""
    return (lambda function: function) if fn is None else fn


class _AutoParallelContext:
    """The settings of parallel training, which can be asked for one by one."""

    def get_device_num(self):
        return communication.get_group_size()

    def get_device_num_is_set(self):
        return communication.get_group_size() > 1

    def get_global_rank(self):
        return communication.get_rank()

    def get_gradients_mean(self):
        return communication.get_auto_parallel_context("gradients_mean")

    def get_parallel_mode(self):
        return communication.get_auto_parallel_context("parallel_mode")

    def get_parameter_broadcast(self):
        return communication.get_auto_parallel_context("parameter_broadcast")


_parallel = _AutoParallelContext()
_get_device_num, _get_global_rank = _parallel.get_device_num, _parallel.get_global_rank
_get_gradients_mean, _get_parallel_mode = _parallel.get_gradients_mean, _parallel.get_parallel_mode


def auto_parallel_context():
    """Return the settings of parallel training, which can be asked for one by one."""
    return _parallel


def get_code_extra(function):
    """Return None: nothing is known of a function's compiled bytecode, which there is not."""


class _CompileConfig(types.SimpleNamespace):
    """Options of MindSpore's compiler, which programs set; one of them means something here."""

    @property
    def CHECK_BPROP(self):
        """The setting `check_bprop` of `adcore.set_context`; 1 and '' stand for True and False."""
        return adcore.get_context("check_bprop")

    @CHECK_BPROP.setter
    def CHECK_BPROP(self, value):
        adcore.set_context(check_bprop=bool(value))


compile_config = _CompileConfig()
_Buffer = Buffer
CreationType = enum.Enum("CreationType", ["DEFAULT", "NO_GRAD_MODE", "MULTI_OUTPUT", "CUSTOM_BPROP"])

__all__ = ["CreationType", "auto_parallel_context", "cell_attr_register", "compile_config"]
