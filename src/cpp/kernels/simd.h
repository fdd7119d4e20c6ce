// Pack<T>: as many lanes of T as one register of the instruction set holds, and Mask<T>: one truth value per lane.
//
// Built on the vector extensions that GCC and Clang share; intrinsics stand only where those have no word for an
// instruction (square root, rounding, fused multiply-add, masked memory). Everything is a force-inlined function that
// argument-dependent lookup finds, so a generic formula `[](auto x) { return x / (1.0 + abs(x)); }` fits every pack.
// Functions beyond arithmetic (exp, tanh, ...) are in vmath.h. Start reading at Pack; detail is the instruction sets.
//
// Laws: floating point is IEEE (NaN compares false), min and max propagate NaN; integers wrap and x / 0 is 0.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "kernels/isa.h"
#include "kernels/simd_detail.h"
#include "kernels/simd_float.h"

namespace adcore::ADCORE_ISA {

template <class T>
struct Mask {
  static constexpr int kLanes = kSimdBytes / sizeof(T);
  using Vec = typename detail::Lane<T>::IntVec;

  Vec v;  // every lane is 0 or -1

  /// Lane i is p[i] != 0 for i < n; false beyond.
  [[gnu::always_inline]] static Mask load_bytes(const uint8_t* p, int n) {
    typename detail::Lane<T>::ByteVec bytes{};
    std::memcpy(&bytes, p, n == kLanes ? kLanes : static_cast<size_t>(n));
    return {reinterpret_cast<Vec>(detail::widen_bytes<Vec>(bytes) != 0)};
  }
  /// p[i] = 0 or 1 for i < n.
  [[gnu::always_inline]] void store_bytes(uint8_t* p, int n) const {
    const auto bytes = __builtin_convertvector(v & 1, typename detail::Lane<T>::ByteVec);
    std::memcpy(p, &bytes, n == kLanes ? kLanes : static_cast<size_t>(n));
  }

  [[gnu::always_inline]] friend Mask operator&(Mask a, Mask b) { return {a.v & b.v}; }
  [[gnu::always_inline]] friend Mask operator|(Mask a, Mask b) { return {a.v | b.v}; }
  [[gnu::always_inline]] friend Mask operator!(Mask a) { return {~a.v}; }
  [[gnu::always_inline]] friend bool any(Mask a) { return detail::any_lane(a.v); }
};

template <class T>
struct Pack {
  static constexpr int kLanes = kSimdBytes / sizeof(T);
  static constexpr bool kIsFloat = std::is_floating_point_v<T>;
  using Scalar = T;
  using Vec = typename detail::Lane<T>::Vec;
  using Arith = typename detail::Lane<T>::Arith;  // Vec, unsigned for integers: so that arithmetic wraps

  Vec v;

  Pack() = default;
  [[gnu::always_inline]] Pack(Vec vec) : v(vec) {}
  /// A constant in every lane, converted to T.
  template <class C>
    requires std::is_arithmetic_v<C>
  [[gnu::always_inline]] Pack(C c) : v(detail::broadcast<T>(c)) {}

  [[gnu::always_inline]] static Pack load(const T* p) {
    Vec r;
    std::memcpy(&r, p, sizeof r);
    return r;
  }
  /// Reads p[0, n), 0 < n < kLanes; the other lanes are 0.
  [[gnu::always_inline]] static Pack load(const T* p, int n) { return detail::load_part<T>(p, n); }
  [[gnu::always_inline]] void store(T* p) const { std::memcpy(p, &v, sizeof v); }
  /// Writes p[0, n), 0 < n < kLanes.
  [[gnu::always_inline]] void store(T* p, int n) const { detail::store_part<T>(p, v, n); }

  [[gnu::always_inline]] T operator[](int lane) const { return v[lane]; }

