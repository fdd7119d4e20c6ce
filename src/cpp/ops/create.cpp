// Tensors out of nothing: constants, sequences; the functions that draw random numbers.
#include <algorithm>
#include <cmath>

#include "base/fit.h"
#include "ops/functions.h"
#include "ops/random.h"
#include "ops/table.h"

namespace adcore {

Tensor filled_beside(const char* op, const Number& value, const Dims& shape, DType dtype) {
  const auto fail_fraction = [&](const auto&... what) {
    fail(ErrorKind::Type, op, ": ", what..., " would lose its fraction in ", name_of(dtype), "; cast the input first.");
  };
  if (value.is_tensor()) {
    const Tensor& t = value.tensor();
    if (is_float(t.dtype()) && !is_float(dtype)) fail_fraction("a value of ", name_of(t.dtype()));
    return cast(broadcast_to(t, shape), dtype);
  }
  if (is_float(dtype)) return full(shape, value.real(), dtype);
  if (value.is_bool()) return full(shape, value.integer(), dtype);
  if (!value.is_integer() && !(std::trunc(value.real()) == value.real() && std::abs(value.real()) < 0x1p63))
    fail_fraction(value.real());
  const int64_t whole = value.is_integer() ? value.integer() : static_cast<int64_t>(value.real());
  if (!holds(dtype, whole)) fail(ErrorKind::Overflow, op, ": ", whole, " does not fit ", name_of(dtype), ".");
  return full(shape, whole, dtype);
}

namespace {

Tensor filled(const char* op, const Number& value, const Dims& shape, DType dtype) {
  if (value.is_bool() || !value.is_integer()) {
    const double real = value.real();
    if (!holds_truncated(dtype, real)) {
      fail(std::isnan(real) ? ErrorKind::Value : ErrorKind::Overflow, op, ": ", real, " does not fit ", name_of(dtype),
           ".");
    }
    return full(shape, real, dtype);
  }
  const int64_t whole = value.integer();
  if (!holds(dtype, whole)) fail(ErrorKind::Overflow, op, ": ", whole, " does not fit ", name_of(dtype), ".");
  return full(shape, whole, dtype);
}
/// A number that may be a tensor, as one element of a dtype.
Tensor element(const Number& value, DType dtype) {
  if (value.is_tensor()) return cast(reshape(value.tensor(), {}), dtype);
  return is_float(dtype) ? scalar(value.real(), dtype) : scalar(value.integer(), dtype);
}

/// first + i * step for i in [0, n), where they may be tensors: the same roundings as without, in float64 or int64.
Tensor progression(const Tensor& first, const Tensor& step, int64_t n) {
  Tensor i(Dims{n}, first.dtype());
  for (int64_t k = 0; k < n; ++k) {
    if (is_float(first.dtype())) {
      i.mutable_data_as<double>()[k] = static_cast<double>(k);
    } else {
      i.mutable_data_as<int64_t>()[k] = k;
    }
  }
  return first + i * step;
}

Tensor full_or_cast(const Dims& shape, const Number& value, std::optional<DType> dtype) {
  if (value.is_tensor()) return broadcast_to(element(value, dtype.value_or(value.tensor().dtype())), shape);
  const DType own = value.is_bool() ? DType::Bool : value.is_integer() ? DType::Int64 : DType::Float32;
  return filled("full", value, shape, dtype.value_or(own));
}

Tensor arange(const Number& first, const std::optional<Number>& second, const Number& stride_of,
              std::optional<DType> dtype) {
  const Number zero(int64_t{0});
  const Number &from = second ? first : zero, &to = second ? *second : first;
  const bool whole_numbers = from.is_integer() && to.is_integer() && stride_of.is_integer();
  if (whole_numbers) {
    const int64_t start = from.integer(), end = to.integer(), step = stride_of.integer();
    if (step == 0) fail(ErrorKind::Value, "arange: step must not be 0.");
    const bool runs = step > 0 ? start < end : start > end;
    // Counted without signs: the distance of two int64 fits an unsigned one.
    const uint64_t distance = step > 0 ? static_cast<uint64_t>(end) - static_cast<uint64_t>(start)
                                       : static_cast<uint64_t>(start) - static_cast<uint64_t>(end);
    const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
    const uint64_t n = runs ? (distance - 1) / stride + 1 : 0;
    if (n > INT64_MAX / 8) throw std::bad_alloc();
    if (from.is_tensor() || stride_of.is_tensor()) {
      const Tensor t =
          progression(element(from, DType::Int64), element(stride_of, DType::Int64), static_cast<int64_t>(n));
      return cast(t, dtype.value_or(DType::Int64));
    }
    Tensor t(Dims{static_cast<int64_t>(n)}, DType::Int64);
    auto* p = t.mutable_data_as<uint64_t>();
    for (uint64_t i = 0; i < n; ++i) p[i] = static_cast<uint64_t>(start) + i * static_cast<uint64_t>(step);
    return as_contiguous(t, dtype.value_or(DType::Int64));
  }
  const double start = from.real(), end = to.real(), step = stride_of.real();
  if (!(step != 0) || !std::isfinite(start) || !std::isfinite(end) || !std::isfinite(step)) {
    fail(ErrorKind::Value, "arange: needs finite bounds and a step that is not 0, got ", start, ", ", end, ", ", step,
         ".");
  }
  const double n = std::max(0.0, std::ceil((end - start) / step));
  if (n > 1e18) throw std::bad_alloc();
  if (from.is_tensor() || stride_of.is_tensor()) {
    const Tensor t =
        progression(element(from, DType::Float64), element(stride_of, DType::Float64), static_cast<int64_t>(n));
    return cast(t, dtype.value_or(DType::Float32));
  }
  Tensor t(Dims{static_cast<int64_t>(n)}, DType::Float64);
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_data_as<double>()[i] = start + static_cast<double>(i) * step;
  return as_contiguous(t, dtype.value_or(DType::Float32));
}

Tensor linspace(const Number& first, const Number& last, int64_t n, DType dtype) {
  if (n < 0) fail(ErrorKind::Value, "linspace: steps must be at least 0, got ", n, ".");
  if (first.is_tensor() || last.is_tensor()) {
    const Tensor start = element(first, DType::Float64), end = element(last, DType::Float64);
    const Tensor step = (end - start) / scalar(static_cast<double>(std::max<int64_t>(1, n - 1)), DType::Float64);
    const Tensor inner = progression(start, step, n > 1 ? n - 1 : n);
    const Tensor parts[] = {inner, expand_dims(end, 0)};
    return cast(n > 1 ? concat(parts, 0) : inner, dtype);
  }
  const double start = first.real(), end = last.real();
  Tensor t(Dims{n}, DType::Float64);
  auto* p = t.mutable_data_as<double>();
  for (int64_t i = 0; i < n; ++i)
    p[i] = i == n - 1 && n > 1
               ? end
               : start + static_cast<double>(i) * ((end - start) / static_cast<double>(std::max<int64_t>(1, n - 1)));
  return as_contiguous(t, dtype);
}

Tensor eye(int64_t n, int64_t m, DType dtype) {
  Tensor t = zeros(Dims{n, m}, DType::Float32);
  for (int64_t i = 0; i < std::min(n, m); ++i) t.mutable_data_as<float>()[i * m + i] = 1;
  return as_contiguous(t, dtype);
}

Tensor triangle_indices(const char* op, int64_t rows, int64_t columns, int64_t offset, bool lower,
                        std::optional<DType> dtype) {
  constexpr int64_t kMost = int64_t{1} << 48, kMostRows = int64_t{1} << 30;
  if (rows < 0 || columns < 0 || std::abs(offset) > kMost) {
    fail(ErrorKind::Value, op, ": sizes must not be negative and the offset within 2^48, got ", rows, ", ", columns,
         ", ", offset, ".");
  }
  if (rows > kMostRows) throw std::bad_alloc();
  // Row i has the columns [first, last).
  const auto first = [&](int64_t i) { return lower ? 0 : std::clamp<int64_t>(i + offset, 0, columns); };
  const auto last = [&](int64_t i) { return lower ? std::clamp<int64_t>(i + offset + 1, 0, columns) : columns; };
  int64_t n = 0;
  for (int64_t i = 0; i < rows; ++i) {
    if (__builtin_add_overflow(n, std::max<int64_t>(0, last(i) - first(i)), &n)) throw std::bad_alloc();
  }
  Tensor t(Dims{2, n}, DType::Int64);
  auto *row = t.mutable_data_as<int64_t>(), *column = row + n;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t k = first(i); k < last(i); ++k) {
      *row++ = i;
      *column++ = k;
    }
  }
  return as_contiguous(t, dtype.value_or(DType::Int64));
}

