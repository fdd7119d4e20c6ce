// Conversion between dtypes by way of the four compute types: 13 loads x 4 and 4 stores x 13, found by table.
//
// The scalar text of all conversions is `convert` below; the loops around it vectorise. Where the instruction set
// has half-precision instructions, contiguous float16 <-> float32 uses them.
#include "kernels/block.h"

#include <limits>
#include <type_traits>

#include "base/half.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace adcore::ADCORE_ISA {
namespace {

/// One byte; any nonzero byte reads as true.
struct Bool {
  uint8_t byte;
};

// In the order of DType and of Compute.
template <class... Ts>
struct Types {};
using StorageTypes = Types<Bool, uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, uint64_t, int64_t, Half,
                           BFloat16, float, double>;
using ComputeTypes = Types<float, double, int64_t, uint64_t>;

uint64_t widen(Bool x) { return x.byte != 0; }
float widen(Half x) { return to_float(x); }
float widen(BFloat16 x) { return to_float(x); }
template <class T>
T widen(T x) {
  return x;
}

/// Truncates; NaN becomes 0, out of range saturates. Only a value in range ever meets the cast.
template <class Int, class Float>
Int saturate(Float x) {
  constexpr Int kMin = std::numeric_limits<Int>::min(), kMax = std::numeric_limits<Int>::max();
  constexpr Float kLow = static_cast<Float>(kMin);
  constexpr Float kHigh = 2 * static_cast<Float>(Int{1} << (std::numeric_limits<Int>::digits - 1));
  const bool fits = x >= kLow && x < kHigh;
  const Int inside = static_cast<Int>(fits ? x : Float(0));
  return x >= kHigh ? kMax : x < kLow ? kMin : inside;
}

/// An integer as a double that rounds to 16-bit formats as the integer itself would: 53 bits, the last one set where
/// bits below it were lost (round to odd), so that the second rounding sees on which side of a tie it stands.
template <class Int>
double odd_double(Int x) {
  constexpr Int kLost = 2047, kLimit = Int{1} << 53;
  const bool exact = x < kLimit && (std::is_unsigned_v<Int> || x > -kLimit);
  const Int odd = (x & ~kLost) | ((x & kLost) != 0 ? kLost + 1 : 0);
  return static_cast<double>(exact ? x : odd);
}

template <class To, class From>
To convert(From stored) {
  const auto x = widen(stored);
  using X = std::remove_const_t<decltype(x)>;
  if constexpr (std::is_same_v<To, Bool>) {
    return Bool{static_cast<uint8_t>(x != X(0))};
  } else if constexpr (std::is_same_v<To, Half> || std::is_same_v<To, BFloat16>) {
    if constexpr (std::is_floating_point_v<X>) {
      return half_detail::narrow<To>(x);
    } else {
      return half_detail::narrow<To>(odd_double(x));
    }
  } else if constexpr (std::is_floating_point_v<X> && std::is_integral_v<To>) {
    return saturate<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

template <class From, class To>
void convert_row(const From* src, To* dst, int64_t n) {
  for (int64_t i = 0; i < n; ++i) dst[i] = convert<To>(src[i]);
}

#if defined(__F16C__)
constexpr int64_t kHalfStep = 8;
void step(const Half* src, float* dst) {
  _mm256_storeu_ps(dst, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src))));
}
void step(const float* src, Half* dst) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(dst), _mm256_cvtps_ph(_mm256_loadu_ps(src), _MM_FROUND_TO_NEAREST_INT));
}

template <class From, class To>
void half_row(const From* src, To* dst, int64_t n) {
  int64_t i = 0;
  for (; i + kHalfStep <= n; i += kHalfStep) step(src + i, dst + i);
  for (; i < n; ++i) dst[i] = convert<To>(src[i]);
}
void convert_row(const Half* src, float* dst, int64_t n) { half_row(src, dst, n); }
void convert_row(const float* src, Half* dst, int64_t n) { half_row(src, dst, n); }
#endif

using LoadFn = void (*)(const void* src, int64_t stride, void* dst, int64_t n);
using StoreFn = void (*)(const void* src, void* dst, int64_t n);

template <class T>
[[gnu::noinline]] void fill(T value, T* dst, int64_t n) {
  for (int64_t i = 0; i < n; ++i) dst[i] = value;
}

template <class From, class To>
void load(const void* src, int64_t stride, void* dst, int64_t n) {
  const From* s = static_cast<const From*>(src);
  To* d = static_cast<To*>(dst);
  if (stride == 1) return convert_row(s, d, n);
  if (stride == 0) return fill(convert<To>(*s), d, n);
  for (int64_t i = 0; i < n; ++i) d[i] = convert<To>(s[i * stride]);
}

template <class From, class To>
void store(const void* src, void* dst, int64_t n) {
  convert_row(static_cast<const From*>(src), static_cast<To*>(dst), n);
}

struct Tables {
  LoadFn load[kDTypeCount][kComputeCount];
  StoreFn store[kComputeCount][kDTypeCount];
};

template <class Storage, class... Computes>
constexpr void fill_row(Tables& t, int dtype, Types<Computes...>) {
  int c = 0;
  ((t.load[dtype][c] = load<Storage, Computes>, t.store[c][dtype] = store<Computes, Storage>, ++c), ...);
}

template <class... Storages>
constexpr Tables make_tables(Types<Storages...>) {
  Tables t{};
  int dtype = 0;
  (fill_row<Storages>(t, dtype++, ComputeTypes{}), ...);
  return t;
}

constexpr Tables kTables = make_tables(StorageTypes{});

}  // namespace

void load_block(const void* src, int64_t stride, DType src_dtype, Compute to, void* dst, int64_t n) {
  if (n <= 0) return;
  kTables.load[static_cast<int>(src_dtype)][static_cast<int>(to)](src, stride, dst, n);
}

void store_block(const void* src, Compute from, void* dst, DType dst_dtype, int64_t n) {
  if (n <= 0) return;
  kTables.store[static_cast<int>(from)][static_cast<int>(dst_dtype)](src, dst, n);
}

}  // namespace adcore::ADCORE_ISA
