"""MindSpore's classes of operators: each is constructed and called, and gives what NumPy, SciPy or the tested function
behind it gives by MindSpore's order of arguments.

A case is ``constructor | operands | value [| parameters]``, in Python. Operands are made by `x` (float32), `i` (int32),
`b` (bool), `p` (a Parameter of float32), `f` (a float32 of no axes) and `T` (of values); in the value they are called
a, b, c, ... as NumPy arrays and A, B, C, ... as what the call was given. `parameters` are what Parameters hold after
the call, in order; without it, the value. A value of None is random and has a test of its own. A line that ends in a
backslash goes on.
"""

import copy
import inspect
import pickle
import re
import traceback
import zlib

import numpy as np
import pytest
import scipy.linalg
from scipy import special

import adcore
from adcore import Parameter, Tensor, nn, ops
from adcore.mindspore import composite, dtypes, layers, operator_table, operators

CASES = r"""
# elementwise
Abs() | x(3, 4) | abs(a)
ACos() | x(3, low=-.9, high=.9) | np.arccos(a)
Acosh() | x(3, low=1.5, high=3) | np.arccosh(a)
Add() | x(3, 4), x(4) | a + b
Add() | x(3), 2.5 | a + 2.5
AddV2() | x(3), x(3) | a + b
TensorAdd() | x(3), x(3) | a + b
Addcdiv() | x(3), x(3), x(3, low=.5), x(1) | a + d * b / c
Addcmul() | x(3), x(3), x(3), x(1) | a + d * b * c
ApproximateEqual(0.5) | x(20), x(20) | abs(a - b) < 0.5
Asin() | x(3, low=-.9, high=.9) | np.arcsin(a)
Asinh() | x(3) | np.arcsinh(a)
Atan() | x(3) | np.arctan(a)
Atan2() | x(3), x(3) | np.arctan2(a, b)
Atanh() | x(3, low=-.9, high=.9) | np.arctanh(a)
BesselI0() | x(5) | special.i0(a)
BesselI0e() | x(5) | special.i0e(a)
BesselI1() | x(5) | special.i1(a)
BesselI1e() | x(5) | special.i1e(a)
BitwiseAnd() | i(9, n=20), i(9, n=20) | a & b
BitwiseOr() | i(9, n=20), i(9, n=20) | np.bitwise_or(a, b)
BitwiseXor() | i(9, n=20), i(9, n=20) | a ^ b
Cast() | x(5), float16 | a.astype(np.float16)
Cast() | x(5), int32 | a.astype(np.int32)
Cast() | 2.5, float32 | np.float32(2.5)
Ceil() | x(5) | np.ceil(a)
CeLU(alpha=2.0) | x(5) | np.where(a > 0, a, 2 * np.expm1(a / 2))
Conj() | x(3) | a
ConvertToDynamic() | x(3) | a
Cos() | x(3) | np.cos(a)
Cosh() | x(3) | np.cosh(a)
Digamma() | x(3, low=.5, high=3) | special.digamma(a)
Div() | x(3), x(3) | a / b
DivNoNan() | x(4), T([1., 0, -2, 0]) | np.divide(a, b, out=np.zeros_like(a), where=b != 0)
Elu() | x(6) | np.where(a > 0, a, np.expm1(a))
Eps() | x(2) | np.full(2, np.finfo(np.float32).eps)
Equal() | i(9), i(9) | a == b
Erf() | x(3) | special.erf(a)
Erfc() | x(3) | special.erfc(a)
Erfinv() | x(3, low=-.9, high=.9) | special.erfinv(a)
Exp() | x(3) | np.exp(a)
Expm1() | x(3) | np.expm1(a)
FastGeLU() | x(6) | a / (1 + np.exp(-1.702 * a))
FastGelu() | x(6) | a / (1 + np.exp(-1.702 * a))
Floor() | x(5) | np.floor(a)
FloorDiv() | x(5), x(5) | a // b
FloorMod() | x(5), x(5) | a % b
Fmax() | x(5), x(5) | np.fmax(a, b)
Fmin() | x(5), x(5) | np.fmin(a, b)
Gcd() | i(9, n=30), i(9, n=30) | np.gcd(a, b)
GeLU() | x(6) | a / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (a + 0.044715 * a**3)))
Gelu() | x(6) | a / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (a + 0.044715 * a**3)))
Greater() | i(9), i(9) | a > b
GreaterEqual() | i(9), i(9) | a >= b
Heaviside() | T([-1., 0, 2]), x(3) | np.heaviside(a, b)
HShrink(0.7) | x(9) | np.where(abs(a) > 0.7, a, 0)
HSigmoid() | x(9, low=-4, high=4) | np.clip(a / 6 + 0.5, 0, 1)
HSwish() | x(9, low=-4, high=4) | a * np.clip(a / 6 + 0.5, 0, 1)
Hypot() | x(3), x(3) | np.hypot(a, b)
Identity() | x(3) | a
Identity() | b(3) | a
ConvertToDynamic() | b(3) | a
IdentityN() | (x(3), x(2)) | a
Inv() | x(3) | 1 / a
Invert() | i(5, n=20) | ~a
IsClose(rtol=0.1, atol=0.1) | x(30), x(30) | np.isclose(a, b, 0.1, 0.1)
IsFinite() | T([1., np.inf, np.nan]) | np.isfinite(a)
IsInf() | T([1., np.inf, np.nan]) | np.isinf(a)
IsNan() | T([1., np.inf, np.nan]) | np.isnan(a)
Lcm() | i(9, n=30), i(9, n=30) | np.lcm(a, b)
LeftShift() | i(5, n=9), i(5) | a << b
Lerp() | x(3), x(3), 0.25 | a + 0.25 * (b - a)
Less() | i(9), i(9) | a < b
LessEqual() | i(9), i(9) | a <= b
Lgamma() | x(4, low=.5, high=4) | special.gammaln(a)
Log() | x(4, low=.5, high=4) | np.log(a)
Log1p() | x(4, low=.5, high=4) | np.log1p(a)
LogicalAnd() | b(9), b(9) | a & b
LogicalNot() | b(9) | ~a
LogicalOr() | b(9), b(9) | np.logical_or(a, b)
LogicalXor() | b(9), b(9) | a ^ b
Logit(1e-5) | x(4, low=.1, high=.9) | special.logit(a)
Maximum() | x(5), x(5) | np.maximum(a, b)
Minimum() | x(5), x(5) | np.minimum(a, b)
Mish() | x(5) | a * np.tanh(np.log1p(np.exp(a)))
Mod() | x(5), x(5) | np.fmod(a, b)
Mul() | x(3, 4), x(4) | a * b
MulNoNan() | T([1., np.inf, np.nan, 2]), T([3., 0, 0, -1]) | np.array([3, 0, 0, -2])
Mvlgamma(2) | x(3, low=1) | np.array([special.multigammaln(each, 2) for each in a])
NanToNum(1.0, 2.0, 3.0) | T([np.nan, np.inf, -np.inf, 5]) | np.array([1, 2, 3, 5])
Neg() | x(3) | -a
NextAfter() | x(3), x(3) | np.nextafter(a, b)
NotEqual() | i(9), i(9) | a != b
OnesLike() | x(2, 3) | np.ones((2, 3))
Polygamma() | T(np.int32(1)), x(3, low=.5) | special.polygamma(1, b)
PopulationCount() | i(9, n=1000) | np.array([bin(n).count("1") for n in a])
Pow() | x(3, low=.5), x(3) | a**b
PReLU() | x(2, 3, 2), x(3) | np.where(a > 0, a, a * b.reshape(3, 1))
Real() | x(3) | a
RealDiv() | x(3), x(3) | a / b
Reciprocal() | x(3) | 1 / a
ReLU() | x(5) | np.maximum(a, 0)
ReLUV3() | x(5) | np.maximum(a, 0)
ReLU6() | x(9, low=-2, high=9) | np.clip(a, 0, 6)
RightShift() | i(5, n=99), i(5) | a >> b
Rint() | T([.5, 1.5, -.5, 2.7]) | np.rint(a)
Round() | T([.5, 1.5, -.5, 2.7]) | np.round(a)
Rsqrt() | x(3, low=.5) | 1 / np.sqrt(a)
SeLU() | x(5) | 1.0507009873554805 * np.where(a > 0, a, 1.6732632423543772 * np.expm1(a))
Sigmoid() | x(5) | special.expit(a)
Sign() | x(5) | np.sign(a)
Sin() | x(5) | np.sin(a)
Sinc() | x(5) | np.sinc(a)
Sinh() | x(5) | np.sinh(a)
SoftShrink(0.7) | x(9) | np.sign(a) * np.maximum(abs(a) - 0.7, 0)
Softplus() | x(5) | np.log1p(np.exp(a))
Softsign() | x(5) | a / (1 + abs(a))
Sqrt() | x(5, low=.5) | np.sqrt(a)
Square() | x(5) | a * a
SquaredDifference() | x(5), x(5) | (a - b) ** 2
Sub() | x(5), x(5) | a - b
Tan() | x(5, low=-1, high=1) | np.tan(a)
Tanh() | x(5) | np.tanh(a)
Trunc() | x(5) | np.trunc(a)
TruncateDiv() | x(5), x(5) | np.trunc(a / b)
TruncateMod() | x(5), x(5) | np.fmod(a, b)
Xdivy() | T([0., 2, 3]), T([0., 4, -2]) | np.array([0, .5, -1.5])
Xlogy() | T([0., 2, 3]), T([0., 4, 2]) | special.xlogy(a, b)
ZerosLike() | x(2, 3) | np.zeros((2, 3))

# reductions and scans
AddN() | [x(3), x(3), x(3)] | a[0] + a[1] + a[2]
AccumulateNV2() | [x(3), x(3)] | a[0] + a[1]
Argmax() | x(3, 4) | a.argmax(-1)
Argmax(axis=0, output_type=int64) | x(3, 4) | a.argmax(0)
Argmin() | x(3, 4) | a.argmin(-1)
ArgMaxWithValue(axis=1, keep_dims=True) | x(3, 4) | (a.argmax(1)[:, None], a.max(1, keepdims=True))
ArgMinWithValue() | x(3, 4) | (a.argmin(0), a.min(0))
Bincount() | T(np.int32([1, 0, 1])), T(np.int32(3)), x(3) | np.array([c[1], c[0] + c[2], 0])
ConfusionMatrix(3) | T(np.int32([0, 1, 1])), T(np.int32([0, 2, 2])) | np.array([[1, 0, 0], [0, 0, 2], [0, 0, 0]])
ClipByNorm(1) | x(3, 4), f(1.5) | a * np.minimum(1, 1.5 / np.linalg.norm(a, axis=1, keepdims=True))
ClipByNorm() | x(3, 4), f(1.5) | a * min(1, 1.5 / np.linalg.norm(a))
CountNonZero(dims=(1,)) | i(3, 4) | np.count_nonzero(a, 1)
CumProd() | x(3, 4), 1 | a.cumprod(1)
CumProd(exclusive=True) | x(3), 0 | np.array([1, a[0], a[0] * a[1]])
CumSum() | x(3, 4), 0 | a.cumsum(0)
CumSum(exclusive=True, reverse=True) | x(3), 0 | np.array([a[1] + a[2], a[2], 0])
CumSum(reverse=True) | i(3, 4), -1 | a[:, ::-1].cumsum(1)[:, ::-1]
Cummax(1) | x(3, 4) | tuple(map(array_of, ops.cummax(A, 1)))
Cummin(1) | x(3, 4) | tuple(map(array_of, ops.cummin(A, 1)))
EqualCount() | i(9), i(9) | np.array([(a == b).sum()])
EuclideanNorm(keep_dims=True) | x(3, 4), 1 | np.linalg.norm(a, axis=1, keepdims=True)
Histogram(bins=4, min=-2.0, max=2.0) | x(20) | np.histogram(a, 4, (-2, 2))[0]
FloatStatus() | T([1., np.inf]) | np.array([1])
FloatStatus() | T([1., 2]) | np.array([0])
L2Loss() | x(3, 4) | (a * a).sum() / 2
LpNorm(axis=1, p=3, keep_dims=True) | x(3, 4) | np.linalg.norm(a, 3, 1, keepdims=True)
Median(axis=1, keep_dims=True) | x(3, 5) | (np.median(a, 1, keepdims=True), np.argsort(a, 1)[:, 2:3])
Median(True) | x(3, 5) | (np.median(a), 0)
NuclearNorm() | x(3, 4) | np.linalg.norm(a, "nuc")
Quantile(1, True) | x(3, 4), 0.3 | np.quantile(a, 0.3, 1, keepdims=True)
ReduceAll(keep_dims=True) | b(3, 4), 1 | a.all(1, keepdims=True)
ReduceAny() | b(3, 4) | a.any()
ReduceMax() | x(3, 4), (0, 1) | a.max()
ReduceMean(keep_dims=True) | x(2, 3, 4), (0, -1) | a.mean((0, 2), keepdims=True)
ReduceMin() | x(3, 4), -1 | a.min(1)
ReduceProd() | x(3, 4), 1 | a.prod(1)
ReduceStd(axis=1) | x(3, 4) | (a.std(1, ddof=1), a.mean(1))
ReduceSum() | x(3, 4) | a.sum()
ReduceSum(keep_dims=True) | x(3, 4), 1 | a.sum(1, keepdims=True)
ReduceSum() | i(3, 4), T(np.int64(0)) | a.sum(0).astype(np.int32)
SquareSumAll() | x(3), x(3) | ((a * a).sum(), (b * b).sum())

# shapes and parts
BatchToSpace(2, [[0, 0], [0, 1]]) | x(4, 1, 1, 2) | np.stack([a[::2, 0, 0], a[1::2, 0, 0]], -1).reshape(1, 1, 2, \
    4)[..., :3]
BatchToSpaceND([2, 2], [[0, 0], [0, 0]]) | x(4, 1, 1, 1) | a.reshape(1, 1, 2, 2)
BroadcastTo((2, 3)) | x(3) | np.broadcast_to(a, (2, 3))
BroadcastTo((2, -1)) | x(3) | np.broadcast_to(a, (2, 3))
ChannelShuffle(2) | x(1, 4, 2, 2) | a[:, [0, 2, 1, 3]]
Concat(1) | (x(2, 3), x(2, 1)) | np.concatenate(a, 1)
DataFormatDimMap() | T(np.int32([0, 1, 2, 3, -1])) | np.array([0, 3, 1, 2, 2])
DepthToSpace(2) | x(1, 12, 1, 1) | a.reshape(2, 2, 3).transpose(2, 0, 1)[None]
Diag() | x(3) | np.diag(a)
DiagPart() | x(3, 3) | np.diag(a)
EmbeddingLookup() | x(4, 2), T(np.int32([[5, 2], [0, 3]])), 2 | np.stack([[a[3], a[0]], [0 * a[0], a[1]]])
Expand() | x(3), T(np.int64([2, 3])) | np.broadcast_to(a, (2, 3))
ExpandDims() | x(3), -1 | a[:, None]
FillDiagonal(9.0, wrap=True) | x(5, 2) | np.where(np.eye(3, 2).repeat(1, 0)[[0, 1, 2, 0, 1]] > 0, 9, a)
Flatten() | x(2, 3, 4) | a.reshape(2, 12)
Flatten() | x(0, 3) | a
Gather() | x(3, 4), i(2, 2, n=4), 1 | a[:, b]
Gather(batch_dims=1) | x(3, 4), i(3, 2, n=4), 1 | np.take_along_axis(a, b, 1)
GatherV2() | x(3, 4), i(2, n=3), 0 | a[b]
SparseGatherV2() | x(3, 4), i(2, n=3), 0 | a[b]
GatherD() | x(3, 4), 1, T(np.int64([[0, 3], [1, 1], [2, 0]])) | np.take_along_axis(a, c, 1)
GatherNd() | x(3, 4), T(np.int32([[0, 3], [2, 1]])) | a[[0, 2], [3, 1]]
IndexAdd(axis=1) | p(2, 3), T(np.int32([0, 2, 0])), x(2, 3) | a + np.stack([c[:, 0] + c[:, 2], 0 * c[:, 0], c[:, 1]], 1)
IndexFill() | x(2, 3), 1, T(np.int32([0, 2])), 5. | np.stack([0 * a[:, 0] + 5, a[:, 1], 0 * a[:, 0] + 5], 1)
IndexPut(1) | x(3), x(2), (T(np.int64([0, 0])),) | a + np.array([b[0] + b[1], 0, 0])
InplaceAdd((0, 2)) | x(3, 2), x(2, 2) | a + np.stack([b[0], 0 * b[0], b[1]])
InplaceIndexAdd(0) | p(3, 2), T(np.int32([0, 2])), x(2, 2) | a + np.stack([c[0], 0 * c[0], c[1]])
InplaceSub((0, 2)) | x(3, 2), x(2, 2) | a - np.stack([b[0], 0 * b[0], b[1]])
InplaceUpdate((0, 2)) | x(3, 2), x(2, 2) | np.stack([b[0], a[1], b[1]])
InplaceUpdateV2() | x(3, 2), (0, 2), x(2, 2) | np.stack([c[0], a[1], c[1]])
InvertPermutation() | (2, 0, 1) | (1, 2, 0)
ListDiff() | T(np.int32([1, 2, 3, 4])), T(np.int32([2, 4])) | (np.array([1, 3]), np.array([0, 2]))
MaskedFill() | x(3, 4), b(3, 4), 2.0 | np.where(b, 2, a)
MaskedScatter() | x(3), T(np.array([True, False, True])), x(5) | np.array([c[0], a[1], c[1]])
MaskedSelect() | x(3, 4), b(3, 4) | a[b]
MatrixBandPart() | x(4, 4), 1, 0 | np.tril(np.triu(a, -1))
Meshgrid("ij") | (x(2), x(3)) | tuple(np.meshgrid(*a, indexing="ij"))
MirrorPad("REFLECT") | x(3, 3), T(np.int64([[1, 2], [0, 1]])) | np.pad(a, [(1, 2), (0, 1)], "reflect")
MirrorPad("SYMMETRIC") | x(3, 3), T(np.int64([[1, 2], [0, 1]])) | np.pad(a, [(1, 2), (0, 1)], "symmetric")
NonZero() | i(3, 4) | np.argwhere(a)
Pad(((1, 2), (0, 1))) | x(2, 3) | np.pad(a, [(1, 2), (0, 1)])
PadV3() | x(2, 3), (1, 0, 0, 2), f(1.5) | np.pad(a, [(0, 2), (1, 0)], constant_values=1.5)
PadV3("reflect", False) | x(1, 2, 3), (1, 0, 2, 1) | np.pad(a, [(0, 0), (0, 1), (1, 2)], "reflect")
PadV3("edge") | x(1, 2, 3), (1, 2) | np.pad(a, [(0, 0), (0, 0), (1, 2)], "edge")
Padding(4) | x(2, 1) | np.pad(a, [(0, 0), (0, 3)])
ParallelConcat() | (x(1, 3), x(1, 3)) | np.concatenate(a)
Rank() | x(2, 3) | 2
Reshape() | x(2, 6), (3, -1) | a.reshape(3, 4)
ReverseSequence(seq_dim=1) | x(2, 3), T(np.int32([2, 3])) | np.stack([a[0][[1, 0, 2]], a[1][::-1]])
ReverseSequence(seq_dim=0, batch_dim=1) | x(3, 2), T(np.int32([2, 3])) | np.stack([a[[1, 0, 2], 0], a[::-1, 1]], 1)
ReverseV2([1]) | x(2, 3) | a[:, ::-1]
Roll(1, 0) | x(3, 2) | np.roll(a, 1, 0)
Select() | b(3), x(3), x(3) | np.where(a, b, c)
Shape() | x(2, 3) | (2, 3)
Size() | x(2, 3) | 6
Slice() | x(3, 4), (1, 0), (2, 3) | a[1:3, :3]
SpaceToBatch(2, [[0, 0], [0, 0]]) | x(1, 1, 2, 4) | np.stack([a[0, 0, r::2, c::2] for r in (0, 1) for c in (0, \
    1)])[:, None]
SpaceToBatchND([2, 2], [[0, 0], [0, 0]]) | x(1, 1, 2, 2) | a.reshape(4, 1, 1, 1)
SpaceToDepth(2) | x(1, 3, 2, 2) | a.reshape(3, 4).T.reshape(1, 12, 1, 1)
SparseToDense() | T(np.int32([[0, 1], [1, 0]])), x(2), (2, 2) | np.array([[0, b[0]], [b[1], 0]])
Split(1, 2) | x(2, 4) | tuple(np.split(a, 2, 1))
SplitV((1, -1), 1, 2) | x(2, 4) | (a[:, :1], a[:, 1:])
Squeeze() | x(1, 3, 1) | a.reshape(3)
Squeeze(0) | x(1, 3, 1) | a[0]
Stack(1) | (x(3), x(3)) | np.stack(a, 1)
Pack() | (x(3), x(3)) | np.stack(a)
StridedSlice() | x(5, 6), (1, 5), (4, 0), (2, -2) | a[1:4:2, 5:0:-2]
StridedSlice(begin_mask=1, end_mask=2) | x(5, 6), (3, 1), (4, 2), (1, 1) | a[:4, 1:]
StridedSlice(ellipsis_mask=1, shrink_axis_mask=2) | x(2, 3, 4), (0, 1), (0, 2), (1, 1) | a[..., 1]
StridedSlice(new_axis_mask=1) | x(3, 4), (0, 1), (0, 2), (1, 1) | a[None, 1:2]
TensorShape() | x(2, 3) | np.array([2, 3])
DynamicShape() | x(2, 3) | np.array([2, 3])
Tile() | x(2, 3), (2, 1) | np.tile(a, (2, 1))
Trace() | x(3, 3) | np.trace(a)
ConjugateTranspose() | x(2, 3), (1, 0) | a.T
Transpose() | x(2, 3, 4), (2, 0, 1) | a.transpose(2, 0, 1)
Tril(1) | x(3, 4) | np.tril(a, 1)
Triu(-1) | x(3, 4) | np.triu(a, -1)
UnravelIndex() | T(np.int32([5, 7])), T(np.int32([3, 4])) | np.stack(np.unravel_index(a, (3, 4)))
Unsqueeze(1) | x(3) | a[:, None]
Unstack(1) | x(3, 2) | (a[:, 0], a[:, 1])
Unpack() | x(2, 3) | (a[0], a[1])

# searching and sorting
Bucketize([0.0, 1.0]) | T([-1., 0, .5, 1, 2]) | np.digitize(a, [0, 1])
InTopK(2) | T([[1., 3, 2], [5, 4, 6]]), T(np.int32([0, 2])) | np.array([False, True])
LowerBound() | T([1., 2, 3]), T([2., 2.5]) | np.searchsorted(a, b)
NthElement() | x(3, 5), 1 | np.sort(a)[:, 1]
SearchSorted(right=True) | T([1., 2, 3]), T([2., 2.5]) | np.searchsorted(a, b, "right")
Sort(0, True) | x(4, 3) | (-np.sort(-a, 0), np.argsort(-a, 0))
TopK() | x(3, 5), 2 | (-np.sort(-a)[:, :2], np.argsort(-a)[:, :2])
UpperBound() | T([1., 2, 3]), T([2., 2.5]) | np.searchsorted(a, b, "right")
Unique() | T(np.int32([3, 1, 3, 2])) | (np.array([3, 1, 2]), np.array([0, 1, 0, 2]))
UniqueConsecutive(True, True) | T(np.int32([3, 3, 1, 3])) | (np.array([3, 1, 3]), np.array([0, 0, 1, 2]), \
    np.array([2, 1, 1]))
UniqueWithPad() | T(np.int32([3, 1, 3])), 9 | (np.array([3, 1, 9]), np.array([0, 1, 0]))

UniqueWithPad() | T([3., 1, 3]), f(-1.5) | (np.array([3, 1, -1.5]), np.array([0, 1, 0]))
# scatters
ScatterAdd() | p(3, 2), T(np.int32([0, 2, 0])), x(3, 2) | a + np.stack([c[0] + c[2], 0 * c[0], c[1]])
ScatterDiv() | p(3, 2), T(np.int32([0, 2])), x(2, 2) | a / np.stack([c[0], 0 * c[0] + 1, c[1]])
ScatterDiv() | T(np.int32([7, -7])), T(np.int32([0, 1])), T(np.int32([2, 2])) | np.int32([3, -3])
ScatterMax() | p(3, 2), T(np.int32([0, 2])), x(2, 2) | np.maximum(a, np.stack([c[0], 0 * c[0] - 99, c[1]]))
ScatterMin() | p(3, 2), T(np.int32([0, 2])), x(2, 2) | np.minimum(a, np.stack([c[0], 0 * c[0] + 99, c[1]]))
ScatterMul() | p(3, 2), T(np.int32([0, 2])), x(2, 2) | a * np.stack([c[0], 0 * c[0] + 1, c[1]])
ScatterSub() | p(3, 2), T(np.int32([0, 2])), x(2, 2) | a - np.stack([c[0], 0 * c[0], c[1]])
ScatterUpdate() | p(3, 2), T(np.int32([[0], [2]])), x(2, 1, 2) | np.stack([c[0, 0], a[1], c[1, 0]])
ScatterNd() | T(np.int32([[0, 1], [2, 0]])), x(2), (3, 2) | np.array([[0, b[0]], [0, 0], [b[1], 0]])
ScatterNdAdd() | p(3), T(np.int32([[0], [2]])), x(2) | a + np.array([c[0], 0, c[1]])
ScatterNonAliasingAdd() | p(3), T(np.int32([[0], [2]])), x(2) | a + np.array([c[0], 0, c[1]])
ScatterNdDiv() | p(3), T(np.int32([[0], [2]])), x(2) | a / np.array([c[0], 1, c[1]])
ScatterNdMax() | p(3), T(np.int32([[0], [2]])), x(2) | np.maximum(a, np.array([c[0], -99, c[1]]))
ScatterNdMin() | p(3), T(np.int32([[0], [2]])), x(2) | np.minimum(a, np.array([c[0], 99, c[1]]))
ScatterNdMul() | p(3), T(np.int32([[0], [2]])), x(2) | a * np.array([c[0], 1, c[1]])
ScatterNdSub() | p(3), T(np.int32([[0], [2]])), x(2) | a - np.array([c[0], 0, c[1]])
ScatterNdUpdate() | p(3), T(np.int32([[0], [2]])), x(2) | np.array([c[0], a[1], c[1]])
TensorScatterAdd() | x(3), T(np.int32([[0], [2]])), x(2) | a + np.array([c[0], 0, c[1]])
TensorScatterDiv() | x(3), T(np.int32([[0], [2]])), x(2) | a / np.array([c[0], 1, c[1]])
TensorScatterElements(1) | x(2, 3), T(np.int32([[2], [0]])), x(2, 1) | np.stack([[*a[0, :2], c[0, 0]], [c[1, 0], \
    *a[1, 1:]]])
TensorScatterMax() | x(3), T(np.int32([[0], [2]])), x(2) | np.maximum(a, np.array([c[0], -99, c[1]]))
TensorScatterMin() | x(3), T(np.int32([[0], [2]])), x(2) | np.minimum(a, np.array([c[0], 99, c[1]]))
TensorScatterMul() | x(3), T(np.int32([[0], [2]])), x(2) | a * np.array([c[0], 1, c[1]])
TensorScatterSub() | x(3), T(np.int32([[0], [2]])), x(2) | a - np.array([c[0], 0, c[1]])
TensorScatterUpdate() | x(3), T(np.int32([[0], [2]])), x(2) | np.array([c[0], a[1], c[1]])

# segments
SegmentMax() | x(4, 2), T(np.int32([0, 0, 2, 2])) | np.stack([a[:2].max(0), 0 * a[0], a[2:].max(0)])
SegmentMean() | x(4, 2), T(np.int32([0, 0, 2, 2])) | np.stack([a[:2].mean(0), 0 * a[0], a[2:].mean(0)])
SegmentMin() | x(4, 2), T(np.int32([0, 0, 2, 2])) | np.stack([a[:2].min(0), 0 * a[0], a[2:].min(0)])
SegmentProd() | x(4, 2), T(np.int32([0, 0, 2, 2])) | np.stack([a[:2].prod(0), 0 * a[0] + 1, a[2:].prod(0)])
SegmentSum() | x(4, 2), T(np.int32([0, 0, 2, 2])) | np.stack([a[:2].sum(0), 0 * a[0], a[2:].sum(0)])
UnsortedSegmentMax() | x(3), T(np.int32([2, 0, 2])), 3 | np.array([a[1], np.finfo(np.float32).min, max(a[0], a[2])])
UnsortedSegmentMin() | x(3), T(np.int32([2, 0, 2])), 3 | np.array([a[1], np.finfo(np.float32).max, min(a[0], a[2])])
UnsortedSegmentProd() | x(3), T(np.int32([2, 0, 2])), 3 | np.array([a[1], 1, a[0] * a[2]])
UnsortedSegmentSum() | x(3), T(np.int32([2, -1, 2])), 3 | np.array([0, 0, a[0] + a[2]])
UnsortedSegmentSum() | x(2, 2, 3), T(np.int32([[1, 0], [1, 1]])), 2 | np.stack([a[0, 1], a[0, 0] + a[1, 0] + a[1, 1]])

# tensors from nothing
BartlettWindow() | T(np.int32(5)) | np.bartlett(6)[:5]
BlackmanWindow(periodic=False) | T(np.int32(5)) | np.blackman(5)
DType() | x(3) | float32
Eye() | 2, 3, int32 | np.eye(2, 3)
Fill() | float32, (2, 3), 1.5 | np.full((2, 3), 1.5)
Fills() | x(2, 3), 1.5 | np.full((2, 3), 1.5)
Fills() | x(2, 3), f(1.5) | np.full((2, 3), 1.5)
FillV2() | (2, 3), T(np.float32(1.5)) | np.full((2, 3), 1.5)
HammingWindow() | T(np.int32(5)) | np.hamming(6)[:5]
LinSpace() | T(np.float32(1)), T(np.float32(4)), 5 | np.linspace(1, 4, 5)
LogSpace(steps=4, base=2) | T(np.float32(0)), T(np.float32(3)) | np.array([1, 2, 4, 8])
OneHot() | T(np.int32([0, 2])), 3, T(np.float32(5)), T(np.float32(1)) | np.array([[5, 1, 1], [1, 1, 5]])
OneHot(axis=0) | T(np.int32([0, 2])), 3, T(np.float32(5)), T(np.float32(1)) | np.array([[5, 1, 1], [1, 1, 5]]).T
Ones() | (2, 3), float32 | np.ones((2, 3))
Range() | T(np.int32(1)), T(np.int32(9)), T(np.int32(3)) | np.array([1, 4, 7])
Range() | f(0.5), f(2.5), f(0.75) | np.arange(0.5, 2.5, 0.75)
RangeV2() | T(np.int32(1)), T(np.int32(9)), T(np.int32(3)) | np.array([1, 4, 7])
ScalarToTensor() | 3, int32 | np.int32(3)
ScalarToArray() | 2.5 | np.float32(2.5)
ScalarCast() | 2.5, int32 | 2
TrilIndices(3, 3, -1) | | np.stack(np.tril_indices(3, -1))
TriuIndices(3, 3, 1) | | np.stack(np.triu_indices(3, 1))
TupleToArray() | (1, 2, 3) | np.array([1, 2, 3])
Zeros() | (2, 3), int32 | np.zeros((2, 3))

# linear algebra
BatchMatMul(transpose_a=True) | x(2, 4, 3), x(2, 4, 5) | a.swapaxes(1, 2) @ b
MatMul() | x(2, 3), x(3, 4) | a @ b
MatMul(transpose_a=True, transpose_b=True) | x(3, 2), x(4, 3) | a.T @ b.T
BiasAdd() | x(2, 3, 4), x(3) | a + b[:, None]
BiasAdd("NHWC") | x(2, 1, 1, 3), x(3) | a + b
Cdist(1.0) | x(3, 2), x(4, 2) | abs(a[:, None] - b).sum(-1)
Cholesky(upper=True) | T(np.float32([[4, 2], [2, 3]])) | np.linalg.cholesky(a).T
CholeskyInverse() | T(np.float32([[2, 0], [1, 2]])) | np.linalg.inv(a @ a.T)
CholeskySolve() | x(2, 1), T(np.float32([[2, 0], [1, 2]])) | np.linalg.solve(b @ b.T, a)
Cross(1) | x(2, 3), x(2, 3) | np.cross(a, b)
Dense() | x(2, 3), x(4, 3), x(4) | a @ b.T + c
Einsum("ij,jk->ki") | (x(2, 3), x(3, 4)) | (a[0] @ a[1]).T
Ger() | x(2), x(3) | np.outer(a, b)
Lstsq() | x(4, 2), x(4, 3) | np.linalg.lstsq(a, b, None)[0]
LogMatrixDeterminant() | x(3, 3) | tuple(np.linalg.slogdet(a))
MatrixDeterminant() | x(3, 3) | np.linalg.det(a)
MatrixExp() | x(3, 3) | expm(a)
MatrixInverse(adjoint=True) | x(3, 3) | np.linalg.inv(a).T
MatrixPower(3) | x(3, 3) | np.linalg.matrix_power(a, 3)
MatrixSolve(adjoint=True) | x(3, 3), x(3, 2) | np.linalg.solve(a.T, b)
MatrixTriangularSolve() | T(np.float32([[2, 0], [1, 3]])), x(2, 1) | np.linalg.solve(a, b)
MatrixTriangularSolve(lower=False, adjoint=True) | T(np.float32([[2, 1], [0, 3]])), x(2, 1) | np.linalg.solve(a.T, b)
Pdist(2.0) | x(3, 2) | np.array([np.linalg.norm(a[i] - a[j]) for i, j in ((0, 1), (0, 2), (1, 2))])
Qr() | x(3, 2) | tuple(map(array_of, ops.qr(A, "reduced")))
Renorm(2.0, 0, 1.0) | x(3, 2) | a * np.minimum(1, 1 / np.linalg.norm(a, axis=1, keepdims=True))
SelfAdjointEig() | T(np.float32([[2, 1], [1, 5]])) | tuple(map(array_of, ops.eigh(A)))
Svd() | x(3, 2) | (lambda u, s, v: (s, u, v.T))(*map(array_of, (lambda s, u, v: (u, s, v.swapaxes(0, 1)))(*ops.svd(A))))
Svd(compute_uv=False) | x(3, 2) | (np.linalg.svd(a, compute_uv=False), np.zeros(1), np.zeros(1))

# layers
AdaptiveAvgPool2D(2) | x(1, 2, 4, 4) | a.reshape(1, 2, 2, 2, 2, 2).mean((3, 5))
AdaptiveAvgPool3D(1) | x(1, 2, 2, 3, 4) | a.mean((2, 3, 4), keepdims=True)
AdaptiveMaxPool2D(2) | x(1, 2, 4, 4) | tuple(map(array_of, ops.adaptive_max_pool2d(A, 2, True)))
AdaptiveMaxPool3D() | x(1, 2, 2, 4, 4), T(np.int32([1, 2, 2])) | tuple(map(array_of, ops.adaptive_max_pool3d(A, (1, \
    2, 2), True)))
AffineGrid(True) | x(1, 2, 3), (1, 1, 2, 3) | array_of(ops.affine_grid(A, (1, 1, 2, 3), True))
AvgPool(2, 2) | x(1, 2, 4, 4) | a.reshape(1, 2, 2, 2, 2, 2).mean((3, 5))
AvgPool(kernel_size=3, strides=2, pad_mode="same") | x(1, 2, 5, 5) | array_of(nn.AvgPool2d(3, 2, "same")(A))
AvgPool3D(2, 2) | x(1, 2, 2, 4, 4) | array_of(ops.avg_pool3d(A, 2, 2))
BatchNorm() | x(2, 3, 2, 2), x(3), x(3), x(3), x(3, low=.5) | (((a - ch(d)) / np.sqrt(ch(e) + 1e-5)) * ch(b) + \
    ch(c), d, e, d, e)
Col2Im(2) | x(1, 3, 4, 4), (3, 3) | array_of(ops.fold(ops.reshape(A, (1, 12, 4)), (3, 3), 2, 1, 0, 1))
Conv2D(out_channel=4, kernel_size=3) | x(1, 2, 5, 5), x(4, 2, 3, 3) | array_of(ops.conv2d(A, B))
Conv2D(4, (3, 2), pad_mode="pad", pad=(1, 2, 0, 1), stride=(2, 1)) | x(1, 2, 5, 5), x(4, 2, 3, 2) | \
    array_of(ops.conv2d(Tensor(np.pad(a, [(0, 0), (0, 0), (1, 2), (0, 1)]).astype(np.float32)), B, None, (2, 1)))
Conv2D(4, 3, pad_mode="same", stride=2, group=2) | x(1, 2, 5, 5), x(4, 1, 3, 3) | array_of(ops.conv2d(A, B, None, 2, \
    "same", 0, 1, 2))
Conv2D(4, 3, pad_mode="pad", pad=1, dilation=2) | x(1, 2, 5, 5), x(4, 2, 3, 3) | array_of(ops.conv2d(A, B, None, 1, \
    "pad", 1, 2))
Conv2DBackpropInput(4, 3, pad_mode="pad", pad=1, stride=2) | x(1, 4, 3, 3), x(4, 2, 3, 3), (1, 2, 5, 5) | \
    array_of(ops.conv_transpose2d(A, B, None, 2, 1))
Conv2DTranspose(4, 3) | x(1, 4, 3, 3), x(4, 2, 3, 3), (1, 2, 5, 5) | array_of(ops.conv_transpose2d(A, B))
Conv3D(out_channel=4, kernel_size=2) | x(1, 2, 3, 3, 3), x(4, 2, 2, 2, 2) | array_of(ops.conv3d(A, B))
Conv3DTranspose(4, 2, 2) | x(1, 4, 2, 2, 2), x(4, 2, 2, 2, 2) | array_of(ops.conv_transpose3d(A, B))
Conv3DTranspose(4, 2, 3, pad_mode="pad", pad=1, stride=2, output_padding=1) | x(1, 4, 2, 2, 2), x(4, 2, 3, 3, 3) | \
    array_of(ops.conv_transpose3d(A, B, None, 2, 1, 1))
Conv3DTranspose(4, 2, 3, pad_mode="same", stride=2) | x(1, 4, 2, 2, 2), x(4, 2, 3, 3, 3) | \
    array_of(ops.conv_transpose3d(A, B, None, 2))[:, :, :4, :4, :4]
CTCGreedyDecoder() | T(np.float32([[[.6, .4, .2], [.8, .6, .3]], [[0, .6, 0], [.5, .4, .5]], [[.1, .7, .2], [.1, .2, \
    .9]]])), T(np.int32([3, 2])) | (np.array([[0, 0], [0, 1], [1, 0]]), np.array([0, 1, 0]), np.array([2, 2]), \
    -np.array([[1.9], [1.3]]))
CTCGreedyDecoder(False) | T(np.float32([[[.6, .4, .2], [.8, .6, .3]], [[0, .6, 0], [.5, .4, .5]], [[.1, .7, .2], \
    [.1, .2, .9]]])), T(np.int32([3, 2])) | (np.array([[0, 0], [0, 1], [0, 2], [1, 0], [1, 1]]), np.array([0, 1, 1, \
    0, 0]), np.array([2, 3]), -np.array([[1.9], [1.3]]))
CTCGreedyDecoder() | T(np.float32([[[0, 1]]])), T(np.int32([1])) | (np.zeros((0, 2)), np.zeros(0), np.array([1, 0]), \
    np.array([[-1]]))
DepthwiseConv2dNative(2, 3, pad_mode="pad", pad=1) | x(1, 3, 4, 4), x(2, 3, 3, 3) | \
    np.concatenate([array_of(ops.conv2d(A[:, i:i + 1], B[:, i:i + 1], None, 1, "pad", 1)) for i in range(3)], 1)
Dropout(keep_prob=1.0) | x(3, 4) | (a, np.ones((3, 4)))
Dropout2D(keep_prob=1.0) | x(2, 3, 2, 2) | (a, np.ones((2, 3, 2, 2), bool))
Dropout3D(keep_prob=1.0) | x(2, 3, 1, 2, 2) | (a, np.ones((2, 3, 1, 2, 2), bool))
GLU() | x(3, 4) | a[:, :2] * special.expit(a[:, 2:])
GridSampler2D(align_corners=True) | x(1, 2, 3, 3), x(1, 2, 2, 2, low=-1, high=1) | array_of(ops.grid_sample(A, B, \
    "bilinear", "zeros", True))
GridSampler3D() | x(1, 2, 3, 3, 3), x(1, 2, 2, 2, 3, low=-1, high=1) | array_of(ops.grid_sample(A, B))
Im2Col(2) | x(1, 2, 3, 3) | np.stack([a[0, :, r:r + 2, c:c + 2].reshape(2, 4) for r in (0, 1) for c in (0, 1)], \
    -1)[None]
L2Normalize(axis=1) | x(3, 4) | a / np.linalg.norm(a, axis=1, keepdims=True)
LayerNorm(begin_norm_axis=-1, begin_params_axis=-1) | x(3, 4), x(4), x(4) | ((a - a.mean(1, keepdims=True)) / \
    np.sqrt(a.var(1, keepdims=True) + 1e-7) * b + c, a.mean(1, keepdims=True), a.var(1, keepdims=True))
LogSoftmax() | x(3, 4) | special.log_softmax(a, -1)
LRN(depth_radius=1, alpha=0.5) | x(1, 3, 2, 2) | a / np.sqrt(1 + 0.5 * np.stack([(a[:, max(k - 1, 0):k + 2] ** \
    2).sum(1) for k in range(3)], 1))
MaxPool(2, 2) | x(1, 2, 4, 4) | a.reshape(1, 2, 2, 2, 2, 2).max((3, 5))
MaxPool(kernel_size=3, strides=2, pad_mode="same") | x(1, 2, 5, 5) | array_of(nn.MaxPool2d(3, 2, "same")(A))
MaxPool3D(2, 2) | x(1, 2, 2, 4, 4) | array_of(ops.max_pool3d(A, 2, 2))
MaxPoolWithArgmax(2, 2) | T(np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)) | (np.array([[[[5, 7], [13, \
    15]]]]), np.array([[[[5, 7], [13, 15]]]]))
MaxPoolWithArgmax(3, 2, "same") | T(-np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)) | (-np.array([[[[0, 2], \
    [8, 10]]]]), np.array([[[[0, 2], [8, 10]]]]))
MaxPoolWithArgmax(2, 2) | T(np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)) | (np.array([[[[3]], [[7]]]]), \
    np.array([[[[3]], [[7]]]]))
MaxPoolWithArgmaxV2(2) | x(1, 2, 4, 4) | tuple(map(array_of, ops.max_pool2d(A, 2, 2, return_indices=True)))
MaxPool3DWithArgmax(2, 2, 0) | x(1, 2, 2, 4, 4) | tuple(map(array_of, ops.max_pool3d(A, 2, 2, return_indices=True)))
MaxUnpool2D(2) | T([[[[5., 7]]]]), T(np.int64([[[[4, 3]]]])) | np.array([[[[0, 0, 0, 7], [5, 0, 0, 0]]]])
MaxUnpool3D(2) | T([[[[[5.]]]]]), T(np.int64([[[[[6]]]]])) | np.array([0, 0, 0, 0, 0, 0, 5, 0]).reshape(1, 1, 2, 2, 2)
ResizeLinear1D() | x(1, 2, 3), (5,) | np.stack([a[..., 0], (a[..., 0] + a[..., 1]) / 2, a[..., 1], (a[..., 1] + \
    a[..., 2]) / 2, a[..., 2]], -1)
ResizeBilinear((4, 4), align_corners=True) | x(1, 1, 2, 3) | array_of(ops.interpolate(A, (4, 4), mode="bilinear", \
    align_corners=True))
ResizeBilinearV2() | x(1, 1, 2, 2), (2, 4) | np.stack([a[..., 0], (a[..., 0] + a[..., 1]) / 2, a[..., 1], a[..., \
    1]], -1)
ResizeBilinearV2(half_pixel_centers=True) | x(1, 1, 2, 3), (4, 4) | array_of(ops.interpolate(A, (4, 4), \
    mode="bilinear", align_corners=False))
ResizeNearestNeighbor((4, 4)) | x(1, 1, 2, 2) | a.repeat(2, 2).repeat(2, 3)
ResizeNearestNeighbor((2, 4), align_corners=True) | x(1, 1, 2, 3) | a[:, :, :, [0, 1, 1, 2]]
ResizeNearestNeighborV2() | x(1, 1, 2, 2), (4, 4) | a.repeat(2, 2).repeat(2, 3)
RmsNorm(1e-5) | x(3, 4), x(4) | (a / np.sqrt((a * a).mean(1, keepdims=True) + 1e-5) * b, 1 / np.sqrt((a * a).mean(1, \
    keepdims=True) + 1e-5))
Softmax() | x(3, 4) | special.softmax(a, -1)
Softmax(axis=0) | x(3, 4) | special.softmax(a, 0)

# losses
BCEWithLogitsLoss() | x(3), x(3, low=0, high=1), x(3, low=.5), x(3, low=.5) | \
    array_of(ops.binary_cross_entropy_with_logits(A, B, C, D))
BinaryCrossEntropy("none") | x(3, low=.1, high=.9), x(3, low=.1, high=.9) | -(b * np.log(a) + (1 - b) * np.log(1 - a))
KLDivLoss("sum") | x(3), x(3, low=.1, high=.9) | (b * (np.log(b) - a)).sum()
MultilabelMarginLoss() | x(2, 3), T(np.int32([[0, -1, 1], [2, 1, -1]])) | array_of(ops.multilabel_margin_loss(A, B))
MultiMarginLoss(margin=0.5) | x(2, 3), T(np.int64([0, 2])) | array_of(ops.multi_margin_loss(A, B, 1, 0.5))
NLLLoss() | x(2, 3), T(np.int32([0, 1])), x(3, low=.5) | (-(c[0] * a[0, 0] + c[1] * a[1, 1]) / (c[0] + c[1]), c[0] + \
    c[1])
NLLLoss("none", 1) | x(2, 3), T(np.int32([0, 1])), x(3, low=.5) | (np.array([-c[0] * a[0, 0], 0]), c[0])
SigmoidCrossEntropyWithLogits() | x(3), x(3, low=0, high=1) | np.log1p(np.exp(a)) - a * b
SmoothL1Loss(0.5) | x(5), x(5) | np.where(abs(a - b) < 0.5, (a - b) ** 2, abs(a - b) - 0.25)
SoftMarginLoss() | x(4), T([1., -1, 1, -1]) | np.log1p(np.exp(-a * b)).mean()
SoftmaxCrossEntropyWithLogits() | x(2, 3), x(2, 3, low=0, high=1) | (-(b * special.log_softmax(a, -1)).sum(-1), \
    special.softmax(a, -1) - b)
SparseSoftmaxCrossEntropyWithLogits() | x(2, 3), T(np.int32([0, 2])) | -(special.log_softmax(a, -1)[[0, 1], [0, \
    2]]).mean()
SparseSoftmaxCrossEntropyWithLogits(is_grad=True) | x(2, 3), T(np.int32([0, 2])) | (special.softmax(a, -1) - \
    np.eye(3)[[0, 2]]) / 2
TripletMarginLoss() | x(3, 4), x(3, 4), x(3, 4), f(0.5) | array_of(ops.triplet_margin_loss(A, B, C, 0.5))

# boxes
BoundingBoxDecode(max_shape=(768, 1280)) | T([[4., 1, 2, 1], [2, 2, 2, 3]]), T([[3., 1, 2, 2], [1, 2, 1, 4]]) | \
    np.array([[4.194528, 0, 0, 5.194528], [2.1408591, 0, 3.8591409, 60.598152]])
BoundingBoxEncode(stds=(2.0, 1.0, 1.0, 1.0)) | T([[2., 2, 2, 3]]), T([[1., 2, 1, 4]]) | np.array([[-.5, .25, 0, \
    np.log(1.5)]])
CheckValid() | T([[0., 0, 4, 4], [-1, 0, 2, 2], [0, 0, 9, 2]]), T([6., 8, 1]) | np.array([True, False, False])
CropAndResize() | x(2, 3, 3, 1), T([[0., 0, .5, 1], [1, 0, 0, 2]]), T(np.int32([1, 0])), (2, 3) | np.stack([a[1, [0, \
    1]], np.pad(a[0, [2, 0]][:, [0, 2]], [(0, 0), (0, 1), (0, 0)])])
CropAndResize("nearest", 7.0) | x(1, 3, 3, 2), T([[0., 0, .4, 2]]), T(np.int32([0])), (2, 2) | np.concatenate([a[:, \
    [0, 1], :1], np.full((1, 2, 1, 2), 7)], 2)
CropAndResize() | x(1, 3, 3, 1), T([[0., 0, .5, .5]]), T(np.int32([0])), (1, 1) | a[:, :2, :2].mean((1, 2), \
    keepdims=True)
IOU() | T([[0., 0, 9, 9]]), T([[5., 0, 14, 9], [0, 0, 9, 9]]) | np.array([[50 / 150], [1]])
IOU("iof") | T([[0., 0, 9, 9]]), T([[5., 0, 14, 9]]) | np.array([[0.5]])
NMSWithMask(0.1) | T([[100., 100, 150, 168, .63], [105, 100, 150, 168, .9], [0, 0, 9, 9, .3]]) | (a[[1, 0, 2]], \
    np.arange(3), np.array([True, False, True]))

# writing to parameters
Assign() | p(3), x(3) | b
AssignAdd() | p(3), x(3) | a + b
AssignSub() | p(3), x(3) | a - b
Adam() | p(3), p(3), p(3, low=.5), f(.9), f(.99), f(.1), f(.9), f(.99), f(1e-3), x(3) | adam(a, .9 * b + .1 * j, .99 \
    * c + .01 * j * j, .9 * b + .1 * j)
Adam(use_nesterov=True) | p(3), p(3), p(3, low=.5), f(.9), f(.99), f(.1), f(.9), f(.99), f(1e-3), x(3) | adam(a, .9 \
    * b + .1 * j, .99 * c + .01 * j * j, .9 * (.9 * b + .1 * j) + .1 * j)
AdamWeightDecay() | p(3), p(3), p(3, low=.5), f(.1), f(.9), f(.99), f(1e-3), f(.2), x(3) | (a - .1 * ((.9 * b + .1 * \
    i) / (np.sqrt(.99 * c + .01 * i * i) + 1e-3) + .2 * a), .9 * b + .1 * i, .99 * c + .01 * i * i)
ApplyAdaMax() | p(3), p(3), p(3, low=.5), f(.9), f(.1), f(.9), f(.99), f(1e-3), x(3) | (a - .1 / .1 * (.9 * b + .1 * \
    i) / (np.maximum(.99 * c, abs(i)) + 1e-3), .9 * b + .1 * i, np.maximum(.99 * c, abs(i)))
ApplyAdadelta() | p(3), p(3, low=.5), p(3, low=.5), f(.1), f(.9), f(1e-3), x(3) | (lambda n: (lambda s: (a - .1 * s, \
    n, .9 * c + .1 * s * s))(np.sqrt(c + 1e-3) / np.sqrt(n + 1e-3) * g))(.9 * b + .1 * g * g)
ApplyAdagrad() | p(3), p(3, low=.5), f(.1), x(3) | (a - .1 * d / np.sqrt(b + d * d), b + d * d)
ApplyAdagrad(update_slots=False) | p(3), p(3, low=.5), f(.1), x(3) | (a - .1 * d / np.sqrt(b), b)
ApplyAdagradDA() | p(3), p(3), p(3, low=.5), x(3), f(.1), f(.05), f(.2), T(np.int32(3)) | dual(b + d, c + d * d)[0] \
    | dual(b + d, c + d * d)
ApplyAdagradV2(0.1) | p(3), p(3, low=.5), f(.1), x(3) | (a - .1 * d / (np.sqrt(b + d * d) + .1), b + d * d)
ApplyAdamWithAmsgrad() | p(3), p(3), p(3, low=.5), p(3, low=.5), f(.9), f(.99), f(.1), x(3) | amsgrad(a, .9 * b + .1 \
    * h, .999 * c + .001 * h * h, d, 1e-8)
ApplyAdamWithAmsgradV2() | p(3), p(3), p(3, low=.5), p(3, low=.5), f(.9), f(.99), f(.1), f(.9), f(.999), f(1e-3), \
    x(3) | amsgrad(a, .9 * b + .1 * k, .999 * c + .001 * k * k, d, 1e-3)
ApplyAddSign() | p(3), p(3), f(.1), f(.9), f(.5), f(.8), x(3) | (lambda m: (a - .1 * (.9 + .5 * np.sign(g) * \
    np.sign(m)) * g, m))(.8 * b + .2 * g)
ApplyCenteredRMSProp() | p(3), p(3, low=-.1, high=.1), p(3, low=.5), p(3), x(3), f(.1), f(.9), f(.5), f(1e-3) | a - \
    rms(b, c, d, e)[2] | (a - rms(b, c, d, e)[2], *rms(b, c, d, e))
ApplyFtrl() | p(3), p(3, low=.5), p(3), x(3), f(.1), f(.05), f(.2), f(-.5) | ftrl(a, b, c, d, .1, .05, .2)[0] | \
    ftrl(a, b, c, d, .1, .05, .2)
ApplyGradientDescent() | p(3), f(.1), x(3) | a - .1 * c
ApplyKerasMomentum() | p(3), p(3), f(.1), x(3), f(.9) | (a + .9 * b - .1 * d, .9 * b - .1 * d)
ApplyKerasMomentum(use_nesterov=True) | p(3), p(3), f(.1), x(3), f(.9) | (a + .9 * (.9 * b - .1 * d) - .1 * d, .9 * \
    b - .1 * d)
ApplyMomentum() | p(3), p(3), f(.1), x(3), f(.9) | a - .1 * (.9 * b + d) | (a - .1 * (.9 * b + d), .9 * b + d)
ApplyMomentum(use_nesterov=True) | p(3), p(3), f(.1), x(3), f(.9) | a - .1 * (d + .9 * (.9 * b + d)) | (a - .1 * (d \
    + .9 * (.9 * b + d)), .9 * b + d)
ApplyPowerSign() | p(3), p(3), f(.1), f(.9), f(.5), f(.8), x(3) | (lambda m: (a - .1 * np.exp(.9 * .5 * np.sign(g) * \
    np.sign(m)) * g, m))(.8 * b + .2 * g)
ApplyProximalAdagrad() | p(3), p(3, low=.5), f(.1), f(.05), f(.2), x(3) | (prox(a - .1 * f / np.sqrt(b + f * f), .1 \
    / np.sqrt(b + f * f), .05, .2), b + f * f)
ApplyProximalGradientDescent() | p(3), f(.1), f(.05), f(.2), x(3) | prox(a - .1 * e, .1, .05, .2)
ApplyRMSProp() | p(3), p(3, low=.5), p(3), f(.1), x(3), f(.9), f(.5), f(1e-3) | a - (.5 * c + .1 * e / np.sqrt(.9 * \
    b + .1 * e * e + 1e-3)) | (a - (.5 * c + .1 * e / np.sqrt(.9 * b + .1 * e * e + 1e-3)), .9 * b + .1 * e * e, .5 \
    * c + .1 * e / np.sqrt(.9 * b + .1 * e * e + 1e-3))
SGD(.1, .2) | p(2), x(2), T([.1]), p(2), T([.9]), p(2, low=0, high=0) | a - .1 * (.9 * d + .9 * (b + .2 * a)) | (a - \
    .1 * (.9 * d + .9 * (b + .2 * a)), .9 * d + .9 * (b + .2 * a), 0 * a)

# writing to rows of parameters: the gradient of a row that is named twice is the sum
FusedSparseAdam() | p(3, 2), p(3, 2), p(3, 2, low=.5), f(.9), f(.99), f(.1), f(.9), f(.99), f(1e-3), x(3, 2), \
    T(np.int32([2, 0, 2])) | (lambda g: adam(a, .9 * b + .1 * g, .99 * c + .01 * g * g, .9 * b + .1 * g))(rows(j))
FusedSparseLazyAdam() | p(3, 2), p(3, 2), p(3, 2, low=.5), f(.9), f(.99), f(.1), f(.9), f(.99), f(1e-3), x(3, 2), \
    T(np.int32([2, 0, 2])) | (lambda g: some(adam(a, .9 * b + .1 * g, .99 * c + .01 * g * g, .9 * b + .1 * g), a, b, \
    c))(rows(j))
FusedSparseFtrl(.1, .05, .2, -.5) | p(3, 2), p(3, 2, low=.5), p(3, 2), x(3, 2), T(np.int32([2, 0, 2])) | \
    some(ftrl(a, b, c, rows(d), .1, .05, .2), a, b, c)
SparseApplyFtrl(.1, .05, .2, -.5) | p(3, 2), p(3, 2, low=.5), p(3, 2), x(2, 2), T(np.int32([2, 0])) | some(ftrl(a, \
    b, c, rows(d), .1, .05, .2), a, b, c)
FusedSparseProximalAdagrad() | p(3, 2), p(3, 2, low=.5), f(.1), f(.05), f(.2), x(3, 2), T(np.int32([2, 0, 2])) | \
    (lambda g: (lambda n: some((prox(a - .1 * g / np.sqrt(n), .1 / np.sqrt(n), .05, .2), n), a, b))(b + g * \
    g))(rows(f))
SparseApplyProximalAdagrad() | p(3, 2), p(3, 2, low=.5), f(.1), f(.05), f(.2), x(2, 2), T(np.int32([2, 0])) | \
    (lambda g: (lambda n: some((prox(a - .1 * g / np.sqrt(n), .1 / np.sqrt(n), .05, .2), n), a, b))(b + g * \
    g))(rows(f))
SparseApplyAdagrad(.1) | p(3, 2), p(3, 2, low=.5), x(2, 2), T(np.int32([2, 0])) | (lambda g: some((a - .1 * g / \
    np.sqrt(b + g * g), b + g * g), a, b))(rows(c))
SparseApplyAdagradV2(.1, .5) | p(3, 2), p(3, 2, low=.5), x(2, 2), T(np.int32([2, 0])) | (lambda g: some((a - .1 * g \
    / (np.sqrt(b + g * g) + .5), b + g * g), a, b))(rows(c))
SparseApplyRMSProp(.9, .5, 1e-3) | p(3, 2), p(3, 2, low=.5), p(3, 2), f(.1), x(2, 2), T(np.int32([2, 0])) | (lambda \
    q: (lambda m: some((a - m, q, m), a, b, c))(.5 * c + .1 * rows(e) / np.sqrt(q + 1e-3)))(.9 * b + .1 * rows(e)**2)

# chance
Bernoulli() | T(np.zeros(500, np.float32)), T(np.float32(.25)) | None
DropoutDoMask() | x(3), T(np.array([True, False, True])), 0.5 | a * [2, 0, 2]
DropoutGenMask() | (500,), 0.25 | None
Gamma() | (500,), T(np.float32(2)), T(np.float32(2)) | None
Multinomial() | T([.25, .75]), 500 | None
Poisson() | (500,), T(np.float32(1)) | None
RandomCategorical() | T([[0., np.log(3)]]), 500 | None
RandomGamma() | (500,), T(np.float32(1)) | None
RandomPoisson() | (500,), T(np.float32(1)) | None
RandpermV2() | 500 | None
RandomShuffle() | T(np.arange(500, dtype=np.float32) / 250) | None
StandardLaplace() | (500,) | None
StandardNormal() | (500,) | None
TruncatedNormal() | (500,) | None
Uniform() | T(np.zeros(500, np.float32)) | None
UniformInt() | (500,), T(np.int32(0)), T(np.int32(3)) | None
UniformReal() | (500,) | None

# communication
AllGather() | x(3) | a
AllReduce() | x(3) | a
AlltoAll(1, 0, 1) | x(2, 3) | a
Barrier() | | None
Broadcast(0) | (x(3), x(2)) | a
Reduce(0) | x(3) | a
ReduceScatter() | x(3) | a

# what is no computation
Depend() | x(3), x(2) | a
PyFunc(np.add, None, None, (float32,), None) | x(3), x(3) | (a + b,)
ScalarSummary() | 'loss', x(1) | None
HistogramSummary() | 'w', x(1) | None
ImageSummary() | 'i', x(1) | None
TensorSummary() | 't', x(1) | None
IsInstance() | 1.5, float32 | True
IsInstance() | x(1), int32 | False
IsInstance() | (1,), tuple | True
IsSubClass() | bool, int | True
IsSubClass() | int32, float32 | False
SameTypeShape() | x(3), x(3) | a
StopGradient() | x(3) | a

# gradients
AbsGrad() | x(3), x(3) | b * np.sign(a)
ACosGrad() | x(3, low=-.9, high=.9), x(3) | -b / np.sqrt(1 - a * a)
AcoshGrad() | x(3), x(3) | b / np.sinh(a)
AdaptiveAvgPool2DGrad() | x(1, 1, 2, 2), (1, 1, 4, 4) | (a / 4).repeat(2, 2).repeat(2, 3)
AdaptiveAvgPool3DGrad() | x(1, 1, 1, 2, 2), (1, 1, 2, 4, 4) | (a / 8).repeat(2, 2).repeat(2, 3).repeat(2, 4)
AsinGrad() | x(3, low=-.9, high=.9), x(3) | b / np.sqrt(1 - a * a)
AsinhGrad() | x(3), x(3) | b / np.cosh(a)
AtanGrad() | x(3), x(3) | b / (1 + a * a)
AvgPoolGrad(2, 2) | x(1, 1, 4, 4), x(1, 1, 2, 2), x(1, 1, 2, 2) | (c / 4).repeat(2, 2).repeat(2, 3)
BiasAddGrad() | x(2, 3, 4) | a.sum((0, 2))
BinaryCrossEntropyGrad("none") | x(3, low=.1, high=.9), x(3, low=.1, high=.9), x(3), None | c * (a - b) / (a * (1 - a))
CdistGrad() | x(3, 4), x(3, 2), x(4, 2), x(3, 4) | ((b[:, None] - c) / np.linalg.norm(b[:, None] - c, axis=2, \
    keepdims=True) * a[..., None]).sum(1)
Conv2DBackpropFilter(4, 3) | x(1, 4, 3, 3), x(1, 2, 5, 5), (4, 2, 3, 3) | pulled(lambda w: ops.conv2d(B, w), \
    np.zeros((4, 2, 3, 3)), A)
Conv3DBackpropFilter(4, 2) | x(1, 2, 3, 3, 3), x(1, 4, 2, 2, 2), (4, 2, 2, 2, 2) | pulled(lambda w: ops.conv3d(A, \
    w), np.zeros((4, 2, 2, 2, 2)), B)
Conv3DBackpropInput(4, 2) | x(4, 2, 2, 2, 2), x(1, 4, 2, 2, 2), (1, 2, 3, 3, 3) | array_of(ops.conv_transpose3d(B, A))
BatchNormGrad() | x(2, 3, 2, 2), x(2, 3, 2, 2), x(3), x(3), x(3, low=.5), None | (lambda r: (a * r * ch(c), (a * (b \
    - ch(d)) * r).sum((0, 2, 3)), a.sum((0, 2, 3))))(1 / np.sqrt(ch(e) + 1e-5))
DropoutGrad(0.5) | x(3), T([1., 0, 1]) | a * b * 2
EluGrad() | x(6), x(6, low=-.9) | np.where(b > 0, a, a * (b + 1))
FastGeLUGrad() | x(6), x(6) | a * (s(1.702 * b) + 1.702 * b * s(1.702 * b) * s(-1.702 * b))
FlattenGrad() | x(2, 6), (2, 2, 3) | a.reshape(2, 2, 3)
GatherDGradV2() | x(2, 3), 1, T(np.int64([[2, 2], [0, 1]])), x(2, 2) | np.array([[0, 0, d[0].sum()], [d[1, 0], d[1, \
    1], 0]])
GeLUGrad() | x(6), x(6), x(6) | pulled(lambda v: ops.gelu(v, approximate="tanh"), b, A)
GluGrad(1) | x(3, 2), x(3, 4) | np.concatenate([a * s(b[:, 2:]), a * b[:, :2] * s(b[:, 2:]) * s(-b[:, 2:])], 1)
HShrinkGrad(0.7) | x(9), x(9) | np.where(abs(b) > 0.7, a, 0)
HSigmoidGrad() | x(9), x(9, low=-4, high=4) | np.where(abs(b) < 3, a / 6, 0)
HSwishGrad() | x(9), x(9, low=-4, high=4) | a * np.where(b < -3, 0, np.where(b > 3, 1, b / 3 + .5))
InvGrad() | x(3), x(3) | -b * a * a
KLDivLossGrad("sum") | T(np.float32(2)), x(3), x(3, low=.1, high=.9) | -2 * c
L2NormalizeGrad(1) | x(3, 4), x(3, 4), x(3, 4) | (lambda n: (c - a * (a * c).sum(1, keepdims=True) / n**2) / \
    n)(np.linalg.norm(a, axis=1, keepdims=True))
LayerNormGrad(-1, -1) | x(3, 4), x(3, 4), x(3, 1, low=.5), x(3, 1), x(4) | layer_norm_grad(a, b, c, d, e)
LogitGrad() | x(3), x(3, low=.1, high=.9) | a / (b * (1 - b))
LogSoftmaxGrad() | x(3, 4), x(3, 4) | b - np.exp(a) * b.sum(-1, keepdims=True)
LRNGrad(1, 1.0, 0.5, 0.5) | x(1, 3, 2, 2), x(1, 3, 2, 2), x(1, 3, 2, 2) | pulled(operators.LRN(1, 1.0, 0.5, 0.5), b, A)
MaskedSelectGrad() | x(3), T(np.array([True, False, True])), x(2) | np.array([c[0], 0, c[1]])
MaximumGrad() | x(5), x(5), x(5) | (np.where(a > b, c, 0), np.where(a > b, 0, c))
MaxPool3DGrad(2, 2) | x(1, 1, 2, 2, 2), None, x(1, 1, 1, 1, 1) | np.where(a == a.max(), c, 0)
MaxPoolGrad(2, 2) | x(1, 2, 4, 4), x(1, 2, 2, 2), x(1, 2, 2, 2) | pulled(lambda v: ops.max_pool2d(v, 2, 2), a, C)
MaxPoolGradWithArgmax(2, 2) | x(1, 2, 4, 4), x(1, 2, 2, 2), None | pulled(lambda v: ops.max_pool2d(v, 2, 2), a, B)
MaxPoolGradWithArgmaxV2(2) | x(1, 2, 4, 4), x(1, 2, 2, 2), None | pulled(lambda v: ops.max_pool2d(v, 2, 2), a, B)
MaxPoolGradGrad(2, 2) | x(1, 2, 4, 4), None, x(1, 2, 4, 4) | at_most(a, c)
MaxPoolGradGradWithArgmax(2, 2) | x(1, 2, 4, 4), x(1, 2, 4, 4), None | at_most(a, b)
MaxPool3DGradGrad(2, 2) | x(1, 1, 2, 2, 2), None, x(1, 1, 2, 2, 2) | c.ravel()[a.argmax()].reshape(1, 1, 1, 1, 1)
MinimumGrad() | x(5), x(5), x(5) | (np.where(a < b, c, 0), np.where(a < b, 0, c))
MultiMarginLossGrad() | f(2), T([[1., 2, -1]]), T(np.int64([0])) | np.array([[-2 / 3, 2 / 3, 0]])
MirrorPadGrad("REFLECT") | x(5), T(np.int64([[1, 1]])) | np.array([a[1], a[0] + a[2] + a[4], a[3]])
NLLLossGrad("sum") | x(2, 3), T(np.float32(2)), T(np.int32([0, 2])), x(3), T(np.float32(1)) | -2 * np.stack([d * [1, \
    0, 0], d * [0, 0, 1]])
PadV3Grad("reflect") | x(1, 1, 5), (1, 1) | np.array([[[a[0, 0, 1], a[0, 0, [0, 2, 4]].sum(), a[0, 0, 3]]]])
PdistGrad() | x(1), x(2, 3), x(1) | np.stack([b[0] - b[1], b[1] - b[0]]) / np.linalg.norm(b[0] - b[1]) * a
PReLUGrad() | x(2, 3), x(2, 3), x(1) | (np.where(b > 0, a, a * c), np.array([np.where(b > 0, 0, a * b).sum()]))
ReciprocalGrad() | x(3), x(3) | -b * a * a
ReLU6Grad() | x(9), x(9, low=-2, high=9) | np.where((b > 0) & (b < 6), a, 0)
ReluGrad() | x(9), x(9) | np.where(b > 0, a, 0)
ResizeBilinearGrad(True) | x(1, 1, 4, 4), x(1, 1, 2, 2) | pulled(lambda v: ops.interpolate(v, (4, 4), \
    mode="bilinear", align_corners=True), b, A)
ResizeNearestNeighborGrad() | x(1, 1, 4, 4), (2, 2) | a.reshape(1, 1, 2, 2, 2, 2).sum((3, 5))
RsqrtGrad() | x(3), x(3) | -b * a**3 / 2
SeLUGrad() | x(5), x(5, low=-1.7) | a * np.where(b > 0, 1.0507009873554805, b + 1.7580993408473766)
SigmoidCrossEntropyWithLogitsGrad() | x(3), x(3), x(3) | (s(a) - b) * c
SigmoidGrad() | x(3), x(3) | b * a * (1 - a)
SiLUGrad() | x(3), x(3) | a * s(b) * (1 + b * (1 - s(b)))
SliceGrad() | x(2, 3), x(4, 5), (1, 2), (2, 3) | np.pad(a, [(1, 1), (2, 0)])
SmoothL1LossGrad(0.5) | x(5), x(5), x(5) | c * np.where(abs(a - b) < 0.5, 2 * (a - b), np.sign(a - b))
SoftMarginLossGrad("sum") | x(4), T([1., -1, 1, -1]), T(np.float32(1)) | -b * s(-a * b)
SoftmaxGrad() | x(3, 4), x(3, 4) | a * (b - (a * b).sum(-1, keepdims=True))
SoftplusGrad() | x(3), x(3) | a * s(b)
SoftShrinkGrad(0.7) | x(9), x(9) | np.where(abs(b) > 0.7, a, 0)
SqrtGrad() | x(3, low=.5), x(3) | b / (2 * a)
StridedSliceGrad() | x(2, 2), (4, 5), (0, 1), (4, 4), (2, 2) | (lambda z: (z.__setitem__((slice(0, 4, 2), slice(1, \
    4, 2)), a), z)[1])(np.zeros((4, 5)))
TanhGrad() | x(3), x(3) | b * (1 - a * a)
TraceGrad() | f(2), (3, 3) | 2 * np.eye(3)
UniqueGrad() | (x(2), x(3)), T(np.int64([1, 0, 1])) | a[0][[1, 0, 1]]
"""

