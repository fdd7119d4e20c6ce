// Indexing by tensors of integers: every form against a loop, derivatives with repeated indices, errors.
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

Tensor indices(const Dims& shape, std::initializer_list<double> values, DType t = DType::Int64) {
  return from_values(shape, values, t);
}

TEST_CASE("take along every axis, with indices of any shape, from both ends") {
  for (DType t : {DType::Float64, DType::Float16, DType::Int8, DType::Bool}) {
    for (Layout layout : kLayouts) {
      const Tensor x = laid_out(random_tensor({3, 4, 3}, -9, 9, 1, t), layout);
      const std::vector<double> v = to_vector(x);
      for (DType ti : {DType::Int64, DType::Int32, DType::UInt8}) {
        const Tensor index = laid_out(indices({2, 3}, {2, 0, 1, 2, 2, 1}, ti), layout);
        for (int axis = 0; axis < 3; ++axis) {
          Dims shape = x.shape();
          shape.erase(axis);
          shape.insert(axis, 3);
          shape.insert(axis, 2);
          const Tensor y = take(x, index, axis - 3);
          REQUIRE(y.shape() == shape);
          std::vector<double> want;
          for_each_index(shape, [&](const Dims& i) {
            Dims from = i;
            from.erase(axis);
            from[axis] = static_cast<int64_t>(element(to_vector(index), {2, 3}, {i[axis], i[axis + 1]}));
            want.push_back(element(v, x.shape(), from));
          });
          CHECK(to_vector(y) == want);
          CHECK(y.dtype() == t);
        }
      }
    }
  }
  const Tensor x = from_values({3}, {10, 20, 30});
  CHECK(to_vector(take(x, indices({2}, {-1, -3}), 0)) == std::vector<double>{30, 10});
  CHECK(take(x, indices({}, {1}), 0).shape() == Dims{});
  CHECK(take(x, Tensor({0}, DType::Int64), 0).size() == 0);
  CHECK(take(Tensor({0, 2}, DType::Float32), Tensor({3, 0}, DType::Int64), 0).shape() == Dims{3, 0, 2});
}

TEST_CASE("gather_elements along every axis, also with a smaller index") {
  for (Layout layout : kLayouts) {
    const Tensor x = laid_out(random_tensor({3, 3, 4}, -1, 1, 1, DType::Float32), layout);
    const Tensor index = laid_out(indices({2, 3, 2}, {0, 1, 2, -1, -2, 2, 1, 1, 0, 0, -3, 2}), layout);
    const std::vector<double> v = to_vector(x), at = to_vector(index);
    for (int axis = 0; axis < 3; ++axis) {
      std::vector<double> want;
      for_each_index({2, 3, 2}, [&](const Dims& i) {
        Dims from = i;
        const double k = element(at, index.shape(), i);
        from[axis] = static_cast<int64_t>(k < 0 ? k + static_cast<double>(x.shape()[axis]) : k);
        want.push_back(element(v, x.shape(), from));
      });
      CHECK(to_vector(gather_elements(x, axis, index)) == want);
    }
  }
}

TEST_CASE("put_rows: of equal indices the last wins; the argument keeps its value") {
  for (DType t : {DType::Float64, DType::Int16}) {
    for (Layout layout : kLayouts) {
      const Tensor x = laid_out(from_values({3, 2}, {1, 2, 3, 4, 5, 6}, t), layout),
                   v = laid_out(from_values({3, 2}, {10, 20, 30, 40, 50, 60}), layout);
      CHECK(to_vector(put_rows(x, indices({3}, {2, 0, -1}), v)) == std::vector<double>{30, 40, 3, 4, 50, 60});
      CHECK(to_vector(x) == std::vector<double>{1, 2, 3, 4, 5, 6});
    }
  }
}

TEST_CASE("nonzero: coordinates by rows; NaN counts") {
  for (Layout layout : kLayouts) {
    const Tensor x = laid_out(from_values({2, 3}, {0, 5, 0, NAN, 0, -1}, DType::Float64), layout);
    const Tensor y = nonzero(x);
    CHECK(y.shape() == Dims{3, 2});
    CHECK(to_vector(y) == std::vector<double>{0, 1, 1, 0, 1, 2});
  }
  CHECK(nonzero(Tensor({0, 3}, DType::Float32)).shape() == Dims{0, 2});
  CHECK(nonzero(scalar(1.0, DType::Float32)).shape() == Dims{1, 0});
}

TEST_CASE("derivatives: repeated indices add up, overwritten rows get nothing") {
  const Tensor x = random_tensor({3, 2, 3}, -1, 1, 1), v = random_tensor({4, 2, 3}, -1, 1, 2);
  const Tensor index = indices({4}, {0, 2, 0, -1}), rows = indices({4}, {1, -3, 1, 0});
  for (int axis : {0, 2}) {
    check_gradients([&](const auto& in) { return take(in[0] * in[0], index, axis); }, {x}, 3);
  }
  check_gradients(
      [&](const auto& in) {
        return gather_elements(in[0] * in[0], 2, indices({2, 2, 3}, {0, 0, 1, 2, 2, 2, 1, 1, 1, 0, 1, 2}));
      },
      {x}, 3);
  check_gradients([&](const auto& in) { return gather_elements(in[0], 0, indices({1, 1, 2}, {2, 2})) * sum(in[0]); },
                  {x}, 2);
  check_gradients([&](const auto& in) { return put_rows(in[0] * in[0], rows, in[1] * in[1]); }, {x, v}, 2);
  const auto r = value_and_grad([&](const auto& in) { return put_rows(x, rows, in[0]); }, {v});
  std::vector<double> want(24, 1);
  std::fill(want.begin(), want.begin() + 12, 0);  // rows 0 and 1 of v were overwritten by rows 2 and 3
  CHECK(to_vector(r.gradients[0]) == want);
}

TEST_CASE("half precision gathers its gradient without losing small terms") {
  const Tensor x = full({1}, 0.0, DType::Float16), index = full({4096}, int64_t{0}, DType::Int64);
  CHECK(item(value_and_grad([&](const auto& v) { return take(v[0], index, 0); }, {x}).gradients[0]) == 4096);
}

TEST_CASE("errors") {
  const Tensor x({3, 2}, DType::Float32);
  for (double bad : {3.0, -4.0, 1e9}) {
    CHECK(error_of([&] { take(x, indices({1}, {bad}), 0); }) == ErrorKind::Index);
    CHECK(error_of([&] { gather_elements(x, 0, indices({1, 2}, {0, bad})); }) == ErrorKind::Index);
    CHECK(error_of([&] { put_rows(x, indices({1}, {bad}), Tensor({1, 2}, DType::Float32)); }) == ErrorKind::Index);
  }
  CHECK(error_of([&] { take(x, from_values({1}, {0}), 0); }) == ErrorKind::Type);
  CHECK(error_of([&] { take(x, indices({1}, {0}), 2); }) == ErrorKind::Value);
  CHECK(error_of([&] { take(scalar(1.0, DType::Float32), indices({1}, {0}), 0); }) == ErrorKind::Value);
  CHECK(error_of([&] { gather_elements(x, 0, indices({1}, {0})); }) == ErrorKind::Value);
  CHECK(error_of([&] { gather_elements(x, 0, indices({1, 3}, {0, 0, 0})); }) == ErrorKind::Value);
}

}  // namespace
}  // namespace adcore
