// What simd.h needs of each instruction set for floats: rounding, square root, fused multiply-add, minimum, conversion.
// Not for use elsewhere.
#pragma once

#include "kernels/simd_detail.h"

namespace adcore::ADCORE_ISA::detail {

#if defined(__AVX512F__)

[[gnu::always_inline]] inline F32 sqrt(F32 x) { return _mm512_maskz_sqrt_ps(kAll16, x); }
[[gnu::always_inline]] inline F64 sqrt(F64 x) { return _mm512_maskz_sqrt_pd(kAll8, x); }
[[gnu::always_inline]] inline F32 fma(F32 a, F32 b, F32 c) { return _mm512_fmadd_ps(a, b, c); }
[[gnu::always_inline]] inline F64 fma(F64 a, F64 b, F64 c) { return _mm512_fmadd_pd(a, b, c); }
[[gnu::always_inline]] inline F32 floor(F32 x) {
  return _mm512_maskz_roundscale_ps(kAll16, x, _MM_FROUND_TO_NEG_INF | 8);
}
[[gnu::always_inline]] inline F64 floor(F64 x) {
  return _mm512_maskz_roundscale_pd(kAll8, x, _MM_FROUND_TO_NEG_INF | 8);
}
[[gnu::always_inline]] inline F32 ceil(F32 x) {
  return _mm512_maskz_roundscale_ps(kAll16, x, _MM_FROUND_TO_POS_INF | 8);
}
[[gnu::always_inline]] inline F64 ceil(F64 x) {
  return _mm512_maskz_roundscale_pd(kAll8, x, _MM_FROUND_TO_POS_INF | 8);
}
[[gnu::always_inline]] inline F32 trunc(F32 x) { return _mm512_maskz_roundscale_ps(kAll16, x, _MM_FROUND_TO_ZERO | 8); }
[[gnu::always_inline]] inline F64 trunc(F64 x) { return _mm512_maskz_roundscale_pd(kAll8, x, _MM_FROUND_TO_ZERO | 8); }
[[gnu::always_inline]] inline F32 round(F32 x) {
  return _mm512_maskz_roundscale_ps(kAll16, x, _MM_FROUND_TO_NEAREST_INT | 8);
}
[[gnu::always_inline]] inline F64 round(F64 x) {
  return _mm512_maskz_roundscale_pd(kAll8, x, _MM_FROUND_TO_NEAREST_INT | 8);
}
[[gnu::always_inline]] inline F32 min_x86(F32 a, F32 b) { return _mm512_maskz_min_ps(kAll16, a, b); }
[[gnu::always_inline]] inline F64 min_x86(F64 a, F64 b) { return _mm512_maskz_min_pd(kAll8, a, b); }
[[gnu::always_inline]] inline F32 max_x86(F32 a, F32 b) { return _mm512_maskz_max_ps(kAll16, a, b); }
[[gnu::always_inline]] inline F64 max_x86(F64 a, F64 b) { return _mm512_maskz_max_pd(kAll8, a, b); }

#elif defined(__AVX2__)

[[gnu::always_inline]] inline F32 sqrt(F32 x) { return _mm256_sqrt_ps(x); }
[[gnu::always_inline]] inline F64 sqrt(F64 x) { return _mm256_sqrt_pd(x); }
[[gnu::always_inline]] inline F32 fma(F32 a, F32 b, F32 c) { return _mm256_fmadd_ps(a, b, c); }
[[gnu::always_inline]] inline F64 fma(F64 a, F64 b, F64 c) { return _mm256_fmadd_pd(a, b, c); }
[[gnu::always_inline]] inline F32 floor(F32 x) { return _mm256_floor_ps(x); }
[[gnu::always_inline]] inline F64 floor(F64 x) { return _mm256_floor_pd(x); }
[[gnu::always_inline]] inline F32 ceil(F32 x) { return _mm256_ceil_ps(x); }
[[gnu::always_inline]] inline F64 ceil(F64 x) { return _mm256_ceil_pd(x); }
[[gnu::always_inline]] inline F32 trunc(F32 x) { return _mm256_round_ps(x, _MM_FROUND_TO_ZERO | 8); }
[[gnu::always_inline]] inline F64 trunc(F64 x) { return _mm256_round_pd(x, _MM_FROUND_TO_ZERO | 8); }
[[gnu::always_inline]] inline F32 round(F32 x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | 8); }
[[gnu::always_inline]] inline F64 round(F64 x) { return _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | 8); }
[[gnu::always_inline]] inline F32 min_x86(F32 a, F32 b) { return _mm256_min_ps(a, b); }
[[gnu::always_inline]] inline F64 min_x86(F64 a, F64 b) { return _mm256_min_pd(a, b); }
[[gnu::always_inline]] inline F32 max_x86(F32 a, F32 b) { return _mm256_max_ps(a, b); }
[[gnu::always_inline]] inline F64 max_x86(F64 a, F64 b) { return _mm256_max_pd(a, b); }

