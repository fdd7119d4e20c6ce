// The product of a cotangent with a partial is an op, `partial`, whose kernel is the row's. Its derivatives come from
// its expansion: the text of the partial on symbols. Start reading at times_partial().
#include "ops/partial.h"

#include <array>
#include <bit>
#include <type_traits>

#include "core/pullback.h"
#include "ops/accept.h"
#include "ops/drive.h"
#include "ops/rules.h"
#include "ops/sym.h"

namespace adcore {
namespace {

// ---- the partials as ops ------------------------------------------------------------------------------------------

/// What a partial makes of the cotangent.
Tensor times(const Tensor& g, One) { return g; }
Tensor times(const Tensor& g, MinusOne) { return -g; }
Tensor times(const Tensor& g, const Sym& partial) { return g * partial.t; }
Tensor times(const Tensor& g, const Gate<SymMask>& partial) {
  return map("where", partial.mask.t, partial.slope == 1.0 ? g : g * partial.slope, number(0.0, g));
}

template <int Row, int Input>
Tensor symbolic(const Tensor& g, const Tensor* const* values) {
  constexpr const auto& partial = std::get<Input>(row_at<Row>(kFormulas).partials);
  constexpr int kCount = std::popcount(std::remove_cvref_t<decltype(partial)>::kNeeds);
  return [&]<size_t... I>(std::index_sequence<I...>) {
    return times(g, partial.f(Sym{*values[I]}...));
  }(std::make_index_sequence<kCount>());
}

template <int Row, int Input>
constexpr PartialRule make_rule() {
  using P = std::remove_cvref_t<decltype(std::get<Input>(row_at<Row>(kFormulas).partials))>;
  if constexpr (P::kIsValue) {
    return {PartialRule::Kind::Value, P::kNeeds, symbolic<Row, Input>};
  } else if constexpr (P::kNeeds != 0) {
    return {PartialRule::Kind::Kernel, P::kNeeds, symbolic<Row, Input>};
  } else {
    using Value = decltype(std::declval<const P&>().f());
    if constexpr (std::is_same_v<Value, One>) return {PartialRule::Kind::One, 0, symbolic<Row, Input>};
    if constexpr (std::is_same_v<Value, MinusOne>) return {PartialRule::Kind::MinusOne, 0, symbolic<Row, Input>};
    static_assert(std::is_same_v<Value, One> || std::is_same_v<Value, MinusOne> || std::is_same_v<Value, Zero>);
    return {};
  }
}

using Rules = std::array<PartialRule, kMaxArity>;

template <int Row>
constexpr Rules rules_of() {
  constexpr int kCount = std::tuple_size_v<std::remove_cvref_t<decltype(row_at<Row>(kFormulas).partials)>>;
  Rules rules{};
  [&]<int... Input>(std::integer_sequence<int, Input...>) {
    ((rules[Input] = make_rule<Row, Input>()), ...);
  }(std::make_integer_sequence<int, kCount>());
  return rules;
}

constexpr auto kRules = []<int... Row>(std::integer_sequence<int, Row...>) {
  return std::array{rules_of<Row>()...};
}(std::make_integer_sequence<int, kFormulaCount>());

constexpr auto kTypes = kFormulas.apply([](const auto&... rows) { return std::array{rows.types...}; });

// ---- the op -------------------------------------------------------------------------------------------------------
// Operands: g, then what the partial needs of A, B, C, Y.

struct PartialAttr {
  int64_t row, input;

