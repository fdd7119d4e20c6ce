// Chains: many elementwise calls in one pass give the bits of the calls one by one.
#include "ops/chain.h"

#include <algorithm>

#include "kernel_cases.h"
#include "ops/fused.h"
#include "ops/partial.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

using namespace testing;

/// A chain and, beside it, the same calls one by one.
class Both {
 public:
  Both(DType dtype, std::vector<Tensor> operands, std::vector<double> numbers)
      : dtype_(dtype), operands_(std::move(operands)), numbers_(std::move(numbers)) {
    for (const Tensor& t : operands_) add_value(plan_.input(t.size() == 1), t);
    for (const double x : numbers_) add_value(plan_.input(true), scalar(x, dtype));
  }

  int map(int row, std::initializer_list<int> in) {
    ChainStep s;
    s.row = static_cast<uint16_t>(row);
    std::vector<Tensor> values;
    int k = 0;
    for (const int v : in) {
      s.in[k++] = loaded(v);
      values.push_back(tensors_[static_cast<size_t>(v)]);
    }
    return add_value(plan_.add(s), adcore::apply(elementwise_op(row), std::span<const Tensor>(values)));
  }
  int map(RowName row, std::initializer_list<int> in) { return map(row.row, in); }

  /// g times the partial of a row by one of its operands; -1 where there is no kernel.
  int partial(int row, int input, int g, std::span<const int> in, int y) {
    const PartialRule& rule = partial_rule(row, input);
    if (rule.kind != PartialRule::Kind::Kernel) return -1;
    ChainStep s;
    s.row = static_cast<uint16_t>(row);
    s.kind = static_cast<uint8_t>(ChainStep::kPartial0 + input);
    s.g = indices_[static_cast<size_t>(g)];
    const Tensor* values[kMaxArity + 1];
    int count = 0;
    for (int k = 0; k < kMaxArity; ++k) {
      if (!(rule.needs >> k & 1)) continue;
      s.in[k] = loaded(in[static_cast<size_t>(k)]);
      values[count++] = &tensors_[static_cast<size_t>(in[static_cast<size_t>(k)])];
    }
    if (rule.needs & Y) {
      s.y = indices_[static_cast<size_t>(y)];
      values[count++] = &tensors_[static_cast<size_t>(y)];
    }
    return add_value(plan_.add(s), times_partial(row, input, Tensor(tensors_[static_cast<size_t>(g)]), values));
  }

  const Tensor& tensor(int value) const { return tensors_[static_cast<size_t>(value)]; }
  int inputs() const { return static_cast<int>(operands_.size() + numbers_.size()); }

  /// Whether the chain gives these values with the bits that the calls gave, at any number of threads.
  void check(const std::vector<int>& outputs) {
    std::vector<ChainIndex> out;
    uint32_t masks = 0;
    for (const int v : outputs) {
      masks |= static_cast<uint32_t>(tensor(v).dtype() == DType::Bool) << out.size();
      out.push_back(indices_[static_cast<size_t>(v)]);
    }
    const std::vector<int64_t> words = words_of({dtype_, plan_, numbers_, out, masks});
    const Op& op = fused_op(static_cast<int>(out.size()));
    const Attrs attrs(words.data(), static_cast<int>(words.size()));
    for (const int threads : {1, 2, 4}) {
      const Threads scope(threads);
      const std::vector<Tensor> got = apply_all(op, operands_, attrs);
      for (size_t j = 0; j < got.size(); ++j) {
        const Tensor want = as_contiguous(tensor(outputs[j]));
        REQUIRE(got[j].shape() == want.shape());
        REQUIRE(got[j].dtype() == want.dtype());
        const auto bytes = static_cast<size_t>(want.size()) * size_of(want.dtype());
        CHECK(std::memcmp(got[j].data(), want.data(), bytes) == 0);
      }
    }
  }

