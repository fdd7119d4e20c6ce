// Tape: a linear list of statements. Recording appends to it; every sweep is a loop over it.
//
// One thread has at most one live tape (context().tape). A level is a mark on it. Nested derivatives put several levels
// on one tape: a level is closed before its sweep runs, so the rules of that sweep are recorded for exactly the outer
// levels. When the outermost level closes nothing records any more; its sweep consumes the tape.
//
// Where to start reading: append() in tape.cpp, then sweeps/backward.cpp.
#pragma once

#include <memory>
#include <vector>

#include "base/context.h"
#include "core/op.h"

namespace adcore {

inline constexpr uint32_t kNone = UINT32_MAX;
inline constexpr uint32_t kAsGiven = UINT32_MAX - 1;

struct Arg {
  Slot slot;      // 0: constant; else < Statement::out
  uint32_t kept;  // index of the kept value, kNone if no rule needs it
  uint32_t
      dims;  // index in the word list of rank and sizes; kNone: the shape of the output; kAsGiven: whatever its cotangent has
  DType dtype;
};

struct Statement {
  const Op* op;
  Slot out;              // > every argument's slot; each slot is written once
  uint32_t args;         // index of the first argument
  uint32_t words;        // index of the attributes in the word list
  uint32_t kept_output;  // index of the kept output, kNone if no rule needs it
  uint32_t kept_hidden;  // likewise of the hidden output
  uint32_t kept_begin;   // the kept values of this and later statements start here
  uint16_t arg_count;
  uint16_t word_count;
  DType dtype;  // of the output
};

/// The kept values: a stack in blocks, so that a reference to one stays good while a sweep is recorded above it.
class KeptStack {
 public:
  uint32_t size() const noexcept { return size_; }
  const Tensor& operator[](uint32_t i) const noexcept { return blocks_[i / kBlock][i % kBlock]; }
  void push(const Tensor& value, TapeRef ref) {
    if (size_ == blocks_.size() * kBlock) blocks_.push_back(std::make_unique<Tensor[]>(kBlock));
    Tensor& t = blocks_[size_ / kBlock][size_ % kBlock];
    t = value;
    t.set_ref(ref);
    ++size_;
  }
  void shrink(uint32_t size) noexcept {
    while (size_ > size) {
      --size_;
      blocks_[size_ / kBlock][size_ % kBlock].reset();
    }
  }
  void clear() {
    shrink(0);
    if (blocks_.size() > kBlocksKept) blocks_.resize(kBlocksKept);
  }

 private:
  static constexpr uint32_t kBlock = 64;
  static constexpr size_t kBlocksKept = 256;  // 4 MB

  std::vector<std::unique_ptr<Tensor[]>> blocks_;
  uint32_t size_ = 0;
};

class Tape {
 public:
  Tape() noexcept;
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  uint64_t id() const noexcept { return id_; }

  /// The slot of a value on this tape, 0 for a constant or a value of another tape.
  Slot slot_of(const Tensor& t) const noexcept { return t.ref().tape == id_ ? t.ref().slot : 0; }
  Slot new_slot();

  void append(const Call& call);
  /// A statement whose rule finds what it needs in `hidden`.
  Slot append(const Op& op, std::span<const Arg> inputs, Attrs attrs, DType output, const Tensor& hidden);
  Arg new_arg(Slot slot, const Tensor& value) { return {slot, kNone, put_dims(value.shape()), value.dtype()}; }

  // ---- parameters: their slots live here, indexed by their process-wide number ----
  Slot parameter_slot(uint32_t number) const noexcept {
    return number < parameter_slots_.size() ? parameter_slots_[number] : 0;
  }
  const std::vector<uint32_t>& parameters_set() const noexcept { return parameters_set_; }
  /// From now on a read of the parameter is `slot`, until the tape is cleared.
  void set_parameter_slot(uint32_t number, Slot slot);

  // ---- what sweeps read ----
  uint32_t statement_count() const noexcept { return static_cast<uint32_t>(statements_.size()); }
  Slot slot_count() const noexcept { return next_slot_; }
  const Statement& statement(uint32_t i) const noexcept { return statements_[i]; }
  const Arg& arg(const Statement& s, int k) const noexcept { return args_[s.args + static_cast<uint32_t>(k)]; }
  Attrs attrs(const Statement& s) const noexcept { return {words_.data() + s.words, s.word_count}; }
  Dims dims(uint32_t index) const;
  /// A kept value, tracked as it was.
  const Tensor& kept(uint32_t index) const noexcept { return kept_[index]; }
  /// Drops the kept values of statement i and all later ones.
  void release_from(uint32_t i);
  /// Drops the statements from `i` on. Their slots are not given out again.
  void truncate(uint32_t i);

  /// Forgets everything and takes a new id: what refers to the old one reads as constant. Keeps a modest capacity.
  void clear();

  /// What a level does to parameter slots, to be undone when it closes; innermost level last.
  struct Held {
    uint32_t number;
    Slot outer, inner;
  };
  std::vector<Held> held;

  uint32_t open_levels = 0;
  uint32_t levels_seen = 0;  // since clear()
  /// Statements recorded while that many levels are open keep what one sweep that nothing records needs, no more.
  uint32_t lean_levels = 0;

 private:
  uint32_t keep(const Tensor& value, Slot slot);
  uint32_t put_dims(const Dims& dims);

