// Statements whose reverse rule is given from outside: custom rules, hooks, recomputation.
//
// A rule has several inputs and outputs. On the tape it is one statement and, per output, one that picks it: a pick puts
// its cotangent down in the rule and passes on a zero, so that the rule's own statement is reached.
#pragma once

#include <memory>
#include <vector>

#include "core/tape.h"

namespace adcore {

class Rule {
 public:
  virtual ~Rule() = default;
  /// The cotangents of the inputs from those of the outputs; undefined: zero.
  virtual std::vector<Tensor> pull(const std::vector<Tensor>& cotangents) = 0;

  // Between its picks and its own statement: what the sweep `serial` has put down.
  std::vector<Tensor> pending;
  uint64_t serial = 0;
};

/// Records a rule; the outputs get their slots.
void record(Tape& tape, std::unique_ptr<Rule> rule, std::span<const Arg> inputs, std::span<Tensor* const> outputs);

}  // namespace adcore
