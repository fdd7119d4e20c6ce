// softmax, log_softmax and logsumexp against their definitions in long double, on every instruction set.
#include "kernel_cases.h"
#include "kernels/reductions.h"

namespace adcore {
namespace {

using namespace testing;

template <class T>
const SoftmaxKernels& kernels_of(const Kernels& k) {
  return k.softmax[std::is_same_v<T, double>];
}

struct Shape {
  int64_t outer, n, inner;
  int64_t size() const { return outer * n * inner; }
};
doctest::String toString(const Shape& s) {
  return doctest::toString(s.outer) + " x " + doctest::toString(s.n) + " x " + doctest::toString(s.inner);
}

template <class T>
struct Results {
  std::vector<T> softmax, log_softmax, logsumexp;
};

constexpr size_t kGuard = 3;  // elements behind the result that must stay as they are

template <class T>
std::vector<T> run(SoftmaxFn fn, const std::vector<T>& x, Shape s, int64_t size) {
  std::vector<T> y(static_cast<size_t>(size) + kGuard, T(77));
  fn(x.data(), y.data(), s.outer, s.n, s.inner);
  for (size_t i = 0; i < kGuard; ++i) REQUIRE(y[static_cast<size_t>(size) + i] == T(77));
  y.resize(static_cast<size_t>(size));
  return y;
}

template <class T>
Results<T> run(const Kernels& k, const std::vector<T>& x, Shape s) {
  const SoftmaxKernels& f = kernels_of<T>(k);
  const int64_t size = s.size();
  std::vector<T> sums(static_cast<size_t>(s.outer * s.inner)), scratch = sums;
  k.reductions[reduction_index("logsumexp")].run[std::is_same_v<T, double>](
      {x.data(), sums.data(), s.outer, s.n, s.inner, 0, scratch.data()});
  return {run(f.softmax, x, s, size), run(f.log_softmax, x, s, size), sums};
}

template <class T>
bool close(T got, long double want, long double bound) {
  return std::fabs(static_cast<long double>(got) - want) <= bound + 4 * std::numeric_limits<T>::denorm_min();
}

// The bounds, in units of one rounding. exp(x - top): the subtraction puts (top - x) units on the result, exp and the
// products some more. The sum: the mean of that over its terms, and log2(n) + 20 for the additions. log: its own few,
// relative to a value below log n; and the last operation.
template <class T>
void check(const std::vector<T>& x, Shape s) {
  CAPTURE(s);
  const auto column = [&](int64_t o, int64_t i, int64_t j) { return static_cast<size_t>((o * s.n + i) * s.inner + j); };
  on_every_isa([&](const Kernels& k) {
    const Results<T> y = run(k, x, s);
    for (int64_t o = 0; o < s.outer; ++o) {
      for (int64_t j = 0; j < s.inner; ++j) {
        long double top = -kInf<long double>, sum = 0, slack = 0;
        for (int64_t i = 0; i < s.n; ++i) top = std::fmax(top, static_cast<long double>(x[column(o, i, j)]));
        for (int64_t i = 0; i < s.n; ++i) {
          const long double d = top - x[column(o, i, j)];
          sum += std::exp(-d);
          slack += d * std::exp(-d);
        }
        const long double u = kUnit<T>, log_sum = std::log(sum);
        const long double sum_units = slack / sum + std::log2(static_cast<long double>(s.n)) + 32;
        const long double log_units = sum_units + 8 * log_sum;
        const auto at = static_cast<size_t>(o * s.inner + j);
        const long double lse = top + log_sum;
        if (!close(y.logsumexp[at], lse, u * (log_units + std::fabs(lse)))) FAIL_CHECK("logsumexp ", at);
        for (int64_t i = 0; i < s.n; ++i) {
          const size_t e = column(o, i, j);
          const long double d = top - x[e], p = std::exp(-d) / sum;
          if (!close(y.softmax[e], p, p * u * (d + sum_units))) FAIL_CHECK("softmax ", e, ": ", y.softmax[e]);
          if (!close(y.log_softmax[e], -d - log_sum, u * (2 * d + log_sum + log_units))) FAIL_CHECK("log_softmax ", e);
        }
      }
    }
  });
}

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (int64_t n : {1, 2, 3, 5, 8, 10, 15, 16, 17, 31, 33, 64, 127, 255, 256, 257, 1000, 4099}) {
    all.push_back({3, n, 1});
  }
  for (int64_t inner : {2, 3, 7, 8, 15, 16, 17, 33}) {
    for (int64_t n : {1, 2, 10, 17, 33}) all.push_back({2, n, inner});
  }
  all.push_back({100, 10, 1});
  return all;
}

TEST_CASE_TEMPLATE("values of any shape", T, float, double) {
  for (Shape s : shapes()) {
    check(random_values<T>(s.size(), -3, 3), s);
    check(random_values<T>(s.size(), -60, 60), s);
    check(random_values<T>(s.size(), -1e4, 1e4), s);     // most terms underflow
    check(random_values<T>(s.size(), 1e6, 1e6 + 4), s);  // exp alone would overflow
    check(std::vector<T>(static_cast<size_t>(s.size()), T(0.3)), s);
  }
}

TEST_CASE_TEMPLATE("the largest finite values", T, float, double) {
  const T most = std::numeric_limits<T>::max();
  on_every_isa([&](const Kernels& k) {
    const Results<T> y = run<T>(k, {most, 0, -most}, {1, 3, 1});
    CHECK(y.softmax == std::vector<T>{1, 0, 0});
    CHECK(y.logsumexp[0] == most);
    CHECK(y.log_softmax == std::vector<T>{0, -most, -kInf<T>});
  });
}

template <class T>
bool same_values(const std::vector<T>& a, const std::vector<T>& b) {
  bool same = a.size() == b.size();
  for (size_t i = 0; same && i < a.size(); ++i) same = same_value(a[i], b[i]);
  return same;
}

// The wanted values are those of scipy.special 1.17.
TEST_CASE_TEMPLATE("non-finite entries, as scipy.special", T, float, double) {
  constexpr T inf = kInf<T>, nan = kNaN<T>;
  struct Case {
    std::vector<T> x, softmax, log_softmax;
    T logsumexp;
  };
  const std::vector<Case> cases = {
      {{-inf, -inf}, {nan, nan}, {nan, nan}, -inf},
      {{inf, 1}, {nan, nan}, {nan, -inf}, inf},
      {{inf, -inf}, {nan, nan}, {nan, -inf}, inf},
      {{nan, 1}, {nan, nan}, {nan, nan}, nan},
      {{-inf, 1}, {0, 1}, {-inf, 0}, 1},
      {{inf, inf}, {nan, nan}, {nan, nan}, inf},
      {{-inf}, {nan}, {nan}, -inf},
      {{inf}, {nan}, {nan}, inf},
  };
  for (const Case& c : cases) {
    const auto n = static_cast<int64_t>(c.x.size());
    for (int64_t inner : {1, 3, 16, 21}) {
      CAPTURE(inner);
      CAPTURE(c.x[0]);
      const auto spread = [&](const std::vector<T>& v) {
        std::vector<T> wide;
        for (T e : v) wide.insert(wide.end(), static_cast<size_t>(inner), e);
        return wide;
      };
      on_every_isa([&](const Kernels& k) {
        const Results<T> y = run(k, spread(c.x), {1, n, inner});
        CHECK(same_values(y.softmax, spread(c.softmax)));
        CHECK(same_values(y.log_softmax, spread(c.log_softmax)));
        CHECK(same_values(y.logsumexp, spread({c.logsumexp})));
      });
    }
  }
}

TEST_CASE_TEMPLATE("masked entries of a long row count as nothing", T, float, double) {
  std::vector<T> x = random_values<T>(203, -2, 2), dense;
  for (size_t i = 0; i < x.size(); i += 3) x[i] = -kInf<T>;
  for (T v : x) {
    if (v != -kInf<T>) dense.push_back(v);
  }
  on_every_isa([&](const Kernels& k) {
    const Results<T> masked = run(k, x, {1, 203, 1}), plain = run(k, dense, {1, static_cast<int64_t>(dense.size()), 1});
    CHECK(close(masked.logsumexp[0], plain.logsumexp[0], 64 * kUnit<T>));
    for (size_t i = 0, d = 0; i < x.size(); ++i) {
      const bool gone = x[i] == -kInf<T>;
      CHECK(close(masked.softmax[i], gone ? 0 : plain.softmax[d], 64 * kUnit<T>));
      d += !gone;
    }
  });
}

TEST_CASE_TEMPLATE("an empty axis and empty results", T, float, double) {
  on_every_isa([](const Kernels& k) {
    for (int64_t inner : {1, 5}) {
      for (T v : run(k, std::vector<T>(), {2, 0, inner}).logsumexp) CHECK(v == -kInf<T>);
      CHECK(run(k, std::vector<T>(), {0, 4, inner}).logsumexp.empty());
    }
    CHECK(run(k, std::vector<T>(), {3, 4, 0}).logsumexp.empty());
  });
}

TEST_CASE_TEMPLATE("the same bits at any number of threads", T, float, double) {
  for (Shape s : {Shape{1, 400009, 1}, {3001, 101, 1}, {1, 300, 601}, {1, 90001, 3}}) {
    CAPTURE(s);
    const std::vector<T> x = random_values<T>(s.size(), -4, 4);
    on_every_isa([&](const Kernels& k) {
      check_any_thread_count([&] { return run(k, x, s).softmax; });
      check_any_thread_count([&] { return run(k, x, s).log_softmax; });
      check_any_thread_count([&] { return run(k, x, s).logsumexp; });
    });
    check(x, s);
  }
}

template <class T>
std::vector<T> run_rule(SoftmaxGradFn fn, const std::vector<T>& g, const std::vector<T>& y, Shape s) {
  std::vector<T> grad(y.size() + kGuard, T(77));
  fn(g.data(), y.data(), grad.data(), s.outer, s.n, s.inner);
  for (size_t i = 0; i < kGuard; ++i) REQUIRE(grad[y.size() + i] == T(77));
  grad.resize(y.size());
  std::vector<T> over_g = g, over_y = y;  // the result may take the place of either
  fn(over_g.data(), y.data(), over_g.data(), s.outer, s.n, s.inner);
  fn(g.data(), over_y.data(), over_y.data(), s.outer, s.n, s.inner);
  CHECK(same_bits(over_g, grad));
  CHECK(same_bits(over_y, grad));
  return grad;
}

TEST_CASE_TEMPLATE("the rules: softmax and log_softmax", T, float, double) {
  for (Shape s : shapes()) {
    CAPTURE(s);
    const std::vector<T> g = random_values<T>(s.size(), -2, 2, 3), x = random_values<T>(s.size(), -4, 4);
    on_every_isa([&](const Kernels& k) {
      const Results<T> y = run(k, x, s);
      const auto soft = run_rule(kernels_of<T>(k).softmax_grad, g, y.softmax, s),
                 log_soft = run_rule(kernels_of<T>(k).log_softmax_grad, g, y.log_softmax, s);
      const long double units = (std::log2(static_cast<long double>(s.n)) + 32) * kUnit<T>;
      for (int64_t c = 0; c < s.outer * s.inner; ++c) {
        const auto at = [&](int64_t i) { return static_cast<size_t>((c / s.inner * s.n + i) * s.inner + c % s.inner); };
        long double sum_g = 0, sum_gy = 0, size_g = 0, size_gy = 0;
        for (int64_t i = 0; i < s.n; ++i) {
          const long double gi = g[at(i)], yi = y.softmax[at(i)];
          sum_g += gi, sum_gy += gi * yi, size_g += std::fabs(gi), size_gy += std::fabs(gi * yi);
        }
        for (int64_t i = 0; i < s.n; ++i) {
          const long double gi = g[at(i)], yi = y.softmax[at(i)],
                            p = std::exp(static_cast<long double>(y.log_softmax[at(i)]));
          CHECK(close(soft[at(i)], gi * yi - yi * sum_gy, units * yi * (std::fabs(gi) + size_gy)));
          CHECK(close(log_soft[at(i)], gi - p * sum_g, units * (std::fabs(gi) + p * size_g)));
        }
      }
    });
  }
}

TEST_CASE_TEMPLATE("the rules: bits at any number of threads, NaN, nothing", T, float, double) {
  for (Shape s : {Shape{1, 400009, 1}, {3001, 101, 1}, {1, 90001, 3}}) {
    const std::vector<T> g = random_values<T>(s.size(), -1, 1, 3), y = random_values<T>(s.size(), 0, 1);
    on_every_isa([&](const Kernels& k) {
      check_any_thread_count([&] { return run_rule(kernels_of<T>(k).softmax_grad, g, y, s); });
      check_any_thread_count([&] { return run_rule(kernels_of<T>(k).log_softmax_grad, g, y, s); });
    });
  }
  on_every_isa([](const Kernels& k) {
    const SoftmaxKernels& f = kernels_of<T>(k);
    for (T bad : {kNaN<T>, kInf<T>}) {
      for (T v : run_rule<T>(f.softmax_grad, {1, bad, 2}, {T(0.5), T(0.25), T(0.25)}, {1, 3, 1}))
        CHECK(!(v == v && v != -kInf<T>));
    }
    for (Shape s : {Shape{2, 0, 3}, {0, 4, 1}, {3, 4, 0}}) {
      CHECK(run_rule<T>(f.softmax_grad, {}, {}, s).empty());
      CHECK(run_rule<T>(f.log_softmax_grad, {}, {}, s).empty());
    }
  });
}

}  // namespace
}  // namespace adcore
