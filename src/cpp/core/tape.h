// Tape: a linear list of statements. Recording appends to it; every sweep is a loop over it.
//
// One thread has at most one live tape (context().tape). A level (core/scope.h) is a mark on it. Nested derivatives put
// several levels on one tape: a level is closed before its sweep runs, so the rules of that sweep are recorded for
// exactly the outer levels. When the outermost level closes nothing records any more; its sweep consumes the tape.
//
// Where to start reading: append() in tape.cpp, then sweeps/backward.cpp.
#pragma once

#include <bit>
#include <memory>
#include <vector>

#include "base/context.h"
#include "base/function_ref.h"
#include "core/op.h"

namespace adcore {

inline constexpr uint32_t kNone = UINT32_MAX;
inline constexpr uint32_t kAsGiven = UINT32_MAX - 1;

struct Arg {
  Slot slot;  // 0: constant; else < Statement::out
  /// Index in the word list of rank and sizes; kNone: the shape of the one output; kAsGiven: whatever its cotangent
  /// has.
  uint32_t dims;
  DType dtype;
};

struct Statement {
  const Op* op;
  Slot out;             // of output 0, the others follow; > every argument's slot; each slot is written once
  uint32_t args;        // index of the first argument
  uint32_t words;       // index of the attributes in the word list
  uint32_t kept;        // which values are kept, as bits of Op::needs
  uint32_t kept_begin;  // they stand here, lowest bit first; those of later statements follow
  int32_t word_count;
  uint16_t arg_count;
  uint16_t outputs;
  DType dtype;  // of output 0

