"""``mindspore.mint.optim``: the optimizers of ``mindspore.experimental.optim`` that it has."""

from .experimental_optim import SGD, Adam, AdamW

FusedAdamW = AdamW

__all__ = ["SGD", "Adam", "AdamW", "FusedAdamW"]
