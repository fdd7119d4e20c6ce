// The partials of the rows of formulas.h: how a cotangent or a tangent passes through one.
#pragma once

#include <cstdint>
#include <optional>

#include "core/op.h"
#include "kernels/formulas.h"

namespace adcore {

/// The partial of one input of a row.
struct PartialRule {
  enum class Kind : uint8_t {
    Zero,
    One,
    MinusOne,
    Value,   // it is one of the values that it needs, as it stands: the product is the op mul
    Kernel,  // kernels().elementwise[row].partial[input] computes g times it
  };
  Kind kind = Kind::Zero;
  uint32_t needs = 0;  // bits of Need
  /// g times the partial, written with ops; the values that it needs in the order A, B, C, Y. Undefined: zero.
  Tensor (*symbolic)(const Tensor& g, const Tensor* const* values) = nullptr;
};

const PartialRule& partial_rule(int row, int input) noexcept;

/// g times a partial: one op, the same for whoever watches. values as for PartialRule::symbolic. g may be written over:
/// this is the last use of it. Undefined: zero.
Tensor times_partial(int row, int input, Tensor&& g, const Tensor* const* values);

/// Which partial a call of an op multiplies its first operand with, where it is one that times_partial() makes. The
/// other operands are what the partial needs, in the order A, B, C, Y.
struct PartialOf {
  int row, input;
};
std::optional<PartialOf> partial_of(const Op& op, Attrs attrs) noexcept;

/// True for a row whose first operand is a condition: read as bool, whatever its dtype.
bool takes_condition(int row) noexcept;

}  // namespace adcore
