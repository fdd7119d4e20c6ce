// Tensor: a value. A buffer seen through shape, strides and dtype, and where it stands on a tape.
//
// The value is immutable once visible, so views share buffers freely. What Python calls a Tensor is a cell that holds
// one of these; assignment to it puts another value in the cell.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "base/buffer.h"
#include "base/dtype.h"
#include "base/shape.h"

namespace adcore {

/// A place on a tape. Slot 0 is no place: the value is a constant.
using Slot = uint32_t;

/// Names a slot of one tape; with any other tape live than that one it reads as constant.
struct TapeRef {
  uint64_t tape = 0;
  Slot slot = 0;
};

class Tensor {
 public:
  Tensor() noexcept = default;
  /// A new contiguous tensor; its elements are not set.
  Tensor(const Dims& shape, DType dtype) { allocate_as(shape, dtype); }
  /// A view of memory.
  Tensor(BufferRef buffer, int64_t offset, const Dims& shape, const Dims& strides, DType dtype)
      : buffer_(std::move(buffer)), offset_(offset), shape_(shape), strides_(strides), dtype_(dtype) {
    contiguous_ = is_contiguous_layout();
  }

  // ---- filling an output: shape first, memory when the op is known to be right ----
  void set_shape(const Dims& shape, DType dtype) noexcept {
    shape_ = shape;
    dtype_ = dtype;
  }
  void allocate_memory() {
    lay_out();
    allocate_laid_out();
  }
  void allocate_as(const Dims& shape, DType dtype) {
    set_shape(shape, dtype);
    allocate_memory();
  }
  /// Shape, strides and size of a contiguous tensor; for allocate_laid_out().
  void set_layout_of(const Tensor& like, DType dtype) noexcept {
    shape_ = like.shape_;
    strides_ = like.strides_;
    size_ = like.size_;
    dtype_ = dtype;
  }
  /// Memory where shape, strides and size are set.
  void allocate_laid_out() {
    int64_t bytes = 0;
    if (__builtin_mul_overflow(size_, static_cast<int64_t>(size_of(dtype_)), &bytes)) throw std::bad_alloc();
    buffer_ = BufferRef(allocate(static_cast<size_t>(bytes)));
    offset_ = 0;
    contiguous_ = true;
  }
  /// The memory of `base`, which is contiguous and of this tensor's shape and dtype, instead of new memory.
  void share_memory_of(const Tensor& base, bool laid_out) {
    if (!laid_out) lay_out();
    buffer_ = base.buffer_;
    offset_ = base.offset_;
    contiguous_ = true;
  }
  /// Other memory, of the same layout.
  void place_in(const BufferRef& buffer, int64_t offset) noexcept {
    buffer_ = buffer;
    offset_ = offset;
  }
  /// Another shape and strides on the memory of `base`.
  void view_of(const Tensor& base, const Dims& shape, const Dims& strides, int64_t offset) noexcept {
    buffer_ = base.buffer_;
    offset_ = offset;
    shape_ = shape;
    strides_ = strides;
    dtype_ = base.dtype_;
    contiguous_ = is_contiguous_layout();
  }

  bool defined() const noexcept { return static_cast<bool>(buffer_); }
  const Dims& shape() const noexcept { return shape_; }
  const Dims& strides() const noexcept { return strides_; }  // elements
  int rank() const noexcept { return shape_.size(); }
  int64_t size() const noexcept { return size_; }
  DType dtype() const noexcept { return dtype_; }
  int64_t offset() const noexcept { return offset_; }  // elements
  bool contiguous() const noexcept { return contiguous_; }
  const BufferRef& buffer() const noexcept { return buffer_; }

