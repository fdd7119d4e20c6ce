// Containers of tensors: nested tuples, named tuples, lists, dicts, dataclasses. Anything else is a leaf.
#include "python/bindings.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

class Depth {
 public:
  Depth() {
    if (Py_EnterRecursiveCall(" while walking nested containers of tensors")) throw PythonError{};
  }
  ~Depth() { Py_LeaveRecursiveCall(); }
};

/// The fields of a dataclass instance, or an empty reference.
Owned dataclass_fields(PyObject* o) {
  if (is_tensor(o) || PyType_Check(o) || PyCallable_Check(o)) return Owned();
  Owned fields(PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(o)), "__dataclass_fields__"));
  if (!fields) PyErr_Clear();
  return fields && PyDict_Check(fields.get()) ? std::move(fields) : Owned();
}

PyObject* map_tuple(PyObject* tree, FunctionRef<PyObject*(PyObject*)> f) {
  const Py_ssize_t n = PyTuple_GET_SIZE(tree);
  Owned out(checked(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(out.get(), i, checked(tree_map(PyTuple_GET_ITEM(tree, i), f)));
  if (PyTuple_CheckExact(tree)) return out.release();
  PyObject* type = reinterpret_cast<PyObject*>(Py_TYPE(tree));
  if (PyObject_HasAttrString(type, "_fields")) return checked(PyObject_CallObject(type, out.get()));
  return out.release();  // another subclass of tuple, such as ParameterTuple: its elements may not fit it any more
}

PyObject* map_list(PyObject* tree, FunctionRef<PyObject*(PyObject*)> f) {
  Owned out(checked(PyList_New(0)));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(tree); ++i) {
    const Owned held = Owned::copy(PyList_GET_ITEM(tree, i));  // f may change the list
    const Owned item(checked(tree_map(held.get(), f)));
    if (PyList_Append(out.get(), item.get()) < 0) throw PythonError{};
  }
  return out.release();
}

PyObject* map_dict(PyObject* tree, FunctionRef<PyObject*(PyObject*)> f) {
  Owned out(checked(PyDict_New()));
  const Owned items(checked(PyDict_Copy(tree)));  // f may change the dict
  PyObject *key, *value;
  for (Py_ssize_t i = 0; PyDict_Next(items.get(), &i, &key, &value);) {
    const Owned mapped(checked(tree_map(value, f)));
    if (PyDict_SetItem(out.get(), key, mapped.get()) < 0) throw PythonError{};
  }
  return out.release();
}

PyObject* map_dataclass(PyObject* tree, PyObject* fields, FunctionRef<PyObject*(PyObject*)> f) {
  const Owned copy_module(checked(PyImport_ImportModule("copy")));
  Owned out(checked(PyObject_CallMethod(copy_module.get(), "copy", "O", tree)));
  PyObject *name, *unused;
  for (Py_ssize_t i = 0; PyDict_Next(fields, &i, &name, &unused);) {
    const Owned value(checked(PyObject_GetAttr(tree, name)));
    const Owned mapped(checked(tree_map(value.get(), f)));
    // As dataclasses do for frozen instances: past the class's own __setattr__.
    if (PyObject_GenericSetAttr(out.get(), name, mapped.get()) < 0) throw PythonError{};
  }
  return out.release();
}

/// A coroutine that never ran warns at its end that nobody awaited it; who gets an error for it knows.
void close_unstarted(PyObject* o) {
  if (!PyCoro_CheckExact(o)) return;
  for (const char* state : {"cr_running", "cr_suspended"}) {
    const Owned is(checked(PyObject_GetAttrString(o, state)));
    if (is.get() != Py_False) return;
  }
  const Owned closed(checked(PyObject_CallMethod(o, "close", nullptr)));
}

}  // namespace

PyObject* tree_map(PyObject* tree, FunctionRef<PyObject*(PyObject*)> f) {
  if (is_tensor(tree)) return f(tree);
  const Depth depth;
  if (PyTuple_Check(tree)) return map_tuple(tree, f);
  if (PyList_Check(tree)) return map_list(tree, f);
  if (PyDict_Check(tree)) return map_dict(tree, f);
  if (const Owned fields = dataclass_fields(tree)) return map_dataclass(tree, fields.get(), f);
  return f(tree);
}

void tree_visit(PyObject* tree, FunctionRef<void(PyObject*)> f) {
  if (is_tensor(tree)) return f(tree);
  const Depth depth;
  if (PyTuple_Check(tree)) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tree); ++i) tree_visit(PyTuple_GET_ITEM(tree, i), f);
  } else if (PyList_Check(tree)) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(tree); ++i) tree_visit(Owned::copy(PyList_GET_ITEM(tree, i)).get(), f);
  } else if (PyDict_Check(tree)) {
    const Owned items(checked(PyDict_Copy(tree)));
    PyObject *key, *value;
    for (Py_ssize_t i = 0; PyDict_Next(items.get(), &i, &key, &value);) tree_visit(value, f);
  } else if (const Owned fields = dataclass_fields(tree)) {
    PyObject *name, *unused;
    for (Py_ssize_t i = 0; PyDict_Next(fields.get(), &i, &name, &unused);) {
      const Owned value(checked(PyObject_GetAttr(tree, name)));
      tree_visit(value.get(), f);
    }
  } else {
    f(tree);
  }
}

bool is_async(PyObject* o) noexcept {
  const PyAsyncMethods* methods = Py_TYPE(o)->tp_as_async;
  return methods && (methods->am_await || methods->am_anext);
}

void require_computed(PyObject* leaf, const char* name) {
  if (!PyIter_Check(leaf) && !is_async(leaf)) return;
  close_unstarted(leaf);
  fail(ErrorKind::Type, name, ": the function's result is or holds a '", Py_TYPE(leaf)->tp_name,
       "' object, which computes later; return Tensors, or containers of them.");
}

void bind_tree(py::module_& m) {
  m.def(
      "tree_map",
      [](const py::function& f, const py::object& tree) {
        return steal(tree_map(
            tree.ptr(), [&](PyObject* leaf) { return f(py::reinterpret_borrow<py::object>(leaf)).release().ptr(); }));
      },
      py::arg("f"), py::arg("tree"));
  m.def(
      "tree_leaves",
      [](const py::object& tree) {
        py::list leaves;
        tree_visit(tree.ptr(), [&](PyObject* leaf) { leaves.append(py::reinterpret_borrow<py::object>(leaf)); });
        return leaves;
      },
      py::arg("tree"));
  m.def(
      "tree_fill",
      [](const py::object& tree, const py::list& leaves) {
        size_t next = 0;
        return steal(tree_map(tree.ptr(), [&](PyObject*) {
          if (next >= leaves.size()) fail(ErrorKind::Value, "a container changed its length meanwhile.");
          return py::object(leaves[next++]).release().ptr();
        }));
      },
      py::arg("tree"), py::arg("leaves"));
  m.def(
      "require_computed",
      [](const char* name, const py::object& result) {
        tree_visit(result.ptr(), [name](PyObject* leaf) { require_computed(leaf, name); });
      },
      "Raise where a leaf of a function's result is a generator, a coroutine or another iterator.", py::arg("name"),
      py::arg("result"));
  m.def(
      "are_alike",
      [](const py::object& a, const py::object& b) {
        return is_tensor(a.ptr()) && is_tensor(b.ptr()) && value_of(a.ptr()).shape() == value_of(b.ptr()).shape() &&
               value_of(a.ptr()).dtype() == value_of(b.ptr()).dtype();
      },
      "True for two tensors of one shape and dtype.", py::arg("a"), py::arg("b"));
}

}  // namespace adcore::python