  const PartialRule& rule() const { return partial_rule(static_cast<int>(row), static_cast<int>(input)); }
  bool condition() const { return takes_condition(static_cast<int>(row)); }
};

/// Contiguous floats of one dtype and shape; an operand, but not the result, may be one number.
bool is_plain(const Call& call, const PartialAttr& a) {
  const Tensor& g = call.in(0);
  if (!computes_in_place(g.dtype()) || !g.contiguous() || g.size() >= kChunkElements || a.condition()) return false;
  for (int i = 1; i < call.count; ++i) {
    const Tensor& t = call.in(i);
    if (t.dtype() != g.dtype() || !t.contiguous()) return false;
    const bool is_result = i + 1 == call.count && a.rule().needs & Y;
    if (!(t.shape() == g.shape()) && (is_result || t.rank() != 0)) return false;
  }
  return true;
}

void partial_infer(Call& call) {
  if (is_plain(call, call.attrs.as<PartialAttr>())) {
    call.out->set_layout_of(call.in(0), call.in(0).dtype());
    call.laid_out = true;
    return;
  }
  Dims shape = call.in(0).shape();
  for (int i = 1; i < call.count; ++i)
    if (!(call.in(i).shape() == shape)) shape = broadcast(call.op.name, shape, call.in(i).shape());
  call.out->set_shape(shape, call.in(0).dtype());
}

void partial_run(Call& call) {
  const auto a = call.attrs.as<PartialAttr>();
  const uint32_t needs = a.rule().needs;
  const Compute compute = compute_of(call.out->dtype());
  const PartialFn partial = kernels().elementwise[a.row].partial[a.input][static_cast<int>(compute)];
  if (call.laid_out) {
    const void *in[kMaxArity] = {}, *y = nullptr;
    uint32_t scalars = 0;
    int k = 1;
    for (int i = 0; i < kMaxArity; ++i) {
      if (!(needs >> i & 1)) continue;
      if (call.in(k).size() != call.out->size()) scalars |= 1u << i;
      in[i] = call.in(k++).data();
    }
    if (needs & Y) y = call.in(k).data();
    return partial(call.in(0).data(), in, y, call.out->mutable_data(), call.out->size(), scalars);
  }
  const Tensor* operands[kMaxLanes] = {};
  operands[kMaxArity] = &call.in(0);
  Tensor condition;
  int next = 1;
  for (int i = 0; i < kMaxArity; ++i)
    if (needs >> i & 1) operands[i] = &call.in(next++);
  if (operands[0] && a.condition()) operands[0] = &(condition = as_contiguous(*operands[0], DType::Bool));
  // The kernel reads the result element by element; where it is the same along a row, the row is written out.
  Tensor result;
  if (needs & Y) {
    const Tensor& y = call.in(next);
    const bool whole = y.shape() == call.out->shape() && y.contiguous();
    operands[kMaxArity + 1] = whole ? &y : &(result = as_contiguous(broadcast_to(y.detached(), call.out->shape())));
  }
  run_blocks(operands, kMaxLanes, *call.out, compute, storage_of(compute),
             [partial](const void* const* lanes, void* out, int64_t n, uint32_t scalars) {
               partial(lanes[kMaxArity], lanes, lanes[kMaxArity + 1], out, n, scalars);
             });
}

Tensor apply_partial(const PartialAttr& a, Tensor&& g, const Tensor* const* values);

/// Linear in g: there the rule is the op itself.
void partial_vjp(Pullback& p) {
  if (p.active(0)) {
    const Tensor* values[kMaxArity + 1] = {};
    for (int k = 1; k < p.count(); ++k) values[k - 1] = &p.in(k);
    p.give(0, apply_partial(p.attrs<PartialAttr>(), Tensor(p.g), values));
  }
  bool others = false;
  for (int k = 1; k < p.count(); ++k) others |= p.active(k);
  if (others) p.expand(kAllInputs & ~needs_input(0));
}

void partial_expand(std::span<const Tensor> operands, Attrs attrs, Tensor* out) {
  const Tensor* values[kMaxArity + 1] = {};
  for (size_t k = 1; k < operands.size(); ++k) values[k - 1] = &operands[k];
  out[0] = attrs.as<PartialAttr>().rule().symbolic(operands[0], values);
}

bool partial_accepts(const Call& call) {
  if (call.count < 1 || !has<PartialAttr>(call, call.count)) return false;
  const auto a = call.attrs.as<PartialAttr>();
  if (!in_range(a.row, 0, kFormulaCount - 1) || !in_range(a.input, 0, kMaxArity - 1)) return false;
  return a.rule().kind == PartialRule::Kind::Kernel && call.count == 1 + std::popcount(a.rule().needs) &&
         is_float(call.in(0).dtype());
}
const char* partial_row_name(int64_t row) {
  return row < kFormulaCount ? elementwise_op(static_cast<int>(row)).name : nullptr;
}

constexpr uint32_t kValues = needs_input(1) | needs_input(2) | needs_input(3) | needs_input(4),
                   kEverything = kValues | needs_input(0);
const Op kPartial{.name = "partial",
                  .kind = OpKind::Custom,
                  .infer = partial_infer,
                  .run = partial_run,
                  .vjp = partial_vjp,
                  .over = {needs_input(0)},
                  .needs = {kValues, kEverything, kEverything, kEverything, kEverything},
                  .batch = batch_elementwise,
                  .expand = partial_expand,
                  .accepts = partial_accepts,
                  .row_name = partial_row_name};

Tensor apply_partial(const PartialAttr& a, Tensor&& g, const Tensor* const* values) {
  const Tape* const tape = context().tape;
  Operand operands[kMaxArity + 2] = {{&g, tape ? tape->slot_of(g) : 0}};
  int n = 1;
  for (uint32_t rest = a.rule().needs; rest; rest &= rest - 1, ++n)
    operands[n] = {values[n - 1], tape ? tape->slot_of(*values[n - 1]) : 0};
  Tensor product;
  Call call{kPartial, operands, n, &product, Attrs(a)};
  call.donated = needs_input(0);
  apply(call);
  return product;
}

}  // namespace

void list_partial_ops(OpList& list) { list.push_back(&kPartial); }

const PartialRule& partial_rule(int row, int input) noexcept {
  return kRules[static_cast<size_t>(row)][static_cast<size_t>(input)];
}

bool takes_condition(int row) noexcept { return kTypes[static_cast<size_t>(row)] == Types::Select; }

std::optional<PartialOf> partial_of(const Op& op, Attrs attrs) noexcept {
  if (&op != &kPartial) return {};
  const auto a = attrs.as<PartialAttr>();
  return PartialOf{static_cast<int>(a.row), static_cast<int>(a.input)};
}

Tensor times_partial(int row, int input, Tensor&& g, const Tensor* const* values) {
  const PartialRule& rule = partial_rule(row, input);
  switch (rule.kind) {
    case PartialRule::Kind::Zero: return {};
    case PartialRule::Kind::One: return std::move(g);
    case PartialRule::Kind::MinusOne: return apply_over(elementwise_op(RowName("neg").row), std::move(g), {});
    case PartialRule::Kind::Value: return apply_over(elementwise_op(RowName("mul").row), std::move(g), {values[0]});
    case PartialRule::Kind::Kernel: break;
  }
  // Partials of integers have no kernels.
  if (!is_float(g.dtype())) return rule.symbolic(g, values);
  return apply_partial({row, input}, std::move(g), values);
}

}  // namespace adcore
