// copy, load_block, store_block against an oracle that decodes and encodes every dtype by its definition: float16
// and bfloat16 by search in the sorted list of their values, integers in 128 bits, index spaces by one loop over
// indices.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/half.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"

namespace adcore {
namespace {

__extension__ using Int128 = __int128;
using Bytes = std::vector<unsigned char>;

// ---- the oracle ---------------------------------------------------------------------------------------------------

/// The value of an element: an integer, or a float that holds it exactly.
struct Value {
  bool integer;
  Int128 i;
  double f;
};

template <class T>
T read(const unsigned char* p) {
  T x;
  std::memcpy(&x, p, sizeof x);
  return x;
}

/// IEEE 754-2019, 3.4, for any widths of exponent and fraction.
double decode_small(uint16_t bits, int exponent_bits, int fraction_bits) {
  const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return fraction ? std::nan("") : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
}

Value decode(DType t, const unsigned char* p) {
  const auto integer = [](Int128 i) { return Value{true, i, 0}; };
  const auto real = [](double f) { return Value{false, 0, f}; };
  switch (t) {
    case DType::Bool: return integer(*p != 0);
    case DType::UInt8: return integer(read<uint8_t>(p));
    case DType::Int8: return integer(read<int8_t>(p));
    case DType::UInt16: return integer(read<uint16_t>(p));
    case DType::Int16: return integer(read<int16_t>(p));
    case DType::UInt32: return integer(read<uint32_t>(p));
    case DType::Int32: return integer(read<int32_t>(p));
    case DType::UInt64: return integer(read<uint64_t>(p));
    case DType::Int64: return integer(read<int64_t>(p));
    case DType::Float16: return real(decode_small(read<uint16_t>(p), 5, 10));
    case DType::BFloat16: return real(decode_small(read<uint16_t>(p), 8, 7));
    case DType::Float32: return real(read<float>(p));
    case DType::Float64: return real(read<double>(p));
  }
  return integer(0);
}

/// An integer to `bits` significant bits, nearest, ties to even; the result is exact in a double for bits <= 53.
double round_integer(Int128 x, int bits) {
  const bool negative = x < 0;
  Int128 size = negative ? -x : x;
  int shift = 0;
  while ((size >> shift) >= (Int128{1} << bits)) ++shift;
  Int128 top = size >> shift;
  const Int128 rest = size - (top << shift);
  if (shift > 0) {
    const Int128 half = Int128{1} << (shift - 1);
    if (rest > half || (rest == half && top % 2 != 0)) ++top;
  }
  const double r = std::ldexp(static_cast<double>(static_cast<int64_t>(top)), shift);
  return negative ? -r : r;
}

/// The float16 or bfloat16 nearest to f (not NaN), ties to even, by bisection in the finite values.
uint16_t encode_small(double f, int exponent_bits, int fraction_bits) {
  const uint16_t sign = std::signbit(f) ? 0x8000 : 0;
  const double size = std::fabs(f);
  const auto inf = static_cast<uint16_t>(((1 << exponent_bits) - 1) << fraction_bits);
  uint16_t low = 0, high = inf;  // value(low) <= size < value(high), where inf counts as the next power of two
  const auto value = [&](uint16_t b) {
    return b == inf ? 2 * decode_small(static_cast<uint16_t>(inf - (1 << fraction_bits)), exponent_bits, fraction_bits)
                    : decode_small(b, exponent_bits, fraction_bits);
  };
  if (size >= value(inf)) return sign | inf;
  while (high - low > 1) {
    const auto middle = static_cast<uint16_t>((low + high) / 2);
    (value(middle) <= size ? low : high) = middle;
  }
  const double below = size - value(low), above = value(high) - size;  // exact: a double has 40 bits to spare
  const bool up = below > above || (below == above && low % 2 != 0);
  return sign | (up ? high : low);
}

template <class T>
Int128 truncate(double f) {
  if (std::isnan(f)) return 0;
  if (f >= std::ldexp(1.0, std::numeric_limits<T>::digits)) return std::numeric_limits<T>::max();
  if (f < static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  return static_cast<Int128>(f);
}

template <class T>
void put(Bytes& out, T x) {
  const auto* p = reinterpret_cast<const unsigned char*>(&x);
  out.insert(out.end(), p, p + sizeof x);
}

template <class T>
void put_integer(Bytes& out, Value v) {
  put(out, static_cast<T>(v.integer ? v.i : truncate<T>(v.f)));
}

void encode(DType t, Value v, Bytes& out) {
  const auto small = [&](int exponent_bits, int fraction_bits) {
    const double f = v.integer ? round_integer(v.i, fraction_bits + 1) : v.f;
    put(out, std::isnan(f) ? uint16_t{0x7fff} : encode_small(f, exponent_bits, fraction_bits));
  };
  switch (t) {
    case DType::Bool: return put(out, static_cast<uint8_t>(v.integer ? v.i != 0 : v.f != 0));
    case DType::UInt8: return put_integer<uint8_t>(out, v);
    case DType::Int8: return put_integer<int8_t>(out, v);
    case DType::UInt16: return put_integer<uint16_t>(out, v);
    case DType::Int16: return put_integer<int16_t>(out, v);
    case DType::UInt32: return put_integer<uint32_t>(out, v);
    case DType::Int32: return put_integer<int32_t>(out, v);
    case DType::UInt64: return put_integer<uint64_t>(out, v);
    case DType::Int64: return put_integer<int64_t>(out, v);
    case DType::Float16: return small(5, 10);
    case DType::BFloat16: return small(8, 7);
    case DType::Float32:
      return put(out, v.integer ? static_cast<float>(round_integer(v.i, 24)) : static_cast<float>(v.f));
    case DType::Float64: return put(out, v.integer ? round_integer(v.i, 53) : v.f);
  }
}

/// NaN equals NaN; anything else by its bits.
bool same(DType t, const unsigned char* a, const unsigned char* b) {
  if (is_float(t) && std::isnan(decode(t, a).f)) return std::isnan(decode(t, b).f);
  return std::memcmp(a, b, size_of(t)) == 0;
}

// ---- samples ------------------------------------------------------------------------------------------------------

/// Where rounding and saturation turn: around powers of two and their ties in 8, 11 and 24 bits.
std::vector<double> turning_points() {
  std::vector<double> v = {0.0,   -0.0, 0.3,    0.5,    1.5,   2.5,    65504, 65519.99,
                           65520, 1e30, 3.4e38, 3.5e38, 1e300, 5e-324, 1e-310};
  for (int e = -150; e <= 140; ++e) {
    for (const double tie : {0.0, 0x1p-8, 0x1p-11, 0x1p-24, 0x1p-7, 0x1p-10, 0x1.8p-7, 0x1.8p-10}) {
      for (const double off : {0.0, 0x1p-30, -0x1p-30, 0x1p-50, -0x1p-50}) v.push_back(std::ldexp(1 + tie + off, e));
    }
  }
  const size_t n = v.size();
  for (size_t i = 0; i < n; ++i) v.push_back(-v[i]);
  v.insert(v.end(), {std::nan(""), INFINITY, -INFINITY});
  return v;
}

std::vector<uint64_t> turning_integers(int bits) {
  std::vector<uint64_t> v = {0};
  for (int e = 0; e < bits; ++e) {
    for (const int tie : {8, 11, 24, 53}) {
      const uint64_t base = (uint64_t{1} << e) + (e >= tie ? uint64_t{1} << (e - tie) : 0);
      for (const uint64_t off : {0, 1, -1}) {
        v.push_back(base + off);
        v.push_back(~(base + off) + 1);
      }
    }
  }
  return v;
}

/// All elements of 8 and 16 bits, turning points and random bits of the wider types.
Bytes samples(DType t) {
  Bytes out;
  std::mt19937_64 random(7);
  const size_t size = size_of(t);
  if (t == DType::Bool) return {0, 1, 1, 0, 0, 1};
  if (size < 4) {
    for (unsigned x = 0; x < (1u << (8 * size)); ++x)
      size == 1 ? put(out, static_cast<uint8_t>(x)) : put(out, static_cast<uint16_t>(x));
    return out;
  }
  if (is_float(t)) {
    for (const double x : turning_points()) t == DType::Float32 ? put(out, static_cast<float>(x)) : put(out, x);
  } else {
    for (const uint64_t x : turning_integers(static_cast<int>(8 * size))) {
      size == 4 ? put(out, static_cast<uint32_t>(x)) : put(out, x);
    }
  }
  for (int i = 0; i < 4099; ++i) size == 4 ? put(out, static_cast<uint32_t>(random())) : put(out, random());
  return out;
}

DType dtype(int i) { return static_cast<DType>(i); }

std::string pair_name(DType a, DType b) { return std::string(name_of(a)) + " -> " + name_of(b); }

/// Index of the first element where the arrays differ, or -1.
int64_t first_difference(DType t, const Bytes& a, const Bytes& b) {
  for (size_t i = 0; i < a.size(); i += size_of(t)) {
    if (!same(t, &a[i], &b[i])) return static_cast<int64_t>(i / size_of(t));
  }
  return -1;
}

}  // namespace

// ---- conversions --------------------------------------------------------------------------------------------------

TEST_CASE("copy converts every pair of dtypes as its definition says") {
  for (int from = 0; from < kDTypeCount; ++from) {
    const Bytes src = samples(dtype(from));
    const auto n = static_cast<int64_t>(src.size() / size_of(dtype(from)));
    for (int to = 0; to < kDTypeCount; ++to) {
      Bytes expected;
      for (int64_t i = 0; i < n; ++i) encode(dtype(to), decode(dtype(from), &src[i * size_of(dtype(from))]), expected);
      for (const Kernels* const* k = all_kernels(); *k; ++k) {
        Bytes got(expected.size());
        const int64_t stride = 1;
        (*k)->copy({1, &n, src.data(), &stride, dtype(from), got.data(), &stride, dtype(to)});
        CAPTURE(std::string((*k)->isa));
        CAPTURE(pair_name(dtype(from), dtype(to)));
        CHECK(first_difference(dtype(to), got, expected) == -1);
      }
    }
  }
}

TEST_CASE("blocks: load and store agree with the oracle at any stride and length") {
  for (int t = 0; t < kDTypeCount; ++t) {
    const DType type = dtype(t);
    const Bytes src = samples(type);
    for (int c = 0; c < kComputeCount; ++c) {
      const auto compute = static_cast<Compute>(c);
      const DType wide = storage_of(compute);
      for (const Kernels* const* k = all_kernels(); *k; ++k) {
        CAPTURE(std::string((*k)->isa));
        CAPTURE(pair_name(type, wide));
        for (const int64_t stride : {int64_t{1}, int64_t{0}, int64_t{2}, int64_t{-1}, int64_t{-3}}) {
          const auto n = static_cast<int64_t>(src.size() / size_of(type) / 3);
          const int64_t start = stride < 0 ? -stride * (n - 1) : 0;
          Bytes expected, got(n * size_of(wide)), stored(n * size_of(type)), back;
          for (int64_t i = 0; i < n; ++i)
            encode(wide, decode(type, &src[(start + i * stride) * size_of(type)]), expected);
          (*k)->load_block(&src[start * size_of(type)], stride, type, compute, got.data(), n);
          CHECK(first_difference(wide, got, expected) == -1);
          for (int64_t i = 0; i < n; ++i) encode(type, decode(wide, &expected[i * size_of(wide)]), back);
          (*k)->store_block(expected.data(), compute, stored.data(), type, n);
          CHECK(first_difference(type, stored, back) == -1);
        }
      }
    }
  }
}

TEST_CASE("conversions give the same bits on every instruction set, NaN payloads included") {
  for (int from = 0; from < kDTypeCount; ++from) {
    const Bytes src = samples(dtype(from));
    const auto n = static_cast<int64_t>(src.size() / size_of(dtype(from)));
    for (int to = 0; to < kDTypeCount; ++to) {
      const int64_t stride = 1;
      Bytes first;
      for (const Kernels* const* k = all_kernels(); *k; ++k) {
        Bytes got(n * size_of(dtype(to)));
        (*k)->copy({1, &n, src.data(), &stride, dtype(from), got.data(), &stride, dtype(to)});
        if (first.empty()) first = got;
        CAPTURE(std::string((*k)->isa));
        CAPTURE(pair_name(dtype(from), dtype(to)));
        CHECK((got == first));
      }
    }
  }
}

TEST_CASE("float16 and bfloat16: all values survive the way through float32") {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const auto b = static_cast<uint16_t>(bits);
    const double half = decode_small(b, 5, 10), bfloat = decode_small(b, 8, 7);
    if (std::isnan(half)) {
      CHECK(std::isnan(to_float(Half{b})));
      CHECK(std::isnan(to_float(to_half(to_float(Half{b})))));
    } else {
      CHECK(static_cast<double>(to_float(Half{b})) == half);
      CHECK(to_half(to_float(Half{b})).bits == b);
      CHECK(to_half(half).bits == b);
    }
    if (std::isnan(bfloat)) {
      CHECK(std::isnan(to_float(to_bfloat16(to_float(BFloat16{b})))));
    } else {
      CHECK(static_cast<double>(to_float(BFloat16{b})) == bfloat);
      CHECK(to_bfloat16(to_float(BFloat16{b})).bits == b);
      CHECK(to_bfloat16(bfloat).bits == b);
    }
  }
}

TEST_CASE("float64 to float16 rounds once: just above a tie goes up, where a stop at float32 would go to even") {
  const double above = 1 + 0x1p-11 + 0x1p-40;
  CHECK(to_half(above).bits == 0x3c01);
  CHECK(to_half(static_cast<double>(static_cast<float>(above))).bits == 0x3c00);
  CHECK(to_bfloat16(1 + 0x1p-8 + 0x1p-40).bits == 0x3f81);
}

// ---- index spaces -------------------------------------------------------------------------------------------------

namespace {

struct Layout {
  std::vector<int64_t> strides;
  int64_t origin, extent;  // elements
};

/// Strides of an array that is stored in the order `order` of its dims (outermost first), each dim with steps and
/// reversal.
Layout random_layout(const std::vector<int64_t>& shape, std::mt19937_64& random, bool may_repeat) {
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::vector<int> order(shape.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  if (pick(3) != 0) std::shuffle(order.begin(), order.end(), random);
  Layout l{std::vector<int64_t>(shape.size()), 0, 1};
  for (size_t i = order.size(); i-- > 0;) {
    const int d = order[i];
    if (may_repeat && pick(5) == 0) continue;  // stride 0
    const int64_t step = l.extent * (pick(4) == 0 ? 2 : 1);
    const bool reversed = pick(4) == 0;
    l.strides[d] = reversed ? -step : step;
    if (reversed && shape[d] > 0) l.origin += step * (shape[d] - 1);
    l.extent = step * std::max<int64_t>(shape[d], 1) + (pick(4) == 0 ? 3 : 0);
  }
  return l;
}

/// A copy with every instruction set against the loop over all indices; bytes that no index names must stay.
void check_copy(const std::vector<int64_t>& shape, const Layout& from, DType src_type, const Layout& to,
                DType dst_type) {
  std::mt19937_64 random(3);
  Bytes src(from.extent * size_of(src_type));
  for (auto& b : src) b = static_cast<unsigned char>(src_type == DType::Bool ? random() % 2 : random());
  Bytes expected(to.extent * size_of(dst_type), 0xa5);
  std::vector<int64_t> index(shape.size(), 0);
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  Bytes element;
  for (int64_t i = 0; i < count; ++i) {
    int64_t s = from.origin, d = to.origin;
    for (size_t k = 0; k < shape.size(); ++k) s += index[k] * from.strides[k], d += index[k] * to.strides[k];
    element.clear();
    const unsigned char* p = &src[s * size_of(src_type)];
    if (src_type == dst_type) {
      element.assign(p, p + size_of(src_type));
    } else {
      encode(dst_type, decode(src_type, p), element);
    }
    std::memcpy(&expected[d * size_of(dst_type)], element.data(), element.size());
    for (size_t k = shape.size(); k-- > 0;) {
      if (++index[k] < shape[k]) break;
      index[k] = 0;
    }
  }
  for (const Kernels* const* k = all_kernels(); *k; ++k) {
    Bytes got(expected.size(), 0xa5);
    (*k)->copy({static_cast<int>(shape.size()), shape.data(), src.data() + from.origin * size_of(src_type),
                from.strides.data(), src_type, got.data() + to.origin * size_of(dst_type), to.strides.data(),
                dst_type});
    CAPTURE(std::string((*k)->isa));
    CAPTURE(pair_name(src_type, dst_type));
    CHECK(((src_type == dst_type && got == expected) ||
           (src_type != dst_type && first_difference(dst_type, got, expected) == -1)));
  }
}

Layout dense(const std::vector<int64_t>& shape, const std::vector<int>& order) {
  Layout l{std::vector<int64_t>(shape.size()), 0, 1};
  for (size_t i = order.size(); i-- > 0;) {
    l.strides[order[i]] = l.extent;
    l.extent *= shape[order[i]];
  }
  return l;
}

}  // namespace

TEST_CASE("copy of random index spaces: rank 0 to 6, permuted, stepped, reversed, repeated") {
  std::mt19937_64 random(11);
  for (int trial = 0; trial < 600; ++trial) {
    std::vector<int64_t> shape(random() % 7);
    for (auto& size : shape)
      size = trial % 50 == 49 ? static_cast<int64_t>(random() % 2) : 1 + static_cast<int64_t>(random() % 6);
    const Layout from = random_layout(shape, random, true), to = random_layout(shape, random, false);
    const DType a = dtype(static_cast<int>(random() % kDTypeCount));
    const DType b = trial % 2 ? a : dtype(static_cast<int>(random() % kDTypeCount));
    check_copy(shape, from, a, to, b);
  }
}

TEST_CASE("copy of transposes with ragged tiles, rows, fills and long strided rows") {
  for (const DType t : {DType::UInt8, DType::Float16, DType::Float32, DType::Float64}) {
    for (const auto& shape :
         std::vector<std::vector<int64_t>>{{67, 133}, {16, 16}, {1, 200}, {130, 3}, {3, 5, 70}, {64, 2, 65}}) {
      std::vector<int> order(shape.size());
      for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
      const Layout to = dense(shape, order);
      do {
        check_copy(shape, dense(shape, order), t, to, t);
        check_copy(shape, dense(shape, order), t, to, DType::Float64);
        check_copy(shape, to, t, dense(shape, order), DType::Int32);
      } while (std::next_permutation(order.begin(), order.end()));
    }
    check_copy({1500}, {{0}, 0, 1}, t, {{1}, 0, 1500}, t);
    check_copy({1500}, {{0}, 0, 1}, t, {{1}, 0, 1500}, DType::Int64);
    check_copy({1500}, {{3}, 0, 4500}, t, {{-2}, 2998, 3000}, t);
    check_copy({1500}, {{3}, 0, 4500}, t, {{-2}, 2998, 3000}, DType::BFloat16);
  }
}

TEST_CASE("copy of more than one unit of parallel work") {
  const int threads = num_threads();
  for (const int n : {1, 3}) {
    set_num_threads(n);
    check_copy({3, 1500, 500}, dense({3, 1500, 500}, {0, 1, 2}), DType::Int32, dense({3, 1500, 500}, {0, 1, 2}),
               DType::Int32);
    check_copy({1501, 1003}, dense({1501, 1003}, {1, 0}), DType::Int32, dense({1501, 1003}, {0, 1}), DType::Int32);
    check_copy({1501, 1003}, dense({1501, 1003}, {1, 0}), DType::Int16, dense({1501, 1003}, {0, 1}), DType::Int64);
    check_copy({2, 1300000}, {{0, 0}, 0, 1}, DType::UInt16, dense({2, 1300000}, {0, 1}), DType::UInt16);
  }
  set_num_threads(threads);
}

TEST_CASE("copy of nothing reads nothing") {
  for (const Kernels* const* k = all_kernels(); *k; ++k) {
    const int64_t shape[] = {3, 0}, strides[] = {1, 1};
    (*k)->copy({2, shape, nullptr, strides, DType::Float32, nullptr, strides, DType::Int8});
    (*k)->load_block(nullptr, 1, DType::Int8, Compute::F32, nullptr, 0);
    (*k)->store_block(nullptr, Compute::F32, nullptr, DType::Int8, 0);
  }
}

}  // namespace adcore
