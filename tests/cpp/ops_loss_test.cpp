// The losses as tensors see them: their formulas in long double, reductions, weights, ignored rows, derivatives,
// errors.
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

TEST_CASE("binary cross-entropy: the formula, with every set of weights and every reduction") {
  const Dims shape{3, 4};
  for (DType t : {DType::Float64, DType::Float32}) {
    for (Layout layout : kLayouts) {
      const Tensor z = laid_out(random_tensor(shape, -5, 5, 1, t), layout),
                   y = laid_out(random_tensor(shape, 0, 1, 2, t), layout);
      const Tensor weights[] = {Tensor(), random_tensor(shape, 0.5, 2, 3, t), random_tensor({4}, 0.5, 2, 4, t),
                                random_tensor({3, 1}, 0.5, 2, 5, t), scalar(0.7, t)};
      for (const Tensor& w : weights) {
        for (const Tensor& p : weights) {
          std::vector<double> each;
          const auto value = [&](const Tensor& weight, const Dims& i) {
            return weight.defined() ? static_cast<long double>(element(to_vector(weight), weight.shape(), i)) : 1.0L;
          };
          long double total = 0;
          for_each_index(shape, [&](const Dims& i) {
            const long double sigmoid = 1 / (1 + std::exp(-value(z, i)));
            each.push_back(static_cast<double>(-value(w, i) * (value(p, i) * value(y, i) * std::log(sigmoid) +
                                                               (1 - value(y, i)) * std::log(1 - sigmoid))));
            total += each.back();
          });
          const double unit = t == DType::Float32 ? 2e-6 : 1e-13;
          CHECK(distance(bce_with_logits(z, y, w, p, Reduction::None), each) < unit);
          CHECK(distance(bce_with_logits(z, y, w, p, Reduction::Sum), {static_cast<double>(total)}) < unit);
          const Tensor mean_loss = bce_with_logits(z, y, w, p);
          CHECK(distance(mean_loss, {static_cast<double>(total / 12)}) < unit);
          CHECK(mean_loss.shape() == Dims{});
          CHECK(mean_loss.dtype() == t);
        }
      }
    }
  }
}

TEST_CASE("binary cross-entropy: derivatives with respect to all four operands, to third order") {
  const std::vector<Tensor> all{random_tensor({2, 3}, -2, 2, 1), random_tensor({2, 3}, 0.1, 0.9, 2),
                                random_tensor({3}, 0.5, 2, 3), random_tensor({2, 1}, 0.5, 2, 4)};
  for (Reduction r : {Reduction::None, Reduction::Mean, Reduction::Sum}) {
    INFO("reduction ", static_cast<int>(r));
    check_gradients([r](const auto& v) { return bce_with_logits(v[0], v[1], v[2], v[3], r); }, all, 2);
    // Each operand alone takes another way through the rule.
    for (size_t k = 0; k < 4; ++k) {
      INFO("operand ", k);
      check_gradients(
          [&, r](const auto& v) {
            std::vector<Tensor> x = all;
            x[k] = v[0];
            return bce_with_logits(x[0], x[1], x[2], x[3], r);
          },
          {all[k]}, 3);
    }
    check_gradients([&, r](const auto& v) { return bce_with_logits(v[0], all[1], {}, {}, r); }, {all[0]}, 3);
    check_gradients([&, r](const auto& v) { return bce_with_logits(v[0], all[1], {}, v[1], r); }, {all[0], all[3]}, 2);
    check_gradients([&, r](const auto& v) { return bce_with_logits(v[0], v[0], {}, {}, r); }, {all[0]}, 2);
  }
}

TEST_CASE("binary cross-entropy: large logits have finite losses and slopes, at any order") {
  for (DType t : {DType::Float32, DType::Float64}) {
    const Tensor z = from_values({4}, {-1000, 1000, -50, 50}, t), y = from_values({4}, {0, 1, 1, 0}, t);
    const auto r =
        value_and_grad([&](const auto& v) { return bce_with_logits(v[0], y, {}, {}, Reduction::None); }, {z});
    CHECK(distance(r.value, {0, 0, 50, 50}) < 1e-6);
    CHECK(distance(r.gradients[0], {0, 0, -1, 1}) < 1e-6);
    const Function1 slope =
        gradient_of([&](const auto& v) { return bce_with_logits(v[0], y, {}, {}, Reduction::Sum); });
    CHECK(distance(gradient_of(slope)({z}), {0, 0, 0, 0}) < 1e-6);
  }
}

