// The kernels of every row of formulas.h, on every instruction set and compute type.
//
// Laws: element i depends on element i alone (the bits of a run of one), whatever the length, the position in a pack, a
// spread scalar, or the array that the result overwrites; nothing beyond n is touched. One element is then checked
// against the row's text evaluated in long double.
#include <algorithm>
#include <array>
#include <bit>
#include <functional>

#include "kernel_cases.h"
#include "kernels/formulas.h"
#include "kernels/joined.h"

namespace adcore {
namespace {

using namespace testing;

// ---- the oracle: plain numbers in long double ---------------------------------------------------------------------

struct Ref {
  long double v;
  constexpr Ref(long double x) : v(x) {}  // NOLINT(google-explicit-constructor): the formulas mix in plain constants
};
struct RefMask {
  bool b;
};
Ref operator+(Ref a, Ref b) { return a.v + b.v; }
Ref operator-(Ref a, Ref b) { return a.v - b.v; }
Ref operator*(Ref a, Ref b) { return a.v * b.v; }
Ref operator/(Ref a, Ref b) { return a.v / b.v; }
Ref operator-(Ref a) { return -a.v; }
RefMask operator<(Ref a, Ref b) { return {a.v < b.v}; }
RefMask operator<=(Ref a, Ref b) { return {a.v <= b.v}; }
RefMask operator>(Ref a, Ref b) { return {a.v > b.v}; }
RefMask operator>=(Ref a, Ref b) { return {a.v >= b.v}; }
RefMask operator==(Ref a, Ref b) { return {a.v == b.v}; }
RefMask operator!=(Ref a, Ref b) { return {a.v != b.v}; }
RefMask operator&(RefMask a, RefMask b) { return {a.b && b.b}; }
RefMask operator|(RefMask a, RefMask b) { return {a.b || b.b}; }
Ref select(RefMask m, Ref a, Ref b) { return m.b ? a : b; }
Ref min(Ref a, Ref b) { return std::min(a.v, b.v); }
Ref max(Ref a, Ref b) { return std::max(a.v, b.v); }
Ref abs(Ref a) { return std::fabs(a.v); }
Ref sign(Ref a) { return static_cast<long double>((a.v > 0) - (a.v < 0)); }
Ref floor(Ref a) { return std::floor(a.v); }
Ref ceil(Ref a) { return std::ceil(a.v); }
Ref round(Ref a) { return std::nearbyint(a.v); }
Ref trunc(Ref a) { return std::trunc(a.v); }
Ref floor_div(Ref a, Ref b) { return std::floor(a.v / b.v); }
Ref mod(Ref a, Ref b) { return a.v - b.v * std::floor(a.v / b.v); }
Ref pow(Ref a, Ref b) { return std::pow(a.v, b.v); }
Ref exp(Ref a) { return std::exp(a.v); }
Ref expm1(Ref a) { return std::expm1(a.v); }
Ref log(Ref a) { return std::log(a.v); }
Ref log1p(Ref a) { return std::log1p(a.v); }
Ref sqrt(Ref a) { return std::sqrt(a.v); }
Ref sin(Ref a) { return std::sin(a.v); }
Ref cos(Ref a) { return std::cos(a.v); }
Ref tan(Ref a) { return std::tan(a.v); }
Ref tanh(Ref a) { return std::tanh(a.v); }
Ref erf(Ref a) { return std::erf(a.v); }
Ref erfc(Ref a) { return std::erfc(a.v); }
Ref sigmoid(Ref a) { return 1 / (1 + std::exp(-a.v)); }
Ref softplus(Ref a) { return std::log1p(std::exp(a.v)); }
Ref logsigmoid(Ref a) { return -softplus(-a); }
Ref tanhshrink(Ref a) { return a - tanh(a); }
Ref sigmoid_slope(Ref a) { return sigmoid(a) * sigmoid(-a); }
Ref tanh_slope(Ref a) { return 1 - tanh(a) * tanh(a); }
Ref gauss(Ref a) { return exp(-(a * a)); }
Ref silu(Ref a) { return a * sigmoid(a); }
Ref silu_slope(Ref a) { return sigmoid(a) + a * sigmoid_slope(a); }
Ref mish(Ref a) { return a * tanh(softplus(a)); }
Ref mish_slope(Ref a) { return tanh(softplus(a)) + a * sigmoid(a) * tanh_slope(softplus(a)); }
Ref gelu(Ref a) { return 0.5 * a * erfc(-a * std::sqrt(0.5L)); }
Ref gelu_slope(Ref a) {
  return 0.5 * erfc(-a * std::sqrt(0.5L)) + a * exp(-0.5 * a * a) / std::sqrt(2 * std::acos(-1.0L));
}
const Ref kGeluTanh = std::sqrt(8 / std::acos(-1.0L));
Ref gelu_tanh(Ref a) { return a * sigmoid(kGeluTanh * (a + 0.044715L * a * a * a)); }
Ref gelu_tanh_slope(Ref a) {
  const Ref u = kGeluTanh * (a + 0.044715L * a * a * a);
  return sigmoid(u) + a * sigmoid_slope(u) * kGeluTanh * (1 + 3 * 0.044715L * a * a);
}

Ref curvature(Ref (*slope)(Ref), Ref a) {  // by symmetric differences, right to the eighth order
  const long double h = 0x1p-7L, weights[] = {4 / 5.0L, -1 / 5.0L, 4 / 105.0L, -1 / 280.0L};
  Ref sum = 0;
  for (int k = 1; k <= 4; ++k) sum = sum + weights[k - 1] * (slope(a + k * h) - slope(a - k * h));
  return sum / h;
}
Ref silu_curvature(Ref a) { return curvature(silu_slope, a); }
Ref mish_curvature(Ref a) { return curvature(mish_slope, a); }
Ref gelu_curvature(Ref a) { return curvature(gelu_slope, a); }
Ref gelu_tanh_curvature(Ref a) { return curvature(gelu_tanh_slope, a); }
Ref copysign(Ref a, Ref b) { return std::copysign(a.v, b.v); }
RefMask sign_bit(Ref a) { return {std::signbit(a.v)}; }
Ref truncated_mod(Ref a, Ref b) { return std::fmod(a.v, b.v); }
Ref next_after(Ref a, Ref) { return a; }  // nearer than any bound here
Ref exp2(Ref a) { return std::exp2(a.v); }
Ref log2(Ref a) { return std::log2(a.v); }
Ref log10(Ref a) { return std::log10(a.v); }
Ref sinh(Ref a) { return std::sinh(a.v); }
Ref cosh(Ref a) { return std::cosh(a.v); }
Ref asin(Ref a) { return std::asin(a.v); }
Ref acos(Ref a) { return std::acos(a.v); }
Ref atan(Ref a) { return std::atan(a.v); }
Ref atan2(Ref a, Ref b) { return std::atan2(a.v, b.v); }
Ref asinh(Ref a) { return std::asinh(a.v); }
Ref acosh(Ref a) { return std::acosh(a.v); }
Ref atanh(Ref a) { return std::atanh(a.v); }
Ref hypot(Ref a, Ref b) { return std::hypot(a.v, b.v); }
Ref hypot_slope(Ref a, Ref b) { return a / hypot(a, b); }
Ref asin_slope(Ref a) { return 1 / std::sqrt(1 - a.v * a.v); }
Ref atanh_slope(Ref a) { return 1 / (1 - a.v * a.v); }
const long double kPi = std::acos(-1.0L);
Ref sinc(Ref a) { return std::sin(kPi * a.v) / (kPi * a.v); }
Ref sinc_slope(Ref a) {  // the difference of two numbers near 1 loses digits near 0
  if (std::fabs(a.v) > 0.1L) return (std::cos(kPi * a.v) - sinc(a).v) / a.v;
  const long double square = kPi * kPi * a.v * a.v;
  long double sum = 0, term = -square / (6 * a.v);  // of the series: -(pi a)^2 / 3! and so on, each times 2 k / a
  for (int k = 1; k < 12; ++k, term *= -square / ((2 * k) * (2 * k + 1))) sum += 2 * k * term;
  return sum;
}
Ref erfinv(Ref a) {  // Newton's method
  long double y = 0;
  for (int i = 0; i < 60; ++i) y -= (std::erf(y) - a.v) * std::sqrt(kPi) / 2 * std::exp(y * y);
  return y;
}
Ref erfinv_slope(Ref a) { return std::sqrt(kPi) / 2 / gauss(erfinv(a)).v; }
Ref lgamma(Ref a) { return std::lgamma(a.v); }
Ref polygamma(Ref n, Ref a) {  // the series of the Hurwitz zeta function, its tail as an integral
  const int order = static_cast<int>(std::floor(n.v + 0.5L));
  const long double s = order + 1, sign = order % 2 ? 1 : -1;
  long double sum = 0, at = a.v;
  for (int k = 0; k < 3000; ++k, ++at) sum += std::pow(at, -s);
  sum += std::pow(at, 1 - s) / (s - 1) + 0.5L * std::pow(at, -s) + s / 12 * std::pow(at, -s - 1);
  return sign * std::tgamma(s) * sum;
}
Ref digamma(Ref a) {
  long double sum = 0, at = a.v;
  for (int k = 0; k < 3000; ++k, ++at) sum -= 1 / at;
  return sum + std::log(at) - 1 / (2 * at) - 1 / (12 * at * at);
}
Ref i0(Ref a) { return std::cyl_bessel_i(0.0L, std::fabs(a.v)); }
Ref i1(Ref a) { return std::copysign(std::cyl_bessel_i(1.0L, std::fabs(a.v)), a.v); }
Ref i0e(Ref a) { return i0(a) * exp(-abs(a)); }
Ref i1e(Ref a) { return i1(a) * exp(-abs(a)); }
Ref i1_slope(Ref a) { return i0(a) - i1(a) / a; }
Ref i1_curvature(Ref a) { return i1(a) - i1_slope(a) / a + i1(a) / (a * a); }
Ref i0e_slope(Ref a) { return i1e(a) - sign(a) * i0e(a); }
Ref i1e_slope(Ref a) { return i0e(a) - i1e(a) * (sign(a) + 1 / a); }
Ref i1e_curvature(Ref a) { return i0e_slope(a) - i1e_slope(a) * (sign(a) + 1 / a) + i1e(a) / (a * a); }

long double number_of(Ref a) { return a.v; }
long double number_of(RefMask m) { return m.b; }
Ref times(Ref g, Ref partial) { return g * partial; }
Ref times(Ref g, Gate<RefMask> partial) { return partial.mask.b ? g * partial.slope : Ref(0); }

/// f of the values that the bits of Needs name.
template <uint32_t Needs, class F, class... Ready>
auto call_with(const F& f, const Ref* values, Ready... ready) {
  if constexpr (Needs == 0) {
    return f(ready...);
  } else {
    return call_with<(Needs & (Needs - 1))>(f, values, ready..., values[std::countr_zero(Needs)]);
  }
}

// ---- running a kernel ---------------------------------------------------------------------------------------------

template <class T>
constexpr int kCompute = static_cast<int>(std::is_same_v<T, float>     ? Compute::F32
                                          : std::is_same_v<T, double>  ? Compute::F64
                                          : std::is_same_v<T, int64_t> ? Compute::I64
                                                                       : Compute::U64);
constexpr int kLanes = kMaxArity + 2;  // three operands, the cotangent, the result
constexpr int64_t kSizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 67};
constexpr int64_t kLongest = 67, kGuard = 16;

/// One kernel, `map` or `partial`, as a function of `kLanes` arrays; Out is what it writes.
template <class T, class Out>
struct Case {
  uint32_t used;        // lanes that it reads
  uint32_t spreadable;  // lanes that may be one element
  bool in_place;
  std::array<std::vector<T>, kLanes> in;
  MapFn map;
  PartialFn partial = nullptr;

