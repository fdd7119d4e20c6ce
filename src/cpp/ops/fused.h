// fused: many elementwise calls of one shape as one call, in one pass over memory. Made by passes over programs
// (jit/passes/fuse.h): a chain (ops/chain.h) in the words of an op.
#pragma once

#include <string>
#include <vector>

#include "core/op.h"
#include "ops/chain.h"

namespace adcore {

inline constexpr int kMostFusedOutputs = 16;

/// The op with so many outputs. Its operands are arrays that broadcast to one shape, which is that of every output.
const Op& fused_op(int outputs) noexcept;

/// What it is told: the steps of `plan`, which is used up. The plan's inputs are the operands of the call, then the
/// numbers. Bit j of `masks`: output j is what a comparison writes.
std::vector<int64_t> fused_words(DType dtype, ChainPlan& plan, std::span<const double> numbers,
                                 std::span<const ChainIndex> outputs, uint32_t masks);

/// A step of a call, for who reads it.
struct FusedStep {
  struct Value {
    enum class Kind : uint8_t { Operand, Number, Output, Scratch };
    Kind kind;
    int index;  // among those of its kind
    double number;
  };
  std::string kernel;
  std::vector<Value> operands;
  Value result;
};
/// Empty for a call of another op. The call has so many operands.
std::vector<FusedStep> fused_steps(const Op& op, Attrs attrs, int operands);

}  // namespace adcore
