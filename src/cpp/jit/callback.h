// Calls of functions that are no ops, in a program: what a program does beside computing its outputs.
//
// What is called is an operand, as a loop's body is one: a constant that owns a Callback. Another operand and the first
// output are a token, a tensor without elements. Whoever records calls gives each the token of the call before, so that
// they depend on each other: no pass leaves one out, makes one of two, or changes their order.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/function_ref.h"
#include "jit/program.h"

namespace adcore {

class Callback {
 public:
  /// `results`: the shapes and dtypes of what one call gives. A vectorized one is called once for all members of a vmap,
  /// which stand along the first axes of what it takes and gives; any other once for each.
  Callback(std::string name, std::vector<Program::Value> results, bool vectorized)
      : name_(std::move(name)), results_(std::move(results)), vectorized_(vectorized) {}
  virtual ~Callback() = default;
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;

  /// What errors call it.
  const std::string& name() const noexcept { return name_; }
  std::span<const Program::Value> results() const noexcept { return results_; }
  bool vectorized() const noexcept { return vectorized_; }
  /// The results, of the shapes and dtypes that were promised behind `members`. It may keep the inputs.
  virtual std::vector<Tensor> run(std::span<const Tensor> inputs, const Dims& members) const = 0;

 private:
  const std::string name_;
  const std::vector<Program::Value> results_;
  const bool vectorized_;
};

/// Operands: the callback, the token, what it is called with. Outputs: the next token, what it gives. `members`: sizes of
/// the vmaps around it, whose axes come first in what it is called with and in what it gives.
struct CallbackAttrs {
  DimsAttr members;
};

/// A tensor without elements that owns the callback.
Tensor hold_callback(std::unique_ptr<Callback> callback);
/// The callback that a tensor owns, null where it owns none.
const Callback* callback_in(const Tensor& held) noexcept;

/// The op for so many results.
const Op& callback_op(size_t results);
bool is_callback(const Op& op) noexcept;

/// Calls f on every callback of the program and of the bodies of its loops.
void visit_callbacks(const Program& program, FunctionRef<void(const Callback&)> f);

/// The first token.
Tensor new_token();
/// The token for who is outside of the vmaps that it differs in.
Tensor common_token(const Tensor& token);

}  // namespace adcore