/// A seed of the call's own, or none.
class Seed {
 public:
  explicit Seed(std::optional<int64_t> seed) : given_(seed), value_(static_cast<uint64_t>(seed.value_or(0))) {}
  const uint64_t* get() const { return given_ ? &value_ : nullptr; }

 private:
  bool given_;
  uint64_t value_;
};

using ToDType = std::optional<DType>;
using OwnSeed = std::optional<int64_t>;

constexpr Function kFunctions[] = {
    def("zeros(size, dtype=None)", "A tensor of zeros; float32 unless a dtype is named.", {"zeros((2,))", "[0. 0.]"},
        [](const Dims& size, ToDType dtype) { return full(size, int64_t{0}, dtype.value_or(DType::Float32)); },
        {.method = false, .aliases = {"empty"}, .samples = {"zeros((2, 3))"}}),
    def("ones(shape, dtype=None)", "A tensor of ones; float32 unless a dtype is named.", {"ones((2,))", "[1. 1.]"},
        [](const Dims& shape, ToDType dtype) { return full(shape, int64_t{1}, dtype.value_or(DType::Float32)); },
        {.method = false, .samples = {"ones((2, 3))"}}),
    def("full(size, fill_value, *, dtype=None)",
        "A tensor of one value: bool, int64 or float32 as the value is, unless a dtype is named.",
        {"full((2,), 1.5)", "[1.5 1.5]"},
        [](const Dims& size, const Number& value, ToDType dtype) { return full_or_cast(size, value, dtype); },
        {.method = false, .samples = {"full((2, 3), 1.5)"}}),
    def("zeros_like(input, *, dtype=None)", "Zeros of the shape and dtype of a tensor.",
        {"zeros_like(Tensor([3.0]))", "[0.]"},
        [](const Tensor& x, ToDType dtype) { return full(x.shape(), int64_t{0}, dtype.value_or(x.dtype())); },
        {.method = false, .aliases = {"empty_like"}, .samples = {"zeros_like(i(2, 3))"}}),
    def("ones_like(input, *, dtype=None)", "Ones of the shape and dtype of a tensor.",
        {"ones_like(Tensor([3.0]))", "[1.]"},
        [](const Tensor& x, ToDType dtype) { return full(x.shape(), int64_t{1}, dtype.value_or(x.dtype())); },
        {.method = false, .samples = {"ones_like(i(2, 3))"}}),
    def("full_like(input, fill_value, *, dtype=None)", "One value in the shape and dtype of a tensor.",
        {"full_like(Tensor([3.0]), 7)", "[7.]"},
        [](const Tensor& x, const Number& value, ToDType dtype) {
          const DType t = dtype.value_or(x.dtype());
          return value.is_tensor() ? broadcast_to(element(value, t), x.shape())
                                   : filled("full_like", value, x.shape(), t);
        },
        {.method = false, .samples = {"full_like(i(2, 3), 7)"}}),
    def("arange(start=0, end=None, step=1, *, dtype=None)",
        "Numbers from start up to, not including, end. One argument is the end. int64 for integers, else float32.",
        {"arange(3)", "[0 1 2]"},
        [](const Number& start, const std::optional<Number>& end, const Number& step, ToDType dtype) {
          return arange(start, end, step, dtype);
        },
        {.method = false, .samples = {"arange(1, 9, 2)"}}),
    def("linspace(start, end, steps, *, dtype=None)", "Evenly spaced numbers from start to end, both included.",
        {"linspace(0, 1, 3)", "[0.  0.5 1. ]"},
        [](const Number& start, const Number& end, int64_t steps, ToDType dtype) {
          return linspace(start, end, steps, dtype.value_or(DType::Float32));
        },
        {.method = false, .samples = {"linspace(0, 1, 5)"}}),
    def("eye(n, m=None, dtype=None)", "Ones on the diagonal, zeros elsewhere.", {"eye(2)", "[[1. 0.]\n [0. 1.]]"},
        [](int64_t n, std::optional<int64_t> m, ToDType dtype) {
          return eye(n, m.value_or(n), dtype.value_or(DType::Float32));
        },
        {.method = false, .samples = {"eye(3, 4)"}}),
    def("identity(n, dtype=None)", "A square matrix with ones on the diagonal.", {"identity(2)", "[[1. 0.]\n [0. 1.]]"},
        [](int64_t n, ToDType dtype) { return eye(n, n, dtype.value_or(DType::Float32)); },
        {.method = false, .samples = {"identity(3)"}}),
    def("logspace(start, end, steps, base=10, *, dtype=None)",
        "The powers of a base with evenly spaced exponents from start to end, both included.",
        {"logspace(0, 2, 3)", "[  1.  10. 100.]"},
        [](const Number& start, const Number& end, int64_t steps, const Number& base, ToDType dtype) {
          const Tensor exponents = linspace(start, end, steps, DType::Float64);
          return cast(map("pow", element(base, DType::Float64), exponents), dtype.value_or(DType::Float32));
        },
        {.method = false, .samples = {"logspace(0, 4, 5)"}}),
    def("tril_indices(row, col, offset=0, *, dtype=None)",
        "Rows and columns of the places on and below a diagonal, in the order of memory.",
        {"tril_indices(2, 2)", "[[0 1 1]\n [0 0 1]]"},
        [](int64_t row, int64_t col, int64_t offset, ToDType dtype) {
          return triangle_indices("tril_indices", row, col, offset, true, dtype);
        },
        {.method = false, .samples = {"tril_indices(3, 4, 1)"}}),
    def("triu_indices(row, col, offset=0, *, dtype=None)",
        "Rows and columns of the places on and above a diagonal, in the order of memory.",
        {"triu_indices(2, 2)", "[[0 0 1]\n [0 1 1]]"},
        [](int64_t row, int64_t col, int64_t offset, ToDType dtype) {
          return triangle_indices("triu_indices", row, col, offset, false, dtype);
        },
        {.method = false, .samples = {"triu_indices(3, 4, 1)"}}),
    def("rand(*size, dtype=None, seed=None)", "Random numbers, uniform in [0, 1).", {"rand(2, 3).shape", "(2, 3)"},
        [](const Dims& size, ToDType dtype, OwnSeed seed) {
          return random_uniform(size, dtype.value_or(DType::Float32), Seed(seed).get());
        },
        {.method = false, .samples = {"rand(2, 3)"}}),
    def("randn(*size, dtype=None, seed=None)", "Random numbers from the standard normal distribution.",
        {"randn(2, 3).shape", "(2, 3)"},
        [](const Dims& size, ToDType dtype, OwnSeed seed) {
          return random_normal(size, dtype.value_or(DType::Float32), Seed(seed).get());
        },
        {.method = false, .samples = {"randn(2, 3)"}}),
    def("randint(low, high, size, seed=None, *, dtype=None)",
        "Random integers in [low, high); int64 unless a dtype is named.", {"randint(0, 5, (2, 3)).shape", "(2, 3)"},
        [](int64_t low, int64_t high, const Dims& size, OwnSeed seed, ToDType dtype) {
          return random_integers(size, low, high, dtype.value_or(DType::Int64), Seed(seed).get());
        },
        {.method = false, .samples = {"randint(0, 5, (2, 3))"}}),
    def("rand_like(input, seed=None, *, dtype=None)", "Uniform random numbers in the shape of a tensor.",
        {"rand_like(Tensor([1.0, 2.0])).shape", "(2,)"},
        [](const Tensor& x, OwnSeed seed, ToDType dtype) {
          return random_uniform(x.shape(), dtype.value_or(x.dtype()), Seed(seed).get());
        },
        {.method = false, .samples = {"rand_like(zeros((2, 3)))"}}),
    def("randn_like(input, seed=None, *, dtype=None)", "Standard normal numbers in the shape of a tensor.",
        {"randn_like(Tensor([1.0, 2.0])).shape", "(2,)"},
        [](const Tensor& x, OwnSeed seed, ToDType dtype) {
          return random_normal(x.shape(), dtype.value_or(x.dtype()), Seed(seed).get());
        },
        {.method = false, .samples = {"randn_like(zeros((2, 3)))"}}),
};

}  // namespace

const std::span<const Function> kCreateFunctions = kFunctions;

}  // namespace adcore
