// Recordings: inputs and outputs by number, one sweep or many, and when a tape that is not theirs may be read.
#include "sweeps/recording.h"

#include "sweeps/rule.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

/// x * x * y on a recording, for inputs that are named x, y, x.
struct Product {
  explicit Product(Level& level, const Tensor& a, const Tensor& b) : x(level.input(a)), y(level.input(b)) {
    for (const Tensor* t : {&x, &y, &x}) recording.input(t->ref().slot, *t);
    const Tensor z = x * x * y;
    recording.output(z.ref().slot, z);
    recording.close(level);
  }
  Tensor x, y;
  Recording recording;
};

Tensor values_a() { return from_values({2}, {2, 3}); }
Tensor values_b() { return from_values({2}, {5, 7}); }

TEST_CASE("a recording is swept any number of times; a slot that is named twice has one gradient") {
  Level level(Level::Sweeps::Many);
  const Product p(level, values_a(), values_b());
  CHECK(p.recording.live());
  CHECK(p.recording.inputs() == 3);
  for (const double seed : {1.0, 10.0}) {
    Gradients gradients(p.recording);
    gradients.seed(0, full(Dims{2}, seed, DType::Float64));
    gradients.sweep();
    for (const size_t i : {0, 2}) CHECK(to_vector(gradients.of(i)) == std::vector<double>{seed * 20, seed * 42});
    CHECK(to_vector(gradients.of(1)) == std::vector<double>{seed * 4, seed * 9});
    CHECK(!gradients.repeats(0));
    CHECK(!gradients.repeats(1));
    CHECK(gradients.repeats(2));
    gradients.replace(2, values_b());
    for (const size_t i : {0, 2}) CHECK(to_vector(gradients.of(i)) == to_vector(values_b()));
  }
}

TEST_CASE("inputs that nothing reaches, or that want no derivative, get zeros of their shape and dtype") {
  Level level;
  Recording recording;
  const Tensor x = level.input(values_a()), unused = level.input(from_values({3, 1}, {1, 2, 3}, DType::Float32));
  recording.input(x.ref().slot, x);
  recording.input(unused.ref().slot, unused);
  recording.input(0, values_b());
  const Tensor y = sum(x), constant = sum(values_b());
  recording.output(y.ref().slot, y);
  recording.output(0, constant);
  recording.close(level);
  Gradients gradients(recording);
  gradients.seed_ones();
  gradients.sweep();
  CHECK(to_vector(gradients.of(0)) == std::vector<double>{1, 1});
  CHECK(!gradients.reached(1));
  CHECK(gradients.of(1).shape() == Dims{3, 1});
  CHECK(gradients.of(1).dtype() == DType::Float32);
  CHECK(to_vector(gradients.of(1)) == std::vector<double>{0, 0, 0});
  CHECK(!gradients.reached(2));
  CHECK(to_vector(gradients.of(2)) == std::vector<double>{0, 0});
}

TEST_CASE("what is kept of the outermost level outlives it; what an outer level owns ends with that") {
  Recording kept, borrowed;
  {
    Level level(Level::Sweeps::Many);
    const Tensor x = level.input(values_a()), y = x * x;
    kept.input(x.ref().slot, x);
    kept.output(y.ref().slot, y);
    CHECK(!kept.live());
    kept.close(level);
  }
  CHECK(kept.tape());
  CHECK(kept.live());
  {
    Level outer;
    {
      Level level(Level::Sweeps::Many);
      const Tensor x = level.input(values_a()), y = x * x;
      borrowed.input(x.ref().slot, x);
      borrowed.output(y.ref().slot, y);
      borrowed.close(level);
    }
    CHECK(!borrowed.tape());
    CHECK(borrowed.live());
    {
      const NoGrad hidden;
      CHECK(!borrowed.live());
      CHECK(kept.live());
    }
    Gradients gradients(borrowed);
    gradients.seed_ones();
    gradients.sweep();
    CHECK(to_vector(gradients.of(0)) == std::vector<double>{4, 6});
  }
  CHECK(!borrowed.live());
  Level other;  // on a tape that may stand where that of the outer level stood
  CHECK(!borrowed.live());
  Gradients gradients(kept);
  gradients.seed_ones();
  gradients.sweep();
  CHECK(to_vector(gradients.of(0)) == std::vector<double>{4, 6});
  kept.drop();
  CHECK(!kept.live());
  CHECK(!kept.tape());
}

TEST_CASE("a dropped recording is gone when its rules go") {
  struct Rude : Rule {
    explicit Rude(Recording& r, int& gone) : recording(r), count(gone) {}
    ~Rude() override {
      ++count;
      CHECK(!recording.live());
      recording.drop();
      Level level;  // what runs here may differentiate
      const Tensor x = level.input(values_a());
      CHECK((x * x).ref().slot != 0);
    }
    std::vector<Tensor> pull(std::span<const Tensor> c, std::span<const bool>) override { return {c[0]}; }
    Recording& recording;
    int& count;
  };
  int gone = 0;
  Recording recording;
  Level level(Level::Sweeps::Many);
  const Tensor x = level.input(values_a());
  Tensor y = x;
  const Arg arg[] = {level.tape().new_arg(x.ref().slot, x)};
  Tensor* const outputs[] = {&y};
  record(level.tape(), std::make_unique<Rude>(recording, gone), arg, outputs);
  recording.input(x.ref().slot, x);
  recording.output(y.ref().slot, y);
  recording.close(level);
  int seen = 0;
  visit_rules(*recording.tape(), [&](const Rule&) { ++seen; });
  CHECK(seen == 1);
  recording.drop();
  CHECK(gone == 1);
}

TEST_CASE("a parameter is one input of a level, however often it is asked for, and each level has its own") {
  const Tensor w = from_values({1}, {2}), u = from_values({1}, {3});
  Level outer;
  const Slot outer_w = outer.parameter(3, w), outer_u = outer.parameter(900, u);
  CHECK(outer.parameter(3, w) == outer_w);
  CHECK(outer.parameter(900, u) == outer_u);
  {
    Level inner;
    const Slot inner_w = inner.parameter(3, w);
    CHECK(inner_w != outer_w);
    CHECK(inner.parameter(3, w) == inner_w);
    CHECK(outer.tape().parameter_slot(3) == inner_w);
    const Slot assigned = inner.tape().new_slot();
    inner.tape().set_parameter_slot(3, assigned);
    CHECK(inner.parameter(3, w) == inner_w);  // also after an assignment
    CHECK(outer.tape().parameter_slot(3) == assigned);
    CHECK(outer.tape().parameter_slot(900) == outer_u);
  }
  CHECK(outer.parameter(3, w) == outer_w);
  CHECK(outer.parameter(900, u) == outer_u);
  Level again;
  CHECK(again.parameter(3, w) != outer_w);
  CHECK(again.parameter(900, u) != outer_u);
}

}  // namespace
}  // namespace adcore
