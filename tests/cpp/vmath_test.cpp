// The vector mathematics (vmath.h) and the packs under it (simd.h), through the rows of formulas.h and on every
// instruction set. The oracle is the C library in long double; errors count in ULPs of the kernel's type.
#include <algorithm>
#include <array>

#include "kernel_cases.h"
#include "kernels/formulas.h"

namespace adcore {
namespace {

using namespace testing;

__extension__ using Int128 = __int128;

template <class T>
constexpr int kCompute = static_cast<int>(std::is_same_v<T, float>     ? Compute::F32
                                          : std::is_same_v<T, double>  ? Compute::F64
                                          : std::is_same_v<T, int64_t> ? Compute::I64
                                                                       : Compute::U64);

/// The row called `name` on operands of equal length, or of length 1.
template <class T, class... Operands>
std::vector<T> run(const Kernels& k, const char* name, const std::vector<T>& x, const Operands&... rest) {
  const std::vector<T>* operands[] = {&x, &rest...};
  const void* in[kMaxArity] = {};
  uint32_t scalars = 0;
  for (size_t i = 0; i < std::size(operands); ++i) {
    in[i] = operands[i]->data();
    if (operands[i]->size() == 1 && x.size() != 1) scalars |= 1u << i;
  }
  const int row = formula_index(name);
  REQUIRE(row >= 0);
  std::vector<T> out(x.size());
  k.elementwise[row].map[kCompute<T>](in, out.data(), static_cast<int64_t>(x.size()), scalars);
  return out;
}

/// |got - want| in units of the last place of `want` as a T: those of the denormals near 0; beyond the largest number,
/// infinity counts as the next power of two. Infinite where one is NaN, or zeros differ in sign.
template <class T>
double ulps(T got, long double want) {
  using Limits = std::numeric_limits<T>;
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got) ? 0 : kWrong;
  if (want == 0) return got == 0 && std::signbit(got) == std::signbit(want) ? 0 : kWrong;
  const long double top = std::ldexp(1.0L, Limits::max_exponent);
  const auto finite = [&](long double v) { return std::fabs(v) > top ? std::copysign(top, v) : v; };
  int exponent;
  std::frexp(finite(want), &exponent);
  exponent = std::clamp(exponent, Limits::min_exponent, Limits::max_exponent);
  const long double unit = std::ldexp(1.0L, exponent - Limits::digits);
  return static_cast<double>(std::fabs(finite(got) - finite(want)) / unit);
}

template <class T>
constexpr double kBound = sizeof(T) == 4 ? 3 : 4;
/// What the oracle's own error may add where long double is no more than double.
template <class T>
constexpr double kOracle = std::numeric_limits<long double>::digits > std::numeric_limits<T>::digits ? 0 : 1;

/// Checks got[i] against want(i) and reports the worst.
template <class T, class Want, class Describe>
void check_ulps(const std::vector<T>& got, Want want, Describe describe) {
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = ulps(got[i], want(i));
    if (error > worst) {
      worst = error;
      at = i;
    }
  }
  INFO(describe(at));
  CHECK(worst <= kBound<T> + kOracle<T>);
}

/// Zeros, infinities, NaN, the ends of the range, where functions overflow or change their method, and what is next to
/// all these.
template <class T>
std::vector<T> edges() {
  using Limits = std::numeric_limits<T>;
  const double smallest = static_cast<double>(Limits::denorm_min()), normal = static_cast<double>(Limits::min());
  const double largest = static_cast<double>(Limits::max());
  std::vector<T> v;
  const double kEdges[] = {0,
                           smallest,
                           normal,
                           largest,
                           kInf<double>,
                           0.5,
                           0.70710678118654752,
                           0.8,
                           1,
                           1.41421356237309505,
                           1.5,
                           2,
                           2.5,
                           3,
                           9,
                           10.05,
                           19.06,
                           26.5,
                           27.3,
                           87.33655,
                           88.72284,
                           103.9721,
                           708.3964,
                           709.782712893384,
                           745.1332191019412,
                           1e6,
                           8388608.5,
                           4503599627370496.5,
                           1e22};
  for (const double edge : kEdges) {
    for (const T x : {static_cast<T>(edge), std::nextafter(static_cast<T>(edge), kInf<T>),
                      std::nextafter(static_cast<T>(edge), T(0))}) {
      v.push_back(x);
      v.push_back(-x);
    }
  }
  v.push_back(kNaN<T>);
  return v;
}

