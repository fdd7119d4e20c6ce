// The reverse sweep: seeds, activity, accumulation, dtypes, long tapes.
#include "sweeps/backward.h"

#include "base/interpreter.h"
#include "kernel_cases.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

TEST_CASE("seeds add up; outputs that depend on nothing are passed over; inputs nobody reached get zeros") {
  Level level;
  const Tensor x = level.input(from_values({2}, {3, 4})),
               idle = level.input(from_values({2, 1}, {5, 6}, DType::Float16));
  const Tensor y = x * x, constant = from_values({2}, {1, 1});
  Backward sweep(level);
  sweep.seed(y, from_values({2}, {1, 10}));
  sweep.seed(y, from_values({2}, {1, 10}));
  sweep.seed(x, from_values({2}, {100, 100}));  // an input may be an output
  sweep.seed(constant, from_values({2}, {9, 9}));
  const Slot inputs[] = {x.ref().slot, idle.ref().slot};
  sweep.run(inputs);
  CHECK(to_vector(sweep.cotangent(inputs[0], x)) == std::vector<double>{112, 260});
  const Tensor zero = sweep.cotangent(inputs[1], idle);
  CHECK(to_vector(zero) == std::vector<double>{0, 0});
  CHECK(zero.shape() == Dims{2, 1});
  CHECK(zero.dtype() == DType::Float16);
}

TEST_CASE("accumulation never writes into what somebody else holds") {
  Level level;
  const Tensor x = level.input(from_values({2}, {1, 2}));
  const Tensor y = x + x, z = y + x;
  const Tensor seed = from_values({2}, {1, 1});
  Backward sweep(level);
  sweep.seed(z, seed);
  sweep.seed(x, seed);
  const Slot inputs[] = {x.ref().slot};
  sweep.run(inputs);
  const Tensor g = sweep.cotangent(inputs[0], x);
  CHECK(to_vector(g) == std::vector<double>{4, 4});
  CHECK(to_vector(seed) == std::vector<double>{1, 1});
}

TEST_CASE("a cotangent has the shape and dtype of its argument: broadcast axes are summed, casts undone") {
  const Tensor a = random_tensor({3, 1, 4}, -1, 1, 1), b = random_tensor({2, 1}, -1, 1, 2),
               c = random_tensor({}, -1, 1, 3);
  const auto r = value_and_grad([](const std::vector<Tensor>& v) { return v[0] * v[1] * v[2]; }, {a, b, c});
  std::vector<double> want_b(2, 0), want_a(12, 0);
  double want_c = 0;
  const auto x = to_vector(a), y = to_vector(b);
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 2; ++j)
      for (size_t k = 0; k < 4; ++k) {
        want_a[i * 4 + k] += y[j] * item(c);
        want_b[j] += x[i * 4 + k] * item(c);
        want_c += x[i * 4 + k] * y[j];
      }
  CHECK(distance(r.gradients[0], want_a) < 1e-14);
  CHECK(distance(r.gradients[1], want_b) < 1e-14);
  CHECK(distance(r.gradients[2], {want_c}) < 1e-14);
  CHECK(r.gradients[0].shape() == a.shape());
  CHECK(r.gradients[1].shape() == b.shape());
  CHECK(r.gradients[2].shape() == c.shape());

  const Tensor half = from_values({2}, {1, 2}, DType::Float16), wide = from_values({2}, {3, 4}, DType::Float64);
  const auto mixed = value_and_grad([](const std::vector<Tensor>& v) { return v[0] * v[1]; }, {half, wide});
  CHECK(mixed.gradients[0].dtype() == DType::Float16);
  CHECK(mixed.gradients[1].dtype() == DType::Float64);
  CHECK(to_vector(mixed.gradients[0]) == std::vector<double>{3, 4});
  CHECK(to_vector(mixed.gradients[1]) == std::vector<double>{1, 2});
}

TEST_CASE("activity: what does not lie between inputs and outputs is neither computed nor mixed in") {
  // sqrt(0) has an infinite slope; 0 * inf would be NaN.
  const Tensor x = scalar(0.0, DType::Float64), y = scalar(2.0, DType::Float64);
  const auto r = value_and_grad(
      [](const std::vector<Tensor>& outer) {
        return value_and_grad(
                   [&](const std::vector<Tensor>& v) {
                     return v[0] * v[0] + stop_gradient(map("sqrt", outer[0])) * v[0];
                   },
                   {outer[1]})
            .gradients[0];
      },
      {x, y});
  CHECK(to_vector(r.gradients[0]) == std::vector<double>{0});
  CHECK(to_vector(r.gradients[1]) == std::vector<double>{2});
}

