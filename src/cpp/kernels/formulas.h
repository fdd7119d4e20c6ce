// Every elementwise op, once: its value and its partial derivatives, generic over the scalar type.
//
// A row is the whole op. From it come the SIMD kernels of every instruction set, the fused backward kernels, the
// reverse and forward rules at every order, broadcasting, dtype promotion, the function of adcore.ops with its
// signature and docstring, the Tensor method, and the laws that the tests check.
//
//   elementwise(signature, summary, {example, its output}, types, {low, high}, value, partials...).with({facts})
//
// signature   Python's; the first `arity` parameters are operands, a default makes an operand optional
// {low, high} where the laws sample the op: inside its domain
// value       takes the operands a, b, c; instantiated for SIMD packs (simd.h) and for Sym (ops/elementwise.cpp)
// partials    one per operand: d<what it needs>(function of exactly that), needs in the order A, B, C, Y (the result).
//             What is not needed is not kept for the backward sweep. It returns a value, or One, MinusOne, Zero,
//             d_value<B>() says that it is an operand or the result as it stands,
//             or gate(mask, slope): the cotangent times a constant, 1 by default, where the mask holds, and 0 elsewhere,
//             even if the cotangent is inf or NaN.
//             A row without partials is piecewise constant: its derivative is 0 and it is never recorded.
// facts       what else is true of the row; most rows have none. See Facts.
// Subgradients at kinks: see each row; ties of maximum and minimum share the cotangent.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <tuple>

#include "base/dtype.h"

namespace adcore {

/// Which dtypes a row takes and what it makes of them.
enum class Types : uint8_t {
  Float,    // integers become float32
  Number,   // the common dtype of the operands
  Compare,  // any -> bool
  Logic,    // operands read as bool -> bool
  Integer,  // bool and integers only
  Select,   // the first operand is a condition; the common dtype of the others
};

struct Zero {};
struct One {};
struct MinusOne {};
template <class Mask>
struct Gate {
  Mask mask;
  double slope;
};
template <class Mask>
constexpr Gate<Mask> gate(Mask mask, double slope = 1.0) {
  return {mask, slope};
}

/// What a partial needs: operands and the result.
enum Need : uint32_t { A = 1, B = 2, C = 4, Y = 8 };

template <uint32_t Needs, class F, bool IsValue = false>
struct Partial {
  static constexpr uint32_t kNeeds = Needs;
  static constexpr bool kIsValue = IsValue;  // f gives back what it gets
  F f;
};
template <uint32_t Needs = 0, class F>
constexpr Partial<Needs, F> d(F f) {
  return {f};
}
/// The partial is an operand or the result as it stands.
template <uint32_t Value>
constexpr auto d_value() {
  constexpr auto same = [](auto v) { return v; };
  return Partial<Value, decltype(same), true>{same};
}
constexpr auto d_one() {
  return d([] { return One{}; });
}
constexpr auto d_minus_one() {
  return d([] { return MinusOne{}; });
}
constexpr auto d_zero() {
  return d([] { return Zero{}; });
}

struct Example {
  const char* code;
  const char* output;
};
struct Interval {
  double low, high;
};

/// Some texts beside a declaration.
class Words {
 public:
  constexpr Words() = default;
  constexpr Words(std::initializer_list<const char*> words) {  // NOLINT(google-explicit-constructor)
    if (words.size() > kMost) throw "more than kMost words";
    for (const char* w : words) words_[count_++] = w;
  }
  constexpr const char* const* begin() const { return words_; }
  constexpr const char* const* end() const { return words_ + count_; }

 private:
  static constexpr int kMost = 8;
  const char* words_[kMost] = {};
  int count_ = 0;
};

/// What is true of a row beside its mathematics.
/// Which values the last of integer operands may not have.
enum class LastInteger : uint8_t {
  Any,
  NonZero,      // a divisor: ZeroDivisionError
  NonNegative,  // an exponent: ValueError
};

struct Facts {
  bool wraps = false;  // a Python integer that the other operand's integer type does not hold wraps around
  LastInteger last = LastInteger::Any;
  const char* for_bool = nullptr;  // what to use on bool, which this is not defined for
  Words aliases = {};              // further names of the function
  Words samples = {};              // calls that the interval does not make: see Options in ops/table.h
};

template <int Arity, class F, class... Partials>
struct Formula {
  static constexpr int kArity = Arity;
  static constexpr bool kConstant = sizeof...(Partials) == 0;
  const char* signature;
  const char* summary;
  Example example;
  Types types;
  Interval sample;
  F value;
  std::tuple<Partials...> partials;
  Facts facts = {};

