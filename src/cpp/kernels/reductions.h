// Every reduction and every scan, once: what it makes of the elements along some axes, and its derivative.
//
// A row is the whole op. From it come the kernels of every instruction set and compute type, the reverse and forward
// rules at every order, the batch rule, the function of adcore.ops with its signature and docstring, the Tensor method,
// and the laws that the tests check. Start reading at kReductions.
//
//   reduction(signature, summary, {example, its output}, result, first, total, finish, pull).with({facts})
//
// signature  Python's: the operand, then axes, keepdims and dtype by any of their names, and at most one number, `p`.
//            No axes and an empty tuple of them both mean all, as MindSpore has it; the op itself is told every axis
// result     which dtype comes out
// first      a fold that the others read, or none; shift(fold): what the result does not depend on but for rounding
// total      fold(combine, term): the terms of all elements, combined. A term is a function of the element and r
// finish     the result, a function of r: finish<its needs>(...), or total_itself
// pull       the cotangent of an element from g, that of the result, linear in g: pull<its needs>(function of (g, a,
//            r)), or passes (g itself), or by_expansion (ops/reduce.cpp has it written with other ops)
// r          Reduced: first, total and value of the elements' own group; their number n; the number p
// facts      further names, samples, what else is true of the row
//
// Everything is generic over the scalar type: SIMD packs (simd.h) and Sym (ops/sym.h). Half precision computes in
// float32: the value rounds once, and so does a cotangent.
#pragma once

#include <limits>

#include "kernels/formula.h"

namespace adcore {

// ---- how terms combine: for packs; an identity that changes no bit ------------------------------------------------

struct Sum {
  template <class T>
  static constexpr T kIdentity = static_cast<T>(-0.0);
  static constexpr bool kOfNothing = true;  // a value over zero elements
  template <class V>
  [[gnu::always_inline]] V operator()(V a, V b) const {
    return a + b;
  }
};
struct Product {
  template <class T>
  static constexpr T kIdentity = 1;
  static constexpr bool kOfNothing = true;
  template <class V>
  [[gnu::always_inline]] V operator()(V a, V b) const {
    return a * b;
  }
};
struct Max {
  template <class T>
  static constexpr T kIdentity =
      std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
  static constexpr bool kOfNothing = false;
  template <class V>
  [[gnu::always_inline]] V operator()(V a, V b) const {
    return max(a, b);
  }
};
struct Min {
  template <class T>
  static constexpr T kIdentity =
      std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
  static constexpr bool kOfNothing = false;
  template <class V>
  [[gnu::always_inline]] V operator()(V a, V b) const {
    return min(a, b);
  }
};
/// Of terms that are 0 or 1.
struct Or : Max {
  template <class T>
  static constexpr T kIdentity = 0;
  static constexpr bool kOfNothing = true;
};
struct And : Min {
  template <class T>
  static constexpr T kIdentity = 1;
  static constexpr bool kOfNothing = true;
};

// ---- the parts of a row -------------------------------------------------------------------------------------------

/// What is known of a group of elements.
template <class V>
struct Reduced {
  V first, total, value;
  V n;  // the number of elements
  V p;  // the number of the signature
};

/// The parts of Reduced that a finish or a pull needs, and the element: what is not needed is not computed.
enum Part : uint32_t { kElement = 1, kFirst = 2, kTotal = 4, kValue = 8 };

struct Itself {};  // the term is the element, the total its own result

template <class Combine_, class Term_ = Itself, class Finish_ = Itself, bool Shift = false>
struct Fold {
  using Combine = Combine_;
  using Term = Term_;
  using Finish = Finish_;  // of r, whose total is this fold's own
  static constexpr bool kShift = Shift;
};
struct None {};
constexpr None none{};

template <class Combine, class Term = Itself, class Finish = Itself>
constexpr Fold<Combine, Term, Finish> fold(Combine, Term = {}, Finish = {}) {
  return {};
}
template <class Combine, class Term, class Finish>
constexpr Fold<Combine, Term, Finish, true> shift(Fold<Combine, Term, Finish>) {
  return {};
}

template <uint32_t Needs, class F>
struct Using {
  static constexpr uint32_t kNeeds = Needs;
  F f;
};
template <uint32_t Needs, class F>
constexpr Using<Needs, F> finish(F f) {
  return {f};
}
template <uint32_t Needs, class F>
constexpr Using<Needs, F> pull(F f) {
  return {f};
}
constexpr Using<kTotal, Itself> total_itself{};

struct Passes {};       // the cotangent of every element is g
struct ByExpansion {};  // the rules come from the op written with others
struct NoPull {};       // the derivative is 0 everywhere
constexpr Passes passes{};
constexpr ByExpansion by_expansion{};
constexpr NoPull constant_in_pieces{};

/// Which dtype comes out.
enum class Result : uint8_t {
  Same,   // the operand's
  Wide,   // the operand's; bool and integers become int64, uint64 stays
  Float,  // the operand's; bool and integers become float32 first
  Truth,  // bool
};

struct ReductionFacts {
  bool method = true;  // also a method of Tensor
  Words aliases = {};  // further names of the function
  Words samples = {};  // see Options in ops/table.h
};

template <class First, class Total, class Finish, class Pull>
struct ReductionRow {
  using FirstFold = First;
  using TotalFold = Total;
  using PullPart = Pull;
  static constexpr uint32_t kFinishNeeds = Finish::kNeeds;
  static constexpr bool kHasFirst = !std::is_same_v<First, None>;
  const char* signature;
  const char* summary;
  Example example;
  Result result;
  Finish finish;
  Pull pull;
  ReductionFacts facts = {};

