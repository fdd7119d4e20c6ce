// Rows: trigonometric and hyperbolic functions, their inverses. What a row is stands in formula.h.
#pragma once

#include "kernels/formula.h"

namespace adcore {

inline constexpr auto kTrigonometric = [] {
  using namespace formula_constants;
  return rows_of(
      elementwise(
          "sin(input)", "Sine of an angle in radians.", {"sin(Tensor([0.0, 1.5707964]))", "[0. 1.]"}, Types::Float,
          kReal, [](auto a) { return sin(a); }, d<A>([](auto a) { return cos(a); })),
      elementwise(
          "cos(input)", "Cosine of an angle in radians.", {"cos(Tensor([0.0, 3.1415927]))", "[ 1. -1.]"}, Types::Float,
          kReal, [](auto a) { return cos(a); }, d<A>([](auto a) { return -sin(a); })),
      elementwise(
          "tan(input)", "Tangent of an angle in radians.", {"tan(Tensor([0.0, 0.7853982]))", "[0. 1.]"}, Types::Float,
          {-1.2, 1.2}, [](auto a) { return tan(a); }, d<A>([](auto a) {
            auto y = tan(a);
            return 1.0 + y * y;
          })),
      elementwise(
          "tanh(input)", "Hyperbolic tangent.", {"tanh(Tensor([0.0, 1.0]))", "[0.        0.7615942]"}, Types::Float,
          kReal, [](auto a) { return tanh(a); }, d<A>([](auto a) { return tanh_slope(a); })),
      elementwise(
          "sinh(input)", "Hyperbolic sine.", {"sinh(Tensor([0.0, 1.0]))", "[0.        1.1752012]"}, Types::Float, kReal,
          [](auto a) { return sinh(a); }, d<A>([](auto a) { return cosh(a); })),
      elementwise(
          "cosh(input)", "Hyperbolic cosine.", {"cosh(Tensor([0.0, 1.0]))", "[1.        1.5430807]"}, Types::Float,
          kReal, [](auto a) { return cosh(a); }, d<A>([](auto a) { return sinh(a); })),
      elementwise(
          "asin(input)", "Angle whose sine is input.", {"asin(Tensor([0.0, 1.0]))", "[0.        1.5707964]"},
          Types::Float, {-0.8, 0.8}, [](auto a) { return asin(a); }, d<A>([](auto a) { return asin_slope(a); }))
          .with({.aliases = {"arcsin"}}),
      elementwise(
          "acos(input)", "Angle whose cosine is input.", {"acos(Tensor([1.0, 0.0]))", "[0.        1.5707964]"},
          Types::Float, {-0.8, 0.8}, [](auto a) { return acos(a); }, d<A>([](auto a) { return -asin_slope(a); }))
          .with({.aliases = {"arccos"}}),
      elementwise(
          "_asin_slope(input)", "1 / sqrt(1 - input**2).", {"_asin_slope(Tensor([0.0]))", "[1.]"}, Types::Float,
          {-0.8, 0.8}, [](auto a) { return asin_slope(a); }, d<A>([](auto a) {
            auto m = (1.0 - a) * (1.0 + a);
            return a / (m * sqrt(m));
          })),
      // Of a large operand, the reciprocal is squared.
      elementwise(
          "atan(input)", "Angle whose tangent is input.", {"atan(Tensor([0.0, 1.0]))", "[0.        0.7853982]"},
          Types::Float, kReal, [](auto a) { return atan(a); }, d<A>([](auto a) {
            auto large = abs(a) > 1.0;
            auto r = 1.0 / select(large, a, 1.0), v = select(large, 1.0, a);
            return select(large, r * r / (1.0 + r * r), 1.0 / (1.0 + v * v));
          }))
          .with({.aliases = {"arctan"}}),
      // Slopes at the origin: 0.
      elementwise(
          "atan2(input, other)", "Angle of the point (other, input), in (-pi, pi].",
          {"atan2(Tensor([1.0, 0.0]), Tensor([1.0, -1.0]))", "[0.7853982 3.1415927]"}, Types::Float, kPositive,
          [](auto a, auto b) { return atan2(a, b); }, d<A | B>([](auto a, auto b) {
            auto h = hypot(a, b);
            auto none = (h == 0.0) | (1.0 / h == 0.0);
            auto r = select(none, 1.0, h);
            return select(none, 0.0, b / r / r);
          }),
          d<A | B>([](auto a, auto b) {
            auto h = hypot(a, b);
            auto none = (h == 0.0) | (1.0 / h == 0.0);
            auto r = select(none, 1.0, h);
            return select(none, 0.0, -a / r / r);
          }))
          .with({.aliases = {"arctan2"}}),
      elementwise(
          "asinh(input)", "Inverse of sinh.", {"asinh(Tensor([0.0, 1.0]))", "[0.       0.8813736]"}, Types::Float,
          kReal, [](auto a) { return asinh(a); }, d<A>([](auto a) {
            auto large = abs(a) > 1.0;
            auto r = 1.0 / select(large, abs(a), 1.0), v = select(large, 1.0, a);
            return select(large, r / sqrt(1.0 + r * r), 1.0 / sqrt(1.0 + v * v));
          }))
          .with({.aliases = {"arcsinh"}}),
      elementwise(
          "acosh(input)", "Inverse of cosh, not negative.", {"acosh(Tensor([1.0, 2.0]))", "[0.       1.316958]"},
          Types::Float, {1.3, 4}, [](auto a) { return acosh(a); }, d<A>([](auto a) {
            auto large = a > 2.0;
            auto r = 1.0 / select(large, a, 2.0), v = select(large, 2.0, a);
            return select(large, r / sqrt(1.0 - r * r), 1.0 / sqrt((v - 1.0) * (v + 1.0)));
          }))
          .with({.aliases = {"arccosh"}}),
      elementwise(
          "atanh(input)", "Inverse of tanh.", {"atanh(Tensor([0.0, 0.5]))", "[0.         0.54930615]"}, Types::Float,
          {-0.8, 0.8}, [](auto a) { return atanh(a); }, d<A>([](auto a) { return atanh_slope(a); }))
          .with({.aliases = {"arctanh"}}),
      elementwise(
          "_atanh_slope(input)", "1 / (1 - input**2).", {"_atanh_slope(Tensor([0.0]))", "[1.]"}, Types::Float,
          {-0.8, 0.8}, [](auto a) { return atanh_slope(a); }, d<A>([](auto a) {
            auto y = atanh_slope(a);
            return 2.0 * a * y * y;
          })),
      // Slopes at the origin: 0.
      elementwise(
          "hypot(input, other)", "sqrt(input**2 + other**2), without overflow on the way.",
          {"hypot(Tensor([3.0, 0.0]), Tensor([4.0, 2.0]))", "[5. 2.]"}, Types::Float, kPositive,
          [](auto a, auto b) { return hypot(a, b); }, d<A | B>([](auto a, auto b) { return hypot_slope(a, b); }),
          d<A | B>([](auto a, auto b) { return hypot_slope(b, a); })),
      elementwise(
          "_hypot_slope(input, other)", "input / hypot(input, other).", {"_hypot_slope(Tensor([3.0]), 4)", "[0.6]"},
          Types::Float, kPositive, [](auto a, auto b) { return hypot_slope(a, b); }, d<A | B>([](auto a, auto b) {
            auto h = hypot(a, b);
            auto none = (h == 0.0) | (1.0 / h == 0.0);
            auto r = select(none, 1.0, h), t = b / r;
            return select(none, 0.0, t * t / r);
          }),
          d<A | B>([](auto a, auto b) {
            auto h = hypot(a, b);
            auto none = (h == 0.0) | (1.0 / h == 0.0);
            auto r = select(none, 1.0, h);
            return select(none, 0.0, -(a / r) * (b / r) / r);
          })),
      elementwise(
          "sinc(input)", "sin(pi input) / (pi input), 1 at 0.", {"sinc(Tensor([0.0, 0.5]))", "[1.         0.63661975]"},
          Types::Float, kReal, [](auto a) { return sinc(a); }, d<A>([](auto a) { return sinc_slope(a); })),
      // The differential equation of sin(x) / x; pi^2 / 3 at 0, where its quotient has no value.
      elementwise(
          "_sinc_slope(input)", "Derivative of sinc.", {"_sinc_slope(Tensor([0.0]))", "[-0.]"}, Types::Float, kReal,
          [](auto a) { return sinc_slope(a); }, d<A>([](auto a) {
            auto v = select(abs(a) < 1e-30, 1.0, a);
            return select(abs(a) < 1e-30, -kPiSquared / 3.0, -(2.0 * sinc_slope(v) / v + kPiSquared * sinc(v)));
          })));
}();

}  // namespace adcore
