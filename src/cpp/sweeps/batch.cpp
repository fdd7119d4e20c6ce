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
Tensor one_by_one(const Batching& b) {
  std::vector<Tensor> outputs, inputs(b.members.size());
  for (int64_t i = 0; i < b.size; ++i) {
    for (size_t k = 0; k < inputs.size(); ++k)
      inputs[k] = b.members[k].batched ? member(b.members[k].value, i) : b.members[k].value;
    outputs.push_back(expand_dims(apply(b.op, inputs, b.attrs), 0));
  }
  if (outputs.empty()) {
    Dims shape = b.out.shape();
    shape.insert(0, 0);
    return full(shape, 0.0, b.out.dtype());
  }
  return concat(outputs, 0);
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
  Tensor out;
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
      m.value = box ? box->base : *o.value;
      if (box) continue;
      const Slot slot = tape && tape == inside ? o.slot : 0;
      m.value.set_ref({slot ? tape->id() : 0, slot});
    }
    Batching b(call.op, call.attrs, size, *call.out, members.span());
    out = call.op.batch ? call.op.batch(b) : one_by_one(b);
  }
  *call.out = make_batch(*this, std::move(out));
}

}  // namespace adcore
