// Activations that are x times something between 0 and 1, with their slopes, and tanhshrink.
//
// Written as x * sigmoid(x), they are inf * 0 at -inf and lose bits wherever the second factor is denormal. Here e^-|x|
// is kept as p 2^n until all that multiplies it has been multiplied, and x in front of it is bounded where the product
// has underflowed. The rest of each formula is a quotient of sums of positive terms in e: nothing cancels but what the
// function itself makes cancel at its zeros. A slope is its function's derivative, a curvature that of
// the slope.
#pragma once

#include "kernels/vmath_erf.h"

namespace adcore::ADCORE_ISA {

namespace vmath {

/// e^x = p 2^n, x <= 0.
template <Real T>
struct Decay {
  Pack<T> p;
  Nearest<T> n;

  [[gnu::always_inline]] Pack<T> value() const { return scale(p, n); }
  /// factor * e^x, for a factor of less than 2^20.
  [[gnu::always_inline]] Pack<T> times(Pack<T> factor) const { return scale(factor * p, n); }
};

/// Beyond this, |x|^k e^-|x| has underflowed to 0 for small k.
template <Real T>
inline constexpr T kDecayEnd = static_cast<T>(sizeof(T) == 4 ? 130 : 800);

/// |x|, bounded.
template <Real T>
[[gnu::always_inline]] inline Pack<T> decay_argument(Pack<T> x) {
  return limit(abs(x), Pack<T>(0.0), Pack<T>(kDecayEnd<T>));
}
/// For m of decay_argument: e^-m.
template <Real T>
[[gnu::always_inline]] inline Decay<T> decay(Pack<T> m) {
  const auto [n, r] = exp_parts(-m);
  return {1.0 + em1_near_zero(r), n};
}
/// For a sum in that range.
template <Real T>
[[gnu::always_inline]] inline Decay<T> decay(Double<T> m) {
  const Nearest<T> n = nearest(-m.high * kLog2E);
  const Pack<T> r = fma(n.number, Pack<T>(-kLn2High<T>), -m.high) + fma(n.number, Pack<T>(-kLn2Low<T>), -m.low);
  return {1.0 + em1_near_zero(r), n};
}

/// x (c1 + c2 x^2), twice the argument of the hyperbolic tangent in gelu_tanh, and its derivative; x >= 0, bounded.
template <Real T>
struct GeluArgument {
  Double<T> value;
  Pack<T> slope;
};
template <Real T>
[[gnu::always_inline]] inline GeluArgument<T> gelu_argument(Pack<T> x) {
  // sqrt(8 / pi) and 0.044715 times that, each as a sum
  constexpr double kC1 = 1.5957691216057308, kC1Rest = -9.96930880911092e-17;
  constexpr double kC2 = 0.07135481627260025, kC2Rest = -6.175149918155315e-19;
  constexpr T c1 = static_cast<T>(kC1), c1_low = static_cast<T>(kC1 - static_cast<double>(c1) + kC1Rest);
  constexpr T c2 = static_cast<T>(kC2), c2_low = static_cast<T>(kC2 - static_cast<double>(c2) + kC2Rest);
  const Double<T> square = two_product(x, x);
  Double<T> cubic = two_product(Pack<T>(c2), square.high);
  cubic.low = cubic.low + (c2 * square.low + c2_low * square.high);
  Double<T> sum = two_difference(Pack<T>(c1), -cubic.high);
  sum.low = sum.low + (cubic.low + c1_low);
  Double<T> u = two_product(x, sum.high);
  u.low = fma(x, sum.low, u.low);
  return {u, fma(Pack<T>(3 * kC2), square.high, Pack<T>(kC1))};
}
/// Beyond this, x e^-u has underflowed to 0.
template <Real T>
[[gnu::always_inline]] inline Pack<T> gelu_tanh_bounded(Pack<T> x) {
  return limit(abs(x), Pack<T>(0.0), Pack<T>(pick<T>(11, 22)));
}

/// |x| as far as gelu's tail reaches.
template <Real T>
[[gnu::always_inline]] inline Pack<T> gelu_bounded(Pack<T> x) {
  return limit(abs(x), Pack<T>(0.0), Pack<T>(pick<T>(15.5, 39.5)));
}
/// factor * exp(-m^2 / 2), the square with its error.
template <Real T>
[[gnu::always_inline]] inline Pack<T> times_normal(Double<T> factor, Pack<T> m) {
  const Double<T> square = two_product(m, m);
  return exp_sum<T>({-0.5 * square.high, -0.5 * square.low}, factor);
}
inline constexpr double kSqrtHalf = 0.707106781186547524400844362105;
inline constexpr double kInvSqrtTwoPi = 0.398942280401432677939946059934;
inline constexpr double kGeluNear = kNear / kSqrtHalf;

/// For |x| <= 1.5, (x - tanh(x)) / x^3 (error 2^-30.7, 2^-60.0): Lambert's continued fraction of tanh, cut off and
/// multiplied out, has positive coefficients only.
template <Real T>
[[gnu::always_inline]] inline Pack<T> tanhshrink_near_zero(Pack<T> z) {
  if constexpr (sizeof(T) == 4) {
    return polynomial(z, 1.0 / 3.0, 0.020512820512820513, 0.0001998001998001998) /
           polynomial(z, 1.0, 0.46153846153846154, 0.02331002331002331, 0.0002072002072002072);
  } else {
    return polynomial(z, 1.0 / 3.0, 0.025396825396825397, 0.0005012531328320802, 3.1201564446441345e-06,
                      4.7275097646123249e-09) /
           polynomial(z, 1.0, 0.47619047619047619, 0.030075187969924812, 0.00055039559683522532, 3.2761642668763412e-06,
                      4.8002406840678992e-09);
  }
}

}  // namespace vmath

/// x / (1 + e^-x).
template <Real T>
[[gnu::always_inline]] inline Pack<T> silu(Pack<T> x) {
  const Pack<T> m = vmath::decay_argument(x);
  const auto d = vmath::decay(m);
  return select(x < 0.0, -d.times(m), x) / (1.0 + d.value());
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> silu_slope(Pack<T> x) {
  const Pack<T> m = vmath::decay_argument(x);
  const auto d = vmath::decay(m);
  const Pack<T> e = d.value(), s = 1.0 + e;
  return select(x < 0.0, d.times(s - m), fma(m, e, s)) / (s * s);
}

/// s' (2 - x tanh(x / 2)), s' the slope of the sigmoid.
template <Real T>
[[gnu::always_inline]] inline Pack<T> silu_curvature(Pack<T> x) {
  const Pack<T> m = vmath::decay_argument(x);
  const auto d = vmath::decay(m);
  const Pack<T> e = d.value(), s = 1.0 + e;
  return select(is_nan(x), x, d.times(2.0 * s - m * (1.0 - e)) / (s * s * s));
}

/// x tanh(softplus(x)).
template <Real T>
[[gnu::always_inline]] inline Pack<T> mish(Pack<T> x) {
  const Pack<T> m = vmath::decay_argument(x);
  const auto d = vmath::decay(m);
  const Pack<T> e = d.value(), twice = 2.0 + e;
  const auto negative = x < 0.0;
  const Pack<T> top = select(negative, -d.times(m) * twice, x * (1.0 + 2.0 * e));
  return top / select(negative, fma(e, twice, Pack<T>(2.0)), fma(2.0 * e, 1.0 + e, Pack<T>(1.0)));
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> mish_slope(Pack<T> x) {
  const Pack<T> m = vmath::decay_argument(x);
  const auto d = vmath::decay(m);
  const Pack<T> e = d.value(), twice = 2.0 + e, s = 1.0 + e;
  const auto negative = x < 0.0;
  const Pack<T> q = select(negative, fma(e, twice, Pack<T>(2.0)), fma(2.0 * e, s, Pack<T>(1.0)));
  const Pack<T> top = select(negative, d.times(twice * q - 4.0 * m * s), (1.0 + 2.0 * e) * q + 4.0 * m * e * (e * s));
  return top / (q * q);
}

template <Real T>
[[gnu::always_inline]] inline Pack<T> mish_curvature(Pack<T> x) {
  const Pack<T> m = vmath::decay_argument(x);
  const auto d = vmath::decay(m);
  const Pack<T> e = d.value(), s = 1.0 + e;
  const auto negative = x < 0.0;
  const Pack<T> q = select(negative, fma(e, 2.0 + e, Pack<T>(2.0)), fma(2.0 * e, s, Pack<T>(1.0)));
  const Pack<T> below = 2.0 * s * q - m * (2.0 + e * (2.0 - e * (3.0 + 2.0 * e)));
  const Pack<T> above = 2.0 * s * q + m * (e * (e * (2.0 * e + 2.0) - 3.0) - 2.0);
  const Pack<T> y = 4.0 * d.times(select(negative, below, above)) * select(negative, 1.0, e) / (q * q * q);
  return select(is_nan(x), x, y);
}

/// x Phi(x), Phi(x) = erfc(-x / sqrt(2)) / 2.
template <Real T>
[[gnu::always_inline]] inline Pack<T> gelu(Pack<T> x) {
  const Pack<T> m = vmath::gelu_bounded(x), half = 0.5 * m;
  const auto e = vmath::scaled_erfc(m * vmath::kSqrtHalf);
  const Pack<T> tail = vmath::times_normal<T>({half * e.high, half * e.low}, m);
  const Pack<T> far = select(x < 0.0, -tail, x - tail);
  return select(abs(x) < vmath::kGeluNear, 0.5 * x * (1.0 + vmath::erf_near_zero(x * vmath::kSqrtHalf)), far);
}
/// Phi(x) + x Phi'(x).
template <Real T>
[[gnu::always_inline]] inline Pack<T> gelu_slope(Pack<T> x) {
  const Pack<T> m = vmath::gelu_bounded(x);
  const auto e = vmath::scaled_erfc(m * vmath::kSqrtHalf);
  const Pack<T> tail = vmath::times_normal<T>({0.5 * e.high - vmath::kInvSqrtTwoPi * m, 0.5 * e.low}, m);
  const Pack<T> near = 0.5 * (1.0 + vmath::erf_near_zero(x * vmath::kSqrtHalf)) +
                       vmath::times_normal<T>({vmath::kInvSqrtTwoPi * x, 0.0}, m);
  return select(abs(x) < vmath::kGeluNear, near, select(x < 0.0, tail, 1.0 - tail));
}

/// (2 - x^2) Phi'(x).
template <Real T>
[[gnu::always_inline]] inline Pack<T> gelu_curvature(Pack<T> x) {
  const Pack<T> m = limit(abs(x), Pack<T>(0.0), Pack<T>(vmath::pick<T>(16.5, 41)));
  const Pack<T> y = vmath::times_normal<T>({vmath::kInvSqrtTwoPi * fma(-m, m, Pack<T>(2.0)), 0.0}, m);
  return select(is_nan(x), x, y);
}

/// x sigmoid(u), u = sqrt(8 / pi) (x + 0.044715 x^3).
template <Real T>
[[gnu::always_inline]] inline Pack<T> gelu_tanh(Pack<T> x) {
  const Pack<T> m = vmath::gelu_tanh_bounded(x);
  const auto d = vmath::decay(vmath::gelu_argument(m).value);
  return select(x < 0.0, -d.times(m), x) / (1.0 + d.value());
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> gelu_tanh_slope(Pack<T> x) {
  const Pack<T> m = vmath::gelu_tanh_bounded(x);
  const auto u = vmath::gelu_argument(m);
  const auto d = vmath::decay(u.value);
  const Pack<T> e = d.value(), s = 1.0 + e, slope = m * u.slope;
  return select(x < 0.0, d.times(s - slope), fma(slope, e, s)) / (s * s);
}

template <Real T>
[[gnu::always_inline]] inline Pack<T> gelu_tanh_curvature(Pack<T> x) {
  const Pack<T> m = vmath::gelu_tanh_bounded(x);
  const auto u = vmath::gelu_argument(m);
  const auto d = vmath::decay(u.value);
  const Pack<T> e = d.value(), s = 1.0 + e, bend = (6 * 0.07135481627260025) * m * m;
  const Pack<T> y = d.times((2.0 * u.slope + bend) * s - m * u.slope * u.slope * (1.0 - e)) / (s * s * s);
  return select(is_nan(x), x, y);
}

/// x - tanh(x).
template <Real T>
[[gnu::always_inline]] inline Pack<T> tanhshrink(Pack<T> x) {
  const Pack<T> z = x * x;
  return select(abs(x) < 1.5, x * z * vmath::tanhshrink_near_zero(z), x - tanh(x));
}

}  // namespace adcore::ADCORE_ISA
