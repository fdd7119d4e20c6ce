// Trace: a program gives on other inputs what the calls give there.
#include "jit/trace.h"

#include <functional>

#include "kernel_cases.h"
#include "sweeps/grad.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;
using F = std::function<Tensor(const Tensor&)>;

Program traced(const F& f, const Tensor& x) {
  const auto trace = std::make_shared<Trace>();
  const FrameScope scope(*trace);
  trace->output(f(trace->input(x)));
  return trace->take();
}

Tensor gradient(const F& f, const Tensor& x) {
  return value_and_grad([&](const std::vector<Tensor>& v) { return f(v[0]); }, {x}).gradients[0];
}

TEST_CASE("a program gives the value and the gradient at another point") {
  const F f = [](const Tensor& x) { return sum(map("sin", x) * x + 2.0); };
  const Tensor x = from_values({3}, {1, 2, 3}), other = from_values({3}, {-0.5, 0.25, 4});
  const F g = [&](const Tensor& t) { return gradient(f, t); };
  for (const F& h : {f, g}) {
    const Tensor inputs[] = {other};
    CHECK(to_vector(traced(h, x).run(inputs)[0]) == to_vector(h(other)));
  }
}

TEST_CASE("calls on constants compute and are no statements") {
  const Tensor two = scalar(2.0, DType::Float32);
  const Program p = traced([&](const Tensor& x) { return x * (two * two); }, two);
  CHECK(p.statements().size() == 1);
  const Tensor inputs[] = {scalar(5.0, DType::Float32)};
  CHECK(item(p.run(inputs)[0]) == 20.0);
}

TEST_CASE("the elements of a traced value cannot be read, in its trace or later") {
  Tensor kept;
  CHECK_THROWS_WITH_AS(
      traced([&](const Tensor& x) { return scalar(item(kept = x * x), x.dtype()); }, scalar(2.0, DType::Float32)),
      doctest::Contains("not known while a function is recorded"), Error);
  CHECK_THROWS_WITH_AS(kept + 1.0, doctest::Contains("kept from a call of jit that has ended"), Error);
}

}  // namespace
}  // namespace adcore
