#include "sweeps/recording.h"

#include <algorithm>

#include "ops/functions.h"

namespace adcore {

void Recording::close(Level& level) {
  level.check_records();
  for (const End& out : ends_->outputs)
    if (out.slot >= level.first_slot()) level.tape().check_not_dropped("the result", out.slot);
  level.close();
  segment_ = level.segment();
  if (!segment_.once) tape_ = level.keep_tape();
  for (const End& in : ends_->inputs)
    if (in.slot) ends_->wanted.push_back(in.slot);
}

void Recording::drop() noexcept {
  segment_ = {};
  // What a rule held may run code of the user when it goes, which finds the recording without a tape.
  if (tape_) Idle<Tape>::put(tape_.release());
}

bool Recording::outer_records() const noexcept {
  // The tape of an outer level may be gone: its address is compared before it is read.
  return segment_.tape && context().tape == segment_.tape && segment_.tape->id() == segment_.tape_id;
}

void Recording::check_live(const char* name) const {
  if (live()) return;
  if (!outer_records()) {
    fail(ErrorKind::Runtime, name, ": the derivative around it has ended; what ", name,
         " returned must be called inside of it.");
  }
  fail(
      ErrorKind::Runtime, name, ": what ", name,
      " returned has left the recomputed block that made it, of which nothing is kept; call it inside of the block, or "
      "make it outside.");
}

void Gradients::seed(size_t output, Tensor cotangent) {
  backward_.seed(ends_.outputs[output].slot, std::move(cotangent));
}

void Gradients::seed_ones() {
  for (const auto& out : ends_.outputs) backward_.seed_ones(out.slot, out.shape, out.dtype);
}

void Gradients::sweep_to_inputs(FunctionRef<void(size_t)> whole) {
  std::vector<size_t> numbers;
  for (size_t i = 0; i < ends_.inputs.size(); ++i)
    if (ends_.inputs[i].slot) numbers.push_back(i);
  backward_.run_to_inputs(ends_.wanted, [&](size_t k) { whole(numbers[k]); });
}

Tensor Gradients::of(size_t input) const {
  const auto& in = ends_.inputs[input];
  return backward_.reached(in.slot) ? backward_.cotangent(in.slot) : zeros(in.shape, in.dtype);
}

bool Gradients::repeats(size_t input) const noexcept {
  const auto end = ends_.inputs.begin() + static_cast<std::ptrdiff_t>(input);
  return std::any_of(ends_.inputs.begin(), end, [&](const auto& in) { return in.slot == end->slot; });
}

}  // namespace adcore
