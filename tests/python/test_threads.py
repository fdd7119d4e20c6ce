"""What process and library do to each other: threads, affinity, forks, signals, the floating-point unit.

Programs run in interpreters of their own, because they change the process; a limit of time only catches a hang.
"""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, nn, ops


def run(program, env=None):
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=env)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture
def thread_counts():
    """A loop over numbers of threads that puts back the old one."""
    before = adcore.get_num_threads()

    def counts():
        for count in (1, 2, 3, 8):
            adcore.set_num_threads(count)
            yield count

    yield counts
    adcore.set_num_threads(before)


def programs():
    """Name -> a function of nothing that returns arrays, on sizes beyond those that one thread keeps for itself."""
    x, y, a, b = (
        Tensor(floats(300_007)),
        Tensor(floats(300_007, seed=1)),
        Tensor(floats(301, 517)),
        Tensor(floats(517, 403)),
    )
    target = Tensor((floats(300_007, seed=2) > 0).astype(np.float32))
    rows, classes = Tensor(floats(4001, 67)), Tensor(np.arange(4001, dtype=np.int32) % 67)

    def chain(c):
        return (ops.tanh(2 * c + 1) * ops.sigmoid(c) + ops.exp(-c * c)).mean()

    def adam():
        w = Parameter(Tensor(floats(1_200_003)), name="w")
        optimizer = nn.Adam([w], 0.01)
        for seed in (3, 4):
            optimizer((Tensor(floats(1_200_003, seed=seed)),))
        return [w]

    return {
        "chain": lambda: [grad(chain)(x)],
        "product": lambda: list(grad(lambda a, b: (a @ b).sum(), (0, 1))(a, b)),
        "bce": lambda: [grad(lambda z: ops.binary_cross_entropy_with_logits(z, target))(x)],
        "cross_entropy": lambda: [grad(lambda z: ops.cross_entropy(z, classes))(rows)],
        "broadcast": lambda: list(grad(lambda a, r: (a * r + r).sum(), (0, 1))(a, Tensor(floats(517)))),
        "softmax": lambda: [grad(lambda z: (ops.softmax(z) * z).sum())(rows)],
        "adam": adam,
        "sum": lambda: [grad(lambda x, y: (x * y).sum() ** 2, 0)(x, y)],
    }


@pytest.mark.parametrize("name", programs())
def test_gradients_and_steps_have_the_same_bits_at_any_number_of_threads(name, thread_counts):
    program = programs()[name]
    results = [[t.asnumpy().tobytes() for t in program()] for _ in thread_counts()]
    assert all(result == results[0] for result in results[1:])


def test_more_threads_than_anybody_has(thread_counts):
    list(thread_counts())
    a = floats(400, 400)
    adcore.set_num_threads(256)
    np.testing.assert_allclose(ops.matmul(Tensor(a), Tensor(a)).asnumpy(), a @ a, rtol=1e-4, atol=1e-3)
    with pytest.raises(ValueError, match="10000"):
        adcore.set_num_threads(10_000)
    assert adcore.get_num_threads() == 256


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_a_process_that_may_run_on_one_core_uses_one_thread():
    program = """
        import os
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        import adcore
        print(adcore.get_num_threads())
    """
    assert run(program) == "1"


@pytest.mark.parametrize(
    "variables, threads",
    [
        ({"ADCORE_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "6,2"}, 6),  # of nested levels of OpenMP, the outermost first
        ({"OMP_NUM_THREADS": "100000"}, 256),
        ({"OMP_NUM_THREADS": "5", "ADCORE_NUM_THREADS": "7"}, 7),
        ({"OMP_NUM_THREADS": "5", "ADCORE_NUM_THREADS": ""}, 5),
        ({"OMP_NUM_THREADS": "few"}, None),
        ({"OMP_NUM_THREADS": "0"}, None),
        ({}, None),
    ],
)
def test_the_environment_says_how_many_threads_there_are(variables, threads):
    free = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "ADCORE_NUM_THREADS")}
    program = "import adcore; print(adcore.get_num_threads())"
    found = int(run(program, env={**free, **variables}))
    assert found == threads if threads else 1 <= found <= os.cpu_count()


@pytest.mark.parametrize("wrong", ["0", "-2", "many", "2 3", "257", "1.5"])
def test_a_number_of_threads_in_the_environment_that_is_none(wrong):
    program = """
        try:
            import adcore
        except ImportError as error:
            print(error)
    """
    text = run(program, env={**os.environ, "ADCORE_NUM_THREADS": wrong})
    assert text == "ADCORE_NUM_THREADS must be a number of threads in [1, 256]; correct it, or unset it."


