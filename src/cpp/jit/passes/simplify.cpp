#include "jit/passes/simplify.h"

#include <algorithm>
#include <cmath>

#include "jit/callback.h"
#include "jit/passes/rewrite.h"
#include "kernels/formulas.h"
#include "ops/functions.h"
#include "ops/owned.h"

namespace adcore {
namespace {

class Simplify {
 public:
  explicit Simplify(const Program& p) : p_(p), to_(p), on_input_(p.values().size()), leaves_(on_input_) {}

  Program run() {
    for (const uint32_t value : p_.inputs()) on_input_[value] = true;
    find_leaving();
    for (const Program::Statement& s : p_.statements()) {
      const int same = unchanged(s);
      if (same >= 0) {
        replace(s, p_.uses_of(s)[static_cast<size_t>(same)]);
      } else if (!s.op->simpler || !copy_simpler(s)) {
        if (s.op->view) on_input_[s.out] = on_input_[p_.uses_of(s)[0].value];
        to_.copy(s);
      }
    }
    return to_.finish();
  }

 private:
  void find_leaving() {
    for (const uint32_t value : p_.outputs()) leaves_[value] = true;
    const auto statements = p_.statements();
    for (size_t i = statements.size(); i-- > 0;) {
      const Program::Statement& s = statements[i];
      if ((s.op->view && leaves_[s.out]) || is_callback(*s.op))
        for (const Program::Use& use : p_.uses_of(s)) leaves_[use.value] = true;
    }
  }

  /// The output of the statement is the value of this operand. Where it leaves the program, and the operand lies on the
  /// memory of an input, which may be another library's, it is one that owns its memory: the function made a new value.
  void replace(const Program::Statement& s, const Program::Use& same) {
    on_input_[s.out] = on_input_[same.value];
    uint32_t now = to_.renamed(same.value);
    if (on_input_[same.value] && leaves_[s.out] && s.op != &stop_gradient_op()) {
      const Program::Use use{now, false};
      now = to_.builder().statement(owned_op(), {&use, 1}, {}, false, s.place);
      to_.builder().set_value(now, p_.values()[s.out].shape, p_.values()[s.out].dtype);
    }
    to_.rename(s.out, now);
  }

  /// All elements of a constant have this value.
  bool is_all(uint32_t value, double expected) const {
    const Tensor* const t = to_.constant(value);
    return t && t->size() > 0 && all_equal(*t, expected);
  }

  /// The operand that the only output is, bit for bit, or -1.
  int unchanged(const Program::Statement& s) const {
    if (s.op->outputs != 1 || s.op->checks) return -1;
    const auto uses = p_.uses_of(s);
    const Program::Value& out = p_.values()[s.out];
    const auto is_out = [&](size_t k) {
      const Program::Value& v = p_.values()[uses[k].value];
      return v.dtype == out.dtype && v.shape == out.shape;
    };
    static const int kMul = formula_index("mul"), kDiv = formula_index("div"), kSub = formula_index("sub");
    // Nothing that runs asks for derivatives.
    if (s.op == &stop_gradient_op() || s.op == &alias_op() || s.op == &owned_op()) return 0;
    const int row = s.op->row;
    if (row >= 0 && uses.size() == 2) {
      if ((row == kMul || (row == kDiv && is_float(out.dtype))) && is_out(0) && is_all(uses[1].value, 1)) return 0;
      if (row == kMul && is_out(1) && is_all(uses[0].value, 1)) return 1;
      if (row == kSub && is_out(0) && is_positive_zero(uses[1].value)) return 0;
    }
    return -1;
  }
  /// -0 is no such thing.
  bool is_positive_zero(uint32_t value) const {
    if (!is_all(value, 0)) return false;
    const std::vector<double> elements = to_vector(*to_.constant(value));
    return std::ranges::none_of(elements, [](double v) { return std::signbit(v); });
  }

  bool copy_simpler(const Program::Statement& s) {
    const auto uses = p_.uses_of(s);
    const Attrs attrs = p_.attrs_of(s);
    words_.assign(attrs.words(), attrs.words() + attrs.count());
    const auto known = [&](int k, double v) { return is_all(uses[static_cast<size_t>(k)].value, v); };
    const uint32_t dropped = s.op->simpler(words_, known);
    if (!dropped) return false;
    uses_.clear();
    for (size_t k = 0; k < uses.size(); ++k)
      if (!(dropped >> k & 1)) uses_.push_back(uses[k]);
    to_.copy(s, uses_, Attrs(words_.data(), static_cast<int>(words_.size())));
    return true;
  }

  const Program& p_;
  Rewrite to_;
  // Of every value: it lies on the memory of an input; it, or a view of it, is an output, or shown to Python.
  std::vector<bool> on_input_, leaves_;
  std::vector<int64_t> words_;
  std::vector<Program::Use> uses_;
};

}  // namespace

Program simplify(const Program& program) { return Simplify(program).run(); }

}  // namespace adcore
