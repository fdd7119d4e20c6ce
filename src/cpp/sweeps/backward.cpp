// Data: one adjoint per slot of the level, as an index into a pool of live tensors, so that an idle slot costs 4 bytes.
// Each adjoint is read once, by the statement that wrote its slot, and freed there. Start reading at run().
#include "sweeps/backward.h"

#include <atomic>
#include <vector>

#include "base/interpreter.h"
#include "base/reuse.h"
#include "core/watch.h"
#include "ops/functions.h"
#include "sweeps/blocked.h"

namespace adcore {

struct Backward::Adjoints {
  std::vector<uint32_t> index;  // by slot - first; kNone: nothing reached it
  std::vector<Tensor> pool;
  std::vector<uint32_t> free;   // places of the pool
  std::vector<uint8_t> active;  // by slot - first

  void clear() noexcept {
    forget(index);
    forget(pool);
    forget(free);
    forget(active);
  }
  void put(uint32_t at, Tensor&& t) {
    if (free.empty()) {
      index[at] = static_cast<uint32_t>(pool.size());
      pool.push_back(std::move(t));
    } else {
      index[at] = free.back();
      pool[free.back()] = std::move(t);
      free.pop_back();
    }
  }
  /// To be moved from before anything is put.
  Tensor&& take(uint32_t at) {
    Tensor& t = pool[index[at]];
    free.push_back(index[at]);
    index[at] = kNone;
    return std::move(t);
  }
};

namespace {

constexpr uint8_t kInput = 2;               // in Adjoints::active: an input of the level
constexpr uint32_t kInterruptEvery = 4096;  // statements

uint64_t next_serial() noexcept {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

Backward::Backward(Level& level) : Backward((level.close(), level.segment())) {
  consumes_ = level.outermost();
  recording_ = !level.outermost() || context().frame || context().watch;
}

Backward::Backward(const Segment& segment, bool consumes)
    : segment_(segment),
      adjoints_(*Idle<Adjoints>::take()),
      serial_(next_serial()),
      recording_(context().tape || context().frame || context().watch),
      consumes_(consumes),
      all_active_(segment.alone) {
  adjoints_.index.assign(segment.tape->slot_count() - segment.first_slot, kNone);
}

Backward::~Backward() { Idle<Adjoints>::put(&adjoints_); }

void Backward::seed(const Tensor& output, Tensor cotangent) {
  seed(segment_.tape->slot_of(output), std::move(cotangent));
}

void Backward::seed(Slot slot, Tensor cotangent) {
  if (slot >= segment_.first_slot) accumulate(slot, std::move(cotangent));
}

bool Backward::is_active(const void* sweep, Slot slot) {
  const auto& self = *static_cast<const Backward*>(sweep);
  if (self.all_active_) return true;
  return slot >= self.segment_.first_slot && self.adjoints_.active[slot - self.segment_.first_slot];
}

void Backward::give(void* sweep, const Pullback& p, int k, Tensor&& cotangent) {
  if (p.has_output_shape(k)) {
    if (!(cotangent.shape() == p.g.shape())) cotangent = sum_to(cotangent, p.g.shape());
  } else if (!p.is_as_given(k)) {
    if (const Dims shape = p.in_shape(k); !(cotangent.shape() == shape)) cotangent = sum_to(cotangent, shape);
  }
  if (cotangent.dtype() != p.in_dtype(k)) cotangent = cast(cotangent, p.in_dtype(k));
  static_cast<Backward*>(sweep)->accumulate(p.slot(k), std::move(cotangent));
}

void Backward::accumulate(Slot slot, Tensor&& cotangent) {
  const uint32_t at = slot - segment_.first_slot;
  if (adjoints_.index[at] == kNone) {
    adjoints_.put(at, std::move(cotangent));
    return;
  }
  Tensor& held = adjoints_.pool[adjoints_.index[at]];
  if (!(held.shape() == cotangent.shape())) {
    fail(ErrorKind::Runtime, "a value changed its shape from ", to_string(held.shape()), " to ",
         to_string(cotangent.shape()), " while it was differentiated.");
  }
  const Compute compute = compute_of(held.dtype());
  if (!recording_ && held.exclusively_owned() && held.dtype() == storage_of(compute) &&
      cotangent.dtype() == held.dtype() && cotangent.contiguous()) {
    static const int kAdd = formula_index("add");
    const void* in[] = {held.data(), cotangent.data()};
    kernels().elementwise[kAdd].map[static_cast<int>(compute)](in, held.mutable_data(), held.size(), 0);
  } else {
    held = held + cotangent;
  }
}

void Backward::mark_active(std::span<const Slot> inputs) {
  const Tape& tape = *segment_.tape;
  auto& active = adjoints_.active;
  active.assign(tape.slot_count() - segment_.first_slot, 0);
  for (Slot s : inputs) active[s - segment_.first_slot] = kInput;
  for (uint32_t i = segment_.begin; i < segment_.end; ++i) {
    const Statement& s = tape.statement(i);
    bool any = false;
    for (int k = 0; k < s.arg_count && !any; ++k) {
      const Slot slot = tape.arg(s, k).slot;
      any = slot >= segment_.first_slot && active[slot - segment_.first_slot];
    }
    uint8_t& out = active[s.out - segment_.first_slot];
    if (out != kInput) out = any;
  }
}

uint32_t Backward::run_blocked(uint32_t last) {
  const auto at = [this](Slot slot) { return slot - segment_.first_slot; };
  return sweep_blocked(*segment_.tape, segment_.begin, last,
                       {[&](Slot slot) -> const Tensor* {
                          const uint32_t place = adjoints_.index[at(slot)];
                          return place == kNone ? nullptr : &adjoints_.pool[place];
                        },
                        [&](Slot slot) -> Tensor { return adjoints_.take(at(slot)); },
                        [&](Slot slot, Tensor t) { adjoints_.put(at(slot), std::move(t)); }});
}

void Backward::run(std::span<const Slot> inputs) {
  if (!all_active_) mark_active(inputs);
  Tape& tape = *segment_.tape;
  Watch* const watch = context().watch;
  for (uint32_t i = segment_.end; i-- > segment_.begin;) {
    const Statement s = tape.statement(i);
    const uint32_t at = s.out - segment_.first_slot;
    if (!all_active_ && adjoints_.active[at] == kInput) continue;  // its alias belongs to the outer levels
    if (s.op->row >= 0 && all_active_ && consumes_ && !recording_ && adjoints_.index[at] != kNone &&
        adjoints_.pool[adjoints_.index[at]].size() >= kBlockedSweepSize) {
      const uint32_t swept = run_blocked(i);
      if (swept <= i) {
        i = swept;
        tape.release_from(i);
        if (interpreter.check_interrupt) interpreter.check_interrupt();
        continue;
      }
    }
    if (adjoints_.index[at] != kNone && is_active(this, s.out)) {
      Pullback p(tape, s, adjoints_.take(at), recording_, is_active, give, this, serial_);
      if (watch) [[unlikely]] {
        const Watch::InRule scope(*watch, *s.op, {tape.id(), s.out});
        s.op->vjp(p);
      } else {
        s.op->vjp(p);
      }
    }
    if (consumes_) tape.release_from(i);
    if (i % kInterruptEvery == 0 && interpreter.check_interrupt) interpreter.check_interrupt();
  }
}

bool Backward::reached(Slot slot) const noexcept {
  return slot >= segment_.first_slot && adjoints_.index[slot - segment_.first_slot] != kNone;
}

Tensor Backward::cotangent(Slot slot, const Tensor& input) const {
  return reached(slot) ? adjoints_.pool[adjoints_.index[slot - segment_.first_slot]] : zeros_like(input);
}

}  // namespace adcore
