// The single door of every op.
#include <bit>

#include "base/context.h"
#include "base/few.h"
#include "base/interpreter.h"
#include "core/box.h"
#include "core/op.h"
#include "core/tape.h"
#include "core/watch.h"

namespace adcore {

int64_t work_of(const Call& call) {
  if (call.op.work) return call.op.work(call);
  int64_t n = call.out->size();
  for (int i = 0; i < call.count; ++i) n += call.in(i).size();
  return n;
}

namespace {

// Without the interpreter's lock another thread may put another value into the cell that an operand points to,
// so run and tape read the inputs from references of our own.
[[gnu::noinline]] void run_long(Call& call) {
  Few<Tensor> held(static_cast<size_t>(call.count));
  Few<Operand> operands(static_cast<size_t>(call.count));
  for (int i = 0; i < call.count; ++i) {
    const auto k = static_cast<size_t>(i);
    held[k] = call.in(i);
    operands[k] = {&held[k], call.operands[i].slot, call.operands[i].weak};
  }
  Call own = call;
  own.operands = operands.data();
  Watch* const watch = context().watch;
  if (watch) {
    own.op.run(own);
    watch->check(own);
  } else {
    const Released released;
    own.op.run(own);
  }
  if (!own.tracked) return;
  context().tape->append(own);
  if (watch) watch->remember(own.out->ref());
}

bool any_boxed(const Call& call) {
  for (int i = 0; i < call.count; ++i)
    if (call.in(i).boxed()) return true;
  return false;
}

bool any_tracked(const Operand* operands, int count) {
  for (int i = 0; i < count; ++i)
    if (operands[i].slot) return true;
  return false;
}

/// Lets outputs take the memory of donated operands that nothing else needs.
void take_donated(Call& call) {
  // A statement that is recorded keeps operands as they were.
  uint32_t given = call.tracked ? call.donated & ~call.op.keeps() : call.donated;
  const int n = call.op.outputs < kMaxOver ? call.op.outputs : kMaxOver;
  for (int j = 0; j < n; ++j) {
    for (uint32_t rest = given & call.op.over[j]; rest; rest &= rest - 1) {
      const int k = std::countr_zero(rest);
      const Tensor& t = call.in(k);
      Tensor& out = call.out[j];
      if (!t.exclusively_owned(call.holders) || t.dtype() != out.dtype() || !(t.shape() == out.shape())) continue;
      out.share_memory_of(t, j == 0 && call.laid_out);
      call.in_place |= static_cast<uint16_t>(1u << j);
      given &= ~needs_input(k);
      break;
    }
  }
}

// The steps of apply().

void infer_in(const ThreadContext& c, Call& call) {
  const Op& op = call.op;
  call.tracked = c.tape && op.differentiable() && any_tracked(call.operands, call.count);
  call.all_outputs |= call.tracked;
  op.infer(call);
}

void take_memory(const ThreadContext& c, Call& call) {
  if (call.donated && !c.watch) take_donated(call);
  if (call.in_place & 1) {
    // nothing to allocate
  } else if (call.laid_out) {
    call.out->allocate_laid_out();
  } else {
    call.out->allocate_memory();
  }
  for (int j = 1; j < call.op.outputs; ++j)
    if (call.wants(j) && !(call.in_place >> j & 1)) call.out[j].allocate_memory();
}

void run_short(const ThreadContext& c, Call& call) {
  call.op.run(call);
  if (call.tracked) c.tape->append(call);
}

}  // namespace

void apply(Call& call) {
  const ThreadContext& c = context();
  infer_in(c, call);
  if (!call.laid_out && any_boxed(call)) return apply_boxed(call);
  if (!call.op.view) {
    take_memory(c, call);
    if (work_of(call) >= c.long_work) [[unlikely]]
      return run_long(call);
  }
  run_short(c, call);
}

void infer(Call& call) { infer_in(context(), call); }

void run_plain(Call& call) {
  infer(call);
  if (!call.op.view) take_memory(context(), call);
  if (work_of(call) < kLongWork) return call.op.run(call);
  const Released released;
  call.op.run(call);
}

void apply_inferred(std::span<Call> calls) {
  const ThreadContext& c = context();
  bool all_short = true;
  for (const Call& call : calls) all_short &= !any_boxed(call) && call.op.work(call) < c.long_work;
  if (!all_short) {
    for (Call& call : calls) {
      call.donated = 0;
      apply(call);
    }
    return;
  }
  for (Call& call : calls) take_memory(c, call);
  for (const bool in_place : {false, true})
    for (Call& call : calls)
      if ((call.in_place != 0) == in_place) run_short(c, call);
}

namespace {

Tensor apply_one(const Op& op, const Operand* operands, int count, Attrs attrs, uint16_t donated = 0) {
  if (op.outputs == 1) {
    Tensor out;
    Call call{op, operands, count, &out, attrs};
    call.donated = donated;
    apply(call);
    return out;
  }
  Few<Tensor, 3> out(op.outputs);
  Call call{op, operands, count, out.data(), attrs};
  apply(call);
  return std::move(out[0]);
}

/// Room for n trivial objects, of which nothing is set before it is used.
template <class T, int kCount>
class Unset {
 public:
  void set(int i, const T& t) noexcept { new (bytes_ + static_cast<size_t>(i) * sizeof(T)) T(t); }
  const T* data() const noexcept { return std::launder(reinterpret_cast<const T*>(bytes_)); }

 private:
  alignas(T) std::byte bytes_[kCount * sizeof(T)];
};

Operand operand(const Tensor& t, const Tape* tape) { return {&t, tape ? tape->slot_of(t) : 0}; }

}  // namespace

Tensor apply(const Op& op, std::span<const Tensor> inputs, Attrs attrs) {
  const Tape* tape = context().tape;
  Few<Operand, 8> operands(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) operands[i] = operand(inputs[i], tape);
  return apply_one(op, operands.data(), static_cast<int>(inputs.size()), attrs);
}

std::vector<Tensor> apply_all(const Op& op, std::span<const Tensor> inputs, Attrs attrs) {
  const Tape* tape = context().tape;
  Few<Operand, 8> operands(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) operands[i] = operand(inputs[i], tape);
  std::vector<Tensor> out(op.outputs);
  Call call{op, operands.data(), static_cast<int>(inputs.size()), out.data(), attrs};
  apply(call);
  out.resize(op.visible);
  return out;
}

Tensor apply(const Op& op, std::initializer_list<const Tensor*> inputs, Attrs attrs) {
  const Tape* tape = context().tape;
  Unset<Operand, kMaxArity + 2> operands;
  int count = 0;
  for (const Tensor* t : inputs) operands.set(count++, operand(*t, tape));
  return apply_one(op, operands.data(), count, attrs);
}

Tensor apply_over(const Op& op, Tensor&& first, std::initializer_list<const Tensor*> others, Attrs attrs) {
  const Tape* tape = context().tape;
  Unset<Operand, kMaxArity + 2> operands;
  operands.set(0, operand(first, tape));
  int count = 1;
  for (const Tensor* t : others) operands.set(count++, operand(*t, tape));
  return apply_one(op, operands.data(), count, attrs, needs_input(0));
}

}  // namespace adcore
