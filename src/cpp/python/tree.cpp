// Containers of tensors: nested tuples, named tuples, lists, dicts, dataclasses. Anything else is a leaf.
#include "python/bindings.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

using Leaf = FunctionRef<PyObject*(PyObject*)>;

Owned shallow_copy(PyObject* o) {
  const Owned copy_module(checked(PyImport_ImportModule("copy")));
  return Owned(checked(PyObject_CallMethod(copy_module.get(), "copy", "O", o)));
}

/// A tuple of the class of another one, with what was set on that.
PyObject* tuple_like(PyObject* tree, const Owned& items) {
  PyObject* const type = reinterpret_cast<PyObject*>(Py_TYPE(tree));
  const Owned make(checked(PyObject_GetAttrString(reinterpret_cast<PyObject*>(&PyTuple_Type), "__new__")));
  Owned out(checked(PyObject_CallFunctionObjArgs(make.get(), type, items.get(), nullptr)));
  if (const Owned set = attribute_of(tree, "__dict__")) {
    const Owned own(checked(PyObject_GetAttrString(out.get(), "__dict__")));
    if (PyDict_Update(own.get(), set.get()) < 0) throw PythonError{};
  }
  return out.release();
}

PyObject* map_tuple(PyObject* tree, Leaf f, Containers containers) {
  const Py_ssize_t n = PyTuple_GET_SIZE(tree);
  Owned out(checked(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i)
    PyTuple_SET_ITEM(out.get(), i, checked(tree_map(PyTuple_GET_ITEM(tree, i), f, containers)));
  if (PyTuple_CheckExact(tree)) return out.release();
  PyObject* type = reinterpret_cast<PyObject*>(Py_TYPE(tree));
  if (attribute_of(type, "_fields")) return checked(PyObject_CallObject(type, out.get()));
  if (containers == Containers::OfTheirClass) return tuple_like(tree, out);
  return out.release();  // another subclass of tuple, such as ParameterTuple: its elements may not fit it any more
}

PyObject* map_list(PyObject* tree, Leaf f, Containers containers) {
  Owned out(checked(PyList_New(0)));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(tree); ++i) {
    const Owned held = Owned::copy(PyList_GET_ITEM(tree, i));  // f may change the list
    const Owned item(checked(tree_map(held.get(), f, containers)));
    if (PyList_Append(out.get(), item.get()) < 0) throw PythonError{};
  }
  if (PyList_CheckExact(tree) || containers == Containers::Plain) return out.release();
  Owned like = shallow_copy(tree);
  if (!PyList_Check(like.get())) fail(ErrorKind::Type, "a copy of a '", Py_TYPE(tree)->tp_name, "' object is no list.");
  if (PyList_SetSlice(like.get(), 0, PyList_GET_SIZE(like.get()), out.get()) < 0) throw PythonError{};
  return like.release();
}

PyObject* map_dict(PyObject* tree, Leaf f, Containers containers) {
  const Owned items(checked(PyDict_Copy(tree)));  // f may change the dict
  const bool plain = PyDict_CheckExact(tree) || containers == Containers::Plain;
  Owned out = plain ? Owned(checked(PyDict_New())) : shallow_copy(tree);
  if (!PyDict_Check(out.get())) fail(ErrorKind::Type, "a copy of a '", Py_TYPE(tree)->tp_name, "' object is no dict.");
  PyObject *key, *value;
  for (Py_ssize_t i = 0; PyDict_Next(items.get(), &i, &key, &value);) {
    const Owned mapped(checked(tree_map(value, f, containers)));
    if (PyDict_SetItem(out.get(), key, mapped.get()) < 0) throw PythonError{};
  }
  return out.release();
}

