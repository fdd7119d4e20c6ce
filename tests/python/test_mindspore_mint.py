"""``mindspore.mint``: every name is called on a sample, and the result compared with NumPy's or SciPy's."""

import numpy as np
import pytest
import scipy.linalg
import scipy.special

import adcore
from adcore import Tensor
from adcore.mindspore import mint, mint_linalg, mint_nn, mint_special
from adcore.mindspore import mint_distributed as distributed
from adcore.mindspore import mint_functional as functional

RNG = np.random.default_rng(0)
ARRAYS = {
    "A": RNG.normal(size=(2, 3)).astype(np.float32),
    "B": RNG.normal(size=(2, 3)).astype(np.float32),
    "M": RNG.normal(size=(3, 3)).astype(np.float32),
    "V": np.array([0.5, -1.5, 2.0], np.float32),
    "U": np.array([[0.5, -0.25, 0.75], [0.125, -0.5, 0.0]], np.float32),
    "P": np.array([[0.5, 1.25, 0.75], [2.0, 0.5, 3.0]], np.float32),
    "N": np.array([[0.5, np.nan, np.inf], [-np.inf, -1.0, 2.0]], np.float32),
    "I": np.array([[3, 1, 2], [5, 0, 3]]),
    "J": np.array([[1, 2, 3], [4, 5, 6]]),
    "K": np.array([2, 0, 1]),
    "D": np.array([[0, 1, 0], [1, 1, 0]]),
    "T": np.array([[True, False, True], [False, False, True]]),
    "X": RNG.normal(size=(2, 4, 6, 6)).astype(np.float32),
    "S": RNG.normal(size=(2, 4, 6)).astype(np.float32),
    "E": np.array([1.0, 2.0, 3.0], np.float32),
}
TENSORS = {name: Tensor(value) for name, value in ARRAYS.items()}

