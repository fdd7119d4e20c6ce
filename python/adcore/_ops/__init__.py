"""Functions of tensors: those of the core's op table, and composites of them.

A composite is written with functions of the table and with other composites, so its derivatives and its batches follow.
What users import is `adcore.ops`; the transforms, which are below that, use this package.
"""

from adcore import _core
from adcore._ops import assignment, loss, math, shape
from adcore._ops.assignment import *  # noqa: F403
from adcore._ops.loss import *  # noqa: F403
from adcore._ops.math import *  # noqa: F403
from adcore._ops.shape import *  # noqa: F403

_composites = [*assignment.__all__, *loss.__all__, *math.__all__, *shape.__all__]
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

__all__ = sorted({*_composites, *_functions, *_aliases})
