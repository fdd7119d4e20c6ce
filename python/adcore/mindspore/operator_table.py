"""The operators of MindSpore that adcore has, a row each; `operators` says how a row is read.

Order of attributes and operands, names and defaults are MindSpore's. A row ``A = B`` is another name.
"""

OPERATORS = r"""
# ---- elementwise
Abs()(input) = abs(input)
ACos()(input) = acos(input)
Acosh()(input) = acosh(input)
Add()(input, other) = add(input, other)
AddV2 = Add
TensorAdd = Add
Addcdiv()(input, tensor1, tensor2, value) = addcdiv(input, tensor1, tensor2, value=value)
Addcmul()(input, tensor1, tensor2, value) = addcmul(input, tensor1, tensor2, value=value)
ApproximateEqual(tolerance=1e-05)(x, y) = less(abs(x - y), tolerance)
Asin()(input) = asin(input)
Asinh()(input) = asinh(input)
Atan()(input) = atan(input)
Atan2()(input, other) = atan2(input, other)
Atanh()(input) = atanh(input)
BesselI0()(x) = i0(x)
BesselI0e()(x) = i0e(x)
BesselI1()(x) = i1(x)
BesselI1e()(x) = i1e(x)
BitwiseAnd()(x, y) = bitwise_and(x, y)
BitwiseOr()(x, y) = bitwise_or(x, y)
BitwiseXor()(x, y) = bitwise_xor(x, y)
Cast()(input_x, dtype) = cast(as_tensor(input_x), dtype)
Ceil()(input) = ceil(input)
CeLU(alpha=1.0)(input_x) = celu(input_x, alpha)
Conj()(input) = input.copy()
ConvertToDynamic(is_dynamic_rank=False)(input) = input.copy()
Cos()(input) = cos(input)
Cosh()(input) = cosh(input)
Digamma()(input) = digamma(input)
Div()(x, y) = div(x, y)
DivNoNan()(x1, x2) = where(equal(x2, 0), 0 * x1, div(x1, where(equal(x2, 0), 1, x2)))
Elu(alpha=1.0)(input_x) = elu(input_x, alpha)
Eps()(x) = full_like(x, epsilon_of(x.dtype))
Equal()(x, y) = equal(x, y)
Erf()(input) = erf(input)
Erfc()(input) = erfc(input)
Erfinv()(input) = erfinv(input)
Exp()(input) = exp(input)
Expm1()(input) = expm1(input)
FastGeLU()(x) = x * sigmoid(1.702 * x)
FastGelu = FastGeLU
Floor()(input) = floor(input)
FloorDiv()(x, y) = floor_div(x, y)
FloorMod()(x, y) = floor_mod(x, y)
Fmax()(x1, x2) = fmax(x1, x2)
Fmin()(x1, x2) = fmin(x1, x2)
Gcd()(x1, x2) = gcd(x1, x2)
GeLU()(input) = gelu(input, approximate="tanh")
Gelu = GeLU
Greater()(input, other) = greater(input, other)
GreaterEqual()(input, other) = greater_equal(input, other)
Heaviside()(x, values) = heaviside(x, values)
HShrink(lambd=0.5)(input_x) = hardshrink(input_x, lambd)
HSigmoid()(input_x) = hardsigmoid(input_x)
HSwish()(input_x) = hardswish(input_x)
Hypot()(x1, x2) = hypot(x1, x2)
Identity()(x) = x.copy()
IdentityN()(x) = tuple(map(Tensor.copy, x))
Inv()(x) = cast(reciprocal(x), x.dtype)
Invert()(x) = bitwise_not(x)
IsClose(rtol=1e-05, atol=1e-08, equal_nan=False)(input, other) = isclose(input, other, rtol, atol, equal_nan)
IsFinite()(input) = isfinite(input)
IsInf()(x) = isinf(x)
IsNan()(x) = isnan(x)
Lcm()(x1, x2) = lcm(x1, x2)
LeftShift()(x1, x2) = bitwise_left_shift(x1, x2)
Lerp()(start, end, weight) = lerp(start, end, weight)
Less()(input, other) = less(input, other)
LessEqual()(input, other) = less_equal(input, other)
Lgamma()(x) = lgamma(x)
Log()(input) = log(input)
Log1p()(input) = log1p(input)
LogicalAnd()(x, y) = logical_and(x, y)
LogicalNot()(input) = logical_not(input)
LogicalOr()(x, y) = logical_or(x, y)
LogicalXor()(input, other) = logical_xor(input, other)
Logit(eps=-1.0)(input) = logit(input, None if eps < 0 else eps)
Maximum()(x, y) = maximum(x, y)
Minimum()(x, y) = minimum(x, y)
Mish()(x) = mish(x)
Mod()(x, y) = truncate_mod(x, y)
Mul()(input, other) = mul(input, other)
MulNoNan()(x, y) = where(equal(y, 0), 0 * y, mul(where(equal(y, 0), 0, x), y))
Mvlgamma(p)(x) = mvlgamma(x, p)
NanToNum(nan=None, posinf=None, neginf=None)(input) = nan_to_num(input, nan, posinf, neginf)
Neg()(input) = neg(input)
NextAfter()(x1, x2) = nextafter(x1, x2)
NotEqual()(x, y) = not_equal(x, y)
OnesLike()(x) = ones_like(x)
Polygamma()(a, x) = polygamma(ints(a), x)
PopulationCount()(input) = bits(input)
Pow()(input, exponent) = pow(input, exponent)
PReLU()(x, weight) = prelu(x, weight)
Real()(input) = input.copy()
RealDiv()(x, y) = div(x, y)
Reciprocal()(input) = reciprocal(input)
ReLU()(input) = relu(input)
ReLUV3 = ReLU
ReLU6()(x) = relu6(x)
RightShift()(input_x, input_y) = bitwise_right_shift(input_x, input_y)
Rint()(x) = round(x)
Round()(input, decimals=0) = round(input, decimals=decimals)
Rsqrt()(input) = rsqrt(input)
SeLU()(input_x) = selu(input_x)
Sigmoid()(input) = sigmoid(input)
Sign()(input) = sign(input)
Sin()(input) = sin(input)
Sinc()(input) = sinc(input)
Sinh()(input) = sinh(input)
SoftShrink(lambd=0.5)(input) = softshrink(input, lambd)
Softplus()(x) = softplus(x)
Softsign()(x) = softsign(x)
Sqrt()(x) = sqrt(x)
Square()(input) = square(input)
SquaredDifference()(x, y) = square(sub(x, y))
Sub()(x, y) = sub(x, y)
Tan()(input) = tan(input)
Tanh()(input) = tanh(input)
Trunc()(input) = trunc(input)
TruncateDiv()(x, y) = truncate_div(x, y)
TruncateMod()(x, y) = truncate_mod(x, y)
Xdivy()(x, y) = where(equal(x, 0), 0 * x, div(x, where(equal(x, 0), 1, y)))
Xlogy()(input, other) = xlogy(input, other)
ZerosLike()(x) = zeros_like(x)

# ---- reductions and scans
AddN()(x) = total(x)
AccumulateNV2 = AddN
Argmax(axis=-1, output_type=int32)(input_x) = cast(argmax(input_x, axis), output_type)
Argmin(axis=-1, output_type=int32)(x) = cast(argmin(x, axis), output_type)
ArgMaxWithValue(axis=0, keep_dims=False)(input) = nearest(max, input, axis, keep_dims)
ArgMinWithValue(axis=0, keep_dims=False)(input) = nearest(min, input, axis, keep_dims)
Bincount()(array, size, weights) = segments(tensor_scatter_add, weights, array, size, 0)
ConfusionMatrix(num_classes, dtype="int32")(labels, predictions, weights=None) = \
    confusion(labels, predictions, weights, num_classes, dtype)
ClipByNorm(axis=None)(x, clip_norm) = \
    x * clip_norm / maximum(norm_over(x, () if axis is None else axis, True), clip_norm)
CountNonZero(dims=None)(x) = count_nonzero(x, dims)
CumProd(exclusive=False, reverse=False)(x, axis) = accumulated(x, axis, exclusive, reverse, True)
CumSum(exclusive=False, reverse=False)(input, axis) = accumulated(input, axis, exclusive, reverse, False)
Cummax(axis)(input) = cummax(input, axis)
Cummin(axis)(input) = cummin(input, axis)
EqualCount()(x, y) = reshape(sum(cast(equal(x, y), x.dtype)), (1,))
EuclideanNorm(keep_dims=False)(x, axis) = norm_over(x, axis, keep_dims)
Histogram(bins=100, min=0.0, max=0.0)(x) = histc(x, bins, min, max)
FloatStatus()(x) = reshape(cast(logical_not(all(isfinite(x))), float32), (1,))
L2Loss()(input_x) = sum(square(input_x)) / 2
LpNorm(axis, p=2, keep_dims=False, epsilon=1e-12)(input) = vector_norm(input, p, axis, keep_dims)
Median(global_median=False, axis=0, keep_dims=False, ignore_nan=False)(x) = \
    middle(x, global_median, axis, keep_dims, ignore_nan)
NuclearNorm(dim=None, keepdim=False)(x) = matrix_norm(x, "nuc", (-2, -1) if dim is None else dim, keepdim)
Quantile(dim=None, keep_dims=False, ignore_nan=False)(input, q) = \
    (nanquantile if ignore_nan else quantile)(input, q, dim, keep_dims)
ReduceAll(keep_dims=False)(x, axis=()) = reduced(all, x, axis, keep_dims)
ReduceAny(keep_dims=False)(x, axis=()) = reduced(any, x, axis, keep_dims)
ReduceMax(keep_dims=False)(x, axis=()) = reduced(amax, x, axis, keep_dims)
ReduceMean(keep_dims=False)(x, axis=()) = reduced(mean, x, axis, keep_dims)
ReduceMin(keep_dims=False)(x, axis=()) = reduced(amin, x, axis, keep_dims)
ReduceProd(keep_dims=False)(x, axis=()) = reduced(prod, x, axis, keep_dims)
ReduceStd(axis=(), unbiased=True, keep_dims=False)(x) = std_mean(x, axes(axis), 1 if unbiased else 0, keep_dims)
ReduceSum(keep_dims=False, skip_mode=False)(x, axis=()) = \
    x if skip_mode and axis == () else reduced(sum, x, axis, keep_dims)
SquareSumAll()(x, y) = (sum(square(x)), sum(square(y)))

# ---- shapes and parts
BatchToSpace(block_size, crops)(input_x) = batch_to_space(input_x, block_size, crops)
BatchToSpaceND(block_shape, crops)(input_x) = batch_to_space(input_x, block_shape, crops)
BroadcastTo(shape)(input) = broadcast_to(input, ints(shape))
ChannelShuffle(group)(x) = channel_shuffle(x, group)
Concat(axis=0)(tensors) = concat(tensors, axis)
DataFormatDimMap(src_format="NHWC", dst_format="NCHW")(input_x) = format_map(input_x, src_format, dst_format)
DepthToSpace(block_size)(x) = blocks_from_depth(x, block_size)
Diag()(input_x) = reshape(adcore.ops.diag(reshape(input_x, (-1,))), 2 * input_x.shape)
DiagPart()(input_x) = diagonal_of(input_x)
EmbeddingLookup()(input_params, input_indices, offset) = looked_up(input_params, input_indices, offset)
Expand()(x, shape) = broadcast_to(x, ints(shape))
ExpandDims()(input_x, axis) = expand_dims(input_x, ints(axis))
FillDiagonal(fill_value, wrap=False)(input_x) = filled_diagonal(input_x, fill_value, wrap)
Flatten()(input_x) = reshape(given("Flatten", input_x), (input_x.shape[0], math.prod(input_x.shape[1:])))
Gather(batch_dims=0)(input_params, input_indices, axis) = gathered(input_params, input_indices, axis, batch_dims)
GatherV2 = Gather
SparseGatherV2 = Gather
GatherD()(x, dim, index) = gather_elements(x, ints(dim), index)
GatherNd()(input_x, indices) = gather_nd(input_x, indices)
IndexAdd(axis, use_lock=True, check_index_bound=True)(input_x, indices, input_y) = \
    written((input_x, index_add(input_x, axis, indices, input_y)))
IndexFill()(x, dim, index, value) = index_fill(x, ints(dim), index, as_tensor(value, x.dtype))
IndexPut(accumulate=0)(x1, x2, indices) = index_put(x1, indices, x2, bool(accumulate))
InplaceAdd(indices)(x, v) = scattered(tensor_scatter_add, x, places_of(indices), v, False)
InplaceIndexAdd(axis)(var, indices, updates) = written((var, index_add(var, axis, indices, updates)))
InplaceSub(indices)(x, v) = scattered(tensor_scatter_sub, x, places_of(indices), v, False)
InplaceUpdate(indices)(x, v) = scattered(tensor_scatter_update, x, places_of(indices), v, False)
InplaceUpdateV2()(x, indices, v) = scattered(tensor_scatter_update, x, places_of(indices), v, False)
InvertPermutation()(input_x) = inverse_permutation(input_x)
ListDiff(out_idx=int32)(x, y) = not_in(x, y, out_idx)
MaskedFill()(input_x, mask, value) = masked_fill(input_x, mask, value)
MaskedScatter()(x, mask, updates) = masked_scatter(x, mask, updates)
MaskedSelect()(input, mask) = masked_select(input, mask)
MatrixBandPart()(x, lower, upper) = band(x, lower, upper)
Meshgrid(indexing="xy")(inputs) = meshgrid(*inputs, indexing=indexing)
MirrorPad(mode="REFLECT")(x, paddings) = padded(x, paddings, mode.lower())
NonZero()(input) = nonzero(input)
Pad(paddings)(x) = padded(x, paddings)
PadV3(mode="constant", paddings_contiguous=True)(x, paddings, constant_value=None) = \
    padded_last(x, paddings, constant_value, mode, paddings_contiguous)
Padding(pad_dim_size=8)(x) = padded(x, [(0, 0)] * (x.ndim - 1) + [(0, pad_dim_size - 1)])
ParallelConcat()(values) = concat(values, 0)
Rank()(x) = given("Rank", x).ndim
Reshape()(input, shape) = reshape(input, ints(shape))
ReverseSequence(seq_dim, batch_dim=0)(x, seq_lengths) = reversed_parts(x, seq_lengths, seq_dim, batch_dim)
ReverseV2(axis)(input) = flip(input, axis)
Roll(shift, axis)(input_x) = roll(input_x, shift, axis)
Select()(condition, input, other) = where(condition, input, other)
Shape()(x) = given("Shape", x).shape
Size()(input_x) = given("Size", input_x).size
Slice()(input, begin, size) = sliced(input, begin, size)
SpaceToBatch(block_size, paddings)(input_x) = space_to_batch(input_x, block_size, paddings)
SpaceToBatchND(block_shape, paddings)(input_x) = space_to_batch(input_x, block_shape, paddings)
SpaceToDepth(block_size)(x) = depth_from_blocks(x, block_size)
SparseToDense()(indices, values, dense_shape) = scatter_nd(indices, values, ints(dense_shape))
Split(axis=0, output_num=1)(input_x) = equal_parts(input_x, axis, output_num)
SplitV(size_splits, split_dim, num_split)(input_x) = \
    split(input_x, whole(size_splits, input_x.shape[split_dim]), split_dim)
Squeeze(axis=())(input) = squeeze(input, axes(axis))
Stack(axis=0)(x) = stack(x, axis)
Pack = Stack
StridedSlice(begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=0)\
(input_x, begin, end, strides) = \
    strided(input_x, begin, end, strides, begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
TensorShape()(input_x) = Tensor(given("TensorShape", input_x).shape, int64)
DynamicShape = TensorShape
Tile()(input, dims) = tile(input, ints(dims))
Trace()(input) = trace(input)
ConjugateTranspose()(x, perm) = transpose(x, ints(perm))
Transpose()(input, input_perm) = transpose(input, ints(input_perm))
Tril(diagonal=0)(x) = tril(x, diagonal)
Triu(diagonal=0)(x) = triu(x, diagonal)
UnravelIndex()(indices, dims) = stack(unravel_index(indices, ints(dims)))
Unsqueeze(axis)(x) = expand_dims(x, axis)
Unstack(axis=0, num=None)(x) = unbind(x, axis)
Unpack = Unstack

# ---- searching and sorting
Bucketize(boundaries)(input) = bucketize(input, boundaries, out_int32=True, right=True)
InTopK(k)(x1, x2) = in_top(x1, x2, k)
LowerBound(out_type=int32)(sorted_x, values) = cast(searchsorted(sorted_x, values), out_type)
NthElement(reverse=False)(input, n) = sort(input, -1, reverse)[0][..., ints(n)]
SearchSorted(dtype=int64, right=False)(sorted_sequence, values, sorter=None) = \
    cast(searchsorted(sorted_sequence, values, right=right, sorter=sorter), dtype)
Sort(axis=-1, descending=False)(x) = indexed(sort(x, axis, descending), int32)
TopK(sorted=True)(input_x, k) = indexed(topk(input_x, ints(k), -1, True, sorted), int32)
UpperBound(out_type=int32)(sorted_x, values) = cast(searchsorted(sorted_x, values, right=True), out_type)
Unique()(x) = first_seen(x)
UniqueConsecutive(return_inverse=False, return_counts=False, dim=None)(input) = \
    unique_consecutive(input, return_inverse, return_counts, dim)
UniqueWithPad()(x, pad_num) = unique_padded(x, pad_num)

# ---- scatters: those named Tensor... return a new tensor, the others write to the first operand
ScatterAdd(use_locking=False)(input_x, indices, updates) = scattered(tensor_scatter_add, input_x, indices, updates)
ScatterDiv(use_locking=False)(input_x, indices, updates) = scattered(tensor_scatter_div, input_x, indices, updates)
ScatterMax(use_locking=False)(input_x, indices, updates) = scattered(tensor_scatter_max, input_x, indices, updates)
ScatterMin(use_locking=False)(input_x, indices, updates) = scattered(tensor_scatter_min, input_x, indices, updates)
ScatterMul(use_locking=False)(input_x, indices, updates) = scattered(tensor_scatter_mul, input_x, indices, updates)
ScatterSub(use_locking=False)(input_x, indices, updates) = scattered(tensor_scatter_sub, input_x, indices, updates)
ScatterUpdate(use_locking=True)(input_x, indices, updates) = scattered(tensor_scatter_update, input_x, indices, updates)
ScatterNd()(indices, updates, shape) = scatter_nd(indices, updates, ints(shape))
ScatterNdAdd(use_locking=False)(input_x, indices, updates) = \
    written((input_x, placed(tensor_scatter_add, input_x, indices, updates)))
ScatterNonAliasingAdd = ScatterNdAdd
ScatterNdDiv(use_locking=False)(input_x, indices, updates) = \
    written((input_x, placed(tensor_scatter_div, input_x, indices, updates)))
ScatterNdMax(use_locking=False)(input_x, indices, updates) = \
    written((input_x, placed(tensor_scatter_max, input_x, indices, updates)))
ScatterNdMin(use_locking=False)(input_x, indices, updates) = \
    written((input_x, placed(tensor_scatter_min, input_x, indices, updates)))
ScatterNdMul(use_locking=False)(input_x, indices, updates) = \
    written((input_x, placed(tensor_scatter_mul, input_x, indices, updates)))
ScatterNdSub(use_locking=False)(input_x, indices, updates) = \
    written((input_x, placed(tensor_scatter_sub, input_x, indices, updates)))
ScatterNdUpdate(use_locking=True)(input_x, indices, updates) = \
    written((input_x, placed(tensor_scatter_update, input_x, indices, updates)))
TensorScatterAdd()(input_x, indices, updates) = tensor_scatter_add(input_x, indices, updates)
TensorScatterDiv()(input_x, indices, updates) = placed(tensor_scatter_div, input_x, indices, updates)
TensorScatterElements(axis=0, reduction="none")(data, indices, updates) = \
    tensor_scatter_elements(data, indices, updates, axis, reduction)
TensorScatterMax()(input_x, indices, updates) = tensor_scatter_max(input_x, indices, updates)
TensorScatterMin()(input_x, indices, updates) = tensor_scatter_min(input_x, indices, updates)
TensorScatterMul()(input_x, indices, updates) = tensor_scatter_mul(input_x, indices, updates)
TensorScatterSub()(input_x, indices, updates) = tensor_scatter_sub(input_x, indices, updates)
TensorScatterUpdate()(input_x, indices, updates) = tensor_scatter_update(input_x, indices, updates)

# ---- segments
SegmentMax()(input_x, segment_ids) = sorted_segments(tensor_scatter_max, input_x, segment_ids, lowest(input_x.dtype))
SegmentMean()(input_x, segment_ids) = mean_of_segments(input_x, segment_ids)
SegmentMin()(input_x, segment_ids) = sorted_segments(tensor_scatter_min, input_x, segment_ids, highest(input_x.dtype))
SegmentProd()(input_x, segment_ids) = segments(tensor_scatter_mul, input_x, segment_ids, count_of(segment_ids), 1)
SegmentSum()(input_x, segment_ids) = segments(tensor_scatter_add, input_x, segment_ids, count_of(segment_ids), 0)
UnsortedSegmentMax()(x, segment_ids, num_segments) = \
    segments(tensor_scatter_max, x, segment_ids, num_segments, lowest(x.dtype))
UnsortedSegmentMin()(x, segment_ids, num_segments) = \
    segments(tensor_scatter_min, x, segment_ids, num_segments, highest(x.dtype))
UnsortedSegmentProd()(x, segment_ids, num_segments) = segments(tensor_scatter_mul, x, segment_ids, num_segments, 1)
UnsortedSegmentSum()(input_x, segment_ids, num_segments) = \
    segments(tensor_scatter_add, input_x, segment_ids, num_segments, 0)

# ---- tensors from nothing
BartlettWindow(periodic=True, dtype=float32)(window_length) = \
    bartlett_window(ints(window_length), periodic, dtype=dtype)
BlackmanWindow(periodic=True, dtype=float32)(window_length) = \
    blackman_window(ints(window_length), periodic, dtype=dtype)
DType()(x) = given("DType", x).dtype
Eye()(n, m, dtype) = eye(n, m, dtype)
Fill()(type, shape, value) = full(ints(shape), value, dtype=type)
Fills()(x, value) = full_like(x, number(value))
FillV2()(shape, value) = broadcast_to(value, ints(shape))
HammingWindow(periodic=True, alpha=0.54, beta=0.46, dtype=float32)(length) = \
    hamming_window(ints(length), periodic, alpha, beta, dtype=dtype)
LinSpace()(start, stop, num) = linspace(start, stop, ints(num))
LogSpace(steps=10, base=10, dtype=float32)(start, end) = cast(logspace(start, end, steps, base), dtype)
OneHot(axis=-1)(indices, depth, on_value, off_value) = one_hot(indices, ints(depth), on_value, off_value, axis)
Ones()(shape, type) = ones(ints(shape), type)
Range(maxlen=1000000)(start, limit, delta) = arange(number(start), number(limit), number(delta))
RangeV2 = Range
ScalarToTensor()(x, dtype=float32) = Tensor(x, dtype)
ScalarToArray()(x) = small(x)
ScalarCast()(x, dtype) = number_of(x, dtype)
TrilIndices(row, col, offset=0, dtype=int32)() = tril_indices(row, col, offset, dtype=dtype)
TriuIndices(row, col, offset=0, dtype=int32)() = triu_indices(row, col, offset, dtype=dtype)
TupleToArray()(input_x) = small(input_x)
Zeros()(shape, type) = zeros(ints(shape), type)

# ---- linear algebra
BatchMatMul(transpose_a=False, transpose_b=False)(x, y) = \
    matmul(transposed_if(transpose_a, x), transposed_if(transpose_b, y))
MatMul(transpose_a=False, transpose_b=False)(input, mat2) = \
    mm(transposed_if(transpose_a, input), transposed_if(transpose_b, mat2))
BiasAdd(data_format="NCHW")(input_x, bias) = biased(input_x, bias, data_format)
Cdist(p=2.0)(input_x, input_y) = cdist(input_x, input_y, p)
Cholesky(upper=False)(input_x) = cholesky(input_x, upper)
CholeskyInverse(upper=False)(input_x) = cholesky_inverse(input_x, upper)
CholeskySolve(upper=False)(x1, x2) = cholesky_solve(x1, x2, upper)
Cross(dim=-65530)(input, other) = cross(input, other, None if dim == -65530 else dim)
Dense()(input, weight, bias=None) = dense(input, weight, bias)
Einsum(equation)(inputs) = einsum(equation, *inputs)
Ger()(x1, x2) = ger(x1, x2)
Lstsq(fast=True, l2_regularizer=0.0)(x, a) = lstsq(x, a)
LogMatrixDeterminant()(input) = slogdet(input)
MatrixDeterminant()(input) = det(input)
MatrixExp()(input) = matrix_exp(input)
MatrixInverse(adjoint=False)(x) = transposed_if(adjoint, inverse(x))
MatrixPower(n)(x) = matrix_power(x, n)
MatrixSolve(adjoint=False)(matrix, rhs) = solve(transposed_if(adjoint, matrix), rhs)
MatrixTriangularSolve(lower=True, adjoint=False)(matrix, rhs) = \
    solve_triangular(transposed_if(adjoint, matrix), rhs, upper=lower == adjoint)
Pdist(p=2.0)(x) = pdist(x, p)
Qr(full_matrices=False)(x) = qr(x, "complete" if full_matrices else "reduced")
Renorm(p, dim, maxnorm)(x) = renorm(x, p, dim, maxnorm)
SelfAdjointEig(compute_v=True)(x) = eigh(x) if compute_v else (eigvalsh(x), zeros((1,), x.dtype))
Svd(full_matrices=False, compute_uv=True)(input) = \
    svd(input, full_matrices) if compute_uv else (svd(input, full_matrices, False), *2 * (zeros((1,), input.dtype),))

# ---- layers
AdaptiveAvgPool2D(output_size)(x) = adaptive_avg_pool2d(x, output_size)
AdaptiveAvgPool3D(output_size)(x) = adaptive_avg_pool3d(x, output_size)
AdaptiveMaxPool2D(output_size)(input) = adaptive_max_pool2d(input, output_size, True)
AdaptiveMaxPool3D()(x, output_size) = adaptive_max_pool3d(x, ints(output_size), True)
AffineGrid(align_corners=False)(theta, output_size) = affine_grid(theta, ints(output_size), align_corners)
AvgPool(kernel_size=1, strides=1, pad_mode="VALID", data_format="NCHW")(x) = \
    pooled(nn.AvgPool2d, 2, x, kernel_size, strides, pad_mode, data_format=data_format)
AvgPool3D(kernel_size=1, strides=1, pad_mode="valid", pad=0, ceil_mode=False, count_include_pad=True, \
divisor_override=0, data_format="NCDHW")(input) = \
    pooled(nn.AvgPool3d, 3, input, kernel_size, strides, pad_mode, pad_of(pad, 3), ceil_mode, count_include_pad, \
    divisor_override or None)
BatchNorm(is_training=False, epsilon=1e-05, momentum=0.1, data_format="NCHW")\
(input_x, scale, bias, mean, variance) = \
    normalized(input_x, scale, bias, mean, variance, is_training, epsilon, momentum, data_format)
Col2Im(kernel_size, dilation=1, padding=0, stride=1)(x, output_size) = \
    fold(reshape(x, (x.shape[0], -1, x.shape[-1])), ints(output_size), kernel_size, dilation, padding, stride)
Conv2D(out_channel, kernel_size, mode=1, pad_mode="valid", pad=0, stride=1, dilation=1, group=1, data_format="NCHW")\
(x, weight) = convolved(2, x, weight, pad_mode, pad, stride, dilation, group)
Conv2DBackpropInput(out_channel, kernel_size, pad_mode="valid", pad=0, pad_list=None, mode=1, stride=1, dilation=1, \
group=1, data_format="NCHW")(dout, weight, input_size) = \
    convolved_back(2, dout, weight, input_size, pad_mode, pad, stride, dilation, group)
Conv2DTranspose = Conv2DBackpropInput
Conv3D(out_channel, kernel_size, mode=1, pad_mode="valid", pad=0, stride=1, dilation=1, group=1, data_format="NCDHW")\
(x, weight) = convolved(3, x, weight, pad_mode, pad, stride, dilation, group)
Conv3DTranspose(in_channel, out_channel, kernel_size, mode=1, pad_mode="valid", pad=0, stride=1, dilation=1, group=1, \
output_padding=0, data_format="NCDHW")(dout, weight) = \
    transposed_convolution(dout, weight, pad_mode, pad, stride, dilation, group, output_padding)
CTCGreedyDecoder(merge_repeated=True)(inputs, sequence_length) = best_path(inputs, sequence_length, merge_repeated)
DepthwiseConv2dNative(channel_multiplier, kernel_size, mode=3, pad_mode="valid", pad=0, stride=1, dilation=1, group=1)\
(x, weight) = convolved(2, x, reshape(swapaxes(weight, 0, 1), (-1, 1, *weight.shape[2:])), pad_mode, pad, stride, \
    dilation, x.shape[1])
Dropout(keep_prob=0.5, Seed0=0, Seed1=0)(x) = dropped(x, keep_prob, x.shape, x.dtype, source(self, Seed0, Seed1))
Dropout2D(keep_prob=0.5)(x) = dropped(x, keep_prob, (*x.shape[:2], 1, 1), bool_, None)
Dropout3D(keep_prob=0.5)(x) = dropped(x, keep_prob, (*x.shape[:2], 1, 1, 1), bool_, None)
GLU(axis=-1)(x) = glu(x, axis)
GridSampler2D(interpolation_mode="bilinear", padding_mode="zeros", align_corners=False)(input_x, grid) = \
    grid_sample(input_x, grid, interpolation_mode, padding_mode, align_corners)
GridSampler3D(interpolation_mode="bilinear", padding_mode="zeros", align_corners=False)(input_x, grid) = \
    grid_sample(input_x, grid, interpolation_mode, padding_mode, align_corners)
Im2Col(ksizes, strides=1, dilations=1, pads=0)(x) = columns(x, ksizes, strides, dilations, pads)
L2Normalize(axis=0, epsilon=0.0001)(x) = x * rsqrt(maximum(sum(square(x), axis, True), epsilon))
LayerNorm(begin_norm_axis=1, begin_params_axis=1, epsilon=1e-07)(input_x, gamma, beta) = \
    layer_normalized(input_x, gamma, beta, begin_norm_axis, begin_params_axis, epsilon)
LogSoftmax(axis=-1)(logits) = log_softmax(logits, axis)
LRN(depth_radius=5, bias=1.0, alpha=1.0, beta=0.5, norm_region="ACROSS_CHANNELS")(x) = \
    response_normalized(x, depth_radius, bias, alpha, beta)
MaxPool(kernel_size=1, strides=1, pad_mode="valid", data_format="NCHW")(x) = \
    pooled(nn.MaxPool2d, 2, x, kernel_size, strides, pad_mode, data_format=data_format)
MaxPool3D(kernel_size=1, strides=1, pad_mode="VALID", pad_list=0, ceil_mode=None, data_format="NCDHW")(x) = \
    pooled(nn.MaxPool3d, 3, x, kernel_size, strides, pad_mode, pad_of(pad_list, 3), 1, False, bool(ceil_mode))
MaxPoolWithArgmax(kernel_size=1, strides=1, pad_mode="valid", data_format="NCHW")(x) = \
    pooled_with_places(x, kernel_size, strides, pad_mode)
MaxPoolWithArgmaxV2(kernel_size, strides=None, pads=0, dilation=(1, 1), ceil_mode=False, argmax_type=int64)(x) = \
    indexed(max_pool2d(x, pair(kernel_size), pair(strides), pair(pads), pair(dilation), True, ceil_mode), argmax_type)
MaxPool3DWithArgmax(ksize, strides, pads, dilation=(1, 1, 1), ceil_mode=False, data_format="NCDHW", argmax_type=int64)\
(x) = indexed(max_pool3d(x, ksize, strides, pads, dilation, True, ceil_mode), argmax_type)
MaxUnpool2D(ksize, strides=0, pads=0, output_shape=(), data_format="NCHW")(x, argmax) = \
    max_unpool2d(x, argmax, ksize, strides or None, pads, output_shape or None)
MaxUnpool3D(ksize, strides=0, pads=0, output_shape=(), data_format="NCDHW")(x, argmax) = \
    max_unpool3d(x, argmax, ksize, strides or None, pads, output_shape or None)
ResizeLinear1D(coordinate_transformation_mode="align_corners")(x, size) = \
    interpolate(x, ints(size), mode="linear", align_corners=coordinate_transformation_mode == "align_corners")
ResizeBilinear(size, align_corners=False, half_pixel_centers=False)(x) = \
    resized(x, size, "bilinear", align_corners, half_pixel_centers)
ResizeBilinearV2(align_corners=False, half_pixel_centers=False)(image, size) = \
    resized(image, size, "bilinear", align_corners, half_pixel_centers)
ResizeNearestNeighbor(size, align_corners=False, half_pixel_centers=False)(input_x) = \
    resized(input_x, size, "nearest", align_corners, half_pixel_centers)
ResizeNearestNeighborV2(align_corners=False, half_pixel_centers=False)(image, size) = \
    resized(image, size, "nearest", align_corners, half_pixel_centers)
RmsNorm(epsilon=1e-06)(x, gamma) = root_normalized(x, gamma, epsilon)
Softmax(axis=-1)(input) = softmax(input, axis)

# ---- losses
BCEWithLogitsLoss(reduction="mean")(input, target, weight=None, posWeight=None) = \
    binary_cross_entropy_with_logits(input, target, weight, posWeight, reduction)
BinaryCrossEntropy(reduction="mean")(input, target, weight=None) = \
    binary_cross_entropy(input, target, weight, reduction)
KLDivLoss(reduction="mean")(logits, labels) = kl_div(logits, labels, reduction)
MultilabelMarginLoss(reduction="mean")(x, target) = multilabel_margin_loss(x, target, reduction)
MultiMarginLoss(p=1, margin=1.0, reduction="mean")(x, target, weight=None) = \
    multi_margin_loss(x, target, p, margin, weight, reduction)
NLLLoss(reduction="mean", ignore_index=-100)(logits, labels, weight) = \
    negative_likelihood(logits, labels, weight, reduction, ignore_index)
SigmoidCrossEntropyWithLogits()(logits, label) = binary_cross_entropy_with_logits(logits, label, reduction="none")
SmoothL1Loss(beta=1.0, reduction="none")(logits, labels) = smooth_l1_loss(logits, labels, beta, reduction)
SoftMarginLoss(reduction="mean")(logits, labels) = soft_margin_loss(logits, labels, reduction)
SoftmaxCrossEntropyWithLogits()(logits, labels) = of_logits(logits, labels)
SparseSoftmaxCrossEntropyWithLogits(is_grad=False)(logits, labels) = of_classes(logits, labels, is_grad)
TripletMarginLoss(p=2, swap=False, eps=1e-06, reduction="mean")(x, positive, negative, margin) = \
    triplet_margin_loss(x, positive, negative, number_of(margin, float32), p, eps, swap, reduction)

# ---- boxes
BoundingBoxDecode(max_shape, means=(0.0, 0.0, 0.0, 0.0), stds=(1.0, 1.0, 1.0, 1.0), wh_ratio_clip=0.016)\
(anchor_box, deltas) = decoded(anchor_box, deltas, max_shape, means, stds, wh_ratio_clip)
BoundingBoxEncode(means=(0.0, 0.0, 0.0, 0.0), stds=(1.0, 1.0, 1.0, 1.0))(anchor_box, groundtruth_box) = \
    encoded(anchor_box, groundtruth_box, means, stds)
CheckValid()(bboxes, img_metas) = valid_boxes(bboxes, img_metas)
CropAndResize(method="bilinear", extrapolation_value=0.0)(x, boxes, box_index, crop_size) = \
    crops(x, boxes, box_index, crop_size, method, extrapolation_value)
IOU(mode="iou")(anchor_boxes, gt_boxes) = overlap(anchor_boxes, gt_boxes, mode)
NMSWithMask(iou_threshold=0.5)(bboxes) = suppressed(bboxes, iou_threshold)

# ---- writing to parameters
Assign()(variable, value) = assign(variable, value)
AssignAdd()(variable, value) = assign_add(variable, value)
AssignSub()(variable, value) = assign_sub(variable, value)
Adam(use_locking=False, use_nesterov=False)\
(var, m, v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, gradient) = stepped((var, m, v), \
    adam_rule(var, m, v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, gradient, use_nesterov))
AdamWeightDecay(use_locking=False)(var, m, v, lr, beta1, beta2, epsilon, decay, gradient) = \
    stepped((var, m, v), decayed_rule(var, m, v, lr, beta1, beta2, epsilon, decay, gradient))
ApplyAdaMax()(var, m, v, beta1_power, lr, beta1, beta2, epsilon, grad) = \
    stepped((var, m, v), adamax_rule(var, m, v, beta1_power, lr, beta1, beta2, epsilon, grad))
ApplyAdadelta()(var, accum, accum_update, lr, rho, epsilon, grad) = \
    stepped((var, accum, accum_update), adadelta_rule(var, accum, accum_update, lr, rho, epsilon, grad))
ApplyAdagrad(update_slots=True)(var, accum, lr, grad) = \
    stepped((var, accum), adagrad_rule(var, accum, lr, grad, 0.0, update_slots))
ApplyAdagradDA(use_locking=False)\
(var, gradient_accumulator, gradient_squared_accumulator, grad, lr, l1, l2, global_step) = \
    stepped((var, gradient_accumulator, gradient_squared_accumulator), \
    adagrad_da_rule(var, gradient_accumulator, gradient_squared_accumulator, grad, lr, l1, l2, global_step))[0]
ApplyAdagradV2(epsilon, update_slots=True)(var, accum, lr, grad) = \
    stepped((var, accum), adagrad_rule(var, accum, lr, grad, epsilon, update_slots))
ApplyAdamWithAmsgrad(beta1=0.9, beta2=0.999, epsilon=1e-08, use_locking=False)\
(var, m, v, vhat, beta1_power, beta2_power, lr, grad) = stepped((var, m, v, vhat), \
    adam_rule(var, m, v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad, False, vhat))
ApplyAdamWithAmsgradV2(use_locking=False)\
(var, m, v, vhat, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad) = stepped((var, m, v, vhat), \
    adam_rule(var, m, v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad, False, vhat))
ApplyAddSign()(var, m, lr, alpha, sign_decay, beta, grad) = \
    stepped((var, m), add_sign_rule(var, m, lr, alpha, sign_decay, beta, grad))
ApplyCenteredRMSProp(use_locking=False)\
(var, mean_gradient, mean_square, moment, grad, learning_rate, decay, momentum, epsilon) = \
    stepped((var, mean_square, moment, mean_gradient), \
    rms_rule(var, mean_square, moment, learning_rate, grad, decay, momentum, epsilon, mean_gradient))[0]
ApplyFtrl(use_locking=False)(var, accum, linear, grad, lr, l1, l2, lr_power) = \
    stepped((var, accum, linear), ftrl_rule(var, accum, linear, grad, lr, l1, l2, lr_power))[0]
ApplyGradientDescent()(var, alpha, delta) = written((var, var - alpha * delta))
ApplyKerasMomentum(use_locking=False, use_nesterov=False)(var, accum, lr, grad, momentum) = \
    stepped((var, accum), keras_momentum_rule(var, accum, lr, grad, momentum, use_nesterov))
ApplyMomentum(use_nesterov=False, use_locking=False, gradient_scale=1.0)\
(variable, accumulation, learning_rate, gradient, momentum) = stepped((variable, accumulation), \
    momentum_rule(variable, accumulation, learning_rate, gradient, momentum, use_nesterov, gradient_scale))[0]
ApplyPowerSign()(var, m, lr, logbase, sign_decay, beta, grad) = \
    stepped((var, m), power_sign_rule(var, m, lr, logbase, sign_decay, beta, grad))
ApplyProximalAdagrad(use_locking=False)(var, accum, lr, l1, l2, grad) = \
    stepped((var, accum), proximal_adagrad_rule(var, accum, lr, l1, l2, grad))
ApplyProximalGradientDescent()(var, alpha, l1, l2, delta) = written((var, proximal(var - alpha * delta, alpha, l1, l2)))
ApplyRMSProp(use_locking=False)(var, mean_square, moment, learning_rate, grad, decay, momentum, epsilon) = \
    stepped((var, mean_square, moment), \
    rms_rule(var, mean_square, moment, learning_rate, grad, decay, momentum, epsilon))[0]
SGD(dampening=0.0, weight_decay=0.0, nesterov=False)(parameters, gradient, learning_rate, accum, momentum, stat) = \
    stepped((parameters, accum, stat), \
    sgd_rule(parameters, gradient, learning_rate, accum, momentum, stat, dampening, weight_decay, nesterov))[0]

# ---- writing to rows of parameters
FusedSparseAdam(use_locking=False, use_nesterov=False)\
(var, m, v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, gradient, indices) = stepped((var, m, v), \
    adam_rule(var, m, v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, dense_rows(var, gradient, indices), \
    use_nesterov))
FusedSparseFtrl(lr, l1, l2, lr_power, use_locking=False)(var, accum, linear, grad, indices) = \
    row_steps((var, accum, linear), grad, indices, \
    lambda var, accum, linear, grad: ftrl_rule(var, accum, linear, grad, lr, l1, l2, lr_power))
SparseApplyFtrl(lr, l1, l2, lr_power, use_locking=False)(var, accum, linear, grad, indices) = \
    rows_in_turn((var, accum, linear), grad, indices, \
    lambda var, accum, linear, grad: ftrl_rule(var, accum, linear, grad, lr, l1, l2, lr_power))
FusedSparseLazyAdam(use_locking=False, use_nesterov=False)\
(var, m, v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, gradient, indices) = \
    row_steps((var, m, v), gradient, indices, lambda var, m, v, grad: \
    adam_rule(var, m, v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad, use_nesterov))
FusedSparseProximalAdagrad(use_locking=False)(var, accum, lr, l1, l2, grad, indices) = \
    row_steps((var, accum), grad, indices, \
    lambda var, accum, grad: proximal_adagrad_rule(var, accum, lr, l1, l2, grad))
SparseApplyProximalAdagrad(use_locking=False)(var, accum, lr, l1, l2, grad, indices) = \
    rows_in_turn((var, accum), grad, indices, \
    lambda var, accum, grad: proximal_adagrad_rule(var, accum, lr, l1, l2, grad))
SparseApplyAdagrad(lr, update_slots=True, use_locking=False)(var, accum, grad, indices) = \
    rows_in_turn((var, accum), grad, indices, \
    lambda var, accum, grad: adagrad_rule(var, accum, lr, grad, 0.0, update_slots))
SparseApplyAdagradV2(lr, epsilon, use_locking=False, update_slots=True)(var, accum, grad, indices) = \
    rows_in_turn((var, accum), grad, indices, \
    lambda var, accum, grad: adagrad_rule(var, accum, lr, grad, epsilon, update_slots))
SparseApplyRMSProp(rho, momentum, epsilon, use_locking=False)(var, ms, mom, lr, grad, indices) = \
    rows_in_turn((var, ms, mom), grad, indices, \
    lambda var, ms, mom, grad: rms_rule(var, ms, mom, lr, grad, rho, momentum, epsilon))

# ---- chance
Bernoulli(seed=-1, offset=0)(x, p) = bernoulli(x, p, generator=source(self, 0 if seed == -1 else seed, offset))
Cauchy(size, median=0.0, sigma=1.0)() = cauchy(size, median, sigma)
DropoutDoMask()(x, mask, keep_prob) = x * cast(mask, x.dtype) / keep_prob
DropoutGenMask(Seed0=0, Seed1=0)(shape, keep_prob) = \
    less(uniform(ints(shape), generator=source(self, Seed0, Seed1)), keep_prob)
Gamma(seed=0, seed2=0)(shape, alpha, beta) = \
    gamma(ints(shape), alpha, beta, generator=source(self, seed, seed2))
Multinomial(seed=0, seed2=0, dtype=int32)(x, num_samples) = \
    cast(multinomial(x, ints(num_samples), generator=source(self, seed, seed2)), dtype)
Poisson(seed=0, seed2=0)(shape, mean) = cast(poisson(ints(shape), mean, generator=source(self, seed, seed2)), int32)
RandomChoiceWithMask(count=256, seed=0, seed2=0)(input_x) = chosen(input_x, count, source(self, seed, seed2))
RandomGamma(seed=0, seed2=0)(shape, alpha) = random_gamma(ints(shape), alpha, generator=source(self, seed, seed2))
RandomCategorical(dtype=int64)(logits, num_samples, seed=0) = \
    random_categorical(logits, ints(num_samples), ints(seed) or None, dtype)
RandomPoisson(seed=0, seed2=0, dtype=int64)(shape, rate) = \
    random_poisson(ints(shape), rate, dtype=dtype, generator=source(self, seed, seed2))
RandpermV2(seed=0, offset=0, dtype=int64)(n) = randperm(ints(n), dtype=dtype, generator=source(self, seed, offset))
RandomShuffle(seed=0, seed2=0)(input_x) = shuffle(input_x, generator=source(self, seed, seed2))
StandardLaplace(seed=0, seed2=0)(shape) = standard_laplace(ints(shape), generator=source(self, seed, seed2))
StandardNormal(seed=0, seed2=0)(shape) = standard_normal(ints(shape), generator=source(self, seed, seed2))
TruncatedNormal(dtype=float32, seed=0, seed2=0)(shape) = \
    truncated_normal(ints(shape), dtype=dtype, generator=source(self, seed, seed2))
Uniform(minval=0.0, maxval=1.0, seed=0, offset=0)(x) = \
    uniform(x.shape, minval, maxval, dtype=x.dtype, generator=source(self, seed, offset))
UniformInt(seed=0, seed2=0)(shape, minval, maxval) = \
    cast(randint(ints(minval), ints(maxval), ints(shape), generator=source(self, seed, seed2)), int32)
UniformReal(seed=0, seed2=0)(shape) = uniform(ints(shape), generator=source(self, seed, seed2))

# ---- communication among the processes that train together
AllGather(group="hccl_world_group")(input_x) = communication.all_gather(input_x, group)
AllReduce(op="sum", group="hccl_world_group")(input_x) = communication.all_reduce(input_x, op, group)
AlltoAll(split_count, split_dim, concat_dim, group="hccl_world_group")(input_x) = \
    exchanged(input_x, split_count, split_dim, concat_dim, group)
Barrier(group="hccl_world_group")() = communication.barrier(group)
Broadcast(root_rank, group="hccl_world_group")(input_x) = \
    tuple(communication.broadcast(each, root_rank, group) for each in input_x)
Receive(sr_tag, src_rank, shape, dtype, group="hccl_world_group")() = \
    communication.recv(zeros(ints(shape), dtype), src_rank, group, sr_tag)
Reduce(dest_rank, op="sum", group="hccl_world_group")(input_x) = \
    communication.reduce(input_x, dest_rank, op, group)
ReduceScatter(op="sum", group="hccl_world_group")(input_x) = communication.reduce_scatter(input_x, op, group)
Send(sr_tag, dest_rank, group="hccl_world_group")(input_x) = sent(input_x, dest_rank, group, sr_tag)

# ---- what is no computation
Assert(summarize=3)(condition, input_data) = asserted(condition, input_data[:summarize])
Depend()(value, expr) = value
IsInstance()(inst, type_) = is_a(inst, type_)
IsSubClass()(sub_type, type_) = sub_type == type_ or isinstance(sub_type, type) and issubclass(sub_type, type_)
Partial()(func, *args) = functools.partial(func, *args)
Print()(*input_x) = printed(input_x)
PyFunc(fn, in_types, in_shapes, out_types, out_shapes, stateful=True)(*input_x) = called(fn, input_x, out_types)
SameTypeShape()(x, y) = same_kind(x, y)
ScalarSummary()(name, value) = unwritten(self)
HistogramSummary()(name, value) = unwritten(self)
ImageSummary()(name, value) = unwritten(self)
TensorSummary()(name, value) = unwritten(self)
StopGradient()(value) = stop_gradient(value)
"""

