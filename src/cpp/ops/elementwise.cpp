// The ops of formulas.h: what every row has in common. A row becomes an Op whose infer, kernel and vjp stand here.
//
// The block driver brings any operands (strided, broadcast, another dtype) to the straight loops of the kernels.
// A partial is used twice: as a kernel when nothing records the sweep, and on Sym, where its text becomes ops.
// Start reading at elementwise_kernel() and elementwise_vjp().
#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

#include "base/thread_pool.h"
#include "core/tape.h"
#include "ops/functions.h"
#include "ops/partial.h"
#include "ops/rules.h"

namespace adcore {
namespace {

constexpr int64_t kBlock = 512;           // elements that are converted at a time; 4 KB of stack per operand
constexpr int64_t kParallel = 64 * 1024;  // elements per chunk: fixed, so that chunks depend on the shape alone

// ---- rows at run time ---------------------------------------------------------------------------------------------

constexpr auto kRowTypes = std::apply([](const auto&... rows) { return std::array{rows.types...}; }, kFormulas);

DType operand_dtype(const Call& call) {
  const Types types = kRowTypes[static_cast<size_t>(call.op.row)];
  int first = types == Types::Select ? 1 : 0;
  while (first + 1 < call.count && call.operands[first].weak) ++first;
  DType t = call.in(first).dtype();
  for (int i = first + 1; i < call.count; ++i) {
    if (call.in(i).dtype() != t && !call.operands[i].weak) t = promote(t, call.in(i).dtype());
  }
  if (types == Types::Float && !is_float(t)) return DType::Float32;
  if (types == Types::Integer && is_float(t)) {
    fail(ErrorKind::Type, call.op.name, ": works on integers and bool, got ", name_of(t), ".");
  }
  return t;
}

bool computes_in_place(DType t) { return t == DType::Float32 || t == DType::Float64; }

/// The common case, decided at once: floats of one dtype in contiguous arrays of one shape, numbers among them. True
/// where that is so; the output is laid out then.
bool infer_plain(Call& call) {
  if (call.count > 2) return false;
  const Tensor &a = call.in(0), &b = call.in(call.count - 1);
  const DType t = a.dtype();
  if (!computes_in_place(t) || b.dtype() != t || !a.contiguous() || !b.contiguous()) return false;
  const bool a_leads = b.rank() == 0 || a.shape() == b.shape();
  if ((!a_leads && a.rank() != 0) || (a_leads ? a : b).size() >= kParallel) return false;
  call.out->set_layout_of(a_leads ? a : b, t);
  call.laid_out = true;
  return true;
}

void elementwise_infer(Call& call) {
  const Types types = kRowTypes[static_cast<size_t>(call.op.row)];
  if (types <= Types::Number && infer_plain(call)) return;
  const DType t = operand_dtype(call);
  const DType result = types == Types::Compare || types == Types::Logic ? DType::Bool : t;
  const Tensor& a = call.in(0);
  Tensor& out = *call.out;
  if (call.count == 1) {
    out.set_shape(a.shape(), result);
  } else if (call.count == 2 && (a.shape() == call.in(1).shape() || call.in(1).rank() == 0)) {
    out.set_shape(a.shape(), result);
  } else {
    Dims shape = a.shape();
    for (int i = 1; i < call.count; ++i) shape = broadcast(call.op.name, shape, call.in(i).shape());
    out.set_shape(shape, result);
  }
}

// ---- the block driver ---------------------------------------------------------------------------------------------

constexpr int kMaxLanes = kMaxArity + 2;  // operands, the cotangent and the result

using BlockFn = FunctionRef<void(const void* const* in, void* out, int64_t n, uint32_t scalars)>;

struct Lane {
  const Tensor* tensor = nullptr;  // null: not needed
  Dims strides;                    // in the (merged) index space
};

/// The index space of the output with neighbouring axes merged wherever no operand minds.
struct Space {
  Dims shape;
  Lane lanes[kMaxLanes];
  int count = 0;
};

Dims broadcast_strides(const Tensor& t, const Dims& shape) {
  Dims strides(shape.size(), 0);
  const int skip = shape.size() - t.rank();
  for (int i = 0; i < t.rank(); ++i) strides[i + skip] = t.shape()[i] == 1 ? 0 : t.strides()[i];
  return strides;
}

void merge_axes(Space& s) {
  int last = -1;  // the axis of the merged space that is being extended
  for (int axis = 0; axis < s.shape.size(); ++axis) {
    const int64_t size = s.shape[axis];
    if (size == 1) continue;
    bool mergeable = last >= 0;
    for (int k = 0; k < s.count && mergeable; ++k) {
      if (s.lanes[k].tensor) mergeable = s.lanes[k].strides[last] == s.lanes[k].strides[axis] * size;
    }
    if (mergeable) {
      s.shape[last] *= size;
    } else {
      s.shape[++last] = size;
    }
    for (int k = 0; k < s.count; ++k)
      if (s.lanes[k].tensor) s.lanes[k].strides[last] = s.lanes[k].strides[axis];
  }
  const auto cut = [last](Dims& d) {
    while (d.size() > last + 1) d.erase(d.size() - 1);
  };
  cut(s.shape);
  for (int k = 0; k < s.count; ++k) cut(s.lanes[k].strides);
  if (s.shape.empty()) {
    s.shape.push_back(1);
    for (int k = 0; k < s.count; ++k)
      if (s.lanes[k].tensor) s.lanes[k].strides = Dims{0};
  }
}

const std::byte* at(const Tensor& t, int64_t offset) {
  return static_cast<const std::byte*>(t.data()) + offset * static_cast<int64_t>(size_of(t.dtype()));
}

/// Runs one row of the inner axis, [0, n), block by block.
class RowRunner {
 public:
  RowRunner(const Space& s, Compute compute, DType block_out, DType out_dtype, BlockFn fn)
      : s_(s), compute_(compute), block_out_(block_out), out_dtype_(out_dtype), fn_(fn) {
    for (int k = 0; k < s.count; ++k) converts_ |= s.lanes[k].tensor && !direct(k);
    converts_ |= out_dtype != block_out;
  }

