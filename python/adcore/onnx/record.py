"""From a net to a model: the net is recorded as jit records it, and every statement written as nodes.

Data: a `Graph` is a model in plain Python, from which the library's objects are made at the end. With a batch of any
size the net is recorded twice, with a larger batch the second time; `_merged` keeps what both graphs have in
common. Start reading at `export`.
"""

import contextlib
import os

from adcore import ops
from adcore._core import Parameter, Tensor, __version__, tree_leaves
from adcore.nn.cell import Cell
from adcore.transforms.compiled import jit
from adcore.transforms.programs import View, short_place

from .library import library
from .writing import WRITERS, Value

OPSETS = range(18, 23)
FROZEN = "adcore.untrainable"  # metadata: the Parameters that are not trained, one a line


class Node:
    """A node of a graph.

    Data: ONNX' name of the op, the names of its inputs ("" is one that is left out) and outputs, the attributes, and
    the user's line.
    """

    def __init__(self, op, inputs, outputs, attributes, place):
        self.op, self.inputs, self.outputs, self.attributes, self.place = op, inputs, outputs, attributes, place

    def key(self):
        """Return what two graphs of one net must have in common."""
        return self.op, self.inputs, self.outputs, self.attributes


class Graph:
    """A program written as nodes.

    Data: the program's view; its nodes; arrays by name, of Parameters (`weights`) and of other constants (`arrays`);
    the shapes that are arguments of nodes, by name (`shapes`); a name for each value that has one.
    """

    def __init__(self, program, weight_names, input_names, output_names, opset):
        self.program, self.view, self.opset = program, View(program), opset
        self.nodes, self.weights, self.arrays, self.shapes = [], {}, {}, {}
        self.weight_names = weight_names
        self.names = dict(zip(self.view.arguments, input_names))
        self.taken = {*input_names, *output_names, *weight_names.values()}
        self.uses, self.makers, self.done = {}, {}, set()
        self.frozen = []
        for s in self.view.statements:
            for v in s.operands:
                self.uses.setdefault(v, []).append(s)
            for v in s.outputs:
                self.makers[v] = s
        self.place = None
        last = dict(zip(self.view.outputs, output_names))
        for s in self.view.statements:
            if s.outputs and s.outputs[0] in last and s.title == "stop_gradient":
                self.names[s.outputs[0]] = last[s.outputs[0]]
        # What is reached from the results alone; an op that takes several statements together takes the last of them.
        for s in self._needed():
            if id(s) in self.done:
                continue
            self.place, self.title = s.place, s.title
            if s.title not in WRITERS:
                self.refuse("it has no counterpart")
            WRITERS[s.title](self, s)
        self._drop_unread(output_names)

    def _needed(self):
        wanted, needed = set(self.view.outputs), []
        for s in reversed(self.view.statements):
            if wanted.intersection(s.outputs):
                wanted.update(s.operands)
                needed.append(s)
        return reversed(needed)

    def _drop_unread(self, output_names):
        wanted, kept = set(output_names), []
        for node in reversed(self.nodes):
            if wanted.intersection(node.outputs):
                wanted.update(node.inputs)
                kept.append(node)
        self.nodes = kept[::-1]
        for held in (self.weights, self.arrays, self.shapes):
            for name in [name for name in held if name not in wanted]:
                del held[name]

    def refuse(self, why):
        """Raise the error of a statement that cannot be written."""
        where = f" at {short_place(self.place)}" if self.place else ""
        raise NotImplementedError(f"onnx.export: {self.title}{where}: {why} in ONNX opset {self.opset}.")

    def shape(self, v):
        """Return the shape of a value."""
        return self.view.types[v][0]

    def dtype(self, v):
        """Return the dtype of a value, NumPy's."""
        return numpy_dtype(self.view.types[v][1], self.refuse)

    def constant(self, v):
        """Return the array of a constant, None of another value."""
        return self.program.constant(v).asnumpy() if v in self.view.constants else None

    def fresh(self, base):
        """Return a name that nothing has."""
        name, k = base, 0
        while name in self.taken:
            k += 1
            name = f"{base}_{k}"
        self.taken.add(name)
        return name

    def name(self, v):
        """Return the name under which nodes read a value."""
        if v in self.names:
            return self.names[v]
        if v in self.view.constants:
            array = self.constant(v)
            self.dtype(v)
            self.names[v] = self.array(array, "constant")
        elif v in self.view.cells:
            cell = self.view.cells[v]
            name = self.weight_names.get(id(cell)) or self.fresh(getattr(cell, "name", None) or "state")
            self.dtype(v)
            self.weights[name] = cell.asnumpy()
            if not (isinstance(cell, Parameter) and cell.requires_grad):
                self.frozen.append(name)
            self.names[v] = name
        else:
            self.refuse(f"what {self.makers[v].title} makes beside its result is not")
        return self.names[v]

    def result(self, v):
        """Return the name for a value that a node makes."""
        if v not in self.names:
            self.names[v] = self.fresh(f"{self.title.strip('_')}_{v}")
        return self.names[v]

    def array(self, array, base="constant"):
        """Return the name of an array."""
        name = self.fresh(base)
        self.arrays[name] = array
        return name

    def integers(self, numbers):
        """Return the name of a list of int64, of axes and the like."""
        import numpy as np

        return self.array(np.array(numbers, np.int64), "axes")

    def sizes(self, shape, operand_shape=None):
        """Return the name of a shape; `operand_shape` is that of what is expanded to it."""
        name = self.fresh("shape")
        self.shapes[name] = (tuple(shape), operand_shape and tuple(operand_shape))
        return name

    def add(self, op, inputs, out=None, /, **attributes):
        """Add a node of one result and return its name; `out` is a value of the program or None."""
        name = self.fresh(op.lower()) if out is None else self.result(out)
        self.node(op, inputs, [name], **attributes)
        return name

    def node(self, op, inputs, outputs, /, **attributes):
        """Add a node."""
        self.nodes.append(Node(op, list(inputs), list(outputs), attributes, self.place))

    def read(self, v, dtype=None):
        """Return the name of a value as one of that dtype."""
        import numpy as np

        if dtype is None or self.dtype(v) == dtype:
            return self.name(v)
        constant = self.constant(v)
        if constant is not None:
            return self.array(constant.astype(dtype))
        return self.add("Cast", [self.name(v)], to=Value(np.dtype(dtype)))


