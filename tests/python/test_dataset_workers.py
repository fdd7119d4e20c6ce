"""Threads and processes of pipelines: the rows and their order are those without workers; errors arrive where the row
would; nothing is left behind, and nothing hangs, whatever dies.

The children of a test are found by name, not by counting: others may run beside it.
"""

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import adcore
from adcore import Tensor, ops
from adcore.dataset import GeneratorDataset, NumpySlicesDataset, config, workers

METHODS = ["fork", "spawn"]


def ours():
    """The threads and processes of pipelines that are alive, after those that were told to stop have done so."""
    threads = [t for t in threading.enumerate() if t.name.startswith("adcore ")]
    for thread in threads:
        thread.join(10)
    return [t for t in threads if t.is_alive()] + [p for p in multiprocessing.active_children() if "adcore" in p.name]


def values(pipeline):
    return [
        [v.tolist() for v in row] if len(row) > 1 else row[0].tolist()
        for row in pipeline.create_tuple_iterator(num_epochs=1, output_numpy=True)
    ]


# At the top of a module, so that a process that was spawned finds them.


def plus_one(x):
    return x + 1


def with_ops(x):
    """Uses adcore, its threads and its derivatives in the worker."""
    x = Tensor(np.full((256, 256), x, np.float32))
    return adcore.grad(lambda x: ops.matmul(x, x).sum())(x)[0, 0]


def noisy(x):
    return np.random.random(2), x  # noqa: NPY002 - what the functions of others draw from


def fails_at_five(x):
    if x == 5:
        raise KeyError("five")
    return x


def dies_at_five(x):
    if x == 5:
        os._exit(3)
    return x


def killed_at_five(x):
    if x == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def pids(x):
    return np.int64(os.getpid())


def summed(x, info):
    return [np.sum(x) + info.get_batch_num()]


class Squares:
    def __len__(self):
        return 20

    def __getitem__(self, i):
        if i == 13 and self.fails:
            raise ValueError("thirteen")
        return np.int64(i * i)

    fails = False


class Failing(Squares):
    fails = True


NUMBERS = NumpySlicesDataset(np.arange(20), shuffle=False)
SHUFFLED = NUMBERS.shuffle(seed=3)


# ---- the same rows ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_processes_give_what_is_given_without(method):
    config.set_multiprocessing_start_method(method)
    in_processes = {"num_parallel_workers": 2, "python_multiprocessing": True}
    SHUFFLED.reset()
    expected = values(SHUFFLED.map(plus_one))
    SHUFFLED.reset()
    assert values(SHUFFLED.map(plus_one, **in_processes)) == expected
    assert values(NUMBERS.map(with_ops, **in_processes).take(3)) == [0.0, 512.0, 1024.0]
    squares = GeneratorDataset(Squares(), "x", shuffle=False, num_parallel_workers=2)
    assert values(squares) == [i * i for i in range(20)]
    batches = NUMBERS.batch(6, per_batch_map=summed, **in_processes)
    assert values(batches) == [[15], [52], [89], [40]]


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("prefetch", [1, 3, 100])
def test_threads_give_what_is_given_without(count, prefetch):
    config.set_prefetch_size(prefetch)

    def stream():
        yield from range(20)

    for make in (
        lambda n: NUMBERS.shuffle(seed=3).batch(3, num_parallel_workers=n),
        lambda n: NUMBERS.shuffle(seed=3).map(plus_one, num_parallel_workers=n),
        lambda n: NUMBERS.map(plus_one, num_parallel_workers=n).shuffle(seed=3).batch(3, num_parallel_workers=n),
        lambda n: GeneratorDataset(stream, "x", num_parallel_workers=n).batch(4, num_parallel_workers=n),
        lambda n: GeneratorDataset(
            Squares(), "x", num_parallel_workers=n, shuffle=False, python_multiprocessing=False
        ).batch(3, per_batch_map=summed, num_parallel_workers=n),
    ):
        assert values(make(count)) == values(make(None))
    config.set_num_parallel_workers(count)
    assert values(NUMBERS.map(plus_one)) == list(range(1, 21))


def test_threads_are_those_that_work():
    names = set()

    def seen(x):
        names.add(threading.current_thread().name)
        return x

    values(NUMBERS.map(seen))
    assert names == {threading.current_thread().name}
    names.clear()
    values(NUMBERS.map(seen, num_parallel_workers=2))
    assert names and all(name.startswith("adcore map") for name in names)


