// The base of adcore.nn.Cell: calling a cell calls its method construct, without a Python frame between.
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

PyObject* cell_call(PyObject* self, PyObject* args, PyObject* keywords) {
  PyObject* result = call_construct(self, args, keywords);
  if (!result || !is_async(result)) return result;
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
