// Tensor: values, views, ownership, conversion.
#include "core/tensor.h"

#include <limits>
#include <new>

#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

constexpr DType kNumeric[] = {DType::UInt8,   DType::Int8,     DType::UInt16,  DType::Int16,
                              DType::UInt32,  DType::Int32,    DType::UInt64,  DType::Int64,
                              DType::Float16, DType::BFloat16, DType::Float32, DType::Float64};

TEST_CASE("small whole numbers survive every dtype, in every layout") {
  for (DType t : kNumeric) {
    INFO(std::string(name_of(t)));
    CHECK(to_vector(full({2, 2}, 7.0, t)) == std::vector<double>(4, 7));
    CHECK(to_vector(full({3}, int64_t{5}, t)) == std::vector<double>(3, 5));
    CHECK(item(scalar(9.0, t)) == 9);
    CHECK(item(scalar(int64_t{9}, t)) == 9);
    const Tensor x = from_values({2, 3}, {1, 2, 3, 4, 5, 6}, t);
    for (Layout layout : kLayouts) {
      const Tensor y = laid_out(x, layout);
      CHECK(to_vector(y) == std::vector<double>{1, 2, 3, 4, 5, 6});
      CHECK(y.contiguous() == (layout == Layout::Plain));
      CHECK(as_contiguous(y).contiguous());
      CHECK(to_vector(as_contiguous(y, DType::Int32)) == to_vector(y));
    }
  }
  CHECK(to_vector(full({2}, int64_t{-3}, DType::Bool)) == std::vector<double>{1, 1});
  CHECK(*scalar(INT64_MAX, DType::Int64).data_as<int64_t>() == INT64_MAX);
  CHECK(*full({}, INT64_MIN, DType::Int64).data_as<int64_t>() == INT64_MIN);
}

TEST_CASE("shape, size, strides of a fresh tensor; none without memory") {
  const Tensor none;
  CHECK(!none.defined());
  const Tensor t({2, 0, 3}, DType::Float32);
  CHECK(t.defined());
  CHECK(t.size() == 0);
  CHECK(to_vector(t).empty());
  const Tensor u({2, 3, 4}, DType::Float64);
  CHECK(u.strides() == Dims{12, 4, 1});
  CHECK(u.contiguous());
  CHECK(u.ref().slot == 0);
}

TEST_CASE("axes of size 1 and empty tensors are contiguous whatever their strides") {
  const Tensor base({6}, DType::Float32);
  const auto contiguous = [&](const Dims& shape, const Dims& strides) {
    return Tensor(base.buffer(), 0, shape, strides, DType::Float32).contiguous();
  };
  CHECK(contiguous({1, 6, 1}, {99, 1, 77}));
  CHECK(contiguous({0, 3}, {5, 5}));
  CHECK(contiguous({2, 3}, {3, 1}));
  CHECK(!contiguous({3, 2}, {1, 3}));
  CHECK(!contiguous({2, 2}, {3, 1}));
  CHECK(!contiguous({4}, {0}));
  CHECK(!contiguous({3}, {-1}));
}

TEST_CASE("only a contiguous value that nobody else holds may be overwritten") {
  Tensor t = full({4}, 1.0, DType::Float32);
  CHECK(t.exclusively_owned());
  {
    const Tensor other = t;
    CHECK(!t.exclusively_owned());
  }
  CHECK(t.exclusively_owned());
  Tensor reversed;
  reversed.view_of(t, {4}, {-1}, 3);
  t = Tensor();
  CHECK(!reversed.exclusively_owned());

  float memory[2] = {1, 2};
  const Tensor foreign(BufferRef(adopt(memory, sizeof memory, nullptr, [](void*) {})), 0, {2}, {1}, DType::Float32);
  CHECK(!foreign.exclusively_owned());
  CHECK(to_vector(foreign) == std::vector<double>{1, 2});
}

TEST_CASE("a view shares the memory, a conversion does not") {
  const Tensor x = from_values({4}, {1, 2, 3, 4});
  CHECK(as_contiguous(x).data() == x.data());
  CHECK(as_contiguous(x, DType::Float64).data() != x.data());
  Tensor tail;
  tail.view_of(x, {2}, {1}, 2);
  CHECK(tail.data() == x.data_as<float>() + 2);
  CHECK(to_vector(tail) == std::vector<double>{3, 4});
  CHECK(to_vector(as_contiguous(tail, DType::Int8)) == std::vector<double>{3, 4});
}

TEST_CASE("detached: the same memory, no slot") {
  Tensor x = from_values({1}, {5});
  x.set_ref({3, 4});
  CHECK(x.detached().ref().slot == 0);
  CHECK(x.detached().data() == x.data());
  CHECK(x.ref().slot == 4);
  CHECK(as_contiguous(x).ref().slot == 0);
}

TEST_CASE("errors: what is no number, what does not fill, what no memory holds") {
  CHECK(error_of([] { item(Tensor({2}, DType::Float32)); }) == ErrorKind::Value);
  CHECK(error_of([] { item(Tensor({0}, DType::Float32)); }) == ErrorKind::Value);
  CHECK(error_of([] { from_values({3}, {1, 2}); }) == ErrorKind::Value);
  constexpr int64_t kBig = int64_t{1} << 40;
  CHECK(error_of([] { Tensor({kBig, kBig}, DType::Int8); }) == ErrorKind::Memory);
  CHECK(error_of([] { Tensor({2, -1}, DType::Int8); }) == ErrorKind::Value);
  CHECK_THROWS_AS(Tensor({int64_t{1} << 61}, DType::Float64), std::bad_alloc);
  CHECK_THROWS_AS(Tensor({int64_t{1} << 55}, DType::Float64), std::bad_alloc);
  Tensor t = full({2}, 1.0, DType::Float32);
  CHECK_THROWS_AS(t.allocate_as({int64_t{1} << 50}, DType::Float64), std::bad_alloc);
}

TEST_CASE("an empty tensor of huge other sizes holds nothing") {
  constexpr int64_t kBig = int64_t{1} << 40;
  for (const Dims& shape : {Dims{0, kBig, kBig}, Dims{kBig, kBig, 0}}) {
    const Tensor t(shape, DType::Float32);
    CHECK(t.size() == 0);
    CHECK(to_vector(t).empty());
    CHECK(to_vector(t + t).empty());
  }
}

}  // namespace
}  // namespace adcore
