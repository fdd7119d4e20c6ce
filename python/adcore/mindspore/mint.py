"""``mindspore.mint``: PyTorch's parameters over adcore's functions.

`_SAME` lists the functions of adcore that take mint's parameters as they are; a row of `_ROWS` says what another name
calls. What adcore lacks, complex numbers and kernels of devices, raises NotImplementedError.
"""

from adcore import Tensor, int64, ops

from . import (
    mint_distributed,
    mint_functional,
    mint_linalg,
    mint_nn,
    mint_optim,
    mint_special,
)
from .named import named

_MODULES = {
    "distributed": mint_distributed,
    "functional": mint_functional,
    "linalg": mint_linalg,
    "nn": mint_nn,
    "optim": mint_optim,
    "special": mint_special,
}

_SAME = """
    abs acos acosh addbmm addcdiv addcmul addmm addmv all any arange arccos arccosh arcsin arcsinh arctan
    arctan2 arctanh argmax argmin asin asinh atan atan2 atanh baddbmm bincount bitwise_and bitwise_not bitwise_or
    bitwise_xor bmm broadcast_to cat ceil chunk clamp clip concat cos cosh cross cummax cummin cumprod diag div divide
    dot einsum equal erf erfc erfinv exp exp2 expm1 eye fix flip float_power floor floor_divide fmod frac full full_like
    gcd ge greater greater_equal gt histc hstack index_add index_select inverse isclose isfinite isinf isneginf kthvalue
    le lerp less less_equal linspace log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or
    logical_xor logsumexp lt masked_select matmul maximum minimum mm mul nan_to_num nansum narrow ne neg negative
    nonzero not_equal ones_like outer permute pow prod ravel reciprocal remainder roll round rsqrt scatter_add select
    sigmoid sign sin sinc sinh split sqrt square squeeze stack sum swapaxes t take tan tanh tile topk triangular_solve
    tril triu trunc unbind unique_consecutive unsqueeze vdot where xlogy zeros_like
""".split()  # fmt: skip


def _size(size):
    return tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size


def _axes(dim):
    return None if dim == () else dim


def _typed(made, dtype):
    return made if dtype is None else made.astype(dtype)


def _scaled(op, name):
    def body(input, other, *, alpha=1):
        if isinstance(alpha, float) and not _floats(input) and not _floats(other):
            raise TypeError(f"{name}: alpha must be an int for operands of ints, got {alpha}.")
        return op(input, other if alpha == 1 else ops.mul(other, alpha))

    return body


def _floats(value):
    return value.dtype.is_floating_point if isinstance(value, Tensor) else isinstance(value, float)


def _extreme(name):
    """Return ``max`` or ``min``: of all elements, along an axis with the indices, or of two Tensors."""
    whole, along, of_two = getattr(ops, f"a{name}"), getattr(ops, name), getattr(ops, f"{name}imum")

    def body(input, *args, **kwargs):
        if not args and not kwargs:
            return whole(input)
        if "other" in kwargs or args and isinstance(args[0], Tensor):
            return of_two(input, *args, **kwargs)
        return _along(along, input, *args, **kwargs)

    return body


def _along(op, input, dim, keepdim=False):
    return op(input, dim, keepdim)


def _randint(*args, generator=None, dtype=int64, device=None, size=None):
    *bounds, size = (*args, size) if size is not None else args
    return ops.randint(*(0, *bounds) if len(bounds) == 1 else bounds, size, dtype=dtype or int64, generator=generator)


def _randint_like(input, low, high=None, *, dtype=None, device=None):
    low, high = (0, low) if high is None else (low, high)
    return ops.randint(low, high, input.shape, dtype=input.dtype if dtype is None else dtype)


def _normal(mean=0.0, std=1.0, size=None, generator=None):
    if size is None:
        tensors = [v for v in (mean, std) if isinstance(v, Tensor)]
        if not tensors:
            raise TypeError("normal: size must be given where mean and std are numbers.")
        size = ops.broadcast_shapes(*[v.shape for v in tensors]) if len(tensors) > 1 else tensors[0].shape
    return ops.normal(size, mean, std, generator=generator)


def _median(input, dim=None, keepdim=False):
    if dim is None:
        return ops.median(input.ravel(), 0)[0]
    return ops.median(input, dim, keepdim)


def _flattened(input, start_dim=0, end_dim=-1):
    return ops.flatten(input, start_dim=start_dim, end_dim=end_dim)


def _norm(input, p="fro", dim=None, keepdim=False, *, dtype=None):
    input = _typed(input, dtype)
    if p == "nuc":
        return ops.matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim)
    return ops.vector_norm(input, 2 if p == "fro" else p, _axes(dim), keepdim)


def _searchsorted(sorted_sequence, values, *, out_int32=False, right=False, side=None, sorter=None):
    side = ("right" if right else "left") if side is None else side
    return ops.searchsorted(sorted_sequence, values, out_int32=out_int32, right=side == "right", sorter=sorter)


def _unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    return ops.unique(input, True, return_inverse=return_inverse, return_counts=return_counts, dim=dim)


def _complex(name):
    def body(*args, **kwargs):
        raise NotImplementedError(f"mint.{name}: adcore has no complex dtypes.")

    return body


