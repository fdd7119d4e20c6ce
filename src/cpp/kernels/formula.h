// The parts of a row: an elementwise op's value and partial derivatives, generic over the scalar type.
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
//             or gate(mask, slope): the cotangent times a constant, 1 by default, where the mask holds, and 0
//             elsewhere, even if the cotangent is inf or NaN.
//             A row without partials is piecewise constant: its derivative is 0 and it is never recorded.
//             A slope whose own slope its text would not give accurately is a row itself: _silu_slope.
// facts       what else is true of the row; most rows have none. See Facts.
// Subgradients at kinks: see each row; ties of maximum and minimum share the cotangent.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <tuple>
#include <utility>

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

// ---- many rows ----------------------------------------------------------------------------------------------------

// A flat list: of a std::tuple with so many elements, every file that includes the table would pay the recursion.
template <int Index, class Row>
struct RowAt {
  Row row;
};
template <class Indices, class... Row>
struct RowList;
template <int... Index, class... Row>
struct RowList<std::integer_sequence<int, Index...>, Row...> : RowAt<Index, Row>... {
  static constexpr int kCount = sizeof...(Row);

  constexpr explicit RowList(const Row&... row) : RowAt<Index, Row>{row}... {}
  /// f of all rows, in their order.
  template <class F>
  constexpr decltype(auto) apply(F&& f) const {
    return f(static_cast<const RowAt<Index, Row>&>(*this).row...);
  }
};
template <int Index, class Row>
constexpr const Row& row_at(const RowAt<Index, Row>& at) {
  return at.row;
}

template <class... Row>
constexpr auto rows_of(const Row&... row) {
  return RowList<std::make_integer_sequence<int, static_cast<int>(sizeof...(Row))>, Row...>(row...);
}
template <class First, class... Rest>
constexpr auto join(const First& first, const Rest&... rest) {
  if constexpr (sizeof...(Rest) == 0) {
    return first;
  } else {
    return join(rest...).apply([&](const auto&... later) {
      return first.apply([&](const auto&... row) { return rows_of(row..., later...); });
    });
  }
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
inline constexpr double kPiSquared = 9.869604401089358618834490999876;
inline constexpr Interval kReal{-3, 3}, kPositive{0.2, 4};
}  // namespace formula_constants

}  // namespace adcore
