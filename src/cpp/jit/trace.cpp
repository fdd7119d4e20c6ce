#include "jit/trace.h"

#include <algorithm>

#include "base/few.h"

namespace adcore {

// ---- recording ----------------------------------------------------------------------------------------------------

uint32_t Trace::number_of(const Tensor& value) {
  const Tensor t = settled(value);
  if (const Box* box = box_in(t, id)) return box->value;
  program_.constants_.push_back({program_.values_, t.detached()});
  return program_.values_++;
}

Tensor Trace::input(const Tensor& like) {
  program_.inputs_.push_back({program_.values_, like.shape(), like.dtype()});
  return make_traced(*this, program_.values_++, like.shape(), like.dtype());
}

void Trace::output(const Tensor& value) { program_.outputs_.push_back(number_of(value)); }

void Trace::apply(Call& call) {
  Program& p = program_;
  Program::Statement s;
  s.op = &call.op;
  s.uses = static_cast<uint32_t>(p.uses_.size());
  s.words = static_cast<uint32_t>(p.words_.size());
  s.use_count = static_cast<uint16_t>(call.count);
  s.word_count = call.attrs.count();
  s.all_outputs = call.all_outputs;
  for (int k = 0; k < call.count; ++k) p.uses_.push_back({number_of(call.in(k)), call.operands[k].weak});
  p.words_.insert(p.words_.end(), call.attrs.words(), call.attrs.words() + call.attrs.count());
  s.out = p.values_;
  p.values_ += call.op.outputs;
  p.statements_.push_back(s);
  for (uint32_t j = 0; j < call.op.outputs; ++j) {
    Tensor& out = call.out[j];
    if (call.wants(static_cast<int>(j))) out = make_traced(*this, s.out + j, out.shape(), out.dtype());
  }
}

// ---- reading ------------------------------------------------------------------------------------------------------

Tensor Program::constant(uint32_t value) const {
  const auto found = std::ranges::find(constants_, value, &Constant::value);
  return found == constants_.end() ? Tensor() : found->tensor;
}

// ---- running ------------------------------------------------------------------------------------------------------

std::vector<Tensor> Program::run(std::span<const Tensor> inputs) const {
  const std::vector<Tensor> all = values(inputs);
  std::vector<Tensor> outputs;
  for (uint32_t value : outputs_) outputs.push_back(all[value]);
  return outputs;
}

std::vector<Tensor> Program::values(std::span<const Tensor> inputs) const {
  if (inputs.size() != inputs_.size()) {
    fail(ErrorKind::Value, "trace: the program has ", inputs_.size(), " inputs, got ", inputs.size(), ".");
  }
  std::vector<Tensor> values(values_);
  for (const Constant& c : constants_) values[c.value] = c.tensor;
  for (size_t k = 0; k < inputs.size(); ++k) {
    const Input& in = inputs_[k];
    if (!(inputs[k].shape() == in.shape) || inputs[k].dtype() != in.dtype) {
      fail(ErrorKind::Value, "trace: input ", k, " had shape ", to_string(in.shape), " and dtype ", name_of(in.dtype),
           " when the program was recorded, got ", to_string(inputs[k].shape()), " and ", name_of(inputs[k].dtype()),
           ".");
    }
    values[in.value] = inputs[k];
  }
  for (const Statement& s : statements_) {
    const Tape* const tape = context().tape;
    Few<Operand, 8> operands(s.use_count);
    for (size_t k = 0; k < s.use_count; ++k) {
      const Use& use = uses_[s.uses + k];
      const Tensor& value = values[use.value];
      operands[k] = {&value, tape ? tape->slot_of(value) : 0, use.weak};
    }
    Call call{*s.op, operands.data(), s.use_count, &values[s.out], attrs_of(s), s.all_outputs};
    adcore::apply(call);
  }
  return values;
}

}  // namespace adcore
