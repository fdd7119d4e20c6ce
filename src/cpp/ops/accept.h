// What the ops ask of a call from a file (Op::accepts), and the lists of the ops.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/op.h"

namespace adcore {

// ---- questions ----------------------------------------------------------------------------------------------------

/// So many operands, and the words of an A.
template <class A>
bool has(const Call& call, int operands) noexcept {
  return call.count == operands && call.attrs.count() == static_cast<int>(sizeof(A) / sizeof(int64_t));
}
/// So many operands, and no attributes.
inline bool has_none(const Call& call, int operands) noexcept {
  return call.count == operands && call.attrs.count() == 0;
}

inline bool is_flag(int64_t word) noexcept { return word == 0 || word == 1; }
inline bool in_range(int64_t word, int64_t low, int64_t high) noexcept { return word >= low && word <= high; }
inline bool is_dtype(int64_t word) noexcept { return in_range(word, 0, kDTypeCount - 1); }
/// An axis; of a tensor without axes the word may be 0 too.
inline bool is_axis(int64_t word, const Tensor& t) noexcept {
  return in_range(word, 0, t.rank() > 0 ? t.rank() - 1 : 0);
}
/// Axes of t as bits.
inline bool is_mask(int64_t word, const Tensor& t) noexcept { return in_range(word, 0, (int64_t{1} << t.rank()) - 1); }
/// What words of a size, a step or a distance may be, so that products of a few of them fit.
inline constexpr int64_t kLargestSize = int64_t{1} << 40;
inline bool is_size(int64_t word) noexcept { return in_range(word, 0, kLargestSize); }
inline bool is_step(int64_t word) noexcept { return in_range(word, 1, kLargestSize); }
/// The shape of a tensor that there may be.
bool is_shape(const DimsAttr& a) noexcept;
bool is_shape_of(const DimsAttr& a, const Dims& shape) noexcept;
/// A text that ends inside of its words.
template <size_t kSize>
bool ends(const char (&text)[kSize]) noexcept {
  return std::memchr(text, 0, kSize) != nullptr;
}

// ---- places -------------------------------------------------------------------------------------------------------

/// The call that checks places: the op, whose operand is the index, and its attributes.
struct IndexCheck {
  const Op& op;
  int64_t words[5];

  Attrs attrs() const noexcept { return {words, 5}; }
};
IndexCheck check_of_index(const char* who, int64_t size);
/// Of such a call: all elements of its output are below.
std::optional<int64_t> size_checked(const Op& op, Attrs attrs) noexcept;

// ---- lists --------------------------------------------------------------------------------------------------------

using OpList = std::vector<const Op*>;
/// Each adds the ops of its file.
void list_shape_ops(OpList& list);
void list_region_ops(OpList& list);
void list_elementwise_ops(OpList& list);
void list_partial_ops(OpList& list);
void list_reduce_ops(OpList& list);
void list_scan_ops(OpList& list);
void list_softmax_ops(OpList& list);
void list_loss_ops(OpList& list);
void list_norm_ops(OpList& list);
void list_matmul_ops(OpList& list);
void list_conv_ops(OpList& list);
void list_pool_ops(OpList& list);
void list_recurrent_ops(OpList& list);
void list_linalg_ops(OpList& list);
void list_spectral_ops(OpList& list);
void list_index_ops(OpList& list);
void list_coordinate_ops(OpList& list);
void list_sort_ops(OpList& list);
void list_random_ops(OpList& list);
void list_optimizer_ops(OpList& list);

/// Every op that a trace may record, but for those of loops (jit/loop.h) and of the passes (ops/fused.h).
const OpList& all_ops();
/// The op that is called so; null where none is.
const Op* op_named(std::string_view name);

}  // namespace adcore
