// Blocks of factorisations on every instruction set: the product of the factors is the matrix, rows with gaps stay
// apart.
//
// The bound is that of a backward stable algorithm on a matrix of n rows whose elements are at most `size`: a small
// multiple of n u size, and of the growth of elements, which is small where the diagonal dominates.
#include <algorithm>
#include <utility>

#include "kernel_cases.h"

namespace adcore {
namespace {

using namespace testing;

template <class T>
const FactorKernels<T>& factor_of(const Kernels& table) {
  if constexpr (std::is_same_v<T, float>) {
    return table.factor_f32;
  } else {
    return table.factor_f64;
  }
}

/// Rows of n elements, so many apart, and a mark in the gaps.
template <class T>
struct Block {
  int64_t m, n, row;
  std::vector<T> values;

  Block(int64_t m, int64_t n, uint64_t seed) : m(m), n(n), row(n + 3), values(static_cast<size_t>(m * row), T(77)) {
    const std::vector<T> random = random_values<T>(m * n, -1, 1, seed);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) at(i, j) = random[static_cast<size_t>(i * n + j)] + (i == j ? T(n + 1) : T(0));
  }
  T& at(int64_t i, int64_t j) { return values[static_cast<size_t>(i * row + j)]; }
  void check_gaps() {
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = n; j < row; ++j) CHECK(at(i, j) == T(77));
  }
};

template <class T>
double bound(int64_t n) {
  return 16.0 * static_cast<double>((n + 1) * (n + 1)) * static_cast<double>(std::numeric_limits<T>::epsilon());
}

template <class T>
void check_cholesky(const Kernels& table, int64_t n) {
  Block<T> a(n, n, 3);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < i; ++j) a.at(i, j) = a.at(j, i);
  Block<T> u = a;
  CHECK(factor_of<T>(table).cholesky(u.values.data(), u.row, n) == -1);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = i; j < n; ++j) {
      long double total = 0;
      for (int64_t k = 0; k <= i; ++k) total += static_cast<long double>(u.at(k, i)) * u.at(k, j);
      CHECK(std::abs(static_cast<double>(total - a.at(i, j))) <= bound<T>(n));
      if (i != j) CHECK(u.at(j, i) == a.at(j, i));  // the lower triangle is not touched
    }
  }
  u.check_gaps();
  for (int64_t bad = 0; bad < n; ++bad) {
    Block<T> faulty = a;
    faulty.at(bad, bad) = bad % 2 ? T(-1) : std::numeric_limits<T>::quiet_NaN();
    CHECK(factor_of<T>(table).cholesky(faulty.values.data(), faulty.row, n) == bad);
  }
}

template <class T>
void check_lu(const Kernels& table, int64_t m, int64_t n) {
  Block<T> a(m, n, 5);
  for (int64_t j = 0; j < n; ++j) std::swap(a.at(0, j), a.at(m - 1, j));  // so that rows are exchanged
  Block<T> lu = a;
  std::vector<int64_t> pivots(static_cast<size_t>(n));
  factor_of<T>(table).lu(lu.values.data(), lu.row, m, n, pivots.data());
  for (int64_t j = 0; j < n; ++j)
    for (int64_t k = 0; k < n; ++k) std::swap(a.at(j, k), a.at(pivots[static_cast<size_t>(j)], k));
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      long double total = i <= j ? static_cast<long double>(lu.at(i, j)) : 0.0L;
      for (int64_t k = 0; k < std::min(i, j + 1); ++k) total += static_cast<long double>(lu.at(i, k)) * lu.at(k, j);
      CHECK(std::abs(static_cast<double>(total - a.at(i, j))) <= bound<T>(n));
      if (i > j) CHECK(std::abs(lu.at(i, j)) <= 1);
    }
  }
  lu.check_gaps();
}

template <class T>
void check_solve(const Kernels& table, int64_t n, int64_t m, bool upper, bool unit, bool turned) {
  Block<T> t(n, n, 7);
  const Block<T> b(n, m, 11);
  Block<T> x = b;
  if (unit)
    for (T& v : t.values) v *= T(0.1);
  factor_of<T>(table).solve(t.values.data(), turned ? 1 : t.row, turned ? t.row : 1, n, upper, unit, x.values.data(),
                            x.row, m);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < m; ++j) {
      long double total = unit ? x.at(i, j) : T(0);
      for (int64_t k = 0; k < n; ++k) {
        if (upper ? k < i : k > i) continue;
        if (unit && k == i) continue;
        total += static_cast<long double>(turned ? t.at(k, i) : t.at(i, k)) * x.at(k, j);
      }
      const T want = b.values[static_cast<size_t>(i * b.row + j)];
      CHECK(std::abs(static_cast<double>(total - want)) <= 16 * bound<T>(n));
    }
  }
  x.check_gaps();
}

TEST_CASE("blocks of factorisations") {
  on_every_isa([](const Kernels& table) {
    for (const int64_t n : {1, 2, 3, 7, 8, 15, 16, 17, 31, 32}) {
      check_cholesky<float>(table, n);
      check_cholesky<double>(table, n);
      check_lu<float>(table, n + 5, n);
      check_lu<double>(table, n, n);
      for (const int64_t m : {1, 3, 8, 16, 33, 70}) {
        for (const int way : {0, 1, 2, 3, 4, 5, 6, 7}) {
          check_solve<float>(table, n, m, way & 1, way & 2, way & 4);
          check_solve<double>(table, n, m, way & 1, way & 2, way & 4);
        }
      }
    }
  });
}

}  // namespace
}  // namespace adcore