  /// Where a value of one bit of Op::needs is kept.
  uint32_t kept_at(uint32_t bit) const noexcept {
    return kept_begin + static_cast<uint32_t>(std::popcount(kept & (bit - 1)));
  }
};

/// A function of the whole cotangent of one value, which what it returns replaces; `rule` holds it.
struct SlotHook {
  Slot slot;
  Tensor rule;
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
  /// Takes those from `size` on away.
  std::vector<Tensor> take(uint32_t size) {
    std::vector<Tensor> taken;
    taken.reserve(size_ - size);
    for (uint32_t i = size; i < size_; ++i) taken.push_back(std::move(blocks_[i / kBlock][i % kBlock]));
    size_ = size;
    return taken;
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
  Slot slot_of(const Tensor& t) const noexcept {
    if (t.ref().tape == id_) return t.ref().slot;
    return bases_.empty() ? 0 : slot_on_bases(t.ref());
  }
  /// Makes an empty tape go on where others stood, one after the other: values of those are at their slots here too,
  /// and new slots come after them. So a part of a tape is recorded again without a change to it.
  void go_on_from(std::vector<uint64_t> bases, Slot next_slot) noexcept {
    bases_ = std::move(bases);
    next_slot_ = next_slot;
  }
  /// The ids of this tape and of those that it goes on from.
  std::vector<uint64_t> ids() const;
  Slot new_slot() { return new_slots(1); }

  void append(const Call& call);
  /// A statement of `outputs` outputs whose rule was given from outside: `rule` holds it. Returns the first output's
  /// slot.
  Slot append(const Op& op, std::span<const Arg> inputs, int outputs, const Tensor& rule);
  /// True where such a statement was appended since clear().
  bool has_rules() const noexcept { return has_rules_; }
  /// Puts a hook on a value: the sweeps of all levels that made it call it before they pull the statement of the slot.
  void hook(Slot slot, const Tensor& rule) { hooks_.push_back({slot, rule}); }
  /// In the order of registration.
  const std::vector<SlotHook>& hooks() const noexcept { return hooks_; }
  Arg new_arg(Slot slot, const Tensor& value) { return {slot, put_dims(value.shape()), value.dtype()}; }

  // ---- parameters: their slots live here, indexed by their process-wide number ----
  Slot parameter_slot(uint32_t number) const noexcept {
    return number < parameters_.size() ? parameters_[number].slot : 0;
  }
  const std::vector<uint32_t>& parameters_set() const noexcept { return parameters_set_; }
  /// From now on a read of the parameter is `slot`, until the tape is cleared.
  void set_parameter_slot(uint32_t number, Slot slot);
  /// Makes the parameter an input of the innermost level, at `input`.
  void open_parameter(uint32_t number, Slot input);
  /// Its slot as an input of the level whose inputs begin at `first`, 0 where it is none.
  Slot parameter_input(uint32_t number, size_t first) const noexcept {
    const uint32_t at = number < parameters_.size() ? parameters_[number].input : kNone;
    return at != kNone && at >= first ? parameter_inputs_[at].slot : 0;
  }
  size_t parameter_inputs() const noexcept { return parameter_inputs_.size(); }
  /// Undoes open_parameter() down to `first`. An assignment since then stays: its value is one of the outer levels'
  /// too.
  void close_parameters(size_t first) noexcept;

  // ---- what sweeps read ----
  uint32_t statement_count() const noexcept { return static_cast<uint32_t>(statements_.size()); }
  Slot slot_count() const noexcept { return next_slot_; }
  const Statement& statement(uint32_t i) const noexcept { return statements_[i]; }
  const Arg& arg(const Statement& s, int k) const noexcept { return args_[s.args + static_cast<uint32_t>(k)]; }
  Attrs attrs(const Statement& s) const noexcept { return {words_.data() + s.words, s.word_count}; }
  Dims dims(uint32_t index) const;
  /// A kept value, tracked as it was. `bit` as in Op::needs; a value that is not kept is an error of the op's row.
  const Tensor& kept(const Statement& s, uint32_t bit) const {
    if (!(s.kept & bit)) [[unlikely]]
      fail_not_kept(s, bit);
    return kept_[s.kept_at(bit)];
  }
  /// Drops the kept values of statement i and all later ones.
  void release_from(uint32_t i);
  /// Drops the statements from `i` on, whose outputs stand at the slots from `first` on, and the hooks on these. They
  /// are not given out again; a value that still stands at one may not be recorded from. Returns what they kept:
  /// letting go of it may run code of the user, which should find everything in order.
  [[nodiscard]] std::vector<Tensor> drop_statements(uint32_t i, Slot first);
  bool is_dropped(Slot slot) const noexcept;
  /// Throws where the slot is that of a dropped statement.
  void check_not_dropped(const char* op, Slot slot) const {
    if (!dropped_.empty() && is_dropped(slot)) [[unlikely]]
      fail_dropped(op);
  }

  /// Forgets everything and takes a new id: what refers to the old one reads as constant. Keeps a modest capacity.
  void clear();

  uint32_t open_levels = 0;
  uint32_t levels_seen = 0;  // since clear()
  /// The sweep of the innermost level may itself be differentiated or watched (Level::observed()).
  bool observed = false;

 private:
  struct ParameterEntry {
    Slot slot = 0;           // what a read is
    uint32_t input = kNone;  // the innermost of its parameter_inputs_
  };
  struct ParameterInput {
    uint32_t number;
    Slot slot;
    ParameterEntry outer;  // before
  };

  ParameterEntry& parameter_entry(uint32_t number);
  Slot new_slots(int n);
  Slot slot_on_bases(TapeRef ref) const noexcept;
  uint32_t put_dims(const Dims& dims);
  [[noreturn]] static void fail_dropped(const char* op);
  [[noreturn]] static void fail_not_kept(const Statement& s, uint32_t bit);

  uint64_t id_;
  std::vector<uint64_t> bases_;
  Slot next_slot_ = 1;
  bool has_rules_ = false;
  std::vector<SlotHook> hooks_;
  std::vector<Statement> statements_;
  std::vector<Arg> args_;
  KeptStack kept_;
  std::vector<int64_t> words_;  // attributes and shapes
  std::vector<ParameterEntry> parameters_;
  std::vector<uint32_t> parameters_set_;          // those that have had a slot
  std::vector<ParameterInput> parameter_inputs_;  // of the open levels, the innermost's last
  std::vector<std::pair<Slot, Slot>> dropped_;    // ranges of slots, ascending
};

/// True while any thread has a live tape: a parameter's number may not go to another one then.
bool any_tape_live() noexcept;

}  // namespace adcore
