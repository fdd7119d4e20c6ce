// Statements whose reverse rule is given from outside: custom rules, hooks, recomputation.
//
// A rule has several inputs and outputs. On the tape it is one statement and, per output, one that picks it: a pick puts
// its cotangent down in the rule and passes on a zero, so that the rule's own statement is reached.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/tape.h"

namespace adcore {

class Rule {
 public:
  virtual ~Rule() = default;
  /// The cotangents of the inputs from those of the outputs; undefined: zero.
  virtual std::vector<Tensor> pull(const std::vector<Tensor>& cotangents) = 0;

  /// What a sweep has put down so far, for each output.
  std::vector<Tensor>& pending(uint64_t sweep, size_t outputs);
  /// The same, handed over.
  std::vector<Tensor> take_pending(uint64_t sweep);

 private:
  // Between a sweep's picks and the rule's own statement. Several sweeps may be under way: in threads, or one inside of
  // another.
  std::vector<std::pair<uint64_t, std::vector<Tensor>>> pending_;
};

/// Records a rule; the outputs get their slots.
void record(Tape& tape, std::unique_ptr<Rule> rule, std::span<const Arg> inputs, std::span<Tensor* const> outputs);

}  // namespace adcore