#elif defined(__SSE2__)

[[gnu::always_inline]] inline F32 sqrt(F32 x) { return _mm_sqrt_ps(x); }
[[gnu::always_inline]] inline F64 sqrt(F64 x) { return _mm_sqrt_pd(x); }
[[gnu::always_inline]] inline F32 min_x86(F32 a, F32 b) { return _mm_min_ps(a, b); }
[[gnu::always_inline]] inline F64 min_x86(F64 a, F64 b) { return _mm_min_pd(a, b); }
[[gnu::always_inline]] inline F32 max_x86(F32 a, F32 b) { return _mm_max_ps(a, b); }
[[gnu::always_inline]] inline F64 max_x86(F64 a, F64 b) { return _mm_max_pd(a, b); }

template <class V>
[[gnu::always_inline]] inline V fma(V a, V b, V c) {
  return a * b + c;
}

// SSE2 cannot round. Adding and subtracting 2^(mantissa bits), with the sign of x, leaves the nearest integer, half to
// even; what is as large already (or NaN) is itself. The sign is put back, so that -0.3 gives -0.
template <class V>
[[gnu::always_inline]] inline V round(V x) {
  using T = std::remove_reference_t<decltype(x[0])>;
  using Word = typename Lane<T>::WordVec;
  const Word sign = reinterpret_cast<Word>(x) & reinterpret_cast<Word>(broadcast<T>(-0.0));
  constexpr T kMagic = 1 / std::numeric_limits<T>::epsilon();
  const V magic = broadcast<T>(kMagic);
  const V magnitude = reinterpret_cast<V>(reinterpret_cast<Word>(x) ^ sign);
  const V rounded = reinterpret_cast<V>(reinterpret_cast<Word>((magnitude + magic) - magic) | sign);
  return magnitude < magic ? rounded : x;
}
template <class V>
[[gnu::always_inline]] inline V with_sign_of(V a, V x) {
  using T = std::remove_reference_t<decltype(x[0])>;
  using Word = typename Lane<T>::WordVec;
  const Word sign = reinterpret_cast<Word>(broadcast<T>(-0.0));
  return reinterpret_cast<V>((reinterpret_cast<Word>(a) & ~sign) | (reinterpret_cast<Word>(x) & sign));
}
template <class V>
[[gnu::always_inline]] inline V floor(V x) {
  const V r = round(x);
  return with_sign_of(r > x ? r - 1 : r, x);
}
template <class V>
[[gnu::always_inline]] inline V ceil(V x) {
  const V r = round(x);
  return with_sign_of(r < x ? r + 1 : r, x);
}
template <class V>
[[gnu::always_inline]] inline V trunc(V x) {
  const V magnitude = with_sign_of(x, V{});
  return with_sign_of(floor(magnitude), x);
}

#else

