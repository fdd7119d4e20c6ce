"""Functions that all processes of a group call together: sums, shares and copies of tensors.

Each is an op in every transform: recorded by jit as a call of the host, mapped by vmap as one call for all members, and
differentiated. A derivative is that of the sum over all processes of what each of them differentiates: reverse mode of
one function is another one, which all processes call. What is not a sum is made of `all_gather` and ops. Messages from
one process to another, at the end, have rules that make messages.

Before numbers travel the processes compare what each of them calls, and with which shape and dtype: MPI would mix what
does not belong together. Start reading at `_call`.
"""

import functools
import zlib
from collections.abc import Callable

from adcore import _core, ops
from adcore._core import Tensor, bfloat16, bool_, float16, float32
from adcore.tensor import from_numpy
from adcore.transforms import custom_vjp
from adcore.transforms.rule import attach, constants, filled

from .world import group_of, in_step, poll, wait

_COMBINED = {"max": ops.amax, "min": ops.amin, "prod": ops.prod}


def all_reduce(tensor, op="sum", group=None):
    """Return the sum over all processes, or another combination, element by element; the same bits everywhere.

    Parameters
    ----------
    tensor : Tensor
        Of the same shape and dtype in all processes. Half precision is added in float32 and rounded once.
    op : {"sum", "max", "min", "prod"}
    group : str, optional
        By default all processes.

    Returns
    -------
    Tensor
        Of the same shape and dtype.

    Raises
    ------
    RuntimeError
        If the processes call different things, or one does not come (see ADCORE_MPI_TIMEOUT).
    TypeError, ValueError
        If `tensor` is none, or is of bools, or there is no such `op` or group.

    Examples
    --------
    >>> from adcore import Tensor, communication
    >>> print(communication.all_reduce(Tensor([1.0, 2.0])))
    [1. 2.]
    """
    name = "all_reduce"
    tensor, comm = _checked(name, tensor, group, combined=True)
    if op != "sum" and op not in _COMBINED:
        raise ValueError(f"{name}: op must be 'sum', 'max', 'min' or 'prod', got {op!r}.")
    if comm is None:
        return tensor.copy()
    if op != "sum":
        return _COMBINED[op](_gather(group, f"all_reduce of {op}", tensor.reshape((1, *tensor.shape))), 0)
    if tensor.dtype in (float16, bfloat16):
        return _sum(group, tensor.astype(float32)).astype(tensor.dtype)
    return _sum(group, tensor)


def all_gather(tensor, group=None):
    """Return the tensors of all processes behind one another along the first axis, in the order of their ranks.

    Parameters
    ----------
    tensor : Tensor
        Of one axis at least, of the same shape and dtype in all processes.
    group : str, optional

    Returns
    -------
    Tensor
        Of shape (size of the group * tensor.shape[0], ...).

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As :func:`all_reduce`.

    Examples
    --------
    >>> from adcore import Tensor, communication
    >>> print(communication.all_gather(Tensor([1.0, 2.0])))
    [1. 2.]
    """
    tensor, comm = _checked("all_gather", tensor, group, axes=1)
    return tensor.copy() if comm is None else _gather(group, "all_gather", tensor)


def reduce_scatter(tensor, op="sum", group=None):
    """Return this process's share, along the first axis, of what `all_reduce` gives.

    Parameters
    ----------
    tensor : Tensor
        Its first axis is a multiple of the size of the group.
    op : {"sum", "max", "min", "prod"}
    group : str, optional

    Returns
    -------
    Tensor
        Of shape (tensor.shape[0] / size of the group, ...).

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As :func:`all_reduce`, and if the first axis cannot be shared.

    Examples
    --------
    >>> from adcore import Tensor, communication
    >>> print(communication.reduce_scatter(Tensor([1.0, 2.0])))
    [1. 2.]
    """
    tensor, comm = _checked("reduce_scatter", tensor, group, axes=1, combined=True)
    size = 1 if comm is None else comm.size
    _check_shares("reduce_scatter", tensor, size)
    if op != "sum" or tensor.dtype in (float16, bfloat16):
        whole, count = all_reduce(tensor, op, group), tensor.shape[0] // size
        rank = 0 if comm is None else comm.rank
        return whole[rank * count : (rank + 1) * count]
    return tensor.copy() if comm is None else _scatter_sum(group, "reduce_scatter", tensor)


