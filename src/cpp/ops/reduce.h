// The layout that reductions, scans and softmax run on.
#pragma once

#include "base/buffer.h"
#include "core/tensor.h"
#include "kernels/kernels.h"

namespace adcore {

/// x as a contiguous [outer, n, inner] of the compute type, n over the axes of the mask.
struct Canonical {
  Tensor x;
  int64_t outer = 1, n = 1, inner = 1;
};
Canonical canonical(const Tensor& x, uint32_t mask, Compute compute);

/// y[outer, inner], the sums of such an x.
void sum_middle(Compute compute, const void* x, void* y, int64_t outer, int64_t n, int64_t inner);

/// Runs f into the output, through a buffer of the compute type where the output is stored otherwise.
template <class F>
void into(Tensor& out, Compute compute, F f) {
  if (out.dtype() == storage_of(compute)) return f(out.mutable_data());
  const Scratch scratch(static_cast<size_t>(out.size()) * 8);
  f(scratch.as<void>());
  kernels().store_block(scratch.as<void>(), compute, out.mutable_data(), out.dtype(), out.size());
}

}  // namespace adcore
