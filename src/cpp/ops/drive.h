// The driver of straight loops: brings any operands (strided, broadcast, of another dtype) to kernels that read
// contiguous arrays of a compute type, block by block.
#pragma once

#include "base/function_ref.h"
#include "core/tensor.h"
#include "kernels/kernels.h"

namespace adcore {

inline constexpr int kMaxLanes = kMaxArity + 2;  // operands, a cotangent and a result
inline constexpr int64_t kChunkElements =
    64 * 1024;  // for one thread at a time: fixed, so that chunks depend on the shape alone

/// A kernel on one block; bit k of `scalars`: in[k] is one element.
using BlockFn = FunctionRef<void(const void* const* in, void* out, int64_t n, uint32_t scalars)>;

/// Calls fn on blocks that cover `out`, which is contiguous. Null operands are passed on as null. `block_out` is what
/// fn writes: the storage type of `compute`, or Bool. `out` may lie over an operand of its shape and dtype.
void run_blocks(const Tensor* const* operands, int count, Tensor& out, Compute compute, DType block_out, BlockFn fn);

/// Floats that kernels compute in as they are stored.
inline bool computes_in_place(DType t) noexcept { return t == DType::Float32 || t == DType::Float64; }

}  // namespace adcore
