// The namespace of the instruction set that this translation unit is compiled for. ADCORE_ISA comes from the build.
//
// Code that is compiled once per instruction set must not leave a symbol that another translation unit could pick up:
// an AVX-512 copy of an inline function would end up in the baseline path. So every function here lives in this
// namespace, and nothing from the standard library is used that is not certain to be inlined
// (tests/cpp checks the object files).
#pragma once

#include "kernels/kernels.h"

#ifndef ADCORE_ISA
#error "compile kernels with -DADCORE_ISA=<name>"
#endif

#if defined(__AVX512F__)
#define ADCORE_SIMD_BYTES 64
#elif defined(__AVX2__)
#define ADCORE_SIMD_BYTES 32
#else
#define ADCORE_SIMD_BYTES 16
#endif

namespace adcore::ADCORE_ISA {

inline constexpr int kSimdBytes = ADCORE_SIMD_BYTES;

void install_elementwise(Kernels& table);
void install_copy(Kernels& table);
void install_index(Kernels& table);
void install_reduce(Kernels& table);
void install_scan(Kernels& table);
void install_softmax(Kernels& table);
void install_loss(Kernels& table);
void install_gemm(Kernels& table);
void install_factor(Kernels& table);
void install_conv(Kernels& table);
void install_pool(Kernels& table);
void install_normalization(Kernels& table);
void install_recurrent(Kernels& table);
void install_random(Kernels& table);
void install_optim(Kernels& table);

}  // namespace adcore::ADCORE_ISA
