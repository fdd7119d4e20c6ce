// What the tests of tensors and ops share: data in every layout, comparison with plain loops, gradients against finite
// differences.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "ops/functions.h"
#include "sweeps/grad.h"

namespace adcore::testing {

/// Uniform in [low, high).
inline Tensor random_tensor(const Dims& shape, double low, double high, uint64_t seed, DType dtype = DType::Float64) {
  std::mt19937_64 bits(seed);
  Tensor t(shape, DType::Float64);
  for (int64_t i = 0; i < t.size(); ++i) {
    t.mutable_data_as<double>()[i] = low + (high - low) * std::ldexp(static_cast<double>(bits() >> 11), -53);
  }
  return as_contiguous(t, dtype);
}

inline Tensor tensor_of(const std::vector<double>& values, const Dims& shape, DType dtype = DType::Float64) {
  Tensor t(shape, DType::Float64);
  REQUIRE(t.size() == static_cast<int64_t>(values.size()));
  std::copy(values.begin(), values.end(), t.mutable_data_as<double>());
  return as_contiguous(t, dtype);
}

/// The same elements lying otherwise in memory: transposed, with gaps, backwards.
enum class Layout { Plain, Transposed, Stepped, Reversed };
inline constexpr Layout kLayouts[] = {Layout::Plain, Layout::Transposed, Layout::Stepped, Layout::Reversed};

inline Tensor laid_out(const Tensor& t, Layout layout) {
  const int rank = t.rank();
  if (layout == Layout::Plain || rank == 0 || t.size() == 0) return t;
  Dims memory_shape, strides(rank, 0);
  for (int i = 0; i < rank; ++i) {
    const bool stepped = layout == Layout::Stepped && i == rank - 1;
    memory_shape.push_back(layout == Layout::Transposed ? t.shape()[rank - 1 - i] : t.shape()[i] * (stepped ? 3 : 1));
  }
  Tensor memory = full(memory_shape, 77.0, t.dtype());
  const Dims steps = memory.strides();
  int64_t offset = 0;
  for (int i = 0; i < rank; ++i) {
    if (layout == Layout::Transposed) strides[i] = steps[rank - 1 - i];
    if (layout == Layout::Stepped) strides[i] = i == rank - 1 ? 3 : steps[i];
    if (layout == Layout::Reversed) {
      strides[i] = -steps[i];
      offset += steps[i] * (t.shape()[i] - 1);
    }
  }
  // Written element by element, so that no op under test takes part.
  const auto item_size = static_cast<int64_t>(size_of(t.dtype()));
  Dims index(rank, 0);
  auto* base = static_cast<std::byte*>(memory.mutable_data());
  const Tensor plain = as_contiguous(t);
  for (int64_t i = 0; i < t.size(); ++i) {
    int64_t at = offset;
    for (int k = 0; k < rank; ++k) at += index[k] * strides[k];
    std::memcpy(base + at * item_size, static_cast<const std::byte*>(plain.data()) + i * item_size,
                static_cast<size_t>(item_size));
    for (int k = rank - 1; k >= 0 && ++index[k] == t.shape()[k]; --k) index[k] = 0;
  }
  return Tensor(memory.buffer(), offset, t.shape(), strides, t.dtype());
}

/// The element of t at an index of a shape that t broadcasts to.
inline double element(const std::vector<double>& values, const Dims& shape, const Dims& index) {
  int64_t at = 0;
  const int skip = index.size() - shape.size();
  for (int k = 0; k < shape.size(); ++k) at = at * shape[k] + (shape[k] == 1 ? 0 : index[k + skip]);
  return values[static_cast<size_t>(at)];
}

/// body(index) for every index of a shape, by rows.
template <class Body>
void for_each_index(const Dims& shape, Body body) {
  Dims index(shape.size(), 0);
  for (int64_t i = 0; i < numel(shape); ++i) {
    body(index);
    for (int k = shape.size() - 1; k >= 0 && ++index[k] == shape[k]; --k) index[k] = 0;
  }
}

/// The largest |got - want| / max(1, |want|); infinite where the sizes or the NaNs differ.
inline double distance(const std::vector<double>& got, const std::vector<double>& want) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]))) continue;
    const double error = std::fabs(got[i] - want[i]) / std::max(1.0, std::fabs(want[i]));
    worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : std::max(worst, error);
  }
  return worst;
}
inline double distance(const Tensor& got, const std::vector<double>& want) { return distance(to_vector(got), want); }

/// The kind of Error that f throws; none if it returns.
template <class F>
std::optional<ErrorKind> error_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.kind();
  }
  return std::nullopt;
}

using Function1 = std::function<Tensor(const std::vector<Tensor>&)>;

/// sum(f(x) * fixed random weights): no direction of the output goes unseen.
inline Function1 weighted(Function1 f, uint64_t seed) {
  return [f = std::move(f), seed](const std::vector<Tensor>& x) {
    const Tensor y = f(x);
    return sum(y * random_tensor(y.shape(), 0.5, 1.5, seed, y.dtype()));
  };
}

/// The gradients of the sum of f's elements with respect to every input, joined into one vector; it can be
/// differentiated.
inline Function1 gradient_of(Function1 f) {
  return [f = std::move(f)](const std::vector<Tensor>& x) {
    std::vector<Tensor> flat;
    for (const Tensor& g : value_and_grad(f, x).gradients) flat.push_back(reshape(g, Dims{-1}));
    return flat.size() == 1 ? flat[0] : concat(flat, 0);
  };
}

/// d f / d (each element of each input) by central differences of fourth order.
inline std::vector<double> differences(const Function1& f, const std::vector<Tensor>& x, double step = 1e-3) {
  std::vector<double> out;
  for (size_t k = 0; k < x.size(); ++k) {
    const std::vector<double> at = to_vector(x[k]);
    for (size_t i = 0; i < at.size(); ++i) {
      const auto moved = [&](double by) {
        std::vector<double> values = at;
        values[i] += by;
        std::vector<Tensor> y = x;
        y[k] = tensor_of(values, x[k].shape());
        return item(f(y));
      };
      out.push_back((8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step));
    }
  }
  return out;
}

/// Checks the derivatives of f at float64 inputs up to `order`, each order against differences of the one below.
inline void check_gradients(Function1 f, const std::vector<Tensor>& x, int order = 2, double tolerance = 1e-7) {
  for (int n = 1; n <= order; ++n) {
    INFO("order ", n);
    const Function1 h = weighted(std::move(f), static_cast<uint64_t>(n));
    f = gradient_of(h);
    CHECK(distance(f(x), differences(h, x)) < tolerance);
  }
}

}  // namespace adcore::testing
