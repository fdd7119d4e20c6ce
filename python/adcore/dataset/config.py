"""Settings of pipelines: the seed, how far workers run ahead, how many there are and how processes are started."""

from .. import _config
from . import checks

_START_METHODS = ("fork", "spawn", "forkserver")

_settings = {"seed": None, "prefetch_size": 16, "num_parallel_workers": None, "start_method": "fork"}
_seedings = 0


def set_seed(seed):
    """Set the seed of shuffles and samplers; until then it is that of `adcore.set_seed`.

    Datasets count their epochs from the start again.

    Parameters
    ----------
    seed : int
        In [0, 2**32).

    Examples
    --------
    >>> from adcore import dataset
    >>> rows = dataset.NumpySlicesDataset(list(range(100)))
    >>> dataset.config.set_seed(1)
    >>> first = [int(x) for x, in rows]
    >>> dataset.config.set_seed(1)
    >>> first == [int(x) for x, in rows]
    True
    """
    global _seedings
    _settings["seed"] = checks.integer("set_seed", "seed", seed, 0, 2**32 - 1)
    _seedings += 1


def get_seed():
    """Return the seed of shuffles and samplers.

    Examples
    --------
    >>> from adcore import dataset
    >>> dataset.config.set_seed(1)
    >>> dataset.config.get_seed()
    1
    """
    seed = _settings["seed"]
    return _config.get_seed() if seed is None else seed


def seeding():
    """What changes whenever a seed is set: datasets then count their epochs from the start again."""
    return _seedings, _config.seedings, get_seed()


def set_prefetch_size(size):
    """Set how many rows or batches workers prepare ahead of the one that is asked for; at first 16.

    Parameters
    ----------
    size : int
        At least 1.

    Examples
    --------
    >>> from adcore import dataset
    >>> dataset.config.set_prefetch_size(16)
    """
    _settings["prefetch_size"] = checks.integer("set_prefetch_size", "size", size, 1)


def get_prefetch_size():
    """Return how many rows or batches workers prepare ahead.

    Examples
    --------
    >>> from adcore import dataset
    >>> dataset.config.get_prefetch_size()
    16
    """
    return _settings["prefetch_size"]


def set_num_parallel_workers(num):
    """Set the number of workers of operations that are not given one.

    At first there are none: what a pipeline does is done when the next element is asked for, by the thread that asks.

    Parameters
    ----------
    num : int or None
        At least 1; None: no workers.

    Examples
    --------
    >>> from adcore import dataset
    >>> dataset.config.set_num_parallel_workers(2)
    >>> dataset.config.set_num_parallel_workers(None)
    """
    if num is not None:
        checks.integer("set_num_parallel_workers", "num", num, 1)
    _settings["num_parallel_workers"] = num


def get_num_parallel_workers():
    """Return the number of workers of operations that are not given one, or None.

    Examples
    --------
    >>> from adcore import dataset
    >>> print(dataset.config.get_num_parallel_workers())
    None
    """
    return _settings["num_parallel_workers"]


def set_multiprocessing_start_method(start_method="fork"):
    """Set how worker processes are started: "fork", "spawn" or "forkserver".

    A forked process has all that its parent has. For the others the functions of a pipeline, and a source, must be
    what pickle can name: defined at the top of a module.

    Examples
    --------
    >>> from adcore import dataset
    >>> dataset.config.set_multiprocessing_start_method("fork")
    """
    if start_method not in _START_METHODS:
        raise ValueError(
            f"set_multiprocessing_start_method: start_method must be one of {', '.join(_START_METHODS)}, got "
            f"{start_method!r}."
        )
    _settings["start_method"] = start_method


def get_multiprocessing_start_method():
    """Return how worker processes are started.

    Examples
    --------
    >>> from adcore import dataset
    >>> dataset.config.get_multiprocessing_start_method()
    'fork'
    """
    return _settings["start_method"]


__all__ = [
    "get_multiprocessing_start_method",
    "get_num_parallel_workers",
    "get_prefetch_size",
    "get_seed",
    "set_multiprocessing_start_method",
    "set_num_parallel_workers",
    "set_prefetch_size",
    "set_seed",
]
