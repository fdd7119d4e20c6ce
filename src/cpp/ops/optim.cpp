#include "ops/optim.h"

#include <cmath>
#include <type_traits>

#include "base/few.h"
#include "ops/drive.h"
#include "ops/functions.h"
#include "ops/rules.h"

namespace adcore {
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

void step_infer(Call& call) {
  static constexpr const char* kRoles[] = {"parameter", "gradient", "state", "state"};
  const char* const name = call.op.name;
  const Tensor& p = call.in(0);
  const int arrays = arrays_of(call.op);
  for (int k = 0; k < arrays; ++k) {
    const Tensor& t = call.in(k);
    if (k != 1 && !is_float(t.dtype()))
      fail(ErrorKind::Type, name, ": the ", kRoles[k], " must be of a float dtype, got ", name_of(t.dtype()), ".");
    if (!(t.shape() == p.shape())) {
      fail(ErrorKind::Value, name, ": the ", kRoles[k], " has shape ", to_string(t.shape()), ", the parameter ",
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

/// What a rule's kernel is called with.
template <class T>
struct Step {
  Call& call;

  OptimizerArrays<T> arrays() const {
    const int states = call.op.outputs - 1;
    OptimizerArrays<T> x{};
    x.p = call.in(0).data_as<T>();
    x.g = call.in(1).data_as<T>();
    x.new_p = call.out[0].mutable_data_as<T>();
    x.n = call.in(0).size();
    if (states > 0) x.a = call.in(2).data_as<T>(), x.new_a = call.out[1].mutable_data_as<T>();
    if (states > 1) x.b = call.in(3).data_as<T>(), x.new_b = call.out[2].mutable_data_as<T>();
    return x;
  }
  double number(int k) const { return number_in(call.in(arrays_of(call.op) + k)); }
  T rate() const { return static_cast<T>(number(0)); }
  T decay() const { return static_cast<T>(number(1)); }
  const OptimizerKernels<T>& kernels() const {
    if constexpr (std::is_same_v<T, float>) {
      return adcore::kernels().optim_f32;
    } else {
      return adcore::kernels().optim_f64;
    }
  }
};

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

template <class Rule>
Rule settings_of(Attrs attrs) {
  if constexpr (std::is_empty_v<Rule>) {
    return {};
  } else {
    return attrs.as<Rule>();
  }
}

template <class Rule>
void step_run(Call& call) {
  if (!is_plain(call)) return run_on_copies(call);
  const auto rule = settings_of<Rule>(call.attrs);
  if (call.in(0).dtype() == DType::Float64) {
    rule.run(Step<double>{call});
  } else {
    rule.run(Step<float>{call});
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

/// The operands of an expansion, in the parameter's dtype.
struct Terms {
  std::span<const Tensor> operands;
  int states;

  const Tensor& p() const { return operands[0]; }
  DType dtype() const { return p().dtype(); }
  Tensor g() const { return cast(operands[1], dtype()); }
  Tensor state(int j) const { return cast(operands[static_cast<size_t>(2 + j)], dtype()); }
  Tensor number(int k) const { return number(k, dtype()); }
  Tensor number(int k, DType type) const {
    return cast(reshape(operands[static_cast<size_t>(2 + states + k)], {}), type);
  }
  Tensor rate() const { return number(0); }
  Tensor decayed() const { return g() + number(1) * p(); }
  /// Has no derivative: it counts.
  Tensor steps_done() const { return cast(reshape(stop_gradient(operands.back()), {}), DType::Float64); }
  /// What the kernel computes with.
  double rounded(double setting) const {
    return dtype() == DType::Float64 ? setting : static_cast<double>(static_cast<float>(setting));
  }
};

template <class Rule>
void step_expand(std::span<const Tensor> operands, Attrs attrs, Tensor* out) {
  settings_of<Rule>(attrs).expand(Terms{operands, Rule::kStates}, out);
}

Tensor operator-(double a, const Tensor& b) { return number(a, b) - b; }
Tensor is(const Tensor& a, double value) { return map("equal", a, number(value, a)); }

/// Its derivative is 0 at 0, where it has a kink as a function of the gradients.
Tensor root(const Tensor& v) {
  const Tensor zero = is(v, 0);
  return map("where", zero, number(0.0, v), map("sqrt", map("where", zero, number(1.0, v), v)));
}

// ---- SGD ----------------------------------------------------------------------------------------------------------

struct Sgd {
  static constexpr const char* kName = "sgd_plain";
  static constexpr int kStates = 0, kNumbers = 2;
  static constexpr bool kCounts = false;

  template <class T>
  void run(const Step<T>& s) const {
    s.kernels().sgd(s.arrays(), s.rate(), s.decay());
  }
  void expand(const Terms& x, Tensor* out) const { out[0] = x.p() - x.rate() * x.decayed(); }
};

/// The third number is the momentum; where that is 0, the state is not used and stays as it is.
struct SgdMomentum {
  static constexpr const char* kName = "sgd";
  static constexpr int kStates = 1, kNumbers = 3;
  static constexpr bool kCounts = true;
  double dampening, nesterov;

  template <class T>
  void run(const Step<T>& s) const {
    const auto x = s.arrays();
    const double momentum = s.number(2);
    if (momentum == 0) {
      s.kernels().sgd(x, s.rate(), s.decay());
      if (x.new_a != x.a) copy_to(s.call.in(2), x.new_a, s.call.out[1].dtype());
      return;
    }
    s.kernels().sgd_momentum(x, s.rate(), s.decay(), static_cast<T>(momentum), static_cast<T>(dampening), nesterov != 0,
                             s.number(3) == 0);
  }
  void expand(const Terms& x, Tensor* out) const {
    const Tensor g = x.decayed(), a = x.state(0), momentum = x.number(2);
    const Tensor idle = is(momentum, 0);
    const Tensor moved = map("where", is(x.steps_done(), 0), g, momentum * a + g * (1 - x.rounded(dampening)));
    const Tensor step = nesterov != 0 ? g + momentum * moved : moved;
    out[0] = x.p() - x.rate() * map("where", idle, g, step);
    out[1] = map("where", idle, a, moved);
  }
};

// ---- momentum -----------------------------------------------------------------------------------------------------

struct Momentum {
  static constexpr const char* kName = "momentum";
  static constexpr int kStates = 1, kNumbers = 3;
  static constexpr bool kCounts = false;
  double nesterov;

  template <class T>
  void run(const Step<T>& s) const {
    s.kernels().momentum(s.arrays(), s.rate(), s.decay(), static_cast<T>(s.number(2)), nesterov != 0);
  }
  void expand(const Terms& x, Tensor* out) const {
    const Tensor g = x.decayed(), momentum = x.number(2);
    out[1] = momentum * x.state(0) + g;
    out[0] = x.p() - x.rate() * (nesterov != 0 ? g + momentum * out[1] : out[1]);
  }
};

// ---- the Adam family ----------------------------------------------------------------------------------------------

struct Adam {
  static constexpr const char* kName = "adam";
  static constexpr int kStates = 2, kNumbers = 2;
  static constexpr bool kCounts = true;
  double beta1, beta2, eps, nesterov;

  // What the averages of t gradients lack, starting from zero, is one factor of the rate. 1 - beta2 is small: a factor
  // that did not use beta2 as the averages round it would be off by 1e-5.
  template <class T>
  void run(const Step<T>& s) const {
    const T b1 = static_cast<T>(beta1), b2 = static_cast<T>(beta2);
    const double t = s.number(2) + 1;
    const double factor =
        std::sqrt(1 - std::pow(static_cast<double>(b2), t)) / (1 - std::pow(static_cast<double>(b1), t));
    s.kernels().adam(s.arrays(), static_cast<T>(s.number(0) * factor), s.decay(), b1, b2, static_cast<T>(eps),
                     nesterov != 0);
  }
  void expand(const Terms& x, Tensor* out) const {
    const double b1 = x.rounded(beta1), b2 = x.rounded(beta2);
    const Tensor g = x.decayed(), t = x.steps_done() + 1;
    const Tensor factor = map("sqrt", 1 - map("pow", number(b2, t), t)) / (1 - map("pow", number(b1, t), t));
    const Tensor rate = cast(x.number(0, DType::Float64) * factor, x.dtype());
    out[1] = x.state(0) * b1 + g * (1 - b1);
    out[2] = x.state(1) * b2 + g * (1 - b2) * g;
    const Tensor mean = nesterov != 0 ? out[1] * b1 + g * (1 - b1) : out[1];
    out[0] = x.p() - rate * mean / (root(out[2]) + eps);
  }
};

struct AdamWeightDecay {
  static constexpr const char* kName = "adam_weight_decay";
  static constexpr int kStates = 2, kNumbers = 2;
  static constexpr bool kCounts = false;
  double beta1, beta2, eps;

  template <class T>
  void run(const Step<T>& s) const {
    s.kernels().adam_weight_decay(s.arrays(), s.rate(), s.decay(), static_cast<T>(beta1), static_cast<T>(beta2),
                                  static_cast<T>(eps));
  }
  void expand(const Terms& x, Tensor* out) const {
    const double b1 = x.rounded(beta1), b2 = x.rounded(beta2);
    const Tensor g = x.g();
    out[1] = x.state(0) * b1 + g * (1 - b1);
    out[2] = x.state(1) * b2 + g * (1 - b2) * g;
    out[0] = x.p() - x.rate() * (out[1] / (root(out[2]) + eps) + x.number(1) * x.p());
  }
};

// ---- the ops ------------------------------------------------------------------------------------------------------

template <class Rule>
const Op kOp{.name = Rule::kName,
             .kind = OpKind::Custom,
             .infer = step_infer,
             .run = step_run<Rule>,
             .over = {needs_input(0), needs_input(2), needs_input(3)},
             .outputs = 1 + Rule::kStates,
             .visible = 1 + Rule::kStates,
             .needs_always = kAllInputs,
             .batch = step_batch,
             .work = step_work,
             .expand = step_expand<Rule>};

template <class Rule>
OptimizerRule rule(const Op* stateless = nullptr) {
  constexpr int settings = std::is_empty_v<Rule> ? 0 : sizeof(Rule) / sizeof(double);
  return {&kOp<Rule>, Rule::kNumbers, settings, Rule::kCounts, stateless};
}

const OptimizerRule kRules[] = {rule<SgdMomentum>(&kOp<Sgd>), rule<Momentum>(), rule<Adam>(), rule<AdamWeightDecay>()};

}  // namespace

const OptimizerRule* optimizer_rule(std::string_view name) noexcept {
  for (const OptimizerRule& r : kRules)
    if (r.op->name == name) return &r;
  return nullptr;
}

}  // namespace adcore
