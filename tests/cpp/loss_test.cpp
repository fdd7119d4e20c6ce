// The fused losses against their definitions in long double and against finite differences, on every instruction set.
#include "kernel_cases.h"

namespace adcore {
namespace {

using namespace testing;

template <class T>
const LossKernels<T>& kernels_of(const Kernels& k) {
  if constexpr (std::is_same_v<T, float>) {
    return k.loss_f32;
  } else {
    return k.loss_f64;
  }
}

constexpr size_t kGuard = 3;  // elements behind the result that must stay as they are

template <class T>
bool close(T got, long double want, long double bound) {
  return std::fabs(static_cast<long double>(got) - want) <= bound + 8 * std::numeric_limits<T>::denorm_min();
}

// ---- binary cross-entropy with logits -----------------------------------------------------------------------------

/// Operands; w and p are empty (absent), one element, or as long as z.
template <class T>
struct Bce {
  std::vector<T> z, y, w, p;
  T scale = 1;
};

template <class T>
struct BceResult {
  std::vector<T> loss, slope;
  T sum;
};

template <class T>
BceResult<T> run(const Kernels& k, const Bce<T>& c, bool want_loss = true, bool want_slope = true) {
  const size_t n = c.z.size();
  BceResult<T> r{std::vector<T>(n + kGuard, T(77)), std::vector<T>(n + kGuard, T(77)), 0};
  BceArgs<T> args{};
  args.z = c.z.data(), args.y = c.y.data();
  args.w = c.w.empty() ? nullptr : c.w.data(), args.p = c.p.empty() ? nullptr : c.p.data();
  args.n = static_cast<int64_t>(n);
  args.w_scalar = c.w.size() == 1, args.p_scalar = c.p.size() == 1;
  args.loss = want_loss ? r.loss.data() : nullptr, args.slope = want_slope ? r.slope.data() : nullptr;
  args.scale = c.scale;
  r.sum = kernels_of<T>(k).bce_logits(args);
  for (auto* v : {&r.loss, &r.slope}) {
    for (size_t i = n; i < v->size(); ++i) REQUIRE((*v)[i] == T(77));
    v->resize(n);
  }
  return r;
}

long double softplus(long double z) { return std::fmax(z, 0.0L) + std::log1p(std::exp(-std::fabs(z))); }
long double sigmoid(long double z) { return z >= 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z)); }

template <class T>
T operand(const std::vector<T>& v, size_t i) {
  return v.empty() ? T(1) : v.size() == 1 ? v[0] : v[i];
}

// loss = -w (p y log sigmoid(z) + (1 - y) log(1 - sigmoid(z))). For y in [0, 1] and w, p >= 0 no two terms cancel, so
// the loss has a relative bound: about ten operations and two functions. So has the slope where one of its terms is 0.
template <class T>
void check(const Bce<T>& c) {
  on_every_isa([&](const Kernels& k) {
    const BceResult<T> r = run(k, c);
    const long double u = kUnit<T>;
    long double sum = 0, size = 0;
    for (size_t i = 0; i < c.z.size(); ++i) {
      const long double z = c.z[i], y = c.y[i], w = operand(c.w, i), p = operand(c.p, i);
      const long double down = w * (1 - y), up = w * p * y;
      const long double loss = down * softplus(z) + up * softplus(-z);
      const long double slope = (down * sigmoid(z) - up * sigmoid(-z)) * c.scale;
      const long double terms = (std::fabs(down) * sigmoid(z) + std::fabs(up) * sigmoid(-z)) * std::fabs(c.scale);
      const long double loss_terms = std::fabs(down) * softplus(z) + std::fabs(up) * softplus(-z);
      if (!close(r.loss[i], loss, 24 * u * loss_terms)) FAIL_CHECK("loss ", i, " at z = ", c.z[i], ", y = ", c.y[i]);
      if (!close(r.slope[i], slope, 24 * u * terms)) FAIL_CHECK("slope ", i, " at z = ", c.z[i], ", y = ", c.y[i]);
      sum += loss, size += loss_terms;
    }
    const auto n = static_cast<long double>(c.z.size());
    CHECK(close(r.sum, sum, (std::log2(n + 1) + 22 + 24) * u * size + n * 0x1p-63L * size));
  });
}

