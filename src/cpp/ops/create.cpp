// Tensors out of nothing: constants, sequences; the functions that draw random numbers.
#include <algorithm>
#include <cmath>

#include "ops/functions.h"
#include "ops/random.h"
#include "ops/table.h"

namespace adcore {
namespace {

DType dtype_or(Args& a, int i, DType fallback) { return a.given(i) ? a.dtype(i) : fallback; }

Tensor filled(Args& a, int value, const Dims& shape, DType dtype) {
  if (a.is_bool(value)) return full(shape, int64_t{a.flag(value)}, dtype);
  if (!a.is_integer(value)) return full(shape, a.real(value), dtype);
  if (!holds(dtype, a.integer(value))) {
    fail(ErrorKind::Overflow, "full: ", a.integer(value), " does not fit ", name_of(dtype), ".");
  }
  return full(shape, a.integer(value), dtype);
}
DType value_dtype(Args& a, int value) {
  if (a.is_tensor(value)) return a.tensor(value).dtype();
  return a.is_bool(value) ? DType::Bool : a.is_integer(value) ? DType::Int64 : DType::Float32;
}
Tensor full_front(Args& a) {
  const DType dtype = dtype_or(a, 2, value_dtype(a, 1));
  if (a.is_tensor(1)) return cast(broadcast_to(reshape(a.tensor(1), {}), a.dims(0)), dtype);
  return filled(a, 1, a.dims(0), dtype);
}
Tensor full_like(Args& a) { return filled(a, 1, a.tensor(0).shape(), dtype_or(a, 2, a.tensor(0).dtype())); }

Tensor arange(Args& a) {
  const bool two = a.given(1);
  const bool whole_numbers = a.is_integer(0) && (!two || a.is_integer(1)) && a.is_integer(2);
  const DType dtype = dtype_or(a, 3, whole_numbers ? DType::Int64 : DType::Float32);
  if (whole_numbers) {
    const int64_t start = two ? a.integer(0) : 0, end = a.integer(two ? 1 : 0), step = a.integer(2);
    if (step == 0) fail(ErrorKind::Value, "arange: step must not be 0.");
    const bool runs = step > 0 ? start < end : start > end;
    // Counted without signs: the distance of two int64 fits an unsigned one.
    const uint64_t distance = step > 0 ? static_cast<uint64_t>(end) - static_cast<uint64_t>(start)
                                       : static_cast<uint64_t>(start) - static_cast<uint64_t>(end);
    const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
    const uint64_t n = runs ? (distance - 1) / stride + 1 : 0;
    if (n > INT64_MAX / 8) throw std::bad_alloc();
    Tensor t(Dims{static_cast<int64_t>(n)}, DType::Int64);
    auto* p = t.mutable_data_as<uint64_t>();
    for (uint64_t i = 0; i < n; ++i) p[i] = static_cast<uint64_t>(start) + i * static_cast<uint64_t>(step);
    return as_contiguous(t, dtype);
  }
  const double start = two ? a.real(0) : 0, end = a.real(two ? 1 : 0), step = a.real(2);
  if (!(step != 0) || !std::isfinite(start) || !std::isfinite(end) || !std::isfinite(step)) {
    fail(ErrorKind::Value, "arange: needs finite bounds and a step that is not 0, got ", start, ", ", end, ", ", step,
         ".");
  }
  const double n = std::max(0.0, std::ceil((end - start) / step));
  if (n > 1e18) throw std::bad_alloc();
  Tensor t(Dims{static_cast<int64_t>(n)}, DType::Float64);
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_data_as<double>()[i] = start + static_cast<double>(i) * step;
  return as_contiguous(t, dtype);
}

double endpoint(Args& a, int i) { return a.is_tensor(i) ? item(a.tensor(i)) : a.real(i); }

Tensor linspace(Args& a) {
  const double start = endpoint(a, 0), end = endpoint(a, 1);
  const int64_t n = a.integer(2);
  if (n < 0) fail(ErrorKind::Value, "linspace: steps must be at least 0, got ", n, ".");
  Tensor t(Dims{n}, DType::Float64);
  auto* p = t.mutable_data_as<double>();
  for (int64_t i = 0; i < n; ++i)
    p[i] = i == n - 1 && n > 1
               ? end
               : start + static_cast<double>(i) * ((end - start) / static_cast<double>(std::max<int64_t>(1, n - 1)));
  return as_contiguous(t, dtype_or(a, 3, DType::Float32));
}

Tensor eye(Args& a) {
  const int64_t n = a.integer(0), m = a.given(1) ? a.integer(1) : n;
  Tensor t = zeros(Dims{n, m}, DType::Float32);
  for (int64_t i = 0; i < std::min(n, m); ++i) t.mutable_data_as<float>()[i * m + i] = 1;
  return as_contiguous(t, dtype_or(a, 2, DType::Float32));
}

/// An optional seed argument.
class Seed {
 public:
  Seed(Args& a, int i) : given_(a.given(i)), value_(given_ ? static_cast<uint64_t>(a.integer(i)) : 0) {}
  const uint64_t* get() const { return given_ ? &value_ : nullptr; }

