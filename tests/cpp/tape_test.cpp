// Tape and Level: slots, parameters, nesting, stale references, exceptions, threads. Derivatives are those of
// polynomials.
#include <stdexcept>
#include <thread>

#include "core/scope.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

Tensor number_at(double v) { return scalar(v, DType::Float64); }

/// The derivative of y with respect to x, both of `level`, which it ends.
Tensor slope(Level& level, const Tensor& y, const Tensor& x) {
  Backward sweep(level);
  sweep.seed(y, number_at(1));
  const Slot inputs[] = {x.ref().slot};
  sweep.run(inputs);
  return sweep.cotangent(inputs[0], x);
}

/// f'(x) for a function of one number.
template <class F>
Tensor derivative(F f, const Tensor& x) {
  return value_and_grad([&](const std::vector<Tensor>& v) { return f(v[0]); }, {x}).gradients[0];
}

TEST_CASE("levels open and close a tape of the thread") {
  CHECK(context().tape == nullptr);
  {
    Level outer;
    CHECK(outer.outermost());
    CHECK(context().tape == &outer.tape());
    {
      Level inner;
      CHECK(!inner.outermost());
      CHECK(&inner.tape() == &outer.tape());
      CHECK(outer.tape().open_levels == 2);
    }
    CHECK(outer.tape().open_levels == 1);
    outer.close();
    CHECK(context().tape == nullptr);
    outer.close();  // once more does nothing
  }
  CHECK(context().tape == nullptr);
}

TEST_CASE("what is left of a level reads as constant") {
  Tensor x, y;
  {
    Level level;
    x = level.input(number_at(3));
    y = x * x;
    CHECK(level.tape().slot_of(y) != 0);
  }
  Level level;
  CHECK(level.tape().slot_of(x) == 0);
  CHECK(level.tape().slot_of(y) == 0);
  const Tensor z = level.input(number_at(2));
  CHECK(level.tape().slot_of(z) != 0);
  CHECK(item(slope(level, z * y + x, z)) == 9);
}

TEST_CASE("an exception at any depth leaves no tape behind") {
  const auto thrower = [](const std::vector<Tensor>& x) -> Tensor {
    return value_and_grad(
               [](const std::vector<Tensor>& y) -> Tensor {
                 if (item(y[0] * y[0]) > 0) throw std::runtime_error("stop");
                 return y[0];
               },
               x)
        .value;
  };
  CHECK_THROWS_AS(value_and_grad(thrower, {number_at(2)}), std::runtime_error);
  CHECK(context().tape == nullptr);
  // Caught inside, the outer level goes on as if nothing had been tried.
  const auto careful = [&](const Tensor& x) {
    try {
      thrower({x});
    } catch (const std::runtime_error&) {
    }
    CHECK(context().tape->open_levels == 1);
    return x * x * x;
  };
  CHECK(item(derivative(careful, number_at(2))) == 12);
  CHECK(context().tape == nullptr);
}

TEST_CASE("perturbations of different levels are not confused") {
  // d/dx (x * d/dy (x + y)) = 1, not 2.
  CHECK(item(derivative(
            [](const Tensor& x) { return x * derivative([&](const Tensor& y) { return x + y; }, number_at(1)); },
            number_at(1))) == 1);
  // d/dx (x * d/dy (x * y * y)) at y = x is d/dx (2 x^3).
  CHECK(item(derivative([](const Tensor& x) { return x * derivative([&](const Tensor& y) { return x * y * y; }, x); },
                        number_at(3))) == doctest::Approx(3 * 2 * 9));
}

TEST_CASE("nested levels: derivatives of x^5 to order 5") {
  using F = std::function<Tensor(const Tensor&)>;
  F f = [](const Tensor& x) { return x * x * x * x * x; };
  double want = 32;
  for (int order = 1; order <= 5; ++order) {
    want *= (6.0 - order) / 2;
    f = [f](const Tensor& x) { return derivative(f, x); };
    CHECK(item(f(number_at(2))) == doctest::Approx(want));
  }
}