TEST_CASE("a tape of a million statements") {
  // y <- y * c + x, half a million times: dy/dx is the sum of the powers of c.
  constexpr int kRounds = 500'000;
  const double c = 1 - 1e-6;
  double slope = 0, value = 0;
  for (int i = 0; i < kRounds; ++i) {
    slope = slope * c + 1;
    value = value * c + 0.5;
  }
  static int checks;
  checks = 0;
  const Interpreter before = interpreter;
  interpreter.check_interrupt = [] { ++checks; };
  Level level;
  const Tensor x = level.input(scalar(0.5, DType::Float64)), factor = scalar(c, DType::Float64);
  Tensor y = x;
  y = y * 0.0;
  for (int i = 0; i < kRounds; ++i) y = y * factor + x;
  CHECK(level.tape().statement_count() == 2 * kRounds + 1);
  CHECK(item(y) == doctest::Approx(value).epsilon(1e-12));
  Backward sweep(level);
  sweep.seed(y, scalar(1.0, DType::Float64));
  const Slot inputs[] = {x.ref().slot};
  sweep.run(inputs);
  CHECK(item(sweep.cotangent(inputs[0], x)) == doctest::Approx(slope).epsilon(1e-10));
  CHECK(checks > 10);
  interpreter = before;
}

TEST_CASE("an interrupt ends the sweep, and the thread can go on") {
  struct Stop {};
  const Interpreter before = interpreter;
  interpreter.check_interrupt = [] { throw Stop{}; };
  const auto long_one = [](const std::vector<Tensor>& v) {
    Tensor y = v[0];
    for (int i = 0; i < 10'000; ++i) y = y + v[0];
    return y;
  };
  CHECK_THROWS_AS(value_and_grad(long_one, {scalar(3.0, DType::Float64)}), Stop);
  interpreter = before;
  CHECK(context().tape == nullptr);
  const auto r =
      value_and_grad([](const std::vector<Tensor>& v) { return v[0] * v[0]; }, {scalar(3.0, DType::Float64)});
  CHECK(item(r.gradients[0]) == 6);
}

TEST_CASE("each input is told once, when its cotangent is whole, before the sweep goes on to those read earlier") {
  const auto swept = [](bool nested, bool told) {
    Level level(Level::Sweeps::Many);
    const Tensor a = level.input(scalar(2.0, DType::Float64)), b = level.input(scalar(3.0, DType::Float64)),
                 unused = level.input(scalar(4.0, DType::Float64)), c = level.input(scalar(5.0, DType::Float64));
    if (nested) Level(Level::Sweeps::Many).close();
    const Tensor y = a * a, z = map("sin", y * b), w = z * c + c * b;
    level.close();
    const Slot inputs[] = {a.ref().slot, b.ref().slot, unused.ref().slot, c.ref().slot};
    Backward sweep(level.segment());
    sweep.seed(w, scalar(1.0, DType::Float64));
    std::vector<size_t> order;
    std::vector<double> gradients(4);
    if (told) {
      sweep.run_to_inputs(inputs, [&](size_t k) {
        order.push_back(k);
        gradients[k] = item(sweep.cotangent(inputs[k]));
        CHECK(sweep.reached(a.ref().slot) == (k == 0));
      });
      CHECK(order == std::vector<size_t>{3, 1, 0});
    } else {
      sweep.run(inputs);
      for (size_t k : {0u, 1u, 3u}) gradients[k] = item(sweep.cotangent(inputs[k]));
    }
    return gradients;
  };
  for (const bool nested : {false, true}) CHECK(swept(nested, true) == swept(nested, false));
}

TEST_CASE("gradients have the same bits at any number of threads") {
  const Tensor x = random_tensor({300, 700}, -1, 1, 1, DType::Float32),
               w = random_tensor({700, 40}, -1, 1, 2, DType::Float32);
  check_any_thread_count([&] {
    const auto r = value_and_grad(
        [&](const std::vector<Tensor>& v) {
          return mean(map("tanh", matmul(v[0], v[1]))) + sum(map("exp", v[0]) * v[0]);
        },
        {x, w});
    std::vector<double> all = to_vector(r.gradients[0]);
    for (double d : to_vector(r.gradients[1])) all.push_back(d);
    return all;
  });
}

}  // namespace
}  // namespace adcore
