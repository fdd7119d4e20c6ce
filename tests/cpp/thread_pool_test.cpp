// parallel_for: every chunk once, from any number of callers, nested, after a fork; no thread before one is needed.
#include "base/thread_pool.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/thread_environment.h"
#include "kernel_cases.h"

namespace adcore {
namespace {

using testing::Threads;

bool once_each(int64_t chunks) {
  std::vector<std::atomic<int>> runs(static_cast<size_t>(chunks));
  parallel_for(chunks, [&](int64_t i) { runs[static_cast<size_t>(i)].fetch_add(1, std::memory_order_relaxed); });
  return std::all_of(runs.begin(), runs.end(), [](const auto& n) { return n.load() == 1; });
}

TEST_CASE("every chunk runs exactly once, at any number of chunks and threads") {
  for (int threads : {1, 2, 3, 8}) {
    const Threads scope(threads);
    for (int64_t chunks : {0, 1, 2, 3, 7, 8, 9, 100, 1000}) {
      INFO(threads, " threads, ", chunks, " chunks");
      CHECK(once_each(chunks));
    }
  }
}

TEST_CASE("what a chunk writes is seen after the call; many short jobs in a row") {
  const Threads scope(4);
  std::vector<int64_t> data(64);
  for (int64_t round = 1; round <= 2000; ++round) {
    parallel_for(8, [&](int64_t chunk) {
      for (int64_t i = chunk * 8; i < chunk * 8 + 8; ++i) data[static_cast<size_t>(i)] += i;
    });
  }
  for (size_t i = 0; i < data.size(); ++i) CHECK(data[i] == static_cast<int64_t>(2000 * i));
}

TEST_CASE("a job inside a job runs on the thread that asks for it") {
  const Threads scope(4);
  std::atomic<int> runs{0}, foreign{0};
  parallel_for(8, [&](int64_t) {
    const auto self = std::this_thread::get_id();
    parallel_for(8, [&](int64_t) {
      runs.fetch_add(1);
      foreign.fetch_add(std::this_thread::get_id() != self);
    });
  });
  CHECK(runs.load() == 64);
  CHECK(foreign.load() == 0);
}

TEST_CASE("several callers at once all get their chunks done") {
  const Threads scope(3);
  std::atomic<int> failures{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      for (int round = 0; round < 200; ++round) failures.fetch_add(!once_each(1 + (round + t) % 17));
    });
  }
  for (auto& c : callers) c.join();
  CHECK(failures.load() == 0);
}

TEST_CASE("one thread: all chunks on the caller, in order") {
  const Threads scope(1);
  std::vector<int64_t> order;
  const auto self = std::this_thread::get_id();
  parallel_for(20, [&](int64_t i) {
    REQUIRE(std::this_thread::get_id() == self);
    order.push_back(i);
  });
  CHECK(std::is_sorted(order.begin(), order.end()));
  CHECK(order.size() == 20);
}

TEST_CASE("the number of threads is checked and kept") {
  const Threads scope(2);
  for (int bad : {0, -1, kMaxThreads + 1}) CHECK_THROWS_AS(set_num_threads(bad), Error);
  CHECK(num_threads() == 2);
  set_num_threads(kMaxThreads);
  CHECK(num_threads() == kMaxThreads);
}

TEST_CASE("the quota of a control group, of either version, and those of the groups around it") {
  namespace fs = std::filesystem;
  const fs::path root = fs::temp_directory_path() / ("adcore_groups_" + std::to_string(getpid()));
  const auto write = [&](const char* name, const char* text) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name) << text;
  };
  const auto cpus = [&](const char* membership) {
    write("membership", membership);
    return quota_cpus((root / "membership").c_str(), root.c_str());
  };
  CHECK(cpus("0::/a/b\n") == 0);
  write("a/b/cpu.max", "max 100000\n");
  CHECK(cpus("0::/a/b\n") == 0);
  write("a/cpu.max", "350000 100000\n");
  CHECK(cpus("0::/a/b\n") == 3);
  CHECK(cpus("0::/\n") == 0);
  write("cpu.max", "200000 100000\n");
  CHECK(cpus("0::/a/b\n") == 2);
  CHECK(cpus("0::/elsewhere\n") == 2);  // as a container sees it that keeps the name of the machine's group
  write("a/b/cpu.max", "50000 100000\n");
  CHECK(cpus("0::/a/b\n") == 1);
  write("cpu/c/cpu.cfs_quota_us", "-1\n");
  write("cpu/c/cpu.cfs_period_us", "100000\n");
  CHECK(cpus("7:memory:/a\n4:cpu,cpuacct:/c\n") == 0);
  write("cpu/c/cpu.cfs_quota_us", "400000\n");
  CHECK(cpus("7:memory:/a\n4:cpuacct,cpu:/c\n") == 4);
  CHECK(cpus("2:cpuacct:/c\n3:cpuset:/c\nname=systemd\n") == 0);
  CHECK(cpus("") == 0);
  CHECK(quota_cpus((root / "none").c_str(), root.c_str()) == 0);
  fs::remove_all(root);
}

#if defined(__linux__) && !defined(__SANITIZE_THREAD__)  // TSan does not follow threads started after a fork
auto living_threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
}

/// The child of a fork has no pool yet; `test` runs there and must return true.
template <class Test>
bool in_a_child(Test test) {
  const pid_t child = fork();
  if (child == 0) _exit(test() ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_CASE("no thread exists before a job needs one, then no more than asked for") {
  CHECK(in_a_child([] {
    set_num_threads(1);
    bool fine = living_threads() == 1 && once_each(50) && living_threads() == 1;
    set_num_threads(4);
    fine = fine && num_threads() == 4 && once_each(1) && living_threads() == 1;
    fine = fine && once_each(2) && living_threads() == 2;
    return fine && once_each(50) && living_threads() == 4 && once_each(50) && living_threads() == 4;
  }));
}

TEST_CASE("the child of a process with workers can work, and so can its child") {
  const Threads scope(3);
  CHECK(once_each(30));
  CHECK(in_a_child([] { return once_each(30) && in_a_child([] { return once_each(30); }) && once_each(30); }));
  CHECK(once_each(30));
}
#endif

}  // namespace
}  // namespace adcore