 private:
  bool given_;
  uint64_t value_;
};

constexpr Function kFunctions[] = {
    {"zeros(size: dims, dtype: dtype = None)",
     "A tensor of zeros; float32 unless a dtype is named.",
     {"zeros((2,))", "[0. 0.]"},
     [](Args& a) { return full(a.dims(0), int64_t{0}, dtype_or(a, 1, DType::Float32)); },
     nullptr,
     false},
    {"ones(shape: dims, dtype: dtype = None)",
     "A tensor of ones; float32 unless a dtype is named.",
     {"ones((2,))", "[1. 1.]"},
     [](Args& a) { return full(a.dims(0), int64_t{1}, dtype_or(a, 1, DType::Float32)); },
     nullptr,
     false},
    {"full(size: dims, fill_value: Number, *, dtype: dtype = None)",
     "A tensor of one value: bool, int64 or float32 as the value is, unless a dtype is named.",
     {"full((2,), 1.5)", "[1.5 1.5]"},
     full_front,
     nullptr,
     false},
    {"zeros_like(input: Tensor, *, dtype: dtype = None)",
     "Zeros of the shape and dtype of a tensor.",
     {"zeros_like(Tensor([3.0]))", "[0.]"},
     [](Args& a) { return full(a.tensor(0).shape(), int64_t{0}, dtype_or(a, 1, a.tensor(0).dtype())); },
     nullptr,
     false},
    {"ones_like(input: Tensor, *, dtype: dtype = None)",
     "Ones of the shape and dtype of a tensor.",
     {"ones_like(Tensor([3.0]))", "[1.]"},
     [](Args& a) { return full(a.tensor(0).shape(), int64_t{1}, dtype_or(a, 1, a.tensor(0).dtype())); },
     nullptr,
     false},
    {"full_like(input: Tensor, fill_value: Number, *, dtype: dtype = None)",
     "One value in the shape and dtype of a tensor.",
     {"full_like(Tensor([3.0]), 7)", "[7.]"},
     full_like,
     nullptr,
     false},
    {"arange(start: Number = 0, end: Number = None, step: Number = 1, *, dtype: dtype = None)",
     "Numbers from start up to, not including, end. One argument is the end. int64 for integers, else float32.",
     {"arange(3)", "[0 1 2]"},
     arange,
     nullptr,
     false},
    {"linspace(start: Number, end: Number, steps: int, *, dtype: dtype = None)",
     "Evenly spaced numbers from start to end, both included.",
     {"linspace(0, 1, 3)", "[0.  0.5 1. ]"},
     linspace,
     nullptr,
     false},
    {"eye(n: int, m: int = None, dtype: dtype = None)",
     "Ones on the diagonal, zeros elsewhere.",
     {"eye(2)", "[[1. 0.]\n [0. 1.]]"},
     eye,
     nullptr,
     false},
    {"rand(size: dims..., dtype: dtype = None, seed: int = None)",
     "Random numbers, uniform in [0, 1).",
     {"rand(2, 3).shape", "(2, 3)"},
     [](Args& a) { return random_uniform(a.dims(0), dtype_or(a, 1, DType::Float32), Seed(a, 2).get()); },
     nullptr,
     false},
    {"randn(size: dims..., dtype: dtype = None, seed: int = None)",
     "Random numbers from the standard normal distribution.",
     {"randn(2, 3).shape", "(2, 3)"},
     [](Args& a) { return random_normal(a.dims(0), dtype_or(a, 1, DType::Float32), Seed(a, 2).get()); },
     nullptr,
     false},
    {"randint(low: int, high: int, size: dims, seed: int = None, *, dtype: dtype = None)",
     "Random integers in [low, high); int64 unless a dtype is named.",
     {"randint(0, 5, (2, 3)).shape", "(2, 3)"},
     [](Args& a) {
       return random_integers(a.dims(2), a.integer(0), a.integer(1), dtype_or(a, 4, DType::Int64), Seed(a, 3).get());
     },
     nullptr,
     false},
    {"rand_like(input: Tensor, seed: int = None, *, dtype: dtype = None)",
     "Uniform random numbers in the shape of a tensor.",
     {"rand_like(Tensor([1.0, 2.0])).shape", "(2,)"},
     [](Args& a) { return random_uniform(a.tensor(0).shape(), dtype_or(a, 2, a.tensor(0).dtype()), Seed(a, 1).get()); },
     nullptr,
     false},
    {"randn_like(input: Tensor, seed: int = None, *, dtype: dtype = None)",
     "Standard normal numbers in the shape of a tensor.",
     {"randn_like(Tensor([1.0, 2.0])).shape", "(2,)"},
     [](Args& a) { return random_normal(a.tensor(0).shape(), dtype_or(a, 2, a.tensor(0).dtype()), Seed(a, 1).get()); },
     nullptr,
     false},
};

}  // namespace

const std::span<const Function> kCreateFunctions = kFunctions;

}  // namespace adcore