  [[gnu::always_inline]] friend Pack operator+(Pack a, Pack b) { return wrap(arith(a) + arith(b)); }
  [[gnu::always_inline]] friend Pack operator-(Pack a, Pack b) { return wrap(arith(a) - arith(b)); }
  [[gnu::always_inline]] friend Pack operator*(Pack a, Pack b) { return wrap(arith(a) * arith(b)); }
  [[gnu::always_inline]] friend Pack operator/(Pack a, Pack b) {
    if constexpr (kIsFloat) {
      return a.v / b.v;
    } else {
      return map_lanes([](T x, T y) { return detail::divide(x, y); }, a, b);
    }
  }
  [[gnu::always_inline]] friend Pack operator-(Pack a) { return wrap(-arith(a)); }

  [[gnu::always_inline]] friend Mask<T> operator<(Pack a, Pack b) { return mask(a.v < b.v); }
  [[gnu::always_inline]] friend Mask<T> operator<=(Pack a, Pack b) { return mask(a.v <= b.v); }
  [[gnu::always_inline]] friend Mask<T> operator>(Pack a, Pack b) { return mask(a.v > b.v); }
  [[gnu::always_inline]] friend Mask<T> operator>=(Pack a, Pack b) { return mask(a.v >= b.v); }
  [[gnu::always_inline]] friend Mask<T> operator==(Pack a, Pack b) { return mask(a.v == b.v); }
  [[gnu::always_inline]] friend Mask<T> operator!=(Pack a, Pack b) { return mask(a.v != b.v); }

  /// x limited to [low, high]; NaN stays NaN. Cheaper than max and min where the bounds are known not to be NaN.
  [[gnu::always_inline]] friend Pack limit(Pack x, Pack low, Pack high)
    requires kIsFloat
  {
    return detail::limit(x.v, low.v, high.v);
  }
  // Of equal zeros of different sign, min and max may return either.
  [[gnu::always_inline]] friend Pack min(Pack a, Pack b) {
    if constexpr (kIsFloat) {
      return detail::min_nan(a.v, b.v);
    } else {
      return a.v < b.v ? a.v : b.v;
    }
  }
  [[gnu::always_inline]] friend Pack max(Pack a, Pack b) {
    if constexpr (kIsFloat) {
      return detail::max_nan(a.v, b.v);
    } else {
      return a.v > b.v ? a.v : b.v;
    }
  }
  /// a * b + c, rounded once where the instruction set has it; in two steps on baseline and for integers (wrapping).
  [[gnu::always_inline]] friend Pack fma(Pack a, Pack b, Pack c) {
    if constexpr (kIsFloat) {
      return detail::fma(a.v, b.v, c.v);
    } else {
      return a * b + c;
    }
  }
  /// The magnitude of a with the sign of b.
  [[gnu::always_inline]] friend Pack copysign(Pack a, Pack b)
    requires kIsFloat
  {
    using Word = typename detail::Lane<T>::WordVec;
    const Word sign = reinterpret_cast<Word>(Pack(-0.0).v);
    return reinterpret_cast<Vec>((reinterpret_cast<Word>(a.v) & ~sign) | (reinterpret_cast<Word>(b.v) & sign));
  }
  /// Floor of the quotient, as Python and NumPy: floats with NumPy's exact remainder, integers with x // 0 = 0.
  [[gnu::always_inline]] friend Pack floor_div(Pack a, Pack b) {
    return map_lanes([](T x, T y) { return detail::floor_divide(x, y); }, a, b);
  }
  /// The remainder with the sign of the divisor, as Python and NumPy; integers with x % 0 = 0.
  [[gnu::always_inline]] friend Pack mod(Pack a, Pack b) {
    return map_lanes([](T x, T y) { return detail::floor_mod(x, y); }, a, b);
  }

  /// f applied to each lane: for what has no vector form.
  template <class F, class... Packs>
  [[gnu::always_inline]] static Pack map_lanes(F f, Packs... packs) {
    Pack r;
    for (int i = 0; i < kLanes; ++i) r.v[i] = f(packs.v[i]...);
    return r;
  }

