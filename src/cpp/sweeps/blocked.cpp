// Data: a Run is a straight program. A Value is an array, one element, or a block in scratch memory; a Step is a kernel
// from Values to a Value. plan() makes steps of statements and changes nothing outside; place() decides where values
// live; execute() runs the steps on every block. Start reading at sweep_blocked().
#include "sweeps/blocked.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "base/interpreter.h"
#include "base/thread_pool.h"
#include "ops/functions.h"
#include "ops/partial.h"

namespace adcore {
namespace {

constexpr int64_t kBlockBytes = 8 * 1024;        // a few of them fit the first-level cache
constexpr int64_t kChunk = 32 * 1024;            // elements for one thread at a time, a multiple of every block
constexpr int64_t kMostWork = int64_t{1} << 28;  // elements times steps of one run: an interrupt waits for its end
constexpr size_t kFewestSteps = 2;               // of less, the plain sweep makes as few passes
constexpr int kNo = -1;

struct Value {
  std::byte* data = nullptr;  // null: in scratch memory
  bool uniform = false;       // one element stands for all
  int holder = kNo;           // in holders_: the tensor whose elements these are
  int scratch = kNo;          // the block of scratch memory
  size_t last_use = 0;        // the last step that reads it
};

struct Step {
  MapFn map = nullptr;          // out = map(in[0], in[1])
  PartialFn partial = nullptr;  // out = partial(g, in, y)
  int g = kNo, in[kMaxArity] = {kNo, kNo, kNo}, y = kNo;
  int out = kNo;
};

bool is_uniform(const Tensor& t) {
  for (int i = 0; i < t.rank(); ++i)
    if (t.shape()[i] != 1 && t.strides()[i] != 0) return false;
  return t.size() != 0;
}

class Run {
 public:
  Run(const Tape& tape, const AdjointAccess& adjoints, const Tensor& cotangent)
      : tape_(tape),
        adjoints_(adjoints),
        shape_(cotangent.shape()),
        n_(cotangent.size()),
        dtype_(cotangent.dtype()),
        compute_(compute_of(dtype_)) {}

  bool fits(const Statement& s) const;
  /// Adds a statement; false, and nothing has changed, where it does not fit in.
  bool plan(const Statement& s);
  bool worthwhile() const { return steps_.size() >= kFewestSteps; }
  void finish();

 private:
  struct Bound {
    Slot slot;
    int value;
  };

  bool fits(const Tensor& kept) const;
  bool fits_adjoint(Slot slot) const;
  const Bound* find(Slot slot) const;
  int cotangent(Slot slot);
  int lane(const Tensor& t);
  int new_value(Value v) {
    values_.push_back(v);
    return static_cast<int>(values_.size()) - 1;
  }
  int map(RowName row, int a, int b = kNo);
  int partial(const Statement& s, int k, uint32_t needs, int g);
  void add_to(Slot slot, int value);
  void place();
  void place_outputs();
  Tensor reusable(size_t step);
  void place_scratch();
  void execute();
  void run_chunk(int64_t begin, int64_t end);

  const Tape& tape_;
  const AdjointAccess& adjoints_;
  const Dims shape_;
  const int64_t n_;
  const DType dtype_;
  const Compute compute_;

