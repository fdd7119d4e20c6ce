"""What is written in PyTorch, JAX, NumPy or TensorFlow works, or the error says what to write here.

`TRIES` are programs of one line by those who come from there. The law on the tables: all code that an advice shows
names what exists, with keywords that it has.
"""

import ast
import builtins
import copy
import importlib
import inspect
import math
import os
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import adcore
from adcore import AmbiguityWarning, Parameter, Tensor, _advice, nn, ops, optim
from helpers import array_of, t32

ROOT = Path(__file__).parents[2]


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.fc = nn.Dense(3, 2)

    def construct(self, x):
        return self.fc(x)


def scope():
    """What the tries see."""
    net = Net()
    return {
        "adcore": adcore,
        "nn": nn,
        "ops": ops,
        "optim": optim,
        "np": np,
        "math": math,
        "x": t32([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        "y": t32([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        "i": Tensor([0, 1]),
        "w": Parameter(t32([1.0, 2.0]), name="w"),
        "f": lambda x: (x * x).sum(),
        "net": net,
        "optimizer": nn.Adam(net.trainable_params(), 1e-3),
    }


# What somebody writes, and what the error says; where it is None the try works.
TRIES = [
    # Tensors, from PyTorch
    ("f(x).backward()", "adcore.grad(f)"),
    ("x.grad", "adcore.grad(f)"),
    ("w.grad", "adcore.value_and_grad"),
    ("w.grad.zero_()", "returned"),
    ("x.requires_grad", "adcore.Parameter"),
    ("setattr(x, 'requires_grad', True)", "grad_position"),
    ("x.requires_grad_()", "adcore.Parameter"),
    ("x.detach()", "ops.stop_gradient(x)"),
    ("x.detach().numpy()", "ops.stop_gradient(x)"),
    ("x.cpu()", "one device"),
    ("x.cuda()", "one device"),
    ("x.to('cuda')", "one device"),
    ("x.to('cpu')", "one device"),
    ("x.to(device='cuda')", "one device"),
    ("x.is_leaf", "adcore.grad"),
    ("x.grad_fn", "adcore.grad"),
    ("x.retain_grad()", "adcore.grad"),
    ("x.numpy()", None),
    ("x.tolist()", None),
    ("x[0, 0].item()", None),
    ("x.shape[0]", None),
    ("x.dim()", None),
    ("x.numel()", None),
    ("x.view(3, 2)", None),
    ("x.view(-1)", None),
    ("x.unsqueeze(0)", None),
    ("x.permute(1, 0)", None),
    ("x.transpose(0, 1)", None),
    ("x.sum(dim=1, keepdim=True)", None),
    ("x.sum(axis=1, keepdims=True)", None),
    ("x.mean(dim=(0, 1))", None),
    ("x.softmax(dim=-1)", None),
    ("x.max(dim=1)", None),
    ("x.argmax(dim=1)", None),
    ("x.float()", None),
    ("x.double()", None),
    ("x.type(adcore.float64)", None),
    ("x.new_tensor([1.0])", "adcore.Tensor"),
    ("x.masked_fill(x > 2, 0.0)", None),
    ("x.clamp(min=0.0)", None),
    ("x.t()", None),
    ("x.expand(4, 2, 3)", None),
    ("x.repeat(2, 1)", None),
    ("x.contiguous()", None),
    ("x.clone()", None),
    ("x.data", None),
    ("x.data_ptr()", "asnumpy"),
    ("len(x)", None),
    # Tensors, from JAX, NumPy and TensorFlow
    ("x.at[0].set(1.0)", "x[i] = v"),
    ("x.at[0].add(1.0)", "ops.index_add"),
    ("x.block_until_ready()", "leave it out"),
    ("x.astype(np.float32)", None),
    ("x.flat", "ravel"),
    ("x.reshape(-1)", None),
    ("np.sum(x)", None),
    ("np.mean(x, axis=0)", None),
    ("w.assign(x)", "set_data"),
    ("x.T @ x", None),
    # making Tensors
    ("adcore.tensor([1.0, 2.0])", None),
    ("adcore.tensor([1.0], requires_grad=True)", "adcore.Parameter"),
    ("adcore.tensor([1.0], device='cuda')", "one device"),
    ("adcore.Tensor([1.0], device='cpu')", "one device"),
    ("adcore.Parameter(x, require_grad=False)", "requires_grad"),
    ("adcore.from_numpy(np.ones(2))", None),
    ("adcore.as_tensor([1.0])", "adcore.Tensor(data)"),
    ("adcore.FloatTensor([1.0])", "adcore.Tensor"),
    ("adcore.LongTensor([1])", "adcore.int64"),
    ("adcore.array([1.0])", "adcore.Tensor(data)"),
    ("adcore.zeros(2, 3)", "adcore.ops.zeros"),
    ("adcore.randn(2)", "adcore.ops.randn"),
    ("ops.zeros((2, 3), device='cpu')", "one device"),
    ("ops.randn(2, 3, requires_grad=True)", "adcore.Parameter"),
    ("ops.ones_like(x, device='cuda')", "one device"),
    ("ops.zeros_like(x)", None),
    ("ops.arange(0, 10, 2)", None),
    ("ops.array([1.0])", "adcore.Tensor"),
    ("ops.tensor([1.0])", "adcore.tensor"),
    ("adcore.float", "adcore.float32"),
    ("adcore.long", "adcore.int64"),
    ("adcore.device('cuda')", "one device"),
    ("adcore.cuda.is_available()", "one device"),
    ("adcore.manual_seed(0)", None),
    ("adcore.is_tensor(x)", "isinstance(x, adcore.Tensor)"),
    # functions
    ("adcore.relu(x)", "adcore.ops.relu"),
    ("adcore.matmul(x, x.T)", "adcore.ops.matmul"),
    ("adcore.cat([x, x], dim=0)", "adcore.ops.cat"),
    ("ops.cat([x, x], dim=0)", None),
    ("ops.concatenate([x, x])", "ops.concat(tensors, axis)"),
    ("ops.stack([x, x], dim=1)", None),
    ("ops.relu(x, inplace=True)", "new Tensors"),
    ("ops.add(x, x, out=x)", "new Tensors"),
    ("ops.linear(x, net.fc.weight)", "ops.dense"),
    ("ops.cross_entropy(x, i)", None),
    ("ops.cross_entropy(x, i, size_average=True)", "unexpected keyword"),
    ("ops.softmax(x, dim=1)", None),
    ("ops.dropout(x, p=0.5, training=False)", None),
    ("ops.sum(x, dim=0, axis=1)", "two values for 'dim'"),
    ("ops.count_nonzero(x, dim=0, axis=1)", "the arguments axis and dim are the same"),
    ("ops.sum(x, axes=1)", "here it is dim"),
    ("ops.mean(x, keepdim=True, dim=0)", None),
    ("ops.absolute(x)", None),
    ("ops.power(x, 2)", "ops.pow"),
    ("ops.average(x)", "ops.mean"),
    ("ops.clip(x, 0.0, 1.0)", None),
    ("ops.linalg.norm(x)", "adcore.ops"),
    ("ops.random.normal()", "set_seed"),
    ("ops.newaxis", "x[:, None]"),
    ("ops.pi", "math.pi"),
    ("ops.where(x > 1, x, 0.0)", None),
    ("ops.einsum('ij,ij->i', x, x)", None),
    ("ops.one_hot(i, 3)", None),
    ("ops.Softmax(x)", "adcore.nn.Softmax"),
    ("ops.sofmax(x)", "did you mean softmax?"),
    ("ops.CrossEntropyLoss()", "adcore.nn.CrossEntropyLoss"),
    ("ops.vectorize(f)", "adcore.vmap"),
    # layers
    ("nn.Linear(3, 2)", "nn.Dense(in_channels, out_channels)"),
    ("nn.Module", "nn.Cell"),
    ("nn.Sequential(nn.ReLU())", None),
    ("nn.ModuleList([nn.ReLU()])", None),
    ("nn.functional.relu(x)", "adcore.ops"),
    ("nn.Parameter(x)", "adcore.Parameter"),
    ("nn.relu(x)", "adcore.ops.relu"),
    ("nn.Relu()", "adcore.nn.ReLU"),
    ("nn.Conv2D(1, 2, 3)", "adcore.nn.Conv2d"),
    ("nn.ConvTranspose2d(1, 2, 3)", "nn.Conv2dTranspose"),
    ("nn.Hardswish()", "nn.HSwish"),
    ("nn.Dens(3, 2)", "did you mean Dense?"),
    ("nn.ReLU(inplace=True)", "new Tensors"),
    ("nn.Dense(in_features=3, out_features=2)", "in_channels"),
    ("nn.Dense(3, 2, bias=False)", "has_bias"),
    ("nn.Dense(3, units=2)", "out_channels"),
    ("nn.Dense(3, 2, device='cpu')", "one device"),
    ("nn.Dense(3, 2, activaton='relu')", "did you mean activation"),
    ("nn.Embedding(num_embeddings=3, embedding_dim=2)", None),
    ("nn.Conv2d(1, 2, 3, groups=1)", "group"),
    ("nn.LayerNorm((3,), eps=1e-5)", "epsilon"),
    ("nn.init.xavier_uniform_(w)", "initializer"),
    ("nn.utils.clip_grad_norm_([w], 1.0)", "clip_by_global_norm"),
    ("nn.clip_grad_norm_([w], 1.0)", "clip_by_global_norm"),
    ("nn.DataParallel(net)", "one device"),
    # networks
    ("net.parameters()", "net.trainable_params()"),
    ("net.named_parameters()", "net.parameters_and_names()"),
    ("net.forward(x)", "net(x)"),
    ("net.train()", "net.set_train()"),
    ("net.eval()", "net.set_train(False)"),
    ("net.zero_grad()", "value_and_grad"),
    ("net.cuda()", "one device"),
    ("net.to('cuda')", "one device"),
    ("net.to(adcore.float64)", None),
    ("net.half()", "float16"),
    ("net.modules()", "cells_and_names"),
    ("net.children()", "net.cells()"),
    ("net.state_dict()", None),
    ("net.load_state_dict(net.state_dict())", None),
    ("net.apply(lambda cell: None)", None),
    ("net.fit(x, x)", "adcore.train.Model"),
    ("net.summary()", "adcore.train.summary"),
    ("net.trainable_variables", "trainable_params"),
    ("net.requires_grad_(False)", "requires_grad"),
    ("net.register_full_backward_hook(print)", "register_backward_hook"),
    # optimizers
    ("optimizer.step()", "optimizer(gradients)"),
    ("optimizer.zero_grad()", "Adam has no attribute 'zero_grad': derivatives are returned, not stored"),
    ("optimizer.param_groups", "optimizer.parameters"),
    ("optimizer.apply_gradients([])", "optimizer(gradients)"),
    ("nn.Adam(net.trainable_params(), lr=1e-3)", None),
    ("nn.SGD(net.trainable_params(), lr=0.1, momentum=0.9)", None),
    ("nn.Adam(net.trainable_params(), betas=(0.9, 0.99))", "beta1 and beta2"),
    ("nn.Adam(net.trainable_params(), learning_rte=0.1)", "did you mean learning_rate"),
    ("nn.Adam(net.trainable_params(), lr=0.1, learning_rate=0.1)", "are the same"),
    ("optim.Adam(net.trainable_params())", "adcore.nn.Adam"),
    ("optim.adam(lr=1e-3)", None),
    ("optim.lr_scheduler.StepLR(optimizer, 1)", "learning rate"),
    ("optim.apply_updates(w, w)", "update"),
    ("optim.adam(1e-3).step()", "update"),
    # transforms
    ("adcore.grad(f, argnums=0)(x)", "grad_position"),
    ("adcore.value_and_grad(f, argnums=(0,))(x)", "grad_position"),
    ("adcore.grad(f, has_aux=False)(x)", None),
    ("adcore.jacobian(f)", "adcore.jacrev"),
    ("adcore.vmap(f, in_dims=0)(x)", "in_axes"),
    ("adcore.vmap(f, in_axes=0)(x)", None),
    ("adcore.no_grad()", None),
    ("adcore.tree_map(f, x)", "containers"),
    ("nn.softmax(x)", "adcore.ops.softmax"),
    ("adcore.jit(f, static_argnum=(1,))", "static_argnums"),
    ("adcore.compile(f)", "adcore.jit"),
    ("adcore.checkpoint(f, x)", "adcore.recompute"),
    ("adcore.autograd.grad(f(x), x)", "adcore.grad"),
    ("adcore.enable_grad()", "adcore.no_grad"),
    ("adcore.inference_mode()", "adcore.no_grad"),
    ("adcore.stop_gradient(x)", "adcore.ops.stop_gradient"),
    ("adcore.lax.scan(f, x, x)", "ops.scan"),
    ("adcore.random.PRNGKey(0)", "adcore.set_seed"),
    ("adcore.tree_util.tree_map(f, x)", "containers"),
    ("adcore.numpy.sin(x)", "adcore.ops"),
    ("adcore.GradientTape()", "adcore.grad"),
    ("adcore.Variable(x)", "adcore.Parameter"),
    ("adcore.custom_gradient(f)", "adcore.custom_vjp"),
    # files and data
    ("adcore.save(net.state_dict(), 'net.pt')", "adcore.save_checkpoint"),
    ("adcore.load('net.pt')", "adcore.load_checkpoint"),
    ("adcore.utils.data.DataLoader([])", "adcore.dataset"),
    ("adcore.Linear(3, 2)", "nn.Dense"),
    ("adcore.vmpa(f)", "did you mean vmap?"),
]


@pytest.mark.parametrize("code, advice", TRIES, ids=[code for code, _ in TRIES])
def test_a_try_works_or_the_error_says_what_to_write(code, advice):
    if advice is None:
        eval(code, scope())
    else:
        with pytest.raises((AttributeError, TypeError)) as caught:
            eval(code, scope())
        assert advice in str(caught.value)


def test_a_name_that_is_imported_from_a_module():
    for statement, advice in (
        ("from adcore.nn import Linear", "write nn.Dense"),
        ("from adcore import zeros", "write adcore.ops.zeros"),
        ("from adcore.ops import sofmax", "did you mean softmax?"),
        ("from adcore.optim import Adam", "write adcore.nn.Adam"),
    ):
        with pytest.raises(ImportError) as caught:
            exec(statement, {})
        assert advice in str(caught.value) and str(caught.value).startswith("cannot import name")


def test_python_tells_of_a_misspelt_attribute():
    """It does so for objects that raise the AttributeError that it makes itself."""
    code = "import adcore\nadcore.Tensor(1.0).reshpe"
    environment = {**os.environ, "PYTHONPATH": str(Path(adcore.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stderr.endswith("has no attribute 'reshpe'. Did you mean: 'reshape'?\n")


# ---- the tables ----------------------------------------------------------------------------------------------------

OWNERS = {
    "TENSOR": Tensor,
    "CELL": nn.Cell,
    "OPTIMIZER": nn.Optimizer,
    "PURE_OPTIMIZER": optim.PureOptimizer,
}
ADVICE = {
    f"{table}: {name}": advice
    for table in (*OWNERS, "MODULES", "KEYWORDS")
    for name, advice in getattr(_advice, table).items()
}
ROOTS = {"adcore": adcore, "nn": nn, "ops": ops, "optim": optim, "math": math}
OBJECTS = {"x": Tensor, "w": Parameter, "net": nn.Cell, "optimizer": nn.Optimizer}
FREE = set(
    "f i j k v q s y data indices axis condition gradients loss_fn params state path names cell name hook_fn".split()
)
FREE |= set("mask source shape weight bias tensors values learning_rate decay_rate decay_steps in_channels".split())
FREE |= set("out_channels kernel_size embed_dim num_heads".split())


def found(node):
    """What a name or a chain of attributes leads to; a class for one of its objects. None for what is of the user."""
    if isinstance(node, ast.Name):
        known = {**ROOTS, **OBJECTS}
        assert node.id in known or node.id in FREE or hasattr(builtins, node.id), f"{node.id} is not known"
        return known.get(node.id, getattr(builtins, node.id, None))
    if isinstance(node, ast.Attribute):
        owner = found(node.value)
        if owner is None:
            return None
        if isinstance(node.value, ast.Name) and node.value.id in OBJECTS:
            of_object = {"learning_rate", "parameters"} if owner is nn.Optimizer else set()
            assert hasattr(owner, node.attr) or node.attr in of_object, ast.unparse(node)
            return getattr(owner, node.attr, None)
        if isinstance(node.value, ast.Call):  # what a call returns: of an op a Tensor, of optim an optimizer
            owner = optim.PureOptimizer if "optim." in ast.unparse(node.value) else Tensor
            owner = adcore.dataset.Dataset if "dataset." in ast.unparse(node.value) else owner
        return getattr(owner, node.attr)
    if isinstance(node, ast.Call):
        return found(node.func)
    return None


def check_code(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            found(node)
        if isinstance(node, ast.Call):
            function = found(node.func)
            names = [keyword.arg for keyword in node.keywords]
            if callable(function) and names:
                assert set(names) <= set(inspect.signature(function).parameters), text


@pytest.mark.parametrize("entry", ADVICE)
def test_the_code_of_an_advice_names_what_exists(entry):
    codes = re.findall(r"`([^`]*)`", ADVICE[entry])
    for code in codes:
        check_code(code)
    assert ADVICE[entry].count("`") == 2 * len(codes)


def test_the_check_sees_names_that_do_not_exist():
    for code in ("nn.Linear", "x.backward", "adcore.grad(f, argnums=0)", "net.foo()", "ops.relu(x).bar", "heard(x)"):
        with pytest.raises((AssertionError, AttributeError)):
            check_code(code)


@pytest.mark.parametrize("table, name", [(t, n) for t in OWNERS for n in getattr(_advice, t)])
def test_a_name_of_a_class_is_not_there(table, name):
    cls = OWNERS[table]
    assert isinstance(vars(cls)[name], _advice.Advice)
    assert not hasattr(cls, name) and getattr(cls, name, 7) == 7
    assert name in dir(cls) and name in cls.__dict__  # for help(), which shows the advice


@pytest.mark.parametrize("name", _advice.MODULES)
def test_a_name_of_a_module_is_in_no_module(name):
    for module in (adcore, ops, nn, optim):
        assert name not in module.__all__
    with pytest.raises(AttributeError, match=re.escape(_advice.plain(_advice.MODULES[name]))):
        getattr(ops, name)
    assert not hasattr(nn, name)


def every_parameter():
    """The names of all parameters of public functions and constructors."""
    for module in (adcore, ops, nn, optim):
        for name in module.__all__:
            value = getattr(module, name)
            try:
                yield from inspect.signature(value).parameters
            except (TypeError, ValueError):  # no function, or a class that tells none
                pass


def test_a_row_of_words_has_one_that_is_a_parameter():
    known = set(every_parameter())
    assert [row for row in _advice.WORDS if known.isdisjoint(row.split())] == []


# ---- what Python asks an object for --------------------------------------------------------------------------------


class OwnTensor(Tensor):
    """A Tensor with attributes."""


class OwnNames(nn.Cell):
    def __init__(self):
        super().__init__()
        self.step = self.modules = 4
        self.children = nn.Dense(2, 2)
        self.parameters = Parameter(t32(1.0))

    def forward(self, x):
        return x

    construct = forward


def test_attributes_of_the_same_name_can_be_set():
    own = OwnTensor([1.0])
    own.grad = 3
    assert own.grad == 3 and hasattr(own, "grad") and "grad" in dir(own)
    assert copy.copy(own).grad == 3 and pickle.loads(pickle.dumps(own)).grad == 3
    del own.grad
    with pytest.raises(AttributeError, match="adcore.grad"):
        _ = own.grad
    with pytest.raises(AttributeError, match="adcore.grad"):
        del own.grad
    with pytest.raises(AttributeError, match="adcore.grad"):
        t32(1.0).grad = 1
    w = Parameter(t32(1.0), name="w")
    w.grad = 5
    assert w.grad == 5 and w.requires_grad is True

    cell = OwnNames()
    assert cell.step == 4 and cell.modules == 4 and cell.forward(1) == 1
    assert {"step", "modules", "forward", "children"} <= set(dir(cell)) and "eval" not in dir(cell)
    assert [p.name for p in cell.get_parameters()] == ["parameters", "children.weight", "children.bias"]
    assert pickle.loads(pickle.dumps(cell)).modules == 4 and copy.deepcopy(cell).modules == 4


def test_objects_do_not_list_what_they_have_not():
    for thing in (t32([[1.0]]), Parameter(t32([[1.0]])), nn.ReLU(), optim.adam(0.1)):
        assert [name for name in dir(thing) if not hasattr(thing, name)] == []
        names = [name for name, _ in inspect.getmembers(thing)]
        assert not {"backward", "eval", "zero_grad"} & set(names)


class Forwards(nn.Cell):
    """Asks the cell inside for what it has not."""

    def __init__(self):
        super().__init__()
        self.inner = "seen"

    def __getattr__(self, name):
        return f"{name} {self.inner}" if name == "parameters" else super().__getattribute__(name)


def test_a_getattr_of_the_users_is_asked():
    assert Forwards().parameters == "parameters seen"
    with pytest.raises(AttributeError, match="set_train"):
        _ = Forwards().eval


class Mixin:
    """What a user's other base class has under names that other libraries have, too."""

    zero_grad = "data"
    step = "steps"

    def __init__(self):
        super().__init__()
        self._half = 0

    def train(self, mode="mixed"):
        return type(self).__name__, mode

    @property
    def eval(self):
        return "property"

    @classmethod
    def parameters(cls):
        return cls.__name__

    @staticmethod
    def children():
        return 7

    @property
    def half(self):
        return self._half

    @half.setter
    def half(self, value):
        self._half = value + 1

    @half.deleter
    def half(self):
        self._half = -1


class MixedCell(nn.Cell, Mixin):
    def construct(self, x):
        return x

    def train(self, mode="super"):
        return super().train(mode)


class MixedOptimizer(nn.SGD, Mixin):
    pass


class Graded:
    @property
    def grad(self):
        return self.__dict__.get("kept")

    @grad.setter
    def grad(self, value):
        self.__dict__["kept"] = value

    @grad.deleter
    def grad(self):
        del self.__dict__["kept"]

    def backward(self):
        return "run"


class GradedTensor(Tensor, Graded):
    pass


def test_an_attribute_of_a_later_base_is_there():
    cell = MixedCell()
    Mixin.__init__(cell)
    assert cell.train() == ("MixedCell", "super") and cell.eval == "property" and cell.zero_grad == "data"
    assert cell.parameters() == MixedCell.parameters() == "MixedCell" and cell.children() == MixedCell.children() == 7
    assert MixedCell.zero_grad == "data" and isinstance(MixedCell.eval, property)
    assert {"train", "eval", "zero_grad"} <= set(dir(cell)) and hasattr(cell, "eval")
    cell.half = 3
    assert cell.half == 4 and "half" not in vars(cell)
    del cell.half
    assert cell.half == -1
    with pytest.raises(AttributeError, match="MixedCell has no attribute 'modules': write"):
        _ = cell.modules
    assert copy.deepcopy(cell).half == -1 and pickle.loads(pickle.dumps(cell)).train() == ("MixedCell", "super")

    optimizer = MixedOptimizer([Parameter(t32([1.0]), name="w")], 0.1)
    assert optimizer.step == "steps" and optimizer.zero_grad == "data"

    tensor = GradedTensor([1.0])
    assert tensor.backward() == "run" and tensor.grad is None
    tensor.grad = 5
    assert tensor.grad == 5 and vars(tensor) == {"kept": 5}
    del tensor.grad
    assert vars(tensor) == {}
    with pytest.raises(AttributeError, match="adcore.grad"):
        _ = GradedTensor.requires_grad


class Asks(nn.Cell):
    """Asks Cell first, and then the cell inside."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.w = Parameter(t32(2.0))

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.inner, name)

    def construct(self, x):
        return self.inner(x) * self.w


class Delegates(nn.Cell):
    """Asks the cell inside for all that it has not."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def construct(self, x):
        return self.inner(x)


class AsksMixin:
    def __getattr__(self, name):
        return 9 if name == "nine" else super().__getattr__(name)


class AsksBefore(AsksMixin, nn.Cell):
    pass


class AsksTwice(Asks):
    def __getattr__(self, name):
        return 10 if name == "ten" else super().__getattr__(name)


class AsksAndIsDense(AsksMixin, nn.Dense):
    pass


def test_a_getattr_of_the_users_may_ask_that_of_cell():
    net = AsksTwice(nn.Dense(2, 3))
    assert net.out_channels == 3 and net.ten == 10 and float(net.w) == 2.0
    assert AsksBefore().nine == AsksAndIsDense(2, 1).nine == 9
    for lacking in (AsksBefore(), AsksAndIsDense(2, 1)):
        with pytest.raises(AttributeError, match="has no attribute 'zzz'"):
            _ = lacking.zzz
        with pytest.raises(AttributeError, match="set_train"):
            _ = lacking.eval
        assert not hasattr(lacking, "forward") and getattr(lacking, "zzz", 4) == 4
    with pytest.raises(AttributeError, match="'Dense' object has no attribute 'zzz'"):
        _ = net.zzz
    # The class that has none stays without: it would make each of its reads slower.
    assert not hasattr(nn.Cell, "__getattr__") and not hasattr(nn.Dense, "__getattr__")


@pytest.mark.parametrize("kind", [Asks, AsksTwice, Delegates])
@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_of_a_cell_that_delegates(kind, way):
    net = kind(nn.Dense(2, 3))
    twin = way(net)
    x = t32([[1.0, 2.0]])
    assert type(twin) is kind and twin.out_channels == 3 and (twin(x) == net(x)).all()
    assert [p.name for p in twin.get_parameters()] == [p.name for p in net.get_parameters()]
    assert (twin.inner is net.inner) == (way is copy.copy)


class Slotted(nn.Cell):
    __slots__ = ("place",)

    def __init__(self):
        super().__init__()
        self.place = 3


def test_slots_are_copied():
    assert copy.deepcopy(Slotted()).place == pickle.loads(pickle.dumps(Slotted())).place == 3


@pytest.mark.parametrize("module", [adcore, ops, nn, optim])
def test_protocols_of_modules(module):
    assert getattr(module, "__wrapped__", None) is None
    assert importlib.import_module(module.__name__) is module
    with pytest.raises(AttributeError) as caught:
        _ = module.__unheard__
    assert str(caught.value) == f"module {module.__name__!r} has no attribute '__unheard__'"
    with pytest.raises(AttributeError) as caught:
        _ = module.qqq
    assert str(caught.value) == f"module {module.__name__!r} has no attribute 'qqq'" and caught.value.name == "qqq"


def test_a_name_that_was_deleted_is_not_advised(monkeypatch):
    monkeypatch.delattr(ops, "sin")
    with pytest.raises(AttributeError) as caught:
        _ = ops.sin
    assert "write adcore.ops.sin" not in str(caught.value)


@pytest.mark.parametrize("module", [adcore, ops, nn, optim])
def test_modules_that_are_read_at_once_are_modules_in_all_else(module, monkeypatch):
    assert inspect.ismodule(module) and repr(module).startswith(f"<module {module.__name__!r} from ")
    assert module.__dict__ is vars(module) and "__getattr__" in dir(module) and module.__doc__
    monkeypatch.setattr(module, "put_here", 3, raising=False)
    assert module.put_here == vars(module)["put_here"] == 3
    monkeypatch.undo()
    assert not hasattr(module, "put_here") and getattr(module, "put_here", 4) == 4
    assert pickle.loads(pickle.dumps(module)) is copy.deepcopy(module) is module  # as cloudpickle has plain modules
    with pytest.raises(TypeError):
        getattr(module, 3)


def test_signatures_and_classes_are_as_they_were():
    assert list(inspect.signature(nn.Adam).parameters)[:2] == ["params", "learning_rate"]
    assert list(inspect.signature(nn.Dropout).parameters) == ["keep_prob", "p", "dtype"]
    assert list(inspect.signature(Net).parameters) == []
    assert list(inspect.signature(type("Own", (nn.Cell,), {})).parameters) == ["auto_prefix", "flags"]
    assert list(inspect.signature(nn.MSELoss()).parameters) == ["logits", "labels"]
    assert list(inspect.signature(adcore.grad).parameters)[:2] == ["fn", "grad_position"]

    class Mixin:
        def __new__(cls, *args, **kwargs):
            made = super().__new__(cls)
            made.__dict__["seen"] = args, kwargs
            return made

    class Mixed(nn.Cell, Mixin):
        def __init__(self, *args, **kwargs):
            super().__init__()

    assert Mixed(1, a=2).seen == ((1,), {"a": 2})
    with pytest.raises(TypeError, match=r"Own.__init__\(\) got an unexpected keyword argument 'bias'"):
        type("Own", (nn.Cell,), {"__init__": vars_of_own_init()})(bias=1)


def vars_of_own_init():
    class Own:
        def __init__(self, has_bias):
            pass

    return Own.__init__


def test_the_rate_by_its_short_name_is_the_rate():
    w = [Parameter(t32([1.0, 2.0]), name=n) for n in "ab"]
    for make in (lambda p, **o: nn.SGD([p], **o), lambda p, **o: nn.Momentum([p], momentum=0.5, **o)):
        for param, word in zip(w, ("lr", "learning_rate")):
            param.set_data(t32([1.0, 2.0]))
            make(param, **{word: 0.25})((t32([1.0, 1.0]),))
        np.testing.assert_array_equal(array_of(w[0]), array_of(w[1]))
        np.testing.assert_array_equal(array_of(w[0]), np.float32([0.75, 1.75]))
    with pytest.raises(TypeError, match="multiple values for argument 'learning_rate'"):
        nn.SGD(w, 0.1, lr=0.2)
    with pytest.raises(TypeError, match="multiple values for argument 'learning_rate'"):
        optim.adam(0.1, lr=0.2)
    params, _ = (o := optim.sgd(lr=0.5)).update(t32([1.0]), o.init(t32([1.0])), t32([1.0]))
    np.testing.assert_array_equal(array_of(params), np.float32([0.5]))


# ---- silent traps --------------------------------------------------------------------------------------------------


def warned(code, **names):
    """The warnings of a program of one file, with the lines that they point to."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        exec(compile(code, "of_the_user.py", "exec"), {**scope(), **names, "__name__": "of_the_user"})
    return [(Path(w.filename).name, w.lineno, w.category, str(w.message)) for w in caught]


TRAPS = [
    ("nn.Dropout(0.1)", "Dropout(p=0.1)"),
    ("ops.mse_loss(x[:, :1], x[:, 0])", "reshape one"),
    ("nn.MSELoss()(x[:, :1], x[:, 0])", "reshape one"),
    ("nn.L1Loss()(x[:, :1], x[:, 0])", "reshape one"),
    ("nn.HuberLoss()(x[:, :1], x[:, 0])", "reshape one"),
    ("nn.MAELoss()(x[:, :1], x[:, 0])", "reshape one"),
    ("nn.RMSELoss()(x[:, :1], x[:, 0])", "reshape one"),
    ("nn.SmoothL1Loss()(x[:, :1], x[:, 0])", "reshape one"),
    ("adcore.grad(lambda x: (x * x, x))(x)", "has_aux=True"),
    ("adcore.value_and_grad(lambda x: {'loss': f(x), 'logits': x * 2})(x)", "has_aux=True"),
    ("adcore.value_and_grad(lambda: (net(x).sum(), net(x)), None, net.trainable_params())()", "has_aux=True"),
]


@pytest.mark.parametrize("code, advice", TRAPS, ids=[code for code, _ in TRAPS])
def test_a_trap_warns_once_at_the_line_of_the_user(code, advice):
    found = warned(f"pass\nfor _ in range(3):\n    {code}\n")
    assert [w[:3] for w in found] == [("of_the_user.py", 3, AmbiguityWarning)]
    assert advice in found[0][3]


@pytest.mark.parametrize(
    "code",
    [
        "nn.Dropout(p=0.1)",
        "nn.Dropout(keep_prob=0.1)",
        "nn.Dropout()",
        "nn.Dropout(0.9)",  # MindSpore's older programs
        "nn.Dropout(0.5)",  # both mean the same
        "type('Own', (nn.Dropout,), {'__init__': lambda self, rate: nn.Dropout.__init__(self, p=rate)})(0.1)",
        "nn.MSELoss()(x[:, 0], x[:, 0])",
        "nn.MSELoss()(x, x[:1])",
        "nn.MSELoss()(x, x[0])",
        "adcore.grad(lambda x: (f(x), x), has_aux=True)(x)",
        "adcore.value_and_grad(lambda x: (f(x), x, x), has_aux=True)(x)",
        "adcore.grad(lambda x: ((f(x), x), x), has_aux=True)(x)",
        "adcore.grad(lambda x: (f(x), ops.stop_gradient(x)))(x)",
        "adcore.grad(lambda x: [f(x)])(x)",
        "adcore.grad(lambda x: (x, x), sens_param=True)(x, (x, x))",
        "adcore.grad(lambda x: x * x)(x)",
        "ops.GradOperation()(lambda x: (x, x))(x)",  # MindSpore's own, whose users know it
    ],
)
def test_what_can_be_read_in_one_way_does_not_warn(code):
    assert warned(code) == []


def test_the_gradient_of_several_outputs_is_that_of_their_sum():
    """What the warning says, against the derivative of the sum."""
    with pytest.warns(AmbiguityWarning, match="that of the sum"):
        both = adcore.grad(lambda x: (x**2, x**3))(t32(2.0))
    assert float(both) == 2 * 2 + 3 * 2**2


# ---- errors inside of networks -------------------------------------------------------------------------------------


class Block(nn.Cell):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)

    def construct(self, x, *, scale=1.0):
        return self.conv1(x) * scale


class Whole(nn.Cell):
    def __init__(self):
        super().__init__()
        self.body = nn.SequentialCell(nn.ReLU(), nn.Tanh(), Block())

    def construct(self, x):
        return self.body(x)


def notes_of(call):
    with pytest.raises(Exception) as caught:
        call()
    return list(map(str, getattr(caught.value, "__notes__", ())))


WRONG = np.ones((2, 5, 8, 8), np.float32)
NOTE = "Whole.body.2.conv1 (Conv2d): called with Float32 (2, 5, 8, 8)."


@pytest.mark.parametrize(
    "call",
    [
        lambda net, x: net(x),
        lambda net, x: adcore.grad(lambda x: net(x).sum())(x),
        lambda net, x: adcore.value_and_grad(lambda x: net(x).sum(), None, net.trainable_params())(x),
        lambda net, x: adcore.jvp(net, x, x),
        lambda net, x: adcore.vmap(net)(ops.stack([x, x])),
        lambda net, x: adcore.jit(net)(x),
        lambda net, x: adcore.jit(lambda x: net(x))(x),
        lambda net, x: adcore.grad(lambda x: adcore.vmap(net)(x).sum())(ops.stack([x, x])),
        lambda net, x: adcore.recompute(net, x),
    ],
    ids=["call", "grad", "weights", "jvp", "vmap", "jit", "jit of a function", "grad of vmap", "recompute"],
)
def test_an_error_names_the_path_of_the_layer_once(call):
    assert notes_of(lambda: call(Whole(), Tensor(WRONG))) == [NOTE]


def test_the_path_starts_at_the_outermost_cell_and_shows_keywords():
    net, x, seen = Whole(), Tensor(WRONG), "called with Float32 (2, 5, 8, 8)"
    assert notes_of(lambda: net.body[2](x, scale=2.0)) == [f"Block.conv1 (Conv2d): {seen}."]
    assert notes_of(lambda: net.body[2].conv1(x)) == [f"Conv2d: {seen}."]
    assert notes_of(lambda: net.body[2](x, size=2.0)) == [f"Block: {seen}, size=2.0."]
    assert notes_of(lambda: net()) == ["Whole: called without inputs."]
    assert notes_of(lambda: nn.ReLU()([1, WRONG])) == ["ReLU: called with list of 1, ndarray float32 (2, 5, 8, 8)."]


@pytest.mark.parametrize(
    "make, shape",
    [
        (lambda: nn.Dense(3, 2), (2, 3)),
        (lambda: nn.Conv1d(3, 2, 2), (2, 3, 4)),
        (lambda: nn.LSTM(3, 2), (4, 2, 3)),
    ],
    ids=["Dense", "Conv1d", "LSTM"],
)
def test_a_float64_input_of_a_float32_network(make, shape):
    net, x = make(), np.ones(shape)
    kind = type(net).__name__
    (note,) = notes_of(lambda: nn.SequentialCell(nn.ReLU(), net)(Tensor(x)))
    assert note == (
        f"SequentialCell.1 ({kind}): called with Float64 {x.shape}, but its Parameters are Float32; convert the input, "
        "x.astype(adcore.float32), or the network, net.to(adcore.float64)."
    )
    nn.SequentialCell(nn.ReLU(), net)(Tensor(x).astype(adcore.float32))  # both are right
    nn.SequentialCell(nn.ReLU(), net).to(adcore.float64)(Tensor(x))
    net.to(adcore.float32)
    (note,) = notes_of(lambda: net(x))
    advice = "write adcore.Tensor(x, adcore.float32) for an array."
    assert note == f"{kind}: called with ndarray float64 {x.shape}; {advice}"
    net(adcore.Tensor(x, adcore.float32))


def test_a_cell_that_is_no_part_of_the_one_that_calls_it():
    inner = Block()

    class Calls(nn.Cell):
        def construct(self, x):
            return inner(x)

    assert notes_of(lambda: Calls()(Tensor(WRONG))) == ["Block.conv1 (Conv2d): called with Float32 (2, 5, 8, 8)."]


def test_the_notes_of_hooks_and_casts():
    net = Whole()
    net.body.register_forward_hook(lambda *_: None)
    net.to_float(adcore.float16)
    assert notes_of(lambda: net(Tensor(WRONG))) == [NOTE.replace("Float32", "Float16")]


def test_the_exception_is_the_same_and_pickles():
    error = KeyError("mine")

    class Raises(nn.Cell):
        def construct(self, x):
            raise error

    with pytest.raises(KeyError) as caught:
        nn.SequentialCell(nn.ReLU(), Raises())(t32(1.0))
    assert caught.value is error and error.args == ("mine",)
    assert error.__notes__ == ["SequentialCell.1 (Raises): called with Float32 ()."]
    assert pickle.loads(pickle.dumps(error)).__notes__ == error.__notes__
    frames = [frame.name for frame in caught.traceback]
    assert frames[-1] == "construct"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_the_program_has_no_note(kind):
    class Raises(nn.Cell):
        def construct(self):
            raise kind

    with pytest.raises(kind) as caught:
        Raises()()
    assert not hasattr(caught.value, "__notes__")


def test_an_exception_that_takes_no_note_passes():
    class Odd(Exception):
        def add_note(self, text):
            raise RuntimeError

    class Raises(nn.Cell):
        def construct(self):
            raise Odd

    with pytest.raises(Odd):
        Raises()()


# ---- the configuration ---------------------------------------------------------------------------------------------


def test_the_configuration_of_a_report():
    own = {"ADCORE_ISA": "baseline", "ADCORE_NUM_THREADS": "3", "PYTHONPATH": str(Path(adcore.__file__).parents[1])}
    environment = {**os.environ, **own}
    done = subprocess.run([sys.executable, "-m", "adcore"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    shown = dict(line.partition(": ")[::2] for line in done.stdout.splitlines()[1:])
    assert done.stdout.splitlines()[0] == f"adcore {adcore.__version__}"
    assert shown["Python"].startswith(sys.version.split()[0])
    assert shown["NumPy"] == np.__version__
    assert shown["threads"] == "3"
    assert "ADCORE_ISA=baseline" in shown["environment"]
    assert re.search(r"\d+ of \d+ cores usable", shown["CPU"])
    assert {"compiler", "caches", "memory", "installed in", "instruction set"} <= set(shown)


def test_the_configuration_has_the_optional_parts(capsys):
    import tomllib

    from adcore import _config

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    users = {
        extra: {re.split(r"[<>=\[;]", p)[0] for p in extras[extra]}
        for extra in ("checkpoint", "train", "demo", "mpi", "image", "scipy")
    }
    listed = {extra: set(packages) for extra, packages in _config.OPTIONAL.items()}
    # mpich is programs, not a package that is imported.
    assert set().union(*listed.values()) == set().union(*users.values()) - {"mpich"}
    assert all(packages <= users[extra] for extra, packages in listed.items())
    adcore.show_config()
    shown = capsys.readouterr().out
    for package in set().union(*listed.values()):
        assert re.search(rf"^{package}: (\d|not installed \(pip install adcore\[\w+\]\))", shown, re.MULTILINE)
