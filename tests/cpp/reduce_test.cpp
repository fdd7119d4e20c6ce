// Reductions and scans against plain loops (in long double where rounding matters), on every instruction set.
#include <iterator>

#include "kernel_cases.h"
#include "kernels/reductions.h"

namespace adcore {
namespace {

using namespace testing;

template <class T>
constexpr Compute kCompute = std::is_same_v<T, float>     ? Compute::F32
                             : std::is_same_v<T, double>  ? Compute::F64
                             : std::is_same_v<T, int64_t> ? Compute::I64
                                                          : Compute::U64;

/// The kernel of a row of reductions.h as a function of x, y and their sizes.
template <class T>
auto row(const Kernels& k, std::string_view name, double p = 0) {
  const ReductionKernel& kernel = k.reductions[reduction_index(name)];
  return [&kernel, p](const T* x, T* y, int64_t outer, int64_t n, int64_t inner) {
    std::vector<T> scratch(static_cast<size_t>(kernel.scratch ? outer * inner : 0));
    kernel.run[static_cast<int>(kCompute<T>)]({x, y, outer, n, inner, p, scratch.data()});
  };
}
template <class T>
const PlaceKernels& places(const Kernels& k) {
  return k.places[static_cast<int>(kCompute<T>)];
}
template <class T>
ScanFn cumsum_of(const Kernels& k) {
  return k.scans[scan_index("cumsum")].run[static_cast<int>(kCompute<T>)];
}

struct Shape {
  int64_t outer, n, inner;
  int64_t size() const { return outer * n * inner; }
};
doctest::String toString(const Shape& s) {
  return doctest::toString(s.outer) + " x " + doctest::toString(s.n) + " x " + doctest::toString(s.inner);
}

// Rows, columns and both; 1, odd, prime, one around the packs, leaves, panels and folds of every instruction set.
std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (int64_t n : {1,  2,   3,   4,   5,   7,   8,   9,   15,   16,   17,   31,   33,   63,   64,
                    65, 127, 129, 255, 256, 257, 511, 513, 1023, 1025, 2047, 2048, 2049, 4097, 10007}) {
    all.push_back({1, n, 1});
    all.push_back({1, n, 2});
    all.push_back({1, n, 3});
  }
  for (int64_t inner : {4, 5, 8, 13, 16, 17, 31, 32, 63, 64, 65, 127, 128, 129, 255, 256, 257, 600}) {
    for (int64_t n : {1, 2, 3, 7, 8, 15, 16, 17, 33, 130}) all.push_back({1, n, inner});
  }
  const Shape mixed[] = {{2, 3, 4}, {3, 17, 1}, {20, 5, 1}, {5, 1, 7},  {17, 40, 9},  {3, 33, 300}, {40, 2, 2},
                         {1, 1, 1}, {16, 2, 1}, {31, 3, 1}, {65, 7, 1}, {100, 15, 1}, {129, 16, 1}, {64, 17, 1}};
  all.insert(all.end(), std::begin(mixed), std::end(mixed));
  return all;
}

constexpr int kGuard = 3;  // elements behind the result that must stay as they are

template <class T, class Fn, class Out = T>
std::vector<Out> run(Fn fn, const std::vector<T>& x, Shape s, Out fill = Out(77)) {
  const auto results = static_cast<size_t>(s.outer * s.inner);
  std::vector<Out> y(results + kGuard, fill);
  fn(x.data(), y.data(), s.outer, s.n, s.inner);
  for (size_t i = results; i < y.size(); ++i) REQUIRE(y[i] == fill);
  y.resize(results);
  return y;
}

/// visit(o, j, column) with the n elements that make result (o, j).
template <class T, class Visit>
void for_columns(const std::vector<T>& x, Shape s, Visit visit) {
  std::vector<T> column(static_cast<size_t>(s.n));
  for (int64_t o = 0; o < s.outer; ++o) {
    for (int64_t j = 0; j < s.inner; ++j) {
      for (int64_t i = 0; i < s.n; ++i) {
        column[static_cast<size_t>(i)] = x[static_cast<size_t>((o * s.n + i) * s.inner + j)];
      }
      visit(static_cast<size_t>(o * s.inner + j), column);
    }
  }
}

struct Exact {
  long double sum = 0, size = 0;
};
template <class T>
Exact exact_sum(const std::vector<T>& v) {
  Exact e;
  for (T x : v) e.sum += x, e.size += std::fabs(static_cast<long double>(x));
  return e;
}

/// Every element passes through at most log2(n) + 22 roundings. The last term is the rounding of the long double
/// itself.
template <class T>
long double sum_bound(int64_t terms, long double size) {
  const long double u = kUnit<T>, wide = std::numeric_limits<long double>::epsilon(), n = terms;
  return size * ((std::log2(n) + 22) * u * (1 + 100 * u) + n * wide);
}

template <class T>
void check_sums(const std::vector<T>& x, Shape s) {
  CAPTURE(s);
  on_every_isa([&](const Kernels& k) {
    const std::vector<T> y = run(row<T>(k, "sum"), x, s);
    for_columns(x, s, [&](size_t at, const std::vector<T>& column) {
      const Exact e = exact_sum(column);
      const long double error = std::fabs(static_cast<long double>(y[at]) - e.sum);
      if (!(error <= sum_bound<T>(s.n, e.size))) FAIL_CHECK("sum ", at, " is off by ", static_cast<double>(error));
    });
  });
}

TEST_CASE_TEMPLATE("sums of any shape stay within the pairwise bound", T, float, double) {
  for (Shape s : shapes()) {
    check_sums(random_values<T>(s.size(), -1, 1), s);
    check_sums(random_values<T>(s.size(), 0, 1, 2), s);
  }
}

TEST_CASE_TEMPLATE("a million equal terms: a running sum breaks the bound, the kernel keeps it", T, float, double) {
  for (Shape s : {Shape{1, 1000003, 1}, {1, 1000003, 2}, {1, 1000003, 40}}) {
    const std::vector<T> x(static_cast<size_t>(s.size()), T(0.1));
    check_sums(x, s);
  }
  const std::vector<T> x(1000003, T(0.1));
  T running = 0;
  for (T v : x) running += v;
  const Exact e = exact_sum(x);
  CHECK(std::fabs(static_cast<long double>(running) - e.sum) > 10 * sum_bound<T>(1000003, e.size));
}

TEST_CASE_TEMPLATE("sums of small whole numbers are exact, in every type", T, float, double, int64_t, uint64_t) {
  for (Shape s : shapes()) {
    CAPTURE(s);
    std::vector<T> x(static_cast<size_t>(s.size()));
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>((i * 7919) % 101);
    on_every_isa([&](const Kernels& k) {
      const std::vector<T> y = run(row<T>(k, "sum"), x, s);
      for_columns(x, s, [&](size_t at, const std::vector<T>& column) {
        T sum = 0;
        for (T v : column) sum += v;
        if (y[at] != sum) FAIL_CHECK("sum ", at, ": ", y[at], " is not ", sum);
      });
    });
  }
}

TEST_CASE_TEMPLATE("integer sums wrap", T, int64_t, uint64_t) {
  for (Shape s : shapes()) {
    CAPTURE(s);
    const std::vector<T> x = random_values<T>(s.size(), 0, 0);
    on_every_isa([&](const Kernels& k) {
      const std::vector<T> sums = run(row<T>(k, "sum"), x, s);
      for_columns(x, s, [&](size_t at, const std::vector<T>& column) {
        uint64_t sum = 0;
        for (T v : column) sum += static_cast<uint64_t>(v);
        if (static_cast<uint64_t>(sums[at]) != sum) FAIL_CHECK("sum ", at);
      });
    });
  }
}

TEST_CASE_TEMPLATE("an empty axis: sum 0; no result, no access", T, float, double, int64_t, uint64_t) {
  on_every_isa([](const Kernels& k) {
    const PlaceKernels& r = places<T>(k);
    for (int64_t inner : {1, 3, 300}) {
      for (T v : run(row<T>(k, "sum"), std::vector<T>(), {2, 0, inner})) {
        CHECK(v == 0);
        if constexpr (std::is_floating_point_v<T>) CHECK(!std::signbit(v));
      }
    }
    for (Shape s : {Shape{0, 3, 1}, {0, 3, 5}, {2, 3, 0}, {0, 0, 0}}) {
      for (const char* name : {"sum", "amax", "amin"}) CHECK(run(row<T>(k, name), std::vector<T>(), s).empty());
      for (auto fn : {r.argmax, r.argmin}) CHECK(run(fn, std::vector<T>(), s, int64_t{7}).empty());
      for (bool reverse : {false, true}) cumsum_of<T>(k)(nullptr, nullptr, s.outer, s.n, s.inner, reverse);
    }
  });
}

TEST_CASE_TEMPLATE("sums with inf, NaN and denormals at any place", T, float, double) {
  for (Shape s : {Shape{1, 3, 1}, {1, 40, 1}, {1, 301, 1}, {1, 37, 3}, {1, 19, 21}, {2, 18, 70}, {1, 9, 17}}) {
    CAPTURE(s);
    const auto sum_with = [&](const Kernels& k, int64_t at, T value, T rest) {
      std::vector<T> x(static_cast<size_t>(s.size()), rest);
      for (int64_t j = 0; j < s.inner; ++j) x[static_cast<size_t>(at * s.inner + j)] = value;
      return run(row<T>(k, "sum"), x, s)[static_cast<size_t>(s.inner - 1)];
    };
    on_every_isa([&](const Kernels& k) {
      const T tiny = std::numeric_limits<T>::denorm_min();
      for (int64_t i = 0; i < s.n; ++i) {
        if (sum_with(k, i, kInf<T>, 1) != kInf<T>) FAIL_CHECK("inf at ", i);
        if (sum_with(k, i, -kInf<T>, 1) != -kInf<T>) FAIL_CHECK("-inf at ", i);
        if (!std::isnan(sum_with(k, i, kNaN<T>, 1))) FAIL_CHECK("NaN at ", i);
        if (!std::isnan(sum_with(k, i, -kInf<T>, kInf<T>))) FAIL_CHECK("inf - inf at ", i);
        if (sum_with(k, i, 2 * tiny, tiny) != static_cast<T>(s.n + 1) * tiny) FAIL_CHECK("denormals at ", i);
      }
    });
  }
}

TEST_CASE_TEMPLATE("short rows: inf, NaN and denormals stay in their row", T, float, double) {
  const T tiny = std::numeric_limits<T>::denorm_min();
  on_every_isa([&](const Kernels& k) {
    for (int64_t n : {2, 5, 16}) {
      const int64_t rows = 43;
      for (int64_t at = 0; at < rows * n; ++at) {
        std::vector<T> x(static_cast<size_t>(rows * n), tiny);
        x[static_cast<size_t>(at)] = at % 2 ? kInf<T> : kNaN<T>;
        const auto y = run(row<T>(k, "sum"), x, {rows, n, 1});
        for (int64_t o = 0; o < rows; ++o) {
          const T want = o == at / n ? x[static_cast<size_t>(at)] : static_cast<T>(n) * tiny;
          if (!same_value(y[static_cast<size_t>(o)], want)) FAIL_CHECK("row ", o, " of ", n, " with ", at);
        }
      }
    }
  });
}

// ---- extrema ------------------------------------------------------------------------------------------------------

template <class T>
struct Place {
  T value;
  int64_t index;
};

/// The first extremum, or the first NaN. sign 1: max, -1: min.
template <class T>
Place<T> extremum(const std::vector<T>& v, int sign) {
  Place<T> best{v[0], 0};
  for (size_t i = 1; i < v.size(); ++i) {
    if (best.value != best.value) break;
    const bool better = sign > 0 ? v[i] > best.value : v[i] < best.value;
    if (better || v[i] != v[i]) best = {v[i], static_cast<int64_t>(i)};
  }
  return best;
}

template <class T>
void check_extrema(const std::vector<T>& x, Shape s) {
  CAPTURE(s);
  on_every_isa([&](const Kernels& k) {
    const PlaceKernels& r = places<T>(k);
    const std::vector<T> highest = run(row<T>(k, "amax"), x, s), lowest = run(row<T>(k, "amin"), x, s);
    const std::vector<int64_t> argmax = run(r.argmax, x, s, int64_t{-5}), argmin = run(r.argmin, x, s, int64_t{-5});
    for_columns(x, s, [&](size_t at, const std::vector<T>& column) {
      const Place<T> high = extremum(column, 1), low = extremum(column, -1);
      if (!same_value(highest[at], high.value)) FAIL_CHECK("max ", at);
      if (!same_value(lowest[at], low.value)) FAIL_CHECK("min ", at);
      if (argmax[at] != high.index) FAIL_CHECK("argmax ", at, ": ", argmax[at], " is not ", high.index);
      if (argmin[at] != low.index) FAIL_CHECK("argmin ", at, ": ", argmin[at], " is not ", low.index);
    });
  });
}

TEST_CASE_TEMPLATE("max, min, argmax, argmin of any shape", T, float, double, int64_t, uint64_t) {
  for (Shape s : shapes()) {
    check_extrema(random_values<T>(s.size(), -5, 5), s);
    std::vector<T> ties(static_cast<size_t>(s.size()));  // few values: the first of many equal ones counts
    for (size_t i = 0; i < ties.size(); ++i) ties[i] = static_cast<T>((i * 7919) % 3);
    check_extrema(ties, s);
  }
  check_extrema(std::vector<T>(5000, std::numeric_limits<T>::max()), {1, 5000, 1});
  check_extrema(std::vector<T>(5000, std::numeric_limits<T>::lowest()), {1, 5000, 1});
}

TEST_CASE_TEMPLATE("extrema: NaN wins wherever it stands, the first one; infinities are values", T, float, double) {
  for (Shape s : {Shape{1, 1, 1}, {1, 5, 1}, {1, 67, 1}, {1, 9, 3}, {1, 37, 5}, {1, 5, 70}, {19, 5, 1}, {37, 16, 1}}) {
    for (int64_t i = 0; i < s.size(); ++i) {
      std::vector<T> x = random_values<T>(s.size(), -1, 1);
      x[static_cast<size_t>(i)] = kNaN<T>;
      check_extrema(x, s);
      x[static_cast<size_t>(s.size() - 1)] = -kNaN<T>;
      x[0] = kInf<T>;
      check_extrema(x, s);
    }
  }
  for (T value : {kInf<T>, -kInf<T>, kNaN<T>, T(0)}) {
    for (Shape s : {Shape{1, 3000, 1}, {1, 77, 3}, {2, 5, 40}, {33, 9, 1}}) {
      check_extrema(std::vector<T>(static_cast<size_t>(s.size()), value), s);
    }
  }
  std::vector<T> late(20000, T(1));  // beyond the first blocks
  late[15000] = late[17000] = 2;
  check_extrema(late, {1, 20000, 1});
  late[16000] = kNaN<T>;
  check_extrema(late, {1, 20000, 1});
}

TEST_CASE("argmax takes zeros of both signs as equal") {
  const std::vector<float> x = {-0.0f, 0.0f, -0.0f};
  check_extrema(x, {1, 3, 1});
  check_extrema(x, {3, 1, 1});
}

// ---- cumsum -------------------------------------------------------------------------------------------------------

template <class T>
std::vector<T> cumsum(const Kernels& k, const std::vector<T>& x, Shape s, bool reverse) {
  std::vector<T> y(x.size() + kGuard, T(77));
  cumsum_of<T>(k)(x.data(), y.data(), s.outer, s.n, s.inner, reverse);
  for (size_t i = x.size(); i < y.size(); ++i) REQUIRE(y[i] == T(77));
  y.resize(x.size());
  return y;
}

/// next(sum so far, element) makes the wanted sums; close(got, wanted) judges.
template <class T, class Wide, class Add, class Close>
void check_cumsum(const std::vector<T>& x, Shape s, Add add, Close close) {
  CAPTURE(s);
  on_every_isa([&](const Kernels& k) {
    for (bool reverse : {false, true}) {
      CAPTURE(reverse);
      const std::vector<T> y = cumsum(k, x, s, reverse);
      for (int64_t o = 0; o < s.outer; ++o) {
        for (int64_t j = 0; j < s.inner; ++j) {
          Wide sum = 0;
          for (int64_t i = 0; i < s.n; ++i) {
            const int64_t row = reverse ? s.n - 1 - i : i;
            const auto at = static_cast<size_t>((o * s.n + row) * s.inner + j);
            sum = add(sum, x[at]);
            if (!close(y[at], sum)) FAIL_CHECK("at ", at);
          }
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("cumsum of integers wraps", T, int64_t, uint64_t) {
  for (Shape s : shapes()) {
    check_cumsum<T, uint64_t>(
        random_values<T>(s.size(), 0, 0), s, [](uint64_t sum, T x) { return sum + static_cast<uint64_t>(x); },
        [](T got, uint64_t want) { return static_cast<uint64_t>(got) == want; });
  }
}

TEST_CASE_TEMPLATE("cumsum of floats: one rounding, and the square of it per term", T, float, double) {
  const auto check = [](const std::vector<T>& x, Shape s) {
    const double n = static_cast<double>(s.n), u = kUnit<T>;
    long double size = 0;
    for (T v : x) size = std::fmax(size, std::fabs(static_cast<long double>(v)));
    // sum|x| <= n * max|x|: the compensation leaves n^2 u^2 sum|x|, the long double reference n * 2^-64 sum|x|.
    const long double rest = n * size * (2 * n * n * u * u + n * 0x1p-64);
    check_cumsum<T, long double>(
        x, s, [](long double sum, T v) { return sum + v; },
        [=](T got, long double want) { return std::fabs(got - want) <= 1.01L * u * std::fabs(want) + rest; });
  };
  for (Shape s : shapes()) check(random_values<T>(s.size(), -1, 1), s);
  // A running sum in T would be off by hundreds of roundings here.
  check(std::vector<T>(20001, T(0.1)), {1, 20001, 1});
  check(std::vector<T>(20001 * 35, T(0.1)), {1, 20001, 35});
}

TEST_CASE_TEMPLATE("cumsum: from an inf or NaN on, the sums are what IEEE says", T, float, double) {
  for (int64_t inner : {1, 3, 70}) {
    const Shape s{1, 6, inner};
    std::vector<T> x;
    for (T v : {T(1), kInf<T>, T(2), -kInf<T>, T(3), kNaN<T>}) x.insert(x.end(), static_cast<size_t>(inner), v);
    check_cumsum<T, T>(x, s, [](T sum, T v) { return sum + v; }, [](T got, T want) { return same_value(got, want); });
  }
}

// ---- rows that read the elements twice ----------------------------------------------------------------------------

TEST_CASE_TEMPLATE("norms, variances and logsumexp of any shape, against long double", T, float, double) {
  struct Oracle {
    const char* name;
    double p;
    long double (*value)(const std::vector<T>&);
  };
  const Oracle oracles[] = {{"_norm2", 0,
                             [](const std::vector<T>& v) {
                               long double s = 0;
                               for (long double x : v) s += x * x;
                               return std::sqrt(s);
                             }},
                            {"_norm", 3,
                             [](const std::vector<T>& v) {
                               long double s = 0;
                               for (long double x : v) s += std::pow(std::fabs(x), 3.0L);
                               return std::cbrt(s);
                             }},
                            {"var", 0,
                             [](const std::vector<T>& v) {
                               const long double mean = exact_sum(v).sum / static_cast<long double>(v.size());
                               long double s = 0;
                               for (long double x : v) s += (x - mean) * (x - mean);
                               return s / static_cast<long double>(v.size());
                             }},
                            {"logsumexp", 0, [](const std::vector<T>& v) {
                               long double s = 0;
                               for (long double x : v) s += std::exp(x);
                               return std::log(s);
                             }}};
  for (Shape s : shapes()) {
    const std::vector<T> x = random_values<T>(s.size(), -1, 1);
    CAPTURE(s);
    on_every_isa([&](const Kernels& k) {
      for (const Oracle& o : oracles) {
        const std::vector<T> y = run(row<T>(k, o.name, o.p), x, s);
        for_columns(x, s, [&](size_t at, const std::vector<T>& column) {
          // Terms and the finish round a few times beside the sum; every result is at most n or log n.
          const long double want = o.value(column), bound = 60 * kUnit<T> * (1 + std::fabs(want));
          if (!(std::fabs(y[at] - want) <= bound)) FAIL_CHECK(o.name, " ", at, ": ", y[at]);
        });
      }
    });
  }
}

TEST_CASE_TEMPLATE("any and all; the product of nothing", T, float, double, int64_t, uint64_t) {
  on_every_isa([](const Kernels& k) {
    for (int64_t n : {0, 1, 2, 5, 40}) {
      for (int64_t inner : {1, 3, 40}) {
        const Shape s{2, n, inner};
        std::vector<T> x(static_cast<size_t>(s.size()), T(0));
        for (T v : run(row<T>(k, "any"), x, s)) CHECK(v == 0);
        for (T v : run(row<T>(k, "all"), x, s)) CHECK(v == (n == 0));
        for (T v : run(row<T>(k, "prod"), x, s)) CHECK(v == (n == 0));
        if (n == 0) continue;
        for (int64_t j = 0; j < inner; ++j) x[static_cast<size_t>((n - 1) * inner + j)] = 3;
        const auto any = run(row<T>(k, "any"), x, s);
        for (int64_t j = 0; j < inner; ++j) CHECK(any[static_cast<size_t>(j)] == 1);
        CHECK(any[static_cast<size_t>(inner)] == 0);
        for (T& v : x) v = 2;
        for (T v : run(row<T>(k, "all"), x, s)) CHECK(v == 1);
        if (n <= 5)
          for (T v : run(row<T>(k, "prod"), x, s)) CHECK(v == static_cast<T>(1 << n));
      }
    }
  });
}

// ---- threads ------------------------------------------------------------------------------------------------------

TEST_CASE_TEMPLATE("the same bits at any number of threads", T, float, double) {
  // Shapes large enough to be split: inside a row, over rows, inside columns, over panels, over both.
  for (Shape s : {Shape{1, 2100007, 1},
                  {3, 700001, 1},
                  {1009, 2003, 1},
                  {1, 300007, 3},
                  {1, 70001, 30},
                  {1, 5003, 401},
                  {67, 301, 103},
                  {2, 90001, 11},
                  {100003, 7, 1},
                  {2, 301, 1201}}) {
    CAPTURE(s);
    const std::vector<T> x = random_values<T>(s.size(), -1, 1);
    on_every_isa([&](const Kernels& k) {
      const PlaceKernels& r = places<T>(k);
      for (const char* name : {"sum", "amax", "amin", "std", "logsumexp"})
        check_any_thread_count([&] { return run(row<T>(k, name), x, s); });
      for (auto fn : {r.argmax, r.argmin}) check_any_thread_count([&] { return run(fn, x, s, int64_t{7}); });
      check_any_thread_count([&] { return cumsum(k, x, s, false); });
    });
    check_sums(x, s);
    check_extrema(x, s);
  }
}

}  // namespace
}  // namespace adcore
