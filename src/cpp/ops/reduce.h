// The layout that reductions, scans and softmax run on.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/buffer.h"
#include "core/op.h"

namespace adcore {

/// A row's name, ended by 0.
template <size_t N>
struct NameOfRow {
  char text[N] = {};
  explicit constexpr NameOfRow(std::string_view name) { std::copy(name.begin(), name.end(), text); }
};

/// Half precision in the computing type, so that what follows rounds once.
Tensor widened(const Tensor& x);

/// x as a contiguous [outer, n, inner] of the compute type, n over the axes of the mask.
struct Canonical {
  Tensor x;
  int64_t outer = 1, n = 1, inner = 1;
};
Canonical canonical(const Tensor& x, uint32_t mask, Compute compute);

/// What is left of a shape when the axes of the mask are reduced.
Dims reduced_shape(const Dims& shape, uint32_t mask, bool keep);

/// What a call of an op reduces and how, where the op is a row of reductions.h.
struct ReductionOf {
  int row;
  uint32_t mask;  // of axes
  bool keep;
  double p;
};
std::optional<ReductionOf> reduction_of(const Op& op, Attrs attrs) noexcept;
/// The name of a row of reductions.h.
std::string_view reduction_name(int row) noexcept;

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
