// What can be open in a thread: levels of reverse mode, frames (jvp, vmap, trace), no_grad, the watch for NaN.
//
// Each is opened and closed by one C++ object, also when something raises; closing puts the thread's Scope back whole.
// So whatever was entered inside and not left ends there too. What is open in a thread is a list, the innermost first
// (Opened): a no_grad that Python leaves out of order is taken out of the middle.
//
// One decision is taken here and stored: whether something outside of a level sees the sweep of that level
// (Level::observed()). What a statement keeps, and what the sweep may do in one go, follow from it; a rule never asks.
#pragma once

#include <memory>
#include <optional>

#include "core/tape.h"

namespace adcore {

/// One thing that is open in a thread, with the thread's scope from before, which closing puts back whole.
class Opened {
 public:
  /// Whether derivatives are shut out while it is open.
  enum class Kind : uint8_t { Other, NoGrad };

  explicit Opened(Kind kind = Kind::Other) noexcept : outer_(context()), kind_(kind) { context().innermost = this; }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  const Scope& outer() const noexcept { return outer_; }
  bool is_innermost() const noexcept { return context().innermost == this; }
  /// Open in this thread. What it was opened in may have closed, and so closed it.
  bool is_open() const noexcept;
  /// Closes what is the innermost, and whatever was opened inside and not closed.
  void close() noexcept { static_cast<Scope&>(context()) = outer_; }
  /// Closes what is open; what was opened inside stays. `watch` is what it showed as context().watch.
  void close_under(const Watch* watch = nullptr) noexcept;
  /// Throws where a no_grad that was opened inside is open still.
  void check_nothing_shut_out() const {
    if (!is_innermost()) [[unlikely]]
      fail_shut_out();
  }

 private:
  void fail_shut_out() const;

  Scope outer_;
  const Kind kind_;
};

/// The scope as it is, until this is destroyed.
class Unchanged {
 public:
  Unchanged() = default;
  ~Unchanged() { opened_.close(); }
  Unchanged(const Unchanged&) = delete;
  Unchanged& operator=(const Unchanged&) = delete;

 private:
  Opened opened_;
};

/// The statements of a closed level.
struct Segment {
  Tape* tape = nullptr;
  uint64_t tape_id = 0;
  // The statements are [begin, end). The aliases that made the inputs are among them but belong to the outer levels.
  uint32_t begin = 0, end = 0;
  Slot first_slot = 0;  // slots below are inactive
  bool alone = false;   // no other level was on the tape: every statement is active
  bool once = false;    // swept once, by whoever opened the level: kept values may be dropped on the way
  bool observed = false;
};

/// A level of differentiation.
class Level {
 public:
  /// How its statements will be swept: once, or any number of times.
  enum class Sweeps : uint8_t { Once, Many };

  explicit Level(Sweeps sweeps = Sweeps::Once) : Level(nullptr, sweeps) {}
  /// On a tape of its own, which is not that of the levels around it: they see its sweep, not its statements.
  explicit Level(Tape& own) : Level(&own, Sweeps::Once) {}
  ~Level();
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

  /// `value` as an input of this level: the same elements at a fresh slot.
  Tensor input(const Tensor& value);
  /// The fresh slot alone, for a value that stands at `outer` (0: a constant).
  Slot input(const Tensor& value, Slot outer);
  /// The same for a parameter: reads of it in this thread mean this level's slot until the level closes. One that is an
  /// input already keeps its slot.
  Slot parameter(uint32_t number, const Tensor& value);

  /// Ends recording for this level; values keep their slots until the level is destroyed.
  void close();
  /// Throws where it does not record, because a no_grad that was entered inside was not left.
  void check_records() const { opened_.check_nothing_shut_out(); }

  Tape& tape() const noexcept { return *tape_; }
  bool outermost() const noexcept { return outermost_; }
  Slot first_slot() const noexcept { return first_slot_; }  // slots below are inactive in this level
  /// A level, a frame or a watch was open when this one opened, so its sweep may be recorded, boxed or watched.
  bool observed() const noexcept { return observed_; }
  /// Of the closed level.
  Segment segment() const noexcept;
  /// The closed level's tape, to be kept beyond the level; null where outer levels own it.
  std::unique_ptr<Tape> keep_tape() noexcept;

