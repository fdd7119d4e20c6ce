"""What ``mindspore.context`` has beside the settings: modes of parallel training, of which there is one."""

from adcore._context import without_meaning

STRICT, COMPATIBLE, LAX = 0, 1, 2  # levels of the syntax that a graph is compiled from


class ParallelMode:
    """How work is spread over devices.

    Examples
    --------
    >>> from adcore.mindspore import context
    >>> context.ParallelMode.STAND_ALONE
    'stand_alone'
    """

    STAND_ALONE = "stand_alone"
    DATA_PARALLEL = "data_parallel"
    HYBRID_PARALLEL = "hybrid_parallel"
    SEMI_AUTO_PARALLEL = "semi_auto_parallel"
    AUTO_PARALLEL = "auto_parallel"
    MODE_LIST = (STAND_ALONE, DATA_PARALLEL, HYBRID_PARALLEL, SEMI_AUTO_PARALLEL, AUTO_PARALLEL)


_AT_FIRST = {
    "device_num": 1,
    "global_rank": 0,
    "gradients_mean": False,
    "gradient_fp32_sync": True,
    "parallel_mode": ParallelMode.STAND_ALONE,
    "parameter_broadcast": False,
    "full_batch": False,
    "enable_parallel_optimizer": False,
}
_parallel = dict(_AT_FIRST)


def set_auto_parallel_context(**kwargs):
    """Accept MindSpore's settings of parallel training as far as they describe one process.

    Raises
    ------
    NotImplementedError
        For a `parallel_mode` other than "stand_alone" or a `device_num` other than 1. Nothing is set then.
    ValueError
        For a mode that there is not.

    Examples
    --------
    >>> from adcore.mindspore import context
    >>> context.set_auto_parallel_context(parallel_mode="stand_alone", gradients_mean=True)
    """
    mode = kwargs.get("parallel_mode", ParallelMode.STAND_ALONE)
    if mode not in ParallelMode.MODE_LIST:
        raise ValueError(
            f"set_auto_parallel_context: parallel_mode must be one of {ParallelMode.MODE_LIST}, got {mode!r}."
        )
    if mode != ParallelMode.STAND_ALONE or kwargs.get("device_num", 1) != 1:
        raise NotImplementedError("set_auto_parallel_context: adcore trains in one process.")
    _parallel.update(kwargs)
    without_meaning("set_auto_parallel_context")


def get_auto_parallel_context(attr_key):
    """Return a setting of `set_auto_parallel_context`.

    Raises
    ------
    ValueError
        For a name that is none.

    Examples
    --------
    >>> from adcore.mindspore import context
    >>> context.get_auto_parallel_context("device_num")
    1
    """
    if attr_key not in _parallel:
        raise ValueError(f"get_auto_parallel_context: there is no setting {attr_key!r}.")
    return _parallel[attr_key]


def reset_auto_parallel_context():
    """Give the settings of `set_auto_parallel_context` their first values.

    Examples
    --------
    >>> from adcore.mindspore import context
    >>> context.reset_auto_parallel_context()
    """
    _parallel.clear()
    _parallel.update(_AT_FIRST)


__all__ = [
    "COMPATIBLE",
    "LAX",
    "STRICT",
    "ParallelMode",
    "get_auto_parallel_context",
    "reset_auto_parallel_context",
    "set_auto_parallel_context",
]
