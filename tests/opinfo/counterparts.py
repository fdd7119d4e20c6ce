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


def _of_svd(factors):
    """As many singular vectors as there are values, without their signs: what is unique of (u, s, v)."""
    u, s, v = factors
    count = s.shape[-1]
    return abs(u[..., :count]), s, abs(v[..., :count])


def _of_linalg_svd(factors):
    u, s, vh = factors
    return _of_svd((u, s, vh.mT))


# What is compared of a result that is not unique, or of which PyTorch has parts that are not here.
COMPARED = {
    "svd": _of_svd,
    "linalg.svd": _of_linalg_svd,
    "linalg.eigh": lambda result: (result[0], abs(result[1])),
    "linalg.lstsq": lambda result: result[0] if isinstance(result, tuple) else result,  # the solution
}

# What differs on purpose, NumPy's or MindSpore's behaviour being kept: a reason, and of which samples it tells, for
# which kind of check. A failure that one of these explains is counted by itself.
_AXIS = "a tensor without axes has no axis 0, as in NumPy"
_NUMBERS = "a number stands for a tensor, as in NumPy"
_NO_AXES = "axis=() means all axes, as in MindSpore"
_DDOF = "ddof is an integer, as in MindSpore"
_CTC = "the derivative by log_probs themselves; PyTorch's takes them for the result of a log_softmax"
_TARGETS = "a target that is neither 1 nor -1 does not count"
_RANGE = "an empty range is an empty tensor, as in NumPy"
_READ = "the derivative is by the triangle that is read; PyTorch's is by both, or by entries that are not read"
_LAST_OF_EQUAL = "of values that go to one place the last stands there and has the derivative; PyTorch gives it to each"
_NONE = "the derivative of NaN, the variance of nothing, is NaN"
_VECTORS = "a right side of one axis is a vector, any other holds matrices, as in NumPy 2"
_OPEN_SHAPE = "under vmap a result whose shape depends on values raises"
_OPEN_RANGE = "under vmap a range that is looked for in the values raises"
_KINK = "a norm has no second derivative at 0: NaN, not 0"
_RANK = "the input has its axes of batch, channels, classes or elements, as in MindSpore"
_EMPTY = "an empty tensor has the rank that its place asks for"
_EMPTY_PLANES = "no planes give no windows"
_SAME = "padding 'same' goes with a stride, as in MindSpore"
_BROADCASTS = "operands broadcast, as in NumPy"
_STACK = "a stack of matrices has a trace each, as in NumPy"
_CAST = "src takes the dtype of the input where nothing is lost"
_EXACT = "weights of float32 are summed in the input's float64, as in NumPy"
_NO_DRAWS = "no draws are an empty tensor"
_WEIGHTS = "weights may be integers, as counts are"
_NAN = "a negative weight gives NaN: under vmap it cannot be refused"
_DIVISOR = "a divisor is positive, as in MindSpore"
_SIZES = "axes that are summed over together have one size, as in NumPy"
_FULL = "singular vectors beyond the values have no derivative, so asking for them raises"


def _options(sample):
    return [a for a in [*sample.args, *sample.kwargs.values()] if not is_tensor(a)]


def _without_axes(name, sample, kind):
    tensors = [sample.input, *sample.args]
    return any(is_tensor(t) and t.dim() == 0 for t in tensors) and (
        any(a in (0, -1, (0,), (-1,)) for a in _options(sample))
    )


def _of_numbers(name, sample, kind):
    return name in _BINARY and not all(is_tensor(v) for v in [sample.input, *sample.args[:1]])


def is_tensor(value):
    return isinstance(value, sys.modules["torch"].Tensor)


_BINARY = {
    *"add sub mul div pow remainder fmod eq ne ge gt le lt maximum minimum fmax fmin max min".split(),
    *"logical_and logical_or logical_xor isclose clamp_max clamp_min".split(),
    *"bitwise_and bitwise_or bitwise_xor atan2 hypot copysign floor_divide true_divide gcd lcm".split(),
    *"heaviside nextafter ldexp xlogy float_power logaddexp logaddexp2 bitwise_left_shift bitwise_right_shift".split(),
    *"__radd__ __rdiv__ __rmul__ __rmod__ __rpow__ __rsub__ __rand__ __ror__ __rxor__ special.xlog1py rsub".split(),
}


