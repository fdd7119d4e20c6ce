// The base of adcore.nn.Cell: calling a cell calls its method construct, without a Python frame between.
//
// A call that fails has its error tell the path of the cell (adcore/nn/failures.py).
//
// It adds no field to the object, so that cells pickle, copy and inherit like any Python object. (A vectorcall slot
// would have to stand in each instance, and Python before 3.12 does not pass it on to subclasses.)
#include "python/object.h"

namespace adcore::python {
namespace {

PyObject* construct_name = nullptr;

PyObject* call_construct(PyObject* self, PyObject* args, PyObject* keywords) {
  constexpr Py_ssize_t kFew = 8;
  const Py_ssize_t count = PyTuple_GET_SIZE(args);
  if (count <= kFew && !keywords) {
    PyObject* stack[1 + kFew] = {self};
    for (Py_ssize_t i = 0; i < count; ++i) stack[1 + i] = PyTuple_GET_ITEM(args, i);
    return PyObject_VectorcallMethod(construct_name, stack, static_cast<size_t>(1 + count), nullptr);
  }
  PyObject* construct = PyObject_GetAttr(self, construct_name);
  if (!construct) return nullptr;
  PyObject* result = PyObject_Call(construct, args, keywords);
  Py_DECREF(construct);
  return result;
}

/// Takes the Python error that is set, and sets it again in the end: another one, where somebody ends the program
/// meanwhile.
class TakenError {
 public:
#if PY_VERSION_HEX >= 0x030C0000
  TakenError() : value_(PyErr_GetRaisedException()) {}
#else
  TakenError() {
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace) PyException_SetTraceback(value, trace);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    value_ = Owned(value);
  }
#endif
  ~TakenError() {
    if (PyErr_Occurred()) {
      if (!PyErr_ExceptionMatches(PyExc_Exception)) return;
      PyErr_Clear();
    }
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(value_.release());
#else
    PyObject* value = value_.release();
    PyErr_Restore(Py_NewRef(Py_TYPE(value)), value, PyException_GetTraceback(value));
#endif
  }
  TakenError(const TakenError&) = delete;
  TakenError& operator=(const TakenError&) = delete;
  PyObject* value() const { return value_.get(); }

 private:
  Owned value_;
};

/// Has the error that leaves a call tell which cell that was, and what it was given.
[[gnu::cold, gnu::noinline]] void note_failure(PyObject* self, PyObject* args, PyObject* keywords) {
  if (!PyErr_ExceptionMatches(PyExc_Exception)) return;
  const TakenError error;
  guarded_int([&] {
    PyObject* note = python_function("adcore.nn.failures", "note");
    const Owned done(checked(calling_python([&] {
      return PyObject_CallFunctionObjArgs(note, error.value(), self, args, keywords ? keywords : Py_None, nullptr);
    })));
    return 0;
  });
}

PyObject* cell_call(PyObject* self, PyObject* args, PyObject* keywords) {
  PyObject* result = call_construct(self, args, keywords);
  if (!result) [[unlikely]] {
    note_failure(self, args, keywords);
    return nullptr;
  }
  if (!is_async(result)) return result;
  return guarded([&]() -> PyObject* {
    const Owned held(result);
    require_computed(result, text(Py_TYPE(self)->tp_name, ".construct").c_str());
    return nullptr;
  });
}

PyType_Slot kSlots[] = {{Py_tp_doc, const_cast<char*>("What calls construct; the base of adcore.nn.Cell.")},
                        {Py_tp_call, reinterpret_cast<void*>(cell_call)},
                        {0, nullptr}};
PyType_Spec kSpec{"adcore._core.CellBase", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, kSlots};

}  // namespace

int init_cell(PyObject* module) {
  construct_name = PyUnicode_InternFromString("construct");
  const Owned type(construct_name ? PyType_FromSpec(&kSpec) : nullptr);
  return type ? PyModule_AddObjectRef(module, "CellBase", type.get()) : -1;
}

}  // namespace adcore::python
