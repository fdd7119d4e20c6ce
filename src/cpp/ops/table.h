// What the outside sees of an op: one declaration of a function, told once beside its mathematics.
//
//   def("sum(input, dim=None, keepdim=False)", "Sum over some axes, or all.", {"sum(Tensor([1.0, 2.0]))", "3.0"},
//       [](const Tensor& x, const std::optional<Dims>& axes, bool keep) { return ...; }, {.aliases = {"total"}})
//
// From it come the function of adcore.ops, the conversions of its arguments, the Tensor method, the text signature, the
// docstring, the type stub, and the samples that the tests walk. Rows of formulas.h make their own; the others stand at
// the end of the files of this folder.
//
// signature  Python's: names and defaults. A default of None stands for an argument that is absent. *name takes an int,
//            a sequence of ints, or the remaining positional arguments
// summary    the first line of the docstring
// function   the C++ types of its parameters say what the arguments are converted to (KindOf); std::optional says that
//            one may be absent, as may a Tensor, which is undefined then. It returns a Tensor, a std::array of several,
//            or a std::vector of any number, which Python gets as a tuple
// What does not fit the signature does not compile. Start reading at def().
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "kernels/formulas.h"

namespace adcore {

// ---- parameters ---------------------------------------------------------------------------------------------------

/// A number or a tensor: the argument of a parameter that takes either. Of numbers it keeps whether they are bool,
/// whole or real, and whole ones exactly.
class Number {
 public:
  explicit Number(bool value) : Number(value ? 1.0 : 0.0, value, Type::Bool) {}
  explicit Number(int64_t value) : Number(static_cast<double>(value), value, Type::Whole) {}
  explicit Number(double value) : Number(value, 0, Type::Real) {}
  explicit Number(Tensor value) : tensor_(std::move(value)) {}
  /// An integer beyond 64 bits, of which the nearest double is kept.
  static Number beyond_64_bits(double nearest) { return Number(nearest, 0, Type::Huge); }

  bool is_tensor() const { return tensor_.defined(); }
  bool is_bool() const { return type_ == Type::Bool; }
  /// True for integers and bool, and for tensors of integers.
  bool is_integer() const;
  const Tensor& tensor() const { return tensor_; }
  /// The value of a number or of a tensor of one element.
  int64_t integer() const;
  double real() const;

 private:
  enum class Type : uint8_t { Bool, Whole, Huge, Real };
  Number(double real, int64_t integer, Type type) : real_(real), integer_(integer), type_(type) {}

  Tensor tensor_;
  double real_ = 0;
  int64_t integer_ = 0;
  Type type_ = Type::Real;
};

/// The value in another shape and a dtype that a tensor beside it has. A TypeError of `op` where it would lose a
/// fraction, an OverflowError where it does not fit.
Tensor filled_beside(const char* op, const Number& value, const Dims& shape, DType dtype);

/// What a parameter takes.
enum class Kind : uint8_t { Tensor, Tensors, Number, Int, Float, Bool, Str, Word, Dims, Ints, DType };

/// The kind that a C++ type stands for, and whether an argument of it may be absent.
template <class T>
struct KindOf;  // undefined: no parameter has this type
template <Kind K, bool Optional = false>
struct IsKind {
  static constexpr Kind kKind = K;
  static constexpr bool kOptional = Optional;
};
template <>
struct KindOf<Tensor> : IsKind<Kind::Tensor> {};  // undefined where absent
template <>
struct KindOf<std::vector<Tensor>> : IsKind<Kind::Tensors> {};
template <>
struct KindOf<Number> : IsKind<Kind::Number> {};
template <>
struct KindOf<int64_t> : IsKind<Kind::Int> {};
template <>
struct KindOf<double> : IsKind<Kind::Float> {};
template <>
struct KindOf<bool> : IsKind<Kind::Bool> {};
template <>
struct KindOf<std::string_view> : IsKind<Kind::Str> {};
template <>
struct KindOf<Dims> : IsKind<Kind::Dims> {};
template <>
struct KindOf<std::vector<int64_t>> : IsKind<Kind::Ints> {};
template <>
struct KindOf<DType> : IsKind<Kind::DType> {};
template <class T>
struct KindOf<std::optional<T>> : IsKind<KindOf<T>::kKind, true> {};

/// How Python names the values 0, 1, ... of an enum, so that a parameter of that type takes a str which is one of them:
/// kName, for stubs, and kWords.
template <class E>
struct WordsOf;
template <class E>
  requires requires { WordsOf<E>::kWords; }
struct KindOf<E> : IsKind<Kind::Word> {};

inline constexpr int kMaxParameters = 8;

struct Parameter {
  std::string_view name;
  std::string_view fallback;  // the text of the default; empty where there is none
  Kind kind = Kind::Number;
  std::string_view words_name;              // of Kind::Word
  std::span<const std::string_view> words;  // of Kind::Word
  bool optional = false;                    // its default is None
  bool keyword_only = false;
  bool rest = false;  // takes the remaining positional arguments: never missing