 private:
  [[gnu::always_inline]] static Arith arith(Pack a) { return reinterpret_cast<Arith>(a.v); }
  [[gnu::always_inline]] static Pack wrap(Arith a) { return reinterpret_cast<Vec>(a); }
  template <class V>
  [[gnu::always_inline]] static Mask<T> mask(V v) {
    return {reinterpret_cast<typename Mask<T>::Vec>(v)};
  }
};

// ---- select: lane by lane, a where the mask is true, else b -------------------------------------------------------

template <class T>
[[gnu::always_inline]] inline Pack<T> select(Mask<T> m, Pack<T> a, Pack<T> b) {
  return m.v ? a.v : b.v;
}
template <class T>
[[gnu::always_inline]] inline Pack<T> select(Mask<T> m, Pack<T> a, double b) {
  return select(m, a, Pack<T>(b));
}
template <class T>
[[gnu::always_inline]] inline Pack<T> select(Mask<T> m, double a, Pack<T> b) {
  return select(m, Pack<T>(a), b);
}
template <class T>
[[gnu::always_inline]] inline Pack<T> select(Mask<T> m, double a, double b) {
  return select(m, Pack<T>(a), Pack<T>(b));
}
template <class T>
[[gnu::always_inline]] inline Mask<T> select(Mask<T> m, Mask<T> a, Mask<T> b) {
  return (m & a) | (!m & b);
}

// ---- one argument -------------------------------------------------------------------------------------------------

template <class T>
[[gnu::always_inline]] inline Mask<T> is_nan(Pack<T> x) {
  return x != x;
}

/// Integers wrap: abs of the lowest is the lowest.
template <class T>
[[gnu::always_inline]] inline Pack<T> abs(Pack<T> x) {
  if constexpr (Pack<T>::kIsFloat) {
    return copysign(x, Pack<T>(0.0));
  } else if constexpr (std::is_signed_v<T>) {
    return select(x < 0, -x, x);
  } else {
    return x;
  }
}

/// -1, 0 or 1; NaN stays NaN.
template <class T>
[[gnu::always_inline]] inline Pack<T> sign(Pack<T> x) {
  if constexpr (std::is_signed_v<T>) {
    return select(x > 0, 1, select(x < 0, -1, x - x));
  } else {
    return select(x > 0, 1, 0);
  }
}

template <class T>
[[gnu::always_inline]] inline Pack<T> floor(Pack<T> x) {
  if constexpr (Pack<T>::kIsFloat) {
    return detail::floor(x.v);
  } else {
    return x;
  }
}
template <class T>
[[gnu::always_inline]] inline Pack<T> ceil(Pack<T> x) {
  if constexpr (Pack<T>::kIsFloat) {
    return detail::ceil(x.v);
  } else {
    return x;
  }
}
/// To the nearest integer, half to even.
template <class T>
[[gnu::always_inline]] inline Pack<T> round(Pack<T> x) {
  if constexpr (Pack<T>::kIsFloat) {
    return detail::round(x.v);
  } else {
    return x;
  }
}
template <class T>
[[gnu::always_inline]] inline Pack<T> trunc(Pack<T> x) {
  if constexpr (Pack<T>::kIsFloat) {
    return detail::trunc(x.v);
  } else {
    return x;
  }
}
template <class T>
  requires(Pack<T>::kIsFloat)
[[gnu::always_inline]] inline Pack<T> sqrt(Pack<T> x) {
  return detail::sqrt(x.v);
}

// ---- across the lanes: a tree of fixed shape, lane i with lane i + half, and so on --------------------------------

template <class T>
[[gnu::always_inline]] inline T sum(Pack<T> x) {
  return detail::reduce<Pack<T>>(x, [](Pack<T> a, Pack<T> b) { return a + b; });
}
/// NaN where a lane is NaN; likewise reduce_min.
template <class T>
[[gnu::always_inline]] inline T reduce_max(Pack<T> x) {
  return detail::reduce<Pack<T>>(x, [](Pack<T> a, Pack<T> b) { return max(a, b); });
}
template <class T>
[[gnu::always_inline]] inline T reduce_min(Pack<T> x) {
  return detail::reduce<Pack<T>>(x, [](Pack<T> a, Pack<T> b) { return min(a, b); });
}

}  // namespace adcore::ADCORE_ISA