  std::vector<Value> values_;
  std::vector<Step> steps_;
  std::vector<Bound> bound_;     // cotangents that no statement has read yet
  std::vector<Slot> taken_;      // slots whose adjoints the run takes over
  std::vector<Tensor> holders_;  // what values_ point into; those with a buffer of their own may be written to
  std::vector<Tensor> outputs_;  // of bound_
  std::vector<const std::byte*> streams_;  // the arrays that the steps read
  int scratch_blocks_ = 0;
};

// ---- planning -----------------------------------------------------------------------------------------------------

const Run::Bound* Run::find(Slot slot) const {
  for (const Bound& b : bound_)
    if (b.slot == slot) return &b;
  return nullptr;
}

bool Run::fits(const Tensor& kept) const {
  return kept.size() == 1 || (kept.dtype() == dtype_ && (is_uniform(kept) || (kept.contiguous() && kept.size() == n_)));
}

bool Run::fits_adjoint(Slot slot) const {
  const Tensor* t = find(slot) ? nullptr : adjoints_.peek(slot);
  return !t || (t->dtype() == dtype_ && t->shape() == shape_ && (t->contiguous() || is_uniform(*t)));
}

bool Run::fits(const Statement& s) const {
  if (s.op->row < 0 || s.dtype != dtype_ || !fits_adjoint(s.out)) return false;
  uint32_t needs = 0;
  for (int k = 0; k < s.arg_count; ++k) {
    const Arg& a = tape_.arg(s, k);
    if (a.slot == 0) continue;
    if (a.dims != kNone || a.dtype != dtype_ || !fits_adjoint(a.slot)) return false;
    needs |= partial_rule(s.op->row, k).needs;
  }
  if (needs & A && takes_condition(s.op->row)) return false;
  for (int k = 0; k < s.arg_count; ++k)
    if (needs >> k & 1 && !fits(tape_.kept(s, needs_input(k)))) return false;
  return !(needs & Y) || fits(tape_.kept(s, needs_output(0)));
}

/// The elements of a tensor that fits.
int Run::lane(const Tensor& t) {
  const bool uniform = is_uniform(t);
  // One element of another dtype, as a Python number is: converted here, once.
  holders_.push_back(t.dtype() == dtype_ ? t : cast(t, dtype_));
  Value v;
  v.data = static_cast<std::byte*>(holders_.back().mutable_data());
  v.uniform = uniform;
  v.holder = static_cast<int>(holders_.size()) - 1;
  return new_value(v);
}

/// The cotangent that is bound to a slot or, before the run, reached it; kNo: none.
int Run::cotangent(Slot slot) {
  if (const Bound* b = find(slot)) return b->value;
  const Tensor* t = adjoints_.peek(slot);
  if (!t) return kNo;
  taken_.push_back(slot);
  return lane(*t);
}

int Run::map(RowName row, int a, int b) {
  Step s;
  s.map = kernels().elementwise[row.row].map[static_cast<int>(compute_)];
  s.in[0] = a;
  s.in[1] = b;
  s.out = new_value({});
  steps_.push_back(s);
  return s.out;
}

int Run::partial(const Statement& s, int k, uint32_t needs, int g) {
  Step step;
  step.partial = kernels().elementwise[s.op->row].partial[k][static_cast<int>(compute_)];
  step.g = g;
  for (int i = 0; i < s.arg_count; ++i)
    if (needs >> i & 1) step.in[i] = lane(tape_.kept(s, needs_input(i)));
  if (needs & Y) step.y = lane(tape_.kept(s, needs_output(0)));
  step.out = new_value({});
  steps_.push_back(step);
  return step.out;
}

void Run::add_to(Slot slot, int value) {
  const int held = cotangent(slot);
  if (held != kNo) value = map("add", held, value);
  for (Bound& b : bound_) {
    if (b.slot == slot) {
      b.value = value;
      return;
    }
  }
  bound_.push_back({slot, value});
}

bool Run::plan(const Statement& s) {
  if (!find(s.out) && !adjoints_.peek(s.out)) return true;  // nothing reached it: nothing to do
  if (!fits(s) || (n_ * static_cast<int64_t>(steps_.size()) > kMostWork && worthwhile())) return false;
  const int g = cotangent(s.out);
  std::erase_if(bound_, [&](const Bound& b) { return b.slot == s.out; });
  for (int k = 0; k < s.arg_count; ++k) {
    const Slot slot = tape_.arg(s, k).slot;
    if (slot == 0) continue;
    const PartialRule rule = partial_rule(s.op->row, k);
    switch (rule.kind) {
      case PartialRule::Kind::Zero: break;
      case PartialRule::Kind::One: add_to(slot, g); break;
      case PartialRule::Kind::MinusOne: add_to(slot, map("neg", g)); break;
      case PartialRule::Kind::Value:
      case PartialRule::Kind::Kernel: add_to(slot, partial(s, k, rule.needs, g)); break;
    }
  }
  return true;
}

// ---- where values live --------------------------------------------------------------------------------------------

/// The memory of an array of the run that nobody reads after `step` and nobody else holds; undefined where there is
/// none.
Tensor Run::reusable(size_t step) {
  for (Value& v : values_) {
    if (v.holder == kNo || v.uniform || v.last_use > step) continue;
    Tensor& held = holders_[static_cast<size_t>(v.holder)];
    // Held here and where the sweep has it: on the tape or among the adjoints.
    if (!held.defined() || !held.contiguous() || held.buffer().get()->refs.load(std::memory_order_acquire) != 2 ||
        held.buffer().get()->size_class == kForeign) {
      continue;
    }
    Tensor t;
    t.view_of(held, shape_, contiguous_strides(shape_), held.offset());
    v.holder = kNo;
    return t;
  }
  return {};
}

void Run::place_outputs() {
  for (const Bound& b : bound_) {
    Value& v = values_[static_cast<size_t>(b.value)];
    if (v.holder == kNo) {
      size_t made = 0;
      while (steps_[made].out != b.value) ++made;
      Tensor t = reusable(made);
      if (!t.defined()) t.allocate_as(shape_, dtype_);
      v.data = static_cast<std::byte*>(t.mutable_data());
      v.holder = static_cast<int>(holders_.size());
      holders_.push_back(std::move(t));
    }
    outputs_.push_back(holders_[static_cast<size_t>(v.holder)]);
  }
}

/// Blocks of scratch memory for what only the run sees; a result may take the place of an operand.
void Run::place_scratch() {
  std::vector<int> free;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step& s = steps_[i];
    for (const int operand : {s.g, s.in[0], s.in[1], s.in[2], s.y}) {
      if (operand == kNo) continue;
      Value& v = values_[static_cast<size_t>(operand)];
      if (v.scratch == kNo || v.last_use != i) continue;
      free.push_back(v.scratch);
      v.last_use = steps_.size();  // given back once, also where a step reads it twice
    }
    Value& out = values_[static_cast<size_t>(s.out)];
    if (out.data) continue;
    if (free.empty()) free.push_back(scratch_blocks_++);
    out.scratch = free.back();
    free.pop_back();
  }
}

void Run::place() {
  for (const Value& v : values_)
    if (v.data && !v.uniform && std::ranges::find(streams_, v.data) == streams_.end()) streams_.push_back(v.data);
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step& s = steps_[i];
    for (const int operand : {s.g, s.in[0], s.in[1], s.in[2], s.y})
      if (operand != kNo) values_[static_cast<size_t>(operand)].last_use = i;
  }
  for (const Bound& b : bound_) values_[static_cast<size_t>(b.value)].last_use = steps_.size();
  place_outputs();
  place_scratch();
}

