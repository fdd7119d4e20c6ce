// What the tests of the kernels share: every table that this CPU runs, thread counts, random data, comparison by bits.
#pragma once

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

namespace adcore::testing {

/// test(kernels) for every instruction set; a failure names it.
template <class Test>
void on_every_isa(Test test) {
  for (auto table = all_kernels(); *table; ++table) {
    INFO(std::string((*table)->isa));
    test(**table);
  }
}

/// Sets the number of threads for a scope.
class Threads {
 public:
  explicit Threads(int n) : before_(num_threads()) { set_num_threads(n); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() { set_num_threads(before_); }

 private:
  int before_;
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// run() returns a vector; it must have the same bits at 1, 2 and 5 threads.
template <class Run>
void check_any_thread_count(Run run) {
  const auto with = [&](int n) {
    const Threads threads(n);
    return run();
  };
  const auto alone = with(1);
  CHECK(same_bits(alone, with(2)));
  CHECK(same_bits(alone, with(5)));
}

/// Uniform in [low, high); for integers all 64 bits.
template <class T>
std::vector<T> random_values(int64_t n, double low, double high, uint64_t seed = 1) {
  std::mt19937_64 bits(seed);
  std::vector<T> v(static_cast<size_t>(n));
  for (T& x : v) {
    if constexpr (std::is_floating_point_v<T>) {
      x = static_cast<T>(low + (high - low) * std::ldexp(static_cast<double>(bits() >> 11), -53));
    } else {
      x = static_cast<T>(bits());
    }
  }
  return v;
}

template <class T>
inline constexpr T kInf = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T kNaN = std::numeric_limits<T>::quiet_NaN();
/// The largest relative error of one rounding.
template <class T>
inline constexpr double kUnit = std::numeric_limits<T>::epsilon() / 2;

/// Equal, or both NaN.
template <class T>
bool same_value(T a, T b) {
  return a == b || (a != a && b != b);
}

}  // namespace adcore::testing
