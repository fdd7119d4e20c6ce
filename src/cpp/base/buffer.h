// Memory of tensors: reference-counted buffers from thread-local size classes; large blocks from one bounded cache.
//
// Blocks go back to the cache of the thread that drops them. A small block that is taken again costs a pointer read.
// Size classes are four per power of two, so a block is at most a quarter larger than asked.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace adcore {

inline constexpr int32_t kForeign = -2;
inline constexpr int32_t kBoxed = -3;

/// The head of a block; its memory follows (or lies elsewhere for external memory).
struct alignas(64) Buffer {
  std::atomic<int32_t> refs;
  int32_t size_class;      // < 0: not cached; kForeign: memory that somebody else may write; kBoxed: core/box.h
  size_t capacity;         // bytes
  std::byte* data;         // 64-byte aligned, except external memory
  void (*release)(void*);  // kForeign and kBoxed: called with owner by the last reference
  void* owner;
  Buffer* next;  // in a free list
};

/// A block of at least `bytes` bytes with one reference. Throws std::bad_alloc, at once, for what the machine cannot
/// hold.
Buffer* allocate(size_t bytes);
/// Memory that somebody else owns; `release(owner)` runs when the last reference goes.
Buffer* adopt(void* data, size_t bytes, void* owner, void (*release)(void*));
/// Gives back a block without references.
void deallocate(Buffer* b) noexcept;

/// Gives back to the system what this thread's free lists and the cache of large blocks hold.
void empty_cache() noexcept;

struct MemoryStats {
  int64_t reserved;            // bytes of all blocks that were taken from the system
  int64_t cached;              // of these, in this thread's free lists and in the cache of large blocks
  int64_t peak_reserved;       // the largest `reserved` so far
  int64_t system_allocations;  // blocks taken from the system so far
  int64_t large_hits;          // large blocks served from the cache so far
};
MemoryStats memory_stats() noexcept;

/// A counted reference to a Buffer, possibly none.
class BufferRef {
 public:
  BufferRef() noexcept : b_(nullptr) {}
  /// Takes over the reference that the caller holds.
  explicit BufferRef(Buffer* owned) noexcept : b_(owned) {}
  BufferRef(const BufferRef& o) noexcept : b_(o.b_) {
    if (b_) b_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  BufferRef(BufferRef&& o) noexcept : b_(std::exchange(o.b_, nullptr)) {}
  BufferRef& operator=(BufferRef o) noexcept {
    std::swap(b_, o.b_);
    return *this;
  }
  ~BufferRef() {
    // The only holder needs no atomic read-modify-write: nobody else can gain a reference meanwhile.
    if (b_ &&
        (b_->refs.load(std::memory_order_acquire) == 1 || b_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1)) {
      deallocate(b_);
    }
  }

  explicit operator bool() const noexcept { return b_ != nullptr; }
  Buffer* get() const noexcept { return b_; }
  std::byte* data() const noexcept { return b_->data; }
  /// How many references exist, this one among them.
  int32_t holders() const noexcept { return b_->refs.load(std::memory_order_acquire); }
  /// True iff no other reference exists.
  bool unique() const noexcept { return holders() == 1; }

 private:
  Buffer* b_;
};

/// Temporary memory of a kernel.
class Scratch {
 public:
  explicit Scratch(size_t bytes) : b_(allocate(bytes)) {}
  template <class T>
  T* as() const noexcept {
    return reinterpret_cast<T*>(b_.data());
  }

 private:
  BufferRef b_;
};

/// The free lists of one thread.
class BufferCache {
 public:
  static constexpr int kClasses = 49;  // capacities 64 bytes to 256 KB
  static constexpr size_t kBytesPerClass = size_t{1} << 20;

  BufferCache() noexcept = default;
  BufferCache(const BufferCache&) = delete;
  BufferCache& operator=(const BufferCache&) = delete;
  ~BufferCache() { clear(); }

  Buffer* take(int size_class) noexcept {
    Buffer* b = free_[size_class];
    if (b) {
      free_[size_class] = b->next;
      --count_[size_class];
      b->refs.store(1, std::memory_order_relaxed);
    }
    return b;
  }
  /// False where the list is full.
  bool put(Buffer* b) noexcept;
  void clear() noexcept;
  int64_t bytes() const noexcept;

 private:
  Buffer* free_[kClasses] = {};
  uint32_t count_[kClasses] = {};
};

}  // namespace adcore
