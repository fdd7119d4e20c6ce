"""The tutorial on functional differentiation, with the module under the name of MindSpore.

A linear model of five inputs and three outputs, its loss, and every form of the gradient that the tutorial shows.
The numbers are compared with the formulas of the loss, written in NumPy in float64.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

import adcore as mindspore
from adcore import Parameter, Tensor, nn, ops

TUTORIAL = Path(__file__).resolve().parents[3] / "shared" / "seed_tutorial.txt"

RTOL = 2e-6  # float32, sums of five products


class Model:
    """The program's data, and what its results must be."""

    def __init__(self, rng):
        self.x = ops.ones(5, mindspore.float32)
        self.y = ops.zeros(3, mindspore.float32)
        self.w = Parameter(Tensor(rng.standard_normal((5, 3)), mindspore.float32), name="w")
        self.b = Parameter(Tensor(rng.standard_normal(3), mindspore.float32), name="b")
        x, y = np.ones(5), np.zeros(3)
        self.z = x @ self.w.asnumpy().astype(np.float64) + self.b.asnumpy().astype(np.float64)
        self.loss = np.mean(-y * np.log(expit(self.z)) - (1 - y) * np.log(expit(-self.z)))
        self.db = (expit(self.z) - y) / 3
        self.dw = np.outer(x, self.db)


@pytest.fixture
def model(rng):
    return Model(rng)


def function(x, y, w, b):
    z = ops.matmul(x, w) + b
    return ops.binary_cross_entropy_with_logits(z, y, ops.ones_like(z), ops.ones_like(z))


def function_with_logits(x, y, w, b):
    z = ops.matmul(x, w) + b
    return ops.binary_cross_entropy_with_logits(z, y, ops.ones_like(z), ops.ones_like(z)), z


def function_stop_gradient(x, y, w, b):
    loss, z = function_with_logits(x, y, w, b)
    return loss, ops.stop_gradient(z)


def near(tensor, expected):
    assert type(tensor) is Tensor and tensor.dtype == mindspore.float32
    assert tuple(tensor.shape) == np.shape(expected)
    np.testing.assert_allclose(tensor.asnumpy(), expected, rtol=RTOL, atol=1e-7)


def test_the_loss(model):
    near(function(model.x, model.y, model.w, model.b), model.loss)


def test_the_gradient(model):
    gradients = mindspore.grad(function, (2, 3))(model.x, model.y, model.w, model.b)
    assert type(gradients) is tuple
    near(gradients[0], model.dw)
    near(gradients[1], model.db)


def test_a_second_output_adds_to_the_gradient(model):
    with pytest.warns(mindspore.AmbiguityWarning, match="returns 2 Tensors"):
        gradients = mindspore.grad(function_with_logits, (2, 3))(model.x, model.y, model.w, model.b)
    near(gradients[0], model.dw + 1)
    near(gradients[1], model.db + 1)


def test_stop_gradient_takes_it_out_again(model):
    gradients = mindspore.grad(function_stop_gradient, (2, 3))(model.x, model.y, model.w, model.b)
    near(gradients[0], model.dw)
    near(gradients[1], model.db)


def test_has_aux_does_the_same(model):
    grad_fn = mindspore.grad(function_with_logits, (2, 3), has_aux=True)
    gradients, (z,) = grad_fn(model.x, model.y, model.w, model.b)
    near(gradients[0], model.dw)
    near(gradients[1], model.db)
    near(z, model.z)


def test_the_network(model):
    w, b = model.w, model.b

    class Network(nn.Cell):
        def __init__(self):
            super().__init__()
            self.w = w
            self.b = b

        def construct(self, x):
            return ops.matmul(x, self.w) + self.b

    network = Network()
    loss_fn = nn.BCEWithLogitsLoss()

    def forward_fn(x, y):
        return loss_fn(network(x), y)

    assert [p.name for p in network.trainable_params()] == ["w", "b"]
    grad_fn = mindspore.value_and_grad(forward_fn, None, weights=network.trainable_params())
    for _ in range(3):
        loss, gradients = grad_fn(model.x, model.y)
        assert type(gradients) is tuple
        near(loss, model.loss)
        near(gradients[0], model.dw)
        near(gradients[1], model.db)


def test_a_step_against_the_gradient_lowers_the_loss(model):
    grad_fn = mindspore.value_and_grad(function, (2, 3))
    losses = []
    for _ in range(20):
        loss, (dw, db) = grad_fn(model.x, model.y, model.w, model.b)
        losses.append(float(loss))
        ops.assign(model.w, model.w - 0.1 * dw)
        ops.assign(model.b, model.b - 0.1 * db)
    assert all(after < before for before, after in zip(losses, losses[1:], strict=False))


@pytest.mark.filterwarnings("ignore::adcore.AmbiguityWarning")
@pytest.mark.parametrize("f", [function, function_with_logits, function_stop_gradient])
def test_a_decorator_makes_programs_of_the_functions(model, f):
    """Recorded and replayed, they give the same bits."""
    inputs = model.x, model.y, model.w, model.b
    jitted = mindspore.jit(f)
    for _ in range(3):
        for mine, plain in [
            (jitted(*inputs), f(*inputs)),
            (mindspore.grad(jitted, (2, 3))(*inputs), mindspore.grad(f, (2, 3))(*inputs)),
            (mindspore.jit(mindspore.grad(f, (2, 3)))(*inputs), mindspore.grad(f, (2, 3))(*inputs)),
        ]:
            for a, b in zip(mindspore._core.tree_leaves(mine), mindspore._core.tree_leaves(plain), strict=True):
                np.testing.assert_array_equal(a.asnumpy(), b.asnumpy())
        ops.assign(model.w, model.w * 1.5)


def code_of(text):
    """The Python lines of the page: from the first import to the last statement, without its prose.

    The prose is Chinese or a heading; code lines are ASCII apart from their comments, and start like Python.
    """
    lines = text.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("import "))
    last = max(n for n, line in enumerate(lines) if line.startswith("loss, grads ="))
    kept = []
    for line in lines[first : last + 1]:
        code = line.split("#")[0].rstrip()
        is_heading = code.replace(" ", "").isalpha() and not code.startswith((" ", "import ", "from "))
        if code and code.isascii() and not is_heading:
            kept.append(code)
    return "\n".join(kept)


def test_the_page_itself(monkeypatch, capsys):
    """The code of the page, word for word; test_as_mindspore runs it as a script."""
    if not TUTORIAL.exists():
        pytest.skip("the tutorial page does not lie beside this repository")
    code = code_of(TUTORIAL.read_text(encoding="utf-8"))
    assert "mindspore.value_and_grad" in code and code.startswith("import numpy as np")
    for name in ("", ".nn", ".ops"):
        monkeypatch.setitem(sys.modules, "mindspore" + name, sys.modules["adcore" + name])
    scope = {"__name__": "tutorial"}
    exec(compile(code, "tutorial", "exec"), scope)
    printed = capsys.readouterr().out
    assert "Tensor(shape=[5, 3], dtype=Float32" in printed
    x, y = scope["x"].asnumpy().astype(np.float64), scope["y"].asnumpy()
    logits = x @ scope["w"].asnumpy().astype(np.float64) + scope["b"].asnumpy()
    db = (expit(logits) - y) / 3
    near(scope["grads"][0], np.outer(x, db))
    near(scope["grads"][1], db)
    near(scope["z"], logits)
    near(scope["loss"], np.mean(np.logaddexp(0, logits)))
