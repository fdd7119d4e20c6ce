// exp, expm1, log, log1p and what is made of them: tanh, sigmoid, softplus, logsigmoid; slopes of tanh and sigmoid.
//
// exp: x = n ln 2 + r, |r| <= ln 2 / 2, and e^x = 2^n (1 + em1(r)).
// log: x = 2^k m, sqrt(1/2) <= m < sqrt(2), f = m - 1, s = f / (2 + f), and log(m) = 2 atanh(s); evaluated as
//      f - (f^2/2 - s (f^2/2 + R(s^2))), which loses nothing to rounding (the arrangement is that of fdlibm's e_log.c).
// The polynomials are minimax approximations, found with the Remez exchange in 240-bit arithmetic and rounded to T; the
// error named at each is that of the rounded polynomial, relative to the function's value.
#pragma once

#include "kernels/vmath_base.h"

namespace adcore::ADCORE_ISA {

namespace vmath {

// ln 2 = high + low; high has 15 or 32 bits, so that n * high is exact for every exponent n.
template <Real T>
inline constexpr T kLn2High = static_cast<T>(sizeof(T) == 4 ? 0x1.62e4p-1 : 0x1.62e42feep-1);
template <Real T>
inline constexpr T kLn2Low = static_cast<T>(sizeof(T) == 4 ? 0x1.7f7d1cf79abcap-20 : 0x1.a39ef35793c76p-33);

inline constexpr double kLog2E = 1.44269504088896340736;

/// e^r - 1 for |r| <= 0.3467 (error 2^-28.7, 2^-60.6).
template <Real T>
[[gnu::always_inline]] inline Pack<T> em1_near_zero(Pack<T> r) {
  Pack<T> p;
  if constexpr (sizeof(T) == 4) {
    p = polynomial(r, 0.5, 0.166666672, 0.041666355, 0.0083332723, 0.00139410351, 0.000199144386);
  } else {
    p = polynomial(r, 0.5, 0.16666666666666677, 0.0416666666666667, 0.008333333333321591, 0.0013888888888866646,
                   0.00019841269886229293, 2.480158736087974e-05, 2.75572441024048e-06, 2.755724250709981e-07,
                   2.5109075235583584e-08, 2.0924517007951558e-09);
  }
  return fma(r * r, p, r);
}

template <Real T>
struct ExpParts {
  Nearest<T> n;
  Pack<T> r;
};
template <Real T>
[[gnu::always_inline]] inline ExpParts<T> exp_parts(Pack<T> x) {
  const Nearest<T> n = nearest(x * kLog2E);
  return {n, fma(n.number, Pack<T>(-kLn2Low<T>), fma(n.number, Pack<T>(-kLn2High<T>), x))};
}

/// x where e^x neither overflows nor underflows, else a bound where it does; NaN stays.
template <Real T>
[[gnu::always_inline]] inline Pack<T> limit_exponent(Pack<T> x) {
  return limit(x, Pack<T>(pick<T>(-105, -747)), Pack<T>(pick<T>(89, 710)));
}

/// factor * e^x, for x.low small against 1 and a factor between 0.01 and 1; each part of factor and x counts.
template <Real T>
[[gnu::always_inline]] inline Pack<T> exp_sum(Double<T> x, Double<T> factor) {
  const Pack<T> high = limit_exponent(x.high), low = select(high == x.high, x.low, 0.0);
  const Nearest<T> n = nearest(high * kLog2E);
  const Pack<T> r = fma(n.number, Pack<T>(-kLn2High<T>), high) + fma(n.number, Pack<T>(-kLn2Low<T>), low);
  const Pack<T> e = em1_near_zero(r);
  return scale(factor.high + fma(factor.high, e, fma(factor.low, e, factor.low)), n);
}

/// e^x - 1 for x that is at most limit_exponent's bound, -0 and denormals excepted.
template <Real T>
[[gnu::always_inline]] inline Pack<T> expm1_bounded(Pack<T> x) {
  const auto [n, r] = exp_parts(x);
  const Pack<T> half = power_of_two<T>(n.bits - 1);  // 2^n itself may overflow where the result does not
  return 2.0 * fma(half, em1_near_zero(r), half - 0.5);
}

/// log(x) + n ln 2 + c for a positive normal x; c small.
template <Real T>
[[gnu::always_inline]] inline Pack<T> log_core(Pack<T> x, Pack<T> n, Pack<T> c) {
  constexpr Word<T> kOneBits = kExponentBias<T> << kMantissaBits<T>;
  const Words<T> shifted = to_words(x) - to_words(Pack<T>(0.70710678118654752440)) + kOneBits;
  const Words<T> exponent = (shifted >> kMantissaBits<T>)-kExponentBias<T>;
  const Pack<T> k = number<T>(exponent) + n;
  const Pack<T> f = from_words<T>(to_words(x) - (exponent << kMantissaBits<T>)) - 1.0;
  const Pack<T> s = f / (2.0 + f), z = s * s, half_square = 0.5 * f * f;
  Pack<T> p;  // (2 atanh(s) / s - 2) / z for z <= 0.02945 (error 2^-30.1, 2^-58.8)
  if constexpr (sizeof(T) == 4) {
    p = polynomial(z, 0.666667759, 0.399775296, 0.298721939);
  } else {
    p = polynomial(z, 0.6666666666666734, 0.3999999999941355, 0.28571428742683774, 0.22222198538766594,
                   0.18183566311389496, 0.15313994932120698, 0.147965528090775);
  }
  const Pack<T> tail = fma(k, Pack<T>(kLn2Low<T>), c);
  return fma(k, Pack<T>(kLn2High<T>), f - (half_square - fma(s, fma(z, p, half_square), tail)));
}

/// log1p without its special values.
template <Real T>
[[gnu::always_inline]] inline Pack<T> log1p_core(Pack<T> x) {
  const Pack<T> u = 1.0 + x;
  const Pack<T> lost = select(x > 1.0, 1.0 - (u - x), x - (u - 1.0));  // u + lost == 1 + x
  return log_core(u, Pack<T>(0.0), lost / u);
}

/// The logarithm's special values: y where 0 < x < inf.
template <Real T>
[[gnu::always_inline]] inline Pack<T> log_special(Pack<T> x, Pack<T> y) {
  const Pack<T> special = select(x == 0.0, Pack<T>(-kInf<T>), select(x < 0.0, Pack<T>(kNaN<T>), x));
  return select((x > 0.0) & (x < kInf<T>), y, special);
}

}  // namespace vmath

template <Real T>
[[gnu::always_inline]] inline Pack<T> exp(Pack<T> x) {
  const auto [n, r] = vmath::exp_parts(vmath::limit_exponent(x));
  return vmath::scale(1.0 + vmath::em1_near_zero(r), n);
}

template <Real T>
[[gnu::always_inline]] inline Pack<T> expm1(Pack<T> x) {
  const Pack<T> bounded = limit(x, Pack<T>(-40.0), Pack<T>(vmath::pick<T>(89, 710)));
  return select(abs(x) < vmath::kTiny<T>, x, vmath::expm1_bounded(bounded));
}

template <Real T>
[[gnu::always_inline]] inline Pack<T> log(Pack<T> x) {
  const auto denormal = x < vmath::kSmallestNormal<T>;
  const Pack<T> normal = select(denormal, x * vmath::pick<T>(0x1p23, 0x1p52), x);
  const Pack<T> n = select(denormal, -vmath::kMantissaBits<T>, 0.0);
  return vmath::log_special(x, vmath::log_core(normal, n, Pack<T>(0.0)));
}

template <Real T>
[[gnu::always_inline]] inline Pack<T> log1p(Pack<T> x) {
  const Pack<T> y = vmath::log_special(1.0 + x, vmath::log1p_core(x));
  return select(abs(x) < vmath::kTiny<T>, x, y);
}

// tanh, sigmoid and their slopes: values and slopes come from one quotient each with an operation or two, so that a loop
// which makes both has one exponential and one division.

namespace vmath {

/// e^m = (1 + p) / w for m >= 0, w a power of two.
template <Real T>
struct Growth {
  Pack<T> p;
  Nearest<T> n;  // w = 2^n

