"""Methods of Tensor that are no functions of ops: what writes in place, what a Tensor tells of itself, older names.

The names are MindSpore's, many of them PyTorch's too. `METHODS` is the list.
"""

import math
import operator

from adcore._core import Tensor, bfloat16, bool_, float64, int16, uint8
from adcore._ops import clipping, native, product
from adcore._ops.declare import checked_dtype, in_place, require_tensor


def _copy(self, src, non_blocking=False):
    require_tensor("copy_", "src", src)
    return native.broadcast_to(src, self.shape)


def _fill(self, value):
    if not isinstance(value, (Tensor, int, float)) or (isinstance(value, Tensor) and value.ndim != 0):
        raise TypeError(f"fill_: value must be a number or a Tensor without axes, got {value!r}.")
    if isinstance(value, int):
        return native.full(self.shape, value, dtype=self.dtype)
    return native.broadcast_to(value if isinstance(value, Tensor) else Tensor(value), self.shape)


def _zero(self):
    return native.zeros_like(self)


def set_dtype(self, dtype):
    """Convert the Tensor in place to another dtype, which is returned.

    Examples
    --------
    >>> import adcore
    >>> t = adcore.Tensor([1.5])
    >>> t.set_dtype(adcore.int32)
    adcore.int32
    >>> print(t)
    [1]
    """
    self._assign(native.cast(self, checked_dtype("set_dtype", dtype)))
    return dtype


def resize(self, *new_shape):
    """Return the elements in another shape: the last ones are left out, or zeros follow, where the number differs.

    Examples
    --------
    >>> from adcore import Tensor
    >>> print(Tensor([1, 2, 3]).resize(2, 2))
    [[1 2]
     [3 0]]
    """
    shape = _whole_shape("resize", new_shape)
    flat, count = native.reshape(self, (-1,)), math.prod(shape)
    if count > flat.size:
        flat = native.concat([flat, native.zeros((count - flat.size,), dtype=self.dtype)])
    return native.reshape(flat[:count], shape)


def itemset(self, *args):
    """Return a Tensor with another number at one place: ``itemset(index, value)``, ``itemset(value)`` for one element.

    The index is a tuple, or a number that counts the elements in order.

    Examples
    --------
    >>> from adcore import Tensor
    >>> print(Tensor([[1, 2], [3, 4]]).itemset((0, 1), 9))
    [[1 9]
     [3 4]]
    """
    if len(args) not in (1, 2):
        raise TypeError(f"itemset: takes an index and a value, got {len(args)} arguments.")
    if len(args) == 1 and self.size != 1:
        raise IndexError(f"itemset: a Tensor of {self.size} elements needs an index.")
    index, value = args if len(args) == 2 else (0, args[0])
    if isinstance(index, tuple):
        if len(index) != self.ndim:
            raise IndexError(f"itemset: the index needs {self.ndim} numbers, one for each axis, got {index}.")
        index = sum(at * n for at, n in zip(_within(index, self.shape), _steps(self.shape)))
    (index,) = _within((index,), (self.size,))
    flat = native.reshape(self, (-1,)).copy()
    flat[index] = value
    return native.reshape(flat, self.shape)


def _within(index, shape):
    """Return the numbers of an index as counted from the front."""
    counted = []
    for at, n in zip(index, shape):
        at = operator.index(at)
        if not -n <= at < n:
            raise IndexError(f"itemset: index {at} is out of range for {n} elements.")
        counted.append(at % n)
    return counted


