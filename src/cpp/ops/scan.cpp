// The scans of reductions.h as ops, and the recurrence that their cotangents are made of. Start reading at scan_vjp().
#include <array>
#include <utility>

#include "core/pullback.h"
#include "kernels/reductions.h"
#include "ops/accept.h"
#include "ops/functions.h"
#include "ops/reduce.h"
#include "ops/rules.h"
#include "ops/sym.h"
#include "ops/table.h"

namespace adcore {
namespace {

struct ScanAttr {
  int64_t axis;
  int64_t reverse;
};

/// What stood before each place, as the scan goes; `first` at the first.
Tensor before(const Tensor& x, const ScanAttr& a, double first) {
  const int axis = static_cast<int>(a.axis);
  const int64_t n = x.shape()[axis];
  if (n == 0) return x;
  Dims one = x.shape();
  one[axis] = 1;
  Slice rest = whole(x.shape());
  rest.count.v[axis] = n - 1;
  rest.start.v[axis] = a.reverse ? 1 : 0;
  Tensor parts[] = {full(one, first, x.dtype()), slice(x, rest)};
  if (a.reverse) std::swap(parts[0], parts[1]);
  return concat(parts, axis);
}

// ---- the recurrence -------------------------------------------------------------------------------------------------

// y[i] = b[i] + a[i] * y[i - 1], or b[i] + a[i - 1] * y[i - 1] where it is lagged; of floats b, a of one dtype. The
// cotangent of b is a recurrence that runs the other way with the same a, lagged where this one is not.
struct RecurrenceAttr {
  ScanAttr scan;
  int64_t lagged;

  RecurrenceAttr back() const { return {{scan.axis, !scan.reverse}, !lagged}; }
};
Tensor recurrence(const Tensor& b, const Tensor& a, const RecurrenceAttr& attrs);

void recurrence_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }
void recurrence_run(Call& call) {
  const auto attrs = call.attrs.as<RecurrenceAttr>();
  const Compute compute = compute_of(call.out->dtype());
  const Canonical b = canonical(call.in(0), 1u << attrs.scan.axis, compute);
  const Canonical a = canonical(call.in(1), 1u << attrs.scan.axis, compute);
  into(*call.out, compute, [&](void* y) {
    kernels().recurrence[static_cast<int>(compute)](
        {b.x.data(), a.x.data(), y, b.outer, b.n, b.inner, attrs.scan.reverse != 0, attrs.lagged != 0});
  });
}
bool is_scan(const ScanAttr& a, const Tensor& t) { return is_axis(a.axis, t) && is_flag(a.reverse); }
bool recurrence_accepts(const Call& call) {
  if (!has<RecurrenceAttr>(call, 2)) return false;
  const auto attrs = call.attrs.as<RecurrenceAttr>();
  const Tensor &b = call.in(0), &a = call.in(1);
  return is_scan(attrs.scan, b) && is_flag(attrs.lagged) && is_float(b.dtype()) && a.dtype() == b.dtype() &&
         a.shape() == b.shape();
}
void recurrence_vjp(Pullback& p) {
  const auto attrs = p.attrs<RecurrenceAttr>();
  const RecurrenceAttr back = attrs.back();
  const Tensor z = recurrence(p.g, p.in(1), back);
  if (p.active(0)) p.give(0, z);
  if (!p.active(1)) return;
  p.give(1, attrs.lagged ? before(z, back.scan, 0.0) * p.out() : z * before(p.out(), attrs.scan, 0.0));
}
void recurrence_jvp(Pushforward& p) {
  const auto attrs = p.attrs<RecurrenceAttr>();
  Tensor b = p.active(0) ? p.tangent(0) : zeros_like(p.out());
  if (p.active(1)) {
    const Tensor& a = p.tangent(1);
    const Tensor of_a = attrs.lagged ? before(a * p.out(), attrs.scan, 0.0) : a * before(p.out(), attrs.scan, 0.0);
    b = p.active(0) ? b + of_a : of_a;
  }
  p.give(recurrence(b, p.in(1), attrs));
}
void recurrence_batch(Batching& b) {
  auto attrs = b.attrs.as<RecurrenceAttr>();
  for (int k = 0; k < 2; ++k) {
    auto& m = b.members[static_cast<size_t>(k)];
    m.value = b.front(k);
    if (m.value.shape()[0] != b.size) {
      Dims shape = m.value.shape();
      shape[0] = b.size;
      m.value = broadcast_to(m.value, shape);
    }
    m.batched = true;
  }
  ++attrs.scan.axis;
  b.run(attrs);
}
const Op kRecurrence{.name = "recurrence",
                     .kind = OpKind::Custom,
                     .infer = recurrence_infer,
                     .run = recurrence_run,
                     .vjp = recurrence_vjp,
                     .needs = {needs_input(1), needs_input(1) | needs_output(0)},
                     .jvp = recurrence_jvp,
                     .batch = recurrence_batch,
                     .accepts = recurrence_accepts};

Tensor recurrence(const Tensor& b, const Tensor& a, const RecurrenceAttr& attrs) {
  return apply(kRecurrence, {&b, &a}, Attrs(attrs));
}

// ---- rows as ops ----------------------------------------------------------------------------------------------------

template <int Row>
constexpr const auto& kRow = std::get<Row>(kScans);
template <int Row>
constexpr NameOfRow<kRow<Row>.name().size() + 1> kName{kRow<Row>.name()};

void scan_infer(Call& call) {
  const DType t = call.in(0).dtype();
  call.out->set_shape(call.in(0).shape(), t == DType::Bool ? DType::Int64 : t);
}
void scan_run(Call& call, const ScanKernel& kernel) {
  const auto a = call.attrs.as<ScanAttr>();
  const Compute compute = compute_of(call.in(0).dtype());
  const Canonical c = canonical(call.in(0), 1u << a.axis, compute);
  into(*call.out, compute,
       [&](void* out) { kernel.run[static_cast<int>(compute)](c.x.data(), out, c.outer, c.n, c.inner, a.reverse); });
}

bool scan_accepts(const Call& call, const ScanKernel& kernel) {
  return has<ScanAttr>(call, 1) && is_scan(call.attrs.as<ScanAttr>(), call.in(0)) &&
         kernel.run[static_cast<int>(compute_of(call.in(0).dtype()))] != nullptr;
}

Tensor scan_along(int row, const Tensor& x, int64_t axis, bool reverse);

/// What runs along the axis of a scan, for its pull.
struct Along {
  ScanAttr scan;

