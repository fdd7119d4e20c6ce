// The reverse sweep of large elementwise programs, many statements at a time.
//
// Statement by statement, every cotangent of a program on large arrays travels to memory and back. A run of elementwise
// statements of one shape is swept block by block instead: all its partials on one block, whose cotangents never leave
// the cache, then on the next. The kernels and the order of additions are those of the plain sweep, so are the bits.
#pragma once

#include "base/function_ref.h"
#include "core/tape.h"

namespace adcore {

/// The adjoints of a sweep in which every tracked value is active.
struct AdjointAccess {
  FunctionRef<const Tensor*(Slot)> peek;  // null: nothing reached the slot
  FunctionRef<Tensor(Slot)> take;
  FunctionRef<void(Slot, Tensor)> put;  // to a slot that has none
};

/// Cotangents of fewer elements stay in the cache anyway.
inline constexpr int64_t kBlockedSweepSize = 16 * 1024;

/// Sweeps the elementwise statements that end with `last`, as far down to `first` as they belong together. Returns the
/// lowest statement that it swept; last + 1, and nothing has changed, where a run would save nothing.
uint32_t sweep_blocked(const Tape& tape, uint32_t first, uint32_t last, const AdjointAccess& adjoints);

}  // namespace adcore
