// Optimizer steps, elementwise. The order of operations is that of the comments at OptimizerKernels, every
// operation rounds by itself, so all instruction sets give the same bits.
#include "kernels/pairwise.h"

namespace adcore::ADCORE_ISA {
namespace {

/// step(i, lanes) for every pack of [0, n), in parallel where n is large.
template <class T, class Step>
void for_all(int64_t n, double pack_ns, Step step) {
  constexpr int kLanes = Pack<T>::kLanes;
  for_blocks(ceil_div(n, kLanes), pack_ns, [=](int64_t begin, int64_t end) {
    for_packs<T>(begin * kLanes, end * kLanes < n ? end * kLanes : n, step);
  });
}

constexpr double kStreamNs = 2;  // one array read or written, per pack

template <class T>
void sgd(const OptimizerArrays<T>& x, T lr, T decay) {
  using P = Pack<T>;
  for_all<T>(x.n, 3 * kStreamNs, [=](int64_t i, int lanes) {
    const P param = load_lanes(x.p + i, lanes);
    const P grad = load_lanes(x.g + i, lanes) + P(decay) * param;
    store_lanes(param - P(lr) * grad, x.new_p + i, lanes);
  });
}

template <class T>
void sgd_momentum(const OptimizerArrays<T>& x, T lr, T decay, T momentum, T dampening, bool nesterov, bool first) {
  using P = Pack<T>;
  for_all<T>(x.n, 5 * kStreamNs, [=](int64_t i, int lanes) {
    const P param = load_lanes(x.p + i, lanes);
    const P grad = load_lanes(x.g + i, lanes) + P(decay) * param;
    const P moved = first ? grad : P(momentum) * load_lanes(x.a + i, lanes) + P(1 - dampening) * grad;
    store_lanes(moved, x.new_a + i, lanes);
    store_lanes(param - P(lr) * (nesterov ? grad + P(momentum) * moved : moved), x.new_p + i, lanes);
  });
}

template <class T>
void momentum(const OptimizerArrays<T>& x, T lr, T decay, T momentum, bool nesterov) {
  using P = Pack<T>;
  for_all<T>(x.n, 5 * kStreamNs, [=](int64_t i, int lanes) {
    const P param = load_lanes(x.p + i, lanes);
    const P grad = load_lanes(x.g + i, lanes) + P(decay) * param;
    const P moved = P(momentum) * load_lanes(x.a + i, lanes) + grad;
    store_lanes(moved, x.new_a + i, lanes);
    store_lanes(param - P(lr) * (nesterov ? grad + P(momentum) * moved : moved), x.new_p + i, lanes);
  });
}

/// The moving averages of the gradient and of its square, updated.
template <class T>
struct Moments {
  const T *m, *v;
  T *new_m, *new_v;
  T beta1, beta2;

  struct Value {
    Pack<T> m, v;
  };
  [[gnu::always_inline]] Value update(Pack<T> grad, int64_t i, int lanes) const {
    using P = Pack<T>;
    const P mean = P(beta1) * load_lanes(m + i, lanes) + P(1 - beta1) * grad;
    const P square = P(beta2) * load_lanes(v + i, lanes) + P(1 - beta2) * grad * grad;
    store_lanes(mean, new_m + i, lanes);
    store_lanes(square, new_v + i, lanes);
    return {mean, square};
  }
};

template <class T>
void adam(const OptimizerArrays<T>& x, T lr_t, T decay, T beta1, T beta2, T eps, bool nesterov) {
  using P = Pack<T>;
  const Moments<T> moments{x.a, x.b, x.new_a, x.new_b, beta1, beta2};
  for_all<T>(x.n, 7 * kStreamNs, [=](int64_t i, int lanes) {
    const P param = load_lanes(x.p + i, lanes);
    const P grad = load_lanes(x.g + i, lanes) + P(decay) * param;
    const auto now = moments.update(grad, i, lanes);
    const P mean = nesterov ? P(beta1) * now.m + P(1 - beta1) * grad : now.m;
    store_lanes(param - P(lr_t) * mean / (sqrt(now.v) + P(eps)), x.new_p + i, lanes);
  });
}

template <class T>
void adam_weight_decay(const OptimizerArrays<T>& x, T lr, T decay, T beta1, T beta2, T eps) {
  using P = Pack<T>;
  const Moments<T> moments{x.a, x.b, x.new_a, x.new_b, beta1, beta2};
  for_all<T>(x.n, 7 * kStreamNs, [=](int64_t i, int lanes) {
    const P param = load_lanes(x.p + i, lanes);
    const auto now = moments.update(load_lanes(x.g + i, lanes), i, lanes);
    store_lanes(param - P(lr) * (now.m / (sqrt(now.v) + P(eps)) + P(decay) * param), x.new_p + i, lanes);
  });
}

template <class T>
constexpr OptimizerKernels<T> kOptimizers = {sgd<T>, sgd_momentum<T>, momentum<T>, adam<T>, adam_weight_decay<T>};

}  // namespace

void install_optim(Kernels& table) {
  table.optim_f32 = kOptimizers<float>;
  table.optim_f64 = kOptimizers<double>;
}

}  // namespace adcore::ADCORE_ISA
