// Matrix products against a plain triple loop in long double, for every instruction set.
//
// The bound is the standard one for inner products: |computed - exact| <= gamma_k * sum |a| |b| for every order of
// summation, gamma_k = k u / (1 - k u) (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1).
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"

namespace adcore {
namespace {

template <class T>
GemmFn<T> gemm_of(const Kernels& table) {
  if constexpr (std::is_same_v<T, float>) {
    return table.gemm_f32;
  } else {
    return table.gemm_f64;
  }
}

/// How a matrix of rows x cols lies in memory.
enum class Lay { Row, Column, Gaps, Broadcast };

struct Strides {
  int64_t row, col;
};

Strides strides_of(Lay lay, int64_t rows, int64_t cols) {
  switch (lay) {
    case Lay::Row: return {cols, 1};
    case Lay::Column: return {1, rows};
    case Lay::Gaps: return {3 * cols + 2, 3};
    case Lay::Broadcast: return {0, 1};
  }
  return {};
}

struct Case {
  int64_t m, n, k;
  Lay a = Lay::Row, b = Lay::Row;
  bool accumulate = false;
  int64_t c_gap = 0;  // c_row - n
  int64_t batch = 1;
  bool shared_b = false;  // every product reads the same B
};

std::string describe(const Case& c) {
  return std::to_string(c.m) + "x" + std::to_string(c.k) + " @ " + std::to_string(c.k) + "x" + std::to_string(c.n) +
         " a:" + std::to_string(static_cast<int>(c.a)) + " b:" + std::to_string(static_cast<int>(c.b)) +
         " accumulate:" + std::to_string(c.accumulate) + " gap:" + std::to_string(c.c_gap) +
         " batch:" + std::to_string(c.batch);
}

template <class T>
std::vector<T> random_values(int64_t n, uint32_t seed) {
  std::mt19937 engine(seed);
  std::vector<T> v(static_cast<size_t>(n));
  for (T& x : v) x = static_cast<T>(static_cast<double>(engine()) / 2147483648.0 - 1.0);
  return v;
}

/// One case with its operands. Each operand ends where its vector ends, so that a sanitizer sees a read beyond.
template <class T>
struct Problem {
  static constexpr T kGuard = T(12345.5);

  explicit Problem(const Case& c) : shape(c), sa(strides_of(c.a, c.m, c.k)), sb(strides_of(c.b, c.k, c.n)) {
    const int64_t size_a = extent(c.m, c.k, sa), size_b = extent(c.k, c.n, sb);
    for (int64_t s = 0; s < c.batch; ++s) {
      a_offset.push_back(s * (size_a + 3));
      b_offset.push_back(c.shared_b ? 0 : s * (size_b + 1));
    }
    a = random_values<T>(a_offset.back() + size_a, 1);
    b = random_values<T>(b_offset.back() + size_b, 2);
    c_row = c.n + c.c_gap;
    c_step = c.m * c_row + 5;
    before = random_values<T>(c.batch * c_step, 3);
    for (int64_t i = 0; i < static_cast<int64_t>(before.size()); ++i) {
      if (!inside(i)) before[static_cast<size_t>(i)] = kGuard;
    }
  }

  static int64_t extent(int64_t rows, int64_t cols, Strides s) {
    return rows == 0 || cols == 0 ? 0 : (rows - 1) * s.row + (cols - 1) * s.col + 1;
  }
  bool inside(int64_t i) const {
    const int64_t in_product = i % c_step;
    return in_product < shape.m * c_row && in_product % c_row < shape.n;
  }

  GemmArgs<T> arguments(T* c) const {
    GemmArgs<T> args{};
    args.m = shape.m;
    args.n = shape.n;
    args.k = shape.k;
    args.a = a.data();
    args.a_row = sa.row;
    args.a_col = sa.col;
    args.b = b.data();
    args.b_row = sb.row;
    args.b_col = sb.col;
    args.c = c;
    args.c_row = c_row;
    args.accumulate = shape.accumulate;
    args.batch = shape.batch;
    args.a_offset = shape.batch == 1 ? nullptr : a_offset.data();
    args.b_offset = shape.batch == 1 ? nullptr : b_offset.data();
    args.c_step = c_step;
    return args;
  }

