// What passes have in common: a program in the making beside the one that it is made of.
#pragma once

#include <vector>

#include "jit/program.h"

namespace adcore {

/// Copies a program piece by piece; what is not copied is left out.
class Rewrite {
 public:
  explicit Rewrite(const Program& from) : Rewrite(from, from.inputs()) {}
  /// The inputs of the new program are these values: some of the old inputs, or what statements made.
  Rewrite(const Program& from, std::span<const uint32_t> inputs)
      : from_(from), renamed_(from.values().size(), kNot), constant_(renamed_) {
    builder_.set_places(from.places());
    for (const uint32_t value : inputs) {
      const Program::Value& v = from.values()[value];
      renamed_[value] = builder_.input(v.shape, v.dtype);
    }
    for (uint32_t k = 0; k < from.constants().size(); ++k) constant_[from.constants()[k].value] = k;
  }

  /// The number of an old value in the new program. A constant is copied when it is first asked for.
  uint32_t renamed(uint32_t value) {
    if (renamed_[value] == kNot) renamed_[value] = builder_.constant(from_.constants()[constant_[value]].tensor);
    return renamed_[value];
  }
  /// From here on the old value is that new one.
  void rename(uint32_t value, uint32_t to) { renamed_[value] = to; }
  /// Null where the value is no constant.
  const Tensor* constant(uint32_t value) const {
    return constant_[value] == kNot ? nullptr : &from_.constants()[constant_[value]].tensor;
  }

  void copy(const Program::Statement& s) { copy(s, from_.uses_of(s), from_.attrs_of(s)); }
  /// The statement with other operands, old values, and other attributes.
  void copy(const Program::Statement& s, std::span<const Program::Use> uses, Attrs attrs) {
    uses_.clear();
    for (const Program::Use& use : uses) uses_.push_back({renamed(use.value), use.weak});
    const uint32_t out = builder_.statement(*s.op, uses_, attrs, s.all_outputs, s.place);
    for (uint32_t j = 0; j < s.op->outputs; ++j) {
      const Program::Value& v = from_.values()[s.out + j];
      builder_.set_value(out + j, v.shape, v.dtype);
      if (renamed_[s.out + j] == kNot) renamed_[s.out + j] = out + j;
    }
  }
  /// What the old program has not: values and statements go by their new numbers.
  ProgramBuilder& builder() noexcept { return builder_; }

  Program finish() { return finish(from_.outputs()); }
  /// With these outputs, old values.
  Program finish(std::span<const uint32_t> outputs) {
    for (const uint32_t value : outputs) builder_.output(renamed(value));
    return builder_.take();
  }

 private:
  static constexpr uint32_t kNot = ~0u;

  const Program& from_;
  ProgramBuilder builder_;
  std::vector<uint32_t> renamed_, constant_;
  std::vector<Program::Use> uses_;
};

}  // namespace adcore
