// Optimizer steps as ops: a parameter, its gradient and its states give the new parameter and the new states.
//
// Operands: the parameter, the gradient and the states, of one shape; then numbers, tensors of one element: the
// learning rate, the weight decay, what the rule has besides, and last the number of steps done before where the rule
// asks for it. Attributes: what never changes, as doubles. A step computes in the parameter's computing type and rounds
// once.
#pragma once

#include <string_view>

#include "core/op.h"

namespace adcore {

/// An optimizer, as whoever calls its op sees it.
struct OptimizerRule {
  const Op* op;
  int numbers;          // learning rate, weight decay and the rule's own
  int settings;         // attributes
  bool counts;          // the steps done before are the last operand
  const Op* stateless;  // what it comes to where its third number is 0: the states stay as they are; may be null

  int states() const noexcept { return op->outputs - 1; }
};

/// The rule of an op's name; null where there is none.
const OptimizerRule* optimizer_rule(std::string_view name) noexcept;

}  // namespace adcore