  [[gnu::always_inline]] Pack<T> w(double factor = 1) const { return scale(Pack<T>(factor), n); }
};
template <Real T>
[[gnu::always_inline]] inline Growth<T> growth(Pack<T> m) {
  const Pack<T> x = limit(m, Pack<T>(0.0), Pack<T>(pick<T>(106, 748)));  // beyond, w is 0
  const Nearest<T> n = nearest(x * -kLog2E);
  return {em1_near_zero(fma(n.number, Pack<T>(kLn2Low<T>), fma(n.number, Pack<T>(kLn2High<T>), x))), n};
}

/// sigmoid(-m) for m >= 0.
template <Real T>
[[gnu::always_inline]] inline Pack<T> sigmoid_tail(Pack<T> m) {
  const Growth<T> g = growth(m);
  const Pack<T> w = g.w();
  return w / (1.0 + (g.p + w));
}

/// t = tanh(m / 2) for m >= 0, as the smaller of t and 1 - t: nothing is lost when the other is 1 less it.
template <Real T>
struct Bend {
  Mask<T> far;   // beyond about 1
  Pack<T> part;  // 1 - t where far, else t
};
template <Real T>
[[gnu::always_inline]] inline Bend<T> bend(Pack<T> m) {
  const Growth<T> g = growth(m);
  const Pack<T> twice = g.w(2.0), w = 0.5 * twice;
  const Mask<T> far = g.n.number <= -2.0;
  return {far, select(far, twice, g.p + (1.0 - w)) / (g.p + (1.0 + w))};
}

}  // namespace vmath

template <Real T>
[[gnu::always_inline]] inline Pack<T> tanh(Pack<T> x) {
  const auto [far, part] = vmath::bend(2.0 * abs(x));
  return copysign(select(far, 1.0 - part, part), x);
}

/// 1 / (1 + e^-x): no overflow, and full precision in both tails.
template <Real T>
[[gnu::always_inline]] inline Pack<T> sigmoid(Pack<T> x) {
  const Pack<T> tail = vmath::sigmoid_tail(abs(x));
  return select(x < 0.0, tail, 1.0 - tail);
}

/// log(1 + e^x) = max(x, 0) + log1p(e^-|x|).
template <Real T>
[[gnu::always_inline]] inline Pack<T> softplus(Pack<T> x) {
  return select(x > 0.0, x, 0.0) + vmath::log1p_core(exp(-abs(x)));
}

/// -softplus(-x).
template <Real T>
[[gnu::always_inline]] inline Pack<T> logsigmoid(Pack<T> x) {
  // -0 less 0 is -0, to which the result underflows.
  return select(x < 0.0, x, -0.0) - vmath::log1p_core(exp(-abs(x)));
}

// From the result y, the slopes y (1 - y) and 1 - y^2 would lose all that 1 - y loses where y is near 1.

/// s (1 - s) with s = sigmoid(-|x|), at most 1/2.
template <Real T>
[[gnu::always_inline]] inline Pack<T> sigmoid_slope(Pack<T> x) {
  const Pack<T> tail = vmath::sigmoid_tail(abs(x));
  return fma(-tail, tail, tail);
}

/// 1 - t^2 with t = tanh(x), which is 2 d - d^2 with d = 1 - t.
template <Real T>
[[gnu::always_inline]] inline Pack<T> tanh_slope(Pack<T> x) {
  const auto [far, part] = vmath::bend(2.0 * abs(x));
  return fma(-part, part, select(far, 2.0 * part, 1.0));
}

}  // namespace adcore::ADCORE_ISA
