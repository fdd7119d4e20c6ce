"""Settings of the process: threads, memory, the random seed, and what the library runs on."""

import os
import sys

from adcore import _core

seedings = 0  # how often the seed was set: what counts from a seed on starts anew then


def set_seed(seed):
    """Start the sequence of random numbers of `seed` anew.

    Parameters
    ----------
    seed : int
        In [0, 2**64).

    Raises
    ------
    TypeError, ValueError
        For anything else.

    Examples
    --------
    >>> import adcore
    >>> adcore.set_seed(1)
    >>> a = adcore.ops.rand(2)
    >>> adcore.set_seed(1)
    >>> bool((a == adcore.ops.rand(2)).all())
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"set_seed: seed must be an int, got {type(seed).__name__}.")
    if not 0 <= seed < 2**64:
        raise ValueError(f"set_seed: seed must be in [0, 2**64), got {seed}.")
    global seedings
    _core.set_seed(seed)
    seedings += 1


def get_seed() -> int:
    """Return the seed of the random numbers.

    Examples
    --------
    >>> import adcore
    >>> adcore.set_seed(7)
    >>> adcore.get_seed()
    7
    """
    return _core.get_seed()


def set_num_threads(n):
    """Set how many threads an operation may use; 1 keeps all work on the calling thread.

    At first it is what the environment says: ``ADCORE_NUM_THREADS``, else ``OMP_NUM_THREADS``, which joblib and others
    set in their workers, else the CPUs that the process may run on, by its affinity and the quota of its control group.

    Parameters
    ----------
    n : int
        At least 1. Results do not depend on it.

    Raises
    ------
    TypeError, ValueError
        For anything else.

    Examples
    --------
    >>> import adcore
    >>> before = adcore.get_num_threads()
    >>> adcore.set_num_threads(1)
    >>> adcore.get_num_threads()
    1
    >>> adcore.set_num_threads(before)
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"set_num_threads: n must be an int, got {type(n).__name__}.")
    _core.set_num_threads(max(min(n, 2**31 - 1), -(2**31)))


def get_num_threads() -> int:
    """Return how many threads an operation may use; `set_num_threads` tells how many it is at first.

    Examples
    --------
    >>> import adcore
    >>> adcore.get_num_threads() >= 1
    True
    """
    return _core.get_num_threads()


_controllers = []  # what is registered


def register_threadpoolctl():
    """Let ``threadpoolctl`` know of adcore's threads, so that ``threadpool_limits`` limits them.

    It is registered by itself where threadpoolctl was imported before adcore, as scikit-learn does, and by
    ``adcore.sklearn``. To call this again changes nothing.

    Raises
    ------
    ImportError
        Without threadpoolctl 3.2 or later.

    Examples
    --------
    >>> import adcore
    >>> from threadpoolctl import threadpool_limits
    >>> adcore.register_threadpoolctl()
    >>> with threadpool_limits(1):
    ...     adcore.get_num_threads()
    1
    """
    if _controllers:
        return
    import threadpoolctl

    if not hasattr(threadpoolctl, "register"):
        raise ImportError("register_threadpoolctl: it needs threadpoolctl 3.2 or later.", name="threadpoolctl")

    class AdcoreController(threadpoolctl.LibController):
        """adcore as threadpoolctl sees it."""

        user_api = internal_api = "adcore"
        filename_prefixes = ("_core.",)
        check_symbols = ("adcore_get_num_threads",)

        def get_num_threads(self):
            return _core.get_num_threads()

        def set_num_threads(self, num_threads):
            self.dynlib.adcore_set_num_threads(num_threads)

        def get_version(self):
            return _core.__version__

    threadpoolctl.register(AdcoreController)
    _controllers.append(AdcoreController)


if hasattr(sys.modules.get("threadpoolctl"), "register"):
    register_threadpoolctl()