  void run(const int64_t* offsets, std::byte* out, int64_t n) {
    const int64_t step = converts_ ? kBlock : n;
    for (int64_t i = 0; i < n; i += step) block(offsets, i, out, std::min(step, n - i));
  }

 private:
  int64_t inner(int k) const { return s_.lanes[k].strides.back(); }
  /// The kernel can read lane k where it lies.
  bool direct(int k) const {
    const int64_t stride = inner(k);
    return s_.lanes[k].tensor->dtype() == storage_of(compute_) && (stride == 1 || stride == 0);
  }
  std::byte* slab(int k) { return scratch_ + k * kBlock * 8; }

  void block(const int64_t* offsets, int64_t i, std::byte* out, int64_t n) {
    const void* in[kMaxLanes] = {};
    uint32_t scalars = 0;
    for (int k = 0; k < s_.count; ++k) {
      const Tensor* t = s_.lanes[k].tensor;
      if (!t) continue;
      const int64_t stride = inner(k);
      const std::byte* p = at(*t, offsets[k] + i * stride);
      if (stride == 0) scalars |= 1u << k;
      if (!direct(k)) {
        kernels().load_block(p, stride, t->dtype(), compute_, slab(k), stride == 0 ? 1 : n);
        p = slab(k);
      }
      in[k] = p;
    }
    std::byte* dst = out + i * static_cast<int64_t>(size_of(out_dtype_));
    if (out_dtype_ == block_out_) {
      fn_(in, dst, n, scalars);
    } else {
      fn_(in, slab(kMaxLanes), n, scalars);
      kernels().store_block(slab(kMaxLanes), compute_, dst, out_dtype_, n);
    }
  }