TEST_CASE_TEMPLATE("bce: values, slopes and sum, with every kind of weight", T, float, double) {
  for (int64_t n : {0, 1, 2, 3, 7, 8, 15, 16, 17, 33, 127, 255, 256, 257, 1009, 5003}) {
    CAPTURE(n);
    for (const auto& weights : {std::vector<T>(), std::vector<T>{T(2.5)}, random_values<T>(n, 0, 3, 5)}) {
      for (const auto& positive : {std::vector<T>(), std::vector<T>{T(0.3)}, random_values<T>(n, 0, 9, 6)}) {
        check(Bce<T>{random_values<T>(n, -6, 6), random_values<T>(n, 0, 1, 2), weights, positive, T(1) / T(n + 1)});
      }
    }
    Bce<T> hard{random_values<T>(n, -90, 90), random_values<T>(n, 0, 2, 3), {}, {}, 1};
    for (T& y : hard.y) y = std::floor(y);  // 0 or 1: no cancellation, however small the slope
    check(hard);
    check(Bce<T>{random_values<T>(n, -6, 6), random_values<T>(n, -2, 3, 2), {}, {T(4)}, 1});
  }
  check(Bce<T>{std::vector<T>(1000003, T(0.1)), std::vector<T>(1000003, T(0)), {}, {}, 1});
}

TEST_CASE_TEMPLATE("bce: every finite logit gives a finite, right result", T, float, double) {
  const T large = std::is_same_v<T, float> ? T(1e38) : T(1e308), tiny = std::numeric_limits<T>::denorm_min();
  std::vector<T> z, y;
  for (T a : {T(0), tiny, T(1e-30), T(1), T(20), T(88), T(104), T(700), T(750), T(1e5), large}) {
    for (T label : {T(0), T(0.25), T(1)}) {
      for (T sign : {T(1), T(-1)}) z.push_back(sign * a), y.push_back(label);
    }
  }
  for (size_t i = 0; i < z.size(); ++i) check(Bce<T>{{z[i]}, {y[i]}, {}, {}, 1});
  on_every_isa([&](const Kernels& k) {
    const BceResult<T> r = run(k, Bce<T>{{large, large, -large, -large}, {1, 0, 1, 0}, {}, {}, T(0.5)});
    CHECK(r.loss == std::vector<T>{0, large, large, 0});
    CHECK(r.slope == std::vector<T>{0, T(0.5), T(-0.5), 0});
    const BceResult<T> nan = run(k, Bce<T>{{1, kNaN<T>, 1}, {1, 1, kNaN<T>}, {}, {}, 1});
    CHECK(nan.loss[0] < 1);
    for (size_t i : {1, 2}) CHECK((std::isnan(nan.loss[i]) && std::isnan(nan.slope[i])));
    CHECK(std::isnan(nan.sum));
  });
}

TEST_CASE("bce: the slope is the derivative of the loss") {
  const int64_t n = 301;
  const double h = 1e-5;
  Bce<double> c{random_values<double>(n, -8, 8), random_values<double>(n, 0, 1, 2), random_values<double>(n, 0, 3, 3),
                random_values<double>(n, 0, 5, 4), 1};
  on_every_isa([&](const Kernels& k) {
    Bce<double> left = c, right = c;
    for (auto& z : left.z) z -= h;
    for (auto& z : right.z) z += h;
    const BceResult<double> l = run(k, left), r = run(k, right), middle = run(k, c);
    for (size_t i = 0; i < c.z.size(); ++i) {
      // h^2/6 times the third derivative (below w (1 + p) / 6), and the roundings of the losses over 2h.
      const double curve = h * h / 36 * c.w[i] * (1 + c.p[i]), rounding = 30 * kUnit<double> * (1 + middle.loss[i]) / h;
      CHECK(std::fabs((r.loss[i] - l.loss[i]) / (2 * h) - middle.slope[i]) <= curve + rounding);
    }
  });
}

