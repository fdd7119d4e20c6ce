// vmap: every call computes all members of a batch at once.
#pragma once

#include "core/box.h"

namespace adcore {

/// An open vmap over `size` members.
class Batch : public Frame {
 public:
  explicit Batch(int64_t size) : Frame(FrameKind::Batch, size) {}
  void apply(Call& call) override;
  Tensor entering(const Tensor& value) override;

  /// The members along axis 0 of `values` as one value.
  Tensor join(const Tensor& values) const;
  /// True where the value differs between the members.
  bool holds(const Tensor& value) const noexcept { return box_in(value, id) != nullptr; }
  /// All members of a value along axis 0; one value for all is repeated.
  Tensor split(const Tensor& value) const;
};

}  // namespace adcore
