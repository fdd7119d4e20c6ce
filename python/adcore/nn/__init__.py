"""Networks: cells, containers, layers, losses, optimizers and learning-rate schedules."""

from . import (
    averaging,
    cell,
    container,
    layers,
    learning_rate_schedule,
    loss,
    optim,
    optim_adaptive,
    optim_whole,
    optimizer,
    plateau,
    wrap,
)

# What a module defines under a public name is public.
_public = {
    name: value
    for module in (
        averaging,
        cell,
        container,
        layers,
        learning_rate_schedule,
        loss,
        optim,
        optim_adaptive,
        optim_whole,
        optimizer,
        plateau,
        wrap,
    )
    for name, value in vars(module).items()
    if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
}
globals().update(_public)

__all__ = list(_public)