def test_processes_of_joblib_share_the_cpus():
    joblib = pytest.importorskip("joblib")
    program = """
        import adcore, joblib
        def threads():
            return adcore.get_num_threads()
        for inner in (None, 3):
            with joblib.parallel_config(backend="loky", inner_max_num_threads=inner):
                print(*joblib.Parallel(n_jobs=2)(joblib.delayed(threads)() for _ in range(4)))
    """
    shared, told = run(program).splitlines()
    assert shared.split() == [str(max(joblib.cpu_count() // 2, 1))] * 4
    assert told.split() == ["3"] * 4


@pytest.mark.parametrize("order", ["import threadpoolctl, adcore", "import adcore; adcore.register_threadpoolctl()"])
def test_threadpoolctl_limits_the_threads(order):
    pytest.importorskip("threadpoolctl")
    program = f"""
        {order}
        from threadpoolctl import threadpool_info, threadpool_limits
        adcore.register_threadpoolctl()
        adcore.set_num_threads(4)
        with threadpool_limits(1):
            print(adcore.get_num_threads())
        print(adcore.get_num_threads())
        with threadpool_limits(1, user_api="blas"):
            print(adcore.get_num_threads())
        with threadpool_limits({{"adcore": 1000}}):
            print(adcore.get_num_threads())
        (own,) = [entry for entry in threadpool_info() if entry["internal_api"] == "adcore"]
        print(own["num_threads"], own["version"] == adcore.__version__)
    """
    assert run(program).split() == ["1", "4", "4", "256", "4", "True"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_threads_that_share_one_core_end_their_work():
    program = """
        import os
        import numpy as np
        import adcore
        from adcore import Tensor, ops
        adcore.set_num_threads(4)
        a = np.random.default_rng(0).standard_normal((500, 500)).astype(np.float32)
        free = ops.matmul(Tensor(a), Tensor(a)).asnumpy().tobytes()
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        for _ in range(50):
            assert ops.matmul(Tensor(a), Tensor(a)).asnumpy().tobytes() == free
    """
    run(program)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_pool_of_forked_processes_computes_while_the_parent_does():
    program = """
        import multiprocessing, warnings
        import numpy as np
        import adcore
        from adcore import Tensor, grad, ops
        warnings.simplefilter("ignore")  # Python's own warning about forking with threads
        adcore.set_num_threads(2)
        def work(seed):
            a = Tensor(np.random.default_rng(seed).standard_normal((400, 400)).astype(np.float32))
            return grad(lambda a: ops.tanh(a @ a).sum())(a).asnumpy().tobytes()
        here = [work(seed) for seed in range(4)]
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pending = pool.map_async(work, range(4))
            assert [work(seed) for seed in range(4)] == here
            assert pending.get(timeout=600) == here
    """
    run(program)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_in_the_middle_of_another_threads_kernels():
    program = """
        import os, threading, warnings
        import numpy as np
        import adcore
        from adcore import Tensor, ops
        warnings.simplefilter("ignore")
        adcore.set_num_threads(2)
        a = Tensor(np.full((500, 500), 0.01, np.float32))
        right = ops.matmul(a, a).asnumpy().tobytes()
        stop = threading.Event()
        def busy():
            while not stop.is_set():
                assert ops.matmul(a, a).asnumpy().tobytes() == right
        thread = threading.Thread(target=busy)
        thread.start()
        codes = []
        for _ in range(10):
            child = os.fork()
            if child == 0:
                os._exit(0 if ops.matmul(a, a).asnumpy().tobytes() == right else 3)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        stop.set()
        thread.join()
        assert codes == [0] * 10, codes
    """
    run(program)


INTERRUPTED = """
    import os, signal, threading
    import numpy as np
    import adcore
    from adcore import Tensor, grad, ops

    # A shell starts what runs in the background with the signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    soon = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))

    {work}
    assert float(grad(lambda x: x * x)(Tensor(3.0))) == 6.0
    print("still at work")
"""

LONG_KERNELS = """
    a = Tensor(np.ones((1500, 1500), np.float32))
    soon.start()
    try:
        while True:
            ops.matmul(a, a)
    except KeyboardInterrupt:
        pass
"""

LONG_SWEEP = """
    def f(x):
        for _ in range(1_000_000):
            x = x * 0.999999
        if soon.ident is None:  # a second signal would meet what follows the loop
            soon.start()
        return x
    sweeps = 0
    try:
        # The function is over when the signal comes, or the next call's loop meets it.
        while True:
            grad(f)(Tensor(1.0))
            sweeps += 1
    except KeyboardInterrupt:
        pass
    assert sweeps < 5
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("work", [LONG_KERNELS, LONG_SWEEP], ids=["kernels", "sweep"])
def test_an_interrupt_arrives_and_leaves_everything_usable(work):
    assert signal.getsignal(signal.SIGINT) is not None
    assert run(textwrap.dedent(INTERRUPTED).replace("{work}", textwrap.dedent(work))) == "still at work"


def test_the_state_of_the_floating_point_unit_is_left_alone():
    """Denormals survive, here and in NumPy; rounding goes to the nearest: in every thread that took part."""
    tiny = np.full(300_000, 3e-45, np.float32)  # two units of the smallest denormal
    halves = (Tensor(tiny) * 0.5).asnumpy()
    np.testing.assert_array_equal(halves, np.full(300_000, 1e-45, np.float32))
    assert (tiny * np.float32(0.5) == np.float32(1e-45)).all()
    assert np.float64(5e-324) * 1.0 != 0.0
    assert 1.0 + 2.0**-53 == 1.0 and 1.0 + 3 * 2.0**-53 == 1.0 + 2.0**-51
