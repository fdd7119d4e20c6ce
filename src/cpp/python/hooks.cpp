// Hooks on the inputs of transforms; adcore/transforms/hooks.py keeps them.
#include "python/bindings.h"

namespace py = pybind11;

namespace adcore::python {

bool any_hooks = false;

PyObject* hooked_input(PyObject* given, PyObject* fresh, Level& level) {
  if (!any_hooks) return fresh;
  const Owned held(fresh);
  PyObject* attach = python_function("adcore.transforms.hooks", "attached");
  Owned hooked(checked(PyObject_CallFunctionObjArgs(attach, given, fresh, nullptr)));
  if (hooked.get() != fresh && is_parameter(given)) {
    level.parameter_reads(reinterpret_cast<ParameterObject*>(given)->number, value_of(hooked.get()).ref().slot);
  }
  return hooked.release();
}

void bind_hooks(py::module_& m) {
  m.def(
      "place",
      [](const py::object& t) {
        if (is_parameter(t.ptr())) return py::tuple(py::make_tuple(0, 0));
        const TapeRef ref = value_of(tensor_object(t)).ref();
        return py::tuple(py::make_tuple(ref.tape, ref.slot));
      },
      py::arg("tensor"));
  m.def("has_hooks", [] { any_hooks = true; });
}

}  // namespace adcore::python
