"""The Cell that a loaded program is."""

from adcore import Tensor, ops
from adcore._core import Program
from adcore.nn import Cell


class GraphCell(Cell):
    """A program as a Cell.

    Parameters
    ----------
    graph : Program
        Of `load`.
    params_init : dict, optional
        New values of what the program keeps, Tensors or Parameters by the names of its Parameters.

    Raises
    ------
    TypeError
        If `graph` is no program, or a value no Tensor.
    ValueError
        For a name that the program does not know, or a value of another shape.

    Examples
    --------
    >>> from adcore import jit, nn, ops
    >>> from adcore.mindspore import graph_cell
    >>> net = nn.Dense(2, 1, weight_init="ones", bias_init="zeros")
    >>> cell = graph_cell.GraphCell(jit(net).trace(ops.ones((1, 2))))
    >>> float(cell(ops.ones((1, 2))))
    2.0
    """

    def __init__(self, graph, params_init=None):
        super().__init__(auto_prefix=False)
        if not isinstance(graph, Program):
            raise TypeError(f"GraphCell: graph must be a program of mindspore.load, got {type(graph).__name__}.")
        state = graph.state
        for name, value in (params_init or {}).items():
            if not isinstance(value, Tensor):
                raise TypeError(f"GraphCell: params_init[{name!r}] must be a Tensor, got {type(value).__name__}.")
            if name not in state:
                raise ValueError(f"GraphCell: the program has no Parameter {name!r}, but {list(state)}.")
            if value.shape != state[name].shape:
                raise ValueError(f"GraphCell: {name!r} must have the shape {state[name].shape}, got {value.shape}.")
        for name, value in (params_init or {}).items():
            ops.assign(state[name], value)
        self.graph = graph

    def construct(self, *inputs):
        """Run the program."""
        return self.graph(*inputs)


__all__ = ["GraphCell"]
