// The register-blocked heart of gemm: a tile of C stays in registers while k runs, then one step stores it.
//
// Tile says how large the packed tile of this instruction set is. multiply() is the loop over k, shared by packed
// panels and by operands read in place; store_tile() is the only code that writes C. Start reading at micro_kernel().
#pragma once

#include <cstdint>

#include "kernels/simd.h"

namespace adcore::ADCORE_ISA::gemm {

/// The tile of the packed path: kRows x kCols accumulators leave room for one row of B and one broadcast of A.
template <class T>
struct Tile {
#if defined(__AVX512F__)
  static constexpr int kRows = 14;
#elif defined(__aarch64__)
  static constexpr int kRows = 12;
#else
  static constexpr int kRows = 6;
#endif
  static constexpr int kRowStep = 2;  // a ragged panel is padded to a multiple of this
  static constexpr int kLanes = Pack<T>::kLanes;
  static constexpr int kVecs = 2;
  static constexpr int kCols = kVecs * kLanes;
};

/// acc += A B over k; B has kVecs packs of columns, of which the last has `last` lanes when kPartial.
template <bool kPartial, class T, int kRows, int kVecs>
[[gnu::always_inline]] inline void multiply(int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b,
                                            int64_t b_row, int last, Pack<T> (&acc)[kRows][kVecs]) {
  constexpr int kLanes = Pack<T>::kLanes;
  for (int64_t p = 0; p < k; ++p) {
    Pack<T> row[kVecs];
#pragma GCC unroll 16
    for (int v = 0; v < kVecs; ++v) {
      row[v] = kPartial && v == kVecs - 1 ? Pack<T>::load(b + v * kLanes, last) : Pack<T>::load(b + v * kLanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const Pack<T> x(a[i * a_row]);
#pragma GCC unroll 16
      for (int v = 0; v < kVecs; ++v) acc[i][v] = fma(x, row[v], acc[i][v]);
    }
    a += a_col;
    b += b_row;
  }
}

template <class T, int kRows, int kVecs>
[[gnu::always_inline]] inline void clear(Pack<T> (&acc)[kRows][kVecs]) {
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < kVecs; ++v) acc[i][v] = Pack<T>(0);
  }
}

/// C = acc, or C += acc. The last pack of a row has `last` lanes when kPartial.
template <bool kPartial, class T, int kRows, int kVecs>
[[gnu::always_inline]] inline void store_tile(const Pack<T> (&acc)[kRows][kVecs], T* c, int64_t c_row, int last,
                                              bool accumulate) {
  constexpr int kLanes = Pack<T>::kLanes;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < kVecs; ++v) {
      T* p = c + v * kLanes;
      if (kPartial && v == kVecs - 1) {
        (accumulate ? Pack<T>::load(p, last) + acc[i][v] : acc[i][v]).store(p, last);
      } else {
        (accumulate ? Pack<T>::load(p) + acc[i][v] : acc[i][v]).store(p);
      }
    }
    c += c_row;
  }
}

/// The store step of a tile that hangs over the edge of C: from a copy of the tile, row by row.
template <class T>
void store_edge(const T* tile, int tile_row, T* c, int64_t c_row, int rows, int cols, bool accumulate) {
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < cols; ++j) {
      T& target = c[i * c_row + j];
      target = accumulate ? target + tile[i * tile_row + j] : tile[i * tile_row + j];
    }
  }
}

/// rows x cols of C from a packed panel of A (kRows wide) and one of B (Tile::kCols wide), both padded with zeros.
template <class T, int kRows, int kVecs>
void micro_kernel(int64_t k, const T* a, const T* b, T* c, int64_t c_row, int rows, int cols, bool accumulate) {
  constexpr int kCols = kVecs * Pack<T>::kLanes;
  for (int i = 0; i < rows; ++i) {  // C is far away; it arrives while k runs
    __builtin_prefetch(c + i * c_row, 1);
    __builtin_prefetch(c + i * c_row + cols - 1, 1);
  }
  Pack<T> acc[kRows][kVecs];
  clear(acc);
  multiply<false>(k, a, 1, kRows, b, Tile<T>::kCols, 0, acc);
  if (rows == kRows && cols == kCols) return store_tile<false>(acc, c, c_row, 0, accumulate);
  T tile[kRows * kCols];
  store_tile<false>(acc, tile, kCols, 0, false);
  store_edge(tile, kCols, c, c_row, rows, cols, accumulate);
}

template <class T>
using MicroKernel = void (*)(int64_t k, const T* a, const T* b, T* c, int64_t c_row, int rows, int cols,
                             bool accumulate);

/// The width of the panel that holds `rows` rows of A, rows in [1, Tile::kRows].
template <class T>
constexpr int panel_rows(int rows) {
  return (rows + Tile<T>::kRowStep - 1) / Tile<T>::kRowStep * Tile<T>::kRowStep;
}

/// The kernel for a panel of `width` rows (from panel_rows) and `cols` columns.
template <class T, int kRows = Tile<T>::kRows>
MicroKernel<T> kernel_for(int width, int cols) {
  if constexpr (kRows > Tile<T>::kRowStep) {
    if (width < kRows) return kernel_for<T, kRows - Tile<T>::kRowStep>(width, cols);
  }
  return cols > Tile<T>::kLanes ? &micro_kernel<T, kRows, 2> : &micro_kernel<T, kRows, 1>;
}

}  // namespace adcore::ADCORE_ISA::gemm
