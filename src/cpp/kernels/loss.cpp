// Fused losses: binary cross-entropy with logits, and cross-entropy of class indices with its rule.
//
// Both losses are written without cancellation. With a = w * (1 - y) and b = w * p * y, the formula at BceArgs is, for
// every sign of z,
//   loss  = |z| * (z >= 0 ? a : b) + (a + b) * log1p(exp(-|z|))
//   slope = a * sigmoid(z) - b * sigmoid(-z).
// An infinite logit costs nothing where its factor is 0: the limit.
#include "kernels/softmax.h"

namespace adcore::ADCORE_ISA {
namespace {

/// An operand that may be absent (1) or one element.
template <class T>
struct Factor {
  const T* p;
  bool scalar;

  [[gnu::always_inline]] Pack<T> load(int64_t i, int lanes) const {
    if (!p) return Pack<T>(1);
    return scalar ? Pack<T>(*p) : load_lanes(p + i, lanes);
  }
};

/// What loss and slope are made of, from one exponential and one division; with e = exp(-size), size >= 0.
template <class T>
struct BceParts {
  Pack<T> near, far, tail;  // sigmoid(size), sigmoid(-size), log(1 + e)
};

/// log(1 + e) = 2 atanh(s) for s = e / (2 + e), at most 1/3; the polynomial is (2 atanh(s) / s - 2) / s^2 within 2^-30
/// and 2^-58 of the whole.
template <class T>
[[gnu::always_inline]] inline BceParts<T> bce_parts(Pack<T> size) {
  using P = Pack<T>;
  const P e = exp(-size);
  const P one = P(1) + e, two = P(2) + e;
  const P inverse = P(1) / (one * two);
  const P near = two * inverse;
  const P s = e * (one * inverse), z = s * s;
  P p;
  if constexpr (sizeof(T) == 4) {
    p = vmath::polynomial(z, 0.6666667, 0.39999706, 0.28592357, 0.21706575, 0.2322433);
  } else {
    p = vmath::polynomial(z, 0.6666666666666666, 0.39999999999999525, 0.285714285716001, 0.2222222219823677,
                          0.18181819897962714, 0.1538454396486055, 0.13335178631449257, 0.11734279061303197,
                          0.10845178394880015, 0.07492143795550767, 0.1563057780092285);
  }
  return {near, e * near, fma(s * z, p, s + s)};
}

/// kPlain: neither w nor p is given.
template <bool kPlain, class T>
T bce_sum(const BceArgs<T>& args) {
  using P = Pack<T>;
  constexpr int64_t kLeaf = 32 * P::kLanes;
  constexpr double kPackNs = 15;
  const Factor<T> weight{args.w, args.w_scalar}, positive{args.p, args.p_scalar};
  const P scale(args.scale);
  const auto step = [&](int64_t i, int lanes) {
    const P z = load_lanes(args.z + i, lanes), y = load_lanes(args.y + i, lanes), size = abs(z);
    P a = P(1) - y, b = y;
    if constexpr (!kPlain) {
      const P w = weight.load(i, lanes);
      a = w * a;
      b = w * (positive.load(i, lanes) * b);
    }
    const auto [near, far, tail] = bce_parts(size);
    const Mask<T> up = z >= P(0);
    const P factor = select(up, a, b);
    const P loss = select(factor == P(0), P(0), size * factor) + (a + b) * tail;
    const P slope = a * select(up, near, far) - b * select(up, far, near);
    if (args.loss) store_lanes(loss, args.loss + i, lanes);
    if (args.slope) store_lanes(slope * scale, args.slope + i, lanes);
    return loss;
  };
  const auto leaf = [&](int64_t block) {
    const int64_t begin = block * kLeaf, rest = args.n - begin;
    P total(0);
    for_packs<T>(begin, begin + (rest < kLeaf ? rest : kLeaf), [&](int64_t i, int lanes) {
      const P loss = step(i, lanes);
      total = total + (lanes == P::kLanes ? loss : select(first_lanes<T>(lanes), loss, 0));
    });
    return total;
  };
  return sum(pairwise(ceil_div(args.n, kLeaf), kPackNs * kLeaf / P::kLanes, leaf, [](P& a, P b) { a = a + b; }));
}

template <class T>
T bce_logits(const BceArgs<T>& args) {
  if (args.n == 0) return 0;
  return args.w || args.p ? bce_sum<false>(args) : bce_sum<true>(args);
}

/// The loss of one row; its probabilities go to `prob` unless that is null.
template <class T>
T cross_entropy_row(const T* x, int64_t classes, int64_t target, T scale, T* prob) {
  const Strip s = row_strip<T>(classes);
  const Pack<T> top = strip_max(s, x);
  const Pack<T> shift = finite_or_zero(top);
  const Pack<T> total = strip_exp_sum(s, x, shift, prob);
  if (prob) {
    // As softmax: a row with an inf is NaN throughout.
    const Pack<T> factor = select(shift == top, Pack<T>(1) / total, std::numeric_limits<T>::quiet_NaN());
    strip_map(s, prob, prob, [=](Pack<T> e) { return e * factor; });
  }
  const bool ignored = target < 0 || target >= classes || scale == 0;
  return ignored ? 0 : scale * ((shift[0] - x[target]) + log(total)[0]);
}

template <class T>
void cross_entropy(const CrossEntropyArgs<T>& args) {
  const double row_ns = 20 + static_cast<double>(ceil_div(args.classes, Pack<T>::kLanes)) * (2 * kLoadNs + kExpNs);
  const auto block = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i * args.classes;
      args.loss[i] = cross_entropy_row(args.x + at, args.classes, args.target[i], args.scale ? args.scale[i] : T(1),
                                       args.prob ? args.prob + at : nullptr);
    }
  };
  if (args.classes == 0) {
    for (int64_t i = 0; i < args.rows; ++i) args.loss[i] = 0;
    return;
  }
  for_blocks(args.rows, row_ns, block);
}

template <class T>
void cross_entropy_grad(const CrossEntropyGradArgs<T>& args) {
  using P = Pack<T>;
  const double row_ns = 5 + static_cast<double>(ceil_div(args.classes, P::kLanes)) * kLoadNs;
  for_blocks(args.rows, row_ns, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t target = args.target[i];
      const bool ignored = target < 0 || target >= args.classes;
      const T factor = args.g[i] * args.scale[i];
      const T* prob = args.prob + i * args.classes;
      T* grad = args.grad + i * args.classes;
      const T hit = ignored ? 0 : (prob[target] - 1) * factor;
      for_packs<T>(0, args.classes, [&](int64_t j, int lanes) {
        store_lanes(ignored ? P(0) : load_lanes(prob + j, lanes) * P(factor), grad + j, lanes);
      });
      if (!ignored) grad[target] = hit;
    }
  });
}

template <class T>
constexpr LossKernels<T> kLosses = {bce_logits<T>, cross_entropy<T>, cross_entropy_grad<T>};

}  // namespace

void install_loss(Kernels& table) {
  table.loss_f32 = kLosses<float>;
  table.loss_f64 = kLosses<double>;
}

}  // namespace adcore::ADCORE_ISA
