"""summary: a table of the layers of a network. The network runs once, with a note taken of every call of a cell.

Multiply-adds are counted by the ops, not by the names of layers: each cell is traced on the inputs that it got, and the
products in its program are added up. Start reading at `summary`.
"""

import contextlib
import math
from collections import namedtuple
from functools import partial

from adcore import _core, ops
from adcore._core import float32
from adcore._ops.generator import get_rng_state, set_rng_state
from adcore.nn.cell import Cell
from adcore.transforms.trees import tensors_of, with_tensors

from .feed import as_input

__all__ = ["NetworkSummary", "summary"]

Row = namedtuple(
    "Row", ["path", "depth", "type", "output_shape", "params", "trainable_params", "multiply_adds", "calls"]
)


class NetworkSummary:
    """What `summary` found; as text it is the table.

    Attributes
    ----------
    rows : list of Row
        One for each cell, the network first, as named tuples: ``path`` (of attribute names), ``depth``, ``type``,
        ``output_shape`` (a tuple; a list of them for several outputs; None if it was not called), ``params`` and
        ``trainable_params`` (of it and all below), ``multiply_adds`` (of all its calls; None if they are not known),
        ``calls``.
    total_params, trainable_params : int
    multiply_adds : int or None
    input_bytes, output_bytes, parameter_bytes : int
        Memory of the inputs, of the outputs of the cells that have no cells below, and of the Parameters.

    Examples
    --------
    >>> from adcore import nn
    >>> from adcore.train import summary
    >>> summary(nn.Dense(3, 2), (5, 3)).multiply_adds
    30
    """

    def __init__(self, rows, input_bytes, output_bytes, parameter_bytes):
        self.rows = rows
        self.total_params, self.trainable_params = rows[0].params, rows[0].trainable_params
        self.multiply_adds = rows[0].multiply_adds
        self.input_bytes, self.output_bytes, self.parameter_bytes = input_bytes, output_bytes, parameter_bytes

    def __str__(self):
        head = ("Layer", "Output shape", "Parameters", "Multiply-adds")
        body = [
            (
                "  " * row.depth + (f"{row.path.rpartition('.')[2]}: " if row.path else "") + row.type,
                "-" if row.output_shape is None else str(row.output_shape),
                f"{row.params:,}" if row.params else "-",
                _count(row.multiply_adds),
            )
            for row in self.rows
        ]
        widths = [max(map(len, column)) for column in zip(head, *body)]
        lines = [_line(head, widths), "-" * (sum(widths) + 2 * len(widths) - 2), *(_line(row, widths) for row in body)]
        return "\n".join(
            [
                *lines,
                lines[1],
                f"Parameters: {self.total_params:,} ({self.trainable_params:,} trainable)",
                f"Multiply-adds: {_count(self.multiply_adds)}",
                f"Memory: inputs {_size(self.input_bytes)}, outputs of layers {_size(self.output_bytes)}, "
                f"Parameters {_size(self.parameter_bytes)}",
            ]
        )

    __repr__ = __str__


def _line(cells, widths):
    left = [cell.ljust(width) for cell, width in zip(cells[:2], widths)]
    return "  ".join([*left, *(cell.rjust(width) for cell, width in zip(cells[2:], widths[2:]))])


def _count(number):
    return "?" if number is None else f"{number:,}" if number else "-"


