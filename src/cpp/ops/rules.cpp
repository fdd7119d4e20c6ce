#include "ops/rules.h"

#include "base/few.h"
#include "core/tape.h"
#include "ops/functions.h"

namespace adcore {

void Pushforward::give(Tensor tangent, int j) {
  Tensor& result = results_[j];
  result = result.defined() ? result + tangent : std::move(tangent);
}

Tensor Batching::front(int k) const { return front(k, members[static_cast<size_t>(k)].rank()); }

Tensor Batching::front(int k, int rank) const {
  const Member& m = members[static_cast<size_t>(k)];
  Dims shape = m.shape();
  while (shape.size() < rank) shape.insert(0, 1);
  shape.insert(0, size);
  return m.batched ? reshape(m.value, shape) : broadcast_to(m.value, shape);
}

void Batching::run(Attrs attributes) {
  const Tape* tape = context().tape;
  Few<Operand> operands(members.size());
  for (size_t k = 0; k < members.size(); ++k) {
    const Member& m = members[k];
    operands[k] = {&m.value, tape ? tape->slot_of(m.value) : 0, m.weak};
  }
  Call together{op, operands.data(), count(), results_, attributes, call_.all_outputs};
  if (call_.donated >= 0 && batched(call_.donated)) together.donated = call_.donated;
  apply(together);
}

void batch_same(Batching& b) { b.run(b.attrs); }

void batch_elementwise(Batching& b) {
  for (Batching::Member& m : b.members) {
    if (!m.batched || m.rank() == b.out.rank()) continue;
    Dims shape = m.value.shape();
    while (shape.size() < b.out.rank() + 1) shape.insert(1, 1);
    m.value = reshape(m.value, shape);
  }
  b.run(b.attrs);
}

}  // namespace adcore
