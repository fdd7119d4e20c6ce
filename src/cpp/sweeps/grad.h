// Differentiation for C++ programs: value_and_grad(f)(x...) as one call.
#pragma once

#include <utility>
#include <vector>

#include "ops/functions.h"
#include "sweeps/backward.h"

namespace adcore {

struct ValueAndGrad {
  Tensor value;
  std::vector<Tensor> gradients;
};

/// The value of f at the inputs, and the gradients of the sum of its elements. `f` takes a std::vector<Tensor> of the
/// inputs' shapes and returns a Tensor; it may call this function again: derivatives nest.
template <class F>
ValueAndGrad value_and_grad(F&& f, const std::vector<Tensor>& inputs) {
  Level level;
  std::vector<Tensor> fresh;
  std::vector<Slot> slots;
  for (const Tensor& x : inputs) {
    fresh.push_back(level.input(x));
    slots.push_back(fresh.back().ref().slot);
  }
  ValueAndGrad result{std::forward<F>(f)(std::as_const(fresh)), {}};
  Backward sweep(level);
  sweep.seed(result.value, full(result.value.shape(), 1.0, result.value.dtype()));
  sweep.run(slots);
  for (size_t i = 0; i < inputs.size(); ++i) result.gradients.push_back(sweep.cotangent(slots[i], inputs[i]));
  return result;
}

}  // namespace adcore
