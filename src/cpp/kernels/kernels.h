// What the kernels offer: one table of functions per instruction set, chosen once at start-up (dispatch.cpp).
//
// Kernels see raw pointers and sizes: no Tensor, no tape, no Python. Every .cpp of this folder except dispatch.cpp is
// compiled once per instruction set with ADCORE_ISA set to its name; all its code stands in namespace
// adcore::ADCORE_ISA (include "kernels/isa.h"), and it exports one `void install_<file>(Kernels&)` that fills its
// entries.
//
// Laws: any size may be 0; pointers of size 0 are not read; NaN and inf behave as IEEE says; a result depends on the
// arguments alone, never on the number of threads (work splits into blocks by shape, partial results combine in order).
// Outputs never overlap inputs unless the entry says so. Data is aligned to its element.
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "base/shape.h"

namespace adcore {

inline constexpr int kMaxArity = 3;

// ---- elementwise: one row per formula of formulas.h, in its order -------------------------------------------------

/// out[i] = f(in[0][i], in[1][i], ...) for i in [0, n). Bit k of `scalars`: in[k] is one element, used for every i.
/// Comparisons and logic write uint8_t 0/1. `out` may be one of the inputs.
using MapFn = void (*)(const void* const* in, void* out, int64_t n, uint32_t scalars);

/// grad[i] = g[i] * partial(in[0][i], ..., y[i]): bit kMaxArity of `scalars`: g is one element. Unused operands may be
/// null. `grad` may be any of the arrays.
using PartialFn = void (*)(const void* g, const void* const* in, const void* y, void* grad, int64_t n,
                           uint32_t scalars);

struct ElementwiseKernel {
  MapFn map[kComputeCount];         // null where the row is not defined for that type
  PartialFn partial[kMaxArity][2];  // [input][F32 or F64]; null where the partial is a constant (see formulas.h)
};

// ---- copy: strides, dtypes ----------------------------------------------------------------------------------------

/// dst[index] = convert(src[index]) over an index space; strides in elements, any sign; a src stride may be 0.
/// Conversion: as C, but defined everywhere: float to integer truncates, NaN becomes 0, out of range becomes the least
/// or the greatest integer of the type; integers wrap; anything to bool is != 0.
struct CopyArgs {
  int rank;
  const int64_t* shape;
  const void* src;
  const int64_t* src_strides;
  DType src_dtype;
  void* dst;
  const int64_t* dst_strides;
  DType dst_dtype;
};

// ---- indexing: rows of `row` bytes --------------------------------------------------------------------------------

/// The checked and wrapped index array: every entry in [0, size).
struct TakeArgs {        // out[o, i, :] = x[o, index[i], :]
  const void* x;         // [outer, size, row bytes]
  const int64_t* index;  // [count]
  void* out;             // [outer, count, row bytes]
  int64_t outer, size, count, row;
};
struct PutArgs {  // x[o, index[i], :] = v[o, i, :]; of equal indices the last wins
  void* x;
  const int64_t* index;
  const void* v;
  int64_t outer, size, count, row;
};
struct IndexAddArgs {  // x[o, index[i], j] += v[o, i, j], in the order of i
  void* x;             // [outer, size, inner] elements of the compute type
  const int64_t* index;
  const void* v;  // [outer, count, inner]
  int64_t outer, size, count, inner;
};
struct GatherArgs {      // out[o, i, j] = x[o, index[o, i, j], j]; the scatter form adds out into x instead
  const void* x;         // [outer, size, inner] elements of `item` bytes
  const int64_t* index;  // [outer, count, inner]
  void* out;             // [outer, count, inner]
  int64_t outer, size, count, inner, item;
};

// ---- reductions and scans over the middle axis of a contiguous [outer, n, inner] ----------------------------------

/// y[outer, inner] of a row of reductions.h. Sums are blocked (the error grows with log n); max and min return NaN
/// where there is one, and are not called for n = 0.
struct ReduceArgs {
  const void* x;
  void* y;
  int64_t outer, n, inner;
  double p;       // the row's number
  void* scratch;  // [outer, inner] where the row says so
};
using ReduceFn = void (*)(const ReduceArgs&);

/// grad[outer, n, inner] = pull(g, x); scratch has 3 * outer * inner elements.
struct PullArgs {
  const void* g;  // [outer, inner], or [outer, n, inner] where g_whole
  bool g_whole;
  const void* x;
  void* grad;
  int64_t outer, n, inner;
  double p;
  void* scratch;
};
using PullFn = void (*)(const PullArgs&);

/// The same in parts, for n elements side by side that are reduced while they are made, n > 16: part() of each
/// `reduced_bytes` of them, then join() of the parts. The bits are those of `run`.
struct ReductionParts {
  void (*part)(const void* x, int64_t count, int64_t n, double p, void* part);
  void (*join)(const void* parts, int64_t count, int64_t n, double p, void* y);
};

struct ReductionKernel {
  ReduceFn run[kComputeCount];  // null where the row is not defined for that type
  PullFn pull[2];               // F32, F64; null where the pull reads no element
  ReductionParts parts[2];      // F32, F64; null where the row reads its elements twice
  bool scratch;                 // run needs it
};

/// The first index of the extremum; of the first NaN where there is one.
using ArgReduceFn = void (*)(const void* x, int64_t* y, int64_t outer, int64_t n, int64_t inner);
/// y[outer, n, inner]; `reverse` starts at the end.
using ScanFn = void (*)(const void* x, void* y, int64_t outer, int64_t n, int64_t inner, bool reverse);
struct ScanKernel {
  ScanFn run[kComputeCount];  // null for integers where the row is of floats
};
/// y[i] = b[i] + a[i] * y[i - 1], y[0] = b[0]; `lagged` takes a[i - 1]. i counts from the end where `reverse`.
struct RecurrenceArgs {
  const void *b, *a;
  void* y;
  int64_t outer, n, inner;
  bool reverse, lagged;
};

struct PlaceKernels {
  ArgReduceFn argmax, argmin;
  void (*index_add)(const IndexAddArgs&);
  void (*scatter_add)(const GatherArgs&);  // x (written) [outer, size, inner] += out (read) at index, in order
};

/// y[outer, n, inner] from x of that shape.
using SoftmaxFn = void (*)(const void* x, void* y, int64_t outer, int64_t n, int64_t inner);
/// grad from the cotangent g of the result y, all [outer, n, inner]; `grad` may be g or y.
using SoftmaxGradFn = void (*)(const void* g, const void* y, void* grad, int64_t outer, int64_t n, int64_t inner);

struct SoftmaxKernels {
  SoftmaxFn softmax, log_softmax;
  SoftmaxGradFn softmax_grad;      // g * y - y * sum(g * y)
  SoftmaxGradFn log_softmax_grad;  // g - exp(y) * sum(g)
};

// ---- losses -------------------------------------------------------------------------------------------------------

/// Binary cross-entropy with logits, stable for every z:
///   loss = w * ((1 - y) * z + (1 + (p - 1) * y) * (log1p(exp(-|z|)) + max(-z, 0)))
///   slope = d loss / d z = w * ((1 - y) - (1 + (p - 1) * y) * (1 - sigmoid(z))), written without cancellation.
template <class T>
struct BceArgs {
  const T *z, *y, *w, *p;  // w, p: null means 1
  int64_t n;
  bool w_scalar, p_scalar;  // w, p are one element
  T* loss;                  // [n] or null
  T* slope;                 // [n] or null
  T scale;                  // multiplies every slope (1/n for a mean)
};
template <class T>
using BceFn = T (*)(const BceArgs<T>&);  // returns the blocked sum of the losses, unscaled

/// loss[i] = scale[i] * (logsumexp(x[i, :]) - x[i, target[i]]); prob[i, :] = softmax(x[i, :]).
/// A target outside [0, classes), or a scale of 0, marks an ignored row: loss 0 (prob is still written).
template <class T>
struct CrossEntropyArgs {
  const T* x;             // [rows, classes]
  const int64_t* target;  // [rows]
  const T* scale;         // [rows] or null for 1
  T* loss;                // [rows]
  T* prob;                // [rows, classes] or null
  int64_t rows, classes;
};

/// grad[i, j] = (prob[i, j] - (j == target[i])) * (g[i] * scale[i]); 0 in ignored rows, whatever they hold.
template <class T>
struct CrossEntropyGradArgs {
  const T* prob;          // [rows, classes]
  const int64_t* target;  // [rows]
  const T *g, *scale;     // [rows]
  T* grad;                // [rows, classes]; may be prob
  int64_t rows, classes;
};

template <class T>
struct LossKernels {
  BceFn<T> bce_logits;
  void (*cross_entropy)(const CrossEntropyArgs<T>&);
  void (*cross_entropy_grad)(const CrossEntropyGradArgs<T>&);
};

// ---- gemm ---------------------------------------------------------------------------------------------------------

/// C[i, j] = sum over k of A[i, k] * B[k, j] for every batch; `accumulate` adds to C instead. A[i, k] stands at
/// a[i * a_row + k * a_col] (elements), B and C likewise. c_col is 1 and c_row >= n; A and B have any strides >= 0, fast
/// where one of their two is 1. k = 0 gives 0. Where `accumulate` and offsets are given and c_step is 0, the products of
/// the batch are added to one C, in their order and each rounded as it is alone.
template <class T>
struct GemmArgs {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row, b_col;
  T* c;
  int64_t c_row;
  bool accumulate;
  /// Not 0: the rows are those of several products of so many rows; each rounds as it does alone.
  int64_t member_rows;
  int64_t batch;                       // number of products
  const int64_t *a_offset, *b_offset;  // [batch] element offsets, null for batch == 1
  int64_t c_step;                      // elements from one product to the next
};
template <class T>
using GemmFn = void (*)(const GemmArgs<T>&);

// ---- factorisations: blocks that fit the first-level cache; factorize.cpp makes large matrices of them -----------

/// In place; elements of a row are side by side, rows so many elements apart.
template <class T>
struct FactorKernels {
  /// U with A = U^T U, from the upper triangle and over it. Returns the first row whose pivot is not positive, or -1.
  int64_t (*cholesky)(T* a, int64_t row, int64_t n);
  /// P A = L U of m x n, m >= n, over A; L has ones on its diagonal. Row j was exchanged with row pivots[j].
  void (*lu)(T* a, int64_t row, int64_t m, int64_t n, int64_t* pivots);
  /// B (n x m) = T^-1 B, where T[i, k] stands at t[i * t_row + k * t_col]; `unit`: ones on its diagonal.
  void (*solve)(const T* t, int64_t t_row, int64_t t_col, int64_t n, bool upper, bool unit, T* b, int64_t b_row,
                int64_t m);
};

// ---- convolution: up to three spatial axes ------------------------------------------------------------------------

/// Sizes of y[n, g, o, u] = sum over c and t of x[n, g, c, u * stride - pad + t * dilation] * w[g, o, c, t], where x is
/// 0 outside. Fewer spatial axes stand last; those in front of them have the size 1.
struct ConvSizes {
  int64_t n, groups, ci, co;  // channels of a group
  int64_t in[3], out[3], kernel[3], stride[3], pad[3], dilation[3];
};
template <class T>
struct ConvKernels {
  /// y = bias (may be null) + the sum. Every element is computed in the same way for any n and any number of groups.
  void (*forward)(const ConvSizes&, const T* x, const T* w, const T* bias, T* y);
  /// The transposed maps: of y back to x, and of x and y to w; the latter's order of additions depends on n.
  void (*input)(const ConvSizes&, const T* y, const T* w, T* x);
  void (*weight)(const ConvSizes&, const T* x, const T* y, T* w);
};

// ---- pooling: windows along up to three spatial axes ---------------------------------------------------------------

/// Output u of an axis sees the elements first[u], first[u] + step, ... before end[u]; fewer axes stand last.
struct PoolArgs {
  int64_t planes;
  int64_t in[3], out[3], step[3];
  const int64_t *first[3], *end[3];  // [out]
  const double* scale[3];            // [out]: an average's factor is the product of those of its three windows
};
template <class T>
struct PoolKernels {
  /// y[plane, u] = the greatest element of a window, NaN where there is one; index (may be null): where it first stands
  /// in its plane. Of an empty window -inf and 0.
  void (*max)(const PoolArgs&, const T* x, T* y, int64_t* index);
  void (*average)(const PoolArgs&, const T* x, T* y);
  void (*average_grad)(const PoolArgs&, const T* y, T* x);  // the transposed map
};

// ---- normalization ------------------------------------------------------------------------------------------------

/// Rows of x[lead, repeat, outer, n]: row (l, o) is all repeat * n elements of that lead and outer. With the mean and
/// rstd = 1 / sqrt(variance + eps) of its row, every element gives y = (x - mean) * rstd, or that times its weight, plus
/// its bias. The element at i has number i / segment % weights of them: segments divide a piece of n elements; where they
/// are of one element, rows are one piece and n divides the weights.
struct NormSizes {
  int64_t lead, repeat, outer, n, segment, weights;
};
template <class T>
struct NormArgs {
  NormSizes sizes;
  const T *x, *weight, *bias;  // both or neither of the last
  T *y, *rstd, *mean;          // y like x, the others [lead, outer]
  double eps;
};
/// grad = rstd * (g w - mean(g w) - y * mean(g w y)), y without weight and bias; their gradients are the sums of g y and g.
template <class T>
struct NormGradArgs {
  NormSizes sizes;
  const T *g, *x, *weight, *rstd, *mean;
  T *grad, *weight_grad, *bias_grad;
};
template <class T>
struct NormKernels {
  void (*normalize)(const NormArgs<T>&);
  void (*normalize_grad)(const NormGradArgs<T>&);
};

// ---- recurrent layers: one kind for each text of recurrent.h --------------------------------------------------------

inline constexpr int kMaxRecurrentStates = 2;

/// `inside`: null, or whether a row has this step; else its state stays as it is.
struct RecurrentSizes {
  int64_t steps, rows, units;
  bool reverse;           // the last step is the first
  const uint8_t* inside;  // [steps, rows]
};
template <class T>
struct RecurrentArgs {
  RecurrentSizes sizes;
  const T *x, *weight, *bias;           // [steps, rows, gates * units], [gates * units, units], [gates * units] or null
  const T* first[kMaxRecurrentStates];  // the state at the beginning, [rows, units] each
  T* states[kMaxRecurrentStates];       // after each step, [steps, rows, units] each
  T* sums;                              // [steps, rows, sums * units], or null
};
template <class T>
struct RecurrentGradArgs {
  RecurrentSizes sizes;
  const T *sums, *weight;
  const T *first[kMaxRecurrentStates], *states[kMaxRecurrentStates];
  const T* g[kMaxRecurrentStates];  // cotangents of the states, null: zero
  T *sums_grad, *first_grad[kMaxRecurrentStates];
};
template <class T>
struct RecurrentKernels {
  void (*run)(const RecurrentArgs<T>&);
  void (*grad)(const RecurrentGradArgs<T>&);
};

// ---- random: Philox4x32-10, counter based -------------------------------------------------------------------------

/// Element i depends on (seed, offset + i) alone.
struct RandomArgs {
  uint64_t seed;
  uint64_t offset;
  int64_t n;
};
struct RandomKernels {
  void (*uniform_f32)(const RandomArgs&, float* out);   // [0, 1), 24 bits
  void (*uniform_f64)(const RandomArgs&, double* out);  // [0, 1), 53 bits
  void (*normal_f32)(const RandomArgs&, float* out);    // standard normal, Box-Muller
  void (*normal_f64)(const RandomArgs&, double* out);
  void (*integers)(const RandomArgs&, int64_t low, int64_t high, int64_t* out);  // [low, high), unbiased to 2^-64
};

// ---- optimizers ---------------------------------------------------------------------------------------------------

/// A parameter, its gradient and its states, and where the new ones go: each over the old one, or apart from all.
template <class T>
struct OptimizerArrays {
  const T *p, *g, *state[3];
  T *new_p, *new_state[3];
  int64_t n;
};
/// One step by a row of optimizers.h. `scalars`: what the row's text of that name returns; the settings are rounded to T.
template <class T>
using OptimizerKernel = void (*)(const OptimizerArrays<T>&, const double* scalars, const double* settings);

// ---- the table ----------------------------------------------------------------------------------------------------

struct Kernels {
  const char* isa;  // "baseline", "avx2", "avx512", "neon"
  const ElementwiseKernel* elementwise;
  void (*copy)(const CopyArgs&);
  /// dst[i] = convert(src[i * stride]) for i in [0, n); dst is contiguous, of the compute type `to`.
  void (*load_block)(const void* src, int64_t stride, DType src_dtype, Compute to, void* dst, int64_t n);
  /// dst[i] = convert(src[i]); both contiguous, src of the compute type `from`.
  void (*store_block)(const void* src, Compute from, void* dst, DType dst_dtype, int64_t n);
  void (*take)(const TakeArgs&);
  void (*put)(const PutArgs&);
  void (*gather)(const GatherArgs&);
  const ReductionKernel* reductions;             // one per row of reductions.h, in its order
  int64_t reduced_bytes, part_bytes;             // of the elements of a part, a power of two; of what it becomes
  const ScanKernel* scans;                       // likewise
  void (*recurrence[2])(const RecurrenceArgs&);  // F32, F64
  PlaceKernels places[kComputeCount];
  SoftmaxKernels softmax[2];  // F32, F64
  LossKernels<float> loss_f32;
  LossKernels<double> loss_f64;
  GemmFn<float> gemm_f32;
  GemmFn<double> gemm_f64;
  FactorKernels<float> factor_f32;
  FactorKernels<double> factor_f64;
  RandomKernels random;
  const OptimizerKernel<float>* optim_f32;  // one per row of optimizers.h, in its order
  const OptimizerKernel<double>* optim_f64;
  ConvKernels<float> conv_f32;
  ConvKernels<double> conv_f64;
  PoolKernels<float> pool_f32;
  PoolKernels<double> pool_f64;
  NormKernels<float> norm_f32;
  NormKernels<double> norm_f64;
  const RecurrentKernels<float>* recurrent_f32;  // one per kind of recurrent.h, by its number
  const RecurrentKernels<double>* recurrent_f64;
};

namespace detail {
extern const Kernels* const chosen_kernels;
}

/// The table in use: the best that this CPU runs, or the one that the environment variable ADCORE_ISA names.
inline const Kernels& kernels() noexcept { return *detail::chosen_kernels; }

/// False where ADCORE_ISA names an instruction set that this CPU or build does not have.
bool requested_isa_available() noexcept;

/// The tables that this CPU can run, worst first (for tests); null at the end.
const Kernels* const* all_kernels() noexcept;

}  // namespace adcore
