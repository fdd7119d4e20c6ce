// A short list whose length is known when it is made: on the stack where it is short enough.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace adcore {

/// n value-initialised objects.
template <class T, size_t Inline = 4>
class Few {
 public:
  explicit Few(size_t n) : n_(n), data_(n <= Inline ? reinterpret_cast<T*>(inline_) : std::allocator<T>().allocate(n)) {
    std::uninitialized_value_construct_n(data_, n);
  }
  ~Few() {
    std::destroy_n(data_, n_);
    if (n_ > Inline) std::allocator<T>().deallocate(data_, n_);
  }
  Few(const Few&) = delete;
  Few& operator=(const Few&) = delete;

  T& operator[](size_t i) noexcept { return data_[i]; }
  const T& operator[](size_t i) const noexcept { return data_[i]; }
  T* data() noexcept { return data_; }
  std::span<T> span() noexcept { return {data_, n_}; }

 private:
  size_t n_;
  T* data_;
  alignas(T) std::byte inline_[Inline * sizeof(T)];
};

}  // namespace adcore