LAYERS = r"""
DiGamma() | x(3, low=.5) | special.digamma(a)
LBeta() | x(3, low=.5), x(3, low=.5) | special.betaln(a, b)
LGamma() | x(3, low=.5) | special.gammaln(a)
LRN(1, alpha=0.5) | x(1, 3, 2, 2) | array_of(operators.LRN(1, 1.0, 0.5)(A))
MatDet() | x(3, 3) | np.linalg.det(a)
MatInverse() | x(3, 3) | np.linalg.inv(a)
MatMul(transpose_x2=True) | x(2, 3), x(4, 3) | a @ b.T
MatrixDiag() | x(2, 3) | np.stack([np.diag(row) for row in a])
MatrixDiagPart() | x(2, 3, 3) | np.stack([np.diag(matrix) for matrix in a])
Moments(axis=0, keep_dims=True) | x(3, 4) | (a.mean(0, keepdims=True), a.var(0, keepdims=True))
Range(1, 8, 2) | | np.arange(1, 8, 2)
Range(4) | | np.arange(4)
ReduceLogSumExp(1, True) | x(3, 4) | special.logsumexp(a, 1, keepdims=True)
Roll(1, 0) | x(3, 2) | np.roll(a, 1, 0)
Tril() | x(3, 3), 1 | np.tril(a, 1)
Triu() | x(3, 3), 1 | np.triu(a, 1)
"""

