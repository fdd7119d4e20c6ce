// The kernels of joined.h, made of the texts of the rows.
#include "kernels/elementwise.h"
#include "kernels/formulas/activation.h"
#include "kernels/formulas/trigonometric.h"
#include "kernels/joined.h"
#include "kernels/vmath.h"

namespace adcore::ADCORE_ISA {

const JoinedKernels& joined_table();

namespace {

/// Value and partial are inlined in one loop: the compiler sees what they have in common.
template <const auto& kFamily, int Row, class T>
void joint_kernel(const void* in, void* value, void* slope, int64_t n, uint32_t scalars) {
  constexpr const auto& row = row_at<Row>(kFamily);
  constexpr const auto& partial = std::get<0>(row.partials);
  static_assert(row.kArity == 1 && std::remove_cvref_t<decltype(partial)>::kNeeds == A);
  const Source<T> a(in, scalars & 1);
  for_packs<T>(n, [&](int64_t i, auto... rest) __attribute__((always_inline)) {
    const Pack<T> x = a.at(i, rest...), y = row.value(x), dy = partial.f(x);
    put<T>(value, i, y, rest...);
    put<T>(slope, i, dy, rest...);
  });
}

template <class T, int Joint>
constexpr JointFn joint_entry() {
  constexpr int kActivationRow = row_index(kActivation, kJointRows[Joint]);
  if constexpr (kActivationRow >= 0) {
    return joint_kernel<kActivation, kActivationRow, T>;
  } else {
    return joint_kernel<kTrigonometric, row_index(kTrigonometric, kJointRows[Joint]), T>;
  }
}

template <class T, int Index>
void pair_kernel(const void* const* in, void* out, int64_t n, uint32_t scalars) {
  constexpr RowPair kPair = pair_at(Index);
  constexpr const auto& first = row_at<kPair.first>(kArithmetic);
  constexpr const auto& second = row_at<kPair.second>(kArithmetic);
  const auto join = [](Pack<T> made, Pack<T> other) __attribute__((always_inline)) {
    return kPair.behind ? second.value(other, made) : second.value(made, other);
  };
  const Source<T> a(in[0], scalars & 1), c(in[2], scalars & 4);
  if constexpr (first.kArity == 1) {
    loop<T>(out, n, [&](Pack<T> x, Pack<T> z) __attribute__((always_inline)) { return join(first.value(x), z); }, a, c);
  } else {
    const Source<T> b(in[1], scalars & 2);
    loop<T>(
        out, n,
        [&](Pack<T> x, Pack<T> y, Pack<T> z) __attribute__((always_inline)) { return join(first.value(x, y), z); }, a,
        b, c);
  }
}

}  // namespace

const JoinedKernels& joined_table() {
  static const JoinedKernels table = [] {
    JoinedKernels t;
    [&]<int... Joint>(std::integer_sequence<int, Joint...>) {
      ((t.joint[Joint][0] = joint_entry<float, Joint>(), t.joint[Joint][1] = joint_entry<double, Joint>()), ...);
    }(std::make_integer_sequence<int, kJointCount>{});
    [&]<int... Index>(std::integer_sequence<int, Index...>) {
      ((t.pairs[Index][0] = pair_kernel<float, Index>, t.pairs[Index][1] = pair_kernel<double, Index>), ...);
    }(std::make_integer_sequence<int, kPairCount>{});
    return t;
  }();
  return table;
}

}  // namespace adcore::ADCORE_ISA
