// The dtype objects: one constant per element type, compared by identity.

#include "python/object.h"

namespace adcore::python {
namespace {

struct DTypeObject {
  PyObject_HEAD DType dtype;
};

PyTypeObject* dtype_type = nullptr;
PyObject* objects[kDTypeCount] = {};

DType dtype_of(PyObject* self) { return reinterpret_cast<DTypeObject*>(self)->dtype; }
const DTypeInfo& info_of(PyObject* self) { return info(dtype_of(self)); }

PyObject* dtype_repr(PyObject* self) { return PyUnicode_FromFormat("adcore.%s", info_of(self).python); }
PyObject* dtype_str(PyObject* self) { return PyUnicode_FromString(info_of(self).name); }

PyObject* dtype_reduce(PyObject* self, PyObject*) {
  return guarded([&] {
    return checked(Py_BuildValue("(O(s))", python_function("adcore._core", "dtype_named"), info_of(self).python));
  });
}

PyObject* dtype_itemsize(PyObject* self, void*) { return PyLong_FromLong(info_of(self).size); }
PyObject* dtype_name(PyObject* self, void*) { return PyUnicode_FromString(info_of(self).python); }
PyObject* dtype_is_floating_point(PyObject* self, void*) { return PyBool_FromLong(is_float(dtype_of(self))); }
PyObject* dtype_is_integer(PyObject* self, void*) { return PyBool_FromLong(is_integer(dtype_of(self))); }

PyMethodDef kMethods[] = {{"__reduce__", dtype_reduce, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
PyGetSetDef kGetSet[] = {
    {"itemsize", dtype_itemsize, nullptr, "Bytes of one element.", nullptr},
    {"name", dtype_name, nullptr, "Name of the attribute of the package.", nullptr},
    {"is_floating_point", dtype_is_floating_point, nullptr, "Whether elements are floating-point numbers.", nullptr},
    {"is_integer", dtype_is_integer, nullptr, "Whether elements are integers, with or without sign; bool is none.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot kSlots[] = {
    {Py_tp_repr, reinterpret_cast<void*>(dtype_repr)},
    {Py_tp_str, reinterpret_cast<void*>(dtype_str)},
    {Py_tp_methods, kMethods},
    {Py_tp_getset, kGetSet},
    {Py_tp_doc,
     const_cast<char*>("An element type, such as adcore.float32; compared by identity.\n\nExamples\n--------\n>>> "
                       "import adcore\n>>> adcore.Tensor([1.0]).dtype is adcore.float32\nTrue\n")},
    {0, nullptr}};
PyType_Spec kSpec{"adcore._core.dtype", sizeof(DTypeObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                  kSlots};

PyObject* find(std::string_view name) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const std::string_view full = kDTypes[i].python;
    if (full == name || (full == "bool_" && name == "bool")) return objects[i];
  }
  return nullptr;
}

}  // namespace

PyObject* dtype_object(DType t) noexcept { return objects[static_cast<int>(t)]; }

PyObject* dtype_named(std::string_view name) {
  PyObject* o = find(name);
  if (!o) fail(ErrorKind::Type, "there is no dtype called '", name, "'.");
  return o;
}

DType dtype_from(PyObject* o, std::string_view op) {
  if (Py_TYPE(o) == dtype_type) return dtype_of(o);
  if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::Float32;
  if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::Int64;
  if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::Bool;
  // NumPy's dtypes and scalar classes, and plain names.
  Owned name =
      PyUnicode_Check(o) ? Owned::copy(o) : Owned(PyObject_GetAttrString(o, PyType_Check(o) ? "__name__" : "name"));
  if (!name) PyErr_Clear();
  const char* utf8 = name && PyUnicode_Check(name.get()) ? PyUnicode_AsUTF8(name.get()) : nullptr;
  if (!utf8) PyErr_Clear();
  if (PyObject* found = utf8 ? find(utf8) : nullptr) return dtype_of(found);
  const Owned repr(checked(PyObject_Repr(o)));
  const char* shown = PyUnicode_AsUTF8(repr.get());
  fail(ErrorKind::Type, op, ": ", shown ? shown : "?", " is not a dtype; use one of adcore, such as adcore.float32.");
}

int init_dtype(PyObject* module) {
  dtype_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&kSpec));
  if (!dtype_type || PyModule_AddObjectRef(module, "dtype", reinterpret_cast<PyObject*>(dtype_type)) < 0) return -1;
  for (int i = 0; i < kDTypeCount; ++i) {
    auto* o = PyObject_New(DTypeObject, dtype_type);
    if (!o) return -1;
    o->dtype = static_cast<DType>(i);
    objects[i] = reinterpret_cast<PyObject*>(o);
    if (PyModule_AddObjectRef(module, kDTypes[i].python, objects[i]) < 0) return -1;
  }
  return 0;
}

}  // namespace adcore::python
