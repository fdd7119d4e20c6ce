// softmax, log_softmax, logsumexp as tensors see them: values by their definition in long double, derivatives, errors.
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

enum Which { kSoftmax, kLogSoftmax };

std::vector<double> oracle(const Tensor& x, int axis, Which which) {
  const std::vector<double> v = to_vector(x);
  std::vector<double> out;
  for_each_index(x.shape(), [&](const Dims& index) {
    long double total = 0, own = 0;
    for (int64_t i = 0; i < x.shape()[axis]; ++i) {
      Dims at = index;
      at[axis] = i;
      const long double e = element(v, x.shape(), at);
      total += std::exp(e);
      if (i == index[axis]) own = e;
    }
    out.push_back(static_cast<double>(which == kSoftmax ? std::exp(own) / total : own - std::log(total)));
  });
  return out;
}

TEST_CASE("values along every axis, in every layout and dtype") {
  for (DType t : {DType::Float64, DType::Float32, DType::Float16, DType::Int32}) {
    for (Layout layout : kLayouts) {
      const Tensor x = laid_out(random_tensor({2, 3, 5}, -6, 6, 1, t), layout);
      const double unit = t == DType::Float16 ? 2e-3 : t == DType::Float64 ? 1e-14 : 1e-6;
      for (int axis = 0; axis < 3; ++axis) {
        INFO(std::string(name_of(t)), " axis ", axis);
        CHECK(distance(softmax(x, axis), oracle(x, axis, kSoftmax)) < unit);
        CHECK(distance(log_softmax(x, axis - 3), oracle(x, axis, kLogSoftmax)) < unit);
        CHECK(softmax(x, axis).dtype() == (is_float(t) ? t : DType::Float32));
      }
    }
  }
}

TEST_CASE("logsumexp over any axes") {
  for (Layout layout : kLayouts) {
    const Tensor x = laid_out(random_tensor({2, 3, 2}, -3, 3, 2), layout);
    for (const Dims& axes : {Dims{}, Dims{0}, Dims{-1}, Dims{0, 2}, Dims{1, 2}, Dims{2, 0, 1}}) {
      const std::vector<double> want = to_vector(map("log", sum(map("exp", x), axes)));
      CHECK(distance(logsumexp(x, axes), want) < 1e-14);
      CHECK(logsumexp(x, axes).shape() == sum(x, axes).shape());
      CHECK(logsumexp(x, axes, true).shape() == sum(x, axes, true).shape());
    }
  }
}

TEST_CASE("a number is an axis of one element; nothing stays nothing; large numbers stay finite") {
  const Tensor x = scalar(3.0, DType::Float64);
  CHECK(item(softmax(x, 0)) == 1);
  CHECK(item(log_softmax(x, -1)) == 0);
  CHECK(item(logsumexp(x, {})) == 3);
  CHECK(softmax(Tensor({0, 3}, DType::Float32), 1).size() == 0);
  CHECK(softmax(Tensor({3, 0}, DType::Float32), 1).size() == 0);
  const Tensor large = from_values({3}, {1e4, 1e4, -1e4}, DType::Float64);
  CHECK(to_vector(softmax(large, 0)) == std::vector<double>{0.5, 0.5, 0});
  CHECK(distance(log_softmax(large, 0), {-std::log(2.0), -std::log(2.0), -2e4 - std::log(2.0)}) < 1e-12);
  CHECK(item(logsumexp(large, {0})) == doctest::Approx(1e4 + std::log(2.0)));
}

TEST_CASE("derivatives to third order") {
  const Tensor x = random_tensor({2, 3}, -1, 1, 3), one = scalar(0.5, DType::Float64);
  const Function1 functions[] = {[](const auto& v) { return softmax(v[0], 1); },
                                 [](const auto& v) { return softmax(v[0], 0) * v[0]; },
                                 [](const auto& v) { return log_softmax(v[0], 1); },
                                 [](const auto& v) { return log_softmax(v[0] * v[0], 0); },
                                 [](const auto& v) { return logsumexp(v[0], {1}); },
                                 [](const auto& v) { return logsumexp(v[0], {0}, true) * v[0]; },
                                 [](const auto& v) { return logsumexp(v[0] * v[0], {}); }};
  int i = 0;
  for (const Function1& f : functions) {
    INFO("function ", i);
    ++i;
    check_gradients(f, {x}, 3);
  }
  check_gradients([](const auto& v) { return softmax(v[0], 0) * v[0] + log_softmax(v[0], 0) + logsumexp(v[0], {}); },
                  {one}, 2);
}

TEST_CASE("errors") {
  const Tensor x({2, 3}, DType::Float32);
  CHECK(error_of([&] { softmax(x, 2); }) == ErrorKind::Value);
  CHECK(error_of([&] { log_softmax(x, -3); }) == ErrorKind::Value);
  CHECK(error_of([&] { logsumexp(x, {0, 7}); }) == ErrorKind::Value);
}

}  // namespace
}  // namespace adcore
