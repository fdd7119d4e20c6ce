// The blocked sweep of large elementwise programs: the bits of the plain sweep, which takes the same program in pieces
// that are too small for it; and memory that somebody else holds stays as it is.
#include "sweeps/blocked.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/interpreter.h"
#include "kernel_cases.h"
#include "sweeps/backward.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;
using Program = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

Tensor piece(const Tensor& t, int64_t begin, int64_t count) {
  Slice s = whole(t.shape());
  s.start.v[0] = begin;
  s.count.v[0] = count;
  return t.rank() == 0 ? t : slice(t, s);
}

/// The gradients of the outputs of f, each seeded with `seeds`.
std::vector<Tensor> gradients(const Program& f, const std::vector<Tensor>& inputs, const std::vector<Tensor>& seeds) {
  Level level;
  std::vector<Tensor> fresh;
  std::vector<Slot> slots;
  for (const Tensor& x : inputs) {
    fresh.push_back(level.input(x));
    slots.push_back(fresh.back().ref().slot);
  }
  std::vector<Tensor> outputs = f(fresh);
  Backward sweep(level);
  for (size_t i = 0; i < outputs.size(); ++i) sweep.seed(outputs[i], seeds[i]);
  outputs.clear();
  sweep.run(slots);
  std::vector<Tensor> result;
  for (size_t i = 0; i < inputs.size(); ++i) result.push_back(sweep.cotangent(slots[i], inputs[i]));
  return result;
}

template <class T>
std::vector<T> elements(const Tensor& t) {
  const Tensor c = as_contiguous(t);
  return {c.data_as<T>(), c.data_as<T>() + c.size()};
}

/// The gradients of n elements at once and of the same in small pieces, for inputs of one dtype along one axis.
template <class T>
void check_pieces(const Program& f, int inputs, int outputs, int64_t n) {
  const DType dtype = std::is_same_v<T, float> ? DType::Float32 : DType::Float64;
  std::vector<Tensor> x, seeds;
  for (int i = 0; i < inputs; ++i) x.push_back(random_tensor({n}, 0.2, 2, static_cast<uint64_t>(i) + 1, dtype));
  for (int i = 0; i < outputs; ++i) seeds.push_back(random_tensor({n}, -1, 1, static_cast<uint64_t>(i) + 50, dtype));
  std::vector<std::vector<T>> want(x.size());
  const int64_t step = kBlockedSweepSize / 2;  // whole packs: a tail of its own rounds the same way, on every lane
  for (int64_t begin = 0; begin < n; begin += step) {
    std::vector<Tensor> part, part_seeds;
    for (const Tensor& t : x) part.push_back(as_contiguous(piece(t, begin, std::min(step, n - begin))));
    for (const Tensor& t : seeds) part_seeds.push_back(as_contiguous(piece(t, begin, std::min(step, n - begin))));
    const auto g = gradients(f, part, part_seeds);
    for (size_t i = 0; i < x.size(); ++i) {
      const auto values = elements<T>(g[i]);
      want[i].insert(want[i].end(), values.begin(), values.end());
    }
  }
  for (const int threads : {1, 2, 5}) {
    const Threads scope(threads);
    const auto g = gradients(f, x, seeds);
    for (size_t i = 0; i < x.size(); ++i) CHECK(same_bits(elements<T>(g[i]), want[i]));
  }
}

TEST_CASE_TEMPLATE("blocked sweep: the bits of the plain sweep", T, float, double) {
  for (const int64_t n : {kBlockedSweepSize, kBlockedSweepSize + 1, int64_t{70001}}) {
    CAPTURE(n);
    check_pieces<T>(
        [](const std::vector<Tensor>& v) {
          const Tensor& c = v[0];
          return std::vector<Tensor>{map("tanh", c * 2.0 + 1.0) * map("sigmoid", c) + map("exp", -c * c)};
        },
        1, 1, n);
    // Several inputs and outputs, cotangents that meet, partials of every kind.
    check_pieces<T>(
        [](const std::vector<Tensor>& v) {
          const Tensor a = v[0] * v[1], b = v[1] - v[0], c = a / v[2], d = map("relu", b + c) - v[2];
          return std::vector<Tensor>{a + d * d, b, map("log", a) * c, d};
        },
        3, 4, n);
    // An input that only passes its cotangent on, and one value that is two outputs.
    check_pieces<T>(
        [](const std::vector<Tensor>& v) {
          const Tensor sum = v[0] + v[1], y = map("sqrt", sum * v[0]);
          return std::vector<Tensor>{sum, y, y};
        },
        2, 3, n);
    check_pieces<T>(
        [](const std::vector<Tensor>& v) {
          Tensor x = v[0];
          for (int i = 0; i < 40; ++i) x = x * 0.99 + map("sin", v[1] - x);
          return std::vector<Tensor>{x};
        },
        2, 1, n);
  }
}

TEST_CASE("blocked sweep: NaN and inf pass as in the plain sweep") {
  const int64_t n = kBlockedSweepSize;
  std::vector<double> values(static_cast<size_t>(n), 0.5);
  values[3] = kInf<double>, values[n / 2] = kNaN<double>, values[n - 1] = -kInf<double>, values[7] = 0;
  const Tensor x = tensor_of(values, {n}, DType::Float32), ones = full({n}, 1.0, DType::Float32);
  const Program f = [](const std::vector<Tensor>& v) {
    return std::vector<Tensor>{map("exp", map("relu", v[0]) * v[0]) / v[0]};
  };
  const auto whole_gradient = elements<float>(gradients(f, {x}, {ones})[0]);
  for (const int64_t i : {int64_t{0}, int64_t{3}, int64_t{7}, n / 2, n - 1}) {
    const float alone = elements<float>(gradients(f, {as_contiguous(piece(x, i, 1))}, {piece(ones, i, 1)})[0])[0];
    CHECK(same_value(whole_gradient[static_cast<size_t>(i)], alone));
  }
}

