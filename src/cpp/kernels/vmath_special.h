// erfinv; lgamma, digamma, polygamma; the modified Bessel functions i0, i1 and, times e^-|x|, i0e, i1e.
//
// One text in double for both types, as in vmath_inverse.h. lgamma is the C library's. digamma: recurrence into [1, 2],
// where a polynomial times the distance from the zero stands, Stirling's series from 10 on, reflection for negative
// numbers. polygamma: the Hurwitz zeta function by Euler and Maclaurin's formula (as Cephes' zeta.c).
// Bessel: the power series up to 3, all of whose terms are positive; beyond, sqrt(x) i0e(x) and x^1.5 (i0e(x) - i1e(x))
// are polynomials in 1/x, one up to 9 and one from there on. The difference has its own because it is the slope of i0e.
// The polynomials are interpolants at Chebyshev's points, found in 300-bit arithmetic and rounded to double.
// Laws: values within 4 ULP; digamma and lgamma are within 4 ULP of their largest term next to their zeros among the
// negative numbers; polygamma is within 16 ULP on the positive ones.
#pragma once

#include "kernels/vmath_erf.h"
#include "kernels/vmath_inverse.h"

namespace adcore::ADCORE_ISA {

namespace vmath {

// ---- erfinv -------------------------------------------------------------------------------------------------------

inline constexpr double kHalfSqrtPi = 0.88622692545275801365;

/// Winitzki's approximation, or the first terms of the series, then two of Halley's steps.
[[gnu::noinline]] inline Reals erfinv_core(Reals x) {
  const Reals a = min(abs(x), Reals(1.0)), rest = 1.0 - a;
  const auto tail = a > 0.5;
  const Reals l = log(max(rest, Reals(0x1p-60)) * (1.0 + a)), t = 4.33074675 + 0.5 * l;
  const Reals z = a * a, series = a * kHalfSqrtPi * polynomial(z, 1.0, 0.2617993877991494, 0.14393173084921978);
  Reals y = select(tail, sqrt(sqrt(max(t * t - l / 0.147, Reals(0.0))) - t), series);
  for (int step = 0; step < 2; ++step) {
    const Reals miss = select(tail, rest - erfc(y), erf(y) - a) * kHalfSqrtPi / gauss(y);
    y = y - miss / fma(y, miss, Reals(1.0));
  }
  y = select(rest == 0.0, Reals(kInf<double>), select(a < 0x1p-28, a * kHalfSqrtPi, y));
  return select(abs(x) <= 1.0, copysign(y, x), Reals(kNaN<double>));
}
/// sqrt(pi) / 2 exp(y^2), y = erfinv(x): where y is large, by way of 1 - x, which is exact.
[[gnu::noinline]] inline Reals erfinv_slope_core(Reals x) {
  const Reals a = abs(x), y = erfinv_core(a);
  const Reals bounded = limit(y, Reals(0.0), Reals(kErfcEnd<double>));
  const auto e = scaled_erfc(bounded);
  return kHalfSqrtPi * select(a > 0.75, (e.high + e.low) / (1.0 - a), exp(y * y));
}

// ---- the gamma function's logarithm and its derivatives -----------------------------------------------------------

[[gnu::noinline]] inline Reals lgamma_core(Reals x) {
  return Reals::map_lanes(
      [](double v) {
        int sign;  // ::lgamma would write it to a global variable
        return ::lgamma_r(v, &sign);
      },
      x);
}

[[gnu::noinline]] inline Reals digamma_core(Reals x) {
  const auto negative = x < 0.0;
  const Reals v = select(negative, 1.0 - x, x);
  // v = w + whole steps, w in [1, 2]
  Reals w = min(v, Reals(10.0)), sum = 0.0;
  const auto small = w < 1.0;
  sum = select(small, -1.0 / w, sum);
  w = select(small, w + 1.0, w);
  for (int step = 0; step < 8; ++step) {
    const auto above = w > 2.0;
    w = select(above, w - 1.0, w);
    sum = sum + select(above, 1.0 / w, 0.0);
  }
  const Reals p =
      polynomial(w - 1.5, 0.9510558760318328, -0.42362742128146047, 0.24054248424078736, -0.14840492305391761,
                 0.09498872445283, -0.06192213327165706, 0.04076083394462657, -0.02697579684427536,
                 0.017907248195969127, -0.011908215172584002, 0.007927024067961237, -0.00528001782089874,
                 0.0035180800751066694, -0.002344650082351321, 0.0015635679757533885, -0.001042261556504223,
                 0.0006899717801166841, -0.0004599625144612576, 0.0003268068044141764, -0.0002178682145501451,
                 9.173383289174792e-05, -6.11554261750751e-05, 0.00012230983055406747, -8.153978973309418e-05);
  const Reals near = ((w - 1.4616321449683622) - 9.549995429965697e-17) * p + sum;
  const Reals r = 1.0 / v, z = r * r;
  const Reals series =
      polynomial(z, -0.08333333333333333, 0.008333333333333333, -0.003968253968253968, 0.004166666666666667,
                 -0.007575757575757576, 0.021092796092796094, -0.08333333333333333, 0.4432598039215686);
  const Reals far = log(v) + fma(z, series, -0.5 * r);
  const Reals positive = select(v < 10.0, near, select(v == kInf<double>, v, far));
  const Turn t = turn(x);
  const Reals reflected = positive - kPi * t.cos / t.sin;
  const Reals pole = select(x == 0.0, -copysign(Reals(kInf<double>), x), Reals(kNaN<double>));
  return select((x == 0.0) | (negative & (trunc(x) == x)), pole, select(negative, reflected, positive));
}

/// Hurwitz' zeta(s, x) for s >= 2 and x > 0.
inline double hurwitz(double s, double x) {
  constexpr double kTerms[] = {0.08333333333333333,    -0.001388888888888889,   3.306878306878307e-05,
                               -8.267195767195768e-07, 2.08767569878681e-08,    -5.284190138687493e-10,
                               1.3382536530684679e-11, -3.3896802963225827e-13, 8.586062056277845e-15,
                               -2.174868698558062e-16, 5.5090028583602295e-18,  -1.3954464685812522e-19};
  double small = 0;  // the far terms are summed apart: they are the smaller ones
  double parts[16];
  int count = 0;
  for (; x < 12 && count < 16; x += 1) parts[count++] = ::pow(x, -s);
  const double power = ::pow(x, -s);
  double factor = s * power / x;
  for (int k = 0; k < 12; ++k) {
    small += factor * kTerms[k];
    factor *= (s + 2 * k + 1) / x * ((s + 2 * k + 2) / x);
    if (factor == 0 || factor * kTerms[k] == 0) break;
  }
  double sum = small + 0.5 * power;
  sum += ::pow(x, 1 - s) / (s - 1);
  while (count > 0) sum += parts[--count];
  return sum;
}
/// For a whole n.
inline double polygamma_lane(double n, double x) {
  if (x != x || !(n >= 1)) return kNaN<double>;
  if (n > 1e6) n = 1e6;  // of any x in sight it is 0 or inf by then
  const double s = n + 1, sign = __builtin_fmod(n, 2) == 0 ? -1.0 : 1.0;
  int ignored;
  const auto times_factorial = [&](double zeta) {
    return n <= 150 ? ::tgamma(s) * zeta : ::exp(::lgamma_r(s, &ignored) + ::log(zeta));
  };
  if (x > 0) return x == kInf<double> ? sign * 0.0 : sign * times_factorial(hurwitz(s, x));
  if (x == __builtin_floor(x))
    return sign > 0 ? kInf<double> : x == 0 ? -__builtin_copysign(kInf<double>, x) : kNaN<double>;
  // The terms (x + k)^-s of negative base are those of two series from the other side.
  const double f = x - __builtin_floor(x);
  const double below = times_factorial(hurwitz(s, 1 - f)) - times_factorial(hurwitz(s, 1 - x));
  return sign * (times_factorial(hurwitz(s, f)) + sign * below);
}
[[gnu::noinline]] inline Reals polygamma_core(Reals n, Reals x) {
  const Reals order = floor(n + 0.5);
  const Reals high = Reals::map_lanes([](double k, double v) { return polygamma_lane(k, v); }, order, x);
  return select(order == 0.0, digamma_core(x), high);
}

// ---- Bessel functions ---------------------------------------------------------------------------------------------

/// Of |x|: i0e, i0e - i1e, i1e, and for |x| <= 3 the second derivative of i1.
struct Bessel {
  Reals i0e, difference, i1e, i1_curvature;
};
[[gnu::noinline]] inline void bessel(Reals x, Bessel& out) {
  const Reals a = abs(x), s = min(a, Reals(3.0)), z = 0.25 * s * s, decay = exp(-s);
  const Reals i0 =
      polynomial(z, 1.0, 1.0, 0.25, 0.027777777777777776, 0.001736111111111111, 6.944444444444444e-05,
                 1.9290123456790124e-06, 3.936759889140842e-08, 6.151187326782565e-10, 7.594058428126624e-12,
                 7.594058428126623e-14, 6.276081345559193e-16, 4.358389823304995e-18, 2.5789288895295828e-20);
  const Reals i1 =
      0.5 * s *
      polynomial(z, 1.0, 0.5, 0.08333333333333333, 0.006944444444444444, 0.00034722222222222224, 1.1574074074074073e-05,
                 2.755731922398589e-07, 4.920949861426052e-09, 6.834652585313961e-11, 7.594058428126623e-13,
                 6.903689480115112e-15, 5.230067787965994e-17, 3.352607556388458e-19, 1.842092063949702e-21);
  out.i1_curvature =
      s * polynomial(z, 0.375, 0.20833333333333334, 0.036458333333333336, 0.003125, 0.00015914351851851853,
                     5.373677248677249e-06, 1.2917493386243387e-07, 2.323781879006747e-09, 3.2464599780241314e-11,
                     3.6244369770604336e-13, 3.3080178758884913e-15, 2.5144556672913434e-17, 1.6164357861158635e-19);
  const Reals b = max(a, Reals(3.0)), r = 9.0 / b, root = sqrt(b);
  const Reals u = min(r, Reals(3.0)) - 2.0, w = min(2.0 * r, Reals(2.0)) - 1.0;
  const Reals middle =
      polynomial(u, 0.41195675701733075, 0.007932051820658847, 0.0010074420293613954, 9.590516628105927e-05,
                 -9.521291021770356e-05, -2.420676960841493e-05, 1.8084409400101492e-05, 4.834288201186003e-07,
                 -3.562081765193802e-06, 1.290834359529913e-06, 1.3401460424185622e-07, -3.31775248894988e-07,
                 1.517281013727137e-07, -1.721828277920044e-08, -2.210973988450062e-08, 1.7735324333325372e-08,
                 -6.80170036854486e-09, 6.923150431967056e-10, 1.0440013085926692e-09, -9.088713048298272e-10,
                 4.043837422395825e-10, -7.885369030875836e-11, -1.0314082270653936e-11, 1.480100096377893e-11,
                 -2.6993442824216626e-11, 2.3428166648587634e-11, -2.839405647717321e-12, -4.951096759710054e-12,
                 1.7281160230434586e-12);
  const Reals far =
      polynomial(w, 0.40180478139600334, 0.0029606102454442155, 0.00010477649805125542, 7.387137171615488e-06,
                 8.324360520808079e-07, 1.3702038187303453e-07, 3.186064625886887e-08, 1.0549058998081185e-08,
                 4.972334580711523e-09, 2.809640441864744e-09, 1.0643289941535795e-09, -7.662237119914374e-10,
                 -1.7755993778612154e-09, -9.51800081257738e-10, 8.196196251108697e-10, 1.1580147190567318e-09,
                 -2.2761600336080583e-10, -8.735035855134315e-10, 2.0683073503400452e-11, 5.116170583089032e-10,
                 1.5099517745793408e-11, -2.2128720299015568e-10, -7.508727299027821e-12, 6.138491804940683e-11,
                 1.206246161932609e-12, -8.03107748904689e-12);
  const Reals middle_difference =
      polynomial(u, 0.22184248214998306, 0.01592784584843385, 0.003094036071089864, -0.00042603519975787426,
                 -0.0006705257920652217, 8.387567995206742e-05, 0.00012431666462117715, -5.336759201849325e-05,
                 -7.042677094430293e-06, 1.494321749128555e-05, -5.891897245200583e-06, -1.7393258657808978e-07,
                 1.4488982312853127e-06, -8.515643724204526e-07, 2.1157579790654751e-07, 5.7406877737851105e-08,
                 -8.898228617857372e-08, 4.9282731619036085e-08, -1.4651010259101954e-08, -8.006575901017889e-10,
                 4.176355551195317e-09, -3.0877078811918055e-09, 1.2472712424002988e-09, -1.3885163071551445e-10,
                 -4.079235603590504e-11, -5.809178790036929e-12, -9.287469145833453e-11, 1.1153570682525967e-10,
                 -1.7514304691308112e-11, -2.2297448081279426e-11, 7.954523689963523e-12);
  const Reals far_difference =
      polynomial(w, 0.2038630009434459, 0.004650468364268813, 0.0002841026566428964, 2.9184724311390698e-05,
                 4.431064143743256e-06, 9.447758926364109e-07, 2.8093771660780474e-07, 1.1889807938709797e-07,
                 6.754929890224793e-08, 3.732034112285844e-08, 2.770148397645921e-09, -3.002670963853645e-08,
                 -3.470110709028311e-08, -1.7650721399265391e-09, 2.973323757092501e-08, 1.5447375458837367e-08,
                 -1.9740254130098525e-08, -1.723164864727052e-08, 1.1901847756958218e-08, 1.3548371118010929e-08,
                 -6.2235014271547405e-09, -8.058179113681434e-09, 2.499641704847527e-09, 3.4185853285152654e-09,
                 -6.531533378477235e-10, -9.105193129101677e-10, 8.098009554569239e-11, 1.1327483169947846e-10);
  const auto is_far = b > 9.0, near = a < 3.0;
  const Reals i0e = select(is_far, far, middle) / root;
  const Reals difference = select(is_far, far_difference, middle_difference) / root / b;
  const Reals nan = a - a;  // of inf as well: where a value comes of it, it is put right below
  out.i0e = select(near, i0 * decay, select(is_nan(a), nan, i0e));
  out.difference = select(near, (i0 - i1) * decay, select(is_nan(a), nan, difference));
  out.i1e = select(near, i1 * decay, select(is_nan(a), nan, i0e - difference));
}
/// v e^|x|, where v e^|x| may still be finite though e^|x| is not.
[[gnu::always_inline]] inline Reals grown(Reals v, Reals x) {
  const Reals half = exp(0.5 * min(abs(x), Reals(1000.0)));
  return select(abs(x) == kInf<double>, abs(x), v * half * half);
}

}  // namespace vmath

template <Real T>
[[gnu::always_inline]] inline Pack<T> erfinv(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::erfinv_core(v); }, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> erfinv_slope(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::erfinv_slope_core(v); }, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> lgamma(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::lgamma_core(v); }, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> digamma(Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> v) { return vmath::digamma_core(v); }, x);
}
/// The n-th derivative of digamma, n rounded.
template <Real T>
[[gnu::always_inline]] inline Pack<T> polygamma(Pack<T> n, Pack<T> x) {
  return vmath::from_double<T>([](Pack<double> m, Pack<double> v) { return vmath::polygamma_core(m, v); }, n, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> polygamma(double n, Pack<T> x) {
  return polygamma(Pack<T>(n), x);
}

template <Real T>
[[gnu::always_inline]] inline Pack<T> i0(Pack<T> x) {
  constexpr auto f = [](Pack<double> v) {
    vmath::Bessel b;
    vmath::bessel(v, b);
    return vmath::grown(b.i0e, v);
  };
  return vmath::from_double<T>(f, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> i0e(Pack<T> x) {
  constexpr auto f = [](Pack<double> v) {
    vmath::Bessel b;
    vmath::bessel(v, b);
    return b.i0e;
  };
  return vmath::from_double<T>(f, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> i1(Pack<T> x) {
  constexpr auto f = [](Pack<double> v) {
    vmath::Bessel b;
    vmath::bessel(v, b);
    return copysign(vmath::grown(b.i1e, v), v);
  };
  return vmath::from_double<T>(f, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> i1e(Pack<T> x) {
  constexpr auto f = [](Pack<double> v) {
    vmath::Bessel b;
    vmath::bessel(v, b);
    return copysign(b.i1e, v);
  };
  return vmath::from_double<T>(f, x);
}
/// i1e(x) - sign(x) i0e(x); 0 at 0, between the slopes of both sides.
template <Real T>
[[gnu::always_inline]] inline Pack<T> i0e_slope(Pack<T> x) {
  constexpr auto f = [](Pack<double> v) {
    vmath::Bessel b;
    vmath::bessel(v, b);
    return select(v == 0.0, 0.0, copysign(b.difference, -v));
  };
  return vmath::from_double<T>(f, x);
}
/// i0(x) - i1(x) / x.
template <Real T>
[[gnu::always_inline]] inline Pack<T> i1_slope(Pack<T> x) {
  constexpr auto f = [](Pack<double> v) {
    vmath::Bessel b;
    vmath::bessel(v, b);
    return vmath::grown(b.i0e - select(abs(v) < 1e-20, 0.5, b.i1e / abs(v)), v);
  };
  return vmath::from_double<T>(f, x);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> i1_curvature(Pack<T> x) {
  constexpr auto f = [](Pack<double> v) {
    vmath::Bessel b;
    vmath::bessel(v, b);
    const Pack<double> a = abs(v), r = 1.0 / a, far = vmath::grown(b.i1e * (1.0 + 2.0 * r * r) - b.i0e * r, v);
    return copysign(select(a < 3.0, b.i1_curvature, far), v);
  };
  return vmath::from_double<T>(f, x);
}
/// i0e(x) - i1e(x) (sign(x) + 1 / x).
template <Real T>
[[gnu::always_inline]] inline Pack<T> i1e_slope(Pack<T> x) {
  constexpr auto f = [](Pack<double> v) {
    vmath::Bessel b;
    vmath::bessel(v, b);
    return b.difference - select(abs(v) < 1e-20, 0.5, b.i1e / abs(v));
  };
  return vmath::from_double<T>(f, x);
}

template <Real T>
[[gnu::always_inline]] inline Pack<T> i1e_curvature(Pack<T> x) {
  constexpr auto f = [](Pack<double> v) {
    vmath::Bessel b;
    vmath::bessel(v, b);
    const Pack<double> a = abs(v), r = 1.0 / a, slope = b.i0e - select(a < 1e-20, 0.5, b.i1e * r);
    const Pack<double> near = b.i1_curvature * exp(-min(a, Pack<double>(3.0))) - 2.0 * slope + b.i1e;
    const Pack<double> far = (b.i1e * r - 2.0 * b.difference) + (2.0 * b.i1e * r - b.difference) * r;
    return select(v == 0.0, 0.0, copysign(Pack<double>(1.0), v) * select(a < 3.0, near, far));
  };
  return vmath::from_double<T>(f, x);
}

}  // namespace adcore::ADCORE_ISA
