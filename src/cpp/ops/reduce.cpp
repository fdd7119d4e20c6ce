// The reductions of reductions.h as ops, and argmax and argmin. Every one runs on a contiguous [outer, n, inner] of a compute
// type; canonical() makes it. Start reading at reduce_run() and elements_vjp(); make_reduction() picks what a row needs.
#include "ops/reduce.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/pullback.h"
#include "kernels/reductions.h"
#include "ops/accept.h"
#include "ops/functions.h"
#include "ops/rules.h"
#include "ops/sym.h"
#include "ops/table.h"

namespace adcore {
namespace {

struct ReduceAttr {
  uint32_t mask;  // of axes
  uint32_t keep;
  double p;
};

/// The axes of the mask stand side by side, but for axes of size 1: [first, last).
struct Range {
  int first, last;
  bool together;
};
Range range_of(const Dims& shape, uint32_t mask) {
  Range r{0, shape.size(), true};
  while (r.first < shape.size() && !(mask >> r.first & 1)) ++r.first;
  while (r.last > r.first && !(mask >> (r.last - 1) & 1)) --r.last;
  for (int i = r.first; i < r.last; ++i) r.together &= (mask >> i & 1) || shape[i] == 1;
  return r;
}

/// The axes of the mask behind the others.
Dims reduced_last(int rank, uint32_t mask) {
  Dims order;
  for (uint32_t reduced = 0; reduced < 2; ++reduced)
    for (int i = 0; i < rank; ++i)
      if ((mask >> i & 1) == reduced) order.push_back(i);
  return order;
}

}  // namespace

Dims reduced_shape(const Dims& shape, uint32_t mask, bool keep) {
  Dims out;
  for (int i = 0; i < shape.size(); ++i) {
    if (!(mask >> i & 1)) {
      out.push_back(shape[i]);
    } else if (keep) {
      out.push_back(1);
    }
  }
  return out;
}

uint32_t Axes::mask(const char* op, int rank) const {
  if (all_) return (1u << rank) - 1;
  uint32_t mask = 0;
  for (int64_t a : axes_) {
    const uint32_t bit = 1u << checked_axis(op, a, std::max(rank, 1));
    if (mask & bit) fail(ErrorKind::Value, op, ": axis ", a, " is named twice in ", to_string(axes_), ".");
    mask |= bit;
  }
  return rank ? mask : 0;
}

Tensor widened(const Tensor& x) { return is_float(x.dtype()) ? cast(x, storage_of(compute_of(x.dtype()))) : x; }

Canonical canonical(const Tensor& x, uint32_t mask, Compute compute) {
  Canonical c;
  const Range r = range_of(x.shape(), mask);
  if (r.together) {
    for (int i = 0; i < x.rank(); ++i) (i < r.first ? c.outer : i < r.last ? c.n : c.inner) *= x.shape()[i];
    c.x = as_contiguous(x, storage_of(compute));
    return c;
  }
  Dims shape, strides;
  for (int64_t i : reduced_last(x.rank(), mask)) {
    const int axis = static_cast<int>(i);
    shape.push_back(x.shape()[axis]);
    strides.push_back(x.strides()[axis]);
    (mask >> axis & 1 ? c.n : c.outer) *= x.shape()[axis];
  }
  c.x = as_contiguous(Tensor(x.buffer(), x.offset(), shape, strides, x.dtype()), storage_of(compute));
  return c;
}

void sum_middle(Compute compute, const void* x, void* y, int64_t outer, int64_t n, int64_t inner) {
  constexpr int kSum = reduction_index("sum");
  kernels().reductions[kSum].run[static_cast<int>(compute)]({x, y, outer, n, inner, 0.0, nullptr});
}

namespace {

// ---- rows as ops --------------------------------------------------------------------------------------------------

template <int Row>
constexpr const auto& kRow = std::get<Row>(kReductions);
template <int Row>
using RowOf = std::remove_cvref_t<decltype(std::get<Row>(kReductions))>;
template <int Row>
using PullOf = typename RowOf<Row>::PullPart;

/// A row's name as template argument; an unknown name does not compile.
struct ReductionName {
  int row;
  consteval ReductionName(const char* name) : row(reduction_index(name)) {  // NOLINT(google-explicit-constructor)
    if (row < 0) throw "no such row";
  }
};

template <class Pull>
constexpr bool kReadsElements = requires { requires Pull::kNeeds != 0; };

/// Over zero elements there is a value, be it NaN, unless the result is an extremum.
template <int Row>
constexpr bool has_value_of_nothing() {
  if constexpr (RowOf<Row>::kFinishNeeds & kTotal) {
    return RowOf<Row>::TotalFold::Combine::kOfNothing;
  } else {
    return RowOf<Row>::FirstFold::Combine::kOfNothing;
  }
}

void reduce_infer(Call& call, Result result, bool value_of_nothing) {
  const auto a = call.attrs.as<ReduceAttr>();
  const Dims& shape = call.in(0).shape();
  const Dims out = reduced_shape(shape, a.mask, a.keep);
  if (!value_of_nothing && call.in(0).size() == 0 && numel(out) != 0) {
    fail(ErrorKind::Value, call.op.name, ": has no value over zero elements, shape ", to_string(shape), ".");
  }
  const DType t = call.in(0).dtype();
  const bool widens = result == Result::Wide && !is_float(t) && t != DType::UInt64;
  call.out->set_shape(out, result == Result::Truth ? DType::Bool : widens ? DType::Int64 : t);
}

void reduce_run(Call& call, const ReductionKernel& kernel) {
  const Compute compute = compute_of(call.in(0).dtype());
  const auto a = call.attrs.as<ReduceAttr>();
  const Canonical c = canonical(call.in(0), a.mask, compute);
  if (call.out->size() == 0) return;
  const ReduceFn run = kernel.run[static_cast<int>(compute)];
  into(*call.out, compute, [&](void* out) {
    if (!kernel.scratch) return run({c.x.data(), out, c.outer, c.n, c.inner, a.p, nullptr});
    const Scratch scratch(static_cast<size_t>(call.out->size()) * 8);
    run({c.x.data(), out, c.outer, c.n, c.inner, a.p, scratch.as<void>()});
  });
}

void reduce_batch(Batching& b) {
  const auto a = b.attrs.as<ReduceAttr>();
  b.run(ReduceAttr{a.mask << 1, a.keep, a.p});
}

// Terms combined by ops.
Tensor combined(Sum, const Tensor& x, const ReduceAttr& a);
Tensor combined(Max, const Tensor& x, const ReduceAttr& a);
Tensor combined(Min, const Tensor& x, const ReduceAttr& a);

// ---- rules --------------------------------------------------------------------------------------------------------

/// The cotangent with the reduced axes put back as size 1, seen at the argument's shape without a copy.
void broadcast_back(Pullback& p, const Tensor& g) {
  const Dims shape = p.in_shape(0);
  p.give(0, broadcast_to(reshape(g, reduced_shape(shape, p.attrs<ReduceAttr>().mask, true)), shape));
}

void pass_vjp(Pullback& p) { broadcast_back(p, p.g); }

/// Every element gets the same, and it depends on no element.
struct GroupSize {
  Sym n;
};
template <int Row>
void same_vjp(Pullback& p) {
  const double n = static_cast<double>(numel(p.in_shape(0))) / static_cast<double>(std::max<int64_t>(1, p.g.size()));
  const Tensor g = widened(p.g);
  broadcast_back(p, cast(kRow<Row>.pull.f(Sym{g}, Sym{}, GroupSize{{number(n, g)}}).t, p.g.dtype()));
}

bool is_reduction(const Call& call) {
  if (!has<ReduceAttr>(call, 1)) return false;
  const auto a = call.attrs.as<ReduceAttr>();
  return is_mask(a.mask, call.in(0)) && is_flag(a.keep);
}
bool reduce_accepts(const Call& call, Result result, const ReductionKernel& kernel) {
  if (!is_reduction(call)) return false;
  const DType t = call.in(0).dtype();
  return (result != Result::Float || is_float(t)) && kernel.run[static_cast<int>(compute_of(t))] != nullptr;
}

/// What every element gets, as an op: operands g, whose reduced axes have size 1 or that of x, and x; linear in g.
struct PullAttr {
  int64_t row, mask;
  double p;
};
Tensor symbolic(const Tensor& g, const Tensor& x, const PullAttr& a);
Tensor pull_elements(const Tensor& g, const Tensor& x, const PullAttr& a);

void pull_infer(Call& call) { call.out->set_shape(call.in(1).shape(), call.in(1).dtype()); }
void pull_run(Call& call) {
  const auto a = call.attrs.as<PullAttr>();
  const Compute compute = compute_of(call.out->dtype());
  const Canonical x = canonical(call.in(1), static_cast<uint32_t>(a.mask), compute);
  const Tensor g = as_contiguous(call.in(0), storage_of(compute));
  const Scratch scratch(static_cast<size_t>(3 * x.outer * x.inner) * 8);
  into(*call.out, compute, [&](void* out) {
    kernels().reductions[a.row].pull[static_cast<int>(compute)](
        {g.data(), g.size() == x.x.size(), x.x.data(), out, x.outer, x.n, x.inner, a.p, scratch.as<void>()});
  });
}
bool pull_accepts(const Call& call) {
  if (!has<PullAttr>(call, 2)) return false;
  const auto a = call.attrs.as<PullAttr>();
  const Tensor &g = call.in(0), &x = call.in(1);
  if (!in_range(a.row, 0, kReductionCount - 1) || !kernels().reductions[a.row].pull[0] || !is_mask(a.mask, x) ||
      !is_float(g.dtype()) || !is_float(x.dtype()))
    return false;
  const auto mask = static_cast<uint32_t>(a.mask);
  return range_of(x.shape(), mask).together &&
         (g.shape() == x.shape() || g.shape() == reduced_shape(x.shape(), mask, true));
}
const char* reduction_row_name(int64_t row);
void pull_vjp(Pullback& p) {
  if (p.active(0)) p.give(0, pull_elements(widened(p.g), widened(p.in(1)), p.attrs<PullAttr>()));
  if (p.active(1)) p.expand(needs_input(1));
}
void pull_batch(Batching& b) {
  const auto a = b.attrs.as<PullAttr>();
  for (int k = 0; k < 2; ++k) b.members[static_cast<size_t>(k)].value = b.front(k);
  for (int k = 0; k < 2; ++k) b.members[static_cast<size_t>(k)].batched = true;
  b.run(PullAttr{a.row, a.mask << 1, a.p});
}
void pull_expand(std::span<const Tensor> in, Attrs attrs, Tensor* out) {
  out[0] = symbolic(in[0], in[1], attrs.as<PullAttr>());
}
const Op kPull{.name = "reduction_pull",
               .kind = OpKind::Custom,
               .infer = pull_infer,
               .run = pull_run,
               .vjp = pull_vjp,
               .needs = {needs_input(1), needs_input(0) | needs_input(1)},
               .batch = pull_batch,
               .expand = pull_expand,
               .accepts = pull_accepts,
               .row_name = reduction_row_name};

Tensor pull_elements(const Tensor& g, const Tensor& x, const PullAttr& a) {
  if (!is_float(g.dtype()) || !is_float(x.dtype())) return symbolic(g, x, a);  // integers have no kernels
  const auto mask = static_cast<uint32_t>(a.mask);
  if (range_of(x.shape(), mask).together) return apply(kPull, {&g, &x}, Attrs(a));
  const int rank = x.rank();
  const Dims order = reduced_last(rank, mask);
  Dims back = order;
  for (int i = 0; i < rank; ++i) back[static_cast<int>(order[i])] = i;
  int reduced = 0;
  for (int i = 0; i < rank; ++i) reduced += mask >> i & 1;
  const int64_t last = ((int64_t{1} << reduced) - 1) << (rank - reduced);
  const Tensor gp = permute(g, order), xp = permute(x, order);
  return permute(apply(kPull, {&gp, &xp}, Attrs(PullAttr{a.row, last, a.p})), back);
}

void elements_vjp(Pullback& p, int row) {
  const auto a = p.attrs<ReduceAttr>();
  const Tensor& x = p.in(0);
  p.give(0, pull_elements(reshape(p.g, reduced_shape(x.shape(), a.mask, true)), x, {row, a.mask, a.p}));
}
void elements_jvp(Pushforward& p, int row) {
  const auto a = p.attrs<ReduceAttr>();
  const Tensor parts = pull_elements(widened(p.tangent(0)), widened(p.in(0)), {row, a.mask, a.p});
  p.give(combined(Sum{}, parts, a));
}

// ---- the product: a tree of products ------------------------------------------------------------------------------

/// Every step is an ordinary mul, so derivatives are right at every order, also where elements are zero.
void product_expand(std::span<const Tensor> in, Attrs attrs, Tensor* out) {
  const auto a = attrs.as<ReduceAttr>();
  const Tensor& x = in[0];
  const Dims kept_shape = reduced_shape(x.shape(), a.mask, false);
  Tensor y = is_float(x.dtype()) || x.dtype() == DType::UInt64 ? x : cast(x, DType::Int64);
  const int last = kept_shape.size();
  Dims flat = kept_shape;
  flat.push_back(numel(reduced_shape(x.shape(), ~a.mask, false)));
  y = reshape(x.rank() ? permute(y, reduced_last(x.rank(), a.mask)) : y, flat);
  if (flat[last] == 0) {
    out[0] = full(reduced_shape(x.shape(), a.mask, a.keep), 1.0, y.dtype());
    return;
  }
  while (y.shape()[last] > 1) {
    const int64_t n = y.shape()[last], half = n / 2;
    Slice low = whole(y.shape()), high = low, rest = low;
    low.count.v[last] = high.count.v[last] = high.start.v[last] = half;
    Tensor next = slice(y, low) * slice(y, high);
    if (n % 2) {
      rest.start.v[last] = n - 1;
      rest.count.v[last] = 1;
      const Tensor parts[] = {next, slice(y, rest)};
      next = concat(parts, last);
    }
    y = next;
  }
  out[0] = reshape(y, reduced_shape(x.shape(), a.mask, a.keep));
}

template <class Combine>
constexpr auto kExpansion = nullptr;
template <>
constexpr auto kExpansion<Product> = product_expand;

// ---- the ops ------------------------------------------------------------------------------------------------------

/// A row's name, ended by 0.
template <int Row>
constexpr NameOfRow<kRow<Row>.name().size() + 1> kName{kRow<Row>.name()};

template <int Row>
constexpr Op make_reduction() {
  using Pull = PullOf<Row>;
  Op op{.name = kName<Row>.text,
        .kind = OpKind::Custom,
        .infer = [](Call& call) { reduce_infer(call, kRow<Row>.result, has_value_of_nothing<Row>()); },
        .run = [](Call& call) { reduce_run(call, kernels().reductions[Row]); },
        .batch = reduce_batch,
        .accepts = [](const Call& call) { return reduce_accepts(call, kRow<Row>.result, kernels().reductions[Row]); }};
  if constexpr (std::is_same_v<Pull, NoPull>) {
    op.kind = OpKind::Constant;
  } else if constexpr (std::is_same_v<Pull, Passes>) {
    op.kind = OpKind::Linear;
    op.vjp = pass_vjp;
  } else if constexpr (std::is_same_v<Pull, ByExpansion>) {
    op.expand = kExpansion<typename RowOf<Row>::TotalFold::Combine>;
    op.needs[0] = needs_input(0);
  } else if constexpr (!kReadsElements<Pull>) {
    op.kind = OpKind::Linear;
    op.vjp = same_vjp<Row>;
  } else {
    op.vjp = [](Pullback& p) { elements_vjp(p, Row); };
    op.jvp = [](Pushforward& p) { elements_jvp(p, Row); };
    op.needs[0] = needs_input(0);
  }
  return op;
}

constexpr auto kOps = []<int... Row>(std::integer_sequence<int, Row...>) {
  return std::array{make_reduction<Row>()...};
}(std::make_integer_sequence<int, kReductionCount>());

const Op& op_of(ReductionName name) noexcept { return kOps[static_cast<size_t>(name.row)]; }

const char* reduction_row_name(int64_t row) {
  return row < kReductionCount ? kOps[static_cast<size_t>(row)].name : nullptr;
}

// ---- the text of a pull on symbols --------------------------------------------------------------------------------

Tensor combined(Sum, const Tensor& x, const ReduceAttr& a) { return apply(op_of("sum"), {&x}, Attrs(a)); }
Tensor combined(Max, const Tensor& x, const ReduceAttr& a) { return apply(op_of("amax"), {&x}, Attrs(a)); }
Tensor combined(Min, const Tensor& x, const ReduceAttr& a) { return apply(op_of("amin"), {&x}, Attrs(a)); }

template <class F>
Sym folded(const Sym& x, const Reduced<Sym>& r, const ReduceAttr& a) {
  using Term = typename F::Term;
  if constexpr (std::is_same_v<Term, Itself>) {
    return {combined(typename F::Combine(), x.t, a)};
  } else {
    return {combined(typename F::Combine(), Term()(x, r).t, a)};
  }
}

template <int Row>
Tensor symbolic_row(const Tensor& g, const Tensor& x, const PullAttr& attr) {
  if constexpr (!kReadsElements<PullOf<Row>>) {
    fail(ErrorKind::Runtime, kName<Row>.text, ": the pull reads no element.");
  } else {
    using R = RowOf<Row>;
    constexpr uint32_t kNeeds = PullOf<Row>::kNeeds;
    const ReduceAttr a{static_cast<uint32_t>(attr.mask), 1, attr.p};
    const Dims groups = reduced_shape(x.shape(), a.mask, true);
    const auto n = static_cast<double>(x.size()) / static_cast<double>(std::max<int64_t>(1, numel(groups)));
    Reduced<Sym> r;
    r.n = {number(n, x)};
    r.p = {number(a.p, x)};
    if constexpr (R::kHasFirst && (kNeeds & (kFirst | kTotal | kValue))) {
      Reduced<Sym> own = r;
      own.total = folded<typename R::FirstFold>(Sym{x}, r, a);
      if constexpr (std::is_same_v<typename R::FirstFold::Finish, Itself>) {
        r.first = own.total;
      } else {
        r.first = typename R::FirstFold::Finish()(own);
      }
      if constexpr (R::FirstFold::kShift) r.first.t = stop_gradient(r.first.t);
    }
    if constexpr (kNeeds & (kTotal | kValue)) r.total = folded<typename R::TotalFold>(Sym{x}, r, a);
    if constexpr (kNeeds & kValue) r.value = kRow<Row>.finish.f(r);
    return kRow<Row>.pull.f(Sym{g}, Sym{x}, r).t;
  }
}

Tensor symbolic(const Tensor& g, const Tensor& x, const PullAttr& a) {
  static constexpr auto kSymbolic = []<int... Row>(std::integer_sequence<int, Row...>) {
    return std::array{symbolic_row<Row>...};
  }(std::make_integer_sequence<int, kReductionCount>());
  return kSymbolic[static_cast<size_t>(a.row)](g, x, a);
}

// ---- argmax, argmin; extremum and index: two outputs of one pass --------------------------------------------------

void arg_infer(Call& call) {
  reduce_infer(call, Result::Same, false);
  call.out->set_shape(Dims(call.out->shape()), DType::Int64);
}
int64_t arg_bound(const Call& call) {
  const auto mask = call.attrs.as<ReduceAttr>().mask;
  int64_t n = 1;
  for (int i = 0; i < call.in(0).rank(); ++i)
    if (mask >> i & 1) n *= call.in(0).shape()[i];
  return n;
}
template <ArgReduceFn PlaceKernels::* Fn>
void arg_run(Call& call) {
  const Compute compute = compute_of(call.in(0).dtype());
  const Canonical c = canonical(call.in(0), call.attrs.as<ReduceAttr>().mask, compute);
  if (call.out->size() == 0) return;
  (kernels().places[static_cast<int>(compute)].*Fn)(c.x.data(), call.out->mutable_data_as<int64_t>(), c.outer, c.n,
                                                    c.inner);
}

void located_infer(Call& call) {
  reduce_infer(call, Result::Same, false);
  call.out[1].set_shape(Dims(call.out->shape()), DType::Int64);
}
template <class Word>
void pick(const Canonical& c, const int64_t* index, void* out) {
  const auto* x = c.x.data_as<Word>();
  for (int64_t o = 0; o < c.outer; ++o)
    for (int64_t j = 0; j < c.inner; ++j)
      static_cast<Word*>(out)[o * c.inner + j] = x[(o * c.n + index[o * c.inner + j]) * c.inner + j];
}
template <ArgReduceFn PlaceKernels::* Fn>
void located_run(Call& call) {
  const Compute compute = compute_of(call.in(0).dtype());
  const Canonical c = canonical(call.in(0), call.attrs.as<ReduceAttr>().mask, compute);
  if (call.out->size() == 0) return;
  auto* index = call.out[1].mutable_data_as<int64_t>();
  (kernels().places[static_cast<int>(compute)].*Fn)(c.x.data(), index, c.outer, c.n, c.inner);
  into(*call.out, compute,
       [&](void* out) { compute == Compute::F32 ? pick<uint32_t>(c, index, out) : pick<uint64_t>(c, index, out); });
}

/// The ops of an extremum's place. `Row`: the reduction that gives its value, whose rules they share.
template <int Row, ArgReduceFn PlaceKernels::* Fn>
struct Places {
  static constexpr Op index(const char* name) {
    return {.name = name,
            .kind = OpKind::Constant,
            .infer = arg_infer,
            .run = arg_run<Fn>,
            .batch = reduce_batch,
            .accepts = is_reduction,
            .bound = arg_bound};
  }
  static constexpr Op both(const char* name) {
    return {.name = name,
            .kind = OpKind::Custom,
            .infer = located_infer,
            .run = located_run<Fn>,
            .vjp = [](Pullback& p) { elements_vjp(p, Row); },
            .outputs = 2,
            .visible = 2,
            .constant_outputs = 1u << 1,
            .needs = {needs_input(0)},
            .jvp = [](Pushforward& p) { elements_jvp(p, Row); },
            .batch = reduce_batch,
            .accepts = is_reduction,
            .bound = arg_bound};
  }
};
using PlacesOfMax = Places<reduction_index("amax"), &PlaceKernels::argmax>;
using PlacesOfMin = Places<reduction_index("amin"), &PlaceKernels::argmin>;
const Op kArgmax = PlacesOfMax::index("argmax"), kArgmin = PlacesOfMin::index("argmin");
const Op kMaxAt = PlacesOfMax::both("max_with_index"), kMinAt = PlacesOfMin::both("min_with_index");

/// `p`: the number of a row that has one.
Tensor reduce(ReductionName name, const Tensor& x, const Axes& axes, bool keep, double p) {
  static constexpr auto kResult = std::apply([](const auto&... row) { return std::array{row.result...}; }, kReductions);
  const Op& op = op_of(name);
  const ReduceAttr a{axes.mask(op.name, x.rank()), keep, p};
  if (is_float(x.dtype()) || kResult[static_cast<size_t>(name.row)] != Result::Float) return apply(op, {&x}, Attrs(a));
  const Tensor y = cast(x, DType::Float32);
  return apply(op, {&y}, Attrs(a));
}

Tensor index_along(const Op& op, const Tensor& x, int64_t axis, bool keep) {
  return apply(op, {&x}, Attrs(ReduceAttr{Axes{axis}.mask(op.name, x.rank()), keep, 0}));
}

}  // namespace

void list_reduce_ops(OpList& list) {
  for (const Op& op : kOps) list.push_back(&op);
  list.insert(list.end(), {&kPull, &kArgmax, &kArgmin, &kMaxAt, &kMinAt});
}

std::string_view reduction_name(int row) noexcept {
  static constexpr auto kNames =
      std::apply([](const auto&... rows) { return std::array{rows.name()...}; }, kReductions);
  return kNames[static_cast<size_t>(row)];
}

std::optional<ReductionOf> reduction_of(const Op& op, Attrs attrs) noexcept {
  if (&op < kOps.data() || &op >= kOps.data() + kOps.size()) return {};
  const auto a = attrs.as<ReduceAttr>();
  return ReductionOf{static_cast<int>(&op - kOps.data()), a.mask, a.keep != 0, a.p};
}

// ---- functions ----------------------------------------------------------------------------------------------------

Tensor sum(const Tensor& x, const Axes& axes, bool keep) { return reduce("sum", x, axes, keep, 0); }
Tensor mean(const Tensor& x, const Axes& axes, bool keep) { return reduce("mean", x, axes, keep, 0); }
Tensor prod(const Tensor& x, const Axes& axes, bool keep) { return reduce("prod", x, axes, keep, 0); }
Tensor amax(const Tensor& x, const Axes& axes, bool keep) { return reduce("amax", x, axes, keep, 0); }
Tensor amin(const Tensor& x, const Axes& axes, bool keep) { return reduce("amin", x, axes, keep, 0); }
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keep) { return reduce("logsumexp", x, axes, keep, 0); }
Tensor argmax(const Tensor& x, int64_t axis, bool keep) { return index_along(kArgmax, x, axis, keep); }
Tensor argmin(const Tensor& x, int64_t axis, bool keep) { return index_along(kArgmin, x, axis, keep); }