[[gnu::always_inline]] inline F32 sqrt(F32 x) { return F32(vsqrtq_f32(float32x4_t(x))); }
[[gnu::always_inline]] inline F64 sqrt(F64 x) { return F64(vsqrtq_f64(float64x2_t(x))); }
[[gnu::always_inline]] inline F32 fma(F32 a, F32 b, F32 c) {
  return F32(vfmaq_f32(float32x4_t(c), float32x4_t(a), float32x4_t(b)));
}
[[gnu::always_inline]] inline F64 fma(F64 a, F64 b, F64 c) {
  return F64(vfmaq_f64(float64x2_t(c), float64x2_t(a), float64x2_t(b)));
}
[[gnu::always_inline]] inline F32 floor(F32 x) { return F32(vrndmq_f32(float32x4_t(x))); }
[[gnu::always_inline]] inline F64 floor(F64 x) { return F64(vrndmq_f64(float64x2_t(x))); }
[[gnu::always_inline]] inline F32 ceil(F32 x) { return F32(vrndpq_f32(float32x4_t(x))); }
[[gnu::always_inline]] inline F64 ceil(F64 x) { return F64(vrndpq_f64(float64x2_t(x))); }
[[gnu::always_inline]] inline F32 trunc(F32 x) { return F32(vrndq_f32(float32x4_t(x))); }
[[gnu::always_inline]] inline F64 trunc(F64 x) { return F64(vrndq_f64(float64x2_t(x))); }
[[gnu::always_inline]] inline F32 round(F32 x) { return F32(vrndnq_f32(float32x4_t(x))); }
[[gnu::always_inline]] inline F64 round(F64 x) { return F64(vrndnq_f64(float64x2_t(x))); }
[[gnu::always_inline]] inline F32 min_nan(F32 a, F32 b) { return F32(vminq_f32(float32x4_t(a), float32x4_t(b))); }
[[gnu::always_inline]] inline F64 min_nan(F64 a, F64 b) { return F64(vminq_f64(float64x2_t(a), float64x2_t(b))); }
[[gnu::always_inline]] inline F32 max_nan(F32 a, F32 b) { return F32(vmaxq_f32(float32x4_t(a), float32x4_t(b))); }
[[gnu::always_inline]] inline F64 max_nan(F64 a, F64 b) { return F64(vmaxq_f64(float64x2_t(a), float64x2_t(b))); }

#endif

#if defined(__SSE2__)
// x86's min and max return b where either is NaN.
template <class V>
[[gnu::always_inline]] inline V limit(V x, V low, V high) {
  return min_x86(high, max_x86(low, x));
}
template <class V>
[[gnu::always_inline]] inline V min_nan(V a, V b) {
  return a != a ? a : min_x86(a, b);
}
template <class V>
[[gnu::always_inline]] inline V max_nan(V a, V b) {
  return a != a ? a : max_x86(a, b);
}
#else
template <class V>
[[gnu::always_inline]] inline V limit(V x, V low, V high) {
  return min_nan(max_nan(x, low), high);
}
#endif

// ---- float to double and back -------------------------------------------------------------------------------------

#if defined(__AVX512F__)
[[gnu::always_inline]] inline F64 widen_low(F32 x) {
  return _mm512_maskz_cvtps_pd(kAll8, _mm512_maskz_extractf32x8_ps(kAll8, x, 0));
}
[[gnu::always_inline]] inline F64 widen_high(F32 x) {
  return _mm512_maskz_cvtps_pd(kAll8, _mm512_maskz_extractf32x8_ps(kAll8, x, 1));
}
[[gnu::always_inline]] inline F32 narrow(F64 low, F64 high) {
  const __m256 l = _mm512_maskz_cvtpd_ps(kAll8, low), h = _mm512_maskz_cvtpd_ps(kAll8, high);
  return __builtin_shufflevector(l, h, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
#elif defined(__AVX2__)
[[gnu::always_inline]] inline F64 widen_low(F32 x) { return _mm256_cvtps_pd(_mm256_castps256_ps128(x)); }
[[gnu::always_inline]] inline F64 widen_high(F32 x) { return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)); }
[[gnu::always_inline]] inline F32 narrow(F64 low, F64 high) {
  return _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low));
}
#elif defined(__SSE2__)
[[gnu::always_inline]] inline F64 widen_low(F32 x) { return _mm_cvtps_pd(x); }
[[gnu::always_inline]] inline F64 widen_high(F32 x) { return _mm_cvtps_pd(_mm_movehl_ps(x, x)); }
[[gnu::always_inline]] inline F32 narrow(F64 low, F64 high) {
  return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
}
#else
[[gnu::always_inline]] inline F64 widen_low(F32 x) { return F64(vcvt_f64_f32(vget_low_f32(float32x4_t(x)))); }
[[gnu::always_inline]] inline F64 widen_high(F32 x) { return F64(vcvt_high_f64_f32(float32x4_t(x))); }
[[gnu::always_inline]] inline F32 narrow(F64 low, F64 high) {
  return F32(vcvt_high_f32_f64(vcvt_f32_f64(float64x2_t(low)), float64x2_t(high)));
}
#endif

// ---- p * 2^n, rounded once ----------------------------------------------------------------------------------------

#if defined(__AVX512F__)
[[gnu::always_inline]] inline F32 scale(F32 p, F32 n) { return _mm512_maskz_scalef_ps(kAll16, p, n); }
[[gnu::always_inline]] inline F64 scale(F64 p, F64 n) { return _mm512_maskz_scalef_pd(kAll8, p, n); }
#endif

}  // namespace adcore::ADCORE_ISA::detail