 private:
  int add_value(ChainIndex index, Tensor t) {
    indices_.push_back(index);
    tensors_.push_back(std::move(t));
    return static_cast<int>(tensors_.size()) - 1;
  }
  /// A value as kernels read it.
  ChainIndex loaded(int v) {
    const ChainIndex index = indices_[static_cast<size_t>(v)];
    if (tensor(v).dtype() == dtype_) return index;
    ChainStep load;
    load.kind = ChainStep::kLoad;
    load.row = static_cast<uint16_t>(tensor(v).dtype());
    load.in[0] = index;
    return plan_.add(load);
  }

  DType dtype_;
  std::vector<Tensor> operands_;
  std::vector<double> numbers_;
  ChainPlan plan_;
  std::vector<ChainIndex> indices_;
  std::vector<Tensor> tensors_;
};

constexpr auto kArity = kFormulas.apply([](const auto&... row) { return std::array{row.kArity...}; });
constexpr auto kTypes = kFormulas.apply([](const auto&... row) { return std::array{row.types...}; });

/// Random rows and partials on random values that are there already.
void check_random(DType dtype, std::vector<Tensor> operands, int steps, uint64_t seed) {
  std::mt19937_64 bits(seed);
  const auto below = [&](size_t n) { return static_cast<int>(bits() % n); };
  const Dims shape = operands[0].shape();
  Both both(dtype, std::move(operands), {0.5, -1.25});
  std::vector<int> floats, masks, all;
  const auto note = [&](int v) {
    (both.tensor(v).dtype() == DType::Bool ? masks : floats).push_back(v);
    all.push_back(v);
  };
  for (int v = 0; v < both.inputs(); ++v) note(v);
  const auto any_float = [&] { return floats[static_cast<size_t>(below(floats.size()))]; };
  const auto any = [&] { return all[static_cast<size_t>(below(all.size()))]; };
  std::vector<int> made;
  while (static_cast<int>(made.size()) < steps) {
    const int row = below(kFormulaCount);
    const auto types = kTypes[static_cast<size_t>(row)];
    if (types == Types::Integer) continue;
    const int arity = kArity[static_cast<size_t>(row)];
    int in[kMaxArity];
    for (int k = 0; k < arity; ++k)
      in[k] = types == Types::Logic || (types == Types::Select && k == 0) ? any() : any_float();
    const bool whole = std::any_of(in, in + arity, [&](int v) { return both.tensor(v).shape() == shape; });
    if (!whole) continue;
    const int y = arity == 1   ? both.map(row, {in[0]})
                  : arity == 2 ? both.map(row, {in[0], in[1]})
                               : both.map(row, {in[0], in[1], in[2]});
    note(y);
    made.push_back(y);
    if (both.tensor(y).dtype() == DType::Bool) continue;
    for (int k = 0; k < arity; ++k) {
      const int p = both.partial(row, k, any_float(), {in, static_cast<size_t>(arity)}, y);
      if (p < 0 || !(both.tensor(p).shape() == shape)) continue;
      note(p);
      made.push_back(p);
    }
  }
  std::ranges::shuffle(made, bits);
  made.resize(std::min<size_t>(made.size(), 1 + bits() % kMostFusedOutputs));
  both.check(made);
}

constexpr DType kFloats[] = {DType::Float32, DType::Float64};

TEST_CASE("chain: random rows and partials have the bits of the calls, at sizes around blocks and chunks") {
  uint64_t seed = 1;
  for (const DType dtype : kFloats) {
    for (const int64_t n : {1, 2, 7, 32, 1023, 1024, 1025, 2047, 2048, 2049, 4097, 32 * 1024, 32 * 1024 + 3, 70001}) {
      CAPTURE(n);
      for (int i = 0; i < (n < 5000 ? 8 : 2); ++i, ++seed) {
        CAPTURE(seed);
        check_random(dtype,
                     {random_tensor({n}, -2, 2, seed, dtype), random_tensor({n}, 0.1, 2, seed + 1000, dtype),
                      random_tensor({}, -2, 2, seed + 2000, dtype)},
                     3 + static_cast<int>(seed % 20), seed);
      }
    }
  }
}