# What is called -> its value in NumPy's words. A name that stands alone is of NumPy too, with the arguments beside it.
OF_NUMPY = {
    **dict.fromkeys("abs ceil cos cosh exp exp2 expm1 floor sign sin sinc sinh square tan tanh".split(), "A"),
    **dict.fromkeys("arccos arcsin arcsinh arctan arctanh".split(), "U"),
    **dict.fromkeys("arccosh log log10 log1p log2 reciprocal".split(), "1 + P"),
    **dict.fromkeys("isfinite isinf isnan isneginf".split(), "N"),
    **dict.fromkeys("arctan2 fmod remainder maximum minimum logaddexp logaddexp2 floor_divide".split(), "A, B"),
    **dict.fromkeys("greater greater_equal less less_equal not_equal allclose isclose divide".split(), "A, B"),
    **dict.fromkeys("logical_and logical_or logical_xor".split(), "T, A > 0"),
    **dict.fromkeys("bitwise_and bitwise_or bitwise_xor gcd".split(), "I, J"),
    **dict.fromkeys("negative ravel zeros_like ones_like trunc fix".split(), "A"),
    **dict.fromkeys("hstack dstack stack".split(), "[A, B]"),
}
SAMPLES = {
    **{f"{name}({args})": f"np.{name}({args})" for name, args in OF_NUMPY.items()},
    "acos(U)": "np.arccos(U)",
    "acosh(P + 1)": "np.arccosh(P + 1)",
    "asin(U)": "np.arcsin(U)",
    "asinh(A)": "np.arcsinh(A)",
    "atan(A)": "np.arctan(A)",
    "atan2(A, B)": "np.arctan2(A, B)",
    "atanh(U)": "np.arctanh(U)",
    "sqrt(P)": "np.sqrt(P)",
    "add(A, B)": "A + B",
    "add(A, B, alpha=2)": "A + 2 * B",
    "add(I, J, alpha=3)": "I + 3 * J",
    "sub(A, 1.0, alpha=0.5)": "A - 0.5",
    "sub(other=J, input=I)": "I - J",
    "addr_(mint.clone(M), V, E, beta=2, alpha=3)": "2 * M + 3 * np.outer(V, E)",
    "addbmm(M, M[None], M[None], beta=2, alpha=0.5)": "2 * M + 0.5 * M @ M",
    "addcdiv(A, B, P, value=2)": "A + 2 * B / P",
    "addcmul(A, B, P, value=2)": "A + 2 * B * P",
    "addmm(M, M, M, beta=2)": "2 * M + M @ M",
    "addmv(V, M, V, alpha=2)": "V + 2 * M @ V",
    "baddbmm(M[None], M[None], M[None])": "(M + M @ M)[None]",
    "all(T)": "np.all(T)",
    "all(T, 1)": "np.all(T, 1)",
    "all(A, dim=1, keepdim=True)": "np.all(A, 1, keepdims=True)",
    "amax(A)": "A.max()",
    "amax(A, 1, True)": "A.max(1, keepdims=True)",
    "amin(A, dim=(0, 1))": "A.min()",
    "any(T)": "np.any(T)",
    "any(T, 0, True)": "np.any(T, 0, keepdims=True)",
    "arange(5)": "np.arange(5)",
    "arange(1, 2, 0.25)": "np.arange(1, 2, 0.25, np.float32)",
    "argmax(A)": "np.argmax(A)",
    "argmax(A, 1, True)": "np.argmax(A, 1, keepdims=True)",
    "argmin(A, dim=0)": "np.argmin(A, 0)",
    "argmin(A, 1, True)": "np.argmin(A, 1, keepdims=True)",
    "argsort(A)": "np.argsort(A)",
    "argsort(A, 0, True, True)": "np.argsort(-A, 0)",
    "bernoulli(D.float())": "D.astype(np.float32)",
    "bincount(K, V, 5)": "np.bincount(K, V, 5).astype(np.float32)",
    "bitwise_not(I)": "~I",
    "bmm(M[None], M[None])": "(M @ M)[None]",
    "broadcast_to(V, (2, 3))": "np.broadcast_to(V, (2, 3))",
    "cat((A, B))": "np.concatenate((A, B))",
    "cat((A, B), 1)": "np.concatenate((A, B), 1)",
    "concat((A, B), dim=1)": "np.concatenate((A, B), 1)",
    "cdist(A, B)": "np.sqrt(((A[:, None] - B) ** 2).sum(-1))",
    "cdist(A, B, 1.0, 'donot_use_mm_for_euclid_dist')": "np.abs(A[:, None] - B).sum(-1)",
    "chunk(A, 2, 1)": "[A[:, :2], A[:, 2:]]",
    "clamp(A, -0.5, 0.5)": "np.clip(A, -0.5, 0.5)",
    "clamp(A, min=B)": "np.maximum(A, B)",
    "clip(A, max=0.0)": "np.minimum(A, 0)",
    "clone(A)": "A",
    "count_nonzero(I)": "np.count_nonzero(I)",
    "count_nonzero(input=I, dim=1)": "np.count_nonzero(I, 1)",
    "cross(A, B)": "np.cross(A, B)",
    "cross(M, M.T, dim=0)": "np.cross(M, M.T, axis=0)",
    "cummax(A, 1)": "[np.maximum.accumulate(A, 1), [[0, 0, 2], [0, 0, 2]]]",
    "cummin(A, dim=1)[0]": "np.minimum.accumulate(A, 1)",
    "cumprod(A, 1)": "np.cumprod(A, 1)",
    "cumsum(A, 1)": "np.cumsum(A, 1)",
    "cumsum(input=A, dim=0, dtype=adcore.float64)": "np.cumsum(A, 0, np.float64)",
    "diag(V)": "np.diag(V)",
    "diag(M, 1)": "np.diag(M, 1)",
    "diff(A)": "np.diff(A)",
    "diff(A, 1, 0)": "np.diff(A, axis=0)",
    "diff(input=V, n=2)": "np.diff(V, 2)",
    "div(A, B)": "A / B",
    "div(A, B, rounding_mode='floor')": "np.floor(A / B)",
    "div(I, 2, rounding_mode='trunc')": "I // 2",
    "dot(V, E)": "V @ E",
    "vdot(V, E)": "V @ E",
    "einsum('ij,jk->ik', A, M)": "A @ M",
    "empty(2, 3).shape": "(2, 3)",
    "empty((2, 3), dtype=adcore.int32).dtype": "adcore.int32",
    "empty_like(A).shape": "(2, 3)",
    "eq(A, A)": "A == A",
    "equal(A, A)": "True",
    "equal(A, B)": "False",
    "equal(A, V)": "False",
    "erf(A)": "scipy.special.erf(A)",
    "erfc(A)": "scipy.special.erfc(A)",
    "erfinv(U)": "scipy.special.erfinv(U)",
    "eye(2, 3)": "np.eye(2, 3, dtype=np.float32)",
    "flatten(X, 1)": "X.reshape(2, -1)",
    "flatten(X)": "X.ravel()",
    "flip(A, (0,))": "A[::-1]",
    "float_power(P, 2)": "P.astype(np.float64) ** 2",
    "frac(A)": "A - np.trunc(A)",
    "full((2, 2), 3)": "np.full((2, 2), 3)",
    "full_like(A, 7)": "np.full_like(A, 7)",
    "gather(A, 1, D)": "np.take_along_axis(A, D, 1)",
    "ge(A, B)": "A >= B",
    "gt(A, B)": "A > B",
    "le(A, 0)": "A <= 0",
    "lt(A, B)": "A < B",
    "ne(A, B)": "A != B",
    "histc(A, 4, -1.0, 1.0)": "np.histogram(A, 4, (-1, 1))[0].astype(np.float32)",
    "index_add(A, 1, K, B, alpha=2)": "A + 2 * B[:, [1, 2, 0]]",
    "index_select(A, 1, K)": "A[:, K]",
    "inverse(M)": "np.linalg.inv(M)",
    "item(V[1])": "-1.5",
    "kthvalue(A, 2, 1)[0]": "np.sort(A, 1)[:, 1]",
    "lerp(A, B, 0.25)": "A + 0.25 * (B - A)",
    "linspace(0, 1, 5)": "np.linspace(0, 1, 5, dtype=np.float32)",
    "logical_not(T)": "~T",
    "logsumexp(A, 1)": "scipy.special.logsumexp(A, 1)",
    "logsumexp(A, dim=0, keepdim=True)": "scipy.special.logsumexp(A, 0, keepdims=True)",
    "masked_select(A, A > 0)": "A[A > 0]",
    "matmul(A, M)": "A @ M",
    "max(A)": "A.max()",
    "max(A, 1)": "[A.max(1), A.argmax(1)]",
    "max(A, dim=0, keepdim=True)": "[A.max(0, keepdims=True), A.argmax(0, keepdims=True)]",
    "max(A, B)": "np.maximum(A, B)",
    "min(A)": "A.min()",
    "min(A, 1, True)": "[A.min(1, keepdims=True), A.argmin(1, keepdims=True)]",
    "min(A, other=B)": "np.minimum(A, B)",
    "mean(A)": "A.mean()",
    "mean(A, (0, 1), True)": "A.mean(keepdims=True)",
    "mean(I, dim=1, dtype=adcore.float32)": "I.mean(1)",
    "median(A)": "np.sort(A.ravel())[2]",
    "median(A, 1)": "[np.median(A, 1), A.argsort(1)[:, 1]]",
    "median(A, dim=1, keepdim=True)[0]": "np.median(A, 1, keepdims=True)",
    "meshgrid(V, E)": "np.meshgrid(V, E, indexing='ij')",
    "meshgrid(V, E, indexing='xy')": "np.meshgrid(V, E)",
    "mm(M, M)": "M @ M",
    "mul(A, 2)": "A * 2",
    "multinomial(Tensor([0.0, 1.0, 0.0]), 3, True)": "[1, 1, 1]",
    "multinomial(Tensor([0.0, 1.0, 3.0]), 2).sum()": "3",
    "mv(M, V)": "M @ V",
    "nan_to_num(N, 1.0, 2.0, 3.0)": "np.nan_to_num(N, nan=1, posinf=2, neginf=3)",
    "nansum(A, 1)": "np.nansum(A, 1)",
    "narrow(A, 1, 1, 2)": "A[:, 1:]",
    "neg(A)": "-A",
    "nonzero(I)": "np.argwhere(I)",
    "nonzero(I, as_tuple=True)": "np.nonzero(I)",
    "norm(A)": "np.linalg.norm(A)",
    "norm(A, 1, 1, True)": "np.linalg.norm(A, 1, 1, keepdims=True)",
    "norm(A, p=float('inf'))": "np.abs(A).max()",
    "norm(M, 'nuc')": "np.linalg.norm(M, 'nuc')",
    "normal(3.0, 0.0, (2,))": "[3.0, 3.0]",
    "normal(V, 0.0)": "V",
    "normal(V, Tensor(0.0))": "V",
    "ones((2,))": "np.ones(2, np.float32)",
    "outer(V, E)": "np.outer(V, E)",
    "permute(X, (0, 2, 3, 1))": "X.transpose(0, 2, 3, 1)",
    "pow(P, 2)": "P**2",
    "pow(2, A)": "2**A",
    "prod(A)": "A.prod()",
    "prod(A, 1, True)": "A.prod(1, keepdims=True)",
    "rand(2, 3).shape": "(2, 3)",
    "rand((2, 3), dtype=adcore.float64).dtype": "adcore.float64",
    "rand_like(A).shape": "(2, 3)",
    "randint(5, 6, (2,))": "[5, 5]",
    "randint(1, (2,))": "[0, 0]",
    "randint(1, size=(2,)).dtype": "adcore.int64",
    "randint_like(A, 2, 3)": "np.full((2, 3), 2, np.float32)",
    "randint_like(I, 1)": "np.zeros((2, 3), int)",
    "randn(2, 3).shape": "(2, 3)",
    "randn_like(A).dtype": "adcore.float32",
    "randperm(4).sum()": "6",
    "real(A)": "A",
    "repeat_interleave(A, 2, dim=0)": "np.repeat(A, 2, 0)",
    "repeat_interleave(A, 2)": "np.repeat(A, 2)",
    "reshape(A, (3, 2))": "A.reshape(3, 2)",
    "reshape(A, 3, 2)": "A.reshape(3, 2)",
    "roll(A, 1, 1)": "np.roll(A, 1, 1)",
    "roll(A, 1)": "np.roll(A, 1)",
    "round(A)": "np.round(A)",
    "round(A, decimals=1)": "np.round(A, 1)",
    "rsqrt(P)": "1 / np.sqrt(P)",
    "scatter(A, 0, D[:1], B)": "np.array([[B[0, 0], A[0, 1], B[0, 2]], [A[1, 0], B[0, 1], A[1, 2]]])",
    "scatter_add(A, 0, D[:1], B)": "A + np.array([[B[0, 0], 0, B[0, 2]], [0, B[0, 1], 0]])",
    "searchsorted(E, Tensor([0.5, 2.0, 3.5]))": "[0, 1, 3]",
    "searchsorted(E, Tensor([0.5, 2.0, 3.5]), right=True)": "[0, 2, 3]",
    "searchsorted(E, Tensor([2.0]), side='right', out_int32=True).dtype": "adcore.int32",
    "select(A, 1, 0)": "A[:, 0]",
    "sigmoid(A)": "scipy.special.expit(A)",
    "softmax(A, 1)": "scipy.special.softmax(A, 1)",
    "sort(A)": "[np.sort(A), np.argsort(A)]",
    "sort(A, dim=0, descending=True)": "[-np.sort(-A, 0), np.argsort(-A, 0)]",
    "split(A, 2, 1)": "[A[:, :2], A[:, 2:]]",
    "split(A, (1, 2), dim=1)": "[A[:, :1], A[:, 1:]]",
    "squeeze(A[None], 0)": "A",
    "stack((A, B), dim=1)": "np.stack((A, B), 1)",
    "std(A)": "A.std(ddof=1)",
    "std(A, 1, correction=0, keepdim=True)": "A.std(1, keepdims=True)",
    "std_mean(A, 1)": "[A.std(1, ddof=1), A.mean(1)]",
    "var(A, dim=0, correction=0)": "A.var(0)",
    "var(A)": "A.var(ddof=1)",
    "var_mean(A, 1, correction=0)": "[A.var(1), A.mean(1)]",
    "sum(A)": "A.sum()",
    "sum(A, 1, True)": "A.sum(1, keepdims=True)",
    "sum(T)": "T.sum()",
    "sum(I, dtype=adcore.float32)": "I.sum().astype(np.float32)",
    "swapaxes(X, 1, 2)": "X.swapaxes(1, 2)",
    "t(A)": "A.T",
    "take(A, D)": "A.ravel()[D]",
    "tile(A, (2, 1))": "np.tile(A, (2, 1))",
    "topk(A, 2)[0]": "-np.sort(-A)[:, :2]",
    "topk(A, 1, 0, False)": "[A.min(0, keepdims=True), A.argmin(0, keepdims=True)]",
    "trace(M)": "np.trace(M)",
    "transpose(A, 0, 1)": "A.T",
    "triangular_solve(V[:, None], M)": "scipy.linalg.solve_triangular(M, V[:, None])",
    "tril(M, -1)": "np.tril(M, -1)",
    "triu(M, 1)": "np.triu(M, 1)",
    "unbind(A, 1)": "list(A.T)",
    "unique(I)": "np.unique(I)",
    "unique(I, return_inverse=True, return_counts=True)[2]": "np.unique(I, return_counts=True)[1]",
    "unique_consecutive(Tensor([1, 1, 2, 1]))": "[1, 2, 1]",
    "unsqueeze(A, 1)": "A[:, None]",
    "where(T, A, B)": "np.where(T, A, B)",
    "where(T)": "np.nonzero(T)",
    "xlogy(A, P)": "scipy.special.xlogy(A, P)",
    "zeros((2, 3))": "np.zeros((2, 3), np.float32)",
    "zeros(2, dtype=adcore.int32).dtype": "adcore.int32",
    "conv2d(X, X[:, :, :2, :2]).shape": "(2, 2, 5, 5)",
    "linalg.inv(M)": "np.linalg.inv(M)",
    "linalg.matrix_norm(M)": "np.linalg.norm(M)",
    "linalg.matrix_norm(M, 'nuc', keepdim=True)": "np.linalg.norm(M, 'nuc', keepdims=True)",
    "linalg.norm(A, dim=1)": "np.linalg.norm(A, axis=1)",
    "linalg.norm(A, 2)": "np.linalg.norm(A, 2)",
    "linalg.qr(M)[0] @ mint.linalg.qr(M)[1]": "M",
    "linalg.vector_norm(A, 3, 1)": "(np.abs(A) ** 3).sum(1) ** (1 / 3)",
    "special.erfc(A)": "scipy.special.erfc(A)",
    "special.exp2(A)": "2**A",
    "special.expm1(A)": "np.expm1(A)",
    "special.log1p(P)": "np.log1p(P)",
    "special.log_softmax(A, 1)": "scipy.special.log_softmax(A, 1)",
    "special.round(A)": "np.round(A)",
    "special.sinc(A)": "np.sinc(A)",
}
F = {
    "relu(A)": "np.maximum(A, 0)",
    "relu6(10 * A)": "np.clip(10 * A, 0, 6)",
    "leaky_relu(A)": "np.where(A > 0, A, 0.01 * A)",
    "elu(A, 0.5)": "np.where(A > 0, A, 0.5 * np.expm1(A))",
    "gelu(A)": "A * scipy.special.ndtr(A)",
    "gelu(A, approximate='tanh')": "A / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (A + 0.044715 * A**3)))",
    "silu(A)": "A * scipy.special.expit(A)",
    "sigmoid(A)": "scipy.special.expit(A)",
    "tanh(A)": "np.tanh(A)",
    "softmax(A)": "scipy.special.softmax(A, 1)",
    "softmax(S)": "scipy.special.softmax(S, 0)",
    "softmax(A, 0, adcore.float64)": "scipy.special.softmax(A.astype(np.float64), 0)",
    "log_softmax(X)": "scipy.special.log_softmax(X, 1)",
    "softplus(A)": "np.log1p(np.exp(A))",
    "softplus(A, 2)": "np.log1p(np.exp(2 * A)) / 2",
    "logsigmoid(A)": "-np.log1p(np.exp(-A))",
    "hardtanh(A, -0.5, 0.5)": "np.clip(A, -0.5, 0.5)",
    "glu(X, 1)": "X[:, :2] * scipy.special.expit(X[:, 2:])",
    "prelu(X, E[:1] / 4)": "np.where(X > 0, X, X / 4)",
    "threshold(A, 0.0, 9.0)": "np.where(A > 0, A, 9)",
    "linear(A, M)": "A @ M.T",
    "linear(A, M, V)": "A @ M.T + V",
    "normalize(A)": "A / np.linalg.norm(A, axis=1, keepdims=True)",
    "layer_norm(A, (3,), V, E)": "(A - A.mean(1, keepdims=True)) / np.sqrt(A.var(1, keepdims=True) + 1e-5) * V + E",
    "group_norm(X, 1)": "(X - X.mean((1, 2, 3), keepdims=True)) / np.sqrt(X.var((1, 2, 3), keepdims=True) + 1e-5)",
    "batch_norm(A, V, E)": "(A - V) / np.sqrt(E + 1e-5)",
    "batch_norm(A, None, None, training=True)": "(A - A.mean(0)) / np.sqrt(A.var(0) + 1e-5)",
    "conv1d(S, S[:, :, :1])": "np.einsum('bcl,oc->bol', S, S[:, :, 0])",
    "conv2d(X, X[:, :, :1, :1], E[:2])": "np.einsum('bchw,oc->bohw', X, X[:, :, 0, 0]) + E[:2, None, None]",
    "conv2d(X, X[:, :, :1, :1], None, 2)": "np.einsum('bchw,oc->bohw', X, X[:, :, 0, 0])[:, :, ::2, ::2]",
    "conv2d(X, X[:, :1, :1, :1], None, 1, 1, 1, 4).shape": "None",
    "conv3d(X[:, :, None], X[:, :, None, :1, :1])": "np.einsum('bchw,oc->bohw', X, X[:, :, 0, 0])[:, :, None]",
    "conv_transpose2d(X, X[:, :2, :1, :1].swapaxes(0, 1).repeat(2, 0))": "None",
    "max_pool2d(X, 2)": "X.reshape(2, 4, 3, 2, 3, 2).max((3, 5))",
    "max_pool2d(X, 2, return_indices=True)[0]": "X.reshape(2, 4, 3, 2, 3, 2).max((3, 5))",
    "avg_pool1d(S, 2)": "S.reshape(2, 4, 3, 2).mean(3)",
    "avg_pool2d(X, 2)": "X.reshape(2, 4, 3, 2, 3, 2).mean((3, 5))",
    "avg_pool2d(X, 2, divisor_override=1)": "X.reshape(2, 4, 3, 2, 3, 2).sum((3, 5))",
    "avg_pool3d(X, 2)": "X.reshape(2, 2, 2, 3, 2, 3, 2).mean((2, 4, 6))",
    "adaptive_avg_pool1d(S, 3)": "S.reshape(2, 4, 3, 2).mean(3)",
    "adaptive_avg_pool2d(X, (3, 1))": "X.reshape(2, 4, 3, 2, 6).mean((3, 4))[..., None]",
    "adaptive_avg_pool3d(X, (2, 3, 1))": "X.reshape(2, 2, 2, 3, 2, 6).mean((2, 4, 5))[..., None]",
    "adaptive_max_pool1d(S, 3)": "S.reshape(2, 4, 3, 2).max(3)",
    "adaptive_max_pool2d(X, (3, 3))": "X.reshape(2, 4, 3, 2, 3, 2).max((3, 5))",
    "max_unpool2d(*functional.max_pool2d(X, 2, return_indices=True), 2).sum()": (
        "X.reshape(2, 4, 3, 2, 3, 2).max((3, 5)).sum()"
    ),
    "pad(A, (1, 2), 'constant', 2.0)": "np.pad(A, ((0, 0), (1, 2)), constant_values=2)",
    "pad(X, (1, 1, 2, 2), mode='reflect')": "np.pad(X, ((0, 0), (0, 0), (2, 2), (1, 1)), mode='reflect')",
    "unfold(X, 6)": "X.reshape(2, -1, 1)",
    "fold(X.reshape(2, -1, 1), 6, 6)": "X",
    "fold(functional.unfold(X, 2, stride=2), (6, 6), 2, stride=2)": "X",
    "interpolate(X, (3, 3))": "X[:, :, ::2, ::2]",
    "upsample(X, scale_factor=2.0)": "X.repeat(2, 2).repeat(2, 3)",
    "pixel_shuffle(X, 2)": "X.reshape(2, 1, 2, 2, 6, 6).transpose(0, 1, 4, 2, 5, 3).reshape(2, 1, 12, 12)",
    "grid_sample(X, adcore.ops.ones((2, 1, 1, 2)), align_corners=True)": "X[:, :, -1:, -1:]",
    "one_hot(K)": "np.eye(3, dtype=int)[K]",
    "one_hot(K, 4)": "np.eye(4, dtype=int)[K]",
    "embedding(K, M)": "M[K]",
    "dropout(A, 0.0)": "A",
    "dropout(A, 0.5, False)": "A",
    "dropout2d(X, 0.5, training=False)": "X",
    "flatten(X)": "X.ravel()",
    "mse_loss(A, B)": "((A - B) ** 2).mean()",
    "l1_loss(A, B, 'sum')": "np.abs(A - B).sum()",
    "smooth_l1_loss(A, B, beta=0.5)": ("np.where(np.abs(A - B) < 0.5, (A - B) ** 2, np.abs(A - B) - 0.25).mean()"),
    "binary_cross_entropy(P / 4, abs(U))": "-(abs(U) * np.log(P / 4) + (1 - abs(U)) * np.log(1 - P / 4)).mean()",
    "binary_cross_entropy_with_logits(A, abs(U))": "(np.log1p(np.exp(A)) - abs(U) * A).mean()",
    "binary_cross_entropy_with_logits(A, abs(U), None, 'sum', 2 * E)": (
        "(2 * E * abs(U) * np.log1p(np.exp(-A)) + (1 - abs(U)) * np.log1p(np.exp(A))).sum()"
    ),
    "cross_entropy(M, K)": "-scipy.special.log_softmax(M, 1)[[0, 1, 2], K].mean()",
    "nll_loss(M, K, reduction='sum')": "-M[[0, 1, 2], K].sum()",
    "kl_div(A, P)": "(P * (np.log(P) - A)).mean()",
    "cosine_embedding_loss(A, B, Tensor([1, 1]))": (
        "(1 - (A * B).sum(1) / np.linalg.norm(A, axis=1) / np.linalg.norm(B, axis=1)).mean()"
    ),
    "soft_margin_loss(A, B)": "np.log1p(np.exp(-A * B)).mean()",
    "relu_(mint.clone(A))": "np.maximum(A, 0)",
    "sigmoid_(mint.clone(A))": "scipy.special.expit(A)",
    "elu_(mint.clone(A))": "np.where(A > 0, A, np.expm1(A))",
    "hardtanh_(mint.clone(A), -0.5, 0.5)": "np.clip(A, -0.5, 0.5)",
    "threshold_(mint.clone(A), 0.0, 9.0)": "np.where(A > 0, A, 9)",
}
for call in [call for call, value in F.items() if value == "None"]:
    del F[call]