def numpy_dtype(dtype, refuse):
    """Return NumPy's dtype of one of adcore."""
    import numpy as np

    name = str(dtype).rpartition(".")[2].lower()
    if name == "bfloat16":
        refuse("bfloat16 is not written")
    return np.dtype("bool" if name in ("bool", "bool_") else name)


# ---- recording ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _evaluating(net):
    cells = [cell for _, cell in net.cells_and_names()] if isinstance(net, Cell) else []
    modes = [cell.training for cell in cells]
    if any(modes):
        net.set_train(False)
    try:
        yield
    finally:
        for cell, mode in zip(cells, modes):
            if cell.training != mode:
                cell.training = mode


def _recorded(net, inputs):
    def results(*args):
        leaves = tree_leaves(net(*args))
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise TypeError(f"onnx.export: the net must return Tensors, got {type(leaf).__name__}.")
        return tuple(ops.stop_gradient(leaf) for leaf in leaves)

    program = jit(results).trace(*inputs)
    count = program._result_count
    if not count:
        raise ValueError("onnx.export: the net returns nothing.")
    if program._writes:
        raise NotImplementedError(
            "onnx.export: the net draws random numbers or writes Parameters, which an ONNX model cannot do."
        )
    if len(set(program.outputs)) != count or any(v in program._constants for v in program.outputs):
        raise ValueError("onnx.export: a result does not depend on the inputs.")
    return program, count


