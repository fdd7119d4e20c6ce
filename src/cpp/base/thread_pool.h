// The thread pool. No thread exists before the first job that needs one.
//
// A job is a number of chunks; caller and workers take chunks by an atomic counter, so a worker that is not
// scheduled delays nothing. One job runs at a time; a second caller runs its own chunks alone rather than wait.
// Which thread runs a chunk never changes its result: how work splits into chunks depends on the shape alone.
#pragma once

#include <cstdint>

#include "base/function_ref.h"

namespace adcore {

/// Runs body(i) once for every i in [0, chunks), on the caller and on idle workers. `body` must not throw.
void parallel_for(int64_t chunks, FunctionRef<void(int64_t)> body);

/// Threads that a job may use, the caller included; at first threads_at_start(), of base/thread_environment.h.
int num_threads() noexcept;

/// Sets it; 1 keeps all work on the calling thread. Throws a ValueError outside [1, kMaxThreads].
void set_num_threads(int n);

inline constexpr int kMaxThreads = 256;

}  // namespace adcore
