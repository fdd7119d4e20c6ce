"""Names of MindSpore's modules that begin with an underscore, and that programs reach for nevertheless."""

import enum
import types


class _CellGraphExecutor:
    """What compiles a Cell for its inputs: here a function runs, and nothing is compiled."""

    def compile(self, obj, *args, phase="predict", **options):
        """Call the Cell or function, so that what cannot run raises here, and say that it has been compiled."""
        obj(*args)
        return phase, True


_cell_graph_executor = _CellGraphExecutor()


def _is_parameter_generated(param_name):
    """Return whether a Parameter has the name of one that was made without a name."""
    return isinstance(param_name, str) and param_name.startswith("Parameter#")


def cell_attr_register(fn=None, attrs=None):
    """Return the ``__init__`` that it decorates, or a decorator that does: no graph asks for a Cell's attributes."""
    return (lambda function: function) if fn is None else fn


class _Alone:
    """The settings of parallel training, of one process."""

    def get_device_num(self):
        return 1

    def get_device_num_is_set(self):
        return False

    def get_global_rank(self):
        return 0

    def get_gradients_mean(self):
        return False

    def get_parallel_mode(self):
        return "stand_alone"

    def get_parameter_broadcast(self):
        return False


_alone = _Alone()
_get_device_num, _get_global_rank = _alone.get_device_num, _alone.get_global_rank
_get_gradients_mean, _get_parallel_mode = _alone.get_gradients_mean, _alone.get_parallel_mode


def auto_parallel_context():
    """Return the settings of parallel training, which can be asked for one by one."""
    return _alone


compile_config = types.SimpleNamespace()  # options of MindSpore's compiler, which programs set
CreationType = enum.Enum("CreationType", ["DEFAULT", "NO_GRAD_MODE", "MULTI_OUTPUT", "CUSTOM_BPROP"])

__all__ = ["CreationType", "auto_parallel_context", "cell_attr_register", "compile_config"]
