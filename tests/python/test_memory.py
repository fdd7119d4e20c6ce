"""What training leaves behind: nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

TRAINING = """
import gc
import numpy as np
import adcore
from adcore import Tensor, nn

def resident():
    gc.collect()
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096

rng = np.random.default_rng(0)
network = nn.SequentialCell(nn.Dense(30, 64), nn.ReLU(), nn.Dense(64, 64), nn.ReLU(), nn.Dense(64, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = nn.Adam(network.trainable_params(), 1e-3)
x = Tensor(rng.standard_normal((32, 30)).astype(np.float32))
y = Tensor((rng.random((32, 1)) > 0.5).astype(np.float32))
value_and_grad = adcore.value_and_grad(lambda x, y: loss_fn(network(x), y), None, optimizer.parameters)

def steps(n):
    for _ in range(n):
        loss, gradients = value_and_grad(x, y)
        optimizer(gradients)
    return float(loss)

steps(1000)
before = resident()
steps(LATER)
print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's count of resident pages")
def test_training_steps_leave_the_resident_size_where_it_was():
    program = TRAINING.replace("LATER", "20_000")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    # 20,000 leaked tensors of 64 bytes would be 1.3 MB; the allocator's own noise is a few pages.
    assert int(done.stdout) < 400_000
