// Draws from the state of a generator. One state gives one member's numbers; a batch of states [..., 2], which vmap
// makes where members draw numbers of their own, gives those of all members, along the same axes.
//
// The base draws are kernels over a stretch of the sequence. Draws that are tried until one is taken (gamma, Poisson, a
// truncated normal) have words of their own for each element, so that an element depends on its number alone.
#include "ops/random.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>
#include <utility>

#include "base/thread_pool.h"
#include "core/pullback.h"
#include "kernels/philox.h"
#include "kernels/random_math.h"
#include "ops/accept.h"
#include "ops/functions.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

void require_float(const char* op, DType dtype) {
  if (!is_float(dtype))
    fail(ErrorKind::Type, op, ": random real numbers need a float dtype, got ", name_of(dtype), ".");
}

void require_range(int64_t low, int64_t high) {
  if (low >= high) fail(ErrorKind::Value, "randint: low must be less than high, got ", low, " and ", high, ".");
}

/// A seed and the number of the first element, of one state or of many.
struct States {
  explicit States(const Tensor& state) : held(as_contiguous(state, DType::UInt64)) {}
  int64_t count() const { return held.size() / 2; }
  uint64_t seed(int64_t i) const { return held.data_as<uint64_t>()[2 * i]; }
  uint64_t drawn(int64_t i) const { return held.data_as<uint64_t>()[2 * i + 1]; }
  Tensor held;
};

/// The axes of the states, then those of a shape.
Dims behind(const Tensor& state, const Dims& shape) {
  Dims all = state.shape();
  all.erase(all.size() - 1);
  for (int i = 0; i < shape.size(); ++i) all.push_back(shape[i]);
  return all;
}

/// States, in a call from a file.
bool are_states(const Tensor& t) { return t.dtype() == DType::UInt64 && t.rank() >= 1 && t.shape().back() == 2; }
bool is_drawn(const Call& call, const DimsAttr& shape, int64_t dtype) {
  return are_states(call.in(0)) && is_shape(shape) && is_dtype(dtype);
}

/// Calls body(seed, first element, place in the output) in parallel for each element.
template <class Body>
void for_each_element(const States& states, int64_t each, const Body& body) {
  constexpr int64_t kChunk = 1024;
  const int64_t pieces = (each + kChunk - 1) / kChunk;
  const auto run = [&](int64_t chunk) {
    const int64_t i = chunk / pieces, first = chunk % pieces * kChunk, last = std::min(each, first + kChunk);
    for (int64_t k = first; k < last; ++k)
      body(states.seed(i), states.drawn(i) + static_cast<uint64_t>(k), i * each + k);
  };
  const int64_t chunks = states.count() * pieces;
  if (chunks == 1) return run(0);
  if (chunks) parallel_for(chunks, run);
}

// ---- the state ----------------------------------------------------------------------------------------------------

struct AdvanceAttr {
  int64_t count;
};
void advance_infer(Call& call) { call.out->set_shape(call.in(0).shape(), DType::UInt64); }
void advance_run(Call& call) {
  const States now(call.in(0));
  auto* out = call.out->mutable_data_as<uint64_t>();
  for (int64_t i = 0; i < now.count(); ++i) {
    out[2 * i] = now.seed(i);
    out[2 * i + 1] = now.drawn(i) + static_cast<uint64_t>(call.attrs.as<AdvanceAttr>().count);
  }
}
bool advance_accepts(const Call& call) {
  return has<AdvanceAttr>(call, 1) && are_states(call.in(0)) && call.attrs.as<AdvanceAttr>().count >= 0;
}
const Op kAdvance{.name = "random_advance",
                  .kind = OpKind::Constant,
                  .infer = advance_infer,
                  .run = advance_run,
                  .batch = batch_same,
                  .accepts = advance_accepts};

/// A state for each member, `count` numbers apart.
struct SpreadAttr {
  int64_t members, count;
};
void spread_infer(Call& call) {
  call.out->set_shape(behind(call.in(0), Dims{call.attrs.as<SpreadAttr>().members, 2}), DType::UInt64);
}
void spread_run(Call& call) {
  const States now(call.in(0));
  const auto a = call.attrs.as<SpreadAttr>();
  auto* out = call.out->mutable_data_as<uint64_t>();
  for (int64_t i = 0; i < now.count(); ++i) {
    for (int64_t m = 0; m < a.members; ++m) {
      *out++ = now.seed(i);
      *out++ = now.drawn(i) + static_cast<uint64_t>(m * a.count);
    }
  }
}
bool spread_accepts(const Call& call) {
  if (!has<SpreadAttr>(call, 1) || !are_states(call.in(0))) return false;
  const auto a = call.attrs.as<SpreadAttr>();
  int64_t all = 0;
  return is_size(a.members) && a.count >= 0 && !__builtin_mul_overflow(a.members, a.count, &all);
}
const Op kSpread{.name = "random_spread",
                 .kind = OpKind::Constant,
                 .infer = spread_infer,
                 .run = spread_run,
                 .batch = batch_same,
                 .accepts = spread_accepts};

