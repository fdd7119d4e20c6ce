"""Which of adcore's functions stands for a name of PyTorch's op table, and why some have none.

`names.txt` has the names, those of PyTorch 2.13.0's `op_db`; tests/python/test_counterparts.py holds that each has a
counterpart, is out of scope for a reason, or is still wanted.
"""

import sys

import adcore
from adcore import Tensor, ops


class Skip(Exception):
    """A sample that uses what is not adcore's: complex numbers, sparse tensors, options of devices."""


_COMPLEX = "complex numbers are not a goal"
_FFT = "Fourier transforms give complex numbers, which are not a goal"
_SPARSE = "sparse and quantised tensors are not a goal"
_STORAGE = "strides and storage are not part of a Tensor's meaning here"
_PRIVATE = "private to PyTorch: the public function has its counterpart"
_SPECIAL = "a special function that neither MindSpore nor NumPy has"
_MASKED = "PyTorch's prototype of masked tensors"

OUT_OF_SCOPE = {
    **dict.fromkeys(
        "H angle cdouble cfloat chalf complex conj conj_physical imag isreal mH polar real resolve_conj resolve_neg "
        "sgn view_as_complex view_as_real view_copy linalg.eig linalg.eigvals stft istft".split(),
        _COMPLEX,
    ),
    **dict.fromkeys(
        "fft.fft fft.fft2 fft.fftn fft.fftshift fft.hfft fft.hfft2 fft.hfftn fft.ifft fft.ifft2 fft.ifftn "
        "fft.ifftshift fft.ihfft fft.ihfft2 fft.ihfftn fft.irfft fft.irfft2 fft.irfftn fft.rfft fft.rfft2 "
        "fft.rfftn".split(),
        _FFT,
    ),
    **dict.fromkeys("sparse.mm sparse.sampled_addmm to_sparse torch._scaled_mm torch._scaled_mm_v2".split(), _SPARSE),
    **dict.fromkeys(
        "as_strided as_strided_copy as_strided_scatter empty_strided empty_permuted new_empty_strided resize_ "
        "resize_as_ alias_copy expand_copy permute_copy squeeze_copy t_copy transpose_copy unbind_copy unfold_copy "
        "narrow_copy diagonal_copy split_with_sizes_copy unsqueeze_copy".split(),
        _STORAGE,
    ),
    **dict.fromkeys(
        "_batch_norm_with_update _chunk_cat _native_batch_norm_legit _segment_reduce _softmax_backward_data "
        "_unsafe_masked_index _unsafe_masked_index_put_accumulate _upsample_bilinear2d_aa native_batch_norm "
        "native_dropout_backward native_group_norm native_layer_norm max_pool2d_with_indices_backward unsafe_chunk "
        "unsafe_split hash_tensor nonzero_static jiterator_2inputs_2outputs jiterator_4inputs_with_extra_args "
        "jiterator_binary jiterator_binary_return_by_ref jiterator_unary grid_sampler_2d grid_sampler_3d "
        "torch.ops.aten._efficient_attention_forward torch.ops.aten._flash_attention_forward "
        "torch.ops.aten._safe_softmax.default nn.functional.linear_cross_entropy geqrf ormqr "
        "linalg.householder_product linalg.cholesky_ex linalg.inv_ex linalg.solve_ex linalg.lu_factor_ex "
        "linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve pca_lowrank svd_lowrank sum_to_size "
        "scalar_tensor".split(),
        _PRIVATE,
    ),
    **dict.fromkeys(
        [
            *"bessel_j0 bessel_j1 bessel_y0 bessel_y1 airy_ai erfcx log_ndtr ndtr ndtri zeta entr "
            "modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0 "
            "scaled_modified_bessel_k1 spherical_bessel_j0".split(),
            *(f"{shifted}chebyshev_polynomial_{k}" for shifted in ("", "shifted_") for k in "tuvw"),
            *"hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p".split(),
        ],
        _SPECIAL,
    ),
}
OUT_OF_SCOPE = {(f"special.{name}" if reason is _SPECIAL else name): reason for name, reason in OUT_OF_SCOPE.items()}
OUT_OF_SCOPE |= dict.fromkeys(["igamma", "igammac"], _SPECIAL)
_OF_MASKED = "amax amin argmax argmin cumprod cumsum log_softmax logaddexp logsumexp mean median norm normalize prod"
OUT_OF_SCOPE |= {f"masked.{name}": _MASKED for name in [*_OF_MASKED.split(), *"softmax softmin std sum var".split()]}