def broadcast(tensor, src=0, group=None):
    """Return the tensor of one process in all of them.

    Parameters
    ----------
    tensor : Tensor
        Of the same shape and dtype in all processes; only that of `src` counts.
    src : int, default 0
        The rank in the group of the process whose tensor it is.
    group : str, optional

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As :func:`all_reduce`, and if there is no such rank.

    Examples
    --------
    >>> from adcore import Tensor, communication
    >>> print(communication.broadcast(Tensor([1.0, 2.0])))
    [1. 2.]
    """
    tensor, comm = _checked("broadcast", tensor, group)
    check_rank("broadcast", "src", src, comm)
    return tensor.copy() if comm is None else _copy(group, src, tensor)


def reduce(tensor, dst=0, op="sum", group=None):
    """Return in one process what `all_reduce` gives; in the others zeros.

    Parameters
    ----------
    tensor : Tensor
    dst : int, default 0
        The rank in the group of the process that gets the result.
    op : {"sum", "max", "min", "prod"}
    group : str, optional

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As :func:`all_reduce`, and if there is no such rank.

    Examples
    --------
    >>> from adcore import Tensor, communication
    >>> print(communication.reduce(Tensor([1.0, 2.0])))
    [1. 2.]
    """
    tensor, comm = _checked("reduce", tensor, group, combined=True)
    check_rank("reduce", "dst", dst, comm)
    if op == "sum" and comm is not None and tensor.dtype not in (float16, bfloat16):
        return _sum_at(group, dst, tensor)
    whole = all_reduce(tensor, op, group)
    return whole if comm is None else _only_at(group, dst, whole)


def all_to_all(tensor, group=None):
    """Exchange shares along the first axis: share i goes to process i, and what came from it stands there afterwards.

    Parameters
    ----------
    tensor : Tensor
        Its first axis is a multiple of the size of the group.
    group : str, optional

    Returns
    -------
    Tensor
        Of the same shape.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As :func:`all_reduce`, and if the first axis cannot be shared.

    Examples
    --------
    >>> from adcore import Tensor, communication
    >>> print(communication.all_to_all(Tensor([1.0, 2.0])))
    [1. 2.]
    """
    tensor, comm = _checked("all_to_all", tensor, group, axes=1)
    _check_shares("all_to_all", tensor, 1 if comm is None else comm.size)
    return tensor.copy() if comm is None else _exchange(group, tensor)


def barrier(group=None):
    """Return when all processes have called it.

    Raises
    ------
    RuntimeError
        If one does not come (see ADCORE_MPI_TIMEOUT).

    Examples
    --------
    >>> from adcore import communication
    >>> communication.barrier()
    """
    comm = group_of("barrier", group)
    if comm is not None:
        ops.host_callback(lambda: wait("barrier", group, [comm.Ibarrier()]))


def collective_permute(tensor, pairs, group=None):
    """Send tensors from process to process, all at once: none waits for another one that waits for it.

    Parameters
    ----------
    tensor : Tensor
        Of the same shape and dtype in all processes.
    pairs : list of tuple
        Of pairs of ranks in the group, (from, to), the same list in all processes. A rank is at most once the first of
        a pair, and at most once the second.
    group : str, optional

    Returns
    -------
    Tensor
        What came; zeros in a process to which none sends. A derivative needs it in what each process differentiates.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As :func:`all_reduce`, and if `pairs` is another thing.

    Examples
    --------
    A ring, in which each process passes its tensor to the next one:

    >>> from adcore import Tensor, communication
    >>> size = communication.get_group_size()
    >>> print(communication.collective_permute(Tensor([1.0, 2.0]), [(r, (r + 1) % size) for r in range(size)]))
    [1. 2.]
    """
    name = "collective_permute"
    tensor, comm = _checked(name, tensor, group)
    pairs = tuple(map(tuple, pairs))
    for pair in pairs:
        if len(pair) != 2:
            raise ValueError(f"{name}: pairs must be of two ranks each, got {pair}.")
        for rank in pair:
            check_rank(name, "each of pairs", rank, comm)
    for side in zip(*pairs):
        if len(set(side)) < len(side):
            raise ValueError(f"{name}: a rank may send once and receive once, got {list(pairs)}.")
    if comm is None:
        return tensor.copy() if pairs else ops.zeros_like(tensor)
    return _permute(group, pairs, tensor)


