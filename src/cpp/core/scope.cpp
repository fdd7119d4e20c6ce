#include "core/scope.h"

#include <atomic>
#include <utility>

#include "base/reuse.h"
#include "core/box.h"
#include "core/pullback.h"

namespace adcore {
namespace {

std::atomic<int> live_tapes{0};

uint64_t next_frame_id() noexcept {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

// An input of a level whose value an outer level tracks. Only recorded, never applied: the value is the same.
void alias_vjp(Pullback& p) { p.give(0, p.take_g()); }
const Op kAlias = {.name = "alias", .kind = OpKind::Linear, .infer = nullptr, .run = nullptr, .vjp = alias_vjp};

}  // namespace

bool any_tape_live() noexcept { return live_tapes.load(std::memory_order_relaxed) > 0; }

// ---- what all have in common --------------------------------------------------------------------------------------

bool Opened::is_open() const noexcept {
  const Opened* o = context().innermost;
  while (o && o != this) o = o->outer_.innermost;
  return o;
}

void Opened::close_under(const Watch* watch) noexcept {
  if (!is_open()) return;
  if (is_innermost()) return close();
  const auto forget_watch = [&](Scope& s) {
    if (!watch || s.watch != watch) return;
    s.watch = outer_.watch;
    s.long_work = outer_.long_work;
  };
  forget_watch(context());
  Opened* o = context().innermost;
  for (; o->outer_.innermost != this; o = o->outer_.innermost) forget_watch(o->outer_);
  o->outer_ = outer_;
}

void Opened::fail_shut_out() const {
  for (const Opened* o = context().innermost; o && o != this; o = o->outer_.innermost) {
    if (o->kind_ != Kind::NoGrad) continue;
    fail(ErrorKind::Runtime,
         "no_grad: it was entered in a function that is differentiated, mapped or recomputed, and not left when that "
         "returned, so the derivative of what ran since is lost; a with block must end where it began, and a generator "
         "that holds one open must end too.");
  }
}

// ---- levels -------------------------------------------------------------------------------------------------------

Level::Level(Tape* given, Sweeps sweeps)
    : outermost_(given || opened_.outer().tape == nullptr),
      owns_(!given && outermost_),
      given_(given != nullptr),
      once_(sweeps == Sweeps::Once),
      observed_(opened_.outer().tape || opened_.outer().frame || opened_.outer().watch) {
  tape_ = given ? given : owns_ ? Idle<Tape>::take() : opened_.outer().tape;
  if (owns_ || given) live_tapes.fetch_add(1, std::memory_order_relaxed);
  context().tape = tape_;
  begin_ = tape_->statement_count();
  first_slot_ = tape_->slot_count();
  first_parameter_ = tape_->parameter_inputs();
  outer_observed_ = std::exchange(tape_->observed, observed_);
  ++tape_->open_levels;
  ++tape_->levels_seen;
}

Level::~Level() {
  close();
  if (owns_) Idle<Tape>::put(tape_);
  if (owns_ || given_) live_tapes.fetch_sub(1, std::memory_order_relaxed);
}

Segment Level::segment() const noexcept {
  return {tape_,    tape_->id(), begin_, end_, first_slot_, outermost_ && tape_->levels_seen == 1, once_ && outermost_,
          observed_};
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
  if (const Box* const box = box_of(fresh)) {
    fresh = open_frame(*box)->entering(fresh);
    if (tape_->slot_of(fresh)) return fresh;
  }
  fresh.set_ref({tape_->id(), input(fresh, tape_->slot_of(fresh))});
  return fresh;
}

Slot Level::parameter(uint32_t number, const Tensor& value) {
  if (const Slot known = tape_->parameter_input(number, first_parameter_)) return known;
  const Slot slot = input(value, tape_->parameter_slot(number));
  tape_->open_parameter(number, slot);
  return slot;
}

void Level::close() {
  if (!open_) return;
  open_ = false;
  end_ = tape_->statement_count();
  tape_->close_parameters(first_parameter_);
  --tape_->open_levels;
  tape_->observed = outer_observed_;
  // What the sweep of the outermost level runs records nothing, and a level that it opens gets a tape of its own.
  opened_.close();
}

// ---- frames -------------------------------------------------------------------------------------------------------

Frame::Frame(FrameKind kind, int64_t size) : kind(kind), id(next_frame_id()), size(size) {}

Tensor Frame::constant(const Tensor& value) { return value.detached(); }

FrameScope::FrameScope(Frame& frame) : frame_(frame) {
  ThreadContext& c = context();
  for (const Frame* f = c.frame; f; f = f->place.outer)
    if (f == &frame) return;
  if (frame.place.thread && frame.place.thread != &c)
    fail(ErrorKind::Runtime, "a jvp, vmap or trace is open in another thread.");
  opened_.emplace();
  before_ = frame.place;
  frame.place = {&c, c.frame, (c.frame ? c.frame->place.depth : 0) + 1, c.tape, c.tape ? c.tape->open_levels : 0};
  c.frame = &frame;
}

FrameScope::~FrameScope() {
  if (!opened_) return;
  frame_.place = before_;
  opened_->close();
}

Outside::Outside(const Frame& frame) noexcept : tape_(context().tape), frame_(context().frame) {
  ThreadContext& c = context();
  // Under no_grad, what was live when an outer frame opened stays shut out.
  c.tape = frame.place.depth <= c.no_grad_depth ? nullptr : frame.place.tape;
  c.frame = frame.place.outer;
}
Outside::~Outside() {
  context().tape = tape_;
  context().frame = frame_;
}

// ---- no_grad ------------------------------------------------------------------------------------------------------

NoGrad::NoGrad() noexcept : opened_(Opened::Kind::NoGrad) {
  ThreadContext& c = context();
  c.tape = nullptr;
  c.no_grad_depth = c.frame ? c.frame->place.depth : 0;
  note_rule();
}
NoGrad::~NoGrad() { opened_.close_under(); }

void note_rule() noexcept {
  for (Frame* f = context().frame; f; f = f->place.outer) f->has_rules |= f->kind == FrameKind::Trace;
}
void note_loop() noexcept {
  for (Frame* f = context().frame; f; f = f->place.outer) f->has_loops |= f->kind == FrameKind::Trace;
}
void note_draw() noexcept {
  for (Frame* f = context().frame; f; f = f->place.outer) f->has_draws |= f->kind == FrameKind::Trace;
}

Alone::Alone() noexcept {
  CellView* const cells = context().cells;
  static_cast<Scope&>(context()) = Scope{};
  context().cells = cells;
  context().innermost = &opened_;
}

// ---- what is open -------------------------------------------------------------------------------------------------

bool may_differentiate_rules() noexcept {
  const ThreadContext& c = context();
  uint32_t n = c.tape ? c.tape->open_levels : 0;
  for (const Frame* f = c.frame; f; f = f->place.outer) n += f->kind != FrameKind::Trace;
  return n > 1;
}

int open_scopes() noexcept {
  const ThreadContext& c = context();
  int n = c.tape ? static_cast<int>(c.tape->open_levels) : 0;
  for (const Frame* f = c.frame; f; f = f->place.outer) ++n;
  return n + (c.no_grad_depth != 0) + (c.innermost != nullptr);
}

}  // namespace adcore