FUNCTIONS = r"""
accumulate_n([x(3), x(3)]) | a[0] + a[1]
addcdiv(x(3), x(3), x(3, low=.5), 2) | a + 2 * b / c
addcmul(x(3), x(3), x(3), 2) | a + 2 * b * c
addn([x(3), x(3)]) | a[0] + a[1]
approximate_equal(x(9), x(9), 0.5) | abs(a - b) < 0.5
array_to_scalar(f(2.5)) | 2.5
baddbmm(x(2, 3, 4), x(2, 3, 5), x(2, 5, 4), 2, 3) | 2 * a + 3 * b @ c
batch_to_space_nd(x(4, 1, 1, 1), [2, 2], [[0, 0], [0, 0]]) | a.reshape(1, 1, 2, 2)
bias_add(x(2, 3), x(3)) | a + b
bidense(x(2, 3), x(2, 4), x(5, 3, 4), x(5)) | np.einsum("ni,oij,nj->no", a, c, b) + d
bool_and(True, False) | False
bool_eq(True, False) | False
bool_not(True) | False
bool_or(True, False) | True
bounding_box_decode(T([[2., 2, 2, 3]]), T([[1., 2, 1, 4]]), (768, 1280)) | \
    np.array([[2.1408591, 0, 3.8591409, 60.598152]])
bounding_box_encode(T([[2., 2, 2, 3]]), T([[1., 2, 1, 4]])) | np.array([[-1, .25, 0, np.log(1.5)]])
check_valid(T([[0., 0, 4, 4], [0, 0, 9, 2]]), T([6., 8, 1])) | np.array([True, False])
choice_with_mask(T(np.array([False, True])), 2, 1) | (np.array([[1], [0]]), np.array([True, False]))
col2im(x(1, 4, 4), (3, 3), 2, 1, 0, 1) | array_of(ops.fold(A, (3, 3), 2, 1, 0, 1))
conj(x(3)) | a
crop_and_resize(x(1, 3, 3, 1), T([[0., 0, .5, .5]]), T(np.int32([0])), (2, 2)) | a[:, :2, :2]
deepcopy(x(3)) | a
depend(x(3), x(2)) | a
diag(x(2, 3)) | np.diag(a.ravel()).reshape(2, 3, 2, 3)
dist(x(3), x(3)) | np.linalg.norm(a - b)
dtype(x(3)) | float32
dyn_shape(x(3, 2)) | np.array([3, 2])
eps(x(2)) | np.full(2, np.finfo(np.float32).eps)
fast_gelu(x(3)) | a * s(1.702 * a)
fill(int32, (2, 3), 4) | np.full((2, 3), 4)
fills(x(2, 3), 1.5) | np.full((2, 3), 1.5)
floordiv(x(3), x(3)) | a // b
floormod(x(3), x(3)) | a % b
gather(x(3, 4), i(3, 2), 1, 1) | np.take_along_axis(a, b, 1)
index_add(x(2, 3), T(np.int32([0, 2])), x(2, 2), 1) | a + np.stack([c[:, 0], 0 * c[:, 0], c[:, 1]], 1)
inplace_add(x(2, 2), x(1, 2), 1) | a + np.stack([0 * b[0], b[0]])
inplace_index_add(p(2, 2), T(np.int32([1])), x(1, 2), 0) | a + np.stack([0 * c[0], c[0]])
inplace_sub(x(2, 2), x(1, 2), 1) | a - np.stack([0 * b[0], b[0]])
inplace_update(x(2, 2), x(1, 2), (1,)) | np.stack([a[0], b[0]])
intopk(T([[1., 3, 2]]), T(np.int32([2])), 2) | np.array([True])
inv(x(3)) | 1 / a
invert(i(3)) | ~a
iou(T([[0., 0, 9, 9]]), T([[5., 0, 14, 9]])) | np.array([[50 / 150]])
is_floating_point(x(1)) | True
is_floating_point(i(1)) | False
is_complex(x(3)) | False
isreal(x(3)) | np.full(3, True)
is_dynamic_sequence_element_unknown((1,)) | False
is_sequence_shape_unknown((1,)) | False
is_sequence_value_unknown((1,)) | False
isconstant(3) | True
is_nonzero(f(2)) | True
is_nonzero(f(0)) | False
log_matrix_determinant(x(3, 3)) | tuple(np.linalg.slogdet(a))
lrn(x(1, 3, 2, 2), 1, 1.0, 0.5) | array_of(operators.LRN(1, 1.0, 0.5)(A))
make_dict(('a', 'b'), (1, 2)) | {'a': 1, 'b': 2}
make_list(1, 2) | [1, 2]
make_range(1, 4) | (1, 2, 3)
make_slice(1, 4, None) | slice(1, 4, None)
make_tuple(1, 2) | (1, 2)
matrix_band_part(x(3, 3), 1, 0) | np.tril(np.triu(a, -1))
matrix_determinant(x(3, 3)) | np.linalg.det(a)
matrix_solve(x(3, 3), x(3, 1)) | np.linalg.solve(a, b)
max_pool3d(x(1, 1, 3, 3, 3), 2, 2, 0, 1, True) | array_of(ops.max_pool3d(A, 2, 2, ceil_mode=True))
mirror_pad(x(3), T(np.int64([[1, 1]])), "REFLECT") | np.pad(a, 1, "reflect")
mixed_precision_cast(float16, [i(2), (x(2), 3)]) | (b[0], (b[1][0].astype(np.float16), 3))
numel(x(2, 3)) | 6
padding(x(2, 1), 3) | np.pad(a, [(0, 0), (0, 2)])
partial(max, 1) | None
population_count(T(np.int32([7, 8]))) | np.array([3, 1])
pows(x(3, low=.5), 2) | a**2
print_("x") | None
random_gamma(T(np.int32([2])), T(np.float32(1))) | None
random_poisson(T(np.int32([2])), T(np.float32(1))) | None
range(T(np.int32(1)), 7, 2) | np.array([1, 3, 5])
rank(x(2, 3)) | 2
real(x(3)) | a
reduce_max(x(3, 4), 1) | a.max(1)
reduce_mean(x(3, 4)) | a.mean()
reduce_min(x(3, 4), 1) | a.min(1)
reduce_sum(x(3, 4), (0,)) | a.sum(0)
reverse(x(2, 3), [1]) | a[:, ::-1]
reverse_sequence(x(2, 3), T(np.int32([2, 3])), 1) | np.stack([a[0][[1, 0, 2]], a[1][::-1]])
rms_norm(x(3, 4), x(4), 1e-5) | tuple(map(array_of, operators.RmsNorm(1e-5)(A, B)))
scalar_add(7, 2) | 9
scalar_cast(2.5, int32) | 2
scalar_div(7, 2) | 3.5
scalar_eq(7, 2) | False
scalar_floordiv(7, 2) | 3
scalar_ge(7, 2) | True
scalar_gt(7, 2) | True
scalar_le(7, 2) | False
scalar_log(1.0) | 0.0
scalar_lt(7, 2) | False
scalar_max(7, 2) | 7
scalar_min(7, 2) | 2
scalar_mod(7, 2) | 1
scalar_mul(7, 2) | 14
scalar_ne(7, 2) | True
scalar_pow(7, 2) | 49
scalar_sub(7, 2) | 5
scalar_to_array(2) | np.array(2)
scalar_to_tensor(2) | np.float32(2)
scalar_uadd(7) | 7
scalar_usub(7) | -7
string_concat('a', 'b') | 'ab'
string_eq('a', 'b') | False
scatter_add(p(3), T(np.int32([1])), x(1)) | a + np.array([0, c[0], 0])
scatter_div(p(3), T(np.int32([1])), x(1)) | a / np.array([1, c[0], 1])
scatter_max(p(3), T(np.int32([1])), x(1)) | np.maximum(a, np.array([-9, c[0], -9]))
scatter_min(p(3), T(np.int32([1])), x(1)) | np.minimum(a, np.array([9, c[0], 9]))
scatter_mul(p(3), T(np.int32([1])), x(1)) | a * np.array([1, c[0], 1])
scatter_nd_add(p(3), T(np.int32([[1]])), x(1)) | a + np.array([0, c[0], 0])
scatter_nd_div(p(3), T(np.int32([[1]])), x(1)) | a / np.array([1, c[0], 1])
scatter_nd_max(p(3), T(np.int32([[1]])), x(1)) | np.maximum(a, np.array([-9, c[0], -9]))
scatter_nd_min(p(3), T(np.int32([[1]])), x(1)) | np.minimum(a, np.array([9, c[0], 9]))
scatter_nd_mul(p(3), T(np.int32([[1]])), x(1)) | a * np.array([1, c[0], 1])
scatter_nd_sub(p(3), T(np.int32([[1]])), x(1)) | a - np.array([0, c[0], 0])
scatter_nd_update(p(3), T(np.int32([[1]])), x(1)) | np.array([a[0], c[0], a[2]])
scatter_update(p(3), T(np.int32([1])), x(1)) | np.array([a[0], c[0], a[2]])
select(b(3), x(3), 2.0) | np.where(a, b, 2)
sequence_mask(T(np.int32([1, 3]))) | np.array([[True, False, False], [True, True, True]])
sequence_mask(T(np.int32([1, 3])), 2) | np.array([[True, False], [True, True]])
sgn(x(3)) | np.sign(a)
shape(x(2, 3)) | (2, 3)
shape_(x(2, 3)) | (2, 3)
size(x(2, 3)) | 6
slice(x(3, 4), (1, 0), (2, -1)) | a[1:]
soft_shrink(x(9), 0.7) | np.sign(a) * np.maximum(abs(a) - 0.7, 0)
softmin(x(3, 4), 0) | special.softmax(-a, 0)
space_to_batch_nd(x(1, 1, 2, 2), [2, 2], [[0, 0], [0, 0]]) | a.reshape(4, 1, 1, 1)
strided_slice(x(5, 6), (1, 5), (4, 0), (2, -2), begin_mask=1) | a[:4:2, 5:0:-2]
subtract(x(3), x(3), alpha=2) | a - 2 * b
swapdims(x(2, 3, 4), 0, 2) | a.swapaxes(0, 2)
identity(x(2, 3)) | a
swiglu(x(3, 4)) | a[:, :2] * s(a[:, :2]) * a[:, 2:]
tensor_add(x(3), x(3)) | a + b
tensor_div(x(3), x(3)) | a / b
tensor_exp(x(3)) | np.exp(a)
tensor_expm1(x(3)) | np.expm1(a)
tensor_floordiv(x(3), x(3)) | a // b
tensor_ge(x(3), x(3)) | a >= b
tensor_gt(x(3), x(3)) | a > b
tensor_le(x(3), x(3)) | a <= b
tensor_lt(x(3), x(3)) | a < b
tensor_mod(x(3), x(3)) | a % b
tensor_mul(x(3), x(3)) | a * b
tensor_pow(x(3, low=.5), x(3)) | a**b
tensor_range(0, 5, 2) | np.array([0, 2, 4])
tensor_slice(x(3, 4), (1, 0), (2, 3)) | a[1:3, :3]
tensor_sub(x(3), x(3)) | a - b
top_k(x(3, 5), 2) | (-np.sort(-a)[:, :2], np.argsort(-a)[:, :2])
tuple_len((1, 2)) | 2
tuple_reversed((1, 2)) | (2, 1)
tuple_to_array((1, 2)) | np.array([1, 2])
type_as(x(3), i(1)) | a.astype(np.int32)
unique(T(np.int32([3, 1, 3]))) | (np.array([3, 1]), np.array([0, 1, 0]))
unique_with_pad(T(np.int32([3, 1, 3])), 9) | (np.array([3, 1, 9]), np.array([0, 1, 0]))
unsorted_segment_max(x(3), T(np.int32([1, 0, 1])), 2) | np.array([a[1], max(a[0], a[2])])
unsorted_segment_min(x(3), T(np.int32([1, 0, 1])), 2) | np.array([a[1], min(a[0], a[2])])
unsorted_segment_prod(x(3), T(np.int32([1, 0, 1])), 2) | np.array([a[1], a[0] * a[2]])
unsorted_segment_sum(x(3), T(np.int32([1, 0, 1])), T(np.int32([2]))) | np.array([a[1], a[0] + a[2]])
upsample(x(1, 1, 2, 2), (4, 4)) | a.repeat(2, 2).repeat(2, 3)
xdivy(T([0., 2]), T([0., 4])) | np.array([0, .5])
"""