F["conv_transpose2d(X, X[:, :2, :1, :1].repeat_interleave(2, 0)).shape"] = "(2, 2, 6, 6)"

LAYERS = {
    **{f"{name}()(A)": f"functional.{function}(A)" for name, function in {"ReLU": "relu", "ReLU6": "relu6"}.items()},
    "Softmax()(A)": "functional.softmax(A)",
    "Softmax(0)(A)": "functional.softmax(A, 0)",
    "LogSoftmax(1)(A)": "functional.log_softmax(A, 1)",
    "GELU()(A)": "functional.gelu(A)",
    "GELU('tanh')(A)": "functional.gelu(A, approximate='tanh')",
    "GLU(1)(X)": "functional.glu(X, 1)",
    "ELU(0.5)(A)": "functional.elu(A, 0.5)",
    "SiLU()(A)": "functional.silu(A)",
    "SELU()(A)": "ops.selu(A)",
    "Mish()(A)": "A * mint.tanh(functional.softplus(A))",
    "Sigmoid()(A)": "mint.sigmoid(A)",
    "Tanh()(A)": "mint.tanh(A)",
    "LogSigmoid()(A)": "functional.logsigmoid(A)",
    "Hardshrink(0.5)(A)": "mint.where(mint.abs(A) > 0.5, A, 0.0)",
    "Softshrink(0.5)(A)": "A - mint.clamp(A, -0.5, 0.5)",
    "Hardsigmoid()(A)": "mint.clamp(A / 6 + 0.5, 0, 1)",
    "Hardswish()(A)": "A * mint.clamp(A / 6 + 0.5, 0, 1)",
    "Hardtanh(-0.5, 0.5)(A)": "mint.clamp(A, -0.5, 0.5)",
    "Threshold(0.1, 5.0)(A)": "functional.threshold(A, 0.1, 5.0)",
    "PReLU(4)(X)": "functional.leaky_relu(X, 0.25)",
    "Linear(3, 2, weight_init='ones', bias_init='zeros')(A)": "mint.tile(A.sum(1, keepdims=True), (1, 2))",
    "Linear(3, 2, False).bias": "None",
    "LayerNorm(3)(A)": "functional.layer_norm(A, (3,))",
    "LayerNorm((2, 3), elementwise_affine=False)(A)": "functional.layer_norm(A, (2, 3))",
    "GroupNorm(2, 4)(X)": "functional.group_norm(X, 2)",
    "MaxPool2d(3, 2, 1)(X)": "functional.max_pool2d(X, 3, 2, 1)",
    "AvgPool1d(2)(S)": "functional.avg_pool1d(S, 2)",
    "AvgPool2d(3, 2, 1, False, False)(X)": "functional.avg_pool2d(X, 3, 2, 1, False, False)",
    "AvgPool3d(2)(X)": "functional.avg_pool3d(X, 2)",
    "AdaptiveAvgPool1d(3)(S)": "functional.adaptive_avg_pool1d(S, 3)",
    "AdaptiveAvgPool2d((3, 2))(X)": "functional.adaptive_avg_pool2d(X, (3, 2))",
    "AdaptiveAvgPool3d((2, 3, 1))(X)": "functional.adaptive_avg_pool3d(X, (2, 3, 1))",
    "AdaptiveMaxPool1d(3)(S)": "functional.adaptive_max_pool1d(S, 3)",
    "AdaptiveMaxPool2d((3, 2), True)(X)[1]": "functional.adaptive_max_pool2d(X, (3, 2), True)[1]",
    "MaxUnpool2d(2)(*functional.max_pool2d(X, 2, return_indices=True))": (
        "functional.max_unpool2d(*functional.max_pool2d(X, 2, return_indices=True), 2)"
    ),
    "ConstantPad1d(1, 2.0)(S)": "functional.pad(S, (1, 1), 'constant', 2.0)",
    "ConstantPad2d(1, 2.0)(X)": "functional.pad(X, (1, 1, 1, 1), 'constant', 2.0)",
    "ConstantPad3d(1, 2.0)(X)": "functional.pad(X, (1, 1) * 3, 'constant', 2.0)",
    "ZeroPad1d((1, 2))(S)": "functional.pad(S, (1, 2))",
    "ZeroPad2d(1)(X)": "functional.pad(X, (1, 1, 1, 1))",
    "ZeroPad3d(1)(X)": "functional.pad(X, (1, 1) * 3)",
    "ReflectionPad1d(1)(S)": "functional.pad(S, (1, 1), 'reflect')",
    "ReflectionPad2d(1)(X)": "functional.pad(X, (1, 1, 1, 1), 'reflect')",
    "ReflectionPad3d(1)(X)": "functional.pad(X[None], (1, 1) * 3, 'reflect')[0]",
    "ReplicationPad1d(1)(S)": "functional.pad(S, (1, 1), 'replicate')",
    "ReplicationPad2d(1)(X)": "functional.pad(X, (1, 1, 1, 1), 'replicate')",
    "ReplicationPad3d(1)(X)": "functional.pad(X[None], (1, 1) * 3, 'replicate')[0]",
    "Unfold(2, stride=2)(X)": "functional.unfold(X, 2, stride=2)",
    "Fold(6, 6)(X.reshape(2, -1, 1))": "X",
    "Upsample(scale_factor=2.0)(X)": "functional.upsample(X, scale_factor=2.0)",
    "UpsamplingNearest2d(scale_factor=2.0)(X)": "functional.upsample(X, scale_factor=2.0)",
    "UpsamplingBilinear2d((3, 3))(X)": "functional.interpolate(X, (3, 3), mode='bilinear', align_corners=True)",
    "PixelShuffle(2)(X)": "functional.pixel_shuffle(X, 2)",
    "Flatten()(X)": "X.reshape(2, -1)",
    "Identity()(A)": "A",
    "Dropout(0.5).set_train(False)(A)": "A",
    "Dropout2d(0.5).set_train(False)(X)": "X",
    "BCELoss()(P / 4, abs(U))": "functional.binary_cross_entropy(P / 4, abs(U))",
    "BCEWithLogitsLoss(None, 'sum', 2 * E)(A, abs(U))": (
        "functional.binary_cross_entropy_with_logits(A, abs(U), None, 'sum', 2 * E)"
    ),
    "CosineEmbeddingLoss()(A, B, Tensor([1, -1]))": "functional.cosine_embedding_loss(A, B, Tensor([1, -1]))",
    "CrossEntropyLoss(label_smoothing=0.1)(M, K)": "functional.cross_entropy(M, K, label_smoothing=0.1)",
    "KLDivLoss()(A, P)": "functional.kl_div(A, P)",
    "L1Loss()(A, B)": "functional.l1_loss(A, B)",
    "MSELoss('sum')(A, B)": "functional.mse_loss(A, B, 'sum')",
    "NLLLoss()(M, K)": "functional.nll_loss(M, K)",
    "SmoothL1Loss()(A, B)": "functional.smooth_l1_loss(A, B)",
    "SoftMarginLoss()(A, B)": "functional.soft_margin_loss(A, B)",
}


