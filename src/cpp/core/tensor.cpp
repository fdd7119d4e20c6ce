#include "core/tensor.h"

#include <algorithm>

#include "core/box.h"
#include "kernels/kernels.h"

namespace adcore {

void Tensor::lay_out_checked() {
  size_ = count(shape_);
  strides_ = contiguous_strides(shape_);
}

bool Tensor::is_contiguous_layout() noexcept {
  size_ = numel(shape_);
  if (size_ == 0) return true;
  int64_t step = 1;
  for (int i = shape_.size() - 1; i >= 0; --i) {
    if (shape_[i] != 1 && strides_[i] != step) return false;
    step *= shape_[i];
  }
  return true;
}

namespace {

constexpr int64_t kFewElements = 64;  // below, the general copy costs more than the elements

template <class T>
Tensor filled(const Dims& shape, T value, DType value_dtype, DType dtype) {
  Tensor t(shape, dtype);
  if (dtype == DType::Float32 && t.size() <= kFewElements) {
    std::fill_n(t.mutable_data_as<float>(), t.size(), static_cast<float>(value));
    return t;
  }
  const Dims zero(shape.size(), 0);
  kernels().copy(
      {shape.size(), shape.data(), &value, zero.data(), value_dtype, t.mutable_data(), t.strides().data(), dtype});
  return t;
}

}  // namespace

Tensor full(const Dims& shape, double value, DType dtype) { return filled(shape, value, DType::Float64, dtype); }
Tensor full(const Dims& shape, int64_t value, DType dtype) { return filled(shape, value, DType::Int64, dtype); }

Tensor scalar(double value, DType dtype) {
  Tensor t({}, dtype);
  if (dtype == DType::Float32) {  // the type of almost every constant on the hot path
    *t.mutable_data_as<float>() = static_cast<float>(value);
    return t;
  }
  kernels().copy({0, nullptr, &value, nullptr, DType::Float64, t.mutable_data(), nullptr, dtype});
  return t;
}

Tensor scalar(int64_t value, DType dtype) {
  Tensor t({}, dtype);
  kernels().copy({0, nullptr, &value, nullptr, DType::Int64, t.mutable_data(), nullptr, dtype});
  return t;
}

Tensor from_values(const Dims& shape, std::initializer_list<double> values, DType dtype) {
  if (count(shape) != static_cast<int64_t>(values.size())) {
    fail(ErrorKind::Value, "from_values: ", values.size(), " values do not fill the shape ", to_string(shape), ".");
  }
  Tensor t(shape, dtype);
  const auto n = static_cast<int64_t>(values.size());
  const int64_t one = 1;
  kernels().copy({1, &n, values.begin(), &one, DType::Float64, t.mutable_data(), &one, dtype});
  return t;
}

void copy_to(const Tensor& src, void* dst, DType dtype) {
  require_readable(src);
  const Dims strides = contiguous_strides(src.shape());
  kernels().copy(
      {src.rank(), src.shape().data(), src.data(), src.strides().data(), src.dtype(), dst, strides.data(), dtype});
}

Tensor as_contiguous(const Tensor& t, DType dtype) {
  if (t.contiguous() && t.dtype() == dtype) return t.detached();
  Tensor out(t.shape(), dtype);
  copy_to(t, out.mutable_data(), dtype);
  return out;
}

double item(const Tensor& t) {
  if (t.size() != 1) fail(ErrorKind::Value, "only a tensor of one element is a number, this one has ", t.size(), ".");
  double value = 0;
  copy_to(t, &value, DType::Float64);
  return value;
}

bool all_equal(const Tensor& t, double value) {
  const Tensor d = as_contiguous(t, DType::Float64);
  const auto* const p = d.data_as<double>();
  for (int64_t i = 0; i < d.size(); ++i)
    if (!(p[i] == value)) return false;
  return true;
}
std::vector<double> to_vector(const Tensor& t) {
  std::vector<double> out(static_cast<size_t>(t.size()));
  copy_to(t, out.data(), DType::Float64);
  return out;
}

}  // namespace adcore
