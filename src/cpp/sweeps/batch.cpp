#include "sweeps/batch.h"

#include "base/few.h"
#include "core/tape.h"
#include "ops/functions.h"
#include "ops/rules.h"

namespace adcore {
Tensor Batch::entering(const Tensor& value) { return adcore::apply(alias_op(), {&value}); }

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
      const bool gives =
          box && (call.donated & needs_input(k)) && box == box_of(*o.value) && o.value->buffer().unique();
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
    call.op.batch ? call.op.batch(b) : b.one_by_one();
  }
  for (size_t j = 0; j < outputs; ++j)
    if (call.wants(static_cast<int>(j))) call.out[j] = make_batch(*this, std::move(out[j]));
}

}  // namespace adcore
