// What the rules of forward mode and of vmap see: for the rows and files of this folder, called by the sweeps.
#pragma once

#include <span>

#include "core/box.h"

namespace adcore {

/// What the tangent rule of a call sees.
class Pushforward {
 public:
  /// A null tangent is zero.
  Pushforward(const Op& op, Attrs attrs, std::span<const Tensor* const> values, std::span<const Tensor* const> tangents,
              const Tensor& out)
      : op_(op), attrs_(attrs), values_(values), tangents_(tangents), out_(out) {}

  const Op& op() const noexcept { return op_; }
  int count() const noexcept { return static_cast<int>(values_.size()); }
  bool active(int k) const noexcept { return tangents_[static_cast<size_t>(k)] != nullptr; }
  const Tensor& tangent(int k) const noexcept { return *tangents_[static_cast<size_t>(k)]; }
  const Tensor& in(int k) const noexcept { return *values_[static_cast<size_t>(k)]; }
  const Tensor& out() const noexcept { return out_; }
  template <class A>
  A attrs() const noexcept {
    return attrs_.template as<A>();
  }
  Attrs attrs() const noexcept { return attrs_; }

  /// Adds to the tangent of the output, which is broadcast and cast to it afterwards.
  void give(Tensor tangent);
  const Tensor& result() const noexcept { return result_; }
  Tensor take_result() noexcept { return std::move(result_); }

 private:
  const Op& op_;
  Attrs attrs_;
  std::span<const Tensor* const> values_, tangents_;
  const Tensor& out_;
  Tensor result_;
};

/// What the batch rule of a call sees. It returns the output of all members along axis 0.
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

  Batching(const Op& op, Attrs attrs, int64_t size, const Tensor& out, std::span<Member> members)
      : op(op), attrs(attrs), size(size), out(out), members(members) {}

  const Op& op;
  const Attrs attrs;
  const int64_t size;
  const Tensor& out;  // shape and dtype of one member's output
  const std::span<Member> members;

  int count() const noexcept { return static_cast<int>(members.size()); }
  bool batched(int k) const noexcept { return members[static_cast<size_t>(k)].batched; }
  const Tensor& value(int k) const noexcept { return members[static_cast<size_t>(k)].value; }
  /// Argument k with its batch axis, also where it has one value for all.
  Tensor front(int k) const;
  /// The same with axes of size 1 behind the batch axis, so that a member's value has `rank` axes.
  Tensor front(int k, int rank) const;
  /// The op on the values as they are.
  Tensor run(Attrs attrs) const;
  template <class A>
    requires(!std::is_same_v<A, Attrs>)
  Tensor run(const A& attributes) const {
    return run(Attrs(attributes));
  }
};

/// The batch rule of an op of one argument whose attributes say nothing about axes.
Tensor batch_same(Batching& b);
/// The batch rule of an op that broadcasts its arguments element by element.
Tensor batch_elementwise(Batching& b);

}  // namespace adcore