  const void* data() const noexcept { return buffer_.data() + offset_ * static_cast<int64_t>(size_of(dtype_)); }
  template <class T>
  const T* data_as() const noexcept {
    return static_cast<const T*>(data());
  }
  /// For the op that makes the value, before anybody sees it.
  void* mutable_data() noexcept { return const_cast<void*>(data()); }
  template <class T>
  T* mutable_data_as() noexcept {
    return static_cast<T*>(mutable_data());
  }
  /// True iff the elements may be overwritten in place: contiguous, and nobody holds the buffer but those who ask.
  bool exclusively_owned(int32_t holders = 1) const noexcept {
    return contiguous_ && buffer_.holders() == holders && buffer_.get()->size_class != kForeign;
  }

  const TapeRef& ref() const noexcept { return ref_; }
  void set_ref(TapeRef ref) noexcept { ref_ = ref; }
  /// Lets go of the memory.
  void reset() noexcept { buffer_ = BufferRef(); }
  /// True where the value stands in a Box (core/box.h): it is computed with by the open transform that it belongs to.
  bool boxed() const noexcept { return !contiguous_ && buffer_ && buffer_.get()->size_class == kBoxed; }
  /// A boxed tensor that looks like `shape`; where its elements can be read they lie in the buffer at `strides`.
  /// Never contiguous, so what is fast on contiguous tensors need not ask.
  static Tensor make_boxed(BufferRef box, int64_t offset, const Dims& shape, const Dims& strides,
                           DType dtype) noexcept {
    Tensor t;
    t.buffer_ = std::move(box);
    t.offset_ = offset;
    t.size_ = numel(shape);
    t.shape_ = shape;
    t.strides_ = strides;
    t.dtype_ = dtype;
    t.contiguous_ = false;
    return t;
  }
  /// The same value, without a place on a tape.
  Tensor detached() const {
    Tensor t = *this;
    t.ref_ = {};
    return t;
  }

 private:
  bool is_contiguous_layout() noexcept;
  /// Sets size and strides from the shape; throws for a shape that no tensor can have.
  void lay_out() {
    int64_t step = 1;
    strides_ = shape_;
    for (int i = shape_.size() - 1; i >= 0; --i) {
      strides_[i] = step;
      if (shape_[i] <= 0 || __builtin_mul_overflow(step, shape_[i], &step)) return lay_out_checked();
    }
    size_ = step;
  }
  void lay_out_checked();

  BufferRef buffer_;
  int64_t offset_ = 0;
  int64_t size_ = 0;
  TapeRef ref_;
  Dims shape_;
  Dims strides_;
  DType dtype_ = DType::Float32;
  bool contiguous_ = true;
};

/// A value of one element.
Tensor scalar(double value, DType dtype);
Tensor scalar(int64_t value, DType dtype);
/// Every element set to `value`.
Tensor full(const Dims& shape, double value, DType dtype);
Tensor full(const Dims& shape, int64_t value, DType dtype);
/// A tensor of the values, by rows.
Tensor from_values(const Dims& shape, std::initializer_list<double> values, DType dtype = DType::Float32);

/// The one element, converted. Throws a ValueError unless size() == 1.
double item(const Tensor& t);
/// The elements, converted, by rows.
std::vector<double> to_vector(const Tensor& t);
/// Every element, converted, is this number.
bool all_equal(const Tensor& t, double value);

/// Copies `src` (any strides, any dtype) into contiguous memory of type `dtype`. Throws where `src` differs between the
/// members of a vmap.
void copy_to(const Tensor& src, void* dst, DType dtype);
/// `t` itself if it is contiguous and of type `dtype`, else a copy; constant.
Tensor as_contiguous(const Tensor& t, DType dtype);
inline Tensor as_contiguous(const Tensor& t) { return as_contiguous(t, t.dtype()); }
/// The same by reference, for a kernel: `t` itself, or `held`, which becomes the copy.
inline const Tensor& contiguous_in(const Tensor& t, DType dtype, Tensor& held) {
  if (t.contiguous() && t.dtype() == dtype) return t;
  return held = as_contiguous(t, dtype);
}

}  // namespace adcore