# Samples whose values are drawn: shapes alone are compared.
RANDOM = set(
    "bernoulli cauchy exponential geometric log_normal multinomial normal rand_like randint randint_like randn "
    "randn_like uniform empty empty_like new_empty nn.functional.dropout nn.functional.dropout2d "
    "nn.functional.dropout3d nn.functional.alpha_dropout nn.functional.feature_alpha_dropout nn.functional.rrelu "
    "nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d".split()
)

# What differs on purpose, NumPy's or MindSpore's behaviour being kept: a reason, and of which samples it tells. A
# failure that one of these explains is counted by itself.
_AXIS = "a tensor without axes has no axis 0, as in NumPy"
_NUMBERS = "a number stands for a tensor, as in NumPy"
_NO_AXES = "axis=() means all axes, as in MindSpore"
_DDOF = "ddof is an integer, as in MindSpore"
_CTC = "the derivative by log_probs themselves; PyTorch's takes them for the result of a log_softmax"
_TARGETS = "a target that is neither 1 nor -1 does not count"
_RANGE = "an empty range is an empty tensor, as in NumPy"


def _options(sample):
    return [a for a in [*sample.args, *sample.kwargs.values()] if not is_tensor(a)]


def _without_axes(name, sample):
    tensors = [sample.input, *sample.args]
    return any(is_tensor(t) and t.dim() == 0 for t in tensors) and (
        any(a in (0, -1, (0,), (-1,)) for a in _options(sample))
    )


def _of_numbers(name, sample):
    return name in _BINARY and not all(is_tensor(v) for v in [sample.input, *sample.args[:1]])


def is_tensor(value):
    return isinstance(value, sys.modules["torch"].Tensor)


_BINARY = {
    *"add sub mul div pow remainder fmod eq ne ge gt le lt maximum minimum fmax fmin max min".split(),
    *"logical_and logical_or logical_xor".split(),
    *"bitwise_and bitwise_or bitwise_xor atan2 hypot copysign floor_divide true_divide gcd lcm".split(),
    *"heaviside nextafter ldexp xlogy float_power logaddexp logaddexp2 bitwise_left_shift bitwise_right_shift".split(),
    *"__radd__ __rdiv__ __rmul__ __rmod__ __rpow__ __rsub__ __rand__ __ror__ __rxor__ special.xlog1py rsub".split(),
}
DIFFERS = [
    (_AXIS, _without_axes),
    (_NUMBERS, _of_numbers),
    (
        _NO_AXES,
        lambda name, sample: any(a in ((), []) for a in [*sample.args, *sample.kwargs.values()] if not is_tensor(a)),
    ),
    (_DDOF, lambda name, sample: isinstance(sample.kwargs.get("correction"), float)),
    (_RANGE, lambda name, sample: name == "arange"),
    (_CTC, lambda name, sample: name == "nn.functional.ctc_loss"),
    (_TARGETS, lambda name, sample: name == "nn.functional.hinge_embedding_loss"),
]


def reason_to_differ(name, sample):
    """Why a failure on a sample is none; None where it is one."""
    return next((reason for reason, of in DIFFERS if of(name, sample)), None)


def method(name):
    return lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)


def named(f, *names, **renamed):
    """PyTorch's positional arguments behind the first, by our keywords; `renamed`: PyTorch's keyword -> ours."""

    def call(x, *args, **kwargs):
        given = dict(zip(names, args)) | {renamed.get(k, k): v for k, v in kwargs.items()}
        return f(x, **given)

    return call


def reduced(both, alone):
    """max, min: one number of all, values and indices along an axis, or elementwise with another tensor."""

    def call(x, *args, **kwargs):
        other = args[0] if args else kwargs.get("other")
        if isinstance(other, Tensor):
            return alone(x, other)
        if not args and not kwargs:
            return both(x)[0]
        return both(x, *args, **kwargs)

    return call


