"""Functions of tensors, with MindSpore's names, and the transforms that MindSpore has among them."""

from adcore import _ops, transforms
from adcore._advice import no_attribute, read_at_once
from adcore._ops import *  # noqa: F403

_TRANSFORMS = [
    "GradOperation",
    "HookBackward",
    "InsertGradientOf",
    "cond",
    "derivative",
    "fori_loop",
    "get_grad",
    "grad",
    "host_callback",
    "jacfwd",
    "jacrev",
    "jet",
    "jvp",
    "linearize",
    "print_",
    "scan",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
globals().update({name: getattr(transforms, name) for name in _TRANSFORMS})

__all__ = sorted({*_ops.__all__, *_TRANSFORMS})


def __getattr__(name):
    raise no_attribute(__name__, name)


read_at_once(__name__)
