#include "kernels/factorize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "kernels/kernels.h"

namespace adcore {
namespace {

constexpr int64_t kLeaf = 32;       // matrices of so many rows are left to the kernels
constexpr int64_t kPanel = 8;       // of an LU: so many columns
constexpr int64_t kTriangle = 128;  // of a symmetric update: blocks of so many rows are computed whole

template <class T>
const FactorKernels<T>& leaves() {
  if constexpr (sizeof(T) == 4) {
    return kernels().factor_f32;
  } else {
    return kernels().factor_f64;
  }
}

template <class T>
void multiply(const GemmArgs<T>& args) {
  if constexpr (sizeof(T) == 4) {
    kernels().gemm_f32(args);
  } else {
    kernels().gemm_f64(args);
  }
}

/// About half of n, in whole leaves.
int64_t half(int64_t n, int64_t leaf) { return (n / 2 + leaf - 1) / leaf * leaf; }

/// C (m x n) -= A B, B is k x n with contiguous rows.
template <class T>
void subtract_product(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b,
                      int64_t b_row, T* c, int64_t c_row) {
  // A product is added, so one factor changes its sign on the way: B, whose rows are whole in memory.
  const Scratch scratch(static_cast<size_t>(k * n) * sizeof(T));
  T* const negative = scratch.as<T>();
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j) negative[i * n + j] = -b[i * b_row + j];
  GemmArgs<T> g{};
  g.m = m;
  g.n = n;
  g.k = k;
  g.a = a;
  g.a_row = a_row;
  g.a_col = a_col;
  g.b = negative;
  g.b_row = n;
  g.b_col = 1;
  g.c = c;
  g.c_row = c_row;
  g.accumulate = true;
  g.batch = 1;
  multiply(g);
}

/// The upper triangle of C (n x n) -= A^T A, A is k x n.
template <class T>
void subtract_square(int64_t n, int64_t k, const T* a, int64_t a_row, T* c, int64_t c_row) {
  if (n <= kTriangle) return subtract_product(n, n, k, a, 1, a_row, a, a_row, c, c_row);
  const int64_t first = half(n, kLeaf);
  subtract_square(first, k, a, a_row, c, c_row);
  subtract_product(first, n - first, k, a, 1, a_row, a + first, a_row, c + first, c_row);
  subtract_square(n - first, k, a + first, a_row, c + first * (c_row + 1), c_row);
}

template <class T>
int64_t cholesky_from(T* a, int64_t row, int64_t n) {
  if (n <= kLeaf) return leaves<T>().cholesky(a, row, n);
  const int64_t first = half(n, kLeaf), rest = n - first;
  int64_t failed = cholesky_from(a, row, first);
  if (failed >= 0) return failed;
  T* const right = a + first;
  T* const last = a + first * (row + 1);
  solve_triangle(a, 1, row, first, false, false, right, row, rest);
  subtract_square(rest, first, right, row, last, row);
  failed = cholesky_from(last, row, rest);
  return failed < 0 ? failed : first + failed;
}

template <class T>
void exchange_rows(T* a, int64_t row, int64_t columns, const int64_t* pivots, int64_t count) {
  for (int64_t j = 0; j < count; ++j)
    if (pivots[j] != j) std::swap_ranges(a + j * row, a + j * row + columns, a + pivots[j] * row);
}

/// C (n x n) = A B, all contiguous.
void product(int64_t n, const double* a, const double* b, double* c) {
  GemmArgs<double> g{};
  g.m = g.n = g.k = g.a_row = g.b_row = g.c_row = n;
  g.a = a;
  g.b = b;
  g.c = c;
  g.a_col = g.b_col = g.batch = 1;
  multiply(g);
}

}  // namespace

template <class T>
void solve_triangle(const T* t, int64_t t_row, int64_t t_col, int64_t n, bool upper, bool unit, T* b, int64_t b_row,
                    int64_t m) {
  if (n <= kLeaf) return leaves<T>().solve(t, t_row, t_col, n, upper, unit, b, b_row, m);
  const int64_t first = half(n, kLeaf), rest = n - first;
  const T* const last = t + first * (t_row + t_col);
  T* const below = b + first * b_row;
  if (upper) {
    solve_triangle(last, t_row, t_col, rest, upper, unit, below, b_row, m);
    subtract_product(first, m, rest, t + first * t_col, t_row, t_col, below, b_row, b, b_row);
    solve_triangle(t, t_row, t_col, first, upper, unit, b, b_row, m);
  } else {
    solve_triangle(t, t_row, t_col, first, upper, unit, b, b_row, m);
    subtract_product(rest, m, first, t + first * t_row, t_row, t_col, b, b_row, below, b_row);
    solve_triangle(last, t_row, t_col, rest, upper, unit, below, b_row, m);
  }
}
template void solve_triangle(const float*, int64_t, int64_t, int64_t, bool, bool, float*, int64_t, int64_t);
template void solve_triangle(const double*, int64_t, int64_t, int64_t, bool, bool, double*, int64_t, int64_t);

