// Reverse mode: down the list with transposed rules.
#pragma once

#include <span>

#include "core/pullback.h"
#include "core/scope.h"

namespace adcore {

/// The cotangents of a closed level's inputs, given those of its outputs.
class Backward final : private Sweep {
 public:
  /// Closes the level.
  explicit Backward(Level& level) : Backward((level.close(), level.segment())) {}
  explicit Backward(const Segment& segment);
  ~Backward();
  Backward(const Backward&) = delete;
  Backward& operator=(const Backward&) = delete;

  /// Adds a cotangent of an output. Outputs that do not depend on the level's inputs are passed over.
  void seed(const Tensor& output, Tensor cotangent);
  void seed(Slot output, Tensor cotangent);
  /// The same with ones: the gradient is that of the sum of all elements.
  void seed_ones(Slot output, const Dims& shape, DType dtype);

  /// Sweeps. `inputs` are the slots whose cotangents will be asked for. Called once. Hooks on slots below `hooks_from`
  /// are those of another sweep, which brings together what this one and others find.
  void run(std::span<const Slot> inputs, Slot hooks_from = 0);

  /// The same. Calls `whole` with the place in `inputs` of each one that is reached, as soon as nothing that is left to
  /// sweep adds to its cotangent.
  void run_to_inputs(std::span<const Slot> inputs, FunctionRef<void(size_t)> whole);

  bool reached(Slot slot) const noexcept;
  /// The cotangent at the slot of an input that something reached.
  const Tensor& cotangent(Slot slot) const noexcept;
  /// The same; zeros like `input` where nothing reached it.
  Tensor cotangent(Slot slot, const Tensor& input) const;
  /// Puts another one in the place of what reached a slot.
  void replace(Slot slot, Tensor cotangent) noexcept;

  struct Adjoints;

 private:
  bool is_active(Slot slot) const noexcept override;
  void give(const Pullback& p, int k, Tensor&& cotangent) override;
  void give_part(const Pullback& p, int k, FunctionRef<Tensor(Tensor&&)> add) override;
  void expand(const Pullback& p, uint32_t mask) override;
  void accumulate(Slot slot, Tensor&& cotangent);
  void run_rule(const Statement& s, Tensor* cotangents, bool ones);
  /// Runs the rule of a statement that something reached.
  void pull(const Statement& s);
  /// Sweeps the statements [first, end).
  void sweep(uint32_t first, uint32_t end);
  /// Sweeps all statements; before one that made a hooked value, whose cotangent is whole then, the hook.
  void sweep_to_hooks(Slot hooks_from);
  /// sweep_blocked() from statement `last` down to `first`.
  uint32_t run_blocked(uint32_t first, uint32_t last);
  void mark_active(std::span<const Slot> inputs);

  const Segment segment_;
  Adjoints& adjoints_;
};

}  // namespace adcore