def _only(kinds, *names):
    """Differing in these kinds of checks, all samples of these names."""
    return lambda name, sample, kind: kind in kinds and name in names


_DERIVATIVES = ("first", "second", "jvp")
DIFFERS = [
    (_AXIS, _without_axes),
    (_NUMBERS, _of_numbers),
    (_NO_AXES, lambda name, sample, kind: any(a in ((), []) for a in _options(sample))),
    (_DDOF, lambda name, sample, kind: isinstance(sample.kwargs.get("correction"), float)),
    (_RANGE, lambda name, sample, kind: name == "arange"),
    (_CTC, lambda name, sample, kind: name == "nn.functional.ctc_loss"),
    (_TARGETS, lambda name, sample, kind: name == "nn.functional.hinge_embedding_loss"),
    (_READ, _only(_DERIVATIVES, "cholesky_inverse", "cholesky_solve")),
    (
        _READ,
        lambda name, sample, kind: (
            kind in _DERIVATIVES and name == "linalg.pinv" and sample.kwargs.get("hermitian", False)
        ),
    ),
    (_LAST_OF_EQUAL, _only(_DERIVATIVES, *(f"nn.functional.max_unpool{n}d" for n in (1, 2, 3)))),
    (_NONE, lambda name, sample, kind: kind == "jvp" and name in ("std_mean", "var_mean") and not sample.input.numel()),
    (
        _VECTORS,
        lambda name, sample, kind: (
            name == "linalg.solve" and sample.input.dim() > 2 and sample.args[0].dim() == sample.input.dim() - 1
        ),
    ),
    (_OPEN_SHAPE, _only(("vmap",), "unique", "unique_consecutive")),
    (
        _OPEN_RANGE,
        lambda name, sample, kind: (
            kind == "vmap"
            and (
                (name == "histc" and sample.kwargs.get("min", 0) == sample.kwargs.get("max", 0))
                or (name == "histogram" and sample.kwargs.get("range") is None)
            )
        ),
    ),
    (_SIZES, lambda name, sample, kind: name == "tensordot" and sample.input.shape != sample.args[0].shape),
    (
        _FULL,
        lambda name, sample, kind: (
            kind in _DERIVATIVES
            and name.endswith("svd")
            and (sample.kwargs.get("full_matrices") or sample.kwargs.get("some") is False)
        ),
    ),
    (_KINK, lambda name, sample, kind: kind == "second" and name == "linalg.norm" and not sample.input.any()),
    (
        _RANK,
        lambda name, sample, kind: (
            kind == "value"
            and (
                (name == "nn.functional.batch_norm" and sample.input.dim() < 2)
                or (name == "nn.functional.feature_alpha_dropout" and sample.input.dim() < 2)
                or (name == "linalg.vander" and sample.input.dim() == 0)
                or (name == "nn.functional.multilabel_margin_loss" and sample.input.dim() == 0)
                or (name == "nn.functional.multi_margin_loss" and sample.args[0].dim() >= sample.input.dim())
            )
        ),
    ),
    (_EMPTY, lambda name, sample, kind: name == "gather" and sample.args[1].numel() == 0),
    (_EMPTY, lambda name, sample, kind: name == "cat" and any(t.shape == (0,) for t in sample.input)),
    (
        _EMPTY_PLANES,
        lambda name, sample, kind: (
            kind == "wrong" and name.startswith("nn.functional.max_pool") and not sample.input.numel()
        ),
    ),
    (
        _SAME,
        lambda name, sample, kind: (
            kind == "wrong" and name.startswith("nn.functional.conv") and sample.kwargs.get("padding") == "same"
        ),
    ),
    (_BROADCASTS, _only(("wrong",), "linalg.cross")),
    (_STACK, _only(("wrong",), "trace")),
    (
        _CAST,
        lambda name, sample, kind: (
            kind == "wrong" and name in ("scatter", "scatter_add") and sample.args[2].dtype != sample.input.dtype
        ),
    ),
    (
        _WEIGHTS,
        lambda name, sample, kind: (
            kind == "wrong" and name == "multinomial" and not sample.input.dtype.is_floating_point
        ),
    ),
    (_NAN, lambda name, sample, kind: kind == "wrong" and name == "cov" and "aweights" in sample.kwargs),
    (
        _EXACT,
        lambda name, sample, kind: (
            kind == "value"
            and name == "cov"
            and is_tensor(sample.kwargs.get("aweights"))
            and sample.kwargs["aweights"].dtype != sample.input.dtype
        ),
    ),
    (_NO_DRAWS, lambda name, sample, kind: kind == "wrong" and name == "multinomial" and sample.args[:1] == (0,)),
    (_DIVISOR, lambda name, sample, kind: (sample.kwargs.get("divisor_override") or 0) < 0),
]


