// Pooling: the greatest element or the average of each window. Plane by plane, each by one thread.
#include <cstdint>
#include <limits>

#include "base/thread_pool.h"
#include "kernels/isa.h"
#include "kernels/simd.h"

namespace adcore::ADCORE_ISA {
namespace pool {
namespace {

int64_t product(const int64_t (&sizes)[3]) { return sizes[0] * sizes[1] * sizes[2]; }

/// body(plane) for all planes, some at a time.
template <class F>
void each_plane(const PoolArgs& a, const F& body) {
  constexpr int64_t kLong = 65536, kChunk = 16384;  // elements
  const int64_t touched = product(a.in) + product(a.out);
  if (a.planes * touched < kLong) {
    for (int64_t p = 0; p < a.planes; ++p) body(p);
    return;
  }
  const int64_t at_once = touched >= kChunk ? 1 : kChunk / (touched + 1) + 1;
  parallel_for((a.planes + at_once - 1) / at_once, [&](int64_t chunk) {
    const int64_t end = (chunk + 1) * at_once < a.planes ? (chunk + 1) * at_once : a.planes;
    for (int64_t p = chunk * at_once; p < end; ++p) body(p);
  });
}

/// f(u0, u1) for the rows of outputs of a plane.
template <class F>
void each_row(const PoolArgs& a, const F& f) {
  for (int64_t u0 = 0; u0 < a.out[0]; ++u0)
    for (int64_t u1 = 0; u1 < a.out[1]; ++u1) f(u0, u1);
}

/// f(row) for the rows of elements that a row of outputs sees: where they start in the plane.
template <class F>
void each_source(const PoolArgs& a, int64_t u0, int64_t u1, const F& f) {
  for (int64_t i = a.first[0][u0]; i < a.end[0][u0]; i += a.step[0])
    for (int64_t j = a.first[1][u1]; j < a.end[1][u1]; j += a.step[1]) f((i * a.in[1] + j) * a.in[2]);
}

template <class T>
void max(const PoolArgs& a, const T* x, T* y, int64_t* index) {
  const int64_t in = product(a.in), out = product(a.out);
  each_plane(a, [&](int64_t p) {
    const T* plane = x + p * in;
    each_row(a, [&](int64_t u0, int64_t u1) {
      const int64_t row = p * out + (u0 * a.out[1] + u1) * a.out[2];
      for (int64_t u = 0; u < a.out[2]; ++u) {
        T best = -std::numeric_limits<T>::infinity();
        int64_t at = -1;
        each_source(a, u0, u1, [&](int64_t start) {
          for (int64_t k = a.first[2][u]; k < a.end[2][u]; k += a.step[2]) {
            const T value = plane[start + k];
            // The first NaN stays: nothing is greater.
            const bool better = value > best || at < 0 || (value != value && best == best);
            best = better ? value : best;
            at = better ? start + k : at;
          }
        });
        y[row + u] = best;
        if (index) index[row + u] = at < 0 ? 0 : at;
      }
    });
  });
}

template <class T>
void average(const PoolArgs& a, const T* x, T* y) {
  const int64_t in = product(a.in), out = product(a.out);
  each_plane(a, [&](int64_t p) {
    const T* plane = x + p * in;
    each_row(a, [&](int64_t u0, int64_t u1) {
      T* row = y + p * out + (u0 * a.out[1] + u1) * a.out[2];
      const double outer = a.scale[0][u0] * a.scale[1][u1];
      for (int64_t u = 0; u < a.out[2]; ++u) {
        T total = 0;
        each_source(a, u0, u1, [&](int64_t start) {
          for (int64_t k = a.first[2][u]; k < a.end[2][u]; k += a.step[2]) total += plane[start + k];
        });
        row[u] = static_cast<T>(total * (outer * a.scale[2][u]));
      }
    });
  });
}

template <class T>
void average_grad(const PoolArgs& a, const T* y, T* x) {
  const int64_t in = product(a.in), out = product(a.out);
  each_plane(a, [&](int64_t p) {
    T* plane = x + p * in;
    for (int64_t i = 0; i < in; ++i) plane[i] = 0;
    each_row(a, [&](int64_t u0, int64_t u1) {
      const T* row = y + p * out + (u0 * a.out[1] + u1) * a.out[2];
      const double outer = a.scale[0][u0] * a.scale[1][u1];
      for (int64_t u = 0; u < a.out[2]; ++u) {
        const T part = static_cast<T>(row[u] * (outer * a.scale[2][u]));
        each_source(a, u0, u1, [&](int64_t start) {
          for (int64_t k = a.first[2][u]; k < a.end[2][u]; k += a.step[2]) plane[start + k] += part;
        });
      }
    });
  });
}

template <class T>
constexpr PoolKernels<T> kernels_of() {
  return {&max<T>, &average<T>, &average_grad<T>};
}

}  // namespace
}  // namespace pool

void install_pool(Kernels& table) {
  table.pool_f32 = pool::kernels_of<float>();
  table.pool_f64 = pool::kernels_of<double>();
}

}  // namespace adcore::ADCORE_ISA
