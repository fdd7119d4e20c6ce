// Regions: what a box with any steps reads and writes, by loops over its indices; overlapping and still axes; batches.
#include "core/box.h"
#include "ops/regions.h"
#include "sweeps/batch.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

/// A box of three axes in a matrix of 4 by 7: its rows of coordinates, and where it begins.
struct Case {
  int64_t count[3], start[2], step[6];

  Region region() const { return {0, 3, count, {2, start, step}, {}}; }
  Dims box() const { return {count[0], count[1], count[2]}; }
  size_t at(const Dims& i) const {
    int64_t row = start[0], column = start[1];
    for (int k = 0; k < 3; ++k) row += i[k] * step[2 * k], column += i[k] * step[2 * k + 1];
    return static_cast<size_t>(row * 7 + column);
  }
};
const Case kCases[] = {
    {{2, 2, 3}, {0, 0}, {2, 0, 0, 3, 0, 1}},    // tiles
    {{3, 3, 3}, {1, 0}, {0, 2, 0, 1, 1, 0}},    // windows that overlap
    {{2, 4, 5}, {0, 6}, {1, 0, 0, -1, 0, 0}},   // the last axis stands still
    {{6, 2, 2}, {3, 1}, {0, 0, -1, 2, -1, 1}},  // the first axis stands still, the others run across
    {{2, 3, 4}, {0, 0}, {0, 0, 1, 0, 0, 0}},    // two still axes around one that moves
    {{0, 3, 2}, {0, 0}, {1, 0, 1, 1, 0, 1}},    // no element
    {{1, 1, 1}, {2, 5}, {0, 0, 0, 0, 9, 9}},    // one
};

TEST_CASE("a region reads what it names, and its cotangent is added there") {
  for (const Case& c : kCases) {
    for (Layout layout : kLayouts) {
      const Tensor x = laid_out(random_tensor({4, 7}, -1, 1, 1), layout), w = random_tensor(c.box(), -1, 1, 2);
      const std::vector<double> values = to_vector(x), weights = to_vector(w);
      std::vector<double> want, gradient(28, 0.0);
      for_each_index(c.box(), [&](const Dims& i) {
        gradient[c.at(i)] += weights[want.size()];
        want.push_back(values[c.at(i)]);
      });
      const auto read = [&](const std::vector<Tensor>& v) { return view_of_region(v[0], c.region()); };
      CHECK(to_vector(read({x})) == want);
      const auto weighed = [&](const std::vector<Tensor>& v) { return sum(read(v) * w); };
      const std::vector<double> got = to_vector(value_and_grad(weighed, {x}).gradients[0]);
      for (size_t k = 0; k < got.size(); ++k) CHECK(got[k] == doctest::Approx(gradient[k]));
    }
    check_gradients([&](const auto& v) { return view_of_region(v[0] * v[0], c.region()); },
                    {random_tensor({4, 7}, -1, 1, 3)}, 3);
  }
}

TEST_CASE("members of a batch are added as one alone is, to the bit") {
  for (DType dtype : {DType::Float32, DType::Float16}) {
    for (const Case& c : kCases) {
      constexpr int64_t kMembers = 3;
      const Tensor x = random_tensor({kMembers, 4, 7}, -1, 1, 4, dtype), w = random_tensor(c.box(), -1, 1, 5, dtype);
      const auto pulled = [&](const Tensor& t) {
        const auto f = [&](const std::vector<Tensor>& v) { return sum(view_of_region(v[0], c.region()) * w); };
        return value_and_grad(f, {t}).gradients[0];
      };
      const auto batch = std::make_shared<Batch>(kMembers);
      Tensor together;
      {
        const FrameScope scope(*batch);
        together = pulled(make_batch(*batch, x));
      }
      const Box* box = box_of(together);
      const Tensor one = pulled(Tensor({4, 7}, dtype));
      std::vector<double> want;
      for (int64_t m = 0; m < kMembers; ++m)
        for (double v : to_vector(one)) want.push_back(v);
      CHECK(to_vector(box ? box->base : broadcast_to(together, {kMembers, 4, 7})) == want);
    }
  }
}

TEST_CASE("what meets in one element rounds once in half precision") {
  const int64_t count[] = {4096}, still[] = {0};
  const Region same{0, 1, count, along_axes(still, still), {}};
  const int64_t windows[] = {2048, 3}, start[] = {0}, step[] = {1, 1};
  const Region overlapping{0, 2, windows, {1, start, step}, {}};
  const auto gradient = [](const Tensor& x, const Region& r) {
    const auto f = [&](const std::vector<Tensor>& v) { return sum(view_of_region(v[0], r)); };
    return to_vector(value_and_grad(f, {x}).gradients[0]);
  };
  CHECK(gradient(Tensor({1}, DType::Float16), same)[0] == 4096);
  CHECK(gradient(Tensor({2050}, DType::Float16), overlapping)[1000] == 3);
}

}  // namespace
}  // namespace adcore
