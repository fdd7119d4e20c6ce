#include "jit/program.h"

#include <algorithm>

#include "base/context.h"
#include "base/few.h"
#include "core/tape.h"

namespace adcore {

// ---- making -------------------------------------------------------------------------------------------------------

uint32_t ProgramBuilder::new_value(const Dims& shape, DType dtype) {
  if (program_.values_.size() >= Program::kNoPlace) throw std::bad_alloc();
  program_.values_.push_back({shape, dtype});
  return static_cast<uint32_t>(program_.values_.size() - 1);
}

uint32_t ProgramBuilder::input(const Dims& shape, DType dtype) {
  program_.inputs_.push_back(new_value(shape, dtype));
  return program_.inputs_.back();
}

uint32_t ProgramBuilder::constant(Tensor tensor) {
  const uint32_t value = new_value(tensor.shape(), tensor.dtype());
  program_.constants_.push_back({value, std::move(tensor)});
  return value;
}

uint32_t ProgramBuilder::statement(const Op& op, std::span<const Program::Use> uses, Attrs attrs, bool all_outputs,
                                   uint32_t place) {
  Program& p = program_;
  if (p.uses_.size() + uses.size() >= Program::kNoPlace ||
      p.words_.size() + static_cast<size_t>(attrs.count()) >= Program::kNoPlace)
    throw std::bad_alloc();
  Program::Statement s;
  s.op = &op;
  s.uses = static_cast<uint32_t>(p.uses_.size());
  s.words = static_cast<uint32_t>(p.words_.size());
  s.place = place;
  s.word_count = attrs.count();
  s.use_count = static_cast<uint16_t>(uses.size());
  s.all_outputs = all_outputs;
  s.out = static_cast<uint32_t>(p.values_.size());
  p.uses_.insert(p.uses_.end(), uses.begin(), uses.end());
  p.words_.insert(p.words_.end(), attrs.words(), attrs.words() + attrs.count());
  for (int j = 0; j < op.outputs; ++j) new_value({}, DType::Float32);
  p.statements_.push_back(s);
  return s.out;
}

uint32_t ProgramBuilder::place(std::string text) {
  // Neighbours come from the same line most of the time.
  if (program_.places_.empty() || program_.places_.back() != text) program_.places_.push_back(std::move(text));
  return static_cast<uint32_t>(program_.places_.size() - 1);
}

// ---- reading ------------------------------------------------------------------------------------------------------

Tensor Program::constant(uint32_t value) const {
  const auto found = std::ranges::lower_bound(constants_, value, {}, &Constant::value);
  return found == constants_.end() || found->value != value ? Tensor() : found->tensor;
}

// ---- running ------------------------------------------------------------------------------------------------------

void Program::check_inputs(std::span<const Tensor> inputs) const {
  if (inputs.size() != inputs_.size()) {
    fail(ErrorKind::Value, "trace: the program has ", inputs_.size(), " inputs, got ", inputs.size(), ".");
  }
  for (size_t k = 0; k < inputs.size(); ++k) {
    const Value& in = values_[inputs_[k]];
    if (!(inputs[k].shape() == in.shape) || inputs[k].dtype() != in.dtype) {
      fail(ErrorKind::Value, "trace: input ", k, " had shape ", to_string(in.shape), " and dtype ", name_of(in.dtype),
           " when the program was recorded, got ", to_string(inputs[k].shape()), " and ", name_of(inputs[k].dtype()),
           ".");
    }
  }
}

std::vector<Tensor> Program::run(std::span<const Tensor> inputs) const {
  const std::vector<Tensor> all = run_all(inputs);
  std::vector<Tensor> outputs;
  for (uint32_t value : outputs_) outputs.push_back(all[value]);
  return outputs;
}

std::vector<Tensor> Program::run_all(std::span<const Tensor> inputs) const {
  check_inputs(inputs);
  std::vector<Tensor> values(values_.size());
  for (const Constant& c : constants_) values[c.value] = c.tensor;
  for (size_t k = 0; k < inputs.size(); ++k) values[inputs_[k]] = inputs[k];
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
