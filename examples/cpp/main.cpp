// Fits the tutorial's linear model from C++: z = x w + b, binary cross-entropy with logits, gradient descent.
// A Tensor is a value: an update makes new ones.
#include <cmath>
#include <cstdio>
#include <vector>

#include "sweeps/grad.h"

int main() {
  using adcore::DType;
  using adcore::Tensor;

  const Tensor x = adcore::full({5}, 1.0, DType::Float32);  // input
  const Tensor y = adcore::zeros({3}, DType::Float32);      // expected output
  const Tensor w =
      adcore::from_values({5, 3}, {0.3, -1.2, 0.5, 0.9, -0.1, 1.4, -0.7, 0.2, 0.6, 1.1, -0.4, -0.3, 0.8, 0.1, -0.9});
  const Tensor b = adcore::from_values({3}, {0.1, 0.0, -0.2});

  const auto forward = [&](const std::vector<Tensor>& parameters) {
    const Tensor z = adcore::matmul(x, parameters[0]) + parameters[1];
    return adcore::bce_with_logits(z, y);
  };

  std::vector<Tensor> parameters = {w, b};
  double loss = INFINITY;
  for (int step = 0; step <= 100; ++step) {
    const auto [value, gradients] = adcore::value_and_grad(forward, parameters);
    loss = adcore::item(value);
    if (step % 20 == 0) std::printf("step %3d  loss %.5f\n", step, loss);
    for (size_t i = 0; i < parameters.size(); ++i) parameters[i] = parameters[i] + gradients[i] * -0.5;
  }
  return loss < 0.02 ? 0 : 1;
}
