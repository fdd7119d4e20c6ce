// Optimizer steps: one loop over a parameter for each row of optimizers.h. Every operation rounds by itself, so all
// instruction sets give the same bits.
#include "kernels/optimizers.h"
#include "kernels/pairwise.h"
#include "kernels/vmath_integer.h"
#include "kernels/vmath_pow.h"

namespace adcore::ADCORE_ISA {

/// What the rows call so, of packs.
template <class T>
[[gnu::always_inline]] inline Pack<T> root(Pack<T> v) {
  return sqrt(v);
}

namespace {

constexpr double kStreamNs = 2;  // one array read or written, per pack

template <int Row, class T>
void step(const OptimizerArrays<T>& x, const double* scalars, const double* settings) {
  using P = Pack<T>;
  constexpr const auto& row = row_at<Row>(kOptimizers);
  constexpr int kStates = std::remove_cvref_t<decltype(row)>::kStates, kLanes = P::kLanes;
  using Scalars = decltype(row.scalars(scalars, 1.0, OptimizerSettings{}));
  Values<P, Scalars::kCount> c;
  for (int k = 0; k < Scalars::kCount; ++k) c.v[k] = P(scalars[k]);
  OptimizerSettings s{};
  for (int k = 0; k < row.facts.settings; ++k) s.v[k] = settings[k];
  for_blocks(ceil_div(x.n, kLanes), (2 * kStates + 3) * kStreamNs, [=](int64_t begin, int64_t end) {
    for_packs<T>(begin * kLanes, end * kLanes < x.n ? end * kLanes : x.n, [=](int64_t i, int lanes) {
      Before<P, kStates> before;
      before.p = load_lanes(x.p + i, lanes);
      before.g = load_lanes(x.g + i, lanes);
      for (int j = 0; j < kStates; ++j) before.state[j] = load_lanes(x.state[j] + i, lanes);
      const auto after = row.update(before, c, s);
      for (int j = 0; j < kStates; ++j) store_lanes(after[1 + j], x.new_state[j] + i, lanes);
      store_lanes(after[0], x.new_p + i, lanes);
    });
  });
}

template <class T, int... Row>
const OptimizerKernel<T>* kernels_of(std::integer_sequence<int, Row...>) {
  static constexpr OptimizerKernel<T> rows[] = {step<Row, T>...};
  return rows;
}

}  // namespace

void install_optim(Kernels& table) {
  using Rows = std::make_integer_sequence<int, kOptimizerCount>;
  table.optim_f32 = kernels_of<float>(Rows());
  table.optim_f64 = kernels_of<double>(Rows());
}

}  // namespace adcore::ADCORE_ISA
