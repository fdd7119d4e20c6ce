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

/// Pickles of a dtype lead here.
PyObject* dtype_named(PyObject*, PyObject* name) {
  return guarded([&] {
    if (!PyUnicode_Check(name))
      fail(ErrorKind::Type, "the name of a dtype is a str, not a ", Py_TYPE(name)->tp_name, ".");
    Py_ssize_t length;
    const char* const utf8 = PyUnicode_AsUTF8AndSize(name, &length);
    if (!utf8) throw PythonError{};
    const std::string_view text(utf8, static_cast<size_t>(length));
    PyObject* const o = find(text);
    if (!o) fail(ErrorKind::Type, "there is no dtype called '", text, "'.");
    return Py_NewRef(o);
  });
}
PyMethodDef kFunctions[] = {
    {"dtype_named", dtype_named, METH_O,
     "dtype_named($module, name: str, /)\n--\n\nThe dtype of that name.\n\nReturns\n-------\ndtype"},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyObject* dtype_object(DType t) noexcept { return objects[static_cast<int>(t)]; }

DType dtype_from(PyObject* o, std::string_view op) {
  if (Py_TYPE(o) == dtype_type) return dtype_of(o);
  if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::Float32;
  if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::Int64;
  if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::Bool;
  // NumPy's dtypes and scalar classes, and plain names.
  const Owned name = PyUnicode_Check(o) ? Owned::copy(o) : attribute_of(o, PyType_Check(o) ? "__name__" : "name");
  const char* utf8 = name && PyUnicode_Check(name.get()) ? PyUnicode_AsUTF8(name.get()) : nullptr;
  if (!utf8) clear_answer();
  if (PyObject* found = utf8 ? find(utf8) : nullptr) return dtype_of(found);
  const Owned repr(checked(PyObject_Repr(o)));
  const char* shown = PyUnicode_AsUTF8(repr.get());
  const std::string_view word = utf8 ? utf8 : "";
  const bool device = word == "cpu" || word == "gpu" || word == "mps" || word.starts_with("cuda");
  fail(ErrorKind::Type, op, ": ", shown ? shown : "?", " is not a dtype; ",
       device ? "there is one device, the CPU." : "use one of adcore, such as adcore.float32.");
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
  return PyModule_AddFunctions(module, kFunctions);
}

}  // namespace adcore::python
