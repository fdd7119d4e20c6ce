// Moving elements by regions.
//
// A region is a box of indices and where its elements lie in two tensors: where they are read and where they are
// written. Four ops take a list of them: `slice` shows one as a view, `move` fills an output from any number of
// operands, `slice_set` writes over a base, `slice_add` adds to one. Their transposes are each other with reading and
// writing exchanged, their batch rule puts one axis before every box; both stand once, in regions.cpp. A function that
// moves elements says which regions, and nothing else: see move.cpp.
#pragma once

#include <vector>

#include "core/op.h"
#include "ops/functions.h"

namespace adcore {

/// Where the elements of a box lie in a tensor.
struct Lattice {
  static constexpr int64_t kItself = -1;  // the tensor has the shape of the box
  static constexpr int64_t kAxes = -2;    // axis k of the box runs along axis k: from start[k] in steps of step[k]
  /// Else the rank of the tensor: index i is the element start + sum of i[k] * step[k], step[k] a row of coordinates.
  int64_t kind = kItself;
  const int64_t* start = nullptr;
  const int64_t* step = nullptr;

  int starts(int box_rank) const noexcept { return kind >= 0 ? static_cast<int>(kind) : kind == kAxes ? box_rank : 0; }
  int steps(int box_rank) const noexcept {
    return kind >= 0 ? box_rank * static_cast<int>(kind) : kind == kAxes ? box_rank : 0;
  }
};
inline Lattice along_axes(const int64_t* start, const int64_t* step) { return {Lattice::kAxes, start, step}; }

struct Region {
  int64_t operand;  // the one that is read, among those of a move; else 0
  int rank;
  const int64_t* count;
  Lattice from, to;

  Dims box() const { return Dims(std::span<const int64_t>(count, static_cast<size_t>(rank))); }
};

/// The words that a list of regions is as attribute: on the stack where they are few.
class RegionWords {
 public:
  RegionWords() = default;
  explicit RegionWords(const Region& r) { add(r); }
  void add(int64_t word) {
    if (count_ < kFew) {
      few_[count_++] = word;
      return;
    }
    if (many_.empty()) many_.assign(few_, few_ + kFew);
    many_.push_back(word);
  }
  void add(const int64_t* words, int n) {
    for (int i = 0; i < n; ++i) add(words[i]);
  }
  void add(const Region& r);
  Attrs attrs() const {
    return many_.empty() ? Attrs(few_, count_) : Attrs(many_.data(), static_cast<int>(many_.size()));
  }

 private:
  static constexpr int kFew = 48;
  int64_t few_[kFew];
  int count_ = 0;
  std::vector<int64_t> many_;
};

/// The regions of an attribute, one after the other; they point into it.
class RegionReader {
 public:
  explicit RegionReader(Attrs attrs, int skip = 0) : at_(attrs.words() + skip), end_(attrs.words() + attrs.count()) {}
  bool next(Region& r);
  bool at_end() const noexcept { return at_ == end_; }
  /// For words that may be any: false where they are no region. They are left unread then.
  bool next_checked(Region& r);

 private:
  Lattice lattice(int box_rank);
  const int64_t *at_, *end_;
};

/// A region of x as a view; the elements may overlap.
Tensor view_of_region(const Tensor& x, const Region& r);
/// The op of it, whose attribute is that region.
const Op& slice_op() noexcept;
/// The op that adds regions of operand 1 to operand 0.
const Op& slice_add_op() noexcept;
/// `base`, which is written over, with a region of v at its place in it.
Tensor set_region(Tensor&& base, const Tensor& v, const Region& r);
/// The same with it added, wherever its places meet.
Tensor add_to_region(Tensor&& base, const Tensor& v, const Region& r);
/// An output of `shape` out of the operands; the regions fill it and do not meet one another.
class Move {
 public:
  explicit Move(const Dims& shape) {
    words_.add(shape.size());
    words_.add(shape.data(), shape.size());
  }
  void add(const Region& r) { words_.add(r); }
  Tensor of(std::span<const Tensor> operands) const;

 private:
  RegionWords words_;
};

/// Output 0 as a copy of operand 0, or operand 0 itself, to which f adds in the type that it is computed in, so that it
/// rounds once.
template <class F>
void add_into(Call& call, F f) {
  Tensor& out = *call.out;
  const DType storage = storage_of(compute_of(out.dtype()));
  if (out.dtype() == storage) {
    if (!call.in_place) copy_to(call.in(0), out.mutable_data(), storage);
    return f(out);
  }
  Tensor total(out.shape(), storage);
  copy_to(call.in(0), total.mutable_data(), storage);
  f(total);
  copy_to(total, out.mutable_data(), out.dtype());
}

}  // namespace adcore
