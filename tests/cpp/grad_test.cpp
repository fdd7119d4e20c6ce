// value_and_grad: derivatives of whole functions, first to third order, against finite differences and closed forms.
#include "sweeps/grad.h"

#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

struct Program {
  const char* name;
  Function1 f;
  std::vector<Tensor> inputs;
};

TEST_CASE("first to third order against finite differences") {
  const Tensor x = random_tensor({3}, 0.5, 1.5, 1), w = random_tensor({3, 2}, -1, 1, 2),
               b = random_tensor({2}, -1, 1, 3);
  const Program programs[] = {
      {"polynomial", [](const auto& v) { return v[0] * v[0] * v[0] - v[0] * 2.0; }, {x}},
      {"quotient", [](const auto& v) { return map("sin", v[0]) / (v[0] * v[0] + 1.0); }, {x}},
      {"a value used many times",
       [](const auto& v) {
         const Tensor y = map("exp", v[0]);
         return y * y / (y + 1.0) + y * v[0];
       },
       {x}},
      {"layer", [](const auto& v) { return map("tanh", matmul(v[0], v[1]) + v[2]); }, {x, w, b}},
      {"classifier",
       [](const auto& v) {
         return -sum(log_softmax(matmul(v[0], v[1]) + v[2], 0) * from_values({2}, {1, 0}, DType::Float64));
       },
       {x, w, b}},
      {"norm", [](const auto& v) { return map("sqrt", sum(v[0] * v[0])); }, {x}},
      {"views",
       [](const auto& v) {
         const Tensor t = permute(v[0], {1, 0});
         return matmul(flip(t, {1}), v[0]) * matmul(t, v[0]);
       },
       {w}},
      {"powers", [](const auto& v) { return map("pow", v[0], v[0] + 1.0); }, {x}},
  };
  for (const Program& p : programs) {
    INFO(std::string(p.name));
    check_gradients(p.f, p.inputs, 3, 2e-7);
  }
}

TEST_CASE("the value is that of the function, and a constant afterwards") {
  const Tensor x = from_values({2}, {1, 2});
  const auto r = value_and_grad([](const std::vector<Tensor>& v) { return v[0] * v[0]; }, {x});
  CHECK(to_vector(r.value) == std::vector<double>{1, 4});
  Level level;
  CHECK(level.tape().slot_of(r.value) == 0);
  CHECK(level.tape().slot_of(r.gradients[0]) == 0);
}

TEST_CASE("the same tensor as two inputs is two inputs; inputs themselves stay constants") {
  const Tensor x = scalar(3.0, DType::Float64);
  const auto r = value_and_grad([&](const std::vector<Tensor>& v) { return v[0] * v[0] * v[1] + x * x; }, {x, x});
  CHECK(item(r.gradients[0]) == 18);
  CHECK(item(r.gradients[1]) == 9);
}

TEST_CASE("functions that do not depend on their inputs, and the identity") {
  const Tensor x = from_values({2}, {1, 2});
  CHECK(to_vector(value_and_grad([](const std::vector<Tensor>&) { return full({}, 3.0, DType::Float32); }, {x})
                      .gradients[0]) == std::vector<double>{0, 0});
  CHECK(to_vector(value_and_grad([](const std::vector<Tensor>& v) { return v[0]; }, {x}).gradients[0]) ==
        std::vector<double>{1, 1});
  CHECK(value_and_grad([](const std::vector<Tensor>&) { return scalar(1.0, DType::Float32); }, {}).gradients.empty());
}

TEST_CASE("mixed second derivatives are symmetric") {
  const Tensor x = scalar(0.7, DType::Float64), y = scalar(1.3, DType::Float64);
  const auto f = [](const Tensor& a, const Tensor& b) { return map("exp", a * b) * map("sin", a) / b; };
  const auto mixed = [&](int first) {
    return item(value_and_grad(
                    [&](const std::vector<Tensor>& v) {
                      return value_and_grad([&](const std::vector<Tensor>& u) { return f(u[0], u[1]); }, v)
                          .gradients[static_cast<size_t>(first)];
                    },
                    {x, y})
                    .gradients[static_cast<size_t>(1 - first)]);
  };
  CHECK(mixed(0) == doctest::Approx(mixed(1)).epsilon(1e-13));
}

}  // namespace
}  // namespace adcore
