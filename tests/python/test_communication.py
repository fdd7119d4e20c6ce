"""Several processes, as mpiexec starts them, against what one process knows; and how they end when one of them does."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import adcore
from adcore import Tensor, communication, nn, ops

PROGRAMS = Path(__file__).with_name("mpi_programs.py")
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
several = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or MPIEXEC is None,
    reason="mpi4py, or an mpiexec, is not installed: pip install 'adcore[mpi]'",
)


def run(program, processes, timeout=None):
    """The exit code of a program in several processes, and what they wrote."""
    env = dict(os.environ)
    env.pop("LD_PRELOAD", None)  # mpiexec itself is no program of ours
    if timeout is not None:
        env["ADCORE_MPI_TIMEOUT"] = str(timeout)
    command = [MPIEXEC, "-n", str(processes), sys.executable, str(PROGRAMS), program, str(processes)]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as started:
        try:
            told, _ = started.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            told, _ = started.communicate()
            pytest.fail(f"{program} hangs:\n{told}")
    return started.returncode, told


@several
@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize("program", ["collectives", "messages", "rest", "early_sums", "half_and_rest", "training"])
def test_laws_hold_among_processes(program, processes):
    code, told = run(program, processes)
    assert code == 0, told


@several
def test_gradients_of_many_sizes_travel_in_several_arrays():
    code, told = run("many_buckets", 2)
    assert code == 0, told


@several
def test_who_goes_on_after_a_timeout_gets_no_numbers_of_other_calls():
    _, told = run("out_of_step", 2, timeout=0.5)
    assert told.count("held") == 2, told


@several
@pytest.mark.parametrize(
    "program, text",
    [
        ("raises", "KeyError: 'the reason'"),
        ("killed", ""),  # mpiexec itself tells it
        ("stays_away", "waited 2 s for the others"),
        ("other_shape", "with another shape or dtype"),
        ("other_call", "another process calls something else"),
        ("differentiated_in_one", "Both processes differentiate"),
        ("recomputed", "the block sends or receives"),
        ("without_init", "call adcore.communication.init() first"),
    ],
)
def test_what_goes_wrong_in_one_process_ends_all_with_a_reason(program, text):
    code, told = run(program, 2, timeout=2)
    assert code != 0 and text in told
    if program == "raises":
        assert told.count("Traceback") == 1


def test_one_process_is_a_group_of_one():
    x = Tensor([1.0, 2.0])
    assert (communication.get_rank(), communication.get_group_size()) == (0, 1)
    for fn in (
        communication.all_reduce,
        communication.all_gather,
        communication.reduce_scatter,
        communication.broadcast,
    ):
        assert fn(x).tolist() == [1.0, 2.0] and fn(x) is not x
    assert communication.all_reduce(x, "max").tolist() == [1.0, 2.0]
    communication.barrier()
    net = nn.Dense(2, 1)
    reducer = nn.DistributedGradReducer(net.trainable_params(), mean=True)
    grads = tuple(ops.ones_like(p) for p in net.trainable_params())
    assert [g.tolist() for g in reducer(grads)] == [g.tolist() for g in grads]


def test_what_is_no_call_among_processes_raises():
    x = Tensor([1.0, 2.0])
    with pytest.raises(TypeError, match="tensor must be a Tensor, got list"):
        communication.all_reduce([1.0])
    with pytest.raises(TypeError, match="bools are not combined"):
        communication.all_reduce(x > 1)
    with pytest.raises(ValueError, match="'median'"):
        communication.all_reduce(x, "median")
    with pytest.raises(ValueError, match="no group 'others'"):
        communication.all_reduce(x, group="others")
    with pytest.raises(ValueError, match="src must be a rank below 1, got 1"):
        communication.broadcast(x, 1)
    with pytest.raises(ValueError, match="needs an axis"):
        communication.all_gather(Tensor(1.0))
    with pytest.raises(NotImplementedError, match="cuts a model into parts"):
        communication.set_auto_parallel_context(parallel_mode="auto_parallel")
    with pytest.raises(ValueError, match="device_num is 8, but there are 1 processes"):
        communication.set_auto_parallel_context(parallel_mode="data_parallel", device_num=8)
    with pytest.raises(TypeError, match="gradients of Int32 have no mean"):
        communication.reduce_gradients((Tensor([1], adcore.int32),), mean=True)
    with pytest.raises(ValueError, match="src must be a rank below 1, got '0'"):
        communication.broadcast_parameters(nn.Dense(2, 1), src="0")
    with pytest.raises(ValueError, match="2 gradients are needed, got 1"):
        nn.DistributedGradReducer(nn.Dense(2, 1).trainable_params())((x,))
    assert communication.get_auto_parallel_context("parallel_mode") == "stand_alone"