DTYPES = {name: getattr(adcore, name) for name in ("float16", "float32", "int32", "int64")}


def array_of(value):
    return value.asnumpy() if isinstance(value, Tensor) else np.asarray(value)


def s(x):
    return special.expit(x)


def expm(x):
    return scipy.linalg.expm(x)


def ch(vector):
    return vector.reshape(-1, 1, 1)


def adam(var, m, v, ahead):
    return var - 0.1 * np.sqrt(1 - 0.99) / (1 - 0.9) * ahead / (np.sqrt(v) + 1e-3), m, v


def amsgrad(var, m, v, most, epsilon):
    most = np.maximum(most, v)
    return var - 0.1 * np.sqrt(1 - 0.99) / (1 - 0.9) * m / (np.sqrt(most) + epsilon), m, v, most


def rms(mean, square, moment, gradient):
    mean, square = 0.9 * mean + 0.1 * gradient, 0.9 * square + 0.1 * gradient**2
    return mean, square, 0.5 * moment + 0.1 * gradient / np.sqrt(square + 1e-3 - mean**2)


def prox(value, rate, l1, l2):
    return np.sign(value) * np.maximum(abs(value) - rate * l1, 0) / (1 + rate * l2)


def ftrl(var, accum, linear, gradient, rate, l1, l2):
    total = accum + gradient**2
    linear = linear + gradient - (np.sqrt(total) - np.sqrt(accum)) / rate * var
    value = np.where(abs(linear) > l1, (np.sign(linear) * l1 - linear) / (np.sqrt(total) / rate + 2 * l2), 0)
    return value, total, linear