// ---- numbers ------------------------------------------------------------------------------------------------------

struct DrawAttr {
  DimsAttr shape;
  int64_t dtype;
  int64_t low = 0, high = 0;  // of integers
};

void draw_infer(Call& call) {
  const auto a = call.attrs.as<DrawAttr>();
  call.out->set_shape(behind(call.in(0), a.shape.dims()), static_cast<DType>(a.dtype));
}

/// Calls draw(args, memory) for each state; the memory is of type `made` and becomes the output.
template <class Draw>
void fill(Call& call, DType made, Draw draw) {
  Tensor& out = *call.out;
  const States states(call.in(0));
  Tensor held;
  if (out.dtype() != made) held = Tensor(out.shape(), made);
  Tensor& t = out.dtype() == made ? out : held;
  const int64_t n = states.count() ? out.size() / states.count() : 0;
  auto* p = static_cast<std::byte*>(t.mutable_data());
  for (int64_t i = 0; i < states.count(); ++i)
    draw(RandomArgs{states.seed(i), states.drawn(i), n}, p + i * n * static_cast<int64_t>(size_of(made)));
  if (held.defined()) copy_to(held, out.mutable_data(), out.dtype());
}

void uniform_run(Call& call) {
  const DType dtype = call.out->dtype(), made = storage_of(compute_of(dtype));
  fill(call, made, [&](const RandomArgs& args, void* memory) {
    if (made == DType::Float64) return kernels().random.uniform_f64(args, static_cast<double*>(memory));
    auto* p = static_cast<float*>(memory);
    kernels().random.uniform_f32(args, p);
    // Half precision takes as many bits as it holds below 1; rounding would give 1 itself.
    const float steps = dtype == DType::Float16 ? 2048.0F : 256.0F;
    for (int64_t i = 0; dtype != DType::Float32 && i < args.n; ++i) p[i] = std::floor(p[i] * steps) / steps;
  });
}

void normal_run(Call& call) {
  const DType made = storage_of(compute_of(call.out->dtype()));
  fill(call, made, [&](const RandomArgs& args, void* memory) {
    if (made == DType::Float64) return kernels().random.normal_f64(args, static_cast<double*>(memory));
    kernels().random.normal_f32(args, static_cast<float*>(memory));
  });
}

void integers_run(Call& call) {
  const auto a = call.attrs.as<DrawAttr>();
  fill(call, DType::Int64, [&](const RandomArgs& args, void* memory) {
    kernels().random.integers(args, a.low, a.high, static_cast<int64_t*>(memory));
  });
}

/// Fisher and Yates, from the inside out: element i changes places with one of those up to it.
void permutation_run(Call& call) {
  fill(call, DType::Int64, [&](const RandomArgs& args, void* memory) {
    auto* const out = static_cast<int64_t*>(memory);
    constexpr int64_t kBatch = 256;
    int64_t at[kBatch];
    for (int64_t first = 0; first < args.n; first += kBatch) {
      const int64_t n = std::min(kBatch, args.n - first);
      const RandomArgs words{args.seed, args.offset + static_cast<uint64_t>(first), n};
      // A whole word, of which [0, i] takes the upper part.
      kernels().random.integers(words, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), at);
      for (int64_t k = 0; k < n; ++k) {
        const int64_t i = first + k;
        __extension__ using Wide = unsigned __int128;
        const uint64_t word = static_cast<uint64_t>(at[k]) + (uint64_t{1} << 63);
        const auto j = static_cast<int64_t>(static_cast<Wide>(word) * static_cast<uint64_t>(i + 1) >> 64);
        out[i] = out[j];
        out[j] = i;
      }
    }
  });
}

bool real_accepts(const Call& call) {
  if (!has<DrawAttr>(call, 1)) return false;
  const auto a = call.attrs.as<DrawAttr>();
  return is_drawn(call, a.shape, a.dtype) && is_float(static_cast<DType>(a.dtype));
}
bool integer_accepts(const Call& call) {
  if (!has<DrawAttr>(call, 1)) return false;
  const auto a = call.attrs.as<DrawAttr>();
  return is_drawn(call, a.shape, a.dtype) && a.low < a.high;
}
bool permutation_accepts(const Call& call) {
  if (!has<DrawAttr>(call, 1)) return false;
  const auto a = call.attrs.as<DrawAttr>();
  return is_drawn(call, a.shape, a.dtype);
}
const Op kUniform{.name = "random_uniform",
                  .kind = OpKind::Constant,
                  .infer = draw_infer,
                  .run = uniform_run,
                  .batch = batch_same,
                  .accepts = real_accepts};
