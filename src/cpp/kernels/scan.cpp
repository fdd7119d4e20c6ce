// The kernels of every scan of reductions.h: over the middle axis of a contiguous [outer, n, inner].
//
// Running says what is carried along: sums have a choice of their own. Rows take the places of columns, and one alone a
// scalar; the arithmetic is the same, and so are the bits. Start reading at scan_lines().
#include "kernels/pairwise.h"
#include "kernels/reductions.h"
#include "kernels/vmath.h"

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
template <class Packed, class T>
struct Alone : Packed {
  [[gnu::always_inline]] T add(T x) { return Packed::add(Pack<T>(x))[0]; }
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

/// The greatest element and the sum of exp(element - greatest).
template <class T>
struct RunningExponentials {
  Pack<T> top = -std::numeric_limits<T>::infinity();
  FloatSum<Pack<T>> terms;
  [[gnu::always_inline]] Pack<T> add(Pack<T> x) {
    const Pack<T> less = exp(-abs(select(x == top, Pack<T>(0), x - top)));
    const auto rises = x > top;
    const Pack<T> scale = select(rises, less, Pack<T>(1));
    terms.sum = terms.sum * scale;
    terms.low = terms.low * scale;
    top = max(top, x);
    return top + log(terms.add(select(rises, Pack<T>(1), less)));
  }
  [[gnu::always_inline]] void settle() { terms.settle(); }
};

template <class Combine, class T>
struct Running {
  using Packed = Held<Combine, T>;
  using Scalar = Alone<Packed, T>;
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
template <class T>
struct Running<LogSumExp, T> {
  using Packed = RunningExponentials<T>;
  using Scalar = Alone<Packed, T>;
};

/// The last value of a recurrence.
template <class T>
struct Recurrence {
  Pack<T> y = 0;
  [[gnu::always_inline]] Pack<T> add(Pack<T> b) { return y = b; }
  [[gnu::always_inline]] Pack<T> add(Pack<T> b, Pack<T> a) { return y = fma(a, y, b); }
  void settle() {}
};

/// What is scanned, from its first place on. A row of y is made of those of x, and of the factors before it where there
/// are some: a recurrence.
template <class T>
struct Lines {
  const T *x, *factor;
  T* y;