  constexpr std::string_view name() const {
    const std::string_view s = signature;
    return s.substr(0, s.find('('));
  }
  constexpr Formula with(Facts more) const {
    return {signature, summary, example, types, sample, value, partials, more};
  }
};

template <class F, class... P>
constexpr Formula<sizeof...(P), F, P...> elementwise(const char* signature, const char* summary, Example example,
                                                     Types types, Interval sample, F value, P... partials) {
  return {signature, summary, example, types, sample, value, {partials...}};
}
/// A row whose derivative is 0 everywhere.
template <int Arity, class F>
constexpr Formula<Arity, F> constant(const char* signature, const char* summary, Example example, Types types,
                                     Interval sample, F value) {
  return {signature, summary, example, types, sample, value, {}};
}

namespace formula_constants {
inline constexpr double kLn2 = 0.693147180559945309417232121458;
inline constexpr double kLn10 = 2.302585092994045684017991454684;
inline constexpr double kTwoOverSqrtPi = 1.128379167095512573896158903122;
// binary_cross_entropy cuts logarithms off at -100, and the slopes of log(p) at 1 / kSmallProbability.
inline constexpr double kLeastLog = -100.0;
inline constexpr double kLeastLogged = 3.7200759760208361e-44;  // e^-100
inline constexpr double kSmallProbability = 0x1p-126;
// Klambauer et al. 2017, "Self-Normalizing Neural Networks": alpha and lambda.
inline constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
inline constexpr double kSeluScale = 1.0507009873554804934193349852946;
}  // namespace formula_constants

inline constexpr auto kFormulas = [] {
  using namespace formula_constants;
  constexpr Interval kReal{-3, 3}, kPositive{0.2, 4};
  return std::make_tuple(
      // ---- arithmetic ----
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
          .with({.aliases = {"divide"}}),
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
      // x**0 is 1 everywhere, so its derivative is 0 also at 0; likewise 0**b for b >= 0 and inf**b for b < 0 with respect
      // to b. The inner selects keep infinite factors out of the higher derivatives.
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
      // ---- rounding ----
      constant<1>("floor(input)", "Largest integer value not above.", {"floor(Tensor([1.7, -1.2]))", "[ 1. -2.]"},
                  Types::Number, kReal, [](auto a) { return floor(a); }),
      constant<1>("ceil(input)", "Smallest integer value not below.", {"ceil(Tensor([1.7, -1.2]))", "[ 2. -1.]"},
                  Types::Number, kReal, [](auto a) { return ceil(a); }),
      constant<1>("round(input)", "Nearest integer value, halves to even.",
                  {"round(Tensor([0.5, 1.5, -1.2]))", "[ 0.  2. -1.]"}, Types::Number, kReal,
                  [](auto a) { return round(a); }),
      constant<1>("trunc(input)", "Integer part, toward zero.", {"trunc(Tensor([1.7, -1.2]))", "[ 1. -1.]"},
                  Types::Number, kReal, [](auto a) { return trunc(a); }),
      // ---- exponentials, roots, trigonometry ----
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
          "erf(input)", "Error function.", {"erf(Tensor([0.0, 1.0]))", "[0.        0.8427008]"}, Types::Float, kReal,
          [](auto a) { return erf(a); }, d<A>([](auto a) { return kTwoOverSqrtPi * gauss(a); })),
      elementwise(
          "erfc(input)", "Complementary error function, 1 - erf(input).", {"erfc(Tensor([0.0]))", "[1.]"}, Types::Float,
          kReal, [](auto a) { return erfc(a); }, d<A>([](auto a) { return -kTwoOverSqrtPi * gauss(a); })),
      // ---- activations ----
      elementwise(
          "sigmoid(input)", "Logistic function, 1 / (1 + exp(-input)).",
          {"sigmoid(Tensor([0.0, 1.0]))", "[0.5       0.7310586]"}, Types::Float, kReal,
          [](auto a) { return sigmoid(a); }, d<A>([](auto a) { return sigmoid_slope(a); })),
      elementwise(
          "logsigmoid(input)", "Logarithm of the sigmoid, -log(1 + exp(-input)).",
          {"logsigmoid(Tensor([0.0, -200.0]))", "[  -0.6931472 -200.       ]"}, Types::Float, kReal,
          [](auto a) { return logsigmoid(a); }, d<A>([](auto a) { return sigmoid(-a); })),
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
          d<A>([](auto a) { return silu_slope(a); })),
      elementwise(
          "mish(input)", "input * tanh(log(1 + exp(input))) (Misra, 2019).", {"mish(Tensor([0.0, 30.0]))", "[ 0. 30.]"},
          Types::Float, kReal, [](auto a) { return mish(a); }, d<A>([](auto a) { return mish_slope(a); })),
      // Subgradient at -3 and 3: 0.
      elementwise(
          "hardsigmoid(input)", "min(max(input + 3, 0), 6) / 6.",
          {"hardsigmoid(Tensor([-4.0, 0.0, 1.5]))", "[0.   0.5  0.75]"}, Types::Float, {-6, 6},
          [](auto a) { return select(a < -3.0, 0.0, min(a + 3.0, 6.0) / 6.0); },
          d<A>([](auto a) { return gate((a > -3.0) & (a < 3.0), 1.0 / 6.0); })),
      // Subgradient at -3: 0, at 3: 1.
      elementwise(
          "hardswish(input)", "input * min(max(input + 3, 0), 6) / 6.",
          {"hardswish(Tensor([-4.0, 1.5]))", "[0.    1.125]"}, Types::Float, {-6, 6},
          [](auto a) { return select(a <= -3.0, 0.0, a * (min(a + 3.0, 6.0) / 6.0)); },
          d<A>([](auto a) { return select(a <= -3.0, 0.0, select(a >= 3.0, 1.0, (2.0 * a + 3.0) / 6.0)); })),
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
      // ---- losses ----
      // Logarithms are cut off at -100, as PyTorch has it. Slopes are the true ones as far as p tells them: down to
      // kSmallProbability, and up to 1 - gap, beyond which numbers round to 1. So at 0 and 1 they are finite, and the loss of
      // a sigmoid has the derivative p - y far into its tails.
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
      // ---- comparison ----
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
      // ---- logic and bits ----
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
                  [](auto a, auto b) { return bit_xor(a, b); }));
}();

inline constexpr int kFormulaCount = std::tuple_size_v<decltype(kFormulas)>;

/// The row called `name`. At compile time an unknown name is an error; at run time the result is -1.
constexpr int formula_index(std::string_view name) {
  int found = -1, i = 0;
  std::apply([&](const auto&... row) { ((row.name() == name ? found = i : 0, ++i), ...); }, kFormulas);
  return found;
}

}  // namespace adcore
