// Forward mode: every call computes its tangent beside its value, and keeps nothing.
#pragma once

#include "core/box.h"

namespace adcore {

/// An open jvp.
class Forward : public Frame {
 public:
  Forward() : Frame(FrameKind::Forward, 0) {}
  void apply(Call& call) override;
  Tensor entering(const Tensor& value) override;

  /// `value` with a tangent of its shape and dtype, or an undefined one for zero.
  Tensor dual(const Tensor& value, const Tensor& tangent) const;
  /// The value outside of this jvp; `tangent` stays undefined where it is zero.
  Tensor take_apart(const Tensor& value, Tensor& tangent) const;
};

}  // namespace adcore