  std::vector<T> compute(const Kernels& table) const {
    std::vector<T> c = before;
    gemm_of<T>(table)(arguments(c.data()));
    return c;
  }

  /// Fills `exact` and `bound`: the triple loop.
  void solve() {
    const long double u = std::numeric_limits<T>::epsilon() / 2;
    // k products and k additions, one of which is exact; one more with the old value.
    const long double steps = static_cast<long double>(shape.k + (shape.accumulate ? 1 : 0)) * u;
    exact.resize(before.size());
    bound.resize(before.size());
    for (int64_t i = 0; i < static_cast<int64_t>(before.size()); ++i) {
      if (!inside(i)) continue;
      const int64_t s = i / c_step, row = i % c_step / c_row, col = i % c_step % c_row;
      long double sum = shape.accumulate ? before[static_cast<size_t>(i)] : 0, magnitude = std::fabs(sum);
      for (int64_t p = 0; p < shape.k; ++p) {
        const long double term = static_cast<long double>(a_at(s, row, p)) * static_cast<long double>(b_at(s, p, col));
        sum += term;
        magnitude += std::fabs(term);
      }
      exact[static_cast<size_t>(i)] = sum;
      bound[static_cast<size_t>(i)] = steps / (1 - steps) * magnitude;
    }
  }

  /// The number of elements that are wrong: beyond the bound, or written outside C. Needs solve().
  int64_t errors(const std::vector<T>& c) const {
    int64_t bad = 0;
    for (size_t i = 0; i < c.size(); ++i) {
      bad += inside(static_cast<int64_t>(i)) ? !(std::fabs(c[i] - exact[i]) <= bound[i]) : c[i] != kGuard;
    }
    return bad;
  }
  T a_at(int64_t s, int64_t i, int64_t p) const {
    return a[static_cast<size_t>(a_offset[static_cast<size_t>(s)] + i * sa.row + p * sa.col)];
  }
  T b_at(int64_t s, int64_t p, int64_t j) const {
    return b[static_cast<size_t>(b_offset[static_cast<size_t>(s)] + p * sb.row + j * sb.col)];
  }

  Case shape;
  Strides sa, sb;
  int64_t c_row, c_step;
  std::vector<int64_t> a_offset, b_offset;
  std::vector<T> a, b, before;
  std::vector<long double> exact, bound;
};

template <class T>
void check(const Case& c) {
  Problem<T> problem(c);
  problem.solve();
  for (const Kernels* const* table = all_kernels(); *table; ++table) {
    const int64_t errors = problem.errors(problem.compute(**table));
    if (errors != 0) {
      const std::string what = std::string((*table)->isa) + ": " + describe(c);
      INFO(what);
      CHECK(errors == 0);
    }
  }
}

constexpr Lay kLays[] = {Lay::Row, Lay::Column, Lay::Gaps};

/// Every pair of layouts, with and without accumulation and gaps.
template <class T>
void check_layouts(int64_t m, int64_t n, int64_t k) {
  int variant = 0;
  for (const Lay a : kLays) {
    for (const Lay b : kLays) {
      ++variant;
      check<T>({m, n, k, a, b, variant % 2 == 0, variant % 3});
    }
  }
}

class Threads {
 public:
  explicit Threads(int n) : before_(num_threads()) { set_num_threads(n); }
  ~Threads() { set_num_threads(before_); }