const Op kNormal{.name = "random_normal",
                 .kind = OpKind::Constant,
                 .infer = draw_infer,
                 .run = normal_run,
                 .batch = batch_same,
                 .accepts = real_accepts};
const Op kIntegers{.name = "random_integers",
                   .kind = OpKind::Constant,
                   .infer = draw_infer,
                   .run = integers_run,
                   .batch = batch_same,
                   .accepts = integer_accepts};
const Op kPermutation{.name = "random_permutation",
                      .kind = OpKind::Constant,
                      .infer = draw_infer,
                      .run = permutation_run,
                      .batch = batch_same,
                      .accepts = permutation_accepts};

// ---- draws that are tried until one is taken ----------------------------------------------------------------------

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

/// Words as numbers.
class Numbers : public ElementWords {
 public:
  using ElementWords::ElementWords;
  double below_one() { return unit(next()); }
  double above_zero() { return unit(next()) + 0x1p-53; }
  double normal() {
    const double radius = std::sqrt(-2 * log_unit(above_zero()));
    return radius * turn(below_one()).cos;
  }
  double exponential() { return -log_unit(above_zero()); }
};

/// C. P. Robert: Simulation of truncated normal variables. Statistics and Computing 5, 1995.
double truncated_normal(Numbers& u, double low, double high) {
  if (high <= 0) return -truncated_normal(u, -high, -low);
  if (low >= 0 && high - low > 1 / (1 + low)) {  // a tail
    const double rate = (low + std::sqrt(low * low + 4)) / 2;
    for (;;) {
      const double x = low + u.exponential() / rate;
      if (x <= high && log_unit(u.above_zero()) <= -(x - rate) * (x - rate) / 2) return x;
    }
  }
  if (high - low < 2.5) {
    const double nearest = std::max(low, 0.0);
    for (;;) {
      const double x = std::min(high, low + (high - low) * u.below_one());
      if (log_unit(u.above_zero()) <= (nearest * nearest - x * x) / 2) return x;
    }
  }
  for (;;) {
    const double x = u.normal();
    if (low <= x && x <= high) return x;
  }
}

struct TruncatedAttr {
  DimsAttr shape;
  int64_t dtype;
  double low, high;
};
void truncated_infer(Call& call) {
  const auto a = call.attrs.as<TruncatedAttr>();
  call.out->set_shape(behind(call.in(0), a.shape.dims()), static_cast<DType>(a.dtype));
}

/// Calls put(place, seed, element) for each element of the output, which is made of float64.
template <class Value>
void fill_each(Call& call, const Value& value) {
  Tensor& out = *call.out;
  const States states(call.in(0));
  const int64_t each = states.count() ? out.size() / states.count() : 0;
  if (compute_of(out.dtype()) == Compute::F64) {
    auto* const p = out.mutable_data_as<double>();
    for_each_element(states, each, [&](uint64_t seed, uint64_t e, int64_t i) { p[i] = value(Numbers(seed, e), i); });
    return;
  }
  Tensor held(out.shape(), DType::Float32);
  auto* const p = held.mutable_data_as<float>();
  for_each_element(states, each, [&](uint64_t seed, uint64_t e, int64_t i) {
    p[i] = static_cast<float>(value(Numbers(seed, e), i));
  });
  copy_to(held, out.mutable_data(), out.dtype());
}

int64_t trials_work(const Call& call) { return 64 * call.out->size(); }

void truncated_run(Call& call) {
  const auto a = call.attrs.as<TruncatedAttr>();
  fill_each(call, [&](Numbers u, int64_t) { return truncated_normal(u, a.low, a.high); });
}
/// Bounds between which a draw is taken at some time.
bool truncated_accepts(const Call& call) {
  if (!has<TruncatedAttr>(call, 1)) return false;
  const auto a = call.attrs.as<TruncatedAttr>();
  constexpr double kFar = 1e100;
  return is_drawn(call, a.shape, a.dtype) && is_float(static_cast<DType>(a.dtype)) && a.low < a.high && a.low < kFar &&
         a.high > -kFar;
}
const Op kTruncated{.name = "random_truncated",
                    .kind = OpKind::Constant,
                    .infer = truncated_infer,
                    .run = truncated_run,
                    .batch = batch_same,
                    .work = trials_work,
                    .accepts = truncated_accepts};

/// Draws whose distribution an operand tells, element by element: behind the axes of the states, those of one member.
template <DType (*Result)(DType)>
void told_infer(Call& call) {
  const Dims &states = call.in(0).shape(), &told = call.in(1).shape();
  for (int i = 0; i < states.size() - 1; ++i) {
    if (i >= told.size() || told[i] != states[i])
      fail(ErrorKind::Value, call.op.name, ": ", to_string(told), " does not fit states ", to_string(states), ".");
  }
  call.out->set_shape(told, Result(call.in(1).dtype()));
}
DType like_operand(DType dtype) { return dtype; }