def gather(x, dim, index, sparse_grad=False):
    return ops.gather_elements(x, dim, index)


def leaky_relu(x, negative_slope=0.01, inplace=False):
    return ops.leaky_relu(x, negative_slope)


def variance(f):
    """PyTorch's own defaults: of a sample, not of a population; `unbiased` is a correction of 1."""

    def call(x, *args, **kwargs):
        args = list(args)
        if args and isinstance(args[0], bool):
            kwargs = {"unbiased": args.pop(0), **kwargs}
        if len(args) > 1:
            kwargs = {"unbiased": args.pop(1), **kwargs}
        correction = kwargs.pop("correction", None)
        unbiased = kwargs.pop("unbiased", None)
        ddof = (1 if unbiased is None else int(unbiased)) if correction is None else correction
        if "keepdim" in kwargs:
            kwargs["keepdims"] = kwargs.pop("keepdim")
        axis = args[0] if args else kwargs.pop("dim", None)
        return f(x, axis, ddof, **{k: v for k, v in kwargs.items() if k != "dim"})

    return call


def scaled_by_alpha(f):
    return lambda x, other, alpha=1: f(x, other if alpha == 1 else other * alpha)


def median(f):
    """Of all elements where no axis is named."""

    def call(x, dim=None, keepdim=False):
        return f(x, axis=dim, keepdims=keepdim)

    return call


def flatten(x, start_dim=0, end_dim=-1):
    return ops.flatten(x, start_dim=start_dim, end_dim=end_dim)


def where(condition, *args):
    """OpInfo hands the first operand over as the input."""
    x = condition
    return ops.where(args[0], x, args[1])


def cat(tensors, dim=0, axis=None):
    return ops.concat(tensors, dim if axis is None else axis)


def to_dtype(dtype):
    return lambda x, **kwargs: x.astype(dtype)


def drawn(f):
    """A method of PyTorch that fills a tensor: the draw of its shape and dtype."""
    return lambda x, *args, **kwargs: f(x.shape, *args, dtype=x.dtype)


def log_softmax(x, dim=None, dtype=None, _stacklevel=3):
    return ops.log_softmax(x if dtype is None else x.astype(dtype), dim)


def softmax(x, dim=None, dtype=None, _stacklevel=3):
    return ops.softmax(x, dim, dtype=dtype)


