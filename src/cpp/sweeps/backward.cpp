// Data: one adjoint per slot of the level, as an index into a pool of live tensors, so that an idle slot costs 4 bytes.
// Each adjoint is read once, by the statement that wrote its slot, and freed there. Start reading at run().
#include "sweeps/backward.h"

#include <algorithm>
#include <vector>

#include "base/few.h"
#include "base/interpreter.h"
#include "base/reuse.h"
#include "core/watch.h"
#include "ops/functions.h"
#include "sweeps/blocked.h"
#include "sweeps/expansion.h"
#include "sweeps/rule.h"

namespace adcore {

struct Backward::Adjoints {
  struct Entry {
    Tensor value;
    bool ones = false;  // a seed that nothing was added to
  };
  static constexpr uint32_t kBlock = 16;  // entries: in blocks, so that a rule may hold one while others are put

  std::vector<uint32_t> index;  // by slot - first; kNone: nothing reached it
  std::vector<std::unique_ptr<Entry[]>> blocks;
  uint32_t made = 0;            // entries in use or free
  std::vector<uint32_t> free;   // those in use no more
  std::vector<uint8_t> active;  // by slot - first

  void clear() noexcept {
    forget(index);
    for (uint32_t i = 0; i < made; ++i) entry(i).value.reset();
    made = 0;
    constexpr size_t kBlocksKept = 256;
    if (blocks.size() > kBlocksKept) blocks.resize(kBlocksKept);
    forget(free);
    forget(active);
  }
  Entry& entry(uint32_t i) noexcept { return blocks[i / kBlock][i % kBlock]; }
  Entry& at_slot(uint32_t at) noexcept { return entry(index[at]); }
  void put(uint32_t at, Tensor&& t, bool ones = false) {
    uint32_t i = made;
    if (!free.empty()) {
      i = free.back();
      free.pop_back();
    } else {
      if (made == blocks.size() * kBlock) blocks.push_back(std::make_unique<Entry[]>(kBlock));
      ++made;
    }
    Entry& e = entry(i);
    e.value = std::move(t);
    e.ones = ones;
    index[at] = i;
  }
  /// Takes the entry from the slot; free_entry() gives it back.
  uint32_t take(uint32_t at) noexcept { return std::exchange(index[at], kNone); }
  void free_entry(uint32_t i) {
    entry(i).value.reset();
    free.push_back(i);
  }
};

namespace {

constexpr uint8_t kInput = 2;               // in Adjoints::active: an input of the level
constexpr uint32_t kInterruptEvery = 4096;  // statements; short sweeps do not ask

}  // namespace

Backward::Backward(const Segment& segment) : segment_(segment), adjoints_(*Idle<Adjoints>::take()) {
  adjoints_.index.assign(segment.tape->slot_count() - segment.first_slot, kNone);
}

Backward::~Backward() { Idle<Adjoints>::put(&adjoints_); }

void Backward::seed(const Tensor& output, Tensor cotangent) {
  seed(segment_.tape->slot_of(output), std::move(cotangent));
}

void Backward::seed(Slot slot, Tensor cotangent) {
  if (slot >= segment_.first_slot) accumulate(slot, std::move(cotangent));
}

void Backward::seed_ones(Slot slot, const Dims& shape, DType dtype) {
  if (slot < segment_.first_slot) return;
  Tensor ones = full(shape, int64_t{1}, derivative_dtype(dtype));
  const uint32_t at = slot - segment_.first_slot;
  adjoints_.index[at] == kNone ? adjoints_.put(at, std::move(ones), true) : accumulate(slot, std::move(ones));
}

bool Backward::is_active(Slot slot) const noexcept {
  if (segment_.alone) return true;
  return slot >= segment_.first_slot && adjoints_.active[slot - segment_.first_slot];
}

void Backward::give(const Pullback& p, int k, Tensor&& cotangent) {
  if (p.has_output_shape(k)) {
    if (!(cotangent.shape() == p.g.shape())) cotangent = sum_to(cotangent, p.g.shape());
  } else if (!p.is_as_given(k)) {
    if (const Dims shape = p.in_shape(k); !(cotangent.shape() == shape)) cotangent = sum_to(cotangent, shape);
  }
  if (cotangent.dtype() != p.cotangent_dtype(k)) cotangent = cast(cotangent, p.cotangent_dtype(k));
  accumulate(p.slot(k), std::move(cotangent));
}

void Backward::accumulate(Slot slot, Tensor&& cotangent) {
  const uint32_t at = slot - segment_.first_slot;
  if (adjoints_.index[at] == kNone) {
    adjoints_.put(at, std::move(cotangent));
    return;
  }
  Adjoints::Entry& held = adjoints_.at_slot(at);
  if (!(held.value.shape() == cotangent.shape())) {
    fail(ErrorKind::Runtime, "a value changed its shape from ", to_string(held.value.shape()), " to ",
         to_string(cotangent.shape()), " while it was differentiated.");
  }
  Tensor before = std::move(held.value);
  Tensor sum = apply_over(elementwise_op(RowName("add").row), std::move(before), {&cotangent});
  held.value = std::move(sum);
  held.ones = false;
}

void Backward::give_part(const Pullback& p, int k, FunctionRef<Tensor(Tensor&&)> add) {
  const uint32_t at = p.slot(k) - segment_.first_slot;
  Tensor before = adjoints_.index[at] == kNone ? full(p.in_shape(k), 0.0, p.cotangent_dtype(k))
                                               : std::move(adjoints_.at_slot(at).value);
  Tensor sum = add(std::move(before));
  if (adjoints_.index[at] == kNone) {
    adjoints_.put(at, std::move(sum));
  } else {
    adjoints_.at_slot(at).value = std::move(sum);
    adjoints_.at_slot(at).ones = false;
  }
}

void Backward::expand(const Pullback& p, uint32_t mask) {
  Few<Tensor> given(static_cast<size_t>(p.count()));
  expanded_cotangents(p, mask, given.data());
  for (int k = 0; k < p.count(); ++k) {
    Tensor& c = given[static_cast<size_t>(k)];
    if (c.defined()) give(p, k, std::move(c));
  }
}

void Backward::mark_active(std::span<const Slot> inputs) {
  const Tape& tape = *segment_.tape;
  auto& active = adjoints_.active;
  active.assign(tape.slot_count() - segment_.first_slot, 0);
  for (Slot s : inputs) active[s - segment_.first_slot] = kInput;
  const Op& always = always_rule_op();
  for (uint32_t i = segment_.begin; i < segment_.end; ++i) {
    const Statement& s = tape.statement(i);
    bool any = s.op == &always;
    for (int k = 0; k < s.arg_count && !any; ++k) {
      const Slot slot = tape.arg(s, k).slot;
      any = slot >= segment_.first_slot && active[slot - segment_.first_slot];
    }
    for (uint32_t j = 0; j < s.outputs; ++j) {
      uint8_t& out = active[s.out + j - segment_.first_slot];
      if (out != kInput) out = any;
    }
  }
}

uint32_t Backward::run_blocked(uint32_t first, uint32_t last) {
  const auto at = [this](Slot slot) { return slot - segment_.first_slot; };
  return sweep_blocked(*segment_.tape, first, last,
                       {[&](Slot slot) -> const Tensor* {
                          const uint32_t place = adjoints_.index[at(slot)];
                          return place == kNone ? nullptr : &adjoints_.entry(place).value;
                        },
                        [&](Slot slot) -> Tensor {
                          const uint32_t place = adjoints_.take(at(slot));
                          Tensor t = std::move(adjoints_.entry(place).value);
                          adjoints_.free_entry(place);
                          return t;
                        },
                        [&](Slot slot, Tensor t) { adjoints_.put(at(slot), std::move(t)); }});
}

void Backward::run_rule(const Statement& s, Tensor* cotangents, bool ones) {
  Pullback p(*segment_.tape, s, *this, cotangents, ones);
  if (Watch* const watch = context().watch) [[unlikely]] {
    const Watch::InRule scope(*watch, *s.op, {segment_.tape->id(), s.out});
    return s.op->vjp ? s.op->vjp(p) : p.expand();
  }
  s.op->vjp ? s.op->vjp(p) : p.expand();
}

void Backward::pull(const Statement& s) {
  const uint32_t at = s.out - segment_.first_slot;
  if (s.outputs == 1 && adjoints_.index[at] != kNone) {
    const uint32_t place = adjoints_.take(at);
    Adjoints::Entry& entry = adjoints_.entry(place);
    run_rule(s, &entry.value, entry.ones);
    return adjoints_.free_entry(place);
  }
  Few<Tensor> cotangents(s.outputs);
  bool ones = false;
  for (uint32_t j = 0; j < s.outputs; ++j) {
    if (adjoints_.index[at + j] == kNone) continue;
    const uint32_t place = adjoints_.take(at + j);
    if (j == 0) ones = adjoints_.entry(place).ones;
    cotangents[j] = std::move(adjoints_.entry(place).value);
    adjoints_.free_entry(place);
  }
  run_rule(s, cotangents.data(), ones);
}

void Backward::run(std::span<const Slot> inputs, Slot hooks_from) {
  if (!segment_.alone) mark_active(inputs);
  if (!segment_.tape->hooks().empty()) [[unlikely]]
    return sweep_to_hooks(hooks_from);
  sweep(segment_.begin, segment_.end);
}

void Backward::sweep_to_hooks(Slot hooks_from) {
  const Tape& tape = *segment_.tape;
  const Slot first = std::max(segment_.first_slot, hooks_from), last = tape.slot_count();
  std::vector<SlotHook> hooks;  // a hook may put others on the tape
  for (const SlotHook& h : tape.hooks())
    if (h.slot >= first && h.slot < last) hooks.push_back(h);
  std::stable_sort(hooks.begin(), hooks.end(), [](const auto& a, const auto& b) { return a.slot > b.slot; });
  uint32_t end = segment_.end;
  for (const SlotHook& h : hooks) {
    uint32_t above = segment_.begin;  // the first statement whose outputs are all made later
    for (uint32_t n = end - above; n > 0;) {
      const uint32_t half = n / 2;
      const bool later = tape.statement(above + half).out > h.slot;
      if (!later) above += half + 1;
      n = later ? half : n - half - 1;
    }
    sweep(above, end);
    end = above;
    if (reached(h.slot) && is_active(h.slot)) replace(h.slot, hooked(h, tape, cotangent(h.slot)));
  }
  sweep(segment_.begin, end);
}

void Backward::run_to_inputs(std::span<const Slot> inputs, FunctionRef<void(size_t)> whole) {
  const Tape& tape = *segment_.tape;
  struct Read {
    uint32_t first;  // statement that reads the input; that of the aliases where none does
    size_t input;
  };
  std::vector<Read> reads;
  if (tape.hooks().empty()) {
    if (!segment_.alone) mark_active(inputs);
    std::vector<uint32_t> first(tape.slot_count() - segment_.first_slot, segment_.begin);
    for (uint32_t i = segment_.end; i-- > segment_.begin;) {
      const Statement& s = tape.statement(i);
      for (int k = 0; k < s.arg_count; ++k)
        if (const Slot slot = tape.arg(s, k).slot; slot >= segment_.first_slot) first[slot - segment_.first_slot] = i;
    }
    for (size_t k = 0; k < inputs.size(); ++k) reads.push_back({first[inputs[k] - segment_.first_slot], k});
    std::stable_sort(reads.begin(), reads.end(), [](const Read& a, const Read& b) { return a.first > b.first; });
  } else {
    run(inputs);
    for (size_t k = 0; k < inputs.size(); ++k) reads.push_back({segment_.end, k});
  }
  uint32_t end = segment_.end;
  for (const Read& r : reads) {
    if (r.first < end) sweep(r.first, end);
    end = std::min(end, r.first);
    if (reached(inputs[r.input])) whole(r.input);
  }
  if (tape.hooks().empty()) sweep(segment_.begin, end);
}

void Backward::sweep(uint32_t first, uint32_t end) {
  Tape& tape = *segment_.tape;
  const bool plain = segment_.once && !segment_.observed;
  const Op& always = always_rule_op();
  for (uint32_t i = end; i-- > first;) {
    const Statement s = tape.statement(i);
    const uint32_t at = s.out - segment_.first_slot;
    if (!segment_.alone && adjoints_.active[at] == kInput) continue;  // its alias belongs to the outer levels
    bool reached = adjoints_.index[at] != kNone;
    for (uint32_t j = 1; j < s.outputs; ++j) reached |= adjoints_.index[at + j] != kNone;
    if (reached && plain && segment_.alone && s.op->row >= 0 &&
        adjoints_.at_slot(at).value.size() >= kBlockedSweepSize) {
      const uint32_t swept = run_blocked(first, i);
      if (swept <= i) {
        i = swept;
        tape.release_from(i);
        if (interpreter.check_interrupt) interpreter.check_interrupt();
        continue;
      }
    }
    if ((reached || s.op == &always) && is_active(s.out)) pull(s);
    if (segment_.once) tape.release_from(i);
    if (i % kInterruptEvery == kInterruptEvery - 1 && interpreter.check_interrupt) interpreter.check_interrupt();
  }
}

bool Backward::reached(Slot slot) const noexcept {
  return slot >= segment_.first_slot && adjoints_.index[slot - segment_.first_slot] != kNone;
}

const Tensor& Backward::cotangent(Slot slot) const noexcept {
  return adjoints_.at_slot(slot - segment_.first_slot).value;
}

Tensor Backward::cotangent(Slot slot, const Tensor& input) const {
  return reached(slot) ? cotangent(slot) : zero_derivative(input);
}

void Backward::replace(Slot slot, Tensor cotangent) noexcept {
  adjoints_.at_slot(slot - segment_.first_slot) = {std::move(cotangent), false};
}

}  // namespace adcore