  Lines at(int64_t i) const { return {x + i, factor ? factor + i : nullptr, y + i}; }
};

/// `kWays` packs of columns (one, of `lanes` lanes, for the rest) down n rows that are `step` apart.
template <int kWays, class State, class T>
void scan_packs(Lines<T> line, int64_t n, int64_t step, int lanes) {
  State acc[kWays];
  for (int64_t i = 0; i < n;) {
    for (const int64_t end = i + kBlock < n ? i + kBlock : n; i < end; ++i, line = line.at(step)) {
      for (int k = 0; k < kWays; ++k) {
        const int64_t at = k * Pack<T>::kLanes;
        const Pack<T> x = load_lanes(line.x + at, lanes);
        Pack<T> y;
        if constexpr (std::is_same_v<State, Recurrence<T>>) {
          y = i ? acc[k].add(x, load_lanes(line.factor + at, lanes)) : acc[k].add(x);
        } else {
          y = acc[k].add(x);
        }
        store_lanes(y, line.y + at, lanes);
      }
    }
    for (int k = 0; k < kWays; ++k) acc[k].settle();
  }
}

template <class State, class T>
void scan_row(const T* x, T* y, int64_t n, int64_t step) {
  State acc;
  for (int64_t i = 0; i < n;) {
    for (const int64_t end = i + kBlock < n ? i + kBlock : n; i < end; ++i, x += step, y += step)
      *y = static_cast<T>(acc.add(*x));
    acc.settle();
  }
}

/// `rows` rows of n elements that stand one after another, `row` apart: side by side in the lanes of a pack, so that what
/// one waits for is the work of the others.
template <class State, class T>
void scan_rows(Lines<T> line, int64_t n, int64_t row, int64_t step, int rows) {
  constexpr int kLanes = Pack<T>::kLanes;
  T x[kBlock * kLanes], factor[kBlock * kLanes], y[kBlock * kLanes];
  const auto turned = [&](const T* from, int64_t count, T* to) {
    for (int r = 0; r < rows; ++r)
      for (int64_t i = 0; i < count; ++i) to[i * kLanes + r] = from[r * row + i * step];
  };
  for (T& v : x) v = 0;
  for (T& v : factor) v = 0;
  State acc;
  for (int64_t i = 0; i < n; i += kBlock, line = line.at(kBlock * step)) {
    const int64_t count = i + kBlock < n ? kBlock : n - i;
    turned(line.x, count, x);
    if constexpr (std::is_same_v<State, Recurrence<T>>) {
      const int64_t first = i == 0;  // nothing is before the first
      turned(line.factor + first * step, count - first, factor + first * kLanes);
      if (first) acc.add(Pack<T>::load(x)).store(y);
      for (int64_t k = first; k < count; ++k)
        acc.add(Pack<T>::load(x + k * kLanes), Pack<T>::load(factor + k * kLanes)).store(y + k * kLanes);
    } else {
      for (int64_t k = 0; k < count; ++k) acc.add(Pack<T>::load(x + k * kLanes)).store(y + k * kLanes);
    }
    acc.settle();
    for (int r = 0; r < rows; ++r)
      for (int64_t k = 0; k < count; ++k) line.y[r * row + k * step] = y[k * kLanes + r];
  }
}

/// All of [outer, n, inner]; `step` as from a place to the next. A row that stands alone takes the scalar state.
template <class State, class Scalar, class T>
void scan_lines(Lines<T> line, int64_t outer, int64_t n, int64_t inner, int64_t step) {
  using P = Pack<T>;
  constexpr double kRowNs = 1, kColumnNs = 0.3;
  if (inner == 1) {
    const int64_t groups = ceil_div(outer, P::kLanes);
    for_blocks(groups, static_cast<double>(n * P::kLanes) * kRowNs, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t o = i * P::kLanes;
        const Lines<T> rows = line.at(o * n);
        const int64_t count = o + P::kLanes < outer ? P::kLanes : outer - o;
        if constexpr (!std::is_same_v<Scalar, void>)
          if (count == 1) return scan_row<Scalar>(rows.x, rows.y, n, step);
        scan_rows<State>(rows, n, n, step, static_cast<int>(count));
      }
    });
    return;
  }
  constexpr int64_t kWide = kWideWays * P::kLanes;
  const int64_t strips = ceil_div(inner, kWide);
  for_blocks(outer * strips, static_cast<double>(n * kWide) * kColumnNs, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t j = i % strips * kWide;
      const Lines<T> image = line.at(i / strips * n * inner);
      if (j + kWide <= inner) {
        scan_packs<kWideWays, State>(image.at(j), n, step, P::kLanes);
      } else {
        for_packs<T>(j, inner, [=](int64_t k, int lanes) { scan_packs<1, State>(image.at(k), n, step, lanes); });
      }
    }
  });
}

template <class Combine, class T>
void scan(const void* x, void* y, int64_t outer, int64_t n, int64_t inner, bool reverse) {
  using R = Running<Combine, T>;
  if (outer == 0 || inner == 0 || n == 0) return;
  const Lines<T> all{static_cast<const T*>(x), nullptr, static_cast<T*>(y)};
  scan_lines<typename R::Packed, typename R::Scalar>(all.at(reverse ? (n - 1) * inner : 0), outer, n, inner,
                                                     reverse ? -inner : inner);
}

template <class T>
void recurrence(const RecurrenceArgs& r) {
  if (r.outer == 0 || r.inner == 0 || r.n == 0) return;
  const int64_t step = r.reverse ? -r.inner : r.inner;
  Lines<T> all{static_cast<const T*>(r.b), static_cast<const T*>(r.a), static_cast<T*>(r.y)};
  all = all.at(r.reverse ? (r.n - 1) * r.inner : 0);
  if (r.lagged) all.factor -= step;
  scan_lines<Recurrence<T>, void>(all, r.outer, r.n, r.inner, step);
}

template <int Row, class T>
constexpr ScanFn entry() {
  constexpr const auto& row = std::get<Row>(kScans);
  if constexpr (row.result == Result::Float && !std::is_floating_point_v<T>) {
    return nullptr;
  } else {
    return scan<typename std::remove_cvref_t<decltype(row)>::Combine, T>;
  }
}

template <int... Rows>
const ScanKernel* entries(std::integer_sequence<int, Rows...>) {
  static constexpr ScanKernel kEntries[] = {
      {{entry<Rows, float>(), entry<Rows, double>(), entry<Rows, int64_t>(), entry<Rows, uint64_t>()}}...};
  return kEntries;
}

}  // namespace

void install_scan(Kernels& table) {
  table.scans = entries(std::make_integer_sequence<int, kScanCount>{});
  table.recurrence[0] = recurrence<float>;
  table.recurrence[1] = recurrence<double>;
}

}  // namespace adcore::ADCORE_ISA