namespace {

// ---- rows as functions --------------------------------------------------------------------------------------------

/// Which parameter of a row's signature is what; -1: there is none.
struct Roles {
  int axes = -1, keep = -1, dtype = -1, p = -1;
  Kind p_kind = Kind::Float;
};
constexpr Roles roles_of(const Signature& s) {
  Roles r;
  for (int i = 1; i < s.count; ++i) {
    const std::string_view name = s.parameters[i].name;
    (name == "axis" || name == "dim" ? r.axes
     : name.starts_with("keep")      ? r.keep
     : name == "dtype"               ? r.dtype
                                     : r.p) = i;
  }
  if (r.p >= 0 && s.parameters[r.p].fallback.find_first_not_of("-0123456789") == std::string_view::npos &&
      !s.parameters[r.p].fallback.empty())
    r.p_kind = Kind::Int;
  return r;
}

template <class T>
const T& given(const void* const* arguments, int i) {
  return *static_cast<const T*>(arguments[i]);
}

using ToDType = std::optional<DType>;

template <int Row>
void call_reduction(const void* const* arguments, void* out) {
  static constexpr Roles r = roles_of(parse_signature(kRow<Row>.signature));
  const Tensor& x = given<Tensor>(arguments, 0);
  const auto& axes = given<std::optional<Dims>>(arguments, r.axes);
  const bool keep = given<bool>(arguments, r.keep);
  double p = 0;
  if constexpr (r.p >= 0) {
    p = r.p_kind == Kind::Int ? static_cast<double>(given<int64_t>(arguments, r.p)) : given<double>(arguments, r.p);
  }
  const auto of = [&](const Tensor& t) {
    static constexpr ReductionName kThis(kName<Row>.text);
    return axes && !axes->empty() ? reduce(kThis, t, *axes, keep, p) : reduce(kThis, t, {}, keep, p);
  };
  if constexpr (r.dtype >= 0) {
    if (const auto& dtype = given<ToDType>(arguments, r.dtype)) {
      new (out) Tensor(cast(of(cast(x, *dtype)), *dtype));
      return;
    }
  }
  new (out) Tensor(of(x));
}

template <int Row>
constexpr Function reduction_function() {
  Signature s = parse_signature(kRow<Row>.signature);
  const Roles r = roles_of(s);
  set_kind(s.parameters[0], Kind::Tensor, false);
  set_kind(s.parameters[r.axes], Kind::Dims, true);
  set_kind(s.parameters[r.keep], Kind::Bool, false);
  if (r.dtype >= 0) set_kind(s.parameters[r.dtype], Kind::DType, true);
  if (r.p >= 0) set_kind(s.parameters[r.p], r.p_kind, false);
  return {s,
          kRow<Row>.summary,
          kRow<Row>.example,
          call_reduction<Row>,
          1,
          {kRow<Row>.facts.method, kRow<Row>.facts.aliases, kRow<Row>.facts.samples}};
}

using Axis = std::optional<int64_t>;

/// Of the flattened tensor where no axis is given.
template <Tensor (*Arg)(const Tensor&, int64_t, bool)>
Tensor arg_extremum(const Tensor& x, Axis axis, bool keep) {
  if (axis) return Arg(x, *axis, keep);
  const Tensor index = Arg(reshape(x, Dims{x.size()}), 0, false);
  return keep ? reshape(index, Dims(x.rank(), 1)) : index;
}

std::array<Tensor, 2> extremum_and_index(const Op& located, ReductionName extremum, const Tensor& x, Axis axis,
                                         bool keep) {
  if (!axis) return {reduce(extremum, x, {}, false, 0), scalar(int64_t{0}, DType::Int64)};
  const ReduceAttr a{Axes{*axis}.mask(located.name, x.rank()), keep, 0};
  std::vector<Tensor> both = apply_all(located, {&x, 1}, Attrs(a));
  return {std::move(both[0]), std::move(both[1])};
}

constexpr Function kPlaceFunctions[] = {
    def("max(input, axis=None, keepdims=False)", "Largest elements along an axis, and their indices.",
        {"max(Tensor([[1.0, 2.0], [4.0, 3.0]]), 1)[0]", "[2. 4.]"},
        [](const Tensor& x, Axis axis, bool keep) { return extremum_and_index(kMaxAt, "amax", x, axis, keep); },
        {.method = false, .samples = {"max(x(3, 4) ** 3)[0]", "max(x(3, 4) ** 3, 1, keepdims=True)[0]"}}),
    def("min(input, axis=None, keepdims=False)", "Smallest elements along an axis, and their indices.",
        {"min(Tensor([[1.0, 2.0], [4.0, 3.0]]), 1)[0]", "[1. 3.]"},
        [](const Tensor& x, Axis axis, bool keep) { return extremum_and_index(kMinAt, "amin", x, axis, keep); },
        {.method = false, .samples = {"min(x(3, 4) ** 3, 0)[0]"}}),
    def("argmax(input, dim=None, keepdim=False)",
        "Index of the first largest element along an axis, or in the flattened tensor.",
        {"argmax(Tensor([1.0, 5.0, 2.0]))", "1"},
        [](const Tensor& x, Axis axis, bool keep) { return arg_extremum<argmax>(x, axis, keep); },
        {.samples = {"argmax(i(3, 4, n=9))", "argmax(i(3, 4, n=9), 1, keepdims=True)"}}),
    def("argmin(input, axis=None, keepdims=False)",
        "Index of the first smallest element along an axis, or in the flattened tensor.",
        {"argmin(Tensor([3.0, 1.0, 2.0]))", "1"},
        [](const Tensor& x, Axis axis, bool keep) { return arg_extremum<argmin>(x, axis, keep); },
        {.samples = {"argmin(i(3, 4, n=9))", "argmin(i(3, 4, n=9), 1, keepdims=True)"}}),
};

constexpr auto kFunctions = []<int... Row>(std::integer_sequence<int, Row...>) {
  return std::array{reduction_function<Row>()..., kPlaceFunctions[0], kPlaceFunctions[1], kPlaceFunctions[2],
                    kPlaceFunctions[3]};
}(std::make_integer_sequence<int, kReductionCount>());

}  // namespace

const std::span<const Function> kReduceFunctions = kFunctions;

}  // namespace adcore
