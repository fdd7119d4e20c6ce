"""Networks: cells, containers, layers, losses, optimizers and learning-rate schedules."""

from . import cell, container, layers, learning_rate_schedule, loss, optim, optimizer, wrap
from .cell import *  # noqa: F403
from .container import *  # noqa: F403
from .layers import *  # noqa: F403
from .learning_rate_schedule import *  # noqa: F403
from .loss import *  # noqa: F403
from .optim import *  # noqa: F403
from .optimizer import *  # noqa: F403
from .wrap import *  # noqa: F403

__all__ = [
    *cell.__all__,
    *container.__all__,
    *layers.__all__,
    *learning_rate_schedule.__all__,
    *loss.__all__,
    *optim.__all__,
    *optimizer.__all__,
    *wrap.__all__,
]
