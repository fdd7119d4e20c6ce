// Running sums over the middle axis of a contiguous [outer, n, inner], for the four compute types.
#include "kernels/pairwise.h"

namespace adcore::ADCORE_ISA {
namespace {

constexpr int kWideWays = 4;  // packs of columns that run together

/// A running sum of V (a scalar or a pack). Floats carry the rounding error of every addition along (Knuth's two-sum),
/// so the error of each value is about one rounding, whatever its index. `low` is NaN from the first inf or NaN on:
/// then the plain sum is the answer.
template <class V>
struct FloatSum {
  V sum = 0, low = 0;
  [[gnu::always_inline]] V add(V x) {
    const V s = sum + x;
    const V t = s - sum;
    low = low + ((sum - (s - t)) + (x - t));
    sum = s;
    return choose(low == low, sum + low, sum);
  }
  static V choose(bool m, V a, V b) { return m ? a : b; }
  template <class M>
  [[gnu::always_inline]] static V choose(M m, V a, V b) {
    return select(m, a, b);
  }
};
template <class V>
struct IntegerSum {
  V sum = 0;
  [[gnu::always_inline]] V add(V x) { return sum = sum + x; }
};

template <class T>
struct Running {
  using Scalar = IntegerSum<uint64_t>;  // wraps
  using Packed = IntegerSum<Pack<T>>;
};
template <class T>
  requires std::is_floating_point_v<T>
struct Running<T> {
  using Scalar = FloatSum<T>;
  using Packed = FloatSum<Pack<T>>;
};

/// `kWays` packs of columns (one, of `lanes` lanes, for the rest) down n rows that are `step` apart.
template <int kWays, class T>
void cumsum_packs(const T* x, T* y, int64_t n, int64_t step, int lanes) {
  typename Running<T>::Packed acc[kWays];
  for (int64_t i = 0; i < n; ++i, x += step, y += step) {
    for (int k = 0; k < kWays; ++k) {
      const int64_t at = k * Pack<T>::kLanes;
      store_lanes(acc[k].add(load_lanes(x + at, lanes)), y + at, lanes);
    }
  }
}

template <class T>
void cumsum_row(const T* x, T* y, int64_t n, int64_t step) {
  typename Running<T>::Scalar acc;
  for (int64_t i = 0; i < n; ++i, x += step, y += step) *y = static_cast<T>(acc.add(*x));
}

template <class T>
void cumsum(const void* in, void* out, int64_t outer, int64_t n, int64_t inner, bool reverse) {
  using P = Pack<T>;
  constexpr double kRowNs = 1, kColumnNs = 0.3;
  if (outer == 0 || inner == 0 || n == 0) return;
  const int64_t step = reverse ? -inner : inner;
  const int64_t start = reverse ? (n - 1) * inner : 0;
  const T* x = static_cast<const T*>(in) + start;
  T* y = static_cast<T*>(out) + start;
  if (inner == 1) {
    for_blocks(outer, static_cast<double>(n) * kRowNs, [=](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) cumsum_row(x + o * n, y + o * n, n, step);
    });
    return;
  }
  constexpr int64_t kWide = kWideWays * P::kLanes;
  const int64_t strips = ceil_div(inner, kWide);
  for_blocks(outer * strips, static_cast<double>(n * kWide) * kColumnNs, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t j = i % strips * kWide;
      const int64_t at = i / strips * n * inner;
      if (j + kWide <= inner) {
        cumsum_packs<kWideWays>(x + at + j, y + at + j, n, step, P::kLanes);
      } else {
        for_packs<T>(j, inner, [=](int64_t k, int lanes) { cumsum_packs<1>(x + at + k, y + at + k, n, step, lanes); });
      }
    }
  });
}

}  // namespace

void install_scan(Kernels& table) {
  table.reduce[static_cast<int>(Compute::F32)].cumsum = cumsum<float>;
  table.reduce[static_cast<int>(Compute::F64)].cumsum = cumsum<double>;
  table.reduce[static_cast<int>(Compute::I64)].cumsum = cumsum<int64_t>;
  table.reduce[static_cast<int>(Compute::U64)].cumsum = cumsum<uint64_t>;
}

}  // namespace adcore::ADCORE_ISA