TEST_CASE_TEMPLATE("bce: absent, scalar and full weights, absent outputs: the same bits", T, float, double) {
  const int64_t n = 1009;
  const Bce<T> plain{random_values<T>(n, -6, 6), random_values<T>(n, 0, 1, 2), {}, {}, T(0.25)};
  const std::vector<T> ones(static_cast<size_t>(n), T(1)), full(static_cast<size_t>(n), T(1.7));
  on_every_isa([&](const Kernels& k) {
    const auto same = [&](std::vector<T> w1, std::vector<T> p1, std::vector<T> w2, std::vector<T> p2) {
      const auto a = run(k, Bce<T>{plain.z, plain.y, w1, p1, plain.scale});
      const auto b = run(k, Bce<T>{plain.z, plain.y, w2, p2, plain.scale});
      return same_bits(a.loss, b.loss) && same_bits(a.slope, b.slope) && a.sum == b.sum;
    };
    CHECK(same({}, {}, ones, ones));
    CHECK(same({T(1.7)}, {}, full, {}));
    CHECK(same({}, {T(1.7)}, {}, full));
    const BceResult<T> all = run(k, plain);
    CHECK(same_bits(run(k, plain, true, false).loss, all.loss));
    CHECK(same_bits(run(k, plain, false, true).slope, all.slope));
    CHECK(run(k, plain, false, false).sum == all.sum);
  });
}

TEST_CASE_TEMPLATE("bce: the same bits at any number of threads", T, float, double) {
  const int64_t n = 300007;
  const Bce<T> c{random_values<T>(n, -6, 6), random_values<T>(n, 0, 1, 2), {}, random_values<T>(n, 0, 3, 3), 1};
  on_every_isa([&](const Kernels& k) {
    check_any_thread_count([&] { return run(k, c).loss; });
    check_any_thread_count([&] { return run(k, c).slope; });
    check_any_thread_count([&] { return std::vector<T>{run(k, c).sum}; });
  });
}

// ---- cross-entropy ------------------------------------------------------------------------------------------------

template <class T>
struct CrossEntropy {
  int64_t rows, classes;
  std::vector<T> x;
  std::vector<int64_t> target;
  std::vector<T> scale;  // empty: absent
};

template <class T>
struct CrossEntropyResult {
  std::vector<T> loss, prob;
};

template <class T>
CrossEntropyResult<T> run(const Kernels& k, const CrossEntropy<T>& c, bool want_prob = true) {
  const auto rows = static_cast<size_t>(c.rows);
  CrossEntropyResult<T> r{std::vector<T>(rows + kGuard, T(77)), std::vector<T>(c.x.size() + kGuard, T(77))};
  CrossEntropyArgs<T> args{};
  args.x = c.x.data(), args.target = c.target.data();
  args.scale = c.scale.empty() ? nullptr : c.scale.data();
  args.loss = r.loss.data(), args.prob = want_prob ? r.prob.data() : nullptr;
  args.rows = c.rows, args.classes = c.classes;
  kernels_of<T>(k).cross_entropy(args);
  for (size_t i = 0; i < kGuard; ++i) REQUIRE((r.loss[rows + i] == T(77) && r.prob[c.x.size() + i] == T(77)));
  r.loss.resize(rows);
  r.prob.resize(c.x.size());
  return r;
}

template <class T>
CrossEntropy<T> random_case(int64_t rows, int64_t classes, double range, bool scaled) {
  CrossEntropy<T> c{rows, classes, random_values<T>(rows * classes, -range, range), {}, {}};
  for (int64_t i = 0; i < rows; ++i) c.target.push_back((i * 7919) % classes);
  if (scaled) c.scale = random_values<T>(rows, 0, 2, 9);
  return c;
}

