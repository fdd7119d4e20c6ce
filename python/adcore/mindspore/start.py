"""What a program of MindSpore begins with: a look at the installation, and the seed, which is NumPy's, too."""

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
    >>> from adcore.mindspore import start
    >>> start.set_seed(1)
    >>> a = np.random.random()
    >>> start.set_seed(1)
    >>> a == np.random.random()
    True
    """
    import numpy as np

    adcore.set_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - what programs draw from


def run_check():
    """Multiply two tensors, and print what runs here and whether the product is right.

    Examples
    --------
    >>> from adcore.mindspore import start
    >>> start.run_check()  # doctest: +ELLIPSIS
    MindSpore version: adcore ...
    The result of multiplication calculation is correct: adcore stands in for MindSpore on platform [CPU].
    """
    product = adcore.Tensor([1.0, 2.0, 3.0]) * adcore.Tensor([4.0, 5.0, 6.0])
    print(f"MindSpore version: adcore {adcore.__version__}")
    if product.tolist() != [4.0, 10.0, 18.0]:
        raise RuntimeError(f"run_check: the product of (1, 2, 3) and (4, 5, 6) is {product.tolist()}.")
    print("The result of multiplication calculation is correct: adcore stands in for MindSpore on platform [CPU].")


__all__ = ["run_check", "set_seed"]
