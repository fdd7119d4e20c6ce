"""``mindspore.experimental``."""

from . import experimental_optim as optim

__all__ = ["optim"]
