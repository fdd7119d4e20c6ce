// Rows: error function, gamma function, Bessel functions. What a row is stands in formula.h.
#pragma once

#include "kernels/formula.h"

namespace adcore {

inline constexpr auto kSpecial = [] {
  using namespace formula_constants;
  return rows_of(
      elementwise(
          "erf(input)", "Error function.", {"erf(Tensor([0.0, 1.0]))", "[0.        0.8427008]"}, Types::Float, kReal,
          [](auto a) { return erf(a); }, d<A>([](auto a) { return kTwoOverSqrtPi * gauss(a); })),
      elementwise(
          "erfc(input)", "Complementary error function, 1 - erf(input).", {"erfc(Tensor([0.0]))", "[1.]"}, Types::Float,
          kReal, [](auto a) { return erfc(a); }, d<A>([](auto a) { return -kTwoOverSqrtPi * gauss(a); })),
      elementwise(
          "erfinv(input)", "Inverse of erf.", {"erfinv(Tensor([0.0, 0.5]))", "[0.         0.47693628]"}, Types::Float,
          {-0.8, 0.8}, [](auto a) { return erfinv(a); }, d<A>([](auto a) { return erfinv_slope(a); })),
      elementwise(
          "_erfinv_slope(input)", "Derivative of erfinv.", {"_erfinv_slope(Tensor([0.0]))", "[0.88622695]"},
          Types::Float, {-0.8, 0.8}, [](auto a) { return erfinv_slope(a); }, d<A>([](auto a) {
            auto y = erfinv_slope(a);
            return 2.0 * erfinv(a) * y * y;
          })),
      elementwise(
          "_gauss(input)", "exp(-input**2).", {"_gauss(Tensor([0.0, 1.0]))", "[1.         0.36787945]"}, Types::Float,
          kReal, [](auto a) { return gauss(a); }, d<A>([](auto a) {
            auto bounded = min(max(a, -40.0), 40.0);  // where the other factor is 0
            return -2.0 * bounded * gauss(a);
          })),
      elementwise(
          "lgamma(input)", "Logarithm of the gamma function's magnitude.",
          {"lgamma(Tensor([1.0, 5.0]))", "[0.        3.1780539]"}, Types::Float, kPositive,
          [](auto a) { return lgamma(a); }, d<A>([](auto a) { return digamma(a); }))
          .with({.aliases = {"gammaln"}}),
      elementwise(
          "digamma(input)", "Derivative of lgamma.", {"digamma(Tensor([1.0, 2.0]))", "[-0.5772157   0.42278433]"},
          Types::Float, kPositive, [](auto a) { return digamma(a); }, d<A>([](auto a) { return polygamma(1.0, a); }))
          .with({.aliases = {"psi"}}),
      elementwise(
          "_polygamma(n, input)", "The n-th derivative of digamma, n rounded to an integer.",
          {"_polygamma(1, Tensor([1.0, 2.0]))", "[1.644934   0.64493406]"}, Types::Float, {1.6, 2.4},
          [](auto n, auto a) { return polygamma(n, a); }, d_zero(),
          d<A | B>([](auto n, auto a) { return polygamma(n + 1.0, a); })),
      elementwise(
          "i0(input)", "Modified Bessel function of order 0.", {"i0(Tensor([0.0, 1.0]))", "[1.        1.2660658]"},
          Types::Float, kReal, [](auto a) { return i0(a); }, d<A>([](auto a) { return i1(a); }))
          .with({.aliases = {"bessel_i0"}}),
      elementwise(
          "i1(input)", "Modified Bessel function of order 1.", {"i1(Tensor([0.0, 1.0]))", "[0.        0.5651591]"},
          Types::Float, kReal, [](auto a) { return i1(a); }, d<A>([](auto a) { return i1_slope(a); }))
          .with({.aliases = {"bessel_i1"}}),
      elementwise(
          "_i1_slope(input)", "i0(input) - i1(input) / input.", {"_i1_slope(Tensor([0.0]))", "[0.5]"}, Types::Float,
          kReal, [](auto a) { return i1_slope(a); }, d<A>([](auto a) { return i1_curvature(a); })),
      // Subgradient at 0: 0.
      elementwise(
          "i0e(input)", "exp(-|input|) * i0(input).", {"i0e(Tensor([0.0, 1.0]))", "[1.        0.4657596]"},
          Types::Float, kReal, [](auto a) { return i0e(a); }, d<A>([](auto a) { return i0e_slope(a); }))
          .with({.aliases = {"bessel_i0e"}}),
      elementwise(
          "_i1e_slope(input)", "Derivative of i1e.", {"_i1e_slope(Tensor([0.0]))", "[0.5]"}, Types::Float, kReal,
          [](auto a) { return i1e_slope(a); }, d<A>([](auto a) { return i1e_curvature(a); })),
      elementwise(
          "i1e(input)", "exp(-|input|) * i1(input).", {"i1e(Tensor([0.0, 1.0]))", "[0.         0.20791042]"},
          Types::Float, kReal, [](auto a) { return i1e(a); }, d<A>([](auto a) { return i1e_slope(a); }))
          .with({.aliases = {"bessel_i1e"}}));
}();

}  // namespace adcore