def reason_to_differ(name, sample, kind):
    """Why a failure on a sample is none; None where it is one."""
    return next((reason for reason, of in DIFFERS if of(name, sample, kind)), None)


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


def drawn_normal(x, *args, **kwargs):
    """Torch's function of means and deviations, one of which may be a number, or its method that fills a tensor."""
    dtype = kwargs.pop("dtype", None)
    if not isinstance(x, Tensor):
        x, *args = args if not isinstance(args[0], (int, float)) else (None, x, *args)
    shape = args.pop() if x is None else x.shape
    return ops.normal(shape, *args, dtype=dtype or x.dtype)


def embedding(table, x, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """OpInfo hands the table over as the input."""
    _no_options_of_tables(max_norm, scale_grad_by_freq, sparse)
    return ops.embedding(x, table, padding_idx)


def _no_options_of_tables(max_norm, scale_grad_by_freq, sparse):
    if max_norm is not None:
        raise Skip("a look-up that writes to the table")
    if scale_grad_by_freq:
        raise Skip("a gradient that is not the derivative")
    if sparse:
        raise Skip("a sparse gradient")


def embedding_bag(
    table, x, offsets=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, mode="mean", sparse=False, **kwargs
):
    _no_options_of_tables(max_norm, scale_grad_by_freq, sparse)
    return ops.embedding_bag(x, table, offsets, mode=mode, **kwargs)


def attention(q, k, v, attn_mask=None, dropout_p=0.0, **kwargs):
    if dropout_p:
        raise Skip("a mask that is drawn")
    return ops.scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, **kwargs)


def converted(x, *args, **kwargs):
    """`to`: the dtype, which may stand behind a device, or a tensor of that dtype."""
    given = [a.dtype if isinstance(a, Tensor) else a for a in [*args, *kwargs.values()]]
    dtypes = [a for a in given if isinstance(a, adcore.dtype)]
    return x.astype(dtypes[0]) if dtypes else x.copy()


def svd(x, some=True, compute_uv=True):
    if not compute_uv:
        raise Skip("zeros in the place of the factors")
    s, u, v = ops.svd(x, full_matrices=not some)
    return u, s, v


def linalg_svd(x, full_matrices=True, driver=None):
    s, u, v = ops.svd(x, full_matrices=full_matrices)
    return u, s, v.mT


def histogram(x, bins, range=None, weight=None, density=False):
    return ops.histogram(x, bins, range, weights=weight, density=density)


def norm(x, p="fro", dim=None, keepdim=False, dtype=None):
    """A norm of all elements, whatever the rank, but for 'nuc'."""
    if p == "nuc":
        return ops.matrix_norm(x, "nuc", (-2, -1) if dim is None else dim, keepdim)
    return ops.vector_norm(x, 2 if p in (None, "fro") else p, dim, keepdim, dtype=dtype)


def average(f):
    """A window is moved by its size, unless a stride is named; by 1 in MindSpore."""
    return lambda x, kernel_size, stride=None, *args, **kwargs: f(x, kernel_size, stride, *args, **kwargs)


def triplets(*tensors, distance_function=None, **kwargs):
    """PyTorch's module of distances is its function of the same name."""
    if isinstance(distance_function, sys.modules["torch"].nn.PairwiseDistance):
        distance_function = ops.pairwise_distance
    return ops.triplet_margin_with_distance_loss(*tensors, distance_function=distance_function, **kwargs)


