// Optimizer steps as ops: a parameter, its gradient and its states give the new parameter and the new states.
//
// Operands: the parameter, the gradient and the states, of one shape; then numbers, tensors of one element: the
// learning rate, the weight decay, what the rule has besides, and last the number of steps done before where the rule
// asks for it. Attributes: what never changes, as doubles. A step computes in the parameter's computing type and rounds
// once.
#pragma once

#include <string_view>

#include "core/op.h"
#include "kernels/optimizers.h"

namespace adcore {

/// A row of kernels/optimizers.h, as whoever calls its op sees it.
struct OptimizerRule {
  const Op* op;
  OptimizerFacts facts;
  const Op* stateless;  // what it comes to where its third number is 0; null where that is nothing else

  int states() const noexcept { return op->outputs - 1; }
};

/// The rule of an op's name; null where there is none.
const OptimizerRule* optimizer_rule(std::string_view name) noexcept;
/// One of these ops.
bool is_optimizer_step(const Op& op) noexcept;

}  // namespace adcore
