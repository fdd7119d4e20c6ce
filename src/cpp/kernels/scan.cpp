// The kernels of every scan of reductions.h: over the middle axis of a contiguous [outer, n, inner].
//
// Running says what is carried along: sums have a choice of their own. Start reading at scan().
#include "kernels/pairwise.h"
#include "kernels/reductions.h"

namespace adcore::ADCORE_ISA {
namespace {

constexpr int kWideWays = 4;    // packs of columns that run together
constexpr int64_t kBlock = 64;  // elements

/// What a scan carries along, in every lane.
template <class Combine, class T>
struct Held {
  Pack<T> held = Combine::template kIdentity<T>;
  [[gnu::always_inline]] Pack<T> add(Pack<T> x) { return held = Combine()(held, x); }
  void settle() {}
};
/// The same for one value.
template <class Combine, class T>
struct HeldAlone : Held<Combine, T> {
  [[gnu::always_inline]] T add(T x) { return Held<Combine, T>::add(Pack<T>(x))[0]; }
};

/// A running sum of V (a scalar or a pack). Floats carry the rounding error of every addition along (Knuth's two-sum),
/// so the error of each value is about one rounding, whatever its index: every kBlock elements `low` goes into the sum,
/// before it is so large that it rounds itself. It is NaN from the first inf or NaN on: then the plain sum is the
/// answer.
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
  [[gnu::always_inline]] void settle() {
    const V s = choose(low == low, sum + low, sum);
    low = low - (s - sum);
    sum = s;
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
  void settle() {}
};

template <class Combine, class T>
struct Running {
  using Scalar = HeldAlone<Combine, T>;
  using Packed = Held<Combine, T>;
};
template <class T>
struct Running<Sum, T> {
  using Scalar = IntegerSum<uint64_t>;  // wraps
  using Packed = IntegerSum<Pack<T>>;
};
template <class T>
  requires std::is_floating_point_v<T>
struct Running<Sum, T> {
  using Scalar = FloatSum<T>;
  using Packed = FloatSum<Pack<T>>;
};

/// `kWays` packs of columns (one, of `lanes` lanes, for the rest) down n rows that are `step` apart.
template <int kWays, class Combine, class T>
void scan_packs(const T* x, T* y, int64_t n, int64_t step, int lanes) {
  typename Running<Combine, T>::Packed acc[kWays];
  for (int64_t i = 0; i < n;) {
    for (const int64_t end = i + kBlock < n ? i + kBlock : n; i < end; ++i, x += step, y += step) {
      for (int k = 0; k < kWays; ++k) {
        const int64_t at = k * Pack<T>::kLanes;
        store_lanes(acc[k].add(load_lanes(x + at, lanes)), y + at, lanes);
      }
    }
    for (int k = 0; k < kWays; ++k) acc[k].settle();
  }
}

template <class Combine, class T>
void scan_row(const T* x, T* y, int64_t n, int64_t step) {
  typename Running<Combine, T>::Scalar acc;
  for (int64_t i = 0; i < n;) {
    for (const int64_t end = i + kBlock < n ? i + kBlock : n; i < end; ++i, x += step, y += step)
      *y = static_cast<T>(acc.add(*x));
    acc.settle();
  }
}

template <class Combine, class T>
void scan(const void* in, void* out, int64_t outer, int64_t n, int64_t inner, bool reverse) {
  using P = Pack<T>;
  constexpr double kRowNs = 1, kColumnNs = 0.3;
  if (outer == 0 || inner == 0 || n == 0) return;
  const int64_t step = reverse ? -inner : inner;
  const int64_t start = reverse ? (n - 1) * inner : 0;
  const T* x = static_cast<const T*>(in) + start;
  T* y = static_cast<T*>(out) + start;
  if (inner == 1) {
    for_blocks(outer, static_cast<double>(n) * kRowNs, [=](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) scan_row<Combine>(x + o * n, y + o * n, n, step);
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
        scan_packs<kWideWays, Combine>(x + at + j, y + at + j, n, step, P::kLanes);
      } else {
        for_packs<T>(j, inner,
                     [=](int64_t k, int lanes) { scan_packs<1, Combine>(x + at + k, y + at + k, n, step, lanes); });
      }
    }
  });
}

template <int Row, class T>
constexpr ScanFn entry() {
  return scan<typename std::remove_cvref_t<decltype(std::get<Row>(kScans))>::Combine, T>;
}

template <int... Rows>
const ScanKernel* entries(std::integer_sequence<int, Rows...>) {
  static constexpr ScanKernel kEntries[] = {
      {{entry<Rows, float>(), entry<Rows, double>(), entry<Rows, int64_t>(), entry<Rows, uint64_t>()}}...};
  return kEntries;
}

}  // namespace

void install_scan(Kernels& table) { table.scans = entries(std::make_integer_sequence<int, kScanCount>{}); }

}  // namespace adcore::ADCORE_ISA
