// Rows: arithmetic, rounding, choice between operands. What a row is stands in formula.h.
#pragma once

#include "kernels/formula.h"

namespace adcore {

inline constexpr auto kArithmetic = [] {
  using namespace formula_constants;
  return rows_of(
      elementwise(
          "add(input, other)", "Sum of two tensors, element by element.", {"add(Tensor([1.0, 2.0]), 3)", "[4. 5.]"},
          Types::Number, kReal, [](auto a, auto b) { return a + b; }, d_one(), d_one())
          .with({.wraps = true}),
      elementwise(
          "sub(input, other)", "Difference of two tensors, element by element.",
          {"sub(Tensor([1.0, 2.0]), 3)", "[-2. -1.]"}, Types::Number, kReal, [](auto a, auto b) { return a - b; },
          d_one(), d_minus_one())
          .with({.wraps = true, .for_bool = "logical_xor", .aliases = {"subtract"}}),
      elementwise(
          "mul(input, other)", "Product of two tensors, element by element.", {"mul(Tensor([1.0, 2.0]), 3)", "[3. 6.]"},
          Types::Number, kReal, [](auto a, auto b) { return a * b; }, d_value<B>(), d_value<A>())
          .with({.wraps = true, .aliases = {"multiply"}}),
      elementwise(
          "_weighted(weight, value)", "weight * value, and 0 where the weight is 0, whatever the value is.",
          {"_weighted(Tensor([0.0, 2.0]), Tensor([float('inf'), 3.0]))", "[0. 6.]"}, Types::Float, kReal,
          [](auto a, auto b) { return select(a == 0.0, 0.0, a * b); }, d_value<B>(), d_value<A>()),
      elementwise(
          "div(input, other)", "Quotient of two tensors; integers divide as float32.",
          {"div(Tensor([1.0, 2.0]), 4)", "[0.25 0.5 ]"}, Types::Float, kPositive, [](auto a, auto b) { return a / b; },
          d<B>([](auto b) { return 1.0 / b; }), d<B | Y>([](auto b, auto y) { return -y / b; }))
          .with({.aliases = {"true_divide", "divide"}}),
      constant<2>("floor_div(input, other)",
                  "Quotient rounded down to an integer value. Dividing integers by zero raises ZeroDivisionError.",
                  {"floor_div(Tensor([-7, 7]), 2)", "[-4  3]"}, Types::Number, kPositive,
                  [](auto a, auto b) { return floor_div(a, b); })
          .with({.last = LastInteger::NonZero, .aliases = {"floor_divide"}}),
      elementwise(
          "floor_mod(input, other)",
          "Remainder of floor division, with the sign of the divisor. Integers modulo zero raise ZeroDivisionError.",
          {"floor_mod(Tensor([-7, 7]), 3)", "[2 1]"}, Types::Number, {1.1, 1.9},
          [](auto a, auto b) { return mod(a, b); }, d_one(), d<A | B>([](auto a, auto b) { return -floor_div(a, b); }))
          .with({.last = LastInteger::NonZero, .aliases = {"remainder"}}),
      elementwise(
          "neg(input)", "Negative of every element.", {"neg(Tensor([1.0, -2.0]))", "[-1.  2.]"}, Types::Number, kReal,
          [](auto a) { return -a; }, d_minus_one())
          .with({.for_bool = "logical_not", .aliases = {"negative"}}),
      // Subgradient at 0: 0.
      elementwise(
          "abs(input)", "Absolute value.", {"abs(Tensor([1.0, -2.0]))", "[1. 2.]"}, Types::Number, kReal,
          [](auto a) { return abs(a); }, d<A>([](auto a) { return sign(a); }))
          .with({.aliases = {"absolute"}}),
      constant<1>("sign(input)", "Sign of every element: -1, 0 or 1.",
                  {"sign(Tensor([3.0, 0.0, -2.0]))", "[ 1.  0. -1.]"}, Types::Number, kReal,
                  [](auto a) { return sign(a); }),
      elementwise(
          "square(input)", "Square of every element.", {"square(Tensor([3.0, -2.0]))", "[9. 4.]"}, Types::Number, kReal,
          [](auto a) { return a * a; }, d<A>([](auto a) { return 2.0 * a; })),
      elementwise(
          "reciprocal(input)", "1 / input.", {"reciprocal(Tensor([2.0, -4.0]))", "[ 0.5  -0.25]"}, Types::Float,
          kPositive, [](auto a) { return 1.0 / a; }, d<A>([](auto a) {
            auto y = 1.0 / a;
            return -(y * y);
          })),
      // x**0 is 1 everywhere, so its derivative is 0 also at 0; likewise 0**b for b >= 0 and inf**b for b < 0 with
      // respect to b. The inner selects keep infinite factors out of the higher derivatives.
      elementwise(
          "pow(input, exponent)", "Power, element by element. Integers to negative integer powers raise ValueError.",
          {"pow(Tensor([2.0, 3.0]), 3)", "[ 8. 27.]"}, Types::Number, kPositive,
          [](auto a, auto b) { return pow(a, b); },
          d<A | B>([](auto a, auto b) { return select(b == 0.0, 0.0, b * pow(a, select(b == 0.0, 1.0, b - 1.0))); }),
          d<A | B | Y>([](auto a, auto b, auto y) {
            auto flat = ((a == 0.0) & (b >= 0.0)) | ((1.0 / a == 0.0) & (b < 0.0));
            return y * log(select(flat, 1.0, a));
          }))
          .with({.last = LastInteger::NonNegative,
                 .samples = {"pow(x(3, 4), 3)", "pow(1.7, x(3, 4))", "pow(x(3, 4, low=0.3), -2)"}}),
      elementwise(
          "maximum(input, other)", "The larger of two elements; NaN if either is.",
          {"maximum(Tensor([1.0, 5.0]), 3)", "[3. 5.]"}, Types::Number, kReal, [](auto a, auto b) { return max(a, b); },
          d<A | B>([](auto a, auto b) { return select(a > b, 1.0, select(a == b, 0.5, 0.0)); }),
          d<A | B>([](auto a, auto b) { return select(b > a, 1.0, select(a == b, 0.5, 0.0)); }))
          .with({.samples = {"maximum(x(3, 4), x(4))"}}),
      elementwise(
          "minimum(input, other)", "The smaller of two elements; NaN if either is.",
          {"minimum(Tensor([1.0, 5.0]), 3)", "[1. 3.]"}, Types::Number, kReal, [](auto a, auto b) { return min(a, b); },
          d<A | B>([](auto a, auto b) { return select(a < b, 1.0, select(a == b, 0.5, 0.0)); }),
          d<A | B>([](auto a, auto b) { return select(b < a, 1.0, select(a == b, 0.5, 0.0)); })),
      elementwise(
          "where(condition, input, other)", "Elements of `input` where the condition holds, of `other` elsewhere.",
          {"where(Tensor([True, False]), Tensor([1.0, 2.0]), 0)", "[1. 0.]"}, Types::Select, kReal,
          [](auto c, auto a, auto b) { return select(c != 0.0, a, b); }, d_zero(),
          d<A>([](auto c) { return gate(c != 0.0); }), d<A>([](auto c) { return gate(c == 0.0); }))
          .with({.samples = {"where(b(3, 4), x(3, 4) * x(3, 4), x(4))", "where(b(3, 4), x(3, 1), x(4))",
                             "where(b(3, 4), x(3, 4) ** 2, 1.0)"}}),
      // At a bound the derivative with respect to input is 1, as inside.
      elementwise(
          "_clamp(input, min, max)", "Elements limited to [min, max]; max wins where the bounds cross.",
          {"_clamp(Tensor([-2.0, 0.5, 2.0]), 0, 1)", "[0.  0.5 1. ]"}, Types::Number, kReal,
          [](auto a, auto low, auto high) { return min(max(a, low), high); },
          d<A | B | C>([](auto a, auto low, auto high) { return gate((a >= low) & (a <= high)); }),
          d<A | B | C>([](auto a, auto low, auto high) { return gate((a < low) & (low <= high)); }),
          d<A | B | C>([](auto a, auto low, auto high) { return gate((a > high) | (low > high)); })),
      constant<1>("floor(input)", "Largest integer value not above.", {"floor(Tensor([1.7, -1.2]))", "[ 1. -2.]"},
                  Types::Number, kReal, [](auto a) { return floor(a); }),
      constant<1>("ceil(input)", "Smallest integer value not below.", {"ceil(Tensor([1.7, -1.2]))", "[ 2. -1.]"},
                  Types::Number, kReal, [](auto a) { return ceil(a); }),
      constant<1>("round(input)", "Nearest integer value, halves to even.",
                  {"round(Tensor([0.5, 1.5, -1.2]))", "[ 0.  2. -1.]"}, Types::Number, kReal,
                  [](auto a) { return round(a); }),
      constant<1>("trunc(input)", "Integer part, toward zero.", {"trunc(Tensor([1.7, -1.2]))", "[ 1. -1.]"},
                  Types::Number, kReal, [](auto a) { return trunc(a); })
          .with({.aliases = {"fix"}}),
      constant<2>("trunc_div(input, other)",
                  "Quotient rounded toward zero. Dividing integers by zero raises ZeroDivisionError.",
                  {"trunc_div(Tensor([-7, 7]), 2)", "[-3  3]"}, Types::Number, kPositive,
                  [](auto a, auto b) { return trunc(a / b); })
          .with({.last = LastInteger::NonZero, .aliases = {"truncate_div"}}),
      elementwise(
          "fmod(input, other)",
          "Remainder of division toward zero, with the sign of input. Integers modulo zero raise ZeroDivisionError.",
          {"fmod(Tensor([-7, 7]), 3)", "[-1  1]"}, Types::Number, {1.1, 1.9},
          [](auto a, auto b) { return truncated_mod(a, b); }, d_one(),
          d<A | B | Y>([](auto a, auto b, auto y) { return -round((a - y) / b); }))
          .with({.last = LastInteger::NonZero, .aliases = {"truncate_mod"}}),
      elementwise(
          "frac(input)", "What is behind the point: input - trunc(input).",
          {"frac(Tensor([1.5, -1.25]))", "[ 0.5  -0.25]"}, Types::Float, {0.2, 0.9},
          [](auto a) { return a - trunc(a); }, d_one()),
      // Ties share the cotangent; beside NaN, all of it goes to the number.
      elementwise(
          "fmax(input, other)", "The larger of two elements; of a number and NaN the number.",
          {"fmax(Tensor([1.0, float('nan')]), 3)", "[3. 3.]"}, Types::Number, kReal,
          [](auto a, auto b) { return select(a == a, select(b == b, max(a, b), a), b); }, d<A | B>([](auto a, auto b) {
            return select((a > b) | ((a == a) & (b != b)), 1.0, select(a == b, 0.5, 0.0));
          }),
          d<A | B>([](auto a, auto b) { return select((b > a) | (a != a), 1.0, select(a == b, 0.5, 0.0)); })),
      elementwise(
          "fmin(input, other)", "The smaller of two elements; of a number and NaN the number.",
          {"fmin(Tensor([1.0, float('nan')]), 3)", "[1. 3.]"}, Types::Number, kReal,
          [](auto a, auto b) { return select(a == a, select(b == b, min(a, b), a), b); }, d<A | B>([](auto a, auto b) {
            return select((a < b) | ((a == a) & (b != b)), 1.0, select(a == b, 0.5, 0.0));
          }),
          d<A | B>([](auto a, auto b) { return select((b < a) | (a != a), 1.0, select(a == b, 0.5, 0.0)); })),
      // Subgradient in input at 0: 0.
      elementwise(
          "copysign(input, other)", "Magnitude of input, sign of other, which that of -0 is, too.",
          {"copysign(Tensor([1.0, -2.0]), -1)", "[-1. -2.]"}, Types::Float, kReal,
          [](auto a, auto b) { return copysign(a, b); },
          d<A | B>([](auto a, auto b) { return sign(a) * copysign(1.0, b); }), d_zero()),
      // Subgradient in input at 0: 0.
      elementwise(
          "heaviside(input, values)", "0 where input is negative, 1 where it is positive, `values` where it is 0.",
          {"heaviside(Tensor([-1.0, 0.0, 2.0]), 0.5)", "[0.  0.5 1. ]"}, Types::Number, kReal,
          [](auto a, auto b) { return select(a == 0.0, b, select(a > 0.0, 1.0, select(a < 0.0, 0.0, a))); }, d_zero(),
          d<A>([](auto a) { return gate(a == 0.0); })),
      // The end that is nearer is the one that is started from, so that both are met exactly (as PyTorch has it).
      elementwise(
          "lerp(input, end, weight)", "input + weight * (end - input).",
          {"lerp(Tensor([1.0, 2.0]), Tensor([3.0, 6.0]), 0.25)", "[1.5 3. ]"}, Types::Float, kReal,
          [](auto a, auto b, auto w) { return select(abs(w) < 0.5, a + w * (b - a), b - (b - a) * (1.0 - w)); },
          d<C>([](auto w) { return 1.0 - w; }), d_value<C>(), d<A | B>([](auto a, auto b) { return b - a; })),
      elementwise(
          "nextafter(input, other)", "The next number after input on the way to other.",
          {"nextafter(Tensor([0.0]), 1) > 0", "[ True]"}, Types::Float, kReal,
          [](auto a, auto b) { return next_after(a, b); }, d_one(), d_zero()));
}();

}  // namespace adcore
