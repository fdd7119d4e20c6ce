// Kernels that do the work of two rows, for chains (ops/chain.h): what they have in common is computed once, and what
// the first makes for the second stays in a register. The bits are those of both alone, but for the sign of a NaN.
//
// Their table is one of its own, beside that of kernels.h: few files see it.
#pragma once

#include <string_view>

#include "kernels/formulas/arithmetic.h"
#include "kernels/kernels.h"

namespace adcore {

/// The row of a family, or of all, that is called `name`, or -1.
template <class Rows>
constexpr int row_index(const Rows& rows, std::string_view name) {
  int found = -1, i = 0;
  rows.apply([&](const auto&... row) { ((row.name() == name ? found = i : 0, ++i), ...); });
  return found;
}

// ---- joint: value and slope ---------------------------------------------------------------------------------------

/// Rows of one operand whose value and partial share most of their work, an exponential above all.
inline constexpr std::string_view kJointRows[] = {"tanh", "sigmoid", "silu", "mish", "_gelu", "_gelu_tanh"};
inline constexpr int kJointCount = sizeof kJointRows / sizeof *kJointRows;

/// value[i] = f(in[i]), slope[i] = its partial: what map and partial give for g = 1. Bit 0 of `scalars` as for MapFn.
/// Either output may be the input.
using JointFn = void (*)(const void* in, void* value, void* slope, int64_t n, uint32_t scalars);

// ---- pairs: second(first(a, b), c), or second(c, first(a, b)) -----------------------------------------------------

struct RowPair {
  int first, second;  // of kArithmetic, the first family of kFormulas
  bool behind;        // what the first makes is the last operand of the second
};

namespace pairs {
inline constexpr int kFirsts[] = {row_index(kArithmetic, "mul"), row_index(kArithmetic, "add"),
                                  row_index(kArithmetic, "sub"), row_index(kArithmetic, "neg")};
inline constexpr int kSeconds[] = {row_index(kArithmetic, "mul"), row_index(kArithmetic, "add"),
                                   row_index(kArithmetic, "sub")};
inline constexpr int kFirstCount = sizeof kFirsts / sizeof *kFirsts, kSecondCount = sizeof kSeconds / sizeof *kSeconds;

constexpr int find(const int* rows, int count, int row) {
  for (int i = 0; i < count; ++i)
    if (rows[i] == row) return i;
  return -1;
}
}  // namespace pairs

inline constexpr int kPairCount = 2 * pairs::kFirstCount * pairs::kSecondCount;

constexpr RowPair pair_at(int index) {
  const int rows = index / 2;
  return {pairs::kFirsts[rows / pairs::kSecondCount], pairs::kSeconds[rows % pairs::kSecondCount], index % 2 == 1};
}
/// The number of a pair of rows of kFormulas, or -1.
constexpr int pair_index(int first, int second, bool behind) {
  const int f = pairs::find(pairs::kFirsts, pairs::kFirstCount, first);
  const int s = pairs::find(pairs::kSeconds, pairs::kSecondCount, second);
  return f < 0 || s < 0 ? -1 : 2 * (f * pairs::kSecondCount + s) + behind;
}

// ---- the table ----------------------------------------------------------------------------------------------------

struct JoinedKernels {
  JointFn joint[kJointCount][2];  // F32, F64
  MapFn pairs[kPairCount][2];     // in[0] and in[1] as the first row has them, in[2] is the second's other operand
};
/// Those beside a table of all_kernels(), or beside the one in use.
const JoinedKernels& joined_kernels(const Kernels& beside) noexcept;
namespace detail {
extern const JoinedKernels* const chosen_joined_kernels;
}
inline const JoinedKernels& joined_kernels() noexcept { return *detail::chosen_joined_kernels; }

}  // namespace adcore