TEST_CASE("blocked sweep: a uniform cotangent, as sums give it, and operands in other shapes and dtypes") {
  const int64_t rows = 300, columns = 101;
  const Tensor x = random_tensor({rows, columns}, -1, 1, 1, DType::Float32),
               row = random_tensor({columns}, -1, 1, 2, DType::Float32),
               half = random_tensor({rows, columns}, -1, 1, 3, DType::Float16),
               turned = random_tensor({columns, rows}, -1, 1, 4, DType::Float32);
  const auto f = [&](const Tensor& v, const Tensor& r, const Tensor& h, const Tensor& t) {
    const Tensor chosen = map("where", map("greater", v, number(0.0, v)), v * 2.0, map("tanh", v) * 3.0);
    const Tensor y = map("exp", chosen * v - v) * (v + r) * permute(t, {1, 0});
    return sum(cast(y * h, DType::Float32) + map("leaky_relu", y * y, scalar(0.1, DType::Float32)));
  };
  const auto r =
      value_and_grad([&](const std::vector<Tensor>& v) { return f(v[0], v[1], v[2], v[3]); }, {x, row, half, turned});
  // By rows: too small for a run.
  const auto g = to_vector(r.gradients[0]);
  const Dims one{1, columns};
  for (int64_t i = 0; i < rows; i += 37) {
    const auto alone = value_and_grad([&](const std::vector<Tensor>& v) { return f(v[0], v[1], v[2], v[3]); },
                                      {as_contiguous(piece(x, i, 1)), row, as_contiguous(piece(half, i, 1)),
                                       as_contiguous(permute(piece(permute(turned, {1, 0}), i, 1), {1, 0}))});
    const auto want = to_vector(alone.gradients[0]);
    for (size_t j = 0; j < want.size(); ++j) CHECK(g[static_cast<size_t>(i * columns) + j] == want[j]);
  }
}

TEST_CASE("blocked sweep: what somebody else holds is not written to") {
  const int64_t n = kBlockedSweepSize + 7;
  const Tensor x = random_tensor({n}, 0.2, 2, 1, DType::Float32), seed = random_tensor({n}, -1, 1, 2, DType::Float32);
  const auto seed_before = to_vector(seed), x_before = to_vector(x);
  Level level;
  const Tensor v = level.input(x);
  const Tensor a = map("tanh", v), b = map("exp", a), c = a * b, d = c * c;
  const auto a_before = to_vector(a), b_before = to_vector(b), c_before = to_vector(c);
  Backward sweep(level);
  sweep.seed(d, seed);
  sweep.seed(a, seed);
  const Slot inputs[] = {v.ref().slot};
  sweep.run(inputs);
  CHECK(sweep.cotangent(inputs[0], x).size() == n);
  CHECK(to_vector(seed) == seed_before);
  CHECK(to_vector(x) == x_before);
  CHECK(to_vector(a) == a_before);
  CHECK(to_vector(b) == b_before);
  CHECK(to_vector(c) == c_before);
}

TEST_CASE("blocked sweep: values below the run are intact for it") {
  // The product of rows below needs x and exp(x) as they were recorded, after the run above has used both.
  const int64_t n = kBlockedSweepSize;
  const Tensor x = random_tensor({n}, -1, 1, 1, DType::Float32);
  const auto f = [](const std::vector<Tensor>& v) {
    const Tensor e = map("exp", v[0]), p = e * v[0], flat = reshape(p, {p.size() / 2, 2});
    const Tensor q = map("tanh", flat * flat) * reshape(e, flat.shape());
    return sum(q * q);
  };
  const auto g = to_vector(value_and_grad(f, {x}).gradients[0]);
  const auto alone = to_vector(value_and_grad(f, {as_contiguous(piece(x, 0, 1000))}).gradients[0]);
  for (size_t i = 0; i < alone.size(); ++i) CHECK(g[i] == alone[i]);
}

TEST_CASE("blocked sweep: a program of any length, ended by an interrupt between runs") {
  static int checks;
  checks = 0;
  const Interpreter before = interpreter;
  interpreter.check_interrupt = [] { ++checks; };
  const Tensor x = full({kBlockedSweepSize}, 0.5, DType::Float64);
  const auto f = [](const std::vector<Tensor>& v) {
    Tensor y = v[0];
    for (int i = 0; i < 1500; ++i) y = y * 1.001 + v[0] * 0.001;
    return y;
  };
  const auto g = to_vector(value_and_grad(f, {x}).gradients[0]);
  CHECK(checks > 0);
  // Each round multiplies the slope by 1.001 and adds 0.001.
  CHECK(g[0] == doctest::Approx(2 * std::pow(1.001, 1500) - 1).epsilon(1e-10));
  CHECK(std::all_of(g.begin(), g.end(), [&](double v) { return v == g[0]; }));

  struct Stop {};
  interpreter.check_interrupt = [] { throw Stop{}; };
  CHECK_THROWS_AS(value_and_grad(f, {x}), Stop);
  interpreter = before;
  CHECK(to_vector(value_and_grad(f, {x}).gradients[0]) == g);
}

}  // namespace
}  // namespace adcore
