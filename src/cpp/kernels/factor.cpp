// Factorisations of blocks that fit the first-level cache: Cholesky, LU with row exchanges, triangular solves.
//
// All are rows from which multiples of earlier rows are subtracted (subtract_rows), so a tile of one row stays in
// registers while the earlier ones stream by. Larger matrices are made of these and of products in factorize.cpp.
#include "kernels/simd.h"

namespace adcore::ADCORE_ISA {
namespace {

/// row[0, lanes) -= sum over k < count of t[k * t_step] * rows[k * b_row ...], then / divisor. The last of kVecs packs
/// has `last` lanes where that is not 0.
template <class T, int kVecs>
[[gnu::always_inline]] inline void subtract_rows(int64_t count, const T* t, int64_t t_step, const T* rows,
                                                 int64_t b_row, T divisor, T* row, int last) {
  using P = Pack<T>;
  const auto load = [last](const T* p, int v) {
    return last && v == kVecs - 1 ? P::load(p + v * P::kLanes, last) : P::load(p + v * P::kLanes);
  };
  P acc[kVecs];
#pragma GCC unroll 8
  for (int v = 0; v < kVecs; ++v) acc[v] = load(row, v);
  for (int64_t k = 0; k < count; ++k) {
    const P factor(-t[k * t_step]);
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) acc[v] = fma(factor, load(rows + k * b_row, v), acc[v]);
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVecs; ++v) {
    const P quotient = divisor == T(1) ? acc[v] : acc[v] / P(divisor);
    if (last && v == kVecs - 1) {
      quotient.store(row + v * P::kLanes, last);
    } else {
      quotient.store(row + v * P::kLanes);
    }
  }
}

/// Columns [0, m) in tiles: visit(packs, first column, lanes of the last pack or 0).
template <class T, class Visit>
[[gnu::always_inline]] inline void for_tiles(int64_t m, const Visit& visit) {
  constexpr int kLanes = Pack<T>::kLanes;
  int64_t j = 0;
  for (; j + 4 * kLanes <= m; j += 4 * kLanes) visit(std::integral_constant<int, 4>(), j, 0);
  for (; j + kLanes <= m; j += kLanes) visit(std::integral_constant<int, 1>(), j, 0);
  if (j < m) visit(std::integral_constant<int, 1>(), j, static_cast<int>(m - j));
}

template <class T>
void solve(const T* t, int64_t t_row, int64_t t_col, int64_t n, bool upper, bool unit, T* b, int64_t b_row, int64_t m) {
  for_tiles<T>(m, [&](auto vecs, int64_t j, int last) {
    for (int64_t step = 0; step < n; ++step) {
      const int64_t i = upper ? n - 1 - step : step, first = upper ? i + 1 : 0;
      const T divisor = unit ? T(1) : t[i * (t_row + t_col)];
      subtract_rows<T, decltype(vecs)::value>(step, t + i * t_row + first * t_col, t_col, b + first * b_row + j, b_row,
                                              divisor, b + i * b_row + j, last);
    }
  });
}

template <class T>
int64_t cholesky(T* a, int64_t row, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    T* const diagonal = a + i * (row + 1);
    for_tiles<T>(n - i, [&](auto vecs, int64_t j, int last) {
      subtract_rows<T, decltype(vecs)::value>(i, a + i, row, a + i + j, row, T(1), diagonal + j, last);
    });
    if (!(*diagonal > 0)) return i;
    const T root = Pack<T>(sqrt(Pack<T>(*diagonal)))[0];
    for_tiles<T>(n - i, [&](auto vecs, int64_t j, int last) {
      subtract_rows<T, decltype(vecs)::value>(0, nullptr, 0, nullptr, 0, root, diagonal + j, last);
    });
    *diagonal = root;
  }
  return -1;
}

template <class T>
void lu(T* a, int64_t row, int64_t m, int64_t n, int64_t* pivots) {
  for (int64_t j = 0; j < n; ++j) {
    int64_t best = j;
    T largest = -1;
    for (int64_t i = j; i < m; ++i) {
      const T size = a[i * row + j] < 0 ? -a[i * row + j] : a[i * row + j];
      if (size > largest) {
        largest = size;
        best = i;
      }
    }
    pivots[j] = best;
    for (int64_t k = 0; best != j && k < n; ++k) {
      const T held = a[j * row + k];
      a[j * row + k] = a[best * row + k];
      a[best * row + k] = held;
    }
    const T pivot = a[j * (row + 1)];
    if (pivot == 0) continue;
    for (int64_t i = j + 1; i < m; ++i) a[i * row + j] /= pivot;
    for_tiles<T>(n - j - 1, [&](auto vecs, int64_t k, int last) {
      const int64_t at = j + 1 + k;
      for (int64_t i = j + 1; i < m; ++i) {
        subtract_rows<T, decltype(vecs)::value>(1, a + i * row + j, 0, a + j * row + at, 0, T(1), a + i * row + at,
                                                last);
      }
    });
  }
}

}  // namespace

void install_factor(Kernels& table) {
  table.factor_f32 = {&cholesky<float>, &lu<float>, &solve<float>};
  table.factor_f64 = {&cholesky<double>, &lu<double>, &solve<double>};
}

}  // namespace adcore::ADCORE_ISA