# Where the argument order or the form of the result differs: PyTorch's call as one of ours.
ADAPTED = {
    "__getitem__": lambda x, index: x[index],
    "__radd__": lambda x, y: y + x,
    "__rand__": lambda x, y: y & x,
    "__rdiv__": lambda x, y: y / x,
    "__rmatmul__": lambda x, y: y @ x,
    "__rmod__": lambda x, y: y % x,
    "__rmul__": lambda x, y: y * x,
    "__ror__": lambda x, y: y | x,
    "__rpow__": lambda x, y: y**x,
    "__rsub__": lambda x, y: y - x,
    "__rxor__": lambda x, y: y ^ x,
    "equal": lambda x, y: x.shape == y.shape and (x == y).all(),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "add": scaled_by_alpha(ops.add),
    "sub": scaled_by_alpha(ops.sub),
    "transpose": lambda x, dim0, dim1: ops.swapaxes(x, dim0, dim1),
    "bfloat16": to_dtype(adcore.bfloat16),
    "bool": to_dtype(adcore.bool_),
    "byte": to_dtype(adcore.uint8),
    "cat": cat,
    "char": to_dtype(adcore.int8),
    "double": to_dtype(adcore.float64),
    "flatten": flatten,
    "float": to_dtype(adcore.float32),
    "gather": gather,
    "half": to_dtype(adcore.float16),
    "int": to_dtype(adcore.int32),
    "log_softmax": log_softmax,
    "long": to_dtype(adcore.int64),
    "max": reduced(ops.max, ops.maximum),
    "min": reduced(ops.min, ops.minimum),
    "nn.functional.leaky_relu": leaky_relu,
    "nn.functional.linear": lambda x, w, b=None: ops.dense(x, w, b),
    "short": to_dtype(adcore.int16),
    "bernoulli": lambda x, p=None, **kwargs: ops.bernoulli(x, x if p is None else p),
    **{name: drawn(getattr(ops, name)) for name in "cauchy exponential geometric log_normal normal uniform".split()},
    "multinomial": lambda x, n, replacement=False, **kwargs: ops.multinomial(x, n, replacement),
    "nn.functional.smooth_l1_loss": lambda x, y, reduction="mean", beta=1.0: ops.smooth_l1_loss(x, y, beta, reduction),
    "softmax": softmax,
    "std": variance(ops.std),
    "var": variance(ops.var),
    "where": where,
    "clamp_max": lambda x, max: ops.clamp(x, max=max),
    "clamp_min": lambda x, min: ops.clamp(x, min=min),
    "constant_pad_nd": lambda x, pad, value=0: ops.pad(x, pad, value=value),
    "dist": lambda x, y, p=2: ops.vector_norm(ops.sub(x, y), p),
    "fill": lambda x, value: ops.full_like(x, value),
    "linalg.inv": ops.inverse,
    "nn.functional.adaptive_max_pool2d": ops.adaptive_max_pool2d,
    "nn.functional.softmin": lambda x, dim=None, dtype=None: softmax(-x, dim, dtype),
    "nn.functional.upsample_bilinear": lambda x, size=None, scale_factor=None: ops.interpolate(
        x, size, scale_factor, mode="bilinear", align_corners=True
    ),
    "nn.functional.upsample_nearest": lambda x, size=None, scale_factor=None: ops.interpolate(x, size, scale_factor),
    "pinverse": lambda x, rcond=1e-15: ops.pinv(x, rcond),
    "rsub": lambda x, y, alpha=1: y - x * alpha,
    "slice": lambda x, dim=0, start=None, end=None, step=1: x[(slice(None),) * dim + (slice(start, end, step),)],
    "split_with_sizes": lambda x, sizes, dim=0: ops.split(x, list(sizes), dim),
    "zero_": lambda x: ops.zeros_like(x),
    # Default axes, orders of results and of arguments that are MindSpore's here.
    "aminmax": lambda x, *, dim=None, keepdim=False: ops.aminmax(x, axis=dim, keepdims=keepdim),
    "median": median(ops.median),
    "nanmedian": median(ops.nanmedian),
    "std_mean": variance(ops.std_mean),
    "var_mean": variance(ops.var_mean),
}

_LU = "an LU factorisation as values: its derivative is not written"
_WINDOW = "a window of a signal: a line of arithmetic"
_RARE = "rarely used, and composed of what is there"
# Names whose functions are still wanted, or wanted by few: name -> why they are not there.
WANTED = {
    **dict.fromkeys("linalg.lu linalg.lu_factor linalg.lu_solve lu lu_solve lu_unpack".split(), _LU),
    **{
        f"signal.windows.{name}": _WINDOW
        for name in "bartlett blackman cosine exponential gaussian general_cosine general_hamming hamming hann kaiser "
        "nuttall".split()
    },
    **dict.fromkeys(
        "broadcast_shapes corrcoef cov diagonal_scatter frexp gradient histogramdd index_reduce isin linalg.tensorinv "
        "linalg.tensorsolve mvlgamma nn.functional.adaptive_max_pool3d nn.functional.bilinear "
        "nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d nn.functional.max_unpool3d "
        "nn.functional.pdist nn.functional.triplet_margin_with_distance_loss renorm select_scatter slice_scatter "
        "unravel_index".split(),
        _RARE,
    ),
    "nn.functional.multi_head_attention_forward": "a layer, which comes with the layers",
}


def counterpart(name):
    """The function that takes PyTorch's arguments; None where there is none."""
    if name in ADAPTED:
        return ADAPTED[name]
    for prefix in ("nn.functional.", "linalg.", "special."):
        name = name.removeprefix(prefix)
    if name in ops.__all__:
        return getattr(ops, name)
    return method(name) if hasattr(Tensor, name) else getattr(adcore, name, None)
