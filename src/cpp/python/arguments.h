// The arguments of a call of a declared function (ops/table.h): found by the signature, then converted to the types
// that the function takes.
#pragma once

#include <optional>

#include "ops/table.h"
#include "python/object.h"

namespace adcore::python {

/// A signature as calls read it. Lives as long as the process.
struct Parameters {
  explicit Parameters(const Signature& declared);

  const Signature& signature;
  PyObject* keywords[kMaxParameters] = {};    // the interned names
  const void* fallback[kMaxParameters] = {};  // the value of an argument that was not passed; null: it must be
  Py_ssize_t plain = 0;                       // so many parameters in front take one positional argument each
  Py_ssize_t required = 0;                    // so many arguments at least: none behind them is required
};

/// What to write for a keyword that is none of a tuple of names, "; ...", or "" where that is not known.
std::string keyword_hint(PyObject* keyword, PyObject* names);
/// Where PyArg_ParseTupleAndKeywords failed: throws the error of a keyword that is none of the names, if there is one.
void explain_keyword(const char* call, PyObject* keywords, const char* const* names);

/// The arguments of a call by parameter, null where not passed.
class Bound {
 public:
  Bound(const Parameters& parameters, PyObject* const* args, Py_ssize_t count, PyObject* keywords);
  PyObject* const* values() const { return values_; }

 private:
  PyObject* values_[kMaxParameters] = {};
  Owned rest_;  // the tuple behind a *parameter
};

/// The arguments as values of the types that the function takes. A conversion that fails names the op and the
/// parameter.
class Converted {
 public:
  Converted(const Parameters& parameters, PyObject* const* values);
  Converted(const Converted&) = delete;
  Converted& operator=(const Converted&) = delete;
  ~Converted();

  /// As Function::call takes them.
  const void* const* arguments() const { return arguments_; }

 private:
  explicit Converted(const Signature& signature) : s_(signature) {}
  /// All kinds but Tensor.
  void convert(int i, PyObject* o);
  template <class T, class Make>
  void put(int i, Make make);
  [[noreturn]] void fail_kind(int i, PyObject* o, const char* wanted) const;

  struct Room {  // for a value of any kind
    alignas(Number) std::byte bytes[sizeof(std::optional<Number>)];
  };
  const Signature& s_;
  uint32_t to_release_ = 0;  // bits of the rooms whose value has a destructor: a Tensor, Tensors, Ints or a Number
  const void* arguments_[kMaxParameters];
  Room rooms_[kMaxParameters];
};

}  // namespace adcore::python
