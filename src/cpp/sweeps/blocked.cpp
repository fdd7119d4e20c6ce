// A Run is a chain (ops/chain.h) of the partials of consecutive statements, and of the sums of the cotangents that meet.
// plan() adds a statement and changes nothing outside; place() decides where results live. Start reading at
// sweep_blocked().
#include "sweeps/blocked.h"

#include <algorithm>
#include <vector>

#include "base/interpreter.h"
#include "ops/chain.h"
#include "ops/functions.h"
#include "ops/partial.h"

namespace adcore {
namespace {

constexpr int64_t kMostWork = int64_t{1} << 28;  // elements times steps of one run: an interrupt waits for its end
constexpr size_t kFewestSteps = 2;               // of less, the plain sweep makes as few passes
constexpr ChainIndex kNothing = 0;

class Run {
 public:
  Run(const Tape& tape, const AdjointAccess& adjoints, const Tensor& cotangent)
      : tape_(tape), adjoints_(adjoints), shape_(cotangent.shape()), n_(cotangent.size()), dtype_(cotangent.dtype()) {}

  bool fits(const Statement& s) const;
  /// Adds a statement; false, and nothing has changed, where it does not fit in.
  bool plan(const Statement& s);
  bool worthwhile() const { return chain_.steps().size() >= kFewestSteps; }
  void finish();

 private:
  struct Bound {
    Slot slot;
    ChainIndex value;
  };
  struct Input {
    ChainIndex value;
    Tensor tensor;
    bool taken = false;  // an output lies over it
  };

  bool fits(const Tensor& kept) const;
  bool fits_adjoint(Slot slot) const;
  bool full() const;
  const Bound* find(Slot slot) const;
  ChainIndex cotangent(Slot slot);
  ChainIndex input(const Tensor& t);
  ChainIndex map(RowName row, ChainIndex a, ChainIndex b = kNothing);
  ChainIndex partial(const Statement& s, int k, uint32_t needs, ChainIndex g);
  void add_to(Slot slot, ChainIndex value);
  Tensor reusable(int step);
  Tensor output(ChainIndex value);
  void execute();

  const Tape& tape_;
  const AdjointAccess& adjoints_;
  const Dims shape_;
  const int64_t n_;
  const DType dtype_;