def dual(sums, squares):
    return -0.1 * np.sign(sums) * np.maximum(abs(sums) - 0.15, 0) / (0.06 + np.sqrt(squares)), sums, squares


def rows(gradient):
    """What gradients of the rows 2, 0, and perhaps 2 again, are to a variable of three rows."""
    return np.stack([gradient[1], 0 * gradient[0], gradient[0] + sum(gradient[2:])])


def some(new, *old):
    """The new values of rows 0 and 2, the old ones of row 1."""
    return tuple(np.stack([after[0], before[1], after[2]]) for after, before in zip(new, old))


def windows(values):
    """The four elements of each window of two by two, last."""
    n, c, h, w = values.shape
    return values.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)


def at_most(x, tangent):
    """The tangent where x is the greatest of each window."""
    return np.take_along_axis(windows(tangent), windows(x).argmax(-1)[..., None], -1)[..., 0]


def layer_norm_grad(x, dy, variance, mean, gamma):
    unit, g = (x - mean) / np.sqrt(variance), dy * gamma
    average = lambda values: values.mean(-1, keepdims=True)
    dx = (g - average(g) - unit * average(g * unit)) / np.sqrt(variance)
    return dx, (dy * unit).sum(0), dy.sum(0)


def pulled(function, at, cotangent):
    """The cotangent of an argument, by adcore's tested reverse mode of the function."""
    return array_of(adcore.vjp(function, Tensor(np.asarray(at, np.float32)))[1](cotangent)).reshape(np.shape(at))


