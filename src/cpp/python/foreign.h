// How memory of another library's is let go of.
#pragma once

#include "python/object.h"

namespace adcore::python {

/// Runs f with the interpreter's lock, in any thread: the last reference to memory of another library's may go where no
/// Python runs. An error that is set stays set. Where the interpreter has ended f does not run: the memory goes with the
/// process.
template <class F>
void with_interpreter(F&& f) {
  if (!Py_IsInitialized() && !PyGILState_GetThisThreadState()) return;
  const PyGILState_STATE state = calling_python([] { return PyGILState_Ensure(); });
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  f();
  PyErr_Restore(type, value, trace);
  PyGILState_Release(state);
}

}  // namespace adcore::python
