#include "ops/optim.h"

#include <cstring>
#include <type_traits>

#include "base/few.h"
#include "ops/accept.h"
#include "ops/drive.h"
#include "ops/functions.h"
#include "ops/rules.h"
#include "ops/sym.h"

namespace adcore {

/// What the rows call so, of symbols. It has a kink at 0 as a function of the gradients.
inline Sym root(const Sym& v) {
  const SymMask none = v == 0.0;
  return select(none, 0.0, sqrt(select(none, 1.0, v)));
}

namespace {

// ---- what all rules have in common --------------------------------------------------------------------------------

/// Operands before the numbers.
int arrays_of(const Op& op) { return 1 + op.outputs; }

/// The kernels can read every operand and write every output where it lies.
bool is_plain(const Call& call) {
  const DType t = call.in(0).dtype();
  if (!computes_in_place(t)) return false;
  for (int k = 0; k < arrays_of(call.op); ++k)
    if (!call.in(k).contiguous() || call.in(k).dtype() != t) return false;
  return true;
}

const char* role(int operand) { return operand == 0 ? "parameter" : operand == 1 ? "gradient" : "state"; }

void step_infer(Call& call) {
  const char* const name = call.op.name;
  const Tensor& p = call.in(0);
  const int arrays = arrays_of(call.op);
  for (int k = 0; k < arrays; ++k) {
    const Tensor& t = call.in(k);
    if (k != 1 && !is_float(t.dtype()))
      fail(ErrorKind::Type, name, ": the ", role(k), " must be of a float dtype, got ", name_of(t.dtype()), ".");
    if (!(t.shape() == p.shape())) {
      fail(ErrorKind::Value, name, ": the ", role(k), " has shape ", to_string(t.shape()), ", the parameter ",
           to_string(p.shape()), ".");
    }
    if (k != 1) call.out[k == 0 ? 0 : k - 1].set_shape(p.shape(), t.dtype());
  }
  for (int k = arrays; k < call.count; ++k) {
    if (call.in(k).size() != 1) {
      fail(ErrorKind::Value, name, ": a number (learning rate, weight decay, ...) has shape ",
           to_string(call.in(k).shape()), ", it must have one element.");
    }
  }
  // Copies may find no memory when something has been written over already.
  if (call.donated && !is_plain(call)) call.donated = 0;
}

double number_in(const Tensor& t) {
  if (t.dtype() == DType::Float32) return static_cast<double>(*t.data_as<float>());
  if (t.dtype() == DType::Float64) return *t.data_as<double>();
  return item(t);
}

/// The step on copies in the computing type.
void run_on_copies(Call& call) {
  const DType type = storage_of(compute_of(call.in(0).dtype()));
  const auto arrays = static_cast<size_t>(arrays_of(call.op)), outputs = static_cast<size_t>(call.op.outputs);
  Few<Tensor> in(arrays), out(outputs);
  Few<Operand, 8> operands(static_cast<size_t>(call.count));
  for (size_t k = 0; k < static_cast<size_t>(call.count); ++k) operands[k] = call.operands[k];
  for (size_t k = 0; k < arrays; ++k) {
    in[k] = as_contiguous(call.in(static_cast<int>(k)), type);
    operands[k].value = &in[k];
  }
  for (size_t j = 0; j < outputs; ++j)
    out[j] = call.out[j].dtype() == type ? call.out[j] : Tensor(call.out[j].shape(), type);
  Call plain{call.op, operands.data(), call.count, out.data(), call.attrs};
  call.op.run(plain);
  for (size_t j = 0; j < outputs; ++j)
    if (call.out[j].dtype() != type) copy_to(out[j], call.out[j].mutable_data(), call.out[j].dtype());
}

template <int Row>
constexpr int kStates = std::remove_cvref_t<decltype(row_at<Row>(kOptimizers))>::kStates;

/// As the computing type rounds them.
template <class T>
OptimizerSettings settings_of(Attrs attrs) {
  OptimizerSettings s{};
  if (attrs.count()) std::memcpy(s.v, attrs.words(), static_cast<size_t>(attrs.count()) * sizeof(double));
  for (double& v : s.v) v = static_cast<double>(static_cast<T>(v));
  return s;
}

template <int Row, class T>
void run_kernel(Call& call, const OptimizerKernel<T>* kernels) {
  constexpr const auto& row = row_at<Row>(kOptimizers);
  OptimizerArrays<T> x{};
  x.p = call.in(0).data_as<T>();
  x.g = call.in(1).data_as<T>();
  x.new_p = call.out[0].mutable_data_as<T>();
  x.n = call.in(0).size();
  for (int j = 0; j < kStates<Row>; ++j) {
    x.state[j] = call.in(2 + j).data_as<T>();
    x.new_state[j] = call.out[1 + j].mutable_data_as<T>();
  }
  const Operand* const numbers = call.operands + arrays_of(call.op);
  double n[kMaxOptimizerNumbers];
  for (int k = 0; k < row.facts.numbers; ++k) n[k] = number_in(*numbers[k].value);
  const double t = row.facts.counts ? number_in(*numbers[row.facts.numbers].value) + 1 : 0;
  const OptimizerSettings s = settings_of<T>(call.attrs);
  const auto c = row.scalars(n, t, s);
  kernels[Row](x, c.v, s.v);
}

template <int Row>
void step_run(Call& call) {
  if (!is_plain(call)) return run_on_copies(call);
  if (call.in(0).dtype() == DType::Float64) {
    run_kernel<Row, double>(call, kernels().optim_f64);
  } else {
    run_kernel<Row, float>(call, kernels().optim_f32);
  }
}

int64_t step_work(const Call& call) { return (2 * call.op.outputs + 1) * call.in(0).size(); }

/// The arrays of all members at once. Where the members have numbers of their own, one after the other.
void step_batch(Batching& b) {
  const int arrays = arrays_of(b.op);
  for (int k = arrays; k < b.count(); ++k)
    if (b.batched(k)) return b.one_by_one();
  for (int k = 0; k < arrays; ++k) {
    Batching::Member& m = b.members[static_cast<size_t>(k)];
    if (m.batched) continue;
    m.value = b.front(k);
    m.batched = true;
  }
  b.run(b.attrs);
}

// ---- the rules written with ops -----------------------------------------------------------------------------------

template <int Row>
void step_expand(std::span<const Tensor> operands, Attrs attrs, Tensor* out) {
  constexpr const auto& row = row_at<Row>(kOptimizers);
  const DType type = operands[0].dtype();
  const auto scalar_at = [&](size_t k) { return cast(reshape(operands[k], {}), DType::Float64); };
  Sym n[kMaxOptimizerNumbers];
  for (size_t k = 0; k < static_cast<size_t>(row.facts.numbers); ++k) n[k] = {scalar_at(2 + kStates<Row> + k)};
  // The count has no derivative.
  const Sym t = row.facts.counts ? Sym{stop_gradient(scalar_at(operands.size() - 1))} + 1.0 : Sym{};
  const OptimizerSettings s = type == DType::Float64 ? settings_of<double>(attrs) : settings_of<float>(attrs);
  auto c = row.scalars(static_cast<const Sym*>(n), t, s);
  for (Sym& v : c.v) v.t = cast(v.t, type);
  Before<Sym, kStates<Row>> before{{operands[0]}, {cast(operands[1], type)}, {}};
  for (size_t j = 0; j < static_cast<size_t>(kStates<Row>); ++j) before.state[j].t = cast(operands[2 + j], type);
  const auto after = row.update(before, c, s);
  for (int j = 0; j <= kStates<Row>; ++j) out[j] = after[j].t;
}

// ---- the ops ------------------------------------------------------------------------------------------------------

template <int Row>
bool step_accepts(const Call& call) {
  constexpr OptimizerFacts facts = row_at<Row>(kOptimizers).facts;
  return call.count == arrays_of(call.op) + facts.numbers + facts.counts &&
         (call.attrs.count() == 0 || call.attrs.count() == facts.settings);
}

template <int Row>
const Op kOp{.name = row_at<Row>(kOptimizers).name.data(),
             .kind = OpKind::Custom,
             .infer = step_infer,
             .run = step_run<Row>,
             .over = {needs_input(0), needs_input(2), needs_input(3), needs_input(4)},
             .outputs = 1 + kStates<Row>,
             .visible = 1 + kStates<Row>,
             .needs_always = kAllInputs,
             .batch = step_batch,
             .work = step_work,
             .expand = step_expand<Row>,
             .accepts = step_accepts<Row>};

template <int Row>
OptimizerRule rule() {
  constexpr OptimizerFacts facts = row_at<Row>(kOptimizers).facts;
  const Op* stateless = nullptr;
  if constexpr (!facts.stateless.empty()) stateless = &kOp<optimizer_index(facts.stateless)>;
  return {&kOp<Row>, facts, stateless};
}

template <int... Row>
std::span<const OptimizerRule> rules(std::integer_sequence<int, Row...>) {
  static const OptimizerRule all[] = {rule<Row>()...};
  return all;
}

}  // namespace

void list_optimizer_ops(OpList& list) {
  for (const OptimizerRule& r : rules(std::make_integer_sequence<int, kOptimizerCount>())) list.push_back(r.op);
}

const OptimizerRule* optimizer_rule(std::string_view name) noexcept {
  const int row = optimizer_index(name);
  return row < 0 ? nullptr : &rules(std::make_integer_sequence<int, kOptimizerCount>())[static_cast<size_t>(row)];
}

bool is_optimizer_step(const Op& op) noexcept { return op.infer == step_infer; }

}  // namespace adcore
