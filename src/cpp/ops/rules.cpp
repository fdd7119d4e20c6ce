#include "ops/rules.h"

#include "base/few.h"
#include "core/tape.h"
#include "ops/functions.h"

namespace adcore {

void Pushforward::give(Tensor tangent) { result_ = result_.defined() ? result_ + tangent : std::move(tangent); }

Tensor Batching::front(int k) const { return front(k, members[static_cast<size_t>(k)].rank()); }

Tensor Batching::front(int k, int rank) const {
  const Member& m = members[static_cast<size_t>(k)];
  Dims shape = m.shape();
  while (shape.size() < rank) shape.insert(0, 1);
  shape.insert(0, size);
  return m.batched ? reshape(m.value, shape) : broadcast_to(m.value, shape);
}

Tensor Batching::run(Attrs attributes) const {
  const Tape* tape = context().tape;
  Few<Operand> operands(members.size());
  for (size_t k = 0; k < members.size(); ++k) {
    const Member& m = members[k];
    operands[k] = {&m.value, tape ? tape->slot_of(m.value) : 0, m.weak};
  }
  Tensor result[2];
  apply(op, operands.data(), count(), attributes, result);
  return std::move(result[0]);
}

Tensor batch_same(Batching& b) { return b.run(b.attrs); }

Tensor batch_elementwise(Batching& b) {
  for (Batching::Member& m : b.members) {
    if (!m.batched || m.rank() == b.out.rank()) continue;
    Dims shape = m.value.shape();
    while (shape.size() < b.out.rank() + 1) shape.insert(1, 1);
    m.value = reshape(m.value, shape);
  }
  return b.run(b.attrs);
}

}  // namespace adcore