template <class T>
void check(const CrossEntropy<T>& c) {
  on_every_isa([&](const Kernels& k) {
    const CrossEntropyResult<T> r = run(k, c);
    std::vector<T> softmax(c.x.size());
    k.softmax[std::is_same_v<T, double>].softmax(c.x.data(), softmax.data(), c.rows, c.classes, 1);
    CHECK(same_bits(r.prob, softmax));
    CHECK(same_bits(r.loss, run(k, c, false).loss));
    for (int64_t i = 0; i < c.rows; ++i) {
      const T* x = c.x.data() + i * c.classes;
      long double top = -kInf<long double>, sum = 0, slack = 0;
      for (int64_t j = 0; j < c.classes; ++j) top = std::fmax(top, static_cast<long double>(x[j]));
      for (int64_t j = 0; j < c.classes; ++j) sum += std::exp(x[j] - top), slack += (top - x[j]) * std::exp(x[j] - top);
      const long double d = top - x[c.target[static_cast<size_t>(i)]], log_sum = std::log(sum);
      const long double scale = c.scale.empty() ? T(1) : c.scale[static_cast<size_t>(i)];
      // As in softmax_test: the sum, the logarithm, the difference, the product.
      const long double units =
          slack / sum + std::log2(static_cast<long double>(c.classes)) + 32 + 10 * log_sum + 3 * d;
      const T loss = r.loss[static_cast<size_t>(i)];
      if (!close(loss, scale * (d + log_sum), scale * units * kUnit<T>)) FAIL_CHECK("row ", i);
    }
  });
}

TEST_CASE_TEMPLATE("cross-entropy: losses, and probabilities that are the softmax", T, float, double) {
  for (int64_t classes : {1, 2, 3, 7, 8, 10, 16, 17, 33, 100, 257, 1000}) {
    for (int64_t rows : {1, 2, 5, 33}) {
      CAPTURE(classes);
      CAPTURE(rows);
      check(random_case<T>(rows, classes, 3, false));
      check(random_case<T>(rows, classes, 50, true));
      check(random_case<T>(rows, classes, 1e5, true));
    }
  }
}

TEST_CASE_TEMPLATE("cross-entropy: ignored rows have loss 0, whatever they hold", T, float, double) {
  CrossEntropy<T> c = random_case<T>(6, 11, 3, true);
  const CrossEntropy<T> all = c;
  c.target[1] = -100, c.target[2] = 11, c.target[4] = std::numeric_limits<int64_t>::min();
  c.scale[1] = kInf<T>;
  on_every_isa([&](const Kernels& k) {
    const CrossEntropyResult<T> some = run(k, c), every = run(k, all);
    for (size_t i = 0; i < 6; ++i) CHECK(some.loss[i] == (i == 1 || i == 2 || i == 4 ? T(0) : every.loss[i]));
    CHECK(same_bits(some.prob, every.prob));
    CrossEntropy<T> bad = c;
    bad.x[11] = kNaN<T>;
    CHECK(run(k, bad).loss[1] == 0);
    const CrossEntropyResult<T> none = run(k, CrossEntropy<T>{3, 0, {}, {0, 0, 0}, {}});
    CHECK(none.loss == std::vector<T>{0, 0, 0});
    CHECK(run(k, CrossEntropy<T>{0, 5, {}, {}, {}}).loss.empty());
  });
}

TEST_CASE_TEMPLATE("cross-entropy: non-finite scores", T, float, double) {
  constexpr T inf = kInf<T>;
  on_every_isa([&](const Kernels& k) {
    const auto loss = [&](std::vector<T> x, int64_t target) {
      const auto n = static_cast<int64_t>(x.size());
      return run(k, CrossEntropy<T>{1, n, x, {target}, {}}).loss[0];
    };
    CHECK(loss({-inf, 1}, 1) == 0);
    CHECK(loss({-inf, 1}, 0) == inf);
    CHECK(loss({inf, 1}, 1) == inf);
    CHECK(std::isnan(loss({inf, 1}, 0)));
    CHECK(std::isnan(loss({-inf, -inf}, 0)));
    CHECK(std::isnan(loss({kNaN<T>, 1}, 1)));
    for (T top : {inf, -inf, kNaN<T>}) {
      for (T p : run(k, CrossEntropy<T>{1, 3, {top, -inf, -inf}, {1}, {}}).prob) CHECK(std::isnan(p));
    }
  });
}

