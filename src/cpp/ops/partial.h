// What the reverse rule of an elementwise op comes to, for sweeps that run many statements in one go.
#pragma once

#include <cstdint>

#include "kernels/formulas.h"

namespace adcore {

/// The partial of one input of a row. Kernel: kernels().elementwise[row].partial[input] computes g times it.
struct PartialRule {
  enum class Kind : uint8_t { Zero, One, MinusOne, Kernel };
  Kind kind = Kind::Zero;
  uint32_t needs = 0;  // bits of Need
};

PartialRule partial_rule(int row, int input) noexcept;

/// True for a row whose first operand is a condition: read as bool, whatever its dtype.
bool takes_condition(int row) noexcept;

}  // namespace adcore
