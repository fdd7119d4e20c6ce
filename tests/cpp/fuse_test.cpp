// The pass that joins elementwise calls: the same bits from a shorter program.
#include "jit/passes/fuse.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "jit/passes/simplify.h"
#include "jit/trace.h"
#include "kernel_cases.h"
#include "ops/fused.h"
#include "ops/partial.h"
#include "sweeps/grad.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;
using Tensors = std::vector<Tensor>;
using F = std::function<Tensors(const Tensors&)>;

Program traced(const F& f, const Tensors& x) {
  const auto trace = std::make_shared<Trace>();
  const FrameScope scope(*trace);
  Tensors inputs;
  for (const Tensor& t : x) inputs.push_back(trace->input(t));
  for (const Tensor& t : f(inputs)) trace->output(t);
  return trace->take();
}

bool is_fused(const Program::Statement& s) { return std::string_view(s.op->name).starts_with("fused"); }
int64_t fused_count(const Program& p) { return std::ranges::count_if(p.statements(), is_fused); }

/// The fused program of f, which gives the bits of the plain one at any number of threads. What a level takes in stands
/// in a trace as an alias, which `simplify` leaves out before this pass.
Program checked(const F& f, const Tensors& x) {
  const Program plain = traced(f, x), fused = fuse(simplify(plain));
  const Tensors want = plain.run(x);
  for (const int threads : {1, 2, 4}) {
    const Threads scope(threads);
    const Tensors got = fused.run(x);
    REQUIRE(got.size() == want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      const Tensor a = as_contiguous(got[i]), b = as_contiguous(want[i]);
      REQUIRE(a.shape() == b.shape());
      REQUIRE(a.dtype() == b.dtype());
      CHECK(std::memcmp(a.data(), b.data(), static_cast<size_t>(a.size()) * size_of(a.dtype())) == 0);
    }
  }
  return fused;
}

/// The sum of the outputs of f and its gradients.
F with_gradients(const F& f) {
  return [f](const Tensors& x) {
    auto r = value_and_grad(
        [&](const Tensors& v) {
          Tensor total = scalar(0.0, v[0].dtype());
          for (const Tensor& t : f(v)) total = total + sum(t);
          return total;
        },
        x);
    Tensors all = r.gradients;
    all.insert(all.begin(), r.value);
    return all;
  };
}

TEST_CASE_TEMPLATE("fuse: value and gradient of an elementwise loss are one pass", T, float, double) {
  const DType dtype = std::is_same_v<T, float> ? DType::Float32 : DType::Float64;
  const F f = [](const Tensors& v) {
    const Tensor& c = v[0];
    return Tensors{map("tanh", c * 2.0 + 1.0) * map("sigmoid", c) + map("exp", -c * c)};
  };
  for (const int64_t n : {1, 5, 2048, 70001}) {
    CAPTURE(n);
    const Program p = checked(with_gradients(f), {random_tensor({n}, -1, 1, 1, dtype)});
    CHECK(fused_count(p) >= 1);
    CHECK(p.statements().size() <= (n == 1 ? 5 : 2));
  }
}

TEST_CASE("fuse: value and slope of a row are one step, whichever comes first and however often") {
  const auto steps_of = [](const Program& p, std::string_view kernel) {
    int count = 0;
    for (const Program::Statement& s : p.statements())
      for (const FusedStep& step : fused_steps(*s.op, p.attrs_of(s), static_cast<int>(s.use_count)))
        count += step.kernel == kernel;
    return count;
  };
  for (const char* const name : {"tanh", "sigmoid", "silu", "mish", "_gelu", "_gelu_tanh"}) {
    CAPTURE(std::string(name));
    const int row = formula_index(name);
    const auto value = [row](const Tensor& x) { return apply(elementwise_op(row), {&x}); };
    const auto partial = [row](const Tensor& g, const Tensor& x) {
      const Tensor* const values[] = {&x};
      return times_partial(row, 0, Tensor(g), values);
    };
    const F f = [&](const Tensors& v) {
      const Tensor &x = v[0], &g = v[1], before = partial(g, x), y = value(x), again = value(x);
      return Tensors{before * g, y, again - y, partial(y, x), value(g)};
    };
    for (const int64_t n : {1, 33, 5000}) {
      const Program p =
          checked(f, {random_tensor({n}, -3, 3, 1, DType::Float32), random_tensor({n}, -3, 3, 2, DType::Float32)});
      CHECK(steps_of(p, std::string(name) + ".slope") == 1);
      CHECK(steps_of(p, std::string(name) + ".partial0") == 0);
    }
  }
}

