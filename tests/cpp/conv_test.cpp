// The convolution kernels against their definition in long double, on every instruction set: the value, and both
// transposed maps as <v, J u> = <J' v, u>.
#include "kernel_cases.h"

namespace adcore {
namespace {

using namespace testing;

template <class T>
const ConvKernels<T>& kernels_of(const Kernels& k) {
  if constexpr (std::is_same_v<T, float>) {
    return k.conv_f32;
  } else {
    return k.conv_f64;
  }
}

int64_t product(const int64_t (&v)[3]) { return v[0] * v[1] * v[2]; }

/// f(index of x, index of w, index of y) for every term of the sums.
template <class F>
void each_term(const ConvSizes& s, F f) {
  for (int64_t plane = 0; plane < s.n * s.groups * s.co; ++plane) {
    const int64_t image = plane / s.co, o = plane % (s.groups * s.co);  // image: of a group
    for (int64_t u = 0; u < product(s.out); ++u) {
      for (int64_t k = 0; k < s.ci * product(s.kernel); ++k) {
        const int64_t c = k / product(s.kernel);
        int64_t at = 0;
        bool inside = true;
        for (int i = 0; i < 3; ++i) {
          const int64_t after_out = i == 0 ? s.out[1] * s.out[2] : i == 1 ? s.out[2] : 1;
          const int64_t after_tap = i == 0 ? s.kernel[1] * s.kernel[2] : i == 1 ? s.kernel[2] : 1;
          const int64_t p =
              u / after_out % s.out[i] * s.stride[i] - s.pad[i] + k / after_tap % s.kernel[i] * s.dilation[i];
          inside &= p >= 0 && p < s.in[i];
          at = at * s.in[i] + p;
        }
        if (inside)
          f((image * s.ci + c) * product(s.in) + at, o * s.ci * product(s.kernel) + k, plane * product(s.out) + u);
      }
    }
  }
}

constexpr ConvSizes kCases[] = {
    {2, 1, 3, 5, {1, 9, 11}, {1, 9, 11}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},
    {3, 2, 2, 17, {1, 8, 7}, {1, 3, 4}, {1, 3, 2}, {1, 3, 2}, {0, 1, 1}, {1, 1, 2}},
    {1, 33, 1, 1, {1, 6, 35}, {1, 4, 33}, {1, 3, 3}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},
    {2, 1, 7, 30, {1, 5, 5}, {1, 5, 5}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},
    {2, 1, 2, 3, {4, 3, 5}, {2, 3, 3}, {2, 1, 3}, {2, 1, 2}, {0, 0, 1}, {1, 1, 1}},
    {1, 1, 3, 4, {1, 1, 700}, {1, 1, 698}, {1, 1, 3}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},
    {1, 1, 2, 2, {1, 1, 3}, {1, 1, 1}, {1, 1, 2}, {1, 1, 5}, {0, 0, 0}, {1, 1, 2}},
};

TEST_CASE_TEMPLATE("convolution and its transposed maps", T, float, double) {
  on_every_isa([](const Kernels& all) {
    const ConvKernels<T>& k = kernels_of<T>(all);
    for (const ConvSizes& s : kCases) {
      CAPTURE(s.in[2]);
      CAPTURE(s.co);
      const auto x = random_values<T>(s.n * s.groups * s.ci * product(s.in), -1, 1, 1);
      const auto w = random_values<T>(s.groups * s.co * s.ci * product(s.kernel), -1, 1, 2);
      const auto bias = random_values<T>(s.groups * s.co, -1, 1, 3);
      const auto v = random_values<T>(s.n * s.groups * s.co * product(s.out), -1, 1, 4);
      std::vector<long double> y_want(v.size()), x_want(x.size()), w_want(w.size());
      for (size_t i = 0; i < y_want.size(); ++i)
        y_want[i] = bias[i / static_cast<size_t>(product(s.out)) % bias.size()];
      each_term(s, [&](int64_t i, int64_t j, int64_t u) {
        const auto a = static_cast<size_t>(i), b = static_cast<size_t>(j), c = static_cast<size_t>(u);
        y_want[c] += static_cast<long double>(x[a]) * w[b];
        x_want[a] += static_cast<long double>(v[c]) * w[b];
        w_want[b] += static_cast<long double>(v[c]) * x[a];
      });
      // Some hundreds of terms of magnitude 1.
      const long double bound = 400 * std::numeric_limits<T>::epsilon();
      const auto check = [&](const std::vector<T>& got, const std::vector<long double>& want) {
        for (size_t i = 0; i < want.size(); ++i) REQUIRE(std::fabs(got[i] - want[i]) <= bound);
        CHECK(got[want.size()] == T(77));  // behind the end nothing is written
      };
      const auto in_memory = [](size_t n) { return std::vector<T>(n + 1, T(77)); };
      const auto forward = [&] {
        auto y = in_memory(y_want.size());
        k.forward(s, x.data(), w.data(), bias.data(), y.data());
        return y;
      };
      const auto input = [&] {
        auto y = in_memory(x_want.size());
        k.input(s, v.data(), w.data(), y.data());
        return y;
      };
      const auto weight = [&] {
        auto y = in_memory(w_want.size());
        k.weight(s, x.data(), v.data(), y.data());
        return y;
      };
      check(forward(), y_want);
      check(input(), x_want);
      check(weight(), w_want);
      check_any_thread_count(forward);
      check_any_thread_count(input);
      check_any_thread_count(weight);
    }
  });
}

}  // namespace
}  // namespace adcore
