#include "base/shape.h"

#include <algorithm>

namespace adcore {

std::string to_string(const Dims& dims) {
  std::string out = "(";
  for (int i = 0; i < dims.size(); ++i) {
    if (i) out += ", ";
    out += std::to_string(dims[i]);
  }
  return out + (dims.size() == 1 ? ",)" : ")");
}

int64_t count(const Dims& shape) {
  int64_t n = 1;
  bool empty = false, overflow = false;
  for (int64_t d : shape) {
    if (d < 0) fail(ErrorKind::Value, "sizes must not be negative, got the shape ", to_string(shape), ".");
    empty |= d == 0;
    overflow |= !empty && __builtin_mul_overflow(n, d, &n);
  }
  if (empty) return 0;
  if (overflow) fail(ErrorKind::Memory, "the shape ", to_string(shape), " has more elements than memory can hold.");
  return n;
}

Dims contiguous_strides(const Dims& shape) noexcept {
  Dims strides = shape;
  int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    strides[i] = step;
    // Where another size is 0 the product may not fit; those strides are never used.
    if (__builtin_mul_overflow(step, std::max<int64_t>(shape[i], 1), &step)) step = 1;
  }
  return strides;
}

int checked_axis(const char* op, int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    fail(ErrorKind::Value, op, ": axis ", axis, " is out of range for a tensor of ", rank, " dimensions.");
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Dims broadcast(const char* op, const Dims& a, const Dims& b) {
  const Dims& longer = a.size() >= b.size() ? a : b;
  const Dims& shorter = a.size() >= b.size() ? b : a;
  Dims out = longer;
  const int skip = longer.size() - shorter.size();
  for (int i = 0; i < shorter.size(); ++i) {
    const int64_t x = longer[i + skip], y = shorter[i];
    if (x == y || y == 1) continue;
    if (x != 1) {
      fail(ErrorKind::Value, op, ": shapes do not broadcast, ", to_string(a), " and ", to_string(b), ".");
    }
    out[i + skip] = y;
  }
  return out;
}

}  // namespace adcore