GRADIENTS = r"""
AbsGrad()(x, dout) = dout * sign(x)
ACosGrad()(x, dout) = pulled(acos, x, dout)
AcoshGrad()(out, dout) = dout / sinh(out)
AdaptiveAvgPool2DGrad()(input_grad, orig_input_shape) = \
    pulled(lambda x: adaptive_avg_pool2d(x, input_grad.shape[-2:]), zeros(ints(orig_input_shape), input_grad.dtype), \
    input_grad)
AdaptiveAvgPool3DGrad()(y_grad, orig_input_shape) = \
    pulled(lambda x: adaptive_avg_pool3d(x, y_grad.shape[-3:]), zeros(ints(orig_input_shape), y_grad.dtype), y_grad)
AsinGrad()(x, dout) = pulled(asin, x, dout)
AsinhGrad()(out, dout) = dout / cosh(out)
AtanGrad()(x, dout) = pulled(atan, x, dout)
AvgPoolGrad(kernel_size=1, strides=1, pad_mode="VALID", data_format="NCHW")(x, out, dout) = \
    pulled(lambda x: pooled(nn.AvgPool2d, 2, x, kernel_size, strides, pad_mode), x, dout)
BiasAddGrad(data_format="NCHW")(dout) = sum(dout, others(dout, data_format))
BinaryCrossEntropyGrad(reduction="mean")(input, target, grad_output, weight=None) = \
    pulled(lambda x: binary_cross_entropy(x, target, weight, reduction), input, grad_output)
CdistGrad(p=2.0)(grad, input_x, input_y, cdist) = \
    pulled(lambda x: adcore.ops.cdist(x, input_y, p), input_x, grad)
Conv2DBackpropFilter(out_channel, kernel_size, pad_mode="valid", pad=0, pad_list=(0, 0, 0, 0), mode=1, stride=1, \
dilation=1, group=1, data_format="NCHW")(dout, x, filter_size) = \
    kernel_gradient(2, dout, x, filter_size, pad_mode, pad, stride, dilation, group)
Conv3DBackpropFilter(out_channel, kernel_size, mode=1, pad_mode="valid", pad=0, stride=1, dilation=1, group=1, \
data_format="NCDHW")(x, dout, filter_size) = \
    kernel_gradient(3, dout, x, filter_size, pad_mode, pad, stride, dilation, group)
Conv3DBackpropInput(out_channel, kernel_size, mode=1, pad_mode="valid", pad=0, stride=1, dilation=1, group=1, \
data_format="NCDHW")(weight, dout, input_size) = \
    convolved_back(3, dout, weight, input_size, pad_mode, pad, stride, dilation, group)
BatchNormGrad(is_training=False, epsilon=1e-05, data_format="NCHW")\
(dout, x, scale, saved_mean, saved_variance, reserve) = \
    batch_gradients(dout, x, scale, saved_mean, saved_variance, is_training, epsilon)
DropoutGrad(keep_prob=0.5)(dout, mask) = dout * mask / keep_prob
EluGrad()(dout, out) = where(greater(out, 0), dout, dout * (out + 1))
FastGeLUGrad()(dy, x) = pulled(FastGeLU(), x, dy)
FlattenGrad()(x, shape) = reshape(x, ints(shape))
GatherDGradV2()(x, dim, index, dout) = pulled(lambda x: gather_elements(x, ints(dim), index), x, dout)
GeLUGrad()(dy, x, y) = pulled(GeLU(), x, dy)
GluGrad(axis)(grads, x) = pulled(lambda x: glu(x, axis), x, grads)
HShrinkGrad(lambd=0.5)(gradients, features) = pulled(lambda x: hardshrink(x, lambd), features, gradients)
HSigmoidGrad()(grads, input_x) = pulled(hardsigmoid, input_x, grads)
HSwishGrad()(y_grad, x) = pulled(hardswish, x, y_grad)
InvGrad()(x, grad) = -grad * x * x
KLDivLossGrad(reduction="mean")(grad, x, target) = pulled(lambda x: kl_div(x, target, reduction), x, grad)
L2NormalizeGrad(axis=0, epsilon=0.0001)(input_x, out, dout) = pulled(L2Normalize(axis, epsilon), input_x, dout)
LayerNormGrad(begin_norm_axis=1, begin_params_axis=1)(x, dy, variance, mean, gamma) = \
    normalization_gradients(x, dy, variance, mean, gamma, begin_norm_axis)
LogitGrad(eps=-1.0)(grad, input) = pulled(Logit(eps), input, grad)
LogSoftmaxGrad(axis=-1)(logits, grad) = grad - exp(logits) * sum(grad, axis, True)
LRNGrad(depth_radius=5, bias=1.0, alpha=1.0, beta=0.5)(grads, x, y) = \
    pulled(LRN(depth_radius, bias, alpha, beta), x, grads)
MaskedSelectGrad()(input, mask, grad) = pulled(lambda x: masked_select(x, mask), input, grad)
MaximumGrad(grad_x=True, grad_y=True)(x, y, grads) = pulled(maximum, (x, y), grads)
MaxPool3DGrad(kernel_size=1, strides=1, pad_mode="VALID", pad_list=0, data_format="NCDHW")\
(x_origin, out_origin, grad) = \
    pulled(lambda x: pooled(nn.MaxPool3d, 3, x, kernel_size, strides, pad_mode, pad_of(pad_list, 3)), x_origin, grad)
MaxPoolGrad(kernel_size=1, strides=1, pad_mode="VALID", data_format="NCHW")(x_origin, out_origin, grad) = \
    pulled(lambda x: pooled(nn.MaxPool2d, 2, x, kernel_size, strides, pad_mode), x_origin, grad)
MaxPoolGradGrad(kernel_size=1, strides=1, pad_mode="VALID")(x_origin, out_origin, grad) = \
    pushed(lambda x: pooled(nn.MaxPool2d, 2, x, kernel_size, strides, pad_mode), x_origin, grad)
MaxPool3DGradGrad(kernel_size=1, strides=1, pad_mode="VALID", data_format="NCDHW")(x_origin, out_origin, grad) = \
    pushed(lambda x: pooled(nn.MaxPool3d, 3, x, kernel_size, strides, pad_mode), x_origin, grad)
MaxPoolGradWithArgmax(kernel_size=1, strides=1, pad_mode="VALID", data_format="NCHW")(x, grad, argmax) = \
    pulled(lambda x: pooled(nn.MaxPool2d, 2, x, kernel_size, strides, pad_mode), x, grad)
MaxPoolGradWithArgmaxV2(kernel_size, strides=None, pads=0, dilation=(1, 1), ceil_mode=False, argmax_type=int64)\
(x, grad, argmax) = pulled(lambda x: \
    max_pool2d(x, pair(kernel_size), pair(strides), pair(pads), pair(dilation), False, ceil_mode), x, grad)
MaxPoolGradGradWithArgmax(kernel_size=1, strides=1, pad_mode="VALID")(x, grad, argmax) = \
    pushed(lambda x: pooled(nn.MaxPool2d, 2, x, kernel_size, strides, pad_mode), x, grad)
MinimumGrad(grad_x=True, grad_y=True)(x1, x2, grads) = pulled(minimum, (x1, x2), grads)
MultiMarginLossGrad(p=1, margin=1.0, reduction="mean")(y_grad, x, target, weight=None) = \
    pulled(lambda x: multi_margin_loss(x, target, p, margin, weight, reduction), x, y_grad)
MirrorPadGrad(mode="REFLECT")(dy, paddings) = unpadded(dy, ints(paddings), mode.lower())
NLLLossGrad(reduction="mean", ignore_index=-100)(logits, loss_grad, labels, weight, total_weight) = \
    pulled(lambda x: nll_loss(x, labels, weight, ignore_index, reduction), logits, loss_grad)
PadV3Grad(mode="reflect", paddings_contiguous=True)(dy, paddings) = \
    pulled(lambda x: padded_last(x, paddings, None, mode, paddings_contiguous), \
    zeros(length_padded(dy.shape, ints(paddings), paddings_contiguous), dy.dtype), dy)
PdistGrad(p=2.0)(y_grad, x, y) = pulled(lambda x: pdist(x, p), x, y_grad)
PReLUGrad()(dy, x, weight) = pulled(prelu, (x, weight), dy)
ReciprocalGrad()(y, dy) = -dy * y * y
ReLU6Grad()(y_grad, x) = where(logical_and(greater(x, 0), less_equal(x, 6)), y_grad, zeros_like(y_grad))
ReluGrad()(y_backprop, x) = where(greater(x, 0), y_backprop, zeros_like(y_backprop))
ResizeBilinearGrad(align_corners=False, half_pixel_centers=False)(grads, image) = \
    pulled(lambda x: resized(x, grads.shape[-2:], "bilinear", align_corners, half_pixel_centers), image, grads)
ResizeNearestNeighborGrad(align_corners=False, half_pixel_centers=False)(grads, size) = \
    pulled(lambda x: resized(x, grads.shape[-2:], "nearest", align_corners, half_pixel_centers), \
    zeros((*grads.shape[:2], *ints(size)), grads.dtype), grads)
RsqrtGrad()(x, dout) = -0.5 * dout * x**3
SeLUGrad()(gradients, outputs) = gradients * where(outputs > 0, 1.0507009873554805, outputs + 1.7580993408473766)
SigmoidCrossEntropyWithLogitsGrad()(x, y, dout) = (sigmoid(x) - y) * dout
SigmoidGrad()(y, dy) = dy * y * (1 - y)
SiLUGrad()(dout, x) = pulled(silu, x, dout)
SliceGrad()(dy, x, begin, size) = pulled(lambda x: sliced(x, begin, size), x, dy)
SmoothL1LossGrad(beta=1.0, reduction="none")(prediction, target, dout) = \
    pulled(lambda x: smooth_l1_loss(x, target, beta, reduction), prediction, dout)
SoftMarginLossGrad(reduction="mean")(predict, label, dout) = \
    pulled(lambda x: soft_margin_loss(x, label, reduction), predict, dout)
SoftmaxGrad()(y, dy) = y * (dy - sum(y * dy, -1, True))
SoftplusGrad()(gradients, features) = gradients * sigmoid(features)
SoftShrinkGrad(lambd=0.5)(input_grad, input_x) = pulled(lambda x: softshrink(x, lambd), input_x, input_grad)
SqrtGrad()(y, dy) = dy / (2 * y)
StridedSliceGrad(begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=0)\
(dy, shapex, begin, end, strides) = pulled(lambda x: strided(x, begin, end, strides, begin_mask, end_mask, \
    ellipsis_mask, new_axis_mask, shrink_axis_mask), zeros(ints(shapex), dy.dtype), dy)
TanhGrad()(y, dy) = dy * (1 - y * y)
TraceGrad()(y_grad, x_shape) = pulled(trace, zeros(ints(x_shape), y_grad.dtype), y_grad)
UniqueGrad()(dy, y) = gather(dy[0], y, 0)
"""

