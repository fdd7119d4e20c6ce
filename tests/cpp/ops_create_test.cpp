// Tensors out of nothing: constants, sequences through the table of functions, random numbers and their state.
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "kernel_cases.h"
#include "ops/random.h"
#include "ops/table.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

/// Arguments given as numbers: whole ones are integers unless `real`; NaN is not given.
class Numbers : public Args {
 public:
  explicit Numbers(std::vector<double> values, bool real = false) : values_(std::move(values)), real_(real) {}
  bool given(int i) override {
    return i < static_cast<int>(values_.size()) && !std::isnan(values_[static_cast<size_t>(i)]);
  }
  bool is_tensor(int) override { return false; }
  bool is_bool(int) override { return false; }
  bool is_integer(int i) override { return !real_ && real(i) == std::floor(real(i)); }
  int64_t integer(int i) override { return static_cast<int64_t>(real(i)); }
  double real(int i) override { return values_.at(static_cast<size_t>(i)); }
  const Tensor& tensor(int) override { throw std::logic_error("no tensor"); }
  bool flag(int) override { throw std::logic_error("no flag"); }
  std::string_view word(int) override { throw std::logic_error("no word"); }
  Dims dims(int i) override { return {integer(i)}; }
  DType dtype(int) override { throw std::logic_error("no dtype"); }
  const std::vector<Tensor>& tensors(int) override { throw std::logic_error("no tensors"); }

 private:
  std::vector<double> values_;
  bool real_;
};

Tensor call(std::string_view name, std::vector<double> values, bool real = false) {
  Numbers args(std::move(values), real);
  for (const Function* f : function_table())
    if (f->name() == name) return f->one(args);
  throw std::logic_error("no such function");
}

const double kNot = kNaN<double>;

TEST_CASE(
    "the table of functions: each has one implementation, a signature, a summary, an example, a name of its own") {
  std::set<std::string> names;
  for (const Function* f : function_table()) {
    INFO(std::string(f->signature));
    CHECK((f->one != nullptr) != (f->many != nullptr));
    CHECK(names.insert(std::string(f->name())).second);
    CHECK(std::string(f->signature).back() == ')');
    CHECK(std::string(f->summary).back() == '.');
    CHECK(std::string(f->example.code).find(f->name()) != std::string::npos);
    CHECK(formula_index(f->name()) == -1);
  }
  CHECK(names.size() == kShapeFunctions.size() + kReduceFunctions.size() + kSoftmaxFunctions.size() +
                            kLossFunctions.size() + kMatmulFunctions.size() + kIndexFunctions.size() +
                            kCreateFunctions.size());
}

TEST_CASE("arange counts by the loop that defines it") {
  for (double start : {-3.0, 0.0, 2.0}) {
    for (double end : {-4.0, 0.0, 2.0, 7.0}) {
      for (double step : {-2.0, -1.0, 1.0, 3.0}) {
        for (bool real : {false, true}) {
          std::vector<double> want;
          for (double v = start; step > 0 ? v < end : v > end; v += step) want.push_back(v);
          const Tensor y = call("arange", {start, end, step}, real);
          CHECK(to_vector(y) == want);
          CHECK(y.dtype() == (real ? DType::Float32 : DType::Int64));
        }
      }
    }
  }
  CHECK(to_vector(call("arange", {3, kNot, 1})) == std::vector<double>{0, 1, 2});
  CHECK(to_vector(call("arange", {0, 1, 0.25})) == std::vector<double>{0, 0.25, 0.5, 0.75});
  CHECK(error_of([] { call("arange", {0, 1, 0}); }) == ErrorKind::Value);
  CHECK(error_of([] { call("arange", {0, 1, 0}, true); }) == ErrorKind::Value);
  CHECK(error_of([] { call("arange", {0, kInf<double>, 1}, true); }) == ErrorKind::Value);
  CHECK_THROWS_AS(call("arange", {-9e18, 9e18, 1}), std::bad_alloc);
  CHECK_THROWS_AS(call("arange", {0, 1e300, 1}, true), std::bad_alloc);
}