_WINDOWS = (
    "bartlett blackman cosine exponential gaussian general_cosine general_hamming hamming hann kaiser nuttall".split()
)


def window(f):
    """Symmetric unless something else is said; periodic in MindSpore."""
    return lambda length, *args, sym=True, **kwargs: f(length, not sym, *args, **kwargs)


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
    **{name: drawn(getattr(ops, name)) for name in "cauchy exponential geometric log_normal uniform".split()},
    "normal": drawn_normal,
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
    "cdist": lambda x, y, p=2.0, compute_mode=None: ops.cdist(x, y, p),
    "einsum": lambda operands, equation: ops.einsum(equation, *operands),
    "histogram": histogram,
    "linalg.lstsq": lambda a, b, rcond=None, driver=None: ops.lstsq(a, b, rcond),
    "linalg.svd": linalg_svd,
    "linalg.vander": lambda x, N=None: ops.vander(x, N, increasing=True),
    "nn.functional.avg_pool1d": average(ops.avg_pool1d),
    "nn.functional.avg_pool2d": average(ops.avg_pool2d),
    "nn.functional.avg_pool3d": average(ops.avg_pool3d),
    "nn.functional.embedding": embedding,
    "nn.functional.embedding_bag": embedding_bag,
    "nn.functional.scaled_dot_product_attention": attention,
    "nn.functional.triplet_margin_with_distance_loss": triplets,
    "norm": norm,
    "polygamma": lambda x, n: ops.polygamma(n, x),
    "randint": lambda *args, **kwargs: ops.randint(*((0, *args) if len(args) == 2 else args), **kwargs),
    "randint_like": lambda x, *args, **kwargs: ops.randint_like(x, *((0, *args) if len(args) == 1 else args), **kwargs),
    "special.polygamma": lambda x, n: ops.polygamma(n, x),
    "svd": svd,
    "tensordot": lambda x, y, dims=2: ops.tensor_dot(x, y, dims),
    "to": converted,
    "triangular_solve": lambda b, a, upper=True, transpose=False, unitriangular=False: (
        ops.triangular_solve(b, a, upper, transpose, unitriangular),
        a,
    ),
    "unfold": method("unfold"),
    "linalg.lu_solve": lambda factors, pivots, b, **kwargs: ops.lu_solve(b, factors, pivots, **kwargs),
    "linalg.tensorsolve": lambda a, b, dims=None: ops.tensorsolve(a, b, dims),
    "lu": lambda x, pivot=True, get_infos=False: (
        *ops.lu_factor(x, pivot),
        *((ops.zeros(x.shape[:-2], adcore.int32),) if get_infos else ()),
    ),
    **{f"signal.windows.{name}": window(getattr(ops, f"{name}_window")) for name in _WINDOWS},
    # Default axes, orders of results and of arguments that are MindSpore's here.
    "aminmax": lambda x, *, dim=None, keepdim=False: ops.aminmax(x, axis=dim, keepdims=keepdim),
    "median": median(ops.median),
    "nanmedian": median(ops.nanmedian),
    "std_mean": variance(ops.std_mean),
    "var_mean": variance(ops.var_mean),
}

_RARE = "rarely used, and composed of what is there"
# Names whose functions are still wanted, or wanted by few: name -> why they are not there.
WANTED = {
    **dict.fromkeys(
        "histogramdd nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d".split(), _RARE
    ),
    "nn.functional.multi_head_attention_forward": "a layer, which comes with the layers",
}

# Likewise, of a variant of a name in PyTorch's table.
VARIANTS = {
    ("linalg.pinv", "singular"): lambda a, b: ops.pinv(a @ b.mT),
}


def counterpart(name, variant=""):
    """The function that takes PyTorch's arguments; None where there is none."""
    if (name, variant) in VARIANTS:
        return VARIANTS[name, variant]
    if name in ADAPTED:
        return ADAPTED[name]
    for prefix in ("nn.functional.", "linalg.", "special."):
        name = name.removeprefix(prefix)
    if name in ops.__all__:
        return getattr(ops, name)
    return method(name) if hasattr(Tensor, name) else getattr(adcore, name, None)
