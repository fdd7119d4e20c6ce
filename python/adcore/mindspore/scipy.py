"""``mindspore.scipy``."""

from . import scipy_linalg as linalg

__all__ = ["linalg"]
