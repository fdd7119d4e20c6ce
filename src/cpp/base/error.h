// Errors: every failure of the core is an `Error` that carries the kind of Python exception it becomes.
// Text: op, fact, values, hint - "matmul: inner dimensions differ, (5, 4) @ (3, 2)."
#pragma once

#include <exception>
#include <sstream>
#include <string>
#include <utility>

namespace adcore {

enum class ErrorKind : unsigned char {
  Type,
  Value,
  Index,
  Runtime,
  Memory,
  Overflow,
  ZeroDivision,
  FloatingPoint,
  File
};

class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}
  ErrorKind kind() const noexcept { return kind_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorKind kind_;
  std::string message_;
};

/// Joins its arguments with operator<<.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  out.exceptions(std::ios::badbit);  // else a text without memory for its end would be cut short
  out << std::boolalpha;
  (out << ... << parts);
  return out.str();
}

// Out of line, so that the checks on the hot path stay a compare and a jump.
template <class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(ErrorKind kind, const Parts&... parts) {
  throw Error(kind, text(parts...));
}

}  // namespace adcore
