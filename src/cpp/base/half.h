// float16 and bfloat16 as bits: conversion to float32 and from float32 or float64, one value at a time.
//
// Rounding is to nearest even, from either source in one step; NaN stays NaN (quiet, the top of its payload and its
// sign kept, as the F16C instructions do), denormals are exact, too large becomes inf. Integer arithmetic and selects
// only, so that a loop over these functions vectorises. Everything is forced inline: kernels are compiled once per
// instruction set and must not share a function.
#pragma once

#include <cstdint>
#include <type_traits>

namespace adcore {

/// The two storage formats, as types that no arithmetic accepts.
struct Half {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};

namespace half_detail {

// std::bit_cast without the risk of a symbol in namespace std.
template <class To, class From>
[[gnu::always_inline]] constexpr To bits_to(From x) {
  return __builtin_bit_cast(To, x);
}

template <class Float>
struct Format;
template <>
struct Format<float> {
  using Bits = uint32_t;
  static constexpr int kMantissa = 23, kBias = 127;
};
template <>
struct Format<double> {
  using Bits = uint64_t;
  static constexpr int kMantissa = 52, kBias = 1023;
};
template <>
struct Format<Half> {
  static constexpr int kMantissa = 10, kMinExponent = -14;
};
template <>
struct Format<BFloat16> {
  static constexpr int kMantissa = 7, kMinExponent = -126;
};

// Narrow normal numbers round by adding just under half a unit to the bit pattern, where a carry into the exponent is
// right. Narrow denormals are multiples of one unit: adding the float whose last bit is that unit makes the FPU round.
template <class Narrow, class Float>
[[gnu::always_inline]] constexpr Narrow narrow(Float x) {
  using From = Format<Float>;
  using To = Format<Narrow>;
  using Bits = typename From::Bits;
  constexpr int kShift = From::kMantissa - To::kMantissa;
  constexpr auto kPower = [](int e) { return static_cast<Bits>(From::kBias + e) << From::kMantissa; };
  constexpr Bits kSign = Bits{1} << (sizeof(Bits) * 8 - 1);
  constexpr Bits kInf = kPower(From::kBias + 1);
  constexpr Bits kTooLarge = kPower(2 - To::kMinExponent);
  constexpr Bits kMinNormal = kPower(To::kMinExponent);
  constexpr Bits kRebias = static_cast<Bits>(From::kBias + To::kMinExponent - 1) << From::kMantissa;
  constexpr Bits kUnitInLastBit = kPower(To::kMinExponent - To::kMantissa + From::kMantissa);
  constexpr Bits kNarrowInf = static_cast<Bits>(2 - 2 * To::kMinExponent + 1) << To::kMantissa;
  constexpr Bits kQuiet = Bits{1} << (To::kMantissa - 1);
  constexpr Bits kPayload = (Bits{1} << To::kMantissa) - 1;

  const Bits bits = bits_to<Bits>(x);
  const Bits size = bits & ~kSign;
  const Bits sign = (bits & kSign) >> (sizeof(Bits) * 8 - 16);
  const Bits normal = (size - kRebias + (Bits{1} << (kShift - 1)) - 1 + ((size >> kShift) & 1)) >> kShift;
  const Bits denormal = bits_to<Bits>(bits_to<Float>(size) + bits_to<Float>(kUnitInLastBit)) - kUnitInLastBit;
  const Bits nan = kNarrowInf | kQuiet | ((size >> kShift) & kPayload);
  Bits r = size < kMinNormal ? denormal : normal;
  r = size >= kTooLarge ? kNarrowInf : r;
  r = size > kInf ? nan : r;
  return Narrow{static_cast<uint16_t>(sign | r)};
}

}  // namespace half_detail

[[gnu::always_inline]] constexpr Half to_half(float x) { return half_detail::narrow<Half>(x); }
[[gnu::always_inline]] constexpr Half to_half(double x) { return half_detail::narrow<Half>(x); }
[[gnu::always_inline]] constexpr BFloat16 to_bfloat16(float x) { return half_detail::narrow<BFloat16>(x); }
[[gnu::always_inline]] constexpr BFloat16 to_bfloat16(double x) { return half_detail::narrow<BFloat16>(x); }

[[gnu::always_inline]] constexpr float to_float(Half h) {
  using half_detail::bits_to;
  constexpr uint32_t kMinNormal = 113u << 23;  // 2^-14
  const uint32_t sign = static_cast<uint32_t>(h.bits & 0x8000u) << 16;
  const uint32_t size = static_cast<uint32_t>(h.bits & 0x7fffu) << 13;
  const uint32_t normal = size + (112u << 23);
  const uint32_t special = (size + (224u << 23)) | (size > (31u << 23) ? 1u << 22 : 0u);
  const float denormal =
      bits_to<float>(size + kMinNormal) - bits_to<float>(kMinNormal);  // exact: (1 + m) 2^-14 - 2^-14
  uint32_t r = size < (1u << 23) ? bits_to<uint32_t>(denormal) : normal;
  r = size >= (31u << 23) ? special : r;
  return bits_to<float>(sign | r);
}

[[gnu::always_inline]] constexpr float to_float(BFloat16 b) {
  return half_detail::bits_to<float>(static_cast<uint32_t>(b.bits) << 16);
}

}  // namespace adcore
