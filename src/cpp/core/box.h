// Values of the transforms: the duals of jvp, the batches of vmap, and what a trace knows of a value.
//
// A Frame is an open jvp, vmap or trace. A tensor of such a transform is boxed: its buffer is a Box, which holds what
// the value is outside of the frame: for jvp the value and its tangent, for vmap the values of all members along a new
// axis 0; for a trace nothing but its number in the program. To everything else the boxed tensor looks like the value
// itself: its shape, its dtype, its own place on the tape.
//
// apply() finds boxed operands after infer and hands the call to the innermost frame that one of them belongs to. The
// frame computes with their bases *outside of itself*, by apply() again, so frames nest in any order, and levels of
// reverse mode outside of a frame record what it computes there. A level inside of a frame records the boxed values.
//
// Where to start reading: apply_boxed() in box.cpp, then sweeps/forward.cpp and sweeps/batch.cpp.
#pragma once

#include "core/scope.h"

namespace adcore {

struct Box {
  Buffer head;  // what the tensor's buffer refers to
  FrameKind kind;
  uint64_t frame;
  Tensor base;         // the value outside of the frame; Batch: of all members, along axis 0;
                       // Trace: undefined, nobody knows the elements
  Tensor tangent;      // Forward: like base; undefined: zero
  uint32_t value = 0;  // Trace: the number of the value in the program
};

inline const Box* box_of(const Tensor& t) noexcept {
  return t.boxed() ? static_cast<const Box*>(t.buffer().get()->owner) : nullptr;
}
/// A value with its tangent.
Tensor make_dual(const Frame& frame, Tensor base, Tensor tangent);
/// The members of a batch as one value; `base` has one more axis, the first.
Tensor make_batch(const Frame& frame, Tensor base);
/// Value number `value` of the program that the frame records.
Tensor make_traced(const Frame& frame, uint32_t value, const Dims& shape, DType dtype);

/// The same box around another value; not of a trace.
Tensor box_again(const Box& box, Tensor base, Tensor tangent);

/// The frame of a boxed value if it is open in this thread, else null.
Frame* open_frame(const Box& box) noexcept;
/// The open frame that computes with the box, null where it is closed or a jvp that no_grad shuts out.
Frame* computing_frame(const Box& box) noexcept;
/// The innermost frame that computes with one of the values, null where none does. A value that a vmap or a
/// trace let out of its function raises.
Frame* innermost(const Tensor& t);
/// The box of this frame that the value stands in, if any, below those of jvps that do not compute with it.
const Box* box_in(const Tensor& t, uint64_t frame) noexcept;
/// The value without the boxes of jvps that closed or are shut out. Throws for a batch whose vmap closed and for a
/// traced value whose trace did.
Tensor settled(const Tensor& t);
/// The value without derivatives: no place on a tape, no tangent.
Tensor without_derivative(const Tensor& t);

/// What cannot be recorded: elements that Python asks for.
class RecordingError : public Error {
 public:
  explicit RecordingError(std::string message) : Error(ErrorKind::Value, std::move(message)) {}
};

void apply_boxed(Call& call);
/// Throws where the elements differ between the members of a vmap or are not known in a trace.
void require_readable(const Tensor& t);

}  // namespace adcore
