// vmap: ops with and without a batch rule against the loop; what a member of a batch cannot do.
#include "sweeps/batch.h"

#include <functional>

#include "kernel_cases.h"
#include "sweeps/grad.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

Tensor mapped(const std::function<Tensor(const Tensor&)>& f, const Tensor& x) {
  Batch frame(x.shape()[0]);
  const FrameScope scope(frame);
  return frame.split(f(frame.join(x)));
}

Tensor row(const Tensor& x, int64_t i) {
  Slice s = whole(x.shape());
  s.start.v[0] = i;
  s.count.v[0] = 1;
  Dims shape = x.shape();
  shape.erase(0);
  return reshape(slice(x, s), shape);
}

void check_against_loop(const std::function<Tensor(const Tensor&)>& f, const Tensor& x) {
  const Tensor all = mapped(f, x);
  for (int64_t i = 0; i < x.shape()[0]; ++i) {
    const Tensor one = f(row(x, i)), ours = row(all, i);
    CHECK(ours.shape() == one.shape());
    const auto a = to_vector(ours), b = to_vector(one);
    for (size_t k = 0; k < b.size(); ++k) CHECK(a[k] == doctest::Approx(b[k]).epsilon(1e-12));
  }
}

TEST_CASE("ops with a batch rule, ops without one, and the derivatives of both are the loop") {
  const Tensor x = random_tensor({3, 2, 4}, 0.2, 1.5, 1, DType::Float64),
               w = random_tensor({4}, -1, 1, 2, DType::Float64);
  const std::function<Tensor(const Tensor&)> functions[] = {
      [&](const Tensor& t) { return map("tanh", t * w) + t; },
      [&](const Tensor& t) { return matmul(t, w); },
      [&](const Tensor& t) { return sum(softmax(t, -1) * t, Dims{0}); },
      [&](const Tensor& t) { return cumsum(amax(t, Dims{1}), 0); },
      [&](const Tensor& t) { return put_rows(t, from_values({1}, {1}, DType::Int64), reshape(w, Dims{1, 4})); },
      [&](const Tensor& t) { return take(t, argmax(t, 1), 1); },
  };
  for (const auto& f : functions) {
    check_against_loop(f, x);
    check_against_loop(
        [&](const Tensor& t) {
          return value_and_grad([&](const std::vector<Tensor>& v) { return sum(f(v[0])); }, {t}).gradients[0];
        },
        x);
  }
}

TEST_CASE("the gradient through a batch is that of all members") {
  const Tensor x = from_values({2, 2}, {1, 2, 3, 4}, DType::Float64);
  const auto r = value_and_grad(
      [](const std::vector<Tensor>& v) { return sum(mapped([](const Tensor& t) { return t * sum(t); }, v[0])); }, {x});
  CHECK(to_vector(r.gradients[0]) == std::vector<double>{6, 6, 14, 14});
}

TEST_CASE("a batch without members has a shape") {
  const Tensor y = mapped([](const Tensor& t) { return sum(t * t); }, Tensor(Dims{0, 3}, DType::Float32));
  CHECK(y.shape() == Dims{0});
}

TEST_CASE("a member is no number, and none at all after its vmap") {
  const Tensor x = from_values({2}, {1, 2});
  CHECK_THROWS_WITH_AS(mapped([](const Tensor& t) { return scalar(item(t), DType::Float32); }, x),
                       doctest::Contains("differs between the members"), Error);
  Tensor kept;
  mapped([&](const Tensor& t) { return kept = t; }, x);
  CHECK_THROWS_WITH_AS(kept + kept, doctest::Contains("has ended"), Error);
  CHECK_THROWS_WITH_AS(item(kept), doctest::Contains("has ended"), Error);
  CHECK(context().frame == nullptr);
}

}  // namespace
}  // namespace adcore
