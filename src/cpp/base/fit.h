// Whether a real number has a place in an integer type.
#pragma once

#include "base/dtype.h"

namespace adcore {

/// True where an integer type holds the value without its fraction, NaN never; true for every other type.
constexpr bool holds_truncated(DType t, double value) {
  if (!is_integer(t)) return true;
  if (t == DType::UInt64) return value > -1 && value < 0x1p64;
  return value >= -0x1p63 && value < 0x1p63 && holds(t, static_cast<int64_t>(value));
}

}  // namespace adcore
