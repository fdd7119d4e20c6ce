"""Which processes there are, in groups, and how one waits for the others.

A group is a communicator of MPI's under a name. Without :func:`init` there is one process, unless a launcher has
started several: each of those would train alone without a word, so functions refuse to answer then. Start reading at
`group_of`.
"""

import functools
import os
import sys
import time

_LAUNCHED = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MPI_LOCALNRANKS")  # what launchers tell the processes
_SPIN = 1e-3  # seconds in which an answer is looked for without a pause, where each process has a core
_spin = _SPIN
_groups = {}  # by name; empty without init
_abandoned = []  # requests that nobody waits for any more, with their arrays: MPI may still write to these
_fault = None  # why the processes are out of step
_hook = None  # sys.excepthook before init


class GlobalComm:
    """The name of the group of all processes.

    Examples
    --------
    >>> from adcore.communication import GlobalComm
    >>> GlobalComm.WORLD_COMM_GROUP
    'hccl_world_group'
    """

    BACKEND = "undefined"
    WORLD_COMM_GROUP = "hccl_world_group"
    INITED = False


class ReduceOp:
    """How values of several processes are combined.

    Examples
    --------
    >>> from adcore.communication import ReduceOp
    >>> ReduceOp.SUM
    'sum'
    """

    SUM, MAX, MIN, PROD = "sum", "max", "min", "prod"


def init(backend_name=None):
    """Start communication: what every process of a program calls once, before it asks for its rank.

    An exception that nobody catches then ends all processes, after its traceback: the others would wait for ever.

    Parameters
    ----------
    backend_name : str, optional
        MindSpore's "hccl", "nccl" or "mccl": there is one way here, MPI.

    Raises
    ------
    ImportError
        If several processes were launched and mpi4py is not installed.

    Examples
    --------
    >>> from adcore import communication
    >>> communication.init()
    >>> communication.get_rank(), communication.get_group_size()
    (0, 1)
    >>> communication.release()
    """
    global _hook, _spin
    if backend_name is not None and not isinstance(backend_name, str):
        raise TypeError(f"init: backend_name must be a str, got {type(backend_name).__name__}.")
    if _groups:
        return
    GlobalComm.INITED, GlobalComm.BACKEND = True, backend_name or "mccl"
    if _launched() == 1:
        return
    try:
        from mpi4py import MPI
    except ImportError as error:
        GlobalComm.INITED = False
        raise ImportError(
            f"init: {_launched()} processes were launched, but mpi4py is not installed; pip install 'adcore[mpi]'."
        ) from error
    _groups[GlobalComm.WORLD_COMM_GROUP] = MPI.COMM_WORLD.Dup()
    _spin = _SPIN if _has_a_core_each() else 0.0
    _hook = sys.excepthook
    sys.excepthook = _end_all


def _has_a_core_each():
    """Tell whether the processes of this machine may run at once.

    Where there are more of them than cores, one that looks for an answer without a pause keeps from its core the one
    that would give it.
    """
    from mpi4py import MPI

    local = MPI.COMM_WORLD.Split_type(MPI.COMM_TYPE_SHARED)
    try:
        own = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        return len(set().union(*local.allgather(set(own)))) >= local.size
    finally:
        local.Free()


def release():
    """End communication: wait until all processes do so.

    Examples
    --------
    >>> from adcore import communication
    >>> communication.release()
    """
    global _hook
    GlobalComm.INITED = False
    if not _groups:
        return
    if _fault is not None:
        raise RuntimeError(f"release: the processes are out of step since {_fault}; end the program.")
    wait("release", GlobalComm.WORLD_COMM_GROUP, [_groups[GlobalComm.WORLD_COMM_GROUP].Ibarrier()])
    for comm in _groups.values():
        if comm is not None:
            comm.Free()
    _groups.clear()
    sys.excepthook, _hook = _hook, None


