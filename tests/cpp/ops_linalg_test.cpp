// Linear algebra without Python: the functions, their derivatives by closed forms, errors.
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

Tensor matrix() { return from_values(Dims{2, 2}, {4.0, 2.0, 2.0, 3.0}, DType::Float64); }

void check_values(const Tensor& got, std::initializer_list<double> want) {
  const std::vector<double> values = to_vector(got);
  REQUIRE(values.size() == want.size());
  size_t i = 0;
  for (const double w : want) CHECK(values[i++] == doctest::Approx(w).epsilon(1e-13));
}

TEST_CASE("functions of a small matrix") {
  check_values(cholesky(matrix()), {2, 0, 1, std::sqrt(2.0)});
  check_values(cholesky(matrix(), true), {2, 1, 0, std::sqrt(2.0)});
  check_values(inverse(matrix()), {0.375, -0.25, -0.25, 0.5});
  check_values(solve(matrix(), from_values(Dims{2}, {8.0, 8.0}, DType::Float64)), {1, 2});
  check_values(det(matrix()), {8});
  check_values(slogdet(matrix())[1], {std::log(8.0)});
  const std::array<Tensor, 3> parts = svd(matrix());
  check_values(svdvals(matrix()), {(7 + std::sqrt(17.0)) / 2, (7 - std::sqrt(17.0)) / 2});
  check_values(matmul(parts[1] * expand_dims(parts[0], 0), swap_axes(parts[2], 0, 1)), {4, 2, 2, 3});
  check_values(eigvalsh(matrix()), {(7 - std::sqrt(17.0)) / 2, (7 + std::sqrt(17.0)) / 2});
  const std::array<Tensor, 2> factors = qr(matrix());
  check_values(matmul(factors[0], factors[1]), {4, 2, 2, 3});
  check_values(pinv(matrix()), {0.375, -0.25, -0.25, 0.5});
  check_values(matrix_exp(zeros(Dims{2, 2}, DType::Float64)), {1, 0, 0, 1});
}

TEST_CASE("derivatives of a small matrix") {
  const auto gradient = [](auto f) { return value_and_grad(f, {matrix()}).gradients[0]; };
  check_values(gradient([](const std::vector<Tensor>& x) { return det(x[0]); }), {3, -2, -2, 4});
  check_values(gradient([](const std::vector<Tensor>& x) { return slogdet(x[0])[1]; }), {0.375, -0.25, -0.25, 0.5});
  check_values(gradient([](const std::vector<Tensor>& x) { return eigvalsh(x[0]); }), {1, 0, 0, 1});
}

TEST_CASE("a singular matrix is an error") {
  const Tensor singular = zeros(Dims{3, 2, 2}, DType::Float32);
  CHECK_THROWS_WITH_AS(inverse(singular), "inverse: the matrix is singular (member 0 of the batch).", Error);
  CHECK_THROWS_AS(cholesky(singular), Error);
}

}  // namespace
}  // namespace adcore
