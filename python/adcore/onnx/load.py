"""From a model to a Cell: what the model holds is checked when it is loaded, and its nodes run one after the other.

Data: a `Step` is a node, whose attributes are read once; a function of `reading` runs it. Arrays are Parameters where
they are initializers of floating point numbers, else constants. Constants, shapes, and what is computed of them alone
are NumPy's arrays. Start reading at `load`.
"""

import copy
import os

from adcore._core import Parameter, Tensor
from adcore.nn.cell import Cell

from .library import library
from .reading import READERS, SHAPES, shape_of
from .record import FROZEN

OLDEST = 13  # since then the axes of Squeeze and Unsqueeze are operands, and Softmax is along one axis


class Step:
    """A node that runs.

    Data: the op's name; the names that it reads ("" is one that is left out) and makes; attributes by name; in
    `constants` those of its operands that are NumPy's arrays, by their position.
    """

    def __init__(self, node, attributes):
        self.op = node.op_type
        self.inputs, self.outputs = list(node.input), list(node.output)
        self.attributes, self.constants = attributes, {}
        self.label = f"{self.op} {node.name!r}" if node.name else self.op

    def knowing(self, known):
        """Return the step with what is known of its operands, given arrays by name."""
        step = copy.copy(self)
        step.constants = {i: known[n] for i, n in enumerate(self.inputs) if n in known}
        return step

    def get(self, name, default=None):
        """Return an attribute."""
        return self.attributes.get(name, default)

    def text(self, name, default=""):
        """Return an attribute that is text."""
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def given(self, i):
        """Whether there is an operand in that place."""
        return i < len(self.inputs) and self.inputs[i] != ""

    def known(self, i):
        """Return an operand that must be a constant, as a list or a number of Python; None where it is left out."""
        if not self.given(i):
            return None
        if i not in self.constants:
            self.refuse(f"operand {i} must be a constant")
        return self.constants[i].tolist()

    def axes(self, place):
        """Return axes: an operand in newer opsets, an attribute before; None where none are named."""
        if "axes" in self.attributes:
            return list(self.attributes["axes"])
        return self.known(place)

    def refuse(self, why):
        """Raise the error of what is not supported."""
        raise NotImplementedError(f"onnx.load: {self.label}: {why}.")


class Model(Cell):
    """What an ONNX model does: a Cell with the model's initializers as its Parameters. `load` makes it.

    Attributes
    ----------
    input_names, output_names : tuple of str
        In the order of arguments and results.

    Examples
    --------
    >>> import adcore.onnx
    >>> net = adcore.onnx.load("model.onnx")  # doctest: +SKIP
    >>> grads = adcore.grad(lambda x: net(x).sum(), weights=net.trainable_params())(x)  # doctest: +SKIP
    """

    def __init__(self, steps, parameters, constants, input_types, output_names):
        super().__init__()
        self._steps, self._constants = steps, constants
        self._input_types = input_types
        self.input_names, self.output_names = tuple(input_types), tuple(output_names)
        self._weights = []
        for name, parameter in parameters.items():
            key = name
            while hasattr(self, key):  # of Cell's own
                key += "_"
            self.insert_param_to_cell(key, parameter, check_name_contain_dot=False)
            self._weights.append((name, key))

    def construct(self, *inputs):
        """Return the results of the model: a Tensor, or a tuple of them."""
        if len(inputs) != len(self.input_names):
            names = ", ".join(self.input_names)
            raise TypeError(f"onnx.Model: it takes {len(self.input_names)} inputs ({names}), got {len(inputs)}.")
        values, known = {}, dict(self._constants)
        for name, key in self._weights:
            values[name] = getattr(self, key)
        for (name, (dtype, shape)), x in zip(self._input_types.items(), inputs):
            _check_input(name, x, dtype, shape)
            values[name] = x

        def value(name):
            if name and name not in values:
                values[name] = Tensor(known[name])
            return values[name] if name else None

        for step in self._steps:
            step = step.knowing(known)
            if step.op in SHAPES and len(step.constants) == len(step.inputs):
                known[step.outputs[0]] = SHAPES[step.op](step, *step.constants.values())
            elif step.op == "Shape":
                known[step.outputs[0]] = shape_of(step, value(step.inputs[0]))
            elif step.op not in READERS:
                step.refuse("its operands must be constants")
            else:
                results = READERS[step.op](step, *map(value, step.inputs))
                results = results if isinstance(results, tuple) else (results,)
                values.update(zip(step.outputs, results))
        results = tuple(map(value, self.output_names))
        return results[0] if len(results) == 1 else results


def _check_input(name, x, dtype, shape):
    if not isinstance(x, Tensor):
        raise TypeError(f"onnx.Model: {name} must be a Tensor, got {type(x).__name__}.")
    if x.dtype != dtype:
        raise TypeError(f"onnx.Model: {name} must be {dtype}, got {x.dtype}.")
    if shape is not None and (
        len(shape) != len(x.shape) or any(n is not None and n != m for n, m in zip(shape, x.shape))
    ):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"onnx.Model: {name} must have the shape ({wanted}), got {x.shape}.")