TEST_CASE("fuse: masks, rows, numbers of other dtypes, several outputs") {
  const F f = [](const Tensors& v) {
    const Tensor &x = v[0], &row = v[1], &one = v[2];
    const Tensor above = map("greater", x, one), below = map("less", x, row), either = map("logical_or", above, below);
    const Tensor chosen = map("where", either, x * row, map("exp", x) - one);
    return Tensors{chosen, cast(above, DType::Float32) * x, map("maximum", chosen, x) / (row * row + 1.0), either};
  };
  for (const DType dtype : {DType::Float32, DType::Float64}) {
    for (const Dims& shape : {Dims{3, 4}, Dims{700, 33}, Dims{2, 9000}}) {
      const Tensors x{random_tensor(shape, -1, 1, 1, dtype), random_tensor({shape[1]}, -1, 1, 2, dtype),
                      random_tensor({}, -1, 1, 3, dtype)};
      CHECK(fused_count(checked(f, x)) >= 1);
      const F first = [f](const Tensors& v) { return Tensors{f(v)[0], f(v)[2]}; };
      CHECK(fused_count(checked(with_gradients(first), x)) >= 1);
    }
  }
}

TEST_CASE("fuse: what a call in between needs is there in time") {
  const F f = [](const Tensors& v) {
    const Tensor a = v[0] * 2.0 + v[0], total = sum(a), b = a * total - total, m = matmul(b, a),
                 c = map("exp", m * b - a);
    return Tensors{c * a, total, b * c};
  };
  checked(f, {random_tensor({8, 8}, -0.1, 0.1, 1, DType::Float32)});
  checked(with_gradients(f), {random_tensor({8, 8}, -0.1, 0.1, 1, DType::Float32)});
}

