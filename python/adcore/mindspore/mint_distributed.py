"""``mindspore.mint.distributed``: functions of `adcore.communication` that write to the Tensor that they are given.

Those that work on lists, on objects or in the background raise NotImplementedError.
"""

from adcore import communication

from .named import named

_OF_SEVERAL = """
    all_gather all_gather_into_tensor all_gather_into_tensor_uneven all_gather_object all_to_all
    all_to_all_single batch_isend_irecv broadcast_object_list gather
    gather_object get_backend get_global_rank get_group_rank get_process_group_ranks irecv isend
    new_group P2POp recv_object_list reduce reduce_scatter reduce_scatter_tensor reduce_scatter_tensor_uneven
    scatter scatter_object_list send_object_list
""".split()  # fmt: skip


def _refused(name):
    def body(*args, **kwargs):
        raise NotImplementedError(
            f"mint.distributed.{name} is not there; adcore.communication has all_gather, reduce_scatter and "
            "collective_permute, whose results are returned."
        )

    return body


def _check_waits(name, async_op):
    if async_op:
        raise NotImplementedError(f"mint.distributed.{name}: async_op=True; a call returns when its result is there.")


def _all_reduce(tensor, op="sum", group=None, async_op=False):
    _check_waits("all_reduce", async_op)
    tensor.copy_(communication.all_reduce(tensor, op, group))


def _broadcast(tensor, src, group=None, async_op=False):
    _check_waits("broadcast", async_op)
    tensor.copy_(communication.broadcast(tensor, src, group))


def _barrier(group=None, async_op=False, device_ids=None):
    _check_waits("barrier", async_op)
    communication.barrier(group)


def _send(tensor, dst=0, group=None, tag=0):
    communication.send(tensor, dst, group, tag)


def _recv(tensor, src=0, group=None, tag=0):
    tensor.copy_(communication.recv(tensor, src, group, tag))
    return src


def _init(backend=None, init_method=None, timeout=None, world_size=-1, rank=-1, **options):
    communication.init(backend)


_ROWS = named(
    "mindspore.mint.distributed",
    {
        **{name: _refused(name) for name in _OF_SEVERAL},
        "all_reduce": _all_reduce,
        "barrier": _barrier,
        "broadcast": _broadcast,
        "destroy_process_group": lambda group=None: communication.release(),
        "get_rank": lambda group=None: communication.get_rank(group),
        "get_world_size": lambda group=None: communication.get_group_size(group),
        "init_process_group": _init,
        "is_available": lambda: True,
        "is_initialized": lambda: communication.GlobalComm.INITED,
        "recv": _recv,
        "send": _send,
    },
)
globals().update(_ROWS)
__all__ = sorted(_ROWS)
