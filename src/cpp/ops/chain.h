// Chains: elementwise calls of one shape, many of them in one pass over memory.
//
// Call by call, every value of a program on large arrays travels to memory and back. A chain runs block by block
// instead: all its steps on one block, whose values never leave the cache, then on the next. The kernels are those of
// the single calls, so are the bits. The sweep of large elementwise programs (sweeps/blocked.h) and the op `fused`
// (ops/fused.h) are chains.
//
// Data: a step is a kernel from lanes to a lane; a lane is where the elements of a value are. ChainPlan makes steps,
// run_chain() runs them.
#pragma once

#include <span>
#include <vector>

#include "core/tensor.h"
#include "kernels/kernels.h"

namespace adcore {

/// The number of a lane, or of a value while a chain is planned. 0 is none.
using ChainIndex = uint16_t;

/// One kernel. Plain words, so that steps can be attributes of an op.
struct ChainStep {
  enum Kind : uint8_t {
    kMap,       // out = the row's value of in
    kLoad,      // out = in[0], which is of another dtype, in the chain's
    kJoint,     // out = the row's value of in[0], y = its slope
    kPair,      // out = the second row's value of what the first makes of in[0] and in[1], and of in[2]
    kPartial0,  // out = g times the row's partial of its first operand
    kPartial1,
    kPartial2,
  };
  uint16_t row = 0;  // of formulas.h; kLoad: the dtype of in[0]; kJoint, kPair: the number in joined.h
  uint8_t kind = kMap;
  uint8_t scalars = 0;  // as kernels have it: which operands are uniform
  ChainIndex in[kMaxArity] = {};
  ChainIndex g = 0, y = 0;  // y is not uniform; kJoint: written
  ChainIndex out = 0;

  bool is_partial() const noexcept { return kind >= kPartial0; }
};
static_assert(sizeof(ChainStep) == 2 * sizeof(int64_t));

/// The number in joined.h of a row of formulas.h that gives value and slope together, or -1.
int joint_index(int row) noexcept;

/// Where the elements of a value are.
struct Lane {
  enum class Kind : uint8_t {
    Array,    // one after the other
    Uniform,  // one that stands for all, where steps know that it does
    Row,      // `period` of them, which repeat
    Column,   // each stands for `period` neighbours
    Window,   // in memory of the chain's own, as long as a reduction needs them
    Scratch,  // in memory of the chain's own, block by block
  };
  std::byte* data = nullptr;
  int64_t period = 0;
  Kind kind = Kind::Scratch;
  DType dtype = DType::Float32;
  bool read = false;  // from memory: worth fetching ahead
};

/// The lane of a tensor that broadcasts to `shape`; Scratch where no lane can tell how its elements lie.
Lane lane_of(const Tensor& t, const Dims& shape) noexcept;

/// Every element is the same one in memory.
bool is_uniform(const Tensor& t) noexcept;

/// A reduction of what the steps made, in the same pass: of `group` elements side by side, over and over.
struct ChainReduction {
  int row;        // of reductions.h, one that can be reduced in parts
  ChainIndex in;  // an array or a window
  double p;
  std::byte* out;
};

/// Runs the steps on n elements of `dtype`, float32 or float64. lanes[0] is none; those in scratch memory are the last.
/// An output may lie over an array that no step reads after the one that writes it. `group` divides n.
void run_chain(DType dtype, std::span<const ChainStep> steps, std::span<const Lane> lanes, int64_t n,
               std::span<const ChainReduction> reductions = {}, int64_t group = 1);

/// Bytes of one lane that a block has.
inline constexpr int64_t kChainBlock = 4 * 1024;  // a dozen of them fit the first-level cache
/// The same for n elements that are one block, where lane k is at[k]. at[0] may be read.
void run_chain_block(DType dtype, std::span<const ChainStep> steps, std::byte* const* at, int64_t n);

/// A chain in the making: its steps on numbered values.
class ChainPlan {
 public:
  /// A value from outside. One that is not said to be uniform may be, but costs as much as an array.
  ChainIndex input(bool uniform) { return new_value(kNotMade, uniform); }
  /// A step's value; `s.out` and `s.scalars` are set by this.
  ChainIndex add(ChainStep s);
  struct Joint {
    ChainIndex value, slope;
  };
  /// A step that makes both; `joint` is a number of joined.h.
  Joint add_joint(int joint, ChainIndex in);
  /// There may be no room for the values of one more statement.
  bool full() const noexcept { return values_.size() >= kMostValues; }

  std::span<const ChainStep> steps() const noexcept { return steps_; }
  bool is_input(ChainIndex v) const noexcept { return values_[v].made == kNotMade; }
  /// The step that makes the value.
  int made(ChainIndex v) const noexcept { return values_[v].made; }
  /// The last step that reads it, or -1.
  int last_use(ChainIndex v) const noexcept { return values_[v].last_use; }

  /// Makes one step of two where the second alone reads what the first makes, and joined.h has them. Values that leave
  /// the chain stay. For an array of one element it is no gain: there steps follow each other in registers anyway.
  void pair(std::span<const ChainIndex> outputs);

  /// Turns values into lanes: 1... are the inputs in their order, then these values, each made by a step, then scratch.
  /// The steps name lanes from then on. Returns the number of lanes in scratch memory.
  int place(std::span<const ChainIndex> outputs);
  /// The lane of an input or of one of those values.
  ChainIndex lane(ChainIndex v) const noexcept { return lanes_[v]; }

 private:
  static constexpr size_t kMostValues = 65'000;
  static constexpr int kNotMade = -1, kNotRead = -1;
  struct Value {
    int made, last_use;
    bool uniform;
  };

  ChainIndex new_value(int made, bool uniform);
  void count_steps();

  std::vector<Value> values_{{kNotMade, kNotRead, false}};
  std::vector<ChainStep> steps_;
  std::vector<ChainIndex> lanes_;  // of every value
};

}  // namespace adcore
