// Recurrent layers along a whole sequence, and their reverse rules.
//
// The weights are packed once. Then a few rows of the batch at a time run along the sequence, all steps of them, so that
// threads meet at the end alone and what a step needs stays in the cache. Every row is computed in the same way whatever
// rows are beside it. Start reading at run() and grad().
#include "kernels/recurrent.h"

#include "kernels/gemm_micro.h"
#include "kernels/gemm_pack.h"
#include "kernels/pairwise.h"
#include "kernels/vmath.h"
#include "kernels/workspace.h"

namespace adcore::ADCORE_ISA {
namespace {

/// The right side B (k x n) of many products, packed.
template <class T>
class Panels {
 public:
  static constexpr int kCols = gemm::Tile<T>::kCols;

  /// Element B[p, j] stands at b[j * across + p * along].
  Panels(const T* b, int64_t across, int64_t along, int64_t k, int64_t n)
      : k_(k), panels_(ceil_div(n, kCols)), memory_(static_cast<size_t>(elements()) * sizeof(T)) {
    for (int64_t q = 0; q < panels_; ++q) {
      const int64_t lines = n - q * kCols < kCols ? n - q * kCols : kCols;
      gemm::pack_panel(b + q * kCols * across, across, along, static_cast<int>(lines), k, kCols, panel(q));
    }
  }
  /// Of the result, which is padded to whole panels.
  int64_t columns() const { return panels_ * kCols; }

  /// C = A B, or C += A B; rows of A are a_row apart, those of C columns().
  void multiply(const T* a, int64_t a_row, int64_t rows, T* c, bool accumulate) const {
    for (int64_t q = 0; q < panels_; ++q) {
      int64_t i = 0;
      const auto tiles = [&](auto height) __attribute__((always_inline)) {
        constexpr int kRows = decltype(height)::value;
        for (; i + kRows <= rows; i += kRows)
          tile<kRows>(panel(q), a + i * a_row, a_row, c + i * columns() + q * kCols, accumulate);
      };
      if constexpr (kManyRegisters) tiles(std::integral_constant<int, 8>());
      tiles(std::integral_constant<int, 4>());
      tiles(std::integral_constant<int, 1>());
    }
  }

 private:
  static constexpr bool kManyRegisters = gemm::Tile<T>::kRows >= 12;

  int64_t elements() const { return panels_ * kCols * k_ + Pack<T>::kLanes; }
  T* panel(int64_t q) const { return memory_.template as<T>() + q * kCols * k_; }
  template <int kRows>
  void tile(const T* b, const T* a, int64_t a_row, T* c, bool accumulate) const {
    Pack<T> acc[kRows][gemm::Tile<T>::kVecs];
    gemm::clear(acc);
    gemm::multiply<false>(k_, a, a_row, 1, b, kCols, 0, acc);
    gemm::store_tile<false>(acc, c, columns(), 0, accumulate);
  }