/// Edges, bit patterns all over the type, ranges where functions are steep or change sign, multiples of pi/2 rounded.
template <class T>
std::vector<T> arguments() {
  std::vector<T> v = edges<T>();
  std::mt19937_64 bits(7);
  for (int i = 0; i < 30000; ++i) {
    const uint64_t pattern = bits();
    T x;
    std::memcpy(&x, &pattern, sizeof x);
    v.push_back(x);
  }
  for (const double range : {0.01, 1.0, 4.0, 30.0, 110.0, 760.0}) {
    const auto more = random_values<T>(5000, -range, range, bits());
    v.insert(v.end(), more.begin(), more.end());
  }
  for (int i = 0; i < 5000; ++i) v.push_back(static_cast<T>(1.5707963267948966 * static_cast<double>(bits() % 700000)));
  for (int i = 0; i < 5000; ++i) v.push_back(1 + static_cast<T>(std::ldexp(1.0, -static_cast<int>(bits() % 50))));
  return v;
}

long double logistic(long double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }

/// What vanishes at -inf has vanished here, in every type; at -inf the oracle would be inf * 0.
long double bounded(long double x) { return std::max(x, -1e4L); }

using Oracle = long double (*)(long double);
struct Function {
  const char* name;
  Oracle oracle;
};
const Function kFunctions[] = {
    {"exp", std::exp},
    {"expm1", std::expm1},
    {"log", std::log},
    {"log1p", std::log1p},
    {"tanh", std::tanh},
    {"sigmoid", logistic},
    {"logsigmoid", [](long double x) { return x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x)); }},
    {"silu", [](long double x) { return bounded(x) * logistic(x); }},
    {"mish",
     [](long double x) {
       const long double e = std::exp(-std::fabs(x));
       return bounded(x) * (x < 0 ? e * (e + 2) / (e * (e + 2) + 2) : (1 + 2 * e) / (1 + 2 * e + 2 * e * e));
     }},
    {"_gelu", [](long double x) { return 0.5L * bounded(x) * std::erfc(-x * std::sqrt(0.5L)); }},
    {"_gelu_tanh",
     [](long double x) {
       const long double m = std::min(std::fabs(x), 1e3L);
       const long double u = std::sqrt(8 / std::acos(-1.0L)) * (m + 0.044715L * m * m * m);
       return bounded(x) * logistic(std::copysign(u, x));
     }},
    {"erf", std::erf},
    {"erfc", std::erfc},
    {"sin", std::sin},
    {"cos", std::cos},
    {"tan", std::tan},
    {"sqrt", std::sqrt},
    {"sinh", std::sinh},
    {"cosh", std::cosh},
    {"asin", std::asin},
    {"acos", std::acos},
    {"atan", std::atan},
    {"asinh", std::asinh},
    {"acosh", std::acosh},
    {"atanh", std::atanh},
    {"exp2", std::exp2},
    {"log2", std::log2},
    {"log10", std::log10},
};

TEST_CASE_TEMPLATE("functions of one argument", T, float, double) {
  const std::vector<T> x = arguments<T>();
  for (const Function& f : kFunctions) {
    CAPTURE(std::string(f.name));
    std::vector<long double> want;
    for (const T v : x) want.push_back(f.oracle(v));
    on_every_isa([&](const Kernels& k) {
      check_ulps(
          run(k, f.name, x), [&](size_t i) { return want[i]; }, [&](size_t i) { return doctest::toString(x[i]); });
    });
  }
}

TEST_CASE_TEMPLATE("slopes of tanh and sigmoid, down to where they vanish", T, float, double) {
  const std::vector<T> x = arguments<T>(), one{1};
  const auto slope = [](long double e) { return e / ((1 + e) * (1 + e)); };
  const auto describe = [&](size_t i) { return doctest::toString(x[i]); };
  on_every_isa([&](const Kernels& k) {
    const auto partial = [&](const char* name) {
      const void* const in[] = {x.data(), nullptr, nullptr};
      std::vector<T> out(x.size());
      k.elementwise[formula_index(name)].partial[0][kCompute<T>](one.data(), in, nullptr, out.data(),
                                                                 static_cast<int64_t>(x.size()), 1u << kMaxArity);
      return out;
    };
    const auto size = [&](size_t i) { return std::fabs(static_cast<long double>(x[i])); };
    check_ulps(partial("sigmoid"), [&](size_t i) { return slope(std::exp(-size(i))); }, describe);
    check_ulps(partial("tanh"), [&](size_t i) { return 4 * slope(std::exp(-2 * size(i))); }, describe);
  });
}

