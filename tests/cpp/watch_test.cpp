// The watch names the op that makes the first NaN or inf, forward and in a reverse rule.
#include "core/watch.h"

#include <cmath>

#include "base/context.h"
#include "kernel_cases.h"
#include "sweeps/grad.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

TEST_CASE("the first NaN or inf raises, one that was put in does not") {
  const Tensor x = from_values({2}, {1, -1}), zero = from_values({1}, {0});
  map("log", x);
  {
    const Watch watch;
    CHECK_THROWS_WITH_AS(map("log", x), doctest::Contains("log: made the first NaN"), Error);
    CHECK_THROWS_WITH_AS(ones_like(zero) / zero, doctest::Contains("div: made the first inf"), Error);
    const Tensor inf = full(Dims{2}, static_cast<double>(INFINITY), DType::Float32);
    CHECK(to_vector(inf + x)[0] == static_cast<double>(INFINITY));
    CHECK_THROWS_WITH_AS(inf - inf, doctest::Contains("NaN"), Error);
    const auto root = [](const std::vector<Tensor>& v) { return map("sqrt", v[0]); };
    CHECK_THROWS_WITH_AS(value_and_grad(root, {zero}), doctest::Contains("reverse rule of sqrt"), Error);
  }
  CHECK(context().watch == nullptr);
  CHECK(context().long_work == kLongWork);
  map("log", x);
}

}  // namespace
}  // namespace adcore