void batch_together(Batching& b) {
  for (int k = 0; k < b.count(); ++k) {
    Batching::Member& m = b.members[static_cast<size_t>(k)];
    m.value = b.front(k);
    m.batched = true;
  }
  b.run(b.attrs);
}

/// log(k!) - (k log k - k), k > 0: Stirling's series.
double stirling_rest(double k) {
  constexpr double kHalfLog2Pi = 0.91893853320467274178;
  if (k < 10) {
    double log_factorial = 0;
    for (double i = 2; i <= k; ++i) log_factorial += log_unit(i);
    return log_factorial - (k * log_unit(k) - k);
  }
  const double z = 1 / (k * k);
  return 0.5 * log_unit(k) + kHalfLog2Pi + (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z / 1680))) / k;
}

/// k log(k / mean) + mean - k, without cancellation: C. Loader, Fast and accurate computation of binomial
/// probabilities, 2000.
double deviance(double k, double mean) {
  if (k == 0) return mean;
  if (std::abs(k - mean) >= 0.1 * (k + mean)) return k * log_unit(k / mean) + mean - k;
  const double v = (k - mean) / (k + mean);
  double sum = (k - mean) * v, term = 2 * k * v;
  for (int j = 3; j < 1000; j += 2) {
    term *= v * v;
    const double next = sum + term / j;
    if (next == sum) break;
    sum = next;
  }
  return sum;
}

/// Small means by adding up probabilities. Others by transformed rejection: W. Hoermann, Insurance: Mathematics and
/// Economics 12, 1993, algorithm PTRS.
double poisson(Numbers& u, double mean) {
  if (!(mean >= 0)) return kNaN;
  if (mean == kInf) return kInf;
  if (mean < 10) {
    const double x = u.below_one();
    double p = exp_negative(-mean), sum = p;
    int k = 0;
    while (x >= sum && k < 200) {
      p *= mean / ++k;
      sum += p;
    }
    return k;
  }
  const double b = 0.931 + 2.53 * std::sqrt(mean), a = -0.059 + 0.02483 * b;
  const double inverse = 1.1239 + 1.1328 / (b - 3.4), inside = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double x = u.below_one() - 0.5, v = u.above_zero(), s = 0.5 - std::abs(x);
    const double k = std::floor((2 * a / s + b) * x + mean + 0.43);
    if (s >= 0.07 && v <= inside) return k;
    if (!(k >= 0) || k == kInf || (s < 0.013 && v > s)) continue;
    const double rest = k > 0 ? stirling_rest(k) : 0;
    if (log_unit(v) + log_unit(inverse) - log_unit(a / (s * s) + b) <= -deviance(k, mean) - rest) return k;
  }
}

bool is_told(const Call& call) { return are_states(call.in(0)) && is_float(call.in(1).dtype()); }
bool poisson_accepts(const Call& call) { return has_none(call, 2) && is_told(call); }
void poisson_run(Call& call) {
  const Tensor rate = as_contiguous(call.in(1), DType::Float64);
  const auto* p = rate.data_as<double>();
  fill_each(call, [=](Numbers u, int64_t i) { return poisson(u, p[i]); });
}
const Op kPoisson{.name = "random_poisson",
                  .kind = OpKind::Constant,
                  .infer = told_infer<like_operand>,
                  .run = poisson_run,
                  .batch = batch_together,
                  .work = trials_work,
                  .accepts = poisson_accepts};

/// G. Marsaglia, W. W. Tsang: A simple method for generating gamma variables. ACM TOMS 26, 2000. The number or its
/// logarithm, which the smallest have in spite of underflow.
double gamma(Numbers& u, double alpha, bool logarithm) {
  if (!(alpha >= 0)) return kNaN;
  if (alpha == 0) return logarithm ? -kInf : 0;
  if (alpha == kInf) return kInf;
  const double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = u.normal(), root = 1 + c * x, v = root * root * root;
    const double log_u = log_unit(u.above_zero());
    if (root <= 0 || v <= 0 || log_u >= x * x / 2 + d - d * v + d * log_unit(v)) continue;
    if (alpha >= 1) return logarithm ? log_unit(d * v) : d * v;
    const double smaller = log_unit(u.above_zero()) / alpha;  // the logarithm of the factor for a shape below 1
    if (logarithm) return log_unit(d * v) + smaller;
    return smaller > -700 ? d * v * exp_negative(smaller) : 0;
  }
}

double digamma(double x) {
  double sum = 0;
  for (; x < 10; ++x) sum -= 1 / x;
  const double z = 1 / (x * x);
  return sum + std::log(x) - 0.5 / x -
         z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * 691.0 / 32760)))));
}

