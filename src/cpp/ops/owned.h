// What is shared with another library ends here: values on memory that nobody else writes to.
#pragma once

#include "core/op.h"

namespace adcore {

/// The value itself, or a copy where its memory is another library's. In a trace a call, since a program learns of each
/// run's memory only then.
Tensor owned(const Tensor& x);
/// A view op, whose output is contiguous whatever the memory: whether it copies is no part of a plan.
const Op& owned_op();

}  // namespace adcore