  int64_t k_, panels_;
  Workspace memory_;
};

/// body(first, last) for parts of the rows, in parallel where the work is worth it; `products`: multiplications a row.
template <class Body>
void for_rows(int64_t rows, int64_t products, const Body& body) {
  constexpr int64_t kLong = int64_t{1} << 22;
  constexpr int64_t kFew = 8, kMany = 16;  // whole tiles
  const int64_t part = rows < 2 * kMany ? kFew : kMany;
  const auto of_chunk = [&](int64_t chunk) {
    const int64_t last = (chunk + 1) * part;
    body(chunk * part, last < rows ? last : rows);
  };
  if (rows * products > kLong) return parallel_for(ceil_div(rows, part), of_chunk);
  body(0, rows);
}

/// Where the steps stand in memory, in the order in which they are made.
struct Order {
  int64_t steps;
  bool reverse;
  int64_t at(int64_t step) const { return reverse ? steps - 1 - step : step; }
};

template <class Kind, class T>
void run(const RecurrentArgs<T>& a) {
  using P = Pack<T>;
  constexpr int kStates = Kind::kStates;
  const int64_t n = a.sizes.units, rows = a.sizes.rows, gates = Kind::kGates * n;
  if (n == 0 || rows == 0) return;
  const Panels<T> weight(a.weight, n, 1, n, gates);
  const int64_t width = weight.columns();
  const Workspace memory(static_cast<size_t>(rows * width) * sizeof(T));
  T* const of_state = memory.as<T>();
  const Order order{a.sizes.steps, a.sizes.reverse};
  for_rows(rows, order.steps * n * gates, [&](int64_t first, int64_t last) {
    for (int64_t i = 0; i < order.steps; ++i) {
      const int64_t t = order.at(i), old = i ? order.at(i - 1) * rows : 0;
      const T* before[kStates];
      for (int s = 0; s < kStates; ++s) before[s] = (i ? a.states[s] : a.first[s]) + old * n;
      weight.multiply(before[0] + first * n, n, last - first, of_state + first * width, false);
      for (int64_t r = first; r < last; ++r) {
        const int64_t row = t * rows + r;
        const bool stays = a.sizes.inside && !a.sizes.inside[row];
        for_packs<T>(0, n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
          P x[Kind::kGates], s[Kind::kGates], z[Kind::kSums], was[kStates], is[kStates];
          for (int k = 0; k < Kind::kGates; ++k) {
            x[k] = load_lanes(a.x + row * gates + k * n + j, lanes);
            s[k] = load_lanes(of_state + r * width + k * n + j, lanes);
            if (a.bias) s[k] = s[k] + load_lanes(a.bias + k * n + j, lanes);
          }
          for (int k = 0; k < kStates; ++k) was[k] = load_lanes(before[k] + r * n + j, lanes);
          Kind::sums(x, s, z);
          Kind::step(z, was, is);
          for (int k = 0; k < kStates; ++k) store_lanes(stays ? was[k] : is[k], a.states[k] + row * n + j, lanes);
          if (!a.sums) return;
          for (int k = 0; k < Kind::kSums; ++k) store_lanes(z[k], a.sums + (row * Kind::kSums + k) * n + j, lanes);
        });
      }
    }
  });
}

template <class Kind, class T>
void grad(const RecurrentGradArgs<T>& a) {
  using P = Pack<T>;
  constexpr int kStates = Kind::kStates, kSums = Kind::kSums;
  const int64_t n = a.sizes.units, rows = a.sizes.rows, gates = Kind::kGates * n;
  if (n == 0 || rows == 0) return;
  const Panels<T> weight(a.weight, 1, n, gates, n);
  const int64_t width = weight.columns();
  const Workspace memory(static_cast<size_t>(kStates * rows * width) * sizeof(T));
  T* carried[kStates];  // what comes from the steps that followed
  for (int s = 0; s < kStates; ++s) carried[s] = memory.as<T>() + s * rows * width;
  const Order order{a.sizes.steps, a.sizes.reverse};
  for_rows(rows, order.steps * n * gates, [&](int64_t first, int64_t last) {
    for (int s = 0; s < kStates; ++s)
      for (int64_t k = first * width; k < last * width; ++k) carried[s][k] = 0;
    for (int64_t i = order.steps; i-- > 0;) {
      const int64_t t = order.at(i), old = i ? order.at(i - 1) * rows : 0;
      const T* before[kStates];
      for (int s = 0; s < kStates; ++s) before[s] = (i ? a.states[s] : a.first[s]) + old * n;
      for (int64_t r = first; r < last; ++r) {
        const int64_t row = t * rows + r;
        const bool stays = a.sizes.inside && !a.sizes.inside[row];
        for_packs<T>(0, n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
          P z[kSums], was[kStates], is[kStates], g[kStates], dz[kSums], passed(0);
          for (int s = 0; s < kStates; ++s) {
            g[s] = load_lanes(carried[s] + r * width + j, lanes);
            if (a.g[s]) g[s] = g[s] + load_lanes(a.g[s] + row * n + j, lanes);
            was[s] = load_lanes(before[s] + r * n + j, lanes);
            is[s] = load_lanes(a.states[s] + row * n + j, lanes);
          }
          for (int k = 0; k < kSums; ++k) z[k] = load_lanes(a.sums + (row * kSums + k) * n + j, lanes);
          Kind::grad(z, was, is, g, dz, passed);
          for (int k = 0; k < kSums; ++k)
            store_lanes(stays ? P(0) : dz[k], a.sums_grad + (row * kSums + k) * n + j, lanes);
          for (int s = 0; s < kStates; ++s)
            store_lanes(stays ? g[s] : s == Kind::kPassed ? passed : P(0), carried[s] + r * width + j, lanes);
        });
      }
      weight.multiply(a.sums_grad + (t * rows + first) * kSums * n, kSums * n, last - first, carried[0] + first * width,
                      true);
    }
    for (int s = 0; s < kStates; ++s)
      for (int64_t r = first; r < last; ++r)
        for (int64_t j = 0; j < n; ++j) a.first_grad[s][r * n + j] = carried[s][r * width + j];
  });
}

template <class T, class... Kinds>
constexpr RecurrentKernels<T> kKernels[] = {{run<Kinds, T>, grad<Kinds, T>}...};
template <class... Kinds>
void install(Kernels& table) {
  static_assert([](int next) { return ((Kinds::kNumber == next++) && ...); }(0), "kinds in the order of their numbers");
  table.recurrent_f32 = kKernels<float, Kinds...>;
  table.recurrent_f64 = kKernels<double, Kinds...>;
}

}  // namespace

void install_recurrent(Kernels& table) { install<Lstm, Gru, TanhRnn, ReluRnn>(table); }

}  // namespace adcore::ADCORE_ISA