/// A number with its derivative by the shape.
struct Dual {
  double v, d;
};
Dual operator+(Dual a, Dual b) { return {a.v + b.v, a.d + b.d}; }
Dual operator*(Dual a, Dual b) { return {a.v * b.v, a.d * b.v + a.v * b.d}; }
Dual operator/(Dual a, Dual b) { return {a.v / b.v, (a.d - a.v / b.v * b.d) / b.v}; }

/// The derivative by the shape a of the logarithm of a gamma variable that keeps its probability P(a, x): -P'(a) /
/// (x p(x)), p the density (M. Figurnov, S. Mohamed, A. Mnih: Implicit reparameterization gradients, 2018). Below the
/// mean from the power series of P, whose terms are positive; above from the continued fraction of 1 - P,
/// differentiated.
double log_gamma_slope(double a, double log_x) {
  const double x = std::exp(log_x);
  if (!(a > 0) || std::isnan(x)) return kNaN;
  if (x < a + 1) {
    double term = 1 / a, psi = digamma(a) + 1 / a - log_x, sum = term * psi;
    for (double n = 1;; ++n) {
      term *= x / (a + n);
      psi += 1 / (a + n);
      const double next = sum + term * psi;
      if (next == sum || !(n < 1e7)) return sum;
      sum = next;
    }
  }
  constexpr double kTiny = 1e-300;
  Dual b{x + 1 - a, -1}, c{1 / kTiny, 0}, d = Dual{1, 0} / b, h = d;
  for (double n = 1; n < 1e7; ++n) {
    const Dual an{-n * (n - a), n};
    b.v += 2;
    d = an * d + b;
    if (std::abs(d.v) < kTiny) d.v = kTiny;
    c = b + an / c;
    if (std::abs(c.v) < kTiny) c.v = kTiny;
    d = Dual{1, 0} / d;
    const Dual step = d * c, before = h;
    h = h * step;
    if (std::abs(h.v - before.v) <= 1e-16 * h.v && std::abs(h.d - before.d) <= 1e-16 * std::abs(h.d)) break;
  }
  return h.v * (log_x - digamma(a)) + h.d;
}

struct GammaAttr {
  int64_t logarithm;
};

/// Operands: the shapes and what was drawn.
void gamma_slope_infer(Call& call) { call.out->set_shape(call.in(1).shape(), call.in(1).dtype()); }
void gamma_slope_run(Call& call) {
  const bool logarithm = call.attrs.as<GammaAttr>().logarithm;
  const Tensor alpha = as_contiguous(call.in(0), DType::Float64), drawn = as_contiguous(call.in(1), DType::Float64);
  Tensor made(call.out->shape(), DType::Float64);
  const double *a = alpha.data_as<double>(), *x = drawn.data_as<double>();
  auto* const out = made.mutable_data_as<double>();
  constexpr int64_t kChunk = 256;
  parallel_for((made.size() + kChunk - 1) / kChunk, [&](int64_t chunk) {
    for (int64_t i = chunk * kChunk; i < std::min(made.size(), (chunk + 1) * kChunk); ++i) {
      if (logarithm) {
        out[i] = log_gamma_slope(a[i], x[i]);
      } else {
        out[i] = x[i] == 0 ? 0 : x[i] * log_gamma_slope(a[i], std::log(x[i]));
      }
    }
  });
  copy_to(made, call.out->mutable_data(), call.out->dtype());
}
void gamma_slope_vjp(Pullback&) {
  fail(ErrorKind::Value, "standard_gamma: there is no second derivative by the shape; use stop_gradient(alpha).");
}
bool gamma_slope_accepts(const Call& call) {
  return has<GammaAttr>(call, 2) && is_flag(call.attrs.as<GammaAttr>().logarithm) &&
         call.in(0).shape() == call.in(1).shape();
}
const Op kGammaSlope{.name = "random_gamma_slope",
                     .kind = OpKind::Custom,
                     .infer = gamma_slope_infer,
                     .run = gamma_slope_run,
                     .vjp = gamma_slope_vjp,
                     .batch = batch_together,
                     .work = trials_work,
                     .accepts = gamma_slope_accepts};

void gamma_run(Call& call) {
  const bool logarithm = call.attrs.as<GammaAttr>().logarithm;
  const Tensor alpha = as_contiguous(call.in(1), DType::Float64);
  const auto* p = alpha.data_as<double>();
  fill_each(call, [=](Numbers u, int64_t i) { return gamma(u, p[i], logarithm); });
}
void gamma_vjp(Pullback& p) {
  if (p.active(1)) p.give(1, p.g * apply(kGammaSlope, {&p.in(1), &p.out()}, p.attrs()));
}
void gamma_jvp(Pushforward& p) {
  if (p.active(1)) p.give(p.tangent(1) * apply(kGammaSlope, {&p.in(1), &p.out()}, p.attrs()));
}
bool gamma_accepts(const Call& call) {
  return has<GammaAttr>(call, 2) && is_flag(call.attrs.as<GammaAttr>().logarithm) && is_told(call);
}
const Op kGamma{.name = "random_gamma",
                .kind = OpKind::Custom,
                .infer = told_infer<like_operand>,
                .run = gamma_run,
                .vjp = gamma_vjp,
                .needs = {0, needs_input(1) | needs_output(0)},
                .jvp = gamma_jvp,
                .batch = batch_together,
                .work = trials_work,
                .accepts = gamma_accepts};

