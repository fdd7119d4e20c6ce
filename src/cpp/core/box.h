// Values of the transforms that compute as they go: the duals of jvp and the batches of vmap.
//
// A Frame is an open jvp or vmap. A tensor of such a transform is boxed: its buffer is a Box, which holds what the value
// is outside of the frame: for jvp the value and its tangent, for vmap the values of all members along a new axis 0. To
// everything else the boxed tensor looks like the value itself: its shape, its dtype, its own place on the tape.
//
// apply() finds boxed operands after infer and hands the call to the innermost frame that one of them belongs to. The
// frame computes with their bases *outside of itself*, by apply() again, so frames nest in any order, and levels of
// reverse mode outside of a frame record what it computes there. A level inside of a frame records the boxed values.
//
// Where to start reading: apply_boxed() in box.cpp, then sweeps/forward.cpp and sweeps/batch.cpp.
#pragma once

#include <memory>

#include "base/context.h"
#include "core/op.h"

namespace adcore {

class Tape;

enum class FrameKind : uint8_t { Forward, Batch };

/// An open transform. It may be opened again after it closed, so that a rule kept from inside can run.
class Frame : public std::enable_shared_from_this<Frame> {
 public:
  Frame(FrameKind kind, int64_t size);
  virtual ~Frame() = default;
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  /// Computes a call, one of whose operands at least is boxed here and none in a deeper frame.
  virtual void apply(Call& call) = 0;

  const FrameKind kind;
  const uint64_t id;
  const int64_t size;  // Batch: how many members

  /// Where it stands while it is open.
  struct Place {
    const ThreadContext* thread = nullptr;  // null: closed
    Frame* outer = nullptr;
    int depth = 0;
    Tape* tape = nullptr;      // the live tape when it opened
    uint32_t open_levels = 0;  // of that tape then
  };
  Place place;
};

/// Opens a frame in this thread for the time of a scope; nothing where it is open already. One that is open, but hidden by
/// Outside, stands at a second place meanwhile.
class FrameScope {
 public:
  explicit FrameScope(Frame& frame);
  ~FrameScope();
  FrameScope(const FrameScope&) = delete;
  FrameScope& operator=(const FrameScope&) = delete;

 private:
  Frame* opened_;
  Frame::Place before_;
  uint64_t outer_scope_ = 0;
  int no_grad_depth_ = 0;
};

/// Runs what follows outside of a frame: its bases are ordinary values there.
class Outside {
 public:
  explicit Outside(const Frame& frame) noexcept;
  ~Outside();
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;

 private:
  Tape* tape_;
  Frame* frame_;
};

/// Nothing that runs in its scope is differentiated by what is open around it.
class NoGrad {
 public:
  NoGrad() noexcept;
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;
  /// False where something else was opened since and not closed, or what it was opened in has closed.
  bool innermost() const noexcept { return context().scope == scope_; }

 private:
  Tape* tape_;
  int depth_;
  uint64_t outer_scope_, scope_;
};

struct Box {
  Buffer head;  // what the tensor's buffer refers to
  FrameKind kind;
  uint64_t frame;
  Tensor base;     // the value outside of the frame; Batch: of all members, along axis 0
  Tensor tangent;  // Forward: like base; undefined: zero
};

inline const Box* box_of(const Tensor& t) noexcept {
  return t.boxed() ? static_cast<const Box*>(t.buffer().get()->owner) : nullptr;
}
/// A value with its tangent.
Tensor make_dual(const Frame& frame, Tensor base, Tensor tangent);
/// The members of a batch as one value; `base` has one more axis, the first.
Tensor make_batch(const Frame& frame, Tensor base);

/// The same box around another value.
Tensor box_again(const Box& box, Tensor base, Tensor tangent);

/// The frame of a boxed value if it is open in this thread, else null.
Frame* open_frame(const Box& box) noexcept;
/// The innermost frame that computes with one of the values, null where none does. A value that a vmap let out of its
/// function raises.
Frame* innermost(const Tensor& t);
/// The box of this frame that the value stands in, if any, below those of jvps that do not compute with it.
const Box* box_in(const Tensor& t, uint64_t frame) noexcept;
/// The value without the boxes of jvps that closed or are shut out. Throws for a batch whose vmap closed.
Tensor settled(const Tensor& t);
/// The value without derivatives: no place on a tape, no tangent.
Tensor without_derivative(const Tensor& t);

/// The elements of the value for all members, without any box: what a check of all elements looks at.
Tensor bottom(const Tensor& t);

/// No open level or jvp sees what runs now, so a rule may compute with fused kernels.
bool nothing_differentiates() noexcept;

void apply_boxed(Call& call);
/// Throws where the elements differ between the members of a vmap.
void require_readable(const Tensor& t);

}  // namespace adcore
