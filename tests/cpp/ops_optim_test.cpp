// Optimizer steps as ops: every dtype and layout against the kernels' own formulas, derivatives, batches, what may be
// written over, and what a failure leaves behind.
#include "base/interpreter.h"
#include "ops/optim.h"
#include "sweeps/batch.h"
#include "tensor_cases.h"

namespace adcore {
namespace {

/// The elements of a value for all members, without its boxes.
Tensor bottom(const Tensor& t) {
  Tensor b = t;
  while (const Box* box = box_of(b)) b = Tensor(box->base);
  return b.detached();
}

using namespace testing;

/// A rule with settings, and values for its operands.
struct Case {
  const char* name;
  const Op& op;
  std::vector<double> settings;
  std::vector<double> numbers;  // and the steps done
  size_t fixed = 0;      // the last so many have no derivative: the count; a momentum of 0, where the rule changes
  bool squares = false;  // the first state, too, is never negative

  int arrays() const { return op.outputs + 1; }
  Attrs attrs() const { return {reinterpret_cast<const int64_t*>(settings.data()), static_cast<int>(settings.size())}; }
};

const OptimizerRule& rule(const char* name) { return *optimizer_rule(name); }

std::vector<Case> cases() {
  return {{"sgd without momentum", *rule("sgd").stateless, {}, {0.1, 0.2}},
          {"sgd, first step", *rule("sgd").op, {0.25, 0}, {0.1, 0.2, 0.9, 0}, 1},
          {"sgd", *rule("sgd").op, {0.25, 0}, {0.1, 0.2, 0.9, 3}, 1},
          {"sgd, nesterov", *rule("sgd").op, {0, 1}, {0.1, 0.2, 0.9, 3}, 1},
          {"sgd, momentum 0", *rule("sgd").op, {0.25, 0}, {0.1, 0.2, 0, 3}, 2},
          {"momentum", *rule("momentum").op, {0}, {0.1, 0.2, 0.9}},
          {"momentum, nesterov", *rule("momentum").op, {1}, {0.1, 0.2, 0.9}},
          {"adam", *rule("adam").op, {0.9, 0.99, 1e-3, 0}, {0.1, 0.2, 3}, 1},
          {"adam, nesterov", *rule("adam").op, {0.9, 0.99, 1e-3, 1}, {0.1, 0.2, 0}, 1},
          {"adam_weight_decay", *rule("adam_weight_decay").op, {0.9, 0.99, 1e-3}, {0.1, 0.2}},
          {"adam_amsgrad", *rule("adam_amsgrad").op, {0.9, 0.99, 1e-3, 1}, {0.1, 0.2, 3}, 1},
          {"adamw", *rule("adamw").op, {0.9, 0.99, 1e-3}, {0.1, 0.2, 3}, 1},
          {"adamw_amsgrad", *rule("adamw_amsgrad").op, {0.9, 0.99, 1e-3}, {0.1, 0.2, 3}, 1},
          {"adamax", *rule("adamax").op, {0.9, 0.99, 1e-3}, {0.1, 0.2, 3}, 1},
          {"nadam", *rule("nadam").op, {0.9, 0.99, 1e-3, 0.5}, {0.1, 0.2, 0.7, 3}, 1},
          {"radam, known", *rule("radam").op, {0.9, 0.99, 1e-3}, {0.1, 0.2, 30}, 1},
          {"radam, unknown", *rule("radam").op, {0.9, 0.99, 1e-3}, {0.1, 0.2, 1}, 1},
          {"lamb_direction", *rule("lamb_direction").op, {0.9, 0.99, 1e-3}, {0.1, 0.2, 3}, 1},
          {"lion", *rule("lion").op, {0.9, 0.99}, {0.1, 0.2}},
          {"rmsprop", *rule("rmsprop").op, {0.9, 1e-3}, {0.1, 0.2, 0.9}, 0, true},
          {"rmsprop_centered", *rule("rmsprop_centered").op, {0.9, 4}, {0.1, 0.2, 0.9}, 0, true},
          {"adagrad", *rule("adagrad").op, {1}, {0.1, 0.2}, 0, true},
          {"adadelta", *rule("adadelta").op, {0.9, 2}, {0.1, 0.2}, 0, true},
          {"rprop, first step", *rule("rprop").op, {0.5, 1.2, 1e-3, 5}, {0.1, 0.2, 0}, 1},
          {"rprop", *rule("rprop").op, {0.5, 1.2, 1e-3, 5}, {0.1, 0.2, 3}, 1},
          {"asgd", *rule("asgd").op, {0.1, 0.75, 1}, {0.1, 0.2, 3}, 1},
          {"ftrl", *rule("ftrl").op, {0.5, 0.1, 0.2}, {0.1, 0.2}, 0, true},
          {"ftrl, another power", *rule("ftrl").op, {0.75, 0.1, 0.2}, {0.1, 0.2}, 0, true}};
}

std::vector<Tensor> operands_of(const Case& c, const Dims& shape, DType dtype = DType::Float64,
                                Layout layout = Layout::Plain) {
  std::vector<Tensor> operands;
  for (int k = 0; k < c.arrays(); ++k)
    operands.push_back(laid_out(
        random_tensor(shape, k > 2 || (k == 2 && c.squares) ? 0.5 : -1, 1.5, static_cast<uint64_t>(k), dtype), layout));
  for (double v : c.numbers) operands.push_back(scalar(v, DType::Float64));
  return operands;
}

/// All outputs, one after the other.
Tensor step(const Case& c, const std::vector<Tensor>& operands) {
  std::vector<Tensor> flat;
  for (const Tensor& t : apply_all(c.op, operands, c.attrs())) flat.push_back(reshape(t, {-1}));
  return flat.size() == 1 ? flat[0] : concat(flat, 0);
}

TEST_CASE("the rule written with ops gives what the kernel gives") {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    for (DType t : {DType::Float64, DType::Float32}) {
      const std::vector<Tensor> operands = operands_of(c, {3, 5}, t);
      Tensor out[kMaxOver];
      c.op.expand(operands, c.attrs(), out);
      const std::vector<Tensor> made = apply_all(c.op, operands, c.attrs());
      for (size_t j = 0; j < made.size(); ++j) {
        CHECK(out[j].dtype() == t);
        CHECK(out[j].shape() == Dims{3, 5});
        CHECK(distance(out[j], to_vector(made[j])) < (t == DType::Float64 ? 1e-15 : 1e-6));
      }
    }
  }
}

TEST_CASE("every layout and dtype: half precision rounds once, a gradient of another dtype is cast") {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    for (DType t : {DType::Float64, DType::Float32, DType::Float16, DType::BFloat16}) {
      const std::vector<Tensor> plain = operands_of(c, {3, 5}, t);
      std::vector<Tensor> wide = plain;
      for (int k = 0; k < c.arrays(); ++k)
        wide[static_cast<size_t>(k)] = cast(plain[static_cast<size_t>(k)], storage_of(compute_of(t)));
      const std::vector<double> want = to_vector(cast(step(c, wide), t));
      for (Layout layout : kLayouts) CHECK(to_vector(step(c, operands_of(c, {3, 5}, t, layout))) == want);
      std::vector<Tensor> mixed = plain;
      mixed[1] = cast(plain[1], DType::Float64);
      CHECK(to_vector(step(c, mixed)) == want);
    }
  }
}

