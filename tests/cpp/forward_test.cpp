// Forward mode: tangents beside values, in every order of nesting; values that leave their jvp.
#include "sweeps/forward.h"

#include <cmath>
#include <functional>

#include "kernel_cases.h"
#include "sweeps/grad.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

Tensor pushed(const std::function<Tensor(const Tensor&)>& f, const Tensor& x, const Tensor& v) {
  Forward frame;
  Tensor y;
  {
    const FrameScope scope(frame);
    y = f(frame.dual(x, v));
  }
  Tensor tangent;
  const Tensor value = frame.take_apart(y, tangent);
  return tangent.defined() ? tangent : zeros_like(value);
}

Tensor pulled(const std::function<Tensor(const Tensor&)>& f, const Tensor& x) {
  return value_and_grad([&](const std::vector<Tensor>& v) { return f(v[0]); }, {x}).gradients[0];
}

TEST_CASE("all nestings of forward and reverse to order three give the derivatives of sin") {
  const Tensor x = from_values({3}, {0.3, -1.2, 2.0}, DType::Float64), one = ones_like(x);
  using F = std::function<Tensor(const Tensor&)>;
  const auto forward = [&](const F& f) -> F { return [f, one](const Tensor& t) { return pushed(f, t, one); }; };
  const auto reverse = [](const F& f) -> F { return [f](const Tensor& t) { return pulled(f, t); }; };
  const F sine = [](const Tensor& t) { return map("sin", t); };
  for (int nesting = 0; nesting < 8; ++nesting) {
    F f = sine;
    for (int k = 0; k < 3; ++k) f = nesting >> k & 1 ? forward(f) : reverse(f);
    const auto got = to_vector(f(x)), at = to_vector(x);
    for (size_t i = 0; i < at.size(); ++i) CHECK(got[i] == doctest::Approx(-std::cos(at[i])));
  }
}

TEST_CASE("an inner derivative sees the outer variable as a constant") {
  const Tensor x = scalar(3.0, DType::Float64), one = scalar(1.0, DType::Float64);
  const auto inner = [&](const Tensor& outer) {
    return outer * pushed([&](const Tensor& y) { return outer * y; }, scalar(2.0, DType::Float64), one);
  };
  CHECK(item(pushed(inner, x, one)) == 6.0);
  CHECK(item(pulled(inner, x)) == 6.0);
}

TEST_CASE("a value that leaves its jvp is a constant") {
  const Tensor x = from_values({2}, {1, 2}), one = ones_like(x);
  Tensor kept;
  pushed([&](const Tensor& t) { return kept = t * t; }, x, one);
  CHECK(kept.boxed());
  CHECK(to_vector(kept) == std::vector<double>{1, 4});
  CHECK(to_vector(kept + kept) == std::vector<double>{2, 8});
  CHECK(to_vector(pushed([&](const Tensor& t) { return t * kept; }, x, one)) == std::vector<double>{1, 4});
}

TEST_CASE("no_grad shuts out the jvps around it, not those inside") {
  const Tensor x = scalar(3.0, DType::Float64), one = scalar(1.0, DType::Float64);
  const auto f = [&](const Tensor& t) {
    const NoGrad scope;
    return t * pushed([](const Tensor& u) { return u * u; }, t, one);
  };
  CHECK(item(pushed(f, x, one)) == 0.0);
  CHECK(item(f(x)) == 18.0);
  CHECK(context().frame == nullptr);
}

TEST_CASE("a function that throws leaves no frame open") {
  const Tensor x = scalar(3.0, DType::Float64);
  CHECK_THROWS_AS(pushed([](const Tensor& t) { return matmul(t, t); }, x, x), Error);
  CHECK(context().frame == nullptr);
}

}  // namespace
}  // namespace adcore