PyObject* map_dataclass(PyObject* tree, PyObject* fields, Leaf f, Containers containers) {
  Owned out = shallow_copy(tree);
  PyObject *name, *unused;
  for (Py_ssize_t i = 0; PyDict_Next(fields, &i, &name, &unused);) {
    const Owned value(checked(PyObject_GetAttr(tree, name)));
    const Owned mapped(checked(tree_map(value.get(), f, containers)));
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

using Held = std::vector<Owned>;

/// What an object refers to, as the garbage collector sees it: no code of the user runs.
Held referents(PyObject* o) {
  Held found;
  if (traverseproc traverse = Py_TYPE(o)->tp_traverse) {
    const auto keep = [](PyObject* referent, void* into) {
      static_cast<Held*>(into)->push_back(Owned::copy(referent));
      return 0;
    };
    traverse(o, keep, &found);
  }
  return found;
}

bool is_container(PyObject* o) {
  return PyTuple_Check(o) || PyList_Check(o) || PyDict_Check(o) || PyAnySet_Check(o) || PyDictViewSet_Check(o) ||
         PyDictValues_Check(o);
}

/// True where a leaf, or a container that it holds, refers to a tensor that is being differentiated or mapped.
bool hides_tensor(PyObject* o, int depth = 0) {
  constexpr int kDeep = 8;
  if (is_tensor(o)) return is_differentiated(o) || value_of(o).boxed();
  if (depth > kDeep || (depth > 0 && !is_container(o))) return false;
  for (const Owned& held : referents(o))
    if (hides_tensor(held.get(), depth + 1)) return true;
  return false;
}

/// True for an array of objects one of which is a tensor that is being differentiated or mapped.
bool is_array_of_tensors(PyObject* o) {
  const Owned dtype = attribute_of(o, "dtype");
  const Owned kind = dtype ? attribute_of(dtype.get(), "kind") : Owned();
  if (!kind || !PyUnicode_Check(kind.get()) || PyUnicode_CompareWithASCIIString(kind.get(), "O") != 0) return false;
  const Owned list(checked(PyObject_CallMethod(o, "tolist", nullptr)));
  return hides_tensor(list.get());
}

}  // namespace

Owned dataclass_fields(PyObject* o) {
  if (is_tensor(o) || PyType_Check(o) || PyCallable_Check(o)) return Owned();
  const Owned fields = attribute_of(reinterpret_cast<PyObject*>(Py_TYPE(o)), "__dataclass_fields__");
  if (!fields || !PyDict_Check(fields.get())) return Owned();
  return Owned(checked(PyDict_Copy(fields.get())));  // reading a field may run code that changes them
}

PyObject* tree_map(PyObject* tree, FunctionRef<PyObject*(PyObject*)> f, Containers containers) {
  if (is_tensor(tree)) return f(tree);
  const Nested nested;
  if (PyTuple_Check(tree)) return map_tuple(tree, f, containers);
  if (PyList_Check(tree)) return map_list(tree, f, containers);
  if (PyDict_Check(tree)) return map_dict(tree, f, containers);
  if (const Owned fields = dataclass_fields(tree)) return map_dataclass(tree, fields.get(), f, containers);
  return f(tree);
}

void tree_visit(PyObject* tree, FunctionRef<void(PyObject*)> f) {
  if (is_tensor(tree)) return f(tree);
  const Nested nested;
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

void require_result(PyObject* leaf, const char* name) {
  if (is_tensor(leaf) || leaf == Py_None || is_number(leaf) || PyUnicode_Check(leaf)) return;
  require_computed(leaf, name);
  // What can be called is no result: a network, a function that keeps tensors for later.
  if (PyCallable_Check(leaf) || PyModule_Check(leaf)) return;
  if (is_array(leaf) ? is_array_of_tensors(leaf) : hides_tensor(leaf)) {
    fail(ErrorKind::Type, name, ": the function's result is or holds a '", Py_TYPE(leaf)->tp_name,
         "' object with Tensors in it, where no derivative is seen; return tuples, lists, dicts or dataclasses of "
         "Tensors.");
  }
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
      "require_result",
      [](const char* name, const py::object& result) {
        tree_visit(result.ptr(), [name](PyObject* leaf) { require_result(leaf, name); });
      },
      "Raise where a leaf of a function's result computes later, or hides tensors that are being differentiated.",
      py::arg("name"), py::arg("result"));
  m.def(
      "stands_for_tensor", [](const py::object& leaf) { return stands_for_tensor(leaf.ptr()); },
      "True for a Tensor, a float or an array: what stands for a tensor where one is differentiated.", py::arg("leaf"));
  m.def(
      "derivative_dtype",
      [](const py::object& t) {
        return py::reinterpret_borrow<py::object>(
            dtype_object(derivative_dtype(value_of(tensor_object(t.ptr())).dtype())));
      },
      "The dtype of the cotangents and tangents of a tensor.", py::arg("tensor"));
  m.def(
      "is_array", [](const py::object& o) { return is_array(o.ptr()); },
      "True for what is an array of numbers to NumPy, but no Tensor.", py::arg("o"));
  m.def(
      "is_number", [](const py::object& o) { return is_number(o.ptr()); },
      "True for numbers of Python and NumPy, bool among them.", py::arg("o"));
  m.def(
      "warn_detached",
      [](const py::object& t, const char* how, int frames) { warn_detached(tensor_object(t.ptr()), how, frames); },
      "Warn where numbers leave a value that is being differentiated.", py::arg("tensor"), py::arg("how"),
      py::arg("frames"));
  m.def(
      "are_alike",
      [](const py::object& a, const py::object& b) {
        return is_tensor(a.ptr()) && is_tensor(b.ptr()) && value_of(a.ptr()).shape() == value_of(b.ptr()).shape() &&
               derivative_dtype(value_of(a.ptr()).dtype()) == value_of(b.ptr()).dtype();
      },
      "True where b is a tensor with the shape and dtype of a cotangent of tensor a.", py::arg("a"), py::arg("b"));
}

}  // namespace adcore::python
