// softmax and log_softmax over the middle axis of a contiguous [outer, n, inner], and their rules.
//
// Each is written once, on a strip (softmax.h); the driver lays rows (inner = 1) or packs of columns under it.
// Non-finite maxima follow scipy.special: all -inf and +inf give NaN.
#include "kernels/softmax.h"

namespace adcore::ADCORE_ISA {
namespace {

struct Softmax {
  template <class T>
  static void run(const Strip& s, const T* x, T* y) {
    const Pack<T> factor = Pack<T>(1) / strip_exp_sum(s, x, strip_max(s, x), y);
    strip_map(s, y, y, [=](Pack<T> e) { return e * factor; });
  }
};

struct LogSoftmax {
  template <class T>
  static void run(const Strip& s, const T* x, T* y) {
    const Pack<T> shift = finite_or_zero(strip_max(s, x));
    const Pack<T> log_sum = log(strip_exp_sum<T>(s, x, shift, nullptr));
    strip_map(s, x, y, [=](Pack<T> v) { return (v - shift) - log_sum; });
  }
};

struct SoftmaxGrad {
  template <class T>
  static void run(const Strip& s, const T* g, const T* y, T* grad) {
    using P = Pack<T>;
    const P total =
        strip_sum<T>(s, [=](int64_t at, int lanes) { return load_lanes(g + at, lanes) * load_lanes(y + at, lanes); });
    strip_combine(s, g, y, grad, [=](P cotangent, P value) { return cotangent * value - value * total; });
  }
};

struct LogSoftmaxGrad {
  template <class T>
  static void run(const Strip& s, const T* g, const T* y, T* grad) {
    using P = Pack<T>;
    const P total = strip_sum<T>(s, [=](int64_t at, int lanes) { return load_lanes(g + at, lanes); });
    strip_combine(s, g, y, grad, [=](P cotangent, P value) { return cotangent - exp(value) * total; });
  }
};

/// run(strip, o, j) for the strip of every result: o in [0, outer), columns from j.
template <class T, class Run>
void for_strips(int64_t outer, int64_t n, int64_t inner, Run run) {
  constexpr int kLanes = Pack<T>::kLanes;
  constexpr double kPackNs = 2 * kLoadNs + kExpNs;
  const int64_t strips = inner == 1 ? 1 : ceil_div(inner, kLanes);
  const auto block = [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t o = i / strips, j = i % strips * kLanes;
      const int lanes = inner - j < kLanes ? static_cast<int>(inner - j) : kLanes;
      run(inner == 1 ? row_strip<T>(n) : column_strip(n, inner, lanes), o, j);
    }
  };
  const int64_t tasks = outer * strips;
  const int64_t packs = inner == 1 ? ceil_div(n, kLanes) : n;
  constexpr int64_t kManyTasks = 16;  // fewer are split inside
  if (tasks < kManyTasks) return block(0, tasks);
  for_blocks(tasks, static_cast<double>(packs) * kPackNs, block);
}

template <class Function, class T>
void rule(const void* g, const void* y, void* grad, int64_t outer, int64_t n, int64_t inner) {
  if (n == 0) return;
  for_strips<T>(outer, n, inner, [=](const Strip& s, int64_t o, int64_t j) {
    const int64_t at = o * n * inner + j;
    Function::run(s, static_cast<const T*>(g) + at, static_cast<const T*>(y) + at, static_cast<T*>(grad) + at);
  });
}

template <class Function, class T>
void elementwise(const void* x, void* y, int64_t outer, int64_t n, int64_t inner) {
  if (n == 0) return;
  for_strips<T>(outer, n, inner, [=](const Strip& s, int64_t o, int64_t j) {
    const int64_t at = o * n * inner + j;
    Function::run(s, static_cast<const T*>(x) + at, static_cast<T*>(y) + at);
  });
}

template <class T>
constexpr SoftmaxKernels kSoftmax = {elementwise<Softmax, T>, elementwise<LogSoftmax, T>, rule<SoftmaxGrad, T>,
                                     rule<LogSoftmaxGrad, T>};

}  // namespace

void install_softmax(Kernels& table) {
  table.softmax[0] = kSoftmax<float>;
  table.softmax[1] = kSoftmax<double>;
}

}  // namespace adcore::ADCORE_ISA
