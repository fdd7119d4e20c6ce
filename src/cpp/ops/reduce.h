// The layout that reductions, scans and softmax run on.
#pragma once

#include "core/tensor.h"

namespace adcore {

/// x as a contiguous [outer, n, inner] of the compute type, n over the axes of the mask.
struct Canonical {
  Tensor x;
  int64_t outer = 1, n = 1, inner = 1;
};
Canonical canonical(const Tensor& x, uint32_t mask, Compute compute);

}  // namespace adcore
