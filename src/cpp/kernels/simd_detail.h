// What simd.h needs of each instruction set for every lane type: types, masked memory, integer division.
// simd_float.h has what floats need besides. Not for use elsewhere.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "kernels/isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#else
#error "no packs for this processor: see simd_detail.h and simd_float.h for what it would need"
#endif

namespace adcore::ADCORE_ISA::detail {

template <class E, int kBytes>
struct VectorOf {
  typedef E Type __attribute__((vector_size(kBytes)));
};

template <class T>
struct Lane {
  static constexpr int kLanes = kSimdBytes / static_cast<int>(sizeof(T));
  using Int = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  using Word = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  using Vec = typename VectorOf<T, kSimdBytes>::Type;
  using IntVec = typename VectorOf<Int, kSimdBytes>::Type;
  using WordVec = typename VectorOf<Word, kSimdBytes>::Type;
  using ByteVec = typename VectorOf<uint8_t, kLanes>::Type;
  using Arith = std::conditional_t<std::is_floating_point_v<T>, Vec, WordVec>;
};

#if defined(__AVX512F__)
// For masked intrinsics with a full mask: the same instruction as the plain form, in which GCC 12 warns of an
// uninitialised variable.
inline constexpr __mmask16 kAll16 = 0xffff;
inline constexpr __mmask8 kAll8 = 0xff;
#endif

using F32 = Lane<float>::Vec;
using F64 = Lane<double>::Vec;

#if defined(__FMA__) || defined(__aarch64__)
inline constexpr bool kHasFma = true;
#else
inline constexpr bool kHasFma = false;
#endif

template <class T, class C>
[[gnu::always_inline]] inline typename Lane<T>::Vec broadcast(C c) {
  T value;
  if constexpr (std::is_unsigned_v<T> && std::is_floating_point_v<C>) {
    value = c < 0 ? static_cast<T>(static_cast<int64_t>(c)) : static_cast<T>(c);
  } else {
    value = static_cast<T>(c);
  }
  return value - typename Lane<T>::Vec{};  // x - 0 is x, -0 included
}

template <class V, class W, int... kIndex>
[[gnu::always_inline]] inline V swap_lanes(V v, W, std::integer_sequence<int, kIndex...>) {
  return __builtin_shufflevector(v, v, (kIndex ^ W::value)...);
}

template <class P, int kHalf = P::kLanes / 2, class F>
[[gnu::always_inline]] inline typename P::Scalar reduce(P x, F combine) {
  if constexpr (kHalf == 0) {
    return x.v[0];
  } else {
    using Lanes = std::make_integer_sequence<int, P::kLanes>;
    const P other(swap_lanes(x.v, std::integral_constant<int, kHalf>(), Lanes()));
    return reduce<P, kHalf / 2>(combine(x, other), combine);
  }
}

template <class V>
[[gnu::always_inline]] inline bool any_lane(V v) {
#if defined(__AVX512F__)
  const auto bits = reinterpret_cast<__m512i>(v);
  return _mm512_test_epi64_mask(bits, bits) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_epi8(reinterpret_cast<__m256i>(v)) != 0;
#elif defined(__SSE2__)
  return _mm_movemask_epi8(reinterpret_cast<__m128i>(v)) != 0;
#else
  return vmaxvq_u32(reinterpret_cast<uint32x4_t>(v)) != 0;
#endif
}

/// One byte per lane, zero-extended. (GCC 12 makes its own conversion out of scalar inserts.)
template <class IntVec, class ByteVec>
[[gnu::always_inline]] inline IntVec widen_bytes(ByteVec bytes) {
#if defined(__AVX2__)
  __m128i wide{};
  std::memcpy(&wide, &bytes, sizeof bytes);
  constexpr bool kFour = sizeof(IntVec) == 4 * sizeof(ByteVec);
#if defined(__AVX512F__)
  if constexpr (kFour) return reinterpret_cast<IntVec>(_mm512_maskz_cvtepu8_epi32(kAll16, wide));
  if constexpr (!kFour) return reinterpret_cast<IntVec>(_mm512_maskz_cvtepu8_epi64(kAll8, wide));
#else
  if constexpr (kFour) return reinterpret_cast<IntVec>(_mm256_cvtepu8_epi32(wide));
  if constexpr (!kFour) return reinterpret_cast<IntVec>(_mm256_cvtepu8_epi64(wide));
#endif
#else
  return __builtin_convertvector(bytes, IntVec);
#endif
}

// ---- part of a register -------------------------------------------------------------------------------------------

#if defined(__AVX512F__)

template <class T>
[[gnu::always_inline]] inline typename Lane<T>::Vec load_part(const T* p, int n) {
  if constexpr (sizeof(T) == 4) {
    return reinterpret_cast<typename Lane<T>::Vec>(_mm512_maskz_loadu_epi32(static_cast<__mmask16>((1u << n) - 1), p));
  } else {
    return reinterpret_cast<typename Lane<T>::Vec>(_mm512_maskz_loadu_epi64(static_cast<__mmask8>((1u << n) - 1), p));
  }
}
template <class T>
[[gnu::always_inline]] inline void store_part(T* p, typename Lane<T>::Vec v, int n) {
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_epi32(p, static_cast<__mmask16>((1u << n) - 1), reinterpret_cast<__m512i>(v));
  } else {
    _mm512_mask_storeu_epi64(p, static_cast<__mmask8>((1u << n) - 1), reinterpret_cast<__m512i>(v));
  }
}

