// What passes over programs know of products: the ops, and the words of their attributes.
#pragma once

#include "core/op.h"

namespace adcore {

/// Operands that are read with their last two axes exchanged. A vector is a row on the left and a column on the right,
/// and has no axis in the result there; a turned one is the other way round and keeps its axis. So an outer product is
/// one of two turned vectors, and every rule is again one product.
struct MatmulAttr {
  int64_t a_turned = 0, b_turned = 0;
  /// Not 0: the rows of the left operand are those of the members of a batch, so many each, which round as they do
  /// alone.
  int64_t member_rows = 0;
};
const Op& matmul_op() noexcept;

struct DenseAttr {
  int64_t member_rows = 0;  // as in MatmulAttr
};
const Op& dense_op() noexcept;

/// Operands: a matrix, and two stacks of matrices, read as those of a product. The products of the matrices of both
/// stacks are added to the first operand one after the other, each rounded as it is alone: what a loop does that adds
/// them up. Stands in programs that have been compiled; float32 and float64.
struct MatmulSumAttr {
  int64_t a_turned = 0, b_turned = 0;
  int64_t reverse = 0;  // the last product is added first
};
const Op& matmul_sum_op() noexcept;

}  // namespace adcore
