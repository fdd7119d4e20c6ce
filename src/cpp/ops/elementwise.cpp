// The ops of formulas.h: what every row has in common. A row becomes an Op whose infer, run and rules stand here; the
// products with its partials are in partial.cpp. Start reading at elementwise_run() and elementwise_vjp().
#include <algorithm>
#include <array>
#include <cstring>

#include "core/pullback.h"
#include "ops/accept.h"
#include "ops/drive.h"
#include "ops/functions.h"
#include "ops/partial.h"
#include "ops/rules.h"

namespace adcore {
namespace {

// ---- rows at run time ---------------------------------------------------------------------------------------------

constexpr auto kRowTypes = kFormulas.apply([](const auto&... rows) { return std::array{rows.types...}; });
constexpr auto kForBool = kFormulas.apply([](const auto&... rows) { return std::array{rows.facts.for_bool...}; });

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
  if (t == DType::Bool) {
    if (const char* instead = kForBool[static_cast<size_t>(call.op.row)])
      fail(ErrorKind::Type, call.op.name, ": works on numbers, got Bool; use ", instead, ".");
  }
  return t;
}

/// The common case, decided at once: floats of one dtype in contiguous arrays of one shape, numbers among them. True
/// where that is so; the output is laid out then.
bool infer_plain(Call& call) {
  if (call.count > 2) return false;
  const Tensor &a = call.in(0), &b = call.in(call.count - 1);
  const DType t = a.dtype();
  if (!computes_in_place(t) || b.dtype() != t || !a.contiguous() || !b.contiguous()) return false;
  const bool a_leads = b.rank() == 0 || a.shape() == b.shape();
  if ((!a_leads && a.rank() != 0) || (a_leads ? a : b).size() >= kChunkElements) return false;
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

/// The condition of a Select row as bool: in the dtype of the branches a small number might become 0.
Tensor as_condition(const Tensor& t) { return as_contiguous(t, DType::Bool); }

void elementwise_run(Call& call) {
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

// ---- the rules ----------------------------------------------------------------------------------------------------

/// The values that a partial needs, in its order. `source` has the operands and the output.
template <class Source>
void values_of(const Source& source, uint32_t needs, const Tensor** values) {
  for (int i = 0; i < kMaxArity; ++i)
    if (needs >> i & 1) *values++ = &source.in(i);
  if (needs & Y) *values = &source.out();
}

void elementwise_vjp(Pullback& p) {
  const int row = p.op().row;
  int last = p.count() - 1;
  while (!p.active(last)) --last;  // one at least is active: the sweep came here for it
  for (int k = 0; k <= last; ++k) {
    if (k < last && !p.active(k)) continue;
    const PartialRule& rule = partial_rule(row, k);
    if (rule.kind == PartialRule::Kind::One) {
      k == last ? p.give(k, std::move(p.g)) : p.give(k, p.g);
      continue;
    }
    const Tensor* values[kMaxArity + 1];
    values_of(p, rule.needs, values);
    Tensor c = times_partial(row, k, k == last ? p.take_g() : Tensor(p.g), values);
    if (c.defined()) p.give(k, std::move(c));
  }
}

void elementwise_jvp(Pushforward& p) {
  const int row = p.op().row;
  const DType dtype = derivative_dtype(p.out().dtype());
  for (int k = 0; k < p.count(); ++k) {
    if (!p.active(k)) continue;
    const Tensor* values[kMaxArity + 1];
    values_of(p, partial_rule(row, k).needs, values);
    const Tensor& t = p.tangent(k);
    Tensor c = times_partial(row, k, t.dtype() == dtype ? Tensor(t) : cast(t, dtype), values);
    if (c.defined()) p.give(std::move(c));
  }
}

bool elementwise_accepts(const Call& call) {
  static constexpr auto kArity = kFormulas.apply(
      [](const auto&... rows) { return std::array{static_cast<int>(std::remove_cvref_t<decltype(rows)>::kArity)...}; });
  return has_none(call, kArity[static_cast<size_t>(call.op.row)]);
}

// ---- the ops ------------------------------------------------------------------------------------------------------

template <int Index>
Op make_op() {
  constexpr const auto& row = row_at<Index>(kFormulas);
  Op op{.name = nullptr,
        .kind = OpKind::Elementwise,
        .infer = elementwise_infer,
        .run = elementwise_run,
        .over = {needs_input(0) | needs_input(1) | needs_input(2)}};
  op.row = Index;
  op.batch = batch_elementwise;
  op.accepts = elementwise_accepts;
  if constexpr (std::remove_cvref_t<decltype(row)>::kConstant) {
    op.kind = OpKind::Constant;
  } else {
    op.vjp = elementwise_vjp;
    op.jvp = elementwise_jvp;
    int k = 0;
    auto declare = [&](uint32_t needs) { op.needs[k++] = (needs & (A | B | C)) | (needs & Y ? needs_output(0) : 0); };
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
    const std::string_view name = row_at<Row>(kFormulas).name();
    std::copy(name.begin(), name.end(), names[Row]);
    names[Row][name.size()] = 0;
    op[Row] = make_op<Row>();
    op[Row].name = names[Row];
  }
};

const Ops kOps;

// ---- an integer divisor or exponent, checked; an op, so that it works on whatever stands for it ------------------

struct LastAttr {
  int64_t may_be;
  char who[24];  // the op that the user called, for the error
};
void last_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }
void last_run(Call& call) {
  const auto a = call.attrs.as<LastAttr>();
  const bool divisor = a.may_be == static_cast<int64_t>(LastInteger::NonZero);
  if (divisor || call.in(0).dtype() != DType::UInt64) {
    const Tensor given = as_contiguous(call.in(0), DType::Int64);
    const auto* p = given.data_as<int64_t>();
    if (std::any_of(p, p + given.size(), [=](int64_t v) { return divisor ? v == 0 : v < 0; })) {
      if (divisor) fail(ErrorKind::ZeroDivision, a.who, ": integer division by zero.");
      fail(ErrorKind::Value, a.who,
           ": Integers to negative integer powers are not allowed. Make the base or the exponent a float.");
    }
  }
  const Tensor& x = call.in(0);
  call.out->view_of(x, x.shape(), x.strides(), x.offset());
}
bool last_accepts(const Call& call) {
  if (!has<LastAttr>(call, 1)) return false;
  const auto a = call.attrs.as<LastAttr>();
  return in_range(a.may_be, 0, static_cast<int64_t>(LastInteger::NonNegative)) && ends(a.who) &&
         !is_float(call.in(0).dtype());
}
void last_vjp(Pullback& p) { p.give(0, p.g); }
void last_jvp(Pushforward& p) { p.give(p.tangent(0)); }
const Op kCheckLast{.name = "check_last",
                    .kind = OpKind::Custom,
                    .infer = last_infer,
                    .run = last_run,
                    .vjp = last_vjp,
                    .view = true,
                    .checks = true,
                    .jvp = last_jvp,
                    .batch = batch_same,
                    .accepts = last_accepts};

}  // namespace

void list_elementwise_ops(OpList& list) {
  for (const Op& op : kOps.op) list.push_back(&op);
  list.push_back(&kCheckLast);
}

Tensor checked_last(const char* op, LastInteger may_be, const Tensor& last) {
  LastAttr a{static_cast<int64_t>(may_be), {}};
  std::strncpy(a.who, op, sizeof a.who - 1);
  return apply(kCheckLast, {&last}, Attrs(a));
}

const Op& elementwise_op(int row) noexcept { return kOps.op[row]; }

Tensor number(double value, const Tensor& like) {
  const bool whole = value >= -9e15 && value <= 9e15 && value == static_cast<double>(static_cast<int64_t>(value));
  return scalar(value, is_float(like.dtype()) || whole ? like.dtype() : DType::Float32);
}
Tensor number(int64_t value, const Tensor& like) {
  return scalar(value, like.dtype() == DType::Bool ? DType::Int64 : like.dtype());
}

}  // namespace adcore
