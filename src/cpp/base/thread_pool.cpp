// Data: one Pool for the process. `ticket_` = generation of the job (high half) and its next chunk (low half); a worker
// owns a chunk once its compare-and-swap on the ticket succeeds, and a job cannot end before its owned chunks have
// ended, so a worker that wakes late finds either a fresh job or nothing. Start reading at parallel_for().
#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include "base/error.h"

namespace adcore {
namespace {

constexpr uint32_t kClosed = UINT32_MAX;
constexpr int kWorkerSpins = 4000;   // about 20 microseconds: a following job finds the worker awake
constexpr int kCallerSpins = 20000;  // then yield: a worker that is not scheduled needs the core

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class Pool {
 public:
  /// False where another job is running.
  bool run(int64_t chunks, const FunctionRef<void(int64_t)>& body, int threads) {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    start_workers(threads - 1);
    const uint32_t generation = static_cast<uint32_t>(ticket_.load(std::memory_order_relaxed) >> 32) + 1;
    // Closed first: nobody may pair the new generation with the old job's fields.
    ticket_.store(pack(generation, kClosed));
    body_.store(&body, std::memory_order_relaxed);
    chunks_.store(static_cast<uint32_t>(chunks), std::memory_order_relaxed);
    done_.store(0, std::memory_order_relaxed);
    limit_.store(threads - 1, std::memory_order_relaxed);
    ticket_.store(pack(generation, 0));
    if (sleepers_.load() > 0) {
      std::lock_guard lock(mutex_);
      wake_.notify_all();
    }
    work(generation);
    for (int spins = 0; done_.load(std::memory_order_acquire) != chunks; ++spins) {
      if (spins < kCallerSpins) {
        pause();
      } else {
        sched_yield();
      }
    }
    ticket_.store(pack(generation, kClosed));
    busy_.store(false, std::memory_order_release);
    return true;
  }

 private:
  static constexpr uint64_t pack(uint32_t generation, uint32_t chunk) { return uint64_t{generation} << 32 | chunk; }

  void work(uint32_t generation) noexcept {
    uint64_t ticket = ticket_.load();
    while (static_cast<uint32_t>(ticket >> 32) == generation) {
      const uint32_t chunk = static_cast<uint32_t>(ticket);
      if (chunk >= chunks_.load(std::memory_order_relaxed)) return;
      if (!ticket_.compare_exchange_weak(ticket, ticket + 1)) continue;
      (*body_.load(std::memory_order_relaxed))(chunk);
      done_.fetch_add(1, std::memory_order_release);
      ticket = ticket_.load();
    }
  }

  bool has_work() noexcept {
    const uint64_t ticket = ticket_.load();
    return static_cast<uint32_t>(ticket) < chunks_.load(std::memory_order_relaxed);
  }

  void serve(int index) {
    for (;;) {
      bool found = false;
      for (int spins = 0; spins < kWorkerSpins && !found; ++spins) {
        found = has_work() && index < limit_.load(std::memory_order_relaxed);
        if (!found) pause();
      }
      if (!found) {
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return has_work() && index < limit_.load(std::memory_order_relaxed); });
        sleepers_.fetch_sub(1);
      }
      work(static_cast<uint32_t>(ticket_.load() >> 32));
    }
  }

  void start_workers(int wanted) {
    while (started_ < wanted) {
      try {
        std::thread([this, index = started_] { serve(index); }).detach();
      } catch (const std::system_error&) {
        return;  // no more threads to be had: the caller does the work
      }
      ++started_;
    }
  }

  alignas(64) std::atomic<uint64_t> ticket_{pack(0, kClosed)};
  alignas(64) std::atomic<uint32_t> done_{0};
  alignas(64) std::atomic<const FunctionRef<void(int64_t)>*> body_{nullptr};
  std::atomic<uint32_t> chunks_{0};
  std::atomic<int> limit_{0};
  std::atomic<bool> busy_{false};
  std::atomic<int> sleepers_{0};
  int started_ = 0;  // guarded by busy_
  std::mutex mutex_;
  std::condition_variable wake_;
};

std::atomic<Pool*> pool{nullptr};
std::atomic<int> thread_count{0};

int available_cpus() noexcept {
  int cpus = static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = std::max(1, CPU_COUNT(&set));
  if (FILE* f = std::fopen("/sys/fs/cgroup/cpu.max", "re")) {
    long long quota = 0, period = 0;
    if (std::fscanf(f, "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0) {
      cpus = std::clamp<int>(static_cast<int>(quota / period), 1, cpus);
    }
    std::fclose(f);
  }
#endif
  return std::min(cpus, kMaxThreads);
}

Pool& the_pool() {
  Pool* p = pool.load(std::memory_order_acquire);
  if (p) return *p;
  static std::once_flag once;
  // The child of a fork has no workers: it starts with a pool of its own. The old one is not destroyed, its mutex may
  // be held.
  std::call_once(once,
                 [] { pthread_atfork(nullptr, nullptr, [] { pool.store(new Pool, std::memory_order_release); }); });
  Pool* fresh = new Pool;
  if (!pool.compare_exchange_strong(p, fresh)) {
    delete fresh;
    return *p;
  }
  return *fresh;
}

}  // namespace

void parallel_for(int64_t chunks, FunctionRef<void(int64_t)> body) {
  const int threads = static_cast<int>(std::min<int64_t>(num_threads(), chunks));
  if (threads > 1 && chunks < kClosed && the_pool().run(chunks, body, threads)) return;
  for (int64_t i = 0; i < chunks; ++i) body(i);
}

int num_threads() noexcept {
  int n = thread_count.load(std::memory_order_relaxed);
  if (n == 0) {
    n = available_cpus();
    thread_count.store(n, std::memory_order_relaxed);
  }
  return n;
}

void set_num_threads(int n) {
  if (n < 1 || n > kMaxThreads) {
    fail(ErrorKind::Value, "set_num_threads: the number of threads must be in [1, ", kMaxThreads, "], got ", n, ".");
  }
  thread_count.store(n, std::memory_order_relaxed);
}

}  // namespace adcore