def parsed(text):
    for line in re.sub(r"\\\n +", "", text).splitlines():
        if line and not line.startswith("#"):
            yield [part.strip() for part in re.split(r" \|(?= |$)", line)]


def operands_of(text):
    """The operands of a case; the numbers of each depend on the text alone."""
    rng = np.random.default_rng(zlib.crc32(text.encode()))

    def x(*shape, low=-2.0, high=2.0):
        return Tensor(rng.uniform(low, high, shape).astype(np.float32))

    def p(*shape, low=-2.0, high=2.0):
        return Parameter(x(*shape, low=low, high=high), name=f"p{rng.integers(1 << 40)}")

    made = {
        "x": x,
        "i": lambda *shape, n=3: Tensor(rng.integers(0, n, shape).astype(np.int32)),
        "f": lambda value: Tensor(np.float32(value)),
        "b": lambda *shape: Tensor(rng.integers(0, 2, shape) > 0),
        "p": p,
        "T": lambda values: Tensor(np.asarray(values, np.float32) if isinstance(values, list) else np.asarray(values)),
    }
    return eval(
        f"arguments({text})", {"np": np, "arguments": lambda *given, **options: (given, options), **DTYPES, **made}
    )


def plain(value):
    """Numbers of a value: arrays of float64 where it is one of floats."""
    if isinstance(value, (tuple, list)):
        return tuple(map(plain, value))
    if not isinstance(value, Tensor):
        return value
    array = value.asnumpy().copy()  # of a Parameter, which the call writes
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def same(got, expected, where):
    if isinstance(expected, tuple):
        assert isinstance(got, (tuple, list)) and len(got) == len(expected), where
        for one, other in zip(got, expected):
            same(one, other, where)
    elif isinstance(got, Tensor):
        assert got.shape == np.shape(expected), where
        assert np.allclose(array_of(got).astype(np.float64), expected, 2e-5, 2e-5, equal_nan=True), (
            where,
            got,
            expected,
        )
    else:
        assert got == expected, where


