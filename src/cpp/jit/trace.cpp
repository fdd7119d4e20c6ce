#include "jit/trace.h"

#include "base/few.h"
#include "ops/functions.h"

namespace adcore {

uint32_t Trace::number_of(const Tensor& value) {
  const Tensor t = settled(value);
  if (const Box* box = box_in(t, id)) return box->value;
  return number_of_outer(t);
}

Tensor Trace::input(const Tensor& like) {
  return make_traced(*this, builder_.input(like.shape(), like.dtype()), like.shape(), like.dtype());
}

void Trace::output(const Tensor& value) { builder_.output(number_of(value)); }

Tensor Trace::constant(const Tensor& value) { return adcore::apply(stop_gradient_op(), {&value}); }
Tensor Trace::entering(const Tensor& value) { return adcore::apply(alias_op(), {&value}); }

void Trace::apply(Call& call) {
  Few<Program::Use, 8> uses(static_cast<size_t>(call.count));
  for (int k = 0; k < call.count; ++k) uses[static_cast<size_t>(k)] = {number_of(call.in(k)), call.operands[k].weak};
  const uint32_t place = where_ ? (*where_)(builder_) : Program::kNoPlace;
  const uint32_t first =
      builder_.statement(call.op, {uses.data(), static_cast<size_t>(call.count)}, call.attrs, call.all_outputs, place);
  for (uint32_t j = 0; j < call.op.outputs; ++j) {
    Tensor& out = call.out[j];
    if (!call.wants(static_cast<int>(j))) continue;
    builder_.set_value(first + j, out.shape(), out.dtype());
    out = make_traced(*this, first + j, out.shape(), out.dtype());
  }
}

}  // namespace adcore
