// Start reading at threads_at_start(). Nothing is allocated here: it may be asked where there is no memory left.
#include "base/thread_environment.h"

#if defined(__linux__)
#include <sched.h>
#endif
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/thread_pool.h"

namespace adcore {
namespace {

/// The number that an environment variable is, or, of OpenMP's, starts with; 0 where that is no number of threads.
int number_in_environment(const char* name, bool may_be_list) noexcept {
  const char* const text = std::getenv(name);
  if (!text) return 0;
  char* end = nullptr;
  const long n = std::strtol(text, &end, 10);
  if (end == text || n < 1) return 0;
  while (*end == ' ') ++end;
  if (*end && !(may_be_list && *end == ',')) return 0;
  return static_cast<int>(std::min<long>(n, INT_MAX));
}

int available_cpus() noexcept {
  int cpus = static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = std::max(1, CPU_COUNT(&set));
  if (const int quota = quota_cpus("/proc/self/cgroup", "/sys/fs/cgroup")) cpus = std::min(cpus, quota);
#endif
  return cpus;
}

/// The CPUs that a file with a quota and a period, or two such files, grants; 0 for any number.
int granted(const char* quota_file, const char* period_file) noexcept {
  long long quota = 0, period = 0;
  if (FILE* f = std::fopen(quota_file, "re")) {
    const int read = std::fscanf(f, "%lld %lld", &quota, &period);
    std::fclose(f);
    if (read < 1) return 0;  // "max 100000"
  }
  if (FILE* f = period_file ? std::fopen(period_file, "re") : nullptr) {
    if (std::fscanf(f, "%lld", &period) != 1) period = 0;
    std::fclose(f);
  }
  return quota > 0 && period > 0 ? static_cast<int>(std::clamp<long long>(quota / period, 1, kMaxThreads)) : 0;
}

}  // namespace

int quota_cpus(const char* membership, const char* mount) noexcept {
  int cpus = 0;
  FILE* const groups = std::fopen(membership, "re");
  if (!groups) return 0;
  char line[1024], folder[2048], quota[2100], period[2100];
  while (std::fgets(line, sizeof line, groups)) {  // "0::/path" of version 2, "4:cpu,cpuacct:/path" of version 1
    line[std::strcspn(line, "\n")] = 0;
    char* const controllers = std::strchr(line, ':');
    char* const path = controllers ? std::strchr(controllers + 1, ':') : nullptr;
    if (!path) continue;
    const std::string_view names(controllers + 1, static_cast<size_t>(path - controllers - 1));
    const bool first_version =
        names == "cpu" || names.starts_with("cpu,") || names.find(",cpu,") != names.npos || names.ends_with(",cpu");
    if (!first_version && !names.empty()) continue;
    const int root = std::snprintf(folder, sizeof folder, "%s%s", mount, first_version ? "/cpu" : "");
    if (root < 0 || root >= 1024) continue;
    std::snprintf(folder + root, sizeof folder - static_cast<size_t>(root), "%s", path + 1);
    for (;;) {  // the group and those around it
      std::snprintf(quota, sizeof quota, "%s/%s", folder, first_version ? "cpu.cfs_quota_us" : "cpu.max");
      std::snprintf(period, sizeof period, "%s/cpu.cfs_period_us", folder);
      const int n = granted(quota, first_version ? period : nullptr);
      if (n && (!cpus || n < cpus)) cpus = n;
      char* const last = std::strrchr(folder + root, '/');
      if (!last) break;
      *last = 0;
    }
  }
  std::fclose(groups);
  return cpus;
}

bool requested_threads_valid() noexcept {
  const char* const text = std::getenv("ADCORE_NUM_THREADS");
  const int n = number_in_environment("ADCORE_NUM_THREADS", false);
  return !text || !*text || (n >= 1 && n <= kMaxThreads);
}

int threads_at_start() noexcept {
  int n = number_in_environment("ADCORE_NUM_THREADS", false);
  if (n == 0) n = number_in_environment("OMP_NUM_THREADS", true);
  if (n == 0) n = available_cpus();
  return std::min(n, kMaxThreads);
}

}  // namespace adcore
