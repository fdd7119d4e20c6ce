// What the functions of vmath.h are made of: polynomials, powers of two, sums and products with their rounding error.
//
// The texts are generic over T = float and double; only constants and polynomial degrees differ. They are right with
// and without a fused multiply-add, and round as IEEE says: no term may be regrouped.
#pragma once

#include "kernels/simd.h"

namespace adcore::ADCORE_ISA {

template <class T>
concept Real = std::is_floating_point_v<T>;

namespace vmath {

template <Real T>
using Words = typename detail::Lane<T>::WordVec;
template <Real T>
using Word = typename detail::Lane<T>::Word;

template <Real T>
inline constexpr int kMantissaBits = sizeof(T) == 4 ? 23 : 52;
template <Real T>
inline constexpr Word<T> kExponentBias = sizeof(T) == 4 ? 127 : 1023;
template <Real T>
inline constexpr T kInf = std::numeric_limits<T>::infinity();
template <Real T>
inline constexpr T kSmallestNormal = std::numeric_limits<T>::min();
/// Below this, functions that are x (1 + x / c + ...) near 0, c <= 2, are x to the last bit.
template <Real T>
inline constexpr T kTiny = std::numeric_limits<T>::epsilon() / 2;
template <Real T>
inline constexpr T kNaN = std::numeric_limits<T>::quiet_NaN();

template <Real T>
[[gnu::always_inline]] constexpr T pick(double for_float, double for_double) {
  return static_cast<T>(sizeof(T) == 4 ? for_float : for_double);
}

template <Real T>
[[gnu::always_inline]] inline Words<T> to_words(Pack<T> x) {
  return reinterpret_cast<Words<T>>(x.v);
}
template <Real T>
[[gnu::always_inline]] inline Pack<T> from_words(Words<T> w) {
  return reinterpret_cast<typename Pack<T>::Vec>(w);
}

/// c0 + x * (c1 + x * (c2 + ...))
template <Real T>
[[gnu::always_inline]] inline Pack<T> polynomial(Pack<T>, double c) {
  return c;
}
template <Real T, class... Rest>
[[gnu::always_inline]] inline Pack<T> polynomial(Pack<T> x, double c, Rest... rest) {
  return fma(polynomial(x, rest...), x, Pack<T>(c));
}

/// An integer near x as a number and as two's complement bits.
template <Real T>
struct Nearest {
  Pack<T> number;
  Words<T> bits;
};
/// For |x| < 2^(mantissa bits - 1): adding 1.5 * 2^(mantissa bits) leaves the integer in the low bits of the sum.
template <Real T>
[[gnu::always_inline]] inline Pack<T> magic() {
  return pick<T>(0x1.8p23, 0x1.8p52);
}
template <Real T>
[[gnu::always_inline]] inline Nearest<T> nearest(Pack<T> x) {
  const Pack<T> sum = x + magic<T>();
  return {sum - magic<T>(), to_words(sum) - to_words(magic<T>())};
}
/// The integer whose two's complement bits these are, as a number (of less than mantissa bits - 1 bits).
template <Real T>
[[gnu::always_inline]] inline Pack<T> number(Words<T> bits) {
  return from_words<T>(to_words(magic<T>()) + bits) - magic<T>();
}

/// 2^n for exponents of normal numbers.
template <Real T>
[[gnu::always_inline]] inline Pack<T> power_of_two(Words<T> n) {
  return from_words<T>((n + kExponentBias<T>) << kMantissaBits<T>);
}

/// p * 2^n for p near 1 and |n| < 2 * bias, rounded once: overflows to inf, underflows gradually. NaN stays.
template <Real T>
[[gnu::always_inline]] inline Pack<T> scale(Pack<T> p, Nearest<T> n) {
#if defined(__AVX512F__)
  return detail::scale(p.v, n.number.v);
#else
  constexpr Word<T> kShift = 2 * kExponentBias<T>;  // makes n positive: SSE2 has no arithmetic shift of 64 bits
  const Words<T> half = ((n.bits + kShift) >> 1) - kShift / 2;
  return p * power_of_two<T>(half) * power_of_two<T>(n.bits - half);
#endif
}

/// The unevaluated sum high + low, |low| at most about an ULP of high.
template <Real T>
struct Double {
  Pack<T> high, low;
};
/// a + b exactly, if a is 0 or its exponent is at least that of b (Dekker 1971).
template <Real T>
[[gnu::always_inline]] inline Double<T> fast_two_sum(Pack<T> a, Pack<T> b) {
  const Pack<T> s = a + b;
  return {s, b - (s - a)};
}
/// a - b exactly (Knuth, The Art of Computer Programming 4.2.2).
template <Real T>
[[gnu::always_inline]] inline Double<T> two_difference(Pack<T> a, Pack<T> b) {
  const Pack<T> s = a - b, t = s - a;
  return {s, (a - (s - t)) - (b + t)};
}
/// a * b exactly, short of overflow and underflow. Without fma by Dekker's splitting, for |a|, |b| < 2^114 or 2^995.
template <Real T>
[[gnu::always_inline]] inline Double<T> two_product(Pack<T> a, Pack<T> b) {
  const Pack<T> p = a * b;
  if constexpr (detail::kHasFma) {
    return {p, fma(a, b, -p)};
  } else {
    const T splitter = pick<T>(0x1p12 + 1, 0x1p27 + 1);
    const Pack<T> ca = splitter * a, cb = splitter * b;
    const Pack<T> ah = ca - (ca - a), bh = cb - (cb - b);
    const Pack<T> al = a - ah, bl = b - bh;
    return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
  }
}

/// f computed in double for a function of floats: for the functions that need its range or precision inside.
template <class F, class... Packs>
[[gnu::always_inline]] inline Pack<float> in_double(F f, Packs... x) {
  return detail::narrow(f(Pack<double>(detail::widen_low(x.v))...).v, f(Pack<double>(detail::widen_high(x.v))...).v);
}

}  // namespace vmath
}  // namespace adcore::ADCORE_ISA
