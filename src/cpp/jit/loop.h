// Loops and branches of a program: calls whose work is other programs, run step by step or chosen by a value.
//
// What runs is an operand: a constant that owns a program, its Body. So it lives as long as a program that holds the
// call, passes carry it along as any constant, and equal calls have equal operands. Derivatives and batches of a loop
// are loops of other bodies (adcore/transforms/loops.py): the ops here have no rules.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "jit/plan.h"

namespace adcore {

/// A program to be run many times, with the plans for the layouts of its inputs.
class Body {
 public:
  explicit Body(std::shared_ptr<const Program> program);
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  const Program& program() const noexcept { return *program_; }
  /// Elementary operations of one run, roughly.
  int64_t work() const noexcept { return work_; }
  /// The body of half of the rows that the first `fixed` inputs have (jit/rows.h), null where rows may meet.
  const Body* half(size_t fixed) const;

 private:
  friend class Steps;

  std::shared_ptr<const Program> optimized() const;

  const std::shared_ptr<const Program> program_;
  int64_t work_ = 0;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Program> optimized_;  // what runs; made when it runs first
  mutable std::vector<std::shared_ptr<const Plan>> plans_;
  mutable std::optional<std::pair<size_t, std::unique_ptr<const Body>>> half_;  // for so many inputs
};

/// A tensor without elements that owns a body of this program.
Tensor hold_body(Program program);
/// The body that a tensor owns, null where it owns none.
const Body* find_body(const Tensor& held) noexcept;
/// The same; throws where it owns none.
const Body& body_in(const Tensor& held);

/// Runs of one body, one after the other, by one thread.
class Steps {
 public:
  explicit Steps(const Body& body) : body_(body) {}
  /// Where an output should lie.
  struct Place {
    size_t output;
    BufferRef buffer;
    int64_t offset;
  };
  /// `outputs` are replaced by those of a run on these inputs. They lie at their places where that is possible.
  void run(std::span<const Tensor> inputs, std::vector<Tensor>& outputs, std::span<const Place> places = {});

 private:
  bool take_plan(std::span<const Tensor> inputs);

  const Body& body_;
  std::shared_ptr<const Plan> plan_;
  std::optional<Run> run_;
};

/// As many steps as the slices have along axis 0. Operands: the body, carries, arrays, what is the same in all steps.
/// The body takes carries, slices and the rest, and gives the next carries and a row of each output. Outputs: the last
/// carries, and the rows stacked along a new axis 0.
struct ScanAttrs {
  int64_t length, carries, slices, reverse;
};
/// Steps while a condition holds. Operands: the bodies of the condition and of a step, then what both take: carries and
/// what is the same in all steps. Outputs: the last carries.
struct WhileAttrs {
  int64_t carries;
};

inline constexpr int kMostLoopOutputs = 255;

/// The ops with so many outputs, at most kMostLoopOutputs.
const Op& scan_op(size_t outputs);
const Op& while_op(size_t outputs);
/// One of two bodies, chosen by a number. Operands: the bodies for true and false, the number, what both take.
const Op& branch_op(size_t outputs);
/// One of these.
bool is_loop(const Op& op) noexcept;
bool is_scan(const Op& op) noexcept;

}  // namespace adcore
