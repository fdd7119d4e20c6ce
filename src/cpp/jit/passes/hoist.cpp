// Start reading at Loop, then hoist().
#include "jit/passes/hoist.h"

#include <algorithm>
#include <cassert>
#include <optional>

#include "jit/loop.h"
#include "jit/passes/prune.h"
#include "jit/passes/rewrite.h"
#include "jit/passes/share.h"
#include "jit/passes/simplify.h"
#include "kernels/formulas.h"
#include "ops/matmul.h"
#include "ops/reduce.h"

namespace adcore {
namespace {

constexpr uint32_t kNone = ~0u;
constexpr int64_t kMostRows = 256;   // of a slice: a product of more is as fast alone
constexpr int64_t kMostGrowth = 16;  // elements that are made before the loop, for one of a slice

/// A product that is made before the loop: a statement of the body. Its first operand is a slice, the others are the
/// same in all steps.
struct Before {
  uint32_t statement;
  uint32_t array = kNone;  // what it gives for all steps, in the new program
};

/// A carry that is left out: every step adds a product to it, or a sum over the first axis.
struct After {
  size_t carry;
  uint32_t sum, term;  // statements of the body
};

/// A scan, and what goes out of it.
class Loop {
 public:
  Loop(const Program& p, const Program::Statement& s)
      : p_(p),
        s_(s),
        attrs_(p.attrs_of(s).as<ScanAttrs>()),
        carries_(static_cast<size_t>(attrs_.carries)),
        fixed_(carries_ + static_cast<size_t>(attrs_.slices)),
        body_(prune(share(simplify(body_in(p.constant(p.uses_of(s)[0].value)).program())))) {
    const size_t values = body_.values().size();
    made_by_.assign(values, kNone);
    reads_.assign(values, 0);
    input_.assign(values, kNone);
    for (uint32_t k = 0; k < body_.inputs().size(); ++k) input_[body_.inputs()[k]] = k;
    const auto statements = body_.statements();
    for (uint32_t i = 0; i < statements.size(); ++i) {
      for (uint32_t j = 0; j < statements[i].op->outputs; ++j) made_by_[statements[i].out + j] = i;
      for (const Program::Use& use : body_.uses_of(statements[i])) ++reads_[use.value];
    }
    for (const uint32_t v : body_.outputs()) ++reads_[v];
    if (attrs_.length < 2) return;
    for (uint32_t i = 0; i < statements.size(); ++i)
      if (goes_before(statements[i])) before_.push_back({i});
    for (const bool products : {true, false})  // what is summed may be a factor, and so a row that is there
      for (size_t k = 0; k < carries_; ++k)
        if (const auto after = sum_of(k, products)) add_after(*after);
  }

  bool changes() const noexcept { return !before_.empty() || !after_.empty(); }
  void emit(Rewrite& to);

 private:
  const Program::Value& value(uint32_t v) const { return body_.values()[v]; }
  Program::Use operand(size_t input) const { return p_.uses_of(s_)[input + 1]; }
  bool is_slice(uint32_t v) const noexcept { return input_[v] != kNone && input_[v] >= carries_ && input_[v] < fixed_; }
  bool is_same(uint32_t v) const noexcept { return input_[v] != kNone && input_[v] >= fixed_; }
  const Before* before(uint32_t v) const {
    const auto at = std::ranges::find(before_, made_by_[v], &Before::statement);
    return at == before_.end() ? nullptr : &*at;
  }
  /// There is an array of it without a further row.
  bool is_there(uint32_t v) const { return is_slice(v) || before(v) || row(v) != kNone; }
  /// Its number among the rows, given and new.
  uint32_t row(uint32_t v) const {
    const auto given = body_.outputs().subspan(carries_);
    if (const auto at = std::ranges::find(given, v); at != given.end())
      return static_cast<uint32_t>(at - given.begin());
    const auto at = std::ranges::find(rows_, v);
    return at == rows_.end() ? kNone : static_cast<uint32_t>(given.size() + static_cast<size_t>(at - rows_.begin()));
  }
  bool is_removed(size_t carry) const { return std::ranges::find(after_, carry, &After::carry) != after_.end(); }

  bool goes_before(const Program::Statement& s) const;
  std::optional<After> sum_of(size_t carry, bool of_products) const;
  void add_after(const After& after);
  void emit_before(Rewrite& to);
  void emit_rest(Rewrite& to);
  Tensor new_body() const;
  uint32_t array_of(Rewrite& to, uint32_t v) const;
  uint32_t emit_after(Rewrite& to, const After& after) const;
  uint32_t emit_loop(Rewrite& to, const After& after) const;

