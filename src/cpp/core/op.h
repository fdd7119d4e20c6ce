// Op: one const row per op. Its identity is its address; there is no enum of ops and no switch over them.
//
// A rule is calculus written with ops (so a sweep can itself be recorded); a kernel is a loop.
#pragma once

#include <cassert>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "base/function_ref.h"
#include "core/tensor.h"
#include "kernels/kernels.h"

namespace adcore {

struct Op;
class Pullback;     // core/pullback.h
class Pushforward;  // ops/rules.h
class Batching;     // ops/rules.h

/// The parameters of one application that are not tensors: words beside the statement. Made from a trivially copyable
/// struct without padding, so that equal parameters have equal words.
class Attrs {
 public:
  constexpr Attrs() noexcept : words_(nullptr), count_(0) {}
  constexpr Attrs(const int64_t* words, int count) noexcept : words_(words), count_(count) {}
  /// A view of `a`, which must outlive it.
  template <class A>
    requires(std::is_trivially_copyable_v<A> && sizeof(A) % sizeof(int64_t) == 0 && !std::is_same_v<A, Attrs>)
  explicit Attrs(const A& a) noexcept
      : words_(reinterpret_cast<const int64_t*>(&a)), count_(sizeof(A) / sizeof(int64_t)) {}

  const int64_t* words() const noexcept { return words_; }
  int count() const noexcept { return count_; }

  template <class A>
  A as() const noexcept {
    assert(count_ == sizeof(A) / sizeof(int64_t));
    A a;
    std::memcpy(static_cast<void*>(&a), words_, sizeof(A));
    return a;
  }

 private:
  const int64_t* words_;
  int count_;
};

/// A list of sizes or axes as attribute: Dims without the unused tail.
struct DimsAttr {
  int64_t rank = 0;
  int64_t v[kMaxRank] = {};

  DimsAttr() = default;
  explicit DimsAttr(const Dims& d) : rank(d.size()) {
    for (int i = 0; i < d.size(); ++i) v[i] = d[i];
  }
  Dims dims() const { return Dims(std::span<const int64_t>(v, static_cast<size_t>(rank))); }
};

/// An argument of an op: its value, and its slot on the live tape (0: constant).
struct Operand {
  const Tensor* value;
  Slot slot;
  bool weak = false;  // a number in full precision beside half precision: it does not count in promotion
};

/// Values that a rule is computed from, as bits: operands from the lowest, outputs from the highest.
constexpr uint32_t needs_input(int k) { return 1u << k; }
constexpr uint32_t needs_output(int j) { return 1u << (31 - j); }
inline constexpr int kMaxNeeded = 20;  // operands beyond these are never kept
inline constexpr uint32_t kAllInputs = (1u << kMaxNeeded) - 1;

/// One application of an op, on the stack of whoever calls apply().
struct Call {
  const Op& op;
  const Operand* operands;
  int count;
  Tensor* out;  // [op.outputs], fresh; infer sets shape and dtype, apply() the memory, run the elements
  Attrs attrs;
  bool all_outputs = false;  // also those that only rules read; set where the statement will be recorded
  bool tracked = false;      // the statement will be recorded
  bool laid_out = false;     // infer set the strides and the size of the output too
  /// Bit k: nobody reads operand k afterwards; an output may be written over it (Op::over).
  uint16_t donated = 0;
  /// Bit j: output j has taken the memory of a donated operand.
  uint16_t in_place = 0;
  /// How many references to a donated operand's memory are the caller's own.
  int32_t holders = 1;