TEST_CASE("softmax cross-entropy: minus the scaled log-probability of the target, 0 for ignored rows") {
  const Tensor scale = random_tensor({4}, 0.5, 2, 2);
  for (DType t : {DType::Float64, DType::Float32, DType::Float16}) {
    for (Layout layout : kLayouts) {
      const Tensor x = laid_out(random_tensor({4, 5}, -3, 3, 1, t), layout);
      const Tensor target = laid_out(from_values({4}, {0, -100, 4, 2}, DType::Int32), layout);
      const Tensor loss = softmax_cross_entropy(x, target, cast(scale, t), -100);
      CHECK(loss.dtype() == t);
      const std::vector<double> v = to_vector(x), s = to_vector(cast(scale, t));
      std::vector<double> want;
      for (int64_t i = 0; i < 4; ++i) {
        const double label = to_vector(target)[static_cast<size_t>(i)];
        long double total = 0;
        for (int64_t j = 0; j < 5; ++j) total += std::exp(static_cast<long double>(element(v, {4, 5}, {i, j})));
        want.push_back(
            label < 0 ? 0
                      : static_cast<double>(s[static_cast<size_t>(i)] *
                                            (std::log(total) - element(v, {4, 5}, {i, static_cast<int64_t>(label)}))));
      }
      CHECK(distance(loss, want) < (t == DType::Float64 ? 1e-14 : t == DType::Float32 ? 1e-6 : 2e-3));
    }
  }
}

TEST_CASE("softmax cross-entropy: derivatives with respect to logits and scale") {
  const Tensor x = random_tensor({3, 4}, -2, 2, 1), scale = random_tensor({3}, 0.5, 2, 2);
  const Tensor target = from_values({3}, {3, 7, 0}, DType::Int64);
  check_gradients([&](const auto& v) { return softmax_cross_entropy(v[0], target, scale, 7); }, {x}, 3);
  check_gradients([&](const auto& v) { return softmax_cross_entropy(x, target, v[0], 7); }, {scale}, 2);
  check_gradients([&](const auto& v) { return softmax_cross_entropy(v[0] * v[0], target, v[1], 7) * v[1]; }, {x, scale},
                  2);
  // An ignored row passes nothing, whatever it holds.
  const Tensor wild = from_values({2, 2}, {1, 2, INFINITY, NAN}, DType::Float64);
  const auto r = value_and_grad(
      [&](const auto& v) {
        return softmax_cross_entropy(v[0], from_values({2}, {1, -1}, DType::Int64), full({2}, 1.0, DType::Float64), -1);
      },
      {wild});
  CHECK(to_vector(r.gradients[0])[2] == 0);
  CHECK(to_vector(r.gradients[0])[3] == 0);
}

TEST_CASE("errors") {
  const Tensor x({2, 3}, DType::Float32), n({2, 3}, DType::Int32), s({2}, DType::Float32);
  const auto target = [](double a) { return from_values({2}, {0, a}, DType::Int64); };
  CHECK(error_of([&] { bce_with_logits(x, n); }) == ErrorKind::Type);
  CHECK(error_of([&] { bce_with_logits(n, x); }) == ErrorKind::Type);
  CHECK(error_of([&] { bce_with_logits(x, s); }) == ErrorKind::Value);
  CHECK(error_of([&] { bce_with_logits(x, x, s); }) == ErrorKind::Value);
  CHECK(error_of([&] { bce_with_logits(x, x, {}, Tensor({1, 2, 3}, DType::Float32)); }) == ErrorKind::Value);
  CHECK(error_of([&] { softmax_cross_entropy(x, target(3), s, -100); }) == ErrorKind::Index);
  CHECK(error_of([&] { softmax_cross_entropy(x, target(-1), s, -100); }) == ErrorKind::Index);
  CHECK(error_of([&] { softmax_cross_entropy(x, s, s, -100); }) == ErrorKind::Type);
  CHECK(error_of([&] { softmax_cross_entropy(n, target(1), s, -100); }) == ErrorKind::Type);
  CHECK(error_of([&] { softmax_cross_entropy(s, target(1), s, -100); }) == ErrorKind::Value);
  CHECK(error_of([&] { softmax_cross_entropy(x, target(1), x, -100); }) == ErrorKind::Value);
}

}  // namespace
}  // namespace adcore
