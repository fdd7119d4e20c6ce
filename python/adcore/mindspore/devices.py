"""What MindSpore says of devices, streams and processes: here there is one CPU, and nothing is late."""

import adcore
from adcore._context import without_meaning


def _accepted(name, doc):
    def accept(*args, **kwargs):
        without_meaning(name)

    accept.__name__ = accept.__qualname__ = name
    accept.__module__ = __name__
    accept.__doc__ = f"""{doc}

    Examples
    --------
    >>> from adcore.mindspore import devices
    >>> devices.{name}()
    """
    return accept


synchronize = _accepted("synchronize", "Return: what was called has been computed.")
launch_blocking = _accepted("launch_blocking", "Accept that calls wait for their results, as they always do.")
set_memory = _accepted("set_memory", "Accept settings of a device's memory.")
empty_cache = _accepted("empty_cache", "Accept that cached memory be given back.")
set_cpu_affinity = _accepted("set_cpu_affinity", "Accept the choice of cores for threads.")
set_kernel_launch_group = _accepted("set_kernel_launch_group", "Accept how many threads call kernels.")
set_algo_parameters = _accepted("set_algo_parameters", "Accept settings of the search for a parallel strategy.")
reset_algo_parameters = _accepted("reset_algo_parameters", "Accept that settings of the search be reset.")


def threads_num(num):
    """Set how many threads a computation may use.

    Examples
    --------
    >>> import adcore
    >>> from adcore.mindspore import devices
    >>> devices.threads_num(adcore.get_num_threads())
    """
    adcore.set_num_threads(num)


def dispatch_threads_num(threads_num):
    """Accept how many threads call kernels; each thread of Python calls its own.

    Examples
    --------
    >>> from adcore.mindspore import devices
    >>> devices.dispatch_threads_num(2)
    """
    without_meaning("dispatch_threads_num")


def device_count(device_target=None):
    """Return how many devices there are: one CPU, and none of another kind.

    Examples
    --------
    >>> from adcore.mindspore import devices
    >>> devices.device_count("Ascend")
    0
    """
    return int(device_target in (None, "CPU"))


def is_available(device_target):
    """Return whether there is a device of a kind.

    Examples
    --------
    >>> from adcore.mindspore import devices
    >>> devices.is_available("CPU")
    True
    """
    return device_count(device_target) > 0


is_initialized = is_available


__all__ = [
    "device_count",
    "dispatch_threads_num",
    "empty_cache",
    "is_available",
    "is_initialized",
    "launch_blocking",
    "reset_algo_parameters",
    "set_algo_parameters",
    "set_cpu_affinity",
    "set_kernel_launch_group",
    "set_memory",
    "synchronize",
    "threads_num",
]
