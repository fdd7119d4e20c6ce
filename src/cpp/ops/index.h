// What other families need of indexing (index.cpp).
#pragma once

#include "core/tensor.h"

namespace adcore {

/// gather_elements() where all is known to fit: an index of x's shape but for one axis, which counts from the front,
/// and entries that are in range and not negative.
Tensor pick_elements(const Tensor& x, int axis, const Tensor& index);

}  // namespace adcore