def _steps(shape):
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def stride(self, dim=None):
    """Return how many elements lie between one and the next along an axis, or the list of that for all axes.

    Examples
    --------
    >>> from adcore import ops
    >>> ops.ones((2, 3)).stride()
    [3, 1]
    """
    steps = [n // self.itemsize for n in self.strides]
    return steps if dim is None else steps[dim]


def storage_offset(self):
    """Return how many elements lie before the first one in the memory: 0, for each Tensor has memory of its own.

    Examples
    --------
    >>> from adcore import Tensor
    >>> Tensor([1.0, 2.0]).storage_offset()
    0
    """
    return 0


def index(self, indices):
    """Return ``self[indices]``, of a tuple or list of Tensors, one for each of the first axes.

    Examples
    --------
    >>> from adcore import Tensor
    >>> print(Tensor([1.0, 2.0, 3.0]).index((Tensor([2, 0]),)))
    [3. 1.]
    """
    if not isinstance(indices, (tuple, list)):
        raise TypeError(f"index: indices must be a tuple of Tensors, got {type(indices).__name__}.")
    return self[tuple(indices)]


def type_(self, dtype=None):
    """Return the name of the dtype, or the values in another dtype.

    Examples
    --------
    >>> import adcore
    >>> adcore.Tensor([1.0]).type()
    'Float32'
    """
    return str(self.dtype) if dtype is None else native.cast(self, checked_dtype("type", dtype))


def type_as(self, other):
    """Return the values in the dtype of another Tensor."""
    require_tensor("type_as", "other", other)
    return native.cast(self, other.dtype)


def is_floating_point(self):
    """Return whether the elements are floating-point numbers.

    Examples
    --------
    >>> from adcore import Tensor
    >>> Tensor([1]).is_floating_point()
    False
    """
    return self.dtype.is_floating_point


def is_complex(self):
    """Return False: adcore has no complex numbers."""
    return False


def is_signed(self):
    """Return whether the dtype has numbers below zero."""
    return not str(self.dtype).startswith(("UInt", "Bool"))


def real(self):
    """Return the Tensor itself: its numbers are real."""
    return self


def imag(self):
    """Return zeros: the numbers are real."""
    return native.zeros_like(self)


def isreal(self):
    """Return True for every element."""
    return native.ones(self.shape, bool_)


def invert(self):
    """Return ``~self``."""
    return ~self


def adjoint(self):
    """Return the matrices transposed.

    Examples
    --------
    >>> from adcore import Tensor
    >>> print(Tensor([[1, 2]]).adjoint())
    [[1]
     [2]]
    """
    if self.ndim < 2:
        raise ValueError(f"adjoint: needs two axes at least, got the shape {self.shape}.")
    return native.swapaxes(self, -1, -2)


def _extreme_with_value(value, arg):
    def method(self, axis=0, keep_dims=False):
        if self.ndim == 0:
            return self, arg(self)
        return value(self, axis, keep_dims), arg(self, axis, keep_dims)

    method.__doc__ = "Return the pair of the values and their indices along an axis."
    return method


def fill(self, value):
    """Return a Tensor like this one with one value."""
    return native.full_like(self, value)


def sum_to_size(self, *size):
    """Return the sums along the axes that broadcasting to this shape would repeat.

    Examples
    --------
    >>> from adcore import ops
    >>> print(ops.ones((2, 3)).sum_to_size(1, 3))
    [[2. 2. 2.]]
    """
    size = _whole_shape("sum_to_size", size)
    summed = summed_to(self, size)
    if summed.shape != size:
        raise ValueError(f"sum_to_size: {size} cannot be broadcast to the shape {self.shape}.")
    return summed


def summed_to(x, shape):
    """Return a tensor summed over what broadcasting from a shape has added; as it is where it is no broadcast of it."""
    added = x.ndim - len(shape)
    if x.shape == shape or added < 0:
        return x
    pairs = list(zip(x.shape[added:], shape))
    if any(own not in (1, n) for n, own in pairs):
        return x
    axes = [*range(added), *(added + i for i, (n, own) in enumerate(pairs) if n != own)]
    return native.reshape(native.sum(x, tuple(axes)), shape)


def inplace_update(self, v, indices):
    """Return the Tensor with other rows: those at the indices are the rows of `v`.

    Examples
    --------
    >>> from adcore import Tensor
    >>> print(Tensor([1.0, 2.0, 3.0]).inplace_update(Tensor([9.0]), (1,)))
    [1. 9. 3.]
    """
    updated = self.copy()
    updated[indices if isinstance(indices, (int, Tensor)) else list(indices)] = v
    return updated


def approximate_equal(self, other, tolerance=1e-5):
    """Return where two tensors differ by less than a tolerance."""
    return native.less(native.abs(native.sub(self, other)), tolerance)


def add(self, other, *, alpha=1):
    """Return ``self + alpha * other``.

    Examples
    --------
    >>> from adcore import Tensor
    >>> print(Tensor([1, 2]).add(Tensor([3, 4]), alpha=2))
    [ 7 10]
    """
    return native.add(self, other if alpha == 1 else native.mul(other, alpha))


def cumsum(self, axis=None, dtype=None, *, dim=None):
    """Return the sums of the first, of the first two, ... elements along an axis; without one, of all in order.

    Examples
    --------
    >>> from adcore import Tensor
    >>> print(Tensor([[1, 2], [3, 4]]).cumsum())
    [ 1  3  6 10]
    """
    axis = dim if axis is None else axis
    return native.cumsum(*((native.reshape(self, (-1,)), 0) if axis is None else (self, axis)), dtype=dtype)


def gather(self, input_indices=None, axis=None, batch_dims=0, *, dim=None, index=None):
    """Return the slices at `input_indices` along an axis; or as ``gather(dim, index)`` `ops.gather_elements`.

    The first `batch_dims` axes of both are the same ones.

    Examples
    --------
    >>> from adcore import Tensor
    >>> x = Tensor([[1, 2], [3, 4]])
    >>> print(x.gather(Tensor([1, 1]), 0))
    [[3 4]
     [3 4]]
    >>> print(x.gather(1, Tensor([[0], [1]])))
    [[1]
     [4]]
    >>> print(x.gather(Tensor([0, 1]), 1, batch_dims=1))
    [1 4]
    """
    if isinstance(input_indices, int):
        input_indices, axis, dim, index = None, None, input_indices, axis if index is None else index
    axis = dim if axis is None else axis
    if index is not None:
        return native.gather_elements(self, axis, index)
    if batch_dims == 0:
        return native.gather(self, input_indices, axis)
    require_tensor("gather", "input_indices", input_indices)
    axis, batch_dims = axis % self.ndim, batch_dims + (input_indices.ndim if batch_dims < 0 else 0)
    if not 0 <= batch_dims <= input_indices.ndim:
        raise ValueError(f"gather: input_indices of {input_indices.ndim} axes have no batch_dims={batch_dims}.")
    if batch_dims > axis:
        raise ValueError(f"gather: batch_dims={batch_dims} must not be above axis={axis}.")
    rows = zip(native.unbind(self, 0), native.unbind(input_indices, 0), strict=True)
    return native.stack([gather(row, indices, axis - 1, batch_dims - 1) for row, indices in rows])


def expand_as(self, other=None, *, x=None):
    """Return the tensor repeated, without a copy, to the shape of another one."""
    return native.expand_as(self, x if other is None else other)


def _as(dtype):
    def method(self):
        return native.cast(self, dtype)

    method.__doc__ = f"Return the values as {dtype}."
    return method


def _whole_shape(name, sizes):
    sizes = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    if any(not isinstance(n, int) or n < 0 for n in sizes):
        raise ValueError(f"{name}: the sizes must be ints >= 0, got {sizes}.")
    return sizes


def _arithmetic(name, operator_function):
    doc = f"""Give the Tensor the value of the operation with `other`, in place; it keeps shape and dtype.

    Whatever holds the same Tensor sees the new value; ``t += u`` and its siblings make a new Tensor instead.

    Examples
    --------
    >>> from adcore import Tensor
    >>> t = Tensor([4.0])
    >>> print(t.{name}(2))
    [{operator_function(4.0, 2.0):g}.]
    """
    if name in ("add_", "sub_"):
        return in_place(
            name, lambda self, other, *, alpha=1: operator_function(self, other if alpha == 1 else alpha * other), doc
        )
    return in_place(name, lambda self, other: operator_function(self, other), doc)


for _name, _function in {
    "add_": operator.add,
    "sub_": operator.sub,
    "mul_": operator.mul,
    "div_": operator.truediv,
}.items():
    setattr(Tensor, _name, _arithmetic(_name, _function))

for _name, _function in {
    "addmm_": product.addmm,
    "clamp_": clipping.clamp,
    "copy_": _copy,
    "erfinv_": native.erfinv,
    "exp_": native.exp,
    "fill_": _fill,
    "floor_": native.floor,
    "floor_divide_": native.floor_divide,
    "log_": native.log,
    "remainder_": native.remainder,
    "sigmoid_": native.sigmoid,
    "sign_": native.sign,
    "tanh_": native.tanh,
    "zero_": _zero,
}.items():
    setattr(Tensor, _name, in_place(_name, _function))

METHODS = {
    "add": add,
    "adjoint": adjoint,
    "approximate_equal": approximate_equal,
    "argmax_with_value": _extreme_with_value(native.amax, native.argmax),
    "argmin_with_value": _extreme_with_value(native.amin, native.argmin),
    "bfloat16": _as(bfloat16),
    "byte": _as(uint8),
    "conj": real,
    "cumsum": cumsum,
    "double": _as(float64),
    "expand_as": expand_as,
    "fill": fill,
    "fills": fill,
    "gather": gather,
    "imag": imag,
    "index": index,
    "inplace_update": inplace_update,
    "inv": native.reciprocal,
    "invert": invert,
    "is_complex": is_complex,
    "is_floating_point": is_floating_point,
    "is_signed": is_signed,
    "isreal": isreal,
    "itemset": itemset,
    "log_matrix_determinant": native.slogdet,
    "matrix_determinant": native.det,
    "real": real,
    "resize": resize,
    "reverse": native.flip,
    "set_dtype": set_dtype,
    "sgn": native.sign,
    "short": _as(int16),
    "soft_shrink": native.softshrink,
    "storage_offset": storage_offset,
    "stride": stride,
    "sum_to_size": sum_to_size,
    "top_k": native.topk,
    "type": type_,
    "type_as": type_as,
}
for _name, _function in METHODS.items():
    setattr(Tensor, _name, _function)
