// Linear ops that move elements: values by loops over indices, views, transposes by <v, J u> = <J' v, u>, errors.
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

/// 0, 1, 2, ...: every element names its place.
Tensor counting(const Dims& shape, DType dtype = DType::Float64) {
  Tensor t(shape, DType::Float64);
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_data_as<double>()[i] = static_cast<double>(i);
  return as_contiguous(t, dtype);
}

/// y[index] = from(index) for every index.
template <class From>
void check_elements(const Tensor& y, const Dims& shape, From from) {
  REQUIRE(y.shape() == shape);
  std::vector<double> want;
  for_each_index(shape, [&](const Dims& i) { want.push_back(from(i)); });
  CHECK(to_vector(y) == want);
}

TEST_CASE("permute, swap_axes, flip, broadcast_to: where every element comes from, without a copy") {
  for (Layout layout : kLayouts) {
    const Tensor x = laid_out(counting({2, 3, 4}), layout);
    const auto at = [](int64_t i, int64_t j, int64_t k) { return static_cast<double>((i * 3 + j) * 4 + k); };
    const Tensor p = permute(x, {2, 0, -2});
    check_elements(p, {4, 2, 3}, [&](const Dims& i) { return at(i[1], i[2], i[0]); });
    CHECK(p.buffer().get() == x.buffer().get());
    check_elements(swap_axes(x, 0, -1), {4, 3, 2}, [&](const Dims& i) { return at(i[2], i[1], i[0]); });
    const Tensor f = flip(x, {0, -1});
    check_elements(f, {2, 3, 4}, [&](const Dims& i) { return at(1 - i[0], i[1], 3 - i[2]); });
    CHECK(f.buffer().get() == x.buffer().get());
    const Tensor wide = expand_dims(x, 1), b = broadcast_to(wide, {5, 2, 6, -1, 4});
    check_elements(b, {5, 2, 6, 3, 4}, [&](const Dims& i) { return at(i[1], i[3], i[4]); });
    CHECK(b.buffer().get() == wide.buffer().get());
    check_elements(reshape(x, {4, -1}), {4, 6}, [&](const Dims& i) { return static_cast<double>(i[0] * 6 + i[1]); });
  }
  CHECK(permute(counting({}), {}).shape() == Dims{});
  CHECK(flip(counting({0, 2}), {0, 1}).shape() == Dims{0, 2});
  CHECK(broadcast_to(counting({1}), {0}).size() == 0);
  CHECK(reshape(counting({0, 3}), {-1, 3}).shape() == Dims{0, 3});
}

TEST_CASE("slice and slice_set are one region read and written") {
  const Dims shape{5, 6};
  struct Case {
    Dims start, step, count;
  };
  const Case cases[] = {{{0, 0}, {1, 1}, {5, 6}},
                        {{1, 5}, {2, -2}, {2, 3}},
                        {{4, 0}, {-1, 5}, {5, 2}},
                        {{2, 3}, {1, 1}, {0, 2}},
                        {{3, 2}, {1, 1}, {1, 1}}};
  for (Layout layout : kLayouts) {
    const Tensor x = laid_out(counting(shape), layout);
    for (const Case& c : cases) {
      const Slice s{DimsAttr(c.start), DimsAttr(c.step), DimsAttr(c.count)};
      check_elements(slice(x, s), c.count, [&](const Dims& i) {
        return static_cast<double>((c.start[0] + i[0] * c.step[0]) * 6 + c.start[1] + i[1] * c.step[1]);
      });
      std::vector<double> want = to_vector(x);
      double next = 100;
      for_each_index(c.count, [&](const Dims& i) {
        want[static_cast<size_t>((c.start[0] + i[0] * c.step[0]) * 6 + c.start[1] + i[1] * c.step[1])] = next++;
      });
      const Tensor v = laid_out(cast(counting(c.count) + 100.0, DType::Float32), Layout::Transposed);
      CHECK(to_vector(slice_set(x, v, s)) == want);
      CHECK(to_vector(x) == to_vector(counting(shape)));
      check_gradients([&](const std::vector<Tensor>& in) { return slice(in[0] * in[0], s); },
                      {random_tensor(shape, -1, 1, 1)});
      check_gradients([&](const std::vector<Tensor>& in) { return slice_set(in[0] * in[0], in[1], s) * in[0]; },
                      {random_tensor(shape, -1, 1, 1), random_tensor({1}, -1, 1, 2)});
    }
  }
  CHECK(error_of([&] { slice_set(counting(shape), counting({7}), whole(shape)); }) == ErrorKind::Value);
}

