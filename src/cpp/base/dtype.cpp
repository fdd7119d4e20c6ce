#include "base/dtype.h"

#include "base/error.h"

namespace adcore {

DType promote(DType a, DType b) {
  if (a == b) return a;
  const DTypeInfo &x = info(a), &y = info(b);
  if (x.kind == DTypeKind::Bool) return b;
  if (y.kind == DTypeKind::Bool) return a;
  if (x.kind == DTypeKind::Float || y.kind == DTypeKind::Float) {
    if (x.kind != y.kind) return x.kind == DTypeKind::Float ? a : b;  // an integer never widens a float
    if (x.size != y.size) return x.size > y.size ? a : b;
    return DType::Float32;  // float16 with bfloat16
  }
  if (x.kind == y.kind) return x.size > y.size ? a : b;
  const DTypeInfo& u = x.kind == DTypeKind::UInt ? x : y;
  const DTypeInfo& s = x.kind == DTypeKind::UInt ? y : x;
  switch (u.size < s.size ? s.size : 2 * u.size) {
    case 2: return DType::Int16;
    case 4: return DType::Int32;
    case 8: return DType::Int64;
    default: break;
  }
  fail(ErrorKind::Type, "no integer type holds both ", x.name, " and ", y.name, "; cast one of the operands.");
}

}  // namespace adcore
