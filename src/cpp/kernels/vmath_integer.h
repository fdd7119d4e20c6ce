// Functions of bits and of integers, and those of floats that have no vector form: lane by lane.
#pragma once

#include "kernels/simd.h"

namespace adcore::ADCORE_ISA {

template <class T>
[[gnu::always_inline]] inline Pack<T> bit_and(Pack<T> a, Pack<T> b) {
  return a.v & b.v;
}
template <class T>
[[gnu::always_inline]] inline Pack<T> bit_or(Pack<T> a, Pack<T> b) {
  return a.v | b.v;
}
template <class T>
[[gnu::always_inline]] inline Pack<T> bit_xor(Pack<T> a, Pack<T> b) {
  return a.v ^ b.v;
}

/// a * 2^n and floor(a / 2^n); n is less than 0 or more than the bits: as if all were shifted out.
template <class T>
[[gnu::always_inline]] inline Pack<T> shift_left(Pack<T> a, Pack<T> n) {
  return Pack<T>::map_lanes(
      [](T v, T by) {
        const auto k = static_cast<uint64_t>(by);
        return k > 63 ? T(0) : static_cast<T>(static_cast<uint64_t>(v) << k);
      },
      a, n);
}
template <class T>
[[gnu::always_inline]] inline Pack<T> shift_right(Pack<T> a, Pack<T> n) {
  return Pack<T>::map_lanes(
      [](T v, T by) {
        const auto k = static_cast<uint64_t>(by);
        return k > 63 ? static_cast<T>(v < T(0) ? T(-1) : T(0)) : static_cast<T>(v >> k);
      },
      a, n);
}

namespace detail {

template <class T>
[[gnu::always_inline]] inline uint64_t magnitude(T v) {
  return v < T(0) ? 0 - static_cast<uint64_t>(v) : static_cast<uint64_t>(v);
}
template <class T>
[[gnu::always_inline]] inline uint64_t euclid(T a, T b) {
  uint64_t high = magnitude(a), low = magnitude(b);
  while (low != 0) {
    const uint64_t rest = high % low;
    high = low;
    low = rest;
  }
  return high;
}

}  // namespace detail

template <class T>
[[gnu::always_inline]] inline Pack<T> common_divisor(Pack<T> a, Pack<T> b) {
  return Pack<T>::map_lanes([](T x, T y) { return static_cast<T>(detail::euclid(x, y)); }, a, b);
}
/// 0 where either is 0.
template <class T>
[[gnu::always_inline]] inline Pack<T> common_multiple(Pack<T> a, Pack<T> b) {
  return Pack<T>::map_lanes(
      [](T x, T y) {
        const uint64_t divisor = detail::euclid(x, y);
        return divisor == 0 ? T(0) : static_cast<T>(detail::magnitude(x) / divisor * detail::magnitude(y));
      },
      a, b);
}

/// The remainder with the sign of the dividend; integers with x % 0 = 0.
template <class T>
[[gnu::always_inline]] inline Pack<T> truncated_mod(Pack<T> a, Pack<T> b) {
  return Pack<T>::map_lanes(
      [](T x, T y) {
        if constexpr (std::is_floating_point_v<T>) {
          return detail::fmod(x, y);
        } else {
          return static_cast<T>(static_cast<uint64_t>(x) -
                                static_cast<uint64_t>(detail::divide(x, y)) * static_cast<uint64_t>(y)) *
                 static_cast<T>(y != 0);
        }
      },
      a, b);
}

template <class T>
[[gnu::always_inline]] inline Mask<T> sign_bit(Pack<T> a) {
  if constexpr (Pack<T>::kIsFloat) {
    return copysign(Pack<T>(1.0), a) < 0.0;
  } else {
    return a < T(0);
  }
}
template <class T>
[[gnu::always_inline]] inline Pack<T> copysign(double a, Pack<T> b) {
  return copysign(Pack<T>(a), b);
}

/// The next number after a on the way to b.
template <class T>
  requires(Pack<T>::kIsFloat)
[[gnu::always_inline]] inline Pack<T> next_after(Pack<T> a, Pack<T> b) {
  return Pack<T>::map_lanes(
      [](T x, T y) {
        using Word = typename detail::Lane<T>::Word;
        if (x != x || y != y) return x + y;
        if (x == y) return y;
        if (x == 0) return y > 0 ? std::numeric_limits<T>::denorm_min() : -std::numeric_limits<T>::denorm_min();
        const Word away = (x < y) == (x > 0) ? Word(1) : ~Word(0);
        return __builtin_bit_cast(T, static_cast<Word>(__builtin_bit_cast(Word, x) + away));
      },
      a, b);
}

}  // namespace adcore::ADCORE_ISA
