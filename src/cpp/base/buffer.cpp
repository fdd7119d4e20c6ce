// Where to start reading: allocate() and deallocate(); LargeCache holds what the thread-local lists do not.
#include "base/buffer.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "base/context.h"

namespace adcore {
namespace {

constexpr size_t kHeader = sizeof(Buffer);
static_assert(kHeader == 64, "the data that follows the head is 64-byte aligned");

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCache = false;  // a cached block would hide a use after free
#else
constexpr bool kCache = true;
#endif

// Class c holds blocks of class_capacity(c) bytes: 64, 80, 96, 112, 128, 160, ...
constexpr int kLargeClasses = 40;  // above the thread-local ones: up to 256 MB

constexpr size_t class_capacity(int c) { return (size_t{64} << (c / 4)) / 4 * (4 + c % 4); }

constexpr int class_of(size_t bytes) {
  if (bytes <= 64) return 0;
  const int octave = static_cast<int>(std::bit_width(bytes - 1)) - 1;  // 2^octave <= bytes - 1
  const size_t quarter = (size_t{1} << octave) / 4;
  return (octave - 6) * 4 + static_cast<int>((bytes - 1 - (size_t{1} << octave)) / quarter) + 1;
}
static_assert(class_of(64) == 0 && class_of(65) == 1 && class_of(80) == 1 && class_of(81) == 2 && class_of(128) == 4);
static_assert(class_capacity(BufferCache::kClasses - 1) == size_t{256} << 10);

/// What this process may hold: the physical memory or the limit of its control group.
size_t memory_limit() {
  static const size_t limit = [] {
    size_t bytes = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
    if (FILE* f = std::fopen("/sys/fs/cgroup/memory.max", "re")) {
      unsigned long long max = 0;
      if (std::fscanf(f, "%llu", &max) == 1) bytes = std::min<size_t>(bytes, max);
      std::fclose(f);
    }
    return bytes;
  }();
  return limit;
}

/// Large blocks of the whole process, bounded in bytes: a repeated large temporary must not page-fault each time.
class LargeCache {
 public:
  static constexpr size_t kMaxBytes = size_t{256} << 20;

  Buffer* take(int size_class) noexcept {
    std::lock_guard lock(mutex_);
    Buffer*& head = free_[size_class - BufferCache::kClasses];
    Buffer* b = head;
    if (b) {
      head = b->next;
      bytes_ -= b->capacity;
      b->refs.store(1, std::memory_order_relaxed);
    }
    return b;
  }
  bool put(Buffer* b) noexcept {
    std::lock_guard lock(mutex_);
    if (bytes_ + b->capacity > std::min(kMaxBytes, memory_limit() / 8)) return false;
    bytes_ += b->capacity;
    Buffer*& head = free_[b->size_class - BufferCache::kClasses];
    b->next = head;
    head = b;
    return true;
  }
  void clear() noexcept {
    std::lock_guard lock(mutex_);
    for (Buffer*& head : free_) {
      while (Buffer* b = head) {
        head = b->next;
        std::free(b);
      }
    }
    bytes_ = 0;
  }
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
  Buffer* free_[kLargeClasses] = {};
  size_t bytes_ = 0;
};

LargeCache& large_cache() {
  // Never destroyed: blocks are given back until the very end of the process. fork() must not copy a held lock.
  static LargeCache* cache = [] {
    static LargeCache* c = new LargeCache;
    pthread_atfork([] { c->lock(); }, [] { c->unlock(); }, [] { c->unlock(); });
    return c;
  }();
  return *cache;
}

Buffer* system_allocate(size_t capacity, int size_class) {
  if (capacity > memory_limit()) throw std::bad_alloc();
  const size_t total = (kHeader + capacity + 63) & ~size_t{63};
  void* p = std::aligned_alloc(64, total);
  if (!p) {
    context().cache.clear();
    large_cache().clear();
    p = std::aligned_alloc(64, total);
    if (!p) throw std::bad_alloc();
  }
  auto* data = static_cast<std::byte*>(p) + kHeader;
  return new (p) Buffer{1, size_class, capacity, data, nullptr, nullptr, nullptr};
}

struct ContextOwner {
  ThreadContext* context = nullptr;
  ~ContextOwner() {
    detail::current_context = nullptr;
    delete context;
  }
};
thread_local ContextOwner context_owner;

}  // namespace

namespace detail {

#if defined(__ELF__)
thread_local ThreadContext* current_context __attribute__((tls_model("initial-exec"))) = nullptr;
#else
thread_local ThreadContext* current_context = nullptr;
#endif

ThreadContext& make_context() {
  context_owner.context = new ThreadContext;
  current_context = context_owner.context;
  return *current_context;
}

}  // namespace detail

bool BufferCache::put(Buffer* b) noexcept {
  const int c = b->size_class;
  if ((count_[c] + 1) * b->capacity > kBytesPerClass) return false;
  b->next = free_[c];
  free_[c] = b;
  ++count_[c];
  return true;
}

void BufferCache::clear() noexcept {
  for (int c = 0; c < kClasses; ++c) {
    while (Buffer* b = free_[c]) {
      free_[c] = b->next;
      std::free(b);
    }
    count_[c] = 0;
  }
}

Buffer* allocate(size_t bytes) {
  // Above the largest class the size is exact; there the check against the machine's memory also catches overflow.
  if (bytes > class_capacity(BufferCache::kClasses + kLargeClasses - 1)) return system_allocate(bytes, -1);
  const int c = class_of(bytes);
  if (kCache) {
    Buffer* b = c < BufferCache::kClasses ? context().cache.take(c) : large_cache().take(c);
    if (b) return b;
  }
  return system_allocate(class_capacity(c), c);
}

Buffer* adopt(void* data, size_t bytes, void* owner, void (*release)(void*)) {
  void* p = std::aligned_alloc(64, kHeader);
  if (!p) throw std::bad_alloc();
  return new (p) Buffer{1, kForeign, bytes, static_cast<std::byte*>(data), release, owner, nullptr};
}

void deallocate(Buffer* b) noexcept {
  if (b->release) b->release(b->owner);
  if (kCache && b->size_class >= 0) {
    // A thread that ends has no lists any more; its last blocks go to the system.
    if (b->size_class >= BufferCache::kClasses ? large_cache().put(b)
                                               : detail::current_context && detail::current_context->cache.put(b)) {
      return;
    }
  }
  std::free(b);
}

}  // namespace adcore
