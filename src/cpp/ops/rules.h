// What the rules of forward mode and of vmap see: for the rows and files of this folder, called by the sweeps.
#pragma once

#include <span>

#include "core/box.h"

namespace adcore {

/// What the tangent rule of a call sees.
class Pushforward {
 public:
  /// A null tangent is zero. `results` gets the tangents of the outputs.
  Pushforward(const Op& op, Attrs attrs, std::span<const Tensor* const> values, std::span<const Tensor* const> tangents,
              const Tensor* outputs, Tensor* results)
      : op_(op), attrs_(attrs), values_(values), tangents_(tangents), outputs_(outputs), results_(results) {}

  const Op& op() const noexcept { return op_; }
  int count() const noexcept { return static_cast<int>(values_.size()); }
  bool active(int k) const noexcept { return tangents_[static_cast<size_t>(k)] != nullptr; }
  const Tensor& tangent(int k) const noexcept { return *tangents_[static_cast<size_t>(k)]; }
  const Tensor& in(int k) const noexcept { return *values_[static_cast<size_t>(k)]; }
  const Tensor& out(int j = 0) const noexcept { return outputs_[j]; }
  template <class A>
  A attrs() const noexcept {
    return attrs_.template as<A>();
  }
  Attrs attrs() const noexcept { return attrs_; }

  /// Adds to the tangent of output j, which is broadcast and cast to it afterwards.
  void give(Tensor tangent, int j = 0);

 private:
  const Op& op_;
  Attrs attrs_;
  std::span<const Tensor* const> values_, tangents_;
  const Tensor* outputs_;
  Tensor* results_;
};

/// What the batch rule of a call sees. It gives the outputs of all members along axis 0.
class Batching {
 public:
  /// One argument: the values of all members along axis 0, or one value for all.
  struct Member {
    Tensor value;
    bool batched;
    bool weak;
    int rank() const noexcept { return value.rank() - batched; }  // of one member's value
    Dims shape() const {
      Dims d = value.shape();
      if (batched) d.erase(0);
      return d;
    }
  };

  /// `call`: that of one member; `results` gets the outputs.
  Batching(const Call& call, int64_t size, std::span<Member> members, Tensor* results)
      : op(call.op),
        attrs(call.attrs),
        size(size),
        out(call.out[0]),
        members(members),
        call_(call),
        results_(results) {}

  const Op& op;
  const Attrs attrs;
  const int64_t size;
  const Tensor& out;  // shape and dtype of one member's output 0
  const std::span<Member> members;

  const Tensor& one(int j) const noexcept { return call_.out[j]; }
  bool wants(int j) const noexcept { return call_.wants(j); }

  int count() const noexcept { return static_cast<int>(members.size()); }
  bool batched(int k) const noexcept { return members[static_cast<size_t>(k)].batched; }
  const Tensor& value(int k) const noexcept { return members[static_cast<size_t>(k)].value; }
  /// Argument k with its batch axis, also where it has one value for all.
  Tensor front(int k) const;
  /// The same with axes of size 1 behind the batch axis, so that a member's value has `rank` axes.
  Tensor front(int k, int rank) const;
  void give(Tensor output, int j = 0) { results_[j] = std::move(output); }
  /// Gives what the op makes of the values as they are.
  void run(Attrs attrs);
  template <class A>
    requires(!std::is_same_v<A, Attrs>)
  void run(const A& attributes) {
    run(Attrs(attributes));
  }
  /// Call after call: what there is without a rule.
  void one_by_one();
  Tensor& result(int j = 0) noexcept { return results_[j]; }

 private:
  const Call& call_;
  Tensor* const results_;
};

/// The batch rule of an op of one argument whose attributes say nothing about axes.
void batch_same(Batching& b);
/// The batch rule of an op that broadcasts its arguments element by element.
void batch_elementwise(Batching& b);

}  // namespace adcore
