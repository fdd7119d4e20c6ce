// Reductions and scans as tensors see them: any axes, layouts and dtypes against one loop, derivatives, errors.
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

/// Folds the elements of x over the axes of the mask, in order.
template <class Fold>
std::vector<double> reduced(const Tensor& x, uint32_t mask, double start, Fold fold) {
  Dims kept = x.shape();
  for (int i = 0; i < x.rank(); ++i)
    if (mask >> i & 1) kept[i] = 1;
  std::vector<double> out(static_cast<size_t>(numel(kept)), start);
  const std::vector<double> values = to_vector(x);
  size_t at = 0;
  for_each_index(x.shape(), [&](const Dims& index) {
    int64_t to = 0;
    for (int i = 0; i < x.rank(); ++i) to = to * kept[i] + (kept[i] == 1 ? 0 : index[i]);
    out[static_cast<size_t>(to)] = fold(out[static_cast<size_t>(to)], values[at++]);
  });
  return out;
}

Dims axes_of(uint32_t mask, int rank) {
  Dims axes;
  for (int i = 0; i < rank; ++i)
    if (mask >> i & 1) axes.push_back(i % 2 ? i - rank : i);  // some counted from the end
  return axes;
}

Dims shape_of(const Dims& shape, uint32_t mask, bool keep) {
  Dims out;
  for (int i = 0; i < shape.size(); ++i) {
    if (!(mask >> i & 1)) out.push_back(shape[i]);
    if (mask >> i & 1 && keep) out.push_back(1);
  }
  return out;
}

TEST_CASE("every set of axes, in every layout and dtype") {
  constexpr double kHuge = std::numeric_limits<double>::infinity();
  const Dims shape{2, 3, 1, 4};
  for (DType t : {DType::Float64, DType::Float32, DType::Float16, DType::Int32, DType::UInt8}) {
    for (Layout layout : kLayouts) {
      const Tensor x = laid_out(random_tensor(shape, 1, 5, 3, t), layout);
      for (uint32_t mask = 1; mask < 16; ++mask) {
        const Dims axes = axes_of(mask, 4);
        INFO(std::string(name_of(t)), " axes ", to_string(axes));
        const bool keep = mask % 3 == 0;
        const double unit = t == DType::Float16 ? 4e-3 : t == DType::Float32 ? 1e-6 : 1e-13;
        const Dims want_shape = shape_of(shape, mask, keep);
        double n = 1;
        for (int i = 0; i < 4; ++i) n *= mask >> i & 1 ? static_cast<double>(shape[i]) : 1;

        const std::vector<double> total = reduced(x, mask, 0, [](double a, double b) { return a + b; });
        std::vector<double> average = total;
        for (double& v : average) v /= n;
        const Tensor s = sum(x, axes, keep), m = mean(x, axes, keep);
        CHECK(s.shape() == want_shape);
        CHECK(distance(s, total) <= unit);
        CHECK(s.dtype() == (is_float(t) ? t : DType::Int64));
        CHECK(distance(m, average) <= (is_float(t) ? unit : 1e-6));
        CHECK(m.dtype() == (is_float(t) ? t : DType::Float32));
        const Tensor hi = amax(x, axes, keep), lo = amin(x, axes, keep);
        CHECK(to_vector(hi) == reduced(x, mask, -kHuge, [](double a, double b) { return std::max(a, b); }));
        CHECK(to_vector(lo) == reduced(x, mask, kHuge, [](double a, double b) { return std::min(a, b); }));
        CHECK(hi.shape() == want_shape);
        CHECK(hi.dtype() == t);
        if (t == DType::Float64 || t == DType::Int32) {
          CHECK(distance(prod(x, axes, keep), reduced(x, mask, 1, [](double a, double b) { return a * b; })) < 1e-13);
          CHECK(prod(x, axes, keep).shape() == want_shape);
        }
      }
      CHECK(sum(x).shape() == Dims{});
      CHECK(sum(x, {}, true).shape() == Dims(4, 1));
    }
  }
}

TEST_CASE("numbers without axes, and nothing at all") {
  const Tensor x = scalar(5.0, DType::Float64), none({2, 0}, DType::Float64);
  CHECK(item(sum(x)) == 5);
  CHECK(item(mean(x)) == 5);
  CHECK(item(prod(x)) == 5);
  CHECK(item(amax(x)) == 5);
  CHECK(item(value_and_grad([](const std::vector<Tensor>& v) { return amax(v[0]) * prod(v[0]); }, {x}).gradients[0]) ==
        10);
  CHECK(to_vector(sum(none, {1})) == std::vector<double>{0, 0});
  CHECK(to_vector(prod(none, {1})) == std::vector<double>{1, 1});
  CHECK(std::isnan(item(mean(none))));
  CHECK(amax(none, {0}).size() == 0);
  CHECK(cumsum(none, 1).size() == 0);
  CHECK(error_of([&] { amax(none); }) == ErrorKind::Value);
  CHECK(error_of([&] { argmin(none, 1); }) == ErrorKind::Value);
  CHECK(value_and_grad([](const std::vector<Tensor>& v) { return mean(v[0]) + sum(prod(v[0], {1})); }, {none})
            .gradients[0]
            .shape() == Dims{2, 0});
}

