// What the core asks of the interpreter that it runs in, if any: to be let go while a kernel runs long, and to stop.
#pragma once

#include <cstdint>
#include <string>

namespace adcore {

/// Set once by the binding; all null without an interpreter.
struct Interpreter {
  void* (*release)() = nullptr;  // lets other threads of the interpreter run; the result goes to acquire
  void (*acquire)(void* state) = nullptr;
  void (*check_interrupt)() = nullptr;  // throws if the user asked to stop
  std::string (*place)() = nullptr;     // the line of the user's program that runs now
};
inline Interpreter interpreter;

/// Holds the interpreter released.
class Released {
 public:
  Released() : state_(interpreter.release ? interpreter.release() : nullptr) {}
  ~Released() {
    if (interpreter.acquire && state_) interpreter.acquire(state_);
  }
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;

 private:
  void* state_;
};

}  // namespace adcore
