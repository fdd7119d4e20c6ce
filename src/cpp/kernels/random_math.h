// Functions of random numbers, with the same bits on every instruction set and machine: only +, -, *, / and square root
// are used, in float64 and in one order, no fused multiply-add and no library function.
#pragma once

#include <cstdint>

namespace adcore {

/// The top 53 bits of a word as a number in [0, 1).
[[gnu::always_inline]] inline double unit(uint64_t word) {
  return static_cast<double>(static_cast<int64_t>(word >> 11)) * 0x1p-53;
}

// log(u) for positive normal u, to about 2 units in the last place: u = 2^e m with m in [sqrt(1/2), sqrt(2)), and
// log(m) = 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1), |s| < 0.172. What the series leaves
// out after s^23 is below 1e-18 of it.
[[gnu::always_inline]] inline double log_unit(double u) {
  constexpr uint64_t kOne = 0x3ff0000000000000, kRootHalf = 0x3fe6a09e667f3bcd, kMantissa = 0x000fffffffffffff;
  constexpr double kTwo52 = 0x1p52, kBias = 1023;
  constexpr double kLn2High = 0x1.62e42fefp-1, kLn2Low = 0x1.473de6af278edp-34;  // the first 33 bits; the rest
  const uint64_t shifted = __builtin_bit_cast(uint64_t, u) + (kOne - kRootHalf);
  const double m = __builtin_bit_cast(double, (shifted & kMantissa) + kRootHalf);
  // The biased exponent as the last bits of 2^52 + it: a conversion that every instruction set has.
  const double biased = __builtin_bit_cast(double, (shifted >> 52) | __builtin_bit_cast(uint64_t, kTwo52));
  const double e = biased - (kTwo52 + kBias);
  const double s = (m - 1) / (m + 1), z = s * s;
  double p = 1.0 / 23;
#pragma GCC unroll 10
  for (int k = 21; k >= 3; k -= 2) p = p * z + 1.0 / k;
  return e * kLn2High + (2 * s + (2 * s * (z * p) + e * kLn2Low));
}

struct CosSin {
  double cos, sin;
};

// cos and sin of 2 pi u for u in [0, 1): u = (q + r) / 4 with whole q and |r| <= 1/2, exact; the Taylor series of
// x = r pi / 2, |x| < 0.786, leave out terms below 1e-19.
[[gnu::always_inline]] inline CosSin turn(double u) {
  constexpr double kHalfPi = 0x1.921fb54442d18p+0, kRound = 0x1.8p52;  // adding and taking away kRound rounds to whole
  const double q = (4 * u + kRound) - kRound;
  const double x = (4 * u - q) * kHalfPi, z = x * x;
  double c = 1, s = 1;
#pragma GCC unroll 9
  for (int k = 18; k >= 2; k -= 2) {
    c = 1 - c * z * (1.0 / (k * (k - 1)));
    s = 1 - s * z * (1.0 / (k * (k + 1)));
  }
  s *= x;
  // q = 0, 4: (c, s); 1: (-s, c); 2: (-c, -s); 3: (s, -c)
  const bool swap = q == 1 || q == 3, negative_cos = q == 1 || q == 2, negative_sin = q == 2 || q == 3;
  const double a = swap ? s : c, b = swap ? c : s;
  return {negative_cos ? -a : a, negative_sin ? -b : b};
}

// exp(x) for x in [-700, 0]: 2^k e^r with |r| <= log(2) / 2; the Taylor series of e^r leaves out terms below 1e-17.
[[gnu::always_inline]] inline double exp_negative(double x) {
  constexpr double kLn2High = 0x1.62e42fefp-1, kLn2Low = 0x1.473de6af278edp-34, kRound = 0x1.8p52;
  const double k = (x * 0x1.71547652b82fep+0 + kRound) - kRound;
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double p = 1;
#pragma GCC unroll 14
  for (int n = 14; n >= 1; --n) p = 1 + p * r * (1.0 / n);
  return p * __builtin_bit_cast(double, static_cast<uint64_t>(static_cast<int64_t>(k) + 1023) << 52);
}

}  // namespace adcore
