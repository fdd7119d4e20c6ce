"""`set_seed`, which for a program of MindSpore is the one seed of NumPy's random numbers, too."""

import adcore


def set_seed(seed):
    """Start the random numbers of adcore, and those of ``np.random``, anew from a seed.

    Parameters
    ----------
    seed : int
        Of NumPy's, the last 32 bits.

    Examples
    --------
    >>> import numpy as np
    >>> from adcore.mindspore import seeds
    >>> seeds.set_seed(1)
    >>> a = np.random.random()
    >>> seeds.set_seed(1)
    >>> a == np.random.random()
    True
    """
    import numpy as np

    adcore.set_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - what programs draw from


__all__ = ["set_seed"]
