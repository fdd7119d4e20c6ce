// sin, cos and tan.
//
// x = n pi/2 + r with |r| <= pi/4; the lowest two bits of n say which of +-sin(r), +-cos(r) the result is. Up to
// kLargeAngle, n has at most 20 bits and pi/2 is taken in four pieces of which n times the first three is exact (Cody
// and Waite 1980), the differences with their rounding errors; so r has full relative precision also next to multiples
// of pi/2. Larger arguments, rare, go to the C library lane by lane. Floats are computed in double.
// The polynomials are minimax approximations, found with the Remez exchange in 240-bit arithmetic and rounded to
// double; the error named at each is that of the rounded polynomial, relative to the function's value.
#pragma once

#include <math.h>

#include "kernels/vmath_base.h"

namespace adcore::ADCORE_ISA {

namespace vmath {

inline constexpr double kLargeAngle = 1e6;

struct Angle {
  Pack<double> sin, cos;   // of r
  Words<double> quadrant;  // n
};

[[gnu::always_inline]] inline Angle angle(Pack<double> x) {
  using P = Pack<double>;
  const auto [n, bits] = nearest(x * 0.63661977236758134308);
  const P r1 = x - n * 0x1.921fb544p+0;  // exact: the terms are near each other
  const auto [r2, e2] = two_difference(r1, n * 0x1.0b4611a6p-34);
  const auto [r3, e3] = two_difference(r2, n * 0x1.3198a2ep-69);
  const P r = r3 + (e2 + e3 - n * 0x1.b839a252049c1p-104);
  const P z = r * r;
  // (sin(r) / r - 1) / z, error 2^-57.3; (cos(r) - 1 + z / 2) / z^2, error 2^-60
  const P s = polynomial(z, -0.16666666666666666, 0.008333333333333323, -0.00019841269841255123, 2.7557319214219103e-06,
                         -2.505210491918346e-08, 1.6058367611283853e-10, -7.578747430660076e-13);
  const P c = polynomial(z, 0.0416666666666666, -0.0013888888888874133, 2.4801587289486572e-05, -2.755731435329855e-07,
                         2.08757233745114e-09, -1.1359651915195643e-11);
  const P half = 0.5 * z, w = 1.0 - half;
  return {fma(r * z, s, r), w + fma(z * z, c, (1.0 - w) - half), bits};
}

/// sin(r) or cos(r), whichever the quadrant asks for, with its sign.
[[gnu::always_inline]] inline Pack<double> sine_of(const Angle& a, Words<double> quadrant) {
  const Mask<double> odd{reinterpret_cast<Mask<double>::Vec>(-(quadrant & 1))};
  const Words<double> sign = (quadrant & 2) << 62;
  return from_words<double>(to_words(select(odd, a.cos, a.sin)) ^ sign);
}

/// f(x) per lane where kLargeAngle < |x| < inf, else y.
template <class F>
[[gnu::always_inline]] inline Pack<double> where_large(Pack<double> x, Pack<double> y, F f) {
  const Pack<double> a = abs(x);
  const Mask<double> large = (a > kLargeAngle) & (a < kInf<double>);
  if (__builtin_expect(any(large), false)) {
    for (int i = 0; i < Pack<double>::kLanes; ++i) {
      if (large.v[i]) y.v[i] = f(x.v[i]);
    }
  }
  return y;
}

/// sin and tan are the identity here, also in the sign of zero.
[[gnu::always_inline]] inline Mask<double> tiny_angle(Pack<double> x) { return abs(x) < 0x1p-27; }

}  // namespace vmath

template <Real T>
[[gnu::always_inline]] inline Pack<T> sin(Pack<T> x) {
  if constexpr (sizeof(T) == 4) {
    return vmath::in_double([](Pack<double> v) { return sin(v); }, x);
  } else {
    const auto a = vmath::angle(x);
    const Pack<T> y = select(vmath::tiny_angle(x), x, vmath::sine_of(a, a.quadrant));
    return vmath::where_large(x, y, [](double v) { return ::sin(v); });
  }
}

template <Real T>
[[gnu::always_inline]] inline Pack<T> cos(Pack<T> x) {
  if constexpr (sizeof(T) == 4) {
    return vmath::in_double([](Pack<double> v) { return cos(v); }, x);
  } else {
    const auto a = vmath::angle(x);
    return vmath::where_large(x, vmath::sine_of(a, a.quadrant + 1), [](double v) { return ::cos(v); });
  }
}

template <Real T>
[[gnu::always_inline]] inline Pack<T> tan(Pack<T> x) {
  if constexpr (sizeof(T) == 4) {
    return vmath::in_double([](Pack<double> v) { return tan(v); }, x);
  } else {
    const auto a = vmath::angle(x);
    const Pack<T> quotient = vmath::sine_of(a, a.quadrant) / vmath::sine_of(a, a.quadrant + 1);
    return vmath::where_large(x, select(vmath::tiny_angle(x), x, quotient), [](double v) { return ::tan(v); });
  }
}

}  // namespace adcore::ADCORE_ISA