  void run(const void* const* p, void* out, int64_t n, uint32_t scalars) const {
    partial ? partial(p[3], p, p[4], out, n, scalars) : map(p, out, n, scalars);
  }

  /// The first n elements of the result, or the n from `begin` on.
  std::vector<Out> at(int64_t n, uint32_t scalars = 0, int64_t begin = 0) const {
    const void* p[kLanes];
    // Exact copies, so that a read too many is one that AddressSanitizer sees.
    std::array<std::vector<T>, kLanes> exact;
    for (int k = 0; k < kLanes; ++k) {
      const auto from = in[k].begin() + begin;
      exact[k].assign(from, from + (scalars >> k & 1 ? 1 : n));
      p[k] = used >> k & 1 ? exact[k].data() : nullptr;
    }
    std::vector<Out> out(static_cast<size_t>(n + kGuard), static_cast<Out>(99));
    run(p, out.data(), n, scalars);
    CHECK(std::all_of(out.end() - kGuard, out.end(), [](Out x) { return x == static_cast<Out>(99); }));
    out.resize(static_cast<size_t>(n));
    return out;
  }

  void check() const {
    std::vector<Out> alone;
    for (int64_t i = 0; i < kLongest; ++i) alone.push_back(at(1, 0, i)[0]);
    for (int64_t n : kSizes) {
      INFO("n = ", n);
      CHECK(same_bits(at(n), std::vector<Out>(alone.begin(), alone.begin() + n)));
    }
    for (uint32_t scalars = 1; scalars <= spreadable; ++scalars) {
      if (scalars & ~spreadable) continue;
      INFO("scalars = ", scalars);
      Case spread = *this;
      for (int k = 0; k < kLanes; ++k)
        if (scalars >> k & 1) std::fill(spread.in[k].begin(), spread.in[k].end(), in[k][0]);
      for (int64_t n : {int64_t{1}, int64_t{17}, kLongest}) CHECK(same_bits(at(n, scalars), spread.at(n)));
    }
    for (int k = 0; in_place && k < kMaxArity; ++k) {
      if (!(used >> k & 1)) continue;
      INFO("in place of operand ", k);
      auto copy = in;
      const void* p[kLanes];
      for (int j = 0; j < kLanes; ++j) p[j] = used >> j & 1 ? copy[j].data() : nullptr;
      run(p, copy[k].data(), kLongest, 0);
      const std::vector<Out> want = at(kLongest);
      CHECK(std::memcmp(copy[k].data(), want.data(), want.size() * sizeof(Out)) == 0);
    }
  }
};

template <class T>
std::array<std::vector<T>, kLanes> operands(Interval range) {
  std::array<std::vector<T>, kLanes> in;
  for (uint64_t k = 0; k < kLanes; ++k) {
    in[k] = k == kMaxArity ? random_values<T>(kLongest, -2, 2, 90)
                           : random_values<T>(kLongest, range.low, range.high, 7 + k);
    if constexpr (std::is_integral_v<T>) {  // small and equal numbers as well
      for (size_t i = 0; i < in[k].size(); i += 2) in[k][i] = static_cast<T>(in[k][i] % 4);
    }
  }
  return in;
}

/// Errors count against the largest number in play: a formula may subtract.
template <class T>
bool near(T got, long double want, long double largest = 0) {
  const long double bound = 16 * std::numeric_limits<T>::epsilon() * std::max({1.0L, std::fabs(want), largest});
  return std::fabs(static_cast<long double>(got) - want) <= bound;
}

// What is compiled for every row is only its text in long double: all else is a function of these facts.

/// The row's value, or a partial times the cotangent: of the three operands, the result, the cotangent.
using Oracle = long double (*)(const Ref* values);

struct PartialFacts {
  uint32_t needs;
  Oracle oracle;
};
struct RowFacts {
  const char* signature;
  int arity;
  Types types;
  Interval sample;
  bool constant;
  Oracle oracle;  // of rows that floats have
  PartialFacts partials[kMaxArity];
};

template <int Index>
long double row_oracle(const Ref* values) {
  constexpr const auto& row = row_at<Index>(kFormulas);
  return number_of(call_with<(1u << row.kArity) - 1>(row.value, values));
}
template <int Index, int Input>
long double partial_oracle(const Ref* values) {
  constexpr const auto& partial = std::get<Input>(row_at<Index>(kFormulas).partials);
  return number_of(
      times(values[kMaxArity + 1], call_with<std::remove_cvref_t<decltype(partial)>::kNeeds>(partial.f, values)));
}
template <int Index, int Input>
constexpr PartialFacts partial_facts() {
  constexpr uint32_t kNeeds = std::remove_cvref_t<decltype(std::get<Input>(row_at<Index>(kFormulas).partials))>::kNeeds;
  if constexpr (kNeeds == 0) {
    return {0, nullptr};
  } else {
    return {kNeeds, partial_oracle<Index, Input>};
  }
}
template <int Index>
constexpr RowFacts row_facts() {
  constexpr const auto& row = row_at<Index>(kFormulas);
  RowFacts facts{row.signature, row.kArity, row.types, row.sample, row.kConstant, nullptr, {}};
  if constexpr (row.types != Types::Integer) facts.oracle = row_oracle<Index>;
  if constexpr (!row.kConstant) {
    [&]<int... Inputs>(std::integer_sequence<int, Inputs...>) {
      ((facts.partials[Inputs] = partial_facts<Index, Inputs>()), ...);
    }(std::make_integer_sequence<int, row.kArity>{});
  }
  return facts;
}
constexpr auto kRows = []<int... Rows>(std::integer_sequence<int, Rows...>) {
  return std::array{row_facts<Rows>()...};
}(std::make_integer_sequence<int, kFormulaCount>{});

template <class T, class Out>
void check_map(const ElementwiseKernel& kernels, const RowFacts& row) {
  const uint32_t used = (1u << row.arity) - 1;
  REQUIRE((kernels.map[kCompute<T>] != nullptr));
  const Case<T, Out> c{used, used, std::is_same_v<T, Out>, operands<T>(row.sample), kernels.map[kCompute<T>]};
  c.check();
  if constexpr (std::is_floating_point_v<T>) {
    const std::vector<Out> got = c.at(kLongest);
    for (size_t i = 0; i < got.size(); ++i) {
      const Ref values[] = {c.in[0][i], c.in[1][i], c.in[2][i]};
      const long double want = row.oracle(values);
      if (!near(static_cast<T>(got[i]), want))
        FAIL_CHECK("element ", i, ": ", double(got[i]), " is not ", double(want));
    }
  }
}

template <class T>
void check_partial(const ElementwiseKernel& kernels, const RowFacts& row, int input) {
  constexpr uint32_t kCotangent = 1u << kMaxArity;
  INFO("partial ", input);
  const auto [needs, oracle] = row.partials[input];
  const PartialFn fn = kernels.partial[input][kCompute<T>];
  CHECK(((fn == nullptr) == (needs == 0)));
  if (!fn) return;
  const uint32_t spreadable = (needs & (A | B | C)) | kCotangent;
  const MapFn map = kernels.map[kCompute<T>];
  Case<T, T> c{spreadable | (needs & Y ? 2 * kCotangent : 0), spreadable, false, operands<T>(row.sample), map, fn};
  const void* const in[] = {c.in[0].data(), c.in[1].data(), c.in[2].data()};
  map(in, c.in[4].data(), kLongest, 0);
  c.check();
  const std::vector<T> got = c.at(kLongest);
  for (size_t i = 0; i < got.size(); ++i) {
    const Ref values[] = {c.in[0][i], c.in[1][i], c.in[2][i], c.in[4][i], c.in[3][i]};
    const long double want = oracle(values);
    if (!near(got[i], want, 2 * std::fabs(values[3].v)))
      FAIL_CHECK("element ", i, ": ", double(got[i]), " is not ", double(want));
  }
}

template <class T>
void check_type(const ElementwiseKernel& kernels, const RowFacts& row) {
  INFO("compute type ", kCompute<T>);
  if (row.types == (std::is_floating_point_v<T> ? Types::Integer : Types::Float)) {
    CHECK((kernels.map[kCompute<T>] == nullptr));
    return;
  }
  const bool truth = row.types == Types::Compare || row.types == Types::Logic;
  truth ? check_map<T, uint8_t>(kernels, row) : check_map<T, T>(kernels, row);
  if constexpr (std::is_floating_point_v<T>) {
    for (int input = 0; input < row.arity && !row.constant; ++input) check_partial<T>(kernels, row, input);
  }
}

TEST_CASE("every row and every partial, at any length, with spread scalars, in place") {
  on_every_isa([](const Kernels& k) {
    for (size_t index = 0; index < kRows.size(); ++index) {
      const RowFacts& row = kRows[index];
      INFO(row.signature);
      check_type<float>(k.elementwise[index], row);
      check_type<double>(k.elementwise[index], row);
      check_type<int64_t>(k.elementwise[index], row);
      check_type<uint64_t>(k.elementwise[index], row);
    }
  });
}

/// The same bits, but that NaN is NaN.
template <class T>
bool same_numbers(const std::vector<T>& a, const std::vector<T>& b) {
  return std::ranges::equal(
      a, b, [](T x, T y) { return (std::isnan(x) && std::isnan(y)) || std::memcmp(&x, &y, sizeof x) == 0; });
}

TEST_CASE_TEMPLATE("value and slope from one kernel have the bits of both alone", T, float, double) {
  const std::vector<T> one{1};
  std::vector<T> x = operands<T>({-3, 3})[0];
  const T edges[] = {0, T(-0.0), kInf<T>, -kInf<T>, kNaN<T>, T(100), T(-700), std::numeric_limits<T>::denorm_min()};
  std::ranges::copy(edges, x.begin());
  on_every_isa([&](const Kernels& k) {
    for (int j = 0; j < kJointCount; ++j) {
      INFO(std::string(kJointRows[j]));
      const int row = formula_index(kJointRows[j]);
      const JointFn joint = joined_kernels(k).joint[j][kCompute<T>];
      for (const int64_t n : kSizes) {
        for (const uint32_t scalar : {0u, 1u}) {
          const std::vector<T> in(x.begin(), x.begin() + (scalar ? 1 : n));
          const void* const p[] = {in.data(), nullptr, nullptr};
          const auto size = static_cast<size_t>(n);
          std::vector<T> value(size), slope(size), y(size), dy(size), y_over(in), dy_over(in);
          k.elementwise[row].map[kCompute<T>](p, value.data(), n, scalar);
          k.elementwise[row].partial[0][kCompute<T>](one.data(), p, nullptr, slope.data(), n, scalar | 1u << kMaxArity);
          joint(in.data(), y.data(), dy.data(), n, scalar);
          CHECK(same_numbers(y, value));
          CHECK(same_numbers(dy, slope));
          if (scalar) continue;
          joint(y_over.data(), y_over.data(), dy.data(), n, 0);
          joint(dy_over.data(), y.data(), dy_over.data(), n, 0);
          CHECK(same_numbers(y_over, value));
          CHECK(same_numbers(dy_over, slope));
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("pairs of rows have the bits of one after the other", T, float, double) {
  const auto lanes = operands<T>({-3, 3});
  on_every_isa([&](const Kernels& k) {
    for (int index = 0; index < kPairCount; ++index) {
      const RowPair pair = pair_at(index);
      CHECK(pair_index(pair.first, pair.second, pair.behind) == index);
      INFO(kRows[static_cast<size_t>(pair.first)].signature, ", ", kRows[static_cast<size_t>(pair.second)].signature);
      for (const int64_t n : kSizes) {
        for (uint32_t scalars = 0; scalars < 8; ++scalars) {
          const auto size = static_cast<size_t>(n);
          std::vector<T> made(size), want(size), got(size);
          const void* const in[] = {lanes[0].data(), lanes[1].data(), lanes[2].data()};
          k.elementwise[pair.first].map[kCompute<T>](in, made.data(), n, scalars & 3);
          const void* const then[] = {pair.behind ? in[2] : made.data(), pair.behind ? made.data() : in[2], nullptr};
          const uint32_t other = scalars >> 2;
          k.elementwise[pair.second].map[kCompute<T>](then, want.data(), n, pair.behind ? other : other << 1);
          joined_kernels(k).pairs[index][kCompute<T>](in, got.data(), n, scalars);
          CHECK(same_bits(got, want));
        }
      }
    }
  });
}

TEST_CASE("a gate passes nothing where it is shut, not even inf or NaN") {
  on_every_isa([](const Kernels& k) {
    struct Row {
      const char* name;
      int input;
      float open[3], shut[3], y_open, y_shut;
    };
    constexpr Row kRows[] = {{"relu", 0, {2}, {-2}, 2, 0},
                             {"relu6", 0, {2}, {7}, 2, 6},
                             {"where", 1, {1, 0, 0}, {0, 0, 0}, 0, 0},
                             {"where", 2, {0, 0, 0}, {1, 0, 0}, 0, 0},
                             {"_clamp", 0, {1, 0, 2}, {3, 0, 2}, 1, 2},
                             {"_clamp", 1, {-1, 0, 2}, {1, 0, 2}, 0, 1},
                             {"_clamp", 2, {3, 0, 2}, {1, 0, 2}, 2, 1}};
    for (const Row& row : kRows) {
      INFO(std::string(row.name), " input ", row.input);
      for (float g : {kInf<float>, kNaN<float>, 3.0f}) {
        float out[2];
        const auto run = [&](const float* at, float y, float* to) {
          const void* in[] = {at, at + 1, at + 2};
          k.elementwise[formula_index(row.name)].partial[row.input][0](&g, in, &y, to, 1, 0);
        };
        run(row.open, row.y_open, out);
        run(row.shut, row.y_shut, out + 1);
        CHECK(same_value(out[0], g));
        CHECK(out[1] == 0);
      }
    }
  });
}

TEST_CASE_TEMPLATE("integers: wrapping arithmetic, comparisons, bits", T, int64_t, uint64_t) {
  struct Row {
    const char* name;
    uint64_t (*f)(uint64_t a, uint64_t b);
    bool truth;
  };
  static constexpr auto kLess = [](uint64_t a, uint64_t b) { return static_cast<T>(a) < static_cast<T>(b); };
  const Row kRows[] = {{"add", [](uint64_t a, uint64_t b) { return a + b; }, false},
                       {"sub", [](uint64_t a, uint64_t b) { return a - b; }, false},
                       {"mul", [](uint64_t a, uint64_t b) { return a * b; }, false},
                       {"neg", [](uint64_t a, uint64_t) { return 0 - a; }, false},
                       {"square", [](uint64_t a, uint64_t) { return a * a; }, false},
                       {"maximum", [](uint64_t a, uint64_t b) { return kLess(a, b) ? b : a; }, false},
                       {"minimum", [](uint64_t a, uint64_t b) { return kLess(a, b) ? a : b; }, false},
                       {"relu", [](uint64_t a, uint64_t) { return kLess(a, 0) ? 0 : a; }, false},
                       {"bitwise_and", [](uint64_t a, uint64_t b) { return a & b; }, false},
                       {"bitwise_or", [](uint64_t a, uint64_t b) { return a | b; }, false},
                       {"bitwise_xor", [](uint64_t a, uint64_t b) { return a ^ b; }, false},
                       {"less", [](uint64_t a, uint64_t b) -> uint64_t { return kLess(a, b); }, true},
                       {"less_equal", [](uint64_t a, uint64_t b) -> uint64_t { return !kLess(b, a); }, true},
                       {"greater", [](uint64_t a, uint64_t b) -> uint64_t { return kLess(b, a); }, true},
                       {"greater_equal", [](uint64_t a, uint64_t b) -> uint64_t { return !kLess(a, b); }, true},
                       {"equal", [](uint64_t a, uint64_t b) -> uint64_t { return a == b; }, true},
                       {"not_equal", [](uint64_t a, uint64_t b) -> uint64_t { return a != b; }, true},
                       {"logical_xor", [](uint64_t a, uint64_t b) -> uint64_t { return (a != 0) != (b != 0); }, true},
                       {"logical_not", [](uint64_t a, uint64_t) -> uint64_t { return a == 0; }, true},
                       {"isfinite", [](uint64_t, uint64_t) -> uint64_t { return 1; }, true}};
  on_every_isa([&](const Kernels& k) {
    const auto in = operands<T>({});
    for (const Row& row : kRows) {
      INFO(std::string(row.name));
      const void* const p[] = {in[0].data(), in[1].data(), in[2].data()};
      std::vector<T> out(kLongest);
      std::vector<uint8_t> truth(kLongest);
      k.elementwise[formula_index(row.name)].map[kCompute<T>](
          p, row.truth ? static_cast<void*>(truth.data()) : out.data(), kLongest, 0);
      for (size_t i = 0; i < out.size(); ++i) {
        const uint64_t want = row.f(static_cast<uint64_t>(in[0][i]), static_cast<uint64_t>(in[1][i]));
        CHECK((row.truth ? truth[i] : static_cast<uint64_t>(out[i])) == want);
      }
    }
  });
}

}  // namespace
}  // namespace adcore
