// Program: calls in the order in which they were made, on values that have numbers.
//
// It is data: a trace records it (jit/trace.h), passes make another one of it (jit/passes), a plan says where its values
// live (jit/plan.h). Once made it never changes, so any number of threads may read it. Every value is written once: it is
// an input, a constant, or an output of one statement.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/op.h"

namespace adcore {

class Program {
 public:
  struct Value {
    Dims shape;
    DType dtype;
  };
  struct Use {
    uint32_t value;
    bool weak;
  };
  struct Statement {
    const Op* op;
    uint32_t uses;   // index of the first operand
    uint32_t words;  // index of the attributes
    uint32_t out;    // value of output 0, the others follow; > every operand's
    uint32_t place;  // index of what the user wrote, in places(); kNoPlace
    int32_t word_count;
    uint16_t use_count;
    bool all_outputs;
  };
  struct Constant {
    uint32_t value;
    Tensor tensor;
  };
  static constexpr uint32_t kNoPlace = ~0u;

  std::span<const Statement> statements() const noexcept { return statements_; }
  std::span<const Use> uses_of(const Statement& s) const noexcept { return {uses_.data() + s.uses, s.use_count}; }
  Attrs attrs_of(const Statement& s) const noexcept { return {words_.data() + s.words, s.word_count}; }
  /// Output j of the statement is made.
  bool makes(const Statement& s, int j) const noexcept { return s.all_outputs || j < s.op->visible; }
  std::span<const Value> values() const noexcept { return values_; }
  std::span<const uint32_t> inputs() const noexcept { return inputs_; }
  std::span<const uint32_t> outputs() const noexcept { return outputs_; }
  std::span<const Constant> constants() const noexcept { return constants_; }
  /// Undefined where the value is no constant.
  Tensor constant(uint32_t value) const;
  /// Lines of the user's text, as "file:line in function".
  std::span<const std::string> places() const noexcept { return places_; }

  /// The outputs that the calls give for these inputs, which have the shapes and dtypes of those that were traced. The
  /// calls go through apply(): what is open in the thread sees them.
  std::vector<Tensor> run(std::span<const Tensor> inputs) const;
  /// All values, by their numbers; undefined are outputs that no call asked for.
  std::vector<Tensor> run_all(std::span<const Tensor> inputs) const;
  /// Throws where the inputs are not like those of the trace.
  void check_inputs(std::span<const Tensor> inputs) const;

 private:
  friend class ProgramBuilder;

  std::vector<Statement> statements_;
  std::vector<Use> uses_;
  std::vector<int64_t> words_;
  std::vector<Value> values_;
  std::vector<Constant> constants_;
  std::vector<uint32_t> inputs_, outputs_;
  std::vector<std::string> places_;
};

/// Makes a program, statement by statement. Numbers of values are those that it gave out.
class ProgramBuilder {
 public:
  uint32_t input(const Dims& shape, DType dtype);
  uint32_t constant(Tensor tensor);
  /// The number of output 0; the others follow. Their shapes and dtypes are set by set_value().
  uint32_t statement(const Op& op, std::span<const Program::Use> uses, Attrs attrs, bool all_outputs,
                     uint32_t place = Program::kNoPlace);
  void set_value(uint32_t value, const Dims& shape, DType dtype) { program_.values_[value] = {shape, dtype}; }
  void output(uint32_t value) { program_.outputs_.push_back(value); }
  uint32_t place(std::string text);
  /// For a program that is made of another one.
  void set_places(std::span<const std::string> places) { program_.places_.assign(places.begin(), places.end()); }
  const Program& program() const noexcept { return program_; }
  Program take() noexcept { return std::move(program_); }

 private:
  uint32_t new_value(const Dims& shape, DType dtype);

  Program program_;
};

}  // namespace adcore
