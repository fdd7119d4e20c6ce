#include "ops/rules.h"

#include <vector>

#include "base/few.h"
#include "core/tape.h"
#include "ops/functions.h"

namespace adcore {

void Pushforward::give(Tensor tangent, int j) {
  Tensor& result = results_[j];
  result = result.defined() ? result + tangent : std::move(tangent);
}

namespace {

Tensor member(const Tensor& values, int64_t i) {
  Slice s = whole(values.shape());
  s.start.v[0] = i;
  s.count.v[0] = 1;
  Dims shape = values.shape();
  shape.erase(0);
  return reshape(slice(values, s), shape);
}

}  // namespace

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
  for (int k = 0; call_.donated && k < count(); ++k)
    if (batched(k)) together.donated |= call_.donated & needs_input(k);
  apply(together);
}

void Batching::one_by_one() {
  const size_t outputs = op.outputs;
  const Tape* const tape = context().tape;
  std::vector<std::vector<Tensor>> made(outputs);
  Few<Tensor> inputs(members.size());
  Few<Operand> operands(members.size());
  for (int64_t i = 0; i < size; ++i) {
    for (size_t k = 0; k < members.size(); ++k) {
      const Batching::Member& m = members[k];
      inputs[k] = m.batched ? member(m.value, i) : m.value;
      operands[k] = {&inputs[k], tape ? tape->slot_of(inputs[k]) : 0, m.weak};
    }
    Few<Tensor, 2> out(outputs);
    Call call{op, operands.data(), count(), out.data(), attrs, wants(static_cast<int>(outputs) - 1)};
    apply(call);
    for (size_t j = 0; j < outputs; ++j)
      if (wants(static_cast<int>(j))) made[j].push_back(expand_dims(out[j], 0));
  }
  for (size_t j = 0; j < outputs; ++j) {
    const int output = static_cast<int>(j);
    if (!wants(output)) continue;
    Dims shape = one(output).shape();
    shape.insert(0, 0);
    give(made[j].empty() ? full(shape, 0.0, one(output).dtype()) : concat(made[j], 0), output);
  }
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