def send(tensor, dst=0, group=None, tag=0):
    """Send a tensor to a process, which receives it by :func:`recv`.

    Parameters
    ----------
    tensor : Tensor
    dst : int
        The rank of that process in the group.
    group : str, optional
    tag : int, default 0
        Tells messages between the same processes apart.

    Raises
    ------
    RuntimeError
        If it is not received (see ADCORE_MPI_TIMEOUT), or this process is alone.
    TypeError, ValueError
        If `tensor` is none, or there is no such rank or group.

    Notes
    -----
    The process that sends and the one that receives differentiate together, or neither does: the cotangent of what was
    received travels back when the sweep of this process comes to the call of `send`, whatever that process computes
    from it and whatever this one returns. So a stage of a network whose layers are spread over processes is

    ``grad(stage, None, weights)(x)``: ``stage`` ends with ``send(h, next)`` and returns ``ops.zeros(())``;

    the last stage begins with ``h = recv(like, before)`` and returns the loss. Under `jvp` a tangent travels behind a
    value, and under `vmap` one message has all members, where `tensor` is mapped in both processes. What is sent within
    `no_grad`, in both processes, and what is not of a floating dtype is a constant, for which nothing travels back.

    Two processes that both send first may wait for each other for ever: see :func:`collective_permute`.

    Examples
    --------
    >>> from adcore import Tensor, communication
    >>> communication.send(Tensor([1.0]), 1)
    Traceback (most recent call last):
    ...
    RuntimeError: send: this process is alone; several are started by mpiexec.
    """
    tensor, comm = _checked("send", tensor, group)
    _other("send", "dst", dst, comm)
    _send("value", group, dst, tag, tensor)


def recv(tensor, src=0, group=None, tag=0):
    """Return the tensor that a process sent by :func:`send`, which says how it is differentiated.

    Parameters
    ----------
    tensor : Tensor
        Of the shape and dtype of what comes; its elements do not count.
    src : int
        The rank of the process that sends, in the group.
    group : str, optional
    tag : int, default 0

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If nothing comes (see ADCORE_MPI_TIMEOUT), or this process is alone.
    ValueError
        If what comes has another shape or dtype, or one process differentiates it and the other does not, or there is
        no such rank or group.

    Examples
    --------
    >>> from adcore import Tensor, communication
    >>> communication.recv(Tensor([0.0]), 1)
    Traceback (most recent call last):
    ...
    RuntimeError: recv: this process is alone; several are started by mpiexec.
    """
    tensor, comm = _checked("recv", tensor, group)
    _other("recv", "src", src, comm)
    return _recv("value", group, src, tag, tensor)


# ---- checks -------------------------------------------------------------------------------------------------------


