// Order of combination: how reductions split into leaves, and loops into blocks, so that results have the same bits at
// any number of threads and the rounding error of a sum grows with log n.
//
// pairwise() combines leaf(0), ..., leaf(count - 1) along one binary tree. A block of a parallel run is a whole
// subtree, so serial and parallel runs add the same numbers in the same order. Start reading there.
#pragma once

#include <limits>
#include <type_traits>

#include "base/thread_pool.h"
#include "kernels/simd.h"

namespace adcore::ADCORE_ISA {

inline constexpr int64_t kMaxBlocks = 32;
inline constexpr double kParallelNs = 60e3;  // work below this is not worth waking a thread
inline constexpr double kBlockNs = 15e3;     // a block is at least this long

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t floor_power(int64_t n) { return int64_t{1} << (63 - __builtin_clzll(static_cast<uint64_t>(n))); }

/// How many blocks `count` items of `item_ns` nanoseconds each are cut into; 1 for little work.
inline int64_t block_count(int64_t count, double item_ns) {
  const double work = static_cast<double>(count) * item_ns;
  if (work < kParallelNs) return 1;
  const int64_t blocks = work < kMaxBlocks * kBlockNs ? static_cast<int64_t>(work / kBlockNs) : kMaxBlocks;
  return blocks < count ? blocks : count;
}

/// body(begin, end) over blocks of [0, count), in parallel where the work is worth it.
template <class Body>
void for_blocks(int64_t count, double item_ns, Body body) {
  const int64_t blocks = block_count(count, item_ns);
  if (blocks <= 1) return body(int64_t{0}, count);
  const int64_t size = ceil_div(count, blocks);
  parallel_for(ceil_div(count, size), [&](int64_t b) {
    const int64_t end = (b + 1) * size;
    body(b * size, end < count ? end : count);
  });
}

template <class Leaf, class Combine, class R>
R pairwise_join(int64_t begin, int64_t middle, int64_t end, const Leaf& leaf, const Combine& combine);

/// combine(r, s) puts s into r. The left subtree holds the largest power of two of leaves that is smaller than all.
template <class Leaf, class Combine, class R = std::invoke_result_t<Leaf, int64_t>>
R pairwise_serial(int64_t begin, int64_t end, const Leaf& leaf, const Combine& combine) {
  if (end - begin == 1) return leaf(begin);
  return pairwise_join<Leaf, Combine, R>(begin, begin + floor_power(end - begin - 1), end, leaf, combine);
}
// A function of its own, so that the one variable it returns is built in place.
template <class Leaf, class Combine, class R>
R pairwise_join(int64_t begin, int64_t middle, int64_t end, const Leaf& leaf, const Combine& combine) {
  R left = pairwise_serial(begin, middle, leaf, combine);
  const R right = pairwise_serial(middle, end, leaf, combine);
  combine(left, right);
  return left;
}

/// The combination of leaf(0), ..., leaf(count - 1), count > 0, each worth `leaf_ns` nanoseconds.
template <class Leaf, class Combine, class R = std::invoke_result_t<Leaf, int64_t>>
R pairwise(int64_t count, double leaf_ns, const Leaf& leaf, const Combine& combine) {
  constexpr int64_t kPartBytes = 32 * 1024;
  constexpr int64_t kParts = kMaxBlocks * sizeof(R) <= kPartBytes ? kMaxBlocks : kPartBytes / sizeof(R);
  if (count == 1) return leaf(0);
  const int64_t wanted = block_count(count, leaf_ns);
  if (wanted <= 1) return pairwise_serial(0, count, leaf, combine);
  int64_t size = 1;
  while (size * (wanted < kParts ? wanted : kParts) < count) size *= 2;
  R part[kParts];
  parallel_for(ceil_div(count, size), [&](int64_t b) {
    const int64_t end = (b + 1) * size;
    part[b] = pairwise_serial(b * size, end < count ? end : count, leaf, combine);
  });
  return pairwise_serial(0, ceil_div(count, size), [&](int64_t b) { return part[b]; }, combine);
}

// ---- packs of any width: n lanes, 0 < n <= kLanes -----------------------------------------------------------------

template <class T>
[[gnu::always_inline]] inline Mask<T> first_lanes(int n) {
  Pack<T> lane;
  for (int i = 0; i < Pack<T>::kLanes; ++i) lane.v[i] = static_cast<T>(i);
  return lane < Pack<T>(n);
}
/// The other lanes are 0.
template <class T>
[[gnu::always_inline]] inline Pack<T> load_lanes(const T* p, int n) {
  return n == Pack<T>::kLanes ? Pack<T>::load(p) : Pack<T>::load(p, n);
}
/// The other lanes are `fill`.
template <class T>
[[gnu::always_inline]] inline Pack<T> load_lanes(const T* p, int n, T fill) {
  return n == Pack<T>::kLanes ? Pack<T>::load(p) : select(first_lanes<T>(n), Pack<T>::load(p, n), Pack<T>(fill));
}
template <class T>
[[gnu::always_inline]] inline void store_lanes(Pack<T> v, T* p, int n) {
  if (n == Pack<T>::kLanes) {
    v.store(p);
  } else {
    v.store(p, n);
  }
}

/// step(i, lanes) for every pack of [begin, end); the last may be narrower.
template <class T, class Step>
[[gnu::always_inline]] inline void for_packs(int64_t begin, int64_t end, Step step) {
  constexpr int kLanes = Pack<T>::kLanes;
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) step(i, kLanes);
  if (i < end) step(i, static_cast<int>(end - i));
}

}  // namespace adcore::ADCORE_ISA
