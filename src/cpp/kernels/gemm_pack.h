// Packing: rows of A and columns of B are brought into panels that the micro-kernel reads in order.
//
// A panel is `width` lines (rows of A, columns of B) side by side: element p of line i stands at dst[p * width + i].
// Lines that do not exist read as zero. Whichever of the two directions is contiguous in memory is read with vector
// loads: across the lines by copying, along them by transposing squares in registers. Start reading at pack_panel().
#pragma once

#include <cstdint>
#include <utility>

#include "kernels/simd.h"

namespace adcore::ADCORE_ISA::gemm {

/// Index of lane i in the concatenation of x and y, when blocks of kStep lanes of x and y change places.
template <int kLanes, int kStep, bool kUpper>
constexpr int swap_index(int i) {
  const bool second = (i / kStep) % 2 != 0;
  if (kUpper) return second ? kLanes + i : i + kStep;
  return second ? kLanes + i - kStep : i;
}

template <int kStep, class T, int... kIndex>
[[gnu::always_inline]] inline void swap_blocks(Pack<T>& x, Pack<T>& y, std::integer_sequence<int, kIndex...>) {
  constexpr int kLanes = Pack<T>::kLanes;
  const auto lower = __builtin_shufflevector(x.v, y.v, swap_index<kLanes, kStep, false>(kIndex)...);
  const auto upper = __builtin_shufflevector(x.v, y.v, swap_index<kLanes, kStep, true>(kIndex)...);
  x.v = lower;
  y.v = upper;
}

/// Transposes a square in registers: blocks of half the size change places, then blocks of a quarter, and so on.
template <class T, int kStep = Pack<T>::kLanes / 2>
[[gnu::always_inline]] inline void transpose(Pack<T> (&x)[Pack<T>::kLanes]) {
  constexpr int kLanes = Pack<T>::kLanes;
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if ((i / kStep) % 2 == 0) {
      swap_blocks<kStep>(x[i], x[i + kStep], std::make_integer_sequence<int, kLanes>());
    }
  }
  if constexpr (kStep > 1) transpose<T, kStep / 2>(x);
}

/// Lines that lie next to each other: one row of the panel is one run of memory.
template <class T>
void pack_across(const T* src, int64_t along, int lines, int64_t k, int width, T* dst) {
  constexpr int kLanes = Pack<T>::kLanes;
  for (int64_t p = 0; p < k; ++p) {
    for (int i = 0; i < width; i += kLanes) {
      Pack<T> x(0);
      if (i + kLanes <= lines) {
        x = Pack<T>::load(src + i);
      } else if (i < lines) {
        x = Pack<T>::load(src + i, lines - i);
      }
      x.store(dst + i);  // may hang over into the next row, which is written after it
    }
    src += along;
    dst += width;
  }
}

/// A square of the panel, from column `first` of it: lines are contiguous, `count` elements of each.
template <class T>
[[gnu::always_inline]] inline void pack_square(const T* src, int64_t across, int lines, int count, int width, T* dst) {
  constexpr int kLanes = Pack<T>::kLanes;
  Pack<T> x[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    x[i] = Pack<T>(0);
    if (i < lines) x[i] = count == kLanes ? Pack<T>::load(src + i * across) : Pack<T>::load(src + i * across, count);
  }
  transpose(x);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if (i < count) x[i].store(dst + i * width);
  }
}

/// Lines that are contiguous themselves.
template <class T>
void pack_along(const T* src, int64_t across, int lines, int64_t k, int width, T* dst) {
  constexpr int kLanes = Pack<T>::kLanes;
  const int last = (width - 1) / kLanes * kLanes;
  for (int64_t p = 0; p < k; p += kLanes) {
    const int count = k - p < kLanes ? static_cast<int>(k - p) : kLanes;
    // From right to left: what hangs over the right edge falls on places that are written later.
    for (int i = last; i >= 0; i -= kLanes) {
      const T* line = i < lines ? src + i * across + p : src;
      pack_square(line, across, lines - i, count, width, dst + p * width + i);
    }
  }
}

/// Packs `lines` lines of k elements; element p of line i stands at src[i * across + p * along].
/// Writes up to Pack<T>::kLanes - 1 elements beyond the k * width of the panel.
template <class T>
void pack_panel(const T* src, int64_t across, int64_t along, int lines, int64_t k, int width, T* dst) {
  if (across == 1) return pack_across(src, along, lines, k, width, dst);
  if (along == 1) return pack_along(src, across, lines, k, width, dst);
  for (int64_t p = 0; p < k; ++p) {
    for (int i = 0; i < width; ++i) dst[p * width + i] = i < lines ? src[i * across + p * along] : T(0);
  }
}

}  // namespace adcore::ADCORE_ISA::gemm
