// How many threads there are at first: what the environment says, else the CPUs that this process may use.
#pragma once

namespace adcore {

/// ADCORE_NUM_THREADS, else OMP_NUM_THREADS, which those who run several processes set, else the CPUs by the affinity of
/// this process and the quota of its control group. In [1, kMaxThreads].
int threads_at_start() noexcept;

/// False iff ADCORE_NUM_THREADS is set to what is no number of threads.
bool requested_threads_valid() noexcept;

/// The CPUs that the control groups of a process grant, which a file such as /proc/self/cgroup lists; 0 for any number.
int quota_cpus(const char* membership, const char* mount) noexcept;

}  // namespace adcore
