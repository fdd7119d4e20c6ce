// Optimizer steps, elementwise and in place. The order of operations is that of the comments at OptimizerKernels, every
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
void sgd(T* p, const T* g, T* a, int64_t n, T lr, T momentum, T dampening, T decay, bool nesterov, bool first) {
  using P = Pack<T>;
  for_all<T>(n, 5 * kStreamNs, [=](int64_t i, int lanes) {
    const P param = load_lanes(p + i, lanes);
    P step = load_lanes(g + i, lanes) + P(decay) * param;
    if (a) {
      const P grad = step;
      step = first ? grad : P(momentum) * load_lanes(a + i, lanes) + P(1 - dampening) * grad;
      store_lanes(step, a + i, lanes);
      if (nesterov) step = grad + P(momentum) * step;
    }
    store_lanes(param - P(lr) * step, p + i, lanes);
  });
}

template <class T>
void momentum(T* p, const T* g, T* a, int64_t n, T lr, T momentum, T decay, bool nesterov) {
  using P = Pack<T>;
  for_all<T>(n, 5 * kStreamNs, [=](int64_t i, int lanes) {
    const P param = load_lanes(p + i, lanes);
    const P grad = load_lanes(g + i, lanes) + P(decay) * param;
    const P moved = P(momentum) * load_lanes(a + i, lanes) + grad;
    store_lanes(moved, a + i, lanes);
    store_lanes(param - P(lr) * (nesterov ? grad + P(momentum) * moved : moved), p + i, lanes);
  });
}

/// The moving averages of the gradient and of its square, updated.
template <class T>
struct Moments {
  T *m, *v;
  T beta1, beta2;

  struct Value {
    Pack<T> m, v;
  };
  [[gnu::always_inline]] Value update(Pack<T> grad, int64_t i, int lanes) const {
    using P = Pack<T>;
    const P mean = P(beta1) * load_lanes(m + i, lanes) + P(1 - beta1) * grad;
    const P square = P(beta2) * load_lanes(v + i, lanes) + P(1 - beta2) * grad * grad;
    store_lanes(mean, m + i, lanes);
    store_lanes(square, v + i, lanes);
    return {mean, square};
  }
};

template <class T>
void adam(T* p, const T* g, T* m, T* v, int64_t n, T lr_t, T beta1, T beta2, T eps, T decay, bool nesterov) {
  using P = Pack<T>;
  const Moments<T> moments{m, v, beta1, beta2};
  for_all<T>(n, 7 * kStreamNs, [=](int64_t i, int lanes) {
    const P param = load_lanes(p + i, lanes);
    const P grad = load_lanes(g + i, lanes) + P(decay) * param;
    const auto now = moments.update(grad, i, lanes);
    const P mean = nesterov ? P(beta1) * now.m + P(1 - beta1) * grad : now.m;
    store_lanes(param - P(lr_t) * mean / (sqrt(now.v) + P(eps)), p + i, lanes);
  });
}

template <class T>
void adam_weight_decay(T* p, const T* g, T* m, T* v, int64_t n, T lr, T beta1, T beta2, T eps, T decay) {
  using P = Pack<T>;
  const Moments<T> moments{m, v, beta1, beta2};
  for_all<T>(n, 7 * kStreamNs, [=](int64_t i, int lanes) {
    const P param = load_lanes(p + i, lanes);
    const auto now = moments.update(load_lanes(g + i, lanes), i, lanes);
    store_lanes(param - P(lr) * (now.m / (sqrt(now.v) + P(eps)) + P(decay) * param), p + i, lanes);
  });
}

template <class T>
constexpr OptimizerKernels<T> kOptimizers = {sgd<T>, momentum<T>, adam<T>, adam_weight_decay<T>};

}  // namespace

void install_optim(Kernels& table) {
  table.optim_f32 = kOptimizers<float>;
  table.optim_f64 = kOptimizers<double>;
}

}  // namespace adcore::ADCORE_ISA
