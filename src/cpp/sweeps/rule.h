// Statements whose reverse rule is given from outside: custom rules, hooks, recomputation. Hooks on values.
#pragma once

#include <memory>
#include <vector>

#include "core/tape.h"

namespace adcore {

class Rule {
 public:
  virtual ~Rule() = default;
  /// The cotangents of the inputs from those of the outputs; undefined: zero. `wanted` tells the inputs whose
  /// cotangents the sweep will use. Several sweeps may call it at once.
  virtual std::vector<Tensor> pull(std::span<const Tensor> cotangents, std::span<const bool> wanted) = 0;
  /// Shows the objects of the embedding interpreter that the rule holds, to its garbage collector.
  virtual void traverse(FunctionRef<void(void* object)> visit) const { (void)visit; }
};

/// Records a rule; the outputs get their slots. `always`: it does more than compute, and every sweep runs it.
void record(Tape& tape, std::unique_ptr<Rule> rule, std::span<const Arg> inputs, std::span<Tensor* const> outputs,
            bool always = false);

/// The op of rules that do more than compute: a sweep runs them though nothing reached them, and what comes from them is
/// differentiated though it comes from no input.
const Op& always_rule_op() noexcept;

/// Puts a rule of one input and one output on a value of the tape: its whole cotangent passes through it.
void hook(Tape& tape, Slot slot, std::unique_ptr<Rule> rule);
/// What a hook makes of the cotangent.
Tensor hooked(const SlotHook& hook, const Tape& tape, const Tensor& cotangent);

/// Calls `visit` on every rule of the tape.
void visit_rules(const Tape& tape, FunctionRef<void(const Rule&)> visit);

}  // namespace adcore
