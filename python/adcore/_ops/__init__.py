"""Functions of tensors: those of the core's op table, and composites of them.

A composite is written with functions of the table and with other composites, so its derivatives and its batches follow;
`declare` is how. What users import is `adcore.ops`; the transforms, which are below that, use this package.
"""

from adcore import _core
from adcore._ops import (  # noqa: F401  their composites are declared now
    activation,
    assignment,
    choices,
    clipping,
    contraction,
    convolution,
    distributions,
    elementwise,
    factors,
    image,
    indexing,
    linalg,
    loss,
    loss_classes,
    loss_sequences,
    loss_vectors,
    math,
    matrix,
    methods,
    neural,
    normalization,
    numpy_protocols,
    order,
    parts,
    pooling,
    product,
    random,
    scans,
    shape,
    windows,
)
from adcore._ops.declare import composites

_functions = {name: function for name, function in _core.functions.items() if not name.startswith("_")}

# A composite stands in front of the core's function of the same name.
globals().update(_functions | composites)

__all__ = sorted(_functions | composites)