def check(made, expected):
    if isinstance(expected, Tensor):
        expected = expected.asnumpy()
    if isinstance(expected, (list, tuple)) and isinstance(made, (list, tuple)):
        assert len(made) == len(expected)
        for m, e in zip(made, expected):
            check(m, e)
    elif isinstance(made, Tensor):
        expected = np.asarray(expected)
        assert made.shape == expected.shape
        assert made.asnumpy().dtype.kind == expected.dtype.kind
        np.testing.assert_allclose(made.asnumpy(), expected, rtol=2e-5, atol=5e-6)
    else:
        assert made == expected


NAMES = {"adcore": adcore, "mint": mint, "functional": functional, "ops": adcore.ops, "scipy": scipy, "Tensor": Tensor}


def evaluated(expression, names):
    return eval(expression, {"np": np, **NAMES, **names})


@pytest.mark.parametrize("call", [*SAMPLES, *(f"nn.functional.{call}" for call in F)])
def test_as_numpy(call):
    expected = F[call.removeprefix("nn.functional.")] if call.startswith("nn.") else SAMPLES[call]
    check(evaluated(f"mint.{call}", TENSORS), evaluated(expected, ARRAYS))


@pytest.mark.parametrize("call", LAYERS)
def test_layers_are_their_functions(call):
    check(evaluated(f"mint.nn.{call}", TENSORS), evaluated(LAYERS[call], TENSORS))


