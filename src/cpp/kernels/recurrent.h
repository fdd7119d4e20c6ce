// One step of a recurrent layer, once for each kind of layer: what becomes of the gates and the state of one unit.
//
// The texts are generic: run on packs they are the kernels (recurrent.cpp), run on symbols the expansions, from which
// derivatives of higher order come (ops/recurrent.cpp).
//
//   sums(x, s, z)                          what the gates are functions of, from what input and state give to each gate
//   step(z, before, after)                 the new state; the first of its values is the output
//   grad(z, before, after, g, dz, passed)  cotangents of the sums, from those of the state after the step, and what the
//                                          value number kPassed of the state before gets besides. What else the state
//                                          gets comes through the product with the weights, whose cotangent are the
//                                          first kGates of dz.
#pragma once

namespace adcore {

/// Hochreiter and Schmidhuber with forget gates: input, forget, cell and output gate; output and cell state.
struct Lstm {
  static constexpr const char *kName = "lstm", *kGradName = "lstm_grad";
  static constexpr int kNumber = 0, kGates = 4, kSums = 4, kStates = 2, kPassed = 1;

  template <class V>
  [[gnu::always_inline]] static void sums(const V* x, const V* s, V* z) {
    for (int k = 0; k < kSums; ++k) z[k] = x[k] + s[k];
  }
  template <class V>
  [[gnu::always_inline]] static void step(const V* z, const V* before, V* after) {
    after[1] = sigmoid(z[1]) * before[1] + sigmoid(z[0]) * tanh(z[2]);
    after[0] = sigmoid(z[3]) * tanh(after[1]);
  }
  template <class V>
  [[gnu::always_inline]] static void grad(const V* z, const V* before, const V* after, const V* g, V* dz, V& passed) {
    const V cell = g[1] + g[0] * sigmoid(z[3]) * tanh_slope(after[1]);
    dz[0] = cell * tanh(z[2]) * sigmoid_slope(z[0]);
    dz[1] = cell * before[1] * sigmoid_slope(z[1]);
    dz[2] = cell * sigmoid(z[0]) * tanh_slope(z[2]);
    dz[3] = g[0] * tanh(after[1]) * sigmoid_slope(z[3]);
    passed = cell * sigmoid(z[1]);
  }
};

/// Cho et al. 2014, the reset gate behind the product: reset, update and new gate. Of the last, the parts of state and
/// input are two sums.
struct Gru {
  static constexpr const char *kName = "gru", *kGradName = "gru_grad";
  static constexpr int kNumber = 1, kGates = 3, kSums = 4, kStates = 1, kPassed = 0;

  template <class V>
  [[gnu::always_inline]] static void sums(const V* x, const V* s, V* z) {
    z[0] = x[0] + s[0];
    z[1] = x[1] + s[1];
    z[2] = s[2];
    z[3] = x[2];
  }
  template <class V>
  [[gnu::always_inline]] static void step(const V* z, const V* before, V* after) {
    const V fresh = tanh(z[3] + sigmoid(z[0]) * z[2]);
    after[0] = fresh + sigmoid(z[1]) * (before[0] - fresh);
  }
  template <class V>
  [[gnu::always_inline]] static void grad(const V* z, const V* before, const V*, const V* g, V* dz, V& passed) {
    const V reset = sigmoid(z[0]), sum = z[3] + reset * z[2];
    dz[1] = g[0] * (before[0] - tanh(sum)) * sigmoid_slope(z[1]);
    dz[3] = g[0] * sigmoid(-z[1]) * tanh_slope(sum);
    dz[2] = dz[3] * reset;
    dz[0] = dz[3] * z[2] * sigmoid_slope(z[0]);
    passed = g[0] * sigmoid(z[1]);
  }
};

/// Elman, with the hyperbolic tangent.
struct TanhRnn {
  static constexpr const char *kName = "rnn_tanh", *kGradName = "rnn_tanh_grad";
  static constexpr int kNumber = 2, kGates = 1, kSums = 1, kStates = 1, kPassed = -1;

  template <class V>
  [[gnu::always_inline]] static void sums(const V* x, const V* s, V* z) {
    z[0] = x[0] + s[0];
  }
  template <class V>
  [[gnu::always_inline]] static void step(const V* z, const V*, V* after) {
    after[0] = tanh(z[0]);
  }
  template <class V>
  [[gnu::always_inline]] static void grad(const V* z, const V*, const V*, const V* g, V* dz, V&) {
    dz[0] = g[0] * tanh_slope(z[0]);
  }
};

/// Elman, with what is positive.
struct ReluRnn {
  static constexpr const char *kName = "rnn_relu", *kGradName = "rnn_relu_grad";
  static constexpr int kNumber = 3, kGates = 1, kSums = 1, kStates = 1, kPassed = -1;

  template <class V>
  [[gnu::always_inline]] static void sums(const V* x, const V* s, V* z) {
    z[0] = x[0] + s[0];
  }
  template <class V>
  [[gnu::always_inline]] static void step(const V* z, const V*, V* after) {
    after[0] = select(z[0] <= 0.0, 0.0, z[0]);
  }
  template <class V>
  [[gnu::always_inline]] static void grad(const V* z, const V*, const V*, const V* g, V* dz, V&) {
    dz[0] = select(z[0] > 0.0, g[0], 0.0);
  }
};

}  // namespace adcore