  constexpr std::string_view name() const {
    const std::string_view s = signature;
    return s.substr(0, s.find('('));
  }
  constexpr ReductionRow with(ReductionFacts more) const {
    return {signature, summary, example, result, finish, pull, more};
  }
};
template <class First, class Total, class Finish, class Pull>
constexpr ReductionRow<First, Total, Finish, Pull> reduction(const char* signature, const char* summary,
                                                             Example example, Result result, First, Total,
                                                             Finish finish, Pull pull) {
  return {signature, summary, example, result, finish, pull};
}

// ---- the reductions -----------------------------------------------------------------------------------------------

namespace reduction_parts {
inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr auto is_true = [](auto a, auto) { return select(a != 0.0, 1.0, 0.0); };
inline constexpr auto mean = fold(Sum{}, Itself{}, [](auto r) { return r.total / r.n; });
inline constexpr auto squared_deviations = fold(Sum{}, [](auto a, auto r) {
  const auto deviation = a - r.first;
  return deviation * deviation;
});
inline constexpr auto freedom = [](auto r) { return select(r.n > r.p, r.n - r.p, kNaN); };
// The subgradient 0 where all is 0, and so the value. A kink has no second derivative: that of this text is NaN, in
// every mode. An element that is 0 among others has one, which must not see that NaN.
inline constexpr auto kinked = [](auto g, auto zero, auto value) {
  return g * sqrt(abs(select(value == 0.0, zero, 1.0)));
};
// Elements that attain an extremum share its derivative equally.
inline constexpr auto extremum = finish<kFirst>([](auto r) { return r.first; });
inline constexpr auto ties = fold(Sum{}, [](auto a, auto r) { return select(a == r.first, 1.0, 0.0); });
inline constexpr auto share = pull<kElement | kFirst | kTotal>(
    [](auto g, auto a, auto r) { return select(a == r.first, 1.0, 0.0) / r.total * g; });
}  // namespace reduction_parts

inline constexpr auto kReductions = [] {
  using namespace reduction_parts;
  return std::make_tuple(
      reduction("sum(input, dim=None, keepdim=False, *, dtype=None)",
                "Sum over some axes, or all; bool and integers as int64, uint64 as itself, any as `dtype`. Of nothing "
                "it is 0.",
                {"sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), 1)", "[3. 7.]"}, Result::Wide, none, fold(Sum{}), total_itself,
                passes)
          .with({.samples = {"sum(x(3, 4))", "sum(x(3, 4) ** 2, 1)", "sum(x(2, 3, 4) ** 2, (0, -1), keepdims=True)"}}),
      reduction("mean(x, axis=None, keep_dims=False, *, dtype=None)",
                "Mean over some axes, or all. Integers average as float32, any as `dtype`.",
                {"mean(Tensor([[1.0, 2.0], [3.0, 4.0]]), 1)", "[1.5 3.5]"}, Result::Float, none, fold(Sum{}),
                finish<kTotal>([](auto r) { return r.total / r.n; }),
                pull<0>([](auto g, auto, auto r) { return g / r.n; }))
          .with({.samples = {"mean(x(3, 4) ** 2)", "mean(x(3, 4) ** 2, -1, keepdims=True)"}}),
      reduction("nansum(input, axis=None, keepdims=False, *, dtype=None)",
                "Sum of the elements that are numbers, over some axes or all; otherwise as `sum`.",
                {"nansum(Tensor([1.0, float('nan'), 2.0]))", "3.0"}, Result::Wide, none,
                fold(Sum{}, [](auto a, auto) { return select(a == a, a, 0.0); }), total_itself,
                pull<kElement>([](auto g, auto a, auto) { return select(a == a, g, 0.0); }))
          .with({.samples = {"nansum(x(3, 4) ** 2, 1)", "nansum(x(3, 4) ** 2, (0, 1), keepdims=True)"}}),
      reduction("nanmean(input, axis=None, keepdims=False, *, dtype=None)",
                "Mean of the elements that are numbers, over some axes or all; NaN where there is none.",
                {"nanmean(Tensor([1.0, float('nan'), 2.0]))", "1.5"}, Result::Float,
                fold(Sum{}, [](auto a, auto) { return select(a == a, 1.0, 0.0); }),
                fold(Sum{}, [](auto a, auto) { return select(a == a, a, 0.0); }),
                finish<kFirst | kTotal>([](auto r) { return r.total / r.first; }),
                pull<kElement | kFirst>([](auto g, auto a, auto r) { return select(a == a, g / r.first, 0.0); }))
          .with({.samples = {"nanmean(x(3, 4) ** 2, 1)", "nanmean(x(3, 4) ** 2)"}}),
      reduction(
          "prod(input, axis=None, keep_dims=False, dtype=None)",
          "Product over some axes, or all; bool and integers as int64, uint64 as itself, any as `dtype`. Of nothing 1.",
          {"prod(Tensor([1.0, 2.0, 3.0]))", "6.0"}, Result::Wide, none, fold(Product{}), total_itself, by_expansion)
          .with({.samples = {"prod(x(3, 4, low=0.3))", "prod(x(3, 4), 0, keepdims=True)",
                             // one zero, and two
                             "prod(concat((x(2), x(1, low=0.0, high=0.0))))",
                             "prod(concat((x(2), x(2, low=0.0, high=0.0))))"}}),
      reduction("amax(input, axis=None, keepdims=False)",
                "Largest element over some axes, or all; NaN if there is one. Equal maxima share the derivative.",
                {"amax(Tensor([[1.0, 2.0], [3.0, 4.0]]), 1)", "[2. 4.]"}, Result::Same, fold(Max{}), ties, extremum,
                share)
          .with({.samples = {"amax(x(3, 4) ** 3, (0, 1))", "amax(x(3, 4) ** 3, 1)"}}),
      reduction("amin(input, axis=None, keepdims=False)",
                "Smallest element over some axes, or all; NaN if there is one. Equal minima share the derivative.",
                {"amin(Tensor([[1.0, 2.0], [3.0, 4.0]]), 1)", "[1. 3.]"}, Result::Same, fold(Min{}), ties, extremum,
                share)
          .with({.samples = {"amin(x(3, 4) ** 3, 0, keepdims=True)"}}),
      reduction("any(input, axis=None, keep_dims=False)", "True where any element is nonzero.",
                {"any(Tensor([False, True]))", "True"}, Result::Truth, none, fold(Or{}, is_true), total_itself,
                constant_in_pieces)
          .with({.samples = {"any(b(3, 4))", "any(b(3, 4), 1)"}}),
      reduction("all(input, axis=None, keep_dims=False)", "True where all elements are nonzero.",
                {"all(Tensor([False, True]))", "False"}, Result::Truth, none, fold(And{}, is_true), total_itself,
                constant_in_pieces)
          .with({.samples = {"all(b(3, 4))", "all(b(3, 4), 1)"}}),
      // Where all elements are -inf the exponentials are all 0: the subgradient is 0.
      reduction("logsumexp(input, dim=None, keepdim=False)",
                "Logarithm of the sum of exponentials over some axes, or all, without overflow. Integers are taken as "
                "float32.",
                {"logsumexp(Tensor([0.0, 0.0]), 0)", "0.6931472"}, Result::Float,
                shift(fold(Max{}, Itself{}, [](auto r) { return select(abs(r.total) < kInf, r.total, 0.0); })),
                fold(Sum{}, [](auto a, auto r) { return exp(a - r.first); }),
                finish<kFirst | kTotal>([](auto r) { return r.first + log(r.total); }),
                pull<kElement | kFirst | kTotal>([](auto g, auto a, auto r) {
                  return g * (exp(a - r.first) / select(r.total == 0.0, 1.0, r.total));
                }))
          .with({.samples = {"logsumexp(x(3, 4), 0)", "logsumexp(x(2, 3, low=-300.0, high=300.0), 1)",
                             "logsumexp(x(2, 3, 2), (0, 2), keepdims=True)"}}),
      reduction(
          "var(input, axis=None, ddof=0, keepdims=False)",
          "Variance over some axes, or all; the divisor is the number of elements less `ddof`. Integers are taken "
          "as float32.",
          {"var(Tensor([1.0, 3.0]))", "1.0"}, Result::Float, mean, squared_deviations,
          finish<kFirst | kTotal>([](auto r) { return r.total / freedom(r); }),
          pull<kElement | kFirst>([](auto g, auto a, auto r) { return g * (2.0 * (a - r.first) / freedom(r)); }))
          .with({.samples = {"var(x(3, 4))", "var(x(3, 4), 1, ddof=1, keepdims=True)"}}),
      // Where all elements are equal the subgradient is 0, as in the norms.
      reduction("std(input, axis=None, ddof=0, keepdims=False)",
                "Standard deviation over some axes, or all: the square root of `var`.",
                {"std(Tensor([1.0, 3.0]))", "1.0"}, Result::Float, mean, squared_deviations,
                finish<kFirst | kTotal>([](auto r) { return sqrt(r.total / freedom(r)); }),
                pull<kElement | kFirst | kValue>([](auto g, auto a, auto r) {
                  const auto deviation = a - r.first;
                  return select(r.value == 0.0, kinked(g, deviation, r.value), g * (deviation / r.value) / freedom(r));
                }))
          .with({.samples = {"std(x(3, 4))", "std(x(3, 4), 0, ddof=1)"}}),
      reduction("_norm2(input, axis=None, keepdims=False)", "Square root of the sum of squares.",
                {"_norm2(Tensor([3.0, 4.0]))", "5.0"}, Result::Float, none,
                fold(Sum{}, [](auto a, auto) { return a * a; }), finish<kTotal>([](auto r) { return sqrt(r.total); }),
                pull<kElement | kValue>([](auto g, auto a, auto r) {
                  return select(r.value == 0.0, kinked(g, a, r.value), g * (a / r.value));
                })),
      reduction("_norm(input, p, axis=None, keepdims=False)", "(sum |x|^p)^(1/p).",
                {"_norm(Tensor([3.0, 4.0]), 2.0)", "5.0"}, Result::Float, none,
                fold(Sum{}, [](auto a, auto r) { return pow(abs(a), r.p); }),
                finish<kTotal>([](auto r) { return pow(r.total, 1.0 / r.p); }),
                pull<kElement | kValue>([](auto g, auto a, auto r) {
                  const auto slope = sign(a) * pow(abs(a) / r.value, r.p - 1.0);
                  return select(r.value == 0.0, kinked(g, a, r.value), g * slope);
                })));
}();

inline constexpr int kReductionCount = std::tuple_size_v<decltype(kReductions)>;

/// The row called `name`; -1: there is none.
constexpr int reduction_index(std::string_view name) {
  int found = -1, i = 0;
  std::apply([&](const auto&... row) { ((row.name() == name ? found = i : 0, ++i), ...); }, kReductions);
  return found;
}

// ---- scans --------------------------------------------------------------------------------------------------------
// scan(signature, summary, example, result, combine, pull).with({facts}): element i of the result combines elements
// 0 ... i. signature is name(operand, axis) or name(operand, axis, dtype=None); result is Same, where bool becomes int64,
// or Float. pull<needs>(function of (g, a, y, along)) gives the cotangent of the operand; needs are kElement and kValue, and
// along is what runs along the axis:
//   along.suffix_sum(g)            g of this place and of all later ones
//   along.suffix_recurrence(g, a)  z[i] = g[i] + a[i + 1] * z[i + 1]
//   along.before(y, first)         y[i - 1]; `first` at the first place

/// Terms are exponentials; the value is the logarithm of their sum.
struct LogSumExp {};

template <class Combine_, class Pull>
struct ScanRow {
  using Combine = Combine_;
  const char* signature;
  const char* summary;
  Example example;
  Result result;
  Pull pull;
  ReductionFacts facts = {};