def called(calls):
    return {call.split("(")[0].split("[")[0] for call in calls}


def test_every_name_has_a_sample():
    modules = {"distributed", "functional", "linalg", "nn", "optim", "special"}
    names = called(SAMPLES)
    assert set(mint.__all__) - modules == {n for n in names if "." not in n} | {"imag", "polar"}
    assert {f"linalg.{n}" for n in mint_linalg.__all__} | {f"special.{n}" for n in mint_special.__all__} <= names
    assert set(functional.__all__) == called(F)
    others = {"BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "Cell", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose2d"}
    assert set(mint_nn.__all__) == called(LAYERS) | others | {"Embedding", "SyncBatchNorm", "functional"}


@pytest.mark.parametrize(
    "layer, shape, like",
    [
        (lambda: mint_nn.Conv1d(4, 2, 3), (2, 2, 4), "conv1d(x, layer.weight, layer.bias)"),
        (lambda: mint_nn.Conv2d(4, 2, 3), (2, 2, 4, 4), "conv2d(x, layer.weight, layer.bias)"),
        (
            lambda: mint_nn.Conv2d(4, 2, (3, 5), stride=2, padding=(1, 2), groups=2, bias=False),
            (2, 2, 3, 3),
            "conv2d(x, layer.weight, None, 2, (1, 2), 1, 2)",
        ),
        (lambda: mint_nn.Conv2d(4, 2, 3, padding="same"), (2, 2, 6, 6), "conv2d(x, layer.weight, layer.bias, 1, 1)"),
        (lambda: mint_nn.Conv3d(2, 2, 3, padding=1), (1, 2, 4, 6, 6), "conv3d(x, layer.weight, layer.bias, 1, 1)"),
        (
            lambda: mint_nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1),
            (2, 2, 12, 12),
            "conv_transpose2d(x, layer.weight, layer.bias, 2, 1, 1)",
        ),
    ],
)
def test_convolutions(layer, shape, like):
    adcore.set_seed(1)
    layer = layer()
    x = {3: TENSORS["S"], 4: TENSORS["X"], 5: TENSORS["X"].reshape(1, 2, 4, 6, 6)}[len(shape)]
    out = layer(x)
    assert out.shape == shape
    expected = eval(f"functional.{like}", {"functional": functional, "x": x, "layer": layer})
    np.testing.assert_allclose(out.asnumpy(), expected.asnumpy(), rtol=1e-4, atol=1e-5)
    assert [p.name for p in layer.get_parameters()] == ["weight", "bias"][: 1 + (layer.bias is not None)]


