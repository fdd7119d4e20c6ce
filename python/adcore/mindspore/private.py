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


compile_config = types.SimpleNamespace()  # options of MindSpore's compiler, which programs set
CreationType = enum.Enum("CreationType", ["DEFAULT", "NO_GRAD_MODE", "MULTI_OUTPUT", "CUSTOM_BPROP"])

__all__ = ["CreationType", "cell_attr_register", "compile_config"]
