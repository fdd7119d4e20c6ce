// The parts of the module that pybind11 binds, one function per file, and what these files share.
#pragma once

#include <pybind11/pybind11.h>

#include "python/object.h"

namespace adcore::python {

void bind_callback(pybind11::module_& m);
void bind_dlpack(pybind11::module_& m);
void bind_hooks(pybind11::module_& m);
void bind_outline(pybind11::module_& m);
void bind_recompute(pybind11::module_& m);
void bind_rules(pybind11::module_& m);
void bind_scopes(pybind11::module_& m);
void bind_stored(pybind11::module_& m);
void bind_trace(pybind11::module_& m);
void bind_tree(pybind11::module_& m);

/// Takes over a new reference.
inline pybind11::object steal(PyObject* o) { return pybind11::reinterpret_steal<pybind11::object>(checked(o)); }

inline PyObject* tensor_object(const pybind11::handle& o) { return tensor_object(o.ptr()); }
/// The value, tracked where it is.
inline Tensor tensor_of(const pybind11::handle& o) { return tracked_value(tensor_object(o)); }

/// kwargs may be None.
inline pybind11::object call(const pybind11::object& fn, const pybind11::tuple& args, const pybind11::object& kwargs) {
  return steal(
      calling_python([&] { return PyObject_Call(fn.ptr(), args.ptr(), kwargs.is_none() ? nullptr : kwargs.ptr()); }));
}

}  // namespace adcore::python
