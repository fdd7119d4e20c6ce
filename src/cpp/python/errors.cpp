#include <pybind11/pybind11.h>
#include <unistd.h>

#include "core/box.h"
#include "python/object.h"

namespace adcore::python {
namespace {

PyObject* exception_type(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Type: return PyExc_TypeError;
    case ErrorKind::Value: return PyExc_ValueError;
    case ErrorKind::Index: return PyExc_IndexError;
    case ErrorKind::Memory: return PyExc_MemoryError;
    case ErrorKind::Overflow: return PyExc_OverflowError;
    case ErrorKind::ZeroDivision: return PyExc_ZeroDivisionError;
    case ErrorKind::FloatingPoint: return PyExc_FloatingPointError;
    case ErrorKind::File: return PyExc_OSError;
    case ErrorKind::Runtime: break;
  }
  return PyExc_RuntimeError;
}

PyObject* recording_error = nullptr;

}  // namespace

int init_errors(PyObject* module) {
  recording_error = PyErr_NewExceptionWithDoc(
      "adcore.RecordingError",
      "A function cannot be recorded by `jit`.\n\n"
      "Python asks for elements that are not known then, or does what a replay would not do again.\n\n"
      "Examples\n--------\n>>> import adcore\n>>> from adcore import Tensor\n"
      ">>> f = adcore.jit(lambda x: x if x > 0 else -x)\n"
      ">>> try:\n...     f(Tensor(1.0))\n... except adcore.RecordingError as error:\n...     print(str(error)[:41])\n"
      "jit: the value of a tensor of shape () is\n",
      PyExc_ValueError, nullptr);
  return recording_error ? PyModule_AddObjectRef(module, "RecordingError", recording_error) : -1;
}

void set_python_error() noexcept {
  try {
    throw;
  } catch (const PythonError&) {
  } catch (pybind11::error_already_set& e) {
    e.restore();
  } catch (const RecordingError& e) {
    PyErr_SetString(recording_error ? recording_error : PyExc_ValueError, e.what());
  } catch (const Error& e) {
    PyErr_SetString(exception_type(e.kind()), e.what());
  } catch (const std::bad_alloc&) {
    PyErr_SetString(PyExc_MemoryError, "not enough memory for the result.");
  } catch (const std::exception& e) {
    // pybind11 speaks of a tuple or list where the interpreter had no memory for one, and has said so.
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, e.what());
  }
}

void wait_for_exit() noexcept {
  for (;;) ::pause();
}

PyObject* python_function(const char* module, const char* name) {
  const Owned m(checked(PyImport_ImportModule(module)));
  const Owned f(checked(PyObject_GetAttrString(m.get(), name)));
  return f.get();  // the module keeps it
}

}  // namespace adcore::python
