// Namespace: a module that has a `__getattr__` and is read as quickly as one that has none.
//
// From Python 3.11 on, the interpreter remembers where a module keeps a name, but not for a module that has a
// `__getattr__`: each read looks through the module's type first, and takes as long as a third of a small op. Here a read
// looks into the module's dict; what is not there takes the usual way. Nothing that the type of modules defines is hidden
// but by a name that was put into the dict on purpose.

#include "python/object.h"

namespace adcore::python {
namespace {

PyObject* namespace_getattro(PyObject* self, PyObject* name) {
  // What PyModule_GetDict gives, without its look at the type.
  PyObject* const dict = *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + PyModule_Type.tp_dictoffset);
  PyObject* const found = PyDict_GetItemWithError(dict, name);
  if (found) return Py_NewRef(found);
  return PyErr_Occurred() ? nullptr : PyModule_Type.tp_getattro(self, name);
}

int namespace_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return PyModule_Type.tp_traverse(self, visit, arg);
}
int namespace_clear(PyObject* self) { return PyModule_Type.tp_clear(self); }

/// Pickled as what is imported by its name: what pickles functions by value knows plain modules alone.
PyObject* namespace_reduce(PyObject* self, PyObject*) {
  const Owned library(PyImport_ImportModule("importlib"));
  const Owned import(library ? PyObject_GetAttrString(library.get(), "import_module") : nullptr);
  const Owned name(import ? PyModule_GetNameObject(self) : nullptr);
  return name ? Py_BuildValue("O(O)", import.get(), name.get()) : nullptr;
}

PyMethodDef kMethods[] = {
    {"__reduce__", namespace_reduce, METH_NOARGS, "__reduce__($self, /)\n--\n\nThe import of it."},
    {nullptr, nullptr, 0, nullptr}};
PyType_Slot kSlots[] = {
    {Py_tp_doc, const_cast<char*>("A module that has a __getattr__, and whose names are read at once.")},
    {Py_tp_getattro, reinterpret_cast<void*>(namespace_getattro)},
    {Py_tp_methods, kMethods},
    {Py_tp_traverse, reinterpret_cast<void*>(namespace_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(namespace_clear)},
    {0, nullptr}};
PyType_Spec kSpec{"adcore._core.Namespace", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
                  kSlots};

}  // namespace

int init_namespace(PyObject* module) {
  const Owned bases(PyTuple_Pack(1, &PyModule_Type));
  const Owned type(bases ? PyType_FromSpecWithBases(&kSpec, bases.get()) : nullptr);
  return type ? PyModule_AddObjectRef(module, "Namespace", type.get()) : -1;
}

}  // namespace adcore::python
