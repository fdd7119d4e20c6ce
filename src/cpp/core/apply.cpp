// The single door of every op.
#include "base/context.h"
#include "base/interpreter.h"
#include "core/box.h"
#include "core/op.h"
#include "core/tape.h"
#include "core/watch.h"

namespace adcore {
namespace {

int64_t work_of(const Call& call) {
  if (call.op.work) return call.op.work(call);
  int64_t n = call.out->size();
  for (int i = 0; i < call.count; ++i) n += call.in(i).size();
  return n;
}

// Without the interpreter's lock another thread may put another value into the cell that an operand points to,
// so kernel and tape read the inputs from references of our own.
[[gnu::noinline]] void run_long(const Call& call) {
  std::vector<Tensor> held;
  std::vector<Operand> operands;
  held.reserve(static_cast<size_t>(call.count));
  operands.reserve(static_cast<size_t>(call.count));
  for (int i = 0; i < call.count; ++i) {
    held.push_back(call.in(i));
    operands.push_back({&held.back(), call.operands[i].slot, call.operands[i].weak});
  }
  Call own{call.op, operands.data(), call.count, call.out, call.attrs, call.tracked};
  Watch* const watch = context().watch;
  if (watch) {
    call.op.kernel(own);
    watch->check(own);
  } else {
    const Released released;
    call.op.kernel(own);
  }
  if (!call.tracked) return;
  context().tape->append(own);
  if (watch) watch->remember(call.out->ref());
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

}  // namespace

void apply(const Op& op, const Operand* operands, int count, Attrs attrs, Tensor* out) {
  Call call{op, operands, count, out, attrs};
  const ThreadContext& c = context();
  Tape* const tape = c.tape;
  call.tracked = tape && op.vjp && any_tracked(operands, count);
  op.infer(call);
  if (!call.laid_out && any_boxed(call)) return apply_boxed(call);
  if (op.view) {
    op.kernel(call);
  } else {
    if (call.laid_out) {
      out->allocate_laid_out();
    } else {
      out->allocate_memory();
    }
    if (op.outputs == 2 && call.tracked) out[1].allocate_memory();
    if (work_of(call) >= c.long_work) [[unlikely]]
      return run_long(call);
    op.kernel(call);
  }
  if (call.tracked) tape->append(call);
}

namespace {

Tensor apply_one(const Op& op, const Operand* operands, int count, Attrs attrs) {
  if (op.outputs == 1) {
    Tensor out;
    apply(op, operands, count, attrs, &out);
    return out;
  }
  Tensor out[2];
  apply(op, operands, count, attrs, out);
  return std::move(out[0]);
}

}  // namespace

Tensor apply(const Op& op, std::span<const Tensor> inputs, Attrs attrs) {
  const Tape* tape = context().tape;
  constexpr size_t kFew = 8;
  Operand few[kFew];
  std::vector<Operand> many(inputs.size() > kFew ? inputs.size() : 0);
  Operand* operands = many.empty() ? few : many.data();
  for (size_t i = 0; i < inputs.size(); ++i) operands[i] = {&inputs[i], tape ? tape->slot_of(inputs[i]) : 0};
  return apply_one(op, operands, static_cast<int>(inputs.size()), attrs);
}

Tensor apply(const Op& op, std::initializer_list<const Tensor*> inputs, Attrs attrs) {
  const Tape* tape = context().tape;
  Operand operands[kMaxArity + 1];
  int count = 0;
  for (const Tensor* t : inputs) operands[count++] = {t, tape ? tape->slot_of(*t) : 0};
  return apply_one(op, operands, count, attrs);
}

}  // namespace adcore
