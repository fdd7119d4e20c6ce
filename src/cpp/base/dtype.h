// Element types: names, sizes, kinds and promotion. Half precision is storage only; it computes in float32.
#pragma once

#include <cstddef>
#include <cstdint>

namespace adcore {

enum class DType : uint8_t {
  Bool,
  UInt8,
  Int8,
  UInt16,
  Int16,
  UInt32,
  Int32,
  UInt64,
  Int64,
  Float16,
  BFloat16,
  Float32,
  Float64,
};
inline constexpr int kDTypeCount = 13;

enum class DTypeKind : uint8_t { Bool, UInt, Int, Float };

/// The four types that kernels compute in; every DType is loaded into one of them.
enum class Compute : uint8_t { F32, F64, I64, U64 };
inline constexpr int kComputeCount = 4;

struct DTypeInfo {
  const char* name;    // as MindSpore prints it: Float32
  const char* python;  // attribute of the package and NumPy's name: float32
  uint8_t size;        // bytes
  DTypeKind kind;
  Compute compute;
};

// In the order of DType.
inline constexpr DTypeInfo kDTypes[kDTypeCount] = {
    {"Bool", "bool_", 1, DTypeKind::Bool, Compute::U64},
    {"UInt8", "uint8", 1, DTypeKind::UInt, Compute::U64},
    {"Int8", "int8", 1, DTypeKind::Int, Compute::I64},
    {"UInt16", "uint16", 2, DTypeKind::UInt, Compute::U64},
    {"Int16", "int16", 2, DTypeKind::Int, Compute::I64},
    {"UInt32", "uint32", 4, DTypeKind::UInt, Compute::U64},
    {"Int32", "int32", 4, DTypeKind::Int, Compute::I64},
    {"UInt64", "uint64", 8, DTypeKind::UInt, Compute::U64},
    {"Int64", "int64", 8, DTypeKind::Int, Compute::I64},
    {"Float16", "float16", 2, DTypeKind::Float, Compute::F32},
    {"BFloat16", "bfloat16", 2, DTypeKind::Float, Compute::F32},
    {"Float32", "float32", 4, DTypeKind::Float, Compute::F32},
    {"Float64", "float64", 8, DTypeKind::Float, Compute::F64},
};

constexpr const DTypeInfo& info(DType t) { return kDTypes[static_cast<int>(t)]; }
constexpr size_t size_of(DType t) { return info(t).size; }
constexpr const char* name_of(DType t) { return info(t).name; }
constexpr bool is_float(DType t) { return info(t).kind == DTypeKind::Float; }
constexpr bool is_integer(DType t) { return info(t).kind == DTypeKind::Int || info(t).kind == DTypeKind::UInt; }
constexpr Compute compute_of(DType t) { return info(t).compute; }

/// The storage type that equals a compute type bit for bit.
constexpr DType storage_of(Compute c) {
  constexpr DType kStorage[kComputeCount] = {DType::Float32, DType::Float64, DType::Int64, DType::UInt64};
  return kStorage[static_cast<int>(c)];
}

/// True where an integer type holds the value; true for every float type.
constexpr bool holds(DType t, int64_t value) {
  if (is_float(t) || t == DType::Bool || t == DType::Int64) return true;
  if (t == DType::UInt64) return value >= 0;
  const int bits = 8 * info(t).size;
  const int64_t low = info(t).kind == DTypeKind::UInt ? 0 : -(int64_t{1} << (bits - 1));
  const int64_t high = info(t).kind == DTypeKind::UInt ? (int64_t{1} << bits) - 1 : (int64_t{1} << (bits - 1)) - 1;
  return low <= value && value <= high;
}

/// The type of cotangents and tangents of a value: its own, or for integers and bool, which cannot hold them, the
/// default float.
constexpr DType derivative_dtype(DType t) { return is_float(t) ? t : DType::Float32; }

/// The common type of two tensors of types a and b. Throws a TypeError where none holds both (uint64 with a signed
/// integer).
DType promote(DType a, DType b);

}  // namespace adcore