// ---- classes by weight --------------------------------------------------------------------------------------------

struct ChoiceAttr {
  int64_t count, replacement;
};

void weights_infer(Call& call) {
  const Tensor& w = call.in(0);
  if (w.rank() == 0 || w.shape().back() == 0)
    fail(ErrorKind::Value, "multinomial: there are no classes in input of shape ", to_string(w.shape()), ".");
  call.out->set_shape(w.shape(), DType::Float64);
}
void weights_run(Call& call) {
  const auto a = call.attrs.as<ChoiceAttr>();
  copy_to(call.in(0), call.out->mutable_data(), DType::Float64);
  const auto* w = call.out->mutable_data_as<double>();
  const int64_t classes = call.out->shape().back();
  for (int64_t row = 0; row < call.out->size() / classes; ++row, w += classes) {
    int64_t possible = 0;
    for (int64_t k = 0; k < classes; ++k) {
      if (!(w[k] >= 0) || w[k] == kInf)
        fail(ErrorKind::Value, "multinomial: a weight must be finite and not negative, got ", w[k], ".");
      possible += w[k] > 0;
    }
    if (possible < (a.replacement ? 1 : a.count)) {
      fail(ErrorKind::Value, "multinomial: ", a.count, a.replacement ? " samples with" : " samples without",
           " replacement cannot be drawn from ", possible, " classes of positive weight.");
    }
  }
}
bool is_choice(const ChoiceAttr& a) { return is_size(a.count) && is_flag(a.replacement); }
bool weights_accepts(const Call& call) { return has<ChoiceAttr>(call, 1) && is_choice(call.attrs.as<ChoiceAttr>()); }
const Op kWeights{.name = "choice_weights",
                  .kind = OpKind::Constant,
                  .infer = weights_infer,
                  .run = weights_run,
                  .checks = true,
                  .batch = batch_same,
                  .accepts = weights_accepts};

void choice_infer(Call& call) {
  Dims shape = call.in(1).shape();
  shape.erase(shape.size() - 1);
  shape.push_back(call.attrs.as<ChoiceAttr>().count);
  call.out->set_shape(shape, DType::Int64);
}

/// Row r's samples: number r * count + k of the sequence finds sample k in the sums of the weights; without replacement
/// number r * classes + k is the time at which class k arrives, and the first ones are taken.
void choice_run(Call& call) {
  const auto a = call.attrs.as<ChoiceAttr>();
  const States states(call.in(0));
  const Tensor weights = as_contiguous(call.in(1), DType::Float64);
  const int64_t classes = weights.shape().back(), all = weights.size() / classes;
  const int64_t rows = states.count() ? all / states.count() : 0;
  auto* const out = call.out->mutable_data_as<int64_t>();
  parallel_for(all, [&](int64_t row) {
    const double* w = weights.data_as<double>() + row * classes;
    int64_t* const drawn = out + row * a.count;
    const int64_t state = row / rows, each = a.replacement ? a.count : classes;
    Tensor u(Dims{each}, DType::Float64), sums(Dims{classes}, DType::Float64);
    auto* const p = u.mutable_data_as<double>();
    const uint64_t first = states.drawn(state) + static_cast<uint64_t>(row % rows * each);
    kernels().random.uniform_f64({states.seed(state), first, each}, p);
    auto* const s = sums.mutable_data_as<double>();
    if (a.replacement) {
      std::partial_sum(w, w + classes, s);
      const int64_t last = std::lower_bound(s, s + classes, s[classes - 1]) - s;  // the last of positive weight
      for (int64_t k = 0; k < a.count; ++k)
        drawn[k] = std::min(last, std::upper_bound(s, s + classes, p[k] * s[classes - 1]) - s);
      return;
    }
    for (int64_t k = 0; k < classes; ++k) s[k] = w[k] > 0 ? -log_unit(p[k] + 0x1p-53) / w[k] : kInf;
    std::vector<int64_t> order(static_cast<size_t>(classes));
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + a.count, order.end(),
                      [s](int64_t i, int64_t j) { return s[i] != s[j] ? s[i] < s[j] : i < j; });
    std::copy_n(order.begin(), a.count, drawn);
  });
}
bool choice_accepts(const Call& call) {
  if (!has<ChoiceAttr>(call, 2)) return false;
  const auto a = call.attrs.as<ChoiceAttr>();
  const Tensor &states = call.in(0), &weights = call.in(1);
  if (!is_choice(a) || !are_states(states) || weights.rank() < states.rank() || weights.shape().back() < 1 ||
      (!a.replacement && a.count > weights.shape().back()))
    return false;
  bool fits = true;
  for (int i = 0; i + 1 < states.rank(); ++i) fits = fits && states.shape()[i] == weights.shape()[i];
  return fits;
}
const Op kChoice{.name = "random_choice",
                 .kind = OpKind::Constant,
                 .infer = choice_infer,
                 .run = choice_run,
                 .batch = batch_together,
                 .accepts = choice_accepts};

