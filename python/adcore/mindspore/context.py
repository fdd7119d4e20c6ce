"""What ``mindspore.context`` has beside the settings: levels of its syntax, and how processes train together."""

from adcore.communication import (
    ParallelMode,
    get_auto_parallel_context,
    reset_auto_parallel_context,
    set_auto_parallel_context,
)

STRICT, COMPATIBLE, LAX = 0, 1, 2  # levels of the syntax that a graph is compiled from


__all__ = [
    "COMPATIBLE",
    "LAX",
    "STRICT",
    "ParallelMode",
    "get_auto_parallel_context",
    "reset_auto_parallel_context",
    "set_auto_parallel_context",
]
