#include "sweeps/expansion.h"

#include "base/few.h"
#include "ops/functions.h"
#include "sweeps/backward.h"
#include "sweeps/forward.h"

namespace adcore {
namespace {

/// Half precision is expanded in the computing type, so that it rounds once.
Tensor widened(const Tensor& x) {
  return is_float(x.dtype()) && size_of(x.dtype()) == 2 ? cast(x, storage_of(compute_of(x.dtype()))) : x;
}

using Outputs = Few<Tensor, 2>;

void expand(const Op& op, std::span<Tensor> operands, Attrs attrs, Outputs& outputs) {
  for (Tensor& t : operands) t = widened(t);
  op.expand(operands, attrs, outputs.data());
}

}  // namespace

void expanded_cotangents(const Pullback& p, uint32_t mask, Tensor* given) {
  const auto wanted = [&](int k) { return (mask >> k & 1) && p.active(k); };
  const auto n = static_cast<size_t>(p.count());
  Level level;
  Few<Tensor> operands(n);
  Few<Slot> slots(n);
  size_t count = 0;
  for (size_t k = 0; k < n; ++k) {
    const Tensor& value = p.in(static_cast<int>(k));
    operands[k] = wanted(static_cast<int>(k)) ? level.input(value) : value;
    if (wanted(static_cast<int>(k))) slots[count++] = operands[k].ref().slot;
  }
  Outputs outputs(p.op().outputs);
  expand(p.op(), operands.span(), p.attrs(), outputs);
  Backward sweep(level);
  for (size_t j = 0; j < p.op().outputs; ++j) {
    const Tensor& g = p.cotangent(static_cast<int>(j));
    if (!g.defined() || !outputs[j].defined()) continue;
    sweep.seed(outputs[j], cast(g, derivative_dtype(outputs[j].dtype())));
  }
  sweep.run(slots.span().first(count));
  size_t next = 0;
  for (size_t k = 0; k < n; ++k) {
    if (!wanted(static_cast<int>(k))) continue;
    const Slot slot = slots[next++];
    if (sweep.reached(slot)) given[k] = sweep.cotangent(slot);
  }
}

void push_expanded(Pushforward& p) {
  const auto n = static_cast<size_t>(p.count());
  const auto frame = std::make_shared<Forward>();
  Outputs outputs(p.op().outputs);
  {
    const FrameScope scope(*frame);
    Few<Tensor> operands(n);
    for (size_t k = 0; k < n; ++k) {
      const int i = static_cast<int>(k);
      operands[k] = p.active(i) ? frame->dual(p.in(i), p.tangent(i)) : p.in(i);
    }
    expand(p.op(), operands.span(), p.attrs(), outputs);
  }
  for (size_t j = 0; j < p.op().outputs; ++j) {
    if (!outputs[j].defined()) continue;
    Tensor tangent;
    frame->take_apart(outputs[j], tangent);
    if (tangent.defined() && p.out(static_cast<int>(j)).defined()) p.give(std::move(tangent), static_cast<int>(j));
  }
}

}  // namespace adcore
