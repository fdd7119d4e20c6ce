#include "sweeps/forward.h"

#include <vector>

#include "base/few.h"
#include "ops/functions.h"
#include "ops/owned.h"
#include "ops/rules.h"
#include "sweeps/backward.h"
#include "sweeps/expansion.h"

namespace adcore {
namespace {

/// `t` at the output's shape and the dtype of its tangent.
Tensor conform(Tensor&& t, const Tensor& out) {
  const DType dtype = derivative_dtype(out.dtype());
  if (t.shape() == out.shape() && t.dtype() == dtype) return std::move(t);
  const Tensor wide = t.shape() == out.shape() ? t : broadcast_to(t, out.shape());
  return wide.dtype() == dtype ? wide : cast(wide, dtype);
}

/// Arguments that a linear op reads to know what it does, an index for one: not among those that it is linear in.
bool is_read(const Op& op, int k) {
  for (uint32_t needs : op.needs)
    if (needs & needs_input(k)) return true;
  return false;
}

/// A linear op is its own tangent rule.
void push_linear(Pushforward& p) {
  std::vector<Tensor> tangents;
  for (int k = 0; k < p.count(); ++k) {
    tangents.push_back(p.active(k) ? p.tangent(k) : is_read(p.op(), k) ? p.in(k) : zero_derivative(p.in(k)));
  }
  p.give(apply(p.op(), tangents, p.attrs()));
}

void push_bilinear(Pushforward& p) {
  for (int k = 0; k < 2; ++k) {
    if (!p.active(k)) continue;
    const Tensor inputs[] = {k == 0 ? p.tangent(0) : as_factor(p.in(0)), k == 1 ? p.tangent(1) : as_factor(p.in(1))};
    p.give(apply(p.op(), inputs, p.attrs()));
  }
}

/// From the reverse rule: it is linear in the cotangents g of the outputs, and the transpose of that map is the tangent
/// rule.
void push_by_transposing(Pushforward& p) {
  const Op& op = p.op();
  const auto n = static_cast<size_t>(p.count());
  Few<Tensor, 2> g(op.outputs), y(op.outputs);
  Few<Tensor> inputs(n), cotangents(n);
  Few<Slot, 2> asked(op.outputs);
  Level outer;
  size_t count = 0;
  for (int j = 0; j < op.outputs; ++j) {
    if (!p.out(j).defined() || (op.constant_outputs >> j & 1)) continue;
    g[static_cast<size_t>(j)] = outer.input(zero_derivative(p.out(j)));
    asked[count++] = g[static_cast<size_t>(j)].ref().slot;
  }
  {
    Level inner;
    Few<Operand> operands(n);
    Few<Slot> slots(n);
    size_t active = 0;
    for (size_t k = 0; k < n; ++k) {
      const int i = static_cast<int>(k);
      inputs[k] = p.active(i) ? inner.input(p.in(i)) : p.in(i);
      operands[k] = {&inputs[k], context().tape->slot_of(inputs[k])};
      if (p.active(i)) slots[active++] = inputs[k].ref().slot;
    }
    Call call{op, operands.data(), p.count(), y.data(), p.attrs()};
    apply(call);
    Backward sweep(inner);
    for (size_t j = 0; j < op.outputs; ++j)
      if (g[j].defined()) sweep.seed(y[j], g[j]);
    sweep.run(slots.span().first(active));
    for (size_t k = 0; k < n; ++k) {
      const int i = static_cast<int>(k);
      if (p.active(i)) cotangents[k] = sweep.cotangent(inputs[k].ref().slot, p.in(i));
    }
  }
  Backward sweep(outer);
  for (size_t k = 0; k < n; ++k)
    if (p.active(static_cast<int>(k))) sweep.seed(cotangents[k], p.tangent(static_cast<int>(k)));
  sweep.run(asked.span().first(count));
  for (size_t j = 0; j < op.outputs; ++j) {
    const int i = static_cast<int>(j);
    if (g[j].defined()) p.give(sweep.cotangent(g[j].ref().slot, p.out(i)), i);
  }
}

void push(Pushforward& p) {
  const Op& op = p.op();
  if (op.jvp) return op.jvp(p);
  if (op.kind == OpKind::Linear) return push_linear(p);
  if (op.kind == OpKind::Bilinear) return push_bilinear(p);
  if (op.expand) return push_expanded(p);
  push_by_transposing(p);
}

}  // namespace

Tensor Forward::entering(const Tensor& value) { return adcore::apply(alias_op(), {&value}); }

Tensor Forward::dual(const Tensor& value, const Tensor& tangent) const {
  if (tangent.defined() &&
      (!(tangent.shape() == value.shape()) || tangent.dtype() != derivative_dtype(value.dtype()))) {
    fail(ErrorKind::Value, "jvp: the tangent of a value of shape ", to_string(value.shape()), " and dtype ",
         name_of(value.dtype()), " has shape ", to_string(tangent.shape()), " and dtype ", name_of(tangent.dtype()),
         ".");
  }
  return make_dual(*this, value, tangent.defined() ? owned(tangent) : tangent);
}

Tensor Forward::take_apart(const Tensor& value, Tensor& tangent) const {
  const Box* box = box_in(value, id);
  if (!box) return value;
  tangent = box->tangent;
  const Tensor base = box->base;
  return base;
}

void Forward::apply(Call& call) {
  const auto n = static_cast<size_t>(call.count);
  const size_t outputs = call.op.outputs;
  Few<Tensor, 2> out(outputs), tangents_out(outputs);
  {
    const Tape* const inside = context().tape;
    const Outside outside(*this);
    const Tape* const tape = context().tape;
    // While a kernel runs long, another thread may change the cells that the operands lie in: what is read after it is
    // held.
    Few<BufferRef> boxes(n);
    Few<Tensor> held(n);
    Few<const Tensor*> values(n), tangents(n);
    Few<Operand> operands(n);
    bool any = false;
    for (size_t k = 0; k < n; ++k) {
      const Operand& o = call.operands[k];
      if (const Box* box = box_in(*o.value, id)) {
        boxes[k] = o.value->buffer();
        values[k] = &box->base;
        tangents[k] = box->tangent.defined() ? &box->tangent : nullptr;
        any |= tangents[k] != nullptr;
        operands[k] = {values[k], tape ? tape->slot_of(box->base) : 0, o.weak};
      } else {
        const Slot slot = tape && tape == inside ? o.slot : 0;
        held[k] = *o.value;
        held[k].set_ref({slot ? tape->id() : 0, slot});
        values[k] = &held[k];
        operands[k] = {values[k], slot, o.weak};
      }
    }
    const bool pushes = call.op.differentiable() && any;
    Call base{call.op, operands.data(), call.count, out.data(), call.attrs, call.all_outputs};
    adcore::apply(base);
    if (pushes) {
      Pushforward p(call.op, call.attrs, values.span(), tangents.span(), out.data(), tangents_out.data());
      push(p);
      for (size_t j = 0; j < outputs; ++j)
        if (tangents_out[j].defined()) tangents_out[j] = conform(std::move(tangents_out[j]), out[j]);
    }
  }
  for (size_t j = 0; j < outputs; ++j) {
    if (!out[j].defined()) continue;
    const bool constant = !call.op.differentiable() || (call.op.constant_outputs >> j & 1);
    call.out[j] = constant ? std::move(out[j]) : make_dual(*this, std::move(out[j]), std::move(tangents_out[j]));
  }
}

}  // namespace adcore
