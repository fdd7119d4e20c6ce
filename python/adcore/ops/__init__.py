"""Functions of tensors, with MindSpore's names: those of the core's op table, and composites of them."""

from adcore import _core
from adcore.ops import _assign, _loss, _math, _shape
from adcore.ops._assign import *  # noqa: F403
from adcore.ops._loss import *  # noqa: F403
from adcore.ops._math import *  # noqa: F403
from adcore.ops._shape import *  # noqa: F403
from adcore.transforms import get_grad, grad, value_and_grad  # noqa: F401

_composites = [*_assign.__all__, *_loss.__all__, *_math.__all__, *_shape.__all__]
_functions = {name: function for name, function in _core.functions.items() if not name.startswith("_")}
_aliases = {
    "absolute": "abs",
    "cat": "concat",
    "clip": "clamp",
    "divide": "div",
    "eq": "equal",
    "floor_divide": "floor_div",
    "ge": "greater_equal",
    "gt": "greater",
    "le": "less_equal",
    "lt": "less",
    "multiply": "mul",
    "ne": "not_equal",
    "negative": "neg",
    "remainder": "floor_mod",
    "subtract": "sub",
    "unsqueeze": "expand_dims",
}

# A composite of the same name stands in front of the core's function.
globals().update({name: function for name, function in _functions.items() if name not in _composites})
globals().update({alias: globals()[name] for alias, name in _aliases.items()})

# These are composites of ops themselves.
from adcore._hooks import HookBackward, InsertGradientOf  # noqa: E402, F401
from adcore.batching import vmap  # noqa: E402, F401
from adcore.derivatives import derivative, jacfwd, jacrev, jet, jvp, linearize, vjp  # noqa: E402, F401
from adcore.grad_operation import GradOperation  # noqa: E402, F401

_transforms = [
    "HookBackward",
    "InsertGradientOf",
    "GradOperation",
    "derivative",
    "linearize",
    "get_grad",
    "grad",
    "jacfwd",
    "jacrev",
    "jet",
    "jvp",
    "value_and_grad",
    "vjp",
    "vmap",
]
__all__ = sorted({*_composites, *_functions, *_aliases, *_transforms})
