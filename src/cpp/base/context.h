// What belongs to one thread: its free lists and its tape. One thread-local pointer leads to both.
#pragma once

#include "base/buffer.h"

namespace adcore {

/// Work, in elementary operations, from which a kernel runs long enough (~20 microseconds) to release the interpreter.
inline constexpr int64_t kLongWork = 50'000;

class Tape;   // core/tape.h; this layer only carries the pointers
class Frame;  // core/box.h
class Watch;  // core/watch.h

struct ThreadContext {
  BufferCache cache;
  Tape* tape = nullptr;    // the thread's tape while a level is open on it, else null
  Frame* frame = nullptr;  // the innermost open jvp or vmap
  int no_grad_depth = 0;   // jvps that are not deeper than this are shut out by no_grad
  uint64_t scope = 0;      // the innermost open level, frame or no_grad
  uint64_t last_scope = 0;
  Watch* watch = nullptr;         // looks for NaN and inf
  int64_t long_work = kLongWork;  // 0 under a watch: every call takes the slow way, where it looks
};

namespace detail {
// initial-exec: one instruction instead of a call, also from a shared library; 8 bytes of static TLS.
#if defined(__ELF__)
extern thread_local ThreadContext* current_context __attribute__((tls_model("initial-exec")));
#else
extern thread_local ThreadContext* current_context;
#endif
ThreadContext& make_context();
}  // namespace detail

inline ThreadContext& context() {
  ThreadContext* c = detail::current_context;
  return c ? *c : detail::make_context();
}

}  // namespace adcore