CALLS = list(parsed(CASES))


@pytest.mark.parametrize("case", list(parsed(LAYERS)), ids=lambda case: case[0])
def test_value_of_a_layer(case):
    check_value(case, layers)


FRACTIONAL = {"FractionalMaxPool2d", "FractionalMaxPool3d"}  # compared with loops, in test_mindspore_cells


def test_every_layer_has_a_case_and_is_a_cell():
    assert {re.match(r"\w+", case[0])[0] for case in parsed(LAYERS)} | FRACTIONAL == {*layers.__all__}
    net = nn.SequentialCell(nn.Dense(3, 3), layers.ReduceLogSumExp(axis=1))
    assert net(Tensor(np.ones((2, 3), np.float32))).shape == (2,)
    with pytest.raises(TypeError, match="ReduceLogSumExp: keep_dims must be a bool"):
        layers.ReduceLogSumExp(1, keep_dims=1)
    with pytest.raises(AttributeError, match="NoSuchLayer"):
        layers.__getattr__("NoSuchLayer")


@pytest.mark.parametrize("case", [case for case in CALLS if case[2] != "None"], ids=lambda case: case[0])
def test_value(case):
    check_value(case, operators)


def check_value(case, module):
    constructor, operands, value, *after = case
    name = re.match(r"\w+", constructor)[0]
    call = eval(constructor, {name: getattr(module, name), "np": np, **DTYPES})
    given, _ = operands_of(operands)
    letters = "abcdefghijk"
    names = {letter: plain(each) for letter, each in zip(letters, given)}
    names |= {letter.upper(): each for letter, each in zip(letters, given)}
    scope = {name: v for name, v in globals().items() if name not in names}
    expected = eval(value, {**scope, **DTYPES, **names})
    held = eval(after[0], {**scope, **names}) if after else expected
    got = call(*given)
    same(got, expected, constructor)
    parameters = [each for each in given if isinstance(each, Parameter)]
    for parameter, wanted in zip(parameters, held if isinstance(held, tuple) else (held,)):
        same(parameter.value(), wanted, f"{constructor} writes {parameter.name}")


@pytest.mark.parametrize("call, value", list(parsed(FUNCTIONS)), ids=lambda text: text)
def test_value_of_a_function(call, value):
    name, _, rest = call.partition("(")
    given, options = operands_of(rest[:-1])
    names = {letter: plain(each) for letter, each in zip("abcd", given)}
    names |= {letter.upper(): each for letter, each in zip("abcd", given)}
    scope = {name: v for name, v in globals().items() if name not in names}
    expected = eval(value, {**scope, **DTYPES, **names})
    got = getattr(operators, name)(*given, **options)
    if name == "partial":
        assert got(5, 3) == 5
    elif expected is not None:
        same(got, expected, call)
        for parameter in [each for each in given if isinstance(each, Parameter)]:
            same(parameter.value(), expected, f"{call} writes")


def test_every_function_has_a_case():
    listed = {name for name, _ in operators.rows(operator_table.FUNCTIONS)}
    assert {re.match(r"\w+", call)[0] for call, _ in parsed(FUNCTIONS)} | {
        "fractional_max_pool2d",
        "fractional_max_pool3d",
    } == listed  # these two are compared with windows that loops find, in test_mindspore_cells


def test_every_class_has_a_case():
    tried = {re.match(r"\w+", case[0])[0] for case in CALLS} | {
        "Assert",
        "Partial",
        "Print",
        "RandomChoiceWithMask",
        "Cauchy",
        "Send",
        "Receive",
    }
    listed = {name for text in (operator_table.OPERATORS, operator_table.GRADIENTS) for name, _ in operators.rows(text)}
    assert tried == listed


# ---- operators as objects ------------------------------------------------------------------------------------------


def test_attributes_names_and_copies():
    op = ops_class("MatMul")(transpose_b=True)
    assert (op.name, op.transpose_a, op.transpose_b) == ("MatMul", False, True)
    assert repr(op) == "Prim[MatMul]<transpose_a=False, transpose_b=True>"
    assert op.get_attr_dict() == op.attrs == {"transpose_a": False, "transpose_b": True}
    assert isinstance(op, operators.Primitive)
    x, y = Tensor(np.ones((2, 3), np.float32)), Tensor(np.ones((4, 3), np.float32))
    for other in (copy.copy(op), copy.deepcopy(op), pickle.loads(pickle.dumps(op))):
        assert other(x, y).shape == (2, 4)
    assert op.add_prim_attr("transpose_b", False) is op
    with pytest.raises(ValueError):
        op(x, y)
    assert op.del_prim_attr("transpose_b") is op and not hasattr(op, "transpose_b")


def ops_class(name):
    return getattr(operators, name)


def test_signatures_and_docstrings_come_from_the_table():
    assert str(inspect.signature(ops_class("ReduceSum"))) == "(keep_dims=False, skip_mode=False)"
    assert list(inspect.signature(ops_class("Gather")().__call__).parameters)[:2] == ["input_params", "input_indices"]
    for name in operators.__all__:
        made = ops_class(name)
        assert made.__doc__ and made.__name__ in (name, made.__name__), name
    assert "keep_dims : default False" in ops_class("ReduceSum").__doc__


