// trace: a frame that computes nothing. It notes each call on its values, and the notes are a program, which runs again
// on other inputs.
//
// Levels of reverse mode and other frames inside of it work as ever, because what their rules compute are calls too.
// Calls on constants alone do not reach the frame: they compute, and what they made is a constant of the program.
#pragma once

#include <span>
#include <vector>

#include "core/box.h"

namespace adcore {

/// Calls in the order in which they were made, on values that have numbers.
class Program {
 public:
  /// The outputs that the calls give for these inputs, which have the shapes and dtypes of those that were traced. The
  /// calls go through apply(): what is open in the thread sees them.
  std::vector<Tensor> run(std::span<const Tensor> inputs) const;
  /// All values, by their numbers; undefined are outputs that no call asked for.
  std::vector<Tensor> values(std::span<const Tensor> inputs) const;

  struct Use {
    uint32_t value;
    bool weak;
  };
  struct Statement {
    const Op* op;
    uint32_t uses;   // index of the first operand
    uint32_t words;  // index of the attributes
    uint32_t out;    // value of output 0, the others follow; > every operand's
    int32_t word_count;
    uint16_t use_count;
    bool all_outputs;
  };

  size_t input_count() const noexcept { return inputs_.size(); }
  std::span<const Statement> statements() const noexcept { return statements_; }
  std::span<const Use> uses_of(const Statement& s) const noexcept { return {uses_.data() + s.uses, s.use_count}; }
  Attrs attrs_of(const Statement& s) const noexcept { return {words_.data() + s.words, s.word_count}; }
  uint32_t input(size_t k) const noexcept { return inputs_[k].value; }
  std::span<const uint32_t> outputs() const noexcept { return outputs_; }
  /// Undefined where the value is no constant.
  Tensor constant(uint32_t value) const;

 private:
  friend class Trace;

  struct Input {
    uint32_t value;
    Dims shape;
    DType dtype;
  };
  struct Constant {
    uint32_t value;
    Tensor tensor;
  };

  std::vector<Statement> statements_;
  std::vector<Use> uses_;
  std::vector<int64_t> words_;
  std::vector<Constant> constants_;
  std::vector<Input> inputs_;
  std::vector<uint32_t> outputs_;
  uint32_t values_ = 0;
};

/// The frame. It is the outermost one: nothing is open where it opens.
class Trace final : public Frame {
 public:
  Trace() : Frame(FrameKind::Trace, 0) {}
  void apply(Call& call) override;

  /// A value like this one that stands for the program's next input.
  Tensor input(const Tensor& like);
  /// Makes the value the program's next output.
  void output(const Tensor& value);
  Program take() noexcept { return std::move(program_); }

 private:
  uint32_t number_of(const Tensor& value);

  Program program_;
};

}  // namespace adcore
