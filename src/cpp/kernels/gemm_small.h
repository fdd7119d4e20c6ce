// Products that are not worth packing: small ones, and long thin ones that only stream through one operand.
//
// Two forms. direct(): rows of B are contiguous (in memory, or in a panel that the caller packed), elements of A are
// broadcast from wherever they stand. dot(): both operands are contiguous along k, every element of C is an inner
// product.
#pragma once

#include <cstdint>
#include <utility>

#include "kernels/gemm_micro.h"

namespace adcore::ADCORE_ISA::gemm {

/// C (m x n) = or += A B; one product, in the words of GemmArgs.
template <class T>
struct Product {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row, b_col;
  T* c;
  int64_t c_row, c_col;
  bool accumulate;
};

// ---- direct -------------------------------------------------------------------------------------------------------

template <class T, int kRows, int kVecs, bool kPartial>
void direct_tile(const Product<T>& x, const T* a, const T* b, T* c, int last) {
  Pack<T> acc[kRows][kVecs];
  clear(acc);
  multiply<kPartial>(x.k, a, x.a_row, x.a_col, b, x.b_row, last, acc);
  store_tile<kPartial>(acc, c, x.c_row, last, x.accumulate);
}

/// kRows rows of C, in tiles as wide as registers allow.
template <class T, int kRows, int kVecs>
[[gnu::always_inline]] inline int64_t direct_tiles(const Product<T>& x, const T* a, int64_t row, int64_t j) {
  constexpr int kCols = kVecs * Pack<T>::kLanes;
  for (; j + kCols <= x.n; j += kCols) {
    direct_tile<T, kRows, kVecs, false>(x, a, x.b + j, x.c + row * x.c_row + j, 0);
  }
  return j;
}

/// One row of C of five to kVecs packs in one pass over B; false where it has fewer.
template <class T, int kVecs>
[[gnu::always_inline]] inline bool direct_row(const Product<T>& x, const T* a, const T* b, T* c, int64_t columns) {
  constexpr int kLanes = Pack<T>::kLanes;
  if constexpr (kVecs <= 4) {
    return false;
  } else {
    const int64_t last = columns - (kVecs - 1) * kLanes;
    if (last <= 0) return direct_row<T, kVecs - 1>(x, a, b, c, columns);
    last == kLanes ? direct_tile<T, 1, kVecs, false>(x, a, b, c, 0)
                   : direct_tile<T, 1, kVecs, true>(x, a, b, c, static_cast<int>(last));
    return true;
  }
}

template <class T, int kRows>
void direct_rows(const Product<T>& x, int64_t row) {
  constexpr int kLanes = Pack<T>::kLanes;
  const T* a = x.a + row * x.a_row;
  int64_t j = 0;
  if constexpr (kRows == 1) {  // B is read from memory: the fewer passes over it the better
    for (; x.n - j > 8 * kLanes; j += 8 * kLanes)
      direct_tile<T, 1, 8, false>(x, a, x.b + j, x.c + row * x.c_row + j, 0);
    if (direct_row<T, 8>(x, a, x.b + j, x.c + row * x.c_row + j, x.n - j)) return;
  }
  if constexpr (kRows < 4) j = direct_tiles<T, kRows, 4>(x, a, row, j);
  j = direct_tiles<T, kRows, 2>(x, a, row, j);
  const int rest = static_cast<int>(x.n - j);
  if (rest == 0) return;
  const T* b = x.b + j;
  T* c = x.c + row * x.c_row + j;
  if (rest > kLanes) return direct_tile<T, kRows, 2, true>(x, a, b, c, rest - kLanes);
  if (rest == kLanes) return direct_tile<T, kRows, 1, false>(x, a, b, c, 0);
  direct_tile<T, kRows, 1, true>(x, a, b, c, rest);
}

/// Needs b_col == 1 and c_col == 1.
template <class T>
void direct_whole(const Product<T>& x) {
  int64_t i = 0;
  if constexpr (Tile<T>::kRows >= 12) {  // as many registers as tiles of twice the height need
    for (; i + 8 <= x.m; i += 8) direct_rows<T, 8>(x, i);
  }
  for (; i + 4 <= x.m; i += 4) direct_rows<T, 4>(x, i);
  switch (x.m - i) {
    case 1: return direct_rows<T, 1>(x, i);
    case 2: return direct_rows<T, 2>(x, i);
    case 3: return direct_rows<T, 3>(x, i);
    default: return;
  }
}

constexpr int64_t kStreams = 8;

/// A tall B far away is read a few whole rows at a time, in the order of memory; column by column would miss every
/// page. C is written as often.
template <class T>
bool is_streamed(const Product<T>& x) {
  constexpr int64_t kWideRow = 2048 / sizeof(T);
  constexpr int64_t kNear = 262144 / sizeof(T);
  return x.n >= kWideRow && x.k > 2 * kStreams && x.k * x.n > kNear;
}

/// Needs b_col == 1 and c_col == 1.
template <class T>
void direct(const Product<T>& x) {
  if (!is_streamed(x)) return direct_whole(x);
  Product<T> part = x;
  for (int64_t p = 0; p < x.k; p += kStreams) {
    part.k = x.k - p < kStreams ? x.k - p : kStreams;
    direct_whole(part);
    part.a += kStreams * x.a_col;
    part.b += kStreams * x.b_row;
    part.accumulate = true;
  }
}

// ---- dot ----------------------------------------------------------------------------------------------------------

template <class T, int kStep, bool kUpper, int... kIndex>
[[gnu::always_inline]] inline Pack<T> gather_halves(Pack<T> x, Pack<T> y, std::integer_sequence<int, kIndex...>) {
  return __builtin_shufflevector(x.v, y.v, (kIndex / kStep * 2 * kStep + kIndex % kStep + (kUpper ? kStep : 0))...);
}

/// In x and y every block of 2 * kStep lanes is folded onto kStep lanes; the blocks of x come first, then those of y.
template <int kStep, class T>
[[gnu::always_inline]] inline Pack<T> fold(Pack<T> x, Pack<T> y) {
  using Lanes = std::make_integer_sequence<int, Pack<T>::kLanes>;
  return gather_halves<T, kStep, false>(x, y, Lanes()) + gather_halves<T, kStep, true>(x, y, Lanes());
}

/// out[i] = sum(x[i]) in the same tree of additions, four at a time.
template <class T, int kCount>
[[gnu::always_inline]] inline void sums(const Pack<T> (&x)[kCount], T (&out)[kCount]) {
  constexpr int kLanes = Pack<T>::kLanes;
  constexpr int kFours = kLanes >= 4 ? kCount / 4 * 4 : 0;
  if constexpr (kFours > 0) {
#pragma GCC unroll 16
    for (int i = 0; i < kFours; i += 4) {
      Pack<T> four = fold<kLanes / 4>(fold<kLanes / 2>(x[i], x[i + 1]), fold<kLanes / 2>(x[i + 2], x[i + 3]));
      if constexpr (kLanes >= 8) four = fold<kLanes / 8>(four, four);
      if constexpr (kLanes >= 16) four = fold<kLanes / 16>(four, four);
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) out[i + j] = four[j];
    }
  }
#pragma GCC unroll 16
  for (int i = kFours; i < kCount; ++i) out[i] = sum(x[i]);
}

