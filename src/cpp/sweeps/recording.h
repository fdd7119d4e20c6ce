// A function's call that was recorded to be differentiated: what grad, vjp, linearize and C++ programs have in common.
//
// While a level is open its inputs and outputs are named, and known by their numbers in that order; close() ends it.
// Gradients is one sweep of it.
#pragma once

#include <memory>
#include <vector>

#include "base/reuse.h"
#include "sweeps/backward.h"

namespace adcore {

class Recording {
 public:
  Recording() = default;
  ~Recording() { drop(); }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  /// Names an input: a value at a slot that the level gave out, 0 for one that wants no derivative. The same slot may
  /// be named again.
  void input(Slot slot, const Tensor& value) { ends_->inputs.emplace_back(slot, value); }
  /// Names an output: a value that stands at a slot of the tape, 0 where it depends on none of the inputs.
  void output(Slot slot, const Tensor& value) { ends_->outputs.emplace_back(slot, value); }
  /// Closes the level. The tape of one that is swept many times is kept, unless outer levels own it.
  void close(Level& level);
  /// Lets go of the tape; nothing can be swept any more.
  void drop() noexcept;

  /// True where it may be swept: the tape is its own, or that of an outer level which records now and keeps it.
  bool live() const noexcept { return tape_ || (outer_records() && !is_dropped()); }
  /// Throws where it is not live. `name` says who made it.
  void check_live(const char* name) const;
  /// The tape where it was kept, else null.
  const Tape* tape() const noexcept { return tape_.get(); }
  size_t inputs() const noexcept { return ends_->inputs.size(); }
  size_t outputs() const noexcept { return ends_->outputs.size(); }

 private:
  friend class Gradients;

  struct End {
    Slot slot;
    DType dtype;  // of its cotangent
    Dims shape;

    End(Slot s, const Tensor& value) : slot(s), dtype(derivative_dtype(value.dtype())), shape(value.shape()) {}
  };
  struct Ends {
    std::vector<End> inputs, outputs;
    std::vector<Slot> wanted;  // slots of the inputs

    void clear() noexcept {
      forget(inputs);
      forget(outputs);
      forget(wanted);
    }
  };

  bool outer_records() const noexcept;
  bool is_dropped() const noexcept { return segment_.tape->is_dropped(segment_.first_slot); }

  Reused<Ends> ends_;
  Segment segment_;
  std::unique_ptr<Tape> tape_;
};

/// A sweep of a closed recording: cotangents of the outputs go in, gradients of the inputs come out.
class Gradients {
 public:
  explicit Gradients(const Recording& recording) : ends_(*recording.ends_), backward_(recording.segment_) {}

  void seed(size_t output, Tensor cotangent);
  /// Ones for every output: the gradient is that of the sum of all their elements.
  void seed_ones();
  void sweep() { backward_.run(ends_.wanted); }
  /// The same; calls `whole` with the number of each input that is reached as soon as its gradient is whole.
  void sweep_to_inputs(FunctionRef<void(size_t)> whole);

  bool reached(size_t input) const noexcept { return backward_.reached(ends_.inputs[input].slot); }
  /// The gradient of an input; zeros where nothing reached it.
  Tensor of(size_t input) const;
  /// Puts another one in its place, for every input at the same slot.
  void replace(size_t input, Tensor gradient) { backward_.replace(ends_.inputs[input].slot, std::move(gradient)); }
  /// True where an earlier input stands at the same slot.
  bool repeats(size_t input) const noexcept;

 private:
  const Recording::Ends& ends_;
  Backward backward_;
};

}  // namespace adcore
