"""Transforms: functions that take a function and return its derivative, its Jacobian, its map over a batch ...

They are written with the core's recordings and frames and with functions of `adcore._ops`. Start reading at `gradient`,
then `products`, of which the others are made.
"""

from adcore.transforms import (
    batching,
    compiled,
    custom,
    debugging,
    drawing,
    effects,
    grad_operation,
    gradient,
    hooks,
    jacobian,
    loops,
    products,
    programs,
    recording,
    saved,
    series,
    stored,
)
from adcore.transforms.batching import *  # noqa: F403
from adcore.transforms.compiled import *  # noqa: F403
from adcore.transforms.custom import *  # noqa: F403
from adcore.transforms.debugging import *  # noqa: F403
from adcore.transforms.drawing import *  # noqa: F403
from adcore.transforms.effects import *  # noqa: F403
from adcore.transforms.grad_operation import *  # noqa: F403
from adcore.transforms.gradient import *  # noqa: F403
from adcore.transforms.hooks import *  # noqa: F403
from adcore.transforms.jacobian import *  # noqa: F403
from adcore.transforms.loops import *  # noqa: F403
from adcore.transforms.products import *  # noqa: F403
from adcore.transforms.programs import *  # noqa: F403
from adcore.transforms.recording import *  # noqa: F403
from adcore.transforms.saved import *  # noqa: F403
from adcore.transforms.series import *  # noqa: F403
from adcore.transforms.stored import *  # noqa: F403

__all__ = [
    *batching.__all__,
    *compiled.__all__,
    *custom.__all__,
    *debugging.__all__,
    *drawing.__all__,
    *effects.__all__,
    *grad_operation.__all__,
    *gradient.__all__,
    *hooks.__all__,
    *jacobian.__all__,
    *loops.__all__,
    *products.__all__,
    *programs.__all__,
    *recording.__all__,
    *saved.__all__,
    *series.__all__,
    *stored.__all__,
]