def group_of(name, group=None):
    """Return the communicator of a group, or None for a group of this process alone; `name`: for whom, in an error."""
    group = GlobalComm.WORLD_COMM_GROUP if group is None else group
    if not isinstance(group, str):
        raise TypeError(f"{name}: group must be a str, got {type(group).__name__}.")
    if _fault is not None:
        raise RuntimeError(f"{name}: the processes are out of step since {_fault}; end the program.")
    if group in _groups:
        comm = _groups[group]
        if comm is None:
            raise ValueError(f"{name}: this process is not in the group {group!r}.")
        return comm
    if group not in (GlobalComm.WORLD_COMM_GROUP, "nccl_world_group", "mccl_world_group"):
        raise ValueError(f"{name}: there is no group {group!r}; create_group({group!r}, rank_ids) makes one.")
    if _groups:
        return _groups[GlobalComm.WORLD_COMM_GROUP]
    if _launched() > 1:
        raise RuntimeError(
            f"{name}: {_launched()} processes were launched, and this one does not know of the others; call "
            "adcore.communication.init() first."
        )
    return None


def _launched():
    return max((int(os.environ[name]) for name in _LAUNCHED if os.environ.get(name, "").isdigit()), default=1)


def get_rank(group=None):
    """Return the number of this process in a group, counted from 0.

    Raises
    ------
    RuntimeError
        If several processes were launched and :func:`init` was not called.
    ValueError
        If there is no such group, or the process is not in it.

    Examples
    --------
    >>> from adcore.communication import get_rank
    >>> get_rank()
    0
    """
    comm = group_of("get_rank", group)
    return 0 if comm is None else comm.rank


def get_group_size(group=None):
    """Return how many processes there are in a group.

    Raises
    ------
    RuntimeError, ValueError
        As :func:`get_rank`.

    Examples
    --------
    >>> from adcore.communication import get_group_size
    >>> get_group_size()
    1
    """
    comm = group_of("get_group_size", group)
    return 1 if comm is None else comm.size


def _local(name, group):
    comm = group_of(name, group)
    if comm is None:
        return 0, 1
    from mpi4py import MPI

    local = comm.Split_type(MPI.COMM_TYPE_SHARED)
    try:
        return local.rank, local.size
    finally:
        local.Free()


def get_local_rank(group=None):
    """Return the number of this process among those of its machine; all processes of the group call it.

    Examples
    --------
    >>> from adcore.communication import get_local_rank
    >>> get_local_rank()
    0
    """
    return _local("get_local_rank", group)[0]


def get_local_rank_size(group=None):
    """Return how many processes of a group this machine has; all processes of the group call it.

    Examples
    --------
    >>> from adcore.communication import get_local_rank_size
    >>> get_local_rank_size()
    1
    """
    return _local("get_local_rank_size", group)[1]


def create_group(group, rank_ids):
    """Make a group of some processes; all processes call it, those outside of it too.

    Parameters
    ----------
    group : str
        Its name.
    rank_ids : list of int
        The ranks of its processes among all, in the order of their ranks in the group.

    Raises
    ------
    ValueError
        If the name is taken, or a rank is twice there or is not there at all.

    Examples
    --------
    >>> from adcore import communication
    >>> communication.create_group("first", [0])
    Traceback (most recent call last):
    ...
    RuntimeError: create_group: this process is alone; several are started by mpiexec.
    """
    world = group_of("create_group")
    if world is None:
        raise RuntimeError("create_group: this process is alone; several are started by mpiexec.")
    if not isinstance(group, str) or not group:
        raise TypeError(f"create_group: group must be a name, got {group!r}.")
    if group in _groups:
        raise ValueError(f"create_group: there is a group {group!r} already.")
    ranks = [int(rank) for rank in rank_ids]
    if not ranks or len(set(ranks)) < len(ranks) or not all(0 <= rank < world.size for rank in ranks):
        raise ValueError(f"create_group: rank_ids must be different ranks below {world.size}, got {ranks}.")
    inside = world.rank in ranks
    from mpi4py import MPI

    made = world.Split(0 if inside else MPI.UNDEFINED, ranks.index(world.rank) if inside else 0)
    _groups[group] = made if inside else None