  const Program& p_;
  const Program::Statement& s_;
  const ScanAttrs attrs_;
  const size_t carries_, fixed_;
  const Program body_;
  std::vector<uint32_t> made_by_, reads_, input_;  // of every value of the body: a statement, how often, an input
  std::vector<Before> before_;
  std::vector<After> after_;
  std::vector<uint32_t> rows_;  // values of the body that it is to give as further rows
  uint32_t first_row_ = kNone;  // in the new program
};

bool Loop::goes_before(const Program::Statement& s) const {
  if (s.op != &matmul_op() && s.op != &dense_op()) return false;
  const auto uses = body_.uses_of(s);
  if (!is_slice(uses[0].value)) return false;
  for (const Program::Use& use : uses.subspan(1))
    if (!is_same(use.value)) return false;
  if (s.op == &matmul_op()) {
    const auto attr = body_.attrs_of(s).as<MatmulAttr>();
    if (attr.a_turned || attr.member_rows || value(uses[1].value).shape.size() != 2) return false;
  } else if (body_.attrs_of(s).as<DenseAttr>().member_rows) {
    return false;
  }
  const Dims& slice = value(uses[0].value).shape;
  const int64_t elements = numel(slice);
  return elements > 0 && elements / slice.back() <= kMostRows && numel(value(s.out).shape) <= kMostGrowth * elements;
}

std::optional<After> Loop::sum_of(size_t carry, bool of_products) const {
  const uint32_t from = body_.inputs()[carry], to = body_.outputs()[carry];
  const uint32_t sum = made_by_[to];
  if (sum == kNone || reads_[from] != 1 || reads_[to] != 1) return std::nullopt;
  const Program::Statement& add = body_.statements()[sum];
  static const int kAdd = formula_index("add");
  if (add.op->row != kAdd) return std::nullopt;
  const auto terms = body_.uses_of(add);
  const uint32_t product = made_by_[terms[1].value];
  if (terms[0].value != from || product == kNone || reads_[terms[1].value] != 1) return std::nullopt;
  const Program::Statement& s = body_.statements()[product];
  if (!of_products) {
    const auto reduction = reduction_of(*s.op, body_.attrs_of(s));
    const uint32_t summed = body_.uses_of(s)[0].value;
    return reduction && reduction->mask == 1 && is_there(summed) ? std::optional(After{carry, sum, product})
                                                                 : std::nullopt;
  }
  if (s.op != &matmul_op() || body_.attrs_of(s).as<MatmulAttr>().member_rows) return std::nullopt;
  const Program::Value &c = value(to), &made = value(s.out);
  if ((c.dtype != DType::Float32 && c.dtype != DType::Float64) || !(c.shape == made.shape) || c.dtype != made.dtype)
    return std::nullopt;
  // What is kept for all steps is less than what every step would have read and written.
  int64_t kept = 0;
  for (const Program::Use& use : body_.uses_of(s)) {
    const Program::Value& v = value(use.value);
    if (v.shape.size() != 2 || v.dtype != c.dtype || numel(v.shape) == 0) return std::nullopt;
    if (input_[use.value] == kNone && made_by_[use.value] == kNone) return std::nullopt;  // a constant
    if (is_same(use.value) || use.value == from) return std::nullopt;
    if (!is_there(use.value)) kept += numel(v.shape);
  }
  return kept <= numel(c.shape) ? std::optional(After{carry, sum, product}) : std::nullopt;
}

void Loop::add_after(const After& after) {
  for (const Program::Use& use : body_.uses_of(body_.statements()[after.term])) {
    if (is_there(use.value)) continue;
    if (body_.outputs().size() + rows_.size() >= kMostLoopOutputs) return;
    rows_.push_back(use.value);
  }
  after_.push_back(after);
}

// ---- the new program ----------------------------------------------------------------------------------------------

void Loop::emit_before(Rewrite& to) {
  for (Before& b : before_) {
    const Program::Statement& s = body_.statements()[b.statement];
    const auto operands = body_.uses_of(s);
    std::vector<Program::Use> uses;
    for (const Program::Use& use : operands) uses.push_back({to.renamed(operand(input_[use.value]).value), use.weak});
    const Dims& slice = value(operands[0].value).shape;
    const int64_t rows = numel(slice) / slice.back();
    const MatmulAttr product{0, s.op == &matmul_op() ? body_.attrs_of(s).as<MatmulAttr>().b_turned : 0, rows};
    const DenseAttr dense{rows};
    b.array = to.builder().statement(*s.op, uses, s.op == &matmul_op() ? Attrs(product) : Attrs(dense), s.all_outputs,
                                     s_.place);
    Program::Value made = value(s.out);
    made.shape.insert(0, attrs_.length);
    to.builder().set_value(b.array, made.shape, made.dtype);
  }
}

/// Inputs: the carries that are left, slices, products, what is the same. Outputs: these carries, rows, further rows.
Tensor Loop::new_body() const {
  std::vector<uint32_t> inputs, outputs;
  for (size_t k = 0; k < body_.inputs().size(); ++k) {
    if (k == fixed_)
      for (const Before& b : before_) inputs.push_back(body_.statements()[b.statement].out);
    if (!is_removed(k)) inputs.push_back(body_.inputs()[k]);
  }
  if (body_.inputs().size() == fixed_)
    for (const Before& b : before_) inputs.push_back(body_.statements()[b.statement].out);
  for (size_t j = 0; j < body_.outputs().size(); ++j)
    if (!is_removed(j)) outputs.push_back(body_.outputs()[j]);
  outputs.insert(outputs.end(), rows_.begin(), rows_.end());
  Rewrite body(body_, inputs);
  for (uint32_t i = 0; i < body_.statements().size(); ++i) {
    const auto goes = [i](const After& a) { return a.sum == i || a.term == i; };
    if (std::ranges::find(before_, i, &Before::statement) == before_.end() && std::ranges::none_of(after_, goes))
      body.copy(body_.statements()[i]);
  }
  return hold_body(body.finish(outputs));
}

/// The loop of what stays in it.
void Loop::emit_rest(Rewrite& to) {
  const size_t outputs = body_.outputs().size() - after_.size() + rows_.size();
  if (outputs == 0) return;
  std::vector<Program::Use> uses{{to.builder().constant(new_body()), false}};
  for (size_t k = 0; k <= body_.inputs().size(); ++k) {
    if (k == fixed_)
      for (const Before& b : before_) uses.push_back({b.array, false});
    if (k < body_.inputs().size() && !is_removed(k)) uses.push_back({to.renamed(operand(k).value), operand(k).weak});
  }
  ScanAttrs attrs = attrs_;
  attrs.carries -= static_cast<int64_t>(after_.size());
  attrs.slices += static_cast<int64_t>(before_.size());
  uint32_t out = to.builder().statement(scan_op(outputs), uses, Attrs(attrs), s_.all_outputs, s_.place);
  const auto set_value = [&](uint32_t v, bool stacked) {
    Dims shape = value(v).shape;
    if (stacked) shape.insert(0, attrs_.length);
    to.builder().set_value(out, shape, value(v).dtype);
  };
  for (uint32_t j = 0; j < body_.outputs().size(); ++j) {
    if (is_removed(j)) continue;
    if (j == carries_) first_row_ = out;
    set_value(body_.outputs()[j], j >= carries_);
    to.rename(s_.out + j, out++);
  }
  if (body_.outputs().size() == carries_) first_row_ = out;
  for (const uint32_t v : rows_) {
    set_value(v, true);
    ++out;
  }
}

void Loop::emit(Rewrite& to) {
  emit_before(to);
  emit_rest(to);
  for (const After& after : after_) to.rename(s_.out + static_cast<uint32_t>(after.carry), emit_after(to, after));
}

/// What a value of the body is in all steps.
uint32_t Loop::array_of(Rewrite& to, uint32_t v) const {
  if (is_slice(v)) return to.renamed(operand(input_[v]).value);
  if (const Before* const b = before(v)) return b->array;
  assert(first_row_ != kNone && row(v) != kNone);  // their sum would be the number of another value
  return first_row_ + row(v);
}

uint32_t Loop::emit_after(Rewrite& to, const After& after) const {
  const Program::Statement& product = body_.statements()[after.term];
  if (product.op != &matmul_op()) return emit_loop(to, after);
  const auto attr = body_.attrs_of(product).as<MatmulAttr>();
  std::vector<Program::Use> uses{{to.renamed(operand(after.carry).value), false}};
  for (const Program::Use& use : body_.uses_of(product)) uses.push_back({array_of(to, use.value), use.weak});
  const MatmulSumAttr sum{attr.a_turned, attr.b_turned, attrs_.reverse};
  const uint32_t out = to.builder().statement(matmul_sum_op(), uses, Attrs(sum), false, s_.place);
  const Program::Value& v = value(product.out);
  to.builder().set_value(out, v.shape, v.dtype);
  return out;
}

/// A loop of these sums alone.
uint32_t Loop::emit_loop(Rewrite& to, const After& after) const {
  const Program::Statement &term = body_.statements()[after.term], &add = body_.statements()[after.sum];
  const uint32_t inputs[] = {body_.inputs()[after.carry], body_.uses_of(term)[0].value}, outputs[] = {add.out};
  Rewrite body(body_, inputs);
  body.copy(term);
  body.copy(add);
  const Program::Use uses[] = {{to.builder().constant(hold_body(body.finish(outputs))), false},
                               {to.renamed(operand(after.carry).value), false},
                               {array_of(to, inputs[1]), false}};
  const ScanAttrs attrs{attrs_.length, 1, 1, attrs_.reverse};
  const uint32_t out = to.builder().statement(scan_op(1), uses, Attrs(attrs), s_.all_outputs, s_.place);
  to.builder().set_value(out, value(add.out).shape, value(add.out).dtype);
  return out;
}

/// Most loops have no product: their bodies are left as they are.
bool may_change(const Program& p, const Program::Statement& s) {
  if (!is_scan(*s.op)) return false;
  const auto is_product = [](const Program::Statement& t) { return t.op == &matmul_op() || t.op == &dense_op(); };
  return std::ranges::any_of(body_in(p.constant(p.uses_of(s)[0].value)).program().statements(), is_product);
}

}  // namespace

Program hoist(const Program& program) {
  Rewrite to(program);
  for (const Program::Statement& s : program.statements()) {
    if (may_change(program, s)) {
      Loop loop(program, s);
      if (loop.changes()) {
        loop.emit(to);
        continue;
      }
    }
    to.copy(s);
  }
  return to.finish();
}

}  // namespace adcore