def test_the_table_of_an_embedding():
    table = mint_nn.Embedding(4, 2, padding_idx=1)
    assert [p.name for p in table.get_parameters()] == ["weight"]
    assert (table.weight[1] == 0).all() and not (table.weight[0] == 0).any()
    index = Tensor([0, 1, 1])
    gradient = adcore.value_and_grad(lambda: (table(index) * 2).sum(), None, table.trainable_params())()[1][0]
    np.testing.assert_array_equal(gradient.asnumpy(), [[2, 2], [0, 0], [0, 0], [0, 0]])
    frozen = mint_nn.Embedding(2, 2, _weight=Tensor([[1.0, 2.0], [3.0, 4.0]]), _freeze=True)
    assert frozen(Tensor([1])).tolist() == [[3.0, 4.0]] and not frozen.trainable_params()


def test_means_that_follow_batches():
    x = ARRAYS["X"]
    layer = mint_nn.BatchNorm2d(4, momentum=0.25)
    names = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert [p.name for p in layer.get_parameters()] == names
    assert [p.name for p in layer.trainable_params()] == names[:2]
    mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(layer(Tensor(x)).asnumpy(), x / np.sqrt(1 + 1e-5), rtol=1e-5)
    out = layer.set_train()(Tensor(x))
    np.testing.assert_allclose(out.asnumpy(), (x - mean) / np.sqrt(var + 1e-5), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.running_mean.asnumpy(), 0.25 * mean.ravel(), rtol=1e-4, atol=1e-6)
    unbiased = var.ravel() * 72 / 71
    np.testing.assert_allclose(layer.running_var.asnumpy(), 0.75 + 0.25 * unbiased, rtol=1e-5)
    assert int(layer.num_batches_tracked) == 1
    # No momentum: the mean of all batches.
    layer = mint_nn.BatchNorm1d(3, momentum=None).set_train()
    for rows in (ARRAYS["A"], ARRAYS["B"]):
        layer(Tensor(rows))
    expected = np.concatenate((ARRAYS["A"], ARRAYS["B"])).mean(0)
    np.testing.assert_allclose(layer.running_mean.asnumpy(), expected, rtol=1e-5, atol=1e-6)
    # Nothing is tracked: that of the batch, in training or not.
    plain = mint_nn.BatchNorm3d(2, affine=False, track_running_stats=False)
    assert not list(plain.get_parameters())
    y = x.reshape(1, 2, 4, 6, 6)
    normal = (y - y.mean((0, 2, 3, 4), keepdims=True)) / np.sqrt(y.var((0, 2, 3, 4), keepdims=True) + 1e-5)
    np.testing.assert_allclose(plain(Tensor(y)).asnumpy(), normal, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["relu", "relu6", "silu", "elu", "hardtanh"])
