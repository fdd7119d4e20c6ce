"""Networks: cells, containers, layers, losses, optimizers and learning-rate schedules."""

from .._advice import no_attribute, read_at_once
from . import (
    activation,
    averaging,
    basic,
    cell,
    container,
    convolution,
    dense,
    distributed,
    embedding,
    image,
    image_quality,
    learning_rate_schedule,
    loss,
    loss_overlap,
    normalization,
    norms,
    optim,
    optim_adaptive,
    optim_factored,
    optim_whole,
    optimizer,
    padding,
    plateau,
    pooling,
    recurrent,
    state,
    transformer,
    wrap,
)

_MODULES = (
    activation,
    averaging,
    basic,
    cell,
    container,
    convolution,
    dense,
    embedding,
    image,
    image_quality,
    learning_rate_schedule,
    loss,
    loss_overlap,
    normalization,
    norms,
    optim,
    optim_adaptive,
    optim_factored,
    optim_whole,
    optimizer,
    padding,
    plateau,
    pooling,
    recurrent,
    state,
    transformer,
    distributed,
    wrap,
)

# What a module defines under a public name is public.
_public = {
    name: value
    for module in _MODULES
    for name, value in vars(module).items()
    if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
}
globals().update(_public)

__all__ = list(_public)


def __getattr__(name):
    raise no_attribute(__name__, name)


read_at_once(__name__)