def empty_cache():
    """Give unused memory back to the system.

    Memory of tensors that are gone is kept for the next ones: small blocks by the thread that dropped them, up to
    1 MB of each size; blocks above 256 KB for the whole process, up to 256 MB or an eighth of the memory that is
    available. A large block that nobody takes for a second or two goes back by itself once others are in use. This
    function gives back what the calling thread and the process keep. Results do not depend on it.

    See Also
    --------
    memory_stats

    Examples
    --------
    >>> import adcore
    >>> adcore.empty_cache()
    >>> adcore.memory_stats()["bytes_cached"]
    0
    """
    _core.empty_cache()


def memory_stats() -> dict[str, int]:
    """Return what the tensors' memory amounts to.

    Returns
    -------
    dict
        Integers by name:

        ``bytes_in_use``
            Memory of live tensors, and what other threads than the calling one keep for reuse.
        ``bytes_cached``
            Kept for reuse by the calling thread and by the process; see `empty_cache`.
        ``bytes_reserved``
            Taken from the system: the sum of both.
        ``peak_bytes_reserved``
            The most that was reserved at any time.
        ``system_allocations``
            How many blocks were taken from the system since the start. Steps of a loop that has warmed up take none.
        ``large_cache_hits``
            How many blocks above 256 KB were reused since the start.

        Arrays that tensors share (`from_numpy`) do not count.

    Examples
    --------
    >>> import adcore
    >>> before = adcore.memory_stats()["bytes_in_use"]
    >>> x = adcore.ops.zeros(1000)
    >>> adcore.memory_stats()["bytes_in_use"] - before >= 4000
    True
    """
    return _core.memory_stats()


# What parts of the package need beside NumPy, by the extra that installs it.
OPTIONAL = {
    "checkpoint": ("safetensors",),
    "train": ("tqdm", "matplotlib", "tensorboardX"),
    "demo": ("scikit-learn",),
    "image": ("pillow",),
    "mpi": ("mpi4py",),
    "scipy": ("scipy",),
}


def show_config():
    """Print what a report of a fault should have: version, compiler, instruction set, threads, caches, optional parts.

    ``python -m adcore`` prints it, too.

    Examples
    --------
    >>> import adcore
    >>> adcore.show_config()  # doctest: +ELLIPSIS
    adcore ...
    """
    import platform

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    settings = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("ADCORE_")]
    memory = memory_stats()
    lines = {
        "installed in": os.path.dirname(__file__),
        "Python": f"{platform.python_version()} ({sys.implementation.name}), {platform.platform()}",
        "compiler": _core.compiler(),
        "CPU": f"{_cpu()}, {usable} of {os.cpu_count()} cores usable",
        "instruction set": f"{_core.isa()} (this CPU runs {', '.join(_core.isas())}; ADCORE_ISA chooses)",
        "caches": ", ".join(_caches()) or "unknown",
        "threads": _core.get_num_threads(),
        "memory": f"{memory['bytes_reserved'] >> 20} MB reserved, {memory['peak_bytes_reserved'] >> 20} MB at most",
        "environment": " ".join(settings) or "no variable of adcore's is set",
        "NumPy": _version("numpy") or "not installed",
    }
    print(f"adcore {_core.__version__}")
    for name, value in lines.items():
        print(f"{name}: {value}")
    for extra, packages in OPTIONAL.items():
        for package in packages:
            print(f"{package}: {_version(package) or f'not installed (pip install adcore[{extra}])'}")


def _version(package):
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:  # not Linux, or a container that hides it
        return ""


def _cpu():
    """The name of the CPU."""
    import platform

    named = [line for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")]
    return named[0].partition(":")[2].strip() if named else platform.processor() or platform.machine()


def _caches():
    """Yield the caches of the first core, as "L1 data 32K"."""
    for index in range(8):
        level, kind, size = (
            _read(f"/sys/devices/system/cpu/cpu0/cache/index{index}/{fact}").strip()
            for fact in ("level", "type", "size")
        )
        if size:
            yield f"L{level} {'' if kind == 'Unified' else kind.lower() + ' '}{size}"
