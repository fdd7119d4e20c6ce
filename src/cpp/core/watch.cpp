#include "core/watch.h"

#include <cmath>

#include "base/context.h"
#include "base/interpreter.h"

namespace adcore {
namespace {

struct Kinds {
  bool nan = false, inf = false;
};

Kinds kinds_of(const Tensor& t) {
  Kinds k;
  if (!t.defined() || !is_float(t.dtype())) return k;
  for (double v : to_vector(t)) {
    k.nan |= std::isnan(v);
    k.inf |= std::isinf(v);
  }
  return k;
}

/// "float32 (3,) [1, 2, inf]": the first elements.
std::string describe(const Tensor& t) {
  constexpr size_t kShown = 8;
  const std::vector<double> values = to_vector(t);
  std::string s = text(name_of(t.dtype()), " ", to_string(t.shape()), " [");
  for (size_t i = 0; i < values.size() && i < kShown; ++i) s += text(i ? ", " : "", values[i]);
  return s + (values.size() > kShown ? ", ...]" : "]");
}

}  // namespace

Watch::Watch() {
  context().watch = this;
  context().long_work = 0;
}
Watch::~Watch() { opened_.close_under(this); }

void Watch::check(const Call& call) const {
  const Kinds out = kinds_of(call.out[0]);
  if (!out.nan && !out.inf) return;
  Kinds in;
  std::string operands;
  for (int i = 0; i < call.count; ++i) {
    const Kinds k = kinds_of(call.in(i));
    in.nan |= k.nan;
    in.inf |= k.inf;
    operands += text("\n  operand ", i, ": ", describe(call.in(i)));
  }
  if (!out.nan && in.inf) return;  // an inf that was put in, to mask something for one
  const std::string here = interpreter.place ? interpreter.place() : "";
  std::string where;
  if (rule_) {
    const auto made = places_.find(rule_output_);
    where =
        text(" in the reverse rule of ", rule_->name, made != places_.end() ? text(", called at ", made->second) : "");
  } else if (!here.empty()) {
    where = text(" at ", here);
  }
  fail(ErrorKind::FloatingPoint, call.op.name, ": ", in.nan ? "got and passed on" : "made", " the first ",
       out.nan ? "NaN" : "inf", where, ".", operands, "\n  result: ", describe(call.out[0]));
}

void Watch::remember(TapeRef ref) {
  if (interpreter.place) places_[ref] = interpreter.place();
}

}  // namespace adcore
