// Passes: the program has fewer statements, and gives the same bits. Plans: outputs are the caller's own.
#include <functional>

#include "jit/loop.h"
#include "jit/optimize.h"
#include "jit/passes/fold.h"
#include "jit/passes/hoist.h"
#include "jit/passes/keep.h"
#include "jit/passes/prune.h"
#include "jit/passes/rewrite.h"
#include "jit/passes/share.h"
#include "jit/passes/simplify.h"
#include "jit/passes/sink.h"
#include "jit/passes/sound.h"
#include "jit/plan.h"
#include "jit/trace.h"
#include "kernel_cases.h"
#include "ops/optim.h"
#include "ops/owned.h"
#include "ops/regions.h"
#include "ops/table.h"
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
  CHECK(is_sound(before));
  CHECK(is_sound(after));
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
  const auto is_owned = [](const Program::Statement& s) { return s.op == &owned_op(); };
  CHECK(std::ranges::count_if(after.statements(), is_owned) == 4);
  CHECK(after.statements().size() == 7);
  const Tensor inputs[] = {point()};
  const std::vector<Tensor> given = after.run(inputs);
  for (size_t k = 0; k < 4; ++k) CHECK(std::signbit(to_vector(given[k])[1]));
  CHECK_FALSE(std::signbit(to_vector(given[4])[1]));
}