TEST_CASE("concat of any layouts and dtypes") {
  for (Layout layout : kLayouts) {
    const Tensor a = laid_out(counting({2, 3}, DType::Int32), layout),
                 b = laid_out(counting({2, 1}, DType::Float32), layout);
    const Tensor parts[] = {a, b, Tensor({2, 0}, DType::Float32), a};
    const Tensor y = concat(parts, -1);
    CHECK(y.dtype() == DType::Float32);
    check_elements(y, {2, 7}, [](const Dims& i) {
      return static_cast<double>(i[1] < 3 ? i[0] * 3 + i[1] : i[1] < 4 ? i[0] : i[0] * 3 + i[1] - 4);
    });
  }
  check_gradients(
      [](const std::vector<Tensor>& v) {
        const Tensor parts[] = {v[0], v[1] * v[1], v[0]};
        const Tensor y = concat(parts, 1);
        return y * y;
      },
      {random_tensor({2, 3}, -1, 1, 1), random_tensor({2, 2}, -1, 1, 2)});
}

TEST_CASE("casts: values, derivative of a cast between floats, none through an integer") {
  const Tensor x = from_values({3}, {1.75, -2.5, 3}, DType::Float64);
  CHECK(to_vector(cast(x, DType::Int8)) == std::vector<double>{1, -2, 3});
  CHECK(to_vector(cast(x, DType::Bool)) == std::vector<double>{1, 1, 1});
  const auto through = [&](DType t) {
    return to_vector(
        value_and_grad([&](const std::vector<Tensor>& v) { return cast(cast(v[0] * v[0], t), DType::Float64); }, {x})
            .gradients[0]);
  };
  CHECK(through(DType::Float32) == std::vector<double>{3.5, -5, 6});
  CHECK(through(DType::Int32) == std::vector<double>{0, 0, 0});
}

TEST_CASE("sum_to undoes broadcasting: <sum_to(v), u> = <v, broadcast(u)>") {
  for (const Dims& shape : {Dims{}, Dims{4}, Dims{1}, Dims{3, 1}, Dims{1, 4}, Dims{2, 3, 4}, Dims{1, 1, 1}}) {
    const Tensor u = random_tensor(shape, -1, 1, 1), v = random_tensor({2, 3, 4}, -1, 1, 2);
    const Tensor s = sum_to(v, shape);
    CHECK(s.shape() == shape);
    CHECK(item(sum(s * u)) == doctest::Approx(item(sum(v * broadcast_to(u, {2, 3, 4})))));
  }
  CHECK(to_vector(sum_to(Tensor({0, 3}, DType::Float64), {3})) == std::vector<double>{0, 0, 0});
  CHECK(to_vector(sum_to(Tensor({0, 3}, DType::Float64), {1, 1})) == std::vector<double>{0});
}

TEST_CASE("derivatives of everything that moves elements") {
  const Tensor x = random_tensor({2, 3}, -1, 1, 1);
  const Function1 moves[] = {
      [](const auto& v) { return reshape(v[0] * v[0], {3, 2}) * 2.0; },
      [](const auto& v) { return permute(v[0], {1, 0}) * permute(v[0], {1, 0}); },
      [](const auto& v) { return flip(v[0] * v[0], {1}) * v[0]; },
      [](const auto& v) { return broadcast_to(v[0], {4, 2, 3}) * broadcast_to(v[0] * v[0], {4, 2, 3}); },
      [](const auto& v) { return expand_dims(v[0], 1) * v[0]; },
      [](const auto& v) { return sum_to(v[0] * v[0], {1, 3}) * v[0]; },
      [](const auto& v) { return reshape(permute(v[0], {1, 0}), {-1}) * reshape(v[0], {-1}); },
  };
  int i = 0;
  for (const Function1& f : moves) {
    INFO("function ", i);
    ++i;
    check_gradients(f, {x}, 3);
  }
}

TEST_CASE("errors") {
  const Tensor x = counting({2, 3});
  const auto value_error = [](auto f) { CHECK(error_of(f) == ErrorKind::Value); };
  value_error([&] { reshape(x, {4}); });
  value_error([&] { reshape(x, {-1, -1}); });
  value_error([&] { reshape(x, {-1, 4}); });
  value_error([&] { reshape(x, {-2, -3}); });
  value_error([&] { reshape(Tensor({0}, DType::Float32), {-1, 0}); });
  value_error([&] { reshape(x, {int64_t{1} << 62, 4, 6}); });
  value_error([&] { permute(x, {0, 0}); });
  value_error([&] { permute(x, {0}); });
  value_error([&] { permute(x, {0, 2}); });
  value_error([&] { broadcast_to(x, {3, 3}); });
  value_error([&] { broadcast_to(x, {3}); });
  value_error([&] { broadcast_to(x, {-1, 2, 3}); });
  value_error([&] { flip(x, {0, -2}); });
  value_error([&] { flip(x, {2}); });
  value_error([&] { swap_axes(x, 0, 2); });
  value_error([&] { expand_dims(x, 3); });
  value_error([&] { concat({}, 0); });
  value_error([&] {
    const Tensor t[] = {counting({}), counting({})};
    concat(t, 0);
  });
  value_error([&] {
    const Tensor t[] = {x, counting({3, 2})};
    concat(t, 0);
  });
  value_error([&] {
    const Tensor t[] = {x, counting({3})};
    concat(t, 0);
  });
  CHECK(error_of([&] { broadcast_to(x, {int64_t{1} << 62, 2, 3}); }) == ErrorKind::Memory);
}

}  // namespace
}  // namespace adcore
