// Dims, counting, strides, axes and broadcasting, against plain loops.
#include "base/shape.h"

#include <doctest/doctest.h>

#include <vector>

#include "base/error.h"

namespace adcore {
namespace {

template <class F>
ErrorKind kind_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.kind();
  }
  FAIL("no error");
  return ErrorKind::Runtime;
}

constexpr int64_t kBig = int64_t{1} << 40;

TEST_CASE("Dims behaves as a vector of at most kMaxRank numbers") {
  Dims d{4, 5, 6};
  std::vector<int64_t> v{4, 5, 6};
  const auto same = [&] { return std::vector<int64_t>(d.begin(), d.end()) == v; };
  CHECK(same());
  for (int at : {0, 2, 5}) {
    d.insert(at, 10 + at);
    v.insert(v.begin() + at, 10 + at);
    CHECK(same());
  }
  for (int at : {5, 0, 1}) {
    d.erase(at);
    v.erase(v.begin() + at);
    CHECK(same());
  }
  CHECK(d.back() == v.back());
  CHECK(d == Dims(std::span<const int64_t>(v)));
  CHECK(!(d == Dims{4}));
  CHECK(!(Dims{1, 2} == Dims{1, 3}));
  Dims full(kMaxRank, 1);
  CHECK(kind_of([&] { full.push_back(1); }) == ErrorKind::Value);
  CHECK(kind_of([&] { full.insert(0, 1); }) == ErrorKind::Value);
  CHECK(full == Dims(kMaxRank, 1));
  full.clear();
  CHECK(full.empty());
}

TEST_CASE("shapes print as Python's tuples") {
  CHECK(to_string(Dims{}) == "()");
  CHECK(to_string(Dims{5}) == "(5,)");
  CHECK(to_string(Dims{2, 3}) == "(2, 3)");
}

TEST_CASE("count: products that fit, zero wherever a size is zero, errors else") {
  CHECK(count(Dims{}) == 1);
  CHECK(count(Dims{2, 3, 4}) == 24);
  CHECK(count(Dims{kBig, 1 << 20}) == kBig << 20);
  for (const Dims& shape : {Dims{0}, Dims{3, 0}, Dims{0, kBig, kBig}, Dims{kBig, kBig, 0}, Dims{kBig, 0, kBig}})
    CHECK(count(shape) == 0);
  CHECK(kind_of([] { count(Dims{kBig, kBig}); }) == ErrorKind::Memory);
  CHECK(kind_of([] { count(Dims{-1}); }) == ErrorKind::Value);
  CHECK(kind_of([] { count(Dims{0, -1}); }) == ErrorKind::Value);
}

TEST_CASE("the strides of a contiguous shape number its elements by rows") {
  for (const Dims& shape : {Dims{}, Dims{7}, Dims{2, 3}, Dims{3, 1, 4, 2}}) {
    const Dims strides = contiguous_strides(shape);
    int64_t want = 0;
    Dims index(shape.size(), 0);
    for (int64_t i = 0; i < count(shape); ++i) {
      int64_t at = 0;
      for (int k = 0; k < shape.size(); ++k) at += index[k] * strides[k];
      CHECK(at == want++);
      for (int k = shape.size() - 1; k >= 0 && ++index[k] == shape[k]; --k) index[k] = 0;
    }
  }
}

TEST_CASE("an empty shape of any sizes has strides, and numel agrees with count") {
  for (const Dims& shape : {Dims{0, 5}, Dims{5, 0}, Dims{0, kBig, kBig}, Dims{kBig, kBig, 0}, Dims{kBig, 0, kBig}}) {
    INFO(to_string(shape));
    CHECK(contiguous_strides(shape).size() == shape.size());
    CHECK(numel(shape) == count(shape));
  }
}

TEST_CASE("axes count from both ends") {
  for (int rank : {1, 2, 5}) {
    for (int i = 0; i < rank; ++i) {
      CHECK(checked_axis("op", i, rank) == i);
      CHECK(checked_axis("op", i - rank, rank) == i);
    }
    for (int64_t bad : {int64_t{rank}, int64_t{-rank - 1}, INT64_MAX, INT64_MIN}) {
      CHECK(kind_of([&] { checked_axis("op", bad, rank); }) == ErrorKind::Value);
    }
  }
  CHECK(kind_of([] { checked_axis("op", 0, 0); }) == ErrorKind::Value);
}

TEST_CASE("broadcast: the rule element by element, in both orders") {
  // All pairs of shapes of up to 3 axes with sizes 0 to 3.
  std::vector<Dims> shapes{{}};
  for (size_t begin = 0, rank = 0; rank < 3; ++rank) {
    const size_t end = shapes.size();
    for (; begin < end; ++begin) {
      for (int64_t d = 0; d < 4; ++d) {
        Dims longer = shapes[begin];
        longer.push_back(d);
        shapes.push_back(longer);
      }
    }
  }
  for (const Dims& a : shapes) {
    for (const Dims& b : shapes) {
      const int rank = std::max(a.size(), b.size());
      Dims want(rank, 0);
      bool fits = true;
      for (int i = 0; i < rank; ++i) {
        const int64_t x = i < rank - a.size() ? 1 : a[i - rank + a.size()],
                      y = i < rank - b.size() ? 1 : b[i - rank + b.size()];
        fits = fits && (x == y || x == 1 || y == 1);
        want[i] = x == 1 ? y : x;
      }
      if (fits ? !(broadcast("op", a, b) == want) : kind_of([&] { broadcast("op", a, b); }) != ErrorKind::Value) {
        FAIL_CHECK(to_string(a), " with ", to_string(b));
      }
    }
  }
}

}  // namespace
}  // namespace adcore