TEST_CASE_TEMPLATE("fuse: reductions of the last axes in the same pass", T, float, double) {
  const DType dtype = std::is_same_v<T, float> ? DType::Float32 : DType::Float64;
  // Beside the sizes of blocks, those where reductions take other paths and orders.
  const Dims shapes[] = {{},         {1},        {7},         {16},       {17},       {1000},      {1024},
                         {1025},     {2049},     {70'001},    {300'000},  {5, 3},     {1000, 16},  {999, 17},
                         {40, 1000}, {40, 1025}, {3, 70'001}, {5, 7, 11}, {1, 90, 1}, {50, 40, 30}};
  for (const Dims& shape : shapes) {
    CAPTURE(to_string(shape));
    const Tensors x{random_tensor(shape, -2, 2, 1, dtype), random_tensor(shape, 0.5, 2, 2, dtype)};
    const Axes last = shape.empty() ? Axes{} : Axes{-1};
    const F all = [](const Tensors& v) {
      const Tensor a = v[0] * v[1], b = map("exp", a) - v[0];
      return Tensors{sum(a, {}, false), mean(b, {}, true), amax(map("abs", b), {}, false), b, sum(b, {}, false)};
    };
    const F rows = [&](const Tensors& v) {
      const Tensor a = v[0] * v[1], b = map("exp", a) - v[0];
      return Tensors{sum(a, last, false), mean(b, last, true), prod(map("tanh", v[1]), last, false),
                     amin(b, last, false)};
    };
    const F both = [&](const Tensors& v) {
      const Tensor a = v[0] * v[1] + v[0];
      return Tensors{sum(a * 0.5, last, false), sum(a, {}, false), logsumexp(a, last, false)};
    };
    CHECK(checked(all, x).statements().size() == 1);
    CHECK(checked(rows, x).statements().size() == 1);
    CHECK(fused_count(checked(both, x)) == 1);
    const F loss = [&](const Tensors& v) { return Tensors{all(v)[1], rows(v)[0]}; };
    checked(with_gradients(loss), x);
  }
}

TEST_CASE("fuse: a row that is repeated, longer than a block, and a reduction of shorter ones") {
  const Tensors x{random_tensor({5, 6, 700}, -1, 1, 1, DType::Float32),
                  random_tensor({6, 700}, -1, 1, 2, DType::Float32), random_tensor({700}, -1, 1, 3, DType::Float32)};
  const F f = [](const Tensors& v) {
    const Tensor y = v[0] * v[1] + v[2];
    return Tensors{sum(y * y, {-1}, false), map("tanh", y)};
  };
  const F pairs = [](const Tensors& v) { return Tensors{sum(v[0] * v[1] + v[2], {1, 2}, false)}; };
  CHECK(checked(f, x).statements().size() == 1);
  CHECK(checked(pairs, x).statements().size() == 1);
}

TEST_CASE("fuse: a shape that no operand has whole") {
  const F product = [](const Tensors& v) { return Tensors{map("exp", v[0] * v[1]) - v[1]}; };
  const F total = [&](const Tensors& v) { return Tensors{sum(product(v)[0], {}, false)}; };
  const F rows = [&](const Tensors& v) { return Tensors{sum(product(v)[0], {-1}, false)}; };
  for (const int64_t n : {1, 3, 90}) {
    const Tensors x{random_tensor({n, 1}, -1, 1, 1, DType::Float32), random_tensor({1, n}, -1, 1, 2, DType::Float32)};
    for (const F& f : {product, total, rows}) {
      CHECK(fused_count(checked(f, x)) == 1);
      checked(with_gradients(f), x);
    }
  }
}

TEST_CASE("fuse: constants that are no numbers, and all that a step reads") {
  for (const Dims& shape : {Dims{3}, Dims{2, 3}, Dims{50, 60}}) {
    const Tensor twos = broadcast_to(scalar(2.0, DType::Float32), shape),
                 others = random_tensor(shape, -1, 1, 1, DType::Float32), one = full({1}, 0.5, DType::Float32),
                 nan = scalar(kNaN<double>, DType::Float32);
    const F f = [&](const Tensors& v) {
      const Tensor y = map("tanh", (v[0] * twos + others) * one);
      return Tensors{y, map("maximum", y * 0.5 + v[0] * 0.5, nan), sum(y * 0.25, {}, false)};
    };
    CHECK(fused_count(checked(f, {random_tensor({}, -1, 1, 2, DType::Float32)})) >= 1);
    CHECK(fused_count(checked(f, {random_tensor(shape, -1, 1, 2, DType::Float32)})) >= 1);
    checked(with_gradients(f), {random_tensor(shape, -1, 1, 2, DType::Float32)});
  }
}

/// Calls on random values that are there: elementwise of several shapes, and others in between.
Tensors random_program(const Tensors& x, uint64_t seed) {
  std::mt19937_64 bits(seed);
  Tensors values = x;
  const auto any = [&](const Dims* shape) -> const Tensor& {
    for (;;) {
      const Tensor& t = values[bits() % values.size()];
      if (t.dtype() != DType::Bool && (!shape || t.shape() == *shape)) return t;
    }
  };
  const int steps = 4 + static_cast<int>(bits() % 60);
  for (int i = 0; i < steps; ++i) {
    const Tensor a = any(nullptr);
    const Dims shape = a.shape();
    const Tensor b = any(bits() % 4 ? &shape : nullptr);
    const bool fits = b.rank() <= a.rank() && (b.rank() == 0 || b.shape().back() == shape.back());
    const Tensor& c = fits ? b : a;
    switch (bits() % 10) {
      case 0: values.push_back(map("tanh", a)); break;
      case 1: values.push_back(map("mul", a, c)); break;
      case 2: values.push_back(map("sub", a, c)); break;
      case 3: values.push_back(map("greater", a, c)); break;
      case 4: values.push_back(map("where", map("less", a, c), a, map("sin", a))); break;
      case 5: values.push_back(mean(a, {}, false)); break;
      case 6:
        values.push_back(a.rank() == 2 ? sum(a, {static_cast<int64_t>(bits() % 2)}, false) : map("exp", -a * a));
        break;
      case 7: values.push_back(a.rank() == 2 ? permute(permute(a, {1, 0}) * 1.5, {1, 0}) : a + 1.0); break;
      case 8: values.push_back(map("sigmoid", a * 0.5)); break;
      default: values.push_back(a.rank() == 1 && shape[0] > 4 ? flip(a, {0}) : map("square", a)); break;
    }
  }
  Tensors outputs;
  while (outputs.size() < 1 + seed % 30) outputs.push_back(values[bits() % values.size()]);
  return outputs;
}

TEST_CASE("fuse: random programs, their gradients, and those of these") {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    const DType dtype = seed % 2 ? DType::Float32 : DType::Float64;
    const int64_t rows = seed % 5 ? 3 : 90, columns = seed % 5 ? 7 : 60;
    const Tensors x{random_tensor({rows, columns}, -1, 1, seed, dtype),
                    random_tensor({columns}, -1, 1, seed + 1, dtype), random_tensor({}, -1, 1, seed + 2, dtype)};
    const F f = [seed](const Tensors& v) { return random_program(v, seed); };
    checked(f, x);
    const F g = with_gradients([&](const Tensors& v) {
      Tensors floats;
      for (Tensor& t : f(v))
        if (t.dtype() != DType::Bool) floats.push_back(t);
      if (floats.empty()) floats.push_back(v[0]);
      return floats;
    });
    checked(g, x);
    if (seed % 10 == 0) checked(with_gradients(g), x);
  }
}

TEST_CASE("fuse: more outputs than an op has, more steps than a chain has, steps that nobody reads") {
  const F many = [](const Tensors& v) {
    Tensors all;
    Tensor x = v[0];
    for (int i = 0; i < 50; ++i) all.push_back(x = x * 0.5 + v[1]);
    map("exp", x);
    return all;
  };
  const F long_one = [](const Tensors& v) {
    Tensor x = v[0];
    for (int i = 0; i < 5000; ++i) x = x * 0.999 + v[1] * 0.001;
    map("exp", x);
    return Tensors{x};
  };
  for (const Dims& shape : {Dims{}, Dims{3}, Dims{5000}}) {
    const Tensors x{random_tensor(shape, -1, 1, 1, DType::Float32), random_tensor(shape, -1, 1, 2, DType::Float32)};
    CHECK(checked(many, x).statements().size() < 20);
    if (shape.size() == 0) CHECK(checked(long_one, x).statements().size() < 10);
    if (shape.size() == 0) CHECK(checked(with_gradients(long_one), x).statements().size() < 30);
  }
}

}  // namespace
}  // namespace adcore
