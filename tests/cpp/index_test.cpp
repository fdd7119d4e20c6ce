// take, put, gather, index_add, scatter_add against loops over all indices, on every instruction set.
#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"

namespace adcore {
namespace {

using Bytes = std::vector<unsigned char>;

std::mt19937_64& random_bits() {
  static std::mt19937_64 r(5);
  return r;
}

Bytes random_bytes(int64_t n) {
  Bytes b(static_cast<size_t>(n));
  for (auto& x : b) x = static_cast<unsigned char>(random_bits()());
  return b;
}

std::vector<int64_t> random_index(int64_t n, int64_t size) {
  std::vector<int64_t> index(static_cast<size_t>(n));
  for (auto& i : index) i = static_cast<int64_t>(random_bits()() % static_cast<uint64_t>(size));
  return index;
}

/// Values whose sum depends on the order of addition: magnitudes from 1 to 2^40.
template <class T>
std::vector<T> random_values(int64_t n) {
  std::vector<T> v(static_cast<size_t>(n));
  for (auto& x : v) {
    const auto bits = static_cast<int64_t>(random_bits()());
    if constexpr (std::is_floating_point_v<T>) {
      x = static_cast<T>(bits >> 24 >> (random_bits()() % 40)) / 7;
    } else {
      x = static_cast<T>(bits);
    }
  }
  return v;
}

/// Addition as the kernels define it: IEEE in T, wrapping for integers.
template <class T>
T add(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  } else {
    return a + b;
  }
}

struct Sizes {
  int64_t outer, size, count, inner;
};

// The last ones are more than one unit of parallel work: along outer, along inner, along both, with short rows.
const std::vector<Sizes> kSizes = {{1, 5, 7, 1},        {2, 3, 4, 2},      {3, 1, 5, 3},      {1, 10, 33, 17},
                                   {4, 6, 2, 64},       {2, 9, 20, 333},   {0, 3, 2, 2},      {2, 3, 0, 2},
                                   {2, 3, 2, 0},        {64, 50, 500, 11}, {1, 7, 400, 1003}, {3, 11, 300, 401},
                                   {1, 1000, 300000, 1}};

/// Every instruction set, with one thread and with three.
template <class Body>
void for_kernels(const Body& body) {
  const int threads = num_threads();
  for (const int n : {1, 3}) {
    set_num_threads(n);
    for (const Kernels* const* k = all_kernels(); *k; ++k) {
      CAPTURE(std::string((*k)->isa));
      body(**k);
    }
  }
  set_num_threads(threads);
}

template <class T>
void check_sums(const Sizes& s, int compute) {
  const auto x = random_values<T>(s.outer * s.size * s.inner), v = random_values<T>(s.outer * s.count * s.inner);
  const auto index = random_index(s.count, s.size), each = random_index(s.outer * s.count * s.inner, s.size);
  auto added = x, scattered = x;
  for (int64_t o = 0; o < s.outer; ++o) {
    for (int64_t i = 0; i < s.count; ++i) {
      for (int64_t j = 0; j < s.inner; ++j) {
        const int64_t from = (o * s.count + i) * s.inner + j;
        T& a = added[(o * s.size + index[i]) * s.inner + j];
        a = add(a, v[from]);
        T& b = scattered[(o * s.size + each[from]) * s.inner + j];
        b = add(b, v[from]);
      }
    }
  }
  for_kernels([&](const Kernels& k) {
    auto got = x;
    k.places[compute].index_add({got.data(), index.data(), v.data(), s.outer, s.size, s.count, s.inner});
    CHECK((got == added));
    got = x;
    auto read = v;
    k.places[compute].scatter_add(
        {got.data(), each.data(), read.data(), s.outer, s.size, s.count, s.inner, static_cast<int64_t>(sizeof(T))});
    CHECK((got == scattered));
    CHECK((read == v));
  });
}

}  // namespace

TEST_CASE("take reads rows of any length by index") {
  for (const Sizes& s : kSizes) {
    for (const int64_t item : {1, 3, 4, 8, 16}) {
      const int64_t row = s.inner * item;
      const Bytes x = random_bytes(s.outer * s.size * row);
      const auto index = random_index(s.count, s.size);
      Bytes expected;
      for (int64_t o = 0; o < s.outer; ++o) {
        for (const int64_t i : index) {
          const auto from = x.begin() + (o * s.size + i) * row;
          expected.insert(expected.end(), from, from + row);
        }
      }
      for_kernels([&](const Kernels& k) {
        Bytes got(expected.size());
        k.take({x.data(), index.data(), got.data(), s.outer, s.size, s.count, row});
        CHECK((got == expected));
      });
    }
  }
}

TEST_CASE("put writes rows by index; of equal indices the last wins; other rows stay") {
  for (const Sizes& s : kSizes) {
    for (const int64_t item : {1, 3, 4, 8, 16}) {
      const int64_t row = s.inner * item;
      const Bytes x = random_bytes(s.outer * s.size * row), v = random_bytes(s.outer * s.count * row);
      const auto index = random_index(s.count, s.size);
      Bytes expected = x;
      for (int64_t o = 0; o < s.outer; ++o) {
        for (int64_t i = 0; i < s.count; ++i) {
          for (int64_t j = 0; j < row; ++j)
            expected[(o * s.size + index[i]) * row + j] = v[(o * s.count + i) * row + j];
        }
      }
      for_kernels([&](const Kernels& k) {
        Bytes got = x;
        k.put({got.data(), index.data(), v.data(), s.outer, s.size, s.count, row});
        CHECK((got == expected));
      });
    }
  }
}

TEST_CASE("gather reads element by element along the middle axis") {
  for (const Sizes& s : kSizes) {
    for (const int64_t item : {1, 2, 4, 8}) {
      const Bytes x = random_bytes(s.outer * s.size * s.inner * item);
      const auto index = random_index(s.outer * s.count * s.inner, s.size);
      Bytes expected(static_cast<size_t>(s.outer * s.count * s.inner * item));
      for (int64_t o = 0; o < s.outer; ++o) {
        for (int64_t i = 0; i < s.count; ++i) {
          for (int64_t j = 0; j < s.inner; ++j) {
            const int64_t to = (o * s.count + i) * s.inner + j, from = (o * s.size + index[to]) * s.inner + j;
            std::memcpy(&expected[to * item], &x[from * item], static_cast<size_t>(item));
          }
        }
      }
      for_kernels([&](const Kernels& k) {
        Bytes got(expected.size());
        k.gather({x.data(), index.data(), got.data(), s.outer, s.size, s.count, s.inner, item});
        CHECK((got == expected));
      });
    }
  }
}

TEST_CASE("index_add and scatter_add add in the order of i: the bits of the plain loop at any number of threads") {
  for (const Sizes& s : kSizes) {
    check_sums<float>(s, static_cast<int>(Compute::F32));
    check_sums<double>(s, static_cast<int>(Compute::F64));
    check_sums<int64_t>(s, static_cast<int>(Compute::I64));
    check_sums<uint64_t>(s, static_cast<int>(Compute::U64));
  }
}

TEST_CASE("index_add wraps around at the end of int64") {
  for_kernels([](const Kernels& k) {
    int64_t x = std::numeric_limits<int64_t>::max();
    const int64_t index[] = {0, 0}, one[] = {1, 1};
    k.places[static_cast<int>(Compute::I64)].index_add({&x, index, one, 1, 1, 2, 1});
    CHECK(x == std::numeric_limits<int64_t>::min() + 1);
  });
}

}  // namespace adcore
