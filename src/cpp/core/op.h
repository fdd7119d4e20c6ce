// Op: one const row per op. Its identity is its address; there is no enum of ops and no switch over them.
//
// A rule is calculus written with ops (so a sweep can itself be recorded); a kernel is a loop.
#pragma once

#include <cstring>
#include <span>
#include <type_traits>

#include "core/tensor.h"
#include "kernels/kernels.h"

namespace adcore {

struct Op;
class Pullback;     // core/tape.h
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

/// One application of an op, on the stack of apply().
struct Call {
  const Op& op;
  const Operand* operands;
  int count;
  Tensor* out;  // [op.outputs], fresh; infer sets shape and dtype, apply() the memory, the kernel the elements
  Attrs attrs;
  bool tracked = false;   // the statement will be recorded; else the kernel leaves the hidden output alone
  bool laid_out = false;  // infer set the strides and the size of the output too

  const Tensor& in(int i) const noexcept { return *operands[i].value; }
};

enum class OpKind : uint8_t {
  Elementwise,  // a row of formulas.h
  Linear,       // its jvp is the op itself
  Bilinear,     // linear in each of two operands
  Custom,       // rules of its own
  Constant,     // derivative zero: never recorded
};

/// Bits of Op::needs beyond those of the inputs.
inline constexpr uint32_t kNeedsOutput = 1u << 30;
inline constexpr uint32_t kNeedsHidden = 1u << 31;
inline constexpr int kMaxNeeds = 4;
constexpr uint32_t needs_input(int i) { return 1u << i; }

struct Op {
  const char* name;
  OpKind kind;
  /// Checks the arguments and sets shape and dtype of the outputs; throws before anything is changed.
  void (*infer)(Call&);
  /// Fills the outputs; a view op makes them views of the inputs instead.
  void (*kernel)(Call&);
  /// The cotangents of the active arguments, from those of the output.
  void (*vjp)(Pullback&) = nullptr;
  bool view = false;
  /// 1, or 2 where a hidden second output is saved for the rule.
  uint8_t outputs = 1;
  /// needs[k]: the values that the cotangent of argument k is computed from. Arguments beyond the array need nothing.
  uint32_t needs[kMaxNeeds] = {};
  /// The same for a sweep that nothing records, where that takes something else; 0: as needs[k].
  uint32_t lean_needs[kMaxNeeds] = {};
  /// The tangent of the output, from those of the active arguments. Null for a linear op (it is the op itself on the
  /// tangents), a bilinear one (the sum of two applications), and where the sweep derives it from vjp.
  void (*jvp)(Pushforward&) = nullptr;
  /// The outputs of many calls at once, along axis 0. Null: one call after the other.
  Tensor (*batch)(Batching&) = nullptr;
  /// The work of a call in elementary operations; null: the number of elements touched.
  int64_t (*work)(const Call&) = nullptr;
  /// Elementwise: the row in formulas.h.
  int row = -1;
};

/// The single door: infer -> memory -> kernel -> append if an argument is tracked. `out` gets op.outputs tensors.
void apply(const Op& op, const Operand* operands, int count, Attrs attrs, Tensor* out);

/// The same for tensors.
Tensor apply(const Op& op, std::initializer_list<const Tensor*> inputs, Attrs attrs = {});
Tensor apply(const Op& op, std::span<const Tensor> inputs, Attrs attrs = {});

}  // namespace adcore
