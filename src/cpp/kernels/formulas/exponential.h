// Rows: exponentials, logarithms, roots. What a row is stands in formula.h.
#pragma once

#include "kernels/formula.h"

namespace adcore {

/// Of two operands that have no distance.
inline constexpr auto same_infinity = [](auto a, auto b) { return (a == b) & (a - b != a - b); };

inline constexpr auto kExponential = [] {
  using namespace formula_constants;
  return rows_of(
      elementwise(
          "exp(input)", "e to the power of every element.", {"exp(Tensor([0.0, 1.0]))", "[1.        2.7182817]"},
          Types::Float, kReal, [](auto a) { return exp(a); }, d_value<Y>()),
      elementwise(
          "expm1(input)", "exp(input) - 1, accurate near 0.", {"expm1(Tensor([0.0, 0.5]))", "[0.        0.6487213]"},
          Types::Float, kReal, [](auto a) { return expm1(a); }, d<A>([](auto a) { return exp(a); })),
      elementwise(
          "log(input)", "Natural logarithm.", {"log(Tensor([1.0, 2.0]))", "[0.        0.6931472]"}, Types::Float,
          kPositive, [](auto a) { return log(a); }, d<A>([](auto a) { return 1.0 / a; })),
      elementwise(
          "log1p(input)", "log(1 + input), accurate near 0.", {"log1p(Tensor([0.0, 1.0]))", "[0.        0.6931472]"},
          Types::Float, {-0.7, 3}, [](auto a) { return log1p(a); }, d<A>([](auto a) { return 1.0 / (1.0 + a); })),
      elementwise(
          "sqrt(input)", "Square root.", {"sqrt(Tensor([4.0, 9.0]))", "[2. 3.]"}, Types::Float, kPositive,
          [](auto a) { return sqrt(a); }, d<Y>([](auto y) { return 0.5 / y; })),
      elementwise(
          "rsqrt(input)", "1 / sqrt(input).", {"rsqrt(Tensor([4.0, 16.0]))", "[0.5  0.25]"}, Types::Float, kPositive,
          [](auto a) { return 1.0 / sqrt(a); }, d<A | Y>([](auto a, auto y) { return -0.5 * y / a; })),
      elementwise(
          "exp2(input)", "2 to the power of every element.", {"exp2(Tensor([0.0, 3.0]))", "[1. 8.]"}, Types::Float,
          kReal, [](auto a) { return exp2(a); }, d<Y>([](auto y) { return kLn2 * y; })),
      elementwise(
          "log2(input)", "Logarithm to base 2.", {"log2(Tensor([1.0, 8.0]))", "[0. 3.]"}, Types::Float, kPositive,
          [](auto a) { return log2(a); }, d<A>([](auto a) { return (1.0 / kLn2) / a; })),
      elementwise(
          "log10(input)", "Logarithm to base 10.", {"log10(Tensor([1.0, 1000.0]))", "[0. 3.]"}, Types::Float, kPositive,
          [](auto a) { return log10(a); }, d<A>([](auto a) { return (1.0 / kLn10) / a; })),
      elementwise(
          "logaddexp(input, other)", "log(exp(input) + exp(other)), without overflow.",
          {"logaddexp(Tensor([0.0, 1000.0]), Tensor([0.0, 1000.0]))", "[6.9314718e-01 1.0006932e+03]"}, Types::Float,
          kReal, [](auto a, auto b) { return select(a == b, a + kLn2, max(a, b) + log1p(exp(-abs(a - b)))); },
          d<A | B>([](auto a, auto b) { return sigmoid(select(same_infinity(a, b), 0.0, a - b)); }),
          d<A | B>([](auto a, auto b) { return sigmoid(select(same_infinity(a, b), 0.0, b - a)); })),
      elementwise(
          "logaddexp2(input, other)", "log2(2**input + 2**other), without overflow.",
          {"logaddexp2(Tensor([0.0, 1000.0]), Tensor([0.0, 1000.0]))", "[1.000e+00 1.001e+03]"}, Types::Float, kReal,
          [](auto a, auto b) { return select(a == b, a + 1.0, max(a, b) + log1p(exp2(-abs(a - b))) * (1.0 / kLn2)); },
          d<A | B>([](auto a, auto b) { return sigmoid(select(same_infinity(a, b), 0.0, kLn2 * (a - b))); }),
          d<A | B>([](auto a, auto b) { return sigmoid(select(same_infinity(a, b), 0.0, kLn2 * (b - a))); })),
      // 0 where input is 0, whatever the logarithm, and so are the slopes there at other = 0.
      elementwise(
          "xlogy(input, other)", "input * log(other), 0 where input is 0.",
          {"xlogy(Tensor([0.0, 2.0]), Tensor([0.0, 1.0]))", "[0. 0.]"}, Types::Float, kPositive,
          [](auto a, auto b) { return a * log(select((a == 0.0) & (b == b), 1.0, b)); },
          d<A | B>([](auto a, auto b) { return log(select((a == 0.0) & (b <= 0.0), 1.0, b)); }),
          d<A | B>([](auto a, auto b) { return a / select((a == 0.0) & (b == 0.0), 1.0, b); })),
      elementwise(
          "xlog1py(input, other)", "input * log(1 + other), 0 where input is 0.",
          {"xlog1py(Tensor([0.0, 2.0]), Tensor([-1.0, 0.0]))", "[0. 0.]"}, Types::Float, kPositive,
          [](auto a, auto b) { return a * log1p(select((a == 0.0) & (b == b), 0.0, b)); },
          d<A | B>([](auto a, auto b) { return log1p(select((a == 0.0) & (b <= -1.0), 0.0, b)); }),
          d<A | B>([](auto a, auto b) { return a / (1.0 + select((a == 0.0) & (b == -1.0), 0.0, b)); })),
      elementwise(
          "ldexp(x, other)", "x * 2**other.", {"ldexp(Tensor([1.0, 3.0]), Tensor([4, -1]))", "[16.   1.5]"},
          Types::Float, kReal,
          [](auto a, auto b) {
            auto half = floor(0.5 * b);  // 2**other alone may overflow
            return a * exp2(half) * exp2(b - half);
          },
          d<B>([](auto b) { return exp2(b); }), d<Y>([](auto y) { return kLn2 * y; })),
      elementwise(
          "_logit(input)", "log(input / (1 - input)).", {"_logit(Tensor([0.5, 0.25]))", "[ 0.        -1.0986123]"},
          Types::Float, {0.1, 0.9},
          [](auto a) {
            auto middle = abs(a - 0.5) < 0.25;
            return select(middle, 2.0 * atanh(2.0 * select(middle, a, 0.5) - 1.0), log(a / (1.0 - a)));
          },
          d<A>([](auto a) { return 1.0 / a + 1.0 / (1.0 - a); })));
}();

}  // namespace adcore
