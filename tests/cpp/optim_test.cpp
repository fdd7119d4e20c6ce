// Optimizer steps against the textbook formulas in a wider type, over several steps, on every instruction set. The rows
// that are not here are compared with NumPy (tests/python/optimizer_rules.py).
#include <functional>

#include "kernel_cases.h"
#include "kernels/optimizers.h"

namespace adcore {
namespace {

using namespace testing;

template <class T>
OptimizerKernel<T> kernel_of(const Kernels& k, int row) {
  if constexpr (std::is_same_v<T, float>) {
    return k.optim_f32[row];
  } else {
    return k.optim_f64[row];
  }
}

constexpr int kSteps = 4;
constexpr int64_t kGuard = 3;  // elements behind the arrays that must stay as they are

/// Parameters and the states of a rule.
template <class V>
struct State {
  std::vector<V> p, state[kMaxOptimizerStates];

  bool operator==(const State& o) const {
    bool same = same_bits(p, o.p);
    for (int j = 0; j < kMaxOptimizerStates; ++j) same = same && same_bits(state[j], o.state[j]);
    return same;
  }
};

template <class T>
State<T> start(int64_t n) {
  const std::vector<T> zeros(static_cast<size_t>(n + kGuard));
  return {random_values<T>(n + kGuard, -2, 2, 1), {zeros, zeros, zeros}};
}
template <class T>
std::vector<T> gradient(int64_t n, int step) {
  return random_values<T>(n, -1, 1, static_cast<uint64_t>(100 + step));
}

/// A row with its numbers and settings: learning rate and weight decay first.
struct Rule {
  std::string_view name;
  std::vector<double> numbers;
  OptimizerSettings settings;
};

/// One step; the new values go over the old ones, or to `after`.
template <class T>
void run(const Kernels& k, const Rule& rule, const State<T>& s, const std::vector<T>& g, State<T>& after, int64_t n,
         int step) {
  OptimizerArrays<T> x{};
  x.p = s.p.data();
  x.g = g.data();
  x.new_p = after.p.data();
  x.n = n;
  for (int j = 0; j < kMaxOptimizerStates; ++j) x.state[j] = s.state[j].data(), x.new_state[j] = after.state[j].data();
  OptimizerSettings settings = rule.settings;
  for (double& v : settings.v) v = static_cast<double>(static_cast<T>(v));
  int row = 0;
  kOptimizers.apply([&](const auto&... each) {
    (
        [&] {
          if (each.name == rule.name) {
            const auto c = each.scalars(rule.numbers.data(), step + 1.0, settings);
            kernel_of<T>(k, row)(x, c.v, settings.v);
          }
          ++row;
        }(),
        ...);
  });
}

using Wide = long double;
using States = std::array<Wide, kMaxOptimizerStates>;
/// Updates one parameter: textbook(p, states, g, step).
using Textbook = std::function<void(Wide&, States&, Wide, int)>;

/// A rule on every instruction set, in place and not: all end with the same bits, the guards untouched, and close to the
/// textbook.
template <class T>
void check(const Rule& rule, const Textbook& textbook, double units = 64) {
  REQUIRE(optimizer_index(rule.name) >= 0);
  for (int64_t n : {0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 1009}) {
    CAPTURE(n);
    const State<T> before = start<T>(n);
    std::vector<Wide> want(before.p.begin(), before.p.end());
    std::vector<States> states(static_cast<size_t>(n));
    for (int step = 0; step < kSteps; ++step) {
      const std::vector<T> g = gradient<T>(n, step);
      for (size_t i = 0; i < g.size(); ++i) textbook(want[i], states[i], static_cast<Wide>(g[i]), step);
    }
    State<T> first;
    on_every_isa([&](const Kernels& k) {
      State<T> s = before, other = before;
      for (int step = 0; step < kSteps; ++step) {
        const std::vector<T> g = gradient<T>(n, step);
        run(k, rule, s, g, s, n, step);
        State<T> fresh = before;
        run(k, rule, other, g, fresh, n, step);
        other = fresh;
      }
      CHECK(s == other);
      for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
        // Values stay below 4; the steps add their roundings, relative to that.
        if (!(std::fabs(s.p[i] - want[i]) <= units * kUnit<T>)) FAIL_CHECK("parameter ", i, ": ", s.p[i]);
        for (size_t j = 0; j < 2; ++j)
          if (!(std::fabs(s.state[j][i] - states[i][j]) <= units * kUnit<T>)) FAIL_CHECK("state ", j, " of ", i);
      }
      for (size_t i = static_cast<size_t>(n); i < s.p.size(); ++i) {
        CHECK(s.p[i] == before.p[i]);
        for (int j = 0; j < kMaxOptimizerStates; ++j) CHECK(s.state[j][i] == before.state[j][i]);
      }
      if (first.p.empty()) first = s;
      CHECK(s == first);
    });
  }
}

TEST_CASE_TEMPLATE("sgd: plain, with momentum, dampening, decay, nesterov", T, float, double) {
  const T lr = T(0.1), momentum = T(0.9);
  for (T decay : {T(0), T(0.01)}) {
    check<T>({"sgd_plain", {lr, decay}, {}},
             [=](Wide& p, States&, Wide g, int) { p = (1 - Wide(lr) * decay) * p - Wide(lr) * g; });
    for (T dampening : {T(0), T(0.25)}) {
      for (bool nesterov : {false, true}) {
        CAPTURE(nesterov);
        check<T>({"sgd", {lr, decay, momentum}, {{dampening, double(nesterov)}}},
                 [=](Wide& p, States& s, Wide g, int step) {
                   g += decay * p;
                   s[0] = step == 0 ? g : momentum * s[0] + (1 - Wide(dampening)) * g;
                   p -= lr * (nesterov ? g + momentum * s[0] : s[0]);
                 });
      }
    }
  }
}

TEST_CASE("sgd: the first step does not read the old state") {
  on_every_isa([](const Kernels& k) {
    State<float> s{std::vector<float>(37, 1), {std::vector<float>(37, kNaN<float>), {}, {}}};
    const std::vector<float> g(37, 2);
    run(k, {"sgd", {0.5, 0, 0.9}, {{0.5, 0}}}, s, g, s, 37, 0);
    CHECK(s.state[0] == g);
    CHECK(s.p == std::vector<float>(37, 0));
  });
}

TEST_CASE_TEMPLATE("momentum", T, float, double) {
  const T lr = T(0.05), momentum = T(0.9);
  for (T decay : {T(0), T(0.01)}) {
    for (bool nesterov : {false, true}) {
      CAPTURE(nesterov);
      check<T>({"momentum", {lr, decay, momentum}, {{double(nesterov)}}}, [=](Wide& p, States& s, Wide g, int) {
        g += decay * p;
        s[0] = s[0] * momentum + g;
        p -= nesterov ? g * lr + s[0] * momentum * lr : lr * s[0];
      });
    }
  }
}

// Kingma and Ba, algorithm 1, in the form of section 2: lr_t = lr sqrt(1 - b2^t) / (1 - b1^t), eps beside the root.
TEST_CASE_TEMPLATE("adam; nesterov after Dozat", T, float, double) {
  const T lr = T(0.01), b1 = T(0.9), b2 = T(0.75), eps = T(1e-3);
  for (T decay : {T(0), T(0.01)}) {
    for (bool nesterov : {false, true}) {
      CAPTURE(nesterov);
      check<T>({"adam", {lr, decay}, {{b1, b2, eps, double(nesterov)}}}, [=](Wide& p, States& s, Wide g, int step) {
        g += decay * p;
        s[0] += (1 - Wide(b1)) * (g - s[0]);
        s[1] += (1 - Wide(b2)) * (g * g - s[1]);
        const Wide mean = nesterov ? b1 * s[0] + (1 - Wide(b1)) * g : s[0];
        const Wide corrected = std::sqrt(1 - std::pow(Wide(b2), step + 1)) / (1 - std::pow(Wide(b1), step + 1));
        p -= lr * corrected * mean / (std::sqrt(s[1]) + eps);
      });
    }
  }
}

TEST_CASE_TEMPLATE("adam with decoupled weight decay, with and without correction", T, float, double) {
  const T lr = T(0.01), b1 = T(0.9), b2 = T(0.999), eps = T(1e-3);
  const auto means = [=](States& s, Wide g) {
    s[0] += (1 - Wide(b1)) * (g - s[0]);
    s[1] += (1 - Wide(b2)) * (g * g - s[1]);
  };
  for (T decay : {T(0), T(0.1)}) {
    check<T>({"adam_weight_decay", {lr, decay}, {{b1, b2, eps}}}, [=](Wide& p, States& s, Wide g, int) {
      means(s, g);
      p = p - lr * s[0] / (std::sqrt(s[1]) + eps) - lr * decay * p;
    });
    check<T>({"adamw", {lr, decay}, {{b1, b2, eps}}}, [=](Wide& p, States& s, Wide g, int step) {
      means(s, g);
      const Wide m = s[0] / (1 - std::pow(Wide(b1), step + 1)), v = s[1] / (1 - std::pow(Wide(b2), step + 1));
      p = p - lr * m / (std::sqrt(v) + eps) - lr * decay * p;
    });
  }
}

TEST_CASE_TEMPLATE("every row: the same bits on every instruction set and at any number of threads", T, float, double) {
  const int64_t n = 300007;
  const std::vector<T> g = gradient<T>(n, 0);
  std::vector<std::string_view> names;
  kOptimizers.apply([&](const auto&... row) { (names.push_back(row.name), ...); });
  for (std::string_view name : names) {
    const Rule rule{name, {0.1, 0.1, 0.9}, {{0.5, 0.75, 0.125, 0.25}}};
    CAPTURE(rule.name);
    State<T> first;
    on_every_isa([&](const Kernels& k) {
      check_any_thread_count([&] {
        State<T> s = start<T>(n);
        for (auto& state : s.state)
          for (T& v : state) v = T(0.5);
        run(k, rule, s, g, s, n, 2);
        if (first.p.empty()) first = s;
        CHECK(s == first);
        return s.p;
      });
    });
  }
}

}  // namespace
}  // namespace adcore
