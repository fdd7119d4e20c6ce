"""Whether an installed adcore works: ops of each kind, threads, a training step that is recorded, saved and replayed.

Runs where nothing but the wheel and NumPy is installed, on every platform that wheels are built for.
"""

import json
import platform
import tempfile
from importlib.metadata import distribution
from pathlib import Path

import numpy as np

import adcore
from adcore import Tensor, nn, ops


def check_parts():
    files = distribution("adcore").files
    (bill,) = [f for f in files if f.name == "adcore.cdx.json"]
    parts = {part["name"]: part["version"] for part in json.loads(bill.read_text())["components"] if "version" in part}
    assert set(parts) == {"Eigen", "pybind11"} and all(v[0].isdigit() for v in parts.values()), parts


def check_numbers():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((300, 200)), rng.standard_normal((200, 100))
    for threads in (1, 2):
        adcore.set_num_threads(threads)
        np.testing.assert_allclose(ops.matmul(Tensor(a), Tensor(b)).asnumpy(), a @ b, rtol=1e-10)
        np.testing.assert_allclose(ops.tanh(Tensor(a)).sum().item(), np.tanh(a).sum(), rtol=1e-10)
        np.testing.assert_allclose(adcore.grad(lambda x: ops.sin(x).sum())(Tensor(a)).asnumpy(), np.cos(a), rtol=1e-10)
        np.testing.assert_allclose(
            ops.solve(Tensor(b[:100]), Tensor(a[:100])).asnumpy(), np.linalg.solve(b[:100], a[:100]), rtol=1e-6
        )


def check_training():
    adcore.set_seed(0)
    net = nn.SequentialCell(nn.Dense(3, 16), nn.Tanh(), nn.Dense(16, 1))
    optimizer = nn.Adam(net.trainable_params(), learning_rate=0.01)
    loss_and_grads = adcore.value_and_grad(lambda x, y: ops.mse_loss(net(x), y), None, optimizer.parameters)

    @adcore.jit
    def step(x, y):
        loss, grads = loss_and_grads(x, y)
        optimizer(grads)
        return loss

    x = ops.randn(64, 3)
    y = x.sum(axis=1, keepdims=True)
    losses = [float(step(x, y)) for _ in range(100)]
    assert losses[-1] < losses[0] / 4, losses
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "step.adcore"
        step.trace(x, y).save(path)
        program = adcore.load_program(path)
        assert float(program(x, y)) == float(step(x, y))


if __name__ == "__main__":
    check_parts()
    check_numbers()
    check_training()
    print(f"adcore {adcore.__version__} works on Python {platform.python_version()}, {platform.platform()}")