def destroy_group(group):
    """Forget a group.

    Raises
    ------
    ValueError
        If there is no such group, or it is that of all.

    Examples
    --------
    >>> from adcore import communication
    >>> communication.destroy_group("first")
    Traceback (most recent call last):
    ...
    ValueError: destroy_group: there is no group 'first'.
    """
    if group == GlobalComm.WORLD_COMM_GROUP:
        raise ValueError("destroy_group: the group of all processes ends by release().")
    if group not in _groups:
        raise ValueError(f"destroy_group: there is no group {group!r}.")
    comm = _groups.pop(group)
    if comm is not None:
        comm.Free()


def get_world_rank_from_group_rank(group, group_rank_id):
    """Return the rank among all processes of a process of a group.

    Raises
    ------
    ValueError
        If there is no such group or rank.

    Examples
    --------
    >>> from adcore import communication
    >>> communication.get_world_rank_from_group_rank(communication.GlobalComm.WORLD_COMM_GROUP, 0)
    0
    """
    return _translated("get_world_rank_from_group_rank", group, None, group_rank_id)


def get_group_rank_from_world_rank(world_rank_id, group):
    """Return the rank in a group of one of all processes.

    Raises
    ------
    ValueError
        If there is no such group, or the process is not in it.

    Examples
    --------
    >>> from adcore import communication
    >>> communication.get_group_rank_from_world_rank(0, communication.GlobalComm.WORLD_COMM_GROUP)
    0
    """
    return _translated("get_group_rank_from_world_rank", None, group, world_rank_id)


def _translated(name, source, target, rank):
    first, second = group_of(name, source), group_of(name, target)
    if not 0 <= rank < (1 if first is None else first.size):
        raise ValueError(f"{name}: there is no rank {rank}.")
    if first is None:
        return rank
    (found,) = first.Get_group().Translate_ranks([rank], second.Get_group())
    if found < 0:
        raise ValueError(f"{name}: the process of rank {rank} is not in the group {target!r}.")
    return found


def wait(name, group, requests, *arrays):
    """Wait until requests are done, but not for ever. `arrays`: what they read and write, which requests do not hold.

    Raises
    ------
    RuntimeError
        If that takes longer than ADCORE_MPI_TIMEOUT seconds: a process has ended, or does something else.
    """
    from mpi4py import MPI

    try:
        poll(name, group, functools.partial(MPI.Request.Testall, requests))
    except BaseException:
        abandon(requests, arrays)
        raise


def abandon(*held):
    """Keep requests and arrays for ever."""
    _abandoned.append(held)


def is_in_step():
    return _fault is None


def poll(name, group, done):
    """Ask until the answer is true, in pauses that grow, and as long as `wait` waits; return the answer."""
    with in_step(name):
        start = time.monotonic()
        while not (answer := done()):
            waited = time.monotonic() - start
            if waited <= _spin:
                continue
            if waited > float(os.environ.get("ADCORE_MPI_TIMEOUT", "600")):
                comm = group_of(name, group)
                raise RuntimeError(
                    f"{name}: rank {comm.rank} of {comm.size} waited {waited:.0f} s for the others; one has ended, or "
                    "calls something else. ADCORE_MPI_TIMEOUT sets how many seconds are waited."
                )
            time.sleep(min(1e-3, waited / 100))
        return answer


class in_step:
    """A block that all processes reach the end of, or none of them communicates any more.

    What is left by an exception in one process only would pair its next message with one of the others' that means
    something else.
    """

    def __init__(self, name):
        self._name = name

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        global _fault
        if kind is not None and _fault is None:
            _fault = f"{kind.__name__} in {self._name}"


def _end_all(kind, error, traceback):
    """Show what nobody caught, and end all processes."""
    comm = _groups.get(GlobalComm.WORLD_COMM_GROUP)
    _hook(kind, error, traceback)
    if comm is not None:
        print(f"rank {comm.rank} of {comm.size} ends all processes.", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        comm.Abort(1)