TEST_CASE("linspace and eye") {
  CHECK(to_vector(call("linspace", {0, 1, 5})) == std::vector<double>{0, 0.25, 0.5, 0.75, 1});
  CHECK(to_vector(call("linspace", {2, -1, 2})) == std::vector<double>{2, -1});
  CHECK(to_vector(call("linspace", {2, 9, 1})) == std::vector<double>{2});
  CHECK(call("linspace", {2, 9, 0}).size() == 0);
  CHECK(error_of([] { call("linspace", {0, 1, -1}); }) == ErrorKind::Value);
  CHECK(to_vector(call("eye", {2, 3})) == std::vector<double>{1, 0, 0, 0, 1, 0});
  CHECK(to_vector(call("eye", {3, 2})) == std::vector<double>{1, 0, 0, 1, 0, 0});
  CHECK(call("eye", {0}).shape() == Dims{0, 0});
  CHECK(error_of([] { call("eye", {-1}); }) == ErrorKind::Value);
}

TEST_CASE("a seed names a sequence; calls take what follows; a seed of one's own takes nothing") {
  const Dims shape{3, 5};
  set_seed(42);
  CHECK(get_seed() == 42);
  const auto a = to_vector(random_uniform(shape, DType::Float64)), b = to_vector(random_uniform(shape, DType::Float64));
  CHECK(a != b);
  set_seed(42);
  const uint64_t own = 7;
  const auto c = to_vector(random_uniform(shape, DType::Float64, &own));
  CHECK(c == to_vector(random_uniform(shape, DType::Float64, &own)));
  CHECK(to_vector(random_uniform({30}, DType::Float64)).front() == a.front());
  set_seed(42);
  std::vector<double> both = to_vector(random_uniform({30}, DType::Float64));
  std::vector<double> joined = a;
  joined.insert(joined.end(), b.begin(), b.end());
  CHECK(both == joined);
}

TEST_CASE("random numbers of every dtype lie where they should, and have the right moments") {
  set_seed(1);
  for (DType t : {DType::Float64, DType::Float32, DType::Float16, DType::BFloat16}) {
    INFO(std::string(name_of(t)));
    double total = 0, squares = 0;
    for (double v : to_vector(random_normal({20000}, t))) {
      total += v;
      squares += v * v;
    }
    CHECK(std::fabs(total / 20000) < 5 / std::sqrt(20000));
    CHECK(std::fabs(squares / 20000 - 1) < 5 * std::sqrt(2.0 / 20000) + 0.01);
    const auto u = to_vector(random_uniform({20000}, t));
    CHECK(*std::min_element(u.begin(), u.end()) >= 0);
    CHECK(*std::max_element(u.begin(), u.end()) < 1);
  }
  const auto n = to_vector(random_integers({20000}, -3, 4, DType::Int8));
  CHECK(std::set<double>(n.begin(), n.end()) == std::set<double>{-3, -2, -1, 0, 1, 2, 3});
  CHECK(random_integers({0}, 0, 1, DType::Int64).size() == 0);
  CHECK(error_of([] { random_integers({2}, 3, 3, DType::Int64); }) == ErrorKind::Value);
  CHECK(error_of([] { random_uniform({2}, DType::Int32); }) == ErrorKind::Type);
  CHECK(error_of([] { random_normal({-1}, DType::Float32); }) == ErrorKind::Value);
}

TEST_CASE("threads that draw at once share the sequence without overlap") {
  set_seed(5);
  std::vector<std::vector<double>> drawn(4);
  std::vector<std::thread> threads;
  for (auto& mine : drawn) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < 50; ++i)
        for (double v : to_vector(random_uniform({8}, DType::Float64))) mine.push_back(v);
    });
  }
  for (auto& t : threads) t.join();
  std::multiset<double> all;
  for (const auto& mine : drawn) all.insert(mine.begin(), mine.end());
  set_seed(5);
  const auto sequence = to_vector(random_uniform({1600}, DType::Float64));
  CHECK(all == std::multiset<double>(sequence.begin(), sequence.end()));
}

}  // namespace
}  // namespace adcore
