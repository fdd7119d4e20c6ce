// Blocks: any dtype at any stride to and from a contiguous array of a compute type. Every conversion of the library is
// one of these two steps or both (copy.cpp); other kernels bring operands that they cannot read directly here first.
//
// Conversions are those of CopyArgs. A negative float becomes an unsigned integer as its int64 would, by wrapping: -1.0
// is 255 as uint8. Floats round to nearest even, once in each step: copy.cpp chooses the step so that a copy rounds
// once.
#pragma once

#include "kernels/isa.h"

namespace adcore::ADCORE_ISA {

/// dst[i] = convert(src[i * stride]) for i in [0, n); the stride counts elements and may be 0 or negative. dst is
/// contiguous, of the compute type `to`.
void load_block(const void* src, int64_t stride, DType src_dtype, Compute to, void* dst, int64_t n);

/// dst[i] = convert(src[i]) for i in [0, n); both contiguous, src of the compute type `from`.
void store_block(const void* src, Compute from, void* dst, DType dst_dtype, int64_t n);

}  // namespace adcore::ADCORE_ISA
