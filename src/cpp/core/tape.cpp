#include "core/tape.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/reuse.h"

namespace adcore {
namespace {

uint64_t next_tape_id() noexcept {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

Tape::Tape() noexcept : id_(next_tape_id()) {}

Slot Tape::slot_on_bases(TapeRef ref) const noexcept {
  return std::find(bases_.begin(), bases_.end(), ref.tape) == bases_.end() ? 0 : ref.slot;
}

std::vector<uint64_t> Tape::ids() const {
  std::vector<uint64_t> all = bases_;
  all.push_back(id_);
  return all;
}

Slot Tape::new_slots(int n) {
  if (next_slot_ > kNone - static_cast<uint32_t>(n))
    fail(ErrorKind::Runtime, "the tape is full: more than 4 billion values were recorded in one call.");
  return std::exchange(next_slot_, next_slot_ + static_cast<uint32_t>(n));
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
  if (!dropped_.empty()) [[unlikely]]
    for (int i = 0; i < call.count; ++i) check_not_dropped(call.op.name, call.operands[i].slot);
  const Op& op = call.op;
  if (op.same) [[unlikely]]
    return call.out->set_ref({id_, call.operands[0].slot});
  Statement s;
  s.op = &op;
  s.args = static_cast<uint32_t>(args_.size());
  s.words = static_cast<uint32_t>(words_.size());
  s.kept_begin = kept_.size();
  s.arg_count = static_cast<uint16_t>(call.count);
  s.word_count = call.attrs.count();
  s.outputs = op.outputs;
  s.dtype = call.out->dtype();
  if (call.attrs.count()) words_.insert(words_.end(), call.attrs.words(), call.attrs.words() + call.attrs.count());

  uint32_t needs = observed ? op.needs_always | op.needs_observed : op.needs_always;
  for (int i = 0; i < call.count && i < kMaxNeeds; ++i)
    if (call.operands[i].slot) needs |= op.needs[i];
  const bool single = op.outputs == 1;
  s.kept = 0;
  for (int i = 0; i < call.count; ++i) {
    const Operand& o = call.operands[i];
    if (i < kMaxNeeded && (needs & needs_input(i))) {
      s.kept |= needs_input(i);
      kept_.push(*o.value, {o.slot ? id_ : 0, o.slot});
    }
    const bool like_output = o.slot == 0 || (single && o.value->shape() == call.out->shape());
    args_.push_back({o.slot, like_output ? kNone : put_dims(o.value->shape()), o.value->dtype()});
  }
  s.out = new_slots(op.outputs);
  for (int j = op.outputs - 1; j >= 0; --j) {
    Tensor& out = call.out[j];
    if (!(op.constant_outputs >> j & 1)) out.set_ref({id_, s.out + static_cast<uint32_t>(j)});
    if (!(needs & needs_output(j))) continue;
    s.kept |= needs_output(j);
    kept_.push(out, out.ref());
  }
  statements_.push_back(s);
}

Slot Tape::append(const Op& op, std::span<const Arg> inputs, int outputs, const Tensor& rule) {
  for (const Arg& a : inputs) check_not_dropped(op.name, a.slot);
  Statement s;
  s.op = &op;
  s.args = static_cast<uint32_t>(args_.size());
  s.words = static_cast<uint32_t>(words_.size());
  s.kept_begin = kept_.size();
  s.kept = needs_output(0);
  s.arg_count = static_cast<uint16_t>(inputs.size());
  s.word_count = 0;
  s.outputs = static_cast<uint16_t>(outputs);
  s.dtype = DType::Float32;
  args_.insert(args_.end(), inputs.begin(), inputs.end());
  kept_.push(rule, {});
  has_rules_ = true;
  s.out = new_slots(outputs);
  statements_.push_back(s);
  return s.out;
}

void Tape::fail_not_kept(const Statement& s, uint32_t bit) {
  const bool input = bit <= kAllInputs;
  fail(ErrorKind::Runtime, "internal error: the rule of ", s.op->name, " reads ", input ? "operand " : "output ",
       input ? std::countr_zero(bit) : std::countl_zero(bit), ", which its row does not declare.");
}

std::vector<Tensor> Tape::drop_statements(uint32_t i, Slot first) {
  if (first < next_slot_) dropped_.emplace_back(first, next_slot_);
  std::vector<Tensor> kept;
  if (i < statements_.size()) {
    const Statement s = statements_[i];
    kept = kept_.take(s.kept_begin);
    args_.resize(s.args);
    words_.resize(s.words);
    statements_.resize(i);
  }
  std::erase_if(hooks_, [&](const SlotHook& h) {
    if (h.slot >= first) kept.push_back(h.rule);
    return h.slot >= first;
  });
  return kept;
}

bool Tape::is_dropped(Slot slot) const noexcept {
  return std::any_of(dropped_.begin(), dropped_.end(),
                     [slot](const auto& range) { return slot >= range.first && slot < range.second; });
}

void Tape::fail_dropped(const char* op) {
  fail(ErrorKind::Runtime, op,
       ": a value made inside of a recomputed block left it otherwise than as its result, so its derivative is not "
       "known; "
       "return it from the block.");
}

Tape::ParameterEntry& Tape::parameter_entry(uint32_t number) {
  if (number >= parameters_.size()) parameters_.resize(std::max<size_t>(number + 1, 2 * parameters_.size()));
  return parameters_[number];
}

void Tape::set_parameter_slot(uint32_t number, Slot slot) {
  if (slot == 0 && number >= parameters_.size()) return;
  ParameterEntry& entry = parameter_entry(number);
  if (entry.slot == 0 && slot != 0) parameters_set_.push_back(number);
  entry.slot = slot;
}

void Tape::open_parameter(uint32_t number, Slot input) {
  ParameterEntry& entry = parameter_entry(number);
  parameter_inputs_.push_back({number, input, entry});
  entry.input = static_cast<uint32_t>(parameter_inputs_.size()) - 1;
  set_parameter_slot(number, input);
}

void Tape::close_parameters(size_t first) noexcept {
  for (; parameter_inputs_.size() > first; parameter_inputs_.pop_back()) {
    const ParameterInput& in = parameter_inputs_.back();
    ParameterEntry& entry = parameters_[in.number];
    if (entry.slot == in.slot) entry.slot = in.outer.slot;
    entry.input = in.outer.input;
  }
}

void Tape::release_from(uint32_t i) { kept_.shrink(statements_[i].kept_begin); }

void Tape::clear() {
  for (uint32_t number : parameters_set_) parameters_[number].slot = 0;
  forget(parameters_set_);
  forget(dropped_);
  forget(hooks_);
  forget(statements_);
  forget(args_);
  kept_.clear();
  forget(words_);
  next_slot_ = 1;
  bases_.clear();
  open_levels = 0;
  levels_seen = 0;
  observed = false;
  has_rules_ = false;
  id_ = next_tape_id();
}

}  // namespace adcore