def test_what_has_no_meaning_here_is_accepted_and_returns_the_operator(caplog, monkeypatch):
    monkeypatch.setattr("adcore._context._said", set())
    caplog.set_level("DEBUG", "adcore.context")
    op = ops_class("Add")()
    for _ in range(2):
        assert op.shard(((1, 1), (1, 1))) is op.recompute() is op.set_stage(0) is op.set_device("CPU") is op
    assert len(caplog.records) == 3
    op.init_prim_io_names(["x", "y"], ["z"])
    assert op.input_names == ["x", "y"] and op.set_prim_instance_name("sum").instance_name == "sum"
    with pytest.raises(ValueError, match="CPU only"):
        op.set_device("GPU")


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ops_class("ReduceSum")("yes"), "ReduceSum: keep_dims must be a bool, got 'yes'"),
        (lambda: ops_class("Softmax")("0"), "Softmax: axis must be an int or a tuple of ints, got '0'"),
        (lambda: ops_class("Concat")(True), "Concat: axis must be an int"),
        (lambda: ops_class("Elu")("1"), "Elu: alpha must be a number, got '1'"),
        (lambda: ops_class("KLDivLoss")(1), "KLDivLoss: reduction must be a str, got 1"),
        (lambda: ops_class("Add")(1), "positional argument"),
        (lambda: ops_class("Add")()(1), "missing 1 required positional argument: 'other'"),
        (lambda: ops_class("Rank")()(1), "Rank: the operand must be a Tensor, got int"),
        (lambda: operators.shape((1, 2)), "shape: the operand must be a Tensor, got tuple"),
        (
            lambda: ops_class("SameTypeShape")()(Tensor([1]), Tensor([1.0])),
            "SameTypeShape: the dtypes Int64 and Float32",
        ),
        (lambda: operators.Primitive(3), "Primitive: name must be a str, got int"),
    ],
)
def test_a_wrong_attribute_is_an_error_where_it_is_given(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_a_traceback_shows_the_expression():
    try:
        ops_class("MatMul")(transpose_a=True)(Tensor(np.ones((2, 3), np.float32)), Tensor(np.ones((4, 3), np.float32)))
    except ValueError:
        assert "mm(transposed_if(transpose_a, input), transposed_if(transpose_b, mat2))" in traceback.format_exc()


def test_what_adcore_does_not_have_says_so():
    with pytest.raises(NotImplementedError, match="Complex: adcore does not have it: it has no complex numbers"):
        ops_class("Complex")()
    with pytest.raises(NotImplementedError, match="Mine: adcore has no kernel of this name"):
        operators.Primitive("Mine")(1)
    with pytest.raises(AttributeError, match="NoSuchOperator"):
        ops_class("NoSuchOperator")


@pytest.mark.parametrize(
    "use", [lambda t: Tensor([1.0], t), lambda t: Tensor([1.0]).astype(t), lambda t: ops.zeros(2, t)]
)
def test_a_dtype_that_adcore_does_not_have_can_be_named_and_not_used(use):
    assert dtypes.complex64 is dtypes.cfloat and dtypes.complex64 != dtypes.complex128
    with pytest.raises(NotImplementedError, match="complex64: adcore has no dtype"):
        use(dtypes.complex64)
    with pytest.raises(NotImplementedError, match="complex64"):
        dtypes.dtype_to_nptype(dtypes.complex64)


def test_operators_are_differentiated_batched_and_part_of_cells():
    class Net(nn.Cell):
        def __init__(self):
            super().__init__()
            self.matmul, self.sum = ops_class("MatMul")(transpose_b=True), ops_class("ReduceSum")()

        def construct(self, x, y):
            return self.sum(self.matmul(x, y), ())

    x = Tensor(np.arange(6, dtype=np.float32).reshape(2, 3))
    y = Tensor(np.arange(12, dtype=np.float32).reshape(4, 3))
    assert np.array_equal(array_of(adcore.grad(Net())(x, y)), np.broadcast_to(array_of(y).sum(0), (2, 3)))
    rows = adcore.vmap(ops_class("Softmax")(-1))(x)
    assert np.allclose(array_of(rows), special.softmax(array_of(x), -1))


def test_assignments_are_differentiated():
    def stepped(x):
        return (ops_class("AssignAdd")()(Parameter(Tensor(np.float32([2.0])), name="w"), x * x) ** 2).sum()

    assert float(adcore.grad(stepped)(Tensor(np.float32([3.0])))) == 2 * (2 + 9) * 6


CHANCE = [case[:2] for case in CALLS if case[2] == "None" and not re.match("Barrier|.*Summary", case[0])]
MEANS = {"Bernoulli": 0.25, "Gamma": 1.0, "Multinomial": 0.75, "Poisson": 1.0, "RandomCategorical": 0.75}
MEANS |= {
    "DropoutGenMask": 0.25,
    "RandomPoisson": 1.0,
    "RandpermV2": 249.5,
    "TruncatedNormal": 0.0,
    "Uniform": 0.5,
    "RandomGamma": 1.0,
    "RandomShuffle": 0.998,
    "StandardLaplace": 0.0,
    "StandardNormal": 0.0,
    "UniformInt": 1.0,
    "UniformReal": 0.5,
}


@pytest.mark.parametrize("constructor, operands", CHANCE, ids=[case[0] for case in CHANCE])
def test_means_of_500_draws(constructor, operands):
    adcore.set_seed(3)
    name = re.match(r"\w+", constructor)[0]
    op = ops_class(name)()
    first, second = (array_of(op(*operands_of(operands)[0])) for _ in range(2))
    assert first.size == 500 and abs(first.mean() - MEANS[name]) < 0.2
    assert not np.array_equal(first, second)
    adcore.set_seed(3)
    assert np.array_equal(array_of(op(*operands_of(operands)[0])), first)


@pytest.mark.parametrize(
    "name, shape", [("Dropout", (50, 20)), ("Dropout2D", (50, 20, 2, 2)), ("Dropout3D", (50, 20, 1, 2, 2))]
)
def test_dropout_keeps_what_its_mask_says(name, shape):
    adcore.set_seed(5)
    x = Tensor(np.full(shape, 3.0, np.float32))
    y, mask = map(array_of, ops_class(name)(keep_prob=0.25)(x))
    assert np.array_equal(y, mask * np.float32(12.0)) and 0.2 < mask.mean() < 0.3
    if len(shape) > 2:
        assert np.array_equal(mask, np.broadcast_to(mask[(..., *(slice(1),) * (len(shape) - 2))], shape))


def test_a_row_that_is_named_twice_takes_two_steps_where_the_operator_does_not_add():
    start, grads = np.float32([[1.0], [2.0]]), np.float32([[3.0], [4.0]])
    var, accum = (Parameter(Tensor(values), name=name) for name, values in (("v", start), ("a", start)))
    ops_class("SparseApplyAdagrad")(lr=0.5)(var, accum, Tensor(grads), Tensor(np.int32([1, 1])))
    total = np.cumsum([2.0, 9.0, 16.0])[1:]
    assert np.allclose(array_of(accum), [[1.0], total[1:]])
    assert np.allclose(array_of(var), [[1.0], [2.0 - 0.5 * (3 / np.sqrt(total[0]) + 4 / np.sqrt(total[1]))]])


def test_gradients_of_batch_norm_in_training_are_those_of_the_layer():
    rng = np.random.default_rng(2)
    x, dout = (rng.normal(size=(4, 3, 2, 2)).astype(np.float32) for _ in range(2))
    scale, bias = (rng.normal(size=3).astype(np.float32) for _ in range(2))
    statistics = [Tensor(f(x, (0, 2, 3)).astype(np.float32)) for f in (np.mean, np.var)]
    got = ops_class("BatchNormGrad")(is_training=True)(Tensor(dout), Tensor(x), Tensor(scale), *statistics, None)
    layer = lambda x, scale, bias: ops.batch_norm(x, None, None, scale, bias, True)
    expected = adcore.vjp(layer, Tensor(x), Tensor(scale), Tensor(bias))[1](Tensor(dout))
    for one, other in zip(got, expected, strict=True):
        assert np.allclose(array_of(one), array_of(other), atol=1e-5)


def test_choice_with_mask_names_elements_that_are_true():
    mask = np.random.default_rng(0).integers(0, 2, (4, 5)) > 0
    places, found = map(array_of, ops_class("RandomChoiceWithMask")(count=30, seed=1)(Tensor(mask)))
    assert places.shape == (30, 2) and places.dtype == np.int32 and found.sum() == mask.sum()
    assert {tuple(place) for place in places[found]} == {tuple(place) for place in np.argwhere(mask)}
    assert not places[~found].any()
    few, all_found = map(array_of, ops_class("RandomChoiceWithMask")(count=3, seed=1)(Tensor(mask)))
    assert all_found.all() and mask[tuple(few.T)].all() and len({tuple(place) for place in few}) == 3


def test_batch_norm_in_training_writes_the_running_statistics():
    x = np.random.default_rng(0).normal(size=(4, 3, 2, 2)).astype(np.float32)
    scale, bias, mean, variance = (Parameter(Tensor(np.float32([1, 2, 3])), name=name) for name in "sbmv")
    y, *statistics = ops_class("BatchNorm")(is_training=True, momentum=0.25)(Tensor(x), scale, bias, mean, variance)
    found, spread = x.mean((0, 2, 3)), x.var((0, 2, 3))
    expected = (x - ch(found)) / np.sqrt(ch(spread) + 1e-5) * ch(np.array([1, 2, 3])) + ch(np.array([1, 2, 3]))
    assert np.allclose(array_of(y), expected, atol=1e-5)
    assert np.allclose(array_of(statistics[0]), found, atol=1e-6) and np.allclose(array_of(statistics[1]), spread)
    assert np.allclose(array_of(mean), 0.75 * np.array([1, 2, 3]) + 0.25 * found, atol=1e-5)
    assert np.allclose(array_of(variance), 0.75 * np.array([1, 2, 3]) + 0.25 * spread * 16 / 15, atol=1e-5)


def test_a_cauchy_distribution_by_its_median():
    adcore.set_seed(7)
    assert abs(np.median(array_of(ops_class("Cauchy")((2000,), median=3.0, sigma=0.5)())) - 3.0) < 0.1


def test_print_assert_and_barrier(capsys):
    assert ops_class("Barrier")()() is None and ops_class("ScalarSummary")()("loss", 1.0) is None
    assert ops_class("Print")()("x is", Tensor(np.float32([1, 2]))) is None
    assert (
        capsys.readouterr().out == "x is\nTensor(shape=[2], dtype=Float32, value= [ 1.00000000e+00,  2.00000000e+00])\n"
    )
    ops_class("Assert")()(Tensor([True]), [1])
    with pytest.raises(RuntimeError, match="the condition is false; 1, 2, 3"):
        ops_class("Assert")()(False, [1, 2, 3, 4])
    assert ops_class("Partial")()(lambda a, b: a - b, 5)(2) == 3
    for alone in (ops_class("Send")(0, 1), lambda _: ops_class("Receive")(0, 1, (2,), adcore.float32)()):
        with pytest.raises(RuntimeError, match="this process is alone"):
            alone(Tensor([1.0, 2.0]))


def test_gradients_scaled_and_clipped_as_programs_of_mindspore_do_it():
    scaled = composite.MultitypeFuncGraph("scaled")
    reciprocal, status = ops_class("Reciprocal")(), ops_class("FloatStatus")()

    @scaled.register("Tensor", "Tensor")
    def scaled_tensor(scale, gradient):
        return gradient * ops.cast(reciprocal(scale), operators.dtype(gradient))

    @scaled.register("Number", "Tensor")
    def clipped(bound, gradient):
        bound = ops.cast(operators.tuple_to_array((bound,)), operators.dtype(gradient))
        return ops.clip_by_value(gradient, -bound, bound)

    maps = composite.HyperMap()
    gradients = (Tensor(np.float32([4.0, -8.0])), Tensor(np.float32([[2.0]])))
    scale = Tensor(np.float32(2.0))
    halved = maps(operators.partial(scaled, scale), gradients)
    assert [array_of(g).tolist() for g in halved] == [[2.0, -4.0], [[1.0]]]
    assert [array_of(g).tolist() for g in maps(operators.partial(scaled, 3.0), halved)] == [[2.0, -3.0], [[1.0]]]
    overflow = operators.addn(maps(status, gradients))
    assert array_of(overflow).tolist() == [0.0]


# ---- primitives of programs, and functions over functions ------------------------------------------------------------


def test_a_row_outside_of_a_table_is_zero_whatever_the_table_holds():
    table = Tensor(np.float32([[np.inf, np.nan], [1.0, 2.0]]))
    rows = operators.EmbeddingLookup()(table, Tensor([7, 1]), 0)
    np.testing.assert_array_equal(rows.asnumpy(), [[0.0, 0.0], [1.0, 2.0]])


def test_a_programs_own_primitive():
    class Scale(operators.PrimitiveWithInfer):
        @operators.prim_attr_register
        def __init__(self, factor, bias=1):
            self.double = 2 * self.factor

        def __call__(self, x):
            return self.double * x + self.bias

    op = Scale(3)
    assert (op(2), op.attrs, op.name) == (13, {"factor": 3, "bias": 1}, "Scale")
    assert str(inspect.signature(Scale)) == "(factor, bias=1)"


def test_multitype_functions_choose_by_kind():
    add = composite.MultitypeFuncGraph("add")

    @add.register("Number", "Number")
    def of_numbers(a, b):
        return "numbers"

    @add.register("Tensor", "Number")
    def of_both(a, b):
        return "both"

    @add.register("Tuple", "Tuple")
    def of_tuples(a, b):
        return "tuples"

    t = Tensor(np.float32(1))
    assert [add(1, 2.0), add(True, 1), add(t, 1), add((1,), ())] == ["numbers", "numbers", "both", "tuples"]
    with pytest.raises(ValueError, match=r"no function of 'add' takes \(str, int\)"):
        add("a", 1)
    with pytest.raises(ValueError, match="there is no kind of arguments 'Tensr'"):
        add.register("Tensr")


def test_maps():
    plus = lambda a, b: a + b
    assert composite.HyperMap()(plus, (1, (2, 3)), (4, (5, 6))) == (5, (7, 9))
    assert composite.HyperMap(plus)(1, 2) == 3 and composite.Map(plus)((1, 2), (3, 4)) == (4, 6)
    order = []
    composite.HyperMap(lambda a: order.append(a), reverse=True)((1, (2, 3)))
    assert order == [3, 2, 1]
    with pytest.raises(ValueError, match="same length"):
        composite.HyperMap()(plus, (1, 2), (3,))
    with pytest.raises(TypeError, match="expected a function"):
        composite.Map()((1, 2))
    gradients = adcore.grad(lambda x: composite.HyperMap(operators.ReduceSum())((x * x, x))[0])(
        Tensor(np.float32([3.0]))
    )
    assert float(gradients) == 6.0


def test_operators_under_jit_give_the_same_bits():
    matmul, total, step = ops_class("MatMul")(transpose_b=True), ops_class("ReduceSum")(), ops_class("ApplyMomentum")()
    x = Tensor(np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32))

    def trained(function):
        w, v = (Parameter(Tensor(np.full((3, 3), 0.5, np.float32)), name=name) for name in "wv")

        @function
        def one_step(x):
            gradient = adcore.grad(lambda: total(ops.tanh(matmul(x, w))), None, [w])()[0]
            return step(w, v, 0.1, gradient, 0.9)

        return [array_of(one_step(x)).tobytes() for _ in range(3)], array_of(w).tobytes(), array_of(v).tobytes()

    assert trained(adcore.jit) == trained(lambda function: function)