  Sym suffix_sum(const Sym& v) const { return {cumsum(v.t, scan.axis, !scan.reverse)}; }
  Sym suffix_recurrence(const Sym& g, const Sym& a) const {
    return {recurrence(g.t, a.t, {{scan.axis, !scan.reverse}, 1})};
  }
  Sym before(const Sym& y, double first) const { return {adcore::before(y.t, scan, first)}; }
};

/// Of half precision the value is computed again, since a rounded one is none to differentiate by.
template <int Row>
void scan_vjp(Pullback& p) {
  constexpr uint32_t kNeeds = std::remove_cvref_t<decltype(kRow<Row>.pull)>::kNeeds;
  const auto a = p.attrs<ScanAttr>();
  Sym g{p.g}, x, y;
  if constexpr (kNeeds != 0) {
    const bool half = size_of(p.g.dtype()) < 4;
    g.t = widened(p.g);
    x.t = as_factor(widened(p.in(0)));
    y.t = half ? scan_along(Row, x.t, a.axis, a.reverse) : as_factor(p.out());
  }
  p.give(0, kRow<Row>.pull.f(g, x, y, Along{a}).t);
}
void scan_batch(Batching& b) {
  const auto a = b.attrs.as<ScanAttr>();
  b.run(ScanAttr{a.axis + 1, a.reverse});
}

template <int Row>
constexpr Op make_scan() {
  constexpr uint32_t kNeeds = std::remove_cvref_t<decltype(kRow<Row>.pull)>::kNeeds;
  return {.name = kName<Row>.text,
          .kind = kNeeds ? OpKind::Custom : OpKind::Linear,
          .infer = scan_infer,
          .run = [](Call& call) { scan_run(call, kernels().scans[Row]); },
          .vjp = scan_vjp<Row>,
          .needs = {kNeeds ? needs_input(0) | needs_output(0) : 0},
          .batch = scan_batch,
          .accepts = [](const Call& call) { return scan_accepts(call, kernels().scans[Row]); }};
}

constexpr auto kOps = []<int... Row>(std::integer_sequence<int, Row...>) {
  return std::array{make_scan<Row>()...};
}(std::make_integer_sequence<int, kScanCount>());

Tensor scan_along(int row, const Tensor& x, int64_t axis, bool reverse) {
  static constexpr auto kResult = std::apply([](const auto&... r) { return std::array{r.result...}; }, kScans);
  const Op& op = kOps[static_cast<size_t>(row)];
  const ScanAttr a{checked_axis(op.name, axis, x.rank()), reverse};
  if (is_float(x.dtype()) || kResult[static_cast<size_t>(row)] != Result::Float) return apply(op, {&x}, Attrs(a));
  const Tensor y = cast(x, DType::Float32);
  return apply(op, {&y}, Attrs(a));
}

// ---- rows as functions ----------------------------------------------------------------------------------------------

template <int Row>
constexpr Function scan_function() {
  constexpr const auto& row = kRow<Row>;
  constexpr Options kOptions{.method = row.facts.method, .aliases = row.facts.aliases, .samples = row.facts.samples};
  if constexpr (parse_signature(row.signature).count == 2) {
    return def(
        row.signature, row.summary, row.example,
        [](const Tensor& x, int64_t axis) { return scan_along(Row, x, axis, false); }, kOptions);
  } else {
    return def(
        row.signature, row.summary, row.example,
        [](const Tensor& x, int64_t axis, std::optional<DType> dtype) {
          if (!dtype) return scan_along(Row, x, axis, false);
          return cast(scan_along(Row, cast(x, *dtype), axis, false), *dtype);
        },
        kOptions);
  }
}

constexpr auto kFunctions = []<int... Row>(std::integer_sequence<int, Row...>) {
  return std::array{scan_function<Row>()...};
}(std::make_integer_sequence<int, kScanCount>());

}  // namespace

Tensor cumsum(const Tensor& x, int64_t axis, bool reverse) {
  return scan_along(scan_index("cumsum"), x, axis, reverse);
}

void list_scan_ops(OpList& list) {
  for (const Op& op : kOps) list.push_back(&op);
  list.push_back(&kRecurrence);
}

const std::span<const Function> kScanFunctions = kFunctions;

}  // namespace adcore
