// The single door: what it records, what it leaves alone, long calls, failures, and what a warm step takes from the
// system.
#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "base/interpreter.h"
#include "core/scope.h"
#include "tensor_cases.h"

// Counts what this thread takes from the C library, beneath operator new and aligned_alloc. Not where a sanitizer does
// the same.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ADCORE_COUNTS_ALLOCATIONS 1
namespace {
thread_local int64_t taken = 0;
}
extern "C" {
void* __libc_malloc(size_t);            // NOLINT(bugprone-reserved-identifier): glibc's own names
void* __libc_memalign(size_t, size_t);  // NOLINT(bugprone-reserved-identifier)
__attribute__((visibility("default"))) void* malloc(size_t bytes) {
  ++taken;
  return __libc_malloc(bytes);
}
__attribute__((visibility("default"))) void* aligned_alloc(size_t alignment, size_t bytes) {
  ++taken;
  return __libc_memalign(alignment, bytes);
}
}
#endif

namespace adcore {
namespace {

using namespace testing;

TEST_CASE("nothing is recorded without a level, of constants, or by an op without derivative") {
  const Tensor c = from_values({2}, {1, 2});
  CHECK((c + c).ref().slot == 0);
  Level level;
  const Tensor x = level.input(c);
  const auto recorded = [&](auto f) {
    const uint32_t before = level.tape().statement_count();
    const Tensor y = f();
    CHECK((y.ref().slot != 0) == (level.tape().statement_count() != before));
    return level.tape().statement_count() - before;
  };
  CHECK(recorded([&] { return c * c; }) == 0);
  CHECK(recorded([&] { return x * c; }) == 1);
  CHECK(recorded([&] { return map("floor", x); }) == 0);
  CHECK(recorded([&] { return map("less", x, c); }) == 0);
  CHECK(recorded([&] { return cast(x, DType::Int32); }) == 0);
  CHECK(recorded([&] { return cast(x, DType::Float64); }) == 1);
  CHECK(recorded([&] { return argmax(x, 0); }) == 0);
  CHECK(recorded([&] { return stop_gradient(x) * c; }) == 0);
  CHECK(recorded([&] { return reshape(x, {2, 1}); }) == 1);
}

TEST_CASE("a statement says what happened, and keeps exactly what a rule needs") {
  Level level;
  const Tensor a = level.input(from_values({2, 3}, {1, 2, 3, 4, 5, 6})), b = level.input(from_values({3}, {1, 2, 3}));
  const Tensor c = from_values({3}, {7, 8, 9});
  const auto last = [&] { return level.tape().statement(level.tape().statement_count() - 1); };
  const auto keeps = [&](int k) { return (last().kept & needs_input(k)) != 0; };
  const auto keeps_result = [&] { return (last().kept & needs_output(0)) != 0; };

  const Tensor y = a * b;
  CHECK(last().op == &elementwise_op(formula_index("mul")));
  CHECK(last().out == y.ref().slot);
  CHECK(level.tape().slot_of(y) == last().out);
  CHECK(level.tape().arg(last(), 0).slot == a.ref().slot);
  CHECK(level.tape().arg(last(), 1).slot == b.ref().slot);
  CHECK(last().out > std::max(a.ref().slot, b.ref().slot));
  CHECK(level.tape().dims(level.tape().arg(last(), 1).dims) == Dims{3});
  CHECK((keeps(0) && keeps(1)));

  const Tensor scaled = a * c;  // only the constant matters to the rule
  CHECK((!keeps(0) && keeps(1)));
  const Tensor total = a + b;
  CHECK((!keeps(0) && !keeps(1) && !keeps_result()));
  const Tensor e = map("exp", a);
  CHECK((!keeps(0) && keeps_result()));
}

TEST_CASE("a failed call records nothing and leaves the tape usable") {
  Level level;
  const Tensor x = level.input(from_values({2}, {1, 2})), y = x * x;
  const uint32_t statements = level.tape().statement_count();
  const Slot slots = level.tape().slot_count();
  CHECK(error_of([&] { x + from_values({3}, {1, 2, 3}); }) == ErrorKind::Value);
  CHECK(error_of([&] { matmul(x, from_values({3}, {1, 2, 3})); }) == ErrorKind::Value);
  CHECK(error_of([&] { reshape(x, {3}); }) == ErrorKind::Value);
  CHECK(error_of([&] { map("bitwise_and", x, x); }) == ErrorKind::Type);
  CHECK_THROWS_AS(broadcast_to(reshape(x, {2, 1}), {2, int64_t{1} << 56}) * 2.0, std::bad_alloc);
  CHECK(level.tape().slot_count() - slots == level.tape().statement_count() - statements);
  Backward sweep(level);
  sweep.seed(y, full({2}, 1.0, DType::Float32));
  const Slot inputs[] = {x.ref().slot};
  sweep.run(inputs);
  CHECK(to_vector(sweep.cotangent(inputs[0], x)) == std::vector<double>{2, 4});
}

TEST_CASE("a long call lets the interpreter go, a short one does not; an argument may be replaced meanwhile") {
  static int released, acquired;
  static Tensor* cell;
  released = acquired = 0;
  const Interpreter before = interpreter;
  interpreter.release = []() -> void* {
    ++released;
    *cell = Tensor();  // what another thread may do now
    return &released;
  };
  interpreter.acquire = [](void* state) { acquired += state == &released; };
  Tensor x = full({10}, 2.0, DType::Float32);
  cell = &x;
  (void)(x * x);
  CHECK(released == 0);
  x = full({kLongWork}, 2.0, DType::Float32);
  const Tensor y = map("square", x);
  CHECK(released == 1);
  CHECK(acquired == 1);
  CHECK(!x.defined());
  const std::vector<double> values = to_vector(y);
  CHECK(std::all_of(values.begin(), values.end(), [](double v) { return v == 4; }));
  interpreter = before;
}

TEST_CASE("more operands than fit the stack") {
  std::vector<Tensor> parts;
  for (int i = 0; i < 20; ++i) parts.push_back(full({1}, static_cast<double>(i), DType::Float64));
  const Tensor joined = concat(parts, 0);
  const std::vector<double> values = to_vector(joined);
  for (size_t i = 0; i < values.size(); ++i) CHECK(values[i] == static_cast<double>(i));
}

#if defined(ADCORE_COUNTS_ALLOCATIONS)
/// What the last of several runs takes from the system.
template <class Step>
int64_t taken_when_warm(Step step) {
  int64_t before = 0;
  for (int i = 0; i < 20; ++i) {
    before = taken;
    step();
  }
  return taken - before;
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b) { return matmul(x, w) + b; }

TEST_CASE("a warm step takes nothing from the system") {
  const Tensor x = from_values({5}, {1, 1, 1, 1, 1}), label = from_values({3}, {0, 0, 0});
  const Tensor w = random_tensor({5, 3}, -1, 1, 1, DType::Float32), b = from_values({3}, {1, 2, 3});

  CHECK(taken_when_warm([] { delete new volatile int(1); }) == 1);  // the counter counts
  CHECK(taken_when_warm([&] { bce_with_logits(linear(x, w, b), label); }) == 0);
  CHECK(taken_when_warm([&] {
          Level level;
          const Tensor v = level.input(w), c = level.input(b);
          const Tensor loss = bce_with_logits(linear(x, v, c), label);
          Backward sweep(level);
          sweep.seed(loss, scalar(1.0, DType::Float32));
          const Slot inputs[] = {v.ref().slot, c.ref().slot};
          sweep.run(inputs);
          (void)sweep.cotangent(inputs[0], v);
        }) == 0);
  CHECK(taken_when_warm([&] {
          Level outer;
          const Tensor v = outer.input(w);
          Level inner;
          const Tensor u = inner.input(v);
          const Tensor y = sum(map("tanh", u) * u);
          Backward down(inner);
          down.seed(y, scalar(1.0, DType::Float32));
          const Slot inputs[] = {u.ref().slot};
          down.run(inputs);
          const Tensor slope = sum(down.cotangent(inputs[0], u));
          Backward again(outer);
          again.seed(slope, scalar(1.0, DType::Float32));
          const Slot outer_inputs[] = {v.ref().slot};
          again.run(outer_inputs);
        }) == 0);
}

TEST_CASE("a warm step of parameters takes nothing from the system") {
  const Tensor w = from_values({3}, {1, 2, 3});
  CHECK(taken_when_warm([&] {
          Level level;
          Tensor v = w;
          v.set_ref({level.tape().id(), level.parameter(3, w)});
          const Tensor y = sum(v * v);
          Backward sweep(level);
          sweep.seed(y, scalar(1.0, DType::Float32));
          const Slot inputs[] = {v.ref().slot};
          sweep.run(inputs);
        }) == 0);
}
#endif

}  // namespace
}  // namespace adcore