 private:
  Level(Tape* given, Sweeps sweeps);

  Opened opened_;
  Tape* tape_;
  const bool outermost_;  // no level was open on the tape
  bool owns_;
  const bool given_;  // the tape was given to the constructor
  const bool once_;
  const bool observed_;
  bool outer_observed_;  // Tape::observed before
  bool open_ = true;
  uint32_t begin_, end_ = 0;
  Slot first_slot_;
  size_t first_parameter_;  // of the tape's parameter inputs
};

enum class FrameKind : uint8_t { Forward, Batch, Trace };

/// What the members of a batch get where they draw random numbers: the same, numbers of their own, or an error.
enum class Draws : uint8_t { Same, Different, Refused };

/// An open jvp, vmap or trace: an interpreter of the calls on the values that are boxed in it (core/box.h). It may be
/// opened again after it closed, so that a rule kept from inside can run.
class Frame : public std::enable_shared_from_this<Frame> {
 public:
  Frame(FrameKind kind, int64_t size);
  virtual ~Frame() = default;
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  /// Computes a call, one of whose operands at least is boxed here and none in a deeper frame.
  virtual void apply(Call& call) = 0;
  /// A value of the frame that no derivative passes, also none that is taken where what the frame notes runs again.
  virtual Tensor constant(const Tensor& value);
  /// The same value by a call, which levels outside record: the cotangents of an input of a level inside are added up
  /// first, whatever stands between the level and whoever looks on.
  virtual Tensor entering(const Tensor& value) = 0;

  const FrameKind kind;
  const uint64_t id;
  const int64_t size;  // Batch: how many members
  Draws draws = Draws::Same;
  /// Trace: something ran that is more than its calls: a rule of the user's, no_grad; a loop, whose call has rules in
  /// Python; a draw of random numbers. Whoever differentiates or maps the calls alone would miss it.
  bool has_rules = false, has_loops = false, has_draws = false;

  /// Where it stands while it is open.
  struct Place {
    const ThreadContext* thread = nullptr;  // null: closed
    Frame* outer = nullptr;
    int depth = 0;
    Tape* tape = nullptr;      // the live tape when it opened
    uint32_t open_levels = 0;  // of that tape then
  };
  Place place;
};

/// Opens a frame in this thread for the time of a scope; nothing where it is open already. One that is open, but hidden
/// by Outside, stands at a second place meanwhile.
class FrameScope {
 public:
  explicit FrameScope(Frame& frame);
  ~FrameScope();
  /// Throws where a no_grad that was entered inside was not left.
  void check_records() const {
    if (opened_) opened_->check_nothing_shut_out();
  }
  FrameScope(const FrameScope&) = delete;
  FrameScope& operator=(const FrameScope&) = delete;

 private:
  Frame& frame_;
  Frame::Place before_;
  std::optional<Opened> opened_;
};

/// Runs what follows outside of a frame: its bases are ordinary values there.
class Outside {
 public:
  explicit Outside(const Frame& frame) noexcept;
  ~Outside();
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;

 private:
  Tape* tape_;
  Frame* frame_;
};

/// Nothing that runs in its scope is differentiated by what is open around it.
class NoGrad {
 public:
  NoGrad() noexcept;
  /// In the thread that opened it.
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;
  /// False where something else was opened since and not closed, or what it was opened in has closed.
  bool is_innermost() const noexcept { return opened_.is_innermost(); }

 private:
  Opened opened_;
};

/// For what the calls do not say: notes in the open traces that a rule, or no_grad, has to do with what they record.
void note_rule() noexcept;
/// The same for a loop, and for a draw of random numbers.
void note_loop() noexcept;
void note_draw() noexcept;

/// Nothing that is open in the thread, but a view of its cells, sees what runs in its scope.
class Alone {
 public:
  Alone() noexcept;
  ~Alone() { opened_.close(); }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

 private:
  Opened opened_;
};

/// The value of a first derivative that is taken now may itself be differentiated: what a rule from outside computes
/// must be recorded.
bool may_differentiate_rules() noexcept;

/// How many levels, frames and no_grads are open in this thread: 0 where nothing was left behind.
int open_scopes() noexcept;

}  // namespace adcore
