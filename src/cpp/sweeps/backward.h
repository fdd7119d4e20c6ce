// Reverse mode: down the list with transposed rules.
#pragma once

#include <span>

#include "core/tape.h"

namespace adcore {

/// The cotangents of a closed level's inputs, given those of its outputs.
class Backward {
 public:
  /// Closes the level.
  explicit Backward(Level& level);
  /// `consumes`: the kept values are dropped on the way, else the statements can be swept again.
  explicit Backward(const Segment& segment, bool consumes = false);
  ~Backward();
  Backward(const Backward&) = delete;
  Backward& operator=(const Backward&) = delete;

  /// Adds a cotangent of an output. Outputs that do not depend on the level's inputs are passed over.
  void seed(const Tensor& output, Tensor cotangent);
  void seed(Slot output, Tensor cotangent);

  /// Sweeps. `inputs` are the slots whose cotangents will be asked for. Called once.
  void run(std::span<const Slot> inputs);

  bool reached(Slot slot) const noexcept;
  /// The cotangent at an input's slot; zeros like `input` where nothing reached it.
  Tensor cotangent(Slot slot, const Tensor& input) const;

  struct Adjoints;

 private:
  static bool is_active(const void* sweep, Slot slot);
  static void give(void* sweep, const Pullback& p, int k, Tensor&& cotangent);
  void accumulate(Slot slot, Tensor&& cotangent);
  /// sweep_blocked() from statement `last` down.
  uint32_t run_blocked(uint32_t last);
  void mark_active(std::span<const Slot> inputs);

  Segment segment_;
  Adjoints& adjoints_;
  const uint64_t serial_;
  bool recording_;
  bool consumes_;  // drops the kept values as it goes
  bool all_active_;
};

}  // namespace adcore