def _checked(name, tensor, group, axes=0, combined=False):
    """Return the Tensor and the communicator, None where this process is alone."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name}: tensor must be a Tensor, got {type(tensor).__name__}.")
    if combined and tensor.dtype is bool_:
        raise TypeError(f"{name}: bools are not combined; cast them to int32.")
    if tensor.ndim < axes:
        raise ValueError(
            f"{name}: tensor needs an axis along which processes share it, got shape {tuple(tensor.shape)}."
        )
    return tensor, group_of(name, group)


def _check_shares(name, tensor, size):
    if tensor.shape[0] % size:
        raise ValueError(f"{name}: the first axis, {tensor.shape[0]}, is not a multiple of the {size} processes.")


def check_rank(name, argument, rank, comm):
    size = 1 if comm is None else comm.size
    if isinstance(rank, bool) or not isinstance(rank, int) or not 0 <= rank < size:
        raise ValueError(f"{name}: {argument} must be a rank below {size}, got {rank!r}.")


def _other(name, argument, rank, comm):
    """Return the communicator, if there is another process of that rank."""
    if comm is None:
        raise RuntimeError(f"{name}: this process is alone; several are started by mpiexec.")
    check_rank(name, argument, rank, comm)
    if rank == comm.rank:
        raise ValueError(f"{name}: {argument}, {rank}, is this process itself.")
    return comm


# ---- what travels -------------------------------------------------------------------------------------------------


def _contiguous(tensor):
    import numpy as np

    return np.asarray(tensor.asnumpy(), order="C")


def _bytes(array):
    """The memory of a contiguous array: what is only moved may be of a dtype that MPI does not know."""
    import numpy as np

    return array.reshape(-1).view(np.uint8)


def fresh(shape, kind):
    """Return a Tensor whose values are still to be written, and the array to write them to, which does not hold it.

    Memory of Tensors is used again and again. What NumPy allocates often comes from the system, and MPI takes several
    times as long to move what it has never seen.
    """
    import numpy as np
    from mpi4py import MPI

    made = ops.empty(shape, dtype=float32 if kind is bfloat16 else kind)
    seen = made.asnumpy()
    if made.size == 0:
        return made, np.empty(shape, seen.dtype)
    memory = MPI.buffer.fromaddress(seen.ctypes.data, seen.nbytes)
    return made, np.frombuffer(memory, seen.dtype).reshape(shape)


def _as_kind(array, kind):
    """Return a Tensor of the array's memory; bfloat16 is float32 in NumPy."""
    return from_numpy(array).astype(kind)


def agree(name, group, comm, *facts):
    """Check that all processes are here, with the same facts.

    Raises
    ------
    RuntimeError
        If they are not.
    """
    import numpy as np
    from mpi4py import MPI

    code = zlib.crc32(repr((name, *facts)).encode())
    codes = np.array([code, -code], np.int64)
    wait(name, group, [comm.Iallreduce(MPI.IN_PLACE, codes, MPI.MAX)], codes)
    if codes[0] != -codes[1]:
        raise RuntimeError(
            f"{name}: rank {comm.rank} of {comm.size} calls it with {', '.join(map(str, facts))}, and another process "
            "calls something else, or with another shape or dtype. All processes must make the same calls in one order."
        )


def when_there_are_values(run, tensors, result, vectorized=False):
    """Return run(*tensors), called by `ops.host_callback`, or at once where that would do nothing else."""
    tensors = list(tensors)
    if _core.is_tracing() or _core.is_tracked(tensors) or _core.innermost(tensors) is not None:
        return ops.host_callback(run, *tensors, result=result, vectorized=vectorized)
    return run(*tensors)


def _call(name, group, tensor, shape, run, *facts):
    """Call run(comm, array, result) when there are values, with members of a vmap along first axes; return the result.

    `array` and `result` are contiguous, of members times the shapes of `tensor` and the given one.
    """
    axes, shape = tensor.ndim, tuple(shape)

    def transfer(tensor):
        import numpy as np

        comm = group_of(name, group)
        array = _contiguous(tensor)
        members = array.shape[: array.ndim - axes]
        agree(name, group, comm, *facts, array.shape, tensor.dtype)
        with in_step(name):
            made, result = fresh((*members, *shape), tensor.dtype)
            count = int(np.prod(members))
            run(comm, array.reshape(count, *array.shape[len(members) :]), result.reshape(count, *shape))
            return made.astype(tensor.dtype)

    return when_there_are_values(transfer, [tensor], (shape, tensor.dtype), vectorized=True)