TEST_CASE("derivatives with respect to every operand that has one, to second order") {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    const std::vector<Tensor> all = operands_of(c, {3});
    check_gradients(
        [&](const std::vector<Tensor>& v) {
          std::vector<Tensor> x = v;
          for (size_t k = v.size(); k < all.size(); ++k) x.push_back(all[k]);
          return step(c, x);
        },
        {all.begin(), all.end() - static_cast<std::ptrdiff_t>(c.fixed)}, 2, 1e-6);
  }
}

TEST_CASE("Adam has a derivative where the gradients were 0, and the count has none") {
  for (const Case& c : cases()) {
    if (c.op.outputs != 3) continue;
    std::vector<Tensor> operands = operands_of(c, {2});
    for (size_t k = 1; k < 4; ++k) operands[k] = zeros({2}, DType::Float64);
    const auto gradients = value_and_grad([&](const std::vector<Tensor>& v) { return step(c, v); }, operands).gradients;
    for (const Tensor& g : gradients)
      for (double v : to_vector(g)) CHECK(std::isfinite(v));
    if (std::string_view(c.name).starts_with("adam")) CHECK(to_vector(gradients[1])[0] != 0);
    if (rule("adam").op == &c.op) CHECK(item(gradients.back()) == 0);
  }
}

TEST_CASE("a batch is the loop over its members, whichever operands differ between them") {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    const std::vector<Tensor> one = operands_of(c, {4});
    for (size_t k = 0; k < one.size(); ++k) {
      CAPTURE(k);
      Dims shape = one[k].shape();
      shape.insert(0, 3);
      const Tensor members = random_tensor(shape, 0.1, 0.9, 7);
      Batch frame(3);
      Tensor all;
      {
        const FrameScope scope(frame);
        std::vector<Tensor> x = one;
        x[k] = frame.join(members);
        all = frame.split(step(c, x));
      }
      const std::vector<double> together = to_vector(all);
      std::vector<double> alone;
      for (int64_t i = 0; i < 3; ++i) {
        std::vector<Tensor> x = one;
        Slice s = whole(members.shape());
        s.start.v[0] = i;
        s.count.v[0] = 1;
        x[k] = reshape(slice(members, s), one[k].shape());
        const std::vector<double> values = to_vector(step(c, x));
        alone.insert(alone.end(), values.begin(), values.end());
      }
      CHECK(together == alone);
    }
  }
}