  const Tensor& in(int i) const noexcept { return *operands[i].value; }
  /// Output j is asked for; run leaves the others alone.
  bool wants(int j) const noexcept;
};

enum class OpKind : uint8_t {
  Elementwise,  // a row of formulas.h
  Linear,       // its jvp is the op itself
  Bilinear,     // linear in each of two operands
  Custom,       // rules of its own, or an expansion
  Constant,     // derivative zero: never recorded
};

inline constexpr int kMaxNeeds = 5;
inline constexpr int kMaxOver = 4;

/// infer sees shapes and dtypes alone; run fills outputs from operands and attributes alone, and reads nothing else.
struct Op {
  const char* name;  // unique
  OpKind kind;
  /// Checks the arguments and sets shape and dtype of the outputs; throws before anything is changed.
  void (*infer)(Call&);
  /// Fills the outputs; a view op makes them views of the operands instead.
  void (*run)(Call&);
  /// The cotangents of the active arguments, from those of the outputs. It never asks who watches: what it computes, it
  /// computes with ops. Null where the expansion says it all.
  void (*vjp)(Pullback&) = nullptr;
  bool view = false;
  /// The output is the one operand, on other memory perhaps: a tape has it at the operand's slot, so that cotangents add up
  /// there as if there had been no call. It has no vjp.
  bool same = false;
  /// It looks at the elements, and fails for some. A view op that makes a copy for some is one, too.
  bool checks = false;
  /// over[j]: the operands, as bits, that output j may be written over where they are of the same layout: run reads
  /// element i of all operands before it writes element i.
  uint8_t over[kMaxOver] = {};
  uint8_t outputs = 1;
  /// The first so many outputs are for callers; the others are for rules alone (a slope), made where a rule may run.
  uint8_t visible = 1;
  /// Bit j: output j has no derivative (an index).
  uint8_t constant_outputs = 0;
  /// needs[k]: the values that the cotangent of argument k is computed from. Arguments beyond the array need nothing.
  uint32_t needs[kMaxNeeds] = {};
  /// What is kept besides, whichever argument is tracked.
  uint32_t needs_always = 0;
  /// What is kept besides where the sweep may itself be differentiated: from then on outputs for rules have cotangents.
  uint32_t needs_observed = 0;
  /// The tangents of the outputs, from those of the active arguments. Null for a linear op (it is the op itself on the
  /// tangents), a bilinear one (the sum of two applications), and where it is derived: from the expansion, else from
  /// vjp.
  void (*jvp)(Pushforward&) = nullptr;
  /// The outputs of many calls at once, along axis 0. Null: one call after the other.
  void (*batch)(Batching&) = nullptr;
  /// The work of a call in elementary operations; null: the number of elements touched.
  int64_t (*work)(const Call&) = nullptr;
  /// The same call written with other ops, in the computing type: fills out[0 ...]. Rules that are not there come from
  /// it.
  void (*expand)(std::span<const Tensor> operands, Attrs attrs, Tensor* out) = nullptr;
  /// Where the elements of operands are known: changes the words of the attributes and says, as bits, which operands go,
  /// so that the call gives the same bits by less work. `known(k, v)`: all elements of operand k are v.
  uint32_t (*simpler)(std::span<int64_t> words, FunctionRef<bool(int, double)> known) = nullptr;
  /// Of a call that no function made, one from a file: its attributes, and the number, shapes and dtypes of its operands,
  /// are such that infer and run may rely on them. infer has not seen it. Null: there are no such calls.
  bool (*accepts)(const Call&) = nullptr;
  /// The operand whose elements run takes as places in [0, bound) without a look: who reads a call from a file has them
  /// checked. Where there is none, -1, and a bound, the elements of the last visible output are in [0, bound).
  int8_t places = -1;
  int64_t (*bound)(const Call&) = nullptr;
  /// Where word 0 of the attributes is the number of a row of a table: its name, null behind the last one. Numbers change
  /// when rows are added, names do not.
  const char* (*row_name)(int64_t row) = nullptr;
  /// Elementwise: the row in formulas.h.
  int row = -1;

  bool differentiable() const noexcept { return kind != OpKind::Constant; }
  /// The values that are kept for one rule or another, as bits of `needs`.
  uint32_t keeps() const noexcept {
    uint32_t all = needs_always | needs_observed;
    for (uint32_t n : needs) all |= n;
    return all;
  }
};

inline bool Call::wants(int j) const noexcept { return all_outputs || j < op.visible; }

/// The single door: infer -> memory -> run -> append if an argument is tracked.
void apply(Call& call);

/// Its first step: throws where the arguments are not right.
void infer(Call& call);
/// The others, for calls that infer() has seen, of ops that say their work: all are done or, where one throws, none is.
/// Operands are written over where no call takes long: last, by kernels that need no more memory, and with the
/// interpreter's lock held throughout.
void apply_inferred(std::span<Call> calls);

/// The work of a call that infer() has seen, in elementary operations.
int64_t work_of(const Call& call);
/// apply() for operands that nothing open in the thread sees: infer, memory, run.
void run_plain(Call& call);

/// apply() for tensors, of an op whose callers see one output.
Tensor apply(const Op& op, std::initializer_list<const Tensor*> inputs, Attrs attrs = {});
Tensor apply(const Op& op, std::span<const Tensor> inputs, Attrs attrs = {});
/// Where the first operand may be written over: the last use of it.
Tensor apply_over(const Op& op, Tensor&& first, std::initializer_list<const Tensor*> others, Attrs attrs = {});
/// All outputs that callers see.
std::vector<Tensor> apply_all(const Op& op, std::span<const Tensor> inputs, Attrs attrs = {});

}  // namespace adcore