def test_processes_are_those_that_work():
    found = set(values(NUMBERS.map(pids, num_parallel_workers=2, python_multiprocessing=True)))
    assert len(found) == 2 and os.getpid() not in found


def test_random_numbers_in_processes_are_those_of_the_row():
    """At any number of processes, and when an iterator is resumed; in another epoch they are others."""

    def drawn(count, skip=0, epochs=1):
        d = NUMBERS.map(noisy, output_columns=["r", "x"], num_parallel_workers=count, python_multiprocessing=True)
        iterator = d.create_tuple_iterator(output_numpy=True)
        state = {"seed": 1, "start": 0, "epoch": 0, "position": skip}
        iterator.load_state_dict({**iterator.state_dict(), **state})
        return [[r.tolist() for r, _ in iterator] for _ in range(epochs)]

    first, second = drawn(2, epochs=2)
    assert len({tuple(r) for r in first + second}) == 40
    assert drawn(3) == [first]
    assert drawn(2, skip=7) == [first[7:]]


def test_a_resumed_iterator_with_workers():
    d = SHUFFLED.map(plus_one, num_parallel_workers=2, python_multiprocessing=True).batch(3, num_parallel_workers=1)
    iterator = d.create_tuple_iterator(output_numpy=True)
    next(iterator), next(iterator)
    state, rest = iterator.state_dict(), [x.tolist() for (x,) in iterator]
    resumed = d.create_tuple_iterator(output_numpy=True)
    resumed.load_state_dict(state)
    assert [x.tolist() for (x,) in resumed] == rest


# ---- faults ----------------------------------------------------------------------------------------------------------


def taken_before_error(pipeline, error, message):
    iterator = pipeline.create_tuple_iterator(output_numpy=True)
    taken = []
    with pytest.raises(error, match=message) as caught:
        for (x,) in iterator:
            taken.append(x.tolist())
    return taken, caught.value


@pytest.mark.parametrize("processes", [False, True])
def test_an_error_arrives_after_the_rows_before_it(processes):
    d = NUMBERS.map(fails_at_five, num_parallel_workers=2, python_multiprocessing=processes)
    taken, error = taken_before_error(
        d, RuntimeError, r"map: fails_at_five failed at row 5, of columns int64\[\]: KeyError"
    )
    assert taken == [0, 1, 2, 3, 4]
    assert "fails_at_five" in str(error.__cause__) or isinstance(error.__cause__, KeyError)


@pytest.mark.parametrize("options", [{}, {"python_multiprocessing": False}])
def test_an_error_of_a_source_names_it(options):
    d = GeneratorDataset(Failing(), "x", shuffle=False, num_parallel_workers=2, **options)
    taken, _ = taken_before_error(d, RuntimeError, "GeneratorDataset: Failing failed at row 13: ValueError: thirteen")
    assert taken == [i * i for i in range(13)]


@pytest.mark.parametrize("count", [None, 1])
def test_a_stream_that_fails_half_way(count):
    def torn():
        yield from range(3)
        raise OSError("the disk")

    d = GeneratorDataset(torn, "x", num_parallel_workers=count).map(plus_one, num_parallel_workers=count)
    taken, error = taken_before_error(d, RuntimeError, "torn failed at row 3: OSError: the disk")
    assert taken == [1, 2, 3] and isinstance(error.__cause__, OSError)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "function, how", [(dies_at_five, "exited with code 3"), (killed_at_five, "was ended by SIGKILL")]
)
def test_a_process_that_dies_is_named(method, function, how):
    config.set_multiprocessing_start_method(method)
    d = NUMBERS.map(function, num_parallel_workers=2, python_multiprocessing=True)
    taken, _ = taken_before_error(d, RuntimeError, rf"map: the worker process 'adcore map \d' \(pid \d+\) {how}")
    assert taken == list(range(len(taken))) and len(taken) <= 5


def test_a_process_that_is_killed_from_outside():
    d = NUMBERS.repeat(100).map(pids, num_parallel_workers=2, python_multiprocessing=True)
    iterator = d.create_tuple_iterator(output_numpy=True)
    os.kill(int(next(iterator)[0]), signal.SIGKILL)
    with pytest.raises(RuntimeError, match="was ended by SIGKILL"):
        for _ in iterator:
            pass


