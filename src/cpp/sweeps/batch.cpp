#include "sweeps/batch.h"

#include <vector>

#include "base/few.h"
#include "core/tape.h"
#include "ops/functions.h"
#include "ops/rules.h"

namespace adcore {
namespace {

Tensor member(const Tensor& values, int64_t i) {
  Slice s = whole(values.shape());
  s.start.v[0] = i;
  s.count.v[0] = 1;
  Dims shape = values.shape();
  shape.erase(0);
  return reshape(slice(values, s), shape);
}

/// Call after call: for ops without a rule of their own.
void one_by_one(Batching& b) {
  const size_t outputs = b.op.outputs;
  const Tape* const tape = context().tape;
  std::vector<std::vector<Tensor>> made(outputs);
  Few<Tensor> inputs(b.members.size());
  Few<Operand> operands(b.members.size());
  for (int64_t i = 0; i < b.size; ++i) {
    for (size_t k = 0; k < b.members.size(); ++k) {
      const Batching::Member& m = b.members[k];
      inputs[k] = m.batched ? member(m.value, i) : m.value;
      operands[k] = {&inputs[k], tape ? tape->slot_of(inputs[k]) : 0, m.weak};
    }
    Few<Tensor, 2> out(outputs);
    Call call{b.op, operands.data(), b.count(), out.data(), b.attrs, b.wants(static_cast<int>(outputs) - 1)};
    apply(call);
    for (size_t j = 0; j < outputs; ++j)
      if (b.wants(static_cast<int>(j))) made[j].push_back(expand_dims(out[j], 0));
  }
  for (size_t j = 0; j < outputs; ++j) {
    const int output = static_cast<int>(j);
    if (!b.wants(output)) continue;
    Dims shape = b.one(output).shape();
    shape.insert(0, 0);
    b.give(made[j].empty() ? full(shape, 0.0, b.one(output).dtype()) : concat(made[j], 0), output);
  }
}

}  // namespace

Tensor Batch::join(const Tensor& values) const {
  if (values.rank() == 0 || values.shape()[0] != size) {
    fail(ErrorKind::Value, "vmap: a value of shape ", to_string(values.shape()), " does not hold ", size, " members.");
  }
  return make_batch(*this, values);
}

Tensor Batch::split(const Tensor& value) const {
  if (const Box* box = box_in(value, id)) {
    const Tensor base = box->base;
    return base;
  }
  Dims shape = value.shape();
  shape.insert(0, size);
  return broadcast_to(value, shape);
}

void Batch::apply(Call& call) {
  const Tape* const inside = context().tape;
  const size_t outputs = call.op.outputs;
  Few<Tensor, 2> out(outputs);
  {
    const Outside outside(*this);
    const Tape* const tape = context().tape;
    Few<Batching::Member> members(static_cast<size_t>(call.count));
    for (int k = 0; k < call.count; ++k) {
      const Operand& o = call.operands[k];
      Batching::Member& m = members[static_cast<size_t>(k)];
      m.weak = o.weak;
      const Box* box = box_in(*o.value, id);
      m.batched = box != nullptr;
      // A donated box that nobody else holds gives its content away.
      const bool gives = box && k == call.donated && box == box_of(*o.value) && o.value->buffer().unique();
      if (gives) {
        m.value = std::move(const_cast<Box*>(box)->base);
      } else {
        m.value = box ? box->base : *o.value;
      }
      if (box) continue;
      const Slot slot = tape && tape == inside ? o.slot : 0;
      m.value.set_ref({slot ? tape->id() : 0, slot});
    }
    Batching b(call, size, members.span(), out.data());
    call.op.batch ? call.op.batch(b) : one_by_one(b);
  }
  for (size_t j = 0; j < outputs; ++j)
    if (call.wants(static_cast<int>(j))) call.out[j] = make_batch(*this, std::move(out[j]));
}

}  // namespace adcore