Tensor draw(const Op& op, const Tensor& state, const Dims& shape, DType dtype, int64_t low = 0, int64_t high = 0) {
  return apply(op, {&state}, Attrs(DrawAttr{DimsAttr(shape), static_cast<int64_t>(dtype), low, high}));
}

// Without an interpreter: one state, guarded by a mutex. It outlives every thread that draws.
std::mutex own_mutex;
Tensor& own_state() {
  static Tensor* const state = new Tensor(generator_state(0));
  return *state;
}

/// The state for as many numbers as `shape` holds.
Tensor state_for(const Dims& shape, const uint64_t* seed) {
  if (seed) return generator_state(*seed);
  return take([](FunctionRef<Tensor(const Tensor&)> next) { return process_generator.exchange(next); }, count(shape));
}

}  // namespace

ProcessGenerator process_generator = {[] {
                                        std::lock_guard lock(own_mutex);
                                        return own_state();
                                      },
                                      [](FunctionRef<Tensor(const Tensor&)> next) {
                                        std::lock_guard lock(own_mutex);
                                        return std::exchange(own_state(), next(own_state()));
                                      }};

void set_seed(uint64_t seed) {
  process_generator.exchange([seed](const Tensor&) { return generator_state(seed); });
}
uint64_t get_seed() { return States(process_generator.state()).seed(0); }

Tensor take(Exchange exchange, int64_t n) {
  note_draw();
  std::vector<std::pair<const Frame*, int64_t>> batches;  // the innermost first, with the numbers of one member
  int64_t all = n;
  for (const Frame* f = context().frame; f; f = f->place.outer) {
    if (f->draws == Draws::Refused) {
      fail(ErrorKind::Runtime,
           "vmap: a random number is drawn for a batch; say vmap(..., randomness='different') for numbers of each "
           "member's own, randomness='same' for one number for all, or give the draw a seed.");
    }
    if (f->draws == Draws::Same) continue;
    batches.emplace_back(f, all);
    all *= f->size;
  }
  Tensor state = exchange([all](const Tensor& now) { return advanced(now, all); });
  while (!batches.empty()) {
    const auto [frame, each] = batches.back();
    batches.pop_back();
    state = make_batch(*frame, apply(kSpread, {&state}, Attrs(SpreadAttr{frame->size, each})));
  }
  return state;
}

Tensor random_uniform(const Dims& shape, DType dtype, const uint64_t* seed) {
  require_float("rand", dtype);
  return random_uniform(state_for(shape, seed), shape, dtype);
}
Tensor random_normal(const Dims& shape, DType dtype, const uint64_t* seed) {
  require_float("randn", dtype);
  return random_normal(state_for(shape, seed), shape, dtype);
}
Tensor random_integers(const Dims& shape, int64_t low, int64_t high, DType dtype, const uint64_t* seed) {
  require_range(low, high);
  return random_integers(state_for(shape, seed), shape, low, high, dtype);
}

Tensor generator_state(uint64_t seed, uint64_t drawn) {
  Tensor t(Dims{2}, DType::UInt64);
  t.mutable_data_as<uint64_t>()[0] = seed;
  t.mutable_data_as<uint64_t>()[1] = drawn;
  return t;
}

Tensor advanced(const Tensor& state, int64_t n) { return apply(kAdvance, {&state}, Attrs(AdvanceAttr{n})); }

Tensor random_uniform(const Tensor& state, const Dims& shape, DType dtype) {
  require_float("rand", dtype);
  return draw(kUniform, state, shape, dtype);
}

Tensor random_normal(const Tensor& state, const Dims& shape, DType dtype) {
  require_float("randn", dtype);
  return draw(kNormal, state, shape, dtype);
}

Tensor random_integers(const Tensor& state, const Dims& shape, int64_t low, int64_t high, DType dtype) {
  require_range(low, high);
  return draw(kIntegers, state, shape, dtype, low, high);
}

Tensor random_truncated(const Tensor& state, const Dims& shape, double low, double high, DType dtype) {
  require_float("truncated_normal", dtype);
  if (!(low < high))
    fail(ErrorKind::Value, "truncated_normal: low must be less than high, got ", low, " and ", high, ".");
  return apply(kTruncated, {&state}, Attrs(TruncatedAttr{DimsAttr(shape), static_cast<int64_t>(dtype), low, high}));
}