TEST_CASE_TEMPLATE("softplus", T, float, double) {
  const std::vector<T> x = arguments<T>(), beta{1}, threshold{kInf<T>};
  on_every_isa([&](const Kernels& k) {
    const auto want = [&](size_t i) {
      const long double v = x[i];
      return v > 0 ? v + std::log1p(std::exp(-v)) : std::log1p(std::exp(v));
    };
    check_ulps(run(k, "softplus", x, beta, threshold), want, [&](size_t i) { return doctest::toString(x[i]); });
  });
}

TEST_CASE_TEMPLATE("pow: C's special cases, and powers up to overflow and underflow", T, float, double) {
  std::vector<T> x, y;
  for (const T a : edges<T>()) {
    for (const T b : edges<T>()) {
      x.push_back(a);
      y.push_back(b);
    }
  }
  std::mt19937_64 bits(5);
  const auto top = random_values<double>(30000, -760, 760);
  for (const double exponent : top) {
    // Any base, and bases near 1, where the logarithm is small and the power large.
    double base = std::ldexp(1.0 + static_cast<double>(bits() % 1000) / 1000, static_cast<int>(bits() % 200) - 100);
    if (bits() % 2) base = 1 + std::ldexp(static_cast<double>(bits() % 1000) - 500, static_cast<int>(bits() % 12) - 22);
    if (base == 1) continue;
    x.push_back(static_cast<T>(base));
    y.push_back(static_cast<T>(exponent / std::log(base)));
    x.push_back(-static_cast<T>(bits() % 100) / 10);  // a negative base
    y.push_back(static_cast<T>(bits() % 41) - 20);
  }
  std::vector<long double> want;
  for (size_t i = 0; i < x.size(); ++i) {
    want.push_back(std::pow(static_cast<long double>(x[i]), static_cast<long double>(y[i])));
  }
  on_every_isa([&](const Kernels& k) {
    check_ulps(
        run(k, "pow", x, y), [&](size_t i) { return want[i]; },
        [&](size_t i) { return doctest::toString(x[i]) + " to the power of " + doctest::toString(y[i]); });
  });
}

TEST_CASE_TEMPLATE("rounding is exact and keeps the sign of zero", T, float, double) {
  std::vector<T> x = arguments<T>();
  for (int i = -40; i <= 40; ++i) x.push_back(static_cast<T>(i) / 4);
  const Function kRounding[] = {
      {"floor", std::floor}, {"ceil", std::ceil}, {"trunc", std::trunc}, {"round", std::nearbyint}};
  for (const Function& f : kRounding) {
    CAPTURE(std::string(f.name));
    on_every_isa([&](const Kernels& k) {
      const auto y = run(k, f.name, x);
      for (size_t i = 0; i < x.size(); ++i) {
        INFO(x[i]);
        REQUIRE(ulps(y[i], f.oracle(x[i])) == 0);
      }
    });
  }
}

/// All pairs of `v`: first elements and second.
template <class T>
std::array<std::vector<T>, 2> pairs(const std::vector<T>& v) {
  std::array<std::vector<T>, 2> p;
  for (const T a : v) {
    for (const T b : v) {
      p[0].push_back(a);
      p[1].push_back(b);
    }
  }
  return p;
}

TEST_CASE_TEMPLATE("minimum and maximum propagate NaN", T, float, double) {
  const auto [x, y] = pairs(edges<T>());
  on_every_isa([&, &x = x, &y = y](const Kernels& k) {
    const auto low = run(k, "minimum", x, y), high = run(k, "maximum", x, y);
    for (size_t i = 0; i < x.size(); ++i) {
      const bool nan = std::isnan(x[i]) || std::isnan(y[i]);
      REQUIRE(same_value(low[i], nan ? kNaN<T> : std::fmin(x[i], y[i])));
      REQUIRE(same_value(high[i], nan ? kNaN<T> : std::fmax(x[i], y[i])));
    }
  });
}

