// What the reverse rule of one statement sees.
#pragma once

#include "core/tape.h"

namespace adcore {

class Pullback;

/// What a rule may ask of the sweep that runs it.
class Sweep {
 public:
  virtual bool is_active(Slot slot) const noexcept = 0;
  /// Adds to the cotangent of argument k.
  virtual void give(const Pullback& p, int k, Tensor&& cotangent) = 0;
  /// Adds to a part of the cotangent of argument k, in place where nothing else holds it: add(held, part) is an op that
  /// gives `held` with `part` added somewhere.
  virtual void give_part(const Pullback& p, int k, FunctionRef<Tensor(Tensor&&)> add) = 0;
  /// The cotangents of the active arguments of `mask`, by differentiating the op's expansion.
  virtual void expand(const Pullback& p, uint32_t mask) = 0;

 protected:
  ~Sweep() = default;
};

/// Rules call in() and out() only for values that the op's row declares.
class Pullback {
 public:
  Pullback(const Tape& tape, const Statement& statement, Sweep& sweep, Tensor* cotangents, bool ones)
      : g(cotangents[0]), statement_(statement), tape_(tape), sweep_(sweep), cotangents_(cotangents), ones_(ones) {}

  Tensor& g;  // the cotangent of output 0; its shape stays also when the elements are taken

  const Op& op() const noexcept { return *statement_.op; }
  int count() const noexcept { return statement_.arg_count; }
  bool active(int k) const noexcept {
    const Slot slot = tape_.arg(statement_, k).slot;
    return slot != 0 && sweep_.is_active(slot);
  }
  const Tensor& in(int k) const { return tape_.kept(statement_, needs_input(k)); }
  const Tensor& out(int j = 0) const { return tape_.kept(statement_, needs_output(j)); }
  int outputs() const noexcept { return statement_.outputs; }
  /// The cotangent of output j; undefined where nothing reached it. One of them at least is defined.
  const Tensor& cotangent(int j) const noexcept { return cotangents_[j]; }
  /// The cotangent of output 0 is all ones, as one that a transform starts from: a product with it is no work.
  bool ones() const noexcept { return ones_; }
  /// The cotangent itself, for the last use that the rule makes of its elements.
  Tensor take_g() noexcept { return std::move(g); }
  /// The shape of an active argument.
  Dims in_shape(int k) const {
    const Arg& a = tape_.arg(statement_, k);
    return a.dims == kNone ? g.shape() : tape_.dims(a.dims);
  }
  /// The dtype of the cotangent of an active argument.
  DType cotangent_dtype(int k) const noexcept { return derivative_dtype(tape_.arg(statement_, k).dtype); }
  template <class A>
  A attrs() const noexcept {
    return tape_.attrs(statement_).template as<A>();
  }
  Attrs attrs() const noexcept { return tape_.attrs(statement_); }
  /// Adds to the cotangent of argument k. A shape that was broadcast is summed, another dtype is cast: here, once, for
  /// all rules.
  void give(int k, Tensor&& cotangent) { sweep_.give(*this, k, std::move(cotangent)); }
  void give(int k, const Tensor& cotangent) { give(k, Tensor(cotangent)); }
  /// Adds g to a part of the cotangent of argument k, see Sweep.
  void give_part(int k, FunctionRef<Tensor(Tensor&&)> add) { sweep_.give_part(*this, k, add); }
  /// The same from the op's expansion.
  void expand(uint32_t mask = kAllInputs) { sweep_.expand(*this, mask); }
  /// Argument k is like the output: nothing to sum where its cotangent is.
  bool has_output_shape(int k) const noexcept { return tape_.arg(statement_, k).dims == kNone; }
  /// The rule vouches for the shape of the cotangent.
  bool is_as_given(int k) const noexcept { return tape_.arg(statement_, k).dims == kAsGiven; }
  Slot slot(int k) const noexcept { return tape_.arg(statement_, k).slot; }

 private:
  const Statement statement_;  // a copy: a recorded rule makes the tape grow
  const Tape& tape_;
  Sweep& sweep_;
  Tensor* const cotangents_;
  const bool ones_;
};

}  // namespace adcore
