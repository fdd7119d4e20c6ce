#include "sweeps/rule.h"

#include "ops/functions.h"

namespace adcore {
namespace {

Rule& rule_of(const Pullback& p) { return *static_cast<Rule*>(p.hidden().buffer().get()->owner); }

/// What an earlier sweep that failed half-way left behind is forgotten.
void begin(Rule& rule, uint64_t serial, size_t outputs) {
  if (rule.serial == serial) return;
  rule.serial = serial;
  rule.pending.assign(outputs, Tensor());
}

struct PickAttr {
  int64_t output, outputs;
};

void pick_vjp(Pullback& p) {
  const auto a = p.attrs<PickAttr>();
  Rule& rule = rule_of(p);
  begin(rule, p.serial, static_cast<size_t>(a.outputs));
  rule.pending[static_cast<size_t>(a.output)] = p.g;
  p.give(0, scalar(0.0, DType::Float32));
}

void rule_vjp(Pullback& p) {
  const Tensor held = p.hidden();  // the rule may run for long and record
  Rule& rule = *static_cast<Rule*>(held.buffer().get()->owner);
  begin(rule, p.serial, 0);
  const std::vector<Tensor> cotangents = std::exchange(rule.pending, {});
  rule.serial = 0;
  std::vector<Tensor> inputs = rule.pull(cotangents);
  for (int k = 0; k < p.count(); ++k) {
    Tensor& c = inputs[static_cast<size_t>(k)];
    if (c.defined() && p.active(k)) p.give(k, std::move(c));
  }
}

const Op kPick{.name = "pick", .kind = OpKind::Custom, .infer = nullptr, .kernel = nullptr, .vjp = pick_vjp};
const Op kRule{.name = "rule", .kind = OpKind::Custom, .infer = nullptr, .kernel = nullptr, .vjp = rule_vjp};

}  // namespace

void record(Tape& tape, std::unique_ptr<Rule> rule, std::span<const Arg> inputs, std::span<Tensor* const> outputs) {
  const auto drop = [](void* r) { delete static_cast<Rule*>(r); };
  const Tensor hidden(BufferRef(adopt(nullptr, 0, rule.get(), drop)), 0, Dims{0}, Dims{1}, DType::UInt8);
  rule.release();
  const Slot call = tape.append(kRule, inputs, {}, DType::Float32, hidden);
  const Arg arg = tape.new_arg(call, scalar(0.0, DType::Float32));
  for (size_t k = 0; k < outputs.size(); ++k) {
    const PickAttr a{static_cast<int64_t>(k), static_cast<int64_t>(outputs.size())};
    outputs[k]->set_ref({tape.id(), tape.append(kPick, {&arg, 1}, Attrs(a), outputs[k]->dtype(), hidden)});
  }
}

}  // namespace adcore