// The remainder r has the sign of y and |r| < |y|; x - r is an integer multiple of y, and floor_div that integer.
TEST_CASE_TEMPLATE("floor division of floats", T, float, double) {
  std::vector<T> v;
  for (int i = -20; i <= 20; ++i) v.push_back(static_cast<T>(i) / 4);
  for (const T x : random_values<T>(40, -1000, 1000)) v.push_back(x);
  const auto [x, y] = pairs(v);
  on_every_isa([&, &x = x, &y = y](const Kernels& k) {
    const auto remainder = run(k, "floor_mod", x, y), quotient = run(k, "floor_div", x, y);
    for (size_t i = 0; i < x.size(); ++i) {
      CAPTURE(x[i]);
      CAPTURE(y[i]);
      if (y[i] == 0) {
        REQUIRE(std::isnan(remainder[i]));
        REQUIRE(same_value(quotient[i], x[i] / y[i]));
        continue;
      }
      const long double q = std::floor(static_cast<long double>(x[i]) / y[i]);
      REQUIRE(std::signbit(remainder[i]) == std::signbit(y[i]));
      REQUIRE(std::fabs(remainder[i]) <= std::fabs(y[i]));  // equal where y plus a tiny negative remainder rounds to y
      REQUIRE(std::fabs(remainder[i] - (x[i] - q * y[i])) <= std::fabs(y[i]) * std::numeric_limits<T>::epsilon());
      REQUIRE(quotient[i] == static_cast<T>(q));
    }
  });
}

TEST_CASE_TEMPLATE("integers wrap; division by zero gives 0", T, int64_t, uint64_t) {
  using Limits = std::numeric_limits<T>;
  const T kMinusOne = static_cast<T>(-1), kMinusSeven = static_cast<T>(-7);
  const T kHalfWay = Limits::max() / 2 + 1;
  const std::vector<T> v = {0, 1, 2, 3, 7, 10, kMinusOne, kMinusSeven, Limits::min(), Limits::max(), kHalfWay};
  const auto [x, y] = pairs(v);
  on_every_isa([&, &x = x, &y = y](const Kernels& k) {
    const auto sum = run(k, "add", x, y), difference = run(k, "sub", x, y), product = run(k, "mul", x, y);
    const auto quotient = run(k, "floor_div", x, y), remainder = run(k, "floor_mod", x, y);
    for (size_t i = 0; i < x.size(); ++i) {
      CAPTURE(x[i]);
      CAPTURE(y[i]);
      const auto a = static_cast<Int128>(x[i]), b = static_cast<Int128>(y[i]);
      REQUIRE(sum[i] == static_cast<T>(a + b));
      REQUIRE(difference[i] == static_cast<T>(a - b));
      REQUIRE(product[i] == static_cast<T>(static_cast<uint64_t>(x[i]) * static_cast<uint64_t>(y[i])));
      const Int128 r = b == 0 ? 0 : (a % b + b) % b;
      REQUIRE(remainder[i] == static_cast<T>(r));
      REQUIRE(quotient[i] == (b == 0 ? 0 : static_cast<T>((a - r) / b)));
    }
  });
}

TEST_CASE("integer powers by repeated multiplication; negative exponents round toward zero") {
  std::vector<int64_t> x, y, want;
  for (int64_t base = -12; base <= 12; ++base) {
    for (int64_t exponent = -5; exponent <= 70; ++exponent) {
      uint64_t power = 1;
      for (int64_t i = 0; i < exponent; ++i) power *= static_cast<uint64_t>(base);
      if (exponent < 0) power = base == 1 ? 1 : base == -1 ? (exponent % 2 ? ~uint64_t{0} : 1) : 0;
      x.push_back(base);
      y.push_back(exponent);
      want.push_back(static_cast<int64_t>(power));
    }
  }
  on_every_isa([&](const Kernels& k) { CHECK(run(k, "pow", x, y) == want); });
}

// A value does not depend on where it stands: in which lane, in a full pack or in the rest.
TEST_CASE_TEMPLATE("the same bits in every lane", T, float, double) {
  const std::vector<T> x = random_values<T>(70, -3, 3);
  on_every_isa([&](const Kernels& k) {
    for (const Function& f : kFunctions) {
      CAPTURE(std::string(f.name));
      const auto all = run(k, f.name, x);
      for (size_t begin = 0; begin < x.size(); ++begin) {
        const auto from = static_cast<std::ptrdiff_t>(begin);
        const auto rest = run(k, f.name, std::vector<T>(x.begin() + from, x.end()));
        REQUIRE(same_bits(rest, std::vector<T>(all.begin() + from, all.end())));
      }
    }
  });
}

}  // namespace
}  // namespace adcore
