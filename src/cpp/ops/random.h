// Random numbers: ops on the state of a generator, which is a value: uint64 [2], a seed and how many numbers were drawn
// from it. Equal states give equal numbers, at any number of threads. Whoever holds a state draws by reading it and
// putting the advanced one in its place.
#pragma once

#include "base/function_ref.h"
#include "core/tensor.h"

namespace adcore {

Tensor generator_state(uint64_t seed, uint64_t drawn = 0);
/// The state after n more numbers.
Tensor advanced(const Tensor& state, int64_t n);

/// Puts next(state) in the place of the state, which it returns; nobody else sees one between.
using Exchange = FunctionRef<Tensor(FunctionRef<Tensor(const Tensor&)> next)>;
/// Takes n numbers from a sequence: the state to draw them from. Under vmaps whose members draw numbers of their own it
/// takes as many for each, and the state differs between the members.
Tensor take(Exchange exchange, int64_t n);

/// Elements uniform in [0, 1), of a float dtype.
Tensor random_uniform(const Tensor& state, const Dims& shape, DType dtype);
/// Standard normal elements.
Tensor random_normal(const Tensor& state, const Dims& shape, DType dtype);
/// Integers in [low, high).
Tensor random_integers(const Tensor& state, const Dims& shape, int64_t low, int64_t high, DType dtype);
/// Standard normal elements in [low, high].
Tensor random_truncated(const Tensor& state, const Dims& shape, double low, double high, DType dtype);
/// A permutation of [0, n), int64.
Tensor random_permutation(const Tensor& state, int64_t n);
/// Elements of the gamma distributions of scale 1 whose shapes are the elements of alpha, or their logarithms. The
/// derivative by alpha is that of the quantile.
Tensor random_gamma(const Tensor& state, const Tensor& alpha, bool logarithm);
/// Elements of the Poisson distributions whose rates are the elements of a tensor.
Tensor random_poisson(const Tensor& state, const Tensor& rate);
/// Weights of classes along the last axis as float64; throws where `count` classes cannot be drawn by them.
Tensor choice_weights(const Tensor& weights, int64_t count, bool replacement);
/// int64 [..., count]: classes, each as often as its weight says.
Tensor random_choice(const Tensor& state, const Tensor& weights, int64_t count, bool replacement);

/// The process's own generator, for draws that are given no state. The embedding interpreter puts a cell of its own
/// here.
struct ProcessGenerator {
  Tensor (*state)();
  /// Puts next(state) in the place of the state, which it returns; nobody else sees one between.
  Tensor (*exchange)(FunctionRef<Tensor(const Tensor&)> next);
};
extern ProcessGenerator process_generator;

/// Starts the sequence of `seed` anew.
void set_seed(uint64_t seed);
uint64_t get_seed();

/// Draws from the process's generator or, with `seed` not null, what depends on it alone.
Tensor random_uniform(const Dims& shape, DType dtype, const uint64_t* seed = nullptr);
Tensor random_normal(const Dims& shape, DType dtype, const uint64_t* seed = nullptr);
Tensor random_integers(const Dims& shape, int64_t low, int64_t high, DType dtype, const uint64_t* seed = nullptr);

}  // namespace adcore