TEST_CASE("an empty list of axes is no axis; a value without axes may be reduced along the one that it has not") {
  const Tensor x = from_values({2}, {3, 5}, DType::Float64), one = scalar(4.0, DType::Float64);
  const Dims none;
  for (const Tensor& y : {sum(x, none), mean(x, none), prod(x, none), amax(x, none), amin(x, none), logsumexp(x, none)})
    CHECK(to_vector(y) == std::vector<double>{3, 5});
  for (const Tensor& y : {sum(one, {0}), mean(one, {-1}), prod(one, {0}), amax(one, {-1}, true), logsumexp(one, {0})}) {
    CHECK(y.rank() == 0);
    CHECK(item(y) == 4);
  }
  CHECK(item(argmax(one, -1)) == 0);
  CHECK(error_of([&] { sum(one, {1}); }) == ErrorKind::Value);
  CHECK(error_of([&] { sum(one, {0, -1}); }) == ErrorKind::Value);
}

TEST_CASE("the mean of half precision does not overflow in its sum") {
  const Tensor x = full({64}, 60000.0, DType::Float16);
  CHECK(item(mean(x)) == 59999 + 1);
  CHECK(std::isinf(item(sum(x))));
}

TEST_CASE("argmax and argmin point at the extremum, the first one") {
  for (Layout layout : kLayouts) {
    const Tensor x = laid_out(from_values({2, 3}, {1, 5, 5, 7, -2, -2}), layout);
    CHECK(to_vector(argmax(x, 1)) == std::vector<double>{1, 0});
    CHECK(to_vector(argmin(x, -1, true)) == std::vector<double>{0, 1});
    CHECK(argmin(x, -1, true).shape() == Dims{2, 1});
    CHECK(to_vector(argmax(x, 0)) == std::vector<double>{1, 0, 0});
    CHECK(argmax(x, 0).dtype() == DType::Int64);
  }
}

TEST_CASE("cumsum along every axis, both ways") {
  for (DType t : {DType::Float64, DType::Float16, DType::Int32}) {
    for (Layout layout : kLayouts) {
      const Tensor x = laid_out(random_tensor({2, 3, 4}, -8, 8, 5, DType::Int32), layout);
      const Tensor y = cast(x, t);
      for (int axis = 0; axis < 3; ++axis) {
        std::vector<double> up, down;
        const std::vector<double> v = to_vector(y);
        for_each_index({2, 3, 4}, [&](const Dims& index) {
          double before = 0, after = 0;
          for (int64_t i = 0; i < y.shape()[axis]; ++i) {
            Dims at = index;
            at[axis] = i;
            (i <= index[axis] ? before : after) += element(v, y.shape(), at);
            if (i == index[axis]) after += element(v, y.shape(), at);
          }
          up.push_back(before);
          down.push_back(after);
        });
        CHECK(to_vector(cumsum(y, axis)) == up);
        CHECK(to_vector(cumsum(y, axis - 3, true)) == down);
        CHECK(cumsum(y, axis).dtype() == t);
      }
    }
  }
}

TEST_CASE("derivatives to third order") {
  const Tensor x = random_tensor({2, 3, 2}, 0.5, 2, 7);
  const Function1 functions[] = {
      [](const auto& v) { return sum(v[0] * v[0], {1}) * sum(v[0]); },
      [](const auto& v) { return mean(v[0] * v[0], {0, 2}, true) * v[0]; },
      [](const auto& v) { return prod(v[0], {1}); },
      [](const auto& v) { return prod(v[0]); },
      [](const auto& v) { return amax(v[0], {0, 2}) * sum(v[0], {0, 2}); },
      [](const auto& v) { return amin(v[0] * v[0], {1}, true) * v[0]; },
      [](const auto& v) { return cumsum(v[0], 1) * cumsum(v[0] * v[0], 1, true); },
  };
  int i = 0;
  for (const Function1& f : functions) {
    INFO("function ", i);
    ++i;
    check_gradients(f, {x}, 3, 1e-6);
  }
}

TEST_CASE("products with zeros have finite derivatives: the product of the others") {
  const Tensor x = from_values({4}, {2, 0, 3, 5}, DType::Float64);
  const auto slope = [](const std::vector<Tensor>& v) {
    return value_and_grad([](const std::vector<Tensor>& u) { return prod(u[0]); }, v).gradients[0];
  };
  CHECK(to_vector(slope({x})) == std::vector<double>{0, 30, 0, 0});
  CHECK(to_vector(value_and_grad(slope, {x}).gradients[0]) == std::vector<double>{15, 15 + 10 + 6, 10, 6});
  CHECK(to_vector(slope({from_values({3}, {0, 0, 3}, DType::Float64)})) == std::vector<double>{0, 0, 0});
}

TEST_CASE("equal extrema share the derivative") {
  const auto slope = [](const Tensor& x) {
    return to_vector(value_and_grad([](const std::vector<Tensor>& v) { return amax(v[0], {1}); }, {x}).gradients[0]);
  };
  CHECK(slope(from_values({2, 4}, {1, 3, 3, 0, 5, 5, 5, 5})) ==
        std::vector<double>{0, 0.5, 0.5, 0, 0.25, 0.25, 0.25, 0.25});
}

TEST_CASE("errors") {
  const Tensor x({2, 3}, DType::Float32);
  CHECK(error_of([&] { sum(x, {2}); }) == ErrorKind::Value);
  CHECK(error_of([&] { sum(x, {0, -2}); }) == ErrorKind::Value);
  CHECK(error_of([&] { cumsum(x, -3); }) == ErrorKind::Value);
  CHECK(error_of([&] { argmax(x, 5); }) == ErrorKind::Value);
  CHECK(error_of([&] { cumsum(scalar(1.0, DType::Float32), 0); }) == ErrorKind::Value);
}

}  // namespace
}  // namespace adcore