// ---- execution ----------------------------------------------------------------------------------------------------

void Run::run_chunk(int64_t begin, int64_t end) {
  const auto size = static_cast<int64_t>(size_of(dtype_));
  const int64_t block = kBlockBytes / size;
  const Scratch scratch(static_cast<size_t>(scratch_blocks_ * kBlockBytes));
  for (int64_t at = begin; at < end; at += block) {
    const int64_t n = std::min(block, end - at);
    const auto pointer = [&](int value) -> std::byte* {
      if (value == kNo) return nullptr;
      const Value& v = values_[static_cast<size_t>(value)];
      if (!v.data) return scratch.as<std::byte>() + v.scratch * kBlockBytes;
      return v.uniform ? v.data : v.data + at * size;
    };
    // The block after this one is on its way while this one is computed: hardware sees too little of each array to
    // guess it.
    const int64_t ahead = std::min(block, end - at - n) * size;
    for (const std::byte* stream : streams_)
      for (int64_t i = 0; i < ahead; i += 64) __builtin_prefetch(stream + (at + n) * size + i, 0, 2);
    const auto is_one = [&](int value) { return value != kNo && values_[static_cast<size_t>(value)].uniform; };
    for (const Step& s : steps_) {
      const void* in[kMaxArity];
      uint32_t scalars = 0;
      for (int k = 0; k < kMaxArity; ++k) {
        in[k] = pointer(s.in[k]);
        scalars |= static_cast<uint32_t>(is_one(s.in[k])) << k;
      }
      if (s.map) {
        s.map(in, pointer(s.out), n, scalars);
      } else {
        scalars |= static_cast<uint32_t>(is_one(s.g)) << kMaxArity;
        s.partial(pointer(s.g), in, pointer(s.y), pointer(s.out), n, scalars);
      }
    }
  }
}

void Run::execute() {
  std::atomic<bool> failed{false};  // an exception must not leave a thread of the pool
  {
    const Released released;
    parallel_for((n_ + kChunk - 1) / kChunk, [&](int64_t i) {
      try {
        run_chunk(i * kChunk, std::min(n_, (i + 1) * kChunk));
      } catch (const std::bad_alloc&) {
        failed = true;
      }
    });
  }
  if (failed) throw std::bad_alloc();
}

void Run::finish() {
  place();
  execute();
  for (Slot slot : taken_) adjoints_.take(slot);
  for (size_t i = 0; i < bound_.size(); ++i) adjoints_.put(bound_[i].slot, std::move(outputs_[i]));
}

}  // namespace

uint32_t sweep_blocked(const Tape& tape, uint32_t first, uint32_t last, const AdjointAccess& adjoints) {
  const Tensor* cotangent = adjoints.peek(tape.statement(last).out);
  const DType dtype = cotangent->dtype();
  if (dtype != DType::Float32 && dtype != DType::Float64) return last + 1;
  Run run(tape, adjoints, *cotangent);
  if (last == first || !run.fits(tape.statement(last)) || !run.fits(tape.statement(last - 1))) return last + 1;
  uint32_t i = last + 1;
  while (i > first && run.plan(tape.statement(i - 1))) --i;
  if (!run.worthwhile()) return last + 1;
  run.finish();
  return i;
}

}  // namespace adcore
