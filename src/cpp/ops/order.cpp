// A number becomes an unsigned key of the same order (key_of), beside it stands its place, and the pairs are sorted by
// radix: least digit first, which keeps equal keys in their order, and without a comparison. A digit that all keys
// share costs nothing. NaN is the greatest of all, both zeros are equal. Start reading at order_row().
#include "ops/order.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/thread_pool.h"

namespace adcore {
namespace {

/// f(begin, end) over parts of [0, count), in parallel where the work is worth it.
template <class F>
void in_parts(int64_t count, double item_ns, F f) {
  constexpr int64_t kMostParts = 32;
  constexpr double kPartNs = 30e3;
  const int64_t parts = std::clamp(static_cast<int64_t>(static_cast<double>(count) * item_ns / kPartNs), int64_t{1},
                                   std::min(kMostParts, std::max<int64_t>(count, 1)));
  if (parts == 1) return f(int64_t{0}, count);
  const int64_t step = (count + parts - 1) / parts;
  parallel_for((count + step - 1) / step, [&](int64_t p) { f(p * step, std::min(count, (p + 1) * step)); });
}

// ---- keys ---------------------------------------------------------------------------------------------------------

uint32_t key_of(float x) {
  if (x != x) return ~uint32_t{0};
  const auto bits = std::bit_cast<uint32_t>(x + 0.0f);  // -0.0 is 0.0
  return bits >> 31 ? ~bits : bits | uint32_t{1} << 31;
}
uint64_t key_of(double x) {
  if (x != x) return ~uint64_t{0};
  const auto bits = std::bit_cast<uint64_t>(x + 0.0);
  return bits >> 63 ? ~bits : bits | uint64_t{1} << 63;
}
uint64_t key_of(int64_t x) {
  return static_cast<uint64_t>(x) ^ uint64_t { 1 } << 63;
}
uint64_t key_of(uint64_t x) { return x; }

/// A key and the place of its element.
template <class Key>
struct Pair {
  Key key, place;
};

/// Places of 32-bit keys need no more than 32 bits themselves, but in rows that are longer than any memory here.
template <class T>
using KeyOf = decltype(key_of(T()));

// ---- radix sort ---------------------------------------------------------------------------------------------------

template <class Key>
bool before(const Pair<Key>& a, const Pair<Key>& b) {
  return a.key < b.key;
}

template <class Key>
void insertion_sort(Pair<Key>* a, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const Pair<Key> p = a[i];
    int64_t k = i;
    for (; k > 0 && before(p, a[k - 1]); --k) a[k] = a[k - 1];
    a[k] = p;
  }
}

/// Sorts a, stable; the result is there or in b, which is returned.
template <int kBits, class Key>
Pair<Key>* radix_sort(Pair<Key>* a, Pair<Key>* b, int64_t n) {
  constexpr int kKeyBits = sizeof(Key) * 8, kDigits = (kKeyBits + kBits - 1) / kBits;
  constexpr uint32_t kValues = 1u << kBits;
  uint32_t counts[kDigits][kValues];
  std::memset(counts, 0, sizeof counts);
  for (int64_t i = 0; i < n; ++i)
    for (int d = 0; d < kDigits; ++d) ++counts[d][a[i].key >> d * kBits & (kValues - 1)];
  for (int d = 0; d < kDigits; ++d) {
    const int shift = d * kBits;
    uint32_t* const at = counts[d];
    if (at[a[0].key >> shift & (kValues - 1)] == n) continue;
    uint32_t next = 0;
    for (uint32_t v = 0; v < kValues; ++v) {
      const uint32_t c = at[v];
      at[v] = next;
      next += c;
    }
    for (int64_t i = 0; i < n; ++i) b[at[a[i].key >> shift & (kValues - 1)]++] = a[i];
    std::swap(a, b);
  }
  return a;
}

template <class Key>
Pair<Key>* sort_pairs(Pair<Key>* a, Pair<Key>* b, int64_t n) {
  constexpr int64_t kFew = 32, kMany = 4096;
  if (n <= kFew) {
    insertion_sort(a, n);
    return a;
  }
  return n < kMany ? radix_sort<8>(a, b, n) : radix_sort<11>(a, b, n);
}

/// What may be one of the `count` pairs that start at number `first` of the sorted row: those whose highest digit lies
/// between the ones of these. Moves them to the front, in their order.
struct Candidates {
  int64_t count, before;  // and how many pairs come before them
};
template <class Key>
Candidates keep_candidates(Pair<Key>* a, int64_t n, int64_t first, int64_t count) {
  constexpr int kBits = 12, kShift = sizeof(Key) * 8 - kBits;
  uint32_t counts[1 << kBits];
  std::memset(counts, 0, sizeof counts);
  for (int64_t i = 0; i < n; ++i) ++counts[a[i].key >> kShift];
  uint64_t low = 0;
  int64_t before = 0;
  while (before + counts[low] <= first) before += counts[low++];
  uint64_t high = low;
  for (int64_t found = before + counts[low]; found < first + count;) found += counts[++high];
  int64_t kept = 0;
  for (int64_t i = 0; i < n; ++i) {
    a[kept] = a[i];
    kept += (a[i].key >> kShift) - low <= high - low;
  }
  return {kept, before};
}

template <class T>
void order_row(const OrderArgs& a, const T* x, int64_t* index, void* scratch) {
  using Key = KeyOf<T>;
  auto* pairs = static_cast<Pair<Key>*>(scratch);
  const Key flip = a.descending ? ~Key{0} : Key{0};
  for (int64_t i = 0; i < a.n; ++i) {
    const Key key = key_of(x[i * a.inner]);
    pairs[i] = {static_cast<Key>(key ^ flip), static_cast<Key>(i)};
  }
  Candidates all{a.n, 0};
  if (a.count < a.n / 4) all = keep_candidates(pairs, a.n, a.first, a.count);
  const Pair<Key>* const sorted = sort_pairs(pairs, pairs + a.n, all.count) + (a.first - all.before);
  for (int64_t i = 0; i < a.count; ++i) index[i * a.inner] = static_cast<int64_t>(sorted[i].place);
}

template <class T>
void order(const OrderArgs& a) {
  const int64_t rows = a.outer * a.inner, step = (rows + a.parts - 1) / a.parts;
  if (rows == 0 || a.count == 0) return;
  parallel_for((rows + step - 1) / step, [&](int64_t part) {
    void* const scratch = static_cast<char*>(a.scratch) + part * 2 * a.n * static_cast<int64_t>(sizeof(Pair<KeyOf<T>>));
    const int64_t end = (part + 1) * step < rows ? (part + 1) * step : rows;
    for (int64_t r = part * step; r < end; ++r) {
      const int64_t o = r / a.inner, j = r % a.inner;
      order_row(a, static_cast<const T*>(a.x) + o * a.n * a.inner + j, a.index + o * a.count * a.inner + j, scratch);
    }
  });
}

// ---- search -------------------------------------------------------------------------------------------------------

template <class T>
void search(const SearchArgs& a) {
  constexpr double kStepNs = 4;
  int64_t steps = 1;
  for (int64_t n = a.n; n > 0; n /= 2) ++steps;
  const auto* values = static_cast<const T*>(a.values);
  in_parts(a.rows * a.count, kStepNs * static_cast<double>(steps), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* row = static_cast<const T*>(a.sorted) + (a.one_row ? 0 : i / a.count * a.n);
      const auto key = key_of(values[i]);
      int64_t low = 0, high = a.n;
      while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const auto other = key_of(row[middle]);
        if (a.right ? other <= key : other < key) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      a.place[i] = low;
    }
  });
}

