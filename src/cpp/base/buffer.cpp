// Where to start reading: allocate() and deallocate(); LargeCache holds what the thread-local lists do not.
#include "base/buffer.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
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

/// The first number of a small file of the system; 0 where there is none.
size_t number_in(const char* path, const char* format) {
  unsigned long long value = 0;
  if (FILE* f = std::fopen(path, "re")) {
    char line[128];
    while (std::fgets(line, sizeof line, f) && std::sscanf(line, format, &value) != 1) {
    }
    std::fclose(f);
  }
  return value;
}

/// What this process may hold: the physical memory or the limit of its control group.
size_t memory_limit() {
  static const size_t limit = [] {
    const size_t bytes = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t max = number_in("/sys/fs/cgroup/memory.max", "%llu");
    return max ? std::min(bytes, max) : bytes;
  }();
  return limit;
}

/// What could still be had without swapping; the limit where the system does not tell.
size_t available_memory() {
  const size_t kilobytes = number_in("/proc/meminfo", "MemAvailable: %llu");
  size_t bytes = kilobytes ? kilobytes * 1024 : memory_limit();
  if (const size_t max = number_in("/sys/fs/cgroup/memory.max", "%llu")) {
    const size_t used = number_in("/sys/fs/cgroup/memory.current", "%llu");
    bytes = std::min(bytes, max > used ? max - used : 0);
  }
  return bytes;
}

struct SystemCounts {
  std::atomic<int64_t> reserved{0}, peak{0}, allocations{0};
};
SystemCounts counts;  // touched on the way to the system only

void system_free(Buffer* b) noexcept {
  counts.reserved.fetch_sub(static_cast<int64_t>(kHeader + b->capacity), std::memory_order_relaxed);
  std::free(b);
}

/// Large blocks of the whole process, bounded in bytes: a repeated large temporary must not page-fault each time.
/// Once a second at most it gives back what nobody took since the last time, and what exceeds its share of memory.
class LargeCache {
 public:
  Buffer* take(int size_class) noexcept {
    std::lock_guard lock(mutex_);
    List& list = lists_[size_class - BufferCache::kClasses];
    Buffer* b = list.head;
    if (b) {
      list.head = b->next;
      list.idle = std::min(list.idle, --list.count);
      bytes_ -= kHeader + b->capacity;
      ++hits_;
      b->refs.store(1, std::memory_order_relaxed);
    }
    return b;
  }
  bool put(Buffer* b) noexcept {
    std::lock_guard lock(mutex_);
    if (const auto now = Clock::now(); now >= next_review_) {
      next_review_ = now + std::chrono::seconds(1);
      review();
    }
    if (bytes_ + kHeader + b->capacity > bound_) return false;
    bytes_ += kHeader + b->capacity;
    List& list = lists_[b->size_class - BufferCache::kClasses];
    b->next = list.head;
    list.head = b;
    ++list.count;
    return true;
  }
  void clear() noexcept {
    std::lock_guard lock(mutex_);
    for (List& list : lists_) keep(list, 0);
  }
  void add_to(MemoryStats& stats) noexcept {
    std::lock_guard lock(mutex_);
    stats.cached += static_cast<int64_t>(bytes_);
    stats.large_hits = hits_;
  }
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kMaxBytes = size_t{256} << 20;
  struct List {
    Buffer* head = nullptr;  // the last one in is the first one out: its memory is the warmest
    uint32_t count = 0;
    uint32_t idle = 0;  // the smallest count since the last review
  };

  void review() noexcept {
    for (List& list : lists_) {
      keep(list, list.count - list.idle);
      list.idle = list.count;
    }
    bound_ = std::min(kMaxBytes, (available_memory() + bytes_) / 8);
    for (int i = kLargeClasses; i-- > 0 && bytes_ > bound_;) keep(lists_[i], 0);
  }
  /// The first `count` blocks stay.
  void keep(List& list, uint32_t count) noexcept {
    Buffer** end = &list.head;
    for (uint32_t i = 0; i < count; ++i) end = &(*end)->next;
    while (Buffer* b = *end) {
      *end = b->next;
      --list.count;
      bytes_ -= kHeader + b->capacity;
      system_free(b);
    }
    list.idle = std::min(list.idle, list.count);
  }

  std::mutex mutex_;
  List lists_[kLargeClasses];
  size_t bytes_ = 0;
  size_t bound_ = 0;  // set by the first review
  int64_t hits_ = 0;
  Clock::time_point next_review_{};
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

/// Null where the system has none. Blocks of several huge pages lie on them: fewer faults, fewer misses of the TLB.
void* system_memory(size_t bytes) noexcept {
#if defined(MADV_HUGEPAGE)
  constexpr size_t kHugePage = size_t{2} << 20;
  if (bytes >= 2 * kHugePage) {
    void* p = nullptr;  // not aligned_alloc: its size must be a multiple of the alignment
    if (posix_memalign(&p, kHugePage, bytes) != 0) return nullptr;
    madvise(p, bytes & ~(kHugePage - 1), MADV_HUGEPAGE);
    return p;
  }
#endif
  return std::aligned_alloc(64, (bytes + 63) & ~size_t{63});
}

Buffer* system_allocate(size_t capacity, int size_class) {
  if (capacity > memory_limit()) throw std::bad_alloc();
  void* p = system_memory(kHeader + capacity);
  if (!p) {
    empty_cache();
    p = system_memory(kHeader + capacity);
    if (!p) throw std::bad_alloc();
  }
  const auto bytes = static_cast<int64_t>(kHeader + capacity);
  const int64_t reserved = counts.reserved.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  int64_t peak = counts.peak.load(std::memory_order_relaxed);
  while (reserved > peak && !counts.peak.compare_exchange_weak(peak, reserved, std::memory_order_relaxed)) {
  }
  counts.allocations.fetch_add(1, std::memory_order_relaxed);
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

thread_local ThreadContext* current_context ADCORE_STATIC_TLS = nullptr;

ThreadContext& make_context() {
  // The C++ library makes what it keeps of a thread's exceptions at the first of them; where that one says that there
  // is no memory, the system would end the process. Volatile, or the compiler would drop the call.
  [[maybe_unused]] const volatile int made_early = std::uncaught_exceptions();
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
      system_free(b);
    }
    count_[c] = 0;
  }
}

int64_t BufferCache::bytes() const noexcept {
  int64_t bytes = 0;
  for (int c = 0; c < kClasses; ++c) bytes += static_cast<int64_t>(count_[c] * (kHeader + class_capacity(c)));
  return bytes;
}

void empty_cache() noexcept {
  if (detail::current_context) detail::current_context->cache.clear();
  large_cache().clear();
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

MemoryStats memory_stats() noexcept {
  MemoryStats stats{counts.reserved.load(), 0, counts.peak.load(), counts.allocations.load(), 0};
  if (detail::current_context) stats.cached = detail::current_context->cache.bytes();
  large_cache().add_to(stats);
  return stats;
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
  if (b->size_class == kBoxed) return b->release(b->owner);
  if (b->size_class == kForeign) {
    if (b->release) b->release(b->owner);
    std::free(b);
    return;
  }
  if (kCache && b->size_class >= 0) {
    // A thread that ends has no lists any more; its last blocks go to the system.
    if (b->size_class >= BufferCache::kClasses ? large_cache().put(b)
                                               : detail::current_context && detail::current_context->cache.put(b)) {
      return;
    }
  }
  system_free(b);
}

}  // namespace adcore
