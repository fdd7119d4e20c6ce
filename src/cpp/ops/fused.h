// fused: many elementwise calls of one shape as one call, in one pass over memory. Made by passes over programs
// (jit/passes/fuse.h): a chain (ops/chain.h) in the words of an op.
#pragma once

#include <string>
#include <vector>

#include "core/op.h"
#include "ops/chain.h"
#include "ops/reduce.h"

namespace adcore {

inline constexpr int kMostFusedOutputs = 16;

/// The op with so many outputs. Its operands are arrays that broadcast to one shape; so have the outputs that shape, or
/// what a reduction leaves of it.
const Op& fused_op(int outputs) noexcept;

/// What a reduction in the same pass makes: another output.
struct FusedReduction {
  ChainIndex value;
  ReductionOf what;
};

/// What a call is told. Its operands, then the numbers, are the inputs of the plan.
struct FusedCall {
  DType dtype;
  ChainPlan& plan;  // used up
  std::span<const double> numbers;
  std::span<const ChainIndex> outputs;
  uint32_t masks = 0;  // bit j: output j is what a comparison writes
  /// Their outputs follow the others. All reduce the same last axes.
  std::span<const FusedReduction> reductions = {};
  bool single = false;  // the shape has one element
};
std::vector<int64_t> words_of(const FusedCall& call);

/// The elements that a reduction makes one of, where a chain can have it: it reduces the last axes, in one reading.
/// Otherwise 0.
int64_t fusable_group(const ReductionOf& reduction, const Dims& shape) noexcept;

/// A step of a call, for who reads it; of a kernel that does the work of two rows, one for each.
struct FusedStep {
  struct Value {
    enum class Kind : uint8_t { Operand, Number, Output, Scratch, Register };
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