def _size(number):
    for unit in ("B", "KB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"


def summary(net, *inputs):
    """Return a table of the cells of a network: output shapes, Parameters, multiply-adds, memory.

    The network runs once, in evaluation mode, and is traced to count. It is left as it was: the attributes of its
    cells, its Parameters and the random numbers to come.

    Parameters
    ----------
    net : Cell
    *inputs
        What the network takes. A tuple of ints is a shape, and stands for zeros in float32; an array becomes a Tensor.

    Returns
    -------
    NetworkSummary
        It has ``rows``, totals, and the table as its text.

    Raises
    ------
    TypeError
        If `net` is no Cell.

    Notes
    -----
    Counted are the products of matrix products and convolutions, forward, for the inputs given: ``n * m * k`` for
    ``(n, k) @ (k, m)``, whichever layer or function makes them, attention included. Elementwise ops, reductions, the
    addition of biases and decompositions of matrices are not counted. Where Python looks at values, as in
    ``if x.sum() > 0``, a cell cannot be traced, and its count and that of those above it is not known, "?".

    Examples
    --------
    >>> from adcore import nn
    >>> from adcore.train import summary
    >>> net = nn.SequentialCell(nn.Dense(784, 64), nn.ReLU(), nn.Dense(64, 10))
    >>> summary(net, (32, 784))
    Layer           Output shape  Parameters  Multiply-adds
    -------------------------------------------------------
    SequentialCell  (32, 10)          50,890      1,626,112
      0: Dense      (32, 64)          50,240      1,605,632
      1: ReLU       (32, 64)               -              -
      2: Dense      (32, 10)             650         20,480
    -------------------------------------------------------
    Parameters: 50,890 (50,890 trainable)
    Multiply-adds: 1,626,112
    Memory: inputs 100 KB, outputs of layers 17.7 KB, Parameters 204 KB
    """
    if not isinstance(net, Cell):
        raise TypeError(f"summary: net must be a Cell, got {type(net).__name__}.")
    inputs = [ops.zeros(item, float32) if _is_shape(item) else as_input(item) for item in inputs]
    calls = {}  # of each cell: the inputs and the output of every call
    with _left_as_it_was(net):
        net.set_train(False)
        with _noted(net, calls):
            net(*inputs)
        rows = [_row(path, cell, calls.get(cell, ())) for path, cell in net.cells_and_names()]
    ends = [output for cell, made in calls.items() if not cell.cells() for *_, output in made]
    return NetworkSummary(rows, _bytes(inputs), _bytes(ends), _bytes(list(net.get_parameters())))


def _is_shape(item):
    return isinstance(item, tuple) and bool(item) and all(type(size) is int for size in item)


def _bytes(tree):
    return sum(tensor.nbytes for tensor in tensors_of(tree))


@contextlib.contextmanager
def _left_as_it_was(net):
    attributes = [(cell, dict(cell.__dict__)) for _, cell in net.cells_and_names()]
    values = [(param, param.value()) for param in net.get_parameters()]
    random = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(random)
        for param, value in values:
            param.set_data(value)
        for cell, before in attributes:
            cell.__dict__.clear()
            cell.__dict__.update(before)


@contextlib.contextmanager
def _noted(net, calls):
    """Put a note before the ``construct`` of each cell: a call finds it in the instance first."""
    cells = [cell for _, cell in net.cells_and_names()]
    before = [(cell, cell.__dict__.get("construct")) for cell in cells]
    try:
        for cell in cells:
            cell.__dict__["construct"] = partial(_note, cell, cell.construct, calls)
        yield
    finally:
        for cell, construct in before:
            if construct is None:
                cell.__dict__.pop("construct", None)
            else:
                cell.__dict__["construct"] = construct


def _note(cell, construct, calls, *args, **kwargs):
    output = construct(*args, **kwargs)
    calls.setdefault(cell, []).append((args, kwargs, output))
    return output


def _row(path, cell, calls):
    params = list(cell.get_parameters())
    shapes = [tuple(tensor.shape) for tensor in tensors_of(calls[-1][2])] if calls else None
    counted = {}  # calls with the same shapes have as many products
    counts = []
    for args, kwargs, _ in calls:
        key = str([(t.shape, t.dtype) for t in tensors_of([args, kwargs])])
        if key not in counted:
            counted[key] = _products(cell, args, kwargs)
        counts.append(counted[key])
    return Row(
        path,
        path.count(".") + 1 if path else 0,
        cell.cls_name,
        shapes[0] if shapes and len(shapes) == 1 else shapes,
        sum(param.size for param in params),
        sum(param.size for param in params if param.requires_grad),
        None if None in counts else sum(counts),
        len(calls),
    )


def _products(cell, args, kwargs):
    """Return how many numbers are multiplied with each other in the products of a call, or None."""
    tree = [args, kwargs]
    tensors = tensors_of(tree)

    def call(*values):
        args, kwargs = with_tensors(tree, list(values))
        return cell(*args, **kwargs)

    try:
        program = _core.trace(call, *tensors)
        values = program.values(*tensors)
    except Exception:  # what Python decides by values has no program
        return None
    total = 0
    for op, arguments, output, attributes, *_ in program.calls:
        if op in _PRODUCTS:
            shapes = [tuple(values[slot].shape) for slot in (*arguments, output)]
            total += _PRODUCTS[op](*shapes, attributes)
    return total


def _of_matmul(a, b, out, attributes):
    return math.prod(out) * (a[-2] if attributes[0] else a[-1])


def _of_conv(x, weight, out, attributes):
    return math.prod(out) * math.prod(weight[1:])


def _of_transposed_conv(x, weight, out, attributes):
    return math.prod(x) * math.prod(weight[1:])


_PRODUCTS = {"matmul": _of_matmul, "conv": _of_conv, "conv_input": _of_transposed_conv}
