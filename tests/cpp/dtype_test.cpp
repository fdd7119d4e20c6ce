// The table of dtypes and promotion, against the ranges that the C++ types have.
#include "base/dtype.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.h"

namespace adcore {
namespace {

constexpr DType kAll[] = {DType::Bool,     DType::UInt8,   DType::Int8,   DType::UInt16, DType::Int16,
                          DType::UInt32,   DType::Int32,   DType::UInt64, DType::Int64,  DType::Float16,
                          DType::BFloat16, DType::Float32, DType::Float64};

/// The integers that a type holds: [-2^negative, 2^positive) or [0, 2^positive).
struct Range {
  int negative, positive;
};
Range range_of(DType t) {
  const int bits = static_cast<int>(size_of(t)) * 8;
  if (t == DType::Bool) return {-1, 1};
  return info(t).kind == DTypeKind::UInt ? Range{-1, bits} : Range{bits - 1, bits - 1};
}
bool holds(DType t, DType part) {
  return range_of(t).negative >= range_of(part).negative && range_of(t).positive >= range_of(part).positive;
}

TEST_CASE("every dtype has a row of its own, in the order of the enum") {
  int i = 0;
  for (DType t : kAll) {
    CHECK(static_cast<int>(t) == i++);
    for (DType other : kAll) CHECK((t == other) == (std::strcmp(name_of(t), name_of(other)) == 0));
    CHECK(is_float(t) == (std::string(name_of(t)).find("Float") != std::string::npos));
    CHECK(is_integer(t) == (std::string(name_of(t)).find("Int") != std::string::npos));
  }
  CHECK(i == kDTypeCount);
  CHECK(size_of(DType::Float16) == 2);
  CHECK(size_of(DType::BFloat16) == 2);
  CHECK(size_of(DType::Bool) == 1);
}

TEST_CASE("a compute type holds every value of its dtypes, and is itself a storage type") {
  for (DType t : kAll) {
    const DType wide = storage_of(compute_of(t));
    CHECK(compute_of(wide) == compute_of(t));
    CHECK(size_of(wide) >= size_of(t));
    CHECK(is_float(wide) == is_float(t));
    if (!is_float(t)) CHECK(holds(wide, t));
  }
}

TEST_CASE("promotion: symmetric, idempotent, holds both or is the float") {
  for (DType a : kAll) {
    for (DType b : kAll) {
      INFO(std::string(name_of(a)), " with ", std::string(name_of(b)));
      const bool hopeless = (a == DType::UInt64 && info(b).kind == DTypeKind::Int) ||
                            (b == DType::UInt64 && info(a).kind == DTypeKind::Int);
      if (hopeless) {
        CHECK_THROWS_AS(promote(a, b), Error);
        continue;
      }
      const DType t = promote(a, b);
      CHECK(t == promote(b, a));
      CHECK(promote(t, a) == t);
      if (a == b) CHECK(t == a);
      if (is_float(a) || is_float(b)) {
        CHECK(is_float(t));
        if (!is_float(a)) CHECK(t == b);  // an integer never widens a float
        if (is_float(a) && is_float(b)) CHECK(size_of(t) >= std::max(size_of(a), size_of(b)));
      } else {
        CHECK(!is_float(t));
        CHECK(holds(t, a));
        CHECK(holds(t, b));
        // No smaller type would do.
        for (DType smaller : kAll)
          if (!is_float(smaller) && size_of(smaller) < size_of(t)) CHECK(!(holds(smaller, a) && holds(smaller, b)));
      }
    }
  }
  CHECK(promote(DType::Float16, DType::BFloat16) == DType::Float32);
}

}  // namespace
}  // namespace adcore