# Names of MindSpore's functional interface that adcore.ops has not, or has with other arguments.
FUNCTIONS = r"""
accumulate_n(x) = total(x)
addcdiv(input, tensor1, tensor2, value=1) = Addcdiv()(input, tensor1, tensor2, value)
addcmul(input, tensor1, tensor2, value=1) = Addcmul()(input, tensor1, tensor2, value)
baddbmm(input, batch1, batch2, beta=1, alpha=1) = beta * input + alpha * bmm(batch1, batch2)
fractional_max_pool2d(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, \
_random_samples=None) = \
    fractional_max("fractional_max_pool2d", input, 2, kernel_size, output_size, output_ratio, _random_samples, \
    return_indices)
fractional_max_pool3d(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, \
_random_samples=None) = \
    fractional_max("fractional_max_pool3d", input, 3, kernel_size, output_size, output_ratio, _random_samples, \
    return_indices)
gather(input_params, input_indices, axis, batch_dims=0) = gathered(input_params, input_indices, axis, batch_dims)
index_add(x, indices, y, axis, use_lock=True, check_index_bound=True) = IndexAdd(axis)(x, indices, y)
max_pool3d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False) = \
    adcore.ops.max_pool3d(x, kernel_size, stride, padding, dilation, return_indices, ceil_mode)
rms_norm(x, gamma, epsilon=1e-06) = root_normalized(x, gamma, epsilon)
scalar_uadd(x) = +x
scalar_usub(x) = -x
string_concat(x, y) = x + y
string_eq(x, y) = x == y
scatter_add(input_x, indices, updates) = scattered(tensor_scatter_add, input_x, indices, updates)
select(condition, input, other) = where(condition, input, other)
addn(x) = total(x)
approximate_equal(x, y, tolerance=1e-05) = ApproximateEqual(tolerance)(x, y)
array_to_scalar(x) = x.item()
batch_to_space_nd(input_x, block_shape, crops) = batch_to_space(input_x, block_shape, crops)
bias_add(input_x, bias) = biased(input_x, bias, "NCHW")
bidense(input1, input2, weight, bias=None) = bilinear(input1, input2, weight, bias)
bool_and(x, y) = x and y
bool_eq(x, y) = x == y
bool_not(x) = not x
bool_or(x, y) = x or y
bounding_box_decode(anchor_box, deltas, max_shape, means=(0.0, 0.0, 0.0, 0.0), stds=(1.0, 1.0, 1.0, 1.0), \
wh_ratio_clip=0.016) = decoded(anchor_box, deltas, max_shape, means, stds, wh_ratio_clip)
bounding_box_encode(anchor_box, groundtruth_box, means=(0.0, 0.0, 0.0, 0.0), stds=(1.0, 1.0, 1.0, 1.0)) = \
    encoded(anchor_box, groundtruth_box, means, stds)
choice_with_mask(input_x, count=256, seed=None) = \
    chosen(input_x, count, None if seed is None else adcore.Generator().manual_seed(seed))
conj(input) = input.copy()
crop_and_resize(image, boxes, box_indices, crop_size, method="bilinear", extrapolation_value=0.0) = \
    crops(image, boxes, box_indices, crop_size, method, extrapolation_value)
check_valid(bboxes, img_metas) = valid_boxes(bboxes, img_metas)
col2im(input_x, output_size, kernel_size, dilation, padding_value, stride) = \
    fold(input_x, ints(output_size), kernel_size, dilation, padding_value, stride)
deepcopy(input_x) = input_x.copy()
depend(value, expr) = value
diag(input) = Diag()(input)
dist(input, other, p=2) = vector_norm(sub(input, other), p)
dtype(x) = given("dtype", x).dtype
dyn_shape(input_x) = Tensor(given("dyn_shape", input_x).shape, int64)
eps(x) = full_like(x, epsilon_of(x.dtype))
fast_gelu(x) = FastGeLU()(x)
fill(type, shape, value) = full(ints(shape), value, dtype=type)
fills(x, value) = full_like(x, number(value))
floordiv(input, other) = floor_div(input, other)
floormod(x, y) = floor_mod(x, y)
inplace_add(x, v, indices) = InplaceAdd(indices)(x, v)
inplace_index_add(var, indices, updates, axis) = InplaceIndexAdd(axis)(var, indices, updates)
inplace_sub(x, v, indices) = InplaceSub(indices)(x, v)
inplace_update(x, v, indices) = InplaceUpdate(indices)(x, v)
identity(x) = x
intopk(x1, x2, k) = in_top(x1, x2, k)
inv(x) = reciprocal(x)
invert(x) = bitwise_not(x)
iou(anchor_boxes, gt_boxes, mode="iou") = overlap(anchor_boxes, gt_boxes, mode)
is_floating_point(input) = given("is_floating_point", input).dtype.is_floating_point
is_complex(input) = False
isreal(input) = ones_like(input, dtype=bool_)
is_dynamic_sequence_element_unknown(x) = False
is_sequence_shape_unknown(x) = False
is_sequence_value_unknown(x) = False
isconstant(x) = True
is_nonzero(input) = bool(given("is_nonzero", input))
log_matrix_determinant(input) = slogdet(input)
lrn(x, depth_radius=5, bias=1.0, alpha=1.0, beta=0.5, norm_region="ACROSS_CHANNELS") = \
    response_normalized(x, depth_radius, bias, alpha, beta)
make_dict(keys, values) = dict(zip(keys, values))
make_list(*elements) = list(elements)
make_range(*bounds) = tuple(builtins.range(*bounds))
make_slice(start, stop, step) = builtins.slice(start, stop, step)
make_tuple(*elements) = elements
matrix_band_part(x, lower, upper) = band(x, lower, upper)
matrix_determinant(input) = det(input)
matrix_solve(matrix, rhs, adjoint=False) = MatrixSolve(adjoint)(matrix, rhs)
mirror_pad(input_x, paddings, mode) = padded(input_x, paddings, mode.lower())
mixed_precision_cast(dst_dtype, x) = cast_floats(dst_dtype, x)
numel(input) = given("numel", input).size
padding(x, pad_dim_size=8) = Padding(pad_dim_size)(x)
partial(func, *args) = functools.partial(func, *args)
population_count(input_x) = bits(input_x)
pows(input, exponent) = pow(input, exponent)
print_(*input_x) = printed(input_x)
random_gamma(shape, alpha, seed=None) = adcore.ops.random_gamma(ints(shape), alpha, seed)
random_poisson(shape, rate, seed=None, dtype=float32) = adcore.ops.random_poisson(ints(shape), rate, seed, dtype)
range(start, end, step, maxlen=1000000) = arange(number(start), number(end), number(step))
rank(input_x) = given("rank", input_x).ndim
real(input) = input.copy()
reduce_max(x, axis=()) = reduced(amax, x, axis, False)
reduce_mean(x, axis=()) = reduced(mean, x, axis, False)
reduce_min(x, axis=()) = reduced(amin, x, axis, False)
reduce_sum(x, axis=()) = reduced(sum, x, axis, False)
reverse(x, axis) = flip(x, axis)
reverse_sequence(x, seq_lengths, seq_dim, batch_dim=0) = reversed_parts(x, seq_lengths, seq_dim, batch_dim)
scalar_add(x, y) = x + y
scalar_cast(input_x, input_y) = number_of(input_x, input_y)
scalar_div(x, y) = x / y
scalar_eq(x, y) = x == y
scalar_floordiv(x, y) = x // y
scalar_ge(x, y) = x >= y
scalar_gt(x, y) = x > y
scalar_le(x, y) = x <= y
scalar_log(x) = math.log(x)
scalar_lt(x, y) = x < y
scalar_max(x, y) = builtins.max(x, y)
scalar_min(x, y) = builtins.min(x, y)
scalar_mod(x, y) = x % y
scalar_mul(x, y) = x * y
scalar_ne(x, y) = x != y
scalar_pow(x, y) = x**y
scalar_sub(x, y) = x - y
scalar_to_array(input_x) = small(input_x)
scalar_to_tensor(input_x, dtype=float32) = Tensor(input_x, dtype)
scatter_div(input_x, indices, updates) = scattered(tensor_scatter_div, input_x, indices, updates)
scatter_max(input_x, indices, updates) = scattered(tensor_scatter_max, input_x, indices, updates)
scatter_min(input_x, indices, updates) = scattered(tensor_scatter_min, input_x, indices, updates)
scatter_mul(input_x, indices, updates) = scattered(tensor_scatter_mul, input_x, indices, updates)
scatter_nd_add(input_x, indices, updates, use_locking=False) = ScatterNdAdd()(input_x, indices, updates)
scatter_nd_div(input_x, indices, updates, use_locking=False) = ScatterNdDiv()(input_x, indices, updates)
scatter_nd_max(input_x, indices, updates, use_locking=False) = ScatterNdMax()(input_x, indices, updates)
scatter_nd_min(input_x, indices, updates, use_locking=False) = ScatterNdMin()(input_x, indices, updates)
scatter_nd_mul(input_x, indices, updates, use_locking=False) = ScatterNdMul()(input_x, indices, updates)
scatter_nd_sub(input_x, indices, updates, use_locking=False) = ScatterNdSub()(input_x, indices, updates)
scatter_nd_update(input_x, indices, updates, use_locking=True) = ScatterNdUpdate()(input_x, indices, updates)
scatter_update(input_x, indices, updates) = scattered(tensor_scatter_update, input_x, indices, updates)
sequence_mask(lengths, maxlen=None) = masks_of(lengths, maxlen)
sgn(input) = sign(input)
shape(input_x) = given("shape", input_x).shape
shape_(input_x) = given("shape_", input_x).shape
size(input_x) = given("size", input_x).size
slice(input_x, begin, size) = sliced(input_x, begin, size)
soft_shrink(input, lambd=0.5) = softshrink(input, lambd)
softmin(x, axis=-1, *, dtype=None) = softmax(-x, axis, dtype=dtype)
space_to_batch_nd(input_x, block_size, paddings) = space_to_batch(input_x, block_size, paddings)
strided_slice(input_x, begin, end, strides, begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0, \
shrink_axis_mask=0) = \
    strided(input_x, begin, end, strides, begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
subtract(input, other, *, alpha=1) = sub(input, other if alpha == 1 else other * alpha)
swapdims(input, dim0, dim1) = swapaxes(input, dim0, dim1)
swiglu(input, dim=-1) = silu(chunk(input, 2, dim)[0]) * chunk(input, 2, dim)[1]
tensor_add(input, other) = add(input, other)
tensor_div(x, y) = div(x, y)
tensor_exp(input) = exp(input)
tensor_expm1(input) = expm1(input)
tensor_floordiv(x, y) = floor_div(x, y)
tensor_ge(input, other) = greater_equal(input, other)
tensor_gt(input, other) = greater(input, other)
tensor_le(input, other) = less_equal(input, other)
tensor_lt(input, other) = less(input, other)
tensor_mod(x, y) = floor_mod(x, y)
tensor_mul(input, other) = mul(input, other)
tensor_pow(input, exponent) = pow(input, exponent)
tensor_range(start, end, step) = arange(number(start), number(end), number(step))
tensor_slice(input_x, begin, size) = sliced(input_x, begin, size)
tensor_sub(x, y) = sub(x, y)
top_k(input_x, k, sorted=True) = indexed(topk(input_x, ints(k), -1, True, sorted), int32)
tuple_len(x) = len(x)
tuple_reversed(x) = tuple(reversed(x))
tuple_to_array(input_x) = small(input_x)
type_as(input, other) = cast(input, other.dtype)
unique(input) = first_seen(input)
unique_with_pad(x, pad_num) = unique_padded(x, pad_num)
unsorted_segment_max(x, segment_ids, num_segments) = UnsortedSegmentMax()(x, segment_ids, num_segments)
unsorted_segment_min(x, segment_ids, num_segments) = UnsortedSegmentMin()(x, segment_ids, num_segments)
unsorted_segment_prod(x, segment_ids, num_segments) = UnsortedSegmentProd()(x, segment_ids, num_segments)
unsorted_segment_sum(input_x, segment_ids, num_segments) = UnsortedSegmentSum()(input_x, segment_ids, num_segments)
upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None) = \
    interpolate(input, size, scale_factor, mode, align_corners, recompute_scale_factor)
xdivy(x, y) = Xdivy()(x, y)
"""

ABSENT = {
    "it has no complex numbers": "Angle Complex ComplexAbs Eig FFTWithSize Imag Polar STFT",
    "it is a kernel of MindSpore's Ascend": """
        ApplyRotaryPosEmb BasicLSTMCell DynamicGRUV2 DynamicRNN FlashAttentionScore GroupTopk IncreFlashAttention
        MoeFinalizeRouting NPUAllocFloatStatus NPUClearFloatStatus NPUGetFloatStatus PagedAttention PromptFlashAttention
        QuantBatchMatmul ReshapeAndCache""",
    "adcore.communication has nothing like it": """
        AllGatherV AlltoAllV BatchISendIRecv CollectiveGather CollectiveScatter NeighborExchange NeighborExchangeV2
        ReduceScatterV""",
}