def test_spawned_processes_need_functions_that_have_a_name():
    config.set_multiprocessing_start_method("spawn")
    d = NUMBERS.map(lambda x: x, num_parallel_workers=2, python_multiprocessing=True)
    with pytest.raises(TypeError, match="must be defined at the top of a module"):
        values(d)


def test_what_cannot_be_sent_is_an_error():
    d = NUMBERS.map(lambda x: (yield), num_parallel_workers=2, python_multiprocessing=True)
    with pytest.raises((RuntimeError, TypeError)):
        values(d)

    class Odd(Exception):
        def __reduce__(self):
            raise TypeError("stays here")

    def odd(x):
        raise Odd("message")

    d = NUMBERS.map(odd, num_parallel_workers=2, python_multiprocessing=True)
    with pytest.raises(RuntimeError, match="odd failed at row 0.*Odd: message"):
        values(d)


def test_large_rows_both_ways_do_not_block():
    """More than a pipe holds, in both directions, from the first task on."""
    d = NumpySlicesDataset(np.zeros((40, 1 << 18), np.float32), shuffle=False)
    d = d.map(plus_one, num_parallel_workers=2, python_multiprocessing=True)
    assert sum(float(x.sum()) for (x,) in d.create_tuple_iterator(num_epochs=1, output_numpy=True)) == 40 * (1 << 18)


# ---- nothing is left -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [False, True])
def test_an_iterator_that_is_dropped_stops_its_workers(processes):
    for _ in range(5):
        iterator = iter(NUMBERS.map(plus_one, num_parallel_workers=2, python_multiprocessing=processes).batch(2))
        next(iterator)
        assert len(threading.enumerate()) > 1 or multiprocessing.active_children()
        del iterator
        gc.collect()
        assert not ours()
    for _ in NUMBERS.map(plus_one, num_parallel_workers=2, python_multiprocessing=processes):
        break


def in_new_process(program, **options):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
        **options,
    )


PIPELINE = """
    import os, sys, time
    import numpy as np
    from adcore.dataset import NumpySlicesDataset

    def slow(x):
        {work}
        return np.int64(os.getpid())

    rows = NumpySlicesDataset(np.arange(200), shuffle=False)
    it = iter(rows.map(slow, num_parallel_workers=2, python_multiprocessing={processes}))
"""


def gone(pid):
    """Whether a process has ended; its parent may not have been told yet."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until_gone(pid):
    for _ in range(1000):
        if gone(pid):
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"process {pid} is left")


@pytest.mark.parametrize("processes", [False, True])
def test_the_interpreter_ends_while_workers_work(processes):
    program = (
        PIPELINE.format(work="time.sleep(0.05)", processes=processes) + "    print(int(next(it)[0]), flush=True)\n"
    )
    child = in_new_process(program)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0 and not err
    if processes:
        wait_until_gone(int(out))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at Linux's files")
def test_processes_end_when_their_parent_is_killed():
    program = (
        PIPELINE.format(work="pass", processes=True)
        + "    print(*{int(next(it)[0]) for _ in range(20)}, flush=True)\n    time.sleep(60)\n"
    )
    child = in_new_process(program)
    pids = [int(pid) for pid in child.stdout.readline().split()]
    child.kill()
    child.communicate()
    assert pids
    for pid in pids:
        wait_until_gone(pid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at Linux's files")
@pytest.mark.parametrize("processes", [False, True])
def test_one_ctrl_c_ends_it_and_leaves_nothing(processes):
    """The signal goes to the whole group, as from a terminal."""
    program = (
        PIPELINE.format(work="time.sleep(0.02)", processes=processes)
        + """
    try:
        print(int(next(it)[0]), flush=True)
        for _ in it:
            pass
    except KeyboardInterrupt:
        rest = [int(x) for x, in it]
        print("interrupted", it.state_dict()["epoch"], len(rest) > 100, flush=True)
"""
    )
    child = in_new_process(program, start_new_session=True)
    pid = int(child.stdout.readline())
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=120)
    assert out.split() == ["interrupted", "1", "True"] and not err and child.returncode == 0
    if processes:
        wait_until_gone(pid)


def test_a_fork_of_the_consumer_does_not_stop_its_workers():
    iterator = iter(NUMBERS.map(pids, num_parallel_workers=2, python_multiprocessing=True))
    next(iterator)
    pid = os.fork()
    if pid == 0:
        workers._close_all()  # what the end of its interpreter does
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert len(list(iterator)) == 19