TEST_CASE("infer names what does not fit") {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    const std::vector<Tensor> right = operands_of(c, {4});
    for (size_t k = 0; k < right.size(); ++k) {
      std::vector<Tensor> x = right;
      x[k] = random_tensor({2, 3}, 0, 1, 1);
      CHECK(error_of([&] { step(c, x); }) == ErrorKind::Value);
    }
    std::vector<Tensor> x = right;
    x[0] = cast(x[0], DType::Int32);
    CHECK(error_of([&] { step(c, x); }) == ErrorKind::Type);
  }
  CHECK(optimizer_rule("adam!") == nullptr);
}

/// The calls of an Adam step for parameters of these sizes.
struct Together {
  explicit Together(const std::vector<int64_t>& sizes, DType dtype = DType::Float32) {
    calls.reserve(sizes.size());
    for (int64_t n : sizes) rows.push_back(operands_of(adam, {n}, dtype));
    out.resize(sizes.size() * 3);
  }
  void run() {
    operands.resize(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      operands[i].clear();
      for (const Tensor& t : rows[i]) operands[i].push_back({&t, t.ref().slot});
      Call& call = calls.emplace_back(
          Call{adam.op, operands[i].data(), static_cast<int>(operands[i].size()), &out[3 * i], adam.attrs()});
      call.donated = needs_input(0) | needs_input(2) | needs_input(3);
    }
    for (Call& call : calls) infer(call);
    apply_inferred(calls);
  }
  /// The operand whose memory output j of call i has.
  int over(size_t i, size_t j) const {
    for (size_t k = 0; k < 4; ++k)
      if (rows[i][k].data() == out[3 * i + j].data()) return static_cast<int>(k);
    return -1;
  }

  const Case adam = cases()[7];
  std::vector<std::vector<Tensor>> rows;
  std::vector<std::vector<Operand>> operands;
  std::vector<Tensor> out;
  std::vector<Call> calls;
};

TEST_CASE("short calls write over what was donated and nobody else holds") {
  Together t({5, 9});
  std::vector<std::vector<double>> want;
  for (const auto& row : t.rows) want.push_back(to_vector(step(t.adam, row)));
  const Tensor held = t.rows[1][2];
  t.run();
  CHECK((t.over(0, 0) == 0 && t.over(0, 1) == 2 && t.over(0, 2) == 3));
  CHECK((t.over(1, 0) == 0 && t.over(1, 1) == -1 && t.over(1, 2) == 3));
  for (size_t i = 0; i < 2; ++i) {
    std::vector<double> got;
    for (size_t j = 0; j < 3; ++j)
      for (double v : to_vector(t.out[3 * i + j])) got.push_back(v);
    CHECK(got == want[i]);
  }
}

TEST_CASE("nothing is written over by a call that is recorded, boxed, long beside others, or that needs copies") {
  const auto untouched = [](Together& t) {
    std::vector<std::vector<double>> before;
    for (const auto& row : t.rows)
      for (const Tensor& x : row) before.push_back(to_vector(bottom(x)));
    t.run();
    size_t next = 0;
    for (const auto& row : t.rows)
      for (const Tensor& x : row) CHECK(to_vector(bottom(x)) == before[next++]);
  };
  {
    Together t({5});
    Level level;
    t.rows[0][1] = level.input(t.rows[0][1]);
    untouched(t);
    CHECK(t.out[0].ref().slot != 0);
  }
  {
    Together t({5});
    Batch frame(2);
    const FrameScope scope(frame);
    t.rows[0][1] = frame.join(random_tensor({2, 5}, 0, 1, 1, DType::Float32));
    untouched(t);
  }
  {
    Together t({5, kLongWork});  // while the long one runs, other threads may take hold of what the short one has
    untouched(t);
  }
  {
    Together t({5, 5});
    t.rows[1][1] = laid_out(t.rows[1][1], Layout::Stepped);
    t.run();
    CHECK((t.over(0, 0) == 0 && t.over(1, 0) == -1));
  }
  {
    Together t({5}, DType::Float16);
    untouched(t);
  }
}

TEST_CASE("a step whose last call fails changes nothing") {
  static bool fails;
  const Interpreter before = interpreter;
  interpreter.release = []() -> void* {
    if (fails) throw std::bad_alloc();
    return nullptr;
  };
  Together t({5, kLongWork});
  const std::vector<double> first = to_vector(t.rows[0][0]);
  fails = true;
  CHECK_THROWS_AS(t.run(), std::bad_alloc);
  interpreter = before;
  CHECK(to_vector(t.rows[0][0]) == first);
}

}  // namespace
}  // namespace adcore
