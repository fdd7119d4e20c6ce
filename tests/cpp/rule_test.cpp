// Rules from outside: several outputs, missing cotangents, a sweep that failed half-way.
#include "sweeps/rule.h"

#include <functional>

#include "kernel_cases.h"
#include "ops/functions.h"
#include "sweeps/backward.h"
#include "sweeps/blocked.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

struct Recorded : Rule {
  explicit Recorded(std::function<std::vector<Tensor>(std::span<const Tensor>)> f) : f(std::move(f)) {}
  std::vector<Tensor> pull(std::span<const Tensor> c, std::span<const bool>) override { return f(c); }
  std::function<std::vector<Tensor>(std::span<const Tensor>)> f;
};

TEST_CASE("a rule gets a cotangent for each output, undefined for zero, and may be swept again") {
  Level level(Level::Sweeps::Many);
  const Tensor x = level.input(from_values({2}, {1, 2}));
  Tensor a = from_values({2}, {5, 5}), b = a, c = a;
  Tape& tape = level.tape();
  const Arg arg[] = {tape.new_arg(x.ref().slot, x)};
  Tensor* const outputs[] = {&a, &b, &c};
  bool fails = true;
  record(tape, std::make_unique<Recorded>([&](std::span<const Tensor> g) -> std::vector<Tensor> {
           CHECK(g.size() == 3);
           CHECK(g[0].defined());
           CHECK(!g[1].defined());
           if (fails) fail(ErrorKind::Runtime, "half-way");
           return {g[0] + g[2]};
         }),
         arg, outputs);
  level.close();
  const Slot inputs[] = {x.ref().slot};
  for (int k = 0; k < 3; ++k) {
    Backward sweep(level.segment());
    sweep.seed(a, from_values({2}, {1, 10}));
    sweep.seed(c, from_values({2}, {2, 20}));
    fails = k == 1;
    if (fails) {
      CHECK_THROWS_AS(sweep.run(inputs), Error);
    } else {
      sweep.run(inputs);
      CHECK(to_vector(sweep.cotangent(inputs[0], x)) == std::vector<double>{3, 30});
    }
  }
}

TEST_CASE("a rule that does more than compute runs in every sweep, and what it makes is differentiated") {
  Level level(Level::Sweeps::Many);
  const Tensor x = level.input(from_values({2}, {1, 2}));
  Level inner(Level::Sweeps::Many);  // several levels on the tape: the sweeps ask which statements are active
  inner.close();
  Tape& tape = level.tape();
  Tensor sent = from_values({1}, {0}), came = from_values({2}, {5, 7});
  int runs = 0;
  std::vector<double> cotangent;
  Tensor* outputs[] = {&sent};
  const Arg arg[] = {tape.new_arg(x.ref().slot, x)};
  record(tape, std::make_unique<Recorded>([&](std::span<const Tensor> g) -> std::vector<Tensor> {
           ++runs;
           CHECK(!g[0].defined());
           return {from_values({2}, {3, 4})};
         }),
         arg, outputs, true);
  outputs[0] = &came;
  record(tape, std::make_unique<Recorded>([&](std::span<const Tensor> g) -> std::vector<Tensor> {
           ++runs;
           if (g[0].defined()) cotangent = to_vector(g[0]);
           return {};
         }),
         {}, outputs, true);
  const Tensor constant = from_values({2}, {10, 100});
  const Tensor y = came * constant;
  level.close();
  const Slot inputs[] = {x.ref().slot};
  for (const bool seeded : {true, false}) {
    Backward sweep(level.segment());
    if (seeded) sweep.seed(y, from_values({2}, {1, 1}));
    sweep.run(inputs);
    CHECK(to_vector(sweep.cotangent(inputs[0], x)) == std::vector<double>{3, 4});
  }
  CHECK(runs == 4);
  CHECK(cotangent == std::vector<double>{10, 100});
}

TEST_CASE("dropped statements are gone; their slots are not given out again and cannot be recorded from") {
  Level level;
  const Tensor x = level.input(from_values({1}, {3}));
  const Tensor y = x * x;
  const uint32_t mark = level.tape().statement_count();
  const Slot first = level.tape().slot_count();
  const Tensor lost = y * y;
  CHECK(!level.tape().is_dropped(lost.ref().slot));
  CHECK(level.tape().drop_statements(mark, first).size() > 0);
  CHECK(level.tape().is_dropped(lost.ref().slot));
  CHECK(!level.tape().is_dropped(y.ref().slot));
  CHECK(error_of([&] { lost + y; }) == ErrorKind::Runtime);
  const Tensor z = y + y;
  CHECK(z.ref().slot > lost.ref().slot);
  Backward sweep(level);
  sweep.seed(z, from_values({1}, {1}));
  sweep.seed(lost, from_values({1}, {1}));  // a constant now
  const Slot inputs[] = {x.ref().slot};
  sweep.run(inputs);
  CHECK(to_vector(sweep.cotangent(inputs[0], x)) == std::vector<double>{12});
}

TEST_CASE("a hook sees the whole cotangent of its value, whichever statements were swept around it") {
  const int64_t n = kBlockedSweepSize;  // a run of elementwise statements, which a sweep takes in one go
  Level level;
  Tape& tape = level.tape();
  const Tensor x = level.input(full(Dims{n}, 1.0, DType::Float32));
  const Tensor y = x * x, earlier = y * y, z = y + earlier;
  std::vector<double> seen;
  const auto on = [&](Slot slot, double factor) {
    hook(tape, slot, std::make_unique<Recorded>([&seen, factor](std::span<const Tensor> g) -> std::vector<Tensor> {
           seen.push_back(to_vector(g[0])[0]);
           return {g[0] * full(Dims{}, factor, DType::Float32)};
         }));
  };
  on(y.ref().slot, 10);
  on(x.ref().slot, 3);
  on(z.ref().slot, 2);
  on(y.ref().slot, 0.5);
  const uint32_t mark = tape.statement_count();
  const Slot first = tape.slot_count();
  on((y * y).ref().slot, 7);
  int rules = 0;
  visit_rules(tape, [&](const Rule&) { ++rules; });
  CHECK(rules == 5);
  CHECK(tape.drop_statements(mark, first).size() > 0);
  CHECK(tape.hooks().size() == 4);
  Backward sweep(level);
  sweep.seed(z, full(Dims{n}, 1.0, DType::Float32));
  const Slot inputs[] = {x.ref().slot};
  sweep.run(inputs);
  CHECK(seen == std::vector<double>{1, 6, 60, 60});  // of z, twice of y: 2 + 2 * 2 y, then of x: 30 * 2 x
  CHECK(to_vector(sweep.cotangent(inputs[0], x))[static_cast<size_t>(n) - 1] == 180);
}

}  // namespace
}  // namespace adcore
