// Data: one Pool for the process. `ticket_` = generation of the job (high half) and its next chunk (low half); a worker
// owns a chunk once its compare-and-swap on the ticket succeeds, and a job cannot end before its owned chunks have
// ended, so a worker that wakes late finds either a fresh job or nothing. Start reading at parallel_for().
#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/thread_environment.h"

namespace adcore {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kClosed = UINT32_MAX;
// Short, because spinning is processor time too: a job that follows at once finds the worker awake, no more.
constexpr auto kWorkerSpin = std::chrono::microseconds(15);
// About what a chunk that was just begun takes; a worker that needs longer may be waiting for the caller's core.
constexpr auto kCallerSpin = std::chrono::microseconds(50);
// Shorter than a time slice of the scheduler.
constexpr auto kStretch = std::chrono::microseconds(500);

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Whether ready() becomes true within `limit`.
template <class Ready>
bool spin(std::chrono::nanoseconds limit, const Ready& ready) {
  const Clock::time_point end = Clock::now() + limit;
  do {
    for (int i = 0; i < 16; ++i) {
      if (ready()) return true;
      pause();
    }
  } while (Clock::now() < end);
  return false;
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
    work(generation, [] {});
    await_workers();
    ticket_.store(pack(generation, kClosed));
    busy_.store(false, std::memory_order_release);
    return true;
  }

 private:
  static constexpr uint64_t pack(uint32_t generation, uint32_t chunk) { return uint64_t{generation} << 32 | chunk; }

  /// Runs chunks while there are any, and between() after each.
  template <class Between>
  void work(uint32_t generation, const Between& between) noexcept {
    uint64_t ticket = ticket_.load();
    while (static_cast<uint32_t>(ticket >> 32) == generation) {
      const uint32_t chunk = static_cast<uint32_t>(ticket);
      if (chunk >= chunks_.load(std::memory_order_relaxed)) return;
      if (!ticket_.compare_exchange_weak(ticket, ticket + 1)) continue;
      (*body_.load(std::memory_order_relaxed))(chunk);
      done_.fetch_add(1);
      between();
      ticket = ticket_.load();
    }
  }

  bool finished() noexcept { return done_.load() == chunks_.load(std::memory_order_relaxed); }

  /// The caller has no chunk left. It sleeps rather than spins for long: the worker may need this very core.
  void await_workers() {
    if (finished() || spin(kCallerSpin, [&] { return finished(); })) return;
    std::unique_lock lock(mutex_);
    caller_sleeps_.store(true);
    all_done_.wait(lock, [&] { return finished(); });
    caller_sleeps_.store(false);
  }

  bool has_work(int index) noexcept {
    const uint64_t ticket = ticket_.load();
    return static_cast<uint32_t>(ticket) < chunks_.load(std::memory_order_relaxed) &&
           index < limit_.load(std::memory_order_relaxed);
  }

  void serve(int index) {
#if defined(__linux__)
    // A worker that wakes up does not push the caller, or another program, off its core.
    const sched_param none{};
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
#endif
    Clock::time_point awake = Clock::now();
    // A worker that loses its core in the middle of a chunk makes the caller wait; so it offers the core between two.
    const auto give_way = [&] {
      if (caller_sleeps_.load() && finished()) {
        std::lock_guard lock(mutex_);
        all_done_.notify_one();
      }
      if (const Clock::time_point now = Clock::now(); now - awake > kStretch) {
        sched_yield();
        awake = Clock::now();
      }
    };
    for (;;) {
      if (!spin(kWorkerSpin, [&] { return has_work(index); })) {
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return has_work(index); });
        sleepers_.fetch_sub(1);
        awake = Clock::now();
      }
      work(static_cast<uint32_t>(ticket_.load() >> 32), give_way);
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
  std::atomic<bool> caller_sleeps_{false};
  int started_ = 0;  // guarded by busy_
  std::mutex mutex_;
  std::condition_variable wake_, all_done_;
};

std::atomic<Pool*> pool{nullptr};
std::atomic<int> thread_count{0};

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
    n = threads_at_start();
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