def _real(input):
    return input


_ROWS = {
    **{name: getattr(ops, name) for name in _SAME},
    **named(
        "mindspore.mint",
        {
            "add": _scaled(ops.add, "add"),
            "addr_": lambda input, vec1, vec2, beta=1, alpha=1: mint_functional.into(
                input, beta * input + alpha * ops.outer(vec1, vec2)
            ),
            "allclose": lambda input, other, rtol=1e-05, atol=1e-08, equal_nan=False: bool(
                ops.allclose(input, other, rtol, atol, equal_nan)
            ),
            "amax": lambda input, dim=(), keepdim=False: ops.amax(input, _axes(dim), keepdim),
            "amin": lambda input, dim=(), keepdim=False: ops.amin(input, _axes(dim), keepdim),
            "argsort": lambda input, dim=-1, descending=False, stable=False: ops.argsort(
                input, dim, descending, stable=stable
            ),
            "bernoulli": lambda input, *, generator=None: ops.bernoulli(input, input, generator=generator),
            "cdist": lambda x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary": ops.cdist(x1, x2, p),
            "clone": lambda input: input.copy(),
            "count_nonzero": lambda input, dim=None: ops.count_nonzero(input, dim),
            "cumsum": lambda input, dim, dtype=None: ops.cumsum(input, dim, dtype),
            "diff": lambda input, n=1, dim=-1, prepend=None, append=None: ops.diff(input, n, dim, prepend, append),
            "dstack": lambda tensors: ops.dstack(tensors),
            "empty": lambda *size, dtype=None, device=None, pin_memory=False: ops.zeros(_size(size), dtype),
            "empty_like": lambda input, *, dtype=None, device=None, pin_memory=False: ops.zeros_like(
                input, dtype=dtype
            ),
            "eq": lambda input, other: ops.equal(input, other),
            "equal": lambda input, other: input.shape == other.shape and bool(ops.all(input == other)),
            "flatten": _flattened,
            "gather": lambda input, dim, index: ops.gather_elements(input, dim, index),
            "imag": _complex("imag"),
            "isnan": lambda tensor: ops.isnan(tensor),
            "item": lambda input: input.item(),
            "max": _extreme("max"),
            "mean": lambda input, dim=None, keepdim=False, *, dtype=None: ops.mean(_typed(input, dtype), dim, keepdim),
            "median": _median,
            "meshgrid": lambda *tensors, indexing=None: ops.meshgrid(*tensors, indexing=indexing or "ij"),
            "min": _extreme("min"),
            "multinomial": lambda input, num_samples, replacement=False, *, generator=None: ops.multinomial(
                input, num_samples, replacement, generator=generator
            ),
            "mv": lambda input, vec: ops.mv(input, vec),
            "norm": _norm,
            "normal": _normal,
            "ones": lambda size, *, dtype=None: ops.ones(size, dtype),
            "polar": _complex("polar"),
            "rand": lambda *size, generator=None, dtype=None, device=None: ops.rand(
                *_size(size), dtype=dtype, generator=generator
            ),
            "rand_like": lambda input, *, dtype=None, device=None: ops.rand_like(input, dtype=dtype),
            "randint": _randint,
            "randint_like": _randint_like,
            "randn": lambda *size, generator=None, dtype=None, device=None: ops.randn(
                *_size(size), dtype=dtype, generator=generator
            ),
            "randn_like": lambda input, *, dtype=None, device=None: ops.randn_like(input, dtype=dtype),
            "randperm": lambda n, *, generator=None, dtype=int64: ops.randperm(n, dtype=dtype, generator=generator),
            "real": _real,
            "repeat_interleave": lambda input, repeats, dim=None, *, output_size=None: ops.repeat_interleave(
                input, repeats, dim, output_size=output_size
            ),
            "reshape": lambda input, *shape: ops.reshape(input, _size(shape)),
            "scatter": lambda input, dim, index, src: ops.scatter(input, dim, index, src),
            "searchsorted": _searchsorted,
            "softmax": lambda input, dim, *, dtype=None: ops.softmax(input, dim, dtype=dtype),
            "sort": lambda input, *, dim=-1, descending=False, stable=False: ops.sort(
                input, dim, descending, stable=stable
            ),
            "std": lambda input, dim=None, *, correction=1, keepdim=False: ops.std(input, dim, correction, keepdim),
            "std_mean": lambda input, dim=None, *, correction=1, keepdim=False: ops.std_mean(
                input, dim, correction, keepdim
            ),
            "sub": _scaled(ops.sub, "sub"),
            "trace": lambda input: ops.trace(input),
            "transpose": lambda input, dim0, dim1: ops.swapaxes(input, dim0, dim1),
            "unique": _unique,
            "var": lambda input, dim=None, *, correction=1, keepdim=False: ops.var(input, dim, correction, keepdim),
            "var_mean": lambda input, dim=None, *, correction=1, keepdim=False: ops.var_mean(
                input, dim, correction, keepdim
            ),
            "zeros": lambda size, *, dtype=None: ops.zeros(size, dtype),
            "conv2d": mint_functional.convolution(ops.conv2d),
        },
    ),
}
globals().update(_ROWS, **_MODULES)
__all__ = sorted([*_ROWS, *_MODULES])
