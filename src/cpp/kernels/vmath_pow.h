// pow, with the special cases of C (IEEE 754): x^0 = 1^y = 1 even for NaN; a negative base needs an integer exponent.
//
// |x|^y = exp(y log|x|). For double the logarithm carries about 64 bits as a sum of two, since its error is multiplied
// by up to 745: as in vmath_exp.h, but with the quotient s and the first terms of the series in two pieces. Floats are
// computed in double, where that is not needed.
#pragma once

#include "kernels/vmath_exp.h"

namespace adcore::ADCORE_ISA {

namespace vmath {

/// log(x) for 0 < x < inf (error about 2^-64, relative).
[[gnu::always_inline]] inline Double<double> log_double(Pack<double> x) {
  using P = Pack<double>;
  const auto denormal = x < kSmallestNormal<double>;
  const P normal = select(denormal, x * 0x1p52, x);
  const Words<double> exponent =
      ((to_words(normal) - to_words(P(0.70710678118654752440)) + (1023ull << 52)) >> 52) - 1023ull;
  const P k = number<double>(exponent) + select(denormal, -52.0, 0.0);
  const P m = from_words<double>(to_words(normal) - (exponent << 52)), f = m - 1.0;

  // s = f / (m + 1)
  const auto divisor = fast_two_sum(P(1.0), m);
  const P s = f / divisor.high;
  const auto back = two_product(s, divisor.high);
  const P s_low = ((f - back.high) - back.low - s * divisor.low) / divisor.high;

  // 2 atanh(s) = 2 s + s z (2/3 + z q(z)), z = s^2 (error of q 2^-66.2)
  auto z = two_product(s, s);
  z.low = z.low + 2.0 * s * s_low;
  const P q = polynomial(z.high, 0.4000000000000226, 0.2857142857009681, 0.2222222252043589, 0.18181784320390643,
                         0.153867595707246, 0.13256763611118502, 0.13196848941686126);
  auto c = fast_two_sum(P(0x1.5555555555555p-1), z.high * q);
  c.low = c.low + 0x1.5555555555555p-55;
  auto zc = two_product(z.high, c.high);
  zc.low = zc.low + (z.high * c.low + z.low * c.high);
  const auto szc = two_product(s, zc.high);
  const auto log_m = fast_two_sum(2.0 * s, szc.high);
  const P low = log_m.low + (szc.low + (s * zc.low + s_low * zc.high) + 2.0 * s_low);

  const auto sum = fast_two_sum(k * kLn2High<double>, log_m.high);
  return fast_two_sum(sum.high, sum.low + (low + k * kLn2Low<double>));
}

/// a^y for 0 < a < inf. A larger y than the limit changes nothing any more: the result is 0, 1 or inf.
[[gnu::always_inline]] inline Pack<double> power(Pack<double> a, Pack<double> y) {
  const Pack<double> exponent = limit(y, Pack<double>(-0x1p66), Pack<double>(0x1p66));
  const auto log_a = log_double(a);
  const auto product = two_product(exponent, log_a.high);
  return exp_sum<double>({product.high, product.low + exponent * log_a.low}, {1.0, 0.0});
}
[[gnu::always_inline]] inline Pack<float> power(Pack<float> a, Pack<float> y) {
  return in_double([](Pack<double> p, Pack<double> q) { return exp(q * log(p)); }, a, limit(y, -0x1p40, 0x1p40));
}

template <class T>
[[gnu::always_inline]] inline T integer_power(T x, T n) {
  if constexpr (std::is_signed_v<T>) {
    if (n < 0) return x == 1 ? 1 : x == -1 ? (n % 2 == 0 ? 1 : -1) : 0;
  }
  uint64_t result = 1, square = static_cast<uint64_t>(x);
  for (uint64_t e = static_cast<uint64_t>(n); e != 0; e >>= 1) {
    if (e & 1) result *= square;
    square *= square;
  }
  return static_cast<T>(result);
}

}  // namespace vmath

/// Integers wrap; to a negative exponent they give 1 / x^-y rounded toward zero (0 for x = 0).
template <class T>
[[gnu::always_inline]] inline Pack<T> pow(Pack<T> x, Pack<T> y) {
  if constexpr (!Real<T>) {
    return Pack<T>::map_lanes([](T a, T n) { return vmath::integer_power(a, n); }, x, y);
  } else {
    const Pack<T> a = abs(x), half = 0.5 * y;
    const auto integer = trunc(y) == y, odd = integer & (trunc(half) != half);
    Pack<T> r = vmath::power(a, y);
    r = select((a == 0.0) | (a == vmath::kInf<T>), select(y > 0.0, a, 1.0 / a), r);
    r = select(odd, copysign(r, x), select((x < 0.0) & !integer & (a != vmath::kInf<T>), Pack<T>(vmath::kNaN<T>), r));
    r = select(is_nan(x) | is_nan(y), x + y, r);
    return select((y == 0.0) | (x == 1.0), 1.0, r);
  }
}
template <class T>
[[gnu::always_inline]] inline Pack<T> pow(Pack<T> x, double y) {
  return pow(x, Pack<T>(y));
}
template <class T>
[[gnu::always_inline]] inline Pack<T> pow(double x, Pack<T> y) {
  return pow(Pack<T>(x), y);
}

}  // namespace adcore::ADCORE_ISA