  constexpr bool required() const { return fallback.empty() && !rest; }
};

struct Signature {
  std::string_view name;
  Parameter parameters[kMaxParameters];
  int count = 0;

  constexpr std::span<const Parameter> all() const { return {parameters, static_cast<size_t>(count)}; }
};

/// Names and defaults; the kinds are those of numbers.
constexpr Signature parse_signature(std::string_view text) {
  const auto trimmed = [](std::string_view s) {
    while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
    while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
    return s;
  };
  const size_t open = text.find('(');
  if (open == text.npos || text.back() != ')') throw "a signature is name(parameters)";
  Signature s;
  s.name = text.substr(0, open);
  std::string_view left = text.substr(open + 1, text.size() - open - 2);
  bool keyword_only = false;
  while (!left.empty()) {
    const size_t comma = left.find(',');
    std::string_view item = trimmed(left.substr(0, comma));
    left = comma == left.npos ? std::string_view() : left.substr(comma + 1);
    if (item == "*") {
      keyword_only = true;
      continue;
    }
    if (s.count == kMaxParameters) throw "more parameters than kMaxParameters";
    Parameter& p = s.parameters[s.count++];
    p.keyword_only = keyword_only;
    if (item.starts_with('*')) {
      item.remove_prefix(1);
      p.rest = keyword_only = true;
    }
    const size_t equals = item.find('=');
    p.name = trimmed(item.substr(0, equals));
    if (equals != item.npos) p.fallback = trimmed(item.substr(equals + 1));
    if (p.name.empty() || (equals != item.npos && p.fallback.empty())) throw "a parameter is name or name=default";
    if (p.required() && !keyword_only && s.count > 1 && !s.parameters[s.count - 2].required())
      throw "a parameter without default stands behind one that has one";
  }
  return s;
}

/// What stands between the quotes of a str; null where it is none.
constexpr std::optional<std::string_view> quoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '\'' || text.back() != '\'') return {};
  return text.substr(1, text.size() - 2);
}

/// The number of a word; -1: it is none of them.
constexpr int64_t find_word(std::span<const std::string_view> words, std::string_view word) {
  for (size_t i = 0; i < words.size(); ++i)
    if (words[i] == word) return static_cast<int64_t>(i);
  return -1;
}

/// Whether Python's text of a default makes an argument of a parameter.
constexpr bool is_default_of(const Parameter& p, std::string_view text) {
  const auto only = [text](std::string_view letters) { return text.find_first_not_of(letters) == text.npos; };
  switch (p.kind) {
    case Kind::Bool: return text == "True" || text == "False";
    case Kind::Int: return only("-0123456789");
    case Kind::Float:
    case Kind::Number: return only("-.e0123456789");
    case Kind::Str: return quoted(text).has_value();
    case Kind::Word: return quoted(text) && find_word(p.words, *quoted(text)) >= 0;
    default: return false;
  }
}

/// Sets what a parameter takes; does not compile where its default is something else.
constexpr void set_kind(Parameter& p, Kind kind, bool optional) {
  const bool none = p.fallback == "None";
  p.kind = kind;
  p.optional = optional || (kind == Kind::Tensor && none);
  if (p.rest) {
    if (kind != Kind::Dims || !p.fallback.empty()) throw "*name takes Dims or std::optional<Dims>, and no default";
  } else {
    if (p.optional != none) throw "std::optional and a default of None belong together";
    if (!none && !p.fallback.empty() && !is_default_of(p, p.fallback)) throw "a default of another kind";
  }
}

/// MindSpore spells one thing differently from op to op: a keyword may be any word of its parameter's family.
bool are_synonyms(std::string_view a, std::string_view b);

// ---- functions ----------------------------------------------------------------------------------------------------

