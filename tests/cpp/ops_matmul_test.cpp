// matmul as tensors see it: every combination of ranks, layouts and dtypes against three loops, derivatives, errors.
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

struct Shapes {
  Dims a, b, out;
};
const Shapes kShapes[] = {{{3}, {3}, {}},
                          {{3}, {3, 4}, {4}},
                          {{2, 3}, {3}, {2}},
                          {{2, 3}, {3, 4}, {2, 4}},
                          {{1, 1}, {1, 1}, {1, 1}},
                          {{5, 2, 3}, {3, 4}, {5, 2, 4}},
                          {{5, 2, 3}, {3}, {5, 2}},
                          {{3}, {5, 3, 4}, {5, 4}},
                          {{2, 3}, {5, 3, 4}, {5, 2, 4}},
                          {{5, 2, 3}, {5, 3, 4}, {5, 2, 4}},
                          {{5, 1, 2, 3}, {2, 3, 4}, {5, 2, 2, 4}},
                          {{1, 2, 2, 3}, {5, 1, 3, 4}, {5, 2, 2, 4}},
                          {{2, 0}, {0, 3}, {2, 3}},
                          {{0, 2}, {2, 3}, {0, 3}},
                          {{0, 2, 3}, {3, 4}, {0, 2, 4}},
                          {{2, 3}, {0, 3, 4}, {0, 2, 4}}};

/// By the definition, on operands that are seen as matrices.
std::vector<double> oracle(const Tensor& a, const Tensor& b, const Dims& out) {
  Dims as = a.shape(), bs = b.shape(), full_out = out;
  if (a.rank() == 1) as.insert(0, 1);
  if (b.rank() == 1) bs.push_back(1);
  if (a.rank() == 1) full_out.insert(full_out.size() - (b.rank() == 1 ? 0 : 1), 1);
  if (b.rank() == 1) full_out.push_back(1);
  const std::vector<double> x = to_vector(a), y = to_vector(b);
  std::vector<double> want;
  for_each_index(full_out, [&](const Dims& i) {
    const int last = i.size() - 1;
    long double total = 0;
    for (int64_t k = 0; k < as.back(); ++k) {
      Dims at = i, bt = i;
      at[last] = bt[last - 1] = k;
      total += static_cast<long double>(element(x, as, at)) * element(y, bs, bt);
    }
    want.push_back(static_cast<double>(total));
  });
  return want;
}

TEST_CASE("every combination of ranks, in every layout and dtype") {
  for (DType t : {DType::Float64, DType::Float32, DType::Float16, DType::Int32, DType::Int64}) {
    for (const Shapes& s : kShapes) {
      for (Layout first : kLayouts) {
        for (Layout second : kLayouts) {
          const Tensor a = laid_out(random_tensor(s.a, -4, 4, 1, t), first),
                       b = laid_out(random_tensor(s.b, -4, 4, 2, t), second);
          INFO(to_string(s.a), " @ ", to_string(s.b), " ", std::string(name_of(t)), " layouts ",
               static_cast<int>(first), static_cast<int>(second));
          const Tensor y = matmul(a, b);
          CHECK(y.shape() == s.out);
          CHECK(y.dtype() == t);
          const double unit = t == DType::Float16 ? 2e-3 : t == DType::Float32 ? 3e-6 : 1e-14;
          CHECK(distance(y, oracle(a, b, s.out)) <= unit);
        }
      }
    }
  }
}

TEST_CASE("an operand that was broadcast, and products large enough for panels and threads") {
  const Tensor row = random_tensor({1, 3}, -1, 1, 1), b = random_tensor({3, 2}, -1, 1, 2);
  const Tensor a = broadcast_to(row, {4, 3});
  CHECK(distance(matmul(a, b), oracle(a, b, {4, 2})) < 1e-14);
  CHECK(distance(matmul(permute(a, {1, 0}), random_tensor({4, 2}, -1, 1, 3)),
                 oracle(permute(a, {1, 0}), random_tensor({4, 2}, -1, 1, 3), {3, 2})) < 1e-14);
  const Tensor x = random_tensor({70, 90}, -1, 1, 4), y = random_tensor({90, 110}, -1, 1, 5);
  CHECK(distance(matmul(x, y), oracle(x, y, {70, 110})) < 1e-12);
  const Tensor big = random_tensor({200, 300}, -1, 1, 6);
  CHECK(distance(matmul(big, permute(big, {1, 0})), to_vector(permute(matmul(big, permute(big, {1, 0})), {1, 0}))) <
        1e-12);
}

TEST_CASE("derivatives of every combination of ranks") {
  for (const Shapes& s : kShapes) {
    INFO(to_string(s.a), " @ ", to_string(s.b));
    const Tensor a = random_tensor(s.a, -1, 1, 1), b = random_tensor(s.b, -1, 1, 2);
    if (a.size() == 0 || b.size() == 0) {
      const auto r = value_and_grad([](const auto& v) { return matmul(v[0], v[1]); }, {a, b});
      CHECK(to_vector(r.gradients[0]) == std::vector<double>(static_cast<size_t>(a.size()), 0));
      CHECK(to_vector(r.gradients[1]) == std::vector<double>(static_cast<size_t>(b.size()), 0));
      continue;
    }
    check_gradients([](const auto& v) { return matmul(v[0], v[1]); }, {a, b}, 2);
    check_gradients([&](const auto& v) { return matmul(v[0] * v[0], b); }, {a}, 2);
    check_gradients([&](const auto& v) { return matmul(a, v[0] * v[0]); }, {b}, 2);
  }
  const Tensor square = random_tensor({3, 3}, -1, 1, 3);
  check_gradients([](const auto& v) { return matmul(matmul(v[0], v[0]), permute(v[0], {1, 0})); }, {square}, 3);
}

TEST_CASE("errors") {
  const auto f = [](const Dims& s) { return Tensor(s, DType::Float32); };
  CHECK(error_of([&] { matmul(f({2, 3}), f({2, 3})); }) == ErrorKind::Value);
  CHECK(error_of([&] { matmul(f({3}), f({2})); }) == ErrorKind::Value);
  CHECK(error_of([&] { matmul(f({}), f({2})); }) == ErrorKind::Value);
  CHECK(error_of([&] { matmul(f({2}), f({})); }) == ErrorKind::Value);
  CHECK(error_of([&] { matmul(f({2, 3, 4}), f({5, 4, 2})); }) == ErrorKind::Value);
  CHECK(error_of([&] { matmul(f({2, 2}), Tensor({2, 2}, DType::Float64)); }) == ErrorKind::Type);
  CHECK(error_of([&] { matmul(Tensor({2, 2}, DType::Bool), Tensor({2, 2}, DType::Bool)); }) == ErrorKind::Type);
}

}  // namespace
}  // namespace adcore