  const Space& s_;
  Compute compute_;
  DType block_out_, out_dtype_;
  BlockFn fn_;
  bool converts_ = false;
  alignas(64) std::byte scratch_[kBlock * 8 * (kMaxLanes + 1)];
};

/// Neighbours along the inner axis lie further apart than along another one: read by rows, every element would cost a
/// cache line.
bool is_turned(const Tensor& t) {
  int64_t inner = 0;
  for (int i = t.rank() - 1; i >= 0; --i) {
    const int64_t stride = std::abs(t.strides()[i]);
    if (t.shape()[i] == 1 || stride == 0) continue;
    if (inner == 0) inner = stride;
    if (stride < inner) return true;
  }
  return false;
}

/// Calls fn on blocks that cover `out` (contiguous). block_out: what fn writes, the storage type of compute or Bool.
void drive(const Tensor* const* operands, int count, Tensor& out, Compute compute, DType block_out, BlockFn fn) {
  if (out.size() == 0) return;
  constexpr int64_t kTurnFrom = 4096;  // elements: fewer stay in the cache however they are read
  Space s;
  s.shape = out.shape();
  s.count = count;
  Tensor turned[kMaxLanes];
  for (int k = 0; k < count; ++k) {
    const Tensor* t = operands[k];
    if (!t) continue;
    if (t->size() >= kTurnFrom && is_turned(*t)) t = &(turned[k] = as_contiguous(*t));
    s.lanes[k] = {t, broadcast_strides(*t, out.shape())};
  }
  merge_axes(s);
  const int64_t n = s.shape.back();
  const int64_t rows = out.size() / n;
  const auto out_size = static_cast<int64_t>(size_of(out.dtype()));
  auto* const base = static_cast<std::byte*>(out.mutable_data());

  // A chunk is a range of rows, or of one long row.
  const int64_t pieces = std::max<int64_t>(1, n / kParallel);
  const int64_t piece = (n + pieces - 1) / pieces;
  const int64_t rows_per_chunk = pieces > 1 ? 1 : std::max<int64_t>(1, kParallel / n);
  const int64_t chunks = pieces * ((rows + rows_per_chunk - 1) / rows_per_chunk);
  auto run_chunk = [&](int64_t chunk) {
    RowRunner runner(s, compute, block_out, out.dtype(), fn);
    const int64_t first = chunk / pieces * rows_per_chunk, begin = chunk % pieces * piece;
    const int64_t last = std::min(rows, first + rows_per_chunk), length = std::min(piece, n - begin);
    int64_t index[kMaxRank] = {}, offsets[kMaxLanes] = {};
    int64_t rest = first;
    for (int axis = s.shape.size() - 2; axis >= 0; --axis) {
      index[axis] = rest % s.shape[axis];
      rest /= s.shape[axis];
      for (int k = 0; k < count; ++k)
        if (s.lanes[k].tensor) offsets[k] += index[axis] * s.lanes[k].strides[axis];
    }
    for (int k = 0; k < count; ++k)
      if (s.lanes[k].tensor) offsets[k] += begin * s.lanes[k].strides.back();
    for (int64_t row = first; row < last; ++row) {
      runner.run(offsets, base + (row * n + begin) * out_size, length);
      for (int axis = s.shape.size() - 2; axis >= 0; --axis) {
        const bool carry = ++index[axis] == s.shape[axis];
        for (int k = 0; k < count; ++k) {
          if (!s.lanes[k].tensor) continue;
          const int64_t stride = s.lanes[k].strides[axis];
          offsets[k] += carry ? -stride * (s.shape[axis] - 1) : stride;
        }
        if (!carry) break;
        index[axis] = 0;
      }
    }
  };
  if (chunks == 1) {
    run_chunk(0);
  } else {
    parallel_for(chunks, run_chunk);
  }
}

/// The common case: every operand is a contiguous array like the output or one element, of the computing type.
bool all_direct(const Tensor* const* operands, int count, const Tensor& out, Compute compute, const void** in,
                uint32_t& scalars) {
  for (int k = 0; k < count; ++k) {
    const Tensor* t = operands[k];
    if (!t) continue;
    if (t->dtype() != storage_of(compute)) return false;
    if (t->size() == 1 && out.size() != 1) {
      scalars |= 1u << k;
    } else if (!t->contiguous() || t->size() != out.size()) {
      return false;
    }
    in[k] = t->data();
  }
  return out.size() < kParallel;
}

void run_blocks(const Tensor* const* operands, int count, Tensor& out, Compute compute, DType block_out, BlockFn fn) {
  const void* in[kMaxLanes] = {};
  uint32_t scalars = 0;
  if (out.dtype() == block_out && all_direct(operands, count, out, compute, in, scalars)) {
    fn(in, out.mutable_data(), out.size(), scalars);
  } else {
    drive(operands, count, out, compute, block_out, fn);
  }
}

/// The condition of a Select row as bool: in the dtype of the branches a small number might become 0.
Tensor as_condition(const Tensor& t) { return as_contiguous(t, DType::Bool); }

void elementwise_kernel(Call& call) {
  const ElementwiseKernel& kernel = kernels().elementwise[call.op.row];
  if (call.laid_out) {  // infer_plain() saw that every operand can be read where it lies
    const void* in[2];
    uint32_t scalars = 0;
    for (int i = 0; i < call.count; ++i) {
      in[i] = call.in(i).data();
      if (call.in(i).size() != call.out->size()) scalars |= 1u << i;
    }
    return kernel.map[static_cast<int>(compute_of(call.out->dtype()))](in, call.out->mutable_data(), call.out->size(),
                                                                       scalars);
  }
  const Types types = kRowTypes[static_cast<size_t>(call.op.row)];
  const Compute compute = compute_of(operand_dtype(call));
  const bool truth = types == Types::Compare || types == Types::Logic;
  const Tensor* operands[kMaxArity];
  for (int i = 0; i < call.count; ++i) operands[i] = &call.in(i);
  Tensor condition;
  if (types == Types::Select) operands[0] = &(condition = as_condition(call.in(0)));
  const MapFn map = kernel.map[static_cast<int>(compute)];
  run_blocks(operands, call.count, *call.out, compute, truth ? DType::Bool : storage_of(compute),
             [map](const void* const* in, void* out, int64_t n, uint32_t scalars) { map(in, out, n, scalars); });
}

// ---- Sym: the text of a formula as ops ----------------------------------------------------------------------------

struct Sym {
  Tensor t;
};
struct SymMask {
  Tensor t;
  DType dtype;  // of what was compared
};

Sym lift(const Sym& s, const Sym&) { return s; }
Sym lift(double value, const Sym& like) { return {number(value, like.t)}; }

template <class L, class R>
concept SymPair = (std::is_same_v<L, Sym> && (std::is_same_v<R, Sym> || std::is_arithmetic_v<R>)) ||
                  (std::is_same_v<R, Sym> && std::is_arithmetic_v<L>);
const Sym& symbol(const Sym& a, const auto&) { return a; }
const Sym& symbol(double, const Sym& b) { return b; }

template <class L, class R>
Sym binary(RowName name, const L& a, const R& b) {
  const Sym& like = symbol(a, b);
  return {map(name, lift(a, like).t, lift(b, like).t)};
}
template <class L, class R>
SymMask compare(RowName name, const L& a, const R& b) {
  return {binary(name, a, b).t, symbol(a, b).t.dtype()};
}

template <class L, class R>
  requires SymPair<L, R>
Sym operator+(const L& a, const R& b) {
  return binary("add", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym operator-(const L& a, const R& b) {
  return binary("sub", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym operator*(const L& a, const R& b) {
  return binary("mul", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym operator/(const L& a, const R& b) {
  return binary("div", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym min(const L& a, const R& b) {
  return binary("minimum", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym max(const L& a, const R& b) {
  return binary("maximum", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym pow(const L& a, const R& b) {
  return binary("pow", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym floor_div(const L& a, const R& b) {
  return binary("floor_div", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
SymMask operator<(const L& a, const R& b) {
  return compare("less", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
SymMask operator<=(const L& a, const R& b) {
  return compare("less_equal", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
SymMask operator>(const L& a, const R& b) {
  return compare("greater", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
SymMask operator>=(const L& a, const R& b) {
  return compare("greater_equal", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
SymMask operator==(const L& a, const R& b) {
  return compare("equal", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
SymMask operator!=(const L& a, const R& b) {
  return compare("not_equal", a, b);
}
Sym operator-(const Sym& a) { return {map("neg", a.t)}; }
SymMask operator&(const SymMask& a, const SymMask& b) { return {map("logical_and", a.t, b.t), a.dtype}; }
SymMask operator|(const SymMask& a, const SymMask& b) { return {map("logical_or", a.t, b.t), a.dtype}; }

Tensor branch(const Sym& s, DType) { return s.t; }
Tensor branch(double value, DType dtype) { return scalar(value, dtype); }
template <class L, class R>
Sym select(const SymMask& mask, const L& a, const R& b) {
  return {map("where", mask.t, branch(a, mask.dtype), branch(b, mask.dtype))};
}

inline Sym abs(const Sym& a) { return {map("abs", a.t)}; }
inline Sym sqrt(const Sym& a) { return {map("sqrt", a.t)}; }
inline Sym log1p(const Sym& a) { return {map("log1p", a.t)}; }
inline Sym tan(const Sym& a) { return {map("tan", a.t)}; }
inline Sym tanh(const Sym& a) { return {map("tanh", a.t)}; }
inline Sym erf(const Sym& a) { return {map("erf", a.t)}; }
inline Sym sign(const Sym& a) { return {map("sign", a.t)}; }
inline Sym exp(const Sym& a) { return {map("exp", a.t)}; }
inline Sym expm1(const Sym& a) { return {map("expm1", a.t)}; }
inline Sym log(const Sym& a) { return {map("log", a.t)}; }
inline Sym sin(const Sym& a) { return {map("sin", a.t)}; }
inline Sym cos(const Sym& a) { return {map("cos", a.t)}; }
inline Sym sigmoid(const Sym& a) { return {map("sigmoid", a.t)}; }
inline Sym erfc(const Sym& a) { return {map("erfc", a.t)}; }

// ---- the reverse rule ---------------------------------------------------------------------------------------------

/// What a partial makes of the cotangent, as ops; an undefined tensor is zero.
Tensor times(const Tensor&, Zero) { return {}; }
Tensor times(const Tensor& g, One) { return g; }
Tensor times(const Tensor& g, MinusOne) { return -g; }
Tensor times(const Tensor& g, const Sym& partial) { return g * partial.t; }
Tensor times(const Tensor& g, const Gate<SymMask>& partial) { return map("where", partial.mask.t, g, number(0.0, g)); }

/// g times a partial, as ops. `source` gives the operands and the output: a Pullback or a Pushforward.
template <class Source, class P>
Tensor symbolic(const Source& source, const Tensor& g, const P& partial) {
  Sym values[4];
  int n = 0;
  for (int i = 0; i < kMaxArity; ++i)
    if (P::kNeeds >> i & 1) values[n++] = {source.in(i)};
  if (P::kNeeds & Y) values[n++] = {source.out()};
  constexpr int kCount = std::popcount(P::kNeeds);
  if constexpr (kCount == 0) {
    return times(g, partial.f());
  } else if constexpr (kCount == 1) {
    return times(g, partial.f(values[0]));
  } else if constexpr (kCount == 2) {
    return times(g, partial.f(values[0], values[1]));
  } else if constexpr (kCount == 3) {
    return times(g, partial.f(values[0], values[1], values[2]));
  } else {
    return times(g, partial.f(values[0], values[1], values[2], values[3]));
  }
}

// ---- a partial as an op ------------------------------------------------------------------------------------------
// Operands: g, then what the partial needs of A, B, C, Y. For sweeps over batches, which nothing differentiates.

struct PartialAttr {
  int64_t row, input;
};

/// As infer_plain(): contiguous floats of one dtype and shape; an operand, but not the result, may be one number.
bool partial_plain(const Call& call) {
  const Tensor& g = call.in(0);
  if (!computes_in_place(g.dtype()) || !g.contiguous() || g.size() >= kParallel) return false;
  const auto a = call.attrs.as<PartialAttr>();
  const PartialRule rule = partial_rule(static_cast<int>(a.row), static_cast<int>(a.input));
  if (takes_condition(static_cast<int>(a.row))) return false;
  for (int i = 1; i < call.count; ++i) {
    const Tensor& t = call.in(i);
    if (t.dtype() != g.dtype() || !t.contiguous()) return false;
    const bool is_result = i + 1 == call.count && rule.needs & Y;
    if (!(t.shape() == g.shape()) && (is_result || t.rank() != 0)) return false;
  }
  return true;
}

void partial_infer(Call& call) {
  if (partial_plain(call)) {
    call.out->set_layout_of(call.in(0), call.in(0).dtype());
    call.laid_out = true;
    return;
  }
  Dims shape = call.in(0).shape();
  for (int i = 1; i < call.count; ++i)
    if (!(call.in(i).shape() == shape)) shape = broadcast(call.op.name, shape, call.in(i).shape());
  call.out->set_shape(shape, call.in(0).dtype());
}

void partial_kernel(Call& call) {
  const auto a = call.attrs.as<PartialAttr>();
  const PartialRule rule = partial_rule(static_cast<int>(a.row), static_cast<int>(a.input));
  const Compute compute = compute_of(call.out->dtype());
  const PartialFn partial = kernels().elementwise[a.row].partial[a.input][static_cast<int>(compute)];
  if (call.laid_out) {
    const void *in[kMaxArity] = {}, *y = nullptr;
    uint32_t scalars = 0;
    int k = 1;
    for (int i = 0; i < kMaxArity; ++i) {
      if (!(rule.needs >> i & 1)) continue;
      if (call.in(k).size() != call.out->size()) scalars |= 1u << i;
      in[i] = call.in(k++).data();
    }
    if (rule.needs & Y) y = call.in(k).data();
    return partial(call.in(0).data(), in, y, call.out->mutable_data(), call.out->size(), scalars);
  }
  const Tensor* operands[kMaxLanes] = {};
  operands[kMaxArity] = &call.in(0);
  Tensor condition;
  int next = 1;
  for (int i = 0; i < kMaxArity; ++i)
    if (rule.needs >> i & 1) operands[i] = &call.in(next++);
  if (operands[0] && takes_condition(static_cast<int>(a.row))) operands[0] = &(condition = as_condition(*operands[0]));
  // The kernel reads the result element by element; where it is the same along a row, the row is written out.
  Tensor result;
  if (rule.needs & Y) {
    const Tensor& y = call.in(next);
    const bool whole = y.shape() == call.out->shape() && y.contiguous();
    operands[kMaxArity + 1] = whole ? &y : &(result = as_contiguous(broadcast_to(y.detached(), call.out->shape())));
  }
  run_blocks(operands, kMaxLanes, *call.out, compute, storage_of(compute),
             [partial](const void* const* lanes, void* out, int64_t n, uint32_t scalars) {
               partial(lanes[kMaxArity], lanes, lanes[kMaxArity + 1], out, n, scalars);
             });
}

const Op kPartial{.name = "partial",
                  .kind = OpKind::Constant,
                  .infer = partial_infer,
                  .kernel = partial_kernel,
                  .batch = batch_elementwise};

/// g times a partial in one pass where nothing differentiates the sweep, else as ops.
template <int Row, int K, class Source>
Tensor times_partial(const Source& source, const Tensor& g) {
  constexpr const auto& partial = std::get<K>(std::get<Row>(kFormulas).partials);
  constexpr uint32_t kNeeds = std::remove_cvref_t<decltype(partial)>::kNeeds;
  if constexpr (kNeeds != 0) {
    if (is_float(g.dtype()) && nothing_differentiates()) {
      Operand operands[kMaxArity + 2] = {{&g, 0}};
      int n = 1;
      for (int i = 0; i < kMaxArity; ++i)
        if (kNeeds >> i & 1) operands[n++] = {&source.in(i), 0};
      if (kNeeds & Y) operands[n++] = {&source.out(), 0};
      const PartialAttr attr{Row, K};
      Tensor c;
      apply(kPartial, operands, n, Attrs(attr), &c);
      return c;
    }
  }
  return symbolic(source, g, partial);
}

/// One pass of the kernel of a partial. `last`: nothing reads the cotangent afterwards, so the result may take its
/// place.
Tensor fused(Pullback& p, PartialFn partial, uint32_t needs, bool last) {
  const Compute compute = compute_of(p.g.dtype());
  const DType storage = storage_of(compute);
  Tensor condition;
  const Tensor* operands[kMaxLanes] = {};
  for (int i = 0; i < kMaxArity; ++i)
    if (needs >> i & 1) operands[i] = &p.in(i);
  if (operands[0] && kRowTypes[static_cast<size_t>(p.op().row)] == Types::Select)
    operands[0] = &(condition = as_condition(*operands[0]));
  if (needs & Y) operands[kMaxArity + 1] = &p.out();
  const bool in_place = last && p.g.exclusively_owned() && p.g.dtype() == storage;
  Tensor grad;
  if (in_place) {
    grad = p.take_g();
    operands[kMaxArity] = &grad;
  } else {
    grad.allocate_as(p.g.shape(), p.g.dtype());
    operands[kMaxArity] = &p.g;
  }
  run_blocks(operands, kMaxLanes, grad, compute, storage,
             [partial](const void* const* lanes, void* out, int64_t n, uint32_t scalars) {
               partial(lanes[kMaxArity], lanes, lanes[kMaxArity + 1], out, n, scalars);
             });
  return grad;
}

template <class P>
concept IsOne = requires(const P& p) {
  { p.f() } -> std::same_as<One>;
};

/// The cotangent of input K of a row. `last`: no later input wants one.
template <int Row, int K>
void partial_vjp(Pullback& p, bool last) {
  constexpr const auto& partial = std::get<K>(std::get<Row>(kFormulas).partials);
  using P = std::remove_cvref_t<decltype(partial)>;
  if constexpr (IsOne<P>) {
    p.give(K, last ? p.take_g() : p.g);
  } else {
    Tensor c;
    if (P::kNeeds == 0 || p.recording || !is_float(p.g.dtype())) {
      c = times_partial<Row, K>(p, p.g);
    } else {
      const Compute compute = compute_of(p.g.dtype());
      c = fused(p, kernels().elementwise[Row].partial[K][static_cast<int>(compute)], P::kNeeds, last);
    }
    if (c.defined()) p.give(K, std::move(c));
  }
}

template <int Row>
void elementwise_vjp(Pullback& p) {
  constexpr int kCount = std::tuple_size_v<std::remove_cvref_t<decltype(std::get<Row>(kFormulas).partials)>>;
  int last = kCount - 1;
  while (last > 0 && !p.active(last)) --last;
  [&]<int... K>(std::integer_sequence<int, K...>) {
    ((K <= last && p.active(K) ? partial_vjp<Row, K>(p, K == last) : void()), ...);
  }(std::make_integer_sequence<int, kCount>());
}

// ---- the forward rule ---------------------------------------------------------------------------------------------

template <int Row, int K>
void partial_jvp(Pushforward& p) {
  const Tensor& t = p.tangent(K);
  const DType dtype = p.out().dtype();
  const Tensor c = times_partial<Row, K>(p, t.dtype() == dtype ? t : cast(t, dtype));
  if (c.defined()) p.give(c);
}

template <int Row>
void elementwise_jvp(Pushforward& p) {
  constexpr int kCount = std::tuple_size_v<std::remove_cvref_t<decltype(std::get<Row>(kFormulas).partials)>>;
  [&]<int... K>(std::integer_sequence<int, K...>) {
    ((K < p.count() && p.active(K) ? partial_jvp<Row, K>(p) : void()), ...);
  }(std::make_integer_sequence<int, kCount>());
}

// ---- the ops ------------------------------------------------------------------------------------------------------

template <int Index>
Op make_op() {
  constexpr const auto& row = std::get<Index>(kFormulas);
  Op op{.name = nullptr, .kind = OpKind::Elementwise, .infer = elementwise_infer, .kernel = elementwise_kernel};
  op.row = Index;
  op.batch = batch_elementwise;
  if constexpr (std::remove_cvref_t<decltype(row)>::kConstant) {
    op.kind = OpKind::Constant;
  } else {
    op.vjp = elementwise_vjp<Index>;
    op.jvp = elementwise_jvp<Index>;
    int k = 0;
    auto declare = [&](uint32_t needs) { op.needs[k++] = (needs & (A | B | C)) | (needs & Y ? kNeedsOutput : 0); };
    std::apply([&](const auto&... p) { (declare(std::remove_cvref_t<decltype(p)>::kNeeds), ...); }, row.partials);
  }
  return op;
}

struct Ops {
  Op op[kFormulaCount];
  char names[kFormulaCount][24];

  Ops() {
    [&]<int... Row>(std::integer_sequence<int, Row...>) {
      (add<Row>(), ...);
    }(std::make_integer_sequence<int, kFormulaCount>());
  }

 private:
  template <int Row>
  void add() {
    const std::string_view name = std::get<Row>(kFormulas).name();
    std::copy(name.begin(), name.end(), names[Row]);
    names[Row][name.size()] = 0;
    op[Row] = make_op<Row>();
    op[Row].name = names[Row];
  }
};

const Ops kOps;

}  // namespace

const Op& elementwise_op(int row) noexcept { return kOps.op[row]; }

Tensor number(double value, const Tensor& like) {
  const bool whole = value >= -9e15 && value <= 9e15 && value == static_cast<double>(static_cast<int64_t>(value));
  return scalar(value, is_float(like.dtype()) || whole ? like.dtype() : DType::Float32);
}
Tensor number(int64_t value, const Tensor& like) {
  return scalar(value, like.dtype() == DType::Bool ? DType::Int64 : like.dtype());
}

}  // namespace adcore
