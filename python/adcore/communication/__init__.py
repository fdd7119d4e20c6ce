"""Several processes that train together, on one machine or on many, through MPI: mpi4py, the extra ``adcore[mpi]``.

``mpiexec -n 4 python train.py`` starts four processes of one program. Each calls :func:`init` and computes with its own
share of the data; what :func:`all_reduce` and its like, ``nn.DistributedGradReducer`` or `ShardedOptimizer` make of it
is the same in all of them. A program that no launcher started is a group of one, in which all functions work.
"""

from .collectives import (
    all_gather,
    all_reduce,
    all_to_all,
    barrier,
    broadcast,
    collective_permute,
    recv,
    reduce,
    reduce_scatter,
    send,
)
from .parallel import (
    ParallelMode,
    ShardedOptimizer,
    broadcast_parameters,
    get_auto_parallel_context,
    reduce_gradients,
    reset_auto_parallel_context,
    set_auto_parallel_context,
)
from .world import (
    GlobalComm,
    ReduceOp,
    create_group,
    destroy_group,
    get_group_rank_from_world_rank,
    get_group_size,
    get_local_rank,
    get_local_rank_size,
    get_rank,
    get_world_rank_from_group_rank,
    init,
    release,
)

__all__ = [
    "GlobalComm",
    "ParallelMode",
    "ReduceOp",
    "ShardedOptimizer",
    "all_gather",
    "all_reduce",
    "all_to_all",
    "barrier",
    "broadcast",
    "broadcast_parameters",
    "collective_permute",
    "create_group",
    "destroy_group",
    "get_auto_parallel_context",
    "get_group_rank_from_world_rank",
    "get_group_size",
    "get_local_rank",
    "get_local_rank_size",
    "get_rank",
    "get_world_rank_from_group_rank",
    "init",
    "recv",
    "reduce",
    "reduce_gradients",
    "reduce_scatter",
    "release",
    "reset_auto_parallel_context",
    "send",
    "set_auto_parallel_context",
]