def _larger(inputs):
    sizes = {x.shape[:1] for x in inputs}
    if len(sizes) != 1 or () in sizes or (0,) in sizes:
        raise ValueError(
            f"onnx.export: with dynamic_batch the inputs need a first axis of one size, got the shapes "
            f"{[x.shape for x in inputs]}."
        )
    # Larger by more than one: half of the batch, rounded, is another number too.
    return [ops.cat((x, x, x[:1]), 0) for x in inputs]


def _merged(graph, other):
    """Make one graph of two that were recorded with batches of different size."""
    import numpy as np

    for a, b in zip(graph.nodes, other.nodes):
        graph.title, graph.place = a.op, a.place
        if a.key() != b.key():
            graph.refuse("it depends on the size of the batch, which with dynamic_batch may be any,")
    if len(graph.nodes) != len(other.nodes):
        raise NotImplementedError("onnx.export: what the net does depends on the size of the batch.")
    for node in graph.nodes:
        graph.title, graph.place = node.op, node.place
        for name in node.inputs:
            if name in graph.shapes:
                graph.shapes[name] = _shape_of_both(graph, graph.shapes[name], other.shapes[name])
            elif name in graph.arrays and not np.array_equal(graph.arrays[name], other.arrays[name], equal_nan=True):
                graph.refuse("a constant depends on the size of the batch, which with dynamic_batch may be any,")


def _shape_of_both(graph, mine, others):
    (shape, operand), (other, other_operand) = mine, others
    if shape == other:
        return mine
    differ = [i for i, (m, n) in enumerate(zip(shape, other)) if m != n]
    if operand is None:  # of a Reshape: one size may be left open
        if len(differ) > 1:
            graph.refuse("two axes depend on the size of the batch, which with dynamic_batch may be any,")
        return tuple(-1 if i in differ else n for i, n in enumerate(shape)), None
    back = len(shape) - len(operand)
    if any(i < back or operand[i - back] == other_operand[i - back] for i in differ):
        graph.refuse("it repeats along the batch, which with dynamic_batch may be of any size,")
    return tuple(1 if i in differ else n for i, n in enumerate(shape)), operand


# ---- the call -----------------------------------------------------------------------------------------------------


def _names(given, count, base, argument):
    if given is None:
        return [base] if count == 1 else [f"{base}_{k}" for k in range(count)]
    names = [given] if isinstance(given, str) else list(given)
    if len(names) != count or not all(isinstance(n, str) and n for n in names) or len(set(names)) != count:
        raise ValueError(f"onnx.export: {argument} must be {count} different names, got {given!r}.")
    return names


def export(net, *inputs, path=None, input_names=None, output_names=None, dynamic_batch=False, opset=20):
    """Write what a net does for inputs like the given ones as an ONNX model.

    The net is recorded in evaluation mode, as jit records it: dropout is left out, normalizations over batches use
    their moving statistics, branches and loops of Python are those that the given inputs take. Parameters become
    initializers under their names, with their dtypes.

    Parameters
    ----------
    net : Cell or callable
        Of Tensors, it returns Tensors or containers of them.
    *inputs : Tensor
        Of the shapes and dtypes that the model shall take.
    path : str or os.PathLike, optional
        Where the model is written.
    input_names, output_names : str or sequence of str, optional
        ``"input"`` and ``"output"``, numbered where there are several.
    dynamic_batch : bool
        Whether the first axis of the inputs, and what depends on it, may be of any size.
    opset : int
        18 to 22.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    ImportError
        Without the library `onnx`.
    NotImplementedError
        For an op that has no counterpart; the text names it and the line.
    TypeError, ValueError
        For arguments of the wrong kind.

    Examples
    --------
    >>> import adcore.onnx
    >>> net = nn.SequentialCell(nn.Dense(4, 3), nn.ReLU())
    >>> model = adcore.onnx.export(net, ops.zeros((2, 4)))  # doctest: +SKIP
    >>> [node.op_type for node in model.graph.node]  # doctest: +SKIP
    ['Gemm', 'Relu', 'Identity']
    """
    onnx = library("export")
    if not callable(net):
        raise TypeError(f"onnx.export: net must be callable, got {type(net).__name__}.")
    if not inputs:
        raise ValueError("onnx.export: give the inputs of the net behind it.")
    for x in inputs:
        if not isinstance(x, Tensor):
            raise TypeError(f"onnx.export: the inputs must be Tensors, got {type(x).__name__}.")
    if type(opset) is not int or opset not in OPSETS:
        raise ValueError(f"onnx.export: opset must be {OPSETS[0]} to {OPSETS[-1]}, got {opset!r}.")
    inputs = [x.copy() for x in inputs]  # one Tensor may be given twice
    input_names = _names(input_names, len(inputs), "input", "input_names")
    weight_names = {id(p): n for n, p in net.parameters_and_names()} if isinstance(net, Cell) else {}
    with _evaluating(net):
        program, count = _recorded(net, inputs)
        output_names = _names(output_names, count, "output", "output_names")
        clash = {*input_names} & {*output_names} or {*input_names, *output_names} & {*weight_names.values()}
        if clash:
            raise ValueError(f"onnx.export: the name {min(clash)!r} is given to two things. Use another name.")
        graph = Graph(program, weight_names, input_names, output_names, opset)
        shapes = [program_shapes(graph)]
        if dynamic_batch:
            more, _ = _recorded(net, _larger(inputs))
            other = Graph(more, weight_names, input_names, output_names, opset)
            _merged(graph, other)
            shapes.append(program_shapes(other))
    model = _model(onnx, graph, input_names, output_names, shapes)
    if path is not None:
        onnx.save(model, os.fspath(path))
    return model