  ChainPlan chain_;
  std::vector<Input> inputs_;    // of the chain
  std::vector<Bound> bound_;     // cotangents that no statement has read yet
  std::vector<Slot> taken_;      // slots whose adjoints the run takes over
  std::vector<Tensor> outputs_;  // of bound_
};

// ---- planning -----------------------------------------------------------------------------------------------------

const Run::Bound* Run::find(Slot slot) const {
  for (const Bound& b : bound_)
    if (b.slot == slot) return &b;
  return nullptr;
}

bool Run::fits(const Tensor& kept) const {
  return kept.size() == 1 || (kept.dtype() == dtype_ && (is_uniform(kept) || (kept.contiguous() && kept.size() == n_)));
}

bool Run::fits_adjoint(Slot slot) const {
  const Tensor* t = find(slot) ? nullptr : adjoints_.peek(slot);
  return !t || (t->dtype() == dtype_ && t->shape() == shape_ && (t->contiguous() || is_uniform(*t)));
}

bool Run::fits(const Statement& s) const {
  if (s.op->row < 0 || s.dtype != dtype_ || !fits_adjoint(s.out)) return false;
  uint32_t needs = 0;
  for (int k = 0; k < s.arg_count; ++k) {
    const Arg& a = tape_.arg(s, k);
    if (a.slot == 0) continue;
    if (a.dims != kNone || a.dtype != dtype_ || !fits_adjoint(a.slot)) return false;
    needs |= partial_rule(s.op->row, k).needs;
  }
  if (needs & A && takes_condition(s.op->row)) return false;
  for (int k = 0; k < s.arg_count; ++k)
    if (needs >> k & 1 && !fits(tape_.kept(s, needs_input(k)))) return false;
  return !(needs & Y) || (fits(tape_.kept(s, needs_output(0))) && tape_.kept(s, needs_output(0)).contiguous());
}

/// There may be no room for one more statement.
bool Run::full() const {
  return chain_.full() || (n_ * static_cast<int64_t>(chain_.steps().size()) > kMostWork && worthwhile());
}

/// The elements of a tensor that fits.
ChainIndex Run::input(const Tensor& t) {
  // One element of another dtype, as a Python number is: converted here, once.
  inputs_.push_back({chain_.input(is_uniform(t)), t.dtype() == dtype_ ? t : cast(t, dtype_)});
  return inputs_.back().value;
}

/// The cotangent that is bound to a slot or, before the run, reached it; kNothing: none.
ChainIndex Run::cotangent(Slot slot) {
  if (const Bound* b = find(slot)) return b->value;
  const Tensor* t = adjoints_.peek(slot);
  if (!t) return kNothing;
  taken_.push_back(slot);
  return input(*t);
}

ChainIndex Run::map(RowName row, ChainIndex a, ChainIndex b) {
  ChainStep s;
  s.row = static_cast<uint16_t>(row.row);
  s.in[0] = a;
  s.in[1] = b;
  return chain_.add(s);
}

ChainIndex Run::partial(const Statement& s, int k, uint32_t needs, ChainIndex g) {
  ChainStep step;
  step.row = static_cast<uint16_t>(s.op->row);
  step.kind = static_cast<uint8_t>(ChainStep::kPartial0 + k);
  step.g = g;
  for (int i = 0; i < s.arg_count; ++i)
    if (needs >> i & 1) step.in[i] = input(tape_.kept(s, needs_input(i)));
  if (needs & Y) step.y = input(tape_.kept(s, needs_output(0)));
  return chain_.add(step);
}

void Run::add_to(Slot slot, ChainIndex value) {
  const ChainIndex held = cotangent(slot);
  if (held != kNothing) value = map("add", held, value);
  for (Bound& b : bound_) {
    if (b.slot == slot) {
      b.value = value;
      return;
    }
  }
  bound_.push_back({slot, value});
}

bool Run::plan(const Statement& s) {
  if (!find(s.out) && !adjoints_.peek(s.out)) return true;  // nothing reached it: nothing to do
  if (!fits(s) || full()) return false;
  const ChainIndex g = cotangent(s.out);
  std::erase_if(bound_, [&](const Bound& b) { return b.slot == s.out; });
  for (int k = 0; k < s.arg_count; ++k) {
    const Slot slot = tape_.arg(s, k).slot;
    if (slot == 0) continue;
    const PartialRule rule = partial_rule(s.op->row, k);
    switch (rule.kind) {
      case PartialRule::Kind::Zero: break;
      case PartialRule::Kind::One: add_to(slot, g); break;
      case PartialRule::Kind::MinusOne: add_to(slot, map("neg", g)); break;
      case PartialRule::Kind::Value:
      case PartialRule::Kind::Kernel: add_to(slot, partial(s, k, rule.needs, g)); break;
    }
  }
  return true;
}

// ---- where results live -------------------------------------------------------------------------------------------

/// The memory of an array that no step reads after `step` and nobody else holds; undefined where there is none.
Tensor Run::reusable(int step) {
  for (Input& in : inputs_) {
    const Tensor& held = in.tensor;
    if (in.taken || !(held.shape() == shape_) || chain_.last_use(in.value) > step) continue;
    // Held here and where the sweep has it: on the tape or among the adjoints.
    if (!held.exclusively_owned(2)) continue;
    in.taken = true;
    Tensor t;
    t.view_of(held, shape_, contiguous_strides(shape_), held.offset());
    return t;
  }
  return {};
}

/// Memory for a value that a step makes, or the input that it is.
Tensor Run::output(ChainIndex value) {
  if (chain_.is_input(value)) return std::ranges::find(inputs_, value, &Input::value)->tensor;
  Tensor t = reusable(chain_.made(value));
  if (!t.defined()) t.allocate_as(shape_, dtype_);
  return t;
}

void Run::execute() {
  std::vector<Lane> lanes(1);
  std::vector<const std::byte*> fetched;
  for (const Input& in : inputs_) {
    Lane& lane = lanes.emplace_back(lane_of(in.tensor, shape_));
    if (!lane.read) continue;
    lane.read = std::ranges::find(fetched, lane.data) == fetched.end();
    if (lane.read) fetched.push_back(lane.data);
  }
  std::vector<ChainIndex> made;
  for (size_t i = 0; i < bound_.size(); ++i) {
    if (chain_.is_input(bound_[i].value) || std::ranges::count(made, bound_[i].value)) continue;
    made.push_back(bound_[i].value);
    lanes.push_back(lane_of(outputs_[i], shape_));
    lanes.back().read = false;
  }
  lanes.resize(lanes.size() + static_cast<size_t>(chain_.place(made)));
  const Released released;
  run_chain(dtype_, chain_.steps(), lanes, n_);
}

void Run::finish() {
  std::vector<ChainIndex> results;
  for (const Bound& b : bound_) results.push_back(b.value);
  chain_.pair(results);
  for (const Bound& b : bound_)
    if (chain_.is_input(b.value)) std::ranges::find(inputs_, b.value, &Input::value)->taken = true;
  for (size_t i = 0; i < bound_.size(); ++i) {
    size_t first = 0;  // slots may share a value
    while (bound_[first].value != bound_[i].value) ++first;
    outputs_.push_back(first < i ? outputs_[first] : output(bound_[i].value));
  }
  execute();
  for (Slot slot : taken_) adjoints_.take(slot);
  for (size_t i = 0; i < bound_.size(); ++i) adjoints_.put(bound_[i].slot, std::move(outputs_[i]));
}

}  // namespace

uint32_t sweep_blocked(const Tape& tape, uint32_t first, uint32_t last, const AdjointAccess& adjoints) {
  const Tensor* cotangent = adjoints.peek(tape.statement(last).out);
  const DType dtype = cotangent->dtype();
  if (dtype != DType::Float32 && dtype != DType::Float64) return last + 1;
  Run run(tape, adjoints, *cotangent);
  if (last == first || !run.fits(tape.statement(last)) || !run.fits(tape.statement(last - 1))) return last + 1;
  uint32_t i = last + 1;
  while (i > first && run.plan(tape.statement(i - 1))) --i;
  if (!run.worthwhile()) return last + 1;
  run.finish();
  return i;
}

}  // namespace adcore
