// Passes: the program has fewer statements, and gives the same bits. Plans: outputs are the caller's own.
#include <functional>

#include "jit/optimize.h"
#include "jit/passes/prune.h"
#include "jit/passes/share.h"
#include "jit/passes/simplify.h"
#include "jit/plan.h"
#include "jit/trace.h"
#include "kernel_cases.h"
#include "sweeps/grad.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;
using F = std::function<std::vector<Tensor>(const Tensor&)>;
using Pass = Program (*)(const Program&);

Program traced(const F& f, const Tensor& x) {
  const auto trace = std::make_shared<Trace>();
  const FrameScope scope(*trace);
  for (const Tensor& t : f(trace->input(x))) trace->output(t);
  return trace->take();
}

/// The number of statements afterwards; the outputs are checked against those before.
size_t statements_after(Pass pass, const F& f, const Tensor& x) {
  const Program before = traced(f, x), after = pass(before);
  const Tensor inputs[] = {x};
  const std::vector<Tensor> expected = before.run(inputs), given = after.run(inputs);
  REQUIRE(given.size() == expected.size());
  for (size_t k = 0; k < given.size(); ++k) CHECK(to_vector(given[k]) == to_vector(expected[k]));
  return after.statements().size();
}

Tensor point() { return from_values({3}, {1, -0.0, 0.25}); }

TEST_CASE("prune drops what no output needs") {
  const F f = [](const Tensor& x) {
    map("exp", x * x);
    return std::vector{x + 1.0, x};
  };
  CHECK(statements_after(prune, f, point()) == 1);
  const F none = [](const Tensor& x) { return std::vector{x}; };
  CHECK(statements_after(prune, none, point()) == 0);
}

TEST_CASE("prune keeps a call that only checks") {
  const Tensor x = from_values({2}, {4, 6}, DType::Int64);
  const F f = [](const Tensor& t) {
    checked_last("div", LastInteger::NonZero, t);
    return std::vector{t};
  };
  CHECK(statements_after(prune, f, x) == 1);
  const Tensor bad[] = {from_values({2}, {4, 0}, DType::Int64)};
  CHECK_THROWS_AS(prune(traced(f, x)).run(bad), Error);
}

TEST_CASE("share makes one call of equal ones, and of what follows from them") {
  const F f = [](const Tensor& x) {
    const Tensor a = map("exp", x) * x, b = map("exp", x) * x;
    return std::vector<Tensor>{a + b, sum(a), sum(b), sum(x)};
  };
  CHECK(statements_after(share, f, point()) == 5);
}

TEST_CASE("share tells attributes and the order of operands apart") {
  const Tensor x = from_values({2, 2}, {1, 2, 3, 4});
  const F f = [](const Tensor& t) {
    return std::vector<Tensor>{sum(t, Dims{0}), sum(t, Dims{1}), t - number(2.0, t), number(2.0, t) - t};
  };
  CHECK(statements_after(share, f, x) == 4);
}

TEST_CASE("simplify drops what changes no bit and keeps what does") {
  const F f = [](const Tensor& x) {
    const Tensor one = number(1.0, x), zero = number(0.0, x);
    return std::vector{x * one, one * x, x / one, x - zero, x + zero, zero - x, x - number(-0.0, x)};
  };
  const Program after = simplify(traced(f, point()));
  CHECK(after.statements().size() == 3);
  const Tensor inputs[] = {point()};
  const std::vector<Tensor> given = after.run(inputs);
  for (size_t k = 0; k < 4; ++k) CHECK(std::signbit(to_vector(given[k])[1]));
  CHECK_FALSE(std::signbit(to_vector(given[4])[1]));
}

TEST_CASE("weights of ones are no operands of a loss") {
  const Tensor ones = full({3}, 1.0, DType::Float32), y = from_values({3}, {0, 1, 0.5});
  const F f = [&](const Tensor& z) {
    return std::vector{
        value_and_grad(
            [&](const std::vector<Tensor>& v) { return bce_with_logits(v[0], y, ones, ones, Reduction::Mean); }, {z})
            .gradients[0]};
  };
  const Program after = simplify(traced(f, point()));
  for (const Program::Statement& s : after.statements()) CHECK(after.uses_of(s).size() <= 2);
  CHECK(statements_after(simplify, f, point()) > 0);
}

// ---- plans --------------------------------------------------------------------------------------------------------

std::vector<Tensor> replayed(const Plan& plan, const Tensor& x) {
  Run run(plan);
  REQUIRE(plan.fits(0, x));
  run.input(0, x);
  run.execute();
  std::vector<Tensor> out;
  for (size_t k = 0; k < plan.program().outputs().size(); ++k) out.push_back(run.output(k));
  return out;
}

TEST_CASE("a plan gives what the program gives, over and over, and its outputs stay") {
  const F f = [](const Tensor& x) {
    const Tensor y = map("tanh", matmul(x, permute(x, Dims{1, 0}))), z = y * y + x;
    return std::vector{z, permute(z, Dims{1, 0}), sum(map("exp", z)), reshape(permute(y, Dims{1, 0}), Dims{9}), x};
  };
  const Tensor x = from_values({3, 3}, {1, 2, 3, -4, 5, -6, 0.5, 0.25, -0.125});
  const auto program = std::make_shared<const Program>(optimize(traced(f, x)));
  std::vector<Tensor> first;
  const Plan plan(program, std::span(&x, 1), first);
  std::vector<std::vector<Tensor>> all{first};
  std::vector<Tensor> points{x};
  for (int i = 0; i < 4; ++i) {
    points.push_back(points.back() * -0.75);
    all.push_back(replayed(plan, points.back()));
  }
  for (size_t i = 0; i < points.size(); ++i) {
    const std::vector<Tensor> expected = f(points[i]);
    for (size_t k = 0; k < expected.size(); ++k) CHECK(to_vector(all[i][k]) == to_vector(expected[k]));
  }
  CHECK_FALSE(plan.fits(0, permute(x, Dims{1, 0})));
  CHECK_FALSE(plan.fits(0, from_values({3}, {1, 2, 3})));
}

TEST_CASE("values that do not live at once share memory") {
  const F f = [](const Tensor& x) {
    Tensor y = x;
    for (int i = 0; i < 50; ++i) y = matmul(y, x);
    return std::vector{y};
  };
  const Tensor x = full({16, 16}, 0.0625, DType::Float32);
  std::vector<Tensor> first;
  const Plan plan(std::make_shared<const Program>(traced(f, x)), std::span(&x, 1), first);
  CHECK(plan.arena_bytes() == 2 * 16 * 16 * 4);
}

}  // namespace
}  // namespace adcore