  constexpr std::string_view name() const {
    const std::string_view s = signature;
    return s.substr(0, s.find('('));
  }
  constexpr ScanRow with(ReductionFacts more) const { return {signature, summary, example, result, pull, more}; }
};
template <class Combine, class Pull>
constexpr ScanRow<Combine, Pull> scan(const char* signature, const char* summary, Example example, Result result,
                                      Combine, Pull pull) {
  return {signature, summary, example, result, pull};
}

inline constexpr auto kScans = [] {
  using namespace reduction_parts;
  return std::make_tuple(
      scan("cumsum(x, axis, dtype=None)",
           "Running sum along an axis. Bool counts as int64. With `dtype` the elements are converted first.",
           {"cumsum(Tensor([1.0, 2.0, 3.0]), 0)", "[1. 3. 6.]"}, Result::Same, Sum{},
           pull<0>([](auto g, auto, auto, auto along) { return along.suffix_sum(g); }))
          .with({.samples = {"cumsum(x(3, 4) ** 2, 0)", "cumsum(x(2, 3, 2) ** 2, -1)"}}),
      // No division: zeros are like other elements.
      scan("cumprod(input, dim, dtype=None)",
           "Running product along an axis. Bool counts as int64. With `dtype` the elements are converted first.",
           {"cumprod(Tensor([1.0, 2.0, 3.0]), 0)", "[1. 2. 6.]"}, Result::Same, Product{},
           pull<kElement | kValue>(
               [](auto g, auto a, auto y, auto along) { return along.before(y, 1.0) * along.suffix_recurrence(g, a); }))
          .with({.samples = {"cumprod(x(3, 4), 1) ** 2", "cumprod(x(5), 0)",
                             "cumprod(concat((x(2), x(1, low=0.0, high=0.0), x(2))), 0)"}}),
      // exp(a - y[j]), of all later j, is exp(a - y) times what y decays by from place to place: nothing overflows. Where
      // y is -inf the subgradient is 0.
      scan("logcumsumexp(input, axis)",
           "Logarithm of the running sum of exponentials along an axis, without overflow. Integers are taken as "
           "float32.",
           {"logcumsumexp(Tensor([0.0, 0.0]), 0)", "[0.        0.6931472]"}, Result::Float, LogSumExp{},
           pull<kElement | kValue>([](auto g, auto a, auto y, auto along) {
             const auto earlier = along.before(y, -kInf);
             const auto decay = exp(select(abs(earlier) < kInf, earlier - y, -kInf));
             return exp(select(y == -kInf, -kInf, a - y)) * along.suffix_recurrence(g, decay);
           }))
          .with({.samples = {"logcumsumexp(x(3, 4), 1) ** 2", "logcumsumexp(x(5, low=-300.0, high=300.0), 0)"}}));
}();

inline constexpr int kScanCount = std::tuple_size_v<decltype(kScans)>;

constexpr int scan_index(std::string_view name) {
  int found = -1, i = 0;
  std::apply([&](const auto&... row) { ((row.name() == name ? found = i : 0, ++i), ...); }, kScans);
  return found;
}

}  // namespace adcore
