#include "ops/random.h"

#include <cmath>
#include <mutex>
#include <utility>

#include "ops/functions.h"
#include "ops/rules.h"

namespace adcore {
namespace {

void require_float(const char* op, DType dtype) {
  if (!is_float(dtype))
    fail(ErrorKind::Type, op, ": random real numbers need a float dtype, got ", name_of(dtype), ".");
}

void require_range(int64_t low, int64_t high) {
  if (low >= high) fail(ErrorKind::Value, "randint: low must be less than high, got ", low, " and ", high, ".");
}

/// What a draw from the state gives: n numbers from its place in the sequence on.
RandomArgs args_of(const Tensor& state, int64_t n) {
  const Tensor s = as_contiguous(state, DType::UInt64);
  return {s.data_as<uint64_t>()[0], s.data_as<uint64_t>()[1], n};
}

// ---- the state ----------------------------------------------------------------------------------------------------

struct AdvanceAttr {
  int64_t count;
};
void advance_infer(Call& call) { call.out->set_shape(Dims{2}, DType::UInt64); }
void advance_run(Call& call) {
  const RandomArgs now = args_of(call.in(0), 0);
  auto* out = call.out->mutable_data_as<uint64_t>();
  out[0] = now.seed;
  out[1] = now.offset + static_cast<uint64_t>(call.attrs.as<AdvanceAttr>().count);
}
const Op kAdvance{.name = "random_advance", .kind = OpKind::Constant, .infer = advance_infer, .run = advance_run};

// ---- numbers ------------------------------------------------------------------------------------------------------

struct DrawAttr {
  DimsAttr shape;
  int64_t dtype;
  int64_t low = 0, high = 0;  // of integers
};

void draw_infer(Call& call) {
  const auto a = call.attrs.as<DrawAttr>();
  call.out->set_shape(a.shape.dims(), static_cast<DType>(a.dtype));
}

/// Calls draw with memory of type `made`, which becomes the output.
template <class Draw>
void fill(Call& call, DType made, Draw draw) {
  Tensor& out = *call.out;
  if (out.dtype() == made) return draw(out);
  Tensor t(out.shape(), made);
  draw(t);
  copy_to(t, out.mutable_data(), out.dtype());
}

void uniform_run(Call& call) {
  const DType dtype = call.out->dtype();
  const RandomArgs args = args_of(call.in(0), call.out->size());
  fill(call, storage_of(compute_of(dtype)), [&](Tensor& t) {
    if (t.dtype() == DType::Float64) return kernels().random.uniform_f64(args, t.mutable_data_as<double>());
    auto* p = t.mutable_data_as<float>();
    kernels().random.uniform_f32(args, p);
    // Half precision takes as many bits as it holds below 1; rounding would give 1 itself.
    const float steps = dtype == DType::Float16 ? 2048.0F : 256.0F;
    for (int64_t i = 0; dtype != DType::Float32 && i < t.size(); ++i) p[i] = std::floor(p[i] * steps) / steps;
  });
}

void normal_run(Call& call) {
  const RandomArgs args = args_of(call.in(0), call.out->size());
  fill(call, storage_of(compute_of(call.out->dtype())), [&](Tensor& t) {
    if (t.dtype() == DType::Float64) return kernels().random.normal_f64(args, t.mutable_data_as<double>());
    kernels().random.normal_f32(args, t.mutable_data_as<float>());
  });
}

void integers_run(Call& call) {
  const auto a = call.attrs.as<DrawAttr>();
  const RandomArgs args = args_of(call.in(0), call.out->size());
  fill(call, DType::Int64,
       [&](Tensor& t) { kernels().random.integers(args, a.low, a.high, t.mutable_data_as<int64_t>()); });
}

const Op kUniform{.name = "random_uniform", .kind = OpKind::Constant, .infer = draw_infer, .run = uniform_run};
const Op kNormal{.name = "random_normal", .kind = OpKind::Constant, .infer = draw_infer, .run = normal_run};
const Op kIntegers{.name = "random_integers", .kind = OpKind::Constant, .infer = draw_infer, .run = integers_run};

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
  const int64_t n = count(shape);
  return process_generator.exchange([n](const Tensor& state) { return advanced(state, n); });
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
uint64_t get_seed() { return args_of(process_generator.state(), 0).seed; }

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

}  // namespace adcore
