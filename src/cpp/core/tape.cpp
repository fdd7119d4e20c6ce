#include "core/tape.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/reuse.h"
#include "core/box.h"

namespace adcore {
namespace {

uint64_t next_tape_id() noexcept {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

std::atomic<int> live_tapes{0};

}  // namespace

Tape::Tape() noexcept : id_(next_tape_id()) {}

Slot Tape::new_slot() {
  if (next_slot_ == kNone)
    fail(ErrorKind::Runtime, "the tape is full: more than 4 billion values were recorded in one call.");
  return next_slot_++;
}

uint32_t Tape::keep(const Tensor& value, Slot slot) {
  kept_.push(value, {slot ? id_ : 0, slot});
  return kept_.size() - 1;
}

uint32_t Tape::put_dims(const Dims& dims) {
  const auto index = static_cast<uint32_t>(words_.size());
  words_.push_back(dims.size());
  words_.insert(words_.end(), dims.begin(), dims.end());
  return index;
}

Dims Tape::dims(uint32_t index) const {
  return Dims(std::span<const int64_t>(words_.data() + index + 1, static_cast<size_t>(words_[index])));
}

void Tape::append(const Call& call) {
  Tensor& out = call.out[0];
  Statement s;
  s.op = &call.op;
  s.args = static_cast<uint32_t>(args_.size());
  s.words = static_cast<uint32_t>(words_.size());
  s.kept_begin = kept_.size();
  s.kept_output = s.kept_hidden = kNone;
  s.arg_count = static_cast<uint16_t>(call.count);
  s.word_count = static_cast<uint16_t>(call.attrs.count());
  s.dtype = out.dtype();
  if (call.attrs.count()) words_.insert(words_.end(), call.attrs.words(), call.attrs.words() + call.attrs.count());

  // Only the outermost level sweeps what it alone records, and nothing records that sweep.
  const bool lean = open_levels == lean_levels;
  uint32_t needs = 0;
  for (int i = 0; i < call.count && i < kMaxNeeds; ++i) {
    if (call.operands[i].slot) needs |= lean && call.op.lean_needs[i] ? call.op.lean_needs[i] : call.op.needs[i];
  }
  for (int i = 0; i < call.count; ++i) {
    const Operand& o = call.operands[i];
    const bool needed = i < kMaxNeeds && (needs & needs_input(i));
    args_.push_back({o.slot, needed ? keep(*o.value, o.slot) : kNone,
                     o.slot == 0 || o.value->shape() == out.shape() ? kNone : put_dims(o.value->shape()),
                     o.value->dtype()});
  }
  s.out = new_slot();
  out.set_ref({id_, s.out});
  if (needs & kNeedsOutput) s.kept_output = keep(out, s.out);
  if (needs & kNeedsHidden) s.kept_hidden = keep(call.out[1], 0);
  statements_.push_back(s);
}

Slot Tape::append(const Op& op, std::span<const Arg> inputs, Attrs attrs, DType output, const Tensor& hidden) {
  Statement s;
  s.op = &op;
  s.args = static_cast<uint32_t>(args_.size());
  s.words = static_cast<uint32_t>(words_.size());
  s.kept_begin = kept_.size();
  s.kept_output = kNone;
  s.arg_count = static_cast<uint16_t>(inputs.size());
  s.word_count = static_cast<uint16_t>(attrs.count());
  s.dtype = output;
  if (attrs.count()) words_.insert(words_.end(), attrs.words(), attrs.words() + attrs.count());
  args_.insert(args_.end(), inputs.begin(), inputs.end());
  s.kept_hidden = keep(hidden, 0);
  s.out = new_slot();
  statements_.push_back(s);
  return s.out;
}

void Tape::truncate(uint32_t i) {
  if (i >= statements_.size()) return;
  const Statement& s = statements_[i];
  kept_.shrink(s.kept_begin);
  args_.resize(s.args);
  words_.resize(s.words);
  statements_.resize(i);
}

void Tape::set_parameter_slot(uint32_t number, Slot slot) {
  if (number >= parameter_slots_.size()) {
    if (slot == 0) return;
    parameter_slots_.resize(std::max<size_t>(number + 1, 2 * parameter_slots_.size()), 0);
  }
  if (parameter_slots_[number] == 0 && slot != 0) parameters_set_.push_back(number);
  parameter_slots_[number] = slot;
}

void Tape::release_from(uint32_t i) { kept_.shrink(statements_[i].kept_begin); }

void Tape::clear() {
  for (uint32_t number : parameters_set_) parameter_slots_[number] = 0;
  forget(parameters_set_);
  forget(statements_);
  forget(args_);
  kept_.clear();
  forget(words_);
  held.clear();
  next_slot_ = 1;
  open_levels = 0;
  levels_seen = 0;
  lean_levels = 0;
  id_ = next_tape_id();
}

bool any_tape_live() noexcept { return live_tapes.load(std::memory_order_relaxed) > 0; }

// ---- alias: an input of a nested level ----------------------------------------------------------------------------

namespace {

void alias_vjp(Pullback& p) { p.give(0, p.g); }

/// Only recorded, never applied: the value is the same.
const Op kAlias = {.name = "alias", .kind = OpKind::Linear, .infer = nullptr, .kernel = nullptr, .vjp = alias_vjp};

}  // namespace

// ---- Level --------------------------------------------------------------------------------------------------------

void Level::open(Tape* tape, Sweeps sweeps) {
  ThreadContext& c = context();
  outer_tape_ = c.tape;
  outermost_ = tape != c.tape;
  no_grad_depth_ = c.no_grad_depth;
  outer_scope_ = std::exchange(c.scope, ++c.last_scope);
  c.tape = tape_ = tape;
  begin_ = tape_->statement_count();
  first_slot_ = tape_->slot_count();
  first_held_ = tape_->held.size();
  if (outermost_) tape_->lean_levels = sweeps == Sweeps::Once && !c.frame ? tape_->open_levels + 1 : 0;
  ++tape_->open_levels;
  ++tape_->levels_seen;
}

Level::Level(Sweeps sweeps) {
  owns_ = context().tape == nullptr;
  Tape* const tape = owns_ ? Idle<Tape>::take() : context().tape;
  if (owns_) live_tapes.fetch_add(1, std::memory_order_relaxed);
  open(tape, sweeps);
}

Level::Level(Tape& again) : owns_(false) { open(&again, Sweeps::Once); }

Level::~Level() {
  close();
  if (owns_) {
    Idle<Tape>::put(tape_);
    live_tapes.fetch_sub(1, std::memory_order_relaxed);
  }
}

Segment Level::segment() const noexcept {
  return {tape_, tape_->id(), begin_, end_, first_slot_, outermost_ && tape_->levels_seen == 1};
}

std::unique_ptr<Tape> Level::keep_tape() noexcept {
  if (!owns_) return nullptr;
  owns_ = false;
  live_tapes.fetch_sub(1, std::memory_order_relaxed);
  return std::unique_ptr<Tape>(tape_);
}

Slot Level::input(const Tensor& value, Slot outer) {
  if (outer == 0) return tape_->new_slot();
  const Operand operand{&value, outer};
  Tensor out = value;
  tape_->append(Call{kAlias, &operand, 1, &out, {}});
  return out.ref().slot;
}

Tensor Level::input(const Tensor& value) {
  Tensor fresh = settled(value);
  fresh.set_ref({tape_->id(), input(fresh, tape_->slot_of(fresh))});
  return fresh;
}

Slot Level::parameter(uint32_t number, const Tensor& value) {
  const Slot outer = tape_->parameter_slot(number);
  const Slot inner = input(value, outer);
  tape_->held.push_back({number, outer, inner});
  tape_->set_parameter_slot(number, inner);
  return inner;
}

void Level::parameter_becomes(uint32_t number, Slot slot) noexcept {
  tape_->held.back().inner = slot;
  tape_->set_parameter_slot(number, slot);
}

void Level::close() {
  if (!open_) return;
  open_ = false;
  end_ = tape_->statement_count();
  auto& held = tape_->held;
  for (; held.size() > first_held_; held.pop_back()) {
    const Tape::Held& h = held.back();
    // An assignment inside the level stays: its value is one of the outer levels' too.
    if (tape_->parameter_slot(h.number) == h.inner) tape_->set_parameter_slot(h.number, h.outer);
  }
  --tape_->open_levels;
  // Parked: what the sweep of the outermost level runs records nothing, and a level that it opens gets a tape of its
  // own. A no_grad that was entered inside and not left ends here.
  ThreadContext& c = context();
  c.tape = outer_tape_;
  c.no_grad_depth = no_grad_depth_;
  c.scope = outer_scope_;
}

}  // namespace adcore
