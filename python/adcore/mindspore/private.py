"""Names of MindSpore that begin with an underscore and that programs reach for nevertheless."""


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


__all__ = []