def test_in_place(name):
    x = Tensor(ARRAYS["A"] * 3)
    expected = getattr(functional, name)(x).asnumpy()
    assert getattr(functional, name)(x, inplace=True) is x
    np.testing.assert_array_equal(x.asnumpy(), expected)
    layer = {"relu6": mint_nn.ReLU6, "silu": mint_nn.SiLU, "elu": mint_nn.ELU, "hardtanh": mint_nn.Hardtanh}.get(name)
    if layer is not None:
        x = Tensor(ARRAYS["A"] * 3)
        assert layer(inplace=True)(x) is x
        np.testing.assert_array_equal(x.asnumpy(), expected)


def test_a_layer_of_its_own_is_one_of_a_model():
    net = adcore.nn.SequentialCell(mint_nn.Linear(3, 4), mint_nn.ReLU(), mint_nn.Linear(4, 1, bias=False))
    assert [p.name for p in net.get_parameters()] == ["0.weight", "0.bias", "2.weight"]
    gradients = adcore.value_and_grad(lambda x: net(x).sum(), None, net.trainable_params())(TENSORS["A"])[1]
    hidden = np.maximum(ARRAYS["A"] @ net[0].weight.asnumpy().T + net[0].bias.asnumpy(), 0)
    np.testing.assert_allclose(gradients[2].asnumpy(), hidden.sum(0, keepdims=True), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: mint.imag(TENSORS["A"]), NotImplementedError, "mint.imag: adcore has no complex dtypes"),
        (lambda: mint.polar(TENSORS["A"], TENSORS["A"]), NotImplementedError, "mint.polar: adcore has no complex"),
        (lambda: mint.add(TENSORS["I"], TENSORS["J"], alpha=0.5), TypeError, "add: alpha must be an int"),
        (lambda: mint.normal(), TypeError, "normal: size must be given"),
        (lambda: mint.distributed.gather(TENSORS["A"]), NotImplementedError, "distributed.gather is not there"),
        (lambda: mint_nn.SyncBatchNorm(3), NotImplementedError, "one process"),
        (lambda: mint_nn.Conv2d(1, 1, 3, padding_mode="reflect"), NotImplementedError, "must be 'zeros'"),
        (lambda: mint_nn.Embedding(2, 2, max_norm=1.0), NotImplementedError, "max_norm"),
        (lambda: mint_nn.Embedding(2, 2, _weight=TENSORS["A"]), ValueError, r"must have the shape \(2, 2\)"),
        (lambda: functional.embedding(TENSORS["K"], TENSORS["M"], max_norm=1.0), NotImplementedError, "max_norm"),
        (lambda: mint_nn.GroupNorm(2, 3), ValueError, "3 channels are not 2 equal groups"),
        (lambda: mint_nn.BatchNorm1d(4)(TENSORS["A"]), ValueError, r"2 or 3 axes, .* got the shape \(2, 3\)"),
    ],
)
def test_what_does_not_fit_is_told(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_one_process():
    assert (distributed.get_rank(), distributed.get_world_size()) == (0, 1)
    distributed.init_process_group()
    assert distributed.is_available() and distributed.is_initialized()
    x = Tensor([1.0, 2.0])
    assert distributed.all_reduce(x) is None and distributed.broadcast(x, 0) is None and x.tolist() == [1.0, 2.0]
    with pytest.raises(NotImplementedError, match="async_op"):
        distributed.all_reduce(x, async_op=True)
    distributed.destroy_process_group()
    assert not distributed.is_initialized()
