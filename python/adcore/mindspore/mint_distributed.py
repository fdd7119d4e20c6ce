"""``mindspore.mint.distributed``: there is one process, so what would reach another raises NotImplementedError."""

from .named import named

_OF_SEVERAL = """
    all_gather all_gather_into_tensor all_gather_into_tensor_uneven all_gather_object all_reduce all_to_all
    all_to_all_single barrier batch_isend_irecv broadcast broadcast_object_list destroy_process_group gather
    gather_object get_backend get_global_rank get_group_rank get_process_group_ranks init_process_group irecv isend
    new_group P2POp recv recv_object_list reduce reduce_scatter reduce_scatter_tensor reduce_scatter_tensor_uneven
    scatter scatter_object_list send send_object_list
""".split()  # fmt: skip


def _refused(name):
    def body(*args, **kwargs):
        raise NotImplementedError(f"mint.distributed.{name}: adcore computes in one process.")

    return body


_ROWS = named(
    "mindspore.mint.distributed",
    {
        **{name: _refused(name) for name in _OF_SEVERAL},
        "get_rank": lambda group=None: 0,
        "get_world_size": lambda group=None: 1,
        "is_available": lambda: False,
        "is_initialized": lambda: False,
    },
)
globals().update(_ROWS)
__all__ = sorted(_ROWS)
