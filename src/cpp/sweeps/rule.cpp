#include "sweeps/rule.h"

#include "base/few.h"
#include "core/pullback.h"
#include "core/watch.h"

namespace adcore {
namespace {

Rule& rule_in(const Tensor& held) { return *static_cast<Rule*>(held.buffer().get()->owner); }

void rule_vjp(Pullback& p) {
  const Tensor held = p.out();  // the rule may run for long and record
  const auto outputs = static_cast<size_t>(p.outputs());
  std::vector<Tensor> cotangents(outputs);
  for (size_t j = 0; j < outputs; ++j) cotangents[j] = p.cotangent(static_cast<int>(j));
  Few<bool, 16> wanted(static_cast<size_t>(p.count()));
  for (int k = 0; k < p.count(); ++k) wanted[static_cast<size_t>(k)] = p.active(k);
  std::vector<Tensor> inputs = rule_in(held).pull(cotangents, wanted.span());
  for (int k = 0; k < p.count(); ++k) {
    Tensor& c = inputs[static_cast<size_t>(k)];
    if (c.defined() && wanted[static_cast<size_t>(k)]) p.give(k, std::move(c));
  }
}

/// Only recorded, never applied. Its statements keep the rule, as the owner of a buffer without elements.
const Op kRule{.name = "rule", .kind = OpKind::Custom, .infer = nullptr, .run = nullptr, .vjp = rule_vjp};
const Op kAlwaysRule{.name = "rule", .kind = OpKind::Custom, .infer = nullptr, .run = nullptr, .vjp = rule_vjp};

/// A tensor that owns the rule, without elements.
Tensor hold(std::unique_ptr<Rule> rule) {
  const auto drop = [](void* r) { delete static_cast<Rule*>(r); };
  Tensor held(BufferRef(adopt(nullptr, 0, rule.get(), drop)), 0, Dims{0}, Dims{1}, DType::UInt8);
  rule.release();
  return held;
}

}  // namespace

const Op& always_rule_op() noexcept { return kAlwaysRule; }

void record(Tape& tape, std::unique_ptr<Rule> rule, std::span<const Arg> inputs, std::span<Tensor* const> outputs,
            bool always) {
  if (inputs.size() > UINT16_MAX || outputs.size() > UINT16_MAX) {
    fail(ErrorKind::Value, "a rule has at most ", UINT16_MAX, " inputs and outputs, got ", inputs.size(), " and ",
         outputs.size(), ".");
  }
  const Slot first =
      tape.append(always ? kAlwaysRule : kRule, inputs, static_cast<int>(outputs.size()), hold(std::move(rule)));
  for (size_t j = 0; j < outputs.size(); ++j) outputs[j]->set_ref({tape.id(), first + static_cast<Slot>(j)});
}

void hook(Tape& tape, Slot slot, std::unique_ptr<Rule> rule) {
  tape.check_not_dropped("hook", slot);
  tape.hook(slot, hold(std::move(rule)));
}

Tensor hooked(const SlotHook& hook, const Tape& tape, const Tensor& cotangent) {
  const bool wanted = true;
  const auto run = [&] { return std::move(rule_in(hook.rule).pull({&cotangent, 1}, {&wanted, 1})[0]); };
  Watch* const watch = context().watch;
  if (!watch) return run();
  const Watch::InRule scope(*watch, kRule, {tape.id(), hook.slot});
  return run();
}

void visit_rules(const Tape& tape, FunctionRef<void(const Rule&)> visit) {
  for (const SlotHook& h : tape.hooks()) visit(rule_in(h.rule));
  if (!tape.has_rules()) return;
  for (uint32_t i = 0; i < tape.statement_count(); ++i) {
    const Statement& s = tape.statement(i);
    if (s.op == &kRule || s.op == &kAlwaysRule) visit(rule_in(tape.kept(s, needs_output(0))));
  }
}

}  // namespace adcore
