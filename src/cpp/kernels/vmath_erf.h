// erf, erfc and exp(-x^2).
//
// Near 0: erf(x) = x + x P(x^2). Elsewhere, x > 0, erfc(x) = exp(-x^2) E(x) with E(a) = G(t) / (a + K), t = (a - K) /
// (a + K) and G a polynomial. Some roundings would spoil it, so they are taken out: x^2 is taken with its error; a is
// x rounded so far that a + K and a - K are exact; and the step back to x = a + d is E(x) = E(a) + d E'(a), where
// E'(a) = 2 a E(a) - 2 / sqrt(pi).
// The polynomials are minimax approximations, found with the Remez exchange in 240-bit arithmetic and rounded to T; the
// error named at each is that of the rounded polynomial, relative to the function's value.
#pragma once

#include "kernels/vmath_exp.h"

namespace adcore::ADCORE_ISA {

namespace vmath {

/// Where erf_near_zero takes over: erfc(0.8) is about a quarter, so that 1 - erf still has all its bits but one.
inline constexpr double kNear = 0.8;

/// erf(x) for |x| <= kNear (error 2^-29, 2^-55).
template <Real T>
[[gnu::always_inline]] inline Pack<T> erf_near_zero(Pack<T> x) {
  const Pack<T> z = x * x;
  Pack<T> p;
  if constexpr (sizeof(T) == 4) {
    p = polynomial(z, 0.128379166, -0.376126379, 0.112837665, -0.0268638339, 0.00521349115, -0.000830383855,
                   9.15170094e-05);
  } else {
    p = polynomial(z, 0.1283791670955126, -0.3761263890318375, 0.11283791670954982, -0.026866170645089695,
                   0.005223977624819655, -0.0008548326968321661, 0.00012055329880449655, -1.4925535212625543e-05,
                   1.6459252155206037e-06, -1.6318578062358517e-07, 1.4306697633941292e-08, -9.16440969959347e-10);
  }
  return fma(x, p, x);
}

/// Beyond this, erfc has underflowed to 0.
template <Real T>
inline constexpr T kErfcEnd = static_cast<T>(sizeof(T) == 4 ? 11 : 28);

/// erfc(x) exp(x^2) for 0.79 <= x <= kErfcEnd (error of G: 2^-27.8, 2^-59.9); a number, if a wrong one, for x below. K
/// is a short number at which G(0) happens to need few bits.
template <Real T>
[[gnu::always_inline]] inline Double<T> scaled_erfc(Pack<T> x) {
  const Pack<T> coarse = pick<T>(0x1.8p11, 0x1.8p26);  // rounds to multiples of 2^-12, 2^-26
  const Pack<T> a = (x + coarse) - coarse;
  const T k = pick<T>(3.22265625, 3.078125);
  const Pack<T> t = (a - k) / (a + k);
  Pack<T> g;
  if constexpr (sizeof(T) == 4) {
    g = polynomial(t, 1.08046448, -0.910010099, 0.640027463, -0.368303567, 0.166173935, -0.0531034656, 0.00800882746,
                   0.00215817429, -0.00130488491);
  } else {
    g = polynomial(t, 1.0764090930655679, -0.8932262614540846, 0.6083993762186731, -0.3311453419341108,
                   0.13566612346259954, -0.03541826930389517, 0.00145592142830825, 0.0029929454134439053,
                   -0.0008967248621055466, -0.00017987604124893172, 0.00014193385231718697, 9.802935330658896e-06,
                   -2.1384417481331275e-05, -9.159015020685063e-07, 3.4585187726585773e-06, 2.8832391875633817e-07,
                   -5.946965406114463e-07, -1.0174696409039445e-07, 1.0478452426884541e-07, 2.2080722838024297e-08,
                   -1.6182377510969717e-08);
  }
  const Pack<T> e = g / (a + k), slope = fma(2.0 * a, e, Pack<T>(-1.12837916709551257390));
  return {e, (x - a) * slope};
}

/// factor * exp(-x^2); x bounded so that it may be squared, for the factor see exp_sum.
template <Real T>
[[gnu::always_inline]] inline Pack<T> times_gauss(Double<T> factor, Pack<T> x) {
  const Double<T> square = two_product(x, x);
  return exp_sum<T>({-square.high, -square.low}, factor);
}

/// erfc(x) for x >= 0.79.
template <Real T>
[[gnu::always_inline]] inline Pack<T> erfc_positive(Pack<T> x) {
  const Pack<T> bounded = limit(x, Pack<T>(0.0), Pack<T>(kErfcEnd<T>));
  return times_gauss(scaled_erfc(bounded), bounded);
}

}  // namespace vmath

template <Real T>
[[gnu::always_inline]] inline Pack<T> erf(Pack<T> x) {
  const Pack<T> a = abs(x);
  return select(a < vmath::kNear, vmath::erf_near_zero(x), copysign(1.0 - vmath::erfc_positive(a), x));
}

template <Real T>
[[gnu::always_inline]] inline Pack<T> erfc(Pack<T> x) {
  const Pack<T> a = abs(x), tail = vmath::erfc_positive(a);
  return select(a < vmath::kNear, 1.0 - vmath::erf_near_zero(x), select(x < 0.0, 2.0 - tail, tail));
}

/// exp(-x^2). The rounding of x^2 alone would cost x^2 ULP.
template <Real T>
[[gnu::always_inline]] inline Pack<T> gauss(Pack<T> x) {
  const T end = vmath::kErfcEnd<T>;
  return vmath::times_gauss<T>({1.0, 0.0}, limit(x, Pack<T>(-end), Pack<T>(end)));
}

}  // namespace adcore::ADCORE_ISA
