// Rows: comparison, logic, bits. What a row is stands in formula.h.
#pragma once

#include "kernels/formula.h"

namespace adcore {

inline constexpr auto kLogic = [] {
  using namespace formula_constants;
  return rows_of(
      constant<2>("equal(input, other)", "input == other, element by element.",
                  {"equal(Tensor([1, 2]), 2)", "[False  True]"}, Types::Compare, kReal,
                  [](auto a, auto b) { return a == b; })
          .with({.aliases = {"eq"}}),
      constant<2>("not_equal(input, other)", "input != other, element by element.",
                  {"not_equal(Tensor([1, 2]), 2)", "[ True False]"}, Types::Compare, kReal,
                  [](auto a, auto b) { return a != b; })
          .with({.aliases = {"ne"}}),
      constant<2>("greater(input, other)", "input > other, element by element.",
                  {"greater(Tensor([1, 2]), 1)", "[False  True]"}, Types::Compare, kReal,
                  [](auto a, auto b) { return a > b; })
          .with({.aliases = {"gt"}}),
      constant<2>("greater_equal(input, other)", "input >= other, element by element.",
                  {"greater_equal(Tensor([1, 2]), 2)", "[False  True]"}, Types::Compare, kReal,
                  [](auto a, auto b) { return a >= b; })
          .with({.aliases = {"ge"}}),
      constant<2>("less(input, other)", "input < other, element by element.",
                  {"less(Tensor([1, 2]), 2)", "[ True False]"}, Types::Compare, kReal,
                  [](auto a, auto b) { return a < b; })
          .with({.aliases = {"lt"}}),
      constant<2>("less_equal(input, other)", "input <= other, element by element.",
                  {"less_equal(Tensor([1, 2]), 1)", "[ True False]"}, Types::Compare, kReal,
                  [](auto a, auto b) { return a <= b; })
          .with({.aliases = {"le"}}),
      constant<1>("isnan(input)", "True where an element is not a number.",
                  {"isnan(Tensor([1.0, float('nan')]))", "[False  True]"}, Types::Compare, kReal,
                  [](auto a) { return a != a; }),
      constant<1>("isinf(input)", "True where an element is infinite.",
                  {"isinf(Tensor([1.0, float('inf')]))", "[False  True]"}, Types::Compare, kReal,
                  [](auto a) { return (a == a) & (a - a != a - a); }),
      constant<1>("isfinite(input)", "True where an element is neither infinite nor NaN.",
                  {"isfinite(Tensor([1.0, float('inf')]))", "[ True False]"}, Types::Compare, kReal,
                  [](auto a) { return a - a == a - a; }),
      constant<2>("logical_and(input, other)", "True where both are nonzero.",
                  {"logical_and(Tensor([True, False]), True)", "[ True False]"}, Types::Logic, kReal,
                  [](auto a, auto b) { return (a != 0.0) & (b != 0.0); }),
      constant<2>("logical_or(input, other)", "True where either is nonzero.",
                  {"logical_or(Tensor([True, False]), False)", "[ True False]"}, Types::Logic, kReal,
                  [](auto a, auto b) { return (a != 0.0) | (b != 0.0); }),
      constant<2>("logical_xor(input, other)", "True where exactly one is nonzero.",
                  {"logical_xor(Tensor([True, False]), True)", "[False  True]"}, Types::Logic, kReal,
                  [](auto a, auto b) { return ((a != 0.0) & (b == 0.0)) | ((a == 0.0) & (b != 0.0)); }),
      constant<1>("logical_not(input)", "True where an element is zero.",
                  {"logical_not(Tensor([True, False]))", "[False  True]"}, Types::Logic, kReal,
                  [](auto a) { return a == 0.0; }),
      constant<2>("bitwise_and(input, other)", "Bits that are set in both integers.",
                  {"bitwise_and(Tensor([6, 3]), 5)", "[4 1]"}, Types::Integer, kReal,
                  [](auto a, auto b) { return bit_and(a, b); }),
      constant<2>("bitwise_or(input, other)", "Bits that are set in either integer.",
                  {"bitwise_or(Tensor([6, 3]), 5)", "[7 7]"}, Types::Integer, kReal,
                  [](auto a, auto b) { return bit_or(a, b); }),
      constant<2>("bitwise_xor(input, other)", "Bits that are set in exactly one integer.",
                  {"bitwise_xor(Tensor([6, 3]), 5)", "[3 6]"}, Types::Integer, kReal,
                  [](auto a, auto b) { return bit_xor(a, b); }),
      constant<1>("isposinf(input)", "True where an element is positive infinity.",
                  {"isposinf(Tensor([1.0, float('inf')]))", "[False  True]"}, Types::Compare, kReal,
                  [](auto a) { return (a > 0.0) & (a == a) & (a - a != a - a); }),
      constant<1>("isneginf(input)", "True where an element is negative infinity.",
                  {"isneginf(Tensor([1.0, float('-inf')]))", "[False  True]"}, Types::Compare, kReal,
                  [](auto a) { return (a < 0.0) & (a == a) & (a - a != a - a); }),
      constant<1>("signbit(input)", "True where the sign is negative, that of -0 and NaN included.",
                  {"signbit(Tensor([1.0, -0.0]))", "[False  True]"}, Types::Compare, kReal,
                  [](auto a) { return sign_bit(a); }),
      constant<1>("_bitwise_not(input)", "All bits of an integer, inverted.",
                  {"_bitwise_not(Tensor([0, 5]))", "[-1 -6]"}, Types::Integer, kReal, [](auto a) { return -a - 1.0; }),
      constant<2>("bitwise_left_shift(input, other)", "input * 2**other on integers; 0 where all bits are shifted out.",
                  {"bitwise_left_shift(Tensor([1, 3]), 2)", "[ 4 12]"}, Types::Integer, kReal,
                  [](auto a, auto b) { return shift_left(a, b); }),
      constant<2>("bitwise_right_shift(input, other)", "floor(input / 2**other) on integers.",
                  {"bitwise_right_shift(Tensor([8, -3]), 1)", "[ 4 -2]"}, Types::Integer, kReal,
                  [](auto a, auto b) { return shift_right(a, b); }),
      constant<2>("gcd(input, other)", "Greatest common divisor of integers, not negative.",
                  {"gcd(Tensor([12, -9]), 6)", "[6 3]"}, Types::Integer, kReal,
                  [](auto a, auto b) { return common_divisor(a, b); }),
      constant<2>("lcm(input, other)", "Least common multiple of integers, not negative.",
                  {"lcm(Tensor([4, -9]), 6)", "[12 18]"}, Types::Integer, kReal,
                  [](auto a, auto b) { return common_multiple(a, b); }));
}();

}  // namespace adcore
