// The exponentials of a strip: what softmax, logsumexp and cross-entropy share.
//
// A strip is a sequence of packs that are reduced together: a row of contiguous elements (all lanes belong to one
// result) or up to a pack of columns (each lane is a result of its own). Sums are pairwise over leaves of 16 packs.
#pragma once

#include "kernels/pairwise.h"
#include "kernels/vmath.h"

namespace adcore::ADCORE_ISA {

struct Strip {
  int64_t packs;   // > 0
  int64_t stride;  // elements from one pack to the next
  int width;       // lanes of every pack but the last
  int last;        // lanes of the last one
  bool row;        // the lanes belong together
};

template <class T>
Strip row_strip(int64_t n) {
  constexpr int kLanes = Pack<T>::kLanes;
  const int64_t packs = ceil_div(n, kLanes);
  return {packs, kLanes, kLanes, static_cast<int>(n - (packs - 1) * kLanes), true};
}
inline Strip column_strip(int64_t n, int64_t inner, int lanes) { return {n, inner, lanes, lanes, false}; }

template <class T>
inline constexpr T kInf = std::numeric_limits<T>::infinity();
inline constexpr double kLoadNs = 2;  // per pack
inline constexpr double kExpNs = 8;

namespace {  // internal: what is made of nested lambdas has a name that tools cannot read

/// step(offset, lanes) for the packs [begin, end).
template <class T, class Step>
[[gnu::always_inline]] inline void walk(const Strip& s, int64_t begin, int64_t end, Step step) {
  constexpr int kLanes = Pack<T>::kLanes;
  for (int64_t i = begin; i < end; ++i) {
    const int lanes = i + 1 == s.packs ? s.last : s.width;
    if (lanes == kLanes) {
      step(i * s.stride, kLanes);
    } else {
      step(i * s.stride, lanes);
    }
  }
}

/// term(offset, lanes), a pack, of the whole strip combined by op, then across the lanes of a row.
template <class T, class Op, class Term>
Pack<T> strip_reduce(const Strip& s, double pack_ns, Pack<T> identity, Op op, Term term) {
  using P = Pack<T>;
  constexpr int64_t kLeaf = 16;
  const auto leaf = [&](int64_t i) {
    const int64_t end = (i + 1) * kLeaf;
    P r = identity;
    walk<T>(s, i * kLeaf, end < s.packs ? end : s.packs,
            [&](int64_t offset, int lanes) { r = op(r, term(offset, lanes)); });
    return r;
  };
  const P r = pairwise(ceil_div(s.packs, kLeaf), kLeaf * pack_ns, leaf, [&](P& a, const P& b) { a = op(a, b); });
  return s.row ? P(detail::reduce<P>(r, op)) : r;
}

template <class T>
Pack<T> strip_max(const Strip& s, const T* x) {
  return strip_reduce<T>(
      s, kLoadNs, Pack<T>(-kInf<T>), [](Pack<T> a, Pack<T> b) { return max(a, b); },
      [=](int64_t at, int lanes) { return load_lanes(x + at, lanes, -kInf<T>); });
}

/// The sum of exp(x - shift); the terms go to `e` unless it is null.
template <class T>
Pack<T> strip_exp_sum(const Strip& s, const T* x, Pack<T> shift, T* e) {
  return strip_reduce<T>(
      s, kExpNs, Pack<T>(0), [](Pack<T> a, Pack<T> b) { return a + b; },
      [=](int64_t at, int lanes) {
        const Pack<T> term = exp(load_lanes(x + at, lanes, -kInf<T>) - shift);
        if (e) store_lanes(term, e + at, lanes);
        return term;
      });
}

/// The sum of term(offset, lanes), whose other lanes are 0.
template <class T, class Term>
Pack<T> strip_sum(const Strip& s, Term term) {
  return strip_reduce<T>(s, kLoadNs, Pack<T>(0), [](Pack<T> a, Pack<T> b) { return a + b; }, term);
}

/// y = f(pack of a, pack of b), in parallel where the strip is long; y may be a or b.
template <class T, class F>
void strip_combine(const Strip& s, const T* a, const T* b, T* y, F f) {
  for_blocks(s.packs, 2 * kLoadNs, [=](int64_t begin, int64_t end) {
    walk<T>(s, begin, end, [=](int64_t at, int lanes) {
      store_lanes(f(load_lanes(a + at, lanes), load_lanes(b + at, lanes)), y + at, lanes);
    });
  });
}

/// y = f(pack of x), in parallel where the strip is long; y may be x.
template <class T, class F>
void strip_map(const Strip& s, const T* x, T* y, F f) {
  for_blocks(s.packs, kLoadNs, [=](int64_t begin, int64_t end) {
    walk<T>(s, begin, end, [=](int64_t at, int lanes) { store_lanes(f(load_lanes(x + at, lanes)), y + at, lanes); });
  });
}

/// The shift that keeps exp in range: the maximum, 0 where that is inf or NaN.
template <class T>
Pack<T> finite_or_zero(Pack<T> m) {
  return select(abs(m) < kInf<T>, m, 0);
}

}  // namespace
}  // namespace adcore::ADCORE_ISA