def load(model):
    """Read an ONNX model as a Cell.

    Initializers of floating point numbers are Parameters under their names, so that the Cell can be trained again. Not
    trained are those that were not when `export` wrote them, and the statistics of BatchNormalization. The Cell runs
    eagerly, is differentiable, and can be compiled by `jit`.

    Parameters
    ----------
    model : str, os.PathLike, bytes or onnx.ModelProto
        A file, its content, or the library's object.

    Returns
    -------
    Model

    Raises
    ------
    FileNotFoundError
        Without such a file.
    ImportError
        Without the library `onnx`.
    NotImplementedError
        For an op that has no counterpart; the text names it.
    TypeError, ValueError
        For what is no valid model, or of an opset before 13.

    Examples
    --------
    >>> import adcore.onnx
    >>> net = nn.Dense(4, 3)
    >>> model = adcore.onnx.export(net, ops.zeros((2, 4)))  # doctest: +SKIP
    >>> adcore.onnx.load(model)(ops.zeros((2, 4))).shape  # doctest: +SKIP
    (2, 3)
    """
    import numpy as np

    onnx = library("load")
    model = _proto(onnx, model)
    _check_opset(onnx, model)
    graph = model.graph
    _check_nodes(graph)
    parameters, constants = _arrays(onnx, model)
    steps, arrays = [], dict(constants)
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Constant":
            arrays[node.output[0]] = _constant(onnx, attributes)
        elif node.op_type == "Cast":
            attributes["to"] = _dtype(onnx, attributes["to"], "Cast")
        elif node.op_type == "ConstantOfShape" and "value" in attributes:
            attributes["value"] = np.array(onnx.numpy_helper.to_array(attributes["value"]))
        if node.op_type != "Constant":
            steps.append(Step(node, attributes))
    taken = {*parameters, *arrays}
    types = {v.name: _type(onnx, v) for v in graph.input if v.name not in taken}
    return Model(steps, parameters, arrays, types, [v.name for v in graph.output])


def _proto(onnx, model):
    if isinstance(model, onnx.ModelProto):
        content = model
    elif isinstance(model, (str, os.PathLike, bytes, bytearray)):
        name = "the content" if isinstance(model, (bytes, bytearray)) else repr(os.fspath(model))
        try:
            if isinstance(model, (bytes, bytearray)):
                content = onnx.load_model_from_string(bytes(model))
            else:
                content = onnx.load(os.fspath(model))
        except (OSError, MemoryError):
            raise
        except Exception as error:  # of protobuf, whose classes differ from version to version
            raise ValueError(f"onnx.load: {name} is no ONNX model, or is not whole: {error}") from error
    else:
        raise TypeError(f"onnx.load: a path, bytes or an onnx.ModelProto is needed, got {type(model).__name__}.")
    try:
        onnx.checker.check_model(content)
    except onnx.checker.ValidationError as error:
        raise ValueError(f"onnx.load: the model is not valid: {error}") from error
    return content


def _check_opset(onnx, model):
    versions = {o.domain: o.version for o in model.opset_import}
    version, newest = versions.get("", versions.get("ai.onnx", 0)), onnx.defs.onnx_opset_version()
    if not OLDEST <= version <= newest:
        raise ValueError(f"onnx.load: the opset must be {OLDEST} to {newest}, got {version}.")


def _check_nodes(graph):
    unknown = {
        f"{n.domain}.{n.op_type}" if n.domain not in ("", "ai.onnx") else n.op_type
        for n in graph.node
        if n.op_type not in ("Constant", "Shape")
        and n.op_type not in {**READERS, **SHAPES}
        or n.domain not in ("", "ai.onnx")
    }
    if unknown:
        raise NotImplementedError(f"onnx.load: there is no counterpart of {', '.join(sorted(unknown))}.")
    if graph.sparse_initializer:
        raise NotImplementedError("onnx.load: sparse initializers are not read.")


def _arrays(onnx, model):
    """Return Parameters and constant arrays by name."""
    import numpy as np

    frozen = {p.value for p in model.metadata_props if p.key == FROZEN}
    frozen = {name for text in frozen for name in text.split("\n")}
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            frozen.update(node.input[3:5])
    parameters, constants = {}, {}
    for tensor in model.graph.initializer:
        try:
            array = onnx.numpy_helper.to_array(tensor)
        except (TypeError, ValueError) as error:
            raise ValueError(f"onnx.load: initializer {tensor.name!r}: {error}") from error
        _dtype(onnx, tensor.data_type, f"initializer {tensor.name!r}")
        if array.dtype.kind == "f":
            value = Tensor(np.array(array))
            parameters[tensor.name] = Parameter(value, name=tensor.name, requires_grad=tensor.name not in frozen)
        else:
            constants[tensor.name] = np.array(array)
    return parameters, constants


def _constant(onnx, attributes):
    import numpy as np

    (name, value), *_ = attributes.items()
    if name == "value":
        _dtype(onnx, value.data_type, "Constant")
        return np.array(onnx.numpy_helper.to_array(value))
    dtypes = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    if name not in dtypes:
        raise NotImplementedError(f"onnx.load: a Constant with {name} is not read.")
    return np.array(value, dtypes[name])


def _dtype(onnx, code, what):
    import numpy as np

    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(code))
    if dtype.kind not in "fiub":
        raise NotImplementedError(f"onnx.load: {what}: there is no counterpart of the dtype {dtype}.")
    return Tensor(np.zeros((), dtype)).dtype


def _type(onnx, info):
    kind = info.type.tensor_type
    if not info.type.HasField("tensor_type"):
        raise NotImplementedError(f"onnx.load: input {info.name!r} is no tensor.")
    shape = None
    if kind.HasField("shape"):
        shape = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    return _dtype(onnx, kind.elem_type, f"input {info.name!r}"), shape
