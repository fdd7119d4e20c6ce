// The random state of the process: a seed and how many numbers have been drawn from it.
#pragma once

#include "core/tensor.h"

namespace adcore {

/// Starts the sequence of `seed` anew. Equal seeds and equal calls give equal numbers, at any number of threads.
void set_seed(uint64_t seed);
uint64_t get_seed();

struct RandomState {
  uint64_t seed, drawn;
};
RandomState random_state();
void set_random_state(RandomState state);

/// Elements uniform in [0, 1), of a float dtype. With `seed` not null the numbers depend on it alone.
Tensor random_uniform(const Dims& shape, DType dtype, const uint64_t* seed = nullptr);
/// Standard normal elements.
Tensor random_normal(const Dims& shape, DType dtype, const uint64_t* seed = nullptr);
/// Integers in [low, high).
Tensor random_integers(const Dims& shape, int64_t low, int64_t high, DType dtype, const uint64_t* seed = nullptr);

}  // namespace adcore
