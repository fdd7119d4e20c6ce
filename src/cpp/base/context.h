// What belongs to one thread: its free lists and its tape. One thread-local pointer leads to both.
#pragma once

#include "base/buffer.h"
#include "base/static_tls.h"

namespace adcore {

/// Work, in elementary operations, from which a kernel runs long enough (~20 microseconds) to release the interpreter.
inline constexpr int64_t kLongWork = 50'000;

class Tape;      // core/tape.h; this layer only carries the pointers
class Frame;     // core/scope.h
class Opened;    // core/scope.h
class Watch;     // core/watch.h
class CellView;  // of the embedding interpreter: python/cells.h

/// What is open in a thread. Whoever opens something (core/scope.h) keeps the value from before and puts it back whole.
struct Scope {
  Tape* tape = nullptr;           // the live tape: a level is open on it and not shut out
  Frame* frame = nullptr;         // the innermost open frame
  Watch* watch = nullptr;         // looks for NaN and inf
  CellView* cells = nullptr;      // the thread sees cells otherwise than they are
  int64_t long_work = kLongWork;  // 0 under a watch: every call takes the slow way, where it looks
  Opened* innermost = nullptr;    // what was opened last and is open still
  int no_grad_depth = 0;          // jvps that are not deeper than this are shut out by no_grad
};

struct ThreadContext : Scope {
  BufferCache cache;
};

namespace detail {
extern thread_local ThreadContext* current_context ADCORE_STATIC_TLS;
ThreadContext& make_context();
}  // namespace detail

inline ThreadContext& context() {
  ThreadContext* c = detail::current_context;
  return c ? *c : detail::make_context();
}

}  // namespace adcore
