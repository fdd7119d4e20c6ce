// Philox against published answers, and the laws of the random kernels: what an element depends on, equal bits on all
// instruction sets, distributions within bounds that a right generator misses with probability below 1e-6 (seeds are
// fixed).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "kernels/philox.h"

namespace adcore {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = std::numeric_limits<int64_t>::max();

/// One of the five kernels.
template <class T>
struct Generator {
  using Element = T;
  const char* name;
  void (*draw)(const RandomKernels&, const RandomArgs&, T* out);

  std::vector<T> operator()(const Kernels& k, uint64_t seed, uint64_t offset, int64_t n) const {
    std::vector<T> out(static_cast<size_t>(n));
    draw(k.random, {seed, offset, n}, out.data());
    return out;
  }
};

using R = RandomKernels;
using A = RandomArgs;
const Generator<float> kUniform32{"uniform_f32", [](const R& r, const A& a, float* out) { r.uniform_f32(a, out); }};
const Generator<double> kUniform64{"uniform_f64", [](const R& r, const A& a, double* out) { r.uniform_f64(a, out); }};
const Generator<float> kNormal32{"normal_f32", [](const R& r, const A& a, float* out) { r.normal_f32(a, out); }};
const Generator<double> kNormal64{"normal_f64", [](const R& r, const A& a, double* out) { r.normal_f64(a, out); }};
const Generator<int64_t> kIntegers{"integers",
                                   [](const R& r, const A& a, int64_t* out) { r.integers(a, -1000, 1000, out); }};

template <class Body>
void for_generators(const Body& body) {
  for (const Kernels* const* k = all_kernels(); *k; ++k) {
    const auto run = [&](const auto& g) {
      CAPTURE(std::string((*k)->isa));
      CAPTURE(std::string(g.name));
      body(**k, g);
    };
    run(kUniform32), run(kUniform64), run(kNormal32), run(kNormal64), run(kIntegers);
  }
}

template <class T>
bool same_bits(const T* a, const T* b, size_t n) {
  return std::memcmp(a, b, n * sizeof(T)) == 0;
}

/// Word e of the 64-bit stream.
uint64_t word64(uint64_t seed, uint64_t e) {
  const PhiloxBlock b = philox_block(seed, PhiloxStream::Words64, e / 2);
  return b.word[e % 2 * 2] | static_cast<uint64_t>(b.word[e % 2 * 2 + 1]) << 32;
}
uint32_t word32(uint64_t seed, uint64_t e) { return philox_block(seed, PhiloxStream::Words32, e / 4).word[e % 4]; }

/// The largest distance between the distribution of the sample and `cdf` (Kolmogorov and Smirnov), times sqrt(n).
/// Under the hypothesis it exceeds d with probability close to 2 exp(-2 d^2): 4e-7 for d = 2.77.
template <class T, class Cdf>
double kolmogorov(std::vector<T> sample, const Cdf& cdf) {
  std::sort(sample.begin(), sample.end());
  const auto n = static_cast<double>(sample.size());
  double d = 0;
  for (size_t i = 0; i < sample.size(); ++i) {
    const double f = cdf(static_cast<double>(sample[i]));
    d = std::max({d, static_cast<double>(i + 1) / n - f, f - static_cast<double>(i) / n});
  }
  return d * std::sqrt(n);
}
constexpr double kKolmogorovBound = 2.77;

double normal_cdf(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

/// The mean of f over the sample.
template <class T, class F>
double mean(const std::vector<T>& sample, const F& f) {
  double sum = 0;
  for (const T x : sample) sum += f(static_cast<double>(x));
  return sum / static_cast<double>(sample.size());
}

}  // namespace

TEST_CASE("Philox4x32-10 gives the published answers") {
  // The file tests/kat_vectors of the Random123 distribution (D. E. Shaw Research), lines "philox4x32 10".
  struct Answer {
    PhiloxBlock counter;
    uint32_t key[2];
    PhiloxBlock expected;
  };
  const Answer answers[] = {
      {{{0, 0, 0, 0}}, {0, 0}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
      {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
       {0xffffffff, 0xffffffff},
       {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
      {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
       {0xa4093822, 0x299f31d0},
       {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
  };
  for (const Answer& a : answers) {
    const PhiloxBlock got = philox4x32_10(a.counter, a.key[0], a.key[1]);
    for (int i = 0; i < 4; ++i) CHECK(got.word[i] == a.expected.word[i]);
  }
}

TEST_CASE("uniform: the top bits of the word that element and seed name, at any offset") {
  for (const Kernels* const* k = all_kernels(); *k; ++k) {
    CAPTURE(std::string((*k)->isa));
    for (const uint64_t seed : {uint64_t{0}, uint64_t{42}, ~uint64_t{0}}) {
      // The last one crosses the end of the element numbers and starts over with element 0.
      for (const uint64_t offset : {uint64_t{0}, uint64_t{5}, uint64_t{1} << 34, ~uint64_t{0} - 100}) {
        const auto a = kUniform32(**k, seed, offset, 301);
        const auto b = kUniform64(**k, seed, offset, 301);
        for (uint64_t i = 0; i < 301; ++i) {
          CHECK(a[i] == std::ldexp(static_cast<float>(word32(seed, offset + i) >> 8), -24));
          CHECK(b[i] == std::ldexp(static_cast<double>(word64(seed, offset + i) >> 11), -53));
        }
      }
    }
  }
}

TEST_CASE("element i depends on seed and offset + i alone: any part of a stream is that part") {
  for_generators([](const Kernels& k, const auto& g) {
    constexpr uint64_t kBase = 1000003;
    const auto whole = g(k, 7, kBase, 1000);
    for (uint64_t first = 0; first < 300; ++first) {
      const auto n = static_cast<int64_t>(1 + first * 37 % 200);
      const auto part = g(k, 7, kBase + first, n);
      CHECK(same_bits(part.data(), &whole[first], static_cast<size_t>(n)));
    }
  });
}

TEST_CASE("the same bits on every instruction set and at any number of threads, in calls of any size") {
  const int threads = num_threads();
  for_generators([](const Kernels& k, const auto& g) {
    constexpr int64_t kMany = 200003;
    set_num_threads(1);
    const auto reference = g(*all_kernels()[0], 3, 1, kMany);
    for (const int n : {1, 3}) {
      set_num_threads(n);
      const auto got = g(k, 3, 1, kMany);
      CHECK(same_bits(got.data(), reference.data(), reference.size()));
    }
  });
  set_num_threads(threads);
}

TEST_CASE("nothing is written beyond the n elements") {
  for_generators([](const Kernels& k, const auto& g) {
    using T = typename std::decay_t<decltype(g)>::Element;
    for (int64_t n = 0; n < 140; ++n) {
      std::vector<T> out(static_cast<size_t>(n) + 8, T(77));
      g.draw(k.random, {1, 2, n}, out.data());
      CHECK(std::all_of(out.begin() + n, out.end(), [](T x) { return x == T(77); }));
    }
  });
}

TEST_CASE("seeds, and streams of one seed, have nothing in common") {
  for_generators([](const Kernels& k, const auto& g) {
    const auto a = g(k, 1, 0, 4000), b = g(k, 2, 0, 4000), c = g(k, uint64_t{1} << 32, 0, 4000),
               d = g(k, 1, 4000, 4000);
    for (const auto* other : {&b, &c, &d}) {
      int equal = 0;
      for (size_t i = 0; i < a.size(); ++i) equal += a[i] == (*other)[i];
      CHECK(equal < 20);  // integers of 2000 values meet by chance twice
    }
  });
}

TEST_CASE("uniform: range, moments, distribution, no correlation of neighbours") {
  for_generators([](const Kernels& k, const auto& g) {
    using T = typename std::decay_t<decltype(g)>::Element;
    if (std::strncmp(g.name, "uniform", 7) != 0) return;
    const auto u = g(k, 2024, 0, 200000);
    const double root_n = std::sqrt(200000.0);
    for (const T x : u) CHECK((x >= 0 && x < 1));
    // Five standard deviations: Var u = 1/12, Var (u - 1/2)^2 = 1/180.
    CHECK(std::fabs(mean(u, [](double x) { return x; }) - 0.5) < 5 / std::sqrt(12.0) / root_n);
    CHECK(std::fabs(mean(u, [](double x) { return (x - 0.5) * (x - 0.5); }) - 1.0 / 12) <
          5 / std::sqrt(180.0) / root_n);
    CHECK(kolmogorov(u, [](double x) { return x; }) < kKolmogorovBound);
    for (const size_t lag : {1, 2, 3, 4, 32}) {
      double sum = 0;
      for (size_t i = lag; i < u.size(); ++i) sum += (u[i] - 0.5) * (u[i - lag] - 0.5);
      CHECK(std::fabs(sum / root_n) < 5.0 / 12);
    }
  });
}

TEST_CASE("normal: Box-Muller of the stream's words, to a few units in the last place") {
  const long double half_pi = std::acos(0.0L);
  // Sine of r quarter turns from the nearest multiple of a half turn, which is exact to find: relatively exact near
  // zeros.
  const auto sine = [&](long double r) {
    const long double half_turns = std::floor(r / 2 + 0.5L), rest = r - 2 * half_turns;
    return (std::fmod(half_turns, 2.0L) == 0 ? 1 : -1) * std::sin(rest * half_pi);
  };
  const auto pair = [&](long double u1, long double u2, bool odd) {
    return std::sqrt(-2 * std::log(u1)) * sine(4 * u2 + (odd ? 0 : 1));
  };
  for (const Kernels* const* k = all_kernels(); *k; ++k) {
    CAPTURE(std::string((*k)->isa));
    constexpr int64_t kCount = 20000;
    const auto a = kNormal32(**k, 9, 6, kCount);
    const auto b = kNormal64(**k, 9, 6, kCount);
    double worst_f32 = 0, worst_f64 = 0;
    for (int64_t i = 0; i < kCount; ++i) {
      const uint64_t e = 6 + static_cast<uint64_t>(i), even = e & ~uint64_t{1};
      const long double f =
          pair(std::ldexp(word32(9, even) + 1.0L, -32), std::ldexp(1.0L * word32(9, even + 1), -32), e & 1);
      const long double d = pair(std::ldexp((word64(9, even) >> 11) + 1.0L, -53),
                                 std::ldexp(1.0L * (word64(9, even + 1) >> 11), -53), e & 1);
      worst_f32 = std::max(worst_f32, static_cast<double>(std::fabs(a[i] - f) / std::fabs(f)));
      worst_f64 = std::max(worst_f64, static_cast<double>(std::fabs(b[i] - d) / std::fabs(d)));
    }
    CHECK(worst_f32 < 0x1p-24 * 1.01);  // the rounding to float32
    CHECK(worst_f64 < 0x1p-53 * 8);
  }
}

TEST_CASE("normal: moments, tails, distribution, pairs uncorrelated") {
  for_generators([](const Kernels& k, const auto& g) {
    if (std::strncmp(g.name, "normal", 6) != 0) return;
    constexpr int64_t kCount = 400000;
    const auto z = g(k, 11, 0, kCount);
    const double root_n = std::sqrt(static_cast<double>(kCount));
    // Five standard deviations: the moments 1, 3, 15, 105 of even order give the variances.
    CHECK(std::fabs(mean(z, [](double x) { return x; })) < 5 / root_n);
    CHECK(std::fabs(mean(z, [](double x) { return x * x; }) - 1) < 5 * std::sqrt(2.0) / root_n);
    CHECK(std::fabs(mean(z, [](double x) { return x * x * x; })) < 5 * std::sqrt(15.0) / root_n);
    CHECK(std::fabs(mean(z, [](double x) { return x * x * x * x; }) - 3) < 5 * std::sqrt(96.0) / root_n);
    CHECK(kolmogorov(z, normal_cdf) < kKolmogorovBound);
    double pairs = 0, squares = 0;
    for (size_t i = 0; i < z.size(); i += 2) {
      const double x = z[i], y = z[i + 1];
      pairs += x * y, squares += (x * x - 1) * (y * y - 1);
    }
    CHECK(std::fabs(pairs) < 5 * std::sqrt(kCount / 2.0));
    CHECK(std::fabs(squares) < 5 * 2 * std::sqrt(kCount / 2.0));
    const double beyond4 = mean(z, [](double x) { return std::fabs(x) > 4 ? 1.0 : 0.0; }), p4 = 2 * normal_cdf(-4);
    CHECK(std::fabs(beyond4 - p4) < 5 * std::sqrt(p4) / root_n);
  });
}

TEST_CASE("integers: the upper half of word times range, above low") {
  struct Range {
    int64_t low, high;
  };
  const Range ranges[] = {{0, 1},           {0, 2},    {-3, 4},   {kMin, kMax}, {kMin, kMin + 1},
                          {kMax - 1, kMax}, {kMin, 0}, {0, kMax}, {-1, kMax},   {5, int64_t{5} << 40}};
  for (const Kernels* const* k = all_kernels(); *k; ++k) {
    CAPTURE(std::string((*k)->isa));
    for (const Range& r : ranges) {
      std::vector<int64_t> v(3000);
      (*k)->random.integers({13, 1, 3000}, r.low, r.high, v.data());
      const uint64_t range = static_cast<uint64_t>(r.high) - static_cast<uint64_t>(r.low);
      for (uint64_t i = 0; i < v.size(); ++i) {
        CHECK((v[i] >= r.low && v[i] < r.high));
        // word * range / 2^64 by halves of 32 bits.
        const uint64_t w = word64(13, 1 + i), w1 = w >> 32, w0 = w & 0xffffffff, r1 = range >> 32,
                       r0 = range & 0xffffffff;
        const uint64_t middle = w1 * r0 + (w0 * r0 >> 32), low_middle = (middle & 0xffffffff) + w0 * r1;
        const uint64_t upper = w1 * r1 + (middle >> 32) + (low_middle >> 32);
        CHECK(static_cast<uint64_t>(v[i]) - static_cast<uint64_t>(r.low) == upper);
      }
    }
  }
}

TEST_CASE("integers: every value equally often") {
  for (const Kernels* const* k = all_kernels(); *k; ++k) {
    CAPTURE(std::string((*k)->isa));
    constexpr int kValues = 12, kCount = 120000;
    std::vector<int64_t> v(kCount);
    (*k)->random.integers({99, 0, kCount}, -6, 6, v.data());
    double count[kValues] = {}, chi2 = 0;
    for (const int64_t x : v) ++count[x + 6];
    for (const double c : count) chi2 += (c - kCount / kValues) * (c - kCount / kValues) / (kCount / kValues);
    CHECK(chi2 < 51);   // 11 degrees of freedom: exceeded with probability below 1e-6
    CHECK(chi2 > 0.4);  // and not too even: below with probability below 1e-6
  }
}

}  // namespace adcore
