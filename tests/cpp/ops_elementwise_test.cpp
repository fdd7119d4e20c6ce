// The ops of formulas.h as tensors see them: broadcasting, strides, dtypes, and derivatives of every row.
#include <array>

#include "kernel_cases.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

// ---- the block driver: a op b for every pair of shapes and layouts, by one loop over indices ----------------------

struct Shapes {
  Dims a, b, out;
};
const Shapes kShapes[] = {{{}, {}, {}},
                          {{5}, {}, {5}},
                          {{}, {2, 3}, {2, 3}},
                          {{4, 5}, {5}, {4, 5}},
                          {{4, 1}, {5}, {4, 5}},
                          {{4, 1}, {1, 5}, {4, 5}},
                          {{1}, {1, 1}, {1, 1}},
                          {{2, 1, 4}, {3, 1}, {2, 3, 4}},
                          {{2, 3, 1, 5}, {1, 4, 1}, {2, 3, 4, 5}},
                          {{0, 3}, {1, 3}, {0, 3}},
                          {{2, 0}, {}, {2, 0}},
                          {{1, 700}, {3, 1}, {3, 700}},
                          {{2, 1300}, {1300}, {2, 1300}}};

TEST_CASE("any shapes, any layouts, any pair of float dtypes") {
  constexpr DType kDTypes[] = {DType::Float64, DType::Float32, DType::Float16, DType::Int32};
  uint64_t seed = 0;
  for (const Shapes& s : kShapes) {
    for (Layout first : kLayouts) {
      for (Layout second : kLayouts) {
        const DType ta = kDTypes[seed % 4], tb = kDTypes[seed / 4 % 4];
        const Tensor a = laid_out(random_tensor(s.a, -9, 9, ++seed, ta), first),
                     b = laid_out(random_tensor(s.b, -9, 9, ++seed, tb), second);
        INFO(to_string(s.a), " ", std::string(name_of(ta)), " with ", to_string(s.b), " ", std::string(name_of(tb)));
        const Tensor y = a - b;
        CHECK(y.shape() == s.out);
        CHECK(y.dtype() == promote(ta, tb));
        const auto va = to_vector(a), vb = to_vector(b);
        std::vector<double> want;
        for_each_index(s.out, [&](const Dims& i) { want.push_back(element(va, s.a, i) - element(vb, s.b, i)); });
        const double unit = y.dtype() == DType::Float16 ? 1e-3 : y.dtype() == DType::Float32 ? 2e-7 : 0;
        CHECK(distance(y, want) <= unit);
        // The same bits as from plain copies of the expanded operands.
        const Tensor plain = as_contiguous(broadcast_to(a, s.out)) - as_contiguous(broadcast_to(b, s.out));
        CHECK(to_vector(plain) == to_vector(y));
      }
    }
  }
}

TEST_CASE("three operands of different shapes, layouts and dtypes") {
  const Tensor c = laid_out(from_values({2, 1, 2}, {1, 0, 0, 1}, DType::Bool), Layout::Transposed);
  const Tensor a = laid_out(random_tensor({3, 2}, -1, 1, 1, DType::Float32), Layout::Stepped);
  const Tensor b = laid_out(random_tensor({2, 3, 1}, -1, 1, 2), Layout::Reversed);
  const Tensor y = map("where", c, a, b);
  std::vector<double> want;
  for_each_index({2, 3, 2}, [&](const Dims& i) {
    want.push_back(element(to_vector(c), c.shape(), i) != 0 ? element(to_vector(a), a.shape(), i)
                                                            : element(to_vector(b), b.shape(), i));
  });
  CHECK(y.shape() == Dims{2, 3, 2});
  CHECK(y.dtype() == DType::Float64);
  CHECK(to_vector(y) == want);
}