def _ranked(array, size):
    """The shares of each member's first axis, the processes in front: (size, members, share, ...), contiguous."""
    import numpy as np

    members, rows, *rest = array.shape
    return np.ascontiguousarray(np.moveaxis(array.reshape(members, size, rows // size, *rest), 1, 0))


def _unranked(array, result):
    """Write shares with the processes in front to where they stand in each member."""
    import numpy as np

    size, members, rows, *rest = array.shape
    result.reshape(members, size, rows, *rest)[:] = np.moveaxis(array, 0, 1)


def _linear(forward, backward):
    """A function of (group, ..., tensor) whose cotangent is the other function of (group, ..., cotangent)."""

    @functools.wraps(forward)
    def call(*args):
        *settings, tensor = args

        @custom_vjp
        def apply(tensor):
            return forward(*settings, tensor)

        # Outer levels differentiate what a rule does, so it calls what has a rule.
        apply.defvjp(lambda tensor: (apply(tensor), None), lambda _, g: (backward(*settings, g),))
        return apply(tensor)

    return call


def _run_sum(group, tensor):
    def run(comm, array, result):
        wait("all_reduce", group, [comm.Iallreduce(array, result)], array, result)

    return _call("all_reduce", group, tensor, tensor.shape, run)


def _run_gather(group, name, tensor):
    size = group_of(name, group).size

    def run(comm, array, result):
        import numpy as np

        parts = np.empty((size, *array.shape), array.dtype)
        wait(name, group, [comm.Iallgather(_bytes(array), _bytes(parts))], array, parts)
        _unranked(parts, result)

    rows, *rest = tensor.shape
    return _call(name, group, tensor, (size * rows, *rest), run)


def _run_scatter_sum(group, name, tensor):
    if tensor.dtype in (float16, bfloat16):
        return _run_scatter_sum(group, name, tensor.astype(float32)).astype(tensor.dtype)
    size = group_of(name, group).size

    def run(comm, array, result):
        shares = _ranked(array, size)
        wait(name, group, [comm.Ireduce_scatter_block(shares, result)], shares, result)

    rows, *rest = tensor.shape
    return _call(name, group, tensor, (rows // size, *rest), run)


def _run_copy(group, src, tensor):
    def run(comm, array, result):
        result[:] = array
        wait("broadcast", group, [comm.Ibcast(_bytes(result), src)], result)

    return _call("broadcast", group, tensor, tensor.shape, run, f"src={src}")


def _run_sum_at(group, dst, tensor):
    if tensor.dtype in (float16, bfloat16):
        return _run_sum_at(group, dst, tensor.astype(float32)).astype(tensor.dtype)

    def run(comm, array, result):
        if comm.rank != dst:
            result[:] = 0
        request = comm.Ireduce(array, result if comm.rank == dst else None, root=dst)
        wait("reduce", group, [request], array, result)

    return _call("reduce", group, tensor, tensor.shape, run, f"dst={dst}")


def _run_exchange(group, tensor):
    size = group_of("all_to_all", group).size

    def run(comm, array, result):
        import numpy as np

        sent = _ranked(array, size)
        received = np.empty_like(sent)
        wait("all_to_all", group, [comm.Ialltoall(_bytes(sent), _bytes(received))], sent, received)
        _unranked(received, result)

    return _call("all_to_all", group, tensor, tensor.shape, run)


def _run_permute(group, pairs, tensor):
    name = "collective_permute"

    def run(comm, array, result):
        source = {to: of for of, to in pairs}.get(comm.rank)
        requests = [comm.Isend(_bytes(array), to) for of, to in pairs if of == comm.rank]
        if source is None:
            result[:] = 0
        else:
            requests.append(comm.Irecv(_bytes(result), source))
        wait(name, group, requests, array, result)

    return _call(name, group, tensor, tensor.shape, run, f"pairs={list(pairs)}")


def _back(pairs):
    return tuple((to, of) for of, to in pairs)


def _mask(group, dst, tensor):
    return tensor.copy() if group_of("reduce", group).rank == dst else ops.zeros_like(tensor)


# Each by its transpose.
_sum: Callable[..., Tensor] = _linear(_run_sum, lambda group, g: _sum(group, g))
_gather: Callable[..., Tensor] = _linear(_run_gather, lambda group, name, g: _scatter_sum(group, name, g))
_scatter_sum: Callable[..., Tensor] = _linear(_run_scatter_sum, lambda group, name, g: _gather(group, name, g))
_copy: Callable[..., Tensor] = _linear(_run_copy, lambda group, src, g: _sum_at(group, src, g))
_sum_at: Callable[..., Tensor] = _linear(_run_sum_at, lambda group, dst, g: _copy(group, dst, g))
_exchange: Callable[..., Tensor] = _linear(_run_exchange, lambda group, g: _exchange(group, g))
_permute: Callable[..., Tensor] = _linear(_run_permute, lambda group, pairs, g: _permute(group, _back(pairs), g))
# What one process has alone. Its rule passes zeros on, so that all processes go on to what came before.
_only_at: Callable[..., Tensor] = _linear(_mask, lambda group, dst, g: _only_at(group, dst, g))


# ---- messages between two processes -------------------------------------------------------------------------------
#
# A rule that sends or receives runs in every sweep of every level that is open, whether or not anything reaches it:
# what the other process does cannot be known here. What travels says what it is, so that a process that differentiates
# with one that does not gets an error.


def _send(what, group, dst, tag, tensor, like=None):
    """Send a value, or a tangent or cotangent like one; what is differentiated further receives the cotangent of that.

    A tangent may be the same for all members of a vmap, and its value not: there are as many as there are values.
    """
    (value,) = constants([tensor])
    levels = _core.open_derivatives()

    def run(value, _):
        import numpy as np

        comm = group_of("send", group)
        head = np.frombuffer(_described(what, value.shape, value.dtype, levels), np.uint8)
        body = _bytes(_contiguous(value))
        wait("send", group, [comm.Isend(head, dst, tag), comm.Isend(body, dst, tag)], head, body)

    def pull(*_):
        return [_recv("cotangent", group, dst, tag, value)]

    def push(_, tangents):
        _send("tangent", group, dst, tag, tangents[0], value)
        return [Tensor(0.0)]

    ops.host_callback(run, value, like if like is not None and _core.is_batch(like) else None, vectorized=True)
    if value.dtype.is_floating_point:
        # The output stands for the message.
        attach("send", [tensor], [Tensor(0.0)], pull, push, always=True)


def _recv(what, group, src, tag, tensor):
    """Return a value, a tangent or a cotangent that comes; where it is differentiated its cotangent is sent."""
    (like,) = constants([tensor])
    levels = _core.open_derivatives()

    def received(comm):
        import numpy as np
        from mpi4py import MPI

        status = MPI.Status()
        message = poll("recv", group, lambda: comm.Improbe(src, tag, status))
        made = np.empty(status.Get_elements(MPI.BYTE), np.uint8)
        message.Recv(made)
        return made

    def run(like):
        comm = group_of("recv", group)
        head, body = received(comm).tobytes(), received(comm)
        expected = _described(what, like.shape, like.dtype, levels)
        if head != expected:
            raise ValueError(
                f"recv: {expected.decode()} was expected from rank {src}, and {head.decode()} came. Both processes "
                "differentiate and map what they send to each other, or neither does."
            )
        return _as_kind(body.view(like.asnumpy().dtype).reshape(like.shape), like.dtype)

    def pull(cotangents, _):
        _send("cotangent", group, src, tag, filled(cotangents, [value])[0], value)
        return [None]

    def push(*_):
        return [_recv("tangent", group, src, tag, value)]

    value = ops.host_callback(run, like, result=like, vectorized=True)
    if not value.dtype.is_floating_point:
        return value
    return attach("recv", [tensor], [value], pull, push, always=True)[0]


def _described(what, shape, kind, levels):
    return f"a {what} of shape {tuple(shape)} and dtype {kind}, differentiated {levels} times,".encode()
