"""What training leaves behind: nothing."""

import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import adcore
from adcore import Tensor, nn, ops

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
def test_training_steps_leave_the_resident_size_where_it_was(cache_in_use):
    program = TRAINING.replace("LATER", "20_000")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    # 20,000 leaked tensors of 64 bytes would be 1.3 MB; the allocator's own noise is a few pages.
    assert int(done.stdout) < 400_000


def stats(name):
    return adcore.memory_stats()[name]


@pytest.fixture
def cache_in_use():
    """Under AddressSanitizer nothing is cached, and what is freed stays resident for a while."""
    Tensor(np.zeros(1 << 20, np.float32)) + 1
    if stats("bytes_cached") == 0:
        pytest.skip("this build caches nothing")


def test_a_warm_training_step_takes_nothing_from_the_system(cache_in_use):
    rng = np.random.default_rng(0)
    network = nn.SequentialCell(nn.Dense(30, 64), nn.ReLU(), nn.Dense(64, 64), nn.Tanh(), nn.Dense(64, 4))
    loss_fn, optimizer = nn.CrossEntropyLoss(), nn.Adam(network.trainable_params(), 1e-3)
    x = Tensor(rng.standard_normal((32, 30)).astype(np.float32))
    y = Tensor(rng.integers(0, 4, 32).astype(np.int32))
    value_and_grad = adcore.value_and_grad(lambda x, y: loss_fn(network(x), y), None, optimizer.parameters)

    def steps(n):
        for _ in range(n):
            optimizer(value_and_grad(x, y)[1])

    steps(20)
    before = stats("system_allocations")
    steps(1000)
    assert stats("system_allocations") == before


def test_a_repeated_large_temporary_does_not_fault_its_pages_in_each_time(cache_in_use):
    x = Tensor(np.ones(1 << 20, np.float32))

    def repeat(n):
        for _ in range(n):
            x * 2 + 1

    repeat(3)
    before, hits = stats("system_allocations"), stats("large_cache_hits")
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    repeat(100)
    # 200 temporaries of 1,024 pages each.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults < 1024
    assert stats("system_allocations") == before
    assert stats("large_cache_hits") - hits == 200


def test_the_statistics_add_up():
    adcore.empty_cache()
    start = adcore.memory_stats()
    assert start["bytes_cached"] == 0
    x = ops.zeros((1 << 20,), adcore.float32)
    held = adcore.memory_stats()
    assert 4 << 20 <= held["bytes_in_use"] - start["bytes_in_use"] <= 5 << 20
    assert held["system_allocations"] > start["system_allocations"]
    assert held["peak_bytes_reserved"] >= held["bytes_reserved"] == held["bytes_in_use"] + held["bytes_cached"]
    del x
    dropped = adcore.memory_stats()
    assert held["bytes_in_use"] - dropped["bytes_in_use"] >= 4 << 20
    adcore.empty_cache()
    end = adcore.memory_stats()
    assert end["bytes_cached"] == 0
    assert end["bytes_reserved"] <= start["bytes_reserved"]
    assert end["peak_bytes_reserved"] >= held["bytes_reserved"]


def test_arrays_that_are_shared_do_not_count():
    array = np.zeros(1 << 20, np.float32)
    before = stats("bytes_reserved")
    shared = adcore.from_numpy(array)
    assert stats("bytes_reserved") - before < 1 << 20
    del shared
    assert stats("bytes_reserved") - before < 1 << 20


def test_emptying_the_cache_leaves_values_and_other_threads_alone():
    x = ops.arange(100_000).astype(adcore.float32)
    wrong = []

    def compute():
        for i in range(160):  # below 2**24: exact
            y = x * i
            if float(y[99_999]) != 99_999 * i:
                wrong.append(i)

    threads = [threading.Thread(target=compute) for _ in range(3)]
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads):
        adcore.empty_cache()
    for t in threads:
        t.join()
    assert not wrong
    assert float(x.sum()) == pytest.approx(99_999 * 50_000, rel=1e-6)


def test_large_blocks_that_nobody_takes_go_back_to_the_system(cache_in_use):
    adcore.empty_cache()
    many = [ops.zeros((1 << 20,), adcore.float32) for _ in range(8)]
    del many
    assert stats("bytes_cached") >= 32 << 20
    other = Tensor(np.ones(1 << 19, np.float32))
    end = time.monotonic() + 10
    while stats("bytes_cached") >= 16 << 20 and time.monotonic() < end:
        other * 2
        time.sleep(0.05)
    assert stats("bytes_cached") < 16 << 20
