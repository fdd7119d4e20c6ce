// sinh and cosh; asin, acos, atan, atan2, asinh, acosh, atanh; exp2, log2, log10; hypot and sinc.
//
// One text in double for both types: floats are computed in it and rounded once. The cores are calls, not in line: they
// are long, and rare beside the functions of vmath_exp.h.
// The polynomials are interpolants at Chebyshev's points, found in 300-bit arithmetic and rounded to double; the error
// named at each is that of the rounded polynomial, relative to the function's value. How arguments are reduced is known
// from Cephes (S. Moshier: asin.c, atan.c) and fdlibm (Sun: e_asinh.c and its like).
#pragma once

#include "kernels/vmath_pow.h"
#include "kernels/vmath_trig.h"

namespace adcore::ADCORE_ISA {

namespace vmath {

using Reals = Pack<double>;
inline constexpr double kPi = 3.14159265358979323846, kPiLow = 1.2246467991473532e-16;

/// f, which is given for double, on packs of T.
template <Real T, class F, class... Packs>
[[gnu::always_inline]] inline Pack<T> from_double(F f, Packs... x) {
  if constexpr (sizeof(T) == 4) {
    return in_double(f, x...);
  } else {
    return f(x...);
  }
}

/// (e^a + sign e^-a) / 2 for a >= 0; for sign -1 a >= 1.
[[gnu::noinline]] inline Reals half_exp_sum(Reals a, double sign) {
  const auto [n, r] = exp_parts(limit(a, Reals(0.0), Reals(712.0)));
  const Reals p = 1.0 + em1_near_zero(r);
  const Nearest<double> counts = nearest(min(n.number, Reals(60.0)));  // beyond, e^-a is nothing beside e^a
  const Reals q = sign * power_of_two<double>(-counts.bits - counts.bits) / p;
  return select(is_nan(a), a, scale(p + q, Nearest<double>{n.number - 1.0, n.bits - 1}));
}
[[gnu::noinline]] inline Reals sinh_core(Reals x) {
  const Reals a = abs(x), e = expm1(min(a, Reals(1.0)));
  const Reals near = 0.5 * (e + e / (e + 1.0));
  return select(a < 0x1p-28, x, copysign(select(a < 1.0, near, half_exp_sum(a, -1.0)), x));
}

/// atan(t) for 0 <= t <= 1 (error 2^-58.2).
[[gnu::always_inline]] inline Reals atan_core(Reals t) {
  const auto upper = t > 0.41421356237309503;
  const Reals u = select(upper, (t - 1.0) / (t + 1.0), t), z = u * u;
  const Reals p = polynomial(z, -0.3333333333333333, 0.19999999999999804, -0.14285714285659806, 0.11111111105153429,
                             -0.09090908753400499, 0.07692296372129963, -0.06666424833613538, 0.058789283985170936,
                             -0.052304498567083385, 0.04551573086660509, -0.03457004418600986, 0.016285183029778966);
  return select(upper, kPi / 4, 0.0) + (u + (u * z * p + select(upper, kPiLow / 4, 0.0)));
}
[[gnu::noinline]] inline Reals atan2_core(Reals y, Reals x) {
  const Reals a = abs(y), b = abs(x), high = max(a, b), low = min(a, b);
  // Equal infinities are at 45 degrees, two zeros at 0.
  const Reals t = atan_core(select(low == high, select(high == 0.0, 0.0, 1.0), low / high));
  const Reals first = select(a > b, kPi / 2 - (t - kPiLow / 2), t);
  const Reals half = select(copysign(Reals(1.0), x) < 0.0, kPi - (first - kPiLow), first);
  return select(is_nan(x) | is_nan(y), x + y, copysign(half, y));
}

/// asin(x) for 0 <= x <= 1/2 (error 2^-58.6).
[[gnu::always_inline]] inline Reals asin_core(Reals x) {
  const Reals z = x * x;
  const Reals p = polynomial(z, 0.16666666666666666, 0.07500000000000118, 0.044642857142551895, 0.03038194447553234,
                             0.02237215744350722, 0.0173528165403255, 0.013963780012203492, 0.011566459612122493,
                             0.009621842970094148, 0.009319560794799116, 0.0030448799093443393, 0.019554513336377578,
                             -0.019241671747082863, 0.029612011265156984);
  return fma(x * z, p, x);
}
/// asin(|x|) is `value` or, beyond 1/2, pi/2 - 2 `value`.
struct Arc {
  Reals value;
  Mask<double> beyond;
};
[[gnu::always_inline]] inline Arc arc(Reals x) {
  const Reals a = abs(x);
  const auto beyond = a > 0.5;
  return {asin_core(select(beyond, sqrt(0.5 * (1.0 - a)), a)), beyond};
}
[[gnu::noinline]] inline Reals asin_of(Reals x) {
  const auto [v, beyond] = arc(x);
  return copysign(select(beyond, kPi / 2 - (2.0 * v - kPiLow / 2), v), x);
}
[[gnu::noinline]] inline Reals acos_of(Reals x) {
  const auto [v, beyond] = arc(x);
  const Reals inner = kPi / 2 - (copysign(v, x) - kPiLow / 2);
  return select(beyond, select(x > 0.0, 2.0 * v, kPi - (2.0 * v - kPiLow)), inner);
}

/// Beyond this, sqrt(x^2 + 1) is x.
inline constexpr double kHuge = 0x1p28;
[[gnu::noinline]] inline Reals asinh_of(Reals x) {
  const Reals a = abs(x), b = min(a, Reals(kHuge)), z = b * b;
  const Reals near = log1p(b + z / (1.0 + sqrt(1.0 + z)));
  return select(a < 0x1p-28, x, copysign(select(a > kHuge, log(a) + 0.69314718055994531, near), x));
}
[[gnu::noinline]] inline Reals acosh_of(Reals x) {
  const Reals t = min(x, Reals(kHuge)) - 1.0;
  // sqrt(t): NaN below 1, also where the product of two negative numbers is positive.
  return select(x > kHuge, log(x) + 0.69314718055994531, select(t < 0.0, sqrt(t), log1p(t + sqrt(t * (2.0 + t)))));
}
[[gnu::noinline]] inline Reals atanh_of(Reals x) {
  const Reals a = abs(x);
  return select(a < 0x1p-28, x, copysign(0.5 * log1p(2.0 * a / (1.0 - a)), x));
}

/// log(x) times the reciprocal of a base's logarithm, given as a sum.
[[gnu::noinline]] inline Reals log_times(Reals x, double high, double low) {
  const auto l = log_double(x);
  const auto product = two_product(l.high, Reals(high));
  return log_special(x, product.high + (product.low + (l.low * high + l.high * low)));
}

[[gnu::noinline]] inline Reals hypot_of(Reals x, Reals y) {
  const Reals a = abs(x), b = abs(y), m = select(a > b, a, b);
  const Reals up = select(m > 0x1p500, 0x1p-600, select(m < 0x1p-400, 0x1p600, 1.0));
  const Reals u = a * up, v = b * up;
  const auto infinite = (a == kInf<double>) | (b == kInf<double>);
  return select(infinite, Reals(kInf<double>), sqrt(fma(u, u, v * v)) / up);
}

/// sin(pi x) and cos(pi x): the turns are taken off before pi comes in.
struct Turn {
  Reals sin, cos;
};
[[gnu::always_inline]] inline Turn turn(Reals x) {
  const Reals n = round(x), half = 0.5 * n;
  const Reals sign = select(trunc(half) == half, 1.0, -1.0);
  const Angle a = angle(kPi * (x - n));
  return {sign * sine_of(a, a.quadrant), sign * sine_of(a, a.quadrant + 1)};
}
[[gnu::noinline]] inline Reals sinc_of(Reals x) { return select(abs(x) < 0x1p-27, 1.0, turn(x).sin / (kPi * x)); }
[[gnu::noinline]] inline Reals sinc_slope_of(Reals x) {
  const Reals z = x * x;
  const Turn t = turn(x);
  const Reals near = x * polynomial(z, -3.289868133696453, 3.2469697011334144, -1.1445109447325053, 0.2091827825412377,
                                    -0.023460810354539806, 0.0017811455160974931, -9.766222875798651e-05,
                                    4.049933734208371e-06, -1.3143672994294515e-07, 3.342181052029532e-09);
  return select(abs(x) < 0.5, near, (t.cos - t.sin / (kPi * x)) / x);
}

}  // namespace vmath

template <Real T>
[[gnu::always_inline]] inline Pack<T> sinh(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::sinh_core(v); }, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> cosh(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::half_exp_sum(abs(v), 1.0); }, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> asin(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::asin_of(v); }, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> acos(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::acos_of(v); }, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> atan(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::atan2_core(v, Pack<double>(1.0)); }, x);
}
/// The angle of the point (x, y), with C's special cases.
template <Real T>
[[gnu::always_inline]] inline Pack<T> atan2(Pack<T> y, Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v, Pack<double> u) { return vmath::atan2_core(v, u); }, y, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> asinh(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::asinh_of(v); }, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> acosh(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::acosh_of(v); }, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> atanh(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::atanh_of(v); }, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> log2(Pack<T> x) {
  constexpr auto f = [](Pack<double> v) { return vmath::log_times(v, vmath::kLog2E, 2.0355273740931033e-17); };
  return vmath::from_double<T>(f, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> log10(Pack<T> x) {
  constexpr auto f = [](Pack<double> v) { return vmath::log_times(v, 0.43429448190325182, 1.098319650216765e-17); };
  return vmath::from_double<T>(f, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> exp2(Pack<T> x) {
  const Pack<T> bounded = limit(x, Pack<T>(vmath::pick<T>(-160, -1090)), Pack<T>(vmath::pick<T>(130, 1030)));
  const auto n = vmath::nearest(bounded);
  return vmath::scale(1.0 + vmath::em1_near_zero((bounded - n.number) * 0.69314718055994531), n);
}
/// sqrt(x^2 + y^2), without overflow or underflow on the way; inf where either is.
template <Real T>
[[gnu::always_inline]] inline Pack<T> hypot(Pack<T> x, Pack<T> y) {
  return vmath::from_double<T>([](Pack<double> u, Pack<double> v) { return vmath::hypot_of(u, v); }, x, y);
}
/// sin(pi x) / (pi x).
template <Real T>
[[gnu::always_inline]] inline Pack<T> sinc(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::sinc_of(v); }, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> sinc_slope(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::sinc_slope_of(v); }, x);
}

// Slopes.

template <Real T>
[[gnu::always_inline]] inline Pack<T> asin_slope(Pack<T> x) {
  return 1.0 / sqrt((1.0 - x) * (1.0 + x));
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> atanh_slope(Pack<T> x) {
  return 1.0 / ((1.0 - x) * (1.0 + x));
}
/// x / hypot(x, y); 0 at the origin.
template <Real T>
[[gnu::always_inline]] inline Pack<T> hypot_slope(Pack<T> x, Pack<T> y) {
  const Pack<T> h = hypot(x, y);
  const auto at_end = (h == 0.0) | (h == vmath::kInf<T>);
  const Pack<T> limit = select(abs(x) == vmath::kInf<T>, sign(x), 0.0);
  return select(at_end, limit, x / select(at_end, 1.0, h));
}

}  // namespace adcore::ADCORE_ISA