/// rows x kCols inner products, rows in [1, kRows]; kUnroll packs of k at a time, each with accumulators of its own.
template <class T, int kRows, int kCols, int kUnroll>
void dot_tile(const Product<T>& x, int64_t row, int rows, int64_t col) {
  constexpr int kLanes = Pack<T>::kLanes;
  const T* a[kRows];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) a[i] = x.a + (row + (i < rows ? i : rows - 1)) * x.a_row;
  const T* b[kCols];
#pragma GCC unroll 16
  for (int j = 0; j < kCols; ++j) b[j] = x.b + (col + j) * x.b_col;
  Pack<T> acc[kUnroll][kRows * kCols];
  clear(acc);
  const auto step = [&](int u, auto load) __attribute__((always_inline)) {
    Pack<T> column[kCols];
#pragma GCC unroll 16
    for (int j = 0; j < kCols; ++j) column[j] = load(b[j]);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const Pack<T> line = load(a[i]);
#pragma GCC unroll 16
      for (int j = 0; j < kCols; ++j) acc[u][i * kCols + j] = fma(line, column[j], acc[u][i * kCols + j]);
    }
  };
  int64_t p = 0;
  if constexpr (kUnroll > 1) {
    for (; p + kUnroll * kLanes <= x.k; p += kUnroll * kLanes) {
#pragma GCC unroll 16
      for (int u = 0; u < kUnroll; ++u) {
        step(u, [&](const T* line) __attribute__((always_inline)) { return Pack<T>::load(line + p + u * kLanes); });
      }
    }
#pragma GCC unroll 16
    for (int u = 1; u < kUnroll; ++u) {
#pragma GCC unroll 16
      for (int t = 0; t < kRows * kCols; ++t) acc[0][t] = acc[0][t] + acc[u][t];
    }
  }
  for (; p + kLanes <= x.k; p += kLanes) {
    step(0, [&](const T* line) __attribute__((always_inline)) { return Pack<T>::load(line + p); });
  }
  if (p < x.k) {
    const int rest = static_cast<int>(x.k - p);
    step(0, [&](const T* line) __attribute__((always_inline)) { return Pack<T>::load(line + p, rest); });
  }
  T total[kRows * kCols];
  sums(acc[0], total);
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < kCols; ++j) {
      T& c = x.c[(row + i) * x.c_row + (col + j) * x.c_col];
      c = x.accumulate ? c + total[i * kCols + j] : total[i * kCols + j];
    }
  }
}

/// All rows against kCols columns.
template <class T, int kCols>
void dot_columns(const Product<T>& x, int64_t col) {
  constexpr int kRows = kCols == 1 ? 4 : 2;
  int64_t i = 0;
  for (; i + kRows <= x.m; i += kRows) dot_tile<T, kRows, kCols, 1>(x, i, kRows, col);
  if (i == x.m) return;
  // One inner product alone hides its latency; among others it rounds as they do.
  if (x.m == 1 && x.n == 1) return dot_tile<T, 1, 1, 4>(x, i, 1, col);
  dot_tile<T, kRows, kCols, 1>(x, i, static_cast<int>(x.m - i), col);
}

/// A block of rows against all columns.
template <class T>
void dot_rows(const Product<T>& x) {
  int64_t j = 0;
  for (; j + 4 <= x.n; j += 4) dot_columns<T, 4>(x, j);
  switch (x.n - j) {
    case 1: return dot_columns<T, 1>(x, j);
    case 2: return dot_columns<T, 2>(x, j);
    case 3: return dot_columns<T, 3>(x, j);
    default: return;
  }
}

/// Needs a_col == 1 and b_row == 1; meant for n <= 8. c_col may be anything, so that the roles of A and B can change.
template <class T>
void dot(const Product<T>& x) {
  if (x.n <= 4) return dot_rows(x);
  constexpr int64_t kRows = 16;  // they stay near while the second four columns pass
  Product<T> part = x;
  for (int64_t i = 0; i < x.m; i += kRows) {
    part.m = x.m - i < kRows ? x.m - i : kRows;
    dot_rows(part);
    part.a += kRows * x.a_row;
    part.c += kRows * x.c_row;
  }
}

}  // namespace adcore::ADCORE_ISA::gemm