TEST_CASE("large tensors: the same bits at any number of threads, and those of a small part") {
  const Tensor a = random_tensor({300, 1, 500}, -1, 1, 1, DType::Float32),
               b = random_tensor({2, 500}, -1, 1, 2, DType::Float32);
  const Tensor row = random_tensor({200'000}, -1, 1, 3, DType::Float32);
  check_any_thread_count([&] { return to_vector(map("exp", a) * b); });
  check_any_thread_count([&] { return to_vector(map("tanh", laid_out(row, Layout::Reversed))); });
  const std::vector<double> all = to_vector(map("exp", row));
  Slice s = whole(row.shape());
  s.start.v[0] = 131'000;
  s.count.v[0] = 999;
  const std::vector<double> part = to_vector(map("exp", slice(row, s)));
  CHECK(std::equal(part.begin(), part.end(), all.begin() + 131'000));
}

TEST_CASE("dtypes of results") {
  const Tensor i = from_values({2}, {3, 4}, DType::Int32), f = from_values({2}, {3, 4}, DType::Float16),
               u = from_values({2}, {3, 4}, DType::UInt64);
  CHECK(map("div", i, i).dtype() == DType::Float32);
  CHECK(map("sqrt", i).dtype() == DType::Float32);
  CHECK(map("exp", f).dtype() == DType::Float16);
  CHECK((i + f).dtype() == DType::Float16);
  CHECK(map("less", i, f).dtype() == DType::Bool);
  CHECK(map("logical_not", f).dtype() == DType::Bool);
  CHECK(map("bitwise_and", i, i).dtype() == DType::Int32);
  CHECK(map("square", from_values({1}, {200}, DType::UInt8)).dtype() == DType::UInt8);
  CHECK(item(map("square", from_values({1}, {200}, DType::UInt8))) == 200 * 200 % 256);
  CHECK(error_of([&] { map("bitwise_and", f, f); }) == ErrorKind::Type);
  CHECK(error_of([&] { (void)(i + u); }) == ErrorKind::Type);
  CHECK(error_of([&] { (void)(i + from_values({3}, {1, 2, 3})); }) == ErrorKind::Value);
}

TEST_CASE("a condition holds wherever an element is not zero, whatever its dtype and that of the branches") {
  for (DType condition : {DType::Float16, DType::Float32, DType::Float64}) {
    for (DType branches : {DType::Int64, DType::UInt8, DType::Float32, DType::Float64}) {
      INFO(std::string(name_of(condition)), " selects ", std::string(name_of(branches)));
      const Tensor c = from_values({4}, {0.5, 0, -0.25, 1}, condition);
      const Tensor y = map("where", c, full({4}, 1.0, branches), full({4}, 2.0, branches));
      CHECK(to_vector(y) == std::vector<double>{1, 2, 1, 1});
    }
  }
  const Tensor tiny = full({1}, 1e-300, DType::Float64);
  CHECK(item(map("where", tiny, full({1}, 1.0, DType::Float32), full({1}, 2.0, DType::Float32))) == 1);
}

// ---- derivatives of every row -------------------------------------------------------------------------------------

/// What the laws ask of a row of formulas.h: they are compiled once for all.
struct RowFacts {
  std::string_view name;
  int arity;
  Types types;
  Interval sample;
  bool constant;
};
constexpr auto kRows = []<int... Rows>(std::integer_sequence<int, Rows...>) {
  const auto facts = [](const auto& row) {
    return RowFacts{row.name(), row.kArity, row.types, row.sample, row.kConstant};
  };
  return std::array{facts(row_at<Rows>(kFormulas))...};
}(std::make_integer_sequence<int, kFormulaCount>{});

void check_derivatives(const Op& op, const RowFacts& row) {
  CHECK((op.vjp == nullptr) == row.constant);
  CHECK(row.name == op.name);
  if (row.constant) return;
  const auto sample = [&](const Dims& shape, uint64_t seed) {
    return random_tensor(shape, row.sample.low, row.sample.high, seed);
  };
  const Dims shapes[] = {{2, 3}, {3}, {2, 1}};
  std::vector<Tensor> x;
  Tensor condition;
  for (int k = 0; k < row.arity; ++k) {
    if (row.types == Types::Select && k == 0) {
      condition = from_values({2, 3}, {1, 0, 0, 1, 1, 0}, DType::Float64);
    } else {
      x.push_back(sample(shapes[k], 100 + static_cast<uint64_t>(k)));
    }
  }
  const Function1 f = [&](const std::vector<Tensor>& v) {
    std::vector<Tensor> all = v;
    if (condition.defined()) all.insert(all.begin(), condition);
    return adcore::apply(op, std::span<const Tensor>(all));
  };
  check_gradients(f, x, 3, 1e-6);
  // The fused kernel and the rule as ops agree, in float32 too and on operands that are not contiguous.
  std::vector<Tensor> narrow;
  for (const Tensor& t : x) narrow.push_back(laid_out(cast(t, DType::Float32), Layout::Stepped));
  const Function1 gradient = gradient_of(weighted(f, 1));
  const Tensor fused = gradient(narrow);
  Level level;
  (void)level.input(scalar(0.0, DType::Float32));  // now gradient is recorded
  CHECK(distance(gradient(narrow), to_vector(fused)) < 1e-5);
  CHECK(distance(fused, to_vector(gradient(x))) < 1e-4);
}

TEST_CASE("derivatives of every row to third order, broadcast, against finite differences") {
  for (int index = 0; index < kFormulaCount; ++index) {
    const RowFacts& row = kRows[static_cast<size_t>(index)];
    INFO(std::string(row.name));
    check_derivatives(elementwise_op(index), row);
  }
}

TEST_CASE("large operands that lie by columns, reversed or broadcast: as element by element") {
  const int64_t rows = 97, columns = 131;
  const Tensor a = random_tensor({columns, rows}, -1, 1, 1, DType::Float32),
               b = random_tensor({rows, columns}, -1, 1, 2, DType::Float32),
               c = random_tensor({columns, 1, rows}, -1, 1, 3, DType::Float16);
  const auto x = to_vector(a), y = to_vector(b), z = to_vector(c);
  const auto sum = to_vector(permute(a, {1, 0}) + b), turned = to_vector(flip(permute(a, {1, 0}), {0}) * b);
  const Tensor cube = permute(c, {1, 2, 0}) + permute(a, {1, 0});  // a dtype that is converted, and one that is not
  CHECK(cube.shape() == Dims{1, rows, columns});
  const auto mixed = to_vector(cube);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const auto at = static_cast<size_t>(i * columns + j), across = static_cast<size_t>(j * rows + i);
      const auto back = static_cast<size_t>(j * rows + rows - 1 - i);
      CHECK(sum[at] == static_cast<float>(x[across] + y[at]));
      CHECK(turned[at] == static_cast<float>(x[back]) * static_cast<float>(y[at]));
      CHECK(mixed[at] == static_cast<float>(x[across] + z[across]));
    }
  }
}

}  // namespace
}  // namespace adcore
