#include "sweeps/rule.h"

#include <algorithm>

#include "ops/functions.h"

namespace adcore {
namespace {

Rule& rule_of(const Pullback& p) { return *static_cast<Rule*>(p.hidden().buffer().get()->owner); }

struct PickAttr {
  int64_t output, outputs;
};

void pick_vjp(Pullback& p) {
  const auto a = p.attrs<PickAttr>();
  rule_of(p).pending(p.serial, static_cast<size_t>(a.outputs))[static_cast<size_t>(a.output)] = p.g;
  p.give(0, scalar(0.0, DType::Float32));
}

void rule_vjp(Pullback& p) {
  const Tensor held = p.hidden();  // the rule may run for long and record
  Rule& rule = *static_cast<Rule*>(held.buffer().get()->owner);
  std::vector<Tensor> inputs = rule.pull(rule.take_pending(p.serial));
  for (int k = 0; k < p.count(); ++k) {
    Tensor& c = inputs[static_cast<size_t>(k)];
    if (c.defined() && p.active(k)) p.give(k, std::move(c));
  }
}

const Op kPick{.name = "pick", .kind = OpKind::Custom, .infer = nullptr, .kernel = nullptr, .vjp = pick_vjp};
const Op kRule{.name = "rule", .kind = OpKind::Custom, .infer = nullptr, .kernel = nullptr, .vjp = rule_vjp};

}  // namespace

std::vector<Tensor>& Rule::pending(uint64_t sweep, size_t outputs) {
  for (auto& [serial, cotangents] : pending_)
    if (serial == sweep) return cotangents;
  return pending_.emplace_back(sweep, std::vector<Tensor>(outputs)).second;
}

std::vector<Tensor> Rule::take_pending(uint64_t sweep) {
  const auto it =
      std::find_if(pending_.begin(), pending_.end(), [sweep](const auto& entry) { return entry.first == sweep; });
  if (it == pending_.end()) return {};
  std::vector<Tensor> taken = std::move(it->second);
  pending_.erase(it);
  return taken;
}

void record(Tape& tape, std::unique_ptr<Rule> rule, std::span<const Arg> inputs, std::span<Tensor* const> outputs) {
  if (inputs.size() > UINT16_MAX)
    fail(ErrorKind::Value, "a rule has at most ", UINT16_MAX, " inputs, got ", inputs.size(), ".");
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