template <class T>
bool factor_cholesky(T* a, int64_t row, int64_t n) {
  return cholesky_from(a, row, n) < 0;
}
template bool factor_cholesky(float*, int64_t, int64_t);
template bool factor_cholesky(double*, int64_t, int64_t);

template <class T>
void factor_lu(T* a, int64_t row, int64_t m, int64_t n, int64_t* pivots) {
  if (m < n) {  // the columns beyond the square are solved for
    factor_lu(a, row, m, m, pivots);
    exchange_rows(a + m, row, n - m, pivots, m);
    return solve_triangle(a, row, 1, m, false, true, a + m, row, n - m);
  }
  if (n <= kPanel) return leaves<T>().lu(a, row, m, n, pivots);
  const int64_t first = half(n, kPanel), rest = n - first;
  T* const right = a + first;
  T* const last = a + first * (row + 1);
  factor_lu(a, row, m, first, pivots);
  exchange_rows(right, row, rest, pivots, first);
  solve_triangle(a, row, 1, first, false, true, right, row, rest);
  subtract_product(m - first, rest, first, a + first * row, row, 1, right, row, last, row);
  factor_lu(last, row, m - first, rest, pivots + first);
  exchange_rows(a + first * row, row, first, pivots + first, rest);
  for (int64_t j = first; j < n; ++j) pivots[j] += first;
}
template void factor_lu(float*, int64_t, int64_t, int64_t, int64_t*);
template void factor_lu(double*, int64_t, int64_t, int64_t, int64_t*);

// Scaling and squaring with the Pade approximant of degree 13: Higham 2005, "The scaling and squaring method for the
// matrix exponential revisited", algorithm 2.3.
void exponential(const double* a, int64_t n, double* out) {
  constexpr double kTheta = 5.371920351148152;
  constexpr double kB[] = {64764752532480000.0,
                           32382376266240000.0,
                           7771770303897600.0,
                           1187353796428800.0,
                           129060195264000.0,
                           10559470521600.0,
                           670442572800.0,
                           33522128640.0,
                           1323241920.0,
                           40840800.0,
                           960960.0,
                           16380.0,
                           182.0,
                           1.0};
  const int64_t size = n * n;
  double norm = 0;
  for (int64_t j = 0; j < n; ++j) {
    double column = 0;
    for (int64_t i = 0; i < n; ++i) column += std::abs(a[i * n + j]);
    norm = column > norm || column != column ? column : norm;
    if (norm != norm) break;
  }
  if (!std::isfinite(norm)) return static_cast<void>(std::fill_n(out, size, std::numeric_limits<double>::quiet_NaN()));
  const int squarings = norm > kTheta ? std::max(0, static_cast<int>(std::ceil(std::log2(norm / kTheta)))) : 0;
  const Scratch scratch(static_cast<size_t>(size) * 6 * sizeof(double));
  double* const x = scratch.as<double>();
  double *const x2 = x + size, *const x4 = x2 + size, *const x6 = x4 + size, *const u = x6 + size, *const v = u + size;
  for (int64_t i = 0; i < size; ++i) x[i] = std::ldexp(a[i], -squarings);
  product(n, x, x, x2);
  product(n, x2, x2, x4);
  product(n, x4, x2, x6);
  const auto sum = [&](int k, double* to,
                       bool high) {  // the polynomial's terms k, k + 2, k + 4, and k - 2 of the identity
    for (int64_t i = 0; i < size; ++i) to[i] += kB[k] * x2[i] + kB[k + 2] * x4[i] + kB[k + 4] * x6[i];
    for (int64_t i = 0; !high && i < n; ++i) to[i * (n + 1)] += kB[k - 2];
  };
  const auto half_of = [&](int k, double* to) {  // of odd terms without the factor x, or of even ones
    std::fill_n(out, size, 0.0);
    sum(k + 6, out, true);
    product(n, x6, out, to);
    sum(k, to, false);
  };
  half_of(3, v);
  product(n, x, v, u);
  half_of(2, v);
  for (int64_t i = 0; i < size; ++i) {
    x2[i] = v[i] - u[i];
    out[i] = v[i] + u[i];
  }
  std::vector<int64_t> pivots(static_cast<size_t>(n));
  factor_lu(x2, n, n, n, pivots.data());
  exchange_rows(out, n, n, pivots.data(), n);
  solve_triangle(x2, n, 1, n, false, true, out, n, n);
  solve_triangle(x2, n, 1, n, true, false, out, n, n);
  for (int i = 0; i < squarings; ++i) {
    product(n, out, out, x);
    std::copy_n(x, size, out);
  }
}

}  // namespace adcore
