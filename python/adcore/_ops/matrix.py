"""What is made of matrices by their axes and diagonals, written with functions of the table."""

from __future__ import annotations

from operator import index

from adcore._core import Tensor, dtype
from adcore._ops import native
from adcore._ops.contraction import checked_axes, in_one_dtype
from adcore._ops.declare import op, require_tensor, require_tensors
from adcore._ops.precision import countable

PAGE = "Products"


@op(samples=("matrix_transpose(x(2, 3, 4))",))
def matrix_transpose(x: Tensor) -> Tensor:
    """The last two axes exchanged: ``x.mT``.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.matrix_transpose(Tensor([[1.0, 2.0]])).shape
    (2, 1)
    """
    require_tensors("matrix_transpose", x=x)
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: needs a matrix, got the shape {x.shape}.")
    return x.mT


@op(samples=("t(x(3, 4))",), method=True)
def t(input: Tensor) -> Tensor:
    """A matrix transposed; a vector or a number as it is.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> ops.t(Tensor([[1.0, 2.0]])).shape
    (2, 1)
    """
    require_tensors("t", input=input)
    if input.ndim > 2:
        raise ValueError(f"t: needs two axes at most, got the shape {input.shape}; use permute.")
    return input.T


@op(samples=("trace(x(3, 4))", "trace(x(3, 4), 1)", "trace(x(2, 3, 3), -1, 1, 2)", "trace(x(3, 4), 7)"), method=True)
def trace(input: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1, *, dtype: dtype | None = None) -> Tensor:
    """Sum of the elements on a diagonal.

    Parameters
    ----------
    input : Tensor
    offset : int, default 0
        So far to the right of the main diagonal; negative ones lie below.
    axis1, axis2 : int
        Of the matrices.
    dtype : dtype, optional
        Of the sum.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.trace(Tensor([[1.0, 2.0], [3.0, 4.0]])))
    5.0
    """
    require_tensors("trace", input=input)
    if input.ndim < 2:
        raise ValueError(f"trace: needs a matrix, got the shape {input.shape}.")
    first, second = checked_axes("trace", (axis1, axis2), input)
    offset = index(offset)
    others = tuple(axis for axis in range(input.ndim) if axis not in (first, second))
    matrices = native.permute(input, (*others, first, second))
    rows, columns = matrices.shape[-2:]
    count = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    start = offset if offset >= 0 else -offset * columns
    flat = native.reshape(matrices, (*matrices.shape[:-2], rows * columns))
    diagonal = flat[(..., slice(start, start + count * (columns + 1), columns + 1) if count else slice(0))]
    return native.sum(diagonal, -1, dtype=dtype)


@op(samples=("block_diag(x(2, 3), x(3, 2))", "block_diag(x(2, 2), x(3), x())"))
def block_diag(*inputs: Tensor) -> Tensor:
    """Matrix with the inputs on its diagonal, zeros elsewhere; a vector is a row, a number a matrix of one element.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.block_diag(Tensor([[1.0, 2.0]]), Tensor([[3.0]])))
    [[1. 2. 0.]
     [0. 0. 3.]]
    """
    if not inputs:
        raise ValueError("block_diag: needs one Tensor or more.")
    for place, block in enumerate(inputs):
        require_tensor("block_diag", f"inputs[{place}]", block)
        if block.ndim > 2:
            raise ValueError(f"block_diag: inputs[{place}] must be a matrix, got the shape {block.shape}.")
    blocks = [native.reshape(block, (1,) * (2 - block.ndim) + block.shape) for block in in_one_dtype(*inputs)]
    width = sum(block.shape[1] for block in blocks)
    rows, left = [], 0
    for block in blocks:
        height, columns = block.shape
        sides = (left, width - left - columns)
        before, after = (native.zeros((height, size), block.dtype) for size in sides)
        rows.append(native.concat((before, block, after), 1))
        left += columns
    return native.concat(rows, 0)


@op(samples=("vander(x(3))", "vander(x(3), 2)", "vander(x(3), 4, True)", "vander(x(3), 0)"))
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Vandermonde matrix: the powers of the elements, from the highest to 0 unless `increasing`.

    Parameters
    ----------
    x : Tensor
        Vectors along the last axis. Bool and integers become int64.
    N : int, optional
        How many powers; as many as there are elements if it is not given.
    increasing : bool, default False

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.vander(Tensor([2.0, 3.0])))
    [[2. 1.]
     [3. 1.]]
    """
    require_tensors("vander", x=x)
    x = countable(x)
    if x.ndim == 0:
        raise ValueError("vander: x must be a vector, got the shape ().")
    count = x.shape[-1] if N is None else index(N)
    if count < 0:
        raise ValueError(f"vander: N must not be negative, got {N}.")
    if count == 0:
        return native.zeros((*x.shape, 0), x.dtype)
    powers = [native.ones_like(x)]
    while len(powers) < count:
        powers.append(native.mul(powers[-1], x))
    return native.stack(powers if increasing else powers[::-1], -1)