// ---- running extrema ----------------------------------------------------------------------------------------------

template <class T, bool kLargest>
void running_row(const T* x, int64_t* index, int64_t n, int64_t step) {
  T best = x[0];
  int64_t place = 0;
  for (int64_t i = 0; i < n; ++i, x += step, index += step) {
    const bool leads = kLargest ? *x >= best : *x <= best;
    if (best == best ? leads || *x != *x : *x != *x) {
      best = *x;
      place = i;
    }
    *index = place;
  }
}

template <class T>
void running(const RunningArgs& a) {
  if (a.n == 0) return;
  in_parts(a.outer * a.inner, 2.0 * static_cast<double>(a.n), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t at = r / a.inner * a.n * a.inner + r % a.inner;
      (a.largest ? running_row<T, true> : running_row<T, false>)(static_cast<const T*>(a.x) + at, a.index + at, a.n,
                                                                 a.inner);
    }
  });
}

/// f(a value of the type that is computed in).
template <class F>
auto with_type(Compute compute, F f) {
  switch (compute) {
    case Compute::F32: return f(float());
    case Compute::F64: return f(double());
    case Compute::I64: return f(int64_t());
    default: return f(uint64_t());
  }
}

}  // namespace

void order_rows(Compute compute, const OrderArgs& a) {
  with_type(compute, [&](auto t) { order<decltype(t)>(a); });
}
int64_t order_scratch(Compute compute) noexcept {
  return with_type(compute, [](auto t) { return static_cast<int64_t>(2 * sizeof(Pair<KeyOf<decltype(t)>>)); });
}
void search_rows(Compute compute, const SearchArgs& a) {
  with_type(compute, [&](auto t) { search<decltype(t)>(a); });
}
void running_rows(Compute compute, const RunningArgs& a) {
  with_type(compute, [&](auto t) { running<decltype(t)>(a); });
}

}  // namespace adcore