TEST_CASE("a level that a sweep opens gets a tape of its own") {
  Level level;
  const Tensor x = level.input(number_at(3));
  const Tensor y = x * x;
  Backward sweep(level);
  CHECK(item(derivative([](const Tensor& z) { return z * z; }, number_at(5))) == 10);
  sweep.seed(y, number_at(1));
  const Slot inputs[] = {x.ref().slot};
  sweep.run(inputs);
  CHECK(item(sweep.cotangent(inputs[0], x)) == 6);
}

TEST_CASE("an input made after the first statement: what was recorded before still counts") {
  Level level;
  const Tensor x = level.input(number_at(3));
  const Tensor y = x * x;
  const Tensor z = level.input(number_at(2));
  CHECK(item(slope(level, y * z, x)) == 12);
}

TEST_CASE("parameters: a number reads as its level's slot until the level closes") {
  const Tensor w = number_at(3);
  const auto read = [&](Tape& tape) {
    Tensor t = w;
    t.set_ref({tape.id(), tape.parameter_slot(1000)});
    return t;
  };
  Level outer;
  Tape& tape = outer.tape();
  CHECK(tape.parameter_slot(1000) == 0);
  CHECK(tape.parameter_slot(999'999) == 0);
  const Slot outer_slot = outer.parameter(1000, w);
  CHECK(tape.parameter_slot(1000) == outer_slot);
  CHECK(tape.parameter_slot(999) == 0);
  Tensor first;
  {
    Level inner;
    const Slot inner_slot = inner.parameter(1000, read(tape));
    CHECK(inner_slot > outer_slot);
    CHECK(tape.parameter_slot(1000) == inner_slot);
    const Tensor p = read(tape);
    first = slope(inner, p * p * p, p);  // 3 w^2, recorded for the outer level
  }
  CHECK(tape.parameter_slot(1000) == outer_slot);
  CHECK(item(first) == 27);
  CHECK(item(slope(outer, first, read(tape))) == 18);
}

TEST_CASE(
    "a parameter that was assigned inside a level keeps the new slot; one tape's slots mean nothing to the next") {
  {
    Level outer;
    const Tensor w = number_at(3);
    const Slot outer_slot = outer.parameter(5, w);
    Slot assigned;
    {
      Level inner;
      inner.parameter(5, w);
      assigned = inner.tape().new_slot();
      inner.tape().set_parameter_slot(5, assigned);
    }
    CHECK(outer.tape().parameter_slot(5) == assigned);
    CHECK(assigned != outer_slot);
  }
  Level next;
  CHECK(next.tape().parameter_slot(5) == 0);
}

TEST_CASE("the sweep of the outermost level lets go of a kept value as soon as its statement is done") {
  static int released;
  released = 0;
  double memory[1] = {4};
  Level level;
  const Tensor x = level.input(number_at(3));
  Tensor y;
  {
    const Tensor kept(BufferRef(adopt(memory, sizeof memory, nullptr, [](void*) { ++released; })), 0, {}, {},
                      DType::Float64);
    y = x * kept;
  }
  CHECK(released == 0);
  CHECK(item(slope(level, y, x)) == 4);
  CHECK(released == 1);
}

TEST_CASE("several threads differentiate at once, through the same tensors and parameter numbers") {
  const Tensor w = random_tensor({4, 4}, -1, 1, 1), x = random_tensor({4}, -1, 1, 2);
  const auto gradient = [&] {
    Level level;
    Tensor p = w;
    p.set_ref({level.tape().id(), level.parameter(7, w)});
    const Tensor q = level.input(x);
    const Tensor y =
        sum(map("tanh", matmul(q, p)) * derivative([&](const Tensor& z) { return sum(matmul(z, p) * z); }, q));
    Backward sweep(level);
    sweep.seed(y, number_at(1));
    const Slot inputs[] = {p.ref().slot, q.ref().slot};
    sweep.run(inputs);
    std::vector<double> out = to_vector(sweep.cotangent(inputs[0], p));
    for (double v : to_vector(sweep.cotangent(inputs[1], q))) out.push_back(v);
    return out;
  };
  const std::vector<double> want = gradient();
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 100; ++round) wrong[t] += gradient() != want;
    });
  }
  for (auto& t : threads) t.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

}  // namespace
}  // namespace adcore