Tensor random_permutation(const Tensor& state, int64_t n) {
  if (n < 0) fail(ErrorKind::Value, "randperm: n must not be negative, got ", n, ".");
  return draw(kPermutation, state, Dims{n}, DType::Int64);
}

Tensor random_gamma(const Tensor& state, const Tensor& alpha, bool logarithm) {
  require_float("standard_gamma", alpha.dtype());
  return apply(kGamma, {&state, &alpha}, Attrs(GammaAttr{logarithm}));
}

Tensor random_poisson(const Tensor& state, const Tensor& rate) {
  require_float("random_poisson", rate.dtype());
  return apply(kPoisson, {&state, &rate});
}

Tensor choice_weights(const Tensor& weights, int64_t count, bool replacement) {
  if (count < 0) fail(ErrorKind::Value, "multinomial: num_samples must not be negative, got ", count, ".");
  return apply(kWeights, {&weights}, Attrs(ChoiceAttr{count, replacement}));
}

Tensor random_choice(const Tensor& state, const Tensor& weights, int64_t count, bool replacement) {
  return apply(kChoice, {&state, &weights}, Attrs(ChoiceAttr{count, replacement}));
}

namespace {

constexpr Function kFunctions[] = {
    def("_random_uniform(state, size, dtype)", "Numbers uniform in [0, 1) from the state of a generator.",
        {"_random_uniform(zeros((2,), uint64), (3,), float32).shape", "(3,)"},
        [](const Tensor& state, const Dims& size, DType dtype) { return random_uniform(state, size, dtype); },
        {.method = false}),
    def("_random_normal(state, size, dtype)", "Standard normal numbers from the state of a generator.",
        {"_random_normal(zeros((2,), uint64), (3,), float32).shape", "(3,)"},
        [](const Tensor& state, const Dims& size, DType dtype) { return random_normal(state, size, dtype); },
        {.method = false}),
    def("_random_integers(state, low, high, size, dtype)", "Integers in [low, high) from the state of a generator.",
        {"_random_integers(zeros((2,), uint64), 0, 5, (3,), int64).shape", "(3,)"},
        [](const Tensor& state, int64_t low, int64_t high, const Dims& size, DType dtype) {
          return random_integers(state, size, low, high, dtype);
        },
        {.method = false}),
    def("_random_truncated(state, low, high, size, dtype)",
        "Standard normal numbers in [low, high] from the state of a generator.",
        {"_random_truncated(zeros((2,), uint64), 0.0, 1.0, (3,), float32).shape", "(3,)"},
        [](const Tensor& state, double low, double high, const Dims& size, DType dtype) {
          return random_truncated(state, size, low, high, dtype);
        },
        {.method = false}),
    def("_random_permutation(state, n)", "A permutation of [0, n) from the state of a generator.",
        {"_random_permutation(zeros((2,), uint64), 3).shape", "(3,)"},
        [](const Tensor& state, int64_t n) { return random_permutation(state, n); }, {.method = false}),
    def("_random_gamma(state, alpha, logarithm)",
        "Gamma numbers of scale 1 whose shapes are the elements of alpha, or their logarithms.",
        {"_random_gamma(zeros((2,), uint64), ones((3,)), False).shape", "(3,)"},
        [](const Tensor& state, const Tensor& alpha, bool logarithm) { return random_gamma(state, alpha, logarithm); },
        {.method = false}),
    def("_random_poisson(state, rate)", "Poisson numbers whose rates are the elements of a tensor.",
        {"_random_poisson(zeros((2,), uint64), ones((3,))).shape", "(3,)"},
        [](const Tensor& state, const Tensor& rate) { return random_poisson(state, rate); }, {.method = false}),
    def("_choice_weights(weights, count, replacement)", "Weights as float64, checked.",
        {"_choice_weights(Tensor([1, 2]), 2, True)", "[1. 2.]"},
        [](const Tensor& weights, int64_t count, bool replacement) {
          return choice_weights(weights, count, replacement);
        },
        {.method = false}),
    def("_random_choice(state, weights, count, replacement)",
        "Classes along the last axis, each as often as its weight says.",
        {"_random_choice(zeros((2,), uint64), ones((3,)), 2, True).shape", "(2,)"},
        [](const Tensor& state, const Tensor& weights, int64_t count, bool replacement) {
          return random_choice(state, weights, count, replacement);
        },
        {.method = false}),
};

}  // namespace

void list_random_ops(OpList& list) {
  list.insert(list.end(), {&kAdvance, &kSpread, &kUniform, &kNormal, &kIntegers, &kPermutation, &kTruncated, &kPoisson,
                           &kGammaSlope, &kGamma, &kWeights, &kChoice});
}

const std::span<const Function> kRandomFunctions = kFunctions;

}  // namespace adcore
