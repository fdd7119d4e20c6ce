// Differentiation for C++ programs: value_and_grad(f)(x...) as one call.
#pragma once

#include <utility>
#include <vector>

#include "ops/functions.h"
#include "sweeps/recording.h"

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
  Recording recording;
  std::vector<Tensor> fresh;
  for (const Tensor& x : inputs) {
    fresh.push_back(level.input(x));
    recording.input(fresh.back().ref().slot, x);
  }
  ValueAndGrad result{std::forward<F>(f)(std::as_const(fresh)), {}};
  recording.output(level.tape().slot_of(result.value), result.value);
  recording.close(level);
  Gradients gradients(recording);
  gradients.seed_ones();
  gradients.sweep();
  for (size_t i = 0; i < inputs.size(); ++i) result.gradients.push_back(gradients.of(i));
  return result;
}

}  // namespace adcore
