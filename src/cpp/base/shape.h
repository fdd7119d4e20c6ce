// Shapes and strides: inline storage, so that making a tensor allocates nothing but its buffer.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "base/error.h"

namespace adcore {

inline constexpr int kMaxRank = 12;

/// Up to kMaxRank integers.
class Dims {
 public:
  Dims() noexcept : n_(0) { clear_few(); }
  Dims(std::initializer_list<int64_t> values) : Dims() {
    for (int64_t v : values) push_back(v);
  }
  explicit Dims(std::span<const int64_t> values) : Dims() {
    for (int64_t v : values) push_back(v);
  }
  Dims(int n, int64_t value) : Dims() {
    for (int i = 0; i < n; ++i) push_back(value);
  }
  Dims(const Dims& o) noexcept { copy(o); }
  Dims& operator=(const Dims& o) noexcept {
    copy(o);
    return *this;
  }

  int size() const noexcept { return n_; }
  bool empty() const noexcept { return n_ == 0; }
  int64_t operator[](int i) const noexcept { return v_[i]; }
  int64_t& operator[](int i) noexcept { return v_[i]; }
  const int64_t* data() const noexcept { return v_; }
  const int64_t* begin() const noexcept { return v_; }
  const int64_t* end() const noexcept { return v_ + n_; }
  int64_t back() const noexcept { return v_[n_ - 1]; }

  void clear() noexcept { n_ = 0; }
  void push_back(int64_t v) {
    if (n_ == kMaxRank) fail(ErrorKind::Value, "a tensor has at most ", kMaxRank, " dimensions.");
    v_[n_++] = v;
  }
  void erase(int i) noexcept {
    for (int k = i + 1; k < n_; ++k) v_[k - 1] = v_[k];
    --n_;
  }
  void insert(int i, int64_t v) {
    push_back(v);
    for (int k = n_ - 1; k > i; --k) v_[k] = v_[k - 1];
    v_[i] = v;
  }

  bool operator==(const Dims& o) const noexcept {
    if (n_ != o.n_) return false;
    for (int i = 0; i < n_; ++i)
      if (v_[i] != o.v_[i]) return false;
    return true;
  }

 private:
  // The first kFew are copied whatever n_ is: straight code, where a loop over n_ becomes a call of memmove.
  static constexpr int kFew = 4;

  void clear_few() noexcept {
    for (int i = 0; i < kFew; ++i) v_[i] = 0;
  }
  void copy(const Dims& o) noexcept {
    n_ = o.n_;
    for (int i = 0; i < kFew; ++i) v_[i] = o.v_[i];
    if (n_ > kFew) copy_rest(o);
  }
  [[gnu::noinline]] void copy_rest(const Dims& o) noexcept {
    for (int i = kFew; i < n_; ++i) v_[i] = o.v_[i];
  }

  int32_t n_;
  int64_t v_[kMaxRank];
};

/// "(2, 3)", "(5,)", "()".
std::string to_string(const Dims& dims);

/// The number of elements. Throws a ValueError for a negative size, MemoryError where it does not fit 63 bits.
int64_t count(const Dims& shape);

/// The number of elements of a shape that was checked before.
inline int64_t numel(const Dims& shape) noexcept {
  uint64_t n = 1;  // unsigned: before a size of 0 the product may leave 63 bits
  for (int64_t d : shape) n *= static_cast<uint64_t>(d);
  return static_cast<int64_t>(n);
}

Dims contiguous_strides(const Dims& shape) noexcept;

/// The axis in [0, rank); a ValueError that names the op and the user's own number otherwise.
int checked_axis(const char* op, int64_t axis, int rank);

/// The common shape of a and b by NumPy's rule; a ValueError that names the op and both shapes otherwise.
Dims broadcast(const char* op, const Dims& a, const Dims& b);

}  // namespace adcore
