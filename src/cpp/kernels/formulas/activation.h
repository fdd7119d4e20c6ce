// Rows: activations and elementwise losses. What a row is stands in formula.h.
#pragma once

#include "kernels/formula.h"

namespace adcore {

inline constexpr auto kActivation = [] {
  using namespace formula_constants;
  return rows_of(
      elementwise(
          "sigmoid(input)", "Logistic function, 1 / (1 + exp(-input)).",
          {"sigmoid(Tensor([0.0, 1.0]))", "[0.5       0.7310586]"}, Types::Float, kReal,
          [](auto a) { return sigmoid(a); }, d<A>([](auto a) { return sigmoid_slope(a); })),
      elementwise(
          "_sigmoid_slope(input)", "Derivative of sigmoid.", {"_sigmoid_slope(Tensor([0.0]))", "[0.25]"}, Types::Float,
          kReal, [](auto a) { return sigmoid_slope(a); },
          d<A>([](auto a) { return -(tanh(0.5 * a) * sigmoid_slope(a)); })),
      elementwise(
          "logsigmoid(input)", "Logarithm of the sigmoid, -log(1 + exp(-input)).",
          {"logsigmoid(Tensor([0.0, -200.0]))", "[  -0.6931472 -200.       ]"}, Types::Float, kReal,
          [](auto a) { return logsigmoid(a); }, d<A>([](auto a) { return sigmoid(-a); }))
          .with({.aliases = {"log_sigmoid"}}),
      // Subgradient at 0: 0.
      elementwise(
          "relu(input)", "max(input, 0).", {"relu(Tensor([-1.0, 2.0]))", "[0. 2.]"}, Types::Number, kReal,
          [](auto a) { return select(a < 0.0, 0.0, a); }, d<Y>([](auto y) { return gate(y > 0.0); })),
      // Subgradient at 0 and 6: 0.
      elementwise(
          "relu6(input)", "min(max(input, 0), 6).", {"relu6(Tensor([-1.0, 2.0, 9.0]))", "[0. 2. 6.]"}, Types::Number,
          {-3, 9}, [](auto a) { return select(a < 0.0, 0.0, select(a > 6.0, 6.0, a)); },
          d<Y>([](auto y) { return gate((y > 0.0) & (y < 6.0)); })),
      // At 0 the mean of both slopes.
      elementwise(
          "leaky_relu(input, alpha=0.2)", "input where positive, alpha * input elsewhere.",
          {"leaky_relu(Tensor([-1.0, 2.0]))", "[-0.2  2. ]"}, Types::Float, kReal,
          [](auto a, auto alpha) { return select(a < 0.0, alpha * a, a); }, d<A | B>([](auto a, auto alpha) {
            return select(a > 0.0, 1.0, select(a < 0.0, alpha, 0.5 * (1.0 + alpha)));
          }),
          d<A>([](auto a) { return select(a < 0.0, a, 0.0); }))
          .with({.samples = {"leaky_relu(x(3, 4), 0.05)"}}),
      // Derivatives at 0: those from the left.
      elementwise(
          "elu(input_x, alpha=1.0)", "input where positive, alpha * (exp(input) - 1) elsewhere.",
          {"elu(Tensor([-1.0, 2.0]))", "[-0.63212055  2.        ]"}, Types::Float, kReal,
          [](auto a, auto alpha) { return select(a > 0.0, a, alpha * expm1(min(a, 0.0))); },
          d<A | B>([](auto a, auto alpha) { return select(a > 0.0, 1.0, alpha * exp(select(a > 0.0, 0.0, a))); }),
          d<A>([](auto a) { return select(a > 0.0, 0.0, expm1(select(a > 0.0, 0.0, a))); }))
          .with({.samples = {"elu(x(3, 4), 1.7)"}}),
      elementwise(
          "selu(input_x)", "Scaled ELU with the constants of Klambauer et al. (2017), self-normalizing networks.",
          {"selu(Tensor([0.0, 1.0]))", "[0.       1.050701]"}, Types::Float, kReal,
          [](auto a) { return kSeluScale * select(a > 0.0, a, kSeluAlpha * expm1(min(a, 0.0))); },
          d<A>([](auto a) { return kSeluScale * select(a > 0.0, 1.0, kSeluAlpha * exp(select(a > 0.0, 0.0, a))); })),
      elementwise(
          "_gelu(input)", "Gaussian error linear unit, input * Phi(input), exact.",
          {"_gelu(Tensor([0.0, 1.0]))", "[0.        0.8413447]"}, Types::Float, kReal, [](auto a) { return gelu(a); },
          d<A>([](auto a) { return gelu_slope(a); })),
      elementwise(
          "_gelu_tanh(input)", "Gaussian error linear unit, approximated with tanh (Hendrycks and Gimpel, 2016).",
          {"_gelu_tanh(Tensor([0.0, 1.0]))", "[0.        0.841192]"}, Types::Float, kReal,
          [](auto a) { return gelu_tanh(a); }, d<A>([](auto a) { return gelu_tanh_slope(a); })),
      elementwise(
          "silu(input)", "input * sigmoid(input), also called swish.",
          {"silu(Tensor([0.0, 1.0]))", "[0.        0.7310586]"}, Types::Float, kReal, [](auto a) { return silu(a); },
          d<A>([](auto a) { return silu_slope(a); }))
          .with({.aliases = {"swish"}}),
      elementwise(
          "mish(input)", "input * tanh(log(1 + exp(input))) (Misra, 2019).", {"mish(Tensor([0.0, 30.0]))", "[ 0. 30.]"},
          Types::Float, kReal, [](auto a) { return mish(a); }, d<A>([](auto a) { return mish_slope(a); })),
      // Subgradient at -3 and 3: 0.
      elementwise(
          "hardsigmoid(input)", "min(max(input + 3, 0), 6) / 6.",
          {"hardsigmoid(Tensor([-4.0, 0.0, 1.5]))", "[0.   0.5  0.75]"}, Types::Float, {-6, 6},
          [](auto a) { return select(a < -3.0, 0.0, min(a + 3.0, 6.0) / 6.0); },
          d<A>([](auto a) { return gate((a > -3.0) & (a < 3.0), 1.0 / 6.0); }))
          .with({.aliases = {"hsigmoid"}}),
      // Subgradient at -3: 0, at 3: 1.
      elementwise(
          "hardswish(input)", "input * min(max(input + 3, 0), 6) / 6.",
          {"hardswish(Tensor([-4.0, 1.5]))", "[0.    1.125]"}, Types::Float, {-6, 6},
          [](auto a) { return select(a <= -3.0, 0.0, a * (min(a + 3.0, 6.0) / 6.0)); },
          d<A>([](auto a) { return select(a <= -3.0, 0.0, select(a >= 3.0, 1.0, (2.0 * a + 3.0) / 6.0)); }))
          .with({.aliases = {"hswish"}}),
      elementwise(
          "tanhshrink(input)", "input - tanh(input).", {"tanhshrink(Tensor([0.0, 20.0]))", "[ 0. 19.]"}, Types::Float,
          kReal, [](auto a) { return tanhshrink(a); }, d<A>([](auto a) {
            auto t = tanh(a);
            return t * t;
          })),
      elementwise(
          "softsign(input)", "input / (1 + |input|).", {"softsign(Tensor([-1.0, 1.0]))", "[-0.5  0.5]"}, Types::Float,
          kReal, [](auto a) { return select(abs(a) > 1e30, sign(a), a / (1.0 + abs(a))); }, d<A>([](auto a) {
            auto r = 1.0 / (1.0 + abs(a));
            return r * r;
          })),
      elementwise(
          "softplus(input, beta=1, threshold=20)",
          "log(1 + exp(beta * input)) / beta; input itself where beta * input > threshold.",
          {"softplus(Tensor([0.0, 30.0]))", "[ 0.6931472 30.       ]"}, Types::Float, kPositive,
          [](auto a, auto beta, auto threshold) { return select(beta * a > threshold, a, softplus(beta * a) / beta); },
          // Bounded, so that no derivative is 0 * inf at an infinity.
          d<A | B | C>([](auto a, auto beta, auto threshold) {
            return select(beta * a > threshold, 1.0, sigmoid(beta * min(max(a, -1e30), 1e30)));
          }),
          // z sigmoid(z) - softplus(z), without its cancellation
          d<A | B | C>([](auto a, auto beta, auto threshold) {
            auto z = min(abs(beta * min(max(a, -1e30), 1e30)), 1000.0);
            return select(beta * a > threshold, 0.0, (logsigmoid(z) - z * sigmoid(-z)) / (beta * beta));
          }),
          d_zero()),
      // Logarithms are cut off at -100, as PyTorch has it. Slopes are the true ones as far as p tells them: down to
      // kSmallProbability, and up to 1 - gap, beyond which numbers round to 1. So at 0 and 1 they are finite, and the
      // loss of a sigmoid has the derivative p - y far into its tails.
      elementwise(
          "_binary_cross_entropy(p, y, gap)", "-(y log(p) + (1 - y) log(1 - p)), NaN for p outside of [0, 1].",
          {"_binary_cross_entropy(Tensor([0.5, 0.0]), 1, 1e-8)", "[  0.6931472 100.       ]"}, Types::Float,
          {0.15, 0.45},
          [](auto p, auto y, auto) { return -(y * max(log(p), kLeastLog) + (1.0 - y) * max(log1p(-p), kLeastLog)); },
          d<A | B | C>([](auto p, auto y, auto gap) {
            auto small = p < kSmallProbability;
            auto rest = 1.0 - p;
            return (1.0 - y) / select(rest < gap, gap, rest) -
                   select(small, y / kSmallProbability, y / select(small, 1.0, p));
          }),
          d<A>([](auto p) {
            // cut off so that the derivatives of what is not taken stay finite
            auto cut = [](auto v, auto w, auto logarithm) {
              auto small = v < kLeastLogged;
              return select(small, kLeastLog, logarithm(select(small, 0.5, w)));
            };
            return cut(1.0 - p, -p, [](auto v) { return log1p(v); }) - cut(p, p, [](auto v) { return log(v); });
          }),
          d_zero()),
      elementwise(
          "_silu_slope(input)", "Derivative of silu.", {"_silu_slope(Tensor([0.0]))", "[0.5]"}, Types::Float, kReal,
          [](auto a) { return silu_slope(a); }, d<A>([](auto a) { return silu_curvature(a); })),
      elementwise(
          "_mish_slope(input)", "Derivative of mish.", {"_mish_slope(Tensor([0.0]))", "[0.6]"}, Types::Float, kReal,
          [](auto a) { return mish_slope(a); }, d<A>([](auto a) { return mish_curvature(a); })),
      elementwise(
          "_gelu_slope(input)", "Derivative of gelu.", {"_gelu_slope(Tensor([0.0]))", "[0.5]"}, Types::Float, kReal,
          [](auto a) { return gelu_slope(a); }, d<A>([](auto a) { return gelu_curvature(a); })),
      elementwise(
          "_gelu_tanh_slope(input)", "Derivative of gelu_tanh.", {"_gelu_tanh_slope(Tensor([0.0]))", "[0.5]"},
          Types::Float, kReal, [](auto a) { return gelu_tanh_slope(a); },
          d<A>([](auto a) { return gelu_tanh_curvature(a); })),
      // Derivatives at 0: those from the left.
      elementwise(
          "celu(x, alpha=1.0)", "x where positive, alpha * (exp(x / alpha) - 1) elsewhere.",
          {"celu(Tensor([-1.0, 2.0]))", "[-0.63212055  2.        ]"}, Types::Float, {0.2, 3},
          [](auto a, auto alpha) { return select(a > 0.0, a, alpha * expm1(min(a, 0.0) / alpha)); },
          d<A | B>([](auto a, auto alpha) { return select(a > 0.0, 1.0, exp(select(a > 0.0, 0.0, a) / alpha)); }),
          d<A | B>([](auto a, auto alpha) {
            auto z = max(select(a > 0.0, 0.0, a) / alpha, -1e4);  // there, both terms have come to their end
            return expm1(z) - z * exp(z);
          }))
          .with({.samples = {"celu(x(3, 4), 1.3)"}}),
      // Subgradient in input at a bound: 0.
      elementwise(
          "hardtanh(input, min_val=-1.0, max_val=1.0)", "input limited to [min_val, max_val].",
          {"hardtanh(Tensor([-2.0, 0.5, 2.0]))", "[-1.   0.5  1. ]"}, Types::Float, kReal,
          [](auto a, auto low, auto high) { return min(max(a, low), high); },
          d<A | B | C>([](auto a, auto low, auto high) { return gate((a > low) & (a < high)); }),
          d<A | B | C>([](auto a, auto low, auto high) { return gate((a <= low) & (low <= high)); }),
          d<A | B | C>([](auto a, auto low, auto high) { return gate((a >= high) | (low > high)); }))
          .with({.samples = {"hardtanh(x(3, 4))", "hardtanh(x(3, 4), -0.5, 1.5)"}}),
      // Subgradient at -lambd and lambd: 0.
      elementwise(
          "softshrink(input, lambd=0.5)", "input moved by lambd toward 0, and 0 where |input| <= lambd.",
          {"softshrink(Tensor([-1.0, 0.25, 2.0]))", "[-0.5  0.   1.5]"}, Types::Float, kReal,
          [](auto a, auto l) { return select(a > l, a - l, select(a < -l, a + l, select(a == a, 0.0, a))); },
          d<A | B>([](auto a, auto l) { return gate((a > l) | (a < -l)); }),
          d<A | B>([](auto a, auto l) { return select(a > l, -1.0, select(a < -l, 1.0, 0.0)); }))
          .with({.samples = {"softshrink(x(3, 4), 0.7)"}}),
      // Subgradient at -lambd and lambd: 0.
      elementwise(
          "hardshrink(input, lambd=0.5)", "input where |input| > lambd, 0 elsewhere.",
          {"hardshrink(Tensor([-1.0, 0.25, 2.0]))", "[-1.  0.  2.]"}, Types::Float, {-3, -1},
          [](auto a, auto l) { return select((a <= l) & (a >= -l), 0.0, a); },
          d<A | B>([](auto a, auto l) { return gate((a > l) | (a < -l)); }), d_zero())
          .with({.samples = {"hardshrink(x(3, 4), 0.7)"}}),
      // Subgradient at the threshold: 0.
      elementwise(
          "threshold(input, thr, value)", "input where it is greater than thr, value elsewhere.",
          {"threshold(Tensor([-1.0, 0.5, 2.0]), 0.5, 9)", "[9. 9. 2.]"}, Types::Number, kReal,
          [](auto a, auto t, auto v) { return select(a <= t, v, a); },
          d<A | B>([](auto a, auto t) { return gate(a > t); }), d_zero(),
          d<A | B>([](auto a, auto t) { return gate(a <= t); }))
          .with({.samples = {"threshold(x(3, 4), 0.5, 1.5)"}}));
}();

}  // namespace adcore
