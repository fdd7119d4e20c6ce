// Optimizer steps against the textbook formulas in a wider type, over several steps, on every instruction set.
#include "kernel_cases.h"

namespace adcore {
namespace {

using namespace testing;

template <class T>
const OptimizerKernels<T>& kernels_of(const Kernels& k) {
  if constexpr (std::is_same_v<T, float>) {
    return k.optim_f32;
  } else {
    return k.optim_f64;
  }
}

constexpr int kSteps = 4;
constexpr int64_t kGuard = 3;  // elements behind the arrays that must stay as they are

/// Parameters and two state arrays.
template <class V>
struct State {
  std::vector<V> p, a, b;
};

template <class T>
State<T> start(int64_t n) {
  const std::vector<T> zeros(static_cast<size_t>(n + kGuard));
  return {random_values<T>(n + kGuard, -2, 2, 1), zeros, zeros};
}
template <class T>
std::vector<T> gradient(int64_t n, int step) {
  return random_values<T>(n, -1, 1, static_cast<uint64_t>(100 + step));
}

/// What a kernel is called with: the new values go over the old ones, or to `after`.
template <class T>
OptimizerArrays<T> arrays(const State<T>& s, const std::vector<T>& g, State<T>& after, int64_t n) {
  return {s.p.data(), g.data(), s.a.data(), s.b.data(), after.p.data(), after.a.data(), after.b.data(), n};
}

/// kernel(table, arrays, step) on every instruction set, in place and not: all end with the same bits, the guards
/// untouched, and close to textbook(p, a, b, g, step), which updates one parameter in long double.
template <class T, class Kernel, class Textbook>
void check(Kernel kernel, Textbook textbook, double units = 64) {
  for (int64_t n : {0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 1009}) {
    CAPTURE(n);
    const std::vector<long double> zeros(static_cast<size_t>(n));
    State<long double> want{{}, zeros, zeros};
    const State<T> before = start<T>(n);
    want.p.assign(before.p.begin(), before.p.end());
    for (int step = 0; step < kSteps; ++step) {
      const std::vector<T> g = gradient<T>(n, step);
      for (size_t i = 0; i < g.size(); ++i) {
        textbook(want.p[i], want.a[i], want.b[i], static_cast<long double>(g[i]), step);
      }
    }
    State<T> first;
    on_every_isa([&](const Kernels& k) {
      State<T> s = before, other = before;
      for (int step = 0; step < kSteps; ++step) {
        const std::vector<T> g = gradient<T>(n, step);
        kernel(kernels_of<T>(k), arrays(s, g, s, n), step);
        const State<T> old = other;
        State<T> fresh = before;
        kernel(kernels_of<T>(k), arrays(old, g, fresh, n), step);
        other = fresh;
      }
      CHECK((same_bits(s.p, other.p) && same_bits(s.a, other.a) && same_bits(s.b, other.b)));
      for (int64_t i = 0; i < n; ++i) {
        const auto at = static_cast<size_t>(i);
        // Values stay below 4; the steps add their roundings, relative to that.
        if (!(std::fabs(s.p[at] - want.p[at]) <= units * kUnit<T>)) FAIL_CHECK("parameter ", i, ": ", s.p[at]);
        if (!(std::fabs(s.a[at] - want.a[at]) <= units * kUnit<T>)) FAIL_CHECK("first state ", i);
        if (!(std::fabs(s.b[at] - want.b[at]) <= units * kUnit<T>)) FAIL_CHECK("second state ", i);
      }
      for (size_t i = static_cast<size_t>(n); i < s.p.size(); ++i) {
        CHECK((s.p[i] == before.p[i] && s.a[i] == before.a[i] && s.b[i] == before.b[i]));
      }
      if (first.p.empty()) first = s;
      CHECK((same_bits(s.p, first.p) && same_bits(s.a, first.a) && same_bits(s.b, first.b)));
    });
  }
}

using Wide = long double;

TEST_CASE_TEMPLATE("sgd: plain, with momentum, dampening, decay, nesterov", T, float, double) {
  const T lr = T(0.1), momentum = T(0.9);
  for (T decay : {T(0), T(0.01)}) {
    check<T>([=](const OptimizerKernels<T>& k, const OptimizerArrays<T>& x, int) { k.sgd(x, lr, decay); },
             [=](Wide& p, Wide&, Wide&, Wide g, int) { p = (1 - Wide(lr) * decay) * p - Wide(lr) * g; });
    for (T dampening : {T(0), T(0.25)}) {
      for (bool nesterov : {false, true}) {
        CAPTURE(nesterov);
        check<T>([=](const OptimizerKernels<T>& k, const OptimizerArrays<T>& x,
                     int step) { k.sgd_momentum(x, lr, decay, momentum, dampening, nesterov, step == 0); },
                 [=](Wide& p, Wide& a, Wide&, Wide g, int step) {
                   g += decay * p;
                   a = step == 0 ? g : momentum * a + (1 - Wide(dampening)) * g;
                   p -= lr * (nesterov ? g + momentum * a : a);
                 });
      }
    }
  }
}

TEST_CASE("sgd: the first step does not read the old state") {
  on_every_isa([](const Kernels& k) {
    State<float> s{std::vector<float>(37, 1), std::vector<float>(37, kNaN<float>), {}};
    const std::vector<float> g(37, 2);
    k.optim_f32.sgd_momentum(arrays(s, g, s, 37), 0.5f, 0, 0.9f, 0.5f, false, true);
    CHECK(s.a == g);
    CHECK(s.p == std::vector<float>(37, 0));
  });
}

TEST_CASE_TEMPLATE("momentum", T, float, double) {
  const T lr = T(0.05), momentum = T(0.9);
  for (T decay : {T(0), T(0.01)}) {
    for (bool nesterov : {false, true}) {
      CAPTURE(nesterov);
      check<T>([=](const OptimizerKernels<T>& k, const OptimizerArrays<T>& x,
                   int) { k.momentum(x, lr, decay, momentum, nesterov); },
               [=](Wide& p, Wide& a, Wide&, Wide g, int) {
                 g += decay * p;
                 a = a * momentum + g;
                 p -= nesterov ? g * lr + a * momentum * lr : lr * a;
               });
    }
  }
}

// Kingma and Ba, algorithm 1: with the corrected moments, p -= lr * m^ / (sqrt(v^) + eps^). The kernel takes
// lr_t = lr sqrt(1 - b2^t) / (1 - b1^t) and eps = eps^ sqrt(1 - b2^t), which is the same step.
TEST_CASE_TEMPLATE("adam: the bias-corrected textbook step; nesterov after Dozat", T, float, double) {
  const T lr = T(0.01), b1 = T(0.9), b2 = T(0.75), eps = T(1e-3);
  const auto corrected = [=](int step) { return std::sqrt(1 - std::pow(Wide(b2), step + 1)); };
  for (T decay : {T(0), T(0.01)}) {
    for (bool nesterov : {false, true}) {
      CAPTURE(nesterov);
      check<T>(
          [=](const OptimizerKernels<T>& k, const OptimizerArrays<T>& x, int step) {
            const Wide lr_t = lr * corrected(step) / (1 - std::pow(Wide(b1), step + 1));
            k.adam(x, static_cast<T>(lr_t), decay, b1, b2, static_cast<T>(eps * corrected(step)), nesterov);
          },
          [=](Wide& p, Wide& m, Wide& v, Wide g, int step) {
            g += decay * p;
            m += (1 - Wide(b1)) * (g - m);
            v += (1 - Wide(b2)) * (g * g - v);
            const Wide mean = nesterov ? b1 * m + (1 - Wide(b1)) * g : m;
            const Wide m_hat = mean / (1 - std::pow(Wide(b1), step + 1));
            const Wide v_hat = v / (1 - std::pow(Wide(b2), step + 1));
            p -= lr * m_hat / (std::sqrt(v_hat) + eps);
          });
    }
  }
}

TEST_CASE_TEMPLATE("adam with decoupled weight decay", T, float, double) {
  const T lr = T(0.01), b1 = T(0.9), b2 = T(0.999), eps = T(1e-3);
  for (T decay : {T(0), T(0.1)}) {
    check<T>([=](const OptimizerKernels<T>& k, const OptimizerArrays<T>& x,
                 int) { k.adam_weight_decay(x, lr, decay, b1, b2, eps); },
             [=](Wide& p, Wide& m, Wide& v, Wide g, int) {
               m += (1 - Wide(b1)) * (g - m);
               v += (1 - Wide(b2)) * (g * g - v);
               p = p - lr * m / (std::sqrt(v) + eps) - lr * decay * p;
             });
  }
}

TEST_CASE_TEMPLATE("the same bits at any number of threads", T, float, double) {
  const int64_t n = 300007;
  const std::vector<T> g = gradient<T>(n, 0);
  on_every_isa([&](const Kernels& k) {
    const OptimizerKernels<T>& f = kernels_of<T>(k);
    const auto after = [&](auto step) {
      check_any_thread_count([&] {
        State<T> s = start<T>(n);
        step(arrays(s, g, s, n));
        s.p.insert(s.p.end(), s.a.begin(), s.a.end());
        s.p.insert(s.p.end(), s.b.begin(), s.b.end());
        return s.p;
      });
    };
    using Arrays = OptimizerArrays<T>;
    after([&](const Arrays& x) { f.sgd(x, T(0.1), T(0.1)); });
    after([&](const Arrays& x) { f.sgd_momentum(x, T(0.1), T(0.1), T(0.9), T(0.1), true, false); });
    after([&](const Arrays& x) { f.momentum(x, T(0.1), T(0.1), T(0.9), true); });
    after([&](const Arrays& x) { f.adam(x, T(0.1), T(0.1), T(0.9), T(0.99), T(1e-8), true); });
    after([&](const Arrays& x) { f.adam_weight_decay(x, T(0.1), T(0.1), T(0.9), T(0.99), T(1e-8)); });
  });
}

}  // namespace
}  // namespace adcore
