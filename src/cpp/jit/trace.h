// trace: a frame that computes nothing. It notes each call on its values, and the notes are a program, which runs again
// on other inputs.
//
// Levels of reverse mode and other frames inside of it work as ever, because what their rules compute are calls too.
// Calls on constants alone do not reach the frame: they compute, and what they made is a constant of the program.
#pragma once

#include <optional>

#include "base/function_ref.h"
#include "core/box.h"
#include "jit/program.h"

namespace adcore {

/// The frame. It is the outermost one: nothing is open where it opens.
class Trace : public Frame {
 public:
  /// The place in the user's text of the call that is being recorded, as ProgramBuilder::place() numbers it.
  using Where = FunctionRef<uint32_t(ProgramBuilder&)>;

  Trace() : Frame(FrameKind::Trace, 0) {}
  explicit Trace(Where where) : Frame(FrameKind::Trace, 0), where_(where) {}
  void apply(Call& call) override;
  Tensor constant(const Tensor& value) override;
  Tensor entering(const Tensor& value) override;

  /// A value like this one that stands for the program's next input.
  Tensor input(const Tensor& like);
  /// Makes the value the program's next output.
  void output(const Tensor& value);
  Program take() noexcept { return builder_.take(); }
  size_t statement_count() const noexcept { return builder_.program().statements().size(); }

 protected:
  /// The number of a value that is not the trace's.
  virtual uint32_t number_of_outer(const Tensor& value) { return builder_.constant(value.detached()); }

  ProgramBuilder builder_;

 private:
  uint32_t number_of(const Tensor& value);

  std::optional<Where> where_;
};

}  // namespace adcore