TEST_CASE("chain: operands of every layout, shape and dtype") {
  uint64_t seed = 100;
  for (const DType dtype : kFloats) {
    for (const Layout layout : kLayouts) {
      for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{3, 5}, {400, 7}, {3, 5000}, {1, 9}, {9, 1}}) {
        CAPTURE(rows);
        CAPTURE(columns);
        ++seed;
        const Tensor x = laid_out(random_tensor({rows, columns}, -2, 2, seed, dtype), layout);
        const Tensor row = laid_out(random_tensor({columns}, -2, 2, seed + 1, dtype), layout);
        const Tensor column = random_tensor({rows, 1}, -2, 2, seed + 2, dtype);
        const Tensor same = broadcast_to(scalar(0.75, dtype), {rows, columns});
        const Tensor half = random_tensor({rows, columns}, -2, 2, seed + 3, DType::Float16);
        const Tensor mask = map("greater", random_tensor({columns}, -1, 1, seed + 4), scalar(0.0, DType::Float64));
        check_random(dtype, {x, row, column, same, mask}, 12, seed);
        Both cast_first(dtype, {x, half, mask}, {});
        const int sum = cast_first.map("add", {0, 1});
        cast_first.check({cast_first.map("where", {2, sum, 0}), sum});
      }
    }
  }
}

TEST_CASE("chain: rows that pair, in any order, whoever else reads what they make") {
  const RowName rows[] = {"mul", "add", "sub", "neg"};
  for (const DType dtype : kFloats) {
    for (uint64_t seed = 1; seed <= 60; ++seed) {
      CAPTURE(seed);
      std::mt19937_64 bits(seed);
      const int64_t n = seed % 3 ? 50 : 5000;
      Both both(dtype, {random_tensor({n}, -2, 2, seed, dtype), random_tensor({n}, -2, 2, seed + 100, dtype)},
                {0.5, -3.0});
      int newest = 0;
      std::vector<int> made;
      for (int i = 0; i < 30; ++i) {
        const int last = static_cast<int>(bits() % 2) ? newest : static_cast<int>(bits() % 2);
        const int other = static_cast<int>(bits() % static_cast<uint64_t>(i + 4));
        const RowName row = rows[bits() % 4];
        newest = row.row == rows[3].row ? both.map(row, {last})
                                        : both.map(row, {bits() % 2 ? last : other, bits() % 2 ? last : other});
        if (both.tensor(newest).shape().empty()) newest = both.map("add", {newest, 0});
        if (bits() % 6 == 0) made.push_back(newest);
      }
      if (made.empty() || made.back() != newest) made.push_back(newest);
      both.check(made);
    }
  }
}

TEST_CASE("chain: no elements, and no step that reads a value") {
  const Tensor none = random_tensor({0, 3}, -1, 1, 1, DType::Float32);
  Both both(DType::Float32, {none}, {2.0});
  both.map("exp", {0});
  both.check({both.map("mul", {0, 1})});
}

TEST_CASE("chain: NaN, inf and -0 pass as in the calls") {
  const Tensor x = tensor_of({kNaN<double>, kInf<double>, -kInf<double>, 0.0, -0.0, 1e-45, 3e38}, {7}, DType::Float32);
  Both both(DType::Float32, {x}, {0.0});
  const int y = both.map("mul", {0, 1}), z = both.map("add", {y, 0});
  both.check({y, z, both.map("greater", {z, 1}), both.map("maximum", {z, y}), both.map("neg", {y})});
}

TEST_CASE("fused: a derivative is refused") {
  ChainPlan plan;
  ChainStep s;
  s.row = static_cast<uint16_t>(RowName("exp").row);
  s.in[0] = plan.input(true);
  const ChainIndex out[] = {plan.add(s)};
  const std::vector<int64_t> words = words_of({DType::Float64, plan, {}, out});
  const auto f = [&](const std::vector<Tensor>& x) {
    return apply(fused_op(1), {&x[0]}, Attrs(words.data(), static_cast<int>(words.size())));
  };
  CHECK_THROWS_WITH_AS(value_and_grad(f, {scalar(1.0, DType::Float64)}), doctest::Contains("has no derivative"), Error);
}

}  // namespace
}  // namespace adcore