/// What a declaration says beside the mathematics.
struct Options {
  bool method = true;  // also a method of Tensor, unless its name starts with an underscore
  Words aliases = {};  // further names
  Words samples = {};  // Python expressions that call it by its bare name: see tests/python/samples.py
};

struct Function {
  Signature signature;
  const char* summary;
  Example example;
  /// Runs it: arguments[i] points to a value of the type of parameter i, or to the int64_t that a word stands for. The
  /// result is constructed at `out`: `outputs` Tensors, or a std::vector of them where outputs is 0. Null for a row.
  void (*call)(const void* const* arguments, void* out);
  int outputs;
  Options options;
  int row = -1;  // in formulas.h

  std::string_view name() const { return signature.name; }
};
inline constexpr int kMaxOutputs = 4;

namespace detail {

template <class R>
inline constexpr int kOutputs = -1;
template <>
inline constexpr int kOutputs<Tensor> = 1;
template <>
inline constexpr int kOutputs<std::vector<Tensor>> = 0;
template <size_t N>
inline constexpr int kOutputs<std::array<Tensor, N>> = N;

template <class T>
constexpr void set_type(Parameter& p) {
  if constexpr (KindOf<T>::kKind == Kind::Word) {
    p.words_name = WordsOf<T>::kName;
    p.words = WordsOf<T>::kWords;
  }
  set_kind(p, KindOf<T>::kKind, KindOf<T>::kOptional);
}

/// The value behind an argument: of a word, its number is there.
template <class T>
decltype(auto) argument(const void* value) {
  if constexpr (KindOf<T>::kKind == Kind::Word) {
    return static_cast<T>(*static_cast<const int64_t*>(value));
  } else {
    return *static_cast<const T*>(value);
  }
}

/// A function without state, by the types of its call.
template <class F, class Call = decltype(&F::operator())>
struct Typed;
template <class F, class R, class... P>
struct Typed<F, R (F::*)(P...) const> {
  static_assert(std::is_empty_v<F>, "a function of a declaration captures nothing");
  static_assert(kOutputs<R> >= 0 && kOutputs<R> <= kMaxOutputs, "it returns a Tensor, an array or a vector of them");
  static constexpr int kOutputs = detail::kOutputs<R>;

  static constexpr void set_kinds(Signature& s) {
    if (s.count != sizeof...(P)) throw "the signature and the function differ in the number of parameters";
    int i = 0;
    (set_type<std::remove_cvref_t<P>>(s.parameters[i++]), ...);
  }
  static void call(const void* const* arguments, void* out) {
    [&]<size_t... I>(std::index_sequence<I...>) {
      new (out) R(F()(argument<std::remove_cvref_t<P>>(arguments[I])...));
    }(std::index_sequence_for<P...>());
  }
};

}  // namespace detail

template <class F>
consteval Function def(const char* signature, const char* summary, Example example, F, Options options = {}) {
  using Typed = detail::Typed<F>;
  Signature s = parse_signature(signature);
  Typed::set_kinds(s);
  return {s, summary, example, Typed::call, Typed::kOutputs, options};
}

// ---- rows of formulas.h, by number --------------------------------------------------------------------------------

Types types_of(int row) noexcept;
const Facts& facts_of(int row) noexcept;
/// Facts::last: read on the way of every elementwise op.
inline constexpr auto kLastInteger =
    kFormulas.apply([](const auto&... rows) { return std::array{rows.facts.last...}; });

// ---- the table ----------------------------------------------------------------------------------------------------

/// The functions of one table or file, under the title of their page of reference.
struct Family {
  const char* title;
  std::span<const Function> functions;
};
/// What Python gets from functions that may return their argument: a recorded value is one of its own, for hooks.
Tensor apart(const Tensor& y, const Tensor& x);

/// All functions: the rows of formulas.h, in their order, then those of the files of this folder.
std::span<const Family> families();

extern const std::span<const Function> kShapeFunctions, kMoveFunctions, kArrangeFunctions, kReduceFunctions,
    kScanFunctions, kSoftmaxFunctions, kLossFunctions, kMatmulFunctions, kLinalgFunctions, kSpectralFunctions,
    kConvFunctions, kPoolFunctions, kNormFunctions, kRecurrentFunctions, kIndexFunctions, kSortFunctions,
    kRandomFunctions, kCreateFunctions;

}  // namespace adcore