def program_shapes(graph):
    """Return the shapes of inputs and outputs."""
    return [graph.shape(v) for v in (*graph.view.arguments, *graph.view.outputs)]


def _model(onnx, graph, input_names, output_names, shapes):
    import numpy as np

    helper, numpy_helper = onnx.helper, onnx.numpy_helper

    def code(dtype):
        return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    batch = tuple(s[0][:1] for s in shapes)

    def size(name, k, i):
        sizes = tuple(s[k][i : i + 1] for s in shapes)
        if len(set(sizes)) == 1:
            return sizes[0][0]
        return "batch" if sizes == batch else f"{name}_axis_{i}"

    def info(name, v, k):
        shape = [size(name, k, i) for i in range(len(shapes[0][k]))]
        return helper.make_tensor_value_info(name, code(graph.dtype(v)), shape)

    constants = dict(graph.arrays)
    constants.update({name: np.array(shape, np.int64) for name, (shape, _) in graph.shapes.items()})
    # Constants are nodes: initializers are what is trained again when the model is loaded.
    nodes = [
        helper.make_node("Constant", [], [name], name=name, value=numpy_helper.from_array(np.asarray(array), name))
        for name, array in constants.items()
    ]
    for k, node in enumerate(graph.nodes):
        given = {n: code(a.dtype) if isinstance(a, Value) else a for n, a in node.attributes.items()}
        made = helper.make_node(node.op, node.inputs, node.outputs, name=f"{node.op}_{k}", **given)
        made.doc_string = short_place(node.place) if node.place else ""
        nodes.append(made)
    values = [*zip(input_names, graph.view.arguments), *zip(output_names, graph.view.outputs)]
    infos = [info(name, v, k) for k, (name, v) in enumerate(values)]
    made = helper.make_graph(
        nodes,
        "adcore",
        infos[: len(input_names)],
        infos[len(input_names) :],
        [numpy_helper.from_array(np.ascontiguousarray(a).reshape(a.shape), name) for name, a in graph.weights.items()],
    )
    opset = helper.make_opsetid("", graph.opset)
    model = helper.make_model(
        made, opset_imports=[opset], producer_name="adcore", producer_version=__version__,
        ir_version=helper.find_min_ir_version_for([opset]),
    )  # fmt: skip
    frozen = [name for name in graph.frozen if name in graph.weights]
    if frozen:
        helper.set_model_props(model, {FROZEN: "\n".join(frozen)})
    onnx.checker.check_model(model)
    return model