 private:
  int before_;
};

}  // namespace

TEST_CASE_TEMPLATE("gemm: every small shape", T, float, double) {
  for (const int64_t m : {1, 2, 3, 4, 5, 7, 13}) {
    for (int64_t n = 1; n <= 40; ++n) {
      for (const int64_t k : {1, 2, 3, 5, 8, 17, 33}) check_layouts<T>(m, n, k);
    }
  }
}

TEST_CASE_TEMPLATE("gemm: every number of rows and every depth", T, float, double) {
  for (int64_t i = 1; i <= 40; ++i) {
    check_layouts<T>(i, 37, 29);
    check_layouts<T>(i, 1, 31);
    check_layouts<T>(1, i, 31);
    check_layouts<T>(33, 34, i);
    check_layouts<T>(3, 65, i);
    check_layouts<T>(65, 3, i);
    check_layouts<T>(1, 1, i);
  }
}

TEST_CASE_TEMPLATE("gemm: around the edges of packed panels", T, float, double) {
  for (const int64_t m : {41, 47, 55, 56, 57, 71}) {
    for (const int64_t n : {47, 48, 49, 63, 64, 65, 97}) check_layouts<T>(m, n, 53);
  }
}

TEST_CASE_TEMPLATE("gemm: around the edges of blocks", T, float, double) {
  for (const int64_t k : {255, 256, 257, 511, 512, 513}) check_layouts<T>(43, 35, k);
  for (const int64_t m : {111, 113, 225}) check_layouts<T>(m, 35, 40);
  for (const int64_t n : {255, 257, 289}) check_layouts<T>(35, n, 40);
  check<T>({2065, 33, 40, Lay::Row, Lay::Row});
  check<T>({2065, 33, 40, Lay::Column, Lay::Column});
  check<T>({33, 4129, 40, Lay::Row, Lay::Row, true, 1});
  check<T>({33, 2081, 260, Lay::Column, Lay::Column, true});
}

TEST_CASE_TEMPLATE("gemm: long and thin", T, float, double) {
  for (const int64_t k : {8191, 8192, 20011}) {
    check_layouts<T>(1, 1, k);
    check_layouts<T>(5, 3, k);
    check_layouts<T>(1, 19, k);
  }
  for (const int64_t length : {3001, 9001}) {
    for (const int64_t few : {1, 3, 17}) {
      check_layouts<T>(length, few, 60);
      check_layouts<T>(few, length, 60);
    }
  }
  check<T>({700, 800, 1});
  check<T>({700, 800, 1, Lay::Column, Lay::Column, true});
  check<T>({300, 311, 5, Lay::Row, Lay::Column});
}

TEST_CASE_TEMPLATE("gemm: a broadcast operand has strides of 0", T, float, double) {
  for (const int64_t size : {1, 3, 5, 20, 50}) {
    check<T>({size, size, size, Lay::Broadcast, Lay::Row});
    check<T>({size, size, size, Lay::Row, Lay::Broadcast});
    check<T>({size, 1, size, Lay::Broadcast, Lay::Broadcast, true});
    check<T>({1, size, size, Lay::Broadcast, Lay::Broadcast});
  }
}

TEST_CASE_TEMPLATE("gemm: batches", T, float, double) {
  for (const bool shared_b : {false, true}) {
    for (const Lay lay : {Lay::Row, Lay::Column}) {
      check<T>({1, 3, 5, lay, lay, false, 0, 7, shared_b});
      check<T>({9, 11, 13, lay, lay, true, 2, 5, shared_b});
      check<T>({40, 41, 43, lay, lay, false, 1, 70, shared_b});
      check<T>({130, 131, 132, lay, lay, true, 0, 2, shared_b});
    }
  }
}

TEST_CASE_TEMPLATE("gemm: a sum of products is what adding one after the other gives, bit for bit", T, float, double) {
  const std::vector<Case> cases = {
      {3, 5, 4},
      {64, 512, 32, Lay::Column},
      {130, 70, 32, Lay::Column, Lay::Column},
      {1, 1, 300},
      {65, 1, 40},
      {5, 600, 200},
      {2, 33, 5},
      {40, 9, 300, Lay::Row, Lay::Column},
      {100, 90, 700},
      {200, 3, 20, Lay::Column},
      {1, 700, 400, Lay::Row, Lay::Column},
      {4, 4, 5000},
  };
  for (const Kernels* const* table = all_kernels(); *table; ++table) {
    for (Case c : cases) {
      c.batch = 3;
      INFO((*table)->isa, " ", describe(c));
      const Problem<T> p(c);
      GemmArgs<T> args = p.arguments(nullptr);
      std::vector<T> sum(p.before.begin(), p.before.begin() + p.c_step), expected = sum, made(sum.size());
      args.c = sum.data();
      args.accumulate = true;
      args.c_step = 0;
      gemm_of<T> (**table)(args);
      for (size_t s = 0; s < 3; ++s) {
        GemmArgs<T> one = p.arguments(made.data());
        one.a += p.a_offset[s];
        one.b += p.b_offset[s];
        one.batch = 1;
        gemm_of<T> (**table)(one);
        for (size_t i = 0; i < made.size(); ++i)
          if (p.inside(static_cast<int64_t>(i))) expected[i] += made[i];
      }
      CHECK(std::memcmp(sum.data(), expected.data(), sum.size() * sizeof(T)) == 0);
    }
  }
}

TEST_CASE_TEMPLATE("gemm: sizes of 0", T, float, double) {
  for (const bool accumulate : {false, true}) {
    check<T>({4, 5, 0, Lay::Row, Lay::Row, accumulate, 2});
    check<T>({1, 1, 0, Lay::Row, Lay::Row, accumulate});
    check<T>({4, 5, 0, Lay::Row, Lay::Row, accumulate, 0, 3});
    check<T>({0, 5, 3, Lay::Row, Lay::Row, accumulate, 2});
    check<T>({4, 0, 3, Lay::Row, Lay::Row, accumulate, 2});
    check<T>({0, 0, 0, Lay::Row, Lay::Row, accumulate, 2});
  }
}

TEST_CASE_TEMPLATE("gemm: infinity times zero reaches exactly its row or column", T, float, double) {
  for (const int64_t size : {1, 2, 5, 17, 33, 70, 90}) {
    for (const Lay lay : {Lay::Row, Lay::Column}) {
      for (const bool in_a : {true, false}) {
        Problem<T> problem({size, size, size, lay, lay});
        const int64_t at = size / 2;
        for (T& x : in_a ? problem.b : problem.a) x = 0;
        const size_t index = static_cast<size_t>(at * problem.sa.row + at * problem.sa.col);
        (in_a ? problem.a : problem.b)[index] = std::numeric_limits<T>::infinity();
        for (const Kernels* const* table = all_kernels(); *table; ++table) {
          const std::vector<T> c = problem.compute(**table);
          int64_t wrong = 0;
          for (int64_t i = 0; i < size; ++i) {
            for (int64_t j = 0; j < size; ++j) {
              const T x = c[static_cast<size_t>(i * size + j)];
              wrong += (in_a ? i : j) == at ? !std::isnan(x) : x != 0;
            }
          }
          CHECK_MESSAGE(wrong == 0, (*table)->isa << " " << size);
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("gemm: the same bits on any number of threads", T, float, double) {
  const Case cases[] = {
      {150, 160, 170, Lay::Row, Lay::Column},         {300, 310, 520, Lay::Column, Lay::Row, true}, {4000, 1, 200},
      {200, 1, 4000, Lay::Column, Lay::Row},          {10, 12, 30000, Lay::Column, Lay::Row},       {1, 3000, 300},
      {1, 3000, 300, Lay::Row, Lay::Column},          {60000, 3, 10, Lay::Column, Lay::Row},        {1, 1, 600000},
      {50, 40, 45, Lay::Row, Lay::Row, false, 0, 50},
  };
  for (const Case& c : cases) {
    Problem<T> problem(c);
    problem.solve();
    for (const Kernels* const* table = all_kernels(); *table; ++table) {
      std::vector<std::vector<T>> results;
      for (const int threads : {1, 2, 5}) {
        const Threads scope(threads);
        results.push_back(problem.compute(**table));
      }
      for (const std::vector<T>& r : results) {
        const bool same = std::memcmp(r.data(), results[0].data(), r.size() * sizeof(T)) == 0;
        CHECK_MESSAGE(same, (*table)->isa << " " << describe(c));
      }
      CHECK_MESSAGE(problem.errors(results[0]) == 0, (*table)->isa << " " << describe(c));
    }
  }
}

}  // namespace adcore