template <class T>
std::vector<T> cross_entropy_grad(const Kernels& k, const CrossEntropy<T>& c, const std::vector<T>& prob,
                                  const std::vector<T>& g) {
  std::vector<T> grad(prob.size() + kGuard, T(77)), in_place = prob;
  kernels_of<T>(k).cross_entropy_grad(
      {prob.data(), c.target.data(), g.data(), c.scale.data(), grad.data(), c.rows, c.classes});
  kernels_of<T>(k).cross_entropy_grad(
      {in_place.data(), c.target.data(), g.data(), c.scale.data(), in_place.data(), c.rows, c.classes});
  for (size_t i = 0; i < kGuard; ++i) REQUIRE(grad[prob.size() + i] == T(77));
  grad.resize(prob.size());
  CHECK(same_bits(grad, in_place));
  return grad;
}

TEST_CASE_TEMPLATE("cross-entropy: its rule is the plain loop's", T, float, double) {
  for (int64_t classes : {0, 1, 2, 3, 7, 10, 16, 17, 33, 257}) {
    for (int64_t rows : {0, 1, 5, 33}) {
      CrossEntropy<T> c{rows, classes, random_values<T>(rows * classes, -3, 3), {}, random_values<T>(rows, 0, 2, 9)};
      for (int64_t i = 0; i < rows; ++i) c.target.push_back(classes ? (i * 7919) % classes : 0);
      std::vector<T> prob = random_values<T>(rows * classes, 0, 1, 4);
      const std::vector<T> g = random_values<T>(rows, -1, 1, 5);
      if (rows > 4 && classes > 0) {
        c.target[1] = -1, c.target[2] = classes;  // ignored
        for (int64_t j = 0; j < classes; ++j) prob[static_cast<size_t>(classes + j)] = j % 2 ? kNaN<T> : kInf<T>;
        c.scale[3] = kInf<T>;
      }
      std::vector<T> want;
      for (int64_t i = 0; i < rows; ++i) {
        const int64_t target = c.target[static_cast<size_t>(i)];
        const T factor = g[static_cast<size_t>(i)] * c.scale[static_cast<size_t>(i)];
        for (int64_t j = 0; j < classes; ++j) {
          const T p = prob[want.size()] - static_cast<T>(j == target);
          want.push_back(target < 0 || target >= classes ? T(0) : p * factor);
        }
      }
      on_every_isa([&](const Kernels& k) {
        const auto got = cross_entropy_grad(k, c, prob, g);
        for (size_t i = 0; i < want.size(); ++i) CHECK(same_value(got[i], want[i]));
      });
    }
  }
  const CrossEntropy<T> large = random_case<T>(20011, 10, 4, true);
  on_every_isa([&](const Kernels& k) {
    const auto prob = run(k, large).prob;
    check_any_thread_count([&] { return cross_entropy_grad(k, large, prob, large.scale); });
  });
}

TEST_CASE_TEMPLATE("cross-entropy: the same bits at any number of threads", T, float, double) {
  for (auto [rows, classes] : {std::pair<int64_t, int64_t>{20011, 10}, {5, 50021}, {2003, 129}}) {
    const CrossEntropy<T> c = random_case<T>(rows, classes, 4, true);
    on_every_isa([&](const Kernels& k) {
      check_any_thread_count([&] { return run(k, c).loss; });
      check_any_thread_count([&] { return run(k, c).prob; });
    });
  }
}

}  // namespace
}  // namespace adcore