  uint64_t id_;
  Slot next_slot_ = 1;
  std::vector<Statement> statements_;
  std::vector<Arg> args_;
  KeptStack kept_;
  std::vector<int64_t> words_;  // attributes and shapes
  std::vector<Slot> parameter_slots_;
  std::vector<uint32_t> parameters_set_;
};

/// What the rule of one statement sees. Rules call in()/out() only for values that Op::needs declares.
class Pullback {
 public:
  Pullback(const Tape& tape, const Statement& statement, Tensor&& cotangent, bool recording,
           bool (*is_active)(const void*, Slot), void (*accumulate)(void*, const Pullback&, int, Tensor&&), void* sweep,
           uint64_t serial)
      : g(std::move(cotangent)),
        recording(recording),
        serial(serial),
        statement_(statement),
        tape_(tape),
        is_active_(is_active),
        accumulate_(accumulate),
        sweep_(sweep) {}

  Tensor g;               // the cotangent of the output; its shape stays also when the elements are taken
  const bool recording;   // a level or frame is open outside: the rule must be written with ops only
  const uint64_t serial;  // of the sweep

  const Op& op() const noexcept { return *statement_.op; }
  int count() const noexcept { return statement_.arg_count; }
  bool active(int k) const noexcept {
    const Slot slot = tape_.arg(statement_, k).slot;
    return slot != 0 && is_active_(sweep_, slot);
  }
  const Tensor& in(int k) const noexcept { return tape_.kept(tape_.arg(statement_, k).kept); }
  const Tensor& out() const noexcept { return tape_.kept(statement_.kept_output); }
  /// The saved second output. It is a constant: only for rules that are not recorded.
  const Tensor& hidden() const noexcept { return tape_.kept(statement_.kept_hidden); }
  /// The cotangent itself, for the last use that the rule makes of its elements.
  Tensor take_g() noexcept { return std::move(g); }
  /// The shape of an active argument.
  Dims in_shape(int k) const {
    const Arg& a = tape_.arg(statement_, k);
    return a.dims == kNone ? g.shape() : tape_.dims(a.dims);
  }
  DType in_dtype(int k) const noexcept { return tape_.arg(statement_, k).dtype; }
  template <class A>
  A attrs() const noexcept {
    return tape_.attrs(statement_).template as<A>();
  }
  Attrs attrs() const noexcept { return tape_.attrs(statement_); }
  /// Adds to the cotangent of argument k. A shape that was broadcast is summed, another dtype is cast: here, once, for
  /// all rules.
  void give(int k, Tensor&& cotangent) { accumulate_(sweep_, *this, k, std::move(cotangent)); }
  void give(int k, const Tensor& cotangent) { give(k, Tensor(cotangent)); }
  /// Argument k is like the output: nothing to sum where its cotangent is.
  bool has_output_shape(int k) const noexcept { return tape_.arg(statement_, k).dims == kNone; }
  /// The rule vouches for the shape of the cotangent.
  bool is_as_given(int k) const noexcept { return tape_.arg(statement_, k).dims == kAsGiven; }
  Slot slot(int k) const noexcept { return tape_.arg(statement_, k).slot; }

 private:
  const Statement statement_;  // a copy: a recorded rule makes the tape grow
  const Tape& tape_;
  bool (*is_active_)(const void*, Slot);
  void (*accumulate_)(void*, const Pullback&, int, Tensor&&);
  void* sweep_;
};

/// The statements of a closed level.
struct Segment {
  Tape* tape;
  uint64_t tape_id;
  // The statements are [begin, end). The aliases that made the inputs are among them but belong to the outer levels.
  uint32_t begin, end;
  Slot first_slot;  // slots below are inactive
  bool alone;       // no other level was on the tape: every statement is active
};

/// A level of differentiation: opened by the constructor, closed by close() or the destructor, also when the function
/// throws.
class Level {
 public:
  /// How its statements will be swept: once, or any number of times.
  enum class Sweeps : uint8_t { Once, Many };

  explicit Level(Sweeps sweeps = Sweeps::Once);
  /// On a tape that was live before, to record a piece of it again.
  explicit Level(Tape& again);
  ~Level();
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

  /// `value` as an input of this level: the same elements at a fresh slot.
  Tensor input(const Tensor& value);
  /// The fresh slot alone, for a value that stands at `outer` (0: a constant).
  Slot input(const Tensor& value, Slot outer);
  /// The same for a parameter: reads of it in this thread mean this level's slot until the level closes.
  Slot parameter(uint32_t number, const Tensor& value);

  /// Reads of the parameter mean `slot` from now on, which was computed from its input.
  void parameter_becomes(uint32_t number, Slot slot) noexcept;

  /// Ends recording for this level; values keep their slots until the level is destroyed.
  void close();

  Tape& tape() const noexcept { return *tape_; }
  bool outermost() const noexcept { return outermost_; }
  Slot first_slot() const noexcept { return first_slot_; }  // slots below are inactive in this level
  /// Of the closed level.
  Segment segment() const noexcept;
  /// The closed level's tape, to be kept beyond the level; null where outer levels own it.
  std::unique_ptr<Tape> keep_tape() noexcept;

 private:
  void open(Tape* tape, Sweeps sweeps);

  Tape* tape_;
  Tape* outer_tape_;  // what was live before
  bool outermost_;
  bool owns_;
  bool open_ = true;
  uint32_t begin_, end_ = 0;
  Slot first_slot_;
  size_t first_held_;
  int no_grad_depth_;
  uint64_t outer_scope_;
};

/// True while any thread has a live tape: a parameter's number may not go to another one then.
bool any_tape_live() noexcept;

}  // namespace adcore