#elif defined(__AVX2__)

template <class T>
[[gnu::always_inline]] inline __m256i first_lanes(int n) {
  if constexpr (sizeof(T) == 4) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  } else {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
  }
}
template <class T>
[[gnu::always_inline]] inline typename Lane<T>::Vec load_part(const T* p, int n) {
  if constexpr (sizeof(T) == 4) {
    return reinterpret_cast<typename Lane<T>::Vec>(
        _mm256_maskload_ps(reinterpret_cast<const float*>(p), first_lanes<T>(n)));
  } else {
    return reinterpret_cast<typename Lane<T>::Vec>(
        _mm256_maskload_pd(reinterpret_cast<const double*>(p), first_lanes<T>(n)));
  }
}
template <class T>
[[gnu::always_inline]] inline void store_part(T* p, typename Lane<T>::Vec v, int n) {
  if constexpr (sizeof(T) == 4) {
    _mm256_maskstore_ps(reinterpret_cast<float*>(p), first_lanes<T>(n), reinterpret_cast<__m256>(v));
  } else {
    _mm256_maskstore_pd(reinterpret_cast<double*>(p), first_lanes<T>(n), reinterpret_cast<__m256d>(v));
  }
}

#else

template <class T>
[[gnu::always_inline]] inline typename Lane<T>::Vec load_part(const T* p, int n) {
  typename Lane<T>::Vec v{};
  v[0] = p[0];
  if constexpr (Lane<T>::kLanes == 4) {
    if (n > 1) v[1] = p[1];
    if (n > 2) v[2] = p[2];
  }
  return v;
}
template <class T>
[[gnu::always_inline]] inline void store_part(T* p, typename Lane<T>::Vec v, int n) {
  p[0] = v[0];
  if constexpr (Lane<T>::kLanes == 4) {
    if (n > 1) p[1] = v[1];
    if (n > 2) p[2] = v[2];
  }
}

#endif

// ---- one lane: division with a floor ------------------------------------------------------------------------------

template <class T>
[[gnu::always_inline]] inline T divide(T a, T b) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return static_cast<T>(0 - static_cast<uint64_t>(a));
  }
  return a / b;
}

[[gnu::always_inline]] inline float fmod(float a, float b) { return __builtin_fmodf(a, b); }
[[gnu::always_inline]] inline double fmod(double a, double b) { return __builtin_fmod(a, b); }

/// The remainder of the truncated division moved to the sign of b; NumPy's definition for floats.
template <class T>
[[gnu::always_inline]] inline T floor_mod(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    const T m = fmod(a, b);
    if (b == 0 || m != m) return m;
    if (m == 0) return static_cast<T>(__builtin_copysign(0.0, static_cast<double>(b)));
    return (b < 0) != (m < 0) ? m + b : m;
  } else if constexpr (std::is_signed_v<T>) {
    if (b == 0 || b == -1) return 0;
    const T m = a % b;
    return m != 0 && (m < 0) != (b < 0) ? m + b : m;
  } else {
    return b == 0 ? 0 : a % b;
  }
}

template <class T>
[[gnu::always_inline]] inline T floor_divide(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (b == 0) return a / b;
    const T m = fmod(a, b);
    const bool move = m != 0 && (b < 0) != (m < 0);
    const T q = (a - m) / b - (move ? T(1) : T(0));  // an integer up to rounding
    if (q == 0) return static_cast<T>(__builtin_copysign(0.0, static_cast<double>(a / b)));
    const T r = static_cast<T>(__builtin_floor(static_cast<double>(q)));
    return q - r > T(0.5) ? r + 1 : r;
  } else if constexpr (std::is_signed_v<T>) {
    const T q = divide(a, b);
    return b != 0 && b != -1 && a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
  } else {
    return divide(a, b);
  }
}

}  // namespace adcore::ADCORE_ISA::detail