TEST_CASE("simplify drops copies of what no other library can hold, and of what does not leave") {
  const F f = [](const Tensor& x) {
    const Tensor y = map("exp", owned(x) * number(1.0, x));
    return std::vector{owned(y), y * number(1.0, y), owned(reshape(y, Dims{-1}))};
  };
  const Program simplified = simplify(traced(f, point()));
  for (const Program::Statement& s : simplified.statements()) CHECK(s.op != &owned_op());
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

// ---- loops --------------------------------------------------------------------------------------------------------

using Step = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

/// A body that takes values like these.
Tensor body(const Step& step, const std::vector<Tensor>& like) {
  const auto trace = std::make_shared<Trace>();
  const FrameScope scope(*trace);
  std::vector<Tensor> inputs;
  for (const Tensor& t : like) inputs.push_back(trace->input(t));
  for (const Tensor& t : step(inputs)) trace->output(t);
  return hold_body(trace->take());
}

std::vector<Tensor> scan(const Tensor& body, const ScanAttrs& attrs, std::vector<Tensor> operands) {
  operands.insert(operands.begin(), body);
  return apply_all(scan_op(body_in(body).program().outputs().size()), operands, Attrs(attrs));
}

size_t count(const Program& p, const char* op) {
  return static_cast<size_t>(std::ranges::count_if(
      p.statements(), [&](const Program::Statement& s) { return std::string_view(s.op->name) == op; }));
}

/// The bodies of the loops of a program.
std::vector<const Program*> bodies(const Program& p) {
  std::vector<const Program*> all;
  for (const Program::Statement& s : p.statements())
    if (is_loop(*s.op)) all.push_back(&body_in(p.constant(p.uses_of(s)[0].value)).program());
  return all;
}

/// A recurrent network, and its reverse mode by hand: a loop that computes every step again, in the opposite order,
/// from the second last one on.
std::vector<Tensor> there_and_back(const Tensor& w, bool inner_loop = false, bool gives_product = false) {
  const Tensor h = full({2, 3}, 0.5, DType::Float32),
               xs = from_values({4, 2, 3},
                                {1, 2, 3, 4, 5, 6, -1, 0, 1, 2, 0.5, 1, 3, 2, 1, 0, 1, 2, -0.5, 4, 1, 1, 2, 0}) +
                    sum(w);
  const Tensor x = full({2, 3}, 1.0, DType::Float32);
  const auto product = [&](const Tensor& a, const Tensor& b) {
    if (!inner_loop) return matmul(a, b);
    const Tensor twice = body([](const auto& v) { return std::vector{matmul(v[0], v[1])}; }, {a, b});
    return scan(twice, {2, 1, 0, 0}, {a, b})[0];
  };
  const Tensor forward = body(
      [&](const auto& v) {
        const Tensor y = product(v[0], v[2]);
        std::vector made{map("tanh", y + v[1]), v[0]};
        if (gives_product) made.push_back(y);
        return made;
      },
      {h, x, w});
  const std::vector<Tensor> made = scan(forward, {4, 1, 1, 0}, {h, xs, w});
  const Tensor back = body(
      [&](const auto& v) {
        const Tensor y = map("tanh", product(v[1], v[3]) + v[2]);
        const Tensor g = v[0] * (number(1.0, y) - y * y);
        return std::vector{matmul(g, permute(v[3], Dims{1, 0})), g};
      },
      {h, x, x, w});
  const Dims none(3, 0), all(3, 1);
  const int64_t three[] = {3, 2, 3};
  const auto first = [&](const Tensor& t) {
    return view_of_region(t, Region{0, 3, three, along_axes(none.data(), all.data()), {}});
  };
  return scan(back, {3, 1, 2, 1}, {made[0], first(made[1]), first(xs), w});
}

Tensor weights() { return from_values({3, 3}, {0.5, -1, 0.25, 2, 0.125, -0.5, 1, -0.75, 0.375}); }

TEST_CASE("keep: a loop that goes back over another one gets what that computed") {
  const F f = [](const Tensor& w) { return there_and_back(w); };
  const Program before = traced(f, weights()), after = prune(keep(before));
  CHECK(statements_after(keep, f, weights()) == before.statements().size() + 1);  // the part of the new rows
  REQUIRE(bodies(before).size() == 2);
  CHECK(count(*bodies(before)[1], "matmul") == 2);
  CHECK(count(*bodies(after)[0], "matmul") == 1);
  CHECK(count(*bodies(after)[1], "matmul") == 1);
  // One row: what only elementwise calls read comes through them, and the carries of the steps are no longer read.
  CHECK(bodies(after)[0]->outputs().size() == 2);
  CHECK(bodies(after)[1]->inputs().size() == 3);
}

TEST_CASE("keep: a row that the loop gives anyway serves, too") {
  const F f = [](const Tensor& w) { return there_and_back(w, false, true); };
  const Program before = traced(f, weights()), after = prune(keep(before));
  statements_after(keep, f, weights());
  CHECK(count(*bodies(after)[0], "matmul") == 1);
  CHECK(count(*bodies(after)[1], "matmul") == 1);
  CHECK(bodies(after)[0]->outputs().size() == bodies(before)[0]->outputs().size() - 1);  // the carries of the steps
}

TEST_CASE("a program whose loop takes another value than its body does is not sound") {
  const Program p = traced([](const Tensor& w) { return there_and_back(w); }, weights());
  CHECK(is_sound(p));
  for (const Program::Statement& s : p.statements()) {
    if (!is_scan(*s.op)) continue;
    for (size_t k = 0; k < s.use_count; ++k) {
      Rewrite to(p);
      for (const Program::Statement& other : p.statements()) {
        std::vector<Program::Use> uses(p.uses_of(other).begin(), p.uses_of(other).end());
        if (&other == &s) uses[k].value = p.uses_of(s)[k == 1 ? 0 : 1].value;
        to.copy(other, uses, p.attrs_of(other));
      }
      CHECK_FALSE(is_sound(to.finish()));
    }
  }
}

TEST_CASE("keep: what a loop inside of a step computes is not kept") {
  const F f = [](const Tensor& w) { return there_and_back(w, true); };
  const Program after = prune(keep(traced(f, weights())));
  CHECK(count(*bodies(after)[1], "scan") == 1);
  CHECK(bodies(after)[0]->outputs().size() == 2);
  statements_after(keep, f, weights());
}

/// A loop over matrices of one row: a carry that goes through w, one that sums the gradient of w, one that sums
/// products of a slice with a slice.
std::vector<Tensor> summed(const Tensor& w, bool read_sum) {
  const Tensor h = full({1, 3}, 0.5, DType::Float32),
               xs = from_values({4, 1, 3}, {1, 2, 3, 0.25, -1, 0, 1, 0.5, 1, 3, 2, 1}) + sum(w);
  const Tensor step = body(
      [&](const auto& v) {
        const Tensor& x = v[3];
        const Tensor next = map("tanh", matmul(v[0], v[4]) + matmul(x, v[4]));
        const Tensor first = v[1] + matmul(permute(x, Dims{1, 0}), next);
        return std::vector{read_sum ? next * sum(v[1]) : next, first, v[2] + matmul(permute(x, Dims{1, 0}), x)};
      },
      {h, w, w, h, w});
  return scan(step, {4, 3, 1, 1}, {h, w, w, xs, w});
}

TEST_CASE("hoist: a product of slices is made before the loop, sums of products after it") {
  const F f = [](const Tensor& w) { return summed(w, false); };
  const Program before = traced(f, weights()), after = hoist(before);
  CHECK(count(*bodies(before)[0], "matmul") == 4);
  CHECK(count(*bodies(after)[0], "matmul") == 1);
  CHECK(count(after, "matmul") == 1);
  CHECK(count(after, "matmul_sum") == 2);
  CHECK(bodies(after)[0]->outputs().size() == 3);
  statements_after(hoist, f, weights());
}

TEST_CASE("hoist: a sum that a step reads stays in the loop") {
  const F f = [](const Tensor& w) { return summed(w, true); };
  const Program after = hoist(traced(f, weights()));
  CHECK(count(*bodies(after)[0], "matmul") == 2);
  CHECK(count(after, "matmul_sum") == 1);
  statements_after(hoist, f, weights());
}

TEST_CASE("hoist: a sum over rows that are there is a loop of its own") {
  const F f = [](const Tensor& w) {
    const Tensor xs = full({4, 2, 3}, 0.75, DType::Float32) + sum(w);
    const Tensor step = body(
        [](const auto& v) {
          const Tensor y = map("tanh", v[0] + matmul(v[2], v[3]));
          return std::vector{y, v[1] + sum(y, Dims{0}), y};
        },
        {full({2, 3}, 0.5, DType::Float32), full({3}, 0.0, DType::Float32), full({2, 3}, 0.5, DType::Float32), w});
    return scan(step, {4, 2, 1, 0}, {full({2, 3}, 0.5, DType::Float32), full({3}, 0.0, DType::Float32), xs, w});
  };
  const Program after = hoist(traced(f, weights()));
  REQUIRE(bodies(after).size() == 2);
  CHECK(count(*bodies(after)[0], "sum") == 0);
  CHECK(count(*bodies(after)[1], "sum") == 1);
  statements_after(hoist, f, weights());
}

/// What the body of half of the rows gives for each half is what the whole gives.
void check_halves(const Step& step, const std::vector<Tensor>& inputs, size_t fixed) {
  const Tensor held = body(step, inputs);
  const Body* const half = body_in(held).half(fixed);
  REQUIRE(half);
  const std::vector<Tensor> whole = body_in(held).program().run(inputs);
  const int64_t rows = inputs[0].shape()[0];
  const auto part = [&](const Tensor& t, int64_t first) {
    Dims shape = t.shape();
    shape[0] = rows / 2;
    return Tensor(t.buffer(), t.offset() + first * t.strides()[0], shape, t.strides(), t.dtype());
  };
  for (const int64_t first : {int64_t{0}, rows / 2}) {
    std::vector<Tensor> some = inputs;
    for (size_t k = 0; k < fixed; ++k) some[k] = part(some[k], first);
    const std::vector<Tensor> given = half->program().run(some);
    for (size_t j = 0; j < whole.size(); ++j) CHECK(to_vector(given[j]) == to_vector(part(whole[j], first)));
  }
}

TEST_CASE("the body of half of the rows gives half of the rows") {
  Tensor h(Dims{16, 3}, DType::Float32);
  for (int i = 0; i < 48; ++i)
    static_cast<float*>(h.mutable_data())[i] = 0.125F * static_cast<float>(i % 7) - 0.25F * static_cast<float>(i % 5);
  const Step step = [](const std::vector<Tensor>& v) {
    const Tensor z = matmul(v[0], v[2]) * v[3] + map("tanh", v[1]);
    const Dims zero(2, 0), one(2, 1);
    const int64_t columns[] = {16, 2};
    const Region left{0, 2, columns, along_axes(zero.data(), one.data()), {}};
    return std::vector{z, add_to_region(full({16, 3}, 1.5, DType::Float32), view_of_region(z, left) * 2.0,
                                        Region{0, 2, columns, {}, along_axes(zero.data(), one.data())})};
  };
  check_halves(step, {h, h + 1.0, weights(), from_values({3}, {1, -2, 0.5})}, 2);
}

TEST_CASE("a loop whose rows are computed side by side gives the bits that it has on one thread") {
  const Step step = [](const std::vector<Tensor>& v) {
    const Tensor y = map("tanh", matmul(v[0], v[2]) + v[1]);
    return std::vector{y, y * v[1]};
  };
  const Tensor h = full({32, 64}, 0.25, DType::Float32), w = full({64, 64}, 0.01, DType::Float32);
  Tensor xs(Dims{256, 32, 64}, DType::Float32);
  for (int64_t i = 0; i < xs.size(); ++i)
    static_cast<float*>(xs.mutable_data())[i] = 0.01F * static_cast<float>(i % 193) - 0.5F;
  const Tensor held = body(step, {h, h, w});
  REQUIRE(body_in(held).half(2));
  const auto run = [&](int threads) {
    const Threads scope(threads);
    return scan(held, {256, 1, 1, 0}, {h, xs, w});
  };
  const std::vector<Tensor> expected = run(1);
  for (int round = 0; round < 3; ++round) {
    const std::vector<Tensor> given = run(2);
    for (size_t j = 0; j < expected.size(); ++j) CHECK(to_vector(given[j]) == to_vector(expected[j]));
  }
}

TEST_CASE("rows that meet have no half") {
  const Tensor h = full({16, 16}, 0.5, DType::Float32);
  const auto has_half = [&](const Step& step) { return body_in(body(step, {h, h})).half(1) != nullptr; };
  CHECK(has_half([](const auto& v) { return std::vector{matmul(v[0], v[1])}; }));
  CHECK(!has_half([](const auto& v) { return std::vector{matmul(v[1], v[0])}; }));
  CHECK(!has_half([](const auto& v) { return std::vector{v[0] + v[1]}; }));
  CHECK(!has_half([](const auto& v) { return std::vector{v[0] * sum(v[0], Dims{0})}; }));
  CHECK(!has_half([](const auto& v) { return std::vector{matmul(permute(v[0], Dims{1, 0}), v[1])}; }));
}

TEST_CASE("there is no loop that gives nothing") {
  CHECK_THROWS(scan_op(0));
  const Tensor x = full({3, 2}, 1.0, DType::Float32), y = full({2, 3}, 1.0, DType::Float32), w = weights();
  const F f = [&](const Tensor& given) {
    const Tensor step = body([](const auto& v) { return std::vector{v[0] + matmul(v[1], v[2])}; }, {w, x, y});
    const Tensor xs = full({4, 3, 2}, 0.5, DType::Float32), ys = full({4, 2, 3}, 0.25, DType::Float32);
    return scan(step, {4, 1, 2, 0}, {given, xs, ys});
  };
  CHECK(count(hoist(traced(f, w)), "scan") == 0);
  statements_after(hoist, f, w);
}

TEST_CASE("prune drops what of a loop nobody reads, and what that alone was for") {
  const F f = [](const Tensor& w) {
    const Tensor unused = map("exp", w);
    const Tensor step = body(
        [](const auto& v) {
          // The third carry is for the second one, which nobody reads.
          return std::vector{v[0] * v[3], v[1] + v[2], v[2] * v[4], v[0] + v[3], map("sin", v[1])};
        },
        {w, w, w, w, w});
    const std::vector<Tensor> made = scan(step, {3, 3, 0, 0}, {w, w, w, w, unused});
    return std::vector{made[3]};
  };
  const Program after = prune(traced(f, weights()));
  CHECK(statements_after(prune, f, weights()) == 1);
  CHECK(bodies(after)[0]->inputs().size() == 2);
  CHECK(bodies(after)[0]->outputs().size() == 2);
  CHECK(bodies(after)[0]->statements().size() == 2);
}

TEST_CASE("fold makes constants of calls on constants") {
  ProgramBuilder to;
  const uint32_t x = to.input({3}, DType::Float32), c = to.constant(from_values({3}, {1, 2, 3}));
  const Program::Use twice[] = {{c, false}, {c, false}};
  const uint32_t sum = to.statement(elementwise_op(formula_index("add")), twice, {}, false);
  to.set_value(sum, {3}, DType::Float32);
  const Program::Use both[] = {{x, false}, {sum, false}};
  const uint32_t out = to.statement(elementwise_op(formula_index("mul")), both, {}, false);
  to.set_value(out, {3}, DType::Float32);
  to.output(out);
  to.output(sum);
  const Program before = to.take(), after = fold(before);
  CHECK(after.statements().size() == 1);
  const Tensor inputs[] = {point()};
  for (size_t k = 0; k < 2; ++k) CHECK(to_vector(after.run(inputs)[k]) == to_vector(before.run(inputs)[k]));
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

/// SGD with momentum on two arrays, and between the steps what the second one is for.
Program two_steps(const std::vector<Tensor>& like) {
  ProgramBuilder to;
  std::vector<uint32_t> in;
  for (const Tensor& t : like) in.push_back(to.input(t.shape(), t.dtype()));
  const uint32_t rate = to.constant(scalar(0.5, DType::Float64)), none = to.constant(scalar(0.0, DType::Float64));
  const OptimizerRule& rule = *optimizer_rule("momentum");
  const double settings[] = {0, 0};
  const auto value = [&](uint32_t v) { to.set_value(v, {3}, DType::Float32); };
  const auto step = [&](uint32_t p, uint32_t state) {
    std::vector<Program::Use> uses{{p, false}, {p, false}, {state, false}};
    for (int k = 0; k < rule.facts.numbers; ++k) uses.push_back({k == 0 ? rate : none, false});
    const Attrs attrs(reinterpret_cast<const int64_t*>(settings), rule.facts.settings);
    const uint32_t out = to.statement(*rule.op, uses, attrs, false);
    value(out);
    value(out + 1);
    return out;
  };
  const uint32_t first = step(in[0], in[1]);
  const Program::Use twice[] = {{in[2], false}, {in[2], false}};
  const uint32_t total = to.statement(elementwise_op(formula_index("add")), twice, {}, false);
  value(total);
  const uint32_t second = step(in[2], in[3]);
  for (const uint32_t v : {total, first, first + 1, second, second + 1}) to.output(v);
  return to.take();
}

TEST_CASE("sink: steps of optimizers come last") {
  const std::vector<Tensor> inputs{point(), point() * 2.0, point() * 3.0, point() * 4.0};
  const Program before = two_steps(inputs), after = sink(before);
  REQUIRE(after.statements().size() == 3);
  CHECK(std::string_view(after.statements()[0].op->name) == "add");
  for (size_t k = 0; k < 5; ++k) CHECK(to_vector(after.run(inputs)[k]) == to_vector(before.run(inputs)[k]));
}

TEST_CASE("the last steps write over inputs that nobody else holds") {
  std::vector<Tensor> inputs{point(), point() * 2.0, point() * 3.0, point() * 4.0};
  const std::vector<Tensor> given{inputs[0] * 1.0, inputs[1] * 1.0, inputs[2] * 1.0, inputs[3] * 1.0};
  const auto program = std::make_shared<const Program>(sink(two_steps(inputs)));
  const std::vector<Tensor> expected = program->run(given);
  std::optional<Plan> plan;
  const Tensor held = inputs[3];
  // The gradients of these steps are the Parameters, which are read in the order in which they are written.
  std::vector<Tensor> outputs;
  {
    Plan::Last last;
    plan.emplace(program, std::vector(inputs), outputs, Plan::Updates{0, 1, 2, 3}, last);
    plan->take_memory(last, 1, outputs);
    Plan::run(last);
  }
  for (size_t k = 0; k < 5; ++k) CHECK(to_vector(outputs[k]) == to_vector(expected[k]));
  CHECK(outputs[2].data() == inputs[1].data());
  CHECK(outputs[4].data() != inputs[3].data());
  CHECK(to_vector(held) == to_vector(given[3]));
  // A replay: all are the outputs of the first run now.
  inputs = {outputs[1], outputs[2], outputs[3], outputs[4]};
  outputs.clear();
  const std::vector<Tensor> copies{inputs[0] * 1.0, inputs[1] * 1.0, inputs[2] * 1.0, inputs[3] * 1.0};
  const std::vector<Tensor> next = program->run(copies);
  Run run(*plan);
  for (size_t k = 0; k < 4; ++k) run.input(k, inputs[k]);
  run.execute_first(1);
  CHECK(to_vector(run.output(0)) == to_vector(next[0]));
  CHECK(to_vector(inputs[1]) == to_vector(expected[2]));
  run.execute_last();
  for (size_t k = 0; k < 5; ++k) CHECK(to_vector(run.output(k)) == to_vector(next[k]));
  CHECK(run.output(2).data() == inputs[1].data());
  CHECK(run.output(4).data() == inputs[3].data());
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
